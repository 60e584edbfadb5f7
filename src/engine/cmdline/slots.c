/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every device of a definition in one list: what its alias is made of and what place it needs. */
#include <string.h>

#include "engine/cmdline/address.h"

/* A device family: where its values are and how they are named and placed. */
typedef struct {
    gsize offset;           /* of the list, or of the pointer to the only one */
    gboolean single;
    const SkType *type;
    gsize alias, address;   /* offsets in the value; address 0: it has none */
    const char *prefix;
    SkPlace place;
    SkPlace (*place_of)(gconstpointer value, SkMachineFamily machine); /* NULL: place */
} Family;

static SkPlace
place_controller(gconstpointer value, SkMachineFamily machine)
{
    const SkController *self = value;
    switch (self->kind) {
    case SK_CONTROLLER_SCSI:
        return SK_PLACE_PORT;
    case SK_CONTROLLER_SATA:
        return machine == SK_MACHINE_Q35 && self->index == 0 ? SK_PLACE_NONE : SK_PLACE_ROOT;
    case SK_CONTROLLER_USB:
        return g_strcmp0(self->model, "none") == 0 ? SK_PLACE_NONE : SK_PLACE_ROOT;
    case SK_CONTROLLER_VIRTIO_SERIAL:
        return SK_PLACE_ROOT;
    default:
        return SK_PLACE_NONE;
    }
}

static SkPlace
place_disk(gconstpointer value, SkMachineFamily machine)
{
    const SkDisk *self = value;
    if (self->bus == SK_BUS_VIRTIO)
        return self->model == SK_VIRTIO_TRANSITIONAL ? SK_PLACE_ROOT : SK_PLACE_PORT;
    return self->bus == SK_BUS_USB ? SK_PLACE_USB : SK_PLACE_DRIVE;
}

/* Conventional PCI cards go on the root complex; only PCI Express ones fit a root port. */
static SkPlace
place_interface(gconstpointer value, SkMachineFamily machine)
{
    const SkInterface *self = value;
    SkVirtio virtio;
    gboolean modern = sk_nic_virtio(self, &virtio) && virtio != SK_VIRTIO_TRANSITIONAL;
    return modern || self->model == SK_NIC_E1000E ? SK_PLACE_PORT : SK_PLACE_ROOT;
}

static SkPlace
place_serial(gconstpointer value, SkMachineFamily machine)
{
    static const SkPlace places[SK_N_SERIAL_MODELS] = { [SK_SERIAL_ISA] = SK_PLACE_NONE, [SK_SERIAL_PCI] = SK_PLACE_ROOT,
                                                        [SK_SERIAL_USB] = SK_PLACE_USB };
    return places[((const SkSerial *) value)->model];
}

static SkPlace
place_video(gconstpointer value, SkMachineFamily machine)
{
    gint model = ((const SkVideo *) value)->model;
    return model == SK_VIDEO_NONE || model == SK_VIDEO_RAMFB ? SK_PLACE_NONE : SK_PLACE_VGA;
}

static SkPlace
place_input(gconstpointer value, SkMachineFamily machine)
{
    static const SkPlace places[SK_N_INPUT_BUSES] = { [SK_INPUT_USB] = SK_PLACE_USB, [SK_INPUT_VIRTIO] = SK_PLACE_ROOT,
                                                      [SK_INPUT_PS2] = SK_PLACE_NONE };
    return places[((const SkInput *) value)->bus];
}

static SkPlace
place_balloon(gconstpointer value, SkMachineFamily machine)
{
    return ((const SkBalloon *) value)->model == SK_BALLOON_NONE ? SK_PLACE_NONE : SK_PLACE_ROOT;
}

/* The iTCO watchdog is a part of q35's chipset. */
static SkPlace
place_watchdog(gconstpointer value, SkMachineFamily machine)
{
    return ((const SkWatchdog *) value)->model == SK_WATCHDOG_ITCO ? SK_PLACE_NONE : SK_PLACE_ROOT;
}

static SkPlace
place_panic(gconstpointer value, SkMachineFamily machine)
{
    return ((const SkPanic *) value)->model == SK_PANIC_ISA ? SK_PLACE_NONE : SK_PLACE_ROOT;
}

