/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "repository/map.h"

G_BEGIN_DECLS

/*
 * A disk as it goes into a backup: windows are put in their order, and packed, sealed and written by as many threads as there are
 * processors. Blocks; one thread.
 */

typedef struct SkRepoDiskWriter SkRepoDiskWriter;

/* base: the map of the backup before, of a disk of base_size bytes, for what is not put; NULL: zeros. repo must outlive it. */
SkRepoDiskWriter *sk_repo_disk_writer_new(SkRepo *repo, guint64 size, const SkRepoId *base, guint64 base_size, GError **error);
void sk_repo_disk_writer_free(SkRepoDiskWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkRepoDiskWriter, sk_repo_disk_writer_free)

/*
 * The window at offset (a multiple of SK_REPO_WINDOW, above those before): the clusters of `changed` are as in bytes, of SK_REPO_WINDOW
 * bytes, taken; NULL: zeros. Waits while many others are at work. An error of any of them is told here or at the end.
 */
gboolean sk_repo_disk_put(SkRepoDiskWriter *self, guint64 offset, guint16 changed, guint8 *bytes, GError **error);

/* All is put: the disk's map. */
gboolean sk_repo_disk_end(SkRepoDiskWriter *self, SkRepoId *out_root, GError **error);

G_END_DECLS
