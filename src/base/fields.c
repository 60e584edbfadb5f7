/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Generic work on values described by field tables: create, copy, compare, check. */
#include "base/fields.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* -- one field's memory -------------------------------------------------------------------------- */

static void
field_clear(const SkField *field, gpointer value)
{
    gpointer at = sk_field_ptr(field, value);

    switch (field->kind) {
    case SK_KIND_STRING:
    case SK_KIND_TEXT:
    case SK_KIND_JSON:
        g_clear_pointer((char **) at, g_free);
        break;
    case SK_KIND_STRV:
        g_clear_pointer((GStrv *) at, g_strfreev);
        break;
    case SK_KIND_MAP:
        g_clear_pointer((GHashTable **) at, g_hash_table_unref);
        break;
    case SK_KIND_STRUCT:
        sk_value_clear(field->type, at);
        break;
    case SK_KIND_OPTIONAL:
        sk_value_free(field->type, *(gpointer *) at);
        *(gpointer *) at = NULL;
        break;
    case SK_KIND_LIST: {
        GPtrArray *list = *(GPtrArray **) at;
        for (guint i = 0; list != NULL && i < list->len; i++)
            sk_value_free(field->type, list->pdata[i]);
        g_clear_pointer((GPtrArray **) at, g_ptr_array_unref);
        break;
    }
    case SK_KIND_BOOL:
    case SK_KIND_INT:
    case SK_KIND_UINT:
    case SK_KIND_INT64:
    case SK_KIND_UINT64:
    case SK_KIND_SIZE:
    case SK_KIND_DOUBLE:
    case SK_KIND_ENUM:
        break;
    }
}

/* Bytes of a scalar kind, 0 for those that own memory. */
static gsize
scalar_size(SkKind kind)
{
    switch (kind) {
    case SK_KIND_BOOL:
    case SK_KIND_INT:
    case SK_KIND_UINT:
    case SK_KIND_ENUM:
        return sizeof(gint);
    case SK_KIND_INT64:
    case SK_KIND_UINT64:
    case SK_KIND_SIZE:
    case SK_KIND_DOUBLE:
        return sizeof(gint64);
    default:
        return 0;
    }
}

static GHashTable *
map_copy(GHashTable *map)
{
    GHashTable *copy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer key, text;
    g_hash_table_iter_init(&iter, map);
    while (g_hash_table_iter_next(&iter, &key, &text))
        g_hash_table_insert(copy, g_strdup(key), g_strdup(text));
    return copy;
}

/* Copies one field's value from one struct into another whose field is empty. */
static void
field_copy(const SkField *field, gpointer to, gconstpointer from)
{
    gpointer dst = sk_field_ptr(field, to);
    gconstpointer src = sk_field_const_ptr(field, from);

    switch (field->kind) {
    case SK_KIND_STRING:
    case SK_KIND_TEXT:
    case SK_KIND_JSON:
        *(char **) dst = g_strdup(*(char *const *) src);
        break;
    case SK_KIND_STRV:
        *(GStrv *) dst = g_strdupv(*(const GStrv *) src);
        break;
    case SK_KIND_MAP:
        if (*(GHashTable *const *) src != NULL)
            *(GHashTable **) dst = map_copy(*(GHashTable *const *) src);
        break;
    case SK_KIND_STRUCT:
        for (guint i = 0; i < field->type->n_fields; i++)
            field_copy(&field->type->fields[i], dst, src);
        break;
    case SK_KIND_OPTIONAL:
        if (*(const gconstpointer *) src != NULL)
            *(gpointer *) dst = sk_value_copy(field->type, *(const gconstpointer *) src);
        break;
    case SK_KIND_LIST: {
        const GPtrArray *list = *(GPtrArray *const *) src;
        if (list == NULL || list->len == 0)
            break;
        GPtrArray *copy = sk_value_list_new(field->type);
        for (guint i = 0; i < list->len; i++)
            g_ptr_array_add(copy, sk_value_copy(field->type, list->pdata[i]));
        *(GPtrArray **) dst = copy;
        break;
    }
    case SK_KIND_BOOL:
    case SK_KIND_INT:
    case SK_KIND_UINT:
    case SK_KIND_INT64:
    case SK_KIND_UINT64:
    case SK_KIND_SIZE:
    case SK_KIND_DOUBLE:
    case SK_KIND_ENUM:
        memcpy(dst, src, scalar_size(field->kind));
        break;
    }
}

