/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/storage.h"
#include "storage/context.h"
#include "storage/transfer.h"

G_BEGIN_DECLS

/*
 * The contract of a kind of storage pool.  A backend is one const struct and one row
 * of the table in pool.c; only pool.c calls it, after it has checked that the pool
 * has a path and that a volume's name is fit for it.
 *
 * For every callback:
 * - It runs on a worker, keeps no state between calls, and knows nothing of domains.
 * - NULL for one marked optional makes pool.c answer UNSUPPORTED, or what is said there.
 * - A call that fails leaves what was there before: whatever it made up to then is removed again
 *   by the callback itself, also when cancelled. A daemon killed in the middle may leave files
 *   that start() recognises and removes.
 * - Nothing that exists is ever overwritten; a taken name is EXISTS.
 * - Returned values belong to the caller. SkVolume: pool, used_by and image are left to the caller.
 */
typedef struct {
    const char *name;           /* as sk_pool_kind_enum has it */

    /* Makes the place of the pool (idempotent). Optional: nothing needs making. */
    gboolean (*build)(const SkPoolSpec *spec, GError **error);

    /* Makes a file system on its device, over what is on it only if overwrite. Optional: there is no device. */
    gboolean (*format)(const SkPoolSpec *spec, gboolean overwrite, const SkStorageContext *context, GError **error);

    /* Writes zeros over its device. Optional: there is nothing but files. */
    gboolean (*zero)(const SkPoolSpec *spec, const SkStorageContext *context, GError **error);

    /* The opposite: removes the place if no volume is left in it. Optional. */
    gboolean (*unbuild)(const SkPoolSpec *spec, GError **error);

    /* Checks that it can be used and sweeps up after a crash. */
    gboolean (*start)(const SkPoolSpec *spec, GError **error);

    /* The opposite of start: lets go of what start took. Optional. */
    gboolean (*stop)(const SkPoolSpec *spec, GError **error);

    /* Fills capacity, allocation, available. */
    gboolean (*stat)(const SkPoolSpec *spec, SkPoolStatus *status, GError **error);

    /* All volumes (SkVolume), by name. One that cannot be read is there as a foreign one, never an error. */
    GPtrArray *(*list)(const SkPoolSpec *spec, GError **error);

    /* Names of volumes that are not as known has them, as sk_storage_volume_changed() says. Optional: none are. */
    GPtrArray *(*changed)(const SkPoolSpec *spec, GHashTable *known, GError **error);

    /* One volume; NO_VOLUME if it is not there. */
    SkVolume *(*lookup)(const SkPoolSpec *spec, const char *name, GError **error);

    /* Makes a volume; create->capacity and the backing were checked. */
    gboolean (*create)(const SkPoolSpec *spec, const SkVolumeCreate *create, const char *backing_path,
                       gint backing_format, const SkStorageContext *context, GError **error);

    /*
     * Copies source (of any pool, of any format that can be read) in full as the new volume that create says; its capacity is
     * at least the source's. Optional.
     */
    gboolean (*copy)(const SkPoolSpec *spec, const SkVolume *source, const SkVolumeCreate *create,
                     const SkStorageContext *context, GError **error);

    /* flags: SK_RESIZE_SHRINK... Optional. */
    gboolean (*resize)(const SkPoolSpec *spec, const SkVolume *volume, guint64 capacity, guint flags,
                       const SkStorageContext *context, GError **error);

    /* Removes a volume that nobody has open and no other is backed by (both were checked, and its lock is held). */
    gboolean (*remove)(const SkPoolSpec *spec, const SkVolume *volume, GError **error);

    /* What pools of this kind could be made of on this host (SkPoolSource). Optional: nobody can tell. */
    GPtrArray *(*sources)(GError **error);

    /* Starts or takes up an upload, see transfer.h. Optional. */
    SkStorageWriter *(*upload)(const SkPoolSpec *spec, const char *name, guint64 offset, GError **error);
} SkPoolBackend;

extern const SkPoolBackend sk_pool_backend_dir, sk_pool_backend_fs, sk_pool_backend_netfs, sk_pool_backend_logical;

/* Those of a directory, for backends that have one. */
gboolean sk_pool_dir_build(const SkPoolSpec *spec, GError **error);
gboolean sk_pool_dir_start(const SkPoolSpec *spec, GError **error);
/* Those of a file system that is mounted there (mount.c): start, if it is not mounted yet, and stop. */
gboolean sk_pool_mount(const SkPoolSpec *spec, GError **error);
gboolean sk_pool_unmount(const SkPoolSpec *spec, GError **error);

/* Those of a device with a file system (format.c). */
gboolean sk_pool_device_format(const SkPoolSpec *spec, gboolean overwrite, const SkStorageContext *context, GError **error);
gboolean sk_pool_device_zero(const SkPoolSpec *spec, const SkStorageContext *context, GError **error);

G_END_DECLS
