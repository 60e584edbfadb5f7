/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volumes of a directory pool: made, cloned, resized, removed, and nothing left when a step fails. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "place.h"
#include "storage/chain.h"
#include "storage/lock.h"
#include "storage/overlays.h"
#include "storage/pool.h"

#define MIB (1024 * 1024)

typedef SkVolume Volume;
static void
volume_free(SkVolume *volume)
{
    sk_value_free(&sk_volume_type, volume);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Volume, volume_free)

static SkStorageContext
context_of(Place *place)
{
    return (SkStorageContext){ .roots = place->roots };
}

static SkVolume *
create(Place *place, const char *name, gint format, guint64 capacity)
{
    SkStorageContext context = context_of(place);
    SkVolumeCreate wanted = { .name = (char *) name, .format = format, .capacity = capacity };
    g_autoptr(GError) error = NULL;
    SkVolume *volume = sk_storage_volume_create(&place->spec, &wanted, NULL, 0, &context, &error);
    g_assert_no_error(error);
    return volume;
}

static SkVolume *
create_over(Place *place, const char *name, const SkVolume *base, guint64 capacity, GError **error)
{
    SkStorageContext context = context_of(place);
    SkVolumeCreate wanted = { .name = (char *) name, .format = SK_FORMAT_QCOW2, .capacity = capacity };
    return sk_storage_volume_create(&place->spec, &wanted, base->path, base->format, &context, error);
}

static void
assert_left(Place *place, const char *expected)
{
    g_autofree char *left = place_entries(place);
    g_assert_cmpstr(left, ==, expected);
}

/* -- making ------------------------------------------------------------------------------------------------ */

