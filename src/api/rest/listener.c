/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets that listen: made here or handed in, and the accepting of connections. */
#include "api/rest/rest-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

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

/* -- addresses --------------------------------------------------------------------------------------------- */

/* "127.0.0.1:8443", "[::]:8443", ":8443". */
static gboolean
split_address(const char *address, char **out_host, char **out_port, GError **error)
{
    const char *colon = strrchr(address, ':');
    guint64 port;
    if (colon == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "listen address is \"%s\", give ADDRESS:PORT such as 127.0.0.1:8443", address);
    gboolean bracketed = *address == '[' && colon > address + 1 && colon[-1] == ']';
    *out_host = bracketed ? g_strndup(address + 1, (gsize) (colon - address) - 2) : g_strndup(address, (gsize) (colon - address));
    *out_port = g_strdup(colon + 1);
    return TRUE;
}

static gint
open_tcp(const struct addrinfo *at, const char *address, GError **error)
{
    const gint yes = 1;
    g_auto(SkFd) fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot make a socket for \"%s\"", address);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return sk_fd_steal(&fd);
    if (errno == EADDRINUSE)
        sk_fail(error, SK_ERROR_IN_USE, "address \"%s\" is in use by another program; give another one with --listen", address);
    else
        sk_fail_errno(error, errno, "cannot listen on \"%s\"", address);
    return -1;
}

/* host is a literal address, so that a start never waits for DNS. */
static gint
listen_tcp(const char *host, const char *port, const char *address, GError **error)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    gint result = getaddrinfo(*host != '\0' ? host : NULL, port, &hints, &list);
    if (result != 0) {
        sk_fail(error, SK_ERROR_INVALID, "listen address is \"%s\", give a numeric ADDRESS:PORT such as 127.0.0.1:8443", address);
        return -1;
    }
    gint fd = open_tcp(list, address, error);
    freeaddrinfo(list);
    return fd;
}

static guint
port_of(gint fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *) &address, &size) < 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *) &address)->sin6_port);
    return address.ss_family == AF_INET ? ntohs(((struct sockaddr_in *) &address)->sin_port) : 0;
}

/* -- opening --------------------------------------------------------------------------------------------------- */

static gboolean
open_https(SkRest *self, const SkRestSettings *settings, GError **error)
{
    g_autofree char *host = NULL, *port = NULL;
    g_auto(SkFd) fd = SK_FD_NONE;

    if (settings->https_address == NULL && settings->n_https_fds == 0)
        return TRUE;
    if (settings->https_address != NULL) {
        if (!split_address(settings->https_address, &host, &port, error))
            return FALSE;
        fd = listen_tcp(host, port, settings->https_address, error);
        if (fd < 0)
            return FALSE;
    }
    if (!sk_cert_ensure(settings->cert_path, settings->key_path, host, error))
        return FALSE;
    self->tls = sk_tls_new(settings->cert_path, settings->key_path, error);
    if (self->tls == NULL)
        return FALSE;
    if (fd >= 0) {
        self->port = port_of(fd);
        add_listener(self, sk_fd_steal(&fd), FALSE, TRUE);
    }
    for (guint i = 0; i < settings->n_https_fds; i++) {
        self->port = self->port != 0 ? self->port : port_of(settings->https_fds[i]);
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
