/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <jansson.h>

G_BEGIN_DECLS

/*
 * One line of what QEMU says over QMP, taken apart.  Strict about what we rely
 * on, blind to what newer versions may add.  Any thread.
 */

typedef enum { SK_QMP_GREETING, SK_QMP_RETURN, SK_QMP_FAILED, SK_QMP_EVENT } SkQmpKind;

typedef struct {
    SkQmpKind kind;
    gint64 id;              /* RETURN, FAILED: whose answer; -1 if there is none in it */
    const char *name;       /* EVENT: its name; FAILED: QEMU's class of error */
    const char *text;       /* FAILED: QEMU's sentence */
    json_t *body;           /* RETURN: what was returned; EVENT: its data, an object; else NULL */
    gint64 time;            /* EVENT: microseconds since the epoch, 0 if not told */
    guint version[3];       /* GREETING: major, minor, micro */
    json_t *root;           /* owns all of the above */
} SkQmpMessage;

/* Any bytes. SK_ERROR_IO with the reason if it is no QMP message. Clear with sk_qmp_message_clear(). */
gboolean sk_qmp_message_parse(const char *line, gsize length, SkQmpMessage *out_message, GError **error);
void sk_qmp_message_clear(SkQmpMessage *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkQmpMessage, sk_qmp_message_clear)

/* A command as a line, its newline included. args may be NULL. Free with g_free(). */
char *sk_qmp_message_compose(const char *command, json_t *args, gint id);

G_END_DECLS
