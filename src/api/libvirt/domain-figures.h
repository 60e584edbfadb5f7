/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"

G_BEGIN_DECLS

/* Figures of domains that stand in other families' tables: handlers of domain-stats.c. */

gboolean sk_lv_get_block_info(SkLvCall *call, GError **error);
gboolean sk_lv_get_disk_errors(SkLvCall *call, GError **error);
gboolean sk_lv_get_vcpus(SkLvCall *call, GError **error);

G_END_DECLS
