/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/capabilities.h"

G_BEGIN_DECLS

/*
 * Devices of the host as a tree, by libvirt's names: "computer", "pci_0000_00_1f_2", "usb_1_1", "net_eth0_52_54_00_00_00_01",
 * "block_sda_SERIAL". From /sys; root: see root.h. Workers.
 */

/* All of them as SkNodeDevice, a parent before its children. Free with sk_node_devices_free(). */
GPtrArray *sk_node_devices(const char *root);
void sk_node_devices_free(GPtrArray *devices);

/* Has a PCI device reset itself. */
gboolean sk_node_device_reset(const char *root, const char *address, GError **error);

G_END_DECLS
