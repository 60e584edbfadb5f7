/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs: queue for each object, worker, commit, and who waits for the end. */
#include "service/job.h"

#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "service/migrate.h"
#include "service/service-private.h"
#include "store/jobs.h"

#define KEPT 1000

struct SkJobs {
    SkService *service;
    GHashTable *by_id;      /* id → SkJob (a reference) */
    GQueue all;             /* SkJob, oldest first */
    GHashTable *queues;     /* object → GQueue of SkJob; the head is the one that runs */
    guint alive;            /* not ended */
    guint asked;            /* of these, the ones of calls: each keeps its request */
};

/* -- life ------------------------------------------------------------------------------------------------- */

SkJob *
sk_job_ref(SkJob *self)
{
    g_atomic_int_inc(&self->refs);
    return self;
}

/* What it held is free again at once, though the job itself is shown for long. */
static void
drop_work(SkJob *job)
{
    if (job->work != NULL && job->kind->free_work != NULL)
        job->kind->free_work(job->work);
    job->work = NULL;
}

void
sk_job_unref(SkJob *self)
{
    if (self == NULL || !g_atomic_int_dec_and_test(&self->refs))
        return;
    drop_work(self);
    sk_call_free(self->call);
    g_clear_object(&self->cancellable);
    sk_value_clear(&sk_job_info_type, &self->info);
    g_free(self);
}

static void
free_queue(gpointer queue)
{
    g_queue_free(queue);
}

SkJobs *
sk_jobs_new(SkService *service)
{
    SkJobs *self = g_new0(SkJobs, 1);
    self->service = service;
    self->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    self->queues = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_queue);
    return self;
}

void
sk_jobs_free(SkJobs *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->queues);
    g_hash_table_unref(self->by_id);
    for (GList *at = self->all.head; at != NULL; at = at->next)
        sk_job_unref(at->data);
    g_queue_clear(&self->all);
    g_free(self);
}

static gboolean
is_over(const SkJob *job)
{
    return job->info.state >= SK_JOB_DONE;
}

static void
forget_oldest(SkJobs *self)
{
    for (GList *at = self->all.head, *next; at != NULL && self->all.length > KEPT; at = next) {
        SkJob *job = at->data;
        next = at->next;
        if (!is_over(job))
            continue;
        g_queue_delete_link(&self->all, at);
        g_hash_table_remove(self->by_id, job->info.id);
        sk_job_unref(job);
    }
}

static void
keep(SkJobs *self, SkJob *job)
{
    g_queue_push_tail(&self->all, sk_job_ref(job));
    g_hash_table_insert(self->by_id, job->info.id, job);
    forget_oldest(self);
}

static void
load_one(SkJobs *self, const SkJobInfo *info, gboolean interrupted)
{
    static const SkJobKind of_former_life = { .object = NULL };
    SkJob *job = g_new0(SkJob, 1);
    SkJobInfo *copy = sk_value_copy(&sk_job_info_type, info);

    job->refs = 1;
    job->service = self->service;
    job->kind = &of_former_life;
    job->info = *copy;
    g_free(copy);
    if (interrupted) {
        job->info.state = SK_JOB_FAILED;
        job->info.ended = g_get_real_time();
        job->info.cancellable = FALSE;
        job->info.error = g_strdup(sk_error_info(SK_ERROR_INTERNAL)->name);
        job->info.message = g_strdup("the daemon ended before the job did; what it had begun was put in order at the next start");
        sk_store_job_save_async(self->service->store, &job->info, NULL, NULL);
    }
    keep(self, job);
    sk_job_unref(job);
}

gboolean
sk_jobs_load(SkJobs *self, GError **error)
{
    g_autoptr(GPtrArray) ended = NULL, interrupted = NULL;
    if (!sk_store_load_jobs(self->service->store, &ended, &interrupted, error))
        return FALSE;
    for (guint i = 0; i < ended->len; i++)
        load_one(self, ended->pdata[i], FALSE);
    for (guint i = 0; i < interrupted->len; i++)
        load_one(self, interrupted->pdata[i], TRUE);
    return TRUE;
}

/* -- telling ------------------------------------------------------------------------------------------------- */

static void
tell(SkJob *job, const char *type)
{
    if (!job->recorded)
        return;
    g_autofree char *object = g_strconcat("job/", job->info.id, NULL);
    sk_events_emit(job->service->events, type, object, job->info.id, sk_json_encode(&sk_job_info_type, &job->info, 0));
}

