/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* WebSockets: handshake, then frames by wslay over the main loop. */
#include "api/rest/websocket.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base/error.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, section 1.3 */
#define TURN_BYTES (256 * 1024) /* read before other sources get their turn */
#define MAX_PINGS 1024  /* whose pongs wait to be sent: a client that reads never comes near */
#define CLOSE_USEC (5 * G_USEC_PER_SEC)  /* for the goodbye to be sent and answered */

struct SkWebSocket {
    const SkWebSocketFuncs *funcs;
    gpointer data;
    SkRestRequest *request;
    struct MHD_UpgradeResponseHandle *upgrade;  /* NULL before the handshake is done and after the end */
    wslay_event_context_ptr frames;
    gint fd;
    guint source;
    GIOCondition condition;
    guint timer;            /* pings; after the goodbye: the end */
    gboolean closing;       /* the goodbye is queued */
    gboolean pinged;        /* no pong yet */
    guint pings;            /* from the client, since all that was queued had been sent */
    GByteArray *early;      /* bytes that came along with the handshake */
    gboolean gone;          /* the socket is closed or broken */
    gsize turn;             /* bytes still to be read in this turn */
};

/* -- handshake ------------------------------------------------------------------------------------------- */

gboolean
sk_websocket_asked(SkRestRequest *request)
{
    const char *upgrade = sk_rest_request_header(request, "Upgrade");
    return upgrade != NULL && g_ascii_strcasecmp(upgrade, "websocket") == 0;
}

char *
sk_websocket_accept_key(const char *key)
{
    guint8 digest[20];
    gsize size = sizeof digest;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    g_checksum_update(sum, (const guchar *) key, (gssize) strlen(key));
    g_checksum_update(sum, (const guchar *) GUID, -1);
    g_checksum_get_digest(sum, digest, &size);
    return g_base64_encode(digest, size);
}

static gboolean
is_key(const char *key)
{
    if (key == NULL || strlen(key) != 24)
        return FALSE;
    gsize length = 0;
    g_autofree guchar *bytes = g_base64_decode(key, &length);
    return length == 16;
}

