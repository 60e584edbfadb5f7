/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/call.h"
#include "service/job.h"
#include "service/service.h"

/* What does the work of each operation: one row an operation. Main thread. */

typedef struct {
    gboolean (*read)(SkService *service, SkCall *call, GError **error); /* mode READ */
    const SkJobKind *job;                                               /* mode JOB, QUERY; READ with old */
    /* Mode READ: whether memory is behind in what is asked for, so that the job looks first. May be NULL. */
    gboolean (*old)(SkService *service, const SkCall *call);
} SkHandler;

const SkHandler *sk_handler(SkOperationId id);

/* Object a call is about, for the audit log: "domain/web1". Free with g_free(). */
char *sk_call_object(const SkCall *call);
