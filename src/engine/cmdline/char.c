/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Serial ports, virtio consoles and channels, and the host end that they have in common. */
#include <string.h>

#include "base/error.h"
#include "engine/cmdline/char.h"

#define SOURCE(what, device)                                                                                   \
    { what, (device)->alias, (device)->backend, (device)->path, (device)->host, (device)->connect, (device)->telnet, (device)->log_file }

/* -- the host end ---------------------------------------------------------------------------------------------------- */

char *
sk_char_path(const SkBuilder *self, const SkCharSource *source, const SkCharEnd *end)
{
    if (end != NULL && end->path != NULL)
        return g_strdup(end->path);
    if (source->path != NULL)
        return g_strdup(source->path);
    return g_strdup_printf("%s/%s.sock", self->launch->run_dir != NULL ? self->launch->run_dir : ".", source->alias);
}

/* Everything the guest writes is kept by QEMU itself, also while nobody is connected. */
static void
add_log(SkBuilder *self, GString *text, const SkCharSource *source, const SkCharEnd *end)
{
    if ((end == NULL || end->log_fd < 0) && source->log_file != NULL) {
        g_autofree char *quoted = sk_qemu_quote(source->log_file);
        g_string_append_printf(text, ",logfile=%s,logappend=on", quoted);
        return;
    }
    if (end == NULL || end->log_fd < 0)
        return;
    guint64 set = SK_FDSET_OTHERS + self->fds->len;
    sk_builder_fdset(self, set, end->log_fd, NULL);
    g_string_append_printf(text, ",logfile=/dev/fdset/%" G_GUINT64_FORMAT ",logappend=on", set);
}

static void
add_socket(SkBuilder *self, GString *text, const SkCharSource *source, const SkCharEnd *end)
{
    if (end != NULL && end->listen_fd >= 0) {
        g_string_append_printf(text, ",fd=%d", sk_builder_pass_fd(self, end->listen_fd));
    } else {
        g_autofree char *path = sk_char_path(self, source, end);
        g_autofree char *quoted = sk_qemu_quote(path);
        g_string_append_printf(text, ",path=%s", quoted);
    }
    g_string_append(text, source->connect ? ",server=off" : ",server=on,wait=off");
}

gboolean
sk_char_host(const SkCharSource *source, char **out_host, guint *out_port, GError **error)
{
    const char *colon = strrchr(source->host, ':');
    guint64 port;
    if (colon == NULL || colon == source->host || !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%s\": host \"%s\" is not an address:port such as 127.0.0.1:4555", source->what,
                       source->alias, source->host);
    g_autofree char *host = g_strndup(source->host, (gsize) (colon - source->host));
    gsize length = strlen(host);
    gboolean bracket = length > 2 && host[0] == '[' && host[length - 1] == ']';
    *out_host = bracket ? g_strndup(host + 1, length - 2) : g_strdup(host);
    *out_port = (guint) port;
    return TRUE;
}

static gboolean
add_host(GString *text, const SkCharSource *source, GError **error)
{
    g_autofree char *host = NULL;
    guint port;
    if (!sk_char_host(source, &host, &port, error))
        return FALSE;
    g_autofree char *quoted = sk_qemu_quote(host);
    g_string_append_printf(text, ",host=%s,port=%u", quoted, port);
    return TRUE;
}

static gboolean
add_tcp(GString *text, const SkCharSource *source, GError **error)
{
    if (!add_host(text, source, error))
        return FALSE;
    g_string_append(text, source->connect ? ",server=off" : ",server=on,wait=off");
    if (source->telnet)
        g_string_append(text, ",telnet=on");
    return TRUE;
}

static void
add_file(SkBuilder *self, GString *text, const SkCharSource *source, const SkCharEnd *end)
{
    if (end != NULL && end->file_fd >= 0) {
        guint64 set = SK_FDSET_OTHERS + self->fds->len;
        sk_builder_fdset(self, set, end->file_fd, source->path);
        g_string_append_printf(text, ",path=/dev/fdset/%" G_GUINT64_FORMAT ",append=on", set);
        return;
    }
    g_autofree char *quoted = sk_qemu_quote(source->path);
    g_string_append_printf(text, ",path=%s,append=on", quoted);
}

