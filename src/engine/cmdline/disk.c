/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks, cdroms and floppies on every bus, and the seed of cloud-init. */
#include <string.h>

#include "base/error.h"
#include "engine/cmdline/builder.h"

/* -- I/O limits ------------------------------------------------------------------------------------------------- */

static json_t *
limits_object(const SkDiskLimits *limits)
{
    const struct {
        const char *key;
        guint64 value;
    } rows[] = {
        { "bps-total", limits->total_bytes_sec }, { "bps-read", limits->read_bytes_sec }, { "bps-write", limits->write_bytes_sec },
        { "iops-total", limits->total_iops_sec }, { "iops-read", limits->read_iops_sec }, { "iops-write", limits->write_iops_sec },
        { "bps-total-max", limits->total_bytes_sec_max }, { "bps-read-max", limits->read_bytes_sec_max },
        { "bps-write-max", limits->write_bytes_sec_max }, { "iops-total-max", limits->total_iops_sec_max },
        { "iops-read-max", limits->read_iops_sec_max }, { "iops-write-max", limits->write_iops_sec_max },
        { "iops-size", limits->size_iops_sec },
    };
    const struct {
        const char *key;
        guint seconds;
    } lengths[] = {
        { "bps-total-max-length", limits->total_bytes_sec_max_length }, { "bps-read-max-length", limits->read_bytes_sec_max_length },
        { "bps-write-max-length", limits->write_bytes_sec_max_length }, { "iops-total-max-length", limits->total_iops_sec_max_length },
        { "iops-read-max-length", limits->read_iops_sec_max_length }, { "iops-write-max-length", limits->write_iops_sec_max_length },
    };
    json_t *object = json_object();
    /* The six rates are always told, so that a change takes back what is no more; the others where there is something to tell. */
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (i < 6 || rows[i].value > 0)
            json_object_set_new(object, rows[i].key, json_integer((json_int_t) MIN(rows[i].value, (guint64) G_MAXINT64 / 2)));
    }
    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
        if (lengths[i].seconds > 0)
            json_object_set_new(object, lengths[i].key, json_integer(lengths[i].seconds));
    }
    return object;
}

static gboolean
has_limits(const SkDiskLimits *limits)
{
    return !sk_value_equal(&sk_disk_limits_type, limits, &(SkDiskLimits){ 0 });
}

/*
 * Every disk has its filter, with limits or without: they can then be set at any time, and the node that the device
 * sees keeps its name whatever happens to the files below. Takes below.
 */
static gboolean
build_filter(SkBuilder *self, const SkDisk *disk, json_t *below, GError **error)
{
    g_autofree char *group = g_strconcat("limits-", disk->target, NULL);
    g_autofree char *node = sk_block_node_name(disk);
    json_t *filter = json_pack("{s:s,s:s,s:b,s:s,s:o}", "driver", "throttle", "node-name", node, "read-only", !sk_disk_is_writable(disk),
                               "throttle-group", group, "file", below);
    json_t *object = json_pack("{s:s,s:s}", "qom-type", "throttle-group", "id", group);
    if (has_limits(&disk->limits))
        json_object_set_new(object, "limits", limits_object(&disk->limits));
    if (sk_builder_object(self, object, error))
        return sk_builder_blockdev(self, filter, error);
    json_decref(filter);
    return FALSE;
}

SkQmpStep *
sk_plug_limits(const SkDisk *disk)
{
    SkQmpStep *step = g_new0(SkQmpStep, 1);
    g_autofree char *path = g_strdup_printf("/objects/limits-%s", disk->target);
    step->execute = "qom-set";
    step->arguments = json_pack("{s:s,s:s,s:o}", "path", path, "property", "limits", "value", limits_object(&disk->limits));
    step->fd = SK_FD_NONE;
    return step;
}

/* -- the device ----------------------------------------------------------------------------------------------------- */

