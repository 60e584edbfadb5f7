/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Networks up and down on a real kernel, in a namespace: every step, every failure, guests' traffic. */
#include <arpa/inet.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "base/undo.h"
#include "live.h"
#include "network/dnsmasq.h"
#include "network/leases.h"
#include "network/netlink/links.h"
#include "network/nft/firewall.h"
#include "network/nft/rules.h"
#include "network/subnet.h"

#define MAC1 "52:54:00:00:00:01"
#define MAC2 "52:54:00:00:00:02"

static void
bring_up(Live *live)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkNetworkRunning) running = { 0 };
    sk_network_up(live->spec, &live->paths, &running, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(running.bridge, ==, live->spec->bridge);
}

static void
apply_rules(Live *live)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkNetworkRules) rules = sk_network_rules_new(live->paths.tag);
    sk_network_rules_add(rules, live->spec);
    sk_network_rules_apply(rules, &error);
    g_assert_no_error(error);
}

static void
assert_nothing_left(Live *live)
{
    g_assert_cmpuint(sk_netlink_index(live->spec->bridge), ==, 0);
    g_assert_cmpint(sk_dnsmasq_pid(live->spec->name, &live->paths), ==, 0);
    g_assert_false(sk_network_is_up(live->spec, &live->paths));
}

/* -- up and down ------------------------------------------------------------------------------------------- */

static void
test_up_down(Live *live, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    /* What a daemon that was killed after its first step leaves. */
    g_assert_true(sk_netlink_bridge_add(live->spec->bridge, live->spec->mac, 0, &error));
    g_assert_false(sk_network_is_up(live->spec, &live->paths));
    bring_up(live);
    g_assert_true(sk_network_is_up(live->spec, &live->paths));
    g_autofree SkLink *link = sk_netlink_link(live->spec->bridge, &error);
    g_assert_cmpstr(link->kind, ==, "bridge");
    g_assert_cmpstr(link->mac, ==, live->spec->mac);
    g_assert_true(link->flags & IFF_UP);
    g_autoptr(GPtrArray) addresses = sk_netlink_addresses(live->spec->bridge, &error);
    g_assert_cmpuint(addresses->len, ==, 3);
    pid_t pid = sk_dnsmasq_pid(live->spec->name, &live->paths);
    g_assert_cmpint(pid, >, 1);

    /* Again, as after a crash before it was written down: the same is used. */
    bring_up(live);
    g_assert_cmpint(sk_dnsmasq_pid(live->spec->name, &live->paths), ==, pid);
    g_assert_true(sk_network_down(live->spec, &live->paths, &error));
    assert_nothing_left(live);
    g_assert_true(sk_network_down(live->spec, &live->paths, &error));
}

static void
test_faults(Live *live, gconstpointer unused)
{
    static const char *const steps[] = { "network-up/bridge", "network-up/address", "network-up/link", "network-up/routes",
                                         "network-up/forwarding", "network-up/dnsmasq", "dnsmasq/config", "dnsmasq/start" };
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(SkNetworkRunning) running = { 0 };
        sk_fault_set(steps[i]);
        g_assert_false(sk_network_up(live->spec, &live->paths, &running, &error));
        sk_fault_set(NULL);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, steps[i]));
        g_assert_null(running.bridge);
        assert_nothing_left(live);
    }
    bring_up(live);
}

static void
test_reattach(Live *live, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkNetworkRunning) running = { 0 }, again = { 0 }, after_boot = { 0 };
    bring_up(live);
    pid_t guest = live_guest_new("vg1", MAC1, live->spec->bridge);
    g_autofree SkLink *bridge = sk_netlink_link(live->spec->bridge, &error);

    g_assert_true(sk_network_reattach(live->spec, &live->paths, &running, &error));
    g_assert_cmpuint(running.mended, ==, 0);
    g_assert_nonnull(running.lease_path);

    kill(sk_dnsmasq_pid("default", &live->paths), SIGKILL);
    while (sk_dnsmasq_pid("default", &live->paths) != 0)
        g_thread_yield();
    g_assert_true(sk_netlink_address_remove(live->spec->bridge, live->spec->ipv4, &error));
    sk_network_reattach(live->spec, &live->paths, &again, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(again.mended, ==, 2);
    g_autofree SkLink *port = sk_netlink_link("vg1", &error);
    g_assert_cmpuint(port->master, ==, bridge->index);
    g_autofree char *told = live_dhcp(live, guest);
    g_assert_true(g_str_has_prefix(told, "192.168.100."));

    live_end(guest);
    g_assert_true(sk_network_down(live->spec, &live->paths, &error));
    g_assert_true(sk_network_reattach(live->spec, &live->paths, &after_boot, &error));
    g_assert_cmpuint(after_boot.mended, >, 2);
    g_assert_true(sk_network_is_up(live->spec, &live->paths));
}

