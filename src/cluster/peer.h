/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "cluster/transport.h"
#include "model/migration.h"

G_BEGIN_DECLS

/*
 * Another daemon, as a client of its libvirt protocol: what a source asks of a destination itself when nobody else drives
 * the migration. One call at a time; what it began is taken back by the other daemon when the connection ends.
 * All of it blocks: workers.
 */

typedef struct SkPeer SkPeer;

/* As sk_transport_open(), and greets. */
SkPeer *sk_peer_open(const char *uri, const SkTransportKeys *keys, GCancellable *cancellable, GError **error);
/* Over one that is open already, which is taken. uri: what it is called in errors. */
SkPeer *sk_peer_new(SkTransport *transport, const char *uri, GCancellable *cancellable, GError **error);
void sk_peer_free(SkPeer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkPeer, sk_peer_free)

/* What is asked for a domain that moves; texts may be NULL but the cookie and name. */
typedef struct {
    const char *cookie;     /* what the source tells of it */
    const char *name;       /* it has there */
    const char *new_name;   /* if that is another than here */
    const char *address, *disks_address, *listen;
    const char *xml, *persistent_xml;
    gboolean persist, paused;
    gboolean tunnelled;     /* what is to be sent goes through this connection */
} SkPeerMove;

/* Makes it ready. Free the answered cookie with g_free(). */
char *sk_peer_prepare(SkPeer *self, const SkPeerMove *move, GCancellable *cancellable, GError **error);
/*
 * Tunnelled, after it was prepared: our end of what a connection of the kind would be, as a socket that blocks. It is the
 * caller's, once; when the tunnel breaks or the other daemon closes its end, it reads to an end. -1 on error.
 */
gint sk_peer_tunnel_take(SkPeer *self, SkTunnelKind kind, GError **error);

/* Lets it run there, or takes it back. Tunnelled: what was written to the state's end has gone first, unless it is cancelled. */
gboolean sk_peer_finish(SkPeer *self, const SkPeerMove *move, gboolean cancelled, GError **error);

G_END_DECLS
