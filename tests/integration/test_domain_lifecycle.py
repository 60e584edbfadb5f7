# SPDX-License-Identifier: LGPL-2.1-or-later
"""Life of domains: every verb with a real guest, wrong states, pending and live changes, starts that fail."""
import pytest

from conftest import make_daemon
from streams import Console, Events

READY = "skep-tiny ready"


def create(daemon, spec, **query):
    daemon.do("POST", "/v1/domains" + ("?start=true" if query.get("start") else ""), spec)
    return spec["name"]


def boot(daemon, spec):
    """Creates and starts a domain, and waits until its guest is up."""
    name = create(daemon, spec)
    daemon.do("POST", f"/v1/domains/{name}/start")
    daemon.wait_console(name, READY)
    return name


def remove(daemon, name):
    daemon.do("DELETE", f"/v1/domains/{name}?force=true&volumes=true")


def verb(daemon, name, word):
    return daemon.do("POST", f"/v1/domains/{name}/{word}")


def status(daemon, name):
    return daemon.get(f"/v1/domains/{name}")["status"]


def wait_boots(daemon, name, times):
    """Waits until the guest has come up so many times; the log is kept over restarts."""
    daemon.wait_until(lambda: daemon.console_text(name).count(READY) == times, f"boot {times} of {name}", pause=0.1)


# -- with a guest ------------------------------------------------------------------------------------------


def test_guest_obeys(shared_daemon, tiny):
    d = shared_daemon
    with Events(d) as events:
        name = boot(d, d.tiny_domain("obeys", tiny))
        assert status(d, name)["accel"] in ("tcg", "kvm")
        verb(d, name, "suspend")
        assert (status(d, name)["state"], status(d, name)["reason"]) == ("paused", "user")
        verb(d, name, "resume")
        assert d.state(name) == "running"
        verb(d, name, "reset")
        wait_boots(d, name, 2)
        first = status(d, name)
        verb(d, name, "reboot")
        d.wait_until(lambda: d.state(name) == "running" and status(d, name)["pid"] != first["pid"], "the guest to be started again")
        assert status(d, name)["id"] != first["id"]
        wait_boots(d, name, 3)
        verb(d, name, "shutdown")
        assert (status(d, name)["state"], status(d, name)["reason"]) == ("shut off", "shutdown")
        assert "pid" not in status(d, name)
        remove(d, name)
        events.wait(lambda event: event["type"] == "domain.deleted")
    assert events.states(name) == [
        ("running", "booted"), ("paused", "user"), ("running", "user"),
        ("in shutdown", "user"), ("shut off", "shutdown"), ("running", "booted"),
        ("in shutdown", "user"), ("shut off", "shutdown")]
    kinds = [event["type"] for event in events.seen if event["object"] == f"domain/{name}"]
    assert kinds[0] == "domain.created" and "domain.reset" in kinds
    revisions = [event["revision"] for event in events.seen]
    assert revisions == sorted(set(revisions))


def test_guest_ignores_shutdown(shared_daemon, tiny):
    d = shared_daemon
    name = boot(d, d.tiny_domain("deaf", tiny, cmdline="skep.ignore-shutdown"))
    code, error, message = d.fails("POST", f"/v1/domains/{name}/shutdown?timeout=1")
    assert (code, error) == (504, "timeout")
    assert '"deaf" did not shut down within 1 second' in message and "skep destroy deaf" in message
    assert d.state(name) == "running"

    # A shutdown that was cancelled, force or not, does nothing any more; a longer patience is the clock.
    job = d.request("POST", f"/v1/domains/{name}/shutdown?timeout=1&force=true").json
    assert d.request("POST", f"/v1/jobs/{job['id']}/cancel").status == 200
    other = boot(d, d.tiny_domain("deaf-too", tiny, cmdline="skep.ignore-shutdown"))
    assert d.fails("POST", f"/v1/domains/{other}/shutdown?timeout=2")[0] == 504
    assert d.state(name) == "running"

    d.do("POST", f"/v1/domains/{name}/shutdown?timeout=1&force=true")
    assert (status(d, name)["state"], status(d, name)["reason"]) == ("shut off", "destroyed")
    remove(d, name)
    remove(d, other)


def test_guest_ends_by_itself(shared_daemon, tiny):
    d = shared_daemon
    plain = boot(d, d.tiny_domain("ends", tiny))
    restart = boot(d, d.tiny_domain("ends-restart", tiny, on_poweroff="restart"))
    no_reboot = boot(d, d.tiny_domain("ends-reboot", tiny, on_reboot="destroy"))
    for name, word in ((plain, "poweroff -f"), (restart, "poweroff -f"), (no_reboot, "reboot -f")):
        with Console(d, name) as console:
            console.write(word + "\n")
    d.wait_state(plain, "shut off")
    assert status(d, plain)["reason"] == "shutdown"
    wait_boots(d, restart, 2)
    d.wait_state(restart, "running")
    d.wait_state(no_reboot, "shut off")
    # Asked by us, it stays off.
    verb(d, restart, "shutdown")
    assert d.state(restart) == "shut off"
    assert d.get("/v1/jobs")["items"][0]["operation"] != "domain.start"
    for name in (plain, restart, no_reboot):
        remove(d, name)


