# SPDX-License-Identifier: LGPL-2.1-or-later
"""Links of guests as OpenStack, KubeVirt and Terraform write them: TAPs of their own, VLANs, port groups, Open vSwitch, routes."""
import json
import os

import pytest

from conftest import make_daemon
from libvirt_client import uri, valid, virsh

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")


def links(daemon):
    return {link["ifname"]: link for link in json.loads(daemon.run("ip", "-d", "-j", "link", capture_output=True, text=True).stdout)}


def domain(name, interface):
    return f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>" \
           f"<devices>{interface}</devices></domain>"


class Guests:
    """Domains that run without a disk, and are gone when the test is over."""

    def __init__(self, daemon):
        self.daemon, self.connection = daemon, libvirt.open(uri(daemon))

    def start(self, name, interface):
        known = [each for each in self.connection.listAllDomains() if each.name() == name]
        defined = known[0] if known else self.connection.defineXML(domain(name, interface))
        defined.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        return defined

    def fails(self, name, interface):
        with pytest.raises(libvirt.libvirtError) as caught:
            self.start(name, interface)
        return str(caught.value)

    def end(self):
        for each in self.connection.listAllDomains():
            if each.isActive():
                each.destroy()
            each.undefine()
        for network in self.connection.listAllNetworks():
            if network.name() != "default":
                active = network.isActive()
                if network.isPersistent():
                    network.undefine()
                if active:
                    network.destroy()
        self.connection.close()


@pytest.fixture
def guests(shared_daemon):
    made = Guests(shared_daemon)
    yield made
    made.end()


def make_link(daemon, *words):
    if words[0] not in links(daemon):
        daemon.run("ip", *(["tuntap", "add"] if words[-1] == "tap" else ["link", "add"]), *words)


# -- TAPs on their own ------------------------------------------------------------------------------


def test_ethernet_existing(shared_daemon, guests):
    own = "<interface type='ethernet'><target dev='tapf00d-01' managed='no'/><model type='virtio'/></interface>"
    assert "tapf00d-01" in guests.fails("given", own)
    make_link(shared_daemon, "tapf00d-01", "mode", "tap")
    before = links(shared_daemon)["tapf00d-01"]["address"]
    guest = guests.start("given", own)
    xml = valid(guest.XMLDesc(), "domain.rng")
    assert "<target dev='tapf00d-01' managed='no'/>" in xml.replace('"', "'")
    shared_daemon.run("ip", "link", "set", "tapf00d-01", "up")
    link = links(shared_daemon)["tapf00d-01"]
    assert link["address"] == before and "master" not in link and "NO-CARRIER" not in link["flags"]
    assert "another program has it open" in guests.fails("thief", own)
    assert "tapf00d-01" in virsh(shared_daemon, "domiflist", "given")
    guest.destroy()
    shared_daemon.wait_until(lambda: "NO-CARRIER" in links(shared_daemon)["tapf00d-01"]["flags"])
    shared_daemon.run("ip", "link", "del", "tapf00d-01")


def test_ethernet_made(shared_daemon, guests):
    guest = guests.start("made", "<interface type='ethernet'><target dev='calif00d'/><model type='virtio'/><mtu size='1440'/></interface>")
    link = links(shared_daemon)["calif00d"]
    assert "UP" in link["flags"] and link["mtu"] == 1440 and "master" not in link and link["address"].startswith("fe:")
    guest.destroy()
    shared_daemon.wait_until(lambda: "calif00d" not in links(shared_daemon))
    # One that somebody made before is taken, and stays.
    make_link(shared_daemon, "calif00d", "mode", "tap")
    guest.create()
    link = links(shared_daemon)["calif00d"]
    assert "UP" in link["flags"] and link["mtu"] == 1440
    guest.destroy()
    unnamed = guests.start("unnamed", "<interface type='ethernet'/>")
    unnamed.destroy()
    assert "calif00d" in links(shared_daemon)
    shared_daemon.run("ip", "link", "del", "calif00d")
    # Without a name it gets one.
    unnamed.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    assert "<target dev=" in unnamed.XMLDesc()


