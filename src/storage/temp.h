/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "base/fs.h"

G_BEGIN_DECLS

/*
 * A file in the making, beside the place it is to have: hidden, locked, gone again unless it is
 * committed.  Private to storage/. Workers.
 */
typedef struct {
    char *path;         /* of the half-made file */
    char *target;       /* what it will be */
    SkFd fd;            /* read-write; another program may fill path meanwhile */
} SkTempFile;

/* Makes an empty file of mode 0600 beside target. EXISTS if target is there already. */
SkTempFile *sk_temp_new(const char *target, GError **error);

/* fsync, then the name, never over another file (EXISTS), then fsync of the directory. Once. */
gboolean sk_temp_commit(SkTempFile *self, mode_t mode, GError **error);

/* Removes what was not committed. NULL is fine. */
void sk_temp_free(SkTempFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkTempFile, sk_temp_free)

/* The last steps alone, for a file that has a name of its own: path becomes target. */
gboolean sk_temp_place(gint fd, const char *path, const char *target, GError **error);

/* TRUE for names that are not volumes: hidden files, ours among them, and parts of uploads. */
gboolean sk_temp_is_hidden(const char *name);

/* Removes half-made files in dir that nobody is working on. Parts that are kept to go on with stay: sk_storage_sweep_parts(). */
void sk_temp_sweep(const char *dir);

/*
 * Marks an open "NAME.part" as an upload of ours, so that no sweep takes a file that another program
 * calls so. Where the file system cannot keep the mark, all are taken for ours.
 */
void sk_temp_mark_upload(gint fd);
void sk_temp_unmark_upload(gint fd);
gboolean sk_temp_is_upload(gint fd);

/* The format a volume was made with, kept where its guest cannot reach it (an extended attribute). */
void sk_temp_record_format(gint fd, gint format);
gboolean sk_temp_recorded_format(gint fd, gint *out_format);

G_END_DECLS
