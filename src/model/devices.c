/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of the smaller devices. */
#include "model/devices.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define ALIAS(S) SK_FIELD(S, alias, STRING, "device id in QEMU", .xml = "~alias/@name", .flags = SK_FIELD_READONLY)
#define ADDRESS(S) SK_FIELD(S, address, STRING, "guest address of the device", .max = 64, .flags = SK_FIELD_STICKY)

/* -- serial ports, consoles, channels ------------------------------------------------------------------ */

static const SkEnumName backend_names[] = {
    { "recorded", "pty", "kept by the daemon, with scrollback; `skep console` opens it" },
    { "file", NULL, "appended to a file" },
    { "null", NULL, "thrown away" },
    { "unix", NULL, "a Unix socket at path" },
    { "tcp", NULL, "a TCP listener at host" },
};
static const SkEnumName serial_names[] = { { "isa", "isa-serial" }, { "pci", "pci-serial" }, { "usb", "usb-serial" } };
static const SkEnumName channel_names[] = { { "agent", "unix" }, { "unix" }, { "spicevmc" } };
SK_ENUM_TABLE(sk_char_backend_enum, "character device backend", backend_names, SK_N_CHAR_BACKENDS);
SK_ENUM_TABLE(sk_serial_model_enum, "serial port model", serial_names, SK_N_SERIAL_MODELS);
SK_ENUM_TABLE(sk_channel_kind_enum, "channel kind", channel_names, SK_N_CHANNEL_KINDS);

#define BACKEND(S)                                                                                           \
    SK_FIELD(S, backend, ENUM, "where the host end is", .xml = "~@type", .names = &sk_char_backend_enum),      \
    SK_FIELD(S, path, STRING, "file or socket (backend file, unix)", .xml = "~source/@path", .check = sk_check_path), \
    SK_FIELD(S, host, STRING, "address:port to listen on (backend tcp)", .max = 64)

static gboolean
check_backend(gint backend, const char *path, const char *host, GError **error)
{
    if ((backend == SK_CHAR_FILE || backend == SK_CHAR_UNIX) && path == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "path is missing: backend %s needs it", sk_enum_name(&sk_char_backend_enum, backend));
    if (backend == SK_CHAR_TCP && host == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "host is missing: backend tcp needs an address:port");
    return TRUE;
}

static gboolean
check_serial(gconstpointer value, GError **error)
{
    const SkSerial *self = value;
    return check_backend(self->backend, self->path, self->host, error);
}

static gboolean
check_console(gconstpointer value, GError **error)
{
    const SkConsole *self = value;
    return check_backend(self->backend, self->path, self->host, error);
}

static const SkField serial_fields[] = {
    SK_FIELD(SkSerial, port, UINT, "number of the port", .xml = "~target/@port", .min = 0, .max = 15, .flags = SK_FIELD_KEY),
    SK_FIELD(SkSerial, model, ENUM, "card the guest sees", .xml = "~target/@type", .names = &sk_serial_model_enum),
    BACKEND(SkSerial), ALIAS(SkSerial), ADDRESS(SkSerial),
};
SK_TYPE(sk_serial_type, SkSerial, "Serial", "serial port", serial_fields, "a serial port", .xml = "serial", .check = check_serial);

static const SkField console_fields[] = {
    SK_FIELD(SkConsole, port, UINT, "number of the console", .xml = "~target/@port", .min = 0, .max = 30, .flags = SK_FIELD_KEY),
    BACKEND(SkConsole), ALIAS(SkConsole), ADDRESS(SkConsole),
};
SK_TYPE(sk_console_type, SkConsole, "Console", "console", console_fields, "a virtio console (hvc0)", .xml = "console", .check = check_console);

static const SkField channel_fields[] = {
    SK_FIELD(SkChannel, name, STRING, "name of the port in the guest", .xml = "target/@name", .flags = SK_FIELD_KEY, .max = 128, .def = "org.qemu.guest_agent.0"),
    SK_FIELD(SkChannel, kind, ENUM, "what is at the host end", .xml = "~@type", .names = &sk_channel_kind_enum),
    SK_FIELD(SkChannel, path, STRING, "Unix socket (kind unix)", .xml = "~source/@path", .check = sk_check_path),
    ALIAS(SkChannel), ADDRESS(SkChannel),
};
SK_TYPE(sk_channel_type, SkChannel, "Channel", "channel", channel_fields, "a virtio port between guest and host", .xml = "channel");

