/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GnuTLS sessions between sockets and socket pairs. */
#include "api/common/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"

#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define BUFFER_BYTES 16384      /* one TLS record */
#define MAX_ROUNDS 16           /* records moved before other sources get their turn */
#define FLUSH_USEC (10 * G_USEC_PER_SEC) /* for the last bytes, after the clear side has ended */

struct SkTls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    char *fingerprint;
    gboolean require_client;
    GQueue links;
};

/* Bytes on their way: [from, to) of a buffer. */
typedef struct {
    guint8 *bytes;
    gsize from, to;
    gboolean ended;         /* the reader's side has no more */
} Pipe;

struct SkTlsLink {
    SkTls *tls;
    GList link;
    GSource *source;
    gnutls_session_t session;
    SkFd fd, plain;         /* encrypted, clear */
    gpointer fd_tag, plain_tag;
    SkTlsReady ready;       /* NULL once it was called */
    gpointer data;
    Pipe in, out;           /* to the clear side, to the client */
    gint64 cut_at;          /* monotonic; 0: never */
};

/* -- life ------------------------------------------------------------------------------------------------ */

void
sk_tls_link_cut(SkTlsLink *link)
{
    if (link == NULL)
        return;
    g_queue_unlink(&link->tls->links, &link->link);
    g_source_destroy(link->source);
    g_source_unref(link->source);
    gnutls_deinit(link->session);
    sk_fd_clear(&link->fd);
    sk_fd_clear(&link->plain);
    g_free(link->in.bytes);
    g_free(link->out.bytes);
    g_free(link);
}

static void
fail_handshake(SkTlsLink *link, const char *why)
{
    SkTlsReady ready = link->ready;
    gpointer data = link->data;
    g_debug("TLS handshake failed: %s", why);
    sk_tls_link_cut(link);
    ready(-1, data);
}

/* -- moving bytes ------------------------------------------------------------------------------------------ */

typedef enum { MOVED, BLOCKED, BROKEN } Moved;

/* One record from the client, when there is room for it. */
static Moved
receive(SkTlsLink *link)
{
    Pipe *in = &link->in;
    if (in->from < in->to || in->ended)
        return BLOCKED;
    gssize got = gnutls_record_recv(link->session, in->bytes, BUFFER_BYTES);
    if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
        return BLOCKED;
    if (got == 0 || got == GNUTLS_E_PREMATURE_TERMINATION) {
        in->ended = TRUE;
        shutdown(link->plain, SHUT_WR);
        return MOVED;
    }
    if (got < 0)
        return got == GNUTLS_E_WARNING_ALERT_RECEIVED ? MOVED : BROKEN;
    in->from = 0;
    in->to = (gsize) got;
    return MOVED;
}

static Moved
give(SkTlsLink *link)
{
    Pipe *in = &link->in;
    if (in->from == in->to)
        return BLOCKED;
    gssize put = send(link->plain, in->bytes + in->from, in->to - in->from, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0)
        return errno == EAGAIN || errno == EINTR ? BLOCKED : BROKEN;
    in->from += (gsize) put;
    return MOVED;
}

