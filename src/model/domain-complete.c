/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Filling in what a domain's definition leaves open. */
#include <string.h>

#include "base/text.h"
#include "model/domain.h"

static gpointer
add(GPtrArray **list, const SkType *type)
{
    gpointer entry = sk_value_new(type);
    if (*list == NULL)
        *list = sk_value_list_new(type);
    g_ptr_array_add(*list, entry);
    return entry;
}

static gboolean
is_empty(const GPtrArray *list)
{
    return list == NULL || list->len == 0;
}

/* -- disks ---------------------------------------------------------------------------------------------- */

/* The bus a kind of drive is usually on. The zero value of bus is virtio, which only a disk can be on. */
static void
complete_bus(SkDisk *disk, SkMachineFamily machine)
{
    if (disk->device == SK_DISK_CDROM && disk->bus == SK_BUS_VIRTIO)
        disk->bus = machine == SK_MACHINE_PC ? SK_BUS_IDE : machine == SK_MACHINE_MICROVM ? SK_BUS_SCSI : SK_BUS_SATA;
    else if (disk->device == SK_DISK_FLOPPY)
        disk->bus = SK_BUS_FDC;
}

static const char *
target_prefix(gint bus)
{
    static const char *const prefixes[SK_N_DISK_BUSES] = { [SK_BUS_VIRTIO] = "vd", [SK_BUS_SCSI] = "sd", [SK_BUS_SATA] = "sd",
                                                           [SK_BUS_IDE] = "hd", [SK_BUS_USB] = "sd", [SK_BUS_FDC] = "fd" };
    return prefixes[bus];
}

/* The first free target of the bus: vda ... vdz, vdaa ... */
static char *
free_target(const SkDomainSpec *self, gint bus)
{
    for (guint i = 0;; i++) {
        g_autofree char *target = i < 26 ? g_strdup_printf("%s%c", target_prefix(bus), 'a' + i)
                                         : g_strdup_printf("%s%c%c", target_prefix(bus), 'a' + i / 26 - 1, 'a' + i % 26);
        if (sk_domain_spec_find_disk(self, target) == NULL)
            return g_steal_pointer(&target);
    }
}

/* A drive that names no medium. A new volume can be made for a floppy, but not for a cdrom: nobody could write to it. */
static gboolean
is_empty_drive(const SkDisk *disk)
{
    if (disk->device == SK_DISK_DISK || disk->source != SK_SOURCE_VOLUME || disk->volume != NULL)
        return FALSE;
    return disk->device == SK_DISK_CDROM || (disk->image == NULL && disk->size == 0);
}

static void
complete_disks(SkDomainSpec *self)
{
    SkMachineFamily machine = sk_domain_spec_machine_family(self);
    for (guint i = 0; self->disks != NULL && i < self->disks->len; i++) {
        SkDisk *disk = self->disks->pdata[i];
        complete_bus(disk, machine);
        if (disk->target == NULL)
            disk->target = free_target(self, disk->bus);
        if (disk->device == SK_DISK_CDROM)
            disk->read_only = TRUE;
        if (is_empty_drive(disk))
            disk->source = SK_SOURCE_NONE;
        if (disk->source == SK_SOURCE_VOLUME && disk->pool == NULL)
            disk->pool = g_strdup("default");
    }
}

/* -- the rest -------------------------------------------------------------------------------------------- */

/* 52:54:00 is QEMU's prefix of locally administered addresses. */
static char *
random_mac(void)
{
    guint32 bits = g_random_int();
    return g_strdup_printf("52:54:00:%02x:%02x:%02x", bits >> 16 & 0xff, bits >> 8 & 0xff, bits & 0xff);
}

static void
complete_interfaces(SkDomainSpec *self)
{
    for (guint i = 0; self->interfaces != NULL && i < self->interfaces->len; i++) {
        SkInterface *nic = self->interfaces->pdata[i];
        if (nic->mac == NULL)
            nic->mac = random_mac();
        if (nic->kind == SK_NIC_NETWORK && nic->network == NULL)
            nic->network = g_strdup("default");
        if (nic->openvswitch != NULL)
            sk_uuid_complete(&nic->openvswitch->interface_id);
    }
}

/* What a definition that names its devices gets all the same, here and from libvirt. */
static void
complete_exact(SkDomainSpec *self)
{
    if (!is_empty(self->graphics) && is_empty(self->videos)) {
        SkVideo *video = add(&self->videos, &sk_video_type);
        video->model = SK_VIDEO_VGA;
    }
}

/* The devices people expect without asking; a microvm gets the ones its kernel can drive. */
static void
complete_devices(SkDomainSpec *self)
{
    gboolean microvm = sk_domain_spec_machine_family(self) == SK_MACHINE_MICROVM;

    if (self->balloon == NULL)
        self->balloon = sk_value_new(&sk_balloon_type);
    if (self->exact) {
        complete_exact(self);
        return;
    }
    if (is_empty(self->serials))
        add(&self->serials, &sk_serial_type);
    if (is_empty(self->channels))
        add(&self->channels, &sk_channel_type);
    if (is_empty(self->rngs))
        add(&self->rngs, &sk_rng_type);
    if (microvm)
        return;
    if (is_empty(self->graphics))
        add(&self->graphics, &sk_graphics_type);
    if (is_empty(self->videos))
        add(&self->videos, &sk_video_type);
    if (is_empty(self->inputs))
        add(&self->inputs, &sk_input_type);
}

void
sk_domain_spec_complete(SkDomainSpec *self)
{
    sk_uuid_complete(&self->uuid);
    if (g_strcmp0(self->genid, "auto") == 0)
        sk_domain_spec_renew_genid(self);
    sk_uuid_normalize(&self->genid);
    if (self->vcpus.maximum == 0)
        self->vcpus.maximum = self->vcpus.current;
    if (self->memory.maximum == 0)
        self->memory.maximum = self->memory.current;
    complete_disks(self);
    complete_interfaces(self);
    complete_devices(self);
}
