/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Binding PCI devices to vfio-pci and back. */
#include "host/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"
#include "host/devices.h"
#include "host/root.h"

#define DRIVER     "vfio-pci"
#define PCI_DIR    "/sys/bus/pci/devices/"
#define BRIDGE     0x0604   /* class of a PCI bridge: it may stay with the host */

static gboolean
write_attribute(const char *root, const char *path, const char *text, GError **error)
{
    g_autofree char *full = sk_host_path(root, path);
    g_auto(SkFd) fd = open(full, O_WRONLY | O_CLOEXEC | O_TRUNC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return sk_fail_errno(error, errno, "cannot write \"%s\" to \"%s\"", g_strcmp0(text, "\n") == 0 ? "" : text, full);
    return TRUE;
}

static gboolean
write_device(const char *root, const char *address, const char *attribute, const char *text, GError **error)
{
    g_autofree char *path = g_strconcat(PCI_DIR, address, "/", attribute, NULL);
    return write_attribute(root, path, text, error);
}

/* Guests get whole IOMMU groups: no neighbour may be another driver's. */
static gboolean
check_group(const char *root, const SkHostDevice *device, GError **error)
{
    if (device->iommu_group < 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "PCI device \"%s\" has no IOMMU group: turn on VT-d or AMD-Vi in the firmware, and on Intel add intel_iommu=on to the kernel's command line",
                       device->address);
    g_autoptr(GPtrArray) all = sk_host_devices(root, SK_HOSTDEV_PCI);
    for (guint i = 0; i < all->len; i++) {
        const SkHostDevice *other = all->pdata[i];
        if (other->iommu_group == device->iommu_group && !g_str_equal(other->address, device->address) && other->driver != NULL &&
            !g_str_equal(other->driver, DRIVER) && other->pci_class >> 8 != BRIDGE)
            return sk_fail(error, SK_ERROR_IN_USE, "PCI device \"%s\" shares IOMMU group %d with \"%s\", which the host uses with driver \"%s\": give the guest both, or move the card",
                           device->address, device->iommu_group, other->address, other->driver);
    }
    return TRUE;
}

static gboolean
check_driver(const char *root, GError **error)
{
    return sk_host_exists(root, "/sys/bus/pci/drivers/" DRIVER) ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "the kernel module \"vfio-pci\" is not loaded: modprobe vfio-pci");
}

static gboolean
bind(const char *root, const SkHostDevice *device, GError **error)
{
    if (!write_device(root, device->address, "driver_override", DRIVER, error))
        return FALSE;
    if (device->driver != NULL && !write_device(root, device->address, "driver/unbind", device->address, error))
        return FALSE;
    if (sk_fault("vfio/bind", error) || !write_attribute(root, "/sys/bus/pci/drivers_probe", device->address, error))
        return FALSE;
    g_autoptr(SkHostDevice) now = sk_host_device_find(root, SK_HOSTDEV_PCI, device->address, error);
    return now != NULL && (g_strcmp0(now->driver, DRIVER) == 0 ||
                           sk_fail(error, SK_ERROR_HOST, "PCI device \"%s\" does not go to driver \"vfio-pci\"; it is with \"%s\"", device->address,
                                   now->driver != NULL ? now->driver : "none"));
}

gboolean
sk_host_vfio_bind(const char *root, const char *address, gboolean *out_bound, GError **error)
{
    g_autoptr(SkHostDevice) device = sk_host_device_find(root, SK_HOSTDEV_PCI, address, error);
    if (device == NULL || !check_group(root, device, error))
        return FALSE;
    *out_bound = g_strcmp0(device->driver, DRIVER) != 0;
    if (!*out_bound)
        return TRUE;
    if (!check_driver(root, error))
        return FALSE;
    if (bind(root, device, error))
        return TRUE;
    sk_host_vfio_release(root, address, NULL);
    return FALSE;
}

gboolean
sk_host_vfio_release(const char *root, const char *address, GError **error)
{
    g_autoptr(SkHostDevice) device = sk_host_device_find(root, SK_HOSTDEV_PCI, address, error);
    if (device == NULL)
        return FALSE;
    /* An empty line takes the override away. */
    return write_device(root, address, "driver_override", "\n", error) &&
           (g_strcmp0(device->driver, DRIVER) != 0 || write_device(root, address, "driver/unbind", address, error)) &&
           write_attribute(root, "/sys/bus/pci/drivers_probe", address, error);
}

gboolean
sk_host_vfio_grant(const char *root, const char *address, uid_t uid, GError **error)
{
    g_autoptr(SkHostDevice) device = sk_host_device_find(root, SK_HOSTDEV_PCI, address, error);
    if (device == NULL || !check_group(root, device, error))
        return FALSE;
    if (g_strcmp0(device->driver, DRIVER) != 0)
        return sk_fail(error, SK_ERROR_STATE, "PCI device \"%s\" is with driver \"%s\": bind it to vfio-pci, or let it be managed", address,
                       device->driver != NULL ? device->driver : "none");
    g_autofree char *node = g_strdup_printf("/dev/vfio/%d", device->iommu_group);
    g_autofree char *full = sk_host_path(root, node);
    if (access(full, F_OK) != 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "PCI device \"%s\" has no \"%s\": modprobe vfio-pci", address, full);
    return uid == 0 || chown(full, uid, (gid_t) -1) == 0 || sk_fail_errno(error, errno, "cannot give \"%s\" to uid %u", full, (guint) uid);
}
