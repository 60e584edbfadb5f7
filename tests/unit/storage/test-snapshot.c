/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* States inside of qcow2 files: made, read, gone back to, dropped; and what is no such table. */
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "place.h"
#include "storage/snapshot.h"

static const char *
make_image(Place *place)
{
    const char *path = place_path(place, "a.qcow2");
    place_run("qemu-img", "create", "-q", "-f", "qcow2", path, "8M", NULL);
    return path;
}

static void
assert_names(const char *path, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) names = sk_storage_snapshot_names(path, &error);
    g_assert_no_error(error);
    g_autofree char *joined = g_strjoinv(" ", names);
    g_assert_cmpstr(joined, ==, expected);
}

static void
test_states(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img") || !place_has("qemu-io"))
        return;
    const char *path = make_image(place);
    assert_names(path, "");
    g_assert_true(sk_storage_snapshot_create(path, "one", NULL, &error));
    place_run("qemu-io", "-c", "write -P 7 0 64k", path, NULL);
    g_assert_true(sk_storage_snapshot_create(path, "zwölf", NULL, &error));
    assert_names(path, "one zwölf");
    for (guint i = 0; i < 2; i++)
        g_assert_true(sk_storage_snapshot_apply(path, "one", NULL, &error));
    place_run("sh", "-c", "! qemu-io -c 'read -P 0 0 64k' \"$0\" | grep -q 'verification failed'", path, NULL);
    for (guint i = 0; i < 2; i++)
        g_assert_true(sk_storage_snapshot_delete(path, "one", NULL, &error));
    assert_names(path, "zwölf");
    g_assert_true(sk_storage_snapshot_delete(place_path(place, "nothing"), "one", NULL, &error));
    g_assert_false(sk_storage_snapshot_apply(path, "one", NULL, &error));
    g_assert_nonnull(strstr(error->message, path));
    place_run("qemu-img", "check", "-q", path, NULL);
}

static void
test_no_table(Place *place, gconstpointer data)
{
    static const guint8 entry[] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                    0, 0, 0, 0, '1', 's', '1', 0 };
    g_autoptr(GError) error = NULL;
    (void) data;
    g_auto(GStrv) one = sk_qcow2_parse_snapshots(entry, sizeof entry, 1, "x", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(one[0], ==, "s1");
    for (gsize length = 0; length < sizeof entry - 1; length++) {
        g_autoptr(GError) why = NULL;
        g_assert_null(sk_qcow2_parse_snapshots(entry, length, 1, "x", &why));
        g_assert_error(why, SK_ERROR, SK_ERROR_INVALID);
    }
    g_assert_null(sk_qcow2_parse_snapshots(entry, sizeof entry, 2, "x", &error));
    g_clear_error(&error);
    g_assert_true(g_file_set_contents(place_path(place, "text"), "hello", -1, NULL));
    g_assert_null(sk_storage_snapshot_names(place_path(place, "text"), &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
}

static void
test_copy_dir(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *below = g_build_filename(place_path(place, "from"), "below", NULL);
    g_autofree char *file = g_build_filename(below, "state", NULL);
    g_autofree char *copy = g_build_filename(place_path(place, "to"), "below", "state", NULL);
    g_autofree char *text = NULL;
    struct stat info;
    (void) data;
    g_assert_cmpint(g_mkdir_with_parents(below, 0700), ==, 0);
    g_assert_true(g_file_set_contents_full(file, "kept", 4, G_FILE_SET_CONTENTS_NONE, 0640, NULL));
    for (guint i = 0; i < 2; i++)
        g_assert_true(sk_storage_copy_dir(place_path(place, "from"), place_path(place, "to"), &error));
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(copy, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "kept");
    g_assert_cmpint(stat(copy, &info), ==, 0);
    g_assert_cmpuint(info.st_mode & 0777, ==, 0640);
    g_assert_false(sk_storage_copy_dir(place_path(place, "nothing"), place_path(place, "to"), &error));
    g_assert_true(g_file_test(copy, G_FILE_TEST_EXISTS));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/storage/snapshot/states", Place, NULL, place_set_up, test_states, place_tear_down);
    g_test_add("/storage/snapshot/no-table", Place, NULL, place_set_up, test_no_table, place_tear_down);
    g_test_add("/storage/snapshot/copy-dir", Place, NULL, place_set_up, test_copy_dir, place_tear_down);
    return g_test_run();
}
