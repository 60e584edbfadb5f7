# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bindings of Python and Perl, and the ways over ssh: what programs do with libvirt."""
import getpass
import os
import re
import subprocess

import pytest

from stock import make_host, needs

pytest.importorskip("libvirt", reason="python3-libvirt is not installed")

# What a person writes: no knowledge of Skep in it.
READ_ONLY = """
import libvirt
conn = libvirt.openReadOnly(None)
print(conn.getInfo())
print(conn.getHostname(), conn.getType(), conn.getLibVersion())
for dom in conn.listAllDomains():
    print(dom.name(), dom.info())
try:
    conn.lookupByName('py1').destroy()
except libvirt.libvirtError as error:
    print('refused', error.get_error_code() == libvirt.VIR_ERR_OPERATION_DENIED)
"""

MANAGE = """
import sys, libvirt
conn = libvirt.open('qemu:///system')
dom = conn.defineXML(open(sys.argv[1]).read())
assert not dom.isActive() and dom.isPersistent()
dom.create()
assert dom.isActive() and dom.info()[0] == libvirt.VIR_DOMAIN_RUNNING and dom.ID() > 0
assert dom.state() == [libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED]
dom.suspend()
assert dom.state()[0] == libvirt.VIR_DOMAIN_PAUSED
dom.resume()
assert dom.name() in [d.name() for d in conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)]
stats = conn.getAllDomainStats(0, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE)
mine = next(values for d, values in stats if d.name() == dom.name())
assert mine['state.state'] == 1 and mine['vcpu.current'] == 1
dom.setAutostart(1)
assert dom.autostart() == 1
dom.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, '<me/>', 'x', 'http://example.org/x', libvirt.VIR_DOMAIN_AFFECT_CONFIG)
assert 'me' in dom.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, 'http://example.org/x', libvirt.VIR_DOMAIN_AFFECT_CONFIG)
try:
    conn.lookupByName('not there')
except libvirt.libvirtError as error:
    assert error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN
dom.destroy()
assert dom.state() == [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED]
dom.undefine()
conn.close()
print('done')
"""

EVENTS = """
import sys, threading, libvirt
libvirt.virEventRegisterDefaultImpl()
conn = libvirt.open('qemu:///system')
seen, closed = [], []
def life(conn, dom, event, detail, opaque):
    seen.append((dom.name(), event, detail))
def pool(conn, pool, event, detail, opaque):
    seen.append((pool.name(), 'pool', event))
def net(conn, net, event, detail, opaque):
    seen.append((net.name(), 'net', event))
conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, life, None)
conn.storagePoolEventRegisterAny(None, libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, pool, None)
conn.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, net, None)
conn.setKeepAlive(5, 3)
def work():
    mine = libvirt.open('qemu:///system')
    dom = mine.defineXML(open(sys.argv[1]).read())
    dom.create(); dom.suspend(); dom.resume(); dom.destroy(); dom.undefine()
    p = mine.storagePoolDefineXML("<pool type='dir'><name>evpool</name><target><path>/var/lib/libvirt/images/ev</path></target></pool>")
    p.build(); p.create(); p.destroy(); p.undefine()
    n = mine.networkDefineXML("<network><name>evnet</name><bridge name='evbr0'/></network>")
    n.create(); n.destroy(); n.undefine()
threading.Thread(target=work, daemon=True).start()
want = [(sys.argv[2], e, None) for e in (0, 2, 3, 4, 5, 1)] + [('evpool', 'pool', e) for e in (0, 4, 2, 3, 1)] + [('evnet', 'net', e) for e in (0, 2, 3, 1)]
def all_here():
    rest = list(seen)
    for name, kind, event in want:
        hits = [s for s in rest if s[0] == name and (s[1] == kind if event is None else s[1:] == (kind, event))]
        if not hits:
            return False
    return True
while not all_here():
    libvirt.virEventRunDefaultImpl()
    print(seen, flush=True)
print('done')
"""

PERL = r"""
use Sys::Virt;
my $conn = Sys::Virt->new(uri => $ARGV[0]);
print "host ", $conn->get_hostname(), " ", $conn->get_type(), "\n";
open(my $in, '<', $ARGV[1]) or die; local $/; my $xml = <$in>;
my $dom = $conn->define_domain($xml);
$dom->create();
print "active ", $dom->is_active() ? 1 : 0, " ", $dom->get_name(), "\n";
print "memory ", $dom->get_info()->{memory}, "\n";
$_->get_name() for $conn->list_all_domains();
$dom->destroy(); $dom->undefine();
eval { $conn->get_domain_by_name("not there") };
print "code ", $@->code, "\n";
"""


