/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree of the host's devices: each class of /sys has a reader, parents are found by path. */
#include "host/node-devices.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "host/root.h"

#define MAX_DEVICES 16384

typedef struct {
    const char *root;
    GPtrArray *devices;
    GHashTable *by_path;    /* place below /sys → SkNodeDevice, both borrowed */
    char *pci_ids;          /* the file of PCI names; NULL: none */
} Reader;

/* -- attributes ----------------------------------------------------------------------------------------------------- */

static char *
attribute(const Reader *self, const char *path, const char *name)
{
    g_autofree char *full = g_strconcat(path, "/", name, NULL);
    char *text = sk_host_read(self->root, full);
    return text != NULL ? g_strstrip(text) : NULL;
}

static guint64
number(const Reader *self, const char *path, const char *name, guint base)
{
    g_autofree char *text = attribute(self, path, name);
    return text != NULL ? g_ascii_strtoull(text, NULL, base) : 0;
}

static gint
signed_number(const Reader *self, const char *path, const char *name, gint fallback)
{
    g_autofree char *text = attribute(self, path, name);
    return text != NULL ? (gint) g_ascii_strtoll(text, NULL, 10) : fallback;
}

static char *
link_name(const Reader *self, const char *path, const char *name)
{
    g_autofree char *full = g_strconcat(self->root != NULL ? self->root : "", path, "/", name, NULL);
    g_autofree char *target = g_file_read_link(full, NULL);
    return target != NULL ? g_path_get_basename(target) : NULL;
}

/* Where a link of /sys leads, without the root; NULL: nowhere. */
static char *
real_path(const Reader *self, const char *path)
{
    g_autofree char *full = sk_host_path(self->root, path);
    g_autofree char *base = self->root != NULL && *self->root != '\0' ? realpath(self->root, NULL) : NULL;
    g_autofree char *real = realpath(full, NULL);
    gsize cut = base != NULL ? strlen(base) : 0;
    return real != NULL && strlen(real) > cut ? g_strdup(real + cut) : NULL;
}

/* What is no letter or digit is "_" in a name. */
static char *
fit_name(char *name)
{
    for (char *c = name; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c))
            *c = '_';
    }
    return name;
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *) a, *(const char *const *) b);
}

/* A new device at a place; name is taken. */
static SkNodeDevice *
add(Reader *self, SkNodeDeviceKind kind, char *name, const char *path)
{
    SkNodeDevice *device = sk_value_new(&sk_node_device_type);
    device->name = fit_name(name);
    device->kind = (gint) kind;
    device->path = real_path(self, path);
    if (device->path == NULL)
        device->path = g_strdup(path);
    device->iommu_group = device->numa_node = -1;
    g_ptr_array_add(self->devices, device);
    g_hash_table_insert(self->by_path, device->path, device);
    return device;
}

