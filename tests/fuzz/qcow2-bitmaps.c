/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a qcow2 file's head, and as its directory of bitmaps; the first says how many there are. */
#include "storage/bitmap.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    guint count = 0;
    guint64 offset, bytes;
    if (size == 0)
        return 0;
    sk_qcow2_find_bitmaps(data, size, "input", &count, &offset, &bytes, NULL);
    g_autoptr(GPtrArray) bitmaps = sk_qcow2_parse_bitmaps(data + 1, size - 1, data[0], "input", &error);
    g_assert_true((bitmaps != NULL) == (error == NULL));
    for (guint i = 0; bitmaps != NULL && i < bitmaps->len; i++)
        g_assert_true(g_utf8_validate(((const SkStorageBitmap *) bitmaps->pdata[i])->name, -1, NULL));
    return 0;
}
