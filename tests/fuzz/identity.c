/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as an order to a clone: each line is a step or is told to be none. Nothing of it is done. */
#include <glib.h>

#include "identity/order.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *) data, size);
    char *rest = text;
    const char *why = NULL;
    SkIdentityStep step;
    int kind;
    while ((kind = sk_identity_next(&rest, &step, &why)) != 0) {
        guint8 bytes[64];
        guint32 address, mask;
        g_assert_true(kind == 1 || why != NULL);
        for (guint i = 0; kind == 1 && i < step.n_words; i++) {
            g_assert_cmpint(sk_identity_parse_hex(step.words[i], bytes, sizeof bytes), <=, (long) sizeof bytes);
            sk_identity_parse_mac(step.words[i], bytes);
            sk_identity_parse_address(step.words[i], &address, &mask);
        }
    }
    return 0;
}
