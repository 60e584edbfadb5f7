/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logs of consoles: opened for QEMU, read by those who do not follow. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/undo.h"
#include "engine/console/hub.h"

#define READ_MAX (16 * 1024 * 1024)

/* Tells a reader where one run ends and the next begins. */
static gboolean
mark_power_on(gint fd, GError **error)
{
    g_autofree char *now = sk_time_format(g_get_real_time());
    g_autofree char *line = g_strdup_printf("\r\n[skep: power on %s]\r\n", now);
    return sk_fd_write_all(fd, line, strlen(line), error);
}

gint
sk_console_log_open(const char *path, GError **error)
{
    sk_assert_worker();
    struct stat info;
    if (sk_fault("engine/console-log", error))
        return -1;
    g_auto(SkFd) fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &info) < 0) {
        sk_fail_errno(error, errno, "cannot open the console log \"%s\"", path);
        return -1;
    }
    if (info.st_size > 0 && !mark_power_on(fd, error)) {
        g_prefix_error(error, "console log \"%s\": ", path);
        return -1;
    }
    return sk_fd_steal(&fd);
}

static GBytes *
read_range(gint fd, const char *path, guint64 from, gsize length, GError **error)
{
    g_autofree char *bytes = g_malloc(length + 1);
    gssize n = pread(fd, bytes, length, (off_t) from);
    if (n < 0) {
        sk_fail_errno(error, errno, "cannot read the console log \"%s\"", path);
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&bytes), (gsize) n);
}

GBytes *
sk_console_log_read(const char *path, guint64 from, gsize max, guint64 *out_from, guint64 *out_end, GError **error)
{
    sk_assert_worker();
    struct stat info = { 0 };
    g_auto(SkFd) fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        *out_from = *out_end = 0;
        return g_bytes_new(NULL, 0);
    }
    if (fd < 0 || fstat(fd, &info) < 0) {
        sk_fail_errno(error, errno, "cannot open the console log \"%s\"", path);
        return NULL;
    }
    /* What was given back reads as zeros: the log begins with its first data. */
    off_t data = lseek(fd, 0, SEEK_DATA);
    guint64 size = (guint64) info.st_size;
    guint64 first = MIN(MAX(from, data > 0 ? (guint64) data : 0), size);
    GBytes *bytes = read_range(fd, path, first, MIN(MIN(max, READ_MAX), size - first), error);
    if (bytes != NULL) {
        *out_from = first;
        *out_end = size;
    }
    return bytes;
}
