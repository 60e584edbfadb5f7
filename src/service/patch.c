/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing into a volume that is there: pieces between a front door and the storage trade. */
#include "base/error.h"
#include "base/thread.h"
#include "service/pool.h"
#include "storage/pool.h"
#include "storage/transfer.h"

struct SkPatch {
    SkService *service;
    SkPoolSpec *pool;
    char *name;
    char **roots;
    guint64 offset;
    SkStoragePatch *file;   /* opened on a worker */
    void (*step)(SkPatch *self);
    GBytes *piece;
    guint64 zeros;
    SkVolume *volume;       /* what it is at the end */
    GError *error;
    SkPatchReady ready;
    gpointer data;
    gboolean busy;          /* a worker has it */
    gboolean dropped;       /* nobody waits any more */
};

static void
free_patch(SkPatch *self)
{
    sk_storage_patch_free(self->file);
    sk_value_free(&sk_pool_spec_type, self->pool);
    sk_value_free(&sk_volume_type, self->volume);
    g_clear_pointer(&self->piece, g_bytes_unref);
    g_clear_error(&self->error);
    g_strfreev(self->roots);
    g_free(self->name);
    g_free(self);
}

/* -- on a worker ------------------------------------------------------------------------------------------------- */

static void
open_step(SkPatch *self)
{
    const SkStorageContext context = { .roots = (const char *const *) self->roots };
    self->file = sk_storage_volume_patch(self->pool, self->name, self->offset, &context, &self->error);
}

static void
write_step(SkPatch *self)
{
    gsize length;
    if (self->piece == NULL) {
        sk_storage_patch_hole(self->file, self->zeros, &self->error);
        return;
    }
    const void *bytes = g_bytes_get_data(self->piece, &length);
    sk_storage_patch_write(self->file, bytes, length, &self->error);
    g_clear_pointer(&self->piece, g_bytes_unref);
}

/* The lock goes with the file, so that looking at the volume finds it free. */
static void
finish_step(SkPatch *self)
{
    const SkStorageContext context = { .roots = (const char *const *) self->roots };
    sk_storage_patch_finish(self->file, &context, &self->error);
    g_clear_pointer(&self->file, sk_storage_patch_free);
    self->volume = sk_storage_volume_lookup(self->pool, self->name, NULL);
}

static void
come_back(gpointer data)
{
    SkPatch *self = data;
    SkPool *pool = self->volume != NULL ? g_tree_lookup(self->service->pools, self->pool->name) : NULL;
    self->busy = FALSE;
    if (pool != NULL && pool->status.active)
        sk_pool_take_volume(pool, g_steal_pointer(&self->volume));
    if (self->dropped) {
        free_patch(self);
        return;
    }
    g_autoptr(GError) error = g_steal_pointer(&self->error);
    self->ready(error, self->data);
}

static void
work(gpointer data, gpointer unused)
{
    SkPatch *self = data;
    (void) unused;
    self->step(self);
    /* Who is told of a failure finds the volume free. */
    if (self->error != NULL)
        g_clear_pointer(&self->file, sk_storage_patch_free);
    sk_main_post(come_back, self);
}

static void
go(SkPatch *self, void (*step)(SkPatch *self), SkPatchReady ready, gpointer data)
{
    self->step = step;
    self->ready = ready;
    self->data = data;
    self->busy = TRUE;
    sk_worker_run(work, self);
}

/* -- on the main thread --------------------------------------------------------------------------------------------- */

SkPatch *
sk_service_patch_begin(SkService *self, const SkCall *call, guint64 offset, SkPatchReady ready, gpointer data, GError **error)
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
    SkPatch *patch = g_new0(SkPatch, 1);
    patch->service = self;
    patch->pool = sk_value_copy(&sk_pool_spec_type, pool->spec);
    patch->name = g_strdup(volume->name);
    patch->roots = sk_service_storage_roots(self);
    patch->offset = offset;
    go(patch, open_step, ready, data);
    return patch;
}

void
sk_patch_write(SkPatch *self, GBytes *piece, guint64 zeros, SkPatchReady ready, gpointer data)
{
    self->piece = piece;
    self->zeros = zeros;
    go(self, write_step, ready, data);
}

void
sk_patch_finish(SkPatch *self, SkPatchReady ready, gpointer data)
{
    go(self, finish_step, ready, data);
}

/* Closing what was written to may take its time: not here. */
static void
free_on_worker(gpointer data, gpointer unused)
{
    SkPatch *self = data;
    (void) unused;
    g_clear_pointer(&self->file, sk_storage_patch_free);
    self->volume = sk_storage_volume_lookup(self->pool, self->name, NULL);
    sk_main_post(come_back, self);
}

void
sk_patch_free(SkPatch *self)
{
    if (self == NULL)
        return;
    self->dropped = TRUE;
    if (!self->busy)
        sk_worker_run(free_on_worker, self);
}
