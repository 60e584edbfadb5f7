/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "storage/context.h"

G_BEGIN_DECLS

/*
 * Unpacks gzip, xz or zstd from one file into an empty other, zeros as holes. A file that was cut or damaged
 * is INVALID. name is for messages. Private to storage/. Workers.
 */
gboolean sk_decompress(gint from, gint to, const char *name, const SkStorageContext *context, GError **error);

G_END_DECLS
