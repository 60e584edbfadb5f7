/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/encryption.h"
#include "model/switch.h"

/* Disk, cdrom and floppy of a domain, and the controller it sits on. Values; any thread. */

typedef enum { SK_DISK_DISK, SK_DISK_CDROM, SK_DISK_FLOPPY, SK_N_DISK_DEVICES } SkDiskDevice;
typedef enum { SK_BUS_VIRTIO, SK_BUS_SCSI, SK_BUS_SATA, SK_BUS_IDE, SK_BUS_USB, SK_BUS_FDC, SK_N_DISK_BUSES } SkDiskBus;
typedef enum { SK_SOURCE_VOLUME, SK_SOURCE_FILE, SK_SOURCE_BLOCK, SK_SOURCE_NONE, SK_N_DISK_SOURCES } SkDiskSource;
typedef enum { SK_FORMAT_QCOW2, SK_FORMAT_RAW, SK_N_DISK_FORMATS } SkDiskFormat;
typedef enum {
    SK_CACHE_DEFAULT, SK_CACHE_NONE, SK_CACHE_WRITEBACK, SK_CACHE_WRITETHROUGH,
    SK_CACHE_DIRECTSYNC, SK_CACHE_UNSAFE, SK_N_DISK_CACHES
} SkDiskCache;
typedef enum { SK_IO_DEFAULT, SK_IO_THREADS, SK_IO_NATIVE, SK_IO_URING, SK_N_DISK_IOS } SkDiskIo;
typedef enum { SK_DISCARD_UNMAP, SK_DISCARD_IGNORE, SK_N_DISK_DISCARDS } SkDiskDiscard;

/* Bytes and operations a second; 0 is no limit. */
typedef struct {
    guint64 total_bytes_sec, read_bytes_sec, write_bytes_sec;
    guint64 total_iops_sec, read_iops_sec, write_iops_sec;
    /* What may be used for as many seconds; 0: nothing more, one second. */
    guint64 total_bytes_sec_max, read_bytes_sec_max, write_bytes_sec_max;
    guint64 total_iops_sec_max, read_iops_sec_max, write_iops_sec_max;
    guint total_bytes_sec_max_length, read_bytes_sec_max_length, write_bytes_sec_max_length;
    guint total_iops_sec_max_length, read_iops_sec_max_length, write_iops_sec_max_length;
    guint64 size_iops_sec;  /* bytes that count as one operation; 0: any */
    char *group_name;       /* disks of a group share the limits */
} SkDiskLimits;

typedef enum { SK_ON_ERROR_DEFAULT, SK_ON_ERROR_STOP, SK_ON_ERROR_REPORT, SK_ON_ERROR_IGNORE, SK_ON_ERROR_ENOSPACE, SK_N_ON_ERRORS } SkDiskOnError;
typedef enum { SK_STARTUP_DEFAULT, SK_STARTUP_MANDATORY, SK_STARTUP_REQUISITE, SK_STARTUP_OPTIONAL, SK_N_STARTUPS } SkStartupPolicy;
typedef enum { SK_DISK_SNAPSHOT_DEFAULT, SK_DISK_SNAPSHOT_NO, SK_DISK_SNAPSHOT_INTERNAL, SK_DISK_SNAPSHOT_EXTERNAL, SK_DISK_SNAPSHOT_MANUAL, SK_N_DISK_SNAPSHOTS } SkDiskSnapshot;

typedef struct {
    char *target;           /* "vda": unique in the domain */
    gint device;            /* SkDiskDevice */
    gint bus;               /* SkDiskBus */
    gint source;            /* SkDiskSource */
    char *pool, *volume;    /* source volume */
    char *path;             /* source file or block */
    char *image;            /* asked at creation: the image to make the volume over */
    guint64 size;           /* asked at creation: bytes of the volume to make */
    gint format;            /* SkDiskFormat */
    SkEncryption *encryption; /* NULL: it is not encrypted */
    gint cache, io, discard; /* SkDiskCache, SkDiskIo, SkDiskDiscard */
    gboolean detect_zeroes;
    char *serial, *wwn;
    gboolean read_only, shareable;
    guint boot_order;       /* 0: by the domain's boot.order */
    guint iothread;         /* 0: none */
    SkDiskLimits limits;
    gint on_write_error, on_read_error; /* SkDiskOnError */
    gboolean copy_on_read;
    gint model;             /* SkVirtio; bus virtio */
    guint queues, queue_size; /* virtio; 0: the usual */
    gint ioeventfd, event_idx; /* SkSwitch; virtio */
    gint startup;           /* SkStartupPolicy: what if the file is not there */
    gint snapshot;          /* SkDiskSnapshot: its part in snapshots of the domain */
    guint cylinders, heads, sectors; /* geometry; 0: QEMU's */
    guint logical_block, physical_block; /* bytes; 0: QEMU's */
    gint removable;         /* SkSwitch; usb, scsi */
    guint rotation_rate;    /* of a disk: 1 solid state, 1025 and on a minute; 0: not told */
    char *vendor, *product; /* scsi */
    gboolean tray_open;
    char *alias, *address;  /* "virtio-disk0"; "pci:0000:03:00.0", "drive:0:0:0:1", "usb:0:1" */
} SkDisk;

typedef enum {
    SK_CONTROLLER_PCI, SK_CONTROLLER_SCSI, SK_CONTROLLER_SATA, SK_CONTROLLER_IDE, SK_CONTROLLER_USB,
    SK_CONTROLLER_FDC, SK_CONTROLLER_VIRTIO_SERIAL, SK_N_CONTROLLERS
} SkControllerKind;

typedef struct {
    gint kind;              /* SkControllerKind */
    guint index;
    char *model;            /* "virtio-scsi", "qemu-xhci", "pcie-root-port"; NULL: the usual one */
    guint ports;
    guint chassis, port;    /* pcie-root-port (chassis: pci-bridge too); 0: its index */
    gint hotplug;           /* SkSwitch; pcie-root-port */
    gint master;            /* ich9-uhci: first port of its EHCI controller, -1: none */
    guint queues, iothread; /* scsi: virtio; 0: the usual, none */
    guint cmd_per_lun, max_sectors;
    gint ioeventfd;         /* SkSwitch */
    char *alias, *address;
} SkController;

extern const SkEnum sk_disk_on_error_enum, sk_startup_enum, sk_disk_snapshot_enum, sk_disk_device_enum, sk_disk_bus_enum, sk_disk_source_enum, sk_disk_format_enum,
    sk_disk_cache_enum, sk_disk_io_enum, sk_disk_discard_enum, sk_controller_enum;
extern const SkType sk_disk_limits_type, sk_disk_type, sk_controller_type;

/* A disk that can be written to. */
gboolean sk_disk_is_writable(const SkDisk *self);
