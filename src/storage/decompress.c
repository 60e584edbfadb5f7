/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compressed images, through libarchive's filters. */
#include "storage/decompress.h"

#include <archive.h>
#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/undo.h"
#include "storage/copy.h"

#define READ_BYTES (256 * 1024)
/* A small file can unpack to any length of zeros: holes take no space, but time. */
#define LENGTH_MAX (G_GINT64_CONSTANT(16) << 40)

typedef struct archive Archive;

/*
 * libarchive brings libxml2, ICU and libstdc++ along: megabytes in a daemon that hardly ever
 * unpacks anything. So it is loaded when there is something to unpack, and the functions are reached through this.
 */
#define LIBRARY "libarchive.so.13"
#define FUNCTIONS(X)                                                                                       \
    X(archive_read_new) X(archive_read_free) X(archive_error_string) X(archive_read_support_filter_gzip)    \
    X(archive_read_support_filter_xz) X(archive_read_support_filter_zstd) X(archive_read_support_format_raw) \
    X(archive_read_open_fd) X(archive_read_next_header) X(archive_read_data_block) X(archive_filter_bytes)
static struct {
#define MEMBER(name) __typeof__(&name) name;
    FUNCTIONS(MEMBER)
#undef MEMBER
} lib;

static const struct {
    const char *name;
    gsize offset;
} functions[] = {
#define ROW(name) { #name, G_STRUCT_OFFSET(__typeof__(lib), name) },
    FUNCTIONS(ROW)
#undef ROW
};

static gboolean
load_library(GError **error)
{
    static GMutex lock;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
    if (lib.archive_filter_bytes != NULL)
        return TRUE;
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return sk_fail(error, SK_ERROR_HOST, "compressed images need libarchive: %s; install the package libarchive13", dlerror());
    for (gsize i = 0; i < G_N_ELEMENTS(functions); i++) {
        void *address = dlsym(handle, functions[i].name);
        if (address == NULL)
            return sk_fail(error, SK_ERROR_HOST, "%s is too old: it has no %s", LIBRARY, functions[i].name);
        *(void **) ((guint8 *) &lib + functions[i].offset) = address;
    }
    return TRUE;
}

static void
archive_close_free(Archive *archive)
{
    lib.archive_read_free(archive);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_close_free)

static gboolean
damaged(Archive *archive, const char *name, GError **error)
{
    const char *why = lib.archive_error_string(archive);
    return sk_fail(error, SK_ERROR_INVALID, "\"%s\" cannot be unpacked, it is damaged or was cut: %s", name,
                   why != NULL ? why : "no reason is known");
}

static gboolean
open_archive(Archive *archive, gint from, const char *name, GError **error)
{
    struct archive_entry *entry;
    if (lseek(from, 0, SEEK_SET) < 0)
        return sk_fail_errno(error, errno, "cannot read \"%s\"", name);
    gint opened[] = { lib.archive_read_support_filter_gzip(archive), lib.archive_read_support_filter_xz(archive),
                      lib.archive_read_support_filter_zstd(archive), lib.archive_read_support_format_raw(archive) };
    for (gsize i = 0; i < G_N_ELEMENTS(opened); i++) {
        if (opened[i] < ARCHIVE_WARN)
            return damaged(archive, name, error);
    }
    if (lib.archive_read_open_fd(archive, from, READ_BYTES) != ARCHIVE_OK ||
        lib.archive_read_next_header(archive, &entry) != ARCHIVE_OK)
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
        gint result = lib.archive_read_data_block(archive, &data, &length, &offset);
        if (result == ARCHIVE_EOF)
            break;
        if (result != ARCHIVE_OK)
            return damaged(archive, name, error);
        end = offset + (gint64) length;
        if (end > LENGTH_MAX)
            return sk_fail(error, SK_ERROR_TOO_LARGE, "\"%s\" unpacks to more than 16 TiB", name);
        if (!sk_copy_write_sparse(to, data, length, (guint64) offset, name, error))
            return FALSE;
        sk_storage_report(context, "unpacking", (guint64) lib.archive_filter_bytes(archive, -1), packed);
    }
    return ftruncate(to, end) == 0 || sk_fail_errno(error, errno, "cannot write \"%s\"", name);
}

gboolean
sk_decompress(gint from, gint to, const char *name, const SkStorageContext *context, GError **error)
{
    if (!load_library(error))
        return FALSE;
    off_t packed = lseek(from, 0, SEEK_END);
    g_autoptr(Archive) archive = lib.archive_read_new();
    return open_archive(archive, from, name, error) && unpack(archive, to, (guint64) MAX(packed, 0), name, context, error);
}
