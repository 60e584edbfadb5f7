/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/network.h"
#include "network/paths.h"

G_BEGIN_DECLS

/*
 * DHCP, DNS, router advertisements and TFTP of one network: one dnsmasq process, which outlives
 * the daemon and is known by its pid file and the configuration file on its command line.
 * Guests' names come from us (sk_dnsmasq_record_set), never from what an unknown guest says of itself.
 *
 * Workers only, but for the configuration text.
 */

/* A guest's interface as DHCP and DNS know it. */
typedef struct {
    const char *name;       /* DNS name, one label; NULL: none */
    const char *mac;
    const char *ipv4, *ipv6; /* addresses it always gets; NULL: any */
} SkDnsRecord;

/* TRUE if the network has work for a dnsmasq at all. Any thread. */
gboolean sk_dnsmasq_wanted(const SkNetworkSpec *spec);

/* The configuration file; user is whom to run as. Free with g_free(). Any thread. */
char *sk_dnsmasq_config(const SkNetworkSpec *spec, const SkNetworkPaths *paths, const char *user, GError **error);

/*
 * Writes the configuration and starts it; returns when it serves. HOST if it is not installed (names the package)
 * or will not start (its own message, such as a port in use).
 * Fault points: "dnsmasq/config", "dnsmasq/start".
 */
gboolean sk_dnsmasq_start(const SkNetworkSpec *spec, const SkNetworkPaths *paths, GError **error);

/* Its pid, 0 if it does not run. */
pid_t sk_dnsmasq_pid(const char *network, const SkNetworkPaths *paths);

/* A descriptor that becomes readable when it ends, -1 if it does not run; close it. */
gint sk_dnsmasq_open(const char *network, const SkNetworkPaths *paths);

/* TRUE if it runs with the configuration that spec gives. */
gboolean sk_dnsmasq_is_current(const SkNetworkSpec *spec, const SkNetworkPaths *paths);

/* Makes it read all records anew. */
gboolean sk_dnsmasq_reload(const char *network, const SkNetworkPaths *paths, GError **error);

/* Ends it, also one whose pid file was lost, and waits for that; records and leases stay. Not running is fine. */
gboolean sk_dnsmasq_stop(const char *network, const SkNetworkPaths *paths, GError **error);

/* -- records ---------------------------------------------------------------------------------------- */

/*
 * The records of one owner (a domain's UUID) on a network, in place of those it had; n 0 removes them. In force at once.
 * The network need not be up: they are read when it starts. A record whose name or address another owner
 * has is IN_USE.
 */
gboolean sk_dnsmasq_record_set(const char *network, const char *dns_domain, const SkNetworkPaths *paths,
                               const char *owner, const SkDnsRecord *records, guint n, GError **error);

/*
 * Gives back the leases of the interfaces that the owner's records name and these do not; for a guest that does not run.
 * To be called before sk_dnsmasq_record_set().
 */
void sk_dnsmasq_record_release(const char *network, const SkNetworkPaths *paths, const char *owner, const SkDnsRecord *records, guint n);

/* Removes the records of every owner not in keep (NULL-terminated), and gives back their leases. For the daemon's start. */
gboolean sk_dnsmasq_record_sweep(const char *network, const SkNetworkPaths *paths, const char *const *keep, GError **error);

G_END_DECLS
