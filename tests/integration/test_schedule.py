# SPDX-License-Identifier: LGPL-2.1-or-later
"""Schedules: snapshots are made when they are due and thinned; what was missed is made up for once; what people made is never touched."""
import json
import sqlite3
import subprocess
import uuid

import pytest

from conftest import make_daemon


def snapshots(d, name):
    return [one["name"] for one in d.items(f"/v1/domains/{name}/snapshots")]


def off_domain(d, tmp_path):
    name = f"s{uuid.uuid4().hex[:8]}"
    disk = tmp_path / f"{name}.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "1M"], check=True)
    d.do("POST", "/v1/domains", d.paused_domain(name, disks=[{"target": "vda", "source": "file", "path": str(disk), "format": "qcow2"}]))
    return name


def run(d, schedule):
    """Once, to its end."""
    before = d.get(f"/v1/schedules/{schedule}").get("last", 0)
    d.skep("schedule", "run", schedule)
    d.wait_until(lambda: d.get(f"/v1/schedules/{schedule}").get("last", 0) > before and d.get(f"/v1/schedules/{schedule}").get("next", 0) > 0,
                 "the schedule to have run")


def make(d, name, *options):
    d.skep("snapshot", "schedule", name, *options)
    return [one for one in d.items("/v1/schedules") if one["domain_name"] == name][-1]["id"]


def test_made_and_thinned(shared_daemon, tmp_path):
    d = shared_daemon
    name = off_domain(d, tmp_path)
    d.skep("snapshot", "create", name, "mine")
    schedule = make(d, name, "--every", "1h", "--keep", "2")
    made = []
    for _ in range(3):
        run(d, schedule)
        made += [one for one in snapshots(d, name) if one.startswith(f"auto-{schedule[:8]}-") and one not in made]
        # Names tell of seconds.
        d.wait_until(lambda: subprocess.run(["date", "-u", "+%Y%m%dT%H%M%S"], capture_output=True, text=True).stdout.strip() not in made[-1], "the next second")
    d.wait_until(lambda: snapshots(d, name) == ["mine", *made[1:]], "the oldest to go")
    shown = d.get(f"/v1/schedules/{schedule}")
    assert shown["made"] == 2 and "error" not in shown
    assert name in d.skep("schedule", "ls").stdout
    d.skep("schedule", "delete", schedule, "--yes")
    assert snapshots(d, name) == ["mine", *made[1:]]


def test_changed(shared_daemon, tmp_path):
    d = shared_daemon
    name = off_domain(d, tmp_path)
    schedule = make(d, name, "--every", "1d", "--keep", "7d")
    d.skep("schedule", "set", schedule, "every=2h", "paused=true")
    shown = d.get(f"/v1/schedules/{schedule}")
    assert shown["every"] == "2h" and shown["paused"] and not shown.get("next")
    assert "next" not in json.dumps(d.request("PATCH", f"/v1/schedules/{schedule}", {"paused": False}).json) or d.get(f"/v1/schedules/{schedule}")["next"] > 0
    assert d.fails("PATCH", f"/v1/schedules/{schedule}?wait=10", {"every": "1s"})[1] == "invalid"
    assert d.fails("PATCH", f"/v1/schedules/{schedule}?wait=10", {"last": 5})[1] == "invalid"
    assert d.fails("POST", f"/v1/domains/{name}/schedules?wait=10", {"every": "1h", "keep": "for ever"})[1] == "invalid"
    assert d.fails("POST", "/v1/domains/none/schedules?wait=10", {"every": "1h", "keep": "1"})[1] == "no-domain"
    assert d.fails("GET", f"/v1/schedules/{uuid.uuid4()}")[1] == "not-found"


def test_gone_with_its_domain(shared_daemon, tmp_path):
    d = shared_daemon
    name = off_domain(d, tmp_path)
    schedule, other = make(d, name, "--every", "1h", "--keep", "1"), off_domain(d, tmp_path)
    d.do("DELETE", f"/v1/domains/{name}")
    keeps = make(d, other, "--every", "1h", "--keep", "1")
    assert schedule not in [one["id"] for one in d.items("/v1/schedules")]
    d.skep("schedule", "delete", keeps, "--yes")


def test_failure_is_told(shared_daemon, tmp_path):
    d = shared_daemon
    name = f"s{uuid.uuid4().hex[:8]}"
    disk = tmp_path / "raw.img"
    disk.write_bytes(bytes(1024 * 1024))
    d.do("POST", "/v1/domains", d.paused_domain(name, disks=[{"target": "vda", "source": "file", "path": str(disk), "format": "raw"}]))
    schedule = make(d, name, "--every", "1h", "--keep", "1")
    run(d, schedule)
    assert "vda" in d.get(f"/v1/schedules/{schedule}")["error"]


def test_missed(tmp_path):
    """While no daemon was there: once, when there is one again."""
    with make_daemon() as d:
        d.start()
        name = off_domain(d, tmp_path)
        schedule = make(d, name, "--every", "1h", "--keep", "5")
        d.stop()
        with sqlite3.connect(d.root / "lib" / "skep.db") as db:
            (spec,) = db.execute("SELECT spec FROM records WHERE kind = 'schedule'").fetchone()
            changed = {**json.loads(spec), "created": 1}
            db.execute("UPDATE records SET spec = ? WHERE kind = 'schedule'", (json.dumps(changed),))
        db.close()
        d.start()
        d.wait_until(lambda: len(snapshots(d, name)) == 1, "what was missed")
        assert d.get(f"/v1/schedules/{schedule}")["next"] > d.get(f"/v1/schedules/{schedule}")["last"]
        d.restart()
        assert d.get(f"/v1/schedules/{schedule}")["last"] > 0 and len(snapshots(d, name)) == 1
