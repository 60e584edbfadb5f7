/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a file that a domain was saved to. */
#include <sys/mman.h>

#include "base/fs.h"
#include "storage/save-image.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_auto(SkFd) fd = memfd_create("saved", MFD_CLOEXEC);
    g_auto(SkSaveImage) image = { 0 };
    g_autoptr(GError) error = NULL;
    if (fd < 0 || !sk_fd_write_all(fd, data, size, NULL))
        return 0;
    if (sk_save_image_read(fd, "input", &image, &error))
        g_assert_true(g_utf8_validate(image.text, -1, NULL));
    else
        g_assert_nonnull(error);
    return 0;
}
