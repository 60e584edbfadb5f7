/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/json/json.h"

G_BEGIN_DECLS

/*
 * Decoding of many texts at once, by all processors: the daemon's start waits for thousands of definitions.
 * One thread makes, fills and takes; sk_json_many_run() has helpers of its own, which are gone when it returns.
 */

typedef struct SkJsonMany SkJsonMany;

SkJsonMany *sk_json_many_new(void);
void sk_json_many_free(SkJsonMany *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkJsonMany, sk_json_many_free)

/* One more text; text and what (as in sk_json_decode_text()) are borrowed until it has run. Its number, from 0. */
guint sk_json_many_add(SkJsonMany *self, const SkType *type, const char *text, const char *what);

/* Decodes all that was added; returns when all are done. */
void sk_json_many_run(SkJsonMany *self);

/* The value of a number, once: the caller's; or NULL and the error. */
gpointer sk_json_many_take(SkJsonMany *self, guint number, GError **error);

G_END_DECLS
