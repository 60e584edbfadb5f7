/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/job.h"
#include "store/store.h"

G_BEGIN_DECLS

/* Access tokens. Only the SHA-256 of the secret is kept; look-ups are the caller's, from memory. Threads as in store.h. */

typedef struct {
    SkToken token;
    char *hash;             /* SHA-256 of the secret, 64 hex digits */
} SkTokenRecord;

SkTokenRecord *sk_token_record_new(const SkToken *token, const char *hash);
void sk_token_record_free(SkTokenRecord *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkTokenRecord, sk_token_record_free)

/* All tokens, oldest first, expired ones too, as an array that frees its SkTokenRecords. */
gboolean sk_store_load_tokens(SkStore *self, GPtrArray **out_tokens, GError **error);

/* Inserts or replaces by id. A name that another token has is EXISTS. */
gboolean sk_store_token_save(SkStore *self, const SkTokenRecord *token, GError **error);
void sk_store_token_save_async(SkStore *self, const SkTokenRecord *token, SkStoreDone done, gpointer data);

/* Notes when a token was last used (microseconds); not forced to the disk. */
void sk_store_token_used(SkStore *self, const char *id, gint64 time);

/* One that is not there is fine. */
gboolean sk_store_token_delete(SkStore *self, const char *id, GError **error);
void sk_store_token_delete_async(SkStore *self, const char *id, SkStoreDone done, gpointer data);

G_END_DECLS
