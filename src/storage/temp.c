/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Written beside, fsynced, renamed: how every file of a pool comes to be. */
#include "storage/temp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/undo.h"
#include "model/disk.h"
#include "storage/transfer.h"

#define TEMP_PREFIX ".skep-tmp-"
#define PART_PREFIX ".skep-part-"
#define UPLOAD_SUFFIX ".part"
#define FORMAT_ATTRIBUTE "user.skep.format"
#define UPLOAD_ATTRIBUTE "user.skep.upload"

static gboolean
exists(const char *target, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(target);
    g_autofree char *name = g_path_get_basename(target);
    return sk_fail(error, SK_ERROR_EXISTS, "\"%s\" is there already in \"%s\"", name, dir);
}

/*
 * The lock tells sk_temp_sweep() of another start that somebody is at work. A sweep between
 * making and locking has removed the name: then once more.
 */
static gint
make_locked(const char *dir, char **out_path, GError **error)
{
    for (guint attempt = 0; attempt < 8; attempt++) {
        g_autofree char *path = g_build_filename(dir, TEMP_PREFIX "XXXXXX", NULL);
        g_auto(SkFd) fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
        struct stat info;
        if (fd < 0)
            break;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &info) == 0 && info.st_nlink > 0) {
            *out_path = g_steal_pointer(&path);
            return sk_fd_steal(&fd);
        }
        unlink(path);
        errno = EAGAIN;
    }
    sk_fail_errno(error, errno, "cannot make a file in \"%s\"", dir);
    return -1;
}

SkTempFile *
sk_temp_new(const char *target, GError **error)
{
    struct stat info;
    g_autofree char *dir = g_path_get_dirname(target);
    if (lstat(target, &info) == 0) {
        exists(target, error);
        return NULL;
    }
    if (sk_fault("storage/make", error))
        return NULL;
    g_autofree char *path = NULL;
    gint fd = make_locked(dir, &path, error);
    if (fd < 0)
        return NULL;
    SkTempFile *self = g_new0(SkTempFile, 1);
    self->fd = fd;
    self->path = g_steal_pointer(&path);
    self->target = g_strdup(target);
    return self;
}

/* Renames without replacing. NFS and the like know no such rename: a second name does the same there. */
static gboolean
rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return TRUE;
    if (errno != EINVAL && errno != ENOSYS)
        return FALSE;
    return link(from, to) == 0 && unlink(from) == 0;
}

static gboolean
sync_dir(const char *target, GError **error)
{
    if (!sk_fault("storage/sync-dir", error) && sk_fs_sync_dir_of(target, error))
        return TRUE;
    unlink(target);
    return FALSE;
}

gboolean
sk_temp_place(gint fd, const char *path, const char *target, GError **error)
{
    if (sk_fault("storage/sync", error))
        return FALSE;
    if (fsync(fd) < 0)
        return sk_fail_errno(error, errno, "cannot write \"%s\"", target);
    if (sk_fault("storage/rename", error))
        return FALSE;
    if (!rename_new(path, target))
        return errno == EEXIST ? exists(target, error) : sk_fail_errno(error, errno, "cannot make \"%s\"", target);
    return sync_dir(target, error);
}

gboolean
sk_temp_commit(SkTempFile *self, mode_t mode, GError **error)
{
    if (fchmod(self->fd, mode) < 0)
        return sk_fail_errno(error, errno, "cannot set the mode of \"%s\"", self->target);
    if (!sk_temp_place(self->fd, self->path, self->target, error))
        return FALSE;
    g_clear_pointer(&self->path, g_free);
    return TRUE;
}

void
sk_temp_free(SkTempFile *self)
{
    if (self == NULL)
        return;
    if (self->path != NULL)
        unlink(self->path);
    sk_fd_clear(&self->fd);
    g_free(self->path);
    g_free(self->target);
    g_free(self);
}

gboolean
sk_temp_is_hidden(const char *name)
{
    return *name == '.' || g_str_has_suffix(name, UPLOAD_SUFFIX);
}

/* The lock is what tells that somebody is at work. younger: files touched after that time stay. */
static void
sweep_one(const char *path, gint64 younger, gboolean (*ours)(gint fd))
{
    g_auto(SkFd) fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_mtime >= younger || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return;
    /* Once more: what was locked until now may have been written to. */
    if (fstat(fd, &info) < 0 || info.st_mtime >= younger || (ours != NULL && !ours(fd)))
        return;
    g_debug("removing \"%s\", which was left half made", path);
    unlink(path);
}

void
sk_temp_sweep(const char *dir)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *name;
    while (entries != NULL && (name = g_dir_read_name(entries)) != NULL) {
        if (!g_str_has_prefix(name, TEMP_PREFIX))
            continue;
        g_autofree char *path = g_build_filename(dir, name, NULL);
        sweep_one(path, G_MAXINT64, NULL);
    }
}

/* -- parts ---------------------------------------------------------------------------------------------------- */

void
sk_temp_mark_upload(gint fd)
{
    if (fsetxattr(fd, UPLOAD_ATTRIBUTE, "", 0, 0) < 0)
        g_debug("cannot mark an upload: %s", g_strerror(errno));
}

void
sk_temp_unmark_upload(gint fd)
{
    fremovexattr(fd, UPLOAD_ATTRIBUTE);
}

gboolean
sk_temp_is_upload(gint fd)
{
    return fgetxattr(fd, UPLOAD_ATTRIBUTE, NULL, 0) >= 0 || errno == ENOTSUP;
}

void
sk_storage_sweep_parts(const char *dir, guint seconds)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    gint64 younger = (gint64) time(NULL) - seconds;
    const char *name;
    while (entries != NULL && (name = g_dir_read_name(entries)) != NULL) {
        gboolean download = g_str_has_prefix(name, PART_PREFIX);
        if (!download && !g_str_has_suffix(name, UPLOAD_SUFFIX))
            continue;
        g_autofree char *path = g_build_filename(dir, name, NULL);
        sweep_one(path, younger, download ? NULL : sk_temp_is_upload);
    }
}

/* -- formats --------------------------------------------------------------------------------------------------- */

/* A file system without such attributes is no failure: there the format is found by looking. */
void
sk_temp_record_format(gint fd, gint format)
{
    const char *name = sk_enum_name(&sk_disk_format_enum, format);
    if (fsetxattr(fd, FORMAT_ATTRIBUTE, name, strlen(name), 0) < 0)
        g_debug("cannot record the format of a volume: %s", g_strerror(errno));
}

gboolean
sk_temp_recorded_format(gint fd, gint *out_format)
{
    char name[16] = "";
    gssize n = fgetxattr(fd, FORMAT_ATTRIBUTE, name, sizeof name - 1);
    return n > 0 && sk_enum_parse(&sk_disk_format_enum, name, out_format, NULL);
}
