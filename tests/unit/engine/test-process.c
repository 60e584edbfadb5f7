/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Start, adoption and end of processes, with a stand-in for QEMU. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/process.h"
#include "worker.h"

typedef struct {
    char *dir, *monitor, *log;
    const char *mode;
    SkQemuProcess *process;
    SkQmp *qmp;
    gint status;
    guint ends;
} Case;

static void
on_end(SkQemuProcess *process, gint status, gpointer data)
{
    Case *it = data;
    it->status = status;
    it->ends++;
}

static void
start(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    const char *const argv[] = { g_getenv("FAKE_QEMU"), "7", it->mode, NULL };
    g_auto(SkFd) listener = sk_fs_listen_unix(it->monitor, 0600, &error);
    g_assert_no_error(error);
    SkFdMap map = { .source = listener, .target = 7 };
    SkQemuStart how = { .domain = "web1", .argv = argv, .fds = &map, .n_fds = 1, .run_dir = it->dir, .log_path = it->log };
    it->process = sk_qemu_process_start(&how, &error);
    g_assert_no_error(error);
    it->qmp = sk_qmp_connect(it->monitor, "web1", &error);
    g_assert_no_error(error);
}

static void
case_begin(Case *it, const char *mode)
{
    *it = (Case) { .dir = g_dir_make_tmp("skep-process-XXXXXX", NULL), .mode = mode, .status = -2 };
    it->monitor = g_build_filename(it->dir, "qmp.sock", NULL);
    it->log = g_build_filename(it->dir, "qemu.log", NULL);
    g_assert_true(g_file_set_contents(it->log, "words of an earlier run\n", -1, NULL));
    on_worker(start, it);
    sk_qemu_process_watch(it->process, on_end, it);
}

static void
await_end(Case *it)
{
    while (it->ends == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(it->ends, ==, 1);
    g_assert_true(sk_qemu_process_has_ended(it->process));
}

static void
case_end(Case *it)
{
    await_end(it);
    g_assert_cmpint(waitpid(sk_qemu_process_pid(it->process), NULL, WNOHANG), ==, -1);
    sk_qmp_close(it->qmp);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_assert_finalize_object(it->qmp);
    g_assert_finalize_object(it->process);
    g_unlink(it->monitor);
    g_unlink(it->log);
    g_rmdir(it->dir);
    g_free(it->dir);
    g_free(it->monitor);
    g_free(it->log);
}

static void
destroy(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    gboolean killed = TRUE;
    g_assert_true(sk_qemu_process_destroy(it->process, it->qmp, 0, &killed, &error));
    g_assert_no_error(error);
    g_assert_false(killed);
    g_assert_true(sk_qemu_process_destroy(it->process, it->qmp, 0, &killed, &error));
}

static void
test_quit(void)
{
    Case it;
    case_begin(&it, "normal");
    on_worker(destroy, &it);
    await_end(&it);
    g_assert_cmpint(it.status, ==, 0);
    case_end(&it);
}

/* Without a monitor SIGTERM does it. */
static void
destroy_without_monitor(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    g_assert_true(sk_qmp_wait_ready(it->qmp, -1, &error));
    g_assert_true(sk_qemu_process_destroy(it->process, NULL, 0, NULL, &error));
    g_assert_no_error(error);
}

static void
test_term(void)
{
    Case it;
    case_begin(&it, "normal");
    on_worker(destroy_without_monitor, &it);
    await_end(&it);
    g_assert_true(WIFSIGNALED(it.status) && WTERMSIG(it.status) == SIGTERM);
    case_end(&it);
}

static void
destroy_stubborn(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    gboolean killed = FALSE;
    g_assert_true(sk_qmp_wait_ready(it->qmp, -1, &error));
    g_assert_true(sk_qemu_process_destroy(it->process, it->qmp, 1, &killed, &error));
    g_assert_no_error(error);
    g_assert_true(killed);
}

static void
test_stubborn(void)
{
    Case it;
    case_begin(&it, "stubborn");
    g_log_set_always_fatal(G_LOG_LEVEL_ERROR); /* there is a warning, rightly */
    on_worker(destroy_stubborn, &it);
    await_end(&it);
    g_assert_true(WIFSIGNALED(it.status) && WTERMSIG(it.status) == SIGKILL);
    case_end(&it);
}

/* What it said stands in the error, and nothing of earlier runs. */
static void
explain(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) other = g_error_new_literal(SK_ERROR, SK_ERROR_QEMU, "refused");
    g_assert_false(sk_qmp_wait_ready(it->qmp, -1, &error));
    sk_qemu_process_explain(it->process, &error);
    g_assert_error(error, SK_ERROR, SK_ERROR_QEMU);
    g_assert_cmpstr(error->message, ==, "QEMU of domain \"web1\" ended with exit code 1: "
                                        "fake-qemu: -device rocket: 'rocket' is not a valid device model name");
    sk_qemu_process_explain(it->process, &other);
    g_assert_cmpstr(other->message, ==, "refused");
}

