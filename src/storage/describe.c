/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files as volumes: what a pool of files consists of. */
#include "storage/describe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "storage/chain.h"
#include "storage/luks.h"
#include "storage/pool.h"
#include "storage/qcow2.h"
#include "storage/temp.h"

static void
be_foreign(SkVolume *volume, const char *format)
{
    volume->kind = SK_VOLUME_FOREIGN;
    volume->foreign_format = g_strdup(format);
}

/* A file that nobody declared a disk is one if it looks like it, or could at least be an empty one. */
static void
judge_raw(SkVolume *volume, const SkImageInfo *info, gboolean recorded, gint fd)
{
    guint64 offset = 0;
    volume->format = SK_FORMAT_RAW;
    /* What a guest itself encrypted looks the same, so what is on record as a disk must be on record as encrypted too. */
    volume->encryption = sk_luks_recorded(fd);
    if ((volume->encryption != NULL || !recorded) && sk_luks_look(fd, &offset) && offset < volume->capacity) {
        volume->capacity -= offset;
        if (volume->encryption == NULL)
            volume->encryption = sk_value_new(&sk_encryption_type);
    }
    if (!recorded && !volume->block && !info->disk && (info->size == 0 || info->size % 512 != 0))
        be_foreign(volume, "unknown");
}

static void
judge_qcow2(SkVolume *volume, const SkImageInfo *info, gint fd)
{
    volume->format = SK_FORMAT_QCOW2;
    volume->compat = g_strdup(info->version == 2 ? "0.10" : "1.1");
    volume->cluster_size = info->cluster_size;
    volume->lazy_refcounts = info->lazy_refcounts;
    volume->extended_l2 = info->extended_l2;
    if (info->luks)
        volume->encryption = sk_luks_recorded(fd);
    if (info->luks && volume->encryption == NULL)
        volume->encryption = sk_value_new(&sk_encryption_type);
    if (info->external_data || (info->encrypted && !info->luks)) {
        be_foreign(volume, info->encrypted ? "qcow2, encrypted" : "qcow2 with an external data file");
        return;
    }
    if (info->backing_file == NULL)
        return;
    g_autofree char *path = sk_storage_backing_path(volume->path, info->backing_file);
    g_autofree char *real = path != NULL ? realpath(path, NULL) : NULL;
    volume->backing_path = g_strdup(real != NULL ? real : path != NULL ? path : info->backing_file);
    if (!sk_enum_parse(&sk_disk_format_enum, info->backing_format != NULL ? info->backing_format : "",
                       &volume->backing_format, NULL))
        volume->backing_format = SK_FORMAT_RAW;
}

static void
judge(SkVolume *volume, const SkImageInfo *info, gboolean recorded, gint fd)
{
    if (info->format != SK_IMAGE_RAW)
        volume->capacity = info->size;
    if (info->format == SK_IMAGE_RAW) {
        judge_raw(volume, info, recorded, fd);
    } else if (info->format == SK_IMAGE_QCOW2) {
        judge_qcow2(volume, info, fd);
    } else if (info->format == SK_IMAGE_ISO) {
        volume->kind = SK_VOLUME_ISO;
        volume->format = SK_FORMAT_RAW;
    } else {
        be_foreign(volume, sk_enum_name(&sk_image_format_enum, info->format));
    }
}

static guint64
allocation_of(const struct stat *file)
{
    return (guint64) file->st_blocks * 512;
}

static gint64
modified_of(const struct stat *file)
{
    return (gint64) file->st_mtim.tv_sec * G_USEC_PER_SEC + file->st_mtim.tv_nsec / 1000;
}

static gint64
time_of(const struct statx_timestamp *time)
{
    return time->tv_sec * G_USEC_PER_SEC + time->tv_nsec / 1000;
}

/* What the system knows of the file. */
static gboolean
look_at(SkVolume *volume, gint fd)
{
    struct statx file;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &file) < 0)
        return FALSE;
    volume->block = S_ISBLK(file.stx_mode);
    off_t end = volume->block ? lseek(fd, 0, SEEK_END) : (off_t) file.stx_size;
    volume->physical = volume->capacity = end > 0 ? (guint64) end : 0;
    volume->allocation = volume->block ? volume->physical : file.stx_blocks * 512;
    volume->mode = g_strdup_printf("%04o", file.stx_mode & 07777u);
    volume->owner = file.stx_uid;
    volume->group = file.stx_gid;
    volume->modified = time_of(&file.stx_mtime);
    volume->accessed = time_of(&file.stx_atime);
    volume->changed = time_of(&file.stx_ctime);
    volume->born = (file.stx_mask & STATX_BTIME) != 0 ? time_of(&file.stx_btime) : 0;
    return TRUE;
}

static void
volume_free(gpointer volume)
{
    sk_value_free(&sk_volume_type, volume);
}

SkVolume *
sk_describe_file(gint fd, const char *path, GError **error)
{
    SkVolume *volume = sk_value_new(&sk_volume_type);
    if (!look_at(volume, fd)) {
        sk_fail_errno(error, errno, "cannot look at \"%s\"", path);
        volume_free(volume);
        return NULL;
    }
    g_auto(SkImageInfo) info = { 0 };
    gint format;
    gboolean recorded = sk_temp_recorded_format(fd, &format);
    gboolean known = recorded ? sk_image_read(fd, format, path, &info, NULL) : sk_image_probe(fd, path, &info, NULL);

    volume->name = g_path_get_basename(path);
    volume->path = g_strdup(path);
    if (known)
        judge(volume, &info, recorded, fd);
    else
        be_foreign(volume, "damaged");
    return volume;
}

