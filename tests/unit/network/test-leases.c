/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dnsmasq's lease file, and its watching. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/thread.h"
#include "network/leases.h"

static const char both[] = "1700003600 52:54:00:AA:bb:01 192.168.100.20 web1 01:52:54:00:aa:bb:01\n"
                           "0 52:54:00:aa:bb:02 192.168.100.21 * *\n"
                           "duid 00:01:00:01:2c:aa:bb:cc:52:54:00:00:00:01\n"
                           "1700003601 12345 fd00::100 web1 00:01:00:01:2c:aa:bb:cd:52:54:00:aa:bb:01\n"
                           "1700003602 T777 fd00::101 * 00:03:00:01:52:54:00:aa:bb:02\n"
                           "1700003603 888 fd00::102 * 00:04:aa:bb\n";

static void
test_both_families(void)
{
    g_autoptr(GPtrArray) leases = sk_leases_parse(both, strlen(both));
    const SkLease *lease = leases->pdata[0];
    g_assert_cmpuint(leases->len, ==, 5);
    g_assert_cmpint(lease->expires, ==, 1700003600);
    g_assert_cmpstr(lease->mac, ==, "52:54:00:aa:bb:01");
    g_assert_cmpstr(lease->ip, ==, "192.168.100.20");
    g_assert_cmpstr(lease->hostname, ==, "web1");
    g_assert_cmpstr(lease->client_id, ==, "01:52:54:00:aa:bb:01");
    lease = leases->pdata[1];
    g_assert_cmpint(lease->expires, ==, 0);
    g_assert_null(lease->hostname);
    g_assert_null(lease->client_id);
    g_assert_cmpstr(((SkLease *) leases->pdata[2])->mac, ==, "52:54:00:aa:bb:01");
    g_assert_cmpstr(((SkLease *) leases->pdata[3])->mac, ==, "52:54:00:aa:bb:02");
    g_assert_null(((SkLease *) leases->pdata[4])->mac);
    g_assert_null(lease->iaid);
    g_assert_cmpstr(((SkLease *) leases->pdata[2])->iaid, ==, "12345");
    g_assert_cmpstr(((SkLease *) leases->pdata[3])->iaid, ==, "777");
}

static void
test_find(void)
{
    g_autoptr(GPtrArray) leases = sk_leases_parse(both, strlen(both));
    g_assert_cmpstr(sk_leases_find(leases, "52:54:00:AA:BB:01")->ip, ==, "192.168.100.20");
    g_assert_null(sk_leases_find(leases, "52:54:00:aa:bb:03"));
    g_assert_null(sk_leases_find(NULL, "52:54:00:aa:bb:03"));
}

/* What guests can say of themselves, and files that are half written. */
static void
test_hostile(void)
{
    static const struct {
        const char *text;
        guint count;
        const char *hostname;
    } cases[] = {
        { "1 52:54:00:aa:bb:01 10.0.0.2 a.b-c.d *\n", 1, "a.b-c.d" },
        { "1 52:54:00:aa:bb:01 10.0.0.2 WPAD *\n", 1, "wpad" },
        { "1 52:54:00:aa:bb:01 10.0.0.2 ../../etc *\n", 1, NULL },
        { "1 52:54:00:aa:bb:01 10.0.0.2 <script> *\n", 1, NULL },
        { "1 52:54:00:aa:bb:01 10.0.0.2 \033[2J *\n", 1, NULL },
        { "1 52:54:00:aa:bb:01 10.0.0.2 a..b *\n", 1, NULL },
        { "1 52:54:00:aa:bb:01 10.0.0.2 x $(reboot)\n", 1, "x" },
        { "1 52:54:00:aa:bb:01 10.0.0.2 two words *\n", 0, NULL },
        { "1 52:54:00:aa:bb:01 10.0.0.2 cut *", 0, NULL },
        { "1 52:54:00:aa:bb:01 10.0.0.999 x *\n", 0, NULL },
        { "-1 52:54:00:aa:bb:01 10.0.0.2 x *\n", 0, NULL },
        { "1 53:54:00:aa:bb:01 10.0.0.2 x *\n", 0, NULL },
        { "99999999999999999999 52:54:00:aa:bb:01 10.0.0.2 x *\n", 0, NULL },
        { "\n\n \n", 0, NULL },
        { "", 0, NULL },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) leases = sk_leases_parse(cases[i].text, strlen(cases[i].text));
        g_test_message("%s", cases[i].text);
        g_assert_cmpuint(leases->len, ==, cases[i].count);
        if (leases->len > 0)
            g_assert_cmpstr(((SkLease *) leases->pdata[0])->hostname, ==, cases[i].hostname);
    }
}

