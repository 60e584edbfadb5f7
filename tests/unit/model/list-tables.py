#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a C file with arrays of every SkEnum and SkType that the given headers export."""
import re
import sys
from pathlib import Path

out, src, *headers = sys.argv[1:]
names = {"SkEnum": [], "SkType": []}
includes = []
for header in sorted(headers):
    text = Path(src, header).read_text()
    found = re.findall(r"extern const (SkEnum|SkType) ([^;\[]+);", text)
    for kind, symbols in found:
        names[kind] += re.findall(r"\w+", symbols)
    if found:
        includes.append(header)

lines = ["/* Made by list-tables.py. */"]
lines += [f'#include "{header}"' for header in includes]
lines.append('#include "tables.h"')
for kind, array in (("SkEnum", "all_enums"), ("SkType", "all_types")):
    rows = "".join(f'    {{ "{name}", &{name} }},\n' for name in names[kind])
    lines.append(f"const Named{kind[2:]} {array}[] = {{\n{rows}}};")
    lines.append(f"const guint n_{array} = G_N_ELEMENTS({array});")
Path(out).write_text("\n".join(lines) + "\n")
