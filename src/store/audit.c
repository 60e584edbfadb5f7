/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The audit log. */
#include "store/audit.h"

#include "store/private.h"

/* A page of the largest size, and one more to see whether there is another. */
#define LIMIT_MAX 10001

static void
free_entry(gpointer entry)
{
    sk_value_free(&sk_audit_entry_type, entry);
}

/* -- append --------------------------------------------------------------------------------------------------- */

static gboolean
append_work(SkDb *db, gpointer data, GError **error)
{
    const SkAuditEntry *entry = data;
    gint64 id = 0;
    if (!sk_db_run(db, error,
                   "INSERT INTO audit (time, user, origin, operation, object, result, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                   "itttttt", entry->time, entry->user, entry->from, entry->operation, entry->object, entry->result, entry->message))
        return FALSE;
    id = sqlite3_last_insert_rowid(db->handle);
    return id % 256 != 0 || sk_db_run(db, error, "DELETE FROM audit WHERE id <= ?1", "i", id - SK_STORE_AUDIT_KEPT);
}

void
sk_store_audit(SkStore *self, const SkAuditEntry *entry)
{
    SkAuditEntry *copy = sk_value_copy(&sk_audit_entry_type, entry);
    if (copy->time == 0)
        copy->time = g_get_real_time();
    sk_queue_send(self->queue, SK_QUEUE_NOTE, append_work, copy, free_entry, NULL, NULL);
}

/* -- query ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const SkAuditQuery *query;
    GPtrArray *entries;
} Find;

static gboolean
take_entry(sqlite3_stmt *row, gpointer data, GError **error)
{
    SkAuditEntry *entry = g_new0(SkAuditEntry, 1);
    (void) error;
    entry->id = sqlite3_column_int64(row, 0);
    entry->time = sqlite3_column_int64(row, 1);
    entry->user = sk_db_text(row, 2);
    entry->from = sk_db_text(row, 3);
    entry->operation = sk_db_text(row, 4);
    entry->object = sk_db_text(row, 5);
    entry->result = sk_db_text(row, 6);
    entry->message = sk_db_text(row, 7);
    g_ptr_array_add(data, entry);
    return TRUE;
}

static gboolean
find_work(SkDb *db, gpointer data, GError **error)
{
    Find *find = data;
    const SkAuditQuery *query = find->query;
    guint limit = query->limit == 0 ? 100 : MIN(query->limit, LIMIT_MAX);
    g_ptr_array_set_size(find->entries, 0);
    return sk_db_query(db, take_entry, find->entries, error,
                       "SELECT id, time, user, origin, operation, object, result, message FROM audit"
                       " WHERE id < ?1 AND time >= ?2 AND time <= ?3"
                       " AND (?4 IS NULL OR user = ?4) AND (?5 IS NULL OR operation = ?5) AND (?6 IS NULL OR object = ?6)"
                       " ORDER BY id DESC LIMIT ?7",
                       "iiittti", query->before_id > 0 ? query->before_id : G_MAXINT64, query->since,
                       query->until > 0 ? query->until : G_MAXINT64, query->user, query->operation, query->object, (gint64) limit);
}

gboolean
sk_store_audit_query(SkStore *self, const SkAuditQuery *query, GPtrArray **out_entries, GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(free_entry);
    Find find = { query, entries };
    if (!sk_queue_call(self->queue, SK_QUEUE_READ, find_work, &find, error))
        return FALSE;
    *out_entries = g_steal_pointer(&entries);
    return TRUE;
}
