# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks of a private daemon, as guests and the host see them."""
import http.client
import ipaddress
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import make_daemon
from libvirt_client import virsh
from skep import BUILD, in_netns
from streams import Console, Events

# -- what the host shows -------------------------------------------------------


def output(daemon, *argv):
    return daemon.run(*argv, capture_output=True, text=True).stdout


def links(daemon):
    return {link["ifname"]: link for link in json.loads(output(daemon, "ip", "-j", "-d", "addr", "show"))}


def addresses(daemon, link):
    return {f"{a['local']}/{a['prefixlen']}" for a in links(daemon)[link]["addr_info"] if a["scope"] == "global"}


def ruleset(daemon):
    return output(daemon, "nft", "list", "ruleset")


def dnsmasqs(daemon):
    """Processes that read a configuration below the daemon's directory, by network."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if words and words[0].endswith("dnsmasq") and str(daemon.root) in " ".join(words):
            path = next(word for word in words if str(daemon.root) in word).split("=")[-1]
            found[Path(path).parent.name] = int(entry.name)
    return found


def settle(daemon):
    """Waits until the networks that start with the daemon are up or have said why not."""
    daemon.wait_until(lambda: all(n["status"].get("active") or n["status"].get("message") or not n["spec"].get("autostart", True)
                                  for n in daemon.items("/v1/networks")), "networks to be up")


def network(daemon, name):
    return daemon.get(f"/v1/networks/{name}")


def create(daemon, name, **spec):
    daemon.do("POST", "/v1/networks?start=true", {"name": name, **spec})
    return network(daemon, name)["spec"]


def remove(daemon, name):
    if network(daemon, name)["status"].get("active"):
        daemon.do("POST", f"/v1/networks/{name}/stop")
    daemon.do("DELETE", f"/v1/networks/{name}")


def host_of(subnet):
    return subnet.split("/")[0]


# -- guests ---------------------------------------------------------------------


def boot(daemon, tiny, name, *nics, wait=True):
    daemon.do("POST", "/v1/domains", daemon.tiny_domain(name, tiny, cmdline="skep.dhcp", interfaces=list(nics)))
    daemon.do("POST", f"/v1/domains/{name}/start")
    if wait:
        daemon.wait_console(name, "skep-tiny address eth0")
    return daemon.get(f"/v1/domains/{name}")


def guest_run(daemon, name, command):
    """Runs a line in the guest's shell: what it printed."""
    with Console(daemon, name) as console:
        console.take_over()
        console.write(f"\necho B'EGIN'-{id(console)}; {command}; echo E'ND'-{id(console)}\n")
        console.wait(f"END-{id(console)}")
        return console.text.rsplit(f"BEGIN-{id(console)}", 1)[1].rsplit(f"END-{id(console)}", 1)[0]


def guest_address(daemon, name):
    found = daemon.get(f"/v1/domains/{name}")["status"].get("addresses") or []
    return next((a["address"] for a in found if ":" not in a["address"]), None)


def drop(daemon, name):
    daemon.do("POST", f"/v1/domains/{name}/destroy")
    daemon.do("DELETE", f"/v1/domains/{name}")


@pytest.fixture(scope="module")
def web1(shared_daemon, tiny):
    """A guest on the default network."""
    settle(shared_daemon)
    with Events(shared_daemon) as events:
        boot(shared_daemon, tiny, "web1", {"network": "default"})
        events.wait(lambda event: event["type"] == "domain.addresses" and event["object"] == "domain/web1")
        events.wait(lambda event: event["type"] == "network.leases" and event["object"] == "network/default")
    return "web1"


# -- the default network ---------------------------------------------------------


def test_default_comes_up_by_itself(shared_daemon):
    settle(shared_daemon)
    default = network(shared_daemon, "default")
    assert default["status"]["active"] and default["spec"]["forward"] == "nat"
    bridge = default["status"]["bridge"]
    assert default["spec"]["ipv4"] in addresses(shared_daemon, bridge)
    assert "default" in dnsmasqs(shared_daemon)
    assert f'"{bridge}"' in ruleset(shared_daemon)
    assert output(shared_daemon, "sysctl", "-n", "net.ipv4.ip_forward").strip() == "1"


def test_lease_is_shown_everywhere(shared_daemon, web1):
    address = guest_address(shared_daemon, web1)
    subnet = ipaddress.ip_interface(network(shared_daemon, "default")["spec"]["ipv4"]).network
    assert ipaddress.ip_address(address) in subnet
    assert f"skep-tiny address eth0 {address}" in shared_daemon.console_text(web1)
    lease = shared_daemon.items("/v1/networks/default/leases")[0]
    mac = shared_daemon.get("/v1/domains/web1")["spec"]["interfaces"][0]["mac"]
    assert (lease["mac"], lease["ip"], lease["domain"]) == (mac, address, "web1")
    assert address in shared_daemon.skep("net", "leases", "default").stdout
    assert address in shared_daemon.skep("show", "web1").stdout
    assert network(shared_daemon, "default")["status"]["connected"] == 1


