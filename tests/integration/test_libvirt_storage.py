# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pools, volumes and secrets through libvirt's front door: stock virsh, python3-libvirt, virt-install, virt-clone."""
import os
import shutil
import subprocess
import threading
import xml.etree.ElementTree as ElementTree

import pytest

from libvirt_client import environment, uri, valid, virsh
from skep import DEADLINE

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")

MIB = 1024 * 1024

needs_virtinst = pytest.mark.skipif(shutil.which("virt-install") is None or shutil.which("virt-clone") is None,
                                    reason="needs virt-install and virt-clone (virtinst)")


@pytest.fixture
def connection(shared_daemon):
    opened = libvirt.open(uri(shared_daemon))
    yield opened
    opened.close()


@pytest.fixture
def pool(connection, tmp_path):
    """An active pool in a directory of its own, removed with all that is in it."""
    path = tmp_path / "pool"
    path.mkdir()
    made = connection.storagePoolDefineXML(f"<pool type='dir'><name>{tmp_path.name}</name><target><path>{path}</path></target></pool>")
    made.create()
    yield made
    if made.isActive():
        made.destroy()
    made.undefine()


def path_of(pool):
    return ElementTree.fromstring(pool.XMLDesc()).findtext("target/path")


def volume_xml(name, capacity=4 * MIB, kind="raw", more="", allocation=0):
    return f"<volume><name>{name}</name><capacity>{capacity}</capacity><allocation>{allocation}</allocation>" \
           f"<target><format type='{kind}'/></target>{more}</volume>"


def code_of(call, *args):
    with pytest.raises(libvirt.libvirtError) as raised:
        call(*args)
    return raised.value.get_error_code()


def upload(connection, volume, data, offset=0, length=0):
    stream = connection.newStream()
    volume.upload(stream, offset, length)
    stream.sendAll(lambda _, size, at: data[at[0]:(at.__setitem__(0, at[0] + size) or at[0])], [0])
    stream.finish()


def download(connection, volume, offset=0, length=0):
    stream = connection.newStream()
    parts = []
    volume.download(stream, offset, length)
    stream.recvAll(lambda _, data, __: parts.append(data), None)
    stream.finish()
    return b"".join(parts)


# -- pools -----------------------------------------------------------------------------------------------


def test_life_of_a_pool(shared_daemon, tmp_path):
    """Each step as a person takes it with virsh."""
    place = tmp_path / "life"

    def v(*argv):
        return virsh(shared_daemon, *argv)

    assert "Pool life defined" in v("pool-define-as", "life", "dir", "--target", str(place))
    assert not place.exists()
    failed = virsh(shared_daemon, "pool-start", "life", check=False)
    assert failed.returncode != 0 and "No such file" in failed.stderr
    v("pool-build", "life")
    v("pool-start", "life")
    assert "running" in v("pool-info", "life") and "Autostart:      no" in v("pool-info", "life")
    v("pool-autostart", "life")
    assert "yes" in v("pool-list", "--all", "--autostart")
    v("pool-autostart", "life", "--disable")
    uuid = v("pool-uuid", "life").strip()
    assert v("pool-name", uuid).strip() == "life"
    failed = virsh(shared_daemon, "pool-undefine", "life", check=False)
    assert "storage pool 'life' is still active" in failed.stderr
    v("pool-refresh", "life")
    v("pool-destroy", "life")
    v("pool-delete", "life")
    assert not place.exists()
    v("pool-start", "life", "--build")
    assert place.is_dir()
    v("pool-destroy", "life")
    v("pool-undefine", "life")
    assert "life" not in v("pool-list", "--all", "--name")


def test_transient_pool(shared_daemon, connection, tmp_path):
    text = f"<pool type='dir'><name>passing</name><target><path>{tmp_path}</path></target></pool>"
    pool = connection.storagePoolCreateXML(text)
    assert pool.isActive() and not pool.isPersistent()
    assert [p.name() for p in connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_TRANSIENT)] == ["passing"]
    assert code_of(pool.setAutostart, 1) == libvirt.VIR_ERR_OPERATION_INVALID
    pool.destroy()
    assert code_of(connection.storagePoolLookupByName, "passing") == libvirt.VIR_ERR_NO_STORAGE_POOL


def test_uuid_and_redefinition(shared_daemon, connection, tmp_path):
    """A pool's UUID is the client's, and stays; a definition over it keeps what XML has no place for."""
    uuid = "4a7c2e90-11d2-4b7e-9d55-3f6a9a8b0001"
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    text = f"<pool type='dir'><name>lasting</name><uuid>{uuid}</uuid><target><path>{{}}</path></target></pool>"
    pool = connection.storagePoolDefineXML(text.format(one))
    pool.setAutostart(1)
    assert connection.storagePoolDefineXML(text.format(other)).UUIDString() == uuid
    assert pool.autostart() == 1 and path_of(pool) == str(other)
    pool.create()
    assert code_of(connection.storagePoolDefineXML, text.format(one)) == libvirt.VIR_ERR_OPERATION_INVALID
    assert connection.storagePoolLookupByUUIDString(uuid).name() == "lasting"
    assert connection.storagePoolLookupByTargetPath(str(other)).name() == "lasting"
    other_name = text.format(one).replace("lasting", "another")
    assert code_of(connection.storagePoolDefineXML, other_name) == libvirt.VIR_ERR_OPERATION_FAILED
    pool.destroy()
    pool.undefine()


def test_two_pools_on_one_path(connection, pool, tmp_path):
    text = "<pool type='dir'><name>twin</name><target><path>{}</path></target></pool>"
    assert code_of(connection.storagePoolDefineXML, text.format(path_of(pool))) == libvirt.VIR_ERR_OPERATION_FAILED
    link = tmp_path / "link"
    link.symlink_to(path_of(pool))
    twin = connection.storagePoolDefineXML(text.format(link))
    assert code_of(twin.create) == libvirt.VIR_ERR_OPERATION_FAILED
    twin.undefine()


