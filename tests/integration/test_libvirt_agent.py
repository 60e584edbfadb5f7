# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guest agents and QEMU's monitor through stock clients; the agent is a script that speaks on the channel."""
import json
import shlex
import subprocess

import pytest

from guest_agent import HUGE, Agent
from libvirt_client import uri, virsh

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")

OS = {"id": "debian", "name": "Debian GNU/Linux", "pretty-name": "Debian GNU/Linux 12 (bookworm)", "version": "12 (bookworm)",
      "version-id": "12", "kernel-release": "6.1.0", "kernel-version": "#1 SMP", "machine": "x86_64"}
PCI = {"domain": 0, "bus": 1, "slot": 0, "function": 0}
VCPUS = [{"logical-id": i, "online": i < 2, "can-offline": i > 0} for i in range(4)]
FRIENDLY = {
    "guest-ping": {},
    "guest-info": {"version": "7.2"},
    "guest-get-osinfo": OS,
    "guest-get-timezone": {"zone": "CET", "offset": 3600},
    "guest-get-host-name": {"host-name": "web1"},
    "guest-get-users": [{"user": "ada", "login-time": 1700000000.25}, {"user": "eve", "domain": "d", "login-time": 1}],
    "guest-get-fsinfo": [
        {"name": "vda1", "mountpoint": "/", "type": "ext4", "total-bytes": 1000, "used-bytes": 10,
         "disk": [{"serial": "ser1", "bus-type": "virtio", "bus": 0, "target": 0, "unit": 0, "dev": "/dev/vda1", "pci-controller": PCI}]},
        {"name": "tmpfs", "mountpoint": "/tmp", "type": "tmpfs", "disk": []}],
    "guest-get-disks": [{"name": "/dev/vda", "partition": False, "dependencies": [], "address": {
                            "bus-type": "virtio", "bus": 0, "target": 0, "unit": 0, "pci-controller": PCI}},
                        {"name": "/dev/vda1", "partition": True, "dependencies": ["/dev/vda"]}],
    "guest-network-get-interfaces": [
        {"name": "lo", "hardware-address": "00:00:00:00:00:00", "ip-addresses": [{"ip-address": "127.0.0.1", "prefix": 8, "ip-address-type": "ipv4"}]},
        {"name": "eth0", "hardware-address": "52:54:00:12:34:56", "ip-addresses": [
            {"ip-address": "192.0.2.7", "prefix": 24}, {"ip-address": "2001:db8::7", "prefix": 64}, {"ip-address": "no"}]}],
    "guest-get-time": 1700000000123456789,
    "guest-set-time": {},
    "guest-fstrim": {"paths": [{"path": "/", "trimmed": 4096, "minimum": 0}]},
    "guest-fsfreeze-freeze": 2, "guest-fsfreeze-freeze-list": 1, "guest-fsfreeze-thaw": 2,
    "guest-get-vcpus": VCPUS, "guest-set-vcpus": lambda args: 1,
    "guest-ssh-get-authorized-keys": {"keys": ["ssh-ed25519 AAAA ada", "ssh-rsa BBBB eve"]},
    "guest-ssh-add-authorized-keys": {}, "guest-ssh-remove-authorized-keys": {},
    "guest-set-user-password": {},
    "guest-suspend-ram": b"",
}


@pytest.fixture(scope="module")
def running(shared_daemon, tmp_path_factory):
    """A domain that runs, with a disk; nothing boots in it."""
    d = shared_daemon
    disk = tmp_path_factory.mktemp("disk") / "vda.raw"
    disk.write_bytes(bytes(1 << 20))
    spec = d.paused_domain("agent-a")
    spec["disks"] = [{"target": "vda", "source": "file", "path": str(disk), "format": "raw", "serial": "ser1"}]
    d.do("POST", "/v1/domains", spec)
    d.do("POST", "/v1/domains/agent-a/start")
    yield "agent-a"
    d.request("DELETE", "/v1/domains/agent-a?force=true", headers={"Prefer": "wait=120"})


@pytest.fixture(scope="module")
def agent(shared_daemon, running):
    with Agent(shared_daemon, running, FRIENDLY) as played:
        yield played


@pytest.fixture
def dom(shared_daemon, running, agent):
    agent.asked.clear()
    opened = libvirt.open(uri(shared_daemon))
    yield opened.lookupByName(running)
    opened.close()


# -- what it tells ------------------------------------------------------------------------------------------


