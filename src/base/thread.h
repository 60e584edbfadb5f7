/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * The two sides of the house.  The main thread runs the event loop, owns every
 * live object and never blocks.  Workers run straight-line blocking code on
 * copies.  See docs/threads.md.
 */

/* Called once, on the thread that will run the main loop, before anything else. */
void sk_thread_init(void);

gboolean sk_thread_is_main(void);
#define sk_assert_main() g_assert(sk_thread_is_main())
#define sk_assert_worker() g_assert(!sk_thread_is_main())

/* Runs func on a worker; at most 64 run at a time, more wait their turn. Any thread. */
void sk_worker_run(GFunc func, gpointer data);

/* Runs func on the main thread soon, in the order posted. Any thread. */
void sk_main_post(GSourceOnceFunc func, gpointer data);

/* Runs func on the main thread and waits until it has returned. Workers only. */
void sk_main_call(GSourceOnceFunc func, gpointer data);

/* Runs the loop until all workers are idle and all that was posted has run; for an orderly end. Main thread. */
void sk_worker_drain(void);
/* The same for at most so many milliseconds: FALSE if workers are still busy then. Main thread. */
gboolean sk_worker_drain_for(guint ms);

G_END_DECLS
