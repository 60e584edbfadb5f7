/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections: framing, what no client should send, and that one client's misdeeds are nobody else's. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/thread.h"
#include "libvirt-server.h"
#include "service/domain.h"

static LvServer server;

static guint
connections(void)
{
    lv_settle();
    return server.libvirt->connections.length;
}

/* Hex digits, blanks between them. */
static GByteArray *
bytes_of(const char *hex)
{
    GByteArray *bytes = g_byte_array_new();
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ')
            continue;
        guint8 byte = (guint8) (g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));
        g_byte_array_append(bytes, &byte, 1);
        hex++;
    }
    return bytes;
}

static void
assert_receives(gint fd, const char *hex)
{
    g_autoptr(GByteArray) wanted = bytes_of(hex);
    g_autofree guint8 *got = g_malloc(wanted->len);
    lv_settle();
    g_assert_cmpint(recv(fd, got, wanted->len, MSG_DONTWAIT), ==, wanted->len);
    g_assert_cmpmem(got, wanted->len, wanted->data, wanted->len);
}

static void
assert_error(gint fd, gint code, const char *beginning)
{
    g_autoptr(LvMessage) reply = lv_receive(fd);
    g_autoptr(SkXdrSignature) signature = sk_xdr_signature_new(
        "code:i32 domain:i32 message:str? level:i32 dom:dom? str1:str? str2:str? str3:str? int1:i32 int2:i32 net:net?");
    g_assert_nonnull(reply);
    g_assert_cmpuint(reply->header.status, ==, SK_LV_ERROR_STATUS);
    g_autoptr(SkXdrMessage) message = sk_xdr_decode(signature, reply->payload->data, reply->payload->len, NULL);
    g_assert_nonnull(message);
    SkXdrRecord record = sk_xdr_message_record(message);
    g_assert_cmpint(sk_xdr_int(&record, "code"), ==, code);
    g_assert_true(g_str_has_prefix(sk_xdr_str(&record, "message"), beginning));
}

/* The beginning of every session of virsh, byte for byte. */
static const char *const golden[][2] = {
    { "0000001c 20008086 00000001 00000042 00000000 00000000 00000000",
      "00000024 20008086 00000001 00000042 00000001 00000000 00000000 00000001 00000000" },
    { "00000020 20008086 00000001 0000003c 00000000 00000001 00000000 0000000a",
      "00000020 20008086 00000001 0000003c 00000001 00000001 00000000 00000001" },
    { "00000038 20008086 00000001 00000001 00000000 00000002 00000000 00000001 0000000e 71656d75 3a2f2f2f 73797374 656d0000 00000000",
      "0000001c 20008086 00000001 00000001 00000001 00000002 00000000" },
    { "00000024 20008086 00000001 00000017 00000000 00000006 00000000 00000004 77656231",
      "00000038 20008086 00000001 00000017 00000001 00000006 00000000 00000004 77656231 0b3c9d42 3c8a4f6e 9d5d5b8a 7f000001 ffffffff" },
    { "0000001c 6b656570 00000001 00000001 00000002 00000000 00000000", "0000001c 6b656570 00000001 00000002 00000002 00000000 00000000" },
};

static void
test_golden(void)
{
    g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
    for (guint i = 0; i < G_N_ELEMENTS(golden); i++) {
        g_autoptr(GByteArray) call = bytes_of(golden[i][0]);
        lv_send(fd, call->data, call->len);
        assert_receives(fd, golden[i][1]);
    }
}

/* Bytes come one by one, or all messages at once. */
static void
test_pieces(void)
{
    for (guint piece = 1; piece < 1000; piece += 499) {
        g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
        g_autoptr(GString) replies = g_string_new(NULL);
        g_autoptr(GByteArray) calls = g_byte_array_new();
        for (guint i = 0; i < G_N_ELEMENTS(golden); i++) {
            g_autoptr(GByteArray) call = bytes_of(golden[i][0]);
            g_byte_array_append(calls, call->data, call->len);
            g_string_append_printf(replies, "%s ", golden[i][1]);
        }
        for (guint at = 0; at < calls->len; at += piece) {
            lv_send(fd, calls->data + at, MIN(piece, calls->len - at));
            lv_settle();
        }
        assert_receives(fd, replies->str);
    }
}

