/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files, directories, Unix sockets. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

void
sk_fd_clear(SkFd *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = SK_FD_NONE;
}

gint
sk_fd_steal(SkFd *fd)
{
    gint taken = *fd;
    *fd = SK_FD_NONE;
    return taken;
}

gboolean
sk_fs_make_dir(const char *path, mode_t mode, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);
    if (g_mkdir_with_parents(parent, 0755) < 0)
        return sk_fail_errno(error, errno, "cannot make directory \"%s\"", parent);
    if (mkdir(path, mode) == 0 || (errno == EEXIST && g_file_test(path, G_FILE_TEST_IS_DIR)))
        return TRUE;
    return sk_fail_errno(error, errno == EEXIST ? ENOTDIR : errno, "cannot make directory \"%s\"", path);
}

gboolean
sk_fd_write_all(gint fd, const void *data, gsize length, GError **error)
{
    const guint8 *at = data;
    while (length > 0) {
        gssize n = write(fd, at, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sk_fail_errno(error, errno, "cannot write");
        at += n;
        length -= (gsize) n;
    }
    return TRUE;
}

gboolean
sk_fs_sync_dir_of(const char *path, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);
    g_auto(SkFd) fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return sk_fail_errno(error, errno, "cannot sync directory \"%s\"", parent);
    return TRUE;
}

gboolean
sk_fs_write(const char *path, const void *data, gssize length, mode_t mode, GError **error)
{
    g_autofree char *beside = g_strconcat(path, ".XXXXXX", NULL);
    g_auto(SkFd) fd = g_mkstemp_full(beside, O_RDWR | O_CLOEXEC, (gint) mode);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot make a file beside \"%s\"", path);

    gsize size = length < 0 ? strlen(data) : (gsize) length;
    gboolean ok = sk_fd_write_all(fd, data, size, error);
    if (!ok)
        g_prefix_error(error, "\"%s\": ", path);
    if (ok && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(beside, path) < 0))
        ok = sk_fail_errno(error, errno, "cannot write \"%s\"", path);
    if (!ok) {
        unlink(beside);
        return FALSE;
    }
    return sk_fs_sync_dir_of(path, error);
}

static gboolean
read_all(gint fd, const char *path, GString *text, gsize max, GError **error)
{
    char buffer[16384];
    for (;;) {
        gssize n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sk_fail_errno(error, errno, "cannot read \"%s\"", path);
        if (n == 0)
            return TRUE;
        if (text->len + (gsize) n > max)
            return sk_fail(error, SK_ERROR_TOO_LARGE, "\"%s\" is larger than %" G_GSIZE_FORMAT " bytes", path, max);
        g_string_append_len(text, buffer, n);
    }
}

char *
sk_fs_read(const char *path, gsize max, gsize *out_length, GError **error)
{
    struct stat info;
    /* A FIFO in a file's place would hold its reader up until somebody writes. */
    g_auto(SkFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) < 0) {
        sk_fail_errno(error, errno, "cannot open \"%s\"", path);
        return NULL;
    }
    if (S_ISFIFO(info.st_mode)) {
        sk_fail(error, SK_ERROR_HOST, "\"%s\" is no file but a pipe", path);
        return NULL;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    if (!read_all(fd, path, text, max, error))
        return NULL;
    if (out_length != NULL)
        *out_length = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

gboolean
sk_fs_remove(const char *path, GError **error)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return sk_fail_errno(error, errno, "cannot remove \"%s\"", path);
    return TRUE;
}

/* The device is left out: its number may be another after a restart, and the path says which file system it is. */
char *
sk_fs_file_id(const char *path, GError **error)
{
    struct statx info;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &info) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            sk_fail_errno(error, errno, "cannot look at \"%s\"", path);
        return NULL;
    }
    gint64 born = (info.stx_mask & STATX_BTIME) != 0 ? info.stx_btime.tv_sec * G_GINT64_CONSTANT(1000000000) + info.stx_btime.tv_nsec : 0;
    return g_strdup_printf("%" G_GUINT64_FORMAT ".%" G_GINT64_FORMAT, (guint64) info.stx_ino, born);
}

gboolean
sk_fs_remove_same(const char *path, const char *id, GError **error)
{
    GError *why = NULL;
    g_autofree char *now = sk_fs_file_id(path, &why);
    if (why != NULL) {
        g_propagate_error(error, why);
        return FALSE;
    }
    return g_strcmp0(now, id) != 0 || sk_fs_remove(path, error);
}

