/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/auth.h"
#include "service/call.h"
#include "service/service.h"

/*
 * The dispatcher: both front doors give their calls to it. It checks the right and the
 * idempotency key, runs reads at once, queries on a worker, changes as jobs, and
 * writes the audit log. Main thread.
 */

typedef struct SkOps SkOps;

/* Reads the idempotency keys of the store: before the loop runs. service and auth must outlive it. */
SkOps *sk_ops_new(SkService *service, SkAuth *auth, GError **error);
void sk_ops_free(SkOps *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkOps, sk_ops_free)

/* Runs a call. The call belongs to the dispatcher from here on; call->done tells the end. Not for STREAM. */
void sk_ops_dispatch(SkOps *self, SkCall *call);

/* For STREAM operations: only the right is judged, and the audit log written. */
gboolean sk_ops_permit(SkOps *self, const SkCall *call, GError **error);
