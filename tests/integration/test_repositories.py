# SPDX-License-Identifier: LGPL-2.1-or-later
"""Repositories that the daemon knows: made, taken over with a key, looked at, pruned, forgotten."""
import json
import os
import subprocess
import uuid

import pytest

import skep
from conftest import make_daemon


@pytest.fixture(name="repo")
def make_repo(shared_daemon, tmp_path):
    """A repository with two backups of a domain, and the names of both."""
    d, name = shared_daemon, f"r{uuid.uuid4().hex[:8]}"
    d.skep("repo", "create", name, str(tmp_path / "repo"))
    key = tmp_path / "key"
    key.write_text(json.loads(d.skep("repo", "key", name, "-o", "json").stdout)["key"])
    disk, domain, names = tmp_path / "disk.raw", str(uuid.uuid4()), []
    for i in range(2):
        disk.write_bytes(bytes([i + 1]) * 2 * 1024 * 1024)
        socket, short = tmp_path / f"nbd{i}", f"2026112{i}T000000-aa"
        order = {"backup": {"name": f"{domain}/{short}", "domain": "web1", "uuid": domain, "created": i * 3600 * 10**6},
                 "sources": [{"target": "vda", "socket": str(socket), "export_name": ""}]}
        with subprocess.Popen(["qemu-nbd", "--read-only", "--shared=2", "--persistent", "-f", "raw", f"--socket={socket}", disk]) as served:
            d.wait_until(socket.exists, "the disk to be offered")
            subprocess.run([skep.BUILD / "skep-repository", "--key-file", key, "create", tmp_path / "repo"], input=json.dumps(order) + "\n", text=True,
                           check=True, capture_output=True)
            served.terminate()
        names.append(short)
    yield name, tmp_path / "repo", key, names
    d.request("DELETE", f"/v1/repositories/{name}?wait=60")


def test_listed(shared_daemon, repo):
    d, (name, path, key, names) = shared_daemon, repo
    shown = d.get(f"/v1/repositories/{name}")
    assert shown["path"] == str(path) and "key" not in shown
    assert [one["name"].split("/")[1] for one in d.items(f"/v1/repositories/{name}/backups")] == names
    assert d.items(f"/v1/repositories/{name}/backups?domain=other") == []
    assert "web1" in d.skep("backup", "ls", name).stdout
    assert "vda" in d.skep("backup", "info", name, names[0]).stdout
    assert d.fails("GET", f"/v1/repositories/{name}/backups/none")[1] == "no-backup"
    assert d.fails("GET", "/v1/repositories/none/backups")[1] == "no-repository"


def test_verified_and_pruned(shared_daemon, repo):
    d, (name, path, key, names) = shared_daemon, repo
    d.skep("backup", "verify", name)
    dry = json.loads(d.skep("backup", "prune", name, "--keep", "1", "--dry-run", "-o", "json").stdout)
    assert len(dry["removed"]) == 1 and len(d.items(f"/v1/repositories/{name}/backups")) == 2
    gone = json.loads(d.skep("backup", "prune", name, "--keep", "1", "-o", "json").stdout)
    assert gone["objects"] > 0 and [one["name"].split("/")[1] for one in d.items(f"/v1/repositories/{name}/backups")] == names[1:]
    largest = max((path / "objects").glob("*/*"), key=lambda one: one.stat().st_size)
    os.truncate(largest, 60)
    done = d.skep("backup", "verify", name, check=False)
    assert done.returncode != 0 and "cut short" in done.stderr and names[1] in done.stderr
    d.skep("backup", "delete", name, names[1], "--yes")
    assert d.items(f"/v1/repositories/{name}/backups") == []


def test_key(shared_daemon, repo, tmp_path):
    """One that is there is taken with its key, and with no other; keys stay out of lists, and come back after a restart."""
    d, (name, path, key, names) = shared_daemon, repo
    assert d.fails("POST", "/v1/repositories", {"name": "again", "path": str(path)})[1] == "exists"
    d.skep("repo", "delete", name, "--yes")
    wrong = tmp_path / "wrong"
    wrong.write_text(subprocess.run([skep.BUILD / "skep-repository", "key"], check=True, capture_output=True, text=True).stdout)
    assert "the key is not that of" in d.skep("repo", "create", name, str(path), "--key-file", str(wrong), check=False).stderr
    assert "a slip" in d.fails("POST", "/v1/repositories", {"name": name, "path": str(path), "key": "skep1-00"})[2]
    d.skep("repo", "create", name, str(path), "--key-file", str(key))
    assert len(d.items(f"/v1/repositories/{name}/backups")) == 2
    assert key.read_text() not in json.dumps(d.items("/v1/repositories")) + json.dumps(d.items("/v1/jobs")) + json.dumps(d.items("/v1/audit"))


@pytest.mark.parametrize("kind", ["SKEP_FAULT", "SKEP_FAULT_EXIT"])
@pytest.mark.parametrize("step", ["repository/record", "storage/repository"])
def test_broken_off(tmp_path, step, kind):
    """What was half made is gone, or is in nobody's way; the next attempt succeeds."""
    with make_daemon() as d:
        d.start(env={kind: step})
        try:
            answer = d.request("POST", "/v1/repositories?wait=60", {"name": "nas", "path": str(tmp_path / "repo")})
            assert answer.status >= 400 or d.get("/v1/jobs/" + answer.json["id"])["state"] == "failed"
        except OSError:
            pass
        if kind == "SKEP_FAULT_EXIT":
            d.wait_ended()
        else:
            assert not (tmp_path / "repo").exists() or not any((tmp_path / "repo").iterdir())
            d.stop()
        d.start()
        assert d.items("/v1/repositories") == []
        d.skep("repo", "create", "nas", str(tmp_path / "repo2"))
        d.restart()
        assert d.items("/v1/repositories/nas/backups") == []
