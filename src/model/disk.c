/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of disks and controllers. */
#include "model/disk.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const SkEnumName device_names[] = { { "disk" }, { "cdrom" }, { "floppy" } };
static const SkEnumName bus_names[] = { { "virtio" }, { "scsi" }, { "sata" }, { "ide" }, { "usb" }, { "fdc" } };
static const SkEnumName source_names[] = { { "volume" }, { "file" }, { "block" }, { "none" } };
static const SkEnumName format_names[] = { { "qcow2" }, { "raw" } };
static const SkEnumName cache_names[] = { { "default" }, { "none" }, { "writeback" },
                                          { "writethrough" }, { "directsync" }, { "unsafe" } };
static const SkEnumName io_names[] = { { "default" }, { "threads" }, { "native" }, { "io_uring" } };
static const SkEnumName discard_names[] = { { "unmap" }, { "ignore" } };
static const SkEnumName controller_names[] = { { "pci" }, { "scsi" }, { "sata" }, { "ide" }, { "usb" },
                                               { "fdc" }, { "virtio-serial" } };

static const SkEnumName on_error_names[] = { { "default" }, { "stop" }, { "report" }, { "ignore" }, { "enospace" } };
static const SkEnumName startup_names[] = { { "default" }, { "mandatory" }, { "requisite" }, { "optional" } };
static const SkEnumName snapshot_names[] = { { "default" }, { "no" }, { "internal" }, { "external" }, { "manual" } };

SK_ENUM_TABLE(sk_disk_on_error_enum, "error policy", on_error_names, SK_N_ON_ERRORS);
SK_ENUM_TABLE(sk_startup_enum, "startup policy", startup_names, SK_N_STARTUPS);
SK_ENUM_TABLE(sk_disk_snapshot_enum, "snapshot mode", snapshot_names, SK_N_DISK_SNAPSHOTS);
SK_ENUM_TABLE(sk_disk_device_enum, "disk device", device_names, SK_N_DISK_DEVICES);
SK_ENUM_TABLE(sk_disk_bus_enum, "disk bus", bus_names, SK_N_DISK_BUSES);
SK_ENUM_TABLE(sk_disk_source_enum, "disk source", source_names, SK_N_DISK_SOURCES);
SK_ENUM_TABLE(sk_disk_format_enum, "disk format", format_names, SK_N_DISK_FORMATS);
SK_ENUM_TABLE(sk_disk_cache_enum, "disk cache mode", cache_names, SK_N_DISK_CACHES);
SK_ENUM_TABLE(sk_disk_io_enum, "disk I/O mode", io_names, SK_N_DISK_IOS);
SK_ENUM_TABLE(sk_disk_discard_enum, "discard mode", discard_names, SK_N_DISK_DISCARDS);
SK_ENUM_TABLE(sk_controller_enum, "controller kind", controller_names, SK_N_CONTROLLERS);

#define LIVE .flags = SK_FIELD_LIVE

#define LIVE_SPARSE .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE
#define BURST(member, help) SK_FIELD(SkDiskLimits, member, UINT64, "burst: " help, .xml = #member, LIVE_SPARSE)
#define LENGTH(member) SK_FIELD(SkDiskLimits, member, UINT, "seconds of that burst, 0 for one", .xml = #member, LIVE_SPARSE)

