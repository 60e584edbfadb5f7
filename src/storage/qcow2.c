/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The qcow2 header (QEMU's docs/interop/qcow2.txt), read with distrust. */
#include "storage/qcow2.h"

#include "base/error.h"
#include "base/text.h"
#include "storage/bytes.h"

#define V2_HEADER 72
#define V3_HEADER 104
#define NAME_MAX_BYTES 1023     /* QEMU's own limit for a backing file's name */
#define FORMAT_MAX_BYTES 15     /* and for that of its format */

enum { EXT_END = 0, EXT_BACKING_FORMAT = 0xe2792aca, EXT_DATA_FILE = 0x44415441 };
enum { INCOMPATIBLE_DIRTY = 1, INCOMPATIBLE_CORRUPT = 2, INCOMPATIBLE_DATA_FILE = 4, INCOMPATIBLE_EXTENDED_L2 = 0x10, INCOMPATIBLE_KNOWN = 0x1f };
enum { COMPATIBLE_LAZY_REFCOUNTS = 1 };

/* What of the header the rest of the reading needs. */
typedef struct {
    const guint8 *head;
    gsize length;
    const char *what;
    guint64 cluster_size;
    guint64 name_offset;    /* of the backing file's name; 0: none */
    guint32 name_length;
    guint32 header_length;
} Header;

static gboolean
broken(const Header *header, const char *why, GError **error)
{
    return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not a sound qcow2 image: %s", header->what, why);
}

/* Text out of the file, up to a NUL if there is one; NULL if it is not fit to be shown or used. */
static char *
take_text(const guint8 *at, gsize length)
{
    g_autofree char *text = g_strndup((const char *) at, length);
    if (!g_utf8_validate(text, -1, NULL) || sk_text_has_control(text))
        return NULL;
    return g_steal_pointer(&text);
}

static gboolean
read_fixed(Header *header, guint64 file_size, SkImageInfo *info, GError **error)
{
    const guint8 *head = header->head;
    if (header->length < V2_HEADER || memcmp(head, "QFI\xfb", 4) != 0)
        return broken(header, "it does not begin with a qcow2 header", error);
    info->version = sk_be32(head + 4);
    header->name_offset = sk_be64(head + 8);
    header->name_length = sk_be32(head + 16);
    guint32 cluster_bits = sk_be32(head + 20);
    info->size = sk_be64(head + 24);
    info->encrypted = sk_be32(head + 32) != 0;
    info->luks = sk_be32(head + 32) == 2;
    header->header_length = V2_HEADER;

    if (info->version != 2 && info->version != 3)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "\"%s\" is qcow2 of version %u; 2 and 3 are known", header->what,
                       info->version);
    if (cluster_bits < 9 || cluster_bits > 21)
        return broken(header, "its cluster size is out of range", error);
    info->cluster_size = header->cluster_size = G_GUINT64_CONSTANT(1) << cluster_bits;
    if (info->size > G_GUINT64_CONSTANT(1) << 60)
        return broken(header, "its size is out of range", error);
    if (sk_be64(head + 40) >= file_size && info->size > 0)
        return broken(header, "it ends before its own tables; the file was cut", error);
    return TRUE;
}

static gboolean
read_features(Header *header, SkImageInfo *info, GError **error)
{
    if (info->version < 3)
        return TRUE;
    if (header->length < V3_HEADER)
        return broken(header, "it ends inside the header", error);
    guint64 incompatible = sk_be64(header->head + 72);
    header->header_length = sk_be32(header->head + 100);
    if (header->header_length < V3_HEADER || header->header_length > header->cluster_size ||
        header->header_length % 8 != 0)
        return broken(header, "its header length is out of range", error);
    if ((incompatible & ~(guint64) INCOMPATIBLE_KNOWN) != 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "\"%s\" uses features of qcow2 that are not known here",
                       header->what);
    info->dirty = (incompatible & INCOMPATIBLE_DIRTY) != 0;
    info->corrupt = (incompatible & INCOMPATIBLE_CORRUPT) != 0;
    info->external_data = (incompatible & INCOMPATIBLE_DATA_FILE) != 0;
    info->extended_l2 = (incompatible & INCOMPATIBLE_EXTENDED_L2) != 0;
    info->lazy_refcounts = (sk_be64(header->head + 80) & COMPATIBLE_LAZY_REFCOUNTS) != 0;
    return TRUE;
}

static gboolean
take_extension(Header *header, guint32 type, const guint8 *data, guint32 length, SkImageInfo *info, GError **error)
{
    if (type == EXT_DATA_FILE)
        info->external_data = TRUE;
    if (type != EXT_BACKING_FORMAT)
        return TRUE;
    g_free(info->backing_format);
    info->backing_format = length <= FORMAT_MAX_BYTES ? take_text(data, length) : NULL;
    return info->backing_format != NULL || broken(header, "the format of its backing file is unreadable", error);
}

/* The extensions end where the backing file's name begins, or the first cluster does. */
static gboolean
read_extensions(Header *header, SkImageInfo *info, GError **error)
{
    guint64 end = header->name_offset != 0 ? header->name_offset : header->cluster_size;
    guint64 at = header->header_length;
    while (at + 8 <= end) {
        if (at + 8 > header->length)
            return broken(header, "its header extensions do not end", error);
        guint32 type = sk_be32(header->head + at);
        guint32 length = sk_be32(header->head + at + 4);
        at += 8;
        if (type == EXT_END)
            return TRUE;
        if (length > end - at || at + length > header->length)
            return broken(header, "a header extension is longer than the header", error);
        if (!take_extension(header, type, header->head + at, length, info, error))
            return FALSE;
        at += ((guint64) length + 7) & ~G_GUINT64_CONSTANT(7);
    }
    return TRUE;
}

static gboolean
read_backing(Header *header, SkImageInfo *info, GError **error)
{
    if (header->name_offset == 0)
        return TRUE;
    if (header->name_length > NAME_MAX_BYTES || header->name_offset > header->cluster_size ||
        header->name_offset + header->name_length > header->length)
        return broken(header, "the name of its backing file is out of place", error);
    if (header->name_length == 0)
        return TRUE;
    info->backing_file = take_text(header->head + header->name_offset, header->name_length);
    if (info->backing_file == NULL || *info->backing_file == '\0')
        return broken(header, "the name of its backing file is unreadable", error);
    return TRUE;
}

gboolean
sk_qcow2_parse(const guint8 *head, gsize length, guint64 file_size, const char *what, SkImageInfo *out_info,
               GError **error)
{
    Header header = { .head = head, .length = length, .what = what };
    g_auto(SkImageInfo) info = { .format = SK_IMAGE_QCOW2 };

    if (!read_fixed(&header, file_size, &info, error) || !read_features(&header, &info, error) ||
        !read_extensions(&header, &info, error) || !read_backing(&header, &info, error))
        return FALSE;
    *out_info = info;
    info = (SkImageInfo){ 0 };
    return TRUE;
}

void
sk_image_info_clear(SkImageInfo *self)
{
    g_free(self->backing_file);
    g_free(self->backing_format);
    *self = (SkImageInfo){ 0 };
}