@pytest.mark.parametrize("path", ["/", "/etc", "/etc/ssh", "/usr/bin", "/dev", "/proc/1", "/boot", "/var"])
def test_system_directories_are_refused(connection, path):
    text = f"<pool type='dir'><name>bad</name><target><path>{path}</path></target></pool>"
    assert code_of(connection.storagePoolDefineXML, text) == libvirt.VIR_ERR_INVALID_ARG


def test_daemons_own_directories_are_refused(shared_daemon, connection):
    for name in ("lib", "lib/secrets", "run", "lib/pools"):
        text = f"<pool type='dir'><name>bad</name><target><path>{shared_daemon.root}/{name}</path></target></pool>"
        assert code_of(connection.storagePoolDefineXML, text) == libvirt.VIR_ERR_INVALID_ARG


@pytest.mark.parametrize("kind", ["disk", "iscsi", "rbd", "gluster", "zfs", "scsi", "mpath"])
def test_types_we_do_not_have(connection, kind):
    with pytest.raises(libvirt.libvirtError) as raised:
        connection.storagePoolDefineXML(f"<pool type='{kind}'><name>x</name><target><path>/srv/x</path></target></pool>")
    assert raised.value.get_error_code() == libvirt.VIR_ERR_CONFIG_UNSUPPORTED and f'"{kind}"' in str(raised.value)


def test_what_is_not_known_is_named(connection):
    with pytest.raises(libvirt.libvirtError) as raised:
        connection.storagePoolDefineXML("<pool type='dir'><name>x</name><colour>red</colour><target><path>/srv/x</path></target></pool>")
    assert "colour" in str(raised.value)
    assert code_of(connection.storagePoolDefineXML, "<pool") == libvirt.VIR_ERR_XML_ERROR


def test_pool_xml_is_valid(connection, pool):
    valid(pool.XMLDesc(), "storagepool.rng")
    assert pool.XMLDesc() == pool.XMLDesc()
    valid(connection.getStoragePoolCapabilities(), "storagepoolcaps.rng")
    pool.destroy()
    valid(pool.XMLDesc(), "storagepool.rng")


def test_pool_events(shared_daemon, tmp_path):
    """Order and kinds, as a client that shows pools needs them."""
    place = tmp_path / "told"
    process = subprocess.Popen(shared_daemon.prefix() + ["stdbuf", "-oL", "virsh", "-c", uri(shared_daemon), "pool-event", "--event", "lifecycle", "--loop", "--timeout", "120"],
                               stdout=subprocess.PIPE, text=True, env=environment())
    lines = []
    seen = threading.Event()

    def read():
        for line in process.stdout:
            lines.append(line)
            if "Undefined" in line:
                seen.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        # The client has no sign of its own that it listens: it is asked until one event came.
        connection = libvirt.open(uri(shared_daemon))
        pool = connection.storagePoolDefineXML(f"<pool type='dir'><name>told</name><target><path>{place}</path></target></pool>")
        shared_daemon.wait_until(lambda: lines or pool.setAutostart(1) or pool.setAutostart(0), what="the client to listen")
        lines.clear()
        pool.build()
        pool.create()
        pool.destroy()
        pool.delete()
        pool.undefine()
        assert seen.wait(DEADLINE)
        wanted = ["Created", "Started", "Stopped", "Deleted", "Undefined"]
        assert [next(w for w in wanted if w in line) for line in lines if any(w in line for w in wanted)] == wanted
        connection.close()
    finally:
        process.terminate()
        process.wait()
        reader.join()


# -- volumes -----------------------------------------------------------------------------------------------


def test_volume_commands(shared_daemon, pool, tmp_path):
    """virsh, word by word."""
    name = pool.name()

    def v(*argv):
        return virsh(shared_daemon, *argv)

    v("vol-create-as", name, "v1.qcow2", "32M", "--format", "qcow2")
    v("vol-create-as", name, "v2.img", "4M", "--format", "raw")
    assert "32.00 MiB" in v("vol-list", name, "--details")
    path = v("vol-path", "v1.qcow2", "--pool", name).strip()
    assert path == f"{path_of(pool)}/v1.qcow2" and v("vol-key", "v1.qcow2", "--pool", name).strip() == path
    assert v("vol-pool", path).strip() == name and v("vol-name", path).strip() == "v1.qcow2"
    v("vol-resize", "v1.qcow2", "64M", "--pool", name)
    v("vol-resize", "v1.qcow2", "1M", "--delta", "--pool", name)
    assert "65.00 MiB" in v("vol-info", "v1.qcow2", "--pool", name)
    assert "Physical:" in v("vol-info", "v1.qcow2", "--pool", name, "--physical")
    v("vol-clone", "v1.qcow2", "v1c.qcow2", "--pool", name)
    assert "65.00 MiB" in v("vol-info", "v1c.qcow2", "--pool", name)
    v("vol-delete", "v1c.qcow2", "--pool", name)
    failed = virsh(shared_daemon, "vol-delete", "nosuch", "--pool", name, check=False)
    assert failed.returncode != 0 and "nosuch" in failed.stderr
    (tmp_path / "vol.xml").write_text(volume_xml("v3.qcow2", kind="qcow2"))
    v("vol-create", name, str(tmp_path / "vol.xml"))
    (tmp_path / "from.xml").write_text(volume_xml("v4.img", kind="raw"))
    v("vol-create-from", name, str(tmp_path / "from.xml"), "v3.qcow2", "--inputpool", name)
    assert v("vol-list", name).count("\n") >= 6


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_volume_xml(connection, pool, kind):
    volume = pool.createXML(volume_xml("x", kind=kind, more=""))
    xml = valid(volume.XMLDesc(), "storagevol.rng")
    tree = ElementTree.fromstring(xml)
    assert tree.get("type") == "file" and tree.findtext("key") == volume.path() == volume.key()
    assert tree.find("target/format").get("type") == kind
    assert tree.findtext("target/permissions/mode") == "0600" and tree.findtext("target/permissions/owner") == "0"
    assert float(tree.findtext("target/timestamps/mtime")) > 1e9
    assert tree.findtext("physical") == str(os.path.getsize(volume.path()))
    assert (tree.findtext("target/compat") == "1.1") == (kind == "qcow2")
    # What is shown makes another of its kind.
    again = pool.createXML(xml.replace("<name>x<", "<name>y<"))
    assert again.info()[1] == volume.info()[1]


