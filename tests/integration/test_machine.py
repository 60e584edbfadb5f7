# SPDX-License-Identifier: LGPL-2.1-or-later
"""A domain keeps the machine it was defined with: "q35" and "pc" become what QEMU calls them then."""
import re
import signal
import sqlite3

import pytest

from libvirt_client import virsh

PINNED = {"q35": r"pc-q35-[\w.-]+", "pc": r"pc-i440fx-[\w.-]+"}


def machine(daemon, name):
    return daemon.get(f"/v1/domains/{name}")["spec"]["machine"]


def define(daemon, name, **more):
    daemon.do("POST", "/v1/domains", daemon.paused_domain(name, **more))
    return name


def unpin(daemon, name, pinned):
    """As a daemon defined it that kept no versions."""
    daemon.stop()
    with sqlite3.connect(daemon.root / "lib" / "skep.db") as database:
        done = database.execute("UPDATE records SET spec = replace(spec, ?, '\"q35\"') WHERE kind = 'domain' AND name = ?", (f'"{pinned}"', name))
        assert done.rowcount == 1
    database.close()
    daemon.start()
    assert machine(daemon, name) == "q35"


@pytest.mark.parametrize("given", [None, "q35", "pc"])
def test_defined(shared_daemon, given, tmp_path):
    d, name = shared_daemon, f"rest-{given}"
    define(d, name, **({"machine": given} if given else {}))
    shown = machine(d, name)
    assert re.fullmatch(PINNED[given or "q35"], shown), shown
    assert f"machine='{shown}'" in virsh(d, "dumpxml", name)
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    assert f"machine='{shown}'" in virsh(d, "dumpxml", name) and not d.get(f"/v1/domains/{name}")["status"].get("pending")
    attribute = f" machine='{given}'" if given else ""
    path = tmp_path / "domain.xml"
    path.write_text(f"<domain type='qemu'><name>xml-{given}</name><memory unit='MiB'>32</memory><os><type arch='x86_64'{attribute}>hvm</type></os></domain>")
    virsh(d, "define", str(path))
    assert re.search(f"machine='{PINNED[given or 'pc']}'", virsh(d, "dumpxml", f"xml-{given}"))


def test_changed(shared_daemon):
    d, name = shared_daemon, define(shared_daemon, "changed", machine="pc-q35-2.12")
    d.do("PATCH", f"/v1/domains/{name}", {"title": "old"})
    assert machine(d, name) == "pc-q35-2.12"
    d.do("PATCH", f"/v1/domains/{name}", {"machine": "q35"})
    assert re.fullmatch(PINNED["q35"], machine(d, name)) and machine(d, name) != "pc-q35-2.12"


def test_without_an_answer(shared_daemon):
    """A QEMU that says nothing is asked again at the start."""
    d, name = shared_daemon, define(shared_daemon, "mute", emulator="/bin/false")
    assert machine(d, name) == "q35"
    d.do("PATCH", f"/v1/domains/{name}", {"emulator": None})
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    assert re.fullmatch(PINNED["q35"], machine(d, name))
    assert not d.get(f"/v1/domains/{name}")["status"].get("pending")


def test_old_record(daemon):
    """It is pinned by its first start, each step of which may fail or be the daemon's last."""
    d, name = daemon, define(daemon, "old")
    pinned = machine(d, name)
    for step in ("domain-start/pin", "store/commit/domain"):
        unpin(d, name, pinned)
        d.restart(env={"SKEP_FAULT": step})
        assert step in d.fails("POST", f"/v1/domains/{name}/start?paused=true")[2]
        assert machine(d, name) == "q35" and d.state(name) == "shut off"
    for step, expected in (("domain-start/pin", "q35"), ("store/committed/domain", pinned)):
        unpin(d, name, pinned)
        d.stop()
        d.start(env={"SKEP_FAULT_EXIT": step})
        with pytest.raises(OSError):
            d.do("POST", f"/v1/domains/{name}/start?paused=true")
        assert d.wait_ended() == -signal.SIGKILL
        d.start()
        assert machine(d, name) == expected and d.state(name) == "shut off"
    unpin(d, name, pinned)
    d.restart(env={"SKEP_FAULT": "domain-start/process"})
    d.fails("POST", f"/v1/domains/{name}/start?paused=true")
    assert machine(d, name) == pinned
    unpin(d, name, pinned)
    d.do("POST", f"/v1/domains/{name}/start?paused=true")
    assert machine(d, name) == pinned and f"machine='{pinned}'" in virsh(d, "dumpxml", name)
    d.restart()
    assert machine(d, name) == pinned and not d.get(f"/v1/domains/{name}")["status"].get("pending")


def genid(daemon, name):
    view = daemon.get(f"/v1/domains/{name}")
    shown = [re.search(r"<genid>(.*)</genid>", virsh(daemon, "dumpxml", name, *flag)).group(1) for flag in ([], ["--inactive"])]
    assert shown[1] == view["spec"]["genid"]
    return shown[0]


def test_genid(shared_daemon, tmp_path):
    """Another after going back, to a file or to a snapshot; the same after a start and a managed save."""
    d, path = shared_daemon, tmp_path / "domain.xml"
    path.write_text("<domain type='qemu'><name>gen</name><genid/><memory unit='MiB'>32</memory><os><type arch='x86_64'>hvm</type></os></domain>")
    virsh(d, "define", str(path))
    first = genid(d, "gen")
    virsh(d, "start", "gen")
    assert genid(d, "gen") == first
    virsh(d, "managedsave", "gen")
    virsh(d, "start", "gen")
    assert genid(d, "gen") == first
    virsh(d, "snapshot-create-as", "gen", "one")
    virsh(d, "snapshot-revert", "gen", "one")
    second = genid(d, "gen")
    assert second != first and d.get("/v1/domains/gen")["spec"]["genid"] == second
    virsh(d, "save", "gen", str(tmp_path / "state"))
    virsh(d, "restore", str(tmp_path / "state"))
    assert genid(d, "gen") not in (first, second)
