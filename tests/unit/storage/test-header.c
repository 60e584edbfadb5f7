/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What image headers say, and what hostile ones may not. */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "place.h"
#include "storage/qcow2.h"

static void
probe(const char *path, SkImageInfo *info)
{
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    sk_image_probe(fd, path, info, &error);
    g_assert_no_error(error);
}

static void
test_qemu_formats(Place *place, gconstpointer data)
{
    static const char *const formats[] = { "raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "vhdx" };
    (void) data;
    if (!place_has("qemu-img"))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_auto(SkImageInfo) info = { 0 };
        const char *path = place_path(place, formats[i]);
        place_run("qemu-img", "create", "-q", "-f", formats[i], path, "4M", NULL);
        probe(path, &info);
        g_assert_cmpstr(sk_enum_name(&sk_image_format_enum, info.format), ==, formats[i]);
        g_assert_null(info.backing_file);
        g_assert_false(info.external_data);
        if (!g_str_equal(formats[i], "vhdx"))
            g_assert_cmpuint(info.size, >=, 4 << 20);
    }
}

static void
test_fixed_vpc_and_packed(Place *place, gconstpointer data)
{
    g_auto(SkImageInfo) vpc = { 0 };
    g_auto(SkImageInfo) gzip = { 0 };
    g_auto(SkImageInfo) disk = { 0 };
    const char *path = place_path(place, "disk");
    (void) data;
    if (!place_has("qemu-img"))
        return;
    place_run("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed", place_path(place, "f"), "4M", NULL);
    probe(place_path(place, "f"), &vpc);
    g_assert_cmpint(vpc.format, ==, SK_IMAGE_VPC);
    place_write_disk(path, 1 << 20, 7);
    probe(path, &disk);
    g_assert_cmpint(disk.format, ==, SK_IMAGE_RAW);
    g_assert_true(disk.disk);
    place_run("gzip", path, NULL);
    probe(place_path(place, "disk.gz"), &gzip);
    g_assert_cmpint(gzip.format, ==, SK_IMAGE_GZIP);
}

static void
test_backing(Place *place, gconstpointer data)
{
    static const char *const formats[] = { "qcow2", "qcow", "qed", "vmdk" };
    const char *base = place_path(place, "base");
    (void) data;
    if (!place_has("qemu-img"))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_auto(SkImageInfo) info = { 0 };
        const char *path = place_path(place, formats[i]);
        place_run("qemu-img", "create", "-q", "-f", formats[i], base, "4M", NULL);
        place_run("qemu-img", "create", "-q", "-f", formats[i], "-b", base, "-F", formats[i], path, NULL);
        probe(path, &info);
        g_assert_nonnull(info.backing_file);
        if (i < 3)
            g_assert_cmpstr(info.backing_file, ==, base);
        if (i == 0)
            g_assert_cmpstr(info.backing_format, ==, "qcow2");
    }
}

static void
test_vmdk_of_other_files(Place *place, gconstpointer data)
{
    g_auto(SkImageInfo) info = { 0 };
    (void) data;
    if (!place_has("qemu-img"))
        return;
    place_run("qemu-img", "create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", place_path(place, "a.vmdk"), "4M", NULL);
    probe(place_path(place, "a.vmdk"), &info);
    g_assert_cmpint(info.format, ==, SK_IMAGE_VMDK);
    g_assert_true(info.external_data);
}

/* -- headers made by hand -------------------------------------------------------------------------------- */

#define HEAD 1024

static void
put32(guint8 *at, guint32 value)
{
    value = GUINT32_TO_BE(value);
    memcpy(at, &value, 4);
}

static void
put64(guint8 *at, guint64 value)
{
    value = GUINT64_TO_BE(value);
    memcpy(at, &value, 8);
}

