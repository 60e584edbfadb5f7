#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every C file is built: named in the meson.build of its folder or of one above it."""
import re
from pathlib import Path

import source


def words_of(path):
    """The texts in quotes of a meson.build."""
    text = re.sub(r"#.*", "", path.read_text())
    return set(re.findall(r"'([^'\n]*)'", text))


def is_named(path, lists):
    """Whether a meson.build of the folder or one above names the file by its path from there."""
    return any(str(path.relative_to(folder)) in lists[folder] for folder in path.parents if folder in lists)


def is_named_in_loop(path, lists):
    """For tests: by what stands for it in a loop ("test-" + name + ".c"), or from another folder ("../../fakes/x.c")."""
    stem = re.sub(r"^test-", "", path.name.removesuffix(".c"))
    near = lists.get(path.parent, set())
    return stem in near or any(word.split("/")[-1] == path.name for words in lists.values() for word in words if "/" in word)


def check(top):
    """Findings in the whole tree."""
    lists = {path.parent: words_of(top / path) for path in source.files(top, "meson.build")}
    if (top / "meson.build").exists():
        lists[Path()] = words_of(top / "meson.build")
    return [f"{path}: no meson.build names it"
            for path in source.files(top, ".c")
            if not is_named(path, lists) and not (path.parts[0] == "tests" and is_named_in_loop(path, lists))]


if __name__ == "__main__":
    source.report(check(source.root()))
