/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Progress on standard error: a bar on a terminal, else a line at each step and tenth. One thread. */

typedef struct SkProgress SkProgress;

/* what: "import debian-12". quiet: shows nothing. */
SkProgress *sk_progress_new(const char *what, gboolean quiet);
/* fraction 0..1, below 0: not known. step may be NULL; total 0: not known. */
void sk_progress_show(SkProgress *self, gdouble fraction, const char *step, guint64 done, guint64 total);
/* Removes the bar. NULL is fine. */
void sk_progress_free(SkProgress *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkProgress, sk_progress_free)
