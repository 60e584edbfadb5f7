/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets between guest and host. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

gboolean
sk_build_vsock(SkBuilder *self, GError **error)
{
    const SkVsock *vsock = self->spec->vsock;
    if (vsock == NULL)
        return TRUE;
    const SkDeviceEnd *end = sk_launch_find_device(self->launch, vsock->alias);
    if (vsock->cid < 3)
        return sk_fail(error, SK_ERROR_INVALID, "vsock of domain \"%s\" has the context id %u, a guest's is 3 or more", self->spec->name, vsock->cid);
    g_autofree char *driver = sk_builder_virtio(self, "vhost-vsock");
    json_t *device = json_pack("{s:s,s:s,s:I}", "driver", driver, "id", vsock->alias, "guest-cid", (json_int_t) vsock->cid);
    if (end != NULL && end->fd >= 0) {
        g_autofree char *fd = sk_builder_fd(self, end->fd, vsock->alias);
        json_object_set_new(device, "vhostfd", json_string(fd));
    }
    return sk_builder_pci(self, device, vsock->address, error);
}
