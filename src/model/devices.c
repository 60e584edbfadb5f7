/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of the smaller devices. */
#include "model/devices.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define ALIAS(S) SK_FIELD(S, alias, STRING, "device id in QEMU", .xml = "~alias/@name", .flags = SK_FIELD_READONLY, .given = "ua-")
#define ADDRESS(S) SK_FIELD(S, address, STRING, "guest address of the device", .max = 64, .flags = SK_FIELD_STICKY)

/* -- serial ports, consoles, channels ------------------------------------------------------------------ */

static const SkEnumName backend_names[] = {
    { "recorded", "pty", "kept by the daemon, with scrollback; `skep console` opens it" },
    { "file", NULL, "appended to a file" },
    { "null", NULL, "thrown away" },
    { "unix", NULL, "a Unix socket at path" },
    { "tcp", NULL, "a TCP listener at host" },
    { "udp", NULL, "datagrams sent to host" },
    { "pipe", NULL, "two fifos, path.in and path.out" },
    { "dev", NULL, "a character device of the host" },
    { "spiceport", NULL, "a port that the SPICE viewer can use, named path" },
};
static const SkEnumName serial_names[] = { { "isa", "isa-serial" }, { "pci", "pci-serial" }, { "usb", "usb-serial" } };
static const SkEnumName channel_names[] = { { "agent", "unix" }, { "unix" }, { "spicevmc" }, { "spiceport" }, { "file" }, { "null" }, { "tcp" },
                                            { "vdagent", "qemu-vdagent", "QEMU's own clipboard, shared with VNC viewers" } };
SK_ENUM_TABLE(sk_char_backend_enum, "character device backend", backend_names, SK_N_CHAR_BACKENDS);
SK_ENUM_TABLE(sk_serial_model_enum, "serial port model", serial_names, SK_N_SERIAL_MODELS);
SK_ENUM_TABLE(sk_channel_kind_enum, "channel kind", channel_names, SK_N_CHANNEL_KINDS);

#define BACKEND(S)                                                                                           \
    SK_FIELD(S, backend, ENUM, "where the host end is", .xml = "~@type", .names = &sk_char_backend_enum),      \
    SK_FIELD(S, path, STRING, "file, socket, fifo or device; name (backend spiceport)", .xml = "~source/@path", .max = 1024), \
    SK_FIELD(S, host, STRING, "address:port to listen on (backend tcp), to send to (udp)", .max = 64),             \
    SK_FIELD(S, connect, BOOL, "connect rather than listen (backend unix, tcp)", .flags = SK_FIELD_SPARSE),       \
    SK_FIELD(S, telnet, BOOL, "speak telnet (backend tcp)", .flags = SK_FIELD_SPARSE),                             \
    SK_FIELD(S, log_file, STRING, "file that gets all the guest writes too", .xml = "~log/@file", .check = sk_check_path), \
    SK_FIELD(S, log_truncate, BOOL, "begin that file anew at each start", .xml = "~log/@append", .flags = SK_FIELD_SPARSE)

/* The members that the kinds have in common. */
typedef struct {
    gint backend;
    const char *path, *host;
    gboolean connect, telnet;
} Backend;

static gboolean
check_backend(Backend self, GError **error)
{
    const char *name = sk_enum_name(&sk_char_backend_enum, self.backend);
    static const gboolean has_path[SK_N_CHAR_BACKENDS] = { [SK_CHAR_FILE] = TRUE, [SK_CHAR_UNIX] = TRUE, [SK_CHAR_PIPE] = TRUE,
                                                           [SK_CHAR_DEV] = TRUE, [SK_CHAR_SPICEPORT] = TRUE };
    gboolean has_host = self.backend == SK_CHAR_TCP || self.backend == SK_CHAR_UDP;
    if (has_path[self.backend] && self.path == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "path is missing: backend %s needs it", name);
    if (self.path != NULL && self.backend != SK_CHAR_SPICEPORT && !sk_check_path(self.path, "path", error))
        return FALSE;
    if (has_host && self.host == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "host is missing: backend %s needs an address:port", name);
    if (self.connect && self.backend != SK_CHAR_TCP && self.backend != SK_CHAR_UNIX)
        return sk_fail(error, SK_ERROR_INVALID, "connect is for backends unix and tcp");
    if (self.telnet && self.backend != SK_CHAR_TCP)
        return sk_fail(error, SK_ERROR_INVALID, "telnet is for backend tcp");
    return TRUE;
}

