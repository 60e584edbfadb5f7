/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another daemon, asked in libvirt's protocol. */
#include "cluster/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "codec/xdr/signature.h"
#include "codec/xdr/xdr.h"

#define PROGRAM 0x20008086u
#define HEADER 28u
#define MESSAGE_MAX (32u * 1024 * 1024 + 4)
#define TCP_PORT 16509
#define CONNECT_SECONDS 30
/* Making ready starts a QEMU there, which may take a while. */
#define ANSWER_MS (5 * 60 * 1000)

enum { AUTH_LIST = 66, OPEN = 1, SUPPORTS_FEATURE = 60, PREPARE = 303, FINISH = 306 };
enum { CALL, REPLY };
enum { FEATURE_MIGRATION_PARAMS = 13 };
enum { FLAG_LIVE = 1, FLAG_PEER2PEER = 2, FLAG_PERSIST = 8, FLAG_PAUSED = 0x20 };

struct SkPeer {
    SkFd fd;
    guint32 serial;
    char *uri;
    GPtrArray *signatures;  /* of the answers so far, which refer to them */
};

/* -- bytes ---------------------------------------------------------------------------------------------------- */

static gboolean
fail_gone(const SkPeer *self, GError **error)
{
    return sk_fail(error, SK_ERROR_IO, "the daemon at \"%s\" has cut the connection", self->uri);
}

static gboolean
wait_for(const SkPeer *self, gint64 end, GCancellable *cancellable, GError **error)
{
    GPollFD other = { .fd = -1 };
    g_cancellable_make_pollfd(cancellable, &other);
    struct pollfd waiting[] = { { .fd = self->fd, .events = POLLIN }, { .fd = other.fd, .events = POLLIN } };
    gint left = (gint) MAX(0, (end - g_get_monotonic_time()) / 1000);
    gint ready = poll(waiting, G_N_ELEMENTS(waiting), left);
    g_cancellable_release_fd(cancellable);
    if (cancellable != NULL && g_cancellable_is_cancelled(cancellable))
        return sk_fail(error, SK_ERROR_CANCELLED, "waiting for the daemon at \"%s\" was cancelled", self->uri);
    return ready != 0 || sk_fail(error, SK_ERROR_TIMEOUT, "the daemon at \"%s\" does not answer", self->uri);
}

static gboolean
read_all(const SkPeer *self, guint8 *bytes, gsize length, gint64 end, GCancellable *cancellable, GError **error)
{
    while (length > 0) {
        if (!wait_for(self, end, cancellable, error))
            return FALSE;
        gssize n = recv(self->fd, bytes, length, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return fail_gone(self, error);
        bytes += n;
        length -= (gsize) n;
    }
    return TRUE;
}

static gboolean
write_all(const SkPeer *self, const guint8 *bytes, gsize length, GError **error)
{
    while (length > 0) {
        gssize n = send(self->fd, bytes, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_gone(self, error);
        bytes += n;
        length -= (gsize) n;
    }
    return TRUE;
}

static guint32
word_at(const guint8 *bytes, gsize offset)
{
    guint32 word;
    memcpy(&word, bytes + offset, sizeof word);
    return GUINT32_FROM_BE(word);
}

/* -- calls -------------------------------------------------------------------------------------------------------- */

/* Its own words: code, subsystem, and whether there is a text. */
static gboolean
fail_as_told(const SkPeer *self, const GByteArray *payload, GError **error)
{
    g_autofree char *text = NULL;
    if (payload->len >= 16 && word_at(payload->data, 8) == 1 && word_at(payload->data, 12) <= payload->len - 16)
        text = g_strndup((const char *) payload->data + 16, word_at(payload->data, 12));
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "the daemon at \"%s\" refuses: %s", self->uri, text != NULL ? text : "it does not say why");
}

/* The next message; its payload after the header. Events and the like are passed over. */
static GByteArray *
read_reply(SkPeer *self, guint32 procedure, GCancellable *cancellable, GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64) ANSWER_MS * 1000;
    guint8 header[HEADER];
    for (;;) {
        if (!read_all(self, header, sizeof header, end, cancellable, error))
            return NULL;
        guint32 length = word_at(header, 0);
        if (length < HEADER || length > MESSAGE_MAX) {
            sk_fail(error, SK_ERROR_IO, "what the daemon at \"%s\" says cannot be understood", self->uri);
            return NULL;
        }
        g_autoptr(GByteArray) payload = g_byte_array_new();
        g_byte_array_set_size(payload, length - HEADER);
        if (!read_all(self, payload->data, payload->len, end, cancellable, error))
            return NULL;
        if (word_at(header, 4) != PROGRAM || word_at(header, 12) != procedure || word_at(header, 16) != REPLY || word_at(header, 20) != self->serial)
            continue;
        if (word_at(header, 24) == 0)
            return g_steal_pointer(&payload);
        fail_as_told(self, payload, error);
        return NULL;
    }
}

