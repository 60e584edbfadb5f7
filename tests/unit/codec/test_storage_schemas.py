# SPDX-License-Identifier: LGPL-2.1-or-later
"""All XML of pools, volumes and secrets that the golden cases give out is valid by libvirt's own schemas."""
import pathlib
import shutil
import subprocess
import sys

SCHEMAS = pathlib.Path("/usr/share/libvirt/schemas")
KINDS = {"pool": "storagepool.rng", "volume": "storagevol.rng", "secret": "secret.rng", "capabilities": "storagepoolcaps.rng"}


def main():
    golden = pathlib.Path(sys.argv[1])
    if shutil.which("xmllint") is None or not SCHEMAS.exists():
        print("xmllint (libxml2-utils) or libvirt's schemas (libvirt0) are not installed")
        return 77
    failed = 0
    for kind, schema in KINDS.items():
        files = sorted(golden.glob(f"{kind}*.out.xml"))
        assert files, f"no cases of {kind} below {golden}"
        done = subprocess.run(["xmllint", "--noout", "--relaxng", SCHEMAS / schema, *files], capture_output=True, text=True)
        wrong = [line for line in done.stderr.splitlines() if not line.endswith(" validates")]
        print("\n".join(wrong) or f"{kind}: {len(files)} documents are valid")
        failed += len(wrong)
    return 1 if failed else 0


sys.exit(main())
