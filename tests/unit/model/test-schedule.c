/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When schedules are due. */
#include "base/error.h"
#include "model/schedule.h"

#define HOUR (3600 * (gint64) G_USEC_PER_SEC)

static void
test_next(void)
{
    SkSchedule schedule = { .every = (char *) "1h", .created = 100 * HOUR };
    g_assert_cmpint(sk_schedule_next(&schedule, 100 * HOUR), ==, 101 * HOUR);
    schedule.last = 101 * HOUR;
    g_assert_cmpint(sk_schedule_next(&schedule, 101 * HOUR + 1), ==, 102 * HOUR);
    /* Missed: once, now. */
    g_assert_cmpint(sk_schedule_next(&schedule, 500 * HOUR), ==, 500 * HOUR);
    /* The clock was set back by a year. */
    g_assert_cmpint(sk_schedule_next(&schedule, 2 * HOUR), ==, 3 * HOUR);
}

static void
test_values(void)
{
    static const struct { const char *every, *keep; gboolean is_right; } cases[] = {
        { "1h", "24h,7d", TRUE }, { "60s", "1", TRUE }, { "59s", "1", FALSE }, { "400d", "1", FALSE }, { "soon", "1", FALSE }, { "1h", "all", FALSE },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const SkSchedule schedule = { .every = (char *) cases[i].every, .keep = (char *) cases[i].keep };
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(sk_value_check(&sk_schedule_type, &schedule, NULL, &error), ==, cases[i].is_right);
        g_assert_true(cases[i].is_right || sk_error_is(error, SK_ERROR_INVALID));
    }
}

static void
test_prefix(void)
{
    const SkSchedule schedule = { .id = (char *) "1a2b3c4d-0000-4000-8000-000000000000" };
    g_autofree char *prefix = sk_schedule_prefix(&schedule);
    g_assert_cmpstr(prefix, ==, "auto-1a2b3c4d-");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/model/schedule/next", test_next);
    g_test_add_func("/model/schedule/values", test_values);
    g_test_add_func("/model/schedule/prefix", test_prefix);
    return g_test_run();
}