static const SkField limits_fields[] = {
    SK_FIELD(SkDiskLimits, total_bytes_sec, SIZE, "bytes a second, reading and writing", .xml = "total_bytes_sec", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkDiskLimits, read_bytes_sec, SIZE, "bytes a second, reading", .xml = "read_bytes_sec", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkDiskLimits, write_bytes_sec, SIZE, "bytes a second, writing", .xml = "write_bytes_sec", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkDiskLimits, total_iops_sec, UINT64, "operations a second", .xml = "total_iops_sec", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkDiskLimits, read_iops_sec, UINT64, "reads a second", .xml = "read_iops_sec", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    SK_FIELD(SkDiskLimits, write_iops_sec, UINT64, "writes a second", .xml = "write_iops_sec", .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    BURST(total_bytes_sec_max, "reading and writing, as long as total_bytes_sec_max_length"),
    BURST(read_bytes_sec_max, "read, as long as read_bytes_sec_max_length"),
    BURST(write_bytes_sec_max, "write, as long as write_bytes_sec_max_length"),
    BURST(total_iops_sec_max, "reading and writing, as long as total_iops_sec_max_length"),
    BURST(read_iops_sec_max, "read, as long as read_iops_sec_max_length"),
    BURST(write_iops_sec_max, "write, as long as write_iops_sec_max_length"),
    LENGTH(total_bytes_sec_max_length),
    LENGTH(read_bytes_sec_max_length),
    LENGTH(write_bytes_sec_max_length),
    LENGTH(total_iops_sec_max_length),
    LENGTH(read_iops_sec_max_length),
    LENGTH(write_iops_sec_max_length),
    SK_FIELD(SkDiskLimits, size_iops_sec, UINT64, "bytes that count as one operation, 0 for any number", .xml = "size_iops_sec", LIVE_SPARSE),
    SK_FIELD(SkDiskLimits, group_name, STRING, "disks with the same name share the limits", .xml = "group_name", .check = sk_check_name),
};

static gboolean
check_limits(gconstpointer value, GError **error)
{
    const SkDiskLimits *self = value;
    if (self->total_bytes_sec > 0 && (self->read_bytes_sec > 0 || self->write_bytes_sec > 0))
        return sk_fail(error, SK_ERROR_INVALID, "give total_bytes_sec or read_bytes_sec and write_bytes_sec, not both");
    if (self->total_iops_sec > 0 && (self->read_iops_sec > 0 || self->write_iops_sec > 0))
        return sk_fail(error, SK_ERROR_INVALID, "give total_iops_sec or read_iops_sec and write_iops_sec, not both");
    return TRUE;
}

SK_TYPE(sk_disk_limits_type, SkDiskLimits, "DiskLimits", "disk limits", limits_fields,
        "I/O limits of a disk; 0 is no limit", .xml = "iotune", .check = check_limits);

/* What libvirt's schema has of it. */
static gboolean
check_serial(const char *text, const char *what, GError **error)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (!g_ascii_isalnum(*at) && strchr("_.+- ", *at) == NULL)
            return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" has a character that is none of a serial number: letters, digits, _ . + - and blanks are", what,
                           text);
    }
    return TRUE;
}

/* "vda", "hdb", "sdc", "fda" */
static gboolean
check_target(const char *text, const char *what, GError **error)
{
    static const char *const prefixes[] = { "vd", "hd", "sd", "fd" };
    gsize length = strlen(text);
    gboolean ok = length >= 3 && length <= 5;
    for (gsize i = 2; ok && i < length; i++)
        ok = g_ascii_islower(text[i]);
    for (guint i = 0; ok && i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(text, prefixes[i]))
            return TRUE;
    }
    return sk_fail(error, SK_ERROR_INVALID, "%s \"%.64s\" is not a disk target: give vda, sda, hda or fda and on", what, text);
}

#define SPARSE .flags = SK_FIELD_SPARSE
#define CHOICE(member, help, xml_, names_) SK_FIELD(SkDisk, member, ENUM, help, .xml = xml_, .names = &names_, SPARSE)

