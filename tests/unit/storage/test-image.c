/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Importing images: every format, what is refused, and nothing left when it fails. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "place.h"
#include "storage/image.h"
#include "storage/pool.h"
#include "storage/transfer.h"
#include "web.h"

#define MIB (1024 * 1024)

typedef SkImage Image;
static void
image_free(SkImage *image)
{
    sk_value_free(&sk_image_type, image);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Image, image_free)

/* Images go to a directory of their own, "images". */
static const char *
images_dir(Place *place)
{
    return place_path(place, "images");
}

static char *
images_left(Place *place)
{
    Place images = { .dir = (char *) images_dir(place) };
    return place_entries(&images);
}

static void
assert_left(Place *place, const char *expected)
{
    g_autofree char *left = images_left(place);
    g_assert_cmpstr(left, ==, expected);
}

static SkImage *
import(Place *place, const char *name, const char *url, const char *sha256, GError **error)
{
    SkImageImport request = { .name = (char *) name, .url = (char *) url, .sha256 = (char *) sha256, .os = (char *) "debian-12" };
    SkStorageContext context = { .roots = place->roots };
    return sk_storage_image_import(images_dir(place), &request, FALSE, &context, error);
}

static void
refused(Place *place, const char *url, const char *sha256, gint code, const char *says)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(import(place, "bad", url, sha256, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, SK_ERROR, code);
    g_assert_nonnull(strstr(error->message, says));
    if (g_file_test(images_dir(place), G_FILE_TEST_EXISTS))
        assert_left(place, "");
}

/* A raw disk and what it is compared with. */
static const char *
make_disk(Place *place)
{
    const char *path = place_path(place, "disk.raw");
    place_write_disk(path, 8 * MIB, 5);
    return path;
}

static void
assert_same(const SkImage *image, const char *raw)
{
    place_run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw, image->path, NULL);
}

/* -- formats ------------------------------------------------------------------------------------------------ */

