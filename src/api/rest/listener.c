/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets that listen: made here or handed in. */
#include "api/rest/rest-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "api/common/acceptor.h"
#include "api/common/address.h"
#include "api/common/cert.h"
#include "base/fs.h"

typedef struct {
    SkRest *rest;
    SkAcceptor *acceptor;
    gboolean is_unix, encrypted;
} Listener;

static void
free_listener(gpointer data)
{
    Listener *self = data;
    sk_acceptor_free(self->acceptor);
    g_free(self);
}

static void
arrive(gint fd, const struct sockaddr *address, gpointer data)
{
    Listener *self = data;
    const gint yes = 1;
    if (!self->is_unix)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    sk_rest_connection_new(self->rest, fd, address, self->is_unix, self->encrypted);
}

/* Its acceptor is still to come. */
static Listener *
add_listener(SkRest *self, gboolean is_unix, gboolean encrypted)
{
    Listener *listener = g_new0(Listener, 1);
    listener->rest = self;
    listener->is_unix = is_unix;
    listener->encrypted = encrypted;
    g_ptr_array_add(self->listeners, listener);
    return listener;
}

static void
listen_on(SkRest *self, gint fd, gboolean is_unix, gboolean encrypted)
{
    Listener *listener = add_listener(self, is_unix, encrypted);
    listener->acceptor = sk_acceptor_new(fd, arrive, listener);
}

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
        listen_on(self, sk_fd_steal(&fd), FALSE, TRUE);
    }
    for (guint i = 0; i < settings->n_https_fds; i++) {
        self->port = self->port != 0 ? self->port : sk_address_port(settings->https_fds[i]);
        listen_on(self, settings->https_fds[i], FALSE, TRUE);
    }
    return TRUE;
}

static gboolean
open_unix(SkRest *self, const SkRestSettings *settings, GError **error)
{
    for (guint i = 0; i < settings->n_unix_fds; i++)
        listen_on(self, settings->unix_fds[i], TRUE, FALSE);
    if (settings->unix_path == NULL)
        return TRUE;
    Listener *listener = add_listener(self, TRUE, FALSE);
    listener->acceptor = sk_acceptor_new_unix(settings->unix_path, 0660, sk_auth_group_id(self->auth), arrive, listener, error);
    return listener->acceptor != NULL;
}

gboolean
sk_listeners_open(SkRest *self, const SkRestSettings *settings, GError **error)
{
    self->listeners = g_ptr_array_new_with_free_func(free_listener);
    if (settings->plain_fd > 0)
        listen_on(self, settings->plain_fd, FALSE, FALSE);
    return open_unix(self, settings, error) && open_https(self, settings, error);
}

void
sk_listeners_close(SkRest *self)
{
    g_clear_pointer(&self->listeners, g_ptr_array_unref);
}
