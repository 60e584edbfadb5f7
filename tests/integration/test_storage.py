# SPDX-License-Identifier: LGPL-2.1-or-later
"""Storage: pools and volumes on real directories, with real QEMU over them."""
import hashlib
import http.client
import os
import re
import subprocess
from pathlib import Path

import pytest

from conftest import make_daemon
from skep import UnixConnection

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def d(shared_daemon):
    shared_daemon.do("POST", "/v1/pools", {"name": "p", "path": f"{shared_daemon.root}/p"})
    return shared_daemon


def create(d, name, pool="p", **more):
    return d.do("POST", f"/v1/pools/{pool}/volumes", {"name": name, **more})


def volume(d, name, pool="p"):
    return d.get(f"/v1/pools/{pool}/volumes/{name}")


def names(d, pool="p"):
    """All of them, page by page."""
    found, path = [], f"/v1/pools/{pool}/volumes"
    page = d.get(path)
    while page.get("next"):
        found += page["items"]
        page = d.get(f"{path}?after={page['next']}")
    return [item["name"] for item in found + page["items"]]


def leftovers(directory):
    """What lies in a directory, hidden files too."""
    return sorted(entry.name for entry in Path(directory).iterdir())


# -- pools -----------------------------------------------------------------------------------------------------------


def test_pool_life(d):
    path = f"{d.root}/life"
    made = d.do("POST", "/v1/pools", {"name": "life", "path": path + "///"})
    assert made["name"] == "life" and re.fullmatch(r"[0-9a-f-]{36}", made["uuid"])
    create(d, "v", "life", capacity="1M")
    pool = d.get("/v1/pools/life")
    assert pool["spec"]["path"] == path
    assert pool["status"]["active"] and pool["status"]["volumes"] == 1
    assert pool["status"]["capacity"] >= pool["status"]["available"] > 0

    d.do("POST", "/v1/pools/life/stop")
    assert not d.get("/v1/pools/life")["status"].get("active", False)
    status, code, message = d.fails("POST", "/v1/pools/life/volumes", {"name": "w", "capacity": "1M"})
    assert (status, code) == (409, "state") and "skep pool start life" in message
    assert d.fails("POST", "/v1/pools/life/refresh")[1] == "state"
    assert d.fails("POST", "/v1/pools/life/stop")[1] == "state"
    d.do("POST", "/v1/pools/life/start")
    assert names(d, "life") == ["v"]
    assert d.fails("POST", "/v1/pools/life/start")[1] == "state"

    d.do("DELETE", "/v1/pools/life")
    assert leftovers(path) == ["v"], "a pool's files stay unless asked"
    assert d.fails("GET", "/v1/pools/life")[:2] == (404, "no-pool")
    d.do("POST", "/v1/pools", {"name": "life", "path": path})
    assert names(d, "life") == ["v"]
    d.do("DELETE", "/v1/pools/life?volumes=true")
    assert not os.path.exists(path)


def test_pool_path_and_name_taken(d):
    status, code, message = d.fails("POST", "/v1/pools", {"name": "again", "path": f"{d.root}/p/"})
    assert (status, code) == (409, "exists") and '"p"' in message
    os.symlink(f"{d.root}/p", f"{d.root}/link-to-p")
    assert d.fails("POST", "/v1/pools", {"name": "again", "path": f"{d.root}/link-to-p"})[0] in (400, 409)
    assert d.fails("POST", "/v1/pools", {"name": "p"})[:2] == (409, "exists")
    assert "again" not in [item["spec"]["name"] for item in d.items("/v1/pools")]


def test_pool_made_twice_at_once(d):
    """Two clients make pools in one directory at once: one of them gets it."""
    body = [{"name": name, "path": f"{d.root}/both"} for name in ("both1", "both2")]
    jobs = [d.request("POST", "/v1/pools", one) for one in body]
    states = [d.get(f"/v1/jobs/{job.json['id']}?wait=60")["state"] if job.status < 300 else "failed" for job in jobs]
    assert sorted(states) == ["done", "failed"]


@pytest.mark.parametrize("path", ["relative", "/", "/proc/self", "/dev/null", "/etc/passwd"])
def test_pool_path_that_is_none(d, path):
    status, _, message = d.fails("POST", "/v1/pools", {"name": "bad", "path": path})
    assert status < 500 and message
    assert d.fails("GET", "/v1/pools/bad")[0] == 404


