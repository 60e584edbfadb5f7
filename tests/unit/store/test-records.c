/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records: put, load, state, rename, remove, batches, many writers at once. */
#include "base/error.h"
#include "base/thread.h"
#include "fixture.h"
#include "store/settings.h"

static GPtrArray *
load(Fixture *fixture, const char *kind)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *records = NULL;
    sk_store_load(fixture->store, kind, &records, &error);
    g_assert_no_error(error);
    return records;
}

/* The only record there is. */
static SkRecord *
load_one(Fixture *fixture)
{
    g_autoptr(GPtrArray) records = load(fixture, "domain");
    g_assert_cmpuint(records->len, ==, 1);
    return g_ptr_array_steal_index(records, 0);
}

static void
test_put(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uuid = fixture_uuid(1);
    g_autoptr(SkRecord) record = sk_record_new("domain", uuid, "web1", "{\"name\":\"web1\"}");
    (void) data;

    g_assert_true(sk_store_put(fixture->store, record, &error));
    g_assert_cmpuint(record->revision, ==, 1);
    g_assert_cmpint(record->created, >, 0);
    gint64 created = record->created;
    g_assert_true(sk_store_put(fixture->store, record, &error));
    g_assert_cmpuint(record->revision, ==, 2);
    g_assert_cmpint(record->created, ==, created);
    g_assert_cmpint(record->modified, >=, created);

    fixture_reopen(fixture);
    g_autoptr(SkRecord) kept = load_one(fixture);
    g_assert_cmpstr(kept->kind, ==, "domain");
    g_assert_cmpstr(kept->uuid, ==, uuid);
    g_assert_cmpstr(kept->name, ==, "web1");
    g_assert_cmpstr(kept->spec, ==, "{\"name\":\"web1\"}");
    g_assert_null(kept->state);
    g_assert_cmpuint(kept->revision, ==, 2);
    g_assert_cmpint(kept->created, ==, created);
}

