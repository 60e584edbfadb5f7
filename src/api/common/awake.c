/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting awake for clients that ask again at once. */
#include "api/common/awake.h"

#include <sched.h>

/* Longer than a client's core takes to be woken up by an answer, with the time the client needs for its next question. */
#define LINGER_US    200
#define TURN_US      2000
#define QUICK_US     300
#define STREAK_FIRST 16
#define STREAK_MOST  1024
#define MISSES_MOST  6          /* STREAK_FIRST << it: STREAK_MOST */

gint64
sk_awake_begin(SkAwake *self)
{
    gint64 now = g_get_monotonic_time();
    self->streak = now - self->left < QUICK_US ? MIN(self->streak + 1, STREAK_MOST) : 0;
    return now;
}

/*
 * TRUE: something was there, and is done; FALSE: it has stayed quiet until then. The client may be on this very core, and
 * gets it between looks; but so may others, who take it for so long that to sleep is better: who wakes up comes first.
 */
static gboolean
linger(SkAwakeLook look, gpointer data, gint64 until)
{
    do {
        if (look(data))
            return TRUE;
        sched_yield();
    } while (g_get_monotonic_time() < until);
    return FALSE;
}

void
sk_awake_stay(SkAwake *self, gint64 begin, SkAwakeLook look, gpointer data)
{
    gint64 now;
    while (self->streak >= (guint) STREAK_FIRST << self->misses && (now = g_get_monotonic_time()) < begin + TURN_US) {
        if (linger(look, data, now + LINGER_US)) {
            self->misses = 0;
        } else {
            self->misses = MIN(self->misses + 1, MISSES_MOST);
            self->streak = 0;
        }
    }
    sk_awake_end(self);
}

void
sk_awake_end(SkAwake *self)
{
    self->left = g_get_monotonic_time();
}
