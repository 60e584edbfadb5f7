/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree: safe parsing, marks, paths. Its text form is in node-text.c. */
#include "codec/xml/node.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "base/text.h"

#define MAX_ATTRIBUTES 256

/* _private of an element, attribute or text says that it was read. */
#define MARK ((void *) 1)

/* -- parsing --------------------------------------------------------------------------------------------------- */

/* What the parser's hooks found; reached through the parser's _private. */
typedef struct {
    guint elements;
    const char *refused;    /* what is wrong, in words that follow "domain XML" */
} Limits;

static void
refuse(xmlParserCtxtPtr parser, const char *why)
{
    Limits *limits = parser->_private;
    if (limits->refused == NULL)
        limits->refused = why;
    xmlStopParser(parser);
}

/* Entities cannot be declared without it, so this is the end of bombs and of files read for a client. */
static void
on_doctype(void *data, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
    refuse(data, "has a document type declaration, which is not accepted");
}

static void
on_element(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_namespaces, const xmlChar **namespaces,
           int n_attributes, int n_defaulted, const xmlChar **attributes)
{
    xmlParserCtxtPtr parser = data;
    Limits *limits = parser->_private;
    if (limits->refused != NULL)
        return;
    if (parser->nameNr > SK_XML_MAX_DEPTH)
        refuse(parser, "is nested too deeply: at most " G_STRINGIFY(SK_XML_MAX_DEPTH) " levels are accepted");
    else if (++limits->elements > SK_XML_MAX_ELEMENTS)
        refuse(parser, "has too many elements: at most " G_STRINGIFY(SK_XML_MAX_ELEMENTS) " are accepted");
    else if (n_attributes + n_namespaces > MAX_ATTRIBUTES)
        refuse(parser, "has an element with too many attributes: at most " G_STRINGIFY(MAX_ATTRIBUTES) " are accepted");
    else
        xmlSAX2StartElementNs(data, name, prefix, uri, n_namespaces, namespaces, n_attributes, n_defaulted, attributes);
}

static void
on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    xmlParserCtxtPtr parser = data;
    if (((Limits *) parser->_private)->refused == NULL)
        xmlSAX2EndElementNs(data, name, prefix, uri);
}

/* Nothing of a text that is wrong is worth another look. */
static void
on_error(void *data, xmlErrorPtr error)
{
    if (error->level == XML_ERR_FATAL)
        xmlStopParser(data);
}

/* The end of the comment or CDATA section that begins at text, or NULL. */
static const char *
skip_opaque(const char *text, const char *end)
{
    static const struct {
        const char *begin, *end;
    } kinds[] = { { "<!--", "-->" }, { "<![CDATA[", "]]>" } };
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        gsize length = strlen(kinds[i].begin);
        if ((gsize) (end - text) < length || memcmp(text, kinds[i].begin, length) != 0)
            continue;
        const char *found = g_strstr_len(text + length, end - text - (gssize) length, kinds[i].end);
        return found != NULL ? found : end;
    }
    return NULL;
}

/* libxml2 compares all attributes of an element with each other before it tells of the element: hours for a text of a few MiB. */
static gboolean
has_many_attributes(const char *text, gsize length)
{
    const char *end = text + length;
    guint values = 0;
    char quote = '\0';
    gboolean inside = FALSE;
    for (const char *at = text; at < end; at++) {
        const char *after = *at == '<' ? skip_opaque(at, end) : NULL;
        if (after != NULL) {
            at = after;
            inside = FALSE;
        } else if (*at == '<') {
            inside = TRUE;
            quote = '\0';
            values = 0;
        } else if (quote != '\0') {
            quote = *at == quote ? '\0' : quote;
        } else if (inside && (*at == '"' || *at == '\'')) {
            quote = *at;
            if (++values > MAX_ATTRIBUTES)
                return TRUE;
        } else if (*at == '>') {
            inside = FALSE;
        }
    }
    return FALSE;
}

/* Strings that are handed out live as long as the document. */
static void
adopt(xmlDocPtr doc)
{
    doc->_private = g_string_chunk_new(1024);
}

static void
free_doc(xmlDocPtr doc)
{
    if (doc == NULL)
        return;
    if (doc->_private != NULL)
        g_string_chunk_free(doc->_private);
    xmlFreeDoc(doc);
}

static gboolean
parse_failed(xmlParserCtxtPtr parser, const char *what, GError **error)
{
    const Limits *limits = parser->_private;
    const xmlError *last = xmlCtxtGetLastError(parser);
    if (limits->refused != NULL)
        return sk_fail(error, strstr(limits->refused, "too") != NULL ? SK_ERROR_TOO_LARGE : SK_ERROR_XML, "%s %s", what, limits->refused);
    g_autofree char *why = g_utf8_make_valid(last != NULL && last->message != NULL ? last->message : "it is not XML", -1);
    g_strstrip(why);
    return sk_fail(error, SK_ERROR_XML, "%s is not well formed: line %d: %s", what, last != NULL ? last->line : 1, why);
}