static void
test_names(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uuid = fixture_uuid(2);
    (void) data;
    fixture_put(fixture, 1, "web1", "{}");

    g_autoptr(SkRecord) same_name = sk_record_new("domain", uuid, "web1", "{}");
    g_assert_false(sk_store_put(fixture->store, same_name, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    g_assert_cmpstr(error->message, ==, "there is a domain \"web1\" already; give another name");

    /* Another kind has names of its own. */
    g_clear_error(&error);
    g_autoptr(SkRecord) network = sk_record_new("network", uuid, "web1", "{}");
    g_assert_true(sk_store_put(fixture->store, network, &error));
    g_assert_no_error(error);

    /* Sorted by name. */
    fixture_put(fixture, 3, "alpha", "{}");
    g_autoptr(GPtrArray) records = load(fixture, "domain");
    g_assert_cmpuint(records->len, ==, 2);
    g_assert_cmpstr(((SkRecord *) records->pdata[0])->name, ==, "alpha");
}

static void
test_state(Fixture *fixture, gconstpointer data)
{
    g_autofree char *uuid = fixture_uuid(1);
    (void) data;
    fixture_put(fixture, 1, "web1", "{\"a\":1}");
    for (guint i = 0; i <= 100; i++) {
        g_autofree char *state = g_strdup_printf("{\"n\":%u}", i);
        sk_store_put_state(fixture->store, "domain", uuid, state);
    }
    sk_store_put_state(fixture->store, "domain", "nobody", "{}");

    fixture_reopen(fixture);
    g_autoptr(SkRecord) record = load_one(fixture);
    g_assert_cmpstr(record->state, ==, "{\"n\":100}");
    g_assert_cmpuint(record->revision, ==, 1);

    /* A put without a state keeps the one that is there. */
    fixture_put(fixture, 1, "web1", "{\"a\":2}");
    g_autoptr(SkRecord) again = load_one(fixture);
    g_assert_cmpstr(again->state, ==, "{\"n\":100}");
    g_assert_cmpstr(again->spec, ==, "{\"a\":2}");
}

static void
test_remove(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uuid = fixture_uuid(1);
    (void) data;
    fixture_put(fixture, 1, "web1", "{}");
    g_assert_true(sk_store_remove(fixture->store, "domain", uuid, &error));
    g_assert_true(sk_store_remove(fixture->store, "domain", uuid, &error));
    g_autoptr(GPtrArray) records = load(fixture, "domain");
    g_assert_cmpuint(records->len, ==, 0);
    fixture_put(fixture, 2, "web1", "{}");
}

static void
test_rename(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uuid = fixture_uuid(1);
    g_autofree char *other = fixture_uuid(2);
    (void) data;
    fixture_put(fixture, 1, "web1", "{\"name\":\"web1\",\"x\":[1,2]}");
    g_assert_true(sk_store_rename(fixture->store, "domain", uuid, "web\"2", &error));
    g_autoptr(SkRecord) record = load_one(fixture);
    g_assert_cmpstr(record->name, ==, "web\"2");
    g_assert_cmpstr(record->spec, ==, "{\"name\":\"web\\\"2\",\"x\":[1,2]}");
    g_assert_cmpuint(record->revision, ==, 2);

    g_assert_false(sk_store_rename(fixture->store, "domain", other, "web3", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_NOT_FOUND);
    g_clear_error(&error);
    fixture_put(fixture, 2, "db1", "{}");
    g_assert_false(sk_store_rename(fixture->store, "domain", other, "web\"2", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
}

static void
test_batch(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *one = fixture_uuid(1);
    g_autofree char *two = fixture_uuid(2);
    guint uid = 0, again = 0;
    (void) data;
    fixture_put(fixture, 1, "web1", "{}");
    g_assert_true(sk_store_take_uid(fixture->store, one, 5000, 10, &uid, &error));

    /* The last step fails: the earlier ones are taken back. */
    SkStoreBatch *batch = sk_store_batch_new();
    g_autoptr(SkRecord) taken = sk_record_new("domain", two, "web1", "{}");
    g_autoptr(SkRecord) volume = sk_record_new("volume", two, "default/web1", "{}");
    sk_store_batch_put(batch, volume);
    sk_store_batch_put_state(batch, "domain", one, "{\"bad\":true}");
    sk_store_batch_put(batch, taken);
    g_assert_false(sk_store_commit(fixture->store, batch, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    g_clear_error(&error);
    g_autoptr(GPtrArray) volumes = load(fixture, "volume");
    g_assert_cmpuint(volumes->len, ==, 0);
    g_autoptr(SkRecord) kept = load_one(fixture);
    g_assert_null(kept->state);

    batch = sk_store_batch_new();
    sk_store_batch_remove(batch, "domain", one);
    sk_store_batch_free_uid(batch, one);
    sk_store_batch_put(batch, taken);
    sk_store_batch_rename(batch, "domain", two, "web2");
    g_assert_true(sk_store_commit(fixture->store, batch, &error));
    g_autoptr(SkRecord) now = load_one(fixture);
    g_assert_cmpstr(now->uuid, ==, two);
    g_assert_cmpstr(now->name, ==, "web2");
    g_assert_true(sk_store_take_uid(fixture->store, two, 5000, 10, &again, &error));
    g_assert_cmpuint(again, ==, uid);
}

typedef struct {
    gboolean called;
    gboolean on_main;
    gint code;              /* -1: no error */
} Seen;

static void
see(const GError *error, gpointer data)
{
    Seen *seen = data;
    seen->on_main = sk_thread_is_main();
    seen->code = error != NULL ? error->code : -1;
    seen->called = TRUE;
}

static void
test_async(Fixture *fixture, gconstpointer data)
{
    g_autofree char *one = fixture_uuid(1);
    g_autofree char *two = fixture_uuid(2);
    Seen first = { 0 }, second = { 0 }, third = { 0 };
    (void) data;
    SkRecord *record = sk_record_new("domain", one, "web1", "{}");
    sk_store_put_async(fixture->store, record, see, &first);
    sk_record_free(record);
    g_autoptr(SkRecord) same_name = sk_record_new("domain", two, "web1", "{}");
    sk_store_put_async(fixture->store, same_name, see, &second);
    fixture_wait(&first.called);
    fixture_wait(&second.called);
    g_assert_true(first.on_main);
    g_assert_cmpint(first.code, ==, -1);
    g_assert_cmpint(second.code, ==, SK_ERROR_EXISTS);

    sk_store_remove_async(fixture->store, "domain", one, see, &third);
    fixture_wait(&third.called);
    g_autoptr(GPtrArray) records = load(fixture, "domain");
    g_assert_cmpuint(records->len, ==, 0);
}

/* Answers that come after the store is closed find their data, not the store. */
static void
test_close_with_answers(Fixture *fixture, gconstpointer data)
{
    g_autofree char *uuid = fixture_uuid(1);
    Seen seen = { 0 };
    (void) data;
    g_autoptr(SkRecord) record = sk_record_new("domain", uuid, "web1", "{}");
    sk_store_put_async(fixture->store, record, see, &seen);
    fixture_reopen(fixture);
    fixture_wait(&seen.called);
    g_assert_cmpint(seen.code, ==, -1);
    g_autoptr(SkRecord) kept = load_one(fixture);
    g_assert_cmpstr(kept->name, ==, "web1");
}

/* -- many writers --------------------------------------------------------------------------------------------- */

#define WRITERS 8
#define PUTS 50

typedef struct {
    SkStore *store;
    guint number;
} Writer;

static gpointer
write_many(gpointer data)
{
    const Writer *writer = data;
    for (guint i = 0; i < PUTS; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *uuid = fixture_uuid(writer->number * PUTS + i);
        g_autofree char *name = g_strdup_printf("d%u-%u", writer->number, i);
        g_autoptr(SkRecord) record = sk_record_new("domain", uuid, name, "{}");
        sk_store_put(writer->store, record, &error);
        g_assert_no_error(error);
        sk_store_put_state(writer->store, "domain", uuid, "{\"s\":1}");
    }
    return NULL;
}

static void
test_writers(Fixture *fixture, gconstpointer data)
{
    GThread *threads[WRITERS];
    Writer writers[WRITERS];
    (void) data;
    for (guint i = 0; i < WRITERS; i++) {
        writers[i] = (Writer){ fixture->store, i };
        threads[i] = g_thread_new("writer", write_many, &writers[i]);
    }
    for (guint i = 0; i < WRITERS; i++)
        g_thread_join(threads[i]);
    g_autoptr(GPtrArray) records = load(fixture, "domain");
    g_assert_cmpuint(records->len, ==, WRITERS * PUTS);
    for (guint i = 0; i < records->len; i++)
        g_assert_cmpstr(((SkRecord *) records->pdata[i])->state, ==, "{\"s\":1}");
}

/* Shown, not judged: the figure is of interest when it changes. */
static void
test_load_many(Fixture *fixture, gconstpointer data)
{
    g_autofree char *text = g_strnfill(2000, 'x');
    g_autofree char *spec = g_strdup_printf("{\"title\":\"%s\"}", text);
    g_autoptr(GError) error = NULL;
    SkStoreBatch *batch = sk_store_batch_new();
    (void) data;
    for (guint i = 0; i < 1000; i++) {
        g_autofree char *uuid = fixture_uuid(i);
        g_autofree char *name = g_strdup_printf("domain-%u", i);
        g_autoptr(SkRecord) record = sk_record_new("domain", uuid, name, spec);
        sk_store_batch_put(batch, record);
    }
    g_assert_true(sk_store_commit(fixture->store, batch, &error));
    gint64 before = g_get_monotonic_time();
    fixture_reopen(fixture);
    gint64 opened = g_get_monotonic_time();
    g_autoptr(GPtrArray) records = load(fixture, "domain");
    gint64 loaded = g_get_monotonic_time();
    g_assert_cmpuint(records->len, ==, 1000);
    g_test_message("close and open %" G_GINT64_FORMAT " us, load of 1,000 records %" G_GINT64_FORMAT " us", opened - before,
                   loaded - opened);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_ADD("/records/put", test_put);
    FIXTURE_ADD("/records/names", test_names);
    FIXTURE_ADD("/records/state", test_state);
    FIXTURE_ADD("/records/remove", test_remove);
    FIXTURE_ADD("/records/rename", test_rename);
    FIXTURE_ADD("/records/batch", test_batch);
    FIXTURE_ADD("/records/async", test_async);
    FIXTURE_ADD("/records/close-with-answers", test_close_with_answers);
    FIXTURE_ADD("/records/writers", test_writers);
    FIXTURE_ADD("/records/load-many", test_load_many);
    return g_test_run();
}
