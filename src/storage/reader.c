/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Downloads: a file as it is, while nobody writes to it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "storage/lock.h"
#include "storage/transfer.h"

#define READ_MAX (16 * 1024 * 1024)

struct SkStorageReader {
    SkFd fd;
    char *path;
    guint64 size;
};

void
sk_storage_reader_free(SkStorageReader *self)
{
    if (self == NULL)
        return;
    sk_fd_clear(&self->fd);
    g_free(self->path);
    g_free(self);
}

static gboolean
open_source(SkStorageReader *self, GError **error)
{
    struct stat info;
    self->fd = open(self->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (self->fd < 0 && errno == ENOENT)
        return sk_fail(error, SK_ERROR_NO_VOLUME, "there is no file \"%s\"", self->path);
    if (self->fd < 0 || fstat(self->fd, &info) < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", self->path);
    if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode))
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is neither a file nor a block device", self->path);
    off_t end = lseek(self->fd, 0, SEEK_END);
    if (end < 0)
        return sk_fail_errno(error, errno, "cannot find the size of \"%s\"", self->path);
    self->size = (guint64) end;
    return sk_storage_lock_take(self->fd, self->path, SK_LOCK_READ, error);
}

SkStorageReader *
sk_storage_reader_open(const char *path, GError **error)
{
    g_autoptr(SkStorageReader) self = g_new0(SkStorageReader, 1);
    self->path = g_strdup(path);
    self->fd = SK_FD_NONE;
    return open_source(self, error) ? g_steal_pointer(&self) : NULL;
}

guint64
sk_storage_reader_size(const SkStorageReader *self)
{
    return self->size;
}

GBytes *
sk_storage_reader_read(SkStorageReader *self, guint64 offset, gsize length, GError **error)
{
    if (offset >= self->size)
        return g_bytes_new(NULL, 0);
    length = (gsize) MIN(MIN((guint64) length, READ_MAX), self->size - offset);
    g_autofree guint8 *buffer = g_malloc(length);
    gsize done = 0;
    while (done < length) {
        gssize n = pread(self->fd, buffer + done, length - done, (off_t) (offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            sk_fail_errno(error, errno, "cannot read \"%s\"", self->path);
            return NULL;
        }
        if (n == 0)
            break;
        done += (gsize) n;
    }
    return g_bytes_new_take(g_steal_pointer(&buffer), done);
}

gboolean
sk_storage_reader_extent(SkStorageReader *self, guint64 offset, gboolean *out_hole, guint64 *out_length, GError **error)
{
    *out_hole = FALSE;
    *out_length = 0;
    if (offset >= self->size)
        return TRUE;
    off_t data = lseek(self->fd, (off_t) offset, SEEK_DATA);
    if (data < 0 && errno != ENXIO && errno != EINVAL)
        return sk_fail_errno(error, errno, "cannot read \"%s\"", self->path);
    /* No data up to the end, or a file system (a device) that cannot say. */
    *out_hole = data < 0 ? errno == ENXIO : (guint64) data > offset;
    if (*out_hole) {
        *out_length = (data < 0 ? self->size : MIN((guint64) data, self->size)) - offset;
        return TRUE;
    }
    off_t hole = data < 0 ? -1 : lseek(self->fd, (off_t) offset, SEEK_HOLE);
    *out_length = (hole < 0 ? self->size : MIN((guint64) hole, self->size)) - offset;
    return TRUE;
}
