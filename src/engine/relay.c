/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Passing bytes on between sockets. */
#include "engine/relay.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"

#define BUFFER_BYTES (256 * 1024)

/* What goes one way, from fds[i] to fds[1 - i]. */
typedef struct {
    char *bytes;
    gsize start, end;
    gboolean over;          /* nothing more comes */
} Way;

typedef struct {
    gint fds[2];
    Way ways[2];
} Pair;

struct SkRelay {
    gint listener;
    SkRelayReach reach;
    gpointer data;
    GThread *thread;
    gint wake;              /* eventfd */
    gint stop;              /* atomic */
    GMutex lock;
    GPtrArray *fresh;       /* Pair, under lock: to be taken by the thread */
    GPtrArray *pairs;       /* Pair; the thread's own */
};

/* -- pairs ---------------------------------------------------------------------------------------------------------- */

static void
free_pair(gpointer data)
{
    Pair *self = data;
    for (guint i = 0; i < 2; i++) {
        sk_fd_clear(&self->fds[i]);
        g_free(self->ways[i].bytes);
    }
    g_free(self);
}

static Pair *
new_pair(gint one, gint other)
{
    Pair *self = g_new0(Pair, 1);
    self->fds[0] = one;
    self->fds[1] = other;
    for (guint i = 0; i < 2; i++) {
        g_unix_set_fd_nonblocking(self->fds[i], TRUE, NULL);
        self->ways[i].bytes = g_malloc(BUFFER_BYTES);
    }
    return self;
}

static gboolean
is_transient(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* FALSE: the pair is broken. */
static gboolean
fill(Pair *self, guint i)
{
    Way *way = &self->ways[i];
    gssize n = recv(self->fds[i], way->bytes, BUFFER_BYTES, MSG_DONTWAIT);
    if (n < 0)
        return is_transient();
    way->start = 0;
    way->end = (gsize) n;
    way->over = n == 0;
    if (n == 0)
        shutdown(self->fds[1 - i], SHUT_WR);
    return TRUE;
}

static gboolean
drain(Pair *self, guint i)
{
    Way *way = &self->ways[i];
    gssize n = send(self->fds[1 - i], way->bytes + way->start, way->end - way->start, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return is_transient();
    way->start += (gsize) n;
    return TRUE;
}

/* What a pair waits for: of each socket, to read what goes from it, and to write what goes to it. */
static void
wish(const Pair *self, struct pollfd *out)
{
    for (guint i = 0; i < 2; i++) {
        const Way *from = &self->ways[i], *to = &self->ways[1 - i];
        short events = (short) ((!from->over && from->start == from->end ? POLLIN : 0) | (to->start < to->end ? POLLOUT : 0));
        out[i] = (struct pollfd){ .fd = events != 0 ? self->fds[i] : -1, .events = events };
    }
}

/* FALSE: it has ended. */
static gboolean
pump(Pair *self, const struct pollfd *found)
{
    for (guint i = 0; i < 2; i++) {
        const short seen = found[i].revents;
        if (found[i].fd < 0)
            continue;
        if ((found[i].events & POLLIN) != 0 && (seen & (POLLIN | POLLHUP | POLLERR)) != 0 && !fill(self, i))
            return FALSE;
        if ((found[i].events & POLLOUT) != 0 && (seen & (POLLOUT | POLLHUP | POLLERR)) != 0 && !drain(self, 1 - i))
            return FALSE;
    }
    return !self->ways[0].over || !self->ways[1].over;
}

/* -- the thread ------------------------------------------------------------------------------------------------------ */

static void
take_fresh(SkRelay *self)
{
    guint64 count;
    if (read(self->wake, &count, sizeof count) < 0 && !is_transient())
        g_warning("cannot read an eventfd: %s, continuing", g_strerror(errno));
    g_mutex_lock(&self->lock);
    while (self->fresh->len > 0)
        g_ptr_array_add(self->pairs, g_ptr_array_steal_index(self->fresh, 0));
    g_mutex_unlock(&self->lock);
}

static void
take_connection(SkRelay *self)
{
    g_auto(SkFd) fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC);
    g_auto(SkFd) other = fd >= 0 ? self->reach(self->data) : SK_FD_NONE;
    if (other >= 0)
        g_ptr_array_add(self->pairs, new_pair(sk_fd_steal(&fd), sk_fd_steal(&other)));
}

static void
look(SkRelay *self, GArray *polls)
{
    const guint count = self->pairs->len;
    g_array_set_size(polls, 2 + 2 * count);
    struct pollfd *found = (struct pollfd *) (gpointer) polls->data;
    found[0] = (struct pollfd){ .fd = self->wake, .events = POLLIN };
    found[1] = (struct pollfd){ .fd = self->listener, .events = POLLIN };
    for (guint i = 0; i < count; i++)
        wish(self->pairs->pdata[i], found + 2 + 2 * i);
    if (poll(found, polls->len, -1) < 0)
        return;
    for (guint i = count; i > 0; i--) {
        if (!pump(self->pairs->pdata[i - 1], found + 2 * i))
            g_ptr_array_remove_index(self->pairs, i - 1);
    }
    if (found[0].revents != 0)
        take_fresh(self);
    if (found[1].fd >= 0 && found[1].revents != 0)
        take_connection(self);
}

static gpointer
relay_thread(gpointer data)
{
    SkRelay *self = data;
    g_autoptr(GArray) polls = g_array_new(FALSE, TRUE, sizeof(struct pollfd));
    while (!g_atomic_int_get(&self->stop))
        look(self, polls);
    return NULL;
}

static void
wake(SkRelay *self)
{
    const guint64 one = 1;
    if (write(self->wake, &one, sizeof one) < 0)
        g_warning("cannot wake a thread: %s, continuing", g_strerror(errno));
}

SkRelay *
sk_relay_new(gint listener, SkRelayReach reach, gpointer data)
{
    SkRelay *self = g_new0(SkRelay, 1);
    if (listener >= 0)
        g_unix_set_fd_nonblocking(listener, TRUE, NULL);
    self->listener = listener;
    self->reach = reach;
    self->data = data;
    self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->fresh = g_ptr_array_new_with_free_func(free_pair);
    self->pairs = g_ptr_array_new_with_free_func(free_pair);
    g_mutex_init(&self->lock);
    self->thread = g_thread_new("relay", relay_thread, self);
    return self;
}

void
sk_relay_add(SkRelay *self, gint one, gint other)
{
    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->fresh, new_pair(one, other));
    g_mutex_unlock(&self->lock);
    wake(self);
}

void
sk_relay_free(SkRelay *self)
{
    if (self == NULL)
        return;
    g_atomic_int_set(&self->stop, TRUE);
    wake(self);
    g_thread_join(self->thread);
    g_ptr_array_unref(self->fresh);
    g_ptr_array_unref(self->pairs);
    g_mutex_clear(&self->lock);
    sk_fd_clear(&self->listener);
    sk_fd_clear(&self->wake);
    g_free(self);
}
