/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: host interfaces. They are shown as the kernel has them; who sets them up is the host's own business. */
#include <net/if.h>
#include <string.h>

#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "codec/xml/xml.h"
#include "network/netlink/links.h"

/* Links that hang on a guest are the guest's. */
static gboolean
is_shown(const SkLink *link)
{
    return !g_str_equal(link->kind, "tun") && !g_str_equal(link->kind, "macvtap") && *link->mac != '\0';
}

static GPtrArray *
links_shown(GError **error)
{
    GPtrArray *links = sk_netlink_links(error);
    for (guint i = links != NULL ? links->len : 0; i > 0; i--) {
        if (!is_shown(links->pdata[i - 1]))
            g_ptr_array_remove_index(links, i - 1);
    }
    return links;
}

static gboolean
is_up(const SkLink *link)
{
    return (link->flags & IFF_UP) != 0;
}

static void
put_link(GByteArray *out, const SkLink *link)
{
    sk_xdr_put_str(out, link->name);
    sk_xdr_put_str(out, link->mac);
}

/* -- lists ------------------------------------------------------------------------------------------------------------ */

enum { INACTIVE = 1, ACTIVE = 2 };

static gboolean
list_all(SkLvCall *call, GError **error)
{
    static const guint groups[] = { INACTIVE | ACTIVE, 0 };
    g_autoptr(GPtrArray) links = sk_lv_check_flags(call, INACTIVE | ACTIVE, error) ? links_shown(error) : NULL;
    guint flags = sk_lv_uint(call, "flags"), count = 0;
    gboolean results = sk_lv_int(call, "need_results") != 0;
    if (links == NULL)
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < links->len && count < 16384; i++) {
        const SkLink *link = links->pdata[i];
        if (!sk_lv_passes(flags, is_up(link) ? ACTIVE : INACTIVE, groups))
            continue;
        if (results)
            put_link(call->out, link);
        count++;
    }
    sk_xdr_list_end(call->out, place, results ? count : 0);
    sk_xdr_put_u32(call->out, count);
    return TRUE;
}

static gboolean
count_links(SkLvCall *call, gboolean up, GError **error)
{
    g_autoptr(GPtrArray) links = links_shown(error);
    gint count = 0;
    for (guint i = 0; links != NULL && i < links->len; i++)
        count += is_up(links->pdata[i]) == up;
    sk_xdr_put_i32(call->out, count);
    return links != NULL;
}

static gboolean
list_links(SkLvCall *call, gboolean up, GError **error)
{
    g_autoptr(GPtrArray) links = links_shown(error);
    guint count = 0, max = (guint) CLAMP(sk_lv_int(call, "maxnames"), 0, 16384);
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; links != NULL && i < links->len && count < max; i++) {
        const SkLink *link = links->pdata[i];
        if (is_up(link) != up)
            continue;
        sk_xdr_put_str(call->out, link->name);
        count++;
    }
    sk_xdr_list_end(call->out, place, count);
    return links != NULL;
}

static gboolean
count_active(SkLvCall *call, GError **error)
{
    return count_links(call, TRUE, error);
}

static gboolean
count_inactive(SkLvCall *call, GError **error)
{
    return count_links(call, FALSE, error);
}

static gboolean
list_active(SkLvCall *call, GError **error)
{
    return list_links(call, TRUE, error);
}

static gboolean
list_inactive(SkLvCall *call, GError **error)
{
    return list_links(call, FALSE, error);
}

/* -- one of them ------------------------------------------------------------------------------------------------------------ */

static SkLink *
find(const char *name, GError **error)
{
    g_autofree SkLink *link = strlen(name) < IFNAMSIZ ? sk_netlink_link(name, NULL) : NULL;
    if (link != NULL && is_shown(link))
        return g_steal_pointer(&link);
    sk_fail(error, SK_ERROR_NO_INTERFACE, "couldn't find interface named '%.64s'", name);
    return NULL;
}

static gboolean
lookup_by_name(SkLvCall *call, GError **error)
{
    g_autofree SkLink *link = find(sk_lv_str(call, "name"), error);
    if (link == NULL)
        return FALSE;
    put_link(call->out, link);
    return TRUE;
}

static gboolean
lookup_by_mac(SkLvCall *call, GError **error)
{
    const char *mac = sk_lv_str(call, "mac");
    g_autoptr(GPtrArray) links = links_shown(error);
    for (guint i = 0; links != NULL && i < links->len; i++) {
        const SkLink *link = links->pdata[i];
        if (g_ascii_strcasecmp(link->mac, mac) == 0) {
            put_link(call->out, link);
            return TRUE;
        }
    }
    return links != NULL && sk_fail(error, SK_ERROR_NO_INTERFACE, "couldn't find interface with MAC address '%.64s'", mac);
}

