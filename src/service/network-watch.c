/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dnsmasq and the bridge of an active network are missed when they end, and made again. */
#include <glib-unix.h>

#include "base/fs.h"
#include "network/link-watch.h"
#include "service/network.h"

/* One that keeps ending is tried again after 0, 2, 4 ... seconds, at most a minute. */
#define CALM_US    (60 * G_USEC_PER_SEC)
#define MOST_PAUSE 60

static gboolean
on_time(gpointer data)
{
    SkNetwork *network = data;
    network->mend_timer = 0;
    sk_network_mend(network);
    return G_SOURCE_REMOVE;
}

void
sk_network_mend_later(SkNetwork *self)
{
    gint64 now = g_get_monotonic_time();
    self->mends = self->mended_at != 0 && now - self->mended_at < CALM_US ? self->mends + 1 : 0;
    self->mended_at = now;
    guint pause = self->mends == 0 ? 0 : MIN(1u << MIN(self->mends, 6), MOST_PAUSE);
    if (self->mend_timer == 0)
        self->mend_timer = g_timeout_add_seconds(pause, on_time, self);
}

static gboolean
on_end(gint fd, GIOCondition condition, gpointer data)
{
    (void) fd;
    (void) condition;
    SkNetwork *network = data;
    network->dnsmasq_watch = 0;
    sk_fd_clear(&network->dnsmasq);
    sk_network_mend_later(network);
    return G_SOURCE_REMOVE;
}

void
sk_network_watch_dnsmasq(SkNetwork *self, gint pidfd)
{
    sk_network_unwatch_dnsmasq(self);
    if (pidfd < 0)
        return;
    self->dnsmasq = pidfd;
    self->dnsmasq_watch = g_unix_fd_add(pidfd, G_IO_IN, on_end, self);
}

void
sk_network_unwatch_dnsmasq(SkNetwork *self)
{
    if (self->dnsmasq_watch != 0) {
        g_clear_handle_id(&self->dnsmasq_watch, g_source_remove);
        sk_fd_clear(&self->dnsmasq);
    }
    g_clear_handle_id(&self->mend_timer, g_source_remove);
}

/* -- bridges ------------------------------------------------------------------------------------------------------- */

/* It is back before its time: no pause any more. */
static void
mend_now(SkNetwork *network)
{
    g_clear_handle_id(&network->mend_timer, g_source_remove);
    network->mends = 0;
    sk_network_mend(network);
}

/* A bridge of ours that is gone is made again; one of the host's is waited for. */
static void
on_link(const char *name, gboolean there, gpointer data)
{
    SkService *self = data;
    for (GTreeNode *node = g_tree_node_first(self->networks); node != NULL; node = g_tree_node_next(node)) {
        SkNetwork *network = g_tree_node_value(node);
        if (!network->status.active || network->stopping || (name != NULL && g_strcmp0(name, sk_network_in_force(network)->bridge) != 0))
            continue;
        if (!there || name == NULL)
            sk_network_mend_later(network);
        else if (network->status.message != NULL)
            mend_now(network);
    }
}

void
sk_service_watch_bridges(SkService *self)
{
    g_autoptr(GError) why = NULL;
    self->link_watch = sk_link_watch_new(on_link, self, &why);
    if (self->link_watch == NULL)
        g_warning("%s: bridges that go are not missed, continuing", why->message);
}
