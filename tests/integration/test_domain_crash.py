# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults and crashes at every step of what changes domains: the old state or the new, and nothing left over."""
import http.client
import os
import signal
import sqlite3
import subprocess

import pytest

from conftest import make_daemon
from streams import Console

READY = "skep-tiny ready"
WAIT = {"Prefer": "wait=120"}

CREATE = ["domain-create/intent", "domain-create/volume", "domain-create/seed", "seed/image", "seed/write", "storage/make",
          "storage/rename", "store/commit/intent", "store/commit/domain"]
START = ["domain-start/run-dir", "domain-start/disks", "domain-start/links", "domain-start/sockets", "domain-start/firmware",
         "domain-start/process", "engine/spawn", "engine/console-log", "domain-start/monitor", "domain-start/ready", "domain-limits/set", "domain-start/note",
         "tap/open", "tap/connect", "tap/bandwidth", "store/commit/uid"]
UPDATE = ["domain-update/record", "store/commit/domain"]
DELETE = ["domain-delete/record", "store/commit/domain"]
ATTACH = ["disk-attach/volume", "disk-attach/device", "domain-change/record", "storage/rename", "store/commit/intent", "store/commit/domain"]
NIC = ["nic-attach/device", "domain-change/record", "tap/open", "tap/connect", "store/commit/domain"]
ANY = ["device-attach/device", "domain-change/record", "store/commit/domain", "engine/device_add", "engine/attached"]
GONE = ["domain-note/change", "device-detach/device", "domain-change/record", "store/commit/domain"]
# A commit that is on the disk cannot fail any more, but the daemon can die there.
EXIT_ONLY = {"create": ["store/committed/intent", "store/committed/domain"], "start": ["store/committed/uid"], "update": ["store/committed/domain"],
             "delete": ["domain-delete/files", "store/committed/domain", "store/committed/intent"],
             "delete-forced": ["domain-delete/files", "store/committed/domain"],
             "disk-cold": ["store/committed/intent", "store/committed/domain"], "disk-hot": ["store/committed/domain"],
             "nic-hot": ["store/committed/domain"], "any-hot": ["store/committed/domain"], "any-gone-hot": ["store/committed/domain"]}
HUB = {"hub": {}}


def spec(daemon, **more):
    return daemon.paused_domain("a", disks=[{"size": "1M"}, {"size": "1M"}], interfaces=[{"network": "default"}],
                                cloud_init={"user": "debian"}, **more)


def wait_network(daemon):
    daemon.wait_until(lambda: daemon.get("/v1/networks/default")["status"]["active"], "the default network")


def wait_up_or_dead(daemon):
    """A step may be one of the daemon's own start."""
    daemon.wait_until(lambda: daemon.ended() or b"\nready\n" in daemon.log(), "the daemon")
    try:
        wait_network(daemon)
        if "a" in [row["name"] for row in daemon.items("/v1/domains")]:
            daemon.wait_until(lambda: daemon.qemu_pids() == [] or daemon.state("a") == "paused", "the domain to be taken back")
    except (OSError, http.client.HTTPException):
        daemon.wait_until(daemon.ended, "the end")


def status(daemon, name="a"):
    return daemon.get(f"/v1/domains/{name}")["status"]


class Leftovers:
    """What a daemon has on the host: files, links, processes, records."""

    def __init__(self, daemon):
        self.daemon = daemon

    def files(self):
        kept = {"images", "pools", "seeds", "nvram", "tpm"}
        found = set()
        for directory in kept:
            for path in (self.daemon.root / "lib" / directory).rglob("*"):
                if path.is_file():
                    found.add(str(path.relative_to(self.daemon.root)))
        return found

    def links(self):
        text = self.daemon.run("ip", "-o", "link", stdout=subprocess.PIPE, text=True).stdout
        names = [line.split(":")[1].strip().split("@")[0] for line in text.splitlines()]
        return {name for name in names if name.startswith("skt") or name.startswith("skm")}

    def intents(self):
        database = sqlite3.connect(f"file:{self.daemon.root}/lib/skep.db?mode=ro", uri=True)
        try:
            return database.execute("SELECT COUNT(*) FROM records WHERE kind = 'intent'").fetchone()[0]
        finally:
            database.close()

    def now(self):
        return {"files": self.files(), "links": self.links(), "qemus": set(self.daemon.qemu_pids()), "intents": self.intents()}

    def wait(self, before):
        """What goes in the background is gone soon."""
        self.daemon.wait_until(lambda: self.now() == before, f"what was there before: {before}, there is {self.now()}")


