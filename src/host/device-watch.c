/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's messages about devices. */
#include "host/device-watch.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"

#define GROUP_KERNEL 1      /* the kernel's own messages, not udev's */

struct SkDeviceWatch {
    gint fd;
    guint source;
    void (*func)(gpointer data);
    gpointer data;
};

/* "add@/devices/...": only the verb matters, as the tree is looked at anew. */
static gboolean
is_news(const char *message, gsize length)
{
    static const char *const verbs[] = { "add@", "remove@", "move@" };
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (length > strlen(verbs[i]) && memcmp(message, verbs[i], strlen(verbs[i])) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    const SkDeviceWatch *self = data;
    gboolean news = FALSE;
    char message[8192];
    (void) condition;
    for (;;) {
        gssize length = recv(fd, message, sizeof message, MSG_DONTWAIT);
        if (length > 0)
            news |= is_news(message, (gsize) length);
        else if (length < 0 && errno == ENOBUFS)
            news = TRUE;
        else
            break;
    }
    if (news)
        self->func(self->data);
    return G_SOURCE_CONTINUE;
}

SkDeviceWatch *
sk_device_watch_new(void (*func)(gpointer data), gpointer data, GError **error)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL };
    sk_assert_main();
    g_auto(SkFd) fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0) {
        sk_fail_errno(error, errno, "cannot hear of the host's devices");
        return NULL;
    }
    SkDeviceWatch *self = g_new0(SkDeviceWatch, 1);
    *self = (SkDeviceWatch) { .func = func, .data = data };
    self->fd = sk_fd_steal(&fd);
    self->source = g_unix_fd_add(self->fd, G_IO_IN, on_readable, self);
    return self;
}

void
sk_device_watch_free(SkDeviceWatch *self)
{
    if (self == NULL)
        return;
    g_source_remove(self->source);
    sk_fd_clear(&self->fd);
    g_free(self);
}
