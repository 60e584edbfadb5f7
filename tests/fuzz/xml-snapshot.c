/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the XML of a snapshot: parse, show, parse again; and as a request for one. */
#include "codec/xml/snapshot.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    const SkXmlOptions options = { .flags = SK_XML_SECURE };
    g_autoptr(GError) error = NULL;
    sk_value_free(&sk_snapshot_create_type, sk_xml_snapshot_parse_request((const char *) data, (gssize) size, NULL, NULL));
    SkSnapshot *snapshot = sk_xml_snapshot_parse((const char *) data, (gssize) size, NULL);
    if (snapshot == NULL)
        return 0;
    g_autofree char *text = sk_xml_snapshot_format(snapshot, &options);
    SkSnapshot *again = sk_xml_snapshot_parse(text, -1, &error);
    g_autofree char *text_again = again != NULL ? sk_xml_snapshot_format(again, &options) : NULL;
    if (g_strcmp0(text, text_again) != 0)
        g_error("not the same again: %s: %s", error != NULL ? error->message : "", text);
    sk_value_free(&sk_snapshot_type, snapshot);
    sk_value_free(&sk_snapshot_type, again);
    return 0;
}