static void
test_update(Live *live, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    bring_up(live);
    SkNetworkSpec *changed = sk_value_copy(&sk_network_spec_type, live->spec);
    g_free(changed->ipv4);
    changed->ipv4 = g_strdup("192.168.150.1/24");
    changed->mtu = 1400;
    sk_network_update(live->spec, changed, &live->paths, &error);
    g_assert_no_error(error);
    g_autofree SkLink *link = sk_netlink_link(live->spec->bridge, &error);
    g_assert_cmpuint(link->mtu, ==, 1400);
    g_assert_true(sk_dnsmasq_is_current(changed, &live->paths));
    g_autofree char *addresses = live_run(0, "ip -4 -br addr");
    g_assert_nonnull(strstr(addresses, "192.168.150.1/24"));
    g_assert_null(strstr(addresses, "192.168.100.1/24"));
    g_free(changed->bridge);
    changed->bridge = g_strdup("skbr9");
    g_assert_false(sk_network_update(live->spec, changed, &live->paths, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_STATE);
    sk_value_free(&sk_network_spec_type, changed);
}

static void
test_sweep(Live *live, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    const char *const keep_bridges[] = { live->spec->bridge, NULL };
    const char *const keep_networks[] = { "default", NULL };
    guint removed = 99;
    bring_up(live);
    g_assert_true(sk_network_sweep(&live->paths, keep_bridges, keep_networks, &removed, &error));
    g_assert_cmpuint(removed, ==, 0);
    g_assert_true(sk_network_is_up(live->spec, &live->paths));
    g_assert_true(sk_netlink_bridge_add("skbr7-t1", NULL, 0, &error));
    g_assert_true(sk_netlink_bridge_add("skbr7-t2", NULL, 0, &error));
    g_assert_true(sk_network_sweep(&live->paths, NULL, NULL, &removed, &error));
    g_assert_cmpuint(removed, ==, 3);
    assert_nothing_left(live);
    g_assert_cmpuint(sk_netlink_index("skbr7-t2"), !=, 0);
    g_assert_true(sk_netlink_remove("skbr7-t2", &error));
}

/* -- what is in the way --------------------------------------------------------------------------------------- */

static void
fail_up(Live *live, SkError code, const char *says)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkNetworkRunning) running = { 0 };
    g_assert_false(sk_network_up(live->spec, &live->paths, &running, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, SK_ERROR, (gint) code);
    g_assert_nonnull(strstr(error->message, says));
}

