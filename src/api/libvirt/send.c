/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is to be sent to a client: packets, one after the other, with their descriptors. */
#include "api/libvirt/send.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fs.h"

/* Bytes left to be sent at which streams may go on. */
#define STREAMS_LOW (128 * 1024)
/* Bytes of unread messages at which a client is given up. */
#define EVENTS_MAX (8 * 1024 * 1024)

typedef struct {
    GByteArray *bytes;
    gsize at;
    GArray *fds;            /* to go after the bytes; NULL: none */
    guint fds_sent;
} Packet;

static void
free_packet(gpointer data)
{
    Packet *packet = data;
    g_byte_array_unref(packet->bytes);
    g_clear_pointer(&packet->fds, g_array_unref);
    g_free(packet);
}

void
sk_lv_connection_drop_packets(SkLvConnection *self)
{
    g_queue_clear_full(&self->out, free_packet);
    self->out_bytes = 0;
}

/* -- to the socket ----------------------------------------------------------------------------------------------------- */

/* A byte outside of any message carries each descriptor. */
static gssize
send_one_fd(gint socket, gint fd)
{
    char nothing = '\0';
    union {
        struct cmsghdr header;
        guint8 space[CMSG_SPACE(sizeof(gint))];
    } control = { 0 };
    struct iovec piece = { .iov_base = &nothing, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* TRUE: the whole packet is away. *out_failed: the connection is. */
static gboolean
send_packet(SkLvConnection *self, Packet *packet, gboolean *out_failed)
{
    gssize n = 1;
    while (n > 0 && packet->at < packet->bytes->len) {
        n = send(self->fd, packet->bytes->data + packet->at, packet->bytes->len - packet->at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            packet->at += (gsize) n;
            self->out_bytes -= (gsize) n;
        }
    }
    while (n > 0 && packet->fds != NULL && packet->fds_sent < packet->fds->len) {
        n = send_one_fd(self->fd, g_array_index(packet->fds, SkFd, packet->fds_sent));
        packet->fds_sent += n > 0;
    }
    *out_failed = n < 0 && errno != EAGAIN && errno != EINTR;
    return n > 0;
}

void
sk_lv_connection_flush(SkLvConnection *self)
{
    gboolean failed = FALSE;
    Packet *packet;
    while ((packet = g_queue_peek_head(&self->out)) != NULL && send_packet(self, packet, &failed))
        free_packet(g_queue_pop_head(&self->out));
    if (failed)
        sk_lv_connection_close(self, g_strerror(errno));
    else if (self->closing && self->out.length == 0)
        sk_lv_connection_close(self, "it is finished");
    else if (self->out_bytes < STREAMS_LOW)
        sk_lv_streams_drained(self);
    /* Calls may have waited for room. */
    sk_lv_connection_resume(self);
}

/* -- packets -------------------------------------------------------------------------------------------------------------- */

GByteArray *
sk_lv_packet_new(void)
{
    static const guint8 header[SK_LV_HEADER];
    GByteArray *packet = g_byte_array_sized_new(128);
    return g_byte_array_append(packet, header, sizeof header);
}

static void
write_header(GByteArray *packet, const SkLvHeader *header)
{
    const guint32 words[] = { packet->len, header->program, header->version, header->procedure, header->type, header->serial, header->status };
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        guint32 raw = GUINT32_TO_BE(words[i]);
        memcpy(packet->data + i * sizeof raw, &raw, sizeof raw);
    }
}

void
sk_lv_connection_send(SkLvConnection *self, const SkLvHeader *header, GByteArray *bytes, GArray *fds)
{
    if (self->server == NULL) {
        g_byte_array_unref(bytes);
        g_clear_pointer(&fds, g_array_unref);
        return;
    }
    Packet *packet = g_new0(Packet, 1);
    packet->bytes = bytes;
    packet->fds = fds;
    write_header(bytes, header);
    self->out_bytes += bytes->len;
    gboolean first = self->out.length == 0;
    g_queue_push_tail(&self->out, packet);
    gboolean failed = FALSE;
    if (first && send_packet(self, packet, &failed))
        free_packet(g_queue_pop_head(&self->out));
    /* A failure shows at the next look at the socket: whoever sends need not fear for the connection. */
    sk_lv_connection_watch(self);
}

void
sk_lv_connection_send_error(SkLvConnection *self, const SkLvHeader *header, SkLvSubsystem subsystem, const GError *error)
{
    SkLvHeader reply = *header;
    GByteArray *packet = sk_lv_packet_new();
    reply.type = header->type == SK_LV_STREAM || header->type == SK_LV_HOLE ? SK_LV_STREAM : SK_LV_REPLY;
    reply.status = SK_LV_ERROR_STATUS;
    sk_lv_put_error(packet, subsystem, error);
    sk_lv_connection_send(self, &reply, packet, NULL);
}

/* Not at once: whoever tells of events must not lose the connection under its feet. */
static void
give_up(gpointer data)
{
    SkLvConnection *self = data;
    sk_lv_connection_close(self, "it does not read its events");
    sk_lv_connection_unref(self);
}

void
sk_lv_connection_send_event(SkLvConnection *self, guint32 program, guint32 procedure, GByteArray *packet)
{
    const SkLvHeader header = { .program = program, .version = 1, .procedure = procedure, .type = SK_LV_EVENT, .serial = 1 };
    if (self->out_bytes <= EVENTS_MAX && !self->closing) {
        sk_lv_connection_send(self, &header, packet, NULL);
        return;
    }
    g_byte_array_unref(packet);
    if (self->server == NULL || self->closing)
        return;
    self->closing = TRUE;
    g_idle_add_once(give_up, sk_lv_connection_ref(self));
}
