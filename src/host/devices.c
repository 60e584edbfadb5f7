/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI and USB devices from /sys. */
#include "host/devices.h"

#include <string.h>

#include "base/error.h"
#include "host/root.h"

#define PCI_DIR "/sys/bus/pci/devices"
#define USB_DIR "/sys/bus/usb/devices"

void
sk_host_device_free(SkHostDevice *self)
{
    if (self == NULL)
        return;
    g_free(self->address);
    g_free(self->driver);
    g_free(self->name);
    g_free(self->node);
    g_free(self);
}

static void
free_device(gpointer device)
{
    sk_host_device_free(device);
}

/* -- attributes -------------------------------------------------------------------------------------------- */

/* dir/entry/attribute of /sys as text, or NULL. */
static char *
attribute(const char *root, const char *dir, const char *entry, const char *name)
{
    g_autofree char *path = g_strconcat(dir, "/", entry, "/", name, NULL);
    return sk_host_read(root, path);
}

static guint
number(const char *root, const char *dir, const char *entry, const char *name, guint base)
{
    g_autofree char *text = attribute(root, dir, entry, name);
    return text != NULL ? (guint) g_ascii_strtoull(text, NULL, base) : 0;
}

/* Last part of what a link of the device points at, or NULL. */
static char *
link_name(const char *root, const char *dir, const char *entry, const char *name)
{
    g_autofree char *path = g_strconcat(root != NULL ? root : "", dir, "/", entry, "/", name, NULL);
    g_autofree char *target = g_file_read_link(path, NULL);
    return target != NULL ? g_path_get_basename(target) : NULL;
}

/* -- a device -------------------------------------------------------------------------------------------------- */

static SkHostDevice *
read_pci(const char *root, const char *entry)
{
    SkHostDevice *self = g_new0(SkHostDevice, 1);
    g_autofree char *group = link_name(root, PCI_DIR, entry, "iommu_group");
    self->kind = SK_HOSTDEV_PCI;
    self->address = g_strdup(entry);
    self->vendor = number(root, PCI_DIR, entry, "vendor", 16);
    self->product = number(root, PCI_DIR, entry, "device", 16);
    self->pci_class = number(root, PCI_DIR, entry, "class", 16);
    self->driver = link_name(root, PCI_DIR, entry, "driver");
    self->iommu_group = group != NULL ? (gint) g_ascii_strtoll(group, NULL, 10) : -1;
    return self;
}

/* Interfaces ("1-4:1.0") have no device number and are left out. */
static SkHostDevice *
read_usb(const char *root, const char *entry)
{
    guint bus = number(root, USB_DIR, entry, "busnum", 10);
    guint device = number(root, USB_DIR, entry, "devnum", 10);
    if (bus == 0 || device == 0)
        return NULL;
    SkHostDevice *self = g_new0(SkHostDevice, 1);
    self->kind = SK_HOSTDEV_USB;
    self->address = g_strdup_printf("%u.%u", bus, device);
    self->vendor = number(root, USB_DIR, entry, "idVendor", 16);
    self->product = number(root, USB_DIR, entry, "idProduct", 16);
    self->name = attribute(root, USB_DIR, entry, "product");
    self->driver = link_name(root, USB_DIR, entry, "driver");
    self->node = g_strdup_printf("/dev/bus/usb/%03u/%03u", bus, device);
    self->iommu_group = -1;
    return self;
}

/* -- lists ------------------------------------------------------------------------------------------------------- */

static gint
by_address(gconstpointer a, gconstpointer b)
{
    const SkHostDevice *first = *(const SkHostDevice *const *) a, *second = *(const SkHostDevice *const *) b;
    return g_strcmp0(first->address, second->address);
}

GPtrArray *
sk_host_devices(const char *root, SkHostdevKind kind)
{
    GPtrArray *devices = g_ptr_array_new_with_free_func(free_device);
    g_autofree char *path = sk_host_path(root, kind == SK_HOSTDEV_PCI ? PCI_DIR : USB_DIR);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *entry;
    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        SkHostDevice *device = kind == SK_HOSTDEV_PCI ? read_pci(root, entry) : read_usb(root, entry);
        if (device != NULL)
            g_ptr_array_add(devices, device);
    }
    g_ptr_array_sort(devices, by_address);
    return devices;
}

static gboolean
fits(const SkHostDevice *device, const char *text)
{
    g_autofree char *ids = g_strdup_printf("%04x:%04x", device->vendor, device->product);
    return g_str_equal(device->address, text) || (device->kind == SK_HOSTDEV_USB && g_ascii_strcasecmp(ids, text) == 0);
}

SkHostDevice *
sk_host_device_find(const char *root, SkHostdevKind kind, const char *text, GError **error)
{
    g_autoptr(GPtrArray) devices = sk_host_devices(root, kind);
    g_autoptr(SkHostDevice) found = NULL;
    const char *what = sk_enum_name(&sk_hostdev_kind_enum, (gint) kind);
    for (guint i = devices->len; i > 0; i--) {
        if (!fits(devices->pdata[i - 1], text))
            continue;
        if (found != NULL) {
            sk_fail(error, SK_ERROR_INVALID, "the host has several %s devices \"%s\", at %s and %s; give one of these", what, text,
                    ((SkHostDevice *) devices->pdata[i - 1])->address, found->address);
            return NULL;
        }
        found = g_ptr_array_steal_index(devices, i - 1);
    }
    if (found == NULL)
        sk_fail(error, SK_ERROR_NO_DEVICE, "the host has no %s device \"%.64s\"", what, text);
    return g_steal_pointer(&found);
}
