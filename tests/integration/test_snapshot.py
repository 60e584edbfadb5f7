# SPDX-License-Identifier: LGPL-2.1-or-later
"""Snapshots: of domains that are off, run or are paused; back, and deleted, at every step of which the daemon may die."""
import json
import subprocess

import pytest

from streams import Console

READY = "skep-tiny ready"


def disk(d, path, size="64M", fmt="qcow2"):
    subprocess.run(["qemu-img", "create", "-q", "-f", fmt, str(path), size], check=True)
    return str(path)


def write(path, pattern, offset=0, length=65536, fmt="qcow2"):
    subprocess.run(["qemu-io", "-f", fmt, "-c", f"write -P {pattern} {offset} {length}", str(path)], check=True, capture_output=True)


def holds(path, pattern, offset=0, length=65536, fmt="qcow2"):
    done = subprocess.run(["qemu-io", "-f", fmt, "-c", f"read -P {pattern} {offset} {length}", str(path)], capture_output=True, text=True)
    return done.returncode == 0 and "verification failed" not in done.stdout


def states(path):
    info = json.loads(subprocess.run(["qemu-img", "info", "-U", "--output=json", str(path)], check=True, capture_output=True).stdout)
    return [entry["name"] for entry in info.get("snapshots", [])]


def clean(path):
    done = subprocess.run(["qemu-img", "check", "-f", "qcow2", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def snapshots(d, name):
    return {entry["name"]: entry for entry in d.items(f"/v1/domains/{name}/snapshots")}


def current(d, name):
    return [entry["name"] for entry in snapshots(d, name).values() if entry["current"]]


def take(d, name, snapshot, **more):
    return d.do("POST", f"/v1/domains/{name}/snapshots", {"name": snapshot, **more})


def revert(d, name, snapshot, **more):
    return d.do("POST", f"/v1/domains/{name}/snapshots/{snapshot}/revert", more)


def drop(d, name, snapshot, query=""):
    return d.do("DELETE", f"/v1/domains/{name}/snapshots/{snapshot}{query}")


@pytest.fixture
def off(shared_daemon, tmp_path, request):
    """A domain that is off, with two disks."""
    d = shared_daemon
    name = f"o{abs(hash(request.node.name)) % 10 ** 8}"
    paths = [disk(d, tmp_path / "a.qcow2"), disk(d, tmp_path / "b.qcow2")]
    d.do("POST", "/v1/domains", d.paused_domain(name, disks=[{"source": "file", "path": path, "format": "qcow2"} for path in paths]))
    yield name, paths
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers={"Prefer": "wait=120"})


@pytest.fixture
def guest(shared_daemon, tiny, tmp_path, request):
    """A guest that runs, whose shell remembers a word, with a disk."""
    d = shared_daemon
    name = f"g{abs(hash(request.node.name)) % 10 ** 8}"
    path = disk(d, tmp_path / "a.qcow2")
    d.do("POST", "/v1/domains?start=true", d.tiny_domain(name, tiny, disks=[{"source": "file", "path": path, "format": "qcow2"}]))
    d.wait_console(name, READY)
    say(d, name, "WORD=hive; echo learn'e'd", "learned")
    yield name, path
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers={"Prefer": "wait=120"})


def say(d, name, words, answer):
    with Console(d, name, take_over=True) as console:
        console.forget()
        console.write(words + "\n")
        console.wait(answer)


def start(d, name):
    """Until the shell of this start, not of one before, is there."""
    before = d.console_text(name).count(READY)
    d.do("POST", f"/v1/domains/{name}/start")
    d.wait_until(lambda: d.console_text(name).count(READY) > before, "the guest to be there", pause=0.1)


def remembers(d, name, word):
    say(d, name, 'echo word "<$WORD>"', f"word <{word}>")


