/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/job.h"

/* Jobs that stop and go: one row a verb in domain-stop.c. */
extern const SkJobKind sk_domain_shutdown_job, sk_domain_reboot_job, sk_domain_destroy_job, sk_domain_reset_job,
    sk_domain_suspend_job, sk_domain_resume_job;

/* Switches it off as a job of the daemon's own. Main thread. */
struct _SkDomain;
void sk_domain_destroy_by_daemon(struct _SkDomain *self);
