/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <graphics>, <video>, <sound> */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- graphics ---------------------------------------------------------------------------------------------------- */

/* Ports that are to be chosen are 0 here, -1 or left out there. */
static gboolean
read_port(SkXmlNode *node, const char *path, guint *out, GError **error)
{
    gint64 port = 0;
    if (!sk_xml_get_int64(node, path, &port, error))
        return FALSE;
    if (port < -1 || port > 65535)
        return sk_xml_fail(node, error, SK_ERROR_XML, "%s is %" G_GINT64_FORMAT ", give -1 or a port to 65535", path + 1, port);
    *out = port > 0 ? (guint) port : 0;
    return TRUE;
}

/* The XML of a running domain tells where our socket is; another one cannot be asked for. */
static gboolean
read_socket(SkXmlNode *node, GError **error)
{
    const char *path = sk_xml_get(node, "@socket");
    if (path == NULL || g_str_has_suffix(path, "/vnc.sock") || g_str_has_suffix(path, "/spice.sock"))
        return TRUE;
    return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "where the socket is cannot be chosen: leave out socket=\"%.128s\", the running domain's XML tells it", path);
}

/* The listen attributes say the same as the first <listen> element. */
static gboolean
read_listen(SkXmlNode *node, SkGraphics *graphics, GError **error)
{
    SkXmlNode *listen = sk_xml_child(node, "listen");
    graphics->listen = SK_LISTEN_ADDRESS;
    sk_xml_get_string(node, "@listen", &graphics->host);
    if (sk_xml_has(node, "@socket"))
        graphics->listen = SK_LISTEN_SOCKET;
    if (!read_socket(node, error) || (listen != NULL && !read_socket(listen, error)))
        return FALSE;
    if (listen == NULL)
        return TRUE;
    if (!sk_xml_get_enum(listen, "@type", &sk_listen_enum, &graphics->listen, error))
        return FALSE;
    sk_xml_get_string(listen, "@address", &graphics->host);
    SkXmlNode *other = sk_xml_next(listen);
    if (other != NULL)
        return sk_xml_fail(other, error, SK_ERROR_UNSUPPORTED, "a graphical console can have one <listen>");
    return TRUE;
}

/* A channel that must be secure needs TLS, which the whole of it then has. */
static gboolean
read_spice(SkXmlNode *node, SkGraphics *graphics, GError **error)
{
    for (SkXmlNode *channel = sk_xml_child(node, "channel"); channel != NULL; channel = sk_xml_next(channel)) {
        sk_xml_ignore(channel, "@name");
        if (!sk_xml_is(channel, "@mode", "any"))
            return sk_xml_fail(channel, error, SK_ERROR_UNSUPPORTED, "modes of single channels are not supported: give mode \"any\"");
    }
    sk_xml_is(node, "@defaultMode", "any");
    /* 0 listens for no TLS here, as -1 does there. */
    return read_port(node, "@tlsPort", &graphics->tls_port, error);
}

static gboolean
read_graphics(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkGraphics *graphics = value;
    gboolean chosen = FALSE;
    if (!read_listen(node, graphics, error) || !read_port(node, "@port", &graphics->port, error) ||
        !sk_xml_get_bool(node, "@autoport", &chosen, error))
        return FALSE;
    if (chosen || graphics->listen != SK_LISTEN_ADDRESS)
        graphics->port = 0;
    if (graphics->listen != SK_LISTEN_ADDRESS)
        g_clear_pointer(&graphics->host, g_free);
    sk_xml_get_string(node, "@passwd", &graphics->password);
    return graphics->kind != SK_GRAPHICS_SPICE || read_spice(node, graphics, error);
}

static void
write_graphics(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkGraphics *graphics = value;
    /* virt-viewer goes to the address that what runs is shown with. */
    const char *host = graphics->host == NULL && sk_xml_is_live(writer) && graphics->listen == SK_LISTEN_ADDRESS ? "127.0.0.1" : graphics->host;
    SkXmlNode *listen;
    sk_xml_write_fields(node, &sk_graphics_type, value);
    if (graphics->listen == SK_LISTEN_ADDRESS) {
        guint port = sk_xml_is_live(writer) && graphics->bound > 0 ? graphics->bound : graphics->port;
        sk_xml_setf(node, "@port", "%d", port > 0 ? (gint) port : -1);
        sk_xml_set(node, "@autoport", graphics->port > 0 ? "no" : "yes");
        sk_xml_set(node, "@listen", host);
    } else if (graphics->listen == SK_LISTEN_SOCKET && graphics->kind == SK_GRAPHICS_VNC && sk_xml_is_live(writer)) {
        sk_xml_set(node, "@socket", graphics->socket);
    }
    sk_xml_set_uint(node, "@tlsPort", graphics->tls_port);
    if (sk_xml_is_secure(writer))
        sk_xml_set(node, "@passwd", graphics->password);
    listen = sk_xml_add(node, "listen");
    sk_xml_set_enum(listen, "@type", &sk_listen_enum, graphics->listen);
    sk_xml_set(listen, "@address", host);
    if (sk_xml_is_live(writer) && graphics->listen == SK_LISTEN_SOCKET)
        sk_xml_set(listen, "@socket", graphics->socket);
}

/* -- video ---------------------------------------------------------------------------------------------------------- */

static gboolean
read_video(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    /* The first card is the primary one; 2D is always drawn by the guest. */
    sk_xml_ignore(node, "model/acceleration/@accel2d");
    sk_xml_is(node, "model/@primary", "yes");
    SkVideo *video = value;
    video->heads = video->heads == 1 ? 0 : video->heads;
    return TRUE;
}

static void
write_video(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkVideo *video = value;
    sk_xml_write_fields(node, &sk_video_type, value);
    if (video->heads == 0 && video->model != SK_VIDEO_NONE)
        sk_xml_set(node, "model/@heads", "1");
    if (writer->spec != NULL && writer->spec->videos != NULL && writer->spec->videos->len > 0 && writer->spec->videos->pdata[0] == value &&
        video->model != SK_VIDEO_NONE)
        sk_xml_set(node, "model/@primary", "yes");
}

/* -- sound ------------------------------------------------------------------------------------------------------------ */

static gboolean
read_sound(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkXmlNode *codec = sk_xml_child(node, "codec"), *other = codec != NULL ? sk_xml_next(codec) : NULL;
    return other == NULL || sk_xml_fail(other, error, SK_ERROR_UNSUPPORTED, "a sound card can have one codec");
}

const SkXmlFamily sk_xml_graphics_families[] = {
    { "graphics", "graphics", &sk_graphics_type, read_graphics, write_graphics, NULL },
    { "video", "videos", &sk_video_type, read_video, write_video, NULL },
    { "sound", "sounds", &sk_sound_type, read_sound, NULL, NULL },
    { NULL },
};
