/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses and routes. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "network/netlink/attr.h"
#include "network/netlink/links.h"

typedef struct {
    SkNlBytes local, address;
    guint32 flags;
} AddressMessage;

static const SkNlAttr address_table[] = { SK_NL_ATTR(IFA_LOCAL, BYTES, AddressMessage, local),
                                          SK_NL_ATTR(IFA_ADDRESS, BYTES, AddressMessage, address),
                                          SK_NL_ATTR(IFA_FLAGS, U32, AddressMessage, flags),
                                          { 0 } };

typedef struct {
    SkNlBytes destination, gateway;
    guint32 link, table, metric;
} RouteMessage;

static const SkNlAttr route_table[] = { SK_NL_ATTR(RTA_DST, BYTES, RouteMessage, destination),
                                        SK_NL_ATTR(RTA_OIF, U32, RouteMessage, link),
                                        SK_NL_ATTR(RTA_TABLE, U32, RouteMessage, table),
                                        SK_NL_ATTR(RTA_GATEWAY, BYTES, RouteMessage, gateway),
                                        SK_NL_ATTR(RTA_PRIORITY, U32, RouteMessage, metric),
                                        { 0 } };

typedef struct {
    SkNlBytes address, mac;
} NeighbourMessage;

static const SkNlAttr neighbour_table[] = { SK_NL_ATTR(NDA_DST, BYTES, NeighbourMessage, address),
                                            SK_NL_ATTR(NDA_LLADDR, BYTES, NeighbourMessage, mac),
                                            { 0 } };

/* -- change ------------------------------------------------------------------------------------------------ */

/* Fills the message's header and attributes from "192.168.1.5/24". */
static gboolean
address_message(struct nlmsghdr *message, const char *link, const char *subnet, GError **error)
{
    if (!sk_check_subnet(subnet, "address", error))
        return FALSE;
    g_auto(GStrv) parts = g_strsplit(subnet, "/", 2);
    SkNlBytes bytes = sk_nl_address(parts[0]);
    /* No duplicate detection: the bridge is ours alone, and without a carrier it would never end. */
    AddressMessage address = { .local = bytes, .address = bytes, .flags = bytes.length == 16 ? IFA_F_NODAD : 0 };
    struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    header->ifa_family = bytes.length == 16 ? AF_INET6 : AF_INET;
    header->ifa_prefixlen = (guint8) g_ascii_strtoull(parts[1], NULL, 10);
    header->ifa_index = sk_netlink_index(link);
    if (header->ifa_index == 0)
        return sk_fail(error, SK_ERROR_NOT_FOUND, "the host has no link \"%s\"", link);
    sk_nl_encode(message, address_table, &address);
    return TRUE;
}

gboolean
sk_netlink_address_add(const char *link, const char *subnet, GError **error)
{
    SkNlBuffer buffer;
    struct nlmsghdr *message =
        sk_nl_message(&buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(struct ifaddrmsg));
    return address_message(message, link, subnet, error) &&
           sk_nl_change(message, error, "give \"%s\" the address %s", link, subnet);
}

gboolean
sk_netlink_address_remove(const char *link, const char *subnet, GError **error)
{
    SkNlBuffer buffer;
    struct nlmsghdr *message = sk_nl_message(&buffer, RTM_DELADDR, 0, sizeof(struct ifaddrmsg));
    if (!address_message(message, link, subnet, error))
        return FALSE;
    gint errnum = sk_nl_talk(message, NULL, NULL, NULL);
    return errnum == 0 || errnum == EADDRNOTAVAIL ||
           sk_fail_errno(error, errnum, "cannot take the address %s from \"%s\"", subnet, link);
}