/* args is taken. returns: signature of what is answered; NULL with *error set. The answer does not outlive self. */
static SkXdrMessage *
call(SkPeer *self, guint32 procedure, GByteArray *args, const char *returns, GCancellable *cancellable, GError **error)
{
    g_autoptr(GByteArray) owned = args;
    g_autoptr(GByteArray) packet = g_byte_array_new();
    SkXdrSignature *signature = sk_xdr_signature_new(returns);
    g_ptr_array_add(self->signatures, signature);
    const guint32 words[] = { HEADER + args->len, PROGRAM, 1, procedure, CALL, ++self->serial, 0 };
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        sk_xdr_put_u32(packet, words[i]);
    g_byte_array_append(packet, args->data, args->len);
    if (!write_all(self, packet->data, packet->len, error))
        return NULL;
    g_autoptr(GByteArray) payload = read_reply(self, procedure, cancellable, error);
    return payload != NULL ? sk_xdr_decode(signature, payload->data, payload->len, error) : NULL;
}

/* -- connecting ------------------------------------------------------------------------------------------------------- */

static gint
connect_tcp(const char *host, gint port, GCancellable *cancellable, GError **error)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GError) failed = NULL;
    g_socket_client_set_enable_proxy(client, FALSE);
    g_socket_client_set_timeout(client, CONNECT_SECONDS);
    g_autoptr(GSocketConnection) connection = g_socket_client_connect_to_host(client, host, port > 0 ? (guint16) port : TCP_PORT, cancellable, &failed);
    if (connection == NULL) {
        sk_fail(error, SK_ERROR_HOST, "cannot reach the daemon at \"%s\": %s", host, failed->message);
        return -1;
    }
    gint fd = fcntl(g_socket_get_fd(g_socket_connection_get_socket(connection)), F_DUPFD_CLOEXEC, 3);
    if (fd >= 0)
        g_unix_set_fd_nonblocking(fd, FALSE, NULL);
    return fd;
}

static gint
connect_to(const char *text, GCancellable *cancellable, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_PARSE_RELAXED, NULL);
    const char *scheme = uri != NULL ? g_uri_get_scheme(uri) : "";
    g_autoptr(GHashTable) query = uri != NULL && g_uri_get_query(uri) != NULL ?
                                  g_uri_parse_params(g_uri_get_query(uri), -1, "&", G_URI_PARAMS_NONE, NULL) : NULL;
    const char *path = query != NULL ? g_hash_table_lookup(query, "socket") : NULL;
    const char *host = uri != NULL ? g_uri_get_host(uri) : NULL;
    gboolean remote = host != NULL && *host != '\0';
    if (g_str_equal(scheme, "qemu+tcp") && remote)
        return connect_tcp(host, g_uri_get_port(uri), cancellable, error);
    if (g_str_equal(scheme, "qemu+unix") || (g_str_equal(scheme, "qemu") && !remote))
        return sk_fs_connect_unix(path != NULL ? path : "/run/libvirt/libvirt-sock", error);
    sk_fail(error, SK_ERROR_UNSUPPORTED, "a daemon cannot reach another at \"%s\": give qemu+unix or qemu+tcp, or leave out p2p", text);
    return -1;
}

