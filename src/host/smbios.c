/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SMBIOS: structures of a type, a length, fields, and strings behind them (DMTF DSP0134). */
#include "host/smbios.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "host/root.h"

#define TABLE "/sys/firmware/dmi/tables/DMI"
#define TABLE_MAX (1024 * 1024)
#define STRUCTURES_MAX 4096
#define HEADER 4

static void
free_entry(gpointer data)
{
    SkSmbiosEntry *entry = data;
    g_free(entry->value);
    g_free(entry);
}

/* value is taken; what is empty tells nothing. */
static void
add(GPtrArray *out, const char *block, guint index, const char *name, char *value)
{
    g_autofree char *text = value != NULL ? g_utf8_make_valid(g_strstrip(value), -1) : NULL;
    g_free(value);
    if (text == NULL || *text == '\0')
        return;
    SkSmbiosEntry *entry = g_new(SkSmbiosEntry, 1);
    *entry = (SkSmbiosEntry){ .block = block, .index = index, .name = name, .value = g_steal_pointer(&text) };
    g_ptr_array_add(out, entry);
}

/* -- the table ------------------------------------------------------------------------------------------------------------ */

typedef struct {
    const guint8 *at;       /* the structure */
    guint8 type, length;
    const guint8 *strings, *end; /* end: behind the strings' double NUL */
} Structure;

/* What a field is: a string's number, two bytes with a unit, or a UUID. */
typedef enum { TEXT, NUMBER, UUID, MEGABYTES } FieldKind;

static const struct {
    guint8 type, offset;
    FieldKind kind;
    const char *block, *name, *unit;
} fields[] = {
    { 0, 0x04, TEXT, "bios", "vendor", NULL },
    { 0, 0x05, TEXT, "bios", "version", NULL },
    { 0, 0x08, TEXT, "bios", "date", NULL },
    { 1, 0x04, TEXT, "system", "manufacturer", NULL },
    { 1, 0x05, TEXT, "system", "product", NULL },
    { 1, 0x06, TEXT, "system", "version", NULL },
    { 1, 0x07, TEXT, "system", "serial", NULL },
    { 1, 0x08, UUID, "system", "uuid", NULL },
    { 1, 0x19, TEXT, "system", "sku", NULL },
    { 1, 0x1a, TEXT, "system", "family", NULL },
    { 2, 0x04, TEXT, "baseBoard", "manufacturer", NULL },
    { 2, 0x05, TEXT, "baseBoard", "product", NULL },
    { 2, 0x06, TEXT, "baseBoard", "version", NULL },
    { 2, 0x07, TEXT, "baseBoard", "serial", NULL },
    { 2, 0x08, TEXT, "baseBoard", "asset", NULL },
    { 3, 0x04, TEXT, "chassis", "manufacturer", NULL },
    { 3, 0x06, TEXT, "chassis", "version", NULL },
    { 3, 0x07, TEXT, "chassis", "serial", NULL },
    { 3, 0x08, TEXT, "chassis", "asset", NULL },
    { 4, 0x04, TEXT, "processor", "socket_destination", NULL },
    { 4, 0x07, TEXT, "processor", "manufacturer", NULL },
    { 4, 0x10, TEXT, "processor", "version", NULL },
    { 4, 0x12, NUMBER, "processor", "external_clock", " MHz" },
    { 4, 0x14, NUMBER, "processor", "max_speed", " MHz" },
    { 4, 0x20, TEXT, "processor", "serial_number", NULL },
    { 4, 0x22, TEXT, "processor", "part_number", NULL },
    { 17, 0x0c, MEGABYTES, "memory_device", "size", " MB" },
    { 17, 0x10, TEXT, "memory_device", "locator", NULL },
    { 17, 0x11, TEXT, "memory_device", "bank_locator", NULL },
    { 17, 0x15, NUMBER, "memory_device", "speed", " MT/s" },
    { 17, 0x17, TEXT, "memory_device", "manufacturer", NULL },
    { 17, 0x18, TEXT, "memory_device", "serial_number", NULL },
    { 17, 0x1a, TEXT, "memory_device", "part_number", NULL },
};

/* Strings are counted from 1. */
static char *
string_of(const Structure *self, guint number)
{
    const guint8 *at = self->strings;
    for (guint i = 1; at < self->end && *at != 0; i++) {
        gsize length = strnlen((const char *) at, (gsize) (self->end - at));
        if (i == number)
            return g_strndup((const char *) at, length);
        at += length + 1;
    }
    return NULL;
}

static guint
word_at(const Structure *self, guint offset)
{
    return self->at[offset] | (guint) self->at[offset + 1] << 8;
}

/* The first three parts are little-endian. All zeros or ones is none. */
static char *
uuid_of(const guint8 *b)
{
    gboolean zeros = TRUE, ones = TRUE;
    for (guint i = 0; i < 16; i++) {
        zeros = zeros && b[i] == 0;
        ones = ones && b[i] == 0xff;
    }
    if (zeros || ones)
        return NULL;
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6],
                           b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* Memory of 32 GiB and more stands in another field. */
static char *
megabytes_of(const Structure *self, guint offset, const char *unit)
{
    guint size = word_at(self, offset);
    if (size == 0 || size == 0xffff)
        return NULL;
    if (size == 0x7fff && self->length >= 0x20)
        size = word_at(self, 0x1c) | (word_at(self, 0x1e) & 0x7fff) << 16;
    else if ((size & 0x8000) != 0)
        size = (size & 0x7fff) / 1024;
    return g_strdup_printf("%u%s", size, unit);
}

