# SPDX-License-Identifier: LGPL-2.1-or-later
"""virsh, word for word as the textbooks have it: each command a test of its own."""
import os
import pty
import re
import select
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest

from skep import DEADLINE
from stock import fields, make_host, names

DISK = "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{path}'/><target dev='{target}' bus='virtio'/></disk>"
NIC = "<interface type='network'><mac address='52:54:00:11:22:{last:02x}'/><source network='default'/><model type='virtio'/></interface>"


@pytest.fixture(scope="module")
def host():
    """One host for all tests of this file; each uses names of its own."""
    with make_host(settings="[qemu]\nkvm_fallback = true\n") as running:
        running.start()
        yield running


@pytest.fixture(scope="module")
def default_network(host):
    return host.default_network()


@pytest.fixture(scope="module")
def running(host, tiny, default_network):
    """A guest that is up, for the tests that only look."""
    disk = qcow2(host, "running", "64M")
    host.define("running", tiny, devices=DISK.format(path=disk, target="vda") + NIC.format(last=1))
    host.boot("running")
    return "running"


def qcow2(host, name, size):
    path = f"{host.images}/{name}.qcow2"
    host.run("qemu-img", "create", "-q", "-f", "qcow2", path, size)
    return path


# -- lists and life ----------------------------------------------------------------------------------


def test_list(host, tiny):
    host.define("list1", tiny)
    assert "list1" not in names(host.virsh("list"))
    assert "list1" in names(host.virsh("list", "--all"))
    assert re.search(r"^ -\s+list1\s+shut off$", host.virsh("list", "--all"), re.M)
    host.virsh("start", "list1")
    assert re.search(r"^ \d+\s+list1\s+running$", host.virsh("list"), re.M)
    host.virsh("destroy", "list1")


def test_start(host, tiny):
    host.define("life1", tiny)
    assert host.virsh("start", "life1") == "Domain 'life1' started\n\n"
    assert host.domstate("life1") == "running"
    assert "Domain is already active" in host.virsh_fails("start", "life1")
    host.virsh("destroy", "life1")


def test_destroy(host, tiny):
    host.define("life2", tiny)
    host.virsh("start", "life2")
    assert host.virsh("destroy", "life2") == "Domain 'life2' destroyed\n\n"
    assert host.domstate("life2") == "shut off"
    assert "Requested operation is not valid: domain is not running" in host.virsh_fails("destroy", "life2")


def test_shutdown(host, tiny):
    host.define("shutdown1", tiny)
    host.boot("shutdown1")
    assert host.virsh("shutdown", "shutdown1") == "Domain 'shutdown1' is being shutdown\n\n"
    host.wait_domstate("shutdown1", "shut off")


def test_shutdown_of_a_guest_that_does_not_listen(host):
    """It was asked, and runs on: scripts look for that word. There is nothing in it but firmware."""
    xml = host.root / "deaf1.xml"
    xml.write_text("<domain type='qemu'><name>deaf1</name><memory unit='MiB'>32</memory><os><type>hvm</type></os></domain>")
    host.virsh("define", xml)
    host.virsh("start", "deaf1")
    host.virsh("shutdown", "deaf1")
    host.wait_state("deaf1", "in shutdown")
    assert host.domstate("deaf1") == "running"
    assert "deaf1" in host.virsh("list", "--state-running", "--name").split()
    host.virsh("destroy", "deaf1")


def test_reboot(host, tiny):
    host.define("reboot1", tiny)
    host.boot("reboot1")
    assert host.virsh("reboot", "reboot1") == "Domain 'reboot1' is being rebooted\n\n"
    host.wait_until(lambda: host.console_text("reboot1").count("skep-tiny ready") == 2, "the guest to be up again", pause=0.2)
    assert host.domstate("reboot1") == "running"
    host.virsh("destroy", "reboot1")


def test_undefine(host, tiny):
    host.define("undefine1", tiny)
    assert host.virsh("undefine", "undefine1") == "Domain 'undefine1' has been undefined\n\n"
    assert "failed to get domain 'undefine1'" in host.virsh_fails("dominfo", "undefine1")


