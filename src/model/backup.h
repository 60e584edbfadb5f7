/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/checkpoint.h"

G_BEGIN_DECLS

/*
 * Backups of running domains: copies of their disks as they were at one instant, written to files by QEMU (push), or offered by it
 * for others to read (pull). Values; any thread.
 */

/* How the disks are offered. */
typedef enum { SK_BACKUP_UNIX, SK_BACKUP_TCP, SK_N_BACKUP_TRANSPORTS } SkBackupTransport;

typedef struct {
    gint transport;         /* SkBackupTransport */
    char *socket;           /* unix: path */
    char *host;             /* tcp: address to listen on */
    guint port;             /* tcp; 0: any that is free */
} SkBackupServer;

/* What is copied of a disk. */
typedef enum {
    SK_BACKUP_AS_ALL,       /* what is said of the whole backup */
    SK_BACKUP_FULL,
    SK_BACKUP_INCREMENTAL,
    SK_N_BACKUP_MODES
} SkBackupMode;

typedef struct {
    char *target;           /* of the disk */
    gboolean left_out;
    gint mode;              /* SkBackupMode */
    char *incremental;      /* the checkpoint since; NULL: that of the whole backup */
    char *file;             /* push: what is written; pull: what keeps blocks that the guest overwrites; NULL: one beside the disk */
    gboolean device;        /* the file is a block device */
    gint format;            /* SkDiskFormat of the file */
    char *export_name;      /* pull: NULL: the target */
    char *export_bitmap;    /* pull, incremental: NULL: "backup-TARGET" */
    gboolean made;          /* the file was made for the backup */
    char *bitmap;           /* the checkpoint's, in the disk's image */
} SkBackupDisk;

typedef struct {
    gboolean pull;
    char *incremental;      /* the checkpoint since; NULL: full */
    gboolean reuse;         /* the files are there already */
    SkBackupServer *server; /* pull */
    GPtrArray *disks;       /* SkBackupDisk: those that have a part in it; none: all that can */
    SkCheckpointCreate *checkpoint; /* to be made at the same instant; NULL: none */
} SkBackup;

extern const SkEnum sk_backup_transport_enum, sk_backup_mode_enum;
extern const SkType sk_backup_server_type, sk_backup_disk_type, sk_backup_type;

/* By target; NULL: none. */
SkBackupDisk *sk_backup_find_disk(const SkBackup *self, const char *target);

G_END_DECLS
