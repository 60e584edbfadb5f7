# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains without a definition, whole definitions, and definitions that go while the guest stays."""
import pytest


def view(daemon, name):
    return daemon.get(f"/v1/domains/{name}")


def is_gone(daemon, name):
    return daemon.request("GET", f"/v1/domains/{name}").status == 404


def make_transient(daemon, name, **more):
    daemon.do("POST", "/v1/domains?transient=true&start=true&paused=true", daemon.paused_domain(name, **more))
    return name


def files_of(daemon, uuid):
    return [str(path) for path in daemon.root.rglob(f"*{uuid}*")]


def test_transient_is_gone_when_off(shared_daemon):
    d = shared_daemon
    make_transient(d, "t1")
    shown = view(d, "t1")
    assert shown["status"]["state"] == "paused" and not shown["status"]["persistent"]
    assert {"name": "t1", "persistent": False}.items() <= next(row for row in d.items("/v1/domains") if row["name"] == "t1").items()
    d.do("POST", "/v1/domains/t1/destroy")
    assert is_gone(d, "t1")
    d.wait_until(lambda: not files_of(d, shown["spec"]["uuid"]), "its files to go")
    make_transient(d, "t1")
    d.do("POST", "/v1/domains/t1/destroy")


def test_transient_must_start(shared_daemon):
    assert shared_daemon.fails("POST", "/v1/domains?transient=true", shared_daemon.paused_domain("t2"))[:2] == (400, "invalid")
    broken = shared_daemon.paused_domain("t2", emulator="/bin/false")
    shared_daemon.fails("POST", "/v1/domains?transient=true&start=true", broken)
    assert is_gone(shared_daemon, "t2")


def test_transient_survives_the_daemon(daemon):
    make_transient(daemon, "t3")
    make_transient(daemon, "t4")
    uuid = view(daemon, "t4")["spec"]["uuid"]
    daemon.kill()
    daemon.start()
    daemon.wait_until(lambda: daemon.state("t3") == "paused", "t3 to be taken back")
    assert not view(daemon, "t3")["status"]["persistent"]
    daemon.kill()
    daemon.kill_guests()
    daemon.start()
    daemon.wait_until(lambda: is_gone(daemon, "t3") and is_gone(daemon, "t4"), "both to be gone")
    daemon.wait_until(lambda: not files_of(daemon, uuid), "its files to go")


def test_define_makes_it_persistent(daemon):
    make_transient(daemon, "t5")
    spec = view(daemon, "t5")["spec"]
    daemon.do("PUT", "/v1/domains/t5", {**daemon.paused_domain("t5"), "uuid": spec["uuid"], "title": "kept"})
    assert view(daemon, "t5")["status"]["persistent"] and daemon.state("t5") == "paused"
    daemon.kill()
    daemon.start()
    daemon.wait_until(lambda: daemon.state("t5") == "paused", "t5 to be taken back")
    daemon.do("POST", "/v1/domains/t5/destroy")
    assert view(daemon, "t5")["spec"]["title"] == "kept" and daemon.state("t5") == "shut off"


def test_define_replaces(shared_daemon):
    d = shared_daemon
    d.do("PUT", "/v1/domains/p1", d.paused_domain("p1", title="one"))
    first = view(d, "p1")
    d.do("PUT", "/v1/domains/p1", d.paused_domain("p1", title="two"))
    assert view(d, "p1")["spec"]["title"] == "two" and view(d, "p1")["spec"]["uuid"] == first["spec"]["uuid"]
    d.do("POST", "/v1/domains/p1/start?paused=true")
    d.do("PUT", "/v1/domains/p1", d.paused_domain("p1", title="three", vcpus={"current": 2}))
    assert "vcpus" in str(view(d, "p1")["status"]["pending"])
    other = "11111111-2222-3333-4444-555555555555"
    assert d.fails("PUT", "/v1/domains/p1", {**d.paused_domain("p1"), "uuid": other})[:2] == (409, "exists")
    assert d.fails("PUT", "/v1/domains/p9", {**d.paused_domain("p9"), "uuid": first["spec"]["uuid"]})[:2] == (409, "exists")
    assert d.fails("PUT", "/v1/domains/p9", d.paused_domain("p8"))[:2] == (400, "invalid")
    assert d.fails("PUT", "/v1/domains/p1", d.paused_domain("p1"), {"If-Match": '"1"'})[:2] == (409, "changed")
    d.do("DELETE", "/v1/domains/p1?force=true")


def test_undefine_of_a_running_one(daemon):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("u1"))
    daemon.do("POST", "/v1/domains/u1/start?paused=true")
    daemon.do("POST", "/v1/domains/u1/undefine")
    assert not view(daemon, "u1")["status"]["persistent"] and daemon.state("u1") == "paused"
    assert daemon.fails("POST", "/v1/domains/u1/undefine")[:2] == (409, "state")
    daemon.restart()
    daemon.wait_until(lambda: daemon.state("u1") == "paused", "u1 to be taken back")
    daemon.do("POST", "/v1/domains/u1/destroy")
    assert is_gone(daemon, "u1")


@pytest.mark.parametrize("step", ["domain-create/record", "domain-start/process", "domain-start/note", "domain-vanish/record", "domain-vanish/files"])
def test_crash_of_transient(daemon, step):
    """Killed at a step of its making or of its end, it runs whole or is not there."""
    daemon.stop()
    daemon.start(env={"SKEP_FAULT_EXIT": step})
    try:
        make_transient(daemon, "c1")
        daemon.request("POST", "/v1/domains/c1/destroy", headers={"Prefer": "wait=120"})
    except OSError:
        pass
    daemon.wait_until(daemon.ended, "the end")
    daemon.start()
    ran = step == "domain-start/note"
    daemon.wait_until(lambda: daemon.state("c1") == "paused" if ran else is_gone(daemon, "c1"), "the old state or the new")
    if ran:
        daemon.do("POST", "/v1/domains/c1/destroy")
    daemon.wait_until(lambda: not daemon.qemu_pids() and not list((daemon.root / "run" / "domains").glob("*")), "nothing left over")


@pytest.mark.parametrize("step", ["domain-undefine/record"])
def test_crash_of_undefine(daemon, step):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("u2"))
    daemon.do("POST", "/v1/domains/u2/start?paused=true")
    daemon.restart(env={"SKEP_FAULT_EXIT": step})
    try:
        daemon.request("POST", "/v1/domains/u2/undefine", headers={"Prefer": "wait=120"})
    except OSError:
        pass
    daemon.wait_until(daemon.ended, "the end")
    daemon.start()
    daemon.wait_until(lambda: daemon.state("u2") == "paused", "u2 to be taken back")
    assert view(daemon, "u2")["status"]["persistent"]
    daemon.do("POST", "/v1/domains/u2/undefine")
    daemon.do("POST", "/v1/domains/u2/destroy")
    assert is_gone(daemon, "u2")
