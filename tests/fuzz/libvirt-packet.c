/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as what a client sends, behind a session's beginning, on a read-only connection: framing, keepalive, streams, and
 * every handler that only looks.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "libvirt-server.h"
#include "base/fs.h"

#define MAX_DATA 65536

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static LvServer server;

static void
stop(void)
{
    lv_server_stop(&server);
}

static void
start(void)
{
    if (server.libvirt != NULL)
        return;
    sk_thread_init();
    lv_server_start(&server);
    atexit(stop);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    start();
    g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_VIEWER);
    lv_open(fd);
    lv_send(fd, data, MIN(size, MAX_DATA));
    shutdown(fd, SHUT_WR);
    lv_has_ended(fd);
    sk_fd_clear(&fd);
    lv_settle();
    if (server.libvirt->connections.length != 0)
        g_error("the connection outlives its client");
    return 0;
}
