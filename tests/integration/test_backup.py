# SPDX-License-Identifier: LGPL-2.1-or-later
"""Backups, pushed and pulled, full and incremental: bit by bit what the disk had, at every step of which the daemon may die."""
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess

import pytest

from conftest import make_daemon
from libvirt_client import virsh
from second_monitor import Monitors
from test_checkpoint import CLUSTER, bitmaps, drop, files, known, off, start, stop, take, valid
from test_snapshot import HOW, READY, ask, clean, disk, holds, say

needs_virsh = pytest.mark.skipif(shutil.which("virsh") is None, reason="libvirt-clients is not installed")


@pytest.fixture(scope="module")
def monitors():
    made = Monitors()
    yield made
    made.close()


@pytest.fixture
def two(shared_daemon, monitors, tmp_path, request):
    """A domain with two disks, with something on them, whose QEMU is there but runs no guest."""
    d = shared_daemon
    name = f"b{abs(hash(request.node.name)) % 10 ** 8}"
    paths = [disk(d, tmp_path / "a.qcow2", "4M"), disk(d, tmp_path / "b.qcow2", "4M")]
    d.do("POST", "/v1/domains", d.paused_domain(name, disks=files(*paths), qemu_args=monitors.args(name)))
    start(d, name)
    monitors.guest_io(name, "write -P 1 0 1M")
    monitors.guest_io(name, "write -P 2 3M 64k", "virtio-disk1")
    yield name, paths
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers={"Prefer": "wait=120"})


