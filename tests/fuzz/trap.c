/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Under libFuzzer: g_error() ends by a trap, for which libFuzzer keeps no input; it does for an abort. */
#include <signal.h>
#include <stdlib.h>

static void
on_trap(int number)
{
    (void) number;
    abort();
}

static void __attribute__((constructor))
watch_traps(void)
{
    signal(SIGTRAP, on_trap);
}
