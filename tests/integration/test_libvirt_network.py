# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks through libvirt's front door: stock virsh and python3-libvirt."""

import pytest

from libvirt_client import refused, uri, valid, virsh

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")


FULL = """<network>
  <name>full</name>
  <uuid>6f6bd6f7-6f0c-4d2f-8f5e-0c1d6a2b0001</uuid>
  <metadata><app:note xmlns:app="http://example.com/app">kept</app:note></metadata>
  <forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward>
  <bridge name='lvbr0' stp='on' delay='0'/>
  <mac address='52:54:00:aa:00:01'/>
  <domain name='full.test' localOnly='yes'/>
  <dns>
    <forwarder domain='corp.test' addr='10.77.0.53'/>
    <txt name='note' value='hello'/>
    <host ip='10.77.0.5'><hostname>five</hostname><hostname>cinq</hostname></host>
    <srv service='ldap' protocol='tcp' domain='full.test' target='five.full.test' port='389' priority='1' weight='2'/>
  </dns>
  <ip address='10.77.0.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='10.77.0.100' end='10.77.0.150'/>
      <range start='10.77.0.200' end='10.77.0.210'/>
      <host mac='52:54:00:aa:00:10' name='ten' ip='10.77.0.10'/>
    </dhcp>
  </ip>
  <ip family='ipv6' address='fd77::1' prefix='64'/>
</network>
"""


def simple(name, number, more=""):
    return f"<network><name>{name}</name>{more}<forward mode='nat'/>" \
           f"<ip address='10.{number}.0.1' netmask='255.255.255.0'><dhcp><range start='10.{number}.0.2' end='10.{number}.0.90'/></dhcp></ip></network>"


@pytest.fixture
def connection(shared_daemon):
    opened = libvirt.open(uri(shared_daemon))
    yield opened
    for network in opened.listAllNetworks():
        if network.name() != "default":
            if network.isActive():
                network.destroy()
            try:
                network.undefine()
            except libvirt.libvirtError:
                pass
    opened.close()


def test_default(shared_daemon, connection):
    listed = virsh(shared_daemon, "net-list", "--all")
    assert "default" in listed and "active" in listed
    info = virsh(shared_daemon, "net-info", "default")
    assert "Persistent:     yes" in info and "Bridge:         skbr0" in info
    network = connection.networkLookupByName("default")
    assert connection.networkLookupByUUIDString(network.UUIDString()).name() == "default"
    xml = network.XMLDesc()
    valid(xml, "network.rng")
    assert xml == network.XMLDesc() and "<range start=" in xml
    assert network.bridgeName() == shared_daemon.get("/v1/networks/default")["status"]["bridge"]


def test_full_definition(shared_daemon, connection):
    network = connection.networkDefineXML(FULL)
    assert not network.isActive() and network.isPersistent() and not network.autostart()
    xml = network.XMLDesc()
    valid(xml, "network.rng")
    again = connection.networkDefineXML(xml).XMLDesc()
    assert again == xml
    for part in ("stp='on'", "<app:note", "port start='1024'", "10.77.0.200", "name='ten'", "hostname>cinq", "service='ldap'", "domain='corp.test'",
                 "prefix='64'"):
        assert part in xml, part
    network.create()
    assert network.isActive()
    links = shared_daemon.run("ip", "-d", "link", "show", "lvbr0", capture_output=True, text=True).stdout
    assert "stp_state 1" in links and "52:54:00:aa:00:01" in links
    rules = shared_daemon.run("nft", "list", "ruleset", capture_output=True, text=True).stdout
    assert "masquerade to :1024-65535" in rules
    answer = shared_daemon.run("dig", "+short", "+tries=1", "@10.77.0.1", "five", capture_output=True, text=True).stdout
    assert "10.77.0.5" in answer
    network.setAutostart(True)
    assert network.autostart()


def test_define_while_up(shared_daemon, connection):
    network = connection.networkDefineXML(simple("change", 78))
    network.create()
    uuid = network.UUIDString()
    changed = simple("change", 78, f"<uuid>{uuid}</uuid>").replace("10.78.0.90", "10.78.0.99")
    connection.networkDefineXML(changed)
    assert "10.78.0.90" in network.XMLDesc()
    assert "10.78.0.99" in network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
    assert shared_daemon.get("/v1/networks/change")["status"]["pending"]
    network.destroy()
    network.create()
    assert "10.78.0.99" in network.XMLDesc()
    assert "already" in refused(libvirt.VIR_ERR_OPERATION_FAILED, connection.networkDefineXML, simple("change", 79))


def test_state_survives_restart(daemon):
    connection = libvirt.open(uri(daemon))
    network = connection.networkDefineXML(simple("stays", 80))
    network.create()
    connection.networkDefineXML(simple("stays", 80, f"<uuid>{network.UUIDString()}</uuid>").replace("10.80.0.90", "10.80.0.99"))
    connection.networkCreateXML(simple("passing", 81))
    connection.close()
    daemon.restart()
    daemon.wait_until(lambda: all(daemon.get(f"/v1/networks/{name}")["status"]["active"] for name in ("stays", "passing")))
    connection = libvirt.open(uri(daemon))
    stays, passing = connection.networkLookupByName("stays"), connection.networkLookupByName("passing")
    assert "10.80.0.90" in stays.XMLDesc() and "10.80.0.99" in stays.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
    assert passing.isActive() and not passing.isPersistent()
    passing.destroy()
    refused(libvirt.VIR_ERR_NO_NETWORK, connection.networkLookupByName, "passing")
    connection.close()


