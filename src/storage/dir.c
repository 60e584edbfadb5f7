/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The directory backend: a volume is a file. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "storage/backend.h"
#include "storage/chain.h"
#include "storage/copy.h"
#include "storage/describe.h"
#include "storage/lock.h"
#include "storage/luks.h"
#include "storage/pool.h"
#include "storage/temp.h"
#include "storage/tool.h"

#define VOLUME_MODE 0600

/* -- the directory ----------------------------------------------------------------------------------------- */

#define NOBODY ((uid_t) -1) /* chown(): as it is */

static guint
number_of(const char *text, guint base, guint fallback)
{
    guint64 number = fallback;
    if (text != NULL)
        g_ascii_string_to_unsigned(text, base, 0, G_MAXUINT, &number, NULL);
    return (guint) number;
}

/* One that is there is taken as it is, unless something else was asked for. */
gboolean
sk_pool_dir_build(const SkPoolSpec *spec, GError **error)
{
    mode_t mode = number_of(spec->mode, 8, 0711);
    if (sk_fault("pool/build", error) || !sk_fs_make_dir(spec->path, mode, error))
        return FALSE;
    if (spec->mode != NULL && chmod(spec->path, mode) < 0)
        return sk_fail_errno(error, errno, "cannot set the mode of \"%s\"", spec->path);
    if ((spec->owner != NULL || spec->group != NULL) &&
        chown(spec->path, number_of(spec->owner, 10, NOBODY), number_of(spec->group, 10, NOBODY)) < 0)
        return sk_fail_errno(error, errno, "cannot give \"%s\" to its owner", spec->path);
    return TRUE;
}

static gboolean
dir_unbuild(const SkPoolSpec *spec, GError **error)
{
    sk_temp_sweep(spec->path);
    if (rmdir(spec->path) == 0 || errno == ENOENT)
        return TRUE;
    if (errno == ENOTEMPTY || errno == EEXIST)
        return sk_fail(error, SK_ERROR_IN_USE, "the directory \"%s\" of storage pool \"%s\" is not empty", spec->path, spec->name);
    return sk_fail_errno(error, errno, "cannot remove the directory \"%s\"", spec->path);
}

gboolean
sk_pool_dir_start(const SkPoolSpec *spec, GError **error)
{
    struct stat info;
    if (stat(spec->path, &info) < 0)
        return sk_fail_errno(error, errno, "storage pool \"%s\" cannot be used: \"%s\"", spec->name, spec->path);
    if (!S_ISDIR(info.st_mode))
        return sk_fail(error, SK_ERROR_INVALID, "storage pool \"%s\" cannot be used: \"%s\" is no directory", spec->name, spec->path);
    if (access(spec->path, R_OK | W_OK | X_OK) < 0)
        return sk_fail_errno(error, errno, "storage pool \"%s\" cannot be used: \"%s\"", spec->name, spec->path);
    sk_temp_sweep(spec->path);
    return TRUE;
}

static gboolean
dir_stat(const SkPoolSpec *spec, SkPoolStatus *status, GError **error)
{
    struct statvfs info;
    if (statvfs(spec->path, &info) < 0)
        return sk_fail_errno(error, errno, "cannot look at \"%s\"", spec->path);
    status->capacity = (guint64) info.f_blocks * info.f_frsize;
    status->available = (guint64) info.f_bavail * info.f_frsize;
    status->allocation = (guint64) (info.f_blocks - info.f_bfree) * info.f_frsize;
    return TRUE;
}

static GPtrArray *
dir_list(const SkPoolSpec *spec, GError **error)
{
    return sk_describe_dir(spec->path, error);
}

static GPtrArray *
dir_changed(const SkPoolSpec *spec, GHashTable *known, GError **error)
{
    return sk_describe_changed(spec->path, known, error);
}

static SkVolume *
dir_lookup(const SkPoolSpec *spec, const char *name, GError **error)
{
    return sk_describe_in(spec->path, name, error);
}

/* -- making volumes ------------------------------------------------------------------------------------------ */

static gboolean
fill_raw(SkTempFile *temp, const SkVolumeCreate *create, const SkStorageContext *context, GError **error)
{
    if (ftruncate(temp->fd, (off_t) create->capacity) < 0)
        return sk_fail_errno(error, errno, "cannot make volume \"%s\"", create->name);
    if (sk_fault("volume/fill", error))
        return FALSE;
    if (create->preallocation == SK_PREALLOC_FALLOC || create->preallocation == SK_PREALLOC_FULL)
        return sk_copy_fill(temp->fd, create->capacity, create->preallocation == SK_PREALLOC_FULL, create->name, context, error);
    return create->allocation == 0 ||
           sk_copy_fill(temp->fd, MIN(create->allocation, create->capacity), FALSE, create->name, context, error);
}

