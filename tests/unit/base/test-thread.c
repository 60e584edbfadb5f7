/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Main thread and workers. */
#include "base/thread.h"

#define TASKS 200

static GArray *order;       /* main thread's own */
static gint workers_seen;   /* atomic */
static guint called;        /* main thread's own */

static void
append(gpointer data)
{
    guint number = GPOINTER_TO_UINT(data);
    g_assert_true(sk_thread_is_main());
    g_array_append_val(order, number);
}

static void
post_many(gpointer data, gpointer unused)
{
    guint first = GPOINTER_TO_UINT(data);
    (void) unused;
    g_assert_false(sk_thread_is_main());
    for (guint i = 0; i < 100; i++)
        sk_main_post(append, GUINT_TO_POINTER(first + i));
}

/* Posts of one thread run in their order; those of others may come in between. */
static void
test_post_order(void)
{
    order = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 1; i <= 5; i++)
        sk_worker_run(post_many, GUINT_TO_POINTER(i * 1000));
    sk_worker_drain();
    g_assert_cmpuint(order->len, ==, 500);
    guint next[6] = { 0 };
    for (guint i = 0; i < order->len; i++) {
        guint number = g_array_index(order, guint, i);
        g_assert_cmpuint(number % 1000, ==, next[number / 1000]++);
    }
    g_array_unref(order);
}

typedef struct {
    guint input, output;
} Sum;

static void
double_it(gpointer data)
{
    Sum *sum = data;
    g_assert_true(sk_thread_is_main());
    sum->output = sum->input * 2;
    called++;
}

static void
call_main(gpointer data, gpointer unused)
{
    (void) unused;
    for (guint i = 0; i < 50; i++) {
        Sum sum = { .input = GPOINTER_TO_UINT(data) + i };
        sk_main_call(double_it, &sum);
        g_assert_cmpuint(sum.output, ==, sum.input * 2);
    }
    g_atomic_int_inc(&workers_seen);
}

/* More workers than threads, each waiting for the main thread again and again. */
static void
test_call(void)
{
    for (guint i = 0; i < TASKS; i++)
        sk_worker_run(call_main, GUINT_TO_POINTER(i));
    sk_worker_drain();
    g_assert_cmpint(g_atomic_int_get(&workers_seen), ==, TASKS);
    g_assert_cmpuint(called, ==, TASKS * 50);
}

static void
count(gpointer data)
{
    (*(guint *) data)++;
}

static void
post_last(gpointer data, gpointer unused)
{
    (void) unused;
    sk_main_post(count, data);
}

static void
start_worker(gpointer data)
{
    sk_worker_run(post_last, data);
}

/* What a worker posts as its last act has run when drain returns, and what that starts too. */
static void
test_drain(void)
{
    guint counted = 0;
    for (guint i = 0; i < 1000; i++) {
        sk_worker_run(post_last, &counted);
        sk_worker_drain();
        g_assert_cmpuint(counted, ==, i + 1);
    }
    sk_main_post(start_worker, &counted);
    sk_worker_drain();
    g_assert_cmpuint(counted, ==, 1001);
    sk_worker_drain();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add_func("/thread/post-order", test_post_order);
    g_test_add_func("/thread/call", test_call);
    g_test_add_func("/thread/drain", test_drain);
    return g_test_run();
}