static gboolean remove_children(gint fd, const char *path, dev_t device, GError **error);

/* Removes one entry of the directory parent, with all below it. */
static gboolean
remove_entry(gint parent, const char *name, const char *path, dev_t device, GError **error)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return TRUE;
    gint unlink_errno = errno;
    gint sub = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sub < 0)
        return sk_fail_errno(error, errno == ENOTDIR || errno == ELOOP ? unlink_errno : errno, "cannot remove \"%s\"", path);
    if (!remove_children(sub, path, device, error))
        return FALSE;
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
        return sk_fail_errno(error, errno, "cannot remove \"%s\"", path);
    return TRUE;
}

/* Removes what is in the directory fd, which is closed; one on another device is a mount and is left alone. */
static gboolean
remove_children(gint fd, const char *path, dev_t device, GError **error)
{
    struct stat is;
    DIR *dir = fdopendir(fd);
    gboolean ok = TRUE;
    struct dirent *entry;

    if (dir == NULL) {
        gint list_errno = errno;
        close(fd);
        return sk_fail_errno(error, list_errno, "cannot list \"%s\"", path);
    }
    if (fstat(fd, &is) < 0)
        ok = sk_fail_errno(error, errno, "cannot look at \"%s\"", path);
    else if (is.st_dev != device)
        ok = sk_fail(error, SK_ERROR_IN_USE, "\"%s\" is a mounted file system; unmount it first", path);
    while (ok && (entry = readdir(dir)) != NULL) {
        if (g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, ".."))
            continue;
        g_autofree char *entry_path = g_build_filename(path, entry->d_name, NULL);
        ok = remove_entry(dirfd(dir), entry->d_name, entry_path, device, error);
    }
    closedir(dir);
    return ok;
}

gboolean
sk_fs_remove_tree(const char *path, GError **error)
{
    struct stat is;
    gint fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? TRUE : sk_fs_remove(path, error);
    if (fstat(fd, &is) < 0) {
        close(fd);
        return sk_fail_errno(error, errno, "cannot look at \"%s\"", path);
    }
    if (!remove_children(fd, path, is.st_dev, error))
        return FALSE;
    if (rmdir(path) < 0)
        return sk_fail_errno(error, errno, "cannot remove \"%s\"", path);
    return TRUE;
}

/*
 * Socket paths are limited to 107 bytes; a longer one is reached through a
 * descriptor of its directory under /proc/self/fd.
 */
static gboolean
unix_address(const char *path, struct sockaddr_un *address, SkFd *dir, GError **error)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) < sizeof address->sun_path) {
        g_strlcpy(address->sun_path, path, sizeof address->sun_path);
        return TRUE;
    }
    g_autofree char *parent = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    *dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", parent);
    gint n = g_snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", *dir, name);
    if (n >= (gint) sizeof address->sun_path)
        return sk_fail(error, SK_ERROR_INVALID, "socket name \"%s\" is too long", name);
    return TRUE;
}

/* Only a socket gives way: anything else at the path is somebody's file. */
static void
remove_old_socket(const char *path)
{
    struct stat is;
    if (lstat(path, &is) == 0 && S_ISSOCK(is.st_mode))
        unlink(path);
}

gint
sk_fs_listen_unix(const char *path, mode_t mode, GError **error)
{
    struct sockaddr_un address;
    g_auto(SkFd) dir = SK_FD_NONE;
    g_auto(SkFd) fd = SK_FD_NONE;

    if (!unix_address(path, &address, &dir, error))
        return -1;
    remove_old_socket(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0 ||
        chmod(path, mode) < 0 || listen(fd, 128) < 0) {
        sk_fail_errno(error, errno, "cannot listen on \"%s\"", path);
        return -1;
    }
    return sk_fd_steal(&fd);
}

static gint
connect_unix(const char *path, gint flags, GError **error)
{
    struct sockaddr_un address;
    g_auto(SkFd) dir = SK_FD_NONE;
    g_auto(SkFd) fd = SK_FD_NONE;

    if (!unix_address(path, &address, &dir, error))
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0) {
        sk_fail_errno(error, errno, "cannot connect to \"%s\"", path);
        return -1;
    }
    return sk_fd_steal(&fd);
}

gint
sk_fs_connect_unix(const char *path, GError **error)
{
    return connect_unix(path, 0, error);
}

gint
sk_fs_connect_unix_now(const char *path, GError **error)
{
    return connect_unix(path, SOCK_NONBLOCK, error);
}