static void
test_formats(Place *place, gconstpointer data)
{
    static const char *const formats[] = { "raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "vhdx" };
    (void) data;
    if (!place_has("qemu-img"))
        return;
    const char *raw = make_disk(place);
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *file = g_strdup_printf("disk.%s", formats[i]);
        const char *source = place_path(place, file);
        if (i > 0)
            place_run("qemu-img", "convert", "-f", "raw", "-O", formats[i], raw, source, NULL);
        g_autoptr(Image) image = import(place, formats[i], source, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(image->original_format, ==, formats[i]);
        g_assert_cmpuint(image->capacity, >=, 8 * MIB);
        if (!g_str_equal(formats[i], "vpc"))    /* which rounds up to whole cylinders */
            assert_same(image, raw);
        g_assert_true(g_file_test(source, G_FILE_TEST_EXISTS));
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = sk_storage_image_list(images_dir(place), &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, G_N_ELEMENTS(formats));
}

static void
test_packed(Place *place, gconstpointer data)
{
    static const char *const packers[][2] = { { "gzip", "gz" }, { "xz", "xz" }, { "zstd", "zst" } };
    (void) data;
    if (!place_has("qemu-img") || !place_has("xz") || !place_has("zstd"))
        return;
    const char *raw = make_disk(place);
    for (gsize i = 0; i < G_N_ELEMENTS(packers); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *file = g_strdup_printf("disk.raw.%s", packers[i][1]);
        g_autofree char *format = g_strdup_printf("raw.%s", packers[i][0]);
        place_run(packers[i][0], "-k", "-q", raw, NULL);
        g_autoptr(Image) image = import(place, packers[i][0], place_path(place, file), NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(image->original_format, ==, format);
        assert_same(image, raw);
    }
    assert_left(place, "gzip.json gzip.qcow2 xz.json xz.qcow2 zstd.json zstd.qcow2");
}

/* A packed qcow2 becomes the image without another copy. */
static void
test_packed_qcow2(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    const char *raw = make_disk(place);
    place_run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, place_path(place, "d.qcow2"), NULL);
    place_run("gzip", place_path(place, "d.qcow2"), NULL);
    g_autoptr(Image) image = import(place, "d", place_path(place, "d.qcow2.gz"), NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(image->original_format, ==, "qcow2.gzip");
    assert_same(image, raw);
    assert_left(place, "d.json d.qcow2");
}

static void
put_be(guint8 *at, guint64 value, gsize bytes)
{
    for (gsize i = 0; i < bytes; i++)
        at[i] = (guint8) (value >> (8 * (bytes - 1 - i)));
}

/*
 * A disk image as the Mac has it, with one block of uncompressed sectors: data, then the property list
 * with the block table, then the trailer that says where those are.
 */
static void
write_dmg(const char *path, const char *raw_path)
{
    guint8 table[204 + 80] = "mish";
    guint8 trailer[512] = "koly";
    g_autofree char *raw = NULL;
    gsize size;
    g_assert_true(g_file_get_contents(raw_path, &raw, &size, NULL));
    put_be(table + 4, 1, 4);
    put_be(table + 16, size / 512, 8);
    put_be(table + 200, 2, 4);
    put_be(table + 204, 1, 4);                  /* a chunk as it is */
    put_be(table + 204 + 16, size / 512, 8);
    put_be(table + 204 + 32, size, 8);
    put_be(table + 244, 0xffffffff, 4);         /* the end */
    put_be(table + 244 + 8, size / 512, 8);

    g_autofree char *base64 = g_base64_encode(table, sizeof table);
    g_autofree char *list = g_strdup_printf("<plist><dict><key>resource-fork</key><dict><key>blkx</key><array><dict>"
                                            "<key>Data</key><data>%s</data></dict></array></dict></dict></plist>", base64);
    put_be(trailer + 4, 4, 4);
    put_be(trailer + 8, 512, 4);
    put_be(trailer + 0x20, size, 8);
    put_be(trailer + 0xd8, size, 8);
    put_be(trailer + 0xe0, strlen(list), 8);
    put_be(trailer + 0x1ec, size / 512, 8);
    g_autoptr(GString) file = g_string_new_len(raw, (gssize) size);
    g_string_append(file, list);
    g_string_append_len(file, (const char *) trailer, sizeof trailer);
    g_assert_true(g_file_set_contents(path, file->str, (gssize) file->len, NULL));
}

static void
test_dmg(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    const char *raw = make_disk(place);
    write_dmg(place_path(place, "d.dmg"), raw);
    g_autoptr(Image) image = import(place, "d", place_path(place, "d.dmg"), NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(image->original_format, ==, "dmg");
    assert_same(image, raw);
}

/* -- the record ----------------------------------------------------------------------------------------------- */

static void
test_record(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    struct stat info;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    g_autofree char *url = g_strconcat("file://", make_disk(place), NULL);
    g_autoptr(Image) image = import(place, "deb", url, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(image->os, ==, "debian-12");
    g_assert_cmpstr(image->source, ==, url);
    g_assert_cmpuint(strlen(image->sha256), ==, 64);
    g_assert_cmpint(image->created, >, 0);
    g_assert_cmpint(stat(image->path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 07777, ==, 0444);

    g_autoptr(Image) again = sk_storage_image_lookup(images_dir(place), "deb", &error);
    g_assert_no_error(error);
    g_assert_true(sk_value_equal(&sk_image_type, image, again));
    g_assert_null(import(place, "deb", url, NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    g_clear_error(&error);
    g_assert_null(sk_storage_image_lookup(images_dir(place), "../images/deb", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NO_IMAGE);
}

static void
test_delete(Place *place, gconstpointer data)
{
    SkStorageContext context = { .roots = place->roots };
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    g_autoptr(Image) image = import(place, "deb", make_disk(place), NULL, &error);
    g_assert_no_error(error);
    SkVolumeCreate wanted = { .name = (char *) "over", .format = SK_FORMAT_QCOW2 };
    SkVolume *over = sk_storage_volume_create(&place->spec, &wanted, image->path, sk_storage_image_format(image), &context, &error);
    g_assert_no_error(error);
    g_assert_false(sk_storage_image_delete(images_dir(place), "deb", &context, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_assert_nonnull(strstr(error->message, over->path));
    g_clear_error(&error);
    sk_value_free(&sk_volume_type, over);
    sk_storage_volume_delete(&place->spec, "over", &context, &error);
    g_assert_no_error(error);
    sk_storage_image_delete(images_dir(place), "deb", &context, &error);
    g_assert_no_error(error);
    assert_left(place, "");
}

/* A record that was written before a kill, and no image. */
static void
test_start(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    g_assert_true(sk_storage_image_start(images_dir(place), &error));
    g_assert_true(g_file_set_contents(place_path(place, "images/x.json"), "{}", 2, NULL));
    g_assert_true(g_file_set_contents(place_path(place, "images/.skep-tmp-AAAAAA"), "x", 1, NULL));
    g_assert_true(g_file_set_contents(place_path(place, "images/.skep-part-x-1"), "x", 1, NULL));
    sk_storage_image_start(images_dir(place), &error);
    g_assert_no_error(error);
    assert_left(place, ".skep-part-x-1");
}

static gpointer
import_in_thread(gpointer data)
{
    const char *const *args = data;     /* directory, source */
    SkImageImport request = { .name = (char *) "same", .url = (char *) args[1] };
    g_autoptr(GError) error = NULL;
    SkImage *image = sk_storage_image_import(args[0], &request, FALSE, NULL, &error);
    if (image == NULL)
        g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    return image;
}

/* Several imports of one name: one wins, and its record is not touched by the others. */
static void
test_same_name(Place *place, gconstpointer data)
{
    GThread *threads[4];
    guint made = 0;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    const char *args[] = { images_dir(place), make_disk(place) };
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("import", import_in_thread, args);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_autoptr(Image) image = g_thread_join(threads[i]);
        made += image != NULL;
    }
    g_assert_cmpuint(made, ==, 1);
    assert_left(place, "same.json same.qcow2");
}

/* -- refusals ------------------------------------------------------------------------------------------------------ */

static void
test_refused(Place *place, gconstpointer data)
{
    (void) data;
    if (!place_has("qemu-img"))
        return;
    const char *raw = make_disk(place);
    const char *bad = place_path(place, "x");
    place_run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw", bad, "4M", NULL);
    refused(place, bad, NULL, SK_ERROR_DENIED, "\"/etc/shadow\"");
    place_run("qemu-img", "create", "-q", "-f", "vmdk", place_path(place, "base.vmdk"), "4M", NULL);
    place_run("qemu-img", "create", "-q", "-f", "vmdk", "-b", place_path(place, "base.vmdk"), "-F", "vmdk", bad, NULL);
    refused(place, bad, NULL, SK_ERROR_DENIED, "backed by another file");
    g_assert_true(g_file_set_contents(bad, "# Disk DescriptorFile\nversion=1\nRW 8 FLAT \"/etc/shadow\" 0\n", -1, NULL));
    refused(place, bad, NULL, SK_ERROR_DENIED, "data in another file");
    g_autofree char *option = g_strdup_printf("data_file=%s/data", place->dir);
    place_run("qemu-img", "create", "-q", "-f", "qcow2", "-o", option, bad, "4M", NULL);
    refused(place, bad, NULL, SK_ERROR_DENIED, "data in another file");
    g_assert_true(g_file_set_contents(bad, "just some text\n", -1, NULL));
    refused(place, bad, NULL, SK_ERROR_INVALID, "no disk image");
    g_assert_true(g_file_set_contents(bad, "", 0, NULL));
    refused(place, bad, NULL, SK_ERROR_INVALID, "no disk image");
    refused(place, place_path(place, "nothing"), NULL, SK_ERROR_NOT_FOUND, "nothing");
    refused(place, place->dir, NULL, SK_ERROR_INVALID, "no regular file");
    refused(place, "ftp://x/y", NULL, SK_ERROR_INVALID, "ftp://x/y");
    refused(place, raw, "0123", SK_ERROR_INVALID, "SHA-256");
}

static void
test_damaged(Place *place, gconstpointer data)
{
    const char *cut = place_path(place, "cut");
    g_autofree char *bytes = NULL;
    gsize length;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    const char *raw = make_disk(place);
    place_run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, place_path(place, "d"), NULL);
    g_assert_true(g_file_get_contents(place_path(place, "d"), &bytes, &length, NULL));
    g_assert_true(g_file_set_contents(cut, bytes, 200 * 1024, NULL));
    refused(place, cut, NULL, SK_ERROR_INVALID, "damaged");
    static const char *const packers[][2] = { { "gzip", "d.gz" }, { "xz", "d.xz" }, { "zstd", "d.zst" } };
    for (gsize i = 0; i < G_N_ELEMENTS(packers); i++) {
        g_autofree char *packed = NULL;
        place_run(packers[i][0], "-k", "-q", place_path(place, "d"), NULL);
        g_assert_true(g_file_get_contents(place_path(place, packers[i][1]), &packed, &length, NULL));
        g_assert_true(g_file_set_contents(cut, packed, (gssize) length / 2, NULL));
        refused(place, cut, NULL, SK_ERROR_INVALID, "cannot be unpacked");
    }
}

/* -- the network ----------------------------------------------------------------------------------------------------- */

static GBytes *
disk_bytes(Place *place)
{
    char *bytes;
    gsize length;
    g_assert_true(g_file_get_contents(make_disk(place), &bytes, &length, NULL));
    return g_bytes_new_take(bytes, length);
}

static void
test_download(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Web web;
    (void) data;
    if (!place_has("qemu-img") || !place_has("curl"))
        return;
    web_start(&web, disk_bytes(place));
    g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, web.file);
    refused(place, web_url(&web, "x"), "0000", SK_ERROR_INVALID, "SHA-256");
    web.status = 404;
    refused(place, web_url(&web, "x"), NULL, SK_ERROR_IO, "404");
    web.status = 0;
    web.redirect_to_file = TRUE;
    refused(place, web_url(&web, "x"), NULL, SK_ERROR_IO, "cannot download");
    web.redirect_to_file = FALSE;
    g_autoptr(Image) image = import(place, "d", web_url(&web, "disk.raw?token=secret"), sum, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(image->source, ==, web_url(&web, "disk.raw"));
    assert_same(image, place_path(place, "disk.raw"));
    assert_left(place, "d.json d.qcow2");
    web_stop(&web);
    g_assert_null(import(place, "e", web_url(&web, "x"), NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IO);
    assert_left(place, "d.json d.qcow2");
}

/* Stops half-way: says so, keeps the part, and the next try asks for the rest only. */
static void
test_resume(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Web web;
    (void) data;
    if (!place_has("qemu-img") || !place_has("curl"))
        return;
    web_start(&web, disk_bytes(place));
    web.tag = "\"one\"";
    web.stop_after = 3 * MIB;
    g_assert_null(import(place, "d", web_url(&web, "disk"), NULL, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, SK_ERROR, SK_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "stopped after 3 MiB of 8 MiB"));
    g_clear_error(&error);
    g_autofree char *left = images_left(place);
    g_assert_true(g_str_has_prefix(left, ".skep-part-d-"));

    web.stop_after = 0;
    g_autoptr(Image) image = import(place, "d", web_url(&web, "disk"), NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(web.sent, ==, 5 * MIB);
    assert_same(image, place_path(place, "disk.raw"));
    assert_left(place, "d.json d.qcow2");
    web_stop(&web);
}

/* The server cannot go on in the middle, or has another file by then: from the start. */
static void
test_resume_anew(Place *place, gconstpointer data)
{
    (void) data;
    if (!place_has("qemu-img") || !place_has("curl"))
        return;
    for (guint round = 0; round < 2; round++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *name = g_strdup_printf("d%u", round);
        Web web;
        web_start(&web, disk_bytes(place));
        web.tag = "\"one\"";
        web.stop_after = 3 * MIB;
        g_assert_null(import(place, name, web_url(&web, "disk"), NULL, &error));
        g_clear_error(&error);
        web.stop_after = 0;
        web.no_ranges = round == 0;
        web.tag = "\"two\"";
        g_autoptr(Image) image = import(place, name, web_url(&web, "disk"), NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(web.sent, ==, 8 * MIB);
        assert_same(image, place_path(place, "disk.raw"));
        web_stop(&web);
    }
}

static void
cancel_soon(const char *step, guint64 done, guint64 total, gpointer data)
{
    (void) step;
    (void) total;
    if (done > MIB)
        g_cancellable_cancel(data);
}

static void
test_cancel(Place *place, gconstpointer data)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    SkStorageContext context = { .cancellable = cancellable, .report = cancel_soon, .data = cancellable };
    g_autoptr(GError) error = NULL;
    Web web;
    (void) data;
    if (!place_has("curl"))
        return;
    web_start(&web, disk_bytes(place));
    SkImageImport request = { .name = (char *) "d", .url = (char *) web_url(&web, "disk") };
    g_assert_null(sk_storage_image_import(images_dir(place), &request, FALSE, &context, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_CANCELLED);
    assert_left(place, "");
    web_stop(&web);
}

/* -- uploads ------------------------------------------------------------------------------------------------------------ */

static void
test_upload(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = disk_bytes(place);
    (void) data;
    if (!place_has("qemu-img"))
        return;
    g_assert_true(sk_storage_image_start(images_dir(place), &error));
    for (guint good = 0; good < 2; good++) {
        SkStorageWriter *writer = sk_storage_writer_open(images_dir(place), "up", 0, &error);
        g_assert_no_error(error);
        gsize length = good ? g_bytes_get_size(bytes) : 100;
        g_assert_true(sk_storage_writer_write(writer, g_bytes_get_data(bytes, NULL), length, &error));
        g_autofree char *part = sk_storage_writer_finish_part(writer, &error);
        g_assert_no_error(error);
        SkImageImport request = { .name = (char *) "up", .url = part };
        g_autoptr(Image) image = sk_storage_image_import(images_dir(place), &request, TRUE, NULL, &error);
        g_assert_cmpint(image != NULL, ==, good);
        if (!good) {
            g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
            g_clear_error(&error);
        }
        assert_left(place, good ? "up.json up.qcow2" : "");
    }
}

/* -- failing --------------------------------------------------------------------------------------------------------------- */

static void
fail_here(Place *place)
{
    g_autoptr(GError) error = NULL;
    const char *step = g_getenv("SKEP_FAULT");
    const char *source = make_disk(place);
    Web web = { 0 };
    if (g_str_equal(step, "image/decompress")) {
        place_run("gzip", source, NULL);
        source = place_path(place, "disk.raw.gz");
    }
    if (g_str_equal(step, "storage/copy")) {
        place_run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", source, place_path(place, "d.qcow2"), NULL);
        source = place_path(place, "d.qcow2");
    }
    if (g_str_equal(step, "image/download")) {
        web_start(&web, disk_bytes(place));
        source = web_url(&web, "disk");
    }
    SkImage *image = import(place, "d", source, NULL, &error);
    g_assert_null(image);
    place_assert_injected(error);
    assert_left(place, "");
    if (web.thread != NULL)
        web_stop(&web);
}

static void
test_each_step_fails(Place *place, gconstpointer data)
{
    static const char *const steps[] = { "image/download", "image/checksum", "image/decompress", "storage/make", "storage/copy",
                                         "storage/qemu-img", "storage/check", "image/record", "storage/sync", "storage/rename",
                                         "storage/sync-dir", NULL };
    (void) data;
    if (!place_has("qemu-img") || !place_has("curl"))
        return;
    if (g_test_subprocess())
        fail_here(place);
    else
        place_fail_each("/storage/image/each-step-fails", steps);
}

/* The next start after a kill leaves no trace of the import. */
static void
check_after_kill(Place *place)
{
    g_autoptr(GError) error = NULL;
    sk_storage_image_start(images_dir(place), &error);
    g_assert_no_error(error);
    assert_left(place, "");
}

static void
test_killed(Place *place, gconstpointer data)
{
    static const char *const steps[] = { "image/checksum", "storage/make", "storage/qemu-img", "storage/check", "image/record",
                                         "storage/sync", "storage/rename", NULL };
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    if (g_test_subprocess()) {
        SkImageImport request = { .name = (char *) "d", .url = (char *) g_getenv("TEST_DISK") };
        rmdir(place->dir);      /* the parent's is worked in; nobody will tear this one down */
        sk_storage_image_import(g_getenv("TEST_IMAGES"), &request, FALSE, NULL, NULL);
        _exit(0);
    }
    const char *raw = make_disk(place);
    g_setenv("TEST_DISK", raw, TRUE);
    g_setenv("TEST_IMAGES", images_dir(place), TRUE);
    place_kill_each("/storage/image/killed", steps, check_after_kill, place);
    g_autoptr(Image) image = import(place, "d", raw, NULL, &error);
    g_assert_no_error(error);
}

/* A disk that has no room for what is unpacked, converted, copied or downloaded. */
static void
fill_disk(Place *place)
{
    static const char *const sources[] = { "disk.raw.gz", "disk.vdi", "disk.qcow2" };
    g_autofree char *outside = g_dir_make_tmp("skep-storage-XXXXXX", NULL);
    Place from = { .dir = outside };
    const char *raw = make_disk(&from);
    Web web;
    place_run("qemu-img", "convert", "-f", "raw", "-O", "vdi", raw, place_path(&from, "disk.vdi"), NULL);
    place_run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, place_path(&from, "disk.qcow2"), NULL);
    place_run("gzip", "-k", raw, NULL);
    g_assert_true(place_make_small(place, 200 * 1024));
    for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
        refused(place, place_path(&from, sources[i]), NULL, SK_ERROR_NO_SPACE, "bad");
    web_start(&web, disk_bytes(&from));
    refused(place, web_url(&web, "x"), NULL, SK_ERROR_NO_SPACE, "8 MiB");
    web_stop(&web);
    place_run("rm", "-r", outside, NULL);
    place_run("umount", place->dir, NULL);
}

static void
test_full_disk(Place *place, gconstpointer data)
{
    (void) data;
    if (!place_has("qemu-img") || !place_has("curl"))
        return;
    if (g_test_subprocess()) {
        fill_disk(place);
        return;
    }
    if (!place_can_be_small(place))
        return;
    g_test_trap_subprocess("/storage/image/full-disk", 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/storage/image/" name, Place, NULL, place_set_up, func, place_tear_down)
    ADD("formats", test_formats);
    ADD("packed", test_packed);
    ADD("packed-qcow2", test_packed_qcow2);
    ADD("dmg", test_dmg);
    ADD("record", test_record);
    ADD("delete", test_delete);
    ADD("start", test_start);
    ADD("same-name", test_same_name);
    ADD("refused", test_refused);
    ADD("damaged", test_damaged);
    ADD("download", test_download);
    ADD("resume", test_resume);
    ADD("resume-anew", test_resume_anew);
    ADD("cancel", test_cancel);
    ADD("upload", test_upload);
    ADD("each-step-fails", test_each_step_fails);
    ADD("killed", test_killed);
    ADD("full-disk", test_full_disk);
    return g_test_run();
}
