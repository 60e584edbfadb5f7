/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/call.h"
#include "service/service.h"

/* Reads of jobs, and their cancelling. Main thread. */
gboolean sk_handle_job_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_job_show(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_job_cancel(SkService *self, SkCall *call, GError **error);

/* job.show with wait: TRUE if the call was taken and is answered when the job ends or the time is over. */
gboolean sk_job_wait_for_call(SkService *self, SkCall *call);
