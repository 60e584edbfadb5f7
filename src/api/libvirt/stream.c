/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams: what the protocol wants of both sides, and how much may be on its way. */
#include "api/libvirt/stream.h"

#include "api/libvirt/private.h"
#include "base/error.h"

#define STREAMS_MAX 256
/* Of one message: what libvirt's own clients and servers send. */
#define PIECE_MAX 262120u
/* Bytes waiting to be sent on the connection above which no more are taken. */
#define OUT_HIGH (512 * 1024)
/* Bytes of the client's that wait in a held stream before its connection waits too. */
#define PENDING_MAX (1024 * 1024)

struct SkLvStream {
    SkLvConnection *connection;
    SkLvHeader header;      /* of what is sent */
    const SkLvStreamFuncs *funcs;
    gpointer data;
    gboolean begun;         /* the reply has gone out */
    gboolean eof;           /* we have sent all */
    gboolean finishing;     /* the client has said that it is done */
    gboolean waits;         /* for room */
    gboolean held;
    gboolean holds_connection;
    GQueue pending;         /* Pending, while held */
    gsize pending_bytes;
};

typedef struct {
    GBytes *bytes;          /* NULL: a hole, or the end */
    guint64 hole;
    gboolean end;
} Pending;

static void
free_pending(gpointer data)
{
    Pending *pending = data;
    g_clear_pointer(&pending->bytes, g_bytes_unref);
    g_free(pending);
}

/* -- life ----------------------------------------------------------------------------------------------------------- */

SkLvStream *
sk_lv_stream_open(SkLvCall *call, const SkLvStreamFuncs *funcs, gpointer data, GError **error)
{
    SkLvConnection *connection = call->connection;
    if (!sk_lv_connection_is_open(connection)) {
        sk_fail(error, SK_ERROR_IO, "the client has hung up");
        return NULL;
    }
    if (connection->streams == NULL)
        connection->streams = g_hash_table_new(NULL, NULL);
    if (g_hash_table_size(connection->streams) >= STREAMS_MAX) {
        sk_fail(error, SK_ERROR_TOO_MANY, "the connection has %d streams open already: close some", STREAMS_MAX);
        return NULL;
    }
    if (g_hash_table_contains(connection->streams, GUINT_TO_POINTER(call->serial))) {
        sk_fail(error, SK_ERROR_INVALID, "the connection has a stream of serial %u already", call->serial);
        return NULL;
    }
    SkLvStream *self = g_new0(SkLvStream, 1);
    self->connection = connection;
    self->header = (SkLvHeader){ .program = call->family->program, .version = 1, .procedure = call->procedure->number,
                                 .type = SK_LV_STREAM, .serial = call->serial, .status = SK_LV_CONTINUE };
    self->funcs = funcs;
    self->data = data;
    g_hash_table_insert(connection->streams, GUINT_TO_POINTER(call->serial), self);
    call->stream = self;
    return self;
}

gpointer
sk_lv_stream_data(SkLvStream *self)
{
    return self->data;
}

static void
release_connection(SkLvStream *self)
{
    if (!self->holds_connection)
        return;
    self->holds_connection = FALSE;
    self->connection->holds--;
}

/* Takes it out of its connection and ends it. */
static void
drop(SkLvStream *self, gboolean completed)
{
    SkLvConnection *connection = self->connection;
    g_hash_table_remove(connection->streams, GUINT_TO_POINTER(self->header.serial));
    release_connection(self);
    if (self->funcs->end != NULL)
        self->funcs->end(self, completed);
    g_queue_clear_full(&self->pending, free_pending);
    g_free(self);
}

void
sk_lv_streams_end(SkLvConnection *connection)
{
    GHashTableIter iter;
    gpointer stream;
    while (connection->streams != NULL && g_hash_table_size(connection->streams) > 0) {
        g_hash_table_iter_init(&iter, connection->streams);
        if (g_hash_table_iter_next(&iter, NULL, &stream))
            drop(stream, FALSE);
    }
}

void
sk_lv_stream_begin(SkLvStream *self)
{
    self->begun = TRUE;
    if (self->funcs->room != NULL)
        self->funcs->room(self);
}

void
sk_lv_stream_cancel(SkLvStream *self)
{
    drop(self, FALSE);
}

/* -- to the client ------------------------------------------------------------------------------------------------------ */

static gboolean
has_room(SkLvStream *self)
{
    self->waits = self->connection->out_bytes >= OUT_HIGH;
    return !self->waits;
}

static void
send_piece(SkLvStream *self, SkLvStatus status, const void *bytes, gsize length)
{
    SkLvHeader header = self->header;
    GByteArray *packet = sk_lv_packet_new();
    header.status = status;
    g_byte_array_append(packet, bytes, (guint) length);
    sk_lv_connection_send(self->connection, &header, packet, NULL);
}

gboolean
sk_lv_stream_send(SkLvStream *self, const void *bytes, gsize length)
{
    const guint8 *at = bytes;
    g_assert(self->begun && !self->eof);
    while (length > 0) {
        gsize piece = MIN(length, PIECE_MAX);
        send_piece(self, SK_LV_CONTINUE, at, piece);
        at += piece;
        length -= piece;
    }
    return has_room(self);
}

gboolean
sk_lv_stream_send_hole(SkLvStream *self, guint64 length)
{
    SkLvHeader header = self->header;
    GByteArray *packet = sk_lv_packet_new();
    g_assert(self->begun && !self->eof);
    header.type = SK_LV_HOLE;
    sk_xdr_put_i64(packet, (gint64) length);
    sk_xdr_put_u32(packet, 0);
    sk_lv_connection_send(self->connection, &header, packet, NULL);
    return has_room(self);
}

