/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

/*
 * Idempotency keys: what a request with a key was answered, so that the same request sent again
 * gets the same answer. Kept for 24 hours. Threads as in store.h.
 */

#define SK_STORE_REQUESTS_KEPT_USEC (24 * G_TIME_SPAN_HOUR)

typedef struct {
    char *user, *key;       /* together unique */
    char *operation;        /* "domain.create" */
    char *body_hash;        /* SHA-256 of the body in hex: the key with another body is refused */
    guint status;           /* HTTP status of the answer; 0: not answered yet */
    char *response;         /* its body, or NULL */
    char *job;              /* id of the job it started, or NULL */
    gint64 time;            /* microseconds since the epoch; 0 in a save: now */
} SkRequestRecord;

SkRequestRecord *sk_request_record_copy(const SkRequestRecord *self);
void sk_request_record_free(SkRequestRecord *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkRequestRecord, sk_request_record_free)

/* Drops what is too old and gives the rest, oldest first, as an array that frees its SkRequestRecords. */
gboolean sk_store_load_requests(SkStore *self, GPtrArray **out_requests, GError **error);

/* Inserts or replaces by (user, key). */
gboolean sk_store_request_save(SkStore *self, const SkRequestRecord *request, GError **error);
void sk_store_request_save_async(SkStore *self, const SkRequestRecord *request, SkStoreDone done, gpointer data);

/* As part of a batch: the change and its answer together. */
void sk_store_batch_request(SkStoreBatch *self, const SkRequestRecord *request);

G_END_DECLS
