/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Following files that others write. */
#include "engine/console/follow.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"

struct SkFollow {
    gint watch;
    SkFollowFunc changed;
    gpointer data;
};

static gint inotify = -1;
static GHashTable *followers;   /* watch to SkFollow */

/* Some events were lost: everybody is to look. */
static void
tell_all(void)
{
    g_autoptr(GList) all = g_hash_table_get_keys(followers);
    for (GList *at = all; at != NULL; at = at->next) {
        SkFollow *follow = g_hash_table_lookup(followers, at->data);
        if (follow != NULL)
            follow->changed(follow->data);
    }
}

static void
take_event(const struct inotify_event *event)
{
    SkFollow *follow = g_hash_table_lookup(followers, GINT_TO_POINTER(event->wd));
    if (event->mask & IN_Q_OVERFLOW)
        tell_all();
    else if (follow != NULL && (event->mask & IN_MODIFY))
        follow->changed(follow->data);
}

static gboolean
read_events(gint fd, GIOCondition condition, gpointer data)
{
    _Alignas(struct inotify_event) char events[4096];
    gssize n = read(fd, events, sizeof events);
    for (gssize at = 0; at < n;) {
        const struct inotify_event *event = (const struct inotify_event *) (gconstpointer) (events + at);
        at += (gssize) (sizeof *event + event->len);
        take_event(event);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
prepare(GError **error)
{
    if (inotify >= 0)
        return TRUE;
    inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (inotify < 0)
        return sk_fail_errno(error, errno, "cannot follow files");
    followers = g_hash_table_new(NULL, NULL);
    g_unix_fd_add(inotify, G_IO_IN, read_events, NULL);
    return TRUE;
}

SkFollow *
sk_follow_new(const char *path, SkFollowFunc changed, gpointer data, GError **error)
{
    sk_assert_main();
    gint watch = prepare(error) ? inotify_add_watch(inotify, path, IN_MODIFY) : -1;
    if (watch < 0) {
        if (inotify >= 0)
            sk_fail_errno(error, errno, "cannot follow \"%s\"", path);
        return NULL;
    }
    SkFollow *self = g_new(SkFollow, 1);
    *self = (SkFollow) { .watch = watch, .changed = changed, .data = data };
    g_hash_table_replace(followers, GINT_TO_POINTER(watch), self);
    return self;
}

void
sk_follow_free(SkFollow *self)
{
    if (self == NULL)
        return;
    inotify_rm_watch(inotify, self->watch);
    g_hash_table_remove(followers, GINT_TO_POINTER(self->watch));
    g_free(self);
}
