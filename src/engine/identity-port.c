/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Talks to skep-identity in a guest. */
#include "engine/identity-port.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "engine/lines.h"

#define LINE_MAX_BYTES 4096

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkLines, sk_lines_clear)

/* Four bytes of length, then the text. */
static gboolean
send_message(gint fd, const char *text, GError **error)
{
    const guint32 length = GUINT32_TO_LE((guint32) strlen(text));
    return sk_fd_write_all(fd, &length, sizeof length, error) && sk_fd_write_all(fd, text, strlen(text), error);
}

/* The guest's words, fit to be shown. */
static char *
clean(const char *line)
{
    char *text = g_str_to_ascii(line, "C");
    for (char *at = text; *at != '\0'; at++) {
        if (!g_ascii_isprint(*at))
            *at = '?';
    }
    return text;
}

/* A step of whom nothing is missed: no such file or directory. */
static gboolean
is_harmless(const char *line)
{
    return (g_str_has_prefix(line, "failed file ") || g_str_has_prefix(line, "failed remove ")) && g_str_has_suffix(line, "No such file or directory");
}

/* One read's worth; FALSE at the end of time or of the connection. */
static gboolean
hear(gint fd, const char *domain, gint64 deadline, SkLines *lines, GError **error)
{
    char bytes[LINE_MAX_BYTES];
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    gint64 left = (deadline - g_get_monotonic_time()) / 1000;
    gint got = left > 0 ? poll(&wait, 1, (gint) left) : 0;
    if (got < 0 && errno == EINTR)
        return TRUE;
    if (got <= 0)
        return sk_fail(error, SK_ERROR_AGENT, "the identity program in the guest \"%s\" did not answer in time", domain);
    gssize n = read(fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return TRUE;
    if (n <= 0)
        return sk_fail(error, SK_ERROR_AGENT, "QEMU of \"%s\" closed the port of the identity program", domain);
    return sk_lines_push(lines, bytes, (gsize) n) || sk_fail(error, SK_ERROR_AGENT, "the identity program in the guest \"%s\" says too much", domain);
}

static void
note_failure(GString *failed, const char *domain, const char *line)
{
    g_autofree char *text = clean(line);
    if (is_harmless(text))
        g_message("guest \"%s\": %s", domain, text);
    else if (failed->len < LINE_MAX_BYTES)
        g_string_append_printf(failed, "%s%s", failed->len > 0 ? "; " : "", text);
}

/* Until the line wanted comes. */
static gboolean
await(gint fd, const char *domain, const char *wanted, gint64 deadline, GString *failed, GError **error)
{
    g_auto(SkLines) lines = { 0 };
    gsize length;
    sk_lines_init(&lines, LINE_MAX_BYTES);
    while (hear(fd, domain, deadline, &lines, error)) {
        for (char *line = sk_lines_pop(&lines, &length); line != NULL; line = sk_lines_pop(&lines, &length)) {
            if (g_str_equal(line, wanted))
                return TRUE;
            if (g_str_has_prefix(line, "failed "))
                note_failure(failed, domain, line);
        }
    }
    return FALSE;
}

static gboolean
talk(const char *path, const char *domain, const char *text, const char *wanted, gint timeout_ms, GString *failed, GError **error)
{
    sk_assert_worker();
    g_auto(SkFd) fd = sk_fs_connect_unix(path, error);
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_GINT64_CONSTANT(1000);
    return fd >= 0 && send_message(fd, text, error) && await(fd, domain, wanted, deadline, failed, error);
}

gboolean
sk_identity_hello(const char *path, const char *domain, gint timeout_ms, GError **error)
{
    g_autoptr(GString) failed = g_string_new(NULL);
    return talk(path, domain, "hello", "ready", timeout_ms, failed, error);
}

gboolean
sk_identity_become(const char *path, const char *domain, const char *order, gint timeout_ms, GError **error)
{
    g_autoptr(GString) failed = g_string_new(NULL);
    return talk(path, domain, order, "done", timeout_ms, failed, error) &&
           (failed->len == 0 || sk_fail(error, SK_ERROR_AGENT, "the guest \"%s\" did not get all of its identity: %s", domain, failed->str));
}
