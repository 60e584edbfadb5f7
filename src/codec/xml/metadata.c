/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Elements of <metadata>: kept in a namespace of their owner's, given back without. */
#include <string.h>

#include "codec/xml/node-private.h"
#include "codec/xml/xml.h"

/* key: a prefix; NULL: the element is to have none. */
static gboolean
is_free(const SkXmlNode *root, const char *key)
{
    static const char first[] = G_CSET_a_2_z G_CSET_A_2_Z "_";
    if (key != NULL && (*key == '\0' || strchr(first, *key) == NULL || key[strspn(key, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_-.")] != '\0'))
        return FALSE;
    return g_strcmp0(key, "xml") != 0 && g_strcmp0(key, "xmlns") != 0 && sk_xml_node_declared(root, key) == NULL;
}

char *
sk_xml_metadata_wrap(const char *text, const char *key, const char *uri, GError **error)
{
    g_autoptr(SkXmlNode) root = sk_xml_parse(text, -1, "metadata", NULL, error);
    if (root == NULL)
        return NULL;
    if (!is_free(root, key)) {
        sk_fail(error, SK_ERROR_INVALID, "metadata: \"%s\" is taken as a prefix, or is none", key != NULL ? key : "");
        return NULL;
    }
    root->space = sk_xml_node_declare(root, key, uri);
    return sk_xml_take_raw(root);
}

static void
leave_namespace(SkXmlNode *node, const char *uri)
{
    if (node->space != NULL && g_str_equal(node->space->uri, uri))
        node->space = NULL;
    for (SkXmlNode *child = node->first; child != NULL; child = child->next)
        leave_namespace(child, uri);
}

/* What still uses it declares it again. */
static void
drop_declaration(SkXmlNode *root, const char *uri)
{
    for (SkXmlSpace **at = &root->spaces; *at != NULL;) {
        if (g_str_equal((*at)->uri, uri))
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

char *
sk_xml_metadata_unwrap(const char *text, const char *uri, GError **error)
{
    g_autoptr(SkXmlNode) root = sk_xml_parse(text, -1, "metadata", NULL, error);
    if (root == NULL)
        return NULL;
    leave_namespace(root, uri);
    drop_declaration(root, uri);
    return sk_xml_take_raw(root);
}
