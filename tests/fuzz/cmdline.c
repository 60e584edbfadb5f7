/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a golden case: decode, complete, assign twice, build. */
#include "codec/json/json.h"

/* The golden runner's own way from a case to text. */
#include "../unit/engine/cmdline/golden-case.c"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_auto(GoldenCase) golden = { 0 };
    g_autoptr(GError) error = NULL;
    if (!golden_case_load(&golden, (const char *) data, size, &error)) {
        g_assert_nonnull(error);
        return 0;
    }
    g_autofree char *before = sk_json_encode(&sk_domain_spec_type, golden.spec, SK_JSON_SECRETS);
    if (!sk_engine_assign(golden.spec, &error))
        g_error("what was assigned is refused: %s", error->message);
    g_autofree char *after = sk_json_encode(&sk_domain_spec_type, golden.spec, SK_JSON_SECRETS);
    g_assert_cmpstr(before, ==, after);
    g_autofree char *text = golden_case_run(&golden, &error);
    g_assert_true((text != NULL) == (error == NULL));
    return 0;
}