def test_guest_info(dom, shared_daemon, running):
    info = dom.guestInfo()
    expected = {
        "os.id": "debian", "os.pretty-name": "Debian GNU/Linux 12 (bookworm)", "os.kernel-release": "6.1.0", "timezone.name": "CET",
        "timezone.offset": 3600, "hostname": "web1", "user.count": 2, "user.0.name": "ada", "user.0.login-time": 1700000000250,
        "user.1.domain": "d", "fs.count": 2, "fs.0.mountpoint": "/", "fs.0.fstype": "ext4", "fs.0.total-bytes": 1000, "fs.0.disk.count": 1,
        "fs.0.disk.0.alias": "vda", "fs.0.disk.0.serial": "ser1", "fs.0.disk.0.device": "/dev/vda1", "fs.1.disk.count": 0, "disk.count": 2,
        "disk.0.name": "/dev/vda", "disk.0.partition": False, "disk.1.dependency.count": 1, "disk.1.dependency.0.name": "/dev/vda",
        "if.count": 2, "if.1.name": "eth0", "if.1.hwaddr": "52:54:00:12:34:56", "if.1.addr.count": 2, "if.1.addr.0.type": "ipv4",
        "if.1.addr.1.addr": "2001:db8::7", "if.1.addr.1.prefix": 64}
    assert {key: info.get(key) for key in expected} == expected
    only = dom.guestInfo(libvirt.VIR_DOMAIN_GUEST_INFO_HOSTNAME)
    assert only == {"hostname": "web1"}
    assert "hostname" in virsh(shared_daemon, "guestinfo", running, "--hostname")


def test_file_systems(dom, shared_daemon, running):
    assert dom.fsInfo() == [("/", "vda1", "ext4", ["vda"]), ("/tmp", "tmpfs", "tmpfs", [])]
    assert "vda" in virsh(shared_daemon, "domfsinfo", running)


def test_names_and_addresses(dom, shared_daemon, running):
    assert dom.hostname() == "web1"
    found = dom.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)
    assert [a["addr"] for a in found["eth0"]["addrs"]] == ["192.0.2.7", "2001:db8::7"]
    assert found["lo"]["addrs"] == [{"addr": "127.0.0.1", "prefix": 8, "type": 0}]
    assert "192.0.2.7/24" in virsh(shared_daemon, "domifaddr", running, "--source", "agent")


# -- what it is asked to do ------------------------------------------------------------------------------------


def test_clock(dom, agent, shared_daemon, running):
    assert dom.getTime() == {"seconds": 1700000000, "nseconds": 123456789}
    dom.setTime({"seconds": 5, "nseconds": 6})
    assert agent.args("guest-set-time") == {"time": 5000000006}
    dom.setTime(flags=libvirt.VIR_DOMAIN_TIME_SYNC)
    assert agent.args("guest-set-time") is None
    assert "Time: 1700000000" in virsh(shared_daemon, "domtime", running)


def test_freeze_and_trim(dom, agent):
    assert dom.fsFreeze() == 2
    assert dom.fsFreeze(["/", "/srv"]) == 1
    assert agent.args("guest-fsfreeze-freeze-list") == {"mountpoints": ["/", "/srv"]}
    assert dom.fsThaw() == 2
    dom.fSTrim(None, 8192)
    assert agent.args("guest-fstrim") == {"minimum": 8192}
    with pytest.raises(libvirt.libvirtError, match="give no mount point"):
        dom.fSTrim("/", 0)


def test_vcpus_of_the_guest(dom, agent):
    assert dom.guestVcpus() == {"vcpus": "0-3", "online": "0-1", "offlinable": "1-3"}
    dom.setGuestVcpus("1", 0)
    assert agent.args("guest-set-vcpus") == {"vcpus": [{"logical-id": 1, "online": False}]}
    with pytest.raises(libvirt.libvirtError, match="cannot do without vCPU 0"):
        dom.setGuestVcpus("0-1", 0)
    assert dom.vcpusFlags(libvirt.VIR_DOMAIN_VCPU_GUEST) == 2
    dom.setVcpusFlags(4, libvirt.VIR_DOMAIN_VCPU_GUEST)
    assert [len(args["vcpus"]) for name, args in agent.asked if name == "guest-set-vcpus"][-2:] == [2, 1]   # one a time, as it says
    with pytest.raises(libvirt.libvirtError, match="cannot have 9 vCPUs online"):
        dom.setVcpusFlags(9, libvirt.VIR_DOMAIN_VCPU_GUEST)


