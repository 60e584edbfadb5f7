# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checkpoints: which bitmaps are in which disk, in every state of the domain, and at every step of which the daemon may die."""
import json
import os
import shutil
import signal
import subprocess

import pytest

from conftest import make_daemon
from libvirt_client import virsh
from second_monitor import Monitors
from test_snapshot import HOW, ask, clean, disk

needs_virsh = pytest.mark.skipif(shutil.which("virsh") is None, reason="libvirt-clients is not installed")
CLUSTER = 65536


@pytest.fixture(scope="module")
def monitors():
    made = Monitors()
    yield made
    made.close()


def bitmaps(path):
    """Names of a file's bitmaps, those that are not whole in brackets; of a file that nobody has open."""
    info = json.loads(subprocess.run(["qemu-img", "info", "-U", "--output=json", str(path)], check=True, capture_output=True).stdout)
    listed = info.get("format-specific", {}).get("data", {}).get("bitmaps", [])
    return sorted("(%s)" % entry["name"] if "in-use" in entry["flags"] else entry["name"] for entry in listed)


def known(d, name):
    return {entry["name"]: entry for entry in d.items(f"/v1/domains/{name}/checkpoints")}


def take(d, name, checkpoint, **more):
    return d.do("POST", f"/v1/domains/{name}/checkpoints", {"name": checkpoint, **more})


def drop(d, name, checkpoint, query=""):
    return d.do("DELETE", f"/v1/domains/{name}/checkpoints/{checkpoint}{query}")


def files(*paths):
    return [{"source": "file", "path": str(path), "format": "qcow2"} for path in paths]


@pytest.fixture
def two(shared_daemon, monitors, tmp_path, request):
    """A domain with two disks, that is off."""
    d = shared_daemon
    name = f"c{abs(hash(request.node.name)) % 10 ** 8}"
    paths = [disk(d, tmp_path / "a.qcow2", "4M"), disk(d, tmp_path / "b.qcow2", "4M")]
    d.do("POST", "/v1/domains", d.paused_domain(name, disks=files(*paths), qemu_args=monitors.args(name)))
    yield name, paths
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers={"Prefer": "wait=120"})


def start(d, name):
    d.do("POST", f"/v1/domains/{name}/start?paused=true")


def stop(d, name):
    d.do("POST", f"/v1/domains/{name}/destroy")


def size(d, name, checkpoint, target="vda"):
    shown = d.get(f"/v1/domains/{name}/checkpoints/{checkpoint}")
    return next(entry for entry in shown["disks"] if entry["target"] == target).get("size", 0)


def test_through_all_states(shared_daemon, monitors, two):
    d, m, (name, paths) = shared_daemon, monitors, two
    take(d, name, "off", description="while it is off")
    assert [bitmaps(path) for path in paths] == [["off"], ["off"]]
    start(d, name)
    m.guest_io(name, "write -P 1 0 64k")
    take(d, name, "on")
    m.guest_io(name, "write -P 2 128k 128k")
    assert m.bitmaps(name) == {"off": 3 * CLUSTER, "on": 2 * CLUSTER} and m.bitmaps(name, "vdb") == {"off": 0, "on": 0}
    assert size(d, name, "off") == 3 * CLUSTER and size(d, name, "on") == 2 * CLUSTER and size(d, name, "on", "vdb") == 0
    listed = known(d, name)
    assert listed["on"]["parent"] == "off" and listed["on"]["current"] and not listed["off"]["current"]
    assert listed["off"]["description"] == "while it is off" and "definition" not in listed["off"]
    d.kill()
    d.start()
    assert known(d, name) == listed and m.bitmaps(name) == {"off": 3 * CLUSTER, "on": 2 * CLUSTER}
    stop(d, name)
    assert [bitmaps(path) for path in paths] == [["off", "on"]] * 2
    start(d, name)
    m.guest_io(name, "write -P 3 1M 64k")
    assert m.bitmaps(name) == {"off": 4 * CLUSTER, "on": 3 * CLUSTER}
    # The other keeps all it had.
    drop(d, name, "on")
    assert m.bitmaps(name) == {"off": 4 * CLUSTER} and known(d, name)["off"]["current"]
    stop(d, name)
    drop(d, name, "off")
    assert known(d, name) == {} and [bitmaps(path) for path in paths] == [[], []]
    for path in paths:
        clean(path)


