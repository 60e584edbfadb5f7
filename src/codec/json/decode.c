/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON to values, strictly and by field tables. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "codec/json/json.h"

/* -- parsing -------------------------------------------------------------------------------------------- */

/* Depth of nesting, without building anything: a bomb is turned away before it costs memory. */
static gboolean
depth_is_fine(const char *text, gsize length)
{
    guint depth = 0;
    gboolean in_string = FALSE;
    for (gsize i = 0; i < length; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = FALSE;
        } else if (c == '"') {
            in_string = TRUE;
        } else if (c == '{' || c == '[') {
            if (++depth > SK_JSON_MAX_DEPTH)
                return FALSE;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return TRUE;
}

json_t *
sk_json_parse(const char *text, gsize length, const char *what, GError **error)
{
    json_error_t where;
    if (length > SK_JSON_MAX_BYTES) {
        sk_fail(error, SK_ERROR_TOO_LARGE, "%s is %" G_GSIZE_FORMAT " bytes long, at most %d are allowed", what, length, SK_JSON_MAX_BYTES);
        return NULL;
    }
    if (!depth_is_fine(text, length)) {
        sk_fail(error, SK_ERROR_INVALID, "%s is nested deeper than %d levels", what, SK_JSON_MAX_DEPTH);
        return NULL;
    }
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (root == NULL)
        sk_fail(error, SK_ERROR_INVALID, "%s is not JSON: line %d, column %d: %.80s", what, where.line, where.column, where.text);
    return root;
}

/* -- fields ------------------------------------------------------------------------------------------------ */

/*
 * Nearly all that is decoded is right, so it is tried without error and without paths first: to make the paths takes
 * longer than the rest. What is wrong is decoded again, up to the same place, and named.
 */
static gboolean merge(const SkType *type, gpointer value, json_t *object, const char *where, GError **error);

static const char *
kind_of(json_t *json)
{
    static const char *const names[] = { [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_STRING] = "a text",
                                         [JSON_INTEGER] = "a whole number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
                                         [JSON_FALSE] = "false", [JSON_NULL] = "null" };
    return names[json_typeof(json)];
}

static gboolean
wrong_kind(const char *path, json_t *json, const char *want, GError **error)
{
    return sk_fail(error, SK_ERROR_INVALID, "%s is %s, give %s", path, kind_of(json), want);
}

static char *
join(const char *where, const char *key)
{
    return where != NULL && *where != '\0' ? g_strconcat(where, ".", key, NULL) : g_strdup(key);
}

static gboolean
decode_number(const SkField *field, gpointer at, json_t *json, const char *path, GError **error)
{
    if (!json_is_integer(json))
        return wrong_kind(path, json, "a whole number", error);
    gint64 number = json_integer_value(json);
    gint64 low = field->kind == SK_KIND_INT ? G_MININT : field->kind == SK_KIND_INT64 ? G_MININT64 : 0;
    gint64 high = field->kind == SK_KIND_INT ? G_MAXINT : field->kind == SK_KIND_UINT ? G_MAXUINT : G_MAXINT64;
    if (number < low || number > high)
        return sk_fail(error, SK_ERROR_INVALID, "%s is %" G_GINT64_FORMAT ", it must be from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                       path, number, low, high);
    if (field->kind == SK_KIND_INT || field->kind == SK_KIND_UINT)
        *(guint *) at = (guint) number;
    else
        *(gint64 *) at = number;
    return TRUE;
}

static gboolean
decode_string(char **at, json_t *json, const char *path, GError **error)
{
    if (!json_is_string(json))
        return wrong_kind(path, json, "a text", error);
    if (strlen(json_string_value(json)) != json_string_length(json))
        return sk_fail(error, SK_ERROR_INVALID, "%s has a zero byte in it", path);
    g_free(*at);
    *at = g_strdup(json_string_value(json));
    return TRUE;
}

/* Before anything is built: entries are much larger in memory than in the text. */
static gboolean
check_count(const SkField *field, gsize count, const char *path, GError **error)
{
    guint max = sk_field_max_count(field);
    return count <= max || sk_fail(error, SK_ERROR_INVALID, "%s has %" G_GSIZE_FORMAT " entries, at most %u are allowed", path, count, max);
}

static gboolean
decode_strv(const SkField *field, GStrv *at, json_t *json, const char *path, GError **error)
{
    if (!json_is_array(json))
        return wrong_kind(path, json, "a list of texts", error);
    gsize count = json_array_size(json);
    if (!check_count(field, count, path, error))
        return FALSE;
    g_auto(GStrv) strv = g_new0(char *, count + 1);
    for (gsize i = 0; i < count; i++) {
        if (!decode_string(&strv[i], json_array_get(json, i), path, error))
            return FALSE;
    }
    g_strfreev(*at);
    *at = count > 0 ? g_steal_pointer(&strv) : NULL;
    return TRUE;
}

static void
copy_entry(gpointer key, gpointer text, gpointer map)
{
    g_hash_table_insert(map, g_strdup(key), g_strdup(text));
}

/* An object like any other: its entries are laid over those there are, and null takes one away. */
static gboolean
decode_map(const SkField *field, GHashTable **at, json_t *json, const char *path, GError **error)
{
    const char *key;
    json_t *entry;
    if (!json_is_object(json))
        return wrong_kind(path, json, "an object of texts", error);
    if (!check_count(field, json_object_size(json), path, error))
        return FALSE;
    g_autoptr(GHashTable) map = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (*at != NULL)
        g_hash_table_foreach(*at, copy_entry, map);
    json_object_foreach (json, key, entry) {
        char *text = NULL;
        g_autofree char *entry_path = error != NULL ? join(path, key) : NULL;
        if (json_is_null(entry)) {
            g_hash_table_remove(map, key);
            continue;
        }
        if (!decode_string(&text, entry, entry_path, error))
            return FALSE;
        g_hash_table_insert(map, g_strdup(key), text);
    }
    if (!check_count(field, g_hash_table_size(map), path, error))
        return FALSE;
    g_clear_pointer(at, g_hash_table_unref);
    if (g_hash_table_size(map) > 0)
        *at = g_steal_pointer(&map);
    return TRUE;
}

static void
free_list(const SkType *type, GPtrArray *list)
{
    for (guint i = 0; list != NULL && i < list->len; i++)
        sk_value_free(type, list->pdata[i]);
    g_clear_pointer(&list, g_ptr_array_unref);
}

static gboolean
decode_list(const SkField *field, GPtrArray **at, json_t *json, const char *path, GError **error)
{
    if (!json_is_array(json))
        return wrong_kind(path, json, "a list", error);
    if (!check_count(field, json_array_size(json), path, error))
        return FALSE;
    GPtrArray *list = sk_value_list_new(field->type);
    for (gsize i = 0; i < json_array_size(json); i++) {
        g_autofree char *entry_path = error != NULL ? g_strdup_printf("%s[%u]", path, (guint) i) : NULL;
        gpointer entry = sk_value_new(field->type);
        g_ptr_array_add(list, entry);
        if (!merge(field->type, entry, json_array_get(json, i), entry_path, error)) {
            free_list(field->type, list);
            return FALSE;
        }
    }
    free_list(field->type, *at);
    *at = list;
    return TRUE;
}

static gboolean
decode_optional(const SkField *field, gpointer *at, json_t *json, const char *path, GError **error)
{
    gpointer value = *at != NULL ? sk_value_copy(field->type, *at) : sk_value_new(field->type);
    if (!merge(field->type, value, json, path, error)) {
        sk_value_free(field->type, value);
        return FALSE;
    }
    sk_value_free(field->type, *at);
    *at = value;
    return TRUE;
}

/* null: back to what a new value has. The field's place is handled as a value of that one field. */
static void
reset_field(const SkType *type, const SkField *field, gpointer value)
{
    SkField at_start = *field;
    SkType one = { .name = type->name, .what = type->what, .size = type->size, .fields = &at_start, .n_fields = 1 };
    gpointer place = sk_field_ptr(field, value);

    at_start.offset = 0;
    if (field->kind == SK_KIND_STRUCT)
        one.size = field->type->size;
    else if (field->kind == SK_KIND_BOOL || field->kind == SK_KIND_INT || field->kind == SK_KIND_UINT || field->kind == SK_KIND_ENUM)
        one.size = sizeof(gint);
    else
        one.size = sizeof(gint64);
    sk_value_clear(&one, place);
    sk_value_init(&one, place);
}

static gboolean
decode_field(const SkType *type, const SkField *field, gpointer value, json_t *json, const char *path, GError **error)
{
    gpointer at = sk_field_ptr(field, value);

    if (json_is_null(json)) {
        reset_field(type, field, value);
        return TRUE;
    }
    switch (field->kind) {
    case SK_KIND_BOOL:
        if (!json_is_boolean(json))
            return wrong_kind(path, json, "true or false", error);
        *(gboolean *) at = json_is_true(json);
        return TRUE;
    case SK_KIND_SIZE:
        if (json_is_string(json))
            return sk_size_parse(json_string_value(json), path, at, error);
        return decode_number(field, at, json, path, error);
    case SK_KIND_INT:
    case SK_KIND_UINT:
    case SK_KIND_INT64:
    case SK_KIND_UINT64:
        return decode_number(field, at, json, path, error);
    case SK_KIND_DOUBLE:
        if (!json_is_number(json))
            return wrong_kind(path, json, "a number", error);
        *(gdouble *) at = json_number_value(json);
        return TRUE;
    case SK_KIND_ENUM:
        if (!json_is_string(json))
            return wrong_kind(path, json, "a text", error);
        if (sk_enum_parse(field->names, json_string_value(json), at, error))
            return TRUE;
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    case SK_KIND_STRING:
    case SK_KIND_TEXT:
        return decode_string(at, json, path, error);
    case SK_KIND_JSON:
        g_free(*(char **) at);
        *(char **) at = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
        return TRUE;
    case SK_KIND_STRV:
        return decode_strv(field, at, json, path, error);
    case SK_KIND_MAP:
        return decode_map(field, at, json, path, error);
    case SK_KIND_STRUCT:
        return merge(field->type, at, json, path, error);
    case SK_KIND_OPTIONAL:
        return decode_optional(field, at, json, path, error);
    case SK_KIND_LIST:
        return decode_list(field, at, json, path, error);
    }
    return FALSE;
}

/* "unknown key" with the nearest known ones, so that a slip is seen at once. */
static gboolean
unknown_key(const SkType *type, const char *path, GError **error)
{
    g_autofree char *known = sk_type_keys(type);
    return sk_fail(error, SK_ERROR_INVALID, "%.200s is not a setting of a %s; there are %s", path, type->what, known);
}

static gboolean
merge(const SkType *type, gpointer value, json_t *object, const char *where, GError **error)
{
    const char *key;
    json_t *json;
    if (!json_is_object(object))
        return wrong_kind(where != NULL && *where != '\0' ? where : type->what, object, "an object", error);
    json_object_foreach (object, key, json) {
        const SkField *field = sk_type_find(type, key);
        g_autofree char *path = error != NULL ? join(where, key) : NULL;
        if (field == NULL)
            return error != NULL && unknown_key(type, path, error);
        if (!decode_field(type, field, value, json, path, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_json_merge(const SkType *type, gpointer value, json_t *object, const char *where, GError **error)
{
    return merge(type, value, object, NULL, NULL) || (error != NULL && merge(type, value, object, where, error));
}

gpointer
sk_json_decode(const SkType *type, json_t *object, GError **error)
{
    gpointer value = sk_value_new(type);
    if (sk_json_merge(type, value, object, NULL, error) && sk_value_check(type, value, NULL, error))
        return value;
    sk_value_free(type, value);
    return NULL;
}

gpointer
sk_json_decode_text(const SkType *type, const char *text, gsize length, const char *what, GError **error)
{
    g_autoptr(json_t) root = sk_json_parse(text, length, what, error);
    return root != NULL ? sk_json_decode(type, root, error) : NULL;
}
