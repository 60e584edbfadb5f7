# SPDX-License-Identifier: LGPL-2.1-or-later
"""External snapshots gone back to and deleted, in trees of any shape, of guests that run and domains that are off; at every step of which the
daemon may fail or die."""
import http.client
import os
import shutil
import signal

import pytest

from conftest import make_daemon
from libvirt_client import virsh
from test_block_jobs import below, clean, flat, guest_writes, holds, image, live_path, off, pool_dir, put, records, refused, same

pytestmark = pytest.mark.skipif(shutil.which("virsh") is None, reason="libvirt-clients is not installed")

READY = "skep-tiny ready"
WAIT = {"Prefer": "wait=120"}


def names(d, name):
    return sorted(virsh(d, "snapshot-list", name, "--name").split())


def files_of(d, name):
    return sorted(path.name for path in pool_dir(d).glob(f"{name}*") if path.suffix != ".raw")


def content(path):
    """The pattern of each MiB that somebody put into it."""
    raw = flat(path, f"{path}.raw")
    with open(raw, "rb") as disk:
        seen = []
        for number in range(8):
            disk.seek(number << 20)
            seen.append(disk.read(1)[0])
    os.unlink(raw)
    return seen


class Off:
    """A domain that is off, with one disk; each change puts a number into a MiB of its own."""

    def __init__(self, d, name):
        self.d, self.name = d, name
        self.base = image(pool_dir(d) / f"{name}.qcow2")
        d.do("POST", "/v1/domains", d.paused_domain(name, disks=[{"source": "file", "path": self.base, "format": "qcow2"}]))

    def path(self):
        return live_path(self.d, self.name)

    def write(self, number):
        put(self.path(), number, (number - 1) << 20)

    def take(self, snapshot, *more):
        virsh(self.d, "snapshot-create-as", self.name, snapshot, *(more or ("--disk-only",)))

    def back(self, snapshot):
        virsh(self.d, "snapshot-revert", self.name, snapshot)

    def drop(self, snapshot, *more):
        virsh(self.d, "snapshot-delete", self.name, snapshot, *more)

    def holds(self, *numbers):
        clean(self.path())
        assert content(self.path()) == [n if n in numbers else 0 for n in range(1, 9)]

    def alone(self):
        """There is nothing but what it has now, and its first file, which is not the daemon's to remove."""
        assert set(files_of(self.d, self.name)) == {os.path.basename(self.path()), os.path.basename(self.base)}

    def at(self, snapshot, *numbers):
        """What going back there gives."""
        self.back(snapshot)
        self.holds(*numbers)


@pytest.fixture
def tree(shared_daemon, request):
    """a(1) <- b(1,2) <- c(1,2,3) <- 4; d(1,5) <- now (1,5,6) grew out of a too."""
    one = Off(shared_daemon, f"t{abs(hash(request.node.name)) % 10 ** 8}")
    for number, snapshot in enumerate("abc", 1):
        one.write(number)
        one.take(snapshot)
    one.write(4)
    one.back("a")
    one.write(5)
    one.take("d")
    one.write(6)
    yield one
    shared_daemon.request("DELETE", f"/v1/domains/{one.name}?force=true&metadata=true", headers=WAIT)
    for path in pool_dir(shared_daemon).glob(f"{one.name}*"):
        path.unlink()


STATES = {"a": (1,), "b": (1, 2), "c": (1, 2, 3), "d": (1, 5)}


@pytest.mark.parametrize("gone", ["a", "b", "ad", "cba", "dcba"])
def test_any_of_a_tree(tree, gone):
    for snapshot in gone:
        tree.drop(snapshot)
        tree.holds(1, 5, 6)
    left = sorted(set("abcd") - set(gone))
    assert names(tree.d, tree.name) == left
    for snapshot in left:
        tree.at(snapshot, *STATES[snapshot])
    for snapshot in left:
        tree.drop(snapshot)
    tree.alone()
    tree.holds(*(STATES[left[-1]] if left else (1, 5, 6)))


def test_with_all_that_grew_out_of_it(tree):
    tree.drop("b", "--children")
    assert names(tree.d, tree.name) == ["a", "d"] and len(files_of(tree.d, tree.name)) == 3
    tree.drop("a", "--children-only")
    tree.holds(1, 5, 6)
    assert names(tree.d, tree.name) == ["a"] and len(files_of(tree.d, tree.name)) == 2
    tree.drop("a", "--metadata")
    assert names(tree.d, tree.name) == [] and len(files_of(tree.d, tree.name)) == 2
    tree.holds(1, 5, 6)


