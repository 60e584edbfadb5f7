#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Heads of files, white space, goto, calls that are banned, functions without end."""
import re

import source

SPDX = "SPDX-License-Identifier: LGPL-2.1-or-later"
FUNCTION_MAX = 400

# A person waits before these: they ask the daemon again after a while.
POLLING = ("src/cli/client.c", "src/cli/guest.c", "src/cli/node.c", "src/cli/top.c")
# A clock's rate is measured over a span of time.
MEASURING = ("src/engine/cmdline/boot.c",)
# QEMU says that it is over a moment before it is, and tells of that moment in no event.
SETTLING = ("src/engine/qmp/commands-migrate.c",)
# A client that drips its bytes is what it tests.
DRIPPING = ("tests/unit/api/rest/test-rest.c",)

# Call: (why, files or folders that may).
BANNED = {
    "strcpy": ("use g_strlcpy()", ()),
    "strcat": ("use GString", ()),
    "sprintf": ("use g_snprintf()", ()),
    "vsprintf": ("use g_vsnprintf()", ()),
    "gets": ("it has no limit", ()),
    "strtok": ("use g_strsplit()", ()),
    "system": ("no shells; use sk_run()", ()),
    "popen": ("no shells; use sk_run()", ()),
    "tmpnam": ("use g_mkstemp_full()", ()),
    "mktemp": ("use g_mkstemp_full()", ()),
    "alloca": ("the stack is small; use g_autofree", ()),
    "sleep": ("wait on readiness", ()),
    "usleep": ("wait on readiness", ()),
    "nanosleep": ("wait on readiness", ()),
    "g_usleep": ("wait on readiness", POLLING + DRIPPING + MEASURING + SETTLING),
    "fork": ("use sk_spawn()", ("src/base/spawn.c", "tests/")),
    "vfork": ("use sk_spawn()", ()),
}
CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))


def check_head(path, lines):
    """The licence line, then what the file is for; #pragma once in headers."""
    if not lines or lines[0] != f"/* {SPDX} */":
        return [f"{path}:1: begin with /* {SPDX} */"]
    if path.endswith(".h"):
        body = "\n".join(lines)
        found = [] if "#pragma once" in lines[:3] else [f"{path}:2: #pragma once is missing"]
        first = re.search(r"^(typedef|struct|enum|extern|[A-Za-z_].*\()", body, re.M)
        comment = re.search(r"^/\*(?! SPDX)", body, re.M)
        if comment is None or (first is not None and comment.start() > first.start()):
            found.append(f"{path}: no comment before the first declaration says what the header is for")
        return found
    if len(lines) < 2 or not lines[1].startswith("/*"):
        return [f"{path}:2: say in a comment what the file is for"]
    return []


def check_space(path, text):
    """No blanks at line ends, no tabs, one newline at the end."""
    found = [f"{path}:{n}: white space at the end of the line"
             for n, line in enumerate(text.split("\n"), 1) if line != line.rstrip()]
    if path.endswith((".c", ".h", ".py", "meson.build")):
        found += [f"{path}:{n}: a tab; use blanks"
                  for n, line in enumerate(text.split("\n"), 1) if "\t" in line]
    if text and not text.endswith("\n"):
        found.append(f"{path}: the last line has no newline")
    if text.endswith("\n\n"):
        found.append(f"{path}: empty lines at the end")
    return found


def check_code(path, text):
    """goto, banned calls and long functions."""
    found = []
    start = None
    for number, line in enumerate(source.blank(text).split("\n"), 1):
        if re.search(r"\bgoto\b", line):
            found.append(f"{path}:{number}: goto; use g_auto and return")
        for call in CALL.findall(line):
            why, allowed = BANNED[call]
            if not path.startswith(allowed):
                found.append(f"{path}:{number}: {call}(): {why}")
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start > FUNCTION_MAX:
                found.append(f"{path}:{start}: a function of {number - start} lines; at most {FUNCTION_MAX}")
            start = None
    return found


def check(path, text):
    """Findings in one file."""
    found = check_space(path, text)
    if path.endswith((".c", ".h")):
        return found + check_head(path, text.split("\n")) + check_code(path, text)
    if SPDX not in "\n".join(text.split("\n")[:3]):
        found.append(f"{path}:1: the licence line \"{SPDX}\" is missing")
    return found


if __name__ == "__main__":
    top = source.root()
    source.report([finding
                   for path in source.files(top, ".c", ".h", ".py", "meson.build", ".sh")
                   for finding in check(str(path), (top / path).read_text())])