def test_pool_in_use_is_kept(d):
    d.do("POST", "/v1/pools", {"name": "used", "path": f"{d.root}/used"})
    create(d, "u.qcow2", "used", capacity="1M")
    d.do("POST", "/v1/domains", d.paused_domain("pooluser", disks=[{"pool": "used", "volume": "u.qcow2"}]))
    for method, path in (("DELETE", "/v1/pools/used"), ("DELETE", "/v1/pools/used?volumes=true")):
        status, code, message = d.fails(method, path)
        assert (status, code) == (409, "in-use") and '"pooluser"' in message
    d.do("POST", "/v1/domains/pooluser/start?paused=true")
    status, code, message = d.fails("POST", "/v1/pools/used/stop")
    assert (status, code) == (409, "in-use") and '"pooluser"' in message
    d.do("DELETE", "/v1/domains/pooluser?force=true&volumes=true")
    assert names(d, "used") == []
    d.do("DELETE", "/v1/pools/used?volumes=true")


def test_pool_goes_with_its_chains(d):
    """Overlays within a pool are in nobody's way; those of another keep all of it."""
    for name in ("low", "high"):
        d.do("POST", "/v1/pools", {"name": name, "path": f"{d.root}/{name}"})
    create(d, "a", "low", capacity="1M")
    create(d, "b", "low", backing_volume="a")
    create(d, "0", "low", backing_volume="b")
    create(d, "over", "high", backing_volume="b", backing_pool="low")
    status, code, message = d.fails("DELETE", "/v1/pools/low?volumes=true")
    assert (status, code) == (409, "in-use") and f'"{d.root}/high/over"' in message
    assert leftovers(f"{d.root}/low") == ["0", "a", "b"]
    d.do("DELETE", "/v1/pools/high?volumes=true")
    d.do("DELETE", "/v1/pools/low?volumes=true")
    assert not os.path.exists(f"{d.root}/low")


def test_foreign_files_are_seen(d):
    """Without a rescan: a file that comes, is moved, grows, goes."""
    path = f"{d.root}/p/foreign.img"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "3M"], check=True)
    d.wait_until(lambda: "foreign.img" in names(d), "the file to be seen")
    d.wait_until(lambda: volume(d, "foreign.img")["capacity"] == 3 * MIB, "its size")
    os.rename(path, f"{d.root}/p/moved.img")
    d.wait_until(lambda: "moved.img" in names(d) and "foreign.img" not in names(d), "the file's new name")
    subprocess.run(["qemu-img", "resize", "-q", f"{d.root}/p/moved.img", "5M"], check=True)
    d.wait_until(lambda: volume(d, "moved.img")["capacity"] == 5 * MIB, "the new size")
    os.unlink(f"{d.root}/p/moved.img")
    d.wait_until(lambda: "moved.img" not in names(d), "the file to be gone")


def test_strange_files_do_no_harm(d):
    """Names and files that a directory may hold."""
    path = Path(d.root) / "strange"
    path.mkdir()
    (path / "dir").mkdir()
    (path / "text.txt").write_text("no disk\n")
    (path / "empty").touch()
    (path / "new\nline").write_bytes(b"x" * 512)
    (path / ("long" * 60)).write_bytes(b"x" * 512)
    (path / "dangling").symlink_to("/nowhere")
    (path / "shadow").symlink_to("/etc/shadow")
    with open(os.fsencode(path) + b"/latin-\xe9", "wb") as file:
        file.write(b"x" * 512)
    os.mkfifo(path / "fifo")
    (path / "cut.qcow2").write_bytes(b"QFI\xfb\0\0\0\x03" + b"\xff" * 600)
    d.do("POST", "/v1/pools", {"name": "strange", "path": str(path)})
    d.do("POST", "/v1/pools/strange/refresh")
    found = names(d, "strange")
    assert "dir" not in found and "fifo" not in found and "text.txt" in found
    assert "root:" not in d.request("GET", "/v1/pools/strange/volumes/shadow/data").body.decode(errors="replace")
    d.do("DELETE", "/v1/pools/strange")


# -- making volumes ----------------------------------------------------------------------------------------------------


