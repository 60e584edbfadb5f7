/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of objects, and batches of changes. */
#include <string.h>

#include "base/error.h"
#include "store/private.h"
#include "store/store.h"

/* -- the value -------------------------------------------------------------------------------------------- */

SkRecord *
sk_record_new(const char *kind, const char *uuid, const char *name, const char *spec)
{
    SkRecord *self = g_new0(SkRecord, 1);
    self->kind = g_strdup(kind);
    self->uuid = g_strdup(uuid);
    self->name = g_strdup(name);
    self->spec = g_strdup(spec);
    return self;
}

static SkRecord *
record_copy(const SkRecord *record)
{
    SkRecord *copy = sk_record_new(record->kind, record->uuid, record->name, record->spec);
    copy->state = g_strdup(record->state);
    return copy;
}

void
sk_record_free(SkRecord *self)
{
    if (self == NULL)
        return;
    g_free(self->kind);
    g_free(self->uuid);
    g_free(self->name);
    g_free(self->spec);
    g_free(self->state);
    g_free(self);
}

static void
free_record(gpointer record)
{
    sk_record_free(record);
}

/* -- work on the store's thread --------------------------------------------------------------------------- */

typedef struct {
    const SkRecord *record;
    guint64 revision;
    gint64 created, modified;
} Put;

static gboolean
take_put(sqlite3_stmt *row, gpointer data, GError **error)
{
    Put *put = data;
    (void) error;
    put->revision = (guint64) sqlite3_column_int64(row, 0);
    put->created = sqlite3_column_int64(row, 1);
    return TRUE;
}

static gboolean
name_taken(GError **error, const char *kind, const char *name)
{
    g_clear_error(error);
    return sk_fail(error, SK_ERROR_EXISTS, "there is a %s \"%s\" already; give another name", kind, name);
}

static gboolean
put_work(SkDb *db, gpointer data, GError **error)
{
    Put *put = data;
    const SkRecord *record = put->record;
    put->modified = g_get_real_time();
    sk_db_touch(db, record->kind);
    if (sk_db_query(db, take_put, put, error,
                    "INSERT INTO records (kind, uuid, name, spec, state, revision, created, modified)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6)"
                    " ON CONFLICT (kind, uuid) DO UPDATE SET name = excluded.name, spec = excluded.spec,"
                    " state = coalesce(excluded.state, state), revision = revision + 1, modified = excluded.modified"
                    " RETURNING revision, created",
                    "ttttti", record->kind, record->uuid, record->name, record->spec, record->state, put->modified))
        return TRUE;
    return sk_db_is_taken(db) ? name_taken(error, record->kind, record->name) : FALSE;
}

static gboolean
put_copy_work(SkDb *db, gpointer data, GError **error)
{
    Put put = { .record = data };
    return put_work(db, &put, error);
}

/* A change of one object: text is its new state or name. */
typedef struct {
    char *kind, *uuid, *text;
} Change;

static Change *
change_new(const char *kind, const char *uuid, const char *text)
{
    Change *self = g_new(Change, 1);
    *self = (Change){ g_strdup(kind), g_strdup(uuid), g_strdup(text) };
    return self;
}

static void
change_free(gpointer data)
{
    Change *self = data;
    g_free(self->kind);
    g_free(self->uuid);
    g_free(self->text);
    g_free(self);
}

static gboolean
state_work(SkDb *db, gpointer data, GError **error)
{
    const Change *change = data;
    return sk_db_run(db, error, "UPDATE records SET state = ?3 WHERE kind = ?1 AND uuid = ?2", "ttt", change->kind,
                     change->uuid, change->text);
}

static gboolean
remove_work(SkDb *db, gpointer data, GError **error)
{
    const Change *change = data;
    sk_db_touch(db, change->kind);
    return sk_db_run(db, error, "DELETE FROM records WHERE kind = ?1 AND uuid = ?2", "tt", change->kind, change->uuid);
}

static gboolean
rename_work(SkDb *db, gpointer data, GError **error)
{
    const Change *change = data;
    sk_db_touch(db, change->kind);
    if (!sk_db_run(db, error,
                   "UPDATE records SET name = ?3, spec = json_set(spec, '$.name', ?3), revision = revision + 1, modified = ?4"
                   " WHERE kind = ?1 AND uuid = ?2",
                   "ttti", change->kind, change->uuid, change->text, g_get_real_time()))
        return sk_db_is_taken(db) ? name_taken(error, change->kind, change->text) : FALSE;
    if (sk_db_changes(db) == 0)
        return sk_fail(error, SK_ERROR_NOT_FOUND, "there is no %s with the UUID \"%s\"", change->kind, change->uuid);
    return TRUE;
}