def test_names_resolve_in_guests_and_on_the_host(shared_daemon, web1):
    address = guest_address(shared_daemon, web1)
    server = host_of(network(shared_daemon, "default")["spec"]["ipv4"])
    assert output(shared_daemon, "dig", "+short", f"@{server}", "web1.default.skep").strip() == address
    assert output(shared_daemon, "dig", "+short", f"@{server}", "-x", address).strip() == "web1.default.skep."
    assert address in guest_run(shared_daemon, web1, "nslookup web1.default.skep")
    # What nobody has is said to be nobody's, without asking the world.
    assert "NXDOMAIN" in output(shared_daemon, "dig", f"@{server}", "nobody.default.skep")


def test_programs_of_the_host_know_guests(shared_daemon, web1):
    """The NSS module, as "hosts: files skep" in nsswitch.conf would have it."""
    address = guest_address(shared_daemon, web1)
    hosts = shared_daemon.root / "run" / "hosts"
    shared_daemon.wait_until(lambda: hosts.exists() and f"{address}\tweb1.default.skep\n" in hosts.read_text(), "the hosts file")
    assert hosts.stat().st_mode & 0o777 == 0o644

    module = BUILD / "src" / "nss"
    loaded = subprocess.run(["ldd", str(module / "libnss_skep.so.2")], capture_output=True, text=True, check=True).stdout
    sanitizer = re.search(r"libasan\S* => (\S+)", loaded)  # which must be the first library of a program
    env = dict(os.environ, LD_LIBRARY_PATH=str(module), SKEP_NSS_HOSTS=str(hosts),
               **({"LD_PRELOAD": sanitizer.group(1), "ASAN_OPTIONS": "detect_leaks=0"} if sanitizer else {}))

    def ask(name):
        return subprocess.run(["getent", "-s", "skep", "ahosts", name], capture_output=True, text=True, env=env)

    assert address in ask("web1.default.skep").stdout
    assert address in ask("WEB1.default.SKEP").stdout
    for name in ("nobody.default.skep", "web1", "web1.default.skep.example"):
        assert ask(name).returncode == 2, ask(name)


def test_guest_cannot_take_a_name(shared_daemon, web1):
    """What a guest calls itself in DHCP is not believed."""
    server = host_of(network(shared_daemon, "default")["spec"]["ipv4"])
    guest_run(shared_daemon, web1, "udhcpc -q -n -i eth0 -x hostname:wpad -s /bin/udhcpc-script")
    assert output(shared_daemon, "dig", "+short", f"@{server}", "wpad.default.skep") == ""


def test_static_address_is_obeyed_and_changed_live(shared_daemon, tiny, web1):
    subnet = ipaddress.ip_interface(network(shared_daemon, "default")["spec"]["ipv4"]).network
    first, second = str(subnet[77]), str(subnet[78])
    domain = boot(shared_daemon, tiny, "fixed", {"network": "default", "ipv4": first})
    shared_daemon.wait_until(lambda: guest_address(shared_daemon, "fixed") == first, "the static address")
    mac = domain["spec"]["interfaces"][0]["mac"]

    # Somebody else's is refused, naming whose it is.
    status, code, sentence = shared_daemon.fails("PATCH", f"/v1/domains/fixed/interfaces/{mac}",
                                                 {"ipv4": host_of(network(shared_daemon, "default")["spec"]["ipv4"])})
    assert (status, code) == (409, "exists") and "the host's own" in sentence, sentence
    for key, wrong, word in (("ipv4", "10.250.0.1", "not in the subnet"), ("ipv6", "fd99::1", "no IPv6")):
        status, code, sentence = shared_daemon.fails("PATCH", f"/v1/domains/fixed/interfaces/{mac}", {key: wrong})
        assert (status, code) == (400, "invalid") and word in sentence, sentence
    status, code, sentence = shared_daemon.fails("POST", "/v1/domains", shared_daemon.paused_domain(
        "thief", interfaces=[{"network": "default", "ipv4": first}]))
    assert (status, code) == (409, "exists") and '"fixed"' in sentence, sentence

    shared_daemon.do("PATCH", f"/v1/domains/fixed/interfaces/{mac}", {"ipv4": second})
    server = host_of(network(shared_daemon, "default")["spec"]["ipv4"])
    shared_daemon.wait_until(lambda: output(shared_daemon, "dig", "+short", f"@{server}", "fixed.default.skep").strip() == second,
                             "DNS to follow")
    guest_run(shared_daemon, "fixed", "ifconfig eth0 0.0.0.0; udhcpc -q -n -i eth0 -s /bin/udhcpc-script")
    shared_daemon.wait_until(lambda: guest_address(shared_daemon, "fixed") == second, "the new static address")
    taps = [n for n in links(shared_daemon) if links(shared_daemon)[n].get("linkinfo", {}).get("info_kind") == "tun"]
    assert len(taps) == 2
    drop(shared_daemon, "fixed")
    shared_daemon.wait_until(lambda: len([n for n, l in links(shared_daemon).items()
                                          if l.get("linkinfo", {}).get("info_kind") == "tun"]) == 1, "the TAP to be gone")
    hosts = shared_daemon.root / "run" / "hosts"
    shared_daemon.wait_until(lambda: "fixed.default.skep" not in hosts.read_text(), "the name to be gone")


