/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"
#include "service/job.h"

G_BEGIN_DECLS

/* What libvirt calls a domain's job: the long ones, while they run and when they have ended. Main thread. */

gboolean sk_lv_get_job_info(SkLvCall *call, GError **error);
gboolean sk_lv_get_job_stats(SkLvCall *call, GError **error);
gboolean sk_lv_abort_job(SkLvCall *call, GError **error);

/* A job's figures as typed parameters. */
void sk_lv_put_job(GByteArray *out, const SkJobInfo *info);

G_END_DECLS
