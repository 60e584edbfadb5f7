/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MHD's epoll descriptor and its time-outs as a source of the main loop. */
#include "api/rest/rest-private.h"

#include <poll.h>

/* Runs in a row before other sources get their turn: a request takes one or two. */
#define MAX_RUNS 8

/*
 * A client that asks again as soon as it has its answer is waited for awake: to fall asleep in a poll of all the
 * loop's descriptors and to be woken up takes longer than an answer. Only after so many requests that came quickly,
 * with more patience wanted each time that none came, and never for longer than a turn.
 */
#define LINGER_US    50
#define TURN_US      2000
#define QUICK_US     200
#define STREAK_FIRST 16
#define STREAK_MOST  65536

typedef struct {
    GSource source;
    struct MHD_Daemon *http;
    gpointer epoll_tag;
    gboolean kicked;        /* the ready time is set */
    gboolean running;       /* MHD is at work: not again from an inner loop */
    gint epoll_fd;
    gint64 left;            /* monotonic: the end of the last turn */
    guint streak, wanted;   /* turns that came quickly, and how many it takes to linger */
} HttpSource;

/* Milliseconds until MHD wants to run by itself; -1: not at all. */
static gint
time_to_run(HttpSource *self)
{
    MHD_UNSIGNED_LONG_LONG wait;
    if (MHD_get_timeout(self->http, &wait) != MHD_YES)
        return -1;
    return (gint) MIN(wait, (MHD_UNSIGNED_LONG_LONG) G_MAXINT);
}

static gboolean
prepare(GSource *source, gint *timeout)
{
    HttpSource *self = (HttpSource *) source;
    *timeout = self->running ? -1 : time_to_run(self);
    return *timeout == 0;
}

static gboolean
check(GSource *source)
{
    HttpSource *self = (HttpSource *) source;
    return !self->running && (g_source_query_unix_fd(source, self->epoll_tag) != 0 || time_to_run(self) == 0);
}

/* TRUE: there is something to do; FALSE: it has stayed quiet until then. */
static gboolean
linger(const HttpSource *self, gint64 until)
{
    struct pollfd epoll = { .fd = self->epoll_fd, .events = POLLIN };
    do {
        if (poll(&epoll, 1, 0) > 0)
            return TRUE;
    } while (g_get_monotonic_time() < until);
    return FALSE;
}

static void
run(HttpSource *self)
{
    guint runs = 0;
    do {
        MHD_run(self->http);
    } while (++runs < MAX_RUNS && time_to_run(self) == 0);
}

/* Runs, and goes on as long as requests come one upon the other. */
static void
take_turn(HttpSource *self)
{
    gint64 now = g_get_monotonic_time(), end = now + TURN_US;
    self->streak = now - self->left < QUICK_US ? MIN(self->streak + 1, STREAK_MOST) : 0;
    run(self);
    while (self->streak >= self->wanted && (now = g_get_monotonic_time()) < end) {
        if (linger(self, now + LINGER_US)) {
            self->wanted = STREAK_FIRST;
            run(self);
        } else {
            self->wanted = MIN(self->wanted * 2, STREAK_MOST);
            self->streak = 0;
        }
    }
    self->left = g_get_monotonic_time();
}

static gboolean
dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    HttpSource *self = (HttpSource *) source;
    if (self->running)
        return G_SOURCE_CONTINUE;
    self->running = TRUE;
    /* Not each time: it writes to the loop's eventfd. */
    if (self->kicked)
        g_source_set_ready_time(source, -1);
    self->kicked = FALSE;
    take_turn(self);
    self->running = FALSE;
    return G_SOURCE_CONTINUE;
}

void
sk_http_source_kick(GSource *source)
{
    HttpSource *self = (HttpSource *) source;
    if (!self->kicked)
        g_source_set_ready_time(source, 0);
    self->kicked = TRUE;
}

GSource *
sk_http_source_new(struct MHD_Daemon *http)
{
    static GSourceFuncs funcs = { .prepare = prepare, .check = check, .dispatch = dispatch };
    GSource *source = g_source_new(&funcs, sizeof(HttpSource));
    HttpSource *self = (HttpSource *) source;
    self->http = http;
    self->wanted = STREAK_FIRST;
    self->epoll_fd = MHD_get_daemon_info(http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    self->epoll_tag = g_source_add_unix_fd(source, self->epoll_fd, G_IO_IN);
    g_source_set_static_name(source, "http");
    /* Else GLib takes the descriptor out of its set and back for each dispatch, with two writes to its eventfd. */
    g_source_set_can_recurse(source, TRUE);
    g_source_attach(source, NULL);
    return source;
}
