/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections of clients: their life, what comes in, and how it is cut into messages. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/libvirt/private.h"
#include "api/libvirt/send.h"
#include "base/error.h"
#include "service/domain-transient.h"
#include "base/fs.h"

#define READ_SIZE 65536
/* Reads in a row before other connections get their turn. */
#define MAX_READS 4
#define MAX_FDS 32
/* Calls of a connection at work; more wait in its socket. */
#define CALLS_MAX 32
/* Bytes to be sent at which no more calls are taken. */
#define OUT_HIGH (1024 * 1024)
/* What a client may send in one message: before it has opened, if it may only read, else. */
#define EARLY_MESSAGE_MAX (64 * 1024)
#define READ_ONLY_MESSAGE_MAX (4 * 1024 * 1024)
/* Of unfinished messages of all clients; and what each may have though all of that is used. */
#define INPUT_MEMORY_MAX (256 * 1024 * 1024)
#define INPUT_RESERVE (128 * 1024)
/* Seconds a client has to open, or to take what is left for it. */
#define OPEN_SECONDS 30
#define SWEEP_SECONDS 5

/* -- life -------------------------------------------------------------------------------------------------------- */

SkLvConnection *
sk_lv_connection_ref(SkLvConnection *self)
{
    self->refs++;
    return self;
}

void
sk_lv_connection_unref(SkLvConnection *self)
{
    if (--self->refs > 0)
        return;
    sk_identity_clear(&self->who);
    g_clear_error(&self->refused);
    g_clear_pointer(&self->streams, g_hash_table_unref);
    g_free(self);
}

gboolean
sk_lv_connection_is_open(const SkLvConnection *self)
{
    return self->server != NULL;
}

static void
close_fd(gpointer fd)
{
    sk_fd_clear(fd);
}

static void
forget_input(SkLvConnection *self)
{
    if (self->in == NULL)
        return;
    self->server->input_memory -= self->in->len;
    g_clear_pointer(&self->in, g_byte_array_unref);
}

void
sk_lv_connection_close(SkLvConnection *self, const char *why)
{
    SkLibvirt *server = self->server;
    if (server == NULL)
        return;
    g_debug("connection of %s ends: %s", self->who.from, why);
    sk_lv_poll_remove(server->poll, self->fd, self);
    sk_lv_connection_drop_packets(self);
    forget_input(self);
    g_clear_pointer(&self->fds, g_array_unref);
    close(self->fd);
    self->fd = -1;
    self->server = NULL;
    g_queue_unlink(&server->connections, &self->link);
    if (self->limits != NULL)
        sk_limits_disconnect(server->limits, self->limits);
    server->refused -= self->refused != NULL;
    sk_lv_streams_end(self);
    sk_lv_events_forget(server, self);
    sk_service_asker_gone(server->service, self);
    sk_lv_connection_unref(self);
}

void
sk_lv_connection_finish(SkLvConnection *self)
{
    self->closing = TRUE;
    self->since = g_get_monotonic_time();
    if (self->out_bytes == 0)
        sk_lv_connection_close(self, "it is finished");
    else
        sk_lv_connection_watch(self);
}

static gboolean
sweep(gpointer data)
{
    SkLibvirt *server = data;
    gint64 limit = g_get_monotonic_time() - OPEN_SECONDS * G_USEC_PER_SEC;
    for (GList *at = server->connections.head, *next; at != NULL; at = next) {
        SkLvConnection *connection = at->data;
        next = at->next;
        if ((!connection->opened || connection->closing) && connection->calls == 0 && connection->since < limit)
            sk_lv_connection_close(connection, "it took too long");
    }
    sk_lv_listeners_sweep(server, limit);
    sk_limits_sweep(server->limits);
    if (server->connections.length + server->handshakes.length > 0)
        return G_SOURCE_CONTINUE;
    server->sweep_timer = 0;
    return G_SOURCE_REMOVE;
}

void
sk_lv_start_sweep(SkLibvirt *server)
{
    if (server->sweep_timer == 0)
        server->sweep_timer = g_timeout_add_seconds(SWEEP_SECONDS, sweep, server);
}

void
sk_lv_connection_new(SkLibvirt *server, const SkLvArrival *arrival)
{
    SkLvConnection *self = g_new0(SkLvConnection, 1);
    self->refs = 1;
    self->server = server;
    self->fd = arrival->fd;
    self->transport = arrival->transport;
    self->who = arrival->who;
    self->read_only = arrival->read_only;
    self->refused = arrival->refused;
    self->limits = arrival->limits;
    self->since = g_get_monotonic_time();
    self->link.data = self;
    self->watched = SK_LV_READABLE;
    server->refused += self->refused != NULL;
    g_queue_push_tail_link(&server->connections, &self->link);
    sk_lv_start_sweep(server);
    if (!sk_lv_poll_add(server->poll, self->fd, self->watched, self))
        sk_lv_connection_close(self, g_strerror(errno));
}