static gboolean
route_message(struct nlmsghdr *message, const char *link, const char *subnet, const char *gateway, guint metric, GError **error)
{
    if (!sk_check_subnet(subnet, "route", error))
        return FALSE;
    g_auto(GStrv) parts = g_strsplit(subnet, "/", 2);
    RouteMessage route = { .destination = sk_nl_address(parts[0]), .gateway = sk_nl_address(gateway), .link = sk_netlink_index(link),
                           .table = RT_TABLE_MAIN, .metric = metric };
    struct rtmsg *header = mnl_nlmsg_get_payload(message);
    if (route.link == 0)
        return sk_fail(error, SK_ERROR_NOT_FOUND, "the host has no link \"%s\"", link);
    header->rtm_family = route.destination.length == 16 ? AF_INET6 : AF_INET;
    header->rtm_dst_len = (guint8) g_ascii_strtoull(parts[1], NULL, 10);
    header->rtm_table = RT_TABLE_MAIN;
    header->rtm_protocol = RTPROT_STATIC;
    header->rtm_type = RTN_UNICAST;
    sk_nl_encode(message, route_table, &route);
    return TRUE;
}

/* The kernel tells only that there is one of that destination and metric. */
static gboolean
has_route(const char *link, const char *subnet)
{
    g_autoptr(GPtrArray) routes = sk_netlink_routes(NULL);
    guint index = sk_netlink_index(link);
    for (guint i = 0; routes != NULL && i < routes->len; i++) {
        const SkPrefix *route = routes->pdata[i];
        if (route->link == index && route->protocol == RTPROT_STATIC && g_str_equal(route->subnet, subnet))
            return TRUE;
    }
    return FALSE;
}

gboolean
sk_netlink_route_add(const char *link, const char *subnet, const char *gateway, guint metric, GError **error)
{
    SkNlBuffer buffer;
    struct nlmsghdr *message = sk_nl_message(&buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct rtmsg));
    if (!route_message(message, link, subnet, gateway, metric, error))
        return FALSE;
    gint errnum = sk_nl_talk(message, NULL, NULL, NULL);
    if (errnum == EEXIST && !has_route(link, subnet))
        return sk_fail(error, SK_ERROR_EXISTS, "the host has another route to %s already: take it away, or give this one a metric", subnet);
    return errnum == 0 || errnum == EEXIST || sk_fail_errno(error, errnum, "cannot make the route to %s through %s", subnet, gateway);
}

gboolean
sk_netlink_route_remove(const char *link, const char *subnet, const char *gateway, guint metric, GError **error)
{
    SkNlBuffer buffer;
    struct nlmsghdr *message = sk_nl_message(&buffer, RTM_DELROUTE, 0, sizeof(struct rtmsg));
    if (!route_message(message, link, subnet, gateway, metric, error))
        return FALSE;
    gint errnum = sk_nl_talk(message, NULL, NULL, NULL);
    return errnum == 0 || errnum == ESRCH || sk_fail_errno(error, errnum, "cannot take the route to %s away", subnet);
}

/* -- query ------------------------------------------------------------------------------------------------- */

static SkPrefix *
new_prefix(guint8 family, const SkNlBytes *bytes, guint8 bits)
{
    char text[INET6_ADDRSTRLEN] = "";
    SkPrefix *prefix = g_new0(SkPrefix, 1);
    inet_ntop(family, bytes->data, text, sizeof text);
    g_snprintf(prefix->subnet, sizeof prefix->subnet, "%s/%u", text, bits);
    prefix->six = family == AF_INET6;
    return prefix;
}

typedef struct {
    GPtrArray *found;
    guint link;         /* index, or 0 for all */
} Collect;

