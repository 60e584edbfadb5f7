/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/capabilities.h"
#include "service/job.h"

/* What the host and its QEMU can do, and the host's devices. Main thread. */

/* Asks QEMU soon, on a worker, so that its version is known. At start-up. */
void sk_service_probe_emulator(SkService *self);

/* node.capabilities keeps its answer in service->capabilities until the next. */
extern const SkJobKind sk_node_capabilities_job;

/* node-devices.c: node.devices keeps its answer in service->node_devices until the next; changes drop it. */
extern const SkJobKind sk_node_devices_job, sk_node_device_detach_job, sk_node_device_reattach_job, sk_node_device_reset_job, sk_node_pages_job;
/* One of those last asked for; NULL with NO_NODE_DEVICE. Borrowed. */
const SkNodeDevice *sk_service_node_device(SkService *self, const char *name, GError **error);
/* node-watch.c: emits "nodedev.created" and ".deleted" of "node-device/NAME" from now on, or no more. Cheap if nothing changes by it. */
typedef struct SkNodeWatch SkNodeWatch;
void sk_service_watch_node_devices(SkService *self, gboolean wanted);
/* They were asked for a moment ago. */
gboolean sk_service_node_devices_are_fresh(const SkService *self);
