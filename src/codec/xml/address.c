/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guest addresses of devices. The model has them as text ("pci:0000:01:00.0"), the engine knows what they mean. */
#include <stdio.h>
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- the shapes --------------------------------------------------------------------------------------------------- */

/* Attributes in the order of the text; what is left out is 0. */
typedef struct {
    const char *type;
    const char *attributes[4];
    guint max[4];
    const char *text;       /* how the numbers stand in the model's text */
    gboolean hex;           /* the XML has 0x... */
} Shape;

static const Shape shapes[] = {
    { "pci", { "domain", "bus", "slot", "function" }, { 0xffff, 0xff, 0x1f, 7 }, "pci:%04x:%02x:%02x.%x", TRUE },
    { "drive", { "controller", "bus", "target", "unit" }, { 255, 255, 255, 16383 }, "drive:%u:%u:%u:%u", FALSE },
    { "virtio-serial", { "controller", "bus", "port" }, { 255, 0, 511 }, "virtio-serial:%u:%u:%u", FALSE },
};
static const char *const pci_widths[] = { "0x%04x", "0x%02x", "0x%02x", "0x%x" };

static const Shape *
find_shape(const char *type, gsize length)
{
    for (guint i = 0; i < G_N_ELEMENTS(shapes); i++) {
        if (strlen(shapes[i].type) == length && strncmp(shapes[i].type, type, length) == 0)
            return &shapes[i];
    }
    return NULL;
}

/* -- reading ---------------------------------------------------------------------------------------------------------- */

static gboolean
read_numbers(SkXmlNode *node, const Shape *shape, char **out, GError **error)
{
    guint parts[4] = { 0 };
    for (guint i = 0; i < 4 && shape->attributes[i] != NULL; i++) {
        g_autofree char *path = g_strconcat("@", shape->attributes[i], NULL);
        if (!sk_xml_get_uint(node, path, shape->max[i], &parts[i], error))
            return FALSE;
    }
    /* All zero is libvirt's way to say that an address of this kind is wanted. */
    gboolean open = shape->hex && parts[0] == 0 && parts[1] == 0 && parts[2] == 0 && parts[3] == 0;
    g_free(*out);
    *out = open ? NULL : g_strdup_printf(shape->text, parts[0], parts[1], parts[2], parts[3]);
    /* Whether other functions share the slot follows from the addresses of all. */
    sk_xml_ignore(node, "@multifunction");
    return TRUE;
}

/* USB ports behind hubs have points: "1.2". */
static gboolean
read_usb(SkXmlNode *node, char **out, GError **error)
{
    guint bus = 0;
    const char *port = sk_xml_get(node, "@port");
    if (!sk_xml_get_uint(node, "@bus", 255, &bus, error))
        return FALSE;
    if (port == NULL)
        return TRUE;
    if (!g_regex_match_simple("^[0-9]{1,2}(\\.[0-9]{1,2}){0,3}\\z", port, 0, 0))
        return sk_xml_fail(node, error, SK_ERROR_XML, "port \"%.32s\" is not one such as 1 or 1.2", port);
    g_free(*out);
    *out = g_strdup_printf("usb:%u:%s", bus, port);
    return TRUE;
}

/* A DIMM's slot, and its place in memory if one is asked for. */
static gboolean
read_dimm(SkXmlNode *node, char **out, GError **error)
{
    guint slot = 0;
    guint64 base = 0;
    if (!sk_xml_get_uint(node, "@slot", 255, &slot, error) || !sk_xml_get_uint64(node, "@base", G_MAXINT64, &base, error))
        return FALSE;
    g_free(*out);
    *out = base > 0 ? g_strdup_printf("dimm:%u:0x%" G_GINT64_MODIFIER "x", slot, base) : g_strdup_printf("dimm:%u", slot);
    return TRUE;
}

gboolean
sk_xml_read_address(SkXmlNode *node, char **out, GError **error)
{
    SkXmlNode *address = sk_xml_child(node, "address");
    if (address == NULL)
        return TRUE;
    const char *type = sk_xml_get(address, "@type");
    if (type == NULL)
        return sk_xml_fail(address, error, SK_ERROR_XML, "the attribute \"type\" is missing");
    const Shape *shape = find_shape(type, strlen(type));
    if (shape != NULL)
        return read_numbers(address, shape, out, error);
    if (g_str_equal(type, "usb"))
        return read_usb(address, out, error);
    if (g_str_equal(type, "dimm"))
        return read_dimm(address, out, error);
    if (g_str_equal(type, "isa") || g_str_equal(type, "ccid")) {
        /* Ports of ISA devices follow from their numbers; each smartcard has a reader of its own. */
        sk_xml_ignore(address, ".");
        return TRUE;
    }
    return sk_xml_fail(address, error, SK_ERROR_UNSUPPORTED, "address type \"%.32s\" is not supported: give pci, drive, usb, virtio-serial or dimm", type);
}

/* -- writing ----------------------------------------------------------------------------------------------------------- */

static void
write_numbers(SkXmlNode *node, const Shape *shape, const char *numbers)
{
    for (guint i = 0; i < 4 && shape->attributes[i] != NULL; i++) {
        g_autofree char *path = g_strconcat("@", shape->attributes[i], NULL);
        guint number = (guint) g_ascii_strtoull(numbers, NULL, shape->hex ? 16 : 10);
        sk_xml_setf(node, path, shape->hex ? pci_widths[i] : "%u", number);
        const char *next = strpbrk(numbers, ":.");
        numbers = next != NULL ? next + 1 : "";
    }
}

/* Function 0 of a slot that others share says so. */
static void
write_multifunction(SkXmlNode *node, const char *address, const SkXmlWriter *writer)
{
    gsize length = strlen(address);
    if (writer->slots == NULL || length < 2 || !g_str_has_suffix(address, ".0"))
        return;
    g_autofree char *slot = g_strndup(address, length - 2);
    if (GPOINTER_TO_UINT(g_hash_table_lookup(writer->slots, slot)) > 1)
        sk_xml_set(node, "@multifunction", "on");
}

void
sk_xml_write_address(SkXmlNode *device, const char *address, const SkXmlWriter *writer)
{
    const char *colon = address != NULL ? strchr(address, ':') : NULL;
    if (colon == NULL)
        return;
    g_auto(GStrv) parts = g_strsplit(colon + 1, ":", 3);
    const Shape *shape = find_shape(address, (gsize) (colon - address));
    SkXmlNode *node = sk_xml_add(device, "address");
    g_autofree char *type = g_strndup(address, (gsize) (colon - address));
    sk_xml_set(node, "@type", type);
    if (shape != NULL) {
        write_numbers(node, shape, colon + 1);
        if (shape->hex)
            write_multifunction(node, address, writer);
    } else if (g_str_equal(type, "usb") && parts[0] != NULL) {
        sk_xml_set(node, "@bus", parts[0]);
        sk_xml_set(node, "@port", parts[1]);
    } else if (g_str_equal(type, "dimm") && parts[0] != NULL) {
        sk_xml_set(node, "@slot", parts[0]);
        sk_xml_set(node, "@base", parts[1]);
    }
}
