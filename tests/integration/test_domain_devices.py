# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices of domains: disks, media and interfaces that come and go, consoles, and one of each other kind."""
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from libvirt_client import virsh
from streams import Console

READY = "skep-tiny ready"


def create(daemon, spec):
    daemon.do("POST", "/v1/domains", spec)
    return spec["name"]


def start_paused(daemon, name, **more):
    create(daemon, daemon.paused_domain(name, **more))
    daemon.do("POST", f"/v1/domains/{name}/start?paused=true")
    return name


def remove(daemon, name):
    daemon.do("DELETE", f"/v1/domains/{name}?force=true&volumes=true")


def spec_of(daemon, name):
    return daemon.get(f"/v1/domains/{name}")["spec"]


def pending(daemon, name):
    return daemon.get(f"/v1/domains/{name}")["status"].get("pending", [])


def links(daemon):
    text = daemon.run("ip", "-o", "link", stdout=subprocess.PIPE, text=True).stdout
    return sorted(line.split(":")[1].strip() for line in text.splitlines() if line.split(":")[1].strip().startswith("skt"))


def wait_network(daemon):
    daemon.wait_until(lambda: daemon.get("/v1/networks/default")["status"]["active"], "the default network")


def shell(console, command, answer):
    """Types a command; answer must not be in the command itself. What was said before does not count."""
    console.forget()
    console.write(command + "\n")
    console.wait(answer)


# -- with a guest --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guest(shared_daemon, tiny):
    """A running tiny guest that all tests with a guest share."""
    d = shared_daemon
    wait_network(d)
    name = create(d, d.tiny_domain("guest", tiny, cmdline="skep.modules=sd_mod,sr_mod", controllers=[{"kind": "scsi"}],
                                   disks=[{"device": "cdrom", "bus": "scsi"}]))
    d.do("POST", f"/v1/domains/{name}/start")
    d.wait_console(name, READY)
    yield name
    remove(d, name)


@pytest.fixture
def console(shared_daemon, guest):
    with Console(shared_daemon, guest, take_over=True) as opened:
        opened.wait(READY)
        yield opened


def sectors(console, disk, count):
    """Waits until the guest sees the disk with so many sectors."""
    shell(console, f"until grep -qx {count} /sys/class/block/{disk}/size; do sleep 0.1; done 2>/dev/null; echo {disk} h'a's {count}",
          f"{disk} has {count}")


def gone(console, path, mark):
    shell(console, f"while [ -e {path} ]; do sleep 0.1; done; echo {mark} is g'on'e", f"{mark} is gone")


@pytest.mark.parametrize("bus, node", [("virtio", "vda"), ("scsi", "sda")])
def test_disks_come_and_go(shared_daemon, guest, console, bus, node):
    d = shared_daemon
    disk = d.do("POST", f"/v1/domains/{guest}/disks", {"size": "8M", "bus": bus, "serial": f"serial-{bus}"})
    assert pending(d, guest) == []
    sectors(console, node, 16384)
    d.do("POST", f"/v1/domains/{guest}/disks/{disk['target']}/resize", {"size": "16M"})
    sectors(console, node, 32768)
    code, error, message = d.fails("POST", f"/v1/domains/{guest}/disks/{disk['target']}/resize", {"size": "4M"})
    assert (code, error) == (400, "invalid") and "larger" in message
    d.do("DELETE", f"/v1/domains/{guest}/disks/{disk['target']}")
    gone(console, f"/sys/class/block/{node}", f"{bus} disk")
    assert d.get(f"/v1/pools/default/volumes/{disk['volume']}")["capacity"] == 16 << 20

    again = {"volume": disk["volume"], "bus": bus}
    d.do("POST", f"/v1/domains/{guest}/disks", again)
    sectors(console, node, 32768)
    d.do("DELETE", f"/v1/domains/{guest}/disks/{disk['target']}?volumes=true")
    assert d.request("GET", f"/v1/pools/default/volumes/{disk['volume']}").status == 404
    assert pending(d, guest) == []