void
sk_lv_stream_eof(SkLvStream *self)
{
    if (self->eof || self->finishing)
        return;
    self->eof = TRUE;
    send_piece(self, SK_LV_CONTINUE, NULL, 0);
}

void
sk_lv_stream_fail(SkLvStream *self, GError *error)
{
    sk_lv_connection_send_error(self->connection, &self->header, SK_LV_FROM_STREAMS, error);
    g_clear_error(&error);
    SkLvConnection *connection = self->connection;
    drop(self, FALSE);
    sk_lv_connection_resume_later(connection);
}

void
sk_lv_stream_finish(SkLvStream *self, GError *error)
{
    if (error != NULL) {
        sk_lv_stream_fail(self, error);
        return;
    }
    SkLvConnection *connection = self->connection;
    send_piece(self, SK_LV_OK, NULL, 0);
    drop(self, TRUE);
    sk_lv_connection_resume_later(connection);
}

void
sk_lv_streams_drained(SkLvConnection *connection)
{
    if (connection->streams == NULL || g_hash_table_size(connection->streams) == 0)
        return;
    g_autoptr(GList) serials = g_hash_table_get_keys(connection->streams);
    for (GList *at = serials; at != NULL && connection->server != NULL; at = at->next) {
        SkLvStream *stream = g_hash_table_lookup(connection->streams, at->data);
        if (stream == NULL || !stream->waits)
            continue;
        stream->waits = FALSE;
        if (stream->funcs->room != NULL && !stream->eof)
            stream->funcs->room(stream);
    }
}

/* -- from the client ------------------------------------------------------------------------------------------------------- */

/* FALSE: the stream is gone. */
static gboolean
deliver(SkLvStream *self, const Pending *message)
{
    GError *error = NULL;
    gboolean ok = TRUE;
    if (message->end) {
        self->finishing = TRUE;
        if (self->funcs->finish == NULL) {
            sk_lv_stream_finish(self, NULL);
            return FALSE;
        }
        self->funcs->finish(self);
        return FALSE; /* it may be gone, and nothing comes after it */
    }
    if (message->bytes != NULL) {
        gsize length;
        const guint8 *bytes = g_bytes_get_data(message->bytes, &length);
        ok = self->funcs->data != NULL ? self->funcs->data(self, bytes, length, &error) :
             sk_fail(&error, SK_ERROR_INVALID, "nothing can be sent on this stream");
    } else {
        ok = self->funcs->hole != NULL ? self->funcs->hole(self, message->hole, &error) :
             sk_fail(&error, SK_ERROR_INVALID, "holes were not asked for when this stream was opened");
    }
    if (!ok)
        sk_lv_stream_fail(self, error);
    return ok;
}

static void
keep(SkLvStream *self, Pending *message)
{
    g_queue_push_tail(&self->pending, message);
    self->pending_bytes += message->bytes != NULL ? g_bytes_get_size(message->bytes) : sizeof *message;
    if (self->pending_bytes > PENDING_MAX && !self->holds_connection) {
        self->holds_connection = TRUE;
        self->connection->holds++;
    }
}

static void
take(SkLvStream *self, Pending *message)
{
    if (self->held || self->pending.length > 0) {
        keep(self, message);
        return;
    }
    deliver(self, message);
    free_pending(message);
}

void
sk_lv_stream_hold(SkLvStream *self, gboolean hold)
{
    self->held = hold;
    while (!self->held && self->pending.length > 0) {
        Pending *message = g_queue_pop_head(&self->pending);
        self->pending_bytes -= message->bytes != NULL ? g_bytes_get_size(message->bytes) : sizeof *message;
        gboolean goes_on = deliver(self, message);
        free_pending(message);
        if (!goes_on)
            return;
    }
    if (self->pending_bytes < PENDING_MAX / 2 && self->holds_connection) {
        release_connection(self);
        sk_lv_connection_resume_later(self->connection);
    }
}

static void
take_hole(SkLvStream *self, const guint8 *payload, gsize length)
{
    SkXdrReader reader = { .at = payload, .end = payload + length };
    guint64 hole;
    guint32 flags;
    if (!sk_xdr_get_u64(&reader, &hole) || !sk_xdr_get_u32(&reader, &flags) || (gint64) hole < 0) {
        sk_lv_stream_fail(self, g_error_new(SK_ERROR, SK_ERROR_INVALID, "the hole in the stream has no length"));
        return;
    }
    Pending *message = g_new0(Pending, 1);
    message->hole = hole;
    take(self, message);
}

/* The client wants no more: what is on its way is for nothing. */
static void
abort_stream(SkLvStream *self)
{
    SkLvConnection *connection = self->connection;
    send_piece(self, SK_LV_OK, NULL, 0);
    drop(self, FALSE);
    sk_lv_connection_resume_later(connection);
}

void
sk_lv_stream_take(SkLvConnection *connection, const SkLvHeader *header, const guint8 *payload, gsize length)
{
    SkLvStream *self = connection->streams != NULL ? g_hash_table_lookup(connection->streams, GUINT_TO_POINTER(header->serial)) : NULL;
    /* What was sent before the client learned of the stream's end is dropped. */
    if (self == NULL || self->header.procedure != header->procedure || self->header.program != header->program)
        return;
    if (header->status == SK_LV_ERROR_STATUS) {
        abort_stream(self);
    } else if (self->finishing) {
        return;
    } else if (header->type == SK_LV_HOLE) {
        take_hole(self, payload, length);
    } else if (header->status == SK_LV_OK || length > 0) {
        Pending *message = g_new0(Pending, 1);
        message->end = header->status == SK_LV_OK;
        if (!message->end)
            message->bytes = g_bytes_new(payload, length);
        take(self, message);
    }
}
