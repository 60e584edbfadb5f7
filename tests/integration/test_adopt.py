# SPDX-License-Identifier: LGPL-2.1-or-later
"""skep adopt libvirt: a libvirtd host's definitions, from its directory as libvirtd leaves it."""
import hashlib
import os

import pytest

WARNING = "<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\nOVERWRITTEN AND LOST.\n-->\n\n"


SECRET = "11111111-2222-4333-8444-888888888801"


def domain_xml(name, uuid, more="", devices="", os="<type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/>"):
    return (f"{WARNING}<domain type='qemu'>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n  <memory unit='KiB'>65536</memory>\n"
            f"  <vcpu placement='static'>1</vcpu>\n  <os>{os}</os>\n  <features><acpi/></features>\n  {more}"
            f"  <devices>\n    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n    {devices}\n  </devices>\n</domain>\n")


@pytest.fixture
def old(tmp_path):
    """/etc/libvirt and /var/lib/libvirt of another host: the former."""
    etc, var = tmp_path / "etc" / "libvirt", tmp_path / "var" / "lib" / "libvirt"
    for path in (etc / "qemu" / "autostart", var / "qemu" / "nvram", var / "qemu" / "save", var / "images"):
        path.mkdir(parents=True)
    disk = var / "images" / "web.raw"
    disk.write_bytes(bytes(1 << 20))
    (etc / "qemu" / "web.xml").write_text(domain_xml(
        "web", "11111111-2222-4333-8444-555555555501",
        devices=f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{disk}'/><target dev='vda' bus='virtio'/></disk>"
                "<graphics type='vnc' port='-1' autoport='yes' passwd='secret1'/>"))
    (etc / "qemu" / "autostart" / "web.xml").symlink_to(etc / "qemu" / "web.xml")
    nvram = var / "qemu" / "nvram" / "efi_VARS.fd"
    nvram.write_bytes(b"\xff" * 528384)
    (etc / "qemu" / "efi.xml").write_text(domain_xml(
        "efi", "11111111-2222-4333-8444-555555555502",
        os="<type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>"
           f"<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>{nvram}</nvram>"))
    (etc / "qemu" / "odd.xml").write_text(domain_xml("odd", "11111111-2222-4333-8444-555555555503", devices="<flux type='capacitor'/>"))
    networks = etc / "qemu" / "networks"
    (networks / "autostart").mkdir(parents=True)
    for number, name in enumerate(("default", "lab")):
        (networks / f"{name}.xml").write_text(
            f"{WARNING}<network>\n  <name>{name}</name>\n  <uuid>11111111-2222-4333-8444-66666666660{number}</uuid>\n  <forward mode='nat'/>\n"
            f"  <bridge name='virbr{number}' stp='on' delay='0'/>\n  <mac address='52:54:00:b4:6e:0{number}'/>\n"
            f"  <ip address='192.168.12{number}.1' netmask='255.255.255.0'>\n    <dhcp>\n"
            f"      <range start='192.168.12{number}.2' end='192.168.12{number}.254'/>\n    </dhcp>\n  </ip>\n</network>\n")
    (etc / "storage" / "autostart").mkdir(parents=True)
    (etc / "storage" / "images.xml").write_text(
        f"{WARNING}<pool type='dir'>\n  <name>images</name>\n  <uuid>11111111-2222-4333-8444-777777777701</uuid>\n  <capacity unit='bytes'>0</capacity>\n"
        f"  <allocation unit='bytes'>0</allocation>\n  <available unit='bytes'>0</available>\n  <source>\n  </source>\n"
        f"  <target>\n    <path>{var}/images</path>\n  </target>\n</pool>\n")
    (etc / "storage" / "autostart" / "images.xml").symlink_to(etc / "storage" / "images.xml")
    (etc / "secrets").mkdir()
    (etc / "secrets" / f"{SECRET}.xml").write_text(
        f"{WARNING}<secret ephemeral='no' private='no'>\n  <uuid>{SECRET}</uuid>\n  <description>disk</description>\n"
        "  <usage type='volume'>\n    <volume>/vol</volume>\n  </usage>\n</secret>\n")
    (etc / "secrets" / f"{SECRET}.base64").write_text("Zm9vYmFy")
    (networks / "autostart" / "default.xml").symlink_to(networks / "default.xml")
    (var / "qemu" / "save" / "web.save").write_bytes(b"saved")
    return etc


def sums(top):
    """Everything below a directory, to see that nothing has changed."""
    found = {}
    for path in sorted(top.rglob("*")):
        found[str(path)] = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "dir"
    return found