def test_media(shared_daemon, guest, console, tmp_path):
    d = shared_daemon
    medium = tmp_path / "medium.iso"
    medium.write_bytes(b"first medium".ljust(65536, b"\0"))
    other = tmp_path / "other.iso"
    other.write_bytes(b"other medium".ljust(131072, b"\0"))
    target = [disk["target"] for disk in spec_of(d, guest)["disks"] if disk["device"] == "cdrom"][0]
    path = f"/v1/domains/{guest}/disks/{target}/media"
    for file in (medium, other):
        d.do("PUT", path, {"path": str(file)})
        word = file.read_bytes()[:12].decode()
        shell(console, f"until head -c 12 /dev/sr0 2>/dev/null | grep {word.split()[0]}; do sleep 0.2; done; echo", word)
    d.do("DELETE", path)
    assert [disk for disk in spec_of(d, guest)["disks"] if disk["target"] == target][0]["source"] == "none"
    assert d.fails("PUT", path, {"path": "/nonexistent.iso"})[2].find("/nonexistent.iso") > 0
    assert pending(d, guest) == []


@pytest.mark.parametrize("nic", [{"kind": "user"}, {"network": "default"}], ids=["user", "network"])
def test_interfaces_come_and_go(shared_daemon, guest, console, nic):
    d = shared_daemon
    before = links(d)
    made = d.do("POST", f"/v1/domains/{guest}/interfaces", nic)
    mac = made["mac"]
    find = f"$(grep -l {mac} /sys/class/net/*/address | cut -d/ -f5)"
    shell(console, f"until grep -q {mac} /sys/class/net/*/address; do sleep 0.1; done; ip link set {find} up; echo {mac} c'om'es", f"{mac} comes")
    for state, carrier in (("down", 0), ("up", 1)):
        d.do("PATCH", f"/v1/domains/{guest}/interfaces/{mac}", {"link": state})
        shell(console, f"until grep -qx {carrier} /sys/class/net/{find}/carrier; do sleep 0.1; done; echo {mac} l'in'k {carrier}",
              f"{mac} link {carrier}")
    assert len(links(d)) == len(before) + (0 if nic.get("kind") == "user" else 1)
    assert pending(d, guest) == []
    assert d.fails("POST", f"/v1/domains/{guest}/interfaces", {**nic, "mac": mac})[:2] == (409, "exists")
    d.do("DELETE", f"/v1/domains/{guest}/interfaces/{mac}")
    shell(console, f"while grep -q {mac} /sys/class/net/*/address; do sleep 0.1; done; echo {mac} g'oe's", f"{mac} goes")
    d.wait_until(lambda: links(d) == before, "the link to be gone")
    assert d.fails("DELETE", f"/v1/domains/{guest}/interfaces/{mac}")[:2] == (404, "no-device")
    assert pending(d, guest) == []


def test_address_by_dhcp(shared_daemon, tiny):
    d = shared_daemon
    wait_network(d)
    name = create(d, d.tiny_domain("dhcp", tiny, cmdline="skep.dhcp", interfaces=[{"network": "default"}]))
    d.do("POST", f"/v1/domains/{name}/start")
    d.wait_console(name, "skep-tiny address eth0 ")
    d.wait_until(lambda: d.get(f"/v1/domains/{name}")["status"].get("addresses"), "the address to be seen")
    address = d.get(f"/v1/domains/{name}")["status"]["addresses"][0]["address"]
    assert f"skep-tiny address eth0 {address}" in d.console_text(name)
    d.do("POST", f"/v1/domains/{name}/destroy")
    assert d.get(f"/v1/domains/{name}")["status"].get("addresses", []) == []
    remove(d, name)


def test_console_readers_and_writers(shared_daemon, guest):
    d = shared_daemon
    with Console(d, guest, take_over=True) as first, Console(d, guest) as second, Console(d, guest, read_only=True) as third:
        shell(first, "echo fi''rst", "first")
        for reader in (second, third):
            reader.wait("first")
        first.forget()
        second.write("echo sec''ond\n")
        second.wait_notice("keyboard")
        third.write("echo thi''rd\n")
        third.wait_notice("")
        second.take_over()
        first.wait_notice("")
        shell(second, "echo ot''her", "other")
        first.wait("other")
        assert "second" not in first.text and "third" not in first.text
        assert d.request("GET", second.path, headers={"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                                                      "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}).status == 401
    with Console(d, guest) as later:
        later.wait("other")


