# SPDX-License-Identifier: LGPL-2.1-or-later
"""Running guests move between two daemons, driven by stock clients: one guest runs afterwards, whatever broke on the way."""
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from certificates import Certificates
from conftest import make_daemon
from libvirt_client import environment, uri, virsh
from skep import DEADLINE, guest_files
from streams import Console

READY = "skep-tiny ready"
NAME = "mover"
NONE = ("none", "")


class World:
    """Two daemons, each with a network of its own, and a guest that remembers a word as long as it is not started anew."""

    def __init__(self, a, b):
        self.a, self.b = a, b

    def other(self, daemon):
        return self.b if daemon is self.a else self.a

    def boot(self):
        for daemon in (self.a, self.b):
            if self.has(daemon):
                daemon.do("DELETE", f"/v1/domains/{NAME}?force=true")
        self.a.do("POST", "/v1/domains?start=true", self.a.tiny_domain(NAME, guest_files()))
        self.a.wait_console(NAME, READY)
        with Console(self.a, NAME, take_over=True) as console:
            console.wait(READY)
            console.write("WORD=hive; echo learn'e'd\n")
            console.wait("learned")

    def has(self, daemon):
        return NAME in [row["name"] for row in daemon.items("/v1/domains")]

    def state(self, daemon):
        """(state, reason), or ("none", "") if there is no such domain."""
        answer = daemon.request("GET", f"/v1/domains/{NAME}")
        return (answer.json["status"]["state"], answer.json["status"]["reason"]) if answer.status == 200 else NONE

    def migrate(self, *options, source=None, check=True, name=NAME, transport=None):
        source = source or self.a
        target = self.other(source)
        where = transport or f"unix://{target.root}/state.sock"
        done = virsh(source, "migrate", "--live", *options, name, uri(target), "--migrateuri", where, check=False)
        if check:
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{source.log_tail()}\n{target.log_tail()}"
        return done

    def remembers(self, daemon):
        with Console(daemon, NAME, take_over=True) as console:
            console.forget()
            console.write('echo word "<$WORD>"\n')
            console.wait("word <hive>")

    def runs_at(self, daemon):
        """The guest is at daemon, the very one, and nothing of it but a definition at the other."""
        other = self.other(daemon)
        daemon.wait_until(lambda: self.state(daemon)[0] == "running", f"it to run, not {self.state(daemon)}")
        daemon.wait_until(lambda: self.state(other)[0] in ("none", "shut off"), f"the other's end, not {self.state(other)}")
        daemon.wait_until(lambda: len(daemon.qemu_pids()) == 1 and other.qemu_pids() == [], "one QEMU")
        assert list(other.root.glob("state.sock")) == [] and list(daemon.root.glob("state.sock")) == []
        self.remembers(daemon)


@pytest.fixture(scope="module")
def daemons():
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    if guest_files() is None:
        pytest.skip("the tiny guest is not built: run tests/guest/make-tiny")
    with make_daemon() as a, make_daemon() as b:
        world = World(a.start(), b.start())
        yield world


@pytest.fixture
def world(daemons):
    """The guest runs at a, and b has none."""
    for daemon in (daemons.a, daemons.b):
        if daemon.ended():
            daemon.start()
    if daemons.has(daemons.b) and daemons.state(daemons.b)[0] == "shut off":
        daemons.b.do("DELETE", f"/v1/domains/{NAME}")
    if not daemons.has(daemons.a) or daemons.state(daemons.a)[0] != "running" or daemons.has(daemons.b):
        daemons.boot()
    yield daemons


def test_there_and_back(world):
    assert world.a.get(f"/v1/domains/{NAME}")["status"]["persistent"]
    world.migrate("--verbose")
    world.runs_at(world.b)
    assert world.state(world.b) == ("running", "migration") and world.state(world.a) == ("shut off", "migration")
    assert not world.b.get(f"/v1/domains/{NAME}")["status"]["persistent"]
    # It is defined there still, and fits.
    world.migrate("--undefinesource", source=world.b)
    world.runs_at(world.a)
    assert not world.has(world.b)


