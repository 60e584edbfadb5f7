/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the XML of one device: parse, show, parse again. */
#include <string.h>

#include "codec/xml/xml.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    const SkXmlOptions options = { .flags = SK_XML_SECURE };
    g_autoptr(GError) error = NULL;
    g_auto(SkXmlDevice) device = { 0 }, again = { 0 };
    if (!sk_xml_device_parse((const char *) data, (gssize) size, NULL, &device, NULL))
        return 0;
    g_autofree char *text = sk_xml_device_format(device.field->type, device.value, NULL, &options);
    if (!sk_xml_device_parse(text, -1, NULL, &again, &error) || again.field != device.field ||
        !sk_value_equal(device.field->type, device.value, again.value))
        g_error("not the same again: %s: %s", error != NULL ? error->message : "", text);
    return 0;
}
