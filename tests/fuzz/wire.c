/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the greeting of a migration's connection, and as the address of one: only who knows the token gets in. */
#include <string.h>

#include "base/error.h"
#include "engine/wire.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    SkWire wire;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strndup((const char *) data, size);
    if (size >= SK_WIRE_HELLO && sk_wire_parse_hello((const char *) data, TOKEN, &wire) &&
        (wire >= SK_N_WIRES || memmem(data, SK_WIRE_HELLO, TOKEN, strlen(TOKEN)) == NULL))
        g_error("somebody got in who does not know the token");
    if (!sk_wire_check(text, &error) && error == NULL)
        g_error("an address is refused without a word");
    return 0;
}
