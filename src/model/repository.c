/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of repositories of backups. */
#include "model/repository.h"

#include "base/text.h"
#include "model/retention.h"

#define KEY_MAX 128

static const SkField repository_fields[] = {
    SK_FIELD(SkRepository, name, STRING, "name", .check = sk_check_name, .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY),
    SK_FIELD(SkRepository, uuid, STRING, "UUID", .check = sk_check_uuid, .flags = SK_FIELD_READONLY),
    SK_FIELD(SkRepository, path, STRING, "directory, empty or not there, or with a repository and its key given", .check = sk_check_path,
             .flags = SK_FIELD_REQUIRED),
    SK_FIELD(SkRepository, key, STRING, "key of the repository that is there; a new one is made if not given", .flags = SK_FIELD_SECRET, .max = KEY_MAX),
    SK_FIELD(SkRepository, created, INT64, "since when it is known here, microseconds since the epoch", .flags = SK_FIELD_READONLY),
};
SK_TYPE(sk_repository_type, SkRepository, "Repository", "repository", repository_fields, "a directory of backups");

static const SkField key_fields[] = {
    SK_FIELD(SkRepositoryKey, key, STRING, "whoever has it can read every backup; without it nobody can", .max = KEY_MAX),
};
SK_TYPE(sk_repository_key_type, SkRepositoryKey, "RepositoryKey", "key", key_fields, "the key of a repository");

static const SkField prune_fields[] = {
    SK_FIELD(SkRepositoryPrune, keep, STRING, "what is kept of each domain: 24h,7d,4w,12m,3y, or a number of the newest", .check = sk_check_retention,
             .flags = SK_FIELD_REQUIRED),
    SK_FIELD(SkRepositoryPrune, domain, STRING, "only backups of this one (name or UUID)", .check = sk_check_name),
    SK_FIELD(SkRepositoryPrune, dry_run, BOOL, "only say what would go"),
};
SK_TYPE(sk_repository_prune_type, SkRepositoryPrune, "RepositoryPrune", "pruning", prune_fields, "what is kept of the backups in a repository");

static const SkField pruned_fields[] = {
    SK_FIELD(SkRepositoryPruned, removed, STRV, "backups that went, or would", .max = 1000000),
    SK_FIELD(SkRepositoryPruned, objects, UINT64, "objects that only they needed"),
    SK_FIELD(SkRepositoryPruned, bytes, SIZE, "bytes freed"),
};
SK_TYPE(sk_repository_pruned_type, SkRepositoryPruned, "RepositoryPruned", "pruning", pruned_fields, "what pruning came to");

static const SkField report_fields[] = {
    SK_FIELD(SkRepositoryReport, backups, UINT64, "backups looked at"),
    SK_FIELD(SkRepositoryReport, objects, UINT64, "objects read"),
    SK_FIELD(SkRepositoryReport, bytes, SIZE, "bytes in them"),
    SK_FIELD(SkRepositoryReport, damaged, STRV, "which backup, which disk, what is wrong", .max = 1000000),
};
SK_TYPE(sk_repository_report_type, SkRepositoryReport, "RepositoryReport", "report", report_fields, "what looking at a repository came to");
