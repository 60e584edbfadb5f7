/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "base/fs.h"

G_BEGIN_DECLS

/*
 * The layers of a disk, opened and checked, so that QEMU is given descriptors and
 * never follows a name that a guest or an uploader wrote into an image.  Workers.
 */

#define SK_CHAIN_MAX 64

typedef struct {
    SkFd fd;            /* read-write for the top of a writable chain, else read-only; close-on-exec */
    SkFd fd_ro;         /* top of a writable chain: read-only as well; else SK_FD_NONE */
    gint format;        /* SkDiskFormat */
    char *path;         /* where it really is, without links */
    guint64 size;       /* bytes seen through it */
    gboolean block;     /* a block device */
} SkChainLayer;

/*
 * Opens path, of the given SkDiskFormat, and everything below it. The result is an array
 * of SkChainLayer, the top first; g_ptr_array_unref() closes them all.
 *
 * Each backing file must lie, after links are followed, in one of roots (NULL-terminated,
 * NULL for none), be a regular file or a block device, and be qcow2 or raw by what the
 * image above records; raw is never probed. Encrypted images, external data files, loops and
 * more than SK_CHAIN_MAX layers are refused: DENIED where the image reaches for what it may not
 * have, INVALID where it is broken, NO_VOLUME where a file is missing.
 *
 * The top itself may be anywhere: whether the caller may name it is the caller's to judge
 * (sk_storage_path_allowed()).
 */
gboolean sk_storage_open_chain(const char *path, gint format, gboolean writable, const char *const *roots,
                               GPtrArray **out_chain, GError **error);

/* The same for a disk that is encrypted (LUKS): INVALID if it is not. What is below it is not. */
gboolean sk_storage_open_encrypted_chain(const char *path, gint format, gboolean writable, const char *const *roots,
                                         GPtrArray **out_chain, GError **error);

/*
 * One more descriptor of a layer, for writing too, of the very file that is open. That its format is what it is taken for is put on record
 * first, as for the top of a writable chain. Close it; -1 on error.
 */
gint sk_storage_layer_for_writing(const SkChainLayer *layer, GError **error);

/* TRUE if path, after links are followed, lies in one of roots. A path that is not there does not. */
gboolean sk_storage_path_allowed(const char *path, const char *const *roots);

/*
 * The path of the backing file that the header of image (an absolute path) names, as QEMU would find it;
 * NULL if name is not that of a file ("nbd:..."). Nothing is opened. Free with g_free().
 */
char *sk_storage_backing_path(const char *image, const char *name);

/* The paths below path (GStrv, the nearest first, may be empty), under the same rules. NULL on error. */
char **sk_storage_backing_chain(const char *path, gint format, const char *const *roots, GError **error);

G_END_DECLS
