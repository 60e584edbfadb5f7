/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <serial>, <console>, <channel> and what is at their host end. */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- the host end --------------------------------------------------------------------------------------------------- */

/* What the kinds of value have in common. */
typedef struct {
    gint *backend;          /* SkCharBackend */
    char **path, **host, **log_file;
    gboolean *connect, *telnet, *log_truncate;
} End;

#define END(value) { &(value)->backend, &(value)->path, &(value)->host, &(value)->log_file, &(value)->connect, &(value)->telnet, &(value)->log_truncate }

/* "127.0.0.1:4555", "[::1]:4555" */
char *
sk_xml_read_host(SkXmlNode *node, const char *path)
{
    g_autofree char *host_path = g_strconcat(path, "/@host", NULL), *service_path = g_strconcat(path, "/@service", NULL);
    const char *host = sk_xml_get(node, host_path), *service = sk_xml_get(node, service_path);
    if (service == NULL)
        return NULL;
    host = host != NULL ? host : "127.0.0.1";
    return g_strdup_printf(strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, service);
}

void
sk_xml_write_host(SkXmlNode *node, const char *path, const char *host)
{
    const char *colon = host != NULL ? strrchr(host, ':') : NULL;
    if (colon == NULL)
        return;
    g_autofree char *host_path = g_strconcat(path, "/@host", NULL), *service_path = g_strconcat(path, "/@service", NULL);
    gboolean bracket = *host == '[' && colon > host + 1 && colon[-1] == ']';
    g_autofree char *address = bracket ? g_strndup(host + 1, (gsize) (colon - host - 2)) : g_strndup(host, (gsize) (colon - host));
    sk_xml_set(node, host_path, address);
    sk_xml_set(node, service_path, colon + 1);
}

static gboolean
read_mode(SkXmlNode *node, End end, GError **error)
{
    *end.connect = sk_xml_is(node, "source/@mode", "connect");
    if (*end.connect || sk_xml_is(node, "source/@mode", "bind") || !sk_xml_has(node, "source/@mode"))
        return TRUE;
    return sk_xml_fail(node, error, SK_ERROR_XML, "the mode of source must be bind or connect");
}

static gboolean
read_tcp(SkXmlNode *node, End end, GError **error)
{
    if (!read_mode(node, end, error))
        return FALSE;
    *end.telnet = sk_xml_is(node, "protocol/@type", "telnet");
    sk_xml_is(node, "protocol/@type", "raw");
    sk_xml_is(node, "source/@tls", "no");
    *end.host = sk_xml_read_host(node, "source");
    return *end.host != NULL || sk_xml_fail(node, error, SK_ERROR_XML, "source has no attribute \"service\": the port");
}

/* Of the two ends of a datagram socket only the far one can be chosen. */
static gboolean
read_udp(SkXmlNode *node, End end, GError **error)
{
    SkXmlNode *source = sk_xml_child(node, "source");
    if (source == NULL || !sk_xml_is(source, "@mode", "connect") || sk_xml_next(source) != NULL)
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "a udp device needs one source, of mode \"connect\"");
    *end.host = sk_xml_read_host(node, "source");
    return *end.host != NULL || sk_xml_fail(node, error, SK_ERROR_XML, "source has no attribute \"service\": the port");
}

static gboolean
read_path(SkXmlNode *node, End end, GError **error)
{
    if (*end.backend == SK_CHAR_UNIX && !read_mode(node, end, error))
        return FALSE;
    if (*end.backend == SK_CHAR_FILE)
        sk_xml_is(node, "source/@append", "on");
    sk_xml_get_string(node, *end.backend == SK_CHAR_SPICEPORT ? "source/@channel" : "source/@path", end.path);
    return TRUE;
}

static gboolean
read_end(SkXmlNode *node, End end, GError **error)
{
    if (!sk_xml_get_enum(node, "@type", &sk_char_backend_enum, end.backend, error))
        return FALSE;
    sk_xml_get_string(node, "log/@file", end.log_file);
    gboolean append = TRUE;
    if (!sk_xml_get_bool(node, "log/@append", &append, error))
        return FALSE;
    *end.log_truncate = *end.log_file != NULL && !append;
    switch (*end.backend) {
    case SK_CHAR_RECORDED:
        /* The terminal of a running domain is not a part of its definition. */
        sk_xml_ignore(node, "@tty");
        sk_xml_ignore(node, "source/@path");
        return TRUE;
    case SK_CHAR_TCP:
        return read_tcp(node, end, error);
    case SK_CHAR_UDP:
        return read_udp(node, end, error);
    case SK_CHAR_NULL:
        return TRUE;
    default:
        return read_path(node, end, error);
    }
}