def test_keys_and_passwords(dom, agent, shared_daemon, running):
    assert dom.authorizedSSHKeysGet("ada") == ["ssh-ed25519 AAAA ada", "ssh-rsa BBBB eve"]
    dom.authorizedSSHKeysSet("ada", ["k1", "k2"])
    assert agent.args("guest-ssh-add-authorized-keys") == {"username": "ada", "keys": ["k1", "k2"], "reset": True}
    dom.authorizedSSHKeysSet("ada", ["k3"], libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_APPEND)
    assert agent.args("guest-ssh-add-authorized-keys")["reset"] is False
    dom.authorizedSSHKeysSet("ada", ["k3"], libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_REMOVE)
    assert agent.args("guest-ssh-remove-authorized-keys") == {"username": "ada", "keys": ["k3"]}
    assert "AAAA" in virsh(shared_daemon, "get-user-sshkeys", running, "ada")
    dom.setUserPassword("ada", "$6$x", libvirt.VIR_DOMAIN_PASSWORD_ENCRYPTED)
    assert agent.args("guest-set-user-password")["crypted"] is True


def test_sleep(dom, agent):
    dom.pMSuspendForDuration(libvirt.VIR_NODE_SUSPEND_TARGET_MEM, 0)
    assert agent.asked[-1][0] == "guest-suspend-ram"
    with pytest.raises(libvirt.libvirtError, match="guest-suspend-disk.*not been found"):
        dom.pMSuspendForDuration(libvirt.VIR_NODE_SUSPEND_TARGET_DISK, 0)
    with pytest.raises(libvirt.libvirtError, match="until it is woken"):
        dom.pMSuspendForDuration(libvirt.VIR_NODE_SUSPEND_TARGET_MEM, 5)


def test_any_command(dom, shared_daemon, running):
    answer = virsh(shared_daemon, "qemu-agent-command", running, '{"execute":"guest-info"}')
    assert json.loads(answer) == {"return": {"version": "7.2"}}
    bad = virsh(shared_daemon, "qemu-agent-command", running, '{"execute":"guest-nonsense"}', check=False)
    assert bad.returncode != 0 and "has not been found" in bad.stderr
    assert any("guest agent" in line for line in dom.messages())
    assert "custom-agent" in shared_daemon.get(f"/v1/domains/{running}")["status"]["taints"]


def test_read_only_may_not(shared_daemon, running, agent):
    for words in (["domhostname", running], ["qemu-monitor-command", running, "{}"], ["domfsinfo", running]):
        done = virsh(shared_daemon, *words, check=False, read_only=True)
        assert done.returncode != 0 and "read only" in done.stderr


def test_by_skep(shared_daemon, running, agent):
    """The same by our own command."""
    def skep(line, **options):
        return shared_daemon.skep(*shlex.split(line), **options).stdout
    assert "Debian GNU/Linux 12" in skep(f"agent info {running}")
    assert "ssh-rsa BBBB eve" in skep(f"agent keys {running} ada")
    assert "4" in skep(f"agent trim {running}")
    skep(f"agent set-time {running} --from rtc")
    assert agent.args("guest-set-time") is None
    assert '"return"' in skep(f"agent command {running} " + shlex.quote('{"execute":"guest-info"}'))


# -- agents that do not behave -------------------------------------------------------------------------------------


BAD = [
    ({"guest-get-host-name": b"x" * HUGE}, "longer than 4 MiB"),
    ({"guest-get-host-name": b"\x01\x02nonsense\n"}, "cannot be understood"),
    ({"guest-get-host-name": {"host-name": [7]}}, "cannot be understood"),
    ({"guest-get-host-name": b"[" * 100000 + b"\n"}, "cannot be understood"),
    ({"guest-get-host-name": b""}, "does not answer: is qemu-guest-agent running"),
    ({"deaf": True}, "does not answer: is qemu-guest-agent running"),
]


@pytest.mark.parametrize("answers,sentence", BAD, ids=["huge", "garbage", "wrong", "deep", "silent", "deaf"])
def test_misbehaves(dom, agent, answers, sentence):
    kept = dict(agent.answers)
    dom.agentSetResponseTimeout(1)
    agent.answers.update(answers)
    try:
        with pytest.raises(libvirt.libvirtError, match=sentence) as caught:
            dom.hostname()
        assert caught.value.get_error_code() == libvirt.VIR_ERR_AGENT_UNRESPONSIVE
    finally:
        agent.answers = kept
        dom.agentSetResponseTimeout(libvirt.VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_DEFAULT)
    assert dom.hostname() == "web1"


