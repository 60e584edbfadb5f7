/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connections of a migration: addresses, greetings, words. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "engine/wire.h"

static void
test_addresses(void)
{
    static const char *const good[] = { "tcp:host:49152", "tcp://host:1", "tcp://10.0.0.1:65535/", "tcp://[::1]:49152", "tcp:host", "tcp:", "unix:/run/a",
                                        "unix:///run/a" };
    static const char *const bad[] = { "", "host:1", "tcp://host:0", "tcp://host:65536", "tcp://host:x", "tcp://[::1", "unix:a", "unix://a", "rdma://host",
                                       "exec:cat" };
    g_assert_true(sk_wire_check(NULL, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_test_message("%s", good[i]);
        g_assert_true(sk_wire_check(good[i], NULL));
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", bad[i]);
        g_assert_false(sk_wire_check(bad[i], &error));
        g_assert_true(sk_error_is(error, SK_ERROR_INVALID));
    }
}

/* Each byte of a greeting matters. */
static void
test_hello(void)
{
    g_autofree char *token = sk_wire_token();
    g_autofree char *hello = g_strdup_printf("SKEPM1W%s\n", token);
    SkWire wire = SK_WIRE_STATE;
    g_assert_cmpuint(strlen(hello), ==, SK_WIRE_HELLO);
    g_assert_true(sk_wire_parse_hello(hello, token, &wire));
    g_assert_cmpint(wire, ==, SK_WIRE_WORDS);
    for (guint i = 0; i < SK_WIRE_HELLO; i++) {
        hello[i] ^= 1;
        g_assert_false(sk_wire_parse_hello(hello, token, &wire));
        hello[i] ^= 1;
    }
    g_assert_false(sk_wire_parse_hello(hello, "", &wire));
}

static void
meet(const char *address, const char *bind)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *where = NULL, *token = sk_wire_token();
    char hello[SK_WIRE_HELLO];
    SkWire wire = SK_WIRE_WORDS;
    g_auto(SkFd) listener = sk_wire_listen(address, bind, &where, &error);
    g_assert_no_error(error);
    g_test_message("%s", where);
    g_auto(SkFd) out = sk_wire_connect(where, token, SK_WIRE_STATE, NULL, &error);
    g_assert_no_error(error);
    g_auto(SkFd) in = accept(listener, NULL, NULL);
    g_assert_cmpint(recv(in, hello, sizeof hello, MSG_WAITALL), ==, sizeof hello);
    g_assert_true(sk_wire_parse_hello(hello, token, &wire) && wire == SK_WIRE_STATE);
    g_assert_true(sk_wire_say(out, "run?", &error));
    g_autofree char *word = sk_wire_hear(in, 10000, &error);
    g_assert_cmpstr(word, ==, "run?");
    g_assert_null(sk_wire_hear(in, 1, &error));
    g_assert_true(sk_error_is(error, SK_ERROR_TIMEOUT));
    g_clear_error(&error);
    sk_fd_clear(&out);
    g_assert_null(sk_wire_hear(in, 10000, &error));
    g_assert_true(sk_error_is(error, SK_ERROR_IO));
}

static void
test_meeting(void)
{
    g_autofree char *dir = g_dir_make_tmp("skep-wire-XXXXXX", NULL);
    g_autofree char *address = g_strdup_printf("unix:%s/a.sock", dir), *path = g_build_filename(dir, "a.sock", NULL);
    meet(address, NULL);
    meet("tcp://127.0.0.1", "127.0.0.1");
    unlink(path);
    rmdir(dir);
}

static void
test_nobody(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *where = NULL;
    g_assert_cmpint(sk_wire_connect("unix:/nowhere/a.sock", "0123456789abcdef0123456789abcdef", SK_WIRE_STATE, NULL, &error), <, 0);
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_cmpint(sk_wire_listen("tcp:host:49152", "nonsense", &where, &error), <, 0);
    g_assert_true(sk_error_is(error, SK_ERROR_INVALID));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wire/addresses", test_addresses);
    g_test_add_func("/wire/hello", test_hello);
    g_test_add_func("/wire/meeting", test_meeting);
    g_test_add_func("/wire/nobody", test_nobody);
    return g_test_run();
}
