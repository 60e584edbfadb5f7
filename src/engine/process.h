/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "base/spawn.h"
#include "engine/qmp/qmp-client.h"

G_BEGIN_DECLS

/*
 * The process of one running domain, started by us or found again after a
 * restart of the daemon.  Its end is seen through a pidfd on the main loop.
 */

#define SK_TYPE_QEMU_PROCESS (sk_qemu_process_get_type())
G_DECLARE_FINAL_TYPE(SkQemuProcess, sk_qemu_process, SK, QEMU_PROCESS, GObject)

/* How long a destroy waits for QEMU to flush and go before it is killed. */
#define SK_QEMU_DESTROY_TIMEOUT_MS 30000

typedef struct {
    const char *domain;             /* for messages */
    const char *const *argv;
    const SkFdMap *fds;             /* descriptors for QEMU, beyond 0, 1 and 2; stay the caller's */
    guint n_fds;
    const char *run_dir;            /* working directory; NULL: "/" */
    const char *log_path;           /* standard output and error are appended; made 0600 if missing */
    uid_t uid;                      /* 0: stay who we are */
    gid_t gid;
    const char *cgroup_procs;       /* as in SkSpawn */
    guint64 memlock;                /* as in SkSpawn */
} SkQemuStart;

/*
 * Status as of waitpid(); -1 if the process was not our child (after a restart of the daemon).
 * Main thread, once.
 */
typedef void (*SkQemuEnded)(SkQemuProcess *self, gint status, gpointer data);

/* -- start, find again --------------------------------------------------------------------------------- */

/* Starts it: a new session, no new privileges. HOST error if it cannot be executed. Workers. */
SkQemuProcess *sk_qemu_process_start(const SkQemuStart *start, GError **error);

/*
 * Takes back a process that was started earlier. STATE error if no process of that pid and start time is
 * there any more. log_path may be NULL. Any thread.
 */
SkQemuProcess *sk_qemu_process_adopt(const char *domain, pid_t pid, guint64 start_time, const char *log_path,
                                     GError **error);

/* Calls ended when the process has ended, soon if it already has. ended NULL: nobody any more. Main thread. */
void sk_qemu_process_watch(SkQemuProcess *self, SkQemuEnded ended, gpointer data);

/* -- query ------------------------------------------------------------------------------------------------- */

pid_t sk_qemu_process_pid(SkQemuProcess *self);
/* With the pid it names the process for good: store both to find it again. */
guint64 sk_qemu_process_start_time(SkQemuProcess *self);
gboolean sk_qemu_process_has_ended(SkQemuProcess *self);

/*
 * What QEMU said since it was started (the last lines, at most 2,000 characters, cleaned of control
 * characters), NULL if nothing. Free with g_free(). Workers.
 */
char *sk_qemu_process_last_words(SkQemuProcess *self);

/*
 * Makes an error that only says that QEMU has ended into one that says why: exit status and its own last
 * words. Waits a moment for the process to be gone; any other error stays as it is. Workers.
 */
void sk_qemu_process_explain(SkQemuProcess *self, GError **error);

/* -- change -------------------------------------------------------------------------------------------------- */

/*
 * Powers the domain off: QMP quit (SIGTERM, which QEMU treats alike, if qmp is NULL or does not work),
 * so that it flushes its disks; after timeout_ms (0: SK_QEMU_DESTROY_TIMEOUT_MS) SIGKILL. Returns when the
 * process is gone; out_killed (may be NULL) tells whether it had to be killed. Workers.
 */
gboolean sk_qemu_process_destroy(SkQemuProcess *self, SkQmp *qmp, gint timeout_ms, gboolean *out_killed,
                                 GError **error);

/* SIGKILL at once, for a QEMU that never ran a guest (undo of a start); returns when it is gone. Workers. */
void sk_qemu_process_kill(SkQemuProcess *self);

/* Connects to a monitor socket that QEMU listens on. A hung QEMU may block it: workers. NULL on error. */
SkQmp *sk_qmp_connect(const char *path, const char *domain, GError **error);

G_END_DECLS
