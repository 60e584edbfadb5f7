/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a qcow2 file's table of snapshots; the first says how many there are. */
#include "storage/snapshot.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    if (size == 0)
        return 0;
    g_auto(GStrv) names = sk_qcow2_parse_snapshots(data + 1, size - 1, data[0], "input", &error);
    g_assert_true((names != NULL) == (error == NULL));
    for (guint i = 0; names != NULL && names[i] != NULL; i++)
        g_assert_true(g_utf8_validate(names[i], -1, NULL));
    return 0;
}
