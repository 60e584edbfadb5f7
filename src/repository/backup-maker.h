/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/stored-backup.h"
#include "repository/repository.h"

G_BEGIN_DECLS

/* Backups in a repository: made, told of, removed. Block; one thread. */

/* How far it is, in bytes of the disks. */
typedef void (*SkRepoProgress)(guint64 done, guint64 total, gpointer data);

/*
 * Reads what the order names into the repository, which is locked. order->backup gets what came of it, and is kept under its name.
 */
gboolean sk_repo_make_backup(SkRepo *repo, SkBackupOrder *order, SkRepoProgress progress, gpointer data, GError **error);

/* Free with sk_value_free(&sk_stored_backup_type, …). NO_BACKUP; IO if it is damaged. */
SkStoredBackup *sk_repo_load_backup(SkRepo *repo, const char *name, GError **error);

/*
 * Those there are, oldest first, of one domain (UUID or name) or of all (NULL). Those that cannot be read are left out, and
 * their errors' texts added to out_damaged (may be NULL). NULL if the repository cannot be read. Free with g_ptr_array_unref().
 */
GPtrArray *sk_repo_load_backups(SkRepo *repo, const char *domain, GPtrArray *out_damaged, GError **error);

G_END_DECLS
