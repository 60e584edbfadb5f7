# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-manager and virt-viewer on a screen of their own, worked as a person would: by what is shown."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stock import make_host, needs

DRIVER = Path(__file__).with_name("desktop_driver.py")
MANAGER = "Virtual Machine Manager"
SCREEN = "<graphics type='vnc' port='-1' autoport='yes'/><video><model type='vga'/></video>"


class Desktop:
    """An X server, a session bus and the accessibility bus, in the host's namespaces."""

    def __init__(self, host):
        self.host = host
        self.programs = []
        run = host.home / "run"
        run.mkdir(mode=0o700)
        self.env = host.environment(XDG_RUNTIME_DIR=str(run), GSETTINGS_BACKEND="memory", NO_AT_BRIDGE="0", GTK_MODULES="gail:atk-bridge")
        read, write = os.pipe()
        self.spawn("Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp", pass_fds=[write])
        os.close(write)
        with os.fdopen(read) as number:
            self.env["DISPLAY"] = ":" + number.readline().strip()
        bus = self.spawn("dbus-daemon", "--session", "--nofork", "--print-address=1", stdout=subprocess.PIPE, text=True)
        self.env["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()

    def spawn(self, *argv, **options):
        name = f"desktop-{len(self.programs)}.log"
        options.setdefault("stdout", open(self.host.root / name, "wb"))
        program = subprocess.Popen(self.host.prefix() + list(argv), stdin=subprocess.DEVNULL, stderr=open(self.host.root / f"{name}.err", "wb"),
                                   env=self.env, **options)
        self.programs.append(program)
        return program

    def close(self):
        for program in reversed(self.programs):
            program.terminate()
        for program in self.programs:
            program.wait()

    def drive(self, *argv, application="virt-manager"):
        try:
            return self.host.client(sys.executable, "-W", "ignore", str(DRIVER), application, *argv, env=self.env)
        except AssertionError as error:
            self.picture("failed")
            shown = self.host.client(sys.executable, "-W", "ignore", str(DRIVER), application, "tree", env=self.env, check=False).stdout
            raise AssertionError(f"{error}\nOn the screen:\n{shown[-6000:]}") from None

    def picture(self, name):
        """A picture of the screen, kept in SKEP_PICTURES if that is given."""
        where = os.environ.get("SKEP_PICTURES") or str(self.host.root)
        self.host.client(sys.executable, "-W", "ignore", str(DRIVER), "-", "shot", f"{where}/{name}.png", env=self.env, check=False)

    def click(self, window, role, name):
        self.drive("click", window, role, name)

    def wait(self, window, role, name):
        self.drive("wait", window, role, name)

    def select(self, window, name):
        self.drive("select", window, name)


@pytest.fixture(scope="module")
def host():
    """One host for all tests of this file."""
    needs("Xvfb", "dbus-daemon")
    if not Path("/usr/libexec/at-spi-bus-launcher").exists():
        pytest.skip("at-spi2-core is not installed")
    pytest.importorskip("gi", reason="python3-gi is not installed")
    with make_host(settings="[qemu]\nkvm_fallback = true\n") as running:
        running.start()
        running.default_network()
        yield running


@pytest.fixture(scope="module")
def desktop(host):
    screen = Desktop(host)
    yield screen
    screen.close()


@pytest.fixture(scope="module")
def manager(host, desktop, tiny):
    """virt-manager, connected, with one domain in its list."""
    needs("virt-manager")
    host.define("desk1", tiny, devices=SCREEN)
    desktop.spawn("virt-manager", "--no-fork", "--debug", "--connect", host.uri)
    desktop.wait(MANAGER, "table cell", "desk1\nShutoff")
    return desktop


def test_manager_lists(host, manager, tiny):
    """What others define and start is shown when it happens."""
    manager.wait(MANAGER, "table cell", "QEMU/KVM|QEMU.*")
    host.define("desk2", tiny)
    manager.wait(MANAGER, "table cell", "desk2\nShutoff")
    host.virsh("start", "desk2")
    manager.wait(MANAGER, "table cell", "desk2\nRunning")
    host.virsh("destroy", "desk2")
    manager.wait(MANAGER, "table cell", "desk2\nShutoff")
    manager.picture("virt-manager-list")


def open_window(manager, name):
    manager.select(MANAGER, f"{name}\n.*")
    manager.click(MANAGER, "push button", "Open")
    manager.wait(f"{name} on .*", "frame|menu", ".*")


def test_manager_details(host, manager):
    open_window(manager, "desk1")
    manager.click("desk1 on .*", "radio button", "Details")
    for page in ("Overview", "CPUs", "Memory", "Boot Options", "Display VNC", "Serial 1"):
        manager.select("desk1 on .*", page)
    manager.picture("virt-manager-details")
    manager.click("desk1 on .*", "menu", "File")
    manager.click("desk1 on .*", "menu item", "Close")
    manager.drive("gone", "desk1 on .*")


def test_manager_start_and_console(host, manager):
    open_window(manager, "desk1")
    manager.click("desk1 on .*", "push button", "Run")
    host.wait_domstate("desk1", "running")
    manager.click("desk1 on .*", "radio button", "Console")
    manager.wait("desk1 on .*", "viewport", "console-gfx-viewport")
    host.wait_console("desk1", "skep-tiny ready")
    manager.picture("virt-manager-console")
    manager.click("desk1 on .*", "toggle button", "Pause")
    host.wait_domstate("desk1", "paused")
    manager.click("desk1 on .*", "toggle button", "Pause")
    host.wait_domstate("desk1", "running")
    manager.click("desk1 on .*", "push button", "Shut Down")
    host.wait_domstate("desk1", "shut off")
    manager.wait("desk1 on .*", "label", "Guest is not running.")
    manager.click("desk1 on .*", "menu", "File")
    manager.click("desk1 on .*", "menu item", "Close")
    manager.drive("gone", "desk1 on .*")


def test_manager_storage_and_networks(host, manager):
    title = ".* - Connection Details"
    manager.click(MANAGER, "menu", "Edit")
    manager.click(MANAGER, "menu item", "Connection Details")
    manager.wait(title, "label", "qemu:///system.*")
    manager.select(title, "Virtual Networks")
    manager.select(title, "default")
    manager.wait(title, "label", "virbr0|.*192.168.122.*")
    manager.picture("virt-manager-networks")
    manager.select(title, "Storage")
    manager.select(title, ".*default.*")
    manager.wait(title, "label", "pool-location")
    manager.wait(title, "label", "Active")
    manager.picture("virt-manager-storage")
    manager.click(title, "menu", "File")
    manager.click(title, "menu item", "Close")
    manager.drive("gone", title)


def test_manager_wizard(host, manager):
    """New VM, step by step, from an image that is there."""
    host.run("qemu-img", "create", "-q", "-f", "qcow2", f"{host.images}/wizard.qcow2", "64M")
    manager.click(MANAGER, "push button", "New")
    manager.click("New VM", "radio button", "Import existing disk image")
    manager.click("New VM", "push button", "Forward")
    manager.drive("text", "New VM", "import-entry", f"{host.images}/wizard.qcow2")
    manager.drive("text", "New VM", "oslist-entry", "generic")
    manager.select("New VM", r"Generic or unknown OS\..*")
    manager.click("New VM", "push button", "Forward")
    manager.wait("New VM", "label", ".*Memory.*")
    manager.click("New VM", "push button", "Forward")
    manager.wait("New VM", "push button", "Finish")
    manager.picture("virt-manager-wizard")
    manager.click("New VM", "push button", "Finish")
    manager.drive("gone", "New VM")
    host.wait_until(lambda: any(n.startswith(("vm", "linux")) for n in host.virsh("list", "--name").split()), "the new domain", pause=0.3)
    name = next(n for n in host.virsh("list", "--name").split() if n.startswith(("vm", "linux")))
    assert f"{host.images}/wizard.qcow2" in host.virsh("dumpxml", name)
    assert name in host.virsh("list", "--persistent", "--name").split()
    host.virsh("destroy", name)


def test_viewer(host, desktop, tiny):
    """virt-viewer shows a running domain's screen; it opens read-only first."""
    needs("virt-viewer")
    host.define("viewer1", tiny, devices=SCREEN)
    host.virsh("start", "viewer1")
    viewer = desktop.spawn("virt-viewer", "--connect", host.uri, "viewer1")
    desktop.drive("wait", ".*viewer1.*", "frame|filler", ".*", application="virt-viewer")
    desktop.picture("virt-viewer")
    host.virsh("destroy", "viewer1")
    assert viewer.wait(timeout=120) == 0
