/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of guests' names, as the NSS module reads it. */
#include <arpa/inet.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nss/hosts.h"

/* The addresses of a name in a text, joined by spaces. */
static char *
find(const char *text, const char *name, int family)
{
    SkNssFound found = { 0 };
    int fd = memfd_create("hosts", MFD_CLOEXEC);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize) strlen(text));
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    sk_nss_take_file(fd, name, family, &found);
    close(fd);
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < found.count; i++) {
        char address[INET6_ADDRSTRLEN];
        g_string_append_printf(out, "%s%s", i > 0 ? " " : "", inet_ntop(family, found.addresses[i], address, sizeof address));
    }
    return g_string_free(out, FALSE);
}

static void
assert_found(const char *text, const char *name, int family, const char *wanted)
{
    g_autofree char *found = find(text, name, family);
    g_assert_cmpstr(found, ==, wanted);
}

static void
test_lines(void)
{
    const char *text = "# comment\n192.168.100.5\tweb1.default.skep\nfd00::5 web1.default.skep # six\n\n10.0.0.1 a.b web1.default.skep";
    assert_found(text, "web1.default.skep", AF_INET, "192.168.100.5 10.0.0.1");
    assert_found(text, "WEB1.Default.skep", AF_INET6, "fd00::5");
    assert_found(text, "web2.default.skep", AF_INET, "");
    assert_found(text, "eb1.default.skep", AF_INET, "");
    assert_found(text, "web1.default.ske", AF_INET, "");
}

static void
test_nonsense(void)
{
    assert_found("", "a.b", AF_INET, "");
    assert_found("a.b\n", "a.b", AF_INET, "");
    assert_found("1.2.3 a.b\n1.2.3.4.5 a.b\nfd00::1 a.b\n#1.2.3.4 a.b\n1.2.3.4 # a.b\n", "a.b", AF_INET, "");
    g_autofree char *filler = g_strnfill(600, 'x');
    g_autofree char *text = g_strconcat("1.2.3.4 ", filler, " a.b\n5.6.7.8 a.b\n", NULL);
    assert_found(text, "a.b", AF_INET, "5.6.7.8");
}

/* Lines across the ends of the reading buffer are whole. */
static void
test_many_lines(void)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < 5000; i++)
        g_string_append_printf(text, "10.1.%u.%u guest-%u.default.skep\n", i / 250, i % 250, i);
    for (guint i = 0; i < 5000; i += 7) {
        g_autofree char *name = g_strdup_printf("guest-%u.default.skep", i);
        g_autofree char *address = g_strdup_printf("10.1.%u.%u", i / 250, i % 250);
        assert_found(text->str, name, AF_INET, address);
    }
    g_string_free(text, TRUE);
}

static void
test_too_many_addresses(void)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < 100; i++)
        g_string_append_printf(text, "10.0.0.%u a.b\n", i);
    g_autofree char *found = find(text->str, "a.b", AF_INET);
    g_auto(GStrv) words = g_strsplit(found, " ", -1);
    g_assert_cmpuint(g_strv_length(words), ==, SK_NSS_MAX_ADDRESSES);
    g_string_free(text, TRUE);
}

static void
test_names(void)
{
    g_autofree char *longest = g_strnfill(252, 'x'), *dotted = g_strconcat("a.", longest, NULL);
    g_assert_true(sk_nss_is_name("web1.default.skep"));
    g_assert_false(sk_nss_is_name("localhost"));
    g_assert_false(sk_nss_is_name(""));
    g_assert_false(sk_nss_is_name(".skep"));
    g_assert_false(sk_nss_is_name("web1."));
    g_assert_false(sk_nss_is_name("a.b\n1.2.3.4"));
    g_assert_false(sk_nss_is_name(dotted));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nss/lines", test_lines);
    g_test_add_func("/nss/nonsense", test_nonsense);
    g_test_add_func("/nss/many-lines", test_many_lines);
    g_test_add_func("/nss/too-many-addresses", test_too_many_addresses);
    g_test_add_func("/nss/names", test_names);
    return g_test_run();
}