/* Answers the call with the job as it is now; the job keeps the call for its params. */
static void
answer(SkJob *job, const GError *error)
{
    SkCall *call = job->call;
    if (call == NULL || job->answered)
        return;
    job->answered = TRUE;
    g_clear_handle_id(&job->wait_timer, g_source_remove);
    if (!job->recorded) {
        if (job->info.result != NULL)
            g_string_assign(call->answer, job->info.result);
    } else {
        sk_json_write(call->answer, &sk_job_info_type, &job->info, NULL, 0);
        if (!is_over(job))
            call->job_id = g_strdup(job->info.id);
    }
    sk_call_answer(call, error);
}

static void
on_saved(const GError *error, gpointer data)
{
    g_autoptr(SkJob) job = data;
    answer(job, error);
}

static gboolean
on_wait_over(gpointer data)
{
    SkJob *job = data;
    job->wait_timer = 0;
    /* The promise "there is such a job" must survive a crash before it is given. */
    job->promised = TRUE;
    sk_store_job_save_async(job->service->store, &job->info, on_saved, sk_job_ref(job));
    return G_SOURCE_REMOVE;
}

/* -- running --------------------------------------------------------------------------------------------------- */

static void begin_turn(SkJob *job);

static const char *
queue_name(const SkJob *job)
{
    return job->kind->queue != NULL ? job->kind->queue : job->info.object;
}

static void
leave_queue(SkJob *job)
{
    SkJobs *jobs = job->service->jobs;
    GQueue *queue = queue_name(job) != NULL ? g_hash_table_lookup(jobs->queues, queue_name(job)) : NULL;
    if (queue == NULL)
        return;
    gboolean was_head = g_queue_peek_head(queue) == job;
    if (!g_queue_remove(queue, job))
        return;
    SkJob *next = g_queue_peek_head(queue);
    if (next == NULL)
        g_hash_table_remove(jobs->queues, queue_name(job));
    else if (was_head)
        begin_turn(next);
    sk_job_unref(job);
}

void
sk_job_end(SkJob *job, GError *error)
{
    sk_assert_main();
    if (is_over(job)) {
        g_clear_error(&error);
        return;
    }
    gboolean cancelled = sk_error_is(error, SK_ERROR_CANCELLED);
    job->info.state = error == NULL ? SK_JOB_DONE : cancelled ? SK_JOB_CANCELLED : SK_JOB_FAILED;
    job->info.ended = g_get_real_time();
    job->info.cancellable = FALSE;
    if (error != NULL) {
        job->info.error = g_strdup(sk_error_info_of(error)->name);
        job->info.message = g_strdup(error->message);
        if (job->recorded && !cancelled)
            g_message("%s of %s failed: %s", job->info.operation, job->info.object, error->message);
    } else {
        job->info.progress = 1;
    }
    /* What nobody was promised is kept without waiting for the disk. */
    if (job->promised)
        sk_store_job_save_async(job->service->store, &job->info, NULL, NULL);
    else if (job->recorded)
        sk_store_job_note(job->service->store, &job->info);
    tell(job, "job.ended");
    answer(job, error);
    g_clear_error(&error);
    job->service->jobs->alive--;
    if (job->recorded && job->call != NULL)
        job->service->jobs->asked--;
    leave_queue(job);
    sk_job_unref(job); /* the running work's own */
}

typedef struct {
    SkJob *job;
    GError *error;
} Outcome;

/* Takes error. */
static void
conclude(SkJob *job, GError *error)
{
    if (error == NULL) {
        job->committed = TRUE;
        if (job->kind->commit != NULL)
            job->kind->commit(job);
        if (!job->kind->lingers) {
            drop_work(job);
            sk_job_end(job, NULL);
        } else if (is_over(job)) {
            drop_work(job);
        } else {
            leave_queue(job);
            if (job->call != NULL && job->call->begun)
                answer(job, NULL);
        }
        return;
    }
    if (job->kind->rollback != NULL)
        job->kind->rollback(job, error);
    drop_work(job);
    sk_job_end(job, error);
}

static void
finish_run(gpointer data)
{
    Outcome *outcome = data;
    g_autoptr(SkJob) job = sk_job_ref(outcome->job); /* commit may end it */
    GError *error = g_steal_pointer(&outcome->error);
    g_free(outcome);
    conclude(job, error);
    /* It is answered: what was asked for, maybe a whole definition, need not be kept as long as the job is shown. */
    if (is_over(job))
        g_clear_pointer(&job->call, sk_call_free);
}

static void
run_on_worker(gpointer data, gpointer unused)
{
    Outcome *outcome = data;
    SkJob *job = outcome->job;
    (void) unused;
    if (!job->kind->run(job, &outcome->error) && outcome->error == NULL)
        sk_fail(&outcome->error, SK_ERROR_INTERNAL, "%s failed without saying why", job->info.operation);
    sk_main_post(finish_run, outcome);
}

