# SPDX-License-Identifier: LGPL-2.1-or-later
"""Events and consoles of a private daemon: WebSockets over its Unix socket."""
import json
import queue
import socket
import threading
import time

import websocket

from skep import DEADLINE


def open_websocket(daemon, path):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE)
    sock.connect(daemon.socket)
    stream = websocket.WebSocket()
    stream.connect(f"ws://localhost{path}", socket=sock)
    return stream


class Events:
    """What the daemon tells from now on, or since a revision."""

    def __init__(self, daemon, since=None):
        self.stream = open_websocket(daemon, "/v1/events" + (f"?since={since}" if since is not None else ""))
        self.queue = queue.Queue()
        self.seen = []
        # A thread, so that the daemon's pings are answered while the test does other things.
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stream.sock.shutdown(socket.SHUT_RDWR)     # closing alone does not wake the thread
        self.thread.join()
        self.stream.shutdown()

    def read(self):
        try:
            while True:
                event = json.loads(self.stream.recv())
                if isinstance(event.get("data"), str):
                    event["data"] = json.loads(event["data"])
                self.queue.put(event)
        except (OSError, ValueError, websocket.WebSocketException):
            pass

    def wait(self, condition):
        """Takes events until condition(event) is true for one: that event."""
        while True:
            event = self.queue.get(timeout=DEADLINE)
            self.seen.append(event)
            if condition(event):
                return event

    def wait_state(self, name, state):
        return self.wait(lambda event: event["type"] == "domain.state" and event["object"] == f"domain/{name}"
                         and event["data"]["state"] == state)

    def states(self, name):
        """(state, reason) of all state events read so far."""
        return [(event["data"]["state"], event["data"]["reason"]) for event in self.seen
                if event["type"] == "domain.state" and event["object"] == f"domain/{name}"]


class Console:
    """A serial console or VNC display, opened with a ticket."""

    def __init__(self, daemon, name, **request):
        answer = daemon.request("POST", f"/v1/domains/{name}/console", request)
        assert answer.status == 200, answer.body
        self.path = answer.json["path"]
        self.stream = open_websocket(daemon, self.path)
        self.text = ""
        self.bytes = b""
        self.notices = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stream.close()

    def read(self):
        """Takes the next message."""
        opcode, data = self.stream.recv_data()
        if opcode == websocket.ABNF.OPCODE_TEXT:
            self.notices.append(json.loads(data)["notice"])
        elif opcode == websocket.ABNF.OPCODE_BINARY:
            self.bytes += data
            self.text = self.bytes.decode(errors="replace")
        else:
            raise EOFError(f"the console was closed: {data!r}; it had said {self.text!r}")

    def forget(self):
        """What was read so far."""
        self.bytes, self.text = b"", ""

    def wait(self, text):
        deadline = time.monotonic() + DEADLINE
        while text not in self.text:
            assert time.monotonic() < deadline, f"no {text!r} in {self.text!r}"
            self.read()

    def wait_notice(self, word):
        while not any(word in notice for notice in self.notices):
            self.read()

    def wait_closed(self):
        try:
            while True:
                self.read()
        except (EOFError, websocket.WebSocketConnectionClosedException):
            pass

    def write(self, text):
        self.stream.send_binary(text.encode())

    def take_over(self):
        self.stream.send('{"take_over":true}')
