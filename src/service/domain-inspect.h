/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/intent.h"
#include "service/job.h"

/* Looking into a domain that runs, and poking it. */
extern const SkJobKind sk_domain_iothread_job, sk_domain_dirty_rate_job, sk_domain_nmi_job, sk_domain_keys_job, sk_domain_screen_job, sk_domain_memory_job, sk_domain_dump_job;