def test_options_of_a_volume(pool):
    text = """<volume><name>o</name><capacity unit='MiB'>16</capacity><target><format type='qcow2'/>
        <permissions><mode>0640</mode><owner>107</owner><group>108</group></permissions>
        <compat>1.1</compat><clusterSize unit='KiB'>128</clusterSize><features><lazy_refcounts/></features></target></volume>"""
    volume = pool.createXML(text)
    tree = ElementTree.fromstring(volume.XMLDesc())
    info = os.stat(volume.path())
    assert info.st_mode & 0o7777 == 0o640 and (info.st_uid, info.st_gid) == (107, 108)
    assert tree.findtext("target/clusterSize") == str(128 * 1024) and tree.find("target/features/lazy_refcounts") is not None


@pytest.mark.parametrize("allocation, taken", [("<allocation>0</allocation>", 0), ("", 8 * MIB), ("<allocation unit='MiB'>2</allocation>", 2 * MIB)])
def test_allocation_of_raw(pool, allocation, taken):
    volume = pool.createXML(f"<volume><name>a</name><capacity unit='MiB'>8</capacity>{allocation}<target><format type='raw'/></target></volume>")
    assert abs(os.stat(volume.path()).st_blocks * 512 - taken) <= 65536
    assert volume.info()[1] == 8 * MIB


def test_metadata_preallocation(pool):
    volume = pool.createXML(volume_xml("m", kind="qcow2"), libvirt.VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA)
    assert os.path.getsize(volume.path()) > 4 * MIB


def test_size_that_is_no_whole_sector(connection, pool):
    """A kernel that is uploaded must come out as it went in."""
    volume = pool.createXML(volume_xml("vmlinuz", capacity=12345))
    upload(connection, volume, b"k" * 12345)
    assert open(volume.path(), "rb").read() == b"k" * 12345


@pytest.mark.parametrize("more, word", [("<target><format type='dmg'/></target>", "dmg"),
                                        ("<target><encryption format='qcow'/></target>", "luks"),
                                        ("<colour/>", "colour")])
def test_volumes_that_are_refused(pool, more, word):
    with pytest.raises(libvirt.libvirtError) as raised:
        pool.createXML(f"<volume><name>r</name><capacity>1048576</capacity>{more}</volume>")
    assert word in str(raised.value) and raised.value.get_error_code() == libvirt.VIR_ERR_CONFIG_UNSUPPORTED


OTHERS = pytest.mark.parametrize("kind", ["qed", "vdi", "vmdk", "vpc"])


@OTHERS
def test_other_formats(shared_daemon, connection, pool, kind):
    """Made, copied from and to, as they are, and deleted; never a disk of a domain."""
    data = os.urandom(65536)
    raw = pool.createXML(volume_xml("one", kind="raw"))
    upload(connection, raw, data, offset=MIB)
    made = pool.createXML(volume_xml("made", kind=kind))
    assert ElementTree.fromstring(valid(made.XMLDesc(), "storagevol.rng")).find("target/format").get("type") == kind
    other = pool.createXMLFrom(volume_xml("two", kind=kind), raw)
    virsh(shared_daemon, "vol-clone", other.path(), "three")
    pool.refresh()
    three = pool.storageVolLookupByName("three")
    assert ElementTree.fromstring(three.XMLDesc()).find("target/format").get("type") == kind
    assert made.info()[1] == three.info()[1] == 4 * MIB
    back = pool.createXMLFrom(volume_xml("back", kind="raw"), three)
    assert download(connection, back, MIB, 65536) == data
    three.delete(libvirt.VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS)
    assert code_of(pool.createXMLFrom, volume_xml("larger", kind=kind, capacity=8 * MIB), raw) == libvirt.VIR_ERR_CONFIG_UNSUPPORTED
    over = volume_xml("over", kind=kind, more=f"<backingStore><path>{raw.path()}</path><format type='raw'/></backingStore>")
    assert code_of(pool.createXML, over) == libvirt.VIR_ERR_CONFIG_UNSUPPORTED
    assert sorted(os.listdir(path_of(pool))) == ["back", "made", "one", "two"]


def test_nocow(pool):
    volume = pool.createXML("<volume><name>n</name><capacity>1048576</capacity><target><nocow/></target></volume>")
    assert volume.info()[1] == MIB


def test_deletion_with_zeros(pool):
    """What was in it is gone from the disk, not only its name."""
    for kind in ("raw", "qcow2"):
        volume = pool.createXML(volume_xml("z", kind=kind))
        with open(volume.path(), "r+b") as file:
            file.seek(2 * MIB if kind == "raw" else 0, os.SEEK_SET if kind == "raw" else os.SEEK_END)
            file.write(b"secret  " * 512)
            file.flush()
            with open(volume.path(), "rb") as held:
                volume.delete(libvirt.VIR_STORAGE_VOL_DELETE_ZEROED)
                content = held.read()
        assert len(content) > 4096 and not content.strip(b"\0")
    assert pool.listVolumes() == []


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_growing_with_space(pool, kind):
    volume = pool.createXML(volume_xml("g", kind=kind))
    volume.resize(8 * MIB, libvirt.VIR_STORAGE_VOL_RESIZE_ALLOCATE)
    assert volume.info()[1] == 8 * MIB and volume.info()[2] >= (8 if kind == "raw" else 4) * MIB
    volume.resize(2 * MIB, libvirt.VIR_STORAGE_VOL_RESIZE_DELTA | libvirt.VIR_STORAGE_VOL_RESIZE_ALLOCATE)
    assert volume.info()[1] == 10 * MIB
    both = libvirt.VIR_STORAGE_VOL_RESIZE_SHRINK | libvirt.VIR_STORAGE_VOL_RESIZE_ALLOCATE
    assert code_of(volume.resize, MIB, both) == libvirt.VIR_ERR_INVALID_ARG and volume.info()[1] == 10 * MIB


