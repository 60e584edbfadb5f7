# SPDX-License-Identifier: LGPL-2.1-or-later
"""Running guests move with the content of their disks: what the guest wrote here it reads there, and what was made for it goes if it does not come."""
import os
import signal
import subprocess

import pytest

from conftest import make_daemon
from libvirt_client import environment, uri, virsh
from skep import DEADLINE, guest_files
from streams import Console
from test_libvirt_migration import NAME, NONE, READY, World, to_peer

COPY = "--copy-storage-all"
VOLUMES = [f"{NAME}-vda.qcow2", f"{NAME}-vdb.raw"]


class Disks(World):
    """The guest has a disk of random bytes with their sum written behind them, in a volume of its host alone."""

    def boot(self):
        for daemon in (self.a, self.b):
            if self.has(daemon):
                daemon.do("DELETE", f"/v1/domains/{NAME}?force=true")
            self.clean(daemon)
        self.a.do("POST", "/v1/domains?start=true", self.a.tiny_domain(NAME, guest_files(), disks=[
            {"target": "vda", "size": "8M", "format": "qcow2"}, {"target": "vdb", "size": "2M", "format": "raw"}]))
        self.a.wait_console(NAME, READY)
        with Console(self.a, NAME, take_over=True) as console:
            console.write("WORD=hive; dd if=/dev/urandom of=/dev/vda bs=1M count=4 2>/dev/null; dd if=/dev/vda of=/dev/vdb bs=1M count=2 2>/dev/null; sync; "
                          "SUM=$(dd if=/dev/vda bs=1M count=4 2>/dev/null | md5sum); echo learn'e'd\n")
            console.wait("learned")

    def volumes(self, daemon):
        return sorted(row["name"] for row in daemon.items("/v1/pools/default/volumes"))

    def clean(self, daemon):
        def empty():
            for volume in self.volumes(daemon):
                daemon.request("DELETE", f"/v1/pools/default/volumes/{volume}")     # it may be going by itself
            return self.volumes(daemon) == []
        daemon.wait_until(empty, "volumes to go")

    def same_content(self, daemon):
        """Read from the disk, not from what the guest remembers of it."""
        with Console(daemon, NAME, take_over=True) as console:
            console.forget()
            console.write("sync; echo 3 >/proc/sys/vm/drop_caches; test \"$(dd if=/dev/vda bs=1M count=4 2>/dev/null | md5sum)\" = \"$SUM\" && "
                          "test \"$(dd if=/dev/vdb bs=1M count=2 2>/dev/null | md5sum)\" = \"$(dd if=/dev/vda bs=1M count=2 2>/dev/null | md5sum)\"; "
                          "echo differ\"s<$?>\"e'n'd\n")
            console.wait(">end")
            assert "differs<0>" in console.text, console.text

    def state(self, daemon, name=NAME):
        answer = daemon.request("GET", f"/v1/domains/{name}")
        return (answer.json["status"]["state"], answer.json["status"]["reason"]) if answer.status == 200 else NONE

    def end(self, daemon, name):
        daemon.do("POST", f"/v1/domains/{name}/destroy")
        daemon.wait_until(lambda: self.state(daemon, name) == NONE, "its end")

    def fill(self, daemon, volume):
        """What is there is not what will come."""
        path = daemon.root / "lib/pools/default" / volume
        subprocess.run(["qemu-io", "-f", volume.split(".")[-1], "-c", "write -P 0x77 0 2M", str(path)], check=True, stdout=subprocess.DEVNULL)

    def settled(self, daemon):
        """The guest is at daemon with its disks, and the other host has none of them if it was not there before."""
        self.runs_at(daemon)
        self.same_content(daemon)


@pytest.fixture(scope="module")
def daemons():
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    if guest_files() is None:
        pytest.skip("the tiny guest is not built: run tests/guest/make-tiny")
    with make_daemon() as a, make_daemon() as b:
        yield Disks(a.start(), b.start())


@pytest.fixture
def world(daemons):
    """The guest runs at a, and b has neither it nor a volume."""
    for daemon in (daemons.a, daemons.b):
        if daemon.ended():
            daemon.start()
    if daemons.state(daemons.b)[0] == "shut off":
        daemons.b.do("DELETE", f"/v1/domains/{NAME}")
    if not daemons.has(daemons.a) or daemons.state(daemons.a)[0] != "running" or daemons.has(daemons.b):
        daemons.boot()
    daemons.clean(daemons.b)
    yield daemons


