#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Titles of commits: "area: what it does", short, without a full stop. Skipped where there is no git."""
import re
import shutil
import subprocess
import sys

import source

# Aim for under 60; this is the tripwire.
LENGTH_MAX = 72
# Too long, and seen only once they were on main, which only moves forward. Not a place for more.
DELIVERED = ("3bb36dda555a", "3884250e4aad")
TITLE = re.compile(r"^[a-z0-9][a-z0-9/._-]*(, [a-z0-9/._-]+)*: \S.*[^.\s]$")


def check(title):
    """What is wrong with a title, or None."""
    if not TITLE.match(title):
        return "give \"area: what it does\", without a full stop"
    if len(title) > LENGTH_MAX:
        return f"{len(title)} characters; at most {LENGTH_MAX}"
    return None


def main():
    """Looks at the history of the tree."""
    top = source.root()
    if shutil.which("git") is None or not (top / ".git").exists():
        print("skipped: git or its history is missing")
        sys.exit(77)
    log = subprocess.run(["git", "-C", top, "-c", f"safe.directory={top}", "log", "--no-merges", "--format=%H %s"],
                         capture_output=True, text=True, check=True).stdout
    found = []
    for line in log.splitlines():
        commit, _, title = line.partition(" ")
        problem = None if commit.startswith(DELIVERED) else check(title)
        if problem is not None:
            found.append(f"{commit[:7]} \"{title}\": {problem}")
    source.report(found)


if __name__ == "__main__":
    main()