/* -- messages -------------------------------------------------------------------------------------------------------- */

static gboolean
can_take(const SkLvConnection *self)
{
    return self->server != NULL && !self->closing && self->calls < CALLS_MAX && self->out_bytes < OUT_HIGH && self->holds == 0;
}

void
sk_lv_connection_watch(SkLvConnection *self)
{
    guint events = (can_take(self) ? SK_LV_READABLE : 0u) | (self->out.length > 0 ? SK_LV_WRITABLE : 0u);
    if (self->server == NULL || events == self->watched)
        return;
    self->watched = events;
    sk_lv_poll_change(self->server->poll, self->fd, events, self);
}

static void
answer_ping(SkLvConnection *self, const SkLvHeader *header)
{
    const SkLvHeader pong = { .program = SK_LV_PROGRAM_KEEPALIVE, .version = 1, .procedure = 2, .type = SK_LV_EVENT };
    if (header->procedure == 1 && header->type == SK_LV_EVENT)
        sk_lv_connection_send(self, &pong, sk_lv_packet_new(), NULL);
}

static void
refuse_program(SkLvConnection *self, const SkLvHeader *header)
{
    g_autoptr(GError) error = NULL;
    sk_lv_fail(&error, SK_LV_ERROR_RPC, "Cannot find program %u version %u", header->program, header->version);
    sk_lv_connection_send_error(self, header, SK_LV_FROM_RPC, error);
}

static void
take_message(SkLvConnection *self, const SkLvHeader *header, const guint8 *payload, gsize length, GArray *fds)
{
    gboolean known = header->version == 1 && (header->program == SK_LV_PROGRAM_REMOTE || header->program == SK_LV_PROGRAM_QEMU);
    if (header->program == SK_LV_PROGRAM_KEEPALIVE && header->version == 1)
        answer_ping(self, header);
    else if (header->type == SK_LV_CALL || header->type == SK_LV_CALL_FDS)
        known ? sk_lv_call_run(self, header, payload, length, g_steal_pointer(&fds)) : refuse_program(self, header);
    else if (known && (header->type == SK_LV_STREAM || header->type == SK_LV_HOLE))
        sk_lv_stream_take(self, header, payload, length);
    else
        sk_lv_connection_close(self, "it sent what no client sends");
    g_clear_pointer(&fds, g_array_unref);
}

static guint32
word(const guint8 *at)
{
    guint32 raw;
    memcpy(&raw, at, sizeof raw);
    return GUINT32_FROM_BE(raw);
}

static gsize
message_max(const SkLvConnection *self)
{
    return !self->opened ? EARLY_MESSAGE_MAX : self->read_only ? READ_ONLY_MESSAGE_MAX : SK_LV_MESSAGE_MAX;
}

/* The descriptors of a message, once they have all come after it; *out_extra: their bytes in the stream. FALSE: wait. */
static gboolean
take_fds(SkLvConnection *self, const guint8 *payload, gsize length, gsize after, gsize *out_extra, GArray **out_fds)
{
    guint n = length >= 4 ? word(payload) : G_MAXUINT;
    if (n > MAX_FDS) {
        sk_lv_connection_close(self, "it announced too many descriptors");
        return FALSE;
    }
    if (after < n || (n > 0 && (self->fds == NULL || self->fds->len < n)))
        return FALSE;
    *out_extra = n;
    *out_fds = g_array_new(FALSE, FALSE, sizeof(SkFd));
    g_array_set_clear_func(*out_fds, close_fd);
    for (guint i = 0; i < n; i++) {
        g_array_append_val(*out_fds, g_array_index(self->fds, SkFd, i));
        g_array_index(self->fds, SkFd, i) = SK_FD_NONE;
    }
    if (n > 0)
        g_array_remove_range(self->fds, 0, n);
    return TRUE;
}

