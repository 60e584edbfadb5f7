/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/stream.h"

/* The client's side of a WebSocket over a stream that was upgraded (wslay does the framing). One thread. */

#define SK_WEBSOCKET_MAX_MESSAGE (4 * 1024 * 1024)

typedef struct SkWebSocket SkWebSocket;
typedef void (*SkWebSocketMessage)(gboolean text, const void *data, gsize length, gpointer user_data);

/* Takes the stream. */
SkWebSocket *sk_websocket_new(SkStream *stream, SkWebSocketMessage message, gpointer user_data);
void sk_websocket_free(SkWebSocket *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkWebSocket, sk_websocket_free)

gboolean sk_websocket_send(SkWebSocket *self, gboolean text, const void *data, gsize length, GError **error);

/* Handles what has come without waiting. FALSE without an error: the peer closed. */
gboolean sk_websocket_receive(SkWebSocket *self, GError **error);

/* To poll for reading. */
gint sk_websocket_fd(const SkWebSocket *self);
/* Says goodbye; the peer's answer is not waited for. */
void sk_websocket_close(SkWebSocket *self);