def test_name_goes_to_the_next_domain_of_that_name(shared_daemon, tiny):
    """A domain gone, its lease is given back, and its name is its successor's."""
    settle(shared_daemon)
    server = host_of(network(shared_daemon, "default")["spec"]["ipv4"])
    for _ in range(2):
        domain = boot(shared_daemon, tiny, "again", {"network": "default"})
        shared_daemon.wait_until(lambda: guest_address(shared_daemon, "again") is not None, "an address")
        address = guest_address(shared_daemon, "again")
        assert output(shared_daemon, "dig", "+short", f"@{server}", "again.default.skep").split() == [address]
        drop(shared_daemon, "again")
        mac = domain["spec"]["interfaces"][0]["mac"]
        shared_daemon.wait_until(lambda: mac not in [lease["mac"] for lease in shared_daemon.items("/v1/networks/default/leases")],
                                 "the lease to be gone")


@pytest.mark.parametrize("how", ["stopped", "swept"])
def test_leases_of_the_dead_are_given_back(daemon, tiny, how):
    """Of a network that is stopped, and of a domain whose deletion the daemon did not survive; others keep theirs."""
    settle(daemon)
    spec = create(daemon, "six", ipv4="192.168.177.1/24", ipv6="fd00:177::1/64", forward="isolated")
    nic = {"network": "six", "mac": "52:54:00:00:77:01"}
    daemon.do("POST", "/v1/domains", daemon.paused_domain("dead", interfaces=[nic]))
    records = daemon.root / "run" / "networks" / "six" / "dhcp-hosts"
    daemon.wait_until(lambda: any(nic["mac"] in f.read_text() for f in records.iterdir()), "its record")
    owner = next(f for f in records.iterdir() if nic["mac"] in f.read_text())
    leases = daemon.root / "lib" / "networks" / "six.leases"
    daemon.do("POST", "/v1/networks/six/stop")
    duid = "00:03:00:01:52:54:00:00:77:01"
    leases.write_text("4000000000 52:54:00:00:77:01 192.168.177.50 dead 01:52:54:00:00:77:01\n"
                      "4000000000 52:54:00:00:77:02 192.168.177.51 * *\n"
                      "4000000000 52:54:00:00:77:03 ; reboot\n"
                      "duid 00:01:00:01:31:11:22:33:02:00:00:00:00:01\n"
                      f"4000000000 77 fd00:177::150 * {duid}\n")
    if how == "stopped":
        daemon.do("DELETE", "/v1/domains/dead")
    else:
        daemon.do("POST", "/v1/networks/six/start")
        record = owner.read_text()
        daemon.do("DELETE", "/v1/domains/dead")
        daemon.wait_until(lambda: not owner.exists(), "the record to be gone")
        daemon.kill()
        os.kill(dnsmasqs(daemon)["six"], signal.SIGKILL)
        leases.write_text("4000000000 52:54:00:00:77:01 192.168.177.50 dead *\n4000000000 52:54:00:00:77:02 192.168.177.51 * *\n")
        owner.write_text(record)
        daemon.start()
        settle(daemon)
    daemon.wait_until(lambda: "77:01" not in leases.read_text(), "the leases to be gone")
    assert "192.168.177.51" in leases.read_text() and spec["bridge"]


def test_names_follow_the_networks_domain(shared_daemon, web1):
    """A running network's DNS domain is changed: guests are found under the new one, by the host's programs too."""
    server = host_of(network(shared_daemon, "default")["spec"]["ipv4"])
    address = guest_address(shared_daemon, web1)
    hosts = shared_daemon.root / "run" / "hosts"
    for domain in ("lab.example", "default.skep"):
        shared_daemon.do("PATCH", "/v1/networks/default", {"domain": domain})
        shared_daemon.wait_until(lambda: output(shared_daemon, "dig", "+short", f"@{server}", f"web1.{domain}").strip() == address, domain)
        shared_daemon.wait_until(lambda: f"{address}\tweb1.{domain}\n" in hosts.read_text(), "the hosts file")
        assert guest_address(shared_daemon, web1) == address


def test_used_network_stays(shared_daemon, web1):
    for method, path in (("POST", "/v1/networks/default/stop"), ("DELETE", "/v1/networks/default")):
        status, code, sentence = shared_daemon.fails(method, path)
        assert (status, code) == (409, "in-use") and "has an interface on it" in sentence, sentence


