/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PUT .../data: the bytes of a volume or an image, written piece by piece. */
#include "api/rest/rest-private.h"

#include <stdio.h>

#include "base/error.h"
#include "service/streams.h"

/*
 * While a piece is being written the connection is suspended: TCP holds the client back, and no more than
 * a piece and MHD's buffer are in memory. HEAD tells by Upload-Offset how far a cut upload came; PUT with
 * ?offset= goes on from there.
 */

#define PIECE_BYTES (256 * 1024)

typedef struct {
    SkRestRequest *request; /* NULL: the client is gone, and the last write is waited for */
    SkCall *call;           /* the request's; ours when the client is gone */
    SkUpload *upload;       /* NULL: finished, or aborted */
    GByteArray *piece;      /* what has come since the last write */
    GError *error;          /* the write failed: told with the next piece, or at the end */
    gboolean writing;       /* ready has not come yet */
    gboolean all_came;
} Upload;

static void
free_upload(Upload *self)
{
    if (self->upload != NULL)
        sk_upload_abort(self->upload);
    if (self->request == NULL)
        sk_call_free(self->call);
    g_byte_array_unref(self->piece);
    g_clear_error(&self->error);
    g_free(self);
}

/* -- the end ------------------------------------------------------------------------------------------------ */

static void
on_finished(const GError *error, gpointer data)
{
    Upload *self = data;
    self->writing = FALSE;
    if (self->request == NULL)
        free_upload(self);
    else
        sk_rest_answer_call(self->request, self->call, error);
}

static void
finish_upload(Upload *self)
{
    if (self->error != NULL) {
        sk_rest_answer_error(self->request, 0, self->error);
        return;
    }
    self->writing = TRUE;
    sk_upload_finish(g_steal_pointer(&self->upload), on_finished, self);
}

/* -- pieces --------------------------------------------------------------------------------------------------- */

static void
on_written(const GError *error, gpointer data)
{
    Upload *self = data;
    self->writing = FALSE;
    if (self->request == NULL) {
        free_upload(self);
        return;
    }
    if (error != NULL)
        self->error = g_error_copy(error);
    if (self->all_came)
        finish_upload(self);
    else
        sk_rest_request_resume(self->request);
}

static void
write_piece(Upload *self)
{
    g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(self->piece);
    self->piece = g_byte_array_new();
    self->writing = TRUE;
    sk_upload_write(self->upload, bytes, on_written, self);
}

static gboolean
take_piece(SkRestRequest *request, const void *bytes, gsize length, GError **error)
{
    Upload *self = request->stream;
    if (self->error != NULL) {
        g_propagate_error(error, g_error_copy(self->error));
        return FALSE;
    }
    g_byte_array_append(self->piece, bytes, (guint) length);
    if (self->piece->len < PIECE_BYTES)
        return TRUE;
    write_piece(self);
    if (self->writing)
        sk_rest_request_suspend(request);
    return TRUE;
}

static void
all_came(SkRestRequest *request)
{
    Upload *self = request->stream;
    self->all_came = TRUE;
    if (self->piece->len > 0 && self->error == NULL)
        write_piece(self);
    else
        finish_upload(self);
}

/* -- the kind -------------------------------------------------------------------------------------------------- */

/* Bytes to come; -1: the client does not say. */
static gint64
total(SkRestRequest *request)
{
    guint64 length;
    const char *text = sk_rest_request_header(request, "Content-Length");
    return text != NULL && g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &length, NULL) ? (gint64) length : -1;
}

gboolean
sk_rest_answer_upload_offset(SkRestRequest *request, GError **error)
{
    guint64 offset;
    char text[32];
    if (!sk_service_upload_offset(request->rest->service, request->call, &offset, error))
        return FALSE;
    snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, offset);
    sk_rest_answer_text(request, MHD_HTTP_OK, NULL, g_strdup(""), 0);
    MHD_add_response_header(request->response, "Upload-Offset", text);
    return TRUE;
}

static gboolean
begin(SkRestRequest *request, GError **error)
{
    if (request->head)
        return sk_rest_answer_upload_offset(request, error);
    SkUpload *upload = sk_service_upload_begin(request->rest->service, request->call, total(request), error);
    if (upload == NULL)
        return FALSE;
    Upload *self = g_new0(Upload, 1);
    self->request = request;
    self->call = request->call;
    self->upload = upload;
    self->piece = g_byte_array_new();
    request->stream = self;
    return TRUE;
}

static void
end(SkRestRequest *request)
{
    Upload *self = g_steal_pointer(&request->stream);
    if (!self->writing) {
        free_upload(self);
        return;
    }
    /* The writer still has the call. */
    self->request = NULL;
    request->call = NULL;
}

const SkRestStreamKind sk_rest_upload_kind = { .begin = begin, .piece = take_piece, .finish = all_came, .end = end };
