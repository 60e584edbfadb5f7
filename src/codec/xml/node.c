/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree: marks, paths. It is parsed in node-parse.c; its text form is in node-text.c. */
#include <string.h>

#include "base/text.h"
#include "codec/xml/node-private.h"

SkXmlNode *
sk_xml_new(const char *name)
{
    return sk_xml_node_new(sk_xml_tree_new(), SK_XML_ELEMENT, name);
}

void
sk_xml_free(SkXmlNode *node)
{
    if (node != NULL)
        sk_xml_tree_free(node->tree);
}

/* -- walking ------------------------------------------------------------------------------------------------------------ */

const char *
sk_xml_name(const SkXmlNode *node)
{
    return node->name;
}

const char *
sk_xml_namespace(const SkXmlNode *node)
{
    return node->space != NULL ? node->space->uri : NULL;
}

static SkXmlNode *
find_from(SkXmlNode *node, const char *name, gsize length)
{
    for (; node != NULL; node = node->next) {
        if (node->kind == SK_XML_ELEMENT && node->space == NULL && strlen(node->name) == length && memcmp(node->name, name, length) == 0)
            return node;
    }
    return NULL;
}

static SkXmlNode *
any_from(SkXmlNode *node)
{
    while (node != NULL && node->kind != SK_XML_ELEMENT)
        node = node->next;
    return node;
}

static SkXmlNode *
marked(SkXmlNode *node)
{
    if (node != NULL)
        node->marked = TRUE;
    return node;
}

SkXmlNode *
sk_xml_child(SkXmlNode *node, const char *name)
{
    return marked(find_from(node->first, name, strlen(name)));
}

SkXmlNode *
sk_xml_next(SkXmlNode *node)
{
    return marked(find_from(node->next, node->name, strlen(node->name)));
}

SkXmlNode *
sk_xml_first_any(SkXmlNode *node)
{
    return any_from(node->first);
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
        SkXmlNode *next = find_from(node->first, path, length);
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
    for (; node != NULL; node = node->parent)
        node->marked = TRUE;
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

static SkXmlAttribute *
find_attribute(SkXmlNode *node, const char *name)
{
    for (SkXmlAttribute *attribute = node->attributes; attribute != NULL; attribute = attribute->next) {
        if (attribute->space == NULL && g_str_equal(attribute->name, name))
            return attribute;
    }
    return NULL;
}

static const char *
text_of(const SkXmlNode *element)
{
    const SkXmlNode *first = element->first;
    if (first != NULL && first->kind == SK_XML_TEXT && first->next == NULL)
        return first->text;
    g_autoptr(GString) text = g_string_new(NULL);
    for (const SkXmlNode *node = first; node != NULL; node = node->next) {
        if (node->kind == SK_XML_TEXT)
            g_string_append(text, node->text);
    }
    return sk_xml_tree_keep(element->tree, text->str);
}

/* What is at a path: an element, or one of its attributes. */
typedef struct {
    SkXmlNode *element;
    SkXmlAttribute *attribute;
} Place;

/* The text at a path, or NULL; an element stays NULL where there is none. */
static const char *
peek(SkXmlNode *node, const char *path, Place *out_place)
{
    const char *name;
    SkXmlNode *element = walk(node, path, FALSE, &name);
    SkXmlAttribute *attribute = element != NULL && name != NULL ? find_attribute(element, name) : NULL;
    *out_place = (Place){ .element = element, .attribute = attribute };
    if (attribute != NULL)
        return attribute->text;
    return element != NULL && name == NULL ? text_of(element) : NULL;
}

static void
mark_place(const Place *place)
{
    mark_up(place->element);
    if (place->attribute != NULL)
        place->attribute->marked = TRUE;
}

static void
mark_text(const Place *place)
{
    mark_place(place);
    for (SkXmlNode *node = place->attribute == NULL ? place->element->first : NULL; node != NULL; node = node->next)
        node->marked |= node->kind == SK_XML_TEXT;
}

const char *
sk_xml_get(SkXmlNode *node, const char *path)
{
    Place place;
    const char *text = peek(node, path, &place);
    if (text != NULL)
        mark_text(&place);
    return text;
}

gboolean
sk_xml_is(SkXmlNode *node, const char *path, const char *text)
{
    Place place;
    const char *is = peek(node, path, &place);
    if (is == NULL || !g_str_equal(is, text))
        return FALSE;
    mark_text(&place);
    return TRUE;
}

gboolean
sk_xml_has(SkXmlNode *node, const char *path)
{
    Place place;
    if (peek(node, path, &place) == NULL)
        return FALSE;
    mark_place(&place);
    return TRUE;
}

static void
mark_all(SkXmlNode *node)
{
    node->marked = TRUE;
    for (SkXmlAttribute *attribute = node->attributes; attribute != NULL; attribute = attribute->next)
        attribute->marked = TRUE;
    for (SkXmlNode *child = node->first; child != NULL; child = child->next)
        mark_all(child);
}

void
sk_xml_ignore(SkXmlNode *node, const char *path)
{
    Place place;
    if (peek(node, path, &place) == NULL)
        return;
    mark_place(&place);
    if (place.attribute == NULL)
        mark_all(place.element);
}

/* -- what was not read ------------------------------------------------------------------------------------------------------ */

/* "disk[2]", or the bare name of an only one. */
static void
append_step(GString *text, const SkXmlNode *node)
{
    guint place = 1, count = 0;
    for (const SkXmlNode *other = node->parent != NULL ? node->parent->first : NULL; other != NULL; other = other->next) {
        if (other->kind != SK_XML_ELEMENT || !g_str_equal(other->name, node->name))
            continue;
        count++;
        if (other == node)
            place = count;
    }
    const char *prefix = node->space != NULL ? node->space->prefix : NULL;
    g_string_append_printf(text, "%s%s%s%s", text->len > 0 ? "/" : "", prefix != NULL ? prefix : "", prefix != NULL ? ":" : "", node->name);
    if (count > 1)
        g_string_append_printf(text, "[%u]", place);
}

static void
append_where(GString *text, const SkXmlNode *node)
{
    if (node->parent != NULL)
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

gboolean
sk_xml_check_read(SkXmlNode *node, GError **error)
{
    if (!node->marked) {
        g_autofree char *where = sk_xml_where(node);
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "element \"%s\" is not supported here", where);
    }
    for (const SkXmlAttribute *attribute = node->attributes; attribute != NULL; attribute = attribute->next) {
        if (!attribute->marked) {
            g_autofree char *where = sk_xml_where(node);
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "attribute \"%s\" of element \"%s\" is not supported here, or not with the value \"%.64s\"",
                           attribute->name, where, attribute->text);
        }
    }
    for (SkXmlNode *child = node->first; child != NULL; child = child->next) {
        if (child->kind == SK_XML_ELEMENT && !sk_xml_check_read(child, error))
            return FALSE;
        if (child->kind == SK_XML_TEXT && !child->marked && !sk_xml_is_blank(child->text))
            return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "the text \"%.64s\" has no meaning there", child->text);
    }
    return TRUE;
}

