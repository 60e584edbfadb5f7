/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets that listen, and who comes: who comes, and whether there is a place. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "api/common/acceptor.h"
#include "api/common/address.h"
#include "api/libvirt/private.h"
#include "base/error.h"
#include "base/fs.h"

#define REFUSED_MAX 64          /* connections that are kept only to say why not; beyond, they are closed */
#define TCP_IDLE_SECONDS 60     /* silence after which the kernel asks whether a client is still there */

typedef struct {
    SkLibvirt *server;
    SkAcceptor *acceptor;
    SkLvTransport transport;
    gboolean read_only;
} Listener;

static void
free_listener(gpointer data)
{
    Listener *self = data;
    sk_acceptor_free(self->acceptor);
    g_free(self);
}

/* -- who comes --------------------------------------------------------------------------------------------------- */

/* Takes a place for it, or says that there is none. */
static void
find_place(SkLibvirt *server, SkLvArrival *arrival, const char *key, gboolean exempt)
{
    arrival->limits = sk_limits_connect(server->limits, key, exempt);
    if (arrival->limits == NULL && arrival->refused == NULL)
        sk_fail(&arrival->refused, SK_ERROR_TOO_MANY, "there are too many connections: close some");
}

static void
admit(SkLibvirt *server, SkLvArrival *arrival)
{
    if (arrival->refused == NULL || server->refused < REFUSED_MAX) {
        sk_lv_connection_new(server, arrival);
        return;
    }
    if (arrival->limits != NULL)
        sk_limits_disconnect(server->limits, arrival->limits);
    sk_identity_clear(&arrival->who);
    g_clear_error(&arrival->refused);
    close(arrival->fd);
}

static void
arrive_unix(Listener *self, gint fd)
{
    SkLibvirt *server = self->server;
    SkLvArrival arrival = { .fd = fd, .transport = SK_LV_UNIX, .read_only = self->read_only };
    uid_t uid = (uid_t) -1;
    if (self->read_only)
        sk_auth_peer_reader(server->auth, fd, &arrival.who, &uid, &arrival.refused);
    else
        sk_auth_peer(server->auth, fd, &arrival.who, &uid, &arrival.refused);
    if (arrival.refused == NULL) {
        g_autofree char *key = g_strdup_printf("uid:%u", (guint) uid);
        find_place(server, &arrival, key, uid == 0);
    }
    admit(server, &arrival);
}

static void
arrive_tcp(Listener *self, gint fd, const struct sockaddr *address)
{
    SkLvArrival arrival = { .fd = fd, .transport = SK_LV_TCP };
    g_autofree char *key = sk_address_client_key(address, (uid_t) -1);
    arrival.who.user = g_strdup("anonymous");
    arrival.who.from = sk_address_text(address);
    arrival.who.role = (SkRole) self->server->settings.tcp_role;
    arrival.read_only = arrival.who.role <= SK_ROLE_VIEWER;
    find_place(self->server, &arrival, key, FALSE);
    admit(self->server, &arrival);
}

/* -- TLS ------------------------------------------------------------------------------------------------------------ */

typedef struct {
    SkLibvirt *server;
    GList link;             /* in server->handshakes */
    SkTlsLink *tls;
    SkLimitsClient *limits;
    char *from;
    gint64 since;           /* monotonic */
} Handshake;

static void
end_handshake(Handshake *self)
{
    g_queue_unlink(&self->server->handshakes, &self->link);
    if (self->limits != NULL)
        sk_limits_disconnect(self->server->limits, self->limits);
    g_free(self->from);
    g_free(self);
}