def test_somebody_else_is_over_it(tree):
    frozen = below(tree.path())[0]
    clone = image(pool_dir(tree.d) / f"{tree.name}-clone.qcow2", frozen)
    assert clone in refused(tree.d, "snapshot-delete", tree.name, "d")
    tree.holds(1, 5, 6)
    os.unlink(clone)
    tree.drop("d")
    tree.holds(1, 5, 6)


def test_mixed(shared_daemon):
    d = shared_daemon
    one = Off(d, "mixed")
    one.write(1)
    one.take("in", "--diskspec", "vda,snapshot=internal")
    one.write(2)
    one.take("ex")
    one.write(3)
    assert "\"ex\"" in refused(d, "snapshot-revert", one.name, "in")
    one.take("top", "--diskspec", "vda,snapshot=internal")
    one.write(4)
    assert "\"top\"" in refused(d, "snapshot-delete", one.name, "ex")
    one.at("ex", 1, 2)
    one.at("top", 1, 2, 3)
    one.drop("top")
    one.drop("ex")
    one.holds(1, 2, 3)
    one.at("in", 1)
    one.drop("in")
    one.holds(1)
    assert files_of(d, one.name) == ["mixed.qcow2"]
    d.request("DELETE", "/v1/domains/mixed?force=true", headers=WAIT)


def test_of_a_guest_that_runs(shared_daemon, tiny):
    d, name = shared_daemon, "grown"
    path = image(pool_dir(d) / f"{name}.qcow2")
    d.do("POST", "/v1/domains?start=true", d.tiny_domain(name, tiny, disks=[{"source": "file", "path": path, "format": "qcow2"}]))
    d.wait_console(name, READY)
    for number, snapshot in enumerate("abc"):
        guest_writes(d, name, f"word{number}", number)
        virsh(d, "snapshot-create-as", name, snapshot, "--disk-only")
    guest_writes(d, name, "last", 3)
    for snapshot in "bca":
        virsh(d, "snapshot-delete", name, snapshot)
        guest_writes(d, name, "after" + snapshot, 4 + "bca".index(snapshot))
    assert live_path(d, name) == path and below(path) == [] and files_of(d, name) == [f"{name}.qcow2"]
    virsh(d, "snapshot-create-as", name, "z", "--disk-only")
    guest_writes(d, name, "gone", 9)
    booted = d.console_text(name).count(READY)
    virsh(d, "snapshot-revert", name, "z", "--running")
    d.wait_until(lambda: d.console_text(name).count(READY) > booted, "the guest to have booted again")
    guest_writes(d, name, "new", 10)
    off(d, name)
    raw = flat(live_path(d, name), pool_dir(d) / f"{name}.raw")
    for word, at in ("word0", 0), ("word1", 1), ("word2", 2), ("last", 3), ("afterb", 4), ("afterc", 5), ("aftera", 6), ("new", 10):
        assert holds(raw, word, at)
    assert not holds(raw, "gone", 9)
    virsh(d, "snapshot-delete", name, "z")
    clean(path)
    same(path, raw)
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers=WAIT)


# -- the daemon fails, or dies -------------------------------------------------------------------------------------------

DELETE = ["snapshot-delete/note", "snapshot-merge/part", "snapshot-merge/commit", "snapshot-merge/header", "snapshot-merge/removed", "snapshot-delete/merged",
          "snapshot-delete/states", "snapshot-delete/record", "store/commit/snapshot-note", "store/committed/snapshot-note"]
LIVE = ["block-job/note", "block-job/begun", "block-job/end", "block-job/complete", "block-job/definition", "block-job/finalize", "block-job/ended", "block-job/forget",
        "snapshot-merge/commit", "snapshot-merge/removed", "snapshot-delete/record"]
OVER = ["block-job/complete", "block-job/definition", "block-job/finalize"]    # only where the guest goes over to another file
REVERT = ["snapshot-revert/note", "snapshot-revert/end", "snapshot-revert/overlay", "snapshot-revert/disk", "snapshot-revert/record", "snapshot-revert/remove",
          "store/commit/snapshot", "store/committed/snapshot"]


