# SPDX-License-Identifier: LGPL-2.1-or-later
"""SPICE, listeners and pins of real QEMUs."""
import os
import socket
import struct

import pytest

CPUS = sorted(os.sched_getaffinity(0))


def start(daemon, name, **more):
    daemon.do("POST", "/v1/domains", daemon.paused_domain(name, **more))
    daemon.do("POST", f"/v1/domains/{name}/start?paused=true")
    return daemon.get(f"/v1/domains/{name}")


def connect_in(daemon, port):
    """A connection in the daemon's network namespace, as one line of what a listener answers."""
    script = f"import socket; s = socket.create_connection(('127.0.0.1', {port}), 20); s.settimeout(20); print(s.recv(12))"
    return daemon.run("/usr/bin/python3", "-c", script, capture_output=True, text=True).stdout


def spice_says(path):
    """The answer to SPICE's opening message: magic and version."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect(path)
    body = struct.pack("<IBBIII", 0, 1, 0, 0, 0, 18)
    peer.sendall(b"REDQ" + struct.pack("<III", 2, 2, len(body)) + body)
    return peer.recv(8)


def test_spice_listens_beside_the_monitor(shared_daemon):
    view = start(shared_daemon, "spice", graphics=[{"kind": "spice", "password": "longer than eight"}], videos=[{"model": "qxl"}],
                 channels=[{"name": "com.redhat.spice.0", "kind": "spicevmc"}], redirdevs=[{}], sounds=[{}])
    path = view["live"]["graphics"][0]["socket"]
    assert spice_says(path) == b"REDQ" + struct.pack("<I", 2)
    assert "password" not in view["live"]["graphics"][0]
    shared_daemon.do("POST", "/v1/domains/spice/destroy")


def test_listeners_get_ports_of_their_own(shared_daemon):
    both = [{"kind": "vnc", "listen": "address"}, {"kind": "spice", "listen": "address"}]
    ports = []
    for name in ("ports1", "ports2"):
        view = start(shared_daemon, name, graphics=both)
        ports += [graphics["bound"] for graphics in view["live"]["graphics"]]
        assert "pending" not in view["status"] or not view["status"]["pending"]
    assert len(set(ports)) == 4 and min(ports) >= 5900, ports
    assert "RFB" in connect_in(shared_daemon, ports[0])
    for name in ("ports1", "ports2"):
        shared_daemon.do("POST", f"/v1/domains/{name}/destroy")


def allowed(pid):
    """CPUs of each thread, by its name."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        text = open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8").read()
        fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        found[fields["Name"]] = fields["Cpus_allowed_list"]
    return found


@pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")
def test_threads_run_where_they_are_pinned(shared_daemon):
    first, second = CPUS[:2]
    view = start(shared_daemon, "pins", vcpus={"current": 2}, iothreads=1,
                 cpu_tune={"emulator_pin": str(first), "vcpu_pins": [{"id": 0, "cpuset": str(first)}, {"id": 1, "cpuset": f"{first}-{second},^{first}"}],
                           "iothread_pins": [{"id": 1, "cpuset": str(second)}]})
    threads = allowed(view["status"]["pid"])
    assert threads["IO iothread1"] == str(second), threads
    assert threads["qemu-system-x86"] == str(first), threads
    vcpus = {name: cpus for name, cpus in threads.items() if name.startswith("CPU ")}
    assert sorted(vcpus.values()) == [str(first), str(second)], threads
    shared_daemon.do("POST", "/v1/domains/pins/destroy")


def test_drive_without_its_medium(shared_daemon):
    image = shared_daemon.root / "gone.iso"
    image.write_bytes(b"\0" * 65536)
    drive = {"target": "sda", "device": "cdrom", "source": "file", "path": str(image), "format": "raw"}
    for name, policy in (("lenient", "optional"), ("strict", "mandatory")):
        shared_daemon.do("POST", "/v1/domains", shared_daemon.paused_domain(name, disks=[{**drive, "startup": policy}]))
    image.unlink()
    shared_daemon.do("POST", "/v1/domains/lenient/start?paused=true")
    view = shared_daemon.get("/v1/domains/lenient")
    assert view["live"]["disks"][0]["source"] == "none" and view["spec"]["disks"][0]["path"] == str(image)
    shared_daemon.do("POST", "/v1/domains/lenient/destroy")
    assert shared_daemon.fails("POST", "/v1/domains/strict/start?paused=true")[0] >= 400


def test_what_cannot_be_done_does_not_start(shared_daemon):
    shared_daemon.do("POST", "/v1/domains", shared_daemon.paused_domain("nocpu", vcpus={"current": 1, "cpuset": "1000"}))
    status, code, sentence = shared_daemon.fails("POST", "/v1/domains/nocpu/start?paused=true")
    assert code == "invalid" and "this host has none" in sentence, sentence
    # Where there are control groups, it is the device that cannot be limited.
    shared_daemon.do("POST", "/v1/domains", shared_daemon.paused_domain("limits", block_tune={"devices": [{"path": "/dev/null", "weight": 100}]}))
    status, code, sentence = shared_daemon.fails("POST", "/v1/domains/limits/start?paused=true")
    assert "block_tune.devices" in sentence or "no block device" in sentence, sentence