def test_used_network_stopped_by_force(shared_daemon, web1):
    """Its guests lose their bridge, and get it back when it starts."""
    tap = shared_daemon.get(f"/v1/domains/{web1}")["live"]["interfaces"][0]["tap"]
    virsh(shared_daemon, "net-destroy", "default")
    assert "master" not in output(shared_daemon, "ip", "link", "show", tap)
    assert shared_daemon.state(web1) == "running"
    virsh(shared_daemon, "net-start", "default")
    bridge = network(shared_daemon, "default")["status"]["bridge"]
    assert f"master {bridge}" in output(shared_daemon, "ip", "link", "show", tap)
    shared_daemon.do("POST", "/v1/networks/default/stop?force=true")
    shared_daemon.do("POST", "/v1/networks/default/start")
    assert f"master {bridge}" in output(shared_daemon, "ip", "link", "show", tap)
    guest_address(shared_daemon, web1)


# -- kinds of networks ----------------------------------------------------------------


@pytest.mark.parametrize("forward", ["nat", "route", "isolated"])
def test_life_of_a_network(shared_daemon, forward):
    settle(shared_daemon)
    before, links_before, rules_before = dnsmasqs(shared_daemon), set(links(shared_daemon)), ruleset(shared_daemon)
    name = f"life-{forward}"
    spec = create(shared_daemon, name, forward=forward)
    bridge = network(shared_daemon, name)["status"]["bridge"]
    assert spec["ipv4"] in addresses(shared_daemon, bridge)
    assert f'"{bridge}"' in ruleset(shared_daemon)
    assert set(dnsmasqs(shared_daemon)) - set(before) == {name}

    shared_daemon.do("PATCH", f"/v1/networks/{name}", {"ipv4": "10.99.1.1/24", "lease_time": 600})
    assert addresses(shared_daemon, bridge) == {"10.99.1.1/24"}
    # Nothing of an isolated network is let through anyhow, whatever its addresses.
    assert forward == "isolated" or "10.99.1" in ruleset(shared_daemon)

    shared_daemon.do("POST", f"/v1/networks/{name}/stop")
    assert set(links(shared_daemon)) == links_before
    assert name not in dnsmasqs(shared_daemon)
    assert ruleset(shared_daemon) == rules_before
    assert shared_daemon.fails("POST", f"/v1/networks/{name}/stop")[1] == "state"
    shared_daemon.do("POST", f"/v1/networks/{name}/start")
    assert addresses(shared_daemon, bridge) == {"10.99.1.1/24"}
    shared_daemon.do("DELETE", f"/v1/networks/{name}")

    assert set(links(shared_daemon)) == links_before
    assert ruleset(shared_daemon) == rules_before
    assert set(dnsmasqs(shared_daemon)) == set(before)
    left = [str(path) for path in Path(shared_daemon.root).rglob("*") if name in str(path)]
    assert left == []


def test_network_onto_an_existing_bridge(shared_daemon, tiny):
    shared_daemon.run("ip", "link", "add", "br-theirs", "type", "bridge")
    shared_daemon.run("ip", "link", "set", "br-theirs", "up")
    before = ruleset(shared_daemon)
    create(shared_daemon, "theirs", forward="bridge", bridge="br-theirs")
    boot(shared_daemon, tiny, "on-theirs", {"network": "theirs"}, wait=False)
    domain = shared_daemon.get("/v1/domains/on-theirs")
    tap = [n for n, l in links(shared_daemon).items() if l.get("master") == "br-theirs"]
    assert len(tap) == 1, domain
    drop(shared_daemon, "on-theirs")
    remove(shared_daemon, "theirs")
    assert "br-theirs" in links(shared_daemon)
    assert ruleset(shared_daemon) == before
    status, _, sentence = shared_daemon.fails("POST", "/v1/networks?start=true",
                                              {"name": "nowhere", "forward": "bridge", "bridge": "br-nowhere"})
    assert "br-nowhere" in sentence


def test_ipv6_network(shared_daemon, tiny):
    create(shared_daemon, "six", ipv4="10.66.0.1/24", ipv6="fd66::1/64")
    bridge = network(shared_daemon, "six")["status"]["bridge"]
    assert addresses(shared_daemon, bridge) == {"10.66.0.1/24", "fd66::1/64"}
    boot(shared_daemon, tiny, "six1", {"network": "six", "ipv6": "fd66::42"})
    # The tiny guest has no DHCPv6 client: it takes what it would be given.
    guest_run(shared_daemon, "six1", "ip -6 addr add fd66::42/64 dev eth0")
    assert "ip6" in ruleset(shared_daemon)
    assert output(shared_daemon, "dig", "+short", "@fd66::1", "six1.six.skep", "AAAA").strip() == "fd66::42"
    # The address counts once the guest's kernel has seen that nobody else has it.
    shared_daemon.wait_until(lambda: "1 packets received" in guest_run(shared_daemon, "six1", "ping -6 -c 1 -W 1 fd66::1"), "an answer")
    drop(shared_daemon, "six1")
    remove(shared_daemon, "six")


