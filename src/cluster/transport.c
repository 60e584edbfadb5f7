/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ways to another daemon, by the scheme of its URI. */
#include "cluster/transport.h"

#include <errno.h>
#include <string.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/error.h"

#define TCP_PORT 16509
#define TLS_PORT 16514
#define CONNECT_SECONDS 30
#define SOCKET "/run/libvirt/libvirt-sock"
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct SkTransport {
    SkFd fd;
    gnutls_session_t session;   /* NULL: in clear */
    gnutls_certificate_credentials_t credentials;
};

/* What a URI says. */
typedef struct {
    const char *scheme, *host, *socket; /* host NULL: this very one */
    gint port;              /* -1: the usual */
} Place;

/* -- bytes ------------------------------------------------------------------------------------------------------------ */

SkTransport *
sk_transport_new(gint fd)
{
    SkTransport *self = g_new0(SkTransport, 1);
    self->fd = fd;
    return self;
}

void
sk_transport_free(SkTransport *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->session, gnutls_deinit);
    g_clear_pointer(&self->credentials, gnutls_certificate_free_credentials);
    sk_fd_clear(&self->fd);
    g_free(self);
}

gint
sk_transport_fd(const SkTransport *self)
{
    return self->fd;
}

gboolean
sk_transport_has_bytes(const SkTransport *self)
{
    return self->session != NULL && gnutls_record_check_pending(self->session) > 0;
}

static gssize
judge(gssize n)
{
    return n > 0 ? n : n < 0 && (errno == EAGAIN || errno == EINTR) ? -1 : 0;
}

static gssize
judge_tls(gssize n)
{
    return n > 0 ? n : n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED ? -1 : 0;
}

gssize
sk_transport_read(SkTransport *self, void *bytes, gsize length)
{
    return self->session != NULL ? judge_tls(gnutls_record_recv(self->session, bytes, length)) : judge(recv(self->fd, bytes, length, MSG_DONTWAIT));
}

