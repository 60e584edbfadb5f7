/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A socket that listens, and the accepting of connections on it. */
#include "api/common/acceptor.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "api/common/address.h"
#include "base/fs.h"

#define MAX_ACCEPTS 16          /* before other sources get their turn */
#define PAUSE_MSEC 200          /* when descriptors have run out */

struct SkAcceptor {
    SkFd fd;
    char *path;             /* to remove at the end, or NULL */
    SkArrived arrived;
    gpointer data;
    guint source;
};

static void watch(SkAcceptor *self);

static gboolean
accept_again(gpointer data)
{
    SkAcceptor *self = data;
    self->source = 0;
    watch(self);
    return G_SOURCE_REMOVE;
}

static void
pause_for_descriptors(SkAcceptor *self)
{
    g_warning("cannot accept a connection: %s; trying again in %d ms", g_strerror(errno), PAUSE_MSEC);
    g_source_remove(self->source);
    self->source = g_timeout_add(PAUSE_MSEC, accept_again, self);
}

static gboolean
on_connection(gint fd, GIOCondition condition, gpointer data)
{
    SkAcceptor *self = data;
    (void) condition;
    for (guint i = 0; i < MAX_ACCEPTS; i++) {
        struct sockaddr_storage address = { 0 };
        socklen_t size = sizeof address;
        gint client = accept4(fd, (struct sockaddr *) &address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                pause_for_descriptors(self);
            break;
        }
        self->arrived(client, (const struct sockaddr *) &address, self->data);
    }
    return G_SOURCE_CONTINUE;
}

static void
watch(SkAcceptor *self)
{
    self->source = g_unix_fd_add(self->fd, G_IO_IN, on_connection, self);
}

SkAcceptor *
sk_acceptor_new(gint fd, SkArrived arrived, gpointer data)
{
    SkAcceptor *self = g_new0(SkAcceptor, 1);
    self->fd = fd;
    self->arrived = arrived;
    self->data = data;
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    watch(self);
    return self;
}

SkAcceptor *
sk_acceptor_new_unix(const char *path, mode_t mode, gid_t group, SkArrived arrived, gpointer data, GError **error)
{
    gint fd = sk_fs_listen_unix(path, mode, error);
    if (fd < 0)
        return NULL;
    if (group != (gid_t) -1 && chown(path, (uid_t) -1, group) < 0)
        g_debug("cannot give \"%s\" to group %u: %s", path, (guint) group, g_strerror(errno));
    SkAcceptor *self = sk_acceptor_new(fd, arrived, data);
    self->path = g_strdup(path);
    return self;
}

void
sk_acceptor_free(SkAcceptor *self)
{
    if (self == NULL)
        return;
    g_clear_handle_id(&self->source, g_source_remove);
    sk_fd_clear(&self->fd);
    if (self->path != NULL)
        g_unlink(self->path);
    g_free(self->path);
    g_free(self);
}

guint
sk_acceptor_port(const SkAcceptor *self)
{
    return sk_address_port(self->fd);
}
