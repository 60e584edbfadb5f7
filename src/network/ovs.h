/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/vlan.h"

G_BEGIN_DECLS

/*
 * Ports of Open vSwitch bridges, by its own ovs-vsctl. Inside the trade; workers only.
 */

typedef struct {
    const char *bridge, *port;
    const char *mac;            /* the guest's */
    const char *domain;         /* UUID */
    const SkOvsPort *settings;  /* interface_id given */
    const SkVlan *vlan;         /* or NULL */
} SkOvsPlug;

/* Connects a link as a port, in place of what was left of one of its name. UNSUPPORTED if Open vSwitch is not installed. */
gboolean sk_ovs_plug(const SkOvsPlug *self, GError **error);

/* One that is not there is fine. */
gboolean sk_ovs_unplug(const char *port, GError **error);

/* TRUE if it is a bridge of Open vSwitch's; NOT_FOUND if not. */
gboolean sk_ovs_check_bridge(const char *bridge, GError **error);

G_END_DECLS
