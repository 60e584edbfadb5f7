/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"

G_BEGIN_DECLS

/* What the host can do: handlers of node-capabilities.c. */

gboolean sk_lv_get_capabilities(SkLvCall *call, GError **error);
gboolean sk_lv_get_domain_capabilities(SkLvCall *call, GError **error);
gboolean sk_lv_get_cpu_model_names(SkLvCall *call, GError **error);
gboolean sk_lv_compare_cpu(SkLvCall *call, GError **error);
gboolean sk_lv_baseline_cpu(SkLvCall *call, GError **error);
gboolean sk_lv_xml_from_native(SkLvCall *call, GError **error);

G_END_DECLS
