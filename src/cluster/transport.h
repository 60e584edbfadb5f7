/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "base/fs.h"

G_BEGIN_DECLS

/*
 * What bytes pass over between this daemon and another. Opening blocks: workers. One thread at a time, whichever.
 */

typedef struct SkTransport SkTransport;

/* Who this daemon is to others, by TLS: files, PEM. */
typedef struct {
    const char *authorities;    /* that sign what another daemon shows */
    const char *certificate, *key;
} SkTransportKeys;

/*
 * Connects to a libvirt URI: "qemu+unix:///system?socket=PATH" (or without the socket, as is "qemu:///system"),
 * "qemu+tcp://HOST[:PORT]/system", "qemu+tls://HOST[:PORT]/system" (or "qemu://HOST/system"). UNSUPPORTED for others.
 */
SkTransport *sk_transport_open(const char *uri, const SkTransportKeys *keys, GCancellable *cancellable, GError **error);
/* Over a connected socket, which is taken. */
SkTransport *sk_transport_new(gint fd);
void sk_transport_free(SkTransport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkTransport, sk_transport_free)

/* To wait for. */
gint sk_transport_fd(const SkTransport *self);
/* Bytes are here already, of which the descriptor does not tell. */
gboolean sk_transport_has_bytes(const SkTransport *self);

/* As many bytes as went at once; -1: none, wait for the descriptor; 0: the connection is broken. They never block. */
gssize sk_transport_read(SkTransport *self, void *bytes, gsize length);
gssize sk_transport_write(SkTransport *self, const void *bytes, gsize length);

G_END_DECLS