static void
test_build(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    struct stat info;
    SkPoolStatus status = { 0 };
    SkPoolSpec spec = { .name = (char *) "p", .path = (char *) place_path(place, "a/pool") };
    (void) data;
    g_assert_false(sk_storage_pool_start(&spec, &error));
    g_assert_nonnull(strstr(error->message, "\"p\""));
    g_clear_error(&error);
    sk_storage_pool_build(&spec, &error);
    g_assert_no_error(error);
    g_assert_cmpint(stat(spec.path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0711);
    sk_storage_pool_stat(&spec, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(status.capacity, >=, status.available);
    g_assert_cmpuint(status.capacity, >, 0);

    g_assert_true(g_file_set_contents(place_path(place, "a/pool/x"), "x", 1, NULL));
    g_assert_false(sk_storage_pool_unbuild(&spec, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_clear_error(&error);
    g_assert_cmpint(unlink(place_path(place, "a/pool/x")), ==, 0);
    g_assert_true(sk_storage_pool_unbuild(&spec, &error));
    g_assert_true(sk_storage_pool_unbuild(&spec, &error));
}

static void
test_create(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    g_autoptr(Volume) raw = create(place, "raw", SK_FORMAT_RAW, 8 * MIB);
    g_assert_cmpuint(raw->capacity, ==, 8 * MIB);
    g_assert_cmpuint(raw->allocation, <, MIB);
    g_assert_cmpint(raw->format, ==, SK_FORMAT_RAW);
    if (!place_has("qemu-img"))
        return;
    g_autoptr(Volume) base = create(place, "base.qcow2", SK_FORMAT_QCOW2, 16 * MIB);
    g_assert_cmpint(base->format, ==, SK_FORMAT_QCOW2);
    g_assert_cmpuint(base->capacity, ==, 16 * MIB);
    g_autoptr(Volume) over = create_over(place, "over", base, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(over->backing_path, ==, base->path);
    g_assert_cmpint(over->backing_format, ==, SK_FORMAT_QCOW2);
    g_assert_cmpuint(over->capacity, ==, 16 * MIB);
    g_autoptr(Volume) over_raw = create_over(place, "over-raw", raw, 32 * MIB, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(over_raw->capacity, ==, 32 * MIB);
    g_assert_cmpint(over_raw->backing_format, ==, SK_FORMAT_RAW);

    struct stat info;
    g_assert_cmpint(stat(over->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0600);
    g_autoptr(GPtrArray) list = sk_storage_volume_list(&place->spec, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, 4);
    g_assert_cmpstr(((SkVolume *) g_ptr_array_index(list, 0))->name, ==, "base.qcow2");
}

static void
test_preallocation(Place *place, gconstpointer data)
{
    (void) data;
    for (gint format = 0; format < SK_N_DISK_FORMATS; format++) {
        if (format == SK_FORMAT_QCOW2 && !place_has("qemu-img"))
            continue;
        for (gint kind = SK_PREALLOC_FALLOC; kind <= SK_PREALLOC_FULL; kind++) {
            g_autoptr(GError) error = NULL;
            g_autofree char *name = g_strdup_printf("v%d-%d", format, kind);
            SkVolumeCreate wanted = { .name = name, .format = format, .capacity = 4 * MIB, .preallocation = kind };
            g_autoptr(Volume) volume = sk_storage_volume_create(&place->spec, &wanted, NULL, 0, NULL, &error);
            g_assert_no_error(error);
            g_assert_cmpuint(volume->allocation, >=, 4 * MIB);
        }
    }
}

typedef struct {
    SkVolumeCreate wanted;
    gint code;
    const char *says;
} Wrong;

static void
test_wrong_requests(Place *place, gconstpointer data)
{
    const Wrong wrongs[] = {
        { { .name = (char *) "a/b", .capacity = MIB }, SK_ERROR_INVALID, "a/b" },
        { { .name = (char *) ".hidden", .capacity = MIB }, SK_ERROR_INVALID, ".hidden" },
        { { .name = (char *) "x.part", .capacity = MIB }, SK_ERROR_INVALID, ".part" },
        { { .name = (char *) "none" }, SK_ERROR_INVALID, "capacity" },
        { { .name = (char *) "odd", .capacity = 1000 }, SK_ERROR_INVALID, "multiple of 512" },
        { { .name = (char *) "huge", .capacity = G_MAXUINT64 - 511 }, SK_ERROR_INVALID, "at most 1 PiB" },
        { { .name = (char *) "m", .format = SK_FORMAT_RAW, .capacity = MIB, .preallocation = SK_PREALLOC_METADATA }, SK_ERROR_INVALID, "falloc" },
        { { .name = (char *) "there", .format = SK_FORMAT_RAW, .capacity = MIB }, SK_ERROR_EXISTS, "\"there\"" },
    };
    (void) data;
    g_autoptr(Volume) there = create(place, "there", SK_FORMAT_RAW, MIB);
    for (gsize i = 0; i < G_N_ELEMENTS(wrongs); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(sk_storage_volume_create(&place->spec, &wrongs[i].wanted, NULL, 0, NULL, &error));
        g_assert_error(error, SK_ERROR, wrongs[i].code);
        g_assert_nonnull(strstr(error->message, wrongs[i].says));
    }
    assert_left(place, "there");
}

static void
test_wrong_backing(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SkStorageContext context = context_of(place);
    SkVolumeCreate wanted = { .name = (char *) "v", .format = SK_FORMAT_QCOW2 };
    (void) data;
    g_assert_null(sk_storage_volume_create(&place->spec, &wanted, "/etc/shadow", SK_FORMAT_RAW, &context, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_DENIED);
    g_clear_error(&error);
    g_autoptr(Volume) base = create(place, "base", SK_FORMAT_RAW, 8 * MIB);
    g_assert_null(create_over(place, "v", base, 4 * MIB, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    g_clear_error(&error);
    wanted.format = SK_FORMAT_RAW;
    g_assert_null(sk_storage_volume_create(&place->spec, &wanted, base->path, SK_FORMAT_RAW, &context, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    assert_left(place, "base");
}

/* -- listing --------------------------------------------------------------------------------------------------- */

static void
test_foreign_files(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    g_assert_true(g_file_set_contents(place_path(place, "notes.txt"), "hello", 5, NULL));
    g_assert_true(g_file_set_contents(place_path(place, "broken.qcow2"), "QFI\xfb\0\0\0\3", 8, NULL));
    g_assert_true(g_file_set_contents(place_path(place, "a.vmdk"), "KDMV", 4, NULL));
    g_assert_true(g_file_set_contents(place_path(place, ".hidden"), "x", 1, NULL));
    g_assert_true(g_file_set_contents(place_path(place, "b.part"), "x", 1, NULL));
    g_assert_cmpint(mkfifo(place_path(place, "fifo"), 0600), ==, 0);
    g_assert_cmpint(mkdir(place_path(place, "dir"), 0700), ==, 0);
    g_assert_cmpint(symlink("/etc/passwd", place_path(place, "link")), ==, 0);
    place_write_disk(place_path(place, "disk.img"), MIB, 3);

    static const struct { const char *name, *format; } expected[] = {
        { "a.vmdk", "vmdk" }, { "broken.qcow2", "damaged" }, { "disk.img", NULL }, { "notes.txt", "unknown" } };
    g_autoptr(GPtrArray) list = sk_storage_volume_list(&place->spec, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < list->len; i++) {
        const SkVolume *volume = g_ptr_array_index(list, i);
        g_assert_cmpstr(volume->name, ==, expected[i].name);
        g_assert_cmpstr(volume->foreign_format, ==, expected[i].format);
        g_assert_cmpint(volume->kind, ==, expected[i].format != NULL ? SK_VOLUME_FOREIGN : SK_VOLUME_DISK);
    }
    g_assert_null(sk_storage_volume_lookup(&place->spec, "link", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NO_VOLUME);
    g_clear_error(&error);
    g_assert_null(sk_storage_volume_lookup(&place->spec, "../x", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
}

/* -- cloning ----------------------------------------------------------------------------------------------------- */

static void
on_report(const char *step, guint64 done, guint64 total, gpointer data)
{
    guint *count = data;
    g_assert_nonnull(step);
    g_assert_true(total == 0 || done <= total);
    (*count)++;
}

static void
test_clone_raw(Place *place, gconstpointer data)
{
    guint reports = 0;
    SkStorageContext context = { .roots = place->roots, .report = on_report, .data = &reports };
    g_autoptr(GError) error = NULL;
    g_autofree char *a = NULL, *b = NULL;
    gsize a_length, b_length;
    (void) data;
    place_write_disk(place_path(place, "source"), 8 * MIB, 9);
    g_autoptr(Volume) source = sk_storage_volume_lookup(&place->spec, "source", &error);
    g_autoptr(Volume) copy = sk_storage_volume_clone(&place->spec, source, &(SkVolumeCreate){ .name = (char *) "copy", .format = source->format }, FALSE, &context, &error);
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(source->path, &a, &a_length, NULL));
    g_assert_true(g_file_get_contents(copy->path, &b, &b_length, NULL));
    g_assert_cmpmem(a, a_length, b, b_length);
    g_assert_cmpuint(reports, >, 0);
}

static void
test_clone_layers(Place *place, gconstpointer data)
{
    SkStorageContext context = context_of(place);
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    place_write_disk(place_path(place, "base"), 8 * MIB, 9);
    g_autoptr(Volume) base = sk_storage_volume_lookup(&place->spec, "base", &error);
    g_autoptr(Volume) over = create_over(place, "over", base, 0, &error);
    g_assert_no_error(error);
    g_autoptr(Volume) full = sk_storage_volume_clone(&place->spec, over, &(SkVolumeCreate){ .name = (char *) "full", .format = over->format }, FALSE, &context, &error);
    g_assert_no_error(error);
    g_assert_null(full->backing_path);
    g_assert_cmpint(full->format, ==, SK_FORMAT_QCOW2);
    place_run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", base->path, full->path, NULL);
    g_autoptr(Volume) linked = sk_storage_volume_clone(&place->spec, over, &(SkVolumeCreate){ .name = (char *) "linked", .format = SK_FORMAT_QCOW2 }, TRUE, &context, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(linked->backing_path, ==, over->path);
    assert_left(place, "base full linked over");
}

static void
test_cancel(Place *place, gconstpointer data)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    SkStorageContext context = { .roots = place->roots, .cancellable = cancellable };
    g_autoptr(GError) error = NULL;
    (void) data;
    place_write_disk(place_path(place, "source"), 8 * MIB, 9);
    g_autoptr(Volume) source = sk_storage_volume_lookup(&place->spec, "source", &error);
    g_cancellable_cancel(cancellable);
    SkVolume *copy = sk_storage_volume_clone(&place->spec, source, &(SkVolumeCreate){ .name = (char *) "copy", .format = source->format }, FALSE, &context, &error);
    if (copy != NULL) {
        /* Shared blocks: it was done before anybody could cancel. */
        volume_free(copy);
        g_test_skip("this file system copies at once");
        return;
    }
    g_assert_error(error, SK_ERROR, SK_ERROR_CANCELLED);
    assert_left(place, "source");
}

/* -- changing ------------------------------------------------------------------------------------------------------ */

static void
check_resize(Place *place, const char *name)
{
    SkStorageContext context = context_of(place);
    g_autoptr(GError) error = NULL;
    sk_storage_volume_resize(&place->spec, name, 16 * MIB, FALSE, &context, &error);
    g_assert_no_error(error);
    g_autoptr(Volume) grown = sk_storage_volume_lookup(&place->spec, name, &error);
    g_assert_cmpuint(grown->capacity, ==, 16 * MIB);
    g_assert_false(sk_storage_volume_resize(&place->spec, name, 4 * MIB, FALSE, &context, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    g_clear_error(&error);
    sk_storage_volume_resize(&place->spec, name, 4 * MIB, TRUE, &context, &error);
    g_assert_no_error(error);
    g_autoptr(Volume) shrunk = sk_storage_volume_lookup(&place->spec, name, &error);
    g_assert_cmpuint(shrunk->capacity, ==, 4 * MIB);
}

static void
test_resize(Place *place, gconstpointer data)
{
    (void) data;
    g_autoptr(Volume) raw = create(place, "raw", SK_FORMAT_RAW, 8 * MIB);
    check_resize(place, "raw");
    if (!place_has("qemu-img"))
        return;
    g_autoptr(Volume) qcow2 = create(place, "qcow2", SK_FORMAT_QCOW2, 8 * MIB);
    check_resize(place, "qcow2");
}

static void
test_delete_with_overlay(Place *place, gconstpointer data)
{
    SkStorageContext context = context_of(place);
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    g_autoptr(Volume) base = create(place, "base", SK_FORMAT_QCOW2, 8 * MIB);
    g_autoptr(Volume) over = create_over(place, "over", base, 0, &error);
    g_assert_no_error(error);
    g_assert_false(sk_storage_volume_delete(&place->spec, "base", &context, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_assert_nonnull(strstr(error->message, over->path));
    g_clear_error(&error);
    g_assert_false(sk_storage_volume_resize(&place->spec, "base", 4 * MIB, TRUE, &context, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_clear_error(&error);
    sk_storage_volume_delete(&place->spec, "over", &context, &error);
    g_assert_no_error(error);
    sk_storage_volume_delete(&place->spec, "base", &context, &error);
    g_assert_no_error(error);
    assert_left(place, "");
}

static guint
count_over(const Place *place, const char *path)
{
    g_autoptr(GPtrArray) overlays = sk_storage_overlays_of(path, place->roots);
    return overlays->len;
}

/* Headers are read once, and again only when their file, or what a link leads to, is another. */
static void
test_overlays_remembered(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    g_autoptr(Volume) one = create(place, "one", SK_FORMAT_QCOW2, 8 * MIB);
    g_autoptr(Volume) two = create(place, "two", SK_FORMAT_QCOW2, 8 * MIB);
    g_autoptr(Volume) over = create_over(place, "over", one, 0, &error);
    const char *link = place_path(place, "link"), *linked = place_path(place, "linked");
    g_assert_cmpint(symlink("one", link), ==, 0);
    place_run("qemu-img", "create", "-q", "-f", "qcow2", "-b", link, "-F", "qcow2", linked, NULL);
    guint opened;
    do {
        opened = sk_overlays_opened();
        g_assert_cmpuint(count_over(place, one->path), ==, 2);
        g_assert_cmpuint(count_over(place, two->path), ==, 0);
    } while (sk_overlays_opened() > opened);

    g_assert_cmpint(unlink(link), ==, 0);
    g_assert_cmpint(symlink("two", link), ==, 0);
    g_assert_cmpuint(count_over(place, two->path), ==, 1);
    g_assert_cmpuint(sk_overlays_opened(), ==, opened);
    place_run("qemu-img", "rebase", "-q", "-u", "-f", "qcow2", "-b", two->path, "-F", "qcow2", over->path, NULL);
    g_assert_cmpuint(count_over(place, two->path), ==, 2);
    g_assert_cmpuint(count_over(place, one->path), ==, 0);
    g_assert_cmpint(unlink(over->path), ==, 0);
    g_assert_cmpint(rename(linked, over->path), ==, 0);
    g_assert_cmpuint(count_over(place, two->path), ==, 1);
}

/* -- failing ---------------------------------------------------------------------------------------------------------- */

/* The sub-process: one step fails, whichever; the pool has then what it had before. */
static void
fail_here(Place *place)
{
    SkStorageContext context = context_of(place);
    g_autoptr(GError) error = NULL;
    place_write_disk(place_path(place, "source"), 4 * MIB, 9);
    SkVolumeCreate raw = { .name = (char *) "new", .format = SK_FORMAT_RAW, .capacity = MIB };
    SkVolumeCreate qcow2 = { .name = (char *) "new", .format = SK_FORMAT_QCOW2, .capacity = MIB };
    g_autoptr(Volume) source = sk_storage_volume_lookup(&place->spec, "source", &error);
    const char *step = g_getenv("SKEP_FAULT");
    SkVolume *made = NULL;

    if (g_str_equal(step, "volume/resize"))
        g_assert_false(sk_storage_volume_resize(&place->spec, "source", 8 * MIB, FALSE, &context, &error));
    else if (g_str_equal(step, "volume/remove"))
        g_assert_false(sk_storage_volume_delete(&place->spec, "source", &context, &error));
    else if (g_str_equal(step, "storage/copy"))
        made = sk_storage_volume_clone(&place->spec, source, &(SkVolumeCreate){ .name = (char *) "new", .format = source->format }, FALSE, &context, &error);
    else
        made = sk_storage_volume_create(&place->spec, g_str_equal(step, "storage/qemu-img") ? &qcow2 : &raw, NULL, 0, &context, &error);
    g_assert_null(made);
    place_assert_injected(error);
    assert_left(place, "source");
}

static void
test_each_step_fails(Place *place, gconstpointer data)
{
    static const char *const steps[] = { "storage/make", "volume/fill", "storage/qemu-img", "storage/copy", "storage/sync",
                                         "storage/rename", "storage/sync-dir", "volume/resize", "volume/remove", NULL };
    (void) data;
    if (g_test_subprocess())
        fail_here(place);
    else
        place_fail_each("/storage/volume/each-step-fails", steps);
}

static void
no_room(Place *place, gint format, gint preallocation)
{
    g_autoptr(GError) error = NULL;
    SkVolumeCreate wanted = { .name = (char *) "v", .format = format, .capacity = 8 * MIB, .preallocation = preallocation };
    g_assert_null(sk_storage_volume_create(&place->spec, &wanted, NULL, 0, NULL, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, SK_ERROR, SK_ERROR_NO_SPACE);
    g_assert_nonnull(strstr(error->message, "\"v\""));
    assert_left(place, "");
}

static void
fill_disk(Place *place)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *bytes = g_malloc(4 * MIB);
    g_assert_true(place_make_small(place, 2 * MIB));
    no_room(place, SK_FORMAT_RAW, SK_PREALLOC_FALLOC);
    no_room(place, SK_FORMAT_RAW, SK_PREALLOC_FULL);
    if (place_has("qemu-img"))
        no_room(place, SK_FORMAT_QCOW2, SK_PREALLOC_FULL);

    /* What came of an upload stays, to go on when there is room. */
    memset(bytes, 7, 4 * MIB);
    SkStorageWriter *writer = sk_storage_volume_upload(&place->spec, "v", 0, &error);
    g_assert_true(sk_storage_writer_write(writer, bytes, MIB, &error));
    g_assert_false(sk_storage_writer_write(writer, bytes, 4 * MIB, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NO_SPACE);
    g_assert_cmpuint(sk_storage_writer_offset(writer), ==, MIB);
    sk_storage_writer_abort(writer, TRUE);
    g_assert_cmpuint(sk_storage_upload_offset(place->dir, "v"), ==, MIB);
    place_run("umount", place->dir, NULL);
}

static void
test_full_disk(Place *place, gconstpointer data)
{
    (void) data;
    if (g_test_subprocess()) {
        fill_disk(place);
        return;
    }
    if (!place_can_be_small(place))
        return;
    g_test_trap_subprocess("/storage/volume/full-disk", 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
}

static void
check_after_kill(Place *place)
{
    g_autoptr(GError) error = NULL;
    sk_storage_pool_start(&place->spec, &error);
    g_assert_no_error(error);
    assert_left(place, "");
}

static void
test_killed(Place *place, gconstpointer data)
{
    static const char *const steps[] = { "storage/make", "volume/fill", "storage/sync", "storage/rename", NULL };
    (void) data;
    if (g_test_subprocess()) {
        SkPoolSpec spec = { .name = (char *) "pool", .path = (char *) g_getenv("TEST_POOL") };
        SkVolumeCreate wanted = { .name = (char *) "v", .format = SK_FORMAT_RAW, .capacity = MIB };
        rmdir(place->dir);      /* the parent's is worked in; nobody will tear this one down */
        sk_storage_volume_create(&spec, &wanted, NULL, 0, NULL, NULL);
        _exit(0);
    }
    g_setenv("TEST_POOL", place->dir, TRUE);
    place_kill_each("/storage/volume/killed", steps, check_after_kill, place);
}

/* What kill -9 left is swept at the next start; what somebody is working on is not. */
static void
test_sweep(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    g_assert_true(g_file_set_contents(place_path(place, ".skep-tmp-AAAAAA"), "x", 1, NULL));
    g_assert_true(g_file_set_contents(place_path(place, ".skep-tmp-BBBBBB"), "x", 1, NULL));
    g_assert_true(g_file_set_contents(place_path(place, "v.part"), "x", 1, NULL));
    g_auto(SkFd) busy = open(place_path(place, ".skep-tmp-BBBBBB"), O_RDWR | O_CLOEXEC);
    g_assert_cmpint(flock(busy, LOCK_EX), ==, 0);
    sk_storage_pool_start(&place->spec, &error);
    g_assert_no_error(error);
    assert_left(place, ".skep-tmp-BBBBBB v.part");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/storage/volume/" name, Place, NULL, place_set_up, func, place_tear_down)
    ADD("build", test_build);
    ADD("create", test_create);
    ADD("preallocation", test_preallocation);
    ADD("wrong-requests", test_wrong_requests);
    ADD("wrong-backing", test_wrong_backing);
    ADD("foreign-files", test_foreign_files);
    ADD("clone-raw", test_clone_raw);
    ADD("clone-layers", test_clone_layers);
    ADD("cancel", test_cancel);
    ADD("resize", test_resize);
    ADD("delete-with-overlay", test_delete_with_overlay);
    ADD("overlays-remembered", test_overlays_remembered);
    ADD("each-step-fails", test_each_step_fails);
    ADD("full-disk", test_full_disk);
    ADD("killed", test_killed);
    ADD("sweep", test_sweep);
    return g_test_run();
}