def test_backing_store(connection, pool):
    base = pool.createXML(volume_xml("base.qcow2", kind="qcow2"))
    over = pool.createXML(volume_xml("over.qcow2", kind="qcow2", more=f"<backingStore><path>{base.path()}</path><format type='qcow2'/></backingStore>"))
    tree = ElementTree.fromstring(valid(over.XMLDesc(), "storagevol.rng"))
    assert tree.findtext("backingStore/path") == base.path() and tree.findtext("backingStore/permissions/mode") == "0600"
    assert code_of(base.delete) == libvirt.VIR_ERR_OPERATION_INVALID
    lost = volume_xml("lost", kind="qcow2", more="<backingStore><path>/etc/passwd</path></backingStore>")
    assert code_of(pool.createXML, lost) == libvirt.VIR_ERR_NO_STORAGE_VOL


def test_files_nobody_told_of(connection, pool):
    """By path they are found at once, before any watch could have told."""
    for number in range(20):
        path = f"{path_of(pool)}/own{number}.img"
        with open(path, "wb") as made:
            made.truncate(MIB)
        volume = connection.storageVolLookupByPath(path)
        assert (volume.name(), volume.info()[1]) == (f"own{number}.img", MIB)
        assert volume.storagePoolLookupByVolume().name() == pool.name()
    assert code_of(connection.storageVolLookupByPath, f"{path_of(pool)}/none") == libvirt.VIR_ERR_NO_STORAGE_VOL
    assert code_of(connection.storageVolLookupByPath, "/none/at/all") == libvirt.VIR_ERR_NO_STORAGE_VOL
    assert code_of(connection.storageVolLookupByKey, "none") == libvirt.VIR_ERR_NO_STORAGE_VOL


def test_lists(connection, pool):
    for name in ("b", "a", "c"):
        pool.createXML(volume_xml(name))
    assert pool.numOfVolumes() == 3 and pool.listVolumes() == ["a", "b", "c"]
    assert [v.name() for v in pool.listAllVolumes()] == ["a", "b", "c"]
    pool.destroy()
    assert code_of(pool.listAllVolumes) == libvirt.VIR_ERR_OPERATION_INVALID
    assert code_of(pool.storageVolLookupByName, "a") == libvirt.VIR_ERR_OPERATION_INVALID


@pytest.mark.parametrize("source, target", [("raw", "qcow2"), ("qcow2", "raw"), ("qcow2", "qcow2"), ("raw", "raw")])
def test_clone_over_formats(connection, pool, source, target):
    data = os.urandom(65536)
    one = pool.createXML(volume_xml("one", kind="raw"))
    upload(connection, one, data, offset=MIB)
    if source == "qcow2":
        raw, one = one, pool.createXMLFrom(volume_xml("one.q", kind="qcow2"), one)
    two = pool.createXMLFrom(volume_xml("two", kind=target, capacity=6 * MIB), one)
    assert two.info()[1] == 6 * MIB
    assert ElementTree.fromstring(two.XMLDesc()).find("target/format").get("type") == target
    back = pool.createXMLFrom(volume_xml("back", kind="raw"), two)
    assert download(connection, back, MIB, 65536) == data and back.info()[1] == 6 * MIB


def test_clone_of_a_foreign_format(connection, pool):
    subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk", f"{path_of(pool)}/old.vmdk", "8M"], check=True)
    pool.refresh()
    old = pool.storageVolLookupByName("old.vmdk")
    assert ElementTree.fromstring(old.XMLDesc()).find("target/format").get("type") == "vmdk"
    assert pool.createXMLFrom(volume_xml("new.qcow2", kind="qcow2"), old).info()[1] == 8 * MIB


def test_clone_of_a_file_that_reaches_out(connection, pool):
    """A VMDK descriptor names other files; qemu-img would read them for whoever wrote it."""
    descriptor = '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2 FLAT "/etc/passwd" 0\n'
    with open(f"{path_of(pool)}/evil.vmdk", "w") as made:
        made.write(descriptor + " " * 2048)
    pool.refresh()
    assert code_of(pool.createXMLFrom, volume_xml("copy"), pool.storageVolLookupByName("evil.vmdk")) == libvirt.VIR_ERR_CONFIG_UNSUPPORTED


@pytest.mark.parametrize("algorithm", ["zero", "nnsa", "dod", "bsi", "gutmann", "schneier", "pfitzner7", "pfitzner33", "random", "trim"])
def test_wipe(shared_daemon, connection, pool, algorithm):
    data = b"secret  " * 32768
    raw = pool.createXML(volume_xml("w.img", capacity=len(data)))
    upload(connection, raw, data)
    q = pool.createXMLFrom(volume_xml("w.qcow2", capacity=len(data), kind="qcow2"), raw)
    for volume in (raw, q):
        virsh(shared_daemon, "vol-wipe", volume.name(), "--pool", pool.name(), "--algorithm", algorithm)
        assert b"secret" not in open(volume.path(), "rb").read()
        assert volume.info()[1] == len(data)
    if algorithm in ("zero", "trim"):
        assert not any(open(raw.path(), "rb").read())
    assert ElementTree.fromstring(q.XMLDesc()).find("target/format").get("type") == "qcow2"


def test_shrinking_must_be_asked_for(pool):
    volume = pool.createXML(volume_xml("s", kind="qcow2"))
    assert code_of(volume.resize, MIB) == libvirt.VIR_ERR_INVALID_ARG
    volume.resize(MIB, libvirt.VIR_STORAGE_VOL_RESIZE_SHRINK)
    assert volume.info()[1] == MIB


# -- streams --------------------------------------------------------------------------------------------------


