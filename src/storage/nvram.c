/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of UEFI variables. */
#include "storage/nvram.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "model/disk.h"
#include "storage/qcow2.h"
#include "storage/temp.h"
#include "storage/tool.h"

#define SIZE_MAX_BYTES (64 * 1024 * 1024)

/* The template's format by qemu-img's name, "raw" or "qcow2"; NULL on error. */
static const char *
judge_template(const char *template, GError **error)
{
    g_auto(SkImageInfo) info = { 0 };
    g_auto(SkFd) fd = open(template, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot open the firmware's variables \"%s\"", template);
        return NULL;
    }
    if (!sk_image_probe(fd, template, &info, error))
        return NULL;
    gboolean fit = info.format == SK_IMAGE_RAW || info.format == SK_IMAGE_QCOW2;
    if (!fit || info.backing_file != NULL || info.external_data || info.size == 0 || info.size > SIZE_MAX_BYTES) {
        sk_fail(error, SK_ERROR_INVALID, "\"%s\" is no template of UEFI variables: a raw or qcow2 file of at most 64 MiB "
                "that stands alone would be right", template);
        return NULL;
    }
    return sk_enum_name(&sk_image_format_enum, info.format);
}

gboolean
sk_storage_nvram_make(const char *template, const char *nvram, GError **error)
{
    if (access(nvram, F_OK) == 0)
        return TRUE;
    g_autofree char *dir = g_path_get_dirname(nvram);
    const char *format = judge_template(template, error);
    if (format == NULL || !sk_fs_make_dir(dir, 0711, error) || sk_fault("nvram/make", error))
        return FALSE;
    g_autoptr(SkTempFile) temp = sk_temp_new(nvram, error);
    if (temp == NULL || !sk_tool_convert(template, format, TRUE, temp->path, SK_FORMAT_QCOW2, NULL, nvram, NULL, error))
        return FALSE;
    sk_temp_record_format(temp->fd, SK_FORMAT_QCOW2);
    return sk_temp_commit(temp, 0600, error);
}