/* The name, the format and the owner that it was asked with. */
static gboolean
place(SkTempFile *temp, const SkVolumeCreate *create, const SkStorageContext *context, GError **error)
{
    const SkVolumeOptions *options = &create->options;
    if (options->foreign_format == NULL)
        sk_temp_record_format(temp->fd, create->format);
    if (options->encryption != NULL)
        sk_luks_record(temp->fd, options->encryption);
    if ((options->owner != NULL || options->group != NULL) &&
        fchown(temp->fd, number_of(options->owner, 10, NOBODY), number_of(options->group, 10, NOBODY)) < 0)
        return sk_fail_errno(error, errno, "cannot give volume \"%s\" to its owner", create->name);
    if (context != NULL && context->placing != NULL && !context->placing(temp->path, temp->target, context->placing_data, error))
        return FALSE;
    return sk_temp_commit(temp, number_of(options->mode, 8, VOLUME_MODE), error);
}

/* It must be so while it is empty. Only btrfs has it; to others it changes nothing. */
static gboolean
set_nocow(gint fd, const SkVolumeCreate *create, GError **error)
{
    struct statfs system;
    glong flags = 0;
    if (!create->options.nocow || fstatfs(fd, &system) < 0 || (guint64) system.f_type != BTRFS_SUPER_MAGIC)
        return TRUE;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
        return sk_fail_errno(error, errno, "cannot look at the flags of volume \"%s\"", create->name);
    flags |= FS_NOCOW_FL;
    return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0 || sk_fail_errno(error, errno, "cannot have volume \"%s\" written in place", create->name);
}

static gboolean
dir_create(const SkPoolSpec *spec, const SkVolumeCreate *create, const char *backing_path, gint backing_format,
           const SkStorageContext *context, GError **error)
{
    g_autofree char *target = g_build_filename(spec->path, create->name, NULL);
    g_autoptr(SkTempFile) temp = sk_temp_new(target, error);
    if (temp == NULL || !set_nocow(temp->fd, create, error))
        return FALSE;
    gboolean made = create->format == SK_FORMAT_RAW && create->options.encryption == NULL && create->options.foreign_format == NULL
                        ? fill_raw(temp, create, context, error)
                        : sk_tool_create(temp->path, create, backing_path, backing_format, context, error);
    return made && place(temp, create, context, error);
}

