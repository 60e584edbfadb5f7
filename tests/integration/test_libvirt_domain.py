# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains through libvirt's stock clients: definitions, saved states, devices, resources."""
import subprocess

import pytest

from libvirt_client import uri
from streams import Console

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")
READY = "skep-tiny ready"

XML = """<domain type='qemu'>
  <name>%s</name><memory unit='MiB'>96</memory><vcpu current='1'>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><kernel>%s</kernel><initrd>%s</initrd><cmdline>console=ttyS0 quiet</cmdline></os>
  <features><acpi/></features>
  <devices>
    <controller type='usb' model='qemu-xhci'/><graphics type='vnc'/>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>
    <interface type='user'><mac address='52:54:00:11:22:33'/><model type='virtio'/></interface>
    <serial type='pty'/><console type='pty'/>
  </devices>
</domain>"""


def virsh(daemon, *words, fails=False):
    done = subprocess.run(["virsh", "-c", uri(daemon), *words], capture_output=True, text=True, timeout=120)
    assert (done.returncode != 0) == fails, f"virsh {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def guest(shared_daemon, tiny, tmp_path_factory):
    """A guest made by virsh, whose shell remembers a word."""
    d = shared_daemon
    path = tmp_path_factory.mktemp("xml") / "g.xml"
    path.write_text(XML % ("g", *tiny))
    virsh(d, "define", str(path))
    virsh(d, "start", "g")
    d.wait_console("g", READY)
    with Console(d, "g", take_over=True) as console:
        console.wait(READY)
        console.write("WORD=hive; echo learn'e'd\n")
        console.wait("learned")
    yield "g"
    d.request("DELETE", "/v1/domains/g?force=true", headers={"Prefer": "wait=120"})


def remembers(daemon, name):
    with Console(daemon, name, take_over=True) as console:
        console.forget()
        console.write('echo word "<$WORD>"\n')
        console.wait("word <hive>")


def give(daemon, tmp_path, command, name, xml, *words, **options):
    path = tmp_path / "device.xml"
    path.write_text(xml)
    return virsh(daemon, command, name, str(path), *words, **options)