static void
test_long_line(void)
{
    g_autofree char *long_name = g_strnfill(100000, 'a');
    g_autofree char *text = g_strconcat("1 52:54:00:aa:bb:01 10.0.0.2 ", long_name, " *\n",
                                        "1 52:54:00:aa:bb:01 10.0.0.3 b *\n", NULL);
    g_autoptr(GPtrArray) leases = sk_leases_parse(text, strlen(text));
    g_assert_cmpuint(leases->len, ==, 1);
    g_assert_cmpstr(((SkLease *) leases->pdata[0])->ip, ==, "10.0.0.3");
}

/* -- watching ---------------------------------------------------------------------------------------------- */

typedef struct {
    GMainLoop *loop;
    guint calls, count;
    guint wait_for;         /* leases; ends the loop */
} Seen;

static void
on_leases(const char *network, GPtrArray *leases, gpointer data)
{
    Seen *seen = data;
    g_assert_cmpstr(network, ==, "default");
    seen->calls++;
    seen->count = leases->len;
    g_ptr_array_unref(leases);
    if (seen->count == seen->wait_for)
        g_main_loop_quit(seen->loop);
}

static void
wait_for(Seen *seen, guint count)
{
    seen->wait_for = count;
    g_main_loop_run(seen->loop);
    g_assert_cmpuint(seen->count, ==, count);
}

static void
test_watch(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("skep-leases-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "default.leases", NULL);
    g_autofree char *other = g_build_filename(dir, "other.leases", NULL);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    Seen seen = { .loop = loop };
    SkLeaseWatch *watch = sk_lease_watch_new(on_leases, &seen, &error);
    g_assert_no_error(error);

    g_assert_true(sk_lease_watch_add(watch, "default", path, &error));
    wait_for(&seen, 0);
    g_assert_true(g_file_set_contents(other, both, -1, NULL));
    g_assert_true(g_file_set_contents(path, both, -1, NULL));
    wait_for(&seen, 5);
    /* As dnsmasq does it: the same file emptied and written again. */
    FILE *file = g_fopen(path, "w");
    fputs("1 52:54:00:aa:bb:01 10.0.0.2 a *\n", file);
    fclose(file);
    wait_for(&seen, 1);
    g_unlink(path);
    wait_for(&seen, 0);

    /* Freed with a reading under way: it must come back to nobody. */
    g_assert_true(g_file_set_contents(path, both, -1, NULL));
    g_assert_true(sk_lease_watch_add(watch, "default", path, &error));
    guint calls = seen.calls;
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    sk_lease_watch_free(watch);
    sk_worker_drain();
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_cmpuint(seen.calls, <=, calls + 1);
    sk_fs_remove_tree(dir, NULL);
}

static void
test_watch_remove(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("skep-leases-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "default.leases", NULL);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    Seen seen = { .loop = loop };
    g_autoptr(SkLeaseWatch) watch = sk_lease_watch_new(on_leases, &seen, &error);
    g_assert_true(sk_lease_watch_add(watch, "default", path, &error));
    sk_lease_watch_remove(watch, "default");
    sk_lease_watch_remove(watch, "never-there");
    sk_worker_drain();
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_cmpuint(seen.calls, ==, 0);
    g_assert_false(sk_lease_watch_add(watch, "default", "/no/such/dir/x.leases", &error));
    g_assert_nonnull(strstr(error->message, "/no/such/dir"));
    sk_fs_remove_tree(dir, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add_func("/leases/both-families", test_both_families);
    g_test_add_func("/leases/find", test_find);
    g_test_add_func("/leases/hostile", test_hostile);
    g_test_add_func("/leases/long-line", test_long_line);
    g_test_add_func("/leases/watch", test_watch);
    g_test_add_func("/leases/watch-remove", test_watch_remove);
    return g_test_run();
}
