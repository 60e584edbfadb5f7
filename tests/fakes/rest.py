#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A REST server with canned answers on a Unix socket, for the tests of the skep command.

Every request is written to a log, one line each, so that a test can see what was asked.
Names steer the answer: the domain "slow" makes jobs that take two looks, "broken" jobs that
fail, "busy" ETag conflicts; what is not in the tables is not found.
"""
import base64
import hashlib
import http.server
import json
import os
import socketserver
import struct
import sys
import threading
from urllib.parse import parse_qs, unquote, urlsplit

GIB = 1 << 30
T0 = 1767225600 * 1000000  # 2026-01-01 00:00:00 UTC
UUID = "11111111-2222-3333-4444-%012d"

NODE = {"hostname": "hive", "os": "Debian GNU/Linux 12", "kernel": "6.1.0", "arch": "x86_64", "cpu_model": "Test CPU",
        "version": "0.1.0", "cpus": 8, "sockets": 1, "cores": 4, "threads": 2, "memory_total": 16 * GIB,
        "memory_available": 12 * GIB, "accel": "kvm", "accel_reason": "/dev/kvm opens and the CPU has vmx",
        "qemu_path": "/usr/bin/qemu-system-x86_64", "qemu_version": "7.2.19", "domains": 2, "running": 1, "started": T0}

DOMAINS = [
    {"name": "db1", "uuid": UUID % 2, "title": "Datenbank für alle", "tags": ["db"], "state": "shut off", "vcpus": 1,
     "memory": GIB // 2, "autostart": False, "addresses": []},
    {"name": "web1", "uuid": UUID % 1, "tags": ["web", "prod"], "state": "running", "accel": "kvm", "id": 3, "vcpus": 2,
     "memory": GIB, "autostart": True, "pending": True, "addresses": ["192.168.100.20"]},
]

WEB1 = {
    "spec": {"name": "web1", "uuid": UUID % 1, "tags": ["web", "prod"], "machine": "pc-q35-7.2",
             "vcpus": {"current": 2, "maximum": 2}, "memory": {"current": GIB, "maximum": GIB}, "cpu": {"mode": "default"},
             "firmware": {"kind": "bios"}, "autostart": True,
             "disks": [{"target": "vda", "device": "disk", "bus": "virtio", "source": "volume", "pool": "default",
                        "volume": "web1.qcow2", "format": "qcow2", "cache": "default"},
                       {"target": "sda", "device": "cdrom", "bus": "sata", "source": "none", "format": "raw", "cache": "default"}],
             "interfaces": [{"mac": "52:54:00:00:00:01", "kind": "network", "network": "default", "model": "virtio",
                             "link": "up", "tap": "sktap3.0"}],
             "graphics": [{"kind": "vnc", "listen": "socket", "socket": "/run/skep/vnc/web1"}],
             "cloud_init": {"user": "bee", "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bee"]}},
    "status": {"state": "running", "reason": "booted", "id": 3, "pid": 4711, "accel": "kvm", "qemu_version": "7.2.19",
               "started": T0, "pending": ["machine"], "agent": True,
               "addresses": [{"mac": "52:54:00:00:00:01", "address": "192.168.100.20", "network": "default", "source": "lease"}]},
    "etag": "e1", "created": T0, "modified": T0,
}
USERMODE = {"spec": {"name": "usermode", "uuid": UUID % 7, "disks": [{"target": "vda", "image": "debian-12"}],
                     "interfaces": [{"kind": "user", "forwards": ["tcp:8080:80", "tcp:2222:22"]}]},
            "status": {"state": "running", "addresses": []}, "etag": "e7"}
DB1 = {"spec": {"name": "db1", "uuid": UUID % 2, "vcpus": {"current": 1, "maximum": 1}}, "status": {"state": "shut off"}, "etag": "e2"}

NETWORK = {"spec": {"name": "default", "uuid": UUID % 3, "forward": "nat", "ipv4": "192.168.100.1/24", "dhcp": True, "dns": True,
                    "domain": "default.skep", "autostart": True,
                    "hosts": [{"mac": "52:54:00:00:00:09", "ip": "192.168.100.9", "name": "printer"}]},
           "status": {"active": True, "bridge": "skbr0", "connected": 1}, "etag": "n1"}
POOL = {"spec": {"name": "default", "uuid": UUID % 4, "kind": "dir", "path": "/var/lib/skep/images", "autostart": True},
        "status": {"active": True, "capacity": 100 * GIB, "allocation": 25 * GIB, "available": 75 * GIB, "volumes": 2}, "etag": "p1"}
VOLUMES = [{"name": "data.qcow2", "pool": "default", "kind": "disk", "format": "qcow2", "path": "/var/lib/skep/images/data.qcow2",
            "capacity": 10 * GIB, "allocation": 200704, "modified": T0, "used_by": [], "image": False},
           {"name": "web1.qcow2", "pool": "default", "kind": "disk", "format": "qcow2", "path": "/var/lib/skep/images/web1.qcow2",
            "capacity": 20 * GIB, "allocation": GIB + GIB // 2, "backing_path": "/var/lib/skep/templates/debian-12.qcow2",
            "backing_format": "qcow2", "modified": T0, "used_by": ["web1"], "image": False}]
IMAGE = {"name": "debian-12", "path": "/var/lib/skep/templates/debian-12.qcow2", "capacity": 2 * GIB, "allocation": 400 << 20,
         "os": "debian-12", "default_user": "debian", "source": "build", "sha256": "ab" * 32, "original_format": "raw", "created": T0, "users": 1}
JOBS = [{"id": "aaaaaaaa-0000-0000-0000-000000000001", "operation": "image.import", "object": "image/debian-12", "user": "root",
         "state": "running", "progress": 0.45, "step": "converting", "created": T0, "started": T0, "cancellable": True},
        {"id": "bbbbbbbb-0000-0000-0000-000000000002", "operation": "domain.start", "object": "domain/web1", "user": "root",
         "state": "failed", "progress": -1, "created": T0, "ended": T0, "error": "qemu", "message": "QEMU ended at once", "cancellable": False}]
TOKENS = [{"id": "5c1d", "name": "ci", "role": "operator", "created": T0, "expires": 0, "last_used": 0}]
FINDINGS = [{"check": "kvm", "level": "ok", "text": "KVM can run guests"},
            {"check": "nftables", "level": "warning", "text": "nft is old"},
            {"check": "qemu", "level": "problem", "text": "no QEMU was found", "remedy": "apt install qemu-system-x86"}]
FRESH = 4102444800000000     # figures that are never old
STATS = [{"name": "web1", "uuid": UUID % 1, "state": "running", "time": FRESH, "cpu_time": 12000000000, "vcpus": 2, "memory_assigned": GIB,
          "memory_rss": GIB // 2, "memory_balloon": GIB, "block_read_bytes": 1 << 20, "block_write_bytes": 2 << 20, "block_reads": 10,
          "block_writes": 20, "net_rx_bytes": 3 << 20, "net_tx_bytes": 4 << 20, "net_rx_packets": 30, "net_tx_packets": 40}]
LEASES = [{"mac": "52:54:00:00:00:01", "ip": "192.168.100.20", "hostname": "web1", "domain": "web1", "expires": 1767229200}]
EVENTS = [{"revision": n, "time": T0, "type": "domain." + what, "object": "domain/web1", "uuid": UUID % 1}
          for n, what in enumerate(["defined", "started", "stopped"], 41)]

GETS = {
    "/v1/node": NODE, "/v1/node/doctor": {"items": FINDINGS}, "/v1/stats": {"items": STATS},
    "/v1/audit": {"items": [{"id": 7, "time": T0, "user": "root", "from": "unix:42", "operation": "domain.start", "object": "domain/web1", "result": "ok"}]},
    "/v1/domains": {"items": DOMAINS}, "/v1/domains/web1": WEB1, "/v1/domains/db1": DB1, "/v1/domains/usermode": USERMODE,
    "/v1/domains/busy": {**DB1, "spec": {**DB1["spec"], "name": "busy"}},
    "/v1/domains/odd": {"spec": {"name": "odd", "title": "red \x1b[31m alert\nsecond line"}, "status": {"state": "running"}},
    "/v1/domains/web1/stats": STATS[0], "/v1/domains/web1/agent": None,
    "/v1/domains/web1/agent/addresses": {"items": WEB1["status"]["addresses"]},
    "/v1/networks": {"items": [NETWORK]}, "/v1/networks/default": NETWORK, "/v1/networks/default/leases": {"items": LEASES},
    "/v1/pools": {"items": [POOL]}, "/v1/pools/default": POOL, "/v1/pools/default/volumes": {"items": VOLUMES},
    "/v1/pools/default/volumes/data.qcow2": VOLUMES[0], "/v1/pools/default/volumes/web1.qcow2": VOLUMES[1],
    "/v1/images": {"items": [IMAGE]}, "/v1/images/debian-12": IMAGE,
    "/v1/jobs": {"items": JOBS}, "/v1/tokens": {"items": TOKENS},
}
POSTS = {  # what is answered at once, without a job
    "/v1/domains/web1/agent/exec": {"exit_code": 3, "output": "Linux web1\n", "error_output": "odd\n"},
    "/v1/domains/web1/agent/set-time": None, "/v1/domains/web1/agent/password": None,
    "/v1/domains/web1/agent/freeze": {"frozen": 2}, "/v1/domains/web1/agent/thaw": {"frozen": 2},
    "/v1/domains/web1/console": {"ticket": "t-1", "path": "/v1/console?ticket=t-1", "expires": 30},
}
RESULTS = {  # what jobs give
    "/v1/domains": {"name": "new", "uuid": UUID % 9, "etag": "e9"},
    "/v1/tokens": {"id": "77aa", "secret": "skep_secret", "expires": 0},
    "/v1/domains/web1/disks": {"target": "vdb", "device": "disk"},
    "/v1/domains/web1/interfaces": {"mac": "52:54:00:00:00:02"},
    "/v1/images": IMAGE, "/v1/images/build": IMAGE,
}
LOGGED = ("prefer", "if-match", "range", "authorization", "content-type")
VOLUME_BYTES = bytes(range(256)) * 1024


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """A client that goes in the middle is part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    looks = {}
    lock = threading.Lock()
    log = None
    domains = None

    def address_string(self):
        return "local"

    def log_message(self, *args):
        pass

    def record(self, body):
        headers = [f"{k}: {self.headers[k]}" for k in LOGGED if k in self.headers]
        shown = body.decode("utf-8", "replace") if len(body) < 4096 and body.isascii() else f"{len(body)} bytes" if body else ""
        with self.lock, open(self.log, "a") as file:
            file.write("  ".join([f"{self.command} {self.path}"] + headers + ([shown] if shown else [])) + "\n")

    def reply(self, status, value, headers=()):
        data = b"" if value is None else json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status if data or status != 200 else 204)
        self.send_header("Content-Type", "application/json")
        if data or status != 200:
            self.send_header("Content-Length", str(len(data)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def fail(self, status, code, message):
        self.reply(status, {"error": {"code": code, "message": message}})

    # -- websocket ------------------------------------------------------------------------------------------------

    def upgrade(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True

    def frame(self, opcode, data):
        head = bytes([0x80 | opcode])
        head += bytes([len(data)]) if len(data) < 126 else bytes([126]) + struct.pack(">H", len(data))
        self.wfile.write(head + data)
        self.wfile.flush()

    def read_frame(self):
        head = self.rfile.read(2)
        if len(head) < 2:
            return 8, b""
        length = head[1] & 0x7F
        if length == 126:
            length = struct.unpack(">H", self.rfile.read(2))[0]
        mask = self.rfile.read(4)
        return head[0] & 0x0F, bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(length)))

    def events(self, query):
        self.upgrade()
        since = int(query.get("since", ["0"])[0])
        for event in EVENTS:
            if event["revision"] > since and event["type"].startswith(query.get("match", [""])[0]):
                self.frame(1, json.dumps(event).encode())
        while self.read_frame()[0] != 8:
            pass

    def console(self):
        """Echoes in capitals; "bye" closes."""
        self.upgrade()
        self.frame(2, b"Debian GNU/Linux 12 web1 ttyS0\r\n\r\nweb1 login: ")
        self.frame(1, json.dumps({"notice": "somebody else has the keyboard"}).encode())
        while True:
            opcode, data = self.read_frame()
            if opcode == 8 or b"bye" in data:
                self.frame(8, struct.pack(">H", 1000))
                return
            self.frame(opcode, data.upper())

    # -- requests ---------------------------------------------------------------------------------------------------

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def job(self, path, result):
        name = unquote(path.split("/")[3]) if path.count("/") > 2 else ""
        job = {"id": "cccccccc-0000-0000-0000-00000000000" + str(len(name)), "operation": "test.job", "object": name, "user": "root",
               "state": "done", "progress": 1, "created": T0, "cancellable": False}
        if name == "stuck":     # no answer until the client goes
            self.rfile.read(1)
            self.close_connection = True
            return
        if name == "slow":
            self.looks[job["id"]] = 0
            return self.reply(202, {**job, "state": "running", "progress": 0, "step": "beginning"})
        if name == "broken":
            job.update(state="failed", error="qemu", message='QEMU of domain "broken" ended at once: no such machine')
        elif result is not None:
            job["result"] = result
        self.reply(200 if "prefer" in self.headers else 202, job if "prefer" in self.headers else {**job, "state": "queued"})

    def show_job(self, job_id):
        for job in JOBS:
            if job["id"] == job_id:
                return self.reply(200, job)
        if job_id not in self.looks:
            return self.fail(404, "no-job", f'there is no job "{job_id}"')
        self.looks[job_id] += 1
        done = self.looks[job_id] > 2
        self.reply(200, {"id": job_id, "operation": "test.job", "object": "slow", "state": "done" if done else "running",
                         "progress": 1 if done else 0.4 * self.looks[job_id], "step": "working", "created": T0})

    def download(self):
        if "nope" in self.path:
            return self.fail(404, "no-volume", 'there is no volume "nope" in pool "default"')
        start = 0
        if "Range" in self.headers:
            start = int(self.headers["Range"].split("=")[1].rstrip("-"))
        data = VOLUME_BYTES[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(data), 10000):
            piece = data[at:at + 10000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def text(self, data):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.record(b"")
        url = urlsplit(self.path)
        path, query = url.path, parse_qs(url.query)
        if "Upgrade" in self.headers:
            if path == "/v1/console" and query.get("ticket") == ["t-1"]:
                return self.console()
            if path == "/v1/events":
                return self.events(query)
            return self.fail(401, "unauthenticated", "the ticket is not good (any more)")
        if path.startswith("/v1/jobs/"):
            return self.show_job(path.split("/")[3])
        if path.endswith("/data"):
            return self.download()
        if path == "/v1/domains/web1/console/log":
            return self.text(b"boot\r\nweb1 login: \n")
        if path == "/v1/domains" and self.domains:
            return self.page(query)
        if path == "/v1/domains/db1/agent":
            return self.fail(502, "agent", 'the agent of domain "db1" does not answer')
        if path in GETS:
            value = GETS[path]
            etag = [("ETag", '"%s"' % value["etag"])] if isinstance(value, dict) and "etag" in value else []
            return self.reply(200, value, etag)
        kind = path.split("/")[2].rstrip("s") if path.count("/") > 1 else ""
        code = "no-" + kind if kind in ("domain", "network", "pool", "image") else "not-found"
        self.fail(404, code, f'there is no {kind} "{unquote(path.split("/")[-1])}"')

    def page(self, query):
        """Many domains, in pages."""
        limit, after = int(query.get("limit", ["400"])[0]), query.get("after", [""])[0]
        rest = [d for d in self.domains if d["name"] > after]
        self.reply(200, {"items": rest[:limit], **({"next": rest[limit - 1]["name"]} if len(rest) > limit else {})})

    def change(self):
        body = self.body()
        self.record(body)
        path = urlsplit(self.path).path
        if path.startswith("/v1/domains/busy") and self.command == "PATCH":
            return self.fail(409, "changed", 'domain "busy" has changed meanwhile: its ETag is "e8"')
        if path.startswith("/v1/domains/missing"):
            return self.fail(404, "no-domain", 'there is no domain "missing"')
        if path.endswith("/console") and "/web1/" not in path:
            return self.fail(403, "denied", "your role is viewer, this needs operator")
        if path.endswith("/cancel"):
            return self.reply(200, {**JOBS[0], "state": "cancelled"})
        if path in POSTS and self.command == "POST":
            return self.reply(200, POSTS[path])
        if path.endswith("/data"):
            return self.reply(200, {"name": path.split("/")[-2], "bytes": len(body)})
        self.job(path, RESULTS.get(path) if self.command == "POST" else None)

    do_POST = do_PUT = do_PATCH = do_DELETE = change


def serve(socket_path, log_path, many=0):
    """Starts the server on a thread; returns it."""
    Handler.log = log_path
    Handler.looks = {}
    Handler.domains = [{**DOMAINS[1], "name": f"vm{n:05}", "uuid": UUID % n} for n in range(many)] or None
    open(log_path, "w").close()
    if os.path.exists(socket_path):
        os.unlink(socket_path)
    server = Server(socket_path, Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    print("ready", flush=True)
    threading.Event().wait()