static void
test_dies(void)
{
    Case it;
    case_begin(&it, "dies");
    on_worker(explain, &it);
    case_end(&it);
}

static void
start_missing(gpointer data, gpointer unused)
{
    const char *const argv[] = { "/nonexistent/qemu", NULL };
    Case *it = data;
    g_autoptr(GError) error = NULL;
    SkQemuStart how = { .domain = "web1", .argv = argv, .log_path = it->log };
    g_assert_null(sk_qemu_process_start(&how, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
    g_clear_error(&error);
    how.log_path = "/nonexistent/log";
    g_assert_null(sk_qemu_process_start(&how, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
}

static void
test_missing(void)
{
    Case it = { .log = g_strdup("/dev/null") };
    on_worker(start_missing, &it);
    g_free(it.log);
}

/* The fault point of a start, in a process of its own because it is read once. */
static void
start_faulty(gpointer data, gpointer unused)
{
    const char *const argv[] = { "true", NULL };
    g_autoptr(GError) error = NULL;
    SkQemuStart how = { .domain = "web1", .argv = argv, .log_path = "/dev/null" };
    g_assert_null(sk_qemu_process_start(&how, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INTERNAL);
}

static void
test_fault(void)
{
    if (g_test_subprocess()) {
        on_worker(start_faulty, NULL);
        return;
    }
    g_setenv("SKEP_FAULT", "engine/spawn", TRUE);
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_unsetenv("SKEP_FAULT");
    g_test_trap_assert_passed();
}

/* A process found again by pid and start time; a number that is another's by now is not. */
static void
test_adopt(void)
{
    Case it;
    guint ends = 0;
    g_autoptr(GError) error = NULL;
    case_begin(&it, "normal");
    pid_t pid = sk_qemu_process_pid(it.process);
    guint64 started = sk_qemu_process_start_time(it.process);
    g_autoptr(SkQemuProcess) found = sk_qemu_process_adopt("web1", pid, started, it.log, &error);
    g_assert_no_error(error);
    g_assert_null(sk_qemu_process_adopt("web1", pid, started + 1, it.log, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_STATE);
    g_clear_error(&error);
    g_assert_null(sk_qemu_process_adopt("web1", 0, 0, NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_STATE);

    Case again = { .process = found };
    sk_qemu_process_watch(found, on_end, &again);
    on_worker(destroy, &it);
    while (again.ends == 0)
        g_main_context_iteration(NULL, TRUE);
    ends = again.ends;
    g_assert_cmpuint(ends, ==, 1);
    case_end(&it);
}

/* Who begins to watch after the end is told too. */
static void
test_watch_late(void)
{
    Case it;
    case_begin(&it, "normal");
    sk_qemu_process_watch(it.process, NULL, NULL);
    on_worker(destroy, &it);
    while (kill(sk_qemu_process_pid(it.process), 0) == 0)
        g_main_context_iteration(NULL, TRUE);
    sk_qemu_process_watch(it.process, on_end, &it);
    g_assert_cmpuint(it.ends, ==, 0);
    case_end(&it);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add_func("/process/quit", test_quit);
    g_test_add_func("/process/term", test_term);
    g_test_add_func("/process/stubborn", test_stubborn);
    g_test_add_func("/process/dies", test_dies);
    g_test_add_func("/process/missing", test_missing);
    g_test_add_func("/process/fault", test_fault);
    g_test_add_func("/process/adopt", test_adopt);
    g_test_add_func("/process/watch-late", test_watch_late);
    return g_test_run();
}
