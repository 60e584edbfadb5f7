/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/request.h"
#include "storage/context.h"

G_BEGIN_DECLS

/*
 * Writes over what a volume holds, once a pass of the algorithm (SkWipeAlgorithm); holes of a file have nothing to write over.
 * renew: a qcow2 volume, or an encrypted one, is made anew, empty, of the same size and with nothing below it. Private to storage/. Workers.
 */
gboolean sk_storage_wipe(const SkVolume *volume, gint algorithm, gboolean renew, const SkStorageContext *context, GError **error);

G_END_DECLS
