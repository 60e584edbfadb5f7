# SPDX-License-Identifier: LGPL-2.1-or-later
"""Snapshots with overlays (disk-only, external), of guests that run and domains that are off; at every step of which the daemon may fail or die."""
import http.client
import os
import shutil
import signal

import pytest

from conftest import make_daemon
from libvirt_client import valid, virsh
from test_block_jobs import below, clean, flat, guest_writes, holds, image, live_path, make_chain, off, pool_dir, put, records, refused, same, told

pytestmark = pytest.mark.skipif(shutil.which("virsh") is None, reason="libvirt-clients is not installed")

READY = "skep-tiny ready"
WAIT = {"Prefer": "wait=120"}


@pytest.fixture
def two(shared_daemon, request):
    """A domain that stands still, with two disks in the default pool."""
    d = shared_daemon
    name = f"t{abs(hash(request.node.name)) % 10 ** 8}"
    paths = [image(pool_dir(d) / f"{name}-{letter}.qcow2") for letter in "ab"]
    for path in paths:
        put(path, 7, 0)
    d.do("POST", "/v1/domains", d.paused_domain(name, disks=[{"source": "file", "path": path, "format": "qcow2"} for path in paths]))
    yield name, paths
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers=WAIT)
    for path in pool_dir(d).glob(f"{name}*"):
        path.unlink()


def names(d, name):
    return virsh(d, "snapshot-list", name, "--name").split()


def test_of_a_guest_that_runs(shared_daemon, tiny, request):
    d, name = shared_daemon, "overlaid"
    path = image(pool_dir(d) / f"{name}.qcow2")
    d.do("POST", "/v1/domains?start=true", d.tiny_domain(name, tiny, disks=[{"source": "file", "path": path, "format": "qcow2"}]))
    d.wait_console(name, READY)
    guest_writes(d, name, "before", 3)
    virsh(d, "snapshot-create-as", name, "one", "--disk-only", "--atomic")
    overlay = str(pool_dir(d) / f"{name}.one")
    assert live_path(d, name) == overlay and below(overlay) == [path]
    guest_writes(d, name, "after", 4)
    xml = virsh(d, "snapshot-dumpxml", name, "one")
    valid(xml, "domainsnapshot.rng")
    assert overlay in xml and names(d, name) == ["one"] and "disk-snapshot" in xml.replace("running", "disk-snapshot")
    virsh(d, "snapshot-create-as", name, "two", "--disk-only", "--no-metadata", "--diskspec", f"vda,file={pool_dir(d)}/{name}-second.qcow2,snapshot=external")
    second = str(pool_dir(d) / f"{name}-second.qcow2")
    assert names(d, name) == ["one"] and below(second) == [overlay, path]
    guest_writes(d, name, "later", 5)
    assert "Successfully pivoted" in told(d, "blockcommit", name, "vda", "--active", "--pivot", "--wait", "--verbose", "--base", overlay, "--delete")
    assert live_path(d, name) == overlay
    assert "snapshot \"one\"" in refused(d, "blockcommit", name, "vda", "--active", "--pivot", "--wait", "--delete")
    assert live_path(d, name) == overlay
    virsh(d, "snapshot-delete", name, "one", "--metadata")
    told(d, "blockcommit", name, "vda", "--active", "--pivot", "--wait", "--delete")
    assert live_path(d, name) == path and not os.path.exists(overlay)
    off(d, name)
    raw = flat(path, pool_dir(d) / f"{name}.raw")
    assert holds(raw, "before", 3) and holds(raw, "after", 4) and holds(raw, "later", 5)
    clean(path)
    d.do("POST", f"/v1/domains/{name}/start")
    d.wait_state(name, "running")
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers=WAIT)


def test_two_disks_at_one_instant(shared_daemon, two):
    d, (name, paths) = shared_daemon, two
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    virsh(d, "snapshot-create-as", name, "s", "--disk-only", "--diskspec", "vdb,snapshot=no")
    overlay = str(pool_dir(d) / f"{name}-a.s")
    assert live_path(d, name) == overlay and live_path(d, name, "vdb") == paths[1]
    virsh(d, "snapshot-create-as", name, "t", "--disk-only")
    assert below(live_path(d, name)) == [overlay, paths[0]] and below(live_path(d, name, "vdb")) == [paths[1]]
    assert virsh(d, "snapshot-parent", name, "t").strip() == "s"
    assert virsh(d, "snapshot-current", name, "--name").strip() == "t"
    top = live_path(d, name)
    virsh(d, "blockpull", name, "vda", "--wait")
    assert below(top) == []
    off(d, name)
    same(top, paths[0])


