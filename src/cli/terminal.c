/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The terminal's modes, put back whatever happens. */
#include "cli/terminal.h"

#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static volatile sig_atomic_t is_raw, resized;

void
sk_terminal_restore(void)
{
    if (!is_raw)
        return;
    is_raw = 0;
    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
}

/* Ends as the signal would have, with the terminal in order. */
static void
on_deadly(int number)
{
    sk_terminal_restore();
    signal(number, SIG_DFL);
    raise(number);
}

static void
on_resize(int number)
{
    resized = 1;
}

static void
catch_signals(void)
{
    static const int deadly[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGABRT };
    struct sigaction action = { .sa_handler = on_deadly };
    for (guint i = 0; i < G_N_ELEMENTS(deadly); i++)
        (void) sigaction(deadly[i], &action, NULL);
    action.sa_handler = on_resize;
    (void) sigaction(SIGWINCH, &action, NULL);
}

gboolean
sk_terminal_raw(void)
{
    static gboolean prepared = FALSE;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved) < 0)
        return FALSE;
    if (!prepared) {
        catch_signals();
        (void) atexit(sk_terminal_restore);
        prepared = TRUE;
    }
    struct termios raw = saved;
    cfmakeraw(&raw);
    is_raw = 1;
    return tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0;
}

gboolean
sk_terminal_was_resized(void)
{
    gboolean was = resized;
    resized = 0;
    return was;
}
