/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /v1/console: a serial console or VNC as a WebSocket, with a ticket. */
#include "api/rest/websocket.h"

#include <string.h>

#include "base/error.h"
#include "codec/json/json.h"
#include "service/streams.h"

/*
 * Binary messages are bytes both ways. Text messages are JSON: {"take_over":true} from the client,
 * {"notice":"..."} to it.
 */

/* Queued output at which the console is told to hold, and to go on. */
#define HOLD_BYTES (256 * 1024)

typedef struct {
    SkRestRequest *request;
    SkConsoleSession *session;
    SkWebSocket *socket;
    gboolean held;
    gboolean told_reader;   /* that its keys go nowhere; once until it takes over */
} Console;

static void
close_session(Console *self)
{
    if (self->session != NULL)
        sk_console_session_close(g_steal_pointer(&self->session));
}

/* -- from the console ------------------------------------------------------------------------------------------ */

static void
send_notice(Console *self, const char *sentence)
{
    g_autoptr(GString) text = g_string_new("{\"notice\":");
    sk_json_write_string(text, sentence);
    g_string_append_c(text, '}');
    sk_websocket_send(self->socket, TRUE, text->str, text->len);
}

static void
on_output(const void *bytes, gsize length, gpointer data)
{
    Console *self = data;
    sk_websocket_send(self->socket, FALSE, bytes, length);
    /* The first output comes before the session is known. */
    if (!self->held && self->session != NULL && sk_websocket_queued(self->socket) > HOLD_BYTES) {
        self->held = TRUE;
        sk_console_session_hold(self->session, TRUE);
    }
}

static void
on_notice(const char *sentence, gpointer data)
{
    Console *self = data;
    self->told_reader = FALSE;
    send_notice(self, sentence);
}

static void
on_end(gpointer data)
{
    Console *self = data;
    sk_websocket_close(self->socket, SK_WS_NORMAL, "the console has ended");
}

/* -- from the client --------------------------------------------------------------------------------------------- */

static void
on_input(Console *self, const guint8 *bytes, gsize length)
{
    if (sk_console_session_write(self->session, bytes, length) || self->told_reader)
        return;
    self->told_reader = TRUE;
    send_notice(self, "somebody else has the keyboard; take over to write");
}

static void
on_control(Console *self, const guint8 *bytes, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) control = sk_json_parse((const char *) bytes, length, "the message", &error);
    if (control == NULL) {
        send_notice(self, error->message);
    } else if (json_is_true(json_object_get(control, "take_over"))) {
        self->told_reader = FALSE;
        sk_console_session_take_over(self->session);
    } else {
        send_notice(self, "this is not understood; there is {\"take_over\":true}");
    }
}

static void
on_message(gboolean text, const guint8 *bytes, gsize length, gpointer data)
{
    Console *self = data;
    if (self->session == NULL)
        return;
    if (text)
        on_control(self, bytes, length);
    else
        on_input(self, bytes, length);
}

static void
on_drained(gpointer data)
{
    Console *self = data;
    if (!self->held || self->session == NULL)
        return;
    self->held = FALSE;
    sk_console_session_hold(self->session, FALSE);
}

static void
on_closed(gpointer data)
{
    close_session(data);
}

/* -- the kind ------------------------------------------------------------------------------------------------------ */

static void
end(SkRestRequest *request)
{
    Console *self = g_steal_pointer(&request->stream);
    close_session(self);
    sk_websocket_free(self->socket);
    g_free(self);
}

static gboolean
open_console(Console *self, GError **error)
{
    static const SkConsoleFuncs console_funcs = { .output = on_output, .notice = on_notice, .closed = on_end };
    static const SkWebSocketFuncs socket_funcs = { .message = on_message, .drained = on_drained, .closed = on_closed };
    SkRestRequest *request = self->request;

    /* The handshake first: a ticket is good once, and is not to be wasted on a wrong one. */
    self->socket = sk_websocket_accept(request, "binary", &socket_funcs, self, error);
    if (self->socket == NULL)
        return FALSE;
    self->session = sk_service_console_open(request->rest->service, request->call, &console_funcs, self, error);
    if (self->session != NULL)
        return TRUE;
    g_clear_pointer(&request->response, MHD_destroy_response);
    return FALSE;
}

static gboolean
begin(SkRestRequest *request, GError **error)
{
    if (request->head || !sk_websocket_asked(request))
        return sk_fail(error, SK_ERROR_INVALID, "a console is a WebSocket: send \"Upgrade: websocket\"");
    Console *self = g_new0(Console, 1);
    self->request = request;
    request->stream = self;
    if (open_console(self, error))
        return TRUE;
    end(request);
    return FALSE;
}

static void
close_stream(SkRestRequest *request, const char *why)
{
    Console *self = request->stream;
    close_session(self);
    sk_websocket_close(self->socket, SK_WS_GOING_AWAY, why);
}

const SkRestStreamKind sk_rest_console_kind = { .begin = begin, .end = end, .close = close_stream };
