/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Range header. */
#include "api/rest/range.h"

#include <string.h>

/* "first-last", "first-" or "-count"; FALSE if it is none of them. */
static gboolean
split(const char *text, guint64 size, guint64 *out_first, guint64 *out_last)
{
    const char *dash = strchr(text, '-');
    if (dash == NULL)
        return FALSE;
    g_autofree char *left = g_strndup(text, (gsize) (dash - text));
    const char *right = dash + 1;
    guint64 number;

    if (*left == '\0') {
        if (!g_ascii_string_to_unsigned(right, 10, 0, G_MAXUINT64, &number, NULL))
            return FALSE;
        *out_first = number == 0 ? size : number < size ? size - number : 0;
        *out_last = G_MAXUINT64;
        return TRUE;
    }
    *out_last = G_MAXUINT64;
    return g_ascii_string_to_unsigned(left, 10, 0, G_MAXUINT64, out_first, NULL) &&
           (*right == '\0' || g_ascii_string_to_unsigned(right, 10, *out_first, G_MAXUINT64, out_last, NULL));
}

SkRangeResult
sk_range_parse(const char *range, guint64 size, guint64 *out_first, guint64 *out_length)
{
    guint64 first, last;
    *out_first = 0;
    *out_length = size;
    if (range == NULL || g_ascii_strncasecmp(range, "bytes=", 6) != 0 || !split(range + 6, size, &first, &last))
        return SK_RANGE_WHOLE;
    if (first >= size)
        return SK_RANGE_OUTSIDE;
    *out_first = first;
    *out_length = MIN(last, size - 1) - first + 1;
    return SK_RANGE_PART;
}
