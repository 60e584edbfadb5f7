# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shared directories, host devices and vsock of real guests."""
import os

import pytest

from streams import Console

VIRTIOFSD = [path for path in ("/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd") if os.access(path, os.X_OK)]


def run_in_guest(daemon, name, command):
    with Console(daemon, name) as console:
        console.take_over()
        console.write(f"\n{command}; echo E'ND'\n")
        console.wait("\nEND")
        return console.text


def helpers(daemon):
    """Processes of virtiofsd that serve a directory of ours."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            line = open(f"/proc/{entry}/cmdline", "rb").read().decode().split("\0") if entry.isdigit() else [""]
        except OSError:
            continue
        if line[0].endswith("virtiofsd") and str(daemon.root) in " ".join(line):
            found.append(int(entry))
    return found


@pytest.fixture
def share(shared_daemon):
    """A directory that every uid may read, below one that only root may pass."""
    assert os.stat(shared_daemon.root).st_mode & 0o77 == 0
    path = shared_daemon.root / "share"
    path.mkdir(exist_ok=True)
    (path / "note").write_text("read me\n")
    return path


def test_9p_share_is_read_in_the_guest(shared_daemon, tiny, share):
    shared_daemon.do("POST", "/v1/domains", shared_daemon.tiny_domain("nine", tiny, cmdline="skep.modules=9p,9pnet_virtio",
                                                                      filesystems=[{"kind": "9p", "source": str(share), "tag": "share"}]))
    shared_daemon.do("POST", "/v1/domains/nine/start")
    shared_daemon.wait_console("nine", "skep-tiny ready")
    said = run_in_guest(shared_daemon, "nine", "mkdir -p /mnt; mount -t 9p -o trans=virtio share /mnt; cat /mnt/note")
    shared_daemon.do("POST", "/v1/domains/nine/destroy")
    if "No such device" in said:
        pytest.skip("the tiny guest's kernel has no 9p")
    assert "read me" in said


@pytest.mark.skipif(not VIRTIOFSD, reason="needs virtiofsd")
def test_virtiofs_share(shared_daemon, tiny, share):
    body = shared_daemon.tiny_domain("fs", tiny, cmdline="skep.modules=virtiofs",
                                     filesystems=[{"kind": "virtiofs", "source": str(share), "tag": "share"}])
    shared_daemon.do("POST", "/v1/domains", body)
    status, code, sentence = shared_daemon.fails("POST", "/v1/domains/fs/start?paused=true")
    assert code == "invalid" and "memory.shared" in sentence, sentence
    assert helpers(shared_daemon) == []
    shared_daemon.do("PATCH", "/v1/domains/fs", {"memory": {"shared": True}})
    shared_daemon.do("POST", "/v1/domains/fs/start")
    shared_daemon.wait_console("fs", "skep-tiny ready")
    assert "read me" in run_in_guest(shared_daemon, "fs", "mkdir -p /mnt; mount -t virtiofs share /mnt; cat /mnt/note")
    assert helpers(shared_daemon) != []
    shared_daemon.do("POST", "/v1/domains/fs/destroy")
    shared_daemon.wait_until(lambda: helpers(shared_daemon) == [], "virtiofsd to end")


@pytest.mark.parametrize("kind", ["9p", "virtiofs"])
def test_share_of_what_is_no_directory(shared_daemon, kind):
    name = f"no-{kind}"
    shared_daemon.do("POST", "/v1/domains", shared_daemon.paused_domain(name, memory={"current": "32M", "shared": True}, filesystems=[
        {"kind": kind, "source": "/nowhere", "tag": "share"}]))
    _, code, sentence = shared_daemon.fails("POST", f"/v1/domains/{name}/start?paused=true")
    assert code == "invalid" and "/nowhere" in sentence, sentence
    assert shared_daemon.state(name) == "shut off"


@pytest.mark.parametrize("name, more, word", [
    ("usb", {"hostdevs": [{"kind": "usb", "host": "dead:beef"}]}, "dead:beef"),
    ("pci", {"hostdevs": [{"kind": "pci", "host": "00ff:1f:1f.7"}]}, "00ff:1f:1f.7"),
])
def test_device_that_is_not_there(shared_daemon, name, more, word):
    shared_daemon.do("POST", "/v1/domains", shared_daemon.paused_domain(f"no-{name}", **more))
    _, code, sentence = shared_daemon.fails("POST", f"/v1/domains/no-{name}/start?paused=true")
    assert code in ("no-device", "unsupported") and word in sentence, sentence
    assert shared_daemon.state(f"no-{name}") == "shut off"


@pytest.mark.skipif(not VIRTIOFSD, reason="needs virtiofsd")
@pytest.mark.parametrize("step", ["virtiofsd/start", "domain-start/devices", "domain-start/process", "domain-start/ready"])
def test_fault_of_a_start_leaves_no_virtiofsd(daemon, step):
    daemon.restart(env={"SKEP_FAULT": step})
    share = daemon.root / "share"
    share.mkdir()
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a", memory={"current": "32M", "shared": True}, filesystems=[
        {"kind": "virtiofs", "source": str(share), "tag": "share"}]))
    _, _, sentence = daemon.fails("POST", "/v1/domains/a/start?paused=true")
    assert step in sentence
    daemon.wait_until(lambda: helpers(daemon) == [] and daemon.qemu_pids() == [], "virtiofsd to end")
    assert daemon.state("a") == "shut off"


def test_vsock(shared_daemon):
    for name in ("v1", "v2"):
        shared_daemon.do("POST", "/v1/domains", shared_daemon.paused_domain(name, vsock={"cid": 0}))
    if not os.path.exists("/dev/vhost-vsock"):
        _, code, sentence = shared_daemon.fails("POST", "/v1/domains/v1/start?paused=true")
        assert code == "unsupported" and "/dev/vhost-vsock" in sentence and "modprobe" in sentence, sentence
        return
    for name in ("v1", "v2"):
        shared_daemon.do("POST", f"/v1/domains/{name}/start?paused=true")
        assert not shared_daemon.get(f"/v1/domains/{name}")["status"].get("pending")
