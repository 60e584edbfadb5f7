/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the interfaces of a definition may be called and get, seen beside everybody else's. */
#include "service/domain-addresses.h"

#include <string.h>

#include "base/error.h"
#include "network/subnet.h"
#include "service/network.h"

/* However it is written: "fd00::1" is "fd00:0::1". */
static gboolean
same_address(const char *one, const char *other)
{
    if (one == NULL || other == NULL || (strchr(one, ':') != NULL) != (strchr(other, ':') != NULL))
        return FALSE;
    const char *bits = strchr(one, ':') != NULL ? "/128" : "/32";
    g_autofree char *first = g_strconcat(one, bits, NULL), *second = g_strconcat(other, bits, NULL);
    return sk_subnet_overlaps(first, second);
}

/* Only one family is compared: callers ask for each. */
static const char *
address_of(const SkInterface *nic, gboolean six)
{
    return six ? nic->ipv6 : nic->ipv4;
}

static gboolean
check_in_subnet(const SkNetworkSpec *network, const char *address, gboolean six, GError **error)
{
    const char *subnet = six ? network->ipv6 : network->ipv4;
    const char *bits = six ? "/128" : "/32";
    g_autofree char *single = g_strconcat(address, bits, NULL);
    if (subnet == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" cannot be given: network \"%s\" has no %s subnet of ours", six ? "ipv6" : "ipv4", address,
                       network->name, six ? "IPv6" : "IPv4");
    if (!sk_subnet_overlaps(single, subnet))
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" is not in the subnet %s of network \"%s\"", six ? "ipv6" : "ipv4", address, subnet,
                       network->name);
    g_autofree char *host = sk_subnet_address(subnet);
    if (same_address(address, host))
        return sk_fail(error, SK_ERROR_EXISTS, "%s \"%s\" is the host's own address on network \"%s\"", six ? "ipv6" : "ipv4", address, network->name);
    return TRUE;
}

static gboolean
check_fixed_hosts(const SkNetworkSpec *network, const SkInterface *nic, const char *address, GError **error)
{
    for (guint i = 0; network->hosts != NULL && i < network->hosts->len; i++) {
        const SkNetworkHost *host = network->hosts->pdata[i];
        if (same_address(host->ip, address) && g_ascii_strcasecmp(host->mac, nic->mac) != 0)
            return sk_fail(error, SK_ERROR_EXISTS, "address \"%s\" is kept for the host \"%s\" of network \"%s\"", address,
                           host->name != NULL ? host->name : host->mac, network->name);
    }
    return TRUE;
}

/* Against the interfaces of one definition, which may be the one it is in. */
static gboolean
check_against(const SkDomainSpec *other, const SkInterface *nic, GError **error)
{
    for (guint i = 0; other->interfaces != NULL && i < other->interfaces->len; i++) {
        const SkInterface *theirs = other->interfaces->pdata[i];
        if (theirs == nic)
            continue;
        if (g_ascii_strcasecmp(theirs->mac, nic->mac) == 0)
            return sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" has the MAC address \"%s\" already", other->name, nic->mac);
        if (nic->kind != SK_NIC_NETWORK || theirs->kind != SK_NIC_NETWORK || g_strcmp0(nic->network, theirs->network) != 0)
            continue;
        for (guint six = 0; six < 2; six++) {
            if (same_address(address_of(nic, six), address_of(theirs, six)))
                return sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" has the address \"%s\" on network \"%s\" already", other->name,
                               address_of(nic, six), nic->network);
        }
    }
    return TRUE;
}

static gboolean
check_network(SkService *self, const SkInterface *nic, GError **error)
{
    if (nic->kind != SK_NIC_NETWORK)
        return TRUE;
    const SkNetwork *network = sk_service_network(self, nic->network, error);
    if (network == NULL)
        return FALSE;
    for (guint six = 0; six < 2; six++) {
        const char *address = address_of(nic, six);
        if (address != NULL && network->spec->ipv4 == NULL && network->spec->ipv6 == NULL && network->spec->forward != SK_FORWARD_BRIDGE)
            continue; /* its subnet is chosen when it first comes up */
        if (address != NULL && (!check_in_subnet(network->spec, address, six, error) || !check_fixed_hosts(network->spec, nic, address, error)))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_domain_check_interfaces(SkService *self, const SkDomainSpec *spec, GError **error)
{
    for (guint i = 0; spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        const SkInterface *nic = spec->interfaces->pdata[i];
        if (!check_network(self, nic, error) || !check_against(spec, nic, error))
            return FALSE;
        for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
            const SkDomain *other = g_tree_node_value(node);
            if (g_strcmp0(other->spec->uuid, spec->uuid) != 0 && !check_against(other->spec, nic, error))
                return FALSE;
        }
    }
    return TRUE;
}
