/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * The keyboard's side of a console: a connection to the chardev's socket that
 * takes input as the guest does and drops whatever comes back (that stands in the
 * log).  Main thread, never blocks.
 */

typedef struct SkConsoleInput SkConsoleInput;

typedef enum {
    SK_INPUT_SENT,      /* or kept until the guest takes it */
    SK_INPUT_FULL,      /* dropped: the guest has not taken 64 KiB */
    SK_INPUT_GONE,      /* nobody listens: the domain is off */
} SkInputResult;

/* Connects with the first write, and again after the other side has gone. */
SkConsoleInput *sk_console_input_new(const char *socket_path);
SkInputResult sk_console_input_write(SkConsoleInput *self, const void *bytes, gsize length);
/* NULL is fine. */
void sk_console_input_free(SkConsoleInput *self);

G_END_DECLS
