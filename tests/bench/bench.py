#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`make bench`: skepd against bare QEMU and against stock libvirtd, in one run, as ratios.

Everything happens in mount and network namespaces of this program's own (it runs itself again
under unshare), so the host's libvirt configuration and links are not touched. Needs root.
The figures are printed as the table of docs/performance.md; --write puts them there.
"""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "integration"))

from skep import BUILD, Daemon, UnixConnection  # noqa: E402

ROUNDS = int(os.environ.get("SKEP_BENCH_ROUNDS", "9"))
PARALLEL = 40
DEFINED = 1000
RUNNING = 20
IDLE_SECONDS = 5


def now():
    return time.monotonic()


def median_ms(samples):
    return statistics.median(samples) * 1000


# -- bare QEMU ---------------------------------------------------------------------------------


def bare_command(pid, work):
    """The command line of a running domain, with files by name instead of descriptors."""
    argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    opaque = {}
    for at, word in enumerate(argv):
        if word == "-add-fd":
            match = re.match(r"fd=\d+,set=(\d+),opaque=(?:rw|ro):(.*)", argv[at + 1])
            if match:
                opaque[match[1]] = match[2]
    out, skip = [], False
    for word, following in zip(argv, argv[1:] + [""]):
        if skip:
            skip = False
            continue
        if word == "-add-fd":
            skip = True
            continue
        if word == "-sandbox":
            out += [word, following]
            skip = True
            continue
        word = re.sub(r"/dev/fdset/(\d+)", lambda m: opaque.get(m[1], "/dev/null"), word)
        word = re.sub(r",logfile=/dev/null,logappend=on", "", word)
        word = re.sub(r"socket,id=([\w-]+),fd=\d+", rf"socket,id=\1,path={work}/\1.sock", word)
        word = re.sub(r'"fds?":"\d+"', '"ifname":"bare0","script":"no","downscript":"no"', word)
        word = word.replace("vnc.sock", f"{work}/vnc.sock")
        out.append(word)
    return [w for w in out if w != "-S"]


def bare_start(argv, work, suffix=""):
    """Starts it; returns (process, seconds to QMP status running or paused)."""
    monitor = f"{work}/monitor{suffix}.sock"
    argv = [re.sub(re.escape(work) + r"/([\w-]+)\.sock", rf"{work}/\1{suffix}.sock", w) for w in argv]
    begin = now()
    # In a session of its own, as daemons start theirs: the kernel may share out time by sessions.
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while True:
        try:
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(monitor)
            break
        except OSError:
            assert process.poll() is None, f"bare QEMU ended: {' '.join(argv)}"
            time.sleep(0.0005)
    stream = peer.makefile("rwb", buffering=0)
    stream.readline()
    for command in (b'{"execute":"qmp_capabilities"}\n', b'{"execute":"query-status"}\n'):
        stream.write(command)
        while b"return" not in stream.readline():
            pass
    spent = now() - begin
    return process, spent


# -- libvirtd -----------------------------------------------------------------------------------


class Libvirtd:
    """Stock libvirtd on directories of its own, in this mount namespace."""

    def __init__(self, work):
        self.work = work
        for path in ("/etc/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt", "/run"):
            os.makedirs(path, exist_ok=True)
            own = f"{work}{path}"
            shutil.copytree(path, own, symlinks=True, ignore=lambda d, names: [n for n in names if not os.path.isfile(f"{d}/{n}") and not os.path.isdir(f"{d}/{n}")],
                            dirs_exist_ok=True) if path == "/etc/libvirt" else os.makedirs(own, exist_ok=True)
            subprocess.run(["mount", "--bind", own, path], check=True)
        for name in ("autostart",):
            shutil.rmtree(f"/etc/libvirt/qemu/networks/{name}", ignore_errors=True)
        Path("/etc/libvirt/qemu.conf").write_text(
            'user = "root"\ngroup = "root"\nsecurity_driver = "none"\ncgroup_controllers = [ ]\nnamespaces = []\n')
        os.makedirs("/run/dbus", exist_ok=True)
        subprocess.run(["dbus-daemon", "--system", "--fork"], check=False)
        subprocess.run(["virtlogd", "-d"], check=True)
        self.process = None

    def start(self):
        begin = now()
        self.process = subprocess.Popen(["libvirtd"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        import libvirt
        libvirt.registerErrorHandler(lambda *unused: None, None)
        while True:
            try:
                self.connection = libvirt.open("qemu:///system")
                self.connection.listAllDomains()
                return now() - begin
            except libvirt.libvirtError:
                time.sleep(0.002)

    def stop(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait()

    def end_guests(self):
        """Some may still be on their way to be found again, and refuse at first."""
        import libvirt
        while active := self.connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            for domain in active:
                try:
                    domain.destroy()
                except libvirt.libvirtError:
                    time.sleep(0.1)

    def memory(self):
        return rss(self.process.pid)


def end_libvirt():
    """libvirtd, its guests and the daemons beside it: those of this mount namespace, by pid, and nobody else's."""
    ours = os.readlink("/proc/self/ns/mnt")
    if ours == os.environ["SKEP_BENCH_INSIDE"]:
        return
    for entry in Path("/proc").iterdir():
        try:
            name = os.path.basename(os.readlink(entry / "exe")) if entry.name.isdigit() else ""
            if name.startswith(("libvirtd", "virtlogd", "dbus-daemon", "qemu-system-")) and os.readlink(entry / "ns" / "mnt") == ours:
                os.kill(int(entry.name), signal.SIGTERM)
        except OSError:
            continue


