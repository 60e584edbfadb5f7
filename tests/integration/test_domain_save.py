# SPDX-License-Identifier: LGPL-2.1-or-later
"""The state of a running guest in a file, and back: whole, or the guest goes on."""
import os

import pytest

from streams import Console

READY = "skep-tiny ready"
PACKED = {"plain": False, "packed": True}


@pytest.fixture
def guest(shared_daemon, tiny, request):
    """A guest of the test's own whose shell remembers a word."""
    d = shared_daemon
    name = f"g{abs(hash(request.node.name)) % 10 ** 8}"
    d.do("POST", "/v1/domains?start=true", d.tiny_domain(name, tiny))
    d.wait_console(name, READY)
    with Console(d, name, take_over=True) as console:
        console.wait(READY)
        console.write("WORD=hive; echo learn'e'd\n")
        console.wait("learned")
    yield name
    d.request("DELETE", f"/v1/domains/{name}?force=true&volumes=true", headers={"Prefer": "wait=120"})


def status(daemon, name):
    return daemon.get(f"/v1/domains/{name}")["status"]


def remembers(daemon, name):
    """The guest that went on is the one that was saved."""
    with Console(daemon, name, take_over=True) as console:
        console.forget()
        console.write('echo word "<$WORD>"\n')
        console.wait("word <hive>")


def reason(daemon, name):
    shown = status(daemon, name)
    return shown["state"], shown["reason"]


@pytest.mark.parametrize("compress", PACKED.values(), ids=PACKED)
def test_managed_save(shared_daemon, guest, compress):
    d = shared_daemon
    d.do("POST", f"/v1/domains/{guest}/save", {"compress": compress})
    assert reason(d, guest) == ("shut off", "saved") and status(d, guest)["saved"]
    path = d.root / "lib" / "save" / f"{d.get(f'/v1/domains/{guest}')['spec']['uuid']}.save"
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    d.do("POST", f"/v1/domains/{guest}/start")
    assert reason(d, guest) == ("running", "restored") and not status(d, guest).get("saved")
    assert os.listdir(path.parent) == []
    remembers(d, guest)


def test_save_survives_the_daemon(shared_daemon, guest):
    d = shared_daemon
    d.do("POST", f"/v1/domains/{guest}/suspend")
    d.do("POST", f"/v1/domains/{guest}/save", {})
    d.kill()
    d.start()
    assert status(d, guest)["saved"]
    d.do("POST", f"/v1/domains/{guest}/start")
    assert reason(d, guest) == ("paused", "restored")
    d.do("POST", f"/v1/domains/{guest}/resume")
    remembers(d, guest)


def test_fresh_start_and_drop(shared_daemon, guest):
    d = shared_daemon
    d.do("POST", f"/v1/domains/{guest}/save", {})
    assert d.fails("POST", f"/v1/domains/{guest}/undefine")[:2] == (409, "state")
    d.do("DELETE", f"/v1/domains/{guest}/saved")
    assert d.fails("DELETE", f"/v1/domains/{guest}/saved")[:2] == (409, "state")
    d.do("POST", f"/v1/domains/{guest}/start?paused=true")
    d.do("POST", f"/v1/domains/{guest}/save", {})
    d.do("POST", f"/v1/domains/{guest}/start?fresh=true&paused=true")
    assert reason(d, guest) == ("paused", "starting") and not status(d, guest).get("saved")
    assert os.listdir(d.root / "lib" / "save") == []


@pytest.mark.parametrize("compress", PACKED.values(), ids=PACKED)
def test_save_to_a_file(shared_daemon, guest, tmp_path, compress):
    d = shared_daemon
    path = str(tmp_path / "state")
    d.do("POST", f"/v1/domains/{guest}/save", {"path": path, "compress": compress, "then": "paused"})
    assert reason(d, guest) == ("shut off", "saved") and not status(d, guest).get("saved")
    assert sorted(os.listdir(tmp_path)) == ["state"]
    info = d.get(f"/v1/saved?path={path}")
    assert info["name"] == guest and info["paused"] and info["compressed"] == compress
    changed = {**info["definition"], "title": "told anew"}
    d.do("POST", "/v1/saved", {"path": path, "definition": changed, "then": "running"})
    assert d.get(f"/v1/saved?path={path}")["definition"]["title"] == "told anew"
    assert d.do("POST", "/v1/saved/restore", {"path": path})["name"] == guest
    assert reason(d, guest) == ("running", "restored")
    remembers(d, guest)
    assert d.fails("POST", "/v1/saved/restore", {"path": path})[:2] == (409, "state")


def test_save_after_plugging(shared_daemon, tiny):
    """QEMU begins with what was plugged, and its devices are still of the shape that the state has."""
    d, name = shared_daemon, "plugged"
    d.do("POST", "/v1/domains?start=true", d.tiny_domain(name, tiny, vcpus={"current": 1, "maximum": 3}, disks=[{"size": 8 << 20}, {"size": 8 << 20, "bus": "scsi"}]))
    d.wait_console(name, READY)
    with Console(d, name, take_over=True) as console:
        console.wait(READY)
        console.write("WORD=hive; echo learn'e'd\n")
        console.wait("learned")
    d.do("PATCH", f"/v1/domains/{name}?scope=live", {"vcpus": {"current": 2}})
    d.do("POST", f"/v1/domains/{name}/disks", {"size": 8 << 20, "target": "vdb"})
    d.do("POST", f"/v1/domains/{name}/interfaces", {"network": "default"})
    for _ in range(2):
        d.do("POST", f"/v1/domains/{name}/save", {})
        d.do("POST", f"/v1/domains/{name}/start")
        remembers(d, name)
    d.do("DELETE", f"/v1/domains/{name}?force=true&volumes=true")


