# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the libvirt front door is sent by mistake or malice: nobody else is disturbed, and memory stays bounded."""
import os
import random
import resource
import select
import socket
import struct

import pytest

from conftest import make_daemon
from libvirt_client import CALL_WITH_FDS, CONTINUE, ERROR, HOLE, OK, REMOTE, STREAM, Raw, header, string, virsh

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a network namespace")

LOOKUP, LIST_ALL, GET_TYPE, OPEN, CLOSE, AUTH_LIST = 23, 273, 3, 1, 2, 66
NAME = struct.pack(">I", 1) + string("qemu:///system") + struct.pack(">I", 0)


@pytest.fixture(scope="module")
def bystander(shared_daemon):
    """A client that behaves; it must be answered all the while."""
    shared_daemon.do("POST", "/v1/domains", shared_daemon.paused_domain("a"))
    with Raw(shared_daemon) as raw:
        yield raw


@pytest.fixture(autouse=True)
def undisturbed(bystander, shared_daemon):
    yield
    assert bystander.call(LOOKUP, string("a")).status == OK
    assert bystander.call(LIST_ALL, struct.pack(">iI", 1, 0)).status == OK
    assert not shared_daemon.ended(), shared_daemon.log_tail()


def memory(daemon):
    """Resident memory of the daemon, bytes; 0 under a sanitizer, which keeps what was freed."""
    with open(f"/proc/{daemon.process.pid}/maps") as maps:
        if "libasan" in maps.read():
            return 0
    with open(f"/proc/{daemon.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def open_clients(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


# -- packets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 27, 33554437, 0x7fffffff, 0xffffffff])
@pytest.mark.parametrize("opened", [False, True])
def test_impossible_lengths(shared_daemon, length, opened):
    with Raw(shared_daemon, opened=opened) as raw:
        raw.send(AUTH_LIST, length=length)
        assert raw.ended()


def test_length_that_lies(shared_daemon):
    """Shorter than the payload: the rest is taken for the next message, which it is not."""
    with Raw(shared_daemon) as raw:
        raw.send(LOOKUP, string("a"), length=32)
        assert raw.receive().error[0] == 8
        assert raw.ended()


def test_truncated_calls(shared_daemon):
    """Every beginning of a call, then the end of the connection."""
    call = header(28 + len(NAME), OPEN) + NAME
    for length in range(len(call)):
        with Raw(shared_daemon, opened=False) as raw:
            raw.sock.sendall(call[:length])
            raw.sock.shutdown(socket.SHUT_WR)
            assert raw.ended()


def test_arguments_cut_short(shared_daemon):
    with Raw(shared_daemon) as raw:
        payload = string("a") + bytes(16) + struct.pack(">i", -1)
        for length in range(len(payload)):
            code, _, text = raw.call(12, payload[:length]).error
            assert code == 8 and "the message ends in the middle of" in text


@pytest.mark.parametrize("count", [4194305, 0x7fffffff, 0xffffffff])
def test_strings_without_end(shared_daemon, count):
    with Raw(shared_daemon) as raw:
        code, _, text = raw.call(LOOKUP, struct.pack(">I", count) + b"abcd").error
        assert code == 8 and f"has {count} bytes, at most 4194304" in text


def test_text_that_is_none(shared_daemon):
    with Raw(shared_daemon) as raw:
        for name in (b"a\0b", b"\xff\xfe", b"\xc3("):
            assert raw.call(LOOKUP, string(name)).error[0] == 8


def test_lists_without_end(shared_daemon):
    with Raw(shared_daemon) as raw:
        code, _, text = raw.call(344, struct.pack(">I", 16385)).error
        if code == 3:
            pytest.skip("CONNECT_GET_ALL_DOMAIN_STATS is not there yet")
        assert code == 8 and "at most 16384" in text
        assert raw.call(344, struct.pack(">I", 16384)).error[0] == 8


def test_random_packets(shared_daemon):
    """Any bytes, behind a header that is right and without one. The seed is in the name of the failure."""
    dice = random.Random(4711)
    for _ in range(300):
        with Raw(shared_daemon) as raw:
            for _ in range(dice.randrange(1, 6)):
                body = dice.randbytes(dice.randrange(0, 200))
                kind = dice.choice([0, 0, 0, 3, 6, 4, dice.randrange(0, 1 << 32)])
                packet = header(28 + len(body), dice.randrange(3, 450), kind=kind, serial=dice.randrange(0, 1 << 32), status=dice.randrange(0, 4))
                try:
                    raw.sock.sendall(dice.choice([packet + body, body]))
                except (BrokenPipeError, ConnectionResetError):
                    break


def test_every_procedure_with_nonsense(shared_daemon):
    """Each number with nothing, zeros and ones, read-only so that nothing is changed: an answer comes, or an error."""
    for filler in (b"", bytes(64), b"\xff" * 64, b"\0\0\0\1" * 16):
        with Raw(shared_daemon, "libvirt-sock-ro") as raw:
            for number in range(3, 450):
                assert raw.call(number, filler) is not None, number


# -- order ------------------------------------------------------------------------------------------------


def test_calls_before_open(shared_daemon):
    with Raw(shared_daemon, opened=False) as raw:
        for number in (LOOKUP, LIST_ALL, GET_TYPE, CLOSE, 9):
            assert raw.call(number).error[0::2] == (1, "internal error: hypervisor connection not open")
        assert raw.call(AUTH_LIST).status == OK
        assert raw.call(OPEN, NAME).status == OK
        assert raw.call(GET_TYPE).status == OK


def test_open_twice(shared_daemon):
    with Raw(shared_daemon) as raw:
        assert raw.call(OPEN, NAME).error[0::2] == (1, "internal error: connection already open")


def test_calls_after_close(shared_daemon):
    with Raw(shared_daemon) as raw:
        raw.sock.sendall(header(28, CLOSE) + header(28, GET_TYPE) * 10)
        assert raw.receive().procedure == CLOSE
        assert raw.ended()


def test_replies_keep_their_serials(shared_daemon):
    """A thousand calls at once; each is answered once."""
    with Raw(shared_daemon) as raw:
        first = raw.serial
        for _ in range(1000):
            raw.send(GET_TYPE)
        assert sorted(raw.receive().serial for _ in range(1000)) == list(range(first, first + 1000))


def test_descriptors_that_do_not_come(shared_daemon):
    with Raw(shared_daemon) as raw:
        raw.send(249, struct.pack(">I", 3) + string("a") + bytes(28), kind=CALL_WITH_FDS)
        raw.sock.sendall(bytes(3))
        raw.sock.shutdown(socket.SHUT_WR)
        assert raw.ended()
    with Raw(shared_daemon) as raw:
        raw.send(249, struct.pack(">I", 33), kind=CALL_WITH_FDS)
        assert raw.ended()


# -- too much ------------------------------------------------------------------------------------------------


def test_large_messages(shared_daemon):
    """32 MiB are taken from who may change things and 4 MiB from who may not; memory comes back."""
    before = memory(shared_daemon)
    with Raw(shared_daemon) as raw:
        for _ in range(3):
            assert raw.call(LOOKUP, bytes(33554404 - 28)).error[0] == 8
    with Raw(shared_daemon, "libvirt-sock-ro") as raw:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            raw.send(LOOKUP, bytes(5 << 20))
    assert memory(shared_daemon) < before + (96 << 20)


def test_unfinished_messages(shared_daemon, bystander):
    """Many clients that announce much and send little cost little; those that send much are let go."""
    before = memory(shared_daemon)
    clients = [Raw(shared_daemon) for _ in range(50)]
    for raw in clients:
        raw.sock.sendall(header(33554436, LOOKUP) + bytes(1000))
    assert memory(shared_daemon) < before + (16 << 20)
    files = open_clients(shared_daemon)
    for raw in clients:
        try:
            raw.sock.sendall(bytes(16 << 20))
        except (BrokenPipeError, ConnectionResetError):
            pass
    shared_daemon.wait_until(lambda: open_clients(shared_daemon) < files - 20, "clients to be let go")
    assert bystander.call(LOOKUP, string("a") + bytes(0)).status == OK
    assert bystander.call(LOOKUP, bytes(60000)).error[0] == 8
    assert memory(shared_daemon) < before + (400 << 20)
    for raw in clients:
        raw.sock.close()


def test_replies_that_are_not_read(shared_daemon):
    before = memory(shared_daemon)
    with Raw(shared_daemon) as raw:
        raw.sock.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 1 << 30:
                sent += raw.sock.send((header(28, GET_TYPE)) * 1000)
        assert memory(shared_daemon) < before + (32 << 20)


def test_events_that_are_not_read(shared_daemon, bystander):
    """A client that registers and never reads is let go; what is kept for it has a limit."""
    d = shared_daemon
    d.do("POST", "/v1/domains", d.paused_domain("noisy"))
    before = memory(d)
    with Raw(d) as raw:
        for _ in range(4000):
            assert raw.call(316, struct.pack(">iI", 0, 0)).status == OK
        ended = select.poll()
        ended.register(raw.sock, 0)
        changes = 0
        while not ended.poll(0):
            d.do("PATCH", "/v1/domains/noisy", {"title": f"change {changes}"})
            changes += 1
            assert changes < 200, "the client is still kept"
        assert memory(d) < before + (64 << 20)
        assert bystander.call(LOOKUP, string("a") + bytes(0)).status == OK
    d.do("DELETE", "/v1/domains/noisy")


def test_too_many_registrations(shared_daemon):
    with Raw(shared_daemon) as raw:
        for _ in range(4096):
            assert raw.call(316, struct.pack(">iI", 0, 0)).status == OK
        assert "registrations for events already" in raw.call(316, struct.pack(">iI", 0, 0)).error[2]


@pytest.mark.parametrize("event", [-1, 27, 0x7fffffff])
def test_events_that_there_are_not(shared_daemon, event):
    with Raw(shared_daemon) as raw:
        assert raw.call(316, struct.pack(">iI", event, 0)).error[0] == 1
        assert raw.call(317, struct.pack(">i", event)).error[0] == 8


# -- streams ----------------------------------------------------------------------------------------------------


@pytest.fixture
def volume(shared_daemon):
    """(pool, name) of an empty volume of 1 MiB."""
    path = f"{shared_daemon.root}/streams"
    os.makedirs(path, exist_ok=True)
    if not any(pool["spec"]["name"] == "streams" for pool in shared_daemon.items("/v1/pools")):
        shared_daemon.do("POST", "/v1/pools", {"name": "streams", "path": path})
    shared_daemon.do("POST", "/v1/pools/streams/volumes", {"name": "v", "format": "raw", "capacity": "1M"})
    yield string("streams") + string("v") + string(f"{path}/v")
    # A stream that was cut lets go of its volume a moment later.
    shared_daemon.wait_until(lambda: shared_daemon.request("DELETE", "/v1/pools/streams/volumes/v", headers={"Prefer": "wait=60"}).status == 200,
                             "the volume to be let go of")


def test_stream_messages_of_no_stream(shared_daemon):
    with Raw(shared_daemon) as raw:
        for status in (OK, ERROR, CONTINUE):
            raw.send(209, b"data", kind=STREAM, status=status, serial=12345)
        raw.send(209, struct.pack(">qI", 1 << 40, 0), kind=HOLE, status=CONTINUE, serial=12345)
        assert raw.call(GET_TYPE).status == OK


def begin(raw, procedure, payload):
    """Opens a stream: its serial, or a skip if nobody has written the procedure yet."""
    serial = raw.serial
    reply = raw.call(procedure, payload)
    if reply.status == ERROR and reply.error[0] == 3:
        pytest.skip("volumes cannot be transferred yet")
    assert reply.status == OK, reply.error
    return serial


def test_upload_cut_in_the_middle(shared_daemon, volume):
    with Raw(shared_daemon) as raw:
        serial = begin(raw, 208, volume + struct.pack(">QQI", 0, 0, 0))
        raw.send(208, b"x" * 100000, kind=STREAM, status=CONTINUE, serial=serial)
    with Raw(shared_daemon) as raw:
        serial = begin(raw, 208, volume + struct.pack(">QQI", 0, 0, 0))
        raw.send(208, struct.pack(">qI", 10, 0), kind=HOLE, status=CONTINUE, serial=serial)
        assert raw.receive().status == ERROR


def test_download_cut_in_the_middle(shared_daemon, volume):
    for _ in range(5):
        with Raw(shared_daemon) as raw:
            begin(raw, 209, volume + struct.pack(">QQI", 0, 0, 0))
            assert raw.receive().status == CONTINUE


# -- ten thousand connections ---------------------------------------------------------------------------------------


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 12000:
        pytest.skip(f"needs 12,000 open files, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(daemon, name="libvirt-sock"):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(f"{daemon.root}/run/{name}")
    return sock


def test_ten_thousand_connections(many_files):
    """Half of them have a place; who has none is told so, or closed; when they are gone all is as before."""
    with make_daemon() as daemon:
        daemon.start()
        daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
        with Raw(daemon) as early:
            before = memory(daemon)
            files = open_clients(daemon)
            crowd = [connect(daemon) for _ in range(10000)]
            assert early.call(LOOKUP, string("a")).status == OK
            with Raw(daemon, opened=False) as late:
                try:
                    late.sock.sendall(header(28, AUTH_LIST))
                    reply = late.receive()
                except BrokenPipeError:
                    reply = None
                assert reply is None or "there are too many connections" in reply.error[2]
            # Descriptors beyond what select() can take are in use by now; libnftables uses it.
            daemon.do("POST", "/v1/networks", {"name": "n", "forward": "isolated"})
            daemon.do("POST", "/v1/networks/n/start")
            daemon.wait_until(lambda: open_clients(daemon) < 5200 + files, "connections without a place to be closed")
            assert memory(daemon) < before + (64 << 20)
            assert daemon.get("/v1/domains")["items"]
            for sock in crowd:
                sock.close()
            daemon.wait_until(lambda: open_clients(daemon) <= files + 2, "connections to be closed")
            assert early.call(LOOKUP, string("a")).status == OK
        assert " a " in virsh(daemon, "list", "--all")


def test_limit_is_told(shared_daemon):
    """A client beyond its limit reads why."""
    with make_daemon() as daemon:
        (daemon.root / "etc").mkdir()
        (daemon.root / "etc" / "skepd.conf").write_text("[libvirt]\nconnections = 10\n")
        daemon.start()
        crowd = [connect(daemon) for _ in range(26)]
        done = virsh(daemon, "list", check=False)
        assert done.returncode != 0 and "there are too many connections: close some" in done.stderr
        for sock in crowd:
            sock.close()
        daemon.wait_until(lambda: virsh(daemon, "list", check=False).returncode == 0, "a place")
