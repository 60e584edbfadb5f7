# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices of every kind that come and go while a guest runs, and the sentence about those that cannot."""
import os
import socket
import subprocess
import tempfile
import xml.etree.ElementTree as ET

import pytest

from libvirt_client import uri
from streams import Console

libvirt = pytest.importorskip("libvirt", reason="python3-libvirt is not installed")
READY = "skep-tiny ready"
VIRTIOFSD = any(os.access(path, os.X_OK) for path in ("/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd"))

XML = """<domain type='qemu'>
  <name>hot</name><maxMemory slots='4' unit='MiB'>512</maxMemory><memory unit='MiB'>128</memory><currentMemory unit='MiB'>128</currentMemory>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><kernel>%s</kernel><initrd>%s</initrd><cmdline>console=ttyS0 quiet</cmdline></os>
  <features><acpi/></features><cpu><numa><cell id='0' cpus='0' memory='128' unit='MiB'/></numa></cpu>
  <devices>
    <controller type='usb' model='qemu-xhci'/><sound model='ac97'/><serial type='pty'/><console type='pty'/>
  </devices>
</domain>"""


def virsh(daemon, *words, fails=False):
    done = subprocess.run(["virsh", "-c", uri(daemon), *words], capture_output=True, text=True, timeout=120)
    assert (done.returncode != 0) == fails, f"virsh {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def guest(shared_daemon, tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("xml") / "hot.xml"
    path.write_text(XML % tiny)
    virsh(shared_daemon, "define", str(path))
    virsh(shared_daemon, "start", "hot")
    shared_daemon.wait_console("hot", READY)
    yield "hot"
    shared_daemon.request("DELETE", "/v1/domains/hot?force=true", headers={"Prefer": "wait=120"})


def give(daemon, tmp_path, command, xml, *words, **options):
    path = tmp_path / "device.xml"
    path.write_text(xml)
    return virsh(daemon, command, "hot", str(path), *words, **options)


def devices(daemon, tag, *words):
    return ET.fromstring(virsh(daemon, "dumpxml", "hot", *words)).findall(f"devices/{tag}")


DEVICES = {
    "channel": "<channel type='unix'><target type='virtio' name='x.y'/></channel>",
    "channel-file": "<channel type='file'><source path='{dir}/channel.log'/><target type='virtio' name='x.z'/></channel>",
    "channel-agent": "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
    "console": "<console type='pty'><target type='virtio' port='1'/></console>",
    "serial-pci": "<serial type='file'><source path='{dir}/serial.log'/><target type='pci-serial' port='2'><model name='pci-serial'/></target></serial>",
    "serial-usb": "<serial type='unix'><source mode='bind' path='{dir}/serial.sock'/><target type='usb-serial' port='3'><model name='usb-serial'/></target></serial>",
    "redirdev": "<redirdev bus='usb' type='unix'><source mode='connect' path='{dir}/redir.sock'/></redirdev>",
    "rng": "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
    "sound": "<sound model='es1370'/>",
    "hub": "<hub type='usb'/>",
    "shmem": "<shmem name='skep-hot-{pid}'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>",
    "memory": "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>",
    "filesystem": "<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/><source dir='{dir}'/><target dir='share'/></filesystem>",
}


@pytest.fixture
def place():
    """A directory that QEMU's uid gets into, with a socket where somebody listens."""
    with tempfile.TemporaryDirectory(prefix="skep-hot-") as path, socket.socket(socket.AF_UNIX) as peer:
        os.chmod(path, 0o755)
        peer.bind(f"{path}/redir.sock")
        os.chmod(f"{path}/redir.sock", 0o666)
        peer.listen()
        yield path


@pytest.mark.parametrize("kind", DEVICES)
def test_comes_and_goes(shared_daemon, guest, tmp_path, place, kind):
    if kind == "filesystem" and not VIRTIOFSD:
        pytest.skip("needs virtiofsd")
    d, tag = shared_daemon, kind.partition("-")[0]
    xml = DEVICES[kind].format(dir=place, pid=os.getpid())
    fixed, before = len(devices(d, tag, "--inactive")), len(devices(d, tag))
    # The cheap ones twice, so that nothing of the first time is in the way of the second.
    for _ in range(2 if tag in ("channel", "console", "redirdev") else 1):
        give(d, tmp_path, "attach-device", xml, "--live")
        shown = devices(d, tag)
        assert len(shown) == before + 1
        alias = shown[-1].find("alias").get("name")
        virsh(d, "detach-device-alias", "hot", alias, "--live")
        d.wait_until(lambda: len(devices(d, tag)) == before, f"{alias} to go")
    assert len(devices(d, tag, "--inactive")) == fixed


@pytest.mark.parametrize("xml, words", [
    ("<serial type='pty'><target type='isa-serial' port='1'/></serial>", 'serial port 1 of domain "hot" is on the ISA bus'),
    ("<filesystem type='mount' accessmode='mapped'><source dir='/tmp'/><target dir='nine'/></filesystem>", 'file system "nine" of domain "hot" is of kind 9p'),
    ("<sound model='ich9'/>", 'of domain "hot" cannot come or go while the domain runs: give model ac97'),
    ("<video><model type='vga'/></video>", 'cannot come or go while domain "hot" runs'),
    ("<graphics type='vnc' port='-1'/>", 'cannot come or go while domain "hot" runs'),
    ("<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>", 'cannot come or go while domain "hot" runs'),
    ("<parallel type='null'/>", 'cannot come or go while domain "hot" runs'),
])
def test_cannot_come(shared_daemon, guest, tmp_path, xml, words):
    before = virsh(shared_daemon, "dumpxml", "hot")
    assert words in give(shared_daemon, tmp_path, "attach-device", xml, "--live", fails=True)
    assert virsh(shared_daemon, "dumpxml", "hot") == before


def test_channel_speaks(shared_daemon, guest, tmp_path):
    """What the guest writes into a channel that came later arrives in its file; a console that came later is one to open."""
    d = shared_daemon
    give(d, tmp_path, "attach-device", DEVICES["channel-file"].format(dir=tmp_path), "--live")
    give(d, tmp_path, "attach-device", DEVICES["console"], "--live")
    with Console(d, "hot", take_over=True) as console:
        console.write("\nfor p in /dev/vport*; do echo through $p > $p; done; echo E'ND'\n")
        console.wait("\nEND")
    d.wait_until(lambda: "through /dev/vport" in (tmp_path / "channel.log").read_text(), "the guest's words in the channel's file")
    for tag in ("channel", "console"):
        virsh(d, "detach-device-alias", "hot", devices(d, tag)[-1].find("alias").get("name"), "--live")
