/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>

#include "harness.h"

/* A client that may speak TLS and WebSocket. On a client's thread. */

typedef struct {
    gint fd;
    gnutls_session_t session;       /* NULL: in clear */
    gnutls_certificate_credentials_t credentials;
} Peer;

typedef enum { OVER_UNIX, OVER_TCP, OVER_TLS } PeerWay;

void peer_open(Peer *self, Server *server, PeerWay way);
void peer_close(Peer *self);
void peer_send(Peer *self, const void *bytes, gsize length);
void peer_print(Peer *self, const char *format, ...) G_GNUC_PRINTF(2, 3);
gboolean peer_read(Peer *self, void *bytes, gsize length);
/* A header up to its empty line; free with g_free(). */
char *peer_read_head(Peer *self);
/* A text line without its end; NULL at the end. Free with g_free(). */
char *peer_read_line(Peer *self);

/* Asks path to become a WebSocket; asserts that it does. headers: more lines, or "". */
void ws_open(Peer *self, Server *server, PeerWay way, const char *path, const char *headers);
/* A masked frame; fin: the last of its message. */
void ws_send(Peer *self, guint opcode, gboolean fin, const void *bytes, gsize length);

typedef struct {
    guint opcode;           /* 0: the connection has ended */
    guint8 *bytes;
    gsize length;
} Frame;

/* The next frame that is no ping. Free bytes with g_free(). */
Frame ws_read(Peer *self);
/* Asserts that the next frame is a text, or bytes, with this in it. */
void ws_expect(Peer *self, guint opcode, const char *part);
/* Asserts that the next frames, other ones left aside, end in a close with this code; 0: without one. */
void ws_expect_close(Peer *self, guint code);

#define WS_TEXT 1
#define WS_BINARY 2
#define WS_CLOSE 8
#define WS_PING 9
#define WS_PONG 10
