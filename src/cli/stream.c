/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix sockets and TLS as one kind of stream. */
#include "cli/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/error.h"
#include "base/fs.h"

#define CONNECT_MS 10000

struct SkStream {
    gint fd;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t trust;
    GByteArray *unread;
};

SkStream *
sk_stream_new_fd(gint fd)
{
    SkStream *self = g_new0(SkStream, 1);
    self->fd = fd;
    (void) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return self;
}

void
sk_stream_free(SkStream *self)
{
    if (self == NULL)
        return;
    if (self->tls != NULL) {
        (void) gnutls_bye(self->tls, GNUTLS_SHUT_WR);
        gnutls_deinit(self->tls);
    }
    if (self->trust != NULL)
        gnutls_certificate_free_credentials(self->trust);
    if (self->unread != NULL)
        g_byte_array_unref(self->unread);
    (void) close(self->fd);
    g_free(self);
}

/* Waits until the descriptor is ready; FALSE after timeout_ms (-1: never). */
static gboolean
wait_for(gint fd, short events, gint timeout_ms)
{
    struct pollfd poll_fd = { .fd = fd, .events = events };
    gint n;
    do
        n = poll(&poll_fd, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

SkStream *
sk_stream_open_unix(const char *path, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path) {
        sk_fail(error, SK_ERROR_INVALID, "socket \"%s\" has a path longer than %zu characters", path, sizeof address.sun_path - 1);
        return NULL;
    }
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    g_auto(SkFd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0) {
        gint errnum = errno;
        const char *hint = errnum == EACCES || errnum == EPERM
                               ? "; you are not allowed to use it: be root or a member of the group \"skep\", or give --url and --token"
                               : "; is skepd running? Start it with \"systemctl start skepd\", or give --root, --socket or --url";
        sk_fail(error, SK_ERROR_UNREACHABLE, "no daemon at socket \"%s\": %s%s", path, g_strerror(errnum), hint);
        return NULL;
    }
    return sk_stream_new_fd(sk_fd_steal(&fd));
}

/* -- TLS ---------------------------------------------------------------------------------------------------- */

static gint
connect_one(const struct addrinfo *address)
{
    g_auto(SkFd) fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
        return -1;
    gint failure = ETIMEDOUT;
    socklen_t length = sizeof failure;
    if (wait_for(fd, POLLOUT, CONNECT_MS))
        (void) getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length);
    errno = failure;
    if (failure != 0)
        return -1;
    gint on = 1;
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return sk_fd_steal(&fd);
}

static gint
connect_tcp(const char *host, guint port, GError **error)
{
    g_autofree char *service = g_strdup_printf("%u", port);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    gint failure = getaddrinfo(host, service, &hints, &list);
    if (failure != 0) {
        sk_fail(error, SK_ERROR_UNREACHABLE, "host \"%s\" cannot be found: %s", host, gai_strerror(failure));
        return -1;
    }
    gint fd = -1;
    for (const struct addrinfo *at = list; at != NULL && fd < 0; at = at->ai_next)
        fd = connect_one(at);
    if (fd < 0)
        sk_fail(error, SK_ERROR_UNREACHABLE, "no daemon at \"%s\" port %u: %s", host, port, g_strerror(errno));
    freeaddrinfo(list);
    return fd;
}

/* Hex of the SHA-256 of the peer's certificate, lower case; NULL if it shows none. */
static char *
peer_fingerprint(gnutls_session_t tls)
{
    guint count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(tls, &count);
    return count > 0 ? g_compute_checksum_for_data(G_CHECKSUM_SHA256, chain[0].data, chain[0].size) : NULL;
}

/* "AA:BB" and "sha256:aabb" and "aabb" are one. */
static char *
plain_fingerprint(const char *text)
{
    if (g_ascii_strncasecmp(text, "sha256:", 7) == 0)
        text += 7;
    g_autofree char *lower = g_ascii_strdown(text, -1);
    g_auto(GStrv) parts = g_strsplit(lower, ":", -1);
    return g_strjoinv("", parts);
}

static gboolean
judge_fingerprint(gnutls_session_t tls, const char *wanted, GError **error)
{
    g_autofree char *is = peer_fingerprint(tls);
    g_autofree char *plain = plain_fingerprint(wanted);
    if (g_strcmp0(is, plain) == 0)
        return TRUE;
    return sk_fail(error, SK_ERROR_UNREACHABLE, "the daemon's certificate has the fingerprint %s, not %s", is != NULL ? is : "(none)", plain);
}

static gboolean
judge_chain(gnutls_session_t tls, const char *host, GError **error)
{
    guint status = 0;
    gint code = gnutls_certificate_verify_peers3(tls, host, &status);
    if (code == 0 && status == 0)
        return TRUE;
    gnutls_datum_t text = { 0 };
    (void) gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
    g_autofree char *is = peer_fingerprint(tls);
    sk_fail(error, SK_ERROR_UNREACHABLE,
            "the certificate of \"%s\" is not trusted (%s); if %s is the fingerprint that skepd printed, give --fingerprint %s", host,
            text.data != NULL ? g_strchomp((char *) text.data) : gnutls_strerror(code), is != NULL ? is : "?", is != NULL ? is : "?");
    gnutls_free(text.data);
    return FALSE;
}

