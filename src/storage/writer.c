/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uploads: a part that grows, and gets its name at the end. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "storage/chain.h"
#include "storage/copy.h"
#include "storage/qcow2.h"
#include "storage/temp.h"
#include "storage/transfer.h"

struct SkStorageWriter {
    SkFd fd;
    guint64 offset;
    char *name, *part, *target;
};

static void
writer_free(SkStorageWriter *self)
{
    sk_fd_clear(&self->fd);
    g_free(self->name);
    g_free(self->part);
    g_free(self->target);
    g_free(self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkStorageWriter, writer_free)

/* A sweep between opening and locking has removed the name: then once more. */
static gboolean
lock_part(SkStorageWriter *self, GError **error)
{
    for (guint attempt = 0; attempt < 8; attempt++) {
        struct stat info;
        sk_fd_clear(&self->fd);
        self->fd = open(self->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (self->fd < 0)
            return sk_fail_errno(error, errno, "cannot open \"%s\"", self->part);
        if (fstat(self->fd, &info) < 0 || !S_ISREG(info.st_mode))
            return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is no regular file", self->part);
        if (flock(self->fd, LOCK_EX | LOCK_NB) < 0)
            break;
        if (fstat(self->fd, &info) < 0 || info.st_nlink == 0)
            continue;
        return info.st_size == 0 || sk_temp_is_upload(self->fd) ||
               sk_fail(error, SK_ERROR_EXISTS, "\"%s\" is there already, and is another program's: move it away, or upload to another name", self->part);
    }
    return sk_fail(error, SK_ERROR_IN_USE, "another upload of \"%s\" is running", self->name);
}

static gboolean
open_part(SkStorageWriter *self, GError **error)
{
    if (sk_fault("storage/upload", error) || !lock_part(self, error))
        return FALSE;
    sk_temp_mark_upload(self->fd);
    return TRUE;
}

/* A part that was not there before is not left behind by a wrong offset. */
static gboolean
take_up(SkStorageWriter *self, guint64 offset, GError **error)
{
    off_t length = lseek(self->fd, 0, SEEK_END);
    if (length < 0)
        return sk_fail_errno(error, errno, "cannot find the size of \"%s\"", self->part);
    if (offset != 0 && (guint64) length != offset) {
        if (length == 0)
            unlink(self->part);
        return sk_fail(error, SK_ERROR_CHANGED,
                       "the upload of \"%s\" stands at byte %" G_GUINT64_FORMAT ", not at %" G_GUINT64_FORMAT
                       "; go on from there or begin at 0", self->name, (guint64) length, offset);
    }
    if (offset == 0 && ftruncate(self->fd, 0) < 0)
        return sk_fail_errno(error, errno, "cannot empty \"%s\"", self->part);
    self->offset = offset;
    return TRUE;
}

SkStorageWriter *
sk_storage_writer_open(const char *dir, const char *name, guint64 offset, GError **error)
{
    g_autoptr(SkStorageWriter) self = g_new0(SkStorageWriter, 1);
    self->fd = SK_FD_NONE;
    self->name = g_strdup(name);
    self->target = g_build_filename(dir, name, NULL);
    self->part = g_strconcat(self->target, ".part", NULL);

    struct stat info;
    if (lstat(self->target, &info) == 0) {
        sk_fail(error, SK_ERROR_EXISTS, "\"%s\" is there already in \"%s\"", name, dir);
        return NULL;
    }
    if (!open_part(self, error) || !take_up(self, offset, error))
        return NULL;
    return g_steal_pointer(&self);
}

guint64
sk_storage_writer_offset(const SkStorageWriter *self)
{
    return self->offset;
}

/* The length is set after each piece, so that it says how far the upload is even where it ends in a hole. */
gboolean
sk_storage_writer_write(SkStorageWriter *self, const void *data, gsize length, GError **error)
{
    if (sk_fault("storage/upload-write", error))
        return FALSE;
    gboolean ok = sk_copy_write_sparse(self->fd, data, length, self->offset, self->name, error);
    guint64 end = ok ? self->offset + length : self->offset;
    if (ftruncate(self->fd, (off_t) end) < 0 && ok)
        return sk_fail_errno(error, errno, "cannot write \"%s\"", self->name);
    self->offset = end;
    return ok;
}

/* What came may be anything. A qcow2 file must be one that a domain could be given. */
static gboolean
check_part(SkStorageWriter *self, const SkStorageContext *context, GError **error)
{
    g_auto(SkImageInfo) info = { 0 };
    g_autoptr(GPtrArray) chain = NULL;
    if (sk_fault("storage/upload-check", error) || !sk_image_probe(self->fd, self->name, &info, error))
        return FALSE;
    if (info.format != SK_IMAGE_QCOW2) {
        if (info.format == SK_IMAGE_RAW && info.disk)
            sk_temp_record_format(self->fd, SK_FORMAT_RAW);
        return TRUE;
    }
    const char *const *roots = context != NULL ? context->roots : NULL;
    if (!(info.luks ? sk_storage_open_encrypted_chain(self->part, SK_FORMAT_QCOW2, FALSE, roots, &chain, error)
                    : sk_storage_open_chain(self->part, SK_FORMAT_QCOW2, FALSE, roots, &chain, error)))
        return FALSE;
    sk_temp_record_format(self->fd, SK_FORMAT_QCOW2);
    return TRUE;
}

gboolean
sk_storage_writer_finish(SkStorageWriter *self, const SkStorageContext *context, GError **error)
{
    g_autoptr(SkStorageWriter) owned = self;
    if (!check_part(self, context, error)) {
        unlink(self->part);
        return FALSE;
    }
    if (!sk_temp_place(self->fd, self->part, self->target, error))
        return FALSE;
    sk_temp_unmark_upload(self->fd);
    return TRUE;
}

char *
sk_storage_writer_finish_part(SkStorageWriter *self, GError **error)
{
    g_autoptr(SkStorageWriter) owned = self;
    if (fsync(self->fd) < 0) {
        sk_fail_errno(error, errno, "cannot write \"%s\"", self->part);
        return NULL;
    }
    return g_steal_pointer(&self->part);
}

void
sk_storage_writer_abort(SkStorageWriter *self, gboolean keep)
{
    if (self == NULL)
        return;
    if (!keep || self->offset == 0)
        unlink(self->part);
    writer_free(self);
}
