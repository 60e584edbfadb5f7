/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the XML of a secret: parse, show, parse again. */
#include "codec/xml/storage.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    SkSecretSpec *spec = sk_xml_secret_parse((const char *) data, (gssize) size, NULL);
    if (spec == NULL)
        return 0;
    g_autofree char *text = sk_xml_secret_format(spec);
    SkSecretSpec *again = sk_xml_secret_parse(text, -1, NULL);
    if (again == NULL || !sk_value_equal(&sk_secret_spec_type, spec, again))
        g_error("not the same again: %s", text);
    sk_value_free(&sk_secret_spec_type, spec);
    sk_value_free(&sk_secret_spec_type, again);
    return 0;
}
