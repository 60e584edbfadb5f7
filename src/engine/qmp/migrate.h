/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/qmp-client.h"

G_BEGIN_DECLS

/*
 * QEMU's migration stream to and from a descriptor: save and restore, memory of snapshots, another host. All block:
 * workers only.
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

/*
 * The same of a guest whose memory is a file (SkLaunch.memory_fd): only the state of its devices is moved. The guest must be stopped to be
 * sent, and is when it was taken.
 */
gboolean sk_qmp_migrate_devices_to_fd(SkQmp *self, gint fd, GError **error);
gboolean sk_qmp_migrate_devices_from_fd(SkQmp *self, gint fd, GError **error);

/* Ends a migration that is under way; none is fine. */
void sk_qmp_migrate_cancel(SkQmp *self);

/* -- to another host ------------------------------------------------------------------------------------------- */

typedef struct {
    guint64 bandwidth;      /* bytes per second; 0: no limit */
    guint downtime;         /* milliseconds the guest may stand still */
    gboolean auto_converge, compress, deflate;
    guint throttle_initial, throttle_increment; /* percent; 0: the usual, here and below */
    guint64 cache;          /* bytes; compress */
    guint deflate_threads, deflate_level;
    guint channels;         /* more than none: connections at once, which QEMU makes to the Unix socket path by itself */
    const char *path;
    /* The guest stands still, and the last of it is about to be sent; FALSE: it is not. NULL: nothing is to be done then. */
    gboolean (*paused)(gpointer data, GError **error);
    gpointer paused_data;
} SkMigrateOptions;

/* The same to a connected socket while the guest runs, until the last of it has been sent: then it stands still. */
gboolean sk_qmp_migrate_live(SkQmp *self, gint fd, const SkMigrateOptions *options, GCancellable *cancellable, SkMigrateProgress progress,
                             gpointer data, GError **error);
/* Changes the limits of the migration that runs, or of the next. 0: as it is. */
gboolean sk_qmp_migrate_limit(SkQmp *self, guint64 bandwidth, guint downtime, guint64 cache, GError **error);

/* How what comes differs from the usual. */
typedef struct {
    gboolean deflate;
    guint inflate_threads;  /* 0: the usual */
    guint channels;         /* more than none: they come to the Unix socket path, which QEMU makes */
    const char *path;
} SkMigrateComing;
gboolean sk_qmp_migrate_expect(SkQmp *self, const SkMigrateComing *coming, GError **error);

/* Gives a QEMU that waits for it the socket its state comes out of, and returns. */
gboolean sk_qmp_migrate_receive(SkQmp *self, gint fd, GError **error);
/* Waits until all of it has come, and forgets what was expected: the next that is sent may be another. */
gboolean sk_qmp_migrate_received(SkQmp *self, const SkMigrateComing *coming, GError **error);

G_END_DECLS