/* Between the steps of a migration nothing else is to change the domain, nor to wait for its end: it may be elsewhere then. */
static gboolean
check_migrating(const SkJob *job, GError **error)
{
    const char *name = job->info.object != NULL && g_str_has_prefix(job->info.object, "domain/") ? job->info.object + strlen("domain/") : NULL;
    const SkDomain *domain = job->call != NULL && job->recorded && name != NULL ? g_tree_lookup(job->service->domains, name) : NULL;
    return domain == NULL || job->kind->while_migrating || !sk_domain_is_migrating(domain) ||
           sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is being migrated: wait until that is over, or cancel it", name);
}

static void
begin_turn(SkJob *job)
{
    Outcome *outcome = g_new0(Outcome, 1);
    outcome->job = job;
    job->info.state = SK_JOB_RUNNING;
    job->info.started = g_get_real_time();
    job->info.cancellable = job->kind->cancellable;
    tell(job, "job.started");

    gboolean ok = !g_cancellable_is_cancelled(job->cancellable) ||
                  sk_fail(&outcome->error, SK_ERROR_CANCELLED, "%s was cancelled before it began", job->info.operation);
    ok = ok && check_migrating(job, &outcome->error);
    if (ok && job->call != NULL)
        ok = sk_call_check_etag(job->service, job->call, &outcome->error);
    if (ok && job->kind->prepare != NULL)
        ok = job->kind->prepare(job, &outcome->error);
    if (ok && job->kind->run != NULL)
        sk_worker_run(run_on_worker, outcome);
    else
        finish_run(outcome);
}

static void
enqueue(SkJob *job)
{
    SkJobs *jobs = job->service->jobs;
    GError *error = NULL;
    jobs->alive++;
    sk_job_ref(job); /* dropped by sk_job_end() */
    if (!check_migrating(job, &error)) {
        sk_job_end(job, error);
        return;
    }
    if (job->kind->at_once || queue_name(job) == NULL) {
        begin_turn(job);
        return;
    }
    GQueue *queue = g_hash_table_lookup(jobs->queues, queue_name(job));
    if (queue == NULL) {
        queue = g_queue_new();
        g_hash_table_insert(jobs->queues, g_strdup(queue_name(job)), queue);
    }
    g_queue_push_tail(queue, sk_job_ref(job));
    if (queue->length == 1)
        begin_turn(job);
    else
        tell(job, "job.queued");
}

/* -- starting ---------------------------------------------------------------------------------------------------- */

static SkJob *
new_job(SkService *service, const SkJobKind *kind, const char *operation, char *object, const char *user, gboolean recorded)
{
    SkJob *job = g_new0(SkJob, 1);
    job->refs = 1;
    job->service = service;
    job->kind = kind;
    job->recorded = recorded;
    job->cancellable = g_cancellable_new();
    job->info.id = g_uuid_string_random();
    job->info.operation = g_strdup(operation);
    job->info.object = object;
    job->info.user = g_strdup(user);
    job->info.progress = -1;
    job->info.created = g_get_real_time();
    if (recorded)
        keep(service->jobs, job);
    return job;
}

/* What must get through does, and one that is at its limit can always be emptied. */
static gboolean
has_room(const SkService *service, const SkJobKind *kind, GError **error)
{
    guint most = service->settings->max_jobs;
    return kind->at_once || service->jobs->asked < most ||
           sk_fail(error, SK_ERROR_TOO_MANY, "there are %u jobs that are not over (limits.jobs = %u): come again when some are, or cancel some",
                   service->jobs->asked, most);
}

void
sk_job_start_for_call(SkService *service, SkCall *call, const SkJobKind *kind, gboolean recorded)
{
    GError *error = NULL;
    if (recorded && !has_room(service, kind, &error)) {
        sk_call_finish(call, error);
        return;
    }
    /* A query changes nothing: it waits for nobody. */
    char *object = !recorded ? NULL : kind->object != NULL ? kind->object(service, call) : sk_call_object(call);
    g_autoptr(SkJob) job = new_job(service, kind, call->op->name, object, call->who.user, recorded);
    job->call = call;
    if (!recorded) {
        enqueue(job);
        return;
    }
    service->jobs->asked++;
    if (call->params.wait > 0)
        job->wait_timer = g_timeout_add_seconds(call->params.wait, on_wait_over, job);
    enqueue(job);
    if (!is_over(job) && call->params.wait == 0)
        on_wait_over(job);
}

