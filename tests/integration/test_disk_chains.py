# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files of disks of domains that run, as XML says them: after a start, an overlay, a pull, a commit, a copy, a plug, and another daemon."""
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import make_daemon
from libvirt_client import valid, virsh
from test_block_jobs import image, make_chain, off, pool_dir, refused

pytestmark = pytest.mark.skipif(shutil.which("virsh") is None, reason="libvirt-clients is not installed")


def disk_of(d, name, target="vda"):
    text = virsh(d, "dumpxml", name)
    valid(text, "domain.rng")
    for disk in ElementTree.fromstring(text).iter("disk"):
        if disk.find("target").get("dev") == target:
            return disk


def chain(d, name, target="vda"):
    """Number and file of each, the disk's own first; nothing but an empty element below the last."""
    disk = disk_of(d, name, target)
    source = disk.find("source")
    found, below = [(source.get("index"), source.get("file"))], disk.find("backingStore")
    while below.find("source") is not None:
        assert below.get("type") == "file" and below.find("format").get("type") == "qcow2"
        found.append((below.get("index"), below.find("source").get("file")))
        below = below.find("backingStore")
    assert len(below) == 0 and below.attrib == {}
    return found


@pytest.fixture
def running(shared_daemon, request):
    d = shared_daemon
    name = f"k{abs(hash(request.node.name)) % 10 ** 8}"
    paths = make_chain(d, name)
    d.do("POST", "/v1/domains?start=true&paused=true", d.paused_domain(name, disks=[{"source": "file", "path": paths[-1], "format": "qcow2"}]))
    d.wait_state(name, "paused")
    yield name, paths
    d.request("DELETE", f"/v1/domains/{name}?force=true&metadata=true", headers={"Prefer": "wait=60"})
    for path in pool_dir(d).glob(f"{name}*"):
        path.unlink()


def test_numbers_stay(shared_daemon, running):
    d, (name, (low, middle, top)) = shared_daemon, running
    assert chain(d, name) == [("1", top), ("2", middle), ("3", low)]
    assert "backingStore" not in virsh(d, "dumpxml", "--inactive", name)
    virsh(d, "snapshot-create-as", name, "--no-metadata", "--disk-only", "--diskspec", f"vda,file={pool_dir(d)}/{name}-over.qcow2")
    over = f"{pool_dir(d)}/{name}-over.qcow2"
    assert chain(d, name) == [("4", over), ("1", top), ("2", middle), ("3", low)]
    assert "vda[9]" in refused(d, "blockcommit", name, "vda", "--top", "vda[9]", "--wait")
    virsh(d, "blockcommit", name, "vda", "--top", "vda[1]", "--base", "vda[2]", "--wait")
    assert chain(d, name) == [("4", over), ("2", middle), ("3", low)]
    virsh(d, "blockpull", name, "vda", "--base", "vda[3]", "--wait")
    assert chain(d, name) == [("4", over), ("3", low)]
    for path in middle, top:
        os.unlink(path)
    virsh(d, "blockcommit", name, "vda", "--active", "--pivot")
    assert chain(d, name) == [("3", low)]
    assert re.search(rf"file\s+disk\s+vda\s+{re.escape(low)}\n", virsh(d, "domblklist", "--details", name))
    assert re.search(r"Capacity:\s+8388608\n", virsh(d, "domblkinfo", name, "vda"))
    off(d, name)
    assert "backingStore" not in virsh(d, "dumpxml", name)


@pytest.mark.parametrize("job", ["copy", "active-commit"])
def test_mirror(shared_daemon, running, job):
    d, (name, paths) = shared_daemon, running
    to = paths[0] if job == "active-commit" else f"{pool_dir(d)}/{name}-copy.qcow2"
    if job == "copy":
        virsh(d, "blockcopy", name, "vda", "--dest", to, "--format", "qcow2", "--transient-job")
    else:
        virsh(d, "blockcommit", name, "vda", "--active")

    def mirror():
        return disk_of(d, name).find("mirror")
    d.wait_until(lambda: mirror() is not None and mirror().get("ready") == "yes", "the job to be ready")
    assert mirror().get("job") == job and mirror().get("type") == "file"
    assert mirror().find("source").get("file") == to and mirror().find("format").get("type") == "qcow2"
    virsh(d, "blockjob", name, "vda", "--pivot")
    assert mirror() is None
    assert chain(d, name) == [("4" if job == "copy" else "3", to)]


def test_plugged(shared_daemon, running):
    d, (name, paths) = shared_daemon, running
    other = image(pool_dir(d) / f"{name}-other.qcow2")
    virsh(d, "attach-disk", name, other, "vdb", "--subdriver", "qcow2", "--live")
    assert chain(d, name, "vdb") == [("1", other)] and len(chain(d, name)) == len(paths)


def test_another_daemon():
    with make_daemon() as d:
        d.start()
        paths = make_chain(d, "again")
        d.do("POST", "/v1/domains?start=true&paused=true", d.paused_domain("again", disks=[{"source": "file", "path": paths[-1], "format": "qcow2"}]))
        d.wait_state("again", "paused")
        over = f"{pool_dir(d)}/again-over.qcow2"
        virsh(d, "snapshot-create-as", "again", "--no-metadata", "--disk-only", "--diskspec", f"vda,file={over}")
        before = chain(d, "again")
        assert before[0] == ("4", over) and len(before) == 4
        d.restart()
        assert chain(d, "again") == before
