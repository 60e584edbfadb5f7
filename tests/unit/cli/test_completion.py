#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The completion scripts in their shells, against a fake daemon: test_completion.py SKEP.  TAP.

A shell that is not installed is skipped by name.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "fakes"))
import rest  # noqa: E402

SKEP = os.path.abspath(sys.argv[1])

# Line to complete and what must be offered; the line ends where the cursor is.
LINES = [
    (["st"], ["start", "stats"]),
    (["disk", ""], ["attach", "commit", "content", "copy", "detach", "job", "job-end", "job-speed", "ls", "pull", "resize", "threshold"]),
    (["start", "w"], ["web1"]),
    (["--root", "x", "start", "--pau"], ["--paused"]),
    (["ls", "--state", "ru"], ["running"]),
    (["disk", "detach", "web1", ""], ["sda", "vda"]),
    (["image", "import", "one-"], ["one-file"]),
]

BASH = r"""
source <(skep completion bash)
COMP_WORDS=(skep "$@") COMP_CWORD=$#
_skep
printf '%s\n' "${COMPREPLY[@]}"
"""
# Only what the function gives to compadd and _files can be seen without a terminal.
ZSH = r"""
compdef() { : }
compadd() { shift; print -l -- "$@" }
_files() { print -l -- ${words[CURRENT]}*(N) }
skep completion zsh > script.zsh; source ./script.zsh
words=(skep "$@"); CURRENT=$(( $# + 1 ))
_skep
"""
FISH = r"""
skep completion fish | source
complete -C (string join ' ' -- skep $argv) | string replace -r '\t.*' ''
"""
SHELLS = {"bash": ["bash", "-c", BASH, "bash"], "zsh": ["zsh", "-f", "-c", ZSH, "zsh"], "fish": ["fish", "--no-config", "-c", FISH, "--"]}


def offered(shell, words, work):
    env = {"PATH": os.path.dirname(SKEP) + ":" + os.environ["PATH"], "HOME": work, "SKEP_SOCKET": work + "/sock", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(SHELLS[shell] + words, env=env, cwd=work, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    return sorted(filter(None, done.stdout.splitlines())), done.stderr


def main():
    print(f"1..{len(SHELLS) * len(LINES)}")
    number, failed = 0, 0
    with tempfile.TemporaryDirectory() as work:
        open(work + "/one-file", "w").close()
        rest.serve(work + "/sock", work + "/log")
        for shell in SHELLS:
            for words, want in LINES:
                number += 1
                # With --root the daemon that the line names is asked; only options are completed there.
                if shutil.which(shell) is None:
                    print(f"ok {number} - {shell} # SKIP {shell} is not installed")
                    continue
                have, errors = offered(shell, words, work)
                good = have == want
                failed += not good
                print(f"{'ok' if good else 'not ok'} {number} - {shell}: skep {' '.join(words)}" + ("" if good else f"\n# {have} {errors}"))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
