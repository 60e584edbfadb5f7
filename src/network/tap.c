/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The links of guests on the host: TAP and macvtap. */
#include "network/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"
#include "network/bandwidth.h"
#include "network/netlink/links.h"
#include "network/ovs.h"
#include "network/paths.h"

#define TUN_FLAGS (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)
/* Macvtaps have no "%d" of the kernel's: so many numbers are tried. */
#define MACVTAP_TRIES 4096
/* Marks of links: one that only we would remove, one that Open vSwitch has as a port. */
#define MADE "made"
#define PLUGGED "openvswitch"

/* The guest's address with fe: in front: higher than any bridge's, and never the guest's own. */
static char *
tap_mac(const char *guest)
{
    return g_strconcat("fe", guest + 2, NULL);
}

static gboolean
set_vlan(const char *name, const SkTapSpec *spec, GError **error)
{
    GError *why = NULL;
    if (spec->vlan == NULL)
        return TRUE;
    if (sk_fault("tap/vlan", error))
        return FALSE;
    gboolean filters = sk_netlink_bridge_filters(spec->bridge, &why);
    if (why != NULL) {
        g_propagate_error(error, why);
        return FALSE;
    }
    if (!filters && !spec->own_bridge)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "the bridge \"%s\" does not look at VLAN tags: `ip link set %s type bridge vlan_filtering 1` makes it",
                       spec->bridge, spec->bridge);
    return (filters || sk_netlink_bridge_filter(spec->bridge, error)) && sk_netlink_port_vlan(name, spec->vlan, error);
}

/* Marked first, so that a crash leaves no port that nobody knows of. */
static gboolean
plug_ovs(const SkTapSpec *spec, const char *name, GError **error)
{
    const SkOvsPlug plug = { .bridge = spec->bridge, .port = name, .mac = spec->mac, .domain = spec->domain, .settings = spec->openvswitch, .vlan = spec->vlan };
    return !sk_fault("tap/openvswitch", error) && sk_link_mark(name, PLUGGED, error) && sk_ovs_plug(&plug, error);
}

static gboolean
connect_alone(const SkTapSpec *spec, const char *name, GError **error)
{
    g_autofree char *mac = tap_mac(spec->mac);
    const SkLinkChange change = { .mac = mac, .mtu = spec->mtu, .up = TRUE };
    return !sk_fault("tap/connect", error) && (spec->existing || sk_netlink_change(name, &change, error));
}

static gboolean
connect_tap(const SkTapSpec *spec, const char *name, GError **error)
{
    g_autofree char *mac = tap_mac(spec->mac);
    g_autofree SkLink *bridge = NULL;
    gboolean ovs = spec->openvswitch != NULL;
    SkLinkChange change = { .mac = mac, .mtu = spec->mtu, .master = ovs ? NULL : spec->bridge, .up = TRUE, .no_link_local = TRUE };
    if (sk_fault("tap/connect", error))
        return FALSE;
    if (spec->mtu == 0) {
        bridge = sk_netlink_link(spec->bridge, error);
        if (bridge == NULL)
            return FALSE;
        change.mtu = bridge->mtu;
    }
    return sk_netlink_change(name, &change, error) && (ovs ? plug_ovs(spec, name, error) : set_vlan(name, spec, error));
}

static gboolean
open_tun(const SkTapSpec *spec, SkFd *out_fd, char **out_name, GError **error)
{
    struct ifreq request = { .ifr_flags = (short) (TUN_FLAGS | (spec->multi_queue ? IFF_MULTI_QUEUE : 0)) };
    g_autofree char *pattern = sk_network_link_name(SK_LINK_TAP, "%d", spec->tag);
    const char *name = spec->name != NULL ? spec->name : pattern;
    g_auto(SkFd) fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"/dev/net/tun\" for a guest's link");
    /* The kernel would hand out one that is there and nobody has open. */
    if (spec->name != NULL && sk_netlink_index(spec->name) != 0)
        return sk_fail(error, SK_ERROR_EXISTS, "cannot make the TAP \"%s\": the host has a link of this name", spec->name);
    g_strlcpy(request.ifr_name, name, sizeof request.ifr_name);
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return sk_fail_errno(error, errno, "cannot make the TAP \"%s\"", name);
    if (ioctl(fd, TUNSETPERSIST, 1) < 0)
        return sk_fail_errno(error, errno, "cannot make the TAP \"%s\" last", request.ifr_name);
    *out_name = g_strdup(request.ifr_name);
    *out_fd = sk_fd_steal(&fd);
    return TRUE;
}

gint
sk_network_tap_queue(const char *name, GError **error)
{
    struct ifreq request = { .ifr_flags = (short) (TUN_FLAGS | IFF_MULTI_QUEUE) };
    g_auto(SkFd) fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    sk_assert_worker();
    g_strlcpy(request.ifr_name, name, sizeof request.ifr_name);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0)
        return sk_fd_steal(&fd);
    sk_fail_errno(error, errno, "cannot open another queue of the TAP \"%s\"", name);
    return SK_FD_NONE;
}

