# SPDX-License-Identifier: LGPL-2.1-or-later
"""All XML that the golden cases give out is valid by libvirt's own schemas."""
import pathlib
import shutil
import subprocess
import sys

SCHEMAS = pathlib.Path("/usr/share/libvirt/schemas")
KINDS = {"domain.rng": ("virt-install", "domain"), "network.rng": ("network",)}


def main():
    golden = pathlib.Path(sys.argv[1])
    if shutil.which("xmllint") is None or not SCHEMAS.exists():
        print("xmllint (libxml2-utils) or libvirt's schemas (libvirt0) are not installed")
        return 77
    wrong, count = [], 0
    for schema, folders in KINDS.items():
        files = sorted(path for kind in ("out", "live") for path in golden.glob(f"*/*.{kind}.xml") if path.parent.name in folders)
        assert files, f"no cases for {schema} below {golden}"
        done = subprocess.run(["xmllint", "--noout", "--relaxng", SCHEMAS / schema, *files], capture_output=True, text=True)
        wrong += [line for line in done.stderr.splitlines() if not line.endswith(" validates")]
        count += len(files)
    print("\n".join(wrong) or f"{count} documents are valid")
    return 1 if wrong else 0


sys.exit(main())