# -- refusals ----------------------------------------------------------------------------


def test_overlap_with_a_route_of_the_host(shared_daemon):
    shared_daemon.run("ip", "link", "add", "wan0", "type", "veth", "peer", "name", "wan9")
    shared_daemon.run("ip", "addr", "add", "10.50.0.9/16", "dev", "wan0")
    shared_daemon.run("ip", "link", "set", "wan0", "up")
    status, code, sentence = shared_daemon.fails("POST", "/v1/networks?start=true", {"name": "clash", "ipv4": "10.50.7.1/24"})
    assert (status, code) == (409, "in-use"), sentence
    assert "10.50.0." in sentence and "wan0" in sentence
    assert all(n["spec"]["name"] != "clash" for n in shared_daemon.items("/v1/networks"))
    shared_daemon.run("ip", "link", "del", "wan0")


def test_overlap_with_another_network(shared_daemon):
    settle(shared_daemon)
    taken = network(shared_daemon, "default")["spec"]["ipv4"]
    status, code, sentence = shared_daemon.fails("POST", "/v1/networks", {"name": "clash", "ipv4": taken})
    assert (status, code) == (409, "in-use") and taken in sentence, sentence


def test_bridge_name_in_use(shared_daemon):
    shared_daemon.run("ip", "link", "add", "mine0", "type", "bridge")
    for body in ({"name": "clash", "bridge": "mine0"}, {"name": "clash", "bridge": network(shared_daemon, "default")["spec"]["bridge"]}):
        status, code, sentence = shared_daemon.fails("POST", "/v1/networks?start=true", body)
        assert (status, code) == (409, "exists") and f'"{body["bridge"]}"' in sentence, sentence
    assert "mine0" in links(shared_daemon)
    shared_daemon.run("ip", "link", "del", "mine0")


@pytest.mark.parametrize("spec, word", [
    ({"name": "a/b"}, "a/b"), ({"name": "x" * 10000}, "name"), ({"name": ""}, "name"),
    ({"name": "n", "ipv4": "10.1.2.3"}, "10.1.2.3"), ({"name": "n", "ipv4": "10.1.2.0/33"}, "10.1.2.0/33"),
    ({"name": "n", "ipv4": "10.1.2.1/24", "dhcp_start": "10.9.9.9", "dhcp_end": "10.9.9.19"}, "10.9.9.9"),
    ({"name": "n", "ipv6": "10.1.2.1/24"}, "IPv4"), ({"name": "n", "bridge": "a-name-much-too-long"}, "bridge"),
    ({"name": "n", "domain": "bad domain"}, "domain"), ({"name": "n", "forward": "tunnel"}, "tunnel"),
    ({"name": "n", "colour": "red"}, "colour"), ({"name": "n", "forward": "bridge"}, "bridge"),
    ({"name": "n", "ipv4": "127.0.0.1/8"}, "127.0.0"), ({"name": "n", "ipv4": "10.1.2.0/24"}, "10.1.2.0"),
    ({"name": "n", "ipv4": "224.0.0.1/24"}, "224.0.0.1"), ({"name": "n", "ipv4": "10.1.2.255/24"}, "10.1.2.255"),
    ({"name": "n", "ipv4": "10.1.2.1/24", "dhcp_start": "10.1.2.90", "dhcp_end": "10.1.2.20"}, "10.1.2.90"),
])
def test_nonsense_is_refused(shared_daemon, spec, word):
    status, code, sentence = shared_daemon.fails("POST", "/v1/networks?start=true", spec)
    assert status == 400 and code == "invalid", (status, code, sentence)
    assert word in sentence, sentence
    assert len(sentence) < 1000
    assert all(n["spec"]["name"] != "n" for n in shared_daemon.items("/v1/networks"))


# -- rules ----------------------------------------------------------------------------------


FOREIGN = """table inet theirs {
    set s { type ipv4_addr; elements = { 203.0.113.1 }; }
    chain c {
        type filter hook forward priority 5;
        ip saddr @s counter drop;
    }
}
"""


def test_foreign_table_stays_as_it_is():
    with make_daemon() as daemon:
        daemon.run("nft", "-f", "-", input=FOREIGN.encode())
        before = output(daemon, "nft", "-j", "-a", "list", "table", "inet", "theirs")
        daemon.start()
        settle(daemon)
        create(daemon, "more")
        tables = {line for line in output(daemon, "nft", "list", "tables").splitlines()}
        assert len(tables) == 2
        remove(daemon, "more")
        daemon.do("DELETE", "/v1/networks/default")
        assert output(daemon, "nft", "-j", "-a", "list", "table", "inet", "theirs") == before
        # With the last network our table goes too.
        assert output(daemon, "nft", "list", "tables").splitlines() == ["table inet theirs"]


