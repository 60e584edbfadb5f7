/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets that listen: made here or handed in, and the accepting of connections. */
#include "api/rest/rest-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "api/common/address.h"
#include "api/common/cert.h"
#include "base/error.h"
#include "base/fs.h"

#define MAX_ACCEPTS 16          /* before other sources get their turn */
#define PAUSE_MSEC 200          /* when descriptors have run out */

typedef struct {
    SkRest *rest;
    SkFd fd;
    gboolean is_unix, encrypted;
    guint source;
} Listener;

static void
free_listener(gpointer data)
{
    Listener *self = data;
    g_clear_handle_id(&self->source, g_source_remove);
    sk_fd_clear(&self->fd);
    g_free(self);
}

/* -- accepting --------------------------------------------------------------------------------------------- */

static void watch(Listener *self);

static gboolean
accept_again(gpointer data)
{
    Listener *self = data;
    self->source = 0;
    watch(self);
    return G_SOURCE_REMOVE;
}

static void
pause_for_descriptors(Listener *self)
{
    g_warning("cannot accept a connection: %s; trying again in %d ms", g_strerror(errno), PAUSE_MSEC);
    g_source_remove(self->source);
    self->source = g_timeout_add(PAUSE_MSEC, accept_again, self);
}

static gboolean
on_connection(gint fd, GIOCondition condition, gpointer data)
{
    Listener *self = data;
    const gint yes = 1;
    for (guint i = 0; i < MAX_ACCEPTS; i++) {
        struct sockaddr_storage address = { 0 };
        socklen_t size = sizeof address;
        gint client = accept4(fd, (struct sockaddr *) &address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                pause_for_descriptors(self);
            break;
        }
        if (!self->is_unix)
            setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        sk_rest_connection_new(self->rest, client, (struct sockaddr *) &address, self->is_unix, self->encrypted);
    }
    return G_SOURCE_CONTINUE;
}

static void
watch(Listener *self)
{
    self->source = g_unix_fd_add(self->fd, G_IO_IN, on_connection, self);
}

static void
add_listener(SkRest *self, gint fd, gboolean is_unix, gboolean encrypted)
{
    Listener *listener = g_new0(Listener, 1);
    listener->rest = self;
    listener->fd = fd;
    listener->is_unix = is_unix;
    listener->encrypted = encrypted;
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    g_ptr_array_add(self->listeners, listener);
    watch(listener);
}

/* -- opening --------------------------------------------------------------------------------------------------- */

static gboolean
open_https(SkRest *self, const SkRestSettings *settings, GError **error)
{
    g_autofree char *host = NULL;
    g_auto(SkFd) fd = SK_FD_NONE;

    if (settings->https_address == NULL && settings->n_https_fds == 0)
        return TRUE;
    if (settings->https_address != NULL) {
        fd = sk_address_listen(settings->https_address, &host, error);
        if (fd < 0)
            return FALSE;
    }
    if (!sk_cert_ensure(settings->cert_path, settings->key_path, host, error))
        return FALSE;
    self->tls = sk_tls_new(settings->cert_path, settings->key_path, error);
    if (self->tls == NULL)
        return FALSE;
    if (fd >= 0) {
        self->port = sk_address_port(fd);
        add_listener(self, sk_fd_steal(&fd), FALSE, TRUE);
    }
    for (guint i = 0; i < settings->n_https_fds; i++) {
        self->port = self->port != 0 ? self->port : sk_address_port(settings->https_fds[i]);
        add_listener(self, settings->https_fds[i], FALSE, TRUE);
    }
    return TRUE;
}

static gboolean
open_unix(SkRest *self, const SkRestSettings *settings, GError **error)
{
    for (guint i = 0; i < settings->n_unix_fds; i++)
        add_listener(self, settings->unix_fds[i], TRUE, FALSE);
    if (settings->unix_path == NULL)
        return TRUE;
    gint fd = sk_fs_listen_unix(settings->unix_path, 0660, error);
    if (fd < 0)
        return FALSE;
    self->unix_path = g_strdup(settings->unix_path);
    add_listener(self, fd, TRUE, FALSE);
    /* Without privileges the group cannot be given; then root and the daemon's user remain. */
    gid_t group = sk_auth_group_id(self->auth);
    if (group != (gid_t) -1 && chown(settings->unix_path, (uid_t) -1, group) < 0)
        g_debug("cannot give \"%s\" to group \"%s\": %s", settings->unix_path, SK_AUTH_GROUP, g_strerror(errno));
    return TRUE;
}

gboolean
sk_listeners_open(SkRest *self, const SkRestSettings *settings, GError **error)
{
    self->listeners = g_ptr_array_new_with_free_func(free_listener);
    if (settings->plain_fd > 0)
        add_listener(self, settings->plain_fd, FALSE, FALSE);
    return open_unix(self, settings, error) && open_https(self, settings, error);
}

void
sk_listeners_close(SkRest *self)
{
    g_clear_pointer(&self->listeners, g_ptr_array_unref);
    if (self->unix_path != NULL)
        g_unlink(self->unix_path);
    g_clear_pointer(&self->unix_path, g_free);
}
