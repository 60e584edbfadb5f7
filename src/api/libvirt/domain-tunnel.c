/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The destination's end of a tunnelled migration: a stream, and two connections in it. */
#include "api/libvirt/domain-tunnel.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>

#include "api/libvirt/stream.h"
#include "base/error.h"
#include "base/fs.h"
#include "service/migrate.h"

#define PIECE (64 * 1024)

typedef struct Tunnel Tunnel;

/* One connection of it. */
typedef struct {
    Tunnel *tunnel;
    SkTunnelKind kind;
    SkFd fd;                /* does not block */
    guint in, out;          /* sources; 0: not waited for */
    gboolean read_up;
} Lane;

struct Tunnel {
    SkLvStream *stream;
    Lane lanes[SK_N_TUNNELS];
    GByteArray *unsent;     /* for the lane that is waited for; the stream is held meanwhile */
};

static void
free_tunnel(Tunnel *self)
{
    for (guint i = 0; i < SK_N_TUNNELS; i++) {
        g_clear_handle_id(&self->lanes[i].in, g_source_remove);
        g_clear_handle_id(&self->lanes[i].out, g_source_remove);
        sk_fd_clear(&self->lanes[i].fd);
    }
    g_byte_array_unref(self->unsent);
    g_free(self);
}

/* -- to the source ---------------------------------------------------------------------------------------------------- */

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    Lane *self = data;
    guint8 bytes[1 + PIECE];
    gssize n = recv(fd, bytes + 1, PIECE, MSG_DONTWAIT);
    (void) condition;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    n = MAX(n, 0);
    bytes[0] = (guint8) SK_TUNNEL_BYTES[self->kind];
    self->read_up = n == 0;
    if (sk_lv_stream_send(self->tunnel->stream, bytes, 1 + (gsize) n) && !self->read_up)
        return G_SOURCE_CONTINUE;
    self->in = 0;   /* until there is room */
    return G_SOURCE_REMOVE;
}

static void
has_room(SkLvStream *stream)
{
    Tunnel *self = sk_lv_stream_data(stream);
    for (guint i = 0; i < SK_N_TUNNELS; i++) {
        Lane *lane = &self->lanes[i];
        if (lane->in == 0 && !lane->read_up)
            lane->in = g_unix_fd_add(lane->fd, G_IO_IN | G_IO_HUP, on_readable, lane);
    }
}

/* -- from the source ---------------------------------------------------------------------------------------------------- */

static gboolean
send_unsent(Lane *lane)
{
    GByteArray *unsent = lane->tunnel->unsent;
    gssize n = send(lane->fd, unsent->data, unsent->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        g_byte_array_remove_range(unsent, 0, (guint) n);
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static GError *
gone(void)
{
    return g_error_new(SK_ERROR, SK_ERROR_IO, "the destination takes no more of the domain's state");
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
    Lane *self = data;
    (void) fd, (void) condition;
    gboolean ok = send_unsent(self);
    if (ok && self->tunnel->unsent->len > 0)
        return G_SOURCE_CONTINUE;
    self->out = 0;
    if (ok)
        sk_lv_stream_hold(self->tunnel->stream, FALSE);
    else
        sk_lv_stream_fail(self->tunnel->stream, gone());
    return G_SOURCE_REMOVE;
}

static gboolean
take_input(SkLvStream *stream, const guint8 *bytes, gsize length, GError **error)
{
    Tunnel *self = sk_lv_stream_data(stream);
    const char *kind = bytes[0] != '\0' ? strchr(SK_TUNNEL_BYTES, bytes[0]) : NULL;
    if (kind == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "what comes through the tunnel of a migration is neither its state nor a word of the source");
    Lane *lane = &self->lanes[kind - SK_TUNNEL_BYTES];
    if (length == 1) {
        shutdown(lane->fd, SHUT_WR);
        return TRUE;
    }
    g_byte_array_append(self->unsent, bytes + 1, (guint) length - 1);
    if (!send_unsent(lane)) {
        g_propagate_error(error, gone());
        return FALSE;
    }
    if (self->unsent->len > 0) {
        lane->out = g_unix_fd_add(lane->fd, G_IO_OUT, on_writable, lane);
        sk_lv_stream_hold(stream, TRUE);
    }
    return TRUE;
}

/* -- opening ------------------------------------------------------------------------------------------------------------- */

static void
end_tunnel(SkLvStream *stream, gboolean completed)
{
    (void) completed;
    free_tunnel(sk_lv_stream_data(stream));
}

/* others: what the domain gets. */
static gboolean
make_lanes(Tunnel *self, SkFd *others, GError **error)
{
    for (guint i = 0; i < SK_N_TUNNELS; i++) {
        gint pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            return sk_fail_errno(error, errno, "cannot make the tunnel of a migration");
        self->lanes[i].fd = pair[0];
        others[i] = pair[1];
    }
    return TRUE;
}

gboolean
sk_lv_tunnel_open(SkLvCall *call, SkDomain *domain, GError **error)
{
    static const SkLvStreamFuncs funcs = { .data = take_input, .room = has_room, .end = end_tunnel };
    g_auto(SkFd) state = SK_FD_NONE;
    g_auto(SkFd) words = SK_FD_NONE;
    SkFd others[SK_N_TUNNELS] = { SK_FD_NONE, SK_FD_NONE };
    Tunnel *self = g_new0(Tunnel, 1);
    self->unsent = g_byte_array_new();
    for (guint i = 0; i < SK_N_TUNNELS; i++)
        self->lanes[i] = (Lane){ .tunnel = self, .kind = (SkTunnelKind) i, .fd = SK_FD_NONE };
    gboolean made = make_lanes(self, others, error);
    state = others[SK_TUNNEL_STATE];
    words = others[SK_TUNNEL_WORDS];
    self->stream = made ? sk_lv_stream_open(call, &funcs, self, error) : NULL;
    if (self->stream == NULL) {
        free_tunnel(self);
        return FALSE;
    }
    sk_domain_take_tunnel(domain, sk_fd_steal(&state), sk_fd_steal(&words));
    return TRUE;
}