def test_persistent_and_undefined(world):
    before = world.a.get(f"/v1/domains/{NAME}")
    world.migrate("--persistent", "--undefinesource")
    world.runs_at(world.b)
    assert not world.has(world.a)
    after = world.b.get(f"/v1/domains/{NAME}")
    assert after["status"]["persistent"] and after["spec"] == before["spec"]
    aliases = [[device["alias"] for device in view["live"]["serials"]] for view in (before, after)]
    assert aliases[0] == aliases[1]
    world.b.restart()
    world.runs_at(world.b)
    world.migrate("--persistent", "--undefinesource", source=world.b)
    world.runs_at(world.a)


def test_suspended_and_paused(world):
    world.migrate("--suspend")
    assert world.state(world.b) == ("paused", "migration")
    world.b.do("POST", f"/v1/domains/{NAME}/resume")
    world.b.do("POST", f"/v1/domains/{NAME}/suspend")
    world.migrate(source=world.b)
    assert world.state(world.a)[0] == "paused"
    world.a.do("POST", f"/v1/domains/{NAME}/resume")
    world.runs_at(world.a)


def test_asked_to_shut_down(world):
    """A guest that does not heed the power button goes on there as here."""
    name = "deaf"
    world.a.do("POST", "/v1/domains?start=true", world.a.tiny_domain(name, guest_files(), cmdline="skep.ignore-shutdown"))
    world.a.wait_console(name, READY)
    virsh(world.a, "shutdown", name)
    world.a.wait_state(name, "in shutdown")
    world.migrate("--persistent", "--undefinesource", name=name)
    assert virsh(world.b, "domstate", name).strip() == "running" and name not in virsh(world.a, "list", "--all", "--name").split()
    world.b.do("DELETE", f"/v1/domains/{name}?force=true")


def test_another_name(world):
    world.migrate("--dname", "moved", "--undefinesource")
    assert virsh(world.b, "list", "--name").split() == ["moved"]
    back = virsh(world.b, "migrate", "--live", "--persistent", "--dname", NAME, "moved", uri(world.a), "--migrateuri", f"unix://{world.a.root}/state.sock", check=False)
    assert back.returncode == 0, back.stderr
    world.runs_at(world.a)


def with_title(text, title):
    return re.sub(r"\s*<title>.*</title>", "", text).replace("</name>", f"</name>\n  <title>{title}</title>", 1)


def test_another_definition(world, tmp_path):
    text = virsh(world.a, "dumpxml", NAME, "--migratable")
    titled = tmp_path / "titled.xml"
    titled.write_text(with_title(text, "told anew"))
    world.migrate("--xml", str(titled))
    assert virsh(world.b, "desc", NAME, "--title").strip() == "told anew"
    world.migrate(source=world.b)
    larger = tmp_path / "larger.xml"
    larger.write_text(text.replace("<memory unit='KiB'>98304<", "<memory unit='KiB'>131072<"))
    assert larger.read_text() != text
    failed = world.migrate("--xml", str(larger), check=False)
    assert failed.returncode != 0 and "would see that \"memory" in failed.stderr, failed.stderr
    world.runs_at(world.a)


