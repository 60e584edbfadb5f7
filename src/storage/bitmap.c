/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dirty bitmaps inside of qcow2 files (QEMU's docs/interop/qcow2.txt), read by ourselves, made and removed by qemu-img. */
#include "storage/bitmap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "storage/bytes.h"
#include "storage/tool.h"

/* QEMU's own limits. */
#define MAX_BITMAPS 65535
#define MAX_DIRECTORY (1024 * (65536 + 24))
#define HEAD_BYTES (64 * 1024)
#define V3_HEADER 104
#define ENTRY_BYTES 24

enum { EXT_END = 0, EXT_BITMAPS = 0x23852875, EXT_BITMAPS_BYTES = 24 };
enum { AUTOCLEAR_BITMAPS = 1 };
enum { FLAG_IN_USE = 1 };

/* -- reading -------------------------------------------------------------------------------------------------- */

static void
free_bitmap(gpointer data)
{
    SkStorageBitmap *self = data;
    g_free(self->name);
    g_free(self);
}

const SkStorageBitmap *
sk_storage_find_bitmap(const GPtrArray *bitmaps, const char *name)
{
    for (guint i = 0; i < bitmaps->len; i++) {
        const SkStorageBitmap *bitmap = bitmaps->pdata[i];
        if (g_strcmp0(bitmap->name, name) == 0)
            return bitmap;
    }
    return NULL;
}

/* Whoever does not know of bitmaps clears the bit, and what is there then is of no worth. */
gboolean
sk_qcow2_find_bitmaps(const guint8 *head, gsize length, const char *what, guint *out_count, guint64 *out_offset, guint64 *out_bytes,
                      GError **error)
{
    if (length < V3_HEADER || memcmp(head, "QFI\xfb", 4) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is no qcow2 image", what);
    if (sk_be32(head + 4) < 3 || (sk_be64(head + 88) & AUTOCLEAR_BITMAPS) == 0)
        return FALSE;
    guint64 at = sk_be32(head + 100);
    while (at + 8 <= length) {
        guint32 type = sk_be32(head + at), bytes = sk_be32(head + at + 4);
        at += 8;
        if (type == EXT_END)
            return FALSE;
        if (type == EXT_BITMAPS && bytes >= EXT_BITMAPS_BYTES && at + EXT_BITMAPS_BYTES <= length) {
            *out_count = sk_be32(head + at);
            *out_bytes = sk_be64(head + at + 8);
            *out_offset = sk_be64(head + at + 16);
            return (*out_count <= MAX_BITMAPS && *out_bytes <= MAX_DIRECTORY && *out_offset <= G_MAXINT64) ||
                   sk_fail(error, SK_ERROR_INVALID, "\"%s\" is a damaged qcow2 image: it tells of %u bitmaps", what, *out_count);
        }
        at += ((guint64) bytes + 7) & ~G_GUINT64_CONSTANT(7);
    }
    return FALSE;
}

/* One entry: fixed part, more of it, name, and room to the next multiple of eight. */
static SkStorageBitmap *
parse_entry(const guint8 *table, gsize length, gsize *at)
{
    const guint8 *entry = table + *at;
    gsize left = length - *at;
    if (left < ENTRY_BYTES)
        return NULL;
    guint name_bytes = entry[18] * 256u + entry[19];
    guint64 more = sk_be32(entry + 20), whole = ENTRY_BYTES + more + name_bytes;
    if (whole > left)
        return NULL;
    SkStorageBitmap *bitmap = g_new0(SkStorageBitmap, 1);
    bitmap->name = g_utf8_make_valid((const char *) entry + ENTRY_BYTES + more, (gssize) name_bytes);
    bitmap->inconsistent = (sk_be32(entry + 12) & FLAG_IN_USE) != 0;
    *at += MIN(left, (gsize) ((whole + 7) / 8 * 8));
    return bitmap;
}

GPtrArray *
sk_qcow2_parse_bitmaps(const guint8 *table, gsize length, guint count, const char *what, GError **error)
{
    g_autoptr(GPtrArray) bitmaps = g_ptr_array_new_with_free_func(free_bitmap);
    gsize at = 0;
    for (guint i = 0; i < count; i++) {
        SkStorageBitmap *bitmap = parse_entry(table, length, &at);
        if (bitmap == NULL) {
            sk_fail(error, SK_ERROR_INVALID, "\"%s\" is a damaged qcow2 image: its directory of bitmaps is cut", what);
            return NULL;
        }
        g_ptr_array_add(bitmaps, bitmap);
    }
    return g_steal_pointer(&bitmaps);
}

GPtrArray *
sk_storage_bitmaps(const char *path, GError **error)
{
    g_auto(SkFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autofree guint8 *head = g_malloc(HEAD_BYTES);
    guint count = 0;
    guint64 offset = 0, bytes = 0;
    g_autoptr(GError) why = NULL;
    gssize got = fd >= 0 ? pread(fd, head, HEAD_BYTES, 0) : -1;
    if (got < 0) {
        sk_fail_errno(error, errno, "cannot read \"%s\"", path);
        return NULL;
    }
    if (!sk_qcow2_find_bitmaps(head, (gsize) got, path, &count, &offset, &bytes, &why)) {
        if (why == NULL)
            return g_ptr_array_new_with_free_func(free_bitmap);
        g_propagate_error(error, g_steal_pointer(&why));
        return NULL;
    }
    g_autofree guint8 *table = g_malloc(MAX(bytes, 1));
    got = pread(fd, table, bytes, (off_t) offset);
    if (got < 0) {
        sk_fail_errno(error, errno, "cannot read \"%s\"", path);
        return NULL;
    }
    return sk_qcow2_parse_bitmaps(table, (gsize) got, count, path, error);
}

/* -- changing ----------------------------------------------------------------------------------------------------- */

static gboolean
run(const char *verb, const char *name, const char *path, const char *step, const SkStorageContext *context, GError **error)
{
    const char *const argv[] = { "qemu-img", "bitmap", "-f", "qcow2", verb, path, name, NULL };
    sk_assert_worker();
    return sk_tool_qemu_img(argv, path, step, context, error);
}

gboolean
sk_storage_bitmap_add(const char *path, const char *name, const SkStorageContext *context, GError **error)
{
    return run("--add", name, path, "adding a bitmap to", context, error);
}

gboolean
sk_storage_bitmap_remove(const char *path, const char *name, const SkStorageContext *context, GError **error)
{
    if (access(path, F_OK) != 0)
        return TRUE;
    g_autoptr(GPtrArray) bitmaps = sk_storage_bitmaps(path, error);
    if (bitmaps == NULL)
        return FALSE;
    return sk_storage_find_bitmap(bitmaps, name) == NULL || run("--remove", name, path, "removing a bitmap from", context, error);
}
