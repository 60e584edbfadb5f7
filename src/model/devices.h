/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/switch.h"

/*
 * The smaller devices of a domain: character devices, graphics, and one-struct
 * kinds.  Disks and interfaces have files of their own. Values; any thread.
 */

/* -- serial ports, consoles, channels --------------------------------------------------------------- */

/* Where the host end is. RECORDED: ours, with scrollback, readable and writable through the API. */
typedef enum {
    SK_CHAR_RECORDED, SK_CHAR_FILE, SK_CHAR_NULL, SK_CHAR_UNIX, SK_CHAR_TCP, SK_CHAR_UDP, SK_CHAR_PIPE, SK_CHAR_DEV,
    SK_CHAR_SPICEPORT, SK_N_CHAR_BACKENDS
} SkCharBackend;
typedef enum { SK_SERIAL_ISA, SK_SERIAL_PCI, SK_SERIAL_USB, SK_N_SERIAL_MODELS } SkSerialModel;

typedef struct {
    guint port;
    gint model;             /* SkSerialModel */
    gint backend;           /* SkCharBackend */
    char *path;             /* backend file, unix, pipe, dev; spiceport: its name */
    char *host;             /* backend tcp, udp: "address:port" to listen on or, udp, to send to */
    gboolean connect;       /* backend unix, tcp: connect rather than listen */
    gboolean telnet;        /* backend tcp */
    char *log_file;         /* everything the guest writes goes there too */
    gboolean log_truncate;  /* which begins anew at each start */
    char *alias, *address;
} SkSerial;

/* A parallel port. */
typedef struct {
    guint port;
    gint backend;
    char *path, *host;
    gboolean connect, telnet;
    char *log_file;
    gboolean log_truncate;
    char *alias;
} SkParallel;

/* A virtio console (hvc0). libvirt's console of type serial is the first serial port and needs no entry. */
typedef struct {
    guint port;
    gint backend;
    char *path, *host;
    gboolean connect, telnet;
    char *log_file;
    gboolean log_truncate;
    char *alias, *address;
} SkConsole;

typedef enum {
    SK_CHANNEL_AGENT, SK_CHANNEL_UNIX, SK_CHANNEL_SPICEVMC, SK_CHANNEL_SPICEPORT, SK_CHANNEL_FILE, SK_CHANNEL_NULL, SK_CHANNEL_TCP,
    SK_CHANNEL_VDAGENT, SK_N_CHANNEL_KINDS
} SkChannelKind;
typedef struct {
    char *name;             /* "org.qemu.guest_agent.0" */
    gint kind;              /* SkChannelKind */
    char *path;             /* kind unix; NULL: a place of ours. file; spiceport: its name */
    char *host;             /* kind tcp: "address:port" to listen on */
    char *alias, *address;
} SkChannel;

/* -- graphics and video -------------------------------------------------------------------------------- */

