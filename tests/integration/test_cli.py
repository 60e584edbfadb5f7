# SPDX-License-Identifier: LGPL-2.1-or-later
"""The skep command by hand, as the issue lists it, against a real daemon."""
import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest

from skep import BUILD, DEADLINE


@pytest.fixture(scope="module")
def d(shared_daemon):
    return shared_daemon


def exit_of(d, *argv, **options):
    return d.skep(*argv, check=False, **options).returncode


def test_life_by_hand(d):
    d.skep("create", "web1", "--cpus", "1", "--memory", "64M", "--disk", "16M", "--network", "none") \
        if "none" in d.skep("create", "--help").stdout else d.do("POST", "/v1/domains", d.paused_domain("web1", disks=[{"size": "16M"}]))
    assert "web1" in d.skep("ls").stdout
    assert d.skep("ls", "-o", "name").stdout.split() == ["web1"]
    assert json.loads(d.skep("ls", "-o", "json").stdout)[0]["name"] == "web1"
    assert "name: web1" in d.skep("ls", "-o", "yaml").stdout
    assert "web1" in d.skep("show", "web1").stdout
    assert json.loads(d.skep("show", "web1", "-o", "json").stdout)["spec"]["name"] == "web1"
    d.skep("start", "web1")
    assert d.state("web1") == "running"
    assert exit_of(d, "start", "web1") == 4
    d.skep("suspend", "web1")
    assert d.state("web1") == "paused"
    d.skep("resume", "web1")
    d.skep("reset", "web1")
    d.skep("autostart", "web1")
    assert d.get("/v1/domains/web1")["spec"]["autostart"] is True
    d.skep("disk", "attach", "web1", "size=8M")
    assert "vdb" in d.skep("disk", "ls", "web1").stdout
    d.skep("disk", "resize", "web1", "vdb", "16M")
    d.skep("nic", "attach", "web1", "user")
    assert d.skep("nic", "set", "web1", "0", "link=down").stdout == "interface 0 of web1 changed\n"
    assert d.skep("nic", "set", "web1", "0", "link=up", "-o", "name").stdout == "0\n"
    assert "--force" in d.skep("delete", "web1", "--yes", check=False).stderr
    top = d.skep("top", "--once")
    assert "web1" in top.stdout
    assert "web1" in d.skep("stats").stdout
    d.skep("destroy", "web1")
    assert d.state("web1") == "shut off"
    d.skep("set", "web1", "--memory", "96M")
    assert d.get("/v1/domains/web1")["spec"]["memory"]["current"] == 96 << 20
    d.skep("set", "web1", "title=one line")
    assert d.get("/v1/domains/web1")["spec"]["title"] == "one line"
    d.skep("rename", "web1", "web2")
    assert d.skep("ls", "-o", "name").stdout.split() == ["web2"]
    d.skep("delete", "web2", "--yes")
    assert d.items("/v1/domains") == []


def test_networks_jobs_events(d):
    d.skep("net", "create", "lan1")
    assert "lan1" in d.skep("net", "ls", "-o", "name").stdout
    d.skep("net", "show", "lan1")
    d.skep("net", "leases", "lan1")
    d.skep("net", "stop", "lan1", check=False)
    d.skep("net", "start", "lan1")
    d.skep("net", "delete", "lan1", "--yes")
    jobs = json.loads(d.skep("job", "ls", "-o", "json").stdout)
    assert any(job["operation"] == "network.create" for job in jobs)
    d.skep("job", "show", jobs[0]["id"])
    d.skep("job", "wait", jobs[0]["id"])
    assert exit_of(d, "job", "show", "nowhere") == 3
    started = d.skep("pool", "create", "jobs1", "--no-wait").stdout.split()[-1]
    d.skep("job", "wait", started)
    assert exit_of(d, "job", "cancel", started) == 4
    d.skep("pool", "delete", "jobs1", "--yes")
    events = subprocess.Popen(d.prefix() + [str(BUILD / "skep"), "--root", str(d.root), "events"], stdout=subprocess.PIPE, text=True)
    try:
        d.wait_until(lambda: told(d, events, "told"), "an event")
    finally:
        events.kill()
        events.wait()


def told(d, events, name):
    """Makes something happen until the watcher, which may still be connecting, tells of it."""
    d.do("POST", "/v1/pools", {"name": name})
    d.do("DELETE", f"/v1/pools/{name}?volumes=true")
    if not select.select([events.stdout], [], [], 0.2)[0]:
        return False
    return name in events.stdout.readline() or True


