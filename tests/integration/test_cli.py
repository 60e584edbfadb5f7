# SPDX-License-Identifier: LGPL-2.1-or-later
"""The skep command against a real daemon: what it says, its exit codes, over the socket and HTTPS."""
import json
import os
import re
import subprocess

import pytest

from skep import BUILD


@pytest.fixture
def skep(shared_daemon, tmp_path):
    """skep(*words) runs the command; code= is the exit code that is right."""

    def run(*words, code=0, target=None, **options):
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
        argv = [str(BUILD / "skep"), *(target or ["--root", str(shared_daemon.root)]), *map(str, words)]
        done = shared_daemon.run(*argv, check=False, capture_output=True, env=env, stdin=subprocess.DEVNULL, cwd=tmp_path, timeout=120, **options)
        assert done.returncode == code, f"skep {' '.join(map(str, words))}: {done.returncode} {done.stdout!r} {done.stderr!r}"
        run.errors = done.stderr.decode()
        return done.stdout.decode("utf-8", "surrogateescape")

    return run


def show(skep, name):
    return json.loads(skep("show", name, "-o", "json"))


def test_life_of_a_domain(skep):
    assert skep("create", "life", "-m", "32M", "-n", "none", "-d", "10M") == "life created\n"
    assert "life" in skep("ls", "-o", "name").split()
    assert skep("start", "--paused", "life") == "life started\n"
    assert show(skep, "life")["status"]["state"] == "paused"
    skep("resume", "life")
    skep("suspend", "life")
    skep("start", "life", code=4)
    assert skep.errors.startswith('skep: cannot start domain "life"')
    skep("delete", "life", code=4)
    skep("destroy", "life")
    skep("rename", "life", "second")
    skep("show", "life", code=3)
    assert skep("delete", "second", "--disks") == "second deleted\n"
    assert "second" not in skep("ls", "-o", "name").split()


def test_changes(skep):
    skep("create", "change", "-m", "32M", "-n", "none", "-d", "10M")
    skep("set", "change", "--cpus", "3", "--memory", "64M", "title=a title", "disks[vda].cache=none")
    spec = show(skep, "change")["spec"]
    assert spec["vcpus"] == {"current": 3, "maximum": 3} and spec["memory"]["maximum"] == 64 << 20
    assert spec["title"] == "a title" and spec["disks"][0]["cache"] == "none"
    skep("set", "change", "title=", "cpu.mode=nothing", code=2)
    skep("set", "change", "title=")
    assert "title" not in show(skep, "change")["spec"]
    skep("autostart", "change")
    assert show(skep, "change")["spec"]["autostart"] is True
    skep("delete", "change", "--disks")


def test_drives(skep, tmp_path):
    (tmp_path / "one.iso").write_bytes(b"\0" * 65536)
    skep("create", "drives", "-m", "32M", "-n", "none", "--iso", tmp_path / "one.iso")
    skep("cdrom", "eject", "drives")
    skep("cdrom", "insert", "drives", "one.iso")
    assert show(skep, "drives")["spec"]["disks"][0]["path"] == str(tmp_path / "one.iso")
    target = skep("disk", "attach", "drives", "10M").split()[0]
    skep("disk", "resize", "drives", target, "+10M")
    skep("disk", "detach", "drives", target, "--delete-volume")
    mac = skep("nic", "attach", "drives", "user").split()[0]
    skep("nic", "set", "drives", mac, "link=down")
    skep("nic", "detach", "drives", mac)
    assert show(skep, "drives")["spec"]["interfaces"] == []
    skep("delete", "drives")


def test_volumes(skep, tmp_path):
    data = os.urandom(3 << 20)
    (tmp_path / "data").write_bytes(data)
    skep("pool", "create", "vols", "--path", tmp_path / "vols")
    skep("volume", "create", "vols/c.qcow2", "--size", "3M")
    skep("volume", "upload", "vols/a.raw", "data")
    skep("volume", "upload", "vols/a.raw", "data", code=4)
    skep("volume", "resize", "vols/c.qcow2", "5M")
    skep("volume", "delete", "vols/c.qcow2")
    skep("volume", "download", "vols/a.raw", "back")
    assert (tmp_path / "back").read_bytes() == data
    (tmp_path / "rest.part").write_bytes(data[:1000])
    skep("volume", "download", "vols/a.raw", "rest", "--resume")
    assert (tmp_path / "rest").read_bytes() == data
    skep("volume", "clone", "vols/a.raw", "b.raw")
    assert skep("volume", "ls", "vols", "-o", "name").split() == ["a.raw", "b.raw"]
    skep("volume", "delete", "vols/a.raw", "vols/nothing", code=3)
    skep("volume", "delete", "vols/b.raw")
    skep("pool", "delete", "vols")
    skep("pool", "show", "vols", code=3)


def test_images(skep, tmp_path):
    subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk", str(tmp_path / "small.vmdk"), "16M"], check=True)
    assert skep("image", "import", "small.vmdk", "--user", "bee") == "small imported\n"
    skep("create", "made", "--image", "small", "-d", "32M", "-m", "32M", "-n", "none")
    assert skep("volume", "show", show(skep, "made")["spec"]["disks"][0]["volume"], "-o", "json").count("small")
    skep("image", "delete", "small", code=4)
    skep("delete", "made", "--disks")
    skep("image", "delete", "small")
    skep("image", "import", "small.vmdk", "--sha256", "0" * 64, code=2)


def test_jobs_and_events(skep):
    job = skep("--no-wait", "create", "jobs", "-m", "32M", "-n", "none").strip()
    assert re.fullmatch(r"[0-9a-f-]{36}", job)
    skep("job", "wait", job)
    assert json.loads(skep("job", "show", job[:8], "-o", "json"))["operation"] == "domain.create"
    skep("delete", "jobs")
    lines = skep("events", "--since", "1", "--count", "2", "-o", "json").splitlines()
    assert [json.loads(line)["revision"] for line in lines] == [2, 3]


def test_https(skep, shared_daemon):
    log = shared_daemon.log().decode()
    port, fingerprint = re.search(r"https port (\d+), certificate SHA-256 ([0-9A-F:]+)", log).groups()
    token = skep("--quiet", "token", "create", "--role", "viewer").strip()
    url = ["--url", f"https://127.0.0.1:{port}", "--fingerprint", fingerprint]
    assert "accel" in skep("node", "-o", "yaml", target=url + ["--token", token])
    skep("create", "no", "-n", "none", code=5, target=url + ["--token", token])
    skep("ls", code=5, target=url)
    skep("ls", code=6, target=["--url", f"https://127.0.0.1:{port}", "--token", token])
    assert "is not trusted" in skep.errors
    skep("ls", code=6, target=url[:2] + ["--fingerprint", "00"])


def test_general(skep):
    assert skep("version").startswith("skep ")
    assert "openapi" in json.loads(skep("api", "GET", "/v1/openapi.json"))
    assert "kvm" in skep("doctor", "-o", "name").split()
    assert skep("net", "ls", "-o", "name") == "default\n"
    skep("ls", code=6, target=["--socket", "/nonexistent"])
