/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input for a console. */
#include "engine/console/input.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/thread.h"

#define PENDING_MAX 65536

struct SkConsoleInput {
    char *path;
    SkFd fd;
    GSource *in, *out;
    GByteArray *pending;
};

static void
drop_source(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static void
disconnect(SkConsoleInput *self)
{
    drop_source(&self->in);
    drop_source(&self->out);
    sk_fd_clear(&self->fd);
    g_byte_array_set_size(self->pending, 0);
}

/* What comes back stands in the log already; it is read so that the guest is not held up. */
static gboolean
drain(gint fd, GIOCondition condition, gpointer data)
{
    SkConsoleInput *self = data;
    char bytes[16384];
    gssize n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return G_SOURCE_CONTINUE;
    disconnect(self);
    return G_SOURCE_REMOVE;
}

static void
watch(SkConsoleInput *self, GSource **source, GIOCondition condition, GUnixFDSourceFunc func)
{
    *source = g_unix_fd_source_new(self->fd, condition);
    g_source_set_callback(*source, G_SOURCE_FUNC(func), self, NULL);
    g_source_attach(*source, NULL);
}

static gboolean
ensure_connected(SkConsoleInput *self)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (self->fd >= 0)
        return TRUE;
    if (g_strlcpy(address.sun_path, self->path, sizeof address.sun_path) >= sizeof address.sun_path)
        return FALSE;
    g_auto(SkFd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0)
        return FALSE;
    self->fd = sk_fd_steal(&fd);
    watch(self, &self->in, G_IO_IN | G_IO_HUP | G_IO_ERR, drain);
    return TRUE;
}

static gboolean
flush(gint fd, GIOCondition condition, gpointer data)
{
    SkConsoleInput *self = data;
    while (self->pending->len > 0) {
        gssize n = send(fd, self->pending->data, self->pending->len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        g_byte_array_remove_range(self->pending, 0, (guint) n);
    }
    if (self->pending->len > 0 && self->out == NULL)
        watch(self, &self->out, G_IO_OUT, flush);
    else if (self->pending->len == 0)
        drop_source(&self->out);
    return G_SOURCE_CONTINUE;
}

SkConsoleInput *
sk_console_input_new(const char *socket_path)
{
    SkConsoleInput *self = g_new0(SkConsoleInput, 1);
    self->path = g_strdup(socket_path);
    self->fd = SK_FD_NONE;
    self->pending = g_byte_array_new();
    return self;
}

SkInputResult
sk_console_input_write(SkConsoleInput *self, const void *bytes, gsize length)
{
    sk_assert_main();
    if (!ensure_connected(self))
        return SK_INPUT_GONE;
    if (self->pending->len + length > PENDING_MAX)
        return SK_INPUT_FULL;
    g_byte_array_append(self->pending, bytes, (guint) length);
    flush(self->fd, G_IO_OUT, self);
    return SK_INPUT_SENT;
}

void
sk_console_input_free(SkConsoleInput *self)
{
    if (self == NULL)
        return;
    disconnect(self);
    g_byte_array_unref(self->pending);
    g_free(self->path);
    g_free(self);
}
