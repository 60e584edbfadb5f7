/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Idempotency keys as they are kept. */
#include "store/requests.h"

#include "store/private.h"

SkRequestRecord *
sk_request_record_copy(const SkRequestRecord *self)
{
    SkRequestRecord *copy = g_new(SkRequestRecord, 1);
    *copy = (SkRequestRecord){
        .user = g_strdup(self->user),
        .key = g_strdup(self->key),
        .operation = g_strdup(self->operation),
        .body_hash = g_strdup(self->body_hash),
        .status = self->status,
        .response = g_strdup(self->response),
        .job = g_strdup(self->job),
        .time = self->time,
    };
    return copy;
}

void
sk_request_record_free(SkRequestRecord *self)
{
    if (self == NULL)
        return;
    g_free(self->user);
    g_free(self->key);
    g_free(self->operation);
    g_free(self->body_hash);
    g_free(self->response);
    g_free(self->job);
    g_free(self);
}

static void
free_record(gpointer record)
{
    sk_request_record_free(record);
}

static gboolean
prune(SkDb *db, GError **error)
{
    return sk_db_run(db, error, "DELETE FROM requests WHERE time < ?1", "i",
                     (gint64) (g_get_real_time() - SK_STORE_REQUESTS_KEPT_USEC));
}

static gboolean
save_work(SkDb *db, gpointer data, GError **error)
{
    const SkRequestRecord *request = data;
    return prune(db, error) &&
           sk_db_run(db, error,
                     "INSERT INTO requests (user, key, operation, body_hash, status, response, job, time)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                     " ON CONFLICT (user, key) DO UPDATE SET operation = excluded.operation, body_hash = excluded.body_hash,"
                     " status = excluded.status, response = excluded.response, job = excluded.job, time = excluded.time",
                     "ttttitti", request->user, request->key, request->operation, request->body_hash, (gint64) request->status,
                     request->response, request->job, request->time != 0 ? request->time : g_get_real_time());
}

gboolean
sk_store_request_save(SkStore *self, const SkRequestRecord *request, GError **error)
{
    return sk_queue_call(self->queue, SK_QUEUE_WRITE, save_work, (gpointer) request, error);
}

void
sk_store_request_save_async(SkStore *self, const SkRequestRecord *request, SkStoreDone done, gpointer data)
{
    sk_queue_send(self->queue, SK_QUEUE_WRITE, save_work, sk_request_record_copy(request), free_record, done, data);
}

void
sk_store_batch_request(SkStoreBatch *self, const SkRequestRecord *request)
{
    sk_store_batch_add(self, save_work, sk_request_record_copy(request), free_record);
}

/* -- loading ------------------------------------------------------------------------------------------------ */

static gboolean
take_request(sqlite3_stmt *row, gpointer data, GError **error)
{
    SkRequestRecord *request = g_new0(SkRequestRecord, 1);
    (void) error;
    request->user = sk_db_text(row, 0);
    request->key = sk_db_text(row, 1);
    request->operation = sk_db_text(row, 2);
    request->body_hash = sk_db_text(row, 3);
    request->status = (guint) sqlite3_column_int64(row, 4);
    request->response = sk_db_text(row, 5);
    request->job = sk_db_text(row, 6);
    request->time = sqlite3_column_int64(row, 7);
    g_ptr_array_add(data, request);
    return TRUE;
}

static gboolean
load_work(SkDb *db, gpointer data, GError **error)
{
    g_ptr_array_set_size(data, 0);
    return prune(db, error) &&
           sk_db_query(db, take_request, data, error,
                       "SELECT user, key, operation, body_hash, status, response, job, time FROM requests ORDER BY time, rowid", "");
}

gboolean
sk_store_load_requests(SkStore *self, GPtrArray **out_requests, GError **error)
{
    g_autoptr(GPtrArray) requests = g_ptr_array_new_with_free_func(free_record);
    if (!sk_queue_call(self->queue, SK_QUEUE_NOTE, load_work, requests, error))
        return FALSE;
    *out_requests = g_steal_pointer(&requests);
    return TRUE;
}
