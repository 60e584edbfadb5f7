/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values to JSON text, written straight into a string: lists of thousands must be cheap. */
#include <math.h>
#include <string.h>

#include "codec/json/json.h"

void
sk_json_write_string(GString *out, const char *text)
{
    if (text == NULL) {
        g_string_append(out, "null");
        return;
    }
    /* File names and what programs print may be anything; JSON may not. */
    g_autofree char *valid = g_utf8_validate(text, -1, NULL) ? NULL : g_utf8_make_valid(text, -1);
    if (valid != NULL)
        text = valid;
    g_string_append_c(out, '"');
    const char *from = text;
    for (const char *c = text;; c++) {
        guchar byte = (guchar) *c;
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        g_string_append_len(out, from, c - from);
        if (byte == '\0')
            break;
        from = c + 1;
        if (byte == '"' || byte == '\\')
            g_string_append_printf(out, "\\%c", byte);
        else if (byte == '\n')
            g_string_append(out, "\\n");
        else
            g_string_append_printf(out, "\\u%04x", byte);
    }
    g_string_append_c(out, '"');
}

static void write_value(GString *out, const SkType *type, gconstpointer value, const char *const *fields, guint flags);

static gint
compare_text(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

/* Sorted by key, so that equal maps give equal text. */
static void
write_map(GString *out, GHashTable *map)
{
    g_string_append_c(out, '{');
    GList *keys = map != NULL ? g_list_sort(g_hash_table_get_keys(map), compare_text) : NULL;
    for (GList *at = keys; at != NULL; at = at->next) {
        if (at != keys)
            g_string_append_c(out, ',');
        sk_json_write_string(out, at->data);
        g_string_append_c(out, ':');
        sk_json_write_string(out, g_hash_table_lookup(map, at->data));
    }
    g_list_free(keys);
    g_string_append_c(out, '}');
}

static void
write_list(GString *out, const SkField *field, const GPtrArray *list, guint flags)
{
    g_string_append_c(out, '[');
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        write_value(out, field->type, list->pdata[i], NULL, flags);
    }
    g_string_append_c(out, ']');
}

static void
write_strv(GString *out, char **strv)
{
    g_string_append_c(out, '[');
    for (guint i = 0; strv != NULL && strv[i] != NULL; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        sk_json_write_string(out, strv[i]);
    }
    g_string_append_c(out, ']');
}

static void
write_double(GString *out, gdouble number)
{
    char buffer[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(out, isfinite(number) ? g_ascii_formatd(buffer, sizeof buffer, "%.15g", number) : "null");
}

static void
write_field(GString *out, const SkField *field, gconstpointer value, guint flags)
{
    gconstpointer at = sk_field_const_ptr(field, value);

    switch (field->kind) {
    case SK_KIND_BOOL:
        g_string_append(out, *(const gboolean *) at ? "true" : "false");
        break;
    case SK_KIND_INT:
        g_string_append_printf(out, "%d", *(const gint *) at);
        break;
    case SK_KIND_UINT:
        g_string_append_printf(out, "%u", *(const guint *) at);
        break;
    case SK_KIND_INT64:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, *(const gint64 *) at);
        break;
    case SK_KIND_UINT64:
    case SK_KIND_SIZE:
        g_string_append_printf(out, "%" G_GUINT64_FORMAT, *(const guint64 *) at);
        break;
    case SK_KIND_DOUBLE:
        write_double(out, *(const gdouble *) at);
        break;
    case SK_KIND_ENUM:
        sk_json_write_string(out, sk_enum_name(field->names, *(const gint *) at));
        break;
    case SK_KIND_STRING:
    case SK_KIND_TEXT:
        sk_json_write_string(out, *(char *const *) at);
        break;
    case SK_KIND_JSON:
        g_string_append(out, *(char *const *) at != NULL ? *(char *const *) at : "null");
        break;
    case SK_KIND_STRV:
        write_strv(out, *(char **const *) at);
        break;
    case SK_KIND_MAP:
        write_map(out, *(GHashTable *const *) at);
        break;
    case SK_KIND_STRUCT:
        write_value(out, field->type, at, NULL, flags);
        break;
    case SK_KIND_OPTIONAL:
        if (*(const gconstpointer *) at != NULL)
            write_value(out, field->type, *(const gconstpointer *) at, NULL, flags);
        else
            g_string_append(out, "null");
        break;
    case SK_KIND_LIST:
        write_list(out, field, *(GPtrArray *const *) at, flags);
        break;
    }
}

/* Text, optional parts and what is marked SPARSE are left out while empty; lists are shown as []. */
static gboolean
is_shown(const SkField *field, gconstpointer value, gconstpointer defaults, guint flags)
{
    if ((field->flags & SK_FIELD_SECRET) && !(flags & SK_JSON_SECRETS))
        return FALSE;
    if (flags & SK_JSON_NO_DEFAULTS)
        return !sk_field_equal(field, value, defaults);
    switch (field->kind) {
    case SK_KIND_STRING:
    case SK_KIND_TEXT:
    case SK_KIND_JSON:
    case SK_KIND_OPTIONAL:
    case SK_KIND_MAP:
        return !sk_field_is_empty(field, value);
    default:
        return !(field->flags & SK_FIELD_SPARSE) || !sk_field_is_empty(field, value);
    }
}

static void
write_value(GString *out, const SkType *type, gconstpointer value, const char *const *fields, guint flags)
{
    gpointer defaults = flags & SK_JSON_NO_DEFAULTS ? sk_value_new(type) : NULL;
    gboolean first = TRUE;

    g_string_append_c(out, '{');
    for (guint i = 0; i < type->n_fields; i++) {
        const SkField *field = &type->fields[i];
        if (!is_shown(field, value, defaults, flags) || (fields != NULL && !g_strv_contains(fields, field->key)))
            continue;
        g_string_append(out, first ? "\"" : ",\"");
        g_string_append(out, field->key);
        g_string_append(out, "\":");
        write_field(out, field, value, flags);
        first = FALSE;
    }
    g_string_append_c(out, '}');
    sk_value_free(type, defaults);
}

void
sk_json_write(GString *out, const SkType *type, gconstpointer value, const char *const *fields, guint flags)
{
    write_value(out, type, value, fields, flags);
}

char *
sk_json_encode(const SkType *type, gconstpointer value, guint flags)
{
    GString *out = g_string_sized_new(512);
    write_value(out, type, value, NULL, flags);
    return g_string_free(out, FALSE);
}
