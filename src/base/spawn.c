/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting and waiting for other programs. */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

#define OUTPUT_MAX (1024 * 1024)

/* What the child could not do; sent to the parent through a pipe that exec closes. */
typedef struct {
    gint errnum;
    char step[16];
} ChildError;

/* -- in the child: only async-signal-safe calls ---------------------------------------------------- */

G_NORETURN static void
child_fail(gint report, const char *step)
{
    ChildError child = { .errnum = errno };
    strncpy(child.step, step, sizeof child.step - 1);
    gssize n = write(report, &child, sizeof child);
    (void) n;
    _exit(127);
}

/*
 * Puts the given descriptors at their numbers, 0, 1 and 2 first. Sources were moved above every
 * target beforehand, so that no dup2 overwrites one still needed and each clears close-on-exec.
 */
static void
child_fds(const SkSpawn *self, const gint *sources, gint report)
{
    gint highest = 2;
    for (guint i = 0; i < 3 + self->n_fds; i++) {
        gint target = i < 3 ? (gint) i : self->fds[i - 3].target;
        if (dup2(sources[i], target) < 0)
            child_fail(report, "dup2");
        highest = MAX(highest, target);
    }
    /* Close-on-exec for the rest: the report pipe must live until exec. */
    for (gint fd = 3; fd <= highest; fd++) {
        gboolean wanted = FALSE;
        for (guint i = 0; i < self->n_fds; i++)
            wanted |= self->fds[i].target == fd;
        if (!wanted)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    syscall(SYS_close_range, highest + 1, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
}

static void
child_identity(const SkSpawn *self, gint report)
{
    gboolean drops = self->uid != 0 || self->gid != 0;
    if (drops && setgroups(0, NULL) < 0)
        child_fail(report, "setgroups");
    if (self->gid != 0 && setresgid(self->gid, self->gid, self->gid) < 0)
        child_fail(report, "setgid");
    if (self->uid != 0 && setresuid(self->uid, self->uid, self->uid) < 0)
        child_fail(report, "setuid");
    if (self->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        child_fail(report, "no_new_privs");
}

static void
child_cgroup(const SkSpawn *self)
{
    gint fd = self->cgroup_procs != NULL ? open(self->cgroup_procs, O_WRONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        gssize n = write(fd, "0", 1);
        (void) n;
        close(fd);
    }
}

/* More than our own hard limit needs CAP_SYS_RESOURCE: without it the child gets all of that. */
static void
child_limits(const SkSpawn *self)
{
    rlim_t bytes = self->memlock == G_MAXUINT64 ? RLIM_INFINITY : (rlim_t) self->memlock;
    struct rlimit limit = { bytes, bytes };
    if (self->memlock == 0 || setrlimit(RLIMIT_MEMLOCK, &limit) == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_MEMLOCK, &limit);
}

G_NORETURN static void
child_main(const SkSpawn *self, const char *program, char *const *envp, const gint *sources, gint report)
{
    sigset_t none;
    struct sigaction standard = { .sa_handler = SIG_DFL };

    sigemptyset(&none);
    for (gint signum = 1; signum < 32; signum++)
        sigaction(signum, &standard, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (self->new_session)
        setsid();
    child_cgroup(self);
    child_limits(self);
    if (chdir(self->cwd != NULL ? self->cwd : "/") < 0)
        child_fail(report, "chdir");
    child_fds(self, sources, report);
    child_identity(self, report);
    execve(program, (char *const *) self->argv, envp);
    child_fail(report, "exec");
}

/* -- in the parent ----------------------------------------------------------------------------------- */

static gint
highest_target(const SkSpawn *self)
{
    gint highest = 2;
    for (guint i = 0; i < self->n_fds; i++)
        highest = MAX(highest, self->fds[i].target);
    return highest;
}

static void
close_all(GArray *fds)
{
    for (guint i = 0; i < fds->len; i++)
        close(g_array_index(fds, gint, i));
    g_array_unref(fds);
}

/* Copies of the sources, those of 0, 1 and 2 first, above every target number. NULL on error. */
static GArray *
raise_sources(const SkSpawn *self, gint above, GError **error)
{
    const gint stdio[] = { self->in, self->out, self->err };
    g_auto(SkFd) null = open("/dev/null", O_RDWR | O_CLOEXEC);
    GArray *raised = g_array_new(FALSE, FALSE, sizeof(gint));
    for (guint i = 0; i < 3 + self->n_fds; i++) {
        gint given = i >= 3 ? self->fds[i - 3].source : stdio[i] > 0 ? stdio[i] : null;
        gint fd = fcntl(given, F_DUPFD_CLOEXEC, above + 1);
        if (fd < 0) {
            sk_fail_errno(error, errno, "cannot hand descriptor %d to \"%s\"", given, self->argv[0]);
            close_all(raised);
            return NULL;
        }
        g_array_append_val(raised, fd);
    }
    return raised;
}

static gboolean
await_exec(gint report, pid_t pid, const char *name, GError **error)
{
    ChildError child;
    gssize n;
    do
        n = read(report, &child, sizeof child);
    while (n < 0 && errno == EINTR);
    if (n != (gssize) sizeof child)
        return TRUE;
    waitpid(pid, NULL, 0);
    if (g_str_equal(child.step, "exec"))
        return sk_fail_errno(error, child.errnum, "cannot run \"%s\"", name);
    return sk_fail_errno(error, child.errnum, "cannot run \"%s\" (%s)", name, child.step);
}

/* Signals wait until the child has given up our handlers, which must not run in it. */
static pid_t
fork_child(const SkSpawn *self, const char *program, char *const *envp, const gint *sources, gint report)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        child_main(self, program, envp, sources, report);
    gint fork_errno = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = fork_errno;
    return pid;
}

/* A child that cannot be watched is ended: nobody would ever learn of its end. */
static gboolean
watch(pid_t pid, const char *name, SkFd *out_pidfd, GError **error)
{
    if (out_pidfd == NULL)
        return TRUE;
    *out_pidfd = (gint) syscall(SYS_pidfd_open, pid, 0);
    if (*out_pidfd >= 0)
        return TRUE;
    gint open_errno = errno;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return sk_fail_errno(error, open_errno, "cannot watch \"%s\"", name);
}

gboolean
sk_spawn(const SkSpawn *self, pid_t *out_pid, SkFd *out_pidfd, GError **error)
{
    static const char *const minimal_env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                               "LANG=C.UTF-8", NULL };
    g_autofree char *program = g_find_program_in_path(self->argv[0]);
    if (program == NULL)
        return sk_fail(error, SK_ERROR_HOST, "the program \"%s\" is not installed", self->argv[0]);

    gint pipe_fds[2];
    gint above = highest_target(self);
    GArray *sources = raise_sources(self, above, error);
    if (sources == NULL)
        return FALSE;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
        close_all(sources);
        return sk_fail_errno(error, errno, "cannot make a pipe");
    }
    g_auto(SkFd) report_in = pipe_fds[0];
    g_auto(SkFd) report = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, above + 1);
    close(pipe_fds[1]);
    if (report < 0) {
        close_all(sources);
        return sk_fail(error, SK_ERROR_HOST, "cannot start \"%s\": too many files are open", self->argv[0]);
    }

    char *const *envp = (char *const *) (self->envp != NULL ? self->envp : minimal_env);
    pid_t pid = fork_child(self, program, envp, (const gint *) (gconstpointer) sources->data, report);
    gint fork_errno = errno;
    close_all(sources);
    sk_fd_clear(&report);
    if (pid < 0)
        return sk_fail_errno(error, fork_errno, "cannot start \"%s\"", self->argv[0]);
    if (!await_exec(report_in, pid, program, error) || !watch(pid, program, out_pidfd, error))
        return FALSE;
    *out_pid = pid;
    return TRUE;
}