/* What ends the connection. */
static void
test_impossible(void)
{
    static const char *const packets[] = {
        "00000000", "0000001b", "02000005", "ffffffff", /* lengths that cannot be */
        "00010001",                                      /* too long before the session is open */
        "0000001c 20008086 00000001 00000042 00000001 00000000 00000000", /* a reply */
        "0000001c 20008086 00000001 00000042 00000002 00000000 00000000", /* an event */
        "0000001c 20008086 00000001 00000042 00000009 00000000 00000000", /* no type at all */
        "0000001c 20008086 00000002 00000042 00000003 00000000 00000000", /* a stream of another version */
        "00000020 20008086 00000001 000000f9 00000004 00000000 00000000 00000021", /* more descriptors than may be */
        "0000001c 20008086 00000001 000000f9 00000004 00000000 00000000", /* not even their number */
    };
    for (guint i = 0; i < G_N_ELEMENTS(packets); i++) {
        g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
        g_autoptr(GByteArray) packet = bytes_of(packets[i]);
        lv_send(fd, packet->data, packet->len);
        g_assert_true(lv_has_ended(fd));
    }
    g_assert_cmpuint(connections(), ==, 0);
}

/* What is answered with an error, and the connection goes on. */
static void
test_errors(void)
{
    g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
    const SkLvHeader other = { .program = 0x20008088, .version = 1, .procedure = 1 }, newer = { .program = SK_LV_PROGRAM_REMOTE, .version = 2 };
    lv_call(fd, 23, 0, NULL);
    assert_error(fd, 1, "internal error: hypervisor connection not open");
    lv_open(fd);
    lv_call(fd, 1, 2, NULL);
    assert_error(fd, 8, "invalid argument: the message ends in the middle of \"name\"");
    g_autoptr(GByteArray) name = bytes_of("00000000 00000000");
    lv_call(fd, 1, 3, name);
    assert_error(fd, 1, "internal error: connection already open");
    lv_call(fd, 444, 4, NULL);
    assert_error(fd, 39, "unknown procedure: 444");
    lv_call(fd, 0xffffffff, 5, NULL);
    assert_error(fd, 39, "unknown procedure: 4294967295");
    lv_send_message(fd, &other, NULL, 0);
    assert_error(fd, 39, "Cannot find program 536903816 version 1");
    lv_send_message(fd, &newer, NULL, 0);
    assert_error(fd, 39, "Cannot find program 536903814 version 2");
    g_autoptr(GByteArray) liar = bytes_of("7fffffff 77656231");
    lv_call(fd, 23, 6, liar);
    assert_error(fd, 8, "invalid argument: \"name\" has 2147483647 bytes");
    g_autoptr(GByteArray) more = bytes_of("00000004 77656231 00000000");
    lv_call(fd, 23, 7, more);
    assert_error(fd, 8, "invalid argument: the message has 4 bytes too many");
    lv_call(fd, 3, 8, NULL);
    g_autoptr(LvMessage) reply = lv_receive(fd);
    g_assert_cmpuint(reply->header.serial, ==, 8);
    g_assert_cmpuint(reply->header.status, ==, SK_LV_OK);
}

static void
test_close(void)
{
    g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
    lv_open(fd);
    lv_call(fd, 2, 2, NULL);
    lv_call(fd, 3, 3, NULL);
    g_autoptr(LvMessage) reply = lv_receive(fd);
    g_assert_cmpuint(reply->header.procedure, ==, 2);
    g_assert_true(lv_has_ended(fd));
}

