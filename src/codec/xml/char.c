/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <serial>, <console>, <channel> and what is at their host end. */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- the host end --------------------------------------------------------------------------------------------------- */

/* What the three kinds of value have in common. */
typedef struct {
    gint *backend;          /* SkCharBackend */
    char **path, **host;
} End;

/* "127.0.0.1:4555", "[::1]:4555" from address and service. */
static gboolean
read_tcp(SkXmlNode *node, End end, GError **error)
{
    const char *host = sk_xml_get(node, "source/@host"), *service = sk_xml_get(node, "source/@service");
    if (!sk_xml_is(node, "source/@mode", "bind"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only a source of mode \"bind\" is supported, which listens");
    if (service == NULL)
        return sk_xml_fail(node, error, SK_ERROR_INVALID, "source has no attribute \"service\": the port to listen on");
    sk_xml_is(node, "protocol/@type", "raw");
    host = host != NULL ? host : "127.0.0.1";
    *end.host = g_strdup_printf(strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, service);
    return TRUE;
}

static gboolean
read_end(SkXmlNode *node, End end, GError **error)
{
    if (!sk_xml_get_enum(node, "@type", &sk_char_backend_enum, end.backend, error))
        return FALSE;
    if (*end.backend == SK_CHAR_TCP)
        return read_tcp(node, end, error);
    if (*end.backend == SK_CHAR_UNIX)
        sk_xml_is(node, "source/@mode", "bind");
    if (*end.backend == SK_CHAR_FILE)
        sk_xml_is(node, "source/@append", "on");
    if (*end.backend == SK_CHAR_UNIX || *end.backend == SK_CHAR_FILE)
        sk_xml_get_string(node, "source/@path", end.path);
    if (*end.backend == SK_CHAR_RECORDED) {
        /* The terminal of a running domain is not a part of its definition. */
        sk_xml_ignore(node, "@tty");
        sk_xml_ignore(node, "source/@path");
    }
    return TRUE;
}

static void
write_end(SkXmlNode *node, gint backend, const char *path, const char *host)
{
    sk_xml_set_enum(node, "@type", &sk_char_backend_enum, backend);
    if (backend == SK_CHAR_TCP && host != NULL) {
        const char *colon = strrchr(host, ':');
        g_autofree char *address = g_strndup(host, colon != NULL ? (gsize) (colon - host) : strlen(host));
        sk_xml_set(node, "source/@mode", "bind");
        sk_xml_set(node, "source/@host", *address == '[' ? g_strdelimit(address, "[]", ' ') : address);
        sk_xml_set(node, "source/@service", colon != NULL ? colon + 1 : "");
        sk_xml_set(node, "protocol/@type", "raw");
    } else if (path != NULL) {
        if (backend == SK_CHAR_UNIX)
            sk_xml_set(node, "source/@mode", "bind");
        sk_xml_set(node, "source/@path", path);
        if (backend == SK_CHAR_FILE)
            sk_xml_set(node, "source/@append", "on");
    }
}

/* -- serial ports --------------------------------------------------------------------------------------------------------- */

static gboolean
read_serial(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkSerial *serial = value;
    gboolean within = spec != NULL && spec->serials != NULL && g_ptr_array_find(spec->serials, serial, NULL);
    guint count = spec != NULL && spec->serials != NULL ? spec->serials->len : 0;
    serial->port = within ? count - 1 : count;
    if (!sk_xml_get_uint(node, "target/@port", 15, &serial->port, error))
        return FALSE;
    /* A console's word for a serial port of the usual kind. */
    if (!sk_xml_is(node, "target/@type", "serial") && !sk_xml_get_enum(node, "target/@type", &sk_serial_model_enum, &serial->model, error))
        return FALSE;
    static const char *const names[SK_N_SERIAL_MODELS] = { "isa-serial", "pci-serial", "usb-serial" };
    sk_xml_is(node, "target/model/@name", names[serial->model]);
    return read_end(node, (End){ &serial->backend, &serial->path, &serial->host }, error);
}

static void
write_serial(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkSerial *serial = value;
    write_end(node, serial->backend, serial->path, serial->host);
    sk_xml_set_enum(node, "target/@type", &sk_serial_model_enum, serial->model);
    sk_xml_setf(node, "target/@port", "%u", serial->port);
    sk_xml_set_enum(node, "target/model/@name", &sk_serial_model_enum, serial->model);
}

/* -- consoles ---------------------------------------------------------------------------------------------------------------- */

static gboolean
read_console(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkConsole *console = value;
    gboolean within = spec != NULL && spec->consoles != NULL && g_ptr_array_find(spec->consoles, console, NULL);
    guint count = spec != NULL && spec->consoles != NULL ? spec->consoles->len : 0;
    if (!sk_xml_is(node, "target/@type", "virtio"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only the first console can be a serial port; give the target type virtio");
    console->port = within ? count - 1 : count;
    if (!sk_xml_get_uint(node, "target/@port", 30, &console->port, error))
        return FALSE;
    return read_end(node, (End){ &console->backend, &console->path, &console->host }, error);
}

static void
write_console(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkConsole *console = value;
    write_end(node, console->backend, console->path, console->host);
    sk_xml_set(node, "target/@type", "virtio");
    sk_xml_setf(node, "target/@port", "%u", console->port);
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
    const SkSerial *serial = serials->pdata[0];
    SkXmlNode *node = sk_xml_add(devices, "console");
    write_end(node, serial->backend, serial->path, serial->host);
    sk_xml_set(node, "target/@type", "serial");
    sk_xml_setf(node, "target/@port", "%u", serial->port);
    if (sk_xml_is_live(writer))
        sk_xml_set(node, "alias/@name", serial->alias);
}

/* -- channels ------------------------------------------------------------------------------------------------------------------ */

static gboolean
read_channel(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkChannel *channel = value;
    const char *type = sk_xml_get(node, "@type");
    if (!sk_xml_is(node, "target/@type", "virtio"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only channels with a target of type \"virtio\" are supported");
    /* Whether the guest has the port open is told of a running domain. */
    sk_xml_ignore(node, "target/@state");
    if (g_strcmp0(type, "spicevmc") == 0) {
        channel->kind = SK_CHANNEL_SPICEVMC;
        if (!sk_xml_has(node, "target/@name")) {
            g_free(channel->name);
            channel->name = g_strdup("com.redhat.spice.0");
        }
        return TRUE;
    }
    if (g_strcmp0(type, "unix") != 0)
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "channel type \"%.32s\" is not supported: give unix or spicevmc", type != NULL ? type : "");
    sk_xml_is(node, "source/@mode", "bind");
    sk_xml_get_string(node, "source/@path", &channel->path);
    /* The daemon's own sockets come back in XML of running domains. */
    if (channel->path != NULL && (strstr(channel->path, "/channel/") != NULL || g_str_has_prefix(channel->path, "/run/skep/")))
        g_clear_pointer(&channel->path, g_free);
    gboolean agent = g_strcmp0(channel->name, "org.qemu.guest_agent.0") == 0 && channel->path == NULL;
    channel->kind = agent ? SK_CHANNEL_AGENT : SK_CHANNEL_UNIX;
    return TRUE;
}

static void
write_channel(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkChannel *channel = value;
    sk_xml_set_enum(node, "@type", &sk_channel_kind_enum, channel->kind);
    if (channel->path != NULL) {
        sk_xml_set(node, "source/@mode", "bind");
        sk_xml_set(node, "source/@path", channel->path);
    }
    sk_xml_set(node, "target/@type", "virtio");
}

const SkXmlFamily sk_xml_char_families[] = {
    { "serial", "serials", &sk_serial_type, read_serial, write_serial, NULL },
    { "console", "consoles", &sk_console_type, read_console, write_console, NULL },
    { "channel", "channels", &sk_channel_type, read_channel, write_channel, NULL },
    { NULL },
};
