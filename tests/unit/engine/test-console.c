/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recorded consoles: this test plays QEMU that appends to the log and listens for input. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "engine/console/hub.h"
#include "worker.h"

typedef struct {
    char *dir, *log, *socket;
    gint log_fd, listener;
    SkConsoleHub *hub;
} Case;

/* A reader that collects what it gets. */
typedef struct {
    GString *text, *notices;
    guint64 next;           /* offset that must come next, unless something is skipped */
    gboolean skips;
    guint closed;
    SkConsoleReader *reader;
    gboolean detach_at_once;
} Reader;

static void
on_output(const void *bytes, gsize length, guint64 offset, gpointer data)
{
    Reader *reader = data;
    if (!reader->skips)
        g_assert_cmpuint(offset, ==, reader->next);
    reader->next = offset + length;
    g_string_append_len(reader->text, bytes, (gssize) length);
    if (reader->detach_at_once)
        sk_console_reader_detach(g_steal_pointer(&reader->reader));
}

static void
on_notice(const char *sentence, gpointer data)
{
    g_string_append_printf(((Reader *) data)->notices, "%s;", sentence);
}

static void
on_closed(gpointer data)
{
    ((Reader *) data)->closed++;
}

static const SkConsoleReaderFuncs funcs = { on_output, on_notice, on_closed };

static void
attach(Case *it, Reader *reader, const char *user, guint64 from)
{
    *reader = (Reader) { .text = g_string_new(NULL), .notices = g_string_new(NULL), .next = from };
    reader->reader = sk_console_hub_attach(it->hub, user, from, &funcs, reader);
}

static void
detach(Reader *reader)
{
    if (reader->reader != NULL)
        sk_console_reader_detach(reader->reader);
    g_string_free(reader->text, TRUE);
    g_string_free(reader->notices, TRUE);
}

static void
await_text(Reader *reader, const char *end)
{
    while (!g_str_has_suffix(reader->text->str, end))
        g_main_context_iteration(NULL, TRUE);
}

