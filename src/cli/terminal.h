/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Raw mode of the terminal on standard input. It is restored at the end, at exit and when
 * a signal ends the program, always. One thread.
 */

/* FALSE without a terminal: nothing is changed. */
gboolean sk_terminal_raw(void);
/* Safe to call again, and from a signal handler. */
void sk_terminal_restore(void);
/* TRUE once after each change of the window's size. */
gboolean sk_terminal_was_resized(void);
