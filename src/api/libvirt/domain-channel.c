/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel of a guest as a stream: both directions, one client at a time. */
#include "api/libvirt/domain-channel.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>

#include "api/libvirt/objects.h"
#include "api/libvirt/stream.h"
#include "base/error.h"
#include "base/fs.h"
#include "service/domain-launch.h"

enum { CHANNEL_FORCE = 1 };

#define PIECE 65536

typedef struct {
    SkLvStream *stream;
    char *uuid, *alias;     /* whose channel it is */
    gint fd;                /* SK_FD_NONE: the guest's end is gone */
    guint in, out;          /* sources; 0: not waited for */
    GByteArray *unsent;     /* of the client's, for the guest */
} Channel;

/* All that are open, of whatever connection. */
static GPtrArray *channels;

static Channel *
find_open(const char *uuid, const char *alias)
{
    for (guint i = 0; channels != NULL && i < channels->len; i++) {
        Channel *channel = channels->pdata[i];
        if (g_str_equal(channel->uuid, uuid) && g_str_equal(channel->alias, alias))
            return channel;
    }
    return NULL;
}

static void
stop(Channel *self)
{
    g_clear_handle_id(&self->in, g_source_remove);
    g_clear_handle_id(&self->out, g_source_remove);
    sk_fd_clear(&self->fd);
    g_ptr_array_remove_fast(channels, self);
}

static void
end_output(Channel *self)
{
    if (self->fd < 0)
        return;
    stop(self);
    sk_lv_stream_eof(self->stream);
}

/* -- from the guest ------------------------------------------------------------------------------------------------- */

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    Channel *self = data;
    guint8 bytes[PIECE];
    gssize n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    (void) condition;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n <= 0) {
        self->in = 0;
        end_output(self);
        return G_SOURCE_REMOVE;
    }
    if (sk_lv_stream_send(self->stream, bytes, (gsize) n))
        return G_SOURCE_CONTINUE;
    self->in = 0;   /* until there is room */
    return G_SOURCE_REMOVE;
}

static void
go_on(SkLvStream *stream)
{
    Channel *self = sk_lv_stream_data(stream);
    if (self->fd >= 0 && self->in == 0)
        self->in = g_unix_fd_add(self->fd, G_IO_IN | G_IO_HUP, on_readable, self);
}

/* -- to the guest ---------------------------------------------------------------------------------------------------- */

static gboolean
send_unsent(Channel *self)
{
    gssize n = send(self->fd, self->unsent->data, self->unsent->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        g_byte_array_remove_range(self->unsent, 0, (guint) n);
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
    Channel *self = data;
    (void) fd, (void) condition;
    if (!send_unsent(self)) {
        self->out = 0;
        end_output(self);
        return G_SOURCE_REMOVE;
    }
    if (self->unsent->len > 0)
        return G_SOURCE_CONTINUE;
    self->out = 0;
    sk_lv_stream_hold(self->stream, FALSE);
    return G_SOURCE_REMOVE;
}

static gboolean
take_input(SkLvStream *stream, const guint8 *bytes, gsize length, GError **error)
{
    Channel *self = sk_lv_stream_data(stream);
    (void) error;
    if (self->fd < 0)
        return TRUE;
    g_byte_array_append(self->unsent, bytes, (guint) length);
    if (self->out == 0 && (!send_unsent(self) || self->unsent->len > 0)) {
        self->out = g_unix_fd_add(self->fd, G_IO_OUT, on_writable, self);
        sk_lv_stream_hold(stream, TRUE);
    }
    return TRUE;
}

static void
end_channel(SkLvStream *stream, gboolean completed)
{
    Channel *self = sk_lv_stream_data(stream);
    (void) completed;
    if (self->fd >= 0)
        stop(self);
    g_byte_array_unref(self->unsent);
    g_free(self->uuid);
    g_free(self->alias);
    g_free(self);
}

/* -- opening ------------------------------------------------------------------------------------------------------------ */

/* By alias or by the port's name in the guest; without one the first that has a socket. The agent's is the daemon's own. */
static const SkChannel *
find_channel(const SkDomain *domain, const char *name, GError **error)
{
    const GPtrArray *list = domain->runtime.live->channels;
    for (guint i = 0; list != NULL && i < list->len; i++) {
        const SkChannel *channel = list->pdata[i];
        if (name == NULL ? channel->kind == SK_CHANNEL_UNIX : g_strcmp0(channel->alias, name) == 0 || g_strcmp0(channel->name, name) == 0) {
            if (channel->kind == SK_CHANNEL_UNIX)
                return channel;
            sk_fail(error, SK_ERROR_UNSUPPORTED, "channel \"%s\" of domain \"%s\" is of kind %s, and only unix ones can be opened", channel->alias,
                    sk_domain_name(domain), sk_enum_name(&sk_channel_kind_enum, channel->kind));
            return NULL;
        }
    }
    sk_fail(error, SK_ERROR_NO_DEVICE, "cannot find channel %.64s of domain \"%s\"", name != NULL ? name : "of kind unix", sk_domain_name(domain));
    return NULL;
}

/* QEMU takes one client at a time; somebody else's holds it as long as it likes. */
static gint
connect_channel(const SkDomain *domain, const SkChannel *channel, GError **error)
{
    g_autofree char *path = sk_domain_channel_path(domain->run_dir, channel);
    return sk_fs_connect_unix_now(path, error);
}

static gboolean
make_room(const char *uuid, const char *alias, gboolean force, GError **error)
{
    Channel *former = find_open(uuid, alias);
    if (former == NULL)
        return TRUE;
    if (!force)
        return sk_fail(error, SK_ERROR_EXISTS, "Active channel stream exists for this domain: open it by force to end that one");
    end_output(former);
    return TRUE;
}

gboolean
sk_lv_open_channel(SkLvCall *call, GError **error)
{
    static const SkLvStreamFuncs funcs = { .data = take_input, .room = go_on, .end = end_channel };
    SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, CHANNEL_FORCE, error))
        return FALSE;
    const SkChannel *channel = find_channel(domain, sk_lv_str(call, "name"), error);
    if (channel == NULL || !make_room(domain->spec->uuid, channel->alias, (sk_lv_uint(call, "flags") & CHANNEL_FORCE) != 0, error))
        return FALSE;
    g_auto(SkFd) fd = connect_channel(domain, channel, error);
    if (fd < 0)
        return FALSE;
    Channel *self = g_new0(Channel, 1);
    self->uuid = g_strdup(domain->spec->uuid);
    self->alias = g_strdup(channel->alias);
    self->unsent = g_byte_array_new();
    self->fd = SK_FD_NONE;
    self->stream = sk_lv_stream_open(call, &funcs, self, error);
    if (self->stream == NULL) {
        g_byte_array_unref(self->unsent);
        g_free(self->uuid);
        g_free(self->alias);
        g_free(self);
        return FALSE;
    }
    self->fd = sk_fd_steal(&fd);
    if (channels == NULL)
        channels = g_ptr_array_new();
    g_ptr_array_add(channels, self);
    return TRUE;
}