static char *
value_of(const Structure *self, guint offset, FieldKind kind, const char *unit)
{
    static const guint sizes[] = { [TEXT] = 1, [NUMBER] = 2, [UUID] = 16, [MEGABYTES] = 2 };
    if (offset + sizes[kind] > self->length)
        return NULL;
    switch (kind) {
    case TEXT:
        return string_of(self, self->at[offset]);
    case NUMBER:
        return word_at(self, offset) != 0 ? g_strdup_printf("%u%s", word_at(self, offset), unit) : NULL;
    case UUID:
        return uuid_of(self->at + offset);
    case MEGABYTES:
        return megabytes_of(self, offset, unit);
    }
    return NULL;
}

static void
read_structure(const Structure *self, guint *counts, GPtrArray *out)
{
    guint index = counts[self->type]++;
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        /* Of firmware, system and chassis the first counts. */
        if (fields[i].type == self->type && (index == 0 || self->type == 2 || self->type == 4 || self->type == 17))
            add(out, fields[i].block, index, fields[i].name, value_of(self, fields[i].offset, fields[i].kind, fields[i].unit));
    }
    for (guint i = 1; self->type == 11 && self->length > HEADER && i <= self->at[HEADER]; i++)
        add(out, "oemStrings", 0, NULL, string_of(self, i));
}

/* FALSE: there is no whole structure any more. */
static gboolean
next_structure(const guint8 **at, const guint8 *end, Structure *out)
{
    if (end - *at < HEADER || (*at)[1] < HEADER || end - *at < (*at)[1] + 2)
        return FALSE;
    *out = (Structure){ .at = *at, .type = (*at)[0], .length = (*at)[1], .strings = *at + (*at)[1] };
    const guint8 *next = out->strings;
    while (next + 1 < end && (next[0] != 0 || next[1] != 0))
        next++;
    if (next + 1 >= end)
        return FALSE;
    out->end = next + 1;
    *at = next + 2;
    return TRUE;
}

static gint
by_block(gconstpointer a, gconstpointer b)
{
    static const char *const order[] = { "bios", "system", "baseBoard", "chassis", "processor", "memory_device", "oemStrings", NULL };
    const SkSmbiosEntry *one = *(const SkSmbiosEntry *const *) a, *other = *(const SkSmbiosEntry *const *) b;
    guint x = 0, y = 0;
    while (order[x] != NULL && !g_str_equal(order[x], one->block))
        x++;
    while (order[y] != NULL && !g_str_equal(order[y], other->block))
        y++;
    return x != y ? (gint) x - (gint) y : (gint) one->index - (gint) other->index;
}

GPtrArray *
sk_smbios_parse(const guint8 *table, gsize length)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(free_entry);
    const guint8 *at = table, *end = table + length;
    guint counts[256] = { 0 };
    Structure structure;
    for (guint i = 0; i < STRUCTURES_MAX && next_structure(&at, end, &structure) && structure.type != 127; i++)
        read_structure(&structure, counts, out);
    g_ptr_array_sort(out, by_block);
    return out;
}

/* -- what the kernel has read --------------------------------------------------------------------------------------------- */

static const struct {
    const char *file, *block, *name;
} files[] = {
    { "bios_vendor", "bios", "vendor" }, { "bios_version", "bios", "version" }, { "bios_date", "bios", "date" }, { "bios_release", "bios", "release" },
    { "sys_vendor", "system", "manufacturer" }, { "product_name", "system", "product" }, { "product_version", "system", "version" },
    { "product_serial", "system", "serial" }, { "product_uuid", "system", "uuid" }, { "product_sku", "system", "sku" },
    { "product_family", "system", "family" }, { "board_vendor", "baseBoard", "manufacturer" }, { "board_name", "baseBoard", "product" },
    { "board_version", "baseBoard", "version" }, { "board_serial", "baseBoard", "serial" }, { "board_asset_tag", "baseBoard", "asset" },
    { "chassis_vendor", "chassis", "manufacturer" }, { "chassis_version", "chassis", "version" }, { "chassis_serial", "chassis", "serial" },
    { "chassis_asset_tag", "chassis", "asset" },
};

static GPtrArray *
read_files(const char *root)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(free_entry);
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename("/sys/class/dmi/id", files[i].file, NULL);
        add(out, files[i].block, 0, files[i].name, sk_host_read(root, path));
    }
    return out;
}

GPtrArray *
sk_host_smbios(const char *root, GError **error)
{
    gsize length = 0;
    g_autofree char *path = sk_host_path(root, TABLE);
    g_autofree char *table = sk_fs_read(path, TABLE_MAX, &length, NULL);
    g_autoptr(GPtrArray) entries = table != NULL ? sk_smbios_parse((const guint8 *) table, length) : NULL;
    if (entries != NULL && entries->len > 0)
        return g_steal_pointer(&entries);
    g_clear_pointer(&entries, g_ptr_array_unref);
    entries = read_files(root);
    if (entries->len > 0)
        return g_steal_pointer(&entries);
    sk_fail(error, SK_ERROR_UNSUPPORTED, "this host's firmware tells nothing of it: there is no SMBIOS in /sys");
    return NULL;
}