def test_undefine_with_storage(host, tiny):
    host.virsh("pool-list", "--all")
    pool = host.root / "undefine-pool"
    pool.mkdir()
    host.virsh("pool-define-as", "undefine-pool", "dir", "--target", pool)
    host.virsh("pool-start", "undefine-pool")
    host.virsh("vol-create-as", "undefine-pool", "u.qcow2", "8M", "--format", "qcow2")
    host.define("undefine2", tiny, devices=DISK.format(path=f"{pool}/u.qcow2", target="vda"))
    assert "Volume 'vda'" in host.virsh("undefine", "undefine2", "--remove-all-storage")
    assert not (pool / "u.qcow2").exists()


def test_autostart(host, tiny):
    host.define("autostart1", tiny)
    assert host.virsh("autostart", "autostart1") == "Domain 'autostart1' marked as autostarted\n\n"
    assert "autostart1" in host.virsh("list", "--all", "--autostart", "--name").split()
    assert fields(host.virsh("dominfo", "autostart1"))["Autostart"] == "enable"
    assert host.virsh("autostart", "--disable", "autostart1") == "Domain 'autostart1' unmarked as autostarted\n\n"
    assert fields(host.virsh("dominfo", "autostart1"))["Autostart"] == "disable"


def test_suspend(host, tiny):
    host.define("suspend1", tiny)
    host.virsh("start", "suspend1")
    assert host.virsh("suspend", "suspend1") == "Domain 'suspend1' suspended\n\n"
    assert host.virsh("domstate", "--reason", "suspend1").strip() == "paused (user)"
    host.virsh("destroy", "suspend1")


def test_resume(host, tiny):
    host.define("suspend2", tiny)
    host.virsh("start", "suspend2", "--paused")
    assert host.virsh("resume", "suspend2") == "Domain 'suspend2' resumed\n\n"
    assert host.domstate("suspend2") == "running"
    host.virsh("destroy", "suspend2")


# -- looking --------------------------------------------------------------------------------------------


def test_dominfo(host, running):
    info = fields(host.virsh("dominfo", running))
    assert info["Name"] == running and info["State"] == "running" and info["CPU(s)"] == "1"
    assert info["Max memory"] == "98304 KiB" and info["Persistent"] == "yes" and info["OS Type"] == "hvm"
    assert re.fullmatch(r"[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}", info["UUID"])


def test_domname_by_id(host, running):
    number = host.virsh("domid", running).strip()
    assert number.isdigit()
    assert host.virsh("domname", number).strip() == running
    assert host.virsh("domname", host.virsh("domuuid", running).strip()).strip() == running


def test_domiflist(host, running):
    table = host.virsh("domiflist", running)
    assert re.search(r"^ \S+\s+network\s+default\s+virtio\s+52:54:00:11:22:01$", table, re.M), table


def test_domblklist(host, running):
    assert re.search(rf"^ vda\s+{re.escape(host.images)}/running.qcow2$", host.virsh("domblklist", running), re.M)
    assert re.search(rf"^ file\s+disk\s+vda\s+{re.escape(host.images)}/running.qcow2$", host.virsh("domblklist", running, "--details"), re.M)


def test_dumpxml(host, running):
    text = host.virsh("dumpxml", running)
    assert text == host.virsh("dumpxml", running)
    root = ET.fromstring(text)
    assert root.get("type") == "qemu" and root.get("id") == host.virsh("domid", running).strip()
    assert root.findtext("name") == running
    assert root.find("devices/disk/alias").get("name") and root.find("devices/interface/target").get("dev")
    assert ET.fromstring(host.virsh("dumpxml", "--inactive", running)).get("id") is None


