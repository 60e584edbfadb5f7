# SPDX-License-Identifier: LGPL-2.1-or-later
"""All domain XML that the golden cases give out is valid by libvirt's own schemas."""
import pathlib
import shutil
import subprocess
import sys

SCHEMA = pathlib.Path("/usr/share/libvirt/schemas/domain.rng")


def main():
    golden = pathlib.Path(sys.argv[1])
    if shutil.which("xmllint") is None or not SCHEMA.exists():
        print("xmllint (libxml2-utils) or libvirt's schemas (libvirt0) are not installed")
        return 77
    files = sorted(path for kind in ("out", "live") for path in golden.glob(f"*/*.{kind}.xml") if path.parent.name in ("virt-install", "domain"))
    assert files, f"no cases below {golden}"
    done = subprocess.run(["xmllint", "--noout", "--relaxng", SCHEMA, *files], capture_output=True, text=True)
    wrong = [line for line in done.stderr.splitlines() if not line.endswith(" validates")]
    print("\n".join(wrong) or f"{len(files)} documents are valid")
    return 1 if wrong else 0


sys.exit(main())