def test_upload_and_download(connection, pool):
    data = os.urandom(3 * MIB + 17)
    volume = pool.createXML(volume_xml("s.img", capacity=4 * MIB))
    upload(connection, volume, data)
    assert download(connection, volume) == data + bytes(MIB - 17)
    assert download(connection, volume, 100, 1000) == data[100:1100]
    upload(connection, volume, b"X" * 10, offset=5, length=10)
    assert download(connection, volume, 0, 20) == data[:5] + b"X" * 10 + data[15:20]
    assert download(connection, volume, 999 * MIB) == b""


def test_upload_longer_than_asked_for(connection, pool):
    volume = pool.createXML(volume_xml("l.img"))
    stream = connection.newStream()
    volume.upload(stream, 0, 10)
    with pytest.raises(libvirt.libvirtError):
        stream.send(b"x" * 100)
        stream.finish()


def test_download_that_is_broken_off(shared_daemon, connection, pool):
    volume = pool.createXML(volume_xml("b.img", capacity=64 * MIB))
    stream = connection.newStream()
    volume.download(stream, 0, 0)
    assert len(stream.recv(1000)) > 0
    stream.abort()
    assert volume.info()[1] == 64 * MIB

    def deleted():
        """The reader lets the file go a moment after the client has been answered."""
        try:
            return volume.delete() == 0
        except libvirt.libvirtError as refused:
            assert "in use" in str(refused)
            return False

    shared_daemon.wait_until(deleted, "the volume to be let go")


def test_sparse_both_ways(shared_daemon, pool, tmp_path):
    """Holes stay holes, at the end too, and what was there before is gone."""
    pool.createXML(volume_xml("h.img", capacity=8 * MIB))
    (tmp_path / "full").write_bytes(os.urandom(8 * MIB))
    virsh(shared_daemon, "vol-upload", "h.img", str(tmp_path / "full"), "--pool", pool.name())
    with open(tmp_path / "sparse", "wb") as made:
        made.seek(2 * MIB)
        made.write(os.urandom(65536))
        made.truncate(8 * MIB)
    virsh(shared_daemon, "vol-upload", "h.img", str(tmp_path / "sparse"), "--pool", pool.name(), "--sparse")
    virsh(shared_daemon, "vol-download", "h.img", str(tmp_path / "back"), "--pool", pool.name(), "--sparse")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "sparse").read_bytes()
    for path in (tmp_path / "back", f"{path_of(pool)}/h.img"):
        assert os.stat(path).st_blocks * 512 <= 128 * 1024
    virsh(shared_daemon, "vol-download", "h.img", str(tmp_path / "plain"), "--pool", pool.name())
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "sparse").read_bytes()