def test_create_kinds(d):
    thin = create(d, "thin.qcow2", capacity="1G", format="qcow2")
    assert thin["capacity"] == 1024 * MIB and thin["allocation"] < MIB and thin["format"] == "qcow2"
    raw = create(d, "thin.raw", capacity="64M", format="raw")
    assert raw["capacity"] == 64 * MIB and raw["allocation"] < MIB
    for preallocation in ("falloc", "full"):
        for kind in ("raw", "qcow2"):
            made = create(d, f"{preallocation}.{kind}", capacity="4M", format=kind, preallocation=preallocation)
            assert made["allocation"] >= 4 * MIB
    assert create(d, "meta.qcow2", capacity="4M", format="qcow2", preallocation="metadata")["capacity"] == 4 * MIB
    over = create(d, "over.qcow2", backing_volume="thin.qcow2")
    assert over["capacity"] == 1024 * MIB
    assert over["backing_path"] == f"{d.root}/p/thin.qcow2" and over.get("backing_format", "raw") == "qcow2"
    assert create(d, "bigger.qcow2", backing_volume="thin.raw", capacity="128M")["capacity"] == 128 * MIB
    info = subprocess.run(["qemu-img", "info", f"{d.root}/p/over.qcow2"], capture_output=True, text=True, check=True).stdout
    assert "backing file format: qcow2" in info
    assert os.stat(f"{d.root}/p/thin.qcow2").st_mode & 0o077 == 0


@pytest.mark.parametrize("body,words", [
    ({"capacity": "1M"}, "name"),
    ({"name": "x"}, "capacity"),
    ({"name": "x", "capacity": "1M", "backing_volume": "nowhere"}, "nowhere"),
    ({"name": "x", "capacity": 0}, "capacity"),
    ({"name": "x", "capacity": "2P"}, "capacity"),
    ({"name": "x", "capacity": -5}, "capacity"),
    ({"name": "x", "capacity": "1M", "format": "vmdk"}, "vmdk"),
    ({"name": "x", "capacity": "1M", "nonsense": 1}, "nonsense"),
    ({"name": "../x", "capacity": "1M"}, "name"),
    ({"name": "x.part", "capacity": "1M"}, ".part"),
    ({"name": "x" * 10000, "capacity": "1M"}, "name"),
    ({"name": ".", "capacity": "1M"}, "name"),
    ({"name": "", "capacity": "1M"}, "name"),
    ({"name": "x", "capacity": "512", "backing_volume": "base.qcow2"}, "8388608"),
    ({"name": "x", "capacity": "9M", "format": "raw", "backing_volume": "base.qcow2"}, "qcow2"),
    ({"name": "x", "capacity": "1P", "format": "raw"}, "too large"),
])
def test_create_refused(d, body, words):
    if "base.qcow2" not in names(d):
        create(d, "base.qcow2", capacity="8M")
    before = leftovers(f"{d.root}/p")
    status, _, message = d.fails("POST", "/v1/pools/p/volumes", body)
    assert status in (400, 404, 422) and words in message
    assert len(message) < 600
    assert leftovers(f"{d.root}/p") == before


def test_create_twice(d):
    twice, race = (f"{word}-{os.urandom(3).hex()}" for word in ("twice", "race"))
    create(d, twice, capacity="1M")
    assert d.fails("POST", "/v1/pools/p/volumes", {"name": twice, "capacity": "1M"})[:2] == (409, "exists")
    jobs = [d.request("POST", "/v1/pools/p/volumes", {"name": race, "capacity": "1M"}) for _ in range(2)]
    at_once = {200: "done", 201: "done", 409: "failed"}
    states = [at_once.get(job.status) or d.get(f"/v1/jobs/{job.json['id']}?wait=60")["state"] for job in jobs]
    assert sorted(states) == ["done", "failed"], [job.body for job in jobs]


def test_clone_and_resize(d):
    create(d, "src.raw", capacity="4M", format="raw")
    with open(f"{d.root}/p/src.raw", "r+b") as file:
        file.write(b"content" * 1000)
    full = d.do("POST", "/v1/pools/p/volumes/src.raw/clone", {"name": "copied.raw"})
    assert full.get("backing_path") is None
    assert Path(f"{d.root}/p/copied.raw").read_bytes() == Path(f"{d.root}/p/src.raw").read_bytes()
    linked = d.do("POST", "/v1/pools/p/volumes/src.raw/clone", {"name": "linked", "linked": True})
    assert linked["format"] == "qcow2" and linked["backing_path"] == f"{d.root}/p/src.raw"
    flat = d.do("POST", "/v1/pools/p/volumes/linked/clone", {"name": "flat"})
    assert flat.get("backing_path") is None
    subprocess.run(["qemu-img", "compare", "-q", f"{d.root}/p/flat", f"{d.root}/p/src.raw"], check=True)

    assert d.do("POST", "/v1/pools/p/volumes/copied.raw/resize", {"size": "8M"})["capacity"] == 8 * MIB
    status, _, message = d.fails("POST", "/v1/pools/p/volumes/copied.raw/resize", {"size": "2M"})
    assert status in (400, 409) and "shrink" in message
    assert d.do("POST", "/v1/pools/p/volumes/copied.raw/resize?shrink=true", {"size": "2M"})["capacity"] == 2 * MIB
    # What others are laid over must not lose anything below them.
    status, code, message = d.fails("POST", "/v1/pools/p/volumes/src.raw/resize?shrink=true", {"size": "1M"})
    assert (status, code) == (409, "in-use") and "linked" in message
    assert d.fails("POST", "/v1/pools/p/volumes/nowhere/resize", {"size": "16M"})[:2] == (404, "no-volume")
    assert d.fails("POST", "/v1/pools/p/volumes/src.raw/clone", {"name": "flat"})[:2] == (409, "exists")


