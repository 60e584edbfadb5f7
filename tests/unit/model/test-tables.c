/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold for every enum and every field table there is, and for the operation table. */
#include <string.h>

#include "base/error.h"
#include "model/operation.h"
#include "tables.h"

static void
test_enums(void)
{
    g_assert_cmpuint(n_all_enums, >, 30);
    for (guint i = 0; i < n_all_enums; i++) {
        const SkEnum *table = all_enums[i].table;
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
        g_test_message("%s", all_enums[i].symbol);
        g_assert_cmpuint(table->count, >, 0);
        g_assert_nonnull(table->what);
        for (guint value = 0; value < table->count; value++) {
            g_autoptr(GError) error = NULL;
            gint parsed = -1;
            const char *name = sk_enum_name(table, (gint) value);
            g_assert_true(g_hash_table_add(seen, (gpointer) name));
            g_assert_true(sk_enum_parse(table, name, &parsed, &error));
            g_assert_cmpint(parsed, ==, value);
        }
        g_assert_false(sk_enum_parse(table, "no such name", &(gint){ 0 }, NULL));
    }
}

/* -- fields ------------------------------------------------------------------------------------------------- */

static gsize
size_of(const SkField *field)
{
    switch (field->kind) {
    case SK_KIND_BOOL:
    case SK_KIND_INT:
    case SK_KIND_UINT:
    case SK_KIND_ENUM:
        return sizeof(gint);
    case SK_KIND_STRUCT:
        return field->type->size;
    default:
        return sizeof(gint64);
    }
}

static void
check_row(const SkField *field, const SkType *type)
{
    gboolean has_type = field->kind == SK_KIND_STRUCT || field->kind == SK_KIND_OPTIONAL || field->kind == SK_KIND_LIST;
    g_assert_nonnull(field->key);
    g_assert_nonnull(field->help);
    g_assert_cmpint(strlen(field->help), >, 0);
    g_assert_cmpint(has_type, ==, field->type != NULL);
    g_assert_cmpint(field->kind == SK_KIND_ENUM, ==, field->names != NULL);
    g_assert_cmpuint(field->offset + size_of(field), <=, type->size);
    g_assert_true(field->max == 0 || field->min <= field->max);
    if (field->check != NULL)
        g_assert_true(field->kind == SK_KIND_STRING || field->kind == SK_KIND_TEXT || field->kind == SK_KIND_STRV);
}

/* A row copied from another struct, or two rows for one member, would write over a neighbour. */
static void
check_overlaps(const SkType *type)
{
    for (guint i = 0; i < type->n_fields; i++) {
        const SkField *a = &type->fields[i];
        for (guint j = 0; j < i; j++) {
            const SkField *b = &type->fields[j];
            g_assert_cmpstr(a->key, !=, b->key);
            g_assert_true(a->offset + size_of(a) <= b->offset || b->offset + size_of(b) <= a->offset);
        }
    }
}

static void
test_types(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_assert_cmpuint(n_all_types, >, 60);
    for (guint i = 0; i < n_all_types; i++) {
        const SkType *type = all_types[i].type;
        guint keys = 0;
        g_test_message("%s", all_types[i].symbol);
        g_assert_nonnull(type->what);
        g_assert_nonnull(type->help);
        /* Schemas are found by their names. */
        g_assert_true(g_hash_table_add(names, (gpointer) type->name));
        for (guint j = 0; j < type->n_fields; j++) {
            check_row(&type->fields[j], type);
            keys += (type->fields[j].flags & SK_FIELD_KEY) != 0;
        }
        g_assert_cmpuint(keys, <=, 1);
        check_overlaps(type);
    }
}

/* Defaults parse (else sk_value_new() ends the test), copy, and are inside their own limits. */
static void
test_defaults(void)
{
    for (guint i = 0; i < n_all_types; i++) {
        const SkType *type = all_types[i].type;
        gpointer value = sk_value_new(type);
        gpointer copy = sk_value_copy(type, value);
        g_test_message("%s", all_types[i].symbol);
        g_assert_true(sk_value_equal(type, value, copy));
        for (guint j = 0; j < type->n_fields; j++) {
            const SkField *field = &type->fields[j];
            const SkType one = { .name = type->name, .what = type->what, .size = type->size, .fields = field, .n_fields = 1 };
            g_autoptr(GError) error = NULL;
            if (field->def == NULL)
                continue;
            sk_value_check(&one, value, NULL, &error);
            g_assert_no_error(error);
        }
        sk_value_free(type, copy);
        sk_value_free(type, value);
    }
}

