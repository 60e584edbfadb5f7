/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * UEFI firmware on the host, by the descriptors in /usr/share/qemu/firmware and /etc/qemu/firmware
 * (docs/interop/firmware.json of QEMU), with known places as the last resort. Workers. root: see root.h.
 */

typedef struct {
    char *code;             /* read-only image */
    char *vars;             /* template of the variables */
    char *code_format, *vars_format; /* "raw", "qcow2" */
    gboolean secure_boot;   /* can do it, with keys enrolled */
    gboolean needs_smm;
} SkUefi;

void sk_uefi_free(SkUefi *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkUefi, sk_uefi_free)

/*
 * For an architecture ("x86_64") and machine type ("q35", "pc-q35-7.2"). HOST if there is none;
 * the message says which package brings it.
 */
SkUefi *sk_uefi_find(const char *root, const char *arch, const char *machine, gboolean secure_boot, GError **error);

/*
 * The firmware that one descriptor's text tells of, if it is what is asked for and its files are
 * there; else NULL, with *error only if the text is not JSON.
 */
SkUefi *sk_uefi_parse(const char *root, const char *text, gsize length, const char *arch, const char *machine,
                      gboolean secure_boot, GError **error);

G_END_DECLS