def test_delete_refused(d):
    create(d, "low", capacity="1M")
    create(d, "mid", backing_volume="low")
    create(d, "top", backing_volume="mid")
    status, code, message = d.fails("DELETE", "/v1/pools/p/volumes/low")
    assert (status, code) == (409, "in-use") and 'mid"' in message
    d.do("POST", "/v1/domains", d.paused_domain("topuser", disks=[{"pool": "p", "volume": "top"}]))
    status, code, message = d.fails("DELETE", "/v1/pools/p/volumes/top")
    assert (status, code) == (409, "in-use") and '"topuser"' in message
    assert volume(d, "top")["used_by"] == ["topuser"]
    d.do("POST", "/v1/domains/topuser/start?paused=true")
    for method, path, body in (("POST", "resize", {"size": "2M"}), ("POST", "clone", {"name": "copy"})):
        status, code, message = d.fails(method, f"/v1/pools/p/volumes/top/{path}", body)
        assert (status, code) == (409, "in-use") and '"topuser"' in message
    # Nobody may write to what a running guest reads through its chain.
    assert d.fails("POST", "/v1/pools/p/volumes/low/resize", {"size": "2M"})[:2] == (409, "in-use")
    assert d.fails("GET", "/v1/pools/p/volumes/top/data")[:2] == (409, "in-use")
    d.do("DELETE", "/v1/domains/topuser?force=true")
    for name in ("top", "mid", "low"):
        d.do("DELETE", f"/v1/pools/p/volumes/{name}")
        assert name not in names(d) and not os.path.exists(f"{d.root}/p/{name}")


def test_two_domains_never_write_one_disk(d):
    create(d, "one", capacity="1M")
    for name in ("w1", "w2"):
        d.do("POST", "/v1/domains", d.paused_domain(name, disks=[{"pool": "p", "volume": "one"}]))
    d.do("POST", "/v1/domains/w1/start?paused=true")
    status, code, message = d.fails("POST", "/v1/domains/w2/start?paused=true")
    assert (status, code) == (409, "in-use") and '"w1"' in message
    # Nor does one read what the other writes; two may read.
    for name in ("r1", "r2"):
        d.do("POST", "/v1/domains", d.paused_domain(name, disks=[{"pool": "p", "volume": "one", "read_only": True}]))
    status, code, message = d.fails("POST", "/v1/domains/r1/start?paused=true")
    assert (status, code) == (409, "in-use") and '"w1"' in message
    d.do("POST", "/v1/domains/w1/destroy")
    for name in ("r1", "r2"):
        d.do("POST", f"/v1/domains/{name}/start?paused=true")
    assert d.fails("POST", "/v1/domains/w1/start?paused=true")[:2] == (409, "in-use")
    # By a name of the file that the daemon does not know, QEMU's own lock says so.
    os.link(f"{d.root}/p/one", f"{d.root}/p/same")
    d.do("POST", "/v1/pools/p/refresh")
    for name in ("r1", "r2"):
        d.do("DELETE", f"/v1/domains/{name}?force=true")
    d.do("POST", "/v1/domains/w1/start?paused=true")
    d.do("POST", "/v1/domains", d.paused_domain("r3", disks=[{"pool": "p", "volume": "same", "read_only": True}]))
    assert d.fails("POST", "/v1/domains/r3/start?paused=true")[:2] == (409, "in-use")
    for name in ("w1", "w2", "r3"):
        d.do("DELETE", f"/v1/domains/{name}?force=true")


def test_deleted_or_defined_never_both(d):
    """One client deletes a volume while another makes a domain of it."""
    for i in range(30):
        create(d, "wanted", capacity="1M")
        deletion = d.request("DELETE", "/v1/pools/p/volumes/wanted")
        creation = d.request("POST", "/v1/domains", d.paused_domain("wants", disks=[{"pool": "p", "volume": "wanted"}]))
        done = [job.status < 300 and d.get(f"/v1/jobs/{job.json['id']}?wait=60")["state"] == "done" for job in (deletion, creation)]
        assert done in ([True, False], [False, True]), (deletion.body, creation.body)
        if done[1]:
            d.do("DELETE", "/v1/domains/wants")
            d.do("DELETE", "/v1/pools/p/volumes/wanted")