static SkPlace
place_hostdev(gconstpointer value, SkMachineFamily machine)
{
    return ((const SkHostdev *) value)->kind == SK_HOSTDEV_USB ? SK_PLACE_USB : SK_PLACE_PORT;
}

static SkPlace
place_sound(gconstpointer value, SkMachineFamily machine)
{
    gint model = ((const SkSound *) value)->model;
    return model == SK_SOUND_USB ? SK_PLACE_USB : model == SK_SOUND_SB16 ? SK_PLACE_NONE : SK_PLACE_ROOT;
}

/* Intel's is a part of the chipset. */
static SkPlace
place_iommu(gconstpointer value, SkMachineFamily machine)
{
    return ((const SkIommu *) value)->model == SK_IOMMU_VIRTIO ? SK_PLACE_ROOT : SK_PLACE_NONE;
}

#define MANY(member, S, type_, prefix_, ...)                                                              \
    { .offset = G_STRUCT_OFFSET(SkDomainSpec, member), .type = &type_, .alias = G_STRUCT_OFFSET(S, alias), \
      .address = G_STRUCT_OFFSET(S, address), .prefix = prefix_, __VA_ARGS__ }
#define ONE(member, S, type_, prefix_, ...) MANY(member, S, type_, prefix_, .single = TRUE, __VA_ARGS__)

static const Family families[] = {
    MANY(controllers, SkController, sk_controller_type, NULL, .place_of = place_controller),
    MANY(videos, SkVideo, sk_video_type, "video", .place_of = place_video),
    MANY(disks, SkDisk, sk_disk_type, NULL, .place_of = place_disk),
    MANY(interfaces, SkInterface, sk_interface_type, "net", .place_of = place_interface),
    MANY(serials, SkSerial, sk_serial_type, "serial", .place_of = place_serial),
    MANY(consoles, SkConsole, sk_console_type, "console", .place = SK_PLACE_VIRTIO_SERIAL),
    MANY(channels, SkChannel, sk_channel_type, "channel", .place = SK_PLACE_VIRTIO_SERIAL),
    MANY(inputs, SkInput, sk_input_type, "input", .place_of = place_input),
    MANY(hubs, SkHub, sk_hub_type, "hub", .place = SK_PLACE_USB),
    MANY(redirdevs, SkRedirdev, sk_redirdev_type, "redir", .place = SK_PLACE_USB),
    MANY(smartcards, SkSmartcard, sk_smartcard_type, "smartcard", .place = SK_PLACE_USB),
    MANY(shmems, SkShmem, sk_shmem_type, "shmem", .place = SK_PLACE_ROOT),
    MANY(dimms, SkDimm, sk_dimm_type, "dimm", .place = SK_PLACE_DIMM),
    MANY(sounds, SkSound, sk_sound_type, "sound", .place_of = place_sound),
    MANY(rngs, SkRng, sk_rng_type, "rng", .place = SK_PLACE_ROOT),
    MANY(hostdevs, SkHostdev, sk_hostdev_type, "hostdev", .place_of = place_hostdev),
    MANY(filesystems, SkFilesystem, sk_filesystem_type, "fs", .place = SK_PLACE_ROOT),
    ONE(balloon, SkBalloon, sk_balloon_type, "balloon", .place_of = place_balloon),
    ONE(watchdog, SkWatchdog, sk_watchdog_type, "watchdog", .place_of = place_watchdog),
    ONE(panic, SkPanic, sk_panic_type, "panic", .place_of = place_panic),
    ONE(vsock, SkVsock, sk_vsock_type, "vsock", .place = SK_PLACE_ROOT),
    ONE(iommu, SkIommu, sk_iommu_type, "iommu", .place_of = place_iommu),
    { .offset = G_STRUCT_OFFSET(SkDomainSpec, parallels), .type = &sk_parallel_type, .alias = G_STRUCT_OFFSET(SkParallel, alias),
      .prefix = "parallel" },
    { .offset = G_STRUCT_OFFSET(SkDomainSpec, tpm), .type = &sk_tpm_type, .alias = G_STRUCT_OFFSET(SkTpm, alias),
      .prefix = "tpm", .single = TRUE },
};

