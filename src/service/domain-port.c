/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports of interfaces. */
#include "service/domain-port.h"

#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "network/tap.h"
#include "service/network.h"

static gboolean
is_limited(const SkBandwidth *bandwidth)
{
    return bandwidth->in_average != 0 || bandwidth->in_peak != 0 || bandwidth->out_average != 0 || bandwidth->out_peak != 0;
}

gboolean
sk_nic_port(SkService *service, const SkInterface *nic, SkNicPort *out, GError **error)
{
    sk_assert_main();
    *out = (SkNicPort){ .vlan = nic->vlan, .openvswitch = nic->openvswitch, .bandwidth = &nic->bandwidth };
    const SkNetwork *network = nic->kind == SK_NIC_NETWORK ? g_tree_lookup(service->networks, nic->network) : NULL;
    if (network == NULL)
        return TRUE;
    const SkNetworkSpec *spec = sk_network_in_force(network);
    const SkPortGroup *group = sk_network_spec_port_group(spec, nic->portgroup);
    if (group == NULL && nic->portgroup != NULL)
        return sk_fail(error, SK_ERROR_NOT_FOUND, "network \"%s\" has no port group \"%s\"", spec->name, nic->portgroup);
    if (group != NULL && !is_limited(out->bandwidth))
        out->bandwidth = &group->bandwidth;
    if (out->vlan == NULL)
        out->vlan = group != NULL && group->vlan != NULL ? group->vlan : spec->vlan;
    if (out->openvswitch == NULL)
        out->openvswitch = group != NULL && group->openvswitch != NULL ? group->openvswitch : spec->openvswitch;
    out->own_bridge = spec->forward != SK_FORWARD_BRIDGE;
    return TRUE;
}

char *
sk_nic_ovs_id(const char *domain_uuid, const char *mac)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 b[20];
    gsize length = sizeof b;
    g_checksum_update(sum, (const guchar *) domain_uuid, -1);
    g_checksum_update(sum, (const guchar *) mac, -1);
    g_checksum_get_digest(sum, b, &length);
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-5%x%02x-8%x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6] & 15, b[7],
                           b[8] & 15, b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void
sk_nic_let_go(const char *tag, const SkInterface *nic)
{
    gboolean alone = nic->kind == SK_NIC_ETHERNET && nic->link_name != NULL;
    sk_assert_worker();
    if (nic->tap != NULL)
        (alone ? sk_network_tap_leave : sk_network_tap_remove)(tag, nic->tap, NULL);
}
