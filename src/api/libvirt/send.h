/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/private.h"

/* Between connection.c and send.c. Main thread. */

/* Sends what the socket takes; room for more calls or stream data is told of. */
void sk_lv_connection_flush(SkLvConnection *self);
/* Forgets what is to be sent. */
void sk_lv_connection_drop_packets(SkLvConnection *self);
/* Waits for what can be done now: reading, writing. */
void sk_lv_connection_watch(SkLvConnection *self);
/* SkLvPollFunc. */
void sk_lv_connection_on_events(gpointer data, guint events);
