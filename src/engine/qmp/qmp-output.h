/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "base/fs.h"

G_BEGIN_DECLS

/*
 * What is on its way to QEMU: lines in order, each perhaps with a descriptor
 * that goes along with its first byte.  Main thread, never blocks.
 */

typedef struct {
    gint id;                /* of the command */
    char *text;
    gsize length, sent;
    SkFd fd;                /* owned, or SK_FD_NONE */
} SkQmpLine;

typedef struct {
    gint fd;                /* the socket, the owner's */
    GQueue lines;           /* SkQmpLine */
    GSource *writable;      /* while the socket is full */
} SkQmpOutput;

/* Takes text; dup's fd (SK_FD_NONE: none). Any thread. */
SkQmpLine *sk_qmp_line_new(gint id, char *text, gint fd);
void sk_qmp_line_free(SkQmpLine *self);

/* Takes a line and sends what the socket takes; the rest goes from the main loop. */
void sk_qmp_output_push(SkQmpOutput *self, SkQmpLine *line);
/* Takes a line out of a queue if no byte of it was sent; FALSE if it is not there. */
gboolean sk_qmp_output_withdraw(GQueue *lines, gint id);
/* Drops everything; before the socket is closed. */
void sk_qmp_output_clear(SkQmpOutput *self);

G_END_DECLS
