/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's processes: start, adopt, watch, end. */
#include "engine/process.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"

#define LOG_TAIL_BYTES 16384
#define LAST_WORDS     2000
#define QUIT_TIMEOUT_MS 2000    /* for the monitor to take "quit"; then SIGTERM */
#define REAP_TIMEOUT_MS 2000    /* from the end of the connection, or SIGKILL, to the end of the process */

struct _SkQemuProcess {
    GObject parent_instance;
    char *domain, *log_path;
    goffset log_from;       /* where this run's part of the log begins */
    pid_t pid;
    guint64 start_time;
    SkFd pidfd;

    GMutex lock;            /* guards these two */
    GCond changed;
    gboolean ended;
    gint status;            /* as of waitpid(), -1: not our child */

    SkQemuEnded on_end;     /* main thread only */
    gpointer on_end_data;
};

G_DEFINE_FINAL_TYPE(SkQemuProcess, sk_qemu_process, G_TYPE_OBJECT)

/* -- the end, seen on the main loop ------------------------------------------------------------------------- */

static void
tell_end(gpointer data)
{
    g_autoptr(SkQemuProcess) self = data;
    SkQemuEnded on_end = g_steal_pointer(&self->on_end);
    if (on_end != NULL)
        on_end(self, self->status, self->on_end_data);
}

static gboolean
has_ended(gint fd, GIOCondition condition, gpointer data)
{
    SkQemuProcess *self = data;
    gint status = -1;
    if (waitpid(self->pid, &status, WNOHANG) != self->pid)
        status = -1;
    g_mutex_lock(&self->lock);
    self->status = status;
    self->ended = TRUE;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
    tell_end(g_object_ref(self));
    return G_SOURCE_REMOVE;
}

/* The source keeps the object until the process has ended, so that every child is reaped. */
static void
watch_pidfd(SkQemuProcess *self)
{
    g_autoptr(GSource) source = g_unix_fd_source_new(self->pidfd, G_IO_IN);
    g_source_set_callback(source, G_SOURCE_FUNC(has_ended), g_object_ref(self), g_object_unref);
    g_source_attach(source, NULL);
}

void
sk_qemu_process_watch(SkQemuProcess *self, SkQemuEnded ended, gpointer data)
{
    sk_assert_main();
    self->on_end = ended;
    self->on_end_data = data;
    if (self->ended)
        sk_main_post(tell_end, g_object_ref(self));
}

/* -- the object ------------------------------------------------------------------------------------------------ */

static void
sk_qemu_process_finalize(GObject *object)
{
    SkQemuProcess *self = SK_QEMU_PROCESS(object);
    sk_fd_clear(&self->pidfd);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self->domain);
    g_free(self->log_path);
    G_OBJECT_CLASS(sk_qemu_process_parent_class)->finalize(object);
}

static void
sk_qemu_process_class_init(SkQemuProcessClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = sk_qemu_process_finalize;
}

static void
sk_qemu_process_init(SkQemuProcess *self)
{
    self->pidfd = SK_FD_NONE;
    self->status = -1;
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
}

static SkQemuProcess *
process_new(const char *domain, const char *log_path)
{
    SkQemuProcess *self = g_object_new(SK_TYPE_QEMU_PROCESS, NULL);
    self->domain = g_strdup(domain);
    self->log_path = g_strdup(log_path);
    return self;
}

/* -- start, adopt ------------------------------------------------------------------------------------------------ */

static gint
open_log(const char *path, goffset *out_size, GError **error)
{
    struct stat info;
    gint fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &info) < 0) {
        sk_fail_errno(error, errno, "cannot open the log \"%s\"", path);
        return -1;
    }
    *out_size = info.st_size;
    return fd;
}

