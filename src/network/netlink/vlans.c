/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VLANs of the kernel's bridges. */
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/error.h"
#include "network/netlink/attr.h"
#include "network/netlink/links.h"

#define LAST_VLAN 4094

typedef struct {
    char kind[16];
    guint8 filters;
} BridgeMessage;

static const SkNlAttr data_table[] = { SK_NL_ATTR(IFLA_BR_VLAN_FILTERING, U8, BridgeMessage, filters), { 0 } };
static const SkNlAttr info_table[] = { SK_NL_ATTR(IFLA_INFO_KIND, STRING, BridgeMessage, kind), SK_NL_INSIDE(IFLA_INFO_DATA, data_table), { 0 } };
static const SkNlAttr bridge_table[] = { SK_NL_INSIDE(IFLA_LINKINFO, info_table), { 0 } };

/* A message about the link; family AF_BRIDGE: about a port. NULL: there is no such link. */
static struct nlmsghdr *
link_message(SkNlBuffer *buffer, guint16 type, guint8 family, const char *name, GError **error)
{
    struct nlmsghdr *message = sk_nl_message(buffer, type, 0, sizeof(struct ifinfomsg));
    struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    header->ifi_family = family;
    header->ifi_index = (gint) sk_netlink_index(name);
    if (header->ifi_index != 0)
        return message;
    sk_fail(error, SK_ERROR_NOT_FOUND, "the host has no link \"%s\"", name);
    return NULL;
}

/* -- bridges ---------------------------------------------------------------------------------------------- */

static int
take_bridge(const struct nlmsghdr *message, void *data)
{
    if (message->nlmsg_type == RTM_NEWLINK)
        sk_nl_decode(message, sizeof(struct ifinfomsg), bridge_table, data);
    return MNL_CB_OK;
}

gboolean
sk_netlink_bridge_filters(const char *name, GError **error)
{
    SkNlBuffer buffer;
    BridgeMessage bridge = { 0 };
    struct nlmsghdr *message = link_message(&buffer, RTM_GETLINK, AF_UNSPEC, name, error);
    gint errnum = message != NULL ? sk_nl_talk(message, take_bridge, &bridge, NULL) : 0;
    if (errnum != 0)
        sk_fail_errno(error, errnum, "cannot look at the bridge \"%s\"", name);
    return g_str_equal(bridge.kind, "bridge") && bridge.filters != 0;
}

gboolean
sk_netlink_bridge_filter(const char *name, GError **error)
{
    const BridgeMessage bridge = { .kind = "bridge", .filters = 1 };
    SkNlBuffer buffer;
    struct nlmsghdr *message = link_message(&buffer, RTM_NEWLINK, AF_UNSPEC, name, error);
    if (message == NULL)
        return FALSE;
    sk_nl_encode(message, bridge_table, &bridge);
    return sk_nl_change(message, error, "make the bridge \"%s\" look at VLAN tags", name);
}

/* -- ports -------------------------------------------------------------------------------------------------- */

static void
put_vlan(struct nlmsghdr *message, guint id, guint flags)
{
    const struct bridge_vlan_info info = { .flags = (guint16) flags, .vid = (guint16) id };
    mnl_attr_put(message, IFLA_BRIDGE_VLAN_INFO, sizeof info, &info);
}

/* The default VLAN that the bridge gave it, and whatever it was in before. */
static gboolean
leave_all(const char *port, GError **error)
{
    SkNlBuffer buffer;
    struct nlmsghdr *message = link_message(&buffer, RTM_DELLINK, AF_BRIDGE, port, error);
    if (message == NULL)
        return FALSE;
    struct nlattr *list = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    put_vlan(message, 1, BRIDGE_VLAN_INFO_RANGE_BEGIN);
    put_vlan(message, LAST_VLAN, BRIDGE_VLAN_INFO_RANGE_END);
    mnl_attr_nest_end(message, list);
    return sk_nl_change(message, error, "take \"%s\" out of the default VLAN of its bridge", port);
}

/* What comes without a tag is of the port's VLAN; what goes without one is all that a guest gets that sees no tags. */
static guint
flags_of(const SkVlan *vlan, const SkVlanTag *tag)
{
    guint flags = !vlan->trunk || tag->native != SK_NATIVE_DEFAULT ? BRIDGE_VLAN_INFO_PVID : 0;
    return flags | (!vlan->trunk || tag->native == SK_NATIVE_UNTAGGED ? BRIDGE_VLAN_INFO_UNTAGGED : 0);
}

static gboolean
join(const char *port, const SkVlan *vlan, const SkVlanTag *tag, GError **error)
{
    SkNlBuffer buffer;
    struct nlmsghdr *message = link_message(&buffer, RTM_SETLINK, AF_BRIDGE, port, error);
    if (message == NULL)
        return FALSE;
    struct nlattr *list = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    put_vlan(message, tag->id, flags_of(vlan, tag));
    mnl_attr_nest_end(message, list);
    return sk_nl_change(message, error, "put \"%s\" into VLAN %u", port, tag->id);
}

gboolean
sk_netlink_port_vlan(const char *port, const SkVlan *vlan, GError **error)
{
    if (!leave_all(port, error))
        return FALSE;
    for (guint i = 0; i < vlan->tags->len; i++) {
        if (!join(port, vlan, vlan->tags->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}