@pytest.fixture(scope="module")
def host():
    """One host for all tests of this file."""
    with make_host() as running:
        running.start()
        yield running


def test_python_read_only(host, tiny):
    host.define("py1", tiny)
    host.virsh("start", "py1")
    out = host.python(READ_ONLY)
    info = re.match(r"\['x86_64', (\d+), (\d+), (\d+), (\d+), (\d+), (\d+), (\d+)\]", out)
    assert info and int(info[1]) > 100 and int(info[2]) == os.cpu_count(), out
    assert f"{os.uname().nodename} QEMU" in out and "py1 [1, 98304" in out and "refused True" in out
    host.virsh("destroy", "py1")
    host.virsh("undefine", "py1")


def test_python_manage(host, tiny):
    out = host.python(MANAGE.replace("qemu:///system", host.uri), host.write("py2.xml", host.tiny_xml("py2", tiny)))
    assert out.endswith("done\n")


def test_python_events(host, tiny):
    out = host.python(EVENTS.replace("qemu:///system", host.uri).replace("/var/lib/libvirt/images", host.images),
                      host.write("py3.xml", host.tiny_xml("py3", tiny)), "py3")
    assert out.endswith("done\n")


def test_perl(host, tiny):
    needs("perl")
    if subprocess.run(["perl", "-MSys::Virt", "-e", "1"], capture_output=True).returncode != 0:
        pytest.skip("libsys-virt-perl is not installed")
    script = host.write("stock.pl", PERL)
    out = host.client("perl", script, host.uri, host.write("perl1.xml", host.tiny_xml("perl1", tiny)))
    assert "active 1 perl1" in out and "memory 98304" in out and "code 42" in out


# -- over ssh -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fleet(host):
    """sshd on two addresses of the host's own loopback, as two hosts of a fleet: their names."""
    needs("sshd", "ssh", "ssh-keygen")
    if not host.own_mounts:
        pytest.skip("no mount namespace here: ssh finds no plain /run/libvirt")
    top = host.root / "ssh"
    top.mkdir(mode=0o700)
    for name in ("host_key", "id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(top / name)], check=True)
    (top / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:22\nListenAddress 127.0.0.2:22\nHostKey {top}/host_key\nAuthorizedKeysFile {top}/id.pub\nStrictModes no\n"
        f"PidFile none\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n")
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    sshd = subprocess.Popen(host.prefix() + ["/usr/sbin/sshd", "-D", "-e", "-f", str(top / "sshd_config")],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(top / "log", "w"))
    host.wait_until(lambda: "listening on 127.0.0.2" in (top / "log").read_text() or sshd.poll() is not None, "sshd to listen")
    assert sshd.poll() is None, (top / "log").read_text()
    host.ssh_options = f"?keyfile={top}/id&no_verify=1"
    yield ["127.0.0.1", "127.0.0.2"]
    sshd.terminate()
    sshd.wait()


def over_ssh(host, name, more=""):
    return f"qemu+ssh://{getpass.getuser()}@{name}/system{host.ssh_options}{more}"


def test_fleet_loop(host, fleet, tiny):
    """for hv in $(cat hv.txt); do virsh -c qemu+ssh://user@$hv/system list; virsh ... nodeinfo; done"""
    host.define("fleet1", tiny)
    host.virsh("start", "fleet1")
    listing = host.write("hv.txt", "\n".join(fleet) + "\n")
    loop = (f"for hv in $(cat {listing}); do virsh -c \"qemu+ssh://{getpass.getuser()}@$hv/system{host.ssh_options}\" list; "
            f"virsh -c \"qemu+ssh://{getpass.getuser()}@$hv/system{host.ssh_options}\" nodeinfo; done")
    out = host.client("sh", "-c", loop)
    assert len(re.findall(r"^ \d+\s+fleet1\s+running$", out, re.M)) == 2, out
    assert out.count("CPU model:") == 2
    host.virsh("destroy", "fleet1")


@pytest.mark.parametrize("proxy", ["native", "netcat"])
def test_both_ways_over_ssh(host, fleet, proxy):
    """virt-ssh-helper, and nc where there is none."""
    needs("virt-ssh-helper" if proxy == "native" else "nc")
    assert re.search("^Running hypervisor: QEMU", host.virsh("-c", over_ssh(host, fleet[0], f"&proxy={proxy}"), "version"), re.M)


def test_read_only_over_ssh(host, fleet):
    done = host.virsh("-r", "-c", over_ssh(host, fleet[0]), "net-list")
    assert "Name" in done
