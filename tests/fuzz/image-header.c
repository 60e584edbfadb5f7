/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the head, and the tail, of an image file. */
#include "storage/qcow2.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
parse(const guint8 *data, gsize size, guint64 file_size)
{
    const guint8 *tail = size >= 512 ? data + size - 512 : NULL;
    g_autoptr(GError) error = NULL;
    g_auto(SkImageInfo) info = { 0 };
    if (!sk_image_parse(data, size, tail, file_size, "input", &info, &error)) {
        g_assert_nonnull(error);
        return;
    }
    g_assert_cmpint(info.format, <, SK_N_IMAGE_FORMATS);
    if (info.backing_file != NULL)
        g_assert_true(g_utf8_validate(info.backing_file, -1, NULL));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_auto(SkImageInfo) info = { 0 };
    parse(data, size, size);
    parse(data, size, G_MAXINT64);
    (void) sk_qcow2_parse(data, size, size, "input", &info, NULL);
    return 0;
}
