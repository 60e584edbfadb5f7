/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * The file that keeps a domain's memory while it is off: a head with the definition as text, then QEMU's migration
 * stream, perhaps compressed. The head has room for two texts, so that a changed one is written beside the other and
 * a crash leaves either. Layout: docs/reference/save-format.md. Workers.
 */

#define SK_SAVE_TEXT_MAX (8 * 1024 * 1024)

typedef struct {
    gboolean paused;        /* the domain was paused, and is to be again */
    gboolean compressed;    /* the stream is zstd */
    gint64 time;            /* when, microseconds since the epoch */
    char *text;             /* the definition, whatever form its owner gave it */
} SkSaveImage;

void sk_save_image_clear(SkSaveImage *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkSaveImage, sk_save_image_clear)

/* Makes the file (0600) and writes its head. A descriptor that stands where the stream begins, or -1. */
gint sk_save_image_create(const char *path, const SkSaveImage *image, GError **error);

/*
 * Reads the head. out_fd (may be NULL) gets a descriptor that stands where the stream begins. INVALID if it is no such
 * file, or one that was cut.
 */
gboolean sk_save_image_open(const char *path, SkSaveImage *out, gint *out_fd, GError **error);
/* The same of a file that is open; path is for messages. */
gboolean sk_save_image_read(gint fd, const char *path, SkSaveImage *out, GError **error);

/* Puts another text into the head, durably. TOO_LARGE if it does not fit into the room there is. */
gboolean sk_save_image_change(const char *path, const char *text, gboolean paused, GError **error);

/*
 * Starts zstd between a stream and a file: what comes from `from` goes to `to`, packed or unpacked. Both stay the caller's.
 * out_pid and out_pidfd are for sk_save_filter_end().
 */
gboolean sk_save_filter_start(gboolean unpack, gint from, gint to, gint *out_pid, gint *out_pidfd, GError **error);
/* Waits for its end; FALSE if it failed, or if kill is set. Closes pidfd. */
gboolean sk_save_filter_end(gint pid, gint pidfd, gboolean kill, GError **error);

G_END_DECLS
