/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * TLS in front of a front door: what comes in encrypted on a socket goes out in clear on one end of a
 * socket pair, and back. The other end is an ordinary connection, for the HTTP daemon WebSockets included.
 * (MHD's own TLS gives an upgraded connection a forwarding buffer of four bytes.) TLS 1.2 and 1.3.
 * On the main loop, without threads. Main thread.
 */

typedef struct SkTls SkTls;
typedef struct SkTlsLink SkTlsLink;

/* Reads the certificate chain and key, PEM. Blocks: start-up. */
SkTls *sk_tls_new(const char *cert_path, const char *key_path, GError **error);
/* Links that are still there are cut. */
void sk_tls_free(SkTls *self);

/* From now on clients have to show a certificate that one of the authorities in the file (PEM) has signed. Blocks: start-up. */
gboolean sk_tls_require_client(SkTls *self, const char *ca_path, GError **error);

/* SHA-256 of the certificate, "AB:CD:...". */
const char *sk_tls_fingerprint(const SkTls *self);

/* The handshake is over: plain_fd is the clear side, the callee's; -1: it failed, and the link is gone. */
typedef void (*SkTlsReady)(gint plain_fd, gpointer data);

/* Starts the handshake on a connected socket, which is taken. ready comes later, once. NULL on error. */
SkTlsLink *sk_tls_accept(SkTls *self, gint fd, SkTlsReady ready, gpointer data, GError **error);
/* While ready is called: whom the client's certificate names, "CN=ops,O=Example" (RFC 4514); NULL: it has shown none. g_free(). */
char *sk_tls_link_subject(const SkTlsLink *link);
/* Before ready has come: gives up, without calling it. */
void sk_tls_link_cut(SkTlsLink *link);

G_END_DECLS
