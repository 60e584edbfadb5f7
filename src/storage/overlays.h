/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Which images are laid over which. Private to storage/. Workers.
 *
 * What each file of a directory names as its backing file is remembered with the file's inode and times, so that
 * the next question opens only what has changed since: many volumes are deleted one by one, and each deletion asks.
 */

/* backing: the real path of what the image at path is laid over, or the path itself if that is not there. */
typedef gboolean (*SkOverlayFunc)(const char *path, const char *backing, gpointer data);

/* Calls func for every image in dir that has a backing file, until it gives FALSE; gives what func gave last, or TRUE. */
gboolean sk_overlays_foreach(const char *dir, SkOverlayFunc func, gpointer data);

/* How many files were opened for it so far: for tests. */
guint sk_overlays_opened(void);

G_END_DECLS
