/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/capabilities.h"

G_BEGIN_DECLS

/*
 * What the host's firmware tells of the machine: the SMBIOS table, or what the kernel has read out of it. root: see root.h. They do not
 * block; any thread.
 */

/* SkSmbiosEntry, in the order of blocks. UNSUPPORTED if the host has none of it. Free with g_ptr_array_unref(). */
GPtrArray *sk_host_smbios(const char *root, GError **error);

/* The entries of a table as the kernel gives it; what is broken ends it. Free with g_ptr_array_unref(). */
GPtrArray *sk_smbios_parse(const guint8 *table, gsize length);

G_END_DECLS
