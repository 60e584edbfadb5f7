# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host, its devices and links, and figures of domains through libvirt's front door: stock virsh and python3-libvirt."""
import os
import xml.etree.ElementTree as ET

import pytest

from libvirt_client import refused, uri, valid, virsh

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")


@pytest.fixture
def connection(shared_daemon):
    opened = libvirt.open(uri(shared_daemon))
    yield opened
    opened.close()


@pytest.fixture
def running(shared_daemon, tiny):
    """A domain of the tiny guest, with a disk and an interface."""
    name = f"figures{os.urandom(3).hex()}"
    shared_daemon.wait_until(lambda: shared_daemon.get("/v1/networks/default")["status"].get("active"), "the default network")
    shared_daemon.do("POST", "/v1/domains?start=true", shared_daemon.tiny_domain(
        name, tiny, memory={"current": "128M"}, vcpus={"current": 2}, disks=[{"size": 8 << 20}], interfaces=[{"network": "default"}], cmdline="skep.dhcp"))
    shared_daemon.wait_state(name, "running")
    yield name
    shared_daemon.do("DELETE", f"/v1/domains/{name}?volumes=true&force=true")


# -- what the host can do ----------------------------------------------------------------------------------------------------

def test_capabilities(connection):
    xml = connection.getCapabilities()
    valid(xml, "capability.rng")
    root = ET.fromstring(xml)
    assert root.findtext("host/cpu/arch") == os.uname().machine and root.findtext("host/cpu/model")
    guest = root.find("guest")
    assert guest.findtext("os_type") == "hvm" and guest.find("features/acpi").get("default") == "on"
    assert any(machine.text == "q35" and machine.get("canonical", "").startswith("pc-q35-") for machine in guest.findall("arch/machine"))
    assert "qemu" in [domain.get("type") for domain in guest.findall("arch/domain")]
    assert os.access(guest.findtext("arch/emulator"), os.X_OK)


@pytest.mark.parametrize("machine", [None, "q35", "pc"])
def test_domain_capabilities(connection, machine):
    xml = connection.getDomainCapabilities(None, None, machine, "qemu")
    valid(xml, "domaincaps.rng")
    root = ET.fromstring(xml)
    assert root.findtext("domain") == "qemu"
    modes = {mode.get("name"): mode for mode in root.findall("cpu/mode")}
    assert modes["custom"].find("model[@usable='yes']") is not None and modes["host-model"].findtext("model")
    assert "virtio" in [value.text for value in root.findall("devices/disk/enum[@name='bus']/value")]


def test_domain_capabilities_of_what_is_not_there(connection):
    refused(libvirt.VIR_ERR_INVALID_ARG, connection.getDomainCapabilities, None, None, "pdp11", "qemu")
    refused(libvirt.VIR_ERR_INVALID_ARG, connection.getDomainCapabilities, None, "s390x", None, None)
    refused(libvirt.VIR_ERR_INVALID_ARG, connection.getDomainCapabilities, None, None, None, "xen")


def test_version(shared_daemon, connection):
    assert "Running hypervisor: QEMU " in virsh(shared_daemon, "version")
    shared_daemon.wait_until(lambda: shared_daemon.get("/v1/node").get("qemu_version"))
    assert connection.getVersion() // 1000000 == int(shared_daemon.get("/v1/node")["qemu_version"].split(".")[0])


def test_cpu_models(shared_daemon, connection):
    models = connection.getCPUModelNames("x86_64")
    assert "Haswell" in models and "qemu64" in models
    assert connection.compareCPU("<cpu><model>qemu64</model></cpu>") in (1, 2)
    assert connection.compareCPU("<cpu><model>no-such-model</model></cpu>") == 0
    assert connection.compareCPU("<cpu><model>qemu64</model><feature policy='require' name='no-such-thing'/></cpu>") == 0
    same = connection.baselineCPU([connection.getCapabilities()])
    assert ET.fromstring(same).findtext("model") == ET.fromstring(connection.getCapabilities()).findtext("host/cpu/model")
    valid(same, "cpu.rng")
    older = connection.baselineCPU(["<cpu><model>Nehalem</model></cpu>", "<cpu><model>Haswell</model></cpu>"])
    assert ET.fromstring(older).findtext("model") == "Nehalem"
    assert "Nehalem" in virsh(shared_daemon, "cpu-models", "x86_64")


# -- figures of the host -----------------------------------------------------------------------------------------------------