static void
settle(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static void
say(Case *it, const char *text)
{
    g_assert_true(sk_fd_write_all(it->log_fd, text, strlen(text), NULL));
}

static void
open_log(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    it->log_fd = sk_console_log_open(it->log, &error);
    g_assert_no_error(error);
}

static void
power_on(Case *it)
{
    on_worker(open_log, it);
    it->listener = sk_fs_listen_unix(it->socket, 0600, NULL);
    g_assert_cmpint(it->listener, >=, 0);
    sk_console_hub_power_on(it->hub);
}

static void
power_off(Case *it)
{
    close(it->log_fd);
    close(it->listener);
    sk_console_hub_power_off(it->hub);
}

static void
case_begin(Case *it, guint64 keep)
{
    *it = (Case) { .dir = g_dir_make_tmp("skep-console-XXXXXX", NULL), .log_fd = -1, .listener = -1 };
    it->log = g_build_filename(it->dir, "serial0.log", NULL);
    it->socket = g_build_filename(it->dir, "serial0.sock", NULL);
    it->hub = sk_console_hub_new("web1", it->log, it->socket, keep);
}

static void
case_end(Case *it)
{
    sk_console_hub_close(it->hub);
    settle();
    g_assert_finalize_object(it->hub);
    g_assert_true(sk_fs_remove_tree(it->dir, NULL));
    g_free(it->dir);
    g_free(it->log);
    g_free(it->socket);
}

/* Any number of readers, each from its own place, across power-off and the next power-on. */
static void
test_readers(void)
{
    Case it;
    Reader early, all, late;
    case_begin(&it, 0);
    attach(&it, &early, "early", SK_CONSOLE_FROM_START);
    settle();
    g_assert_cmpuint(early.text->len, ==, 0);
    power_on(&it);
    say(&it, "SeaBIOS\r\n");
    await_text(&early, "SeaBIOS\r\n");
    attach(&it, &all, "all", SK_CONSOLE_FROM_START);
    attach(&it, &late, "late", SK_CONSOLE_FROM_END);
    late.next = 9;
    say(&it, "login: ");
    await_text(&late, "login: ");
    await_text(&all, "login: ");
    g_assert_cmpstr(all.text->str, ==, "SeaBIOS\r\nlogin: ");
    g_assert_cmpstr(late.text->str, ==, "login: ");

    say(&it, "last words");
    power_off(&it);
    await_text(&late, "last words");
    power_on(&it);
    await_text(&late, "]\r\n");
    say(&it, "again");
    await_text(&late, "again");
    await_text(&all, "again");
    g_assert_nonnull(strstr(all.text->str, "last words\r\n[skep: power on 20"));
    g_assert_cmpstr(late.notices->str, ==, "");
    power_off(&it);
    detach(&early);
    detach(&all);
    sk_console_hub_close(it.hub);
    g_assert_cmpuint(late.closed, ==, 1);
    detach(&late);
    case_end(&it);
}

/* A new hub, as after a restart of the daemon, has the old output and the new. */
static void
test_restart(void)
{
    Case it;
    Reader reader;
    case_begin(&it, 0);
    power_on(&it);
    say(&it, "before ");
    sk_console_hub_close(it.hub);
    settle();
    g_assert_finalize_object(it.hub);
    say(&it, "meanwhile ");
    it.hub = sk_console_hub_new("web1", it.log, it.socket, 0);
    sk_console_hub_power_on(it.hub);
    attach(&it, &reader, "root", SK_CONSOLE_FROM_START);
    say(&it, "after");
    await_text(&reader, "after");
    g_assert_cmpstr(reader.text->str, ==, "before meanwhile after");
    power_off(&it);
    detach(&reader);
    case_end(&it);
}

/* A log of one run only, emptied before each, and another file's: readers stay, and see each from its start. */
static void
test_fresh(void)
{
    Case it;
    Reader reader;
    case_begin(&it, 0);
    sk_console_hub_set_log(it.hub, it.log, 0, TRUE);
    attach(&it, &reader, "root", SK_CONSOLE_FROM_START);
    reader.skips = TRUE;
    power_on(&it);
    say(&it, "a first run, ");
    await_text(&reader, "run, ");
    sk_console_hub_set_log(it.hub, "/nonexistent", 0, FALSE); /* not while it is on */
    power_off(&it);
    g_assert_cmpint(truncate(it.log, 0), ==, 0);
    power_on(&it);
    say(&it, "a second, ");
    await_text(&reader, "second, ");
    power_off(&it);

    g_autofree char *first = it.log;
    it.log = g_build_filename(it.dir, "named.log", NULL);
    sk_console_hub_set_log(it.hub, it.log, 0, FALSE);
    power_on(&it);
    say(&it, "elsewhere");
    await_text(&reader, "elsewhere");
    g_assert_cmpstr(reader.text->str, ==, "a first run, a second, elsewhere");
    power_off(&it);
    detach(&reader);
    case_end(&it);
}

/* Who holds gets nothing; who falls behind what is kept is moved forward and told so. */
static void
test_slow_reader(void)
{
    Case it;
    Reader slow, quick;
    struct stat info;
    g_autofree char *chunk = g_strnfill(65536, 'x');
    case_begin(&it, 128 * 1024);
    power_on(&it);
    attach(&it, &slow, "slow", SK_CONSOLE_FROM_START);
    attach(&it, &quick, "quick", SK_CONSOLE_FROM_START);
    say(&it, "begin");
    await_text(&slow, "begin");
    sk_console_reader_hold(slow.reader, TRUE);
    slow.skips = TRUE;
    for (guint i = 0; i < 40; i++) {
        say(&it, chunk);
        while (quick.text->len < 5 + (i + 1) * 65536)
            g_main_context_iteration(NULL, TRUE);
    }
    say(&it, "end");
    await_text(&quick, "end");
    sk_worker_drain();
    g_assert_cmpstr(slow.text->str, ==, "begin");
    g_assert_cmpstr(quick.notices->str, ==, "");

    /* What is kept is bounded, and so is what the file takes on the disk. */
    sk_console_reader_hold(slow.reader, FALSE);
    await_text(&slow, "end");
    g_assert_cmpuint(slow.text->len, <=, 5 + 3 * 128 * 1024);
    g_assert_null(memchr(slow.text->str, '\0', slow.text->len));
    g_assert_nonnull(strstr(slow.notices->str, "bytes of output were skipped;"));
    g_assert_cmpint(stat(it.log, &info), ==, 0);
    g_assert_cmpint(info.st_size, ==, 5 + 40 * 65536 + 3);
    g_assert_cmpint(info.st_blocks * 512, <=, 4 * 128 * 1024);
    power_off(&it);
    detach(&slow);
    detach(&quick);
    case_end(&it);
}

typedef struct {
    const char *path;
    guint64 from, first, end;
    GBytes *bytes;
} LogRead;

static void
read_log(gpointer data, gpointer unused)
{
    LogRead *it = data;
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&it->bytes, g_bytes_unref);
    it->bytes = sk_console_log_read(it->path, it->from, 8, &it->first, &it->end, &error);
    g_assert_no_error(error);
}

