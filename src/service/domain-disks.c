/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths of a domain's disks, and the register of who has which disk open for writing. */
#include "service/domain-disks.h"

#include "base/error.h"
#include "service/pool.h"
#include "service/secret.h"
#include "storage/chain.h"

/* -- paths ------------------------------------------------------------------------------------------------ */

/* Who has the secret of a volume at hand need not name it again; whose is not known must say it. */
static void
adopt_encryption(SkService *self, SkDisk *disk, const SkVolume *volume)
{
    if (disk->encryption != NULL || volume->encryption == NULL || disk->device != SK_DISK_DISK)
        return;
    const SkSecret *secret = volume->encryption->secret != NULL ? g_tree_lookup(self->secrets, volume->encryption->secret)
                                                                : sk_service_secret_for(self, SK_SECRET_VOLUME, volume->path);
    if (secret == NULL)
        return;
    disk->encryption = sk_value_new(&sk_encryption_type);
    disk->encryption->secret = g_strdup(secret->spec->uuid);
}

static gboolean
resolve_volume(SkService *self, SkDisk *disk, GError **error)
{
    SkPool *pool = sk_service_active_pool(self, disk->pool, error);
    const SkVolume *volume = pool != NULL ? sk_pool_volume(pool, disk->volume, error) : NULL;
    if (volume == NULL)
        return FALSE;
    if (volume->kind == SK_VOLUME_FOREIGN)
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" cannot be a disk as it is (%s): import it with `skep image import`",
                       volume->name, volume->foreign_format);
    if (g_hash_table_contains(self->volumes_going, volume->path))
        return sk_fail(error, SK_ERROR_IN_USE, "volume \"%s\" is being deleted", volume->name);
    g_free(disk->path);
    disk->path = g_strdup(volume->path);
    disk->format = volume->format;
    disk->size = 0;
    adopt_encryption(self, disk, volume);
    return TRUE;
}

/* A disk named by its path that lies in a pool has the format that the pool knows of it. */
static void
adopt_format(SkService *self, SkDisk *disk)
{
    const SkVolume *volume = disk->path != NULL ? sk_service_volume_at(self, disk->path) : NULL;
    if (volume != NULL && volume->kind != SK_VOLUME_FOREIGN) {
        disk->format = volume->format;
        adopt_encryption(self, disk, volume);
    }
    else if (disk->device != SK_DISK_DISK)
        disk->format = SK_FORMAT_RAW;
}

/* What would be passed over in silence: nothing is made for this disk. */
static gboolean
check_not_new(const SkDisk *disk, GError **error)
{
    if (disk->size > 0)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" has a size, which is for new volumes: leave it out, or leave out what it is to use",
                       disk->target);
    if (disk->image != NULL && disk->source != SK_SOURCE_VOLUME)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" has an image, which is for new volumes: leave it out, or leave out its source", disk->target);
    return TRUE;
}

gboolean
sk_service_resolve_disk(SkService *self, SkDisk *disk, GError **error)
{
    if (!check_not_new(disk, error))
        return FALSE;
    if (disk->source == SK_SOURCE_VOLUME && disk->volume != NULL)
        return resolve_volume(self, disk, error);
    if (disk->source == SK_SOURCE_FILE || disk->source == SK_SOURCE_BLOCK)
        adopt_format(self, disk);
    return TRUE;
}

gboolean
sk_service_resolve_disks(SkService *self, SkDomainSpec *spec, GError **error)
{
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        if (!sk_service_resolve_disk(self, spec->disks->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/* -- who writes ---------------------------------------------------------------------------------------------- */

gboolean
sk_domain_reserve_disk(SkDomain *self, const SkDisk *disk, GError **error)
{
    if (disk->path == NULL || disk->source == SK_SOURCE_NONE || disk->shareable)
        return TRUE;
    const char *writer = g_hash_table_lookup(self->service->disk_writers, disk->path);
    if (writer != NULL)
        return sk_fail(error, SK_ERROR_IN_USE, "disk \"%s\" of domain \"%s\" is in use: domain \"%s\" has \"%s\" open for writing",
                       disk->target, sk_domain_name(self), writer, disk->path);
    if (sk_disk_is_writable(disk))
        g_hash_table_insert(self->service->disk_writers, g_strdup(disk->path), g_strdup(sk_domain_name(self)));
    return TRUE;
}

void
sk_domain_release_disk(SkDomain *self, const SkDisk *disk)
{
    const char *writer = disk->path != NULL ? g_hash_table_lookup(self->service->disk_writers, disk->path) : NULL;
    if (g_strcmp0(writer, sk_domain_name(self)) == 0)
        g_hash_table_remove(self->service->disk_writers, disk->path);
}

static gboolean
is_ours(gpointer path, gpointer writer, gpointer name)
{
    (void) path;
    return g_str_equal(writer, name);
}

void
sk_domain_release_disks(SkDomain *self)
{
    g_hash_table_foreach_remove(self->service->disk_writers, is_ours, (gpointer) sk_domain_name(self));
}

gboolean
sk_domain_reserve_disks(SkDomain *self, const SkDomainSpec *spec, GError **error)
{
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        if (!sk_domain_reserve_disk(self, spec->disks->pdata[i], error)) {
            sk_domain_release_disks(self);
            return FALSE;
        }
    }
    return TRUE;
}