def libvirt_xml(name, memory_mib, disk=None, bridge=None):
    devices = "<emulator>/usr/bin/qemu-system-x86_64</emulator>"
    if disk:
        devices += (f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>"
                    "<target dev='vda' bus='virtio'/></disk>")
        devices += "<graphics type='vnc'><listen type='socket'/></graphics><video><model type='virtio'/></video><serial type='pty'/>"
        devices += "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
    if bridge:
        devices += f"<interface type='bridge'><source bridge='{bridge}'/><model type='virtio'/></interface>"
    return (f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>{memory_mib}</memory><vcpu>1</vcpu>"
            f"<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features><devices>{devices}</devices></domain>")


def rss(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


# -- libvirt's client against both -----------------------------------------------------------------


class SkepServer:
    name = "skepd"

    def __init__(self, daemon):
        self.daemon = daemon
        self.uri = f"qemu:///system?socket={daemon.root}/run/libvirt-sock"
        self.caches = daemon.root / "lib" / "cache"
        self.connection = None

    def pid(self):
        return self.daemon.process.pid

    def stop(self):
        if self.connection is not None:
            self.connection.close()
        self.daemon.stop()

    def spawn(self):
        self.daemon.start(expect_ready=False)


class LibvirtServer:
    name = "libvirtd"
    uri = "qemu:///system"
    caches = Path("/var/cache/libvirt")

    def __init__(self, libvirtd):
        self.libvirtd = libvirtd

    @property
    def connection(self):
        return self.libvirtd.connection

    @connection.setter
    def connection(self, connection):
        self.libvirtd.connection = connection

    def pid(self):
        return self.libvirtd.process.pid

    def stop(self):
        self.libvirtd.stop()

    def spawn(self):
        self.libvirtd.process = subprocess.Popen(["libvirtd"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class LibvirtBench:
    """What python3-libvirt sees of both servers: they take turns, so that what else the machine does meets both."""

    ROWS = [
        ("start of the daemon, nothing defined", "ms", ""),
        ("memory, nothing defined", "MiB", "<= half"),
        ("start of a q35 domain with disk, NIC and VNC", "ms", ">= 6 x faster"),
        ("destroy", "ms", ">= 30 x faster"),
        (f"{PARALLEL} domains started at once, paused", "ms", ">= 6 x faster"),
        (f"bulk statistics of {PARALLEL} active domains", "ms", ">= 20 x faster"),
        ("define", "ms", ">= 1.5 x faster"),
        (f"list of {DEFINED} domains", "ms", ">= 1.5 x faster"),
        ("info calls a second", "1/s", ">= 3 x more"),
        (f"memory, {DEFINED} defined", "MiB", "<= half"),
        (f"cold start of the daemon, {DEFINED} defined, {RUNNING} running", "ms", ">= 40 x faster"),
        (f"start of the daemon again, {DEFINED} defined, {RUNNING} running", "ms", ""),
        (f"memory, {DEFINED} defined, {RUNNING} running, just started", "MiB", "<= half"),
    ]

    def __init__(self, work, servers):
        import libvirt
        self.libvirt = libvirt
        self.work, self.servers = work, servers
        self.figures = {server.name: {} for server in servers}

    def keep(self, server, what, samples):
        self.figures[server.name][what] = median_ms(samples)

    def start_server(self, server, running):
        """From exec to an answer that has all that run; leaves a connection."""
        begin = now()
        server.spawn()
        while True:
            try:
                server.connection = self.libvirt.open(server.uri)
                break
            except self.libvirt.libvirtError:
                time.sleep(0.001)
        while len(server.connection.listAllDomains(self.libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)) < running:
            time.sleep(0.001)
        spent = now() - begin
        return spent

    def restart(self, server, running, cold):
        server.stop()
        if cold:
            for path in server.caches.glob("**/*"):
                if path.is_file():
                    path.unlink()
        return self.start_server(server, running)

    def memory(self, what):
        """When what they had to do is done."""
        time.sleep(IDLE_SECONDS)
        for server in self.servers:
            self.figures[server.name][what] = rss(server.pid())

    def nothing(self):
        samples = {server: [] for server in self.servers}
        for _ in range(5):
            for server in self.servers:
                samples[server].append(self.restart(server, 0, cold=False))
        for server in self.servers:
            self.keep(server, "start of the daemon, nothing defined", samples[server])
        self.memory("memory, nothing defined")

    def one(self):
        domains, starts, ends = {}, {s: [] for s in self.servers}, {s: [] for s in self.servers}
        for server in self.servers:
            disk = f"{self.work}/bench-{server.name}.qcow2"
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1G"], check=True)
            domains[server] = server.connection.defineXML(libvirt_xml("lv-one", 256, disk, "benchbr0"))
        for _ in range(min(ROUNDS, 7)):
            for server in self.servers:
                begin = now()
                domains[server].create()
                starts[server].append(now() - begin)
                begin = now()
                domains[server].destroy()
                ends[server].append(now() - begin)
        for server in self.servers:
            domains[server].undefine()
            self.keep(server, "start of a q35 domain with disk, NIC and VNC", starts[server])
            self.keep(server, "destroy", ends[server])

    def many(self):
        for server in self.servers:
            active = self.libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
            domains = [server.connection.defineXML(libvirt_xml(f"lv-p{i:02d}", 32)) for i in range(PARALLEL)]
            with ThreadPoolExecutor(PARALLEL) as pool:
                begin = now()
                list(pool.map(lambda d: d.createWithFlags(self.libvirt.VIR_DOMAIN_START_PAUSED), domains))
                self.keep(server, f"{PARALLEL} domains started at once, paused", [now() - begin])
            samples = []
            for _ in range(5):
                begin = now()
                answer = server.connection.getAllDomainStats(0, active)
                samples.append(now() - begin)
                assert len(answer) == PARALLEL
            self.keep(server, f"bulk statistics of {PARALLEL} active domains", samples)
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda d: d.destroy(), domains))
            for domain in domains:
                domain.undefine()

    def defined(self):
        samples = {server: [] for server in self.servers}
        for i in range(DEFINED):
            xml = libvirt_xml(f"lv-d{i:04d}", 64)
            for server in self.servers:
                begin = now()
                server.connection.defineXML(xml)
                samples[server].append(now() - begin)
        for server in self.servers:
            self.keep(server, "define", samples[server])
        self.memory(f"memory, {DEFINED} defined")

    def reads(self):
        samples, rates = {server: [] for server in self.servers}, {server: [] for server in self.servers}
        for _ in range(20):
            for server in self.servers:
                begin = now()
                domains = server.connection.listAllDomains()
                samples[server].append(now() - begin)
                assert len(domains) == DEFINED
        for _ in range(9):
            for server in self.servers:
                domain = server.connection.lookupByName("lv-d0500")
                count, begin = 0, now()
                while now() - begin < 0.4:
                    domain.info()
                    count += 1
                rates[server].append(count / (now() - begin))
        for server in self.servers:
            self.keep(server, f"list of {DEFINED} domains", samples[server])
            self.figures[server.name]["info calls a second"] = statistics.median(rates[server])

    def cold(self):
        """Cold: without what they know of QEMU from before; the files of programs are in the host's memory for both."""
        for server in self.servers:
            for i in range(RUNNING):
                server.connection.lookupByName(f"lv-d{i:04d}").createWithFlags(self.libvirt.VIR_DOMAIN_START_PAUSED)
        samples = {(server, cold): [] for server in self.servers for cold in (True, False)}
        for _ in range(3):
            for cold in (True, False):
                for server in self.servers:
                    samples[server, cold].append(self.restart(server, RUNNING, cold))
        for server in self.servers:
            self.keep(server, f"cold start of the daemon, {DEFINED} defined, {RUNNING} running", samples[server, True])
            self.keep(server, f"start of the daemon again, {DEFINED} defined, {RUNNING} running", samples[server, False])
        self.memory(f"memory, {DEFINED} defined, {RUNNING} running, just started")

    def run(self):
        for part in (self.nothing, self.one, self.many, self.defined, self.reads, self.cold):
            print(f"  python3-libvirt: {part.__name__}", file=sys.stderr, flush=True)
            part()
        return self.figures


# -- what is measured -----------------------------------------------------------------------------


class Bench:
    def __init__(self, work):
        self.work = work
        self.rows = []
        self.daemon = Daemon(f"{work}/skep", netns=False, checks=False)
        os.makedirs(self.daemon.root, mode=0o755)
        self.client = None

    def row(self, what, skep, bare=None, libvirt=None, unit="ms", aim=""):
        self.rows.append((what, skep, bare, libvirt, unit, aim))
        print("  " + self.text(self.rows[-1]), flush=True)

    @staticmethod
    def text(row):
        what, skep, bare, libvirt, unit, aim = row

        def ratio(other):
            return f" ({skep / other if unit == '1/s' else other / skep:.2f} x better)" if skep and other else ""
        parts = [f"{what}: {skep:.1f} {unit}"]
        if bare is not None:
            parts.append(f"bare QEMU {bare:.1f}; ratio {skep / bare:.2f}")
        if libvirt is not None:
            parts.append(f"libvirtd {libvirt:.1f}{ratio(libvirt)}")
        return "; ".join(parts) + (f" [{aim}]" if aim else "")

    def call(self, method, path, body=None, wait=True):
        if self.client is None:
            self.client = UnixConnection(self.daemon.socket)
        headers = {"Content-Type": "application/json"}
        if wait:
            headers["Prefer"] = "wait=120"
        data = json.dumps(body) if body is not None else None
        try:
            self.client.request(method, path, data, headers)
        except BrokenPipeError:  # idle for too long: the daemon has hung up
            self.client = UnixConnection(self.daemon.socket)
            self.client.request(method, path, data, headers)
        response = self.client.getresponse()
        data = response.read()
        assert response.status < 300, (method, path, response.status, data[:300])
        return json.loads(data) if data else None

    def full_domain(self, name):
        return {"name": name, "memory": {"current": "256M"}, "disks": [{"size": "1G"}], "interfaces": [{"kind": "bridge", "bridge": "benchbr0"}]}

    # start and destroy, one after the other

    def start_and_destroy(self, libvirtd):
        self.call("POST", "/v1/domains", self.full_domain("one"))
        starts, ends, bares = [], [], []
        argv = None
        for _ in range(ROUNDS):
            begin = now()
            self.call("POST", "/v1/domains/one/start")
            starts.append(now() - begin)
            if argv is None:
                argv = bare_command(self.daemon.qemu_pids()[0], self.work)
            begin = now()
            self.call("POST", "/v1/domains/one/destroy")
            ends.append(now() - begin)
            subprocess.run(["ip", "tuntap", "add", "bare0", "mode", "tap", "vnet_hdr"], check=True)
            subprocess.run(["ip", "link", "set", "bare0", "up"], check=True)
            process, spent = bare_start(argv, self.work)
            bares.append(spent)
            process.kill()
            process.wait()
            subprocess.run(["ip", "link", "del", "bare0"], check=True)
        lstarts, lends = [], []
        disk = f"{self.work}/libvirt.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1G"], check=True)
        domain = libvirtd.connection.defineXML(libvirt_xml("one", 256, disk, "benchbr0"))
        for _ in range(min(ROUNDS, 5)):
            begin = now()
            domain.create()
            lstarts.append(now() - begin)
            begin = now()
            domain.destroy()
            lends.append(now() - begin)
        domain.undefine()
        self.row("start of a q35 domain with disk, NIC and VNC", median_ms(starts), median_ms(bares), median_ms(lstarts), aim="<= 1.5 x bare QEMU")
        self.row("destroy", median_ms(ends), None, median_ms(lends), aim="<= 30 ms")
        self.call("DELETE", "/v1/domains/one?volumes=true")

    # many at once

    def parallel(self, libvirtd):
        names = [f"p{i:02d}" for i in range(PARALLEL)]
        for name in names:
            self.call("POST", "/v1/domains", {"name": name, "memory": {"current": "32M"}})

        def start(name):
            client = UnixConnection(self.daemon.socket)
            client.request("POST", f"/v1/domains/{name}/start?paused=true", None, {"Prefer": "wait=120"})
            answer = client.getresponse()
            assert answer.status == 200, answer.read()
            client.close()

        with ThreadPoolExecutor(PARALLEL) as pool:
            begin = now()
            list(pool.map(start, names))
            ours = now() - begin
        argv = bare_command(self.daemon.qemu_pids()[0], self.work) + ["-S"]
        self.statistics(libvirtd)
        for name in names:
            self.call("POST", f"/v1/domains/{name}/destroy")

        with ThreadPoolExecutor(PARALLEL) as pool:
            begin = now()
            done = list(pool.map(lambda i: bare_start(argv, self.work, f"-{i}"), range(PARALLEL)))
            bare = now() - begin
        for process, _ in done:
            process.kill()
            process.wait()

        import libvirt
        domains = [libvirtd.connection.defineXML(libvirt_xml(name, 32)) for name in names]
        with ThreadPoolExecutor(PARALLEL) as pool:
            begin = now()
            list(pool.map(lambda d: d.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED), domains))
            theirs = now() - begin
        begin = now()
        libvirtd.connection.getAllDomainStats(0, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED)
        stats = now() - begin
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda d: d.destroy(), domains))
        for domain in domains:
            domain.undefine()
        for name in names:
            self.call("DELETE", f"/v1/domains/{name}")
        self.row(f"{PARALLEL} domains started at once, paused", ours * 1000, bare * 1000, theirs * 1000, aim="<= 1.3 x bare QEMUs")
        self.row(f"statistics of {PARALLEL} active domains in one call", self.stats_ms, None, stats * 1000, aim="<= 5 ms")

    def statistics(self, libvirtd):
        self.call("GET", "/v1/stats")
        self.daemon.wait_until(lambda: all(row["cpu_time"] > 0 for row in self.call("GET", "/v1/stats")["items"]), "statistics")
        samples = []
        for _ in range(20):
            begin = now()
            answer = self.call("GET", "/v1/stats")
            samples.append(now() - begin)
        assert len(answer["items"]) == PARALLEL
        self.stats_ms = median_ms(samples)

    # a thousand defined

    def thousand(self, libvirtd):
        for i in range(DEFINED):
            self.call("POST", "/v1/domains", {"name": f"d{i:04d}", "memory": {"current": "64M"}, "interfaces": [{"kind": "user"}]})
        for i in range(RUNNING):
            self.call("POST", f"/v1/domains/d{i:04d}/start?paused=true")
        for i in range(DEFINED):
            libvirtd.connection.defineXML(libvirt_xml(f"d{i:04d}", 64))
        import libvirt
        for i in range(RUNNING):
            libvirtd.connection.lookupByName(f"d{i:04d}").createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)

        samples = []
        for _ in range(20):
            begin = now()
            rows = self.call("GET", f"/v1/domains?limit={DEFINED}")
            samples.append(now() - begin)
        assert len(rows["items"]) == DEFINED
        tool = []
        for _ in range(ROUNDS):
            begin = now()
            subprocess.run([str(BUILD / "skep"), "--root", str(self.daemon.root), "ls"], stdout=subprocess.DEVNULL, check=True)
            tool.append(now() - begin)
        begin = now()
        for domain in libvirtd.connection.listAllDomains():
            domain.info()
        theirs = now() - begin
        self.row(f"list of {DEFINED} domains over REST, client included", median_ms(samples), None, theirs * 1000, aim="<= 5 ms in the daemon")
        self.row(f"skep ls of {DEFINED} domains", median_ms(tool), aim="<= 60 ms")
        self.client = None
        full = rss(self.daemon.process.pid)
        self.daemon.stop()
        colds = []
        for _ in range(5):
            begin = now()
            self.daemon.start(expect_ready=False)
            while True:
                try:
                    self.client = None
                    answer = self.call("GET", "/v1/domains?state=active&limit=100")
                    break
                except OSError:
                    time.sleep(0.001)
            colds.append(now() - begin)
            assert len(answer["items"]) == RUNNING
            self.client = None
            fresh = rss(self.daemon.process.pid)
            self.daemon.stop()
        self.daemon.start()
        libvirt_full = libvirtd.memory()
        libvirtd.stop()
        cold_theirs = libvirtd.start()
        libvirtd.end_guests()
        self.row(f"start of the daemon to first answer, {DEFINED} defined, {RUNNING} running", median_ms(colds), None, cold_theirs * 1000, aim="<= 150 ms")
        self.row("resident memory, idle", self.idle, None, self.libvirt_idle, "MiB", "<= 15 MiB")
        self.row(f"resident memory, {DEFINED} defined, just started", fresh, None, libvirt_full, "MiB", "<= 25 MiB")
        self.row(f"resident memory, {DEFINED} defined, after making them", full, None, None, "MiB")

    # requests a second

    def reads(self):
        port = int(re.search(rb"https port (\d+)", self.daemon.log())[1])
        del port
        begin, count = now(), 0
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.daemon.socket)
        request = b"GET /v1/domains/d0500?fields=etag HTTP/1.1\r\nHost: x\r\n\r\n"
        length = None
        while now() - begin < 3:
            client.sendall(request)
            data = client.recv(65536)
            if length is None:
                assert data.startswith(b"HTTP/1.1 200"), data[:200]
                length = len(data)
            while len(data) < length:
                data += client.recv(65536)
            count += 1
        self.row("reads over REST, one client, keep-alive (Python client: a lower bound)", count / (now() - begin), unit="1/s", aim=">= 15,000/s")
        tool = BUILD / "tests" / "bench" / "rest-reads"
        if tool.exists():
            out = subprocess.run([str(tool), self.daemon.socket, "/v1/domains/d0500?fields=etag", "3"], capture_output=True, text=True, check=True)
            self.row("reads over REST, one client, keep-alive (C client)", float(out.stdout), unit="1/s", aim=">= 15,000/s")

    # libvirt's own client against both: python3-libvirt, the same calls in the same process

    def libvirt_clients(self, libvirtd):
        figures = LibvirtBench(self.work, [SkepServer(self.daemon), LibvirtServer(libvirtd)]).run()
        for what, unit, aim in LibvirtBench.ROWS:
            ours, theirs = figures["skepd"][what], figures["libvirtd"][what]
            self.row(f"libvirt: {what}", ours, None, theirs, unit, aim)

    def prepare(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["ip", "link", "add", "benchbr0", "type", "bridge"], check=True)
        subprocess.run(["ip", "link", "set", "benchbr0", "up"], check=True)

    def run(self, only):
        self.prepare()
        libvirtd = Libvirtd(self.work)
        libvirtd.start()
        self.daemon.start()
        if only == "libvirt":
            self.libvirt_clients(libvirtd)
            libvirtd.stop()
            return
        self.call("GET", "/v1/node")
        time.sleep(IDLE_SECONDS)
        self.idle, self.libvirt_idle = rss(self.daemon.process.pid), libvirtd.memory()
        if not only:
            self.start_and_destroy(libvirtd)
            self.parallel(libvirtd)
        self.thousand(libvirtd)
        self.reads()
        libvirtd.stop()
        if not only:
            self.fresh()
            libvirtd.start()
            self.daemon.start()
            self.libvirt_clients(libvirtd)
            libvirtd.stop()

    def fresh(self):
        """Both without a domain again."""
        self.client = None
        self.daemon.kill_guests()
        self.daemon.stop()
        shutil.rmtree(self.daemon.root / "lib")
        for path in Path("/etc/libvirt/qemu").glob("*.xml"):
            path.unlink()


