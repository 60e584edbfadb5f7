/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Cuts a byte stream into lines, with a limit: QMP and the guest agent speak one
 * JSON value a line.  One thread at a time.
 */

typedef struct {
    GString *bytes;
    gsize start;        /* of the next line in bytes */
    gsize seen;         /* up to here there is no newline after start */
    gsize max;
} SkLines;

void sk_lines_init(SkLines *self, gsize max);
void sk_lines_clear(SkLines *self);
/* Forgets what came, for a new conversation. */
void sk_lines_reset(SkLines *self);

/* Adds bytes; pop every line before the next push. FALSE (nothing added) if a line would be longer than max. */
gboolean sk_lines_push(SkLines *self, const char *bytes, gsize length);

/*
 * The next whole line without its end ("\n" or "\r\n"), NUL-terminated; empty lines are left out. NULL if
 * there is none yet. Valid until the next push.
 */
char *sk_lines_pop(SkLines *self, gsize *out_length);

G_END_DECLS