def test_ethernet_script(guests):
    assert "script" in guests.fails("scripted", "<interface type='ethernet'><script path='/bin/true'/></interface>")


# -- VLANs --------------------------------------------------------------------------------------------


def vlans(daemon, link):
    told = json.loads(daemon.run("bridge", "-j", "vlan", "show", "dev", link, capture_output=True, text=True).stdout)
    return {v["vlan"]: sorted(v.get("flags", [])) for v in told[0]["vlans"]}


@pytest.fixture(scope="module")
def filtering(shared_daemon):
    make_link(shared_daemon, "br-try", "type", "bridge")
    if shared_daemon.run("ip", "link", "set", "br-try", "type", "bridge", "vlan_filtering", "1", check=False, capture_output=True).returncode != 0:
        pytest.skip("this kernel's bridges do not filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING)")


def test_vlan_refused(shared_daemon, guests):
    make_link(shared_daemon, "br-plain", "type", "bridge")
    assert "vlan_filtering 1" in guests.fails("refused", "<interface type='bridge'><source bridge='br-plain'/><target dev='refused0'/><vlan><tag id='42'/></vlan></interface>")
    assert "refused0" not in links(shared_daemon)


def test_vlan(shared_daemon, guests, filtering):
    make_link(shared_daemon, "br-vlan", "type", "bridge")
    tagged = "<interface type='bridge'><source bridge='br-vlan'/><target dev='{0}'/><vlan{1}</vlan></interface>"
    access = tagged.format("access0", "><tag id='42'/>")
    shared_daemon.run("ip", "link", "set", "br-vlan", "type", "bridge", "vlan_filtering", "1")
    guests.start("access", access)
    assert vlans(shared_daemon, "access0") == {42: ["Egress Untagged", "PVID"]}
    guests.start("trunk", tagged.format("trunk0", " trunk='yes'><tag id='7' nativeMode='untagged'/><tag id='8'/>"))
    assert vlans(shared_daemon, "trunk0") == {7: ["Egress Untagged", "PVID"], 8: []}
    valid(guests.connection.lookupByName("trunk").XMLDesc(), "domain.rng")


def test_portgroups(shared_daemon, guests):
    network = guests.connection.networkDefineXML(
        "<network><name>groups</name><bridge name='brgroups'/><ip address='10.91.0.1' netmask='255.255.255.0'/>"
        "<portgroup name='plain' default='yes'/><portgroup name='sales'><bandwidth><inbound average='1000'/></bandwidth></portgroup></network>")
    network.create()
    valid(network.XMLDesc(), "network.rng")
    interface = "<interface type='network'><source network='groups' portgroup='{0}'/><target dev='{0}0'/></interface>"
    guests.start("sales", interface.format("sales"))
    assert "rate 8" in shared_daemon.run("tc", "qdisc", "show", "dev", "sales0", capture_output=True, text=True).stdout
    guests.start("plain", interface.format("plain"))
    assert "rate" not in shared_daemon.run("tc", "qdisc", "show", "dev", "plain0", capture_output=True, text=True).stdout
    assert "\"late\"" in guests.fails("late", interface.format("late"))
    virsh(shared_daemon, "net-update", "groups", "add", "portgroup", "<portgroup name='late'><bandwidth><inbound average='2000'/></bandwidth></portgroup>", "--live", "--config")
    guests.connection.lookupByName("late").create()
    assert "rate 16" in shared_daemon.run("tc", "qdisc", "show", "dev", "late0", capture_output=True, text=True).stdout
    virsh(shared_daemon, "net-update", "groups", "delete", "portgroup", "<portgroup name='plain'/>", "--config")
    assert "plain" in network.XMLDesc() and "plain" not in network.XMLDesc(1)


def test_vlan_of_a_portgroup(shared_daemon, guests, filtering):
    network = guests.connection.networkDefineXML(
        "<network><name>tagged</name><bridge name='brtagged'/><portgroup name='default' default='yes'><vlan><tag id='9'/></vlan></portgroup></network>")
    network.create()
    guests.start("tagged", "<interface type='network'><source network='tagged'/><target dev='tagged0'/></interface>")
    assert vlans(shared_daemon, "tagged0") == {9: ["Egress Untagged", "PVID"]}