def same(path, other, fmt="qcow2", other_format="qcow2"):
    done = subprocess.run(["qemu-img", "compare", "-U", "-f", fmt, "-F", other_format, str(path), str(other)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def allocated(path):
    """The parts of a qcow2 file that it has itself: (offset, length)."""
    listed = json.loads(subprocess.run(["qemu-img", "map", "-U", "--output=json", "-f", "qcow2", str(path)], check=True, capture_output=True).stdout)
    return [(part["start"], part["length"]) for part in listed if part["present"] and part["data"]]


def begin(d, name, **body):
    """Until it has begun, or has ended already."""
    job = d.request("POST", f"/v1/domains/{name}/backup", body).json
    d.wait_until(lambda: d.request("GET", f"/v1/domains/{name}/backup").status == 200 or d.get(f"/v1/jobs/{job['id']}")["state"] not in ("queued", "running"),
                 "the backup to begin", pause=0.05)
    assert d.get(f"/v1/jobs/{job['id']}")["state"] in ("running", "done"), d.get(f"/v1/jobs/{job['id']}")


def jobs(d, name):
    return [job for job in d.items("/v1/jobs") if job["object"] == f"domain/{name}" and job["operation"] == "backup.begin"]


def ended(d, name):
    """The last backup's job, when it has ended."""
    d.wait_until(lambda: jobs(d, name) and jobs(d, name)[0]["state"] not in ("queued", "running"), "the backup's end", pause=0.05)
    d.wait_until(lambda: d.request("GET", f"/v1/domains/{name}/backup").status == 404, "nothing to be left of it", pause=0.05)
    return jobs(d, name)[0]


def nothing_left(d, m, name):
    """Of a backup, in QEMU and in the database."""
    assert m.ask(name, "query-jobs") == [] and m.ask(name, "query-block-exports") == []
    nodes = m.ask(name, "query-named-block-nodes", flat=True)
    assert not [node for node in nodes if node["node-name"].startswith(("backup", "#"))]
    assert not [entry for node in nodes for entry in node.get("dirty-bitmaps", []) if entry.get("name", "").startswith("backup")]
    # QEMU lets go of descriptors only while the guest runs.
    if m.ask(name, "query-status")["running"]:
        assert not [fds for fds in m.ask(name, "query-fdsets") for fd in fds["fds"] if fd.get("opaque", "").startswith("backup")]
    with sqlite3.connect(d.root / "lib" / "skep.db") as database:
        assert database.execute("SELECT count(*) FROM records WHERE kind = 'backup'").fetchone()[0] == 0


class Nbd:
    """A client of what a pull offers."""

    def __init__(self, socket):
        self.socket = socket

    def options(self, export, more=""):
        return f"driver=nbd,server.type=unix,server.path={self.socket},export={export}{more}"

    def copy(self, export, to):
        subprocess.run(["qemu-img", "convert", "--image-opts", "-O", "qcow2", self.options(export), str(to)], check=True, capture_output=True)

    def written(self, export, bitmap):
        """Parts that were written since: qemu-img shows those of a bitmap as not data."""
        text = subprocess.run(["qemu-img", "map", "--output=json", "--image-opts", self.options(export, f",x-dirty-bitmap=qemu:dirty-bitmap:{bitmap}")],
                              check=True, capture_output=True).stdout
        return [(part["start"], part["length"]) for part in json.loads(text) if not part["data"]]


# -- push ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("fmt", ["qcow2", "raw"])
def test_push(shared_daemon, monitors, two, tmp_path, fmt):
    d, m, (name, paths) = shared_daemon, monitors, two
    copies = [tmp_path / "copy-a", tmp_path / "copy-b"]
    begin(d, name, disks=[{"target": "vda", "file": str(copies[0]), "format": fmt}, {"target": "vdb", "file": str(copies[1]), "format": fmt}])
    job = ended(d, name)
    assert job["state"] == "done" and job["bytes_done"] == job["bytes_total"] > 0, job
    for path, copy in zip(paths, copies):
        same(path, copy, other_format=fmt)
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    nothing_left(d, m, name)


def test_push_incremental(shared_daemon, monitors, two, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    full, first, second = (tmp_path / file for file in ("full", "first", "second"))
    begin(d, name, disks=[{"target": "vda", "file": str(full)}], checkpoint={"name": "c1"})
    assert ended(d, name)["state"] == "done"
    same(paths[0], full)
    assert known(d, name)["c1"]["current"] and m.bitmaps(name) == {"c1": 0} and m.bitmaps(name, "vdb") == {"c1": 0}
    m.guest_io(name, "write -P 7 512k 128k")
    m.guest_io(name, "write -P 8 2M 64k")
    begin(d, name, incremental="c1", disks=[{"target": "vda", "file": str(first)}], checkpoint={"name": "c2"})
    assert ended(d, name)["state"] == "done"
    # That and nothing else, and what was counted before goes on being counted.
    assert allocated(first) == [(512 << 10, 2 * CLUSTER), (2 << 20, CLUSTER)]
    assert m.bitmaps(name) == {"c1": 3 * CLUSTER, "c2": 0}
    m.guest_io(name, "write -P 9 0 64k")
    begin(d, name, incremental="c2", disks=[{"target": "vda", "file": str(second)}])
    assert ended(d, name)["state"] == "done" and allocated(second) == [(0, CLUSTER)]
    for over, under in ((first, full), (second, first)):
        subprocess.run(["qemu-img", "rebase", "-u", "-F", "qcow2", "-b", str(under), str(over)], check=True)
    same(paths[0], second)
    # Into a raw copy of before.
    raw = tmp_path / "raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(full), str(raw)], check=True)
    begin(d, name, incremental="c1", reuse=True, disks=[{"target": "vda", "file": str(raw), "format": "raw"}])
    assert ended(d, name)["state"] == "done"
    same(paths[0], raw, other_format="raw")
    nothing_left(d, m, name)
    # After the guest was off, and the daemon gone, it still counts.
    stop(d, name)
    d.kill()
    d.start()
    start(d, name)
    m.guest_io(name, "write -P 3 3M 64k")
    third = tmp_path / "third"
    begin(d, name, incremental="c2", disks=[{"target": "vda", "file": str(third)}])
    assert ended(d, name)["state"] == "done" and allocated(third) == [(0, CLUSTER), (3 << 20, CLUSTER)]


def test_at_one_instant(shared_daemon, monitors, two, tmp_path):
    """What the guest writes while it goes on is not in it."""
    d, m, (name, paths) = shared_daemon, monitors, two
    before, copy = tmp_path / "before", tmp_path / "copy"
    subprocess.run(["qemu-img", "convert", "-U", "-O", "qcow2", paths[0], str(before)], check=True)
    begin(d, name, pull=True, server={"socket": str(tmp_path / "sock")}, disks=[{"target": "vda"}])
    m.guest_io(name, "write -P 66 0 4M")
    Nbd(tmp_path / "sock").copy("vda", copy)
    same(before, copy)
    assert holds(copy, 1, 0, 1 << 20)
    d.do("DELETE", f"/v1/domains/{name}/backup")
    assert ended(d, name)["state"] == "done" and not os.path.exists(tmp_path / "sock")
    assert sorted(os.listdir(tmp_path)) == ["a.qcow2", "b.qcow2", "before", "copy"]
    nothing_left(d, m, name)


def test_pull_incremental(shared_daemon, monitors, two, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    take(d, name, "c1")
    m.guest_io(name, "write -P 7 512k 128k")
    nbd = Nbd(tmp_path / "sock")
    begin(d, name, pull=True, incremental="c1", server={"socket": nbd.socket.as_posix()}, checkpoint={"name": "c2"},
          disks=[{"target": "vda", "file": str(tmp_path / "scratch")}, {"target": "vdb", "export_name": "other", "export_bitmap": "map"}])
    shown = d.get(f"/v1/domains/{name}/backup")
    assert [(entry["export_name"], entry["export_bitmap"]) for entry in shown["disks"]] == [("vda", "backup-vda"), ("other", "map")]
    assert nbd.written("vda", "backup-vda") == [(512 << 10, 2 * CLUSTER)] and nbd.written("other", "map") == []
    m.guest_io(name, "write -P 8 2M 64k")
    assert nbd.written("vda", "backup-vda") == [(512 << 10, 2 * CLUSTER)] and m.bitmaps(name)["c2"] == CLUSTER
    assert d.fails("POST", f"/v1/domains/{name}/backup", {})[1] == "state"
    assert d.fails("POST", f"/v1/domains/{name}/save", {})[1] == "state"
    assert d.fails("POST", f"/v1/domains/{name}/snapshots", {"name": "s", "memory": True})[1] == "state"
    # A checkpoint can go meanwhile: the map is the backup's own.
    drop(d, name, "c1")
    assert nbd.written("vda", "backup-vda") == [(512 << 10, 2 * CLUSTER)]
    d.do("DELETE", f"/v1/domains/{name}/backup")
    assert "done" in [job["state"] for job in jobs(d, name)] and not os.path.exists(tmp_path / "scratch")
    assert d.fails("DELETE", f"/v1/domains/{name}/backup")[1] == "no-backup"
    nothing_left(d, m, name)
    assert sorted(os.listdir(tmp_path)) == ["a.qcow2", "b.qcow2"]


def test_pull_over_tcp(shared_daemon, monitors, two, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    begin(d, name, pull=True, server={"transport": "tcp", "host": "127.0.0.1"}, disks=[{"target": "vdb"}])
    port = d.get(f"/v1/domains/{name}/backup")["server"]["port"]
    assert port > 0
    subprocess.run(d.prefix() + ["qemu-img", "convert", "-O", "raw", f"nbd://127.0.0.1:{port}/vdb", str(tmp_path / "copy")], check=True)
    d.do("DELETE", f"/v1/domains/{name}/backup")
    same(paths[1], tmp_path / "copy", other_format="raw")
    nothing_left(d, m, name)


def test_refused(shared_daemon, monitors, two, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    (tmp_path / "there").write_text("kept")
    take(d, name, "c", disks=[{"target": "vda"}])
    sock = {"socket": str(tmp_path / "sock")}
    for body, word, code in (
            ({"disks": [{"target": "vdz"}]}, "vdz", "no-device"), ({"incremental": "none"}, "none", "no-checkpoint"),
            ({"incremental": "c"}, "vdb", "invalid"), ({"disks": [{"target": "vda", "file": str(tmp_path / "there")}]}, "there", "exists"),
            ({"disks": [{"target": "vda", "left_out": True}]}, "no disk", "invalid"),
            ({"incremental": "c", "disks": [{"target": "vda", "format": "raw"}]}, "raw", "invalid"),
            ({"reuse": True, "disks": [{"target": "vda", "file": str(tmp_path / "there")}]}, "qcow2", "invalid"),
            ({"reuse": True}, "there already", "invalid"), ({"pull": True}, "server", "invalid"),
            ({"disks": [{"target": "vda", "file": "/nowhere/x"}]}, "/nowhere/x", "host"),
            ({"pull": True, "server": {"socket": str(tmp_path / "there")}}, "there", "exists"),
            ({"pull": True, "server": {"transport": "tcp", "host": "192.0.2.1"}}, "192.0.2.1", "host"),
            ({"checkpoint": {"name": "c"}}, "already", "exists")):
        _, error, text = d.fails("POST", f"/v1/domains/{name}/backup", body)
        assert word in text and code == error, (body, error, text)
        assert (tmp_path / "there").read_text() == "kept" and sorted(os.listdir(tmp_path)) == ["a.qcow2", "b.qcow2", "there"]
    assert sorted(known(d, name)) == ["c"]
    nothing_left(d, m, name)
    stop(d, name)
    assert d.fails("POST", f"/v1/domains/{name}/backup", {})[1] == "state"


def test_qemu_that_dies(shared_daemon, monitors, two, tmp_path):
    d, m, (name, _) = shared_daemon, monitors, two
    for how in ("destroy", "kill"):
        begin(d, name, pull=True, server={"socket": str(tmp_path / "sock")})
        if how == "kill":
            os.kill(d.get(f"/v1/domains/{name}")["status"]["pid"], signal.SIGKILL)
        else:
            stop(d, name)
        job = ended(d, name)
        assert job["state"] == "failed" and "ended before" in job["message"]
        d.wait_until(lambda: sorted(os.listdir(tmp_path)) == ["a.qcow2", "b.qcow2"], "nothing to be left")
        start(d, name)
    nothing_left(d, m, name)


def test_target_that_is_too_small(shared_daemon, monitors, two, tmp_path):
    """The guest goes on, nothing is left."""
    d, m, (name, paths) = shared_daemon, monitors, two
    small = disk(d, tmp_path / "small", "1M")
    _, error, text = d.fails("POST", f"/v1/domains/{name}/backup", {"reuse": True, "disks": [{"target": "vda", "file": small}]})
    assert error == "invalid" and "bytes" in text
    nothing_left(d, m, name)
    m.guest_io(name, "write -P 5 0 64k")


def test_command_line(shared_daemon, monitors, two, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    d.skep("backup", "begin", name, "--checkpoint", "monday")
    same(paths[0], f"{paths[0]}.monday")
    m.guest_io(name, "write -P 4 2M 64k")
    d.skep("backup", "begin", name, "--incremental", "monday", "--checkpoint", "tuesday")
    assert allocated(f"{paths[0]}.tuesday") == [(2 << 20, CLUSTER)]
    d.skep("backup", "begin", name, "--listen", str(tmp_path / "sock"), "--no-wait")
    d.wait_until(lambda: d.request("GET", f"/v1/domains/{name}/backup").status == 200, "the backup to begin")
    assert "vdb" in d.skep("backup", "show", name).stdout
    d.skep("backup", "end", name)
    nothing_left(d, m, name)


# -- the daemon is away, fails, or dies ----------------------------------------------------------------------------------------

def test_daemon_that_comes_back(shared_daemon, monitors, two, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    take(d, name, "c1")
    m.guest_io(name, "write -P 7 512k 64k")
    nbd = Nbd(tmp_path / "sock")
    begin(d, name, pull=True, incremental="c1", server={"socket": str(tmp_path / "sock")})
    shown = d.get(f"/v1/domains/{name}/backup")
    for restart in (d.kill, d.stop):
        restart()
        assert nbd.written("vda", "backup-vda") == [(512 << 10, CLUSTER)]
        d.start()
        d.wait_until(lambda: d.request("GET", f"/v1/domains/{name}/backup").status == 200, "the backup to be known")
        assert d.get(f"/v1/domains/{name}/backup") == shown
    d.do("DELETE", f"/v1/domains/{name}/backup")
    assert ended(d, name)["state"] == "done"
    nothing_left(d, m, name)
    # One that ends while nobody looks.
    begin(d, name, pull=True, server={"socket": str(tmp_path / "sock")})
    pid = d.get(f"/v1/domains/{name}")["status"]["pid"]
    d.kill()
    os.kill(pid, signal.SIGKILL)
    d.start()
    d.wait_until(lambda: sorted(os.listdir(tmp_path)) == ["a.qcow2", "b.qcow2"], "nothing to be left")
    assert d.state(name) == "shut off" and ended(d, name)["state"] == "failed"


BEGIN = ["backup/note", "backup/file", "backup/files", "backup/begin", "backup/offer", "backup/record", "store/commit/backup", "store/commit/checkpoint"]
END = ["backup/end", "backup/cleared"]


@pytest.fixture(scope="module")
def crashing(monitors, tmp_path_factory):
    base = tmp_path_factory.mktemp("disks")
    with make_daemon() as d:
        d.start()
        paths = [disk(d, base / "a.qcow2", "4M"), disk(d, base / "b.qcow2", "4M")]
        d.do("POST", "/v1/domains", d.paused_domain("a", disks=files(*paths), qemu_args=monitors.args("crashing")))
        yield d, paths, base
        d.restart()


def notes(d):
    with sqlite3.connect(d.root / "lib" / "skep.db") as database:
        return database.execute("SELECT count(*) FROM records WHERE kind = 'backup'").fetchone()[0]


def calm(d):
    d.restart()
    for checkpoint in known(d, "a"):
        drop(d, "a", checkpoint)
    if d.state("a") == "shut off":
        start(d, "a")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("step", BEGIN)
def test_fault_in_begin(crashing, monitors, how, step):
    d, paths, base = crashing
    calm(d)
    body = {"pull": True, "server": {"socket": str(base / "sock")}, "checkpoint": {"name": "c"}}
    d.restart(env={how: step})
    d.wait_until(lambda: d.get("/v1/domains/a")["status"].get("job") is None, "what runs to be taken back")
    assert not ask(d, "POST", "/v1/domains/a/backup", body)
    if how == "SKEP_FAULT_EXIT":
        d.wait_until(d.ended, "the end")
    d.restart()
    d.wait_until(lambda: notes(d) == 0, "what was begun to be taken back")
    assert known(d, "a") == {} and sorted(os.listdir(base)) == ["a.qcow2", "b.qcow2"]
    assert monitors.bitmaps("crashing") == {}
    nothing_left(d, monitors, "crashing")
    begin(d, "a", **body)
    d.do("DELETE", "/v1/domains/a/backup")
    off(d)
    assert [bitmaps(path) for path in paths] == [["c"]] * 2
    for path in paths:
        clean(path)


@pytest.mark.parametrize("step", END)
@pytest.mark.parametrize("pull", [False, True])
def test_death_at_the_end(crashing, monitors, step, pull):
    d, paths, base = crashing
    calm(d)
    d.restart(env={"SKEP_FAULT_EXIT": step})
    body = {"pull": True, "server": {"socket": str(base / "sock")}} if pull else {"disks": [{"target": "vda", "file": str(base / "copy")}]}
    d.wait_until(lambda: d.get("/v1/domains/a")["status"].get("job") is None, "what runs to be taken back")
    if pull:
        begin(d, "a", **body)
        ask(d, "DELETE", "/v1/domains/a/backup")
    else:
        ask(d, "POST", "/v1/domains/a/backup", body)
    d.wait_until(d.ended, "the end")
    d.restart()
    if pull:
        d.wait_until(lambda: notes(d) == 0 or d.request("GET", "/v1/domains/a/backup").status == 200, "the backup to be known")
        if notes(d):
            ask(d, "DELETE", "/v1/domains/a/backup")
    d.wait_until(lambda: notes(d) == 0, "the backup's end")
    nothing_left(d, monitors, "crashing")
    left = sorted(os.listdir(base))
    assert left == ["a.qcow2", "b.qcow2"] if pull or step == "backup/cleared" else ["a.qcow2", "b.qcow2", "copy"]
    if "copy" in left:
        same(paths[0], base / "copy")
        os.unlink(base / "copy")


def test_guest_that_writes_on(shared_daemon, tiny, monitors, tmp_path):
    """Its kernel writes all the time: what is copied is whole, and what comes after it is in the next one."""
    d, m, name = shared_daemon, monitors, "b-writes"
    path = disk(d, tmp_path / "a.qcow2", "64M")
    d.do("POST", "/v1/domains?start=true", d.tiny_domain(name, tiny, disks=files(path), qemu_args=m.args(name)))
    try:
        d.wait_console(name, READY)
        take(d, name, "c0")
        say(d, name, "while :; do for i in 1 2 3 4; do tr '\\0' $i < /dev/zero | dd of=/dev/vda bs=64k count=200 conv=notrunc oflag=direct; done; done "
            "> /dev/null 2>&1 & echo writ'e's", "writes")
        d.wait_until(lambda: m.bitmaps(name).get("c0", 0) > 1 << 20, "the guest to write", pause=0.1)
        begin(d, name, disks=[{"target": "vda", "file": str(tmp_path / "full")}], checkpoint={"name": "c1"})
        drop(d, name, "c0")
        assert ended(d, name)["state"] == "done"
        begin(d, name, pull=True, incremental="c1", server={"socket": str(tmp_path / "sock")}, checkpoint={"name": "c2"})
        nbd = Nbd(tmp_path / "sock")
        nbd.copy("vda", tmp_path / "one")
        written = nbd.written("vda", "backup-vda")
        nbd.copy("vda", tmp_path / "two")
        same(tmp_path / "one", tmp_path / "two")
        # Where it was not written to it is what the full one had.
        assert written and differs(tmp_path / "one", tmp_path / "full") <= clusters(written)
        d.do("DELETE", f"/v1/domains/{name}/backup")
        nothing_left(d, m, name)
        d.do("POST", f"/v1/domains/{name}/destroy")
        assert bitmaps(path) == ["c1", "c2"]
        clean(path)
    finally:
        d.request("DELETE", f"/v1/domains/{name}?force=true", headers={"Prefer": "wait=120"})


def clusters(parts):
    return {start // CLUSTER + i for start, length in parts for i in range(-(-length // CLUSTER))}


def differs(one, other):
    """Clusters in which two qcow2 files do."""
    raws = []
    for path in (one, other):
        subprocess.run(["qemu-img", "convert", "-O", "raw", str(path), f"{path}.raw"], check=True)
        with open(f"{path}.raw", "rb") as file:
            raws.append(file.read())
    return {at // CLUSTER for at in range(0, len(raws[0]), CLUSTER) if raws[0][at:at + CLUSTER] != raws[1][at:at + CLUSTER]}


# -- virsh -----------------------------------------------------------------------------------------------------------------

@needs_virsh
def test_virsh_push(shared_daemon, monitors, two, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    (tmp_path / "b.xml").write_text(f"<domainbackup><disks><disk name='vda' type='file'><target file='{tmp_path}/full'/></disk>"
                                    "<disk name='vdb' backup='no'/></disks></domainbackup>")
    (tmp_path / "c.xml").write_text("<domaincheckpoint><name>c1</name></domaincheckpoint>")
    assert "Backup started" in virsh(d, "backup-begin", name, str(tmp_path / "b.xml"), str(tmp_path / "c.xml"))
    ended(d, name)
    same(paths[0], tmp_path / "full")
    info = virsh(d, "domjobinfo", name, "--completed", "--keep-completed")
    assert "Completed" in info and "Backup" in info and "File total" in info, info
    assert info.split("Time elapsed")[0] == virsh(d, "domjobinfo", name, "--completed").split("Time elapsed")[0]
    assert "None" in virsh(d, "domjobinfo", name, "--completed") and "None" in virsh(d, "domjobinfo", name)
    m.guest_io(name, "write -P 7 512k 64k")
    (tmp_path / "b.xml").write_text(f"<domainbackup mode='push'><incremental>c1</incremental><disks><disk name='vda' type='file'>"
                                    f"<target file='{tmp_path}/more'/><driver type='qcow2'/></disk></disks></domainbackup>")
    virsh(d, "backup-begin", name, str(tmp_path / "b.xml"))
    ended(d, name)
    assert allocated(tmp_path / "more") == [(512 << 10, CLUSTER)]
    # Where nothing is said, beside the disk.
    virsh(d, "backup-begin", name)
    ended(d, name)
    made = [file for file in os.listdir(tmp_path) if file.startswith(("a.qcow2.", "b.qcow2."))]
    assert len(made) == 2
    same(paths[1], tmp_path / next(file for file in made if file.startswith("b")))
    done = virsh(d, "backup-dumpxml", name, check=False)
    assert done.returncode != 0 and "Domain backup job id not found" in done.stderr
    done = virsh(d, "domjobabort", name, check=False)
    assert done.returncode != 0 and "no job is active" in done.stderr


@needs_virsh
def test_virsh_pull(shared_daemon, monitors, two, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    virsh(d, "checkpoint-create-as", name, "c1")
    m.guest_io(name, "write -P 7 512k 64k")
    (tmp_path / "b.xml").write_text(f"<domainbackup mode='pull'><incremental>c1</incremental><server transport='unix' socket='{tmp_path}/sock'/>"
                                    f"<disks><disk name='vda' backup='yes' type='file'><scratch file='{tmp_path}/scratch'/></disk></disks></domainbackup>")
    virsh(d, "backup-begin", name, str(tmp_path / "b.xml"))
    xml = virsh(d, "backup-dumpxml", name)
    valid(xml, "domainbackup")
    assert 'exportbitmap="backup-vda"' in xml.replace("'", '"') and "scratch" in xml
    info = virsh(d, "domjobinfo", name)
    assert "Unbounded" in info and "Backup" in info, info
    nbd = Nbd(tmp_path / "sock")
    assert nbd.written("vda", "backup-vda") == [(512 << 10, CLUSTER)]
    nbd.copy("vda", tmp_path / "copy")
    virsh(d, "domjobabort", name)
    assert ended(d, name)["state"] == "done"
    assert not os.path.exists(tmp_path / "scratch") and not os.path.exists(tmp_path / "sock")
    same(paths[0], tmp_path / "copy")
    assert "Completed" in virsh(d, "domjobinfo", name, "--completed")
    nothing_left(d, m, name)


@needs_virsh
def test_figures_of_a_save(shared_daemon, monitors, two):
    d, _, (name, _) = shared_daemon, monitors, two
    virsh(d, "managedsave", name)
    info = virsh(d, "domjobinfo", name, "--completed")
    assert "Completed" in info and "Save" in info and "Memory total" in info, info


def test_event_of_the_end(shared_daemon, monitors, two, tmp_path):
    pytest.importorskip("libvirt")
    d, _, (name, _) = shared_daemon, monitors, two
    done = subprocess.run(d.prefix() + ["/usr/bin/python3", "-c", EVENT, f"qemu:///system?socket={d.root}/run/libvirt-sock", name, str(tmp_path / "copy")],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + d.log_tail()
    figures = json.loads(done.stdout)
    assert figures["operation"] == 9 and figures["success"] and figures["disk_total"] == figures["disk_processed"] > 0


EVENT = """
import json, sys, libvirt
libvirt.virEventRegisterDefaultImpl()
told = []
conn = libvirt.open(sys.argv[1])
domain = conn.lookupByName(sys.argv[2])
conn.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, lambda c, dom, params, data: told.append(params), None)
domain.backupBegin("<domainbackup><disks><disk name='vda' type='file'><target file='%s'/></disk></disks></domainbackup>" % sys.argv[3], None, 0)
while not told:
    libvirt.virEventRunDefaultImpl()
print(json.dumps(told[0]))
"""
