/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The Range header (RFC 9110, section 14). Any thread. */

typedef enum { SK_RANGE_WHOLE, SK_RANGE_PART, SK_RANGE_OUTSIDE } SkRangeResult;

/*
 * What of size bytes is asked for. One range is obeyed; none (NULL), several and those that are not understood
 * mean the whole, as the standard allows.
 */
SkRangeResult sk_range_parse(const char *range, guint64 size, guint64 *out_first, guint64 *out_length);

G_END_DECLS