/* One byte in front of all messages tells the client that its certificate was taken. */
static void
on_handshake(gint plain_fd, gpointer data)
{
    Handshake *self = data;
    SkLvArrival arrival = { .fd = plain_fd, .transport = SK_LV_TLS };
    g_autofree char *subject = plain_fd >= 0 ? sk_tls_link_subject(self->tls) : NULL;
    if (plain_fd < 0) {
        end_handshake(self);
        return;
    }
    if (!sk_auth_subject(&self->server->settings.tls_roles, subject != NULL ? subject : "", self->from, &arrival.who, &arrival.refused)) {
        arrival.who.user = g_strconcat("cert:", subject, NULL);
        arrival.who.from = g_strdup(self->from);
    }
    arrival.read_only = arrival.who.role == SK_ROLE_VIEWER;
    arrival.limits = g_steal_pointer(&self->limits);
    SkLibvirt *server = self->server;
    end_handshake(self);
    if (send(plain_fd, "\1", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        g_debug("cannot greet a client: %s", g_strerror(errno));
    admit(server, &arrival);
}

static void
arrive_tls(Listener *listener, gint fd, const struct sockaddr *address)
{
    SkLibvirt *server = listener->server;
    g_autofree char *key = sk_address_client_key(address, (uid_t) -1);
    g_autoptr(GError) error = NULL;
    SkLimitsClient *limits = sk_limits_connect(server->limits, key, FALSE);
    if (limits == NULL) {
        close(fd);
        return;
    }
    Handshake *self = g_new0(Handshake, 1);
    self->server = server;
    self->limits = limits;
    self->from = sk_address_text(address);
    self->since = g_get_monotonic_time();
    self->link.data = self;
    g_queue_push_tail_link(&server->handshakes, &self->link);
    sk_lv_start_sweep(server);
    self->tls = sk_tls_accept(server->tls, fd, on_handshake, self, &error);
    if (self->tls != NULL)
        return;
    g_warning("%s", error->message);
    end_handshake(self);
}

void
sk_lv_listeners_sweep(SkLibvirt *server, gint64 limit)
{
    for (GList *at = server->handshakes.head, *next; at != NULL; at = next) {
        Handshake *handshake = at->data;
        next = at->next;
        if (handshake->since >= limit)
            continue;
        sk_tls_link_cut(handshake->tls);
        end_handshake(handshake);
    }
}

/* -- accepting --------------------------------------------------------------------------------------------------------- */

/* A client whose host has vanished is found out in the end, though nothing is sent to it. */
static void
set_tcp_options(gint fd)
{
    const gint yes = 1, idle = TCP_IDLE_SECONDS;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
}

static void
arrive(gint fd, const struct sockaddr *address, gpointer data)
{
    Listener *self = data;
    if (self->transport == SK_LV_UNIX) {
        arrive_unix(self, fd);
        return;
    }
    set_tcp_options(fd);
    if (self->transport == SK_LV_TLS)
        arrive_tls(self, fd, address);
    else
        arrive_tcp(self, fd, address);
}

/* Its acceptor is still to come. */
static Listener *
add_listener(SkLibvirt *self, SkLvTransport transport, gboolean read_only)
{
    Listener *listener = g_new0(Listener, 1);
    listener->server = self;
    listener->transport = transport;
    listener->read_only = read_only;
    g_ptr_array_add(self->listeners, listener);
    return listener;
}

/* -- Unix sockets ------------------------------------------------------------------------------------------------------ */

static gboolean
open_unix(SkLibvirt *self, const char *dir, const char *name, gboolean read_only, GError **error)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    Listener *listener = add_listener(self, SK_LV_UNIX, read_only);
    gid_t group = read_only ? (gid_t) -1 : sk_auth_group_id(self->auth);
    listener->acceptor = sk_acceptor_new_unix(path, read_only ? 0666 : 0660, group, arrive, listener, error);
    return listener->acceptor != NULL;
}

/* Clients try virtqemud's names first, if they are there. */
static const struct {
    const char *name;
    gboolean read_only;
} sockets[] = { { "libvirt-sock", FALSE }, { "virtqemud-sock", FALSE }, { "libvirt-sock-ro", TRUE }, { "virtqemud-sock-ro", TRUE } };

static gboolean
open_dir(SkLibvirt *self, const char *dir, gboolean session, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(sockets); i++) {
        if (sockets[i].read_only && session)
            continue;
        if (!open_unix(self, dir, sockets[i].name, sockets[i].read_only, error))
            return FALSE;
    }
    return TRUE;
}

/* Somebody else's daemon lives there: a socket that nobody answers is only a leftover. */
static gboolean
is_taken(const char *dir)
{
    for (guint i = 0; i < G_N_ELEMENTS(sockets); i++) {
        g_autofree char *path = g_build_filename(dir, sockets[i].name, NULL);
        g_auto(SkFd) fd = sk_fs_connect_unix(path, NULL);
        if (fd < 0)
            continue;
        g_message("another daemon answers on \"%s\": clients without a URI reach that one", path);
        return TRUE;
    }
    return FALSE;
}

static gboolean
open_default_dir(SkLibvirt *self, const char *dir, gboolean session, GError **error)
{
    if (dir == NULL || is_taken(dir))
        return TRUE;
    return sk_fs_make_dir(dir, session ? 0700 : 0755, error) && open_dir(self, dir, session, error);
}

/* -- TCP -------------------------------------------------------------------------------------------------------------------- */

static gboolean
is_set(const char *address)
{
    return address != NULL && *address != '\0';
}

static gboolean
open_address(SkLibvirt *self, const char *address, SkLvTransport transport, GError **error)
{
    gint fd = sk_address_listen(address, NULL, error);
    if (fd < 0)
        return FALSE;
    Listener *listener = add_listener(self, transport, FALSE);
    listener->acceptor = sk_acceptor_new(fd, arrive, listener);
    return TRUE;
}

static gboolean
open_tls(SkLibvirt *self, const SkLibvirtSettings *settings, GError **error)
{
    if (!is_set(settings->tls_address))
        return TRUE;
    self->tls = sk_tls_new(settings->tls_cert, settings->tls_key, error);
    return self->tls != NULL && sk_tls_require_client(self->tls, settings->tls_ca, error) &&
           open_address(self, settings->tls_address, SK_LV_TLS, error);
}

static gboolean
open_tcp(SkLibvirt *self, const SkLibvirtSettings *settings, GError **error)
{
    return !is_set(settings->tcp_address) || open_address(self, settings->tcp_address, SK_LV_TCP, error);
}

gboolean
sk_lv_listeners_open(SkLibvirt *self, const SkLibvirtSettings *settings, GError **error)
{
    self->listeners = g_ptr_array_new_with_free_func(free_listener);
    return (settings->socket_dir == NULL || open_dir(self, settings->socket_dir, settings->session, error)) &&
           open_default_dir(self, settings->default_dir, settings->session, error) && open_tls(self, settings, error) &&
           open_tcp(self, settings, error);
}

void
sk_lv_listeners_close(SkLibvirt *self)
{
    g_clear_pointer(&self->listeners, g_ptr_array_unref);
    sk_lv_listeners_sweep(self, G_MAXINT64);
}

static guint
port_of(SkLibvirt *self, SkLvTransport transport)
{
    for (guint i = 0; i < self->listeners->len; i++) {
        const Listener *listener = self->listeners->pdata[i];
        if (listener->transport == transport)
            return sk_acceptor_port(listener->acceptor);
    }
    return 0;
}

guint
sk_libvirt_tls_port(SkLibvirt *self)
{
    return port_of(self, SK_LV_TLS);
}

guint
sk_libvirt_tcp_port(SkLibvirt *self)
{
    return port_of(self, SK_LV_TCP);
}
