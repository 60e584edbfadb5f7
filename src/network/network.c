/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A network up, down, mended. */
#include "network/network.h"

#include <net/if.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "base/undo.h"
#include "network/dnsmasq.h"
#include "network/netlink/links.h"
#include "network/ovs.h"
#include "network/subnet.h"
#include "network/sysctl.h"

void
sk_network_running_clear(SkNetworkRunning *self)
{
    g_clear_pointer(&self->bridge, g_free);
    g_clear_pointer(&self->lease_path, g_free);
    self->mended = 0;
}

/* -- choosing --------------------------------------------------------------------------------------------------- */

static GStrv
taken_subnets(const SkNetworkSpec *spec, const GPtrArray *others)
{
    g_autoptr(GStrvBuilder) taken = g_strv_builder_new();
    for (guint i = 0; others != NULL && i < others->len; i++) {
        const SkNetworkSpec *other = others->pdata[i];
        if (g_strcmp0(other->name, spec->name) == 0)
            continue;
        if (other->ipv4 != NULL)
            g_strv_builder_add(taken, other->ipv4);
        if (other->ipv6 != NULL)
            g_strv_builder_add(taken, other->ipv6);
    }
    return g_strv_builder_end(taken);
}

static GStrv
taken_bridges(const SkNetworkSpec *spec, const GPtrArray *others)
{
    g_autoptr(GStrvBuilder) taken = g_strv_builder_new();
    for (guint i = 0; others != NULL && i < others->len; i++) {
        const SkNetworkSpec *other = others->pdata[i];
        if (g_strcmp0(other->name, spec->name) != 0 && other->bridge != NULL && other->forward != SK_FORWARD_BRIDGE)
            g_strv_builder_add(taken, other->bridge);
    }
    return g_strv_builder_end(taken);
}

static gboolean
check_subnets(const SkNetworkSpec *spec, const char *const *taken, GError **error)
{
    return (spec->ipv4 == NULL || sk_subnet_check_free(spec->ipv4, spec->bridge, taken, error)) &&
           (spec->ipv6 == NULL || sk_subnet_check_free(spec->ipv6, spec->bridge, taken, error));
}

/* TRUE if the bridge is one that we made for this definition. */
static gboolean
is_own_bridge(const SkNetworkSpec *spec, const SkLink *link)
{
    return g_str_equal(link->kind, "bridge") && spec->mac != NULL && g_ascii_strcasecmp(link->mac, spec->mac) == 0;
}

static gboolean
check_bridge_name(const SkNetworkSpec *spec, const char *const *taken, GError **error)
{
    g_autofree SkLink *link = sk_netlink_link(spec->bridge, NULL);
    if (g_strv_contains(taken, spec->bridge))
        return sk_fail(error, SK_ERROR_EXISTS, "bridge \"%s\" is another network's", spec->bridge);
    return link == NULL || is_own_bridge(spec, link) ||
           sk_fail(error, SK_ERROR_EXISTS, "bridge \"%s\" is the name of a link that is not ours: choose another name, or forward \"bridge\" to use it as it is", spec->bridge);
}

gboolean
sk_network_complete(SkNetworkSpec *spec, const SkNetworkPaths *paths, const GPtrArray *others, GError **error)
{
    sk_assert_worker();
    if (spec->forward == SK_FORWARD_BRIDGE)
        return TRUE;
    g_auto(GStrv) bridges = taken_bridges(spec, others);
    g_auto(GStrv) subnets = taken_subnets(spec, others);
    g_autofree char *bridge = NULL, *ipv4 = NULL;
    if (spec->bridge == NULL) {
        bridge = sk_network_choose_bridge(paths->tag, (const char *const *) bridges, error);
        if (bridge == NULL)
            return FALSE;
    } else if (!check_bridge_name(spec, (const char *const *) bridges, error)) {
        return FALSE;
    }
    if (!check_subnets(spec, (const char *const *) subnets, error))
        return FALSE;
    if (spec->ipv4 == NULL && spec->ipv6 == NULL && spec->addressed) {
        ipv4 = sk_subnet_choose_ipv4((const char *const *) subnets, error);
        if (ipv4 == NULL)
            return FALSE;
        spec->ipv4 = g_steal_pointer(&ipv4);
    }
    if (bridge != NULL)
        spec->bridge = g_steal_pointer(&bridge);
    return TRUE;
}

/* -- steps of going up --------------------------------------------------------------------------------------------- */

static void
undo_bridge(gpointer data)
{
    g_autoptr(GError) error = NULL;
    if (!sk_netlink_remove(data, &error))
        g_warning("%s, leaving it to the next start", error->message);
}

static gboolean
make_bridge(const SkNetworkSpec *spec, GError **error)
{
    return !sk_fault("network-up/bridge", error) && sk_netlink_bridge_add(spec->bridge, spec->mac, spec->mtu, error) &&
           (!spec->stp || sk_netlink_bridge_stp(spec->bridge, TRUE, spec->stp_delay, error));
}

