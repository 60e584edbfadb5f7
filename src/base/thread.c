/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Main thread and workers. */
#include "base/thread.h"

#include <malloc.h>

#include "base/tsan.h"

/* Between work on workers and the look whether memory that it used can go back to the kernel. */
#define TRIM_SECONDS 2

static GThread *main_thread;
static GThreadPool *pool;
static gint unfinished; /* tasks and posts that have not returned yet; atomic */
static gint trim_due;   /* atomic */

typedef struct {
    GFunc func;
    gpointer data;
} Task;

typedef struct {
    GSourceOnceFunc func;
    gpointer data;
} Post;

typedef struct {
    GSourceOnceFunc func;
    gpointer data;
    GMutex lock;
    GCond done_changed;
    gboolean done;
} Call;

static void
run_task(gpointer data, gpointer unused)
{
    Task *task = data;
    (void) unused;
    SK_TSAN_ACQUIRE(task);
    task->func(task->data, NULL);
    g_free(task);
    if (g_atomic_int_dec_and_test(&unfinished))
        g_main_context_wakeup(NULL);
}

void
sk_thread_init(void)
{
    main_thread = g_thread_self();
    if (pool == NULL)
        pool = g_thread_pool_new(run_task, NULL, 64, FALSE, NULL);
}

gboolean
sk_thread_is_main(void)
{
    return g_thread_self() == main_thread;
}

static gboolean
trim(gpointer unused)
{
    (void) unused;
    if (g_atomic_int_get(&unfinished) > 0)
        return G_SOURCE_CONTINUE;
    g_atomic_int_set(&trim_due, FALSE);
    malloc_trim(0);
    return G_SOURCE_REMOVE;
}

/* What a burst of work leaves in the heap is worth megabytes, and not used until the next one. */
static void
trim_later(void)
{
    if (g_atomic_int_compare_and_exchange(&trim_due, FALSE, TRUE))
        g_timeout_add_seconds(TRIM_SECONDS, trim, NULL);
}

void
sk_worker_run(GFunc func, gpointer data)
{
    Task *task = g_new(Task, 1);
    task->func = func;
    task->data = data;
    g_atomic_int_inc(&unfinished);
    SK_TSAN_RELEASE(task);
    g_thread_pool_push(pool, task, NULL);
    trim_later();
}

/* Workers post at default priority: after it, but fairly beside, sockets that are ready. */
static void
post(GSourceFunc func, gpointer data, GDestroyNotify free_data)
{
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, func, data, free_data);
    SK_TSAN_RELEASE(data);
    g_source_attach(source, NULL);
}

static gboolean
run_post(gpointer data)
{
    Post *entry = data;
    SK_TSAN_ACQUIRE(entry);
    entry->func(entry->data);
    g_atomic_int_add(&unfinished, -1);
    return G_SOURCE_REMOVE;
}

void
sk_main_post(GSourceOnceFunc func, gpointer data)
{
    Post *entry = g_new(Post, 1);
    entry->func = func;
    entry->data = data;
    g_atomic_int_inc(&unfinished);
    post(run_post, entry, g_free);
}

static gboolean
run_call(gpointer data)
{
    Call *call = data;
    SK_TSAN_ACQUIRE(call);
    call->func(call->data);
    SK_TSAN_RELEASE(call);
    g_mutex_lock(&call->lock);
    g_atomic_int_set(&call->done, TRUE);
    g_cond_signal(&call->done_changed);
    g_mutex_unlock(&call->lock);
    return G_SOURCE_REMOVE;
}

void
sk_main_call(GSourceOnceFunc func, gpointer data)
{
    sk_assert_worker();
    Call call = { .func = func, .data = data };
    g_mutex_init(&call.lock);
    g_cond_init(&call.done_changed);

    post(run_call, &call, NULL);

    g_mutex_lock(&call.lock);
    while (!g_atomic_int_get(&call.done))
        g_cond_wait(&call.done_changed, &call.lock);
    g_mutex_unlock(&call.lock);
    SK_TSAN_ACQUIRE(&call);
    g_mutex_clear(&call.lock);
    g_cond_clear(&call.done_changed);
}

static gboolean
on_drain_over(gpointer over)
{
    *(gboolean *) over = TRUE;
    return G_SOURCE_REMOVE;
}

void
sk_worker_drain(void)
{
    sk_assert_main();
    while (g_atomic_int_get(&unfinished) > 0)
        g_main_context_iteration(NULL, TRUE);
}

gboolean
sk_worker_drain_for(guint ms)
{
    sk_assert_main();
    gboolean over = FALSE;
    guint timer = g_timeout_add(ms, on_drain_over, &over);
    while (g_atomic_int_get(&unfinished) > 0 && !over)
        g_main_context_iteration(NULL, TRUE);
    if (!over)
        g_source_remove(timer);
    return !over;
}
