/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent.h"
#include "model/agent.h"

G_BEGIN_DECLS

/*
 * What a guest tells of itself. Its texts are made fit to show, its lists are limited, its numbers are kept in their
 * range; what is of another kind than it should be is left out. All block: workers only; errors are SK_ERROR_AGENT.
 */

/*
 * Fills *out_info (zeroed by the caller; sk_value_clear(&sk_guest_info_type) frees it, on failure too) with the parts whose bits
 * (1 << SkGuestPart) are in parts. 0: all that the agent knows, and what it refuses is left out.
 */
gboolean sk_agent_info(SkAgent *self, guint parts, SkGuestInfo *out_info, GError **error);

/* What an agent returned for one part, into *info. Any thread. */
gboolean sk_agent_info_read(SkGuestPart part, const json_t *given, SkGuestInfo *info, GError **error);

/* Says of file systems and disks in info which disk of spec they lie on, where it can be told. */
void sk_agent_info_match(SkGuestInfo *info, const SkDomainSpec *spec);

/* The vCPUs a guest knows, as SkGuestVcpu. Free with sk_agent_list_free(). */
GPtrArray *sk_agent_vcpus(SkAgent *self, GError **error);
/* Lets the guest use those whose ids have online, and do without the others. Only changes are asked for. */
gboolean sk_agent_set_vcpus(SkAgent *self, const GPtrArray *wanted, const GPtrArray *now, GError **error);

/* Asks the guest to tell its disks of unused space. SkTrimmed for each file system, as far as the agent tells. */
GPtrArray *sk_agent_trim(SkAgent *self, guint64 minimum, GError **error);

/* Frees a list of values of type. */
void sk_agent_list_free(GPtrArray *list, const SkType *type);

G_END_DECLS