def test_disks_and_network(world, tmp_path):
    """What the guest wrote here it reads there; the file is locked by the one that runs it, and by nobody when both are off."""
    name, disk = "carrier", tmp_path / "shared.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "64M"], check=True)
    network = {"name": "both", "ipv4": "192.168.91.1/24"}
    for daemon in (world.a, world.b):
        daemon.do("POST", "/v1/networks?start=true", network)
    world.a.do("POST", "/v1/domains?start=true", world.a.tiny_domain(
        name, guest_files(), disks=[{"target": "vda", "source": "file", "path": str(disk), "format": "qcow2"}],
        interfaces=[{"network": "both", "mac": "52:54:00:6d:69:67"}]))
    world.a.wait_console(name, READY)
    for source, word in ((world.a, "there"), (world.b, "back")):
        target = world.other(source)
        with Console(source, name, take_over=True) as console:
            console.write(f"printf {word} | dd of=/dev/vda bs=512 conv=sync,fsync seek={len(word)} 2>/dev/null && echo writ''ten\n")
            console.wait("written")
        world.migrate("--persistent", "--undefinesource", source=source, name=name)
        with Console(target, name, take_over=True) as console:
            console.write(f"echo read \"<$(dd if=/dev/vda bs=512 count=1 skip={len(word)} iflag=direct 2>/dev/null | tr -d '\\0')>\"\n")
            console.wait(f"read <{word}>")
        live = target.get(f"/v1/domains/{name}")["live"]
        assert [row["mac"] for row in live["interfaces"]] == ["52:54:00:6d:69:67"]
        assert source.request("GET", f"/v1/domains/{name}").status == 404
    world.a.do("DELETE", f"/v1/domains/{name}?force=true")
    for daemon in (world.a, world.b):
        daemon.do("POST", "/v1/networks/both/stop")
        daemon.do("DELETE", "/v1/networks/both")
    subprocess.run(["qemu-img", "check", "-q", str(disk)], check=True)  # nobody has its lock


@pytest.mark.skipif(shutil.which("swtpm") is None, reason="swtpm is not installed")
def test_tpm_goes_along(world):
    """It is the same TPM there: what it keeps for good was not made anew."""
    name = "sealed"
    world.a.do("POST", "/v1/domains?start=true", world.a.tiny_domain(name, guest_files(), tpm={"model": "crb"}))
    world.a.wait_console(name, READY)
    uuid = world.a.get(f"/v1/domains/{name}")["spec"]["uuid"]
    first, second = [daemon.root / "lib" / "tpm" / uuid / "tpm2-00.permall" for daemon in (world.a, world.b)]
    kept = first.read_bytes()
    with Console(world.a, name, take_over=True) as console:
        console.write("WORD=hive; echo learn'e'd\n")
        console.wait("learned")
    world.migrate("--persistent", "--undefinesource", name=name)
    assert second.read_bytes() == kept
    world.a.wait_until(lambda: not first.parent.exists(), "the source's to be gone")
    peer(world, "--tunnelled", "--persistent", "--undefinesource", source=world.b, name=name)
    assert first.read_bytes() == kept
    world.b.wait_until(lambda: not second.parent.exists(), "the source's to be gone")
    with Console(world.a, name, take_over=True) as console:
        console.write('echo word "<$WORD>"\n')
        console.wait("word <hive>")
    world.a.do("DELETE", f"/v1/domains/{name}?force=true")


def test_offline(world):
    world.a.do("POST", "/v1/domains", {"name": "off", "memory": {"current": "32M"}, "title": "of both"})
    spec = world.a.get("/v1/domains/off")["spec"]
    moved = ["migrate", "--offline", "--persistent", "--undefinesource", "off", uri(world.b)]
    virsh(world.a, *moved)
    assert world.b.get("/v1/domains/off")["spec"] == spec and world.a.request("GET", "/v1/domains/off").status == 404
    world.b.do("DELETE", "/v1/domains/off")
    failed = virsh(world.a, "migrate", "--offline", "--persistent", NAME, uri(world.b), check=False)
    assert "is not off" in failed.stderr, failed.stderr


def test_limits(world):
    assert virsh(world.a, "migrate-getspeed", NAME).strip() == "8796093022207"
    virsh(world.a, "migrate-setspeed", NAME, "700")
    assert virsh(world.a, "migrate-getspeed", NAME).strip() == "700"
    virsh(world.a, "migrate-setmaxdowntime", NAME, "400")
    assert virsh(world.a, "migrate-getmaxdowntime", NAME).strip() == "400"
    assert virsh(world.a, "migrate-compcache", NAME).split()[2] == "64.000"
    world.migrate("--bandwidth", "900", "--compressed", "--auto-converge")
    world.migrate(source=world.b)
    world.runs_at(world.a)


