/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections of clients: who they are, and how long they may take. */
#include "api/rest/rest-private.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/common/address.h"
#include "base/error.h"

/* An upload has to bring this much in each request_time; slower ones hold places for nothing. */
#define UPLOAD_MIN_BYTES (64 * 1024)

/* -- life ------------------------------------------------------------------------------------------------ */

static void
free_connection(SkRestConnection *self)
{
    SkRest *rest = self->rest;
    if (self->fd >= 0)
        g_hash_table_remove(rest->arriving, GINT_TO_POINTER(self->fd));
    sk_tls_link_cut(self->tls_link);
    sk_rest_request_free(self->request);
    sk_limits_disconnect(rest->limits, self->client);
    g_queue_unlink(&rest->connections, &self->link);
    sk_identity_clear(&self->peer);
    g_clear_error(&self->refused);
    g_free(self->from);
    g_free(self);
}

void
sk_rest_connection_phase(SkRestConnection *self, SkRestPhase phase)
{
    self->phase = phase;
    self->since = g_get_monotonic_time();
    self->received_mark = self->received;
}

/* -- the sweep ------------------------------------------------------------------------------------------- */

/* TRUE: it used up its time. A drip of bytes does not help: only a whole request, or an upload that advances, does. */
static gboolean
is_late(SkRestConnection *self, gint64 now)
{
    gint64 limit = (gint64) self->rest->settings.request_time * G_USEC_PER_SEC;
    if (self->phase == SK_REST_WORKS || now - self->since < limit)
        return FALSE;
    if (self->phase == SK_REST_UPLOADS) {
        gboolean waits_for_us = self->request != NULL && self->request->suspended;
        if (waits_for_us || self->received - self->received_mark >= UPLOAD_MIN_BYTES) {
            sk_rest_connection_phase(self, SK_REST_UPLOADS);
            return FALSE;
        }
    }
    return TRUE;
}

/* A stream may last for days: it ends with the token it was opened by. */
static gboolean
has_lost_its_right(SkRestConnection *self)
{
    const SkRestRequest *request = self->request;
    return request != NULL && request->stream != NULL && request->call != NULL && !sk_auth_holds(self->rest->auth, &request->call->who);
}

static void
end_connection(SkRestConnection *self, const char *why)
{
    SkRestRequest *request = self->request;
    g_debug("closing %s: %s", self->from, why);
    if (self->fd < 0) {
        free_connection(self);
    } else if (request != NULL && request->stream != NULL && request->kind->close != NULL) {
        request->kind->close(request, why);
        sk_rest_request_resume(request);
    } else {
        shutdown(self->fd, SHUT_RDWR);
    }
}

static gboolean
sweep(gpointer data)
{
    SkRest *rest = data;
    gint64 now = g_get_monotonic_time();
    for (GList *at = rest->connections.head, *next; at != NULL; at = next) {
        SkRestConnection *connection = at->data;
        next = at->next;
        if (is_late(connection, now))
            end_connection(connection, "no whole request in the time for it");
        else if (has_lost_its_right(connection))
            end_connection(connection, "its token was revoked or has expired");
    }
    sk_limits_sweep(rest->limits);
    if (sk_limits_connections(rest->limits) > 0)
        return G_SOURCE_CONTINUE;
    rest->sweep_timer = 0;
    return G_SOURCE_REMOVE;
}

static void
start_sweep(SkRest *rest)
{
    if (rest->sweep_timer == 0)
        rest->sweep_timer = g_timeout_add(MIN(1000, rest->settings.request_time * 250), sweep, rest);
}

/* -- arriving -------------------------------------------------------------------------------------------- */

