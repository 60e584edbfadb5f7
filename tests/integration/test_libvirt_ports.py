# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ports of networks, definitions given while saving, and starts with fresh firmware variables or descriptors."""
import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from libvirt_client import uri

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")
SCHEMA = "/usr/share/libvirt/schemas/networkport.rng"


def virsh(daemon, *words, fails=False):
    done = subprocess.run(["virsh", "-c", uri(daemon), *words], capture_output=True, text=True, timeout=120)
    assert (done.returncode != 0) == fails, f"virsh {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def guest(shared_daemon):
    d = shared_daemon
    d.wait_until(lambda: d.get("/v1/networks/default")["status"]["active"], "the default network")
    d.do("POST", "/v1/domains", d.paused_domain("port", interfaces=[{"network": "default", "mac": "52:54:00:00:aa:01"}],
                                                disks=[{"size": "1M"}], title="before"))
    d.do("POST", "/v1/domains/port/start?paused=true")
    yield "port"
    d.do("DELETE", "/v1/domains/port?force=true&volumes=true")


@pytest.fixture
def connection(shared_daemon):
    opened = libvirt.open(uri(shared_daemon))
    yield opened
    opened.close()


def test_ports(shared_daemon, guest, connection, tmp_path):
    """The port of a guest's interface, by list and UUID, with its owner and its limits."""
    d = shared_daemon
    network = connection.networkLookupByName("default")
    ports = network.listAllPorts()
    assert len(ports) == 1 and network.portLookupByUUIDString(ports[0].UUIDString()).UUIDString() == ports[0].UUIDString()
    assert ports[0].UUIDString() in virsh(d, "net-port-list", "default")
    text = virsh(d, "net-port-dumpxml", "default", ports[0].UUIDString())
    root = ET.fromstring(text)
    assert root.findtext("owner/name") == "port" and root.find("mac").get("address") == "52:54:00:00:aa:01"
    assert root.find("plug").get("bridge") == network.bridgeName()
    assert ports[0].parameters()["inbound.average"] == 0
    ports[0].setParameters({"inbound.average": 128, "inbound.peak": 256})
    assert ports[0].parameters()["inbound.average"] == 128 and 'average="128"' in ports[0].XMLDesc().replace("'", '"')
    assert "128" in virsh(d, "domiftune", guest, "52:54:00:00:aa:01") and "inbound.average: 0" in virsh(d, "domiftune", guest, "52:54:00:00:aa:01", "--config")
    if os.path.exists(SCHEMA):
        path = tmp_path / "port.xml"
        for shown in (text, ports[0].XMLDesc()):
            path.write_text(shown)
            subprocess.run(["xmllint", "--noout", "--relaxng", SCHEMA, str(path)], check=True, capture_output=True)
    for call, words in ((lambda: network.portCreateXML(text), "NETWORK_PORT_CREATE_XML: ports come and go"), (ports[0].delete, "NETWORK_PORT_DELETE: ports come and go")):
        with pytest.raises(libvirt.libvirtError, match=words):
            call()
    virsh(d, "destroy", guest)
    assert network.listAllPorts() == []
    with pytest.raises(libvirt.libvirtError, match="network port not found") as gone:
        ports[0].XMLDesc()
    assert gone.value.get_error_code() == libvirt.VIR_ERR_NO_NETWORK_PORT


def test_save_with_another_definition(shared_daemon, guest, connection, tmp_path):
    """What the guest does not see may be another when it goes on; what it would see is refused, and it runs on."""
    d, image, path = shared_daemon, str(tmp_path / "state"), tmp_path / "save.xml"
    text = virsh(d, "dumpxml", guest, "--security-info")
    for place, change, words in (("devices/interface/mac", {"address": "52:54:00:00:aa:02"}, "interfaces"), ("memory", str(64 << 10), "memory"), ("vcpu", "2", "vcpus"),
                                 ("devices/disk/target", {"dev": "vdb"}, "disks")):
        root = ET.fromstring(text)
        if isinstance(change, dict):
            root.find(place).attrib.update(change)
        else:
            root.find(place).text = change
        path.write_text(ET.tostring(root, encoding="unicode"))
        said = virsh(d, "save", guest, image, "--xml", str(path), fails=True)
        assert "would see that" in said and words in said
        assert d.state(guest) == "paused" and not Path(image).exists()
    path.write_text(text)
    assert "would see" not in virsh(d, "save", guest, image, "--xml", str(path))
    root = ET.fromstring(virsh(d, "save-image-dumpxml", image))
    assert root.findtext("title") == "before"
    virsh(d, "restore", image)
    root = ET.fromstring(virsh(d, "dumpxml", guest, "--security-info"))
    root.find("title").text = "after"
    path.write_text(ET.tostring(root, encoding="unicode"))
    domain = connection.lookupByName(guest)
    domain.saveParams({libvirt.VIR_DOMAIN_SAVE_PARAM_FILE: image, libvirt.VIR_DOMAIN_SAVE_PARAM_DXML: path.read_text()})
    assert ET.fromstring(virsh(d, "save-image-dumpxml", image)).findtext("title") == "after"
    virsh(d, "restore", image)
    assert "after" in virsh(d, "dumpxml", guest) and "before" in virsh(d, "dumpxml", guest, "--inactive")


def test_reset_nvram(shared_daemon):
    d = shared_daemon
    d.do("POST", "/v1/domains", d.paused_domain("fresh", firmware={"kind": "uefi"}, memory={"current": "128M"}))
    try:
        virsh(d, "start", "fresh", "--paused")
        nvram = Path(ET.fromstring(virsh(d, "dumpxml", "fresh")).findtext("os/nvram"))
        virsh(d, "destroy", "fresh")
        first = nvram.stat().st_ino, nvram.stat().st_mtime_ns
        virsh(d, "start", "fresh", "--paused")
        virsh(d, "destroy", "fresh")
        assert nvram.stat().st_ino == first[0]
        os.link(nvram, str(nvram) + ".kept")
        virsh(d, "start", "fresh", "--paused", "--reset-nvram")
        assert nvram.stat().st_ino != first[0]
        virsh(d, "destroy", "fresh")
        os.unlink(str(nvram) + ".kept")
    finally:
        d.do("DELETE", "/v1/domains/fresh?force=true")
    d.do("POST", "/v1/domains", d.paused_domain("bios"))
    assert "has no UEFI" in virsh(d, "start", "bios", "--reset-nvram", fails=True)
    d.do("DELETE", "/v1/domains/bios")


def test_create_with_files(shared_daemon, connection):
    """Descriptors are for the init of containers: without any it is a start, with some it is refused."""
    d = shared_daemon
    d.do("POST", "/v1/domains", d.paused_domain("files"))
    domain = connection.lookupByName("files")
    with open("/dev/null", "rb") as file, pytest.raises(libvirt.libvirtError, match="descriptors"):
        domain.createWithFiles([file.fileno()], libvirt.VIR_DOMAIN_START_PAUSED)
    assert not domain.isActive()
    domain.createWithFiles([], libvirt.VIR_DOMAIN_START_PAUSED)
    assert domain.isActive()
    domain.destroy()
    text = "<domain type='qemu'><name>filesxml</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"
    made = connection.createXMLWithFiles(text, [], libvirt.VIR_DOMAIN_START_PAUSED)
    assert made.isActive()
    made.destroy()
    with open("/dev/null", "rb") as file, pytest.raises(libvirt.libvirtError, match="descriptors"):
        connection.createXMLWithFiles(text, [file.fileno()], libvirt.VIR_DOMAIN_START_PAUSED)
    d.do("DELETE", "/v1/domains/files")
