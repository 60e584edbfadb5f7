/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/job.h"

/* Devices that come and go: disks (domain-disk.c), media (domain-media.c), interfaces (domain-nic.c). */
extern const SkJobKind sk_disk_attach_job, sk_disk_detach_job, sk_disk_resize_job, sk_media_insert_job, sk_media_eject_job,
    sk_nic_attach_job, sk_nic_update_job, sk_nic_detach_job;

/* Any kind (domain-device.c): those above where there is one for the kind. */
extern const SkJobKind sk_device_attach_job, sk_device_update_job, sk_device_detach_job, sk_device_remove_job;
