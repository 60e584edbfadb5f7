/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* migration.finish: a domain that has come from another host runs here, or nothing of it stays. */
#include "service/migrate-private.h"

#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"
#include "engine/launch.h"
#include "engine/qmp/backup.h"
#include "engine/qmp/commands.h"
#include "engine/wire.h"
#include "service/domain-rights.h"
#include "service/domain-stop.h"
#include "service/network.h"

/* How long the source has to say whether the guest may run here. */
#define ANSWER_MS 30000

typedef struct {
    SkDomain *domain;       /* a reference; touched on main only */
    SkStore *store;
    SkQmp *qmp;
    SkQemuProcess *process;
    SkFd words;
    gboolean disks;         /* content of disks comes too */
    SkMigrateComing coming;
    SkIntent *files;        /* made for it; NULL: none */
    char *object;
    SkDomainSpec *definition; /* it is defined with this; NULL: it is not, or stays as it is */
    SkRecord *record;
    char *uuid, *runtime;
    gboolean cancelled, paused, handed, was_persistent;
    gboolean gone;          /* it ended while it was being finished */
    gint stop_ms;
} FinishWork;

static void
free_finish(gpointer data)
{
    FinishWork *work = data;
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    g_clear_object(&work->process);
    sk_fd_clear(&work->words);
    sk_value_free(&sk_domain_spec_type, work->definition);
    sk_record_free(work->record);
    sk_intent_free(work->files);
    g_free(work->object);
    g_free(work->uuid);
    g_free(work->runtime);
    g_free(work);
}

/* With what it is to be defined here. */
static gboolean
choose_definition(SkJob *job, FinishWork *work, GError **error)
{
    const SkMigrationFinish *body = job->call->body;
    const SkDomain *domain = work->domain;
    const SkDomainSpec *from = body->definition != NULL ? body->definition : domain->incoming->definition;
    if (!body->persist)
        return TRUE;
    SkDomainSpec *spec = work->definition = sk_value_copy(&sk_domain_spec_type, from != NULL ? from : domain->runtime.live);
    if (spec->uuid == NULL)
        spec->uuid = g_strdup(domain->spec->uuid);
    if (!g_str_equal(spec->uuid, domain->spec->uuid))
        return sk_fail(error, SK_ERROR_INVALID, "the definition given is not of domain \"%s\": it has the UUID %s", domain->spec->name, spec->uuid);
    g_free(spec->name);
    spec->name = g_strdup(domain->spec->name);
    if (!sk_domain_check_reach(job->service, job->call, domain->runtime.live, spec, error))
        return FALSE;
    sk_domain_spec_complete(spec);
    work->record = sk_domain_record(spec, TRUE);
    return sk_engine_assign(spec, error) && sk_value_check(&sk_domain_spec_type, spec, NULL, error);
}

