/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a text to a tree: safe parsing. */
#include <expat.h>
#include <string.h>

#include "codec/xml/node-private.h"

#define MAX_ATTRIBUTES 256

/* What a text has come to so far. */
typedef struct {
    XML_Parser parser;
    SkXmlTree *tree;
    SkXmlNode *root, *open;     /* open: the innermost element that has not ended */
    GString *text;              /* since the last tag or comment */
    guint depth, elements;
    SkError code;
    const char *refused;        /* what is wrong, in words that follow "domain XML" */
} Parsing;

/* The prefix that needs no declaration. */
static const SkXmlSpace xml_space = { .prefix = "xml", .uri = "http://www.w3.org/XML/1998/namespace" };

static void
refuse(Parsing *self, SkError code, const char *why)
{
    if (self->refused != NULL)
        return;
    self->code = code;
    self->refused = why;
    XML_StopParser(self->parser, XML_FALSE);
}

/* Entities cannot be declared without it, so this is the end of bombs and of files read for a client. */
static void
on_doctype(void *data, const char *name, const char *system_id, const char *public_id, int has_internal_subset)
{
    (void) name, (void) system_id, (void) public_id, (void) has_internal_subset;
    refuse(data, SK_ERROR_XML, "has a document type declaration, which is not accepted");
}

/* -- namespaces ---------------------------------------------------------------------------------------------------- */

static const SkXmlSpace *
find_space(const SkXmlNode *node, const char *prefix)
{
    if (g_strcmp0(prefix, xml_space.prefix) == 0)
        return &xml_space;
    const SkXmlSpace *space = NULL;
    for (; node != NULL && space == NULL; node = node->parent)
        space = sk_xml_node_declared(node, prefix);
    return space != NULL && *space->uri != '\0' ? space : NULL;
}

/* The part of a name after its prefix, and what that stands for; all of it if nobody has declared the prefix. */
static const char *
split_name(const SkXmlNode *node, const char *name, const SkXmlSpace **out_space)
{
    const char *colon = strchr(name, ':');
    if (colon == NULL)
        return name;
    g_autofree char *prefix = g_strndup(name, (gsize) (colon - name));
    *out_space = find_space(node, prefix);
    return *out_space != NULL ? colon + 1 : name;
}

/* *out_prefix: NULL for the default one. */
static gboolean
is_declaration(const char *name, const char **out_prefix)
{
    if (!g_str_has_prefix(name, "xmlns") || (name[5] != '\0' && name[5] != ':'))
        return FALSE;
    *out_prefix = name[5] == ':' ? name + 6 : NULL;
    return TRUE;
}

/* -- elements ------------------------------------------------------------------------------------------------------ */

static void
append(Parsing *self, SkXmlKind kind, const char *text)
{
    sk_xml_node_append(self->open, sk_xml_node_new(self->tree, kind, text));
}

static void
end_text(Parsing *self)
{
    if (self->text->len == 0)
        return;
    append(self, SK_XML_TEXT, self->text->str);
    g_string_truncate(self->text, 0);
}

static void
add_attributes(SkXmlNode *node, const char **attributes)
{
    const char *prefix;
    for (const char **at = attributes; *at != NULL; at += 2) {
        /* What declares nothing has no place in a text that is shown to others. */
        if (is_declaration(at[0], &prefix) && (prefix == NULL || (*at[1] != '\0' && !g_str_equal(prefix, xml_space.prefix))))
            sk_xml_node_declare(node, prefix, at[1]);
    }
    for (const char **at = attributes; *at != NULL; at += 2) {
        const SkXmlSpace *space = NULL;
        if (is_declaration(at[0], &prefix))
            continue;
        const char *name = split_name(node, at[0], &space);
        sk_xml_node_add_attribute(node, space, name, at[1]);
    }
}

static gboolean
has_many(const char **attributes)
{
    guint n = 0;
    while (n <= MAX_ATTRIBUTES && attributes[2 * n] != NULL)
        n++;
    return n > MAX_ATTRIBUTES;
}

static void
begin_element(Parsing *self, const char *name, const char **attributes)
{
    SkXmlNode *node = sk_xml_node_new(self->tree, SK_XML_ELEMENT, name);
    if (self->open != NULL) {
        end_text(self);
        sk_xml_node_append(self->open, node);
    } else {
        self->root = node;
    }
    add_attributes(node, attributes);
    node->name = sk_xml_tree_keep(self->tree, split_name(node, name, &node->space));
    if (node->space == NULL && strchr(name, ':') == NULL)
        node->space = find_space(node, NULL);
    self->open = node;
    self->depth++;
}

