# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private skepd and a REST client for it, as the integration tests use them."""
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SKEP_BUILD", SOURCE / "build"))
GUEST = Path(os.environ.get("SKEP_GUEST", SOURCE / "build" / "guest"))
DEADLINE = 120  # seconds until a wait is given up: a bound on hanging, not a measure


def guest_files():
    """(kernel, initrd) of the tiny guest, or None."""
    kernel, initrd = GUEST / "tiny" / "vmlinux", GUEST / "tiny" / "initrd"
    return (str(kernel), str(initrd)) if kernel.exists() and initrd.exists() else None


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout=DEADLINE):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    """Status, headers and body of an answer."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body) if self.body else None

    @property
    def error(self):
        """Code and sentence of an error answer."""
        return (self.json["error"]["code"], self.json["error"]["message"])


class Refused(AssertionError):
    """An answer that was not expected to be an error is one."""

    def __init__(self, method, path, answer):
        super().__init__(f"{method} {path}: {answer.status} {answer.body[:500]!r}")
        self.answer = answer


def can_mount():
    """False where / is no mount, as in a chroot: a mount namespace made there could not keep its mounts to itself."""
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


def in_netns(name):
    """Not `ip netns exec`: that mounts, and so fails in a chroot, whose root is no mount."""
    return ["nsenter", f"--net=/run/netns/{name}", "--"]


class Daemon:
    """One skepd with a directory, and by default a network namespace, of its own."""

    def __init__(self, root, netns=True, args=(), env=None, binary=None, checks=True):
        """checks: it says much in its log and looks at its own answers; a bench measures it without."""
        self.root = Path(root)
        self.netns = f"skt{os.urandom(5).hex()}" if netns else None
        self.args = (["-v"] if checks else []) + list(args)
        self.env = {**({"SKEP_CHECK_REPLIES": "1"} if checks else {}), **(env or {})}
        self.binary = binary or str(BUILD / "skepd")
        self.process = None
        self.keep = False
        self.starts = 0

    # -- life ------------------------------------------------------------------

    def __enter__(self):
        if self.netns:
            subprocess.run(["ip", "netns", "add", self.netns], check=True)
            self.run("ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *exc):
        try:
            self.kill_guests()
            self.stop()
        finally:
            if self.netns:
                for pid in subprocess.run(["ip", "netns", "pids", self.netns], capture_output=True, text=True).stdout.split():
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                subprocess.run(["ip", "netns", "del", self.netns])
            if self.keep:
                print(f"kept: {self.root}")
            else:
                shutil.rmtree(self.root, ignore_errors=True)

    def prefix(self):
        return in_netns(self.netns) if self.netns else []

    def run(self, *argv, **options):
        """Runs a program in the daemon's network namespace."""
        options.setdefault("check", True)
        return subprocess.run(self.prefix() + list(argv), **options)

    def start(self, env=None, expect_ready=True):
        """Starts the daemon and waits for its "ready" line."""
        self.starts += 1
        log = open(self.root / f"skepd-{self.starts}.log", "wb")
        environment = dict(os.environ, SKEP_DATA_DIR=str(SOURCE / "data"), **self.env, **(env or {}))
        self.process = subprocess.Popen(
            self.prefix() + [self.binary, "--root", str(self.root), "--listen", "127.0.0.1:0"] + self.args,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment)
        if expect_ready:
            self.wait_until(lambda: b"\nready\n" in b"\n" + self.log() or self.ended(), what="skepd to be ready")
            assert not self.ended(), f"skepd ended at its start:\n{self.log_tail()}"
        return self

    def ended(self):
        return self.process is None or self.process.poll() is not None

    def wait_ended(self):
        """Waits for the daemon's end; its exit status, negative for a signal."""
        return self.process.wait(timeout=DEADLINE)

    def stop(self):
        """Ends the daemon in good order; guests stay. It must not have aborted before, nor leak (with ASan, the exit status tells)."""
        if not self.ended():
            self.process.terminate()
            status = self.wait_ended()
            assert status == 0, f"skepd ended with {status}:\n{self.log_tail()}"
        assert self.process is None or self.process.returncode != -signal.SIGABRT, f"skepd aborted:\n{self.log_tail()}"
        self.process = None

    def kill(self):
        """kill -9."""
        if not self.ended():
            self.process.kill()
            self.wait_ended()
        self.process = None

    def restart(self, **options):
        self.stop()
        return self.start(**options)

    def qemu_pids(self):
        """QEMUs of this daemon: each works in a directory below the daemon's own."""
        pids = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and "qemu" in os.readlink(entry / "exe") \
                        and os.readlink(entry / "cwd").startswith(f"{self.root}/run/domains/"):
                    pids.append(int(entry.name))
            except OSError:
                continue
        return pids

    def kill_guests(self):
        for pid in self.qemu_pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def forget_boot(self):
        """Makes the next start of the daemon one after a start of the host."""
        with sqlite3.connect(self.root / "lib" / "skep.db") as database:
            done = database.execute("UPDATE settings SET value = 'another' WHERE key = 'boot-id'")
            assert done.rowcount == 1
        database.close()

    # -- log -------------------------------------------------------------------

    def log(self):
        path = self.root / f"skepd-{self.starts}.log"
        return path.read_bytes() if path.exists() else b""

    def log_tail(self):
        return self.log()[-6000:].decode(errors="replace")

    # -- REST ------------------------------------------------------------------

    @property
    def socket(self):
        return str(self.root / "run" / "skep.sock")

    def request(self, method, path, body=None, headers=None, raw=None):
        """One request; body is sent as JSON, raw as bytes."""
        connection = UnixConnection(self.socket)
        headers = dict(headers or {})
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/merge-patch+json" if method == "PATCH" else "application/json")
        connection.request(method, path, data, headers)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def get(self, path):
        """A read that must succeed: its JSON."""
        answer = self.request("GET", path)
        if answer.status != 200:
            raise Refused("GET", path, answer)
        return answer.json

    def items(self, path):
        return self.get(path)["items"]

    def do(self, method, path, body=None, headers=None):
        """A change that must succeed, waited for: the job's result."""
        answer = self.request(method, path, body, {"Prefer": "wait=120", **(headers or {})})
        if answer.status != 200:
            raise Refused(method, path, answer)
        job = answer.json
        assert job["state"] == "done", job
        return json.loads(job["result"]) if isinstance(job.get("result"), str) else job.get("result")

    def fails(self, method, path, body=None, headers=None):
        """A change that must be refused: status, code and sentence."""
        answer = self.request(method, path, body, {"Prefer": "wait=120", **(headers or {})})
        assert answer.status >= 400, f"{method} {path} was not refused: {answer.body[:300]!r}"
        return (answer.status, *answer.error)

    # -- the skep command ------------------------------------------------------

    def skep(self, *argv, check=True, **options):
        """Runs the command against this daemon, in its namespace."""
        options.setdefault("capture_output", True)
        options.setdefault("text", True)
        options.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(self.prefix() + [str(BUILD / "skep"), "--root", str(self.root)] + list(argv), **options)
        if check and done.returncode != 0:
            raise AssertionError(f"skep {' '.join(argv)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    # -- waiting ---------------------------------------------------------------

    def wait_until(self, condition, what="it", pause=0.02):
        """Polls, because what is waited for has no event; never a measure of time."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, f"waited {DEADLINE} s for {what}\n{self.log_tail()}"
            time.sleep(pause)

    def state(self, name):
        return self.get(f"/v1/domains/{name}")["status"]["state"]

    def wait_state(self, name, state):
        self.wait_until(lambda: self.state(name) == state, f"domain {name} to be {state}")

    def console_text(self, name):
        return self.request("GET", f"/v1/domains/{name}/console/log").body.decode(errors="replace")

    def wait_console(self, name, text):
        """Waits until the guest has printed text on its serial port."""
        self.wait_until(lambda: text in self.console_text(name), f"{text!r} on the console of {name}", pause=0.1)

    # -- guests ----------------------------------------------------------------

    def tiny_domain(self, name, tiny, **more):
        """Definition of a domain that boots the tiny guest."""
        return {"name": name, "memory": {"current": "96M"}, "vcpus": {"current": 1},
                "boot": {"kernel": tiny[0], "initrd": tiny[1], "cmdline": "console=ttyS0 quiet " + more.pop("cmdline", "")},
                **more}

    def paused_domain(self, name, **more):
        """Definition of a small domain without any disk, to be started paused."""
        return {"name": name, "memory": {"current": "32M"}, "vcpus": {"current": 1}, **more}
