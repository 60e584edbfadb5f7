/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Where this folder looks at the host. Functions that take a root read below it ("" or NULL is
 * the host itself), so that tests give them a tree of their own. Any thread.
 */

/* root + path; free with g_free(). */
char *sk_host_path(const char *root, const char *path);

/* A file of at most 4 MiB below root, with its trailing newlines cut; NULL if it cannot be read. Free with g_free(). */
char *sk_host_read(const char *root, const char *path);

/* The file's number, or fallback. */
gint64 sk_host_read_number(const char *root, const char *path, gint64 fallback);

gboolean sk_host_exists(const char *root, const char *path);

/* TRUE if a list of words ("fpu vme svm") has this one. */
gboolean sk_words_have(const char *words, const char *word);

G_END_DECLS
