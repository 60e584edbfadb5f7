/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "base/fs.h"

G_BEGIN_DECLS

/*
 * Another daemon, as a client of its libvirt protocol: what a source asks of a destination itself when nobody else drives
 * the migration. One call at a time; what it began is taken back by the other daemon when the connection ends.
 * All of it blocks: workers.
 */

typedef struct SkPeer SkPeer;

/*
 * Connects to "qemu+unix:///system?socket=PATH" or "qemu+tcp://HOST[:PORT]/system" ("qemu:///system" is the first); UNSUPPORTED for
 * other transports.
 */
SkPeer *sk_peer_open(const char *uri, GCancellable *cancellable, GError **error);
void sk_peer_free(SkPeer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkPeer, sk_peer_free)

/* What is asked for a domain that moves; texts may be NULL but the cookie and name. */
typedef struct {
    const char *cookie;     /* what the source tells of it */
    const char *name;       /* it has there */
    const char *new_name;   /* if that is another than here */
    const char *address, *listen;
    const char *xml, *persistent_xml;
    gboolean persist, paused;
} SkPeerMove;

/* Makes it ready. Free the answered cookie with g_free(). */
char *sk_peer_prepare(SkPeer *self, const SkPeerMove *move, GCancellable *cancellable, GError **error);
/* Lets it run there, or takes it back. */
gboolean sk_peer_finish(SkPeer *self, const SkPeerMove *move, gboolean cancelled, GError **error);

G_END_DECLS
