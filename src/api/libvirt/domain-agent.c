/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: guest agent. */
#include <string.h>

#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "base/text.h"

static SkCall *
ask_agent(SkLvCall *call, SkOperationId id, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL)
        return NULL;
    SkCall *op = sk_lv_operation(call, id);
    op->params.name = g_strdup(domain->spec->uuid);
    return op;
}

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
    if (sk_lv_value(call, "mountpoints")->count > 0 && call->procedure->op == SK_OP_AGENT_FREEZE)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "all file systems are frozen, or none: give no mount points");
    SkCall *op = ask_agent(call, call->procedure->op, error);
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
    SkCall *op = ask_agent(call, SK_OP_AGENT_PASSWORD, error);
    if (op == NULL)
        return FALSE;
    SkAgentPassword *body = sk_value_new(&sk_agent_password_type);
    body->user = g_strdup(user);
    body->password = g_strdup(password);
    body->crypted = (sk_lv_uint(call, "flags") & PASSWORD_ENCRYPTED) != 0;
    op->body = body;
    if (sk_value_check(&sk_agent_password_type, body, NULL, error))
        return sk_lv_dispatch(call, op, NULL);
    sk_call_free(op);
    return FALSE;
}

/* -- addresses ---------------------------------------------------------------------------------------------------------- */

enum { SOURCE_LEASE, SOURCE_AGENT, SOURCE_ARP };

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
put_agent_addresses(SkLvCall *call, SkCall *op, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    g_autoptr(json_t) answer = sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error);
    if (domain == NULL || answer == NULL)
        return FALSE;
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    gsize i;
    json_t *entry;
    json_array_foreach (json_object_get(answer, "items"), i, entry) {
        SkDomainAddress *address = sk_json_decode(&sk_domain_address_type, entry, NULL);
        if (address != NULL)
            g_ptr_array_add(list, address);
    }
    put_addresses(call, domain, list);
    for (guint j = 0; j < list->len; j++)
        sk_value_free(&sk_domain_address_type, list->pdata[j]);
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
        SkCall *op = ask_agent(call, SK_OP_AGENT_ADDRESSES, error);
        return op != NULL && sk_lv_dispatch(call, op, put_agent_addresses);
    }
    put_addresses(call, domain, domain->addresses);
    return TRUE;
}

static const SkLvProcedure rows[] = {
    { 277, "DOMAIN_GET_HOSTNAME", "dom flags", "hostname:str" },
    { 294, "DOMAIN_FSTRIM", "dom mountPoint:str? minimum:u64 flags", "" },
    { 335, "DOMAIN_FSFREEZE", "dom mountpoints:str<256> flags", "filesystems:i32", SK_OP_AGENT_FREEZE, freeze_or_thaw, .lacks = "a choice of mount points" },
    { 336, "DOMAIN_FSTHAW", "dom mountpoints:str<256> flags", "filesystems:i32", SK_OP_AGENT_THAW, freeze_or_thaw },
    { 337, "DOMAIN_GET_TIME", "dom flags", "seconds:i64 nseconds:u32" },
    { 338, "DOMAIN_SET_TIME", "dom seconds:i64 nseconds:u32 flags", "" },
    { 349, "DOMAIN_GET_FSINFO", "dom flags", "info:{mountpoint:str name:str fstype:str dev_aliases:str<256>}<256> ret:u32" },
    { 353, "DOMAIN_INTERFACE_ADDRESSES", "dom source:u32 flags", "ifaces:{name:str hwaddr:str? addrs:{type:i32 addr:str prefix:u32}<2048>}<2048>", SK_OP_AGENT_ADDRESSES, interface_addresses, .lacks = "ARP: the same as leases" },
    { 357, "DOMAIN_SET_USER_PASSWORD", "dom user:str? password:str? flags", "", SK_OP_AGENT_PASSWORD, set_password },
    { 418, "DOMAIN_GET_GUEST_INFO", "dom types:u32 flags", "params:tp<2048>" },
    { 420, "DOMAIN_AGENT_SET_RESPONSE_TIMEOUT", NULL, NULL },
    { 424, "DOMAIN_AUTHORIZED_SSH_KEYS_GET", "dom user:str flags", "keys:str<2048>" },
    { 425, "DOMAIN_AUTHORIZED_SSH_KEYS_SET", "dom user:str keys:str<2048> flags", "" },
};
SK_LV_FAMILY(sk_lv_domain_agent_family, "Domain: guest agent", QEMU, rows);
