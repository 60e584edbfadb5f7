/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/socket.h>
#include <sys/types.h>

G_BEGIN_DECLS

/*
 * A socket that listens, and the accepting of connections on it: a few at a turn, with a pause when descriptors have
 * run out. On the main loop. Main thread.
 */

typedef struct SkAcceptor SkAcceptor;

/* A client has come: fd (close-on-exec, non-blocking) is the callee's; address lasts for the call. */
typedef void (*SkArrived)(gint fd, const struct sockaddr *address, gpointer data);

/* Takes fd, a socket that listens. */
SkAcceptor *sk_acceptor_new(gint fd, SkArrived arrived, gpointer data);
/*
 * Makes the Unix socket path (an old one is replaced), which is removed with the acceptor. group: whom it is given to, or
 * (gid_t) -1. Without privileges it cannot be given; then root and the daemon's user remain. NULL on error.
 */
SkAcceptor *sk_acceptor_new_unix(const char *path, mode_t mode, gid_t group, SkArrived arrived, gpointer data, GError **error);
void sk_acceptor_free(SkAcceptor *self);

/* The port of a TCP socket; 0 if it has none. */
guint sk_acceptor_port(const SkAcceptor *self);

G_END_DECLS