def test_scrollback_survives_a_crash(shared_daemon, guest):
    d = shared_daemon
    with Console(d, guest, take_over=True) as console:
        shell(console, "echo before the cr''ash", "before the crash")
        d.kill()
        console.wait_closed()
    d.start()
    d.wait_state(guest, "running")
    with Console(d, guest, take_over=True) as console:
        console.wait("before the crash")
        shell(console, "echo after the cr''ash", "after the crash")
    assert d.console_text(guest).count(READY) == 1


# -- without a guest -------------------------------------------------------------------------------------------


def test_vnc(shared_daemon):
    d = shared_daemon
    name = start_paused(d, "vnc", graphics=[{"kind": "vnc", "password": "secret"}])
    with Console(d, name, kind="vnc") as display:
        display.wait("RFB 003.")
        display.write("RFB 003.008\n")
        while len(display.bytes) < 14:
            display.read()
        assert display.bytes[12:14] == b"\1\2", "VNC authentication, and nothing else"
    assert "secret" not in d.request("GET", f"/v1/domains/{name}").body.decode()
    assert d.request("POST", f"/v1/domains/{name}/console", {"kind": "vnc", "read_only": True}).status == 422
    with Console(d, name, kind="vnc") as display:
        display.wait("RFB 003.")
        d.do("POST", f"/v1/domains/{name}/destroy")
        display.wait_closed()
    assert d.request("POST", f"/v1/domains/{name}/console", {"kind": "vnc"}).status == 409
    remove(d, name)


def test_resize_of_files(shared_daemon, guest, console, tmp_path):
    """A file of nobody's pool is resized by the QEMU that runs it, and by nobody else."""
    d = shared_daemon
    path = tmp_path / "file.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "8M"], check=True)
    d.do("POST", f"/v1/domains/{guest}/disks", {"source": "file", "path": str(path), "format": "qcow2", "bus": "virtio", "target": "vdy"})
    virsh(d, "blockresize", guest, "vdy", "16M")
    sectors(console, "vda", 32768)
    status, code, sentence = d.fails("POST", f"/v1/domains/{guest}/disks/vdy/resize", {"size": "4M"})
    assert (status, code) == (400, "invalid") and "is 16 MiB: it can only be made larger" in sentence, sentence
    d.do("DELETE", f"/v1/domains/{guest}/disks/vdy")
    name = create(d, d.paused_domain("resized", disks=[{"source": "file", "path": str(path), "format": "qcow2", "target": "vda"}]))
    status, code, sentence = d.fails("POST", f"/v1/domains/{name}/disks/vda/resize", {"size": "32M"})
    assert code == "unsupported" and "qemu-img resize" in sentence, sentence
    remove(d, name)
    # In a pool's directory, the pool knows at once.
    inside = Path(d.get("/v1/pools/default")["spec"]["path"]) / "inside.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(inside), "8M"], check=True)
    d.do("POST", "/v1/pools/default/refresh")
    name = create(d, d.paused_domain("resized", disks=[{"source": "file", "path": str(inside), "format": "qcow2", "target": "vda"}]))
    d.do("POST", f"/v1/domains/{name}/disks/vda/resize", {"size": "32M"})
    assert d.get("/v1/pools/default/volumes/inside.qcow2")["capacity"] == 32 << 20
    remove(d, name)


def test_devices_while_off(shared_daemon, tmp_path):
    d = shared_daemon
    name = create(d, d.paused_domain("cold", disks=[{"device": "cdrom"}]))
    disk = d.do("POST", f"/v1/domains/{name}/disks", {"size": "1M"})
    d.do("POST", f"/v1/domains/{name}/disks/{disk['target']}/resize", {"size": "2M"})
    assert d.get(f"/v1/pools/default/volumes/{disk['volume']}")["capacity"] == 2 << 20
    medium = tmp_path / "medium.iso"
    medium.write_bytes(bytes(65536))
    cdrom = spec_of(d, name)["disks"][0]["target"]
    d.do("PUT", f"/v1/domains/{name}/disks/{cdrom}/media", {"path": str(medium)})
    nic = d.do("POST", f"/v1/domains/{name}/interfaces", {"kind": "user", "model": "e1000e"})
    d.do("PATCH", f"/v1/domains/{name}/interfaces/{nic['mac']}", {"link": "down"})
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    d.do("POST", f"/v1/domains/{name}/destroy")
    d.do("DELETE", f"/v1/domains/{name}/disks/{cdrom}/media")
    d.do("DELETE", f"/v1/domains/{name}/interfaces/{nic['mac']}")
    d.do("DELETE", f"/v1/domains/{name}/disks/{disk['target']}")
    spec = spec_of(d, name)
    assert [entry["source"] for entry in spec["disks"]] == ["none"] and spec.get("interfaces", []) == []
    assert d.fails("DELETE", f"/v1/domains/{name}/disks/vdz")[:2] == (404, "no-device")
    remove(d, name)
    d.do("DELETE", f"/v1/pools/default/volumes/{disk['volume']}")


