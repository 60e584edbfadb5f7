#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""skep console, top and prompts on a terminal: test_console.py SKEP.  TAP."""
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "fakes"))
import rest  # noqa: E402

SKEP = os.path.abspath(sys.argv[1])


class Terminal:
    """skep on a pty of its own, as the leader of a session."""

    def __init__(self, socket, *words):
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        env = {**os.environ, "SKEP_SOCKET": socket, "TERM": "xterm", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self.process = subprocess.Popen([SKEP, *words], stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True)
        self.slave = slave
        self.seen = b""

    def expect(self, text, limit=30):
        """Reads until text has come; the limit is only against hanging for ever."""
        end = time.monotonic() + limit
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"{text!r} did not come: {self.seen!r}")
            self.seen += os.read(self.master, 4096)
        at = self.seen.index(text) + len(text)
        before, self.seen = self.seen[:at], self.seen[at:]
        return before

    def send(self, data):
        os.write(self.master, data)

    def end(self):
        """Waits for the end; returns the exit code."""
        while self.process.poll() is None:
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 4096)
        return self.process.returncode

    def is_restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON


def test_detach(socket):
    terminal = Terminal(socket, "console", "web1")
    terminal.expect(b"web1 login: ")
    terminal.expect(b"[skep: somebody else has the keyboard]")
    assert terminal.is_raw(), "the terminal is not raw"
    terminal.send(b"root\r")
    terminal.expect(b"ROOT\r")
    terminal.send(b"\x03\x04")  # Ctrl-C and Ctrl-D are the guest's
    terminal.expect(b"\x03\x04")
    terminal.send(b"\x1d")
    terminal.expect(b"Detached")
    assert terminal.end() == 0
    assert terminal.is_restored(), "the terminal is not as it was"


def test_guest_closes(socket):
    terminal = Terminal(socket, "console", "web1")
    terminal.expect(b"web1 login: ")
    terminal.send(b"bye")
    terminal.expect(b"the console was closed")
    assert terminal.end() == 0
    assert terminal.is_restored()


def test_signal(socket):
    for number in (signal.SIGTERM, signal.SIGHUP):
        terminal = Terminal(socket, "console", "web1")
        terminal.expect(b"web1 login: ")
        terminal.expect(b"keyboard]")
        terminal.process.send_signal(number)
        assert terminal.end() == -number
        assert terminal.is_restored(), f"the terminal is not as it was after {number}"


def test_resize(socket):
    terminal = Terminal(socket, "console", "web1")
    terminal.expect(b"keyboard]")
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.send(b"still here")
    terminal.expect(b"STILL HERE")
    terminal.send(b"\x1d")
    assert terminal.end() == 0


def test_read_only(socket):
    terminal = Terminal(socket, "console", "--read-only", "web1")
    terminal.expect(b"keyboard]")
    terminal.send(b"not sent\x1d")
    assert terminal.end() == 0 and b"NOT SENT" not in terminal.seen


def test_question(socket):
    terminal = Terminal(socket, "delete", "web1")
    terminal.expect(b"Delete web1? [y/N] ")
    terminal.send(b"n\r")
    assert terminal.end() == 8 and b"nothing was deleted" in terminal.seen
    terminal = Terminal(socket, "delete", "web1")
    terminal.expect(b"[y/N] ")
    terminal.send(b"y\r")
    assert terminal.end() == 0 and b"web1 deleted" in terminal.seen
    terminal = Terminal(socket, "delete", "--yes", "web1")
    assert terminal.end() == 0 and b"[y/N]" not in terminal.seen


def test_progress_bar(socket):
    terminal = Terminal(socket, "start", "slow")
    terminal.expect(b"start slow  [##########..............]  40%  working")
    terminal.expect(b"\r\x1b[K")
    terminal.expect(b"slow started")
    assert terminal.end() == 0


def test_interrupt(socket):
    terminal = Terminal(socket, "job", "wait", "aaaa")
    terminal.expect(b"job aaaa  [")
    terminal.process.send_signal(signal.SIGINT)
    terminal.expect(b"no longer waiting; job ")
    assert terminal.end() == 130


def test_interrupt_before_the_job_is_known(socket):
    terminal = Terminal(socket, "start", "stuck")
    log = pathlib.Path(socket).with_name("log")
    end = time.monotonic() + 30
    while "stuck" not in log.read_text():
        assert time.monotonic() < end, "the question did not come"
    terminal.process.send_signal(signal.SIGINT)
    terminal.expect(b"what was asked for may go on: skep job ls")
    assert terminal.end() == 130


def test_top(socket):
    terminal = Terminal(socket, "top", "--delay", "1")
    terminal.expect(b"sorted by cpu")
    terminal.expect(b"web1")
    terminal.send(b"m")
    terminal.expect(b"sorted by memory")
    terminal.send(b"q")
    assert terminal.end() == 0
    assert b"\x1b[?1049l" in terminal.seen and terminal.is_restored()


def main():
    tests = [(name, run) for name, run in globals().items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        rest.serve(work + "/sock", work + "/log")
        for number, (name, run) in enumerate(tests, 1):
            try:
                run(work + "/sock")
                print(f"ok {number} - {name}", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"not ok {number} - {name}: {error!r}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
