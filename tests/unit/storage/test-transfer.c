/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uploads that stop and go on, and downloads. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "place.h"
#include "storage/pool.h"
#include "storage/transfer.h"

#define MIB (1024 * 1024)

static void
assert_left(Place *place, const char *expected)
{
    g_autofree char *left = place_entries(place);
    g_assert_cmpstr(left, ==, expected);
}

static SkStorageWriter *
begin(Place *place, const char *name, guint64 offset)
{
    g_autoptr(GError) error = NULL;
    SkStorageWriter *writer = sk_storage_volume_upload(&place->spec, name, offset, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(sk_storage_writer_offset(writer), ==, offset);
    return writer;
}

/* Bytes with runs of zeros, in pieces of an odd size, in two goes. */
static void
test_resume(Place *place, gconstpointer data)
{
    g_autofree guint8 *bytes = g_malloc0(8 * MIB);
    g_autofree char *back = NULL;
    g_autoptr(GError) error = NULL;
    gsize length;
    struct stat info;
    (void) data;
    for (gsize i = 0; i < 8 * MIB; i += 2 * MIB)
        memset(bytes + i, 1 + (gint) (i / MIB), 100 * 1000);

    SkStorageWriter *writer = begin(place, "v", 0);
    for (gsize at = 0; at < 4 * MIB; at += 65521)
        g_assert_true(sk_storage_writer_write(writer, bytes + at, 65521, &error));
    guint64 stopped = sk_storage_writer_offset(writer);
    sk_storage_writer_abort(writer, TRUE);
    g_assert_cmpuint(sk_storage_upload_offset(place->dir, "v"), ==, stopped);
    assert_left(place, "v.part");

    g_assert_null(sk_storage_volume_upload(&place->spec, "v", 17, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_CHANGED);
    g_clear_error(&error);
    writer = begin(place, "v", stopped);
    g_assert_true(sk_storage_writer_write(writer, bytes + stopped, 8 * MIB - stopped, &error));
    sk_storage_writer_finish(writer, NULL, &error);
    g_assert_no_error(error);
    assert_left(place, "v");
    g_assert_true(g_file_get_contents(place_path(place, "v"), &back, &length, NULL));
    g_assert_cmpmem(back, length, bytes, 8 * MIB);
    g_assert_cmpint(stat(place_path(place, "v"), &info), ==, 0);
    g_assert_cmpint(info.st_blocks * 512, <, 2 * MIB);
}

static void
test_ends(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    SkStorageWriter *writer = begin(place, "v", 0);
    g_assert_null(sk_storage_volume_upload(&place->spec, "v", 0, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_clear_error(&error);
    g_assert_true(sk_storage_writer_write(writer, "abc", 3, &error));
    sk_storage_writer_abort(writer, FALSE);
    assert_left(place, "");
    g_assert_null(sk_storage_volume_upload(&place->spec, "v", 3, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_CHANGED);
    g_clear_error(&error);
    assert_left(place, "");
    sk_storage_writer_abort(begin(place, "v", 0), TRUE);
    assert_left(place, "");

    /* Somebody else makes the volume meanwhile: it is not overwritten. */
    writer = begin(place, "v", 0);
    g_assert_true(g_file_set_contents(place_path(place, "v"), "theirs", 6, NULL));
    g_assert_true(sk_storage_writer_write(writer, "ours", 4, &error));
    g_assert_false(sk_storage_writer_finish(writer, NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    g_clear_error(&error);
    g_assert_null(sk_storage_volume_upload(&place->spec, "v", 0, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
}

static void
test_hostile(Place *place, gconstpointer data)
{
    SkStorageContext context = { .roots = place->roots };
    g_autoptr(GError) error = NULL;
    g_autofree char *bytes = NULL;
    gsize length;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    place_run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw", place_path(place, "evil"), "4M", NULL);
    g_assert_true(g_file_get_contents(place_path(place, "evil"), &bytes, &length, NULL));
    g_assert_cmpint(unlink(place_path(place, "evil")), ==, 0);
    SkStorageWriter *writer = begin(place, "v", 0);
    g_assert_true(sk_storage_writer_write(writer, bytes, length, &error));
    g_assert_false(sk_storage_writer_finish(writer, &context, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_DENIED);
    g_assert_nonnull(strstr(error->message, "/etc/shadow"));
    assert_left(place, "");
}

static void
test_read(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    place_write_disk(place_path(place, "v"), MIB, 3);
    g_autoptr(SkStorageReader) reader = sk_storage_volume_download(&place->spec, "v", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(sk_storage_reader_size(reader), ==, MIB);
    static const struct { guint64 offset; gsize length, expected; } reads[] = {
        { 0, 10, 10 }, { MIB - 5, 10, 5 }, { MIB, 10, 0 }, { G_MAXUINT64, 10, 0 }, { 0, G_MAXSIZE, MIB } };
    for (gsize i = 0; i < G_N_ELEMENTS(reads); i++) {
        g_autoptr(GBytes) piece = sk_storage_reader_read(reader, reads[i].offset, reads[i].length, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(g_bytes_get_size(piece), ==, reads[i].expected);
    }
    g_assert_null(sk_storage_volume_download(&place->spec, "none", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NO_VOLUME);
}

static void
make_old(Place *place, const char *name)
{
    struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    g_assert_cmpint(utimensat(AT_FDCWD, place_path(place, name), times, AT_SYMLINK_NOFOLLOW), ==, 0);
}

static void
leave_part(Place *place, const char *name)
{
    g_autoptr(GError) error = NULL;
    SkStorageWriter *writer = begin(place, name, 0);
    g_assert_true(sk_storage_writer_write(writer, "abc", 3, &error));
    sk_storage_writer_abort(writer, TRUE);
}

/* What is old, ours and not at work goes; all else stays. */
static void
test_sweep(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    leave_part(place, "young");
    leave_part(place, "old");
    make_old(place, "old.part");
    SkStorageWriter *writer = begin(place, "running", 0);
    g_assert_true(sk_storage_writer_write(writer, "abc", 3, &error));
    make_old(place, "running.part");
    place_write_disk(place_path(place, "theirs.part"), 4096, 1);
    make_old(place, "theirs.part");
    place_write_disk(place_path(place, ".skep-part-download"), 4096, 1);
    make_old(place, ".skep-part-download");
    g_assert_cmpint(symlink("young.part", place_path(place, "link.part")), ==, 0);
    make_old(place, "link.part");

    sk_storage_sweep_parts(place->dir, 3600);
    assert_left(place, "link.part running.part theirs.part young.part");
    g_assert_true(sk_storage_writer_finish(writer, NULL, &error));
    g_assert_no_error(error);
    assert_left(place, "link.part running theirs.part young.part");
    sk_storage_sweep_parts("/nowhere", 3600);

    /* Nobody's upload begins in another program's file. */
    g_assert_null(sk_storage_volume_upload(&place->spec, "theirs", 0, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    g_clear_error(&error);
    assert_left(place, "link.part running theirs.part young.part");
}

static void
fail_here(Place *place)
{
    g_autoptr(GError) error = NULL;
    const char *step = g_getenv("SKEP_FAULT");
    SkStorageWriter *writer = sk_storage_volume_upload(&place->spec, "v", 0, &error);
    if (writer != NULL && !sk_storage_writer_write(writer, "abc", 3, &error))
        sk_storage_writer_abort(writer, TRUE);
    else if (writer != NULL)
        g_assert_false(sk_storage_writer_finish(writer, NULL, &error));
    place_assert_injected(error);
    /* What came is kept where going on makes sense. */
    assert_left(place, g_str_equal(step, "storage/sync") || g_str_equal(step, "storage/rename") ? "v.part" : "");
}

static void
test_each_step_fails(Place *place, gconstpointer data)
{
    static const char *const steps[] = { "storage/upload", "storage/upload-write", "storage/upload-check", "storage/sync",
                                         "storage/rename", "storage/sync-dir", NULL };
    (void) data;
    if (g_test_subprocess())
        fail_here(place);
    else
        place_fail_each("/storage/transfer/each-step-fails", steps);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/storage/transfer/resume", Place, NULL, place_set_up, test_resume, place_tear_down);
    g_test_add("/storage/transfer/ends", Place, NULL, place_set_up, test_ends, place_tear_down);
    g_test_add("/storage/transfer/hostile", Place, NULL, place_set_up, test_hostile, place_tear_down);
    g_test_add("/storage/transfer/read", Place, NULL, place_set_up, test_read, place_tear_down);
    g_test_add("/storage/transfer/sweep", Place, NULL, place_set_up, test_sweep, place_tear_down);
    g_test_add("/storage/transfer/each-step-fails", Place, NULL, place_set_up, test_each_step_fails, place_tear_down);
    return g_test_run();
}
