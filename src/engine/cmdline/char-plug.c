/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host ends of character devices that come while the domain runs: what char.c says on the command line, as QMP has it. */
#include "base/error.h"
#include "engine/cmdline/char.h"

/* A file that was opened for QEMU, by the name it has there. Free with g_free(). */
static char *
hand_over(SkBuilder *self, gint fd, guint64 *out_set)
{
    *out_set = sk_builder_free_set(self);
    sk_builder_fdset(self, *out_set, fd, NULL);
    return g_strdup_printf("/dev/fdset/%" G_GUINT64_FORMAT, *out_set);
}

/* QEMU has a descriptor of its own by now; nobody will know the number of the set when the device goes. */
static void
let_go(SkBuilder *self, guint64 set)
{
    if (set == 0)
        return;
    sk_builder_setup(self, "remove-fd", json_pack("{s:I}", "fdset-id", (json_int_t) set));
    ((SkQmpStep *) self->steps->pdata[self->steps->len - 1])->optional = TRUE;
}

/* Without its end, which a detach has no need of, a socket is told by the path it would have. */
static json_t *
unix_address(SkBuilder *self, const SkCharSource *source, const SkCharEnd *end)
{
    if (end != NULL && end->listen_fd >= 0) {
        g_autofree char *name = sk_builder_fd(self, end->listen_fd, source->alias);
        return json_pack("{s:s,s:{s:s}}", "type", "fd", "data", "str", name);
    }
    g_autofree char *path = sk_char_path(self, source, end);
    return json_pack("{s:s,s:{s:s}}", "type", "unix", "data", "path", path);
}

static json_t *
inet_address(const SkCharSource *source, GError **error)
{
    g_autofree char *host = NULL;
    guint number;
    if (!sk_char_host(source, &host, &number, error))
        return NULL;
    g_autofree char *port = g_strdup_printf("%u", number);
    return json_pack("{s:s,s:{s:s,s:s}}", "type", "inet", "data", "host", host, "port", port);
}

static json_t *
socket_data(SkBuilder *self, const SkCharSource *source, const SkCharEnd *end, GError **error)
{
    json_t *address = source->backend == SK_CHAR_TCP ? inet_address(source, error) : unix_address(self, source, end);
    if (address == NULL)
        return NULL;
    json_t *data = json_pack("{s:o,s:b}", "addr", address, "server", !source->connect);
    if (!source->connect)
        json_object_set_new(data, "wait", json_false());
    if (source->telnet)
        json_object_set_new(data, "telnet", json_true());
    return data;
}

static json_t *
udp_data(const SkCharSource *source, GError **error)
{
    json_t *address = inet_address(source, error);
    return address != NULL ? json_pack("{s:o}", "remote", address) : NULL;
}

static json_t *
file_data(SkBuilder *self, const SkCharSource *source, const SkCharEnd *end, guint64 *out_set)
{
    g_autofree char *path = end != NULL && end->file_fd >= 0 ? hand_over(self, end->file_fd, out_set) : g_strdup(source->path);
    return json_pack("{s:s,s:b}", "out", path, "append", 1);
}

static json_t *
data_of(SkBuilder *self, const SkCharSource *source, const SkCharEnd *end, guint64 *out_set, GError **error)
{
    switch (source->backend) {
    case SK_CHAR_RECORDED:
    case SK_CHAR_UNIX:
    case SK_CHAR_TCP:
        return socket_data(self, source, end, error);
    case SK_CHAR_UDP:
        return udp_data(source, error);
    case SK_CHAR_FILE:
        return file_data(self, source, end, out_set);
    case SK_CHAR_PIPE:
    case SK_CHAR_DEV:
        return json_pack("{s:s}", "device", source->path);
    case SK_CHAR_SPICEPORT:
        if (sk_builder_has_spice(self))
            return json_pack("{s:s}", "fqdn", source->path);
        sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" ends at a SPICE viewer, but the domain has no SPICE graphics", source->what, source->alias);
        return NULL;
    default:
        return json_object();
    }
}

/* What QMP calls each backend. */
static const char *const kinds[SK_N_CHAR_BACKENDS] = {
    [SK_CHAR_RECORDED] = "socket", [SK_CHAR_FILE] = "file", [SK_CHAR_NULL] = "null", [SK_CHAR_UNIX] = "socket", [SK_CHAR_TCP] = "socket",
    [SK_CHAR_UDP] = "udp", [SK_CHAR_PIPE] = "pipe", [SK_CHAR_DEV] = "serial", [SK_CHAR_SPICEPORT] = "spiceport",
};

gboolean
sk_char_plug(SkBuilder *self, const SkCharSource *source, const SkCharEnd *end, GError **error)
{
    guint64 file_set = 0, log_set = 0;
    g_autofree char *log = end != NULL && end->log_fd >= 0 ? hand_over(self, end->log_fd, &log_set) : g_strdup(source->log_file);
    json_t *data = data_of(self, source, end, &file_set, error);
    if (data == NULL)
        return (error != NULL && *error != NULL) ? FALSE : sk_fail(error, SK_ERROR_INVALID, "a path or name of %s \"%s\" is not UTF-8", source->what, source->alias);
    if (log != NULL) {
        json_object_set_new(data, "logfile", json_string(log));
        json_object_set_new(data, "logappend", json_true());
    }
    sk_builder_chardev(self, source->alias, kinds[source->backend], data);
    let_go(self, log_set);
    let_go(self, file_set);
    return TRUE;
}
