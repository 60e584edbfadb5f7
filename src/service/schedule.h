/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/schedule.h"
#include "service/job.h"

/*
 * Schedules: what they are due for is started as a job like any other, one after the other for each schedule; what is not to be kept goes
 * then. What was missed while no daemon was there is made up for once. One whose domain is gone goes too. Main thread.
 */

gboolean sk_service_load_schedules(SkService *self, GError **error);
/* Once domains are known. */
void sk_service_start_schedules(SkService *self);
void sk_service_forget_schedules(SkService *self);

gboolean sk_handle_schedule_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_schedule_show(SkService *self, SkCall *call, GError **error);
extern const SkJobKind sk_schedule_create_job, sk_schedule_update_job, sk_schedule_delete_job, sk_schedule_run_job;
