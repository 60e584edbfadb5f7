/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events, consoles, transfers and TLS, against fakes of what lies below. */
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/rest/range.h"
#include "base/error.h"
#include "base/thread.h"
#include "peer.h"

/* Runs on the main thread, from a client's. */
static void
on_main(void (*func)(gpointer data), gpointer data)
{
    sk_main_call(func, data);
}

static void
emit_one(gpointer data)
{
    fake_event("domain.started", "domain/web1", GPOINTER_TO_UINT(data));
}

static void
start_https(Server *s)
{
    s->settings.https_address = "127.0.0.1:0";
    server_start(s);
}

/* -- events: WebSocket ----------------------------------------------------------------------------------- */

static void
watch_events(Server *s, PeerWay way)
{
    Peer peer;
    ws_open(&peer, s, way, "/v1/events", "");
    on_main(emit_one, NULL);
    ws_expect(&peer, WS_TEXT, "\"type\":\"domain.started\"");
    on_main(emit_one, GUINT_TO_POINTER(100000));
    ws_expect(&peer, WS_TEXT, "\"domain/web1\"");
    ws_send(&peer, WS_PING, TRUE, "are you there", 13);
    ws_expect(&peer, WS_PONG, "are you there");
    ws_send(&peer, WS_TEXT, TRUE, "ignored", 7);
    ws_send(&peer, WS_CLOSE, TRUE, "\x03\xe8", 2);
    ws_expect_close(&peer, 1000);
    g_assert_cmpuint(ws_read(&peer).opcode, ==, 0);
    peer_close(&peer);
}

static void
watch_all_ways(gpointer data)
{
    watch_events(data, OVER_UNIX);
    watch_events(data, OVER_TCP);
    watch_events(data, OVER_TLS);
}

static gboolean
nobody_listens(gpointer data)
{
    return fake.subscriptions == 0;
}

static void
test_events(Server *s, gconstpointer data)
{
    start_https(s);
    client_run(watch_all_ways, s);
    wait_until(nobody_listens, NULL);
}

static void
resume_events(gpointer data)
{
    Peer peer;
    ws_open(&peer, data, OVER_UNIX, "/v1/events?since=8", "");
    ws_expect(&peer, WS_TEXT, "\"revision\":9");
    ws_expect(&peer, WS_TEXT, "\"revision\":10");
    on_main(emit_one, NULL);
    ws_expect(&peer, WS_TEXT, "\"revision\":11");
    peer_close(&peer);
    ws_open(&peer, data, OVER_UNIX, "/v1/events?since=1", "");
    ws_expect(&peer, WS_TEXT, "\"revision\":5");
    peer_close(&peer);
}

static void
test_events_resume(Server *s, gconstpointer data)
{
    server_start(s);
    fake.revision = 4;
    for (guint i = 0; i < 6; i++)
        fake_event("domain.started", "domain/web1", 0);
    client_run(resume_events, s);
    wait_until(nobody_listens, NULL);
}

static void
emit_many(gpointer data)
{
    for (guint i = 0; i < 2000; i++)
        emit_one(GUINT_TO_POINTER(1000));
}

/* One does not read, the other does: the one is let go, the other gets every event. */
static void
read_beside_slow_one(gpointer data)
{
    Peer slow, quick;
    ws_open(&slow, data, OVER_UNIX, "/v1/events", "");
    ws_open(&quick, data, OVER_UNIX, "/v1/events", "");
    for (guint round = 0; round < 3; round++) {
        for (guint i = 0; i < 20; i++) {
            on_main(emit_one, GUINT_TO_POINTER(40000));
            ws_expect(&quick, WS_TEXT, "domain.started");
        }
    }
    ws_expect_close(&slow, 1013);
    peer_close(&slow);
    peer_close(&quick);
}

static void
test_slow_reader(Server *s, gconstpointer data)
{
    s->settings.event_buffer = 200000;
    server_start(s);
    client_run(read_beside_slow_one, s);
    wait_until(nobody_listens, NULL);
}

/* -- events: server-sent ----------------------------------------------------------------------------------- */

