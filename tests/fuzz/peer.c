/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as what another daemon says, from the greeting to the end of a migration, tunnelled or not (the first byte's lowest bit). */
#include "cluster/peer.h"

#include <sys/socket.h>

#include "base/error.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
migrate(SkPeer *peer, gboolean tunnelled)
{
    const SkPeerMove move = { .cookie = "{}", .name = "web1", .persist = TRUE, .tunnelled = tunnelled };
    g_autoptr(GError) error = NULL;
    g_autofree char *cookie = sk_peer_prepare(peer, &move, NULL, &error);
    if (cookie == NULL && error == NULL)
        g_error("refused without a word");
    g_auto(SkFd) words = cookie != NULL && tunnelled ? sk_peer_tunnel_take(peer, SK_TUNNEL_WORDS, NULL) : SK_FD_NONE;
    g_clear_error(&error);
    if (!sk_peer_finish(peer, &move, FALSE, &error) && error == NULL)
        g_error("not finished, without a word");
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    gint pair[2];
    const gint room = 1024 * 1024;
    g_autoptr(GError) error = NULL;
    if (size == 0 || size > 100000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return 0;
    g_auto(SkFd) other = pair[1];
    setsockopt(other, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (send(other, data + 1, size - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        g_error("the socket takes too little");
    shutdown(other, SHUT_WR);
    g_autoptr(SkPeer) peer = sk_peer_new(sk_transport_new(pair[0]), "qemu+test:///system", NULL, &error);
    if (peer != NULL)
        migrate(peer, (data[0] & 1) != 0);
    else if (error == NULL)
        g_error("not let in, without a word");
    return 0;
}
