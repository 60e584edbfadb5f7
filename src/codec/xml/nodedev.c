/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <device> of the host, <interface> of the host, <sysinfo> of the host. */
#include <string.h>

#include "codec/xml/node.h"
#include "codec/xml/xml.h"

/* -- devices of the host ---------------------------------------------------------------------------------------------- */

static void
write_system(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_set(node, "product", device->product_name);
    SkXmlNode *hardware = sk_xml_add(node, "hardware");
    sk_xml_set(hardware, "vendor", device->hardware_vendor);
    sk_xml_set(hardware, "version", device->hardware_version);
    sk_xml_set(hardware, "serial", device->hardware_serial);
    sk_xml_set(hardware, "uuid", device->hardware_uuid != NULL ? device->hardware_uuid : "00000000-0000-0000-0000-000000000000");
    SkXmlNode *firmware = sk_xml_add(node, "firmware");
    sk_xml_set(firmware, "vendor", device->firmware_vendor);
    sk_xml_set(firmware, "version", device->firmware_version);
    sk_xml_set(firmware, "release_date", device->firmware_date);
}

static void
write_id(SkXmlNode *node, const char *element, guint id, const char *name)
{
    SkXmlNode *child = sk_xml_add(node, element);
    sk_xml_setf(child, "@id", "0x%04x", id);
    sk_xml_set(child, ".", name != NULL ? name : "");
}

static void
write_group(SkXmlNode *node, const SkNodeDevice *device)
{
    if (device->iommu_group < 0)
        return;
    SkXmlNode *group = sk_xml_add(node, "iommuGroup");
    sk_xml_setf(group, "@number", "%d", device->iommu_group);
    for (char **address = device->group; address != NULL && *address != NULL; address++) {
        g_auto(GStrv) parts = g_strsplit_set(*address, ":.", 4);
        if (g_strv_length(parts) != 4)
            continue;
        SkXmlNode *member = sk_xml_add(group, "address");
        sk_xml_setf(member, "@domain", "0x%s", parts[0]);
        sk_xml_setf(member, "@bus", "0x%s", parts[1]);
        sk_xml_setf(member, "@slot", "0x%s", parts[2]);
        sk_xml_setf(member, "@function", "0x%s", parts[3]);
    }
}

static void
write_pci(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_setf(node, "class", "0x%06x", device->pci_class);
    sk_xml_setf(node, "domain", "%u", device->domain);
    sk_xml_setf(node, "bus", "%u", device->bus);
    sk_xml_setf(node, "slot", "%u", device->slot);
    sk_xml_setf(node, "function", "%u", device->function);
    write_id(node, "product", device->product, device->product_name);
    write_id(node, "vendor", device->vendor, device->vendor_name);
    write_group(node, device);
    if (device->numa_node >= 0)
        sk_xml_setf(node, "numa/@node", "%d", device->numa_node);
}

static void
write_usb_device(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_setf(node, "bus", "%u", device->bus);
    sk_xml_setf(node, "device", "%u", device->device);
    write_id(node, "product", device->product, device->product_name);
    write_id(node, "vendor", device->vendor, device->vendor_name);
}

static void
write_usb(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_setf(node, "number", "%u", device->usb_number);
    sk_xml_setf(node, "class", "%u", device->usb_class);
    sk_xml_setf(node, "subclass", "%u", device->usb_subclass);
    sk_xml_setf(node, "protocol", "%u", device->usb_protocol);
}

static void
write_net(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_set(node, "interface", device->interface);
    sk_xml_set(node, "address", device->mac);
    SkXmlNode *link = sk_xml_add(node, "link");
    if (device->link_up && device->speed > 0)
        sk_xml_setf(link, "@speed", "%u", device->speed);
    sk_xml_set(link, "@state", device->link_up ? "up" : "down");
    if (device->mac != NULL && strlen(device->mac) == 17)
        sk_xml_set(sk_xml_add(node, "capability"), "@type", device->wireless ? "80211" : "80203");
}

static void
write_scsi_host(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_setf(node, "host", "%u", device->host);
}

static void
write_scsi_target(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_set(node, "target", g_str_has_prefix(device->name, "scsi_") ? device->name + 5 : device->name);
}

static void
write_scsi(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_setf(node, "host", "%u", device->host);
    sk_xml_setf(node, "bus", "%u", device->channel);
    sk_xml_setf(node, "target", "%u", device->target);
    sk_xml_setf(node, "lun", "%u", device->lun);
    sk_xml_set(node, "type", device->type);
}

static void
write_sizes(SkXmlNode *node, const SkNodeDevice *device)
{
    guint64 block = device->block_size != 0 ? device->block_size : 512;
    sk_xml_setf(node, device->removable ? "media_size" : "size", "%" G_GUINT64_FORMAT, device->size);
    sk_xml_setf(node, "logical_block_size", "%" G_GUINT64_FORMAT, block);
    sk_xml_setf(node, "num_blocks", "%" G_GUINT64_FORMAT, device->size / block);
}