/* "disk \"vda\"": the kind and the key field. */
static char *
describe(const Family *family, gconstpointer value)
{
    for (guint i = 0; i < family->type->n_fields; i++) {
        const SkField *field = &family->type->fields[i];
        if (!(field->flags & SK_FIELD_KEY))
            continue;
        g_autofree char *key = sk_field_get_text(field, value);
        if (key != NULL)
            return g_strdup_printf("%s \"%s\"", family->type->what, key);
    }
    return g_strdup(family->type->what);
}

/* vda is 0, vdb 1, vdaa 26. */
static gint
target_number(const char *target)
{
    gint number = 0;
    for (const char *c = target != NULL && strlen(target) > 2 ? target + 2 : "a"; *c != '\0'; c++)
        number = number * 26 + (*c - 'a' + 1);
    return number - 1;
}

static void
name_disk(const SkDisk *disk, SkSlot *slot)
{
    if (disk->bus != SK_BUS_VIRTIO && disk->bus != SK_BUS_USB)
        return;
    slot->prefix = disk->bus == SK_BUS_VIRTIO ? "virtio-disk" : "usb-disk";
    slot->number = target_number(disk->target);
}

/* libvirt's names; "pci." has a dot because it is a bus name too. */
static void
name_controller(const SkController *controller, SkSlot *slot)
{
    static const char *const prefixes[SK_N_CONTROLLERS] = {
        [SK_CONTROLLER_PCI] = "pci.", [SK_CONTROLLER_SCSI] = "scsi", [SK_CONTROLLER_SATA] = "sata", [SK_CONTROLLER_IDE] = "ide",
        [SK_CONTROLLER_USB] = "usb", [SK_CONTROLLER_FDC] = "fdc", [SK_CONTROLLER_VIRTIO_SERIAL] = "virtio-serial",
    };
    static const char *const companions[] = { "ich9-uhci1", "ich9-uhci2", "ich9-uhci3" };
    slot->prefix = prefixes[controller->kind];
    slot->number = (gint) controller->index;
    /* They share the number of the controller whose slow devices they serve. */
    for (guint i = 0; controller->model != NULL && i < G_N_ELEMENTS(companions); i++) {
        if (g_str_equal(controller->model, companions[i]) && controller->master >= 0)
            slot->prefix = i == 0 ? "usb-uhci1-" : i == 1 ? "usb-uhci2-" : "usb-uhci3-";
    }
}

static void
add_slot(GArray *slots, const Family *family, gpointer value, SkMachineFamily machine)
{
    SkSlot slot = { .prefix = family->prefix, .number = -1, .value = value, .type = family->type };
    slot.what = describe(family, value);
    slot.place = family->place_of != NULL ? family->place_of(value, machine) : family->place;
    slot.alias = (char **) ((guint8 *) value + family->alias);
    if (family->address > 0)
        slot.address = (char **) ((guint8 *) value + family->address);
    else
        slot.place = SK_PLACE_NONE;
    if (family->type == &sk_disk_type)
        name_disk(value, &slot);
    else if (family->type == &sk_controller_type)
        name_controller(value, &slot);
    gboolean is_pci = slot.place == SK_PLACE_PORT || slot.place == SK_PLACE_ROOT || slot.place == SK_PLACE_VGA;
    if (machine == SK_MACHINE_MICROVM && is_pci)
        slot.place = SK_PLACE_NONE;
    g_array_append_val(slots, slot);
}

static void
clear_slot(gpointer data)
{
    g_free(((SkSlot *) data)->what);
}

GArray *
sk_slots_collect(SkDomainSpec *spec)
{
    SkMachineFamily machine = sk_domain_spec_machine_family(spec);
    GArray *slots = g_array_new(FALSE, FALSE, sizeof(SkSlot));
    g_array_set_clear_func(slots, clear_slot);

    for (guint i = 0; i < G_N_ELEMENTS(families); i++) {
        const Family *family = &families[i];
        gpointer at = G_STRUCT_MEMBER(gpointer, spec, family->offset);
        const GPtrArray *list = family->single ? NULL : at;
        if (family->single && at != NULL)
            add_slot(slots, family, at, machine);
        for (guint j = 0; list != NULL && j < list->len; j++)
            add_slot(slots, family, list->pdata[j], machine);
    }
    return slots;
}
