/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Database files that are old, new, foreign, damaged, in use; and a daemon killed while it writes. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "base/thread.h"
#include "base/undo.h"
#include "fixture.h"
#include "store/schema.h"

static const char *own_path;

/* Opens what is at the fixture's path; the caller closes. */
static SkStore *
open_again(Fixture *fixture, GError **error)
{
    sk_store_close(g_steal_pointer(&fixture->store));
    fixture->store = sk_store_open(fixture->path, error);
    return fixture->store;
}

/* The store must not open, say why in these words, and leave the file as it is. */
static void
assert_refused(Fixture *fixture, SkError code, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    gsize length_before, length_after;
    g_assert_true(g_file_get_contents(fixture->path, &before, &length_before, NULL));
    g_assert_null(open_again(fixture, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, SK_ERROR, (gint) code);
    g_assert_nonnull(strstr(error->message, words));
    g_assert_true(g_file_get_contents(fixture->path, &after, &length_after, NULL));
    g_assert_cmpmem(before, length_before, after, length_after);
}

static void
run_sql(const char *path, const char *sql)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkDb) db = sk_db_open(path, &error);
    g_assert_no_error(error);
    sk_db_exec(db, sql, &error);
    g_assert_no_error(error);
}

static void
test_foreign(Fixture *fixture, gconstpointer data)
{
    (void) data;
    sk_store_close(g_steal_pointer(&fixture->store));
    g_assert_cmpint(unlink(fixture->path), ==, 0);
    g_assert_true(g_file_set_contents(fixture->path, "just some text, longer than a header", -1, NULL));
    assert_refused(fixture, SK_ERROR_HOST, "is not a database");
    g_assert_true(g_file_set_contents(fixture->path, "short", -1, NULL));
    assert_refused(fixture, SK_ERROR_HOST, "is not a database");
    g_assert_cmpint(unlink(fixture->path), ==, 0);
    run_sql(fixture->path, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    assert_refused(fixture, SK_ERROR_HOST, "is a database of another program");
    run_sql(fixture->path, "PRAGMA application_id = 77");
    assert_refused(fixture, SK_ERROR_HOST, "is a database of another program");
}

static void
test_newer(Fixture *fixture, gconstpointer data)
{
    (void) data;
    sk_store_close(g_steal_pointer(&fixture->store));
    run_sql(fixture->path, "PRAGMA user_version = 4711");
    assert_refused(fixture, SK_ERROR_UNSUPPORTED, "was written by a newer Skep (version 4711");
}

static void
test_damaged(Fixture *fixture, gconstpointer data)
{
    g_autofree char *text = NULL;
    gsize length;
    (void) data;
    for (guint i = 0; i < 200; i++) {
        g_autofree char *name = g_strdup_printf("domain-%u", i);
        fixture_put(fixture, i, name, "{\"name\":\"some text to fill a page with\"}");
    }
    sk_store_close(g_steal_pointer(&fixture->store));
    g_assert_true(g_file_get_contents(fixture->path, &text, &length, NULL));
    g_assert_cmpuint(length, >, 16384);
    memset(text + 8192, 0xa5, length - 8192);
    g_assert_true(g_file_set_contents(fixture->path, text, (gssize) length, NULL));
    assert_refused(fixture, SK_ERROR_HOST, "damaged");

    /* Cut off in the middle. */
    g_assert_true(g_file_set_contents(fixture->path, text, 6000, NULL));
    assert_refused(fixture, SK_ERROR_HOST, "damaged");
}

/* A crash before the first byte was written leaves an empty file, which is a new database. */
static void
test_empty(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    struct stat is;
    (void) data;
    sk_store_close(g_steal_pointer(&fixture->store));
    g_assert_true(g_file_set_contents(fixture->path, "", 0, NULL));
    open_again(fixture, &error);
    g_assert_no_error(error);
    fixture_put(fixture, 1, "web1", "{}");
    sk_store_close(g_steal_pointer(&fixture->store));
    g_assert_cmpint(unlink(fixture->path), ==, 0);
    open_again(fixture, &error);
    g_assert_no_error(error);
    g_assert_cmpint(stat(fixture->path, &is), ==, 0);
    g_assert_cmpint(is.st_mode & 0777, ==, 0600);
}

static void
test_in_use(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    g_assert_null(sk_store_open(fixture->path, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_assert_nonnull(strstr(error->message, "in use by another skepd"));
    g_clear_error(&error);
    g_autofree char *nowhere = g_build_filename(fixture->dir, "none", "skep.db", NULL);
    g_assert_null(sk_store_open(nowhere, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_HOST);
}

/* -- schema updates ------------------------------------------------------------------------------------------------ */

static gint64
number(SkDb *db, const char *sql)
{
    g_autoptr(GError) error = NULL;
    gint64 out = -1;
    sk_db_number(db, -1, &out, &error, sql, "");
    g_assert_no_error(error);
    return out;
}

static const SkSchemaUpdate made_up[] = {
    { 1, "CREATE TABLE t (x); INSERT INTO t VALUES (1);" },
    { 2, "ALTER TABLE t ADD COLUMN y; UPDATE t SET y = x * 10;" },
    { 3, "CREATE TABLE u (z); INSERT INTO u SELECT y FROM t;" },
};

/* From each old version to the newest, with a copy of the old beside. */
static void
test_update(Fixture *fixture, gconstpointer data)
{
    (void) data;
    for (guint from = 0; from <= 3; from++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_strdup_printf("%s/from-%u.db", fixture->dir, from);
        g_autofree char *copy = g_strdup_printf("%s.v%u", path, from);
        g_autoptr(SkDb) db = sk_db_open(path, &error);
        g_assert_no_error(error);
        if (from > 0)
            g_assert_true(sk_schema_apply(db, made_up, from, &error));
        g_assert_true(sk_schema_apply(db, made_up, 3, &error));
        g_assert_no_error(error);
        g_assert_cmpint(number(db, "PRAGMA user_version"), ==, 3);
        g_assert_cmpint(number(db, "PRAGMA application_id"), ==, SK_SCHEMA_APPLICATION_ID);
        g_assert_cmpint(number(db, "SELECT z FROM u"), ==, 10);
        g_assert_cmpint(g_file_test(copy, G_FILE_TEST_EXISTS), ==, from == 1 || from == 2);
        if (from == 1) {
            g_autoptr(SkDb) old = sk_db_open(copy, &error);
            g_assert_cmpint(number(old, "PRAGMA user_version"), ==, 1);
            g_assert_cmpint(number(old, "SELECT x FROM t"), ==, 1);
        }
    }
}

/* A step that fails leaves the version before it, whole. */
static void
test_update_fails(Fixture *fixture, gconstpointer data)
{
    static const SkSchemaUpdate bad[] = { { 1, "CREATE TABLE t (x);" }, { 2, "CREATE TABLE u (x); CREATE TABLE t (x);" } };
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_strconcat(fixture->dir, "/bad.db", NULL);
    g_autoptr(SkDb) db = sk_db_open(path, &error);
    (void) data;
    g_assert_true(sk_schema_apply(db, bad, 1, &error));
    g_assert_false(sk_schema_apply(db, bad, 2, &error));
    g_assert_true(g_str_has_prefix(error->message, "update to version 2: "));
    g_assert_cmpint(number(db, "PRAGMA user_version"), ==, 1);
    g_assert_cmpint(number(db, "SELECT count(*) FROM sqlite_schema"), ==, 1);
    g_clear_error(&error);

    sk_fault_set("store/update");
    g_assert_false(sk_schema_apply(db, made_up, 3, &error));
    sk_fault_set(NULL);
    g_assert_cmpint(number(db, "PRAGMA user_version"), ==, 1);
}

/* The real table: numbered without gaps, and every version opens. */
static void
test_real_updates(Fixture *fixture, gconstpointer data)
{
    (void) data;
    for (guint from = 1; from <= sk_schema_n_updates; from++) {
        g_autoptr(GError) error = NULL;
        g_assert_cmpuint(sk_schema_updates[from - 1].version, ==, from);
        sk_store_close(g_steal_pointer(&fixture->store));
        g_assert_cmpint(unlink(fixture->path), ==, 0);
        SkDb *db = sk_db_open(fixture->path, &error);
        g_assert_true(sk_schema_apply(db, sk_schema_updates, from, &error));
        sk_db_close(db);
        open_again(fixture, &error);
        g_assert_no_error(error);
        fixture_put(fixture, 1, "web1", "{}");
    }
}

/* -- kill -9 --------------------------------------------------------------------------------------------------------- */

/* The child: puts, and says the number of each once it was promised. */
static gint
write_for_ever(const char *path)
{
    g_autoptr(GError) error = NULL;
    sk_thread_init();
    SkStore *store = sk_store_open(path, &error);
    g_assert_no_error(error);
    for (guint i = 0;; i++) {
        g_autofree char *uuid = fixture_uuid(i % 50);
        g_autofree char *name = g_strdup_printf("d%u", i % 50);
        g_autofree char *spec = g_strdup_printf("{\"n\":%u}", i);
        g_autofree char *said = g_strdup_printf("%u\n", i);
        g_autoptr(SkRecord) record = sk_record_new("domain", uuid, name, spec);
        if (!sk_store_put(store, record, &error))
            g_error("%s", error->message);
        sk_store_put_state(store, "domain", uuid, "{\"a\":1}");
        if (!sk_fd_write_all(1, said, strlen(said), NULL))
            return 1;
    }
}

/* Reads what the child says until it has said enough more, then kills it; the last number that was promised. */
static guint
write_and_kill(const char *path, guint lines)
{
    g_autoptr(GError) error = NULL;
    const char *const argv[] = { own_path, "--write", path, NULL };
    gint fds[2];
    g_auto(SkFd) pidfd = SK_FD_NONE;
    pid_t pid;
    g_assert_cmpint(pipe(fds), ==, 0);
    SkSpawn spawn = { .argv = argv, .out = fds[1], .err = 2 };
    sk_spawn(&spawn, &pid, &pidfd, &error);
    g_assert_no_error(error);
    close(fds[1]);
    g_autoptr(GString) text = g_string_new(NULL);
    char c;
    guint seen = 0;
    while (read(fds[0], &c, 1) == 1) {
        g_string_append_c(text, c);
        seen += c == '\n';
        if (seen == lines)
            kill(pid, SIGKILL);
    }
    close(fds[0]);
    g_assert_true(sk_spawn_wait(pid, pidfd, -1, NULL, &error));
    g_assert_cmpuint(seen, >=, lines);
    /* The last whole line is the last promise that we know of. */
    g_string_truncate(text, (gsize) (strrchr(text->str, '\n') - text->str));
    const char *last = strrchr(text->str, '\n');
    return (guint) g_ascii_strtoull(last != NULL ? last + 1 : text->str, NULL, 10);
}

static void
test_kill(Fixture *fixture, gconstpointer data)
{
    (void) data;
    for (guint round = 0; round < 5; round++) {
        g_autoptr(GError) error = NULL;
        sk_store_close(g_steal_pointer(&fixture->store));
        guint promised = write_and_kill(fixture->path, 60 + round * 17);
        g_autoptr(SkDb) db = sk_db_open(fixture->path, &error);
        g_assert_cmpint(number(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check != 'ok'"), ==, 0);
        g_assert_cmpint(number(db, "SELECT max(spec ->> '$.n') FROM records"), >=, promised);
        g_assert_cmpint(number(db, "SELECT count(*) FROM records"), ==, 50);
        g_assert_cmpint(number(db, "SELECT count(*) FROM records WHERE NOT json_valid(spec) OR NOT json_valid(coalesce(state, '{}'))"), ==, 0);
        g_clear_pointer(&db, sk_db_close);
        open_again(fixture, &error);
        g_assert_no_error(error);
    }
}

/* Killed in the middle of the very first start: the next start finds its way. */
static void
test_kill_at_first_start(Fixture *fixture, gconstpointer data)
{
    static const char *const steps[] = { "store/update", "store/commit" };
    (void) data;
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *fault = g_strconcat("SKEP_FAULT_EXIT=", steps[i], NULL);
        const char *const argv[] = { own_path, "--write", fixture->path, NULL };
        const char *const envp[] = { fault, NULL };
        g_auto(SkFd) pidfd = SK_FD_NONE;
        pid_t pid;
        gint status;
        sk_store_close(g_steal_pointer(&fixture->store));
        g_assert_cmpint(unlink(fixture->path), ==, 0);
        SkSpawn spawn = { .argv = argv, .envp = envp };
        g_assert_true(sk_spawn(&spawn, &pid, &pidfd, &error));
        g_assert_true(sk_spawn_wait(pid, pidfd, -1, &status, &error));
        g_assert_true(WIFSIGNALED(status));
        open_again(fixture, &error);
        g_assert_no_error(error);
        fixture_put(fixture, 1, "web1", "{}");
    }
}

int
main(int argc, char **argv)
{
    if (argc == 3 && g_str_equal(argv[1], "--write"))
        return write_for_ever(argv[2]);
    g_test_init(&argc, &argv, NULL);
    own_path = g_file_read_link("/proc/self/exe", NULL);
    FIXTURE_ADD("/files/foreign", test_foreign);
    FIXTURE_ADD("/files/newer", test_newer);
    FIXTURE_ADD("/files/damaged", test_damaged);
    FIXTURE_ADD("/files/empty", test_empty);
    FIXTURE_ADD("/files/in-use", test_in_use);
    FIXTURE_ADD("/files/update", test_update);
    FIXTURE_ADD("/files/update-fails", test_update_fails);
    FIXTURE_ADD("/files/real-updates", test_real_updates);
    FIXTURE_ADD("/files/kill", test_kill);
    FIXTURE_ADD("/files/kill-at-first-start", test_kill_at_first_start);
    return g_test_run();
}