# -- upload and download -------------------------------------------------------------------------------------------------


def put(d, path, data, length=None, headers=None):
    connection = UnixConnection(d.socket)
    connection.putrequest("PUT", path)
    connection.putheader("Content-Type", "application/octet-stream")
    connection.putheader("Content-Length", str(length if length is not None else len(data)))
    for key, value in (headers or {}).items():
        connection.putheader(key, value)
    connection.endheaders()
    try:
        connection.send(data)
    except BrokenPipeError:
        pass        # refused by its head: the answer is there
    return connection


def offset_of(d, path):
    answer = d.request("HEAD", path)
    return int(answer.headers["Upload-Offset"])


def test_upload_and_download(d):
    data = os.urandom(3 * MIB + 512)
    connection = put(d, "/v1/pools/p/volumes/up.raw/data", data)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    assert b'"up.raw"' in answer.read()
    assert volume(d, "up.raw")["capacity"] == len(data)
    path = "/v1/pools/p/volumes/up.raw/data"
    whole = d.request("GET", path)
    assert whole.status == 200 and hashlib.sha256(whole.body).digest() == hashlib.sha256(data).digest()
    for value, first, end in (("bytes=0-0", 0, 1), ("bytes=1000000-2999999", 1000000, 3000000), ("bytes=-100", len(data) - 100, len(data)),
                              ("bytes=3000000-", 3000000, len(data)), ("bytes=5-99999999999", 5, len(data))):
        part = d.request("GET", path, headers={"Range": value})
        assert part.status == 206 and part.body == data[first:end], value
        assert part.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(data)}"
    outside = d.request("GET", path, headers={"Range": f"bytes={len(data)}-"})
    assert outside.status == 416 and outside.headers["Content-Range"] == f"bytes */{len(data)}"
    assert d.request("GET", path, headers={"Range": "nonsense"}).body == data
    again = put(d, path, b"x" * 512).getresponse()
    assert again.status == 409 and b"already" in again.read()
    assert hashlib.sha256(d.request("GET", path).body).digest() == hashlib.sha256(data).digest()


def test_upload_cut_and_resumed(d):
    """A client that vanishes in the middle; HEAD tells how much came, offset goes on."""
    path = "/v1/pools/p/volumes/cut.raw/data"
    data = os.urandom(4 * MIB)
    connection = put(d, path, data[:2 * MIB], length=len(data))
    d.wait_until(lambda: offset_of(d, path) >= MIB, "the first megabyte")
    connection.close()
    assert "cut.raw" not in names(d), "half an upload is no volume"
    wrong = put(d, path + "?offset=7", data[7:]).getresponse()
    assert wrong.status == 409, wrong.read()

    def resume():
        there = offset_of(d, path)
        assert MIB <= there <= 2 * MIB, "a wrong offset spoils nothing"
        answer = put(d, f"{path}?offset={there}", data[there:]).getresponse()
        body = answer.read()
        assert answer.status in (200, 409), body
        return answer.status == 200
    d.wait_until(resume, "the upload to go on")     # the daemon may still be at work on the one that was cut
    assert Path(f"{d.root}/p/cut.raw").read_bytes() == data
    assert [name for name in leftovers(f"{d.root}/p") if "cut.raw" in name] == ["cut.raw"]


def test_two_uploads_of_one_name(d):
    path = "/v1/pools/p/volumes/duel.raw/data"
    first = put(d, path, b"a" * MIB, length=2 * MIB)
    d.wait_until(lambda: offset_of(d, path) >= 512 * 1024, "the first bytes")
    status = put(d, path, b"b" * MIB).getresponse().status
    assert status == 409
    first.send(b"a" * MIB)
    assert first.getresponse().status == 200
    assert Path(f"{d.root}/p/duel.raw").read_bytes() == b"a" * (2 * MIB)


def test_upload_of_bad_things(d, tmp_path):
    evil = tmp_path / "evil.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", str(evil), "1M"], check=True)
    answer = put(d, "/v1/pools/p/volumes/evil.qcow2/data", evil.read_bytes()).getresponse()
    body = answer.read()
    assert answer.status in (400, 403, 409, 422), body
    assert b"/etc/shadow" in body
    assert "evil.qcow2" not in names(d)
    assert not [name for name in leftovers(f"{d.root}/p") if "evil" in name]
    for bad in ("..%2Fescape", "%2E%2E", "a%2Fb", "x%00y", "n" * 10000):
        answer = put(d, f"/v1/pools/p/volumes/{bad}/data", b"x" * 512).getresponse()
        answer.read()
        assert answer.status in (400, 404, 413, 414), bad[:20]
    assert not (Path(d.root) / "escape").exists()


