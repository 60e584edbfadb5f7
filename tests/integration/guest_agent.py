# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest agent played by the test: it stands where QEMU's end of the agent's channel was."""
import json
import os
import socket
import threading

SENTINEL = b"\xff"
HUGE = 100 * 1024 * 1024


class Agent:
    """Answers commands from a table: a value to return, a function of the arguments, or raw bytes."""

    def __init__(self, daemon, name, answers):
        uuid = daemon.get(f"/v1/domains/{name}")["spec"]["uuid"]
        self.path = f"{daemon.root}/run/domains/{uuid}/agent.sock"
        self.answers = dict(answers)
        self.asked = []
        self.news = threading.Condition()

    def __enter__(self):
        os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.converse(connection)

    def converse(self, connection):
        data = b""
        while piece := connection.recv(65536):
            data = (data + piece).split(SENTINEL)[-1]
            *lines, data = data.split(b"\n")
            for line in filter(None, lines):
                try:
                    self.answer(connection, json.loads(line))
                except OSError:
                    return          # it has heard enough

    def answer(self, connection, request):
        command, args = request["execute"], request.get("arguments")
        if command == "guest-sync-delimited":
            if "deaf" not in self.answers:
                connection.sendall(SENTINEL + json.dumps({"return": args["id"]}).encode() + b"\n")
            return
        with self.news:
            self.asked.append((command, args))
            self.news.notify_all()
        what = self.answers.get(command)
        if callable(what):
            what = what(args)
        if isinstance(what, bytes):
            connection.sendall(what)
        elif command not in self.answers:
            text = {"error": {"class": "CommandNotFound", "desc": f"The command {command} has not been found"}}
            connection.sendall(json.dumps(text).encode() + b"\n")
        else:
            connection.sendall(json.dumps({"return": what}).encode() + b"\n")

    def args(self, command):
        """What the last such command was asked with."""
        return [args for name, args in self.asked if name == command][-1]
