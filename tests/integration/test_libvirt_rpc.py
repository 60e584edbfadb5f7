# SPDX-License-Identifier: LGPL-2.1-or-later
"""The libvirt front door with stock clients: sessions, life of domains, events, consoles, rights."""
import os
import re
import select
import subprocess

import pytest

from libvirt_client import KEEPALIVE, MESSAGE, OK, Raw, environment, uri, virsh
from skep import DEADLINE

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")
event_loop = pytest.importorskip("event_loop")
READY = "skep-tiny ready"


@pytest.fixture
def connection(daemon):
    """A connection of python3-libvirt."""
    opened = libvirt.open(uri(daemon))
    yield opened
    opened.close()


@pytest.fixture
def loop():
    return event_loop.the_loop()


def names(output):
    """Names in a table of virsh's."""
    return [line.split()[1] for line in output.splitlines()[2:] if line.strip()]


# -- sessions ------------------------------------------------------------------------------------


def test_session(daemon):
    assert virsh(daemon, "uri").strip().startswith("qemu:///system")
    assert "Running hypervisor: QEMU" in virsh(daemon, "version")
    assert virsh(daemon, "hostname").strip() == os.uname().nodename
    assert virsh(daemon, "list", "--all").strip().endswith("-" * 20)


def test_version(connection):
    assert connection.getType() == "QEMU"
    assert connection.getLibVersion() == 9000000
    assert 5000000 < connection.getVersion() < 20000000
    assert connection.isSecure() == 1


@pytest.mark.parametrize("name", ["qemu:///system", "", "qemu:///session"])
def test_names_that_are_ours(daemon, name):
    with Raw(daemon, opened=False) as raw:
        payload = bytes.fromhex("00000001") + len(name).to_bytes(4, "big") + name.encode() + b"\0" * (-len(name) % 4) + bytes(4)
        assert raw.call(1, payload).status == OK


def test_another_driver(daemon):
    done = subprocess.run(["virsh", "-c", f"foo:///system?socket={daemon.root}/run/libvirt-sock", "list"], capture_output=True, text=True,
                          env=environment(), timeout=DEADLINE)
    assert done.returncode != 0
    assert "no connection driver available for foo:///system" in done.stderr


def test_keepalive(daemon):
    with Raw(daemon) as raw:
        raw.send(1, program=KEEPALIVE, kind=MESSAGE)
        pong = raw.receive()
        assert (pong.program, pong.procedure, pong.kind) == (KEEPALIVE, 2, MESSAGE)


def test_what_is_not_there_is_named(daemon):
    with Raw(daemon) as raw:
        code, _, text = raw.call(250, bytes(16)).error
        assert code == 3 and "NODE_SUSPEND_FOR_DURATION" in text
        assert raw.call(9999).error[0::2] == (39, "unknown procedure: 9999")
        assert raw.call(318).error[0::2] == (39, "unknown procedure: 318")
        code, _, text = raw.call(1, program=0x20008088).error
        assert (code, text) == (39, "Cannot find program 536903816 version 1")


# -- life of domains -----------------------------------------------------------------------------------


def test_life_with_virsh(daemon):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("web1"))
    assert names(virsh(daemon, "list", "--all")) == ["web1"]
    assert names(virsh(daemon, "list")) == []
    assert "started" in virsh(daemon, "start", "web1")
    assert virsh(daemon, "domstate", "web1", "--reason").strip() == "running (booted)"
    assert names(virsh(daemon, "list")) == ["web1"]
    number = virsh(daemon, "domid", "web1").strip()
    assert virsh(daemon, "domname", number).strip() == "web1"
    virsh(daemon, "suspend", "web1")
    assert virsh(daemon, "domstate", "web1", "--reason").strip() == "paused (user)"
    virsh(daemon, "resume", "web1")
    virsh(daemon, "reset", "web1")
    assert re.search(r"CPU\(s\): +1\n.*\n?Max memory: +32768 KiB", virsh(daemon, "dominfo", "web1"), re.S)
    virsh(daemon, "destroy", "web1")
    assert virsh(daemon, "domstate", "web1", "--reason").strip() == "shut off (destroyed)"
    done = virsh(daemon, "destroy", "web1", check=False)
    assert done.returncode != 0 and "Requested operation is not valid: domain is not running" in done.stderr


