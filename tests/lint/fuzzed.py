#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every parser that a header offers is fed by a fuzz target, by itself or through another, and every target has a corpus."""
import re

import source

FUZZ = "tests/fuzz"
COMMENT = re.compile(r"/\*.*?\*/", re.S)
PARSER = re.compile(r"\b(sk_\w*?_(?:parse|decode)(?:_\w+)?)\(([^;{]*?)\);", re.S)
BYTES = re.compile(r"const char \*|const guint8 \*|json_t \*")

# Parser: the target whose inputs reach it.
THROUGH = {
    "sk_address_parse": "cmdline",
    "sk_duration_parse": "rest-body",
    "sk_enum_parse": "rest-body",
    "sk_json_decode": "rest-body",
    "sk_size_parse": "rest-body",
    "sk_qmp_message_parse": "qmp",
    "sk_rest_decode_xml": "rest-http",
    "sk_uri_decode": "rest-uri",
    "sk_xml_enum_parse": "xml-domain",
    "sk_xml_parse": "xml-domain",
}


def parsers(top):
    """{function: the header that has it}, of those that are given bytes, a text or JSON."""
    found = {}
    for path in source.files(top, ".h", below=("src",)):
        for name, args in PARSER.findall(COMMENT.sub("", (top / path).read_text())):
            if BYTES.search(args):
                found[name] = path
    return found


def check(top, through=None):
    through = THROUGH if through is None else through
    targets = set(re.findall(r"^  '([a-z0-9-]+)': \[", (top / FUZZ / "meson.build").read_text(), re.M))
    fed = set(re.findall(r"\bsk_\w+", "".join(path.read_text() for path in sorted((top / FUZZ).glob("*.[ch]")))))
    there = parsers(top)
    found = [f"{there[name]}: no fuzz target feeds {name}()" for name in sorted(set(there) - fed - set(through))]
    found += [f"tests/lint/fuzzed.py: {name}: it is fed by itself, or gone, or its target is"
              for name, target in sorted(through.items()) if name in fed or name not in there or target not in targets]
    return found + [f"{FUZZ}/{name}: it has no corpus" for name in sorted(targets)
                    if not any((top / FUZZ / "corpus" / name).glob("*"))]


if __name__ == "__main__":
    source.report(check(source.root()))
