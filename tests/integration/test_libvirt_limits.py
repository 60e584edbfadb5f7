# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much of the host a domain may use, by virsh: kept in the definition, applied where the host can."""
import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from libvirt_client import uri

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")
TREE = Path("/sys/fs/cgroup/cgroup.controllers")
GROUPS = TREE.exists() and "memory" in TREE.read_text().split() and os.access(TREE.parent, os.W_OK)


def virsh(daemon, *words, fails=False):
    done = subprocess.run(["virsh", "-c", uri(daemon), *words], capture_output=True, text=True, timeout=120)
    assert (done.returncode != 0) == fails, f"virsh {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def shown(daemon, *words):
    """A table of "name : value"."""
    return {key.strip(): value.strip() for key, colon, value in (line.partition(":") for line in virsh(daemon, *words).splitlines()) if colon}


@pytest.fixture
def guest(shared_daemon):
    d = shared_daemon
    d.do("POST", "/v1/domains", d.paused_domain("lim"))
    yield "lim"
    d.do("DELETE", "/v1/domains/lim?force=true")


def test_schedinfo(shared_daemon, guest):
    d = shared_daemon
    assert shown(d, "schedinfo", guest)["cpu_shares"] == "1024" and shown(d, "schedinfo", guest)["vcpu_quota"] == "-1"
    virsh(d, "schedinfo", guest, "--config", "--set", "cpu_shares=2048", "vcpu_period=50000", "vcpu_quota=25000", "emulator_quota=30000", "global_quota=40000",
          "iothread_period=20000")
    told = shown(d, "schedinfo", guest, "--config")
    assert [told[key] for key in ("cpu_shares", "vcpu_period", "vcpu_quota", "emulator_quota", "global_quota", "iothread_period")] == \
        ["2048", "50000", "25000", "30000", "40000", "20000"]
    xml = ET.fromstring(virsh(d, "dumpxml", guest)).find("cputune")
    assert xml.findtext("shares") == "2048" and xml.findtext("quota") == "25000" and xml.findtext("global_quota") == "40000"
    assert "nonsense" in virsh(d, "schedinfo", guest, "--set", "nonsense=1", fails=True)
    assert "period" in virsh(d, "schedinfo", guest, "--config", "--set", "vcpu_period=5", fails=True)


def test_memtune(shared_daemon, guest):
    d = shared_daemon
    assert shown(d, "memtune", guest)["hard_limit"] == "unlimited"
    virsh(d, "memtune", guest, "--config", "--hard-limit", "500000", "--soft-limit", "400000", "--swap-hard-limit", "600000")
    assert shown(d, "memtune", guest, "--config") == {"hard_limit": "500000", "soft_limit": "400000", "swap_hard_limit": "600000"}
    xml = ET.fromstring(virsh(d, "dumpxml", guest)).find("memtune")
    assert xml.findtext("hard_limit") == "500000" and xml.find("hard_limit").get("unit") == "KiB"
    virsh(d, "memtune", guest, "--config", "--hard-limit", "-1", "--soft-limit", "-1", "--swap-hard-limit", "-1")
    assert ET.fromstring(virsh(d, "dumpxml", guest)).find("memtune") is None


def test_blkiotune(shared_daemon, guest):
    d = shared_daemon
    assert shown(d, "blkiotune", guest)["weight"] == "500"
    virsh(d, "blkiotune", guest, "--config", "--weight", "300", "--device-weights", "/dev/sda,200,/dev/sdb,400", "--device-read-iops-sec", "/dev/sda,1000",
          "--device-write-bytes-sec", "/dev/sdb,1048576")
    told = shown(d, "blkiotune", guest, "--config")
    assert told["weight"] == "300" and told["device_weight"] == "/dev/sda,200,/dev/sdb,400"
    assert told["device_read_iops_sec"] == "/dev/sda,1000" and told["device_write_bytes_sec"] == "/dev/sdb,1048576"
    virsh(d, "blkiotune", guest, "--config", "--device-weights", "/dev/sda,0", "--device-read-iops-sec", "/dev/sda,0")
    devices = ET.fromstring(virsh(d, "dumpxml", guest)).findall("blkiotune/device")
    assert [device.findtext("path") for device in devices] == ["/dev/sdb"] and devices[0].findtext("weight") == "400"
    assert "give a path and a number" in virsh(d, "blkiotune", guest, "--config", "--device-weights", "sda,1", fails=True)


