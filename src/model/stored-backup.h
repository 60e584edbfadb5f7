/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

G_BEGIN_DECLS

/*
 * Backups in a repository: what one has, and what is asked for to make one. The daemon and the program that reads and writes
 * repositories (skep-repository) tell each other these values as JSON. Any thread.
 */

typedef struct {
    char *target;           /* of the disk in the domain */
    guint64 size;           /* bytes the guest sees */
    char *map;              /* name of the object that says where its bytes are */
    gboolean incremental;   /* only what was written since the backup before was read */
    guint64 read;           /* bytes read of it */
} SkStoredDisk;

/* A small file beside the disks: "nvram", "tpm". */
typedef struct {
    char *name;
    guint64 size;
    char *object;
} SkStoredFile;

typedef struct {
    char *name;             /* "DOMAIN-UUID/TIME-DIGITS": for good */
    char *domain;           /* its name then */
    char *uuid;
    char *host;
    char *note;             /* what somebody wrote about it */
    gint64 created;         /* the instant that the disks are of, microseconds since the epoch */
    gboolean incremental;   /* of a disk at least */
    gboolean running;       /* the guest ran */
    gboolean quiesced;      /* its file systems were frozen at that instant */
    char *previous;         /* name of the backup that it was made from; it does not need it */
    char *checkpoint;       /* since which the next one can be incremental */
    guint64 read, written;  /* bytes read of disks, and added to the repository */
    char *definition;       /* of the domain, JSON */
    GPtrArray *disks;       /* SkStoredDisk */
    GPtrArray *files;       /* SkStoredFile */
} SkStoredBackup;

/* A disk as it is to be read: by NBD on a Unix socket. */
typedef struct {
    char *target;
    char *socket;
    char *export_name;
    char *bitmap;           /* meta context that tells what was written since `previous`; NULL: all is read */
} SkBackupSource;

/* A small file to take along. */
typedef struct { char *name, *path; } SkBackupFile;

typedef struct {
    SkStoredBackup *backup; /* name, previous and what is known beforehand */
    GPtrArray *sources;     /* SkBackupSource */
    GPtrArray *files;       /* SkBackupFile */
} SkBackupOrder;

/* What is asked for. */
typedef struct {
    char *repository;
    char *note;
    gboolean quiesce;       /* the guest's file systems are frozen, or it fails */
    gboolean full;          /* all is read */
} SkStoredBackupCreate;

extern const SkType sk_stored_backup_create_type;
extern const SkType sk_stored_disk_type, sk_stored_file_type, sk_stored_backup_type, sk_backup_source_type, sk_backup_file_type,
    sk_backup_order_type;

/* By target; NULL: none. */
SkStoredDisk *sk_stored_backup_find_disk(const SkStoredBackup *self, const char *target);
/* By name; NULL: none. */
SkStoredFile *sk_stored_backup_find_file(const SkStoredBackup *self, const char *name);

G_END_DECLS
