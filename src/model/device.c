/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any one device: a row a kind. */
#include "model/device.h"

#include "base/error.h"

#define DEVICE(member, type_, help) SK_FIELD(SkDevice, member, OPTIONAL, help, .type = &type_)

static const SkField fields[] = {
    DEVICE(disk, sk_disk_type, "a disk"),
    DEVICE(interface, sk_interface_type, "a interface"),
    DEVICE(controller, sk_controller_type, "a controller"),
    DEVICE(serial, sk_serial_type, "a serial"),
    DEVICE(parallel, sk_parallel_type, "a parallel"),
    DEVICE(console, sk_console_type, "a console"),
    DEVICE(channel, sk_channel_type, "a channel"),
    DEVICE(graphics, sk_graphics_type, "a graphics"),
    DEVICE(video, sk_video_type, "a video"),
    DEVICE(input, sk_input_type, "a input"),
    DEVICE(rng, sk_rng_type, "a random number generator"),
    DEVICE(sound, sk_sound_type, "a sound"),
    DEVICE(hostdev, sk_hostdev_type, "a hostdev"),
    DEVICE(filesystem, sk_filesystem_type, "a filesystem"),
    DEVICE(redirdev, sk_redirdev_type, "a redirdev"),
    DEVICE(hub, sk_hub_type, "a hub"),
    DEVICE(smartcard, sk_smartcard_type, "a smartcard"),
    DEVICE(shmem, sk_shmem_type, "a shmem"),
    DEVICE(dimm, sk_dimm_type, "a dimm"),
    DEVICE(audio, sk_audio_type, "a audio"),
    DEVICE(balloon, sk_balloon_type, "a balloon"),
    DEVICE(watchdog, sk_watchdog_type, "a watchdog"),
    DEVICE(tpm, sk_tpm_type, "a tpm"),
    DEVICE(panic, sk_panic_type, "a panic"),
    DEVICE(vsock, sk_vsock_type, "a vsock"),
    DEVICE(iommu, sk_iommu_type, "a iommu"),
};

/* Members and where they belong. */
static const char *const homes[] = {
    "disk", "disks",
    "interface", "interfaces",
    "controller", "controllers",
    "serial", "serials",
    "parallel", "parallels",
    "console", "consoles",
    "channel", "channels",
    "graphics", "graphics",
    "video", "videos",
    "input", "inputs",
    "rng", "rngs",
    "sound", "sounds",
    "hostdev", "hostdevs",
    "filesystem", "filesystems",
    "redirdev", "redirdevs",
    "hub", "hubs",
    "smartcard", "smartcards",
    "shmem", "shmems",
    "dimm", "dimms",
    "audio", "audios",
    "balloon", "balloon",
    "watchdog", "watchdog",
    "tpm", "tpm",
    "panic", "panic",
    "vsock", "vsock",
    "iommu", "iommu",
};

const SkField *
sk_device_home(const SkField *member)
{
    for (guint i = 0; i + 1 < G_N_ELEMENTS(homes); i += 2) {
        if (g_str_equal(homes[i], member->key))
            return sk_type_find(&sk_domain_spec_type, homes[i + 1]);
    }
    return NULL;
}

const SkField *
sk_device_member(const SkDevice *self, gpointer *out_value)
{
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        gpointer value = *(gpointer const *) sk_field_const_ptr(&fields[i], self);
        if (value == NULL)
            continue;
        *out_value = value;
        return &fields[i];
    }
    return NULL;
}

SkDevice *
sk_device_new(const SkField *home, gpointer value)
{
    SkDevice *self = g_new0(SkDevice, 1);
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (sk_device_home(&fields[i]) == home)
            *(gpointer *) sk_field_ptr(&fields[i], self) = value;
    }
    return self;
}

static gboolean
check_device(gconstpointer value, GError **error)
{
    guint count = 0;
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        count += *(const gconstpointer *) sk_field_const_ptr(&fields[i], value) != NULL;
    return count == 1 || sk_fail(error, SK_ERROR_INVALID, "%u devices are given: give one, such as {\"rng\":{}}", count);
}

SK_TYPE(sk_device_type, SkDevice, "Device", "device", fields, "any one device of a domain", .check = check_device);
