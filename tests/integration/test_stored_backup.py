# SPDX-License-Identifier: LGPL-2.1-or-later
"""Backups into repositories: of domains that run and that are off, incremental, bit by bit, and broken off at every step."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import uuid

import pytest

import skep
from conftest import make_daemon
from second_monitor import Monitors
from test_backup import nothing_left
from test_checkpoint import bitmaps, files, known, start, stop
from test_snapshot import HOW, ask, clean, disk


@pytest.fixture(scope="module")
def monitors():
    made = Monitors()
    yield made
    made.close()


@pytest.fixture(name="place", scope="module")
def make_place(shared_daemon, tmp_path_factory):
    d, base = shared_daemon, tmp_path_factory.mktemp("repositories")
    place = Place(d, f"r{uuid.uuid4().hex[:8]}", base)
    yield place
    d.request("DELETE", f"/v1/repositories/{place.name}?wait=60")


class Place:
    """A repository."""

    def __init__(self, d, name, base):
        self.d, self.name, self.path, self.key = d, name, base / "repo", base / "key"
        d.skep("repo", "create", name, str(self.path))
        self.key.write_text(json.loads(d.skep("repo", "key", name, "-o", "json").stdout)["key"])

    def extract(self, backup, part, to):
        subprocess.run([skep.BUILD / "skep-repository", "--key-file", self.key, "extract", self.path, backup, part, to], check=True, capture_output=True)

    def same(self, backup, target, path, tmp_path):
        """What is in the backup is what is in the qcow2 file."""
        raw = tmp_path / "raw"
        raw.unlink(missing_ok=True)
        self.extract(backup, target, raw)
        done = subprocess.run(["qemu-img", "compare", "-U", "-f", "qcow2", "-F", "raw", path, raw], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def backups(self, domain):
        return self.d.items(f"/v1/repositories/{self.name}/backups?domain={domain}")


@pytest.fixture
def two(shared_daemon, monitors, tmp_path, request):
    """A domain with two disks, with something on them, whose QEMU is there but runs no guest."""
    d = shared_daemon
    name = f"sb{abs(hash(request.node.name)) % 10 ** 8}"
    paths = [disk(d, tmp_path / "a.qcow2", "4M"), disk(d, tmp_path / "b.qcow2", "4M")]
    d.do("POST", "/v1/domains", d.paused_domain(name, disks=files(*paths), qemu_args=monitors.args(name)))
    start(d, name)
    monitors.guest_io(name, "write -P 1 0 1M")
    monitors.guest_io(name, "write -P 2 3M 64k", "virtio-disk1")
    yield name, paths
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers={"Prefer": "wait=120"})


def create(d, name, place, **more):
    return d.do("POST", f"/v1/domains/{name}/backups", {"repository": place.name, **more})


def tidy(d, m, name, count=1):
    """One checkpoint, the newest backup's; nothing else is left."""
    nothing_left(d, m, name)
    assert len(known(d, name)) == count
    assert records(d) == 0


def records(d):
    with sqlite3.connect(d.root / "lib" / "skep.db") as database:
        return database.execute("SELECT count(*) FROM records WHERE kind = 'stored-backup'").fetchone()[0]


