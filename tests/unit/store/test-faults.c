/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Group commit, and disks that are full, read-only or broken. */
#include <string.h>

#include "base/error.h"
#include "base/undo.h"
#include "disk.h"
#include "fixture.h"
#include "store/settings.h"

static guint
count_records(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) records = NULL;
    sk_store_load(fixture->store, "domain", &records, &error);
    g_assert_no_error(error);
    return records->len;
}

/* -- group commit ---------------------------------------------------------------------------------------------- */

#define WRITERS 40

typedef struct {
    guint answered, failed;
    gboolean all;
} Answers;

static void
count_answer(const GError *error, gpointer data)
{
    Answers *answers = data;
    answers->answered++;
    answers->failed += error != NULL;
    answers->all = answers->answered == WRITERS + 1;
}

static void
put_async(Fixture *fixture, guint number, const char *name, Answers *answers)
{
    g_autofree char *uuid = fixture_uuid(number);
    g_autoptr(SkRecord) record = sk_record_new("domain", uuid, name, "{}");
    sk_store_put_async(fixture->store, record, count_answer, answers);
}

/* All that comes in while one commit is under way costs one more, and a bad one among them fails alone. */
static void
test_group(Fixture *fixture, gconstpointer data)
{
    Answers answers = { 0 };
    guint commits = sk_store_commits(fixture->store);
    (void) data;
    disk_close_gate();
    put_async(fixture, 1000, "first", &answers);
    disk_wait_at_gate();
    guint syncs = disk_syncs();
    for (guint i = 0; i < WRITERS; i++) {
        g_autofree char *name = i == 7 ? g_strdup("first") : g_strdup_printf("d%u", i);
        put_async(fixture, i, name, &answers);
    }
    disk_open_gate();
    fixture_wait(&answers.all);
    g_assert_cmpuint(answers.failed, ==, 1);
    g_assert_cmpuint(sk_store_commits(fixture->store) - commits, ==, 2);
    g_assert_cmpuint(disk_syncs() - syncs, ==, 1);
    g_assert_cmpuint(count_records(fixture), ==, WRITERS);
}

/* Notes are written, but nobody waits for the disk because of them. */
static void
test_notes(Fixture *fixture, gconstpointer data)
{
    g_autofree char *uuid = fixture_uuid(1);
    (void) data;
    fixture_put(fixture, 1, "web1", "{}");
    guint syncs = disk_syncs();
    for (guint i = 0; i < 20; i++) {
        sk_store_put_state(fixture->store, "domain", uuid, "{\"n\":1}");
        g_assert_cmpuint(count_records(fixture), ==, 1);
    }
    g_assert_cmpuint(disk_syncs(), ==, syncs);
    fixture_put(fixture, 2, "web2", "{}");
    g_assert_cmpuint(disk_syncs(), >, syncs);
}

/* -- bad disks --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    DiskFault fault;
    SkError code;
    const char *words;
} disks[] = {
    { "full", DISK_FULL, SK_ERROR_NO_SPACE, "the disk is full, nothing was changed" },
    { "read-only", DISK_READ_ONLY, SK_ERROR_HOST, "read-only, nothing was changed" },
    { "fails", DISK_FAILS, SK_ERROR_IO, "the disk failed to read or write it, nothing was changed" },
    { "sync-fails", DISK_SYNC_FAILS, SK_ERROR_IO, "the disk failed to read or write it, nothing was changed" },
};

/* Changes fail clearly, what is there is served, and all is well again once the disk is. */
static void
test_bad_disks(Fixture *fixture, gconstpointer data)
{
    (void) data;
    fixture_put(fixture, 1, "web1", "{\"v\":1}");
    for (guint i = 0; i < G_N_ELEMENTS(disks); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *uuid = fixture_uuid(1);
        g_autoptr(SkRecord) record = sk_record_new("domain", uuid, "web1", "{\"v\":2}");
        g_test_message("%s", disks[i].name);
        disk_set_fault(disks[i].fault);
        g_assert_false(sk_store_put(fixture->store, record, &error));
        g_assert_error(error, SK_ERROR, (gint) disks[i].code);
        g_assert_nonnull(strstr(error->message, disks[i].words));
        g_assert_nonnull(strstr(error->message, fixture->path));
        g_assert_cmpuint(record->revision, ==, 0);
        g_assert_cmpuint(count_records(fixture), ==, 1);
        disk_set_fault(DISK_FINE);
    }
    fixture_reopen(fixture);
    g_autoptr(GPtrArray) records = NULL;
    g_assert_true(sk_store_load(fixture->store, "domain", &records, NULL));
    g_assert_cmpstr(((SkRecord *) records->pdata[0])->spec, ==, "{\"v\":1}");
    fixture_put(fixture, 1, "web1", "{\"v\":3}");
}