def against_libvirtd(skep, libvirt, unit):
    return f"{skep / libvirt:.1f} x more than libvirtd" if unit == "1/s" else f"{libvirt / skep:.1f} x less than libvirtd"


def write_table(rows, path):
    """Puts the rows into the table there is: those that were not measured stay."""
    head = ["| what | skepd | bare QEMU | libvirtd 9.0 | ratio | aim | when (load) |", "|---|---|---|---|---|---|---|"]
    text = path.read_text()
    begin, end = "<!-- bench:begin -->\n", "<!-- bench:end -->"
    before, rest = text.split(begin, 1)
    old, after = rest.split(end, 1)
    lines = {line.split("|")[1].strip(): line for line in old.splitlines() if line.startswith("| ") and not line.startswith("| what")}
    when = f"{time.strftime('%Y-%m-%d')} ({os.getloadavg()[2]:.0f})"
    for what, skep, bare, libvirt, unit, aim in rows:
        ratio = f"{skep / bare:.2f} x bare" if bare else against_libvirtd(skep, libvirt, unit) if libvirt else ""
        lines[what] = f"| {what} | {skep:,.1f} {unit} | {f'{bare:,.1f} {unit}' if bare else ''} | {f'{libvirt:,.1f} {unit}' if libvirt else ''} | {ratio} | {aim} | {when} |"
    path.write_text(before + begin + f"{os.cpu_count()} CPUs, TCG\n\n" + "\n".join(head + list(lines.values())) + "\n" + end + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--thousand", action="store_true", help="only what is measured with a thousand domains")
    parser.add_argument("--libvirt", action="store_true", help="only what libvirt's own client sees of both")
    options = parser.parse_args()
    if os.environ.get("SKEP_BENCH_INSIDE") is None:
        if os.geteuid() != 0:
            sys.exit("bench: needs root, for namespaces")
        os.execvpe("unshare", ["unshare", "-m", "-n"] + [sys.executable] + sys.argv,
                   dict(os.environ, SKEP_BENCH_INSIDE=os.readlink("/proc/self/ns/mnt")))
    # Ended from outside it tidies up too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    work = tempfile.mkdtemp(prefix="skep-bench-")
    os.chmod(work, 0o755)
    bench = Bench(work)
    try:
        bench.run("libvirt" if options.libvirt else "thousand" if options.thousand else None)
        if options.write:
            write_table(bench.rows, SOURCE / "docs" / "performance.md")
    finally:
        end_libvirt()
        bench.daemon.kill_guests()
        bench.daemon.stop()
        # It outlives the daemon, and would keep the namespace.
        for pid in Path(work).glob("skep/run/networks/*/dnsmasq.pid"):
            os.kill(int(pid.read_text()), signal.SIGTERM)
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
