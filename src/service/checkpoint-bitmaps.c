/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bitmaps of a checkpoint: in the images of a QEMU that runs, or in files. */
#include <stdlib.h>

#include "base/error.h"
#include "base/undo.h"
#include "engine/qmp/bitmap.h"
#include "service/checkpoint.h"
#include "storage/bitmap.h"

/* The disk of what runs that has this file, NULL: nobody has it open. A QEMU that has died in the meantime has nothing open any more. */
static const SkDisk *
find_live(const SkSnapshotSite *site, const char *path)
{
    if (site->qmp == NULL || !sk_qmp_is_open(site->qmp) || path == NULL)
        return NULL;
    for (guint i = 0; site->live->disks != NULL && i < site->live->disks->len; i++) {
        const SkDisk *disk = site->live->disks->pdata[i];
        if (disk->source != SK_SOURCE_NONE && g_strcmp0(disk->path, path) == 0)
            return disk;
    }
    return NULL;
}

/* QEMU was told where the file really is. */
static SkQmpImage *
query_image(const SkSnapshotSite *site, const SkDisk *disk, GError **error)
{
    g_autofree char *real = realpath(disk->path, NULL);
    return sk_qmp_query_image(site->qmp, disk->target, real != NULL ? real : disk->path, error);
}

static gboolean
fail_taken(const SkCheckpointDisk *disk, GError **error)
{
    return sk_fail(error, SK_ERROR_EXISTS, "the image \"%s\" of disk \"%s\" has a bitmap \"%s\" that is not known here: give another name, or remove it with "
                   "qemu-img bitmap --remove", disk->path, disk->target, disk->bitmap);
}

static SkQmpBitmapStep *
plan_step(const SkSnapshotSite *site, const SkCheckpointDisk *part, GError **error)
{
    const SkDisk *disk = sk_domain_spec_find_disk(site->live, part->target);
    g_autoptr(SkQmpImage) image = disk != NULL ? query_image(site, disk, error) : NULL;
    if (disk == NULL)
        sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%s\"", site->name, part->target);
    if (image == NULL)
        return NULL;
    if (sk_qmp_image_bitmap(image, part->bitmap) != NULL) {
        fail_taken(part, error);
        return NULL;
    }
    SkQmpBitmapStep *step = g_new0(SkQmpBitmapStep, 1);
    step->node = g_strdup(image->name);
    step->bitmap = g_strdup(part->bitmap);
    return step;
}

GPtrArray *
sk_checkpoint_steps(const SkSnapshotSite *site, const SkCheckpoint *checkpoint, GError **error)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func(sk_qmp_bitmap_step_free);
    for (guint i = 0; checkpoint->disks != NULL && i < checkpoint->disks->len; i++) {
        const SkCheckpointDisk *part = checkpoint->disks->pdata[i];
        if (part->kind != SK_CHECKPOINT_BITMAP)
            continue;
        SkQmpBitmapStep *step = plan_step(site, part, error);
        if (step == NULL)
            return NULL;
        g_ptr_array_add(steps, step);
    }
    return g_steal_pointer(&steps);
}

gboolean
sk_checkpoint_check_free(const SkCheckpoint *checkpoint, GError **error)
{
    for (guint i = 0; checkpoint->disks != NULL && i < checkpoint->disks->len; i++) {
        const SkCheckpointDisk *part = checkpoint->disks->pdata[i];
        if (part->kind != SK_CHECKPOINT_BITMAP)
            continue;
        g_autoptr(GPtrArray) bitmaps = sk_storage_bitmaps(part->path, error);
        if (bitmaps == NULL)
            return FALSE;
        if (sk_storage_find_bitmap(bitmaps, part->bitmap) != NULL)
            return fail_taken(part, error);
    }
    return TRUE;
}

static gboolean
drop_one(const SkSnapshotSite *site, const SkCheckpointDisk *part, GError **error)
{
    const SkDisk *disk = find_live(site, part->path);
    if (disk == NULL)
        return sk_storage_bitmap_remove(part->path, part->bitmap, NULL, error);
    g_autoptr(SkQmpImage) image = query_image(site, disk, error);
    return image != NULL && sk_qmp_bitmap_remove(site->qmp, image->name, part->bitmap, error);
}

gboolean
sk_checkpoint_drop_bitmaps(const SkSnapshotSite *site, const SkCheckpoint *checkpoint, GError **error)
{
    for (guint i = 0; checkpoint->disks != NULL && i < checkpoint->disks->len; i++) {
        const SkCheckpointDisk *part = checkpoint->disks->pdata[i];
        if (part->kind != SK_CHECKPOINT_BITMAP || part->path == NULL || part->bitmap == NULL)
            continue;
        if (!drop_one(site, part, error) || sk_fault("checkpoint/drop-bitmap", error)) {
            g_prefix_error(error, "disk \"%s\": ", part->target);
            return FALSE;
        }
    }
    return TRUE;
}

/* Whether a bitmap is there, and whether it is whole. */
static gboolean
find_bitmap(const SkSnapshotSite *site, SkCheckpointDisk *part, gboolean *out_whole, gboolean *out_there, GError **error)
{
    const SkDisk *disk = find_live(site, part->path);
    if (disk == NULL) {
        g_autoptr(GPtrArray) bitmaps = sk_storage_bitmaps(part->path, error);
        const SkStorageBitmap *bitmap = bitmaps != NULL ? sk_storage_find_bitmap(bitmaps, part->bitmap) : NULL;
        *out_there = bitmap != NULL;
        *out_whole = bitmap != NULL && !bitmap->inconsistent;
        return bitmaps != NULL;
    }
    g_autoptr(SkQmpImage) image = query_image(site, disk, error);
    const SkQmpBitmap *bitmap = image != NULL ? sk_qmp_image_bitmap(image, part->bitmap) : NULL;
    *out_there = bitmap != NULL;
    *out_whole = bitmap != NULL && !bitmap->inconsistent;
    part->size = bitmap != NULL ? bitmap->bytes : 0;
    return image != NULL;
}

gboolean
sk_checkpoint_look(const SkSnapshotSite *site, SkCheckpoint *checkpoint, gboolean strict, GError **error)
{
    for (guint i = 0; checkpoint->disks != NULL && i < checkpoint->disks->len; i++) {
        SkCheckpointDisk *part = checkpoint->disks->pdata[i];
        gboolean there = FALSE, whole = FALSE;
        g_autoptr(GError) why = NULL;
        if (part->kind != SK_CHECKPOINT_BITMAP || part->path == NULL || part->bitmap == NULL)
            continue;
        gboolean ok = find_bitmap(site, part, &whole, &there, &why);
        if (!strict)
            continue;
        if (!ok) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        if (!there)
            return sk_fail(error, SK_ERROR_STATE, "checkpoint \"%s\" is of no use: the image \"%s\" of disk \"%s\" has no bitmap \"%s\"", checkpoint->name,
                           part->path, part->target, part->bitmap);
        if (!whole)
            return sk_fail(error, SK_ERROR_STATE, "checkpoint \"%s\" is of no use: QEMU did not end in order, so the bitmap \"%s\" of disk \"%s\" is not whole; "
                           "delete the checkpoint and make a full backup", checkpoint->name, part->bitmap, part->target);
    }
    return TRUE;
}