static char *
next_data(Peer *peer)
{
    char *line;
    while ((line = peer_read_line(peer)) != NULL && !g_str_has_prefix(line, "data: ") && !g_str_has_prefix(line, "event: "))
        g_free(line);
    return line;
}

static void
expect_data(Peer *peer, const char *part)
{
    g_autofree char *line = next_data(peer);
    g_assert_nonnull(line);
    g_assert_nonnull(strstr(line, part));
}

static void
read_sse(gpointer data)
{
    Peer peer;
    peer_open(&peer, data, OVER_UNIX);
    peer_print(&peer, "GET /v1/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 2\r\n\r\n");
    g_autofree char *head = peer_read_head(&peer);
    g_assert_nonnull(strstr(head, "Content-Type: text/event-stream\r\n"));
    expect_data(&peer, "\"revision\":3");
    on_main(emit_one, NULL);
    expect_data(&peer, "\"revision\":4");
    on_main(emit_one, GUINT_TO_POINTER(300000));
    expect_data(&peer, "\"revision\":5");
    /* A client that does not read gets what is buffered, then the word that there is a gap, then the end. */
    on_main(emit_many, NULL);
    g_autofree char *line = next_data(&peer);
    while (!g_str_has_prefix(line, "event: gap")) {
        g_free(line);
        line = next_data(&peer);
    }
    expect_data(&peer, "\"type\":\"gap\"");
    char byte;
    while (peer_read(&peer, &byte, 1))
        g_assert_true(strchr("\r\n0", byte) != NULL);
    peer_close(&peer);
}

static void
test_sse(Server *s, gconstpointer data)
{
    s->settings.event_buffer = 400000;
    s->settings.heartbeat = 1;
    server_start(s);
    for (guint i = 0; i < 3; i++)
        fake_event("domain.started", "domain/web1", 0);
    client_run(read_sse, s);
    wait_until(nobody_listens, NULL);
    g_auto(Answer) wrong = ask(s, "GET /v1/events", "Last-Event-ID: x\r\n", NULL);
    g_assert_cmpuint(wrong.status, ==, 400);
}

static Peer left;