#define CHECK_BACKEND(function, S)                                                                             \
    static gboolean function(gconstpointer value, GError **error)                                              \
    {                                                                                                          \
        const S *self = value;                                                                                 \
        return check_backend((Backend){ self->backend, self->path, self->host, self->connect, self->telnet }, error); \
    }
CHECK_BACKEND(check_serial, SkSerial)
CHECK_BACKEND(check_parallel, SkParallel)
CHECK_BACKEND(check_console, SkConsole)

static const SkField serial_fields[] = {
    SK_FIELD(SkSerial, port, UINT, "number of the port", .xml = "~target/@port", .min = 0, .max = 15, .flags = SK_FIELD_KEY),
    SK_FIELD(SkSerial, model, ENUM, "card the guest sees", .xml = "~target/@type", .names = &sk_serial_model_enum),
    BACKEND(SkSerial), ALIAS(SkSerial), ADDRESS(SkSerial),
};
SK_TYPE(sk_serial_type, SkSerial, "Serial", "serial port", serial_fields, "a serial port", .xml = "serial", .check = check_serial);

static const SkField parallel_fields[] = {
    SK_FIELD(SkParallel, port, UINT, "number of the port", .xml = "~target/@port", .min = 0, .max = 2, .flags = SK_FIELD_KEY),
    BACKEND(SkParallel), ALIAS(SkParallel),
};
SK_TYPE(sk_parallel_type, SkParallel, "Parallel", "parallel port", parallel_fields, "a parallel port", .xml = "parallel", .check = check_parallel);

static const SkField console_fields[] = {
    SK_FIELD(SkConsole, port, UINT, "number of the console", .xml = "~target/@port", .min = 0, .max = 30, .flags = SK_FIELD_KEY),
    BACKEND(SkConsole), ALIAS(SkConsole), ADDRESS(SkConsole),
};
SK_TYPE(sk_console_type, SkConsole, "Console", "console", console_fields, "a virtio console (hvc0)", .xml = "console", .check = check_console);

static const SkField channel_fields[] = {
    SK_FIELD(SkChannel, name, STRING, "name of the port in the guest", .xml = "target/@name", .flags = SK_FIELD_KEY, .max = 128, .def = "org.qemu.guest_agent.0"),
    SK_FIELD(SkChannel, kind, ENUM, "what is at the host end", .xml = "~@type", .names = &sk_channel_kind_enum),
    SK_FIELD(SkChannel, path, STRING, "Unix socket (kind unix), file (file), name (spiceport)", .xml = "~source/@path", .max = 1024),
    SK_FIELD(SkChannel, host, STRING, "address:port to listen on (kind tcp)", .max = 64),
    ALIAS(SkChannel), ADDRESS(SkChannel),
};

static gboolean
check_channel(gconstpointer value, GError **error)
{
    const SkChannel *self = value;
    const char *name = sk_enum_name(&sk_channel_kind_enum, self->kind);
    if ((self->kind == SK_CHANNEL_FILE || self->kind == SK_CHANNEL_SPICEPORT) && self->path == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "path is missing: kind %s needs it", name);
    if (self->path != NULL && self->kind != SK_CHANNEL_SPICEPORT && !sk_check_path(self->path, "path", error))
        return FALSE;
    if ((self->kind == SK_CHANNEL_TCP) != (self->host != NULL))
        return sk_fail(error, SK_ERROR_INVALID, "kind tcp and host go together: both or none");
    return TRUE;
}
SK_TYPE(sk_channel_type, SkChannel, "Channel", "channel", channel_fields, "a virtio port between guest and host", .xml = "channel", .check = check_channel);

/* -- graphics and video ----------------------------------------------------------------------------------- */

