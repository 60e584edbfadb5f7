/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "engine/lines.h"

G_BEGIN_DECLS

/*
 * One conversation with a guest agent over a connected socket.  What comes from
 * it was written by the guest: any bytes, at any speed.  Blocks until the deadline.
 * One thread at a time.
 */

#define SK_AGENT_LINE_MAX (4 * 1024 * 1024)

typedef struct {
    gint fd;                /* non-blocking; the caller's */
    const char *domain;
    gint64 deadline;        /* monotonic time, microseconds */
    SkLines lines;
} SkAgentSession;

void sk_agent_session_init(SkAgentSession *self, gint fd, const char *domain, gint64 deadline);
void sk_agent_session_clear(SkAgentSession *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkAgentSession, sk_agent_session_clear)

/* Drops what earlier conversations left on both sides, by guest-sync-delimited. id: new each time. */
gboolean sk_agent_session_sync(SkAgentSession *self, guint32 id, GError **error);

/* Sends a command; args may be NULL and stays the caller's. */
gboolean sk_agent_session_send(SkAgentSession *self, const char *command, json_t *args, GError **error);

/* The answer to command: a new reference to what "return" held. */
json_t *sk_agent_session_receive(SkAgentSession *self, const char *command, GError **error);

/* A text of the guest's made fit to show: at most 500 bytes, no control characters. NULL stays NULL. Free with g_free(). */
char *sk_agent_clean_text(const char *text);
/* The same, at most 16 KiB: keys. */
char *sk_agent_clean_long_text(const char *text);

G_END_DECLS
