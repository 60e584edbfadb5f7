/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/db.h"
#include "store/store.h"

G_BEGIN_DECLS

/*
 * The store's thread. It takes all requests that wait, runs them in one transaction and commits
 * once; then it answers them. A request that fails is taken back alone. If the transaction itself
 * fails, each of its requests is run again in one of its own, so that each gets its own answer.
 *
 * Inside store/ only; any thread.
 */

typedef struct SkQueue SkQueue;

typedef enum {
    SK_QUEUE_READ,          /* changes nothing */
    SK_QUEUE_WRITE,         /* on the disk before it is answered */
    SK_QUEUE_NOTE,          /* written, but not forced to the disk */
} SkQueueKind;

/* Runs on the store's thread, maybe twice: results may only be set as the last thing. */
typedef gboolean (*SkQueueWork)(SkDb *db, gpointer data, GError **error);

/* Takes the database. */
SkQueue *sk_queue_new(SkDb *db);

/* Runs what is queued, ends the thread and closes the database. NULL is fine. */
void sk_queue_free(SkQueue *self);

/* Waits for the answer. */
gboolean sk_queue_call(SkQueue *self, SkQueueKind kind, SkQueueWork work, gpointer data, GError **error);

/* Does not wait. data belongs to the queue. done may be NULL: then a failure is logged. */
void sk_queue_send(SkQueue *self, SkQueueKind kind, SkQueueWork work, gpointer data, GDestroyNotify free_data,
                   SkStoreDone done, gpointer done_data);

/* Transactions committed so far. */
guint sk_queue_commits(SkQueue *self);

G_END_DECLS
