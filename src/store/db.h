/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/*
 * A SQLite connection with its prepared statements, and SQLite's failures as our errors.
 * Inside store/ only; one thread at a time.
 */

typedef struct {
    sqlite3 *handle;
    char *path;
    GHashTable *statements; /* SQL text to sqlite3_stmt * */
    /* What the transaction changes, for the fault points of its commit; beyond the last row it is not told. */
    const char *touched[8];
    guint n_touched;
} SkDb;

/* Opens (and makes, mode 0600) a database file. Changes nothing in it. */
SkDb *sk_db_open(const char *path, GError **error);
void sk_db_close(SkDb *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkDb, sk_db_close)

/* Runs SQL of any number of statements, without values. */
gboolean sk_db_exec(SkDb *self, const char *sql, GError **error);

/*
 * Runs one statement with values, which types describes: 't' const char * (may be NULL), 'i' gint64.
 * sql must be a literal: its prepared form is kept.
 */
gboolean sk_db_run(SkDb *self, GError **error, const char *sql, const char *types, ...);

/* Takes one row; the columns are valid until it returns. FALSE, with *error set, ends the query. */
typedef gboolean (*SkDbRow)(sqlite3_stmt *row, gpointer data, GError **error);

/* Runs one query and gives each row to on_row. */
gboolean sk_db_query(SkDb *self, SkDbRow on_row, gpointer data, GError **error, const char *sql, const char *types, ...);

/* A query of one number; fallback if there is no row or it is NULL. */
gboolean sk_db_number(SkDb *self, gint64 fallback, gint64 *out, GError **error, const char *sql, const char *types, ...);

/* A column's text as a new string, NULL if it is NULL. */
char *sk_db_text(sqlite3_stmt *row, gint column);

/* Rows changed by the last statement. */
gint sk_db_changes(SkDb *self);

/* Notes that the present transaction changes something of a kind ("domain"): see sk_fault() in queue.c. */
void sk_db_touch(SkDb *self, const char *kind);

/* Sets *error from SQLite's last failure and returns FALSE. */
gboolean sk_db_fail(SkDb *self, GError **error);

/* TRUE if SQLite's last failure was a value that must be unique. */
gboolean sk_db_is_taken(SkDb *self);

G_END_DECLS
