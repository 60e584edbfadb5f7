/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Schema updates: a row is never changed once released, a new one is added. */
#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"

static const char first_schema[] =
    "CREATE TABLE records ("
    "  kind TEXT NOT NULL,"
    "  uuid TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  spec TEXT NOT NULL,"
    "  state TEXT,"
    "  revision INTEGER NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  modified INTEGER NOT NULL,"
    "  UNIQUE (kind, uuid),"
    "  UNIQUE (kind, name));"
    /* seq keeps the order of arrival, which is the order of loading and pruning. */
    "CREATE TABLE jobs ("
    "  seq INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  ended INTEGER NOT NULL,"
    "  info TEXT NOT NULL);"
    "CREATE INDEX jobs_ended ON jobs (ended, seq);"
    "CREATE TABLE tokens ("
    "  id TEXT PRIMARY KEY,"
    "  name TEXT UNIQUE,"
    "  hash TEXT NOT NULL UNIQUE,"
    "  role TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL,"
    "  last_used INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE requests ("
    "  user TEXT NOT NULL,"
    "  key TEXT NOT NULL,"
    "  operation TEXT,"
    "  body_hash TEXT,"
    "  status INTEGER NOT NULL,"
    "  response TEXT,"
    "  job TEXT,"
    "  time INTEGER NOT NULL,"
    "  UNIQUE (user, key));"
    "CREATE INDEX requests_time ON requests (time);"
    "CREATE TABLE audit ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  time INTEGER NOT NULL,"
    "  user TEXT, origin TEXT, operation TEXT, object TEXT, result TEXT, message TEXT);"
    "CREATE TABLE uids ("
    "  uid INTEGER PRIMARY KEY,"
    "  domain TEXT NOT NULL UNIQUE);"
    "CREATE TABLE settings ("
    "  key TEXT PRIMARY KEY,"
    "  value TEXT NOT NULL) WITHOUT ROWID;";

const SkSchemaUpdate sk_schema_updates[] = {
    { 1, first_schema },
};
const guint sk_schema_n_updates = G_N_ELEMENTS(sk_schema_updates);

typedef struct {
    gint64 version, application, tables;
} Present;

static gboolean
look(SkDb *db, Present *out, GError **error)
{
    return sk_db_number(db, 0, &out->application, error, "PRAGMA application_id", "") &&
           sk_db_number(db, 0, &out->version, error, "PRAGMA user_version", "") &&
           sk_db_number(db, 0, &out->tables, error, "SELECT count(*) FROM sqlite_schema", "");
}

static gboolean
check_ours(SkDb *db, const Present *is, guint newest, GError **error)
{
    gboolean fresh = is->application == 0 && is->version == 0 && is->tables == 0;
    if (!fresh && is->application != SK_SCHEMA_APPLICATION_ID)
        return sk_fail(error, SK_ERROR_HOST, "\"%s\" is a database of another program; it was not touched", db->path);
    if (is->version > newest)
        return sk_fail(error, SK_ERROR_UNSUPPORTED,
                       "database \"%s\" was written by a newer Skep (version %d, this one knows %u); install that one again or put back an older copy",
                       db->path, (gint) is->version, newest);
    return TRUE;
}

/* A whole copy beside the file: written under another name first, so that a half one is never taken for good. */
static gboolean
keep_copy(SkDb *db, gint64 version, GError **error)
{
    g_autofree char *copy = g_strdup_printf("%s.v%d", db->path, (gint) version);
    g_autofree char *part = g_strconcat(copy, ".part", NULL);
    if (!sk_fs_remove(part, error) || !sk_db_run(db, error, "VACUUM INTO ?1", "t", part))
        return FALSE;
    g_auto(SkFd) fd = open(part, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0600) < 0 || fsync(fd) < 0 || rename(part, copy) < 0)
        return sk_fail_errno(error, errno, "cannot write the copy \"%s\"", copy);
    return sk_fs_sync_dir_of(copy, error);
}

/* The tables, the version and whose it is change together. */
static gboolean
apply_one(SkDb *db, const SkSchemaUpdate *update, GError **error)
{
    g_autofree char *sql = g_strdup_printf("BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %u;",
                                           update->sql, SK_SCHEMA_APPLICATION_ID, update->version);
    gboolean ok = sk_db_exec(db, sql, error) && !sk_fault("store/update", error) && sk_db_exec(db, "COMMIT", error);
    if (ok)
        return TRUE;
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    g_prefix_error(error, "update to version %u: ", update->version);
    return FALSE;
}

gboolean
sk_schema_apply(SkDb *db, const SkSchemaUpdate *updates, guint n_updates, GError **error)
{
    Present is;
    if (!look(db, &is, error) || !check_ours(db, &is, updates[n_updates - 1].version, error))
        return FALSE;
    if (is.version > 0 && is.version < updates[n_updates - 1].version && !keep_copy(db, is.version, error))
        return FALSE;
    for (guint i = 0; i < n_updates; i++) {
        if (updates[i].version > is.version && !apply_one(db, &updates[i], error))
            return FALSE;
    }
    return TRUE;
}
