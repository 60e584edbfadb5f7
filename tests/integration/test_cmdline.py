# SPDX-License-Identifier: LGPL-2.1-or-later
"""The golden command lines on the real QEMU: it must take each, make every device and say nothing.

QEMU runs as nobody in a network namespace of its own, with scratch files and sockets in the place of the
descriptors that the daemon would pass. What a case needs and the host lacks is skipped by name.
"""
import ctypes
import fcntl
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading

import pytest

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "cmdline"
QEMU = shutil.which("qemu-system-x86_64")
NOBODY = 65534
OVMF_VARS = pathlib.Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
RUN_DIR = "/run/skep-golden"
# What QEMU says although all is well: threads of an AMD CPU under TCG, the port that it chose.
EXPECTED = re.compile(r"doesn't support hyperthreading|^Please configure -smp options|^VNC server running on ")

pytestmark = [
    pytest.mark.skipif(QEMU is None, reason="qemu-system-x86_64 is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for TAPs, namespaces and another uid"),
]


# -- what the host has ---------------------------------------------------------------------------------


def kvm_works():
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and re.search(r"\b(vmx|svm)\b", flags) is not None


def free_hugepages():
    path = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
    return int(path.read_text()) if path.exists() else 0


def make_kernel(path):
    """A kernel by its header only: QEMU loads it, and nothing here ever runs it."""
    image = bytearray(4096)
    image[0x1F1] = 1
    image[0x1FE:0x200] = b"\x55\xaa"
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x020C)
    image[0x211] = 1
    struct.pack_into("<I", image, 0x22C, 0x7FFFFFFF)
    path.write_bytes(image)


def loop_devices_work():
    return shutil.which("losetup") and subprocess.run(["losetup", "-f"], capture_output=True).returncode == 0


def virtiofsd():
    for path in ("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"):
        if os.access(path, os.X_OK):
            return path
    return None


NEEDS = [
    ("\nkvm\n", kvm_works, "KVM that runs guests"),
    ('"vhost":true', lambda: os.path.exists("/dev/vhost-net"), "/dev/vhost-net"),
    ("vhost-vsock", lambda: os.path.exists("/dev/vhost-vsock"), "/dev/vhost-vsock"),
    ("vfio-pci", lambda: False, "a PCI device to give away"),
    ("port=4009,server=off", lambda: False, "a peer to connect to in QEMU's network namespace"),
    ("ivshmem-doorbell", lambda: False, "an ivshmem server"),
    ("usb-host", lambda: False, "a USB device to give away"),
    ('"hugetlb":true', lambda: free_hugepages() >= 256, "free huge pages"),
    ("vhost-user-fs", virtiofsd, "virtiofsd"),
    ("-tpmdev\n", lambda: shutil.which("swtpm"), "swtpm"),
    ("pflash0", OVMF_VARS.exists, "OVMF"),
    ('"driver":"host_device"', loop_devices_work, "loop devices"),
]


# -- descriptors -----------------------------------------------------------------------------------------


def open_tap(queues):
    """A TAP's queues, in a network namespace that lives as long as they do."""
    fds = []

    def work():
        if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
            return
        name = None
        for _ in range(queues):
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            flags = 0x0002 | 0x1000 | 0x4000 | (0x0100 if queues > 1 else 0)
            answer = fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", name or b"tap%d", flags))
            name = answer[:16].rstrip(b"\0")
            fds.append(fd)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if len(fds) != queues:
        pytest.skip("the host lacks network namespaces")
    return fds


def memfd(data):
    fd = os.memfd_create("skep-test")
    os.write(fd, data)
    return fd


SECRET = b"secret"
# What qemu-img is told to make images that are not plain files; little time goes into the keys.
IMAGES = {
    "qcow2": ["-f", "qcow2"],
    "qcow2 encrypted": ["-f", "qcow2", "-o", "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10"],
    "luks": ["-f", "luks", "-o", "key-secret=key,iter-time=10"],
}