/* -- graphics and video ----------------------------------------------------------------------------------- */

static const SkEnumName graphics_names[] = { { "vnc" }, { "spice" } };
static const SkEnumName listen_names[] = { { "socket", NULL, "a Unix socket; reached through the API" },
                                           { "address", NULL, "a TCP listener" },
                                           { "none", NULL, "nobody" } };
static const SkEnumName video_names[] = { { "virtio" }, { "vga" }, { "qxl" }, { "bochs" }, { "cirrus" }, { "ramfb" }, { "none" } };
SK_ENUM_TABLE(sk_graphics_kind_enum, "graphics kind", graphics_names, SK_N_GRAPHICS_KINDS);
SK_ENUM_TABLE(sk_listen_enum, "graphics listen kind", listen_names, SK_N_LISTEN_KINDS);
SK_ENUM_TABLE(sk_video_model_enum, "video model", video_names, SK_N_VIDEO_MODELS);

static const SkField graphics_fields[] = {
    SK_FIELD(SkGraphics, kind, ENUM, "protocol", .xml = "@type", .names = &sk_graphics_kind_enum, .flags = SK_FIELD_KEY),
    SK_FIELD(SkGraphics, listen, ENUM, "who can connect", .xml = "~listen/@type", .names = &sk_listen_enum),
    SK_FIELD(SkGraphics, host, STRING, "IP address to listen on (listen address)", .xml = "~listen/@address", .check = sk_check_address),
    SK_FIELD(SkGraphics, port, UINT, "TCP port, 0 for the first free one from 5900", .xml = "~@port", .min = 0, .max = 65535),
    SK_FIELD(SkGraphics, password, STRING, "password that a viewer must give", .xml = "~@passwd", .flags = SK_FIELD_SECRET | SK_FIELD_LIVE, .max = 64),
    SK_FIELD(SkGraphics, keymap, STRING, "keyboard layout, such as en-us", .xml = "@keymap", .max = 16),
    SK_FIELD(SkGraphics, socket, STRING, "Unix socket while running", .xml = "~listen/@socket", .flags = SK_FIELD_READONLY),
};

static gboolean
check_graphics(gconstpointer value, GError **error)
{
    const SkGraphics *self = value;
    if (self->kind == SK_GRAPHICS_VNC && self->password != NULL && strlen(self->password) > 8)
        return sk_fail(error, SK_ERROR_INVALID, "password has %u characters, VNC uses at most 8", (guint) strlen(self->password));
    if (self->listen != SK_LISTEN_ADDRESS && (self->port > 0 || self->host != NULL))
        return sk_fail(error, SK_ERROR_INVALID, "host and port are for listen \"address\"");
    if (self->port > 0 && self->port < 5900 && self->kind == SK_GRAPHICS_VNC)
        return sk_fail(error, SK_ERROR_INVALID, "port is %u, VNC ports begin at 5900", self->port);
    return TRUE;
}
SK_TYPE(sk_graphics_type, SkGraphics, "Graphics", "graphics", graphics_fields, "a graphical console", .xml = "graphics", .check = check_graphics);

