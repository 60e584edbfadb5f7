/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/job.h"
#include "storage/repository.h"

/* Repositories of backups that are known here, and what is done with what is in them. Main thread unless said otherwise. */

gboolean sk_service_load_repositories(SkService *self, GError **error);

/* By name; NO_REPOSITORY. Borrowed. */
const SkRepository *sk_service_repository(SkService *self, const char *name, GError **error);

/* What a worker needs to work on one. */
typedef struct {
    SkRepositoryPlace place;    /* its strings are those below */
    char *program, *path, *key;
} SkRepositoryAccess;
void sk_repository_access_init(SkRepositoryAccess *self, SkService *service, const SkRepository *repository);
/* Any thread. */
void sk_repository_access_clear(SkRepositoryAccess *self);

gboolean sk_handle_repository_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_repository_show(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_repository_key(SkService *self, SkCall *call, GError **error);
extern const SkJobKind sk_repository_create_job, sk_repository_delete_job;

/* -- stored-backup.c: what is in them -------------------------------------------------------------------------------- */

extern const SkJobKind sk_repository_verify_job, sk_repository_prune_job, sk_stored_backup_list_job, sk_stored_backup_show_job,
    sk_stored_backup_delete_job;