SkJob *
sk_job_start(SkService *service, const SkJobKind *kind, const char *operation, const char *object, gpointer work)
{
    g_autoptr(SkJob) job = new_job(service, kind, operation, g_strdup(object), "skepd", TRUE);
    job->work = work;
    enqueue(job);
    return job; /* borrowed: the list of jobs keeps it */
}

void
sk_job_start_quiet_for(SkService *service, const SkJobKind *kind, char *object, gpointer work)
{
    g_autoptr(SkJob) job = new_job(service, kind, "housekeeping", object, "skepd", FALSE);
    job->work = work;
    enqueue(job);
}

void
sk_job_start_quiet(SkService *service, const SkJobKind *kind, gpointer work)
{
    sk_job_start_quiet_for(service, kind, NULL, work);
}

/* -- progress ------------------------------------------------------------------------------------------------------ */

typedef struct {
    SkJob *job;
    gdouble fraction;
    char *step;
    guint64 done, total, disk_done, disk_total;
} Progress;

static void
take_progress(gpointer data)
{
    Progress *progress = data;
    g_autoptr(SkJob) job = progress->job;
    if (!is_over(job)) {
        job->info.progress = progress->fraction;
        if (progress->step != NULL) {
            g_free(job->info.step);
            job->info.step = g_steal_pointer(&progress->step);
        }
        job->info.bytes_done = progress->done;
        job->info.bytes_total = progress->total;
        job->info.disk_done = progress->disk_done;
        job->info.disk_total = progress->disk_total;
        tell(job, "job.progress");
    }
    g_free(progress->step);
    g_free(progress);
}

void
sk_job_progress(SkJob *self, gdouble fraction, const char *step, guint64 bytes_done, guint64 bytes_total)
{
    Progress *progress = g_new0(Progress, 1);
    progress->job = sk_job_ref(self);
    progress->fraction = fraction;
    progress->step = g_strdup(step);
    progress->done = bytes_done;
    progress->total = bytes_total;
    sk_main_post(take_progress, progress);
}

void
sk_job_progress_moving(SkJob *self, const char *step, const SkJobShare *memory, const SkJobShare *disks)
{
    Progress *progress = g_new0(Progress, 1);
    progress->job = sk_job_ref(self);
    progress->done = memory->done + disks->done;
    progress->total = memory->total + disks->total;
    progress->fraction = progress->total > 0 ? (gdouble) progress->done / (gdouble) progress->total : -1;
    progress->step = g_strdup(step);
    progress->disk_done = disks->done;
    progress->disk_total = disks->total;
    sk_main_post(take_progress, progress);
}

void
sk_job_set_result(SkJob *self, char *json)
{
    sk_assert_main();
    g_free(self->info.result);
    self->info.result = json;
}

/* -- finding, cancelling --------------------------------------------------------------------------------------------- */

SkJob *
sk_jobs_find(SkJobs *self, const char *id)
{
    return g_hash_table_lookup(self->by_id, id);
}

gboolean
sk_job_cancel(SkJob *self, GError **error)
{
    if (is_over(self))
        return sk_fail(error, SK_ERROR_STATE, "job \"%s\" is over: it is %s", self->info.id,
                       sk_enum_name(&sk_job_state_enum, self->info.state));
    if (self->info.state == SK_JOB_QUEUED) {
        g_cancellable_cancel(self->cancellable);
        sk_job_end(self, g_error_new(SK_ERROR, SK_ERROR_CANCELLED, "%s was cancelled before it began", self->info.operation));
        return TRUE;
    }
    if (!self->kind->cancellable)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s cannot be cancelled once it runs", self->info.operation);
    g_cancellable_cancel(self->cancellable);
    if (self->committed && self->kind->lingers) {
        if (self->kind->cancelled != NULL)
            self->kind->cancelled(self);
        if (self->kind->ends_itself)
            return TRUE;
        sk_job_end(self, g_error_new(SK_ERROR, SK_ERROR_CANCELLED, "%s was cancelled", self->info.operation));
    }
    return TRUE;
}

SkJob *
sk_jobs_running_on(SkJobs *self, const char *object)
{
    GQueue *queue = g_hash_table_lookup(self->queues, object);
    return queue != NULL ? g_queue_peek_head(queue) : NULL;
}

void
sk_jobs_foreach(SkJobs *self, gboolean (*func)(const SkJobInfo *info, gpointer data), gpointer data)
{
    for (GList *at = self->all.tail; at != NULL; at = at->prev) {
        const SkJob *job = at->data;
        if (!func(&job->info, data))
            return;
    }
}
