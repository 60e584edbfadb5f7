/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* /proc/cpuinfo, which spells differently on each architecture. Inside host/ only; any thread. */

/* The value of the first line with this key ("flags"), or NULL. Free with g_free(). */
char *sk_cpuinfo_get(const char *text, const char *key);

/* How many different values a key has ("physical id"). */
guint sk_cpuinfo_count(const char *text, const char *key);

G_END_DECLS
