/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "METHOD uri": the route, its parameters, and the Range header of the same text. */
#include <string.h>

#include "api/rest/range.h"
#include "api/rest/route.h"
#include "service/call.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
take_params(const SkRouteMatch *match)
{
    const SkIdentity nobody = { (char *) "nobody", (char *) "nowhere", SK_ROLE_NONE };
    g_autoptr(SkCall) call = sk_call_new(match->op, &nobody);
    g_autoptr(GError) error = NULL;
    gboolean ok = sk_route_params(match, &call->params, &error);
    if (ok != (error == NULL))
        g_error("an answer and an error do not fit together");
    if (ok && call->params.name != NULL && !g_utf8_validate(call->params.name, -1, NULL))
        g_error("a name that is not UTF-8 got through");
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    static SkRoutes *routes;
    if (routes == NULL)
        routes = sk_routes_new();
    g_autofree char *text = g_strndup((const char *) data, size);
    char *space = strchr(text, ' ');
    const char *uri = space != NULL ? space + 1 : text;
    if (space != NULL)
        *space = '\0';

    SkRouteMatch match;
    g_autofree char *allow = NULL;
    if (sk_routes_find(routes, space != NULL ? text : "GET", uri, &match, &allow) == SK_ROUTE_FOUND)
        take_params(&match);
    guint64 first, length;
    if (sk_range_parse(uri, size, &first, &length) != SK_RANGE_OUTSIDE && (first > size || length > size - first))
        g_error("a range outside of the whole");
    return 0;
}
