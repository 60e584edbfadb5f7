/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/domain.h"

/*
 * Snapshots of domains: what was kept of which disk and where, and the definition of that moment. Values; any thread.
 */

/* Where a disk's state of that moment is. */
typedef enum {
    SK_SNAPSHOT_LEFT_OUT,   /* nowhere: the disk has no part in it */
    SK_SNAPSHOT_INTERNAL,   /* inside its qcow2 file, under the snapshot's id */
    SK_SNAPSHOT_EXTERNAL,   /* in its file as it was, which nobody writes to since: what came later is in an overlay */
    SK_N_SNAPSHOT_KINDS
} SkSnapshotKind;

typedef struct {
    char *target;           /* of the disk */
    gint kind;              /* SkSnapshotKind */
    char *path;             /* the file that has the state */
    gint format;            /* SkDiskFormat of it */
    char *overlay;          /* external: the file that was made over it last, and written to from then on; of a doomed one: what goes down into path */
    char **part;            /* of a doomed one: what else lies over path, and gets what it sees of it */
    gboolean own;           /* path was made for a snapshot: it goes when nobody needs it any more */
} SkSnapshotDisk;

typedef struct SkSnapshot {
    char *name;
    char *id;               /* a UUID, for good */
    char *tag;              /* its name inside of images, for good: that it was made with */
    char *description;
    char *parent;           /* name of the snapshot it grew out of; NULL: a root */
    gint64 created;         /* microseconds since the epoch */
    gint state;             /* SkDomainState of that moment */
    gboolean current;       /* what the disks have now grew out of this one */
    gboolean frozen;        /* the guest's file systems were frozen */
    gboolean doomed;        /* its deletion was begun: it is of no use any more */
    char *memory;           /* file with the guest's memory; NULL: none */
    gboolean memory_given;  /* that file was named by who asked for it */
    guint64 memory_bytes;
    char *nvram;            /* file of the firmware variables, which has their state inside; NULL: none */
    char *tpm;              /* directory with the TPM's state; NULL: none */
    GPtrArray *disks;       /* SkSnapshotDisk */
    SkDomainSpec *definition; /* what ran, or the definition of a domain that was off */
    SkDomainSpec *inactive; /* the definition of a domain that ran, where it was another; NULL: the same */
} SkSnapshot;

/* What is to be done with disks that cannot keep a state inside (raw). */
typedef enum { SK_RAW_REFUSE, SK_RAW_EXCLUDE, SK_RAW_OVERLAY, SK_N_RAWS } SkRawDisks;
typedef enum { SK_QUIESCE_AUTO, SK_QUIESCE_YES, SK_QUIESCE_NO, SK_N_QUIESCES } SkQuiesce;

/* One disk's part, asked for. */
typedef struct { char *target; gint kind; char *overlay; } SkSnapshotWish;

typedef struct {
    char *name, *description;
    gboolean memory;        /* the guest's memory too */
    char *memory_path;      /* where to; NULL: among the daemon's own files */
    gint quiesce;           /* SkQuiesce */
    gint raw;               /* SkRawDisks */
    char **exclude;         /* targets */
    gboolean external;      /* overlays for all disks instead of states inside */
    gboolean reuse;         /* external: overlays are there already */
    GPtrArray *disks;       /* SkSnapshotWish: for single disks */
    gboolean forget;        /* no snapshot is kept: the overlays are all that is wanted */
    gboolean halt;          /* the domain is off afterwards */
} SkSnapshotCreate;

typedef enum { SK_REVERT_AS_IT_WAS, SK_REVERT_RUNNING, SK_REVERT_PAUSED, SK_REVERT_OFF, SK_N_REVERTS } SkRevertState;
typedef struct { gint then; gboolean fresh_nvram; } SkSnapshotRevert;
typedef struct { char *name, *description; } SkSnapshotChange;

/* How the domain differs from what it was. */
typedef struct {
    char *name;
    char **definition;      /* paths of what differs in the definition */
    char **disks;           /* targets of disks that have no state in the snapshot, or are gone */
    guint64 memory_bytes;
} SkSnapshotDiff;

extern const SkEnum sk_snapshot_kind_enum, sk_raw_disks_enum, sk_quiesce_enum, sk_revert_enum;
extern const SkType sk_snapshot_disk_type, sk_snapshot_type, sk_snapshot_wish_type, sk_snapshot_create_type, sk_snapshot_revert_type,
    sk_snapshot_change_type, sk_snapshot_diff_type;

/* By target; NULL: none. */
SkSnapshotDisk *sk_snapshot_find_disk(const SkSnapshot *self, const char *target);
/* TRUE if a part of it is outside of the images. */
gboolean sk_snapshot_is_external(const SkSnapshot *self);
