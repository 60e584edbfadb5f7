/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/service-private.h"

/* The links of running guests on a network: when its bridge is made anew they are ports of none. */

/* The links, for a worker; free with g_ptr_array_unref(). Main thread. */
GPtrArray *sk_network_ports(SkService *self, const char *network);

/* Makes those that are not ports of the bridge its ports; gives how many. Workers. */
guint sk_network_ports_connect(const GPtrArray *taps, const char *bridge);
