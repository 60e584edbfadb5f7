# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host on which stock libvirt clients find skepd where they look for libvirtd.

The daemon and its clients have a mount namespace of their own: /run/libvirt leads to the daemon's
sockets, /var/lib/libvirt and /etc/libvirt are empty and theirs, so plain qemu:///system reaches it
and nothing of the real host is seen or touched. Where there can be no such namespace (a chroot
whose root is no mount) clients get the socket in their URI.
"""
import os
import shutil
import subprocess
import tempfile
import time

import pytest

from skep import DEADLINE, Daemon, can_mount

MOUNTS = """
set -e
mkdir -p /run/libvirt /var/lib/libvirt /etc/libvirt "$1/libvirt" "$1/etc-libvirt" "$1/run"
mount -t tmpfs -o mode=755 tmpfs /run/libvirt
mount --bind "$1/libvirt" /var/lib/libvirt
mount --bind "$1/etc-libvirt" /etc/libvirt
for name in libvirt-sock libvirt-sock-ro virtqemud-sock virtqemud-sock-ro; do ln -s "$1/run/$name" "/run/libvirt/$name"; done
mkdir -p /var/lib/libvirt/images /var/lib/libvirt/boot
mkdir -p -m 700 ~/.ssh && mount -t tmpfs -o mode=700 tmpfs ~/.ssh
echo ready
exec sleep infinity
"""


DEFAULT_NETWORK = """<network>
  <name>default</name>
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.168.122.2' end='192.168.122.254'/>
    </dhcp>
  </ip>