def test_tree_of_a_domain_that_is_off(shared_daemon, off):
    d, (name, paths) = shared_daemon, off
    write(paths[0], 1)
    take(d, name, "one", description="the first")
    write(paths[0], 2)
    write(paths[1], 2)
    take(d, name, "two")
    write(paths[0], 3)
    revert(d, name, "one")
    assert holds(paths[0], 1) and holds(paths[1], 0) and current(d, name) == ["one"]
    take(d, name, "other")
    known = snapshots(d, name)
    assert {n: s.get("parent") for n, s in known.items()} == {"one": None, "two": "one", "other": "one"}
    assert known["one"]["description"] == "the first" and all(s["state"] == "shut off" for s in known.values())
    revert(d, name, "two")
    assert holds(paths[0], 2) and holds(paths[1], 2)
    drop(d, name, "one")
    known = snapshots(d, name)
    assert {n: s.get("parent") for n, s in known.items()} == {"two": None, "other": None} and current(d, name) == ["two"]
    revert(d, name, "other")
    assert holds(paths[0], 1) and holds(paths[1], 0)
    d.kill()
    d.start()
    assert set(snapshots(d, name)) == {"two", "other"} and current(d, name) == ["other"]
    drop(d, name, "two")
    drop(d, name, "other")
    assert snapshots(d, name) == {}
    for path in paths:
        assert states(path) == []
        clean(path)


def test_children(shared_daemon, off):
    d, (name, paths) = shared_daemon, off
    for snapshot in "abcd":
        take(d, name, snapshot)
    revert(d, name, "b")
    take(d, name, "e")
    drop(d, name, "c", "?children=true")
    assert set(snapshots(d, name)) == {"a", "b", "e"} and current(d, name) == ["e"]
    drop(d, name, "a", "?children_only=true")
    assert set(snapshots(d, name)) == {"a"} and current(d, name) == ["a"]
    assert states(paths[0]) == ["a"]


def test_definition_goes_back(shared_daemon, off):
    d, (name, _) = shared_daemon, off
    take(d, name, "s")
    d.do("PATCH", f"/v1/domains/{name}", {"title": "another", "vcpus": {"current": 2, "maximum": 2}})
    assert set(d.get(f"/v1/domains/{name}/snapshots/s/diff")["definition"]) >= {"title"}
    d.do("POST", f"/v1/domains/{name}/rename", {"name": name + "x"})
    revert(d, name + "x", "s")
    shown = d.get(f"/v1/domains/{name}x")["spec"]
    assert shown["vcpus"]["current"] == 1 and not shown.get("title")
    d.do("POST", f"/v1/domains/{name}x/rename", {"name": name})


def test_rename_and_redefine(shared_daemon, off):
    d, (name, paths) = shared_daemon, off
    write(paths[0], 1)
    take(d, name, "a")
    take(d, name, "b")
    d.do("PATCH", f"/v1/domains/{name}/snapshots/a", {"name": "first", "description": "told"})
    known = snapshots(d, name)
    assert known["b"]["parent"] == "first" and known["first"]["description"] == "told" and states(paths[0]) == ["a", "b"]
    take(d, name, "a")
    write(paths[0], 2)
    kept = d.get(f"/v1/domains/{name}/snapshots/first")
    drop(d, name, "first", "?metadata=true")
    assert len(states(paths[0])) == 3
    kept.pop("id")
    d.do("PUT", f"/v1/domains/{name}/snapshots/first", kept)
    revert(d, name, "first")
    assert holds(paths[0], 1)
    assert d.fails("PATCH", f"/v1/domains/{name}/snapshots/first", {"name": "b"})[:2] == (409, "exists")


