/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting awake for clients that ask again at once. */
#include "api/common/awake.h"

#include <sched.h>

/* Longer than a client's core takes to be woken up by an answer, with the time the client needs for its next question. */
#define LINGER_US    200
#define TURN_US      2000
#define QUICK_US     300
#define AWAY_US      150        /* a yield that took longer went to others */
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

typedef enum { CAME, NOTHING, CROWDED } Linger;

/*
 * The client may be on this very core, and gets it between looks. So may others, who take it for milliseconds: then to
 * sleep is better, as who wakes up comes first.
 */
static Linger
linger(SkAwakeLook look, gpointer data, gint64 now)
{
    gint64 until = now + LINGER_US, before = now;
    while (now < until && now - before < AWAY_US) {
        if (look(data))
            return CAME;
        before = g_get_monotonic_time();
        sched_yield();
        now = g_get_monotonic_time();
    }
    return now - before < AWAY_US ? NOTHING : CROWDED;
}

void
sk_awake_stay(SkAwake *self, gint64 begin, SkAwakeLook look, gpointer data)
{
    gint64 now;
    while (self->streak >= (guint) STREAK_FIRST << self->misses && (now = g_get_monotonic_time()) < begin + TURN_US) {
        Linger came = linger(look, data, now);
        self->misses = came == CAME ? 0 : came == CROWDED ? MISSES_MOST : MIN(self->misses + 1, MISSES_MOST);
        self->streak = came == CAME ? self->streak : 0;
    }
    sk_awake_end(self);
}

void
sk_awake_end(SkAwake *self)
{
    self->left = g_get_monotonic_time();
}
