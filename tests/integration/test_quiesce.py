# SPDX-License-Identifier: LGPL-2.1-or-later
"""File systems frozen for a snapshot, a checkpoint or a backup are thawed again, whichever step fails or kills the daemon."""
import http.client
import os
import subprocess

import pytest

from conftest import make_daemon
from guest_agent import Agent
from streams import Console

READY = "skep-tiny ready"
CHANNEL = "org.qemu.guest_agent.0"
HOW = ["SKEP_FAULT", "SKEP_FAULT_EXIT"]

# What is asked for: where, with what, and the steps of it, with whether they come after the freeze.
VERBS = {
    "snapshots": ({"name": "s", "quiesce": "yes"}, {"snapshot-create/freeze": False, "snapshot-create/disks": True, "snapshot-create/record": True}),
    "checkpoints": ({"name": "c", "quiesce": True}, {"checkpoint-create/freeze": False, "checkpoint-create/bitmaps": True}),
    "backup": ({"checkpoint": {"name": "c", "quiesce": True}, "disks": [{"target": "vda", "file": "{dir}/copy"}]}, {"backup/freeze": True}),
}


class Guest(Agent):
    """It knows whether its file systems are frozen."""

    def __init__(self, daemon):
        super().__init__(daemon, "g", {"guest-fsfreeze-freeze": self.freeze, "guest-fsfreeze-thaw": self.thaw})
        self.frozen = False

    def freeze(self, args):
        self.frozen = True
        return 1

    def thaw(self, args):
        self.frozen = False
        return 1

    def count(self, command):
        return [name for name, _ in self.asked].count(command)


@pytest.fixture(scope="module")
def guest(tiny, tmp_path_factory):
    """A guest that holds its agent's channel open; the test answers in the agent's place."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    path = tmp_path_factory.mktemp("disk") / "a.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "1M"], check=True)
    with make_daemon() as d:
        d.start()
        d.do("POST", "/v1/domains?start=true", d.tiny_domain("g", tiny, channels=[{"name": CHANNEL, "kind": "agent"}],
                                                             disks=[{"source": "file", "path": str(path), "format": "qcow2"}]))
        d.wait_console("g", READY)
        with Console(d, "g", take_over=True) as console:
            console.wait(READY)
            console.write(f"for p in /sys/class/virtio-ports/*; do grep -q {CHANNEL} $p/name && exec 4<>/dev/${{p##*/}}; done; echo op''en\n")
            console.wait("open")
        d.wait_until(lambda: has_agent(d), "the agent to be there")
        with Guest(d) as agent:
            yield d, agent
        d.restart()


def has_agent(d):
    return d.get("/v1/domains/g")["status"].get("agent", False)


def ask(d, verb, directory):
    body = {key: value for key, value in VERBS[verb][0].items()}
    for disk in body.get("disks", []):
        body["disks"] = [dict(disk, file=disk["file"].replace("{dir}", str(directory)))]
    try:
        return d.request("POST", f"/v1/domains/g/{verb}", body, {"Prefer": "wait=120"})
    except (OSError, http.client.HTTPException):
        return None


def calm(d):
    """Nothing is under way, and the agent is known."""
    d.wait_until(lambda: d.get("/v1/domains/g")["status"].get("job") is None and d.state("g") == "running" and has_agent(d), "it to be as it was")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("verb,step", [(verb, step) for verb, (_, steps) in VERBS.items() for step in steps])
def test_thawed(guest, tmp_path, verb, step, how):
    d, agent = guest
    d.restart(env={how: step})
    calm(d)
    agent.asked.clear()
    answer = ask(d, verb, tmp_path)
    if how == "SKEP_FAULT":
        assert answer is not None and answer.status != 200 and step in answer.error[1], answer.body
    else:
        d.wait_until(d.ended, f"the daemon to die at {step}")
    assert agent.count("guest-fsfreeze-freeze") == VERBS[verb][1][step]
    d.restart()
    calm(d)
    d.wait_until(lambda: not agent.frozen, "the guest to be thawed")
    assert [d.items(f"/v1/domains/g/{kind}") for kind in ("snapshots", "checkpoints")] == [[], []] and not list(tmp_path.iterdir())
    assert ask(d, verb, tmp_path).status == 200
    assert not agent.frozen and agent.count("guest-fsfreeze-freeze") == VERBS[verb][1][step] + 1
    if verb == "backup":
        assert (tmp_path / "copy").exists()
    d.do("DELETE", "/v1/domains/g/" + ("snapshots/s" if verb == "snapshots" else "checkpoints/c"))
