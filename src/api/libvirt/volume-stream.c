/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volumes through streams: bytes, and holes where the client knows of them. */
#include "api/libvirt/volume-stream.h"

#include "api/libvirt/objects.h"
#include "api/libvirt/private.h"
#include "api/libvirt/stream.h"
#include "base/error.h"
#include "service/streams.h"

enum { SPARSE = 1 };

#define PIECE_BYTES (256 * 1024 - 24)

/* The row's operation for "vol", its right judged and written down; NULL with an error. */
static SkCall *
operation(SkLvCall *call, GError **error)
{
    SkPool *pool = NULL;
    const SkVolume *volume = sk_lv_volume(call, "vol", &pool, error);
    if (volume == NULL || !sk_lv_check_flags(call, SPARSE, error))
        return NULL;
    g_autoptr(SkCall) op = sk_lv_operation(call, call->procedure->op);
    op->params.name = g_strdup(pool->spec->name);
    op->params.volume = g_strdup(volume->name);
    return sk_ops_permit(call->connection->server->ops, op, error) ? g_steal_pointer(&op) : NULL;
}

/* -- download ------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkLvStream *stream;
    SkDownload *download;
    guint64 offset, end;
    gboolean sparse, reading, over;
} Down;

static void go_on(Down *self);

static void
on_extent(GBytes *piece, guint64 zeros, const GError *error, gpointer data)
{
    Down *self = data;
    gsize length = 0;
    self->reading = FALSE;
    if (error != NULL) {
        sk_lv_stream_fail(self->stream, g_error_copy(error));
        return;
    }
    const void *bytes = g_bytes_get_data(piece, &length);
    zeros = MIN(zeros, self->end - self->offset);
    self->offset += zeros + length;
    /* It became shorter meanwhile: the end is where it ends now. */
    if (zeros == 0 && length == 0)
        self->end = self->offset;
    if (zeros > 0 ? sk_lv_stream_send_hole(self->stream, zeros) : length == 0 || sk_lv_stream_send(self->stream, bytes, length))
        go_on(self);
}

static void
on_piece(GBytes *piece, const GError *error, gpointer data)
{
    on_extent(piece, 0, error, data);
}

static void
go_on(Down *self)
{
    gsize length = (gsize) MIN(PIECE_BYTES, self->end - self->offset);
    if (self->reading || self->over)
        return;
    if (length == 0) {
        self->over = TRUE;
        sk_lv_stream_eof(self->stream);
        return;
    }
    self->reading = TRUE;
    if (self->sparse)
        sk_download_read_sparse(self->download, self->offset, length, on_extent, self);
    else
        sk_download_read(self->download, self->offset, length, on_piece, self);
}

static void
has_room(SkLvStream *stream)
{
    go_on(sk_lv_stream_data(stream));
}

static void
end_down(SkLvStream *stream, gboolean completed)
{
    Down *self = sk_lv_stream_data(stream);
    (void) completed;
    sk_download_free(self->download);
    g_free(self);
}

static const SkLvStreamFuncs down_funcs = { .room = has_room, .end = end_down };

gboolean
sk_lv_volume_download(SkLvCall *call, GError **error)
{
    guint64 offset = sk_lv_uint64(call, "offset"), length = sk_lv_uint64(call, "length"), size;
    g_autoptr(SkCall) op = operation(call, error);
    SkDownload *download = op != NULL ? sk_service_download_begin(call->service, op, &size, error) : NULL;
    if (download == NULL)
        return FALSE;
    Down *self = g_new0(Down, 1);
    self->download = download;
    self->offset = MIN(offset, size);
    self->end = length == 0 || length > size - self->offset ? size : self->offset + length;
    self->sparse = (sk_lv_uint(call, "flags") & SPARSE) != 0;
    self->stream = sk_lv_stream_open(call, &down_funcs, self, error);
    if (self->stream != NULL)
        return TRUE;
    sk_download_free(download);
    g_free(self);
    return FALSE;
}

/* -- upload ------------------------------------------------------------------------------------------------------------ */

typedef struct {
    SkLvCall *call;         /* waits until the volume is open; NULL: it was answered */
    SkLvStream *stream;
    SkPatch *patch;
    guint64 left;           /* bytes that may still come */
    gboolean sparse;
} Up;

static void
end_up(SkLvStream *stream, gboolean completed)
{
    Up *self = sk_lv_stream_data(stream);
    (void) completed;
    sk_patch_free(self->patch);
    g_free(self);
}

static void
on_written(const GError *error, gpointer data)
{
    Up *self = data;
    if (error != NULL)
        sk_lv_stream_fail(self->stream, g_error_copy(error));
    else
        sk_lv_stream_hold(self->stream, FALSE);
}

static gboolean
take(Up *self, GBytes *piece, guint64 length, GError **error)
{
    if (length > self->left) {
        g_clear_pointer(&piece, g_bytes_unref);
        return sk_fail(error, SK_ERROR_INVALID, "more was sent than the length of the upload that was asked for");
    }
    self->left -= length;
    sk_lv_stream_hold(self->stream, TRUE);
    sk_patch_write(self->patch, piece, length, on_written, self);
    return TRUE;
}

static gboolean
take_data(SkLvStream *stream, const guint8 *bytes, gsize length, GError **error)
{
    return take(sk_lv_stream_data(stream), g_bytes_new(bytes, length), length, error);
}

static gboolean
take_hole(SkLvStream *stream, guint64 length, GError **error)
{
    Up *self = sk_lv_stream_data(stream);
    return self->sparse ? take(self, NULL, length, error)
                        : sk_fail(error, SK_ERROR_INVALID, "a hole came, but a sparse upload was not asked for");
}

static void
on_finished(const GError *error, gpointer data)
{
    Up *self = data;
    sk_lv_stream_finish(self->stream, error != NULL ? g_error_copy(error) : NULL);
}

static void
finish_up(SkLvStream *stream)
{
    Up *self = sk_lv_stream_data(stream);
    sk_patch_finish(self->patch, on_finished, self);
}

static const SkLvStreamFuncs up_funcs = { .data = take_data, .hole = take_hole, .finish = finish_up, .end = end_up };

static void
on_open(const GError *error, gpointer data)
{
    Up *self = data;
    SkLvCall *call = g_steal_pointer(&self->call);
    GError *failed = error != NULL ? g_error_copy(error) : NULL;
    if (failed == NULL)
        self->stream = sk_lv_stream_open(call, &up_funcs, self, &failed);
    if (failed != NULL) {
        sk_patch_free(self->patch);
        g_free(self);
    }
    sk_lv_reply(call, failed);
}

gboolean
sk_lv_volume_upload(SkLvCall *call, GError **error)
{
    guint64 length = sk_lv_uint64(call, "length");
    g_autoptr(SkCall) op = operation(call, error);
    if (op == NULL)
        return FALSE;
    Up *self = g_new0(Up, 1);
    self->call = call;
    self->left = length != 0 ? length : G_MAXUINT64;
    self->sparse = (sk_lv_uint(call, "flags") & SPARSE) != 0;
    self->patch = sk_service_patch_begin(call->service, op, sk_lv_uint64(call, "offset"), on_open, self, error);
    if (self->patch != NULL)
        return sk_lv_later(call);
    g_free(self);
    return FALSE;
}
