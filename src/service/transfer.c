/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* volume.upload, image.upload and volume.download: pieces between a front door and the storage trade. */
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"
#include "service/image.h"
#include "service/pool.h"
#include "storage/image.h"
#include "storage/pool.h"
#include "storage/transfer.h"

/* -- upload ------------------------------------------------------------------------------------------------------ */

struct SkUpload {
    SkService *service;
    SkCall *call;           /* the front door's; answered by finish */
    SkPoolSpec *pool;       /* volume.upload */
    SkImageImport import;   /* image.upload: what to make of what came */
    char *dir, *name;
    char **roots;
    guint64 offset;
    SkStorageWriter *writer; /* opened by the first piece, on a worker */
    GBytes *piece;
    SkVolume *volume;
    SkImage *image;
    SkUploadReady ready;
    gpointer data;
    GError *error;
    gboolean busy;          /* a worker has it */
    gboolean dropped;       /* the client vanished meanwhile */
};

static void
free_upload(SkUpload *self)
{
    sk_storage_writer_abort(self->writer, TRUE);
    sk_value_free(&sk_pool_spec_type, self->pool);
    sk_value_free(&sk_volume_type, self->volume);
    sk_value_free(&sk_image_type, self->image);
    g_free(self->import.name);
    g_free(self->import.url);
    g_free(self->dir);
    g_free(self->name);
    g_strfreev(self->roots);
    g_clear_pointer(&self->piece, g_bytes_unref);
    g_clear_error(&self->error);
    g_free(self);
}

SkUpload *
sk_service_upload_begin(SkService *self, SkCall *call, gint64 total, GError **error)
{
    gboolean is_image = call->op->id == SK_OP_IMAGE_UPLOAD;
    SkPool *pool = is_image ? NULL : sk_service_active_pool(self, call->params.name, error);
    const char *name = is_image ? call->params.name : call->params.volume;
    if (!is_image && pool == NULL)
        return NULL;
    if (!sk_check_name(name, "name", error))
        return NULL;
    if (is_image ? g_tree_lookup(self->images, name) != NULL : g_tree_lookup(pool->volumes, name) != NULL) {
        sk_fail(error, SK_ERROR_EXISTS, "there is a%s \"%s\" already", is_image ? "n image" : " volume", name);
        return NULL;
    }
    if (pool != NULL && total > 0 && (guint64) total > pool->status.available) {
        g_autofree char *size = sk_size_format((guint64) total);
        g_autofree char *room = sk_size_format(pool->status.available);
        sk_fail(error, SK_ERROR_NO_SPACE, "pool \"%s\" has %s left, and the upload is %s", pool->spec->name, room, size);
        return NULL;
    }
    SkUpload *upload = g_new0(SkUpload, 1);
    upload->service = self;
    upload->call = call;
    upload->pool = pool != NULL ? sk_value_copy(&sk_pool_spec_type, pool->spec) : NULL;
    upload->dir = g_strdup(is_image ? self->images_dir : pool->spec->path);
    upload->name = g_strdup(name);
    upload->roots = sk_service_storage_roots(self);
    upload->offset = call->params.offset;
    return upload;
}

gboolean
sk_service_upload_offset(SkService *self, SkCall *call, guint64 *out_offset, GError **error)
{
    gboolean is_image = call->op->object != NULL && g_str_equal(call->op->object, "image");
    SkPool *pool = is_image ? NULL : sk_service_active_pool(self, call->params.name, error);
    const char *name = is_image ? call->params.name : call->params.volume;
    if ((!is_image && pool == NULL) || !sk_check_name(name, "name", error))
        return FALSE;
    *out_offset = sk_storage_upload_offset(is_image ? self->images_dir : pool->spec->path, name);
    return TRUE;
}

static gboolean
open_writer(SkUpload *self)
{
    if (self->writer == NULL)
        self->writer = self->pool != NULL ? sk_storage_volume_upload(self->pool, self->name, self->offset, &self->error)
                                          : sk_storage_writer_open(self->dir, self->name, self->offset, &self->error);
    return self->writer != NULL;
}

static void
tell_ready(gpointer data)
{
    SkUpload *self = data;
    self->busy = FALSE;
    g_clear_pointer(&self->piece, g_bytes_unref);
    if (self->dropped)
        sk_upload_abort(self);
    else
        self->ready(self->error, self->data);
}

static void
write_piece(gpointer data, gpointer unused)
{
    SkUpload *self = data;
    gsize length;
    const void *bytes = g_bytes_get_data(self->piece, &length);
    (void) unused;
    if (open_writer(self))
        sk_storage_writer_write(self->writer, bytes, length, &self->error);
    sk_main_post(tell_ready, self);
}

void
sk_upload_write(SkUpload *self, GBytes *piece, SkUploadReady ready, gpointer data)
{
    self->piece = g_bytes_ref(piece);
    self->ready = ready;
    self->data = data;
    self->busy = TRUE;
    sk_worker_run(write_piece, self);
}

/* -- the end of an upload -------------------------------------------------------------------------------------------- */

static gboolean
finish_volume(SkUpload *self)
{
    const SkStorageContext context = { .roots = (const char *const *) self->roots };
    if (!sk_storage_writer_finish(g_steal_pointer(&self->writer), &context, &self->error))
        return FALSE;
    self->volume = sk_storage_volume_lookup(self->pool, self->name, &self->error);
    return self->volume != NULL;
}

