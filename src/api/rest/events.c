/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /v1/events: what happens, as WebSocket messages or server-sent events. */
#include "api/rest/websocket.h"

#include <string.h>

#include "base/error.h"
#include "codec/json/json.h"
#include "service/streams.h"

/*
 * A client that does not keep up never makes others wait: beyond event_buffer it is told to list anew
 * and let go. What it asked to be told of the past does not count.
 */

#define SSE_BLOCK (32 * 1024)

typedef struct {
    SkRestRequest *request;
    SkSubscription *subscription;
    gboolean replaying;     /* events of the past are coming, all at once */
    SkWebSocket *socket;    /* or NULL: server-sent events */
    GString *waiting;       /* text of server-sent events */
    gsize sent;             /* of it */
    gboolean ended;         /* when all of it is sent */
    guint heartbeat;
} Events;

static void
unsubscribe(Events *self)
{
    if (self->subscription != NULL)
        sk_service_unsubscribe(self->request->rest->service, g_steal_pointer(&self->subscription));
}

/* -- what is sent ------------------------------------------------------------------------------------------ */

/* type NULL: an ordinary event. revision: where to resume. */
static void
send_text(Events *self, const char *type, guint64 revision, const char *text)
{
    if (self->socket != NULL) {
        sk_websocket_send(self->socket, TRUE, text, strlen(text));
        return;
    }
    if (type != NULL)
        g_string_append_printf(self->waiting, "event: %s\n", type);
    g_string_append_printf(self->waiting, "id: %" G_GUINT64_FORMAT "\ndata: ", revision);
    g_string_append(self->waiting, text);
    g_string_append(self->waiting, "\n\n");
    sk_rest_request_resume(self->request);
}

static void
send_gap(Events *self)
{
    guint64 revision = sk_service_revision(self->request->rest->service);
    g_autofree char *text = g_strdup_printf("{\"type\":\"gap\",\"revision\":%" G_GUINT64_FORMAT "}", revision);
    send_text(self, "gap", revision, text);
}

static gsize
unsent(const Events *self)
{
    return self->socket != NULL ? sk_websocket_queued(self->socket) : self->waiting->len - self->sent;
}

static void
let_go_of_slow_client(Events *self)
{
    g_info("%s does not keep up with events; letting it go", self->request->connection->from);
    unsubscribe(self);
    if (self->socket != NULL) {
        sk_websocket_close(self->socket, SK_WS_TRY_LATER, "too slow: list anew and resume");
        return;
    }
    send_gap(self);
    self->ended = TRUE;
}

static void
on_event(const SkEvent *event, gpointer data)
{
    Events *self = data;
    if (self->ended)
        return;
    if (!self->replaying && unsent(self) > self->request->rest->settings.event_buffer) {
        let_go_of_slow_client(self);
        return;
    }
    g_autoptr(GString) text = g_string_sized_new(256);
    sk_json_write(text, &sk_event_type, event, NULL, 0);
    send_text(self, NULL, event->revision, text->str);
}

static void
subscribe(Events *self)
{
    const SkParams *params = &self->request->call->params;
    gboolean gap = FALSE;
    self->replaying = TRUE;
    self->subscription = sk_service_subscribe(self->request->rest->service, params->since, params->match, on_event, self, &gap);
    self->replaying = FALSE;
    if (gap)
        send_gap(self);
}

/* -- WebSocket ------------------------------------------------------------------------------------------------ */

/* There is nothing a client may say; what it says is dropped. */
static void
on_message(gboolean text, const guint8 *bytes, gsize length, gpointer data)
{
}

static void
on_closed(gpointer data)
{
    unsubscribe(data);
}

static gboolean
begin_socket(Events *self, GError **error)
{
    static const SkWebSocketFuncs funcs = { .message = on_message, .closed = on_closed };
    self->socket = sk_websocket_accept(self->request, NULL, &funcs, self, error);
    return self->socket != NULL;
}

/* -- server-sent events ------------------------------------------------------------------------------------------ */

/* MHD asks for more. */
static ssize_t
on_read(void *cls, uint64_t position, char *buffer, size_t max)
{
    SkRestRequest *request = cls;
    Events *self = request->stream;
    if (self == NULL || request->rest->closing)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    gsize length = MIN(max, unsent(self));
    if (length == 0 && self->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (length == 0) {
        g_string_truncate(self->waiting, 0);
        self->sent = 0;
        sk_rest_request_suspend(request);
        return 0;
    }
    memcpy(buffer, self->waiting->str + self->sent, length);
    self->sent += length;
    /* What is sent goes when it is most of the buffer: the cost of moving the rest stays small. */
    if (self->sent > self->waiting->len / 2) {
        g_string_erase(self->waiting, 0, (gssize) self->sent);
        self->sent = 0;
    }
    return (ssize_t) length;
}

/* Keeps proxies from hanging up, and finds out about clients that have gone. */
static gboolean
on_heartbeat(gpointer data)
{
    Events *self = data;
    if (unsent(self) == 0) {
        g_string_append(self->waiting, ": \n\n");
        sk_rest_request_resume(self->request);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
take_last_id(SkRestRequest *request, GError **error)
{
    const char *id = sk_rest_request_header(request, "Last-Event-ID");
    if (id == NULL || g_ascii_string_to_unsigned(id, 10, 0, G_MAXUINT64, &request->call->params.since, NULL))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "Last-Event-ID is \"%.64s\", give the id of an event", id);
}

static gboolean
begin_sse(Events *self, GError **error)
{
    SkRestRequest *request = self->request;
    if (!take_last_id(request, error))
        return FALSE;
    self->waiting = g_string_new(": events follow\n\n");
    self->heartbeat = g_timeout_add_seconds(request->rest->settings.heartbeat, on_heartbeat, self);
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, SSE_BLOCK, on_read, request, NULL);
    sk_rest_add_headers(response, "text/event-stream");
    sk_rest_answer_response(request, MHD_HTTP_OK, response);
    return TRUE;
}

/* -- the kind -------------------------------------------------------------------------------------------------------- */

static void
end(SkRestRequest *request)
{
    Events *self = g_steal_pointer(&request->stream);
    g_clear_handle_id(&self->heartbeat, g_source_remove);
    unsubscribe(self);
    sk_websocket_free(self->socket);
    if (self->waiting != NULL)
        g_string_free(self->waiting, TRUE);
    g_free(self);
}

static gboolean
begin(SkRestRequest *request, GError **error)
{
    if (request->head) {
        sk_rest_answer_text(request, MHD_HTTP_OK, "text/event-stream", g_strdup(""), 0);
        return TRUE;
    }
    Events *self = g_new0(Events, 1);
    self->request = request;
    request->stream = self;
    if (!(sk_websocket_asked(request) ? begin_socket(self, error) : begin_sse(self, error))) {
        end(request);
        return FALSE;
    }
    subscribe(self);
    return TRUE;
}

static void
close_stream(SkRestRequest *request, const char *why)
{
    Events *self = request->stream;
    unsubscribe(self);
    self->ended = TRUE;
    if (self->socket != NULL)
        sk_websocket_close(self->socket, SK_WS_GOING_AWAY, why);
}

const SkRestStreamKind sk_rest_events_kind = { .begin = begin, .end = end, .close = close_stream };