def test_full_and_incremental(shared_daemon, monitors, two, place, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    full = create(d, name, place, note="first")
    assert full["note"] == "first" and not full.get("incremental") and full["read"] >= (1 << 20) + (64 << 10)
    for target, path in zip(("vda", "vdb"), paths):
        place.same(full["name"], target, path, tmp_path)
    tidy(d, m, name)
    before = set(known(d, name))
    m.guest_io(name, "write -P 7 512k 128k")
    shutil.copy(paths[0], tmp_path / "then")
    more = create(d, name, place)
    assert more["incremental"] and more["read"] == 128 << 10 and more["previous"] == full["name"]
    tidy(d, m, name)
    assert not before & set(known(d, name))
    m.guest_io(name, "write -z 0 64k")
    third = create(d, name, place)
    assert third["incremental"]
    place.same(more["name"], "vda", tmp_path / "then", tmp_path)
    place.same(third["name"], "vda", paths[0], tmp_path)
    place.same(third["name"], "vdb", paths[1], tmp_path)
    # Any of them can go; what the next one is made from is not there any more, so it reads all.
    for gone in (full, third, more):
        d.skep("backup", "delete", place.name, gone["name"].split("/")[1], "--yes")
    assert not create(d, name, place).get("incremental")
    again = json.loads(d.skep("backup", "create", name, "--to", place.name, "--full", "-o", "json").stdout)
    assert not again.get("incremental") and len(place.backups(name)) == 2
    tidy(d, m, name)


def test_domain_that_is_off(shared_daemon, monitors, two, place, tmp_path):
    d, m, (name, paths) = shared_daemon, monitors, two
    create(d, name, place)
    m.guest_io(name, "write -P 9 2M 64k")
    stop(d, name)
    made = create(d, name, place)
    assert made["incremental"] and made["read"] == 64 << 10 and not made.get("running")
    for target, path in zip(("vda", "vdb"), paths):
        place.same(made["name"], target, path, tmp_path)
        clean(path)
    assert [len(bitmaps(path)) for path in paths] == [1, 1] and records(d) == 0
    start(d, name)
    m.guest_io(name, "write -P 8 1M 64k")
    last = create(d, name, place)
    assert last["incremental"]
    place.same(last["name"], "vda", paths[0], tmp_path)
    # QEMU dies: what was written since is not known, so that all is read.
    os.kill(d.get(f"/v1/domains/{name}")["status"]["pid"], signal.SIGKILL)
    d.wait_until(lambda: d.state(name) == "shut off", "the end")
    full = create(d, name, place)
    assert not full.get("incremental")
    place.same(full["name"], "vda", paths[0], tmp_path)
    start(d, name)
    create(d, name, place)
    tidy(d, m, name)


def test_refused(shared_daemon, monitors, two, place):
    d, m, (name, _) = shared_daemon, monitors, two
    path = f"/v1/domains/{name}/backups"
    assert d.fails("POST", path, {"repository": "none"})[1] == "no-repository"
    assert d.fails("POST", "/v1/domains/none/backups", {"repository": place.name})[1] == "no-domain"
    assert d.fails("POST", path, {"repository": place.name, "quiesce": True})[1] in ("agent", "state")
    moved = place.path.rename(place.path.parent / "moved")
    assert d.fails("POST", path, {"repository": place.name})[1] != ""
    moved.rename(place.path)
    assert known(d, name) == {}
    tidy(d, m, name, 0)


def test_two_at_once(shared_daemon, monitors, two, place):
    """The second says that the first is under way, or comes after it: never both."""
    d, m, (name, _) = shared_daemon, monitors, two
    asked = [d.request("POST", f"/v1/domains/{name}/backups", {"repository": place.name}).json["id"] for _ in range(2)]
    ends = []
    for one in asked:
        d.wait_until(lambda one=one: d.get(f"/v1/jobs/{one}")["state"] not in ("queued", "running"), "the end", pause=0.05)
        ends.append(d.get(f"/v1/jobs/{one}"))
    assert ends[0]["state"] == "done" and (ends[1]["state"] == "done" or "under way" in ends[1]["message"])
    create(d, name, place)
    tidy(d, m, name)


# -- broken off -------------------------------------------------------------------------------------------------------------------

RUNNING = ["stored-backup/note", "backup/note", "backup/begin", "backup/offer", "backup/record", "stored-backup/read", "storage/repository", "stored-backup/made",
           "stored-backup/tidy", "checkpoint-delete/note", "checkpoint-delete/bitmaps", "checkpoint-delete/record", "stored-backup/settle", "backup/end",
           "backup/cleared"]
OFF = ["stored-backup/note", "stored-backup/serve", "stored-backup/offered", "storage/repository"]


@pytest.fixture(scope="module")
def crashing(monitors, tmp_path_factory):
    base = tmp_path_factory.mktemp("disks")
    with make_daemon() as d:
        d.start()
        paths = [disk(d, base / "a.qcow2", "4M"), disk(d, base / "b.qcow2", "4M")]
        d.do("POST", "/v1/domains", d.paused_domain("a", disks=files(*paths), qemu_args=monitors.args("crashing")))
        yield d, paths, Place(d, "nas", base)
        d.restart()


def broken(d, place, how, step):
    d.restart(env={how: step})
    ask(d, "POST", "/v1/domains/a/backups", {"repository": place.name})
    if how == "SKEP_FAULT_EXIT":
        d.wait_until(d.ended, "the end")
    d.restart()
    d.wait_until(lambda: records(d) == 0, "what was begun to be put in order")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("step", RUNNING)
def test_broken_off(crashing, monitors, how, step, tmp_path):
    d, paths, place = crashing
    d.restart()
    if d.state("a") == "shut off":
        start(d, "a")
    create(d, "a", place)
    monitors.guest_io("crashing", f"write -P {RUNNING.index(step) + 10} 1M 64k")
    broken(d, place, how, step)
    assert len(known(d, "a")) == 1 and len(monitors.bitmaps("crashing")) == 1
    nothing_left(d, monitors, "crashing")
    made = create(d, "a", place)
    assert made["incremental"]
    for target, path in zip(("vda", "vdb"), paths):
        place.same(made["name"], target, path, tmp_path)
    assert len(known(d, "a")) == 1 and records(d) == 0
    d.skep("backup", "verify", place.name)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("step", OFF)
def test_broken_off_while_off(crashing, how, step, tmp_path):
    d, paths, place = crashing
    d.restart()
    if d.state("a") != "shut off":
        stop(d, "a")
    broken(d, place, how, step)
    assert not [name for name in os.listdir(d.root / "run") if name.startswith("backup-")]
    made = create(d, "a", place)
    for target, path in zip(("vda", "vdb"), paths):
        place.same(made["name"], target, path, tmp_path)
        clean(path)
    # Nobody holds the disks any more.
    start(d, "a")


def test_reader_and_qemu_that_die(crashing, monitors, tmp_path):
    d, paths, place = crashing
    for victim in ("reader", "qemu"):
        d.restart()
        if d.state("a") == "shut off":
            start(d, "a")
        create(d, "a", place)
        job = d.request("POST", "/v1/domains/a/backups", {"repository": place.name, "full": True}).json
        if victim == "qemu":
            os.kill(d.get("/v1/domains/a")["status"]["pid"], signal.SIGKILL)
        else:
            d.request("DELETE", f"/v1/jobs/{job['id']}")
        d.wait_until(lambda: d.get(f"/v1/jobs/{job['id']}")["state"] not in ("queued", "running"), "the end", pause=0.05)
        if d.state("a") == "shut off":
            start(d, "a")
        made = create(d, "a", place)
        place.same(made["name"], "vda", paths[0], tmp_path)
        assert len(known(d, "a")) == 1 and records(d) == 0
