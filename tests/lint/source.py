# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the checks share: the tree's files, C without its comments and texts, and how findings are told."""
import os
import re
import sys
from pathlib import Path

SKIPPED_DIRS = {".git", "node_modules", "dist", "__pycache__", "corpus", "golden", "build"}


def root():
    """The top of the tree: the first argument, or where this file is."""
    return Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()


def files(top, *suffixes, below=("src", "tests", "tools", "docs", "data")):
    """Paths, relative to top, of files with one of the suffixes."""
    for folder in below:
        for parent, dirs, names in os.walk(top / folder):
            dirs[:] = sorted(d for d in dirs if d not in SKIPPED_DIRS and not d.startswith("build"))
            for name in sorted(names):
                if name.endswith(suffixes):
                    yield (Path(parent) / name).relative_to(top)


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text):
    """C with comments and the insides of texts blanked; lines stay where they are."""
    def hide(match):
        token = match.group(0)
        keep = token[0] if token[0] in "\"'" else " "
        return keep + re.sub(r"[^\n]", " ", token[1:-1]) + keep
    return TOKEN.sub(hide, text)


def report(findings):
    """Prints what was found and ends: 0 if nothing."""
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings")
    sys.exit(1 if findings else 0)