class Scratch:
    """Scratch files and sockets in the place of what a case names."""

    def __init__(self, folder):
        self.folder = folder
        self.images = {}
        self.fds = {}
        self.listeners = {}
        self.loops = []
        self.kernel = folder / "vmlinuz"
        make_kernel(self.kernel)

    def image(self, name, fmt):
        if name not in self.images:
            path = self.folder / name
            if name.startswith("nvram"):
                subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", fmt, OVMF_VARS, path], check=True)
            elif fmt in IMAGES:
                subprocess.run(["qemu-img", "create", "-q", "--object", f"secret,id=key,data={SECRET.decode()}", *IMAGES[fmt], path, "16M"], check=True)
            else:
                path.write_bytes(b"")
                os.truncate(path, 1474560 if name.startswith("fd") else 16 << 20)
            path.chmod(0o600)
            self.images[name] = path
        return self.images[name]

    def open_image(self, opaque, fmt, block=False):
        mode, name = opaque.split(":", 1)
        path = self.image(os.path.basename(name), fmt)
        if block:
            path = subprocess.check_output(["losetup", "-f", "--show", path], text=True).strip()
            self.loops.append(path)
        return os.open(path, os.O_RDWR if mode == "rw" else os.O_RDONLY)

    def open_log(self):
        path = self.folder / f"log{len(self.fds)}"
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def open_memory(self):
        path = self.folder / "memory"
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        # QEMU opens it again by its descriptor, as another user.
        os.fchmod(fd, 0o666)
        return fd

    def listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.folder / name))
        listener.listen(4)
        self.listeners[name] = listener
        return os.dup(listener.fileno())

    def close(self):
        for fd in self.fds.values():
            os.close(fd)
        for listener in self.listeners.values():
            listener.close()
        pathlib.Path("/dev/shm/skep-golden").unlink(missing_ok=True)
        for loop in self.loops:
            subprocess.run(["losetup", "-d", loop], check=True)


def walk(node):
    """A block node and those below it."""
    yield node
    for child in ("file", "backing"):
        if isinstance(node.get(child), dict):
            yield from walk(node[child])


def set_users(trees):
    """What is opened through each descriptor set: format and whether it is a block device."""
    users = {}
    for node in (node for tree in trees for node in walk(tree)):
        name = node["file"].get("filename", "") if isinstance(node.get("file"), dict) else ""
        if name.startswith("/dev/fdset/"):
            kind = node["driver"] + (" encrypted" if "encrypt" in node else "")
            users[int(name[11:])] = (kind, node["file"]["driver"] == "host_device")
    return users


def open_descriptors(argv, scratch):
    users = set_users([json.loads(value) for option, value in zip(argv, argv[1:]) if option == "-blockdev"])
    for option, value in zip(argv, argv[1:]):
        if option == "-add-fd":
            number, fd_set, opaque = re.fullmatch(r"fd=(\d+),set=(\d+)(?:,opaque=(.*))?", value).groups()
            user = users.get(int(fd_set))
            scratch.fds[int(number)] = scratch.open_image(opaque, *user) if user else scratch.open_log()
        elif option == "-chardev" and (found := re.search(r"id=(\w+),fd=(\d+)", value)):
            scratch.fds[int(found[2])] = scratch.listen(found[1])
        elif option == "-netdev" and (netdev := json.loads(value))["type"] == "tap":
            numbers = (netdev.get("fds") or netdev["fd"]).split(":")
            scratch.fds.update(zip(map(int, numbers), open_tap(len(numbers))))
        elif option == "-kernel" and value.startswith("/dev/fd/"):
            scratch.fds[int(value[8:])] = os.open(scratch.kernel, os.O_RDONLY)
        elif option == "-initrd" and value.startswith("/dev/fd/"):
            scratch.fds[int(value[8:])] = memfd(b"\0" * 4096)
        elif option == "-object" and (found := re.search(r'"mem-path":"/proc/self/fd/(\d+)"', value)):
            scratch.fds[int(found[1])] = scratch.open_memory()
        elif option == "-object" and (found := re.search(r'"file":"/dev/fd/(\d+)"', value)):
            scratch.fds[int(found[1])] = memfd(SECRET)


def make_peers(argv, scratch):
    """What QEMU opens or connects to by itself."""
    text = "\n".join(argv)
    if f"{RUN_DIR}/peer.sock" in text:
        os.close(scratch.listen("peer.sock"))
        (scratch.folder / "peer.sock").chmod(0o666)
    if f"{RUN_DIR}/fifo" in text:
        os.mkfifo(scratch.folder / "fifo")
        (scratch.folder / "fifo").chmod(0o666)


def adapt(argv, scratch):
    """Paths of the cases that are not passed as descriptors."""
    make_peers(argv, scratch)
    (scratch.folder / "a,b").mkdir(exist_ok=True)
    (scratch.folder / "initrd").write_bytes(b"\0" * 4096)
    words = {RUN_DIR: str(scratch.folder), "/srv/a,,b": f"{scratch.folder}/a,,b", "/boot/initrd.img": f"{scratch.folder}/initrd",
             "/boot/vmlinuz": str(scratch.kernel)}
    result = []
    for word in argv:
        for old, new in words.items():
            word = word.replace(old, new)
        result.append(word)
    return [QEMU] + result[1:]


# -- QEMU ------------------------------------------------------------------------------------------------------


