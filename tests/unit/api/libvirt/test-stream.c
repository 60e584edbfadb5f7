/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams: both directions, holes, every way to end, and how much may be on its way. */
#include "api/libvirt/stream.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "libvirt-server.h"

#define SERIAL 7
#define PROCEDURE 209           /* STORAGE_VOL_DOWNLOAD: any that opens a stream does */

static LvServer server;

/* A stream, what became of it, and the client's end. */
typedef struct {
    SkFd fd;
    SkLvConnection *connection;
    SkLvStream *stream;
    GByteArray *got;
    guint64 holes;
    gboolean finished, ended, completed;
    gboolean late;          /* finish() is not answered by itself */
    gsize to_send;          /* by room() */
} Fixture;

static gboolean
on_data(SkLvStream *stream, const guint8 *bytes, gsize length, GError **error)
{
    Fixture *self = sk_lv_stream_data(stream);
    if (length > 0 && bytes[0] == '!')
        return sk_fail(error, SK_ERROR_NO_SPACE, "the disk is full");
    g_byte_array_append(self->got, bytes, (guint) length);
    return TRUE;
}

static gboolean
on_hole(SkLvStream *stream, guint64 length, GError **error)
{
    Fixture *self = sk_lv_stream_data(stream);
    (void) error;
    self->holes += length;
    return TRUE;
}

static void
on_room(SkLvStream *stream)
{
    Fixture *self = sk_lv_stream_data(stream);
    static guint8 bytes[100000];
    gboolean room = TRUE;
    while (room && self->to_send > 0) {
        gsize piece = MIN(self->to_send, sizeof bytes);
        self->to_send -= piece;
        room = sk_lv_stream_send(stream, bytes, piece);
    }
}

static void
on_finish(SkLvStream *stream)
{
    Fixture *self = sk_lv_stream_data(stream);
    self->finished = TRUE;
    if (!self->late)
        sk_lv_stream_finish(stream, NULL);
}

static void
on_end(SkLvStream *stream, gboolean completed)
{
    Fixture *self = sk_lv_stream_data(stream);
    self->stream = NULL;
    self->ended = TRUE;
    self->completed = completed;
}

static void
set_up(Fixture *self, gconstpointer to_send)
{
    static const SkLvStreamFuncs funcs = { .data = on_data, .hole = on_hole, .room = on_room, .finish = on_finish, .end = on_end };
    g_autoptr(GError) error = NULL;
    self->fd = lv_connect(&server, SK_ROLE_ADMIN);
    lv_open(self->fd);
    self->connection = server.libvirt->connections.tail->data;
    self->got = g_byte_array_new();
    self->to_send = GPOINTER_TO_SIZE(to_send);
    SkLvCall call = { .connection = self->connection, .serial = SERIAL };
    call.procedure = sk_lv_procedure(SK_LV_PROGRAM_REMOTE, PROCEDURE, &call.family);
    self->stream = sk_lv_stream_open(&call, &funcs, self, &error);
    g_assert_no_error(error);
    g_assert_true(call.stream == self->stream);
    sk_lv_stream_begin(self->stream);
}

static void
tear_down(Fixture *self, gconstpointer unused)
{
    (void) unused;
    sk_fd_clear(&self->fd);
    lv_settle();
    g_assert_true(self->ended);
    g_assert_cmpuint(server.libvirt->connections.length, ==, 0);
    g_byte_array_unref(self->got);
}

static void
send_piece(const Fixture *self, SkLvType type, SkLvStatus status, const void *bytes, gsize length)
{
    const SkLvHeader header = { .program = SK_LV_PROGRAM_REMOTE, .version = 1, .procedure = PROCEDURE, .type = type, .serial = SERIAL,
                                .status = status };
    lv_send_message(self->fd, &header, bytes, length);
    lv_settle();
}

static void
send_hole(const Fixture *self, gint64 length)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();
    sk_xdr_put_i64(payload, length);
    sk_xdr_put_u32(payload, 0);
    send_piece(self, SK_LV_HOLE, SK_LV_CONTINUE, payload->data, payload->len);
}

static void
assert_receives(const Fixture *self, SkLvType type, SkLvStatus status, gsize length)
{
    g_autoptr(LvMessage) message = lv_receive(self->fd);
    g_assert_nonnull(message);
    g_assert_cmpuint(message->header.type, ==, type);
    g_assert_cmpuint(message->header.status, ==, status);
    g_assert_cmpuint(message->header.serial, ==, SERIAL);
    g_assert_cmpuint(message->header.procedure, ==, PROCEDURE);
    if (status != SK_LV_ERROR_STATUS)
        g_assert_cmpuint(message->payload->len, ==, length);
}

