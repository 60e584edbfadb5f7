/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules as data: each folder-less case of tests/golden/nft/ is NAME.in.json (a SkNetworkRules) and NAME.out.json (the
 * transaction). SKEP_GOLDEN=write makes the latter anew.
 */
#include <string.h>

#include "base/fs.h"
#include "codec/json/json.h"
#include "network/bandwidth.h"
#include "network/nft/firewall-chains.h"
#include "network/nft/firewall.h"
#include "network/nft/rules.h"

static char *
golden_path(const char *name)
{
    return g_build_filename(g_getenv("SKEP_GOLDEN_DIR"), name, NULL);
}

static void
compare(const char *name, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = golden_path(name);
    if (g_strcmp0(g_getenv("SKEP_GOLDEN"), "write") == 0)
        g_assert_true(sk_fs_write(path, text, -1, 0644, &error));
    g_autofree char *wanted = sk_fs_read(path, 1024 * 1024, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, wanted);
}

static void
test_golden(gconstpointer data)
{
    const char *name = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *in_name = g_strconcat(name, ".in.json", NULL), *out_name = g_strconcat(name, ".out.json", NULL);
    g_autofree char *path = golden_path(in_name);
    g_autofree char *text = sk_fs_read(path, 1024 * 1024, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(SkNetworkRules) rules = sk_json_decode_text(&sk_network_rules_type, text, strlen(text), name, &error);
    g_assert_no_error(error);
    if (rules->networks == NULL)
        rules->networks = sk_value_list_new(&sk_network_rule_type);
    g_autofree char *json = sk_network_rules_json(rules);
    compare(out_name, json);
}

static void
test_add(void)
{
    SkNetworkSpec nat = { .bridge = (char *) "skbr0", .ipv4 = (char *) "10.0.0.1/24" };
    SkNetworkSpec bridge = { .bridge = (char *) "br0", .forward = SK_FORWARD_BRIDGE };
    g_autoptr(SkNetworkRules) rules = sk_network_rules_new("t");
    sk_network_rules_add(rules, &nat);
    sk_network_rules_add(rules, &bridge);
    g_assert_cmpuint(rules->networks->len, ==, 1);
    g_assert_cmpstr(((SkNetworkRule *) rules->networks->pdata[0])->ipv4, ==, "10.0.0.1/24");
}

static void
test_bandwidth(void)
{
    SkBandwidth limits = { .out_average = 1000000, .out_peak = 2000000 }, none = { .in_average = 5 };
    g_autofree char *json = sk_bandwidth_rules_json("t", "skt0-t", &limits);
    compare("bandwidth.out.json", json);
    g_assert_null(sk_bandwidth_rules_json("t", "skt0-t", &none));
    g_assert_false(sk_bandwidth_is_empty(&none));
    g_assert_true(sk_bandwidth_is_empty(NULL));
}

static void
test_firewall(void)
{
    static const char answer[] =
        "{\"nftables\":[{\"metainfo\":{}},"
        "{\"chain\":{\"family\":\"ip\",\"table\":\"filter\",\"name\":\"FORWARD\",\"hook\":\"forward\",\"policy\":\"drop\"}},"
        "{\"chain\":{\"family\":\"inet\",\"table\":\"fw\",\"name\":\"in\",\"hook\":\"input\",\"policy\":\"drop\"}},"
        "{\"chain\":{\"family\":\"inet\",\"table\":\"fw\",\"name\":\"out\",\"hook\":\"output\",\"policy\":\"drop\"}},"
        "{\"chain\":{\"family\":\"inet\",\"table\":\"skep\",\"name\":\"f\",\"hook\":\"forward\",\"policy\":\"drop\"}},"
        "{\"chain\":{\"family\":\"bridge\",\"table\":\"b\",\"name\":\"f\",\"hook\":\"forward\",\"policy\":\"drop\"}},"
        "{\"chain\":{\"family\":\"ip\",\"table\":\"nat\",\"name\":\"plain\"}}, 5, {\"chain\":7}]}";
    g_autoptr(json_t) json = sk_json_parse(answer, strlen(answer), "answer", NULL);
    g_autofree char *chains = NULL;
    g_assert_cmpuint(sk_firewall_closed_ways(json, "skep", &chains), ==, SK_BLOCKED_FORWARD | SK_BLOCKED_INPUT);
    g_assert_cmpstr(chains, ==, "ip filter FORWARD, inet fw in");
    g_assert_cmpuint(sk_firewall_closed_ways(NULL, "skep", NULL), ==, 0);
}

int
main(int argc, char **argv)
{
    static const char *const cases[] = { "none", "nat", "nat-device", "route", "isolated", "many", "nat-ports" };
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/rules/golden/", cases[i], NULL);
        g_test_add_data_func(path, cases[i], test_golden);
    }
    g_test_add_func("/rules/add", test_add);
    g_test_add_func("/rules/bandwidth", test_bandwidth);
    g_test_add_func("/rules/firewall", test_firewall);
    return g_test_run();
}
