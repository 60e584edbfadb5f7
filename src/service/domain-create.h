/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/job.h"

/* Jobs that make, change and remove definitions. */
extern const SkJobKind sk_domain_create_job, sk_domain_update_job, sk_domain_delete_job, sk_domain_rename_job;

/* Finishes or takes back what a killed daemon left of a create or delete. At start-up, before anything else. */
void sk_service_recover_intents(SkService *self);