/* -- create, copy, free -------------------------------------------------------------------------- */

void
sk_value_init(const SkType *type, gpointer value)
{
    memset(value, 0, type->size);
    for (guint i = 0; i < type->n_fields; i++) {
        const SkField *field = &type->fields[i];
        if (field->kind == SK_KIND_STRUCT) {
            sk_value_init(field->type, sk_field_ptr(field, value));
        } else if (field->def != NULL) {
            g_autoptr(GError) error = NULL;
            if (!sk_field_set_text(field, value, field->def, NULL, &error))
                g_error("default of %s.%s: %s", type->name, field->key, error->message);
        }
    }
}

gpointer
sk_value_new(const SkType *type)
{
    gpointer value = g_malloc0(type->size);
    sk_value_init(type, value);
    return value;
}

void
sk_value_clear(const SkType *type, gpointer value)
{
    if (value == NULL)
        return;
    for (guint i = 0; i < type->n_fields; i++)
        field_clear(&type->fields[i], value);
    memset(value, 0, type->size);
}

void
sk_value_free(const SkType *type, gpointer value)
{
    if (value == NULL)
        return;
    sk_value_clear(type, value);
    g_free(value);
}

gpointer
sk_value_copy(const SkType *type, gconstpointer value)
{
    if (value == NULL)
        return NULL;
    gpointer copy = g_malloc0(type->size);
    for (guint i = 0; i < type->n_fields; i++)
        field_copy(&type->fields[i], copy, value);
    return copy;
}

GPtrArray *
sk_value_list_new(const SkType *type)
{
    (void) type; /* the owner's LIST field frees the elements by its own type */
    return g_ptr_array_new();
}

/* -- query ---------------------------------------------------------------------------------------- */

const SkField *
sk_type_find(const SkType *type, const char *key)
{
    for (guint i = 0; i < type->n_fields; i++) {
        if (g_str_equal(type->fields[i].key, key))
            return &type->fields[i];
    }
    return NULL;
}

char *
sk_type_keys(const SkType *type)
{
    GString *keys = g_string_new(NULL);
    for (guint i = 0; i < type->n_fields; i++)
        g_string_append_printf(keys, "%s%s", i > 0 ? ", " : "", type->fields[i].key);
    return g_string_free(keys, FALSE);
}

guint
sk_field_max_count(const SkField *field)
{
    if (field->max > 0)
        return (guint) field->max;
    return field->kind == SK_KIND_MAP ? 256 : 1024;
}

gboolean
sk_field_is_empty(const SkField *field, gconstpointer value)
{
    gconstpointer at = sk_field_const_ptr(field, value);
    static const guint8 zero[sizeof(gint64)];

    switch (field->kind) {
    case SK_KIND_STRING:
    case SK_KIND_TEXT:
    case SK_KIND_JSON:
    case SK_KIND_OPTIONAL:
        return *(const gconstpointer *) at == NULL;
    case SK_KIND_STRV:
        return *(const GStrv *) at == NULL || **(const GStrv *) at == NULL;
    case SK_KIND_MAP:
        return *(GHashTable *const *) at == NULL || g_hash_table_size(*(GHashTable *const *) at) == 0;
    case SK_KIND_LIST:
        return *(GPtrArray *const *) at == NULL || (*(GPtrArray *const *) at)->len == 0;
    case SK_KIND_STRUCT:
        for (guint i = 0; i < field->type->n_fields; i++) {
            if (!sk_field_is_empty(&field->type->fields[i], at))
                return FALSE;
        }
        return TRUE;
    default:
        return memcmp(at, zero, scalar_size(field->kind)) == 0;
    }
}