static gboolean
copy_alone(const SkVolume *source, SkTempFile *temp, const char *name, const SkStorageContext *context, GError **error)
{
    g_auto(SkFd) from = open(source->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (from < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", source->path);
    return sk_storage_lock_take(from, source->path, SK_LOCK_READ, error) &&
           sk_copy_file(from, temp->fd, name, "copying", context, error);
}

/* Encrypted as it is, or not at all. */
static gboolean
is_encrypted_as_wanted(const SkEncryption *is, const SkEncryption *wanted)
{
    if (is == NULL || wanted == NULL)
        return is == wanted;
    return wanted->cipher == NULL && wanted->mode == NULL && wanted->hash == NULL && wanted->ivgen == NULL && wanted->ivgen_hash == NULL &&
           g_strcmp0(is->secret, wanted->secret) == 0;
}

/* Its bytes will do. */
static gboolean
is_as_wanted(const SkVolume *source, const SkVolumeCreate *create)
{
    const SkVolumeOptions *options = &create->options;
    if (options->foreign_format != NULL)
        return source->kind == SK_VOLUME_FOREIGN && g_strcmp0(source->foreign_format, options->foreign_format) == 0;
    if (source->kind == SK_VOLUME_FOREIGN || source->format != create->format || source->backing_path != NULL ||
        !is_encrypted_as_wanted(source->encryption, options->encryption))
        return FALSE;
    return (options->compat == NULL || g_strcmp0(options->compat, source->compat) == 0) &&
           (options->cluster_size == 0 || options->cluster_size == source->cluster_size) &&
           (!options->lazy_refcounts || source->lazy_refcounts) && (!options->extended_l2 || source->extended_l2);
}

static gboolean
grow(SkTempFile *temp, const SkVolumeCreate *create, const SkStorageContext *context, GError **error)
{
    gboolean encrypted = create->options.encryption != NULL;
    guint64 header = 0;
    if (create->format != SK_FORMAT_RAW)
        return sk_tool_resize(temp->path, encrypted, create->capacity, 0, create->name, context, error);
    if (encrypted && !sk_luks_look(temp->fd, &header))
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" is not encrypted with LUKS", create->name);
    return ftruncate(temp->fd, (off_t) (create->capacity + header)) == 0 ||
           sk_fail_errno(error, errno, "cannot make volume \"%s\" as long as it is to be", create->name);
}

static gboolean
dir_copy(const SkPoolSpec *spec, const SkVolume *source, const SkVolumeCreate *create, const SkStorageContext *context, GError **error)
{
    g_autofree char *target = g_build_filename(spec->path, create->name, NULL);
    g_autoptr(SkTempFile) temp = sk_temp_new(target, error);
    if (temp == NULL || !set_nocow(temp->fd, create, error))
        return FALSE;
    gboolean made = is_as_wanted(source, create) ? copy_alone(source, temp, create->name, context, error)
                                                 : sk_tool_copy(source, temp->path, create, context, error);
    return made && (create->capacity <= source->capacity || grow(temp, create, context, error)) &&
           place(temp, create, context, error);
}

static SkStorageWriter *
dir_upload(const SkPoolSpec *spec, const char *name, guint64 offset, GError **error)
{
    return sk_storage_writer_open(spec->path, name, offset, error);
}

/* -- changing volumes ------------------------------------------------------------------------------------------ */

static gboolean
resize_raw(const SkVolume *volume, guint64 capacity, gboolean allocate, const SkStorageContext *context, GError **error)
{
    g_auto(SkFd) fd = open(volume->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", volume->path);
    if (!sk_storage_lock_take(fd, volume->path, SK_LOCK_WRITE, error))
        return FALSE;
    guint64 header = 0;
    if (volume->encryption != NULL && !sk_luks_look(fd, &header))
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" is not encrypted with LUKS any more", volume->name);
    if (ftruncate(fd, (off_t) (capacity + header)) < 0 || fsync(fd) < 0)
        return sk_fail_errno(error, errno, "cannot change the size of volume \"%s\"", volume->name);
    if (!allocate || (!sk_fault("volume/allocate", error) && sk_copy_fill(fd, capacity + header, FALSE, volume->name, context, error)))
        return TRUE;
    if (ftruncate(fd, (off_t) volume->physical) < 0)
        g_warning("volume \"%s\" stays larger than it was: %s", volume->name, g_strerror(errno));
    return FALSE;
}

static gboolean
dir_resize(const SkPoolSpec *spec, const SkVolume *volume, guint64 capacity, guint flags, const SkStorageContext *context, GError **error)
{
    (void) spec;
    if (sk_fault("volume/resize", error))
        return FALSE;
    if (volume->format == SK_FORMAT_RAW)
        return resize_raw(volume, capacity, (flags & SK_RESIZE_ALLOCATE) != 0, context, error);
    return sk_tool_resize(volume->path, volume->encryption != NULL, capacity, flags, volume->name, context, error);
}

static gboolean
dir_remove(const SkPoolSpec *spec, const SkVolume *volume, GError **error)
{
    (void) spec;
    if (sk_fault("volume/remove", error))
        return FALSE;
    return sk_fs_remove(volume->path, error) && sk_fs_sync_dir_of(volume->path, error);
}

/* What all kinds whose volumes are files of a directory have in common. */
#define VOLUMES_ARE_FILES                                                                                        \
    .build = sk_pool_dir_build, .unbuild = dir_unbuild, .stat = dir_stat, .list = dir_list, .changed = dir_changed, \
    .lookup = dir_lookup, .create = dir_create, .copy = dir_copy, .resize = dir_resize, .remove = dir_remove, .upload = dir_upload

const SkPoolBackend sk_pool_backend_dir = { .name = "dir", .start = sk_pool_dir_start, VOLUMES_ARE_FILES };
const SkPoolBackend sk_pool_backend_fs = { .name = "fs", .start = sk_pool_mount, .stop = sk_pool_unmount,
                                             .format = sk_pool_device_format, .zero = sk_pool_device_zero, VOLUMES_ARE_FILES };
const SkPoolBackend sk_pool_backend_netfs = { .name = "netfs", .start = sk_pool_mount, .stop = sk_pool_unmount, VOLUMES_ARE_FILES };