static void
test_conflicts(Live *live, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    const char *bridge = live->spec->bridge;
    g_assert_true(sk_netlink_bridge_add(bridge, "52:54:00:99:99:99", 0, &error));
    fail_up(live, SK_ERROR_EXISTS, bridge);
    g_assert_cmpuint(sk_netlink_index(bridge), !=, 0);
    g_assert_true(sk_network_down(live->spec, &live->paths, &error));
    g_assert_cmpuint(sk_netlink_index(bridge), !=, 0);
    g_assert_true(sk_netlink_remove(bridge, &error));

    g_autofree char *made = live_run(0, "ip link add other type bridge && ip link set other up && "
                                        "ip addr add 192.168.0.5/16 dev other && ip route add 10.0.0.0/8 dev other");
    g_assert_nonnull(made);
    fail_up(live, SK_ERROR_IN_USE, "192.168.0.5/16");
    g_free(live->spec->ipv4);
    live->spec->ipv4 = g_strdup("10.1.1.1/24");
    fail_up(live, SK_ERROR_IN_USE, "10.0.0.0/8 on \"other\"");
    assert_nothing_left(live);

    g_clear_pointer(&live->spec->ipv4, g_free);
    g_clear_pointer(&live->spec->ipv6, g_free);
    g_assert_false(sk_network_complete(live->spec, &live->paths, NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_assert_true(sk_netlink_remove("other", NULL));
}

static void
test_complete(Live *live, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    SkNetworkSpec *other = sk_value_copy(&sk_network_spec_type, live->spec);
    g_free(other->name);
    other->name = g_strdup("other");
    g_ptr_array_add(others, other);
    g_clear_pointer(&live->spec->bridge, g_free);
    g_clear_pointer(&live->spec->ipv4, g_free);
    g_clear_pointer(&live->spec->ipv6, g_free);
    g_assert_true(sk_network_complete(live->spec, &live->paths, others, &error));
    g_assert_cmpstr(live->spec->bridge, ==, "skbr1-t1");
    g_assert_cmpstr(live->spec->ipv4, ==, "192.168.101.1/24");
    g_free(live->spec->bridge);
    live->spec->bridge = g_strdup(other->bridge);
    g_assert_false(sk_network_complete(live->spec, &live->paths, others, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    g_autofree char *six = sk_subnet_choose_ipv6(NULL, NULL);
    g_assert_true(g_str_has_prefix(six, "fd"));
    sk_value_free(&sk_network_spec_type, other);
}

static void
test_existing_bridge(Live *live, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&live->spec->ipv4, g_free);
    g_clear_pointer(&live->spec->ipv6, g_free);
    live->spec->forward = SK_FORWARD_BRIDGE;
    g_free(live->spec->bridge);
    live->spec->bridge = g_strdup("lan0");
    fail_up(live, SK_ERROR_NOT_FOUND, "lan0");
    g_assert_true(sk_netlink_bridge_add("lan0", NULL, 0, &error));
    bring_up(live);
    g_assert_true(sk_network_is_up(live->spec, &live->paths));
    g_assert_true(sk_network_down(live->spec, &live->paths, &error));
    g_assert_cmpuint(sk_netlink_index("lan0"), !=, 0);
    g_assert_true(sk_netlink_remove("lan0", &error));
    g_free(live->spec->bridge);
    live->spec->bridge = g_strdup("lo");
    fail_up(live, SK_ERROR_INVALID, "no bridge");
}

static void
test_port_in_use(Live *live, gconstpointer unused)
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(53) };
    g_auto(SkFd) fd = socket(AF_INET, SOCK_DGRAM, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *) &any, sizeof any), ==, 0);
    fail_up(live, SK_ERROR_HOST, "Address already in use");
    assert_nothing_left(live);
}

static void
test_no_dnsmasq(Live *live, gconstpointer unused)
{
    live->paths.dnsmasq = "no-such-dnsmasq";
    fail_up(live, SK_ERROR_HOST, "apt install dnsmasq-base");
    assert_nothing_left(live);
    live->paths.dnsmasq = NULL;
}

/* -- guests ------------------------------------------------------------------------------------------------------ */

static void
set_record(Live *live, const char *owner, const char *name, const char *mac, const char *ipv4, const char *ipv6)
{
    g_autoptr(GError) error = NULL;
    SkDnsRecord record = { name, mac, ipv4, ipv6 };
    sk_dnsmasq_record_set("default", live->spec->domain, &live->paths, owner, &record, 1, &error);
    g_assert_no_error(error);
}

static void
assert_name(pid_t where, const char *question, const char *answer)
{
    g_autofree char *line = g_strdup_printf("dig +short +time=5 +tries=3 @192.168.100.1 %s", question);
    g_autofree char *text = live_run(where, line);
    g_assert_cmpstr(text, ==, answer);
}

static void
test_dhcp_and_dns(Live *live, gconstpointer private)
{
    g_autoptr(GError) error = NULL;
    bring_up(live);
    g_autofree char *look = g_strdup_printf("ps -o user= -p %d", (gint) sk_dnsmasq_pid("default", &live->paths));
    g_autofree char *user = live_run(0, look);
    g_assert_cmpint(g_str_equal(user, "root"), ==, private != NULL);
    apply_rules(live);
    set_record(live, "uuid-1", "web1", MAC1, "192.168.100.77", "fd00:1::77");
    set_record(live, "uuid-2", "web2", MAC2, NULL, NULL);
    pid_t one = live_guest_new("vg1", MAC1, live->spec->bridge);
    pid_t two = live_guest_new("vg2", MAC2, live->spec->bridge);
    g_autofree char *told = live_dhcp(live, one);
    g_assert_cmpstr(told, ==, "192.168.100.77 192.168.100.1 default.skep");
    g_autofree char *told_two = live_dhcp(live, two);
    g_assert_nonnull(told_two);
    g_autofree char *two_ip = g_strndup(told_two, strcspn(told_two, " "));

    const pid_t places[] = { one, two, 0 };
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        assert_name(places[i], "web1.default.skep A", "192.168.100.77");
        assert_name(places[i], "web1.default.skep AAAA", "fd00:1::77");
        assert_name(places[i], "web2.default.skep A", two_ip);
        assert_name(places[i], "-x 192.168.100.77", "web1.default.skep.");
        assert_name(places[i], "nobody.default.skep A", "");
    }
    g_autofree char *path = sk_network_lease_path(&live->paths, "default");
    g_autoptr(GPtrArray) leases = sk_leases_read(path, &error);
    g_assert_cmpstr(sk_leases_find(leases, MAC1)->ip, ==, "192.168.100.77");
    g_assert_cmpstr(sk_leases_find(leases, MAC2)->hostname, ==, "web2");

    /* Router advertisements: the guest gets its way out by itself. */
    g_autofree char *route = live_run(one, "until ip -6 route show default | grep -q 'via fe80'; do busybox usleep 50000; done; echo ok");
    g_assert_cmpstr(route, ==, "ok");
    live_end(one);
    live_end(two);
}

