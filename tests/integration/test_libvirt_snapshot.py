# SPDX-License-Identifier: LGPL-2.1-or-later
"""virsh and snapshots."""
import re
import shutil

import pytest

from libvirt_client import valid, virsh
from test_snapshot import clean, guest, holds, off, remembers, say, states, write  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(shutil.which("virsh") is None, reason="libvirt-clients is not installed")


def names(listing):
    return [line.split()[0] for line in listing.splitlines()[2:] if line.strip()]


def test_common_path_of_a_guest_that_runs(shared_daemon, guest):
    d, (name, path) = shared_daemon, guest
    made = re.search(r"Domain snapshot (\d+) created", virsh(d, "snapshot-create", name)).group(1)
    assert names(virsh(d, "snapshot-list", name)) == [made] and "running" in virsh(d, "snapshot-list", name)
    info = virsh(d, "snapshot-info", name, "--current")
    assert re.search(rf"Name: +{made}", info) and re.search("Current: +yes", info) and re.search("Location: +internal", info)
    xml = virsh(d, "snapshot-dumpxml", name, made)
    valid(xml, "domainsnapshot.rng")
    assert "<memory snapshot='internal'/>" in xml.replace('"', "'") and xml == virsh(d, "snapshot-dumpxml", name, made)
    say(d, name, "WORD=other; echo chang'e'd", "changed")
    virsh(d, "snapshot-revert", name, "--current")
    assert virsh(d, "domstate", name).strip() == "running"
    remembers(d, name, "hive")
    virsh(d, "snapshot-revert", name, made, "--paused")
    assert virsh(d, "domstate", name).strip() == "paused"
    virsh(d, "snapshot-delete", name, "--current")
    assert names(virsh(d, "snapshot-list", name)) == [] and states(path) == []
    assert virsh(d, "snapshot-current", name, check=False).returncode != 0


def test_tree_of_one_that_is_off(shared_daemon, off):
    d, (name, paths) = shared_daemon, off
    write(paths[0], 1)
    virsh(d, "snapshot-create-as", name, "one", "the first one")
    write(paths[0], 2)
    virsh(d, "snapshot-create-as", name, "two")
    virsh(d, "snapshot-revert", name, "one")
    virsh(d, "snapshot-create-as", name, "three", "--diskspec", "vdb,snapshot=no")
    tree = [line for line in virsh(d, "snapshot-list", name, "--tree").splitlines() if line.strip()]
    assert tree[0] == "one" and {line.strip() for line in tree[1:]} >= {"+- two", "+- three"}
    assert virsh(d, "snapshot-parent", name, "three").strip() == "one"
    assert virsh(d, "snapshot-parent", name, "one", check=False).returncode != 0
    assert re.search(r"^ *two +.*\bone *$", virsh(d, "snapshot-list", name, "--parent"), re.M)
    assert names(virsh(d, "snapshot-list", name, "--roots")) == ["one"]
    assert sorted(names(virsh(d, "snapshot-list", name, "--leaves"))) == ["three", "two"]
    assert sorted(names(virsh(d, "snapshot-list", name, "--from", "one"))) == ["three", "two"]
    assert names(virsh(d, "snapshot-list", name, "--active")) == [] and names(virsh(d, "snapshot-list", name, "--external")) == []
    assert sorted(virsh(d, "snapshot-list", name, "--name").split()) == ["one", "three", "two"]
    assert virsh(d, "snapshot-current", name, "--name").strip() == "three"
    assert "the first one" in virsh(d, "snapshot-dumpxml", name, "one")
    assert states(paths[1]) == ["one", "two"]
    valid(virsh(d, "snapshot-dumpxml", name, "three"), "domainsnapshot.rng")
    assert name in virsh(d, "list", "--all", "--with-snapshot") and name not in virsh(d, "list", "--all", "--without-snapshot")
    virsh(d, "snapshot-delete", name, "one", "--children-only")
    assert virsh(d, "snapshot-list", name, "--name").split() == ["one"]
    virsh(d, "snapshot-delete", name, "one")
    for path in paths:
        assert states(path) == []
        clean(path)


def test_redefine_and_edit(shared_daemon, off, tmp_path):
    d, (name, paths) = shared_daemon, off
    write(paths[0], 1)
    virsh(d, "snapshot-create-as", name, "a")
    virsh(d, "snapshot-create-as", name, "b")
    write(paths[0], 2)
    kept = {snapshot: virsh(d, "snapshot-dumpxml", name, snapshot, "--security-info") for snapshot in "ab"}
    for snapshot in "ba":
        virsh(d, "snapshot-delete", name, snapshot, "--metadata")
    assert states(paths[0]) == ["a", "b"] and names(virsh(d, "snapshot-list", name)) == []
    for snapshot, more in (("a", []), ("b", ["--current"])):
        (tmp_path / "x.xml").write_text(kept[snapshot])
        virsh(d, "snapshot-create", name, str(tmp_path / "x.xml"), "--redefine", *more)
    assert virsh(d, "snapshot-current", name, "--name").strip() == "b"
    assert {snapshot: virsh(d, "snapshot-dumpxml", name, snapshot, "--security-info") for snapshot in "ab"} == kept
    virsh(d, "snapshot-current", name, "a")
    assert virsh(d, "snapshot-current", name, "--name").strip() == "a"
    virsh(d, "snapshot-revert", name, "b")
    assert holds(paths[0], 1)
    assert virsh(d, "undefine", name, check=False).returncode != 0
    virsh(d, "undefine", name, "--snapshots-metadata")
    assert states(paths[0]) == ["a", "b"]


def test_refused(shared_daemon, off, tmp_path):
    d, (name, _) = shared_daemon, off
    virsh(d, "snapshot-create-as", name, "a")
    for argv, words in ((("snapshot-create-as", name, "a"), "already"), (("snapshot-info", name, "none"), "none"),
                        (("snapshot-create-as", name, "b", "--diskspec", "vdz,snapshot=no"), "vdz"),
                        (("snapshot-create-as", name, "b", "--quiesce", "--disk-only"), "")):
        done = virsh(d, *argv, check=False)
        assert done.returncode != 0 and words in done.stderr, (argv, done.stderr)
    (tmp_path / "x.xml").write_text("<domainsnapshot><name>c</name><mystery/></domainsnapshot>")
    done = virsh(d, "snapshot-create", name, str(tmp_path / "x.xml"), check=False)
    assert done.returncode != 0 and "mystery" in done.stderr
    done = virsh(d, "snapshot-create", name, read_only=True, check=False)
    assert done.returncode != 0
    assert names(virsh(d, "snapshot-list", name, read_only=True)) == ["a"]
