/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets that listen, and the accepting of connections. */
#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/libvirt/private.h"
#include "base/error.h"
#include "base/fs.h"

#define MAX_ACCEPTS 16          /* before other sources get their turn */
#define PAUSE_MSEC 200          /* when descriptors have run out */

typedef struct {
    SkLibvirt *server;
    SkFd fd;
    SkLvTransport transport;
    gboolean read_only;
    char *path;             /* to remove at the end, or NULL */
    guint source;
} Listener;

static void
free_listener(gpointer data)
{
    Listener *self = data;
    g_clear_handle_id(&self->source, g_source_remove);
    sk_fd_clear(&self->fd);
    if (self->path != NULL)
        g_unlink(self->path);
    g_free(self->path);
    g_free(self);
}

/* -- accepting --------------------------------------------------------------------------------------------------- */

static void watch(Listener *self);

static gboolean
accept_again(gpointer data)
{
    Listener *self = data;
    self->source = 0;
    watch(self);
    return G_SOURCE_REMOVE;
}

static void
pause_for_descriptors(Listener *self)
{
    g_warning("cannot accept a connection: %s; trying again in %d ms", g_strerror(errno), PAUSE_MSEC);
    g_source_remove(self->source);
    self->source = g_timeout_add(PAUSE_MSEC, accept_again, self);
}

static void
take(Listener *self, gint fd)
{
    SkLibvirt *server = self->server;
    SkIdentity who = { 0 };
    GError *refused = NULL;
    if (server->connections.length >= server->settings.max_connections) {
        close(fd);
        return;
    }
    if (self->read_only)
        sk_auth_peer_reader(server->auth, fd, &who, NULL, &refused);
    else
        sk_auth_peer(server->auth, fd, &who, NULL, &refused);
    sk_lv_connection_new(server, fd, self->transport, &who, self->read_only, refused);
}

static gboolean
on_connection(gint fd, GIOCondition condition, gpointer data)
{
    Listener *self = data;
    (void) condition;
    for (guint i = 0; i < MAX_ACCEPTS; i++) {
        gint client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                pause_for_descriptors(self);
            break;
        }
        take(self, client);
    }
    return G_SOURCE_CONTINUE;
}

static void
watch(Listener *self)
{
    self->source = g_unix_fd_add(self->fd, G_IO_IN, on_connection, self);
}

/* -- opening --------------------------------------------------------------------------------------------------------- */

static Listener *
add_listener(SkLibvirt *self, gint fd, SkLvTransport transport, gboolean read_only)
{
    Listener *listener = g_new0(Listener, 1);
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    listener->server = self;
    listener->fd = fd;
    listener->transport = transport;
    listener->read_only = read_only;
    g_ptr_array_add(self->listeners, listener);
    watch(listener);
    return listener;
}

static gboolean
open_unix(SkLibvirt *self, const char *dir, const char *name, gboolean read_only, GError **error)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    gint fd = sk_fs_listen_unix(path, read_only ? 0666 : 0660, error);
    if (fd < 0)
        return FALSE;
    Listener *listener = add_listener(self, fd, SK_LV_UNIX, read_only);
    listener->path = g_strdup(path);
    /* Without privileges the group cannot be given; then root and the daemon's user remain. */
    gid_t group = sk_auth_group_id(self->auth);
    if (!read_only && group != (gid_t) -1 && chown(path, (uid_t) -1, group) < 0)
        g_debug("cannot give \"%s\" to group \"%s\": %s", path, SK_AUTH_GROUP, g_strerror(errno));
    return TRUE;
}

/* Clients try virtqemud's names first, if they are there. */
static gboolean
open_dir(SkLibvirt *self, const char *dir, gboolean session, GError **error)
{
    static const struct {
        const char *name;
        gboolean read_only;
    } sockets[] = { { "libvirt-sock", FALSE }, { "virtqemud-sock", FALSE }, { "libvirt-sock-ro", TRUE }, { "virtqemud-sock-ro", TRUE } };
    for (guint i = 0; i < G_N_ELEMENTS(sockets); i++) {
        if (sockets[i].read_only && session)
            continue;
        if (!open_unix(self, dir, sockets[i].name, sockets[i].read_only, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_lv_listeners_open(SkLibvirt *self, const SkLibvirtSettings *settings, GError **error)
{
    self->listeners = g_ptr_array_new_with_free_func(free_listener);
    return settings->socket_dir == NULL || open_dir(self, settings->socket_dir, settings->session, error);
}

void
sk_lv_listeners_close(SkLibvirt *self)
{
    g_clear_pointer(&self->listeners, g_ptr_array_unref);
}