static gboolean
greet(SkPeer *self, GCancellable *cancellable, GError **error)
{
    g_autoptr(SkXdrMessage) types = call(self, AUTH_LIST, g_byte_array_new(), "types:i32<20>", cancellable, error);
    if (types == NULL)
        return FALSE;
    const SkXdrRecord list = sk_xdr_message_record(types);
    const SkXdrValue *first = sk_xdr_value(&list, "types");
    if (first->count > 0 && first->items[0].i != 0)
        return sk_fail(error, SK_ERROR_UNAUTHENTICATED, "the daemon at \"%s\" wants to be told who comes, which a daemon cannot", self->uri);
    GByteArray *open = g_byte_array_new();
    sk_xdr_put_optional_str(open, "qemu:///system");
    sk_xdr_put_u32(open, 0);
    g_autoptr(SkXdrMessage) opened = call(self, OPEN, open, "", cancellable, error);
    if (opened == NULL)
        return FALSE;
    GByteArray *feature = g_byte_array_new();
    sk_xdr_put_i32(feature, FEATURE_MIGRATION_PARAMS);
    g_autoptr(SkXdrMessage) has = call(self, SUPPORTS_FEATURE, feature, "supported:i32", cancellable, error);
    if (has == NULL)
        return FALSE;
    const SkXdrRecord answer = sk_xdr_message_record(has);
    return sk_xdr_int(&answer, "supported") != 0 ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "the daemon at \"%s\" takes in no domains", self->uri);
}

SkPeer *
sk_peer_open(const char *uri, GCancellable *cancellable, GError **error)
{
    gint fd = connect_to(uri, cancellable, error);
    if (fd < 0)
        return NULL;
    g_autoptr(SkPeer) self = g_new0(SkPeer, 1);
    self->fd = fd;
    self->uri = g_strdup(uri);
    self->signatures = g_ptr_array_new_with_free_func((GDestroyNotify) sk_xdr_signature_free);
    return greet(self, cancellable, error) ? g_steal_pointer(&self) : NULL;
}

void
sk_peer_free(SkPeer *self)
{
    if (self == NULL)
        return;
    sk_fd_clear(&self->fd);
    g_ptr_array_unref(self->signatures);
    g_free(self->uri);
    g_free(self);
}

/* -- a migration's steps ------------------------------------------------------------------------------------------------ */

static void
put_params(GByteArray *out, const SkPeerMove *move, gboolean finish)
{
    const struct {
        const char *field, *text;
    } texts[] = {
        { "migrate_uri", move->address }, { "listen_address", move->listen }, { "destination_xml", move->xml },
        { "persistent_xml", move->persistent_xml }, { "destination_name", finish ? move->name : move->new_name },
    };
    guint count = 0;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        count += texts[i].text != NULL;
    sk_xdr_put_u32(out, count);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (texts[i].text != NULL)
            sk_xdr_put_param_str(out, texts[i].field, texts[i].text);
    }
}

static guint
flags_of(const SkPeerMove *move)
{
    return FLAG_LIVE | FLAG_PEER2PEER | (move->persist ? FLAG_PERSIST : 0) | (move->paused ? FLAG_PAUSED : 0);
}

char *
sk_peer_prepare(SkPeer *self, const SkPeerMove *move, GCancellable *cancellable, GError **error)
{
    GByteArray *args = g_byte_array_new();
    put_params(args, move, FALSE);
    sk_xdr_put_bytes(args, move->cookie, strlen(move->cookie));
    sk_xdr_put_u32(args, flags_of(move));
    g_autoptr(SkXdrMessage) reply = call(self, PREPARE, args, "cookie_out:bytes<4194304> uri_out:str?", cancellable, error);
    if (reply == NULL)
        return NULL;
    const SkXdrRecord answer = sk_xdr_message_record(reply);
    const SkXdrValue *cookie = sk_xdr_value(&answer, "cookie_out");
    return g_strndup((const char *) cookie->bytes, cookie->count);
}

gboolean
sk_peer_finish(SkPeer *self, const SkPeerMove *move, gboolean cancelled, GError **error)
{
    GByteArray *args = g_byte_array_new();
    put_params(args, move, TRUE);
    sk_xdr_put_bytes(args, "", 0);
    sk_xdr_put_u32(args, flags_of(move));
    sk_xdr_put_i32(args, cancelled);
    g_autoptr(SkXdrMessage) reply = call(self, FINISH, args, "dom cookie_out:bytes<4194304>", NULL, error);
    return reply != NULL;
}
