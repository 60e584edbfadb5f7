/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/call.h"
#include "service/domain.h"
#include "service/service.h"

/*
 * Figures of running domains: sampled in the background while somebody asks, answered
 * from memory. Main thread.
 */
gboolean sk_handle_stats_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_domain_stats(SkService *self, SkCall *call, GError **error);

typedef void (*SkStatsDone)(gpointer data);

/*
 * Calls done when there is a sample of all domains not older than max_age_ms: perhaps at once, at the latest after a second. With a
 * domain: when that has been asked anew.
 */
void sk_service_stats_wait(SkService *self, SkDomain *only, guint max_age_ms, SkStatsDone done, gpointer data);

/* The newest figures of an active domain; what they point at stays the domain's. */
void sk_domain_fill_stats(const SkDomain *domain, SkDomainStats *out);
/* CPU time and memory in use, at once: some microseconds. */
void sk_domain_refresh_usage(SkDomain *domain);