def test_lies(dom, agent):
    """Numbers and lists that cannot be: what is shown is bounded, and the daemon lives."""
    kept = dict(agent.answers)
    lies = {
        "guest-get-users": [{"user": "x" * 5000, "login-time": -1e300}] + [{"user": 7}] * 500,
        "guest-get-vcpus": [{"logical-id": -5, "online": 1}, 7, {"logical-id": 1 << 62, "online": True}],
        "guest-get-fsinfo": [{"name": "n%d" % i, "mountpoint": "/%d" % i, "type": "t"} for i in range(300)],
        "guest-set-vcpus": -3,
        "guest-get-time": "now",
    }
    agent.answers.update(lies)
    try:
        info = dom.guestInfo(libvirt.VIR_DOMAIN_GUEST_INFO_USERS)
        assert len(info["user.0.name"]) == 500 and info["user.0.login-time"] == 0
        with pytest.raises(libvirt.libvirtError, match="300 file systems, at most 256"):
            dom.fsInfo()
        with pytest.raises(libvirt.libvirtError, match="at most 2048"):
            agent.answers["guest-get-users"] = [{"user": "u"}] * 4000
            dom.guestInfo(libvirt.VIR_DOMAIN_GUEST_INFO_USERS)
        with pytest.raises(libvirt.libvirtError, match="no list of at most"):
            agent.answers["guest-get-users"] = [{"user": "u"}] * 5000
            dom.guestInfo(libvirt.VIR_DOMAIN_GUEST_INFO_USERS)
        with pytest.raises(libvirt.libvirtError, match="cannot be understood"):
            dom.getTime()
        assert dom.guestVcpus()["vcpus"].startswith("0,")
        agent.answers["guest-get-vcpus"] = VCPUS
        with pytest.raises(libvirt.libvirtError, match="not set all vCPUs"):
            dom.setGuestVcpus("3", 1)
    finally:
        agent.answers = kept


# -- QEMU's monitor ---------------------------------------------------------------------------------------------------


def test_monitor(shared_daemon, running, dom):
    d = shared_daemon
    answer = json.loads(virsh(d, "qemu-monitor-command", running, '{"execute":"query-status","id":"mine"}'))
    assert answer["return"]["running"] is True and answer["id"] == "mine"
    answer = json.loads(virsh(d, "qemu-monitor-command", running, '{"execute":"query-nonsense"}'))
    assert answer["error"]["class"] == "CommandNotFound"
    assert "VM status: running" in virsh(d, "qemu-monitor-command", running, "--hmp", "info status")
    assert any("QEMU past the daemon" in line for line in dom.messages(libvirt.VIR_DOMAIN_MESSAGE_TAINTING))
    assert dom.messages(libvirt.VIR_DOMAIN_MESSAGE_DEPRECATION) == []
    assert "tainted" in virsh(d, "dominfo", running)


@pytest.mark.parametrize("words", [
    ['{"execute":"migrate","arguments":{"uri":"tcp:127.0.0.1:1"}}'], ['{"execute":"qmp_capabilities"}'], ["--hmp", " migrate -d tcp:127.0.0.1:1"],
    ['{"execute":"human-monitor-command","arguments":{"command-line":"savevm x"}}'], ['{"execute":"getfd","arguments":{"fdname":"x"}}'],
    ['{"arguments":{}}'], ["--hmp", ""], ['{"exec-oob":"migrate-pause","execute":"query-status"}']])
def test_monitor_refuses(shared_daemon, running, words):
    """What the daemon would be confused by; it goes on as before."""
    done = subprocess.run(["virsh", "-c", uri(shared_daemon), "qemu-monitor-command", running, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0, done.stdout
    assert virsh(shared_daemon, "domstate", running).strip() == "running"


def test_taint_survives_and_goes(daemon):
    """It is known to the next daemon, and gone when the domain is off."""
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    daemon.do("POST", "/v1/domains/a/start")
    assert "running" in daemon.request("POST", "/v1/domains/a/monitor", {"command": "info status", "human": True}).json["answer"]
    daemon.restart()
    assert daemon.get("/v1/domains/a")["status"]["taints"] == ["custom-monitor"]
    daemon.do("POST", "/v1/domains/a/destroy")
    assert "taints" not in daemon.get("/v1/domains/a")["status"]
