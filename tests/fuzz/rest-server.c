/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server of the REST fuzz targets, and a client on the same thread. */
#include "rest-server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/thread.h"
#include "harness.h"

#define MAX_DATA 65536
#define QUIET_TURNS 20          /* of the main loop with nothing to do: the server waits for more */

static Server server;

static void
stop(void)
{
    server_stop(&server, NULL);
}

void
fuzz_server_start(void)
{
    if (server.rest != NULL)
        return;
    sk_thread_init();
    server_prepare(&server, NULL);
    server.settings.heartbeat = 3600;
    server_start(&server);
    atexit(stop);
}

/* TRUE while the server has not closed. */
static gboolean
read_answer(gint fd)
{
    char buffer[16384];
    gssize got;
    do {
        got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    } while (got > 0);
    return got < 0 && errno == EAGAIN;
}

void
fuzz_server_send(const char *intro, const guint8 *data, gsize size)
{
    g_auto(SkFd) fd = client_connect(&server);
    const gint room = 4 * MAX_DATA;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    client_send(fd, intro, strlen(intro));
    client_send(fd, data, MIN(size, MAX_DATA));
    shutdown(fd, SHUT_WR);
    for (guint quiet = 0; quiet < QUIET_TURNS && read_answer(fd);)
        quiet = g_main_context_iteration(NULL, FALSE) ? 0 : quiet + 1;
    if (fake.held != NULL)
        fake_release();
    g_byte_array_set_size(fake.uploaded, 0);
}
