/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/stored-backup.h"

G_BEGIN_DECLS

/* Repositories of backups: directories, here or on other hosts' disks, that the daemon knows by a name. Values; any thread. */

typedef struct {
    char *name;
    char *uuid;             /* of what is known of it here */
    char *path;             /* of the directory */
    char *key;              /* secret; given: that of a repository that is there already */
    gint64 created;
} SkRepository;

typedef struct { char *key; } SkRepositoryKey;
typedef struct { char *keep, *domain; gboolean dry_run; } SkRepositoryPrune;

/* What removing came to. */
typedef struct {
    char **removed;         /* names of backups */
    guint64 objects, bytes; /* freed */
} SkRepositoryPruned;

/* What looking at everything came to. */
typedef struct {
    guint64 backups, objects, bytes;
    char **damaged;         /* sentences */
} SkRepositoryReport;

extern const SkType sk_repository_type, sk_repository_key_type, sk_repository_prune_type, sk_repository_pruned_type, sk_repository_report_type;

G_END_DECLS