static void
test_log_read(void)
{
    Case it;
    case_begin(&it, 0);
    LogRead log = { .path = it.log };
    on_worker(read_log, &log);
    g_assert_cmpuint(log.end, ==, 0);
    g_assert_cmpuint(g_bytes_get_size(log.bytes), ==, 0);
    power_on(&it);
    say(&it, "0123456789");
    log.from = 4;
    on_worker(read_log, &log);
    g_assert_cmpmem(g_bytes_get_data(log.bytes, NULL), g_bytes_get_size(log.bytes), "456789", 6);
    g_assert_cmpuint(log.first, ==, 4);
    g_assert_cmpuint(log.end, ==, 10);
    log.from = 99;
    on_worker(read_log, &log);
    g_assert_cmpuint(g_bytes_get_size(log.bytes), ==, 0);
    g_assert_cmpuint(log.first, ==, 10);

    /* The beginning was given back. */
    g_autofree char *chunk = g_strnfill(131072, 'y');
    say(&it, chunk);
    g_assert_cmpint(truncate(it.log, 131072), ==, 0);
    gint fd = open(it.log, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 65536), ==, 0);
    close(fd);
    log.from = 0;
    on_worker(read_log, &log);
    g_assert_cmpuint(log.first, ==, 65536);
    g_assert_cmpmem(g_bytes_get_data(log.bytes, NULL), g_bytes_get_size(log.bytes), "yyyyyyyy", 8);
    g_bytes_unref(log.bytes);
    power_off(&it);
    case_end(&it);
}

static void
open_bad(gpointer data, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(sk_console_log_open("/nonexistent/x/log", &error), ==, -1);
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
}

static void
test_bad_log(void)
{
    on_worker(open_bad, NULL);
}

static void
open_faulty(gpointer data, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(sk_console_log_open("/dev/null", &error), ==, -1);
    g_assert_error(error, SK_ERROR, SK_ERROR_INTERNAL);
}

static void
test_fault(void)
{
    if (g_test_subprocess()) {
        on_worker(open_faulty, NULL);
        return;
    }
    g_setenv("SKEP_FAULT", "engine/console-log", TRUE);
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_unsetenv("SKEP_FAULT");
    g_test_trap_assert_passed();
}

/* -- input --------------------------------------------------------------------------------------------------------- */

static char *
read_input(gint fd, gsize length)
{
    char *text = g_malloc0(length + 1);
    for (gsize got = 0; got < length;) {
        gssize n = recv(fd, text + got, length - got, MSG_DONTWAIT);
        if (n > 0)
            got += (gsize) n;
        else
            g_main_context_iteration(NULL, FALSE);
    }
    return text;
}

