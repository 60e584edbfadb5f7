/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs, tokens, idempotency keys, audit log, settings, uids and revisions. */
#include "base/error.h"
#include "fixture.h"
#include "store/audit.h"
#include "store/jobs.h"
#include "store/requests.h"
#include "store/settings.h"
#include "store/tokens.h"

/* -- jobs ------------------------------------------------------------------------------------------------- */

static void
save_job(Fixture *fixture, const char *id, SkJobState state)
{
    g_autoptr(GError) error = NULL;
    SkJobInfo job = { .id = (char *) id, .operation = (char *) "domain.start", .object = (char *) "domain/web1", .state = (gint) state, .progress = 0.5 };
    sk_store_job_save(fixture->store, &job, &error);
    g_assert_no_error(error);
}

static void
test_jobs(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) ended = NULL;
    g_autoptr(GPtrArray) interrupted = NULL;
    (void) data;
    save_job(fixture, "a", SK_JOB_QUEUED);
    save_job(fixture, "b", SK_JOB_RUNNING);
    save_job(fixture, "c", SK_JOB_RUNNING);
    SkJobInfo noted = { .id = (char *) "b", .state = SK_JOB_RUNNING, .progress = 0.75, .step = (char *) "half-way" };
    sk_store_job_note(fixture->store, &noted);
    save_job(fixture, "c", SK_JOB_DONE);
    fixture_reopen(fixture);

    g_assert_true(sk_store_load_jobs(fixture->store, &ended, &interrupted, &error));
    g_assert_cmpuint(ended->len, ==, 1);
    g_assert_cmpuint(interrupted->len, ==, 2);
    const SkJobInfo *done = ended->pdata[0], *queued = interrupted->pdata[0], *running = interrupted->pdata[1];
    g_assert_cmpstr(done->id, ==, "c");
    g_assert_cmpstr(done->object, ==, "domain/web1");
    g_assert_cmpstr(queued->id, ==, "a");
    g_assert_cmpint(queued->state, ==, SK_JOB_QUEUED);
    g_assert_cmpfloat(running->progress, ==, 0.75);
    g_assert_cmpstr(running->step, ==, "half-way");
}

static void
test_jobs_pruned(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) ended = NULL;
    g_autoptr(GPtrArray) interrupted = NULL;
    SkStoreBatch *batch = sk_store_batch_new();
    (void) data;
    save_job(fixture, "oldest, still running", SK_JOB_RUNNING);
    for (guint i = 0; i < SK_STORE_JOBS_KEPT + 100; i++) {
        g_autofree char *id = g_strdup_printf("job-%u", i);
        SkJobInfo job = { .id = id, .state = SK_JOB_FAILED };
        sk_store_batch_job(batch, &job);
    }
    g_assert_true(sk_store_commit(fixture->store, batch, &error));
    g_assert_true(sk_store_load_jobs(fixture->store, &ended, &interrupted, &error));
    g_assert_cmpuint(ended->len, ==, SK_STORE_JOBS_KEPT);
    g_assert_cmpuint(interrupted->len, ==, 1);
    g_assert_cmpstr(((SkJobInfo *) ended->pdata[0])->id, ==, "job-100");
}

/* -- tokens ------------------------------------------------------------------------------------------------ */

static gboolean
save_token(Fixture *fixture, const char *id, const char *name, const char *hash, GError **error)
{
    SkToken token = { .id = (char *) id, .name = (char *) name, .role = SK_ROLE_OPERATOR, .created = 10, .expires = 20 };
    g_autoptr(SkTokenRecord) record = sk_token_record_new(&token, hash);
    return sk_store_token_save(fixture->store, record, error);
}

