/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/disk.h"

/* Long work on a running domain's disk, asked for and shown. Values; any thread. */

typedef enum {
    SK_BLOCK_PULL,          /* what is below goes up into the disk's file */
    SK_BLOCK_COPY,          /* the disk is kept the same in another file too, until it is told to use that, or to stop */
    SK_BLOCK_COMMIT,        /* files between go down into the base */
    SK_BLOCK_ACTIVE_COMMIT, /* the same with the file that the guest writes to: it is told when to go over to the base */
    SK_BLOCK_BACKUP,
    SK_N_BLOCK_KINDS
} SkBlockKind;

typedef enum {
    SK_BLOCK_RUNNING,
    SK_BLOCK_READY,         /* both have the same: it waits to be told how to end */
    SK_BLOCK_ENDING,
    SK_N_BLOCK_STATES
} SkBlockState;

/* What is done by itself once a copy or an active commit is ready. */
typedef enum { SK_BLOCK_THEN_WAIT, SK_BLOCK_THEN_PIVOT, SK_BLOCK_THEN_FINISH, SK_N_BLOCK_THENS } SkBlockThen;

typedef struct {
    char *target;           /* disk */
    gint kind;              /* SkBlockKind */
    gint state;             /* SkBlockState */
    char *path;             /* the disk's file when it began */
    char *base, *top;       /* pull, commits: between which files */
    char *destination;      /* copy, active commit: the file that the disk is on after a pivot */
    guint64 done, total;    /* bytes; total grows while the guest writes */
    guint64 speed;          /* bytes a second; 0: no limit */
    char *job;              /* its id among the jobs; NULL: it has none any more */
} SkBlockJobInfo;

/* Files of a chain are named by path, or "vda[2]": the one with that number (model/disk-chain.h). */
typedef struct { char *base; gboolean relative; guint64 speed; } SkDiskPull;
typedef struct {
    char *base, *top;       /* NULL: the lowest; what the guest writes to */
    gboolean shallow;       /* base is the file right below top */
    gboolean inner;         /* it must not be what the guest writes to */
    gboolean remove;        /* what is not needed any more is deleted */
    gboolean relative;
    guint64 speed;
    gint then;              /* SkBlockThen */
} SkDiskCommit;
typedef struct {
    char *pool, *volume;    /* where to */
    char *path;             /* instead: a file or block device */
    gint format;            /* SkDiskFormat */
    gboolean same_format;   /* as the disk has it */
    gboolean shallow;       /* only the topmost file; what is below is shared */
    gboolean reuse;         /* it is there already */
    guint64 speed;
    gint then;              /* SkBlockThen */
} SkDiskCopy;
typedef struct { guint64 speed; } SkDiskJobChange;
typedef struct {
    gboolean pivot;         /* go over to the copy, or the base */
    gboolean no_wait;       /* answered once it was told to end */
} SkDiskJobEnd;

/* bytes 0: not to be told any more. */
typedef struct { guint64 bytes; } SkDiskThreshold;

extern const SkEnum sk_block_kind_enum, sk_block_state_enum, sk_block_then_enum;
extern const SkType sk_block_job_info_type, sk_disk_pull_type, sk_disk_commit_type, sk_disk_copy_type, sk_disk_job_change_type, sk_disk_job_end_type,
    sk_disk_threshold_type;

/* TRUE if it ends by being told to. */
gboolean sk_block_kind_waits(gint kind);
