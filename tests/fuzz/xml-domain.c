/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a domain's XML: parse, show, parse again; what is accepted must come back. */
#include <string.h>

#include "codec/json/json.h"
#include "codec/xml/xml.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    const SkXmlOptions options = { .flags = SK_XML_SECURE };
    g_autoptr(GError) error = NULL;
    SkDomainSpec *spec = sk_xml_domain_parse((const char *) data, (gssize) size, NULL);
    if (spec == NULL)
        return 0;
    g_autofree char *text = sk_xml_domain_format(spec, &options);
    SkDomainSpec *again = sk_xml_domain_parse(text, -1, &error);
    g_autofree char *json = sk_json_encode(&sk_domain_spec_type, spec, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    g_autofree char *json_again = again != NULL ? sk_json_encode(&sk_domain_spec_type, again, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS) : NULL;
    if (again == NULL || !sk_value_equal(&sk_domain_spec_type, spec, again))
        g_error("not the same again: %s\n%s\n%s\n%s", error != NULL ? error->message : "", text, json, json_again);
    sk_value_free(&sk_domain_spec_type, again);
    sk_value_free(&sk_domain_spec_type, spec);
    return 0;
}