def test_restore_of_what_is_not_defined(shared_daemon, guest, tmp_path):
    d = shared_daemon
    path = str(tmp_path / "state")
    d.do("POST", f"/v1/domains/{guest}/undefine")
    assert d.fails("POST", f"/v1/domains/{guest}/save", {})[:2] == (409, "state")
    d.do("POST", f"/v1/domains/{guest}/save", {"path": path})
    assert d.request("GET", f"/v1/domains/{guest}").status == 404
    d.do("POST", "/v1/saved/restore", {"path": path})
    assert not status(d, guest)["persistent"]
    remembers(d, guest)


def test_what_is_no_saved_state(shared_daemon, tmp_path):
    for name, content in {"empty": b"", "text": b"hello", "cut": b"SKEPSAVE" + b"\1\0\0\0" + b"\xff" * 64}.items():
        (tmp_path / name).write_bytes(content)
        assert shared_daemon.fails("POST", "/v1/saved/restore", {"path": str(tmp_path / name)})[0] in (400, 422)
    assert shared_daemon.fails("POST", "/v1/saved/restore", {"path": str(tmp_path / "none")})[:2] == (404, "not-found")


SAVE = ["domain-save/intent", "domain-save/stop", "save-image/create", "engine/migrate", "domain-save/memory", "domain-save/seal"]
LATE = ["domain-save/name"]
RESTORE = ["domain-restore/state", "engine/migrate", "domain-restore/use", "domain-restore/resume", "domain-start/note"]


@pytest.fixture(scope="module")
def crashing(request, tiny):
    from conftest import make_daemon
    with make_daemon() as d:
        d.start()
        d.do("POST", "/v1/domains?start=true", d.tiny_domain("a", tiny))
        d.wait_console("a", READY)
        with Console(d, "a", take_over=True) as console:
            console.wait(READY)
            console.write("WORD=hive; echo learn'e'd\n")
            console.wait("learned")
        yield d
        d.restart()


def ask(daemon, method, path, body=None):
    """TRUE if it was done; a daemon that dies over it has not done it."""
    try:
        return daemon.request(method, path, body, {"Prefer": "wait=120"}).status == 200
    except OSError:
        return False


def leftovers(daemon):
    return [name for name in os.listdir(daemon.root / "lib" / "save") if not name.endswith(".save")]


@pytest.mark.parametrize("how", ["SKEP_FAULT", "SKEP_FAULT_EXIT"])
@pytest.mark.parametrize("step", SAVE + LATE)
def test_fault_in_save(crashing, how, step):
    d = crashing
    if step in LATE and how == "SKEP_FAULT":
        pytest.skip("nothing fails there: it is where the daemon may die")
    d.restart()
    if status(d, "a")["state"] == "shut off":
        d.do("POST", "/v1/domains/a/start")
    d.restart(env={how: step})
    d.wait_until(lambda: status(d, "a")["state"] == "running", "the guest to be taken back")
    done = ask(d, "POST", "/v1/domains/a/save", {})
    assert not done
    if how == "SKEP_FAULT_EXIT":
        d.wait_until(d.ended, "the end")
    d.restart()
    saved = step in LATE
    d.wait_until(lambda: status(d, "a")["state"] == ("shut off" if saved else "running"), "the old state or the new")
    assert bool(status(d, "a").get("saved")) == saved and leftovers(d) == []
    if saved:
        d.do("POST", "/v1/domains/a/start")
    remembers(d, "a")


@pytest.mark.parametrize("how", ["SKEP_FAULT", "SKEP_FAULT_EXIT"])
@pytest.mark.parametrize("step", RESTORE)
def test_fault_in_restore(crashing, how, step):
    d = crashing
    d.restart()
    if status(d, "a")["state"] != "shut off":
        d.do("POST", "/v1/domains/a/save", {})
    assert status(d, "a")["saved"]
    d.restart(env={how: step})
    assert not ask(d, "POST", "/v1/domains/a/start")
    if how == "SKEP_FAULT_EXIT":
        d.wait_until(d.ended, "the end")
    d.restart()
    went_on = how == "SKEP_FAULT_EXIT" and step in ("domain-restore/use", "domain-restore/resume", "domain-start/note")
    d.wait_until(lambda: status(d, "a")["state"] == ("running" if went_on else "shut off"), "the old state or the new")
    assert bool(status(d, "a").get("saved")) != went_on and leftovers(d) == []
    if not went_on:
        d.wait_until(lambda: not d.qemu_pids(), "the QEMU that was begun to go")
        d.do("POST", "/v1/domains/a/start")
    remembers(d, "a")


@pytest.mark.parametrize("how", ["SKEP_FAULT", "SKEP_FAULT_EXIT"])
def test_fault_in_drop(crashing, how):
    """A saved state is there until its file is gone."""
    d, name = crashing, f"drop-{how[5:].replace('_', '-').lower()}"
    d.restart()
    d.do("POST", "/v1/domains?start=true&paused=true", d.paused_domain(name))
    d.do("POST", f"/v1/domains/{name}/save", {})
    path = str(d.root / "lib" / "save" / f"{d.get(f'/v1/domains/{name}')['spec']['uuid']}.save")
    assert status(d, name)["saved"] and os.path.exists(path)
    d.restart(env={how: "domain-save/drop"})
    assert not ask(d, "DELETE", f"/v1/domains/{name}/saved")
    if how == "SKEP_FAULT_EXIT":
        d.wait_until(d.ended, "the end")
    d.restart()
    assert status(d, name)["saved"] and os.path.exists(path)
    d.do("DELETE", f"/v1/domains/{name}/saved")
    assert not status(d, name).get("saved") and not os.path.exists(path)
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    d.do("DELETE", f"/v1/domains/{name}?force=true")