static void
test_tokens(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void) data;
    g_assert_true(save_token(fixture, "1", "ci", "aa", &error));
    g_assert_true(save_token(fixture, "2", "cd", "bb", &error));
    g_assert_false(save_token(fixture, "3", "ci", "cc", &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_EXISTS);
    g_clear_error(&error);
    sk_store_token_used(fixture->store, "1", 17);
    sk_store_token_used(fixture->store, "1", 16);
    g_assert_true(sk_store_token_delete(fixture->store, "2", &error));
    fixture_reopen(fixture);

    g_autoptr(GPtrArray) tokens = NULL;
    g_assert_true(sk_store_load_tokens(fixture->store, &tokens, &error));
    g_assert_cmpuint(tokens->len, ==, 1);
    const SkTokenRecord *token = tokens->pdata[0];
    g_assert_cmpstr(token->token.id, ==, "1");
    g_assert_cmpstr(token->token.name, ==, "ci");
    g_assert_cmpstr(token->hash, ==, "aa");
    g_assert_cmpint(token->token.role, ==, SK_ROLE_OPERATOR);
    g_assert_cmpint(token->token.expires, ==, 20);
    g_assert_cmpint(token->token.last_used, ==, 17);
}

/* -- idempotency keys ----------------------------------------------------------------------------------------- */

static void
test_requests(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gint64 now = g_get_real_time();
    SkRequestRecord old = { .user = (char *) "root", .key = (char *) "k0", .time = now - SK_STORE_REQUESTS_KEPT_USEC - 1 };
    SkRequestRecord request = { .user = (char *) "root", .key = (char *) "k1", .operation = (char *) "domain.create",
                                .body_hash = (char *) "ff", .job = (char *) "j1" };
    (void) data;
    g_assert_true(sk_store_request_save(fixture->store, &old, &error));
    g_assert_true(sk_store_request_save(fixture->store, &request, &error));
    request.status = 201;
    request.response = (char *) "{}";
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_request(batch, &request);
    g_assert_true(sk_store_commit(fixture->store, batch, &error));
    fixture_reopen(fixture);

    g_autoptr(GPtrArray) requests = NULL;
    g_assert_true(sk_store_load_requests(fixture->store, &requests, &error));
    g_assert_cmpuint(requests->len, ==, 1);
    const SkRequestRecord *kept = requests->pdata[0];
    g_assert_cmpstr(kept->key, ==, "k1");
    g_assert_cmpstr(kept->operation, ==, "domain.create");
    g_assert_cmpstr(kept->body_hash, ==, "ff");
    g_assert_cmpuint(kept->status, ==, 201);
    g_assert_cmpstr(kept->response, ==, "{}");
    g_assert_cmpstr(kept->job, ==, "j1");
    g_assert_cmpint(kept->time, >=, now);
}

/* -- audit ------------------------------------------------------------------------------------------------------ */

static GPtrArray *
find(Fixture *fixture, SkAuditQuery query)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *entries = NULL;
    sk_store_audit_query(fixture->store, &query, &entries, &error);
    g_assert_no_error(error);
    return entries;
}

static void
test_audit(Fixture *fixture, gconstpointer data)
{
    (void) data;
    for (guint i = 1; i <= 10; i++) {
        g_autofree char *object = g_strdup_printf("domain/d%u", i);
        SkAuditEntry entry = { .time = i * 100, .user = (char *) (i % 2 ? "root" : "ann"), .from = (char *) "unix:1",
                               .operation = (char *) "domain.start", .object = object, .result = (char *) "ok" };
        sk_store_audit(fixture->store, &entry);
    }
    fixture_reopen(fixture);
    g_autoptr(GPtrArray) all = find(fixture, (SkAuditQuery){ 0 });
    g_assert_cmpuint(all->len, ==, 10);
    const SkAuditEntry *newest = all->pdata[0];
    g_assert_cmpstr(newest->object, ==, "domain/d10");
    g_assert_cmpstr(newest->from, ==, "unix:1");
    g_assert_null(newest->message);

    g_autoptr(GPtrArray) of_ann = find(fixture, (SkAuditQuery){ .user = "ann", .since = 300, .until = 900 });
    g_assert_cmpuint(of_ann->len, ==, 3);
    g_autoptr(GPtrArray) page = find(fixture, (SkAuditQuery){ .before_id = newest->id, .limit = 2 });
    g_assert_cmpuint(page->len, ==, 2);
    g_assert_cmpstr(((SkAuditEntry *) page->pdata[0])->object, ==, "domain/d9");
    g_autoptr(GPtrArray) one = find(fixture, (SkAuditQuery){ .object = "domain/d4", .operation = "domain.start" });
    g_assert_cmpuint(one->len, ==, 1);
}