/* -- loading -------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *kind;
    GPtrArray *records;
} Load;

static gboolean
take_record(sqlite3_stmt *row, gpointer data, GError **error)
{
    Load *load = data;
    SkRecord *record = g_new0(SkRecord, 1);
    (void) error;
    record->kind = g_strdup(load->kind);
    record->uuid = sk_db_text(row, 0);
    record->name = sk_db_text(row, 1);
    record->spec = sk_db_text(row, 2);
    record->state = sk_db_text(row, 3);
    record->revision = (guint64) sqlite3_column_int64(row, 4);
    record->created = sqlite3_column_int64(row, 5);
    record->modified = sqlite3_column_int64(row, 6);
    g_ptr_array_add(load->records, record);
    return TRUE;
}

static gboolean
load_work(SkDb *db, gpointer data, GError **error)
{
    Load *load = data;
    g_ptr_array_set_size(load->records, 0);
    return sk_db_query(db, take_record, load, error,
                       "SELECT uuid, name, spec, state, revision, created, modified FROM records WHERE kind = ?1 ORDER BY name",
                       "t", load->kind);
}

gboolean
sk_store_load(SkStore *self, const char *kind, GPtrArray **out_records, GError **error)
{
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func(free_record);
    Load load = { kind, records };
    if (!sk_queue_call(self->queue, SK_QUEUE_READ, load_work, &load, error))
        return FALSE;
    *out_records = g_steal_pointer(&records);
    return TRUE;
}

/* -- single changes ----------------------------------------------------------------------------------------------- */

gboolean
sk_store_put(SkStore *self, SkRecord *record, GError **error)
{
    Put put = { .record = record };
    if (!sk_queue_call(self->queue, SK_QUEUE_WRITE, put_work, &put, error))
        return FALSE;
    record->revision = put.revision;
    record->created = put.created;
    record->modified = put.modified;
    return TRUE;
}

void
sk_store_put_async(SkStore *self, const SkRecord *record, SkStoreDone done, gpointer data)
{
    sk_queue_send(self->queue, SK_QUEUE_WRITE, put_copy_work, record_copy(record), free_record, done, data);
}

void
sk_store_put_state(SkStore *self, const char *kind, const char *uuid, const char *state_json)
{
    sk_queue_send(self->queue, SK_QUEUE_NOTE, state_work, change_new(kind, uuid, state_json), change_free, NULL, NULL);
}

gboolean
sk_store_remove(SkStore *self, const char *kind, const char *uuid, GError **error)
{
    Change change = { (char *) kind, (char *) uuid, NULL };
    return sk_queue_call(self->queue, SK_QUEUE_WRITE, remove_work, &change, error);
}

void
sk_store_remove_async(SkStore *self, const char *kind, const char *uuid, SkStoreDone done, gpointer data)
{
    sk_queue_send(self->queue, SK_QUEUE_WRITE, remove_work, change_new(kind, uuid, NULL), change_free, done, data);
}

gboolean
sk_store_rename(SkStore *self, const char *kind, const char *uuid, const char *name, GError **error)
{
    Change change = { (char *) kind, (char *) uuid, (char *) name };
    return sk_queue_call(self->queue, SK_QUEUE_WRITE, rename_work, &change, error);
}

/* -- batches ------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkQueueWork work;
    gpointer data;
    GDestroyNotify free_data;
} Step;

struct SkStoreBatch {
    GArray *steps;
};

SkStoreBatch *
sk_store_batch_new(void)
{
    SkStoreBatch *self = g_new(SkStoreBatch, 1);
    self->steps = g_array_new(FALSE, FALSE, sizeof(Step));
    return self;
}

void
sk_store_batch_free(SkStoreBatch *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < self->steps->len; i++) {
        Step *step = &g_array_index(self->steps, Step, i);
        step->free_data(step->data);
    }
    g_array_unref(self->steps);
    g_free(self);
}

void
sk_store_batch_add(SkStoreBatch *self, SkQueueWork work, gpointer data, GDestroyNotify free_data)
{
    Step step = { work, data, free_data };
    g_array_append_val(self->steps, step);
}

void
sk_store_batch_put(SkStoreBatch *self, const SkRecord *record)
{
    sk_store_batch_add(self, put_copy_work, record_copy(record), free_record);
}

void
sk_store_batch_put_state(SkStoreBatch *self, const char *kind, const char *uuid, const char *state_json)
{
    sk_store_batch_add(self, state_work, change_new(kind, uuid, state_json), change_free);
}

void
sk_store_batch_remove(SkStoreBatch *self, const char *kind, const char *uuid)
{
    sk_store_batch_add(self, remove_work, change_new(kind, uuid, NULL), change_free);
}

void
sk_store_batch_rename(SkStoreBatch *self, const char *kind, const char *uuid, const char *name)
{
    sk_store_batch_add(self, rename_work, change_new(kind, uuid, name), change_free);
}

void
sk_store_batch_free_uid(SkStoreBatch *self, const char *domain_uuid)
{
    sk_store_batch_add(self, sk_uid_free_work, g_strdup(domain_uuid), g_free);
}

static gboolean
batch_work(SkDb *db, gpointer data, GError **error)
{
    const SkStoreBatch *batch = data;
    for (guint i = 0; i < batch->steps->len; i++) {
        const Step *step = &g_array_index(batch->steps, Step, i);
        if (!step->work(db, step->data, error))
            return FALSE;
    }
    return TRUE;
}

static void
free_batch(gpointer batch)
{
    sk_store_batch_free(batch);
}

gboolean
sk_store_commit(SkStore *self, SkStoreBatch *batch, GError **error)
{
    g_autoptr(SkStoreBatch) taken = batch;
    return sk_queue_call(self->queue, SK_QUEUE_WRITE, batch_work, taken, error);
}

void
sk_store_commit_async(SkStore *self, SkStoreBatch *batch, SkStoreDone done, gpointer data)
{
    sk_queue_send(self->queue, SK_QUEUE_WRITE, batch_work, batch, free_batch, done, data);
}
