/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/migrate.h"

G_BEGIN_DECLS

/*
 * Disks that move with their guest: the destination's QEMU offers its files by NBD, the source's copies each disk there and keeps the
 * copy the same until the guest stands still for good. The jobs are called "vda-move", the nodes of the other host's disks "move-vda". All
 * block: workers only.
 */

/* -- destination --------------------------------------------------------------------------------------------------- */

/* Offers the disks of these targets (NULL-terminated), to be written to, by the listening socket fd, which stays the caller's. */
gboolean sk_qmp_copy_serve(SkQmp *self, gint fd, const char *const *targets, GError **error);

/* -- source -------------------------------------------------------------------------------------------------------- */

/*
 * Begins to copy a disk to the other host's QEMU, which listens at the Unix socket path (as QEMU sees it). shallow: only what the topmost file has.
 * speed: bytes a second, 0: no limit.
 */
gboolean sk_qmp_copy_begin(SkQmp *self, const char *target, const char *path, gboolean shallow, guint64 speed, GError **error);

/* Waits until each of the copies has all there is. A cancellable that is cancelled ends it with CANCELLED. */
gboolean sk_qmp_copy_await(SkQmp *self, const char *const *targets, GCancellable *cancellable, SkMigrateProgress progress, gpointer data,
                           GError **error);

/* The guest stands still: each copy is brought to its end, whole. */
gboolean sk_qmp_copy_finish(SkQmp *self, const char *const *targets, GError **error);

/* Takes away whatever is left of any such copy; where it goes on it ends, half done. */
void sk_qmp_copy_clear(SkQmp *self);

G_END_DECLS