gssize
sk_transport_write(SkTransport *self, const void *bytes, gsize length)
{
    return self->session != NULL ? judge_tls(gnutls_record_send(self->session, bytes, length)) :
           judge(send(self->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* -- sockets ------------------------------------------------------------------------------------------------------------- */

static SkTransport *
open_unix(const Place *place, const SkTransportKeys *keys, GCancellable *cancellable, GError **error)
{
    (void) keys, (void) cancellable;
    gint fd = sk_fs_connect_unix(place->socket != NULL ? place->socket : SOCKET, error);
    return fd >= 0 ? sk_transport_new(fd) : NULL;
}

static SkTransport *
connect_to(const char *host, gint port, GCancellable *cancellable, GError **error)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GError) failed = NULL;
    g_socket_client_set_enable_proxy(client, FALSE);
    g_socket_client_set_timeout(client, CONNECT_SECONDS);
    g_autoptr(GSocketConnection) connection = g_socket_client_connect_to_host(client, host, (guint16) port, cancellable, &failed);
    if (connection == NULL) {
        sk_fail(error, SK_ERROR_HOST, "cannot reach the daemon at \"%s\": %s", host, failed->message);
        return NULL;
    }
    gint fd = fcntl(g_socket_get_fd(g_socket_connection_get_socket(connection)), F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot keep a connection");
        return NULL;
    }
    return sk_transport_new(fd);
}

static SkTransport *
open_tcp(const Place *place, const SkTransportKeys *keys, GCancellable *cancellable, GError **error)
{
    (void) keys;
    return connect_to(place->host, place->port > 0 ? place->port : TCP_PORT, cancellable, error);
}

/* -- TLS -------------------------------------------------------------------------------------------------------------------- */

static gboolean
fail_tls(const Place *place, const char *what, int code, GError **error)
{
    return sk_fail(error, SK_ERROR_UNAUTHENTICATED, "cannot speak TLS with the daemon at \"%s\": %s: %s", place->host, what, gnutls_strerror(code));
}

static gboolean
load_keys(SkTransport *self, const Place *place, const SkTransportKeys *keys, GError **error)
{
    int code = gnutls_certificate_allocate_credentials(&self->credentials);
    if (code < 0)
        return fail_tls(place, "credentials", code, error);
    code = gnutls_certificate_set_x509_trust_file(self->credentials, keys->authorities, GNUTLS_X509_FMT_PEM);
    if (code <= 0)
        return fail_tls(place, keys->authorities, code, error);
    code = gnutls_certificate_set_x509_key_file(self->credentials, keys->certificate, keys->key, GNUTLS_X509_FMT_PEM);
    return code >= 0 || fail_tls(place, keys->certificate, code, error);
}

static gboolean
start_session(SkTransport *self, const Place *place, GError **error)
{
    int code = gnutls_init(&self->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    if (code >= 0)
        code = gnutls_priority_set_direct(self->session, PRIORITY, NULL);
    if (code >= 0)
        code = gnutls_credentials_set(self->session, GNUTLS_CRD_CERTIFICATE, self->credentials);
    if (code >= 0 && !g_hostname_is_ip_address(place->host))
        code = gnutls_server_name_set(self->session, GNUTLS_NAME_DNS, place->host, strlen(place->host));
    if (code < 0)
        return fail_tls(place, "session", code, error);
    gnutls_session_set_verify_cert(self->session, place->host, 0);
    gnutls_transport_set_int(self->session, self->fd);
    return TRUE;
}

/* Not later than end, if the other side has something to say or takes something. */
static gboolean
wait_for_handshake(const SkTransport *self, const Place *place, gint64 end, GCancellable *cancellable, GError **error)
{
    GPollFD other = { .fd = -1 };
    g_cancellable_make_pollfd(cancellable, &other);
    short events = gnutls_record_get_direction(self->session) == 0 ? POLLIN : POLLOUT;
    struct pollfd waiting[] = { { .fd = self->fd, .events = events }, { .fd = other.fd, .events = POLLIN } };
    gint ready = poll(waiting, G_N_ELEMENTS(waiting), (gint) MAX(0, (end - g_get_monotonic_time()) / 1000));
    g_cancellable_release_fd(cancellable);
    if (cancellable != NULL && g_cancellable_is_cancelled(cancellable))
        return sk_fail(error, SK_ERROR_CANCELLED, "waiting for the daemon at \"%s\" was cancelled", place->host);
    return ready != 0 || sk_fail(error, SK_ERROR_TIMEOUT, "the daemon at \"%s\" does not speak TLS", place->host);
}

static gboolean
shake_hands(SkTransport *self, const Place *place, GCancellable *cancellable, GError **error)
{
    gint64 end = g_get_monotonic_time() + CONNECT_SECONDS * G_USEC_PER_SEC;
    int code;
    while ((code = gnutls_handshake(self->session)) == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED) {
        if (!wait_for_handshake(self, place, end, cancellable, error))
            return FALSE;
    }
    if (code != GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
        return code == 0 || fail_tls(place, "handshake", code, error);
    gnutls_datum_t why = { 0 };
    guint status = gnutls_session_get_verify_cert_status(self->session);
    gboolean told = gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &why, 0) == 0;
    sk_fail(error, SK_ERROR_UNAUTHENTICATED, "the daemon at \"%s\" is not who it should be: %s", place->host, told ? (const char *) why.data : "its certificate does not fit");
    gnutls_free(why.data);
    return FALSE;
}

static gboolean
hear_verdict(SkTransport *self, const Place *place, GCancellable *cancellable, GError **error)
{
    char verdict;
    gssize n;
    gint64 end = g_get_monotonic_time() + CONNECT_SECONDS * G_USEC_PER_SEC;
    while ((n = sk_transport_read(self, &verdict, 1)) < 0) {
        if (!wait_for_handshake(self, place, end, cancellable, error))
            return FALSE;
    }
    return (n == 1 && verdict == 1) || sk_fail(error, SK_ERROR_UNAUTHENTICATED, "the daemon at \"%s\" does not let the certificate of this one in", place->host);
}

static SkTransport *
open_tls(const Place *place, const SkTransportKeys *keys, GCancellable *cancellable, GError **error)
{
    g_autoptr(SkTransport) self = connect_to(place->host, place->port > 0 ? place->port : TLS_PORT, cancellable, error);
    if (self == NULL || !g_unix_set_fd_nonblocking(self->fd, TRUE, error) || !load_keys(self, place, keys, error) ||
        !start_session(self, place, error) || !shake_hands(self, place, cancellable, error) || !hear_verdict(self, place, cancellable, error))
        return NULL;
    return g_steal_pointer(&self);
}

/* -- URIs --------------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *scheme;
    gboolean remote;
    SkTransport *(*open)(const Place *place, const SkTransportKeys *keys, GCancellable *cancellable, GError **error);
} ways[] = {
    { "qemu", FALSE, open_unix }, { "qemu+unix", FALSE, open_unix }, { "qemu+tcp", TRUE, open_tcp }, { "qemu+tls", TRUE, open_tls }, { "qemu", TRUE, open_tls },
};

SkTransport *
sk_transport_open(const char *text, const SkTransportKeys *keys, GCancellable *cancellable, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_PARSE_RELAXED, NULL);
    const char *query = uri != NULL ? g_uri_get_query(uri) : NULL;
    g_autoptr(GHashTable) asked = query != NULL ? g_uri_parse_params(query, -1, "&", G_URI_PARAMS_NONE, NULL) : NULL;
    const char *host = uri != NULL ? g_uri_get_host(uri) : NULL;
    const Place place = { .scheme = uri != NULL ? g_uri_get_scheme(uri) : "", .host = host, .port = uri != NULL ? g_uri_get_port(uri) : -1,
                          .socket = asked != NULL ? g_hash_table_lookup(asked, "socket") : NULL };
    gboolean remote = host != NULL && *host != '\0';
    for (guint i = 0; i < G_N_ELEMENTS(ways); i++) {
        if (g_str_equal(place.scheme, ways[i].scheme) && remote == ways[i].remote)
            return ways[i].open(&place, keys, cancellable, error);
    }
    sk_fail(error, SK_ERROR_UNSUPPORTED, "a daemon cannot reach another at \"%.200s\": give qemu+unix, qemu+tcp or qemu+tls, or leave out p2p", text);
    return NULL;
}
