# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways stock clients reach the libvirt front door: default sockets, ssh, TLS with certificates, plain TCP, a user's own daemon."""
import os
import re
import shutil
import socket
import subprocess

import pytest

from certificates import Certificates
from conftest import make_daemon
from libvirt_client import environment, virsh
from skep import DEADLINE, can_mount

pytestmark = pytest.mark.skipif(shutil.which("virsh") is None, reason="libvirt-clients is not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for namespaces")


def configured(settings, **options):
    """A daemon that is not started yet, with a [libvirt] section."""
    daemon = make_daemon(**options)
    (daemon.root / "etc").mkdir(parents=True)
    (daemon.root / "etc" / "skepd.conf").write_text("[libvirt]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
    return daemon


def client(daemon, *argv, check=True, inside=None, **env):
    """virsh with any URI, in the daemon's network namespace; inside: a process whose mounts it sees."""
    prefix = ["nsenter", "-t", str(inside), "-m", "-n", "--"] if inside else daemon.prefix()
    done = subprocess.run(prefix + ["virsh", *argv], capture_output=True, text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL,
                          env=dict(environment(), **env))
    assert not check or done.returncode == 0, f"virsh {' '.join(argv)}: {done.stdout}{done.stderr}\n{daemon.log_tail()}"
    return done


# -- default sockets -------------------------------------------------------------------------------


@pytest.fixture
def own_run(tmp_path):
    """A program that starts skepd with a /run/libvirt of its own."""
    if not can_mount():
        pytest.skip("needs a mount namespace, for a /run/libvirt of its own")
    script = tmp_path / "skepd-in-namespace"
    script.write_text("#!/bin/sh\nexec unshare -m --propagation private sh -c '"
                      "mkdir -p /run/libvirt && mount -t tmpfs none /run/libvirt && exec \"$0\" \"$@\"' \"$SKEPD\" \"$@\"\n")
    script.chmod(0o755)
    return str(script)


def taking_over(own_run, **settings):
    from skep import BUILD
    return configured({"take_over": "true", **settings}, binary=own_run, env={"SKEPD": str(BUILD / "skepd")})


@needs_root
def test_default_sockets(own_run):
    with taking_over(own_run) as daemon:
        daemon.start()
        daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
        pid = daemon.process.pid
        assert client(daemon, "uri", inside=pid).stdout.strip() == "qemu:///system"
        for uri in ("qemu:///system", "qemu+unix:///system?mode=direct", "qemu+unix:///system?mode=legacy", "qemu:///session"):
            assert " a " in client(daemon, "-c", uri, "list", "--all", inside=pid).stdout, uri
        assert " a " in client(daemon, "-r", "list", "--all", inside=pid).stdout


@needs_root
def test_another_daemon_is_left_alone(own_run, tmp_path):
    """Where somebody answers, the daemon does not listen; it does where a socket is only a leftover."""
    with taking_over(own_run) as daemon:
        daemon.start()
        pid = daemon.process.pid
        look = ["nsenter", "-t", str(pid), "-m", "--", "stat", "-c", "%i", "/run/libvirt/libvirt-sock"]
        before = subprocess.run(look, capture_output=True, text=True, check=True).stdout
        with configured({"take_over": "true"}, binary=str(enter(tmp_path, pid))) as second:
            second.start()
            assert b"another daemon answers on" in second.log()
            assert subprocess.run(look, capture_output=True, text=True, check=True).stdout == before
            assert virsh(second, "list", "--all")


def enter(tmp_path, pid):
    """A program that starts skepd among the mounts of a process."""
    from skep import BUILD
    script = tmp_path / "skepd-beside"
    script.write_text(f"#!/bin/sh\nexec nsenter -t {pid} -m -- {BUILD}/skepd \"$@\"\n")
    script.chmod(0o755)
    return script


@needs_root
def test_leftover_socket(own_run):
    """A libvirtd that was killed leaves its socket behind: nobody answers there."""
    with taking_over(own_run) as daemon:
        daemon.start()
        daemon.kill()
        daemon.start()
        assert client(daemon, "uri", inside=daemon.process.pid).stdout.strip() == "qemu:///system"


# -- ssh --------------------------------------------------------------------------------------------


@pytest.fixture
def fake_ssh(tmp_path):
    """Does what ssh does for its caller, on this host."""
    script = tmp_path / "ssh"
    script.write_text("#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\nexec sh -c \"$*\"\n")
    script.chmod(0o755)
    return str(script)


@needs_root
@pytest.mark.parametrize("way", ["", "&proxy=native", "&proxy=netcat"])
def test_ssh(own_run, fake_ssh, way):
    if way == "&proxy=netcat" and shutil.which("nc") is None:
        pytest.skip("nc (netcat-openbsd) is not installed")
    with taking_over(own_run) as daemon:
        daemon.start()
        daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
        pid = daemon.process.pid
        uri = f"qemu+ssh://user@hv1/system?command={fake_ssh}{way}"
        assert " a " in client(daemon, "-c", uri, "list", "--all", inside=pid).stdout
        assert "started" in client(daemon, "-c", uri, "start", "a", inside=pid).stdout
        assert client(daemon, "-r", "-c", uri, "domstate", "a", inside=pid).stdout.strip() == "running"


@needs_root
def test_ssh_to_our_own_socket(daemon, fake_ssh):
    if shutil.which("nc") is None:
        pytest.skip("nc (netcat-openbsd) is not installed")
    uri = f"qemu+ssh://hv1/system?command={fake_ssh}&socket={daemon.root}/run/libvirt-sock"
    assert "Id" in client(daemon, "-c", uri, "list").stdout


@needs_root
def test_external_program(daemon, tmp_path):
    """qemu+ext: any program that speaks on its standard input and output."""
    relay = tmp_path / "relay"
    relay.write_text("#!/usr/bin/python3\n"
                     "import os, select, socket, sys\n"
                     f"s = socket.socket(socket.AF_UNIX); s.connect('{daemon.root}/run/libvirt-sock')\n"
                     "while True:\n"
                     "    for fd in select.select([0, s], [], [])[0]:\n"
                     "        data = os.read(0, 65536) if fd == 0 else s.recv(65536)\n"
                     "        if not data: sys.exit()\n"
                     "        s.sendall(data) if fd == 0 else os.write(1, data)\n")
    relay.chmod(0o755)
    assert "Id" in client(daemon, "-c", f"qemu+ext:///system?command={relay}", "list").stdout


# -- TLS -----------------------------------------------------------------------------------------------


@pytest.fixture
def certificates(tmp_path):
    if shutil.which("certtool") is None:
        pytest.skip("certtool (gnutls-bin) is not installed")
    return Certificates(tmp_path)


@pytest.fixture
def tls_daemon(certificates):
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    folder = certificates.folder
    with configured({"tls_listen": "127.0.0.1:0", "tls_ca": folder / "ca.pem", "tls_certificate": folder / "server.pem",
                     "tls_key": folder / "server.key", "tls_admins": "CN=boss,O=Example;CN=*-admin,*", "tls_viewers": "*"}) as daemon:
        daemon.start()
        yield daemon


def port_of(daemon, kind):
    return re.search(rb"libvirt %s port (\d+)" % kind, daemon.log())[1].decode()


def tls_uri(daemon, pkipath):
    return f"qemu+tls://127.0.0.1:{port_of(daemon, b'TLS')}/system?pkipath={pkipath}"


def test_tls(tls_daemon, certificates):
    tls_daemon.do("POST", "/v1/domains", tls_daemon.paused_domain("a"))
    uri = tls_uri(tls_daemon, certificates.client("boss"))
    assert "started" in client(tls_daemon, "-c", uri, "start", "a").stdout
    assert client(tls_daemon, "-c", uri, "domstate", "a").stdout.strip() == "running"
    uri = tls_uri(tls_daemon, certificates.client("looker"))
    assert " a " in client(tls_daemon, "-c", uri, "list").stdout
    done = client(tls_daemon, "-c", uri, "destroy", "a", check=False)
    assert done.returncode != 0 and "read only access prevents DOMAIN_DESTROY" in done.stderr
    users = tls_daemon.request("GET", "/v1/audit").body.decode()
    assert "cert:CN=boss,O=Example" in users or "cert:O=Example,CN=boss" in users


def test_tls_subject_on_no_list(certificates):
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    folder = certificates.folder
    with configured({"tls_listen": "127.0.0.1:0", "tls_ca": folder / "ca.pem", "tls_certificate": folder / "server.pem",
                     "tls_key": folder / "server.key"}) as daemon:
        daemon.start()
        done = client(daemon, "-c", tls_uri(daemon, certificates.client("boss")), "list", check=False)
        assert done.returncode != 0 and "is on none of the lists tls_admins, tls_operators and tls_viewers" in done.stderr


def test_tls_of_another_authority(tls_daemon, certificates):
    certificates.make("other", "cn = Another authority\nca\ncert_signing_key\n")
    done = client(tls_daemon, "-c", tls_uri(tls_daemon, certificates.client("boss", "other")), "list", check=False)
    assert done.returncode != 0


def test_tls_port_without_tls(tls_daemon):
    """Who speaks no TLS is not answered, and others still are."""
    code = f"import socket; s = socket.create_connection(('127.0.0.1', {port_of(tls_daemon, b'TLS')})); s.sendall(b'x' * 100); print(s.recv(100))"
    subprocess.run(tls_daemon.prefix() + ["/usr/bin/python3", "-c", code], capture_output=True, timeout=DEADLINE)
    assert tls_daemon.get("/v1/domains")["items"] == []


# -- plain TCP ----------------------------------------------------------------------------------------------


@needs_root
@pytest.mark.parametrize("role, code", [("viewer", 1), ("admin", 0)])
def test_tcp(role, code):
    with configured({"tcp_listen": "127.0.0.1:0", "tcp_role": role}) as daemon:
        daemon.start()
        daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
        uri = f"qemu+tcp://127.0.0.1:{port_of(daemon, b'TCP')}/system"
        assert " a " in client(daemon, "-c", uri, "list", "--all").stdout
        assert client(daemon, "-c", uri, "start", "a", check=False).returncode == code


@needs_root
def test_no_port_by_itself(daemon):
    assert b"libvirt TCP port" not in daemon.log() and b"libvirt TLS port" not in daemon.log()
    listening = daemon.run("ss", "-Hltn", capture_output=True, text=True).stdout
    assert not re.search(r":165(09|14)\b", listening)


# -- groups and users -------------------------------------------------------------------------------------------


@needs_root
def test_other_users(daemon):
    """Nobody may come to the socket that changes things; everybody may look."""
    def ask(name):
        code = ("import os, socket, sys; os.setgid(65534); os.setgroups([]); os.setuid(65534); s = socket.socket(socket.AF_UNIX)\n"
                f"s.connect('{daemon.root}/run/{name}')")
        return subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, timeout=DEADLINE)
    os.chmod(daemon.root, 0o755)
    assert "PermissionError" in ask("libvirt-sock").stderr
    assert ask("libvirt-sock-ro").returncode == 0


