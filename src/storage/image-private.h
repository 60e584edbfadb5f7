/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "storage/image.h"

G_BEGIN_DECLS

/* Shared by image.c and import.c. Workers. */

/* "DIR/NAME.suffix"; free with g_free(). */
char *sk_image_path(const char *dir, const char *name, const char *suffix);

/* The file of an image, whatever its suffix; NULL if there is none. Free with g_free(). */
char *sk_image_find(const char *dir, const char *name);

/*
 * Keeps others from adding and removing images until the descriptor is closed: an image and its record
 * are two files. -1 on error.
 */
gint sk_image_lock_dir(const char *dir, GError **error);

/* Fills capacity and allocation from the image's file. */
gboolean sk_image_measure(SkImage *image, gint fd, GError **error);

G_END_DECLS