def test_memory_goes_back(shared_daemon, guest):
    d, (name, path) = shared_daemon, guest
    say(d, name, "echo one | dd of=/dev/vda conv=fsync 2>/dev/null; echo writ't'en", "written")
    take(d, name, "s", memory=True)
    assert d.state(name) == "running" and snapshots(d, name)["s"]["memory_bytes"] > 0
    assert d.fails("POST", f"/v1/domains/{name}/snapshots", {"quiesce": "yes"})[1] == "agent"
    say(d, name, "WORD=other; echo two | dd of=/dev/vda conv=fsync 2>/dev/null; echo chang'e'd", "changed")
    revert(d, name, "s")
    assert d.state(name) == "running"
    remembers(d, name, "hive")
    say(d, name, 'echo disk "<$(head -n 1 /dev/vda)>"', "disk <one>")
    revert(d, name, "s", then="paused")
    assert d.state(name) == "paused"
    d.do("POST", f"/v1/domains/{name}/resume")
    remembers(d, name, "hive")
    revert(d, name, "s", then="off")
    assert d.state(name) == "shut off"
    drop(d, name, "s")
    assert not list((d.root / "lib" / "snapshots").glob("*/*")) and states(path) == []
    clean(path)


def test_paused_with_memory(shared_daemon, guest):
    d, (name, _) = shared_daemon, guest
    d.do("POST", f"/v1/domains/{name}/suspend")
    take(d, name, "p", memory=True)
    assert d.state(name) == "paused" and snapshots(d, name)["p"]["state"] == "paused"
    take(d, name, "q", memory=True)
    take(d, name, "r")
    d.do("POST", f"/v1/domains/{name}/resume")
    say(d, name, "WORD=other; echo chang'e'd", "changed")
    revert(d, name, "p")
    assert d.state(name) == "paused"
    d.do("POST", f"/v1/domains/{name}/resume")
    remembers(d, name, "hive")


def test_running_without_memory(shared_daemon, guest):
    d, (name, path) = shared_daemon, guest
    say(d, name, "echo one | dd of=/dev/vda conv=fsync 2>/dev/null; echo writ't'en", "written")
    take(d, name, "s")
    take(d, name, "t")
    say(d, name, "echo two | dd of=/dev/vda conv=fsync 2>/dev/null; echo chang'e'd", "changed")
    drop(d, name, "t")
    assert states(path) == ["s"]
    revert(d, name, "s")
    assert d.state(name) == "shut off"
    assert open(path, "rb").read(4) == b"QFI\xfb"
    start(d, name)
    say(d, name, 'echo disk "<$(head -n 1 /dev/vda)>"', "disk <one>")


def test_raw_and_left_out(shared_daemon, tmp_path):
    d = shared_daemon
    raw, iso = disk(d, tmp_path / "r.raw", fmt="raw"), disk(d, tmp_path / "c.iso", fmt="raw")
    qcow2 = disk(d, tmp_path / "q.qcow2")
    d.do("POST", "/v1/domains", d.paused_domain("raws", disks=[
        {"source": "file", "path": qcow2, "format": "qcow2"}, {"source": "file", "path": raw, "format": "raw"},
        {"source": "file", "path": iso, "device": "cdrom", "bus": "sata"}]))
    status, code, words = d.fails("POST", "/v1/domains/raws/snapshots", {"name": "s"})
    assert code == "unsupported" and "vdb" in words and "exclude" in words
    take(d, "raws", "s", raw="exclude")
    assert [part["kind"] for part in d.get("/v1/domains/raws/snapshots/s")["disks"]] == ["internal", "left out", "left out"]
    write(raw, 7, fmt="raw")
    write(qcow2, 7)
    revert(d, "raws", "s")
    assert holds(raw, 7, fmt="raw") and holds(qcow2, 0)
    assert d.fails("POST", "/v1/domains/raws/snapshots", {"exclude": ["vdz"]})[1] == "no-device"
    assert d.fails("POST", "/v1/domains/raws/snapshots", {"name": "s", "raw": "exclude"})[1] == "exists"
    assert d.fails("POST", "/v1/domains/raws/snapshots", {"name": "m", "raw": "exclude", "memory": True})[1] == "state"
    assert d.fails("POST", "/v1/domains/raws/snapshots", {"name": "a/b", "raw": "exclude"})[0] in (400, 422)
    assert d.fails("POST", "/v1/domains/raws/snapshots/none/revert", {})[:2] == (404, "no-snapshot")
    assert d.fails("POST", "/v1/domains/raws/undefine")[1] == "state"
    d.do("POST", "/v1/domains/raws/undefine?metadata=true")


