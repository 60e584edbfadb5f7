/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS and WebSocket for clients of the tests. */
#include "peer.h"

#include <string.h>
#include <unistd.h>

/* -- bytes ------------------------------------------------------------------------------------------------ */

static void
begin_tls(Peer *self)
{
    g_assert_cmpint(gnutls_certificate_allocate_credentials(&self->credentials), ==, 0);
    g_assert_cmpint(gnutls_init(&self->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), ==, 0);
    gnutls_set_default_priority(self->session);
    gnutls_credentials_set(self->session, GNUTLS_CRD_CERTIFICATE, self->credentials);
    gnutls_transport_set_int(self->session, self->fd);
    gint result;
    do {
        result = gnutls_handshake(self->session);
    } while (result < 0 && gnutls_error_is_fatal(result) == 0);
    g_assert_cmpint(result, ==, 0);
}

void
peer_open(Peer *self, Server *server, PeerWay way)
{
    memset(self, 0, sizeof *self);
    if (way == OVER_UNIX)
        self->fd = client_connect(server);
    else
        self->fd = client_connect_tcp(way == OVER_TLS ? (gint) sk_rest_port(server->rest) : server->plain_port);
    if (way == OVER_TLS)
        begin_tls(self);
}

void
peer_close(Peer *self)
{
    if (self->session != NULL) {
        gnutls_bye(self->session, GNUTLS_SHUT_WR);
        gnutls_deinit(self->session);
        gnutls_certificate_free_credentials(self->credentials);
    }
    close(self->fd);
}

void
peer_send(Peer *self, const void *bytes, gsize length)
{
    const guint8 *at = bytes;
    while (self->session != NULL && length > 0) {
        gssize sent = gnutls_record_send(self->session, at, length);
        if (sent < 0 && gnutls_error_is_fatal((gint) sent) == 0)
            continue;
        if (sent <= 0)
            return;
        at += sent;
        length -= (gsize) sent;
    }
    if (self->session == NULL)
        client_send(self->fd, bytes, length);
}

void
peer_print(Peer *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    peer_send(self, text, strlen(text));
}

gboolean
peer_read(Peer *self, void *bytes, gsize length)
{
    guint8 *at = bytes;
    if (self->session == NULL)
        return client_read(self->fd, bytes, length);
    while (length > 0) {
        gssize got = gnutls_record_recv(self->session, at, length);
        if (got < 0 && gnutls_error_is_fatal((gint) got) == 0)
            continue;
        if (got <= 0)
            return FALSE;
        at += got;
        length -= (gsize) got;
    }
    return TRUE;
}

char *
peer_read_head(Peer *self)
{
    GString *head = g_string_new(NULL);
    char byte;
    while (!g_str_has_suffix(head->str, "\r\n\r\n") && peer_read(self, &byte, 1))
        g_string_append_c(head, byte);
    return g_string_free(head, FALSE);
}

char *
peer_read_line(Peer *self)
{
    GString *line = g_string_new(NULL);
    char byte = 0;
    while (peer_read(self, &byte, 1) && byte != '\n')
        g_string_append_c(line, byte);
    if (line->len == 0 && byte != '\n')
        return g_string_free(line, TRUE);
    return g_strchomp(g_string_free(line, FALSE));
}

/* -- WebSocket ----------------------------------------------------------------------------------------------- */

void
ws_open(Peer *self, Server *server, PeerWay way, const char *path, const char *headers)
{
    peer_open(self, server, way);
    peer_print(self,
               "GET %s HTTP/1.1\r\nHost: skep\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n%s\r\n",
               path, server->admin, headers);
    g_autofree char *head = peer_read_head(self);
    if (!g_str_has_prefix(head, "HTTP/1.1 101"))
        g_error("no WebSocket: %s", head);
    g_assert_nonnull(strstr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
}

void
ws_send(Peer *self, guint opcode, gboolean fin, const void *bytes, gsize length)
{
    static const guint8 mask[4] = { 0x12, 0x34, 0x56, 0x78 };
    g_autoptr(GByteArray) frame = g_byte_array_new();
    guint8 head[4] = { (guint8) (opcode | (fin ? 0x80 : 0)), (guint8) (0x80 | MIN(length, 126)), (guint8) (length >> 8), (guint8) length };
    g_assert_cmpuint(length, <, 65536);
    g_byte_array_append(frame, head, length < 126 ? 2 : 4);
    g_byte_array_append(frame, mask, 4);
    for (gsize i = 0; i < length; i++) {
        guint8 byte = ((const guint8 *) bytes)[i] ^ mask[i % 4];
        g_byte_array_append(frame, &byte, 1);
    }
    peer_send(self, frame->data, frame->len);
}

static Frame
read_frame(Peer *self)
{
    Frame frame = { 0 };
    guint8 head[2], more[8];
    if (!peer_read(self, head, 2))
        return frame;
    g_assert_true(head[0] & 0x80);   /* the server does not split messages */
    g_assert_false(head[1] & 0x80);  /* nor mask them */
    guint extra = head[1] < 126 ? 0 : head[1] == 126 ? 2 : 8;
    g_assert_true(peer_read(self, more, extra));
    for (guint i = 0; i < extra; i++)
        frame.length = frame.length << 8 | more[i];
    frame.length = extra == 0 ? head[1] : frame.length;
    frame.bytes = g_malloc0(frame.length + 1);
    if (!peer_read(self, frame.bytes, frame.length)) {
        g_clear_pointer(&frame.bytes, g_free);
        return frame;
    }
    frame.opcode = head[0] & 15;
    return frame;
}

Frame
ws_read(Peer *self)
{
    Frame frame = read_frame(self);
    while (frame.opcode == WS_PING) {
        ws_send(self, WS_PONG, TRUE, frame.bytes, frame.length);
        g_free(frame.bytes);
        frame = read_frame(self);
    }
    return frame;
}

void
ws_expect(Peer *self, guint opcode, const char *part)
{
    Frame frame = ws_read(self);
    if (frame.opcode != opcode || strstr((char *) frame.bytes, part) == NULL)
        g_error("frame %u \"%s\", not %u with \"%s\"", frame.opcode, frame.bytes, opcode, part);
    g_free(frame.bytes);
}

void
ws_expect_close(Peer *self, guint code)
{
    Frame frame = ws_read(self);
    while (frame.opcode != WS_CLOSE && frame.opcode != 0) {
        g_free(frame.bytes);
        frame = ws_read(self);
    }
    g_assert_cmpuint(frame.opcode, ==, WS_CLOSE);
    g_assert_cmpuint(frame.length < 2 ? 0 : (guint) frame.bytes[0] << 8 | frame.bytes[1], ==, code);
    g_free(frame.bytes);
}