static void
write_storage(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_set(node, "block", device->node);
    sk_xml_set(node, "bus", device->storage_bus);
    sk_xml_set(node, "drive_type", device->type);
    sk_xml_set(node, "model", device->model);
    sk_xml_set(node, "vendor", device->vendor_name);
    sk_xml_set(node, "serial", device->serial);
    if (!device->removable) {
        write_sizes(node, device);
        return;
    }
    SkXmlNode *removable = sk_xml_add(node, "capability");
    sk_xml_set(removable, "@type", "removable");
    sk_xml_set(removable, "media_available", device->media ? "1" : "0");
    write_sizes(removable, device);
}

static void
write_drm(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_set(node, "type", device->type);
}

static void
write_mdev(SkXmlNode *node, const SkNodeDevice *device)
{
    sk_xml_set(node, "type/@id", device->mdev_type != NULL ? device->mdev_type : "unknown");
    sk_xml_set(node, "uuid", device->uuid);
    write_group(node, device);
}

static void (*const writers[SK_N_NODEDEV_KINDS])(SkXmlNode *node, const SkNodeDevice *device) = {
    [SK_NODEDEV_SYSTEM] = write_system, [SK_NODEDEV_PCI] = write_pci, [SK_NODEDEV_USB_DEVICE] = write_usb_device, [SK_NODEDEV_USB] = write_usb,
    [SK_NODEDEV_NET] = write_net, [SK_NODEDEV_SCSI_HOST] = write_scsi_host, [SK_NODEDEV_SCSI_TARGET] = write_scsi_target,
    [SK_NODEDEV_SCSI] = write_scsi, [SK_NODEDEV_STORAGE] = write_storage, [SK_NODEDEV_DRM] = write_drm, [SK_NODEDEV_MDEV] = write_mdev,
};

const char *
sk_xml_node_device_kind(gint kind)
{
    return sk_xml_enum_name(&sk_node_device_enum, kind);
}

char *
sk_xml_node_device_format(const SkNodeDevice *device)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("device");
    sk_xml_set(root, "name", device->name);
    sk_xml_set(root, "path", device->path);
    if (device->node != NULL && *device->node != '\0') {
        SkXmlNode *node = sk_xml_add(root, "devnode");
        sk_xml_set(node, "@type", "dev");
        sk_xml_set(node, ".", device->node);
    }
    sk_xml_set(root, "parent", device->parent);
    sk_xml_set(root, "driver/name", device->driver);
    SkXmlNode *capability = sk_xml_add(root, "capability");
    sk_xml_set_enum(capability, "@type", &sk_node_device_enum, device->kind);
    writers[device->kind](capability, device);
    return sk_xml_text(root);
}

/* -- the host's links ------------------------------------------------------------------------------------------------------ */

static void
write_addresses(SkXmlNode *node, const char *const *addresses, gboolean six)
{
    SkXmlNode *protocol = NULL;
    for (guint i = 0; addresses != NULL && addresses[i] != NULL; i++) {
        const char *slash = strchr(addresses[i], '/');
        if ((strchr(addresses[i], ':') != NULL) != six || slash == NULL)
            continue;
        if (protocol == NULL) {
            protocol = sk_xml_add(node, "protocol");
            sk_xml_set(protocol, "@family", six ? "ipv6" : "ipv4");
        }
        g_autofree char *address = g_strndup(addresses[i], (gsize) (slash - addresses[i]));
        SkXmlNode *ip = sk_xml_add(protocol, "ip");
        sk_xml_set(ip, "@address", address);
        sk_xml_set(ip, "@prefix", slash + 1);
    }
}

char *
sk_xml_host_interface_format(const SkXmlHostInterface *link)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("interface");
    sk_xml_set(root, "@type", link->bridge ? "bridge" : "ethernet");
    sk_xml_set(root, "@name", link->name);
    write_addresses(root, link->addresses, FALSE);
    write_addresses(root, link->addresses, TRUE);
    /* The schema has neither for bridges. */
    if (!link->bridge) {
        sk_xml_set(root, "link/@state", link->up ? "up" : "down");
        if (link->mac != NULL && *link->mac != '\0')
            sk_xml_set(root, "mac/@address", link->mac);
        return sk_xml_text(root);
    }
    SkXmlNode *bridge = sk_xml_add(root, "bridge");
    for (guint i = 0; link->ports != NULL && link->ports[i] != NULL; i++) {
        SkXmlNode *port = sk_xml_add(bridge, "interface");
        sk_xml_set(port, "@type", "ethernet");
        sk_xml_set(port, "@name", link->ports[i]);
    }
    return sk_xml_text(root);
}

/* -- SMBIOS of the host ------------------------------------------------------------------------------------------------------ */

char *
sk_xml_sysinfo_format(const GPtrArray *entries)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("sysinfo");
    SkXmlNode *block = NULL;
    const SkSmbiosEntry *last = NULL;
    sk_xml_set(root, "@type", "smbios");
    for (guint i = 0; i < entries->len; i++) {
        const SkSmbiosEntry *entry = entries->pdata[i];
        if (last == NULL || !g_str_equal(last->block, entry->block) || last->index != entry->index)
            block = sk_xml_add(root, entry->block);
        SkXmlNode *node = sk_xml_add(block, "entry");
        sk_xml_set(node, "@name", entry->name);
        sk_xml_set(node, ".", entry->value);
        last = entry;
    }
    return sk_xml_text(root);
}
