/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Subnets as text, "192.168.100.1/24": choosing free ones, finding overlaps, DHCP ranges.
 * Arithmetic: any thread. What looks at the host: workers.
 */

/* -- arithmetic ------------------------------------------------------------------------------------ */

/* TRUE if one lies in the other; FALSE for different families or what is no subnet. */
gboolean sk_subnet_overlaps(const char *a, const char *b);

/* "192.168.100.1/24" as "192.168.100.0/24"; NULL if it is no subnet. Free with g_free(). */
char *sk_subnet_network(const char *subnet);

/* The address without the prefix length; free with g_free(). */
char *sk_subnet_address(const char *subnet);
guint sk_subnet_bits(const char *subnet);

/* "255.255.255.0"; free with g_free(). */
char *sk_subnet_netmask(const char *ipv4);

/*
 * The addresses to hand out where the definition does not say: IPv4 the larger side of the subnet
 * around the host's own address, IPv6 the first 65,536 from ::100. INVALID if the subnet is too small. Free both.
 */
gboolean sk_subnet_dhcp_range(const char *subnet, char **out_start, char **out_end, GError **error);

/* -- the host -------------------------------------------------------------------------------------- */

/*
 * Checks that no route or address of the host and none of taken (NULL-terminated, may be NULL)
 * overlaps subnet; links named ignore_link (may be NULL) do not count, nor do default routes.
 * IN_USE names the route or address.
 */
gboolean sk_subnet_check_free(const char *subnet, const char *ignore_link, const char *const *taken, GError **error);

/* A free "192.168.N.1/24", from N=100 up, then 10.N.M.1/24. Free with g_free(). */
char *sk_subnet_choose_ipv4(const char *const *taken, GError **error);

/* A free random "fdxx:xxxx:xxxx:N::1/64" (RFC 4193). Free with g_free(). */
char *sk_subnet_choose_ipv6(const char *const *taken, GError **error);

/* A free bridge name: "skbr0" ..., with a tag "skbr0-<tag>"; names in taken are not used. Free with g_free(). */
char *sk_network_choose_bridge(const char *tag, const char *const *taken, GError **error);

G_END_DECLS
