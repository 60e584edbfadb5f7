/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Orders as text: what is a step, and what is none. */
#include <glib.h>
#include <string.h>

#include "identity/order.h"

static void
test_steps(void)
{
    g_autofree char *text = g_strdup("\nhostname  dev1\nfile 0600 /etc/ssh/key 6869\n\nmac 52:54:00:00:00:01 52:54:00:00:00:02");
    char *rest = text;
    const char *why = NULL;
    SkIdentityStep step;
    g_assert_cmpint(sk_identity_next(&rest, &step, &why), ==, 1);
    g_assert_cmpint(step.verb, ==, SK_IDENTITY_HOSTNAME);
    g_assert_cmpstr(step.words[0], ==, "dev1");
    g_assert_cmpint(sk_identity_next(&rest, &step, &why), ==, 1);
    g_assert_cmpint(step.verb, ==, SK_IDENTITY_FILE);
    g_assert_cmpuint(step.n_words, ==, 3);
    g_assert_cmpstr(step.words[2], ==, "6869");
    g_assert_cmpint(sk_identity_next(&rest, &step, &why), ==, 1);
    g_assert_cmpint(step.verb, ==, SK_IDENTITY_MAC);
    g_assert_cmpint(sk_identity_next(&rest, &step, &why), ==, 0);
}

/* A line that is none is passed over; the next one counts. */
static void
test_wrong(void)
{
    g_autofree char *text = g_strdup("frobnicate\nhostname\nhostname a b\nfile 1 2 3 4 5\nremove /x");
    char *rest = text;
    const char *why = NULL;
    SkIdentityStep step;
    for (guint i = 0; i < 4; i++) {
        g_assert_cmpint(sk_identity_next(&rest, &step, &why), ==, -1);
        g_assert_nonnull(why);
    }
    g_assert_cmpint(sk_identity_next(&rest, &step, &why), ==, 1);
    g_assert_cmpint(step.verb, ==, SK_IDENTITY_REMOVE);
}

static void
test_values(void)
{
    guint8 bytes[6];
    guint32 address, mask;
    g_assert_cmpint(sk_identity_parse_hex("00ffAb", bytes, sizeof bytes), ==, 3);
    g_assert_cmphex(bytes[2], ==, 0xab);
    g_assert_cmpint(sk_identity_parse_hex("", bytes, sizeof bytes), ==, 0);
    g_assert_cmpint(sk_identity_parse_hex("0", bytes, sizeof bytes), ==, -1);
    g_assert_cmpint(sk_identity_parse_hex("0g", bytes, sizeof bytes), ==, -1);
    g_assert_cmpint(sk_identity_parse_hex("00112233445566", bytes, sizeof bytes), ==, -1);
    g_assert_cmpint(sk_identity_parse_mac("52:54:00:0a:0B:0c", bytes), ==, 0);
    g_assert_cmphex(bytes[4], ==, 0x0b);
    g_assert_cmpint(sk_identity_parse_mac("52:54:00:0a:0B", bytes), ==, -1);
    g_assert_cmpint(sk_identity_parse_mac("52-54-00-0a-0B-0c", bytes), ==, -1);
    g_assert_cmpint(sk_identity_parse_address("10.1.2.3/24", &address, &mask), ==, 0);
    g_assert_cmphex(GUINT32_FROM_BE(address), ==, 0x0a010203);
    g_assert_cmphex(GUINT32_FROM_BE(mask), ==, 0xffffff00);
    const char *const wrong[] = { "10.1.2.3", "10.1.2.3/33", "10.1.2.3/", "10.1.2/24", "10.1.2.3/-1", "10.1.2.3/24x", "/24", "1234567890123456789/24" };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_cmpint(sk_identity_parse_address(wrong[i], &address, &mask), ==, -1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/identity/order/steps", test_steps);
    g_test_add_func("/identity/order/wrong", test_wrong);
    g_test_add_func("/identity/order/values", test_values);
    return g_test_run();
}