static void
leave_sse_open(gpointer data)
{
    peer_open(&left, data, OVER_UNIX);
    peer_print(&left, "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    g_free(peer_read_head(&left));
}

static gboolean
somebody_listens(gpointer data)
{
    return fake.subscriptions > 0;
}

/* A client that has gone is found out by the heartbeat, though nothing happens. */
static void
test_sse_client_leaves(Server *s, gconstpointer data)
{
    s->settings.heartbeat = 1;
    server_start(s);
    client_run(leave_sse_open, s);
    wait_until(somebody_listens, NULL);
    peer_close(&left);
    wait_until(nobody_listens, NULL);
}

static void
leave_open(gpointer data)
{
    Server *s = data;
    static Peer peers[3];
    ws_open(&peers[0], s, OVER_UNIX, "/v1/events", "");
    ws_open(&peers[1], s, OVER_TLS, "/v1/events", "");
    ws_open(&peers[2], s, OVER_UNIX, "/v1/console?ticket=good", "");
    leave_sse_open(s);
}

/* The server ends while all kinds of streams are open. */
static void
test_server_ends(Server *s, gconstpointer data)
{
    start_https(s);
    client_run(leave_open, s);
    g_clear_pointer(&s->rest, sk_rest_free);
    g_assert_cmpuint(fake.subscriptions, ==, 0);
    g_assert_null(fake.console);
    peer_close(&left);
}

/* -- handshakes and frames that are wrong ---------------------------------------------------------------------- */

#define UPGRADE "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void
test_wrong_handshakes(Server *s, gconstpointer data)
{
    server_start(s);
    static const struct {
        const char *headers;
        guint status;
    } wrong[] = {
        { "Upgrade: websocket\r\nConnection: Upgrade\r\n", 400 },
        { "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400 },
        { "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", 400 },
        { "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ************************\r\n", 400 },
        { "Connection: Upgrade\r\nOrigin: https://evil.example\r\n" UPGRADE, 403 },
        { "Connection: Upgrade\r\nOrigin: null\r\n" UPGRADE, 403 },
        { "Connection: Upgrade\r\nOrigin: http://skep.evil.example\r\n" UPGRADE, 403 },
    };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *text = g_strdup_printf("GET /v1/events HTTP/1.1\r\nHost: skep\r\n%s\r\nGET /v1/node HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                                wrong[i].headers);
        g_auto(Answer) answer = ask_raw(s, FALSE, text, strlen(text));
        g_assert_cmpuint(answer.status, ==, wrong[i].status);
    }
    g_assert_cmpuint(fake.subscriptions, ==, 0);
    g_auto(Answer) plain = ask(s, "GET /v1/console?ticket=good", NULL, NULL);
    g_assert_cmpuint(plain.status, ==, 400);
    g_autofree char *text = g_strdup("GET /v1/console?ticket=old HTTP/1.1\r\nHost: skep\r\nConnection: Upgrade\r\n" UPGRADE
                                     "\r\nGET /v1/node HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    g_auto(Answer) ticket = ask_raw(s, FALSE, text, strlen(text));
    g_assert_cmpuint(ticket.status, ==, 403);
}

static void
break_frames(gpointer data)
{
    static const struct {
        const char *bytes;
        gsize length;
        guint code;
    } wrong[] = {
        { "\x81\x05hello", 7, 1002 },                               /* not masked */
        { "\xf1\x80\x00\x00\x00\x00", 6, 1002 },                    /* reserved bits */
        { "\x83\x80\x00\x00\x00\x00", 6, 1002 },                    /* no such opcode */
        { "\x89\xfe\x01\x00\x00\x00\x00\x00", 8, 0 },               /* a ping that is too long */
        { "\x80\x80\x00\x00\x00\x00", 6, 1002 },                    /* goes on with nothing */
        { "\x81\x82\x00\x00\x00\x00\xff\xff", 8, 1007 },            /* no UTF-8 */
        { "\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00", 14, 1009 }, /* 4 GiB */
    };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        Peer peer;
        ws_open(&peer, data, i % 2 == 0 ? OVER_UNIX : OVER_TLS, "/v1/events", "");
        peer_send(&peer, wrong[i].bytes, wrong[i].length);
        g_test_message("frame %u", i);
        ws_expect_close(&peer, wrong[i].code);
        peer_close(&peer);
    }
}

static void
test_wrong_frames(Server *s, gconstpointer data)
{
    start_https(s);
    client_run(break_frames, s);
    wait_until(nobody_listens, NULL);
}

/* Pings whose answers are never read: no more of those are kept than a client could want. */
static void
flood_with_pings(gpointer data)
{
    static const guint8 ping[] = { 0x89, 0x80, 0, 0, 0, 0 };
    g_autoptr(GByteArray) pings = g_byte_array_new();
    Peer peer;
    for (guint i = 0; i < 10000; i++)
        g_byte_array_append(pings, ping, sizeof ping);
    ws_open(&peer, data, OVER_UNIX, "/v1/events", "");
    while (send(peer.fd, pings->data, pings->len, MSG_NOSIGNAL) > 0)
        continue;
    peer_close(&peer);
}

static void
test_ping_flood(Server *s, gconstpointer data)
{
    server_start(s);
    client_run(flood_with_pings, s);
    wait_until(nobody_listens, NULL);
}

/* -- consoles --------------------------------------------------------------------------------------------------- */

static void
make_read_only(gpointer data)
{
    fake.read_only = TRUE;
}

static void
end_console(gpointer data)
{
    fake_end_console();
}

static void
use_console(gpointer data)
{
    Peer peer;
    ws_open(&peer, data, OVER_TLS, "/v1/console?ticket=good", "Sec-WebSocket-Protocol: binary\r\nOrigin: https://skep\r\n");
    ws_expect(&peer, WS_BINARY, "scrollback\r\n");
    ws_send(&peer, WS_BINARY, TRUE, "ls\n", 3);
    ws_expect(&peer, WS_BINARY, "ls\n");
    /* A message in three frames, the last byte by byte. */
    ws_send(&peer, WS_BINARY, FALSE, "unam", 4);
    ws_send(&peer, 0, FALSE, "e -", 3);
    const char rest[] = { '\x80', '\x82', 0, 0, 0, 0, 'a', '\n' };
    for (guint i = 0; i < sizeof rest; i++)
        peer_send(&peer, rest + i, 1);
    ws_expect(&peer, WS_BINARY, "uname -a\n");

    on_main(make_read_only, NULL);
    ws_send(&peer, WS_BINARY, TRUE, "x", 1);
    ws_send(&peer, WS_BINARY, TRUE, "y", 1);
    ws_expect(&peer, WS_TEXT, "{\"notice\":\"somebody else");
    ws_send(&peer, WS_TEXT, TRUE, "{\"take_over\":true}", 18);
    ws_expect(&peer, WS_TEXT, "{\"notice\":\"you have the keyboard\"}");
    ws_send(&peer, WS_BINARY, TRUE, "z", 1);
    ws_expect(&peer, WS_BINARY, "z");
    ws_send(&peer, WS_TEXT, TRUE, "nonsense", 8);
    ws_expect(&peer, WS_TEXT, "{\"notice\":\"");
    on_main(end_console, NULL);
    ws_expect_close(&peer, 1000);
    peer_close(&peer);
}

static gboolean
no_console(gpointer data)
{
    return fake.console == NULL;
}

static void
test_console(Server *s, gconstpointer data)
{
    start_https(s);
    client_run(use_console, s);
    wait_until(no_console, NULL);
    g_byte_array_append(fake.typed, (const guint8 *) "", 1);
    g_assert_cmpstr((char *) fake.typed->data, ==, "ls\nuname -a\nz");
}

static void
print_much(gpointer data)
{
    g_autofree char *text = g_strnfill(10000, 'p');
    for (guint i = 0; i < 200 && fake.holds == 0; i++)
        fake_print(text, 10000);
}

static void
do_not_read_console(gpointer data)
{
    Peer peer;
    ws_open(&peer, data, OVER_UNIX, "/v1/console?ticket=good", "");
    on_main(print_much, NULL);
    g_assert_cmpuint(fake.holds, ==, 1);
    /* All of it comes when it reads again. */
    for (gsize got = 0; got < 260000;) {
        Frame frame = ws_read(&peer);
        g_assert_cmpuint(frame.opcode, ==, WS_BINARY);
        got += frame.length;
        g_free(frame.bytes);
    }
    peer_close(&peer);
}

static void
test_console_holds(Server *s, gconstpointer data)
{
    server_start(s);
    client_run(do_not_read_console, s);
    wait_until(no_console, NULL);
}

/* -- uploads ---------------------------------------------------------------------------------------------------- */

static char *
pattern(gsize length)
{
    char *bytes = g_malloc(length);
    for (gsize i = 0; i < length; i++)
        bytes[i] = (char) fake_volume_byte(i);
    return bytes;
}

static Answer
upload(Server *s, const char *path, const char *bytes, gsize length)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "PUT %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n", path, length);
    g_string_append_len(text, bytes, (gssize) length);
    return ask_raw(s, FALSE, text->str, text->len);
}