static gboolean
shake_hands(SkStream *self, GError **error)
{
    for (;;) {
        gint code = gnutls_handshake(self->tls);
        if (code == 0)
            return TRUE;
        if (gnutls_error_is_fatal(code))
            return sk_fail(error, SK_ERROR_UNREACHABLE, "no TLS with the daemon: %s", gnutls_strerror(code));
        if (code == GNUTLS_E_AGAIN && !wait_for(self->fd, gnutls_record_get_direction(self->tls) ? POLLOUT : POLLIN, CONNECT_MS))
            return sk_fail(error, SK_ERROR_UNREACHABLE, "no TLS with the daemon: it does not answer");
    }
}

SkStream *
sk_stream_open_tls(const char *host, guint port, const char *ca, const char *fingerprint, GError **error)
{
    gint fd = connect_tcp(host, port, error);
    if (fd < 0)
        return NULL;
    g_autoptr(SkStream) self = sk_stream_new_fd(fd);
    gnutls_certificate_allocate_credentials(&self->trust);
    if (fingerprint == NULL) {
        gint n = ca != NULL ? gnutls_certificate_set_x509_trust_file(self->trust, ca, GNUTLS_X509_FMT_PEM)
                            : gnutls_certificate_set_x509_system_trust(self->trust);
        if (ca != NULL && n <= 0) {
            sk_fail(error, SK_ERROR_INVALID, "\"%s\" has no certificates in it: give a PEM file", ca);
            return NULL;
        }
    }
    gnutls_init(&self->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_set_default_priority(self->tls);
    gnutls_credentials_set(self->tls, GNUTLS_CRD_CERTIFICATE, self->trust);
    if (!g_hostname_is_ip_address(host))
        gnutls_server_name_set(self->tls, GNUTLS_NAME_DNS, host, strlen(host));
    gnutls_transport_set_int(self->tls, fd);
    if (!shake_hands(self, error))
        return NULL;
    if (!(fingerprint != NULL ? judge_fingerprint(self->tls, fingerprint, error) : judge_chain(self->tls, host, error)))
        return NULL;
    return g_steal_pointer(&self);
}

/* -- reading and writing --------------------------------------------------------------------------------------- */

static gssize
take_unread(SkStream *self, void *buffer, gsize length)
{
    gsize n = MIN(length, self->unread->len);
    memcpy(buffer, self->unread->data, n);
    g_byte_array_remove_range(self->unread, 0, (guint) n);
    return (gssize) n;
}

static gssize
read_tls(SkStream *self, void *buffer, gsize length, GError **error)
{
    gssize n = gnutls_record_recv(self->tls, buffer, length);
    if (n >= 0)
        return n;
    if (!gnutls_error_is_fatal((gint) n))
        return -2;
    if (n == GNUTLS_E_PREMATURE_TERMINATION)
        return 0;
    sk_fail(error, SK_ERROR_IO, "the connection to the daemon broke: %s", gnutls_strerror((gint) n));
    return -1;
}

gssize
sk_stream_try_read(SkStream *self, void *buffer, gsize length, GError **error)
{
    if (self->unread != NULL && self->unread->len > 0)
        return take_unread(self, buffer, length);
    if (self->tls != NULL)
        return read_tls(self, buffer, length, error);
    gssize n = recv(self->fd, buffer, length, 0);
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR)
        return -2;
    if (errno == ECONNRESET)
        return 0;
    sk_fail_errno(error, errno, "the connection to the daemon broke");
    return -1;
}

gssize
sk_stream_read(SkStream *self, void *buffer, gsize length, GError **error)
{
    for (;;) {
        gssize n = sk_stream_try_read(self, buffer, length, error);
        if (n != -2)
            return n;
        (void) wait_for(self->fd, POLLIN, -1);
    }
}

/* As try_read: -2 if nothing can be written now. */
static gssize
try_write(SkStream *self, const void *data, gsize length, GError **error)
{
    gssize n = self->tls != NULL ? gnutls_record_send(self->tls, data, length) : send(self->fd, data, length, MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    if (self->tls != NULL ? !gnutls_error_is_fatal((gint) n) : errno == EAGAIN || errno == EINTR)
        return -2;
    sk_fail(error, SK_ERROR_IO, "the connection to the daemon broke: %s", self->tls != NULL ? gnutls_strerror((gint) n) : g_strerror(errno));
    return -1;
}

gboolean
sk_stream_write(SkStream *self, const void *data, gsize length, GError **error)
{
    const guint8 *at = data;
    while (length > 0) {
        gssize n = try_write(self, at, length, error);
        if (n == -1)
            return FALSE;
        if (n == -2) {
            (void) wait_for(self->fd, POLLOUT, -1);
            continue;
        }
        at += n;
        length -= (gsize) n;
    }
    return TRUE;
}

void
sk_stream_unread(SkStream *self, const void *data, gsize length)
{
    if (self->unread == NULL)
        self->unread = g_byte_array_new();
    g_byte_array_prepend(self->unread, data, (guint) length);
}

gint
sk_stream_fd(const SkStream *self)
{
    return self->fd;
}

gboolean
sk_stream_pending(const SkStream *self)
{
    return (self->unread != NULL && self->unread->len > 0) || (self->tls != NULL && gnutls_record_check_pending(self->tls) > 0);
}