def test_live_changes(shared_daemon, tiny):
    d = shared_daemon
    spec = d.tiny_domain("live", tiny)
    spec["vcpus"] = {"current": 1, "maximum": 4}
    name = boot(d, spec)

    def change(patch):
        d.do("PATCH", f"/v1/domains/{name}", patch)
        return status(d, name).get("pending", [])

    assert change({"title": "lively", "vcpus": {"current": 3}}) == []
    with Console(d, name) as console:
        console.write("until grep 0-2 /sys/devices/system/cpu/present; do sleep 1; done; echo see'n' 3\n")
        console.wait("seen 3")
    assert change({"memory": {"current": "80M"}}) == []
    row = [row for row in d.items("/v1/domains") if row["name"] == name][0]
    assert (row["title"], row["vcpus"], row["memory"]) == ("lively", 3, 80 << 20)

    pending = change({"vcpus": {"current": 6}, "memory": {"current": "128M"}})
    assert any(path.startswith("vcpus") for path in pending) and any(path.startswith("memory") for path in pending)
    assert d.get(f"/v1/domains/{name}")["spec"]["vcpus"]["current"] == 6
    row = [row for row in d.items("/v1/domains") if row["name"] == name][0]
    assert row["pending"] and (row["vcpus"], row["memory"]) == (3, 80 << 20)

    d.restart()
    assert status(d, name)["pending"] == pending
    verb(d, name, "destroy")
    assert status(d, name).get("pending", []) == []
    verb(d, name, "start")
    assert status(d, name).get("pending", []) == []
    row = [row for row in d.items("/v1/domains") if row["name"] == name][0]
    assert (row["vcpus"], row["memory"]) == (6, 128 << 20)
    remove(d, name)


# -- without a guest -----------------------------------------------------------------------------------------


def test_wrong_states(shared_daemon):
    d = shared_daemon
    name = create(d, d.paused_domain("wrong"))

    def refused(words, state):
        for word in words:
            method, path = ("DELETE", "") if word == "delete" else ("POST", f"/{word}")
            body = {"name": "other"} if word == "rename" else None
            code, error, message = d.fails(method, f"/v1/domains/{name}{path}", body)
            assert (code, error) == (409, "state"), f"{word}: {message}"
            assert '"wrong"' in message and state in message, message

    refused(("shutdown", "reboot", "reset", "destroy", "suspend", "resume"), "shut off")
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    refused(("start", "suspend", "shutdown", "reboot", "rename", "delete"), "paused")
    verb(d, name, "resume")
    refused(("start", "resume", "rename", "delete"), "running")
    assert d.fails("POST", "/v1/domains/nobody/start")[:2] == (404, "no-domain")
    remove(d, name)


def test_rename(shared_daemon):
    d = shared_daemon
    create(d, d.paused_domain("old", disks=[{"size": "1M"}]))
    create(d, d.paused_domain("taken"))
    before = d.get("/v1/domains/old")
    assert d.fails("POST", "/v1/domains/old/rename", {"name": "taken"})[:2] == (409, "exists")
    assert d.fails("POST", "/v1/domains/old/rename", {"name": "a/b"})[:2] == (400, "invalid")
    d.do("POST", "/v1/domains/old/rename", {"name": "new"})
    assert d.request("GET", "/v1/domains/old").status == 404
    d.restart()
    assert d.get("/v1/domains/new")["spec"]["uuid"] == before["spec"]["uuid"]
    d.do("POST", "/v1/domains/new/start?paused=true")
    verb(d, "new", "destroy")
    remove(d, "new")
    remove(d, "taken")


def test_delete(shared_daemon):
    d = shared_daemon
    name = create(d, d.paused_domain("goes", disks=[{"size": "1M"}, {"size": "1M"}],
                                     cloud_init={"user": "debian"}), start=True)
    d.wait_state(name, "running")
    volumes = [disk["volume"] for disk in d.get(f"/v1/domains/{name}")["spec"]["disks"]]
    pid = status(d, name)["pid"]
    uuid = d.get(f"/v1/domains/{name}")["spec"]["uuid"]
    assert d.fails("DELETE", f"/v1/domains/{name}")[:2] == (409, "state")
    d.do("DELETE", f"/v1/domains/{name}?force=true")
    assert [volume["name"] for volume in d.items("/v1/pools/default/volumes")] == sorted(volumes)
    left = [str(path) for path in d.root.rglob(f"*{uuid}*") if "audit" not in str(path)]
    assert left == []

    disks = [{"pool": "default", "volume": volume} for volume in volumes]
    create(d, d.paused_domain(name, disks=disks))
    create(d, d.paused_domain("shares", disks=disks[:1]))
    code, error, message = d.fails("DELETE", f"/v1/domains/{name}?volumes=true")
    assert (code, error) == (409, "in-use") and "shares" in message and volumes[0] in message
    d.do("DELETE", "/v1/domains/shares")
    remove(d, name)
    assert d.items("/v1/pools/default/volumes") == []
    assert pid not in d.qemu_pids()


