/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as raw user-data and as network-config: checked, never a crash. */
#include "base/error.h"
#include "guest/cloud-init.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    if (size > 64 * 1024)
        return 0;
    g_autofree char *text = g_strndup((const char *) data, size);
    g_autofree char *config = g_strconcat("#cloud-config\n", text, NULL);
    const SkCloudInit cases[] = { { .user_data = text }, { .user_data = config }, { .network_config = text } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        if (!sk_cloud_init_check(&cases[i], &error) && !sk_error_is(error, SK_ERROR_INVALID))
            g_error("not an INVALID error: %s", error != NULL ? error->message : "none");
    }
    return 0;
}