def test_transient_then_defined(shared_daemon, tiny, tmp_path):
    """What virt-install does: create, then define what runs."""
    d = shared_daemon
    connection = libvirt.open(uri(d))
    domain = connection.createXML(XML % ("t", *tiny), libvirt.VIR_DOMAIN_START_PAUSED)
    assert not domain.isPersistent() and domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED
    defined = connection.defineXML(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    assert defined.isPersistent() and defined.UUIDString() == domain.UUIDString() and defined.isActive()
    domain.undefine()
    assert not domain.isPersistent() and domain.isActive()
    domain.destroy()
    with pytest.raises(libvirt.libvirtError) as gone:
        connection.lookupByName("t")
    assert gone.value.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN
    connection.close()


def test_autodestroy(shared_daemon, tiny):
    connection = libvirt.open(uri(shared_daemon))
    connection.createXML(XML % ("auto", *tiny), libvirt.VIR_DOMAIN_START_AUTODESTROY | libvirt.VIR_DOMAIN_START_PAUSED)
    connection.close()
    shared_daemon.wait_until(lambda: shared_daemon.request("GET", "/v1/domains/auto").status == 404, "it to go with its connection")


def test_words(shared_daemon, guest):
    virsh(shared_daemon, "desc", guest, "--live", "--config", "hello")
    assert virsh(shared_daemon, "desc", guest).strip() == "hello"
    virsh(shared_daemon, "metadata", guest, "http://x.org", "--set", "<x y='1'/>", "--key", "k", "--live", "--config")
    assert virsh(shared_daemon, "metadata", guest, "http://x.org").strip() == "<x y='1'/>"
    assert "<k:x xmlns:k='http://x.org' y='1'/>" in virsh(shared_daemon, "dumpxml", guest, "--inactive")


def test_save_and_restore(shared_daemon, guest, tmp_path):
    d, path = shared_daemon, str(tmp_path / "state")
    virsh(d, "save", guest, path)
    assert virsh(d, "domstate", guest, "--reason").strip() == "shut off (saved)"
    assert "<name>g</name>" in virsh(d, "save-image-dumpxml", path)
    virsh(d, "restore", path, "--paused")
    virsh(d, "resume", guest)
    virsh(d, "managedsave", guest)
    assert "Managed save:   yes" in virsh(d, "dominfo", guest)
    assert "managed save" in virsh(d, "undefine", guest, fails=True)
    virsh(d, "start", guest)
    assert virsh(d, "domstate", guest, "--reason").strip() == "running (restored)"
    remembers(d, guest)


def test_screen_keys_dump(shared_daemon, guest, tmp_path):
    d, core = shared_daemon, tmp_path / "core"
    virsh(d, "screenshot", guest, str(tmp_path / "s.png"))
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    virsh(d, "send-key", guest, "KEY_LEFTCTRL", "KEY_A")
    assert "invalid keycode" in virsh(d, "send-key", guest, "--codeset", "linux", "999", fails=True)
    virsh(d, "dump", "--memory-only", guest, str(core))
    assert core.read_bytes()[:4] == b"\x7fELF"
    assert virsh(d, "domstate", guest).strip() == "running"


def test_dump_that_ends(shared_daemon, tmp_path):
    """What was dumped is what is reset or ends: the guest does not go on in between."""
    d, name = shared_daemon, "dumped"
    path = tmp_path / "dumped.xml"
    path.write_text(f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>")
    virsh(d, "define", str(path))
    virsh(d, "start", name)
    assert "exclu" in virsh(d, "dump", name, str(tmp_path / "no"), "--crash", "--live", fails=True)
    virsh(d, "dump", name, str(tmp_path / "reset"), "--reset", "--memory-only")
    assert virsh(d, "domstate", name).strip() == "running"
    virsh(d, "dump", name, str(tmp_path / "crash"), "--crash", "--memory-only", "--format", "elf")
    assert virsh(d, "domstate", name, "--reason").strip() == "shut off (crashed)"
    assert all((tmp_path / file).read_bytes()[:4] == b"\x7fELF" for file in ("reset", "crash"))
    d.do("POST", f"/v1/domains/{name}/start")
    d.do("POST", f"/v1/domains/{name}/dump", {"path": str(tmp_path / "rest"), "then": "destroy"})
    assert d.state(name) == "shut off"
    virsh(d, "undefine", name)


def test_asked_to_shut_down(shared_daemon, tiny, tmp_path):
    """A guest that was only asked to end runs on: it can be changed, dumped and saved."""
    d, name = shared_daemon, "asked"
    path = tmp_path / "asked.xml"
    xml = (XML % (name, *tiny)).replace("quiet", "quiet skep.ignore-shutdown").replace("11:22:33", "11:22:34")
    path.write_text(xml.replace("<graphics type='vnc'/>", "<graphics type='vnc' passwd='hush'/>"))
    virsh(d, "define", str(path))
    virsh(d, "start", name)
    d.wait_console(name, READY)
    virsh(d, "shutdown", name)
    d.wait_state(name, "in shutdown")
    give(d, tmp_path, "attach-device", name, "<input type='tablet' bus='usb'/>", "--live")
    give(d, tmp_path, "detach-device", name, "<input type='tablet' bus='usb'/>", "--live")
    virsh(d, "dump", name, str(tmp_path / "core"), "--memory-only")
    virsh(d, "save", name, str(tmp_path / "state"))
    assert virsh(d, "domstate", name, "--reason").strip() == "shut off (saved)"
    assert "hush" not in virsh(d, "save-image-dumpxml", str(tmp_path / "state"))
    assert "passwd='hush'" in virsh(d, "save-image-dumpxml", str(tmp_path / "state"), "--security-info")
    virsh(d, "restore", str(tmp_path / "state"))
    assert virsh(d, "domstate", name, "--reason").strip() == "running (restored)"
    # A reboot that was asked for is not remembered by what goes on elsewhere.
    virsh(d, "reboot", name)
    d.wait_state(name, "in shutdown")
    virsh(d, "managedsave", name)
    assert virsh(d, "domstate", name, "--reason").strip() == "shut off (saved)"
    d.request("DELETE", f"/v1/domains/{name}?force=true", headers={"Prefer": "wait=120"})


def test_serial_numbers(shared_daemon, tmp_path):
    """A serial number that no schema has is refused by name."""
    path = tmp_path / "serial.xml"
    disk = "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><serial>%s</serial></disk>"
    path.write_text(XML.partition("<devices>")[0] % ("serial", "/k", "/i") + f"<devices>{disk % 'a&quot;b'}</devices></domain>")
    assert "none of a serial number" in virsh(shared_daemon, "define", str(path), fails=True)


def test_devices(shared_daemon, guest, tmp_path):
    d = shared_daemon
    rng = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
    give(d, tmp_path, "attach-device", guest, rng, "--live", "--config")
    assert virsh(d, "dumpxml", guest).count("<rng ") == 1 and virsh(d, "dumpxml", guest, "--inactive").count("<rng ") == 1
    give(d, tmp_path, "detach-device", guest, rng, "--live", "--config")
    assert "<rng " not in virsh(d, "dumpxml", guest) + virsh(d, "dumpxml", guest, "--inactive")
    tablet = "<input type='tablet' bus='usb'/>"
    give(d, tmp_path, "attach-device", guest, tablet, "--live")
    assert "tablet" in virsh(d, "dumpxml", guest) and "tablet" not in virsh(d, "dumpxml", guest, "--inactive")
    give(d, tmp_path, "detach-device", guest, tablet, "--live")
    channel = "<channel type='unix'><target type='virtio' name='x.y'/></channel>"
    video = "<video><model type='vga'/></video>"
    assert "cannot come or go" in give(d, tmp_path, "attach-device", guest, video, "--live", fails=True)
    give(d, tmp_path, "attach-device", guest, channel, "--config")
    assert "x.y" in virsh(d, "dumpxml", guest, "--inactive")


def test_disks_and_links(shared_daemon, guest, tmp_path):
    d, path = shared_daemon, str(tmp_path / "d.qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "64M"], check=True)
    virsh(d, "attach-disk", guest, path, "vdb", "--driver", "qemu", "--subdriver", "qcow2", "--live")
    assert path in virsh(d, "domblklist", guest) and path not in virsh(d, "domblklist", guest, "--inactive")
    virsh(d, "blkdeviotune", guest, "vdb", "--total-bytes-sec", "1000000", "--live")
    assert "1000000" in virsh(d, "blkdeviotune", guest, "vdb")
    virsh(d, "detach-disk", guest, "vdb", "--live")
    virsh(d, "domif-setlink", guest, "52:54:00:11:22:33", "down")
    assert "down" in virsh(d, "domif-getlink", guest, "52:54:00:11:22:33")
    virsh(d, "domiftune", guest, "52:54:00:11:22:33", "--inbound", "100", "--config")
    assert "inbound.average: 100" in virsh(d, "domiftune", guest, "52:54:00:11:22:33", "--config")


def test_resources(shared_daemon, guest):
    d = shared_daemon
    virsh(d, "setvcpus", guest, "2", "--live")
    assert virsh(d, "vcpucount", guest, "--live", "--current").strip() == "2"
    assert virsh(d, "vcpucount", guest, "--config", "--current").strip() == "1"
    assert "greater than max" in virsh(d, "setvcpus", guest, "9", "--config", fails=True)
    virsh(d, "setmem", guest, "65536", "--config")
    assert "higher than max" in virsh(d, "setmem", guest, "999999", "--live", fails=True)


def test_live_pins(shared_daemon, guest):
    d = shared_daemon
    d.do("PATCH", f"/v1/domains/{guest}?scope=live", {"cpu_tune": {"vcpu_pins": [{"id": 0, "cpuset": "0"}]}})
    assert d.get(f"/v1/domains/{guest}")["live"]["cpu_tune"]["vcpu_pins"] == [{"id": 0, "cpuset": "0"}]
    assert d.fails("PATCH", f"/v1/domains/{guest}?scope=live", {"machine": "pc"})[:2] == (422, "unsupported")


def test_passwords_of_screens(shared_daemon, tmp_path):
    """The password of a screen that was started with one is changed while it is shown."""
    d, name = shared_daemon, "screens"
    path = tmp_path / "screens.xml"
    path.write_text(f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os><devices>"
                    "<graphics type='vnc' passwd='first'/><graphics type='spice' passwd='first'/></devices></domain>")
    virsh(d, "define", str(path))
    virsh(d, "start", name, "--paused")
    for kind in ("vnc", "spice"):
        give(d, tmp_path, "update-device", name, f"<graphics type='{kind}' passwd='new-{kind}'/>", "--live")
        assert f"passwd='new-{kind}'" in virsh(d, "dumpxml", name, "--security-info")
        assert f"passwd='new-{kind}'" not in virsh(d, "dumpxml", name, "--security-info", "--inactive")
    assert "passwd" not in virsh(d, "dumpxml", name)
    virsh(d, "destroy", name)
    virsh(d, "undefine", name)


def test_first_usb_device(shared_daemon, tmp_path):
    """A domain that runs without USB gets a controller with its first device, which stays."""
    d, name = shared_daemon, "nousb"
    path = tmp_path / "nousb.xml"
    path.write_text(f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>")
    virsh(d, "define", str(path))
    virsh(d, "start", name, "--paused")
    tablet = "<input type='tablet' bus='usb'/>"
    assert "type='usb'" not in virsh(d, "dumpxml", name)
    give(d, tmp_path, "attach-device", name, tablet, "--live", "--config")
    for words in ((), ("--inactive",)):
        assert "tablet" in virsh(d, "dumpxml", name, *words) and "type='usb'" in virsh(d, "dumpxml", name, *words)
    give(d, tmp_path, "detach-device", name, tablet, "--live", "--config")
    give(d, tmp_path, "attach-device", name, "<input type='keyboard' bus='usb'/>", "--live", "--config")
    assert "keyboard" in virsh(d, "dumpxml", name)
    assert d.get(f"/v1/domains/{name}")["status"].get("pending", []) == []
    virsh(d, "destroy", name)
    virsh(d, "undefine", name)
