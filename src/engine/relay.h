/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * A thread that passes bytes on between pairs of connected sockets, both ways, each as fast as the slower of the two: what one host's
 * QEMU and another's say to each other on a connection that the daemons made and greeted on. Any thread.
 */

typedef struct SkRelay SkRelay;

/* On the relay's thread, for a connection that came: the socket it is to be paired with, -1: it is cut. */
typedef gint (*SkRelayReach)(gpointer data);

/*
 * Starts one. listener (taken; -1: none) is a listening socket: whoever connects there is paired with what reach gives. data must live as long as
 * the relay.
 */
SkRelay *sk_relay_new(gint listener, SkRelayReach reach, gpointer data);
/* One more pair; both are taken, and closed when either has ended. */
void sk_relay_add(SkRelay *self, gint one, gint other);
/* Cuts all of it. NULL is fine. */
void sk_relay_free(SkRelay *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkRelay, sk_relay_free)

G_END_DECLS
