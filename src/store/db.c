/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SQLite with prepared statements kept and failures in our words. */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/fs.h"

#define BUSY_TIMEOUT_MS 5000

/* -- errors ----------------------------------------------------------------------------------------- */

static const struct {
    gint sqlite;            /* primary result code */
    SkError code;
    const char *sentence;   /* after the path in quotes */
} failures[] = {
    { SQLITE_FULL, SK_ERROR_NO_SPACE, "the disk is full, nothing was changed; make room and try again" },
    { SQLITE_READONLY, SK_ERROR_HOST, "the file or its file system is read-only, nothing was changed" },
    { SQLITE_IOERR, SK_ERROR_IO, "the disk failed to read or write it, nothing was changed; see the kernel's log" },
    { SQLITE_CORRUPT, SK_ERROR_HOST, "the file is damaged; put back a copy, it was not touched" },
    { SQLITE_NOTADB, SK_ERROR_HOST, "this is not a database of Skep; it was not touched" },
    { SQLITE_CANTOPEN, SK_ERROR_HOST, "it cannot be opened" },
    { SQLITE_PERM, SK_ERROR_HOST, "it may not be opened" },
    { SQLITE_BUSY, SK_ERROR_IN_USE, "another program holds it locked" },
    { SQLITE_LOCKED, SK_ERROR_IN_USE, "another program holds it locked" },
    { SQLITE_TOOBIG, SK_ERROR_TOO_LARGE, "a value is too large to be kept" },
};

gboolean
sk_db_fail(SkDb *self, GError **error)
{
    gint result = sqlite3_extended_errcode(self->handle);
    for (guint i = 0; i < G_N_ELEMENTS(failures); i++) {
        if (failures[i].sqlite == (result & 0xff))
            return sk_fail(error, failures[i].code, "database \"%s\": %s (%s)", self->path, failures[i].sentence,
                           sqlite3_errmsg(self->handle));
    }
    return sk_fail(error, SK_ERROR_INTERNAL, "database \"%s\": %s", self->path, sqlite3_errmsg(self->handle));
}

gboolean
sk_db_is_taken(SkDb *self)
{
    gint result = sqlite3_extended_errcode(self->handle);
    return result == SQLITE_CONSTRAINT_UNIQUE || result == SQLITE_CONSTRAINT_PRIMARYKEY;
}

void
sk_db_touch(SkDb *self, const char *kind)
{
    if (self->n_touched < G_N_ELEMENTS(self->touched))
        self->touched[self->n_touched++] = g_intern_string(kind);
}

/* -- open and close ----------------------------------------------------------------------------------- */

static void
finalize(gpointer statement)
{
    sqlite3_finalize(statement);
}

/* Made here so that it never exists with a wider mode; SQLite gives its WAL the same. */
static gboolean
make_file(const char *path, GError **error)
{
    g_auto(SkFd) fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0 && errno != EROFS)
        return sk_fail_errno(error, errno, "cannot open the database \"%s\"", path);
    return TRUE;
}

SkDb *
sk_db_open(const char *path, GError **error)
{
    if (!make_file(path, error))
        return NULL;
    g_autoptr(SkDb) self = g_new0(SkDb, 1);
    self->path = g_strdup(path);
    self->statements = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, finalize);
    gint flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &self->handle, flags, NULL) != SQLITE_OK) {
        sk_db_fail(self, error);
        return NULL;
    }
    sqlite3_busy_timeout(self->handle, BUSY_TIMEOUT_MS);
    return g_steal_pointer(&self);
}

void
sk_db_close(SkDb *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->statements);
    sqlite3_close(self->handle);
    g_free(self->path);
    g_free(self);
}

/* -- statements --------------------------------------------------------------------------------------- */

gboolean
sk_db_exec(SkDb *self, const char *sql, GError **error)
{
    return sqlite3_exec(self->handle, sql, NULL, NULL, NULL) == SQLITE_OK || sk_db_fail(self, error);
}

static sqlite3_stmt *
prepare(SkDb *self, const char *sql, GError **error)
{
    sqlite3_stmt *statement = g_hash_table_lookup(self->statements, sql);
    if (statement != NULL)
        return statement;
    if (sqlite3_prepare_v3(self->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
        sk_db_fail(self, error);
        return NULL;
    }
    g_hash_table_insert(self->statements, (gpointer) sql, statement);
    return statement;
}

/* The values outlive the statement's run, so SQLite need not copy them. */
static void
bind(sqlite3_stmt *statement, const char *types, va_list args)
{
    for (gint i = 0; types[i] != '\0'; i++) {
        if (types[i] == 't')
            sqlite3_bind_text(statement, i + 1, va_arg(args, const char *), -1, SQLITE_STATIC);
        else
            sqlite3_bind_int64(statement, i + 1, va_arg(args, gint64));
    }
}

static gboolean
run(SkDb *self, SkDbRow on_row, gpointer data, GError **error, const char *sql, const char *types, va_list args)
{
    sqlite3_stmt *statement = prepare(self, sql, error);
    if (statement == NULL)
        return FALSE;
    bind(statement, types, args);

    gboolean ok = TRUE;
    gint result = SQLITE_ROW;
    while (ok && (result = sqlite3_step(statement)) == SQLITE_ROW)
        ok = on_row == NULL || on_row(statement, data, error);
    if (ok && result != SQLITE_DONE)
        ok = sk_db_fail(self, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return ok;
}

gboolean
sk_db_run(SkDb *self, GError **error, const char *sql, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    gboolean ok = run(self, NULL, NULL, error, sql, types, args);
    va_end(args);
    return ok;
}

gboolean
sk_db_query(SkDb *self, SkDbRow on_row, gpointer data, GError **error, const char *sql, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    gboolean ok = run(self, on_row, data, error, sql, types, args);
    va_end(args);
    return ok;
}

static gboolean
take_number(sqlite3_stmt *row, gpointer data, GError **error)
{
    (void) error;
    if (sqlite3_column_type(row, 0) != SQLITE_NULL)
        *(gint64 *) data = sqlite3_column_int64(row, 0);
    return TRUE;
}

gboolean
sk_db_number(SkDb *self, gint64 fallback, gint64 *out, GError **error, const char *sql, const char *types, ...)
{
    va_list args;
    gint64 number = fallback;
    va_start(args, types);
    gboolean ok = run(self, take_number, &number, error, sql, types, args);
    va_end(args);
    if (ok)
        *out = number;
    return ok;
}

char *
sk_db_text(sqlite3_stmt *row, gint column)
{
    return g_strdup((const char *) sqlite3_column_text(row, column));
}

gint
sk_db_changes(SkDb *self)
{
    return sqlite3_changes(self->handle);
}
