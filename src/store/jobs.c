/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs as they are kept. */
#include "store/jobs.h"

#include <string.h>

#include "base/error.h"
#include "codec/json/decode-many.h"
#include "store/private.h"

/* A job as a row: encoded on the caller's thread. */
typedef struct {
    char *id, *info;
    gboolean ended;
} Row;

static Row *
row_new(const SkJobInfo *job)
{
    Row *self = g_new(Row, 1);
    self->id = g_strdup(job->id);
    self->info = sk_json_encode(&sk_job_info_type, job, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    self->ended = job->state != SK_JOB_QUEUED && job->state != SK_JOB_RUNNING;
    return self;
}

static void
row_free(gpointer data)
{
    Row *self = data;
    g_free(self->id);
    g_free(self->info);
    g_free(self);
}

static gboolean
prune(SkDb *db, GError **error)
{
    return sk_db_run(db, error,
                     "DELETE FROM jobs WHERE ended = 1 AND seq <="
                     " (SELECT seq FROM jobs WHERE ended = 1 ORDER BY seq DESC LIMIT 1 OFFSET ?1)",
                     "i", (gint64) SK_STORE_JOBS_KEPT);
}

static gboolean
save_work(SkDb *db, gpointer data, GError **error)
{
    const Row *row = data;
    gint64 newest;
    if (!sk_db_run(db, error,
                   "INSERT INTO jobs (id, ended, info) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, info = excluded.info",
                   "tit", row->id, (gint64) row->ended, row->info) ||
        !sk_db_number(db, 0, &newest, error, "SELECT max(seq) FROM jobs", ""))
        return FALSE;
    /* Now and then is enough; loading prunes too. */
    return newest % 32 != 0 || prune(db, error);
}

void
sk_store_job_save_async(SkStore *self, const SkJobInfo *job, SkStoreDone done, gpointer data)
{
    sk_queue_send(self->queue, SK_QUEUE_WRITE, save_work, row_new(job), row_free, done, data);
}

gboolean
sk_store_job_save(SkStore *self, const SkJobInfo *job, GError **error)
{
    Row *row = row_new(job);
    gboolean ok = sk_queue_call(self->queue, SK_QUEUE_WRITE, save_work, row, error);
    row_free(row);
    return ok;
}

void
sk_store_job_note(SkStore *self, const SkJobInfo *job)
{
    sk_queue_send(self->queue, SK_QUEUE_NOTE, save_work, row_new(job), row_free, NULL, NULL);
}

void
sk_store_batch_job(SkStoreBatch *self, const SkJobInfo *job)
{
    sk_store_batch_add(self, save_work, row_new(job), row_free);
}

/* -- loading ------------------------------------------------------------------------------------------------ */

/* The rows' texts, and a byte of each: whether it had ended. */
typedef struct {
    GPtrArray *texts;
    GByteArray *ended;
} Load;

static void
load_clear(Load *load)
{
    g_ptr_array_unref(load->texts);
    g_byte_array_unref(load->ended);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Load, load_clear)

static void
free_job(gpointer job)
{
    sk_value_free(&sk_job_info_type, job);
}

static gboolean
take_row(sqlite3_stmt *row, gpointer data, GError **error)
{
    Load *load = data;
    guint8 ended = sqlite3_column_int(row, 0) != 0;
    (void) error;
    g_byte_array_append(load->ended, &ended, 1);
    g_ptr_array_add(load->texts, sk_db_text(row, 1));
    return TRUE;
}

static gboolean
load_work(SkDb *db, gpointer data, GError **error)
{
    Load *load = data;
    g_ptr_array_set_size(load->texts, 0);
    g_byte_array_set_size(load->ended, 0);
    return prune(db, error) && sk_db_query(db, take_row, load, error, "SELECT ended, info FROM jobs ORDER BY seq", "");
}

/* A row that cannot be read any more is told of and left out: it must not keep the daemon from starting. */
static void
take_job(SkJsonMany *decoded, guint number, GPtrArray *to)
{
    g_autoptr(GError) bad = NULL;
    SkJobInfo *job = sk_json_many_take(decoded, number, &bad);
    if (job != NULL)
        g_ptr_array_add(to, job);
    else
        g_warning("%s; the job is left out, continuing", bad->message);
}

gboolean
sk_store_load_jobs(SkStore *self, GPtrArray **out_ended, GPtrArray **out_interrupted, GError **error)
{
    g_autoptr(GPtrArray) ended = g_ptr_array_new_with_free_func(free_job);
    g_autoptr(GPtrArray) interrupted = g_ptr_array_new_with_free_func(free_job);
    g_autoptr(SkJsonMany) decoded = sk_json_many_new();
    g_auto(Load) load = { g_ptr_array_new_with_free_func(g_free), g_byte_array_new() };
    if (!sk_queue_call(self->queue, SK_QUEUE_NOTE, load_work, &load, error))
        return FALSE;
    for (guint i = 0; i < load.texts->len; i++)
        sk_json_many_add(decoded, &sk_job_info_type, load.texts->pdata[i], "kept job");
    sk_json_many_run(decoded);
    for (guint i = 0; i < load.texts->len; i++)
        take_job(decoded, i, load.ended->data[i] ? ended : interrupted);
    *out_ended = g_steal_pointer(&ended);
    *out_interrupted = g_steal_pointer(&interrupted);
    return TRUE;
}
