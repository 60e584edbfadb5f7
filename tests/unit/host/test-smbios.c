/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the firmware tells: by the table, by the kernel's files, not at all. */
#include <string.h>

#include "base/error.h"
#include "host/smbios.h"
#include "tree.h"

static const guint8 table[] = {
    0x00, 0x18, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x41, 0x63, 0x6d, 0x65, 0x00, 0x20, 0x31, 0x2e, 0x30, 0x00, 0x20, 0x30, 0x31, 0x2f, 0x30, 0x32,
    0x2f, 0x32, 0x30, 0x32, 0x34, 0x00, 0x00, 0x01, 0x1b, 0x01, 0x00, 0x01, 0x02, 0x03, 0x04, 0x00, 0x01, 0x02, 0x03, 0x04,
    0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x06, 0x05, 0x06, 0x41, 0x63, 0x6d, 0x65, 0x00, 0x4d,
    0x61, 0x63, 0x68, 0x69, 0x6e, 0x65, 0x00, 0x76, 0x31, 0x00, 0x53, 0x2d, 0x31, 0x00, 0x53, 0x4b, 0x55, 0x00, 0x46, 0x61,
    0x6d, 0x69, 0x6c, 0x79, 0x00, 0x00, 0x11, 0x22, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20,
    0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x60, 0x09, 0x03, 0x04, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x44, 0x49, 0x4d, 0x4d, 0x20, 0x30, 0x00, 0x42, 0x41, 0x4e, 0x4b, 0x20, 0x30, 0x00, 0x52, 0x41, 0x4d, 0x20, 0x49, 0x6e,
    0x63, 0x00, 0x53, 0x4e, 0x00, 0x50, 0x4e, 0x00, 0x00, 0x7f, 0x04, 0x09, 0x00, 0x00, 0x00,
};

static const char *
value(const GPtrArray *entries, const char *block, const char *name)
{
    for (guint i = 0; i < entries->len; i++) {
        const SkSmbiosEntry *entry = entries->pdata[i];
        if (g_str_equal(entry->block, block) && g_strcmp0(entry->name, name) == 0)
            return entry->value;
    }
    return NULL;
}

static void
test_table(void)
{
    g_autoptr(GPtrArray) entries = sk_smbios_parse(table, sizeof table);
    g_assert_cmpstr(value(entries, "bios", "vendor"), ==, "Acme");
    g_assert_cmpstr(value(entries, "bios", "version"), ==, "1.0");
    g_assert_cmpstr(value(entries, "system", "product"), ==, "Machine");
    g_assert_cmpstr(value(entries, "system", "uuid"), ==, "03020100-0504-0706-0809-0a0b0c0d0e0f");
    g_assert_cmpstr(value(entries, "system", "family"), ==, "Family");
    g_assert_cmpstr(value(entries, "memory_device", "size"), ==, "8192 MB");
    g_assert_cmpstr(value(entries, "memory_device", "speed"), ==, "2400 MT/s");
    g_assert_cmpstr(value(entries, "memory_device", "part_number"), ==, "PN");
}

/* Wherever it is cut, nothing is read beyond it, and no more comes out than of the whole. */
static void
test_cut(void)
{
    g_autoptr(GPtrArray) whole = sk_smbios_parse(table, sizeof table);
    for (gsize length = 0; length < sizeof table; length++) {
        g_autofree guint8 *copy = g_memdup2(table, length);
        g_autoptr(GPtrArray) entries = sk_smbios_parse(copy, length);
        g_assert_cmpuint(entries->len, <=, whole->len);
    }
}

static void
test_files(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    g_assert_null(sk_host_smbios(tree->root, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_UNSUPPORTED);
    tree_file(tree, "/sys/class/dmi/id/sys_vendor", "Acme\n");
    tree_file(tree, "/sys/class/dmi/id/product_name", "Machine\n");
    g_autoptr(GPtrArray) entries = sk_host_smbios(tree->root, NULL);
    g_assert_cmpuint(entries->len, ==, 2);
    g_assert_cmpstr(value(entries, "system", "manufacturer"), ==, "Acme");
}

gint
main(gint argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smbios/table", test_table);
    g_test_add_func("/smbios/cut", test_cut);
    TREE_ADD("/smbios/files", test_files);
    return g_test_run();
}