def test_memory_moves_with_it(shared_daemon, monitors, two):
    """A saved state, and a snapshot with memory, close the disks for a moment: what was counted stays."""
    d, m, (name, paths) = shared_daemon, monitors, two
    start(d, name)
    take(d, name, "c")
    m.guest_io(name, "write -P 1 0 64k")
    d.do("POST", f"/v1/domains/{name}/snapshots", {"name": "s", "memory": True})
    m.guest_io(name, "write -P 1 64k 64k")
    assert m.bitmaps(name) == {"c": 2 * CLUSTER}
    code, error, text = d.fails("POST", f"/v1/domains/{name}/snapshots/s/revert", {})
    assert error == "state" and "checkpoints" in text
    d.do("POST", f"/v1/domains/{name}/save", {})
    assert [bitmaps(path) for path in paths] == [["c"]] * 2
    d.do("POST", f"/v1/domains/{name}/start")
    assert m.bitmaps(name) == {"c": 2 * CLUSTER}


def test_qemu_that_dies(shared_daemon, monitors, two):
    """Its bitmaps are not whole then: told so, and gone when asked."""
    d, m, (name, paths) = shared_daemon, monitors, two
    take(d, name, "c")
    start(d, name)
    m.guest_io(name, "write -P 1 0 64k")
    os.kill(d.get(f"/v1/domains/{name}")["status"]["pid"], signal.SIGKILL)
    d.wait_until(lambda: d.state(name) in ("shut off", "crashed"), "the end")
    assert bitmaps(paths[0]) == ["(c)"]
    start(d, name)
    given = {"name": "c", "disks": [{"target": "vda"}]}
    code, error, text = d.fails("PUT", f"/v1/domains/{name}/checkpoints/c?validate=true", given)
    assert error == "state" and "not whole" in text
    drop(d, name, "c")
    assert m.bitmaps(name) == {}


def test_refused(shared_daemon, tmp_path):
    d, name = shared_daemon, "c-refused"
    raw, qcow = disk(d, tmp_path / "r.img", "1M", "raw"), disk(d, tmp_path / "q.qcow2", "1M")
    d.do("POST", "/v1/domains", d.paused_domain(name, disks=[{"source": "file", "path": raw, "format": "raw"}] + files(qcow)))
    try:
        where = f"/v1/domains/{name}/checkpoints"
        for running in (False, True):
            if running:
                start(d, name)
            for body, word, code in (({"name": "c"}, "vda", "unsupported"), ({"name": "c", "disks": [{"target": "vdz"}]}, "vdz", "no-device"),
                                     ({"name": "c", "disks": [{"target": "vdb"}, {"target": qcow}]}, "twice", "no-device"),
                                     ({"name": "a b"}, "a b", "invalid"), ({"name": ".c"}, "dot", "invalid"),
                                     ({"name": "c", "disks": [{"target": "vdb", "kind": "left out"}]}, "no disk", "invalid"),
                                     ({"name": "c", "quiesce": True, "disks": [{"target": "vdb"}]}, "agent", None)):
                _, error, text = d.fails("POST", where, body)
                assert word in text and code in (None, error), (body, error, text)
            assert known(d, name) == {}
        stop(d, name)
        subprocess.run(["qemu-img", "bitmap", "--add", qcow, "other"], check=True)
        for running in (False, True):
            if running:
                start(d, name)
            _, error, text = d.fails("POST", where, {"name": "other", "disks": [{"target": "vdb"}]})
            assert error == "exists" and "not known here" in text
        take(d, name, "c", disks=[{"target": "vdb", "bitmap": "mine"}])
        _, error, _ = d.fails("POST", where, {"name": "c", "disks": [{"target": "vdb"}]})
        assert error == "exists"
        assert d.fails("DELETE", f"{where}/none")[1] == "no-checkpoint"
        assert d.fails("POST", f"/v1/domains/{name}/undefine")[1] == "state"
        stop(d, name)
        assert bitmaps(qcow) == ["mine", "other"]
        d.do("POST", f"/v1/domains/{name}/undefine?checkpoints=true")
    finally:
        d.request("DELETE", f"/v1/domains/{name}?force=true", headers={"Prefer": "wait=120"})


def test_command_line(shared_daemon, two):
    d, (name, paths) = shared_daemon, two
    d.skep("checkpoint", "create", name, "monday", "--description", "a week begins")
    d.skep("checkpoint", "create", name, "tuesday")
    assert "monday" in d.skep("checkpoint", "ls", name).stdout
    assert "vdb" in d.skep("checkpoint", "show", name, "tuesday").stdout
    d.skep("--yes", "checkpoint", "delete", name, "monday")
    assert bitmaps(paths[1]) == ["tuesday"] and known(d, name)["tuesday"].get("parent") is None


