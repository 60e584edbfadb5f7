/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests' links on a real kernel, in a namespace. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/undo.h"
#include "live.h"
#include "network/netlink/links.h"
#include "network/tap.h"

#define MAC "52:54:00:12:34:56"

static SkTapSpec tap = { .tag = "t1", .mac = MAC, .bridge = "br0" };

static void
make_bridge(const char *name, guint mtu)
{
    g_autoptr(GError) error = NULL;
    sk_netlink_bridge_add(name, NULL, mtu, &error);
    g_assert_no_error(error);
}

static guint
count_ours(void)
{
    g_autoptr(GPtrArray) links = sk_netlink_links(NULL);
    guint count = 0;
    for (guint i = 0; i < links->len; i++)
        count += sk_network_tap_is_ours("t1", ((SkLink *) links->pdata[i])->name);
    return count;
}

static void
test_open(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) fd = SK_FD_NONE, second = SK_FD_NONE;
    g_autofree char *name = NULL, *second_name = NULL;
    struct ifreq flags = { 0 };
    make_bridge("br0", 1400);
    make_bridge("br1", 0);
    sk_network_tap_open(&tap, &fd, &name, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(name, ==, "skt0-t1");
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
    g_assert_cmpint(ioctl(fd, TUNGETIFF, &flags), ==, 0);
    g_assert_cmpint(flags.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR), ==, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);

    g_autofree SkLink *link = sk_netlink_link(name, &error);
    g_assert_cmpstr(link->mac, ==, "fe:54:00:12:34:56");
    g_assert_cmpuint(link->mtu, ==, 1400);
    g_assert_cmpuint(link->master, ==, sk_netlink_index("br0"));
    g_assert_true(link->flags & IFF_UP);
    g_autoptr(GPtrArray) addresses = sk_netlink_addresses(name, &error);
    g_assert_cmpuint(addresses->len, ==, 0);

    g_assert_true(sk_network_tap_open(&tap, &second, &second_name, &error));
    g_assert_cmpstr(second_name, ==, "skt1-t1");
    g_assert_true(sk_network_tap_move(second_name, &(SkTapSpec){ .bridge = "br1" }, &error));
    g_autofree SkLink *moved = sk_netlink_link(second_name, &error);
    g_assert_cmpuint(moved->master, ==, sk_netlink_index("br1"));

    /* It stays when its user ends, and goes when told. */
    sk_fd_clear(&fd);
    g_assert_cmpuint(sk_netlink_index(name), !=, 0);
    g_assert_true(sk_network_tap_remove("t1", name, &error));
    g_assert_true(sk_network_tap_remove("t1", name, &error));
    g_assert_cmpuint(sk_netlink_index(name), ==, 0);
    g_assert_true(sk_network_tap_remove("t1", second_name, &error));
    g_assert_true(sk_netlink_remove("br0", &error) && sk_netlink_remove("br1", &error));
}

static void
test_statistics(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) fd = SK_FD_NONE;
    g_autofree char *name = NULL;
    guint8 frame[12 + 60] = { 0 };  /* vnet header, then a broadcast of no known kind */
    make_bridge("br0", 0);
    g_assert_true(sk_network_tap_open(&tap, &fd, &name, &error));
    memset(frame + 10, 0xff, 6);
    g_assert_cmpint(write(fd, frame, 10 + 60), ==, 70);
    g_autoptr(GPtrArray) links = sk_netlink_links(&error);
    for (guint i = 0; i < links->len; i++) {
        const SkLink *link = links->pdata[i];
        if (g_str_equal(link->name, name)) {
            g_assert_cmpuint(link->stats.rx_packets, ==, 1);
            g_assert_cmpuint(link->stats.rx_bytes, >=, 46);
        }
    }
    g_assert_true(sk_network_tap_remove("t1", name, &error));
    g_assert_true(sk_netlink_remove("br0", &error));
}

static void
test_faults(void)
{
    static const char *const steps[] = { "tap/open", "tap/connect", "tap/bandwidth" };
    make_bridge("br0", 0);
    for (guint i = 0; i < 2 * G_N_ELEMENTS(steps); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(SkFd) fd = SK_FD_NONE;
        g_autofree char *name = NULL;
        SkTapSpec spec = tap;
        if (i >= G_N_ELEMENTS(steps)) {
            spec.bridge = NULL;
            spec.device = "br0";
        }
        sk_fault_set(steps[i % G_N_ELEMENTS(steps)]);
        g_assert_false(sk_network_tap_open(&spec, &fd, &name, &error));
        sk_fault_set(NULL);
        g_assert_nonnull(strstr(error->message, "fault"));
        g_assert_cmpint(fd, ==, SK_FD_NONE);
        g_assert_null(name);
        g_assert_cmpuint(count_ours(), ==, 0);
    }
    g_assert_true(sk_netlink_remove("br0", NULL));
}

