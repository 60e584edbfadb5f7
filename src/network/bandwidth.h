/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/interface.h"

G_BEGIN_DECLS

/*
 * Rate limits of a guest's link, inside the trade: sk_network_tap_limit() is the way in. To the guest a token bucket of tc delays
 * packets; from the guest a rule at the link's ingress drops what is above the rate, in a chain
 * of the link's name in our table `netdev skep_<tag>`.
 */

/* TRUE if nothing is limited, or self is NULL. Any thread. */
gboolean sk_bandwidth_is_empty(const SkBandwidth *self);

/* The limit from the guest as a libnftables transaction; NULL if there is none. Free with g_free(). Any thread. */
char *sk_bandwidth_rules_json(const char *tag, const char *link, const SkBandwidth *self);

/*
 * Drops what is kept of a link that goes, which newer kernels would give to the next link of the
 * name. Waits some ms for nftables, but only for a link that was ever limited.
 */
void sk_bandwidth_forget(const char *tag, const char *link);

G_END_DECLS
