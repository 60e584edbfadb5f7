/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Graphical consoles and video cards. */
#include <string.h>

#include "base/error.h"
#include "engine/cmdline/builder.h"

#define MIB (1024 * 1024)

/* -- VNC ------------------------------------------------------------------------------------------------------------ */

/* VNC's display numbers begin at port 5900; 0 looks for the first free one of the next hundred. */
static void
add_address(GString *text, const SkGraphics *graphics)
{
    const char *host = graphics->host != NULL ? graphics->host : "127.0.0.1";
    gboolean v6 = strchr(host, ':') != NULL;
    guint port = graphics->bound > 0 ? graphics->bound : graphics->port;
    g_string_append_printf(text, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port >= 5900 ? port - 5900 : 0);
    if (port == 0)
        g_string_append(text, ",to=99");
}

static void
add_socket(const SkBuilder *self, GString *text)
{
    const SkLaunch *launch = self->launch;
    g_autofree char *usual = g_strconcat(launch->run_dir != NULL ? launch->run_dir : ".", "/vnc.sock", NULL);
    g_autofree char *quoted = sk_qemu_quote(launch->vnc_socket != NULL ? launch->vnc_socket : usual);
    g_string_append_printf(text, "unix:%s", quoted);
}

/* The password comes from a file of its own, so that neither the command line nor QMP's log shows it. */
static gboolean
add_password(SkBuilder *self, GString *text, GError **error)
{
    if (self->launch->vnc_password_fd < 0)
        return sk_fail(error, SK_ERROR_INTERNAL, "the VNC password of domain \"%s\" was not handed over", self->spec->name);
    g_autofree char *file = sk_builder_fd_path(self, self->launch->vnc_password_fd);
    g_string_append(text, ",password-secret=vnc-password");
    return sk_builder_object(self, json_pack("{s:s,s:s,s:s}", "qom-type", "secret", "id", "vnc-password", "file", file), error);
}

static gboolean
build_vnc(SkBuilder *self, const SkGraphics *graphics, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (graphics->listen == SK_LISTEN_ADDRESS)
        add_address(text, graphics);
    else if (graphics->listen == SK_LISTEN_SOCKET)
        add_socket(self, text);
    else
        g_string_append(text, "none");
    if (graphics->password != NULL && !add_password(self, text, error))
        return FALSE;
    if (graphics->websocket > 0)
        g_string_append_printf(text, ",websocket=%" G_GINT64_FORMAT, graphics->websocket);
    else if (graphics->websocket < 0)
        g_string_append(text, ",websocket=on");
    if (graphics->share != SK_SHARE_DEFAULT)
        g_string_append_printf(text, ",share=%s", sk_enum_name(&sk_share_enum, graphics->share));
    sk_builder_arg(self, "-vnc", g_strdup(text->str));
    return TRUE;
}

static gboolean
check_keymap(const SkGraphics *graphics, GError **error)
{
    /* QEMU takes it for a path. */
    if (graphics->keymap == NULL || g_regex_match_simple("^[a-z]{2,3}(-[a-z]{2,3})?$", graphics->keymap, 0, 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "keymap \"%s\" is not a keyboard layout such as en-us or de", graphics->keymap);
}

gboolean
sk_build_graphics(SkBuilder *self, GError **error)
{
    const GPtrArray *list = self->spec->graphics;
    for (guint i = 0; list != NULL && i < list->len; i++) {
        const SkGraphics *graphics = list->pdata[i];
        if (i > 0 && ((const SkGraphics *) list->pdata[0])->kind == graphics->kind)
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" has two consoles of kind %s, one is possible", self->spec->name,
                           sk_enum_name(&sk_graphics_kind_enum, graphics->kind));
        if (!check_keymap(graphics, error))
            return FALSE;
        if (!(graphics->kind == SK_GRAPHICS_SPICE ? sk_build_spice(self, graphics, error) : build_vnc(self, graphics, error)))
            return FALSE;
        /* There is one keyboard, whoever sees it. */
        if (graphics->keymap != NULL && (i == 0 || ((const SkGraphics *) list->pdata[0])->keymap == NULL))
            sk_builder_arg(self, "-k", g_strdup(graphics->keymap));
    }
    return TRUE;
}

