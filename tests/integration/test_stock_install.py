# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-install, virt-clone, virt-xml and virt-sysprep as the textbooks have them: each line a test of its own."""
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from skep import SOURCE, guest_files
from stock import fields, make_host, needs

# osinfo would look for its own catalogue over the network otherwise; the catalogue is the package's.
UUID = "8a3f2b60-0c1d-4c55-9d67-aabbccddee01"


@pytest.fixture(scope="module")
def host():
    """One host for all tests of this file; it may run on TCG what asks for KVM, as the design has it."""
    needs("virt-install", "genisoimage")
    with make_host(settings="[qemu]\nkvm_fallback = true\n") as running:
        running.start()
        running.bridge("br0")
        running.iso = running.root / "X.iso"
        tree = running.root / "iso-tree"
        tree.mkdir()
        (tree / "README").write_text("a small medium\n")
        running.run("genisoimage", "-quiet", "-R", "-J", "-V", "SKEP", "-o", str(running.iso), str(tree))
        running.default_network()
        running.virsh("net-autostart", "default")
        yield running


@pytest.fixture(scope="module")
def tree(host):
    """An installation tree with a real kernel, as a distribution's mirror has it."""
    files = guest_files()
    if files is None:
        pytest.skip("the tiny guest is not built: run tests/guest/make-tiny")
    top = host.root / "tree"
    boot = top / "images" / "pxeboot"
    boot.mkdir(parents=True)
    shutil.copy(Path(files[0]).parent / "vmlinuz", boot / "vmlinuz")
    shutil.copy(files[1], boot / "initrd.img")
    (top / ".treeinfo").write_text("[general]\nfamily = Fedora\nversion = 37\narch = x86_64\nname = Fedora 37\n"
                                   "[images-x86_64]\nkernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img\n"
                                   "[tree]\narch = x86_64\nplatforms = x86_64\nbuild_timestamp = 1\n")
    return top


def install(host, *argv, **options):
    """virt-install; what it printed."""
    return host.client("virt-install", *argv, **options)


def live(host, name):
    return ET.fromstring(host.virsh("dumpxml", "--security-info", name))


def defined(host, name):
    return ET.fromstring(host.virsh("dumpxml", "--inactive", "--security-info", name))


def remove(host, name, *how):
    if host.domstate(name) != "shut off":
        host.virsh("destroy", name)
    host.virsh("undefine", name, *how)
    assert name not in host.virsh("list", "--all", "--name").split()


# -- installing -------------------------------------------------------------------------------------------


def test_demo(host):
    """--disk size=20 makes a volume in pool "default", which is Skep's own."""
    install(host, "--connect", "qemu:///system", "--virt-type", "kvm", "--name", "demo", "--memory", "500", "--disk", "size=20", "--cdrom", host.iso,
            "--os-variant", "debianwheezy", "--network", "bridge=br0", "--noautoconsole", "--graphics", "vnc,password=XYZ12345,listen=0.0.0.0")
    assert host.domstate("demo") == "running"
    disk = host.virsh("vol-path", "demo.qcow2", "--pool", "default").strip()
    now, later = live(host, "demo"), defined(host, "demo")
    assert now.find("devices/graphics").get("listen") == "0.0.0.0" and int(now.find("devices/graphics").get("port")) >= 5900
    assert later.find("devices/graphics").get("passwd") == "XYZ12345"
    assert now.find("devices/interface/source").get("bridge") == "br0"
    assert now.find("devices/interface/target").get("dev") in host.run("ip", "-br", "link", "show", "master", "br0", capture_output=True, text=True).stdout
    assert later.find("devices/disk[@device='disk']/source").get("file") == disk
    assert fields(host.virsh("vol-info", disk))["Capacity"] == "20.00 GiB"
    assert now.find("on_reboot").text == "destroy" and later.find("on_reboot").text == "restart"
    assert now.find("os/boot").get("dev") == "cdrom" and later.find("os/boot").get("dev") == "hd"
    assert "libosinfo" in host.virsh("dumpxml", "demo")
    remove(host, "demo", "--remove-all-storage")
    assert host.run("test", "-e", disk, check=False).returncode == 1


