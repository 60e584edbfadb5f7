/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rtnetlink's group of links, on the main loop. */
#include "network/link-watch.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "network/netlink/attr.h"

struct SkLinkWatch {
    SkLinkWatchFunc func;
    gpointer data;
    gint fd;
    guint source;
};

typedef struct {
    char name[IFNAMSIZ];
} LinkName;

static const SkNlAttr name_table[] = { SK_NL_ATTR(IFLA_IFNAME, STRING, LinkName, name), { 0 } };

/* Ports tell of themselves to bridges too (AF_BRIDGE): that one left its bridge is not its end. */
static int
on_message(const struct nlmsghdr *message, void *data)
{
    const SkLinkWatch *self = data;
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    LinkName link = { 0 };
    if ((message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) || header->ifi_family != AF_UNSPEC)
        return MNL_CB_OK;
    sk_nl_decode(message, sizeof *header, name_table, &link);
    if (link.name[0] != '\0')
        self->func(link.name, message->nlmsg_type == RTM_NEWLINK, self->data);
    return MNL_CB_OK;
}

/* Takes what there is, but not without end: guests may come and go by the hundred. */
static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    enum { MOST = 64 };
    SkLinkWatch *self = data;
    union {
        struct nlmsghdr header;
        guint8 bytes[32768];
    } buffer;
    (void) condition;
    for (guint i = 0; i < MOST; i++) {
        gssize length = recv(fd, &buffer, sizeof buffer, MSG_DONTWAIT);
        if (length > 0)
            mnl_cb_run(&buffer, (gsize) length, 0, 0, on_message, self);
        else if (length < 0 && errno == ENOBUFS)
            self->func(NULL, TRUE, self->data);
        else
            break;
    }
    return G_SOURCE_CONTINUE;
}

SkLinkWatch *
sk_link_watch_new(SkLinkWatchFunc func, gpointer data, GError **error)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
    sk_assert_main();
    g_auto(SkFd) fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0) {
        sk_fail_errno(error, errno, "cannot hear of the host's links");
        return NULL;
    }
    SkLinkWatch *self = g_new0(SkLinkWatch, 1);
    *self = (SkLinkWatch){ .func = func, .data = data };
    self->fd = sk_fd_steal(&fd);
    self->source = g_unix_fd_add(self->fd, G_IO_IN, on_readable, self);
    return self;
}

void
sk_link_watch_free(SkLinkWatch *self)
{
    if (self == NULL)
        return;
    g_source_remove(self->source);
    sk_fd_clear(&self->fd);
    g_free(self);
}
