# SPDX-License-Identifier: LGPL-2.1-or-later
"""Encrypted volumes and disks: secrets, stock virsh, real qemu-img, a guest that reads and writes its disk."""
import json
import os
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import make_daemon
from libvirt_client import valid, virsh
from streams import Console

MIB = 1024 * 1024
SECRET = "5a17{:04x}-11d2-4b7e-9d55-3f6a9a8b0e1c"
PHRASE = "open sesame, it's \"me\"\n"
READY = "skep-tiny ready"
KINDS = pytest.mark.parametrize("kind", ["qcow2", "raw"])


def fed(daemon, *argv, input, **options):
    """virsh with a text in a file in the place of "-"."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(input)
        file.flush()
        return virsh(daemon, *[file.name if word == "-" else word for word in argv], **options)


def secret_of(daemon, number, phrase=PHRASE, usage=None, value=True):
    """A secret of usage volume as virsh makes it; gives its UUID."""
    uuid = SECRET.format(number)
    usage = usage or f"/none/{number}"
    text = f"<secret ephemeral='no' private='yes'><uuid>{uuid}</uuid><usage type='volume'><volume>{usage}</volume></usage></secret>"
    fed(daemon, "secret-define", "-", input=text)
    if value:
        fed(daemon, "secret-set-value", uuid, "--file", "-", "--plain", input=phrase)
    return uuid


@pytest.fixture(scope="module")
def shared_daemon():
    """One whose passphrases are as quick to try as a test needs them to be."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon(env={"SKEP_LUKS_TIME": "10"}) as running:
        running.start()
        yield running


@pytest.fixture
def place(shared_daemon, tmp_path):
    """An active pool of its own, and the secrets of the test gone afterwards."""
    name = tmp_path.name.replace("[", "-").replace("]", "")
    path = tmp_path / "pool"
    virsh(shared_daemon, "pool-create-as", name, "dir", "--target", str(path), "--build")
    yield name, path
    virsh(shared_daemon, "pool-destroy", name)
    for uuid in virsh(shared_daemon, "secret-list").split():
        if uuid.startswith("5a17"):
            virsh(shared_daemon, "secret-undefine", uuid)


def volume_xml(name, kind, uuid, more="", capacity=8 * MIB):
    return f"<volume><name>{name}</name><capacity>{capacity}</capacity><allocation>0</allocation><target><format type='{kind}'/>" \
           f"<encryption format='luks'><secret type='passphrase' uuid='{uuid}'/>{more}</encryption></target></volume>"


def create(daemon, pool, text):
    fed(daemon, "vol-create", pool, "-", input=text)


def opens(path, kind, phrase=PHRASE, size=8 * MIB):
    """Stock qemu-io reads its last sector with the passphrase."""
    key = "secret,id=k,data=" + phrase.replace(",", ",,")
    image = {"driver": "qcow2", "encrypt": {"format": "luks", "key-secret": "k"}} if kind == "qcow2" else {"driver": "luks", "key-secret": "k"}
    image["file"] = {"driver": "file", "filename": str(path)}
    said = subprocess.run(["qemu-io", "--object", key, "-c", f"read {size - 512} 512", "-c", f"read {size} 512", "json:" + json.dumps(image)],
                          capture_output=True, text=True, check=False)
    text = said.stdout + said.stderr
    assert ("Invalid password" in text) != (f"read 512/512 bytes at offset {size - 512}" in text), text
    assert f"at offset {size}\n" not in text
    return "Invalid password" not in text


