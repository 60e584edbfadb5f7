/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cluster/peer.h"
#include "codec/xdr/signature.h"
#include "codec/xdr/xdr.h"

/* Messages to and from another daemon, and the tunnel beside the calls. One thread at a time: the caller's or, from start to join, the tunnel's. */

#define SK_PEER_PROGRAM 0x20008086u

enum { SK_PEER_CALL, SK_PEER_REPLY, SK_PEER_EVENT, SK_PEER_STREAM };
enum { SK_PEER_OK, SK_PEER_ERROR, SK_PEER_CONTINUE };

typedef struct {
    guint32 program, procedure, type, serial, status;
    GByteArray *payload;    /* NULL: there is no message */
} SkPeerMessage;

static inline void
sk_peer_message_clear(SkPeerMessage *self)
{
    g_clear_pointer(&self->payload, g_byte_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkPeerMessage, sk_peer_message_clear)

struct SkPeer {
    SkTransport *transport;
    guint32 serial;
    gboolean broken;        /* in the middle of a message: no other can follow */
    char *uri;
    GPtrArray *signatures;  /* of the answers so far, which refer to them */
    struct {
        guint32 procedure, serial; /* 0: there is none */
        SkFd ends[SK_N_TUNNELS]; /* ours, until it is cut; what is read of them is sent */
        SkFd others[SK_N_TUNNELS]; /* to be taken */
        gboolean read_up[SK_N_TUNNELS]; /* nothing more comes of it */
        GThread *thread;
        GCancellable *stop;     /* of the thread */
    } tunnel;
};

guint32 sk_peer_word(const guint8 *bytes, gsize offset);

/* message->payload is not looked at. */
gboolean sk_peer_send(SkPeer *self, const SkPeerMessage *message, const void *payload, gsize length, GCancellable *cancellable, GError **error);

#define SK_PEER_EVER G_MAXINT64

/*
 * Waits for what comes next, until end (monotonic): a message in *out, or something of the tunnel was moved and out->payload is NULL. FALSE: broken,
 * cancelled, or nothing in time.
 */
gboolean sk_peer_next(SkPeer *self, SkPeerMessage *out, gint64 end, GCancellable *cancellable, GError **error);

/* -- tunnel.c ------------------------------------------------------------------------------------------------------- */

void sk_peer_tunnel_init(SkPeer *self);
/* The call just answered has a stream: from now on a thread moves what passes through it. */
gboolean sk_peer_tunnel_start(SkPeer *self, guint32 procedure, GError **error);
/* Waits until the state's end was read up, or the tunnel has broken. Without one: returns. */
void sk_peer_tunnel_join(SkPeer *self);
/* Breaks it. */
void sk_peer_tunnel_cut(SkPeer *self);
/* The descriptor of one end to be waited for, or -1: nothing is wanted of it. */
gint sk_peer_tunnel_fd(const SkPeer *self, SkTunnelKind kind);
/* Sends what can be read of that end. FALSE: the connection broke. */
gboolean sk_peer_tunnel_move(SkPeer *self, SkTunnelKind kind, GError **error);
/* Takes a message of the tunnel's. FALSE: it is of something else. */
gboolean sk_peer_tunnel_hear(SkPeer *self, const SkPeerMessage *message);
