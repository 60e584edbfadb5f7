/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backing chains: opened in order, and nothing outside the roots. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "place.h"
#include "storage/chain.h"
#include "storage/pool.h"

/* An overlay with any backing file, which need not be there. */
static const char *
overlay(Place *place, const char *name, const char *backing, const char *format)
{
    const char *path = place_path(place, name);
    place_run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", backing, "-F", format, path, "4M", NULL);
    return path;
}

static void
refused(Place *place, const char *path, gint code, const char *says)
{
    g_autoptr(GPtrArray) chain = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_false(sk_storage_open_chain(path, SK_FORMAT_QCOW2, FALSE, place->roots, &chain, &error));
    g_assert_error(error, SK_ERROR, code);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, says));
    g_assert_null(chain);
}

static void
test_order(Place *place, gconstpointer data)
{
    g_autoptr(GPtrArray) chain = NULL;
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    place_write_disk(place_path(place, "base.raw"), 4 << 20, 1);
    overlay(place, "middle", "base.raw", "raw");
    overlay(place, "top", place_path(place, "middle"), "qcow2");
    sk_storage_open_chain(place_path(place, "top"), SK_FORMAT_QCOW2, TRUE, place->roots, &chain, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(chain->len, ==, 3);

    static const char *const names[] = { "top", "middle", "base.raw" };
    for (guint i = 0; i < 3; i++) {
        const SkChainLayer *layer = g_ptr_array_index(chain, i);
        g_assert_cmpstr(layer->path, ==, place_path(place, names[i]));
        g_assert_cmpint(fcntl(layer->fd, F_GETFL) & O_ACCMODE, ==, i == 0 ? O_RDWR : O_RDONLY);
        g_assert_true((fcntl(layer->fd, F_GETFD) & FD_CLOEXEC) != 0);
        g_assert_cmpint(layer->format, ==, i == 2 ? SK_FORMAT_RAW : SK_FORMAT_QCOW2);
        g_assert_cmpuint(layer->size, ==, 4 << 20);
        if (i == 0)
            g_assert_cmpint(fcntl(layer->fd_ro, F_GETFL) & O_ACCMODE, ==, O_RDONLY);
        else
            g_assert_cmpint(layer->fd_ro, ==, -1);
    }
    g_auto(GStrv) below = sk_storage_backing_chain(place_path(place, "top"), SK_FORMAT_QCOW2, place->roots, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_strv_length(below), ==, 2);
}

static void
test_outside(Place *place, gconstpointer data)
{
    (void) data;
    if (!place_has("qemu-img"))
        return;
    refused(place, overlay(place, "shadow", "/etc/shadow", "raw"), SK_ERROR_DENIED, "\"/etc/shadow\"");
    g_assert_cmpint(symlink("/etc/passwd", place_path(place, "link")), ==, 0);
    refused(place, overlay(place, "by-link", "link", "raw"), SK_ERROR_DENIED, "\"/etc/passwd\"");
    refused(place, overlay(place, "dots", "../../etc/passwd", "raw"), SK_ERROR_DENIED, "\"/etc/passwd\"");
    refused(place, overlay(place, "nbd", "nbd:127.0.0.1:1", "raw"), SK_ERROR_DENIED, "no path of a file");
    refused(place, overlay(place, "json", "json:{\"driver\":\"null-co\"}", "raw"), SK_ERROR_DENIED, "no path of a file");
    refused(place, overlay(place, "device", "/dev/null", "raw"), SK_ERROR_INVALID, "neither a file");
    refused(place, overlay(place, "missing", "nothing", "raw"), SK_ERROR_NO_VOLUME, "nothing");
    refused(place, overlay(place, "vmdk", "link", "vmdk"), SK_ERROR_UNSUPPORTED, "\"vmdk\"");
}

/* A directory whose name merely begins like a root's is not in it. */
static void
test_neighbour(Place *place, gconstpointer data)
{
    g_autofree char *other = g_strconcat(place->dir, "-other", NULL);
    g_autofree char *file = g_build_filename(other, "disk", NULL);
    (void) data;
    g_assert_cmpint(mkdir(other, 0700), ==, 0);
    place_write_disk(file, 4096, 1);
    g_assert_false(sk_storage_path_allowed(file, place->roots));
    g_assert_false(sk_storage_path_allowed(place->dir, place->roots));
    place_write_disk(place_path(place, "in"), 4096, 1);
    g_assert_true(sk_storage_path_allowed(place_path(place, "in"), place->roots));
    place_run("rm", "-r", other, NULL);
}

static void
test_loop_and_depth(Place *place, gconstpointer data)
{
    (void) data;
    if (!place_has("qemu-img"))
        return;
    overlay(place, "a", "b", "qcow2");
    refused(place, overlay(place, "b", "a", "qcow2"), SK_ERROR_INVALID, "loop");
    overlay(place, "n0", "nothing", "qcow2");
    for (gint i = 1; i <= SK_CHAIN_MAX; i++) {
        g_autofree char *name = g_strdup_printf("n%d", i);
        g_autofree char *below = g_strdup_printf("n%d", i - 1);
        place_run("cp", place_path(place, "n0"), place_path(place, name), NULL);
        place_run("qemu-img", "rebase", "-u", "-b", below, "-F", "qcow2", place_path(place, name), NULL);
    }
    g_autofree char *last = g_strdup_printf("n%d", SK_CHAIN_MAX);
    refused(place, place_path(place, last), SK_ERROR_INVALID, "more than 64 layers");
}

/* Makes the extension that holds the backing file's format one that nobody knows. */
static void
forget_format(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    guint8 *at = memmem(bytes, length, "\xe2\x79\x2a\xca", 4);
    g_assert_nonnull(at);
    memcpy(at, "\x12\x34\x56\x78", 4);
    g_assert_true(g_file_set_contents(path, bytes, (gssize) length, NULL));
}

static void
test_bad_files(Place *place, gconstpointer data)
{
    (void) data;
    if (!place_has("qemu-img"))
        return;
    const char *ext = place_path(place, "ext");
    g_autofree char *option = g_strdup_printf("data_file=%s/data", place->dir);
    place_run("qemu-img", "create", "-q", "-f", "qcow2", "-o", option, ext, "4M", NULL);
    refused(place, ext, SK_ERROR_DENIED, "data in another file");

    const char *unsaid = overlay(place, "unsaid", "base", "raw");
    forget_format(unsaid);
    refused(place, unsaid, SK_ERROR_INVALID, "does not record the format");

    place_write_disk(place_path(place, "text"), 4096, 'x');
    refused(place, place_path(place, "text"), SK_ERROR_INVALID, "qcow2");
}

/* A guest writes a qcow2 header into its raw disk: it stays a raw disk. */
static void
test_raw_stays_raw(Place *place, gconstpointer data)
{
    const char *disk = place_path(place, "disk");
    g_autoptr(GPtrArray) chain = NULL;
    g_autoptr(GError) error = NULL;
    (void) data;
    if (!place_has("qemu-img"))
        return;
    place_write_disk(disk, 4 << 20, 1);
    sk_storage_open_chain(disk, SK_FORMAT_RAW, TRUE, place->roots, &chain, &error);
    g_assert_no_error(error);

    g_autofree char *bytes = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(overlay(place, "evil", "/etc/shadow", "raw"), &bytes, &length, NULL));
    const SkChainLayer *top = g_ptr_array_index(chain, 0);
    g_assert_cmpint(pwrite(top->fd, bytes, length, 0), ==, (gssize) length);

    SkVolume *volume = sk_storage_volume_lookup(&place->spec, "disk", &error);
    g_assert_no_error(error);
    if (volume->format != SK_FORMAT_RAW)
        g_test_skip("the file system keeps no extended attributes");
    else
        g_assert_null(volume->backing_path);
    sk_value_free(&sk_volume_type, volume);
    g_clear_pointer(&chain, g_ptr_array_unref);
    sk_storage_open_chain(disk, SK_FORMAT_RAW, FALSE, place->roots, &chain, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(chain->len, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/storage/chain/order", Place, NULL, place_set_up, test_order, place_tear_down);
    g_test_add("/storage/chain/outside", Place, NULL, place_set_up, test_outside, place_tear_down);
    g_test_add("/storage/chain/neighbour", Place, NULL, place_set_up, test_neighbour, place_tear_down);
    g_test_add("/storage/chain/loop-and-depth", Place, NULL, place_set_up, test_loop_and_depth, place_tear_down);
    g_test_add("/storage/chain/bad-files", Place, NULL, place_set_up, test_bad_files, place_tear_down);
    g_test_add("/storage/chain/raw-stays-raw", Place, NULL, place_set_up, test_raw_stays_raw, place_tear_down);
    return g_test_run();
}
