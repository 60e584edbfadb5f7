#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Include edges obey the floors: down only, and never across (docs/architecture.md)."""
import re

import source

# Lower floors first. Rooms on one line never use each other.
FLOORS = [
    ["base", "identity", "nss"],
    ["model"],
    ["codec"],
    ["host", "store", "storage", "network", "engine", "guest", "cluster", "repository"],
    ["service"],
    ["auth", "metrics"],
    ["ops"],
    ["api/common"],
    ["api/rest", "api/libvirt"],
    ["daemon"],
]
# The command is a client of the API and knows values only.
CLI_USES = {"base", "model", "codec", "cli"}
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path):
    """The room of a path below src: "engine", "api/rest"."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "api" else parts[0]


def is_allowed(user, used):
    """Whether a file in one room may include a header of another."""
    if user == used:
        return True
    if user == "cli":
        return used in CLI_USES
    return user in LEVEL and used in LEVEL and LEVEL[used] < LEVEL[user]


def check(path, text):
    """Findings in one file below src."""
    user = room_of(path)
    if user != "cli" and user not in LEVEL:
        return [f"src/{path}: the folder \"{user}\" is on no floor; add it to tests/lint/includes.py"]
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if match is None:
            continue
        if "/" not in match[1]:
            found.append(f"src/{path}:{number}: \"{match[1]}\": give the path from src/")
        elif not is_allowed(user, room_of(match[1])):
            found.append(f"src/{path}:{number}: {user} must not use {room_of(match[1])} (\"{match[1]}\")")
    return found


if __name__ == "__main__":
    top = source.root()
    source.report([finding
                   for path in source.files(top, ".c", ".h", below=("src",))
                   for finding in check(str(path.relative_to("src")), (top / path).read_text())])
