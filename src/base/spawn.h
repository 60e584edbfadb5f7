/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

#include "base/fs.h"

G_BEGIN_DECLS

/*
 * Other programs: argument vectors, never shells.  A child gets exactly the
 * descriptors it is given; everything else is closed before exec.
 */

typedef struct {
    gint source;            /* ours */
    gint target;            /* the number the child sees */
} SkFdMap;

typedef struct {
    const char *const *argv;    /* argv[0] is looked up in PATH */
    const char *const *envp;    /* NULL: a minimal one (PATH, LANG=C.UTF-8) */
    const char *cwd;            /* NULL: "/" */
    const SkFdMap *fds;         /* beyond 0, 1 and 2 */
    guint n_fds;
    gint in, out, err;          /* 0: /dev/null; else ours to dup */
    uid_t uid;                  /* 0: stay who we are */
    gid_t gid;
    gboolean new_session;       /* setsid: a long-lived child that outlives us */
    gboolean no_new_privs;
    const char *cgroup_procs;   /* file to write "0" to in the child, or NULL */
    guint64 memlock;            /* bytes it may lock in memory, G_MAXUINT64: all; 0: as we */
} SkSpawn;

/*
 * Starts a child. out_pidfd (may be NULL) becomes readable when it ends; close it.
 * A program that cannot be executed is reported here, by name. Any thread.
 */
gboolean sk_spawn(const SkSpawn *self, pid_t *out_pid, SkFd *out_pidfd, GError **error);

/*
 * Waits for a child of ours and reaps it; out_status as waitpid. timeout_ms -1 waits
 * for ever; FALSE with TIMEOUT if it is still there. Workers only.
 */
gboolean sk_spawn_wait(pid_t pid, gint pidfd, gint timeout_ms, gint *out_status, GError **error);

/*
 * Nobody waits for this child: the main loop reaps it when it ends. pidfd is taken. Any thread.
 */
void sk_spawn_forget(pid_t pid, SkFd *pidfd);

/*
 * Runs a program to its end with its output captured (each at most 1 MiB; the rest is
 * read and dropped). A non-zero exit is an error of code HOST that carries the last lines
 * of its standard error. cancellable ends it. out_text may be NULL. Workers only.
 */
gboolean sk_run(const char *const *argv, GCancellable *cancellable, char **out_text, GError **error);

/*
 * As sk_run() without its output, for programs that say something with their exit code: *out_exit is that
 * code, also on failure; 0 if it did not come to an exit of its own.
 */
gboolean sk_run_exit(const char *const *argv, GCancellable *cancellable, gint *out_exit, GError **error);

/* One line of output of a running program, without its newline. */
typedef void (*SkLineFunc)(const char *line, gpointer data);

/* As sk_run(), but each line of standard output goes to on_line as it comes ('\r' ends a line too). */
gboolean sk_run_lines(const char *const *argv, GCancellable *cancellable, SkLineFunc on_line,
                      gpointer data, GError **error);

/* A program that is told something, and told about. */
typedef struct {
    const char *const *argv;
    const SkFdMap *fds;         /* beyond 0, 1 and 2 */
    guint n_fds;
    const char *input;          /* goes to its standard input, which then stays open until it has ended; NULL: /dev/null */
    GCancellable *cancellable;
    SkLineFunc on_line;
    gpointer data;
} SkTalk;

/* As sk_run_lines(). */
gboolean sk_run_talk(const SkTalk *self, GError **error);

/* /proc start time of a process: with the pid it names a process for good; 0 if it is not there or has ended. */
guint64 sk_process_start_time(pid_t pid);

G_END_DECLS