/* A whole group on a bad disk: each of them is told. */
static void
test_group_fails(Fixture *fixture, gconstpointer data)
{
    Answers answers = { 0 };
    (void) data;
    disk_close_gate();
    put_async(fixture, 1000, "first", &answers);
    disk_wait_at_gate();
    for (guint i = 0; i < WRITERS; i++) {
        g_autofree char *name = g_strdup_printf("d%u", i);
        put_async(fixture, i, name, &answers);
    }
    disk_set_fault(DISK_FULL);
    disk_open_gate();
    fixture_wait(&answers.all);
    disk_set_fault(DISK_FINE);
    g_assert_cmpuint(answers.failed, >=, WRITERS);
    g_assert_cmpuint(count_records(fixture), ==, WRITERS + 1 - answers.failed);
}

static gint warnings;      /* atomic */

/* Counts warnings; they come from the store's thread. */
static GLogWriterOutput
count_warnings(GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
    if (level & G_LOG_LEVEL_WARNING)
        g_atomic_int_inc(&warnings);
    return g_log_writer_default(level, fields, n_fields, data);
}

/* Nobody waits for a state: the failure is told once, and the next success ends it. */
static void
test_state_fails(Fixture *fixture, gconstpointer data)
{
    g_autofree char *uuid = fixture_uuid(1);
    (void) data;
    fixture_put(fixture, 1, "web1", "{}");
    disk_set_fault(DISK_FULL);
    GLogLevelFlags fatal = g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
    for (guint i = 0; i < 5; i++)
        sk_store_put_state(fixture->store, "domain", uuid, "{}");
    g_assert_cmpuint(count_records(fixture), ==, 1);
    disk_set_fault(DISK_FINE);
    g_log_set_always_fatal(fatal);
    g_assert_cmpint(g_atomic_int_get(&warnings), ==, 1);
    sk_store_put_state(fixture->store, "domain", uuid, "{\"s\":2}");
    fixture_reopen(fixture);
    g_autoptr(GPtrArray) records = NULL;
    g_assert_true(sk_store_load(fixture->store, "domain", &records, NULL));
    g_assert_cmpstr(((SkRecord *) records->pdata[0])->state, ==, "{\"s\":2}");
}

/* The fault point of a commit: taken back as a whole. */
static void
test_commit_fault(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uuid = fixture_uuid(1);
    g_autoptr(SkRecord) record = sk_record_new("domain", uuid, "web1", "{}");
    (void) data;
    sk_fault_set("store/commit");
    g_assert_false(sk_store_put(fixture->store, record, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INTERNAL);
    sk_fault_set(NULL);
    g_assert_cmpuint(count_records(fixture), ==, 0);
    fixture_put(fixture, 1, "web1", "{}");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_log_set_writer_func(count_warnings, NULL, NULL);
    disk_install();
    FIXTURE_ADD("/faults/group", test_group);
    FIXTURE_ADD("/faults/notes", test_notes);
    FIXTURE_ADD("/faults/bad-disks", test_bad_disks);
    FIXTURE_ADD("/faults/group-fails", test_group_fails);
    FIXTURE_ADD("/faults/state-fails", test_state_fails);
    FIXTURE_ADD("/faults/commit", test_commit_fault);
    return g_test_run();
}
