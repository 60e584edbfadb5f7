/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files that states of disks are in. */
#include "service/snapshot-files.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "service/disk-users.h"
#include "storage/chain.h"
#include "storage/pool.h"

char *
sk_snapshot_real(const char *path)
{
    char *real = realpath(path, NULL);
    char *copy = g_strdup(real != NULL ? real : path);
    free(real);
    return copy;
}

/* -- finding ----------------------------------------------------------------------------------------------------- */

static gboolean
add_chain(SkSnapshotFiles *self, const SkSnapshotSite *site, const char *path, gint format, gboolean live, GError **error)
{
    g_autoptr(GPtrArray) layers = NULL;
    if (!sk_storage_open_chain(path, format, FALSE, (const char *const *) site->roots, &layers, error))
        return FALSE;
    for (guint i = 0; i < layers->len; i++) {
        const SkChainLayer *layer = layers->pdata[i], *next = i + 1 < layers->len ? layers->pdata[i + 1] : NULL;
        g_hash_table_replace(self->below, g_strdup(layer->path), g_strdup(next != NULL ? next->path : NULL));
        if (live)
            g_hash_table_add(self->live, g_strdup(layer->path));
    }
    g_hash_table_add(self->ends, g_strdup(((const SkChainLayer *) layers->pdata[0])->path));
    return TRUE;
}

/* One that is not there any more is as if it were not named. */
static gboolean
add_named(SkSnapshotFiles *self, const SkSnapshotSite *site, const char *path, gint format, gboolean live, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (path == NULL || !g_file_test(path, G_FILE_TEST_EXISTS) || add_chain(self, site, path, format, live, &why))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
add_disk_of(SkSnapshotFiles *self, const SkSnapshotSite *site, const SkDomainSpec *spec, const char *target, gboolean live, GError **error)
{
    const SkDisk *disk = spec != NULL ? sk_domain_spec_find_disk(spec, target) : NULL;
    return disk == NULL || disk->source == SK_SOURCE_NONE || add_named(self, site, disk->path, disk->format, live, error);
}

gboolean
sk_snapshot_files_find(SkSnapshotFiles *self, const SkSnapshotSite *site, const GPtrArray *known, const SkSnapshot *but, const char *target,
                       gboolean now, GError **error)
{
    sk_assert_worker();
    self->below = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    self->live = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->ends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < known->len; i++) {
        const SkSnapshot *snapshot = known->pdata[i];
        const SkSnapshotDisk *disk = snapshot != but ? sk_snapshot_find_disk(snapshot, target) : NULL;
        if (disk != NULL && disk->kind != SK_SNAPSHOT_LEFT_OUT && !add_named(self, site, disk->path, disk->format, FALSE, error))
            return FALSE;
    }
    return !now || (add_disk_of(self, site, site->spec, target, FALSE, error) && add_disk_of(self, site, site->live, target, TRUE, error));
}

void
sk_snapshot_files_clear(SkSnapshotFiles *self)
{
    g_clear_pointer(&self->below, g_hash_table_unref);
    g_clear_pointer(&self->live, g_hash_table_unref);
    g_clear_pointer(&self->ends, g_hash_table_unref);
}

/* -- questions ------------------------------------------------------------------------------------------------------ */

gboolean
sk_snapshot_files_has(const SkSnapshotFiles *self, const char *path)
{
    return g_hash_table_contains(self->below, path);
}

gboolean
sk_snapshot_files_is_over(const SkSnapshotFiles *self, const char *upper, const char *lower)
{
    return g_strcmp0(g_hash_table_lookup(self->below, upper), lower) == 0;
}

static gint
compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

GPtrArray *
sk_snapshot_files_over(const SkSnapshotFiles *self, const char *path)
{
    GPtrArray *found = g_ptr_array_new();
    GHashTableIter iter;
    gpointer upper, lower;
    g_hash_table_iter_init(&iter, self->below);
    while (g_hash_table_iter_next(&iter, &upper, &lower)) {
        if (g_strcmp0(lower, path) == 0)
            g_ptr_array_add(found, upper);
    }
    g_ptr_array_sort(found, compare_paths);
    return found;
}

char *
sk_snapshot_files_stranger(const SkSnapshotFiles *self, const SkSnapshotSite *site, const char *path)
{
    g_autoptr(GPtrArray) overlays = sk_storage_overlays_of(path, (const char *const *) site->roots);
    for (guint i = 0; i < overlays->len; i++) {
        g_autofree char *real = sk_snapshot_real(overlays->pdata[i]);
        if (!sk_snapshot_files_has(self, real))
            return g_steal_pointer(&real);
    }
    return NULL;
}

typedef struct {
    const SkSnapshotSite *site;
    const char *path;
    char *user;
} Asking;

static void
ask(gpointer data)
{
    Asking *self = data;
    g_auto(GStrv) users = sk_service_users_of_path(self->site->domain->service, self->path);
    for (guint i = 0; users != NULL && users[i] != NULL && self->user == NULL; i++) {
        if (!g_str_equal(users[i], sk_domain_name(self->site->domain)))
            self->user = g_strdup(users[i]);
    }
}

char *
sk_snapshot_other_user(const SkSnapshotSite *site, const char *path)
{
    Asking asking = { .site = site, .path = path };
    sk_main_call(ask, &asking);
    return asking.user;
}
