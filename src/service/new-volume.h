/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/disk.h"
#include "service/intent.h"
#include "storage/context.h"

/*
 * A volume that is made for a disk of a domain: one planner for domain.create and disk.attach, so
 * that what one refuses the other does too.
 */
typedef struct {
    SkPoolSpec *pool;
    GBytes *passphrase;     /* of one that is encrypted */
    SkVolumeCreate create;
    char *backing_path;
    gint backing_format;
    char *path;
    SkVolume *volume;       /* made; NULL before */
} SkNewVolume;

/* TRUE if the disk names no volume and is to get a new one. */
gboolean sk_new_volume_is_due(const SkDisk *disk);

/*
 * Plans the volume "DOMAIN-TARGET.FORMAT", over the disk's image if it names one, and puts it into the
 * disk. Refused: neither image nor size, smaller than the image, another format than qcow2 over one, a taken name, a pool
 * that is not active. Main thread.
 */
SkNewVolume *sk_new_volume_plan(SkService *service, const char *domain, SkDisk *disk, GError **error);
void sk_new_volume_free(gpointer self);

/* Makes it. Before it gets its name, intent (noted already) says which file it is. Workers. */
gboolean sk_new_volume_make(SkNewVolume *self, SkStorageContext context, SkIntent *intent, GError **error);

/* Puts what was made into its pool. Main thread. */
void sk_new_volume_take(SkNewVolume *self, SkService *service);
