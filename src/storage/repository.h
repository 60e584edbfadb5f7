/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/json/json.h"
#include "model/repository.h"
#include "storage/context.h"

G_BEGIN_DECLS

/*
 * Repositories of backups, through skep-repository: libraries that seal and pack stay out of the daemon's memory, and what it reads and writes is
 * no danger to it. The key goes to it by a descriptor. Workers.
 */

typedef struct {
    const char *program;        /* skep-repository */
    const char *path;           /* of the repository */
    const char *key;
} SkRepositoryPlace;

/* A new key; free with g_free() after sk_repository_forget_key(). NULL on error. */
char *sk_repository_new_key(const char *program, GError **error);
void sk_repository_forget_key(char *key);

/* Makes a repository there. EXISTS if the directory has something. */
gboolean sk_repository_make(const SkRepositoryPlace *place, GError **error);

/* Backups there are, oldest first, of one domain (name or UUID) or of all (NULL): SkStoredBackup. Free each with sk_value_free(). */
GPtrArray *sk_repository_list(const SkRepositoryPlace *place, const char *domain, GCancellable *cancellable, GError **error);
/* One of them; NO_BACKUP. Free with sk_value_free(). */
SkStoredBackup *sk_repository_show(const SkRepositoryPlace *place, const char *name, GCancellable *cancellable, GError **error);

/* Makes a backup; what came of it. NULL on error; nothing is left then but objects that the next one uses. */
SkStoredBackup *sk_repository_create(const SkRepositoryPlace *place, const SkBackupOrder *order, const SkStorageContext *context, GError **error);

/* Looks at everything, of one backup (name) or of all (NULL). What is damaged is in the report. */
SkRepositoryReport *sk_repository_verify(const SkRepositoryPlace *place, const char *name, const SkStorageContext *context, GError **error);

/* Removes what is not to be kept, and what only that needed; a dry run only says what would go. IN_USE while others read or write. */
SkRepositoryPruned *sk_repository_prune(const SkRepositoryPlace *place, const SkRepositoryPrune *prune, GCancellable *cancellable, GError **error);
SkRepositoryPruned *sk_repository_remove(const SkRepositoryPlace *place, const char *name, GCancellable *cancellable, GError **error);

G_END_DECLS