static gboolean
is_active(SkLvCall *call, GError **error)
{
    g_autofree SkLink *link = find(sk_lv_str(call, "iface.name"), error);
    if (link == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, is_up(link));
    return TRUE;
}

static char **
addresses_of(const SkLink *link)
{
    g_autoptr(GPtrArray) found = sk_netlink_addresses(link->name, NULL);
    GPtrArray *texts = g_ptr_array_new();
    for (guint i = 0; found != NULL && i < found->len; i++)
        g_ptr_array_add(texts, g_strdup(((const SkPrefix *) found->pdata[i])->subnet));
    g_ptr_array_add(texts, NULL);
    return (char **) g_ptr_array_free(texts, FALSE);
}

static char **
ports_of(const SkLink *bridge)
{
    g_autoptr(GPtrArray) links = sk_netlink_links(NULL);
    GPtrArray *names = g_ptr_array_new();
    for (guint i = 0; links != NULL && i < links->len; i++) {
        const SkLink *link = links->pdata[i];
        if (link->master == bridge->index)
            g_ptr_array_add(names, g_strdup(link->name));
    }
    g_ptr_array_add(names, NULL);
    return (char **) g_ptr_array_free(names, FALSE);
}

static gboolean
get_xml_desc(SkLvCall *call, GError **error)
{
    g_autofree SkLink *link = sk_lv_check_flags(call, 1, error) ? find(sk_lv_str(call, "iface.name"), error) : NULL;
    if (link == NULL)
        return FALSE;
    g_auto(GStrv) addresses = addresses_of(link), ports = ports_of(link);
    const SkXmlHostInterface shown = { .name = link->name, .mac = link->mac, .addresses = (const char *const *) addresses,
                                       .ports = (const char *const *) ports, .bridge = g_str_equal(link->kind, "bridge"), .up = is_up(link) };
    g_autofree char *xml = sk_xml_host_interface_format(&shown);
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

/* Why none is made here. */
#define REFUSED .lacks = "links of the host belong to its own network configuration: change them there, or define a network for guests"

static const SkLvProcedure rows[] = {
    { 126, "CONNECT_NUM_OF_INTERFACES", "", "num:i32", SK_OP_NODE_SHOW, count_active },
    { 127, "CONNECT_LIST_INTERFACES", "maxnames:i32", "names:str<16384>", SK_OP_NODE_SHOW, list_active },
    { 128, "INTERFACE_LOOKUP_BY_NAME", "name:str", "iface", SK_OP_NODE_SHOW, lookup_by_name },
    { 129, "INTERFACE_LOOKUP_BY_MAC_STRING", "mac:str", "iface", SK_OP_NODE_SHOW, lookup_by_mac },
    { 130, "INTERFACE_GET_XML_DESC", "iface flags", "xml:str", SK_OP_NODE_SHOW, get_xml_desc },
    { 131, "INTERFACE_DEFINE_XML", "xml:str flags", "iface", REFUSED },
    { 132, "INTERFACE_UNDEFINE", "iface", "", REFUSED },
    { 133, "INTERFACE_CREATE", "iface flags", "", REFUSED },
    { 134, "INTERFACE_DESTROY", "iface flags", "", REFUSED },
    { 137, "CONNECT_NUM_OF_DEFINED_INTERFACES", "", "num:i32", SK_OP_NODE_SHOW, count_inactive },
    { 138, "CONNECT_LIST_DEFINED_INTERFACES", "maxnames:i32", "names:str<16384>", SK_OP_NODE_SHOW, list_inactive },
    { 156, "INTERFACE_IS_ACTIVE", "iface", "active:i32", SK_OP_NODE_SHOW, is_active },
    { 220, "INTERFACE_CHANGE_BEGIN", NULL, NULL, REFUSED },
    { 221, "INTERFACE_CHANGE_COMMIT", NULL, NULL, REFUSED },
    { 222, "INTERFACE_CHANGE_ROLLBACK", NULL, NULL, REFUSED },
    { 284, "CONNECT_LIST_ALL_INTERFACES", "need_results:i32 flags", "ifaces:iface<16384> ret:u32", SK_OP_NODE_SHOW, list_all },
};
SK_LV_FAMILY(sk_lv_interface_family, "Host interfaces", INTERFACE, rows);