static void
test_upload(Server *s, gconstpointer data)
{
    server_start(s);
    g_autofree char *bytes = pattern(5000000);
    g_auto(Answer) done = upload(s, "/v1/pools/p/volumes/v/data", bytes, 5000000);
    g_assert_cmpuint(done.status, ==, 200);
    g_assert_cmpstr(done.body, ==, "{\"size\":5000000}");
    g_assert_cmpmem(fake.uploaded->data, fake.uploaded->len, bytes, 5000000);
    /* Not more than a piece and MHD's buffer at a time. */
    g_assert_cmpuint(fake.most_waiting, <, 320 * 1024);

    g_auto(Answer) wrong = upload(s, "/v1/pools/p/volumes/v/data?offset=7", bytes, 100);
    g_assert_cmpuint(wrong.status, ==, 409);
    g_auto(Answer) missing = upload(s, "/v1/pools/missing/volumes/v/data", bytes, 100);
    g_assert_cmpuint(missing.status, ==, 404);
    g_auto(Answer) nothing = upload(s, "/v1/images/i/data", bytes, 0);
    g_assert_cmpuint(nothing.status, ==, 409);
}

/* The disk is full in the middle: the error comes though the client has not sent all. */
static void
test_upload_fails_midway(Server *s, gconstpointer data)
{
    server_start(s);
    g_autofree char *bytes = pattern(3000000);
    g_auto(Answer) answer = upload(s, "/v1/pools/full/volumes/v/data", bytes, 3000000);
    g_autofree char *code = answer_code(&answer);
    g_assert_cmpuint(answer.status, ==, 507);
    g_assert_cmpstr(code, ==, "no-space");
    g_assert_cmpuint(fake.uploads_aborted, ==, 1);
    g_assert_cmpuint(fake.uploads_finished, ==, 0);
}

