/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/call.h"
#include "service/service.h"

/*
 * Figures of running domains: sampled in the background while somebody asks, answered
 * from memory. Main thread.
 */
gboolean sk_handle_stats_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_domain_stats(SkService *self, SkCall *call, GError **error);
