/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * A connection to the daemon: a Unix socket, or TLS over TCP. The descriptor does not
 * block; the blocking calls wait for it. One thread.
 */

typedef struct SkStream SkStream;

/* UNREACHABLE if nobody listens there. */
SkStream *sk_stream_open_unix(const char *path, GError **error);

/*
 * The peer's certificate is judged by its SHA-256 fingerprint if one is given, else by the
 * certificates in the file ca, else by the system's.
 */
SkStream *sk_stream_open_tls(const char *host, guint port, const char *ca, const char *fingerprint, GError **error);

/* A connected socket; takes it. For tests and VNC viewers. */
SkStream *sk_stream_new_fd(gint fd);
void sk_stream_free(SkStream *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkStream, sk_stream_free)

/* At least one byte; 0 at the end, -1 on error. */
gssize sk_stream_read(SkStream *self, void *buffer, gsize length, GError **error);
/* As above, but -2 if nothing is there now. */
gssize sk_stream_try_read(SkStream *self, void *buffer, gsize length, GError **error);
/* All of it. */
gboolean sk_stream_write(SkStream *self, const void *data, gsize length, GError **error);

/* Gives bytes back that were read too far; they are read first. */
void sk_stream_unread(SkStream *self, const void *data, gsize length);
/* To poll for reading; look at sk_stream_pending() first. */
gint sk_stream_fd(const SkStream *self);
/* TRUE if bytes can be read without the descriptor being readable. */
gboolean sk_stream_pending(const SkStream *self);