def test_there_and_back(world):
    """A writer that goes on all the while: what it had written for good before the switch, and after it, is on the disk that came."""
    with Console(world.a, NAME, take_over=True) as console:
        console.write("(N=0; while test ! -e /stop; do N=$((N+1)); echo $N | dd of=/dev/vda bs=512 seek=10000 conv=sync,fsync 2>/dev/null; echo $N >/n; "
                      "done; echo ended >/ended) & echo go'e's\n")
        console.wait("goes")
    world.migrate(COPY, "--verbose", "--persistent", "--undefinesource")
    world.runs_at(world.b)
    with Console(world.b, NAME, take_over=True) as console:
        console.write("touch /stop; while test ! -e /ended; do :; done; sync; echo 3 >/proc/sys/vm/drop_caches; "
                      "echo written \"<$(cat /n)>\" \"<$(dd if=/dev/vda bs=512 skip=10000 count=1 2>/dev/null | tr -d '\\0')>\" e'n'd\n")
        console.wait("> end")
        wrote, found = [int(word.split(">")[0]) for word in console.text.rsplit("written ", 1)[1].split("<")[1:]]
    assert wrote == found > 0, (wrote, found)
    world.same_content(world.b)
    assert world.volumes(world.b) == VOLUMES
    # Here the volumes are left: they fit, and are written over.
    for volume in VOLUMES:
        world.fill(world.a, volume)
    world.migrate(COPY, "--persistent", "--undefinesource", source=world.b)
    world.settled(world.a)
    assert world.volumes(world.a) == VOLUMES


def test_some_disks(world, tmp_path):
    """Of one disk the file is what both have; the other's content comes over a connection of its own."""
    world.migrate(COPY, "--migrate-disks", "vda", "--disks-uri", f"unix://{world.b.root}/disks.sock")
    world.settled(world.b)
    assert world.volumes(world.b) == VOLUMES[:1] and not (world.b.root / "disks.sock").exists()
    world.migrate(COPY, "--migrate-disks", "vda", source=world.b)
    world.settled(world.a)
    failed = world.migrate(COPY, "--migrate-disks", "vdz", check=False)
    assert 'no disk "vdz"' in failed.stderr, failed.stderr


def test_over_tcp(world):
    network, world.b.netns = world.b.netns, world.a.netns
    try:
        world.b.restart()
        world.migrate(COPY, "--verbose", "--disks-port", "49399", "--listen-address", "127.0.0.1", transport="tcp://127.0.0.1:49398")
        world.settled(world.b)
        moved = virsh(world.a, "domjobinfo", NAME, "--completed")
        assert all(figure in moved for figure in ("Data total", "Memory total", "File total", "File processed:   10.")), moved
        virsh(world.b, "migrate", "--live", COPY, NAME, uri(world.a), "--migrateuri", "tcp://127.0.0.1")
        world.settled(world.a)
    finally:
        world.b.netns = network
        world.b.restart()


def test_from_daemon_to_daemon(world):
    def peer(source, *options):
        target = world.other(source)
        return virsh(source, "migrate", "--live", "--p2p", COPY, *options, NAME, to_peer(target), "--migrateuri", f"unix://{target.root}/state.sock")
    peer(world.a, "--disks-uri", f"unix://{world.b.root}/disks.sock")
    world.settled(world.b)
    assert world.volumes(world.b) == VOLUMES
    peer(world.b)
    world.settled(world.a)


def test_standing_still(world):
    """Without --live the guest stands still meanwhile; and a paused one comes paused."""
    virsh(world.a, "migrate", COPY, NAME, uri(world.b), "--migrateuri", f"unix://{world.b.root}/state.sock")
    world.settled(world.b)
    world.b.do("POST", f"/v1/domains/{NAME}/suspend")
    world.migrate(COPY, source=world.b)
    assert world.state(world.a)[0] == "paused"
    world.a.do("POST", f"/v1/domains/{NAME}/resume")
    world.settled(world.a)


