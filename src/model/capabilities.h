/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

/* What the host and its QEMU can do: for clients that choose by it, and for libvirt's capabilities. Values; any thread. */

typedef struct {
    guint id, socket, die, core;
    char *siblings;         /* threads of the same core: "0,4" */
} SkHostCpu;

typedef struct {
    guint64 size;           /* bytes of a page */
    guint64 total, free;    /* pages; the usual ones too */
} SkHostPages;

typedef struct {
    guint id;
    guint64 memory, memory_free; /* bytes */
    GPtrArray *cpus;        /* SkHostCpu */
    GPtrArray *pages;       /* SkHostPages */
    char *distances;        /* to the nodes, by their order: "10 21" */
} SkHostNode;

typedef struct {
    char *name, *alias;
    guint max_cpus;
    gboolean is_default, deprecated;
} SkMachineType;

typedef struct {
    char *name, *vendor;
    gboolean usable, deprecated;
    char **missing;         /* features of it that the host lacks */
} SkCpuModel;

typedef struct {
    char *uuid;             /* of the host, stable */
    char *arch, *cpu_model, *cpu_vendor; /* the CPU model of QEMU that is nearest */
    char **cpu_features;    /* what the CPU has, by the kernel's names */
    guint sockets, dies, cores, threads, mhz;
    GPtrArray *nodes;       /* SkHostNode */
    gboolean iommu, kvm;
    gboolean takes_kvm;     /* domains that ask for KVM start, with it or without */
    char *emulator, *version, *emulator_arch;
    char **types;           /* devices and objects that QEMU can make and that clients look for */
    char **loaders;         /* UEFI images */
    gboolean secure_boot;
    GPtrArray *machines;    /* SkMachineType */
    GPtrArray *cpu_models;  /* SkCpuModel */
} SkCapabilities;

extern const SkType sk_host_cpu_type, sk_host_pages_type, sk_host_node_type, sk_machine_type_type, sk_cpu_model_type, sk_capabilities_type;

/* -- devices of the host ------------------------------------------------------------------------------------ */

typedef enum {
    SK_NODEDEV_SYSTEM, SK_NODEDEV_PCI, SK_NODEDEV_USB_DEVICE, SK_NODEDEV_USB, SK_NODEDEV_NET, SK_NODEDEV_SCSI_HOST, SK_NODEDEV_SCSI_TARGET,
    SK_NODEDEV_SCSI, SK_NODEDEV_STORAGE, SK_NODEDEV_DRM, SK_NODEDEV_MDEV, SK_N_NODEDEV_KINDS
} SkNodeDeviceKind;

/* Members beyond the first are there as far as the kind has them. */
typedef struct {
    char *name;             /* libvirt's: "pci_0000_01_00_0" */
    char *parent;           /* another's name; NULL: system only */
    gint kind;              /* SkNodeDeviceKind */
    char *path;             /* below /sys */
    char *driver;
    char *node;             /* in /dev */
    char **links;           /* of /dev/disk, to the same */
    guint domain, bus, slot, function, device; /* pci, usb_device */
    guint pci_class;
    guint vendor, product;
    char *vendor_name, *product_name;
    gint iommu_group;       /* -1: none */
    gint numa_node;         /* -1: none */
    char **group;           /* addresses of the IOMMU group: "0000:01:00.0" */
    guint usb_number, usb_class, usb_subclass, usb_protocol;
    char *interface, *mac;  /* net */
    gboolean link_up, wireless;
    guint speed;            /* net: Mbit/s; 0: not known */
    guint host, channel, target, lun; /* scsi */
    char *type;             /* storage: "disk", "cdrom"; scsi: "disk"; drm: "render" */
    char *model, *serial, *storage_bus;
    guint64 size, block_size;
    gboolean removable, media;
    char *uuid, *mdev_type; /* mdev */
    char *hardware_vendor, *hardware_version, *hardware_serial, *hardware_uuid; /* system, and its firmware */
    char *firmware_vendor, *firmware_version, *firmware_date;
} SkNodeDevice;

/* An entry of the host's SMBIOS, by the names that libvirt has for them. */
typedef struct {
    const char *block;      /* "bios", "system", "baseBoard", "chassis", "processor", "memory_device", "oemStrings" */
    guint index;            /* of several of the block */
    const char *name;       /* NULL in oemStrings */
    char *value;
} SkSmbiosEntry;

/* Huge pages to set aside, or to give back. */
typedef struct {
    gint node;              /* -1: wherever there is room */
    guint size;             /* KiB of a page */
    guint64 count;
    gboolean add;           /* to those that are there; else in their place */
} SkPageRequest;

extern const SkEnum sk_node_device_enum;
extern const SkType sk_page_request_type;
extern const SkType sk_node_device_type;