def test_foreign_chain_is_refused(d):
    """A qcow2 put into the pool by hand whose backing file is /etc/shadow: shown, never opened."""
    path = f"{d.root}/p/shadow.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", path, "1M"], check=True)
    d.do("POST", "/v1/pools/p/refresh")
    assert volume(d, "shadow.qcow2")["backing_path"] == "/etc/shadow"
    status, _, message = d.fails("POST", "/v1/pools/p/volumes/shadow.qcow2/clone", {"name": "stolen"})
    assert status < 500 and "/etc/shadow" in message
    status, _, message = d.fails("POST", "/v1/pools/p/volumes", {"name": "stolen", "backing_volume": "shadow.qcow2"})
    assert status < 500 and "/etc/shadow" in message
    made = d.request("POST", "/v1/domains", d.paused_domain("thief", disks=[{"pool": "p", "volume": "shadow.qcow2"}]), {"Prefer": "wait=60"})
    if made.status == 200:
        status, _, message = d.fails("POST", "/v1/domains/thief/start?paused=true")
        assert status < 500 and "/etc/shadow" in message
        d.do("DELETE", "/v1/domains/thief")
    assert "stolen" not in names(d)
    d.do("DELETE", "/v1/pools/p/volumes/shadow.qcow2")
    assert os.path.exists("/etc/shadow")


# -- what is left behind ---------------------------------------------------------------------------------------------------------


def make_old(path, seconds=10 ** 6):
    when = os.stat(path).st_mtime - seconds
    os.utime(path, (when, when))