def test_what_does_not_fit(world):
    pool = "/v1/pools/default/volumes"
    world.b.do("POST", pool, {"name": VOLUMES[0], "capacity": "9M", "format": "qcow2"})
    failed = world.migrate(COPY, check=False)
    assert "has 9437184 bytes" in failed.stderr and "has 8388608" in failed.stderr, failed.stderr
    # One that was made for it goes again, one that was there stays.
    assert world.volumes(world.b) == VOLUMES[:1]
    world.b.do("DELETE", f"{pool}/{VOLUMES[0]}")
    failed = world.migrate(COPY, "--copy-storage-inc", check=False)
    assert "not both" in failed.stderr or "exclusive" in failed.stderr, failed.stderr
    failed = world.migrate("--copy-storage-inc", check=False)
    assert "make \"mover-vda.qcow2\"" in failed.stderr, failed.stderr
    offline = virsh(world.a, "migrate", "--offline", "--persistent", COPY, NAME, uri(world.b), check=False)
    assert offline.returncode != 0, offline.stderr
    world.settled(world.a)
    assert world.volumes(world.b) == []


def test_file_of_no_pool(world, tmp_path):
    """A file is made where a pool has its directory, else it has to be there."""
    name, here, there = "filed", tmp_path / "here.qcow2", tmp_path / "there.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(here), "1M"], check=True)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 64k 100k", str(here)], check=True, stdout=subprocess.DEVNULL)
    world.a.do("POST", "/v1/domains?start=true&paused=true", world.a.paused_domain(
        name, disks=[{"target": "vda", "source": "file", "path": str(here), "format": "qcow2"}]))
    world.a.wait_until(lambda: world.state(world.a, name)[0] == "paused", "it to be paused")
    moved = tmp_path / "moved.xml"
    moved.write_text(virsh(world.a, "dumpxml", name, "--migratable").replace(str(here), str(there)))
    failed = world.migrate(COPY, "--xml", str(moved), name=name, check=False)
    assert "no pool with its directory" in failed.stderr, failed.stderr
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(there), "1M"], check=True)
    world.migrate(COPY, "--xml", str(moved), "--undefinesource", name=name)
    assert [disk["path"] for disk in world.b.get(f"/v1/domains/{name}")["live"]["disks"]] == [str(there)]
    world.end(world.b, name)
    subprocess.run(["qemu-img", "compare", "-q", str(here), str(there)], check=True)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "read -P 0x5a 64k 100k", str(there)], check=True, stdout=subprocess.DEVNULL)


def test_topmost_file_alone(world):
    """--copy-storage-inc: what is below is at both hosts, and stays as it is."""
    name, pool = "upper", "/v1/pools/default/volumes"
    for daemon in (world.a, world.b):
        base = daemon.root / "lib/pools/default/base.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(base), "1M"], check=True)
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x11 0 64k", str(base)], check=True, stdout=subprocess.DEVNULL)
        daemon.do("POST", "/v1/pools/default/refresh")
        daemon.do("POST", pool, {"name": "top.qcow2", "format": "qcow2", "capacity": "1M", "backing_volume": "base.qcow2"})
    tops = [daemon.root / "lib/pools/default/top.qcow2" for daemon in (world.a, world.b)]
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x22 512k 64k", str(tops[0])], check=True, stdout=subprocess.DEVNULL)
    world.a.do("POST", "/v1/domains?start=true&paused=true", world.a.paused_domain(name, disks=[{"target": "vda", "pool": "default", "volume": "top.qcow2"}]))
    world.a.wait_until(lambda: world.state(world.a, name)[0] == "paused", "it to be paused")
    failed = world.migrate(COPY, name=name, check=False)
    assert "has a backing file" in failed.stderr, failed.stderr
    world.migrate("--copy-storage-inc", "--undefinesource", name=name)
    world.end(world.b, name)
    for pattern, start in (("0x11", "0"), ("0x22", "512k")):
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"read -P {pattern} {start} 64k", str(tops[1])], check=True, stdout=subprocess.DEVNULL)
    chain = subprocess.run(["qemu-img", "map", "--output=json", str(tops[1])], check=True, capture_output=True, text=True).stdout
    assert '"depth": 1' in chain    # what is below was not copied
    for daemon in (world.a, world.b):
        for volume in ("top.qcow2", "base.qcow2"):
            daemon.do("DELETE", f"{pool}/{volume}")