/* What QEMU calls each backend. */
static const char *const kinds[SK_N_CHAR_BACKENDS] = {
    [SK_CHAR_RECORDED] = "socket", [SK_CHAR_FILE] = "file", [SK_CHAR_NULL] = "null", [SK_CHAR_UNIX] = "socket", [SK_CHAR_TCP] = "socket",
    [SK_CHAR_UDP] = "udp", [SK_CHAR_PIPE] = "pipe", [SK_CHAR_DEV] = "serial", [SK_CHAR_SPICEPORT] = "spiceport",
};

static gboolean
add_place(SkBuilder *self, GString *text, const SkCharSource *source, const SkCharEnd *end, GError **error)
{
    g_autofree char *quoted = source->path != NULL ? sk_qemu_quote(source->path) : NULL;
    switch (source->backend) {
    case SK_CHAR_TCP:
        return add_tcp(text, source, error);
    case SK_CHAR_UDP:
        return add_host(text, source, error);
    case SK_CHAR_FILE:
        add_file(self, text, source, end);
        return TRUE;
    case SK_CHAR_RECORDED:
    case SK_CHAR_UNIX:
        add_socket(self, text, source, end);
        return TRUE;
    case SK_CHAR_PIPE:
    case SK_CHAR_DEV:
        g_string_append_printf(text, ",path=%s", quoted);
        return TRUE;
    case SK_CHAR_SPICEPORT:
        g_string_append_printf(text, ",name=%s", quoted);
        return sk_builder_has_spice(self) || sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" ends at a SPICE viewer, but the domain has no SPICE graphics",
                                                     source->what, source->alias);
    default:
        return TRUE;
    }
}

/* The chardev "char" + alias. */
static gboolean
build_source(SkBuilder *self, const SkCharSource *source, GError **error)
{
    const SkCharEnd *end = sk_launch_find_char(self->launch, source->alias);
    if (self->steps != NULL)
        return sk_char_plug(self, source, end, error);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "%s,id=char%s", kinds[source->backend], source->alias);
    if (!add_place(self, text, source, end, error))
        return FALSE;
    add_log(self, text, source, end);
    sk_builder_arg(self, "-chardev", g_strdup(text->str));
    return TRUE;
}

gboolean
sk_builder_connect_chardev(SkBuilder *self, const char *what, const char *alias, const char *path, const char *host, GError **error)
{
    SkCharSource source = { what, alias, path != NULL ? SK_CHAR_UNIX : SK_CHAR_TCP, path, host, TRUE, FALSE, NULL };
    return build_source(self, &source, error);
}

/* -- serial ports ------------------------------------------------------------------------------------------------------- */

static gboolean
build_serial(SkBuilder *self, const SkSerial *serial, GError **error)
{
    static const char *const drivers[SK_N_SERIAL_MODELS] = { [SK_SERIAL_ISA] = "isa-serial", [SK_SERIAL_PCI] = "pci-serial",
                                                             [SK_SERIAL_USB] = "usb-serial" };
    SkCharSource source = SOURCE("serial port", serial);
    g_autofree char *chardev = g_strconcat("char", serial->alias, NULL);

    if (serial->model == SK_SERIAL_PCI && self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "serial port %u: machine \"microvm\" has no PCI bus: give model isa", serial->port);
    if (serial->model == SK_SERIAL_ISA && serial->port > 3)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "serial port %u: there are only 4 of model isa, 0 to 3", serial->port);
    if (!build_source(self, &source, error))
        return FALSE;
    json_t *device = json_pack("{s:s,s:s,s:s}", "driver", drivers[serial->model], "id", serial->alias, "chardev", chardev);
    if (serial->model == SK_SERIAL_PCI)
        return sk_builder_pci(self, device, serial->address, error);
    if (serial->model == SK_SERIAL_USB)
        return sk_builder_usb(self, device, serial->address, error);
    json_object_set_new(device, "index", json_integer(serial->port));
    return sk_builder_device(self, device, error);
}

gboolean
sk_build_serials(SkBuilder *self, GError **error)
{
    const GPtrArray *serials = self->spec->serials;
    for (guint i = 0; serials != NULL && i < serials->len; i++) {
        const SkSerial *serial = serials->pdata[i];
        for (guint j = 0; j < i; j++) {
            const SkSerial *other = serials->pdata[j];
            if (other->model == serial->model && other->port == serial->port && serial->model == SK_SERIAL_ISA)
                return sk_fail(error, SK_ERROR_INVALID, "two serial ports have the number %u", serial->port);
        }
        if (!build_serial(self, serial, error))
            return FALSE;
    }
    return TRUE;
}

/* -- ports of the virtio serial controller --------------------------------------------------------------------------------- */

