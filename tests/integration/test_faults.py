# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Single steps that no module of their own makes fail: the answer names the step, everything is as it was, and
the same request works when the fault is gone.
"""
import http.client
import os
import shutil
import subprocess

import pytest

from conftest import make_daemon

NETWORK = {"name": "lan", "ipv4": "192.168.77.1/24", "autostart": False}


def make_volume(daemon, tmp_path):
    path = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "16M"], check=True)
    return path


def running(daemon, tmp_path):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    daemon.do("POST", "/v1/domains/a/start?paused=true")


def saved(daemon, tmp_path):
    running(daemon, tmp_path)
    daemon.do("POST", "/v1/domains/a/save", {"path": str(tmp_path / "state")})


def defined_network(daemon, tmp_path):
    daemon.do("POST", "/v1/networks", NETWORK)


def stopped_pool(daemon, tmp_path):
    daemon.do("POST", "/v1/pools?inactive=true", {"name": "big", "path": str(tmp_path / "big"), "autostart": False})


def image(daemon, tmp_path):
    daemon.do("POST", "/v1/images", {"name": "i", "url": str(make_volume(daemon, tmp_path))})


def with_firmware(daemon, tmp_path):
    for needed, package in ((os.path.exists("/usr/share/OVMF"), "ovmf"), (shutil.which("swtpm"), "swtpm")):
        if not needed:
            pytest.skip(f"{package} is not installed")
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a", firmware={"kind": "uefi"}, tpm={"model": "crb"}, disks=[
        {"source": "file", "path": str(make_volume(daemon, tmp_path)), "format": "qcow2"}]))


def firmware_used(daemon, tmp_path):
    with_firmware(daemon, tmp_path)
    daemon.do("POST", "/v1/domains/a/start?paused=true")
    daemon.do("POST", "/v1/domains/a/destroy")


# step: (what is there before, method, path, body with {dir} for a directory of the test's own)
STEPS = {
    "domain-dump/memory": (running, "POST", "/v1/domains/a/dump", {"path": "{dir}/dump"}),
    "domain-dump/end": (running, "POST", "/v1/domains/a/dump", {"path": "{dir}/dump", "then": "destroy"}),
    "save-image/turn": (saved, "POST", "/v1/saved", {"path": "{dir}/state", "then": "paused"}),
    "network-define/record": (defined_network, "PUT", "/v1/networks/lan", dict(NETWORK, mtu=1400)),
    "network-undefine/record": (defined_network, "POST", "/v1/networks/lan/undefine", None),
    "pool/build": (stopped_pool, "POST", "/v1/pools/big/build", None),
    "image/remove": (image, "DELETE", "/v1/images/i", None),
    "swtpm/start": (with_firmware, "POST", "/v1/domains/a/start?paused=true", None),
    "domain-start/reset-nvram": (firmware_used, "POST", "/v1/domains/a/start?paused=true&reset_nvram=true", None),
    "snapshot-create/tpm": (firmware_used, "POST", "/v1/domains/a/snapshots", {"name": "s1"}),
}


def lasting(value):
    """Without what changes by itself."""
    if isinstance(value, dict):
        return {key: lasting(entry) for key, entry in value.items() if key not in ("revision", "changed", "available", "allocation", "cpu_time", "rss")}
    return [lasting(entry) for entry in value] if isinstance(value, list) else value


def picture(daemon, tmp_path):
    """What a client sees of what the test made, the files of its own directory, and who runs."""
    rows = [row for path in ("/v1/domains", "/v1/networks", "/v1/images", "/v1/pools") for row in daemon.items(path)]
    seen = [lasting(row) for row in rows if "default" not in (row.get("name"), row.get("spec", {}).get("name"))]
    files = sorted(tmp_path.rglob("*"))
    state = daemon.get(f"/v1/saved?path={tmp_path}/state") if tmp_path / "state" in files else None
    return seen, state, files, daemon.qemu_pids()


@pytest.mark.parametrize("step", STEPS)
def test_step_fails(daemon, tmp_path, step):
    before, method, path, body = STEPS[step]
    before(daemon, tmp_path)
    if body is not None:
        body = {key: value.replace("{dir}", str(tmp_path)) if isinstance(value, str) else value for key, value in body.items()}
    daemon.restart(env={"SKEP_FAULT": step})
    if before is running:
        daemon.wait_until(lambda: daemon.state("a") == "paused", "the guest to be taken back")
    was = picture(daemon, tmp_path)
    status, _, sentence = daemon.fails(method, path, body)
    assert status >= 400 and step in sentence, sentence
    assert picture(daemon, tmp_path) == was
    daemon.restart()
    if before is running:
        daemon.wait_until(lambda: daemon.state("a") == "paused", "the guest to be taken back")
    daemon.do(method, path, body)


# -- steps that no request of the table reaches ------------------------------------------------------------------------

HOW = ["SKEP_FAULT", "SKEP_FAULT_EXIT"]


@pytest.mark.parametrize("how", HOW)
def test_certificate(how):
    """A start that fails at, or dies over, its certificate leaves none without a key; the next one has both."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon() as daemon:
        daemon.start(env={how: "rest/cert"}, expect_ready=False)
        assert daemon.wait_ended() != 0
        made = sorted(path.name for path in (daemon.root / "lib" / "tls").iterdir())
        if how == "SKEP_FAULT":
            assert made == [] and b"rest/cert" in daemon.log()
        else:
            assert made == ["key.pem"]
        daemon.start()
        assert sorted(path.name for path in (daemon.root / "lib" / "tls").iterdir()) == ["cert.pem", "key.pem"]
        shown = b"".join(line for line in daemon.log().splitlines() if line.startswith(b"https port"))
        daemon.restart()
        assert shown.split()[-1] in daemon.log(), "it is the same certificate after another start"


