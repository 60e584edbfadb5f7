/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/service-private.h"

/* An interface's port of a bridge. */

/* What it is like: the interface's own words, else its port group's, else the network's. Borrows from all of them. */
typedef struct {
    const SkVlan *vlan;
    const SkOvsPort *openvswitch;
    const SkBandwidth *bandwidth;
    gboolean own_bridge;    /* of a network that we make */
} SkNicPort;

/* NOT_FOUND if the network has no such port group. Main thread. */
gboolean sk_nic_port(SkService *service, const SkInterface *nic, SkNicPort *out, GError **error);

/* What controllers of Open vSwitch know the interface by if it does not say: the same at each start. Free with g_free(). Any thread. */
char *sk_nic_ovs_id(const char *domain_uuid, const char *mac);

/* The link that it has on the host goes, or is left to whom it belongs. Workers. */
void sk_nic_let_go(const char *tag, const SkInterface *nic);
