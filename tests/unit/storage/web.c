/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See web.h. */
#include "web.h"

#include <stdlib.h>
#include <string.h>

static void
read_request(GInputStream *in, GString *request)
{
    char byte;
    while (g_input_stream_read(in, &byte, 1, NULL, NULL) == 1) {
        g_string_append_c(request, byte);
        if (g_str_has_suffix(request->str, "\r\n\r\n"))
            return;
    }
}

/* Where the body is to begin: "Range: bytes=N-", unless If-Range names another version. */
static gsize
wanted_offset(Web *self, const char *request)
{
    const char *range = strstr(request, "\r\nRange: bytes=");
    const char *version = strstr(request, "\r\nIf-Range: ");
    if (range == NULL || self->no_ranges)
        return 0;
    if (version != NULL && (self->tag == NULL || !g_str_has_prefix(version + 12, self->tag)))
        return 0;
    return (gsize) g_ascii_strtoull(range + 15, NULL, 10);
}

static void
answer(Web *self, const char *request, GOutputStream *out)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(self->file, &size);
    gsize offset = MIN(wanted_offset(self, request), size);
    gsize length = size - offset;
    guint status = self->status != 0 ? self->status : offset > 0 ? 206 : 200;
    g_autoptr(GString) head = g_string_new(NULL);

    if (self->redirect_to_file) {
        g_string_assign(head, "HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
        g_output_stream_write_all(out, head->str, head->len, NULL, NULL, NULL);
        return;
    }
    g_string_append_printf(head, "HTTP/1.1 %u x\r\nContent-Length: %" G_GSIZE_FORMAT "\r\nConnection: close\r\n", status, length);
    if (offset > 0)
        g_string_append_printf(head, "Content-Range: bytes %" G_GSIZE_FORMAT "-%" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT "\r\n",
                               offset, size - 1, size);
    if (self->tag != NULL)
        g_string_append_printf(head, "ETag: %s\r\n", self->tag);
    g_string_append(head, "\r\n");
    self->sent = self->stop_after != 0 ? MIN(self->stop_after, length) : length;
    g_output_stream_write_all(out, head->str, head->len, NULL, NULL, NULL);
    g_output_stream_write_all(out, data + offset, self->sent, NULL, NULL, NULL);
}

static gpointer
serve(gpointer data)
{
    Web *self = data;
    for (;;) {
        g_autoptr(GSocketConnection) client = g_socket_listener_accept(self->listener, NULL, self->ended, NULL);
        if (client == NULL)
            return NULL;
        g_autoptr(GString) request = g_string_new(NULL);
        read_request(g_io_stream_get_input_stream(G_IO_STREAM(client)), request);
        self->requests++;
        answer(self, request->str, g_io_stream_get_output_stream(G_IO_STREAM(client)));
        g_io_stream_close(G_IO_STREAM(client), NULL, NULL);
    }
}

void
web_start(Web *self, GBytes *file)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string("127.0.0.1", 0);
    g_autoptr(GSocketAddress) bound = NULL;
    *self = (Web){ .file = file, .listener = g_socket_listener_new(), .ended = g_cancellable_new() };
    g_socket_listener_add_address(self->listener, address, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL, &bound, &error);
    g_assert_no_error(error);
    self->port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
    self->thread = g_thread_new("web", serve, self);
}

void
web_stop(Web *self)
{
    g_cancellable_cancel(self->ended);
    g_thread_join(self->thread);
    g_socket_listener_close(self->listener);
    g_object_unref(self->listener);
    g_object_unref(self->ended);
    g_bytes_unref(self->file);
}

const char *
web_url(Web *self, const char *name)
{
    char *url = g_strdup_printf("http://127.0.0.1:%u/%s", self->port, name);
    g_test_queue_free(url);
    return url;
}