static void
write_end(SkXmlNode *node, End end)
{
    gint backend = *end.backend;
    gboolean connect = *end.connect || backend == SK_CHAR_UDP;
    sk_xml_set_enum(node, "@type", &sk_char_backend_enum, backend);
    if (backend == SK_CHAR_UNIX || backend == SK_CHAR_TCP || backend == SK_CHAR_UDP)
        sk_xml_set(node, "source/@mode", connect ? "connect" : "bind");
    sk_xml_write_host(node, "source", *end.host);
    sk_xml_set(node, backend == SK_CHAR_SPICEPORT ? "source/@channel" : "source/@path", *end.path);
    if (backend == SK_CHAR_FILE)
        sk_xml_set(node, "source/@append", "on");
    if (backend == SK_CHAR_TCP)
        sk_xml_set(node, "protocol/@type", *end.telnet ? "telnet" : "raw");
    sk_xml_set(node, "log/@file", *end.log_file);
    if (*end.log_file != NULL)
        sk_xml_set(node, "log/@append", *end.log_truncate ? "off" : "on");
}

/* -- serial ports --------------------------------------------------------------------------------------------------------- */

/* Numbers are counted over all models here, by some clients for each of them. */
static gboolean
has_port(const SkDomainSpec *spec, const SkSerial *serial)
{
    for (guint i = 0; spec != NULL && spec->serials != NULL && i < spec->serials->len; i++) {
        const SkSerial *other = spec->serials->pdata[i];
        if (other != serial && other->port == serial->port)
            return TRUE;
    }
    return FALSE;
}

static gboolean
read_serial(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkSerial *serial = value;
    gboolean within = spec != NULL && spec->serials != NULL && g_ptr_array_find(spec->serials, serial, NULL);
    guint count = spec != NULL && spec->serials != NULL ? spec->serials->len : 0;
    serial->port = within ? count - 1 : count;
    if (!sk_xml_get_uint(node, "target/@port", 15, &serial->port, error))
        return FALSE;
    while (has_port(spec, serial))
        serial->port++;
    /* A console's word for a serial port of the usual kind. */
    if (!sk_xml_is(node, "target/@type", "serial") && !sk_xml_get_enum(node, "target/@type", &sk_serial_model_enum, &serial->model, error))
        return FALSE;
    static const char *const names[SK_N_SERIAL_MODELS] = { "isa-serial", "pci-serial", "usb-serial" };
    sk_xml_is(node, "target/model/@name", names[serial->model]);
    return read_end(node, (End) END(serial), error);
}

static void
write_serial(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    SkSerial *serial = (SkSerial *) value;
    write_end(node, (End) END(serial));
    sk_xml_set_enum(node, "target/@type", &sk_serial_model_enum, serial->model);
    sk_xml_setf(node, "target/@port", "%u", serial->port);
    sk_xml_set_enum(node, "target/model/@name", &sk_serial_model_enum, serial->model);
    sk_xml_write_fields(node, &sk_serial_type, value);
}

static gboolean
read_parallel(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkParallel *parallel = value;
    gboolean within = spec != NULL && spec->parallels != NULL && g_ptr_array_find(spec->parallels, parallel, NULL);
    guint count = spec != NULL && spec->parallels != NULL ? spec->parallels->len : 0;
    parallel->port = within ? count - 1 : count;
    return sk_xml_get_uint(node, "target/@port", 2, &parallel->port, error) && read_end(node, (End) END(parallel), error);
}

static void
write_parallel(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    SkParallel *parallel = (SkParallel *) value;
    write_end(node, (End) END(parallel));
    sk_xml_setf(node, "target/@port", "%u", parallel->port);
    sk_xml_write_fields(node, &sk_parallel_type, value);
}

/* -- consoles ---------------------------------------------------------------------------------------------------------------- */

static gboolean
is_taken(const SkDomainSpec *spec, const SkConsole *console)
{
    for (guint i = 0; spec != NULL && spec->consoles != NULL && i < spec->consoles->len; i++) {
        const SkConsole *other = spec->consoles->pdata[i];
        if (other != console && other->port == console->port)
            return TRUE;
    }
    return FALSE;
}

