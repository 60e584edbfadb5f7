/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* If-Match: a change that is based on another version than the present one is refused, whatever the kind of object. */
#include "base/error.h"
#include "service/domain.h"
#include "service/network.h"
#include "service/pool.h"

/* The version an operation's object has now; FALSE if there is no such object. */
static gboolean
present_revision(SkService *self, const SkCall *call, guint64 *out_revision, GError **error)
{
    const char *kind = call->op->object, *name = call->params.name;
    if (g_str_equal(kind, "domain")) {
        const SkDomain *domain = sk_service_domain(self, name, error);
        *out_revision = domain != NULL ? domain->revision : 0;
        return domain != NULL;
    }
    if (g_str_equal(kind, "network")) {
        const SkNetwork *network = sk_service_network(self, name, error);
        *out_revision = network != NULL ? network->revision : 0;
        return network != NULL;
    }
    const SkPool *pool = sk_service_pool(self, name, error);
    *out_revision = pool != NULL ? pool->revision : 0;
    return pool != NULL;
}

gboolean
sk_call_check_etag(SkService *self, SkCall *call, GError **error)
{
    guint64 revision;
    if (call->if_match == NULL || !sk_operation_has_etag(call->op))
        return TRUE;
    if (!present_revision(self, call, &revision, error))
        return FALSE;
    g_autofree char *present = g_strdup_printf("%" G_GUINT64_FORMAT, revision);
    if (g_str_equal(call->if_match, present))
        return TRUE;
    g_free(call->etag);
    call->etag = g_strdup(present);
    return sk_fail(error, SK_ERROR_CHANGED, "%s \"%s\" was changed in between: its ETag is \"%s\" now, not \"%.64s\"", call->op->object,
                   call->params.name, present, call->if_match);
}
