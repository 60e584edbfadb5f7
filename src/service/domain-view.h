/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/call.h"
#include "service/service.h"

/* Handlers of reads of domains. Main thread. */
gboolean sk_handle_domain_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_domain_show(SkService *self, SkCall *call, GError **error);
