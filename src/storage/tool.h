/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/storage.h"
#include "storage/context.h"

G_BEGIN_DECLS

/*
 * qemu-img, for what is not done by ourselves. Private to storage/. Workers.
 *
 * argv[0] is "qemu-img". Paths given to it are absolute, which keeps QEMU from reading a
 * protocol into them. Its progress (-p) is reported as step. A full disk is NO_SPACE; name
 * is what the work is about, for messages.
 */
gboolean sk_tool_qemu_img(const char *const *argv, const char *name, const char *step,
                          const SkStorageContext *context, GError **error);

/*
 * Makes an empty image in an existing file, as create wants it: of any format but plain raw; what is encrypted with context's passphrase. backing
 * NULL: none.
 */
gboolean sk_tool_create(const char *path, const SkVolumeCreate *create, const char *backing, gint backing_format,
                        const SkStorageContext *context, GError **error);

/*
 * Writes source as an image of its own into the existing file target. format is qemu-img's
 * name of the source's; alone: no backing file of it is opened, whatever it says. options are for a qcow2 target; may be NULL.
 */
gboolean sk_tool_convert(const char *source, const char *format, gboolean alone, const char *target, gint target_format,
                         const SkVolumeOptions *options, const char *name, const SkStorageContext *context, GError **error);

/* The same for a volume, which may be encrypted, as may what create says: with context's passphrases. */
gboolean sk_tool_copy(const SkVolume *source, const char *target, const SkVolumeCreate *create, const SkStorageContext *context, GError **error);

/* Gives the qcow2 image at path another size; flags: SK_RESIZE_SHRINK... encrypted: with context's passphrase. */
gboolean sk_tool_resize(const char *path, gboolean encrypted, guint64 capacity, guint flags, const char *name,
                        const SkStorageContext *context, GError **error);

/* FALSE with INVALID if the qcow2 image at path is damaged; unused clusters alone are no damage. */
gboolean sk_tool_check_qcow2(const char *path, const char *name, const SkStorageContext *context, GError **error);

G_END_DECLS
