/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET .../data: the bytes of a volume, read piece by piece. */
#include "api/rest/rest-private.h"

#include <stdio.h>
#include <string.h>

#include "api/rest/range.h"
#include "base/error.h"
#include "service/streams.h"

/* While a piece is being read the connection is suspended; one piece is in memory. */

#define PIECE_BYTES (256 * 1024)

typedef struct {
    SkRestRequest *request; /* NULL: the client is gone, and the last read is waited for */
    SkCall *call;           /* the request's; ours when the client is gone */
    SkDownload *download;
    guint64 first, length;  /* what is sent of the volume */
    guint64 at;             /* where the piece begins, of the volume */
    GBytes *piece;          /* or NULL */
    gboolean reading, failed;
} Download;

static void
free_download(Download *self)
{
    sk_download_free(self->download);
    if (self->request == NULL)
        sk_call_free(self->call);
    g_clear_pointer(&self->piece, g_bytes_unref);
    g_free(self);
}

static void
on_piece(GBytes *piece, const GError *error, gpointer data)
{
    Download *self = data;
    self->reading = FALSE;
    if (self->request == NULL) {
        free_download(self);
        return;
    }
    /* The header has gone out: all that can be done is to break off. */
    if (error != NULL || g_bytes_get_size(piece) == 0) {
        g_info("download by %s broke off: %s", self->request->connection->from, error != NULL ? error->message : "the volume shrank");
        self->failed = TRUE;
    } else {
        self->piece = g_bytes_ref(piece);
    }
    sk_rest_request_resume(self->request);
}

static void
read_piece(Download *self, guint64 at)
{
    guint64 left = self->first + self->length - at;
    g_clear_pointer(&self->piece, g_bytes_unref);
    self->at = at;
    self->reading = TRUE;
    sk_download_read(self->download, at, (gsize) MIN(left, PIECE_BYTES), on_piece, self);
}

/* MHD asks for more, from position on. */
static ssize_t
on_read(void *cls, uint64_t position, char *buffer, size_t max)
{
    SkRestRequest *request = cls;
    Download *self = request->stream;
    guint64 at;
    if (self == NULL || self->failed || request->rest->closing)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    at = self->first + position;
    if (!self->reading && (self->piece == NULL || at >= self->at + g_bytes_get_size(self->piece)))
        read_piece(self, at);
    if (self->failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (self->reading) {
        sk_rest_request_suspend(request);
        return 0;
    }
    gsize size, skip = (gsize) (at - self->at);
    const guint8 *bytes = g_bytes_get_data(self->piece, &size);
    gsize length = MIN(max, size - skip);
    memcpy(buffer, bytes + skip, length);
    return (ssize_t) length;
}

/* -- the kind ------------------------------------------------------------------------------------------------ */

static void
answer_no_range(SkRestRequest *request, guint64 size)
{
    g_autoptr(GError) error = NULL;
    char text[64];
    sk_fail(&error, SK_ERROR_INVALID, "the range asked for lies behind the end: there are %" G_GUINT64_FORMAT " bytes", size);
    sk_rest_answer_error(request, MHD_HTTP_RANGE_NOT_SATISFIABLE, error);
    snprintf(text, sizeof text, "bytes */%" G_GUINT64_FORMAT, size);
    MHD_add_response_header(request->response, "Content-Range", text);
}

static void
answer(Download *self, guint64 size, gboolean partial)
{
    char text[96];
    struct MHD_Response *response = MHD_create_response_from_callback(self->length, PIECE_BYTES, on_read, self->request, NULL);
    sk_rest_add_headers(response, "application/octet-stream");
    MHD_add_response_header(response, "Accept-Ranges", "bytes");
    if (partial) {
        snprintf(text, sizeof text, "bytes %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, self->first,
                 self->first + self->length - 1, size);
        MHD_add_response_header(response, "Content-Range", text);
    }
    if (self->request->head && sk_service_upload_offset(self->request->rest->service, self->call, &size, NULL)) {
        snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, size);
        MHD_add_response_header(response, "Upload-Offset", text);
    }
    sk_rest_answer_response(self->request, partial ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, response);
}

static SkRangeResult
find_range(SkRestRequest *request, guint64 size, guint64 *out_first, guint64 *out_length)
{
    const char *range = sk_rest_request_header(request, "Range");
    guint64 offset = request->call->params.offset;
    g_autofree char *by_offset = NULL;
    if (range == NULL && offset > 0)
        range = by_offset = g_strdup_printf("bytes=%" G_GUINT64_FORMAT "-", offset);
    return sk_range_parse(range, size, out_first, out_length);
}

static void
end(SkRestRequest *request)
{
    Download *self = g_steal_pointer(&request->stream);
    if (!self->reading) {
        free_download(self);
        return;
    }
    /* The reader still has the call. */
    self->request = NULL;
    request->call = NULL;
}

static gboolean
begin(SkRestRequest *request, GError **error)
{
    guint64 size = 0;
    g_autoptr(GError) why = NULL;
    SkDownload *download = sk_service_download_begin(request->rest->service, request->call, &size, &why);
    /* HEAD also tells how far an upload came of what is no volume yet. */
    if (download == NULL && request->head && sk_error_is(why, SK_ERROR_NO_VOLUME))
        return sk_rest_answer_upload_offset(request, error);
    if (download == NULL) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    Download *self = g_new0(Download, 1);
    self->request = request;
    self->call = request->call;
    self->download = download;
    request->stream = self;
    SkRangeResult range = find_range(request, size, &self->first, &self->length);
    if (range == SK_RANGE_OUTSIDE)
        answer_no_range(request, size);
    else
        answer(self, size, range == SK_RANGE_PART);
    return TRUE;
}

const SkRestStreamKind sk_rest_download_kind = { .begin = begin, .end = end };
