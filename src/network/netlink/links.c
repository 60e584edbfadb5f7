/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links: bridges, macvtaps, ports, statistics. */
#include "network/netlink/links.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "base/error.h"
#include "network/netlink/attr.h"

/* -- what a link message consists of -------------------------------------------------------------------- */

typedef struct {
    char name[IFNAMSIZ], kind[16], alias[48];
    SkNlBytes mac;
    guint32 mtu, master, parent;
    guint32 macvlan_mode, asked;
    guint8 addr_gen_mode;
    struct rtnl_link_stats64 stats;
} LinkMessage;

static const SkNlAttr macvlan_table[] = { SK_NL_ATTR(IFLA_MACVLAN_MODE, U32, LinkMessage, macvlan_mode), { 0 } };
static const SkNlAttr info_table[] = { SK_NL_ATTR(IFLA_INFO_KIND, STRING, LinkMessage, kind), { 0 } };
static const SkNlAttr macvtap_info_table[] = { SK_NL_ATTR(IFLA_INFO_KIND, STRING, LinkMessage, kind),
                                               SK_NL_INSIDE(IFLA_INFO_DATA, macvlan_table),
                                               { 0 } };
static const SkNlAttr inet6_table[] = { SK_NL_ATTR(IFLA_INET6_ADDR_GEN_MODE, U8, LinkMessage, addr_gen_mode), { 0 } };
static const SkNlAttr family_table[] = { SK_NL_INSIDE(AF_INET6, inet6_table), { 0 } };

#define COMMON_ATTRS                                                                               \
    SK_NL_ATTR(IFLA_IFNAME, STRING, LinkMessage, name), SK_NL_ATTR(IFLA_ADDRESS, BYTES, LinkMessage, mac), \
        SK_NL_ATTR(IFLA_MTU, U32, LinkMessage, mtu), SK_NL_ATTR(IFLA_MASTER, U32, LinkMessage, master),    \
        SK_NL_ATTR(IFLA_LINK, U32, LinkMessage, parent), SK_NL_ATTR(IFLA_IFALIAS, STRING, LinkMessage, alias)

static const SkNlAttr read_table[] = { COMMON_ATTRS, SK_NL_INSIDE(IFLA_LINKINFO, info_table),
                                       SK_NL_ATTR(IFLA_STATS64, RAW, LinkMessage, stats), { 0 } };
static const SkNlAttr bridge_table[] = { COMMON_ATTRS, SK_NL_INSIDE(IFLA_LINKINFO, info_table), { 0 } };
static const SkNlAttr macvtap_table[] = { COMMON_ATTRS, SK_NL_INSIDE(IFLA_LINKINFO, macvtap_info_table), { 0 } };
static const SkNlAttr ask_table[] = { SK_NL_ATTR(IFLA_EXT_MASK, U32, LinkMessage, asked), { 0 } };
static const SkNlAttr change_table[] = { COMMON_ATTRS, SK_NL_INSIDE(IFLA_AF_SPEC, family_table), { 0 } };

/* The statistics we show, by the kernel's members. */
static const struct {
    gsize ours, kernels;
} stat_table[] = {
#define STAT(member) { G_STRUCT_OFFSET(SkLinkStats, member), G_STRUCT_OFFSET(struct rtnl_link_stats64, member) }
    STAT(rx_bytes), STAT(rx_packets), STAT(rx_errors), STAT(rx_dropped),
    STAT(tx_bytes), STAT(tx_packets), STAT(tx_errors), STAT(tx_dropped),
#undef STAT
};

static void
copy_name(char *to, const char *name)
{
    g_strlcpy(to, name, IFNAMSIZ);
}

/* -- create ------------------------------------------------------------------------------------------------ */

static struct nlmsghdr *
link_message(SkNlBuffer *buffer, guint16 type, guint16 flags, const SkNlAttr *table, const LinkMessage *link)
{
    struct nlmsghdr *message = sk_nl_message(buffer, type, flags, sizeof(struct ifinfomsg));
    sk_nl_encode(message, table, link);
    return message;
}

gboolean
sk_netlink_bridge_add(const char *name, const char *mac, guint mtu, GError **error)
{
    LinkMessage link = { .kind = "bridge", .mac = sk_nl_mac(mac), .mtu = mtu };
    SkNlBuffer buffer;
    copy_name(link.name, name);
    struct nlmsghdr *message = link_message(&buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, bridge_table, &link);
    return sk_nl_change(message, error, "make the bridge \"%s\"", name);
}

