# SPDX-License-Identifier: LGPL-2.1-or-later
"""The seed that a guest's cloud-init reads: content, changes, secrets, refusals."""
import os
import re
import shutil
import subprocess

import pytest

PLAIN = "Tr0ub4dor-and-three-staples"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHc2vqSyYxCwMl6WmQyKmqyQm0qVd1zZ8vJ8h6lR1f0h somebody@example"


@pytest.fixture(autouse=True)
def reader():
    if shutil.which("isoinfo") is None and shutil.which("xorriso") is None:
        pytest.skip("needs isoinfo (genisoimage) or xorriso")


def seed_of(daemon, name):
    return daemon.root / "lib" / "seeds" / f"{daemon.get(f'/v1/domains/{name}')['spec']['uuid']}.iso"


def read(path, name):
    """A file of the seed, or None."""
    if shutil.which("isoinfo"):
        done = subprocess.run(["isoinfo", "-R", "-i", str(path), "-x", f"/{name}"], capture_output=True)
        return done.stdout.decode() or None
    target = f"{path}.{name}"
    subprocess.run(["xorriso", "-osirrox", "on", "-indev", str(path), "-extract", f"/{name}", target], capture_output=True)
    text = open(target).read() if os.path.exists(target) else None
    if text is not None:
        os.unlink(target)
    return text


def create(daemon, name, **settings):
    daemon.do("POST", "/v1/domains", daemon.paused_domain(name, cloud_init=settings))
    return seed_of(daemon, name)


