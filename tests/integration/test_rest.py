# SPDX-License-Identifier: LGPL-2.1-or-later
"""The REST API of a real daemon, as a client that means no good sees it. Every answer is checked against OpenAPI."""
import ctypes
import hashlib
import http.client
import json
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import threading
from urllib.parse import quote

import pytest
import websocket

import openapi
from conftest import make_daemon
from skep import DEADLINE, SOURCE, Answer, UnixConnection
from streams import Events, open_websocket

CLONE_NEWNET = 0x40000000


def configure(daemon, **settings):
    etc = daemon.root / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "skepd.conf").write_text("[api]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))


@pytest.fixture(scope="module")
def d():
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon() as daemon:
        configure(daemon, requests_second=1000000, connections=1100, connections_client=1050)
        daemon.start()
        daemon.checker = openapi.Checker(daemon.get("/v1/openapi.json"))

        def checked(method, path, body=None, headers=None, raw=None):
            connection = UnixConnection(daemon.socket)
            headers = dict(headers or {})
            if body is not None:
                raw = json.dumps(body).encode()
                headers.setdefault("Content-Type", "application/merge-patch+json" if method == "PATCH" else "application/json")
            try:
                connection.request(method, path, raw, headers)
            except BrokenPipeError:
                pass        # refused by its head; the answer is there
            answer = Answer(connection.getresponse())
            connection.close()
            daemon.checker.check(method, path, answer.status, answer.headers, answer.body)
            return answer
        daemon.request = checked
        yield daemon


def error_of(answer):
    return (answer.status, *answer.error)


# -- HTTPS from inside the daemon's network namespace --------------------------------------------------------------------


def connect_inside(daemon, port):
    """A connection made by a thread that is in the namespace; it stays there."""
    made = []

    def connect():
        with open(f"/run/netns/{daemon.netns}") as namespace:
            assert ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) == 0
        made.append(socket.create_connection(("127.0.0.1", port), DEADLINE))
    thread = threading.Thread(target=connect)
    thread.start()
    thread.join()
    return made[0]


def https_port(daemon):
    return int(re.search(rb"https port (\d+)", daemon.log())[1])


class HttpsConnection(http.client.HTTPConnection):
    def __init__(self, daemon):
        super().__init__("127.0.0.1", timeout=DEADLINE)
        self.daemon = daemon

    def connect(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(connect_inside(self.daemon, https_port(self.daemon)))


def ask(connection, method, path, token=None, body=None):
    headers = {"Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    return Answer(connection.getresponse())


def make_token(daemon, role, *more):
    return daemon.skep("token", "create", "--role", role, *more).stdout.strip().splitlines()[-1].split()[-1]


# -- bodies ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw,words", [
    (b"", ""), (b"{", ""), (b"[]", ""), (b"null", ""), (b"nonsense", ""), (b'{"name":"x"}}', ""), (b"\xff\xfe{}", ""), (b'{"name":"\x00"}', ""),
    (b'{"name":"a","name":"b"}', "name"), (b"[" * 100000, ""), (b'{"a":' * 5000, ""), (b'{"name":1}', "name"), (b'{"name":null}', "name"),
    (b'{"name":"x","memory":{"current":1e400}}', ""), (b'{"name":"x","memory":{"current":"12 parsecs"}}', "memory.current"),
    (b'{"name":"x","vcpus":{"current":0}}', "vcpus.current"), (b'{"name":"x","vcpus":{"current":-1}}', "vcpus.current"),
    (b'{"name":"x","vcpus":{"current":99999999999999999999}}', ""), (b'{"name":"x","vcpus":{"current":1.5}}', "vcpus.current"),
    (b'{"name":"x","vcpus":{"curent":1}}', "vcpus.curent"), (b'{"name":"x","disks":[{"siez":"1G"}]}', "disks[0].siez"),
    (b'{"name":"x","disks":{}}', "disks"), (b'{"name":"x","machine":"pdp11"}', "pdp11"), (b'{"name":"x","memory":{"current":"1K"}}', "memory"),
    (b'{"name":"x","interfaces":[{"mac":"zz"}]}', "mac"), (b'{"name":"x","uuid":"1"}', "uuid"),
    (b'{"name":"x","disks":[' + b",".join([b"{}"] * 5000) + b"]}", "disks"), (b'{"name":"x/y"}', "name"), (b'{"name":""}', "name"),
    (b'{"name":".."}', "name"), (b'{"name":"-rf"}', "name"), (b'{"name":"a b"}', "name"), (b'{"name":"a\\u0000b"}', "u0000"),
    (b'{"name":"a\\nb"}', "name"), (b'{"name":"' + b"n" * 10000 + b'"}', "name"), (b'{"name":"x","title":"' + b"t" * 100000 + b'"}', "title"),
])
def test_bad_bodies(d, raw, words):
    answer = d.request("POST", "/v1/domains", raw=raw, headers={"Content-Type": "application/json"})
    status, code, message = error_of(answer)
    assert (status, code) == (400, "invalid"), message
    assert words in message
    assert len(message) < 1000
    assert d.items("/v1/domains?match=x") == []