</network>
"""


# What must work with stock clients (issue 3, "What must work"), and the tests of each; tests/lint/rows.py finds one that is gone.
ROWS = {
    # 1. the textbook's commands
    "virt-install demo": ["test_stock_install.test_demo"],
    "virt-install --virt-type kvm without KVM": ["test_stock_install.test_kvm_is_refused_where_it_cannot_run"],
    "virt-install c73": ["test_stock_install.test_c73"],
    "virt-install vm1.example.com": ["test_stock_install.test_vm1"],
    "virt-install --location TREE -x": ["test_stock_install.test_location_tree"],
    "virt-install --location ISO -x": ["test_stock_install.test_location_iso"],
    "virt-install --import, --pxe, --cpuset, --nographics, --uuid, --boot uefi": ["test_stock_install.test_kinds"],
    "virt-install --host-device": ["test_stock_install.test_host_device"],
    "virt-clone -o -n -f": ["test_stock_install.test_virt_clone"],
    "virt-clone --auto-clone": ["test_stock_install.test_virt_clone_auto"],
    "virt-sysprep -d": ["test_stock_install.test_virt_sysprep"],
    "virt-xml": ["test_stock_install.test_virt_xml_edit", "test_stock_install.test_virt_xml_add_device", "test_stock_install.test_virt_xml_hotplug"],
    "virt-viewer": ["test_stock_desktop.test_viewer"],
    "virt-manager: connect, list": ["test_stock_desktop.test_manager_lists"],
    "virt-manager: details": ["test_stock_desktop.test_manager_details"],
    "virt-manager: start, console": ["test_stock_desktop.test_manager_start_and_console"],
    "virt-manager: create wizard": ["test_stock_desktop.test_manager_wizard"],
    "virt-manager: storage and network tabs": ["test_stock_desktop.test_manager_storage_and_networks"],
    "virsh list [--all]": ["test_stock_virsh.test_list"],
    "virsh start": ["test_stock_virsh.test_start"],
    "virsh shutdown": ["test_stock_virsh.test_shutdown", "test_stock_virsh.test_shutdown_of_a_guest_that_does_not_listen"],
    "virsh destroy": ["test_stock_virsh.test_destroy"],
    "virsh reboot": ["test_stock_virsh.test_reboot"],
    "virsh undefine": ["test_stock_virsh.test_undefine", "test_stock_virsh.test_undefine_with_storage"],
    "virsh autostart [--disable]": ["test_stock_virsh.test_autostart"],
    "virsh suspend": ["test_stock_virsh.test_suspend"],
    "virsh resume": ["test_stock_virsh.test_resume"],
    "virsh dominfo": ["test_stock_virsh.test_dominfo"],
    "virsh domname ID": ["test_stock_virsh.test_domname_by_id"],
    "virsh domiflist": ["test_stock_virsh.test_domiflist"],
    "virsh domblklist": ["test_stock_virsh.test_domblklist"],
    "virsh dumpxml": ["test_stock_virsh.test_dumpxml", "test_stock_virsh.test_dumpxml_is_valid"],
    "virsh define": ["test_stock_virsh.test_define_what_was_dumped", "test_stock_virsh.test_define_refuses_what_cannot_be"],
    "virsh edit": ["test_stock_virsh.test_edit"],
    "virsh console": ["test_stock_virsh.test_console"],
    "virsh version": ["test_stock_virsh.test_version"],
    "virsh sysinfo": ["test_stock_virsh.test_sysinfo"],
    "virsh nodeinfo": ["test_stock_virsh.test_nodeinfo"],
    "virsh net-list": ["test_stock_virsh.test_net_list"],
    "virsh net-info default": ["test_stock_virsh.test_net_info_default"],
    "virsh snapshot-create": ["test_stock_virsh.test_snapshot_create"],
    "virsh snapshot-list": ["test_stock_virsh.test_snapshot_list"],
    "virsh snapshot-info --current": ["test_stock_virsh.test_snapshot_info_current"],
    "virsh snapshot-dumpxml": ["test_stock_virsh.test_snapshot_dumpxml"],
    "virsh snapshot-revert --current": ["test_stock_virsh.test_snapshot_revert_current"],
    "virsh snapshot-delete --current": ["test_stock_virsh.test_snapshot_delete_current"],
    "virsh pool-*": ["test_stock_virsh.test_pool_life", "test_stock_virsh.test_pool_dumpxml", "test_libvirt_storage"],
    "virsh vol-*": ["test_stock_virsh.test_vol_create_list_delete", "test_stock_virsh.test_vol_clone_resize", "test_stock_virsh.test_vol_from_xml",
                    "test_stock_virsh.test_vol_upload_download", "test_stock_virsh.test_vol_wipe", "test_libvirt_storage"],
    "the fleet loop": ["test_stock_bindings.test_fleet_loop"],
    "qemu+ssh://, both ways": ["test_stock_bindings.test_both_ways_over_ssh"],
    "qemu:///session": ["test_stock_virsh.test_session_and_local_uris"],
    "python: openReadOnly, getInfo": ["test_stock_bindings.test_python_read_only"],
    "python: create, start, manage": ["test_stock_bindings.test_python_manage"],
    "python: events": ["test_stock_bindings.test_python_events"],
    "perl: Sys::Virt": ["test_stock_bindings.test_perl"],
    # 2. procedures
    "events": ["test_libvirt_events"],
    "streams": ["test_libvirt_storage", "test_stock_virsh.test_console", "test_stock_virsh.test_screenshot"],
    "keepalive, limits": ["test_libvirt_limits"],
    "bulk statistics": ["test_stock_virsh.test_domstats"],
    "read-only connections": ["test_stock_virsh.test_read_only", "test_stock_bindings.test_read_only_over_ssh"],
    "migration": ["test_libvirt_migration"],
    # 3. XML
    "XML made by virt-install": ["test_stock_install.test_recorded_xml"],
    "network, its leases": ["test_stock_virsh.test_net_life", "test_stock_virsh.test_net_dumpxml", "test_stock_virsh.test_net_dhcp_leases"],
    "snapshot": ["test_libvirt_snapshot", "test_snapshot", "test_overlays"],
    "checkpoint": ["test_checkpoint.test_virsh", "test_checkpoint.test_virsh_refused"],
    "secret": ["test_stock_virsh.test_secret"],
    "node device": ["test_stock_virsh.test_nodedev"],
    "capabilities": ["test_stock_virsh.test_capabilities"],
    "domain capabilities": ["test_stock_virsh.test_domcapabilities"],
    # 4., 5., bad input
    "skep adopt libvirt": ["test_adopt"],
    "rights: sockets, certificates": ["test_rights", "test_libvirt_reach"],
    "bad input and bad luck": ["test_libvirt_input", "test_libvirt_limits", "test_libvirt_rpc"],
}


def needs(*programs):
    """Skips the test that asks, naming what is missing."""
    for program in programs:
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed")


class Host(Daemon):
    """skepd in the place of libvirtd."""

    def __init__(self, root, settings="", **options):
        super().__init__(root, **options)
        (self.root / "etc").mkdir()
        (self.root / "etc" / "skepd.conf").write_text(settings)
        self.holder = None
        self.own_mounts = can_mount()
        self.images = "/var/lib/libvirt/images" if self.own_mounts else f"{self.root}/libvirt/images"

    def __enter__(self):
        super().__enter__()
        os.chmod(self.root, 0o755)
        self.home = self.root / "home"
        self.home.mkdir()
        if self.own_mounts:
            self.holder = subprocess.Popen(super().prefix() + ["unshare", "-m", "sh", "-c", MOUNTS, "sh", str(self.root)],
                                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            assert self.holder.stdout.readline() == "ready\n", "the mount namespace could not be made"
        return self

    def __exit__(self, *exc):
        if self.holder is not None:
            self.holder.kill()
            self.holder.wait()
            self.holder.stdout.close()
        super().__exit__(*exc)

    def prefix(self):
        if self.holder is None:
            return super().prefix()
        return ["nsenter", f"--net=/run/netns/{self.netns}", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--"]

    def start(self, **options):
        super().start(**options)
        if not self.own_mounts:
            for path in (self.images, "/var/lib/libvirt/boot"):  # as data/systemd/skep.tmpfiles does where skepd is installed
                os.makedirs(path, exist_ok=True)
        return self

    @property
    def uri(self):
        return "qemu:///system" if self.own_mounts else f"qemu:///system?socket={self.root}/run/libvirt-sock"

    def environment(self, **more):
        """Of a client: it must not start a daemon, nor read what the real user has set."""
        env = dict(os.environ, LIBVIRT_AUTOSTART="0", LC_ALL="C.UTF-8", HOME=str(self.home), TERM="dumb", PAGER="cat",
                   XDG_CACHE_HOME=str(self.home / ".cache"), XDG_CONFIG_HOME=str(self.home / ".config"), **more)
        env.pop("DISPLAY", None) if "DISPLAY" not in more else None
        if not self.own_mounts:
            env["LIBVIRT_DEFAULT_URI"] = self.uri
        return env

    def client(self, *argv, check=True, env=None, **options):
        """Runs a stock client in this host: what it printed, or with check=False the finished process."""
        options = {"stdin": subprocess.DEVNULL, "timeout": DEADLINE, **options}
        argv = [self.uri if word == "qemu:///system" else word for word in map(str, argv)]
        done = subprocess.run(self.prefix() + argv, capture_output=True, text=True,
                              env=env or self.environment(), **options)
        if not check:
            return done
        assert done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def virsh(self, *argv, **options):
        """virsh without any URI, as a person types it."""
        return self.client("virsh", *argv, **options)

    def virsh_fails(self, *argv):
        """What virsh says when the daemon refuses."""
        done = self.virsh(*argv, check=False)
        assert done.returncode != 0, f"virsh {' '.join(map(str, argv))} was not refused: {done.stdout}"
        return done.stderr

    def python(self, script, *argv, **options):
        """Runs a script with the binding."""
        return self.client("/usr/bin/python3", "-c", script, *argv, **options)

    def domstate(self, name):
        return self.virsh("domstate", name).strip()

    def wait_domstate(self, name, state):
        self.wait_until(lambda: self.domstate(name) == state, f"{name} to be {state}", pause=0.1)

    def bridge(self, name):
        """A bridge of the host's administrator."""
        if self.run("ip", "link", "show", name, check=False, capture_output=True).returncode != 0:
            self.run("ip", "link", "add", name, "type", "bridge")
            self.run("ip", "link", "set", name, "up")
        return name

    def default_network(self):
        """The network "default" as libvirt's package has it, in place of Skep's own."""
        # A daemon's first start makes it in the background.
        self.wait_until(lambda: "default" in self.virsh("net-list", "--name").split(), "Skep's own network")
        self.virsh("net-destroy", "default")
        self.virsh("net-undefine", "default")
        self.virsh("net-define", self.write("default.xml", DEFAULT_NETWORK))
        self.virsh("net-start", "default")
        return "default"

    def write(self, name, text):
        """A file below the host's directory: its path."""
        path = self.root / name
        path.write_text(text)
        return str(path)

    def tiny_xml(self, name, tiny, devices="", extra="", memory=96, cmdline=""):
        """XML of a domain that boots the tiny guest; its text console is the first serial port."""
        return f"""<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>{memory}</memory>
  <vcpu>1</vcpu>
  {extra}
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{tiny[0]}</kernel>
    <initrd>{tiny[1]}</initrd>
    <cmdline>console=ttyS0 quiet {cmdline}</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <serial type='pty'/>
    <console type='pty'/>
    {devices}
  </devices>
</domain>
"""

    def define(self, name, tiny, **more):
        """Defines a tiny domain with virsh."""
        path = self.write(f"{name}.xml", self.tiny_xml(name, tiny, **more))
        assert f"Domain '{name}' defined from" in self.virsh("define", path)
        return name

    def boot(self, name):
        """Starts it, and waits until its guest is up."""
        assert f"Domain '{name}' started" in self.virsh("start", name)
        self.wait_console(name, "skep-tiny ready")


def make_host(**options):
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces")
    needs("virsh")
    return Host(tempfile.mkdtemp(prefix="skep-stock-", dir=os.environ.get("SKEP_TEST_DIR")), **options)


def names(table, column=1):
    """A column of a table that virsh prints."""
    lines = table.splitlines()
    ruler = next(i for i, line in enumerate(lines) if line.startswith("---"))
    return [line.split()[column] for line in lines[ruler + 1:] if line.strip()]


def fields(text):
    """`Name:   value` lines."""
    return dict((key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in text.splitlines() if ":" in line))


def poll(condition, what, pause=0.2):
    """Waits for what has no event."""
    deadline = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {DEADLINE} s for {what}"
        time.sleep(pause)