typedef enum { SK_GRAPHICS_VNC, SK_GRAPHICS_SPICE, SK_N_GRAPHICS_KINDS } SkGraphicsKind;
typedef enum { SK_SHARE_DEFAULT, SK_SHARE_ALLOW_EXCLUSIVE, SK_SHARE_FORCE_SHARED, SK_SHARE_IGNORE, SK_N_SHARE_POLICIES } SkSharePolicy;
typedef enum {
    SK_IMAGE_DEFAULT, SK_IMAGE_AUTO_GLZ, SK_IMAGE_AUTO_LZ, SK_IMAGE_QUIC, SK_IMAGE_GLZ, SK_IMAGE_LZ, SK_IMAGE_OFF, SK_N_IMAGE_COMPRESSIONS
} SkImageCompression;
typedef enum { SK_WAN_DEFAULT, SK_WAN_AUTO, SK_WAN_NEVER, SK_WAN_ALWAYS, SK_N_WAN_COMPRESSIONS } SkWanCompression;
typedef enum { SK_STREAMING_DEFAULT, SK_STREAMING_FILTER, SK_STREAMING_ALL, SK_STREAMING_OFF, SK_N_STREAMINGS } SkStreaming;
typedef enum { SK_MOUSE_DEFAULT, SK_MOUSE_SERVER, SK_MOUSE_CLIENT, SK_N_MOUSE_MODES } SkMouseMode;
typedef enum { SK_LISTEN_SOCKET, SK_LISTEN_ADDRESS, SK_LISTEN_NONE, SK_N_LISTEN_KINDS } SkListenKind;
typedef struct {
    gint kind;              /* SkGraphicsKind */
    gint listen;            /* SkListenKind */
    char *host;             /* listen address: IP address to listen on */
    guint port;             /* listen address: 0 for the first free one from 5900 */
    char *password;         /* secret; passed to QEMU as a secret object, never on its command line */
    char *password_until;   /* "2030-01-01T00:00:00": the password is good until then (UTC) */
    char *keymap;
    gint share;             /* SkSharePolicy; vnc */
    gint64 websocket;       /* vnc: TCP port of a WebSocket listener, 0: none, -1: the display's */
    guint tls_port;         /* spice */
    gint image_compression, jpeg_compression, zlib_compression, playback_compression, streaming, mouse; /* spice */
    gint clipboard, file_transfer; /* spice: SkSwitch */
    gint gl;                /* SkSwitch */
    char *socket;           /* runtime: path of the Unix socket */
    guint bound;            /* runtime: the TCP port in use */
} SkGraphics;


typedef enum { SK_VIDEO_VIRTIO, SK_VIDEO_VGA, SK_VIDEO_QXL, SK_VIDEO_BOCHS, SK_VIDEO_CIRRUS, SK_VIDEO_RAMFB, SK_VIDEO_NONE, SK_N_VIDEO_MODELS } SkVideoModel;
typedef struct {
    gint model;             /* SkVideoModel */
    guint64 vram;           /* bytes; 0: QEMU's default */
    guint heads;
    guint64 ram, vgamem;    /* bytes; qxl's other memories */
    guint width, height;    /* first mode; 0: the card's */
    gint accel3d;           /* SkSwitch: drawing by the host's GPU */
    char *alias, *address;
} SkVideo;

/* -- input, rng, balloon, watchdog, tpm, sound, panic, vsock ------------------------------------------------- */

typedef enum { SK_INPUT_TABLET, SK_INPUT_MOUSE, SK_INPUT_KEYBOARD, SK_N_INPUT_KINDS } SkInputKind;
typedef enum { SK_INPUT_USB, SK_INPUT_VIRTIO, SK_INPUT_PS2, SK_N_INPUT_BUSES } SkInputBus;
typedef struct {
    gint kind, bus;
    char *alias, *address;
} SkInput;

typedef enum { SK_RNG_RANDOM, SK_RNG_BUILTIN, SK_N_RNG_KINDS } SkRngKind;
typedef struct {
    gint kind;              /* SkRngKind */
    char *path;             /* kind random: source on the host */
    guint64 rate_bytes;     /* 0: no limit */
    guint rate_period;      /* milliseconds */
    gint model;             /* SkVirtio */
    char *alias, *address;
} SkRng;

typedef enum { SK_BALLOON_VIRTIO, SK_BALLOON_NONE, SK_BALLOON_VIRTIO_TRANSITIONAL, SK_BALLOON_VIRTIO_NON_TRANSITIONAL,
               SK_N_BALLOON_MODELS } SkBalloonModel;
typedef struct {
    gint model;
    gboolean deflate_on_oom, free_page_reporting;
    guint stats_period;     /* seconds; 0: off */
    char *alias, *address;
} SkBalloon;

typedef enum { SK_WATCHDOG_I6300ESB, SK_WATCHDOG_ITCO, SK_N_WATCHDOG_MODELS } SkWatchdogModel;
typedef enum { SK_WATCHDOG_RESET, SK_WATCHDOG_POWEROFF, SK_WATCHDOG_SHUTDOWN, SK_WATCHDOG_PAUSE, SK_WATCHDOG_NOTHING, SK_WATCHDOG_NMI, SK_N_WATCHDOG_ACTIONS } SkWatchdogAction;
typedef struct {
    gint model, action;
    char *alias, *address;
} SkWatchdog;