static const SkEnumName graphics_names[] = { { "vnc" }, { "spice" } };
static const SkEnumName listen_names[] = { { "socket", NULL, "a Unix socket; reached through the API" },
                                           { "address", NULL, "a TCP listener" },
                                           { "none", NULL, "nobody" } };
static const SkEnumName video_names[] = { { "virtio" }, { "vga" }, { "qxl" }, { "bochs" }, { "cirrus" }, { "ramfb" }, { "none" } };
SK_ENUM_TABLE(sk_graphics_kind_enum, "graphics kind", graphics_names, SK_N_GRAPHICS_KINDS);
SK_ENUM_TABLE(sk_listen_enum, "graphics listen kind", listen_names, SK_N_LISTEN_KINDS);
SK_ENUM_TABLE(sk_video_model_enum, "video model", video_names, SK_N_VIDEO_MODELS);

static const SkEnumName share_names[] = { { "default" }, { "allow-exclusive" }, { "force-shared" }, { "ignore" } };
static const SkEnumName image_names[] = { { "default" }, { "auto_glz" }, { "auto_lz" }, { "quic" }, { "glz" }, { "lz" }, { "off" } };
static const SkEnumName wan_names[] = { { "default" }, { "auto" }, { "never" }, { "always" } };
static const SkEnumName streaming_names[] = { { "default" }, { "filter" }, { "all" }, { "off" } };
static const SkEnumName mouse_names[] = { { "default" }, { "server" }, { "client" } };
SK_ENUM_TABLE(sk_share_enum, "sharing policy", share_names, SK_N_SHARE_POLICIES);
SK_ENUM_TABLE(sk_image_compression_enum, "image compression", image_names, SK_N_IMAGE_COMPRESSIONS);
SK_ENUM_TABLE(sk_wan_compression_enum, "compression", wan_names, SK_N_WAN_COMPRESSIONS);
SK_ENUM_TABLE(sk_streaming_enum, "streaming mode", streaming_names, SK_N_STREAMINGS);
SK_ENUM_TABLE(sk_mouse_enum, "mouse mode", mouse_names, SK_N_MOUSE_MODES);

#define CHOICE(S, member, help, xml_, names_) SK_FIELD(S, member, ENUM, help, .xml = xml_, .names = &names_, .flags = SK_FIELD_SPARSE)

/* "2030-01-01T00:00:00" */
static gboolean
check_until(const char *text, const char *what, GError **error)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);
    return time != NULL || sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a time such as 2030-01-01T00:00:00", what, text);
}

static const SkField graphics_fields[] = {
    SK_FIELD(SkGraphics, kind, ENUM, "protocol", .xml = "@type", .names = &sk_graphics_kind_enum, .flags = SK_FIELD_KEY),
    SK_FIELD(SkGraphics, listen, ENUM, "who can connect", .xml = "~listen/@type", .names = &sk_listen_enum),
    SK_FIELD(SkGraphics, host, STRING, "IP address to listen on (listen address)", .xml = "~listen/@address", .check = sk_check_address),
    SK_FIELD(SkGraphics, port, UINT, "TCP port, 0 for the first free one from 5900", .xml = "~@port", .min = 0, .max = 65535),
    SK_FIELD(SkGraphics, password, STRING, "password that a viewer must give", .xml = "~@passwd", .flags = SK_FIELD_SECRET | SK_FIELD_LIVE, .max = 64),
    SK_FIELD(SkGraphics, password_until, STRING, "time until the password is good, UTC", .xml = "@passwdValidTo", .check = check_until),
    SK_FIELD(SkGraphics, keymap, STRING, "keyboard layout, such as en-us", .xml = "@keymap", .max = 16),
    CHOICE(SkGraphics, share, "what happens when a second viewer comes (vnc)", "@sharePolicy", sk_share_enum),
    SK_FIELD(SkGraphics, websocket, INT64, "TCP port for browsers, -1 for the first free one (vnc)", .xml = "@websocket", .min = -1, .max = 65535, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkGraphics, tls_port, UINT, "TCP port for TLS (spice)", .xml = "~@tlsPort", .min = 0, .max = 65535, .flags = SK_FIELD_SPARSE),
    CHOICE(SkGraphics, image_compression, "how images are compressed (spice)", "image/@compression", sk_image_compression_enum),
    CHOICE(SkGraphics, jpeg_compression, "lossy compression over slow links (spice)", "jpeg/@compression", sk_wan_compression_enum),
    CHOICE(SkGraphics, zlib_compression, "more compression over slow links (spice)", "zlib/@compression", sk_wan_compression_enum),
    CHOICE(SkGraphics, playback_compression, "sound is compressed (spice)", "playback/@compression", sk_switch_enum),
    CHOICE(SkGraphics, streaming, "which parts of the screen are sent as video (spice)", "streaming/@mode", sk_streaming_enum),
    CHOICE(SkGraphics, mouse, "who draws the pointer (spice)", "mouse/@mode", sk_mouse_enum),
    CHOICE(SkGraphics, clipboard, "the clipboard is shared (spice)", "clipboard/@copypaste", sk_yes_no_enum),
    CHOICE(SkGraphics, file_transfer, "files can be dropped into the guest (spice)", "filetransfer/@enable", sk_yes_no_enum),
    CHOICE(SkGraphics, gl, "drawn by the host's GPU (spice)", "gl/@enable", sk_yes_no_enum),
    SK_FIELD(SkGraphics, socket, STRING, "Unix socket while running", .xml = "~listen/@socket", .flags = SK_FIELD_READONLY),
    SK_FIELD(SkGraphics, bound, UINT, "TCP port while running", .xml = "~@port", .flags = SK_FIELD_READONLY | SK_FIELD_SPARSE),
};

