/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/job.h"

/* The host: what it is, what is wrong with it, who changed what. Main thread. */

/* Fills in what is known of the host. At start-up. */
void sk_service_probe_node(SkService *self);

gboolean sk_handle_node_show(SkService *self, SkCall *call, GError **error);
extern const SkJobKind sk_node_doctor_job, sk_audit_list_job;