def test_c73(host):
    """--os-type is gone from the client and only warned of; rhel7 is rhel7.0 there."""
    opt = host.root / "opt"
    opt.mkdir()
    install(host, "--virt-type=kvm", "--name=c73", "--vcpus=1", "-r", "1024", "--cdrom=" + str(host.iso), "--network", "network=default", "--graphics",
            "vnc,listen=0.0.0.0", "--noautoconsole", "--os-type=linux", "--os-variant=rhel7.0", "--disk", f"path={opt}/c73.qcow2,size=6,format=qcow2")
    assert host.domstate("c73") == "running"
    info = fields(host.virsh("dominfo", "c73"))
    assert info["CPU(s)"] == "1" and info["Max memory"] == f"{1024 << 10} KiB" and info["Persistent"] == "yes"
    assert '"virtual-size": 6442450944' in host.run("qemu-img", "info", "-U", "--output=json", f"{opt}/c73.qcow2", capture_output=True, text=True).stdout
    assert "opt" in host.virsh("pool-list", "--autostart", "--name").split()
    remove(host, "c73", "--remove-all-storage")


def test_vm1(host):
    """32 GiB where the host has them."""
    have = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) >> 10
    memory = 32768 if have > 40000 else 1024
    vm1 = host.root / "vm1"
    vm1.mkdir()
    host.run("qemu-img", "create", "-q", "-f", "qcow2", f"{vm1}/vm1.example.com.qcow2", "1G")
    install(host, "--connect", "qemu:///system", "--name", "vm1.example.com", "--ram", memory, "--vcpus", "4", "--disk", f"path={vm1}/vm1.example.com.qcow2",
            "--network=bridge:br0", "--os-type=linux", "--os-variant=rhel6.0", "--cdrom", host.iso, "--graphics", "spice,password=mypassword", "--autostart",
            "--noautoconsole")
    root = defined(host, "vm1.example.com")
    assert root.find("devices/graphics").get("type") == "spice" and root.find("devices/graphics").get("passwd") == "mypassword"
    assert root.findtext("vcpu") == "4"
    assert fields(host.virsh("dominfo", "vm1.example.com"))["Autostart"] == "enable"
    remove(host, "vm1.example.com")


def test_location_tree(host, tree):
    """Kernel and initrd of the tree are booted with -x, and the guest comes up."""
    install(host, "--connect", "qemu:///system", "--virt-type", "qemu", "--name", "location1", "--memory", "512", "--disk", "none", "--location", tree,
            "-x", "console=ttyS0 quiet", "--nographics", "--network", "network=default", "--os-variant", "fedora37", "--noautoconsole")
    root = live(host, "location1")
    assert root.findtext("os/cmdline") == "console=ttyS0 quiet" and root.findtext("os/kernel")
    host.wait_console("location1", "skep-tiny ready")
    assert defined(host, "location1").find("os/kernel") is None
    remove(host, "location1")


def test_location_iso(host, tree):
    needs("xorriso" if shutil.which("isoinfo") is None else "isoinfo")
    iso = host.root / "location.iso"
    host.run("genisoimage", "-quiet", "-R", "-J", "-V", "LOCATION", "-o", str(iso), str(tree))
    install(host, "--virt-type", "qemu", "--name", "location2", "--memory", "512", "--disk", "size=1", "--location",
            f"{iso},kernel=images/pxeboot/vmlinuz,initrd=images/pxeboot/initrd.img", "-x", "console=ttyS0 quiet", "--graphics", "none", "--network",
            "network=default", "--os-variant", "fedora37", "--noautoconsole")
    host.wait_console("location2", "skep-tiny ready")
    assert live(host, "location2").find("devices/disk[@device='cdrom']/source").get("file") == str(iso)
    remove(host, "location2", "--remove-all-storage")


def qcow2(host, name):
    path = f"{host.images}/{name}.qcow2"
    host.run("qemu-img", "create", "-q", "-f", "qcow2", path, "64M")
    return path


@pytest.mark.parametrize("name, argv, find", [
    ("import1", ["--import"], "os/boot[@dev='hd']"),
    ("pxe1", ["--pxe", "--network", "network=default"], "os/boot[@dev='network']"),
    ("cpuset1", ["--import", "--vcpus", "1", "--cpuset", "0"], "vcpu[@cpuset='0']"),
    ("nographics1", ["--import", "--nographics"], "devices/console"),
    ("uuid1", ["--import", "--uuid", UUID], "uuid"),
    ("uefi1", ["--import", "--boot", "uefi"], "os/loader[@type='pflash'][@readonly='yes']"),
    ("transient1", ["--import", "--transient"], "devices/disk"),
    ("cloudinit1", ["--import", "--cloud-init", "root-password-generate=off,disable=on"], "devices/disk"),
])
def test_kinds(host, name, argv, find):
    out = install(host, "--connect", "qemu:///system", "--virt-type", "qemu", "--name", name, "--memory", "128", "--disk", qcow2(host, name), "--os-variant",
                  "generic", "--noautoconsole", *([] if "--network" in argv else ["--network", "none"]), *argv)
    root = live(host, name)
    assert root.find(find) is not None, out
    if name == "uuid1":
        assert root.findtext("uuid") == UUID
    if name == "nographics1":
        assert root.find("devices/graphics") is None
    if name == "uefi1":
        assert host.domstate(name) == "running"
        assert Path(root.findtext("os/loader")).is_file() and Path(root.find("os/nvram").get("template")).is_file()
        assert Path(root.findtext("os/nvram")).is_file()
        fixed = defined(host, name).find("os")
        assert fixed.get("firmware") == "efi" and fixed.find("loader") is None and fixed.find("nvram") is None
    if name == "transient1":
        host.virsh("destroy", name)
        assert name not in host.virsh("list", "--all", "--name").split()
        return
    remove(host, name, *(["--nvram"] if name == "uefi1" else []))


