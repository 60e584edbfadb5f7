/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a network's XML, and as each element of a change: what is accepted must come back. */
#include <string.h>

#include "codec/xml/xml.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
try_edits(const char *text, gssize length)
{
    for (gint section = 0; section < SK_XML_N_NETWORK_SECTIONS; section++) {
        SkNetworkEdit *edit = sk_xml_network_edit_parse(text, length, (SkXmlNetworkSection) section, SK_EDIT_ADD, NULL);
        sk_value_free(&sk_network_edit_type, edit);
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    SkNetworkSpec *spec = sk_xml_network_parse((const char *) data, (gssize) size, NULL);
    try_edits((const char *) data, (gssize) size);
    if (spec == NULL)
        return 0;
    g_autofree char *text = sk_xml_network_format(spec, 0);
    SkNetworkSpec *again = sk_xml_network_parse(text, -1, &error);
    g_autofree char *text_again = again != NULL ? sk_xml_network_format(again, 0) : NULL;
    if (g_strcmp0(text, text_again) != 0)
        g_error("not the same again: %s\n%s\n%s", error != NULL ? error->message : "", text, text_again);
    sk_value_free(&sk_network_spec_type, again);
    sk_value_free(&sk_network_spec_type, spec);
    return 0;
}
