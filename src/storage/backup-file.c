/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that QEMU copies disks to. */
#include "storage/backup-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "storage/qcow2.h"
#include "storage/tool.h"

static gboolean
make_qcow2(const char *path, guint64 bytes, GError **error)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, bytes);
    const char *const argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", path, size, NULL };
    return sk_tool_qemu_img(argv, path, "creating", NULL, error);
}

gint
sk_storage_backup_make(const char *path, gint format, guint64 bytes, GError **error)
{
    sk_assert_worker();
    g_auto(SkFd) fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        if (errno == EEXIST)
            sk_fail(error, SK_ERROR_EXISTS, "there is a file \"%s\" already: remove it, name another, or have it used as it is", path);
        else
            sk_fail_errno(error, errno, "cannot make \"%s\"", path);
        return -1;
    }
    gboolean ok = format == SK_FORMAT_QCOW2 ? make_qcow2(path, bytes, error)
                                            : ftruncate(fd, (off_t) bytes) == 0 || sk_fail_errno(error, errno, "cannot make \"%s\"", path);
    if (ok && sk_fs_sync_dir_of(path, error))
        return sk_fd_steal(&fd);
    unlink(path);
    return -1;
}

/* A raw file grows as it is written to, a device does not. */
static gboolean
check_room(gint fd, const char *path, gint format, guint64 bytes, gboolean device, GError **error)
{
    g_auto(SkImageInfo) info = { 0 };
    if (format == SK_FORMAT_QCOW2) {
        if (!sk_image_read(fd, format, path, &info, error))
            return FALSE;
        return info.size == bytes || sk_fail(error, SK_ERROR_INVALID, "the image \"%s\" has %" G_GUINT64_FORMAT " bytes, but the disk has %" G_GUINT64_FORMAT,
                                             path, info.size, bytes);
    }
    off_t end = lseek(fd, 0, SEEK_END);
    if (!device && end >= 0 && (guint64) end < bytes && ftruncate(fd, (off_t) bytes) < 0)
        return sk_fail_errno(error, errno, "cannot lengthen \"%s\"", path);
    return !device || (end >= 0 && (guint64) end >= bytes) ||
           sk_fail(error, SK_ERROR_NO_SPACE, "the device \"%s\" is smaller than the %" G_GUINT64_FORMAT " bytes of the disk", path, bytes);
}

gint
sk_storage_backup_open(const char *path, gint format, guint64 bytes, gboolean device, gboolean fresh, GError **error)
{
    struct stat stat;
    sk_assert_worker();
    g_auto(SkFd) fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) < 0) {
        sk_fail_errno(error, errno, "cannot open \"%s\"", path);
        return -1;
    }
    if (device ? !S_ISBLK(stat.st_mode) : !S_ISREG(stat.st_mode)) {
        sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not a %s", path, device ? "block device" : "file");
        return -1;
    }
    if (fresh && format == SK_FORMAT_QCOW2 && !make_qcow2(path, bytes, error))
        return -1;
    return check_room(fd, path, format, bytes, device, error) ? sk_fd_steal(&fd) : -1;
}

gboolean
sk_storage_backup_sync(const char *path, GError **error)
{
    g_auto(SkFd) fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return (fd >= 0 && fsync(fd) == 0) || sk_fail_errno(error, errno, "cannot write \"%s\"", path);
}
