/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories of the host shared with the guest. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

/* QEMU reads the directory, through a descriptor, under its own uid; owners and modes the guest sets are kept beside the files. */
static gboolean
build_9p(SkBuilder *self, const SkFilesystem *fs, GError **error)
{
    g_autofree char *driver = sk_builder_virtio(self, "virtio-9p"), *backend = g_strconcat("fsdev-", fs->alias, NULL);
    const SkDeviceEnd *end = sk_launch_find_device(self->launch, fs->alias);
    g_autofree char *path = end != NULL && end->fd >= 0 ? sk_builder_fd_path(self, end->fd) : sk_qemu_quote(fs->source);
    sk_builder_arg(self, "-fsdev", g_strdup_printf("local,id=%s,path=%s,security_model=mapped-xattr%s", backend, path,
                                                   fs->read_only ? ",readonly=on" : ""));
    return sk_builder_pci(self, json_pack("{s:s,s:s,s:s,s:s}", "driver", driver, "id", fs->alias, "fsdev", backend, "mount_tag", fs->tag),
                          fs->address, error);
}

/* virtiofsd is what keeps a read-only share read-only. */
static gboolean
build_virtiofs(SkBuilder *self, const SkFilesystem *fs, GError **error)
{
    const SkDeviceEnd *end = sk_launch_find_device(self->launch, fs->alias);
    const char *socket = end != NULL ? end->path : NULL;
    /* A detach has no need of it. */
    if (socket == NULL && self->steps == NULL)
        return sk_fail(error, SK_ERROR_INTERNAL, "no virtiofsd was started for file system \"%s\"", fs->tag);
    g_autofree char *driver = sk_builder_virtio(self, "vhost-user-fs"), *chardev = g_strconcat("char", fs->alias, NULL);
    g_autofree char *path = sk_qemu_quote(socket != NULL ? socket : "");
    if (self->steps != NULL)
        sk_builder_chardev(self, fs->alias, "socket", json_pack("{s:{s:s,s:{s:s}},s:b}", "addr", "type", "unix", "data", "path", socket != NULL ? socket : "",
                                                                "server", 0));
    else
        sk_builder_arg(self, "-chardev", g_strdup_printf("socket,id=%s,path=%s", chardev, path));
    json_t *device = json_pack("{s:s,s:s,s:s,s:s}", "driver", driver, "id", fs->alias, "chardev", chardev, "tag", fs->tag);
    if (fs->queue > 0)
        json_object_set_new(device, "queue-size", json_integer(fs->queue));
    return sk_builder_pci(self, device, fs->address, error);
}

gboolean
sk_build_filesystems(SkBuilder *self, GError **error)
{
    const GPtrArray *list = self->spec->filesystems;
    for (guint i = 0; list != NULL && i < list->len; i++) {
        const SkFilesystem *fs = list->pdata[i];
        if (!(fs->kind == SK_FS_9P ? build_9p(self, fs, error) : build_virtiofs(self, fs, error)))
            return FALSE;
    }
    return TRUE;
}