/* -- links on their own --------------------------------------------------------------------------------------- */

static gboolean
take_macvtap(const SkTapSpec *spec, const SkLink *link, SkFd *out_fd, GError **error)
{
    struct ifreq request = { .ifr_flags = TUN_FLAGS };
    g_autofree char *path = g_strdup_printf("/dev/tap%u", link->index);
    *out_fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (*out_fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\" of the macvtap \"%s\"", path, spec->name);
    return ioctl(*out_fd, TUNSETIFF, &request) == 0 || sk_fail_errno(error, errno, "cannot set up the macvtap \"%s\"", spec->name);
}

static gboolean
take_tap(const SkTapSpec *spec, SkFd *out_fd, GError **error)
{
    struct ifreq request = { .ifr_flags = (short) (TUN_FLAGS | (spec->multi_queue ? IFF_MULTI_QUEUE : 0)) };
    *out_fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (*out_fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"/dev/net/tun\" for a guest's link");
    g_strlcpy(request.ifr_name, spec->name, sizeof request.ifr_name);
    if (ioctl(*out_fd, TUNSETIFF, &request) == 0)
        return TRUE;
    if (errno == EBUSY)
        return sk_fail(error, SK_ERROR_IN_USE, "cannot take the TAP \"%s\": another program has it open", spec->name);
    if (errno == EINVAL)
        return sk_fail(error, SK_ERROR_INVALID, "cannot take \"%s\": it is no TAP, or has been made %s several queues", spec->name,
                       spec->multi_queue ? "without" : "for");
    return sk_fail_errno(error, errno, "cannot take the TAP \"%s\"", spec->name);
}

static gboolean
open_alone(const SkTapSpec *spec, SkFd *out_fd, char **out_name, GError **error)
{
    g_autofree SkLink *link = spec->name != NULL ? sk_netlink_link(spec->name, NULL) : NULL;
    if (link == NULL && spec->existing)
        return sk_fail(error, SK_ERROR_NOT_FOUND, "the host has no link \"%s\": it is to be there before the domain starts", spec->name);
    if (link == NULL)
        return open_tun(spec, out_fd, out_name, error) && sk_link_mark(*out_name, MADE, error);
    *out_name = g_strdup(spec->name);
    return g_str_equal(link->kind, "macvtap") ? take_macvtap(spec, link, out_fd, error) : take_tap(spec, out_fd, error);
}

/* -- macvtaps ------------------------------------------------------------------------------------------------- */

static gboolean
add_macvtap(const SkTapSpec *spec, char **out_name, GError **error)
{
    if (spec->name != NULL) {
        *out_name = g_strdup(spec->name);
        return sk_netlink_macvtap_add(spec->name, spec->device, spec->mode, spec->mac, error);
    }
    for (guint i = 0; i < MACVTAP_TRIES; i++) {
        g_autoptr(GError) taken = NULL;
        g_autofree char *number = g_strdup_printf("%u", i);
        g_autofree char *name = sk_network_link_name(SK_LINK_MACVTAP, number, spec->tag);
        if (sk_netlink_macvtap_add(name, spec->device, spec->mode, spec->mac, &taken)) {
            *out_name = g_steal_pointer(&name);
            return TRUE;
        }
        if (!sk_error_is(taken, SK_ERROR_EXISTS)) {
            g_propagate_error(error, g_steal_pointer(&taken));
            return FALSE;
        }
    }
    return sk_fail(error, SK_ERROR_TOO_MANY, "the host has %d macvtaps of ours already", MACVTAP_TRIES);
}

static gboolean
open_macvtap(const SkTapSpec *spec, const char *name, SkFd *out_fd, GError **error)
{
    struct ifreq request = { .ifr_flags = TUN_FLAGS };
    SkLinkChange change = { .mtu = spec->mtu, .up = TRUE, .no_link_local = TRUE };
    g_autofree char *path = g_strdup_printf("/dev/tap%u", sk_netlink_index(name));
    if (sk_fault("tap/connect", error) || !sk_netlink_change(name, &change, error))
        return FALSE;
    g_auto(SkFd) fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\" of the macvtap \"%s\"", path, name);
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return sk_fail_errno(error, errno, "cannot set up the macvtap \"%s\"", name);
    *out_fd = sk_fd_steal(&fd);
    return TRUE;
}

typedef struct {
    char *tag, *name;
    gboolean alone;
} Made;

static void
made_free(gpointer data)
{
    Made *made = data;
    g_free(made->tag);
    g_free(made->name);
    g_free(made);
}