def test_transient(connection):
    network = connection.networkCreateXML(simple("fleeting", 82))
    assert network.isActive() and not network.isPersistent()
    refused(libvirt.VIR_ERR_OPERATION_INVALID, network.setAutostart, True)
    refused(libvirt.VIR_ERR_OPERATION_INVALID, network.undefine)
    connection.networkDefineXML(network.XMLDesc())
    assert network.isPersistent() and network.isActive()
    network.undefine()
    assert network.isActive() and not network.isPersistent()
    network.destroy()
    refused(libvirt.VIR_ERR_NO_NETWORK, connection.networkLookupByName, "fleeting")


def test_update(shared_daemon, connection):
    network = connection.networkDefineXML(simple("edits", 83))
    network.create()
    host = "<host mac='52:54:00:aa:00:20' name='twenty' ip='10.83.0.20'/>"
    virsh(shared_daemon, "net-update", "edits", "add", "ip-dhcp-host", host, "--live", "--config")
    assert "twenty" in network.XMLDesc() and "twenty" in network.XMLDesc(1)
    refused(libvirt.VIR_ERR_OPERATION_FAILED, network.update, 3, 4, -1, host, 3)
    virsh(shared_daemon, "net-update", "edits", "modify", "ip-dhcp-host", host.replace("0.20'", "0.21'"), "--live")
    assert "10.83.0.21" in network.XMLDesc() and "10.83.0.20" in network.XMLDesc(1)
    virsh(shared_daemon, "net-update", "edits", "delete", "ip-dhcp-host", "<host mac='52:54:00:aa:00:20'/>", "--live", "--config")
    assert "twenty" not in network.XMLDesc() and "twenty" not in network.XMLDesc(1)
    virsh(shared_daemon, "net-update", "edits", "add", "ip-dhcp-range", "<range start='10.83.0.200' end='10.83.0.220'/>", "--config")
    assert "10.83.0.220" not in network.XMLDesc() and "10.83.0.220" in network.XMLDesc(1)
    virsh(shared_daemon, "net-update", "edits", "add-first", "dns-host", "<host ip='10.83.0.7'><hostname>seven</hostname></host>")
    assert "seven" in network.XMLDesc()
    assert "7" in shared_daemon.run("dig", "+short", "+tries=1", "@10.83.0.1", "seven", capture_output=True, text=True).stdout
    assert "forward-pf" in refused(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, network.update, 3, 8, -1, "<pf dev='x'/>", 0)


def test_edit_of_an_editor(shared_daemon, connection, monkeypatch):
    monkeypatch.setenv("EDITOR", "sed -i s/10.84.0.90/10.84.0.80/")
    connection.networkDefineXML(simple("edited", 84))
    virsh(shared_daemon, "net-edit", "edited")
    assert "10.84.0.80" in connection.networkLookupByName("edited").XMLDesc()


@pytest.mark.parametrize("xml, part", [
    ("<network><name>x</name><bandwidth><inbound average='1'/></bandwidth></network>", "bandwidth"),
    ("<network><name>x</name><portgroup name='p'/><portgroup name='p'/></network>", "\"p\""),
    ("<network><name>x</name><forward mode='hostdev'/></network>", "hostdev"),
    ("<network><name>x</name><frob/></network>", "frob"),
    ("<network><name>x</name><ip address='10.9.0.1' netmask='255.0.255.0'/></network>", "netmask"),
    ("<network><name>x</name><forward mode='nat'/></network>", "<ip>"),
])
def test_refused_by_name(connection, xml, part):
    with pytest.raises(libvirt.libvirtError) as caught:
        connection.networkDefineXML(xml)
    assert part in str(caught.value)


def test_bridge_and_isolated(shared_daemon, connection):
    shared_daemon.run("ip", "link", "add", "br-own", "type", "bridge")
    network = connection.networkDefineXML("<network><name>own</name><forward mode='bridge'/><bridge name='br-own'/></network>")
    network.create()
    assert network.bridgeName() == "br-own"
    valid(network.XMLDesc(), "network.rng")
    plain = connection.networkCreateXML("<network><name>plain</name></network>")
    valid(plain.XMLDesc(), "network.rng")
    assert "<ip" not in plain.XMLDesc() and "<forward" not in plain.XMLDesc()


def test_lists_and_read_only(shared_daemon, connection):
    connection.networkDefineXML(simple("listed", 85))
    assert connection.numOfNetworks() == 1 and "listed" in connection.listDefinedNetworks() and connection.numOfDefinedNetworks() >= 1
    assert [n.name() for n in connection.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_INACTIVE)] == ["listed"]
    assert "Expiry Time" in virsh(shared_daemon, "net-dhcp-leases", "default")
    viewer = libvirt.openReadOnly(uri(shared_daemon))
    refused(libvirt.VIR_ERR_OPERATION_DENIED, viewer.networkLookupByName("listed").create)
    viewer.close()
