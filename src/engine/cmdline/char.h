/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/cmdline/builder.h"

G_BEGIN_DECLS

/* The host end that all character devices have in common. Private to engine/cmdline/. */

/* What a character device is connected to, whichever kind it is. Borrows all. */
typedef struct {
    const char *what, *alias;   /* "serial port", "serial0" */
    gint backend;               /* SkCharBackend */
    const char *path, *host;
    gboolean connect, telnet;
    const char *log_file;
} SkCharSource;

/* Where its Unix socket is. Free with g_free(). */
char *sk_char_path(const SkBuilder *self, const SkCharSource *source, const SkCharEnd *end);
/* "127.0.0.1:4555", "[::1]:4555" taken apart; INVALID. Free *out_host with g_free(). */
gboolean sk_char_host(const SkCharSource *source, char **out_host, guint *out_port, GError **error);

/* The chardev "char" + alias as steps: while plugging. end: NULL: not opened. */
gboolean sk_char_plug(SkBuilder *self, const SkCharSource *source, const SkCharEnd *end, GError **error);

G_END_DECLS
