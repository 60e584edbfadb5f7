# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients of the libvirt front door: virsh as it is, and the bare protocol for what no client would send."""
import os
import socket
import struct
import subprocess

import pytest

from skep import DEADLINE

try:
    import libvirt
except ImportError:
    libvirt = None

REMOTE, QEMU, KEEPALIVE = 0x20008086, 0x20008087, 0x6b656570
CALL, REPLY, MESSAGE, STREAM, CALL_WITH_FDS, REPLY_WITH_FDS, HOLE = range(7)
OK, ERROR, CONTINUE = range(3)


def uri(daemon, name="libvirt-sock", path="system"):
    """A URI for stock clients: the daemon's own socket."""
    return f"qemu:///{path}?socket={daemon.root}/run/{name}"


def environment():
    """The client must not start a daemon of its own, nor take words of the user's language."""
    return dict(os.environ, LIBVIRT_AUTOSTART="0", LC_ALL="C.UTF-8")


def virsh(daemon, *argv, check=True, read_only=False, **options):
    """Runs virsh: what it printed, or with check=False the finished process."""
    options.setdefault("stdin", subprocess.DEVNULL)
    socket_name = "libvirt-sock-ro" if read_only else "libvirt-sock"
    command = ["virsh"] + (["-r"] if read_only else []) + ["-c", uri(daemon, socket_name), *argv]
    done = subprocess.run(daemon.prefix() + command, capture_output=True, text=True, timeout=DEADLINE, env=environment(), **options)
    if not check:
        return done
    assert done.returncode == 0, f"virsh {' '.join(argv)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}\n{daemon.log_tail()}"
    return done.stdout


def valid(xml, schema):
    """The XML, which libvirt's own schema takes."""
    done = subprocess.run(["xmllint", "--noout", "--relaxng", f"/usr/share/libvirt/schemas/{schema}", "-"], input=xml, text=True, capture_output=True)
    assert done.returncode == 0, f"{done.stderr}\n{xml}"
    return xml


def refused(code, function, *args):
    """What python3-libvirt raises with that code: its words."""
    with pytest.raises(libvirt.libvirtError) as caught:
        function(*args)
    assert caught.value.get_error_code() == code, caught.value
    return str(caught.value)


def string(text):
    """XDR of a string."""
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


def header(length, procedure, program=REMOTE, version=1, kind=CALL, serial=0, status=OK):
    return struct.pack(">IIIiIII", length, program, version, procedure, kind, serial, status)


class Message:
    """A message of the server."""

    def __init__(self, data):
        self.program, self.version, self.procedure, self.kind, self.serial, self.status = struct.unpack_from(">IIiIII", data, 4)
        self.payload = data[28:]

    @property
    def error(self):
        """(code, subsystem, text) of an error."""
        assert self.status == ERROR, (self.procedure, self.payload)
        code, subsystem, given, length = struct.unpack_from(">iiII", self.payload)
        return code, subsystem, self.payload[16:16 + length].decode() if given else None


class Raw:
    """A connection that sends any bytes."""

    def __init__(self, daemon, name="libvirt-sock", opened=True):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(f"{daemon.root}/run/{name}")
        self.serial = 0
        if opened:
            assert self.call(66).payload == struct.pack(">II", 1, 0)
            assert self.call(1, struct.pack(">I", 1) + string("qemu:///system") + struct.pack(">I", 0)).status == OK

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, procedure, payload=b"", **more):
        """A whole message; the header's fields can be told."""
        more.setdefault("serial", self.serial)
        length = more.pop("length", 28 + len(payload))
        self.sock.sendall(header(length, procedure, **more) + payload)
        self.serial += 1

    def receive(self):
        """The next message; None at the connection's end."""
        head = self.read(4)
        if head is None:
            return None
        rest = self.read(struct.unpack(">I", head)[0] - 4)
        return None if rest is None else Message(head + rest)

    def read(self, length):
        data = b""
        while len(data) < length:
            try:
                piece = self.sock.recv(min(length - len(data), 1 << 20))
            except ConnectionResetError:
                return None
            if not piece:
                return None
            data += piece
        return data

    def call(self, procedure, payload=b"", **more):
        """Sends a call and gives its reply, passing over events."""
        serial = self.serial
        self.send(procedure, payload, **more)
        while True:
            message = self.receive()
            if message is None or (message.kind in (REPLY, REPLY_WITH_FDS) and message.serial == serial):
                return message

    def ended(self):
        """Waits for the end of the connection: True if it came without any more messages."""
        return self.receive() is None
