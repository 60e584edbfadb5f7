/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* PCI devices given to guests by VFIO, through /sys. Workers. root: see root.h. */

/*
 * Makes vfio-pci the driver of a device; *out_bound tells whether it was not already. Refused with a sentence that
 * names what is missing: the device, an IOMMU, the kernel module, or a neighbour of its IOMMU group that the host uses.
 */
gboolean sk_host_vfio_bind(const char *root, const char *address, gboolean *out_bound, GError **error);

/* Gives the device back to the driver the kernel would choose. */
gboolean sk_host_vfio_release(const char *root, const char *address, GError **error);

/* Without binding: the device must be vfio-pci's. Gives /dev/vfio/GROUP to uid (0: nothing to do). */
gboolean sk_host_vfio_grant(const char *root, const char *address, uid_t uid, GError **error);

G_END_DECLS
