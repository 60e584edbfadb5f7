/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The destination's disks whose content comes with their guest: what is not there is made. */
#include "service/migrate-private.h"

#include <string.h>

#include "base/error.h"
#include "base/undo.h"
#include "service/pool.h"
#include "storage/pool.h"

/* A file or volume that is there: it has to fit. */
typedef struct {
    char *target, *path;
    guint64 capacity;
    gint format;
    gboolean shallow;
} Existing;

static void
free_existing(gpointer data)
{
    Existing *self = data;
    g_free(self->target);
    g_free(self->path);
    g_free(self);
}

void
sk_migration_volumes_clear(SkMigrationVolumes *self)
{
    g_clear_pointer(&self->fresh, g_ptr_array_unref);
    g_clear_pointer(&self->there, g_ptr_array_unref);
    g_clear_pointer(&self->roots, g_strfreev);
}

/* -- plan --------------------------------------------------------------------------------------------------------------- */

/* The pool a disk is a volume of here, and its name there; NULL: there is none. */
static SkPool *
find_pool(SkService *service, const SkDisk *disk, char **out_name, GError **error)
{
    if (disk->source == SK_SOURCE_VOLUME && disk->volume != NULL) {
        *out_name = g_strdup(disk->volume);
        return sk_service_active_pool(service, disk->pool, error);
    }
    g_autofree char *dir = disk->path != NULL ? g_path_get_dirname(disk->path) : NULL;
    SkPool *pool = dir != NULL ? sk_service_pool_at(service, dir) : NULL;
    if (pool == NULL) {
        sk_fail(error, SK_ERROR_NO_POOL, "there is no \"%s\" here for disk \"%s\", and no pool with its directory to make it in: make it, or such a pool",
                disk->path != NULL ? disk->path : "", disk->target);
        return NULL;
    }
    *out_name = g_path_get_basename(disk->path);
    return sk_service_active_pool(service, pool->spec->name, error);
}

static gboolean
plan_fresh(SkMigrationVolumes *self, SkPool *pool, const char *name, const SkDisk *disk, guint64 capacity)
{
    SkNewVolume *volume = g_new0(SkNewVolume, 1);
    volume->pool = sk_value_copy(&sk_pool_spec_type, pool->spec);
    volume->create.name = g_strdup(name);
    volume->create.capacity = capacity;
    volume->create.format = disk->format;
    volume->path = g_build_filename(pool->spec->path, name, NULL);
    g_ptr_array_add(self->fresh, volume);
    return TRUE;
}

static gboolean
plan_there(SkMigrationVolumes *self, const char *path, const SkDisk *disk, guint64 capacity, gboolean shallow)
{
    Existing *there = g_new0(Existing, 1);
    there->target = g_strdup(disk->target);
    there->path = g_strdup(path);
    there->capacity = capacity;
    there->format = disk->format;
    there->shallow = shallow;
    g_ptr_array_add(self->there, there);
    return TRUE;
}

static gboolean
plan_disk(SkMigrationVolumes *self, SkService *service, const SkMigrationOffer *offer, SkDisk *disk, guint64 capacity, GError **error)
{
    g_autofree char *name = NULL;
    if (disk->source != SK_SOURCE_VOLUME && disk->path != NULL && g_file_test(disk->path, G_FILE_TEST_EXISTS))
        return plan_there(self, disk->path, disk, capacity, offer->shallow);
    SkPool *pool = find_pool(service, disk, &name, error);
    if (pool == NULL)
        return FALSE;
    const SkVolume *volume = g_tree_lookup(pool->volumes, name);
    /* A volume of the same name is somewhere else here. */
    g_free(disk->path);
    disk->path = volume != NULL ? g_strdup(volume->path) : g_build_filename(pool->spec->path, name, NULL);
    if (volume != NULL)
        return plan_there(self, volume->path, disk, capacity, offer->shallow);
    if (offer->shallow)
        return sk_fail(error, SK_ERROR_NO_VOLUME, "of disk \"%s\" only the topmost file comes, so make \"%s\" in pool \"%s\" before, over what is below it",
                       disk->target, name, pool->spec->name);
    return plan_fresh(self, pool, name, disk, capacity);
}

gboolean
sk_migration_volumes_plan(SkMigrationVolumes *self, SkService *service, const SkMigrationOffer *offer, SkDomainSpec *spec, GError **error)
{
    self->fresh = g_ptr_array_new_with_free_func(sk_new_volume_free);
    self->there = g_ptr_array_new_with_free_func(free_existing);
    self->roots = sk_service_storage_roots(service);
    for (guint i = 0; offer->copied != NULL && i < offer->copied->len; i++) {
        const SkMigrationDisk *one = offer->copied->pdata[i];
        SkDisk *disk = sk_domain_spec_find_disk(spec, one->target);
        if (disk == NULL)
            return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" is to come with disk \"%s\", which it has not", spec->name, one->target);
        if (!plan_disk(self, service, offer, disk, one->capacity, error))
            return FALSE;
    }
    return TRUE;
}

/* -- make: workers -------------------------------------------------------------------------------------------------------- */

static gboolean
check_there(const Existing *self, GError **error)
{
    SkVolume *volume = sk_storage_volume_at(self->path, error);
    if (volume == NULL)
        return FALSE;
    guint64 capacity = volume->capacity;
    gboolean over = volume->backing_path != NULL;
    sk_value_free(&sk_volume_type, volume);
    if (capacity != self->capacity)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" has %" G_GUINT64_FORMAT " bytes, and disk \"%s\" that is to come there has %" G_GUINT64_FORMAT,
                       self->path, capacity, self->target, self->capacity);
    return self->shallow || !over ||
           sk_fail(error, SK_ERROR_INVALID, "\"%s\" has a backing file, so only the topmost file of disk \"%s\" can come there (incremental)", self->path,
                   self->target);
}

gboolean
sk_migration_volumes_make(SkMigrationVolumes *self, SkJob *job, SkIncoming *incoming, GError **error)
{
    for (guint i = 0; i < self->there->len; i++) {
        if (!check_there(self->there->pdata[i], error))
            return FALSE;
    }
    if (self->fresh->len == 0)
        return TRUE;
    incoming->files = sk_intent_new(job->service->store, g_strconcat("disks that were to come with ", incoming->object, NULL));
    for (guint i = 0; i < self->fresh->len; i++) {
        if (!sk_new_volume_make(self->fresh->pdata[i], sk_job_storage_context(job, self->roots), incoming->files, error) ||
            sk_fault("migration-prepare/volume", error))
            return FALSE;
    }
    return TRUE;
}

void
sk_migration_volumes_take(SkMigrationVolumes *self, SkService *service)
{
    for (guint i = 0; self->fresh != NULL && i < self->fresh->len; i++)
        sk_new_volume_take(self->fresh->pdata[i], service);
}
