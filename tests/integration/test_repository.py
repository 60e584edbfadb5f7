# SPDX-License-Identifier: LGPL-2.1-or-later
"""Repositories of backups by hand: disks that QEMU's tools offer go in, and come out bit for bit; what breaks off leaves a repository that is whole."""
import json
import os
import select
import signal
import subprocess
import uuid

import pytest

import skep

MIB = 1024 * 1024
CLUSTER = 64 * 1024


class Place:
    """A repository, a disk, and the programs that read and write them."""

    def __init__(self, path):
        self.path, self.repo, self.key, self.disk = path, path / "repo", path / "key", path / "disk.qcow2"
        self.uuid, self.served = str(uuid.uuid4()), []
        self.key.write_text(self.run("key").stdout)
        self.tool("init", self.repo)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", self.disk, "512M"], check=True)

    def run(self, *argv, check=True, env=None, stdin=None):
        return subprocess.run([skep.BUILD / "skep-repository", *argv], input=stdin, text=True, capture_output=True, check=check,
                              env={**os.environ, **(env or {})})

    def tool(self, *argv, **options):
        return self.run("--key-file", self.key, *argv, **options)

    def fails(self, *argv, **options):
        done = self.tool(*argv, check=False, **options)
        assert done.returncode != 0, done
        return done.stderr

    def write(self, offset, length, byte):
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -P {byte} {offset} {length}", self.disk], check=True, capture_output=True)

    def bitmap(self, action, name):
        subprocess.run(["qemu-img", "bitmap", f"--{action}", "-f", "qcow2", self.disk, name], check=True)

    def serve(self, bitmap=None):
        """The socket at which the disk is offered."""
        socket = self.path / f"disk{len(self.served)}.sock"
        pid = self.path / f"disk{len(self.served)}.pid"
        argv = ["qemu-nbd", "--read-only", "--persistent", "--shared=4", "--fork", "--format=qcow2", f"--socket={socket}", f"--pid-file={pid}"]
        subprocess.run([*argv, *([f"--bitmap={bitmap}"] if bitmap else []), self.disk], check=True)
        self.served.append(int(pid.read_text()))
        return str(socket)

    def stop(self):
        while self.served:
            pid = self.served.pop()
            # It has nothing to write; a SIGTERM that comes before its main loop is lost. Its lock on the image goes with it; it is nobody's child.
            os.kill(pid, signal.SIGKILL)
            try:
                fd = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            select.select([fd], [], [], skep.DEADLINE)
            os.close(fd)

    def order(self, name, socket, previous=None, bitmap=None):
        backup = {"name": f"{self.uuid}/{name}", "domain": "web1", "uuid": self.uuid, "created": len(name) * 10**6}
        source = {"target": "vda", "socket": socket, "export_name": ""}
        if previous:
            backup["previous"] = f"{self.uuid}/{previous}"
            source["bitmap"] = f"qemu:dirty-bitmap:{bitmap}"
        return json.dumps({"backup": backup, "sources": [source]}) + "\n"

    def create(self, name, previous=None, bitmap=None):
        """The backup as it was told of."""
        socket = self.serve(bitmap)
        try:
            lines = self.tool("--json", "create", self.repo, stdin=self.order(name, socket, previous, bitmap)).stdout.splitlines()
        finally:
            self.stop()
        return json.loads(lines[-1])["backup"]

    def names(self):
        return [json.loads(line)["backup"]["name"].split("/")[1] for line in self.tool("--json", "ls", self.repo).stdout.splitlines()]

    def damage(self):
        return json.loads(self.tool("--json", "verify", self.repo).stdout.splitlines()[-1])["verified"]["damaged"]

    def raw(self, name):
        out = self.path / f"{name}.raw"
        self.tool("extract", self.repo, f"{self.uuid}/{name}", "vda", out)
        return out

    def assert_same(self, name):
        subprocess.run(["qemu-img", "compare", "-F", "qcow2", "-f", "raw", self.raw(name), self.disk], check=True, capture_output=True)


@pytest.fixture(name="place")
def make_place(tmp_path):
    place = Place(tmp_path)
    yield place
    place.stop()


def test_full(place):
    place.write(0, 3 * MIB, 1)
    place.write(300 * MIB + 512, 4096, 2)
    backup = place.create("a")
    assert backup["read"] < 4 * MIB and not backup.get("incremental")
    place.assert_same("a")
    assert place.create("b").get("written", 0) == 0
    assert place.names() == ["a", "b"] and place.damage() == []


def test_incremental(place):
    """Only what was written is read; every backup stays what it was."""
    place.write(0, 64 * MIB, 1)
    place.bitmap("add", "b0")
    place.create("a")
    for i in range(20):
        place.write(i * 3 * MIB + 5 * CLUSTER, CLUSTER, 2 + i)
    place.write(63 * MIB, MIB, 0)
    backup = place.create("aa", "a", "b0")
    assert backup["incremental"] and backup["read"] <= 1.2 * (20 * CLUSTER + MIB)
    place.assert_same("aa")
    first = place.raw("a").with_name("again.raw")
    place.tool("extract", place.repo, f"{place.uuid}/a", "vda", first)
    assert first.read_bytes()[:64 * MIB] == b"\1" * 64 * MIB