/* The link-local address that router advertisements come from; the kernel would give it only with the first guest. */
static char *
link_local(const char *mac)
{
    guint b[6] = { 0 };
    for (guint i = 0; i < 6; i++)
        b[i] = (guint) (g_ascii_xdigit_value(mac[i * 3]) << 4 | g_ascii_xdigit_value(mac[i * 3 + 1]));
    return g_strdup_printf("fe80::%02x%02x:%02xff:fe%02x:%02x%02x/64", b[0] ^ 2, b[1], b[2], b[3], b[4], b[5]);
}

static gboolean
has_address(const GPtrArray *addresses, const char *subnet)
{
    for (guint i = 0; i < addresses->len; i++) {
        const SkPrefix *prefix = addresses->pdata[i];
        g_autofree char *one = sk_subnet_address(prefix->subnet), *other = sk_subnet_address(subnet);
        /* Written differently it may still be the same: "fd00:0::1" and "fd00::1". */
        g_autofree char *one_full = g_strdup_printf("%s/%u", one, strchr(one, ':') != NULL ? 128 : 32);
        g_autofree char *other_full = g_strdup_printf("%s/%u", other, strchr(other, ':') != NULL ? 128 : 32);
        if (sk_subnet_bits(prefix->subnet) == sk_subnet_bits(subnet) && sk_subnet_overlaps(one_full, other_full))
            return TRUE;
    }
    return FALSE;
}

/* Gives the bridge what it lacks of its addresses; *mended counts them. */
static gboolean
add_addresses(const SkNetworkSpec *spec, guint *mended, GError **error)
{
    g_autofree char *local = spec->ipv6 != NULL && spec->mac != NULL ? link_local(spec->mac) : NULL;
    const char *wanted[] = { spec->ipv4, spec->ipv6, local };
    if (sk_fault("network-up/address", error))
        return FALSE;
    g_autoptr(GPtrArray) present = sk_netlink_addresses(spec->bridge, error);
    if (present == NULL)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        if (wanted[i] == NULL || has_address(present, wanted[i]))
            continue;
        if (!sk_netlink_address_add(spec->bridge, wanted[i], error))
            return FALSE;
        (*mended)++;
    }
    return TRUE;
}

static gboolean
link_up(const SkNetworkSpec *spec, guint *mended, GError **error)
{
    SkLinkChange change = { .up = TRUE, .mtu = spec->mtu };
    if (sk_fault("network-up/link", error))
        return FALSE;
    g_autofree SkLink *link = sk_netlink_link(spec->bridge, error);
    if (link == NULL)
        return FALSE;
    if ((link->flags & IFF_UP) && (spec->mtu == 0 || link->mtu == spec->mtu))
        return TRUE;
    (*mended)++;
    return sk_netlink_change(spec->bridge, &change, error);
}