def test_portgroup_of_a_bridge(shared_daemon, guests):
    """Of somebody else's bridge only the groups can be edited while it is up."""
    make_link(shared_daemon, "br-groups", "type", "bridge")
    network = guests.connection.networkCreateXML("<network><name>theirs</name><forward mode='bridge'/><bridge name='br-groups'/></network>")
    virsh(shared_daemon, "net-update", "theirs", "add", "portgroup", "<portgroup name='p'/>", "--live")
    assert "<portgroup name=" in network.XMLDesc()


@pytest.mark.parametrize("step", ["tap/vlan", "tap/openvswitch"])
def test_fault_of_a_port_leaves_no_link(step):
    with make_daemon(env={"SKEP_FAULT": step}) as daemon:
        daemon.start()
        daemon.run("ip", "link", "add", "br-f", "type", "bridge")
        made = Guests(daemon)
        before = set(links(daemon))
        kind = "<vlan><tag id='3'/></vlan>" if step == "tap/vlan" else "<virtualport type='openvswitch'/>"
        assert step in made.fails("port", f"<interface type='bridge'><source bridge='br-f'/>{kind}</interface>")
        assert set(links(daemon)) == before and daemon.qemu_pids() == []
        made.end()


# -- Open vSwitch ---------------------------------------------------------------------------------------

OVS = """#!/bin/sh
printf '%s\\n' "$*" >> {0}/ovs.log
test ! -e {0}/ovs.fail || {{ echo 'ovs-vsctl: no bridge named br-int' >&2; exit 1; }}
"""


def test_openvswitch(tmp_path):
    """The words that ovs-vsctl is given; a stand-in takes them down."""
    (tmp_path / "ovs-vsctl").write_text(OVS.format(tmp_path))
    (tmp_path / "ovs-vsctl").chmod(0o755)
    log, port = tmp_path / "ovs.log", "09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f"
    with make_daemon(env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}) as daemon:
        daemon.start()
        daemon.run("ip", "link", "add", "br-int", "type", "bridge")
        made = Guests(daemon)
        guest = made.start("ovs", f"<interface type='bridge'><source bridge='br-int'/><virtualport type='openvswitch'><parameters interfaceid='{port}'/>"
                           "</virtualport><mac address='52:54:00:00:91:01'/><target dev='ovs0'/><vlan><tag id='42'/></vlan></interface>")
        said = log.read_text()
        for part in ("--if-exists del-port ovs0 -- add-port br-int ovs0", "tag=42", f'external_ids:iface-id="{port}"',
                     'external_ids:attached-mac="52:54:00:00:91:01"', f'external_ids:vm-id="{guest.UUIDString()}"'):
            assert part in said, said
        valid(guest.XMLDesc(), "domain.rng")
        guest.destroy()
        daemon.wait_until(lambda: "ovs0" not in links(daemon))
        assert log.read_text().splitlines()[-1].endswith("--if-exists del-port ovs0")
        network = made.connection.networkDefineXML(
            "<network><name>ovsnet</name><forward mode='bridge'/><bridge name='br-int'/><virtualport type='openvswitch'/>"
            "<portgroup name='trunk'><vlan trunk='yes'><tag id='5' nativeMode='tagged'/><tag id='6'/></vlan></portgroup></network>")
        network.create()
        assert log.read_text().splitlines()[-1].endswith("br-exists br-int")
        made.start("grouped", "<interface type='network'><source network='ovsnet' portgroup='trunk'/></interface>")
        assert "vlan_mode=native-tagged tag=5 trunks=5,6" in log.read_text()
        (tmp_path / "ovs.fail").touch()
        before = set(links(daemon))
        assert "no bridge named br-int" in made.fails("late", "<interface type='network'><source network='ovsnet'/></interface>")
        assert set(links(daemon)) == before
        made.end()