def prepare_nothing(daemon):
    pass


def prepare_off(daemon):
    daemon.do("POST", "/v1/domains", spec(daemon))


def prepare_paused(daemon):
    prepare_off(daemon)
    daemon.do("POST", "/v1/domains/a/start?paused=true")


def prepare_usb(daemon):
    daemon.do("POST", "/v1/domains", spec(daemon, inputs=[{"kind": "tablet", "bus": "usb"}]))
    daemon.do("POST", "/v1/domains/a/start?paused=true")


def prepare_hub(daemon):
    prepare_usb(daemon)
    daemon.do("POST", "/v1/domains/a/devices", HUB)


VERBS = {
    "create": (prepare_nothing, CREATE, lambda d: ("POST", "/v1/domains", spec(d))),
    "start": (prepare_off, START, lambda d: ("POST", "/v1/domains/a/start?paused=true", None)),
    "update": (prepare_off, UPDATE, lambda d: ("PATCH", "/v1/domains/a", {"title": "other"})),
    "delete": (prepare_off, DELETE, lambda d: ("DELETE", "/v1/domains/a?volumes=true", None)),
    "delete-forced": (prepare_paused, DELETE, lambda d: ("DELETE", "/v1/domains/a?volumes=true&force=true", None)),
    "disk-cold": (prepare_off, [step for step in ATTACH if step != "disk-attach/device"], lambda d: ("POST", "/v1/domains/a/disks", {"size": "1M"})),
    "disk-hot": (prepare_paused, ATTACH, lambda d: ("POST", "/v1/domains/a/disks", {"size": "1M", "bus": "virtio"})),
    "nic-hot": (prepare_paused, NIC, lambda d: ("POST", "/v1/domains/a/interfaces", {"mac": "52:54:00:00:00:77"})),
    "any-hot": (prepare_usb, ANY, lambda d: ("POST", "/v1/domains/a/devices", HUB)),
    "any-gone-hot": (prepare_hub, GONE, lambda d: ("POST", "/v1/domains/a/devices/detach", HUB)),
}

def went_through(daemon, verb):
    """The change is there as asked for."""
    if verb.startswith("delete"):
        assert daemon.request("GET", "/v1/domains/a").status == 404
        return
    view = daemon.get("/v1/domains/a")
    if verb == "start":
        assert view["status"]["state"] == "paused"
    elif verb == "update":
        assert view["spec"]["title"] == "other"
    elif verb.startswith("disk"):
        assert len(view["spec"]["disks"]) == 3
    elif verb == "nic-hot":
        assert len(view["spec"]["interfaces"]) == 2
    elif verb.startswith("any"):
        assert len(view["spec"].get("hubs", [])) == (1 if verb == "any-hot" else 0)


def is_new(daemon, verb):
    """The crash came after the change was kept."""
    answer = daemon.request("GET", "/v1/domains/a")
    if verb.startswith("delete"):
        return answer.status == 404
    if answer.status == 404:
        return False
    if verb == "start":
        return answer.json["status"]["state"] == "paused"
    spec = answer.json["spec"]
    if verb.startswith("any"):
        return (len(spec.get("hubs", [])) == 1) == (verb == "any-hot")
    return verb == "create" or len(spec["disks"]) == 3 or len(spec["interfaces"]) == 2 or spec.get("title") == "other"