/* -- operations ------------------------------------------------------------------------------------------------- */

/* Every {part} of the path is a required parameter. */
static void
check_path(const SkOperation *op)
{
    g_auto(GStrv) parts = g_strsplit_set(op->path, "/", -1);
    g_assert_true(g_str_has_prefix(op->path, "/v1/"));
    for (guint i = 0; parts[i] != NULL; i++) {
        if (parts[i][0] != '{')
            continue;
        g_autofree char *key = g_strndup(parts[i] + 1, strlen(parts[i]) - 2);
        const SkField *field = sk_type_find(op->params, key);
        g_assert_nonnull(field);
        g_assert_true(field->flags & SK_FIELD_REQUIRED);
    }
}

static void
test_operations(void)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", NULL };
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) routes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < SK_N_OPERATIONS; i++) {
        const SkOperation *op = sk_operation((SkOperationId) i);
        g_assert_nonnull(op->name);
        g_test_message("%s", op->name);
        g_assert_cmpint(op->id, ==, i);
        g_assert_true(g_hash_table_add(names, (gpointer) op->name));
        g_assert_true(g_hash_table_add(routes, g_strconcat(op->method, " ", op->path, NULL)));
        g_assert_true(sk_operation_find(op->name) == op);
        g_assert_nonnull(strchr(op->name, '.'));
        g_assert_true(g_strv_contains(methods, op->method));
        g_assert_nonnull(op->help);
        g_assert_true(g_ascii_islower(op->help[0]));
        g_assert_cmpint(op->body_kind == SK_BODY_OBJECT || op->body_kind == SK_BODY_PATCH, ==, op->body != NULL);
        g_assert_cmpint(op->result_kind == SK_RESULT_OBJECT || op->result_kind == SK_RESULT_LIST, ==, op->result != NULL);
        /* Who may change something must be asked for a right; a ticket is one. */
        g_assert_true(op->right > SK_ROLE_NONE || sk_type_find(op->params, "ticket") != NULL);
        if (g_str_equal(op->method, "GET"))
            g_assert_cmpint(op->mode, !=, SK_MODE_JOB);
        check_path(op);
    }
    g_assert_null(sk_operation_find("nothing.here"));
}

static gint
by_offset(gconstpointer a, gconstpointer b)
{
    const SkField *const *x = a, *const *y = b;
    return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

/* The views agree on what is where; together they show every text and list that there is room for, so that each is freed. */
static void
test_params(void)
{
    const SkType *all = sk_params_of_all();
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    gsize end = 0;
    for (guint i = 0; i < all->n_fields; i++)
        g_ptr_array_add(rows, (gpointer) &all->fields[i]);
    g_ptr_array_sort(rows, by_offset);
    for (guint i = 0; i < rows->len; i++) {
        const SkField *field = rows->pdata[i];
        g_test_message("%s", field->key);
        g_assert_cmpuint(field->offset, >=, end);
        g_assert_cmpuint(field->offset - end, <, sizeof(gpointer));
        end = field->offset + size_of(field);
    }
    g_assert_cmpuint(sizeof(SkParams) - end, <, sizeof(gpointer));
    for (guint i = 0; i < SK_N_OPERATIONS; i++) {
        const SkType *view = sk_operations[i].params;
        for (guint j = 0; j < view->n_fields; j++) {
            const SkField *field = sk_type_find(all, view->fields[j].key);
            g_test_message("%s %s", sk_operations[i].name, view->fields[j].key);
            g_assert_nonnull(field);
            g_assert_cmpuint(field->offset, ==, view->fields[j].offset);
            g_assert_cmpint(field->kind, ==, view->fields[j].kind);
        }
    }
    g_assert_true(sk_params_of_all() == all);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tables/enums", test_enums);
    g_test_add_func("/tables/types", test_types);
    g_test_add_func("/tables/defaults", test_defaults);
    g_test_add_func("/tables/operations", test_operations);
    g_test_add_func("/tables/params", test_params);
    return g_test_run();
}
