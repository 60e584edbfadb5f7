/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Hears from the kernel that devices of the host came or went. Main thread. */

typedef struct SkDeviceWatch SkDeviceWatch;

/* func is called once for all that has come since. */
SkDeviceWatch *sk_device_watch_new(void (*func)(gpointer data), gpointer data, GError **error);
void sk_device_watch_free(SkDeviceWatch *self);

G_END_DECLS
