/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/xml/node.h"

G_BEGIN_DECLS

/* The tree itself, for the files that make it, walk it and write it. All of a tree's memory is freed with it. */

typedef struct SkXmlTree SkXmlTree;
typedef struct SkXmlSpace SkXmlSpace;
typedef struct SkXmlAttribute SkXmlAttribute;

/* A declaration of a namespace. */
struct SkXmlSpace {
    SkXmlSpace *next;
    const char *prefix;         /* NULL: the default one */
    const char *uri;            /* "": none, from here on */
};

struct SkXmlAttribute {
    SkXmlAttribute *next;
    const SkXmlSpace *space;    /* NULL: none */
    const char *name, *text;
    gboolean marked;
};

typedef enum { SK_XML_ELEMENT, SK_XML_TEXT, SK_XML_COMMENT } SkXmlKind;

struct SkXmlNode {
    SkXmlTree *tree;
    SkXmlNode *parent, *next, *first, *last;
    SkXmlKind kind;
    gboolean marked;            /* it was read */
    const char *name;           /* of an element */
    const char *text;           /* of a text or comment */
    const SkXmlSpace *space;    /* of an element; NULL: none */
    SkXmlSpace *spaces;         /* declared here */
    SkXmlAttribute *attributes;
};

SkXmlTree *sk_xml_tree_new(void);
void sk_xml_tree_free(SkXmlTree *tree);
/* A copy that lives as long as the tree; the same text is kept once. */
const char *sk_xml_tree_keep(SkXmlTree *tree, const char *text);
const char *sk_xml_tree_keep_len(SkXmlTree *tree, const char *text, gsize length);

/* A node that is nowhere yet; name_or_text is copied. */
SkXmlNode *sk_xml_node_new(SkXmlTree *tree, SkXmlKind kind, const char *name_or_text);
/* Makes it the last child of parent; both are of one tree. */
void sk_xml_node_append(SkXmlNode *parent, SkXmlNode *child);
/* Adds a last attribute, or a last declaration; texts are copied. */
SkXmlAttribute *sk_xml_node_add_attribute(SkXmlNode *node, const SkXmlSpace *space, const char *name, const char *text);
const SkXmlSpace *sk_xml_node_declare(SkXmlNode *node, const char *prefix, const char *uri);
/* The declaration of a prefix on the node itself, or NULL. */
const SkXmlSpace *sk_xml_node_declared(const SkXmlNode *node, const char *prefix);

/* Parses into a tree: an element that is nowhere yet. what starts messages. */
SkXmlNode *sk_xml_tree_read(SkXmlTree *tree, const char *text, gsize length, const char *what, GError **error);

/* There is nothing but white space. */
gboolean sk_xml_is_blank(const char *text);

G_END_DECLS
