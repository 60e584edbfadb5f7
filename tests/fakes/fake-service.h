/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ops/ops.h"
#include "service/streams.h"

/*
 * Stands in for ops/ and service/ at link time, so that the REST front door can be tested alone. What a
 * call does is told by the name in its path:
 *   "missing" NO_DOMAIN, "later" answers from the main loop, "held" answers at fake_release(),
 *   "job" answers 202, "silent" answers nothing, any other name echoes the call as JSON.
 */

typedef struct {
    guint dispatched, permitted;
    SkCall *held;           /* the call of name "held" */
    char *last;             /* echo of the last call */
    GPtrArray *events;      /* SkEvents kept */
    guint64 revision, first_kept;
    guint subscriptions;    /* open now */
    GByteArray *uploaded;
    guint64 uploads_begun, uploads_aborted, uploads_finished;
    gsize pieces_waiting;   /* bytes given and not yet said to be written */
    gsize most_waiting;
    guint64 volume_size;    /* of the downloads */
    gsize most_read;        /* by one sk_download_read() */
    SkConsoleSession *console; /* open one */
    guint holds;            /* times it was told to hold */
    GByteArray *typed;      /* what the console was written */
    gboolean read_only;     /* the console has another writer */
} Fake;

extern Fake fake;

void fake_reset(void);
void fake_release(void);
/* Something happens. */
void fake_event(const char *type, const char *object, gsize padding);
/* The console prints. */
void fake_print(const void *bytes, gsize length);
void fake_end_console(void);
/* Byte at an offset of a volume that is downloaded. */
guint8 fake_volume_byte(guint64 offset);
