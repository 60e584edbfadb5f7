/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of the host given to the guest. */
#include <string.h>

#include "base/error.h"
#include "engine/cmdline/builder.h"

/* QEMU 7.2 opens /dev/vfio itself: its uid needs the right to the device's group there. */
static gboolean
build_pci(SkBuilder *self, const SkHostdev *hostdev, GError **error)
{
    if (self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "host device \"%s\": machine \"microvm\" has no PCI bus", hostdev->host);
    gboolean mdev = hostdev->kind == SK_HOSTDEV_MDEV;
    g_autofree char *path = g_strconcat("/sys/bus/mdev/devices/", hostdev->host, NULL);
    json_t *device = json_pack("{s:s,s:s,s:s}", "driver", hostdev->ramfb == SK_SWITCH_ON ? "vfio-pci-nohotplug" : "vfio-pci", "id", hostdev->alias,
                               mdev ? "sysfsdev" : "host", mdev ? path : hostdev->host);
    if (hostdev->rom != SK_SWITCH_DEFAULT)
        json_object_set_new(device, "rombar", json_integer(hostdev->rom == SK_SWITCH_ON));
    if (hostdev->rom_file != NULL)
        json_object_set_new(device, "romfile", json_string(hostdev->rom_file));
    if (hostdev->display != SK_SWITCH_DEFAULT)
        json_object_set_new(device, "display", json_string(sk_enum_name(&sk_switch_enum, hostdev->display)));
    if (hostdev->ramfb == SK_SWITCH_ON)
        json_object_set_new(device, "ramfb", json_true());
    sk_builder_boot(self, device, hostdev->boot_order, "network");
    return sk_builder_pci(self, device, hostdev->address, error);
}

static gboolean
build_usb(SkBuilder *self, const SkHostdev *hostdev, GError **error)
{
    const SkDeviceEnd *end = sk_launch_find_device(self->launch, hostdev->alias);
    json_t *device = json_pack("{s:s,s:s}", "driver", "usb-host", "id", hostdev->alias);
    const char *separator = strpbrk(hostdev->host, ":.");
    if (end != NULL && end->fd >= 0) {
        guint64 set = sk_builder_free_set(self);
        g_autofree char *path = g_strdup_printf("/dev/fdset/%" G_GUINT64_FORMAT, set);
        sk_builder_fdset(self, set, end->fd, hostdev->host);
        json_object_set_new(device, "hostdevice", json_string(path));
    } else if (separator != NULL) {
        gboolean ids = *separator == ':';
        gint base = ids ? 16 : 10;
        json_object_set_new(device, ids ? "vendorid" : "hostbus", json_integer((json_int_t) g_ascii_strtoull(hostdev->host, NULL, base)));
        json_object_set_new(device, ids ? "productid" : "hostaddr", json_integer((json_int_t) g_ascii_strtoull(separator + 1, NULL, base)));
    }
    if (hostdev->boot_order > 0)
        sk_builder_boot(self, device, hostdev->boot_order, "disk");
    return sk_builder_usb(self, device, hostdev->address, error);
}

gboolean
sk_build_hostdevs(SkBuilder *self, GError **error)
{
    const GPtrArray *hostdevs = self->spec->hostdevs;
    for (guint i = 0; hostdevs != NULL && i < hostdevs->len; i++) {
        const SkHostdev *hostdev = hostdevs->pdata[i];
        if (!(hostdev->kind != SK_HOSTDEV_USB ? build_pci(self, hostdev, error) : build_usb(self, hostdev, error)))
            return FALSE;
    }
    return TRUE;
}