def test_pending_while_running(shared_daemon):
    d = shared_daemon
    name = create(d, d.paused_domain("pends"))
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    d.do("PATCH", f"/v1/domains/{name}", {"boot": {"order": ["cdrom"]}, "cpu": {"mode": "maximum"}})
    assert any(path.startswith("boot") for path in status(d, name)["pending"])
    assert any(path.startswith("cpu") for path in status(d, name)["pending"])
    d.do("PATCH", f"/v1/domains/{name}", {"boot": {"order": None}, "cpu": None})
    assert status(d, name).get("pending", []) == []
    remove(d, name)


def test_two_clients_change_one_domain(shared_daemon):
    d = shared_daemon
    name = create(d, d.paused_domain("contested"))
    etag = d.request("GET", f"/v1/domains/{name}").headers["ETag"]
    d.do("PATCH", f"/v1/domains/{name}", {"title": "first"}, {"If-Match": etag})
    now = d.request("GET", f"/v1/domains/{name}").headers["ETag"]
    code, error, message = d.fails("PATCH", f"/v1/domains/{name}", {"title": "second"}, {"If-Match": etag})
    assert (code, error) == (409, "changed") and now.strip('"') in message
    assert d.get(f"/v1/domains/{name}")["spec"]["title"] == "first"
    remove(d, name)


@pytest.mark.parametrize("more, words", [
    ({"machine": "pc-q35-99.9"}, "pc-q35-99.9"),
    ({"cpu": {"mode": "custom", "model": "Sinclair-ZX81"}}, "Sinclair-ZX81"),
    ({"boot": {"kernel": "/nonexistent/kernel"}}, "/nonexistent/kernel"),
    ({"emulator": "/bin/false"}, "/bin/false"),
    ({"emulator": "/nonexistent/qemu"}, "/nonexistent/qemu"),
    ({"disks": [{"source": "file", "path": "/nonexistent/disk", "format": "raw"}]}, "/nonexistent/disk"),
    ({"interfaces": [{"kind": "network", "network": "nonet"}]}, "nonet"),
    ({"interfaces": [{"kind": "bridge", "bridge": "nobridge"}]}, "nobridge"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_start_that_fails(shared_daemon, more, words):
    d = shared_daemon
    name = "fails"
    before = d.qemu_pids()
    answer = d.request("POST", "/v1/domains", d.paused_domain(name, **more), {"Prefer": "wait=120"})
    if answer.status == 200:
        try:
            code, error, message = d.fails("POST", f"/v1/domains/{name}/start")
            assert status(d, name)["state"] == "shut off"
            assert words in status(d, name)["message"]
        finally:
            d.do("DELETE", f"/v1/domains/{name}?force=true")
    else:
        code, (error, message) = answer.status, answer.error
    assert error != "internal" and words in message, (code, error, message)
    assert set(d.qemu_pids()) <= set(before)
    assert d.request("GET", f"/v1/domains/{name}").status == 404


def test_kvm_that_is_not_there(shared_daemon):
    d = shared_daemon
    if d.get("/v1/node")["accel"] == "kvm":
        pytest.skip("this host has KVM")
    name = create(d, d.paused_domain("wants-kvm", accel="kvm"))
    code, error, message = d.fails("POST", f"/v1/domains/{name}/start")
    assert (code, error) == (422, "unsupported")
    assert '"wants-kvm"' in message and '"tcg"' in message
    d.do("DELETE", f"/v1/domains/{name}")


def test_missing_qemu():
    with make_daemon() as d:
        (d.root / "etc").mkdir()
        (d.root / "etc" / "skepd.conf").write_text("[qemu]\nbinary=/nonexistent/qemu\n")
        d.start()
        create(d, d.paused_domain("a"))
        code, error, message = d.fails("POST", "/v1/domains/a/start")
        assert error == "host" and "/nonexistent/qemu" in message, message
        assert d.state("a") == "shut off"


def test_autostart_with_the_host(daemon):
    d = daemon
    create(d, d.paused_domain("auto", autostart=True))
    create(d, d.paused_domain("manual"))
    d.restart()
    assert d.state("auto") == "shut off", "a restart of the daemon is no start of the host"
    # The mark of a start of the host is the boot id that the daemon saw last.
    d.stop()
    d.forget_boot()
    d.start()
    d.wait_state("auto", "running")
    assert d.state("manual") == "shut off"
    d.do("PATCH", "/v1/domains/auto", {"autostart": False})
    verb(d, "auto", "destroy")
    d.stop()
    d.forget_boot()
    d.start()
    assert d.state("auto") == "shut off"
