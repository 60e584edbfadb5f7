/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/stat.h>

#include "model/storage.h"

G_BEGIN_DECLS

/*
 * A file as a volume. Private to storage/. Workers.
 *
 * fd is open on path. Its format is the one it was made with, if that is recorded, else what it looks
 * like. A file that cannot be made out is a foreign volume; NULL only if the system refuses to
 * look at it.
 */
SkVolume *sk_describe_file(gint fd, const char *path, GError **error);

/* The volume in dir, NO_VOLUME if there is no regular file of that name (links are not followed). */
SkVolume *sk_describe_in(const char *dir, const char *name, GError **error);

/* Every volume of a directory by name, as SkVolume freed with the array. */
GPtrArray *sk_describe_dir(const char *dir, GError **error);

/* The path of what the image, open at fd, is laid over: absolute, links not followed; NULL if nothing. Free with g_free(). */
char *sk_describe_backing(gint fd, const char *path);

/* A pool's directory, or -1. */
gint sk_describe_open_dir(const char *dir, GError **error);

/* The file of that name in a directory, with what fstat() says; -1 if it is no regular file. */
gint sk_describe_open(gint dir, const char *name, struct stat *out_file);

/* The same without opening it; FALSE if it is no regular file. */
gboolean sk_describe_stat(gint dir, const char *name, struct stat *out_file);

/* Names of volumes in dir that came, went or are not as known (name to SkVolumeStamp) says; none is opened. */
GPtrArray *sk_describe_changed(const char *dir, GHashTable *known, GError **error);

G_END_DECLS