static const char *
boot_kind(const SkDisk *disk)
{
    static const char *const kinds[SK_N_DISK_DEVICES] = { [SK_DISK_DISK] = "disk", [SK_DISK_CDROM] = "cdrom", [SK_DISK_FLOPPY] = "floppy" };
    return kinds[disk->device];
}

/* What only some definitions ask for, by the buses that can do it. */
static void
add_details(const SkDisk *disk, json_t *device)
{
    static const char *const on_error[SK_N_ON_ERRORS] = { [SK_ON_ERROR_STOP] = "stop", [SK_ON_ERROR_REPORT] = "report",
                                                          [SK_ON_ERROR_IGNORE] = "ignore", [SK_ON_ERROR_ENOSPACE] = "enospc" };
    const struct {
        const char *key;
        guint value;
    } numbers[] = {
        { "num-queues", disk->queues }, { "queue-size", disk->queue_size }, { "cyls", disk->cylinders }, { "heads", disk->heads },
        { "secs", disk->sectors }, { "logical_block_size", disk->logical_block }, { "physical_block_size", disk->physical_block },
        { "rotation_rate", disk->rotation_rate },
    };
    const struct {
        const char *key, *value;
    } texts[] = {
        { "werror", on_error[disk->on_write_error] }, { "rerror", on_error[disk->on_read_error] },
        { "vendor", disk->vendor }, { "product", disk->product },
    };
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (numbers[i].value > 0)
            json_object_set_new(device, numbers[i].key, json_integer(numbers[i].value));
    }
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (texts[i].value != NULL)
            json_object_set_new(device, texts[i].key, json_string(texts[i].value));
    }
    sk_builder_switch(device, "ioeventfd", disk->ioeventfd);
    sk_builder_switch(device, "event_idx", disk->event_idx);
    if (disk->bus == SK_BUS_SCSI)
        sk_builder_switch(device, "removable", disk->removable);
}

/* What every kind of drive takes alike. */
static json_t *
drive_device(SkBuilder *self, const SkDisk *disk, const char *driver, const char *node)
{
    json_t *device = json_pack("{s:s,s:s,s:s*}", "driver", driver, "id", disk->alias, "drive", node);
    if (disk->device == SK_DISK_DISK) {
        json_object_set_new(device, "write-cache", json_string(sk_disk_cache_is_writeback(disk->cache) ? "on" : "off"));
        if (disk->shareable)
            json_object_set_new(device, "share-rw", json_true());
    }
    if (disk->serial != NULL)
        json_object_set_new(device, "serial", json_string(disk->serial));
    add_details(disk, device);
    sk_builder_boot(self, device, disk->boot_order, boot_kind(disk));
    return device;
}

static gboolean
parse_drive(const SkDisk *disk, SkAddress *out, GError **error)
{
    if (disk->address != NULL && sk_address_parse(disk->address, disk->target, out, NULL) && out->kind == SK_ADDRESS_DRIVE)
        return TRUE;
    return sk_fail(error, SK_ERROR_INTERNAL, "disk \"%s\" has no address that fits it", disk->target);
}

static void
set_bus(json_t *device, char *bus)
{
    json_object_set_new(device, "bus", json_string(bus));
    g_free(bus);
}