class Qmp:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        self.events = []
        self.read()
        self.command("qmp_capabilities")

    def read(self):
        line = self.file.readline()
        assert line, "QEMU closed the monitor"
        return json.loads(line)

    def send(self, execute, arguments=None, fd=None):
        text = json.dumps({"execute": execute, "arguments": arguments or {}}).encode() + b"\n"
        if fd is None:
            self.socket.sendall(text)
        else:
            socket.send_fds(self.socket, [text], [fd])
        while True:
            answer = self.read()
            if "event" not in answer:
                return answer
            self.events.append(answer)

    def command(self, execute, arguments=None, fd=None):
        answer = self.send(execute, arguments, fd)
        assert "return" in answer, f"{execute} {arguments}: {answer}"
        return answer["return"]

    def has_event(self, name, after=0, **data):
        return any(event["event"] == name and data.items() <= event["data"].items() for event in self.events[after:])

    def wait_event(self, name, after=0, **data):
        while not self.has_event(name, after, **data):
            answer = self.read()
            assert "event" in answer
            self.events.append(answer)


class Qemu:
    """A QEMU with the descriptors at the very numbers that the command line names."""

    def __init__(self, argv, scratch):
        prefix = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs "$@"', "sh"]
        high = {number: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 500) for number, fd in scratch.fds.items()}
        self.log = open(scratch.folder / "stderr", "w+b")
        actions = [(os.POSIX_SPAWN_DUP2, high[number], number) for number in sorted(high)]
        actions.insert(0, (os.POSIX_SPAWN_DUP2, self.log.fileno(), 2))
        self.pid = os.posix_spawnp("unshare", prefix + argv, os.environ, file_actions=actions)
        for fd in high.values():
            os.close(fd)
        self.pidfd = os.pidfd_open(self.pid)

    def messages(self):
        self.log.seek(0)
        return self.log.read().decode()

    def wait(self):
        select.select([self.pidfd], [], [])
        status = os.waitpid(self.pid, 0)[1]
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def close(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        os.close(self.pidfd)
        self.log.close()


def start_helpers(argv, scratch):
    """swtpm and virtiofsd, which the daemon starts before QEMU."""
    helpers = []
    text = "\n".join(argv)
    if "-tpmdev" in argv:
        (scratch.folder / "tpm").mkdir()
        version = ["--tpm2"] if "tpm-crb" in text else []
        helpers.append(["swtpm", "socket", *version, "--tpmstate", f"dir={scratch.folder}/tpm", "--ctrl", f"type=unixio,path={scratch.folder}/swtpm.sock,mode=0666"])
    if "vhost-user-fs" in text:
        helpers.append([virtiofsd(), f"--socket-path={scratch.folder}/fs1.sock", "-o", f"source={scratch.folder},sandbox=chroot"])
    return [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in helpers]


def wait_for_sockets(argv):
    """The helpers make their sockets themselves."""
    for word in argv:
        found = re.search(r"^socket,id=char(?:tpm|fs)\d+,path=([^,]*)$", word)
        while found and not os.path.exists(found[1]):
            select.select([], [], [], 0.01)
        if found:
            os.chmod(found[1], 0o666)


@pytest.fixture
def scratch(tmp_path_factory):
    folder = pathlib.Path(subprocess.check_output(["mktemp", "-d", "/tmp/skep-cmdline-XXXXXX"], text=True).strip())
    os.chown(folder, NOBODY, NOBODY)
    made = Scratch(folder)
    yield made
    made.close()
    shutil.rmtree(folder)


def read_case(path):
    lines = path.read_text().splitlines()
    setup = [line.split(" ", 2)[1:] for line in lines if line.startswith("setup: ")]
    return [line for line in lines if not line.startswith("setup: ")], [(name, json.loads(text)) for name, text in setup]


def skip_what_lacks(path):
    text = path.read_text()
    for word, has, what in NEEDS:
        if word in text and not has():
            pytest.skip(f"the host lacks {what}")


def start(path, scratch):
    argv, setup = read_case(path)
    open_descriptors(argv, scratch)
    argv = adapt(argv, scratch)
    if "-S" not in argv:
        argv.append("-S")
    helpers = start_helpers(argv, scratch)
    wait_for_sockets(argv)
    qemu = Qemu(argv, scratch)
    # Only QEMU is to hold the listening end, so that its death is seen as one.
    for name, listener in scratch.listeners.items():
        if name != "peer.sock":
            listener.close()
    for fd in scratch.fds.values():
        os.close(fd)
    scratch.fds = {}
    return argv, setup, qemu, helpers


CASES = sorted(p for p in GOLDEN.glob("*/*.args") if p.parent.name != "plug" or p.stem == "base")


@pytest.mark.parametrize("path", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_qemu_takes_it(path, scratch):
    skip_what_lacks(path)
    argv, setup, qemu, helpers = start(path, scratch)
    try:
        try:
            qmp = Qmp(str(scratch.folder / "monitor"))
        except (OSError, AssertionError) as problem:
            pytest.fail(f"{problem}: {qemu.messages()}")
        for name, arguments in setup:
            qmp.command(name, arguments)
        wanted = {json.loads(value)["id"] for option, value in zip(argv, argv[1:]) if option == "-device"}
        made = {entry["name"] for entry in qmp.command("qom-list", {"path": "/machine/peripheral"})}
        assert wanted <= made
        assert qmp.command("query-name") == {"name": path.stem}
        qmp.send("quit")
        assert qemu.wait() == 0
        assert [line for line in qemu.messages().splitlines() if not EXPECTED.search(line)] == []
    finally:
        qemu.close()
        for helper in helpers:
            helper.kill()
            helper.wait()


# -- plugging ------------------------------------------------------------------------------------------------------


def read_steps(path):
    steps, undo, device = [], [], None
    for line in path.read_text().splitlines():
        kind, rest = line.split(": ", 1)
        if kind == "device":
            device = rest
            continue
        marks = re.match(r"((?:\(\w+\) )*)", rest)[1]
        name, text = rest[len(marks):].split(" ", 1)
        (steps if kind == "do" else undo).append((marks, name, json.loads(text)))
    return device, steps, undo


def do_steps(qmp, steps, scratch):
    users = set_users([arguments for _, name, arguments in steps if name == "blockdev-add"])
    for marks, name, arguments in steps:
        fd = None
        if name == "add-fd":
            fd = scratch.open_image(arguments["opaque"], *users[arguments["fdset-id"]])
        elif name == "getfd":
            fd = open_tap(1)[0]
        answer = qmp.send(name, arguments, fd)
        if fd is not None:
            os.close(fd)
        assert "return" in answer or "optional" in marks, f"{name} {arguments}: {answer}"


def undo_steps(qmp, device, undo):
    name, arguments = undo[0][1:]
    assert (name, arguments) == ("device_del", {"id": device})
    qmp.events = []
    qmp.command(name, arguments)
    # No system runs in the guest that would let go of the device. A reset does, once the firmware is far enough.
    while not qmp.has_event("DEVICE_DELETED", device=device):
        resets = len(qmp.events)
        qmp.command("system_reset")
        qmp.wait_event("RESET", after=resets)
    for _, name, arguments in undo[1:]:
        answer = qmp.send(name, arguments)
        assert "return" in answer or name in ("closefd", "remove-fd"), f"{name} {arguments}: {answer}"


PLUGS = ["disk-virtio", "disk-scsi-first", "disk-usb", "nic-user", "nic-tap"]


@pytest.mark.parametrize("name", PLUGS)
def test_plug_and_unplug_twice(name, scratch):
    path = GOLDEN / "plug" / f"{name}.args"
    skip_what_lacks(path)
    _, _, qemu, _ = start(GOLDEN / "plug" / "base.args", scratch)
    try:
        qmp = Qmp(str(scratch.folder / "monitor"))
        device, steps, undo = read_steps(path)
        qmp.command("cont")
        for _ in range(2):
            do_steps(qmp, steps, scratch)
            undo_steps(qmp, device, undo)
        if name == "disk-virtio":
            do_steps(qmp, steps, scratch)
            undo_steps(qmp, device, read_steps(GOLDEN / "plug" / "disk-virtio-detach.args")[2])
        nodes = [node["node-name"] for node in qmp.command("query-named-block-nodes")]
        assert nodes == []
        assert not any(entry["fdset-id"] < 0x2000000 for entry in qmp.command("query-fdsets"))
    finally:
        qemu.close()


def test_medium_in_and_out(scratch):
    _, _, qemu, _ = start(GOLDEN / "plug" / "base.args", scratch)
    try:
        qmp = Qmp(str(scratch.folder / "monitor"))
        for name in ("media-insert", "media-replace", "media-eject"):
            _, steps, _ = read_steps(GOLDEN / "plug" / f"{name}.args")
            do_steps(qmp, steps, scratch)
            nodes = {node["node-name"] for node in qmp.command("query-named-block-nodes")}
            assert ("sda" in nodes) == (name != "media-eject")
    finally:
        qemu.close()


def test_limits_at_any_time(scratch):
    """A disk plugged without limits takes them later."""
    _, _, qemu, _ = start(GOLDEN / "plug" / "base.args", scratch)
    try:
        qmp = Qmp(str(scratch.folder / "monitor"))
        _, steps, _ = read_steps(GOLDEN / "plug" / "disk-scsi-first.args")
        do_steps(qmp, steps, scratch)
        _, limits, _ = read_steps(GOLDEN / "plug" / "limits.args")
        arguments = json.loads(json.dumps(limits[0][2]).replace("limits-vda", "limits-sda"))
        qmp.command("qom-set", arguments)
        assert qmp.command("qom-get", {"path": "/objects/limits-sda", "property": "limits"})["bps-read"] == 1000
    finally:
        qemu.close()
