/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: networks. */
#include <string.h>

#include "api/libvirt/families.h"
#include "api/libvirt/network-port.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "base/text.h"
#include "codec/xml/xml.h"
#include "network/subnet.h"

/* -- look-up, lists ------------------------------------------------------------------------------------------------- */

static gboolean
lookup_by_name(SkLvCall *call, GError **error)
{
    const char *name = sk_lv_str(call, "name");
    const SkNetwork *network = g_tree_lookup(call->service->networks, name);
    if (network == NULL)
        return sk_fail(error, SK_ERROR_NO_NETWORK, "no network with matching name '%.128s'", name);
    sk_lv_put_network(call->out, network);
    return TRUE;
}

static gboolean
lookup_by_uuid(SkLvCall *call, GError **error)
{
    g_autofree char *uuid = sk_lv_uuid(call, "uuid");
    const SkNetwork *network = sk_lv_network_by_uuid(call->service, uuid);
    if (network == NULL)
        return sk_fail(error, SK_ERROR_NO_NETWORK, "no network with matching uuid '%s'", uuid);
    sk_lv_put_network(call->out, network);
    return TRUE;
}

enum { INACTIVE = 0x1, ACTIVE = 0x2, PERSISTENT = 0x4, TRANSIENT = 0x8, AUTOSTART = 0x10, NO_AUTOSTART = 0x20 };

static gboolean
is_listed(gconstpointer object, guint flags)
{
    static const guint groups[] = { ACTIVE | INACTIVE, PERSISTENT | TRANSIENT, AUTOSTART | NO_AUTOSTART, 0 };
    const SkNetwork *network = object;
    guint has = (network->status.active ? ACTIVE : INACTIVE) | (network->persistent ? PERSISTENT : TRANSIENT) |
                (network->spec->autostart ? AUTOSTART : NO_AUTOSTART);
    return sk_lv_passes(flags, has, groups);
}

static void
put_network(GByteArray *out, gconstpointer network)
{
    sk_lv_put_network(out, network);
}

static gboolean
list_all(SkLvCall *call, GError **error)
{
    static const SkLvList list = { .shown = is_listed, .put = put_network };
    return sk_lv_check_flags(call, 0x3f, error) && sk_lv_list(call, call->service->networks, &list, error);
}

static gboolean
count_active(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_count(call, call->service->networks, is_listed, ACTIVE);
}

static gboolean
list_active(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_names(call, call->service->networks, is_listed, ACTIVE);
}

static gboolean
count_defined(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_count(call, call->service->networks, is_listed, INACTIVE);
}

static gboolean
list_defined(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_names(call, call->service->networks, is_listed, INACTIVE);
}

/* -- state ------------------------------------------------------------------------------------------------------------ */

static gboolean
is_active(SkLvCall *call, GError **error)
{
    const SkNetwork *network = sk_lv_network(call, "net", error);
    if (network == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, network->status.active);
    return TRUE;
}

static gboolean
is_persistent(SkLvCall *call, GError **error)
{
    const SkNetwork *network = sk_lv_network(call, "net", error);
    if (network == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, network->persistent);
    return TRUE;
}

static gboolean
get_bridge_name(SkLvCall *call, GError **error)
{
    const SkNetwork *network = sk_lv_network(call, "net", error);
    if (network == NULL)
        return FALSE;
    const char *bridge = network->status.bridge != NULL ? network->status.bridge : network->spec->bridge;
    if (bridge == NULL)
        return sk_fail(error, SK_ERROR_STATE, "network '%s' does not have a bridge name yet: it gets one when it is started", network->spec->name);
    sk_xdr_put_str(call->out, bridge);
    return TRUE;
}

static gboolean
get_autostart(SkLvCall *call, GError **error)
{
    const SkNetwork *network = sk_lv_network(call, "net", error);
    if (network == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, network->persistent && network->spec->autostart);
    return TRUE;
}

static gboolean
set_autostart(SkLvCall *call, GError **error)
{
    const SkNetwork *network = sk_lv_network(call, "net", error);
    if (network == NULL)
        return FALSE;
    if (!network->persistent)
        return sk_fail(error, SK_ERROR_STATE, "cannot set autostart for transient network '%s'", network->spec->name);
    SkCall *op = sk_lv_operation(call, SK_OP_NETWORK_UPDATE);
    op->params.name = g_strdup(network->spec->name);
    op->params.scope = SK_SCOPE_CONFIG;
    op->patch = json_pack("{s:b}", "autostart", sk_lv_int(call, "autostart") != 0);
    return sk_lv_dispatch(call, op, NULL);
}

/* -- XML ---------------------------------------------------------------------------------------------------------------- */

