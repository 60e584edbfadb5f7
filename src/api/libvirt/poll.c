/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One epoll descriptor for all connections. */
#include "api/libvirt/poll.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "api/common/awake.h"
#include "base/error.h"

/* Told before other sources get their turn. */
#define BATCH 64

struct SkLvPoll {
    gint epoll;
    GSource *source;
    SkLvPollFunc func;
    struct epoll_event events[BATCH];
    gint n_events;
    SkAwake awake;
};

typedef struct {
    GSource source;
    SkLvPoll *poll;
} PollSource;

static guint
told(guint32 events)
{
    return ((events & EPOLLIN) != 0 ? SK_LV_READABLE : 0u) | ((events & EPOLLOUT) != 0 ? SK_LV_WRITABLE : 0u) |
           ((events & (EPOLLHUP | EPOLLERR)) != 0 ? SK_LV_HANGUP : 0u);
}

/* Tells what has become of descriptors, without waiting; gives how many there were. */
static gint
tell(SkLvPoll *self)
{
    gint n = epoll_wait(self->epoll, self->events, BATCH, 0);
    self->n_events = n;
    for (gint i = 0; i < self->n_events; i++) {
        /* Removed by what was told before it. */
        if (self->events[i].data.ptr != NULL)
            self->func(self->events[i].data.ptr, told(self->events[i].events));
    }
    self->n_events = 0;
    return n;
}

static gboolean
look(gpointer data)
{
    return tell(data) > 0;
}

static gboolean
dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    SkLvPoll *self = ((PollSource *) source)->poll;
    (void) callback, (void) data;
    gint64 begin = sk_awake_begin(&self->awake);
    /* Several at once need no waiting for: while one is answered the next comes. */
    if (tell(self) == 1)
        sk_awake_stay(&self->awake, begin, look, self);
    else
        sk_awake_end(&self->awake);
    return G_SOURCE_CONTINUE;
}

SkLvPoll *
sk_lv_poll_new(SkLvPollFunc func, GError **error)
{
    static GSourceFuncs funcs = { .dispatch = dispatch };
    gint epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) {
        sk_fail_errno(error, errno, "cannot make an epoll descriptor");
        return NULL;
    }
    SkLvPoll *self = g_new0(SkLvPoll, 1);
    self->epoll = epoll;
    self->func = func;
    self->source = g_source_new(&funcs, sizeof(PollSource));
    ((PollSource *) self->source)->poll = self;
    g_source_add_unix_fd(self->source, epoll, G_IO_IN);
    g_source_set_static_name(self->source, "libvirt");
    g_source_set_can_recurse(self->source, TRUE);
    g_source_attach(self->source, NULL);
    return self;
}

void
sk_lv_poll_free(SkLvPoll *self)
{
    if (self == NULL)
        return;
    g_source_destroy(self->source);
    g_source_unref(self->source);
    close(self->epoll);
    g_free(self);
}

static gboolean
control(SkLvPoll *self, gint what, gint fd, guint events, gpointer data)
{
    struct epoll_event event = { .data.ptr = data };
    event.events = ((events & SK_LV_READABLE) != 0 ? (guint32) EPOLLIN : 0) | ((events & SK_LV_WRITABLE) != 0 ? (guint32) EPOLLOUT : 0);
    return epoll_ctl(self->epoll, what, fd, &event) == 0;
}

gboolean
sk_lv_poll_add(SkLvPoll *self, gint fd, guint events, gpointer data)
{
    return control(self, EPOLL_CTL_ADD, fd, events, data);
}

void
sk_lv_poll_change(SkLvPoll *self, gint fd, guint events, gpointer data)
{
    control(self, EPOLL_CTL_MOD, fd, events, data);
}

void
sk_lv_poll_remove(SkLvPoll *self, gint fd, gpointer data)
{
    control(self, EPOLL_CTL_DEL, fd, 0, NULL);
    for (gint i = 0; i < self->n_events; i++) {
        if (self->events[i].data.ptr == data)
            self->events[i].data.ptr = NULL;
    }
}
