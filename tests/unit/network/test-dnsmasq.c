/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dnsmasq's configuration and records, without starting it. */
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "network/dnsmasq.h"

typedef struct {
    char *dir, *run, *state;
    SkNetworkPaths paths;
    SkNetworkSpec *spec;
} Fixture;

static void
set_up(Fixture *f, gconstpointer unused)
{
    f->dir = g_dir_make_tmp("skep-dnsmasq-XXXXXX", NULL);
    f->run = g_build_filename(f->dir, "run", NULL);
    f->state = g_build_filename(f->dir, "state", NULL);
    f->paths = (SkNetworkPaths){ .tag = "t", .run_dir = f->run, .state_dir = f->state };
    f->spec = sk_value_new(&sk_network_spec_type);
    f->spec->name = g_strdup("default");
    f->spec->bridge = g_strdup("skbr0-t");
    f->spec->ipv4 = g_strdup("192.168.100.1/24");
    sk_network_spec_complete(f->spec);
}

static void
tear_down(Fixture *f, gconstpointer unused)
{
    sk_fs_remove_tree(f->dir, NULL);
    sk_value_free(&sk_network_spec_type, f->spec);
    g_free(f->dir);
    g_free(f->run);
    g_free(f->state);
}

static char *
config(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    char *text = sk_dnsmasq_config(f->spec, &f->paths, "dnsmasq", &error);
    g_assert_no_error(error);
    return text;
}

static gboolean
has_line(const char *text, const char *line)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    return g_strv_contains((const char *const *) lines, line);
}

static void
test_nat(Fixture *f, gconstpointer unused)
{
    g_autofree char *text = config(f);
    g_autofree char *leases = g_strdup_printf("dhcp-leasefile=%s/default.leases", f->state);
    static const char *const lines[] = { "interface=skbr0-t", "bind-dynamic", "user=dnsmasq", "domain=default.skep",
                                         "local=/default.skep/", "dhcp-authoritative", "dhcp-ignore-names=tag:!known",
                                         "dhcp-range=192.168.100.2,192.168.100.254,255.255.255.0,3600" };
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
        g_assert_true(has_line(text, lines[i]));
    g_assert_true(has_line(text, leases));
    g_assert_null(strstr(text, "enable-ra"));
    g_assert_null(strstr(text, "no-resolv"));
}

static void
test_six_and_more(Fixture *f, gconstpointer unused)
{
    f->spec->ipv6 = g_strdup("fd00:1::1/64");
    f->spec->forward = SK_FORWARD_ISOLATED;
    f->spec->mtu = 9000;
    f->spec->dhcp_start = g_strdup("192.168.100.50");
    f->spec->dhcp_end = g_strdup("192.168.100.60");
    f->spec->dns_forwarders = g_strsplit("9.9.9.9,fd00:9::9", ",", -1);
    f->spec->tftp_root = g_strdup("/srv/tftp");
    f->spec->boot_file = g_strdup("pxelinux.0");
    f->spec->hosts = sk_value_list_new(&sk_network_host_type);
    SkNetworkHost *host = sk_value_new(&sk_network_host_type);
    *host = (SkNetworkHost){ g_strdup("52:54:00:00:00:01"), g_strdup("192.168.100.9"), g_strdup("db") };
    g_ptr_array_add(f->spec->hosts, host);
    g_autofree char *text = config(f);
    static const char *const lines[] = { "dhcp-range=fd00:1::100,fd00:1::ffff,64,3600", "enable-ra", "ra-param=skbr0-t,0,0",
                                         "dhcp-option=option:router", "dhcp-option=option:mtu,9000", "no-resolv",
                                         "dhcp-range=192.168.100.50,192.168.100.60,255.255.255.0,3600", "server=9.9.9.9",
                                         "server=fd00:9::9", "tftp-root=/srv/tftp", "dhcp-boot=pxelinux.0",
                                         "dhcp-host=52:54:00:00:00:01,192.168.100.9,db",
                                         "host-record=db.default.skep,db,192.168.100.9" };
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_test_message("%s", lines[i]);
        g_assert_true(has_line(text, lines[i]));
    }
}

static void
test_switched_off(Fixture *f, gconstpointer unused)
{
    f->spec->dns = FALSE;
    g_autofree char *text = config(f);
    g_assert_true(has_line(text, "port=0"));
    g_assert_true(sk_dnsmasq_wanted(f->spec));
    f->spec->dhcp = FALSE;
    g_assert_false(sk_dnsmasq_wanted(f->spec));
    f->spec->dns = TRUE;
    g_autofree char *dns_only = config(f);
    g_assert_null(strstr(dns_only, "dhcp-range"));
    f->spec->forward = SK_FORWARD_BRIDGE;
    g_assert_false(sk_dnsmasq_wanted(f->spec));
}