def test_numatune(shared_daemon, guest):
    d = shared_daemon
    virsh(d, "numatune", guest, "--config", "--mode", "interleave", "--nodeset", "0")
    assert shown(d, "numatune", guest, "--config") == {"numa_mode": "interleave", "numa_nodeset": "0"}
    memory = ET.fromstring(virsh(d, "dumpxml", guest)).find("numatune/memory")
    assert memory.get("mode") == "interleave" and memory.get("nodeset") == "0"
    assert "mode 3 is not supported" in virsh(d, "numatune", guest, "--config", "--mode", "restrictive", fails=True)
    virsh(d, "start", guest, "--paused")
    pid = d.get(f"/v1/domains/{guest}")["status"]["pid"]
    assert b'"policy":"interleave"' in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert "while it runs" in virsh(d, "numatune", guest, "--live", "--mode", "strict", "--nodeset", "0", fails=True)


def priorities(daemon, guest):
    """Of all threads of its QEMU, relative to the daemon's."""
    pid = daemon.get(f"/v1/domains/{guest}")["status"]["pid"]
    return {os.getpriority(os.PRIO_PROCESS, int(task)) - os.getpriority(os.PRIO_PROCESS, daemon.process.pid) for task in os.listdir(f"/proc/{pid}/task")}


@pytest.mark.skipif(GROUPS, reason="this host has control groups")
def test_running_without_groups(shared_daemon, guest):
    """Shares become priorities; what only control groups could do is refused, and nothing has changed."""
    d = shared_daemon
    virsh(d, "schedinfo", guest, "--config", "--set", "cpu_shares=512")
    virsh(d, "start", guest, "--paused")
    low = priorities(d, guest)
    assert len(low) == 1 and (low.pop() > 0 or os.getpriority(os.PRIO_PROCESS, d.process.pid) >= 17)
    virsh(d, "schedinfo", guest, "--live", "--set", "cpu_shares=1024")
    assert priorities(d, guest) == {0}
    assert shown(d, "schedinfo", guest, "--live")["cpu_shares"] == "1024" and shown(d, "schedinfo", guest, "--config")["cpu_shares"] == "512"
    before = virsh(d, "dumpxml", guest)
    for words in (["schedinfo", guest, "--live", "--set", "vcpu_quota=50000"], ["memtune", guest, "--live", "--hard-limit", "500000"],
                  ["blkiotune", guest, "--live", "--weight", "200"]):
        assert "no control groups" in virsh(d, *words, fails=True)
    assert virsh(d, "dumpxml", guest) == before
    virsh(d, "destroy", guest)
    virsh(d, "memtune", guest, "--config", "--hard-limit", "500000")
    assert "memory_tune.hard_limit" in virsh(d, "start", guest, fails=True)


@pytest.mark.skipif(not GROUPS, reason="this host has no control groups of version 2 to use")
def test_running_with_groups(shared_daemon, guest):
    d = shared_daemon
    virsh(d, "memtune", guest, "--config", "--hard-limit", "500000")
    virsh(d, "start", guest, "--paused")
    group = TREE.parent / "skep" / d.get(f"/v1/domains/{guest}")["spec"]["uuid"]
    assert int((group / "memory.max").read_text()) == 500000 << 10
    virsh(d, "schedinfo", guest, "--live", "--set", "vcpu_quota=50000")
    assert (group / "vcpu0" / "cpu.max").read_text().split() == ["50000", "100000"]
    virsh(d, "destroy", guest)
    d.wait_until(lambda: not group.exists(), "the group to go")


def test_refused_by_name(shared_daemon):
    """What belongs to the host's administrator."""
    connection = libvirt.open(uri(shared_daemon))
    for call, words in ((lambda: connection.setMemoryParameters({"shm_pages_to_scan": 1}), "NODE_SET_MEMORY_PARAMETERS: how the host shares"),
                        (lambda: connection.interfaceDefineXML("<interface/>"), "INTERFACE_DEFINE_XML: links of the host"),
                        (lambda: connection.nodeDeviceCreateXML("<device/>"), "NODE_DEVICE_CREATE_XML: devices of the host")):
        with pytest.raises(libvirt.libvirtError, match=words) as refused:
            call()
        assert refused.value.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT
    connection.close()