def sanitized(plugin):
    """What nbdkit, which is not built with sanitizers, needs in its environment to load a plugin that is."""
    libraries = subprocess.run(["ldd", plugin], check=True, capture_output=True, text=True).stdout
    found = [line.split()[2] for line in libraries.splitlines() if "libasan" in line or "libubsan" in line]
    return {"LD_PRELOAD": ":".join(found), "ASAN_OPTIONS": "detect_leaks=0"} if found else {}


def test_plugin(place):
    """Whoever speaks NBD reads a backup."""
    plugin = skep.BUILD / "nbdkit-skep-plugin.so"
    place.write(MIB, 2 * MIB, 7)
    place.create("a")
    done = subprocess.run(["nbdkit", "--readonly", "-U", "-", plugin, f"repository={place.repo}", f"key-file={place.key}",
                           f"backup={place.uuid}/a", "disk=vda", "--run", f'unset LD_PRELOAD; qemu-img compare -f raw -F qcow2 "$uri" {place.disk}'],
                          capture_output=True, text=True, env={**os.environ, **sanitized(plugin)})
    assert done.returncode == 0, done


@pytest.mark.parametrize("step", ["repository/put", "repository/sync", "repository/named", "repository/backup", "repository/span"])
def test_broken_off(place, step):
    """A step that fails, and a program killed there: the backups before are whole, and the next one comes about."""
    place.write(0, 4 * MIB, 1)
    place.create("a")
    for i, kind in enumerate(("SKEP_FAULT", "SKEP_FAULT_EXIT")):
        place.write(0, 4 * MIB, 2 + i)
        socket = place.serve()
        place.fails("create", place.repo, stdin=place.order("b", socket), env={kind: step})
        place.stop()
        assert place.names() == ["a"] and place.damage() == []
    place.create("c")
    place.assert_same("c")
    place.tool("prune", "--keep", "1", place.repo)
    assert not list((place.repo / "tmp").iterdir()) and place.damage() == []


def test_reader_dies(place):
    """The one who offers the disk goes away in the middle."""
    place.write(0, 4 * MIB, 1)
    socket = place.serve()
    place.stop()
    assert "disk \"vda\"" in place.fails("create", place.repo, stdin=place.order("a", socket))
    assert place.names() == []


def test_leash(place):
    """Whoever ordered the backup is gone: so is the program."""
    place.write(0, 256 * MIB, 1)
    socket = place.serve()
    with subprocess.Popen([skep.BUILD / "skep-repository", "--key-file", place.key, "--leash", "create", place.repo], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as program:
        program.stdin.write(place.order("a", socket).encode())
        program.stdin.close()
        # It may have been quicker than we; if not, it ends in the middle.
        assert program.wait(60) in (0, 1)
    assert place.damage() == []


def test_damage(place):
    """A chunk that was cut: found, named, and not given to anybody."""
    place.write(0, 2 * MIB, 1)
    place.create("a")
    largest = max((place.repo / "objects").glob("*/*"), key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size - 1)
    assert any("cut short" in text and "/a" in text for text in place.damage())
    out = place.path / "out.raw"
    assert "cut short" in place.fails("extract", place.repo, f"{place.uuid}/a", "vda", out) and not out.exists()


def test_refused(place):
    """What is wrong is said in a sentence."""
    other = place.path / "other"
    other.write_text(place.run("key").stdout)
    assert "the key is not that of" in place.run("--key-file", other, "ls", place.repo, check=False).stderr
    assert "there is no repository" in place.fails("ls", place.path)
    assert "there is no backup" in place.fails("show", place.repo, f"{place.uuid}/x")
    assert "there is no backup" in place.fails("show", place.repo, "../../etc/passwd")
    assert "there is no command" in place.fails("frobnicate")
    assert "usage" in place.fails("ls")
    assert "does not say what is kept" in place.fails("prune", "--keep", "soon", place.repo)
    assert "the order" in place.fails("create", place.repo, stdin="{\n")


def test_prune(place):
    """What goes frees what only it needed, and a dry run says so first."""
    for i, name in enumerate(("a", "bb", "ccc")):
        place.write(0, 2 * MIB, i + 1)
        place.create(name)
    would = json.loads(place.tool("--json", "--dry-run", "--keep", "1", "prune", place.repo).stdout)
    assert [name.split("/")[1] for name in would["removed"]] == ["bb", "a"] and place.names() == ["a", "bb", "ccc"]
    gone = json.loads(place.tool("--json", "--keep", "1", "prune", place.repo).stdout)
    assert gone["objects"] > 0 and place.names() == ["ccc"]
    place.assert_same("ccc")
