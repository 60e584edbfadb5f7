/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/lines.h"
#include "engine/qmp/qmp-client.h"
#include "engine/qmp/qmp-message.h"
#include "engine/qmp/qmp-output.h"

G_BEGIN_DECLS

/*
 * Shared by the two halves of the QMP connection: qmp-client.c, its life on the
 * main loop, and qmp-wait.c, the workers that sleep on it.
 */

typedef enum { SK_QMP_GREETING_DUE, SK_QMP_NEGOTIATING, SK_QMP_READY, SK_QMP_CLOSED } SkQmpState;

struct _SkQmp {
    GObject parent_instance;
    char *domain;
    gint next_id;           /* atomic */

    GMutex lock;            /* guards these five; changed is broadcast with each change */
    GCond changed;
    SkQmpState state;
    GError *end;            /* SK_QMP_CLOSED: why */
    char *version;
    GPtrArray *expects;     /* SkQmpExpect, not owned */

    /* Main thread only from here on. */
    gint fd;
    SkLines lines;
    GSource *in;
    SkQmpOutput output;
    GHashTable *pending;    /* id to Pending */
    GQueue held;            /* SkQmpLine, until QEMU is ready for commands */
    GQueue early;           /* SkQmpMessage, events nobody has heard yet */
    SkQmpFuncs funcs;
    gpointer funcs_data;
    gboolean has_funcs, muted, told_closed;
};

/* A command to send. */
typedef struct {
    const char *command;
    json_t *args;           /* taken; may be NULL */
    gint fd;                /* sent along; SK_FD_NONE: none */
    gint timeout_ms;
    gboolean whole;         /* the answer is QEMU's message as it came, a refusal too */
} SkQmpQuestion;

/* Sends it. callback runs once, on the main thread, not before this returns if this is called there. Any thread. */
void sk_qmp_request(SkQmp *self, const SkQmpQuestion *question, SkQmpReply callback, gpointer data);

/* Wakes those that wait for this event. Main thread. */
void sk_qmp_meet_expects(SkQmp *self, const SkQmpMessage *event);

G_END_DECLS