enum { XML_INACTIVE = 1 };

/* Clients look for the range that is handed out, even where the definition leaves it to us. */
static SkNetworkSpec *
with_ranges(const SkNetworkSpec *from)
{
    SkNetworkSpec *spec = sk_value_copy(&sk_network_spec_type, from);
    if (spec->dhcp && spec->dhcp_dynamic && spec->ipv4 != NULL && spec->dhcp_start == NULL)
        sk_subnet_dhcp_range(spec->ipv4, &spec->dhcp_start, &spec->dhcp_end, NULL);
    if (spec->dhcp && spec->dhcp6 && spec->ipv6 != NULL && spec->dhcp6_start == NULL)
        sk_subnet_dhcp_range(spec->ipv6, &spec->dhcp6_start, &spec->dhcp6_end, NULL);
    return spec;
}

static gboolean
get_xml_desc(SkLvCall *call, GError **error)
{
    const SkNetwork *network = sk_lv_network(call, "net", error);
    if (network == NULL || !sk_lv_check_flags(call, XML_INACTIVE, error))
        return FALSE;
    gboolean live = network->status.active && (sk_lv_uint(call, "flags") & XML_INACTIVE) == 0;
    SkNetworkSpec *spec = with_ranges(live ? sk_network_in_force(network) : network->spec);
    g_autofree char *xml = sk_xml_network_format(spec, live ? sk_network_connected(network) : 0);
    sk_value_free(&sk_network_spec_type, spec);
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

/* -- define, create ------------------------------------------------------------------------------------------------------ */

static gboolean
put_by_name(SkLvCall *call, SkCall *op, GError **error)
{
    const char *name = ((const SkNetworkSpec *) op->body)->name;
    const SkNetwork *network = g_tree_lookup(call->service->networks, name);
    if (network == NULL)
        return sk_fail(error, SK_ERROR_NO_NETWORK, "network '%s' was deleted in between", name);
    sk_lv_put_network(call->out, network);
    return TRUE;
}

/* A definition without a UUID is a new one, whatever its name. */
static SkNetworkSpec *
parse(SkLvCall *call, GError **error)
{
    const char *xml = sk_lv_str(call, "xml");
    SkNetworkSpec *spec = sk_xml_network_parse(xml, -1, error);
    if (spec == NULL)
        return NULL;
    const SkNetwork *old = g_tree_lookup(call->service->networks, spec->name);
    if (old != NULL)
        sk_xml_network_keep(old->spec, spec);
    sk_uuid_complete(&spec->uuid);
    return spec;
}

static gboolean
define_xml(SkLvCall *call, GError **error)
{
    SkNetworkSpec *spec = parse(call, error);
    if (spec == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_NETWORK_DEFINE);
    op->params.name = g_strdup(spec->name);
    op->body = spec;
    return sk_lv_dispatch(call, op, put_by_name);
}

static gboolean
create_xml(SkLvCall *call, GError **error)
{
    SkNetworkSpec *spec = parse(call, error);
    if (spec == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_NETWORK_CREATE);
    op->params.start = op->params.transient = TRUE;
    op->body = spec;
    return sk_lv_dispatch(call, op, put_by_name);
}

/* Flag 1 asks for a check against the schema: what we take is stricter. */
static gboolean
define_xml_flags(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 1, error) && define_xml(call, error);
}

static gboolean
create_xml_flags(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 1, error) && create_xml(call, error);
}

/* -- verbs ------------------------------------------------------------------------------------------------------------------ */

static gboolean
run_verb(SkLvCall *call, GError **error)
{
    const SkNetwork *network = sk_lv_network(call, "net", error);
    if (network == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, call->procedure->op);
    op->params.name = g_strdup(network->spec->name);
    /* As clients know it: guests lose their bridge and get it back. */
    op->params.force = call->procedure->op == SK_OP_NETWORK_STOP;
    return sk_lv_dispatch(call, op, NULL);
}

/* -- changes of one thing ---------------------------------------------------------------------------------------------------- */

/* Sections by their numbers; those without an element cannot be changed in libvirt either, or are not there here. */
static const struct {
    const char *name;
    gint section;               /* SkXmlNetworkSection; -1: refused */
} sections[] = {
    { "none", -1 }, { "bridge", -1 }, { "domain", -1 }, { "ip", -1 }, { "ip-dhcp-host", SK_XML_NETWORK_HOST },
    { "ip-dhcp-range", SK_XML_NETWORK_RANGE }, { "forward", -1 }, { "forward-interface", SK_XML_NETWORK_INTERFACE }, { "forward-pf", -1 },
    { "portgroup", SK_XML_NETWORK_GROUP }, { "dns-host", SK_XML_NETWORK_DNS_HOST }, { "dns-txt", SK_XML_NETWORK_DNS_TEXT }, { "dns-srv", SK_XML_NETWORK_DNS_SERVICE },
};