/* Nothing may add a line or a second value to the file. */
static void
test_injection(Fixture *f, gconstpointer unused)
{
    static const char *const bad[] = { "/srv/a,b", "/srv/\"x", "/srv/x #y", "/srv/x\nlog-facility=/etc/passwd", "/srv/\\x" };
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_free(f->spec->tftp_root);
        f->spec->tftp_root = g_strdup(bad[i]);
        g_assert_null(sk_dnsmasq_config(f->spec, &f->paths, NULL, &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_UNSUPPORTED);
    }
}

static char *
record_file(Fixture *f, const char *dir, const char *owner)
{
    g_autofree char *path = g_build_filename(f->run, "default", dir, owner, NULL);
    return sk_fs_read(path, 65536, NULL, NULL);
}

static gboolean
set(Fixture *f, const char *owner, const SkDnsRecord *records, guint n, GError **error)
{
    return sk_dnsmasq_record_set("default", "default.skep", &f->paths, owner, records, n, error);
}

static void
test_records(Fixture *f, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    SkDnsRecord web1[] = { { "web1", "52:54:00:00:00:01", "192.168.100.5", "fd00::5" }, { NULL, "52:54:00:00:00:02", NULL, NULL } };
    SkDnsRecord web2[] = { { "web2", "52:54:00:00:00:03", NULL, NULL } };
    g_assert_true(set(f, "one", web1, 2, &error));
    g_assert_true(set(f, "two", web2, 1, &error));
    g_autofree char *dhcp = record_file(f, "dhcp-hosts", "one"), *dns = record_file(f, "hosts", "one");
    g_assert_cmpstr(dhcp, ==, "52:54:00:00:00:01,192.168.100.5,[fd00::5],web1\n52:54:00:00:00:02,set:unnamed\n");
    g_assert_cmpstr(dns, ==, "192.168.100.5 web1.default.skep web1\nfd00::5 web1.default.skep web1\n");
    g_autofree char *two = record_file(f, "dhcp-hosts", "two"), *none = record_file(f, "hosts", "two");
    g_assert_cmpstr(two, ==, "52:54:00:00:00:03,web2\n");
    g_assert_null(none);

    g_assert_true(set(f, "one", NULL, 0, &error));
    g_assert_null(record_file(f, "dhcp-hosts", "one"));
    const char *keep[] = { "other", NULL };
    g_assert_true(sk_dnsmasq_record_sweep("default", &f->paths, keep, &error));
    g_assert_null(record_file(f, "dhcp-hosts", "two"));
    g_assert_no_error(error);
}

static void
test_record_conflicts(Fixture *f, gconstpointer unused)
{
    SkDnsRecord first = { "web1", "52:54:00:00:00:01", "192.168.100.5", "fd00::5" };
    const struct {
        SkDnsRecord record;
        const char *says;
    } cases[] = {
        { { "WEB1", "52:54:00:00:00:09", NULL, NULL }, "the name \"WEB1\"" },
        { { "web9", "52:54:00:00:00:01", NULL, NULL }, "the MAC address" },
        { { "web9", "52:54:00:00:00:09", "192.168.100.5", NULL }, "the address \"192.168.100.5\"" },
        { { "web9", "52:54:00:00:00:09", NULL, "fd00::5" }, "the address \"fd00::5\"" },
    };
    g_assert_true(set(f, "one", &first, 1, NULL));
    g_assert_true(set(f, "one", &first, 1, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(set(f, "two", &cases[i].record, 1, &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
        g_assert_nonnull(strstr(error->message, cases[i].says));
    }
}

static void
test_bad_records(Fixture *f, gconstpointer unused)
{
    static const SkDnsRecord bad[] = { { "a b", "52:54:00:00:00:01", NULL, NULL }, { "a,b", "52:54:00:00:00:01", NULL, NULL },
                                       { "a\nb", "52:54:00:00:00:01", NULL, NULL }, { "a", "52:54:00", NULL, NULL },
                                       { "a", "52:54:00:00:00:01", "1.2.3.4,x", NULL } };
    SkDnsRecord good = { "a", "52:54:00:00:00:01", NULL, NULL };
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(set(f, "one", &bad[i], 1, &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    }
    g_assert_false(set(f, "../one", &good, 1, NULL));
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*func)(Fixture *, gconstpointer);
    } tests[] = { { "/dnsmasq/nat", test_nat },
                  { "/dnsmasq/six-and-more", test_six_and_more },
                  { "/dnsmasq/switched-off", test_switched_off },
                  { "/dnsmasq/injection", test_injection },
                  { "/dnsmasq/records", test_records },
                  { "/dnsmasq/record-conflicts", test_record_conflicts },
                  { "/dnsmasq/bad-records", test_bad_records } };
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, Fixture, NULL, set_up, tests[i].func, tear_down);
    return g_test_run();
}
