/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The golden cases of tests/golden/cmdline: CASE.json in, CASE.args (or CASE.error) out.
 * SKEP_REGENERATE=1 writes what comes out instead; then read the difference.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "golden-case.h"

static char *
run(const char *path, gboolean *out_ok)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_auto(GoldenCase) golden = { 0 };
    gsize length;

    g_file_get_contents(path, &text, &length, &error);
    g_assert_no_error(error);
    char *result = golden_case_load(&golden, text, length, &error) ? golden_case_run(&golden, &error) : NULL;
    *out_ok = result != NULL;
    if (result != NULL)
        return result;
    return g_strdup_printf("%s: %s\n", sk_error_info_of(error)->name, error->message);
}

static char *
with_ending(const char *path, const char *ending)
{
    return g_strdup_printf("%.*s%s", (int) (strlen(path) - strlen(".json")), path, ending);
}

static void
test_case(gconstpointer data)
{
    const char *path = data;
    gboolean ok;
    g_autofree char *result = run(path, &ok), *again = run(path, &ok);
    g_autofree char *expected_path = with_ending(path, ok ? ".args" : ".error"), *other_path = with_ending(path, ok ? ".error" : ".args");
    g_autofree char *expected = NULL;

    g_assert_cmpstr(result, ==, again);
    if (g_getenv("SKEP_REGENERATE") != NULL) {
        g_assert_true(g_file_set_contents(expected_path, result, -1, NULL));
        g_remove(other_path);
        return;
    }
    if (!g_file_get_contents(expected_path, &expected, NULL, NULL))
        g_test_message("there is no %s; the result is:\n%s", expected_path, result);
    g_assert_cmpstr(result, ==, expected);
    g_assert_false(g_file_test(other_path, G_FILE_TEST_EXISTS));
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static guint
add_folder(const char *root, const char *folder)
{
    g_autofree char *path = g_build_filename(root, folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL; name = g_dir_read_name(dir)) {
        if (g_str_has_suffix(name, ".json"))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *test = g_strdup_printf("/cmdline/%s/%.*s", folder, (int) (strlen(name) - strlen(".json")), name);
        g_test_add_data_func_full(test, g_build_filename(path, name, NULL), test_case, g_free);
    }
    return names->len;
}

gint
main(gint argc, char **argv)
{
    const char *root = g_getenv("SKEP_GOLDEN");
    guint count = 0;

    g_test_init(&argc, &argv, NULL);
    g_autoptr(GDir) dir = root != NULL ? g_dir_open(root, 0, NULL) : NULL;
    g_assert_nonnull(dir);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
        count += add_folder(root, name);
    g_assert_cmpuint(count, >, 0);
    return g_test_run();
}