/* One message from the front of left bytes; gives how many it took, 0: it is not there yet. */
static gsize
take_one(SkLvConnection *self, const guint8 *bytes, gsize left)
{
    if (left < 4)
        return 0;
    gsize length = word(bytes), extra = 0;
    if (length < SK_LV_HEADER || length > message_max(self)) {
        sk_lv_connection_close(self, "its message has a length that cannot be");
        return 0;
    }
    if (left < length)
        return 0;
    const SkLvHeader header = { .program = word(bytes + 4), .version = word(bytes + 8), .procedure = word(bytes + 12),
                                .type = word(bytes + 16), .serial = word(bytes + 20), .status = word(bytes + 24) };
    const guint8 *payload = bytes + SK_LV_HEADER;
    gsize payload_length = length - SK_LV_HEADER;
    GArray *fds = NULL;
    if (header.type == SK_LV_CALL_FDS) {
        if (!take_fds(self, payload, payload_length, left - length, &extra, &fds))
            return 0;
        payload += 4;
        payload_length -= 4;
    }
    take_message(self, &header, payload, payload_length, fds);
    return length + extra;
}

/* Runs whole messages of what has come. */
static void
take_messages(SkLvConnection *self)
{
    gsize used = 0, size;
    if (self->parsing || self->in == NULL)
        return;
    self->parsing = TRUE;
    while (can_take(self) && (size = take_one(self, self->in->data + used, self->in->len - used)) > 0)
        used += size;
    self->parsing = FALSE;
    if (self->server == NULL || used == 0)
        return;
    if (used == self->in->len) {
        forget_input(self);
        return;
    }
    self->server->input_memory -= used;
    g_byte_array_remove_range(self->in, 0, (guint) used);
}

void
sk_lv_connection_resume(SkLvConnection *self)
{
    if (self->server == NULL)
        return;
    sk_lv_connection_ref(self);
    take_messages(self);
    sk_lv_connection_watch(self);
    sk_lv_connection_unref(self);
}

static void
resume(gpointer data)
{
    SkLvConnection *self = data;
    self->resuming = FALSE;
    sk_lv_connection_resume(self);
    sk_lv_connection_unref(self);
}

void
sk_lv_connection_resume_later(SkLvConnection *self)
{
    if (self->resuming || self->server == NULL)
        return;
    self->resuming = TRUE;
    g_idle_add_once(resume, sk_lv_connection_ref(self));
}

/* -- reading ---------------------------------------------------------------------------------------------------------- */

static void
keep_fds(SkLvConnection *self, struct msghdr *message)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        if (self->fds == NULL) {
            self->fds = g_array_new(FALSE, FALSE, sizeof(SkFd));
            g_array_set_clear_func(self->fds, close_fd);
        }
        g_array_append_vals(self->fds, CMSG_DATA(at), (guint) ((at->cmsg_len - CMSG_LEN(0)) / sizeof(SkFd)));
    }
}

static gboolean
has_room(const SkLvConnection *self, gsize more)
{
    gsize own = (self->in != NULL ? self->in->len : 0) + more;
    return (self->fds == NULL || self->fds->len <= MAX_FDS) &&
           (own <= INPUT_RESERVE || self->server->input_memory + more <= INPUT_MEMORY_MAX);
}

/* FALSE: there is no more for now, or the connection has ended. */
static gboolean
read_some(SkLvConnection *self)
{
    static guint8 buffer[READ_SIZE];
    union {
        struct cmsghdr header;
        guint8 space[CMSG_SPACE(MAX_FDS * sizeof(gint))];
    } control;
    struct iovec piece = { .iov_base = buffer, .iov_len = sizeof buffer };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    gssize n = recvmsg(self->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return FALSE;
    if (n <= 0) {
        sk_lv_connection_close(self, n == 0 ? "the client has hung up" : g_strerror(errno));
        return FALSE;
    }
    keep_fds(self, &message);
    if (!has_room(self, (gsize) n)) {
        sk_lv_connection_close(self, "what it sent has no room");
        return FALSE;
    }
    if (self->in == NULL)
        self->in = g_byte_array_sized_new((guint) n);
    g_byte_array_append(self->in, buffer, (guint) n);
    self->server->input_memory += (gsize) n;
    take_messages(self);
    return n == READ_SIZE && can_take(self);
}

void
sk_lv_connection_on_events(gpointer data, guint events)
{
    SkLvConnection *self = data;
    guint reads = 0;
    sk_lv_connection_ref(self);
    if ((events & SK_LV_WRITABLE) != 0)
        sk_lv_connection_flush(self);
    if ((events & SK_LV_READABLE) != 0) {
        while (can_take(self) && reads++ < MAX_READS && read_some(self))
            continue;
    } else if ((events & SK_LV_HANGUP) != 0) {
        sk_lv_connection_close(self, "the client has hung up");
    }
    sk_lv_connection_watch(self);
    sk_lv_connection_unref(self);
}
