/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the body of any operation: the first byte says which. What is decoded can be written again. */
#include <string.h>

#include "codec/json/json.h"
#include "model/operation.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    if (size == 0)
        return 0;
    const SkOperation *op = &sk_operations[data[0] % SK_N_OPERATIONS];
    for (guint i = 0; op->body_kind != SK_BODY_OBJECT && i < SK_N_OPERATIONS; i++)
        op = &sk_operations[(data[0] + i) % SK_N_OPERATIONS];
    gpointer value = sk_json_decode_text(op->body, (const char *) data + 1, size - 1, "body", NULL);
    if (value == NULL)
        return 0;
    g_autofree char *text = sk_json_encode(op->body, value, SK_JSON_SECRETS);
    g_autoptr(json_t) again = sk_json_parse(text, strlen(text), "own output", NULL);
    if (again == NULL)
        g_error("what was decoded cannot be written: %s", text);
    sk_value_free(op->body, value);
    return 0;
}