def test_uploaded_image_that_reaches_out(connection, pool, tmp_path):
    """What was uploaded as an image over a file of the host's fails, and is no image of ours."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", str(tmp_path / "evil"), "1M"], check=True)
    volume = pool.createXML(volume_xml("e", kind="qcow2"))
    stream = connection.newStream()
    volume.upload(stream, 0, 0)
    stream.send((tmp_path / "evil").read_bytes())
    with pytest.raises(libvirt.libvirtError):
        stream.finish()
    assert ElementTree.fromstring(volume.XMLDesc()).find("backingStore") is None


def test_read_only_clients_change_nothing(shared_daemon, pool):
    pool.createXML(volume_xml("ro"))
    for argv in (("pool-destroy", pool.name()), ("vol-delete", "ro", "--pool", pool.name()), ("vol-create-as", pool.name(), "n", "1M")):
        assert virsh(shared_daemon, *argv, read_only=True, check=False).returncode != 0
    assert "ro" in virsh(shared_daemon, "vol-list", pool.name(), read_only=True)


# -- other kinds of pools --------------------------------------------------------------------------------------


@pytest.fixture
def loop_device(tmp_path):
    """A block device over a file; skips where the host has none to give."""
    if shutil.which("losetup") is None:
        pytest.skip("needs losetup")
    image = tmp_path / "device"
    with open(image, "wb") as made:
        made.truncate(128 * MIB)
    done = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"needs a loop device: {done.stderr.strip()}")
    yield done.stdout.strip()
    subprocess.run(["losetup", "--detach", done.stdout.strip()], check=True)


def test_pool_of_a_file_system(connection, loop_device, tmp_path):
    subprocess.run(["mkfs.ext4", "-q", loop_device], check=True)
    text = f"""<pool type='fs'><name>mounted</name><source><device path='{loop_device}'/><format type='ext4'/></source>
        <target><path>{tmp_path}/mnt</path></target></pool>"""
    pool = connection.storagePoolDefineXML(text)
    valid(pool.XMLDesc(), "storagepool.rng")
    pool.build()
    pool.create()
    try:
        assert os.path.ismount(tmp_path / "mnt") and pool.info()[1] < 130 * MIB
        pool.createXML(volume_xml("v.qcow2", kind="qcow2"))
    finally:
        pool.destroy()
    assert not os.path.ismount(tmp_path / "mnt")
    pool.delete()
    pool.undefine()


def system_on(device):
    return subprocess.run(["blkid", "-p", "-o", "value", "-s", "TYPE", device], capture_output=True, text=True).stdout.strip()


def fs_pool(connection, device, place, kind="ext4"):
    return connection.storagePoolDefineXML(f"""<pool type='fs'><name>made</name><source><device path='{device}'/><format type='{kind}'/></source>
        <target><path>{place}/mnt</path></target></pool>""")


def test_file_system_that_is_made(connection, loop_device, tmp_path):
    """Over what is there only if that is asked for, and never over what is in use; zeros over all of it at the end."""
    pool = fs_pool(connection, loop_device, tmp_path)
    pool.build()
    assert system_on(loop_device) == ""
    pool.build(libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE)
    assert system_on(loop_device) == "ext4"
    assert code_of(pool.build, libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE) > 0
    pool.create()
    try:
        volume = pool.createXML(volume_xml("v"))
        other = connection.storagePoolDefineXML(f"""<pool type='fs'><name>second</name><source><device path='{loop_device}'/><format type='vfat'/></source>
            <target><path>{tmp_path}/other</path></target></pool>""")
        assert code_of(other.build, libvirt.VIR_STORAGE_POOL_BUILD_OVERWRITE) > 0 and os.path.exists(volume.path())
        assert code_of(other.delete, libvirt.VIR_STORAGE_POOL_DELETE_ZEROED) > 0
    finally:
        pool.destroy()
    pool.create(libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD_OVERWRITE)
    try:
        assert pool.listVolumes() == []
    finally:
        pool.destroy()
    pool.delete(libvirt.VIR_STORAGE_POOL_DELETE_ZEROED)
    assert system_on(loop_device) == "" and not (tmp_path / "mnt").exists()
    with open(loop_device, "rb") as device:
        assert not device.read().strip(b"\0")
    pool.undefine()
    other.undefine()


def test_file_systems_that_are_not_made(connection, loop_device, tmp_path):
    pool = fs_pool(connection, loop_device, tmp_path, "iso9660")
    assert code_of(pool.build, libvirt.VIR_STORAGE_POOL_BUILD_OVERWRITE) == libvirt.VIR_ERR_CONFIG_UNSUPPORTED
    pool.undefine()
    pool = fs_pool(connection, tmp_path / "device", tmp_path)
    assert code_of(pool.build, libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE) == libvirt.VIR_ERR_INVALID_ARG
    both = libvirt.VIR_STORAGE_POOL_BUILD_OVERWRITE | libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE
    assert code_of(pool.build, both) == libvirt.VIR_ERR_INVALID_ARG
    pool.undefine()


@pytest.mark.parametrize("how, step", [("SKEP_FAULT", "pool/probe"), ("SKEP_FAULT", "pool/format"), ("SKEP_FAULT_EXIT", "pool/format")])
def test_file_system_whose_making_fails(daemon, loop_device, tmp_path, how, step):
    """Nothing is on the device afterwards, or all of it where the daemon died; the next try works."""
    daemon.restart(env={how: step})
    connection = libvirt.open(uri(daemon))
    pool = fs_pool(connection, loop_device, tmp_path)
    with pytest.raises(libvirt.libvirtError):
        pool.build(libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE)
    died = how == "SKEP_FAULT_EXIT"
    assert system_on(loop_device) == ("ext4" if died else "")
    daemon.restart()
    connection = libvirt.open(uri(daemon))
    pool = connection.storagePoolLookupByName("made")
    assert not pool.isActive()
    pool.build(libvirt.VIR_STORAGE_POOL_BUILD_OVERWRITE if died else libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE)
    assert system_on(loop_device) == "ext4"
    connection.close()


def test_space_that_is_not_there(daemon, tmp_path):
    """A volume that cannot have the space it is to take is as large as it was."""
    daemon.restart(env={"SKEP_FAULT": "volume/allocate"})
    connection = libvirt.open(uri(daemon))
    (tmp_path / "p").mkdir()
    pool = connection.storagePoolCreateXML(f"<pool type='dir'><name>p</name><target><path>{tmp_path}/p</path></target></pool>")
    volume = pool.createXML(volume_xml("v"))
    assert code_of(volume.resize, 8 * MIB, libvirt.VIR_STORAGE_VOL_RESIZE_ALLOCATE) > 0
    assert os.stat(volume.path()).st_size == 4 * MIB and volume.info()[1] == 4 * MIB
    connection.close()


def test_sources_of_pools(shared_daemon, connection, loop_device):
    assert "sources" in virsh(shared_daemon, "find-storage-pool-sources-as", "logical")
    assert code_of(connection.findStoragePoolSources, "netfs", None, 0) == libvirt.VIR_ERR_CONFIG_UNSUPPORTED
    group = f"skt{os.urandom(4).hex()}"
    if subprocess.run(["vgcreate", "-q", group, loop_device], capture_output=True).returncode != 0:
        pytest.skip("LVM does not work here")
    try:
        tree = ElementTree.fromstring(connection.findStoragePoolSources("logical", None, 0))
        found = {s.findtext("name"): [d.get("path") for d in s.findall("device")] for s in tree.findall("source")}
        assert found[group] == [loop_device]
    finally:
        subprocess.run(["vgremove", "-q", "-f", group], capture_output=True)


# -- steps that fail ---------------------------------------------------------------------------------------------


def test_steps_of_volumes_that_fail(daemon, tmp_path):
    """Each leaves what was there, and does not stand in the way of the next try."""
    place = tmp_path / "pool"
    place.mkdir()
    (place / "v.img").write_bytes(b"kept" * 1024)
    for step in ("volume/wipe", "storage/patch", "storage/patch-finish"):
        daemon.restart(env={"SKEP_FAULT": step})
        connection = libvirt.open(uri(daemon))
        pool = connection.storagePoolCreateXML(f"<pool type='dir'><name>p</name><target><path>{place}</path></target></pool>")
        volume = pool.storageVolLookupByName("v.img")
        with pytest.raises(libvirt.libvirtError) as raised:
            if step == "volume/wipe":
                volume.wipe()
            else:
                upload(connection, volume, b"kept")
        assert step in str(raised.value)
        assert (place / "v.img").read_bytes() == b"kept" * 1024
        assert download(connection, volume, 0, 4) == b"kept"
        connection.close()
    daemon.restart()
    connection = libvirt.open(uri(daemon))
    pool = connection.storagePoolCreateXML(f"<pool type='dir'><name>p</name><target><path>{place}</path></target></pool>")
    upload(connection, pool.storageVolLookupByName("v.img"), b"new!")
    assert (place / "v.img").read_bytes()[:8] == b"new!kept"
    connection.close()


def test_secret_that_cannot_be_written(daemon):
    daemon.restart(env={"SKEP_FAULT": "secret/write"})
    connection = libvirt.open(uri(daemon))
    secret = connection.secretDefineXML(SECRET.format("no", "no", "9b4f3a1e-5c7d-4f0a-8f43-8d2f6e1a0005", "five"))
    with pytest.raises(libvirt.libvirtError):
        secret.setValue(b"x")
    assert code_of(secret.value) == libvirt.VIR_ERR_NO_SECRET
    connection.close()


@pytest.mark.parametrize("step", ["pool/mount", "pool/unmount"])
def test_mounts_that_fail(daemon, loop_device, tmp_path, step):
    subprocess.run(["mkfs.ext4", "-q", loop_device], check=True)
    daemon.restart(env={"SKEP_FAULT": step})
    connection = libvirt.open(uri(daemon))
    text = f"<pool type='fs'><name>m</name><source><device path='{loop_device}'/></source><target><path>{tmp_path}/mnt</path></target></pool>"
    pool = connection.storagePoolDefineXML(text)
    pool.build()
    if step == "pool/mount":
        assert code_of(pool.create) > 0 and not os.path.ismount(tmp_path / "mnt") and not pool.isActive()
    else:
        pool.create()
        assert code_of(pool.destroy) > 0 and os.path.ismount(tmp_path / "mnt") and pool.isActive()
        subprocess.run(["umount", str(tmp_path / "mnt")], check=True)
    connection.close()


def test_pool_of_a_volume_group(connection, loop_device):
    if shutil.which("vgcreate") is None:
        pytest.skip("needs lvm2")
    try:
        os.close(os.open("/dev/mapper/control", os.O_RDWR))
    except OSError as error:
        pytest.skip(f"needs the kernel's device mapper: {error}")
    group = f"skt{os.urandom(4).hex()}"
    done = subprocess.run(["vgcreate", "-q", group, loop_device], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"LVM does not work here: {done.stderr.strip()}")
    try:
        pool = connection.storagePoolDefineXML(f"<pool type='logical'><name>{group}</name><target><path>/dev/{group}</path></target></pool>")
        valid(pool.XMLDesc(), "storagepool.rng")
        pool.create()
        volume = pool.createXML(volume_xml("lv", capacity=16 * MIB))
        assert volume.info()[:2] == [libvirt.VIR_STORAGE_VOL_BLOCK, 16 * MIB] and volume.path() == f"/dev/{group}/lv"
        upload(connection, volume, b"abc" * 1000)
        assert download(connection, volume, 0, 3000) == b"abc" * 1000
        copy = pool.createXMLFrom(volume_xml("copy", capacity=16 * MIB), volume)
        assert download(connection, copy, 0, 3000) == b"abc" * 1000
        volume.resize(32 * MIB)
        assert volume.info()[1] == 32 * MIB
        volume.delete()
        copy.delete()
        pool.destroy()
        pool.undefine()
    finally:
        subprocess.run(["vgremove", "-q", "-f", group], capture_output=True)


# -- secrets ------------------------------------------------------------------------------------------------------


SECRET = """<secret ephemeral='{}' private='{}'><uuid>{}</uuid><description>of a volume</description>
  <usage type='volume'><volume>/srv/{}.img</volume></usage></secret>"""


def test_life_of_a_secret(shared_daemon, connection):
    uuid = "9b4f3a1e-5c7d-4f0a-8f43-8d2f6e1a0001"
    secret = connection.secretDefineXML(SECRET.format("no", "no", uuid, "one"))
    assert secret.UUIDString() == uuid and secret.usageType() == libvirt.VIR_SECRET_USAGE_TYPE_VOLUME and secret.usageID() == "/srv/one.img"
    valid(secret.XMLDesc(), "secret.rng")
    assert code_of(secret.value) == libvirt.VIR_ERR_NO_SECRET
    secret.setValue(b"\0geheim\xff")
    assert secret.value() == b"\0geheim\xff"
    stored = shared_daemon.root / "lib" / "secrets" / uuid
    assert stored.stat().st_mode & 0o7777 == 0o600 and stored.parent.stat().st_mode & 0o7777 == 0o700
    assert b"geheim" not in (shared_daemon.root / "lib" / "skep.db").read_bytes()
    assert connection.secretLookupByUsage(libvirt.VIR_SECRET_USAGE_TYPE_VOLUME, "/srv/one.img").UUIDString() == uuid
    assert uuid in virsh(shared_daemon, "secret-list")
    assert code_of(connection.secretDefineXML, SECRET.format("no", "no", uuid[:-1] + "9", "one")) == libvirt.VIR_ERR_OPERATION_FAILED
    secret.undefine()
    assert not stored.exists()
    assert code_of(connection.secretLookupByUUIDString, uuid) == libvirt.VIR_ERR_NO_SECRET


def test_private_secret(shared_daemon, connection):
    secret = connection.secretDefineXML(SECRET.format("yes", "yes", "9b4f3a1e-5c7d-4f0a-8f43-8d2f6e1a0002", "two"))
    secret.setValue(b"x")
    assert code_of(secret.value) == libvirt.VIR_ERR_ACCESS_DENIED
    assert not (shared_daemon.root / "lib" / "secrets" / secret.UUIDString()).exists()
    assert [s.UUIDString() for s in connection.listAllSecrets(libvirt.VIR_CONNECT_LIST_SECRETS_PRIVATE)] == [secret.UUIDString()]
    failed = virsh(shared_daemon, "secret-get-value", secret.UUIDString(), read_only=True, check=False)
    assert failed.returncode != 0
    secret.undefine()


def test_secrets_survive(daemon):
    """Kept ones with their value, ephemeral ones not at all; and over REST and the command too."""
    kept, passing = "9b4f3a1e-5c7d-4f0a-8f43-8d2f6e1a0003", "9b4f3a1e-5c7d-4f0a-8f43-8d2f6e1a0004"
    connection = libvirt.open(uri(daemon))
    connection.secretDefineXML(SECRET.format("no", "no", kept, "three")).setValue(b"three")
    connection.secretDefineXML(SECRET.format("yes", "no", passing, "four")).setValue(b"four")
    connection.close()
    daemon.restart()
    connection = libvirt.open(uri(daemon))
    assert [s.UUIDString() for s in connection.listAllSecrets()] == [kept]
    assert connection.secretLookupByUUIDString(kept).value() == b"three"
    connection.close()
    assert daemon.get(f"/v1/secrets/{kept}")["has_value"] is True
    assert "three" in daemon.skep("secret", "ls").stdout
    (daemon.root / "value").write_text("new")
    daemon.skep("secret", "set", kept, "--file", str(daemon.root / "value"))
    assert daemon.get(f"/v1/secrets/{kept}/value") == {"value": "bmV3"}
    daemon.skep("secret", "delete", kept)
    assert daemon.items("/v1/secrets") == []


# -- virt-install and virt-clone -------------------------------------------------------------------------------------


def tool(daemon, *argv):
    done = subprocess.run(daemon.prefix() + [argv[0], "--connect", uri(daemon), *argv[1:]], capture_output=True, text=True,
                          timeout=DEADLINE, env=dict(environment(), HOME=str(daemon.root)), stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}\n{daemon.log_tail()}"
    return done.stdout + done.stderr


def install(daemon, name, *argv):
    return tool(daemon, "virt-install", "--name", name, "--virt-type", "qemu", "--memory", "64", "--osinfo", "generic", "--graphics", "none",
                "--network", "none", "--noautoconsole", *argv)


def test_domain_defined_before_its_disk(connection, pool):
    """virt-clone's order: the copy's definition, then its disk; a start in between says what is missing."""
    source = pool.createXML(volume_xml("source.qcow2", kind="qcow2"))
    path = f"{path_of(pool)}/copy.qcow2"
    domain = connection.defineXML(f"""<domain type='qemu'><name>early</name><memory unit='MiB'>32</memory><os><type>hvm</type></os><devices>
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{path}'/><target dev='vda' bus='virtio'/></disk>
        </devices></domain>""")
    with pytest.raises(libvirt.libvirtError) as raised:
        domain.create()
    assert f'there is no file "{path}"' in str(raised.value)
    pool.createXMLFrom(volume_xml("copy.qcow2", kind="qcow2"), source)
    domain.create()
    volume = pool.storageVolLookupByName("copy.qcow2")
    assert code_of(volume.delete) == libvirt.VIR_ERR_OPERATION_INVALID
    domain.destroy()
    # virt-manager deletes the disks first, then the domain.
    volume.delete()
    domain.undefine()


@needs_virtinst
def test_virt_install_makes_a_pool_and_a_volume(shared_daemon, connection, tmp_path):
    """A disk in a directory of no pool, as in the textbook's --disk path=/opt/c73.qcow2,size=6."""
    place = tmp_path / "opt"
    place.mkdir()
    install(shared_daemon, "c73", "--import", "--disk", f"path={place}/c73.qcow2,size=1,format=qcow2")
    pool = connection.storagePoolLookupByName("opt")
    assert pool.isActive() and pool.autostart() == 1 and path_of(pool) == str(place)
    volume = pool.storageVolLookupByName("c73.qcow2")
    assert volume.info()[1] == 1024 * MIB
    assert code_of(volume.delete) == libvirt.VIR_ERR_OPERATION_INVALID
    virsh(shared_daemon, "destroy", "c73")
    assert tool(shared_daemon, "virt-clone", "-o", "c73", "-n", "newclone", "-f", f"{place}/newclone.img")
    assert sorted(pool.listVolumes()) == ["c73.qcow2", "newclone.img"]
    tool(shared_daemon, "virt-clone", "-o", "c73", "--auto-clone")
    assert "c73-clone.qcow2" in pool.listVolumes()
    disks = ElementTree.fromstring(connection.lookupByName("c73-clone").XMLDesc()).findall("devices/disk/source")
    assert [d.get("file") for d in disks] == [f"{place}/c73-clone.qcow2"]
    for name in ("c73", "newclone", "c73-clone"):
        virsh(shared_daemon, "undefine", name, "--remove-all-storage")
    assert pool.refresh() == 0 and pool.listVolumes() == []
    pool.destroy()
    pool.undefine()


