/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wslay bound to a stream. */
#include "cli/websocket.h"

#include <poll.h>
#include <string.h>

#include <wslay/wslay.h>

#include "base/error.h"

struct SkWebSocket {
    SkStream *stream;
    wslay_event_context_ptr wslay;
    SkWebSocketMessage message;
    gpointer user_data;
    GError *error;          /* of the stream, from inside a callback */
    gboolean ended;
};

static ssize_t
on_recv(wslay_event_context_ptr wslay, uint8_t *buffer, size_t length, int flags, void *data)
{
    SkWebSocket *self = data;
    gssize n = sk_stream_try_read(self->stream, buffer, length, self->error == NULL ? &self->error : NULL);
    if (n > 0)
        return n;
    self->ended |= n == 0;
    wslay_event_set_error(wslay, n == -2 ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t
on_send(wslay_event_context_ptr wslay, const uint8_t *bytes, size_t length, int flags, void *data)
{
    SkWebSocket *self = data;
    if (sk_stream_write(self->stream, bytes, length, self->error == NULL ? &self->error : NULL))
        return (ssize_t) length;
    wslay_event_set_error(wslay, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static int
on_mask(wslay_event_context_ptr wslay, uint8_t *buffer, size_t length, void *data)
{
    for (size_t i = 0; i < length; i++)
        buffer[i] = (uint8_t) g_random_int();
    return 0;
}

static void
on_message(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *arg, void *data)
{
    SkWebSocket *self = data;
    if (arg->opcode == WSLAY_TEXT_FRAME || arg->opcode == WSLAY_BINARY_FRAME)
        self->message(arg->opcode == WSLAY_TEXT_FRAME, arg->msg, arg->msg_length, self->user_data);
}

SkWebSocket *
sk_websocket_new(SkStream *stream, SkWebSocketMessage message, gpointer user_data)
{
    static const struct wslay_event_callbacks callbacks = { .recv_callback = on_recv, .send_callback = on_send,
                                                            .genmask_callback = on_mask, .on_msg_recv_callback = on_message };
    SkWebSocket *self = g_new0(SkWebSocket, 1);
    self->stream = stream;
    self->message = message;
    self->user_data = user_data;
    if (wslay_event_context_client_init(&self->wslay, &callbacks, self) != 0)
        g_error("out of memory");
    wslay_event_config_set_max_recv_msg_length(self->wslay, SK_WEBSOCKET_MAX_MESSAGE);
    return self;
}

void
sk_websocket_free(SkWebSocket *self)
{
    if (self == NULL)
        return;
    wslay_event_context_free(self->wslay);
    sk_stream_free(self->stream);
    g_clear_error(&self->error);
    g_free(self);
}

static gboolean
flush(SkWebSocket *self, GError **error)
{
    while (wslay_event_want_write(self->wslay)) {
        if (wslay_event_send(self->wslay) != 0) {
            if (self->error != NULL)
                g_propagate_error(error, g_steal_pointer(&self->error));
            else
                sk_fail(error, SK_ERROR_IO, "the WebSocket to the daemon broke");
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
sk_websocket_send(SkWebSocket *self, gboolean text, const void *data, gsize length, GError **error)
{
    struct wslay_event_msg message = { .opcode = text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, .msg = data, .msg_length = length };
    if (wslay_event_queue_msg(self->wslay, &message) != 0)
        return sk_fail(error, SK_ERROR_IO, "the WebSocket to the daemon is closed");
    return flush(self, error);
}

gboolean
sk_websocket_receive(SkWebSocket *self, GError **error)
{
    do {
        gint code = wslay_event_recv(self->wslay);
        /* The peer has said goodbye; that ours may not reach it any more is no error. */
        if (wslay_event_get_close_received(self->wslay)) {
            (void) flush(self, NULL);
            return FALSE;
        }
        if (code != 0 && self->error != NULL) {
            g_propagate_error(error, g_steal_pointer(&self->error));
            return FALSE;
        }
        if (code != 0 && !self->ended)
            return sk_fail(error, SK_ERROR_IO, "the WebSocket to the daemon broke (%d)", code);
        if (self->ended || !flush(self, error))
            return FALSE;
    } while (sk_stream_pending(self->stream) && wslay_event_want_read(self->wslay));
    return wslay_event_want_read(self->wslay) != 0;
}

gint
sk_websocket_fd(const SkWebSocket *self)
{
    return sk_stream_fd(self->stream);
}

void
sk_websocket_close(SkWebSocket *self)
{
    if (wslay_event_queue_close(self->wslay, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0) == 0)
        (void) flush(self, NULL);
}
