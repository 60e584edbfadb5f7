# SPDX-License-Identifier: LGPL-2.1-or-later
"""An operator works with domains, but cannot reach for the host through one."""
import json
import re

import pytest

REACHING = {
    "emulator": {"emulator": "/bin/sh"},
    "disk": {"disks": [{"source": "file", "path": "/etc/shadow", "format": "raw"}]},
    "kernel": {"boot": {"kernel": "/etc/shadow"}},
    "loader": {"firmware": {"kind": "uefi", "loader": "/etc/shadow"}},
    "serial file": {"serials": [{"backend": "file", "path": "/etc/cron.d/x"}]},
    "serial listener": {"serials": [{"backend": "tcp", "host": "0.0.0.0:4444"}]},
    "file system": {"filesystems": [{"source": "/etc", "tag": "etc"}]},
    "host device": {"hostdevs": [{"kind": "usb", "host": "1d6b:0002"}]},
    "bridge": {"interfaces": [{"kind": "bridge", "bridge": "br0"}]},
    "open VNC": {"graphics": [{"listen": "address", "host": "0.0.0.0"}]},
    "random source": {"rngs": [{"path": "/etc/shadow"}]},
}


@pytest.fixture(scope="module")
def operator(shared_daemon):
    """Asks as an operator, over HTTPS: status and JSON."""
    made = json.loads(shared_daemon.skep("token", "create", "--role", "operator", "-o", "json").stdout)
    port = re.search(rb"https port (\d+)", shared_daemon.log())[1].decode()

    def ask(method, path, body):
        done = shared_daemon.run("curl", "-sk", "-X", method, "-w", "\n%{http_code}", f"https://127.0.0.1:{port}{path}",
                                 "-H", f"Authorization: Bearer {made['secret']}", "-H", "Prefer: wait=60",
                                 "-H", "Content-Type: application/json", "-d", json.dumps(body), capture_output=True, text=True)
        text, status = done.stdout.rsplit("\n", 1)
        return int(status), json.loads(text) if text.strip() else None
    return ask


@pytest.mark.parametrize("what", REACHING)
def test_operator_cannot_reach(shared_daemon, operator, what):
    status, answer = operator("POST", "/v1/domains", {"name": "reach", **REACHING[what]})
    assert status == 403, answer
    assert answer["error"]["code"] == "denied"
    assert "admin" in answer["error"]["message"]
    assert shared_daemon.request("GET", "/v1/domains/reach").status == 404


def test_operator_works_with_volumes(shared_daemon, operator):
    status, answer = operator("POST", "/v1/domains", {"name": "fine", "disks": [{"size": "64M"}]})
    assert status == 200 and answer["state"] == "done", answer
    status, answer = operator("PATCH", "/v1/domains/fine", {"emulator": "/bin/sh"})
    assert status == 403, answer
    status, answer = operator("POST", "/v1/domains/fine/disks", {"source": "file", "path": "/etc/shadow", "format": "raw"})
    assert status == 403, answer
    status, answer = operator("PUT", "/v1/domains/fine/disks/vda/media", {"path": "/etc/shadow"})
    assert status in (400, 403), answer


def test_administrator_may(shared_daemon):
    shared_daemon.do("POST", "/v1/domains", {"name": "admins", "graphics": [{"listen": "address", "host": "0.0.0.0"}]})


def test_what_an_administrator_gave_stays(shared_daemon, operator):
    shared_daemon.do("POST", "/v1/domains", {"name": "given", "graphics": [{"listen": "address", "host": "0.0.0.0"}]})
    status, answer = operator("PATCH", "/v1/domains/given", {"title": "changed by an operator"})
    assert status == 200, answer
