/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * A domain's UEFI variables: a small qcow2 file that begins as a copy of the firmware's template and then
 * belongs to the domain.
 *
 * Makes nvram, and the directory it is in, from template (raw or qcow2, standing alone); one that
 * is there is left as it is. Blocks: workers.
 */
gboolean sk_storage_nvram_make(const char *template, const char *nvram, GError **error);

G_END_DECLS
