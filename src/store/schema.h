/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/db.h"

G_BEGIN_DECLS

/* The tables of the database, as numbered updates. Inside store/ only; any thread. */

#define SK_SCHEMA_APPLICATION_ID 0x536b6570 /* "Skep" */

typedef struct {
    guint version;          /* 1, 2, 3 ... without gaps */
    const char *sql;
} SkSchemaUpdate;

extern const SkSchemaUpdate sk_schema_updates[];
extern const guint sk_schema_n_updates;

/*
 * Brings a database to the last of the updates, each in a transaction of its own; a new file
 * gets all of them. Before an update of a database with content a copy is made beside it,
 * "<path>.v<version>". One that is newer or not ours is an error and is not changed.
 */
gboolean sk_schema_apply(SkDb *db, const SkSchemaUpdate *updates, guint n_updates, GError **error);

G_END_DECLS
