/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wiping: tables of what is written over a file, and the writing. */
#include "storage/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "storage/lock.h"
#include "storage/tool.h"

/* A multiple of 3, for patterns of three bytes, and of a page. */
#define PIECE_BYTES (3u * 256 * 1024)
#define RANDOM (-1)
#define R RANDOM
#define B(byte) ((byte) * 0x10101)

/* -- the passes: three bytes each, or random ones -------------------------------------------------------------------- */

static const gint zero[] = { 0 };
static const gint nnsa[] = { R, R, 0 };
static const gint dod[] = { 0, B(0xff), R };
static const gint bsi[] = { B(0xff), B(0xfe), B(0xfd), B(0xfb), B(0xf7), B(0xef), B(0xdf), B(0xbf), B(0x7f) };
static const gint gutmann[] = {
    R, R, R, R, B(0x55), B(0xaa), 0x924924, 0x492492, 0x249249, B(0x00), B(0x11), B(0x22), B(0x33), B(0x44), B(0x55), B(0x66), B(0x77),
    B(0x88), B(0x99), B(0xaa), B(0xbb), B(0xcc), B(0xdd), B(0xee), B(0xff), 0x924924, 0x492492, 0x249249, 0x6db6db, 0xb6db6d, 0xdb6db6,
    R, R, R, R,
};
static const gint schneier[] = { 0, B(0xff), R, R, R, R, R };
static const gint random_7[] = { R, R, R, R, R, R, R };
static const gint random_33[] = { R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R };

#define PASSES(list) { (list), G_N_ELEMENTS(list) }
static const struct {
    const gint *passes;
    guint count;
} algorithms[SK_N_WIPES] = {
    [SK_WIPE_ZERO] = PASSES(zero), [SK_WIPE_NNSA] = PASSES(nnsa), [SK_WIPE_DOD] = PASSES(dod), [SK_WIPE_BSI] = PASSES(bsi),
    [SK_WIPE_GUTMANN] = PASSES(gutmann), [SK_WIPE_SCHNEIER] = PASSES(schneier), [SK_WIPE_PFITZNER7] = PASSES(random_7),
    [SK_WIPE_PFITZNER33] = PASSES(random_33), [SK_WIPE_RANDOM] = { random_7, 1 }, [SK_WIPE_TRIM] = { NULL, 0 },
};

/* -- writing ------------------------------------------------------------------------------------------------------------ */

typedef struct {
    const SkVolume *volume;
    const SkStorageContext *context;
    gint fd;
    guint64 size, done, total;
    guint8 *buffer;
} Wipe;

static gboolean
fill(Wipe *self, gint pass, GError **error)
{
    for (guint i = 0; pass != RANDOM && i < PIECE_BYTES; i++)
        self->buffer[i] = (guint8) (pass >> (16 - 8 * (i % 3)));
    for (guint at = 0; pass == RANDOM && at < PIECE_BYTES;) {
        gssize n = getrandom(self->buffer + at, PIECE_BYTES - at, 0);
        if (n < 0 && errno != EINTR)
            return sk_fail_errno(error, errno, "cannot get random bytes");
        at += (guint) MAX(n, 0);
    }
    return TRUE;
}

static gboolean
write_piece(Wipe *self, guint64 at, gsize length, GError **error)
{
    for (gsize done = 0; done < length;) {
        gssize n = pwrite(self->fd, self->buffer + done, length - done, (off_t) (at + done));
        if (n < 0 && errno != EINTR)
            return sk_fail_errno(error, errno, "cannot write over volume \"%s\"", self->volume->name);
        done += (gsize) MAX(n, 0);
    }
    return TRUE;
}

static gboolean
write_extent(Wipe *self, guint64 at, guint64 end, gint pass, GError **error)
{
    while (at < end) {
        gsize length = (gsize) MIN(PIECE_BYTES, end - at);
        if ((pass == RANDOM && !fill(self, pass, error)) || !write_piece(self, at, length, error))
            return FALSE;
        at += length;
        self->done += length;
        sk_storage_report(self->context, "wiping", MIN(self->done, self->total), self->total);
    }
    return TRUE;
}

