/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Block devices that pools are made of. pool is its name, for messages. Private to storage/. Workers. */

/* Nobody has it: no mount, no other device, no guest. Else IN_USE; INVALID if it is none. */
gboolean sk_device_check_free(const char *path, const char *pool, guint64 *out_bytes, GError **error);

/* There is no file system, partition table or the like on it; else EXISTS. */
gboolean sk_device_check_empty(const char *path, const char *pool, GError **error);

/* Makes it so that there is none: their marks are gone, the rest stays. */
gboolean sk_device_clear(const char *path, GError **error);

G_END_DECLS
