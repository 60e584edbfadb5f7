/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/thread.h"

/* For tests of blocking code: runs it on a worker while the main loop runs here. */

typedef struct {
    GFunc func;
    gpointer data;
    gboolean done;
} TestWork;

static inline void
test_work_done(gpointer data)
{
    ((TestWork *) data)->done = TRUE;
}

static inline void
test_work_run(gpointer data, gpointer unused)
{
    TestWork *work = data;
    work->func(work->data, NULL);
    sk_main_post(test_work_done, work);
}

static inline void
on_worker(GFunc func, gpointer data)
{
    TestWork work = { func, data, FALSE };
    sk_worker_run(test_work_run, &work);
    while (!work.done)
        g_main_context_iteration(NULL, TRUE);
}
