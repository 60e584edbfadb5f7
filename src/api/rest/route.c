/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree of paths, and the decoding of parameters. */
#include "api/rest/route.h"

#include <string.h>

#include "base/error.h"

static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
enum { GET, PUT = 2, N_METHODS = 5 };

typedef struct {
    const SkOperation *op;
    const SkField *fields[SK_ROUTE_MAX_SEGMENTS];
    guint n_fields;
} Route;

/* One segment of a path. "any" is the child for {parameter}; a fixed text goes before it. */
typedef struct Node {
    char *text;
    gsize length;
    GPtrArray *children;
    struct Node *any;
    Route *routes[N_METHODS];
} Node;

struct SkRoutes {
    Node *root;
};

/* -- building ------------------------------------------------------------------------------------------- */

static void
free_node(gpointer data)
{
    Node *node = data;
    if (node == NULL)
        return;
    g_ptr_array_unref(node->children);
    free_node(node->any);
    for (guint i = 0; i < N_METHODS; i++)
        g_free(node->routes[i]);
    g_free(node->text);
    g_free(node);
}

static Node *
new_node(const char *text)
{
    Node *node = g_new0(Node, 1);
    node->text = g_strdup(text);
    node->length = text != NULL ? strlen(text) : 0;
    node->children = g_ptr_array_new_with_free_func(free_node);
    return node;
}

static Node *
find_child(const Node *node, const char *text, gsize length)
{
    for (guint i = 0; i < node->children->len; i++) {
        Node *child = node->children->pdata[i];
        if (child->length == length && memcmp(child->text, text, length) == 0)
            return child;
    }
    return NULL;
}

/* The child for a segment of the table; a {parameter} is noted in the route. */
static Node *
add_segment(Node *node, const char *segment, Route *route)
{
    gsize length = strlen(segment);
    if (*segment != '{') {
        Node *child = find_child(node, segment, length);
        if (child == NULL) {
            child = new_node(segment);
            g_ptr_array_add(node->children, child);
        }
        return child;
    }
    g_autofree char *key = g_strndup(segment + 1, length - 2);
    route->fields[route->n_fields] = sk_type_find(route->op->params, key);
    g_assert(route->fields[route->n_fields] != NULL);
    route->n_fields++;
    if (node->any == NULL)
        node->any = new_node(NULL);
    return node->any;
}

static guint
method_number(const char *method)
{
    for (guint i = 0; i < N_METHODS; i++) {
        if (strcmp(methods[i], method) == 0)
            return i;
    }
    return N_METHODS;
}

static void
add_route(SkRoutes *self, const SkOperation *op)
{
    guint method = method_number(op->method);
    Route *route = g_new0(Route, 1);
    route->op = op;
    g_auto(GStrv) segments = g_strsplit(op->path + 1, "/", -1);
    g_assert(method < N_METHODS && g_strv_length(segments) <= SK_ROUTE_MAX_SEGMENTS);

    Node *node = self->root;
    for (guint i = 0; segments[i] != NULL; i++)
        node = add_segment(node, segments[i], route);
    g_assert(node->routes[method] == NULL);
    node->routes[method] = route;
}

SkRoutes *
sk_routes_new(void)
{
    SkRoutes *self = g_new0(SkRoutes, 1);
    self->root = new_node(NULL);
    for (guint i = 0; i < SK_N_OPERATIONS; i++)
        add_route(self, &sk_operations[i]);
    return self;
}

void
sk_routes_free(SkRoutes *self)
{
    if (self == NULL)
        return;
    free_node(self->root);
    g_free(self);
}

/* -- finding -------------------------------------------------------------------------------------------- */

typedef struct {
    const char *segments[SK_ROUTE_MAX_SEGMENTS];
    gsize lengths[SK_ROUTE_MAX_SEGMENTS];
    guint count;
    guint method;           /* N_METHODS: none of ours */
    gboolean head;
    guint allowed;          /* methods of all paths that fit, as bits */
    SkRouteMatch *match;
    guint values[SK_ROUTE_MAX_SEGMENTS]; /* segments taken by {parameters} so far */
    guint n_values;
} Search;