def test_two_networks_started_at_once(shared_daemon):
    settle(shared_daemon)
    jobs = [shared_daemon.request("POST", "/v1/networks?start=true", {"name": name}).json for name in ("tick", "tack", "tock")]
    for job in jobs:
        shared_daemon.wait_until(lambda: shared_daemon.get(f"/v1/jobs/{job['id']}")["state"] not in ("queued", "running"), "the job")
        assert shared_daemon.get(f"/v1/jobs/{job['id']}")["state"] == "done", shared_daemon.get(f"/v1/jobs/{job['id']}")
    rules = ruleset(shared_daemon)
    subnets = set()
    for name in ("tick", "tack", "tock", "default"):
        found = network(shared_daemon, name)
        assert f'"{found["status"]["bridge"]}"' in rules
        subnets.add(found["spec"]["ipv4"])
    assert len(subnets) == 4
    for name in ("tick", "tack", "tock"):
        remove(shared_daemon, name)


def test_guests_reach_out_behind_the_hosts_address(shared_daemon, web1):
    """A second namespace is the world; it sees the host's address, not the guest's."""
    world = shared_daemon.netns + "w"
    subprocess.run(["ip", "netns", "add", world], check=True)
    try:
        shared_daemon.run("ip", "link", "add", "wan1", "type", "veth", "peer", "name", "wan2", "netns", world)
        shared_daemon.run("ip", "addr", "add", "198.51.100.1/24", "dev", "wan1")
        shared_daemon.run("ip", "link", "set", "wan1", "up")
        for argv in (["addr", "add", "198.51.100.2/24", "dev", "wan2"], ["link", "set", "wan2", "up"]):
            subprocess.run(in_netns(world) + ["ip"] + argv, check=True)
        server = subprocess.Popen(in_netns(world) + ["/usr/bin/python3", "-u", "-c",
                                   "import socket; s = socket.create_server(('198.51.100.2', 80)); print('up')\n"
                                   "c, a = s.accept(); print(a[0]); c.sendall(b'hello from the world\\n'); c.close()"],
                                  stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "up\n"
        assert "hello from the world" in guest_run(shared_daemon, web1, "nc 198.51.100.2 80 </dev/null")
        assert server.stdout.readline() == "198.51.100.1\n"
        server.wait()
        # The other way round nothing comes in, even if the world knows the way.
        subnet = str(ipaddress.ip_interface(network(shared_daemon, "default")["spec"]["ipv4"]).network)
        subprocess.run(in_netns(world) + ["ip", "route", "add", subnet, "via", "198.51.100.1"], check=True)
        ping = subprocess.run(in_netns(world) + ["ping", "-c", "1", "-W", "1", guest_address(shared_daemon, web1)],
                              capture_output=True, text=True)
        assert ping.returncode != 0, ping.stdout
    finally:
        subprocess.run(["ip", "netns", "del", world])
        shared_daemon.run("ip", "link", "del", "wan1", check=False)


# -- restarts ----------------------------------------------------------------------------------


def test_a_name_goes_though_the_daemon_dies(daemon):
    """The definition has lost its interface, but the daemon had no time to tell DNS."""
    settle(daemon)
    daemon.do("POST", "/v1/domains", daemon.paused_domain("moved", interfaces=[{"network": "default"}]))
    record = daemon.root / "run" / "networks" / "default" / "dhcp-hosts" / daemon.get("/v1/domains/moved")["spec"]["uuid"]
    daemon.wait_until(record.exists, "its record")
    daemon.restart(env={"SKEP_FAULT_EXIT": "store/committed/domain"})
    settle(daemon)
    with pytest.raises((OSError, http.client.HTTPException)):
        daemon.request("PATCH", "/v1/domains/moved", {"interfaces": []}, {"Prefer": "wait=60"})
    daemon.wait_ended()
    assert record.exists()
    daemon.start()
    daemon.wait_until(lambda: not record.exists(), "the record to be gone")
    assert daemon.get("/v1/domains/moved")["spec"].get("interfaces", []) == []


def test_daemon_killed_mends_what_is_missing(daemon, tiny):
    settle(daemon)
    boot(daemon, tiny, "stays", {"network": "default"})
    server = host_of(network(daemon, "default")["spec"]["ipv4"])
    address = guest_address(daemon, "stays")
    before, rules = links(daemon), ruleset(daemon)
    qemu = daemon.qemu_pids()
    kept = dnsmasqs(daemon)["default"]

    # Nothing is missing: nothing is disturbed.
    daemon.kill()
    daemon.run("ping", "-c", "1", address, stdout=subprocess.DEVNULL)
    daemon.start()
    settle(daemon)
    assert dnsmasqs(daemon)["default"] == kept
    assert ruleset(daemon) == rules

    # Much is missing: it is made anew around the guest.
    daemon.kill()
    table = output(daemon, "nft", "list", "tables").split()
    daemon.run("nft", "delete", *table)
    os.kill(kept, signal.SIGKILL)
    daemon.start()
    settle(daemon)
    assert ruleset(daemon) == rules
    assert dnsmasqs(daemon)["default"] != kept
    assert {n: l["ifindex"] for n, l in links(daemon).items()} == {n: l["ifindex"] for n, l in before.items()}
    assert daemon.qemu_pids() == qemu
    daemon.wait_until(lambda: guest_address(daemon, "stays") == address, "the address to be known again")
    assert output(daemon, "dig", "+short", f"@{server}", "stays.default.skep").strip() == address
    assert "1 packets received" in guest_run(daemon, "stays", f"ping -c 1 {server}")
    drop(daemon, "stays")


def test_daemon_that_ends_leaves_guests_connected(daemon, tiny):
    settle(daemon)
    boot(daemon, tiny, "stays", {"network": "default"})
    address = guest_address(daemon, "stays")
    daemon.stop()
    daemon.run("ping", "-c", "1", address, stdout=subprocess.DEVNULL)
    assert "default" in dnsmasqs(daemon)
    daemon.start()
    daemon.wait_state("stays", "running")
    drop(daemon, "stays")


def test_dnsmasq_that_ends_is_started_again(daemon):
    """Killed while the daemon runs, by hand and by a change; stopped, it stays away."""
    settle(daemon)
    server = host_of(network(daemon, "default")["spec"]["ipv4"])
    with_host = {"hosts": [{"mac": "52:54:00:00:00:09", "ip": server[:-1] + "9", "name": "printer"}]}
    for _ in range(2):
        first = dnsmasqs(daemon)["default"]
        os.kill(first, signal.SIGKILL)
        daemon.wait_until(lambda: dnsmasqs(daemon).get("default", first) != first, "another dnsmasq")
        daemon.wait_until(lambda: "NXDOMAIN" in output(daemon, "dig", "+time=1", f"@{server}", "nobody.default.skep"), "its answer")
    daemon.do("PATCH", "/v1/networks/default", with_host)
    changed = dnsmasqs(daemon)["default"]
    os.kill(changed, signal.SIGKILL)
    daemon.wait_until(lambda: dnsmasqs(daemon).get("default", changed) != changed, "one with the change")
    daemon.wait_until(lambda: output(daemon, "dig", "+short", "+time=1", f"@{server}", "printer.default.skep").strip() == server[:-1] + "9",
                      "its answer")
    assert daemon.log().count(b"had lost its dnsmasq") == 3
    daemon.do("POST", "/v1/networks/default/stop")
    assert "default" not in dnsmasqs(daemon) and network(daemon, "default")["status"]["active"] is False


def test_bridge_that_is_removed_is_made_again(daemon, tiny):
    """By hand, while a guest is on it, with the daemon there and without."""
    settle(daemon)
    boot(daemon, tiny, "stays", {"network": "default"})
    address = guest_address(daemon, "stays")
    bridge, tap = network(daemon, "default")["spec"]["bridge"], daemon.get("/v1/domains/stays")["live"]["interfaces"][0]["tap"]
    rules = ruleset(daemon)
    for down in (False, True):
        if down:
            daemon.kill()
        daemon.run("ip", "link", "del", bridge)
        if down:
            daemon.start()
        daemon.wait_until(lambda: links(daemon).get(bridge) is not None and links(daemon)[tap].get("master") == bridge, "the bridge with its port")
        settle(daemon)
        daemon.wait_until(lambda: "default" in dnsmasqs(daemon), "its dnsmasq")
        daemon.run("ping", "-c", "1", "-w", "60", address, stdout=subprocess.DEVNULL)
        assert ruleset(daemon) == rules
    boot(daemon, tiny, "next", {"network": "default"})
    assert guest_address(daemon, "next") not in (None, address)
    drop(daemon, "stays")
    drop(daemon, "next")
    daemon.do("POST", "/v1/networks/default/stop")
    assert bridge not in links(daemon)


def test_bridge_of_the_host_that_goes_and_comes_back(daemon):
    def message():
        return network(daemon, "theirs")["status"].get("message")

    settle(daemon)
    daemon.run("ip", "link", "add", "br-theirs", "type", "bridge")
    create(daemon, "theirs", forward="bridge", bridge="br-theirs")
    daemon.do("POST", "/v1/domains?start=true&paused=true", daemon.paused_domain("on-theirs", interfaces=[{"network": "theirs"}]))
    daemon.wait_state("on-theirs", "paused")
    tap = daemon.get("/v1/domains/on-theirs")["live"]["interfaces"][0]["tap"]
    assert message() is None
    daemon.run("ip", "link", "del", "br-theirs")
    daemon.wait_until(lambda: message() is not None, "it to be told")
    assert "br-theirs" in message() and "theirs" in message()
    daemon.run("ip", "link", "add", "br-theirs", "type", "bridge")
    daemon.wait_until(lambda: message() is None and links(daemon)[tap].get("master") == "br-theirs", "the guest to be plugged in again")
    drop(daemon, "on-theirs")
    remove(daemon, "theirs")


@pytest.mark.parametrize("pid", [None, "1", "self", "99999999999999999999", "\0"])
def test_lost_pid_file_does_not_keep_a_network_down(daemon, pid):
    """The dnsmasq it told of is found all the same, and nothing else is taken for it."""
    settle(daemon)
    first = dnsmasqs(daemon)["default"]
    daemon.kill()
    path = daemon.root / "run" / "networks" / "default" / "dnsmasq.pid"
    if pid is None:
        path.unlink()
    else:
        path.write_text(str(os.getpid()) if pid == "self" else pid)
    daemon.start()
    settle(daemon)
    assert network(daemon, "default")["status"]["active"], network(daemon, "default")
    assert dnsmasqs(daemon)["default"] != first
    daemon.do("POST", "/v1/networks/default/stop")
    assert "default" not in dnsmasqs(daemon)


def test_network_deleted_and_gone_after_restart(daemon):
    settle(daemon)
    daemon.do("DELETE", "/v1/networks/default")
    daemon.restart()
    assert daemon.items("/v1/networks") == []
    assert [n for n in links(daemon) if n != "lo"] == []
    assert ruleset(daemon) == ""


# -- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["network-up/bridge", "network-up/address", "network-up/link", "network-up/routes", "network-up/forwarding",
                                  "network-up/dnsmasq", "dnsmasq/config", "dnsmasq/start", "network-rules/apply"])
