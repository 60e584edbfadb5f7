# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon dies between QEMU and its database while a running guest is changed: the next one knows what QEMU has."""
import http.client
import os
import signal
import socket
import json
import subprocess

import pytest

from conftest import make_daemon
from streams import Console

READY = "skep-tiny ready"
WAIT = {"Prefer": "wait=120"}
MAC = "52:54:00:00:00:77"


@pytest.fixture(scope="module")
def home(tiny):
    """A daemon with a running guest that all tests change."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon() as d:
        d.start()
        wait_network(d)
        spec = d.tiny_domain("a", tiny, cmdline="skep.modules=sd_mod,sr_mod", disks=[{"device": "cdrom", "bus": "scsi"}, {"size": "1M"}],
                             interfaces=[{"network": "default", "mac": "52:54:00:00:00:11"}])
        spec["vcpus"] = {"current": 1, "maximum": 2}
        spec["memory"] = {"current": "192M", "limit": "1G", "slots": 2}
        d.do("POST", "/v1/domains?start=true", spec)
        d.wait_console("a", READY)
        yield d
        d.restart()
        d.do("DELETE", "/v1/domains/a?force=true&volumes=true")


def wait_network(d):
    """Skep's own, and those that a test made."""
    def are_up():
        up = {view["spec"]["name"]: view["status"].get("active") for view in d.items("/v1/networks")}
        return up.get("default") and all(up.values())

    d.wait_until(are_up, "the networks")


def view(d):
    return d.get("/v1/domains/a")


def pending(d):
    return view(d)["status"].get("pending", [])


def taps(d):
    text = d.run("ip", "-o", "link", stdout=subprocess.PIPE, text=True).stdout
    return {line.split(":")[1].strip() for line in text.splitlines() if line.split(":")[1].strip().startswith("skt")}


def live_taps(d):
    return {nic["tap"] for nic in view(d)["live"].get("interfaces", []) if nic.get("tap")}


class Monitor:
    """QEMU's own word; the daemon must be down, for there is one monitor."""

    def __init__(self, d, uuid):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(f"{d.root}/run/domains/{uuid}/qmp.sock")
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.file.readline())
            if "event" not in answer:
                return answer["return"]

    def close(self):
        self.file.close()
        self.socket.close()


def devices(d, uuid):
    monitor = Monitor(d, uuid)
    try:
        return {entry["name"] for entry in monitor.ask("qom-list", path="/machine/peripheral")}
    finally:
        monitor.close()


def die_at(d, step, method, path, body):
    """The daemon, which dies at the step; what QEMU has then."""
    uuid = view(d)["spec"]["uuid"]
    d.restart(env={"SKEP_FAULT_EXIT": step})
    d.wait_state("a", "running")
    wait_network(d)
    try:
        d.request(method, path, body, WAIT)
    except (OSError, http.client.HTTPException):
        pass
    assert d.wait_ended() == -signal.SIGKILL, f"{step} was not reached"
    had = devices(d, uuid)
    d.start()
    wait_network(d)
    # The first change of all waits until the domain is taken back.
    d.do("PATCH", "/v1/domains/a", {"title": step})
    return had


def judge(d, kind, key, value, had):
    """What is shown as running is what QEMU has; what is pending is what differs."""
    shown = view(d)
    live = {entry[key]: entry["alias"] for entry in shown["live"].get(kind, [])}
    wanted = {entry[key] for entry in shown["spec"].get(kind, [])}
    assert all(alias in had for alias in live.values()), (live, had)
    aliases = {entry["alias"] for entry in shown["spec"].get(kind, [])} & had
    assert aliases <= set(live.values()), "QEMU has it, but it is not shown as running"
    assert (value in live) == (value in wanted) or any(path.startswith(kind) for path in pending(d))
    if (value in live) == (value in wanted):
        assert pending(d) == []
    d.wait_until(lambda: taps(d) == live_taps(d), "links that nobody has to be gone")


DISK = ["domain-change/record", "domain-note/change", "engine/add-fd", "engine/object-add", "engine/blockdev-add", "engine/device_add",
        "engine/attached"]
NIC = ["domain-change/record", "tap/open", "tap/connect", "domain-note/change", "engine/getfd", "engine/netdev_add", "engine/device_add", "engine/attached"]
DEVICES = {
    "disk": ("disks", "target", DISK, lambda d: {"volume": "spare.qcow2"}),
    "nic": ("interfaces", "mac", NIC, lambda d: {"network": "default", "mac": MAC}),
}


def make_volume(d):
    if d.request("GET", "/v1/pools/default/volumes/spare.qcow2").status == 404:
        d.do("POST", "/v1/pools/default/volumes", {"name": "spare.qcow2", "capacity": "8M"})