def test_foreign_state_of_the_name(shared_daemon, off):
    d, (name, paths) = shared_daemon, off
    subprocess.run(["qemu-img", "snapshot", "-c", "mine", paths[1]], check=True)
    assert d.fails("POST", f"/v1/domains/{name}/snapshots", {"name": "mine"})[1] == "exists"
    assert states(paths[0]) == [] and states(paths[1]) == ["mine"]


def test_lost_state(shared_daemon, off):
    """What cannot be gone back to whole is not begun."""
    d, (name, paths) = shared_daemon, off
    write(paths[0], 1)
    take(d, name, "s")
    write(paths[0], 2)
    subprocess.run(["qemu-img", "snapshot", "-d", "s", paths[1]], check=True)
    assert d.fails("POST", f"/v1/domains/{name}/snapshots/s/revert", {})[1] == "state"
    assert holds(paths[0], 2)
    drop(d, name, "s")
    assert states(paths[0]) == []


def test_command(shared_daemon, off):
    d, (name, _) = shared_daemon, off
    assert d.skep("snapshot", "create", name, "good", "--description", "fine").returncode == 0
    assert "good" in d.skep("snapshot", "ls", name).stdout
    assert "fine" in d.skep("snapshot", "show", name, "good").stdout
    d.skep("snapshot", "rename", name, "good", "better")
    d.skep("snapshot", "set", name, "better", "description=told")
    assert "better" in d.skep("snapshot", "diff", name, "better").stdout
    d.skep("--yes", "snapshot", "revert", name, "better")
    d.skep("--yes", "snapshot", "delete", name, "better")
    assert "better" not in d.skep("snapshot", "ls", name).stdout


# -- the daemon fails, or dies, at each step -----------------------------------------------------------------------------

CREATE_OFF = ["snapshot-create/note", "snapshot-create/disk", "snapshot-create/record"]
CREATE_ON = ["snapshot-create/note", "snapshot-create/stop", "snapshot-create/disks", "save-image/create", "engine/migrate",
             "snapshot-create/memory", "snapshot-create/record"]
REVERT = ["snapshot-revert/note", "snapshot-revert/end", "snapshot-revert/disk", "snapshot-revert/nvram", "snapshot-revert/tpm",
          "snapshot-revert/record"]
DELETE = ["snapshot-delete/note", "snapshot/drop-state", "snapshot-delete/states", "snapshot-delete/record"]
HOW = ["SKEP_FAULT", "SKEP_FAULT_EXIT"]


def ask(d, method, path, body=None):
    try:
        return d.request(method, path, body, {"Prefer": "wait=120"}).status == 200
    except OSError:
        return False


def notes(d):
    import sqlite3
    with sqlite3.connect(d.root / "lib" / "skep.db") as database:
        return database.execute("SELECT count(*) FROM records WHERE kind = 'snapshot-note'").fetchone()[0]


@pytest.fixture(scope="module")
def crashing(tiny, tmp_path_factory):
    from conftest import make_daemon
    base = tmp_path_factory.mktemp("disks")
    with make_daemon() as d:
        d.start()
        paths = [disk(d, base / "a.qcow2"), disk(d, base / "b.qcow2")]
        d.do("POST", "/v1/domains", d.tiny_domain("a", tiny, disks=[{"source": "file", "path": path, "format": "qcow2"} for path in paths]))
        yield d, paths
        d.restart()


def calm(d, running):
    """The state that a test begins with."""
    d.restart()
    for snapshot in snapshots(d, "a"):
        drop(d, "a", snapshot)
    if running and d.state("a") != "running":
        if d.state("a") == "paused":
            d.do("POST", "/v1/domains/a/destroy")
        start(d, "a")
        say(d, "a", "WORD=hive; echo learn'e'd", "learned")
    if not running and d.state("a") != "shut off":
        d.do("POST", "/v1/domains/a/destroy")