@pytest.fixture(scope="module")
def quick():
    """A daemon that looks after its pools every second."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon() as daemon:
        (daemon.root / "etc").mkdir()
        (daemon.root / "etc" / "skepd.conf").write_text("[storage]\nupkeep_interval = 1\npart_age = 1000\n")
        daemon.start()
        daemon.wait_until(lambda: daemon.get("/v1/pools/default")["status"]["active"], "the pool")
        yield daemon


def leave_part(d, name, path=None):
    connection = put(d, path or f"/v1/pools/default/volumes/{name}/data", b"x" * (MIB // 2), length=MIB)
    part = d.root / "lib" / ("images" if path else "pools/default") / f"{name}.part"
    d.wait_until(lambda: part.exists() and part.stat().st_size >= MIB // 4, "the part")
    return connection, part


def test_old_parts_are_swept(quick):
    """At the start and every so often; not those that are young, foreign or being written."""
    d = quick
    parts = {}
    for name in ("old", "young"):
        connection, parts[name] = leave_part(d, name)
        connection.close()
    connection, parts["image"] = leave_part(d, "image", "/v1/images/image/data")
    connection.close()
    connection, parts["running"] = leave_part(d, "running")
    foreign = d.root / "lib" / "pools" / "default" / "browser.part"
    foreign.write_bytes(b"half a download of another program")
    for path in (parts["old"], parts["image"], parts["running"], foreign):
        make_old(path)
    d.wait_until(lambda: not parts["old"].exists() and not parts["image"].exists(), "the old parts to be swept")
    assert parts["young"].exists() and parts["running"].exists() and foreign.exists()
    connection.send(b"x" * (MIB // 2))
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    assert volume(d, "running", "default")["capacity"] == MIB

    connection, old = leave_part(d, "before")
    connection.close()
    d.stop()
    make_old(old)
    d.start()
    d.wait_until(lambda: not old.exists(), "the part of before the start to be swept")
    d.wait_until(lambda: d.get("/v1/pools/default")["status"]["active"], "the pool")
    assert parts["young"].exists() and foreign.exists()
    foreign.unlink()


def test_what_no_watch_tells_of(quick):
    """A file that is truncated by its name, and a directory that goes and comes back."""
    d = quick
    create(d, "cut.raw", "default", capacity="4M", format="raw")
    os.truncate(d.root / "lib" / "pools" / "default" / "cut.raw", MIB)
    d.wait_until(lambda: volume(d, "cut.raw", "default")["capacity"] == MIB, "the new size")

    path = d.root / "away"
    d.do("POST", "/v1/pools", {"name": "away", "path": str(path)})
    create(d, "v", "away", capacity="1M")
    path.rename(d.root / "elsewhere")
    d.wait_until(lambda: names(d, "away") == [], "the volumes to be gone")
    assert str(path) in d.get("/v1/pools/away")["status"]["message"]
    assert str(path) in d.fails("POST", "/v1/pools/away/volumes", {"name": "w", "capacity": "1M"})[2]
    assert not path.exists(), "nobody makes the directory of a file system that is not mounted"
    (d.root / "elsewhere").rename(path)
    d.wait_until(lambda: names(d, "away") == ["v"], "the volumes to be back")
    d.wait_until(lambda: not d.get("/v1/pools/away")["status"].get("message"), "the pool to be well")
    d.do("DELETE", "/v1/pools/away?volumes=true")


def test_thousands_of_foreign_files(quick):
    """They come, are moved and go in one rush."""
    d = quick
    path = d.root / "lib" / "pools" / "default"
    before = names(d, "default")
    count = 4000
    for i in range(count):
        (path / f"many{i}.raw").write_bytes(bytes(512))
    d.wait_until(lambda: len(names(d, "default")) == len(before) + count, "all files to be seen")
    for i in range(0, count, 2):
        os.rename(path / f"many{i}.raw", path / f"other{i}.raw")
    for i in range(1, count, 2):
        os.unlink(path / f"many{i}.raw")
    d.wait_until(lambda: [name for name in names(d, "default") if name not in before] == sorted(f"other{i}.raw" for i in range(0, count, 2)),
                 "all to be renamed or gone")
    for i in range(0, count, 2):
        os.unlink(path / f"other{i}.raw")
    d.wait_until(lambda: names(d, "default") == before, "all to be gone")


# -- a full disk ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny_disk(d):
    path = Path(d.root) / "small"
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "skep-test", path], check=True)
    try:
        d.do("POST", "/v1/pools", {"name": "small", "path": str(path)})
        yield path
        d.do("DELETE", "/v1/pools/small")
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a tmpfs")
def test_full_disk(d, tiny_disk):
    before = leftovers(tiny_disk)
    for preallocation in ("falloc", "full"):
        status, code, _ = d.fails("POST", "/v1/pools/small/volumes", {"name": "big", "capacity": "64M", "format": "raw", "preallocation": preallocation})
        assert (status, code) == (507, "no-space")
        assert leftovers(tiny_disk) == before and names(d, "small") == []
    create(d, "filled.raw", capacity="16M", format="raw")
    with open(f"{d.root}/p/filled.raw", "wb") as file:
        file.write(os.urandom(16 * MIB))
    d.do("POST", "/v1/pools/p/refresh")
    status, code, _ = d.fails("POST", "/v1/pools/p/volumes/filled.raw/clone", {"name": "copy.raw", "pool": "small"})
    assert (status, code) == (507, "no-space")
    assert leftovers(tiny_disk) == before
    status, code, _ = d.fails("POST", "/v1/domains", d.paused_domain("toobig", disks=[
        {"size": "1M", "pool": "small"}, {"size": "512G", "pool": "small"}, {"size": "512G", "pool": "small"}, {"size": "1P", "pool": "small"}]))
    assert d.fails("GET", "/v1/domains/toobig")[0] == 404
    assert leftovers(tiny_disk) == before, "what was made of a domain that could not be made is gone"
    d.wait_until(lambda: names(d, "small") == [], "the watch to have seen that")
    answer = put(d, "/v1/pools/small/volumes/told.raw/data", b"", length=64 * MIB).getresponse()
    assert answer.status == 507, answer.read()
    assert leftovers(tiny_disk) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a tmpfs")
def test_full_disk_in_the_middle_of_an_upload(d, tiny_disk):
    connection = UnixConnection(d.socket)
    connection.putrequest("PUT", "/v1/pools/small/volumes/chunked.raw/data")
    connection.putheader("Content-Type", "application/octet-stream")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    piece = os.urandom(65536)
    try:
        for _ in range(128):
            connection.send(b"10000\r\n" + piece + b"\r\n")
        connection.send(b"0\r\n\r\n")
    except OSError:
        pass        # the daemon may break off before all is sent
    try:
        answer = connection.getresponse()
        assert answer.status == 507, answer.read()
    except (http.client.HTTPException, OSError):
        pass
    assert names(d, "small") == []
    # What came is kept for a while, to be resumed; the disk can be freed by saying so.
    d.wait_until(lambda: d.request("GET", "/v1/pools/small").json["status"]["active"], "the pool")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a tmpfs")
def test_full_disk_below_everything():
    """The daemon's own directory is full, the database with it: every change says so, and works when there is room again."""
    with make_daemon() as d:
        lib = d.root / "lib"
        lib.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "skep-test", str(lib)], check=True)
        try:
            d.start()
            d.wait_until(lambda: d.get("/v1/pools/default")["status"]["active"], "the pool")
            there = d.paused_domain("there", disks=[{"size": "1M"}], cloud_init={"user": "a"})
            d.do("POST", "/v1/domains", there)
            before = leftovers(lib / "pools" / "default"), leftovers(lib / "seeds")
            with open(lib / "fill", "wb", buffering=0) as file, pytest.raises(OSError):
                while True:
                    file.write(bytes(4096))
            for method, path, body in (("POST", "/v1/domains", {**there, "name": "new"}), ("PATCH", "/v1/domains/there", {"title": "x"}),
                                       ("POST", "/v1/domains/there/disks", {"size": "1M"}), ("POST", "/v1/domains/there/start?paused=true", None),
                                       ("POST", "/v1/pools/default/volumes", {"name": "v", "capacity": "1M"}),
                                       ("DELETE", "/v1/domains/there?volumes=true", None)):
                assert d.fails(method, path, body)[:2] == (507, "no-space"), (method, path)
            d.wait_until(lambda: (leftovers(lib / "pools" / "default"), leftovers(lib / "seeds")) == before, "nothing to be left over")
            (lib / "fill").unlink()
            assert [item["name"] for item in d.items("/v1/domains")] == ["there"]
            d.do("POST", "/v1/domains", {**there, "name": "new"})
            for name in ("there", "new"):
                d.do("DELETE", f"/v1/domains/{name}?volumes=true")
            assert leftovers(lib / "pools" / "default") == leftovers(lib / "seeds") == []
        finally:
            d.stop()
            subprocess.run(["umount", "--lazy", str(lib)], check=True)


