/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages to and from another daemon. */
#include "cluster/peer-private.h"

#include <poll.h>
#include <string.h>

#include "base/error.h"

#define HEADER 28u
#define MESSAGE_MAX (32u * 1024 * 1024 + 4)
/* A message that has begun comes whole, and is taken, in this time. */
#define REST_MS 60000

guint32
sk_peer_word(const guint8 *bytes, gsize offset)
{
    guint32 word;
    memcpy(&word, bytes + offset, sizeof word);
    return GUINT32_FROM_BE(word);
}

static gboolean
fail_gone(const SkPeer *self, GError **error)
{
    return sk_fail(error, SK_ERROR_IO, "the daemon at \"%s\" has cut the connection", self->uri);
}

/* FALSE: not in time, or cancelled. waiting: the last is for the cancellable. */
static gboolean
wait_for(const SkPeer *self, struct pollfd *waiting, guint n, gint64 end, GCancellable *cancellable, GError **error)
{
    GPollFD other = { .fd = -1 };
    g_cancellable_make_pollfd(cancellable, &other);
    waiting[n - 1] = (struct pollfd){ .fd = other.fd, .events = POLLIN };
    gint left = end == SK_PEER_EVER ? -1 : (gint) CLAMP((end - g_get_monotonic_time()) / 1000, 0, G_MAXINT);
    gint ready = poll(waiting, n, left);
    g_cancellable_release_fd(cancellable);
    if (cancellable != NULL && g_cancellable_is_cancelled(cancellable))
        return sk_fail(error, SK_ERROR_CANCELLED, "waiting for the daemon at \"%s\" was cancelled", self->uri);
    return ready != 0 || sk_fail(error, SK_ERROR_TIMEOUT, "the daemon at \"%s\" does not answer", self->uri);
}

static gboolean
wait_for_transport(const SkPeer *self, short events, gint64 end, GCancellable *cancellable, GError **error)
{
    struct pollfd waiting[] = { { .fd = sk_transport_fd(self->transport), .events = events }, { .fd = -1 } };
    return wait_for(self, waiting, G_N_ELEMENTS(waiting), end, cancellable, error);
}

static gboolean
read_all(SkPeer *self, guint8 *bytes, gsize length, gint64 end, GCancellable *cancellable, GError **error)
{
    while (length > 0) {
        gssize n = sk_transport_read(self->transport, bytes, length);
        if (n == 0)
            return fail_gone(self, error);
        if (n < 0) {
            if (!wait_for_transport(self, POLLIN, end, cancellable, error))
                return FALSE;
            continue;
        }
        bytes += n;
        length -= (gsize) n;
    }
    return TRUE;
}

static gboolean
write_all(SkPeer *self, const guint8 *bytes, gsize length, GCancellable *cancellable, GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64) REST_MS * 1000;
    while (length > 0) {
        gssize n = sk_transport_write(self->transport, bytes, length);
        if (n == 0)
            return fail_gone(self, error);
        if (n < 0) {
            if (!wait_for_transport(self, POLLOUT, end, cancellable, error))
                return FALSE;
            continue;
        }
        bytes += n;
        length -= (gsize) n;
    }
    return TRUE;
}

gboolean
sk_peer_send(SkPeer *self, const SkPeerMessage *message, const void *payload, gsize length, GCancellable *cancellable, GError **error)
{
    g_autoptr(GByteArray) packet = g_byte_array_sized_new((guint) (HEADER + length));
    const guint32 words[] = { (guint32) (HEADER + length), message->program, 1, message->procedure, message->type, message->serial, message->status };
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        sk_xdr_put_u32(packet, words[i]);
    g_byte_array_append(packet, payload, (guint) length);
    /* Half a message cannot be taken back. */
    self->broken = self->broken || !write_all(self, packet->data, packet->len, cancellable, error);
    return !self->broken || (error != NULL && *error != NULL) || fail_gone(self, error);
}

static gboolean
read_message(SkPeer *self, SkPeerMessage *out, GCancellable *cancellable, GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64) REST_MS * 1000;
    guint8 header[HEADER];
    if (!read_all(self, header, sizeof header, end, cancellable, error))
        return FALSE;
    guint32 length = sk_peer_word(header, 0);
    if (length < HEADER || length > MESSAGE_MAX)
        return sk_fail(error, SK_ERROR_IO, "what the daemon at \"%s\" says cannot be understood", self->uri);
    *out = (SkPeerMessage){ .program = sk_peer_word(header, 4), .procedure = sk_peer_word(header, 12), .type = sk_peer_word(header, 16),
                            .serial = sk_peer_word(header, 20), .status = sk_peer_word(header, 24), .payload = g_byte_array_new() };
    g_byte_array_set_size(out->payload, length - HEADER);
    return read_all(self, out->payload->data, out->payload->len, end, cancellable, error);
}

gboolean
sk_peer_next(SkPeer *self, SkPeerMessage *out, gint64 end, GCancellable *cancellable, GError **error)
{
    struct pollfd waiting[SK_N_TUNNELS + 2] = { 0 };
    for (guint kind = 0; kind < SK_N_TUNNELS; kind++)
        waiting[kind] = (struct pollfd){ .fd = sk_peer_tunnel_fd(self, kind), .events = POLLIN };
    waiting[SK_N_TUNNELS] = (struct pollfd){ .fd = sk_transport_fd(self->transport), .events = POLLIN };
    gboolean here = sk_transport_has_bytes(self->transport);
    if (!here && !wait_for(self, waiting, G_N_ELEMENTS(waiting), end, cancellable, error))
        return FALSE;
    for (guint kind = 0; kind < SK_N_TUNNELS; kind++) {
        if (waiting[kind].revents != 0 && !sk_peer_tunnel_move(self, kind, error))
            return FALSE;
    }
    if (!here && waiting[SK_N_TUNNELS].revents == 0)
        return TRUE;
    self->broken = !read_message(self, out, cancellable, error);
    if (self->broken)
        return FALSE;
    if (sk_peer_tunnel_hear(self, out))
        sk_peer_message_clear(out);
    return TRUE;
}
