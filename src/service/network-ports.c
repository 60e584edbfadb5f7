/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests' links and the bridge they belong to. */
#include "service/network-ports.h"

#include "base/thread.h"
#include "network/netlink/links.h"
#include "network/tap.h"
#include "service/domain.h"

GPtrArray *
sk_network_ports(SkService *self, const char *network)
{
    GPtrArray *taps = g_ptr_array_new_with_free_func(g_free);
    sk_assert_main();
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
        const SkDomainSpec *live = ((SkDomain *) g_tree_node_value(node))->runtime.live;
        for (guint i = 0; live != NULL && live->interfaces != NULL && i < live->interfaces->len; i++) {
            const SkInterface *nic = live->interfaces->pdata[i];
            if (nic->kind == SK_NIC_NETWORK && nic->tap != NULL && g_strcmp0(nic->network, network) == 0)
                g_ptr_array_add(taps, g_strdup(nic->tap));
        }
    }
    return taps;
}

guint
sk_network_ports_connect(const GPtrArray *taps, const char *bridge)
{
    guint index = sk_netlink_index(bridge), connected = 0;
    sk_assert_worker();
    for (guint i = 0; i < taps->len; i++) {
        g_autoptr(GError) why = NULL;
        g_autofree SkLink *link = sk_netlink_link(taps->pdata[i], NULL);
        if (link == NULL || link->master == index)
            continue;
        if (sk_network_tap_move(taps->pdata[i], bridge, &why))
            connected++;
        else
            g_warning("%s, continuing", why->message);
    }
    return connected;
}
