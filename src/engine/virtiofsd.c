/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting virtiofsd: QEMU's own of 7.2, or the one in Rust that came after it. */
#include "engine/virtiofsd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "base/thread.h"
#include "base/undo.h"

#define LISTEN_FD 3

typedef struct {
    const char *path;
    gboolean rust;          /* has other options, --readonly among them */
} Place;

static const Place places[] = { { "/usr/libexec/virtiofsd", TRUE }, { "/usr/lib/virtiofsd", TRUE }, { "/usr/lib/qemu/virtiofsd", FALSE } };

static gboolean
find(const SkFilesystem *fs, Place *out, GError **error)
{
    /* Only the one that came with QEMU is the old one. */
    *out = (Place){ fs->virtiofsd, fs->virtiofsd != NULL && strstr(fs->virtiofsd, "/qemu/") == NULL };
    if (fs->virtiofsd != NULL)
        return access(fs->virtiofsd, X_OK) == 0 || sk_fail_errno(error, errno, "cannot run \"%s\" for file system \"%s\"", fs->virtiofsd, fs->tag);
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        if (access(places[i].path, X_OK) != 0)
            continue;
        *out = places[i];
        return TRUE;
    }
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "file system \"%s\" needs virtiofsd, which this host has not: install it (Debian 12: qemu-system-common, later: virtiofsd) or choose 9p", fs->tag);
}

static gboolean
check(const SkFilesystem *fs, const Place *place, GError **error)
{
    if (!g_file_test(fs->source, G_FILE_TEST_IS_DIR))
        return sk_fail(error, SK_ERROR_INVALID, "source \"%s\" of file system \"%s\" is not a directory", fs->source, fs->tag);
    if (geteuid() != 0 && !place->rust)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "file system \"%s\": \"%s\" runs as root only; choose 9p", fs->tag, place->path);
    return !fs->read_only || place->rust ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "file system \"%s\": \"%s\" cannot keep a share read-only; choose 9p", fs->tag, place->path);
}

/* In a chroot the root is no mount, and virtiofsd's own mount namespace cannot be made: pivot_root(2) refuses. */
static gboolean
has_mounted_root(void)
{
    struct statx root;
    return statx(AT_FDCWD, "/", 0, STATX_TYPE, &root) == 0 && (root.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

gboolean
sk_virtiofsd_start(const SkFilesystem *fs, gint listen_fd, const char *log_path, pid_t *out_pid, GError **error)
{
    sk_assert_worker();
    Place found;
    const Place *place = &found;
    if (!find(fs, &found, error) || !check(fs, place, error) || sk_fault("virtiofsd/start", error))
        return FALSE;
    const char *sandbox = has_mounted_root() ? "namespace" : "chroot";
    g_autofree char *old_sandbox = g_strconcat("sandbox=", sandbox, NULL);
    g_autofree char *source = g_strconcat("source=", fs->source, NULL);
    static const char *const old_caches[SK_N_FS_CACHES] = { "auto", "none", "always" }, *const rust_caches[SK_N_FS_CACHES] = { "auto", "never", "always" };
    g_autofree char *old_cache = g_strconcat("cache=", old_caches[fs->cache], NULL);
    const char *const old[] = { place->path, "--fd=3", "-f", "-o", old_sandbox, "-o", old_cache, "-o", source, NULL };
    const char *const rust[] = { place->path, "--fd=3", "--sandbox", sandbox, "--shared-dir", fs->source, "--cache", rust_caches[fs->cache],
                                 fs->read_only ? "--readonly" : NULL, NULL };
    const SkFdMap fds[] = { { listen_fd, LISTEN_FD } };
    g_auto(SkFd) log = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    g_auto(SkFd) pidfd = SK_FD_NONE;
    if (log < 0)
        return sk_fail_errno(error, errno, "cannot open the log \"%s\"", log_path);
    const SkSpawn spawn = { .argv = place->rust ? rust : old, .fds = fds, .n_fds = 1, .out = log, .err = log, .new_session = TRUE };
    if (!sk_spawn(&spawn, out_pid, &pidfd, error))
        return FALSE;
    sk_spawn_forget(*out_pid, &pidfd);
    return TRUE;
}

void
sk_virtiofsd_stop(gpointer pid)
{
    kill(GPOINTER_TO_INT(pid), SIGTERM);
}
