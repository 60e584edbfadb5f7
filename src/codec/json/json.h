/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "base/fields.h"

G_BEGIN_DECLS

/*
 * Values to and from JSON, by their field tables.
 *
 * Decoding is strict: unknown keys, wrong kinds and values out of range are INVALID
 * errors that name the path and what would be right.  It never aborts on input.
 * Any thread.
 */

#define SK_JSON_MAX_BYTES (4 * 1024 * 1024)
#define SK_JSON_MAX_DEPTH 64

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Parses text of at most SK_JSON_MAX_BYTES; what starts messages ("request body"). New reference. */
json_t *sk_json_parse(const char *text, gsize length, const char *what, GError **error);

/*
 * Decodes an object into a new value with defaults; REQUIRED fields and all limits and rules
 * are checked. Free with sk_value_free().
 */
gpointer sk_json_decode(const SkType *type, json_t *object, GError **error);

/* The same from text. */
gpointer sk_json_decode_text(const SkType *type, const char *text, gsize length, const char *what, GError **error);

/*
 * Lays an object over a value (RFC 7396 merge patch: null resets to the default, objects merge,
 * lists replace). The result is not checked; use sk_value_check().
 */
gboolean sk_json_merge(const SkType *type, gpointer value, json_t *object, const char *where, GError **error);

typedef enum {
    SK_JSON_SECRETS = 1 << 0,   /* SECRET fields too: for the store only */
    SK_JSON_NO_DEFAULTS = 1 << 1, /* leave out what equals its default: for the store */
} SkJsonFlags;

/* Appends the value as JSON text. fields: NULL, or the top-level keys to show. */
void sk_json_write(GString *out, const SkType *type, gconstpointer value, const char *const *fields, guint flags);

/* The value as JSON text; free with g_free(). */
char *sk_json_encode(const SkType *type, gconstpointer value, guint flags);

/* Appends a JSON string with its quotes, made valid UTF-8; NULL is null. */
void sk_json_write_string(GString *out, const char *text);

/* The JSON schema (draft 2020-12) of a type as an object, its sub-types by "$ref" to prefix+name. New reference. */
json_t *sk_json_schema(const SkType *type, const char *ref_prefix);

G_END_DECLS