static gboolean
check_graphics(gconstpointer value, GError **error)
{
    const SkGraphics *self = value;
    if (self->kind == SK_GRAPHICS_VNC && self->password != NULL && strlen(self->password) > 8)
        return sk_fail(error, SK_ERROR_INVALID, "password has %u characters, VNC uses at most 8", (guint) strlen(self->password));
    if (self->listen != SK_LISTEN_ADDRESS && (self->port > 0 || self->host != NULL))
        return sk_fail(error, SK_ERROR_INVALID, "host and port are for listen \"address\"");
    if (self->kind != SK_GRAPHICS_VNC && (self->share != 0 || self->websocket != 0))
        return sk_fail(error, SK_ERROR_INVALID, "share and websocket are for kind vnc");
    if (self->port > 0 && self->port < 5900 && self->kind == SK_GRAPHICS_VNC)
        return sk_fail(error, SK_ERROR_INVALID, "port is %u, VNC ports begin at 5900", self->port);
    return TRUE;
}
SK_TYPE(sk_graphics_type, SkGraphics, "Graphics", "graphics", graphics_fields, "a graphical console", .xml = "graphics", .check = check_graphics);

static const SkField video_fields[] = {
    SK_FIELD(SkVideo, model, ENUM, "card the guest sees", .xml = "model/@type", .names = &sk_video_model_enum),
    SK_FIELD(SkVideo, vram, SIZE, "video memory, 0 for the usual", .xml = "model/@vram|KiB", .min = 0, .max = G_GINT64_CONSTANT(1) << 32, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVideo, heads, UINT, "screens, 0 for one", .xml = "model/@heads", .min = 0, .max = 16, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVideo, ram, SIZE, "primary memory of a qxl, 0 for the usual", .xml = "model/@ram|KiB", .min = 0, .max = G_GINT64_CONSTANT(1) << 32, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVideo, vgamem, SIZE, "VGA memory of a qxl, 0 for the usual", .xml = "model/@vgamem|KiB", .min = 0, .max = G_GINT64_CONSTANT(1) << 32, .flags = SK_FIELD_SPARSE),
    CHOICE(SkVideo, accel3d, "3D drawn by the host's GPU (virtio)", "model/acceleration/@accel3d", sk_yes_no_enum),
    SK_FIELD(SkVideo, width, UINT, "pixels across at first, 0 for the card's", .xml = "model/resolution/@x", .min = 0, .max = 16384, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVideo, height, UINT, "pixels down at first", .xml = "model/resolution/@y", .min = 0, .max = 16384, .flags = SK_FIELD_SPARSE),
    ALIAS(SkVideo), ADDRESS(SkVideo),
};
SK_TYPE(sk_video_type, SkVideo, "Video", "video card", video_fields, "a video card", .xml = "video");