def test_what_is_refused(world):
    words = {"--postcopy": "post-copy", "--tls": "TLS", "--parallel --compressed": "neither compressed nor tunnelled", "--auto-converge-initial 30": "auto-converge",
             "--compressed --comp-mt-level 3": "compressed by mt", "--compressed --comp-methods zstd": "zstd", "--parallel-connections 3": "parallel",
             "--compressed --comp-xbzrle-cache 5000000": "power of two"}
    for options, word in words.items():
        failed = world.migrate(*options.split(), check=False)
        assert failed.returncode != 0 and word in failed.stderr, (options, failed.stderr)
    failed = world.migrate(check=False, transport="rdma://somewhere")
    assert "give tcp:HOST:PORT or unix:PATH" in failed.stderr
    world.runs_at(world.a)


def test_what_does_not_fit(world):
    a, b = world.a, world.b
    b.do("POST", "/v1/domains", {"name": NAME, "memory": {"current": "32M"}})
    assert "there is another domain" in world.migrate(check=False).stderr
    b.do("DELETE", f"/v1/domains/{NAME}")
    same = virsh(a, "migrate", "--live", NAME, uri(a), "--migrateuri", f"unix://{a.root}/state.sock", check=False)
    assert "runs on this host already" in same.stderr, same.stderr
    a.do("POST", "/v1/domains", {"name": "off", "memory": {"current": "32M"}})
    assert "domain is not running" in world.migrate(check=False, name="off").stderr
    a.do("DELETE", "/v1/domains/off")
    world.runs_at(a)


def to_peer(daemon):
    return f"qemu+unix:///system?socket={daemon.root}/run/libvirt-sock"


def peer(world, *options, source=None, check=True, name=NAME):
    """From daemon to daemon: the client asks the source alone."""
    source = source or world.a
    target = world.other(source)
    where = () if "--tunnelled" in options else ("--migrateuri", f"unix://{target.root}/state.sock")
    done = virsh(source, "migrate", "--live", "--p2p", *options, name, to_peer(target), *where, check=False)
    if check:
        assert done.returncode == 0, f"{done.stderr}\n{source.log_tail()}\n{target.log_tail()}"
    return done


WAYS = pytest.mark.parametrize("way", [(), ("--tunnelled",)], ids=["apart", "tunnelled"])


@WAYS
def test_from_daemon_to_daemon(world, tmp_path, way):
    peer(world, "--verbose", "--persistent", "--undefinesource", *way)
    world.runs_at(world.b)
    assert not world.has(world.a) and world.b.get(f"/v1/domains/{NAME}")["status"]["persistent"]
    peer(world, "--persistent", "--undefinesource", *way, source=world.b)
    world.runs_at(world.a)
    titled = tmp_path / "titled.xml"
    titled.write_text(with_title(virsh(world.a, "dumpxml", NAME, "--migratable"), "by the daemon"))
    peer(world, "--xml", str(titled), "--suspend", *way)
    assert world.state(world.b) == ("paused", "migration") and virsh(world.b, "desc", NAME, "--title").strip() == "by the daemon"
    peer(world, *way, source=world.b)
    assert world.state(world.a)[0] == "paused"
    world.a.do("POST", f"/v1/domains/{NAME}/resume")
    world.runs_at(world.a)


