/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/job.h"

/* Jobs that make, change and remove definitions. */
extern const SkJobKind sk_domain_create_job, sk_domain_define_job, sk_domain_undefine_job, sk_domain_update_job, sk_domain_delete_job, sk_domain_rename_job;

/*
 * Adds what is made by us for this domain alone: seed, firmware variables, TPM and saved state, logs, sockets. paths
 * frees its texts. Main thread.
 */
struct _SkDomain;
void sk_domain_add_own_files(const struct _SkDomain *self, GPtrArray *paths, gboolean keep_nvram);

/* Finishes or takes back what a killed daemon left of a create or delete. At start-up, before anything else. */
void sk_service_recover_intents(SkService *self);
