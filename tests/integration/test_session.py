# SPDX-License-Identifier: LGPL-2.1-or-later
"""skepd --session: without privileges, for one user alone."""
import os
import pwd
import shutil
import subprocess

import pytest

from skep import BUILD, Daemon

USER = "nobody"


class SessionDaemon(Daemon):
    """A daemon of an unprivileged user, with that user's directories below the test's own."""

    def __enter__(self):
        self.with_rights = True     # for the namespace
        super().__enter__()
        self.with_rights = False
        return self

    def prefix(self):
        if self.with_rights:
            return super().prefix()
        where = [f"XDG_{kind}={self.root}/{place}" for kind, place in
                 (("CONFIG_HOME", "config"), ("DATA_HOME", "data"), ("RUNTIME_DIR", "runtime"), ("CACHE_HOME", "cache"))]
        return super().prefix() + ["setpriv", f"--reuid={USER}", f"--regid={pwd.getpwnam(USER).pw_gid}", "--clear-groups",
                                   "env", f"HOME={self.root}", *where]


@pytest.fixture(scope="module")
def d(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    base = tmp_path_factory.mktemp("session")
    for folder in (base, *base.parents):
        if str(folder).startswith("/tmp/pytest"):
            folder.chmod(0o755)
    root = base / "root"
    root.mkdir()
    # The user may not be able to see where the build is.
    for name in ("skepd", "skep"):
        shutil.copy(BUILD / name, base / name)
    uid, gid = pwd.getpwnam(USER)[2:4]
    os.chown(root, uid, gid)
    with SessionDaemon(root, args=["--session"], binary=str(base / "skepd")) as daemon:
        daemon.start()
        yield daemon


def test_root_is_needed_otherwise(d):
    done = d.run(d.binary, "--root", str(d.root / "other"), check=False, capture_output=True, text=True)
    assert done.returncode == 5 and "--session" in done.stderr


def test_network_becomes_user_mode(d):
    d.do("POST", "/v1/domains", d.paused_domain("s1", interfaces=[{"kind": "network", "network": "default"}]))
    nic = d.get("/v1/domains/s1")["spec"]["interfaces"][0]
    assert nic["kind"] == "user" and "network" not in nic
    protocol, port, guest = nic["forwards"][0].split(":")
    assert (protocol, guest) == ("tcp", "22") and int(port) >= 1024
    d.do("POST", "/v1/domains/s1/start?paused=true")
    assert d.state("s1") == "paused"
    pid, = d.qemu_pids()
    assert os.stat(f"/proc/{pid}").st_uid == pwd.getpwnam(USER).pw_uid, "no uid of its own"
    listeners = d.run("ss", "-Hltn", capture_output=True, text=True).stdout
    assert f"127.0.0.1:{port} " in listeners and f"0.0.0.0:{port} " not in listeners
    # The port is the domain's for good: another domain gets another one.
    d.do("POST", "/v1/domains", d.paused_domain("s2", interfaces=[{"kind": "network", "network": "default"}]))
    assert d.get("/v1/domains/s2")["spec"]["interfaces"][0]["forwards"] != nic["forwards"]
    d.do("POST", "/v1/domains/s2/interfaces", {"kind": "network", "network": "default"})
    kinds = {one["kind"]: one["forwards"] for one in d.get("/v1/domains/s2")["spec"]["interfaces"]}
    assert list(kinds) == ["user"]
    d.restart()
    d.wait_state("s1", "paused")
    d.do("DELETE", "/v1/domains/s1?force=true")
    d.do("DELETE", "/v1/domains/s2")


def test_what_needs_privileges_is_refused(d):
    for nic in ({"kind": "bridge", "bridge": "br0"}, {"kind": "direct", "device": "lo"}):
        status, code, message = d.fails("POST", "/v1/domains", d.paused_domain("s3", interfaces=[nic]))
        assert (status, code) == (422, "unsupported") and "user" in message
    status, code, message = d.fails("POST", "/v1/networks", {"name": "mine"})
    assert (status, code) == (422, "unsupported") and "session" in message


def test_a_disk_and_the_doctor(d):
    d.do("POST", "/v1/domains", d.paused_domain("s4", disks=[{"size": "8M"}]))
    d.do("POST", "/v1/domains/s4/start?paused=true")
    d.do("DELETE", "/v1/domains/s4?force=true&volumes=true")
    assert all(finding["level"] != "failure" for finding in d.items("/v1/node/doctor") if "root" in finding.get("message", ""))