class Slow:
    """A migration that is copying disks for as long as the block."""

    def __init__(self, world):
        self.world = world

    def __enter__(self):
        world = self.world
        self.process = subprocess.Popen(
            world.a.prefix() + ["virsh", "-c", uri(world.a), "migrate", "--live", COPY, "--bandwidth", "1", NAME, uri(world.b), "--migrateuri",
                                f"unix://{world.b.root}/state.sock"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        world.a.wait_until(lambda: "File total" in virsh(world.a, "domjobinfo", NAME) or self.process.poll() is not None, "a job")
        assert self.process.poll() is None, self.process.communicate()
        assert world.volumes(world.b) == VOLUMES
        return self

    def fails(self):
        out, words = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode != 0, out + words
        return out + words

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def test_cancelled(world):
    with Slow(world) as slow:
        info = virsh(world.a, "domjobinfo", NAME)
        assert "Outgoing migration" in info and "File processed" in info, info
        virsh(world.a, "domjobabort", NAME)
        assert "cancelled" in slow.fails()
    stays(world)


def test_client_is_killed(world):
    with Slow(world) as slow:
        slow.process.kill()
        slow.process.wait()
        stays(world)


@pytest.mark.parametrize("which", ["a", "b"])
def test_daemon_is_killed(world, which):
    with Slow(world) as slow:
        daemon = getattr(world, which)
        daemon.kill()
        slow.fails()
        daemon.start()
        stays(world)


def test_destination_qemu_is_killed(world):
    with Slow(world) as slow:
        for pid in world.b.qemu_pids():
            os.kill(pid, signal.SIGKILL)
        slow.fails()
        stays(world)


def stays(world):
    """The guest goes on at a, nothing is left at b, and it could be moved."""
    world.settled(world.a)
    world.b.wait_until(lambda: world.volumes(world.b) == [] and not list((world.b.root / "lib/pools/default").iterdir()), "its files to go")
    world.a.wait_until(lambda: virsh(world.a, "domjobinfo", NAME).split()[2] == "None", "the job's end")
    found(world)
    nodes = virsh(world.a, "qemu-monitor-command", NAME, '{"execute":"query-named-block-nodes","arguments":{"flat":true}}')
    assert "vda-0" in nodes and "move-" not in nodes


def found(world):
    """A daemon that has just started is still finding its domains. Of this one no job is left."""
    world.a.wait_until(lambda: '"return":[]' in virsh(world.a, "qemu-monitor-command", NAME, '{"execute":"query-jobs"}', check=False).stdout, "no job")


SOURCE = ["engine/copy-connect", "engine/copy-begin", "migrate/disks", "migrate/paused", "engine/copy-end", "engine/copy-ended", "migrate/copied"]
TARGET = ["migration-prepare/volume", "migration-prepare/serve", "migration-prepare/record", "migration-finish/received", "migration-finish/record",
          "migration-finish/run"]


@pytest.mark.parametrize("step", SOURCE)
@pytest.mark.parametrize("variable", ["SKEP_FAULT", "SKEP_FAULT_EXIT"])
def test_source_step(world, variable, step):
    world.a.restart(env={variable: step})
    found(world)
    assert world.migrate(COPY, "--persistent", check=False).returncode != 0
    if variable == "SKEP_FAULT_EXIT":
        world.a.wait_ended()
    world.a.restart()
    stays(world)


@pytest.mark.parametrize("step", TARGET)
def test_target_step_fails(world, step):
    world.b.restart(env={"SKEP_FAULT": step})
    assert world.migrate(COPY, "--persistent", check=False).returncode != 0
    stays(world)
    world.b.restart()
    assert not world.has(world.b)


@pytest.mark.parametrize("step", TARGET)
def test_target_dies_at_step(world, step):
    world.b.restart(env={"SKEP_FAULT_EXIT": step})
    assert world.migrate(COPY, "--persistent", check=False).returncode != 0
    world.b.wait_ended()
    world.b.start()
    if world.state(world.a)[0] == "paused":     # it was given away
        assert step in ("migration-finish/record", "migration-finish/run")
        if step == "migration-finish/run":
            world.a.do("POST", f"/v1/domains/{NAME}/destroy")
            world.settled(world.b)
            return
        world.a.do("POST", f"/v1/domains/{NAME}/resume")
    stays(world)