/* Cuts the path into segments; an empty one ("//", a slash at the end) fits nothing. */
static gboolean
cut(Search *search, const char *uri, gsize length)
{
    const char *at = uri, *end = uri + length;
    if (length < 2 || *at != '/')
        return FALSE;
    while (at < end) {
        const char *from = at + 1;
        const char *slash = memchr(from, '/', (gsize) (end - from));
        at = slash != NULL ? slash : end;
        if (at == from || search->count == SK_ROUTE_MAX_SEGMENTS)
            return FALSE;
        search->segments[search->count] = from;
        search->lengths[search->count++] = (gsize) (at - from);
    }
    return TRUE;
}

static const Route *
route_of(const Node *node, Search *search)
{
    for (guint i = 0; i < N_METHODS; i++)
        search->allowed |= node->routes[i] != NULL ? 1U << i : 0;
    if (search->method < N_METHODS)
        return node->routes[search->method];
    if (!search->head)
        return NULL;
    if (node->routes[GET] != NULL)
        return node->routes[GET];
    return node->routes[PUT] != NULL && node->routes[PUT]->op->body_kind == SK_BODY_BYTES ? node->routes[PUT] : NULL;
}

static gboolean
found(Search *search, const Route *route)
{
    SkRouteMatch *match = search->match;
    match->op = route->op;
    match->n_values = route->n_fields;
    for (guint i = 0; i < route->n_fields; i++) {
        match->fields[i] = route->fields[i];
        match->values[i] = search->segments[search->values[i]];
        match->lengths[i] = search->lengths[search->values[i]];
    }
    return TRUE;
}

/* Fixed texts first; "/images/build" without the method asked for may still be the image "build". */
static gboolean
descend(const Node *node, Search *search, guint depth)
{
    if (depth == search->count) {
        const Route *route = route_of(node, search);
        return route != NULL && found(search, route);
    }
    const Node *child = find_child(node, search->segments[depth], search->lengths[depth]);
    if (child != NULL && descend(child, search, depth + 1))
        return TRUE;
    if (node->any == NULL)
        return FALSE;
    search->values[search->n_values++] = depth;
    if (descend(node->any, search, depth + 1))
        return TRUE;
    search->n_values--;
    return FALSE;
}

static char *
list_methods(guint bits)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < N_METHODS; i++) {
        if (bits & (1U << i))
            g_string_append_printf(text, "%s, %s", methods[i], i == GET ? "HEAD, " : "");
    }
    g_string_append(text, "OPTIONS");
    return g_string_free(text, FALSE);
}

SkRouteResult
sk_routes_find(const SkRoutes *self, const char *method, const char *uri, SkRouteMatch *out_match, char **out_allow)
{
    Search search = { .match = out_match, .method = method_number(method), .head = strcmp(method, "HEAD") == 0 };
    const char *mark = strchr(uri, '?');

    out_match->op = NULL;
    out_match->n_values = 0;
    out_match->query = mark != NULL ? mark + 1 : NULL;
    if (!cut(&search, uri, mark != NULL ? (gsize) (mark - uri) : strlen(uri)))
        return SK_ROUTE_NO_PATH;
    if (descend(self->root, &search, 0))
        return SK_ROUTE_FOUND;
    if (search.allowed == 0)
        return SK_ROUTE_NO_PATH;
    *out_allow = list_methods(search.allowed);
    return SK_ROUTE_NO_METHOD;
}

/* -- parameters ----------------------------------------------------------------------------------------- */

char *
sk_uri_decode(const char *text, gsize length, gboolean form, const char *what, GError **error)
{
    g_autofree char *out = g_malloc(length + 1);
    gsize count = 0;
    for (gsize i = 0; i < length; i++) {
        gint byte = (guchar) text[i];
        if (byte == '%') {
            if (length - i < 3 || g_ascii_xdigit_value(text[i + 1]) < 0 || g_ascii_xdigit_value(text[i + 2]) < 0) {
                sk_fail(error, SK_ERROR_INVALID, "%s has a \"%%\" that is not followed by two hex digits", what);
                return NULL;
            }
            byte = g_ascii_xdigit_value(text[i + 1]) * 16 + g_ascii_xdigit_value(text[i + 2]);
            i += 2;
        } else if (form && byte == '+') {
            byte = ' ';
        }
        out[count++] = (char) byte;
    }
    out[count] = '\0';
    if (g_utf8_validate(out, (gssize) count, NULL))
        return g_steal_pointer(&out);
    sk_fail(error, SK_ERROR_INVALID, "%s is not UTF-8 text", what);
    return NULL;
}