/* A client that may only look is refused by name. */
static void
test_read_only(void)
{
    g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_VIEWER);
    g_autoptr(GByteArray) domain = bytes_of("00000004 77656231 0b3c9d42 3c8a4f6e 9d5d5b8a 7f000001 ffffffff");
    lv_open(fd);
    lv_call(fd, 9, 2, domain);
    assert_error(fd, 29, "operation forbidden: read only access prevents DOMAIN_CREATE");
    lv_call(fd, 150, 3, domain);
    g_autoptr(LvMessage) reply = lv_receive(fd);
    g_assert_cmpuint(reply->header.status, ==, SK_LV_OK);
}

/* Who is refused learns why from the first call. */
static void
test_refused(void)
{
    gint pair[2];
    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
    g_auto(SkFd) fd = pair[1];
    const SkLvArrival arrival = { .fd = pair[0], .refused = g_error_new(SK_ERROR, SK_ERROR_DENIED, "you may not") };
    sk_lv_connection_new(server.libvirt, &arrival);
    g_assert_cmpuint(server.libvirt->refused, ==, 1);
    lv_call(fd, 66, 0, NULL);
    assert_error(fd, 88, "access denied: you may not");
    g_assert_true(lv_has_ended(fd));
    g_assert_cmpuint(server.libvirt->refused, ==, 0);
}

/* -- descriptors ------------------------------------------------------------------------------------------------ */