static Moved
take(SkTlsLink *link)
{
    Pipe *out = &link->out;
    if (out->from < out->to || out->ended)
        return BLOCKED;
    gssize got = recv(link->plain, out->bytes, BUFFER_BYTES, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? BLOCKED : BROKEN;
    if (got == 0) {
        out->ended = TRUE;
        link->cut_at = g_get_monotonic_time() + FLUSH_USEC;
        return MOVED;
    }
    out->from = 0;
    out->to = (gsize) got;
    return MOVED;
}

static Moved
transmit(SkTlsLink *link)
{
    Pipe *out = &link->out;
    if (out->from == out->to)
        return BLOCKED;
    gssize put = gnutls_record_send(link->session, out->bytes + out->from, out->to - out->from);
    if (put == GNUTLS_E_AGAIN || put == GNUTLS_E_INTERRUPTED)
        return BLOCKED;
    if (put < 0)
        return BROKEN;
    out->from += (gsize) put;
    return MOVED;
}

/* What to wait for now, on both sockets. more: there was no end to it, come again at once. */
static void
wait_for(SkTlsLink *link, gboolean more)
{
    GIOCondition fd = 0, plain = 0;
    if (link->in.from == link->in.to && !link->in.ended)
        fd |= G_IO_IN;
    if (link->out.from < link->out.to)
        fd |= G_IO_OUT;
    if (link->in.from < link->in.to)
        plain |= G_IO_OUT;
    if (link->out.from == link->out.to && !link->out.ended)
        plain |= G_IO_IN;
    g_source_modify_unix_fd(link->source, link->fd_tag, fd);
    g_source_modify_unix_fd(link->source, link->plain_tag, plain);
    g_source_set_ready_time(link->source, more ? 0 : link->cut_at > 0 ? link->cut_at : -1);
}

/* Moves what can be moved; FALSE when the link is over. */
static gboolean
pump(SkTlsLink *link)
{
    gboolean more = TRUE;
    for (guint round = 0; more && round < MAX_ROUNDS; round++) {
        Moved moved[] = { receive(link), give(link), take(link), transmit(link) };
        more = FALSE;
        for (guint i = 0; i < G_N_ELEMENTS(moved); i++) {
            if (moved[i] == BROKEN)
                return FALSE;
            more = more || moved[i] == MOVED;
        }
    }
    if (link->out.ended && link->out.from == link->out.to) {
        gnutls_bye(link->session, GNUTLS_SHUT_WR);
        return FALSE;
    }
    if (link->cut_at > 0 && g_get_monotonic_time() >= link->cut_at)
        return FALSE;
    wait_for(link, more);
    return TRUE;
}

/* -- handshake ----------------------------------------------------------------------------------------------- */

static void
handshake_is_over(SkTlsLink *link)
{
    gint pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        fail_handshake(link, g_strerror(errno));
        return;
    }
    SkTlsReady ready = g_steal_pointer(&link->ready);
    link->plain = pair[0];
    link->in.bytes = g_malloc(BUFFER_BYTES);
    link->out.bytes = g_malloc(BUFFER_BYTES);
    link->plain_tag = g_source_add_unix_fd(link->source, link->plain, G_IO_IN);
    wait_for(link, TRUE);
    ready(pair[1], link->data);
}

static void
go_on_with_handshake(SkTlsLink *link)
{
    gint result = gnutls_handshake(link->session);
    if (result == GNUTLS_E_SUCCESS)
        handshake_is_over(link);
    else if (gnutls_error_is_fatal(result))
        fail_handshake(link, gnutls_strerror(result));
    else
        g_source_modify_unix_fd(link->source, link->fd_tag,
                                gnutls_record_get_direction(link->session) == 1 ? G_IO_OUT : G_IO_IN);
}

/* -- the source ------------------------------------------------------------------------------------------------ */

typedef struct {
    GSource source;
    SkTlsLink *link;
} LinkSource;

static gboolean
check(GSource *source)
{
    const SkTlsLink *link = ((LinkSource *) source)->link;
    gint64 ready = g_source_get_ready_time(source);
    return g_source_query_unix_fd(source, link->fd_tag) != 0 ||
           (link->plain_tag != NULL && g_source_query_unix_fd(source, link->plain_tag) != 0) ||
           (ready >= 0 && ready <= g_source_get_time(source));
}

static gboolean
dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    SkTlsLink *link = ((LinkSource *) source)->link;
    if (link->ready != NULL)
        go_on_with_handshake(link);
    else if (!pump(link))
        sk_tls_link_cut(link);
    return G_SOURCE_CONTINUE;
}

SkTlsLink *
sk_tls_accept(SkTls *self, gint fd, SkTlsReady ready, gpointer data, GError **error)
{
    static GSourceFuncs funcs = { .check = check, .dispatch = dispatch };
    gnutls_session_t session;
    g_auto(SkFd) socket_fd = fd;

    sk_assert_main();
    gint result = gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    if (result < 0) {
        sk_fail(error, SK_ERROR_HOST, "cannot begin a TLS session: %s", gnutls_strerror(result));
        return NULL;
    }
    gnutls_priority_set(session, self->priority);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, self->credentials);
    if (self->require_client) {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert(session, NULL, 0);
    }
    gnutls_transport_set_int(session, fd);
    gnutls_handshake_set_timeout(session, 0); /* the front doors' sweeps cut a slow one */

    SkTlsLink *link = g_new0(SkTlsLink, 1);
    link->tls = self;
    link->session = session;
    link->fd = sk_fd_steal(&socket_fd);
    link->plain = SK_FD_NONE;
    link->ready = ready;
    link->data = data;
    link->link.data = link;
    g_queue_push_tail_link(&self->links, &link->link);
    link->source = g_source_new(&funcs, sizeof(LinkSource));
    ((LinkSource *) link->source)->link = link;
    link->fd_tag = g_source_add_unix_fd(link->source, fd, G_IO_IN);
    g_source_set_static_name(link->source, "tls");
    g_source_attach(link->source, NULL);
    return link;
}

