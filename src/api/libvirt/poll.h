/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Many descriptors in one source of the main loop, by an epoll descriptor of their own: thousands of idle connections
 * cost the loop nothing. Main thread.
 */

typedef struct SkLvPoll SkLvPoll;

typedef enum { SK_LV_READABLE = 1 << 0, SK_LV_WRITABLE = 1 << 1, SK_LV_HANGUP = 1 << 2 } SkLvPollEvents;

/* What has become of a descriptor; data is that of sk_lv_poll_add(). */
typedef void (*SkLvPollFunc)(gpointer data, guint events);

SkLvPoll *sk_lv_poll_new(SkLvPollFunc func, GError **error);
void sk_lv_poll_free(SkLvPoll *self);
/* events: READABLE, WRITABLE; a hang-up is told in any case. FALSE: the kernel has no room. */
gboolean sk_lv_poll_add(SkLvPoll *self, gint fd, guint events, gpointer data);
void sk_lv_poll_change(SkLvPoll *self, gint fd, guint events, gpointer data);
/* Nothing is told of it any more. Before fd is closed. */
void sk_lv_poll_remove(SkLvPoll *self, gint fd, gpointer data);

G_END_DECLS
