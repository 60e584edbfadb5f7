/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which copies a rule keeps. */
#include "base/error.h"
#include "model/retention.h"

#define HOUR (3600 * (gint64) G_USEC_PER_SEC)
#define DAY (24 * HOUR)
/* Monday, 2026-11-16, midnight UTC. */
#define MONDAY (1794787200 * (gint64) G_USEC_PER_SEC)

static void
test_parse(void)
{
    g_autoptr(GError) error = NULL;
    SkRetention rule;
    const char *const wrong[] = { "", "h", "0h", "24x", "24h,", "24h,24h", "-1d", "1 d 2", "24hh", "9999999d" };
    g_assert_true(sk_retention_parse("24h, 7d,4w,12m,3y,5", "keep", &rule, &error));
    g_assert_cmpuint(rule.count[SK_KEEP_HOURS], ==, 24);
    g_assert_cmpuint(rule.count[SK_KEEP_YEARS], ==, 3);
    g_assert_cmpuint(rule.count[SK_KEEP_LAST], ==, 5);
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) why = NULL;
        g_assert_false(sk_retention_parse(wrong[i], "keep", &rule, &why));
        g_assert_error(why, SK_ERROR, SK_ERROR_INVALID);
    }
}

/* Which of n copies, each `step` before the one before it, are kept: "1" and "0". */
static char *
apply(const char *text, gint64 newest, gint64 step, guint n)
{
    g_autofree gint64 *times = g_new(gint64, n);
    g_autofree gboolean *keep = g_new(gboolean, n);
    GString *out = g_string_new(NULL);
    SkRetention rule;
    g_assert_true(sk_retention_parse(text, "keep", &rule, NULL));
    for (guint i = 0; i < n; i++)
        times[i] = newest - i * step;
    sk_retention_apply(&rule, times, n, keep);
    for (guint i = 0; i < n; i++)
        g_string_append_c(out, keep[i] ? '1' : '0');
    return g_string_free(out, FALSE);
}

static void
check(const char *text, gint64 newest, gint64 step, guint n, const char *expected)
{
    g_autofree char *got = apply(text, newest, step, n);
    g_assert_cmpstr(got, ==, expected);
}

static void
test_apply(void)
{
    check("3", MONDAY, HOUR, 5, "11100");
    check("3h", MONDAY, HOUR / 2, 8, "11010000");
    check("2d", MONDAY + 2 * HOUR, HOUR, 6, "100100");
    /* Sunday belongs to the week before. */
    check("2w", MONDAY, DAY, 9, "110000000");
    check("1y", MONDAY, DAY, 3, "100");
    /* The newest stays whatever the rule says; days without a copy do not count. */
    check("2d", MONDAY, 10 * DAY, 4, "1100");
    check("1h,2d", MONDAY + HOUR, HOUR, 4, "1010");
}

static void
test_months(void)
{
    /* 2026-11-16, 10-16 (31 days before), 09-15, 08-15 */
    check("3m", MONDAY, 31 * DAY, 5, "11100");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/model/retention/parse", test_parse);
    g_test_add_func("/model/retention/apply", test_apply);
    g_test_add_func("/model/retention/months", test_months);
    return g_test_run();
}