/* What the disk has of it must be on the disk before the next pass. */
static gboolean
write_pass(Wipe *self, gint pass, GError **error)
{
    off_t at = 0;
    if (!fill(self, pass, error))
        return FALSE;
    while ((guint64) at < self->size) {
        off_t data = lseek(self->fd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;
        off_t hole = data < 0 ? -1 : lseek(self->fd, data, SEEK_HOLE);
        guint64 end = hole < 0 ? self->size : MIN((guint64) hole, self->size);
        if (!write_extent(self, (guint64) MAX(data, at), end, pass, error))
            return FALSE;
        at = (off_t) end;
    }
    return fdatasync(self->fd) == 0 || sk_fail_errno(error, errno, "cannot write over volume \"%s\"", self->volume->name);
}

static gboolean
trim(Wipe *self, GError **error)
{
    guint64 range[2] = { 0, self->size };
    gint result = self->volume->block ? ioctl(self->fd, BLKDISCARD, range)
                                      : fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t) self->size);
    return result == 0 || sk_fail_errno(error, errno, "cannot discard what is in volume \"%s\"", self->volume->name);
}

static gboolean
run(Wipe *self, gint algorithm, GError **error)
{
    if (sk_fault("volume/wipe", error))
        return FALSE;
    if (algorithm == SK_WIPE_TRIM)
        return trim(self, error);
    for (guint i = 0; i < algorithms[algorithm].count; i++) {
        if (!write_pass(self, algorithms[algorithm].passes[i], error))
            return FALSE;
    }
    return TRUE;
}

/* An empty image in the place of the one that is gone. */
static gboolean
make_anew(const SkVolume *volume, gint fd, const SkStorageContext *context, GError **error)
{
    SkVolumeCreate create = { .name = volume->name, .capacity = volume->capacity, .format = SK_FORMAT_QCOW2,
                              .options = { .compat = volume->compat, .cluster_size = volume->cluster_size,
                                           .lazy_refcounts = volume->lazy_refcounts, .extended_l2 = volume->extended_l2, .encryption = volume->encryption } };
    create.format = volume->format;
    if (ftruncate(fd, 0) < 0)
        return sk_fail_errno(error, errno, "cannot empty volume \"%s\"", volume->name);
    return sk_tool_create(volume->path, &create, NULL, 0, context, error);
}

gboolean
sk_storage_wipe(const SkVolume *volume, gint algorithm, gboolean renew, const SkStorageContext *context, GError **error)
{
    gint flags = O_RDWR | O_NONBLOCK | O_CLOEXEC | (volume->block ? 0 : O_NOFOLLOW);
    g_auto(SkFd) fd = open(volume->path, flags);
    gboolean anew = renew && volume->kind == SK_VOLUME_DISK && (volume->format == SK_FORMAT_QCOW2 || volume->encryption != NULL);
    if (anew && volume->encryption != NULL && (context == NULL || context->passphrase == NULL))
        return sk_fail(error, SK_ERROR_NO_SECRET, "volume \"%s\" is encrypted: without its secret it cannot be made anew", volume->name);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", volume->path);
    if (!sk_storage_lock_take(fd, volume->path, SK_LOCK_REMOVE, error))
        return FALSE;
    Wipe self = { .volume = volume, .context = context, .fd = fd, .size = volume->physical,
                  .total = MIN(volume->allocation, volume->physical) * algorithms[algorithm].count, .buffer = g_malloc(PIECE_BYTES) };
    gboolean ok = run(&self, algorithm, error);
    g_free(self.buffer);
    if (!ok || !anew)
        return ok;
    /* qemu-img takes a lock of its own. */
    sk_fd_clear(&fd);
    fd = open(volume->path, flags);
    return (fd >= 0 || sk_fail_errno(error, errno, "cannot open \"%s\"", volume->path)) && make_anew(volume, fd, context, error);
}