@pytest.mark.parametrize("device", DEVICES)
def test_attach(home, device):
    d = home
    kind, key, steps, make = DEVICES[device]
    name = "vdb" if device == "disk" else MAC
    make_volume(d)
    for step in steps:
        d.restart()
        d.wait_state("a", "running")
        wait_network(d)
        before = [entry[key] for entry in view(d)["spec"][kind]]
        had = die_at(d, step, "POST", f"/v1/domains/a/{kind}", make(d))
        judge(d, kind, key, name, had)
        new = {entry[key] for entry in view(d)["spec"][kind]} - set(before)
        assert new in (set(), {name})
        if step == "engine/attached":
            assert new and pending(d) == []
        if new:
            # What is kept can be taken away, whether or not QEMU came to have it.
            d.do("DELETE", f"/v1/domains/a/{kind}/{name}")
        d.do("POST", f"/v1/domains/a/{kind}", make(d))
        assert pending(d) == []
        d.do("DELETE", f"/v1/domains/a/{kind}/{name}")
        assert pending(d) == [] and taps(d) == live_taps(d)


@pytest.mark.parametrize("device", DEVICES)
def test_detach(home, device):
    d = home
    kind, key, _, make = DEVICES[device]
    name = "vdb" if device == "disk" else MAC
    make_volume(d)
    for step in ("domain-note/change", "engine/detached", "domain-change/record"):
        d.restart()
        d.wait_state("a", "running")
        wait_network(d)
        d.do("POST", f"/v1/domains/a/{kind}", make(d))
        had = die_at(d, step, "DELETE", f"/v1/domains/a/{kind}/{name}", None)
        judge(d, kind, key, name, had)
        assert name in {entry[key] for entry in view(d)["spec"][kind]}, "nobody was told that it is gone"
        d.do("DELETE", f"/v1/domains/a/{kind}/{name}")
        assert pending(d) == []
        d.wait_until(lambda: taps(d) == live_taps(d), "the link to be gone")


@pytest.mark.parametrize("patch", [{"vcpus": {"current": 2}}, {"memory": {"current": "320M"}}, {"memory": {"current": "288M"}}],
                         ids=["vcpus", "dimm", "balloon"])
@pytest.mark.parametrize("step", ["domain-note/change", "domain-update/applied"])
def test_update(home, patch, step):
    d = home
    d.restart()
    d.wait_state("a", "running")
    die_at(d, step, "PATCH", "/v1/domains/a", patch)
    shown = view(d)
    assert shown["status"].get("pending", []) == []
    for key, values in patch.items():
        for inner in values:
            assert shown["live"][key][inner] == shown["spec"][key][inner]


@pytest.mark.parametrize("step", ["domain-note/change", "tap/move", "domain-change/record"])
def test_move_to_another_network(home, step):
    """The network that is shown is the one whose bridge the link is on, whatever came between."""
    d = home
    d.restart()
    d.wait_state("a", "running")
    if d.request("GET", "/v1/networks/other").status == 404:
        d.do("POST", "/v1/networks?start=true", {"name": "other"})
    wait_network(d)
    bridges = {name: d.get(f"/v1/networks/{name}")["spec"]["bridge"] for name in ("default", "other")}
    place = "/v1/domains/a/interfaces/52:54:00:00:00:11"
    die_at(d, step, "PATCH", place, {"network": "other"})

    def true():
        shown = view(d)["live"]["interfaces"][0]
        told = json.loads(d.run("ip", "-j", "link", "show", shown["tap"], stdout=subprocess.PIPE, text=True).stdout)[0]
        return told.get("master") == bridges[shown["network"]]

    d.wait_until(true, "the link to be where it is shown")
    assert (view(d)["live"]["interfaces"][0]["network"] != view(d)["spec"]["interfaces"][0]["network"]) == (pending(d) != [])
    for name in ("other", "default"):
        d.do("PATCH", place, {"network": name})
        assert true() and pending(d) == []


@pytest.mark.parametrize("step", ["tap/move", "domain-change/record"])
def test_failed_move_to_another_network(home, step):
    """Nothing has moved, neither now nor when the next daemon comes."""
    d = home
    d.restart()
    if d.request("GET", "/v1/networks/other").status == 404:
        d.do("POST", "/v1/networks?start=true", {"name": "other"})
    d.restart(env={"SKEP_FAULT": step})
    d.wait_state("a", "running")
    wait_network(d)
    nic = view(d)["live"]["interfaces"][0]
    bridge = json.loads(d.run("ip", "-j", "link", "show", nic["tap"], stdout=subprocess.PIPE, text=True).stdout)[0]["master"]
    assert step in d.fails("PATCH", "/v1/domains/a/interfaces/52:54:00:00:00:11", {"network": "other"})[2]
    for _ in range(2):
        assert view(d)["live"]["interfaces"][0]["network"] == view(d)["spec"]["interfaces"][0]["network"] == nic["network"]
        assert json.loads(d.run("ip", "-j", "link", "show", nic["tap"], stdout=subprocess.PIPE, text=True).stdout)[0]["master"] == bridge
        d.restart()
        d.wait_state("a", "running")
        wait_network(d)


