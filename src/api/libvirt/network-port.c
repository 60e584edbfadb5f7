/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports of networks, which are the interfaces of domains that run, and limits of interfaces. */
#include "api/libvirt/network-port.h"

#include <string.h>

#include "api/libvirt/domain-define.h"
#include "api/libvirt/objects.h"
#include "api/libvirt/private.h"
#include "base/error.h"
#include "codec/xml/xml.h"

/* -- limits --------------------------------------------------------------------------------------------------------------- */

/* One parameter, in KiB, and the field that it is. */
static const struct {
    const char *name, *key;
} rows[] = {
    { "inbound.average", "in_average" },   { "inbound.peak", "in_peak" },   { "inbound.burst", "in_burst" },
    { "outbound.average", "out_average" }, { "outbound.peak", "out_peak" }, { "outbound.burst", "out_burst" },
};

/* The idiom of two calls: how many there are, then the list. */
static void
put_limits(SkLvCall *call, const SkBandwidth *bandwidth)
{
    guint asked = (guint) MAX(0, sk_lv_int(call, "nparams")), n = G_N_ELEMENTS(rows);
    guint shown = MIN(asked, n);
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < shown; i++) {
        const SkField *field = sk_type_find(&sk_bandwidth_type, rows[i].key);
        guint64 number = *(const guint64 *) sk_field_const_ptr(field, bandwidth) / 1024;
        sk_xdr_put_param_u32(call->out, rows[i].name, (guint) MIN(number, G_MAXUINT));
    }
    sk_xdr_list_end(call->out, place, shown);
    sk_xdr_put_i32(call->out, (gint) (asked == 0 ? n : shown));
}

static guint64
number_of(const SkXdrParam *param)
{
    return param->type == SK_XDR_PARAM_I32 || param->type == SK_XDR_PARAM_I64 ? (guint64) MAX(0, param->i) : param->u;
}

static gboolean
set_limits(SkLvCall *call, const SkDomain *domain, const SkInterface *nic, gint scope)
{
    json_t *limits = json_object();
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const SkXdrParam *param = sk_xdr_param(sk_lv_value(call, "params"), rows[i].name);
        if (param != NULL)
            json_object_set_new(limits, rows[i].key, json_integer((json_int_t) (number_of(param) * 1024)));
    }
    SkCall *op = sk_lv_operation(call, SK_OP_NIC_UPDATE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.nic = g_strdup(nic->mac);
    op->params.scope = scope;
    op->patch = json_pack("{s:o}", "bandwidth", limits);
    return sk_lv_dispatch(call, op, NULL);
}

/* -- of a domain's interface --------------------------------------------------------------------------------------------------- */

static const SkInterface *
asked_interface(const SkLvCall *call, const SkDomain **out_domain, GError **error)
{
    const SkDomain *domain = *out_domain = sk_lv_domain(call, "dom", error);
    const SkDomainSpec *spec = domain != NULL ? sk_lv_spec_of(domain, sk_lv_uint(call, "flags"), error) : NULL;
    const char *name = sk_lv_str(call, "device");
    const SkInterface *nic = spec != NULL ? sk_domain_spec_find_interface(spec, name) : NULL;
    if (spec != NULL && nic == NULL)
        sk_fail(error, SK_ERROR_INVALID, "no network device with name or MAC \"%.32s\" in domain \"%s\"", name, spec->name);
    return nic;
}

gboolean
sk_lv_get_interface_params(SkLvCall *call, GError **error)
{
    const SkDomain *domain;
    const SkInterface *nic = asked_interface(call, &domain, error);
    if (nic == NULL)
        return FALSE;
    put_limits(call, &nic->bandwidth);
    return TRUE;
}

gboolean
sk_lv_set_interface_params(SkLvCall *call, GError **error)
{
    const SkDomain *domain;
    const SkInterface *nic = asked_interface(call, &domain, error);
    gint scope;
    return nic != NULL && sk_lv_scope(domain, sk_lv_uint(call, "flags"), &scope, error) && set_limits(call, domain, nic, scope);
}

/* -- of a network's port -------------------------------------------------------------------------------------------------------- */

/* A port has no record: its UUID is made of what it is, and so is the same for as long as it is there. */
static char *
port_uuid(const SkDomain *domain, const SkInterface *nic)
{
    g_autofree char *text = g_strconcat(domain->spec->uuid, "/", nic->mac, NULL);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA1, text, -1);
    return g_strdup_printf("%.8s-%.4s-5%.3s-8%.3s-%.12s", hash, hash + 8, hash + 12, hash + 15, hash + 18);
}

/* FALSE: enough was seen. */
typedef gboolean (*EachPort)(const SkDomain *domain, const SkInterface *nic, gpointer data);