# -- virsh ---------------------------------------------------------------------------------------------------------------

def valid(xml, schema="domaincheckpoint"):
    if shutil.which("xmllint") is None:
        return
    done = subprocess.run(["xmllint", "--noout", "--relaxng", f"/usr/share/libvirt/schemas/{schema}.rng", "-"], input=xml, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + xml


@needs_virsh
def test_virsh(shared_daemon, monitors, two, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    start(d, name)
    virsh(d, "checkpoint-create-as", name, "c1", "the first")
    m.guest_io(name, "write -P 1 0 64k")
    (tmp_path / "c2.xml").write_text("<domaincheckpoint><name>c2</name><disks><disk name='vda' bitmap='mine'/></disks></domaincheckpoint>")
    virsh(d, "checkpoint-create", name, str(tmp_path / "c2.xml"))
    virsh(d, "checkpoint-create-as", name, "c3", "--diskspec", "vda,checkpoint=bitmap", "--diskspec", "vdb,checkpoint=no")
    assert sorted(m.bitmaps(name)) == ["c1", "c3", "mine"] and sorted(m.bitmaps(name, "vdb")) == ["c1"]
    tree = virsh(d, "checkpoint-list", name, "--tree").split("\n")
    assert tree[0] == "c1" and "+- c2" in tree[2] and "+- c3" in tree[4]
    assert virsh(d, "checkpoint-list", name, "--name").split() == ["c1", "c2", "c3"]
    assert virsh(d, "checkpoint-list", name, "--name", "--roots").split() == ["c1"]
    assert virsh(d, "checkpoint-list", name, "--name", "--leaves").split() == ["c3"]
    assert virsh(d, "checkpoint-list", name, "--name", "--from", "c1", "--descendants").split() == ["c2", "c3"]
    assert virsh(d, "checkpoint-list", name, "--name", "--from", "c1").split() == ["c2"]
    assert virsh(d, "checkpoint-parent", name, "c3").strip() == "c2"
    info = virsh(d, "checkpoint-info", name, "c2")
    assert "c1" in info and name in info and virsh(d, "checkpoint-parent", name, "c1", check=False).returncode != 0
    xml = virsh(d, "checkpoint-dumpxml", name, "c1").replace('"', "'")
    valid(xml)
    assert "<description>the first</description>" in xml and "<disk name='vda' checkpoint='bitmap' bitmap='c1'/>" in xml and "<domain " in xml
    assert xml == virsh(d, "checkpoint-dumpxml", name, "c1").replace('"', "'")
    small = virsh(d, "checkpoint-dumpxml", name, "c1", "--no-domain", "--size").replace('"', "'")
    valid(small)
    assert f"bitmap='c1' size='{CLUSTER}'" in small and "<domain " not in small
    assert name in virsh(d, "list", "--all", "--name", "--with-checkpoint").split()
    assert name not in virsh(d, "list", "--all", "--name", "--without-checkpoint").split()
    # Forgotten, and told again.
    kept = {c: virsh(d, "checkpoint-dumpxml", name, c, "--security-info") for c in ("c1", "c2", "c3")}
    virsh(d, "checkpoint-delete", name, "c1", "--children", "--metadata")
    assert virsh(d, "checkpoint-list", name, "--name").split() == [] and sorted(m.bitmaps(name)) == ["c1", "c3", "mine"]
    for c in ("c1", "c2", "c3"):
        (tmp_path / "again.xml").write_text(kept[c])
        virsh(d, "checkpoint-create", name, str(tmp_path / "again.xml"), "--redefine", "--redefine-validate")
    assert {c: virsh(d, "checkpoint-dumpxml", name, c, "--security-info") for c in kept} == kept
    virsh(d, "checkpoint-create-as", name, "c4")
    assert virsh(d, "checkpoint-parent", name, "c4").strip() == "c3"
    virsh(d, "checkpoint-delete", name, "c2", "--children-only")
    assert virsh(d, "checkpoint-list", name, "--name").split() == ["c1", "c2"] and sorted(m.bitmaps(name)) == ["c1", "mine"]
    virsh(d, "checkpoint-delete", name, "c1")
    assert virsh(d, "checkpoint-list", name, "--name", "--roots").split() == ["c2"]
    stop(d, name)
    done = virsh(d, "undefine", name, check=False)
    assert done.returncode != 0 and "checkpoints" in done.stderr
    virsh(d, "undefine", name, "--checkpoints-metadata")
    assert bitmaps(paths[0]) == ["mine"]


@needs_virsh
def test_virsh_refused(shared_daemon, two, tmp_path):
    d, (name, _) = shared_daemon, two
    start(d, name)
    virsh(d, "checkpoint-create-as", name, "c1")
    for argv, word in ((("checkpoint-create-as", name, "c1"), "already"), (("checkpoint-info", name, "none"), "Domain checkpoint not found"),
                       (("checkpoint-create-as", name, "c2", "--diskspec", "vdz"), "vdz")):
        done = virsh(d, *argv, check=False)
        assert done.returncode != 0 and word in done.stderr, (argv, done.stderr)
    (tmp_path / "x.xml").write_text("<domaincheckpoint><name>c</name><mystery/></domaincheckpoint>")
    done = virsh(d, "checkpoint-create", name, str(tmp_path / "x.xml"), check=False)
    assert done.returncode != 0 and "mystery" in done.stderr
    assert virsh(d, "checkpoint-create", name, read_only=True, check=False).returncode != 0
    assert virsh(d, "checkpoint-list", name, "--name", read_only=True).split() == ["c1"]


# -- the daemon fails, or dies, at each step -----------------------------------------------------------------------------

CREATE = ["checkpoint-create/note", "checkpoint-create/bitmaps", "checkpoint-create/record", "store/commit/checkpoint-note", "store/commit/checkpoint"]
CREATE_OFF = ["checkpoint-create/disk"]
DELETE = ["checkpoint-delete/note", "checkpoint/drop-bitmap", "checkpoint-delete/bitmaps", "checkpoint-delete/record"]


def notes(d):
    import sqlite3
    with sqlite3.connect(d.root / "lib" / "skep.db") as database:
        return database.execute("SELECT count(*) FROM records WHERE kind = 'checkpoint-note'").fetchone()[0]


@pytest.fixture(scope="module")
def crashing(tmp_path_factory):
    base = tmp_path_factory.mktemp("disks")
    with make_daemon() as d:
        d.start()
        paths = [disk(d, base / "a.qcow2", "4M"), disk(d, base / "b.qcow2", "4M")]
        d.do("POST", "/v1/domains", d.paused_domain("a", disks=files(*paths)))
        yield d, paths
        d.restart()


def calm(d, running):
    """The state that a test begins with."""
    d.restart()
    for checkpoint in known(d, "a"):
        drop(d, "a", checkpoint)
    if running and d.state("a") == "shut off":
        start(d, "a")
    if not running and d.state("a") != "shut off":
        stop(d, "a")


def fail_at(d, how, step, *request):
    d.restart(env={how: step})
    d.wait_until(lambda: d.get("/v1/domains/a")["status"].get("job") is None, "what runs to be taken back")
    done = ask(d, *request)
    if how == "SKEP_FAULT_EXIT":
        d.wait_until(d.ended, "the end")
    d.restart()
    d.wait_until(lambda: notes(d) == 0, "what was begun to be finished")
    return done


def off(d):
    if d.state("a") != "shut off":
        stop(d, "a")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("running,step", [(True, step) for step in CREATE] + [(False, step) for step in CREATE + CREATE_OFF])
def test_fault_in_create(crashing, how, running, step):
    d, paths = crashing
    calm(d, running)
    take(d, "a", "before")
    assert not fail_at(d, how, step, "POST", "/v1/domains/a/checkpoints", {"name": "c"})
    assert set(known(d, "a")) == {"before"} and known(d, "a")["before"]["current"]
    take(d, "a", "c")
    off(d)
    assert [bitmaps(path) for path in paths] == [["before", "c"]] * 2


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("step", DELETE)
@pytest.mark.parametrize("running", [False, True])
def test_fault_in_delete(crashing, how, running, step):
    d, paths = crashing
    calm(d, running)
    for name in "abc":
        take(d, "a", name)
    assert not fail_at(d, how, step, "DELETE", "/v1/domains/a/checkpoints/b")
    d.wait_until(lambda: set(known(d, "a")) == {"a", "c"}, "the checkpoint to be gone")
    assert known(d, "a")["c"]["parent"] == "a" and known(d, "a")["c"]["current"]
    off(d)
    assert [bitmaps(path) for path in paths] == [["a", "c"]] * 2