/* By hand, as here 0 is a value too. */
gboolean
sk_netlink_bridge_stp(const char *name, gboolean on, guint delay, GError **error)
{
    LinkMessage link = { 0 };
    SkNlBuffer buffer;
    copy_name(link.name, name);
    struct nlmsghdr *message = link_message(&buffer, RTM_NEWLINK, 0, bridge_table, &link);
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "bridge");
    struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    if (on)
        mnl_attr_put_u32(message, IFLA_BR_FORWARD_DELAY, CLAMP(delay, 2, 30) * 100);
    mnl_attr_put_u32(message, IFLA_BR_STP_STATE, on);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    return sk_nl_change(message, error, "switch the spanning tree of the bridge \"%s\" %s", name, on ? "on" : "off");
}

gboolean
sk_netlink_macvtap_add(const char *name, const char *parent, gint mode, const char *mac, GError **error)
{
    static const guint32 modes[SK_N_DIRECT_MODES] = { [SK_DIRECT_BRIDGE] = MACVLAN_MODE_BRIDGE,
                                                      [SK_DIRECT_VEPA] = MACVLAN_MODE_VEPA,
                                                      [SK_DIRECT_PRIVATE] = MACVLAN_MODE_PRIVATE,
                                                      [SK_DIRECT_PASSTHROUGH] = MACVLAN_MODE_PASSTHRU };
    LinkMessage link = { .kind = "macvtap", .mac = sk_nl_mac(mac), .macvlan_mode = modes[mode] };
    SkNlBuffer buffer;
    copy_name(link.name, name);
    link.parent = sk_netlink_index(parent);
    if (link.parent == 0)
        return sk_fail(error, SK_ERROR_NOT_FOUND, "cannot make a macvtap on \"%s\": there is no such link", parent);
    struct nlmsghdr *message = link_message(&buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, macvtap_table, &link);
    return sk_nl_change(message, error, "make the macvtap \"%s\" on \"%s\"", name, parent);
}

/* -- query ------------------------------------------------------------------------------------------------- */

