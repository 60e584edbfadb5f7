/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/operation.h"

G_BEGIN_DECLS

/*
 * From method and URI to an operation and its parameters. The paths of the operation table are
 * compiled once into a tree of segments. Any thread.
 */

#define SK_ROUTE_MAX_SEGMENTS 10

typedef struct SkRoutes SkRoutes;

SkRoutes *sk_routes_new(void);
void sk_routes_free(SkRoutes *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkRoutes, sk_routes_free)

/* What a URI leads to. Points into the URI. */
typedef struct {
    const SkOperation *op;
    const SkField *fields[SK_ROUTE_MAX_SEGMENTS];   /* of op->params: what the {} of the path are */
    const char *values[SK_ROUTE_MAX_SEGMENTS];      /* still percent-encoded */
    gsize lengths[SK_ROUTE_MAX_SEGMENTS];
    guint n_values;
    const char *query;      /* after the "?", or NULL */
} SkRouteMatch;

typedef enum { SK_ROUTE_FOUND, SK_ROUTE_NO_PATH, SK_ROUTE_NO_METHOD } SkRouteResult;

/*
 * HEAD finds the GET operation, else the upload of the same path. out_allow (free with g_free()) is
 * set for NO_METHOD: the methods there are, for the Allow header.
 */
SkRouteResult sk_routes_find(const SkRoutes *self, const char *method, const char *uri, SkRouteMatch *out_match,
                             char **out_allow);

/*
 * Decodes the path's and the query's parameters into params, which has defaults, and checks them. Unknown
 * or repeated ones and wrong percent-encoding are INVALID.
 */
gboolean sk_route_params(const SkRouteMatch *match, SkParams *params, GError **error);

/*
 * Undoes percent-encoding: "%" must be followed by two hex digits, the result must be UTF-8 without
 * zero bytes. form: "+" is a space. what starts the message. Free with g_free(); NULL on error.
 */
char *sk_uri_decode(const char *text, gsize length, gboolean form, const char *what, GError **error);

G_END_DECLS
