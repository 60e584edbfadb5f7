/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UEFI variables: made once from a template, then left alone. */
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "place.h"
#include "storage/nvram.h"

static void
assert_entries(Place *place, const char *expected)
{
    g_autofree char *entries = place_entries(place);
    g_assert_cmpstr(entries, ==, expected);
}

static const char *
make_template(Place *place)
{
    const char *path = place_path(place, "template.fd");
    g_autofree char *bytes = g_malloc(528 * 1024);
    memset(bytes, 0xff, 528 * 1024);
    g_assert_true(g_file_set_contents(path, bytes, 528 * 1024, NULL));
    return path;
}

static void
test_make(Place *place, gconstpointer data)
{
    const char *nvram = place_path(place, "nvram/web1.qcow2");
    g_autoptr(GError) error = NULL;
    struct stat before, after;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    const char *template = make_template(place);
    sk_storage_nvram_make(template, nvram, &error);
    g_assert_no_error(error);
    place_run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", template, nvram, NULL);
    g_assert_cmpint(stat(nvram, &before), ==, 0);
    g_assert_true(sk_storage_nvram_make("/nothing", nvram, &error));
    g_assert_cmpint(stat(nvram, &after), ==, 0);
    g_assert_cmpuint(before.st_ino, ==, after.st_ino);

    /* A template may be what another domain's variables are kept in. */
    sk_storage_nvram_make(nvram, place_path(place, "nvram/web2.qcow2"), &error);
    g_assert_no_error(error);
}

static void
test_wrong_template(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    const char *nvram = place_path(place, "nvram");
    (void) data;
    g_assert_false(sk_storage_nvram_make(place_path(place, "nothing"), nvram, &error));
    g_assert_nonnull(strstr(error->message, "nothing"));
    g_clear_error(&error);
    g_assert_true(g_file_set_contents(place_path(place, "packed"), "\x1f\x8b\x08zzz", 6, NULL));
    g_assert_false(sk_storage_nvram_make(place_path(place, "packed"), nvram, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    assert_entries(place, "packed");
}

static void
test_each_step_fails(Place *place, gconstpointer data)
{
    static const char *const steps[] = { "nvram/make", "storage/make", "storage/qemu-img", "storage/sync", "storage/rename",
                                         "storage/sync-dir", NULL };
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    if (!g_test_subprocess()) {
        place_fail_each("/storage/nvram/each-step-fails", steps);
        return;
    }
    g_assert_false(sk_storage_nvram_make(make_template(place), place_path(place, "web1.qcow2"), &error));
    place_assert_injected(error);
    assert_entries(place, "template.fd");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/storage/nvram/make", Place, NULL, place_set_up, test_make, place_tear_down);
    g_test_add("/storage/nvram/wrong-template", Place, NULL, place_set_up, test_wrong_template, place_tear_down);
    g_test_add("/storage/nvram/each-step-fails", Place, NULL, place_set_up, test_each_step_fails, place_tear_down);
    return g_test_run();
}