@pytest.mark.parametrize("inactive", [[], ["--inactive"]])
def test_dumpxml_is_valid(host, running, inactive):
    path = host.write("valid.xml", host.virsh("dumpxml", running, *inactive))
    done = subprocess.run(["virt-xml-validate", path, "domain"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_define_what_was_dumped(host, tiny):
    host.define("define1", tiny, devices=DISK.format(path=qcow2(host, "define1", "8M"), target="vda"))
    first = host.virsh("dumpxml", "define1")
    host.virsh("define", host.write("define1-again.xml", first))
    assert host.virsh("dumpxml", "define1") == first


def test_define_refuses_what_cannot_be(host, tiny):
    path = host.write("refused.xml", host.tiny_xml("refused", tiny, devices="<flux type='capacitor'/>"))
    assert "flux" in host.virsh_fails("define", path)
    assert "refused" not in host.virsh("list", "--all", "--name").split()


def test_edit(host, tiny):
    host.define("edit1", tiny)
    editor = host.write("editor", "#!/bin/sh\nexec sed -i 's|<vcpu[^>]*>1</vcpu>|<vcpu>3</vcpu>|' \"$1\"\n")
    os.chmod(editor, 0o755)
    out = host.virsh("edit", "edit1", env=host.environment(EDITOR=editor))
    assert "Domain 'edit1' XML configuration edited." in out
    assert fields(host.virsh("dominfo", "edit1"))["CPU(s)"] == "3"
    assert "XML configuration not changed" in host.virsh("edit", "edit1", env=host.environment(EDITOR="true"))


def test_version(host):
    text = host.virsh("version")
    assert re.search(r"^Using API: QEMU \d", text, re.M) and re.search(r"^Running hypervisor: QEMU \d", text, re.M)


def test_sysinfo(host):
    done = host.virsh("sysinfo", check=False)
    if done.returncode == 0:
        assert ET.fromstring(done.stdout).get("type") == "smbios"
    else:  # a host without SMBIOS tables says so
        assert not os.path.exists("/sys/firmware/dmi/tables/DMI") and "sysinfo" in done.stderr


def test_nodeinfo(host):
    info = fields(host.virsh("nodeinfo"))
    assert info["CPU model"] == "x86_64" and int(info["CPU(s)"]) == os.cpu_count()
    assert int(info["Memory size"].split()[0]) > 100000


def test_capabilities(host):
    root = ET.fromstring(host.virsh("capabilities"))
    assert root.findtext("host/cpu/arch") == "x86_64"
    assert root.find("guest/arch/domain[@type='qemu']") is not None
    path = host.write("capabilities.xml", host.virsh("capabilities"))
    done = subprocess.run(["virt-xml-validate", path, "capability"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_domcapabilities(host):
    text = host.virsh("domcapabilities")
    assert ET.fromstring(text).findtext("arch") == "x86_64"
    done = subprocess.run(["virt-xml-validate", host.write("domcapabilities.xml", text), "domaincaps"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_domstats(host, running):
    text = host.virsh("domstats", running)
    assert f"Domain: '{running}'" in text and "state.state=1" in text and "block.0.name=vda" in text and "net.count=1" in text


def test_read_only(host, running):
    assert running in names(host.client("virsh", "-r", "list"))
    assert "read only" in host.client("virsh", "-r", "destroy", running, check=False).stderr


def test_session_and_local_uris(host):
    for uri in (["-c", "qemu:///system"], []):
        assert host.client("virsh", *uri, "uri").startswith("qemu:///system")


# -- console -------------------------------------------------------------------------------------------


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, env)
        self.text = ""

    def expect(self, pattern, meanwhile=None):
        """meanwhile: typed again while nothing comes, as virsh throws away what was typed before its terminal is raw."""
        deadline = time.monotonic() + DEADLINE
        while not re.search(pattern, self.text):
            if meanwhile is not None:
                self.type(meanwhile)
            ready, _, _ = select.select([self.fd], [], [], 2 if meanwhile is not None else max(0, deadline - time.monotonic()))
            assert ready or time.monotonic() < deadline, f"waited for {pattern!r}, got {self.text!r}"
            if not ready:
                continue
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            assert data, f"it ended before {pattern!r}: {self.text!r}"
            self.text += data.decode(errors="replace")

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self):
        try:
            while os.read(self.fd, 4096):
                pass
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_console(host, tiny):
    name = f"console{os.urandom(2).hex()}"
    host.define(name, tiny)
    host.boot(name)
    terminal = Terminal(host.prefix() + ["virsh", "console", name], host.environment())
    terminal.expect("Escape character is")
    terminal.expect("[#~] ", meanwhile="\r")
    terminal.type("echo a$((40+2))b\r")
    terminal.expect("a42b")
    terminal.type("\x1d")
    assert terminal.wait() == 0
    host.virsh("destroy", name)


def test_console_log(host, tiny):
    """What <log> names gets the console's output, of one run with append='off'; the console is read from it too."""
    name = f"log{os.urandom(2).hex()}"
    log = host.root / f"{name}.log"
    log.write_text("of another day\n")
    text = host.tiny_xml(name, tiny).replace("<serial type='pty'/>", f"<serial type='pty'><log file='{log}' append='off'/></serial>")
    host.virsh("define", host.write(f"{name}.xml", text))
    for _ in range(2):
        host.boot(name)
        assert log.read_text(errors="replace").count("skep-tiny ready") == 1 and "of another day" not in log.read_text(errors="replace")
        host.virsh("destroy", name)
    host.virsh("define", host.write(f"{name}.xml", host.virsh("dumpxml", name).replace("append='off'", "append='on'")))
    host.virsh("start", name)
    host.wait_until(lambda: log.read_text(errors="replace").count("skep-tiny ready") == 2, "the log to grow", pause=0.1)
    host.virsh("destroy", name)
    host.virsh("undefine", name)
    assert log.exists(), "an administrator's file is not the domain's"


# -- networks --------------------------------------------------------------------------------------------


def test_net_list(host, default_network):
    assert re.search(r"^ default\s+active\s+no\s+yes$", host.virsh("net-list"), re.M)
    host.virsh("net-autostart", "default")
    assert re.search(r"^ default\s+active\s+yes\s+yes$", host.virsh("net-list", "--all"), re.M)


def test_net_info_default(host, default_network):
    info = fields(host.virsh("net-info", "default"))
    assert info["Name"] == "default" and info["Active"] == "yes" and info["Persistent"] == "yes" and info["Bridge"] == "virbr0"


def test_net_dumpxml(host, default_network):
    text = host.virsh("net-dumpxml", "default")
    root = ET.fromstring(text)
    assert root.find("forward").get("mode") == "nat" and root.find("ip").get("address") == "192.168.122.1"
    done = subprocess.run(["virt-xml-validate", host.write("net-valid.xml", text), "network"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_net_life(host):
    path = host.write("net1.xml", "<network><name>net1</name><bridge name='virbr7'/><ip address='192.168.77.1' netmask='255.255.255.0'/></network>")
    assert "Network net1 defined from" in host.virsh("net-define", path)
    assert "Network net1 started" in host.virsh("net-start", "net1")
    assert "Network net1 destroyed" in host.virsh("net-destroy", "net1")
    assert "Network net1 has been undefined" in host.virsh("net-undefine", "net1")
    assert "net1" not in host.virsh("net-list", "--all", "--name").split()


def test_net_dhcp_leases(host, tiny, default_network):
    host.define("leases1", tiny, devices=NIC.format(last=9), cmdline="skep.dhcp")
    host.boot("leases1")
    host.wait_console("leases1", "skep-tiny address")
    assert "52:54:00:11:22:09" in host.virsh("net-dhcp-leases", "default")
    assert "52:54:00:11:22:09" in host.virsh("domifaddr", "leases1")
    host.virsh("destroy", "leases1")


# -- pools and volumes ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pool(host):
    """A started pool."""
    path = host.root / "vols"
    path.mkdir()
    assert "Pool vols defined" in host.virsh("pool-define-as", "vols", "dir", "--target", path)
    assert "Pool vols started" in host.virsh("pool-start", "vols")
    return path


def test_pool_life(host):
    path = host.root / "pool1"
    assert "Pool pool1 defined" in host.virsh("pool-define-as", "pool1", "dir", "--target", path)
    assert "Pool pool1 built" in host.virsh("pool-build", "pool1")
    assert path.is_dir()
    assert "Pool pool1 started" in host.virsh("pool-start", "pool1")
    assert "Pool pool1 marked as autostarted" in host.virsh("pool-autostart", "pool1")
    info = fields(host.virsh("pool-info", "pool1"))
    assert info["State"] == "running" and info["Autostart"] == "yes" and info["Persistent"] == "yes"
    assert "pool1" in host.virsh("pool-list", "--all", "--name").split()
    assert "Pool pool1 refreshed" in host.virsh("pool-refresh", "pool1")
    assert host.virsh("pool-name", host.virsh("pool-uuid", "pool1").strip()).strip() == "pool1"
    assert "Pool pool1 destroyed" in host.virsh("pool-destroy", "pool1")
    assert "Pool pool1 deleted" in host.virsh("pool-delete", "pool1")
    assert "Pool pool1 has been undefined" in host.virsh("pool-undefine", "pool1")


def test_pool_dumpxml(host, pool):
    text = host.virsh("pool-dumpxml", "vols")
    assert ET.fromstring(text).findtext("target/path") == str(pool)
    done = subprocess.run(["virt-xml-validate", host.write("pool-valid.xml", text), "storagepool"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    again = host.write("pool-again.xml", text)
    assert "Pool vols defined" in host.virsh("pool-define", again)


def test_vol_create_list_delete(host, pool):
    assert "Vol v1.qcow2 created" in host.virsh("vol-create-as", "vols", "v1.qcow2", "32M", "--format", "qcow2")
    assert "v1.qcow2" in names(host.virsh("vol-list", "vols"), 0)
    assert host.virsh("vol-path", "v1.qcow2", "--pool", "vols").strip() == f"{pool}/v1.qcow2"
    assert host.virsh("vol-pool", f"{pool}/v1.qcow2").strip() == "vols"
    assert fields(host.virsh("vol-info", "v1.qcow2", "--pool", "vols"))["Capacity"] == "32.00 MiB"
    assert "Vol v1.qcow2 deleted" in host.virsh("vol-delete", "v1.qcow2", "--pool", "vols")
    assert not (pool / "v1.qcow2").exists()


def test_vol_clone_resize(host, pool):
    host.virsh("vol-create-as", "vols", "v2.qcow2", "8M", "--format", "qcow2")
    assert "Vol v3.qcow2 cloned from v2.qcow2" in host.virsh("vol-clone", "v2.qcow2", "v3.qcow2", "--pool", "vols")
    host.virsh("vol-resize", "v3.qcow2", "16M", "--pool", "vols")
    assert fields(host.virsh("vol-info", "v3.qcow2", "--pool", "vols"))["Capacity"] == "16.00 MiB"


def test_vol_from_xml(host, pool):
    path = host.write("vol.xml", "<volume><name>v4.qcow2</name><capacity unit='M'>8</capacity><target><format type='qcow2'/></target></volume>")
    assert "Vol v4.qcow2 created from" in host.virsh("vol-create", "vols", path)
    text = host.virsh("vol-dumpxml", "v4.qcow2", "--pool", "vols")
    assert ET.fromstring(text).findtext("capacity") == str(8 << 20)
    done = subprocess.run(["virt-xml-validate", host.write("vol-valid.xml", text), "storagevol"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    again = host.write("vol5.xml", text.replace("v4.qcow2", "v5.qcow2"))
    assert "Vol v5.qcow2 created from input vol v4.qcow2" in host.virsh("vol-create-from", "vols", again, "v4.qcow2", "--inputpool", "vols")


@pytest.mark.parametrize("sparse", [[], ["--sparse"]])
def test_vol_upload_download(host, pool, sparse):
    name = f"up{len(sparse)}.img"
    data = os.urandom(1 << 20) + bytes(2 << 20) + os.urandom(1 << 20)
    source, target = host.root / f"{name}.in", host.root / f"{name}.out"
    source.write_bytes(data)
    host.virsh("vol-create-as", "vols", name, "4M", "--format", "raw")
    host.virsh("vol-upload", name, source, "--pool", "vols", *sparse)
    assert (pool / name).read_bytes() == data
    host.virsh("vol-download", name, target, "--pool", "vols", *sparse)
    assert target.read_bytes() == data


def test_vol_wipe(host, pool):
    (pool / "wipe.img").write_bytes(b"secret" * 1000)
    host.virsh("pool-refresh", "vols")
    assert "Vol wipe.img wiped" in host.virsh("vol-wipe", "wipe.img", "--pool", "vols")
    assert not (pool / "wipe.img").read_bytes().strip(b"\0")


# -- devices ----------------------------------------------------------------------------------------------------


def test_attach_detach_disk(host, tiny):
    host.define("disk1", tiny)
    host.boot("disk1")
    path = qcow2(host, "disk1-extra", "16M")
    host.virsh("attach-disk", "disk1", path, "vdb", "--driver", "qemu", "--subdriver", "qcow2", "--live")
    assert "vdb" in names(host.virsh("domblklist", "disk1"), 0)
    host.virsh("detach-disk", "disk1", "vdb", "--live")
    assert "vdb" not in host.virsh("domblklist", "disk1")
    host.virsh("destroy", "disk1")


def test_attach_detach_interface(host, tiny, default_network):
    host.define("nic1", tiny)
    host.boot("nic1")
    host.virsh("attach-interface", "nic1", "network", "default", "--model", "virtio", "--mac", "52:54:00:aa:bb:01", "--live")
    assert "52:54:00:aa:bb:01" in host.virsh("domiflist", "nic1")
    host.virsh("detach-interface", "nic1", "network", "--mac", "52:54:00:aa:bb:01", "--live")
    host.virsh("attach-interface", "nic1", "network", "default", "--mac", "52:54:00:aa:bb:02", "--config")
    assert "52:54:00:aa:bb:02" in host.virsh("domiflist", "nic1", "--inactive")
    host.virsh("destroy", "nic1")


def test_setvcpus_setmem(host, tiny):
    host.define("tune1", tiny)
    host.virsh("setvcpus", "tune1", "2", "--config", "--maximum")
    host.virsh("setvcpus", "tune1", "2", "--config")
    host.virsh("setmaxmem", "tune1", "128M", "--config")
    host.virsh("setmem", "tune1", "112M", "--config")
    info = fields(host.virsh("dominfo", "tune1"))
    assert info["CPU(s)"] == "2" and info["Max memory"] == f"{128 << 10} KiB" and info["Used memory"] == f"{112 << 10} KiB"


def test_save_restore(host, tiny):
    host.define("save1", tiny)
    host.boot("save1")
    path = host.root / "save1.img"
    assert "Domain 'save1' saved to" in host.virsh("save", "save1", path)
    assert host.domstate("save1") == "shut off"
    assert "Domain restored from" in host.virsh("restore", path)
    assert host.domstate("save1") == "running"
    assert "Domain 'save1' state saved by libvirt" in host.virsh("managedsave", "save1")
    assert host.virsh("start", "save1") == "Domain 'save1' started\n\n"
    host.virsh("destroy", "save1")


def test_screenshot(host, tiny):
    host.define("shot1", tiny, devices="<graphics type='vnc' port='-1' autoport='yes'/><video><model type='vga'/></video>")
    host.virsh("start", "shot1")
    path = host.root / "shot.ppm"
    host.virsh("screenshot", "shot1", path)
    assert path.read_bytes()[:2] in (b"P6", b"\x89P")
    assert re.fullmatch(r"(127\.0\.0\.1)?:\d+", host.virsh("vncdisplay", "shot1").strip())
    host.virsh("destroy", "shot1")


# -- snapshots ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_disk(host):
    """A machine that runs, with a disk that can keep snapshots; there is nothing in it but firmware."""
    disk = DISK.format(path=qcow2(host, "snap1", "16M"), target="vda")
    host.virsh("define", host.write("snap1.xml", "<domain type='qemu'><name>snap1</name><memory unit='MiB'>32</memory><os><type>hvm</type></os>"
                                    f"<devices>{disk}</devices></domain>"))
    host.virsh("start", "snap1")
    yield "snap1"
    host.virsh("destroy", "snap1")


@pytest.fixture
def snapshot(host, with_disk):
    """A snapshot of it, with a name by the daemon: the name."""
    if host.domstate(with_disk) != "running":
        host.virsh("start", with_disk)
    made = re.fullmatch(r"Domain snapshot (\S+) created\n\n?", host.virsh("snapshot-create", with_disk))[1]
    yield made
    host.virsh("snapshot-delete", with_disk, made, check=False)
    assert not host.virsh("snapshot-list", with_disk, "--name").split()


def test_snapshot_create(host, with_disk, snapshot):
    assert host.domstate(with_disk) == "running"
    assert host.virsh("snapshot-list", with_disk, "--name").split() == [snapshot]


def test_snapshot_list(host, with_disk, snapshot):
    table = host.virsh("snapshot-list", with_disk)
    assert names(table, 0) == [snapshot] and names(table, -1) == ["running"]


def test_snapshot_info_current(host, with_disk, snapshot):
    info = fields(host.virsh("snapshot-info", with_disk, "--current"))
    assert (info["Name"], info["Domain"], info["Current"], info["State"]) == (snapshot, with_disk, "yes", "running")
    assert (info["Location"], info["Parent"], info["Children"], info["Metadata"]) == ("internal", "-", "0", "yes")


def test_snapshot_dumpxml(host, with_disk, snapshot):
    root = ET.fromstring(host.virsh("snapshot-dumpxml", with_disk, snapshot))
    assert (root.tag, root.findtext("name"), root.findtext("state")) == ("domainsnapshot", snapshot, "running")
    assert root.findtext("domain/name") == with_disk


def test_snapshot_revert_current(host, with_disk, snapshot):
    host.virsh("destroy", with_disk)
    assert host.virsh("snapshot-revert", with_disk, "--current").strip() in ("", f"Domain snapshot {snapshot} reverted")
    assert host.domstate(with_disk) == "running"


def test_snapshot_delete_current(host, with_disk, snapshot):
    assert host.virsh("snapshot-delete", with_disk, "--current") == f"Domain snapshot {snapshot} deleted\n\n"
    assert "has no current snapshot" in host.virsh_fails("snapshot-info", with_disk, "--current")


def test_snapshots_when_off(host, tiny):
    host.define("snap2", tiny, devices=DISK.format(path=qcow2(host, "snap2", "16M"), target="vda"))
    host.virsh("snapshot-create-as", "snap2", "a", "the first")
    host.virsh("snapshot-create-as", "snap2", "b")
    assert host.virsh("snapshot-parent", "snap2", "b").strip() == "a"
    assert host.virsh("snapshot-current", "snap2", "--name").strip() == "b"
    assert "b" in host.virsh("snapshot-list", "snap2", "--tree")
    host.virsh("snapshot-revert", "snap2", "a")
    assert host.virsh("snapshot-current", "snap2", "--name").strip() == "a"
    host.virsh("snapshot-delete", "snap2", "a", "--children")
    assert not host.virsh("snapshot-list", "snap2", "--name").split()


# -- secrets, devices of the host -----------------------------------------------------------------------------------


def test_secret(host):
    path = host.write("secret.xml", "<secret ephemeral='no' private='no'><uuid>0b3c9d42-3c8a-4f6e-9d5d-5b8a7f0000aa</uuid>"
                      "<description>a key</description><usage type='volume'><volume>/vol</volume></usage></secret>")
    assert "Secret 0b3c9d42-3c8a-4f6e-9d5d-5b8a7f0000aa created" in host.virsh("secret-define", path)
    host.virsh("secret-set-value", "0b3c9d42-3c8a-4f6e-9d5d-5b8a7f0000aa", "Zm9v")
    assert "Zm9v" in host.virsh("secret-get-value", "0b3c9d42-3c8a-4f6e-9d5d-5b8a7f0000aa")
    assert "0b3c9d42-3c8a-4f6e-9d5d-5b8a7f0000aa" in host.virsh("secret-list")
    assert "Secret 0b3c9d42-3c8a-4f6e-9d5d-5b8a7f0000aa deleted" in host.virsh("secret-undefine", "0b3c9d42-3c8a-4f6e-9d5d-5b8a7f0000aa")


def test_nodedev(host):
    assert "computer" in host.virsh("nodedev-list").split()
    assert "computer" in host.virsh("nodedev-list", "--tree")
    assert ET.fromstring(host.virsh("nodedev-dumpxml", "computer")).findtext("name") == "computer"


# -- events -----------------------------------------------------------------------------------------------------------


def test_event(host, tiny):
    host.define("event1", tiny)
    watcher = subprocess.Popen(host.prefix() + ["virsh", "event", "--domain", "event1", "--event", "lifecycle", "--loop", "--timestamp"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=host.environment())
    try:
        def seen(word):
            while True:
                line = watcher.stdout.readline()
                assert line, f"virsh event ended before {word!r}"
                if word in line:
                    return
        # The watcher is there when it tells of a change: changes until it does.
        os.set_blocking(watcher.stdout.fileno(), True)
        deadline = time.monotonic() + DEADLINE
        while not select.select([watcher.stdout], [], [], 0)[0]:
            assert time.monotonic() < deadline
            host.virsh("start", "event1")
            host.virsh("destroy", "event1")
        seen("Started")
        seen("Stopped")
    finally:
        watcher.kill()
        watcher.wait()