typedef enum { SK_TPM_CRB, SK_TPM_TIS, SK_N_TPM_MODELS } SkTpmModel;
typedef enum { SK_TPM_2_0, SK_TPM_1_2, SK_N_TPM_VERSIONS } SkTpmVersion;
typedef struct {
    gint model, version;    /* always swtpm */
    char *alias;
} SkTpm;

typedef enum { SK_SOUND_ICH9, SK_SOUND_ICH6, SK_SOUND_AC97, SK_SOUND_ES1370, SK_SOUND_SB16, SK_SOUND_USB, SK_N_SOUND_MODELS } SkSoundModel;
typedef enum { SK_CODEC_DUPLEX, SK_CODEC_MICRO, SK_CODEC_OUTPUT, SK_N_CODECS } SkSoundCodec;
typedef struct {
    gint model;
    gint codec;             /* SkSoundCodec; ich6, ich9 */
    guint audio;            /* number of the audio backend; 0: the first */
    char *alias, *address;
} SkSound;

typedef enum { SK_PANIC_ISA, SK_PANIC_PVPANIC, SK_N_PANIC_MODELS } SkPanicModel;
typedef struct {
    gint model;
    char *alias, *address;
} SkPanic;

typedef struct {
    guint cid;              /* 0: the first free one from 3 */
    char *alias, *address;
} SkVsock;

/* -- host devices and file systems ------------------------------------------------------------------------------ */

typedef enum { SK_HOSTDEV_PCI, SK_HOSTDEV_USB, SK_HOSTDEV_MDEV, SK_N_HOSTDEV_KINDS } SkHostdevKind;
typedef struct {
    gint kind;
    char *host;             /* pci: "0000:01:00.0"; usb: "1d6b:0002" or "bus.device"; mdev: its UUID */
    gboolean managed;       /* bind to vfio-pci at start and back at the end */
    guint boot_order;
    gint rom;               /* SkSwitch: the guest sees its ROM; pci */
    char *rom_file;
    gint display, ramfb;    /* SkSwitch; mdev */
    char *alias, *address;
} SkHostdev;

typedef enum { SK_FS_CACHE_DEFAULT, SK_FS_CACHE_NONE, SK_FS_CACHE_ALWAYS, SK_N_FS_CACHES } SkFsCache;
typedef enum { SK_FS_9P, SK_FS_VIRTIOFS, SK_N_FS_KINDS } SkFilesystemKind;
typedef struct {
    gint kind;
    char *source;           /* directory on the host */
    char *tag;              /* what the guest mounts */
    gboolean read_only;
    char *virtiofsd;        /* path of the program; NULL: the host's */
    gint cache;             /* SkFsCache; virtiofs */
    guint queue;            /* requests; 0: the usual */
    char *alias, *address;
} SkFilesystem;

extern const SkEnum sk_char_backend_enum, sk_serial_model_enum, sk_channel_kind_enum, sk_graphics_kind_enum,
    sk_listen_enum, sk_share_enum, sk_image_compression_enum, sk_wan_compression_enum, sk_streaming_enum, sk_mouse_enum,
    sk_video_model_enum, sk_rng_kind_enum, sk_codec_enum, sk_fs_cache_enum, sk_input_kind_enum, sk_input_bus_enum, sk_balloon_model_enum,
    sk_watchdog_model_enum, sk_watchdog_action_enum, sk_tpm_model_enum, sk_tpm_version_enum,
    sk_sound_model_enum, sk_panic_model_enum, sk_hostdev_kind_enum, sk_filesystem_kind_enum;
extern const SkType sk_serial_type, sk_parallel_type, sk_console_type, sk_channel_type, sk_graphics_type, sk_video_type,
    sk_input_type, sk_rng_type, sk_balloon_type, sk_watchdog_type, sk_tpm_type, sk_sound_type, sk_panic_type,
    sk_vsock_type, sk_hostdev_type, sk_filesystem_type;
