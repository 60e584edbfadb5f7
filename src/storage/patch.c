/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing into a file that is there, piece by piece. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "storage/chain.h"
#include "storage/lock.h"
#include "storage/qcow2.h"
#include "storage/temp.h"
#include "storage/transfer.h"

#define ZEROS_BYTES (64 * 1024)

struct SkStoragePatch {
    SkFd fd;
    char *path;
    guint64 offset, limit;      /* limit: of a block device; else none */
    gboolean from_start;
};

void
sk_storage_patch_free(SkStoragePatch *self)
{
    if (self == NULL)
        return;
    sk_fd_clear(&self->fd);
    g_free(self->path);
    g_free(self);
}

SkStoragePatch *
sk_storage_patch_open(const char *path, guint64 offset, GError **error)
{
    g_autoptr(SkStoragePatch) self = g_new0(SkStoragePatch, 1);
    struct stat info;
    /* Names of devices are links of the system's own; a link among files may be anybody's. */
    gint links = g_str_has_prefix(path, "/dev/") ? 0 : O_NOFOLLOW;
    self->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | links);
    self->path = g_strdup(path);
    self->offset = offset;
    self->from_start = offset == 0;
    self->limit = G_MAXINT64;
    if (self->fd < 0 || fstat(self->fd, &info) < 0) {
        sk_fail_errno(error, errno, "cannot open \"%s\"", path);
        return NULL;
    }
    if (S_ISBLK(info.st_mode))
        self->limit = (guint64) MAX(lseek(self->fd, 0, SEEK_END), 0);
    return sk_storage_lock_take(self->fd, path, SK_LOCK_REMOVE, error) ? g_steal_pointer(&self) : NULL;
}

static gboolean
check_room(const SkStoragePatch *self, guint64 length, GError **error)
{
    return (self->offset <= self->limit && length <= self->limit - self->offset) ||
           sk_fail(error, SK_ERROR_NO_SPACE, "\"%s\" ends before what is to be written into it", self->path);
}

gboolean
sk_storage_patch_write(SkStoragePatch *self, const void *data, gsize length, GError **error)
{
    const guint8 *bytes = data;
    if (sk_fault("storage/patch", error) || !check_room(self, length, error))
        return FALSE;
    while (length > 0) {
        gssize n = pwrite(self->fd, bytes, length, (off_t) self->offset);
        if (n < 0 && errno != EINTR)
            return sk_fail_errno(error, errno, "cannot write \"%s\"", self->path);
        n = MAX(n, 0);
        bytes += n;
        length -= (gsize) n;
        self->offset += (guint64) n;
    }
    return TRUE;
}

static gboolean
write_zeros(SkStoragePatch *self, guint64 length, GError **error)
{
    static const guint8 zeros[ZEROS_BYTES];
    while (length > 0) {
        gsize piece = (gsize) MIN(length, sizeof zeros);
        if (!sk_storage_patch_write(self, zeros, piece, error))
            return FALSE;
        length -= piece;
    }
    return TRUE;
}

gboolean
sk_storage_patch_hole(SkStoragePatch *self, guint64 length, GError **error)
{
    struct stat info;
    if (!check_room(self, length, error))
        return FALSE;
    if (length == 0)
        return TRUE;
    if (fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) self->offset, (off_t) length) < 0)
        return write_zeros(self, length, error);
    self->offset += length;
    if (fstat(self->fd, &info) == 0 && S_ISREG(info.st_mode) && (guint64) info.st_size < self->offset &&
        ftruncate(self->fd, (off_t) self->offset) < 0)
        return sk_fail_errno(error, errno, "cannot write \"%s\"", self->path);
    return TRUE;
}

/* As for an upload: the file may be anything, but a qcow2 image only one that a domain could be given. */
static gboolean
record_format(const SkStoragePatch *self, const SkStorageContext *context, GError **error)
{
    g_auto(SkImageInfo) info = { 0 };
    g_autoptr(GPtrArray) chain = NULL;
    if (!sk_image_probe(self->fd, self->path, &info, error))
        return FALSE;
    if (info.format != SK_IMAGE_QCOW2) {
        sk_temp_record_format(self->fd, SK_FORMAT_RAW);
        return TRUE;
    }
    const char *const *roots = context != NULL ? context->roots : NULL;
    if (!(info.luks ? sk_storage_open_encrypted_chain(self->path, SK_FORMAT_QCOW2, FALSE, roots, &chain, error)
                    : sk_storage_open_chain(self->path, SK_FORMAT_QCOW2, FALSE, roots, &chain, error))) {
        sk_temp_record_format(self->fd, SK_FORMAT_RAW);
        return FALSE;
    }
    sk_temp_record_format(self->fd, SK_FORMAT_QCOW2);
    return TRUE;
}

gboolean
sk_storage_patch_finish(SkStoragePatch *self, const SkStorageContext *context, GError **error)
{
    if (sk_fault("storage/patch-finish", error))
        return FALSE;
    if (fsync(self->fd) < 0)
        return sk_fail_errno(error, errno, "cannot write \"%s\"", self->path);
    return !self->from_start || record_format(self, context, error);
}
