/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compressed images, through libarchive's filters. */
#include "storage/decompress.h"

#include <archive.h>
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/undo.h"
#include "storage/copy.h"

#define READ_BYTES (256 * 1024)
/* A small file can unpack to any length of zeros: holes take no space, but time. */
#define LENGTH_MAX (G_GINT64_CONSTANT(16) << 40)

typedef struct archive Archive;

static void
archive_close_free(Archive *archive)
{
    archive_read_free(archive);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_close_free)

static gboolean
damaged(Archive *archive, const char *name, GError **error)
{
    const char *why = archive_error_string(archive);
    return sk_fail(error, SK_ERROR_INVALID, "\"%s\" cannot be unpacked, it is damaged or was cut: %s", name,
                   why != NULL ? why : "no reason is known");
}

static gboolean
open_archive(Archive *archive, gint from, const char *name, GError **error)
{
    struct archive_entry *entry;
    if (lseek(from, 0, SEEK_SET) < 0)
        return sk_fail_errno(error, errno, "cannot read \"%s\"", name);
    gint opened[] = { archive_read_support_filter_gzip(archive), archive_read_support_filter_xz(archive),
                      archive_read_support_filter_zstd(archive), archive_read_support_format_raw(archive) };
    for (gsize i = 0; i < G_N_ELEMENTS(opened); i++) {
        if (opened[i] < ARCHIVE_WARN)
            return damaged(archive, name, error);
    }
    if (archive_read_open_fd(archive, from, READ_BYTES) != ARCHIVE_OK ||
        archive_read_next_header(archive, &entry) != ARCHIVE_OK)
        return damaged(archive, name, error);
    return TRUE;
}

static gboolean
unpack(Archive *archive, gint to, guint64 packed, const char *name, const SkStorageContext *context, GError **error)
{
    gint64 end = 0;
    for (;;) {
        const void *data;
        gsize length;
        gint64 offset;
        if (!sk_storage_go_on(context, "unpacking", error) || sk_fault("image/decompress", error))
            return FALSE;
        gint result = archive_read_data_block(archive, &data, &length, &offset);
        if (result == ARCHIVE_EOF)
            break;
        if (result != ARCHIVE_OK)
            return damaged(archive, name, error);
        end = offset + (gint64) length;
        if (end > LENGTH_MAX)
            return sk_fail(error, SK_ERROR_TOO_LARGE, "\"%s\" unpacks to more than 16 TiB", name);
        if (!sk_copy_write_sparse(to, data, length, (guint64) offset, name, error))
            return FALSE;
        sk_storage_report(context, "unpacking", (guint64) archive_filter_bytes(archive, -1), packed);
    }
    return ftruncate(to, end) == 0 || sk_fail_errno(error, errno, "cannot write \"%s\"", name);
}

gboolean
sk_decompress(gint from, gint to, const char *name, const SkStorageContext *context, GError **error)
{
    off_t packed = lseek(from, 0, SEEK_END);
    g_autoptr(Archive) archive = archive_read_new();
    return open_archive(archive, from, name, error) && unpack(archive, to, (guint64) MAX(packed, 0), name, context, error);
}
