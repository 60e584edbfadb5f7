/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uploads and downloads. */
#include "cli/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "cli/progress.h"
#include "codec/json/json.h"

typedef struct {
    SkProgress *progress;
    gint fd;
    guint64 before;         /* bytes that were there already */
} Transfer;

static void
on_progress(guint64 done, guint64 total, gpointer data)
{
    Transfer *self = data;
    done += self->before;
    total += total > 0 ? self->before : 0;
    sk_progress_show(self->progress, total > 0 ? (gdouble) done / (gdouble) total : -1, NULL, done, total);
}

static json_t *
judge(const SkHttpAnswer *answer, GError **error)
{
    g_autoptr(json_t) value = answer->body->len > 0 ? json_loadb(answer->body->str, answer->body->len, JSON_DECODE_ANY, NULL) : json_null();
    if (answer->head.status / 100 == 2)
        return value != NULL ? g_steal_pointer(&value) : json_null();
    sk_cli_set_error(error, answer->head.status, value);
    return NULL;
}

/* -- upload ------------------------------------------------------------------------------------------------------- */

static gint
open_source(const char *path, guint64 offset, guint64 *out_length, GError **error)
{
    struct stat status;
    g_auto(SkFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) {
        sk_fail_errno(error, errno, "cannot read \"%s\"", path);
        return -1;
    }
    if (!S_ISREG(status.st_mode)) {
        sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not a regular file", path);
        return -1;
    }
    if (offset > (guint64) status.st_size || lseek(fd, (off_t) offset, SEEK_SET) < 0) {
        sk_fail(error, SK_ERROR_INVALID, "offset is beyond the end of \"%s\"", path);
        return -1;
    }
    *out_length = (guint64) status.st_size - offset;
    return sk_fd_steal(&fd);
}

gboolean
sk_upload_offset(SkCli *self, const SkAsk *ask, guint64 *out_offset, GError **error)
{
    g_autofree char *target = sk_ask_target(ask, error);
    SkHttpRequest request = { .method = "HEAD", .path = target };
    g_autoptr(SkHttpAnswer) answer = target != NULL ? sk_http_ask(sk_cli_http(self), &request, error) : NULL;
    if (answer == NULL)
        return FALSE;
    if (answer->head.status / 100 != 2 && answer->head.status != 404) {
        sk_cli_set_error(error, answer->head.status, NULL);
        return FALSE;
    }
    const char *text = g_hash_table_lookup(answer->head.headers, "upload-offset");
    *out_offset = text != NULL ? g_ascii_strtoull(text, NULL, 10) : 0;
    return TRUE;
}

json_t *
sk_upload(SkCli *self, const SkAsk *ask, const char *path, guint64 offset, GError **error)
{
    guint64 length;
    g_auto(SkFd) fd = open_source(path, offset, &length, error);
    g_autofree char *target = fd >= 0 ? sk_ask_target(ask, error) : NULL;
    if (target == NULL)
        return NULL;
    g_autofree char *what = g_strdup_printf("upload %s", path);
    g_autoptr(SkProgress) progress = sk_progress_new(what, self->quiet);
    Transfer transfer = { .progress = progress, .before = offset };
    SkHttpRequest request = { .method = ask->op->method, .path = target, .body_fd = fd, .body_length = (gsize) length,
                              .body_type = "application/octet-stream", .progress = on_progress, .data = &transfer };
    g_autoptr(SkHttpAnswer) answer = sk_http_ask(sk_cli_http(self), &request, error);
    return answer != NULL ? judge(answer, error) : NULL;
}

/* -- download ------------------------------------------------------------------------------------------------------ */

static gboolean
on_bytes(const void *bytes, gsize length, gpointer data, GError **error)
{
    return sk_fd_write_all(((Transfer *) data)->fd, bytes, length, error);
}

static gboolean
fetch(SkCli *self, const SkAsk *ask, const char *path, Transfer *transfer, GError **error)
{
    g_autofree char *target = sk_ask_target(ask, error);
    if (target == NULL)
        return FALSE;
    g_autofree char *what = g_strdup_printf("download %s", path);
    g_autofree char *range = transfer->before > 0 ? g_strdup_printf("Range: bytes=%" G_GUINT64_FORMAT "-", transfer->before) : NULL;
    const char *headers[] = { range, NULL };
    g_autoptr(SkProgress) progress = sk_progress_new(what, self->quiet || g_str_equal(path, "-"));
    transfer->progress = progress;
    SkHttpRequest request = { .method = ask->op->method, .path = target, .headers = headers, .progress = on_progress, .sink = on_bytes, .data = transfer };
    g_autoptr(SkHttpAnswer) answer = sk_http_ask(sk_cli_http(self), &request, error);
    if (answer == NULL)
        return FALSE;
    if (answer->head.status == 416 && transfer->before > 0)
        return TRUE;
    g_autoptr(json_t) refusal = judge(answer, error);
    if (refusal == NULL)
        return FALSE;
    if (transfer->before > 0 && answer->head.status != 206)
        return sk_fail(error, SK_ERROR_IO, "the daemon began anew instead of going on: remove the partial file and do it without --resume");
    return TRUE;
}

gboolean
sk_download(SkCli *self, const SkAsk *ask, const char *path, gboolean resume, GError **error)
{
    if (g_str_equal(path, "-")) {
        Transfer out = { .fd = STDOUT_FILENO };
        return fetch(self, ask, path, &out, error);
    }
    g_autofree char *part = g_strconcat(path, ".part", NULL);
    g_auto(SkFd) fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | (resume ? 0 : O_TRUNC), 0644);
    off_t there = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    if (there < 0)
        return sk_fail_errno(error, errno, "cannot write \"%s\"", part);
    Transfer transfer = { .fd = fd, .before = (guint64) there };
    if (!fetch(self, ask, path, &transfer, error)) {
        if (lseek(fd, 0, SEEK_END) == 0) {
            (void) unlink(part);
            return FALSE;
        }
        g_prefix_error(error, "what came is in \"%s\" (--resume goes on): ", part);
        return FALSE;
    }
    if (fsync(fd) < 0 || rename(part, path) < 0)
        return sk_fail_errno(error, errno, "cannot write \"%s\"", path);
    return TRUE;
}

char *
sk_file_sha256(const char *path, GError **error)
{
    g_auto(SkFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot read \"%s\"", path);
        return NULL;
    }
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree guint8 *piece = g_malloc(1 << 20);
    gssize n;
    while ((n = read(fd, piece, 1 << 20)) > 0)
        g_checksum_update(sum, piece, n);
    if (n < 0) {
        sk_fail_errno(error, errno, "cannot read \"%s\"", path);
        return NULL;
    }
    return g_strdup(g_checksum_get_string(sum));
}
