/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/qmp/block-job.h"

G_BEGIN_DECLS

/*
 * Backups of a running guest's disks: what goes into other files, or is offered by NBD, is what the disks had at one instant. QEMU
 * copies a block before the guest overwrites it. All block: workers only.
 */

/* One disk of a backup. The other file's node, the job, the export and the descriptors are called sk_qmp_backup_name(). */
typedef struct {
    char *target;           /* of the disk */
    char *node;             /* of its image */
    char *since;            /* bitmap with what was written since a checkpoint; NULL: all is copied */
    char *map;              /* name of the copy of that bitmap, which stands still; clients of a pull ask for it by this name */
    gboolean pull;          /* nothing is copied but what the guest overwrites */
} SkQmpBackupStep;

void sk_qmp_backup_step_free(gpointer step);

/* "backup-vda"; free with g_free(). Any thread. */
char *sk_qmp_backup_name(const char *target);

/*
 * Opens the file that a disk is copied to; fd stays the caller's. format: "qcow2" or "raw"; backing: the node of the disk's image, of
 * a pull; NULL: none. device: fd is a block device.
 */
gboolean sk_qmp_backup_open(SkQmp *self, const char *target, gint fd, const char *format, const char *backing, gboolean device, GError **error);

/* Begins: one transaction of steps (SkQmpBackupStep), and bitmaps (SkQmpBitmapStep, may be NULL) that count from the same instant on. */
gboolean sk_qmp_backup_begin(SkQmp *self, const GPtrArray *steps, const GPtrArray *bitmaps, GError **error);

/* Offers what begun: fd is a listening socket and stays the caller's. */
gboolean sk_qmp_nbd_start(SkQmp *self, gint fd, GError **error);
/* name: what clients ask for. */
gboolean sk_qmp_backup_export(SkQmp *self, const SkQmpBackupStep *step, const char *name, GError **error);
/* Ends that for all clients; where none is offered it is fine. */
gboolean sk_qmp_nbd_stop(SkQmp *self, GError **error);

/* Takes away all that a step has in QEMU, as far as it is there. A job that goes on is cancelled. */
gboolean sk_qmp_backup_clear(SkQmp *self, const SkQmpBackupStep *step, GError **error);

G_END_DECLS
