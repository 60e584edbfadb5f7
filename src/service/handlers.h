/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/call.h"
#include "service/job.h"
#include "service/service.h"

/* What does the work of each operation: one row an operation. Main thread. */

typedef struct {
    gboolean (*read)(SkService *service, SkCall *call, GError **error); /* mode READ */
    const SkJobKind *job;                                               /* mode JOB, QUERY */
} SkHandler;

const SkHandler *sk_handler(SkOperationId id);

/* Object a call is about, for the audit log: "domain/web1". Free with g_free(). */
char *sk_call_object(const SkCall *call);
