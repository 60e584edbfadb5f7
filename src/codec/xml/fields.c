/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The regular part of an element: fields by the .xml paths of their tables. */
#include <string.h>

#include "codec/xml/node.h"

/* A row's path and form apart; FALSE: the field is written by hand. */
static gboolean
split(const SkField *field, char **out_path, const char **out_form)
{
    if (field->xml == NULL || *field->xml == '~' || g_str_has_prefix(field->xml, ".."))
        return FALSE;
    const char *bar = strchr(field->xml, '|');
    *out_path = bar != NULL ? g_strndup(field->xml, (gsize) (bar - field->xml)) : g_strdup(field->xml);
    *out_form = bar != NULL ? bar + 1 : "";
    return TRUE;
}

/* -- reading -------------------------------------------------------------------------------------------------------- */

static gboolean
read_bool(SkXmlNode *node, const char *path, gpointer at, GError **error)
{
    if (strchr(path, '@') != NULL)
        return sk_xml_get_bool(node, path, at, error);
    if (sk_xml_has(node, path))
        *(gboolean *) at = TRUE;
    return TRUE;
}

static gboolean
read_size(SkXmlNode *node, const char *path, const char *form, guint64 *out, GError **error)
{
    guint64 number = 0;
    if (g_str_equal(form, "unit"))
        return sk_xml_get_size(node, path, "KiB", out, error);
    guint64 factor = g_str_equal(form, "KiB") ? 1024 : 1;
    if (!sk_xml_get_uint64(node, path, G_MAXINT64 / factor, &number, error))
        return FALSE;
    if (sk_xml_get(node, path) != NULL)
        *out = number * factor;
    return TRUE;
}

static gboolean
read_text(SkXmlNode *node, const char *path, const SkField *field, gpointer value, GError **error)
{
    const char *text = sk_xml_get(node, path);
    if (text == NULL)
        return TRUE;
    if (sk_field_set_text(field, value, text, "", NULL))
        return TRUE;
    /* Among many elements a place takes its time to tell. */
    g_autofree char *where = sk_xml_where(node);
    return sk_field_set_text(field, value, text, where, error);
}

/* "boot/@dev": one text an element. */
static void
read_strv(SkXmlNode *node, const char *path, char ***out)
{
    g_auto(GStrv) steps = g_strsplit(path, "/", 2);
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    for (SkXmlNode *child = sk_xml_child(node, steps[0]); child != NULL; child = sk_xml_next(child)) {
        const char *text = sk_xml_get(child, steps[1] != NULL ? steps[1] : ".");
        if (text != NULL)
            g_ptr_array_add(texts, g_strdup(text));
    }
    if (texts->len == 0)
        return;
    g_ptr_array_add(texts, NULL);
    g_strfreev(*out);
    *out = (char **) g_ptr_array_steal(texts, NULL);
}

