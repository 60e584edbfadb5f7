# SPDX-License-Identifier: LGPL-2.1-or-later
"""What guests and QEMU do by themselves, as a client of libvirt's hears of it; ends, iothreads, channels, screens."""
import os
import socket
import struct
import subprocess
import time

import pytest

from conftest import make_daemon
from guest_agent import Agent
from libvirt_client import MESSAGE, OK, Raw, uri, virsh
from skep import BUILD
from stock import can_mount
from streams import Console

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")
event_loop = pytest.importorskip("event_loop")
READY = "skep-tiny ready"
IDS = {name[len("VIR_DOMAIN_EVENT_ID_"):]: getattr(libvirt, name) for name in dir(libvirt)
       if name.startswith("VIR_DOMAIN_EVENT_ID_") and not name.endswith("_LAST")}


@pytest.fixture
def loop():
    return event_loop.the_loop()


@pytest.fixture
def listener(shared_daemon, loop):
    """A connection that is told of every kind of event: (name of the kind, domain, the rest ...)."""
    opened = libvirt.open(uri(shared_daemon))
    callbacks = [opened.domainEventRegisterAny(None, number, lambda c, dom, *rest: loop.add(rest[-1], dom.name(), *rest[:-1]), name)
                 for name, number in IDS.items()]
    yield opened
    for callback in callbacks:
        opened.domainEventDeregisterAny(callback)
    opened.close()


def run_dir(daemon, name):
    return f"{daemon.root}/run/domains/{daemon.get(f'/v1/domains/{name}')['spec']['uuid']}"


def remove(daemon, name):
    daemon.request("DELETE", f"/v1/domains/{name}?force=true", headers={"Prefer": "wait=120"})


def monitor(daemon, name, line):
    answer = daemon.request("POST", f"/v1/domains/{name}/monitor", {"command": line, "human": True})
    return answer.json