static gboolean
set_wwn(json_t *device, const SkDisk *disk, GError **error)
{
    guint64 wwn;
    if (disk->wwn == NULL)
        return TRUE;
    const char *digits = g_str_has_prefix(disk->wwn, "0x") ? disk->wwn + 2 : disk->wwn;
    if (!g_ascii_string_to_unsigned(digits, 16, 1, G_MAXINT64, &wwn, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\": wwn \"%s\" is not 16 hex digits that begin with 1 to 7", disk->target, disk->wwn);
    json_object_set_new(device, "wwn", json_integer((json_int_t) wwn));
    return TRUE;
}

static gboolean
build_virtio(SkBuilder *self, const SkDisk *disk, const char *node, GError **error)
{
    g_autofree char *driver = sk_builder_virtio_model(self, "virtio-blk", (SkVirtio) disk->model, error);
    if (driver == NULL)
        return FALSE;
    json_t *device = drive_device(self, disk, driver, node);
    sk_builder_queues(self, device, "num-queues");
    if (disk->discard == SK_DISCARD_IGNORE)
        json_object_set_new(device, "discard", json_false());
    if (disk->iothread > 0) {
        g_autofree char *thread = g_strdup_printf("iothread%u", disk->iothread);
        json_object_set_new(device, "iothread", json_string(thread));
    }
    return sk_builder_pci(self, device, disk->address, error);
}

static gboolean
build_scsi(SkBuilder *self, const SkDisk *disk, const char *node, GError **error)
{
    SkAddress address;
    if (!parse_drive(disk, &address, error))
        return FALSE;
    g_autoptr(json_t) device = drive_device(self, disk, disk->device == SK_DISK_CDROM ? "scsi-cd" : "scsi-hd", node);
    set_bus(device, g_strdup_printf("scsi%u.0", address.parts[0]));
    json_object_set_new(device, "channel", json_integer(address.parts[1]));
    json_object_set_new(device, "scsi-id", json_integer(address.parts[2]));
    json_object_set_new(device, "lun", json_integer(address.parts[3]));
    return set_wwn(device, disk, error) && sk_builder_device(self, g_steal_pointer(&device), error);
}

/* Units of sata are buses of their own; the chipset's first controller has the plain name, as the ide one of a pc. */
static gboolean
build_ata(SkBuilder *self, const SkDisk *disk, const char *node, GError **error)
{
    gboolean sata = disk->bus == SK_BUS_SATA;
    SkAddress address;
    if (!parse_drive(disk, &address, error))
        return FALSE;
    g_autoptr(json_t) device = drive_device(self, disk, disk->device == SK_DISK_CDROM ? "ide-cd" : "ide-hd", node);
    if (!sata || (self->machine == SK_MACHINE_Q35 && address.parts[0] == 0))
        set_bus(device, g_strdup_printf("ide.%u", sata ? address.parts[3] : address.parts[1]));
    else
        set_bus(device, g_strdup_printf("sata%u.%u", address.parts[0], address.parts[3]));
    json_object_set_new(device, "unit", json_integer(sata ? 0 : address.parts[3]));
    return set_wwn(device, disk, error) && sk_builder_device(self, g_steal_pointer(&device), error);
}

/* A USB cdrom is a SCSI one behind a bridge: usb-storage makes disks only, and cannot be empty. */
static gboolean
build_usb(SkBuilder *self, const SkDisk *disk, const char *node, GError **error)
{
    if (disk->device != SK_DISK_CDROM) {
        json_t *device = drive_device(self, disk, "usb-storage", node);
        json_object_set_new(device, "removable", json_boolean(disk->removable != SK_SWITCH_OFF));
        return sk_builder_usb(self, device, disk->address, error);
    }
    g_autofree char *bridge = g_strconcat(disk->alias, "-bot", NULL);
    if (!sk_builder_usb(self, json_pack("{s:s,s:s}", "driver", "usb-bot", "id", bridge), disk->address, error))
        return FALSE;
    json_t *device = drive_device(self, disk, "scsi-cd", node);
    set_bus(device, g_strconcat(bridge, ".0", NULL));
    json_object_set_new(device, "lun", json_integer(0));
    return sk_builder_device(self, device, error);
}

static gboolean
build_floppy(SkBuilder *self, const SkDisk *disk, const char *node, GError **error)
{
    SkAddress address;
    if (!parse_drive(disk, &address, error))
        return FALSE;
    json_t *device = drive_device(self, disk, "floppy", node);
    set_bus(device, g_strdup(self->machine == SK_MACHINE_PC ? "floppy-bus.0" : "fdc0.0"));
    json_object_set_new(device, "unit", json_integer(address.parts[3]));
    return sk_builder_device(self, device, error);
}

/* -- one disk ------------------------------------------------------------------------------------------------------------ */

typedef gboolean (*BuildDrive)(SkBuilder *self, const SkDisk *disk, const char *node, GError **error);

static const BuildDrive build_on_bus[SK_N_DISK_BUSES] = {
    [SK_BUS_VIRTIO] = build_virtio, [SK_BUS_SCSI] = build_scsi, [SK_BUS_SATA] = build_ata,
    [SK_BUS_IDE] = build_ata,       [SK_BUS_USB] = build_usb,   [SK_BUS_FDC] = build_floppy,
};

/* Rules that are QEMU's own and not the definition's. */
static gboolean
check_disk(const SkBuilder *self, const SkDisk *disk, const SkBlockChain *chain, GError **error)
{
    gboolean ata = disk->bus == SK_BUS_SATA || disk->bus == SK_BUS_IDE;
    if (chain == NULL && disk->source != SK_SOURCE_NONE && self->steps == NULL)
        return sk_fail(error, SK_ERROR_INTERNAL, "disk \"%s\" was not opened", disk->target);
    if (disk->device == SK_DISK_CDROM && disk->bus == SK_BUS_VIRTIO)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\": a cdrom cannot be on the virtio bus: give sata, scsi, ide or usb", disk->target);
    if (disk->io == SK_IO_NATIVE && !sk_disk_cache_is_direct(disk->cache))
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\": io native needs cache none or directsync, not %s", disk->target,
                       sk_enum_name(&sk_disk_cache_enum, disk->cache));
    if (disk->read_only && ata && disk->device == SK_DISK_DISK)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\": a %s disk cannot be read-only: give bus virtio or scsi", disk->target,
                       sk_enum_name(&sk_disk_bus_enum, disk->bus));
    if (disk->device != SK_DISK_DISK && has_limits(&disk->limits))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\": a %s has no I/O limits", disk->target,
                       sk_enum_name(&sk_disk_device_enum, disk->device));
    if (disk->shareable && chain != NULL && disk->format != SK_FORMAT_RAW && !disk->read_only)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\": a qcow2 file cannot be written by two domains: give format raw", disk->target);
    gboolean has_virtio = disk->queues > 0 || disk->queue_size > 0 || disk->ioeventfd != 0 || disk->event_idx != 0;
    if (has_virtio && disk->bus != SK_BUS_VIRTIO)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\": queues, ioeventfd and event_idx are for the virtio bus", disk->target);
    if ((disk->vendor != NULL || disk->product != NULL) && disk->bus != SK_BUS_SCSI)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\": vendor and product are for the scsi bus", disk->target);
    if (disk->rotation_rate > 0 && disk->bus != SK_BUS_SCSI && !ata)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\": rotation_rate is for the scsi, sata and ide buses", disk->target);
    if (disk->limits.group_name != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\": limits that disks share (group \"%s\") are not supported", disk->target,
                       disk->limits.group_name);
    if (disk->serial != NULL && strlen(disk->serial) > 20 && disk->bus != SK_BUS_SCSI && disk->bus != SK_BUS_USB)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\": serial has more than the 20 characters of a %s disk", disk->target,
                       sk_enum_name(&sk_disk_bus_enum, disk->bus));
    return TRUE;
}

