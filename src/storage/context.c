/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Progress and cancellation of storage work. */
#include "storage/context.h"

#include "base/error.h"

void
sk_storage_report(const SkStorageContext *context, const char *step, guint64 done, guint64 total)
{
    if (context != NULL && context->report != NULL)
        context->report(step, done, total, context->data);
}

gboolean
sk_storage_go_on(const SkStorageContext *context, const char *what, GError **error)
{
    if (context == NULL || context->cancellable == NULL || !g_cancellable_is_cancelled(context->cancellable))
        return TRUE;
    return sk_fail(error, SK_ERROR_CANCELLED, "%s was cancelled", what);
}