def test_start_paused(daemon):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    virsh(daemon, "start", "a", "--paused")
    assert virsh(daemon, "domstate", "a").strip() == "paused"


def test_autostart(daemon):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    virsh(daemon, "autostart", "a")
    assert names(virsh(daemon, "list", "--all", "--autostart")) == ["a"]
    assert re.search(r"Autostart: +enable", virsh(daemon, "dominfo", "a"))
    virsh(daemon, "autostart", "a", "--disable")
    assert names(virsh(daemon, "list", "--all", "--autostart")) == []


def test_shutdown_of_a_guest(daemon, tiny):
    daemon.do("POST", "/v1/domains", daemon.tiny_domain("a", tiny))
    virsh(daemon, "start", "a")
    daemon.wait_console("a", READY)
    assert "is being shutdown" in virsh(daemon, "shutdown", "a")
    daemon.wait_state("a", "shut off")


def test_lookups(connection, daemon):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    uuid = daemon.get("/v1/domains/a")["spec"]["uuid"]
    domain = connection.lookupByUUIDString(uuid)
    assert (domain.name(), domain.UUIDString(), domain.ID()) == ("a", uuid, -1)
    assert connection.lookupByName("a").isActive() == 0
    domain.create()
    assert connection.lookupByID(domain.ID()).name() == "a"
    assert connection.listDomainsID() == [domain.ID()] and connection.numOfDomains() == 1
    assert connection.listDefinedDomains() == []
    assert domain.isPersistent() == 1
    domain.destroy()
    for find in (lambda: connection.lookupByName("b"), lambda: connection.lookupByID(77)):
        with pytest.raises(libvirt.libvirtError) as refused:
            find()
        assert refused.value.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN


def test_spellings_of_a_uuid(daemon, connection):
    uuid = "123E4567-E89B-12D3-A456-426614174ABC"
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a", uuid=uuid))
    for spelling in (uuid, uuid.lower(), uuid.replace("-", "")):
        assert connection.lookupByUUIDString(spelling).name() == "a"
    assert connection.lookupByName("a").state()[0] == libvirt.VIR_DOMAIN_SHUTOFF


# -- events ----------------------------------------------------------------------------------------------


def test_all_events_can_be_registered(daemon):
    done = virsh(daemon, "event", "--all", "--timeout", "1", check=False)
    assert "events received: 0" in done.stdout, done.stdout + done.stderr


def test_lifecycle_events(daemon, loop):
    opened = libvirt.open(uri(daemon))
    callback = opened.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                             lambda c, dom, event, detail, data: loop.add(dom.name(), event, detail), None)
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    domain = opened.lookupByName("a")
    domain.create()
    domain.suspend()
    domain.resume()
    domain.destroy()
    daemon.do("POST", "/v1/domains/a/rename", {"name": "b"})
    daemon.do("DELETE", "/v1/domains/b")
    loop.wait("b", libvirt.VIR_DOMAIN_EVENT_UNDEFINED)
    told = [event for event in loop.take() if event[1] != libvirt.VIR_DOMAIN_EVENT_SHUTDOWN and event[1:] != (0, 1)]
    assert told == [("a", 0, 0), ("a", 4, 0), ("a", 2, 0), ("a", 3, 0), ("a", 4, 0), ("a", 5, 1), ("a", 1, 1), ("b", 0, 2), ("b", 1, 0)]
    opened.domainEventDeregisterAny(callback)
    daemon.do("POST", "/v1/domains", daemon.paused_domain("c"))
    opened.close()
    assert loop.take() == []


def test_metadata_events(daemon, loop):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    opened = libvirt.open(uri(daemon))
    opened.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
                                  lambda c, dom, kind, uri, data: loop.add(dom.name(), kind, uri), None)
    domain = opened.lookupByName("a")
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "a title", None, None, 0)
    loop.wait("a", libvirt.VIR_DOMAIN_METADATA_TITLE, None)
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, "<x/>", "k", "http://example.com/ns", 0)
    loop.wait("a", libvirt.VIR_DOMAIN_METADATA_ELEMENT, "http://example.com/ns")
    loop.take()
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, None, None, "http://example.com/ns", 0)
    loop.wait("a", libvirt.VIR_DOMAIN_METADATA_ELEMENT, "http://example.com/ns")
    opened.close()


