/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects on the wire: found by what a client sends, written as it expects them. */
#include "api/libvirt/objects.h"

#include <string.h>

#include "base/error.h"
#include "codec/json/json.h"

/* -- found -------------------------------------------------------------------------------------------------------- */

static char *
member(const char *name, const char *what)
{
    return g_strconcat(name, ".", what, NULL);
}

SkDomain *
sk_lv_domain_by_uuid(const SkLvCall *call, const char *name, GError **error)
{
    g_autofree char *uuid = sk_lv_uuid(call, name);
    SkDomain *domain = g_hash_table_lookup(call->service->domains_by_uuid, uuid);
    if (domain == NULL)
        sk_fail(error, SK_ERROR_NO_DOMAIN, "no domain with matching uuid '%s'", uuid);
    return domain;
}

SkDomain *
sk_lv_domain(const SkLvCall *call, const char *name, GError **error)
{
    g_autofree char *path = member(name, "uuid"), *name_path = member(name, "name");
    g_autofree char *uuid = sk_lv_uuid(call, path);
    SkDomain *domain = g_hash_table_lookup(call->service->domains_by_uuid, uuid);
    if (domain == NULL)
        sk_fail(error, SK_ERROR_NO_DOMAIN, "no domain with matching uuid '%s' (%.128s)", uuid, sk_lv_str(call, name_path));
    return domain;
}

SkDomain *
sk_lv_active_domain(const SkLvCall *call, const char *name, GError **error)
{
    SkDomain *domain = sk_lv_domain(call, name, error);
    if (domain == NULL || sk_domain_is_active(domain))
        return domain;
    sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" is off", sk_domain_name(domain));
    return NULL;
}

SkNetwork *
sk_lv_network_by_uuid(SkService *service, const char *uuid)
{
    for (GTreeNode *node = g_tree_node_first(service->networks); node != NULL; node = g_tree_node_next(node)) {
        SkNetwork *network = g_tree_node_value(node);
        if (g_strcmp0(network->spec->uuid, uuid) == 0)
            return network;
    }
    return NULL;
}

SkNetwork *
sk_lv_network(const SkLvCall *call, const char *name, GError **error)
{
    g_autofree char *path = member(name, "uuid"), *name_path = member(name, "name");
    g_autofree char *uuid = sk_lv_uuid(call, path);
    SkNetwork *network = sk_lv_network_by_uuid(call->service, uuid);
    if (network == NULL)
        sk_fail(error, SK_ERROR_NO_NETWORK, "no network with matching uuid '%s' (%.128s)", uuid, sk_lv_str(call, name_path));
    return network;
}

SkPool *
sk_lv_pool_by_uuid(SkService *service, const char *uuid)
{
    for (GTreeNode *node = g_tree_node_first(service->pools); node != NULL; node = g_tree_node_next(node)) {
        SkPool *pool = g_tree_node_value(node);
        if (g_strcmp0(pool->spec->uuid, uuid) == 0)
            return pool;
    }
    return NULL;
}

SkPool *
sk_lv_pool(const SkLvCall *call, const char *name, GError **error)
{
    g_autofree char *path = member(name, "uuid"), *name_path = member(name, "name");
    g_autofree char *uuid = sk_lv_uuid(call, path);
    SkPool *pool = sk_lv_pool_by_uuid(call->service, uuid);
    if (pool == NULL)
        sk_fail(error, SK_ERROR_NO_POOL, "no storage pool with matching uuid '%s' (%.128s)", uuid, sk_lv_str(call, name_path));
    return pool;
}

SkPool *
sk_lv_active_pool(const SkLvCall *call, const char *name, GError **error)
{
    SkPool *pool = sk_lv_pool(call, name, error);
    if (pool == NULL || pool->status.active)
        return pool;
    sk_fail(error, SK_ERROR_STATE, "storage pool '%s' is not active", pool->spec->name);
    return NULL;
}

SkSecret *
sk_lv_secret(const SkLvCall *call, const char *name, GError **error)
{
    g_autofree char *path = member(name, "uuid");
    g_autofree char *uuid = sk_lv_uuid(call, path);
    return sk_service_secret(call->service, uuid, error);
}

