/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines and descriptors on their way to QEMU. */
#include "engine/qmp/qmp-output.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>

SkQmpLine *
sk_qmp_line_new(gint id, char *text, gint fd)
{
    SkQmpLine *self = g_new0(SkQmpLine, 1);
    self->id = id;
    self->text = text;
    self->length = strlen(text);
    self->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : SK_FD_NONE;
    return self;
}

void
sk_qmp_line_free(SkQmpLine *self)
{
    if (self == NULL)
        return;
    g_free(self->text);
    sk_fd_clear(&self->fd);
    g_free(self);
}

static gssize
send_some(gint fd, SkQmpLine *line)
{
    union {
        struct cmsghdr header;
        guint8 space[CMSG_SPACE(sizeof(gint))];
    } control = { 0 };
    struct iovec part = { .iov_base = line->text + line->sent, .iov_len = line->length - line->sent };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (line->fd >= 0 && line->sent == 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        control.header = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(gint)), .cmsg_level = SOL_SOCKET,
                                            .cmsg_type = SCM_RIGHTS };
        memcpy(CMSG_DATA(&control.header), &line->fd, sizeof(gint));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
stop_waiting(SkQmpOutput *self)
{
    if (self->writable == NULL)
        return;
    g_source_destroy(self->writable);
    g_clear_pointer(&self->writable, g_source_unref);
}

static gboolean flush_ready(gint fd, GIOCondition condition, gpointer data);

static void
await_writable(SkQmpOutput *self)
{
    if (self->writable != NULL)
        return;
    self->writable = g_unix_fd_source_new(self->fd, G_IO_OUT);
    g_source_set_callback(self->writable, G_SOURCE_FUNC(flush_ready), self, NULL);
    g_source_attach(self->writable, NULL);
}

/* Sends what the socket takes. A peer that is gone is left to the reading side, which may have its last words. */
static void
flush(SkQmpOutput *self)
{
    SkQmpLine *line;
    while ((line = g_queue_peek_head(&self->lines)) != NULL) {
        gssize n = send_some(self->fd, line);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            await_writable(self);
            return;
        }
        if (n >= 0)
            line->sent += (gsize) n;
        if (n < 0 || line->sent == line->length)
            sk_qmp_line_free(g_queue_pop_head(&self->lines));
    }
    stop_waiting(self);
}

static gboolean
flush_ready(gint fd, GIOCondition condition, gpointer data)
{
    flush(data);
    return G_SOURCE_CONTINUE;
}

void
sk_qmp_output_push(SkQmpOutput *self, SkQmpLine *line)
{
    g_queue_push_tail(&self->lines, line);
    flush(self);
}

gboolean
sk_qmp_output_withdraw(GQueue *lines, gint id)
{
    for (GList *at = lines->head; at != NULL; at = at->next) {
        SkQmpLine *line = at->data;
        if (line->id == id && line->sent == 0) {
            g_queue_delete_link(lines, at);
            sk_qmp_line_free(line);
            return TRUE;
        }
    }
    return FALSE;
}

void
sk_qmp_output_clear(SkQmpOutput *self)
{
    stop_waiting(self);
    g_queue_clear_full(&self->lines, (GDestroyNotify) sk_qmp_line_free);
}