@pytest.mark.parametrize("how", HOW)
def test_volume_group(daemon, how):
    """LVM is not asked; the pool stays as it is known."""
    if shutil.which("vgs") is None:
        pytest.skip("lvm2 is not installed")
    name = f"skepno{os.urandom(4).hex()}"
    daemon.do("POST", "/v1/pools?inactive=true", {"name": "group", "kind": "logical", "path": f"/dev/{name}", "source": {"name": name}, "autostart": False})
    for method, path in (("POST", "/v1/pools/group/start"), ("GET", "/v1/pool-sources?kind=logical")):
        daemon.restart(env={how: "pool/lvm"})
        if how == "SKEP_FAULT":
            answer = daemon.request(method, path, headers={"Prefer": "wait=120"})
            assert answer.status >= 400 and "pool/lvm" in answer.error[1], answer.body
        else:
            with pytest.raises((OSError, http.client.HTTPException)):
                daemon.request(method, path, headers={"Prefer": "wait=120"})
            daemon.wait_until(daemon.ended, "the daemon to die")
        daemon.restart()
        assert daemon.get("/v1/pools/group")["status"]["active"] is False
    # LVM's own word: there is no such group.
    assert name in daemon.fails("POST", "/v1/pools/group/start")[2]


def test_update_that_fails(daemon, tmp_path):
    """The definition is as it was, and what the guest took is shown: now, and by the next daemon."""
    running(daemon, tmp_path)
    daemon.restart(env={"SKEP_FAULT": "domain-update/applied"})
    daemon.wait_until(lambda: daemon.state("a") == "paused", "the guest to be taken back")
    assert "domain-update/applied" in daemon.fails("PATCH", "/v1/domains/a", {"title": "anew"})[2]
    for _ in range(2):
        shown = daemon.get("/v1/domains/a")
        assert "title" not in shown["spec"] and shown["live"]["title"] == "anew"
        daemon.restart()
        daemon.wait_until(lambda: daemon.state("a") == "paused", "the guest to be taken back")
    daemon.do("PATCH", "/v1/domains/a", {"title": "later"})
    shown = daemon.get("/v1/domains/a")
    assert (shown["spec"]["title"], shown["live"]["title"]) == ("later", "later")
