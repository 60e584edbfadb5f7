/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

G_BEGIN_DECLS

/*
 * Schedules: what is done for a domain again and again, and how much of it is kept. Values; any thread.
 */

typedef enum { SK_SCHEDULE_SNAPSHOT, SK_N_SCHEDULE_KINDS } SkScheduleKind;

typedef struct {
    char *id;               /* a UUID; its first eight digits are in the names of what it makes */
    gint kind;              /* SkScheduleKind */
    char *domain;           /* its UUID */
    char *domain_name;      /* as it is now */
    char *every;            /* duration */
    char *keep;             /* rule of model/retention.h */
    gboolean memory;        /* snapshots: the guest's memory too */
    gboolean paused;        /* nothing is done for now */
    gint64 created;         /* microseconds since the epoch, as all times */
    gint64 last;            /* when it last began; 0: never */
    gint64 next;            /* when it will begin; 0: it is at work, or paused */
    char *error;            /* what went wrong the last time; NULL: nothing */
    guint made;             /* of what it made, there now */
} SkSchedule;

/* How often at most. */
#define SK_SCHEDULE_MIN_SECONDS 60

extern const SkEnum sk_schedule_kind_enum;
extern const SkType sk_schedule_type;

/* Seconds between two. */
guint64 sk_schedule_interval(const SkSchedule *self);

/*
 * When it is due after `now`: one interval after the last time, or after it was made. What was missed, because nobody was there, is
 * made up for once, at `now`.
 */
gint64 sk_schedule_next(const SkSchedule *self, gint64 now);

/* The beginning of the names of what it makes: "auto-1a2b3c4d-". Free with g_free(). */
char *sk_schedule_prefix(const SkSchedule *self);

G_END_DECLS