def files_with(daemon, text):
    """Files below the daemon's directory that hold a text."""
    return [str(path) for path in daemon.root.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_seed_of_a_new_domain(shared_daemon):
    seed = create(shared_daemon, "web1", user="anna", ssh_keys=[KEY], packages=["nginx"], runcmd=["touch /ran"], hostname="shop")
    assert seed.stat().st_mode & 0o777 == 0o600
    meta, user = read(seed, "meta-data"), read(seed, "user-data")
    assert "shop" in meta and "instance-id" in meta
    assert user.startswith("#cloud-config\n")
    for word in ("anna", KEY, "nginx", "touch /ran"):
        assert word in user
    volume = open(seed, "rb").read()[32768 + 40:32768 + 72].decode().strip()
    assert volume.lower() == "cidata"


@pytest.mark.parametrize("image, account", [("debian-mini", "debian"), ("mini", "skep")])
def test_account_that_nobody_named(shared_daemon, tmp_path, image, account):
    """skep ssh has to know whom the keys let in: that of the image, by its name at least."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(tmp_path / "mini.qcow2"), "1M"], check=True)
    shared_daemon.do("POST", "/v1/images", {"name": image, "url": str(tmp_path / "mini.qcow2")})
    domain = shared_daemon.paused_domain(f"of-{image}", disks=[{"image": image}], cloud_init={"ssh_keys": [KEY]})
    shared_daemon.do("POST", "/v1/domains", domain)
    assert shared_daemon.get(f"/v1/domains/of-{image}")["spec"]["cloud_init"]["user"] == account
    raw = shared_daemon.paused_domain(f"raw-{image}", disks=[{"image": image}], cloud_init={"user_data": "#cloud-config\n{}\n"})
    shared_daemon.do("POST", "/v1/domains", raw)
    assert "user" not in shared_daemon.get(f"/v1/domains/raw-{image}")["spec"]["cloud_init"]


def test_raw_user_data_goes_in_as_it_is(shared_daemon):
    raw = "#!/bin/sh\necho 'it is \\ so'\n"
    assert read(create(shared_daemon, "raw", user_data=raw), "user-data") == raw


def test_seed_follows_a_change(shared_daemon):
    seed = create(shared_daemon, "moves", user="anna")
    before = seed.read_bytes()
    shared_daemon.do("PATCH", "/v1/domains/moves", {"description": "the seed has nothing to do with it"})
    assert seed.read_bytes() == before
    shared_daemon.do("PATCH", "/v1/domains/moves", {"cloud_init": {"user": "berta"}})
    assert "berta" in read(seed, "user-data") and "anna" not in read(seed, "user-data")
    # Lost, it is made again at the next start.
    seed.unlink()
    shared_daemon.do("POST", "/v1/domains/moves/start?paused=true")
    assert "berta" in read(seed, "user-data")
    shared_daemon.do("POST", "/v1/domains/moves/destroy")
    shared_daemon.do("DELETE", "/v1/domains/moves")
    assert not seed.exists()


def test_password_is_kept_as_a_hash_alone(shared_daemon):
    seed = create(shared_daemon, "secret", user="anna", password=PLAIN)
    assert re.search(r"\$y\$", read(seed, "user-data"))
    # Nor may an answer or the audit log hold it.
    shared_daemon.do("PATCH", "/v1/domains/secret", {"cloud_init": {"password": PLAIN + "-2"}})
    assert PLAIN not in shared_daemon.request("GET", "/v1/domains/secret").body.decode()
    assert "$y$" not in shared_daemon.request("GET", "/v1/domains/secret").body.decode()
    assert PLAIN not in shared_daemon.request("GET", "/v1/jobs").body.decode()
    shared_daemon.do("POST", "/v1/domains/secret/start?paused=true")
    for pid in shared_daemon.qemu_pids() + [shared_daemon.process.pid]:
        assert PLAIN.encode() not in open(f"/proc/{pid}/cmdline", "rb").read()
    shared_daemon.do("POST", "/v1/domains/secret/destroy")
    assert files_with(shared_daemon, PLAIN) == []


@pytest.mark.parametrize("settings, word", [
    ({"user_data": "#cloud-config\nusers:\n  - name: a\n name: b\n"}, "line 4"),
    ({"user_data": "#cloud-config\nruncmd: [unclosed\n"}, "line"),
    ({"user_data": "hello world\n"}, "user_data"),
    ({"user_data": "#cloud-config\nhostname: a\nhostname: b\n"}, "twice"),
    ({"user_data": "#cloud-config\nwrite_files:\n  - path: /a\n    path: /b\n"}, "line 4"),
    ({"user_data": "#cloud-config\na: !!python/object/apply:os.system [reboot]\n"}, "python/object"),
    ({"user_data": "#cloud-config\nusers: 5\n"}, '"users" must be a list'),
    ({"user_data": "#cloud-config\nruncmd: reboot\n"}, "line 2"),
    ({"user_data": "#cloud-config\nchpasswd: [a]\n"}, '"chpasswd" must be a mapping'),
    ({"network_config": "version: 2\nethernets: 5\n"}, "line 2"),
    ({"network_config": "network:\n  version: 1\n  config: {a: b}\n"}, "line 3"),
    ({"packages": ["a; rm -rf /"]}, "packages"),
    ({"packages": [""]}, "packages"),
    ({"packages": ["--purge"]}, "packages"),
    ({"network_config": "version: 7\n"}, "network_config"),
    ({"network_config": "version: 2\n\tethernets: {}\n"}, "line 2"),
    ({"hostname": "-bad host-"}, "hostname"),
    ({"user": "no such: user\n"}, "user"),
    ({"ssh_keys": ["not a key"]}, "ssh_keys"),
    ({"colour": "red"}, "colour"),
])
def test_bad_settings_are_refused_before_anything_is_made(shared_daemon, settings, word):
    before = sorted(str(path) for path in (shared_daemon.root / "lib").rglob("*"))
    status, code, sentence = shared_daemon.fails("POST", "/v1/domains", {
        **shared_daemon.paused_domain("bad", cloud_init=settings), "disks": [{"size": "10M"}]})
    assert (status, code) == (400, "invalid") and word in sentence, sentence
    assert all(item["name"] != "bad" for item in shared_daemon.items("/v1/domains"))
    assert sorted(str(path) for path in (shared_daemon.root / "lib").rglob("*")) == before


@pytest.mark.parametrize("step", ["seed/image", "seed/write"])
def test_fault_of_the_seed_leaves_no_domain(daemon, step):
    daemon.stop()
    daemon.start(env={"SKEP_FAULT": step})
    _, _, sentence = daemon.fails("POST", "/v1/domains", daemon.paused_domain("a", cloud_init={"user": "anna"}))
    assert step in sentence
    assert daemon.items("/v1/domains") == []
    assert list((daemon.root / "lib" / "seeds").iterdir()) == []