char *
sk_describe_backing(gint fd, const char *path)
{
    g_auto(SkImageInfo) info = { 0 };
    gint format;
    gboolean recorded = sk_temp_recorded_format(fd, &format);
    gboolean known = recorded ? sk_image_read(fd, format, path, &info, NULL) : sk_image_probe(fd, path, &info, NULL);
    if (!known || info.format != SK_IMAGE_QCOW2 || info.backing_file == NULL)
        return NULL;
    char *backing = sk_storage_backing_path(path, info.backing_file);
    return backing != NULL ? backing : g_strdup(info.backing_file);
}

gboolean
sk_describe_stat(gint dir, const char *name, struct stat *out_file)
{
    return fstatat(dir, name, out_file, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(out_file->st_mode);
}

gint
sk_describe_open(gint dir, const char *name, struct stat *out_file)
{
    g_auto(SkFd) fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, out_file) < 0 || !S_ISREG(out_file->st_mode))
        return -1;
    return sk_fd_steal(&fd);
}

gint
sk_describe_open_dir(const char *dir, GError **error)
{
    gint fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        sk_fail_errno(error, errno, "cannot open the storage directory \"%s\"", dir);
    return fd;
}

SkVolume *
sk_describe_in(const char *dir, const char *name, GError **error)
{
    g_auto(SkFd) dir_fd = sk_describe_open_dir(dir, error);
    if (dir_fd < 0)
        return NULL;
    struct stat file;
    g_auto(SkFd) fd = sk_temp_is_hidden(name) ? SK_FD_NONE : sk_describe_open(dir_fd, name, &file);
    if (fd < 0) {
        sk_fail(error, SK_ERROR_NO_VOLUME, "there is no volume \"%s\" in \"%s\"", name, dir);
        return NULL;
    }
    g_autofree char *path = g_build_filename(dir, name, NULL);
    return sk_describe_file(fd, path, error);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    const SkVolume *const *left = a, *const *right = b;
    return g_strcmp0((*left)->name, (*right)->name);
}

GPtrArray *
sk_describe_dir(const char *dir, GError **error)
{
    g_auto(SkFd) dir_fd = sk_describe_open_dir(dir, error);
    if (dir_fd < 0)
        return NULL;
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    g_autoptr(GPtrArray) volumes = g_ptr_array_new_with_free_func(volume_free);
    const char *name;
    while (entries != NULL && (name = g_dir_read_name(entries)) != NULL) {
        struct stat file;
        g_auto(SkFd) fd = sk_temp_is_hidden(name) || !g_utf8_validate(name, -1, NULL) ? SK_FD_NONE
                                                                                      : sk_describe_open(dir_fd, name, &file);
        if (fd < 0)
            continue;
        g_autofree char *path = g_build_filename(dir, name, NULL);
        SkVolume *volume = sk_describe_file(fd, path, NULL);
        if (volume != NULL)
            g_ptr_array_add(volumes, volume);
    }
    g_ptr_array_sort(volumes, by_name);
    return g_steal_pointer(&volumes);
}

/* Takes a name that is as known says out of gone; gives FALSE if it is not. */
static gboolean
is_as_known(gint dir, const char *name, GHashTable *known, GHashTable *gone)
{
    struct stat file;
    const SkVolumeStamp *stamp = g_hash_table_lookup(known, name);
    if (!sk_describe_stat(dir, name, &file))
        return TRUE;
    g_hash_table_remove(gone, name);
    return stamp != NULL && stamp->modified == modified_of(&file) && stamp->allocation == allocation_of(&file);
}

GPtrArray *
sk_describe_changed(const char *dir, GHashTable *known, GError **error)
{
    g_auto(SkFd) dir_fd = sk_describe_open_dir(dir, error);
    if (dir_fd < 0)
        return NULL;
    GPtrArray *changed = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    g_autoptr(GHashTable) gone = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer key;
    const char *name;
    g_hash_table_iter_init(&iter, known);
    while (entries != NULL && g_hash_table_iter_next(&iter, &key, NULL))
        g_hash_table_add(gone, key);
    while (entries != NULL && (name = g_dir_read_name(entries)) != NULL) {
        if (!sk_temp_is_hidden(name) && g_utf8_validate(name, -1, NULL) && !is_as_known(dir_fd, name, known, gone))
            g_ptr_array_add(changed, g_strdup(name));
    }
    g_hash_table_iter_init(&iter, gone);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(changed, g_strdup(key));
    return changed;
}

SkVolume *
sk_storage_volume_at(const char *path, GError **error)
{
    g_autofree char *real = realpath(path, NULL);
    g_auto(SkFd) fd = real != NULL ? open(real, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : SK_FD_NONE;
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            sk_fail(error, SK_ERROR_NO_VOLUME, "there is no file \"%s\"", path);
        else
            sk_fail_errno(error, errno, "cannot open \"%s\"", path);
        return NULL;
    }
    struct stat info;
    if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) {
        sk_fail(error, SK_ERROR_INVALID, "\"%s\" is neither a file nor a block device", path);
        return NULL;
    }
    return sk_describe_file(fd, real, error);
}
