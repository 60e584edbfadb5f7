/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "storage/context.h"

G_BEGIN_DECLS

/* Files that QEMU copies disks to. Workers. */

/*
 * Makes an image of so many bytes (format: SkDiskFormat), that only we can read; EXISTS if there is a file. Nothing is left of it on
 * error. Returns a descriptor, read-write, or -1.
 */
gint sk_storage_backup_make(const char *path, gint format, guint64 bytes, GError **error);

/*
 * Opens one that is there. fresh: its present content does not matter, so a qcow2 image is made in it. INVALID if it cannot hold
 * so many bytes.
 */
gint sk_storage_backup_open(const char *path, gint format, guint64 bytes, gboolean device, gboolean fresh, GError **error);

/* What was written is on the disk then. */
gboolean sk_storage_backup_sync(const char *path, GError **error);

G_END_DECLS