static gboolean
reap(gint pidfd, GIOCondition condition, gpointer pid)
{
    (void) condition;
    waitpid(GPOINTER_TO_INT(pid), NULL, WNOHANG);
    close(pidfd);
    return G_SOURCE_REMOVE;
}

void
sk_spawn_forget(pid_t pid, SkFd *pidfd)
{
    g_autoptr(GSource) source = g_unix_fd_source_new(sk_fd_steal(pidfd), G_IO_IN);
    g_source_set_callback(source, G_SOURCE_FUNC(reap), GINT_TO_POINTER(pid), NULL);
    g_source_attach(source, NULL);
}

gboolean
sk_spawn_wait(pid_t pid, gint pidfd, gint timeout_ms, gint *out_status, GError **error)
{
    struct pollfd ended = { .fd = pidfd, .events = POLLIN };
    gint n;
    do
        n = poll(&ended, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return sk_fail(error, SK_ERROR_TIMEOUT, "process %d is still running after %d ms", (gint) pid, timeout_ms);
    gint status = 0;
    if (waitpid(pid, &status, 0) < 0 && errno != ECHILD)
        return sk_fail_errno(error, errno, "cannot wait for process %d", (gint) pid);
    if (out_status != NULL)
        *out_status = status;
    return TRUE;
}

/* -- run to the end ------------------------------------------------------------------------------------ */

typedef struct {
    GString *out, *err;
    GString *line;
    SkLineFunc on_line;
    gpointer data;
} Output;

static void
take_lines(Output *output, const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (text[i] != '\n' && text[i] != '\r') {
            if (output->line->len < 65536)
                g_string_append_c(output->line, text[i]);
            continue;
        }
        if (output->line->len > 0)
            output->on_line(output->line->str, output->data);
        g_string_truncate(output->line, 0);
    }
}