static int
take_address(const struct nlmsghdr *message, void *data)
{
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    Collect *collect = data;
    AddressMessage raw = { 0 };
    if (message->nlmsg_type != RTM_NEWADDR || (header->ifa_family != AF_INET && header->ifa_family != AF_INET6) ||
        (collect->link != 0 && header->ifa_index != collect->link))
        return MNL_CB_OK;
    sk_nl_decode(message, sizeof *header, address_table, &raw);
    /* IFA_ADDRESS is the peer's where there is one, IFA_LOCAL our own; IPv6 often has the former only. */
    SkPrefix *prefix = new_prefix(header->ifa_family, raw.local.length > 0 ? &raw.local : &raw.address, header->ifa_prefixlen);
    prefix->link = header->ifa_index;
    g_ptr_array_add(collect->found, prefix);
    return MNL_CB_OK;
}

static int
take_route(const struct nlmsghdr *message, void *data)
{
    const struct rtmsg *header = mnl_nlmsg_get_payload(message);
    Collect *collect = data;
    RouteMessage raw = { 0 };
    if (message->nlmsg_type != RTM_NEWROUTE || (header->rtm_family != AF_INET && header->rtm_family != AF_INET6) ||
        header->rtm_type != RTN_UNICAST)
        return MNL_CB_OK;
    raw.table = header->rtm_table;
    sk_nl_decode(message, sizeof *header, route_table, &raw);
    if (raw.table == RT_TABLE_LOCAL)
        return MNL_CB_OK;
    SkPrefix *prefix = new_prefix(header->rtm_family, &raw.destination, header->rtm_dst_len);
    prefix->link = raw.link;
    prefix->protocol = header->rtm_protocol;
    prefix->table = raw.table;
    g_ptr_array_add(collect->found, prefix);
    return MNL_CB_OK;
}

static int
take_neighbour(const struct nlmsghdr *message, void *data)
{
    const struct ndmsg *header = mnl_nlmsg_get_payload(message);
    const guint known = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
    Collect *collect = data;
    NeighbourMessage raw = { 0 };
    if (message->nlmsg_type != RTM_NEWNEIGH || (header->ndm_family != AF_INET && header->ndm_family != AF_INET6) || (header->ndm_state & known) == 0)
        return MNL_CB_OK;
    sk_nl_decode(message, sizeof *header, neighbour_table, &raw);
    if (raw.mac.length != 6 || raw.address.length != (header->ndm_family == AF_INET6 ? 16u : 4u))
        return MNL_CB_OK;
    SkNeighbour *neighbour = g_new0(SkNeighbour, 1);
    const guint8 *mac = raw.mac.data;
    neighbour->link = (guint) header->ndm_ifindex;
    inet_ntop(header->ndm_family, raw.address.data, neighbour->address, sizeof neighbour->address);
    g_snprintf(neighbour->mac, sizeof neighbour->mac, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    g_ptr_array_add(collect->found, neighbour);
    return MNL_CB_OK;
}

static GPtrArray *
dump(guint16 type, gsize header_size, mnl_cb_t take, guint link, const char *what, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    Collect collect = { found, link };
    SkNlBuffer buffer;
    sk_nl_message(&buffer, type, NLM_F_DUMP, header_size);
    gint errnum = sk_nl_dump(&buffer, take, &collect, found);
    if (errnum != 0) {
        sk_fail_errno(error, errnum, "cannot list the host's %s", what);
        return NULL;
    }
    return g_steal_pointer(&found);
}

GPtrArray *
sk_netlink_addresses(const char *link, GError **error)
{
    guint index = link != NULL ? sk_netlink_index(link) : 0;
    if (link != NULL && index == 0) {
        sk_fail(error, SK_ERROR_NOT_FOUND, "the host has no link \"%s\"", link);
        return NULL;
    }
    return dump(RTM_GETADDR, sizeof(struct ifaddrmsg), take_address, index, "addresses", error);
}

GPtrArray *
sk_netlink_neighbours(GError **error)
{
    return dump(RTM_GETNEIGH, sizeof(struct ndmsg), take_neighbour, 0, "neighbours", error);
}

GPtrArray *
sk_netlink_routes(GError **error)
{
    return dump(RTM_GETROUTE, sizeof(struct rtmsg), take_route, 0, "routes", error);
}