/* -- input, rng, balloon, watchdog, tpm, sound, panic, vsock --------------------------------------------------- */

static const SkEnumName input_names[] = { { "tablet" }, { "mouse" }, { "keyboard" } };
static const SkEnumName input_bus_names[] = { { "usb" }, { "virtio" }, { "ps2" } };
SK_ENUM_TABLE(sk_input_kind_enum, "input device", input_names, SK_N_INPUT_KINDS);
SK_ENUM_TABLE(sk_input_bus_enum, "input bus", input_bus_names, SK_N_INPUT_BUSES);
static const SkField input_fields[] = {
    SK_FIELD(SkInput, kind, ENUM, "what it is", .xml = "@type", .names = &sk_input_kind_enum),
    SK_FIELD(SkInput, bus, ENUM, "how it is connected", .xml = "@bus", .names = &sk_input_bus_enum),
    ALIAS(SkInput), ADDRESS(SkInput),
};
SK_TYPE(sk_input_type, SkInput, "Input", "input device", input_fields, "a keyboard, mouse or tablet", .xml = "input");

static const SkEnumName rng_names[] = { { "random" }, { "builtin", NULL, "QEMU's own" } };
SK_ENUM_TABLE(sk_rng_kind_enum, "random source", rng_names, SK_N_RNG_KINDS);
static const SkField rng_fields[] = {
    SK_FIELD(SkRng, kind, ENUM, "where numbers come from", .xml = "backend/@model", .names = &sk_rng_kind_enum, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkRng, path, STRING, "random source of the host (random)", .xml = "~backend", .def = "/dev/urandom", .check = sk_check_path),
    SK_FIELD(SkRng, rate_bytes, UINT64, "bytes a period at most, 0 for no limit", .xml = "rate/@bytes", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkRng, rate_period, UINT, "period in milliseconds", .xml = "rate/@period", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkRng, model, ENUM, "which virtio it speaks", .xml = "~@model", .names = &sk_virtio_enum, .flags = SK_FIELD_SPARSE),
    ALIAS(SkRng), ADDRESS(SkRng),
};
SK_TYPE(sk_rng_type, SkRng, "Rng", "random number generator", rng_fields, "a random number generator", .xml = "rng");

static const SkEnumName balloon_names[] = { { "virtio" }, { "none" }, { "virtio-transitional" }, { "virtio-non-transitional" } };
SK_ENUM_TABLE(sk_balloon_model_enum, "balloon model", balloon_names, SK_N_BALLOON_MODELS);
static const SkField balloon_fields[] = {
    SK_FIELD(SkBalloon, model, ENUM, "model", .xml = "@model", .names = &sk_balloon_model_enum),
    SK_FIELD(SkBalloon, deflate_on_oom, BOOL, "give memory back when the guest runs out", .xml = "~@autodeflate"),
    SK_FIELD(SkBalloon, free_page_reporting, BOOL, "tell the host of free pages", .xml = "~@freePageReporting"),
    SK_FIELD(SkBalloon, stats_period, UINT, "seconds between statistics, 0 for off", .xml = "stats/@period", .min = 0, .max = 3600, .flags = SK_FIELD_SPARSE),
    ALIAS(SkBalloon), ADDRESS(SkBalloon),
};
SK_TYPE(sk_balloon_type, SkBalloon, "Balloon", "memory balloon", balloon_fields, "the memory balloon", .xml = "memballoon");

static const SkEnumName watchdog_names[] = { { "i6300esb" }, { "itco" } };
static const SkEnumName action_names[] = { { "reset" }, { "poweroff" }, { "shutdown" }, { "pause" }, { "none" }, { "inject-nmi" } };
SK_ENUM_TABLE(sk_watchdog_model_enum, "watchdog model", watchdog_names, SK_N_WATCHDOG_MODELS);
SK_ENUM_TABLE(sk_watchdog_action_enum, "watchdog action", action_names, SK_N_WATCHDOG_ACTIONS);
static const SkField watchdog_fields[] = {
    SK_FIELD(SkWatchdog, model, ENUM, "model", .xml = "@model", .names = &sk_watchdog_model_enum),
    SK_FIELD(SkWatchdog, action, ENUM, "what happens when it is not fed", .xml = "@action", .names = &sk_watchdog_action_enum),
    ALIAS(SkWatchdog), ADDRESS(SkWatchdog),
};
SK_TYPE(sk_watchdog_type, SkWatchdog, "Watchdog", "watchdog", watchdog_fields, "a watchdog", .xml = "watchdog");

