/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * The kernel's network switches under /proc/sys/net, inside the trade. What was switched on for guests
 * stays on: others may rely on it by then. Workers.
 */

/*
 * Lets the host forward packets. A link that learns its default route from router advertisements would
 * lose it with IPv6 forwarding on: such links are told to go on learning.
 */
gboolean sk_sysctl_enable_forwarding(gboolean ipv4, gboolean ipv6, GError **error);

/* A bridge of ours: learns no routes from guests, and has IPv6 only if asked for. */
gboolean sk_sysctl_prepare_bridge(const char *bridge, gboolean ipv6, GError **error);

G_END_DECLS