def test_one_writer_for_one_disk(shared_daemon):
    d = shared_daemon
    disk = {"pool": "default", "volume": "owner-vda.qcow2"}
    start_paused(d, "owner", disks=[{"size": "1M"}])
    path = spec_of(d, "owner")["disks"][0]["path"]
    create(d, d.paused_domain("other", disks=[disk]))
    code, error, message = d.fails("POST", "/v1/domains/other/start")
    assert (code, error) == (409, "in-use") and '"owner"' in message and "owner-vda.qcow2" in message
    start_paused(d, "third")
    # By volume, by path and by another path to the same file.
    alias = d.root / "alias.qcow2"
    alias.symlink_to(path)
    hard = d.root / "lib" / "hard.qcow2"
    hard.hardlink_to(path)
    for source in (disk, {"source": "file", "path": path}, {"source": "file", "path": str(alias), "format": "qcow2"},
                   {"source": "file", "path": str(hard), "format": "qcow2"}):
        code, error, message = d.fails("POST", "/v1/domains/third/disks", source)
        assert code == 409 and error == "in-use", (source, code, error, message)
    assert d.fails("DELETE", "/v1/pools/default/volumes/owner-vda.qcow2")[0] == 409
    # A crash of the daemon does not make it forget.
    d.kill()
    d.start()
    d.wait_state("owner", "paused")
    assert d.fails("POST", "/v1/domains/other/start")[:2] == (409, "in-use")
    d.do("POST", "/v1/domains/owner/destroy")
    d.do("POST", "/v1/domains/other/start?paused=true")
    assert '"other"' in d.fails("POST", "/v1/domains/owner/start")[2]
    hard.unlink()
    d.do("DELETE", "/v1/domains/other?force=true")
    remove(d, "owner")
    remove(d, "third")