def test_bad_requests(d):
    assert error_of(d.request("GET", "/v1/nowhere"))[:2] == (404, "not-found")
    assert d.request("GET", "/").status == 404
    assert d.request("GET", "/v1/domains/").status == 404
    assert d.request("GET", "/v1//domains").status == 404
    wrong = d.request("DELETE", "/v1/domains")
    assert wrong.status == 405 and set(wrong.headers["Allow"].replace(" ", "").split(",")) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert d.request("BREW", "/v1/domains").status in (400, 405, 501)
    assert d.request("POST", "/v1/domains", raw=b"name=x", headers={"Content-Type": "application/x-www-form-urlencoded"}).status == 415
    assert d.request("POST", "/v1/domains", raw=b"<domain/>", headers={"Content-Type": "text/xml"}).status == 415
    assert d.request("PATCH", "/v1/domains/x", raw=b"{}", headers={"Content-Type": "application/json-patch+json"}).status == 415
    large = b'{"name":"' + b"x" * (5 << 20)
    assert d.request("POST", "/v1/domains", raw=large, headers={"Content-Type": "application/json"}).status == 413
    assert d.request("POST", "/v1/pools/default/refresh", raw=b"{}", headers={"Content-Type": "application/json"}).status in (202, 204, 400, 413)
    for name in ("a%2Fb", "n" * 10000, "%00", "%ff", "%", "..", "%2e%2e", "a%0ab", "%zz"):
        answer = d.request("GET", f"/v1/domains/{name}")
        assert answer.status in (400, 404, 413, 414), name[:20]
        assert len(answer.body) < 1000
    assert d.request("GET", "/v1/domains?" + "a" * 20000).status in (400, 413, 414)


@pytest.mark.parametrize("query,words", [
    ("limit=0", "limit"), ("limit=x", "limit"), ("limit=-1", "limit"), ("limit=10001", "limit"), ("limit=5&limit=6", "limit"), ("nonsense=1", "nonsense"),
    ("state=flying", "flying"), ("fields=name,colour", "colour"), ("fields=name,,state", "fields"), ("after=" + "x" * 200, "after"), ("limit", "limit"), ("match=%ff", "match"),
])
def test_bad_parameters(d, query, words):
    status, code, message = error_of(d.request("GET", f"/v1/domains?{query}"))
    assert (status, code) == (400, "invalid") and words in message


@pytest.mark.parametrize("path,words", [
    ("domains/x?fields=name", "spec, status"), ("jobs?fields=nope", "nope"), ("audit?fields=nope", "nope"), ("audit?after=x", "after"),
    ("pools/default/volumes?fields=nope", "used_by"), ("pools/default/volumes?limit=0", "limit"), ("networks?state=active", "state"),
    ("domains/x/stats?wait=5", "wait"), ("domains/x/agent?fields=name", "fields"),
])
def test_parameters_that_would_be_ignored(d, path, words):
    status, code, message = error_of(d.request("GET", f"/v1/{path}"))
    assert (status, code) == (400, "invalid") and words in message


def test_length_beyond_all_numbers(d):
    for length in (2**63 - 1, 2**63, 2**64 - 2):
        headers = {"Content-Type": "application/json", "Content-Length": str(length)}
        assert d.request("POST", "/v1/domains", raw=b"", headers=headers).status == 413


