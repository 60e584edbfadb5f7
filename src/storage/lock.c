/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's marks on image files: OFD locks on single bytes. */
#include "storage/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* Bits of QEMU's block permissions; the byte's place is base + bit number. */
enum { PERM_CONSISTENT_READ = 1, PERM_WRITE = 2, PERM_WRITE_UNCHANGED = 4, PERM_RESIZE = 8, PERM_ALL = 15 };
#define PERM_BITS 4
#define USED_BASE 100
#define UNSHARED_BASE 200

typedef struct {
    guint used;         /* what we do */
    guint unshared;     /* what others may not do meanwhile */
    const char *verb;
} Use;

static const Use uses[] = {
    [SK_LOCK_READ] = { PERM_CONSISTENT_READ, PERM_WRITE | PERM_RESIZE, "read" },
    [SK_LOCK_WRITE] = { PERM_CONSISTENT_READ | PERM_WRITE | PERM_RESIZE, PERM_ALL, "written to" },
    [SK_LOCK_REMOVE] = { PERM_WRITE | PERM_RESIZE, PERM_ALL, "removed" },
};

/* TRUE if somebody else has a mark on this byte. */
static gboolean
marked(gint fd, off_t byte)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static gboolean
in_conflict(gint fd, const Use *use)
{
    for (guint bit = 0; bit < PERM_BITS; bit++) {
        if ((use->used & (1U << bit)) != 0 && marked(fd, UNSHARED_BASE + (off_t) bit))
            return TRUE;
        if ((use->unshared & (1U << bit)) != 0 && marked(fd, USED_BASE + (off_t) bit))
            return TRUE;
    }
    return FALSE;
}

/* -- who -------------------------------------------------------------------------------------------------- */

static gboolean
process_has_open(const char *pid, const struct stat *file)
{
    g_autofree char *path = g_build_filename("/proc", pid, "fd", NULL);
    DIR *dir = opendir(path);
    struct dirent *entry;
    struct stat info;
    gboolean found = FALSE;

    while (!found && dir != NULL && (entry = readdir(dir)) != NULL)
        found = fstatat(dirfd(dir), entry->d_name, &info, 0) == 0 && info.st_dev == file->st_dev &&
                info.st_ino == file->st_ino;
    if (dir != NULL)
        closedir(dir);
    return found;
}

static char *
process_name(const char *pid)
{
    g_autofree char *path = g_build_filename("/proc", pid, "comm", NULL);
    g_autofree char *name = sk_fs_read(path, 256, NULL, NULL);
    return g_strdup(name != NULL ? g_strchomp(name) : "?");
}

char *
sk_storage_lock_holders(gint fd)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
    struct stat file;
    const char *pid;

    if (proc == NULL || fstat(fd, &file) < 0)
        return NULL;
    while ((pid = g_dir_read_name(proc)) != NULL) {
        if (!g_ascii_isdigit(*pid) || atoi(pid) == getpid() || !process_has_open(pid, &file))
            continue;
        g_autofree char *name = process_name(pid);
        g_string_append_printf(text, "%s%s, process %s", text->len > 0 ? " and " : "", name, pid);
    }
    return text->len > 0 ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

static gboolean
refuse(gint fd, const char *path, const Use *use, GError **error)
{
    g_autofree char *who = sk_storage_lock_holders(fd);
    return sk_fail(error, SK_ERROR_IN_USE, "\"%s\" is in use (%s) and cannot be %s now", path,
                   who != NULL ? who : "by another job of this daemon or a process that cannot be seen", use->verb);
}

/* -- public ------------------------------------------------------------------------------------------------- */

gboolean
sk_storage_lock_check(const char *path, SkLockUse use, GError **error)
{
    g_auto(SkFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return sk_fail(error, SK_ERROR_NO_VOLUME, "there is no file \"%s\"", path);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", path);
    return !in_conflict(fd, &uses[use]) || refuse(fd, path, &uses[use], error);
}

static gboolean
mark(gint fd, off_t byte)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Shared locks never meet each other: first everybody marks, then each looks for the other's marks. */
gboolean
sk_storage_lock_take(gint fd, const char *path, SkLockUse use, GError **error)
{
    const Use *row = &uses[use];
    gboolean ok = TRUE;
    for (guint bit = 0; ok && bit < PERM_BITS; bit++) {
        if ((row->used & (1U << bit)) != 0)
            ok = mark(fd, USED_BASE + (off_t) bit);
        if (ok && (row->unshared & (1U << bit)) != 0)
            ok = mark(fd, UNSHARED_BASE + (off_t) bit);
    }
    gint errnum = errno;
    if (ok && !in_conflict(fd, row))
        return TRUE;
    struct flock all = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = USED_BASE, .l_len = 2 * USED_BASE };
    fcntl(fd, F_OFD_SETLK, &all);
    if (!ok)
        return sk_fail_errno(error, errnum, "cannot lock \"%s\"", path);
    return refuse(fd, path, row, error);
}
