/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as an SMBIOS table. */
#include "host/smbios.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    /* A copy of its very size, so that a byte too far is seen. */
    g_autofree guint8 *table = g_memdup2(data, size);
    g_autoptr(GPtrArray) entries = sk_smbios_parse(table, size);
    for (guint i = 0; i < entries->len; i++)
        g_assert_true(g_utf8_validate(((const SkSmbiosEntry *) entries->pdata[i])->value, -1, NULL));
    return 0;
}
