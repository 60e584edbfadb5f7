/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/storage.h"
#include "storage/context.h"
#include "storage/transfer.h"

G_BEGIN_DECLS

/*
 * Storage pools and their volumes, whatever kind of backend they have.  A pool is
 * its specification with the path set; nothing is kept between calls.
 *
 * All of it blocks: workers. context may be NULL everywhere. A call that fails or is
 * cancelled leaves nothing behind.
 */

/* -- pools ------------------------------------------------------------------------------------------- */

/* Makes the pool's place (a directory of mode 0711); one that is there is taken as it is. */
gboolean sk_storage_pool_build(const SkPoolSpec *spec, GError **error);

/*
 * Makes a file system on the pool's device, of the format that its source names, for kinds that have one; for others there is nothing to
 * make. EXISTS if there is something on the device, unless overwrite; IN_USE while somebody has it.
 */
gboolean sk_storage_pool_format(const SkPoolSpec *spec, gboolean overwrite, const SkStorageContext *context, GError **error);

/* Writes zeros over the device of an inactive pool, for kinds that have one. */
gboolean sk_storage_pool_zero(const SkPoolSpec *spec, const SkStorageContext *context, GError **error);

/* Removes the place; IN_USE while a volume is left in it, not there is fine. */
gboolean sk_storage_pool_unbuild(const SkPoolSpec *spec, GError **error);

/* Checks that it can be used, and removes what a killed daemon left half made. Call before the first use. */
gboolean sk_storage_pool_start(const SkPoolSpec *spec, GError **error);

/* Lets go of it: what was mounted is unmounted, IN_USE while somebody has it open. */
gboolean sk_storage_pool_stop(const SkPoolSpec *spec, GError **error);

/* Fills capacity, allocation and available, in bytes; the rest of status is left alone. */
gboolean sk_storage_pool_stat(const SkPoolSpec *spec, SkPoolStatus *status, GError **error);

/*
 * What pools of a kind (SkPoolKind) could be made of on this host, as SkPoolSource; UNSUPPORTED for kinds where nobody can tell. The
 * elements are the caller's, see sk_value_list_new().
 */
GPtrArray *sk_storage_pool_sources(gint kind, GError **error);

/* -- volumes ------------------------------------------------------------------------------------------ */

/* All volumes (SkVolume, freed with the array), by name. used_by and image are the caller's to fill. */
GPtrArray *sk_storage_volume_list(const SkPoolSpec *spec, GError **error);

/* How a volume looked last time, without opening it. */
typedef struct {
    gint64 modified;        /* as in SkVolume */
    guint64 allocation;
} SkVolumeStamp;

/*
 * Names of volumes that came, went or changed since (GPtrArray of strings), for what no watch tells of: other hosts on a
 * shared file system, a truncate() by name, a guest that writes. known: name to SkVolumeStamp.
 */
GPtrArray *sk_storage_volume_changed(const SkPoolSpec *spec, GHashTable *known, GError **error);

/* One volume, or NULL with NO_VOLUME. Free with sk_value_free(&sk_volume_type, ...). */
SkVolume *sk_storage_volume_lookup(const SkPoolSpec *spec, const char *name, GError **error);

/*
 * Makes a volume and gives it back. backing_path: the file to lay it over, which the caller
 * found from create's backing_pool and backing_volume (of a pool or the images), with its
 * SkDiskFormat; NULL for none. It must lie in one of context->roots.
 */
SkVolume *sk_storage_volume_create(const SkPoolSpec *spec, const SkVolumeCreate *create, const char *backing_path,
                                   gint backing_format, const SkStorageContext *context, GError **error);

/*
 * Makes a volume in pool spec from source (of any pool): if linked, a qcow2 volume laid over it; else a copy in full, in
 * create's format and at least as large (capacity 0: as large), of anything qemu-img reads. The source must not be open for writing.
 */
SkVolume *sk_storage_volume_clone(const SkPoolSpec *spec, const SkVolume *source, const SkVolumeCreate *create, gboolean linked,
                                  const SkStorageContext *context, GError **error);

enum { SK_RESIZE_SHRINK = 1, SK_RESIZE_ALLOCATE = 2 };

/* Grows a volume that nobody has open; makes it smaller only with SK_RESIZE_SHRINK, takes all space at once with SK_RESIZE_ALLOCATE. */
gboolean sk_storage_volume_resize(const SkPoolSpec *spec, const char *name, guint64 capacity, guint flags,
                                  const SkStorageContext *context, GError **error);

/*
 * Writes over all that is in it, as algorithm (SkWipeAlgorithm) says; a qcow2 volume is an empty one of its size afterwards.
 * IN_USE while a process has it open or a file in context->roots is backed by it.
 */
gboolean sk_storage_volume_wipe(const SkPoolSpec *spec, const char *name, gint algorithm, const SkStorageContext *context,
                                GError **error);

/* Writes zeros over all that is in it, before it is deleted: it is no disk any more afterwards. IN_USE as above. */
gboolean sk_storage_volume_zero(const SkPoolSpec *spec, const char *name, const SkStorageContext *context, GError **error);

/* Removes it; IN_USE, naming which, while a process has it open or a file in context->roots is backed by it. */
gboolean sk_storage_volume_delete(const SkPoolSpec *spec, const char *name, const SkStorageContext *context,
                                  GError **error);

/* Removes all of a pool's volumes, or, IN_USE, none: an overlay of the pool itself is in nobody's way. */
gboolean sk_storage_volume_delete_all(const SkPoolSpec *spec, const SkStorageContext *context, GError **error);

/*
 * Starts an upload to a new volume at offset 0, or takes up one that stopped: offset must then be
 * what sk_storage_upload_offset() says. EXISTS if the volume is there already.
 */
SkStorageWriter *sk_storage_volume_upload(const SkPoolSpec *spec, const char *name, guint64 offset, GError **error);

/* Bytes an interrupted upload has brought so far; 0 if there is none. */
guint64 sk_storage_upload_offset(const char *dir, const char *name);

/* Writes into a volume that is there, from offset on; see transfer.h. IN_USE while somebody has it open or another is laid over it. */
SkStoragePatch *sk_storage_volume_patch(const SkPoolSpec *spec, const char *name, guint64 offset, const SkStorageContext *context,
                                        GError **error);

/* Reads a volume as the file it is; IN_USE while somebody writes to it. */
SkStorageReader *sk_storage_volume_download(const SkPoolSpec *spec, const char *name, GError **error);

/* Paths (GPtrArray of strings) of the images in roots that are laid directly over path. */
GPtrArray *sk_storage_overlays_of(const char *path, const char *const *roots);

/* One file anywhere as a volume (for disks given by path): format, size, backing. pool stays NULL. */
SkVolume *sk_storage_volume_at(const char *path, GError **error);

G_END_DECLS