def configure(daemon, **settings):
    (daemon.root / "etc").mkdir(parents=True, exist_ok=True)
    (daemon.root / "etc" / "skepd.conf").write_text("[libvirt]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))


@pytest.fixture
def by_tls(tmp_path):
    """Two daemons of one network that know each other by certificates, and the destination's URI for the source."""
    if os.geteuid() != 0 or shutil.which("certtool") is None:
        pytest.skip("needs root, for a network namespace, and certtool (gnutls-bin)")
    made = Certificates(tmp_path)
    shown = made.client("hive")
    with make_daemon() as a, make_daemon() as b:
        b.netns = a.netns
        for daemon in (a, b):
            configure(daemon, tls_listen="0.0.0.0:0", tls_ca=tmp_path / "ca.pem", tls_certificate=tmp_path / "server.pem", tls_key=tmp_path / "server.key",
                             tls_admins="CN=hive,*", peer_ca=tmp_path / "ca.pem", peer_certificate=shown / "clientcert.pem",
                             peer_key=shown / "clientkey.pem")
            daemon.start()
        port = re.search(rb"libvirt TLS port (\d+)", b.log())[1].decode()
        yield World(a, b), made, f"qemu+tls://{{}}:{port}/system"
        # They share a namespace, and the first to leave it ends all that is in it.
        for daemon in (a, b):
            daemon.kill_guests()
            daemon.stop()


def test_over_tls(by_tls):
    world, made, where = by_tls
    world.boot()
    for options in ((), ("--tunnelled",)):
        source = world.a if not world.has(world.b) else world.b
        apart = () if options else ("--migrateuri", f"unix://{world.b.root}/state.sock")
        virsh(source, "migrate", "--live", "--p2p", "--persistent", *options, NAME, where.format("127.0.0.1"), *apart)
        world.runs_at(world.b)
        virsh(world.b, "migrate", "--live", "--p2p", "--undefinesource", NAME, to_peer(world.a), "--migrateuri", f"unix://{world.a.root}/state.sock")
    # Who is not the one it was signed for, and who is on no list.
    wrong = virsh(world.a, "migrate", "--live", "--p2p", NAME, where.format("127.0.0.2"), check=False)
    assert wrong.returncode != 0 and "127.0.0.2" in wrong.stderr, wrong.stderr
    stranger = made.client("stranger")
    configure(world.a, peer_certificate=stranger / "clientcert.pem", peer_key=stranger / "clientkey.pem", peer_ca=made.folder / "ca.pem")
    world.a.restart()
    refused = virsh(world.a, "migrate", "--live", "--p2p", NAME, where.format("127.0.0.1"), check=False)
    assert refused.returncode != 0, refused.stdout
    world.runs_at(world.a)


def test_peer_that_is_not_there(world):
    gone = virsh(world.a, "migrate", "--live", "--p2p", NAME, "qemu+unix:///system?socket=/nowhere/sock", check=False)
    assert "cannot connect to" in gone.stderr, gone.stderr
    other = virsh(world.a, "migrate", "--live", "--p2p", NAME, "qemu+ssh://nowhere/system", check=False)
    assert "give qemu+unix, qemu+tcp or qemu+tls" in other.stderr, other.stderr
    world.b.do("POST", "/v1/domains", {"name": NAME, "memory": {"current": "32M"}})
    assert "there is another domain" in peer(world, check=False).stderr
    world.b.do("DELETE", f"/v1/domains/{NAME}")
    world.runs_at(world.a)


PEER_STEPS = {"migrate/peer": "a", "migrate/connect": "a", "migrate/sent": "a", "migrate/finish": "a", "migration-confirm/record": "b"}


@WAYS
@pytest.mark.parametrize("variable", ["SKEP_FAULT", "SKEP_FAULT_EXIT"])
@pytest.mark.parametrize("step", PEER_STEPS)
def test_step_from_daemon_to_daemon(world, step, variable, way):
    world.a.restart(env={variable: step})
    failed = peer(world, "--persistent", *way, check=False)
    if variable == "SKEP_FAULT_EXIT":
        world.a.wait_ended()
    world.a.restart()
    if variable == "SKEP_FAULT_EXIT" and PEER_STEPS[step] == "b":
        # That it runs there may have been heard too late to be written down: then it is left to whoever looks.
        def in_doubt():
            return "not known whether it runs there" in world.a.get(f"/v1/domains/{NAME}")["status"].get("message", "")
        world.a.wait_until(lambda: world.state(world.a)[0] == "shut off" or in_doubt(), "its end here")
        if in_doubt():
            world.a.do("POST", f"/v1/domains/{NAME}/destroy")
    check_outcome(world, PEER_STEPS[step], failed)
    bring_home(world, PEER_STEPS[step])


def test_binding(world):
    """python3-libvirt, both ways of driving it."""
    code = """
import libvirt, sys
a, b, name, where = sys.argv[1:]
source, target = libvirt.open(a), libvirt.open(b)
params = {libvirt.VIR_MIGRATE_PARAM_URI: where}
flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
moved = source.lookupByName(name).migrate3(target, params, flags)
assert moved.isActive() and moved.isPersistent() and moved.ID() > 0
assert moved.state() == [libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_MIGRATED], moved.state()
assert name not in [domain.name() for domain in source.listAllDomains()]
"""
    older = code.replace("migrate3(target, params, flags)", "migrate2(target, None, flags, None, where, 900)")
    for source, words in ((world.a, code), (world.b, older)):
        target = world.other(source)
        world.a.run("/usr/bin/python3", "-c", words, uri(source), uri(target), NAME, f"unix://{target.root}/state.sock", env=environment())
        world.runs_at(target)


def test_over_tcp(world):
    """The other daemon in the same network: the address is the destination's choice, or the asker's."""
    network, world.b.netns = world.b.netns, world.a.netns
    try:
        world.b.restart()
        world.migrate(transport="tcp://127.0.0.1:49300")
        world.runs_at(world.b)
        virsh(world.b, "migrate", "--live", "--listen-address", "127.0.0.1", NAME, uri(world.a), "--migrateuri", "tcp://localhost")
        world.runs_at(world.a)
    finally:
        world.b.netns = network
        world.b.restart()


class Slow:
    """A migration that cannot end, until the block does."""

    def __init__(self, world, tunnelled=False, options=()):
        self.world, self.options = world, options
        where = [uri(world.b), "--migrateuri", f"unix://{world.b.root}/state.sock"]
        self.where = ["--p2p", "--tunnelled", to_peer(world.b)] if tunnelled else where

    def __enter__(self):
        world = self.world
        self.process = subprocess.Popen(
            world.a.prefix() + ["virsh", "-c", uri(world.a), "migrate", "--live", "--bandwidth", "1", *self.options, NAME, *self.where],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        world.a.wait_until(lambda: "Data processed" in virsh(world.a, "domjobinfo", NAME) or self.process.poll() is not None, "a job")
        assert self.process.poll() is None, self.process.communicate()
        return self

    def ended(self):
        """Its exit status and words."""
        out, words = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, out + words

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


TUNNELLED = pytest.mark.parametrize("tunnelled", [False, True], ids=["apart", "tunnelled"])


@TUNNELLED
def test_job_and_cancel(world, tunnelled):
    with Slow(world, tunnelled) as slow:
        info = virsh(world.a, "domjobinfo", NAME)
        assert "Outgoing migration" in info and "Memory total" in info, info
        refused = virsh(world.a, "setmem", NAME, "64M", "--live", check=False)
        assert "is being migrated" in refused.stderr, refused.stderr
        virsh(world.a, "domjobabort", NAME)
        status, words = slow.ended()
        assert status != 0 and "cancelled" in words, words
    world.runs_at(world.a)


def settings(daemon):
    """(capabilities that are on, parameters) of the QEMU that sends."""
    def ask(what):
        return json.loads(virsh(daemon, "qemu-monitor-command", NAME, json.dumps({"execute": what})))["return"]
    return {row["capability"] for row in ask("query-migrate-capabilities") if row["state"]}, ask("query-migrate-parameters")


OPTIONS = {
    "--compressed --comp-methods xbzrle --comp-xbzrle-cache 16777216": ({"xbzrle"}, {"xbzrle-cache-size": 16777216}),
    "--comp-methods mt,xbzrle --comp-mt-level 3 --comp-mt-threads 2 --comp-mt-dthreads 3":
        ({"xbzrle", "compress"}, {"compress-level": 3, "compress-threads": 2, "xbzrle-cache-size": 33554432}),
    "--auto-converge --auto-converge-initial 30 --auto-converge-increment 15": ({"auto-converge"}, {"cpu-throttle-initial": 30, "cpu-throttle-increment": 15}),
    "--parallel --parallel-connections 3": ({"multifd"}, {"multifd-channels": 3}),
}
SETTABLE = {"xbzrle", "compress", "auto-converge", "multifd", "pause-before-switchover"}


@pytest.mark.parametrize("options", OPTIONS, ids=lambda text: text.split()[1])
def test_options_reach_qemu(world, options):
    """And they hold for that migration alone: the next goes without."""
    on, values = OPTIONS[options]
    virsh(world.a, "migrate-compcache", NAME, "--size", "33554432")
    assert virsh(world.a, "migrate-compcache", NAME).split()[2] == "32.000"
    with Slow(world, options=options.split()) as slow:
        world.a.wait_until(lambda: settings(world.a)[0] & SETTABLE == on, "them to be set")
        found, parameters = settings(world.a)
        assert found & SETTABLE == on and {key: parameters[key] for key in values} == values
        virsh(world.a, "domjobabort", NAME)
        assert "cancelled" in slow.ended()[1]
    world.runs_at(world.a)
    assert settings(world.a)[0] & SETTABLE == set()
    world.migrate(*options.split())
    world.runs_at(world.b)
    assert settings(world.b)[0] & SETTABLE == set()
    # From daemon to daemon they go the same way.
    peer(world, *options.split(), source=world.b)
    world.runs_at(world.a)


def test_cache_is_changed_on_the_way(world):
    with Slow(world, options=["--compressed"]) as slow:
        virsh(world.a, "migrate-compcache", NAME, "--size", "8388608")
        assert settings(world.a)[1]["xbzrle-cache-size"] == 8388608
        virsh(world.a, "domjobabort", NAME)
        slow.ended()
    odd = virsh(world.a, "migrate-compcache", NAME, "--size", "1000000", check=False)
    assert "power of two" in odd.stderr, odd.stderr
    world.runs_at(world.a)


@pytest.mark.parametrize("victim", ["source", "destination", "qemu"])
def test_parallel_is_cut(world, victim):
    with Slow(world, options=["--parallel"]) as slow:
        if victim == "qemu":
            os.kill(world.b.qemu_pids()[0], signal.SIGKILL)
        else:
            (world.a if victim == "source" else world.b).kill()
        assert slow.ended()[0] != 0
        for daemon in (world.a, world.b):
            if daemon.ended():
                daemon.start()
        world.runs_at(world.a)
    world.migrate("--parallel")
    world.runs_at(world.b)
    world.migrate("--parallel", source=world.b)
    world.runs_at(world.a)


def test_speed_is_changed_on_the_way(world):
    with Slow(world) as slow:
        virsh(world.a, "migrate-setspeed", NAME, "1000")
        assert slow.ended() == (0, "\n")
    world.runs_at(world.b)
    world.migrate(source=world.b)


def test_client_is_killed(world):
    with Slow(world) as slow:
        slow.process.kill()
        slow.process.wait()
        world.runs_at(world.a)
        # The destination has heard of it first: the source may still be ending its own.
        world.a.wait_until(lambda: virsh(world.a, "domjobinfo", NAME).split()[2] == "None", "the job's end")


@TUNNELLED
def test_source_daemon_is_killed(world, tunnelled):
    with Slow(world, tunnelled) as slow:
        world.a.kill()
        assert slow.ended()[0] != 0
        world.a.start()
        world.runs_at(world.a)


@TUNNELLED
def test_destination_daemon_is_killed(world, tunnelled):
    with Slow(world, tunnelled) as slow:
        world.b.kill()
        assert slow.ended()[0] != 0
        world.b.start()
        world.runs_at(world.a)


@TUNNELLED
def test_destination_qemu_is_killed(world, tunnelled):
    with Slow(world, tunnelled) as slow:
        for pid in world.b.qemu_pids():
            os.kill(pid, signal.SIGKILL)
        assert slow.ended()[0] != 0
        world.runs_at(world.a)


@TUNNELLED
def test_guest_is_destroyed_on_the_way(world, tunnelled):
    with Slow(world, tunnelled) as slow:
        world.a.do("POST", f"/v1/domains/{NAME}/destroy")
        assert slow.ended()[0] != 0
    world.a.wait_until(lambda: world.state(world.a) == ("shut off", "destroyed") and world.state(world.b) == NONE and world.b.qemu_pids() == [], "the end")


# Where a step of the source fails, or kills its daemon, and who has the guest then.
SOURCE = {"migrate/connect": "a", "migrate/words": "a", "migrate/state": "a", "engine/migrate": "a", "migrate/sent": "a", "migration-confirm/record": "b"}
SOURCE_EXIT = {**SOURCE, "migrate/given": "doubt", "migration-confirm/end": "b"}
TARGET = {"migration-prepare/listen": "a", "migration-prepare/record": "a", "domain-start/process": "a", "domain-start/note": "a",
          "migration-prepare/state": "a", "migration-finish/received": "a", "migration-finish/ask": "a", "migration-finish/asked": "a",
          "migration-finish/record": "a", "migration-finish/run": "a"}
TARGET_EXIT = {**TARGET, "migration-finish/asked": "doubt", "migration-finish/record": "doubt", "migration-finish/run": "b?"}


def check_outcome(world, outcome, failed):
    a, b = world.a, world.b
    if outcome in ("doubt", "b?"):
        a.wait_until(lambda: world.state(a) == ("paused", "migration"), f"its standstill, not {world.state(a)}")
        # A daemon that has just started is still finding it.
        a.wait_until(lambda: "not known whether it runs there" in a.get(f"/v1/domains/{NAME}")["status"].get("message", ""), "it to say so")
        a.do("POST", f"/v1/domains/{NAME}/{'resume' if outcome == 'doubt' else 'destroy'}")
    world.runs_at(a if outcome in ("a", "doubt") else b)
    assert failed.returncode != 0 or outcome == "b"


def bring_home(world, outcome):
    if outcome.startswith("b"):
        world.migrate("--persistent", "--undefinesource", source=world.b)
        world.runs_at(world.a)


@pytest.mark.parametrize("step", SOURCE)
def test_source_step_fails(world, step):
    world.a.restart(env={"SKEP_FAULT": step})
    failed = world.migrate("--persistent", check=False)
    world.a.restart()
    check_outcome(world, SOURCE[step], failed)
    bring_home(world, SOURCE[step])


@pytest.mark.parametrize("step", SOURCE_EXIT)
def test_source_dies_at_step(world, step):
    world.a.restart(env={"SKEP_FAULT_EXIT": step})
    failed = world.migrate("--persistent", check=False)
    world.a.wait_ended()
    world.a.start()
    check_outcome(world, SOURCE_EXIT[step], failed)
    bring_home(world, SOURCE_EXIT[step])


@TUNNELLED
@pytest.mark.parametrize("step", TARGET)
def test_target_step_fails(world, step, tunnelled):
    world.b.restart(env={"SKEP_FAULT": step})
    failed = peer(world, "--tunnelled", "--persistent", check=False) if tunnelled else world.migrate("--persistent", check=False)
    check_outcome(world, TARGET[step], failed)
    world.b.restart()
    assert not world.has(world.b)


@pytest.mark.parametrize("variable", ["SKEP_FAULT", "SKEP_FAULT_EXIT"])
def test_source_cannot_go_on(world, variable):
    """The destination failed, and then the source does when it is to go on: its guest waits for somebody who knows how, or for the next daemon."""
    world.a.restart(env={variable: "migration-confirm/go-on"})
    world.b.restart(env={"SKEP_FAULT": "migration-finish/received"})
    assert world.migrate("--persistent", check=False).returncode != 0
    if variable == "SKEP_FAULT_EXIT":
        world.a.wait_ended()
    else:
        world.a.wait_until(lambda: "migration-confirm/go-on" in world.a.get(f"/v1/domains/{NAME}")["status"].get("message", ""), "the word of it")
        assert world.state(world.a)[0] == "paused"
        world.a.do("POST", f"/v1/domains/{NAME}/resume")
    world.a.restart()
    world.b.restart()
    world.runs_at(world.a)
    assert not world.has(world.b)


@TUNNELLED
@pytest.mark.parametrize("step", TARGET_EXIT)
def test_target_dies_at_step(world, step, tunnelled):
    world.b.restart(env={"SKEP_FAULT_EXIT": step})
    failed = peer(world, "--tunnelled", "--persistent", check=False) if tunnelled else world.migrate("--persistent", check=False)
    world.b.wait_ended()
    world.b.start()
    check_outcome(world, TARGET_EXIT[step], failed)
    bring_home(world, TARGET_EXIT[step])
