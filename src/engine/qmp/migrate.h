/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/qmp-client.h"

G_BEGIN_DECLS

/*
 * QEMU's migration stream to and from a descriptor: save and restore, memory of snapshots. All block: workers only.
 */

/* Bytes of memory sent, and as far as known all there is to send. Called every now and then on the worker. */
typedef void (*SkMigrateProgress)(guint64 done, guint64 total, gpointer data);

/*
 * Sends the guest's state to fd (a file, from where it stands, or a pipe; stays the caller's) and waits for the end. The guest should be
 * stopped, and is afterwards. A cancellable that is cancelled ends it with CANCELLED, and the guest can go on.
 */
gboolean sk_qmp_migrate_to_fd(SkQmp *self, gint fd, GCancellable *cancellable, SkMigrateProgress progress, gpointer data, GError **error);

/* Takes a guest's state out of fd into a QEMU that was started with "-incoming defer", and waits for the end. */
gboolean sk_qmp_migrate_from_fd(SkQmp *self, gint fd, GError **error);

/* Ends a migration that is under way; none is fine. */
void sk_qmp_migrate_cancel(SkQmp *self);

G_END_DECLS