def test_node_info(shared_daemon, connection):
    model, memory, cpus, mhz, nodes, sockets, cores, threads = connection.getInfo()
    assert model == os.uname().machine and cpus == os.sysconf("SC_NPROCESSORS_ONLN")
    assert nodes * sockets * cores * threads == cpus
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    assert abs(memory * 1024 * 1024 - total) <= 1 << 20
    assert "CPU model:" in virsh(shared_daemon, "nodeinfo")
    assert connection.getFreeMemory() > 0 and connection.getCellsFreeMemory(0, 1)[0] > 0
    assert {"total", "free", "buffers", "cached"} == set(connection.getMemoryStats(-1))
    assert {"kernel", "user", "idle", "iowait"} <= set(connection.getCPUStats(-1))
    assert connection.getCPUStats(0)["idle"] > 0
    refused(libvirt.VIR_ERR_INVALID_ARG, connection.getCPUStats, 9999)
    refused(libvirt.VIR_ERR_INVALID_ARG, connection.getMemoryStats, 99)
    total_cpus, cpu_map, online = connection.getCPUMap()
    assert online == sum(cpu_map) and total_cpus >= online
    assert connection.getMaxVcpus("kvm") >= 255
    assert connection.getSecurityModel() == ["", ""]
    assert connection.getFreePages([4], 0, 1)[0][4] > 0
    assert "shm_pages_to_scan" in connection.getMemoryParameters() or not os.path.exists("/sys/kernel/mm/ksm")
    for command in (["nodecpumap"], ["nodecpustats"], ["nodememstats"], ["freecell", "--all"], ["freepages", "--all"], ["maxvcpus"], ["domcapabilities"]):
        assert virsh(shared_daemon, *command).strip()


def test_sysinfo(connection):
    if os.path.exists("/sys/class/dmi/id/sys_vendor"):
        assert "<sysinfo type='smbios'>" in connection.getSysinfo()
    else:
        assert "SMBIOS" in refused(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, connection.getSysinfo)


# -- devices, links, filters ---------------------------------------------------------------------------------------------------

def test_node_devices(shared_daemon, connection):
    devices = connection.listAllDevices()
    names = [device.name() for device in devices]
    assert names[0] == "computer" and len(names) == len(set(names))
    for device in devices:
        xml = device.XMLDesc()
        valid(xml, "nodedev.rng")
        assert device.parent() is None if device.name() == "computer" else device.parent() in names
        assert device.isActive()
    nets = connection.listAllDevices(libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET)
    assert bool(nets) == bool(os.path.isdir("/sys/class/net") and os.listdir("/sys/class/net")) and all(device.listCaps() == ["net"] for device in nets)
    assert connection.numOfDevices(None) == len(names) and connection.listDevices("system") == ["computer"]
    refused(libvirt.VIR_ERR_NO_NODE_DEVICE, connection.nodeDeviceLookupByName, "pci_ffff_00_00_0")
    assert "computer" in virsh(shared_daemon, "nodedev-list", "--tree")
    refused(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, connection.nodeDeviceLookupByName("computer").dettach)


def test_interfaces(shared_daemon, connection):
    shared_daemon.wait_until(connection.networkLookupByName("default").isActive, "the default network")
    bridge = connection.networkLookupByName("default").bridgeName()
    interface = connection.interfaceLookupByName(bridge)
    valid(interface.XMLDesc(), "interface.rng")
    assert interface.isActive() and "<bridge" in interface.XMLDesc()
    assert connection.interfaceLookupByMACString(interface.MACString()).name() == bridge
    lo = connection.interfaceLookupByName("lo")
    valid(lo.XMLDesc(), "interface.rng")
    assert "lo" in virsh(shared_daemon, "iface-list", "--all").split() and lo.MACString() == "00:00:00:00:00:00"
    assert bridge in virsh(shared_daemon, "iface-list") and bridge in connection.listInterfaces()
    refused(libvirt.VIR_ERR_NO_INTERFACE, connection.interfaceLookupByName, "nothere0")
    refused(libvirt.VIR_ERR_NO_SUPPORT, connection.interfaceDefineXML, "<interface/>")


def test_nwfilters(shared_daemon, connection):
    assert connection.listAllNWFilters() == [] and connection.numOfNWFilters() == 0
    refused(libvirt.VIR_ERR_NO_NWFILTER, connection.nwfilterLookupByName, "clean-traffic")
    assert "not supported" in refused(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, connection.nwfilterDefineXML, "<filter name='x'/>")
    assert virsh(shared_daemon, "nwfilter-binding-list") is not None


# -- figures of domains ----------------------------------------------------------------------------------------------------------

def test_bulk_statistics(shared_daemon, connection, running):
    (domain, stats), = [entry for entry in connection.getAllDomainStats() if entry[0].name() == running]
    assert stats["state.state"] == 1 and stats["cpu.time"] > 0 and stats["vcpu.current"] == 2 and stats["vcpu.1.time"] >= 0
    assert stats["balloon.current"] == 128 * 1024 and stats["balloon.rss"] > 0
    assert stats["block.count"] == 1 and stats["block.0.name"] and stats["block.0.rd.reqs"] >= 0 and stats["block.0.capacity"] == 8 << 20
    assert stats["net.count"] == 1 and stats["net.0.name"] and stats["net.0.rx.bytes"] >= 0
    assert "cpu.time" in virsh(shared_daemon, "domstats", running)
    only = connection.domainListGetStats([domain], libvirt.VIR_DOMAIN_STATS_STATE)
    assert set(only[0][1]) == {"state.state", "state.reason"}
    later = connection.domainListGetStats([domain], libvirt.VIR_DOMAIN_STATS_CPU_TOTAL)[0][1]
    assert later["cpu.time"] >= stats["cpu.time"]


