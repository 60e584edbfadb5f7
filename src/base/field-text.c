/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fields to and from text: defaults, CLI options, XML attributes. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"

static gboolean
set_bool(gboolean *out, const char *text, const char *what, GError **error)
{
    static const char *const yes[] = { "true", "yes", "on", "1", NULL };
    static const char *const no[] = { "false", "no", "off", "0", NULL };
    if (g_strv_contains(yes, text))
        *out = TRUE;
    else if (g_strv_contains(no, text))
        *out = FALSE;
    else
        return sk_fail(error, SK_ERROR_INVALID, "%s is \"%.64s\", give true or false", what, text);
    return TRUE;
}

static gboolean
set_signed(const SkField *field, gpointer at, const char *text, const char *what, GError **error)
{
    gint64 low = field->kind == SK_KIND_INT ? G_MININT : G_MININT64;
    gint64 high = field->kind == SK_KIND_INT ? G_MAXINT : G_MAXINT64;
    gint64 number;
    if (!g_ascii_string_to_signed(text, 10, low, high, &number, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "%s is \"%.64s\", give a whole number", what, text);
    if (field->kind == SK_KIND_INT)
        *(gint *) at = (gint) number;
    else
        *(gint64 *) at = number;
    return TRUE;
}

static gboolean
set_unsigned(const SkField *field, gpointer at, const char *text, const char *what, GError **error)
{
    guint64 high = field->kind == SK_KIND_UINT ? G_MAXUINT : G_MAXUINT64;
    guint64 number;
    if (!g_ascii_string_to_unsigned(text, 10, 0, high, &number, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "%s is \"%.64s\", give a whole number from 0", what, text);
    if (field->kind == SK_KIND_UINT)
        *(guint *) at = (guint) number;
    else
        *(guint64 *) at = number;
    return TRUE;
}

static gboolean
set_map(GHashTable **map, const char *text, const char *what, GError **error)
{
    g_autoptr(GHashTable) parsed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) pairs = g_strsplit(text, ",", -1);
    for (guint i = 0; pairs[i] != NULL; i++) {
        char *equals = strchr(pairs[i], '=');
        if (*pairs[i] == '\0')
            continue;
        if (equals == NULL || equals == pairs[i])
            return sk_fail(error, SK_ERROR_INVALID, "%s has \"%.64s\", give key=value", what, pairs[i]);
        *equals = '\0';
        g_hash_table_insert(parsed, g_strdup(pairs[i]), g_strdup(equals + 1));
    }
    g_clear_pointer(map, g_hash_table_unref);
    *map = g_steal_pointer(&parsed);
    return TRUE;
}

gboolean
sk_field_set_text(const SkField *field, gpointer value, const char *text, const char *where,
                  GError **error)
{
    gpointer at = sk_field_ptr(field, value);
    g_autofree char *what = where != NULL && *where != '\0' ? g_strconcat(where, ".", field->key, NULL)
                                                            : g_strdup(field->key);

    switch (field->kind) {
    case SK_KIND_BOOL:
        return set_bool(at, text, what, error);
    case SK_KIND_INT:
    case SK_KIND_INT64:
        return set_signed(field, at, text, what, error);
    case SK_KIND_UINT:
    case SK_KIND_UINT64:
        return set_unsigned(field, at, text, what, error);
    case SK_KIND_SIZE:
        return sk_size_parse(text, what, at, error);
    case SK_KIND_DOUBLE: {
        char *end = NULL;
        gdouble number = g_ascii_strtod(text, &end);
        if (end == text || *end != '\0' || !isfinite(number))
            return sk_fail(error, SK_ERROR_INVALID, "%s is \"%.64s\", give a number", what, text);
        *(gdouble *) at = number;
        return TRUE;
    }
    case SK_KIND_ENUM: {
        gboolean ok = sk_enum_parse(field->names, text, at, error);
        if (!ok)
            g_prefix_error(error, "%s: ", what);
        return ok;
    }
    case SK_KIND_STRING:
    case SK_KIND_TEXT:
    case SK_KIND_JSON:
        g_free(*(char **) at);
        *(char **) at = g_strdup(text);
        return TRUE;
    case SK_KIND_STRV:
        g_strfreev(*(GStrv *) at);
        *(GStrv *) at = *text != '\0' ? g_strsplit(text, ",", -1) : NULL;
        return TRUE;
    case SK_KIND_MAP:
        return set_map(at, text, what, error);
    case SK_KIND_STRUCT:
    case SK_KIND_OPTIONAL:
    case SK_KIND_LIST:
        return sk_fail(error, SK_ERROR_INVALID, "%s cannot be given as text", what);
    }
    return FALSE;
}

char *
sk_field_get_text(const SkField *field, gconstpointer value)
{
    gconstpointer at = sk_field_const_ptr(field, value);

    switch (field->kind) {
    case SK_KIND_BOOL:
        return g_strdup(*(const gboolean *) at ? "true" : "false");
    case SK_KIND_INT:
        return g_strdup_printf("%d", *(const gint *) at);
    case SK_KIND_UINT:
        return g_strdup_printf("%u", *(const guint *) at);
    case SK_KIND_INT64:
        return g_strdup_printf("%" G_GINT64_FORMAT, *(const gint64 *) at);
    case SK_KIND_UINT64:
    case SK_KIND_SIZE:
        return g_strdup_printf("%" G_GUINT64_FORMAT, *(const guint64 *) at);
    case SK_KIND_DOUBLE: {
        char buffer[G_ASCII_DTOSTR_BUF_SIZE];
        return g_strdup(g_ascii_formatd(buffer, sizeof buffer, "%.15g", *(const gdouble *) at));
    }
    case SK_KIND_ENUM:
        return g_strdup(sk_enum_name(field->names, *(const gint *) at));
    case SK_KIND_STRING:
    case SK_KIND_TEXT:
    case SK_KIND_JSON:
        return g_strdup(*(char *const *) at);
    case SK_KIND_STRV:
        return *(char **const *) at != NULL ? g_strjoinv(",", *(char **const *) at) : NULL;
    case SK_KIND_MAP:
    case SK_KIND_STRUCT:
    case SK_KIND_OPTIONAL:
    case SK_KIND_LIST:
        return NULL;
    }
    return NULL;
}
