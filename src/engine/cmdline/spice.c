/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPICE: the server, and the character devices that end at its viewer. */
#include <string.h>

#include "base/error.h"
#include "engine/caps.h"
#include "engine/cmdline/builder.h"

gboolean
sk_builder_has_spice(const SkBuilder *self)
{
    const GPtrArray *list = self->spec->graphics;
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (((const SkGraphics *) list->pdata[i])->kind == SK_GRAPHICS_SPICE)
            return TRUE;
    }
    return FALSE;
}

gboolean
sk_builder_spice_chardev(SkBuilder *self, const char *what, const char *alias, const char *name, GError **error)
{
    if (!sk_builder_has_spice(self))
        return sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" ends at a SPICE viewer, but the domain has no SPICE graphics", what, alias);
    if (self->steps != NULL)
        sk_builder_chardev(self, alias, "spicevmc", json_pack("{s:s}", "type", name));
    else
        sk_builder_arg(self, "-chardev", g_strdup_printf("spicevmc,id=char%s,name=%s", alias, name));
    return TRUE;
}

/* -- the server -------------------------------------------------------------------------------------------------- */

static gboolean
add_place(const SkBuilder *self, GString *text, const SkGraphics *graphics, GError **error)
{
    const SkLaunch *launch = self->launch;
    guint port = graphics->bound > 0 ? graphics->bound : graphics->port;
    if (graphics->listen == SK_LISTEN_NONE)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "SPICE must listen: give listen socket or address");
    if (graphics->listen == SK_LISTEN_SOCKET) {
        g_autofree char *usual = g_strconcat(launch->run_dir != NULL ? launch->run_dir : ".", "/spice.sock", NULL);
        g_autofree char *quoted = sk_qemu_quote(launch->spice_socket != NULL ? launch->spice_socket : usual);
        g_string_append_printf(text, "unix=on,addr=%s", quoted);
        return TRUE;
    }
    if (port == 0)
        return sk_fail(error, SK_ERROR_INTERNAL, "no port was chosen for SPICE of domain \"%s\"", self->spec->name);
    g_string_append_printf(text, "addr=%s,port=%u", graphics->host != NULL ? graphics->host : "127.0.0.1", port);
    return TRUE;
}

/* The password comes from a file of its own, as that of VNC. */
static gboolean
add_password(SkBuilder *self, GString *text, const SkGraphics *graphics, GError **error)
{
    if (graphics->password == NULL) {
        g_string_append(text, ",disable-ticketing=on");
        return TRUE;
    }
    if (self->launch->spice_password_fd < 0)
        return sk_fail(error, SK_ERROR_INTERNAL, "the SPICE password of domain \"%s\" was not handed over", self->spec->name);
    g_autofree char *file = sk_builder_fd_path(self, self->launch->spice_password_fd);
    g_string_append(text, ",password-secret=spice-password");
    return sk_builder_object(self, json_pack("{s:s,s:s,s:s}", "qom-type", "secret", "id", "spice-password", "file", file), error);
}

static void
add_choice(GString *text, const char *option, const SkEnum *names, gint value)
{
    if (value != 0)
        g_string_append_printf(text, ",%s=%s", option, sk_enum_name(names, value));
}

static void
add_details(GString *text, const SkGraphics *graphics)
{
    add_choice(text, "image-compression", &sk_image_compression_enum, graphics->image_compression);
    add_choice(text, "jpeg-wan-compression", &sk_wan_compression_enum, graphics->jpeg_compression);
    add_choice(text, "zlib-glz-wan-compression", &sk_wan_compression_enum, graphics->zlib_compression);
    add_choice(text, "playback-compression", &sk_switch_enum, graphics->playback_compression);
    add_choice(text, "streaming-video", &sk_streaming_enum, graphics->streaming);
    if (graphics->mouse != SK_MOUSE_DEFAULT)
        g_string_append_printf(text, ",agent-mouse=%s", graphics->mouse == SK_MOUSE_CLIENT ? "on" : "off");
    if (graphics->clipboard == SK_SWITCH_OFF)
        g_string_append(text, ",disable-copy-paste=on");
    if (graphics->file_transfer == SK_SWITCH_OFF)
        g_string_append(text, ",disable-agent-file-xfer=on");
    g_string_append(text, ",seamless-migration=on");
}

gboolean
sk_build_spice(SkBuilder *self, const SkGraphics *graphics, GError **error)
{
    const SkQemuCaps *caps = self->launch->caps;
    g_autoptr(GString) text = g_string_new(NULL);
    if (caps != NULL && !sk_qemu_caps_has_option(caps, "spice"))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "QEMU %s (\"%s\") was built without SPICE: give graphics vnc", sk_qemu_caps_version(caps),
                       sk_qemu_caps_binary(caps));
    if (graphics->tls_port > 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "TLS of SPICE (port %u) is not supported: leave tls_port out", graphics->tls_port);
    if (graphics->gl == SK_SWITCH_ON)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "drawing by the host's GPU is not supported: leave gl out");
    if (!add_place(self, text, graphics, error) || !add_password(self, text, graphics, error))
        return FALSE;
    add_details(text, graphics);
    sk_builder_arg(self, "-spice", g_strdup(text->str));
    return TRUE;
}
