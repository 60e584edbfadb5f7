/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/network.h"
#include "network/paths.h"

G_BEGIN_DECLS

/*
 * A network on the host: bridge, addresses, forwarding switches, DHCP and DNS.  Packet filter rules
 * are the caller's to apply for all active networks together (nft/rules.h), after
 * each up, update and down.
 *
 * Workers only.
 */

/* What the caller has to know of a network that is up. */
typedef struct {
    char *bridge;           /* in use */
    char *lease_path;       /* for sk_lease_watch_add(); NULL without DHCP */
    guint mended;           /* reattach: how many parts were missing and are there again */
} SkNetworkRunning;

void sk_network_running_clear(SkNetworkRunning *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkNetworkRunning, sk_network_running_clear)

/*
 * Fills in what the definition leaves to the host: bridge name, and ipv4 unless it has
 * ipv4 or ipv6. others: SkNetworkSpecs of the other networks defined (may be NULL). What it gives is checked
 * for overlap with the host and the others (IN_USE). Nothing on the host is changed.
 */
gboolean sk_network_complete(SkNetworkSpec *spec, const SkNetworkPaths *paths, const GPtrArray *others, GError **error);

/*
 * Brings a completed network up; on failure everything made is taken back. What a crash left of it is used again. A bridge name
 * in use is EXISTS, a subnet in use IN_USE. For forward "bridge" it only looks whether the bridge is there.
 * Fault points: "network-up/bridge", "network-up/address", "network-up/link", "network-up/routes", "network-up/forwarding",
 * "network-up/dnsmasq".
 */
gboolean sk_network_up(const SkNetworkSpec *spec, const SkNetworkPaths *paths, SkNetworkRunning *out_running, GError **error);

/*
 * After a restart of the daemon: finds what is there of a network that was up, leaves it alone, and makes what
 * is missing (all of it after a reboot), so that connected guests notice nothing. A bridge that somebody
 * else made under the name is EXISTS.
 */
gboolean sk_network_reattach(const SkNetworkSpec *spec, const SkNetworkPaths *paths, SkNetworkRunning *out_running, GError **error);

/* A changed definition of a running network: MTU, addresses, DHCP and DNS, without taking ports off the bridge. */
gboolean sk_network_update(const SkNetworkSpec *old, const SkNetworkSpec *spec, const SkNetworkPaths *paths, GError **error);

/* TRUE if the bridge is there and, where one is wanted, dnsmasq runs. */
gboolean sk_network_is_up(const SkNetworkSpec *spec, const SkNetworkPaths *paths);

/*
 * Takes a network down as far as it is up; a bridge that is not ours stays. Leases stay. Goes on over a
 * part that fails and tells of the first.
 */
gboolean sk_network_down(const SkNetworkSpec *spec, const SkNetworkPaths *paths, GError **error);

/* The opposite of defining it: the lease file too. */
gboolean sk_network_forget(const char *network, const SkNetworkPaths *paths, GError **error);

/* Removes bridges and dnsmasqs of the tag whose network is not in keep (NULL-terminated bridge names). For the daemon's start. */
gboolean sk_network_sweep(const SkNetworkPaths *paths, const char *const *keep_bridges, const char *const *keep_networks,
                          guint *out_removed, GError **error);

G_END_DECLS
