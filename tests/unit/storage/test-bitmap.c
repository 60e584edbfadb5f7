/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bitmaps inside of qcow2 files: added, read, removed; and what is no such directory. */
#include <string.h>

#include "base/error.h"
#include "place.h"
#include "storage/bitmap.h"

static void
assert_names(const char *path, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) names = g_string_new(NULL);
    g_autoptr(GPtrArray) bitmaps = sk_storage_bitmaps(path, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < bitmaps->len; i++) {
        const SkStorageBitmap *bitmap = bitmaps->pdata[i];
        g_assert_false(bitmap->inconsistent);
        g_assert_true(sk_storage_find_bitmap(bitmaps, bitmap->name) == bitmap);
    }
    static const char *const all[] = { "one", "two", "other" };
    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
        if (sk_storage_find_bitmap(bitmaps, all[i]) != NULL)
            g_string_append_printf(names, "%s ", all[i]);
    }
    g_assert_cmpstr(names->str, ==, expected);
}

static void
test_bitmaps(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    const char *path = place_path(place, "a.qcow2");
    place_run("qemu-img", "create", "-q", "-f", "qcow2", path, "8M", NULL);
    assert_names(path, "");
    g_assert_true(sk_storage_bitmap_add(path, "one", NULL, &error));
    g_assert_true(sk_storage_bitmap_add(path, "two", NULL, &error));
    assert_names(path, "one two ");
    g_assert_false(sk_storage_bitmap_add(path, "two", NULL, &error));
    g_assert_nonnull(strstr(error->message, path));
    g_clear_error(&error);
    for (guint i = 0; i < 2; i++)
        g_assert_true(sk_storage_bitmap_remove(path, "one", NULL, &error));
    assert_names(path, "two ");
    g_assert_true(sk_storage_bitmap_remove(place_path(place, "nothing"), "one", NULL, &error));
    place_run("qemu-img", "check", "-q", path, NULL);
}

static void
test_old_version(Place *place, gconstpointer data)
{
    (void) data;
    if (!place_has("qemu-img"))
        return;
    const char *path = place_path(place, "old.qcow2");
    place_run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", path, "8M", NULL);
    assert_names(path, "");
    g_autoptr(GError) error = NULL;
    g_assert_false(sk_storage_bitmap_add(path, "one", NULL, &error));
}

static void
test_no_directory(Place *place, gconstpointer data)
{
    static const guint8 entry[] = { 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 1, 16, 0, 2, 0, 0, 0, 0, 'b', '1', 0 };
    g_autoptr(GError) error = NULL;
    (void) data;
    g_autoptr(GPtrArray) one = sk_qcow2_parse_bitmaps(entry, sizeof entry, 1, "x", &error);
    g_assert_no_error(error);
    const SkStorageBitmap *bitmap = one->pdata[0];
    g_assert_cmpstr(bitmap->name, ==, "b1");
    g_assert_true(bitmap->inconsistent);
    for (gsize length = 0; length < sizeof entry - 1; length++) {
        g_autoptr(GError) why = NULL;
        g_assert_null(sk_qcow2_parse_bitmaps(entry, length, 1, "x", &why));
        g_assert_error(why, SK_ERROR, SK_ERROR_INVALID);
    }
    g_assert_true(g_file_set_contents(place_path(place, "text"), "hello", -1, NULL));
    g_assert_null(sk_storage_bitmaps(place_path(place, "text"), &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(sk_storage_bitmaps(place_path(place, "nothing"), &error));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/storage/bitmap/bitmaps", Place, NULL, place_set_up, test_bitmaps, place_tear_down);
    g_test_add("/storage/bitmap/old-version", Place, NULL, place_set_up, test_old_version, place_tear_down);
    g_test_add("/storage/bitmap/no-directory", Place, NULL, place_set_up, test_no_directory, place_tear_down);
    return g_test_run();
}