/* -- from the client ------------------------------------------------------------------------------------------------ */

static void
test_upload(Fixture *self, gconstpointer unused)
{
    (void) unused;
    send_piece(self, SK_LV_STREAM, SK_LV_CONTINUE, "hello", 5);
    send_hole(self, 4096);
    send_piece(self, SK_LV_STREAM, SK_LV_CONTINUE, " world", 6);
    send_piece(self, SK_LV_STREAM, SK_LV_OK, NULL, 0);
    g_assert_cmpmem(self->got->data, self->got->len, "hello world", 11);
    g_assert_cmpuint(self->holes, ==, 4096);
    assert_receives(self, SK_LV_STREAM, SK_LV_OK, 0);
    g_assert_true(self->completed);
    /* What comes after the end is dropped. */
    send_piece(self, SK_LV_STREAM, SK_LV_CONTINUE, "more", 4);
    send_piece(self, SK_LV_STREAM, SK_LV_OK, NULL, 0);
    g_assert_null(lv_receive(self->fd));
    g_assert_cmpuint(server.libvirt->connections.length, ==, 1);
}

static void
test_late_finish(Fixture *self, gconstpointer unused)
{
    (void) unused;
    self->late = TRUE;
    send_piece(self, SK_LV_STREAM, SK_LV_OK, NULL, 0);
    g_assert_true(self->finished && !self->ended);
    g_assert_null(lv_receive(self->fd));
    sk_lv_stream_finish(self->stream, g_error_new(SK_ERROR, SK_ERROR_NO_SPACE, "the disk is full"));
    assert_receives(self, SK_LV_STREAM, SK_LV_ERROR_STATUS, 0);
    g_assert_false(self->completed);
}

static void
test_failed_data(Fixture *self, gconstpointer unused)
{
    (void) unused;
    send_piece(self, SK_LV_STREAM, SK_LV_CONTINUE, "!", 1);
    assert_receives(self, SK_LV_STREAM, SK_LV_ERROR_STATUS, 0);
    g_assert_true(self->ended && !self->completed);
    send_piece(self, SK_LV_STREAM, SK_LV_CONTINUE, "more", 4);
    g_assert_null(lv_receive(self->fd));
}

static void
test_bad_hole(Fixture *self, gconstpointer unused)
{
    (void) unused;
    send_hole(self, -1);
    assert_receives(self, SK_LV_STREAM, SK_LV_ERROR_STATUS, 0);
    g_assert_true(self->ended);
}

static void
test_short_hole(Fixture *self, gconstpointer unused)
{
    (void) unused;
    send_piece(self, SK_LV_HOLE, SK_LV_CONTINUE, "\0\0\0", 3);
    assert_receives(self, SK_LV_STREAM, SK_LV_ERROR_STATUS, 0);
}

static void
test_abort(Fixture *self, gconstpointer unused)
{
    (void) unused;
    send_piece(self, SK_LV_STREAM, SK_LV_CONTINUE, "half", 4);
    send_piece(self, SK_LV_STREAM, SK_LV_ERROR_STATUS, NULL, 0);
    assert_receives(self, SK_LV_STREAM, SK_LV_OK, 0);
    g_assert_true(self->ended && !self->completed && !self->finished);
}

/* What is held waits in memory up to a limit; then the client waits. */
static void
test_hold(Fixture *self, gconstpointer unused)
{
    (void) unused;
    g_autofree guint8 *piece = g_malloc0(262120);
    sk_lv_stream_hold(self->stream, TRUE);
    for (guint i = 0; i < 8 && self->connection->holds == 0; i++)
        send_piece(self, SK_LV_STREAM, SK_LV_CONTINUE, piece, 262120);
    g_assert_cmpuint(self->connection->holds, ==, 1);
    g_assert_cmpuint(self->got->len, ==, 0);
    lv_call(self->fd, 3, 8, NULL);
    g_assert_null(lv_receive(self->fd));
    sk_lv_stream_hold(self->stream, FALSE);
    g_assert_cmpuint(self->got->len, >, 1024 * 1024);
    g_autoptr(LvMessage) reply = lv_receive(self->fd);
    g_assert_cmpuint(reply->header.serial, ==, 8);
    g_assert_cmpuint(self->connection->holds, ==, 0);
}