def test_exit_codes(d, tmp_path):
    assert exit_of(d, "show", "nowhere") == 3
    assert exit_of(d, "nonsense") == 2
    assert exit_of(d, "ls", "--nonsense") == 2
    assert exit_of(d, "create", "a/b") == 2
    assert exit_of(d, "ls", "-o", "xml") == 2
    assert exit_of(d, "pool", "create", "default") == 4
    gone = subprocess.run([str(BUILD / "skep"), "--root", str(tmp_path), "ls"], capture_output=True, text=True)
    assert gone.returncode == 6 and str(tmp_path) in gone.stderr
    assert exit_of(d, "doctor") in (0, 1)
    assert d.skep("version").stdout and d.skep("node").stdout
    for error in (d.skep("show", "nowhere", check=False).stderr,):
        assert len(error.strip().splitlines()) == 1 and "nowhere" in error


def test_resumed_upload(d, tmp_path):
    data = os.urandom(1 << 20)
    (tmp_path / "cut.raw").write_bytes(data)
    path = "/v1/pools/default/volumes/cut.raw/data"
    with socket.socket(socket.AF_UNIX) as cut:
        cut.connect(d.socket)
        cut.sendall(b"PUT %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(data)))
        cut.sendall(data[:len(data) // 2])
    d.wait_until(lambda: int(d.request("HEAD", path).headers.get("Upload-Offset", 0)) > 0, "the half that came")
    assert exit_of(d, "volume", "upload", "--resume", "--offset", "1", "cut.raw", str(tmp_path / "cut.raw")) == 2
    d.skep("volume", "upload", "--resume", "cut.raw", str(tmp_path / "cut.raw"))
    d.skep("volume", "download", "cut.raw", str(tmp_path / "back.raw"))
    assert (tmp_path / "back.raw").read_bytes() == data
    assert exit_of(d, "volume", "upload", "--resume", "cut.raw", str(tmp_path / "cut.raw")) == 4
    d.skep("volume", "delete", "cut.raw")


def test_first_question_about_figures_is_answered(d):
    d.do("POST", "/v1/domains", d.paused_domain("figures"))
    d.skep("start", "figures")
    assert json.loads(d.skep("stats", "figures", "-o", "json").stdout)["memory_rss"] > 0
    d.skep("delete", "--force", "figures")


def test_token_by_name(d):
    d.skep("token", "create", "--name", "goes")
    assert d.skep("token", "delete", "goes").stdout == "goes revoked\n"
    assert exit_of(d, "token", "delete", "goes") == 3


def test_no_question_without_a_terminal(d):
    d.do("POST", "/v1/pools", {"name": "asked"})
    done = d.skep("pool", "delete", "asked", check=False)
    assert done.returncode in (0, 2) and "?" not in done.stdout
    d.request("DELETE", "/v1/pools/asked?volumes=true", headers={"Prefer": "wait=10"})


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, tmp_path):
    script = subprocess.run([str(BUILD / "skep"), "completion", shell], capture_output=True, text=True, check=True).stdout
    assert "skep" in script
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script)
    assert subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True).returncode == 0


def test_help_of_every_command():
    listed = subprocess.run([str(BUILD / "skep"), "--help"], capture_output=True, text=True, check=True).stdout
    words = [line.split("  ")[1].strip() for line in listed.splitlines() if line.startswith("  ") and not line.startswith("   ")]
    commands = [" ".join(word for word in line.split() if word.islower()) for line in words if line and line[0].islower()]
    assert len(commands) > 60
    for command in commands:
        done = subprocess.run([str(BUILD / "skep"), *command.split(), "--help"], capture_output=True, text=True)
        assert done.returncode == 0 and "Usage: skep" in done.stdout, command


def test_console_detach(d, tiny):
    d.do("POST", "/v1/domains?start=true", d.tiny_domain("con", tiny))
    d.wait_state("con", "running")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(str(BUILD / "skep"), ["skep", "--root", str(d.root), "console", "con"])
    seen, status, deadline = b"", None, time.monotonic() + DEADLINE
    while status is None and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:     # the other end is closed
                pass
        if seen:
            os.write(terminal, b"\x1d")     # more than once: what is typed before it is ready is dropped
        done, ended = os.waitpid(pid, os.WNOHANG)
        status = os.waitstatus_to_exitcode(ended) if done else None
    if status is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert status == 0, seen
    assert d.state("con") == "running"
    d.do("DELETE", "/v1/domains/con?force=true")


def test_manual_page():
    page = subprocess.run([str(BUILD / "skep"), "man"], capture_output=True, check=True).stdout
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True)
    assert done.returncode == 0 and done.stderr == b""
    assert b"skep" in done.stdout.lower()
