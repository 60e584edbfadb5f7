/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MHD's epoll descriptor and its time-outs as a source of the main loop. */
#include "api/rest/rest-private.h"

#include <poll.h>

#include "api/common/awake.h"

/* Runs in a row before other sources get their turn: a request takes one or two. */
#define MAX_RUNS 8

typedef struct {
    GSource source;
    struct MHD_Daemon *http;
    gpointer epoll_tag;
    gboolean kicked;        /* the ready time is set */
    gboolean running;       /* MHD is at work: not again from an inner loop */
    gint epoll_fd;
    SkAwake awake;
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

static void
run(HttpSource *self)
{
    guint runs = 0;
    do {
        MHD_run(self->http);
    } while (++runs < MAX_RUNS && time_to_run(self) == 0);
}

static gboolean
look(gpointer data)
{
    HttpSource *self = data;
    struct pollfd epoll = { .fd = self->epoll_fd, .events = POLLIN };
    if (poll(&epoll, 1, 0) <= 0)
        return FALSE;
    run(self);
    return TRUE;
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
    gint64 begin = sk_awake_begin(&self->awake);
    run(self);
    sk_awake_stay(&self->awake, begin, look, self);
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
    self->epoll_fd = MHD_get_daemon_info(http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    self->epoll_tag = g_source_add_unix_fd(source, self->epoll_fd, G_IO_IN);
    g_source_set_static_name(source, "http");
    /* Else GLib takes the descriptor out of its set and back for each dispatch, with two writes to its eventfd. */
    g_source_set_can_recurse(source, TRUE);
    g_source_attach(source, NULL);
    return source;
}
