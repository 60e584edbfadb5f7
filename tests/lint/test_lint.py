#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each check finds what it is for, and nothing in what is right."""
import tempfile
import unittest
from pathlib import Path

import build_lists
import commits
import faults
import fuzzed
import includes
import rows
import source
import style

HEAD = "/* SPDX-License-Identifier: LGPL-2.1-or-later */\n"
GOOD_C = HEAD + "/* What it is for. */\n#include \"base/error.h\"\n\nint\nmain(void)\n{\n    return 0;\n}\n"
GOOD_H = HEAD + "#pragma once\n\n/* What it is for. */\n\nint sk_it(void);\n"


class Includes(unittest.TestCase):
    def test_edges(self):
        right = [("engine", "base"), ("service", "engine"), ("daemon", "api/rest"), ("cli", "codec"), ("api/rest", "ops")]
        wrong = [("base", "model"), ("engine", "storage"), ("service", "ops"), ("cli", "service"), ("api/rest", "api/libvirt"),
                 ("api/rest", "daemon"), ("daemon", "cli"), ("model", "codec")]
        self.assertTrue(all(includes.is_allowed(*edge) for edge in right))
        self.assertFalse(any(includes.is_allowed(*edge) for edge in wrong))

    def test_files(self):
        self.assertEqual(includes.check("engine/qmp/x.c", '#include <glib.h>\n#include "codec/json/json.h"\n'), [])
        self.assertEqual(len(includes.check("engine/x.c", '#include "network/tap.h"\n#include "x.h"\n')), 2)
        self.assertEqual(len(includes.check("nowhere/x.c", "")), 1)


class Style(unittest.TestCase):
    def findings(self, path, text):
        return style.check(path, text)

    def test_good(self):
        self.assertEqual(self.findings("src/a.c", GOOD_C), [])
        self.assertEqual(self.findings("src/a.h", GOOD_H), [])
        self.assertEqual(self.findings("src/a.c", GOOD_C.replace("return 0", 'puts("goto sleep(1) \\" ")')), [])
        self.assertEqual(self.findings("src/a.c", GOOD_C + "/* sleep(1) */\n"), [])
        self.assertEqual(self.findings("src/a.c", GOOD_C.replace("return 0", "self->sleep(1)")), [])

    def test_bad(self):
        bad = [
            ("src/a.c", GOOD_C.removeprefix(HEAD)),
            ("src/a.c", GOOD_C.replace("/* What it is for. */\n", "")),
            ("src/a.h", GOOD_H.replace("#pragma once\n", "")),
            ("src/a.h", GOOD_H.replace("/* What it is for. */\n", "")),
            ("src/a.c", GOOD_C.replace("return 0;", "goto out;")),
            ("src/a.c", GOOD_C.replace("return 0", "sprintf(a, b)")),
            ("src/a.c", GOOD_C.replace("return 0", "return fork ()")),
            ("src/a.c", GOOD_C.replace("{\n", "{\n" + "    a();\n" * 401)),
            ("src/a.c", GOOD_C.replace("return 0;", "return 0; ")),
            ("src/a.c", GOOD_C.replace("    return", "\treturn")),
            ("src/a.c", GOOD_C + "\n"),
            ("src/a.c", GOOD_C.rstrip("\n")),
            ("src/meson.build", "subdir('x')\n"),
        ]
        for path, text in bad:
            self.assertEqual(len(self.findings(path, text)), 1, (path, text[-200:]))
        self.assertEqual(self.findings("src/base/spawn.c", GOOD_C.replace("return 0", "return fork()")), [])

    def test_blank(self):
        text = 'a /* "x\n */ "b\\"c" \'"\' // d\ne'
        self.assertEqual(source.blank(text).split("\n")[-1], "e")
        self.assertEqual(len(source.blank(text)), len(text))
        self.assertNotIn("x", source.blank(text))


class BuildLists(unittest.TestCase):
    def test_tree(self):
        with tempfile.TemporaryDirectory() as name:
            top = Path(name)
            for path in ("src/a/x.c", "src/a/b/y.c", "src/a/z.c", "tests/unit/a/test-x.c", "tests/unit/a/test-y.c"):
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).write_text("")
            (top / "src/a/meson.build").write_text("lib('x.c', 'b/y.c')")
            (top / "tests/unit/a/meson.build").write_text("foreach name : ['x']\n")
            self.assertEqual(build_lists.check(top), ["src/a/z.c: no meson.build names it",
                                                      "tests/unit/a/test-y.c: no meson.build names it"])


class Faults(unittest.TestCase):
    def test_tree(self):
        with tempfile.TemporaryDirectory() as name:
            top = Path(name)
            for path, text in (("src/a.c", 'if (sk_fault("a/one", error) ||\n sk_fault( "a/two", error))'), ("src/b.c", 'sk_fault("b/gone", NULL);'),
                               ("tests/integration/test_a.py", 'STEPS = ["a/one"]'), ("tests/lint/x.py", '"a/two"')):
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).write_text(text)
            self.assertEqual(faults.check(top, {}), ['src/a.c: no test makes "a/two" fail', 'src/b.c: no test makes "b/gone" fail'])
            self.assertEqual(faults.check(top, {"a/two": "", "b/gone": ""}), [])
            self.assertEqual(len(faults.check(top, {"a/one": "", "a/two": "", "b/gone": "", "c/none": ""})), 2)


class Rows(unittest.TestCase):
    def test_tree(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / rows.FOLDER
            folder.mkdir(parents=True)
            (folder / "test_a.py").write_text("def test_one(host):\n    pass\n")
            for table, count in (('ROWS = {"a": ["test_a.test_one", "test_a"]}', 0), ('ROWS = {"a": ["test_a.test_on"], "b": ["test_b"]}', 2), ("X = 1", 1)):
                (folder / "stock.py").write_text(f"import os\n{table}\n")
                self.assertEqual(len(rows.check(Path(name))), count, table)


class Fuzzed(unittest.TestCase):
    def test_tree(self):
        with tempfile.TemporaryDirectory() as name:
            top = Path(name)
            for path, text in (("src/a.h", "/* sk_none_parse(const char *x); */\nSkA *sk_a_parse(const char *text, gsize length,\n    GError **error);\n"
                                           "int sk_b_decode_text(json_t *x);\nint sk_copy_sparse(const char *x);\n"),
                               ("tests/fuzz/a.c", "sk_a_parse(data, size, NULL)"), ("tests/fuzz/meson.build", "t = {\n  'a': [base],\n}\n"),
                               ("tests/fuzz/corpus/a/one", "x")):
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).write_text(text)
            self.assertEqual(fuzzed.check(top, {}), ["src/a.h: no fuzz target feeds sk_b_decode_text()"])
            self.assertEqual(fuzzed.check(top, {"sk_b_decode_text": "a"}), [])
            self.assertEqual(len(fuzzed.check(top, {"sk_a_parse": "a", "sk_b_decode_text": "b"})), 2)
            (top / "tests/fuzz/corpus/a/one").unlink()
            self.assertEqual(len(fuzzed.check(top, {"sk_b_decode_text": "a"})), 1)


class Commits(unittest.TestCase):
    def test_titles(self):
        for title in ("base: close holes in spawn", "base, codec: check counts", "api/rest: serve it"):
            self.assertIsNone(commits.check(title), title)
        for title in ("Fix it", "base: fix it.", "base:fix", "Base: fix", "base: ", "base: " + "x" * 80, "wip"):
            self.assertIsNotNone(commits.check(title), title)


if __name__ == "__main__":
    unittest.main()
