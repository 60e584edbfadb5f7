/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting awake for quick clients: when it is done, and that it ends. */
#include "api/common/awake.h"

/* Of the first streak that is waited for; the next, when nothing came, is twice as long. */
#define FIRST 16

typedef struct {
    guint looks;
    gboolean finds;
} Looker;

static gboolean
look(gpointer data)
{
    Looker *looker = data;
    looker->looks++;
    return looker->finds;
}

static void
turn(SkAwake *awake, Looker *looker)
{
    sk_awake_stay(awake, sk_awake_begin(awake), look, looker);
}

/* However slow this machine is, so many turns in a row are quick one day. */
static void
turn_until_it_looks(SkAwake *awake, Looker *looker)
{
    for (guint before = looker->looks; looker->looks == before;)
        turn(awake, looker);
}

static void
test_a_few_are_not_waited_for(void)
{
    SkAwake awake = { 0 };
    Looker looker = { .finds = TRUE };
    for (guint i = 0; i < FIRST; i++)
        turn(&awake, &looker);
    g_assert_cmpuint(looker.looks, ==, 0);
}

static void
test_a_streak_is_waited_for(void)
{
    SkAwake awake = { 0 };
    Looker looker = { .finds = FALSE };
    turn_until_it_looks(&awake, &looker);
    g_assert_cmpuint(awake.streak, ==, 0);
}

static void
test_in_vain_makes_it_rarer(void)
{
    SkAwake awake = { 0 };
    Looker looker = { .finds = FALSE };
    turn_until_it_looks(&awake, &looker);
    guint looks = looker.looks;
    for (guint i = 0; i < 2 * FIRST - 1; i++)
        turn(&awake, &looker);
    g_assert_cmpuint(looker.looks, ==, looks);
    turn_until_it_looks(&awake, &looker);
}

static void
test_a_turn_ends_though_more_comes(void)
{
    SkAwake awake = { 0 };
    Looker looker = { .finds = TRUE };
    turn_until_it_looks(&awake, &looker);
    g_assert_cmpuint(awake.streak, >=, FIRST);
    g_assert_cmpuint(awake.misses, ==, 0);
}

/* What came after a pause begins a streak. */
static void
test_a_pause_ends_a_streak(void)
{
    SkAwake awake = { 0 };
    Looker looker = { .finds = TRUE };
    turn_until_it_looks(&awake, &looker);
    guint looks = looker.looks;
    awake.left -= G_USEC_PER_SEC;
    turn(&awake, &looker);
    g_assert_cmpuint(awake.streak, ==, 0);
    g_assert_cmpuint(looker.looks, ==, looks);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/awake/a-few-are-not-waited-for", test_a_few_are_not_waited_for);
    g_test_add_func("/awake/a-streak-is-waited-for", test_a_streak_is_waited_for);
    g_test_add_func("/awake/in-vain-makes-it-rarer", test_in_vain_makes_it_rarer);
    g_test_add_func("/awake/a-turn-ends-though-more-comes", test_a_turn_ends_though_more_comes);
    g_test_add_func("/awake/a-pause-ends-a-streak", test_a_pause_ends_a_streak);
    return g_test_run();
}
