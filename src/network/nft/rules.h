/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/network.h"

G_BEGIN_DECLS

/*
 * Packet filter and NAT of all active networks of a daemon, as one value.  It lives in one
 * table, `inet skep_<tag>` (`inet skep` with no tag), which is replaced whole in one
 * transaction; no other table is read for it or touched.
 *
 * What the rules do:
 * - nat: guests reach out (only through forward_device if given) behind the host's address; from
 *   outside only answers come in.
 *   With nat6 off IPv6 is routed instead. What has ports may be kept to a range of them.
 * - route: packets pass both ways (only through forward_device if given).
 * - isolated: nothing passes to or from other links, only to the host.
 * - Guests send with addresses of their network only. Guests of different networks reach each
 *   other only where both networks allow it.
 * - open and bridge: nothing.
 * Everything else, the host's own traffic included, is left to others' rules. Our accepting a packet
 * does not stop another table from dropping it; see firewall.h.
 *
 * Workers only (the kernel's netlink), but for the JSON.
 */

/* One network: the parts of its spec that matter. Values; described by a field table. */
typedef struct {
    char *bridge;           /* in use, never NULL */
    gint forward;           /* SkForwardMode; SK_FORWARD_BRIDGE and OPEN give no rules */
    char *forward_device;
    char *ipv4, *ipv6;      /* host address/bits, or NULL */
    gboolean nat6;
    char *nat_start, *nat_end; /* NULL: the address of the link out */
    guint port_start, port_end; /* 0: any */
} SkNetworkRule;

typedef struct {
    char *tag;              /* of the daemon, may be NULL */
    GPtrArray *networks;    /* SkNetworkRule */
} SkNetworkRules;

extern const SkType sk_network_rule_type, sk_network_rules_type;

/* Empty rules for a tag; free with sk_network_rules_free(). */
SkNetworkRules *sk_network_rules_new(const char *tag);
void sk_network_rules_free(SkNetworkRules *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkNetworkRules, sk_network_rules_free)

/* Adds the rules of an active network. Any thread. */
void sk_network_rules_add(SkNetworkRules *self, const SkNetworkSpec *spec);

/* Takes them out again; none there is fine. Any thread. */
void sk_network_rules_drop(SkNetworkRules *self, const SkNetworkSpec *spec);

/* The transaction as libnftables JSON, the same text for the same value. Free with g_free(). Any thread. */
char *sk_network_rules_json(const SkNetworkRules *self);

/* Puts the rules in force in one transaction, all or none; without networks there is no table. Fault point "network-rules/apply". */
gboolean sk_network_rules_apply(const SkNetworkRules *self, GError **error);

/* Removes the tables of a tag; none there is fine. */
gboolean sk_network_rules_remove(const char *tag, GError **error);

G_END_DECLS
