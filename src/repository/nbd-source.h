/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/stored-backup.h"
#include "repository/map.h"

G_BEGIN_DECLS

/* A disk that QEMU offers by NBD, and which of its clusters are to be read. Blocks; one thread. */

typedef struct SkNbdSource SkNbdSource;

SkNbdSource *sk_nbd_source_open(const SkBackupSource *source, GError **error);
void sk_nbd_source_free(SkNbdSource *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkNbdSource, sk_nbd_source_free)

guint64 sk_nbd_source_size(const SkNbdSource *self);

/* Of SK_REPO_LEAF_WINDOWS windows, each a bit for a cluster. */
typedef struct {
    guint16 changed[SK_REPO_LEAF_WINDOWS];  /* written since the backup before; all, where no bitmap tells */
    guint16 zero[SK_REPO_LEAF_WINDOWS];     /* reads as zeros, without being read */
} SkNbdSpan;

/* The span that begins at offset, a multiple of SK_REPO_LEAF_SPAN. */
gboolean sk_nbd_source_look(SkNbdSource *self, guint64 offset, SkNbdSpan *out, GError **error);

/* Reads the clusters of `wanted` of the window at offset to their places in bytes; *out_read is how many bytes that were. */
gboolean sk_nbd_source_read(SkNbdSource *self, guint64 offset, guint16 wanted, guint8 *bytes, guint64 *out_read, GError **error);

G_END_DECLS