static const SkField disk_fields[] = {
    SK_FIELD(SkDisk, target, STRING, "name of the disk in the domain (vda, sda, ...)", .xml = "target/@dev", .flags = SK_FIELD_KEY, .check = check_target),
    SK_FIELD(SkDisk, device, ENUM, "what the guest sees", .xml = "@device", .names = &sk_disk_device_enum),
    SK_FIELD(SkDisk, bus, ENUM, "bus the guest sees it on", .xml = "target/@bus", .names = &sk_disk_bus_enum),
    SK_FIELD(SkDisk, model, ENUM, "which virtio it speaks (virtio)", .xml = "@model", .names = &sk_virtio_enum, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDisk, source, ENUM, "where the data is: a volume of a pool, a file, a block device, none (empty drive)", .xml = "~@type", .names = &sk_disk_source_enum, LIVE),
    SK_FIELD(SkDisk, pool, STRING, "storage pool of the volume", .xml = "~source/@pool", .check = sk_check_name, LIVE),
    SK_FIELD(SkDisk, volume, STRING, "volume in the pool", .xml = "~source/@volume", .check = sk_check_name, LIVE),
    SK_FIELD(SkDisk, path, STRING, "file or block device", .xml = "~source/@file", .check = sk_check_path, LIVE),
    SK_FIELD(SkDisk, image, STRING, "image to make the volume over, when the domain is created", .check = sk_check_name),
    SK_FIELD(SkDisk, size, SIZE, "size of the volume to make, when the domain is created", .min = 1024 * 1024, .max = G_GINT64_CONSTANT(1) << 50, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDisk, format, ENUM, "format of the data", .xml = "~driver/@type", .names = &sk_disk_format_enum, LIVE),
    SK_FIELD(SkDisk, encryption, OPTIONAL, "the data is encrypted (LUKS): the secret that opens it", .xml = "~", .type = &sk_encryption_type, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDisk, cache, ENUM, "host cache mode", .xml = "driver/@cache", .names = &sk_disk_cache_enum),
    SK_FIELD(SkDisk, io, ENUM, "how QEMU does its I/O", .xml = "driver/@io", .names = &sk_disk_io_enum),
    SK_FIELD(SkDisk, discard, ENUM, "what happens to the guest's discards", .xml = "~driver/@discard", .names = &sk_disk_discard_enum),
    SK_FIELD(SkDisk, detect_zeroes, BOOL, "write zeroes as holes", .xml = "~driver/@detect_zeroes", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDisk, serial, STRING, "serial number the guest sees: letters, digits, _ . + - and blanks", .xml = "serial", .max = 36,
             .check = check_serial),
    SK_FIELD(SkDisk, wwn, STRING, "world wide name (scsi, sata, ide)", .xml = "wwn", .max = 16),
    SK_FIELD(SkDisk, read_only, BOOL, "the guest cannot write", .xml = "readonly", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDisk, shareable, BOOL, "more than one domain may open it", .xml = "shareable", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDisk, boot_order, UINT, "place in the boot order, 0 for the domain's", .xml = "boot/@order", .min = 0, .max = 64, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDisk, iothread, UINT, "number of the iothread that serves it, 0 for none", .xml = "driver/@iothread", .min = 0, .max = 64, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDisk, limits, STRUCT, "I/O limits", .xml = "iotune", .type = &sk_disk_limits_type, .flags = SK_FIELD_LIVE | SK_FIELD_SPARSE),
    CHOICE(on_write_error, "what happens when a write fails", "driver/@error_policy", sk_disk_on_error_enum),
    CHOICE(on_read_error, "what happens when a read fails", "driver/@rerror_policy", sk_disk_on_error_enum),
    SK_FIELD(SkDisk, copy_on_read, BOOL, "what is read from backing files is kept", .xml = "~driver/@copy_on_read", SPARSE),
    SK_FIELD(SkDisk, queues, UINT, "request queues, 0 for one a vCPU (virtio)", .xml = "driver/@queues", .min = 0, .max = 256, SPARSE),
    SK_FIELD(SkDisk, queue_size, UINT, "requests a queue, 0 for the usual (virtio)", .xml = "driver/@queue_size", .min = 0, .max = 1024, SPARSE),
    CHOICE(ioeventfd, "requests are taken by a thread of their own (virtio)", "driver/@ioeventfd", sk_switch_enum),
    CHOICE(event_idx, "fewer interrupts (virtio)", "driver/@event_idx", sk_switch_enum),
    CHOICE(startup, "what if the file is not there: optional and requisite start a cdrom or floppy without it", "source/@startupPolicy", sk_startup_enum),
    CHOICE(snapshot, "its part in snapshots of the domain", "@snapshot", sk_disk_snapshot_enum),
    SK_FIELD(SkDisk, cylinders, UINT, "geometry that the guest sees", .xml = "geometry/@cyls", .min = 1, .max = 65535, SPARSE),
    SK_FIELD(SkDisk, heads, UINT, "heads", .xml = "geometry/@heads", .min = 1, .max = 255, SPARSE),
    SK_FIELD(SkDisk, sectors, UINT, "sectors a track", .xml = "geometry/@secs", .min = 1, .max = 255, SPARSE),
    SK_FIELD(SkDisk, logical_block, UINT, "bytes of a block that the guest sees", .xml = "blockio/@logical_block_size", .min = 512, .max = 32768, SPARSE),
    SK_FIELD(SkDisk, physical_block, UINT, "bytes of a block below", .xml = "blockio/@physical_block_size", .min = 512, .max = 2097152, SPARSE),
    CHOICE(removable, "the guest takes it for removable (usb)", "target/@removable", sk_switch_enum),
    SK_FIELD(SkDisk, rotation_rate, UINT, "1 for solid state, else turns a minute (scsi, sata, ide)", .xml = "target/@rotation_rate", .min = 1, .max = 65534, SPARSE),
    SK_FIELD(SkDisk, vendor, STRING, "maker that the guest sees (scsi)", .xml = "vendor", .max = 8),
    SK_FIELD(SkDisk, product, STRING, "product that the guest sees (scsi)", .xml = "product", .max = 16),
    SK_FIELD(SkDisk, tray_open, BOOL, "the cdrom's tray is open", .xml = "~target/@tray", .flags = SK_FIELD_SPARSE | SK_FIELD_LIVE),
    SK_FIELD(SkDisk, alias, STRING, "device id in QEMU", .xml = "~alias/@name", .flags = SK_FIELD_READONLY, .given = "ua-"),
    SK_FIELD(SkDisk, address, STRING, "guest address of the device", .max = 64, .flags = SK_FIELD_STICKY),
};