@KINDS
def test_volume(shared_daemon, place, kind):
    """Made, shown, made larger, copied with its secret and with another one; opened by nobody without it."""
    pool, path = place
    first, second = secret_of(shared_daemon, 1), secret_of(shared_daemon, 2, "another one")
    cipher = "<cipher name='aes' size='128' mode='xts' hash='sha256'/><ivgen name='plain64'/>"
    create(shared_daemon, pool, volume_xml("v", kind, first, cipher))
    text = valid(virsh(shared_daemon, "vol-dumpxml", "v", pool), "storagevol.rng")
    tree = ElementTree.fromstring(text)
    assert tree.find("target/encryption").get("format") == "luks" and tree.find("target/encryption/secret").get("uuid") == first
    assert tree.find("target/format").get("type") == kind and int(tree.findtext("capacity")) == 8 * MIB
    told = subprocess.run(["qemu-img", "info", "--output=json", path / "v"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "aes-128" in told
    assert opens(path / "v", kind) and not opens(path / "v", kind, phrase="wrong")

    virsh(shared_daemon, "vol-resize", "v", "16MiB", pool)
    virsh(shared_daemon, "vol-clone", "v", "same", pool)
    assert opens(path / "same", kind, size=16 * MIB)
    fed(shared_daemon, "vol-create-from", pool, "-", "v", "--inputpool", pool, input=volume_xml("other", kind, second, capacity=16 * MIB))
    assert opens(path / "other", kind, phrase="another one", size=16 * MIB)
    seen = {v["name"]: v for v in shared_daemon.items(f"/v1/pools/{pool}/volumes")}
    assert seen["other"]["encryption"]["secret"] == second and seen["same"]["encryption"]["secret"] == first
    assert seen["same"]["capacity"] == 16 * MIB


def test_what_is_refused(shared_daemon, place):
    """By name, with nothing left behind."""
    pool, path = place
    empty = secret_of(shared_daemon, 3, value=False)
    for uuid, word in ((empty, "has no value"), (SECRET.format(99), "no secret")):
        failed = fed(shared_daemon, "vol-create", pool, "-", input=volume_xml("v", "qcow2", uuid), check=False)
        assert failed.returncode != 0 and word in failed.stderr and '"v"' in failed.stderr, failed.stderr
    for old, word in (("format='luks'", "format='qcow'"),):
        failed = fed(shared_daemon, "vol-create", pool, "-", input=volume_xml("v", "qcow2", empty).replace(old, word), check=False)
        assert "give luks" in failed.stderr
    assert list(path.iterdir()) == []
    good = secret_of(shared_daemon, 4)
    create(shared_daemon, pool, volume_xml("v", "qcow2", good))
    failed = virsh(shared_daemon, "vol-create-as", pool, "over", "8M", "--format", "qcow2", "--backing-vol", "v", "--backing-vol-format", "qcow2",
                   check=False)
    assert failed.returncode != 0 and "is encrypted" in failed.stderr
    assert not (path / "over").exists()


def domain_xml(tiny, name, path, kind, uuid, target="vda"):
    kernel, initrd = tiny
    return f"""<domain type='qemu'><name>{name}</name><memory unit='MiB'>96</memory><vcpu>1</vcpu>
      <os><type arch='x86_64' machine='q35'>hvm</type><kernel>{kernel}</kernel><initrd>{initrd}</initrd><cmdline>console=ttyS0</cmdline></os>
      <features><acpi/></features><devices>{disk_xml(path, kind, uuid, target)}<serial type='pty'/></devices></domain>"""


def disk_xml(path, kind, uuid, target):
    encryption = f"<encryption format='luks'><secret type='passphrase' uuid='{uuid}'/></encryption>" if uuid else ""
    return f"<disk type='file' device='disk'><driver name='qemu' type='{kind}'/><source file='{path}'>{encryption}</source>" \
           f"<target dev='{target}' bus='virtio'/></disk>"


@pytest.fixture
def domain(shared_daemon, tmp_path):
    name = "e" + str(abs(hash(str(tmp_path))) % 10 ** 8)
    yield name
    shared_daemon.request("DELETE", f"/v1/domains/{name}?force=true", headers={"Prefer": "wait=60"})


def say(daemon, name, words, answer):
    with Console(daemon, name, take_over=True) as console:
        console.forget()
        console.write(words + "\n")
        console.wait(answer)


def start(daemon, name):
    before = daemon.console_text(name).count(READY)
    virsh(daemon, "start", name)
    daemon.wait_until(lambda: daemon.console_text(name).count(READY) > before, "the guest to be there", pause=0.1)


READ = "echo read \"<$(dd if=/dev/{} bs=512 count=1 2>/dev/null | tr -d '\\0')>\""
WRITE = "printf {} | dd of=/dev/{} bs=512 conv=sync,fsync 2>/dev/null && echo writ''ten"


@KINDS
def test_a_guest_and_its_disk(shared_daemon, place, tiny, domain, kind):
    """What the guest writes is on the disk for the secret alone; the passphrase is in no argument and in no log."""
    d = shared_daemon
    pool, path = place
    uuid = secret_of(d, 5)
    create(d, pool, volume_xml("v", kind, uuid))
    virsh(d, "vol-clone", "v", "w", pool)
    fed(d, "define", "-", input=domain_xml(tiny, domain, path / "v", kind, uuid))
    shown = ElementTree.fromstring(valid(virsh(d, "dumpxml", domain), "domain.rng"))
    assert shown.find("devices/disk/source/encryption/secret").get("uuid") == uuid
    start(d, domain)
    say(d, domain, WRITE.format("plainword", "vda"), "written")
    fed(d, "attach-device", domain, "-", input=disk_xml(path / "w", kind, uuid, "vdb"))
    say(d, domain, "until [ -b /dev/vdb ]; do sleep 0.1; done; " + WRITE.format("second", "vdb"), "written")
    said = b"".join(open(f"/proc/{pid}/cmdline", "rb").read() for pid in d.qemu_pids())
    assert b"vda-secret" in said and b"sesame" not in said
    virsh(d, "detach-disk", domain, "vdb")
    fed(d, "attach-device", domain, "-", input=disk_xml(path / "w", kind, uuid, "vdb"))
    say(d, domain, "until [ -b /dev/vdb ]; do sleep 0.1; done; " + READ.format("vdb"), "read <second>")
    failed = virsh(d, "snapshot-create", domain, check=False)
    assert failed.returncode != 0 and "is encrypted" in failed.stderr
    for words in (("backup-begin", domain), ("blockcopy", domain, "vda", str(path / "clear"), "--wait"), ("blockpull", domain, "vda", "--wait")):
        failed = virsh(d, *words, check=False)
        assert failed.returncode != 0 and "is encrypted" in failed.stderr, (words, failed.stderr)
    assert sorted(p.name for p in path.iterdir()) == ["v", "w"]
    virsh(d, "destroy", domain)
    assert b"plainword" not in (path / "v").read_bytes() and b"second" not in (path / "w").read_bytes()
    assert b"sesame" not in d.log()


def test_wrong_and_missing_secrets(shared_daemon, place, tiny, domain):
    """A start and an attachment say which disk it is, and leave nothing running."""
    d = shared_daemon
    pool, path = place
    uuid, empty = secret_of(d, 6), secret_of(d, 7, value=False)
    create(d, pool, volume_xml("v", "qcow2", uuid))
    virsh(d, "vol-create-as", pool, "plain", "8M", "--format", "qcow2")

    def fails(file, secret, word):
        fed(d, "define", "-", input=domain_xml(tiny, domain, path / file, "qcow2", secret))
        failed = virsh(d, "start", domain, check=False)
        assert failed.returncode != 0 and word in failed.stderr and ("vda" in failed.stderr or file in failed.stderr), failed.stderr
        assert d.state(domain) == "shut off" and d.qemu_pids() == []
        virsh(d, "undefine", domain)

    fails("v", empty, "has no value")
    fails("v", SECRET.format(77), "there is no secret")
    fails("plain", uuid, "is not encrypted")
    fed(d, "secret-set-value", empty, "--file", "-", "--plain", input="another")
    fails("v", empty, "is not the one")
    # Its own secret is found by the volume, and by whoever names the pool's volume.
    d.do("POST", "/v1/domains?start=true", d.tiny_domain(domain, tiny, disks=[{"source": "volume", "pool": pool, "volume": "v"}]))
    assert d.get(f"/v1/domains/{domain}")["spec"]["disks"][0]["encryption"] == {"secret": uuid}


def test_a_disk_made_with_its_domain(shared_daemon, place, domain):
    """skep create with a size and a secret; the secret of the volume's path is found without being named."""
    d = shared_daemon
    pool, path = place
    uuid = secret_of(d, 8, usage=str(path / f"{domain}-vda.qcow2"))
    disk = {"pool": pool, "size": "8M", "encryption": {}}
    d.do("POST", "/v1/domains", d.paused_domain(domain, disks=[disk]))
    assert opens(path / f"{domain}-vda.qcow2", "qcow2")
    assert d.get(f"/v1/domains/{domain}")["spec"]["disks"][0]["encryption"] == {"secret": uuid}
    virsh(d, "start", domain, "--paused")
    virsh(d, "destroy", domain)