@pytest.fixture
def alone():
    """A daemon of its own; a (1) <- b (1, 2) and (1, 3), which is now."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon() as d:
        d.start()
        one = Off(d, "c")
        one.write(1)
        one.take("a")
        one.write(2)
        one.take("b")
        one.back("a")
        one.write(3)
        yield one


def dies(d, step, method, path, body=None):
    d.restart(env={"SKEP_FAULT_EXIT": step})
    try:
        d.request(method, path, body, headers=WAIT)
    except (OSError, ValueError, http.client.HTTPException):
        pass
    d.wait_until(d.ended, f"the daemon to die at {step}")


def settled(d):
    d.wait_until(lambda: records(d, "snapshot-note") == 0 and records(d, "block-job") == 0, "what was begun to be finished")


@pytest.mark.parametrize("step", DELETE)
def test_daemon_dies_in_a_deletion(alone, step):
    d = alone.d
    if step == "snapshot-merge/header":
        alone.take("e")
        alone.write(4)
    dies(d, step, "DELETE", "/v1/domains/c/snapshots/a")
    d.start()
    settled(d)
    if "a" in names(d, "c"):
        alone.drop("a")
    alone.holds(*((1, 3, 4) if step == "snapshot-merge/header" else (1, 3)))
    alone.at("b", 1, 2)
    for snapshot in names(d, "c"):
        alone.drop(snapshot)
    alone.alone()


def test_daemon_dies_at_a_leaf(alone):
    """b is what nothing grew out of: its file goes."""
    d = alone.d
    dies(d, "snapshot-merge/leaf", "DELETE", "/v1/domains/c/snapshots/b")
    d.restart(env={"SKEP_FAULT": "snapshot-merge/leaf"})
    d.restart()
    settled(d)
    d.wait_until(lambda: names(d, "c") == ["a"], "the snapshot to be gone")
    alone.holds(1, 3)
    assert len(files_of(d, "c")) == 2


def test_each_step_of_a_deletion_fails(alone):
    d = alone.d
    for step in DELETE[:-2]:
        d.restart(env={"SKEP_FAULT": step})
        d.request("DELETE", "/v1/domains/c/snapshots/a", headers=WAIT)
        alone.holds(1, 3) if os.path.exists(alone.path()) else None
    d.restart()
    settled(d)
    if "a" in names(d, "c"):
        alone.drop("a")
    alone.holds(1, 3)
    alone.at("b", 1, 2)


@pytest.mark.parametrize("step", REVERT)
def test_daemon_dies_in_a_revert(alone, step):
    d = alone.d
    dies(d, step, "POST", "/v1/domains/c/snapshots/b/revert", {})
    d.start()
    settled(d)
    alone.at("b", 1, 2)
    alone.at("a", 1)
    assert len(files_of(d, "c")) == 3
    for snapshot in "ab":
        alone.drop(snapshot)
    alone.alone()


def test_each_step_of_a_revert_fails(alone):
    d = alone.d
    for step in REVERT[:-2]:
        d.restart(env={"SKEP_FAULT": step})
        d.request("POST", "/v1/domains/c/snapshots/b/revert", {}, headers=WAIT)
        d.restart(env={"SKEP_FAULT": step})
        d.request("POST", "/v1/domains/c/snapshots/a/revert", {}, headers=WAIT)
    d.restart()
    settled(d)
    alone.at("b", 1, 2)
    alone.at("a", 1)
    assert len(files_of(d, "c")) == 3


@pytest.mark.parametrize("number", range(len(LIVE)))
def test_daemon_dies_beside_a_guest(alone, number):
    """
    a <- b <- now: a goes from below b (an inner commit), or b from below what the guest has; QEMU lives on, or dies too. By turns: each
    step once, and each of the four with steps of all kinds.
    """
    d, step = alone.d, LIVE[number]
    which = "b" if step in OVER or number % 2 == 0 else "a"
    qemu = "dies" if number % 3 == 1 else "lives"
    alone.drop("b")
    alone.take("b")
    alone.write(4)
    d.do("POST", "/v1/domains/c/start?paused=true")
    dies(d, step, "DELETE", f"/v1/domains/c/snapshots/{which}")
    if qemu == "dies":
        for pid in d.qemu_pids():
            os.kill(pid, signal.SIGKILL)
    d.start()
    settled(d)
    d.wait_until(lambda: which not in names(d, "c"), "the snapshot to be gone")
    if qemu == "lives":
        off(d, "c")
    alone.holds(1, 3, 4)
    assert len(files_of(d, "c")) == 2
    other = "ab".replace(which, "")
    alone.at(other, *((1,) if other == "a" else (1, 3)))


def test_disk_is_full(alone):
    """It is not deleted then, nothing is lost, and asking again does it."""
    d = alone.d
    d.restart(env={"SKEP_FAULT": "storage/qemu-img"})
    assert "of no use" in refused(d, "snapshot-delete", "c", "a")
    assert "of no use" in refused(d, "snapshot-revert", "c", "a")
    alone.holds(1, 3)
    d.restart()
    settled(d)
    d.wait_until(lambda: names(d, "c") == ["b"], "the deletion to be finished")
    alone.holds(1, 3)
