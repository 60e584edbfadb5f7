/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a domain's JSON: decode, complete, encode, decode again. */
#include <string.h>

#include "codec/json/json.h"
#include "model/domain.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    SkDomainSpec *spec = sk_json_decode_text(&sk_domain_spec_type, (const char *) data, size, "input", NULL);
    if (spec == NULL)
        return 0;
    sk_domain_spec_complete(spec);
    g_autofree char *text = sk_json_encode(&sk_domain_spec_type, spec, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    g_autoptr(GError) error = NULL;
    SkDomainSpec *again = sk_json_decode_text(&sk_domain_spec_type, text, strlen(text), "own output", &error);
    if (again == NULL || !sk_value_equal(&sk_domain_spec_type, spec, again))
        g_error("not the same again: %s: %s", error ? error->message : "", text);
    sk_value_free(&sk_domain_spec_type, again);
    sk_value_free(&sk_domain_spec_type, spec);
    return 0;
}