def test_openvswitch_after_a_crash(tmp_path):
    """A daemon that dies between the port and the guest: the next one takes both the link and its port away."""
    (tmp_path / "ovs-vsctl").write_text(OVS.format(tmp_path))
    (tmp_path / "ovs-vsctl").chmod(0o755)
    with make_daemon(env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "SKEP_FAULT_EXIT": "tap/bandwidth"}) as daemon:
        daemon.start()
        daemon.run("ip", "link", "add", "br-int", "type", "bridge")
        made = Guests(daemon)
        made.fails("cut", "<interface type='bridge'><source bridge='br-int'/><virtualport type='openvswitch'/></interface>")
        daemon.wait_ended()
        left = [name for name in links(daemon) if name.startswith("skt")]
        assert len(left) == 1 and f"add-port br-int {left[0]}" in (tmp_path / "ovs.log").read_text()
        del daemon.env["SKEP_FAULT_EXIT"]
        daemon.start()
        daemon.wait_until(lambda: left[0] not in links(daemon))
        assert (tmp_path / "ovs.log").read_text().splitlines()[-1].endswith(f"--if-exists del-port {left[0]}")


# -- routes, dnsmasq's own words --------------------------------------------------------------------------

TERRAFORM = """<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
  <name>routed</name>
  <bridge name='brrouted'/>
  <ip address='10.92.0.1' netmask='255.255.255.0'/>
  <ip family='ipv6' address='fd92::1' prefix='64'/>
  <route address='10.93.0.0' prefix='16' gateway='10.92.0.7'/>
  <route family='ipv4' address='10.94.1.0' netmask='255.255.255.0' gateway='10.92.0.8' metric='5'/>
  <route family='ipv6' address='fd93::' prefix='64' gateway='fd92::7'/>
  <dnsmasq:options>
    <dnsmasq:option value='address=/.apps.test/10.92.0.50'/>
    <dnsmasq:option value='cname=www.apps.test,one.apps.test'/>
  </dnsmasq:options>
</network>
"""


def test_routes_and_options(shared_daemon, guests):
    network = guests.connection.networkDefineXML(TERRAFORM)
    xml = valid(network.XMLDesc(), "network.rng")
    assert guests.connection.networkDefineXML(xml).XMLDesc() == xml
    network.create()
    routes = shared_daemon.run("ip", "route", capture_output=True, text=True).stdout
    assert "10.93.0.0/16 via 10.92.0.7 dev brrouted" in routes and "10.94.1.0/24 via 10.92.0.8 dev brrouted proto static metric 5" in routes
    assert "fd93::/64 via fd92::7 dev brrouted" in shared_daemon.run("ip", "-6", "route", capture_output=True, text=True).stdout
    assert shared_daemon.run("dig", "+short", "+tries=1", "@10.92.0.1", "any.apps.test", capture_output=True, text=True).stdout.strip() == "10.92.0.50"
    # A change takes the old one away; what is there already is no obstacle to the next start.
    shared_daemon.do("PATCH", "/v1/networks/routed", {"routes": [{"subnet": "10.95.0.0/16", "gateway": "10.92.0.7"}]})
    routes = shared_daemon.run("ip", "route", capture_output=True, text=True).stdout
    assert "10.95.0.0/16 via 10.92.0.7" in routes and "10.93.0.0" not in routes
    network.destroy()
    shared_daemon.run("ip", "route", "add", "unreachable", "10.95.0.0/16")
    with pytest.raises(libvirt.libvirtError) as caught:
        network.create()
    assert "another route to 10.95.0.0/16" in str(caught.value) and "brrouted" not in links(shared_daemon)
    shared_daemon.run("ip", "route", "del", "unreachable", "10.95.0.0/16")


@pytest.mark.parametrize("line", ["dhcp-script=/bin/sh", "conf-file=/etc/passwd", "log-facility=/etc/cron.d/x", "user=root", "frobnicate"])
def test_options_refused(guests, line):
    with pytest.raises(libvirt.libvirtError) as caught:
        guests.connection.networkDefineXML(TERRAFORM.replace("address=/.apps.test/10.92.0.50", line))
    assert line.partition("=")[0] in str(caught.value)
