/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: guest agent. */
#include <string.h>

#include "api/libvirt/domain-guest.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "base/text.h"
#include "model/agent.h"
#include "network/netlink/links.h"

/* -- file systems ------------------------------------------------------------------------------------------------------ */

static gboolean
put_frozen(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error);
    if (answer == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, (gint) json_integer_value(json_object_get(answer, "frozen")));
    return TRUE;
}

static gboolean
freeze_or_thaw(SkLvCall *call, GError **error)
{
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    const SkXdrValue *given = sk_lv_value(call, "mountpoints");
    SkAgentFreezeRequest *body = call->procedure->op == SK_OP_AGENT_FREEZE ? sk_value_new(&sk_agent_freeze_request_type) : NULL;
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    for (guint i = 0; i < given->count; i++)
        g_strv_builder_add(words, given->items[i].text);
    if (body != NULL && given->count > 0)
        body->mountpoints = g_strv_builder_end(words);
    SkCall *op = sk_lv_ask_agent(call, call->procedure->op, body, error);
    return op != NULL && sk_lv_dispatch(call, op, put_frozen);
}

/* -- password, clock ---------------------------------------------------------------------------------------------------- */

enum { PASSWORD_ENCRYPTED = 1 };

static gboolean
set_password(SkLvCall *call, GError **error)
{
    const char *user = sk_lv_str(call, "user"), *password = sk_lv_str(call, "password");
    if (!sk_lv_check_flags(call, PASSWORD_ENCRYPTED, error))
        return FALSE;
    if (user == NULL || password == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "no user or no password was given");
    SkAgentPassword *body = sk_value_new(&sk_agent_password_type);
    body->user = g_strdup(user);
    body->password = g_strdup(password);
    body->crypted = (sk_lv_uint(call, "flags") & PASSWORD_ENCRYPTED) != 0;
    SkCall *op = sk_lv_ask_agent(call, SK_OP_AGENT_PASSWORD, body, error);
    return op != NULL && sk_lv_dispatch(call, op, NULL);
}

/* -- addresses ---------------------------------------------------------------------------------------------------------- */

enum { SOURCE_LEASE, SOURCE_AGENT, SOURCE_ARP };

#define ADDRESSES_MAX 2048  /* interfaces, and addresses of each */

static const char *
link_of(const SkDomain *domain, const char *mac)
{
    const SkInterface *nic = domain->runtime.live != NULL && mac != NULL ? sk_domain_spec_find_interface(domain->runtime.live, mac) : NULL;
    return nic != NULL && nic->tap != NULL ? nic->tap : mac != NULL ? mac : "-";
}

/* Of the subnet that its network has. */
static guint
prefix_of(const SkLvCall *call, const SkDomainAddress *address, gboolean six)
{
    const SkNetwork *network = address->network != NULL ? g_tree_lookup(call->service->networks, address->network) : NULL;
    const char *subnet = network == NULL ? NULL : six ? network->spec->ipv6 : network->spec->ipv4;
    const char *slash = subnet != NULL ? strchr(subnet, '/') : NULL;
    return slash != NULL ? (guint) g_ascii_strtoull(slash + 1, NULL, 10) : six ? 128 : 32;
}

static gboolean
is_new(const GPtrArray *list, guint at)
{
    const SkDomainAddress *address = list->pdata[at];
    for (guint i = 0; i < at; i++) {
        if (g_strcmp0(((const SkDomainAddress *) list->pdata[i])->mac, address->mac) == 0)
            return FALSE;
    }
    return TRUE;
}

/* One entry an interface, with all its addresses. */
static void
put_interface(SkLvCall *call, const SkDomain *domain, const GPtrArray *list, guint at)
{
    const char *mac = ((const SkDomainAddress *) list->pdata[at])->mac;
    guint count = 0;
    sk_xdr_put_str(call->out, link_of(domain, mac));
    sk_xdr_put_optional_str(call->out, mac);
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = at; i < list->len; i++) {
        const SkDomainAddress *address = list->pdata[i];
        if (g_strcmp0(address->mac, mac) != 0 || address->address == NULL)
            continue;
        gboolean six = strchr(address->address, ':') != NULL;
        g_auto(GStrv) parts = g_strsplit(address->address, "/", 2);
        sk_xdr_put_i32(call->out, six ? 1 : 0);
        sk_xdr_put_str(call->out, parts[0]);
        sk_xdr_put_u32(call->out, parts[1] != NULL ? (guint) g_ascii_strtoull(parts[1], NULL, 10) : prefix_of(call, address, six));
        count++;
    }
    sk_xdr_list_end(call->out, place, count);
}

static void
put_addresses(SkLvCall *call, const SkDomain *domain, const GPtrArray *list)
{
    guint count = 0;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (!is_new(list, i))
            continue;
        put_interface(call, domain, list, i);
        count++;
    }
    sk_xdr_list_end(call->out, place, count);
}

static gboolean
is_known(const GPtrArray *list, const char *mac, const char *address)
{
    for (guint i = 0; i < list->len; i++) {
        const SkDomainAddress *one = list->pdata[i];
        if (g_str_equal(one->mac, mac) && g_str_has_prefix(one->address, address) && one->address[strlen(address)] == '/')
            return TRUE;
    }
    return FALSE;
}

static void
free_address(gpointer address)
{
    sk_value_free(&sk_domain_address_type, address);
}

