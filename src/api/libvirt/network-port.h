/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"

G_BEGIN_DECLS

/* Guests' interfaces, as their networks' ports and by their limits: handlers for the tables of network.c and domain-tune.c. Main thread. */

gboolean sk_lv_list_ports(SkLvCall *call, GError **error);
gboolean sk_lv_lookup_port(SkLvCall *call, GError **error);
gboolean sk_lv_get_port_xml(SkLvCall *call, GError **error);
gboolean sk_lv_get_port_params(SkLvCall *call, GError **error);
gboolean sk_lv_set_port_params(SkLvCall *call, GError **error);

gboolean sk_lv_get_interface_params(SkLvCall *call, GError **error);
gboolean sk_lv_set_interface_params(SkLvCall *call, GError **error);

G_END_DECLS