static const SkField video_fields[] = {
    SK_FIELD(SkVideo, model, ENUM, "card the guest sees", .xml = "model/@type", .names = &sk_video_model_enum),
    SK_FIELD(SkVideo, vram, SIZE, "video memory, 0 for the usual", .xml = "model/@vram|KiB", .min = 0, .max = G_GINT64_CONSTANT(1) << 32, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVideo, heads, UINT, "screens, 0 for one", .xml = "model/@heads", .min = 0, .max = 16, .flags = SK_FIELD_SPARSE),
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

static const SkField rng_fields[] = {
    SK_FIELD(SkRng, path, STRING, "random source of the host", .xml = "backend", .def = "/dev/urandom", .check = sk_check_path),
    SK_FIELD(SkRng, rate_bytes, UINT64, "bytes a period at most, 0 for no limit", .xml = "rate/@bytes", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkRng, rate_period, UINT, "period in milliseconds", .xml = "rate/@period", .flags = SK_FIELD_SPARSE),
    ALIAS(SkRng), ADDRESS(SkRng),
};
SK_TYPE(sk_rng_type, SkRng, "Rng", "random number generator", rng_fields, "a random number generator", .xml = "rng");

static const SkEnumName balloon_names[] = { { "virtio" }, { "none" } };
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

static const SkEnumName sound_names[] = { { "ich9" }, { "ich6" }, { "ac97" } };
SK_ENUM_TABLE(sk_sound_model_enum, "sound card", sound_names, SK_N_SOUND_MODELS);
static const SkField sound_fields[] = {
    SK_FIELD(SkSound, model, ENUM, "model", .xml = "@model", .names = &sk_sound_model_enum),
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

static const SkEnumName hostdev_names[] = { { "pci" }, { "usb" } };
SK_ENUM_TABLE(sk_hostdev_kind_enum, "host device kind", hostdev_names, SK_N_HOSTDEV_KINDS);

static gboolean
check_hostdev(gconstpointer value, GError **error)
{
    const SkHostdev *self = value;
    static const char *const patterns[] = { "^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]\\z",
                                            "^([0-9a-f]{4}:[0-9a-f]{4}|[0-9]{1,3}\\.[0-9]{1,3})\\z" };
    if (self->host != NULL && g_regex_match_simple(patterns[self->kind], self->host, 0, 0))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "host \"%s\" is not a %s device: give %s", self->host ? self->host : "",
                   sk_enum_name(&sk_hostdev_kind_enum, self->kind),
                   self->kind == SK_HOSTDEV_PCI ? "0000:01:00.0" : "vendor:product (1d6b:0002) or bus.device (1.4)");
}

static const SkField hostdev_fields[] = {
    SK_FIELD(SkHostdev, kind, ENUM, "PCI or USB", .xml = "@type", .names = &sk_hostdev_kind_enum),
    SK_FIELD(SkHostdev, host, STRING, "the device on the host", .flags = SK_FIELD_KEY, .max = 32),
    SK_FIELD(SkHostdev, managed, BOOL, "bind to vfio-pci at start and back at the end", .xml = "@managed|yes", .def = "true"),
    SK_FIELD(SkHostdev, boot_order, UINT, "place in the boot order, 0 for the domain's", .xml = "boot/@order", .min = 0, .max = 64, .flags = SK_FIELD_SPARSE),
    ALIAS(SkHostdev), ADDRESS(SkHostdev),
};
SK_TYPE(sk_hostdev_type, SkHostdev, "Hostdev", "host device", hostdev_fields, "a device of the host given to the guest", .xml = "hostdev", .check = check_hostdev);

static const SkEnumName filesystem_names[] = { { "9p", "path" }, { "virtiofs" } };
SK_ENUM_TABLE(sk_filesystem_kind_enum, "file system kind", filesystem_names, SK_N_FS_KINDS);
static const SkField filesystem_fields[] = {
    SK_FIELD(SkFilesystem, kind, ENUM, "9p or virtiofs", .xml = "driver/@type", .names = &sk_filesystem_kind_enum),
    SK_FIELD(SkFilesystem, source, STRING, "directory on the host", .xml = "source/@dir", .flags = SK_FIELD_REQUIRED, .check = sk_check_path),
    SK_FIELD(SkFilesystem, tag, STRING, "what the guest mounts", .xml = "target/@dir", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY, .max = 31),
    SK_FIELD(SkFilesystem, read_only, BOOL, "the guest cannot write", .xml = "readonly"),
    ALIAS(SkFilesystem), ADDRESS(SkFilesystem),
};
SK_TYPE(sk_filesystem_type, SkFilesystem, "Filesystem", "file system", filesystem_fields, "a directory of the host shared with the guest", .xml = "filesystem");