def test_events_of_a_device(daemon, tiny, loop):
    """A disk comes and goes while the guest runs."""
    daemon.do("POST", "/v1/domains", daemon.tiny_domain("a", tiny))
    opened = libvirt.open(uri(daemon))
    for event in (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED):
        opened.domainEventRegisterAny(None, event, lambda c, dom, alias, kind: loop.add(kind, alias), event)
    opened.lookupByName("a").create()
    daemon.wait_console("a", READY)
    disk = daemon.do("POST", "/v1/domains/a/disks", {"target": "vdx", "size": "1M"})
    loop.wait(libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, disk["alias"])
    daemon.do("DELETE", "/v1/domains/a/disks/vdx")
    loop.wait(libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, disk["alias"])
    opened.close()


def test_events_of_one_domain(daemon, loop):
    for name in ("a", "b"):
        daemon.do("POST", "/v1/domains", daemon.paused_domain(name))
    opened = libvirt.open(uri(daemon))
    opened.domainEventRegisterAny(opened.lookupByName("b"), libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                  lambda c, dom, event, detail, data: loop.add(dom.name(), event), None)
    for name in ("a", "b"):
        opened.lookupByName(name).create()
    loop.wait("b", libvirt.VIR_DOMAIN_EVENT_STARTED)
    assert {name for name, _ in loop.take()} == {"b"}
    opened.close()


def test_events_of_networks_and_pools(daemon, loop, tmp_path):
    opened = libvirt.open(uri(daemon))
    opened.networkEventRegisterAny(None, 0, lambda c, net, event, detail, data: loop.add("net", net.name(), event), None)
    opened.storagePoolEventRegisterAny(None, 0, lambda c, pool, event, detail, data: loop.add("pool", pool.name(), event), None)
    opened.storagePoolEventRegisterAny(None, 1, lambda c, pool, data: loop.add("refresh", pool.name()), None)
    daemon.do("POST", "/v1/networks", {"name": "n", "forward": "isolated"})
    daemon.do("DELETE", "/v1/networks/n")
    daemon.do("POST", "/v1/pools", {"name": "p", "path": str(tmp_path)})
    daemon.do("POST", "/v1/pools/p/refresh")
    loop.wait("net", "n", libvirt.VIR_NETWORK_EVENT_UNDEFINED)
    loop.wait("net", "n", libvirt.VIR_NETWORK_EVENT_DEFINED)
    loop.wait("pool", "p", libvirt.VIR_STORAGE_POOL_EVENT_DEFINED)
    loop.wait("refresh", "p")
    opened.close()


def test_monitor_events(daemon, loop):
    libvirt_qemu = pytest.importorskip("libvirt_qemu")
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    opened = libvirt.open(uri(daemon))
    libvirt_qemu.qemuMonitorEventRegister(opened, None, "STOP", lambda c, dom, event, s, us, details, data: loop.add(dom.name(), event), None)
    domain = opened.lookupByName("a")
    domain.create()
    domain.suspend()
    loop.wait("a", "STOP")
    domain.resume()
    domain.destroy()
    assert {event for _, event in loop.take()} == {"STOP"}
    opened.close()


# -- streams -----------------------------------------------------------------------------------------------


def read_until(stream, text):
    data = b""
    while text not in data:
        piece = stream.recv(4096)
        assert piece, data
        data += piece
    return data


def test_console(daemon, tiny, connection):
    daemon.do("POST", "/v1/domains", daemon.tiny_domain("a", tiny))
    domain = connection.lookupByName("a")
    domain.create()
    daemon.wait_console("a", READY)
    stream = connection.newStream()
    domain.openConsole(None, stream)
    stream.send(b"echo for\"\"ty-two\n")
    read_until(stream, b"forty-two")
    second = connection.newStream()
    with pytest.raises(libvirt.libvirtError) as refused:
        domain.openConsole(None, second)
    assert "Active console session exists" in str(refused.value)
    third = connection.newStream()
    domain.openConsole(None, third, libvirt.VIR_DOMAIN_CONSOLE_FORCE)
    while stream.recv(4096):
        pass
    stream.finish()
    third.send(b"echo for\"\"ty-three\n")
    read_until(third, b"forty-three")
    domain.destroy()
    while third.recv(4096):
        pass
    third.finish()