/* -- settings, uids, revisions ----------------------------------------------------------------------------------- */

static void
test_settings(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *none = NULL;
    g_autofree char *some = NULL;
    g_autofree char *gone = NULL;
    g_autofree char *instance = g_strdup(sk_store_instance_id(fixture->store));
    (void) data;
    g_assert_true(g_uuid_string_is_valid(instance));
    g_assert_true(sk_store_get_setting(fixture->store, "x", &none, &error));
    g_assert_null(none);
    g_assert_true(sk_store_set_setting(fixture->store, "x", "1", &error));
    g_assert_true(sk_store_set_setting(fixture->store, "x", "2", &error));
    fixture_reopen(fixture);
    g_assert_true(sk_store_get_setting(fixture->store, "x", &some, &error));
    g_assert_cmpstr(some, ==, "2");
    g_assert_true(sk_store_set_setting(fixture->store, "x", NULL, &error));
    g_assert_true(sk_store_get_setting(fixture->store, "x", &gone, &error));
    g_assert_null(gone);
    g_assert_cmpstr(sk_store_instance_id(fixture->store), ==, instance);
}

static guint
take_uid(Fixture *fixture, guint number, guint base, guint count)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uuid = fixture_uuid(number);
    guint uid = 0;
    sk_store_take_uid(fixture->store, uuid, base, count, &uid, &error);
    g_assert_no_error(error);
    return uid;
}

static void
test_uids(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *two = fixture_uuid(2);
    g_autofree char *nine = fixture_uuid(9);
    guint uid = 77;
    (void) data;
    g_assert_cmpuint(take_uid(fixture, 1, 5000, 3), ==, 5000);
    g_assert_cmpuint(take_uid(fixture, 2, 5000, 3), ==, 5001);
    g_assert_cmpuint(take_uid(fixture, 3, 5000, 3), ==, 5002);
    fixture_reopen(fixture);
    g_assert_cmpuint(take_uid(fixture, 2, 5000, 3), ==, 5001);

    g_assert_false(sk_store_take_uid(fixture->store, nine, 5000, 3, &uid, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_TOO_MANY);
    g_assert_cmpuint(uid, ==, 77);
    g_clear_error(&error);
    g_assert_true(sk_store_free_uid(fixture->store, two, &error));
    g_assert_cmpuint(take_uid(fixture, 9, 5000, 3), ==, 5001);

    /* The range was moved: the domain moves with it. */
    g_assert_cmpuint(take_uid(fixture, 1, 6000, 3), ==, 6000);
    g_assert_cmpuint(take_uid(fixture, 1, 6000, 3), ==, 6000);
}

static void
test_revisions(Fixture *fixture, gconstpointer data)
{
    (void) data;
    g_assert_cmpuint(sk_store_next_revision(fixture->store), ==, 1);
    guint64 last = 0;
    for (guint i = 0; i < 200000; i++) {
        guint64 next = sk_store_next_revision(fixture->store);
        g_assert_cmpuint(next, >, last);
        last = next;
        if (i % 64 == 0)
            g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpuint(sk_store_last_revision(fixture->store), ==, last);
    fixture_reopen(fixture);
    g_assert_cmpuint(sk_store_next_revision(fixture->store), ==, last + 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_ADD("/jobs/interrupted", test_jobs);
    FIXTURE_ADD("/jobs/pruned", test_jobs_pruned);
    FIXTURE_ADD("/tokens", test_tokens);
    FIXTURE_ADD("/requests", test_requests);
    FIXTURE_ADD("/audit", test_audit);
    FIXTURE_ADD("/settings", test_settings);
    FIXTURE_ADD("/uids", test_uids);
    FIXTURE_ADD("/revisions", test_revisions);
    return g_test_run();
}
