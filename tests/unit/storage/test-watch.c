/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that come and go are told, once, and so are whole directories. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "place.h"
#include "storage/watch.h"

static GString *told;
static SkWatch *watch;

static void
on_change(const char *dir, const char *name, SkWatchKind kind, gpointer data)
{
    static const char *const kinds[] = { "+", "~", "-", "gone", "rescan" };
    (void) dir;
    (void) data;
    g_string_append_printf(told, "%s%s ", kinds[kind], name != NULL ? name : "");
}

static void
set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place_set_up(place, data);
    told = g_string_new(NULL);
    watch = sk_storage_watch_new(on_change, NULL, &error);
    g_assert_no_error(error);
}

static void
tear_down(Place *place, gconstpointer data)
{
    sk_storage_watch_free(watch);
    g_string_free(told, TRUE);
    place_tear_down(place, data);
}

/* Runs the main loop until exactly this was told. A wrong word ends it too. */
static void
expect(const char *expected)
{
    while (told->len < strlen(expected))
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpstr(told->str, ==, expected);
    g_string_truncate(told, 0);
}

static void
put(Place *place, const char *name, const char *text)
{
    FILE *file = fopen(place_path(place, name), "w");
    fputs(text, file);
    fclose(file);
}

static void
test_files(Place *place, gconstpointer data)
{
    (void) data;
    put(place, "old", "x");
    sk_storage_watch_add(watch, place->dir);
    sk_storage_watch_add(watch, place->dir);
    put(place, ".hidden", "x");
    put(place, "v.part", "x");
    put(place, "new", "one");
    put(place, "new", "two");
    expect("+new ");
    put(place, "old", "y");
    expect("~old ");
    g_assert_cmpint(rename(place_path(place, "v.part"), place_path(place, "v")), ==, 0);
    expect("+v ");
    g_assert_cmpint(unlink(place_path(place, "new")), ==, 0);
    expect("-new ");
    g_assert_cmpint(unlink(place_path(place, "old")), ==, 0);
    put(place, "old", "z");
    expect("~old ");
}

static void
test_directory_goes(Place *place, gconstpointer data)
{
    const char *dir = place_path(place, "pool");
    (void) data;
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    sk_storage_watch_add(watch, dir);
    g_assert_cmpint(rmdir(dir), ==, 0);
    expect("gone ");
    g_assert_cmpint(mkdir(dir, 0700), ==, 0);
    expect("rescan ");
    put(place, "pool/a", "x");
    expect("+a ");
    g_assert_cmpint(rename(dir, place_path(place, "elsewhere")), ==, 0);
    expect("gone ");
}

static void
test_awaited_and_removed(Place *place, gconstpointer data)
{
    const char *a = place_path(place, "a"), *b = place_path(place, "b");
    (void) data;
    sk_storage_watch_add(watch, a);
    g_assert_cmpint(mkdir(a, 0700), ==, 0);
    expect("rescan ");
    g_assert_cmpint(mkdir(b, 0700), ==, 0);
    sk_storage_watch_add(watch, b);
    sk_storage_watch_remove(watch, a);
    sk_storage_watch_remove(watch, "/never/added");
    put(place, "a/unseen", "x");
    put(place, "b/seen", "x");
    expect("+seen ");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add("/storage/watch/files", Place, NULL, set_up, test_files, tear_down);
    g_test_add("/storage/watch/directory-goes", Place, NULL, set_up, test_directory_goes, tear_down);
    g_test_add("/storage/watch/awaited-and-removed", Place, NULL, set_up, test_awaited_and_removed, tear_down);
    return g_test_run();
}