# -- a user's own daemon -------------------------------------------------------------------------------------------


def test_session(tmp_path):
    """`virsh -c qemu:///session` of a user finds the user's own skepd."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    from skep import BUILD
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    for path in (tmp_path, *tmp_path.parents):
        if path != path.parent and os.stat(path).st_uid == 0 and str(path) != "/tmp":
            os.chmod(path, 0o755)
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-i", f"HOME={home}", f"XDG_RUNTIME_DIR={home}/run",
                 "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LIBVIRT_AUTOSTART=0"]
    (home / "run").mkdir(mode=0o700)
    os.chown(home / "run", 65534, 65534)
    daemon = subprocess.Popen(as_nobody + [str(BUILD / "skepd"), "--session", "--listen", "none"], stderr=subprocess.PIPE, text=True)
    try:
        for line in daemon.stderr:
            if line.strip() == "ready":
                break
        done = subprocess.run(as_nobody + ["virsh", "uri"], capture_output=True, text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL)
        assert done.stdout.strip() == "qemu:///session", done.stderr
        done = subprocess.run(as_nobody + ["virsh", "-c", "qemu:///session", "list", "--all"], capture_output=True, text=True, timeout=DEADLINE,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr
        assert stat_is_socket(home / "run" / "libvirt" / "virtqemud-sock")
    finally:
        daemon.terminate()
        daemon.wait(timeout=DEADLINE)


def stat_is_socket(path):
    probe = socket.socket(socket.AF_UNIX)
    probe.connect(str(path))
    probe.close()
    return True
