/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store's thread and its group commit. */
#include "store/queue.h"

#include "base/error.h"
#include "base/thread.h"
#include "base/tsan.h"
#include "base/undo.h"

/* So that one transaction never grows without bound while requests keep coming. */
#define GROUP_MAX 512

/* Somebody who waits on their own stack. */
typedef struct {
    GMutex lock;
    GCond changed;
    gboolean answered;
} Waiter;

typedef struct {
    SkQueueKind kind;
    SkQueueWork work;       /* NULL: end the thread */
    gpointer data;
    GDestroyNotify free_data;
    SkStoreDone done;
    gpointer done_data;
    Waiter *waiter;
    GError *error;
} Request;

struct SkQueue {
    SkDb *db;               /* the thread's own */
    GAsyncQueue *requests;
    GThread *thread;
    gint commits;           /* atomic */
    gboolean forced;        /* the thread's own: commits are fsynced at the moment */
    gboolean complained;    /* the thread's own: the last unwatched request failed */
};

/* -- answering ---------------------------------------------------------------------------------------- */

typedef struct {
    SkStoreDone done;
    gpointer data;
    GError *error;
} Answer;

static void
give_answer(gpointer data)
{
    Answer *answer = data;
    answer->done(answer->error, answer->data);
    g_clear_error(&answer->error);
    g_free(answer);
}

static void
complain(SkQueue *self, const GError *error)
{
    if (error != NULL && !self->complained)
        g_warning("%s; the change stays in memory, continuing", error->message);
    self->complained = error != NULL;
}

static void
answer_request(SkQueue *self, Request *request)
{
    Waiter *waiter = request->waiter;
    if (waiter != NULL) {
        /* The request is the waiter's; it may be gone once the lock is open. */
        SK_TSAN_RELEASE(waiter);
        g_mutex_lock(&waiter->lock);
        g_atomic_int_set(&waiter->answered, TRUE);
        g_cond_signal(&waiter->changed);
        g_mutex_unlock(&waiter->lock);
        return;
    }
    if (request->free_data != NULL)
        request->free_data(request->data);
    if (request->done != NULL) {
        Answer *answer = g_new(Answer, 1);
        *answer = (Answer){ request->done, request->done_data, g_steal_pointer(&request->error) };
        sk_main_post(give_answer, answer);
    } else {
        complain(self, request->error);
    }
    g_clear_error(&request->error);
    g_free(request);
}

/* -- transactions ------------------------------------------------------------------------------------- */

