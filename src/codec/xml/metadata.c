/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Elements of <metadata>: kept in a namespace of their owner's, given back without. */
#include <libxml/tree.h>

#include "codec/xml/node.h"
#include "codec/xml/xml.h"

char *
sk_xml_metadata_wrap(const char *text, const char *key, const char *uri, GError **error)
{
    g_autoptr(SkXmlNode) root = sk_xml_parse(text, -1, "metadata", NULL, error);
    if (root == NULL)
        return NULL;
    xmlNsPtr space = xmlNewNs(root, (const xmlChar *) uri, (const xmlChar *) key);
    if (space == NULL) {
        sk_fail(error, SK_ERROR_INVALID, "metadata: \"%s\" is taken as a prefix, or is none", key != NULL ? key : "");
        return NULL;
    }
    xmlSetNs(root, space);
    return sk_xml_take_raw(root);
}

static void
leave_namespace(xmlNodePtr node, const char *uri)
{
    for (; node != NULL; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        if (node->ns != NULL && g_strcmp0((const char *) node->ns->href, uri) == 0)
            node->ns = NULL;
        leave_namespace(node->children, uri);
    }
}

/* The declaration goes when nothing uses it any more. */
static void
drop_declaration(xmlNodePtr root, const char *uri)
{
    for (xmlNsPtr *at = &root->nsDef; *at != NULL;) {
        xmlNsPtr space = *at;
        if (g_strcmp0((const char *) space->href, uri) != 0) {
            at = &space->next;
            continue;
        }
        *at = space->next;
        xmlFreeNs(space);
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
