/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Networks: what is filled in and what the rules say. */
#include <string.h>

#include "base/error.h"
#include "model/dnsmasq-option.h"
#include "model/network.h"

static SkNetworkSpec *
make(const char *name, const char *words)
{
    SkNetworkSpec *spec = sk_value_new(&sk_network_spec_type);
    g_auto(GStrv) list = g_strsplit(words, " ", -1);
    spec->name = g_strdup(name);
    for (guint i = 0; list[i] != NULL && *list[i] != '\0'; i++) {
        g_autoptr(GError) error = NULL;
        char *equals = strchr(list[i], '=');
        *equals = '\0';
        if (g_str_equal(list[i], "host")) {
            SkNetworkHost *host = sk_value_new(&sk_network_host_type);
            host->ip = g_strdup(equals + 1);
            host->mac = g_strdup("52:54:00:00:00:01");
            spec->hosts = spec->hosts != NULL ? spec->hosts : sk_value_list_new(&sk_network_host_type);
            g_ptr_array_add(spec->hosts, host);
            continue;
        }
        sk_field_set_text(sk_type_find(&sk_network_spec_type, list[i]), spec, equals + 1, NULL, &error);
        g_assert_no_error(error);
    }
    return spec;
}

/* Names may have what a DNS label may not; the domain made of one is right all the same. */
static void
test_complete(void)
{
    static const char *const names[][2] = {
        { "default", "default.skep" }, { "my_net.lan+x", "my-net-lan-x.skep" }, { "a_", "a.skep" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        SkNetworkSpec *spec = make(names[i][0], "");
        sk_network_spec_complete(spec);
        g_assert_cmpstr(spec->domain, ==, names[i][1]);
        sk_value_check(&sk_network_spec_type, spec, NULL, &error);
        g_assert_no_error(error);
        SkNetworkSpec *once = sk_value_copy(&sk_network_spec_type, spec);
        sk_network_spec_complete(spec);
        g_assert_true(sk_value_equal(&sk_network_spec_type, spec, once));
        sk_value_free(&sk_network_spec_type, once);
        sk_value_free(&sk_network_spec_type, spec);
    }
}

static const struct {
    const char *words;
    const char *message;    /* NULL: right */
} rules[] = {
    { "", NULL },
    { "ipv4=192.168.7.1/24 dhcp_start=192.168.7.10 dhcp_end=192.168.7.20 host=192.168.7.5", NULL },
    { "ipv6=fd00:7::1/64 dhcp6_start=fd00:7::10 dhcp6_end=fd00:7::ff host=fd00:7::5", NULL },
    { "ipv4=10.0.0.1/9 dhcp_start=10.127.0.1 dhcp_end=10.127.255.255", NULL },
    { "forward=bridge", "bridge is missing: forward \"bridge\" needs the name of an existing one" },
    { "forward=bridge bridge=br0 ipv4=10.0.0.1/8", "ipv4 and ipv6 are not ours to give on an existing bridge" },
    { "ipv4=fd00::1/64", "ipv4 \"fd00::1/64\" is an IPv6 subnet" },
    { "ipv6=10.0.0.1/8", "ipv6 \"10.0.0.1/8\" is an IPv4 subnet" },
    { "ipv4=10.0.0.1/8 dhcp_start=10.0.0.5", "the start and the end of a DHCP range go together: both or none" },
    { "dhcp_start=10.0.0.5 dhcp_end=10.0.0.6", "dhcp_start \"10.0.0.5\" needs a subnet to be in" },
    { "ipv4=192.168.7.1/24 dhcp_start=192.168.7.2 dhcp_end=192.168.8.2", "dhcp_end \"192.168.8.2\" is not in the subnet 192.168.7.1/24" },
    { "ipv4=10.0.0.1/9 dhcp_start=10.127.0.1 dhcp_end=10.128.0.1", "dhcp_end \"10.128.0.1\" is not in the subnet 10.0.0.1/9" },
    { "ipv4=192.168.7.1/24 dhcp_start=fd00::1 dhcp_end=fd00::2", "dhcp_start \"fd00::1\" is not in the subnet 192.168.7.1/24" },
    { "ipv4=192.168.7.1/24 host=10.0.0.1", "hosts.ip \"10.0.0.1\" is not in the subnet 192.168.7.1/24" },
    { "lease_time=60", "lease_time is 60, it must be from 120 to 31536000" },
    { "domain=a..b", "domain \"\" is not a host name: give 1 to 63 letters, digits or \"-\"" },
    { "ipv6=fe80::1/64", "ipv6 \"fe80::1/64\" is not a subnet for guests: give one such as fd00:1::1/64" },
    { "ipv6=::ffff:1.2.3.4/96", "ipv6 \"::ffff:1.2.3.4/96\" is not a subnet for guests: give one such as fd00:1::1/64" },
    { "ipv4=169.254.169.254/16", "ipv4 \"169.254.169.254/16\" is not a subnet for guests: give one such as 192.168.100.1/24" },
    { "ipv4=192.168.7.1/24 host=192.168.7.1", "hosts.ip \"192.168.7.1\" is the host's own address" },
    { "ipv4=192.168.7.1/24 host=192.168.7.5 host=192.168.7.6", "two hosts have the MAC address \"52:54:00:00:00:01\"" },
    { "ipv4=192.168.7.1/24 ipv6=fd00:7::1/64 host=192.168.7.5 host=fd00:7::5", NULL },
    { "mtu=10", "mtu is 10, it must be at least 68" },
    { "mtu=1000 ipv6=fd00:7::1/64", "mtu is 1000, it must be at least 1280 for IPv6" },
    { "mtu=1400 ipv6=fd00:7::1/64", NULL },
    { "mac=00:00:00:00:00:00", "mac \"00:00:00:00:00:00\" is no interface's address" },
    { "bridge=all", "bridge \"all\" is a name that the kernel keeps for itself" },
    { "bridge=a/b", "bridge \"a/b\" is not an interface name: give 1 to 15 letters, digits or -_." },
};

static void
test_rules(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
        g_autoptr(GError) error = NULL;
        SkNetworkSpec *spec = make("lan", rules[i].words);
        g_test_message("%s", rules[i].words);
        gboolean ok = sk_value_check(&sk_network_spec_type, spec, NULL, &error);
        g_assert_cmpstr(ok ? NULL : error->message, ==, rules[i].message);
        sk_value_free(&sk_network_spec_type, spec);
    }
}

