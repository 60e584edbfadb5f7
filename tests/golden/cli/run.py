#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the transcripts in this folder against a skep and a fake daemon, and compares.

    run.py SKEP [--update] [NAME...]

A transcript has lines "$ skep ..." (a shell command line), each followed by what it printed: standard
output as it is, standard error with "! " before, requests the daemon got with "> ", and
"[exit N]" if N is not 0.  --update writes what is printed now.
"""
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "fakes"))
import rest  # noqa: E402


def run(line, skep, work, log):
    env = {"PATH": os.environ["PATH"], "HOME": str(work / "home"), "TZ": "UTC", "LC_ALL": "C.UTF-8", "TMPDIR": str(work),
           "SKEP_SOCKET": str(work / "sock")}
    open(log, "w").close()
    command = 'skep() { "%s" "$@"; }\n%s' % (skep, line)
    done = subprocess.run(["bash", "-c", command], env=env, cwd=work, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    text = [done.stdout.decode("utf-8", "replace")]
    if text[0] and not text[0].endswith("\n"):
        text.append("\n")
    text += ["! %s\n" % at for at in done.stderr.decode().splitlines()]
    text += ["> %s\n" % at for at in open(log).read().splitlines()]
    if done.returncode:
        text.append("[exit %d]\n" % done.returncode)
    out = "".join(text).replace(str(work), "WORK").replace("\r", "<CR>")
    out = re.sub(r"(skep-\w+)-\w{6}\.json", r"\1-X.json", out)
    return re.sub(r"(> GET /v1/jobs/.*\n)\1+", r"\1", out)  # how often it looks is a matter of time


def prepare(work):
    (work / "home").mkdir()
    (work / "key.pub").write_text("# mine\nssh-ed25519 AAAA bee@hive\n")
    (work / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (work / "password").write_text("secret\n")
    (work / "disk.img").write_bytes(b"x" * 100000)
    (work / "base.json").write_text('{"name": "base", "machine": "pc", "disks": [{"size": 1073741824}]}')
    (work / "bad.json").write_text('{"name": }')
    edit = work / "edit"
    edit.write_text("#!/bin/sh\nsed -i 's/\"autostart\": true/\"autostart\": false/; s/\"current\": 1,/\"current\": 3,/' \"$1\"\n")
    edit.chmod(0o755)


def main():
    arguments = sys.argv[1:]
    update = "--update" in arguments
    arguments = [at for at in arguments if at != "--update"]
    skep, names = os.path.abspath(arguments[0]), arguments[1:]
    failed = 0
    for path in sorted(HERE.glob("*.txt")):
        if names and path.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            work = pathlib.Path(folder)
            prepare(work)
            log = str(work / "log")
            server = rest.serve(str(work / "sock"), log)
            want = path.read_text()
            lines = [at for at in want.splitlines() if at.startswith(("$ ", "# "))]
            have = "\n".join(at + "\n" + (run(at[2:], skep, work, log) if at[0] == "$" else "") for at in lines)
            server.shutdown()
        if update:
            path.write_text(have)
        elif have != want:
            failed += 1
            sys.stdout.writelines(difflib.unified_diff(want.splitlines(True), have.splitlines(True), str(path), "now"))
    print("%s" % ("updated" if update else "%d transcripts differ" % failed if failed else "all transcripts agree"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
