/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "codec/json/json.h"
#include "model/domain.h"

G_BEGIN_DECLS

/*
 * Client of the guest agent behind one Unix socket of QEMU.  Each call connects,
 * synchronises (guest-sync-delimited), asks and hangs up; calls to one guest
 * queue behind each other.  Whatever comes from the guest is untrusted: lines,
 * depth and output are limited.
 *
 * All calls block: workers only.  Errors are SK_ERROR_AGENT, with the agent's own
 * words where it gave some.  timeout_ms 0 stands for SK_AGENT_TIMEOUT_MS.
 */

#define SK_AGENT_TIMEOUT_MS 5000
#define SK_AGENT_OUTPUT_MAX (1024 * 1024)   /* of a command run in the guest, each stream */

typedef struct SkAgent SkAgent;

/* Any thread. */
SkAgent *sk_agent_new(const char *socket_path, const char *domain);
SkAgent *sk_agent_ref(SkAgent *self);
void sk_agent_unref(SkAgent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkAgent, sk_agent_unref)

/* How long an answer is waited for where timeout_ms is 0; 0: SK_AGENT_TIMEOUT_MS. Before its first use. */
void sk_agent_set_wait(SkAgent *self, gint timeout_ms);

/* TRUE for the error of an agent that answered, but would not. */
gboolean sk_agent_refused(const GError *error);

/* Any command; args (may be NULL) is taken; a new reference to what "return" held. */
json_t *sk_agent_call(SkAgent *self, const char *command, json_t *args, gint timeout_ms, GError **error);

/*
 * A command that is not answered if it is done, as the guest ends or sleeps by it: TRUE if it was not refused within a
 * second. args (may be NULL) is taken.
 */
gboolean sk_agent_tell(SkAgent *self, const char *command, json_t *args, GError **error);

gboolean sk_agent_ping(SkAgent *self, gint timeout_ms, GError **error);

typedef struct {
    gint exit_code;         /* -1 if ended by a signal */
    gint signal;
    GBytes *out, *err;
    gboolean out_truncated, err_truncated;
} SkAgentExec;
void sk_agent_exec_clear(SkAgentExec *self);

/*
 * Runs a program in the guest to its end, at most timeout_ms (0: 60 s, -1: no limit); it goes on in the
 * guest if that passes or if cancelled. input (may be NULL) is its standard input.
 */
gboolean sk_agent_exec(SkAgent *self, const char *const *argv, GBytes *input, gint timeout_ms,
                       GCancellable *cancellable, SkAgentExec *out_exec, GError **error);

/* Sets the guest's clock; 0: now, as the host has it. Nanoseconds since the epoch. */
gboolean sk_agent_set_time(SkAgent *self, gint64 nanoseconds, GError **error);
/* Sets it from the machine's own clock. */
gboolean sk_agent_sync_time(SkAgent *self, GError **error);
/* What it is, nanoseconds since the epoch. */
gboolean sk_agent_get_time(SkAgent *self, gint64 *out_nanoseconds, GError **error);

/*
 * The guest's addresses (at most 64; no loopback, link-local or multicast ones) as SkDomainAddress with source
 * "agent". Free with sk_agent_addresses_free().
 */
GPtrArray *sk_agent_addresses(SkAgent *self, GError **error);
void sk_agent_addresses_free(GPtrArray *addresses);

/* Freezes the guest's file systems for at most as long as the caller dares; returns how many. mountpoints: NULL: all. */
gboolean sk_agent_freeze(SkAgent *self, guint *out_count, GError **error);
gboolean sk_agent_freeze_some(SkAgent *self, const char *const *mountpoints, guint *out_count, GError **error);
gboolean sk_agent_thaw(SkAgent *self, guint *out_count, GError **error);
gboolean sk_agent_is_frozen(SkAgent *self, gboolean *out_frozen, GError **error);

/* crypted: password is a crypt hash already. */
gboolean sk_agent_set_password(SkAgent *self, const char *user, const char *password, gboolean crypted, GError **error);

/* Lines of an account's authorized_keys; NULL-terminated, free with g_strfreev(). */
char **sk_agent_get_keys(SkAgent *self, const char *user, GError **error);
gboolean sk_agent_add_keys(SkAgent *self, const char *user, const char *const *keys, gboolean replace, GError **error);
gboolean sk_agent_remove_keys(SkAgent *self, const char *user, const char *const *keys, GError **error);

/* Names as the guest gives them, each may be NULL; free with g_free(). */
typedef struct {
    char *id, *name, *version, *kernel, *machine;   /* "debian", "Debian GNU/Linux 12 (bookworm)", "12", "6.1.0", "x86_64" */
} SkAgentOs;
void sk_agent_os_clear(SkAgentOs *self);
gboolean sk_agent_os(SkAgent *self, SkAgentOs *out_os, GError **error);
char *sk_agent_host_name(SkAgent *self, GError **error);

/* An agent answers this one only to refuse it: TRUE if it did not within a second. reboot: start again. */
gboolean sk_agent_shutdown(SkAgent *self, gboolean reboot, GError **error);

G_END_DECLS