/* One of the words of a header such as "keep-alive, Upgrade". */
static gboolean
has_word(const char *list, const char *word)
{
    g_auto(GStrv) words = g_strsplit(list != NULL ? list : "", ",", 32);
    for (guint i = 0; words[i] != NULL; i++) {
        if (g_ascii_strcasecmp(g_strstrip(words[i]), word) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Browsers tell which page asks; a program has no origin. */
static gboolean
check_origin(SkRestRequest *request, GError **error)
{
    const char *origin = sk_rest_request_header(request, "Origin"), *host = sk_rest_request_header(request, "Host");
    const char *rest = origin != NULL ? strstr(origin, "://") : NULL;
    if (origin == NULL || (rest != NULL && host != NULL && g_ascii_strcasecmp(rest + 3, host) == 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_DENIED, "a page of \"%.128s\" may not open a WebSocket here", origin);
}

static gboolean
check_handshake(SkRestRequest *request, GError **error)
{
    const char *version = sk_rest_request_header(request, "Sec-WebSocket-Version");
    if (!has_word(sk_rest_request_header(request, "Connection"), "upgrade"))
        return sk_fail(error, SK_ERROR_INVALID, "a WebSocket needs the header \"Connection: Upgrade\"");
    if (g_strcmp0(version, "13") != 0)
        return sk_fail(error, SK_ERROR_INVALID, "Sec-WebSocket-Version is \"%.16s\", give 13", version != NULL ? version : "none");
    if (!is_key(sk_rest_request_header(request, "Sec-WebSocket-Key")))
        return sk_fail(error, SK_ERROR_INVALID, "Sec-WebSocket-Key must be 16 bytes in base64");
    return check_origin(request, error);
}

/* -- the end --------------------------------------------------------------------------------------------- */

static void
let_go(SkWebSocket *self)
{
    g_clear_handle_id(&self->source, g_source_remove);
    g_clear_handle_id(&self->timer, g_source_remove);
    if (self->upgrade == NULL)
        return;
    MHD_upgrade_action(g_steal_pointer(&self->upgrade), MHD_UPGRADE_ACTION_CLOSE);
    sk_http_source_kick(self->request->rest->http_source);
}

/* The connection is no good any more. MHD ends the request some time after, which frees us. */
static void
lost(SkWebSocket *self)
{
    gboolean tell = !self->closing;
    self->closing = TRUE;
    let_go(self);
    if (tell)
        self->funcs->closed(self->data);
}

void
sk_websocket_free(SkWebSocket *self)
{
    if (self == NULL)
        return;
    let_go(self);
    wslay_event_context_free(self->frames);
    g_clear_pointer(&self->early, g_byte_array_unref);
    g_free(self);
}

/* -- frames ---------------------------------------------------------------------------------------------- */

static ssize_t
on_recv(wslay_event_context_ptr frames, uint8_t *buffer, size_t length, int flags, void *data)
{
    SkWebSocket *self = data;
    if (self->early != NULL && self->early->len > 0) {
        gsize count = MIN(length, self->early->len);
        memcpy(buffer, self->early->data, count);
        g_byte_array_remove_range(self->early, 0, (guint) count);
        return (ssize_t) count;
    }
    ssize_t got = self->turn > 0 ? recv(self->fd, buffer, length, MSG_DONTWAIT) : -1;
    if (got > 0) {
        self->turn -= MIN(self->turn, (gsize) got);
        return got;
    }
    gboolean blocked = self->turn == 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
    self->gone = !blocked;
    wslay_event_set_error(frames, blocked ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t
on_send(wslay_event_context_ptr frames, const uint8_t *bytes, size_t length, int flags, void *data)
{
    SkWebSocket *self = data;
    gint more = flags & WSLAY_MSG_MORE ? MSG_MORE : 0;
    ssize_t put = send(self->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL | more);
    if (put >= 0)
        return put;
    wslay_event_set_error(frames, errno == EAGAIN || errno == EINTR ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void
on_message(wslay_event_context_ptr frames, const struct wslay_event_on_msg_recv_arg *message, void *data)
{
    SkWebSocket *self = data;
    self->pinged = FALSE; /* anything it sends shows that it lives */
    self->pings += message->opcode == WSLAY_PING;
    if (!self->closing && !wslay_is_ctrl_frame(message->opcode))
        self->funcs->message(message->opcode == WSLAY_TEXT_FRAME, message->msg, message->msg_length, self->data);
}

static gboolean on_ready(gint fd, GIOCondition condition, gpointer data);

static void
watch(SkWebSocket *self, GIOCondition condition)
{
    if (self->source != 0 && self->condition == condition)
        return;
    g_clear_handle_id(&self->source, g_source_remove);
    self->condition = condition;
    self->source = g_unix_fd_add(self->fd, condition, on_ready, self);
}

/* Frames that are none: says so, once, without waiting for room. */
static void
refuse_frames(SkWebSocket *self)
{
    wslay_event_queue_close(self->frames, WSLAY_CODE_PROTOCOL_ERROR, NULL, 0);
    wslay_event_send(self->frames);
}

/* Sends and receives what can be; FALSE when the connection is over. */
static gboolean
move(SkWebSocket *self, gboolean readable)
{
    if (readable && wslay_event_want_read(self->frames) && wslay_event_recv(self->frames) != 0) {
        if (!self->gone)
            refuse_frames(self);
        return FALSE;
    }
    if (self->pings > MAX_PINGS)
        return FALSE;
    if (wslay_event_want_write(self->frames) && wslay_event_send(self->frames) != 0)
        return FALSE;
    return wslay_event_want_read(self->frames) || wslay_event_want_write(self->frames);
}

static void
go_on(SkWebSocket *self, gboolean readable)
{
    if (self->upgrade == NULL)
        return;
    gsize before = wslay_event_get_queued_msg_length(self->frames);
    self->turn = TURN_BYTES;
    if (!move(self, readable)) {
        lost(self);
        return;
    }
    gboolean waits = wslay_event_want_write(self->frames);
    self->pings = waits ? self->pings : 0;
    watch(self, G_IO_IN | (waits ? G_IO_OUT : 0));
    if (before > 0 && !waits && !self->closing && self->funcs->drained != NULL)
        self->funcs->drained(self->data);
}

static gboolean
on_ready(gint fd, GIOCondition condition, gpointer data)
{
    go_on(data, (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)) != 0);
    return G_SOURCE_CONTINUE;
}

/* -- pings ------------------------------------------------------------------------------------------------- */

/* Two of these without a word from the client: it is gone. */
static gboolean
on_heartbeat(gpointer data)
{
    SkWebSocket *self = data;
    const struct wslay_event_msg ping = { .opcode = WSLAY_PING };
    if (self->pinged) {
        self->timer = 0;
        lost(self);
        return G_SOURCE_REMOVE;
    }
    self->pinged = TRUE;
    if (wslay_event_queue_msg(self->frames, &ping) == 0)
        go_on(self, FALSE);
    return self->upgrade != NULL ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
on_goodbye_late(gpointer data)
{
    SkWebSocket *self = data;
    self->timer = 0;
    lost(self);
    return G_SOURCE_REMOVE;
}

/* -- use --------------------------------------------------------------------------------------------------- */

static void
on_upgrade(void *cls, struct MHD_Connection *mhd, void *context, const char *extra, size_t extra_size, MHD_socket fd,
           struct MHD_UpgradeResponseHandle *upgrade)
{
    SkRestRequest *request = context;
    SkWebSocket *self = cls;
    if (request == NULL || request->stream == NULL) {
        MHD_upgrade_action(upgrade, MHD_UPGRADE_ACTION_CLOSE);
        return;
    }
    self->fd = fd;
    self->upgrade = upgrade;
    self->timer = g_timeout_add_seconds(request->rest->settings.heartbeat, on_heartbeat, self);
    if (extra_size > 0) {
        self->early = g_byte_array_new();
        g_byte_array_append(self->early, (const guint8 *) extra, (guint) extra_size);
    }
    if (self->funcs->open != NULL)
        self->funcs->open(self->data);
    go_on(self, TRUE);
}

SkWebSocket *
sk_websocket_accept(SkRestRequest *request, const char *protocol, const SkWebSocketFuncs *funcs, gpointer data, GError **error)
{
    static const struct wslay_event_callbacks callbacks = { .recv_callback = on_recv, .send_callback = on_send,
                                                            .on_msg_recv_callback = on_message };
    if (!check_handshake(request, error))
        return NULL;
    SkWebSocket *self = g_new0(SkWebSocket, 1);
    self->funcs = funcs;
    self->data = data;
    self->request = request;
    self->fd = -1;
    if (wslay_event_context_server_init(&self->frames, &callbacks, self) != 0)
        g_error("out of memory for a WebSocket");
    wslay_event_config_set_max_recv_msg_length(self->frames, request->rest->settings.max_message);

    g_autofree char *accept = sk_websocket_accept_key(sk_rest_request_header(request, "Sec-WebSocket-Key"));
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, self);
    MHD_add_response_header(response, "Upgrade", "websocket");
    MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    if (protocol != NULL && has_word(sk_rest_request_header(request, "Sec-WebSocket-Protocol"), protocol))
        MHD_add_response_header(response, "Sec-WebSocket-Protocol", protocol);
    sk_rest_answer_response(request, MHD_HTTP_SWITCHING_PROTOCOLS, response);
    return self;
}

void
sk_websocket_send(SkWebSocket *self, gboolean text, const void *bytes, gsize length)
{
    const struct wslay_event_msg message = { .opcode = text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, .msg = bytes, .msg_length = length };
    if (self->closing)
        return;
    if (wslay_event_queue_msg(self->frames, &message) != 0)
        return; /* the client has said goodbye: it does not read any more */
    if (self->upgrade != NULL)
        watch(self, G_IO_IN | G_IO_OUT);
}

gsize
sk_websocket_queued(const SkWebSocket *self)
{
    return wslay_event_get_queued_msg_length(self->frames);
}

void
sk_websocket_close(SkWebSocket *self, guint code, const char *reason)
{
    if (self->closing)
        return;
    self->closing = TRUE;
    wslay_event_queue_close(self->frames, (uint16_t) code, (const uint8_t *) reason, MIN(strlen(reason), 120));
    if (self->upgrade == NULL)
        return;
    g_clear_handle_id(&self->timer, g_source_remove);
    if (self->request->rest->closing) {
        move(self, FALSE);
        let_go(self);
        return;
    }
    self->timer = g_timeout_add((guint) (CLOSE_USEC / 1000), on_goodbye_late, self);
    watch(self, G_IO_IN | G_IO_OUT);
}
