/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Subnet arithmetic, and names of links and tables. */
#include "base/error.h"
#include "network/paths.h"
#include "network/subnet.h"
#include "network/tap.h"

static void
test_overlap(void)
{
    static const struct {
        const char *a, *b;
        gboolean overlap;
    } cases[] = {
        { "192.168.100.1/24", "192.168.100.200/24", TRUE }, { "192.168.100.1/24", "192.168.101.1/24", FALSE },
        { "10.0.0.0/8", "10.20.30.1/24", TRUE },            { "10.20.30.1/24", "10.0.0.0/8", TRUE },
        { "0.0.0.0/0", "10.0.0.1/24", TRUE },               { "10.0.0.1/32", "10.0.0.2/32", FALSE },
        { "10.0.0.0/31", "10.0.0.1/32", TRUE },             { "fd00:1::1/64", "fd00:1::/48", TRUE },
        { "fd00:1::1/64", "fd00:1:0:1::1/64", FALSE },      { "fd00:1::1/64", "10.0.0.1/24", FALSE },
        { "nonsense", "10.0.0.1/24", FALSE },               { "10.0.0.1/33", "10.0.0.1/24", FALSE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s %s", cases[i].a, cases[i].b);
        g_assert_cmpint(sk_subnet_overlaps(cases[i].a, cases[i].b), ==, cases[i].overlap);
    }
}

static void
test_parts(void)
{
    g_autofree char *network = sk_subnet_network("192.168.100.77/20");
    g_autofree char *six = sk_subnet_network("fd00:1::abcd/64");
    g_autofree char *mask = sk_subnet_netmask("10.0.0.1/22");
    g_autofree char *address = sk_subnet_address("10.0.0.1/22");
    g_assert_cmpstr(network, ==, "192.168.96.0/20");
    g_assert_cmpstr(six, ==, "fd00:1::/64");
    g_assert_cmpstr(mask, ==, "255.255.252.0");
    g_assert_cmpstr(address, ==, "10.0.0.1");
    g_assert_cmpuint(sk_subnet_bits("10.0.0.1/22"), ==, 22);
    g_assert_null(sk_subnet_network("10.0.0.1"));
}

static void
test_range(void)
{
    static const struct {
        const char *subnet, *start, *end;
    } cases[] = {
        { "192.168.100.1/24", "192.168.100.2", "192.168.100.254" },
        { "192.168.100.254/24", "192.168.100.1", "192.168.100.253" },
        { "192.168.100.100/24", "192.168.100.101", "192.168.100.254" },
        { "10.0.0.1/16", "10.0.0.2", "10.0.255.254" },
        { "10.0.0.1/30", "10.0.0.2", "10.0.0.2" },
        { "10.0.0.2/30", "10.0.0.1", "10.0.0.1" },
        { "10.0.0.1/31", NULL, NULL },
        { "10.0.0.1/32", NULL, NULL },
        { "fd00:1::1/64", "fd00:1::100", "fd00:1::ffff" },
        { "fd00:1::1/120", NULL, NULL },
        { "nonsense", NULL, NULL },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *start = NULL, *end = NULL;
        g_autoptr(GError) error = NULL;
        g_test_message("%s", cases[i].subnet);
        g_assert_cmpint(sk_subnet_dhcp_range(cases[i].subnet, &start, &end, &error), ==, cases[i].start != NULL);
        g_assert_cmpstr(start, ==, cases[i].start);
        g_assert_cmpstr(end, ==, cases[i].end);
        if (cases[i].start == NULL)
            g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    }
}

static void
test_names(void)
{
    g_autofree char *root_tag = sk_network_tag_of_root("/tmp/x");
    g_autofree char *same = sk_network_tag_of_root("/tmp/../tmp/x/");
    g_autofree char *table = sk_network_table_name("ab12cd"), *plain = sk_network_table_name("");
    static const struct {
        const char *tag, *name;
        gboolean ours;
    } cases[] = {
        { "", "skt0", TRUE },          { "", "skt12", TRUE },        { NULL, "skm3", TRUE },     { "", "skt0-abc", FALSE },
        { "abc", "skt0-abc", TRUE },   { "abc", "skt0-abd", FALSE }, { "abc", "skt-abc", FALSE }, { "abc", "skt0", FALSE },
        { "abc", "skt0-abcd", FALSE }, { "", "sktx", FALSE },        { "", "eth0", FALSE },      { "", "skbr0", FALSE },
    };
    g_assert_cmpuint(strlen(root_tag), ==, 6);
    g_assert_cmpstr(root_tag, ==, same);
    g_assert_cmpstr(table, ==, "skep_ab12cd");
    g_assert_cmpstr(plain, ==, "skep");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].name);
        g_assert_cmpint(sk_network_tap_is_ours(cases[i].tag, cases[i].name), ==, cases[i].ours);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/subnet/overlap", test_overlap);
    g_test_add_func("/subnet/parts", test_parts);
    g_test_add_func("/subnet/range", test_range);
    g_test_add_func("/subnet/names", test_names);
    return g_test_run();
}
