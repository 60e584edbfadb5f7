/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of procedures: numbers, names and signatures are as the protocol has them. */
#include "api/libvirt/procedure.h"

/* Every row is found by its number, and its signatures can be read. */
static void
test_rows(void)
{
    guint count = 0;
    for (guint i = 0; sk_lv_families[i] != NULL; i++) {
        const SkLvFamily *family = sk_lv_families[i], *found = NULL;
        for (guint j = 0; j < family->n_rows; j++, count++) {
            const SkLvProcedure *row = &family->rows[j];
            g_assert_true(sk_lv_procedure(family->program, row->number, &found) == row);
            g_assert_true(found == family);
            g_assert_true(row->args != NULL || row->run == NULL);
            g_assert_nonnull(sk_lv_args(row));
            g_assert_nonnull(sk_lv_returns(row));
        }
    }
    g_assert_cmpuint(count, >=, 443);
}

/* No number of the version described is missing. */
static void
test_complete(void)
{
    for (guint number = 1; number <= 443; number++) {
        if (sk_lv_procedure(SK_LV_PROGRAM_REMOTE, number, NULL) == NULL)
            g_error("procedure %u has no row", number);
    }
    g_assert_null(sk_lv_procedure(SK_LV_PROGRAM_REMOTE, 0, NULL));
    g_assert_null(sk_lv_procedure(SK_LV_PROGRAM_REMOTE, 444, NULL));
    g_assert_null(sk_lv_procedure(SK_LV_PROGRAM_REMOTE, G_MAXUINT, NULL));
    g_assert_null(sk_lv_procedure(SK_LV_PROGRAM_KEEPALIVE, 1, NULL));
}

/* Some that clients begin with: what they send is decoded by these. */
static void
test_known(void)
{
    static const struct {
        guint number;
        const char *name, *args, *returns;
    } known[] = {
        { 1, "CONNECT_OPEN", "name:str? flags", "" },
        { 23, "DOMAIN_LOOKUP_BY_NAME", "name:str", "dom" },
        { 66, "AUTH_LIST", "", "types:i32<20>" },
        { 273, "CONNECT_LIST_ALL_DOMAINS", "need_results:i32 flags", "domains:dom<16384> ret:u32" },
        { 318, "DOMAIN_EVENT_CALLBACK_LIFECYCLE", "", "callbackID:i32 msg:{dom event:i32 detail:i32}" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        const SkLvProcedure *row = sk_lv_procedure(SK_LV_PROGRAM_REMOTE, known[i].number, NULL);
        g_assert_cmpstr(row->name, ==, known[i].name);
        g_assert_cmpstr(row->args, ==, known[i].args);
        g_assert_cmpstr(row->returns, ==, known[i].returns);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/procedures/rows", test_rows);
    g_test_add_func("/procedures/complete", test_complete);
    g_test_add_func("/procedures/known", test_known);
    return g_test_run();
}