static void
vanish(gpointer data)
{
    g_auto(SkFd) fd = client_connect(data);
    g_autofree char *bytes = pattern(700000);
    static const char head[] = "PUT /v1/pools/p/volumes/v/data HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
    client_send(fd, head, sizeof head - 1);
    client_send(fd, bytes, 700000);
}

static gboolean
is_aborted(gpointer data)
{
    return fake.uploads_aborted == 1;
}

/* The client goes half-way, asks how far it came, and goes on from there. */
static void
test_upload_resumed(Server *s, gconstpointer data)
{
    server_start(s);
    g_autofree char *bytes = pattern(1000000);
    client_run(vanish, s);
    wait_until(is_aborted, NULL);
    g_auto(Answer) head = ask(s, "HEAD /v1/pools/p/volumes/v/data", NULL, NULL);
    g_autofree char *offset = answer_header(&head, "Upload-Offset");
    g_assert_cmpuint(head.status, ==, 200);
    gsize from = (gsize) g_ascii_strtoull(offset, NULL, 10);
    g_assert_cmpuint(from, ==, fake.uploaded->len);
    g_assert_cmpuint(from, >, 0);
    g_autofree char *path = g_strdup_printf("/v1/pools/p/volumes/v/data?offset=%s", offset);
    g_auto(Answer) done = upload(s, path, bytes + from, 1000000 - from);
    g_assert_cmpuint(done.status, ==, 200);
    g_assert_cmpmem(fake.uploaded->data, fake.uploaded->len, bytes, 1000000);

    g_auto(Answer) image = ask(s, "HEAD /v1/images/i/data", NULL, NULL);
    g_autofree char *image_offset = answer_header(&image, "Upload-Offset");
    g_assert_cmpstr(image_offset, ==, "1000000");
    g_auto(Answer) get = ask(s, "GET /v1/images/i/data", NULL, NULL);
    g_assert_cmpuint(get.status, ==, 405);
}

/* -- downloads --------------------------------------------------------------------------------------------------- */

static void
expect_part(Server *s, const char *path, const char *headers, guint status, guint64 first, gsize length)
{
    g_auto(Answer) answer = ask(s, path, headers, NULL);
    g_assert_cmpuint(answer.status, ==, status);
    g_assert_cmpuint(answer.body_length, ==, length);
    for (gsize i = 0; i < length; i++)
        g_assert_cmpuint((guint8) answer.body[i], ==, fake_volume_byte(first + i));
}

static void
test_download(Server *s, gconstpointer data)
{
    static const char path[] = "GET /v1/pools/p/volumes/v/data";
    server_start(s);
    expect_part(s, path, NULL, 200, 0, 1000000);
    g_assert_cmpuint(fake.most_read, <=, 256 * 1024);
    expect_part(s, path, "Range: bytes=0-0\r\n", 206, 0, 1);
    expect_part(s, path, "Range: bytes=262143-524300\r\n", 206, 262143, 262158);
    expect_part(s, path, "Range: bytes=-5\r\n", 206, 999995, 5);
    expect_part(s, path, "Range: bytes=999999-\r\n", 206, 999999, 1);
    expect_part(s, "GET /v1/pools/p/volumes/v/data?offset=400000", NULL, 206, 400000, 600000);
    g_auto(Answer) behind = ask(s, path, "Range: bytes=1000000-\r\n", NULL);
    g_autofree char *range = answer_header(&behind, "Content-Range");
    g_assert_cmpuint(behind.status, ==, 416);
    g_assert_cmpstr(range, ==, "bytes */1000000");
    g_auto(Answer) head = ask(s, "HEAD /v1/pools/p/volumes/v/data", NULL, NULL);
    g_autofree char *length = answer_header(&head, "Content-Length");
    g_assert_cmpstr(length, ==, "1000000");
    g_assert_cmpuint(head.body_length, ==, 0);
    g_auto(Answer) missing = ask(s, "GET /v1/pools/missing/volumes/v/data", NULL, NULL);
    g_assert_cmpuint(missing.status, ==, 404);
}