SkQemuProcess *
sk_qemu_process_start(const SkQemuStart *start, GError **error)
{
    sk_assert_worker();
    g_autoptr(SkQemuProcess) self = process_new(start->domain, start->log_path);
    g_auto(SkFd) log = open_log(start->log_path, &self->log_from, error);
    SkSpawn spawn = {
        .argv = start->argv,
        .cwd = start->run_dir,
        .fds = start->fds,
        .n_fds = start->n_fds,
        .out = log,
        .err = log,
        .uid = start->uid,
        .gid = start->gid,
        .new_session = TRUE,
        .no_new_privs = TRUE,
        .cgroup_procs = start->cgroup_procs,
        .memlock = start->memlock,
    };
    if (log < 0 || sk_fault("engine/spawn", error) || !sk_spawn(&spawn, &self->pid, &self->pidfd, error))
        return NULL;
    self->start_time = sk_process_start_time(self->pid);
    watch_pidfd(self);
    return g_steal_pointer(&self);
}

SkQemuProcess *
sk_qemu_process_adopt(const char *domain, pid_t pid, guint64 start_time, const char *log_path, GError **error)
{
    g_autoptr(SkQemuProcess) self = process_new(domain, log_path);
    self->pid = pid;
    self->start_time = start_time;
    self->pidfd = pid > 0 ? (gint) syscall(SYS_pidfd_open, pid, 0) : -1;
    /* Looked at after the pidfd is open: a number that was given to another process since is seen here. */
    if (self->pidfd < 0 || start_time == 0 || sk_process_start_time(pid) != start_time) {
        sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" (process %d) is not there any more", domain, (gint) pid);
        return NULL;
    }
    watch_pidfd(self);
    return g_steal_pointer(&self);
}

SkQmp *
sk_qmp_connect(const char *path, const char *domain, GError **error)
{
    gint fd = sk_fs_connect_unix(path, error);
    return fd >= 0 ? sk_qmp_new_for_fd(fd, domain) : NULL;
}

/* -- query --------------------------------------------------------------------------------------------------------- */

pid_t
sk_qemu_process_pid(SkQemuProcess *self)
{
    return self->pid;
}

guint64
sk_qemu_process_start_time(SkQemuProcess *self)
{
    return self->start_time;
}

/* TRUE as soon as the process is gone. timeout_ms -1: for ever. */
static gboolean
await_end(SkQemuProcess *self, gint timeout_ms)
{
    struct pollfd ended = { .fd = self->pidfd, .events = POLLIN };
    gint64 deadline = g_get_monotonic_time() + (gint64) timeout_ms * 1000;
    for (;;) {
        gint n = poll(&ended, 1, timeout_ms);
        if (n >= 0 || errno != EINTR)
            return n > 0;
        if (timeout_ms > 0)
            timeout_ms = (gint) MAX(0, (deadline - g_get_monotonic_time()) / 1000);
    }
}

gboolean
sk_qemu_process_has_ended(SkQemuProcess *self)
{
    return await_end(self, 0);
}

/* The end of this run's part of the log, at most LOG_TAIL_BYTES. */
static char *
read_log_tail(SkQemuProcess *self, gsize *out_length)
{
    struct stat info;
    g_auto(SkFd) fd = self->log_path != NULL ? open(self->log_path, O_RDONLY | O_CLOEXEC) : SK_FD_NONE;
    if (fd < 0 || fstat(fd, &info) < 0 || info.st_size <= self->log_from)
        return NULL;
    goffset from = MAX(self->log_from, info.st_size - LOG_TAIL_BYTES);
    g_autofree char *text = g_malloc(LOG_TAIL_BYTES + 1);
    gssize n = pread(fd, text, LOG_TAIL_BYTES, from);
    if (n <= 0)
        return NULL;
    text[n] = '\0';
    *out_length = (gsize) n;
    return g_steal_pointer(&text);
}

/* Lines become sentences on one line, control characters spaces. */
static void
clean(char *text, gsize length)
{
    while (length > 0 && g_ascii_isspace(text[length - 1]))
        text[--length] = '\0';
    for (gsize i = 0; i < length; i++) {
        if (g_ascii_iscntrl(text[i]))
            text[i] = ' ';
    }
}

