/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Undo lists and fault points. */
#include "base/undo.h"

#include "base/error.h"

static GString *journal;
static guint freed;

static void
note(gpointer data)
{
    g_string_append(journal, data);
}

static void
count_free(gpointer data)
{
    (void) data;
    freed++;
}

static void
fill(SkUndo *undo)
{
    sk_undo_push(undo, "first", note, (gpointer) "1", count_free);
    sk_undo_push(undo, "second", note, (gpointer) "2", NULL);
    sk_undo_push(undo, "third", note, (gpointer) "3", count_free);
}

static void
test_order(void)
{
    {
        g_autoptr(SkUndo) undo = sk_undo_new();
        fill(undo);
    }
    g_assert_cmpstr(journal->str, ==, "321");
    g_assert_cmpuint(freed, ==, 2);
    sk_undo_free(NULL);
}

static void
test_disarm(void)
{
    g_string_truncate(journal, 0);
    freed = 0;
    g_autoptr(SkUndo) undo = sk_undo_new();
    fill(undo);
    sk_undo_disarm(undo);
    g_assert_cmpstr(journal->str, ==, "");
    g_assert_cmpuint(freed, ==, 2);
    /* It can be used again. */
    sk_undo_push(undo, "fourth", note, (gpointer) "4", NULL);
    sk_undo_free(g_steal_pointer(&undo));
    g_assert_cmpstr(journal->str, ==, "4");
}

static void
test_fault(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(sk_fault("a/b", &error));
    sk_fault_set("a/b");
    g_assert_false(sk_fault("a/c", &error));
    g_assert_true(sk_fault("a/b", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INTERNAL);
    sk_fault_set(NULL);
    g_assert_false(sk_fault("a/b", NULL));
}

static void
test_fault_exit(void)
{
    if (g_test_subprocess()) {
        sk_fault("x/y", NULL);
        g_print("still here\n");
        sk_fault("a/b", NULL);
        g_print("never printed\n");
        return;
    }
    g_setenv("SKEP_FAULT_EXIT", "a/b", TRUE);
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stdout("*still here*");
    g_test_trap_assert_stdout_unmatched("*never printed*");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    journal = g_string_new(NULL);
    g_test_add_func("/undo/order", test_order);
    g_test_add_func("/undo/disarm", test_disarm);
    g_test_add_func("/undo/fault", test_fault);
    g_test_add_func("/undo/fault-exit", test_fault_exit);
    return g_test_run();
}