def test_single_figures(shared_daemon, connection, running):
    domain = connection.lookupByName(running)
    target = shared_daemon.get(f"/v1/domains/{running}")["spec"]["disks"][0]["target"]
    live = shared_daemon.get(f"/v1/domains/{running}")["live"]
    tap, mac = live["interfaces"][0]["tap"], live["interfaces"][0]["mac"]
    assert len(domain.blockStats(target)) == 5
    assert "rd_operations" in domain.blockStatsFlags(target)
    assert domain.blockInfo(target)[0] == 8 << 20
    assert domain.blockInfo(live["disks"][0]["path"])[0] == 8 << 20
    assert len(domain.interfaceStats(tap)) == 8 and len(domain.interfaceStats(mac)) == 8
    memory = domain.memoryStats()
    assert memory["actual"] == 128 * 1024 and memory["rss"] > 0
    assert domain.getCPUStats(True)[0]["cpu_time"] > 0
    infos, maps = domain.vcpus()
    assert len(infos) == 2 and any(maps[0])
    assert domain.diskErrors() == {}
    refused(libvirt.VIR_ERR_INVALID_ARG, domain.blockStats, "nothere")
    refused(libvirt.VIR_ERR_INVALID_ARG, domain.interfaceStats, "nothere")
    for command in (["domblkstat", running, target], ["domifstat", running, tap], ["dommemstat", running], ["domblkinfo", running, target],
                    ["vcpuinfo", running], ["cpu-stats", running, "--total"], ["domifaddr", running]):
        assert virsh(shared_daemon, *command).strip()
    rest = shared_daemon.get(f"/v1/domains/{running}/stats")
    assert rest["disks"][0]["target"] == target and rest["interfaces"][0]["link"] == tap and len(rest["cpus"]) == 2


def test_address_of_a_guest(shared_daemon, connection, running):
    domain = connection.lookupByName(running)
    shared_daemon.wait_until(lambda: domain.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE))
    (name, entry), = domain.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE).items()
    assert entry["addrs"][0]["prefix"] == 24 and name.startswith("sk")
    leases = connection.networkLookupByName("default").DHCPLeases()
    assert entry["addrs"][0]["addr"] in [lease["ipaddr"] for lease in leases]


def test_name_and_neighbours_of_a_guest(shared_daemon, connection, running):
    """The name that its lease has, and what the host's kernel has spoken to."""
    domain = connection.lookupByName(running)
    shared_daemon.wait_until(lambda: domain.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE), "the lease")
    assert virsh(shared_daemon, "domhostname", running, "--source", "lease").strip() == running
    (_, entry), = domain.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE).items()
    address = entry["addrs"][0]["addr"]

    def neighbours():
        shared_daemon.run("ping", "-c", "1", "-W", "1", address, capture_output=True, check=False)
        return domain.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP)
    shared_daemon.wait_until(neighbours, "the host's kernel to know the guest")
    (name, entry), = neighbours().items()
    assert name.startswith("sk") and address in [one["addr"] for one in entry["addrs"]]
    assert address in virsh(shared_daemon, "domifaddr", running, "--source", "arp")


def test_dirty_rate(shared_daemon, connection, running):
    status = "dirtyrate.calc_status"
    domain = connection.lookupByName(running)

    def figures():
        return connection.domainListGetStats([domain], libvirt.VIR_DOMAIN_STATS_DIRTYRATE)[0][1]
    assert figures()[status] == libvirt.VIR_DOMAIN_DIRTYRATE_UNSTARTED and "dirtyrate.megabytes_per_second" not in figures()
    virsh(shared_daemon, "domdirtyrate-calc", running, "--seconds", "1")
    assert figures()["dirtyrate.calc_period"] == 1
    shared_daemon.wait_until(lambda: figures()[status] == libvirt.VIR_DOMAIN_DIRTYRATE_MEASURED, "the measurement")
    assert "dirtyrate.megabytes_per_second" in virsh(shared_daemon, "domstats", running, "--dirtyrate")
    assert shared_daemon.get(f"/v1/domains/{running}/stats")["dirty_rate"]["state"] == "measured"
    refused(libvirt.VIR_ERR_INVALID_ARG, domain.startDirtyRateCalc, 61)


def test_figures_of_one_that_is_off(connection, shared_daemon):
    shared_daemon.do("POST", "/v1/domains", {"name": "still", "disks": [{"size": 1 << 20}]})
    domain = connection.lookupByName("still")
    stats = connection.domainListGetStats([domain])[0][1]
    assert stats["state.state"] == 5 and stats["block.count"] == 1 and "cpu.time" not in stats
    assert domain.blockInfo(stats["block.0.path"])[0] == 1 << 20
    refused(libvirt.VIR_ERR_OPERATION_INVALID, domain.memoryStats)
    refused(libvirt.VIR_ERR_OPERATION_INVALID, domain.blockStats, stats["block.0.name"])
    shared_daemon.do("DELETE", "/v1/domains/still?volumes=true")