def test_fault_on_the_way_up_leaves_nothing(step):
    with make_daemon(env={"SKEP_FAULT": step}) as daemon:
        daemon.start()
        settle(daemon)
        default = network(daemon, "default")
        assert not default["status"]["active"] and step in default["status"]["message"]
        status, _, sentence = daemon.fails("POST", "/v1/networks?start=true", {"name": "other"})
        assert step in sentence
        status, _, sentence = daemon.fails("POST", "/v1/networks/default/start")
        assert step in sentence
        assert [n for n in links(daemon) if n != "lo"] == []
        assert ruleset(daemon) == "" and dnsmasqs(daemon) == {}
        # And the next start, with luck again, has it.
        daemon.stop()
        daemon.env.clear()
        daemon.start()
        settle(daemon)
        assert network(daemon, "default")["status"]["active"]


def test_fault_after_a_network_is_up_takes_it_down():
    with make_daemon(env={"SKEP_FAULT": "network-create/record"}) as daemon:
        daemon.start()
        settle(daemon)
        before = set(links(daemon)), ruleset(daemon), dnsmasqs(daemon)
        _, _, sentence = daemon.fails("POST", "/v1/networks?start=true", {"name": "other"})
        assert "network-create/record" in sentence
        assert (set(links(daemon)), ruleset(daemon), dnsmasqs(daemon)) == before