static const SkEnumName tpm_names[] = { { "crb", "tpm-crb" }, { "tis", "tpm-tis" } };
static const SkEnumName tpm_version_names[] = { { "2.0" }, { "1.2" } };
SK_ENUM_TABLE(sk_tpm_model_enum, "TPM model", tpm_names, SK_N_TPM_MODELS);
SK_ENUM_TABLE(sk_tpm_version_enum, "TPM version", tpm_version_names, SK_N_TPM_VERSIONS);
static const SkField tpm_fields[] = {
    SK_FIELD(SkTpm, model, ENUM, "model", .xml = "@model", .names = &sk_tpm_model_enum),
    SK_FIELD(SkTpm, version, ENUM, "version", .xml = "backend/@version", .names = &sk_tpm_version_enum),
    ALIAS(SkTpm),
};
SK_TYPE(sk_tpm_type, SkTpm, "Tpm", "TPM", tpm_fields, "an emulated TPM (swtpm)", .xml = "tpm");

static const SkEnumName sound_names[] = { { "ich9" }, { "ich6" }, { "ac97" }, { "es1370" }, { "sb16" }, { "usb" } };
static const SkEnumName codec_names[] = { { "duplex" }, { "micro" }, { "output" } };
SK_ENUM_TABLE(sk_codec_enum, "codec", codec_names, SK_N_CODECS);
SK_ENUM_TABLE(sk_sound_model_enum, "sound card", sound_names, SK_N_SOUND_MODELS);
static const SkField sound_fields[] = {
    SK_FIELD(SkSound, model, ENUM, "model", .xml = "@model", .names = &sk_sound_model_enum),
    CHOICE(SkSound, codec, "what is behind it (ich6, ich9)", "codec/@type", sk_codec_enum),
    SK_FIELD(SkSound, audio, UINT, "number of the audio backend, 0 for the first", .xml = "audio/@id", .min = 0, .max = 64, .flags = SK_FIELD_SPARSE),
    ALIAS(SkSound), ADDRESS(SkSound),
};
SK_TYPE(sk_sound_type, SkSound, "Sound", "sound card", sound_fields, "a sound card", .xml = "sound");

static const SkEnumName panic_names[] = { { "isa" }, { "pvpanic" } };
SK_ENUM_TABLE(sk_panic_model_enum, "panic device", panic_names, SK_N_PANIC_MODELS);
static const SkField panic_fields[] = {
    SK_FIELD(SkPanic, model, ENUM, "model", .xml = "@model", .names = &sk_panic_model_enum),
    ALIAS(SkPanic), ADDRESS(SkPanic),
};
SK_TYPE(sk_panic_type, SkPanic, "Panic", "panic device", panic_fields, "tells the host that the guest's kernel died", .xml = "panic");

static const SkField vsock_fields[] = {
    SK_FIELD(SkVsock, cid, UINT, "context id, 0 for the first free one", .xml = "~cid/@address", .min = 0, .max = G_MAXUINT),
    ALIAS(SkVsock), ADDRESS(SkVsock),
};
SK_TYPE(sk_vsock_type, SkVsock, "Vsock", "vsock", vsock_fields, "sockets between guest and host", .xml = "vsock");

/* -- host devices and file systems -------------------------------------------------------------------------------- */

static const SkEnumName hostdev_names[] = { { "pci" }, { "usb" }, { "mdev" } };
SK_ENUM_TABLE(sk_hostdev_kind_enum, "host device kind", hostdev_names, SK_N_HOSTDEV_KINDS);