/* Of a guest that is gone, by its MAC and by the MAC in its DUID; a running dnsmasq is told, and others keep theirs. */
static void
test_release(Live *live, gconstpointer unused)
{
    static const char *const macs[] = { MAC1, NULL };
    g_autofree char *path = sk_network_lease_path(&live->paths, "default");
    g_autofree char *text = g_strdup("4000000000 " MAC1 " 192.168.100.50 web1 01:" MAC1 "\n4000000000 " MAC2 " 192.168.100.51 * *\n"
                                     "duid 00:01:00:01:31:11:22:33:02:00:00:00:00:01\n"
                                     "4000000000 1 fd00:1::150 * 00:03:00:01:" MAC1 "\n4000000000 2 fd00:1::151 * 00:03:00:01:" MAC2 "\n");
    g_assert_cmpint(g_mkdir_with_parents(live->state, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    bring_up(live);
    /* Without a port the bridge has no carrier, and nothing can be sent on it. */
    pid_t guest = live_guest_new("vg1", MAC2, live->spec->bridge);
    sk_leases_release("default", &live->paths, macs);
    g_autofree char *wait = g_strdup_printf("until ! grep -q '" MAC1 "' %s; do busybox usleep 20000; done; grep -c '" MAC2 "' %s", path, path);
    g_autofree char *left = live_run(0, wait);
    g_assert_cmpstr(left, ==, "2");
    g_assert_cmpint(sk_dnsmasq_pid("default", &live->paths), >, 0);
    live_end(guest);

    /* One that does not run has its file changed. */
    g_assert_true(sk_dnsmasq_stop("default", &live->paths, NULL));
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    sk_leases_release("default", &live->paths, macs);
    g_autofree char *after = sk_fs_read(path, 65536, NULL, NULL);
    g_assert_null(strstr(after, MAC1));
    g_assert_nonnull(strstr(after, "\nduid "));
    g_assert_nonnull(strstr(after, "fd00:1::151"));
}

static void
assert_reaches(pid_t from, const char *as)
{
    g_autofree char *text = live_run(from, "busybox nc -w 10 203.0.113.2 7777 </dev/null");
    g_assert_cmpstr(text, ==, as);
}

static void
test_traffic(Live *live, gconstpointer unused)
{
    bring_up(live);
    pid_t guest = live_guest_new("vg1", MAC1, live->spec->bridge);
    pid_t outside = live_outside_new("vout");
    g_autofree char *set = live_run(guest, "ip addr add 192.168.100.9/24 dev eth0 && ip route add default via 192.168.100.1 && "
                                           "ip addr add fd00:1::9/64 dev eth0 nodad && ip -6 route add default via fd00:1::1");
    g_autofree char *back = live_run(outside, "ip route add 192.168.100.0/24 via 203.0.113.1 && ip route add 198.51.100.7 via 203.0.113.1");
    g_autofree char *to_false = live_run(0, "ip route add 198.51.100.7 dev skbr0-t1");
    g_assert_nonnull(set);
    g_assert_nonnull(back);
    g_assert_nonnull(to_false);

    live->spec->forward = SK_FORWARD_NAT;
    apply_rules(live);
    assert_reaches(guest, "::ffff:203.0.113.1");
    g_autofree char *six = live_run(guest, "busybox nc -w 10 2001:db8::2 7777 </dev/null");
    g_assert_cmpstr(six, ==, "2001:db8::1");
    g_autofree char *in = live_run(outside, "busybox ping -c 1 -W 2 192.168.100.9");
    g_assert_null(in);
    g_autofree char *false_sender = live_run(guest, "ip addr add 198.51.100.7/32 dev eth0 && busybox ping -c 1 -W 2 -I 198.51.100.7 203.0.113.2");
    g_assert_null(false_sender);

    live->spec->forward = SK_FORWARD_ROUTE;
    apply_rules(live);
    assert_reaches(guest, "::ffff:192.168.100.9");
    g_autofree char *routed = live_run(outside, "busybox ping -c 1 -W 5 192.168.100.9");
    g_assert_nonnull(routed);

    live->spec->forward = SK_FORWARD_ISOLATED;
    apply_rules(live);
    assert_reaches(guest, NULL);
    g_autofree char *host = live_run(guest, "busybox ping -c 1 -W 5 192.168.100.1");
    g_assert_nonnull(host);

    live->spec->forward = SK_FORWARD_NAT;
    live->spec->forward_device = g_strdup("elsewhere");
    apply_rules(live);
    assert_reaches(guest, NULL);
    g_clear_pointer(&live->spec->forward_device, g_free);
    apply_rules(live);
    assert_reaches(guest, "::ffff:203.0.113.1");
    live_end(guest);
    live_end(outside);
    g_assert_true(sk_netlink_remove("vout", NULL));
}

/* -- rules ----------------------------------------------------------------------------------------------------------- */

static void
test_rules(Live *live, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    guint blocked = 99;
    g_autofree char *none = NULL, *chains = NULL;
    g_autofree char *other = live_run(0, "nft 'table inet other { chain f { type filter hook forward priority 0; policy accept; }; }'");
    g_assert_nonnull(other);
    g_autofree char *before = live_run(0, "nft list table inet other");
    apply_rules(live);
    apply_rules(live);
    g_autofree char *ours = live_run(0, "nft list table inet skep_t1 | grep -c masquerade");
    g_assert_cmpstr(ours, ==, "2");

    sk_fault_set("network-rules/apply");
    g_autoptr(SkNetworkRules) empty = sk_network_rules_new("t1");
    g_assert_false(sk_network_rules_apply(empty, &error));
    sk_fault_set(NULL);
    g_clear_error(&error);
    g_autofree char *still = live_run(0, "nft list table inet skep_t1 | grep -c masquerade");
    g_assert_cmpstr(still, ==, "2");

    g_assert_true(sk_network_firewall_blocked("t1", &blocked, &none, &error));
    g_assert_cmpuint(blocked, ==, 0);
    g_autofree char *close = live_run(0, "nft 'chain inet other f { policy drop; }'");
    g_assert_true(sk_network_firewall_blocked("t1", &blocked, &chains, &error));
    g_assert_cmpuint(blocked, ==, SK_BLOCKED_FORWARD);
    g_assert_cmpstr(chains, ==, "inet other f");
    g_autofree char *open = live_run(0, "nft 'chain inet other f { policy accept; }'");

    g_assert_true(sk_network_rules_remove("t1", &error));
    g_assert_true(sk_network_rules_remove("t1", &error));
    g_assert_no_error(error);
    g_autofree char *tables = live_run(0, "nft list tables");
    g_assert_cmpstr(tables, ==, "table inet other");
    g_autofree char *after = live_run(0, "nft list table inet other");
    g_assert_cmpstr(after, ==, before);
    g_autofree char *end = live_run(0, "nft delete table inet other");
}

/* The tests themselves are workers, so that another thread has to be the main one. */
static gpointer
be_main(gpointer unused)
{
    (void) unused;
    sk_thread_init();
    return NULL;
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*func)(Live *, gconstpointer);
    } tests[] = { { "/live/up-down", test_up_down },
                  { "/live/faults", test_faults },
                  { "/live/reattach", test_reattach },
                  { "/live/update", test_update },
                  { "/live/sweep", test_sweep },
                  { "/live/conflicts", test_conflicts },
                  { "/live/complete", test_complete },
                  { "/live/existing-bridge", test_existing_bridge },
                  { "/live/port-in-use", test_port_in_use },
                  { "/live/no-dnsmasq", test_no_dnsmasq },
                  { "/live/dhcp-and-dns/open", test_dhcp_and_dns },
                  { "/live/release", test_release },
                  { "/live/traffic", test_traffic },
                  { "/live/rules", test_rules } };
    const char *why = NULL;
    g_test_init(&argc, &argv, NULL);
    g_thread_join(g_thread_new("main", be_main, NULL));
    if (!live_enter(&why)) {
        g_print("1..0 # SKIP %s\n", why);
        return 0;
    }
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, Live, NULL, live_set_up, tests[i].func, live_tear_down);
    g_test_add("/live/dhcp-and-dns/private", Live, "private", live_set_up, test_dhcp_and_dns, live_tear_down);
    return g_test_run();
}
