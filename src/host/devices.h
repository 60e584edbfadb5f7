/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "model/devices.h"

G_BEGIN_DECLS

/* PCI and USB devices of the host, from /sys. Workers. root: see root.h. */

typedef struct {
    gint kind;              /* SkHostdevKind */
    char *address;          /* pci "0000:01:00.0"; usb "bus.device": "1.4" */
    guint vendor, product;
    guint pci_class;        /* pci: 0x030000 ... */
    char *driver;           /* bound to, or NULL */
    gint iommu_group;       /* pci: -1 if none */
    char *name;             /* usb: what it calls itself, or NULL */
    char *node;             /* usb: "/dev/bus/usb/001/004" */
} SkHostDevice;

void sk_host_device_free(SkHostDevice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkHostDevice, sk_host_device_free)

/* All of a kind, sorted by address, as an array that frees its SkHostDevices; empty if there are none. */
GPtrArray *sk_host_devices(const char *root, SkHostdevKind kind);

/*
 * The one that a hostdev names: "0000:01:00.0"; "1d6b:0002" (must be the only such one) or "1.4".
 * NO_DEVICE if it is not there, INVALID if the name fits several.
 */
SkHostDevice *sk_host_device_find(const char *root, SkHostdevKind kind, const char *text, GError **error);

G_END_DECLS