/* -- video ------------------------------------------------------------------------------------------------------------- */

/* A card as the first one, as a further one (NULL: cannot), and its properties for memory and screens. */
typedef struct {
    const char *first, *further;
    const char *vram;
    guint64 vram_unit;      /* bytes */
    const char *heads;
} Card;

static const Card cards[SK_N_VIDEO_MODELS] = {
    [SK_VIDEO_VIRTIO] = { "virtio-vga", "virtio-gpu-pci", "max_hostmem", 1, "max_outputs" },
    [SK_VIDEO_VGA] = { "VGA", "secondary-vga", "vgamem_mb", MIB, NULL },
    [SK_VIDEO_QXL] = { "qxl-vga", "qxl", "vram_size_mb", MIB, "max_outputs" },
    [SK_VIDEO_BOCHS] = { "bochs-display", "bochs-display", "vgamem", 1, NULL },
    [SK_VIDEO_CIRRUS] = { "cirrus-vga", NULL, "vgamem_mb", MIB, NULL },
    [SK_VIDEO_RAMFB] = { "ramfb", NULL, NULL, 1, NULL },
};

static gboolean
add_details(const SkVideo *video, const Card *card, json_t *device, GError **error)
{
    const char *name = sk_enum_name(&sk_video_model_enum, video->model);
    if ((video->heads > 1 && card->heads == NULL) || (video->vram > 0 && card->vram == NULL))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "video card \"%s\" cannot have its %s chosen: leave it out", name,
                       video->heads > 1 && card->heads == NULL ? "heads" : "vram");
    if (video->vram % card->vram_unit != 0)
        return sk_fail(error, SK_ERROR_INVALID, "vram of video card \"%s\" must be whole MiB", name);
    if ((video->ram > 0 || video->vgamem > 0) && video->model != SK_VIDEO_QXL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "video card \"%s\" has no ram and vgamem of its own: leave them out", name);
    if (video->accel3d == SK_SWITCH_ON)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "video card \"%s\": drawing by the host's GPU is not supported: leave accel3d out", name);
    if (video->ram > 0)
        json_object_set_new(device, "ram_size", json_integer((json_int_t) video->ram));
    if (video->vgamem > 0)
        json_object_set_new(device, "vgamem_mb", json_integer((json_int_t) (video->vgamem / MIB)));
    if (video->width > 0 && video->height > 0) {
        json_object_set_new(device, "xres", json_integer(video->width));
        json_object_set_new(device, "yres", json_integer(video->height));
    }
    if (video->heads > 1)
        json_object_set_new(device, card->heads, json_integer(video->heads));
    if (video->vram > 0)
        json_object_set_new(device, card->vram, json_integer((json_int_t) (video->vram / card->vram_unit)));
    return TRUE;
}

static gboolean
build_video(SkBuilder *self, const SkVideo *video, gboolean first, GError **error)
{
    const Card *card = &cards[video->model];
    const char *name = sk_enum_name(&sk_video_model_enum, video->model);
    const char *driver = first ? card->first : card->further;
    gboolean microvm = self->machine == SK_MACHINE_MICROVM;

    if (microvm && video->model != SK_VIDEO_VIRTIO)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "video card \"%s\": machine \"microvm\" has no PCI bus for it: give model virtio or none", name);
    if (driver == NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "video card \"%s\" can only be the first one", name);
    g_autoptr(json_t) device = json_pack("{s:s,s:s}", "driver", microvm ? "virtio-gpu-device" : driver, "id", video->alias);
    if (!add_details(video, card, device, error))
        return FALSE;
    if (video->model == SK_VIDEO_RAMFB)
        return sk_builder_device(self, g_steal_pointer(&device), error);
    return sk_builder_pci(self, g_steal_pointer(&device), video->address, error);
}

gboolean
sk_build_videos(SkBuilder *self, GError **error)
{
    const GPtrArray *videos = self->spec->videos;
    for (guint i = 0; videos != NULL && i < videos->len; i++) {
        const SkVideo *video = videos->pdata[i];
        if (video->model != SK_VIDEO_NONE && !build_video(self, video, i == 0, error))
            return FALSE;
    }
    return TRUE;
}