def medium(d, uuid):
    """Path of what QEMU has in the cdrom."""
    monitor = Monitor(d, uuid)
    try:
        drive = [entry for entry in monitor.ask("query-block") if "scsi" in entry.get("qdev", "")][0]
        sets = {entry["fdset-id"]: entry["fds"][0].get("opaque") for entry in monitor.ask("query-fdsets") if entry["fds"]}
        return sets[int(drive["inserted"]["image"]["filename"].split("/")[-1])][3:] if drive.get("inserted") else None
    finally:
        monitor.close()


@pytest.mark.parametrize("step", ["domain-note/change", "engine/blockdev-open-tray", "engine/blockdev-remove-medium", "engine/blockdev-add",
                                  "engine/blockdev-insert-medium", "engine/blockdev-close-tray", "domain-change/record"])
def test_media(home, step, tmp_path):
    d = home
    first, second = tmp_path / "first.iso", tmp_path / "second.iso"
    # A word of this test's own: consoles show what earlier tests read, too.
    word = os.urandom(4).hex()
    for path, text in ((first, "first"), (second, f"{word}.end")):
        path.write_bytes(text.encode().ljust(65536, b"\0"))
    d.restart()
    d.wait_state("a", "running")
    drive = [disk["target"] for disk in view(d)["spec"]["disks"] if disk["device"] == "cdrom"][0]
    place = f"/v1/domains/a/disks/{drive}/media"
    d.do("PUT", place, {"path": str(first)})
    uuid = view(d)["spec"]["uuid"]
    die_at(d, step, "PUT", place, {"path": str(second), "force": True})
    live = [disk for disk in view(d)["live"]["disks"] if disk["target"] == drive][0].get("path")
    d.stop()
    try:
        has = medium(d, uuid)
    finally:
        d.start()
    assert live == has
    d.wait_state("a", "running")
    d.do("PUT", place, {"path": str(second), "force": True})
    assert pending(d) == []
    with Console(d, "a", take_over=True) as console:
        console.write(f"\nuntil head -c 12 /dev/sr0 2>/dev/null | grep {word}; do sleep 0.2; done; echo\n")
        console.wait(f"{word}.end")
    d.do("DELETE", place + "?force=true")


def test_monitor_that_was_busy(home):
    """A monitor that did not answer at the daemon's start is tried again."""
    d = home
    d.restart()
    d.wait_state("a", "running")
    pid = view(d)["status"]["pid"]
    d.stop()
    os.kill(pid, signal.SIGSTOP)
    try:
        d.start()
        d.wait_until(lambda: b"does not answer" in d.log(), "the daemon to give up")
    finally:
        os.kill(pid, signal.SIGCONT)
    d.wait_until(lambda: d.request("POST", "/v1/domains/a/suspend", None, WAIT).status == 200, "QEMU to be heard again", pause=0.5)
    d.do("POST", "/v1/domains/a/resume")
    assert d.state("a") == "running"


def test_guest_lets_go_late(home):
    """What the guest gives back after nobody waits for it any more is not shown as running."""
    d = home
    make_volume(d)
    d.restart()
    d.wait_state("a", "running")
    disk = d.do("POST", "/v1/domains/a/disks", {"volume": "spare.qcow2"})
    with Console(d, "a", take_over=True) as console:
        word = os.urandom(4).hex()
        console.write(f"\nuntil [ -e /sys/class/block/vdb ]; do sleep 0.1; done; echo vdb ''{word}\n")
        console.wait(f"vdb {word}")
    d.do("POST", "/v1/domains/a/suspend")
    uuid = view(d)["spec"]["uuid"]
    d.stop()
    monitor = Monitor(d, uuid)
    try:
        monitor.ask("device_del", id=disk["alias"])
    finally:
        monitor.close()
        d.start()
    d.wait_state("a", "paused")
    assert pending(d) == []
    d.do("POST", "/v1/domains/a/resume")
    d.wait_until(lambda: pending(d) != [], "the disk to be seen as gone")
    assert disk["target"] not in [entry["target"] for entry in view(d)["live"]["disks"]]
    d.do("DELETE", f"/v1/domains/a/disks/{disk['target']}")
    d.do("POST", "/v1/domains/a/disks", {"volume": "spare.qcow2"})
    d.do("DELETE", f"/v1/domains/a/disks/{disk['target']}")
    assert pending(d) == []
