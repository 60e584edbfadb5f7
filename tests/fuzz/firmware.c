/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a firmware descriptor; the files it names are those of this host. */
#include "host/firmware.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    for (guint secure = 0; secure < 2; secure++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(SkUefi) found = sk_uefi_parse(NULL, (const char *) data, size, "x86_64", "q35", (gboolean) secure, &error);
        if (found != NULL && (error != NULL || found->code == NULL || found->vars == NULL || found->secure_boot != (gboolean) secure))
            g_error("a firmware that is none");
    }
    return 0;
}