/* Cut while it is held. */
static void
test_cut(Fixture *self, gconstpointer unused)
{
    (void) unused;
    sk_lv_stream_hold(self->stream, TRUE);
    send_piece(self, SK_LV_STREAM, SK_LV_CONTINUE, "half", 4);
    sk_fd_clear(&self->fd);
    lv_settle();
    g_assert_true(self->ended && !self->completed && !self->finished);
    g_assert_cmpuint(self->got->len, ==, 0);
}

/* Another procedure's number, or program, under the same serial. */
static void
test_mixed_up(Fixture *self, gconstpointer unused)
{
    const SkLvHeader headers[] = {
        { .program = SK_LV_PROGRAM_REMOTE, .version = 1, .procedure = 208, .type = SK_LV_STREAM, .serial = SERIAL, .status = SK_LV_OK },
        { .program = SK_LV_PROGRAM_QEMU, .version = 1, .procedure = PROCEDURE, .type = SK_LV_STREAM, .serial = SERIAL, .status = SK_LV_OK },
        { .program = SK_LV_PROGRAM_REMOTE, .version = 1, .procedure = PROCEDURE, .type = SK_LV_STREAM, .serial = 8, .status = SK_LV_OK },
    };
    (void) unused;
    for (guint i = 0; i < G_N_ELEMENTS(headers); i++)
        lv_send_message(self->fd, &headers[i], NULL, 0);
    lv_settle();
    g_assert_false(self->finished || self->ended);
}

/* -- to the client ------------------------------------------------------------------------------------------------------ */

/* More than a socket takes: it goes on as the client reads, and never much is kept. */
static void
test_download(Fixture *self, gconstpointer to_send)
{
    gsize left = GPOINTER_TO_SIZE(to_send);
    while (left > 0) {
        g_autoptr(LvMessage) message = lv_receive(self->fd);
        g_assert_nonnull(message);
        g_assert_cmpuint(message->payload->len, <=, 262120);
        g_assert_cmpuint(self->connection->out_bytes, <, 1024 * 1024);
        left -= message->payload->len;
    }
    sk_lv_stream_send_hole(self->stream, 1 << 20);
    sk_lv_stream_eof(self->stream);
    assert_receives(self, SK_LV_HOLE, SK_LV_CONTINUE, 12);
    assert_receives(self, SK_LV_STREAM, SK_LV_CONTINUE, 0);
    g_assert_null(lv_receive(self->fd));
    send_piece(self, SK_LV_STREAM, SK_LV_OK, NULL, 0);
    assert_receives(self, SK_LV_STREAM, SK_LV_OK, 0);
    g_assert_true(self->completed);
}

/* A download that nobody reads does not hold the connection's calls up for ever: it is aborted. */
static void
test_unread_download(Fixture *self, gconstpointer to_send)
{
    g_assert_cmpuint(self->to_send, >, 0);
    g_assert_cmpuint(self->to_send, <, GPOINTER_TO_SIZE(to_send));
    g_assert_cmpuint(self->connection->out_bytes, <, 1024 * 1024);
    send_piece(self, SK_LV_STREAM, SK_LV_ERROR_STATUS, NULL, 0);
    g_assert_true(self->ended && !self->completed);
}

static void
test_failure(Fixture *self, gconstpointer unused)
{
    (void) unused;
    sk_lv_stream_fail(self->stream, g_error_new(SK_ERROR, SK_ERROR_IO, "the volume is gone"));
    assert_receives(self, SK_LV_STREAM, SK_LV_ERROR_STATUS, 0);
    g_assert_true(self->ended);
}

#define ADD(name, to_send) \
    g_test_add("/stream/" #name, Fixture, GSIZE_TO_POINTER(to_send), set_up, test_##name, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    lv_server_start(&server);
    ADD(upload, 0);
    ADD(late_finish, 0);
    ADD(failed_data, 0);
    ADD(bad_hole, 0);
    ADD(short_hole, 0);
    ADD(abort, 0);
    ADD(hold, 0);
    ADD(cut, 0);
    ADD(mixed_up, 0);
    ADD(download, 8 * 1024 * 1024);
    ADD(unread_download, 64 * 1024 * 1024);
    ADD(failure, 0);
    gint result = g_test_run();
    lv_server_stop(&server);
    return result;
}