def fail_at(d, how, step, *request):
    d.restart(env={how: step})
    d.wait_until(lambda: d.get("/v1/domains/a")["status"].get("job") is None, "what runs to be taken back")
    done = ask(d, *request)
    if how == "SKEP_FAULT_EXIT":
        d.wait_until(d.ended, "the end")
    d.restart()
    d.wait_until(lambda: notes(d) == 0, "what was begun to be finished")
    return done


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("running,step", [(False, step) for step in CREATE_OFF] + [(True, step) for step in CREATE_ON])
def test_fault_in_create(crashing, how, running, step):
    d, paths = crashing
    calm(d, running)
    assert not fail_at(d, how, step, "POST", "/v1/domains/a/snapshots", {"name": "s", "memory": running})
    d.wait_until(lambda: d.state("a") == ("running" if running else "shut off"), "the old state")
    assert snapshots(d, "a") == {} and [states(path) for path in paths] == [[], []]
    assert not list((d.root / "lib" / "snapshots").glob("*/*"))
    if running:
        remembers(d, "a", "hive")
    take(d, "a", "s", memory=running)
    drop(d, "a", "s")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("step", REVERT)
@pytest.mark.parametrize("running", [False, True])
def test_fault_in_revert(crashing, how, running, step):
    d, paths = crashing
    calm(d, False)
    for path in paths:
        write(path, 1)
    take(d, "a", "s")
    for path in paths:
        write(path, 2)
    if running:
        d.do("POST", "/v1/domains/a/start")
    assert not fail_at(d, how, step, "POST", "/v1/domains/a/snapshots/s/revert", {})
    d.wait_until(lambda: d.state("a") == "shut off", "the domain to be off")
    assert all(holds(path, 1) for path in paths) and current(d, "a") == ["s"]
    for path in paths:
        clean(path)
    d.do("POST", "/v1/domains/a/start")
    d.do("POST", "/v1/domains/a/destroy")


def test_half_a_revert_does_not_start(crashing):
    d, paths = crashing
    calm(d, False)
    take(d, "a", "s")
    d.restart(env={"SKEP_FAULT": "snapshot-revert/disk"})
    assert not ask(d, "POST", "/v1/domains/a/snapshots/s/revert", {})
    assert d.fails("POST", "/v1/domains/a/start")[1] == "state"
    assert d.fails("POST", "/v1/domains/a/snapshots", {"name": "t"})[1] == "state"


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("step", DELETE)
@pytest.mark.parametrize("running", [False, True])
def test_fault_in_delete(crashing, how, running, step):
    d, paths = crashing
    calm(d, running)
    take(d, "a", "r")
    take(d, "a", "s", memory=running)
    take(d, "a", "t")
    assert not fail_at(d, how, step, "DELETE", "/v1/domains/a/snapshots/s")
    d.wait_until(lambda: set(snapshots(d, "a")) == {"r", "t"}, "the snapshot to be gone")
    assert snapshots(d, "a")["t"]["parent"] == "r"
    assert [states(path) for path in paths] == [["r", "t"]] * 2
    assert d.state("a") == ("running" if running else "shut off")
    assert not list((d.root / "lib" / "snapshots").glob("*/*.memory"))