static void
undo_link(gpointer data)
{
    Made *made = data;
    g_autoptr(GError) error = NULL;
    if (!(made->alone ? sk_network_tap_leave : sk_network_tap_remove)(made->tag, made->name, &error))
        g_warning("%s, leaving it to the next start", error->message);
}

static gboolean
open_link(const SkTapSpec *spec, SkFd *fd, char **name, GError **error)
{
    if (spec->device != NULL)
        return add_macvtap(spec, name, error);
    return spec->bridge != NULL ? open_tun(spec, fd, name, error) : open_alone(spec, fd, name, error);
}

static gboolean
connect_link(const SkTapSpec *spec, const char *name, SkFd *fd, GError **error)
{
    if (spec->device != NULL)
        return open_macvtap(spec, name, fd, error);
    return spec->bridge != NULL ? connect_tap(spec, name, error) : connect_alone(spec, name, error);
}

gboolean
sk_network_tap_open(const SkTapSpec *spec, SkFd *out_fd, char **out_name, GError **error)
{
    g_auto(SkFd) fd = SK_FD_NONE;
    g_autofree char *name = NULL;
    g_autoptr(SkUndo) undo = sk_undo_new();

    sk_assert_worker();
    if (sk_fault("tap/open", error) || !open_link(spec, &fd, &name, error))
        return FALSE;
    Made *made = g_new0(Made, 1);
    *made = (Made){ g_strdup(spec->tag), g_strdup(name), spec->bridge == NULL && spec->device == NULL };
    sk_undo_push(undo, "guest link", undo_link, made, made_free);
    if (!connect_link(spec, name, &fd, error))
        return FALSE;
    if (sk_fault("tap/bandwidth", error) ||
        (!sk_bandwidth_is_empty(spec->bandwidth) && !sk_network_tap_limit(spec->tag, name, spec->bandwidth, error)))
        return FALSE;
    sk_undo_disarm(undo);
    *out_fd = sk_fd_steal(&fd);
    *out_name = g_steal_pointer(&name);
    return TRUE;
}

gboolean
sk_network_tap_move(const char *name, const SkTapSpec *spec, GError **error)
{
    SkLinkChange change = { .master = spec->bridge };
    sk_assert_worker();
    return !sk_fault("tap/move", error) && sk_netlink_change(name, &change, error) && set_vlan(name, spec, error);
}

gboolean
sk_network_tap_remove(const char *tag, const char *name, GError **error)
{
    g_autofree SkLink *link = sk_netlink_link(name, NULL);
    g_autoptr(GError) why = NULL;
    sk_assert_worker();
    sk_bandwidth_forget(tag, name);
    if (link != NULL && sk_link_is_marked(link, PLUGGED) && !sk_ovs_unplug(name, &why))
        g_warning("%s, continuing", why->message);
    return sk_netlink_remove(name, error);
}

gboolean
sk_network_tap_leave(const char *tag, const char *name, GError **error)
{
    g_autofree SkLink *link = sk_netlink_link(name, NULL);
    if (link == NULL || sk_link_is_marked(link, MADE))
        return sk_network_tap_remove(tag, name, error);
    sk_bandwidth_forget(tag, name);
    return TRUE;
}

gboolean
sk_network_tap_is_ours(const char *tag, const char *name)
{
    return sk_network_link_is(SK_LINK_TAP, tag, name) || sk_network_link_is(SK_LINK_MACVTAP, tag, name);
}

guint
sk_network_tap_newest(void)
{
    guint newest = 0;
    g_autoptr(GPtrArray) links = sk_netlink_links(NULL);
    for (guint i = 0; links != NULL && i < links->len; i++)
        newest = MAX(newest, ((const SkLink *) links->pdata[i])->index);
    return newest;
}

/* Looked at again, for its name may be another's by now. */
static gboolean
is_left(const char *tag, const SkLink *link, const char *const *keep, guint newest)
{
    return sk_network_tap_is_ours(tag, link->name) && (keep == NULL || !g_strv_contains(keep, link->name)) &&
           (newest == 0 || link->index <= newest) && sk_netlink_index(link->name) == link->index;
}

gboolean
sk_network_tap_sweep(const char *tag, const char *const *keep, guint newest, guint *out_removed, GError **error)
{
    guint removed = 0;
    sk_assert_worker();
    g_autoptr(GPtrArray) links = sk_netlink_links(error);
    if (links == NULL)
        return FALSE;
    for (guint i = 0; i < links->len; i++) {
        const SkLink *link = links->pdata[i];
        if (!is_left(tag, link, keep, newest))
            continue;
        if (!sk_network_tap_remove(tag, link->name, error))
            return FALSE;
        removed++;
    }
    if (out_removed != NULL)
        *out_removed = removed;
    return TRUE;
}

gint
sk_network_vhost_open(void)
{
    return open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
}