char *
sk_qemu_process_last_words(SkQemuProcess *self)
{
    gsize length = 0;
    g_autofree char *text = read_log_tail(self, &length);
    if (text == NULL)
        return NULL;
    clean(text, length);
    length = strlen(text);
    char *words = g_utf8_make_valid(text + (length > LAST_WORDS ? length - LAST_WORDS : 0), -1);
    if (*words == '\0')
        g_clear_pointer(&words, g_free);
    return words;
}

/* Waits until the main loop has seen the end; FALSE if it has not in time. */
static gboolean
await_status(SkQemuProcess *self, gint *out_status)
{
    gint64 deadline = g_get_monotonic_time() + REAP_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND;
    gboolean in_time = TRUE;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    while (in_time && !self->ended)
        in_time = g_cond_wait_until(&self->changed, &self->lock, deadline);
    *out_status = self->status;
    return self->ended;
}

static char *
describe_end(gint status)
{
    if (status != -1 && WIFSIGNALED(status))
        return g_strdup_printf("was ended by signal %d (%s)", WTERMSIG(status), g_strsignal(WTERMSIG(status)));
    if (status != -1 && WEXITSTATUS(status) != 0)
        return g_strdup_printf("ended with exit code %d", WEXITSTATUS(status));
    return g_strdup("has ended");
}

void
sk_qemu_process_explain(SkQemuProcess *self, GError **error)
{
    sk_assert_worker();
    gint status;
    if (error == NULL || !sk_qmp_error_is_end(*error) || !await_status(self, &status))
        return;
    g_autofree char *how = describe_end(status);
    g_autofree char *words = sk_qemu_process_last_words(self);
    g_clear_error(error);
    sk_fail(error, SK_ERROR_QEMU, "QEMU of domain \"%s\" %s: %s", self->domain, how,
            words != NULL ? words : "it gave no reason");
}

/* -- ending it --------------------------------------------------------------------------------------------------------- */

static void
send_signal(SkQemuProcess *self, gint signum)
{
    syscall(SYS_pidfd_send_signal, self->pidfd, signum, NULL, 0);
}

/* TRUE if QEMU took it. */
static gboolean
ask_to_quit(SkQmp *qmp, gint timeout_ms)
{
    g_autoptr(json_t) taken = NULL;
    if (qmp != NULL && sk_qmp_is_open(qmp))
        taken = sk_qmp_call(qmp, "quit", NULL, MIN(timeout_ms, QUIT_TIMEOUT_MS), NULL);
    return taken != NULL;
}

gboolean
sk_qemu_process_destroy(SkQemuProcess *self, SkQmp *qmp, gint timeout_ms, gboolean *out_killed, GError **error)
{
    sk_assert_worker();
    gint64 begin = g_get_monotonic_time();
    gint limit_ms = timeout_ms > 0 ? timeout_ms : SK_QEMU_DESTROY_TIMEOUT_MS;
    if (out_killed != NULL)
        *out_killed = FALSE;
    if (!ask_to_quit(qmp, limit_ms))
        send_signal(self, SIGTERM);
    gint used_ms = (gint) ((g_get_monotonic_time() - begin) / 1000);
    if (await_end(self, MAX(0, limit_ms - used_ms)))
        return TRUE;

    g_warning("QEMU of domain \"%s\" did not end within %g s, killing it", self->domain, limit_ms / 1000.0);
    send_signal(self, SIGKILL);
    if (!await_end(self, REAP_TIMEOUT_MS))
        return sk_fail(error, SK_ERROR_TIMEOUT, "QEMU of domain \"%s\" (process %d) does not even end by SIGKILL: "
                       "it waits for a disk or the kernel", self->domain, (gint) self->pid);
    if (out_killed != NULL)
        *out_killed = TRUE;
    return TRUE;
}

void
sk_qemu_process_kill(SkQemuProcess *self)
{
    send_signal(self, SIGKILL);
    await_end(self, REAP_TIMEOUT_MS);
}