def test_fault_of_a_change_takes_it_back():
    with make_daemon(env={"SKEP_FAULT": "network-update/record"}) as daemon:
        daemon.start()
        settle(daemon)
        spec, rules = network(daemon, "default")["spec"], ruleset(daemon)
        _, _, sentence = daemon.fails("PATCH", "/v1/networks/default", {"ipv4": "10.77.0.1/24", "ipv6": "fd77::1/64"})
        assert "network-update/record" in sentence
        assert network(daemon, "default")["spec"] == spec
        assert addresses(daemon, spec["bridge"]) == {spec["ipv4"]}
        assert ruleset(daemon) == rules
        config = (daemon.root / "run" / "networks" / "default").glob("*.conf")
        assert all("10.77" not in path.read_text() for path in config)


@pytest.mark.parametrize("step", ["tap/open", "tap/connect", "tap/bandwidth", "domain-start/process", "domain-start/ready"])
def test_fault_of_a_tap_leaves_none(step):
    with make_daemon(env={"SKEP_FAULT": step}) as daemon:
        daemon.start()
        settle(daemon)
        before = set(links(daemon))
        daemon.do("POST", "/v1/domains", daemon.paused_domain("a", interfaces=[{"network": "default"}, {"network": "default"}]))
        status, _, sentence = daemon.fails("POST", "/v1/domains/a/start?paused=true")
        assert step in sentence
        assert set(links(daemon)) == before
        assert daemon.state("a") == "shut off" and daemon.qemu_pids() == []


@pytest.mark.parametrize("step", ["network-up/bridge", "network-up/dnsmasq", "network-rules/apply"])
def test_killed_on_the_way_up(step):
    """kill -9 in the middle of making a network: the next start has it whole."""
    with make_daemon(env={"SKEP_FAULT_EXIT": step}) as daemon:
        daemon.start(expect_ready=False)
        daemon.wait_ended()
        daemon.env.clear()
        daemon.start()
        settle(daemon)
        assert network(daemon, "default")["status"]["active"]
        assert len(dnsmasqs(daemon)) == 1
        assert len([n for n in links(daemon) if n != "lo"]) == 1
        daemon.do("DELETE", "/v1/networks/default")
        assert [n for n in links(daemon) if n != "lo"] == [] and dnsmasqs(daemon) == {}
