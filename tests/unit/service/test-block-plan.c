/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files of a chain block jobs are about: a chain of four, the disk's own in one directory, the others in another. */
#include "base/error.h"
#include "service/block-job.h"

static const char *const paths[] = { "/a/top", "/b/2", "/b/1", "/b/0" };

static GPtrArray *
new_chain(guint count)
{
    GPtrArray *layers = g_ptr_array_new_with_free_func(g_free);
    for (guint i = G_N_ELEMENTS(paths) - count; i < G_N_ELEMENTS(paths); i++) {
        SkChainLayer *layer = g_new0(SkChainLayer, 1);
        layer->path = (char *) paths[i];
        g_ptr_array_add(layers, layer);
    }
    return layers;
}

static void
test_layers(void)
{
    static const struct {
        const char *name;
        gint at;            /* -1: there is none */
    } cases[] = {
        { "/a/top", 0 }, { "/b/2", 1 }, { "/b/0", 3 }, { "vda[0]", -1 }, { "vda[1]", -1 }, { "/b/9", -1 }, { "b/2", -1 }, { "", -1 },
    };
    g_autoptr(GPtrArray) layers = new_chain(4);
    const SkBlockJob job = { .target = (char *) "vda" };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        guint at = 77;
        gboolean found = sk_block_find_layer(layers, &job, "d", cases[i].name, &at, &error);
        g_test_message("%s", cases[i].name);
        g_assert_cmpint(found, ==, cases[i].at >= 0);
        if (found)
            g_assert_cmpint((gint) at, ==, cases[i].at);
        else
            g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    }
}

static void
test_ranges(void)
{
    static const struct {
        guint length;
        const char *top, *base;
        gboolean shallow, inner;
        guint from, into;
        const char *why;    /* NULL: it can be done */
    } cases[] = {
        { .length = 4, .from = 0, .into = 3 },
        { .length = 2, .from = 0, .into = 1 },
        { .length = 4, .shallow = TRUE, .from = 0, .into = 1 },
        { .length = 4, .top = "/b/2", .from = 1, .into = 3 },
        { .length = 4, .top = "/b/2", .shallow = TRUE, .inner = TRUE, .from = 1, .into = 2 },
        { .length = 4, .top = "/b/2", .base = "/b/1", .inner = TRUE, .from = 1, .into = 2 },
        { .length = 4, .base = "/b/1", .from = 0, .into = 2 },
        { .length = 1, .why = "no backing file" },
        { .length = 1, .shallow = TRUE, .why = "no backing file" },
        { .length = 4, .top = "/b/0", .why = "no backing file" },
        { .length = 4, .top = "/b/0", .shallow = TRUE, .why = "no backing file" },
        { .length = 4, .top = "/b/1", .base = "/b/2", .why = "is not below" },
        { .length = 4, .top = "/b/1", .base = "/b/1", .why = "is not below" },
        { .length = 4, .base = "/a/top", .why = "is not below" },
        { .length = 4, .inner = TRUE, .why = "active flag" },
        { .length = 4, .top = "/a/top", .inner = TRUE, .why = "active flag" },
        { .length = 4, .top = "/none", .why = "could not find image" },
        { .length = 4, .base = "vda[4]", .why = "could not find image" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) layers = new_chain(cases[i].length);
        g_autoptr(GError) error = NULL;
        const SkBlockJob job = { .target = (char *) "vda", .top = (char *) cases[i].top, .base = (char *) cases[i].base };
        SkBlockRange range;
        gboolean found = sk_block_find_range(layers, &job, "d", cases[i].shallow, cases[i].inner, &range, &error);
        g_test_message("%u: %s", i, error != NULL ? error->message : "found");
        g_assert_cmpint(found, ==, cases[i].why == NULL);
        if (found) {
            g_assert_cmpuint(range.top, ==, cases[i].from);
            g_assert_cmpuint(range.base, ==, cases[i].into);
        } else {
            g_assert_nonnull(strstr(error->message, cases[i].why));
        }
    }
}

static void
test_headers(void)
{
    g_autoptr(GPtrArray) layers = new_chain(4);
    g_autoptr(GError) error = NULL;
    g_autofree char *whole = sk_block_name_in_header(FALSE, layers->pdata[0], layers->pdata[2], NULL);
    g_autofree char *beside = sk_block_name_in_header(TRUE, layers->pdata[1], layers->pdata[3], NULL);
    g_assert_cmpstr(whole, ==, "/b/1");
    g_assert_cmpstr(beside, ==, "0");
    g_assert_null(sk_block_name_in_header(TRUE, layers->pdata[0], layers->pdata[1], &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_UNSUPPORTED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block-plan/layers", test_layers);
    g_test_add_func("/block-plan/ranges", test_ranges);
    g_test_add_func("/block-plan/headers", test_headers);
    return g_test_run();
}
