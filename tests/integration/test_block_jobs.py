# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pull, commit and copy of disks of guests that run, with stock virsh and over REST; at every step of which the daemon may fail or die."""
import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from conftest import make_daemon
from libvirt_client import virsh
from streams import Console

pytestmark = pytest.mark.skipif(shutil.which("virsh") is None, reason="libvirt-clients is not installed")

READY = "skep-tiny ready"
WAIT = {"Prefer": "wait=120"}
SIZE = 8 << 20


def pool_dir(d):
    return Path(d.get("/v1/pools/default")["spec"]["path"])


def image(path, backing=None, fmt="qcow2"):
    more = ["-b", str(backing), "-F", "qcow2"] if backing else []
    subprocess.run(["qemu-img", "create", "-q", "-f", fmt, *more, str(path), str(SIZE)], check=True)
    return str(path)


def put(path, pattern, offset, length=65536):
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} {offset} {length}", str(path)], check=True, capture_output=True)


def info(path):
    return json.loads(subprocess.run(["qemu-img", "info", "-U", "--output=json", str(path)], check=True, capture_output=True).stdout)


def below(path):
    """Paths of the files below, the nearest first."""
    found = []
    while True:
        path = info(path).get("full-backing-filename")
        if path is None:
            return found
        found.append(path)


