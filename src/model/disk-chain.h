/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/disk.h"

/*
 * The files of a running disk, one over the other, each with a number that it keeps as long as the disk runs: clients name it by that, as
 * "vda[2]". Values; any thread.
 */

typedef struct {
    guint index;            /* 1, ... */
    char *path;             /* without links */
    gint format;            /* SkDiskFormat */
    gboolean block;         /* a block device */
} SkDiskLayer;
extern const SkType sk_disk_layer_type;

typedef struct {
    char *target;           /* disk */
    char *path;             /* its own file as its definition names it: on another the chain is another */
    guint last;             /* the highest number that was given */
    GPtrArray *layers;      /* SkDiskLayer, the disk's own file first */
} SkDiskChain;
extern const SkType sk_disk_chain_type;

/* A file that a disk is kept the same in, or goes down into, until the disk is told to go over. */
typedef struct {
    const char *target;
    const SkDisk *disk;     /* as it will be */
    gboolean commit;        /* else a copy */
    const char *ready;      /* "yes", "pivot", "abort"; NULL: not yet */
} SkDiskMirror;

/* Borrowed; NULL: it is not known, or of another file than disk is on. chains (SkDiskChain) may be NULL. */
const SkDiskChain *sk_disk_chains_find(const GPtrArray *chains, const SkDisk *disk);
/* The next file down gets the number that known, the chain before (may be NULL), has for it, or a new one. */
void sk_disk_chain_add(SkDiskChain *self, const SkDiskChain *known, const char *path, gint format, gboolean block);
/* "vda[2]" as a path; other names, and numbers that no file has, as they are. self may be NULL. Free with g_free(). */
char *sk_disk_chain_name(const SkDiskChain *self, const char *name);