/* A sound version 3 header, with "base" as its backing file. */
static void
sound(guint8 *head)
{
    memset(head, 0, HEAD);
    memcpy(head, "QFI\xfb", 4);
    put32(head + 4, 3);
    put64(head + 8, 512);
    put32(head + 16, 4);
    put32(head + 20, 16);
    put64(head + 24, 1 << 20);
    put64(head + 40, 0x30000);
    put32(head + 100, 104);
    memcpy(head + 512, "base", 4);
}

static gboolean
parse(const guint8 *head, gsize length, SkImageInfo *info, GError **error)
{
    return sk_qcow2_parse(head, length, 1 << 20, "input", info, error);
}

static void
test_sound(void)
{
    guint8 head[HEAD];
    g_auto(SkImageInfo) info = { 0 };
    g_autoptr(GError) error = NULL;
    sound(head);
    put64(head + 72, 3);
    parse(head, HEAD, &info, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(info.size, ==, 1 << 20);
    g_assert_cmpstr(info.backing_file, ==, "base");
    g_assert_null(info.backing_format);
    g_assert_true(info.dirty && info.corrupt);
}

typedef struct {
    const char *what;
    gsize offset;
    gsize bytes;            /* 4 or 8 */
    guint64 value;
    const char *says;
} Damage;

static const Damage damages[] = {
    { "magic", 0, 4, 0, "does not begin" },
    { "version", 4, 4, 4, "version 4" },
    { "cluster bits, low", 20, 4, 8, "cluster size" },
    { "cluster bits, high", 20, 4, 64, "cluster size" },
    { "size", 24, 8, G_MAXUINT64, "size is out of range" },
    { "tables past the end", 40, 8, G_GUINT64_CONSTANT(1) << 40, "was cut" },
    { "unknown feature", 72, 8, 1 << 7, "not known" },
    { "header length", 100, 4, 0xffffffff, "header length" },
    { "header length, odd", 100, 4, 107, "header length" },
    { "name past the end", 8, 8, 1022, "out of place" },
    { "name far away", 8, 8, G_MAXUINT64 - 2, "out of place" },
    { "long name", 16, 4, 1024, "out of place" },
    { "extension past the end", 108, 4, 0x7fffffff, NULL },
};

static void
test_damage(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(damages); i++) {
        const Damage *damage = &damages[i];
        guint8 head[HEAD];
        g_auto(SkImageInfo) info = { 0 };
        g_autoptr(GError) error = NULL;
        g_test_message("%s", damage->what);
        sound(head);
        if (damage->says == NULL)
            put32(head + 104, 0x12345678);
        if (damage->bytes == 4)
            put32(head + damage->offset, (guint32) damage->value);
        else
            put64(head + damage->offset, damage->value);
        g_assert_false(parse(head, HEAD, &info, &error));
        g_assert_nonnull(strstr(error->message, damage->says != NULL ? damage->says : "longer than the header"));
        g_assert_nonnull(strstr(error->message, "\"input\""));
    }
}

static void
test_every_length(void)
{
    guint8 head[HEAD];
    sound(head);
    for (gsize length = 0; length < 516; length++) {
        g_autofree guint8 *exact = g_memdup2(head, length);
        g_auto(SkImageInfo) info = { 0 };
        g_autoptr(GError) error = NULL;
        g_assert_false(parse(exact, length, &info, &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_INVALID);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/storage/header/qemu-formats", Place, NULL, place_set_up, test_qemu_formats, place_tear_down);
    g_test_add("/storage/header/vpc-and-packed", Place, NULL, place_set_up, test_fixed_vpc_and_packed, place_tear_down);
    g_test_add("/storage/header/backing", Place, NULL, place_set_up, test_backing, place_tear_down);
    g_test_add("/storage/header/vmdk-extents", Place, NULL, place_set_up, test_vmdk_of_other_files, place_tear_down);
    g_test_add_func("/storage/header/sound", test_sound);
    g_test_add_func("/storage/header/damage", test_damage);
    g_test_add_func("/storage/header/every-length", test_every_length);
    return g_test_run();
}