static void
send_fd(gint socket, gint fd)
{
    union {
        struct cmsghdr header;
        guint8 space[CMSG_SPACE(sizeof(gint))];
    } control = { 0 };
    struct iovec piece = { .iov_base = (char[1]){ 0 }, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    g_assert_cmpint(sendmsg(socket, &message, MSG_NOSIGNAL), ==, 1);
}

/* A descriptor waits for its call, goes with it, and is closed. */
static void
test_descriptors(void)
{
    g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
    const SkLvHeader header = { .program = SK_LV_PROGRAM_REMOTE, .version = 1, .procedure = 249, .type = SK_LV_CALL_FDS, .serial = 2 };
    g_autoptr(GByteArray) payload = bytes_of("00000001 00000004 77656231 0b3c9d42 3c8a4f6e 9d5d5b8a 7f000001 ffffffff 00000000 00000000");
    gint pair[2];
    guint8 byte;
    lv_open(fd);
    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    lv_send_message(fd, &header, payload->data, payload->len);
    lv_settle();
    send_fd(fd, pair[0]);
    lv_call(fd, 3, 3, NULL);
    assert_error(fd, 55, "Requested operation is not valid: domain is not running");
    g_autoptr(LvMessage) reply = lv_receive(fd);
    g_assert_cmpuint(reply->header.serial, ==, 3);
    close(pair[0]);
    lv_settle();
    g_assert_cmpint(recv(pair[1], &byte, 1, MSG_DONTWAIT), ==, 0);
    close(pair[1]);
}

/* Descriptors that belong to no call do not pile up. */
static void
test_stray_descriptors(void)
{
    g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
    for (guint i = 0; i < 40 && connections() > 0; i++)
        send_fd(fd, fd);
    g_assert_true(lv_has_ended(fd));
}

/* -- those that do not read, or do not go on ---------------------------------------------------------------------- */

/* Events for a client that does not read them are kept up to a limit; then it is let go, and others get theirs. */
static void
test_unread_events(void)
{
    g_auto(SkFd) lazy = lv_connect(&server, SK_ROLE_ADMIN);
    g_auto(SkFd) good = lv_connect(&server, SK_ROLE_ADMIN);
    g_autoptr(GByteArray) lifecycle = bytes_of("00000000 00000000");
    const gint fds[] = { lazy, good };
    SkDomain *domain = g_hash_table_lookup(server.service->domains_by_uuid, LV_UUID);
    for (guint i = 0; i < 2; i++) {
        lv_open(fds[i]);
        lv_call(fds[i], 316, 2, lifecycle);
        g_autoptr(LvMessage) reply = lv_receive(fds[i]);
        g_assert_cmpuint(reply->header.status, ==, SK_LV_OK);
    }
    guint events = 0;
    for (; events < 1000000 && server.libvirt->connections.length == 2; events++) {
        sk_events_emit(server.service->events, "domain.created", "domain/web1", domain->spec->uuid, NULL);
        g_autoptr(LvMessage) event = lv_receive(good);
        g_assert_cmpuint(event->header.procedure, ==, 318);
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpuint(events, >, 1000);
    g_assert_cmpuint(server.libvirt->connections.length, ==, 1);
    g_assert_true(lv_has_ended(lazy));
}

/* Replies for a client that does not read hold its calls up, and nobody else's. */
static void
test_unread_replies(void)
{
    g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
    g_autoptr(GByteArray) call = bytes_of("0000001c 20008086 00000001 00000003 00000000 00000000 00000000");
    g_autoptr(GByteArray) many = g_byte_array_new();
    const gint room = 4096;
    gssize sent = 0, n;
    lv_open(fd);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    while (many->len < 64 * 1024)
        g_byte_array_append(many, call->data, call->len);
    do {
        n = send(fd, many->data, many->len, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += MAX(n, 0);
        lv_settle();
    } while (n == (gssize) many->len && sent < 256 * 1024 * 1024);
    const SkLvConnection *connection = server.libvirt->connections.head->data;
    g_assert_cmpint(sent, <, 256 * 1024 * 1024);
    g_assert_cmpuint(connection->out_bytes, <, 2 * 1024 * 1024);
    /* All of them are answered, once they are read. */
    for (gssize got = 0; got < sent / (gssize) call->len; got++) {
        g_autoptr(LvMessage) reply = lv_receive(fd);
        g_assert_nonnull(reply);
    }
}

/* A message that does not end takes no more than what came of it. */
static void
test_unfinished(void)
{
    g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
    g_autoptr(GByteArray) head = bytes_of("02000004 20008086 00000001 0000000a 00000000 00000002 00000000 01ffffe0");
    lv_open(fd);
    lv_send(fd, head->data, head->len);
    lv_settle();
    g_assert_cmpuint(server.libvirt->input_memory, ==, head->len);
    sk_fd_clear(&fd);
    g_assert_cmpuint(connections(), ==, 0);
    g_assert_cmpuint(server.libvirt->input_memory, ==, 0);
}

/* A client that is gone in the middle of its call: the answer goes nowhere. */
static void
test_gone(void)
{
    for (guint i = 0; i < 20; i++) {
        g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
        g_autoptr(GByteArray) domain = bytes_of("00000004 77656231 0b3c9d42 3c8a4f6e 9d5d5b8a 7f000001 ffffffff");
        lv_open(fd);
        lv_call(fd, 9, 2, domain);
        lv_call(fd, 4, 3, NULL);
    }
    g_assert_cmpuint(connections(), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    lv_server_start(&server);
    g_test_add_func("/connection/golden", test_golden);
    g_test_add_func("/connection/pieces", test_pieces);
    g_test_add_func("/connection/impossible", test_impossible);
    g_test_add_func("/connection/errors", test_errors);
    g_test_add_func("/connection/close", test_close);
    g_test_add_func("/connection/read-only", test_read_only);
    g_test_add_func("/connection/refused", test_refused);
    g_test_add_func("/connection/descriptors", test_descriptors);
    g_test_add_func("/connection/stray-descriptors", test_stray_descriptors);
    g_test_add_func("/connection/unread-events", test_unread_events);
    g_test_add_func("/connection/unread-replies", test_unread_replies);
    g_test_add_func("/connection/unfinished", test_unfinished);
    g_test_add_func("/connection/gone", test_gone);
    gint result = g_test_run();
    lv_server_stop(&server);
    return result;
}
