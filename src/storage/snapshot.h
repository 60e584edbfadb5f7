/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "storage/context.h"

G_BEGIN_DECLS

/*
 * States inside of qcow2 files that nobody has open for writing. A state is known by its name, which is the
 * caller's and unique. Workers.
 */

/* The names of a file's states (GStrv, may be empty). What is wrong with the file is INVALID. Reads a file in use too. */
char **sk_storage_snapshot_names(const char *path, GError **error);

/* The same from memory: table is what the file has at the offset its head tells. For the fuzz target. */
char **sk_qcow2_parse_snapshots(const guint8 *table, gsize length, guint count, const char *what, GError **error);

/* Keeps what the file has now. */
gboolean sk_storage_snapshot_create(const char *path, const char *name, const SkStorageContext *context, GError **error);
/* Makes the file what it was. May be done again. */
gboolean sk_storage_snapshot_apply(const char *path, const char *name, const SkStorageContext *context, GError **error);
/* Drops a state; one that is not there is fine, and so is a file that is not. */
gboolean sk_storage_snapshot_delete(const char *path, const char *name, const SkStorageContext *context, GError **error);

/*
 * Makes a qcow2 file at path, which must not be there (EXISTS), over the file backing, of a format and bytes seen through it. backing is not
 * opened: somebody may be writing to it.
 */
gboolean sk_storage_make_overlay(const char *path, const char *backing, gint format, guint64 size, GError **error);

/* What the qcow2 file at path has goes down into the file right below it, which is what path was then. May be done again. */
gboolean sk_storage_commit_overlay(const char *path, const SkStorageContext *context, GError **error);

/*
 * Lays the qcow2 file at path over another; backing NULL: over none. What is seen through it stays the same, what differs is copied, and it may be done
 * again; header_only: it is the same already.
 */
gboolean sk_storage_rebase(const char *path, const char *backing, gint format, gboolean header_only, const SkStorageContext *context, GError **error);

/* A copy of a directory of small files, which takes the place of whatever is at target; owners are kept. */
gboolean sk_storage_copy_dir(const char *source, const char *target, GError **error);

G_END_DECLS
