/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Hears of the host's links as they come, change and go, whoever does it. Main thread; callbacks come on the main
 * thread, from the main loop.
 */

/* A link of this name is there (new, or changed) or is gone. name NULL: the kernel could not tell all, look at everything. */
typedef void (*SkLinkWatchFunc)(const char *name, gboolean there, gpointer data);

typedef struct SkLinkWatch SkLinkWatch;

/* HOST if the kernel refuses. */
SkLinkWatch *sk_link_watch_new(SkLinkWatchFunc func, gpointer data, GError **error);
void sk_link_watch_free(SkLinkWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkLinkWatch, sk_link_watch_free)

G_END_DECLS