# -- by the command --------------------------------------------------------------------------------------------------------------


def test_by_the_command(d, tmp_path):
    d.skep("pool", "create", "cli", "--path", f"{d.root}/cli")
    d.skep("volume", "create", "cli/a.qcow2", "--size", "8M")
    d.skep("volume", "clone", "cli/a.qcow2", "b.qcow2", "--linked")
    refused = d.skep("volume", "delete", "cli/a.qcow2", "--yes", check=False)
    assert refused.returncode == 4 and "b.qcow2" in refused.stderr
    d.skep("volume", "resize", "cli/b.qcow2", "16M")
    source = tmp_path / "file.raw"
    source.write_bytes(os.urandom(MIB))
    d.skep("volume", "upload", "cli/c.raw", str(source))
    d.skep("volume", "download", "cli/c.raw", str(tmp_path / "back.raw"))
    assert (tmp_path / "back.raw").read_bytes() == source.read_bytes()
    assert d.skep("volume", "ls", "cli", "-o", "name").stdout.split() == ["a.qcow2", "b.qcow2", "c.raw"] \
        or d.skep("volume", "ls", "cli", "-o", "name").stdout.split() == ["cli/a.qcow2", "cli/b.qcow2", "cli/c.raw"]
    assert "16" in d.skep("volume", "show", "cli/b.qcow2").stdout
    d.skep("pool", "refresh", "cli")
    d.skep("volume", "delete", "cli/b.qcow2", "cli/a.qcow2", "--yes")
    assert d.skep("volume", "show", "cli/a.qcow2", check=False).returncode == 3
    d.skep("pool", "delete", "cli", "--yes")


def test_figures_of_a_volume_in_use(d):
    """What a guest writes closes no file, so nothing tells of it: it is looked at when it is shown."""
    create(d, "used.raw", capacity="8M", format="raw")
    create(d, "idle.raw", capacity="8M", format="raw")
    d.do("POST", "/v1/domains?start=true&paused=true", d.paused_domain("writes", disks=[{"pool": "p", "volume": "used.raw"}]))
    d.wait_state("writes", "paused")
    path = volume(d, "used.raw")["path"]
    fd = os.open(path, os.O_WRONLY)
    try:
        for size in (1, 2, 3):
            os.pwrite(fd, b"x" * MIB, (size - 1) * MIB)
            shown = volume(d, "used.raw") if size < 3 else [entry for entry in d.items("/v1/pools/p/volumes") if entry["name"] == "used.raw"][0]
            assert shown["allocation"] == os.stat(path).st_blocks * 512 >= size * MIB
            assert shown["used_by"] == ["writes"]
        assert d.request("GET", "/v1/pools/p/volumes/nothing.raw").status == 404
        assert volume(d, "used.raw")["capacity"] == 8 * MIB and volume(d, "idle.raw")["allocation"] == 0
    finally:
        os.close(fd)
    d.do("DELETE", "/v1/domains/writes?force=true&volumes=true")
    d.do("DELETE", "/v1/pools/p/volumes/idle.raw")