def test_refusal_leaves_the_connection(d):
    connection = UnixConnection(d.socket)
    for _ in range(3):
        connection.request("POST", "/v1/nowhere", b"x" * 50000, {"Content-Type": "application/json"})
        answer = Answer(connection.getresponse())
        assert answer.status == 404 and answer.headers.get("Connection", "").lower() != "close"


def test_unknown_objects(d):
    for path, code in (("domains/nowhere", "no-domain"), ("networks/nowhere", "no-network"), ("pools/nowhere", "no-pool"), ("images/nowhere", "no-image"),
                       ("pools/default/volumes/nowhere", "no-volume"), ("jobs/nowhere", "no-job"), ("domains/nowhere/stats", "no-domain")):
        assert error_of(d.request("GET", f"/v1/{path}"))[:2] == (404, code)
    assert error_of(d.request("DELETE", "/v1/tokens/nowhere?wait=10"))[:2] == (404, "no-token")
    assert error_of(d.request("POST", "/v1/domains/nowhere/start", headers={"Prefer": "wait=10"}))[:2] == (404, "no-domain")


# -- ETags, keys, paging -------------------------------------------------------------------------------------------------------


def test_etags_and_two_clients_at_once(d):
    d.do("POST", "/v1/domains", d.paused_domain("etag"))
    shown = d.request("GET", "/v1/domains/etag")
    etag = shown.headers["ETag"]
    same = d.request("GET", "/v1/domains/etag", headers={"If-None-Match": etag})
    assert same.status == 304 and same.body == b""
    d.do("PATCH", "/v1/domains/etag", {"title": "one"}, {"If-Match": etag})
    late = d.request("PATCH", "/v1/domains/etag", {"title": "late"}, {"If-Match": etag, "Prefer": "wait=10"})
    now = d.request("GET", "/v1/domains/etag").headers["ETag"]
    assert error_of(late)[:2] == (409, "changed") and late.headers["ETag"] == now != etag
    assert d.request("GET", "/v1/domains/etag", headers={"If-None-Match": etag}).status == 200

    answers = []

    def change(title):
        answers.append(d.request("PATCH", "/v1/domains/etag", {"title": title}, {"If-Match": now, "Prefer": "wait=30"}))
    threads = [threading.Thread(target=change, args=[f"t{i}"]) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5
    assert all("ETag" in answer.headers for answer in answers if answer.status == 409)
    assert d.request("DELETE", "/v1/domains/etag", headers={"If-Match": etag, "Prefer": "wait=10"}).status == 409
    d.do("DELETE", "/v1/domains/etag")


def test_if_match_is_obeyed_or_refused(d):
    d.do("POST", "/v1/domains", d.paused_domain("match"))
    d.do("POST", "/v1/networks", {"name": "match", "forward": "isolated", "ipv4": "10.77.1.1/24"})
    stale = {"If-Match": '"stale"', "Prefer": "wait=30"}
    for method, path, body in (("POST", "domains/match/start?paused=true", None), ("POST", "domains/match/destroy", None),
                               ("POST", "domains/match/rename", {"name": "other"}), ("POST", "domains/match/disks", {"size": "1M"}),
                               ("DELETE", "domains/match", None), ("PATCH", "networks/match", {"dhcp": False}), ("POST", "networks/match/start", None),
                               ("DELETE", "networks/match", None), ("DELETE", "pools/default", None)):
        answer = d.request(method, f"/v1/{path}", body, stale)
        assert error_of(answer)[:2] == (409, "changed"), path
        shown = d.request("GET", "/v1/" + "/".join(path.split("?")[0].split("/")[:2]))
        assert answer.headers["ETag"] == shown.headers["ETag"], path
    for method, path, body in (("POST", "domains", d.paused_domain("match2")), ("DELETE", "images/x", None), ("DELETE", "tokens/x", None)):
        status, code, message = error_of(d.request(method, f"/v1/{path}", body, stale))
        assert (status, code) == (400, "invalid") and "If-Match" in message
    etag = d.request("GET", "/v1/networks/match").headers["ETag"]
    d.do("DELETE", "/v1/networks/match", headers={"If-Match": etag})
    d.do("DELETE", "/v1/domains/match", headers={"If-Match": "*"})


def test_idempotency_key_is_for_one_request(d):
    for name in ("one", "two"):
        d.do("POST", "/v1/domains", d.paused_domain(name))
    key = {"Idempotency-Key": "start", "Prefer": "wait=30"}
    first = d.request("POST", "/v1/domains/one/start?paused=true", headers=key)
    again = d.request("POST", "/v1/domains/one/start?paused=true", headers={**key, "Prefer": "wait=20"})
    assert first.status == again.status == 200 and first.json["id"] == again.json["id"], "how long it waits is no part of it"
    for path in ("two/start?paused=true", "one/start", "one/start?paused=false", "one/destroy"):
        status, code, message = error_of(d.request("POST", f"/v1/domains/{path}", headers=key))
        assert (status, code) == (400, "invalid") and "Idempotency-Key" in message, path
    assert d.get("/v1/domains/two")["status"]["state"] == "shut off"
    for name in ("one", "two"):
        d.do("DELETE", f"/v1/domains/{name}?force=true")


def test_token_is_made_once_under_a_key(d):
    key = {"Idempotency-Key": "token"}
    secret = d.request("POST", "/v1/tokens", {"role": "viewer"}, key).json["secret"]
    count = len(d.items("/v1/tokens"))
    again = d.request("POST", "/v1/tokens", {"role": "viewer"}, key)
    assert error_of(again)[:2] == (409, "exists") and secret.encode() not in again.body
    assert len(d.items("/v1/tokens")) == count


def test_volume_pages(d):
    d.do("POST", "/v1/pools", {"name": "pages"})
    for name in "abcde":
        d.do("POST", "/v1/pools/pages/volumes", {"name": name, "capacity": "1M", "format": "raw"})
    path = "/v1/pools/pages/volumes?fields=name&limit=2"
    pages = [d.get(path), d.get(path + "&after=b"), d.get(path + "&after=d")]
    assert [[item["name"] for item in page["items"]] for page in pages] == [["a", "b"], ["c", "d"], ["e"]]
    assert [page.get("next") for page in pages] == ["b", "d", None]
    assert [item["name"] for item in d.items("/v1/pools/pages/volumes?match=c")] == ["c"]
    d.do("DELETE", "/v1/pools/pages?volumes=true")


def test_audit_pages(d):
    for _ in range(10):
        d.do("POST", "/v1/pools/default/refresh")
    entry = d.items("/v1/audit?limit=10")[0]
    assert (entry["operation"], entry["object"], entry["user"], entry["result"]) == ("pool.refresh", "pool/default", "root", "ok")
    got, after = [], ""
    while len(got) < 7:
        page = d.get(f"/v1/audit?limit=3&fields=id{after}")
        got += [item["id"] for item in page["items"]]
        after = f"&after={page['next']}"
    assert got[1:] == [number - 1 for number in got[:-1]], "each once, newest first"
    assert "next" not in d.get("/v1/audit?limit=3&after=4")


def test_idempotency_key(d):
    key = {"Idempotency-Key": "key-1"}
    first = d.request("POST", "/v1/domains", d.paused_domain("idem"), {**key, "Prefer": "wait=30"})
    again = d.request("POST", "/v1/domains", d.paused_domain("idem"), {**key, "Prefer": "wait=30"})
    assert first.status == again.status == 200 and first.json["result"] == again.json["result"]
    other = d.request("POST", "/v1/domains", d.paused_domain("idem-other"), {**key, "Prefer": "wait=30"})
    assert 400 <= other.status < 500 and "Idempotency-Key" in other.error[1] or "key" in other.error[1]
    elsewhere = d.request("POST", "/v1/pools", {"name": "idem"}, {**key, "Prefer": "wait=30"})
    assert 400 <= elsewhere.status < 500
    assert d.request("POST", "/v1/domains", d.paused_domain("k"), {"Idempotency-Key": "x" * 1000}).status == 400
    assert [item["name"] for item in d.items("/v1/domains?match=idem")] == ["idem"]
    d.restart()
    third = d.request("POST", "/v1/domains", d.paused_domain("idem"), {**key, "Prefer": "wait=30"})
    assert third.status in (200, 202), "a key is good for 24 hours, restarts or not"
    d.do("DELETE", "/v1/domains/idem")


def test_lists(d):
    names = [f"list{i:02}" for i in range(12)]
    for name in names:
        d.do("POST", "/v1/domains", d.paused_domain(name, tags=["odd" if int(name[-1]) % 2 else "even"]))
    d.do("POST", "/v1/domains/list03/start?paused=true")
    got, after = [], ""
    while True:
        page = d.get(f"/v1/domains?match=list&limit=5&fields=name{after}")
        assert len(page["items"]) <= 5 and all(set(item) == {"name"} for item in page["items"])
        got += [item["name"] for item in page["items"]]
        if not page.get("next"):
            break
        after = f"&after={quote(page['next'])}"
    assert got == names
    assert [item["name"] for item in d.items("/v1/domains?state=paused&match=list")] == ["list03"]
    assert len(d.items("/v1/domains?tag=odd&match=list")) == 6
    assert d.items("/v1/domains?match=LIST&tag=none") == []
    assert d.items("/v1/domains?after=zzz") == []
    assert set(d.get("/v1/domains/list03?fields=status,etag")) == {"status", "etag"}
    for name in names:
        d.do("DELETE", f"/v1/domains/{name}?force=true")


# -- jobs, events ---------------------------------------------------------------------------------------------------------------


def test_jobs(d):
    answer = d.request("POST", "/v1/pools", {"name": "jobpool"})
    assert answer.status in (200, 202)
    if answer.status == 202:
        assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
    job = d.get(f"/v1/jobs/{answer.json['id']}?wait=30")
    assert (job["state"], job["operation"], job["object"], job["user"]) == ("done", "pool.create", "pool/jobpool", "root")
    assert job["created"] <= job["started"] <= job["ended"]
    assert job["id"] in [item["id"] for item in d.items("/v1/jobs")]
    assert job["id"] not in [item["id"] for item in d.items("/v1/jobs?state=failed")]
    assert d.request("POST", f"/v1/jobs/{job['id']}/cancel").status == 409
    failed = d.request("POST", "/v1/pools", {"name": "jobpool"}, {"Prefer": "wait=30"})
    assert failed.status == 409
    last = d.items("/v1/jobs?limit=1&state=failed")[0]
    assert last["error"] == "exists" and "jobpool" in last["message"]
    d.do("DELETE", "/v1/pools/jobpool?volumes=true")
    d.restart()
    assert d.get(f"/v1/jobs/{job['id']}")["state"] == "done"
    for wrong in ("wait=x", "respond-async, wait=5", "return=minimal"):
        assert d.request("GET", "/v1/node", headers={"Prefer": wrong}).status in (200, 400)


def read_sse(d, path="/v1/events", headers=None):
    connection = UnixConnection(d.socket)
    connection.request("GET", path, headers={"Accept": "text/event-stream", **(headers or {})})
    response = connection.getresponse()
    assert response.status == 200 and response.headers["Content-Type"] == "text/event-stream"
    event = {}
    for line in response:
        key, _, value = line.decode().rstrip("\n").partition(": ")
        if key:
            event[key] = value
        elif "data" in event:
            yield int(event["id"]), json.loads(event["data"])
            event = {}


def test_events(d):
    with Events(d) as live:
        d.do("POST", "/v1/pools", {"name": "told"})
        created = live.wait(lambda event: event["type"] == "pool.created")
        assert created["object"] == "pool/told"
        d.do("POST", "/v1/pools/told/refresh")
        refreshed = live.wait(lambda event: event["type"] == "pool.refreshed")
        assert refreshed["revision"] > created["revision"]
    with Events(d, since=created["revision"]) as resumed:
        first = resumed.wait(lambda event: True)
        assert first["revision"] == created["revision"] + 1
        resumed.wait(lambda event: event == refreshed)
    for path, headers in ((f"/v1/events?since={created['revision']}", None), ("/v1/events", {"Last-Event-ID": str(created["revision"])})):
        for revision, event in read_sse(d, path, headers):
            assert revision == event["revision"] > created["revision"]
            if event["type"] == "pool.refreshed":
                break
    with Events(d, since=99999999) as future:
        assert future.wait(lambda event: True)["type"] == "gap"
    assert d.request("GET", "/v1/events", headers={"Last-Event-ID": "x"}).status == 400
    assert d.request("GET", "/v1/events?since=-1").status == 400
    d.do("DELETE", "/v1/pools/told")


# -- who may ----------------------------------------------------------------------------------------------------------------------------


OPERATION = re.compile(r'OP\(\w+, "([^"]+)", "[^"]+", (\w+), (\w+), "(\w+)", "([^"]+)", \w+, (BODY|PATCH)?')
OPERATIONS = OPERATION.findall((SOURCE / "src/model/operation.c").read_text())
ROLES = ["VIEWER", "OPERATOR", "ADMIN"]
# Parameters without which a request is refused before rights are looked at.
NEEDED = {"domain.memory": "?size=1", "disk.content": "?size=1", "volume.find": "?path=/nowhere", "agent.keys": "?user=root"}


def test_roles_for_every_operation(d):
    assert len(OPERATIONS) > 60
    wrong = []
    for rank, role in enumerate(ROLES):
        token = make_token(d, role.lower())
        connection = HttpsConnection(d)
        for name, right, mode, method, path, has_body in OPERATIONS:
            if name in ("event.watch", "console.open", "saved.show"):   # which takes an admin for a path of the host
                continue
            url = re.sub(r"\{[^}]+\}", "nowhere", path) + NEEDED.get(name, "")
            body = {"nonsense": 1} if has_body else None
            answer = ask(connection, method, url, token, body)
            if answer.headers.get("Connection", "").lower() == "close":
                connection.close()
            d.checker.check(method, url, answer.status, answer.headers, answer.body)
            denied = right != "NONE" and ROLES.index(right) > rank
            if (answer.status == 403) != denied or answer.status in (401, 500):
                wrong.append((role, name, answer.status, answer.body[:120]))
        connection.close()
    assert wrong == []


def test_tokens(d):
    connection = HttpsConnection(d)
    assert ask(connection, "GET", "/v1/node").status == 401
    assert ask(connection, "GET", "/v1/node").headers["WWW-Authenticate"].startswith("Bearer")
    good = make_token(d, "viewer", "--name", "good")
    assert ask(connection, "GET", "/v1/node", good).status == 200
    for bad in ("garbage", good[:-1], good + "x", good.lower(), "x" * 5000, "skep_", good[:-1] + ("a" if good[-1] != "a" else "b")):
        assert ask(HttpsConnection(d), "GET", "/v1/node", bad).status in (401, 429), bad[:20]
    listed = [one for one in d.items("/v1/tokens") if one.get("name") == "good"]
    assert len(listed) == 1 and good not in json.dumps(d.items("/v1/tokens"))
    for entry in (d.root / "lib").rglob("*"):
        if entry.is_file() and not entry.is_symlink():
            assert good.encode() not in entry.read_bytes(), f"{entry} has the token itself"
    assert good not in d.log().decode(errors="replace")
    d.skep("token", "delete", listed[0]["id"], "--yes")
    assert ask(HttpsConnection(d), "GET", "/v1/node", good).status == 401
    short = make_token(d, "viewer", "--expires", "1s")
    d.wait_until(lambda: ask(HttpsConnection(d), "GET", "/v1/node", short).status == 401, "the token to expire")


def test_viewer_does_not_see_scripts(d):
    d.do("POST", "/v1/domains", d.paused_domain("script", cloud_init={"user_data": "#cloud-config\npassword: hunter2\n"}))
    d.do("POST", "/v1/domains", d.paused_domain("commands", cloud_init={"user": "ann", "runcmd": ["echo hunter2"]}))
    d.do("POST", "/v1/domains/commands/start?paused=true")
    for name in ("script", "commands"):
        shown = {role: ask(HttpsConnection(d), "GET", f"/v1/domains/{name}", make_token(d, role)).body for role in ("viewer", "operator")}
        assert b"hunter2" in shown["operator"] and b"hunter2" not in shown["viewer"]
        assert b"cloud_init" in shown["viewer"]
        d.do("DELETE", f"/v1/domains/{name}?force=true")


def test_token_that_would_never_be_good(d):
    for expires in ("0s", "0d", "0"):
        status, code, message = error_of(d.request("POST", "/v1/tokens", {"expires": expires}))
        assert (status, code) == (400, "invalid") and "expires" in message


def test_streams_end_with_their_token(d):
    d.do("POST", "/v1/domains", d.paused_domain("stream", serials=[{}]))
    revoked = json.loads(d.skep("token", "create", "--role", "operator", "-o", "json").stdout)
    headers = {"Authorization": f"Bearer {revoked['secret']}"}
    events = HttpsConnection(d)
    events.request("GET", "/v1/events", headers=headers)
    follow = events.getresponse()
    assert follow.status == 200
    ticket = ask(HttpsConnection(d), "POST", "/v1/domains/stream/console", revoked["secret"], {}).json["path"]
    console = open_websocket(d, ticket)
    expiring = json.loads(d.skep("token", "create", "--expires", "1s", "-o", "json").stdout)
    short = HttpsConnection(d)
    short.request("GET", "/v1/events", headers={"Authorization": f"Bearer {expiring['secret']}"})
    until = short.getresponse()
    assert until.status == 200
    d.skep("token", "delete", revoked["id"], "--yes")
    assert b"events follow" in until.read(), "it ends, by itself"
    assert b"events follow" in follow.read()
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        while console.recv_data()[0] != websocket.ABNF.OPCODE_CLOSE:
            pass
        raise websocket.WebSocketConnectionClosedException
    d.do("DELETE", "/v1/domains/stream")


def test_certificate(d):
    told = re.search(rb"certificate SHA-256 ([0-9A-Fa-f:]+)", d.log())[1].decode().replace(":", "").lower()
    connection = HttpsConnection(d)
    connection.connect()
    assert hashlib.sha256(connection.sock.getpeercert(binary_form=True)).hexdigest() == told
    assert os.stat(d.root / "lib" / "tls" / "key.pem").st_mode & 0o077 == 0
    token = make_token(d, "viewer")
    url = f"https://127.0.0.1:{https_port(d)}"
    skep = d.prefix() + [str(os.path.join(os.path.dirname(d.binary), "skep")), "--url", url, "--token", token, "-o", "json", "node"]
    assert subprocess.run(skep + ["--fingerprint", told], capture_output=True).returncode == 0
    assert subprocess.run(skep + ["--fingerprint", "0" * 64], capture_output=True).returncode != 0
    assert subprocess.run(skep, capture_output=True).returncode != 0, "an unknown certificate is not trusted"


def test_port_in_use(d):
    with make_daemon() as other:
        holder = subprocess.Popen(other.prefix() + ["/usr/bin/python3", "-c",
                                  "import socket,sys; s=socket.create_server(('127.0.0.1',0)); print(s.getsockname()[1],flush=True); sys.stdin.read()"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = holder.stdout.readline().strip()
        other.args = ["--listen", f"127.0.0.1:{port}"]
        other.start(expect_ready=False)
        assert other.wait_ended() not in (0, -6, -11)
        assert port in other.log_tail() and "use" in other.log_tail()
        other.args = ["--listen", "nonsense"]
        other.start(expect_ready=False)
        assert other.wait_ended() == 2 and "nonsense" in other.log_tail()
        holder.kill()
        holder.wait()


def test_second_daemon_is_refused(d):
    done = d.run(d.binary, "--root", str(d.root), "--listen", "none", check=False, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode not in (0, -6, -11) and done.stderr.strip()
    assert d.get("/v1/node")


def test_unix_socket_is_for_root(d):
    os.chmod(d.root, 0o755)
    script = f"import socket; s=socket.socket(socket.AF_UNIX); s.connect({d.socket!r}); s.sendall(b'GET /v1/node HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); print(s.recv(300))"
    done = subprocess.run(["setpriv", "--reuid=nobody", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", script], capture_output=True, text=True)
    assert "PermissionError" in done.stderr or "401" in done.stdout or "403" in done.stdout, done.stdout + done.stderr


# -- limits ---------------------------------------------------------------------------------------------------------------------------------


def test_slow_and_oversized():
    with make_daemon() as slow:
        configure(slow, request_time=1, requests_second=20)
        slow.start()
        loris = socket.socket(socket.AF_UNIX)
        loris.connect(slow.socket)
        loris.settimeout(DEADLINE)
        loris.sendall(b"GET /v1/node HTTP/1.1\r\nHost: x\r\nX-A: ")
        assert b"200" not in loris.recv(1000), "it is let go"
        body = socket.socket(socket.AF_UNIX)
        body.connect(slow.socket)
        body.settimeout(DEADLINE)
        body.sendall(b"POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        assert b" 200 " not in body.recv(1000)
        big = socket.socket(socket.AF_UNIX)
        big.connect(slow.socket)
        big.settimeout(DEADLINE)
        try:
            big.sendall(b"GET /v1/node HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 200000 + b"\r\n\r\n")
            assert b" 200 " not in big.recv(1000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET\r\n\r\n", b"GET /v1/node HTTP/9.9\r\n\r\n", bytes(range(256)) * 10,
                     b"POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                     b"POST /v1/domains HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nZZZ\r\n"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(slow.socket)
                client.settimeout(DEADLINE)
                client.sendall(junk)
                client.shutdown(socket.SHUT_WR)
                try:
                    assert b" 200 " not in client.recv(1000)
                except ConnectionResetError:
                    pass
        token = make_token(slow, "viewer")
        connection = HttpsConnection(slow)
        statuses = [ask(connection, "GET", "/v1/node", token).status for _ in range(200)]
        assert set(statuses) == {200, 429}, "more requests a second than a token may"
        assert slow.get("/v1/node"), "root on the socket is exempt"


def test_place_for_root():
    with make_daemon() as full:
        configure(full, connections=10, connections_client=10)
        full.start()
        clients = [connect_inside(full, https_port(full)) for _ in range(10)]
        full.wait_until(lambda: connect_inside(full, https_port(full)).recv(1) == b"", "the next one to be turned away")
        assert full.get("/v1/node"), "clients cannot lock root out"
        for client in clients:
            client.close()


def test_thousand_connections(d):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip("needs 3,000 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
    clients = []
    try:
        for _ in range(1000):
            client = socket.socket(socket.AF_UNIX)
            client.connect(d.socket)        # without a time limit it waits for room in the queue
            client.settimeout(DEADLINE)
            clients.append(client)
        for client in clients:
            client.sendall(b"GET /v1/node HTTP/1.1\r\nHost: x\r\n\r\n")
        answered = sum(client.recv(20).startswith(b"HTTP/1.1 200") for client in clients)
        assert answered == 1000
        assert d.get("/v1/node")
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert d.get("/v1/node")


def test_jobs_are_bounded(daemon):
    """What waits keeps its request in memory: over the limit it is refused, but what must get through does."""
    daemon.stop()
    (daemon.root / "etc").mkdir(exist_ok=True)
    (daemon.root / "etc" / "skepd.conf").write_text("[limits]\njobs = 3\n")
    daemon.start()
    daemon.do("POST", "/v1/domains", daemon.paused_domain("stuck"))
    daemon.do("POST", "/v1/domains/stuck/start?paused=true")
    pid = daemon.get("/v1/domains/stuck")["status"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        jobs = [daemon.request("POST", "/v1/domains/stuck/resume") for _ in range(3)]
        assert [job.status for job in jobs] == [202] * 3
        status, code, sentence = daemon.fails("POST", "/v1/domains/stuck/resume")
        assert (status, code) == (429, "too-many") and "limits.jobs" in sentence
        assert daemon.get("/v1/domains/stuck")["status"]["state"] == "paused"
        assert daemon.request("POST", f"/v1/jobs/{jobs[2].json['id']}/cancel").status in (200, 204, 409)
        assert daemon.request("POST", "/v1/domains/stuck/destroy").status == 202
    finally:
        os.kill(pid, signal.SIGCONT)
    daemon.wait_state("stuck", "shut off")
    daemon.wait_until(lambda: all(job["state"] not in ("queued", "running") for job in daemon.items("/v1/jobs")), "the jobs to end")
    daemon.do("PATCH", "/v1/domains/stuck", {"title": "there is room again"})