static gboolean
build_port(SkBuilder *self, json_t *device, const char *alias, const char *address, GError **error)
{
    g_autoptr(json_t) owned = device;
    SkAddress place;
    if (address == NULL || !sk_address_parse(address, alias, &place, NULL) || place.kind != SK_ADDRESS_VIRTIO_SERIAL)
        return sk_fail(error, SK_ERROR_INTERNAL, "device \"%s\" has no address that fits it", alias);
    g_autofree char *bus = g_strdup_printf("virtio-serial%u.0", place.parts[0]);
    json_object_set_new(owned, "bus", json_string(bus));
    json_object_set_new(owned, "nr", json_integer(place.parts[2]));
    return sk_builder_device(self, g_steal_pointer(&owned), error);
}

gboolean
sk_build_consoles(SkBuilder *self, GError **error)
{
    const GPtrArray *consoles = self->spec->consoles;
    for (guint i = 0; consoles != NULL && i < consoles->len; i++) {
        const SkConsole *console = consoles->pdata[i];
        SkCharSource source = SOURCE("console", console);
        g_autofree char *chardev = g_strconcat("char", console->alias, NULL);
        json_t *device = json_pack("{s:s,s:s,s:s}", "driver", "virtconsole", "id", console->alias, "chardev", chardev);
        if (!build_source(self, &source, error)) {
            json_decref(device);
            return FALSE;
        }
        if (!build_port(self, device, console->alias, console->address, error))
            return FALSE;
    }
    return TRUE;
}

/* The host end of each kind of channel. */
static gboolean
build_channel_source(SkBuilder *self, const SkChannel *channel, GError **error)
{
    static const SkCharBackend backends[SK_N_CHANNEL_KINDS] = {
        [SK_CHANNEL_AGENT] = SK_CHAR_UNIX, [SK_CHANNEL_UNIX] = SK_CHAR_UNIX, [SK_CHANNEL_SPICEPORT] = SK_CHAR_SPICEPORT,
        [SK_CHANNEL_FILE] = SK_CHAR_FILE,  [SK_CHANNEL_NULL] = SK_CHAR_NULL, [SK_CHANNEL_TCP] = SK_CHAR_TCP,
    };
    SkCharSource source = { "channel", channel->alias, (gint) backends[channel->kind], channel->path, channel->host, FALSE, FALSE, NULL };
    if (channel->kind == SK_CHANNEL_SPICEVMC)
        return sk_builder_spice_chardev(self, "channel", channel->alias, "vdagent", error);
    if (channel->kind != SK_CHANNEL_VDAGENT)
        return build_source(self, &source, error);
    if (self->steps != NULL)
        sk_builder_chardev(self, channel->alias, "qemu-vdagent", json_pack("{s:b,s:b}", "clipboard", 1, "mouse", 0));
    else
        sk_builder_arg(self, "-chardev", g_strdup_printf("qemu-vdagent,id=char%s,name=vdagent,clipboard=on,mouse=off", channel->alias));
    return TRUE;
}

gboolean
sk_build_channels(SkBuilder *self, GError **error)
{
    const GPtrArray *channels = self->spec->channels;
    for (guint i = 0; channels != NULL && i < channels->len; i++) {
        const SkChannel *channel = channels->pdata[i];
        g_autofree char *chardev = g_strconcat("char", channel->alias, NULL);
        if (!build_channel_source(self, channel, error))
            return FALSE;
        json_t *device = json_pack("{s:s,s:s,s:s,s:s}", "driver", "virtserialport", "id", channel->alias, "chardev", chardev, "name",
                                   channel->name);
        if (!build_port(self, device, channel->alias, channel->address, error))
            return FALSE;
    }
    return TRUE;
}

/* -- parallel ports ---------------------------------------------------------------------------------------------------------- */

gboolean
sk_build_parallels(SkBuilder *self, GError **error)
{
    const GPtrArray *parallels = self->spec->parallels;
    for (guint i = 0; parallels != NULL && i < parallels->len; i++) {
        const SkParallel *parallel = parallels->pdata[i];
        SkCharSource source = SOURCE("parallel port", parallel);
        g_autofree char *chardev = g_strconcat("char", parallel->alias, NULL);
        if (!build_source(self, &source, error))
            return FALSE;
        if (!sk_builder_device(self, json_pack("{s:s,s:s,s:s,s:i}", "driver", "isa-parallel", "id", parallel->alias, "chardev", chardev,
                                               "index", (int) parallel->port), error))
            return FALSE;
    }
    return TRUE;
}