static void
ask_and_do_not_read(gpointer data)
{
    static const char request[] = "GET /v1/pools/p/volumes/v/data HTTP/1.1\r\nHost: x\r\n\r\n";
    g_auto(SkFd) fd = client_connect(data);
    struct pollfd hangup = { .fd = fd };
    client_send(fd, request, sizeof request - 1);
    g_assert_cmpint(poll(&hangup, 1, -1), ==, 1);
    gsize length;
    g_free(client_read_all(fd, &length));
    g_assert_cmpuint(length, <, 1000000);
}

/* A client that does not read its answer is cut, and the volume let go of. */
static void
test_unread_answer(Server *s, gconstpointer data)
{
    s->settings.idle_time = 1;
    server_start(s);
    client_run(ask_and_do_not_read, s);
}

static void
test_range(Server *s, gconstpointer data)
{
    guint64 first, length;
    const char *whole[] = { NULL, "", "bytes", "bytes=", "bytes=a-b", "bytes=5-4", "items=0-1", "bytes=0-1,5-6", "bytes=--1", "bytes=1" };
    server_start(s);
    for (guint i = 0; i < G_N_ELEMENTS(whole); i++) {
        g_assert_cmpint(sk_range_parse(whole[i], 10, &first, &length), ==, SK_RANGE_WHOLE);
        g_assert_cmpuint(length, ==, 10);
    }
    g_assert_cmpint(sk_range_parse("bytes=0-99", 10, &first, &length), ==, SK_RANGE_PART);
    g_assert_cmpuint(length, ==, 10);
    g_assert_cmpint(sk_range_parse("bytes=-99", 10, &first, &length), ==, SK_RANGE_PART);
    g_assert_cmpuint(first, ==, 0);
    g_assert_cmpint(sk_range_parse("bytes=-0", 10, &first, &length), ==, SK_RANGE_OUTSIDE);
    g_assert_cmpint(sk_range_parse("bytes=0-", 0, &first, &length), ==, SK_RANGE_OUTSIDE);
    g_assert_cmpint(sk_range_parse("bytes=18446744073709551615-", 10, &first, &length), ==, SK_RANGE_OUTSIDE);
}

/* -- TLS ------------------------------------------------------------------------------------------------------------ */

static void
move_much(gpointer data)
{
    Peer peer;
    Server *s = data;
    g_autofree char *bytes = pattern(3000000), *back = g_malloc(1000000);
    peer_open(&peer, s, OVER_TLS);
    peer_print(&peer, "PUT /v1/pools/p/volumes/v/data HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 3000000\r\n\r\n", s->admin);
    peer_send(&peer, bytes, 3000000);
    g_autofree char *head = peer_read_head(&peer);
    g_assert_true(g_str_has_prefix(head, "HTTP/1.1 200"));
    g_assert_true(peer_read(&peer, back, 16));
    g_assert_cmpmem(back, 16, "{\"size\":3000000}", 16);
    peer_print(&peer, "GET /v1/pools/p/volumes/v/data HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", s->admin);
    g_autofree char *second = peer_read_head(&peer);
    g_assert_true(g_str_has_prefix(second, "HTTP/1.1 200"));
    g_assert_true(peer_read(&peer, back, 1000000));
    g_assert_cmpmem(back, 1000000, bytes, 1000000);
    g_assert_false(peer_read(&peer, back, 1));
    peer_close(&peer);
}

static void
test_tls(Server *s, gconstpointer data)
{
    start_https(s);
    client_run(move_much, s);
    g_autofree char *bytes = pattern(1000);
    g_assert_cmpmem(fake.uploaded->data, 1000, bytes, 1000);
}

