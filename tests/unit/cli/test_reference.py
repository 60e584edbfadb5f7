#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/reference/cli.md is what `skep reference` prints; the manual page is sound: test_reference.py SKEP SOURCE."""
import difflib
import pathlib
import re
import shutil
import subprocess
import sys

skep, source = sys.argv[1], pathlib.Path(sys.argv[2])
now = subprocess.run([skep, "reference"], capture_output=True, text=True, check=True).stdout
page = (source / "docs/reference/cli.md").read_text()
if now != page:
    sys.stdout.writelines(difflib.unified_diff(page.splitlines(True), now.splitlines(True), "docs/reference/cli.md", "skep reference"))
    sys.exit("docs/reference/cli.md is stale: build/skep reference > docs/reference/cli.md")

man = subprocess.run([skep, "man"], capture_output=True, text=True, check=True).stdout
commands = re.findall(r"^### skep (.+)$", now, re.M)
assert len(commands) > 50, "the reference has hardly any commands"
for command in commands:
    assert f".SS skep {command}".replace("-", "\\-") in man, f"{command} is not in the manual page"
if shutil.which("groff"):
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=man, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
