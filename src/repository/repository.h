/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "repository/object.h"

G_BEGIN_DECLS

/*
 * The directory of a repository: objects by their names, and backups, which say what they consist of. A name appears when its bytes are on
 * the disk, and a backup when all that it consists of is; so whatever is cut off leaves a repository that is whole. Layout:
 * docs/reference/backup-format.md. Blocks; any thread, get, put and sync by several at once.
 */

typedef struct SkRepo SkRepo;

/* -- create ----------------------------------------------------------------------------------------------------------- */

/* Makes a repository in a directory that is empty or not there. EXISTS if there is something. */
gboolean sk_repo_init(const char *path, const char *key, GError **error);

/* NOT_FOUND if there is none; DENIED with the key of another. */
SkRepo *sk_repo_open(const char *path, const char *key, GError **error);
void sk_repo_free(SkRepo *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkRepo, sk_repo_free)

/*
 * Who adds or reads locks it shared, who removes objects locks it alone; held until the repository is freed. IN_USE at once if that cannot be.
 * Also between hosts, where the file system carries locks.
 */
gboolean sk_repo_lock(SkRepo *self, gboolean alone, GError **error);

/* -- query ------------------------------------------------------------------------------------------------------------- */

const char *sk_repo_path(const SkRepo *self);
const char *sk_repo_uuid(const SkRepo *self);
/* Bytes of the objects that were new, as written. */
guint64 sk_repo_written(SkRepo *self);

/* IO if it is damaged; NOT_FOUND if it is not there: the object's name is in the message. */
GByteArray *sk_repo_get(SkRepo *self, SkRepoKind kind, const SkRepoId *id, GError **error);

/* Called for each object there is; FALSE ends it. */
typedef gboolean (*SkRepoEach)(const SkRepoId *id, guint64 bytes, gpointer data, GError **error);
gboolean sk_repo_each(SkRepo *self, SkRepoEach func, gpointer data, GError **error);

/* -- change ---------------------------------------------------------------------------------------------------------------- */

/* Keeps bytes, unless they are there already. They have their name after sk_repo_sync(). */
gboolean sk_repo_put(SkRepo *self, SkRepoKind kind, const void *bytes, gsize length, SkRepoId *out, GError **error);

/* All that was put is on the disk and has its name. */
gboolean sk_repo_sync(SkRepo *self, GError **error);

/* Locked alone. */
gboolean sk_repo_remove(SkRepo *self, const SkRepoId *id, GError **error);
/* Removes what writers that died left behind. Locked alone. */
gboolean sk_repo_sweep(SkRepo *self, GError **error);

/* -- files that say what a backup has; sealed, named "DOMAIN-UUID/NAME" ------------------------------------------------------- */

/* The whole name of a backup of which the part after the slash is given, or the whole one itself. NULL: NO_BACKUP, or there are several. */
char *sk_repo_find_backup(SkRepo *self, const char *name, GError **error);

gboolean sk_repo_write_backup(SkRepo *self, const char *name, const char *text, GError **error);
/* Its text. NO_BACKUP if there is none of that name. */
char *sk_repo_read_backup(SkRepo *self, const char *name, GError **error);
/* Their names, sorted. */
GPtrArray *sk_repo_backup_names(SkRepo *self, GError **error);
gboolean sk_repo_remove_backup(SkRepo *self, const char *name, GError **error);

G_END_DECLS
