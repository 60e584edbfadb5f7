/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools that are a file system of their own: a device's (fs), or another host's (netfs). */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/undo.h"
#include "storage/backend.h"

/* What is in it are disks: nothing of it may act on this host. */
#define OPTIONS "nodev,nosuid,noexec"

/* Another file system begins there. */
static gboolean
is_mounted(const char *path)
{
    g_autofree char *above = g_path_get_dirname(path);
    struct stat here, there;
    return stat(path, &here) == 0 && stat(above, &there) == 0 && here.st_dev != there.st_dev;
}

static gboolean
mount_it(const SkPoolSpec *spec, GError **error)
{
    const SkPoolSource *source = spec->source;
    gboolean net = spec->kind == SK_POOL_NETFS;
    gboolean bare = net && strchr(source->host, ':') != NULL;
    g_autofree char *what = !net ? g_strdup(source->devices[0])
                            : bare ? g_strdup_printf("[%s]:%s", source->host, source->dir) : g_strdup_printf("%s:%s", source->host, source->dir);
    const char *type = source->format != NULL ? source->format : net ? "nfs" : "auto";
    const char *const argv[] = { "mount", "-t", type, "-o", OPTIONS, what, spec->path, NULL };
    if (sk_fault("pool/mount", error))
        return FALSE;
    if (sk_run(argv, NULL, NULL, error))
        return TRUE;
    g_prefix_error(error, "storage pool \"%s\" cannot be mounted: ", spec->name);
    return FALSE;
}

gboolean
sk_pool_mount(const SkPoolSpec *spec, GError **error)
{
    gboolean was_mounted = is_mounted(spec->path);
    if (!was_mounted && !mount_it(spec, error))
        return FALSE;
    if (sk_pool_dir_start(spec, error))
        return TRUE;
    if (!was_mounted)
        sk_pool_unmount(spec, NULL);
    return FALSE;
}

gboolean
sk_pool_unmount(const SkPoolSpec *spec, GError **error)
{
    const char *const argv[] = { "umount", spec->path, NULL };
    if (!is_mounted(spec->path))
        return TRUE;
    if (sk_fault("pool/unmount", error))
        return FALSE;
    if (sk_run(argv, NULL, NULL, error))
        return TRUE;
    g_prefix_error(error, "storage pool \"%s\" cannot be unmounted: ", spec->name);
    return FALSE;
}