def test_host_device(host):
    """A device of the host by the name node devices have; where the host has one that could be given away."""
    listed = host.virsh("nodedev-list", "--cap", "usb_device").split() or host.virsh("nodedev-list", "--cap", "pci").split()
    if not listed:
        pytest.skip("this host has no PCI or USB device")
    text = install(host, "--virt-type", "qemu", "--name", "hostdev1", "--memory", "128", "--disk", "none", "--import", "--network", "none", "--os-variant",
                   "generic", "--host-device", listed[0], "--print-xml")
    path = host.write("hostdev1.xml", text)
    host.virsh("define", path)
    assert defined(host, "hostdev1").find("devices/hostdev") is not None
    remove(host, "hostdev1")


def test_kvm_is_refused_where_it_cannot_run(host):
    """Without the fallback a host that cannot run KVM says so in one sentence."""
    if re.search(r"\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text()):
        pytest.skip("this host runs KVM guests")
    with make_host() as strict:
        strict.start()
        path = strict.write("kvm.xml", "<domain type='kvm'><name>kvm1</name><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os></domain>")
        said = strict.virsh_fails("create", path)
        assert "kvm" in said.partition('domain "kvm1"')[2], said


def test_name_taken(host):
    install(host, "--virt-type", "qemu", "--name", "taken", "--memory", "64", "--disk", "none", "--import", "--network", "none", "--os-variant", "generic",
            "--noautoconsole")
    done = host.client("virt-install", "--virt-type", "qemu", "--name", "taken", "--memory", "64", "--disk", "none", "--import", "--network", "none",
                       "--os-variant", "generic", "--noautoconsole", check=False)
    assert done.returncode != 0 and "in use" in done.stderr
    remove(host, "taken")


@pytest.mark.parametrize("path", sorted((SOURCE / "tests" / "golden" / "xml" / "virt-install").glob("*.2-*.in.xml")), ids=lambda path: path.name.split(".")[0])
def test_recorded_xml(host, path):
    """XML that stock tools generate is taken whole, and comes back: defining what was dumped changes nothing."""
    text = path.read_text()
    root = ET.fromstring(text)
    name = f"recorded-{path.name.split('.')[0]}"
    root.find("name").text = name
    if root.find("uuid") is not None:
        root.remove(root.find("uuid"))
    host.virsh("define", host.write("recorded.xml", ET.tostring(root, encoding="unicode")))
    dumped = host.virsh("dumpxml", "--inactive", "--security-info", name)
    kinds = [e.tag for e in root.find("devices") if e.tag not in ("controller", "emulator", "input", "audio", "memballoon")]
    got = [e.tag for e in ET.fromstring(dumped).find("devices")]
    missing = [kind for kind in kinds if got.count(kind) < kinds.count(kind)]
    assert not missing, missing
    host.virsh("define", host.write("recorded.xml", dumped))
    assert host.virsh("dumpxml", "--inactive", "--security-info", name) == dumped
    remove(host, name, *(["--nvram"] if "<nvram" in dumped else []))


# -- cloning and changing --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(host):
    """A domain that is shut off, with a disk and a NIC."""
    disk = qcow2(host, "centos.template")
    install(host, "--virt-type", "qemu", "--name", "centos.template", "--memory", "64", "--disk", disk, "--import", "--network", "network=default",
            "--os-variant", "generic", "--noreboot", "--noautoconsole", "--graphics", "vnc")
    if host.domstate("centos.template") != "shut off":
        host.virsh("destroy", "centos.template")
    return "centos.template"


def mac_of(host, name):
    return defined(host, name).find("devices/interface/mac").get("address")


def test_virt_clone(host, template):
    needs("virt-clone")
    vm1 = host.root / "vm1-clone"
    vm1.mkdir()
    host.client("virt-clone", "-o", template, "-n", "newclone", "-f", f"{vm1}/newclone.img")
    assert (vm1 / "newclone.img").exists()
    root = defined(host, "newclone")
    assert root.find("devices/disk/source").get("file") == f"{vm1}/newclone.img"
    assert mac_of(host, "newclone") != mac_of(host, template)
    assert root.findtext("uuid") != defined(host, template).findtext("uuid")
    assert host.virsh("start", "newclone")
    remove(host, "newclone")


def test_virt_clone_auto(host, template):
    needs("virt-clone")
    out = host.client("virt-clone", "--original", template, "--auto-clone")
    name = re.search(r"Clone '([^']+)' created", out)[1]
    assert defined(host, name).find("devices/disk/source").get("file") != defined(host, template).find("devices/disk/source").get("file")
    remove(host, name, "--remove-all-storage")


def test_virt_clone_of_what_runs(host, template):
    needs("virt-clone")
    host.virsh("start", template)
    done = host.client("virt-clone", "--original", template, "--auto-clone", check=False)
    host.virsh("destroy", template)
    assert done.returncode != 0 and "must be shutoff" in done.stderr


def test_virt_xml_edit(host, template):
    needs("virt-xml")
    host.client("virt-xml", template, "--edit", "--memory", "96", "--define")
    assert fields(host.virsh("dominfo", template))["Max memory"] == f"{96 << 10} KiB"


def test_virt_xml_add_device(host, template):
    needs("virt-xml")
    host.client("virt-xml", template, "--add-device", "--disk", "size=1")
    assert len(defined(host, template).findall("devices/disk")) == 2
    host.client("virt-xml", template, "--remove-device", "--disk", "2")
    assert len(defined(host, template).findall("devices/disk")) == 1


def test_virt_xml_hotplug(host, template):
    needs("virt-xml")
    host.virsh("start", template)
    host.client("virt-xml", template, "--update", "--add-device", "--rng", "/dev/urandom")
    assert live(host, template).find("devices/rng") is not None and defined(host, template).find("devices/rng") is not None
    host.virsh("destroy", template)


# -- virt-sysprep -----------------------------------------------------------------------------------------------


def guestfs_missing():
    if shutil.which("virt-sysprep") is None:
        return "virt-sysprep (guestfs-tools) is not installed"
    if not list(Path("/boot").glob("vmlinuz-*")):
        return "libguestfs has no kernel to boot in /boot (package linux-image-cloud-amd64)"
    image = Path(os.environ.get("SKEP_GUEST", "")) / "debian-12.qcow2"
    return None if image.exists() else "there is no image of a distribution: SKEP_GUEST/debian-12.qcow2"


def guestfs(host, program, *argv, **options):
    """A program of libguestfs: it boots a second machine, here under TCG whatever /dev/kvm promises."""
    environment = host.environment(LIBGUESTFS_BACKEND="direct", LIBGUESTFS_BACKEND_SETTINGS="force_tcg", TMPDIR=str(host.root))
    return host.client(program, *argv, timeout=20 * 60, env=environment, **options)


@pytest.mark.timeout(60 * 60)
def test_virt_sysprep(host):
    """By the domain's name, with all operations, and by its disk; what they did is seen in the guest's files."""
    missing = guestfs_missing()
    if missing:
        pytest.skip(missing)
    disk = f"{host.images}/sysprep.qcow2"
    host.run("cp", f"{os.environ['SKEP_GUEST']}/debian-12.qcow2", disk)
    xml = install(host, "--virt-type", "qemu", "--name", "sysprep", "--memory", "512", "--disk", disk, "--import", "--network", "network=default",
                  "--os-variant", "debian11", "--print-xml")
    host.virsh("define", host.write("sysprep.xml", xml))
    host.virsh("start", "--paused", "sysprep")
    done = guestfs(host, "virt-sysprep", "-d", "sysprep", check=False)
    assert done.returncode != 0 and "live virtual machine" in done.stderr, done.stderr
    host.virsh("destroy", "sysprep")
    out = guestfs(host, "virt-sysprep", "-a", disk, "--operations", "customize", "--write", "/etc/skep-was-here:yes", "--write",
                  "/etc/ssh/ssh_host_skep_key:of the template")
    assert "Writing: /etc/skep-was-here" in out
    out = guestfs(host, "virt-sysprep", "-d", "sysprep")
    assert 'Performing "machine-id"' in out and 'Performing "ssh-hostkeys"' in out
    files = guestfs(host, "virt-ls", "-d", "sysprep", "/etc", "/etc/ssh").split()
    assert "skep-was-here" in files and "sshd_config" in files and "ssh_host_skep_key" not in files
    host.run("qemu-img", "check", "-q", disk)
    remove(host, "sysprep", "--remove-all-storage")