SWTPM = pytest.mark.skipif(shutil.which("swtpm") is None, reason="swtpm is not installed")
KINDS = {
    "pc": {"machine": "pc"},
    "microvm": {"machine": "microvm", "memory": {"current": "96M"}},
    "uefi": {"firmware": {"kind": "uefi"}, "memory": {"current": "64M"}},
    "secure boot": {"firmware": {"kind": "uefi", "secure_boot": True}, "memory": {"current": "64M"}},
    "watchdog": {"watchdog": {}},
    "rng": {"rngs": [{}]},
    "panic": {"panic": {"model": "isa"}},
    "pvpanic": {"panic": {"model": "pvpanic"}},
    "sound": {"sounds": [{"model": "ich9"}]},
    "iothreads": {"iothreads": 2, "disks": [{"size": "1M", "iothread": 1}]},
    "consoles": {"consoles": [{}], "serials": [{"port": 0}, {"port": 1}]},
    "buses": {"disks": [{"size": "1M", "bus": bus} for bus in ("virtio", "scsi", "sata", "usb")]},
    "ide and floppy": {"machine": "pc", "disks": [{"size": "1M", "bus": "ide"}, {"device": "floppy", "source": "none"}]},
    "cards": {"interfaces": [{"kind": "user", "model": model} for model in ("virtio", "e1000e", "e1000", "rtl8139")]},
    "videos": {"videos": [{"model": "virtio"}], "inputs": [{"kind": "tablet"}, {"kind": "keyboard", "bus": "virtio"}]},
    "limits": {"disks": [{"size": "1M", "limits": {"total_bytes_sec": "10M", "total_iops_sec": 100}}]},
    "memory to plug": {"memory": {"current": "128M", "limit": "1G", "slots": 4}},
    "clock": {"clock": {"offset": "timezone", "timezone": "Europe/Berlin"}},
    "topology": {"vcpus": {"current": 2, "maximum": 4, "sockets": 1, "cores": 2, "threads": 2}},
    "boot order": {"disks": [{"size": "1M", "boot_order": 2}, {"device": "cdrom", "boot_order": 1}]},
    "floppy that is empty": {"disks": [{"device": "floppy"}]},
    "characters": {"serials": [{"port": 0, "backend": "null"}, {"port": 1, "backend": "file", "path": "ROOT/serial.log"},
                               {"port": 2, "backend": "unix", "path": "ROOT/serial.sock"}],
                   "channels": [{"name": "com.example.0", "kind": "unix"}]},
    "hyperv": {"features": {"hyperv": ["relaxed", "vpindex"]}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_kind_starts(shared_daemon, tiny, kind):
    """One of each: starts, is taken back by the next daemon, ends, and leaves nothing."""
    d = shared_daemon
    more = json.loads(json.dumps(KINDS[kind]).replace("ROOT", str(d.root)))
    name = start_paused(d, "kind", **more, **({"boot": {"kernel": tiny[0], "initrd": tiny[1]}} if kind == "microvm" else {}))
    assert pending(d, name) == []
    d.do("POST", f"/v1/domains/{name}/resume")
    assert d.state(name) == "running"
    d.do("POST", f"/v1/domains/{name}/destroy")
    remove(d, name)
    assert not any(volume["name"].startswith("kind-") for volume in d.items("/v1/pools/default/volumes"))


def has_open(pid, end):
    """A process, by now nothing but a zombie included, that has a file of such a name open."""
    try:
        name = open(f"/proc/{pid}/comm").read().strip()
        return name == "swtpm" and any(os.readlink(f"/proc/{pid}/fd/{fd}").endswith(end) for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def zombies(d):
    return subprocess.run(["ps", "-o", "stat=,comm=", "--ppid", str(d.process.pid)], capture_output=True, text=True).stdout.count("defunct")


@SWTPM
def test_tpm(shared_daemon):
    d = shared_daemon
    assert d.root.stat().st_mode & 0o77 == 0, "the uid of swtpm cannot pass this directory"
    name = start_paused(d, "tpm", tpm={"model": "crb"}, firmware={"kind": "uefi"}, memory={"current": "64M"})
    uuid = spec_of(d, name)["uuid"]

    def swtpms():
        return [pid for pid in os.listdir("/proc") if pid.isdigit() and has_open(pid, f"/tpm/{uuid}")]

    assert len(swtpms()) == 1
    d.do("POST", f"/v1/domains/{name}/destroy")
    d.wait_until(lambda: swtpms() == [], "the TPM to end with its domain")
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    remove(d, name)
    d.wait_until(lambda: swtpms() == [], "the TPM to end with its domain")
    assert list((d.root / "lib" / "tpm").iterdir()) == []
    assert zombies(d) == 0


def test_shared_directory(shared_daemon):
    d = shared_daemon
    assert d.root.stat().st_mode & 0o77 == 0, "the uid of QEMU cannot pass this directory"
    source = d.root / "share"
    source.mkdir()
    name = start_paused(d, "shares", filesystems=[{"source": str(source), "tag": "host", "read_only": True}])
    d.do("POST", f"/v1/domains/{name}/destroy")
    source.chmod(0o700)
    code, error, message = d.fails("POST", f"/v1/domains/{name}/start")
    assert error == "host" and str(source) in message and "chmod" in message
    remove(d, name)
    create(d, d.paused_domain("shares", filesystems=[{"source": "/nonexistent/dir", "tag": "host"}]))
    assert "/nonexistent/dir" in d.fails("POST", "/v1/domains/shares/start")[2]
    remove(d, "shares")


def test_vsock_or_why_not(shared_daemon):
    d = shared_daemon
    name = create(d, d.paused_domain("vsock", vsock={"cid": 77}))
    answer = d.request("POST", f"/v1/domains/{name}/start?paused=true", headers={"Prefer": "wait=120"})
    if answer.status != 200:
        assert "vsock" in answer.error[1], answer.error
        assert answer.error[0] != "internal"
    remove(d, name)
