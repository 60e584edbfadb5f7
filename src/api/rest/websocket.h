/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/rest/rest-private.h"

G_BEGIN_DECLS

/*
 * The server's end of a WebSocket (RFC 6455): the handshake, and messages over the descriptor that
 * MHD hands out after it. Main thread.
 */

typedef struct SkWebSocket SkWebSocket;

/* Close codes. */
#define SK_WS_NORMAL 1000
#define SK_WS_GOING_AWAY 1001
#define SK_WS_POLICY 1008
#define SK_WS_TOO_BIG 1009
#define SK_WS_TRY_LATER 1013

typedef struct {
    void (*open)(gpointer data);    /* the handshake is done: messages can be sent; may be NULL */
    void (*message)(gboolean text, const guint8 *bytes, gsize length, gpointer data);
    void (*drained)(gpointer data); /* what was queued has been sent; may be NULL */
    /* The client left or broke the protocol: nothing can be sent any more. Not called for sk_websocket_close(). */
    void (*closed)(gpointer data);
} SkWebSocketFuncs;

/* TRUE if the request asks to become a WebSocket. */
gboolean sk_websocket_asked(SkRestRequest *request);

/*
 * Answers the handshake. A wrong one, and one from a web page of another origin, is an error. The socket is
 * there from open() on; before that, messages are kept. protocol: what to agree to if the client offers it, or NULL.
 */
SkWebSocket *sk_websocket_accept(SkRestRequest *request, const char *protocol, const SkWebSocketFuncs *funcs,
                                 gpointer data, GError **error);

void sk_websocket_send(SkWebSocket *self, gboolean text, const void *bytes, gsize length);
/* Bytes that wait to be sent. */
gsize sk_websocket_queued(const SkWebSocket *self);

/* Says goodbye, sends what is queued for a short while, and lets go of the connection; callbacks end here. */
void sk_websocket_close(SkWebSocket *self, guint code, const char *reason);

/* Frees; the connection is let go of at once if it was not. NULL is fine. */
void sk_websocket_free(SkWebSocket *self);

/* "dGhlIHNhbXBsZSBub25jZQ==" → "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; free with g_free(). */
char *sk_websocket_accept_key(const char *key);

G_END_DECLS