/* -- changes of one thing ------------------------------------------------------------------------------------------ */

static gint
edit(SkNetworkSpec *spec, SkEditVerb verb, SkNetworkHost *host, SkAddressRange *range)
{
    g_autoptr(GError) error = NULL;
    const SkNetworkEdit change = { .verb = (gint) verb, .host = host, .range = range };
    return sk_network_edit_apply(&change, spec, &error) ? -1 : error->code;
}

static void
test_dnsmasq_options(void)
{
    static const struct {
        const char *line;
        gint code;          /* 0: taken */
    } lines[] = { { "address=/.apps.test/10.0.0.1", 0 }, { "expand-hosts", 0 }, { "dhcp-option=42,0.0.0.0", 0 },
                  { "dhcp-script=/bin/sh", SK_ERROR_UNSUPPORTED }, { "conf-dir=/tmp", SK_ERROR_UNSUPPORTED }, { "log-facility=/etc/x", SK_ERROR_UNSUPPORTED },
                  { "user=root", SK_ERROR_UNSUPPORTED }, { "frobnicate", SK_ERROR_UNSUPPORTED }, { " dhcp-script=/bin/sh", SK_ERROR_INVALID },
                  { "dhcp-script =/bin/sh", SK_ERROR_INVALID }, { "expand-hosts\nuser=root", SK_ERROR_INVALID }, { "", SK_ERROR_INVALID } };
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", lines[i].line);
        g_assert_cmpint(sk_check_dnsmasq_option(lines[i].line, "dnsmasq_options", &error), ==, lines[i].code == 0);
        g_assert_cmpint(error != NULL ? error->code : 0, ==, lines[i].code);
    }
}

static void
test_edit_hosts(void)
{
    SkNetworkSpec *spec = make("lab", "ipv4=192.168.7.1/24 dhcp=false");
    char mac[] = "52:54:00:00:00:AA", same[] = "52:54:00:00:00:aa", ip[] = "192.168.7.9", other[] = "192.168.7.8";
    SkNetworkHost host = { .mac = mac, .ip = ip }, moved = { .mac = same, .ip = other }, by_ip = { .ip = other };
    g_assert_cmpint(edit(spec, SK_EDIT_DELETE, &host, NULL), ==, SK_ERROR_NOT_FOUND);
    g_assert_cmpint(edit(spec, SK_EDIT_ADD, &host, NULL), ==, -1);
    g_assert_true(spec->dhcp && !spec->dhcp_dynamic);
    g_assert_cmpint(edit(spec, SK_EDIT_ADD, &moved, NULL), ==, SK_ERROR_EXISTS);
    g_assert_cmpint(edit(spec, SK_EDIT_MODIFY, &moved, NULL), ==, -1);
    g_assert_cmpuint(spec->hosts->len, ==, 1);
    g_assert_cmpstr(((SkNetworkHost *) spec->hosts->pdata[0])->ip, ==, other);
    g_assert_cmpint(edit(spec, SK_EDIT_DELETE, &by_ip, NULL), ==, -1);
    g_assert_cmpuint(spec->hosts->len, ==, 0);
    sk_value_free(&sk_network_spec_type, spec);
}

/* The first range has a place of its own, and what is taken out does not become the whole subnet. */
static void
test_edit_ranges(void)
{
    SkNetworkSpec *spec = make("lab", "ipv4=192.168.7.1/24 dhcp_start=192.168.7.10 dhcp_end=192.168.7.20");
    char a[] = "192.168.7.10", b[] = "192.168.7.20", c[] = "192.168.7.30", d[] = "192.168.7.40";
    SkAddressRange first = { a, b }, second = { c, d };
    g_assert_cmpint(edit(spec, SK_EDIT_ADD, NULL, &first), ==, SK_ERROR_EXISTS);
    g_assert_cmpint(edit(spec, SK_EDIT_ADD, NULL, &second), ==, -1);
    g_assert_cmpuint(spec->dhcp_ranges->len, ==, 1);
    g_assert_cmpint(edit(spec, SK_EDIT_MODIFY, NULL, &second), ==, SK_ERROR_UNSUPPORTED);
    g_assert_cmpint(edit(spec, SK_EDIT_DELETE, NULL, &first), ==, -1);
    g_assert_null(spec->dhcp_start);
    g_assert_false(spec->dhcp_dynamic);
    g_assert_cmpint(edit(spec, SK_EDIT_DELETE, NULL, &second), ==, -1);
    g_assert_cmpint(edit(spec, SK_EDIT_ADD, NULL, &second), ==, -1);
    g_assert_cmpstr(spec->dhcp_start, ==, c);
    g_assert_true(spec->dhcp_dynamic);
    sk_value_free(&sk_network_spec_type, spec);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/network/complete", test_complete);
    g_test_add_func("/network/rules", test_rules);
    g_test_add_func("/network/dnsmasq-options", test_dnsmasq_options);
    g_test_add_func("/network/edit-hosts", test_edit_hosts);
    g_test_add_func("/network/edit-ranges", test_edit_ranges);
    return g_test_run();
}