typedef struct {
    Server *server;
    gnutls_protocol_t version;
    const char *priority;
    gboolean worked;
} Version;

static void
try_version(gpointer data)
{
    Version *version = data;
    g_auto(SkFd) fd = client_connect_tcp((gint) sk_rest_port(version->server->rest));
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    g_assert_cmpint(gnutls_priority_set_direct(session, version->priority, NULL), ==, 0);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, fd);
    gint result;
    do {
        result = gnutls_handshake(session);
    } while (result < 0 && gnutls_error_is_fatal(result) == 0);
    version->worked = result == 0;
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
}

static void
send_no_tls(gpointer data)
{
    g_auto(SkFd) fd = client_connect_tcp((gint) sk_rest_port(((Server *) data)->rest));
    client_send(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
    gsize length;
    g_free(client_read_all(fd, &length));
    gint silent = client_connect_tcp((gint) sk_rest_port(((Server *) data)->rest));
    g_free(client_read_all(silent, &length)); /* cut after request_time */
    close(silent);
}

static void
test_tls_versions(Server *s, gconstpointer data)
{
    s->settings.request_time = 1;
    start_https(s);
    Version versions[] = {
        { .server = s, .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3" },
        { .server = s, .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2" },
        { .server = s, .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(versions); i++) {
        client_run(try_version, &versions[i]);
        g_assert_cmpint(versions[i].worked, ==, i < 2);
    }
    client_run(send_no_tls, s);
}

static SkRest *
try_start(Server *s, GError **error)
{
    SkRestSettings settings = s->settings;
    settings.unix_path = NULL;
    settings.plain_fd = 0;
    return sk_rest_new(&settings, NULL, s->auth, NULL, error);
}

static void
test_certificate(Server *s, gconstpointer data)
{
    struct stat status;
    start_https(s);
    g_autofree char *first = g_strdup(sk_rest_fingerprint(s->rest));
    g_assert_cmpuint(strlen(first), ==, 95);
    g_assert_cmpint(stat(s->key, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    g_assert_cmpint(stat(s->cert, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);

    /* Started again, it is the same; a lone certificate is not thrown away, a lone key is made good. */
    g_autoptr(SkRest) second = try_start(s, NULL);
    g_assert_nonnull(second);
    g_assert_cmpstr(sk_rest_fingerprint(second), ==, first);
    g_autofree char *elsewhere = g_strconcat(s->key, ".away", NULL);
    g_autoptr(GError) error = NULL;
    g_rename(s->key, elsewhere);
    g_assert_null(try_start(s, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
    g_assert_nonnull(strstr(error->message, s->key));
    g_unlink(s->cert);
    g_rename(elsewhere, s->key);
    g_autoptr(SkRest) third = try_start(s, NULL);
    g_assert_nonnull(third);
    g_assert_cmpstr(sk_rest_fingerprint(third), !=, first);
}

static void
test_port_in_use(Server *s, gconstpointer data)
{
    start_https(s);
    g_autofree char *address = g_strdup_printf("127.0.0.1:%u", sk_rest_port(s->rest));
    s->settings.https_address = address;
    g_autoptr(GError) error = NULL;
    g_assert_null(try_start(s, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_assert_nonnull(strstr(error->message, address));
    const char *wrong[] = { "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "somewhere.example:1", "127.0.0.1:1x", "[::1:5" };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_clear_error(&error);
        s->settings.https_address = wrong[i];
        g_assert_null(try_start(s, &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
#define CASE(name) g_test_add("/rest/" #name, Server, NULL, server_prepare, test_##name, server_stop)
    CASE(events);
    CASE(events_resume);
    CASE(slow_reader);
    CASE(sse);
    CASE(sse_client_leaves);
    CASE(server_ends);
    CASE(wrong_handshakes);
    CASE(wrong_frames);
    CASE(ping_flood);
    CASE(console);
    CASE(console_holds);
    CASE(upload);
    CASE(upload_fails_midway);
    CASE(upload_resumed);
    CASE(download);
    CASE(unread_answer);
    CASE(range);
    CASE(tls);
    CASE(tls_versions);
    CASE(certificate);
    CASE(port_in_use);
    return g_test_run();
}
