#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records what stock clients send, as corpora of libvirt-packet (sessions) and libvirt-args (calls, replies): record-libvirt.py

A relay stands between the client and a private skepd. Calls that only look are kept in sessions of libvirt-packet, whose
connection is read-only; the first two of each procedure, and their replies, go into libvirt-args.
"""
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

from libvirt_client import environment  # noqa: E402
from skep import Daemon  # noqa: E402

CORPUS = SOURCE / "tests/fuzz/corpus"
QEMU_PROGRAM, QEMU, REPLY = 0x20008087, 0x80, 0x40
PIECE_MAX = 16384
# Of the domain that the fuzzers' server has too (tests/fakes/libvirt-server.h).
UUID = "0b3c9d42-3c8a-4f6e-9d5d-5b8a7f000001"

SESSIONS = {
    "list": ["list --all", "list --all --autostart", "domstate web1 --reason", "dominfo web1", "domid web1", "domuuid web1"],
    "host": ["version", "hostname", "nodeinfo", "capabilities", "domcapabilities", "sysinfo", "nodecpustats", "nodememstats", "nodecpumap",
             "freecell", "maxvcpus"],
    "show": ["dumpxml web1", "dumpxml web1 --inactive --security-info", "domiflist web1", "domblklist web1", "domstats", "domblkinfo web1 vda", "vcpuinfo web1",
             "vcpucount web1", "desc web1", "domjobinfo web1", "snapshot-list web1", "checkpoint-list web1", "domifaddr web1"],
    "life": ["start web1", "suspend web1", "resume web1", "reset web1", "autostart web1", "setmem web1 32M --live", "send-key web1 KEY_A", "destroy web1"],
    "network": ["net-list --all", "net-info default", "net-dumpxml default", "net-dhcp-leases default", "net-start default", "net-destroy default"],
    "storage": ["pool-list --all --details", "pool-info default", "pool-dumpxml default", "pool-refresh default", "vol-create-as default v 1M",
                "vol-list default --details", "vol-info v default", "vol-dumpxml v default", "vol-path v default", "vol-upload v /etc/hostname default",
                "vol-download v /dev/null default", "vol-delete v default"],
    "devices": ["nodedev-list", "nodedev-dumpxml computer", "iface-list", "nwfilter-list", "secret-list"],
    "events": ["event --all --timeout 1", "net-event --event lifecycle --timeout 1", "pool-event --event lifecycle --timeout 1",
               "qemu-monitor-event web1 --timeout 1"],
    "refused": ["domname 77", "start nothing", "dumpxml nothing", "pool-info nothing", "net-info nothing", "vol-info nothing default"],
}


class Relay:
    """Accepts clients and passes everything on, both ways, writing it down."""

    def __init__(self, target):
        self.target = target
        self.up, self.down = [], []
        self.path = tempfile.mktemp(prefix="skep-record-")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(self.path)
        self.sock.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.sock.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            for source, sink, kept in ((client, server, self.up), (server, client, self.down)):
                pieces = []
                kept.append(pieces)
                threading.Thread(target=self.copy, args=(source, sink, pieces), daemon=True).start()

    @staticmethod
    def copy(source, sink, pieces):
        while data := source.recv(65536):
            pieces.append(data)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def messages(pieces):
    data = b"".join(pieces)
    while len(data) >= 28:
        length = struct.unpack_from(">I", data)[0]
        yield data[:length]
        data = data[length:]


def keep_calls(up, down, counts):
    """The first two calls of each procedure and their replies, for libvirt-args."""
    for kept, flag, kind in ((up, 0, 0), (down, REPLY, 1), (down, REPLY, 2)):
        for message in messages(b for pieces in kept for b in pieces):
            program, _, procedure, type_, _, status = struct.unpack_from(">IIiIII", message, 4)
            key = (program, procedure, kind)
            if type_ != kind or status != 0 or program == 0x6b656570 or counts.get(key, 0) >= 2 or len(message) > PIECE_MAX:
                continue
            counts[key] = counts.get(key, 0) + 1
            head = struct.pack(">BBH", flag | (QEMU if program == QEMU_PROGRAM else 0), 0, procedure)
            name = f"{'qemu-' if program == QEMU_PROGRAM else ''}{procedure}-{['call', 'reply', 'event'][kind]}-{counts[key]}"
            (CORPUS / "libvirt-args" / name).write_bytes(head + message[28:])


def main():
    for name in ("libvirt-args", "libvirt-packet"):
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
    counts = {}
    with Daemon(tempfile.mkdtemp(prefix="skep-record-")) as daemon:
        daemon.start()
        daemon.do("POST", "/v1/domains", daemon.paused_domain("web1", uuid=UUID, disks=[{"target": "vda", "size": "1M"}], interfaces=[{"kind": "user"}]))
        for session, commands in SESSIONS.items():
            relay = Relay(f"{daemon.root}/run/libvirt-sock")
            for command in commands:
                subprocess.run(daemon.prefix() + ["virsh", "-c", f"qemu:///system?socket={relay.path}", *command.split()], env=environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
            kept = b"".join(message for pieces in relay.up for message in messages(pieces) if len(message) <= PIECE_MAX
                            and struct.unpack_from(">i", message, 12)[0] not in (1, 2))
            (CORPUS / "libvirt-packet" / session).write_bytes(kept)
            keep_calls(relay.up, relay.down, counts)
            Path(relay.path).unlink()


main()