static void
on_element(void *data, const char *name, const char **attributes)
{
    Parsing *self = data;
    if (self->refused != NULL)
        return;
    if (self->depth == SK_XML_MAX_DEPTH)
        refuse(self, SK_ERROR_TOO_LARGE, "is nested too deeply: at most " G_STRINGIFY(SK_XML_MAX_DEPTH) " levels are accepted");
    else if (++self->elements > SK_XML_MAX_ELEMENTS)
        refuse(self, SK_ERROR_TOO_LARGE, "has too many elements: at most " G_STRINGIFY(SK_XML_MAX_ELEMENTS) " are accepted");
    else if (has_many(attributes))
        refuse(self, SK_ERROR_TOO_LARGE, "has an element with too many attributes: at most " G_STRINGIFY(MAX_ATTRIBUTES) " are accepted");
    else
        begin_element(self, name, attributes);
}

static void
on_end(void *data, const char *name)
{
    Parsing *self = data;
    (void) name;
    if (self->refused != NULL)
        return;
    end_text(self);
    self->open = self->open->parent;
    self->depth--;
}

static void
on_text(void *data, const char *text, int length)
{
    Parsing *self = data;
    if (self->refused == NULL && self->open != NULL)
        g_string_append_len(self->text, text, length);
}

static void
on_comment(void *data, const char *text)
{
    Parsing *self = data;
    if (self->refused != NULL || self->open == NULL)
        return;
    end_text(self);
    append(self, SK_XML_COMMENT, text);
}

/* -- texts --------------------------------------------------------------------------------------------------------- */

static gboolean
check_text(const char *text, gsize size, const char *what, GError **error)
{
    if (size > SK_XML_MAX_BYTES)
        return sk_fail(error, SK_ERROR_TOO_LARGE, "%s has %" G_GSIZE_FORMAT " bytes, at most 4 MiB are accepted", what, size);
    if (!g_utf8_validate(text, (gssize) size, NULL))
        return sk_fail(error, SK_ERROR_XML, "%s is no UTF-8 text", what);
    return TRUE;
}

static gboolean
parse(Parsing *self, const char *text, gsize length, const char *what, GError **error)
{
    XML_Parser parser = self->parser;
    XML_SetUserData(parser, self);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    XML_SetElementHandler(parser, on_element, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetCommentHandler(parser, on_comment);
    gboolean ok = XML_Parse(parser, text, (int) length, XML_TRUE) == XML_STATUS_OK;
    if (self->refused != NULL)
        return sk_fail(error, self->code, "%s %s", what, self->refused);
    return ok || sk_fail(error, SK_ERROR_XML, "%s is not well formed: line %lu: %s", what, (gulong) XML_GetCurrentLineNumber(parser),
                         XML_ErrorString(XML_GetErrorCode(parser)));
}

SkXmlNode *
sk_xml_tree_read(SkXmlTree *tree, const char *text, gsize length, const char *what, GError **error)
{
    if (!check_text(text, length, what, error))
        return NULL;
    g_autoptr(GString) run = g_string_new(NULL);
    /* Whatever the text says of its encoding: it has been converted. Namespaces are ours, to be kept as they were written. */
    Parsing parsing = { .parser = XML_ParserCreate("UTF-8"), .tree = tree, .text = run };
    gboolean ok = parse(&parsing, text, length, what, error);
    XML_ParserFree(parsing.parser);
    return ok ? parsing.root : NULL;
}

SkXmlNode *
sk_xml_parse(const char *text, gssize length, const char *what, const char *root, GError **error)
{
    SkXmlTree *tree = sk_xml_tree_new();
    SkXmlNode *node = sk_xml_tree_read(tree, text, length < 0 ? strlen(text) : (gsize) length, what, error);
    gboolean ok = node != NULL;
    if (ok && root != NULL && !g_str_equal(node->name, root))
        ok = sk_fail(error, SK_ERROR_XML, "%s begins with <%s>, it must be <%s>", what, node->name, root);
    if (!ok) {
        sk_xml_tree_free(tree);
        return NULL;
    }
    node->marked = TRUE;
    return node;
}