def test_virsh_console(daemon, tiny):
    """`virsh console` on a terminal: what is typed, what is printed, Ctrl-], and the guest's end."""
    daemon.do("POST", "/v1/domains", daemon.tiny_domain("a", tiny))
    virsh(daemon, "start", "a")
    daemon.wait_console("a", READY)
    with Terminal(daemon, "console", "a") as terminal:
        terminal.read_until(b"Escape character is")
        terminal.type_until(b"echo for\"\"ty-four\n", b"forty-four")
        terminal.type(b"\x1d")
        assert terminal.wait() == 0
    with Terminal(daemon, "console", "a") as terminal:
        terminal.read_until(b"Escape character is")
        virsh(daemon, "destroy", "a")
        assert terminal.wait() == 0


class Terminal:
    """virsh on a terminal of its own."""

    def __init__(self, daemon, *argv):
        self.fd, inner = os.openpty()
        self.process = subprocess.Popen(daemon.prefix() + ["virsh", "-c", uri(daemon), *argv], stdin=inner, stdout=inner, stderr=inner,
                                        env=environment(), start_new_session=True)
        os.close(inner)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)

    def type(self, data):
        os.write(self.fd, data)

    def read_until(self, text):
        while text not in self.data:
            self.data += os.read(self.fd, 4096)

    def type_until(self, data, text):
        """Types it again while nothing comes of it: virsh throws away what was typed before its terminal is raw."""
        while text not in self.data:
            self.type(data)
            while text not in self.data and select.select([self.fd], [], [], 2)[0]:
                self.data += os.read(self.fd, 4096)

    def wait(self):
        """What it prints is read, so that it can end."""
        try:
            while piece := os.read(self.fd, 4096):
                self.data += piece
        except OSError:
            pass
        return self.process.wait(timeout=DEADLINE)


def test_console_needs_a_running_domain(daemon, connection):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    with pytest.raises(libvirt.libvirtError) as refused:
        connection.lookupByName("a").openConsole(None, connection.newStream())
    assert refused.value.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID


def test_abort_of_a_console(daemon, tiny, connection):
    daemon.do("POST", "/v1/domains", daemon.tiny_domain("a", tiny))
    domain = connection.lookupByName("a")
    domain.create()
    for _ in range(3):
        stream = connection.newStream()
        domain.openConsole(None, stream)
        stream.abort()
    assert domain.isActive() == 1


def test_graphics_fd(daemon, connection):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a", graphics=[{"kind": "vnc"}]))
    domain = connection.lookupByName("a")
    domain.create()
    descriptor = domain.openGraphicsFD(0, libvirt.VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH)
    with os.fdopen(descriptor, "rb") as viewer:
        assert viewer.read(4) == b"RFB "
    with pytest.raises(libvirt.libvirtError):
        domain.openGraphicsFD(7)


# -- read-only ------------------------------------------------------------------------------------------------


def test_read_only_socket(daemon):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    assert names(virsh(daemon, "list", "--all", read_only=True)) == ["a"]
    done = virsh(daemon, "start", "a", read_only=True, check=False)
    assert done.returncode != 0 and "read only access prevents" in done.stderr
    # The client refuses by itself; one that does not is refused by the daemon.
    uuid = bytes.fromhex(daemon.get("/v1/domains/a")["spec"]["uuid"].replace("-", ""))
    with Raw(daemon, "libvirt-sock-ro") as raw:
        code, _, text = raw.call(9, b"\0\0\0\1a\0\0\0" + uuid + b"\xff\xff\xff\xff").error
        assert code == 29 and text == "operation forbidden: read only access prevents DOMAIN_CREATE"
    assert daemon.state("a") == "shut off"


def test_read_only_by_flag(daemon):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    opened = libvirt.openReadOnly(uri(daemon))
    with pytest.raises(libvirt.libvirtError):
        opened.lookupByName("a").create()
    opened.close()
