#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/reference/libvirt.md is what the table of procedures says: test_reference.py PROGRAM SOURCE."""
import difflib
import pathlib
import subprocess
import sys

path = pathlib.Path(sys.argv[2]) / "docs/reference/libvirt.md"
page = path.read_text()
now = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout
if page != now:
    sys.stdout.writelines(difflib.unified_diff(page.splitlines(True), now.splitlines(True), "docs/reference/libvirt.md", "libvirt-reference"))
    sys.exit("docs/reference/libvirt.md is stale: build/tools/libvirt-reference > docs/reference/libvirt.md")