static void
each_port(const SkService *service, const SkNetwork *network, EachPort func, gpointer data)
{
    for (GTreeNode *node = g_tree_node_first(service->domains); node != NULL; node = g_tree_node_next(node)) {
        const SkDomain *domain = g_tree_node_value(node);
        const GPtrArray *list = domain->runtime.live != NULL ? domain->runtime.live->interfaces : NULL;
        for (guint i = 0; list != NULL && i < list->len; i++) {
            const SkInterface *nic = list->pdata[i];
            if (nic->kind == SK_NIC_NETWORK && g_strcmp0(nic->network, network->spec->name) == 0 && !func(domain, nic, data))
                return;
        }
    }
}

typedef struct {
    char *uuid;
    const SkDomain *domain;
    const SkInterface *nic;
} Search;

static gboolean
is_other(const SkDomain *domain, const SkInterface *nic, gpointer data)
{
    Search *search = data;
    g_autofree char *uuid = port_uuid(domain, nic);
    if (!g_str_equal(uuid, search->uuid))
        return TRUE;
    search->domain = domain;
    search->nic = nic;
    return FALSE;
}

/* VIR_ERR_NO_NETWORK_PORT */
#define NO_PORT 107

/* out->uuid is for free with g_free(), whatever comes. */
static gboolean
find_port(const SkLvCall *call, const char *network_name, const char *uuid_name, const SkNetwork **out_network, Search *out, GError **error)
{
    const SkNetwork *network = *out_network = sk_lv_network(call, network_name, error);
    *out = (Search){ .uuid = sk_lv_uuid(call, uuid_name) };
    if (network == NULL)
        return FALSE;
    each_port(call->service, network, is_other, out);
    return out->nic != NULL || sk_lv_fail(error, NO_PORT, "no port with UUID %s on network \"%s\"", out->uuid, network->spec->name);
}

static void
put_port(GByteArray *out, const SkNetwork *network, const char *uuid)
{
    sk_lv_put_network(out, network);
    sk_xdr_put_uuid(out, uuid);
}

typedef struct {
    SkLvCall *call;
    const SkNetwork *network;
    guint count;
} List;

static gboolean
add_port(const SkDomain *domain, const SkInterface *nic, gpointer data)
{
    List *list = data;
    g_autofree char *uuid = port_uuid(domain, nic);
    if (sk_lv_int(list->call, "need_results") != 0 && list->count < 16384)
        put_port(list->call->out, list->network, uuid);
    list->count++;
    return TRUE;
}

gboolean
sk_lv_list_ports(SkLvCall *call, GError **error)
{
    const SkNetwork *network = sk_lv_network(call, "network", error);
    List list = { .call = call, .network = network };
    if (network == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    each_port(call->service, network, add_port, &list);
    guint count = MIN(list.count, 16384);
    sk_xdr_list_end(call->out, place, sk_lv_int(call, "need_results") != 0 ? count : 0);
    sk_xdr_put_u32(call->out, count);
    return TRUE;
}

gboolean
sk_lv_lookup_port(SkLvCall *call, GError **error)
{
    const SkNetwork *network;
    Search found;
    gboolean ok = find_port(call, "network", "uuid", &network, &found, error);
    if (ok)
        put_port(call->out, network, found.uuid);
    g_free(found.uuid);
    return ok;
}

gboolean
sk_lv_get_port_xml(SkLvCall *call, GError **error)
{
    const SkNetwork *network;
    Search found;
    gboolean ok = find_port(call, "port.net", "port.uuid", &network, &found, error);
    if (ok) {
        const SkXmlNetworkPort port = { .uuid = found.uuid, .owner_name = found.domain->spec->name, .owner_uuid = found.domain->spec->uuid, .nic = found.nic,
                                        .bridge = network->status.bridge };
        g_autofree char *text = sk_xml_network_port_format(&port);
        sk_xdr_put_str(call->out, text);
    }
    g_free(found.uuid);
    return ok;
}

gboolean
sk_lv_get_port_params(SkLvCall *call, GError **error)
{
    const SkNetwork *network;
    Search found;
    gboolean ok = find_port(call, "port.net", "port.uuid", &network, &found, error);
    if (ok)
        put_limits(call, &found.nic->bandwidth);
    g_free(found.uuid);
    return ok;
}

/* A port is there while the domain runs, and so are these limits of it. */
gboolean
sk_lv_set_port_params(SkLvCall *call, GError **error)
{
    const SkNetwork *network;
    Search found;
    gboolean ok = find_port(call, "port.net", "port.uuid", &network, &found, error) && set_limits(call, found.domain, found.nic, SK_SCOPE_LIVE);
    g_free(found.uuid);
    return ok;
}
