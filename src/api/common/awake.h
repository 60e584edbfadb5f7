/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * A client that asks again as soon as it has its answer is waited for awake: to fall asleep in a poll of all the loop's
 * descriptors and to be woken up takes longer than an answer. Only after a streak of turns that came quickly, with a
 * longer one wanted each time that nothing came, and never for longer than a turn. Main thread.
 */

typedef struct {
    gint64 left;        /* monotonic: the end of the last turn */
    guint streak;       /* turns that came quickly */
    guint misses;       /* times in a row that nothing came */
} SkAwake;              /* zeroed: a new one */

/* Looks without waiting, and does what there is to do; FALSE: nothing. */
typedef gboolean (*SkAwakeLook)(gpointer data);

/* Something has come, and a turn begins. Gives its beginning, monotonic. */
gint64 sk_awake_begin(SkAwake *self);
/* It has been done: looks for more if that seems worth it. begin: of the turn. */
void sk_awake_stay(SkAwake *self, gint64 begin, SkAwakeLook look, gpointer data);
/* Ends the turn without: there is nobody to wait for. */
void sk_awake_end(SkAwake *self);

G_END_DECLS
