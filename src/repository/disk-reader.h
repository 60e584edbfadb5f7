/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "repository/map.h"

G_BEGIN_DECLS

/*
 * A disk as it is in a backup, read at any place. It keeps the leaves and objects it read last. Blocks; one thread at a time.
 */

typedef struct SkRepoDiskReader SkRepoDiskReader;

/* repo must outlive it. */
SkRepoDiskReader *sk_repo_disk_reader_new(SkRepo *repo, const SkRepoId *root, guint64 size, GError **error);
void sk_repo_disk_reader_free(SkRepoDiskReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkRepoDiskReader, sk_repo_disk_reader_free)

guint64 sk_repo_disk_reader_size(const SkRepoDiskReader *self);

/* Bytes of the disk; offset and length lie in it. */
gboolean sk_repo_disk_read(SkRepoDiskReader *self, guint64 offset, void *bytes, gsize length, GError **error);

/* How many bytes from offset on, up to a window's end, are all zeros without being looked at (out_zero), or may be data. */
gboolean sk_repo_disk_extent(SkRepoDiskReader *self, guint64 offset, guint64 *out_length, gboolean *out_zero, GError **error);

G_END_DECLS
