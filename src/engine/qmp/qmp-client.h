/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

#include "codec/json/json.h"

G_BEGIN_DECLS

/*
 * A QMP connection to one QEMU.  All reading and writing is done on the main
 * thread without blocking; workers post a command and sleep until its answer.
 * The connection is good for commands as soon as it is made: what is called
 * before QEMU has greeted waits and goes out together with qmp_capabilities.
 *
 * A peer that breaks the protocol (garbage, a line over SK_JSON_MAX_BYTES, no
 * greeting, an answer to a question never asked, EOF) ends the connection: every
 * command fails with one and the same SK_ERROR_QEMU.
 */

#define SK_TYPE_QMP (sk_qmp_get_type())
G_DECLARE_FINAL_TYPE(SkQmp, sk_qmp, SK, QMP, GObject)

/* For a timeout_ms: 0 stands for this. -1 waits for ever (or until QEMU ends). */
#define SK_QMP_TIMEOUT_MS 30000

/* time: QEMU's, microseconds since the epoch; data: an object, never NULL. */
typedef struct {
    const char *name;   /* "SHUTDOWN" */
    json_t *data;
    gint64 time;
} SkQmpEvent;

/* What the owner wants to hear; on the main thread; any may be NULL. */
typedef struct {
    void (*event)(SkQmp *self, const SkQmpEvent *event, gpointer data);
    /* The connection is over, by whatever cause but sk_qmp_close(). Last call. */
    void (*closed)(SkQmp *self, const GError *error, gpointer data);
} SkQmpFuncs;

/* result: what "return" held, the callback may keep a reference; NULL if error is set. Main thread. */
typedef void (*SkQmpReply)(SkQmp *self, json_t *result, const GError *error, gpointer data);

/* -- create, close ---------------------------------------------------------------------------------- */

/*
 * Takes over a connected Unix stream socket. domain is for messages ("QEMU of domain "web1" ...").
 * Reading begins at once. Any thread.
 */
SkQmp *sk_qmp_new_for_fd(gint fd, const char *domain);

/*
 * Says who hears of events. Those (up to 1,000) that came before are delivered first, from the main
 * loop, and so is a close. NULL: nobody any more. Main thread.
 */
void sk_qmp_set_funcs(SkQmp *self, const SkQmpFuncs *funcs, gpointer data);

/* Ends the connection; pending commands fail, funcs are not called any more. Any thread. */
void sk_qmp_close(SkQmp *self);

/* TRUE until the connection has ended. Any thread. */
gboolean sk_qmp_is_open(SkQmp *self);

/* TRUE for the error of a connection that ended by EOF: the process has the reason (sk_qemu_process_explain()). */
gboolean sk_qmp_error_is_end(const GError *error);

/* Waits for the greeting and the answer to qmp_capabilities. Workers. */
gboolean sk_qmp_wait_ready(SkQmp *self, gint timeout_ms, GError **error);

/* "7.2.22" as greeted, NULL before. Any thread; valid as long as self. */
const char *sk_qmp_version(SkQmp *self);

const char *sk_qmp_domain(SkQmp *self);

/* -- commands ------------------------------------------------------------------------------------------ */

/*
 * Sends a command; args (may be NULL) is an object and is taken. callback (may be NULL) runs once, not
 * before this returns. Main thread.
 */
void sk_qmp_call_async(SkQmp *self, const char *command, json_t *args, gint timeout_ms, SkQmpReply callback,
                       gpointer data);

/* Sends a command and waits for its answer: a new reference to what "return" held. args is taken. Workers. */
json_t *sk_qmp_call(SkQmp *self, const char *command, json_t *args, gint timeout_ms, GError **error);

/* The same, but QEMU's refusal is no error: a new reference to all that it said, without the id. args is taken. Workers. */
json_t *sk_qmp_call_whole(SkQmp *self, const char *command, json_t *args, gint timeout_ms, GError **error);

/* The same with one descriptor sent along (getfd, add-fd); fd stays the caller's. Workers. */
json_t *sk_qmp_call_fd(SkQmp *self, const char *command, json_t *args, gint fd, gint timeout_ms, GError **error);

/* The same where the answer does not matter but for its error. Workers. */
gboolean sk_qmp_run(SkQmp *self, const char *command, json_t *args, GError **error);

/* -- waiting for an event ---------------------------------------------------------------------------------- */

typedef struct SkQmpExpect SkQmpExpect;

/*
 * From now on remembers the first event that is one of names (NULL-terminated, kept by the caller) and
 * whose data has text value under key (key NULL: any). Make it before the command that causes the event.
 * Workers.
 */
SkQmpExpect *sk_qmp_expect(SkQmp *self, const char *const *names, const char *key, const char *value);

/*
 * Waits for it; FALSE with TIMEOUT (what is the sentence for it), or QEMU if the connection ends.
 * out_name (may be NULL) is one of names, out_data (may be NULL) a new reference.
 */
gboolean sk_qmp_expect_wait(SkQmpExpect *self, gint timeout_ms, const char *what, const char **out_name,
                            json_t **out_data, GError **error);
void sk_qmp_expect_free(SkQmpExpect *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkQmpExpect, sk_qmp_expect_free)

G_END_DECLS