SkVolume *
sk_lv_volume(const SkLvCall *call, const char *name, SkPool **out_pool, GError **error)
{
    g_autofree char *pool_path = member(name, "pool"), *name_path = member(name, "name");
    SkPool *pool = sk_service_pool(call->service, sk_lv_str(call, pool_path), error);
    SkVolume *volume = pool != NULL ? sk_pool_volume(pool, sk_lv_str(call, name_path), error) : NULL;
    if (volume != NULL && out_pool != NULL)
        *out_pool = pool;
    return volume;
}

/* -- written ---------------------------------------------------------------------------------------------------------- */

void
sk_lv_put_domain_id(GByteArray *out, const char *name, const char *uuid, gint id)
{
    sk_xdr_put_str(out, name);
    sk_xdr_put_uuid(out, uuid);
    sk_xdr_put_i32(out, id);
}

void
sk_lv_put_domain(GByteArray *out, const SkDomain *domain)
{
    sk_lv_put_domain_id(out, domain->spec->name, domain->spec->uuid, sk_domain_is_active(domain) ? (gint) domain->runtime.id : -1);
}

void
sk_lv_put_part(GByteArray *out, const SkDomain *domain, const char *name)
{
    sk_xdr_put_str(out, name);
    sk_lv_put_domain(out, domain);
}

gboolean
sk_lv_put_created(SkLvCall *call, SkCall *op, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    g_autoptr(json_t) answer = domain != NULL ? sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error) : NULL;
    if (answer == NULL)
        return FALSE;
    json_t *result = json_object_get(answer, "result");
    const char *name = json_string_value(json_object_get(result != NULL ? result : answer, "name"));
    if (name == NULL)
        return sk_fail(error, SK_ERROR_INTERNAL, "the operation did not tell of what it made");
    sk_lv_put_part(call->out, domain, name);
    return TRUE;
}

void
sk_lv_put_network(GByteArray *out, const SkNetwork *network)
{
    sk_xdr_put_str(out, network->spec->name);
    sk_xdr_put_uuid(out, network->spec->uuid);
}

void
sk_lv_put_pool(GByteArray *out, const SkPool *pool)
{
    sk_xdr_put_str(out, pool->spec->name);
    sk_xdr_put_uuid(out, pool->spec->uuid);
}

void
sk_lv_put_secret(GByteArray *out, const SkSecret *secret)
{
    sk_xdr_put_uuid(out, secret->spec->uuid);
    sk_xdr_put_i32(out, secret->spec->usage_type);
    sk_xdr_put_str(out, secret->spec->usage != NULL ? secret->spec->usage : "");
}

void
sk_lv_put_volume(GByteArray *out, const SkPool *pool, const SkVolume *volume)
{
    sk_xdr_put_str(out, pool->spec->name);
    sk_xdr_put_str(out, volume->name);
    sk_xdr_put_str(out, volume->path);
}

gboolean
sk_lv_done_domain(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error);
    if (answer == NULL)
        return FALSE;
    const json_t *result = json_object_get(answer, "result");
    const char *uuid = json_string_value(json_object_get(result != NULL ? result : answer, "uuid"));
    const SkDomain *domain = uuid != NULL ? g_hash_table_lookup(call->service->domains_by_uuid, uuid) : NULL;
    if (domain == NULL)
        return sk_fail(error, SK_ERROR_NO_DOMAIN, "the domain was deleted in between");
    sk_lv_put_domain(call->out, domain);
    return TRUE;
}

/* -- lists --------------------------------------------------------------------------------------------------------------- */

