/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "storage/context.h"

G_BEGIN_DECLS

/* Moving bytes between files. Private to storage/. Workers. */

/*
 * Makes the empty file to a copy of from: shared blocks where the file system can, else only what is not a
 * hole is copied. step and name are for progress and messages.
 */
gboolean sk_copy_file(gint from, gint to, const char *name, const char *step, const SkStorageContext *context,
                      GError **error);

/* Writes at offset, leaving out whole blocks of zeros; the file must be a hole there. The length is not set. */
gboolean sk_copy_write_sparse(gint fd, const guint8 *data, gsize length, guint64 offset, const char *name,
                              GError **error);

/* Takes space for length bytes (fallocate), or writes zeros for all of it. */
gboolean sk_copy_fill(gint fd, guint64 length, gboolean write_zeros, const char *name,
                      const SkStorageContext *context, GError **error);

/* The SHA-256 of a file, as hex; NULL on error. Free with g_free(). */
char *sk_copy_sha256(gint fd, const char *name, const SkStorageContext *context, GError **error);

G_END_DECLS
