/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What passes through the connection to another daemon beside the calls: a guest's state, and the words of the two. */
#include "cluster/peer-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"

#define PIECE (64 * 1024)

void
sk_peer_tunnel_init(SkPeer *self)
{
    for (guint kind = 0; kind < SK_N_TUNNELS; kind++)
        self->tunnel.ends[kind] = self->tunnel.others[kind] = SK_FD_NONE;
}

gint
sk_peer_tunnel_fd(const SkPeer *self, SkTunnelKind kind)
{
    return self->tunnel.read_up[kind] ? SK_FD_NONE : self->tunnel.ends[kind];
}

/* Whoever has the other ends reads to an end. */
static void
break_off(SkPeer *self)
{
    for (guint kind = 0; kind < SK_N_TUNNELS; kind++) {
        self->tunnel.read_up[kind] = TRUE;
        if (self->tunnel.ends[kind] >= 0)
            shutdown(self->tunnel.ends[kind], SHUT_RDWR);
    }
}

/* -- from here to there ------------------------------------------------------------------------------------------------- */

gboolean
sk_peer_tunnel_move(SkPeer *self, SkTunnelKind kind, GError **error)
{
    guint8 bytes[1 + PIECE];
    const SkPeerMessage message = { .program = SK_PEER_PROGRAM, .procedure = self->tunnel.procedure, .type = SK_PEER_STREAM,
                                    .serial = self->tunnel.serial, .status = SK_PEER_CONTINUE };
    gssize n = recv(self->tunnel.ends[kind], bytes + 1, PIECE, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return TRUE;
    n = MAX(n, 0);
    bytes[0] = (guint8) SK_TUNNEL_BYTES[kind];
    self->tunnel.read_up[kind] = n == 0;
    return sk_peer_send(self, &message, bytes, 1 + (gsize) n, self->tunnel.stop, error);
}

/* -- from there to here ---------------------------------------------------------------------------------------------------- */

/* Whoever does not read it has no use for it. */
static void
give(const SkPeer *self, SkTunnelKind kind, const guint8 *bytes, gsize length)
{
    while (length > 0) {
        gssize n = send(self->tunnel.ends[kind], bytes, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        bytes += n;
        length -= (gsize) n;
    }
}

gboolean
sk_peer_tunnel_hear(SkPeer *self, const SkPeerMessage *message)
{
    const GByteArray *payload = message->payload;
    if (self->tunnel.serial == 0 || message->type != SK_PEER_STREAM || message->serial != self->tunnel.serial)
        return FALSE;
    const char *kind = payload->len > 0 ? strchr(SK_TUNNEL_BYTES, payload->data[0]) : NULL;
    if (message->status != SK_PEER_CONTINUE || kind == NULL || *kind == '\0') {
        break_off(self);
        return TRUE;
    }
    gsize at = (gsize) (kind - SK_TUNNEL_BYTES);
    if (payload->len == 1)
        shutdown(self->tunnel.ends[at], SHUT_WR);
    else
        give(self, (SkTunnelKind) at, payload->data + 1, payload->len - 1);
    return TRUE;
}

/* -- the thread ------------------------------------------------------------------------------------------------------------ */

/* While its owner is busy with the one who writes the state. */
static gpointer
pump(gpointer data)
{
    SkPeer *self = data;
    while (sk_peer_tunnel_fd(self, SK_TUNNEL_STATE) >= 0) {
        g_auto(SkPeerMessage) message = { 0 };
        g_autoptr(GError) error = NULL;
        if (sk_peer_next(self, &message, SK_PEER_EVER, self->tunnel.stop, &error))
            continue;
        g_debug("the tunnel to \"%s\" ends: %s", self->uri, error->message);
        break_off(self);
    }
    return NULL;
}

gboolean
sk_peer_tunnel_start(SkPeer *self, guint32 procedure, GError **error)
{
    for (guint kind = 0; kind < SK_N_TUNNELS; kind++) {
        gint pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            return sk_fail_errno(error, errno, "cannot make a tunnel to the daemon at \"%s\"", self->uri);
        self->tunnel.ends[kind] = pair[0];
        self->tunnel.others[kind] = pair[1];
    }
    self->tunnel.procedure = procedure;
    self->tunnel.serial = self->serial;
    self->tunnel.stop = g_cancellable_new();
    self->tunnel.thread = g_thread_new("skep-tunnel", pump, self);
    return TRUE;
}

gint
sk_peer_tunnel_take(SkPeer *self, SkTunnelKind kind, GError **error)
{
    gint fd = sk_fd_steal(&self->tunnel.others[kind]);
    if (fd < 0)
        sk_fail(error, SK_ERROR_STATE, "there is no tunnel to the daemon at \"%s\"", self->uri);
    return fd;
}

void
sk_peer_tunnel_join(SkPeer *self)
{
    /* What nobody has taken would never come to an end. */
    for (guint kind = 0; kind < SK_N_TUNNELS; kind++)
        sk_fd_clear(&self->tunnel.others[kind]);
    if (self->tunnel.thread != NULL)
        g_thread_join(g_steal_pointer(&self->tunnel.thread));
}

void
sk_peer_tunnel_cut(SkPeer *self)
{
    if (self->tunnel.stop != NULL)
        g_cancellable_cancel(self->tunnel.stop);
    sk_peer_tunnel_join(self);
    g_clear_object(&self->tunnel.stop);
    for (guint kind = 0; kind < SK_N_TUNNELS; kind++)
        sk_fd_clear(&self->tunnel.ends[kind]);
}