static gboolean
force(SkQueue *self, gboolean forced, GError **error)
{
    if (self->forced == forced)
        return TRUE;
    if (!sk_db_exec(self->db, forced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", error))
        return FALSE;
    self->forced = forced;
    return TRUE;
}

static void
roll_back(SkQueue *self)
{
    /* SQLite has rolled back by itself after some failures. */
    if (!sqlite3_get_autocommit(self->db->handle))
        sk_db_exec(self->db, "ROLLBACK", NULL);
}

/* Runs a request so that its failure takes back only its own changes. FALSE if the whole transaction is lost. */
static gboolean
run_one(SkQueue *self, Request *request)
{
    g_clear_error(&request->error);
    if (request->kind == SK_QUEUE_READ) {
        request->work(self->db, request->data, &request->error);
        return TRUE;
    }
    if (!sk_db_run(self->db, &request->error, "SAVEPOINT request", ""))
        return FALSE;
    if (request->work(self->db, request->data, &request->error))
        return sk_db_run(self->db, &request->error, "RELEASE request", "");
    return !sqlite3_get_autocommit(self->db->handle) && sk_db_run(self->db, NULL, "ROLLBACK TO request", "") &&
           sk_db_run(self->db, NULL, "RELEASE request", "");
}

/*
 * "store/commit" is every commit, and so one of the daemon's start too; "store/commit/domain" are those that
 * change a domain's record, and "store/committed/domain" is when one is on the disk and nobody knows yet.
 */
static gboolean
commit_fault(SkQueue *self, const char *when, GError **error)
{
    if (sk_fault(when, error))
        return TRUE;
    for (guint i = 0; i < self->db->n_touched; i++) {
        g_autofree char *step = g_strconcat(when, "/", self->db->touched[i], NULL);
        if (sk_fault(step, error))
            return TRUE;
    }
    return FALSE;
}

static gboolean
commit(SkQueue *self, GError **error)
{
    if (commit_fault(self, "store/commit", error) || !sk_db_run(self->db, error, "COMMIT", ""))
        return FALSE;
    commit_fault(self, "store/committed", NULL);
    g_atomic_int_inc(&self->commits);
    return TRUE;
}

/* One transaction for all. FALSE, with nothing changed, if it as a whole failed. */
static gboolean
run_together(SkQueue *self, Request *const *requests, guint count, GError **error)
{
    gboolean forced = FALSE;
    self->db->n_touched = 0;
    for (guint i = 0; i < count; i++)
        forced |= requests[i]->kind == SK_QUEUE_WRITE;
    if (!force(self, forced, error) || !sk_db_run(self->db, error, "BEGIN IMMEDIATE", ""))
        return FALSE;
    for (guint i = 0; i < count; i++) {
        if (!run_one(self, requests[i])) {
            if (error != NULL && requests[i]->error != NULL)
                *error = g_error_copy(requests[i]->error);
            roll_back(self);
            return FALSE;
        }
    }
    if (commit(self, error))
        return TRUE;
    roll_back(self);
    return FALSE;
}

static void
run_alone(SkQueue *self, Request *request)
{
    g_autoptr(GError) error = NULL;
    if (request->kind == SK_QUEUE_READ) {
        run_one(self, request);
        return;
    }
    if (run_together(self, &request, 1, &error))
        return;
    g_clear_error(&request->error);
    request->error = g_steal_pointer(&error);
    if (request->error == NULL)
        sk_fail(&request->error, SK_ERROR_INTERNAL, "database \"%s\": the transaction was lost", self->db->path);
}

static void
run_group(SkQueue *self, Request *const *requests, guint count)
{
    gboolean writes = FALSE;
    for (guint i = 0; i < count; i++)
        writes |= requests[i]->kind != SK_QUEUE_READ;
    if (count > 1 && writes && run_together(self, requests, count, NULL))
        return;
    for (guint i = 0; i < count; i++)
        run_alone(self, requests[i]);
}

/* -- the thread ----------------------------------------------------------------------------------------- */

static gpointer
thread_main(gpointer data)
{
    SkQueue *self = data;
    g_autoptr(GPtrArray) group = g_ptr_array_new();
    gboolean end = FALSE;
    while (!end) {
        Request *request = g_async_queue_pop(self->requests);
        for (; request != NULL; request = group->len < GROUP_MAX ? g_async_queue_try_pop(self->requests) : NULL) {
            SK_TSAN_ACQUIRE(request);
            end = request->work == NULL;
            if (end)
                break;
            g_ptr_array_add(group, request);
        }
        run_group(self, (Request *const *) group->pdata, group->len);
        for (guint i = 0; i < group->len; i++)
            answer_request(self, group->pdata[i]);
        g_ptr_array_set_size(group, 0);
        if (end)
            g_free(request);
    }
    return NULL;
}

SkQueue *
sk_queue_new(SkDb *db)
{
    SkQueue *self = g_new0(SkQueue, 1);
    self->db = db;
    self->forced = TRUE;
    self->requests = g_async_queue_new();
    self->thread = g_thread_new("store", thread_main, self);
    return self;
}

void
sk_queue_free(SkQueue *self)
{
    if (self == NULL)
        return;
    Request *last = g_new0(Request, 1);
    SK_TSAN_RELEASE(last);
    g_async_queue_push(self->requests, last);
    g_thread_join(self->thread);
    g_async_queue_unref(self->requests);
    sk_db_close(self->db);
    g_free(self);
}

gboolean
sk_queue_call(SkQueue *self, SkQueueKind kind, SkQueueWork work, gpointer data, GError **error)
{
    /* On main only before the loop runs: nothing there may wait for a disk. */
    g_assert(!sk_thread_is_main() || g_main_depth() == 0);
    Waiter waiter = { .answered = FALSE };
    Request request = { .kind = kind, .work = work, .data = data, .waiter = &waiter };
    g_mutex_init(&waiter.lock);
    g_cond_init(&waiter.changed);

    SK_TSAN_RELEASE(&request);
    g_async_queue_push(self->requests, &request);

    g_mutex_lock(&waiter.lock);
    while (!g_atomic_int_get(&waiter.answered))
        g_cond_wait(&waiter.changed, &waiter.lock);
    g_mutex_unlock(&waiter.lock);
    SK_TSAN_ACQUIRE(&waiter);
    g_mutex_clear(&waiter.lock);
    g_cond_clear(&waiter.changed);
    if (request.error == NULL)
        return TRUE;
    g_propagate_error(error, request.error);
    return FALSE;
}

void
sk_queue_send(SkQueue *self, SkQueueKind kind, SkQueueWork work, gpointer data, GDestroyNotify free_data,
              SkStoreDone done, gpointer done_data)
{
    Request *request = g_new(Request, 1);
    *request = (Request){ kind, work, data, free_data, done, done_data, NULL, NULL };
    SK_TSAN_RELEASE(request);
    g_async_queue_push(self->requests, request);
}

guint
sk_queue_commits(SkQueue *self)
{
    return (guint) g_atomic_int_get(&self->commits);
}
