/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain.h"
#include "service/job.h"

/*
 * QEMU's own commands, and the marks that what was done past the daemon leaves. Main thread.
 */

extern const SkJobKind sk_domain_monitor_job;

/* What may have been done to a domain that we do not know the effects of; kept until it is off. */
#define SK_TAINT_MONITOR "custom-monitor"
#define SK_TAINT_AGENT   "custom-agent"

/* Marks a domain that runs; once is enough. */
void sk_domain_taint(SkDomain *self, const char *mark);
/* A mark as a sentence's end: "commands were given to its QEMU". */
const char *sk_domain_taint_text(const char *mark);
