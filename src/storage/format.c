/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that pools are made of: what is on them, file systems made on them, zeros written over them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/undo.h"
#include "storage/backend.h"
#include "storage/device.h"
#include "storage/lock.h"
#include "storage/wipe.h"

/* -- who has it, what is on it ------------------------------------------------------------------------------------- */

/* The kernel lets nobody else have one that is mounted, swapped to or part of another device; a guest has it by its locks. */
gboolean
sk_device_check_free(const char *path, const char *pool, guint64 *out_bytes, GError **error)
{
    struct stat info;
    g_auto(SkFd) fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return sk_fail_errno(error, errno, "storage pool \"%s\": cannot open \"%s\"", pool, path);
    if (fstat(fd, &info) < 0 || !S_ISBLK(info.st_mode))
        return sk_fail(error, SK_ERROR_INVALID, "storage pool \"%s\": \"%s\" is no block device", pool, path);
    g_auto(SkFd) alone = open(path, O_RDWR | O_EXCL | O_NONBLOCK | O_CLOEXEC);
    if (alone < 0 && errno == EBUSY)
        return sk_fail(error, SK_ERROR_IN_USE, "storage pool \"%s\": \"%s\" is in use on this host: mounted, swapped to, or part of another device", pool, path);
    if (alone < 0)
        return sk_fail_errno(error, errno, "storage pool \"%s\": cannot write to \"%s\"", pool, path);
    off_t end = lseek(alone, 0, SEEK_END);
    *out_bytes = end > 0 ? (guint64) end : 0;
    return sk_storage_lock_check(path, SK_LOCK_REMOVE, error);
}

gboolean
sk_device_check_empty(const char *path, const char *pool, GError **error)
{
    enum { NOTHING_FOUND = 2 };
    const char *const argv[] = { "blkid", "-p", path, NULL };
    g_autoptr(GError) why = NULL;
    gint status = 0;
    if (sk_fault("pool/probe", error))
        return FALSE;
    if (!sk_run_exit(argv, NULL, &status, &why) && status == NOTHING_FOUND)
        return TRUE;
    if (why != NULL && status == 0) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    return sk_fail(error, SK_ERROR_EXISTS, "storage pool \"%s\": there is something on \"%s\" already (blkid tells what): only if it is to be overwritten is it lost",
                   pool, path);
}

gboolean
sk_device_clear(const char *path, GError **error)
{
    const char *const argv[] = { "wipefs", "-q", "-a", path, NULL };
    return sk_run(argv, NULL, NULL, error);
}

/* -- file systems ----------------------------------------------------------------------------------------------------- */

#define ARGS(...) (const char *const[]) { __VA_ARGS__, NULL }
static const struct {
    const char *format;
    const char *const *argv;    /* but for the device */
} makers[] = {
    { "ext2", ARGS("mkfs.ext2", "-q", "-F") }, { "ext3", ARGS("mkfs.ext3", "-q", "-F") }, { "ext4", ARGS("mkfs.ext4", "-q", "-F") },
    { "vfat", ARGS("mkfs.vfat", "-I") },       { "xfs", ARGS("mkfs.xfs", "-q", "-f") },
};

static const char *const *
maker_of(const SkPoolSpec *spec, GError **error)
{
    const char *format = spec->source->format;
    for (guint i = 0; i < G_N_ELEMENTS(makers); i++) {
        if (g_strcmp0(makers[i].format, format) == 0)
            return makers[i].argv;
    }
    if (format == NULL)
        sk_fail(error, SK_ERROR_INVALID, "storage pool \"%s\" does not say which file system is to be made: give its source a format, such as ext4", spec->name);
    else
        sk_fail(error, SK_ERROR_UNSUPPORTED, "storage pool \"%s\": file systems of format %s are not made here: give ext2, ext3, ext4, vfat or xfs",
                spec->name, format);
    return NULL;
}

static gboolean
make(const SkPoolSpec *spec, const char *const *maker, const SkStorageContext *context, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    for (guint i = 0; maker[i] != NULL; i++)
        g_ptr_array_add(argv, (gpointer) maker[i]);
    g_ptr_array_add(argv, spec->source->devices[0]);
    g_ptr_array_add(argv, NULL);
    if (sk_run((const char *const *) argv->pdata, context != NULL ? context->cancellable : NULL, NULL, error) && !sk_fault("pool/format", error))
        return TRUE;
    g_prefix_error(error, "storage pool \"%s\": ", spec->name);
    /* Half a file system is none: the next try finds nothing there. */
    sk_device_clear(spec->source->devices[0], NULL);
    return FALSE;
}

gboolean
sk_pool_device_format(const SkPoolSpec *spec, gboolean overwrite, const SkStorageContext *context, GError **error)
{
    const char *device = spec->source->devices[0];
    const char *const *maker = maker_of(spec, error);
    guint64 bytes = 0;
    if (maker == NULL || !sk_device_check_free(device, spec->name, &bytes, error))
        return FALSE;
    if (overwrite ? !sk_device_clear(device, error) : !sk_device_check_empty(device, spec->name, error))
        return FALSE;
    return make(spec, maker, context, error);
}

/* -- zeros ------------------------------------------------------------------------------------------------------------- */

gboolean
sk_pool_device_zero(const SkPoolSpec *spec, const SkStorageContext *context, GError **error)
{
    const char *device = spec->source->devices[0];
    guint64 bytes = 0;
    if (!sk_device_check_free(device, spec->name, &bytes, error))
        return FALSE;
    const SkVolume all = { .name = (char *) device, .path = (char *) device, .kind = SK_VOLUME_DISK, .format = SK_FORMAT_RAW, .block = TRUE,
                           .capacity = bytes, .allocation = bytes, .physical = bytes };
    return sk_storage_wipe(&all, SK_WIPE_ZERO, FALSE, context, error);
}
