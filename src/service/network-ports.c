/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests' links and the bridge they belong to. */
#include "service/network-ports.h"

#include "base/thread.h"
#include "network/netlink/links.h"
#include "network/tap.h"
#include "service/domain-port.h"
#include "service/domain.h"

typedef struct {
    char *tap;
    SkVlan *vlan;
    gboolean own_bridge;
} Port;

static void
free_port(gpointer data)
{
    Port *port = data;
    g_free(port->tap);
    sk_value_free(&sk_vlan_type, port->vlan);
    g_free(port);
}

/* Open vSwitch knows its ports by itself. */
static void
add_port(GPtrArray *ports, SkService *self, const SkInterface *nic)
{
    SkNicPort settings;
    if (!sk_nic_port(self, nic, &settings, NULL) || settings.openvswitch != NULL)
        return;
    Port *port = g_new0(Port, 1);
    *port = (Port){ g_strdup(nic->tap), sk_value_copy(&sk_vlan_type, settings.vlan), settings.own_bridge };
    g_ptr_array_add(ports, port);
}

GPtrArray *
sk_network_ports(SkService *self, const char *network)
{
    GPtrArray *taps = g_ptr_array_new_with_free_func(free_port);
    sk_assert_main();
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
        const SkDomainSpec *live = ((SkDomain *) g_tree_node_value(node))->runtime.live;
        for (guint i = 0; live != NULL && live->interfaces != NULL && i < live->interfaces->len; i++) {
            const SkInterface *nic = live->interfaces->pdata[i];
            if (nic->kind == SK_NIC_NETWORK && nic->tap != NULL && g_strcmp0(nic->network, network) == 0)
                add_port(taps, self, nic);
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
        const Port *port = taps->pdata[i];
        const SkTapSpec spec = { .bridge = bridge, .vlan = port->vlan, .own_bridge = port->own_bridge };
        g_autofree SkLink *link = sk_netlink_link(port->tap, NULL);
        if (link == NULL || link->master == index)
            continue;
        if (sk_network_tap_move(port->tap, &spec, &why))
            connected++;
        else
            g_warning("%s, continuing", why->message);
    }
    return connected;
}
