#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every step that can be made to fail (sk_fault) is named by a test."""
import re

import source

POINT = re.compile(r'\bsk_fault\(\s*"([^"]+)"')

# Step: why no test makes it fail.
UNTRIED = {}


def points(top):
    """{step: the file that has it}."""
    return {step: path for path in source.files(top, ".c", below=("src",)) for step in POINT.findall((top / path).read_text())}


def check(top, untried=None):
    untried = UNTRIED if untried is None else untried
    tests = [(top / path).read_text() for path in source.files(top, ".c", ".py", below=("tests",)) if "lint" not in path.parts]
    there = points(top)
    named = {step for step in there if any(f'"{step}"' in text for text in tests)}
    return [f'{there[step]}: no test makes "{step}" fail' for step in sorted(set(there) - named - set(untried))] + \
           [f'tests/lint/faults.py: "{step}" is tried, or gone' for step in sorted(untried) if step in named or step not in there]


if __name__ == "__main__":
    source.report(check(source.root()))