static void
assert_opens(const SkTapSpec *spec, const char *fault)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) fd = SK_FD_NONE;
    g_autofree char *name = NULL;
    sk_fault_set(fault);
    gboolean opened = sk_network_tap_open(spec, &fd, &name, &error);
    sk_fault_set(NULL);
    g_assert_cmpint(opened, ==, fault == NULL);
    g_assert_cmpstr(name, ==, opened ? spec->name : NULL);
}

/* On no bridge: what was there before is taken and stays, what was not goes. */
static void
test_alone(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) fd = SK_FD_NONE;
    g_autofree char *name = NULL;
    SkTapSpec spec = { .tag = "t1", .mac = MAC, .name = "alone0", .mtu = 1400 };
    assert_opens(&spec, "tap/connect");
    g_assert_cmpuint(sk_netlink_index("alone0"), ==, 0);
    assert_opens(&spec, NULL);
    g_autofree SkLink *made = sk_netlink_link("alone0", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(made->master, ==, 0);
    g_assert_cmpuint(made->mtu, ==, 1400);
    g_assert_true(made->flags & IFF_UP);
    g_assert_true(sk_network_tap_leave("t1", "alone0", &error));
    g_assert_cmpuint(sk_netlink_index("alone0"), ==, 0);

    spec.existing = TRUE;
    g_assert_false(sk_network_tap_open(&spec, &fd, &name, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NOT_FOUND);
    g_autofree char *added = live_run(0, "ip tuntap add alone0 mode tap && ip link show alone0");
    g_autofree SkLink *before = sk_netlink_link("alone0", NULL);
    assert_opens(&spec, "tap/bandwidth");
    assert_opens(&spec, NULL);
    g_assert_true(sk_network_tap_leave("t1", "alone0", NULL));
    g_autofree SkLink *after = sk_netlink_link("alone0", NULL);
    g_assert_nonnull(after);
    g_assert_cmpstr(after->mac, ==, before->mac);
    g_assert_cmpuint(after->mtu, ==, before->mtu);
    g_assert_true(sk_netlink_remove("alone0", NULL));
}

static void
test_errors(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) fd = SK_FD_NONE;
    g_autofree char *name = NULL;
    SkTapSpec taken = tap, on_nothing = tap;
    taken.name = "lo";
    g_assert_false(sk_network_tap_open(&tap, &fd, &name, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NOT_FOUND);
    g_assert_nonnull(strstr(error->message, "br0"));
    g_clear_error(&error);
    g_assert_false(sk_network_tap_open(&taken, &fd, &name, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    g_clear_error(&error);
    on_nothing.bridge = NULL;
    on_nothing.device = "nolink0";
    g_assert_false(sk_network_tap_open(&on_nothing, &fd, &name, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NOT_FOUND);
    g_assert_cmpuint(count_ours(), ==, 0);
}

static void
test_macvtap(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) fd = SK_FD_NONE, second = SK_FD_NONE;
    g_autofree char *name = NULL, *second_name = NULL;
    SkTapSpec spec = { .tag = "t1", .mac = MAC, .device = "br0", .mode = SK_DIRECT_VEPA };
    make_bridge("br0", 0);
    sk_network_tap_open(&spec, &fd, &name, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(name, ==, "skm0-t1");
    g_autofree SkLink *link = sk_netlink_link(name, &error);
    g_assert_cmpstr(link->kind, ==, "macvtap");
    g_assert_cmpstr(link->mac, ==, MAC);
    spec.mac = "52:54:00:12:34:57";
    g_assert_true(sk_network_tap_open(&spec, &second, &second_name, &error));
    g_assert_cmpstr(second_name, ==, "skm1-t1");
    g_assert_true(sk_network_tap_sweep("t1", NULL, 0, NULL, &error));
    g_assert_cmpuint(count_ours(), ==, 0);
    g_assert_true(sk_netlink_remove("br0", &error));
}

static void
test_sweep(void)
{
    g_autoptr(GError) error = NULL;
    char *name[3] = { 0 };
    guint removed = 99;
    make_bridge("br0", 0);
    for (guint i = 0; i < 3; i++) {
        g_auto(SkFd) fd = SK_FD_NONE;
        SkTapSpec spec = tap;
        spec.tag = i < 2 ? "t1" : "t2";
        g_assert_true(sk_network_tap_open(&spec, &fd, &name[i], &error));
    }
    const char *const keep[] = { name[0], NULL };
    g_assert_true(sk_network_tap_sweep("t1", keep, 0, &removed, &error));
    g_assert_cmpuint(removed, ==, 1);
    g_assert_cmpuint(sk_netlink_index(name[0]), !=, 0);
    g_assert_cmpuint(sk_netlink_index(name[1]), ==, 0);
    g_assert_cmpuint(sk_netlink_index(name[2]), !=, 0);
    g_assert_true(sk_network_tap_remove("t1", name[0], &error) && sk_network_tap_remove("t2", name[2], &error));
    g_assert_true(sk_netlink_remove("br0", &error));
    for (guint i = 0; i < 3; i++)
        g_free(name[i]);
}

/* What was made since is somebody's, though the caller has not heard of it. */
static void
test_sweep_spares_newer(void)
{
    g_autoptr(GError) error = NULL;
    char *name[2] = { 0 };
    guint newest = 0, removed = 99;
    make_bridge("br0", 0);
    for (guint i = 0; i < 2; i++) {
        g_auto(SkFd) fd = SK_FD_NONE;
        g_assert_true(sk_network_tap_open(&tap, &fd, &name[i], &error));
        newest = i == 0 ? sk_network_tap_newest() : newest;
    }
    g_assert_true(sk_network_tap_sweep(tap.tag, NULL, newest, &removed, &error));
    g_assert_cmpuint(removed, ==, 1);
    g_assert_cmpuint(sk_netlink_index(name[0]), ==, 0);
    g_assert_cmpuint(sk_netlink_index(name[1]), !=, 0);
    g_assert_true(sk_network_tap_sweep(tap.tag, NULL, sk_network_tap_newest(), &removed, &error));
    g_assert_cmpuint(removed, ==, 1);
    g_assert_true(sk_netlink_remove("br0", &error));
    for (guint i = 0; i < 2; i++)
        g_free(name[i]);
}

static void
test_bandwidth(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) fd = SK_FD_NONE;
    g_autofree char *name = NULL;
    SkBandwidth limits = { .in_average = 1000000, .in_peak = 2000000, .out_average = 500000 }, none = { 0 };
    SkTapSpec spec = tap;
    make_bridge("br0", 0);
    spec.bandwidth = &limits;
    if (!sk_network_tap_open(&spec, &fd, &name, &error) && sk_error_is(error, SK_ERROR_UNSUPPORTED)) {
        g_test_skip(error->message);
    } else {
        g_assert_no_error(error);
        g_autofree char *to = live_run(0, "tc qdisc show dev skt0-t1"), *from = live_run(0, "nft list table netdev skep_t1");
        g_assert_nonnull(strstr(to, "rate 8Mbit"));
        g_assert_nonnull(strstr(to, "peakrate 16Mbit"));
        g_assert_nonnull(strstr(from, "500000 bytes/second"));
        limits = (SkBandwidth){ .out_average = 700000 };
        g_assert_true(sk_network_tap_limit("t1", name, &limits, &error));
        g_autofree char *changed = live_run(0, "tc qdisc show dev skt0-t1; nft list table netdev skep_t1");
        g_assert_null(strstr(changed, "tbf"));
        g_assert_nonnull(strstr(changed, "700000 bytes/second"));
        g_assert_null(strstr(changed, "500000 bytes/second"));
        g_assert_true(sk_network_tap_limit("t1", name, &none, &error));
        g_autofree char *free = live_run(0, "nft list table netdev skep_t1");
        g_assert_null(strstr(free, "bytes/second"));
        g_assert_true(sk_network_tap_limit("t1", name, &limits, &error));
        g_assert_true(sk_network_tap_remove("t1", name, &error));
        g_autofree char *gone = live_run(0, "nft list table netdev skep_t1");
        g_assert_null(strstr(gone, "chain"));
    }
    g_assert_cmpuint(count_ours(), ==, 0);
    g_assert_true(sk_netlink_remove("br0", NULL));
}

static void
test_may_change(void)
{
    g_autofree char *why = NULL;
    g_assert_true(sk_netlink_may_change(&why));
    g_assert_null(why);
}

int
main(int argc, char **argv)
{
    const char *why = NULL;
    g_test_init(&argc, &argv, NULL);
    if (!live_enter(&why)) {
        g_print("1..0 # SKIP %s\n", why);
        return 0;
    }
    g_test_add_func("/tap/open", test_open);
    g_test_add_func("/tap/statistics", test_statistics);
    g_test_add_func("/tap/faults", test_faults);
    g_test_add_func("/tap/errors", test_errors);
    g_test_add_func("/tap/alone", test_alone);
    g_test_add_func("/tap/macvtap", test_macvtap);
    g_test_add_func("/tap/sweep", test_sweep);
    g_test_add_func("/tap/sweep-spares-newer", test_sweep_spares_newer);
    g_test_add_func("/tap/bandwidth", test_bandwidth);
    g_test_add_func("/tap/may-change", test_may_change);
    return g_test_run();
}
