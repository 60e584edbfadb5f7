/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "storage/context.h"

G_BEGIN_DECLS

/*
 * Dirty bitmaps inside of qcow2 files that nobody has open for writing. Workers.
 */

typedef struct {
    char *name;
    gboolean inconsistent;  /* whoever had the file open did not end in order: it can only be removed */
} SkStorageBitmap;

/* A file's bitmaps (SkStorageBitmap, freed with the array; may be empty). What is wrong with the file is INVALID. */
GPtrArray *sk_storage_bitmaps(const char *path, GError **error);
/* By name; NULL: none. */
const SkStorageBitmap *sk_storage_find_bitmap(const GPtrArray *bitmaps, const char *name);

/* Where the directory of bitmaps is, from the start of the file; FALSE without an error: it has none. For the fuzz target and sk_storage_bitmaps(). */
gboolean sk_qcow2_find_bitmaps(const guint8 *head, gsize length, const char *what, guint *out_count, guint64 *out_offset, guint64 *out_bytes,
                               GError **error);
/* That directory from memory. */
GPtrArray *sk_qcow2_parse_bitmaps(const guint8 *table, gsize length, guint count, const char *what, GError **error);

/* Begins to keep account of what is written from the next opening on. */
gboolean sk_storage_bitmap_add(const char *path, const char *name, const SkStorageContext *context, GError **error);
/* Removes one; one that is not there is fine, and so is a file that is not. */
gboolean sk_storage_bitmap_remove(const char *path, const char *name, const SkStorageContext *context, GError **error);

G_END_DECLS
