/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Does somebody else's packet filter stand in the guests' way?  Looks at base chains of other
 * tables whose policy is drop; whether a rule in them lets our packets through is not worked out.
 */

typedef enum {
    SK_BLOCKED_FORWARD = 1 << 0,    /* guests may not get out */
    SK_BLOCKED_INPUT = 1 << 1,      /* DHCP and DNS of the host may not be reached */
} SkBlocked;

/*
 * Which way seems blocked (SkBlocked bits), and by which chains: *out_chains is
 * "ip filter FORWARD, inet firewalld filter_INPUT" or NULL; free with g_free().
 * FALSE if the rules cannot be read. Workers only.
 */
gboolean sk_network_firewall_blocked(const char *tag, guint *out_blocked, char **out_chains, GError **error);

G_END_DECLS
