/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies of files: shared, sparse, with progress. */
#include "storage/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/undo.h"

#define PIECE_BYTES (4 * 1024 * 1024)
#define HOLE_BYTES 4096

typedef struct {
    gint from, to;
    const char *name, *step;
    const SkStorageContext *context;
    guint64 size;
    gboolean by_hand;           /* the kernel cannot copy between these files */
    guint8 *buffer;             /* PIECE_BYTES, once it is needed */
} Copy;

static gboolean
write_at(gint fd, const guint8 *data, gsize length, guint64 offset, const char *name, GError **error)
{
    while (length > 0) {
        gssize n = pwrite(fd, data, length, (off_t) offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sk_fail_errno(error, errno, "cannot write \"%s\"", name);
        data += n;
        offset += (guint64) n;
        length -= (gsize) n;
    }
    return TRUE;
}

static gboolean
all_zero(const guint8 *data, gsize length)
{
    return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

gboolean
sk_copy_write_sparse(gint fd, const guint8 *data, gsize length, guint64 offset, const char *name, GError **error)
{
    gsize done = 0, pending = 0;    /* data[pending..done) is yet to be written */
    while (done < length) {
        gsize block = MIN(HOLE_BYTES - (gsize) ((offset + done) % HOLE_BYTES), length - done);
        if (block == HOLE_BYTES && all_zero(data + done, block)) {
            if (!write_at(fd, data + pending, done - pending, offset + pending, name, error))
                return FALSE;
            pending = done + block;
        }
        done += block;
    }
    return write_at(fd, data + pending, done - pending, offset + pending, name, error);
}

static gssize
copy_by_hand(Copy *copy, off_t at, gsize length)
{
    if (copy->buffer == NULL)
        copy->buffer = g_malloc(PIECE_BYTES);
    gssize n = pread(copy->from, copy->buffer, length, at);
    return n > 0 ? pwrite(copy->to, copy->buffer, (gsize) n, at) : n;
}

static gssize
copy_piece(Copy *copy, off_t at, gsize length)
{
    if (!copy->by_hand) {
        off_t in = at, out = at;
        gssize n = copy_file_range(copy->from, &in, copy->to, &out, length, 0);
        if (n > 0 || (n < 0 && errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS))
            return n;
        copy->by_hand = TRUE;
    }
    return copy_by_hand(copy, at, length);
}

static gboolean
copy_extent(Copy *copy, off_t at, off_t end, GError **error)
{
    while (at < end) {
        if (!sk_storage_go_on(copy->context, copy->step, error))
            return FALSE;
        gssize n = copy_piece(copy, at, (gsize) MIN(PIECE_BYTES, end - at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sk_fail_errno(error, errno, "cannot copy to \"%s\"", copy->name);
        if (n == 0)
            return sk_fail(error, SK_ERROR_IO, "the source of \"%s\" became shorter while it was copied", copy->name);
        at += n;
        sk_storage_report(copy->context, copy->step, (guint64) at, copy->size);
    }
    return TRUE;
}

static gboolean
copy_extents(Copy *copy, GError **error)
{
    off_t end = (off_t) copy->size;
    off_t at = 0;
    while (at < end) {
        off_t data = lseek(copy->from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            return TRUE;
        off_t hole = data < 0 ? end : lseek(copy->from, data, SEEK_HOLE);
        if (data < 0)
            data = at;
        if (hole < 0 || hole > end)
            hole = end;
        if (!copy_extent(copy, data, hole, error))
            return FALSE;
        at = hole;
    }
    return TRUE;
}

gboolean
sk_copy_file(gint from, gint to, const char *name, const char *step, const SkStorageContext *context, GError **error)
{
    off_t size = lseek(from, 0, SEEK_END);
    if (size < 0)
        return sk_fail_errno(error, errno, "cannot find the size of what \"%s\" is made from", name);
    if (sk_fault("storage/copy", error))
        return FALSE;
    sk_storage_report(context, step, 0, (guint64) size);
    if (ioctl(to, FICLONE, from) == 0) {
        sk_storage_report(context, step, (guint64) size, (guint64) size);
        return TRUE;
    }
    Copy copy = { .from = from, .to = to, .name = name, .step = step, .context = context, .size = (guint64) size };
    if (ftruncate(to, size) < 0)
        return sk_fail_errno(error, errno, "cannot make \"%s\" as long as its source", name);
    gboolean ok = copy_extents(&copy, error);
    g_free(copy.buffer);
    return ok;
}

static gboolean
write_zeros_to(gint fd, guint64 length, const char *name, const SkStorageContext *context, GError **error)
{
    g_autofree guint8 *zeros = g_malloc0(PIECE_BYTES);
    for (guint64 at = 0; at < length; at += PIECE_BYTES) {
        if (!sk_storage_go_on(context, "writing zeros", error) ||
            !write_at(fd, zeros, (gsize) MIN(PIECE_BYTES, length - at), at, name, error))
            return FALSE;
        sk_storage_report(context, "writing zeros", MIN(at + PIECE_BYTES, length), length);
    }
    return TRUE;
}

gboolean
sk_copy_fill(gint fd, guint64 length, gboolean write_zeros, const char *name, const SkStorageContext *context,
             GError **error)
{
    if (write_zeros)
        return write_zeros_to(fd, length, name, context, error);
    gint errnum = posix_fallocate(fd, 0, (off_t) length);
    return errnum == 0 || sk_fail_errno(error, errnum, "cannot take the space for \"%s\"", name);
}

char *
sk_copy_sha256(gint fd, const char *name, const SkStorageContext *context, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree guint8 *buffer = g_malloc(PIECE_BYTES);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t at = 0;;) {
        if (!sk_storage_go_on(context, "checking", error))
            return NULL;
        gssize n = pread(fd, buffer, PIECE_BYTES, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            sk_fail_errno(error, errno, "cannot read \"%s\"", name);
            return NULL;
        }
        if (n == 0)
            return g_strdup(g_checksum_get_string(sum));
        g_checksum_update(sum, buffer, n);
        at += n;
        sk_storage_report(context, "checking", (guint64) at, (guint64) MAX(size, at));
    }
}
