/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Live pools: finding them, their volumes in memory, reads. Their jobs are in pool-jobs.c. */
#include "service/pool.h"

#include "base/error.h"
#include "service/disk-users.h"

void
sk_pool_free(gpointer pool)
{
    SkPool *self = pool;
    if (self == NULL)
        return;
    sk_value_free(&sk_pool_spec_type, self->spec);
    sk_value_clear(&sk_pool_status_type, &self->status);
    g_tree_unref(self->volumes);
    g_free(self);
}

/* -- finding ------------------------------------------------------------------------------------------------ */

SkPool *
sk_service_pool(SkService *self, const char *name, GError **error)
{
    SkPool *pool = g_tree_lookup(self->pools, name);
    if (pool == NULL)
        sk_fail(error, SK_ERROR_NO_POOL, "there is no storage pool \"%.128s\"", name);
    return pool;
}

SkPool *
sk_service_active_pool(SkService *self, const char *name, GError **error)
{
    SkPool *pool = sk_service_pool(self, name, error);
    if (pool != NULL && !pool->status.active) {
        sk_fail(error, SK_ERROR_STATE, "storage pool \"%s\" is not active: start it with `skep pool start %s`", name, name);
        return NULL;
    }
    return pool;
}

SkVolume *
sk_pool_volume(SkPool *self, const char *name, GError **error)
{
    SkVolume *volume = g_tree_lookup(self->volumes, name);
    if (volume == NULL)
        sk_fail(error, SK_ERROR_NO_VOLUME, "there is no volume \"%.128s\" in pool \"%s\"", name, self->spec->name);
    return volume;
}

SkPool *
sk_service_pool_at(SkService *self, const char *path)
{
    for (GTreeNode *node = g_tree_node_first(self->pools); node != NULL; node = g_tree_node_next(node)) {
        SkPool *pool = g_tree_node_value(node);
        if (g_str_equal(pool->spec->path, path))
            return pool;
    }
    return NULL;
}

SkVolume *
sk_service_volume_at(SkService *self, const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    SkPool *pool = sk_service_pool_at(self, dir);
    return pool != NULL ? g_tree_lookup(pool->volumes, name) : NULL;
}

char **
sk_service_storage_roots(SkService *self)
{
    GPtrArray *roots = g_ptr_array_new();
    g_ptr_array_add(roots, g_strdup(self->images_dir));
    for (GTreeNode *node = g_tree_node_first(self->pools); node != NULL; node = g_tree_node_next(node))
        g_ptr_array_add(roots, g_strdup(((SkPool *) g_tree_node_value(node))->spec->path));
    g_ptr_array_add(roots, NULL);
    return (char **) g_ptr_array_free(roots, FALSE);
}

/* -- volumes in memory ----------------------------------------------------------------------------------------- */

static void
tell_volume(SkPool *self, const char *type, const char *name)
{
    g_autofree char *object = g_strdup_printf("volume/%s/%s", self->spec->name, name);
    sk_events_emit(self->service->events, type, object, NULL, NULL);
}

void
sk_pool_take_volume(SkPool *self, SkVolume *volume)
{
    gboolean is_new = g_tree_lookup(self->volumes, volume->name) == NULL;
    g_free(volume->pool);
    volume->pool = g_strdup(self->spec->name);
    g_tree_replace(self->volumes, g_strdup(volume->name), volume);
    self->status.volumes = (guint) g_tree_nnodes(self->volumes);
    tell_volume(self, is_new ? "volume.created" : "volume.changed", volume->name);
    sk_pool_restat(self);
}

void
sk_pool_forget_volume(SkPool *self, const char *name)
{
    if (g_tree_lookup(self->volumes, name) == NULL)
        return;
    tell_volume(self, "volume.deleted", name);
    g_tree_remove(self->volumes, name);
    self->status.volumes = (guint) g_tree_nnodes(self->volumes);
    sk_pool_restat(self);
}

static gboolean
tell_gone(gpointer name, gpointer volume, gpointer data)
{
    (void) volume;
    tell_volume(data, "volume.deleted", name);
    return FALSE;
}

void
sk_pool_forget_all(SkPool *self)
{
    g_tree_foreach(self->volumes, tell_gone, self);
    g_tree_remove_all(self->volumes);
    self->status.volumes = 0;
}

/* -- reads -------------------------------------------------------------------------------------------------------- */

static void
write_pool(SkService *self, GString *out, gconstpointer object, const SkCall *call)
{
    const SkPool *pool = object;
    g_autofree char *etag = g_strdup_printf("%" G_GUINT64_FORMAT, pool->revision);
    SkPoolView view = { .spec = *pool->spec, .status = pool->status, .etag = etag };
    view.status.transient = pool->transient;
    sk_json_write(out, &sk_pool_view_type, &view, (const char *const *) call->params.fields, 0);
}

gboolean
sk_handle_pool_list(SkService *self, SkCall *call, GError **error)
{
    (void) error;
    sk_list_tree(self, call, self->pools, NULL, write_pool);
    return TRUE;
}

gboolean
sk_handle_pool_show(SkService *self, SkCall *call, GError **error)
{
    SkPool *pool = sk_service_pool(self, call->params.name, error);
    if (pool == NULL)
        return FALSE;
    call->etag = g_strdup_printf("%" G_GUINT64_FORMAT, pool->revision);
    write_pool(self, call->answer, pool, call);
    return TRUE;
}

/* used_by is found when shown: definitions change more often than volumes are listed. */
static void
write_volume(SkService *self, GString *out, gconstpointer object, const SkCall *call)
{
    const SkVolume *volume = object;
    g_auto(GStrv) users = sk_service_users_of_path(self, volume->path);
    SkVolume shown = *volume;
    shown.used_by = users;
    sk_json_write(out, &sk_volume_type, &shown, (const char *const *) call->params.fields, 0);
}

gboolean
sk_handle_volume_list(SkService *self, SkCall *call, GError **error)
{
    SkPool *pool = sk_service_pool(self, call->params.name, error);
    if (pool == NULL)
        return FALSE;
    sk_list_tree(self, call, pool->volumes, NULL, write_volume);
    return TRUE;
}

gboolean
sk_handle_volume_show(SkService *self, SkCall *call, GError **error)
{
    SkPool *pool = sk_service_pool(self, call->params.name, error);
    const SkVolume *volume = pool != NULL ? sk_pool_volume(pool, call->params.volume, error) : NULL;
    if (volume == NULL)
        return FALSE;
    write_volume(self, call->answer, volume, call);
    return TRUE;
}