gboolean
sk_lv_passes(guint asked, guint has, const guint *groups)
{
    for (; *groups != 0; groups++) {
        if ((asked & *groups) != 0 && (asked & *groups & has) == 0)
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_lv_list(SkLvCall *call, GTree *tree, const SkLvList *list, GError **error)
{
    guint flags = sk_lv_uint(call, "flags"), count = 0, max = 0;
    gboolean results = sk_lv_int(call, "need_results") != 0;
    const SkXdrSignature *returns = sk_lv_returns(call->procedure);
    max = returns->fields[0].max;
    gsize place = sk_xdr_list_begin(call->out);
    for (GTreeNode *node = g_tree_node_first(tree); node != NULL; node = g_tree_node_next(node)) {
        gconstpointer object = g_tree_node_value(node);
        if (!list->shown(object, flags))
            continue;
        if (results && count == max)
            return sk_fail(error, SK_ERROR_TOO_LARGE, "there are more than %u, which is the most that %s can list", max, call->procedure->name);
        if (results)
            list->put(call->out, object);
        count++;
    }
    sk_xdr_list_end(call->out, place, results ? count : 0);
    sk_xdr_put_u32(call->out, count);
    return TRUE;
}

gboolean
sk_lv_list_count(SkLvCall *call, GTree *tree, gboolean (*shown)(gconstpointer object, guint flags), guint flags)
{
    gint count = 0;
    for (GTreeNode *node = g_tree_node_first(tree); node != NULL; node = g_tree_node_next(node))
        count += shown(g_tree_node_value(node), flags);
    sk_xdr_put_i32(call->out, count);
    return TRUE;
}

gboolean
sk_lv_list_names(SkLvCall *call, GTree *tree, gboolean (*shown)(gconstpointer object, guint flags), guint flags)
{
    gint left = MIN(sk_lv_int(call, "maxnames"), 16384);
    guint count = 0;
    gsize place = sk_xdr_list_begin(call->out);
    for (GTreeNode *node = g_tree_node_first(tree); node != NULL && left > 0; node = g_tree_node_next(node)) {
        if (!shown(g_tree_node_value(node), flags))
            continue;
        sk_xdr_put_str(call->out, g_tree_node_key(node));
        count++;
        left--;
    }
    sk_xdr_list_end(call->out, place, count);
    return TRUE;
}

/* -- states --------------------------------------------------------------------------------------------------------------- */

static const gint states[SK_N_DOMAIN_STATES] = {
    [SK_DOMAIN_SHUT_OFF] = 5, [SK_DOMAIN_RUNNING] = 1, [SK_DOMAIN_PAUSED] = 3, [SK_DOMAIN_IN_SHUTDOWN] = 4,
    [SK_DOMAIN_CRASHED] = 6, [SK_DOMAIN_PMSUSPENDED] = 7,
};

/* Each state has reasons of its own; what does not apply is 0, unknown. */
static const gint reasons[SK_N_DOMAIN_STATES][SK_N_DOMAIN_REASONS] = {
    [SK_DOMAIN_SHUT_OFF] = { [SK_REASON_SHUTDOWN] = 1, [SK_REASON_USER] = 1, [SK_REASON_DESTROYED] = 2, [SK_REASON_CRASHED] = 3,
                             [SK_REASON_PANICKED] = 3, [SK_REASON_MIGRATION] = 4, [SK_REASON_SAVED] = 5, [SK_REASON_FAILED] = 6,
                             [SK_REASON_SNAPSHOT] = 7, [SK_REASON_DAEMON] = 8 },
    [SK_DOMAIN_RUNNING] = { [SK_REASON_BOOTED] = 1, [SK_REASON_MIGRATION] = 2, [SK_REASON_RESTORED] = 3, [SK_REASON_SNAPSHOT] = 4,
                            [SK_REASON_USER] = 5, [SK_REASON_CRASHED] = 9 },
    [SK_DOMAIN_PAUSED] = { [SK_REASON_USER] = 1, [SK_REASON_MIGRATION] = 2, [SK_REASON_SAVED] = 3, [SK_REASON_IO_ERROR] = 5,
                           [SK_REASON_WATCHDOG] = 6, [SK_REASON_SNAPSHOT] = 9, [SK_REASON_SHUTDOWN] = 8, [SK_REASON_PANICKED] = 10,
                           [SK_REASON_CRASHED] = 10, [SK_REASON_STARTING] = 11 },
    [SK_DOMAIN_IN_SHUTDOWN] = { [SK_REASON_USER] = 1, [SK_REASON_SHUTDOWN] = 1 },
    [SK_DOMAIN_CRASHED] = { [SK_REASON_PANICKED] = 1 },
};

SkDomainState
sk_lv_domain_state(const SkDomain *domain)
{
    gboolean only_asked = sk_domain_state(domain) == SK_DOMAIN_IN_SHUTDOWN && domain->runtime.reason == SK_REASON_USER;
    return only_asked ? SK_DOMAIN_RUNNING : sk_domain_state(domain);
}

gint
sk_lv_state_number(const SkDomain *domain)
{
    return states[sk_lv_domain_state(domain)];
}

gint
sk_lv_reason_number(const SkDomain *domain)
{
    return reasons[sk_lv_domain_state(domain)][domain->runtime.reason];
}