static gboolean
set_param(const SkField *field, SkParams *params, const char *text, gsize length, gboolean form, GError **error)
{
    g_autofree char *value = sk_uri_decode(text, length, form, field->key, error);
    return value != NULL && sk_field_set_text(field, params, value, NULL, error);
}

static gboolean
unknown_param(const SkRouteMatch *match, const char *key, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (guint i = 0; i < match->op->params->n_fields; i++) {
        const SkField *field = &match->op->params->fields[i];
        gboolean in_path = FALSE;
        for (guint j = 0; j < match->n_values; j++)
            in_path = in_path || match->fields[j] == field;
        if (!in_path)
            g_string_append_printf(known, "%s%s", known->len > 0 ? ", " : "", field->key);
    }
    return sk_fail(error, SK_ERROR_INVALID, "\"%.64s\" is not a parameter of %s; there %s %s", key, match->op->name,
                   known->len > 0 ? "are" : "is", known->len > 0 ? known->str : "none");
}

/* One "key=value" of a query; seen: fields that have been set, as bits. */
static gboolean
take_pair(const SkRouteMatch *match, SkParams *params, const char *pair, gsize length, guint64 *seen, GError **error)
{
    const char *equals = memchr(pair, '=', length);
    gsize key_length = equals != NULL ? (gsize) (equals - pair) : length;
    g_autofree char *key = sk_uri_decode(pair, key_length, TRUE, "a parameter's name", error);
    if (key == NULL)
        return FALSE;
    const SkField *field = sk_type_find(match->op->params, key);
    for (guint i = 0; i < match->n_values; i++)
        field = match->fields[i] == field ? NULL : field;
    if (field == NULL)
        return unknown_param(match, key, error);
    guint64 bit = G_GUINT64_CONSTANT(1) << (guint) (field - match->op->params->fields);
    if (*seen & bit)
        return sk_fail(error, SK_ERROR_INVALID, "parameter \"%s\" is given twice", field->key);
    *seen |= bit;
    /* "?start" alone says yes. */
    if (equals == NULL && field->kind == SK_KIND_BOOL)
        return sk_field_set_text(field, params, "true", NULL, error);
    if (equals == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "parameter \"%s\" has no value", field->key);
    return set_param(field, params, equals + 1, length - key_length - 1, TRUE, error);
}

static gboolean
take_query(const SkRouteMatch *match, SkParams *params, GError **error)
{
    guint64 seen = 0;
    for (const char *at = match->query; at != NULL && *at != '\0';) {
        gsize length = strcspn(at, "&");
        if (length > 0 && !take_pair(match, params, at, length, &seen, error))
            return FALSE;
        at += length + (at[length] == '&' ? 1 : 0);
    }
    return TRUE;
}

/* What stands between the commas of fields: keys of the answer, or of its entries. */
static gboolean
check_fields(const SkOperation *op, char *const *fields, GError **error)
{
    for (guint i = 0; fields != NULL && fields[i] != NULL; i++) {
        if (sk_type_find(op->result, fields[i]) != NULL)
            continue;
        g_autofree char *known = sk_type_keys(op->result);
        return sk_fail(error, SK_ERROR_INVALID, "fields: \"%.64s\" is not a key of %s; there are %s", fields[i], op->name, known);
    }
    return TRUE;
}

gboolean
sk_route_params(const SkRouteMatch *match, SkParams *params, GError **error)
{
    for (guint i = 0; i < match->n_values; i++) {
        if (!set_param(match->fields[i], params, match->values[i], match->lengths[i], FALSE, error))
            return FALSE;
    }
    return take_query(match, params, error) && sk_value_check(match->op->params, params, NULL, error) &&
           check_fields(match->op, params->fields, error);
}