static SkLink *
read_link(const struct nlmsghdr *message)
{
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    LinkMessage raw = { 0 };
    sk_nl_decode(message, sizeof *header, read_table, &raw);

    SkLink *link = g_new0(SkLink, 1);
    link->index = (guint) header->ifi_index;
    link->flags = header->ifi_flags;
    link->mtu = raw.mtu;
    link->master = raw.master;
    copy_name(link->name, raw.name);
    g_strlcpy(link->kind, raw.kind, sizeof link->kind);
    g_strlcpy(link->alias, raw.alias, sizeof link->alias);
    if (raw.mac.length == 6) {
        const guint8 *m = raw.mac.data;
        g_snprintf(link->mac, sizeof link->mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(stat_table); i++)
        G_STRUCT_MEMBER(guint64, &link->stats, stat_table[i].ours) =
            G_STRUCT_MEMBER(guint64, &raw.stats, stat_table[i].kernels);
    return link;
}

static int
take_link(const struct nlmsghdr *message, void *data)
{
    if (message->nlmsg_type == RTM_NEWLINK)
        g_ptr_array_add(data, read_link(message));
    return MNL_CB_OK;
}

GPtrArray *
sk_netlink_links(GError **error)
{
    /* Without the statistics of each protocol, which are most of a dump and not ours. */
    const LinkMessage ask = { .asked = RTEXT_FILTER_SKIP_STATS };
    g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func(g_free);
    SkNlBuffer buffer;
    link_message(&buffer, RTM_GETLINK, NLM_F_DUMP, ask_table, &ask);
    gint errnum = sk_nl_dump(&buffer, take_link, links, links);
    if (errnum != 0) {
        sk_fail_errno(error, errnum, "cannot list the host's links");
        return NULL;
    }
    return g_steal_pointer(&links);
}

SkLink *
sk_netlink_link(const char *name, GError **error)
{
    SkNlBuffer buffer;
    LinkMessage wanted = { 0 };
    g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func(g_free);
    copy_name(wanted.name, name);
    struct nlmsghdr *message = link_message(&buffer, RTM_GETLINK, 0, bridge_table, &wanted);
    gint errnum = sk_nl_talk(message, take_link, links, NULL);
    if (links->len > 0)
        return g_ptr_array_steal_index(links, 0);
    if (errnum == ENODEV || errnum == 0)
        sk_fail(error, SK_ERROR_NOT_FOUND, "the host has no link \"%s\"", name);
    else
        sk_fail_errno(error, errnum, "cannot look at the link \"%s\"", name);
    return NULL;
}

guint
sk_netlink_index(const char *name)
{
    return if_nametoindex(name);
}

gboolean
sk_netlink_may_change(char **out_why)
{
    /* The kernel looks at the right before it looks for the link, which cannot be there. */
    LinkMessage none = { .name = "sk?no?such?link" };
    SkNlBuffer buffer;
    gint errnum = sk_nl_talk(link_message(&buffer, RTM_DELLINK, 0, bridge_table, &none), NULL, NULL, NULL);
    if (errnum == ENODEV || errnum == 0)
        return TRUE;
    if (out_why != NULL)
        *out_why = errnum == EPERM || errnum == EACCES
                       ? g_strdup("making links needs the right CAP_NET_ADMIN, which this process lacks")
                       : g_strdup_printf("the kernel's links cannot be reached: %s", g_strerror(errnum));
    return FALSE;
}

/* -- change, destroy ----------------------------------------------------------------------------------------- */

static gboolean
send_change(const char *name, const LinkMessage *link, gboolean up, GError **error)
{
    SkNlBuffer buffer;
    struct nlmsghdr *message = sk_nl_message(&buffer, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
    struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    header->ifi_index = (gint) sk_netlink_index(name);
    if (header->ifi_index == 0)
        return sk_fail(error, SK_ERROR_NOT_FOUND, "the host has no link \"%s\"", name);
    header->ifi_flags = header->ifi_change = up ? IFF_UP : 0;
    sk_nl_encode(message, change_table, link);
    return sk_nl_change(message, error, "change the link \"%s\"%s", name, link->master != 0 ? " and connect it to its bridge" : "");
}

gboolean
sk_netlink_change(const char *name, const SkLinkChange *change, GError **error)
{
    LinkMessage link = { .mac = sk_nl_mac(change->mac), .mtu = change->mtu };
    const LinkMessage nothing = { 0 };
    g_strlcpy(link.alias, change->alias != NULL ? change->alias : "", sizeof link.alias);
    if (change->no_link_local)
        link.addr_gen_mode = IN6_ADDR_GEN_MODE_NONE;
    if (change->master != NULL) {
        link.master = sk_netlink_index(change->master);
        if (link.master == 0)
            return sk_fail(error, SK_ERROR_NOT_FOUND, "cannot connect \"%s\" to the bridge \"%s\": there is no such link",
                           name, change->master);
    }
    /* Within one message the kernel brings a link up before it looks at the address mode: so that goes first. */
    if (!change->no_link_local || !change->up)
        return send_change(name, &link, change->up, error);
    return send_change(name, &link, FALSE, error) && send_change(name, &nothing, TRUE, error);
}

#define MARK "skep: "

gboolean
sk_link_is_marked(const SkLink *link, const char *word)
{
    return g_str_has_prefix(link->alias, MARK) && strstr(link->alias, word) != NULL;
}

gboolean
sk_link_mark(const char *name, const char *word, GError **error)
{
    g_autofree SkLink *link = sk_netlink_link(name, error);
    if (link == NULL || sk_link_is_marked(link, word))
        return link != NULL;
    gboolean first = !g_str_has_prefix(link->alias, MARK);
    g_autofree char *alias = g_strconcat(first ? MARK : link->alias, first ? "" : ", ", word, NULL);
    const SkLinkChange change = { .alias = alias };
    return sk_netlink_change(name, &change, error);
}

gboolean
sk_netlink_remove(const char *name, GError **error)
{
    SkNlBuffer buffer;
    LinkMessage link = { 0 };
    copy_name(link.name, name);
    gint errnum = sk_nl_talk(link_message(&buffer, RTM_DELLINK, 0, bridge_table, &link), NULL, NULL, NULL);
    return errnum == 0 || errnum == ENODEV || sk_fail_errno(error, errnum, "cannot remove the link \"%s\"", name);
}
