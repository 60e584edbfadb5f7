/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/domain.h"

G_BEGIN_DECLS

/*
 * Checkpoints of domains: moments from which on their disks keep account of what is written to them, so that a backup can take
 * that alone. Values; any thread.
 */

/* A disk's part in a checkpoint. */
typedef enum {
    SK_CHECKPOINT_BITMAP,   /* a bitmap inside its qcow2 file has what was written since */
    SK_CHECKPOINT_LEFT_OUT,
    SK_N_CHECKPOINT_KINDS
} SkCheckpointKind;

typedef struct {
    char *target;           /* of the disk */
    gint kind;              /* SkCheckpointKind */
    char *bitmap;           /* its name inside the file */
    char *path;             /* of the file */
    guint64 size;           /* bytes written since, of a domain that runs; 0: none, or not asked for */
} SkCheckpointDisk;

typedef struct {
    char *name;
    char *id;               /* a UUID, for good */
    char *description;
    char *parent;           /* name of the one before it; NULL: the first */
    gint64 created;         /* microseconds since the epoch */
    gboolean current;       /* the next one comes after it */
    GPtrArray *disks;       /* SkCheckpointDisk */
    SkDomainSpec *definition; /* of that moment */
} SkCheckpoint;

/* One disk's part, asked for. */
typedef struct { char *target; gint kind; char *bitmap; } SkCheckpointWish;

typedef struct {
    char *name, *description;
    gboolean quiesce;       /* freeze the guest's file systems */
    GPtrArray *disks;       /* SkCheckpointWish: those that have a part in it; none: all that can */
} SkCheckpointCreate;

extern const SkEnum sk_checkpoint_kind_enum;
extern const SkType sk_checkpoint_disk_type, sk_checkpoint_type, sk_checkpoint_wish_type, sk_checkpoint_create_type;

/* By target; NULL: none. */
SkCheckpointDisk *sk_checkpoint_find_disk(const SkCheckpoint *self, const char *target);

/* A field's check: letters, digits, "_", "-" and, not at its beginning, dots. */
gboolean sk_check_checkpoint_name(const char *text, const char *what, GError **error);

G_END_DECLS