static gboolean
read_console(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkConsole *console = value;
    if (!sk_xml_is(node, "target/@type", "virtio"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only the first console can be a serial port; give the target type virtio");
    console->port = 0;
    if (!sk_xml_get_uint(node, "target/@port", 30, &console->port, error))
        return FALSE;
    /* libvirt counts consoles by their place, whatever the numbers. */
    while (is_taken(spec, console))
        console->port++;
    return read_end(node, (End) END(console), error);
}

static void
write_console(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    SkConsole *console = (SkConsole *) value;
    write_end(node, (End) END(console));
    sk_xml_set(node, "target/@type", "virtio");
    sk_xml_setf(node, "target/@port", "%u", console->port);
    sk_xml_write_fields(node, &sk_console_type, value);
}

static gboolean
is_serial_console(SkXmlNode *node)
{
    const char *target = sk_xml_get(node, "target/@type");
    return target == NULL || g_str_equal(target, "serial");
}

/*
 * The first console may be the first serial port by another name: if that is not there it is what makes it, and if
 * it is there it says nothing of its own.
 */
gboolean
sk_xml_read_consoles(SkXmlNode *devices, SkDomainSpec *spec, GError **error)
{
    const SkXmlFamily *serial = sk_xml_find_family("serial"), *console = sk_xml_find_family("console");
    gboolean first = TRUE;
    for (SkXmlNode *node = sk_xml_child(devices, "console"); node != NULL; node = sk_xml_next(node), first = FALSE) {
        if (!first || !is_serial_console(node)) {
            if (!sk_xml_read_device_into(node, console, spec, error))
                return FALSE;
        } else if (spec->serials == NULL) {
            if (!sk_xml_read_device_into(node, serial, spec, error))
                return FALSE;
        } else {
            sk_xml_ignore(node, ".");
        }
    }
    return TRUE;
}

void
sk_xml_write_console_of_serial(SkXmlNode *devices, const SkXmlWriter *writer)
{
    const GPtrArray *serials = writer->spec->serials;
    if (serials == NULL || serials->len == 0)
        return;
    SkSerial *serial = serials->pdata[0];
    SkXmlNode *node = sk_xml_add(devices, "console");
    write_end(node, (End) END(serial));
    sk_xml_set(node, "target/@type", "serial");
    sk_xml_setf(node, "target/@port", "%u", serial->port);
    if (sk_xml_is_live(writer))
        sk_xml_set(node, "alias/@name", serial->alias);
}

/* -- channels ------------------------------------------------------------------------------------------------------------------ */

/* The daemon's own sockets come back in XML of running domains. */
static gboolean
is_own_socket(const char *path)
{
    return path != NULL && (strstr(path, "/channel/") != NULL || g_str_has_prefix(path, "/run/skep/"));
}

static gboolean
read_unix_channel(SkXmlNode *node, SkChannel *channel, GError **error)
{
    if (sk_xml_has(node, "source/@mode") && !sk_xml_is(node, "source/@mode", "bind"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only a source of mode \"bind\" is supported");
    sk_xml_get_string(node, "source/@path", &channel->path);
    if (is_own_socket(channel->path))
        g_clear_pointer(&channel->path, g_free);
    gboolean agent = g_strcmp0(channel->name, "org.qemu.guest_agent.0") == 0 && channel->path == NULL;
    channel->kind = agent ? SK_CHANNEL_AGENT : SK_CHANNEL_UNIX;
    return TRUE;
}

static gboolean
read_channel_source(SkXmlNode *node, SkChannel *channel, GError **error)
{
    switch (channel->kind) {
    case SK_CHANNEL_AGENT:
    case SK_CHANNEL_UNIX:
        return read_unix_channel(node, channel, error);
    case SK_CHANNEL_FILE:
        sk_xml_is(node, "source/@append", "on");
        sk_xml_get_string(node, "source/@path", &channel->path);
        return TRUE;
    case SK_CHANNEL_SPICEPORT:
        sk_xml_get_string(node, "source/@channel", &channel->path);
        return TRUE;
    case SK_CHANNEL_TCP:
        sk_xml_is(node, "source/@mode", "bind");
        sk_xml_is(node, "protocol/@type", "raw");
        channel->host = sk_xml_read_host(node, "source");
        return TRUE;
    default:
        return TRUE;
    }
}

static gboolean
read_channel(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkChannel *channel = value;
    if (!sk_xml_is(node, "target/@type", "virtio"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only channels with a target of type \"virtio\" are supported");
    if (!sk_xml_get_enum(node, "@type", &sk_channel_kind_enum, &channel->kind, error))
        return FALSE;
    if (!sk_xml_has(node, "target/@name") && (channel->kind == SK_CHANNEL_SPICEVMC || channel->kind == SK_CHANNEL_VDAGENT)) {
        g_free(channel->name);
        channel->name = g_strdup("com.redhat.spice.0");
    }
    /* Whether the guest has the port open is told of a running domain. */
    sk_xml_ignore(node, "target/@state");
    return read_channel_source(node, channel, error);
}

static void
write_channel(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkChannel *channel = value;
    sk_xml_set_enum(node, "@type", &sk_channel_kind_enum, channel->kind);
    if (channel->host != NULL || (channel->path != NULL && channel->kind <= SK_CHANNEL_UNIX))
        sk_xml_set(node, "source/@mode", "bind");
    sk_xml_set(node, channel->kind == SK_CHANNEL_SPICEPORT ? "source/@channel" : "source/@path", channel->path);
    sk_xml_write_host(node, "source", channel->host);
    if (channel->kind == SK_CHANNEL_TCP)
        sk_xml_set(node, "protocol/@type", "raw");
    sk_xml_set(node, "target/@type", "virtio");
    sk_xml_write_fields(node, &sk_channel_type, value);
    if (sk_xml_is_live(writer) && channel->kind == SK_CHANNEL_AGENT)
        sk_xml_set(node, "target/@state", writer->options.agent ? "connected" : "disconnected");
}

const SkXmlFamily sk_xml_char_families[] = {
    { "serial", "serials", &sk_serial_type, read_serial, write_serial, NULL },
    { "parallel", "parallels", &sk_parallel_type, read_parallel, write_parallel, NULL },
    { "console", "consoles", &sk_console_type, read_console, write_console, NULL },
    { "channel", "channels", &sk_channel_type, read_channel, write_channel, NULL },
    { NULL },
};
