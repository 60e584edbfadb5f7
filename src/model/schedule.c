/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Schedules: their fields, and when they are due. */
#include "model/schedule.h"

#include "base/error.h"
#include "base/text.h"
#include "model/retention.h"

static const SkEnumName kind_names[] = { { "snapshot" } };
SK_ENUM_TABLE(sk_schedule_kind_enum, "kind", kind_names, SK_N_SCHEDULE_KINDS);

static gboolean
check_every(const char *text, const char *what, GError **error)
{
    guint64 seconds;
    if (!sk_duration_parse(text, what, &seconds, error))
        return FALSE;
    return (seconds >= SK_SCHEDULE_MIN_SECONDS && seconds <= 366 * 86400) ||
           sk_fail(error, SK_ERROR_INVALID, "%s is \"%s\": give a time from one minute (60s) to a year (366d)", what, text);
}

static const SkField fields[] = {
    SK_FIELD(SkSchedule, id, STRING, "UUID", .flags = SK_FIELD_KEY | SK_FIELD_READONLY, .check = sk_check_uuid),
    SK_FIELD(SkSchedule, kind, ENUM, "what is made", .names = &sk_schedule_kind_enum),
    SK_FIELD(SkSchedule, domain, STRING, "the domain's UUID", .flags = SK_FIELD_READONLY, .check = sk_check_uuid),
    SK_FIELD(SkSchedule, domain_name, STRING, "the domain", .flags = SK_FIELD_READONLY, .max = 128),
    SK_FIELD(SkSchedule, every, STRING, "time between two, such as 15m, 1h, 1d", .flags = SK_FIELD_REQUIRED, .check = check_every),
    SK_FIELD(SkSchedule, keep, STRING, "what is kept: 24h,7d,4w,12m,3y, or a number of the newest", .flags = SK_FIELD_REQUIRED, .check = sk_check_retention),
    SK_FIELD(SkSchedule, memory, BOOL, "snapshots: the guest's memory too"),
    SK_FIELD(SkSchedule, paused, BOOL, "do nothing for now"),
    SK_FIELD(SkSchedule, created, INT64, "when it was made, microseconds since the epoch", .flags = SK_FIELD_READONLY),
    SK_FIELD(SkSchedule, last, INT64, "when it last began; 0: never", .flags = SK_FIELD_READONLY),
    SK_FIELD(SkSchedule, next, INT64, "when it will begin; 0: it is at work, or paused", .flags = SK_FIELD_READONLY),
    SK_FIELD(SkSchedule, error, STRING, "what went wrong the last time", .flags = SK_FIELD_READONLY, .max = 8192),
    SK_FIELD(SkSchedule, made, UINT, "of what it made, there now", .flags = SK_FIELD_READONLY),
};
SK_TYPE(sk_schedule_type, SkSchedule, "Schedule", "schedule", fields, "what is done for a domain again and again");

guint64
sk_schedule_interval(const SkSchedule *self)
{
    guint64 seconds = 0;
    return self->every != NULL && sk_duration_parse(self->every, "every", &seconds, NULL) ? MAX(seconds, SK_SCHEDULE_MIN_SECONDS) : 86400;
}

gint64
sk_schedule_next(const SkSchedule *self, gint64 now)
{
    const gint64 after = (gint64) sk_schedule_interval(self) * G_USEC_PER_SEC;
    const gint64 since = self->last != 0 ? self->last : self->created;
    /* A clock that was set back does not make it wait for longer than it is to wait. */
    return since > now ? now + after : MAX(since + after, now);
}

char *
sk_schedule_prefix(const SkSchedule *self)
{
    return g_strdup_printf("auto-%.8s-", self->id);
}
