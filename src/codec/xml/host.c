/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <hostdev> and <filesystem>: what of the host is given to a guest. */
#include <stdio.h>
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- host devices ------------------------------------------------------------------------------------------------- */

static gboolean
read_pci(SkXmlNode *source, SkHostdev *hostdev, GError **error)
{
    guint domain = 0, bus = 0, slot = 0, function = 0;
    if (!sk_xml_get_uint(source, "address/@domain", 0xffff, &domain, error) || !sk_xml_get_uint(source, "address/@bus", 0xff, &bus, error) ||
        !sk_xml_get_uint(source, "address/@slot", 0x1f, &slot, error) || !sk_xml_get_uint(source, "address/@function", 7, &function, error))
        return FALSE;
    sk_xml_is(source, "address/@type", "pci");
    hostdev->host = g_strdup_printf("%04x:%02x:%02x.%x", domain, bus, slot, function);
    return TRUE;
}

/* By its ids, or by its place. */
static gboolean
read_usb(SkXmlNode *source, SkHostdev *hostdev, GError **error)
{
    guint vendor = 0, product = 0, bus = 0, device = 0;
    if (!sk_xml_get_uint(source, "vendor/@id", 0xffff, &vendor, error) || !sk_xml_get_uint(source, "product/@id", 0xffff, &product, error) ||
        !sk_xml_get_uint(source, "address/@bus", 999, &bus, error) || !sk_xml_get_uint(source, "address/@device", 999, &device, error))
        return FALSE;
    if (vendor > 0)
        hostdev->host = g_strdup_printf("%04x:%04x", vendor, product);
    else
        hostdev->host = g_strdup_printf("%u.%u", bus, device);
    return TRUE;
}

static gboolean
read_hostdev(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkHostdev *hostdev = value;
    SkXmlNode *source = sk_xml_child(node, "source");
    if (!sk_xml_is(node, "@mode", "subsystem"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only the mode \"subsystem\" is supported");
    if (source == NULL)
        return sk_xml_fail(node, error, SK_ERROR_XML, "the element <source> is missing: it says which device of the host");
    if (!sk_xml_has(node, "@managed"))
        hostdev->managed = FALSE;
    sk_xml_is(node, "driver/@name", "vfio");
    if (hostdev->kind == SK_HOSTDEV_MDEV) {
        sk_xml_is(node, "@model", "vfio-pci");
        sk_xml_get_string(source, "address/@uuid", &hostdev->host);
        return TRUE;
    }
    return hostdev->kind == SK_HOSTDEV_PCI ? read_pci(source, hostdev, error) : read_usb(source, hostdev, error);
}

static void
write_hostdev(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkHostdev *hostdev = value;
    guint a = 0, b = 0, c = 0, d = 0;
    const char *host = hostdev->host != NULL ? hostdev->host : "";
    sk_xml_set(node, "@mode", "subsystem");
    if (hostdev->kind == SK_HOSTDEV_PCI && sscanf(host, "%4x:%2x:%2x.%1x", &a, &b, &c, &d) == 4) {
        sk_xml_set(node, "driver/@name", "vfio");
        sk_xml_setf(node, "source/address/@domain", "0x%04x", a);
        sk_xml_setf(node, "source/address/@bus", "0x%02x", b);
        sk_xml_setf(node, "source/address/@slot", "0x%02x", c);
        sk_xml_setf(node, "source/address/@function", "0x%x", d);
    } else if (hostdev->kind == SK_HOSTDEV_MDEV) {
        sk_xml_set(node, "@model", "vfio-pci");
        sk_xml_set(node, "source/address/@uuid", host);
    } else if (hostdev->kind == SK_HOSTDEV_USB && sscanf(host, "%4x:%4x", &a, &b) == 2) {
        sk_xml_setf(node, "source/vendor/@id", "0x%04x", a);
        sk_xml_setf(node, "source/product/@id", "0x%04x", b);
    } else if (hostdev->kind == SK_HOSTDEV_USB && sscanf(host, "%3u.%3u", &a, &b) == 2) {
        sk_xml_setf(node, "source/address/@bus", "%u", a);
        sk_xml_setf(node, "source/address/@device", "%u", b);
    }
    sk_xml_write_fields(node, &sk_hostdev_type, value);
}

/* -- shared directories ---------------------------------------------------------------------------------------------- */

static gboolean
read_filesystem(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkFilesystem *fs = value;
    const char *type = sk_xml_get(node, "@type");
    if (type != NULL && !g_str_equal(type, "mount"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only file systems of type \"mount\" are supported");
    /* A directory shared over 9p keeps the guest's owners and modes beside the files. */
    sk_xml_is(node, "@accessmode", fs->kind == SK_FS_9P ? "mapped" : "passthrough");
    return TRUE;
}

static void
write_filesystem(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkFilesystem *fs = value;
    sk_xml_set(node, "@type", "mount");
    sk_xml_set(node, "@accessmode", fs->kind == SK_FS_9P ? "mapped" : "passthrough");
    sk_xml_write_fields(node, &sk_filesystem_type, value);
}

const SkXmlFamily sk_xml_host_families[] = {
    { "hostdev", "hostdevs", &sk_hostdev_type, read_hostdev, write_hostdev, NULL },
    { "filesystem", "filesystems", &sk_filesystem_type, read_filesystem, write_filesystem, NULL },
    { NULL },
};