def test_of_a_domain_that_is_off(shared_daemon, two):
    d, (name, paths) = shared_daemon, two
    virsh(d, "snapshot-create-as", name, "s", "--disk-only")
    overlays = [live_path(d, name), live_path(d, name, "vdb")]
    assert [below(path) for path in overlays] == [[paths[0]], [paths[1]]]
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    off(d, name)
    put(overlays[0], 9, 1 << 20)
    virsh(d, "snapshot-revert", name, "s")
    now = [live_path(d, name), live_path(d, name, "vdb")]
    assert [below(path) for path in now] == [[paths[0]], [paths[1]]] and set(now).isdisjoint(overlays)
    assert not any(os.path.exists(path) for path in overlays)
    same(now[0], paths[0])
    virsh(d, "snapshot-delete", name, "s")
    assert [live_path(d, name), live_path(d, name, "vdb")] == paths and not any(os.path.exists(path) for path in now)


def test_files_that_are_there(shared_daemon, two):
    d, (name, paths) = shared_daemon, two
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    spec = ["--diskspec", "vdb,snapshot=no", "--diskspec", f"vda,file={pool_dir(d)}/{name}-x.qcow2"]
    assert "no file" in refused(d, "snapshot-create-as", name, "s", "--disk-only", "--reuse-external", *spec)
    image(pool_dir(d) / f"{name}-x.qcow2")
    assert "already" in refused(d, "snapshot-create-as", name, "s", "--disk-only", *spec)
    assert "not laid over" in refused(d, "snapshot-create-as", name, "s", "--disk-only", "--reuse-external", *spec)
    image(pool_dir(d) / f"{name}-x.qcow2", paths[0])
    virsh(d, "snapshot-create-as", name, "s", "--disk-only", "--reuse-external", *spec)
    assert live_path(d, name) == str(pool_dir(d) / f"{name}-x.qcow2")
    assert "agent" in refused(d, "snapshot-create-as", name, "q", "--disk-only", "--quiesce")
    assert names(d, name) == ["s"]


# -- the daemon fails, or dies -----------------------------------------------------------------------------------------

def test_with_memory(shared_daemon, tiny):
    """Memory in a file of its own, overlays over all disks; going back goes on from there, without a boot."""
    d, name = shared_daemon, "remembered"
    path, memory = image(pool_dir(d) / f"{name}.qcow2"), pool_dir(d) / f"{name}.mem"
    memspec = ("--memspec", f"{memory},snapshot=external")
    d.do("POST", "/v1/domains", d.tiny_domain(name, tiny, disks=[{"source": "file", "path": path, "format": "qcow2"}]))
    assert "no memory" in refused(d, "snapshot-create-as", name, "m", *memspec)
    d.do("POST", f"/v1/domains/{name}/start")
    d.wait_console(name, READY)
    guest_writes(d, name, "before", 3)
    virsh(d, "snapshot-create-as", name, "m", *memspec)
    assert live_path(d, name) == str(pool_dir(d) / f"{name}.m") and memory.stat().st_size > 1 << 20
    xml = virsh(d, "snapshot-dumpxml", name, "m")
    valid(xml, "domainsnapshot.rng")
    assert f"<memory snapshot='external' file='{memory}'/>" in xml and "<state>running</state>" in xml
    guest_writes(d, name, "after", 4)
    booted = d.console_text(name).count(READY)
    virsh(d, "snapshot-revert", name, "m")
    d.wait_state(name, "running")
    guest_writes(d, name, "new", 5)
    assert d.console_text(name).count(READY) == booted
    off(d, name)
    raw = flat(live_path(d, name), pool_dir(d) / f"{name}.raw")
    assert holds(raw, "before", 3) and holds(raw, "new", 5) and not holds(raw, "after", 4)
    virsh(d, "snapshot-delete", name, "m")
    clean(path)
    same(path, raw)
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers=WAIT)


STEPS = ["snapshot-create/note", "snapshot-create/overlay", "snapshot-create/disks", "snapshot-create/switched", "snapshot-create/record",
         "store/commit/snapshot-note", "store/commit/snapshot", "domain-note/change"]


@pytest.fixture
def crashing():
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon() as d:
        d.start()
        paths = make_chain(d, "c", 2)
        before = flat(paths[-1], d.root / "before.raw")
        d.do("POST", "/v1/domains?start=true&paused=true", d.paused_domain("c", disks=[{"source": "file", "path": paths[-1], "format": "qcow2"}]))
        yield d, paths, before