static gboolean
check_hostdev(gconstpointer value, GError **error)
{
    const SkHostdev *self = value;
    static const char *const patterns[] = { "^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]\\z",
                                            "^([0-9a-f]{4}:[0-9a-f]{4}|[0-9]{1,3}\\.[0-9]{1,3})\\z",
                                            "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\z" };
    static const char *const examples[] = { "0000:01:00.0", "vendor:product (1d6b:0002) or bus.device (1.4)", "its UUID" };
    if (self->host != NULL && g_regex_match_simple(patterns[self->kind], self->host, 0, 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "host \"%s\" is not a %s device: give %s", self->host ? self->host : "",
                   sk_enum_name(&sk_hostdev_kind_enum, self->kind),
                   examples[self->kind]);
}

static const SkField hostdev_fields[] = {
    SK_FIELD(SkHostdev, kind, ENUM, "PCI, USB or a mediated device", .xml = "@type", .names = &sk_hostdev_kind_enum),
    SK_FIELD(SkHostdev, host, STRING, "the device on the host", .flags = SK_FIELD_KEY, .max = 40),
    SK_FIELD(SkHostdev, managed, BOOL, "bind to vfio-pci at start and back at the end", .xml = "@managed|yes", .def = "true"),
    SK_FIELD(SkHostdev, boot_order, UINT, "place in the boot order, 0 for the domain's", .xml = "boot/@order", .min = 0, .max = 64, .flags = SK_FIELD_SPARSE),
    CHOICE(SkHostdev, rom, "the guest sees the device's ROM (pci)", "rom/@bar", sk_switch_enum),
    SK_FIELD(SkHostdev, rom_file, STRING, "file to see as its ROM (pci)", .xml = "rom/@file", .check = sk_check_path),
    CHOICE(SkHostdev, display, "it is a graphical console (mdev)", "@display", sk_switch_enum),
    CHOICE(SkHostdev, ramfb, "with a picture before its driver runs (mdev)", "@ramfb", sk_switch_enum),
    ALIAS(SkHostdev), ADDRESS(SkHostdev),
};
SK_TYPE(sk_hostdev_type, SkHostdev, "Hostdev", "host device", hostdev_fields, "a device of the host given to the guest", .xml = "hostdev", .check = check_hostdev);

static const SkEnumName filesystem_names[] = { { "9p", "path" }, { "virtiofs" } };
SK_ENUM_TABLE(sk_filesystem_kind_enum, "file system kind", filesystem_names, SK_N_FS_KINDS);
static const SkEnumName fs_cache_names[] = { { "default" }, { "none" }, { "always" } };
SK_ENUM_TABLE(sk_fs_cache_enum, "file system cache", fs_cache_names, SK_N_FS_CACHES);
static const SkField filesystem_fields[] = {
    SK_FIELD(SkFilesystem, kind, ENUM, "9p or virtiofs", .xml = "driver/@type", .names = &sk_filesystem_kind_enum),
    SK_FIELD(SkFilesystem, source, STRING, "directory on the host", .xml = "source/@dir", .flags = SK_FIELD_REQUIRED, .check = sk_check_path),
    SK_FIELD(SkFilesystem, tag, STRING, "what the guest mounts", .xml = "target/@dir", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .max = 31),
    SK_FIELD(SkFilesystem, read_only, BOOL, "the guest cannot write", .xml = "readonly"),
    SK_FIELD(SkFilesystem, virtiofsd, STRING, "program that serves it; the host's if not given (virtiofs)", .xml = "binary/@path", .check = sk_check_path),
    CHOICE(SkFilesystem, cache, "what the guest keeps in memory (virtiofs)", "binary/cache/@mode", sk_fs_cache_enum),
    SK_FIELD(SkFilesystem, queue, UINT, "requests at a time, 0 for the usual (virtiofs)", .xml = "driver/@queue", .min = 0, .max = 1024, .flags = SK_FIELD_SPARSE),
    ALIAS(SkFilesystem), ADDRESS(SkFilesystem),
};
SK_TYPE(sk_filesystem_type, SkFilesystem, "Filesystem", "file system", filesystem_fields, "a directory of the host shared with the guest", .xml = "filesystem");