def test_firmware_variables_and_tpm(shared_daemon, tmp_path):
    import os
    import shutil
    if not os.path.exists("/usr/share/OVMF") or shutil.which("swtpm") is None:
        pytest.skip("ovmf or swtpm is not installed")
    d = shared_daemon
    path = disk(d, tmp_path / "a.qcow2")
    d.do("POST", "/v1/domains?start=true&paused=true", d.paused_domain(
        "uefi", firmware={"kind": "uefi"}, tpm={"model": "crb"}, disks=[{"source": "file", "path": path, "format": "qcow2"}]))
    uuid = d.get("/v1/domains/uefi")["spec"]["uuid"]
    nvram, tpm = d.root / "lib" / "nvram" / f"{uuid}.qcow2", d.root / "lib" / "tpm" / uuid
    take(d, "uefi", "on", memory=True)
    take(d, "uefi", "disks")
    assert states(nvram) == ["on", "disks"] == states(path)
    d.do("POST", "/v1/domains/uefi/destroy")
    take(d, "uefi", "off")
    write(nvram, 9)
    before = {file.name: file.read_bytes() for file in tpm.rglob("*") if file.is_file() and not file.name.endswith(".log")}
    assert before
    for file in tpm.rglob("*"):
        if file.is_file() and file.name in before:
            file.write_bytes(b"another")
    revert(d, "uefi", "on")
    assert d.state("uefi") == "paused"
    revert(d, "uefi", "off")
    assert not holds(nvram, 9)
    assert {file.name: file.read_bytes() for file in tpm.rglob("*") if file.name in before} == before
    d.do("POST", "/v1/domains/uefi/start?paused=true")
    drop(d, "uefi", "on")
    drop(d, "uefi", "off")
    assert states(nvram) == ["disks"] == states(path)
    revert(d, "uefi", "disks", fresh_nvram=True)
    assert not nvram.exists()
    d.do("DELETE", "/v1/domains/uefi?force=true")
    assert not (d.root / "lib" / "snapshots" / uuid).exists()
    clean(path)


WRITER = ("i=0; while [ $i -lt 300 ]; do i=$((i+1)); s=$(echo $i | md5sum | cut -c1-32); printf '%8d %s\\n' $i $s; done | "
          "dd of=/dev/vda bs=42 conv=fsync 2>/dev/null; echo all writ't'en")


def test_guest_that_writes(shared_daemon, guest):
    """A log with checksums comes through snapshots and deletions under load whole."""
    import hashlib
    d, (name, path) = shared_daemon, guest
    with Console(d, name, take_over=True) as console:
        console.forget()
        console.write(WRITER + "\n")
        for i in range(6):
            take(d, name, f"s{i}", memory=i == 3)
        for i in (2, 0, 3, 5):
            drop(d, name, f"s{i}")
        console.wait("all written")
    d.do("POST", f"/v1/domains/{name}/destroy")
    clean(path)
    raw = str(path) + ".raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(path), raw], check=True)
    with open(raw, "rb") as log:
        for i in range(1, 301):
            assert log.read(42).decode().split() == [str(i), hashlib.md5(f"{i}\n".encode()).hexdigest()]


def test_qemu_dies_in_the_middle(shared_daemon, guest):
    """Whatever was reached: it is whole, or nothing of it is left."""
    import os
    import signal
    import threading
    d, (name, path) = shared_daemon, guest
    pid = d.get(f"/v1/domains/{name}")["status"]["pid"]
    asked = threading.Thread(target=ask, args=(d, "POST", f"/v1/domains/{name}/snapshots", {"name": "s", "memory": True}))
    asked.start()
    d.wait_until(lambda: states(path) == ["s"] or not asked.is_alive(), "the states to be made")
    os.kill(pid, signal.SIGKILL)
    asked.join()
    d.wait_state(name, "shut off")
    whole = "s" in snapshots(d, name)
    assert states(path) == (["s"] if whole else []) and notes(d) == 0
    assert bool(list((d.root / "lib" / "snapshots").glob(f"*/s.memory"))) == whole
    if not whole:
        take(d, name, "s")
    drop(d, name, "s")
    clean(path)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("step", ["engine/migrate", "snapshot-create/memory", "snapshot-create/record"])
def test_fault_in_create_of_one_paused(crashing, how, step):
    d, paths = crashing
    calm(d, True)
    d.do("POST", "/v1/domains/a/suspend")
    assert not fail_at(d, how, step, "POST", "/v1/domains/a/snapshots", {"name": "s", "memory": True})
    d.wait_until(lambda: d.state("a") == "paused", "the old state")
    assert snapshots(d, "a") == {} and [states(path) for path in paths] == [[], []]
    take(d, "a", "s", memory=True)
    drop(d, "a", "s")
    d.do("POST", "/v1/domains/a/resume")
    remembers(d, "a", "hive")
