/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree as text, and foreign XML that is kept as text. */
#include <libxml/tree.h>
#include <string.h>

#include "codec/xml/node.h"

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
append_name(GString *out, const xmlNs *ns, const xmlChar *name)
{
    if (ns != NULL && ns->prefix != NULL)
        g_string_append_printf(out, "%s:", (const char *) ns->prefix);
    g_string_append(out, (const char *) name);
}

static void
append_attributes(GString *out, const xmlNode *node)
{
    for (const xmlNs *ns = node->nsDef; ns != NULL; ns = ns->next) {
        g_string_append_printf(out, " xmlns%s%s='", ns->prefix != NULL ? ":" : "", ns->prefix != NULL ? (const char *) ns->prefix : "");
        append_escaped(out, ns->href != NULL ? (const char *) ns->href : "", TRUE);
        g_string_append_c(out, '\'');
    }
    for (const xmlAttr *attribute = node->properties; attribute != NULL; attribute = attribute->next) {
        g_string_append_c(out, ' ');
        append_name(out, attribute->ns, attribute->name);
        g_string_append(out, "='");
        for (const xmlNode *text = attribute->children; text != NULL; text = text->next)
            append_escaped(out, text->content != NULL ? (const char *) text->content : "", TRUE);
        g_string_append_c(out, '\'');
    }
}

static gboolean
is_text(const xmlNode *node)
{
    return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}

/* Text among the children makes white space part of the content. */
static gboolean
is_mixed(const xmlNode *node)
{
    for (const xmlNode *child = node->children; child != NULL; child = child->next) {
        if (is_text(child) && !xmlIsBlankNode(child))
            return TRUE;
    }
    /* Blanks alone are content too, where there is nothing else. */
    return node->children != NULL && is_text(node->children) && node->children->next == NULL;
}

static void
indent(GString *out, guint level)
{
    for (guint i = 0; i < level; i++)
        g_string_append(out, "  ");
}

/* In what a client wrote for itself. */
static void
append_comment(GString *out, const xmlNode *node, guint level, gboolean inside)
{
    if (!inside)
        indent(out, level);
    g_string_append_printf(out, "<!--%s-->%s", node->content != NULL ? (const char *) node->content : "", inside ? "" : "\n");
}

/* inside: between text, where nothing may be added. */
static void
append_node(GString *out, const xmlNode *node, guint level, gboolean inside)
{
    if (is_text(node) && inside) {
        append_escaped(out, node->content != NULL ? (const char *) node->content : "", FALSE);
        return;
    }
    if (node->type == XML_COMMENT_NODE) {
        append_comment(out, node, level, inside);
        return;
    }
    if (node->type != XML_ELEMENT_NODE)
        return;
    gboolean mixed = inside || is_mixed(node);
    if (!inside)
        indent(out, level);
    g_string_append_c(out, '<');
    append_name(out, node->ns, node->name);
    append_attributes(out, node);
    g_string_append(out, node->children == NULL ? "/>" : mixed ? ">" : ">\n");
    for (const xmlNode *child = node->children; child != NULL; child = child->next)
        append_node(out, child, level + 1, mixed);
    if (node->children != NULL) {
        if (!mixed)
            indent(out, level);
        g_string_append(out, "</");
        append_name(out, node->ns, node->name);
        g_string_append_c(out, '>');
    }
    if (!inside)
        g_string_append_c(out, '\n');
}

char *
sk_xml_text(const SkXmlNode *node)
{
    GString *out = g_string_new(NULL);
    append_node(out, node, 0, FALSE);
    return g_string_free(out, FALSE);
}

/* -- foreign XML ----------------------------------------------------------------------------------------------------- */

char *
sk_xml_take_raw(SkXmlNode *node)
{
    sk_xml_ignore(node, ".");
    /* A copy into a document of its own declares the namespaces that stood further up. */
    xmlDocPtr doc = xmlNewDoc((const xmlChar *) "1.0");
    xmlNodePtr copy = xmlDocCopyNode(node, doc, 1);
    xmlDocSetRootElement(doc, copy);
    char *text = sk_xml_text(copy);
    xmlFreeDoc(doc);
    return g_strchomp(text);
}

void
sk_xml_add_raw(SkXmlNode *node, const char *text)
{
    g_autoptr(SkXmlNode) tree = sk_xml_parse(text, -1, "metadata", NULL, NULL);
    if (tree != NULL)
        xmlAddChild(node, xmlDocCopyNode(tree, node->doc, 1));
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
    if (metadata->children == NULL)
        sk_xml_remove(metadata);
}
