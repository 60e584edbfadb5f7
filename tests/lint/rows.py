#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every test that the table of what must work (ROWS in tests/integration/stock.py) names is there."""
import ast
import re

import source

FOLDER = "tests/integration"


def rows(text):
    """The table, without running what is around it."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "ROWS":
            return ast.literal_eval(node.value)
    return {}


def check(top):
    found = []
    table = rows((top / FOLDER / "stock.py").read_text())
    for row, tests in table.items():
        for test in tests:
            module, _, name = test.partition(".")
            path = top / FOLDER / f"{module}.py"
            if not path.is_file() or (name and not re.search(rf"^def {name}\(", path.read_text(), re.M)):
                found.append(f"{FOLDER}/stock.py: {row}: there is no {test}")
    return found if table else [f"{FOLDER}/stock.py: there is no ROWS"]


if __name__ == "__main__":
    source.report(check(source.root()))