static void
foreach_entry(Reader *self, const char *dir, void (*func)(Reader *self, const char *path, const char *entry))
{
    g_autofree char *full = sk_host_path(self->root, dir);
    g_autoptr(GDir) open = g_dir_open(full, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *entry;
    while (open != NULL && (entry = g_dir_read_name(open)) != NULL)
        g_ptr_array_add(names, g_strdup(entry));
    g_ptr_array_sort(names, by_text);
    for (guint i = 0; i < names->len && self->devices->len < MAX_DEVICES; i++) {
        g_autofree char *path = g_build_filename(dir, names->pdata[i], NULL);
        func(self, path, names->pdata[i]);
    }
}

/* -- the machine -------------------------------------------------------------------------------------------------------- */

static void
add_computer(Reader *self)
{
    SkNodeDevice *device = add(self, SK_NODEDEV_SYSTEM, g_strdup("computer"), "/");
    const struct {
        const char *file;
        char **place;
    } rows[] = {
        { "product_name", &device->product_name }, { "sys_vendor", &device->hardware_vendor }, { "product_version", &device->hardware_version },
        { "product_serial", &device->hardware_serial }, { "product_uuid", &device->hardware_uuid }, { "bios_vendor", &device->firmware_vendor },
        { "bios_version", &device->firmware_version }, { "bios_date", &device->firmware_date },
    };
    g_hash_table_remove(self->by_path, device->path);
    g_clear_pointer(&device->path, g_free);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        *rows[i].place = attribute(self, "/sys/class/dmi/id", rows[i].file);
}

/* -- PCI ------------------------------------------------------------------------------------------------------------------ */

/* "\n8086  Intel Corporation", and below it "\n\t1237  440FX". */
static char *
name_in(const char *text, const char *before, guint id, const char *end)
{
    g_autofree char *key = g_strdup_printf("\n%s%04x  ", before, id);
    const char *at = text != NULL ? strstr(text, key) : NULL;
    if (at == NULL || (end != NULL && at >= end))
        return NULL;
    at += strlen(key);
    return g_strndup(at, strcspn(at, "\n"));
}

/* Where the entries of a vendor end: at the next line that is neither a comment nor indented. */
static const char *
vendor_end(const char *at)
{
    while ((at = strchr(at + 1, '\n')) != NULL && (at[1] == '\t' || at[1] == '#'))
        continue;
    return at;
}

static void
add_pci_names(const Reader *self, SkNodeDevice *device)
{
    g_autofree char *key = g_strdup_printf("\n%04x  ", device->vendor);
    const char *vendor = self->pci_ids != NULL ? strstr(self->pci_ids, key) : NULL;
    if (vendor == NULL)
        return;
    device->vendor_name = name_in(self->pci_ids, "", device->vendor, NULL);
    device->product_name = name_in(vendor, "\t", device->product, vendor_end(vendor));
}

static char **
group_members(const Reader *self, const char *path)
{
    g_autofree char *dir = g_strconcat(self->root != NULL ? self->root : "", path, "/iommu_group/devices", NULL);
    g_autoptr(GDir) open = g_dir_open(dir, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *entry;
    while (open != NULL && (entry = g_dir_read_name(open)) != NULL)
        g_ptr_array_add(names, g_strdup(entry));
    g_ptr_array_sort(names, by_text);
    g_ptr_array_add(names, NULL);
    return (char **) g_ptr_array_steal(names, NULL);
}

static void
read_pci(Reader *self, const char *path, const char *entry)
{
    guint domain, bus, slot, function;
    if (sscanf(entry, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
        return;
    SkNodeDevice *device = add(self, SK_NODEDEV_PCI, g_strdup_printf("pci_%s", entry), path);
    device->domain = domain;
    device->bus = bus;
    device->slot = slot;
    device->function = function;
    device->vendor = (guint) number(self, path, "vendor", 16);
    device->product = (guint) number(self, path, "device", 16);
    device->pci_class = (guint) number(self, path, "class", 16);
    device->driver = link_name(self, path, "driver");
    device->numa_node = signed_number(self, path, "numa_node", -1);
    g_autofree char *group = link_name(self, path, "iommu_group");
    if (group != NULL) {
        device->iommu_group = (gint) g_ascii_strtoll(group, NULL, 10);
        device->group = group_members(self, path);
    }
    add_pci_names(self, device);
}

/* -- USB ---------------------------------------------------------------------------------------------------------------------- */

static void
read_usb(Reader *self, const char *path, const char *entry)
{
    gboolean interface = strchr(entry, ':') != NULL;
    SkNodeDevice *device = add(self, interface ? SK_NODEDEV_USB : SK_NODEDEV_USB_DEVICE, g_strdup_printf("usb_%s", entry), path);
    device->driver = link_name(self, path, "driver");
    if (interface) {
        device->usb_number = (guint) number(self, path, "bInterfaceNumber", 16);
        device->usb_class = (guint) number(self, path, "bInterfaceClass", 16);
        device->usb_subclass = (guint) number(self, path, "bInterfaceSubClass", 16);
        device->usb_protocol = (guint) number(self, path, "bInterfaceProtocol", 16);
        return;
    }
    device->bus = (guint) number(self, path, "busnum", 10);
    device->device = (guint) number(self, path, "devnum", 10);
    device->vendor = (guint) number(self, path, "idVendor", 16);
    device->product = (guint) number(self, path, "idProduct", 16);
    device->vendor_name = attribute(self, path, "manufacturer");
    device->product_name = attribute(self, path, "product");
    device->node = g_strdup_printf("/dev/bus/usb/%03u/%03u", device->bus, device->device);
}

/* -- links ---------------------------------------------------------------------------------------------------------------------- */

static void
read_net(Reader *self, const char *path, const char *entry)
{
    g_autofree char *mac = attribute(self, path, "address"), *state = attribute(self, path, "operstate");
    g_autofree char *wireless = g_strconcat(path, "/wireless", NULL);
    if (mac == NULL)
        return;
    SkNodeDevice *device = add(self, SK_NODEDEV_NET, g_strdup_printf("net_%s_%s", entry, mac), path);
    device->interface = g_strdup(entry);
    device->mac = g_steal_pointer(&mac);
    device->link_up = g_strcmp0(state, "up") == 0;
    device->wireless = sk_host_exists(self->root, wireless);
    device->speed = (guint) MAX(signed_number(self, path, "speed", 0), 0);
}

/* -- SCSI and disks ---------------------------------------------------------------------------------------------------------------- */

static void
read_scsi_host(Reader *self, const char *path, const char *entry)
{
    SkNodeDevice *device = add(self, SK_NODEDEV_SCSI_HOST, g_strdup_printf("scsi_%s", entry), path);
    device->host = (guint) g_ascii_strtoull(entry + strcspn(entry, "0123456789"), NULL, 10);
    /* The class's own place is below the host that the rest hangs on. */
    g_autofree char *behind = g_strconcat(path, "/device", NULL), *real = real_path(self, behind);
    if (real == NULL)
        return;
    g_hash_table_remove(self->by_path, device->path);
    g_free(device->path);
    device->path = g_steal_pointer(&real);
    g_hash_table_insert(self->by_path, device->path, device);
}

static void
read_scsi(Reader *self, const char *path, const char *entry)
{
    static const char *const types[] = { [0] = "disk", [1] = "tape", [3] = "processor", [5] = "cdrom", [7] = "optical", [12] = "raid", [13] = "enclosure" };
    guint host, channel, target, lun;
    if (g_str_has_prefix(entry, "target")) {
        add(self, SK_NODEDEV_SCSI_TARGET, g_strdup_printf("scsi_%s", entry), path);
        return;
    }
    if (sscanf(entry, "%u:%u:%u:%u", &host, &channel, &target, &lun) != 4)
        return;
    guint type = (guint) number(self, path, "type", 10);
    SkNodeDevice *device = add(self, SK_NODEDEV_SCSI, g_strdup_printf("scsi_%s", entry), path);
    device->host = host;
    device->channel = channel;
    device->target = target;
    device->lun = lun;
    device->driver = link_name(self, path, "driver");
    device->type = g_strdup(type < G_N_ELEMENTS(types) && types[type] != NULL ? types[type] : "unknown");
}

/* Disks made of others, or of memory, are no devices. */
static void
read_block(Reader *self, const char *path, const char *entry)
{
    static const char *const made[] = { "loop", "ram", "zram", "dm-", "md", "nbd", "fd" };
    g_autofree char *partition = g_strconcat(path, "/partition", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(made); i++) {
        if (g_str_has_prefix(entry, made[i]))
            return;
    }
    if (sk_host_exists(self->root, partition))
        return;
    g_autofree char *serial = attribute(self, path, "device/serial");
    if (serial == NULL)
        serial = attribute(self, path, "serial");
    SkNodeDevice *device = add(self, SK_NODEDEV_STORAGE, serial != NULL && *serial != '\0' ? g_strdup_printf("block_%s_%s", entry, serial)
                                                                                           : g_strdup_printf("block_%s", entry), path);
    device->node = g_strdup_printf("/dev/%s", entry);
    device->serial = g_steal_pointer(&serial);
    device->model = attribute(self, path, "device/model");
    device->vendor_name = attribute(self, path, "device/vendor");
    device->type = g_strdup(g_str_has_prefix(entry, "sr") ? "cdrom" : "disk");
    device->storage_bus = g_strdup(g_str_has_prefix(entry, "vd") ? "virtio" : g_str_has_prefix(entry, "nvme") ? "nvme" : "scsi");
    device->block_size = number(self, path, "queue/logical_block_size", 10);
    device->size = number(self, path, "size", 10) * 512;
    device->removable = number(self, path, "removable", 10) != 0;
    device->media = device->size > 0;
}

/* -- graphics, mediated devices ------------------------------------------------------------------------------------------------------- */

static void
read_drm(Reader *self, const char *path, const char *entry)
{
    gboolean render = g_str_has_prefix(entry, "renderD");
    if ((!render && !g_str_has_prefix(entry, "card")) || strchr(entry, '-') != NULL)
        return;
    SkNodeDevice *device = add(self, SK_NODEDEV_DRM, g_strdup_printf("drm_%s", entry), path);
    device->type = g_strdup(render ? "render" : "primary");
    device->node = g_strdup_printf("/dev/dri/%s", entry);
}

static void
read_mdev(Reader *self, const char *path, const char *entry)
{
    g_autofree char *real = real_path(self, path), *above = real != NULL ? g_path_get_dirname(real) : NULL;
    g_autofree char *parent = above != NULL ? g_path_get_basename(above) : g_strdup("");
    SkNodeDevice *device = add(self, SK_NODEDEV_MDEV, g_strdup_printf("mdev_%s_%s", entry, parent), path);
    device->uuid = g_strdup(entry);
    device->mdev_type = link_name(self, path, "mdev_type");
    g_autofree char *group = link_name(self, path, "iommu_group");
    device->iommu_group = group != NULL ? (gint) g_ascii_strtoll(group, NULL, 10) : -1;
}

/* -- the tree ---------------------------------------------------------------------------------------------------------------------------- */

/* The nearest of its ancestors that is a device too. */
static void
find_parent(const Reader *self, SkNodeDevice *device)
{
    g_autofree char *path = g_path_get_dirname(device->path);
    while (strlen(path) > 1) {
        const SkNodeDevice *parent = g_hash_table_lookup(self->by_path, path);
        if (parent != NULL && parent != device) {
            device->parent = g_strdup(parent->name);
            return;
        }
        char *above = g_path_get_dirname(path);
        g_free(path);
        path = above;
    }
    device->parent = g_strdup("computer");
}

static const struct {
    const char *dir;
    void (*read)(Reader *self, const char *path, const char *entry);
} sources[] = {
    { "/sys/bus/pci/devices", read_pci }, { "/sys/bus/usb/devices", read_usb }, { "/sys/class/scsi_host", read_scsi_host },
    { "/sys/bus/scsi/devices", read_scsi }, { "/sys/class/block", read_block }, { "/sys/class/net", read_net },
    { "/sys/class/drm", read_drm }, { "/sys/bus/mdev/devices", read_mdev },
};

GPtrArray *
sk_node_devices(const char *root)
{
    Reader self = { .root = root, .devices = g_ptr_array_new(), .by_path = g_hash_table_new(g_str_hash, g_str_equal) };
    self.pci_ids = sk_host_read(root, "/usr/share/misc/pci.ids");
    add_computer(&self);
    for (guint i = 0; i < G_N_ELEMENTS(sources); i++)
        foreach_entry(&self, sources[i].dir, sources[i].read);
    for (guint i = 0; i < self.devices->len; i++) {
        SkNodeDevice *device = self.devices->pdata[i];
        if (device->path != NULL)
            find_parent(&self, device);
    }
    g_hash_table_unref(self.by_path);
    g_free(self.pci_ids);
    return self.devices;
}

void
sk_node_devices_free(GPtrArray *devices)
{
    for (guint i = 0; devices != NULL && i < devices->len; i++)
        sk_value_free(&sk_node_device_type, devices->pdata[i]);
    g_clear_pointer(&devices, g_ptr_array_unref);
}

gboolean
sk_node_device_reset(const char *root, const char *address, GError **error)
{
    g_autofree char *path = g_strconcat(root != NULL ? root : "", "/sys/bus/pci/devices/", address, "/reset", NULL);
    g_auto(SkFd) fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "device \"%s\" cannot be reset by itself", address);
    if (fd < 0 || write(fd, "1", 1) < 0)
        return sk_fail_errno(error, errno, "cannot reset device \"%s\"", address);
    return TRUE;
}