/* -- writing ------------------------------------------------------------------------------------------------------------------- */

SkXmlNode *
sk_xml_add(SkXmlNode *node, const char *name)
{
    SkXmlNode *child = sk_xml_node_new(node->tree, SK_XML_ELEMENT, name);
    sk_xml_node_append(node, child);
    return child;
}

SkXmlNode *
sk_xml_add_beside(SkXmlNode *node, const char *name)
{
    SkXmlNode *child = sk_xml_add(node, name);
    child->space = node->space;
    return child;
}

SkXmlNode *
sk_xml_need(SkXmlNode *node, const char *path)
{
    const char *attribute;
    return walk(node, path, TRUE, &attribute);
}

static void
set_attribute(SkXmlNode *node, const char *name, const char *text)
{
    SkXmlAttribute *attribute = find_attribute(node, name);
    if (attribute != NULL)
        attribute->text = sk_xml_tree_keep(node->tree, text);
    else
        sk_xml_node_add_attribute(node, NULL, name, text);
}

static void
add_text(SkXmlNode *node, const char *text)
{
    SkXmlNode *last = node->last;
    if (last == NULL || last->kind != SK_XML_TEXT) {
        sk_xml_node_append(node, sk_xml_node_new(node->tree, SK_XML_TEXT, text));
        return;
    }
    g_autofree char *both = g_strconcat(last->text, text, NULL);
    last->text = sk_xml_tree_keep(node->tree, both);
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
        set_attribute(element, attribute, valid);
    else if (*valid != '\0')
        add_text(element, valid);
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
    return node->attributes == NULL && node->first == NULL;
}

void
sk_xml_remove(SkXmlNode *child)
{
    SkXmlNode *parent = child->parent, *before = NULL;
    for (SkXmlNode *node = parent->first; node != child; node = node->next)
        before = node;
    *(before != NULL ? &before->next : &parent->first) = child->next;
    if (parent->last == child)
        parent->last = before;
}
