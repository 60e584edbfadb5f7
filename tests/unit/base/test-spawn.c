/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting programs: descriptors, failures, identity, output, cancelling. */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

/* A pipe that holds text, for a child to read. */
static gint
filled_pipe(const char *text)
{
    gint fds[2];
    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    g_assert_cmpint(write(fds[1], text, strlen(text)), ==, (gssize) strlen(text));
    close(fds[1]);
    return fds[0];
}

/* Runs a child with its standard output caught; its exit status is judged by the caller. */
static char *
run_spawn(SkSpawn *spawn, gint *out_status)
{
    g_autoptr(GError) error = NULL;
    gint fds[2];
    pid_t pid = 0;
    g_auto(SkFd) pidfd = SK_FD_NONE;
    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    spawn->out = fds[1];
    sk_spawn(spawn, &pid, &pidfd, &error);
    g_assert_no_error(error);
    close(fds[1]);
    GString *text = g_string_new(NULL);
    char buffer[512];
    gssize n;
    while ((n = read(fds[0], buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, n);
    close(fds[0]);
    g_assert_true(sk_spawn_wait(pid, pidfd, -1, out_status, &error));
    return g_string_free(text, FALSE);
}

/* Sources and targets overlap in a ring: 40 -> 41, 41 -> 42, 42 -> 40. */
static void
test_fd_clash(void)
{
    const char *const argv[] = { "sh", "-c", "cat /proc/self/fd/40 /proc/self/fd/41 /proc/self/fd/42; ls /proc/self/fd", NULL };
    gint pipes[3];
    SkFdMap fds[3];
    gint status;
    for (gint i = 0; i < 3; i++) {
        g_autofree char *text = g_strdup_printf("p%d ", i);
        gint fd = filled_pipe(text);
        pipes[i] = fcntl(fd, F_DUPFD_CLOEXEC, 40 + i);
        g_assert_cmpint(pipes[i], ==, 40 + i);
        close(fd);
    }
    for (gint i = 0; i < 3; i++)
        fds[i] = (SkFdMap){ .source = pipes[i], .target = 40 + (i + 1) % 3 };
    SkSpawn spawn = { .argv = argv, .fds = fds, .n_fds = 3 };
    g_autofree char *text = run_spawn(&spawn, &status);
    /* ls has one of its own for the directory. */
    g_assert_cmpstr(text, ==, "p2 p0 p1 0\n1\n2\n3\n40\n41\n42\n");
    for (guint i = 0; i < 3; i++)
        close(pipes[i]);
}

/* One descriptor at two numbers, and at a standard one. */
static void
test_fd_twice(void)
{
    const char *const argv[] = { "sh", "-c", "readlink /proc/self/fd/3 /proc/self/fd/7; cat", NULL };
    g_auto(SkFd) fd = filled_pipe("text");
    SkFdMap fds[] = { { fd, 3 }, { fd, 7 } };
    SkSpawn spawn = { .argv = argv, .fds = fds, .n_fds = 2, .in = fd };
    gint status;
    g_autofree char *text = run_spawn(&spawn, &status);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 3);
    g_assert_true(g_str_has_prefix(lines[0], "pipe:"));
    g_assert_cmpstr(lines[0], ==, lines[1]);
    g_assert_cmpstr(lines[2], ==, "text");
}

/* Nothing of ours leaks, close-on-exec or not; what is not given is /dev/null. */
static void
test_nothing_leaks(void)
{
    const char *const argv[] = { "sh", "-c", "readlink /proc/self/fd/0; for f in 3 4 5 6 7 8 9 20; do test -e /proc/$$/fd/$f && echo $f; done; pwd; echo $PATH $HOME $LANG", NULL };
    gint leak = fcntl(0, F_DUPFD, 20);
    SkSpawn spawn = { .argv = argv };
    gint status;
    g_autofree char *text = run_spawn(&spawn, &status);
    g_assert_cmpstr(text, ==, "/dev/null\n/\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin C.UTF-8\n");
    close(leak);
}

/* A daemon that was started with its standard descriptors closed. */
static void
test_without_stdio(void)
{
    if (g_test_subprocess()) {
        const char *const argv[] = { "sh", "-c", "readlink /proc/self/fd/0; readlink /proc/self/fd/2", NULL };
        close(0);
        SkSpawn spawn = { .argv = argv };
        gint status;
        g_autofree char *text = run_spawn(&spawn, &status);
        g_assert_cmpstr(text, ==, "/dev/null\n/dev/null\n");
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

static void
test_cannot_run(void)
{
    g_autoptr(GError) missing = NULL;
    g_autoptr(GError) not_program = NULL;
    g_autoptr(GError) no_dir = NULL;
    const char *const nothing[] = { "no-such-program-here", NULL };
    const char *const yes[] = { "true", NULL };
    g_autofree char *path = NULL;
    pid_t pid = 0;
    gint fd = g_file_open_tmp("skep-spawn-XXXXXX", &path, NULL);
    g_assert_cmpint(write(fd, "\x7f" "ELF, but not really", 20), ==, 20);
    g_assert_cmpint(fchmod(fd, 0755), ==, 0);
    close(fd);

    SkSpawn spawn = { .argv = nothing };
    g_assert_false(sk_spawn(&spawn, &pid, NULL, &missing));
    g_assert_error(missing, SK_ERROR, SK_ERROR_HOST);
    g_assert_cmpstr(missing->message, ==, "the program \"no-such-program-here\" is not installed");

    const char *const broken[] = { path, NULL };
    spawn.argv = broken;
    g_assert_false(sk_spawn(&spawn, &pid, NULL, &not_program));
    g_autofree char *expected = g_strdup_printf("cannot run \"%s\": Exec format error", path);
    g_assert_cmpstr(not_program->message, ==, expected);
    unlink(path);

    spawn.argv = yes;
    spawn.cwd = "/no/such/place";
    g_assert_false(sk_spawn(&spawn, &pid, NULL, &no_dir));
    g_assert_nonnull(strstr(no_dir->message, "(chdir): No such file or directory"));
    g_assert_cmpint(pid, ==, 0);
    /* No zombie of theirs is left. */
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
    g_assert_cmpint(errno, ==, ECHILD);
}

static void
test_identity(void)
{
    const char *const argv[] = { "sh", "-c", "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status", NULL };
    if (getuid() != 0) {
        g_test_skip("needs root: changes the uid of a child");
        return;
    }
    SkSpawn spawn = { .argv = argv, .uid = 12345, .gid = 23456, .no_new_privs = TRUE };
    gint status;
    g_autofree char *text = run_spawn(&spawn, &status);
    g_assert_cmpstr(text, ==, "12345\n23456\n23456\nNoNewPrivs:\t1\n");
}

static void
test_signals(void)
{
    const char *const argv[] = { "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", NULL };
    sigset_t blocked, before;
    gint status;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    signal(SIGPIPE, SIG_IGN);
    SkSpawn spawn = { .argv = argv };
    g_autofree char *text = run_spawn(&spawn, &status);
    signal(SIGPIPE, SIG_DFL);
    /* Ours are as they were. */
    pthread_sigmask(SIG_SETMASK, &before, &blocked);
    g_assert_true(sigismember(&blocked, SIGTERM));
    g_assert_false(sigismember(&blocked, SIGINT));
    guint64 child_blocked = 0, child_ignored = 0;
    g_assert_cmpint(sscanf(text, "SigBlk: %" G_GINT64_MODIFIER "x SigIgn: %" G_GINT64_MODIFIER "x", &child_blocked, &child_ignored), ==, 2);
    g_assert_cmphex(child_blocked, ==, 0);
    /* Signals 32 and 33 are the C library's own: no program can set them, and whoever started the tests may have them ignored. */
    g_assert_cmphex(child_ignored & 0x7fffffff, ==, 0);
}

static void
test_memlock(void)
{
    const char *const argv[] = { "sh", "-c", "ulimit -l", NULL };
    SkSpawn spawn = { .argv = argv, .memlock = 2048 * 1024 };
    gint status;
    struct rlimit ours;
    g_assert_cmpint(getrlimit(RLIMIT_MEMLOCK, &ours), ==, 0);
    if (ours.rlim_max < 2048 * 1024) {
        g_test_skip("the hard limit of locked memory is lower than 2 MiB");
        return;
    }
    g_autofree char *some = run_spawn(&spawn, &status);
    g_assert_cmpstr(g_strchomp(some), ==, "2048");
    /* All of it, or as much as those may have who have no right to more. */
    spawn.memlock = G_MAXUINT64;
    g_autofree char *most = g_strdup_printf("%" G_GUINT64_FORMAT, (guint64) ours.rlim_max / 1024);
    g_autofree char *all = run_spawn(&spawn, &status);
    g_assert_true(g_str_equal(g_strchomp(all), "unlimited") || g_str_equal(all, most));
}

static void
test_wait(void)
{
    g_autoptr(GError) error = NULL;
    const char *const argv[] = { "sleep", "1000", NULL };
    SkSpawn spawn = { .argv = argv, .new_session = TRUE };
    g_auto(SkFd) pidfd = SK_FD_NONE;
    pid_t pid = 0;
    gint status = 0;
    g_assert_true(sk_spawn(&spawn, &pid, &pidfd, &error));
    g_assert_cmpint(getsid(pid), ==, pid);
    g_assert_cmpuint(sk_process_start_time(pid), >, 0);
    g_assert_false(sk_spawn_wait(pid, pidfd, 0, &status, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_TIMEOUT);
    g_clear_error(&error);
    kill(pid, SIGKILL);
    g_assert_true(sk_spawn_wait(pid, pidfd, -1, &status, &error));
    g_assert_true(WIFSIGNALED(status));
    g_assert_cmpuint(sk_process_start_time(pid), ==, 0);
}

/* -- run to the end -------------------------------------------------------------------------------------------- */

static void
test_run(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *out = NULL;
    g_autofree char *untouched = NULL;
    const char *const good[] = { "sh", "-c", "echo out; echo err >&2", NULL };
    const char *const bad[] = { "sh", "-c", "echo out; echo one >&2; echo two >&2; exit 3", NULL };
    const char *const silent[] = { "false", NULL };
    const char *const killed[] = { "sh", "-c", "kill -9 $$", NULL };
    g_assert_true(sk_run(good, NULL, &out, &error));
    g_assert_cmpstr(out, ==, "out\n");
    g_assert_false(sk_run(bad, NULL, &untouched, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
    g_assert_cmpstr(error->message, ==, "sh failed (exit 3): one two");
    g_assert_null(untouched);
    g_clear_error(&error);
    g_assert_false(sk_run(silent, NULL, NULL, &error));
    g_assert_cmpstr(error->message, ==, "false failed (exit 1)");
    g_clear_error(&error);
    g_assert_false(sk_run(killed, NULL, NULL, &error));
    g_assert_cmpstr(error->message, ==, "sh was ended by signal 9");
}

/* More than is kept, on both sides: nothing blocks, the first of one and the last of the other stay. */
static void
test_run_much(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *out = NULL;
    const char *const much[] = { "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' o", NULL };
    const char *const noise[] = { "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' e >&2; echo last words >&2; exit 1", NULL };
    g_assert_true(sk_run(much, NULL, &out, &error));
    g_assert_cmpuint(strlen(out), >, 1000000);
    g_assert_cmpuint(strlen(out), <=, 1048576);
    g_assert_false(sk_run(noise, NULL, NULL, &error));
    g_assert_true(g_str_has_suffix(error->message, "last words"));
    g_assert_cmpuint(strlen(error->message), <, 1000);
}

static void
take_line(const char *line, gpointer data)
{
    g_ptr_array_add(data, g_strdup(line));
}

static void
test_run_lines(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    const char *const argv[] = { "printf", "one\\n 10%%\\r 20%%\\r\\n\\nno newline", NULL };
    g_assert_true(sk_run_lines(argv, NULL, take_line, lines, &error));
    g_ptr_array_add(lines, NULL);
    g_autofree char *joined = g_strjoinv("|", (char **) lines->pdata);
    g_assert_cmpstr(joined, ==, "one| 10%| 20%|no newline");
}

static void
cancel(const char *line, gpointer data)
{
    (void) line;
    g_cancellable_cancel(data);
}

/* The program and its children are gone when it returns. */
static void
test_cancel(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    const char *const argv[] = { "sh", "-c", "echo started; sleep 1000; echo never", NULL };
    g_assert_false(sk_run_lines(argv, cancellable, cancel, cancellable, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_CANCELLED);
    g_assert_cmpstr(error->message, ==, "sh was cancelled");
    g_clear_error(&error);
    g_assert_false(sk_run(argv, cancellable, NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_CANCELLED);
}

/* -- a program that is told something ------------------------------------------------------------------------------- */

static void
add_line(const char *line, gpointer data)
{
    g_string_append_printf(data, "%s;", line);
}

/* It hears all of it, and its standard input stays open until it ends by itself. */
static void
test_talk(void)
{
    const char *const argv[] = { "sh", "-c", "read line; echo \"got $line\"; cat /proc/self/fd/5; ls -l /proc/self/fd/0 >/dev/null && echo open", NULL };
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) secret = filled_pipe("hush\n");
    const SkFdMap fds[] = { { secret, 5 } };
    const SkTalk talk = { .argv = argv, .fds = fds, .n_fds = 1, .input = "hello\n", .on_line = add_line, .data = said };
    g_assert_true(sk_run_talk(&talk, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(said->str, ==, "got hello;hush;open;");
}

/* One that does not listen is judged by how it ends: no signal comes of it. */
static void
test_talk_deaf(void)
{
    const char *const argv[] = { "sh", "-c", "exec 0<&-; echo no >&2; exit 3", NULL };
    g_autofree char *long_text = g_strnfill(1024 * 1024, 'x');
    g_autoptr(GError) error = NULL;
    g_assert_false(sk_run_talk(&(SkTalk){ .argv = argv, .input = long_text }, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
    g_assert_nonnull(strstr(error->message, "exit 3"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spawn/fd-clash", test_fd_clash);
    g_test_add_func("/spawn/fd-twice", test_fd_twice);
    g_test_add_func("/spawn/nothing-leaks", test_nothing_leaks);
    g_test_add_func("/spawn/without-stdio", test_without_stdio);
    g_test_add_func("/spawn/cannot-run", test_cannot_run);
    g_test_add_func("/spawn/identity", test_identity);
    g_test_add_func("/spawn/signals", test_signals);
    g_test_add_func("/spawn/wait", test_wait);
    g_test_add_func("/run/output", test_run);
    g_test_add_func("/spawn/memlock", test_memlock);
    g_test_add_func("/run/much", test_run_much);
    g_test_add_func("/run/lines", test_run_lines);
    g_test_add_func("/run/cancel", test_cancel);
    g_test_add_func("/base/spawn/talk", test_talk);
    g_test_add_func("/base/spawn/talk-deaf", test_talk_deaf);
    return g_test_run();
}
