/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Tells when a file is written to.  All followers share one inotify descriptor,
 * of which a system has few.  Main thread.
 */

typedef struct SkFollow SkFollow;
typedef void (*SkFollowFunc)(gpointer data);

/* Calls changed from the main loop after writes to the file; one follower a file. NULL on error. */
SkFollow *sk_follow_new(const char *path, SkFollowFunc changed, gpointer data, GError **error);
/* NULL is fine. */
void sk_follow_free(SkFollow *self);

G_END_DECLS