@pytest.fixture(scope="module")
def home():
    """One directory and namespace; the daemon in it is started anew for every fault."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon() as daemon:
        daemon.start()
        wait_network(daemon)
        yield daemon


def clean(daemon):
    for name in [row["name"] for row in daemon.items("/v1/domains")]:
        daemon.do("DELETE", f"/v1/domains/{name}?force=true&volumes=true")


@pytest.mark.parametrize("verb", VERBS)
def test_fault(home, verb):
    """Each step made to fail: a sentence, nothing left over, and the next attempt works."""
    prepare, steps, request = VERBS[verb]
    d = home
    leftovers = Leftovers(d)
    for step in steps:
        clean(d)
        leftovers.wait({"files": set(), "links": set(), "qemus": set(), "intents": 0})
        prepare(d)
        before = leftovers.now()
        state = status(d) if verb != "create" else None
        d.restart(env={"SKEP_FAULT": step})
        if state is not None:
            d.wait_state("a", state["state"])
        wait_network(d)
        method, path, body = request(d)
        answer = d.request(method, path, body, WAIT)
        assert answer.status >= 400, f"{verb} was not stopped at {step}: {answer.body}"
        assert step in answer.error[1], answer.error
        if verb == "create":
            assert d.request("GET", "/v1/domains/a").status == 404
        elif verb == "delete-forced":
            before["qemus"] = before["links"] = set()
        leftovers.wait(before)
        d.restart()
        wait_network(d)
        d.do(*request(d))
        went_through(d, verb)
    clean(d)


@pytest.mark.parametrize("verb", VERBS)
def test_crash(home, verb):
    """The daemon dies at each step as by kill -9: the next one repairs, and the next attempt works."""
    prepare, steps, request = VERBS[verb]
    d = home
    leftovers = Leftovers(d)
    for step in steps + EXIT_ONLY.get(verb, []):
        clean(d)
        leftovers.wait({"files": set(), "links": set(), "qemus": set(), "intents": 0})
        prepare(d)
        before = leftovers.now()
        d.stop()
        d.start(env={"SKEP_FAULT_EXIT": step}, expect_ready=False)
        wait_up_or_dead(d)
        if not d.ended():
            method, path, body = request(d)
            try:
                d.request(method, path, body, WAIT)
            except (OSError, http.client.HTTPException):
                pass
        assert d.wait_ended() == -signal.SIGKILL, f"{verb}: {step} was not reached"
        d.start()
        wait_network(d)
        if verb == "delete-forced" and not (d.qemu_pids() and d.state("a") == "paused"):
            before["qemus"] = before["links"] = set()
        if d.request("GET", "/v1/domains/a").status == 404:
            before["files"] = set()
        if is_new(d, verb):
            before = leftovers.now() if verb == "start" else {**before, "files": leftovers.files()}
        leftovers.wait(before)
        if not is_new(d, verb):
            d.do(*request(d))
        went_through(d, verb)
        if "hot" in verb and status(d).get("pending"):
            # The definition has it, the guest not yet.
            d.do("POST", "/v1/domains/a/destroy")
            d.do("POST", "/v1/domains/a/start?paused=true")
            assert status(d).get("pending", []) == []
    clean(d)


FOREIGN = b"somebody else's data" * 1000


@pytest.mark.parametrize("verb,step,name", [("create", "domain-create/intent", "a-vda.qcow2"), ("create", "domain-create/volume", "a-vda.qcow2"),
                                            ("create", "store/commit/domain", "a-vdb.qcow2"), ("delete", "domain-delete/files", "a-vda.qcow2"),
                                            ("delete", "store/committed/domain", "a-vdb.qcow2"),
                                            ("disk-cold", "disk-attach/volume", "a-vdc.qcow2")])
def test_a_foreign_file_is_not_cleaned_up(home, verb, step, name):
    """While the daemon is dead, somebody puts a file of their own where it made one, or was about to."""
    prepare, _, request = VERBS[verb]
    d = home
    clean(d)
    prepare(d)
    d.restart(env={"SKEP_FAULT_EXIT": step})
    wait_network(d)
    with pytest.raises((OSError, http.client.HTTPException)):
        d.request(*request(d), WAIT)
    assert d.wait_ended() == -signal.SIGKILL
    path = d.root / "lib" / "pools" / "default" / name
    path.unlink(missing_ok=True)
    path.write_bytes(FOREIGN)
    d.start()
    wait_network(d)
    assert path.read_bytes() == FOREIGN
    assert Leftovers(d).intents() == 0
    path.unlink()
    d.wait_until(lambda: name not in [item["name"] for item in d.items("/v1/pools/default/volumes")], "the file to be gone")
    if not is_new(d, verb):
        d.do(*request(d))
    clean(d)
    assert Leftovers(d).files() == set()


# -- the end of daemons with running guests --------------------------------------------------------------------


def boot(daemon, tiny, name, **more):
    daemon.do("POST", "/v1/domains?start=true", daemon.tiny_domain(name, tiny, **more))
    return name


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_guests_outlive_the_daemon(daemon, tiny, how):
    d = daemon
    names = [boot(d, tiny, "one"), boot(d, tiny, "two", cmdline="skep.ignore-shutdown")]
    d.do("POST", "/v1/domains", d.paused_domain("three"))
    d.do("POST", "/v1/domains/three/start?paused=true")
    d.do("POST", "/v1/domains", d.paused_domain("gone"))
    d.do("POST", "/v1/domains/gone/start?paused=true")
    for name in names:
        d.wait_console(name, READY)
    with Console(d, "one") as console:
        console.write("echo be''fore\n")
        console.wait("before")
    pids = {name: status(d, name)["pid"] for name in ("one", "two", "three", "gone")}
    waiting = d.request("POST", "/v1/domains/two/shutdown?timeout=300").json
    d.wait_state("two", "in shutdown")

    getattr(d, how)()
    os.kill(pids["gone"], signal.SIGKILL)
    d.start()
    d.wait_state("one", "running")
    d.wait_state("two", "running")
    d.wait_state("three", "paused")
    d.wait_state("gone", "shut off")
    assert {name: status(d, name).get("pid") for name in pids} == {**pids, "gone": None}
    job = d.get(f"/v1/jobs/{waiting['id']}")
    assert job["state"] == "failed" and "daemon ended" in job["message"]
    with Console(d, "one") as console:
        console.wait("before")
        console.write("echo af''ter\n")
        console.wait("after")
    d.do("POST", "/v1/domains/three/resume")
    d.do("POST", "/v1/domains/gone/start?paused=true")
    d.do("POST", "/v1/domains/one/shutdown")
    assert d.state("one") == "shut off"
    for name in ("two", "three", "gone"):
        d.do("POST", f"/v1/domains/{name}/destroy")
    assert d.qemu_pids() == []
    leftovers = Leftovers(d)
    d.wait_until(lambda: leftovers.links() == set(), "the links to be gone")


def test_sigterm_does_not_wait_for_a_hanging_job(daemon, tmp_path):
    """An import that reads from a silent pipe does not hold the daemon up."""
    d = daemon
    pipe = tmp_path / "image"
    os.mkfifo(pipe)
    d.request("POST", "/v1/images", {"name": "slow", "url": str(pipe)})
    d.process.terminate()
    assert d.wait_ended() == 0
    d.start()
    assert [job["state"] for job in d.items("/v1/jobs")] in (["failed"], ["cancelled"])
    assert d.items("/v1/images") == []


def test_changes_right_after_the_start(daemon):
    """The first request of all finds domains that are not taken back yet."""
    d = daemon
    for name in ("resumed", "destroyed"):
        d.do("POST", "/v1/domains", d.paused_domain(name))
        d.do("POST", f"/v1/domains/{name}/start?paused=true")
    for _ in range(3):
        d.kill()
        d.start()
        d.do("POST", "/v1/domains/resumed/resume")
        d.do("POST", "/v1/domains/destroyed/destroy")
        assert (d.state("resumed"), d.state("destroyed")) == ("running", "shut off")
        assert d.qemu_pids() == [status(d, "resumed")["pid"]]
        d.do("POST", "/v1/domains/resumed/suspend")
        d.do("POST", "/v1/domains/destroyed/start?paused=true")