static gboolean
map_equal(GHashTable *a, GHashTable *b)
{
    GHashTableIter iter;
    gpointer key, text;
    if (g_hash_table_size(a) != g_hash_table_size(b))
        return FALSE;
    g_hash_table_iter_init(&iter, a);
    while (g_hash_table_iter_next(&iter, &key, &text)) {
        if (g_strcmp0(g_hash_table_lookup(b, key), text) != 0)
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_field_equal(const SkField *field, gconstpointer a, gconstpointer b)
{
    gconstpointer pa = sk_field_const_ptr(field, a), pb = sk_field_const_ptr(field, b);

    if (field->kind == SK_KIND_STRUCT)
        return sk_value_equal(field->type, pa, pb);
    if (scalar_size(field->kind) > 0)
        return memcmp(pa, pb, scalar_size(field->kind)) == 0;

    gboolean none_a = sk_field_is_empty(field, a), none_b = sk_field_is_empty(field, b);
    if (none_a || none_b)
        return none_a && none_b;

    switch (field->kind) {
    case SK_KIND_STRV:
        return g_strv_equal(*(const gchar *const *const *) pa, *(const gchar *const *const *) pb);
    case SK_KIND_MAP:
        return map_equal(*(GHashTable *const *) pa, *(GHashTable *const *) pb);
    case SK_KIND_OPTIONAL:
        return sk_value_equal(field->type, *(const gconstpointer *) pa, *(const gconstpointer *) pb);
    case SK_KIND_LIST: {
        const GPtrArray *la = *(GPtrArray *const *) pa, *lb = *(GPtrArray *const *) pb;
        if (la->len != lb->len)
            return FALSE;
        for (guint i = 0; i < la->len; i++) {
            if (!sk_value_equal(field->type, la->pdata[i], lb->pdata[i]))
                return FALSE;
        }
        return TRUE;
    }
    default:
        return g_str_equal(*(char *const *) pa, *(char *const *) pb);
    }
}

gboolean
sk_value_equal(const SkType *type, gconstpointer a, gconstpointer b)
{
    if (a == NULL || b == NULL)
        return a == b;
    for (guint i = 0; i < type->n_fields; i++) {
        if (!sk_field_equal(&type->fields[i], a, b))
            return FALSE;
    }
    return TRUE;
}

/* -- differences ---------------------------------------------------------------------------------- */

typedef struct {
    GPtrArray *paths;
    gboolean live;
} Diff;

static const SkField *
key_field(const SkType *type)
{
    for (guint i = 0; i < type->n_fields; i++) {
        if (type->fields[i].flags & SK_FIELD_KEY)
            return &type->fields[i];
    }
    return NULL;
}

static char *
join(const char *where, const char *key)
{
    return where != NULL && *where != '\0' ? g_strconcat(where, ".", key, NULL) : g_strdup(key);
}

static char *
entry_path(const SkField *list, const char *where, gconstpointer entry, guint index)
{
    g_autofree char *path = join(where, list->key);
    const SkField *key = key_field(list->type);
    g_autofree char *name = key != NULL ? sk_field_get_text(key, entry) : NULL;
    return name != NULL ? g_strdup_printf("%s[%s]", path, name)
                        : g_strdup_printf("%s[%u]", path, index);
}

/* The entry of list with the same key as entry; without a KEY field, the one at index. */
static gconstpointer
entry_match(const SkType *type, const GPtrArray *list, gconstpointer entry, guint index)
{
    const SkField *key = key_field(type);
    if (key == NULL)
        return index < list->len ? list->pdata[index] : NULL;
    for (guint i = 0; i < list->len; i++) {
        if (sk_field_equal(key, list->pdata[i], entry))
            return list->pdata[i];
    }
    return NULL;
}

static void
diff_add(Diff *diff, const SkField *field, char *path)
{
    g_ptr_array_add(diff->paths, path);
    if (!(field->flags & SK_FIELD_LIVE))
        diff->live = FALSE;
}

static void diff_value(Diff *diff, const SkType *type, gconstpointer a, gconstpointer b,
                       const char *where);

/* For lists of the same entries: what differs may be READONLY alone. */
static gboolean
same_order(const SkType *type, const GPtrArray *a, const GPtrArray *b)
{
    for (guint i = 0; i < a->len; i++) {
        if (entry_match(type, b, a->pdata[i], i) != b->pdata[i])
            return FALSE;
    }
    return TRUE;
}

static void
diff_list(Diff *diff, const SkField *field, gconstpointer a, gconstpointer b, const char *where)
{
    static const GPtrArray none;
    const GPtrArray *la = *(GPtrArray *const *) sk_field_const_ptr(field, a);
    const GPtrArray *lb = *(GPtrArray *const *) sk_field_const_ptr(field, b);
    la = la != NULL ? la : &none;
    lb = lb != NULL ? lb : &none;

    guint before = diff->paths->len;
    for (guint i = 0; i < la->len; i++) {
        g_autofree char *path = entry_path(field, where, la->pdata[i], i);
        gconstpointer other = entry_match(field->type, lb, la->pdata[i], i);
        if (other == NULL)
            diff_add(diff, field, g_steal_pointer(&path));
        else
            diff_value(diff, field->type, la->pdata[i], other, path);
    }
    for (guint i = 0; i < lb->len; i++) {
        if (entry_match(field->type, la, lb->pdata[i], i) == NULL)
            diff_add(diff, field, entry_path(field, where, lb->pdata[i], i));
    }
    if (diff->paths->len == before && !same_order(field->type, la, lb))
        diff_add(diff, field, join(where, field->key));
}

static void
diff_value(Diff *diff, const SkType *type, gconstpointer a, gconstpointer b, const char *where)
{
    for (guint i = 0; i < type->n_fields; i++) {
        const SkField *field = &type->fields[i];
        if ((field->flags & SK_FIELD_READONLY) || sk_field_equal(field, a, b))
            continue;
        g_autofree char *path = join(where, field->key);
        if (field->kind == SK_KIND_LIST) {
            diff_list(diff, field, a, b, where);
        } else if (field->kind == SK_KIND_STRUCT) {
            diff_value(diff, field->type, sk_field_const_ptr(field, a), sk_field_const_ptr(field, b), path);
        } else if (field->kind == SK_KIND_OPTIONAL && !sk_field_is_empty(field, a) &&
                   !sk_field_is_empty(field, b)) {
            diff_value(diff, field->type, *(const gconstpointer *) sk_field_const_ptr(field, a),
                       *(const gconstpointer *) sk_field_const_ptr(field, b), path);
        } else {
            diff_add(diff, field, g_steal_pointer(&path));
        }
    }
}

GPtrArray *
sk_value_diff(const SkType *type, gconstpointer a, gconstpointer b, gboolean *out_live)
{
    Diff diff = { g_ptr_array_new_with_free_func(g_free), TRUE };
    diff_value(&diff, type, a, b, NULL);
    if (out_live != NULL)
        *out_live = diff.live;
    return diff.paths;
}

/* -- check ---------------------------------------------------------------------------------------- */

/*
 * Nearly all values are right, so they are looked at without error and without paths first: to make the paths
 * takes longer than the checks. What is wrong is looked at again, and named.
 */
static gboolean check_value(const SkType *type, gconstpointer value, const char *where, GError **error);

static gboolean
check_text(const SkField *field, const char *text, const char *path, GError **error)
{
    gsize length = strlen(text);
    gsize max = field->max > 0 ? (gsize) field->max : field->kind == SK_KIND_STRING ? 4096 : 1 << 20;

    if (length > max)
        return sk_fail(error, SK_ERROR_INVALID, "%s is %" G_GSIZE_FORMAT " bytes long, at most %" G_GSIZE_FORMAT " are allowed",
                       path, length, max);
    if ((gint64) length < field->min)
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" is too short, at least %" G_GINT64_FORMAT " characters are needed",
                       path, text, field->min);
    if (!g_utf8_validate(text, (gssize) length, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "%s is not valid UTF-8", path);
    if (field->kind == SK_KIND_STRING && sk_text_has_control(text))
        return sk_fail(error, SK_ERROR_INVALID, "%s has a control character in it", path);
    return field->check == NULL || field->check(text, path, error);
}

static gboolean
check_range(const SkField *field, gint64 number, const char *path, GError **error)
{
    gboolean unset = number == 0 && (field->flags & SK_FIELD_SPARSE);
    gint64 max = field->max == 0 && field->min > 0 ? G_MAXINT64 : field->max;
    if ((field->min == 0 && field->max == 0) || unset || (number >= field->min && number <= max))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID,
                   "%s is %" G_GINT64_FORMAT ", it must be from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                   path, number, field->min, max);
}

static gboolean
check_size_range(const SkField *field, guint64 bytes, const char *path, GError **error)
{
    gboolean unset = bytes == 0 && (field->flags & SK_FIELD_SPARSE);
    /* JSON and SQL count to 2^63 - 1. */
    guint64 max = field->max > 0 ? (guint64) field->max : (guint64) G_MAXINT64;
    if (unset || (bytes >= (guint64) field->min && bytes <= max))
        return TRUE;
    g_autofree char *is = sk_size_format(bytes);
    g_autofree char *low = sk_size_format((guint64) field->min);
    g_autofree char *high = sk_size_format(max);
    return sk_fail(error, SK_ERROR_INVALID, "%s is %s, it must be from %s to %s", path, is, low, high);
}

static gboolean
check_list(const SkField *field, const GPtrArray *list, const char *where, const char *path,
           GError **error)
{
    guint max = sk_field_max_count(field);
    if (list != NULL && list->len > max)
        return sk_fail(error, SK_ERROR_INVALID, "%s has %u entries, at most %u are allowed", path,
                       list->len, max);
    for (guint i = 0; list != NULL && i < list->len; i++) {
        g_autofree char *entry = error != NULL ? entry_path(field, where, list->pdata[i], i) : NULL;
        if (!check_value(field->type, list->pdata[i], entry, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_strv(const SkField *field, char **strv, const char *path, GError **error)
{
    guint max = sk_field_max_count(field);
    if (strv != NULL && g_strv_length(strv) > max)
        return sk_fail(error, SK_ERROR_INVALID, "%s has %u entries, at most %u are allowed", path,
                       g_strv_length(strv), max);
    const SkField element = { .kind = SK_KIND_TEXT, .max = 16384, .check = field->check };
    for (guint i = 0; strv != NULL && strv[i] != NULL; i++) {
        if (!check_text(&element, strv[i], path, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_map(const SkField *field, GHashTable *map, const char *path, GError **error)
{
    if (map == NULL)
        return TRUE;
    guint max = sk_field_max_count(field);
    if (g_hash_table_size(map) > max)
        return sk_fail(error, SK_ERROR_INVALID, "%s has %u entries, at most %u are allowed", path,
                       g_hash_table_size(map), max);
    const SkField name = { .kind = SK_KIND_STRING, .min = 1, .max = 256 };
    const SkField element = { .kind = SK_KIND_TEXT, .max = 65536 };
    GHashTableIter iter;
    gpointer key, text;
    g_hash_table_iter_init(&iter, map);
    while (g_hash_table_iter_next(&iter, &key, &text)) {
        if (!check_text(&name, key, path, error) || !check_text(&element, text, path, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_field(const SkField *field, gconstpointer value, const char *where, GError **error)
{
    g_autofree char *full = error != NULL ? join(where, field->key) : NULL;
    const char *path = full != NULL ? full : field->key;
    gconstpointer at = sk_field_const_ptr(field, value);

    if ((field->flags & SK_FIELD_REQUIRED) && sk_field_is_empty(field, value))
        return sk_fail(error, SK_ERROR_INVALID, "%s is missing", path);

    switch (field->kind) {
    case SK_KIND_STRING:
    case SK_KIND_TEXT:
    case SK_KIND_JSON:
        return *(char *const *) at == NULL || check_text(field, *(char *const *) at, path, error);
    case SK_KIND_STRV:
        return check_strv(field, *(char **const *) at, path, error);
    case SK_KIND_MAP:
        return check_map(field, *(GHashTable *const *) at, path, error);
    case SK_KIND_STRUCT:
        return check_value(field->type, at, path, error);
    case SK_KIND_OPTIONAL:
        return check_value(field->type, *(const gconstpointer *) at, path, error);
    case SK_KIND_LIST:
        return check_list(field, *(GPtrArray *const *) at, where, path, error);
    case SK_KIND_INT:
        return check_range(field, *(const gint *) at, path, error);
    case SK_KIND_UINT:
        return check_range(field, *(const guint *) at, path, error);
    case SK_KIND_INT64:
        return check_range(field, *(const gint64 *) at, path, error);
    case SK_KIND_UINT64:
    case SK_KIND_SIZE:
        return check_size_range(field, *(const guint64 *) at, path, error);
    case SK_KIND_ENUM:
        if (*(const gint *) at < 0 || (guint) *(const gint *) at >= field->names->count)
            return sk_fail(error, SK_ERROR_INVALID, "%s is no %s", path, field->names->what);
        return TRUE;
    case SK_KIND_BOOL:
    case SK_KIND_DOUBLE:
        return TRUE;
    }
    return TRUE;
}

static gboolean
check_value(const SkType *type, gconstpointer value, const char *where, GError **error)
{
    if (value == NULL)
        return TRUE;
    for (guint i = 0; i < type->n_fields; i++) {
        if (!check_field(&type->fields[i], value, where, error))
            return FALSE;
    }
    if (type->check == NULL || type->check(value, error))
        return TRUE;
    if (where != NULL)
        g_prefix_error(error, "%s: ", where);
    return FALSE;
}

gboolean
sk_value_check(const SkType *type, gconstpointer value, const char *where, GError **error)
{
    return check_value(type, value, NULL, NULL) || (error != NULL && check_value(type, value, where, error));
}

/* -- what a request leaves out ---------------------------------------------------------------------------- */

static void
inherit_list(const SkField *field, const GPtrArray *old, const GPtrArray *list)
{
    for (guint i = 0; list != NULL && old != NULL && i < list->len; i++) {
        gconstpointer match = key_field(field->type) != NULL ? entry_match(field->type, old, list->pdata[i], i) : NULL;
        if (match != NULL)
            sk_value_inherit(field->type, match, list->pdata[i]);
    }
}

void
sk_value_inherit(const SkType *type, gconstpointer old, gpointer value)
{
    for (guint i = 0; i < type->n_fields; i++) {
        const SkField *field = &type->fields[i];
        gpointer at = sk_field_ptr(field, value);
        gconstpointer old_at = sk_field_const_ptr(field, old);
        if (field->kind == SK_KIND_STRUCT)
            sk_value_inherit(field->type, old_at, at);
        else if (field->kind == SK_KIND_OPTIONAL && *(gpointer *) at != NULL && *(const gconstpointer *) old_at != NULL)
            sk_value_inherit(field->type, *(const gconstpointer *) old_at, *(gpointer *) at);
        else if (field->kind == SK_KIND_LIST)
            inherit_list(field, *(GPtrArray *const *) old_at, *(GPtrArray *const *) at);
        else if ((field->flags & (SK_FIELD_READONLY | SK_FIELD_SECRET | SK_FIELD_STICKY)) && sk_field_is_empty(field, value))
            field_copy(field, value, old);
    }
}

/* -- read-only fields --------------------------------------------------------------------------------- */

static gboolean
check_readonly_list(const SkField *field, const GPtrArray *old, const GPtrArray *list, const char *where, GError **error)
{
    for (guint i = 0; list != NULL && i < list->len; i++) {
        g_autofree char *path = entry_path(field, where, list->pdata[i], i);
        gconstpointer match = old != NULL ? entry_match(field->type, old, list->pdata[i], i) : NULL;
        if (!sk_value_check_readonly(field->type, match, list->pdata[i], path, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_readonly_field(const SkField *field, gconstpointer old, gconstpointer value, const char *where, GError **error)
{
    gconstpointer at = sk_field_const_ptr(field, value);
    gconstpointer old_at = old != NULL ? sk_field_const_ptr(field, old) : NULL;
    g_autofree char *path = join(where, field->key);

    if (field->flags & SK_FIELD_READONLY) {
        if (sk_field_is_empty(field, value) || (old != NULL && sk_field_equal(field, old, value)))
            return TRUE;
        if (field->given != NULL && g_str_has_prefix(*(char *const *) at, field->given))
            return TRUE;
        return sk_fail(error, SK_ERROR_INVALID, "%s cannot be set: it is only shown", path);
    }
    switch (field->kind) {
    case SK_KIND_STRUCT:
        return sk_value_check_readonly(field->type, old_at, at, path, error);
    case SK_KIND_OPTIONAL:
        return *(const gconstpointer *) at == NULL ||
               sk_value_check_readonly(field->type, old_at != NULL ? *(const gconstpointer *) old_at : NULL,
                                       *(const gconstpointer *) at, path, error);
    case SK_KIND_LIST:
        return check_readonly_list(field, old_at != NULL ? *(GPtrArray *const *) old_at : NULL, *(GPtrArray *const *) at, where, error);
    default:
        return TRUE;
    }
}

gboolean
sk_value_check_readonly(const SkType *type, gconstpointer old, gconstpointer value, const char *where, GError **error)
{
    for (guint i = 0; i < type->n_fields; i++) {
        if (!check_readonly_field(&type->fields[i], old, value, where, error))
            return FALSE;
    }
    return TRUE;
}
