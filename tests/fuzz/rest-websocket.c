/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the frames a client sends to a console. */
#include "rest-server.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    fuzz_server_start();
    fuzz_server_send("GET /v1/console?ticket=good HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                     data, size);
    return 0;
}