@pytest.fixture
def full_disk(tmp_path):
    """A disk whose file can have no more than 64 KiB of its 1 MiB."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", str(small)], capture_output=True).returncode != 0:
        pytest.skip("cannot mount a tmpfs")
    with (small / "d.raw").open("wb") as file:
        file.truncate(1 << 20)
    yield {"target": "vda", "source": "file", "path": str(small / "d.raw"), "format": "raw", "on_write_error": "stop"}
    subprocess.run(["umount", "-l", str(small)], check=True)


# -- a guest that does things ---------------------------------------------------------------------------------------


def test_guest(shared_daemon, tiny, listener, loop, full_disk):
    """Clock, balloon, agent's channel, sleep and waking, a full disk, reset, channels as streams: one guest does it all."""
    d = shared_daemon
    spec = d.tiny_domain("ev-guest", tiny, disks=[full_disk],
                         channels=[{"name": "org.qemu.guest_agent.0", "kind": "agent"}, {"name": "org.example.0", "kind": "unix"}])
    d.do("POST", "/v1/domains", spec)
    dom = listener.lookupByName("ev-guest")
    dom.create()
    d.wait_console("ev-guest", READY)

    with Console(d, "ev-guest", take_over=True) as console:
        def shell(line):
            """Runs a line; its output ends with what the shell puts together."""
            console.forget()
            console.write(f"{line}; echo do''ne-$?\n")
            console.wait("done-")
        console.wait(READY)
        shell("for p in /sys/class/virtio-ports/*; do ln -sf /dev/${p##*/} /dev/$(cat $p/name); done; ls /dev")
        assert "state='disconnected'" in dom.XMLDesc()
        shell("exec 4<>/dev/org.qemu.guest_agent.0")
        loop.wait("AGENT_LIFECYCLE", "ev-guest", 1, 2)
        assert "name='org.qemu.guest_agent.0' state='connected'" in dom.XMLDesc()
        assert "state=" not in dom.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE).partition("<channel")[2].partition("</channel>")[0]
        assert d.get("/v1/domains/ev-guest")["status"]["agent"] is True
        shell("exec 5<>/dev/org.example.0")             # no agent, and told so of none
        assert [e for e in loop.take() if e[0] == "AGENT_LIFECYCLE"] == [("AGENT_LIFECYCLE", "ev-guest", 1, 2)]

        stream = listener.newStream(0)
        dom.openChannel("org.example.0", stream, 0)
        console.forget()
        console.write("head -c 6 <&5; echo 'to the host' >&5\n")
        stream.send(b"hello\n")
        console.wait("hello")
        heard = b""
        while b"to the host" not in heard:
            heard += stream.recv(100)
        again = listener.newStream(0)
        with pytest.raises(libvirt.libvirtError, match="Active channel"):
            dom.openChannel("org.example.0", again, 0)
        with pytest.raises(libvirt.libvirtError, match="only unix ones"):
            dom.openChannel("channel0", listener.newStream(0), 0)
        stream.abort()

        shell("exec 4>&-")
        loop.wait("AGENT_LIFECYCLE", "ev-guest", 2, 2)
        dom.setMemoryFlags(64 * 1024, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        loop.wait("BALLOON_CHANGE", "ev-guest")
        shell("modprobe rtc-cmos 2>/dev/null; date -s '2030-01-01 00:00:00'; hwclock -w")
        assert loop.wait("RTC_CHANGE", "ev-guest")[2] > 86400
        assert dom.diskErrors() == {}
        console.write("dd if=/dev/zero of=/dev/vda bs=64k count=8 conv=fsync\n")
        path, alias, action, reason = loop.wait("IO_ERROR_REASON", "ev-guest")[2:]
        assert path == full_disk["path"] and action == libvirt.VIR_DOMAIN_EVENT_IO_ERROR_PAUSE and reason == "enospc"
        loop.wait("IO_ERROR", "ev-guest", path, alias, action)
        assert dom.diskErrors() == {"vda": libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE}
        assert dom.state() == [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR]
        subprocess.run(["mount", "-o", "remount,size=4m", os.path.dirname(full_disk["path"])], check=True)
        dom.resume()
        console.wait("records out")
        console.write("echo mem >/sys/power/state\n")
        loop.wait("PMSUSPEND", "ev-guest")
        loop.wait("LIFECYCLE", "ev-guest", libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED)
        dom.pMWakeup()
        loop.wait("PMWAKEUP", "ev-guest")
    dom.reset()
    loop.wait("REBOOT", "ev-guest")
    remove(d, "ev-guest")


# -- QEMU alone -------------------------------------------------------------------------------------------------------


@pytest.fixture
def plain(shared_daemon, tmp_path):
    """A domain with nothing in it that boots, but a disk and a drive whose medium is not there."""
    d = shared_daemon
    disk = tmp_path / "vda.raw"
    disk.write_bytes(bytes(1 << 20))
    medium = tmp_path / "medium.iso"
    spec = d.paused_domain("ev-plain", iothreads=1, vcpus={"current": 1, "maximum": 3}, disks=[
        {"target": "vda", "source": "file", "path": str(disk), "format": "raw", "iothread": 1},
        {"target": "sda", "device": "cdrom", "bus": "sata", "source": "file", "path": str(medium), "format": "raw", "startup": "optional"}])
    medium.write_bytes(bytes(1 << 20))
    d.do("POST", "/v1/domains", spec)
    medium.unlink()
    yield "ev-plain"
    remove(d, "ev-plain")


def test_media(shared_daemon, plain, listener, loop, tmp_path):
    dom = listener.lookupByName(plain)
    dom.create()
    old, new, alias, reason = loop.wait("DISK_CHANGE", plain)[2:]
    assert old.endswith("/medium.iso") and not new and reason == libvirt.VIR_DOMAIN_EVENT_DISK_CHANGE_MISSING_ON_START
    (tmp_path / "other.iso").write_bytes(bytes(1 << 20))
    shared_daemon.do("PUT", f"/v1/domains/{plain}/disks/sda/media", {"path": str(tmp_path / "other.iso")})
    shared_daemon.do("DELETE", f"/v1/domains/{plain}/disks/sda/media")
    loop.wait("TRAY_CHANGE", plain, alias, libvirt.VIR_DOMAIN_EVENT_TRAY_CHANGE_OPEN)
    loop.wait("TRAY_CHANGE", plain, alias, libvirt.VIR_DOMAIN_EVENT_TRAY_CHANGE_CLOSE)


def test_live_changes_define_nothing(shared_daemon, plain, listener, loop):
    """The definition is told to have changed when it has."""
    dom = listener.lookupByName(plain)
    dom.create()
    loop.take()
    dom.setBlockIoTune("vda", {"total_bytes_sec": 1048576}, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    dom.attachDeviceFlags("<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>", libvirt.VIR_DOMAIN_AFFECT_LIVE)
    dom.setBlockIoTune("vda", {"total_bytes_sec": 2097152}, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    updated = ("LIFECYCLE", plain, libvirt.VIR_DOMAIN_EVENT_DEFINED, libvirt.VIR_DOMAIN_EVENT_DEFINED_UPDATED)
    loop.wait(*updated)
    assert [event[:4] for event in loop.take() if event[0] == "LIFECYCLE"] == [updated]


def test_tunables(shared_daemon, plain, listener, loop):
    dom = listener.lookupByName(plain)
    dom.create()
    dom.pinVcpuFlags(0, (True,) + (False,) * (os.cpu_count() - 1), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    assert loop.wait("TUNABLE", plain)[2]["cputune.vcpupin0"] == "0"
    loop.take()
    dom.setBlockIoTune("vda", {"total_bytes_sec": 1048576}, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    told = loop.wait("TUNABLE", plain)[2]
    assert told["blkdeviotune.disk"] == "vda" and told["blkdeviotune.total_bytes_sec"] == 1048576


def test_viewer(shared_daemon, plain, listener, loop):
    listener.lookupByName(plain).create()
    with socket.socket(socket.AF_UNIX) as viewer:
        viewer.connect(run_dir(shared_daemon, plain) + "/vnc.sock")
        assert viewer.recv(12).startswith(b"RFB ")
        loop.wait("GRAPHICS", plain, libvirt.VIR_DOMAIN_EVENT_GRAPHICS_CONNECT)
        viewer.sendall(b"RFB 003.008\n")
        count = viewer.recv(1)[0]
        assert 1 in viewer.recv(count)
        viewer.sendall(b"\1")
        assert viewer.recv(4) == b"\0\0\0\0"
        viewer.sendall(b"\1")
        loop.wait("GRAPHICS", plain, libvirt.VIR_DOMAIN_EVENT_GRAPHICS_INITIALIZE)
    loop.wait("GRAPHICS", plain, libvirt.VIR_DOMAIN_EVENT_GRAPHICS_DISCONNECT)


def test_monitor_that_fails(shared_daemon, plain, listener, loop):
    """An answer that is too long ends the connection, not the domain; it is made anew."""
    listener.lookupByName(plain).create()
    monitor(shared_daemon, plain, "xp /1000000xb 0")
    loop.wait("CONTROL_ERROR", plain)
    shared_daemon.wait_until(lambda: "running" in monitor(shared_daemon, plain, "info status").get("answer", ""), "the monitor to be there again", pause=0.2)


# -- ends, iothreads, vCPUs ----------------------------------------------------------------------------------------------


def test_ends(shared_daemon, plain, listener):
    d, dom = shared_daemon, listener.lookupByName(plain)
    dom.create()
    for words, sentence in ((["--mode", "initctl"], "by initctl"), (["--mode", "signal,acpi"], "by signal"), (["--mode", "paravirt"], "by paravirt")):
        done = virsh(d, "shutdown", plain, *words, check=False)
        assert done.returncode != 0 and sentence in done.stderr, done
    with Agent(d, plain, {"guest-shutdown": b""}) as agent:
        virsh(d, "shutdown", plain, "--mode", "agent")
        d.wait_until(lambda: agent.asked, "the agent to be asked")
        assert agent.asked == [("guest-shutdown", {"mode": "powerdown"})]
        del agent.answers["guest-shutdown"]
        refused = d.fails("POST", f"/v1/domains/{plain}/shutdown?modes=agent")
        assert refused[1] == "agent" and "has not been found" in refused[2]
        virsh(d, "shutdown", plain, "--mode", "agent,acpi")         # it refuses, so the button is pressed
        d.wait_state(plain, "in shutdown")
    assert d.fails("POST", f"/v1/domains/{plain}/reboot?modes=nonsense")[1] == "invalid"


def test_lifecycle_actions(shared_daemon, plain, listener):
    d, dom = shared_daemon, listener.lookupByName(plain)
    dom.create()
    virsh(d, "set-lifecycle-action", plain, "reboot", "destroy", "--live", "--config")
    view = d.get(f"/v1/domains/{plain}")
    assert view["spec"]["on_reboot"] == view["live"]["on_reboot"] == "destroy"
    virsh(d, "set-lifecycle-action", plain, "crash", "preserve", "--config")
    assert "<on_crash>preserve</on_crash>" in virsh(d, "dumpxml", "--inactive", plain)
    assert "<on_crash>destroy</on_crash>" in virsh(d, "dumpxml", plain)
    assert "cannot be followed" in virsh(d, "set-lifecycle-action", plain, "crash", "rename-restart", check=False).stderr
    dom.reset()                         # QEMU knows of it too
    d.wait_state(plain, "shut off")


def test_iothreads(shared_daemon, plain, listener):
    d, dom = shared_daemon, listener.lookupByName(plain)
    dom.create()
    virsh(d, "iothreadadd", plain, "2", "--live", "--config")
    assert [thread[0] for thread in dom.ioThreadInfo()] == [1, 2]
    virsh(d, "iothreadset", plain, "2", "--poll-max-ns", "65536", "--poll-grow", "3", "--live")
    assert "poll-max-ns=65536" in monitor(d, plain, "info iothreads")["answer"].replace(" ", "")
    for words, sentence in ((["iothreadadd", plain, "9"], "without a gap"), (["iothreadadd", plain, "1"], "already"),
                            (["iothreaddel", plain, "7"], "cannot find"), (["iothreadset", plain, "7", "--poll-max-ns", "1"], "no iothread 7")):
        assert sentence in virsh(d, *words, check=False).stderr, words
    virsh(d, "iothreaddel", plain, "2", "--live", "--config")
    assert "asks for iothread 1" in virsh(d, "iothreaddel", plain, "1", "--live", check=False).stderr
    assert [thread[0] for thread in dom.ioThreadInfo()] == [1]


def test_single_vcpus(shared_daemon, plain, listener):
    d, dom = shared_daemon, listener.lookupByName(plain)
    virsh(d, "setvcpu", plain, "1-2", "--enable", "--config")
    assert d.get(f"/v1/domains/{plain}")["spec"]["vcpus"]["current"] == 3
    virsh(d, "setvcpu", plain, "1-2", "--disable", "--config")
    dom.create()
    virsh(d, "setvcpu", plain, "1", "--enable", "--live")
    assert dom.vcpusFlags() == 2
    assert "in their order" in virsh(d, "setvcpu", plain, "0", "--disable", "--live", check=False).stderr
    assert "has no vCPU" in virsh(d, "setvcpu", plain, "9", "--enable", "--live", check=False).stderr


def test_screens_and_keys(shared_daemon, listener, tmp_path):
    d = shared_daemon
    d.do("POST", "/v1/domains", d.paused_domain("ev-screens", videos=[{"model": "virtio", "heads": 2}, {"model": "bochs"}]))
    listener.lookupByName("ev-screens").create()
    for screen in ("0", "1", "2"):
        virsh(d, "screenshot", "ev-screens", str(tmp_path / "s.png"), "--screen", screen)
        assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    assert "has no screen 3" in virsh(d, "screenshot", "ev-screens", str(tmp_path / "s.png"), "--screen", "3", check=False).stderr
    for codeset, key in (("linux", "KEY_LEFTCTRL"), ("xt", "57372"), ("usb", "40"), ("win32", "VK_RETURN"), ("os_x", "36"), ("qnum", "156"), ("atset1", "28"), ("atset2", "90"), ("atset2", "57434"), ("atset3", "90"), ("xt_kbd", "107")):
        virsh(d, "send-key", "ev-screens", "--codeset", codeset, key)
    assert "invalid keycode" in virsh(d, "send-key", "ev-screens", "--codeset", "atset3", "255", check=False).stderr
    assert "invalid keycode" in virsh(d, "send-key", "ev-screens", "--codeset", "usb", "200", check=False).stderr
    assert "not supported" in virsh(d, "send-process-signal", "ev-screens", "1", "term", check=False).stderr
    remove(d, "ev-screens")


# -- the host's devices, old clients -----------------------------------------------------------------------------------------


@pytest.fixture
def own_sysfs(tmp_path):
    """A daemon that sees the links of its own network namespace in /sys."""
    if os.geteuid() != 0 or not can_mount():
        pytest.skip("needs root and a mount namespace, for a /sys of its own")
    program = tmp_path / "skepd"
    program.write_text(f"#!/bin/sh\nexec unshare -m sh -c 'mount -t sysfs sysfs /sys && exec \"$0\" \"$@\"' {BUILD}/skepd \"$@\"\n")
    program.chmod(0o755)
    with make_daemon(binary=str(program)) as daemon:
        daemon.start()
        yield daemon


def test_node_devices(own_sysfs, loop):
    d = own_sysfs
    opened = libvirt.open(uri(d))
    number = opened.nodeDeviceEventRegisterAny(None, libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE,
                                               lambda c, dev, event, detail, data: loop.add("nodedev", dev.name(), event), None)
    made = []

    # The daemon looks at the tree when it is first asked; what comes while it does was there before. So another one comes.
    def told():
        made.append(f"evdummy{len(made)}")
        d.run("ip", "link", "add", made[-1], "type", "bridge")
        limit = time.monotonic() + 3
        while time.monotonic() < limit:
            names = [name for kind, name, event in loop.events if event == libvirt.VIR_NODE_DEVICE_EVENT_CREATED and "evdummy" in name]
            if names:
                return names[0]
            time.sleep(0.05)
        return None
    d.wait_until(told, "a link to be told of")
    name = told()
    d.run("ip", "link", "del", name.split("_")[1])
    loop.wait("nodedev", name, libvirt.VIR_NODE_DEVICE_EVENT_DELETED)
    opened.nodeDeviceEventDeregisterAny(number)
    opened.close()


def test_old_registrations(shared_daemon, plain):
    """Clients from before there were callbacks' ids: the same events in the old messages."""
    REGISTER, DEREGISTER, REGISTER_ANY, DEREGISTER_ANY = 105, 106, 167, 168
    OLD_LIFECYCLE, OLD_REBOOT = 107, 169
    def number(value):
        return struct.pack(">i", value)
    with Raw(shared_daemon) as client:
        assert client.call(REGISTER).payload == number(1)
        assert client.call(REGISTER).error[0] == 9                        # once a connection
        assert client.call(REGISTER_ANY, number(1)).status == OK
        assert client.call(REGISTER_ANY, number(16)).error[0] == 1        # has no old form
        shared_daemon.do("POST", f"/v1/domains/{plain}/start")
        shared_daemon.do("POST", f"/v1/domains/{plain}/reset")
        seen = []
        while OLD_REBOOT not in seen:
            message = client.receive()
            assert message.kind == MESSAGE
            seen.append(message.procedure)
            assert message.payload[:4] == number(len(plain))              # the domain comes first, no callback's id
        assert OLD_LIFECYCLE in seen
        assert client.call(DEREGISTER).payload == number(0)
        assert client.call(DEREGISTER_ANY, number(1)).status == OK
        assert client.call(DEREGISTER_ANY, number(1)).error[0] == 8