static xmlDocPtr
parse_doc(const char *text, gsize length, const char *what, GError **error)
{
    Limits limits = { 0 };
    xmlInitParser();
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    parser->_private = &limits;
    parser->sax->internalSubset = on_doctype;
    parser->sax->startElementNs = on_element;
    parser->sax->endElementNs = on_end;
    parser->sax->processingInstruction = NULL;
    parser->sax->serror = on_error;
    xmlDocPtr doc = xmlCtxtReadMemory(parser, text, (int) length, NULL, NULL,
                                      XML_PARSE_IGNORE_ENC | XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOCDATA | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (doc == NULL || limits.refused != NULL) {
        parse_failed(parser, what, error);
        g_clear_pointer(&doc, xmlFreeDoc);
    }
    xmlFreeParserCtxt(parser);
    return doc;
}

static gboolean
check_text(const char *text, gsize size, const char *what, GError **error)
{
    if (size > SK_XML_MAX_BYTES)
        return sk_fail(error, SK_ERROR_TOO_LARGE, "%s has %" G_GSIZE_FORMAT " bytes, at most 4 MiB are accepted", what, size);
    if (!g_utf8_validate(text, (gssize) size, NULL))
        return sk_fail(error, SK_ERROR_XML, "%s is no UTF-8 text", what);
    if (has_many_attributes(text, size))
        return sk_fail(error, SK_ERROR_TOO_LARGE, "%s has an element with too many attributes: at most " G_STRINGIFY(MAX_ATTRIBUTES) " are accepted", what);
    return TRUE;
}

SkXmlNode *
sk_xml_parse(const char *text, gssize length, const char *what, const char *root, GError **error)
{
    gsize size = length < 0 ? strlen(text) : (gsize) length;
    if (!check_text(text, size, what, error))
        return NULL;
    xmlDocPtr doc = parse_doc(text, size, what, error);
    if (doc == NULL)
        return NULL;
    adopt(doc);
    SkXmlNode *node = xmlDocGetRootElement(doc);
    if (root != NULL && (node == NULL || !xmlStrEqual(node->name, (const xmlChar *) root))) {
        sk_fail(error, SK_ERROR_XML, "%s begins with <%s>, it must be <%s>", what, node != NULL ? (const char *) node->name : "", root);
        free_doc(doc);
        return NULL;
    }
    node->_private = MARK;
    return node;
}

SkXmlNode *
sk_xml_new(const char *name)
{
    xmlDocPtr doc = xmlNewDoc((const xmlChar *) "1.0");
    adopt(doc);
    SkXmlNode *node = xmlNewDocNode(doc, NULL, (const xmlChar *) name, NULL);
    xmlDocSetRootElement(doc, node);
    return node;
}

void
sk_xml_free(SkXmlNode *node)
{
    if (node != NULL)
        free_doc(node->doc);
}

/* -- walking ------------------------------------------------------------------------------------------------------------ */

const char *
sk_xml_name(const SkXmlNode *node)
{
    return (const char *) node->name;
}

const char *
sk_xml_namespace(const SkXmlNode *node)
{
    return node->ns != NULL ? (const char *) node->ns->href : NULL;
}

static SkXmlNode *
find_from(SkXmlNode *node, const char *name, gsize length)
{
    for (; node != NULL; node = node->next) {
        if (node->type == XML_ELEMENT_NODE && node->ns == NULL && strlen((const char *) node->name) == length &&
            memcmp(node->name, name, length) == 0)
            return node;
    }
    return NULL;
}

static SkXmlNode *
any_from(SkXmlNode *node)
{
    while (node != NULL && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

static SkXmlNode *
marked(SkXmlNode *node)
{
    if (node != NULL)
        node->_private = MARK;
    return node;
}

SkXmlNode *
sk_xml_child(SkXmlNode *node, const char *name)
{
    return marked(find_from(node->children, name, strlen(name)));
}

SkXmlNode *
sk_xml_next(SkXmlNode *node)
{
    return marked(find_from(node->next, (const char *) node->name, strlen((const char *) node->name)));
}

SkXmlNode *
sk_xml_first_any(SkXmlNode *node)
{
    return any_from(node->children);
}

SkXmlNode *
sk_xml_next_any(SkXmlNode *node)
{
    return any_from(node->next);
}

/* Splits a path into the element it ends at and the attribute, if it names one. make: adds what is missing. */
static SkXmlNode *
walk(SkXmlNode *node, const char *path, gboolean make, const char **out_attribute)
{
    *out_attribute = NULL;
    if (g_str_equal(path, "."))
        return node;
    while (node != NULL && *path != '\0' && *path != '@') {
        gsize length = strcspn(path, "/");
        SkXmlNode *next = find_from(node->children, path, length);
        if (next == NULL && make) {
            g_autofree char *name = g_strndup(path, length);
            next = sk_xml_add(node, name);
        }
        node = next;
        path += path[length] == '/' ? length + 1 : length;
    }
    if (*path == '@')
        *out_attribute = path + 1;
    return node;
}

/* Marks an element and those above it. */
static void
mark_up(SkXmlNode *node)
{
    for (; node != NULL && node->type == XML_ELEMENT_NODE; node = node->parent)
        node->_private = MARK;
}

SkXmlNode *
sk_xml_at(SkXmlNode *node, const char *path)
{
    const char *attribute;
    SkXmlNode *found = walk(node, path, FALSE, &attribute);
    mark_up(found);
    return found;
}

/* -- texts ------------------------------------------------------------------------------------------------------------------ */

static xmlAttrPtr
find_attribute(SkXmlNode *node, const char *name)
{
    for (xmlAttrPtr attribute = node->properties; attribute != NULL; attribute = attribute->next) {
        if (attribute->ns == NULL && xmlStrEqual(attribute->name, (const xmlChar *) name))
            return attribute;
    }
    return NULL;
}

static const char *
join_text(SkXmlNode *first, xmlDocPtr doc)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (SkXmlNode *node = first; node != NULL; node = node->next) {
        if (node->type == XML_TEXT_NODE && node->content != NULL)
            g_string_append(text, (const char *) node->content);
    }
    return g_string_chunk_insert_len(doc->_private, text->str, (gssize) text->len);
}

/* The text at a path; out_node is the attribute or element that has it. */
static const char *
peek(SkXmlNode *node, const char *path, SkXmlNode **out_node, SkXmlNode **out_element)
{
    const char *attribute;
    SkXmlNode *element = walk(node, path, FALSE, &attribute);
    *out_element = element;
    *out_node = element != NULL && attribute != NULL ? (SkXmlNode *) find_attribute(element, attribute) : element;
    return *out_node != NULL ? join_text((*out_node)->children, node->doc) : NULL;
}

static void
mark_text(SkXmlNode *holder, SkXmlNode *element)
{
    mark_up(element);
    if (holder == NULL)
        return;
    holder->_private = MARK;
    for (SkXmlNode *node = holder->children; node != NULL; node = node->next) {
        if (node->type == XML_TEXT_NODE)
            node->_private = MARK;
    }
}

const char *
sk_xml_get(SkXmlNode *node, const char *path)
{
    SkXmlNode *holder, *element;
    const char *text = peek(node, path, &holder, &element);
    if (text != NULL)
        mark_text(holder, element);
    return text;
}

gboolean
sk_xml_is(SkXmlNode *node, const char *path, const char *text)
{
    SkXmlNode *holder, *element;
    const char *is = peek(node, path, &holder, &element);
    if (is == NULL || !g_str_equal(is, text))
        return FALSE;
    mark_text(holder, element);
    return TRUE;
}

gboolean
sk_xml_has(SkXmlNode *node, const char *path)
{
    SkXmlNode *holder, *element;
    if (peek(node, path, &holder, &element) == NULL)
        return FALSE;
    holder->_private = MARK;
    mark_up(element);
    return TRUE;
}

static void
mark_all(SkXmlNode *node)
{
    node->_private = MARK;
    for (xmlAttrPtr attribute = node->properties; attribute != NULL; attribute = attribute->next)
        attribute->_private = MARK;
    for (SkXmlNode *child = node->children; child != NULL; child = child->next) {
        child->_private = MARK;
        if (child->type == XML_ELEMENT_NODE)
            mark_all(child);
    }
}

void
sk_xml_ignore(SkXmlNode *node, const char *path)
{
    SkXmlNode *holder, *element;
    if (peek(node, path, &holder, &element) == NULL)
        return;
    mark_up(element);
    holder->_private = MARK;
    if (holder == element)
        mark_all(element);
}

/* -- what was not read ------------------------------------------------------------------------------------------------------ */

/* "disk[2]", or the bare name of an only one. */
static void
append_step(GString *text, const SkXmlNode *node)
{
    guint place = 1, count = 0;
    for (const SkXmlNode *other = node->parent->children; other != NULL; other = other->next) {
        if (other->type != XML_ELEMENT_NODE || !xmlStrEqual(other->name, node->name))
            continue;
        count++;
        if (other == node)
            place = count;
    }
    g_string_append_printf(text, "%s%s%s", text->len > 0 ? "/" : "", node->ns != NULL && node->ns->prefix != NULL ? (const char *) node->ns->prefix : "",
                           node->ns != NULL && node->ns->prefix != NULL ? ":" : "");
    g_string_append(text, (const char *) node->name);
    if (count > 1)
        g_string_append_printf(text, "[%u]", place);
}

static void
append_where(GString *text, const SkXmlNode *node)
{
    if (node->parent != NULL && node->parent->type == XML_ELEMENT_NODE)
        append_where(text, node->parent);
    append_step(text, node);
}

char *
sk_xml_where(const SkXmlNode *node)
{
    GString *text = g_string_new(NULL);
    append_where(text, node);
    return g_string_free(text, FALSE);
}

gboolean
sk_xml_fail(const SkXmlNode *node, GError **error, SkError code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *where = sk_xml_where(node);
    return sk_fail(error, code, "%s: %s", where, message);
}

gboolean
sk_xml_check_value(const SkType *type, gconstpointer value, const char *what, GError **error)
{
    GError *failed = NULL;
    if (sk_value_check(type, value, what, &failed))
        return TRUE;
    if (g_error_matches(failed, SK_ERROR, SK_ERROR_INVALID))
        failed->code = SK_ERROR_XML;
    g_propagate_error(error, failed);
    return FALSE;
}

gboolean
sk_xml_refuse(SkXmlNode *node, const SkXmlRefusal *rows, guint n_rows, GError **error)
{
    for (guint i = 0; i < n_rows; i++) {
        const SkXmlNode *found = sk_xml_at(node, rows[i].path);
        if (found != NULL)
            return sk_xml_fail(found, error, SK_ERROR_UNSUPPORTED, "%s", rows[i].why);
    }
    return TRUE;
}

static gboolean
is_blank(const SkXmlNode *text)
{
    return text->content == NULL || xmlIsBlankNode(text);
}

gboolean
sk_xml_check_read(SkXmlNode *node, GError **error)
{
    if (node->_private == NULL) {
        g_autofree char *where = sk_xml_where(node);
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "element \"%s\" is not supported here", where);
    }
    for (const xmlAttr *attribute = node->properties; attribute != NULL; attribute = attribute->next) {
        if (attribute->_private == NULL) {
            const char *text = attribute->children != NULL ? (const char *) attribute->children->content : "";
            g_autofree char *where = sk_xml_where(node);
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "attribute \"%s\" of element \"%s\" is not supported here, or not with the value \"%.64s\"",
                           (const char *) attribute->name, where, text);
        }
    }
    for (SkXmlNode *child = node->children; child != NULL; child = child->next) {
        if (child->type == XML_ELEMENT_NODE && !sk_xml_check_read(child, error))
            return FALSE;
        if (child->type == XML_TEXT_NODE && child->_private == NULL && !is_blank(child))
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "the text \"%.64s\" has no meaning there", (const char *) child->content);
    }
    return TRUE;
}