static gboolean
check_update(SkLvCall *call, GError **error)
{
    guint command = sk_lv_uint(call, "command"), section = sk_lv_uint(call, "section");
    if (section >= G_N_ELEMENTS(sections) || command < 1 || command > 4)
        return sk_fail(error, SK_ERROR_INVALID, "there is no section %u or command %u of a network", section, command);
    if (sections[section].section < 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "the section '%s' of a network cannot be updated: define it anew", sections[section].name);
    return sk_lv_int(call, "parentIndex") <= 1 || sk_fail(error, SK_ERROR_UNSUPPORTED, "a network has one address of each family");
}

/* What no flag tells is what is up, if it is. */
static gint
scope_of(guint flags, const SkNetwork *network)
{
    static const gint scopes[] = { [1] = SK_SCOPE_LIVE, [2] = SK_SCOPE_CONFIG, [3] = SK_SCOPE_BOTH };
    if ((flags & 3) == 0)
        return network->status.active ? SK_SCOPE_LIVE : SK_SCOPE_CONFIG;
    return scopes[flags & 3];
}

static gboolean
update(SkLvCall *call, GError **error)
{
    static const gint verbs[] = { [1] = SK_EDIT_MODIFY, [2] = SK_EDIT_DELETE, [3] = SK_EDIT_ADD, [4] = SK_EDIT_ADD_FIRST };
    const SkNetwork *network = sk_lv_network(call, "net", error);
    if (network == NULL || !sk_lv_check_flags(call, 3, error) || !check_update(call, error))
        return FALSE;
    SkXmlNetworkSection section = (SkXmlNetworkSection) sections[sk_lv_uint(call, "section")].section;
    gint verb = verbs[sk_lv_uint(call, "command")], scope = scope_of(sk_lv_uint(call, "flags"), network);
    if (scope == SK_SCOPE_BOTH && !network->status.active)
        return sk_fail(error, SK_ERROR_STATE, "network '%s' is not active", network->spec->name);
    SkNetworkEdit *edit = sk_xml_network_edit_parse(sk_lv_str(call, "xml"), -1, section, (SkEditVerb) verb, error);
    if (edit == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_NETWORK_EDIT);
    op->params.name = g_strdup(network->spec->name);
    op->params.scope = scope;
    op->body = edit;
    return sk_lv_dispatch(call, op, NULL);
}

/* -- leases -------------------------------------------------------------------------------------------------------------------- */

static void
put_lease(GByteArray *out, const SkNetwork *network, const SkLease *lease)
{
    const SkNetworkSpec *spec = sk_network_in_force(network);
    gboolean six = strchr(lease->ip, ':') != NULL;
    const char *subnet = six ? spec->ipv6 : spec->ipv4;
    sk_xdr_put_str(out, network->status.bridge);
    sk_xdr_put_i64(out, lease->expires);
    sk_xdr_put_i32(out, six);
    sk_xdr_put_optional_str(out, lease->mac);
    sk_xdr_put_optional_str(out, lease->iaid);
    sk_xdr_put_str(out, lease->ip);
    sk_xdr_put_u32(out, subnet != NULL ? sk_subnet_bits(subnet) : six ? 128 : 32);
    sk_xdr_put_optional_str(out, lease->hostname);
    sk_xdr_put_optional_str(out, lease->client_id);
}

static gboolean
get_dhcp_leases(SkLvCall *call, GError **error)
{
    const SkNetwork *network = sk_lv_network(call, "net", error);
    if (network == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    const char *mac = sk_lv_str(call, "mac");
    gboolean results = sk_lv_int(call, "need_results") != 0;
    guint count = 0;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; network->leases != NULL && i < network->leases->len; i++) {
        const SkLease *lease = network->leases->pdata[i];
        if (lease->ip == NULL || (mac != NULL && (lease->mac == NULL || g_ascii_strcasecmp(mac, lease->mac) != 0)))
            continue;
        if (results)
            put_lease(call->out, network, lease);
        count++;
    }
    sk_xdr_list_end(call->out, place, results ? count : 0);
    sk_xdr_put_u32(call->out, count);
    return TRUE;
}

/* Why clients make and remove none. */
#define PORTS "ports come and go with the interfaces of domains: attach or detach one"