/* -- credentials ------------------------------------------------------------------------------------------------ */

static gboolean
loaded(gint result, const char *what, const char *path, GError **error)
{
    if (result >= 0)
        return TRUE;
    return sk_fail(error, SK_ERROR_HOST, "cannot use %s \"%s\": %s", what, path, gnutls_strerror(result));
}

gboolean
sk_tls_require_client(SkTls *self, const char *ca_path, GError **error)
{
    gint count = gnutls_certificate_set_x509_trust_file(self->credentials, ca_path, GNUTLS_X509_FMT_PEM);
    if (!loaded(count, "certificate authority", ca_path, error))
        return FALSE;
    if (count == 0)
        return sk_fail(error, SK_ERROR_HOST, "\"%s\" has no certificate of an authority in it", ca_path);
    self->require_client = TRUE;
    return TRUE;
}

char *
sk_tls_link_subject(const SkTlsLink *link)
{
    guint count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(link->session, &count);
    gnutls_datum_t name = { 0 };
    gnutls_x509_crt_t cert;
    if (chain == NULL || count == 0 || gnutls_x509_crt_init(&cert) < 0)
        return NULL;
    gboolean ok = gnutls_x509_crt_import(cert, &chain[0], GNUTLS_X509_FMT_DER) >= 0 && gnutls_x509_crt_get_dn3(cert, &name, 0) >= 0;
    gnutls_x509_crt_deinit(cert);
    if (!ok)
        return NULL;
    char *subject = g_utf8_make_valid((const char *) name.data, name.size);
    gnutls_free(name.data);
    return subject;
}

/* For people to compare with what a browser or `openssl x509 -fingerprint -sha256` shows. */
static gboolean
make_fingerprint(SkTls *self, const char *path, GError **error)
{
    gnutls_datum_t der;
    guint8 hash[32];
    gsize size = sizeof hash;
    if (!loaded(gnutls_certificate_get_crt_raw(self->credentials, 0, 0, &der), "certificate", path, error) ||
        !loaded(gnutls_fingerprint(GNUTLS_DIG_SHA256, &der, hash, &size), "certificate", path, error))
        return FALSE;
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < size; i++)
        g_string_append_printf(text, "%s%02X", i > 0 ? ":" : "", hash[i]);
    self->fingerprint = g_string_free(text, FALSE);
    return TRUE;
}

SkTls *
sk_tls_new(const char *cert_path, const char *key_path, GError **error)
{
    SkTls *self = g_new0(SkTls, 1);
    if (loaded(gnutls_certificate_allocate_credentials(&self->credentials), "memory for", cert_path, error) &&
        loaded(gnutls_certificate_set_x509_key_file(self->credentials, cert_path, key_path, GNUTLS_X509_FMT_PEM),
               "certificate and key", cert_path, error) &&
        loaded(gnutls_priority_init(&self->priority, PRIORITY, NULL), "TLS priority", PRIORITY, error) &&
        make_fingerprint(self, cert_path, error))
        return self;
    sk_tls_free(self);
    return NULL;
}

void
sk_tls_free(SkTls *self)
{
    if (self == NULL)
        return;
    while (self->links.head != NULL)
        sk_tls_link_cut(self->links.head->data);
    if (self->credentials != NULL)
        gnutls_certificate_free_credentials(self->credentials);
    if (self->priority != NULL)
        gnutls_priority_deinit(self->priority);
    g_free(self->fingerprint);
    g_free(self);
}

const char *
sk_tls_fingerprint(const SkTls *self)
{
    return self->fingerprint;
}
