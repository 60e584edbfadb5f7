/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as what a client of the HTTP server sends. */
#include "rest-server.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    fuzz_server_start();
    fuzz_server_send("", data, size);
    return 0;
}
