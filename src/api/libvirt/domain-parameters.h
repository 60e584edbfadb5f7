/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"

G_BEGIN_DECLS

/* How much of the host a domain may use, as typed parameters: handlers for the table of domain-tune.c. Main thread. */

gboolean sk_lv_get_scheduler_type(SkLvCall *call, GError **error);
gboolean sk_lv_get_scheduler_params(SkLvCall *call, GError **error);
gboolean sk_lv_set_scheduler_params(SkLvCall *call, GError **error);
gboolean sk_lv_get_memory_params(SkLvCall *call, GError **error);
gboolean sk_lv_set_memory_params(SkLvCall *call, GError **error);
gboolean sk_lv_get_blkio_params(SkLvCall *call, GError **error);
gboolean sk_lv_set_blkio_params(SkLvCall *call, GError **error);
gboolean sk_lv_get_numa_params(SkLvCall *call, GError **error);
gboolean sk_lv_set_numa_params(SkLvCall *call, GError **error);

G_END_DECLS
