/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of saved domains: head with two places for the definition, and the stream behind it. */
#include "storage/save-image.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/undo.h"

#define VERSION 1
#define HEAD_BYTES 4096
/* Places grow in steps of this; half of a place is room for a longer text. */
#define PLACE_STEP (64 * 1024)

enum { FLAG_PAUSED = 1 << 0, FLAG_ZSTD = 1 << 1 };

/* Little endian, at the file's begin. `place` and `flags` share a sector: a change of text turns both at once. */
typedef struct {
    char magic[8];
    guint32 version, flags;
    guint32 place, place_bytes;
    guint64 stream;
    gint64 time;
    guint32 length[2];      /* of the texts */
} Head;
G_STATIC_ASSERT(sizeof(Head) == 48);

static const char magic[8] = { 'S', 'K', 'E', 'P', 'S', 'A', 'V', 'E' };

void
sk_save_image_clear(SkSaveImage *self)
{
    g_clear_pointer(&self->text, g_free);
}

/* -- head ------------------------------------------------------------------------------------------------------ */

static gboolean
put(gint fd, const void *bytes, gsize length, guint64 offset, const char *path, GError **error)
{
    for (gsize done = 0; done < length;) {
        gssize n = pwrite(fd, (const guint8 *) bytes + done, length - done, (off_t) (offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sk_fail_errno(error, errno, "cannot write \"%s\"", path);
        done += (gsize) n;
    }
    return TRUE;
}

static gboolean
get(gint fd, void *bytes, gsize length, guint64 offset)
{
    for (gsize done = 0; done < length;) {
        gssize n = pread(fd, (guint8 *) bytes + done, length - done, (off_t) (offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        done += (gsize) n;
    }
    return TRUE;
}

static gboolean
put_head(gint fd, const Head *head, const char *path, GError **error)
{
    Head out = { .version = GUINT32_TO_LE(head->version), .flags = GUINT32_TO_LE(head->flags), .place = GUINT32_TO_LE(head->place),
                 .place_bytes = GUINT32_TO_LE(head->place_bytes), .stream = GUINT64_TO_LE(head->stream), .time = GINT64_TO_LE(head->time),
                 .length = { GUINT32_TO_LE(head->length[0]), GUINT32_TO_LE(head->length[1]) } };
    memcpy(out.magic, magic, sizeof magic);
    return put(fd, &out, sizeof out, 0, path, error);
}

static gboolean
get_head(gint fd, Head *out, const char *path, GError **error)
{
    Head head;
    if (!get(fd, &head, sizeof head, 0) || memcmp(head.magic, magic, sizeof magic) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not a saved domain", path);
    *out = (Head){ .version = GUINT32_FROM_LE(head.version), .flags = GUINT32_FROM_LE(head.flags), .place = GUINT32_FROM_LE(head.place),
                   .place_bytes = GUINT32_FROM_LE(head.place_bytes), .stream = GUINT64_FROM_LE(head.stream),
                   .time = GINT64_FROM_LE(head.time),
                   .length = { GUINT32_FROM_LE(head.length[0]), GUINT32_FROM_LE(head.length[1]) } };
    if (out->version != VERSION)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "\"%s\" was saved in form %u, and only %u is known here", path, out->version, VERSION);
    if (out->place > 1 || out->place_bytes == 0 || out->place_bytes > SK_SAVE_TEXT_MAX || out->length[out->place] > out->place_bytes ||
        out->stream < HEAD_BYTES + 2 * (guint64) out->place_bytes || out->stream > G_MAXINT64)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not a saved domain that is whole", path);
    return TRUE;
}

static guint64
place_offset(const Head *head, guint place)
{
    return HEAD_BYTES + place * (guint64) head->place_bytes;
}

static guint32
flags_of(guint32 others, gboolean paused)
{
    return (others & ~(guint32) FLAG_PAUSED) | (paused ? FLAG_PAUSED : 0);
}

/* -- create, read, change ---------------------------------------------------------------------------------------- */

gint
sk_save_image_create(const char *path, const SkSaveImage *image, GError **error)
{
    gsize length = strlen(image->text);
    gsize room = (length + length / 2 + 2 * PLACE_STEP - 1) / PLACE_STEP * PLACE_STEP;
    if (room > SK_SAVE_TEXT_MAX) {
        sk_fail(error, SK_ERROR_TOO_LARGE, "the definition has %" G_GSIZE_FORMAT " bytes, too many to be saved", length);
        return -1;
    }
    Head head = { .version = VERSION, .flags = flags_of(image->compressed ? FLAG_ZSTD : 0, image->paused), .place_bytes = (guint32) room,
                  .stream = HEAD_BYTES + 2 * room, .time = image->time, .length = { (guint32) length, 0 } };
    if (sk_fault("save-image/create", error))
        return -1;
    g_auto(SkFd) fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot make \"%s\"", path);
        return -1;
    }
    if (!put(fd, image->text, length, place_offset(&head, 0), path, error) || !put_head(fd, &head, path, error))
        return -1;
    if (lseek(fd, (off_t) head.stream, SEEK_SET) < 0) {
        sk_fail_errno(error, errno, "cannot write \"%s\"", path);
        return -1;
    }
    return sk_fd_steal(&fd);
}

gboolean
sk_save_image_read(gint fd, const char *path, SkSaveImage *out, GError **error)
{
    Head head;
    if (!get_head(fd, &head, path, error))
        return FALSE;
    g_autofree char *text = g_malloc0((gsize) head.length[head.place] + 1);
    if (!get(fd, text, head.length[head.place], place_offset(&head, head.place)) || !g_utf8_validate(text, head.length[head.place], NULL))
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not a saved domain that is whole", path);
    if (lseek(fd, (off_t) head.stream, SEEK_SET) < 0)
        return sk_fail_errno(error, errno, "cannot read \"%s\"", path);
    *out = (SkSaveImage){ .paused = (head.flags & FLAG_PAUSED) != 0, .compressed = (head.flags & FLAG_ZSTD) != 0, .time = head.time,
                          .text = g_steal_pointer(&text) };
    return TRUE;
}

gboolean
sk_save_image_open(const char *path, SkSaveImage *out, gint *out_fd, GError **error)
{
    g_auto(SkFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? sk_fail(error, SK_ERROR_NOT_FOUND, "there is no file \"%s\"", path)
                               : sk_fail_errno(error, errno, "cannot open \"%s\"", path);
    if (!sk_save_image_read(fd, path, out, error))
        return FALSE;
    if (out_fd != NULL)
        *out_fd = sk_fd_steal(&fd);
    return TRUE;
}

gboolean
sk_save_image_change(const char *path, const char *text, gboolean paused, GError **error)
{
    g_auto(SkFd) fd = open(path, O_RDWR | O_CLOEXEC);
    Head head;
    gsize length = strlen(text);
    if (fd < 0)
        return errno == ENOENT ? sk_fail(error, SK_ERROR_NOT_FOUND, "there is no file \"%s\"", path)
                               : sk_fail_errno(error, errno, "cannot open \"%s\"", path);
    if (!get_head(fd, &head, path, error))
        return FALSE;
    if (length > head.place_bytes)
        return sk_fail(error, SK_ERROR_TOO_LARGE, "the definition has %" G_GSIZE_FORMAT " bytes, and \"%s\" has room for %u", length, path,
                       head.place_bytes);
    guint other = 1 - head.place;
    if (!put(fd, text, length, place_offset(&head, other), path, error) || fdatasync(fd) < 0 || sk_fault("save-image/turn", error))
        return error != NULL && *error != NULL ? FALSE : sk_fail_errno(error, errno, "cannot write \"%s\"", path);
    head.place = other;
    head.length[other] = (guint32) length;
    head.flags = flags_of(head.flags, paused);
    if (!put_head(fd, &head, path, error))
        return FALSE;
    return fdatasync(fd) == 0 || sk_fail_errno(error, errno, "cannot write \"%s\"", path);
}

/* -- zstd between QEMU and the file ---------------------------------------------------------------------------------- */

gboolean
sk_save_filter_start(gboolean unpack, gint from, gint to, gint *out_pid, gint *out_pidfd, GError **error)
{
    static const char *const pack_argv[] = { "zstd", "-q", "-c", "-1", NULL };
    static const char *const unpack_argv[] = { "zstd", "-q", "-d", "-c", NULL };
    const SkSpawn spawn = { .argv = unpack ? unpack_argv : pack_argv, .in = from, .out = to, .no_new_privs = TRUE };
    pid_t pid;
    g_auto(SkFd) pidfd = SK_FD_NONE;
    if (!sk_spawn(&spawn, &pid, &pidfd, error))
        return FALSE;
    *out_pid = pid;
    *out_pidfd = sk_fd_steal(&pidfd);
    return TRUE;
}

gboolean
sk_save_filter_end(gint pid, gint pidfd, gboolean kill_it, GError **error)
{
    gint status = 0;
    if (kill_it)
        kill(pid, SIGKILL);
    gboolean ok = sk_spawn_wait(pid, pidfd, -1, &status, error);
    close(pidfd);
    if (!ok || kill_it)
        return FALSE;
    return status == 0 || sk_fail(error, SK_ERROR_IO, "zstd could not pack or unpack the saved memory: is the disk full, or the file cut?");
}