@needs_virtinst
def test_virt_install_in_the_default_pool(shared_daemon, connection):
    install(shared_daemon, "sized", "--import", "--disk", "size=1")
    pool = connection.storagePoolLookupByName("default")
    assert pool.storageVolLookupByName("sized.qcow2").info()[1] == 1024 * MIB
    virsh(shared_daemon, "destroy", "sized")
    virsh(shared_daemon, "undefine", "sized", "--remove-all-storage")
    pool.refresh()
    assert "sized.qcow2" not in pool.listVolumes()


@needs_virtinst
def test_virt_install_imports_what_is_there(shared_daemon, connection, tmp_path):
    place = tmp_path / "vm1"
    place.mkdir()
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(place / "own.qcow2"), "64M"], check=True)
    install(shared_daemon, "own", "--import", "--disk", f"path={place}/own.qcow2")
    assert connection.storagePoolLookupByName("vm1").listVolumes() == ["own.qcow2"]
    virsh(shared_daemon, "destroy", "own")
    virsh(shared_daemon, "undefine", "own")
    pool = connection.storagePoolLookupByName("vm1")
    pool.destroy()
    pool.undefine()


def test_default_pool_where_libvirt_has_it(daemon, tmp_path):
    """A host that had libvirt: its pool is defined again, with what lies there."""
    place = tmp_path / "images"
    place.mkdir()
    (place / "old.img").write_bytes(bytes(MIB))
    connection = libvirt.open(uri(daemon))
    was = connection.storagePoolLookupByName("default")
    was.destroy()
    was.undefine()
    pool = connection.storagePoolDefineXML(f"<pool type='dir'><name>default</name><target><path>{place}</path></target></pool>")
    pool.create()
    pool.setAutostart(1)
    assert connection.storageVolLookupByPath(str(place / "old.img")).name() == "old.img"
    uuid = pool.UUIDString()
    connection.close()
    daemon.restart()
    connection = libvirt.open(uri(daemon))
    again = connection.storagePoolLookupByName("default")
    daemon.wait_until(again.isActive, what="the pool to start")
    assert again.UUIDString() == uuid and again.autostart() == 1
    connection.close()