/* What the host's kernel has spoken to behind the MAC addresses of the domain. */
static gboolean
put_neighbours(SkLvCall *call, const SkDomain *domain, GError **error)
{
    g_autoptr(GPtrArray) neighbours = sk_netlink_neighbours(error);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(free_address);
    for (guint i = 0; neighbours != NULL && i < neighbours->len; i++) {
        const SkNeighbour *neighbour = neighbours->pdata[i];
        const SkInterface *nic = domain->runtime.live != NULL ? sk_domain_spec_find_interface(domain->runtime.live, neighbour->mac) : NULL;
        if (nic == NULL || is_known(list, nic->mac, neighbour->address))
            continue;
        SkDomainAddress *address = sk_value_new(&sk_domain_address_type);
        address->mac = g_strdup(nic->mac);
        address->address = g_strdup_printf("%s/0", neighbour->address);
        g_ptr_array_add(list, address);
    }
    if (neighbours != NULL)
        put_addresses(call, domain, list);
    return neighbours != NULL;
}

/* As the guest names its interfaces, with all that they have. */
static gboolean
put_agent_addresses(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error);
    const json_t *interfaces = json_object_get(answer, "interfaces");
    gsize i, j;
    json_t *interface, *entry;
    guint count = 0;
    if (answer == NULL)
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    json_array_foreach (interfaces, i, interface) {
        const json_t *list = json_object_get(interface, "addresses");
        if (count >= ADDRESSES_MAX || json_array_size(list) > ADDRESSES_MAX)
            continue;
        sk_xdr_put_str(call->out, json_string_value(json_object_get(interface, "name")));
        sk_xdr_put_optional_str(call->out, json_string_value(json_object_get(interface, "mac")));
        gsize inner = sk_xdr_list_begin(call->out);
        json_array_foreach (list, j, entry) {
            const char *address = json_string_value(json_object_get(entry, "address"));
            sk_xdr_put_i32(call->out, address != NULL && strchr(address, ':') != NULL ? 1 : 0);
            sk_xdr_put_str(call->out, address);
            sk_xdr_put_u32(call->out, (guint) json_integer_value(json_object_get(entry, "prefix")));
        }
        sk_xdr_list_end(call->out, inner, (guint) json_array_size(list));
        count++;
    }
    sk_xdr_list_end(call->out, place, count);
    return TRUE;
}

static gboolean
interface_addresses(SkLvCall *call, GError **error)
{
    guint source = sk_lv_uint(call, "source");
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (source > SOURCE_ARP)
        return sk_fail(error, SK_ERROR_INVALID, "unknown IP address data source %u", source);
    if (source == SOURCE_AGENT) {
        SkCall *op = sk_lv_ask_agent(call, SK_OP_AGENT_INFO, NULL, error);
        if (op == NULL)
            return FALSE;
        const char *const parts[] = { "interfaces", NULL };
        op->params.parts = g_strdupv((char **) parts);
        return sk_lv_dispatch(call, op, put_agent_addresses);
    }
    if (source == SOURCE_ARP)
        return put_neighbours(call, domain, error);
    put_addresses(call, domain, domain->addresses);
    return TRUE;
}

static const SkLvProcedure rows[] = {
    { 277, "DOMAIN_GET_HOSTNAME", "dom flags", "hostname:str", SK_OP_AGENT_INFO, sk_lv_get_hostname },
    { 294, "DOMAIN_FSTRIM", "dom mountPoint:str? minimum:u64 flags", "", SK_OP_AGENT_TRIM, sk_lv_fstrim },
    { 335, "DOMAIN_FSFREEZE", "dom mountpoints:str<256> flags", "filesystems:i32", SK_OP_AGENT_FREEZE, freeze_or_thaw },
    { 336, "DOMAIN_FSTHAW", "dom mountpoints:str<256> flags", "filesystems:i32", SK_OP_AGENT_THAW, freeze_or_thaw },
    { 337, "DOMAIN_GET_TIME", "dom flags", "seconds:i64 nseconds:u32", SK_OP_AGENT_TIME, sk_lv_get_time },
    { 338, "DOMAIN_SET_TIME", "dom seconds:i64 nseconds:u32 flags", "", SK_OP_AGENT_SET_TIME, sk_lv_set_time },
    { 349, "DOMAIN_GET_FSINFO", "dom flags", "info:{mountpoint:str name:str fstype:str dev_aliases:str<256>}<256> ret:u32", SK_OP_AGENT_INFO, sk_lv_get_fsinfo },
    { 353, "DOMAIN_INTERFACE_ADDRESSES", "dom source:u32 flags", "ifaces:{name:str hwaddr:str? addrs:{type:i32 addr:str prefix:u32}<2048>}<2048>", SK_OP_AGENT_ADDRESSES, interface_addresses },
    { 357, "DOMAIN_SET_USER_PASSWORD", "dom user:str? password:str? flags", "", SK_OP_AGENT_PASSWORD, set_password },
    { 418, "DOMAIN_GET_GUEST_INFO", "dom types:u32 flags", "params:tp<2048>", SK_OP_AGENT_INFO, sk_lv_get_guest_info },
    { 420, "DOMAIN_AGENT_SET_RESPONSE_TIMEOUT", "dom timeout:i32 flags", "result:i32", SK_OP_AGENT_WAIT, sk_lv_agent_timeout },
    { 424, "DOMAIN_AUTHORIZED_SSH_KEYS_GET", "dom user:str flags", "keys:str<2048>", SK_OP_AGENT_KEYS, sk_lv_get_ssh_keys },
    { 425, "DOMAIN_AUTHORIZED_SSH_KEYS_SET", "dom user:str keys:str<2048> flags", "", SK_OP_AGENT_SET_KEYS, sk_lv_set_ssh_keys },
};
SK_LV_FAMILY(sk_lv_domain_agent_family, "Domain: guest agent", QEMU, rows);