static gboolean
prepare_finish(SkJob *job, GError **error)
{
    const SkMigrationFinish *body = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    if (domain->incoming == NULL || domain->process == NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is not being migrated to this host", sk_domain_name(domain));
    FinishWork *work = job->work = g_new0(FinishWork, 1);
    work->domain = g_object_ref(domain);
    work->store = job->service->store;
    work->uuid = g_strdup(domain->spec->uuid);
    work->words = SK_FD_NONE;
    work->qmp = domain->qmp != NULL ? g_object_ref(domain->qmp) : NULL;
    work->process = g_object_ref(domain->process);
    work->cancelled = body->cancelled;
    work->paused = body->paused;
    work->handed = domain->incoming->handed;
    work->was_persistent = domain->persistent;
    work->stop_ms = (gint) job->service->settings->stop_timeout * 1000;
    if (work->cancelled) {
        domain->destroying = TRUE;
        return TRUE;
    }
    work->words = sk_fd_steal(&domain->incoming->words);
    work->disks = domain->incoming->disks != NULL;
    work->coming = domain->incoming->coming;
    work->files = g_steal_pointer(&domain->incoming->files);
    work->object = sk_domain_object(domain);
    domain->resume_reason = SK_REASON_MIGRATION;
    return choose_definition(job, work, error);
}

static gboolean
ask(FinishWork *work, GError **error)
{
    if (work->words < 0)
        return sk_fail(error, SK_ERROR_IO, "the source of domain \"%s\" is not there any more", sk_qmp_domain(work->qmp));
    if (!sk_wire_say(work->words, "run?", error))
        return FALSE;
    g_autofree char *word = sk_wire_hear(work->words, ANSWER_MS, error);
    if (word == NULL) {
        g_prefix_error(error, "the source of domain \"%s\" did not say that it may run here: ", sk_qmp_domain(work->qmp));
        return FALSE;
    }
    return g_str_equal(word, "yes") || sk_fail(error, SK_ERROR_STATE, "the source of domain \"%s\" has taken it back", sk_qmp_domain(work->qmp));
}

/* From here on it runs here, whatever happens to the daemon. */
static void
take_over(gpointer data)
{
    FinishWork *work = data;
    SkDomain *domain = work->domain;
    work->gone = !sk_domain_is_active(domain) || domain->destroying;
    domain->runtime.autodestroy = FALSE;
    domain->runtime.held = !work->paused;
    work->runtime = sk_domain_runtime_json(domain);
}

static gboolean
keep(FinishWork *work, GError **error)
{
    sk_main_call(take_over, work);
    if (work->gone)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was switched off", sk_qmp_domain(work->qmp));
    if (sk_fault("migration-finish/record", error))
        return FALSE;
    SkStoreBatch *batch = sk_store_batch_new();
    if (work->record != NULL)
        sk_store_batch_put(batch, work->record);
    sk_store_batch_put_state(batch, sk_domain_kind(work->was_persistent || work->record != NULL), work->uuid, work->runtime);
    if (work->files != NULL)
        sk_intent_settle(work->files, batch);
    if (work->record != NULL && !work->was_persistent)
        sk_store_batch_remove(batch, sk_domain_kind(FALSE), work->uuid);
    return sk_store_commit(work->store, batch, error);
}

static gboolean
let_run(FinishWork *work, GError **error)
{
    return keep(work, error) && !sk_fault("migration-finish/run", error) && (work->paused || sk_qmp_do(work->qmp, SK_QMP_CONT, error));
}

static gboolean
run_finish(SkJob *job, GError **error)
{
    FinishWork *work = job->work;
    (void) job;
    if (work->cancelled)
        return sk_qemu_process_destroy(work->process, work->qmp, work->stop_ms, NULL, error);
    if (!work->handed || work->qmp == NULL)
        return sk_fail(error, SK_ERROR_STATE, "the state of domain \"%s\" has not come", work->uuid);
    if (sk_fault("migration-finish/received", error) || !sk_qmp_migrate_received(work->qmp, &work->coming, error) ||
        (work->disks && !sk_qmp_nbd_stop(work->qmp, error)) || sk_fault("migration-finish/ask", error) || !ask(work, error))
        return FALSE;
    gboolean ok = !sk_fault("migration-finish/asked", error) && let_run(work, error);
    /* The source waits for this, or finds it out from whoever drives us. */
    sk_wire_say(work->words, ok ? "runs" : "failed", NULL);
    return ok;
}

static void
commit_finish(SkJob *job)
{
    FinishWork *work = job->work;
    SkDomain *domain = work->domain;
    if (work->cancelled) {
        if (sk_domain_is_active(domain))
            sk_domain_ended(domain, SK_REASON_FAILED);
        return;
    }
    g_clear_pointer(&domain->incoming, sk_incoming_free);
    domain->asker = NULL;
    domain->resume_reason = SK_REASON_UNKNOWN;
    if (work->record != NULL) {
        domain->persistent = TRUE;
        sk_domain_set_spec(domain, g_steal_pointer(&work->definition), work->was_persistent ? domain->revision + 1 : 1, g_get_real_time());
        g_autofree char *object = sk_domain_object(domain);
        if (!work->was_persistent)
            sk_events_emit(job->service->events, "domain.created", object, work->uuid, g_strdup("{\"persistent\":true}"));
    }
    if (sk_domain_is_active(domain)) {
        domain->runtime.held = FALSE;
        sk_domain_set_state(domain, work->paused ? SK_DOMAIN_PAUSED : SK_DOMAIN_RUNNING, SK_REASON_MIGRATION);
        sk_domain_save_runtime(domain);
    }
    sk_service_dns_changed(job->service, domain);
    const SkCreated created = { .name = domain->spec->name, .uuid = domain->spec->uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
}

/* It is not to run here: nothing of it stays. */
static void
rollback_finish(SkJob *job, const GError *error)
{
    FinishWork *work = job->work;
    if (work == NULL)
        return;
    SkDomain *domain = work->domain;
    g_message("domain \"%s\" has not come over: %s", sk_domain_name(domain), error->message);
    sk_incoming_discard_files(job->service, work->object, g_steal_pointer(&work->files));
    if (work->record != NULL && work->runtime != NULL && !work->was_persistent)
        sk_store_remove_async(job->service->store, sk_domain_kind(TRUE), work->uuid, NULL, NULL);
    if (!sk_domain_is_active(domain))
        return;
    domain->destroying = FALSE;
    domain->runtime.autodestroy = TRUE;
    domain->runtime.held = FALSE;
    sk_domain_save_runtime(domain);
    sk_domain_destroy_by_daemon(domain);
}

const SkJobKind sk_migration_finish_job = {
    .object = sk_domain_job_object, .prepare = prepare_finish, .run = run_finish, .commit = commit_finish, .rollback = rollback_finish,
    .free_work = free_finish, .while_migrating = TRUE,
};
