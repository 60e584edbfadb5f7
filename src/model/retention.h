/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * How long copies made on a schedule are kept: "24h,7d,4w,12m,3y" keeps the newest of each of the last 24 hours that have one, of the last seven
 * days, and so on; a bare number keeps so many of the newest. Hours, days (UTC) and so on without a copy do not count. Values; any thread.
 */

typedef enum { SK_KEEP_LAST, SK_KEEP_HOURS, SK_KEEP_DAYS, SK_KEEP_WEEKS, SK_KEEP_MONTHS, SK_KEEP_YEARS, SK_N_KEEP } SkKeep;

typedef struct {
    guint count[SK_N_KEEP];
} SkRetention;

/* INVALID if text is no such rule. */
gboolean sk_retention_parse(const char *text, const char *what, SkRetention *out, GError **error);

/* A field's check (SkFieldCheck). */
gboolean sk_check_retention(const char *text, const char *what, GError **error);

/*
 * Which of n copies stay: times are microseconds since the epoch, newest first; out_keep has room for n. The newest one always does.
 */
void sk_retention_apply(const SkRetention *self, const gint64 *times, guint n, gboolean *out_keep);

G_END_DECLS