static gboolean
check_disk(gconstpointer value, GError **error)
{
    const SkDisk *self = value;
    if (self->source == SK_SOURCE_NONE && self->device == SK_DISK_DISK)
        return sk_fail(error, SK_ERROR_INVALID, "a disk needs a source; only a cdrom or floppy can be empty");
    if ((self->source == SK_SOURCE_FILE || self->source == SK_SOURCE_BLOCK) && self->path == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "path is missing: it says which %s to open", sk_enum_name(&sk_disk_source_enum, self->source));
    /* The bus of a cdrom or floppy that gives none reads as virtio here; sk_domain_spec_complete() chooses. */
    if (self->device == SK_DISK_FLOPPY ? self->bus != SK_BUS_FDC && self->bus != SK_BUS_VIRTIO : self->bus == SK_BUS_FDC)
        return sk_fail(error, SK_ERROR_INVALID, "a floppy must be on the fdc bus, and nothing else may be");
    if (self->model != SK_VIRTIO_ANY && self->bus != SK_BUS_VIRTIO)
        return sk_fail(error, SK_ERROR_INVALID, "model \"%s\" is for disks on the virtio bus", sk_enum_name(&sk_virtio_enum, self->model));
    if (self->encryption != NULL && self->device != SK_DISK_DISK)
        return sk_fail(error, SK_ERROR_INVALID, "encryption is for disks, not for the medium of a drive");
    if (self->iothread > 0 && self->bus != SK_BUS_VIRTIO && self->bus != SK_BUS_SCSI)
        return sk_fail(error, SK_ERROR_INVALID, "iothread is for disks on the virtio or scsi bus");
    return TRUE;
}

SK_TYPE(sk_disk_type, SkDisk, "Disk", "disk", disk_fields, "a disk, cdrom or floppy", .xml = "disk", .check = check_disk);

static const SkField controller_fields[] = {
    SK_FIELD(SkController, kind, ENUM, "what it controls", .xml = "@type", .names = &sk_controller_enum),
    SK_FIELD(SkController, index, UINT, "number among its kind", .xml = "@index", .min = 0, .max = 255),
    SK_FIELD(SkController, model, STRING, "model, empty for the usual one", .xml = "@model", .max = 64),
    SK_FIELD(SkController, ports, UINT, "ports, 0 for the usual number", .xml = "@ports", .min = 0, .max = 255, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkController, chassis, UINT, "number of the slot (pcie-root-port, pci-bridge), 0 for the index", .xml = "~target/@chassis", .min = 0, .max = 255, SPARSE),
    SK_FIELD(SkController, port, UINT, "number of the port (pcie-root-port), 0 for the index", .xml = "target/@port|hex", .min = 0, .max = 255, SPARSE),
    SK_FIELD(SkController, hotplug, ENUM, "devices can be plugged in (pcie-root-port)", .xml = "target/@hotplug", .names = &sk_switch_enum, SPARSE),
    SK_FIELD(SkController, master, INT, "first port of the EHCI controller it serves (ich9-uhci), -1 for none", .xml = "~master/@startport", .def = "-1", .min = -1, .max = 15),
    SK_FIELD(SkController, queues, UINT, "request queues (virtio-scsi)", .xml = "driver/@queues", .min = 0, .max = 256, SPARSE),
    SK_FIELD(SkController, iothread, UINT, "number of the iothread that serves it (virtio-scsi)", .xml = "driver/@iothread", .min = 0, .max = 64, SPARSE),
    SK_FIELD(SkController, cmd_per_lun, UINT, "commands at a time and disk (virtio-scsi)", .xml = "driver/@cmd_per_lun", .min = 0, .max = 1024, SPARSE),
    SK_FIELD(SkController, max_sectors, UINT, "sectors a command (virtio-scsi)", .xml = "driver/@max_sectors", .min = 0, .max = 65535, SPARSE),
    SK_FIELD(SkController, ioeventfd, ENUM, "requests are taken by a thread of their own (virtio-scsi)", .xml = "driver/@ioeventfd", .names = &sk_switch_enum, SPARSE),
    SK_FIELD(SkController, alias, STRING, "device id in QEMU", .xml = "~alias/@name", .flags = SK_FIELD_READONLY, .given = "ua-"),
    SK_FIELD(SkController, address, STRING, "guest address of the device", .max = 64, .flags = SK_FIELD_STICKY),
};
SK_TYPE(sk_controller_type, SkController, "Controller", "controller", controller_fields, "a bus controller", .xml = "controller");

gboolean
sk_disk_is_writable(const SkDisk *self)
{
    return self->device != SK_DISK_CDROM && !self->read_only;
}