/* One writer at a time; another takes over on request, and the former is told. */
static void
test_writers(void)
{
    Case it;
    Reader root, ann;
    case_begin(&it, 0);
    attach(&it, &root, "root", SK_CONSOLE_FROM_START);
    attach(&it, &ann, "ann", SK_CONSOLE_FROM_START);
    g_assert_false(sk_console_reader_write(root.reader, "x", 1));
    power_on(&it);
    g_assert_true(sk_console_reader_write(root.reader, "ls\n", 3));
    g_assert_true(sk_console_reader_is_writer(root.reader));
    g_assert_false(sk_console_reader_write(ann.reader, "no\n", 3));
    gint fd = accept4(it.listener, NULL, NULL, SOCK_CLOEXEC);
    g_autofree char *first = read_input(fd, 3);
    g_assert_cmpstr(first, ==, "ls\n");

    sk_console_reader_take_over(ann.reader);
    sk_console_reader_take_over(ann.reader);
    g_assert_cmpstr(root.notices->str, ==, "ann has taken over the keyboard;");
    g_assert_cmpstr(ann.notices->str, ==, "");
    g_assert_false(sk_console_reader_write(root.reader, "x", 1));
    g_assert_true(sk_console_reader_write(ann.reader, "id\n", 3));
    g_autofree char *second = read_input(fd, 3);
    g_assert_cmpstr(second, ==, "id\n");

    /* Free again when the writer leaves; what the socket says is dropped, the log has it. */
    detach(&ann);
    g_assert_true(sk_console_reader_write(root.reader, "pwd", 3));
    g_assert_cmpint(send(fd, "echo", 4, 0), ==, 4);
    settle();
    g_assert_cmpuint(root.text->len, ==, 0);

    /* QEMU has gone, and is there again. */
    close(fd);
    settle();
    g_assert_true(sk_console_reader_write(root.reader, "new", 3));
    fd = accept4(it.listener, NULL, NULL, SOCK_CLOEXEC);
    g_autofree char *third = read_input(fd, 3);
    g_assert_cmpstr(third, ==, "new");
    close(fd);
    power_off(&it);
    g_assert_false(sk_console_reader_write(root.reader, "x", 1));
    detach(&root);
    case_end(&it);
}

/* A guest that takes no input: memory is bounded, the writer is told. */
static void
test_full(void)
{
    Case it;
    Reader root;
    g_autofree char *chunk = g_strnfill(32768, 'k');
    case_begin(&it, 0);
    power_on(&it);
    attach(&it, &root, "root", SK_CONSOLE_FROM_START);
    for (guint i = 0; i < 1000 && root.notices->len == 0; i++)
        g_assert_true(sk_console_reader_write(root.reader, chunk, 32768));
    g_assert_nonnull(strstr(root.notices->str, "takes no input"));
    power_off(&it);
    detach(&root);
    case_end(&it);
}

static void
test_detach_in_callback(void)
{
    Case it;
    Reader one, two;
    case_begin(&it, 0);
    power_on(&it);
    attach(&it, &one, "one", SK_CONSOLE_FROM_START);
    attach(&it, &two, "two", SK_CONSOLE_FROM_START);
    one.detach_at_once = TRUE;
    say(&it, "a");
    await_text(&one, "a");
    say(&it, "b");
    await_text(&two, "ab");
    g_assert_cmpstr(one.text->str, ==, "a");
    power_off(&it);
    detach(&one);
    detach(&two);
    case_end(&it);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add_func("/console/readers", test_readers);
    g_test_add_func("/console/restart", test_restart);
    g_test_add_func("/console/fresh", test_fresh);
    g_test_add_func("/console/slow-reader", test_slow_reader);
    g_test_add_func("/console/log-read", test_log_read);
    g_test_add_func("/console/bad-log", test_bad_log);
    g_test_add_func("/console/fault", test_fault);
    g_test_add_func("/console/writers", test_writers);
    g_test_add_func("/console/full", test_full);
    g_test_add_func("/console/detach-in-callback", test_detach_in_callback);
    return g_test_run();
}