static gboolean
finish_image(SkUpload *self)
{
    const SkStorageContext context = { .roots = (const char *const *) self->roots };
    self->import.url = sk_storage_writer_finish_part(g_steal_pointer(&self->writer), &self->error);
    if (self->import.url == NULL)
        return FALSE;
    self->import.name = g_strdup(self->name);
    self->image = sk_storage_image_import(self->dir, &self->import, TRUE, &context, &self->error);
    return self->image != NULL;
}

static void
commit_upload(gpointer data)
{
    SkUpload *self = data;
    SkPool *pool = self->pool != NULL ? g_tree_lookup(self->service->pools, self->pool->name) : NULL;
    if (self->volume != NULL && !self->dropped)
        sk_json_write(self->call->answer, &sk_volume_type, self->volume, NULL, 0);
    if (self->image != NULL && !self->dropped)
        sk_json_write(self->call->answer, &sk_image_type, self->image, NULL, 0);
    if (self->volume != NULL && pool != NULL)
        sk_pool_take_volume(pool, g_steal_pointer(&self->volume));
    if (self->image != NULL)
        sk_service_take_image(self->service, g_steal_pointer(&self->image));
    if (!self->dropped)
        self->ready(self->error, self->data);
    free_upload(self);
}

static void
finish_on_worker(gpointer data, gpointer unused)
{
    SkUpload *self = data;
    (void) unused;
    /* An upload of nothing is an empty file, and is refused or taken by the same rules. */
    if (open_writer(self)) {
        if (self->pool != NULL)
            finish_volume(self);
        else
            finish_image(self);
    }
    sk_main_post(commit_upload, self);
}

void
sk_upload_finish(SkUpload *self, SkUploadReady ready, gpointer data)
{
    self->ready = ready;
    self->data = data;
    self->busy = TRUE;
    sk_worker_run(finish_on_worker, self);
}

static void
abort_on_worker(gpointer data, gpointer unused)
{
    (void) unused;
    free_upload(data);
}

void
sk_upload_abort(SkUpload *self)
{
    if (self == NULL)
        return;
    self->dropped = TRUE;
    if (!self->busy)
        sk_worker_run(abort_on_worker, self);
}

/* -- download ------------------------------------------------------------------------------------------------------------ */

struct SkDownload {
    SkStorageReader *reader;
    guint64 offset;
    gsize length;
    GBytes *piece;
    GError *error;
    guint64 zeros;
    SkDownloadPiece ready;
    SkDownloadExtent extent_ready; /* instead of ready */
    gpointer data;
    gboolean busy, dropped;
};

SkDownload *
sk_service_download_begin(SkService *self, SkCall *call, guint64 *out_size, GError **error)
{
    SkPool *pool = sk_service_active_pool(self, call->params.name, error);
    const SkVolume *volume = pool != NULL ? sk_pool_volume(pool, call->params.volume, error) : NULL;
    if (volume == NULL)
        return NULL;
    const char *writer = g_hash_table_lookup(self->disk_writers, volume->path);
    if (writer != NULL) {
        sk_fail(error, SK_ERROR_IN_USE, "volume \"%s\" is in use: domain \"%s\" is running on it", volume->name, writer);
        return NULL;
    }
    g_autoptr(SkStorageReader) reader = sk_storage_volume_download(pool->spec, volume->name, error);
    if (reader == NULL)
        return NULL;
    SkDownload *download = g_new0(SkDownload, 1);
    *out_size = sk_storage_reader_size(reader);
    download->reader = g_steal_pointer(&reader);
    return download;
}

static void
free_download(SkDownload *self)
{
    g_clear_pointer(&self->reader, sk_storage_reader_free);
    g_clear_pointer(&self->piece, g_bytes_unref);
    g_clear_error(&self->error);
    g_free(self);
}

static void
tell_piece(gpointer data)
{
    SkDownload *self = data;
    self->busy = FALSE;
    if (self->dropped) {
        free_download(self);
        return;
    }
    g_autoptr(GBytes) piece = g_steal_pointer(&self->piece);
    g_autoptr(GError) error = g_steal_pointer(&self->error);
    if (self->extent_ready != NULL)
        self->extent_ready(piece, self->zeros, error, self->data);
    else
        self->ready(piece, error, self->data);
}

/* Sets zeros and gives TRUE if there is a hole; else length becomes that of the data there. */
static gboolean
find_hole(SkDownload *self)
{
    gboolean hole;
    guint64 length;
    if (!sk_storage_reader_extent(self->reader, self->offset, &hole, &length, &self->error))
        return FALSE;
    self->zeros = hole ? length : 0;
    if (!hole)
        self->length = (gsize) MIN((guint64) self->length, length);
    return hole;
}

static void
read_piece(gpointer data, gpointer unused)
{
    SkDownload *self = data;
    (void) unused;
    self->zeros = 0;
    if (self->extent_ready != NULL && find_hole(self))
        self->piece = g_bytes_new(NULL, 0);
    else if (self->error == NULL)
        self->piece = sk_storage_reader_read(self->reader, self->offset, self->length, &self->error);
    sk_main_post(tell_piece, self);
}

void
sk_download_read_sparse(SkDownload *self, guint64 offset, gsize length, SkDownloadExtent ready, gpointer data)
{
    self->extent_ready = ready;
    sk_download_read(self, offset, length, NULL, data);
}

void
sk_download_read(SkDownload *self, guint64 offset, gsize length, SkDownloadPiece ready, gpointer data)
{
    self->offset = offset;
    self->length = length;
    self->ready = ready;
    self->data = data;
    self->busy = TRUE;
    sk_worker_run(read_piece, self);
}

void
sk_download_free(SkDownload *self)
{
    if (self == NULL)
        return;
    self->dropped = TRUE;
    if (!self->busy)
        free_download(self);
}
