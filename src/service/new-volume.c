/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volumes that are made for disks of domains. */
#include "service/new-volume.h"

#include "base/error.h"
#include "base/text.h"
#include "service/image.h"
#include "service/pool.h"
#include "service/secret.h"
#include "storage/image.h"
#include "storage/pool.h"

void
sk_new_volume_free(gpointer self)
{
    SkNewVolume *volume = self;
    if (volume == NULL)
        return;
    sk_value_free(&sk_pool_spec_type, volume->pool);
    sk_value_clear(&sk_volume_create_type, &volume->create);
    sk_value_free(&sk_volume_type, volume->volume);
    g_clear_pointer(&volume->passphrase, g_bytes_unref);
    g_free(volume->backing_path);
    g_free(volume->path);
    g_free(volume);
}

typedef SkNewVolume NewVolume;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NewVolume, sk_new_volume_free)

gboolean
sk_new_volume_is_due(const SkDisk *disk)
{
    return disk->source == SK_SOURCE_VOLUME && disk->volume == NULL;
}

static gboolean
find_backing(SkService *service, const SkDisk *disk, SkNewVolume *volume, GError **error)
{
    if (disk->image == NULL)
        return disk->size > 0 || sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" names no volume: give volume, path, image or size", disk->target);
    const SkImage *image = sk_service_image(service, disk->image, error);
    if (image == NULL)
        return FALSE;
    if (disk->size > 0 && disk->size < image->capacity) {
        g_autofree char *is = sk_size_format(disk->size);
        g_autofree char *needs = sk_size_format(image->capacity);
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" is %s, but its image \"%s\" needs %s", disk->target, is, image->name, needs);
    }
    if (disk->format != SK_FORMAT_QCOW2)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" over image \"%s\" must be qcow2", disk->target, image->name);
    volume->backing_path = g_strdup(image->path);
    volume->backing_format = sk_storage_image_format(image);
    return TRUE;
}

/* The disk names its secret from now on, by which the volume is known to be encrypted with it. */
static gboolean
encrypt(SkService *service, SkDisk *disk, SkNewVolume *volume, GError **error)
{
    char *uuid = NULL;
    g_autofree char *what = g_strdup_printf("disk \"%s\"", disk->target);
    if (disk->encryption == NULL)
        return TRUE;
    volume->passphrase = sk_service_passphrase(service, disk->encryption, volume->path, what, &uuid, error);
    if (volume->passphrase == NULL)
        return FALSE;
    g_free(disk->encryption->secret);
    disk->encryption->secret = uuid;
    g_clear_pointer(&disk->encryption->usage, g_free);
    volume->create.options.encryption = sk_value_copy(&sk_encryption_type, disk->encryption);
    return TRUE;
}

SkNewVolume *
sk_new_volume_plan(SkService *service, const char *domain, SkDisk *disk, GError **error)
{
    SkPool *pool = sk_service_active_pool(service, disk->pool, error);
    if (pool == NULL)
        return NULL;
    g_autoptr(NewVolume) volume = g_new0(SkNewVolume, 1);
    volume->pool = sk_value_copy(&sk_pool_spec_type, pool->spec);
    volume->create.name = g_strdup_printf("%s-%s.%s", domain, disk->target, sk_enum_name(&sk_disk_format_enum, disk->format));
    volume->create.capacity = disk->size;
    volume->create.format = disk->format;
    volume->path = g_build_filename(pool->spec->path, volume->create.name, NULL);
    if (g_tree_lookup(pool->volumes, volume->create.name) != NULL) {
        sk_fail(error, SK_ERROR_EXISTS, "there is a volume \"%s\" in pool \"%s\" already: name it as the disk's volume, or delete it",
                volume->create.name, pool->spec->name);
        return NULL;
    }
    if (!find_backing(service, disk, volume, error) || !encrypt(service, disk, volume, error))
        return NULL;
    g_free(disk->path);
    disk->volume = g_strdup(volume->create.name);
    disk->path = g_strdup(volume->path);
    disk->size = 0;
    return g_steal_pointer(&volume);
}

static gboolean
note_file(const char *beside, const char *path, gpointer data, GError **error)
{
    SkIntent *intent = data;
    return sk_intent_add_file(intent, beside, path, error) && sk_intent_note(intent, error);
}

gboolean
sk_new_volume_make(SkNewVolume *self, SkStorageContext context, SkIntent *intent, GError **error)
{
    context.placing = note_file;
    context.placing_data = intent;
    context.passphrase = self->passphrase;
    self->volume = sk_storage_volume_create(self->pool, &self->create, self->backing_path, self->backing_format, &context, error);
    return self->volume != NULL;
}

void
sk_new_volume_take(SkNewVolume *self, SkService *service)
{
    SkPool *pool = g_tree_lookup(service->pools, self->pool->name);
    if (pool != NULL && self->volume != NULL)
        sk_pool_take_volume(pool, g_steal_pointer(&self->volume));
}