/* What was printed last, without a newline at its end. */
static void
take_rest(Output *output)
{
    if (output->on_line != NULL && output->line->len > 0)
        output->on_line(output->line->str, output->data);
}

/* Reads once; FALSE at the end. Of err only the newest OUTPUT_MAX bytes are kept, of out the first. */
static gboolean
take_output(Output *output, gint fd, gboolean is_err)
{
    char buffer[16384];
    gssize n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR)
        return TRUE;
    if (n <= 0)
        return FALSE;
    if (!is_err && output->on_line != NULL) {
        take_lines(output, buffer, (gsize) n);
        return TRUE;
    }
    GString *text = is_err ? output->err : output->out;
    if (is_err && text->len + (gsize) n > OUTPUT_MAX)
        g_string_erase(text, 0, (gssize) MIN(text->len, (gsize) n));
    if (text->len + (gsize) n <= OUTPUT_MAX)
        g_string_append_len(text, buffer, n);
    return TRUE;
}

/* Pumps both pipes until they end or the work is cancelled (FALSE). */
static gboolean
pump(Output *output, gint out, gint err, GCancellable *cancellable)
{
    struct pollfd fds[] = {
        { .fd = out, .events = POLLIN },
        { .fd = err, .events = POLLIN },
        { .fd = g_cancellable_get_fd(cancellable), .events = POLLIN },
    };
    gboolean cancelled = FALSE;
    while (!cancelled && (fds[0].fd >= 0 || fds[1].fd >= 0)) {
        gint n = poll(fds, 3, -1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        for (guint i = 0; i < 2; i++) {
            if (fds[i].fd >= 0 && fds[i].revents != 0 && !take_output(output, fds[i].fd, i == 1))
                fds[i].fd = -1;
        }
        cancelled = cancellable != NULL && g_cancellable_is_cancelled(cancellable);
    }
    if (fds[2].fd >= 0)
        g_cancellable_release_fd(cancellable);
    return !cancelled;
}

static char *
last_lines(GString *text)
{
    g_strchomp(text->str);
    const char *start = text->str;
    gsize length = strlen(start);
    if (length > 500)
        start += length - 500;
    char *lines = g_strdup(start);
    return g_strdelimit(lines, "\n\r", ' ');
}

static gboolean
judge(const char *name, gint status, GString *err, GError **error)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return TRUE;
    g_autofree char *said = last_lines(err);
    const char *colon = *said != '\0' ? ": " : "";
    if (WIFSIGNALED(status))
        return sk_fail(error, SK_ERROR_HOST, "%s was ended by signal %d%s%s", name, WTERMSIG(status), colon, said);
    return sk_fail(error, SK_ERROR_HOST, "%s failed (exit %d)%s%s", name, WEXITSTATUS(status), colon, said);
}

