/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * The connections that a guest moves over from one host to another: one has QEMU's stream, one the words of the two
 * daemons, others the content of disks. The source makes all of them; the first bytes of each say what it is, with the token that
 * the destination gave: whoever does not know it is not listened to.
 *
 * An address is "tcp:HOST:PORT" or "unix:PATH"; "tcp://HOST:PORT" and "unix://PATH" are understood too.
 */

/* SK_WIRE_CHANNEL: one more that the state is sent over at once. */
typedef enum { SK_WIRE_STATE, SK_WIRE_WORDS, SK_WIRE_DISK, SK_WIRE_CHANNEL, SK_N_WIRES } SkWire;

/* Bytes of the greeting, always. */
#define SK_WIRE_HELLO 40

/* A new token; free with g_free(). Any thread. */
char *sk_wire_token(void);

/* Reads a greeting (SK_WIRE_HELLO bytes): FALSE if it is none, or has another token. Any thread. */
gboolean sk_wire_parse_hello(const char *hello, const char *token, SkWire *out_wire);

/* INVALID if an address cannot be understood. NULL is fine: one will be chosen. Any thread. */
gboolean sk_wire_check(const char *address, GError **error);

/*
 * Listens: at address or, if it is NULL or has no port, at a free TCP port of FIRST_PORT and up. bind (NULL: any) is an IP
 * address. out_address is where a source is to connect: with the host's own name if address has none. The
 * descriptor does not block. -1 on error. Workers.
 */
gint sk_wire_listen(const char *address, const char *bind, char **out_address, GError **error);

/* Connects and greets; the descriptor blocks, and breaks when the peer is silent for long. -1 on error. Workers. */
gint sk_wire_connect(const char *address, const char *token, SkWire wire, GCancellable *cancellable, GError **error);

/* Sends a word and a newline. */
gboolean sk_wire_say(gint fd, const char *word, GError **error);
/* Waits at most timeout_ms for a line of at most 63 bytes; IO if the peer is gone, TIMEOUT. Free with g_free(). Workers. */
char *sk_wire_hear(gint fd, gint timeout_ms, GError **error);

G_END_DECLS
