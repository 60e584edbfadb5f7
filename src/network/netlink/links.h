/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "model/interface.h"

G_BEGIN_DECLS

/*
 * The kernel's links, addresses and routes, by rtnetlink.  Each call has a socket of its
 * own and keeps nothing.  Errors are of code HOST, EXISTS or NOT_FOUND and name the link
 * and what was tried.
 *
 * Changes wait for the kernel: workers. Reads are one question to the kernel: any thread.
 */

typedef struct {
    guint64 rx_bytes, rx_packets, rx_errors, rx_dropped;    /* as the host sees it: rx of a TAP is sent by the guest */
    guint64 tx_bytes, tx_packets, tx_errors, tx_dropped;
} SkLinkStats;

typedef struct {
    guint index;
    char name[16];
    char kind[16];          /* "bridge", "tun", "veth", "" for real hardware */
    char mac[18];
    char alias[48];         /* a note somebody attached to it, cut to fit */
    guint mtu;
    guint master;           /* index of the bridge it is a port of, or 0 */
    guint flags;            /* IFF_UP ... */
    SkLinkStats stats;
} SkLink;

/* An address of a link, or the destination of a route. */
typedef struct {
    char subnet[52];        /* "192.168.1.5/24"; a default route is "0.0.0.0/0" */
    guint link;             /* index, 0 if none */
    gboolean six;
    guint protocol;         /* routes: RTPROT_... */
    guint table;            /* routes: RT_TABLE_... */
} SkPrefix;

/* Who the kernel found behind an address. */
typedef struct {
    guint link;             /* index */
    char address[46], mac[18];
} SkNeighbour;

/* What to change of a link; zero and NULL leave it alone. */
typedef struct {
    const char *mac;
    const char *alias;
    guint mtu;
    const char *master;     /* bridge to become a port of */
    gboolean up;
    gboolean no_link_local; /* no IPv6 address of its own: for ports */
} SkLinkChange;

/* -- create -------------------------------------------------------------------------------------- */

/* Makes a bridge without STP, down. EXISTS if the name is taken by any link. mac may be NULL, mtu 0. */
gboolean sk_netlink_bridge_add(const char *name, const char *mac, guint mtu, GError **error);

/* Switches a bridge's spanning tree on, with the seconds (2 to 30, less is 2) that a new port listens, or off. */
gboolean sk_netlink_bridge_stp(const char *name, gboolean on, guint delay, GError **error);

/* Makes a macvtap on the link parent. Mode is a SkDirectMode. */
gboolean sk_netlink_macvtap_add(const char *name, const char *parent, gint mode, const char *mac, GError **error);

/* Gives the link an address such as "192.168.1.5/24" (IPv6: without duplicate detection). One it has is fine. */
gboolean sk_netlink_address_add(const char *link, const char *subnet, GError **error);

/* -- query --------------------------------------------------------------------------------------- */

/* All links with their statistics in one dump: an array that frees its SkLinks. */
GPtrArray *sk_netlink_links(GError **error);

/* One link; NULL with NOT_FOUND if there is none. Free with g_free(). */
SkLink *sk_netlink_link(const char *name, GError **error);

/* The index of a link, 0 if it is not there. */
guint sk_netlink_index(const char *name);

/* Neighbours that the kernel has a MAC address of, stale ones too: an array that frees its SkNeighbours. */
GPtrArray *sk_netlink_neighbours(GError **error);

/* All addresses, or those of one link (link not NULL): an array that frees its SkPrefixes. */
GPtrArray *sk_netlink_addresses(const char *link, GError **error);

/* All unicast routes of all tables but "local". */
GPtrArray *sk_netlink_routes(GError **error);

/*
 * TRUE if this process may make links in its network namespace. If not, *out_why (may be NULL)
 * says why in a sentence; free with g_free(). Any thread.
 */
gboolean sk_netlink_may_change(char **out_why);

/* -- change -------------------------------------------------------------------------------------- */

gboolean sk_netlink_change(const char *name, const SkLinkChange *change, GError **error);

/* Notes of ours in a link's alias, words such as "limited": "skep: limited, made". */
gboolean sk_link_mark(const char *name, const char *word, GError **error);
gboolean sk_link_is_marked(const SkLink *link, const char *word);

/* TRUE if the bridge looks at VLAN tags; FALSE without an error if it does not, or is no bridge of the kernel's. */
gboolean sk_netlink_bridge_filters(const char *name, GError **error);

/* Makes a bridge look at VLAN tags; its ports go on in its default VLAN. */
gboolean sk_netlink_bridge_filter(const char *name, GError **error);

/* Puts a bridge's port into these VLANs and no others. */
gboolean sk_netlink_port_vlan(const char *port, const SkVlan *vlan, GError **error);

/*
 * A route through a gateway on the link: EXISTS if the host has another to there with that metric; the very one is fine.
 * metric 0: the kernel's.
 */
gboolean sk_netlink_route_add(const char *link, const char *subnet, const char *gateway, guint metric, GError **error);

/* -- destroy ------------------------------------------------------------------------------------- */

/* Removes a link; one that is not there is fine. May wait some ms for RCU. */
gboolean sk_netlink_remove(const char *name, GError **error);

/* Takes such a route away; one that is not there is fine. */
gboolean sk_netlink_route_remove(const char *link, const char *subnet, const char *gateway, guint metric, GError **error);

/* Takes an address away; one that is not there is fine. */
gboolean sk_netlink_address_remove(const char *link, const char *subnet, GError **error);

G_END_DECLS