def rows(text):
    """{(kind, name): (action, note)} of the table."""
    import json
    return {(row["kind"], row["name"]): (row["action"], row["note"]) for row in json.loads(text)}


def adopt(daemon, old, *more, **options):
    return daemon.skep("-o", "json", "adopt", "libvirt", "--from", str(old), *more, **options)


def test_says_first(daemon, old):
    plan = rows(adopt(daemon, old, "--dry-run").stdout)
    assert plan["domain", "web"] == ("adopt", "starts with the host; its saved state stays with libvirtd")
    assert plan["domain", "efi"] == ("adopt", "starts with a copy of its firmware variables")
    action, why = plan["domain", "odd"]
    assert action == "cannot" and "flux" in why
    assert daemon.items("/v1/domains") == []


def test_takes_over(daemon, old):
    daemon.do("DELETE", "/v1/networks/default")
    before = sums(old.parent.parent)
    done = rows(adopt(daemon, old, "--yes").stdout)
    assert done["domain", "web"][0] == done["domain", "efi"][0] == "adopted" and done["domain", "odd"][0] == "cannot"
    web = daemon.get("/v1/domains/web")
    assert web["spec"]["uuid"] == "11111111-2222-4333-8444-555555555501" and web["spec"]["autostart"]
    assert web["spec"]["disks"][0]["path"].endswith("/images/web.raw")
    default, lab = (daemon.get(f"/v1/networks/{name}") for name in ("default", "lab"))
    assert default["spec"]["uuid"] == "11111111-2222-4333-8444-666666666600" and default["spec"]["autostart"] and not lab["spec"]["autostart"]
    assert not default["status"]["active"], "nothing is started"
    pool = daemon.get("/v1/pools/images")
    assert pool["spec"]["uuid"].endswith("7701") and pool["spec"]["autostart"] and not pool["status"]["active"], pool
    assert daemon.get(f"/v1/secrets/{SECRET}/value")["value"] == "Zm9vYmFy"
    efi = daemon.get("/v1/domains/efi")["spec"]["firmware"]
    assert efi["nvram_template"].endswith("/nvram/efi_VARS.fd") and not efi.get("nvram")
    assert sums(old.parent.parent) == before


def test_the_variables_are_copied(daemon, old):
    adopt(daemon, old, "--yes")
    before = sums(old.parent.parent)
    daemon.do("POST", "/v1/domains/efi/start?paused=true")
    daemon.do("POST", "/v1/domains/efi/destroy")
    assert sums(old.parent.parent) == before
    assert list((daemon.root / "lib" / "nvram").iterdir())


def test_twice(daemon, old):
    adopt(daemon, old, "--yes")
    daemon.do("PATCH", "/v1/domains/web", {"title": "mine now"})
    again = rows(adopt(daemon, old, "--yes").stdout)
    assert again["domain", "web"][0] == again["domain", "efi"][0] == "is here"
    assert daemon.get("/v1/domains/web")["spec"]["title"] == "mine now"


def test_another_of_the_name(daemon, old):
    """Skep's own network "default" is not that of libvirtd."""
    assert rows(adopt(daemon, old, "--dry-run").stdout)["network", "default"][0] == "cannot"
    daemon.do("POST", "/v1/domains", {"name": "web", "memory": {"current": "64M"}})
    assert rows(adopt(daemon, old, "--yes").stdout)["domain", "web"] == ("cannot", "Skep has another domain of this name: rename or delete that one to take this")


def test_no_directory(daemon, tmp_path):
    done = adopt(daemon, tmp_path / "nothing", check=False)
    assert done.returncode != 0 and "there is no directory" in done.stderr


def test_xml_over_rest(daemon):
    """What the command uses is there for all: a definition in libvirt's XML where JSON is taken."""
    text = domain_xml("rest", "11111111-2222-4333-8444-555555555509").encode()
    answer = daemon.request("PUT", "/v1/domains/rest", headers={"Content-Type": "application/xml", "Prefer": "wait=120"}, raw=text)
    assert answer.status == 200, answer.body
    assert daemon.get("/v1/domains/rest")["spec"]["uuid"].endswith("5509")
    answer = daemon.request("PUT", "/v1/domains/rest", headers={"Content-Type": "application/xml"}, raw=b"<domain><flux/></domain>")
    assert answer.status in (400, 422, 501), answer.body
    answer = daemon.request("POST", "/v1/tokens", headers={"Content-Type": "application/xml"}, raw=b"<token/>")
    assert answer.status == 415