static gboolean
add_routes(const SkNetworkSpec *spec, GError **error)
{
    if (sk_fault("network-up/routes", error))
        return FALSE;
    for (guint i = 0; spec->routes != NULL && i < spec->routes->len; i++) {
        const SkNetworkRoute *route = spec->routes->pdata[i];
        if (!sk_netlink_route_add(spec->bridge, route->subnet, route->gateway, route->metric, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
enable_forwarding(const SkNetworkSpec *spec, GError **error)
{
    gboolean wanted = spec->forward == SK_FORWARD_NAT || spec->forward == SK_FORWARD_ROUTE || spec->forward == SK_FORWARD_OPEN;
    return !sk_fault("network-up/forwarding", error) &&
           (!wanted || sk_sysctl_enable_forwarding(spec->ipv4 != NULL, spec->ipv6 != NULL, error));
}

static gboolean
start_dnsmasq(const SkNetworkSpec *spec, const SkNetworkPaths *paths, guint *mended, GError **error)
{
    if (sk_fault("network-up/dnsmasq", error))
        return FALSE;
    if (!sk_dnsmasq_wanted(spec) || sk_dnsmasq_is_current(spec, paths))
        return TRUE;
    (*mended)++;
    return sk_dnsmasq_start(spec, paths, error);
}

/* All that makes a bridge a network; what is there already is left as it is. */
static gboolean
furnish(const SkNetworkSpec *spec, const SkNetworkPaths *paths, guint *mended, GError **error)
{
    return sk_sysctl_prepare_bridge(spec->bridge, spec->ipv6 != NULL, error) && add_addresses(spec, mended, error) &&
           link_up(spec, mended, error) && add_routes(spec, error) && enable_forwarding(spec, error) && start_dnsmasq(spec, paths, mended, error);
}

static void
tell_running(const SkNetworkSpec *spec, const SkNetworkPaths *paths, guint mended, SkNetworkRunning *out)
{
    out->bridge = g_strdup(spec->bridge);
    out->lease_path = sk_dnsmasq_wanted(spec) && spec->dhcp ? sk_network_lease_path(paths, spec->name) : NULL;
    out->mended = mended;
}

/* -- up, reattach ------------------------------------------------------------------------------------------------------ */

static gboolean
check_existing(const SkNetworkSpec *spec, GError **error)
{
    g_autofree SkLink *link = sk_netlink_link(spec->bridge, error);
    if (link == NULL) {
        g_prefix_error(error, "network \"%s\": ", spec->name);
        return FALSE;
    }
    /* Groups may plug some of its guests into Open vSwitch too: it is looked at when they come. */
    if (spec->openvswitch != NULL)
        return sk_ovs_check_bridge(spec->bridge, error);
    return g_str_equal(link->kind, "bridge") || spec->portgroups != NULL ||
           sk_fail(error, SK_ERROR_INVALID, "network \"%s\": the link \"%s\" is no bridge", spec->name, spec->bridge);
}

static gboolean
check_complete(const SkNetworkSpec *spec, GError **error)
{
    return (spec->bridge != NULL && (spec->forward == SK_FORWARD_BRIDGE || (spec->mac != NULL && spec->domain != NULL))) ||
           sk_fail(error, SK_ERROR_INTERNAL, "network \"%s\" was not completed", spec->name);
}

/* Makes the bridge and furnishes it, or takes all of it back. */
static gboolean
build(const SkNetworkSpec *spec, const SkNetworkPaths *paths, guint *mended, GError **error)
{
    g_autoptr(SkUndo) undo = sk_undo_new();
    if (!make_bridge(spec, error))
        return FALSE;
    (*mended)++;
    sk_undo_push(undo, "bridge", undo_bridge, g_strdup(spec->bridge), g_free);
    /* One that served on a bridge of this name that is gone would go on listening there. */
    if (sk_dnsmasq_pid(spec->name, paths) != 0 && !sk_dnsmasq_stop(spec->name, paths, error))
        return FALSE;
    if (!furnish(spec, paths, mended, error))
        return FALSE;
    sk_undo_disarm(undo);
    return TRUE;
}

/* What is left of our bridge, by a crash or a daemon that ended, is used again. */
static gboolean
bring_up(const SkNetworkSpec *spec, const SkNetworkPaths *paths, guint *mended, GError **error)
{
    const char *const none[] = { NULL };
    if (!check_complete(spec, error))
        return FALSE;
    if (spec->forward == SK_FORWARD_BRIDGE)
        return check_existing(spec, error);
    if (!check_bridge_name(spec, none, error))
        return FALSE;
    if (sk_netlink_index(spec->bridge) != 0)
        return furnish(spec, paths, mended, error);
    return check_subnets(spec, NULL, error) && build(spec, paths, mended, error);
}

gboolean
sk_network_up(const SkNetworkSpec *spec, const SkNetworkPaths *paths, SkNetworkRunning *out_running, GError **error)
{
    guint made = 0;
    sk_assert_worker();
    if (!bring_up(spec, paths, &made, error))
        return FALSE;
    tell_running(spec, paths, 0, out_running);
    return TRUE;
}

gboolean
sk_network_reattach(const SkNetworkSpec *spec, const SkNetworkPaths *paths, SkNetworkRunning *out_running, GError **error)
{
    guint mended = 0;
    sk_assert_worker();
    if (!bring_up(spec, paths, &mended, error))
        return FALSE;
    tell_running(spec, paths, mended, out_running);
    return TRUE;
}

/* -- change --------------------------------------------------------------------------------------------------------------- */

static gboolean
drop_old_address(const char *bridge, const char *old, const char *now, GError **error)
{
    return old == NULL || g_strcmp0(old, now) == 0 || sk_netlink_address_remove(bridge, old, error);
}

static gboolean
has_same_route(const SkNetworkSpec *spec, const SkNetworkRoute *wanted)
{
    for (guint i = 0; spec->routes != NULL && i < spec->routes->len; i++) {
        if (sk_value_equal(&sk_network_route_type, spec->routes->pdata[i], wanted))
            return TRUE;
    }
    return FALSE;
}

static gboolean
drop_old_routes(const SkNetworkSpec *old, const SkNetworkSpec *spec, GError **error)
{
    for (guint i = 0; old->routes != NULL && i < old->routes->len; i++) {
        const SkNetworkRoute *route = old->routes->pdata[i];
        if (!has_same_route(spec, route) && !sk_netlink_route_remove(old->bridge, route->subnet, route->gateway, route->metric, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_network_update(const SkNetworkSpec *old, const SkNetworkSpec *spec, const SkNetworkPaths *paths, GError **error)
{
    guint mended = 0;
    sk_assert_worker();
    if (g_strcmp0(old->bridge, spec->bridge) != 0 || (old->forward == SK_FORWARD_BRIDGE) != (spec->forward == SK_FORWARD_BRIDGE))
        return sk_fail(error, SK_ERROR_STATE, "network \"%s\" cannot change its bridge while it is up: stop it first", spec->name);
    if (spec->forward == SK_FORWARD_BRIDGE)
        return TRUE;
    if (!check_complete(spec, error) || !check_subnets(spec, NULL, error) || !drop_old_routes(old, spec, error) ||
        !drop_old_address(spec->bridge, old->ipv4, spec->ipv4, error) ||
        !drop_old_address(spec->bridge, old->ipv6, spec->ipv6, error))
        return FALSE;
    if ((old->stp != spec->stp || old->stp_delay != spec->stp_delay) &&
        !sk_netlink_bridge_stp(spec->bridge, spec->stp, spec->stp_delay, error))
        return FALSE;
    if (!sk_dnsmasq_wanted(spec) && !sk_dnsmasq_stop(spec->name, paths, error))
        return FALSE;
    return furnish(spec, paths, &mended, error);
}

/* -- query, down ---------------------------------------------------------------------------------------------------------- */

gboolean
sk_network_is_up(const SkNetworkSpec *spec, const SkNetworkPaths *paths)
{
    g_autofree SkLink *link = spec->bridge != NULL ? sk_netlink_link(spec->bridge, NULL) : NULL;
    if (link == NULL || spec->forward == SK_FORWARD_BRIDGE)
        return link != NULL;
    return is_own_bridge(spec, link) && (link->flags & IFF_UP) &&
           (!sk_dnsmasq_wanted(spec) || sk_dnsmasq_pid(spec->name, paths) != 0);
}

/* Keeps the first error of several steps. */
static void
note(gboolean ok, GError *failed, GError **first)
{
    if (!ok && *first == NULL)
        *first = failed;
    else
        g_clear_error(&failed);
}

gboolean
sk_network_down(const SkNetworkSpec *spec, const SkNetworkPaths *paths, GError **error)
{
    GError *failed = NULL, *first = NULL;
    sk_assert_worker();
    if (spec->forward == SK_FORWARD_BRIDGE || spec->bridge == NULL)
        return TRUE;
    note(sk_dnsmasq_stop(spec->name, paths, &failed), failed, &first);
    failed = NULL;
    g_autofree SkLink *link = sk_netlink_link(spec->bridge, NULL);
    if (link != NULL && is_own_bridge(spec, link))
        note(sk_netlink_remove(spec->bridge, &failed), failed, &first);
    if (first != NULL)
        g_propagate_error(error, first);
    return first == NULL;
}

gboolean
sk_network_forget(const char *network, const SkNetworkPaths *paths, GError **error)
{
    g_autofree char *leases = sk_network_lease_path(paths, network);
    g_autofree char *run_dir = sk_network_run_path(paths, network, NULL);
    sk_assert_worker();
    return sk_dnsmasq_stop(network, paths, error) && sk_fs_remove_tree(run_dir, error) && sk_fs_remove(leases, error);
}

/* -- sweep ---------------------------------------------------------------------------------------------------------------- */

static gboolean
sweep_dnsmasqs(const SkNetworkPaths *paths, const char *const *keep, guint *removed, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(paths->run_dir, 0, NULL);
    const char *network;
    while (dir != NULL && (network = g_dir_read_name(dir)) != NULL) {
        if (keep != NULL && g_strv_contains(keep, network))
            continue;
        if (sk_dnsmasq_pid(network, paths) != 0)
            (*removed)++;
        if (!sk_dnsmasq_stop(network, paths, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
sweep_bridges(const SkNetworkPaths *paths, const char *const *keep, guint *removed, GError **error)
{
    g_autoptr(GPtrArray) links = sk_netlink_links(error);
    for (guint i = 0; links != NULL && i < links->len; i++) {
        const SkLink *link = links->pdata[i];
        if (!g_str_equal(link->kind, "bridge") || !sk_network_link_is(SK_LINK_BRIDGE, paths->tag, link->name) ||
            (keep != NULL && g_strv_contains(keep, link->name)))
            continue;
        if (!sk_netlink_remove(link->name, error))
            return FALSE;
        (*removed)++;
    }
    return links != NULL;
}

gboolean
sk_network_sweep(const SkNetworkPaths *paths, const char *const *keep_bridges, const char *const *keep_networks,
                 guint *out_removed, GError **error)
{
    guint removed = 0;
    sk_assert_worker();
    gboolean ok = sweep_dnsmasqs(paths, keep_networks, &removed, error) && sweep_bridges(paths, keep_bridges, &removed, error);
    if (ok && out_removed != NULL)
        *out_removed = removed;
    return ok;
}
