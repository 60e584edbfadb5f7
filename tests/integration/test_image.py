# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images: import from everywhere and of everything, upload, delete; what is refused leaves nothing."""
import base64
import functools
import gzip
import hashlib
import lzma
import os
import shutil
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from test_storage import leftovers, put

MIB = 1024 * 1024

SERVER = textwrap.dedent("""
    import http.server, os, sys
    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/half/"):          # promises all, sends half
                data = open("." + self.path[5:], "rb").read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[:len(data) // 2])
                self.wfile.flush()
                self.close_connection = True
            elif self.path.startswith("/slow/"):        # a little, and then nothing more
                self.send_response(200)
                self.send_header("Content-Length", str(1 << 30))
                self.end_headers()
                self.wfile.write(b"x" * 65536)
                self.wfile.flush()
                self.rfile.read()
            elif self.path.startswith("/to-file/"):
                self.send_response(302)
                self.send_header("Location", "file:///etc/shadow")
                self.end_headers()
            elif self.path.startswith("/round/"):
                self.send_response(302)
                self.send_header("Location", self.path)
                self.end_headers()
            else:
                super().do_GET()
        def log_message(self, *args):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
""")


def qemu_img(*argv):
    subprocess.run(["qemu-img", *argv], check=True, capture_output=True)


