# SPDX-License-Identifier: LGPL-2.1-or-later
"""A second monitor of QEMU's for tests: to write to disks as a guest would, without one, and to look at block nodes."""
import json
import os
import shutil
import socket
import tempfile

from skep import DEADLINE


class Monitors:
    """Where QEMUs make their second monitors: QEMU's uid must reach it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="skep-mon-")
        os.chmod(self.dir, 0o777)

    def args(self, name):
        """qemu_args of a domain."""
        return ["-chardev", f"socket,id=second,path={self.dir}/{name},server=on,wait=off", "-mon", "chardev=second,mode=control"]

    def close(self):
        shutil.rmtree(self.dir)

    def ask(self, name, command, **arguments):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(f"{self.dir}/{name}")
            with sock.makefile("rw") as lines:
                lines.readline()
                for execute, given in (("qmp_capabilities", {}), (command, arguments)):
                    lines.write(json.dumps({"execute": execute, "arguments": {key.replace("_", "-"): value for key, value in given.items()}}))
                    lines.flush()
                    while True:
                        answer = json.loads(lines.readline())
                        assert "error" not in answer, answer
                        if "return" in answer:
                            break
        return answer["return"]

    def guest_io(self, name, command, alias="virtio-disk0"):
        """Reads or writes as the guest's device would, and flushes, so that the file has it too."""
        for what in (command, "flush"):
            answer = self.ask(name, "human-monitor-command", command_line=f'qemu-io -d /machine/peripheral/{alias}/virtio-backend "{what}"')
            assert "rror" not in answer and "failed" not in answer, answer

    def bitmaps(self, name, target="vda"):
        """Bytes counted by each bitmap of a disk."""
        nodes = self.ask(name, "query-named-block-nodes", flat=True)
        node = next(node for node in nodes if node["node-name"] == f"{target}-0")
        return {entry["name"]: entry["count"] for entry in node.get("dirty-bitmaps", []) if "name" in entry}
