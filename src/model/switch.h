/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/enum.h"

/* A switch that may be left to whoever knows better: the machine, QEMU, the guest's firmware. */
typedef enum { SK_SWITCH_DEFAULT, SK_SWITCH_ON, SK_SWITCH_OFF, SK_N_SWITCHES } SkSwitch;

/* Which virtio a device speaks: what its place makes of it, the old and the new one, only the new one. */
typedef enum { SK_VIRTIO_ANY, SK_VIRTIO_TRANSITIONAL, SK_VIRTIO_NON_TRANSITIONAL, SK_N_VIRTIOS } SkVirtio;
extern const SkEnum sk_virtio_enum;

/* The same names here; libvirt says on and off for some, yes and no for others. */
extern const SkEnum sk_switch_enum, sk_yes_no_enum;