def take(d):
    return d.request("POST", "/v1/domains/c/snapshots", {"name": "s", "external": True}, headers=WAIT)


def old_or_new(d, paths):
    """All says that there is the snapshot, or nothing does."""
    d.wait_until(lambda: records(d, "snapshot-note") == 0, "what was begun to be finished")
    d.wait_until(lambda: d.get("/v1/domains/c")["spec"]["disks"][0]["path"] == live_path(d, "c"), "the definition to be what runs")
    overlay = str(pool_dir(d) / "c-1.s")
    made = live_path(d, "c") == overlay
    assert made or live_path(d, "c") == paths[1]
    d.wait_until(lambda: names(d, "c") == (["s"] if made else []), "the snapshot")
    assert os.path.exists(overlay) == made
    return made


def undo(d, paths):
    if not old_or_new(d, paths):
        return
    virsh(d, "snapshot-delete", "c", "s", "--metadata")
    told(d, "blockcommit", "c", "vda", "--active", "--pivot", "--wait", "--delete", "--shallow")


def test_each_step_fails(crashing):
    d, paths, before = crashing
    for step in STEPS:
        d.restart(env={"SKEP_FAULT": step})
        take(d)
        d.restart()
        undo(d, paths)
    assert take(d).json["state"] == "done" and old_or_new(d, paths)
    path = live_path(d, "c")
    off(d, "c")
    same(path, before)


@pytest.mark.parametrize("step", STEPS + ["store/committed/snapshot-note", "store/committed/snapshot"])
@pytest.mark.parametrize("qemu", ["lives", "dies"])
def test_daemon_dies(crashing, step, qemu):
    d, paths, before = crashing
    d.restart(env={"SKEP_FAULT_EXIT": step})
    try:
        take(d)
    except (OSError, ValueError, http.client.HTTPException):
        pass
    d.wait_until(d.ended, f"the daemon to die at {step}")
    if qemu == "dies":
        for pid in d.qemu_pids():
            os.kill(pid, signal.SIGKILL)
    d.start()
    if qemu == "dies":
        d.wait_state("c", "shut off")
    old_or_new(d, paths)
    path = live_path(d, "c")
    if qemu == "lives":
        off(d, "c")
    same(path, before)
    d.do("POST", "/v1/domains/c/start?paused=true")


@pytest.mark.parametrize("how", ["SKEP_FAULT", "SKEP_FAULT_EXIT"])
@pytest.mark.parametrize("step", ["snapshot-create/memory", "snapshot-create/record"])
def test_memory_is_not_saved(crashing, step, how):
    """What is left is a snapshot of the disks alone, which is of use."""
    d, paths, before = crashing
    d.restart(env={how: step})
    memory = pool_dir(d) / "c.mem"
    try:
        d.request("POST", "/v1/domains/c/snapshots", {"name": "s", "external": True, "memory": True, "memory_path": str(memory)}, headers=WAIT)
    except (OSError, ValueError, http.client.HTTPException):
        pass
    if how == "SKEP_FAULT_EXIT":
        d.wait_until(d.ended, f"the daemon to die at {step}")
    d.restart()
    assert old_or_new(d, paths) and not memory.exists()
    assert "<memory snapshot='no'/>" in virsh(d, "snapshot-dumpxml", "c", "s")
    d.wait_state("c", "paused")
    virsh(d, "snapshot-revert", "c", "s")
    same(live_path(d, "c"), before)


@pytest.mark.parametrize("how", ["SKEP_FAULT", "SKEP_FAULT_EXIT"])
def test_finishing_is_tried_again(crashing, how):
    """QEMU writes to the overlay, so the next daemon goes forward: when that fails, or it dies there too, the one after it does."""
    d, paths, before = crashing
    step = "snapshot-create/finish"
    d.restart(env={"SKEP_FAULT_EXIT": "snapshot-create/switched"})
    with pytest.raises((OSError, http.client.HTTPException)):
        take(d)
    d.wait_until(d.ended, "the daemon to die")
    d.start(env={how: step}, expect_ready=False)
    d.wait_until(lambda: d.ended() if how == "SKEP_FAULT_EXIT" else step.encode() in d.log(), "the end, or the word of it")
    assert records(d, "snapshot-note") == 1
    if not d.ended():
        d.stop()
    d.start()
    assert old_or_new(d, paths)
    path = live_path(d, "c")
    off(d, "c")
    same(path, before)