/* -- writing ------------------------------------------------------------------------------------------------------------------- */

SkXmlNode *
sk_xml_add(SkXmlNode *node, const char *name)
{
    return xmlAddChild(node, xmlNewDocNode(node->doc, NULL, (const xmlChar *) name, NULL));
}

SkXmlNode *
sk_xml_add_beside(SkXmlNode *node, const char *name)
{
    return xmlAddChild(node, xmlNewDocNode(node->doc, node->ns, (const xmlChar *) name, NULL));
}

SkXmlNode *
sk_xml_need(SkXmlNode *node, const char *path)
{
    const char *attribute;
    return walk(node, path, TRUE, &attribute);
}

void
sk_xml_set(SkXmlNode *node, const char *path, const char *text)
{
    const char *attribute;
    if (text == NULL)
        return;
    SkXmlNode *element = walk(node, path, TRUE, &attribute);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    if (attribute != NULL)
        xmlSetProp(element, (const xmlChar *) attribute, (const xmlChar *) valid);
    else if (*valid != '\0')
        xmlAddChild(element, xmlNewDocText(node->doc, (const xmlChar *) valid));
}

void
sk_xml_setf(SkXmlNode *node, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    sk_xml_set(node, path, text);
}

gboolean
sk_xml_is_empty(const SkXmlNode *node)
{
    return node->properties == NULL && node->children == NULL;
}

void
sk_xml_remove(SkXmlNode *child)
{
    xmlUnlinkNode(child);
    xmlFreeNode(child);
}
