/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree as text, and foreign XML that is kept as text. */
#include <string.h>

#include "codec/xml/node-private.h"

/* -- writing ----------------------------------------------------------------------------------------------------- */

/* Characters that XML 1.0 cannot have at all are left out. */
static gboolean
is_xml_char(gunichar c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0xd800) || (c >= 0xe000 && c < 0xfffe) || c >= 0x10000;
}

static void
append_escaped(GString *out, const char *text, gboolean attribute)
{
    for (const char *c = text; *c != '\0'; c = g_utf8_next_char(c)) {
        gunichar point = g_utf8_get_char(c);
        if (*c == '&')
            g_string_append(out, "&amp;");
        else if (*c == '<')
            g_string_append(out, "&lt;");
        else if (*c == '>')
            g_string_append(out, "&gt;");
        else if (attribute && *c == '\'')
            g_string_append(out, "&apos;");
        else if (*c == '\r' || (attribute && (*c == '\n' || *c == '\t')))
            g_string_append_printf(out, "&#%u;", (guint) *c);
        else if (is_xml_char(point))
            g_string_append_unichar(out, point);
    }
}

static void
append_name(GString *out, const SkXmlSpace *space, const char *name)
{
    if (space != NULL && space->prefix != NULL)
        g_string_append_printf(out, "%s:", space->prefix);
    g_string_append(out, name);
}

static void
append_attributes(GString *out, const SkXmlNode *node)
{
    for (const SkXmlSpace *space = node->spaces; space != NULL; space = space->next) {
        g_string_append_printf(out, " xmlns%s%s='", space->prefix != NULL ? ":" : "", space->prefix != NULL ? space->prefix : "");
        append_escaped(out, space->uri, TRUE);
        g_string_append_c(out, '\'');
    }
    for (const SkXmlAttribute *attribute = node->attributes; attribute != NULL; attribute = attribute->next) {
        g_string_append_c(out, ' ');
        append_name(out, attribute->space, attribute->name);
        g_string_append(out, "='");
        append_escaped(out, attribute->text, TRUE);
        g_string_append_c(out, '\'');
    }
}

/* Text among the children makes white space part of the content. */
static gboolean
is_mixed(const SkXmlNode *node)
{
    for (const SkXmlNode *child = node->first; child != NULL; child = child->next) {
        if (child->kind == SK_XML_TEXT && !sk_xml_is_blank(child->text))
            return TRUE;
    }
    /* Blanks alone are content too, where there is nothing else. */
    return node->first != NULL && node->first->kind == SK_XML_TEXT && node->first->next == NULL;
}

static void
indent(GString *out, guint level)
{
    for (guint i = 0; i < level; i++)
        g_string_append(out, "  ");
}

/* In what a client wrote for itself. */
static void
append_comment(GString *out, const SkXmlNode *node, guint level, gboolean inside)
{
    if (!inside)
        indent(out, level);
    g_string_append_printf(out, "<!--%s-->%s", node->text, inside ? "" : "\n");
}

static void append_node(GString *out, const SkXmlNode *node, guint level, gboolean inside);

static void
append_element(GString *out, const SkXmlNode *node, guint level, gboolean inside)
{
    gboolean mixed = inside || is_mixed(node);
    if (!inside)
        indent(out, level);
    g_string_append_c(out, '<');
    append_name(out, node->space, node->name);
    append_attributes(out, node);
    g_string_append(out, node->first == NULL ? "/>" : mixed ? ">" : ">\n");
    for (const SkXmlNode *child = node->first; child != NULL; child = child->next)
        append_node(out, child, level + 1, mixed);
    if (node->first != NULL) {
        if (!mixed)
            indent(out, level);
        g_string_append(out, "</");
        append_name(out, node->space, node->name);
        g_string_append_c(out, '>');
    }
    if (!inside)
        g_string_append_c(out, '\n');
}

/* inside: between text, where nothing may be added. */
static void
append_node(GString *out, const SkXmlNode *node, guint level, gboolean inside)
{
    if (node->kind == SK_XML_ELEMENT)
        append_element(out, node, level, inside);
    else if (node->kind == SK_XML_COMMENT)
        append_comment(out, node, level, inside);
    else if (inside)
        append_escaped(out, node->text, FALSE);
}

char *
sk_xml_text(const SkXmlNode *node)
{
    GString *out = g_string_new(NULL);
    append_node(out, node, 0, FALSE);
    return g_string_free(out, FALSE);
}

/* -- foreign XML ----------------------------------------------------------------------------------------------------- */

/* Declares on root what a node below it uses of what stands further up. */
static void
declare_here(SkXmlNode *root, const SkXmlNode *node, const SkXmlSpace *space)
{
    if (space == NULL || g_strcmp0(space->prefix, "xml") == 0)
        return;
    while (node != root && sk_xml_node_declared(node, space->prefix) == NULL)
        node = node->parent;
    if (sk_xml_node_declared(node, space->prefix) == NULL)
        sk_xml_node_declare(root, space->prefix, space->uri);
}

static void
declare_all(SkXmlNode *root, const SkXmlNode *node)
{
    declare_here(root, node, node->space);
    for (const SkXmlAttribute *attribute = node->attributes; attribute != NULL; attribute = attribute->next)
        declare_here(root, node, attribute->space);
    for (const SkXmlNode *child = node->first; child != NULL; child = child->next)
        declare_all(root, child);
}

char *
sk_xml_take_raw(SkXmlNode *node)
{
    sk_xml_ignore(node, ".");
    declare_all(node, node);
    return g_strchomp(sk_xml_text(node));
}

void
sk_xml_add_raw(SkXmlNode *node, const char *text)
{
    SkXmlNode *raw = sk_xml_tree_read(node->tree, text, strlen(text), "metadata", NULL);
    if (raw != NULL)
        sk_xml_node_append(node, raw);
}

gboolean
sk_xml_read_metadata(SkXmlNode *node, GHashTable **out, GError **error)
{
    SkXmlNode *metadata = sk_xml_child(node, "metadata");
    if (metadata == NULL)
        return TRUE;
    g_autoptr(GHashTable) map = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (SkXmlNode *child = sk_xml_first_any(metadata); child != NULL; child = sk_xml_next_any(child)) {
        const char *name = sk_xml_namespace(child);
        if (name == NULL)
            return sk_xml_fail(child, error, SK_ERROR_XML, "what is in <metadata> must have a namespace");
        if (g_hash_table_contains(map, name))
            return sk_xml_fail(child, error, SK_ERROR_XML, "two elements in <metadata> have the namespace \"%.128s\", each can have one", name);
        g_hash_table_insert(map, g_strdup(name), sk_xml_take_raw(child));
    }
    g_clear_pointer(out, g_hash_table_unref);
    if (g_hash_table_size(map) > 0)
        *out = g_steal_pointer(&map);
    return TRUE;
}

void
sk_xml_write_metadata(SkXmlNode *node, GHashTable *map)
{
    if (map == NULL || g_hash_table_size(map) == 0)
        return;
    SkXmlNode *metadata = sk_xml_add(node, "metadata");
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(map), (GCompareFunc) g_strcmp0);
    for (const GList *key = keys; key != NULL; key = key->next)
        sk_xml_add_raw(metadata, g_hash_table_lookup(map, key->data));
    if (metadata->first == NULL)
        sk_xml_remove(metadata);
}
