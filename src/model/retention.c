/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules of how long copies are kept. */
#include "model/retention.h"

#include <string.h>

#include "base/error.h"

#define HOUR 3600
#define DAY (24 * HOUR)
#define COUNT_MAX 100000

/* The number of the period that a time (seconds) is in. */
static gint64
hour_of(gint64 time)
{
    return time / HOUR;
}

static gint64
day_of(gint64 time)
{
    return time / DAY;
}

/* Weeks begin on Monday; the epoch was a Thursday. */
static gint64
week_of(gint64 time)
{
    return (time / DAY + 3) / 7;
}

static gint64
month_of(gint64 time)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(time);
    return date == NULL ? 0 : g_date_time_get_year(date) * 12 + g_date_time_get_month(date);
}

static gint64
year_of(gint64 time)
{
    return (month_of(time) - 1) / 12;
}

static const struct {
    char letter;
    gint64 (*period)(gint64 time);
} units[SK_N_KEEP] = {
    [SK_KEEP_LAST] = { '\0', NULL },
    [SK_KEEP_HOURS] = { 'h', hour_of },
    [SK_KEEP_DAYS] = { 'd', day_of },
    [SK_KEEP_WEEKS] = { 'w', week_of },
    [SK_KEEP_MONTHS] = { 'm', month_of },
    [SK_KEEP_YEARS] = { 'y', year_of },
};

/* "24h"; FALSE if it is none, or said twice. */
static gboolean
parse_part(const char *text, SkRetention *out)
{
    char *end = NULL;
    guint64 count = g_ascii_isdigit(*text) ? g_ascii_strtoull(text, &end, 10) : 0;
    if (count == 0 || count > COUNT_MAX || (*end != '\0' && end[1] != '\0'))
        return FALSE;
    for (guint i = 0; i < SK_N_KEEP; i++)
        if (units[i].letter == *end && out->count[i] == 0) {
            out->count[i] = (guint) count;
            return TRUE;
        }
    return FALSE;
}

gboolean
sk_retention_parse(const char *text, const char *what, SkRetention *out, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", SK_N_KEEP + 1);
    SkRetention rule = { 0 };
    for (guint i = 0; parts[i] != NULL; i++)
        if (!parse_part(g_strstrip(parts[i]), &rule))
            return sk_fail(error, SK_ERROR_INVALID, "%s \"%s\" does not say what is kept: write \"24h,7d,4w,12m,3y\", or a number for that many of the newest",
                           what, text);
    if (parts[0] == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s is empty: write \"24h,7d,4w,12m,3y\", or a number for that many of the newest", what);
    *out = rule;
    return TRUE;
}

gboolean
sk_check_retention(const char *text, const char *what, GError **error)
{
    SkRetention rule;
    return sk_retention_parse(text, what, &rule, error);
}

/* The newest of each of the last `count` periods that have one. */
static void
keep_periods(gint64 (*period)(gint64), guint count, const gint64 *times, guint n, gboolean *keep)
{
    gint64 last = 0;
    guint found = 0;
    for (guint i = 0; i < n && found <= count; i++) {
        gint64 number = period(times[i] / G_USEC_PER_SEC);
        if (found > 0 && number == last)
            continue;
        last = number;
        if (found++ < count)
            keep[i] = TRUE;
    }
}

void
sk_retention_apply(const SkRetention *self, const gint64 *times, guint n, gboolean *out_keep)
{
    memset(out_keep, 0, n * sizeof *out_keep);
    for (guint i = 0; i < MIN(n, MAX(self->count[SK_KEEP_LAST], 1)); i++)
        out_keep[i] = TRUE;
    for (guint i = SK_KEEP_HOURS; i < SK_N_KEEP; i++)
        keep_periods(units[i].period, self->count[i], times, n, out_keep);
}