/* A sentence in clear before hanging up; over TLS there is none to be had without a handshake. */
static void
turn_away(gint fd, gboolean encrypted)
{
    g_autoptr(GError) error = NULL;
    sk_fail(&error, SK_ERROR_TOO_MANY, "there are too many connections; close some");
    g_autofree char *text = sk_rest_error_text(error);
    g_autofree char *answer =
        g_strdup_printf("HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT
                        "\r\nRetry-After: 5\r\nConnection: close\r\n\r\n%s", strlen(text), text);
    if (!encrypted && send(fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        g_debug("cannot turn a connection away: %s", g_strerror(errno));
    close(fd);
}

/* MHD takes the descriptor, and tells of the connection in sk_rest_on_connection(). */
static void
give_to_http(SkRestConnection *self, gint fd)
{
    static const struct sockaddr_un nowhere = { .sun_family = AF_UNIX };
    self->fd = fd;
    g_hash_table_insert(self->rest->arriving, GINT_TO_POINTER(fd), self);
    if (MHD_add_connection(self->rest->http, fd, (const struct sockaddr *) &nowhere, sizeof(sa_family_t)) != MHD_YES) {
        /* It has closed the descriptor, but may have told of the connection's end already. */
        SkRestConnection *left = g_hash_table_lookup(self->rest->arriving, GINT_TO_POINTER(fd));
        g_warning("cannot take a connection of %s: %s", left != NULL ? left->from : "a client", g_strerror(errno));
        if (left != NULL)
            free_connection(left);
    }
}

static void
handshake_is_over(gint plain_fd, gpointer data)
{
    SkRestConnection *self = data;
    self->tls_link = NULL;
    if (plain_fd < 0)
        free_connection(self);
    else
        give_to_http(self, plain_fd);
}

static void
begin_tls(SkRestConnection *self, gint fd)
{
    g_autoptr(GError) error = NULL;
    self->tls_link = sk_tls_accept(self->rest->tls, fd, handshake_is_over, self, &error);
    if (self->tls_link != NULL)
        return;
    g_warning("%s", error->message);
    free_connection(self);
}

void
sk_rest_connection_new(SkRest *rest, gint fd, const struct sockaddr *address, gboolean is_unix, gboolean encrypted)
{
    uid_t uid = (uid_t) -1;
    SkIdentity peer = { 0 };
    GError *refused = NULL;
    if (is_unix)
        sk_auth_peer(rest->auth, fd, &peer, &uid, &refused);
    g_autofree char *key = sk_address_client_key(address, uid);
    SkLimitsClient *client = sk_limits_connect(rest->limits, key, is_unix && uid == 0);
    if (client == NULL) {
        turn_away(fd, encrypted);
        sk_identity_clear(&peer);
        g_clear_error(&refused);
        return;
    }

    SkRestConnection *self = g_new0(SkRestConnection, 1);
    self->rest = rest;
    self->client = client;
    self->fd = -1;
    self->is_unix = is_unix;
    self->encrypted = encrypted;
    self->peer = peer;
    self->refused = refused;
    self->from = peer.from != NULL ? g_strdup(peer.from) : sk_address_text(address);
    self->link.data = self;
    g_queue_push_tail_link(&rest->connections, &self->link);
    sk_rest_connection_phase(self, SK_REST_WAITS);
    start_sweep(rest);
    if (encrypted)
        begin_tls(self, fd);
    else
        give_to_http(self, fd);
}

/* -- MHD's word ------------------------------------------------------------------------------------------- */

void
sk_rest_on_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
    SkRest *rest = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        gint fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *context = g_hash_table_lookup(rest->arriving, GINT_TO_POINTER(fd));
        g_hash_table_remove(rest->arriving, GINT_TO_POINTER(fd));
        g_assert(*context != NULL);
    } else if (*context != NULL) {
        SkRestConnection *self = *context;
        *context = NULL;
        self->fd = -1;
        free_connection(self);
    }
}

void
sk_rest_connections_close(SkRest *rest)
{
    for (GList *at = rest->connections.head, *next; at != NULL; at = next) {
        SkRestConnection *connection = at->data;
        SkRestRequest *request = connection->fd >= 0 ? connection->request : NULL;
        next = at->next;
        end_connection(connection, "the daemon ends");
        /* MHD does not stop while one of its connections is suspended. */
        if (request != NULL)
            sk_rest_request_resume(request);
    }
}