SkBlockOptions
sk_disk_block_options(const SkDisk *disk)
{
    return (SkBlockOptions){
        .read_only = !sk_disk_is_writable(disk),
        .cache = disk->cache,
        .io = disk->io,
        .unmap = disk->discard == SK_DISCARD_UNMAP && disk->device == SK_DISK_DISK,
        .detect_zeroes = disk->detect_zeroes,
    };
}

/* The block side: cdroms and floppies have no filter, so that a medium is one node. */
gboolean
sk_build_disk_nodes(SkBuilder *self, const SkDisk *disk, const SkBlockChain *chain, GError **error)
{
    g_autofree char *what = g_strdup_printf("disk \"%s\"", disk->target);
    gboolean filtered = disk->device == SK_DISK_DISK;
    g_autofree char *name = filtered ? NULL : sk_block_node_name(disk);
    SkBlockOptions options = sk_disk_block_options(disk);
    json_t *nodes = sk_build_chain(self, chain, name, &options, what, error);
    if (nodes == NULL)
        return FALSE;
    if (disk->copy_on_read && filtered) {
        g_autofree char *cor = g_strconcat(disk->target, "-cor", NULL);
        nodes = json_pack("{s:s,s:s,s:o}", "driver", "copy-on-read", "node-name", cor, "file", nodes);
    }
    return filtered ? build_filter(self, disk, nodes, error) : sk_builder_blockdev(self, nodes, error);
}

