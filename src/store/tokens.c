/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access tokens as they are kept. */
#include "store/tokens.h"

#include "base/error.h"
#include "store/private.h"

SkTokenRecord *
sk_token_record_new(const SkToken *token, const char *hash)
{
    SkTokenRecord *self = g_new0(SkTokenRecord, 1);
    self->token = *token;
    self->token.id = g_strdup(token->id);
    self->token.name = g_strdup(token->name);
    self->hash = g_strdup(hash);
    return self;
}

void
sk_token_record_free(SkTokenRecord *self)
{
    if (self == NULL)
        return;
    sk_value_clear(&sk_token_type, &self->token);
    g_free(self->hash);
    g_free(self);
}

static void
free_record(gpointer record)
{
    sk_token_record_free(record);
}

/* -- changes -------------------------------------------------------------------------------------------------- */

static gboolean
save_work(SkDb *db, gpointer data, GError **error)
{
    const SkTokenRecord *record = data;
    const SkToken *token = &record->token;
    if (sk_db_run(db, error,
                  "INSERT INTO tokens (id, name, hash, role, created, expires, last_used) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                  " ON CONFLICT (id) DO UPDATE SET name = excluded.name, hash = excluded.hash, role = excluded.role,"
                  " created = excluded.created, expires = excluded.expires, last_used = excluded.last_used",
                  "ttttiii", token->id, token->name, record->hash, sk_enum_name(&sk_role_enum, token->role), token->created,
                  token->expires, token->last_used))
        return TRUE;
    if (!sk_db_is_taken(db))
        return FALSE;
    g_clear_error(error);
    return sk_fail(error, SK_ERROR_EXISTS, "there is a token \"%s\" already; give another name", token->name);
}

gboolean
sk_store_token_save(SkStore *self, const SkTokenRecord *token, GError **error)
{
    return sk_queue_call(self->queue, SK_QUEUE_WRITE, save_work, (gpointer) token, error);
}

void
sk_store_token_save_async(SkStore *self, const SkTokenRecord *token, SkStoreDone done, gpointer data)
{
    sk_queue_send(self->queue, SK_QUEUE_WRITE, save_work, sk_token_record_new(&token->token, token->hash), free_record, done, data);
}

typedef struct {
    char *id;
    gint64 time;
} Used;

static void
used_free(gpointer data)
{
    Used *self = data;
    g_free(self->id);
    g_free(self);
}

static gboolean
used_work(SkDb *db, gpointer data, GError **error)
{
    const Used *used = data;
    return sk_db_run(db, error, "UPDATE tokens SET last_used = max(last_used, ?2) WHERE id = ?1", "ti", used->id, used->time);
}

void
sk_store_token_used(SkStore *self, const char *id, gint64 time)
{
    Used *used = g_new(Used, 1);
    *used = (Used){ g_strdup(id), time };
    sk_queue_send(self->queue, SK_QUEUE_NOTE, used_work, used, used_free, NULL, NULL);
}

static gboolean
delete_work(SkDb *db, gpointer data, GError **error)
{
    return sk_db_run(db, error, "DELETE FROM tokens WHERE id = ?1", "t", (const char *) data);
}

gboolean
sk_store_token_delete(SkStore *self, const char *id, GError **error)
{
    return sk_queue_call(self->queue, SK_QUEUE_WRITE, delete_work, (gpointer) id, error);
}

void
sk_store_token_delete_async(SkStore *self, const char *id, SkStoreDone done, gpointer data)
{
    sk_queue_send(self->queue, SK_QUEUE_WRITE, delete_work, g_strdup(id), g_free, done, data);
}

/* -- loading -------------------------------------------------------------------------------------------------- */

/* A role this version does not know gives no right. */
static gboolean
take_token(sqlite3_stmt *row, gpointer data, GError **error)
{
    SkTokenRecord *record = g_new0(SkTokenRecord, 1);
    (void) error;
    record->token.id = sk_db_text(row, 0);
    record->token.name = sk_db_text(row, 1);
    record->hash = sk_db_text(row, 2);
    if (!sk_enum_parse(&sk_role_enum, (const char *) sqlite3_column_text(row, 3), &record->token.role, NULL))
        record->token.role = SK_ROLE_NONE;
    record->token.created = sqlite3_column_int64(row, 4);
    record->token.expires = sqlite3_column_int64(row, 5);
    record->token.last_used = sqlite3_column_int64(row, 6);
    g_ptr_array_add(data, record);
    return TRUE;
}

static gboolean
load_work(SkDb *db, gpointer data, GError **error)
{
    g_ptr_array_set_size(data, 0);
    return sk_db_query(db, take_token, data, error,
                       "SELECT id, name, hash, role, created, expires, last_used FROM tokens ORDER BY created, id", "");
}

gboolean
sk_store_load_tokens(SkStore *self, GPtrArray **out_tokens, GError **error)
{
    g_autoptr(GPtrArray) tokens = g_ptr_array_new_with_free_func(free_record);
    if (!sk_queue_call(self->queue, SK_QUEUE_READ, load_work, tokens, error))
        return FALSE;
    *out_tokens = g_steal_pointer(&tokens);
    return TRUE;
}
