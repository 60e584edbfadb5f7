/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/snapshot.h"

/*
 * Which files the states of a disk are in, and what lies over what: found in the files themselves, beginning with those that the domain and
 * its snapshots name. Workers. Paths in here are without links.
 */

typedef struct {
    GHashTable *below;      /* path to the path below it, or NULL */
    GHashTable *live;       /* those of the chain that runs; empty: none does */
    GHashTable *ends;       /* those that are named: a state is what is seen through one of them */
} SkSnapshotFiles;

/*
 * Of the disk target, as the definition, what runs and known (SkSnapshot) say; but is left out (NULL: none is). Files of snapshots that are
 * not there have no part in it; now FALSE: what the domain has now neither, but snapshots alone.
 */
gboolean sk_snapshot_files_find(SkSnapshotFiles *self, const SkSnapshotSite *site, const GPtrArray *known, const SkSnapshot *but, const char *target,
                                gboolean now, GError **error);
void sk_snapshot_files_clear(SkSnapshotFiles *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkSnapshotFiles, sk_snapshot_files_clear)

gboolean sk_snapshot_files_has(const SkSnapshotFiles *self, const char *path);
/* TRUE if lower is right below upper. */
gboolean sk_snapshot_files_is_over(const SkSnapshotFiles *self, const char *upper, const char *lower);
/* What lies right over it (borrowed strings); sorted. */
GPtrArray *sk_snapshot_files_over(const SkSnapshotFiles *self, const char *path);
/* A file that lies over it and is none of these: of another domain, or nobody's. NULL: none. Free with g_free(). */
char *sk_snapshot_files_stranger(const SkSnapshotFiles *self, const SkSnapshotSite *site, const char *path);

/* Without links, if it is there. Free with g_free(). */
char *sk_snapshot_real(const char *path);
/* Domains other than this that have a disk on the file (the first of them), or NULL. Free with g_free(). */
char *sk_snapshot_other_user(const SkSnapshotSite *site, const char *path);