static gboolean
read_list(SkXmlNode *node, const char *path, const SkField *field, GPtrArray **out, GError **error)
{
    guint count = 0, max = sk_field_max_count(field);
    g_autofree char *above = g_path_get_dirname(path), *name = g_path_get_basename(path);
    SkXmlNode *holder = g_str_equal(above, ".") ? node : sk_xml_at(node, above);
    if (holder == NULL)
        return TRUE;
    for (SkXmlNode *child = sk_xml_child(holder, name); child != NULL; child = sk_xml_next(child)) {
        if (++count > max)
            return sk_xml_fail(child, error, SK_ERROR_XML, "at most %u are possible", max);
        gpointer entry = sk_value_new(field->type);
        if (*out == NULL)
            *out = sk_value_list_new(field->type);
        g_ptr_array_add(*out, entry);
        if (!sk_xml_read_fields(child, field->type, entry, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_part(SkXmlNode *node, const char *path, const SkField *field, gpointer at, GError **error)
{
    SkXmlNode *child = sk_xml_at(node, path);
    if (child == NULL)
        return TRUE;
    if (field->kind == SK_KIND_STRUCT)
        return sk_xml_read_fields(child, field->type, at, error);
    if (*(gpointer *) at == NULL)
        *(gpointer *) at = sk_value_new(field->type);
    return sk_xml_read_fields(child, field->type, *(gpointer *) at, error);
}

static gboolean
read_number(SkXmlNode *node, const char *path, const SkField *field, gpointer at, GError **error)
{
    if (field->kind == SK_KIND_UINT)
        return sk_xml_get_uint(node, path, field->max > 0 && field->max < G_MAXUINT ? (guint) field->max : G_MAXUINT, at, error);
    return sk_xml_get_uint64(node, path, G_MAXINT64, at, error);
}

static gboolean
read_field(SkXmlNode *node, const SkField *field, const char *path, const char *form, gpointer value, GError **error)
{
    gpointer at = sk_field_ptr(field, value);
    switch (field->kind) {
    case SK_KIND_BOOL:
        return read_bool(node, path, at, error);
    case SK_KIND_ENUM:
        return sk_xml_get_enum(node, path, field->names, at, error);
    case SK_KIND_UINT:
    case SK_KIND_UINT64:
        return read_number(node, path, field, at, error);
    case SK_KIND_SIZE:
        return read_size(node, path, form, at, error);
    case SK_KIND_STRV:
        read_strv(node, path, at);
        return TRUE;
    case SK_KIND_LIST:
        return read_list(node, path, field, at, error);
    case SK_KIND_STRUCT:
    case SK_KIND_OPTIONAL:
        return read_part(node, path, field, at, error);
    case SK_KIND_MAP:
        return TRUE;
    default:
        return read_text(node, path, field, value, error);
    }
}

gboolean
sk_xml_read_fields(SkXmlNode *node, const SkType *type, gpointer value, GError **error)
{
    for (guint i = 0; i < type->n_fields; i++) {
        g_autofree char *path = NULL;
        const char *form;
        if (split(&type->fields[i], &path, &form) && !read_field(node, &type->fields[i], path, form, value, error))
            return FALSE;
    }
    return TRUE;
}

/* -- writing ------------------------------------------------------------------------------------------------------------ */

static void
write_bool(SkXmlNode *node, const char *path, const char *form, gboolean on)
{
    gboolean yes = g_str_equal(form, "yes");
    if (strchr(path, '@') != NULL)
        sk_xml_set(node, path, on ? (yes ? "yes" : "on") : yes ? "no" : "off");
    else if (on)
        sk_xml_need(node, path);
}

static void
write_size(SkXmlNode *node, const char *path, const char *form, guint64 bytes)
{
    if (g_str_equal(form, "unit"))
        sk_xml_set_size(node, path, bytes);
    else
        sk_xml_setf(node, path, "%" G_GUINT64_FORMAT, g_str_equal(form, "KiB") ? (bytes + 1023) / 1024 : bytes);
}

static void
write_number(SkXmlNode *node, const char *path, const char *form, const SkField *field, gconstpointer value)
{
    guint64 number = field->kind == SK_KIND_UINT ? *(const guint *) sk_field_const_ptr(field, value)
                                                 : *(const guint64 *) sk_field_const_ptr(field, value);
    if (g_str_equal(form, "hex"))
        sk_xml_setf(node, path, "0x%" G_GINT64_MODIFIER "x", number);
    else
        sk_xml_setf(node, path, "%" G_GUINT64_FORMAT, number);
}

static void
write_strv(SkXmlNode *node, const char *path, char **texts)
{
    g_auto(GStrv) steps = g_strsplit(path, "/", 2);
    for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
        sk_xml_set(sk_xml_add(node, steps[0]), steps[1] != NULL ? steps[1] : ".", texts[i]);
}

static void
write_list(SkXmlNode *node, const char *path, const SkField *field, const GPtrArray *list)
{
    g_autofree char *above = g_path_get_dirname(path), *name = g_path_get_basename(path);
    for (guint i = 0; list != NULL && i < list->len; i++) {
        SkXmlNode *holder = g_str_equal(above, ".") ? node : sk_xml_need(node, above);
        sk_xml_write_fields(sk_xml_add(holder, name), field->type, list->pdata[i]);
    }
}

static void
write_text(SkXmlNode *node, const char *path, const SkField *field, gconstpointer value)
{
    g_autofree char *text = sk_field_get_text(field, value);
    sk_xml_set(node, path, text);
}

/* An enum's first name may say that nothing was chosen. */
static gboolean
says_nothing(const SkField *field, gconstpointer value)
{
    gconstpointer at = sk_field_const_ptr(field, value);
    if (field->kind == SK_KIND_ENUM && g_str_equal(sk_enum_name(field->names, *(const gint *) at), "default"))
        return TRUE;
    return (field->flags & SK_FIELD_SPARSE) && sk_field_is_empty(field, value);
}

static void
write_field(SkXmlNode *node, const SkField *field, const char *path, const char *form, gconstpointer value)
{
    gconstpointer at = sk_field_const_ptr(field, value);
    switch (field->kind) {
    case SK_KIND_BOOL:
        write_bool(node, path, form, *(const gboolean *) at);
        break;
    case SK_KIND_ENUM:
        sk_xml_set_enum(node, path, field->names, *(const gint *) at);
        break;
    case SK_KIND_UINT:
    case SK_KIND_UINT64:
        write_number(node, path, form, field, value);
        break;
    case SK_KIND_SIZE:
        write_size(node, path, form, *(const guint64 *) at);
        break;
    case SK_KIND_STRV:
        write_strv(node, path, *(char **const *) at);
        break;
    case SK_KIND_LIST:
        write_list(node, path, field, *(GPtrArray *const *) at);
        break;
    case SK_KIND_STRUCT:
        if (!sk_field_is_empty(field, value))
            sk_xml_write_fields(sk_xml_need(node, path), field->type, at);
        break;
    case SK_KIND_OPTIONAL:
        if (*(const gconstpointer *) at != NULL)
            sk_xml_write_fields(sk_xml_need(node, path), field->type, *(const gconstpointer *) at);
        break;
    case SK_KIND_MAP:
        break;
    default:
        write_text(node, path, field, value);
    }
}

void
sk_xml_write_fields(SkXmlNode *node, const SkType *type, gconstpointer value)
{
    for (guint i = 0; i < type->n_fields; i++) {
        g_autofree char *path = NULL;
        const char *form;
        if (split(&type->fields[i], &path, &form) && !says_nothing(&type->fields[i], value))
            write_field(node, &type->fields[i], path, form, value);
    }
}
