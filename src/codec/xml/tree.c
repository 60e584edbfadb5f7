/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a tree is made of. */
#include <string.h>

#include "codec/xml/node-private.h"

#define BLOCK_SIZE 4000

/* Nodes, attributes and declarations of a tree, in blocks that are freed together. */
typedef struct Block {
    struct Block *next;
    gsize used;
    guint64 data[BLOCK_SIZE / sizeof(guint64)];
} Block;

struct SkXmlTree {
    Block *blocks;
    GStringChunk *texts;
};

SkXmlTree *
sk_xml_tree_new(void)
{
    SkXmlTree *tree = g_new0(SkXmlTree, 1);
    tree->texts = g_string_chunk_new(1024);
    return tree;
}

void
sk_xml_tree_free(SkXmlTree *tree)
{
    if (tree == NULL)
        return;
    for (Block *block = tree->blocks; block != NULL;) {
        Block *next = block->next;
        g_free(block);
        block = next;
    }
    g_string_chunk_free(tree->texts);
    g_free(tree);
}

/* Zeroed; size is that of a node, an attribute or a declaration. */
static gpointer
take(SkXmlTree *tree, gsize size)
{
    Block *block = tree->blocks;
    if (block == NULL || sizeof block->data - block->used < size) {
        block = g_new0(Block, 1);
        block->next = tree->blocks;
        tree->blocks = block;
    }
    gpointer place = (guint8 *) block->data + block->used;
    block->used += size;
    return place;
}

const char *
sk_xml_tree_keep(SkXmlTree *tree, const char *text)
{
    return g_string_chunk_insert_const(tree->texts, text);
}

const char *
sk_xml_tree_keep_len(SkXmlTree *tree, const char *text, gsize length)
{
    return g_string_chunk_insert_len(tree->texts, text, (gssize) length);
}

SkXmlNode *
sk_xml_node_new(SkXmlTree *tree, SkXmlKind kind, const char *name_or_text)
{
    SkXmlNode *node = take(tree, sizeof *node);
    node->tree = tree;
    node->kind = kind;
    *(kind == SK_XML_ELEMENT ? &node->name : &node->text) = sk_xml_tree_keep(tree, name_or_text);
    return node;
}

void
sk_xml_node_append(SkXmlNode *parent, SkXmlNode *child)
{
    child->parent = parent;
    *(parent->last != NULL ? &parent->last->next : &parent->first) = child;
    parent->last = child;
}

SkXmlAttribute *
sk_xml_node_add_attribute(SkXmlNode *node, const SkXmlSpace *space, const char *name, const char *text)
{
    SkXmlAttribute *attribute = take(node->tree, sizeof *attribute), **end = &node->attributes;
    attribute->space = space;
    attribute->name = sk_xml_tree_keep(node->tree, name);
    attribute->text = sk_xml_tree_keep(node->tree, text);
    while (*end != NULL)
        end = &(*end)->next;
    *end = attribute;
    return attribute;
}

const SkXmlSpace *
sk_xml_node_declare(SkXmlNode *node, const char *prefix, const char *uri)
{
    SkXmlSpace *space = take(node->tree, sizeof *space), **end = &node->spaces;
    space->prefix = prefix != NULL ? sk_xml_tree_keep(node->tree, prefix) : NULL;
    space->uri = sk_xml_tree_keep(node->tree, uri);
    while (*end != NULL)
        end = &(*end)->next;
    *end = space;
    return space;
}

const SkXmlSpace *
sk_xml_node_declared(const SkXmlNode *node, const char *prefix)
{
    const SkXmlSpace *space = node->spaces;
    while (space != NULL && g_strcmp0(space->prefix, prefix) != 0)
        space = space->next;
    return space;
}

gboolean
sk_xml_is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}
