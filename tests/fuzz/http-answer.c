/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as what a daemon answers to the command: heads, lengths, chunks, WebSocket frames. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/http.h"
#include "cli/websocket.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

/* A connection on which these bytes have come and then the end. */
static SkStream *
stream_of(const guint8 *data, gsize size)
{
    gint fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        g_error("no socket pair");
    (void) sk_fd_write_all(fds[0], data, MIN(size, 32768), NULL);
    (void) close(fds[0]);
    return sk_stream_new_fd(fds[1]);
}

static void
ignore_message(gboolean text, const void *data, gsize length, gpointer user_data)
{
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    SkHttpHead head;
    if (sk_http_parse_head((const char *) data, size, &head, NULL))
        sk_http_head_clear(&head);

    g_autoptr(SkHttp) http = sk_http_new_stream(stream_of(data, size));
    SkHttpRequest request = { .method = "GET", .path = "/" };
    for (guint i = 0; i < 4; i++) {
        g_autoptr(SkHttpAnswer) answer = sk_http_ask(http, &request, NULL);
        if (answer == NULL)
            break;
    }
    g_autoptr(SkWebSocket) socket = sk_websocket_new(stream_of(data, size), ignore_message, NULL);
    for (guint i = 0; i < 64 && sk_websocket_receive(socket, NULL); i++)
        continue;
    return 0;
}