static const SkLvProcedure rows[] = {
    { 36, "CONNECT_LIST_DEFINED_NETWORKS", "maxnames:i32", "names:str<16384>", SK_OP_NETWORK_LIST, list_defined },
    { 38, "CONNECT_LIST_NETWORKS", "maxnames:i32", "names:str<16384>", SK_OP_NETWORK_LIST, list_active },
    { 39, "NETWORK_CREATE", "net", "", SK_OP_NETWORK_START, run_verb },
    { 40, "NETWORK_CREATE_XML", "xml:str", "net", SK_OP_NETWORK_CREATE, create_xml },
    { 41, "NETWORK_DEFINE_XML", "xml:str", "net", SK_OP_NETWORK_DEFINE, define_xml },
    { 42, "NETWORK_DESTROY", "net", "", SK_OP_NETWORK_STOP, run_verb },
    { 43, "NETWORK_GET_XML_DESC", "net flags", "xml:str", SK_OP_NETWORK_SHOW, get_xml_desc },
    { 44, "NETWORK_GET_AUTOSTART", "net", "autostart:i32", SK_OP_NETWORK_SHOW, get_autostart },
    { 45, "NETWORK_GET_BRIDGE_NAME", "net", "name:str", SK_OP_NETWORK_SHOW, get_bridge_name },
    { 46, "NETWORK_LOOKUP_BY_NAME", "name:str", "net", SK_OP_NETWORK_SHOW, lookup_by_name },
    { 47, "NETWORK_LOOKUP_BY_UUID", "uuid", "net", SK_OP_NETWORK_SHOW, lookup_by_uuid },
    { 48, "NETWORK_SET_AUTOSTART", "net autostart:i32", "", SK_OP_NETWORK_UPDATE, set_autostart },
    { 49, "NETWORK_UNDEFINE", "net", "", SK_OP_NETWORK_UNDEFINE, run_verb },
    { 50, "CONNECT_NUM_OF_DEFINED_NETWORKS", "", "num:i32", SK_OP_NETWORK_LIST, count_defined },
    { 52, "CONNECT_NUM_OF_NETWORKS", "", "num:i32", SK_OP_NETWORK_LIST, count_active },
    { 152, "NETWORK_IS_ACTIVE", "net", "active:i32", SK_OP_NETWORK_SHOW, is_active },
    { 153, "NETWORK_IS_PERSISTENT", "net", "persistent:i32", SK_OP_NETWORK_SHOW, is_persistent },
    { 283, "CONNECT_LIST_ALL_NETWORKS", "need_results:i32 flags", "nets:net<16384> ret:u32", SK_OP_NETWORK_LIST, list_all },
    { 291, "NETWORK_UPDATE", "net command:u32 section:u32 parentIndex:i32 xml:str flags", "", SK_OP_NETWORK_EDIT, update,
      .lacks = "section forward-pf" },
    { 341, "NETWORK_GET_DHCP_LEASES", "net mac:str? need_results:i32 flags", "leases:{iface:str expirytime:i64 type:i32 mac:str? iaid:str? ipaddr:str prefix:u32 hostname:str? clientid:str?}<65536> ret:u32",
      SK_OP_NETWORK_LEASES, get_dhcp_leases },
    { 404, "NETWORK_LIST_ALL_PORTS", "network:net need_results:i32 flags", "ports:netport<16384> ret:u32", SK_OP_NETWORK_SHOW, sk_lv_list_ports },
    { 405, "NETWORK_PORT_LOOKUP_BY_UUID", "network:net uuid", "port:netport", SK_OP_NETWORK_SHOW, sk_lv_lookup_port },
    { 406, "NETWORK_PORT_CREATE_XML", NULL, NULL, .lacks = PORTS },
    { 407, "NETWORK_PORT_GET_PARAMETERS", "port:netport nparams:i32 flags", "params:tp<16> nparams:i32", SK_OP_NETWORK_SHOW, sk_lv_get_port_params },
    { 408, "NETWORK_PORT_SET_PARAMETERS", "port:netport params:tp<16> flags", "", SK_OP_NIC_UPDATE, sk_lv_set_port_params },
    { 409, "NETWORK_PORT_GET_XML_DESC", "port:netport flags", "xml:str", SK_OP_NETWORK_SHOW, sk_lv_get_port_xml },
    { 410, "NETWORK_PORT_DELETE", NULL, NULL, .lacks = PORTS },
    { 432, "NETWORK_DEFINE_XML_FLAGS", "xml:str flags", "net", SK_OP_NETWORK_DEFINE, define_xml_flags },
    { 437, "NETWORK_CREATE_XML_FLAGS", "xml:str flags", "net", SK_OP_NETWORK_CREATE, create_xml_flags },
};
SK_LV_FAMILY(sk_lv_network_family, "Networks", NETWORK, rows);