def write_dmg(path, data):
    """A DMG of one uncompressed chunk: the data, its map in a property list, the trailer."""
    sectors = len(data) // 512
    chunks = struct.pack(">IIQQQQ", 1, 0, 0, sectors, 0, len(data)) + struct.pack(">IIQQQQ", 0xffffffff, 0, sectors, 0, len(data), 0)
    table = struct.pack(">4sIQQ", b"mish", 1, 0, sectors).ljust(200, b"\0") + struct.pack(">I", 2) + chunks
    text = (b"<plist><dict><key>resource-fork</key><dict><key>blkx</key><array><dict><key>Data</key><data>" + base64.b64encode(table) +
            b"</data></dict></array></dict></dict></plist>")
    trailer = bytearray(512)
    struct.pack_into(">4sII", trailer, 0, b"koly", 4, 512)
    struct.pack_into(">QQ", trailer, 0x18, 0, len(data))
    struct.pack_into(">QQ", trailer, 0xd8, len(data), len(text))
    struct.pack_into(">Q", trailer, 0x1ec, sectors)
    path.write_bytes(data + text + trailer)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small disk with a partition table, and the same in every format."""
    folder = tmp_path_factory.mktemp("images")
    folder.chmod(0o755)
    raw = folder / "disk.raw"
    data = bytearray(os.urandom(64 * 1024) + bytes(8 * MIB - 64 * 1024))
    data[446:512] = bytes([0x80, 0, 2, 0, 0x83, 0, 2, 0, 1, 0, 0, 0, 0, 32, 0, 0]) + bytes(48) + b"\x55\xaa"
    raw.write_bytes(data)
    for kind, suffix in (("qcow2", "qcow2"), ("vmdk", "vmdk"), ("vdi", "vdi"), ("vpc", "vhd"), ("vhdx", "vhdx"), ("qed", "qed"), ("qcow", "qcow")):
        qemu_img("convert", "-f", "raw", "-O", kind, str(raw), str(folder / f"disk.{suffix}"))
    (folder / "disk.qcow2.gz").write_bytes(gzip.compress((folder / "disk.qcow2").read_bytes()))
    (folder / "disk.raw.xz").write_bytes(lzma.compress(raw.read_bytes()))
    subprocess.run(["zstd", "-q", str(folder / "disk.qcow2")], check=True)
    write_dmg(folder / "disk.dmg", bytes(data))
    for kind, file in (("gz", "disk.qcow2.gz"), ("xz", "disk.raw.xz"), ("zst", "disk.qcow2.zst")):
        whole = (folder / file).read_bytes()
        (folder / f"half.{kind}").write_bytes(whole[:len(whole) // 2])
    (folder / "text.txt").write_text("this is no disk image\n" * 100)
    return folder


@pytest.fixture(scope="module")
def d(shared_daemon):
    return shared_daemon


@pytest.fixture(scope="module")
def url(d, files):
    """An HTTP server where the daemon can see it."""
    server = subprocess.Popen(d.prefix() + [sys.executable, "-c", SERVER], cwd=files, stdout=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    server.kill()
    server.wait()


@pytest.fixture
def clean(d):
    """Nothing that a test did not finish may be left in the directory of images."""
    before = leftovers(f"{d.root}/lib/images")
    yield functools.partial(check_clean, d, before)


def check_clean(d, before):
    assert leftovers(f"{d.root}/lib/images") == before


def take(d, name, source, **more):
    return d.do("POST", "/v1/images", {"name": name, "url": str(source), **more})


def refuse(d, name, source, **more):
    return d.fails("POST", "/v1/images", {"name": name, "url": str(source), **more})


@pytest.mark.parametrize("file,original", [
    ("disk.raw", "raw"), ("disk.qcow2", "qcow2"), ("disk.vmdk", "vmdk"), ("disk.vdi", "vdi"), ("disk.vhd", "vpc"), ("disk.vhdx", "vhdx"),
    ("disk.qed", "qed"), ("disk.qcow", "qcow"), ("disk.dmg", "dmg"), ("disk.qcow2.gz", "qcow2.gz"), ("disk.raw.xz", "raw.xz"), ("disk.qcow2.zst", "qcow2.zst"),
])
def test_formats(d, files, file, original):
    name = f"of-{file}"
    digest = hashlib.sha256((files / file).read_bytes()).hexdigest()
    image = take(d, name, files / file, sha256=digest, os="debian-12")
    assert image["sha256"] == digest and image["os"] == "debian-12" and image["source"] == str(files / file)
    assert image["original_format"].split(".")[0] == original.split(".")[0]
    assert image["capacity"] >= 8 * MIB
    # vpc rounds its size up to whole cylinders
    compared = subprocess.run(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", image["path"], str(files / "disk.raw")], capture_output=True, text=True)
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert os.stat(image["path"]).st_mode & 0o222 == 0, "an image is read-only"
    d.do("DELETE", f"/v1/images/{name}")
    assert not os.path.exists(image["path"])


def test_urls(d, files, url):
    assert take(d, "by-file-url", f"file://{files}/disk.qcow2")["capacity"] == 8 * MIB
    image = take(d, "by-http", f"{url}/disk.vmdk")
    assert image["source"] == f"{url}/disk.vmdk" and image["original_format"] == "vmdk"
    assert refuse(d, "by-http", f"{url}/disk.vmdk")[:2] == (409, "exists")
    for name in ("by-file-url", "by-http"):
        d.do("DELETE", f"/v1/images/{name}")


@pytest.mark.parametrize("source,words", [
    ("{url}/nowhere.qcow2", "404"),
    ("{url}/half/disk.raw", ""),
    ("{url}/to-file/x", ""),
    ("{url}/round/x", ""),
    ("{url}/text.txt", "no disk image"),
    ("http://127.0.0.1:1/x.qcow2", "127.0.0.1"),
    ("ftp://127.0.0.1/x.qcow2", "URL"),
    ("/nowhere/at/all.qcow2", "/nowhere/at/all.qcow2"),
    ("/etc", "regular"),
    ("/dev/zero", "regular"),
    ("file:///../../etc/passwd", ""),
    ("relative.qcow2", "URL"),
    ("{files}/text.txt", "no disk image"),
    ("{files}/half.gz", "cut"),
    ("{files}/half.xz", "cut"),
    ("{files}/half.zst", "cut"),
])
def test_sources_refused(d, files, url, clean, source, words):
    status, code, message = refuse(d, "bad", source.format(url=url, files=files))
    assert code != "internal" and words in message, message
    assert d.fails("GET", "/v1/images/bad")[:2] == (404, "no-image")
    if "/half/" not in source:      # what came of a download is kept for the next try
        clean()


def test_half_download_says_so_and_goes_on(d, files, url):
    """The server stops half-way: an error; the same URL again is not taken for whole."""
    for _ in range(2):
        status, code, message = refuse(d, "half", f"{url}/half/disk.raw")
        assert code in ("io", "unreachable"), (code, message)
    assert d.fails("GET", "/v1/images/half")[0] == 404


def test_wrong_sha256(d, files, url, clean):
    wrong = "0" * 64
    for source in (files / "disk.qcow2", f"{url}/disk.qcow2"):
        status, code, message = refuse(d, "sha", source, sha256=wrong)
        assert (status, code) == (400, "invalid") and wrong in message
        assert hashlib.sha256((files / "disk.qcow2").read_bytes()).hexdigest() in message
    assert refuse(d, "sha", files / "disk.qcow2", sha256="xyz")[0] == 400
    clean()


def make_evil(folder):
    """Images that would read files of the host."""
    qemu_img("create", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", str(folder / "backed.qcow2"), "1M")
    qemu_img("create", "-u", "-f", "qed", "-F", "raw", "-b", "/etc/shadow", str(folder / "backed.qed"), "1M")
    (folder / "extent.vmdk").write_text(
        "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
        "RW 2 FLAT \"/etc/shadow\" 0\nddb.adapterType = \"ide\"\n")
    qemu_img("create", "-f", "raw", str(folder / "data.raw"), "1M")
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={folder}/data.raw,data_file_raw=on", str(folder / "data.qcow2"), "1M")
    (folder / "backed.qcow2.gz").write_bytes(gzip.compress((folder / "backed.qcow2").read_bytes()))
    (folder / "json.raw").write_bytes(b'json:{"driver":"raw","file.filename":"/etc/shadow"}' + bytes(4096))
    (folder / "cut.qcow2").write_bytes(b"QFI\xfb\0\0\0\x03" + b"\xff" * 4096)
    (folder / "empty.qcow2").touch()
    (folder / "link.qcow2").symlink_to("/etc/shadow")
    return ["backed.qcow2", "backed.qed", "extent.vmdk", "data.qcow2", "backed.qcow2.gz", "json.raw", "cut.qcow2", "empty.qcow2", "link.qcow2"]


def test_evil_images(d, tmp_path, clean):
    tmp_path.chmod(0o755)
    for file in make_evil(tmp_path):
        made = d.request("POST", "/v1/images", {"name": "evil", "url": str(tmp_path / file)}, {"Prefer": "wait=60"})
        assert 400 <= made.status < 500, f"{file}: {made.status} {made.body[:300]!r}"
        assert d.fails("GET", "/v1/images/evil")[0] == 404
        if file.startswith("backed.qcow2"):
            assert "/etc/shadow" in made.error[1]
        answer = put(d, "/v1/images/evil/data", (tmp_path / file).read_bytes() if file != "link.qcow2" else b"").getresponse()
        body = answer.read()
        assert 400 <= answer.status < 500, f"upload of {file}: {answer.status} {body[:300]!r}"
    clean()


def test_bomb(d, tmp_path, clean):
    """Zeros without end, packed small: full disks are refused, and nothing stays."""
    images = f"{d.root}/lib/images"
    bomb = tmp_path / "bomb.raw.gz"
    tmp_path.chmod(0o755)
    with gzip.open(bomb, "wb", compresslevel=1) as out:
        out.write(bytes(446) + bytes([0x80, 0, 2, 0, 0x83, 0, 2, 0, 1, 0, 0, 0, 0, 32, 0, 0]) + bytes(48) + b"\x55\xaa")
        for _ in range(24):
            out.write(os.urandom(MIB))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "skep-test", images], check=True)
    try:
        status, code, _ = refuse(d, "bomb", bomb)
        assert (status, code) == (507, "no-space")
        assert leftovers(images) in ([], [".lock"])
    finally:
        subprocess.run(["umount", "--lazy", images], check=True)
    clean()


def test_cancel_leaves_nothing(d, url, clean):
    started = d.request("POST", "/v1/images", {"name": "slow", "url": f"{url}/slow/x.raw"})
    assert started.status == 202
    job = started.headers["Location"]
    d.wait_until(lambda: d.get(job).get("bytes_done", 0) > 0, "the first bytes")
    assert d.get(job)["state"] == "running" and d.get(job)["cancellable"]
    assert d.request("POST", job + "/cancel").status == 200
    ended = d.get(job + "?wait=60")
    assert ended["state"] == "cancelled" and ended["error"] == "cancelled"
    assert d.request("POST", job + "/cancel").status == 409
    clean()
    assert d.fails("GET", "/v1/images/slow")[0] == 404


def test_upload(d, files):
    data = (files / "disk.vhdx").read_bytes()
    answer = put(d, "/v1/images/sent/data", data).getresponse()
    body = answer.read()
    assert answer.status == 200, body
    assert d.get("/v1/images/sent")["original_format"] == "vhdx"
    assert put(d, "/v1/images/sent/data", data).getresponse().status == 409
    d.do("DELETE", "/v1/images/sent")


def test_delete_refused_while_used(d, files):
    take(d, "base", files / "disk.qcow2")
    d.do("POST", "/v1/domains", d.paused_domain("over", disks=[{"image": "base", "size": "16M"}]))
    assert d.get("/v1/images/base")["users"] == 1
    status, code, message = d.fails("DELETE", "/v1/images/base")
    assert (status, code) == (409, "in-use") and "over" in message
    disk = d.get("/v1/domains/over")["spec"]["disks"][0]
    volume = d.get(f"/v1/pools/{disk['pool']}/volumes/{disk['volume']}")
    assert volume["capacity"] == 16 * MIB and volume["backing_path"] == d.get("/v1/images/base")["path"]

    small = d.paused_domain("small", disks=[{"image": "base", "size": "1M"}])
    status, code, message = d.fails("POST", "/v1/domains", small)
    assert status == 400 and ("8388608" in message or "8 MiB" in message or "8M" in message), message
    assert d.fails("GET", "/v1/domains/small")[0] == 404
    assert d.fails("POST", "/v1/domains", d.paused_domain("small", disks=[{"image": "nowhere"}]))[:2] == (404, "no-image")

    d.do("POST", "/v1/domains/over/start?paused=true")
    assert d.fails("DELETE", "/v1/images/base")[1] == "in-use"
    d.do("DELETE", "/v1/domains/over?force=true&volumes=true")
    d.do("DELETE", "/v1/images/base")
    assert d.fails("DELETE", "/v1/images/base")[:2] == (404, "no-image")


@pytest.mark.parametrize("disk,status,words", [
    ({"image": "planned", "size": "1M"}, 400, "8388608"),
    ({"image": "planned", "format": "raw"}, 400, "must be qcow2"),
    ({"image": "planned", "format": "raw", "size": "16M"}, 400, "must be qcow2"),
    ({"image": "nowhere"}, 404, "nowhere"),
    ({}, 400, "image or size"),
    ({"size": "1M", "pool": "nowhere"}, 404, "nowhere"),
    ({"size": 1500000}, 400, "512"),
    ({"size": "1M", "target": "vdq"}, 409, "-vdq.qcow2"),
    ({"size": "1M", "volume": "planned-vdq.qcow2"}, 400, "for new volumes"),
    ({"size": "1M", "source": "file", "path": "/etc/hostname", "format": "raw"}, 400, "for new volumes"),
    ({"image": "planned", "source": "file", "path": "/etc/hostname", "format": "raw"}, 400, "for new volumes"),
    ({"size": "1M", "device": "cdrom"}, 400, "for new volumes"),
])
def test_new_disks_refused(d, files, disk, status, words):
    """What the creation of a domain refuses of a new volume, an attachment does too, and with the same words."""
    if "planned" not in [item["name"] for item in d.items("/v1/images")]:
        take(d, "planned", files / "disk.qcow2")
        d.do("POST", "/v1/domains", d.paused_domain("planner"))
        for domain in ("planned", "planner"):
            d.do("POST", "/v1/pools/default/volumes", {"name": f"{domain}-vdq.qcow2", "capacity": "1M"})
    before = leftovers(f"{d.root}/lib/pools/default")
    made = d.fails("POST", "/v1/domains", d.paused_domain("planned", disks=[disk]))
    attached = d.fails("POST", "/v1/domains/planner/disks", disk)
    for answer in (made, attached):
        assert answer[0] == status and words in answer[2].replace("8M", "8388608").replace("8 MiB", "8388608"), answer
    assert attached[1:] == (made[1], made[2].replace("planned-", "planner-"))
    assert leftovers(f"{d.root}/lib/pools/default") == before
    assert d.get("/v1/domains/planner")["spec"].get("disks", []) == []


def test_images_survive_a_restart(d, files):
    kept = take(d, "kept", files / "disk.qcow2", os="debian-12", default_user="debian")
    d.restart()
    assert d.get("/v1/images/kept") == kept
    d.do("DELETE", "/v1/images/kept")


def test_by_the_command(d, files):
    shutil.copy(files / "disk.qcow2", d.root / "my.qcow2")
    done = d.skep("image", "import", "./my.qcow2", "--name", "cli-image", cwd=d.root)
    assert done.returncode == 0
    assert "cli-image" in d.skep("image", "ls").stdout
    assert "cli-image" in d.skep("image", "ls", "-o", "name").stdout.split()
    assert "8" in d.skep("image", "show", "cli-image").stdout
    d.skep("image", "import", "./my.qcow2", "--name", "cli-sent", "--upload", cwd=d.root)
    again = d.skep("image", "import", "./my.qcow2", "--name", "cli-image", cwd=d.root, check=False)
    assert again.returncode == 4 and "cli-image" in again.stderr
    assert d.skep("image", "import", "./none.qcow2", cwd=d.root, check=False).returncode in (2, 3)
    bad = d.skep("image", "import", "./my.qcow2", "--name", "x", "--sha256", "0" * 64, cwd=d.root, check=False)
    assert bad.returncode == 2 and "SHA-256" in bad.stderr
    assert d.skep("image", "delete", "cli-image", check=False).returncode in (0, 2), "no question without a terminal"
    d.skep("image", "delete", "cli-sent", "--yes")
    assert d.skep("image", "show", "cli-sent", check=False).returncode == 3