def same(one, other):
    """Bit by bit, of disks that nobody has open."""
    done = subprocess.run(["qemu-img", "compare", str(one), str(other)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def flat(path, target):
    subprocess.run(["qemu-img", "convert", "-U", "-O", "raw", str(path), str(target)], check=True)
    return str(target)


def clean(path):
    done = subprocess.run(["qemu-img", "check", "-f", "qcow2", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def make_chain(d, name, length=3):
    """base <- ... <- top, each with some data of its own; the topmost last."""
    paths = []
    for number in range(length):
        paths.append(image(pool_dir(d) / f"{name}-{number}.qcow2", paths[-1] if paths else None))
        put(paths[-1], number + 1, number * (1 << 20))
    return paths


def told(d, *argv):
    """All that virsh said: how far a job is goes to standard error."""
    done = virsh(d, *argv, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def live_path(d, name, target="vda"):
    for line in virsh(d, "domblklist", name).splitlines():
        if line.split()[:1] == [target]:
            return line.split()[1]


def records(d, kind):
    with sqlite3.connect(d.root / "lib" / "skep.db") as database:
        return database.execute("SELECT COUNT(*) FROM records WHERE kind = ?", (kind,)).fetchone()[0]


def off(d, name):
    d.do("POST", f"/v1/domains/{name}/destroy")
    d.wait_state(name, "shut off")


@pytest.fixture
def paused(shared_daemon, request):
    """A domain whose guest stands still, on a chain of three files; what the disk holds, as a raw file."""
    d = shared_daemon
    name = f"p{abs(hash(request.node.name)) % 10 ** 8}"
    paths = make_chain(d, name)
    before = flat(paths[-1], pool_dir(d) / f"{name}.before")
    d.do("POST", "/v1/domains?start=true&paused=true", d.paused_domain(name, disks=[{"source": "file", "path": paths[-1], "format": "qcow2"}]))
    yield name, paths, before
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers=WAIT)
    for path in pool_dir(d).glob(f"{name}*"):
        path.unlink()


@pytest.fixture
def guest(shared_daemon, tiny, request):
    """A guest that runs, on a chain of three files."""
    d = shared_daemon
    name = f"g{abs(hash(request.node.name)) % 10 ** 8}"
    paths = make_chain(d, name)
    d.do("POST", "/v1/domains?start=true", d.tiny_domain(name, tiny, disks=[{"source": "file", "path": paths[-1], "format": "qcow2"}]))
    d.wait_console(name, READY)
    yield name, paths
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers=WAIT)
    for path in pool_dir(d).glob(f"{name}*"):
        path.unlink()


def guest_writes(d, name, word, at):
    """The guest writes a word, over and over, into 64 KiB of its disk, and says when that is on the disk."""
    with Console(d, name, take_over=True) as console:
        console.forget()
        console.write(f"yes {word} | head -c 65536 | dd of=/dev/vda bs=65536 seek={at} conv=fsync,notrunc 2>/dev/null; sync; echo writ't'en {at}\n")
        console.wait(f"written {at}")


def holds(raw, word, at):
    text = (word + "\n").encode()
    with open(raw, "rb") as disk:
        disk.seek(at * 65536)
        return disk.read(65536) == (text * (65536 // len(text) + 1))[:65536]


def test_pull(shared_daemon, guest):
    d, (name, paths) = shared_daemon, guest
    guest_writes(d, name, "before", 100)
    said = told(d, "blockpull", name, "vda", "--wait", "--verbose")
    assert "Pull complete" in said and "100" in said
    assert below(paths[2]) == [] and live_path(d, name) == paths[2]
    assert "No current block job" in told(d, "blockjob", name, "vda")
    guest_writes(d, name, "after", 101)
    off(d, name)
    raw = flat(paths[2], pool_dir(d) / f"{name}.raw")
    assert holds(raw, "before", 100) and holds(raw, "after", 101)
    clean(paths[2])


def test_pull_to_a_base(shared_daemon, paused):
    d, (name, paths, before) = shared_daemon, paused
    virsh(d, "blockpull", name, "vda", "--base", paths[0], "--wait")
    assert below(paths[2]) == [paths[0]]
    off(d, name)
    same(paths[2], before)


def test_active_commit_and_pivot(shared_daemon, guest):
    d, (name, paths) = shared_daemon, guest
    guest_writes(d, name, "before", 100)
    said = told(d, "blockcommit", name, "vda", "--active", "--pivot", "--verbose", "--wait")
    assert "Successfully pivoted" in said
    assert live_path(d, name) == paths[0] and below(paths[0]) == []
    guest_writes(d, name, "after", 101)
    off(d, name)
    assert d.get(f"/v1/domains/{name}")["spec"]["disks"][0]["path"] == paths[0]
    raw = flat(paths[0], pool_dir(d) / f"{name}.raw")
    assert holds(raw, "before", 100) and holds(raw, "after", 101)
    clean(paths[0])
    d.do("POST", f"/v1/domains/{name}/start")
    d.wait_state(name, "running")


def test_active_commit_step_by_step(shared_daemon, paused):
    d, (name, paths, before) = shared_daemon, paused
    virsh(d, "blockcommit", name, "vda", "--active", "--shallow")
    d.wait_until(lambda: d.get(f"/v1/domains/{name}/disks/vda/job")["state"] == "ready", "the job to be ready")
    shown = d.get(f"/v1/domains/{name}/disks/vda/job")
    assert shown["kind"] == "active-commit" and shown["destination"] == paths[1] and shown["done"] == shown["total"]
    assert re.search(r"Active Block Commit: \[100", told(d, "blockjob", name, "vda"))
    listed = [job for job in d.items("/v1/jobs") if job["id"] == shown["job"]]
    assert listed[0]["operation"] == "disk.commit" and listed[0]["state"] == "running"
    virsh(d, "blockjob", name, "vda", "--pivot")
    assert live_path(d, name) == paths[1] and below(paths[1]) == [paths[0]]
    d.wait_until(lambda: d.get(f"/v1/jobs/{shown['job']}")["state"] == "done", "the job to be done")
    off(d, name)
    same(paths[1], before)


def test_active_commit_keeps_the_overlay(shared_daemon, paused):
    d, (name, paths, before) = shared_daemon, paused
    virsh(d, "blockcommit", name, "vda", "--active", "--wait", "--keep-overlay")
    assert live_path(d, name) == paths[2]
    off(d, name)
    same(paths[2], before)
    same(paths[0], before)


@pytest.mark.parametrize("fresh", [False, True])
def test_inner_commit(shared_daemon, paused, fresh):
    d, (name, paths, before) = shared_daemon, paused
    virsh(d, "blockcommit", name, "vda", "--top", paths[1], "--base", "vda[3]", "--wait", *(["--delete"] if fresh else []))
    assert below(paths[2]) == [paths[0]] and os.path.exists(paths[1]) != fresh
    off(d, name)
    same(paths[2], before)
    d.do("POST", f"/v1/domains/{name}/start?paused=true")


def test_copy_and_pivot(shared_daemon, guest):
    d, (name, paths) = shared_daemon, guest
    target = str(pool_dir(d) / f"{name}-copy.raw")
    guest_writes(d, name, "before", 100)
    said = told(d, "blockcopy", name, "vda", target, "--format", "raw", "--wait", "--verbose", "--pivot")
    assert "Successfully pivoted" in said
    assert live_path(d, name) == target and info(target)["format"] == "raw"
    guest_writes(d, name, "after", 101)
    xml = virsh(d, "dumpxml", name, "--inactive")
    assert target in xml and "type='raw'" in xml
    off(d, name)
    assert holds(target, "before", 100) and holds(target, "after", 101)
    old = flat(paths[2], pool_dir(d) / f"{name}.old")
    assert holds(old, "before", 100) and not holds(old, "after", 101)
    d.do("POST", f"/v1/domains/{name}/start")
    d.wait_state(name, "running")


def test_copy_and_stay(shared_daemon, paused):
    d, (name, paths, before) = shared_daemon, paused
    target = str(pool_dir(d) / f"{name}-copy.qcow2")
    said = told(d, "blockcopy", name, "vda", target, "--wait", "--verbose", "--finish")
    assert "Successfully copied" in said and live_path(d, name) == paths[2]
    off(d, name)
    same(target, before)
    same(paths[2], before)


def test_shallow_copy_into_a_file_that_is_there(shared_daemon, paused):
    d, (name, paths, before) = shared_daemon, paused
    target = image(pool_dir(d) / f"{name}-copy.qcow2", paths[1])
    virsh(d, "blockcopy", name, "vda", target, "--shallow", "--reuse-external", "--wait", "--pivot")
    assert live_path(d, name) == target and below(target) == [paths[1], paths[0]]
    off(d, name)
    same(target, before)


def test_copy_by_xml_and_its_speed(shared_daemon, paused, tmp_path):
    d, (name, paths, before) = shared_daemon, paused
    target = str(pool_dir(d) / f"{name}-copy.qcow2")
    (tmp_path / "to.xml").write_text(f"<disk type='file'><source file='{target}'/><driver type='qcow2'/></disk>")
    virsh(d, "blockcopy", name, "vda", "--xml", str(tmp_path / "to.xml"), "--bandwidth", "1000", "--bytes", "--transient-job", "--shallow")
    shown = d.get(f"/v1/domains/{name}/disks/vda/job")
    assert shown["kind"] == "copy" and shown["speed"] == 1000 and shown["destination"] == target
    virsh(d, "blockjob", name, "vda", "0")
    assert d.get(f"/v1/domains/{name}/disks/vda/job")["speed"] == 0
    d.wait_until(lambda: d.get(f"/v1/domains/{name}/disks/vda/job")["state"] == "ready", "the copy to be ready")
    virsh(d, "blockjob", name, "vda", "--abort")
    assert "No current block job" in told(d, "blockjob", name, "vda") and live_path(d, name) == paths[2]
    assert below(target) == [paths[1], paths[0]]


def test_aborted(shared_daemon, paused):
    d, (name, paths, before) = shared_daemon, paused
    target = str(pool_dir(d) / f"{name}-copy.qcow2")
    for more in ([], ["--async"]):
        virsh(d, "blockcopy", name, "vda", target, "--bytes", "1", "--transient-job")
        job = d.get(f"/v1/domains/{name}/disks/vda/job")["job"]
        virsh(d, "blockjob", name, "vda", "--abort", *more)
        d.wait_until(lambda: "No current block job" in told(d, "blockjob", name, "vda"), "the end of the job")
        assert d.get(f"/v1/jobs/{job}")["state"] == "cancelled" and not os.path.exists(target)
    assert records(d, "block-job") == 0 and records(d, "intent") == 0
    virsh(d, "blockpull", name, "vda", "--bytes", "1")
    job = d.get(f"/v1/domains/{name}/disks/vda/job")["job"]
    assert d.request("POST", f"/v1/jobs/{job}/cancel").status == 200
    d.wait_until(lambda: records(d, "block-job") == 0, "the end of the pull")
    off(d, name)
    same(paths[2], before)


def test_events_of_both_kinds(shared_daemon, paused):
    d, (name, paths, before) = shared_daemon, paused
    libvirt = pytest.importorskip("libvirt")
    seen = []
    libvirt.virEventRegisterDefaultImpl()
    connection = libvirt.open(f"qemu+unix:///system?socket={d.root}/run/libvirt-sock")
    domain = connection.lookupByName(name)

    def told(connection, domain, where, kind, status, data):
        seen.append((where, kind, status))

    ids = [connection.domainEventRegisterAny(domain, event, told, None)
           for event in (libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB, libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2)]

    def wait_for(count):
        d.wait_until(lambda: libvirt.virEventRunDefaultImpl() == 0 and len(seen) >= count, "events")

    libvirt.virEventAddTimeout(50, lambda timer, data: None, None)
    domain.blockCommit("vda", None, None, 0, libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE)
    wait_for(2)
    assert domain.blockJobInfo("vda")["type"] == libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT
    domain.blockJobAbort("vda", libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)
    wait_for(4)
    assert sorted(seen) == sorted([(paths[2], 4, 3), ("vda", 4, 3), (paths[0], 4, 0), ("vda", 4, 0)])
    for number in ids:
        connection.domainEventDeregisterAny(number)
    connection.close()


def refused(d, *argv):
    done = virsh(d, *argv, check=False)
    assert done.returncode != 0
    return done.stderr


def test_what_cannot_be(shared_daemon, paused):
    d, (name, paths, before) = shared_daemon, paused
    assert "'vdz'" in refused(d, "blockpull", name, "vdz")
    assert "could not find image" in refused(d, "blockpull", name, "vda", "--base", "/nowhere.qcow2")
    assert "not one below" in refused(d, "blockpull", name, "vda", "--base", paths[2])
    assert "active flag" in refused(d, "blockcommit", name, "vda")
    assert "is not below" in refused(d, "blockcommit", name, "vda", "--top", paths[0 + 1], "--base", paths[1])
    assert "no backing file" in refused(d, "blockcommit", name, "vda", "--top", paths[0])
    assert "has no block job" in refused(d, "blockjob", name, "vda", "--abort")
    assert "already" in refused(d, "blockcopy", name, "vda", paths[0], "--transient-job")
    other = image(pool_dir(d) / f"{name}-other.qcow2", paths[1])
    assert other in refused(d, "blockcommit", name, "vda", "--active")
    os.unlink(other)
    virsh(d, "blockpull", name, "vda", "--bytes", "1")
    assert "under way" in refused(d, "blockpull", name, "vda")
    assert "nothing to pivot" in refused(d, "blockjob", name, "vda", "--pivot")
    assert "under way" in refused(d, "detach-disk", name, "vda", "--live")
    assert "under way" in refused(d, "managedsave", name)
    virsh(d, "blockjob", name, "vda", "--abort")
    off(d, name)
    assert "not running" in refused(d, "blockpull", name, "vda")
    same(paths[2], before)
    assert records(d, "block-job") == 0


# -- the daemon fails, or dies ---------------------------------------------------------------------------------------

@pytest.fixture
def crashing(request):
    """A daemon of its own with a domain that stands still on a chain of three files."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon() as d:
        d.start()
        paths = make_chain(d, "c")
        before = flat(paths[-1], d.root / "before.raw")
        d.do("POST", "/v1/domains?start=true&paused=true", d.paused_domain("c", disks=[{"source": "file", "path": paths[-1], "format": "qcow2"}]))
        yield d, paths, before


BEGIN = ["block-job/note", "block-job/begun", "store/commit/block-job"]
COPY = BEGIN + ["block-job/file", "block-job/node", "store/commit/intent"]
END = ["block-job/end", "block-job/complete", "block-job/definition", "block-job/finalize", "block-job/ended", "block-job/forget", "store/commit/domain"]


def quiet(d):
    """No block job is left, and nothing of one."""
    d.wait_until(lambda: records(d, "block-job") == 0 and records(d, "intent") == 0, "all jobs to be over")
    d.wait_until(lambda: d.request("GET", "/v1/domains/c/disks/vda/job").status == 404, "the domain to know it")


def commit(d):
    return d.request("POST", "/v1/domains/c/disks/vda/commit", {"then": "pivot"}, headers=WAIT)


def copy(d):
    return d.request("POST", "/v1/domains/c/disks/vda/copy", {"path": str(pool_dir(d) / "copy.qcow2"), "then": "pivot"}, headers=WAIT)


def ended(d):
    """Where the disk is then; what it holds is right in any case."""
    path = d.get("/v1/domains/c")["spec"]["disks"][0]["path"]
    assert live_path(d, "c") == path
    off(d, "c")
    return path


def move_back(d, path):
    d.do("PATCH", "/v1/domains/c", {"disks": [{"target": "vda", "source": "file", "path": path, "format": "qcow2"}]})


def test_each_step_of_the_beginning_fails(crashing):
    d, paths, before = crashing
    for step in dict.fromkeys(BEGIN + COPY):
        d.restart(env={"SKEP_FAULT": step})
        answer = (copy if step in COPY else commit)(d)
        assert answer.status >= 400 or answer.json["state"] == "failed", step
        d.restart()
        quiet(d)
        assert not (pool_dir(d) / "copy.qcow2").exists() and live_path(d, "c") == paths[2], step
    same(ended(d), before)


def test_each_step_of_the_end_fails(crashing):
    d, paths, before = crashing
    for step in END:
        d.restart(env={"SKEP_FAULT": step})
        d.request("POST", "/v1/domains/c/disks/vda/copy", {"path": str(pool_dir(d) / "copy.qcow2"), "then": "pivot"}, headers={"Prefer": "wait=1"})
        d.restart()
        quiet(d)
        path = ended(d)
        same(path, before)
        if path != paths[2]:
            move_back(d, paths[2])
        (pool_dir(d) / "copy.qcow2").unlink(missing_ok=True)
        d.do("POST", "/v1/domains/c/start?paused=true")


@pytest.mark.parametrize("step", dict.fromkeys(COPY + END + ["store/committed/block-job", "store/committed/domain"]))
def test_daemon_dies(crashing, step):
    d, paths, before = crashing
    d.restart(env={"SKEP_FAULT_EXIT": step})
    try:
        copy(d)
    except (OSError, ValueError, http.client.HTTPException):
        pass
    d.wait_until(d.ended, f"the daemon to die at {step}")
    d.start()
    quiet(d)
    path = ended(d)
    assert path in (paths[2], str(pool_dir(d) / "copy.qcow2"))
    same(path, before)
    if path == paths[2]:
        assert not (pool_dir(d) / "copy.qcow2").exists()


def test_job_is_taken_back(crashing):
    d, paths, before = crashing
    assert d.request("POST", "/v1/domains/c/disks/vda/pull", {"speed": 1000}).status == 202
    d.wait_until(lambda: d.request("GET", "/v1/domains/c/disks/vda/job").status == 200, "the job to begin")
    d.kill()
    d.start()
    shown = d.get("/v1/domains/c/disks/vda/job")
    d.wait_until(lambda: d.get("/v1/domains/c/disks/vda/job").get("job"), "the job to be shown")
    assert shown["kind"] == "pull" and shown["path"] == paths[2]
    d.do("POST", "/v1/domains/c/disks/vda/job", {"speed": 0})
    quiet(d)
    assert below(paths[2]) == []
    same(ended(d), before)


@pytest.mark.parametrize("how", ["SKEP_FAULT", "SKEP_FAULT_EXIT"])
def test_cancelling_fails(crashing, how):
    """The next daemon gives it up."""
    d, paths, before = crashing
    d.restart(env={how: "block-job/cancel"})
    assert d.request("POST", "/v1/domains/c/disks/vda/pull", {"speed": 1000}).status == 202
    d.wait_until(lambda: d.request("GET", "/v1/domains/c/disks/vda/job").status == 200, "the job to begin")
    if how == "SKEP_FAULT":
        assert "block-job/cancel" in d.fails("POST", "/v1/domains/c/disks/vda/job/end", {})[2]
        assert d.get("/v1/domains/c/disks/vda/job")["kind"] == "pull"
        assert d.log().count(b"block-job/cancel") < 100, d.log_tail()
    else:
        with pytest.raises((OSError, http.client.HTTPException)):
            d.request("POST", "/v1/domains/c/disks/vda/job/end", {}, headers=WAIT)
        d.wait_until(d.ended, "the daemon to die")
    d.restart()
    quiet(d)
    assert len(below(paths[2])) == 2
    same(ended(d), before)


def test_qemu_dies(crashing):
    d, paths, before = crashing
    target = pool_dir(d) / "copy.qcow2"
    assert d.request("POST", "/v1/domains/c/disks/vda/copy", {"path": str(target), "speed": 1000}).status == 202
    d.wait_until(lambda: d.request("GET", "/v1/domains/c/disks/vda/job").status == 200, "the job to begin")
    for pid in d.qemu_pids():
        os.kill(pid, signal.SIGKILL)
    quiet(d)
    d.wait_state("c", "shut off")
    assert not target.exists()
    same(paths[2], before)