/* What a detach must undo when the files are not known: their sets, and the top of the tree. */
static gboolean
build_unknown_nodes(SkBuilder *self, const SkDisk *disk, GError **error)
{
    g_autofree char *node = sk_block_node_name(disk), *secret = sk_block_secret_name(disk->target);
    sk_build_chain_removal(self, disk->target);
    if (disk->encryption != NULL && !sk_builder_object(self, json_pack("{s:s,s:s}", "qom-type", "secret", "id", secret), error))
        return FALSE;
    if (disk->device == SK_DISK_DISK)
        return build_filter(self, disk, json_null(), error);
    return sk_builder_blockdev(self, json_pack("{s:s}", "node-name", node), error);
}

gboolean
sk_build_disk(SkBuilder *self, const SkDisk *disk, const SkBlockChain *chain, GError **error)
{
    gboolean empty = disk->source == SK_SOURCE_NONE && chain == NULL;
    g_autofree char *node = empty ? NULL : sk_block_node_name(disk);
    if (!check_disk(self, disk, chain, error))
        return FALSE;
    if (chain != NULL ? !sk_build_disk_nodes(self, disk, chain, error) : !empty && !build_unknown_nodes(self, disk, error))
        return FALSE;
    return build_on_bus[disk->bus](self, disk, node, error);
}

gboolean
sk_build_disks(SkBuilder *self, GError **error)
{
    const GPtrArray *disks = self->spec->disks;
    for (guint i = 0; disks != NULL && i < disks->len; i++) {
        const SkDisk *disk = disks->pdata[i];
        if (!sk_build_disk(self, disk, sk_launch_find_chain(self->launch, disk->target), error))
            return FALSE;
    }
    return TRUE;
}

/* -- the seed of cloud-init -------------------------------------------------------------------------------------------------- */

/*
 * A virtio disk, because small kernels have no driver for anything else, behind all other disks, so that the guest
 * numbers those as without it: on q35 the port after the last, on a pc the last slot.
 */
gboolean
sk_build_seed(SkBuilder *self, GError **error)
{
    const SkBlockChain *chain = sk_launch_find_chain(self->launch, "cidata");
    SkBlockOptions options = { .read_only = TRUE };
    if (chain == NULL)
        return TRUE;
    g_autofree char *driver = sk_builder_virtio(self, "virtio-blk");
    gboolean q35 = self->machine == SK_MACHINE_Q35;
    guint bus = q35 ? sk_pci_port_count(self->spec) + 1 : 0;
    g_autofree char *address = g_strdup_printf("pci:0000:%02x:%02x.0", bus, q35 ? 0 : 0x1f);
    json_t *nodes = sk_build_chain(self, chain, "cidata", &options, "cloud-init seed", error);
    if (nodes == NULL || !sk_builder_blockdev(self, nodes, error) || (q35 && !sk_build_port(self, bus, error)))
        return FALSE;
    json_t *device = json_pack("{s:s,s:s,s:s,s:s}", "driver", driver, "id", "cidata", "drive", "cidata", "serial", "cidata");
    return sk_builder_pci(self, device, address, error);
}