/* What a program is told before anything is heard of it; one that does not listen is judged by how it ends. */
static void
tell(gint fd, const char *input)
{
    for (gsize left = strlen(input); left > 0;) {
        gssize n = send(fd, input, left, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        input += n;
        left -= (gsize) n;
    }
}

/* To its standard input, if it is told something: out[0] is the child's end. A socket, since a pipe that nobody reads is a signal. */
static gboolean
open_input(const SkTalk *talk, gint out[2], GError **error)
{
    out[0] = out[1] = SK_FD_NONE;
    return talk->input == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) == 0 ||
           sk_fail_errno(error, errno, "cannot make a pair of sockets");
}

static gboolean
run(const SkTalk *talk, Output *output, gint *out_status, GError **error)
{
    gint in[2], out[2], err[2];
    if (!open_input(talk, in, error))
        return FALSE;
    g_auto(SkFd) in_read = in[0];
    g_auto(SkFd) in_write = in[1];
    if (pipe2(out, O_CLOEXEC) < 0)
        return sk_fail_errno(error, errno, "cannot make a pipe");
    g_auto(SkFd) out_read = out[0];
    g_auto(SkFd) out_write = out[1];
    if (pipe2(err, O_CLOEXEC) < 0)
        return sk_fail_errno(error, errno, "cannot make a pipe");
    g_auto(SkFd) err_read = err[0];
    g_auto(SkFd) err_write = err[1];

    g_auto(SkFd) pidfd = SK_FD_NONE;
    pid_t pid = 0;
    gint status = 0;
    SkSpawn spawn = { .argv = talk->argv, .fds = talk->fds, .n_fds = talk->n_fds, .in = talk->input != NULL ? in_read : 0, .out = out_write,
                      .err = err_write, .new_session = TRUE };
    if (!sk_spawn(&spawn, &pid, &pidfd, error))
        return FALSE;
    sk_fd_clear(&in_read);
    sk_fd_clear(&out_write);
    sk_fd_clear(&err_write);
    if (talk->input != NULL)
        tell(in_write, talk->input);

    gboolean finished = pump(output, out_read, err_read, talk->cancellable);
    if (!finished)
        kill(-pid, SIGKILL);
    if (!sk_spawn_wait(pid, pidfd, -1, &status, error))
        return FALSE;
    if (!finished)
        return sk_fail(error, SK_ERROR_CANCELLED, "%s was cancelled", talk->argv[0]);
    take_rest(output);
    if (out_status != NULL)
        *out_status = status;
    return judge(talk->argv[0], status, output->err, error);
}

gboolean
sk_run(const char *const *argv, GCancellable *cancellable, char **out_text, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GString) err = g_string_new(NULL);
    Output output = { .out = out, .err = err };
    if (!run(&(SkTalk){ .argv = argv, .cancellable = cancellable }, &output, NULL, error))
        return FALSE;
    if (out_text != NULL)
        *out_text = g_string_free(g_steal_pointer(&out), FALSE);
    return TRUE;
}

gboolean
sk_run_talk(const SkTalk *self, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GString) err = g_string_new(NULL);
    g_autoptr(GString) line = g_string_new(NULL);
    Output output = { .out = out, .err = err, .line = line, .on_line = self->on_line, .data = self->data };
    return run(self, &output, NULL, error);
}

gboolean
sk_run_lines(const char *const *argv, GCancellable *cancellable, SkLineFunc on_line, gpointer data,
             GError **error)
{
    return sk_run_talk(&(SkTalk){ .argv = argv, .cancellable = cancellable, .on_line = on_line, .data = data }, error);
}

gboolean
sk_run_exit(const char *const *argv, GCancellable *cancellable, gint *out_exit, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GString) err = g_string_new(NULL);
    Output output = { .out = out, .err = err };
    gint status = 0;
    gboolean ok = run(&(SkTalk){ .argv = argv, .cancellable = cancellable }, &output, &status, error);
    *out_exit = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    return ok;
}

guint64
sk_process_start_time(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (gint) pid);
    g_autofree char *text = sk_fs_read(path, 4096, NULL, NULL);
    /* Field 22, counted after the command name, which is in parentheses and may hold spaces. */
    const char *at = text != NULL ? strrchr(text, ')') : NULL;
    /* One that has ended but was not reaped is not there any more. */
    if (at != NULL && strlen(at) > 2 && (at[2] == 'Z' || at[2] == 'X'))
        return 0;
    for (guint field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? g_ascii_strtoull(at + 1, NULL, 10) : 0;
}
