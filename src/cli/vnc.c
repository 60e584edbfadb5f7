/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep vnc: a local port for a viewer, passed on to the domain's screen. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "cli/console.h"
#include "codec/json/json.h"

typedef struct {
    SkStream *viewer;
    gboolean broken;        /* the viewer is gone */
} Session;

/* -- the listener ------------------------------------------------------------------------------------------------ */

static gboolean
parse_listen(const char *text, struct sockaddr_in *out, GError **error)
{
    guint64 port = 0;
    const char *colon = text != NULL ? strrchr(text, ':') : NULL;
    g_autofree char *host = text == NULL ? g_strdup("127.0.0.1") : colon != NULL ? g_strndup(text, (gsize) (colon - text)) : g_strdup("");
    memset(out, 0, sizeof *out);
    out->sin_family = AF_INET;
    if (inet_pton(AF_INET, host, &out->sin_addr) != 1 || (colon != NULL && !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL)))
        return sk_fail(error, SK_ERROR_INVALID, "option \"--listen\" is \"%.64s\", give ADDRESS:PORT such as 127.0.0.1:5901", text);
    out->sin_port = htons((guint16) port);
    return TRUE;
}

static gint
listen_at(const char *text, GError **error)
{
    struct sockaddr_in address;
    gint on = 1;
    if (!parse_listen(text, &address, error))
        return -1;
    g_auto(SkFd) fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0 || listen(fd, 4) < 0) {
        sk_fail_errno(error, errno, "cannot listen at \"%s\"", text != NULL ? text : "127.0.0.1");
        return -1;
    }
    return sk_fd_steal(&fd);
}

static void
print_address(SkCli *self, gint fd)
{
    struct sockaddr_in address = { 0 };
    socklen_t length = sizeof address;
    char host[INET_ADDRSTRLEN] = "";
    (void) getsockname(fd, (struct sockaddr *) &address, &length);
    (void) inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
    printf("vnc://%s:%u\n", host, ntohs(address.sin_port));
    fflush(stdout);
}

/* -- one viewer ------------------------------------------------------------------------------------------------------ */

static void
on_message(gboolean text, const void *data, gsize length, gpointer user_data)
{
    Session *self = user_data;
    if (!text && !self->broken)
        self->broken = !sk_stream_write(self->viewer, data, length, NULL);
}

/* What the viewer sent, on to the domain. FALSE: it has left. */
static gboolean
pass_input(Session *self, SkWebSocket *socket, GError **error)
{
    guint8 bytes[16384];
    gssize n = sk_stream_try_read(self->viewer, bytes, sizeof bytes, NULL);
    if (n == -2)
        return TRUE;
    return n > 0 && sk_websocket_send(socket, FALSE, bytes, (gsize) n, error);
}

static gboolean
serve(SkCli *self, const char *domain, gint viewer_fd, GError **error)
{
    g_autoptr(SkStream) viewer = sk_stream_new_fd(viewer_fd);
    Session session = { .viewer = viewer };
    g_autoptr(SkWebSocket) socket = sk_console_open(self, domain, json_pack("{s:s}", "kind", "vnc"), on_message, &session, error);
    if (socket == NULL)
        return FALSE;
    struct pollfd fds[2] = { { .fd = sk_websocket_fd(socket), .events = POLLIN }, { .fd = viewer_fd, .events = POLLIN } };
    GError *failure = NULL;
    while (!session.broken && sk_websocket_receive(socket, &failure)) {
        (void) poll(fds, G_N_ELEMENTS(fds), -1);
        if (fds[1].revents != 0 && !pass_input(&session, socket, &failure))
            break;
    }
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    sk_websocket_close(socket);
    return TRUE;
}

/* -- the command ------------------------------------------------------------------------------------------------------- */

static gboolean
show_place(SkCli *self, const char *domain, GError **error)
{
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_DOMAIN_SHOW, domain, NULL, error);
    gsize i;
    json_t *graphics;
    if (view == NULL)
        return FALSE;
    json_array_foreach(json_object_get(sk_view_running(view), "graphics"), i, graphics) {
        const char *socket = sk_json_text_at(graphics, "socket"), *host = sk_json_text_at(graphics, "host");
        if (host != NULL)
            printf("vnc://%s:%" G_GINT64_FORMAT "\n", host, sk_json_int_at(graphics, "port"));
        else if (socket != NULL)
            printf("%s\n", socket);
        if (host != NULL || socket != NULL)
            return TRUE;
    }
    return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no VNC that can be reached now", domain);
}

gboolean
sk_run_vnc(SkCli *self, const SkArgs *args, GError **error)
{
    const char *domain = sk_args_operand(args, "DOMAIN");
    if (sk_args_has(args, "show"))
        return show_place(self, domain, error);
    g_auto(SkFd) fd = listen_at(sk_args_get(args, "listen"), error);
    if (fd < 0)
        return FALSE;
    print_address(self, fd);
    for (;;) {
        gint viewer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (viewer < 0 && errno == EINTR)
            continue;
        if (viewer < 0)
            return sk_fail_errno(error, errno, "cannot take the viewer's connection");
        if (!serve(self, domain, viewer, error))
            return FALSE;
        if (sk_args_has(args, "once"))
            return TRUE;
    }
}
