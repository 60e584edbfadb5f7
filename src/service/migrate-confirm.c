/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* migration.confirm: the source's end of a migration, and what it shares with sending. */
#include "service/migrate-private.h"

#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"
#include "engine/qmp/commands.h"
#include "engine/qmp/migrate.h"
#include "engine/wire.h"
#include "service/domain-transient.h"

/* How long a destination that was given the guest has to say whether it runs, when somebody wants to know. */
#define VERDICT_MS 10000

/* -- what a job of the source works with ------------------------------------------------------------------------------ */

void
sk_migrate_work_free(gpointer data)
{
    SkMigrateWork *work = data;
    if (work->migration != NULL)
        sk_migration_unref(work->migration);
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    g_clear_object(&work->process);
    g_strfreev(work->disks);
    g_free(work->disks_address);
    g_free(work->run_dir);
    sk_relay_free(work->relay);
    sk_relay_free(work->state_relay);
    sk_peer_free(work->peer);
    sk_value_free(&sk_migration_offer_type, work->offer);
    g_free(work->to);
    g_free(work->cookie);
    g_free(work->new_name);
    g_free(work->listen);
    g_free(work->xml);
    g_free(work->persistent_xml);
    g_clear_error(&work->failed);
    g_free(work->address);
    g_free(work->token);
    sk_fd_clear(&work->words);
    g_free(work->runtime);
    sk_record_free(work->record);
    g_free(work);
}

SkMigrateWork *
sk_migrate_work_new(SkDomain *domain)
{
    SkMigrateWork *work = g_new0(SkMigrateWork, 1);
    work->domain = g_object_ref(domain);
    work->words = SK_FD_NONE;
    work->store = domain->service->store;
    work->run_dir = g_strdup(domain->run_dir);
    work->uid = domain->runtime.uid;
    work->stop_ms = (gint) domain->service->settings->stop_timeout * 1000;
    if (domain->qmp != NULL)
        work->qmp = g_object_ref(domain->qmp);
    if (domain->process != NULL)
        work->process = g_object_ref(domain->process);
    if (domain->migration != NULL) {
        work->migration = domain->migration;
        work->migration->refs++;
        work->ran = work->migration->ran;
    }
    return work;
}

/* The guest goes on as if nothing had been; QEMU lets it by itself if it was not at the end yet. */
gboolean
sk_migrate_go_on(const SkMigrateWork *work, GError **error)
{
    SkQmpStatus status;
    sk_qmp_migrate_cancel(work->qmp);
    return !work->ran || (sk_qmp_query_status(work->qmp, &status, error) && (status.running || sk_qmp_do(work->qmp, SK_QMP_CONT, error)));
}

/* -- migration.confirm ---------------------------------------------------------------------------------------------------- */

gboolean
sk_migrate_prepare_end(SkDomain *domain, SkMigrateWork *work, gboolean cancelled, GError **error)
{
    SkMigration *migration = work->migration;
    if (migration->words >= 0)
        sk_migration_hear(migration);
    if (migration->phase == SK_PHASE_SENT && !cancelled)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was sent, but the destination never asked for it: say that it is cancelled",
                       sk_domain_name(domain));
    if (migration->phase == SK_PHASE_BEGUN && !cancelled)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was not sent", sk_domain_name(domain));
    work->away = migration->phase == SK_PHASE_AWAY || (migration->phase == SK_PHASE_GIVEN && !cancelled);
    work->unknown = migration->phase == SK_PHASE_GIVEN && cancelled;
    if (work->unknown) {
        work->words = sk_fd_steal(&migration->words);
        sk_migration_stop_listening(migration);
    }
    return TRUE;
}

static gboolean
prepare_confirm(SkJob *job, GError **error)
{
    const SkMigrationConfirm *body = job->call != NULL ? job->call->body : NULL;
    SkDomain *domain = job->work != NULL ? ((SkMigrateWork *) job->work)->domain : sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    if (domain->migration == NULL || domain->migration->phase == SK_PHASE_SENDING) {
        /* Sending failed, and it goes on already. */
        return body == NULL || body->cancelled || sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is not being migrated", sk_domain_name(domain));
    }
    SkMigrateWork *work = job->work = job->work != NULL ? job->work : sk_migrate_work_new(domain);
    work->undefine = body != NULL && body->undefine && domain->persistent;
    return sk_migrate_prepare_end(domain, work, body == NULL || body->cancelled, error);
}

/* From here on what is left here only has to end. */
static void
mark_ending(gpointer data)
{
    SkMigrateWork *work = data;
    SkDomain *domain = work->domain;
    domain->runtime.ending = TRUE;
    domain->runtime.held = FALSE;
    work->runtime = sk_domain_runtime_json(domain);
    work->undefine = work->undefine && domain->persistent;
    if (work->undefine)
        work->record = sk_domain_record(domain->spec, FALSE);
}

/* Before its QEMU ends: what has no definition vanishes then. */
static void
take_undefined(gpointer data)
{
    SkDomain *domain = ((SkMigrateWork *) data)->domain;
    g_autofree char *object = sk_domain_object(domain);
    domain->persistent = FALSE;
    sk_domain_touch(domain);
    sk_events_emit(domain->service->events, "domain.undefined", object, domain->spec->uuid, NULL);
    if (!sk_domain_is_active(domain))
        sk_domain_vanish(domain);
}

gboolean
sk_migrate_end(SkMigrateWork *work, GError **error)
{
    sk_main_call(mark_ending, work);
    SkStoreBatch *batch = sk_store_batch_new();
    const char *uuid = work->domain->spec->uuid;
    if (work->record != NULL) {
        sk_store_batch_remove(batch, sk_domain_kind(TRUE), uuid);
        sk_store_batch_put(batch, work->record);
    }
    sk_store_batch_put_state(batch, sk_domain_kind(work->domain->persistent && work->record == NULL), uuid, work->runtime);
    if (sk_fault("migration-confirm/record", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    if (!sk_store_commit(work->store, batch, error))
        return FALSE;
    if (work->record != NULL)
        sk_main_call(take_undefined, work);
    sk_fault("migration-confirm/end", NULL);
    return work->process == NULL || sk_qemu_process_destroy(work->process, work->qmp, work->stop_ms, NULL, error);
}

/* It was given away, and then the asker said that the destination has it not: that one knows. */
gboolean
sk_migrate_ask_verdict(SkMigrateWork *work, GError **error)
{
    g_autoptr(GError) silent = NULL;
    g_autofree char *word = work->words >= 0 ? sk_wire_hear(work->words, VERDICT_MS, &silent) : NULL;
    work->away = g_strcmp0(word, "runs") == 0;
    work->unknown = !work->away && g_strcmp0(word, "failed") != 0;
    return !work->unknown || sk_fail(error, SK_ERROR_STATE,
                                     "domain \"%s\" was given to the host at %s, and it is not known whether it runs there: it stays paused here; "
                                     "resume it only if it does not run there, else destroy it",
                                     work->domain->spec->name, work->migration->address);
}

static gboolean
run_confirm(SkJob *job, GError **error)
{
    SkMigrateWork *work = job->work;
    if (work == NULL)
        return TRUE;
    if (work->unknown && !sk_migrate_ask_verdict(work, error))
        return FALSE;
    if (work->away)
        return sk_migrate_end(work, error);
    work->tried = TRUE;
    return !sk_fault("migration-confirm/go-on", error) && (work->qmp == NULL || work->migration->phase == SK_PHASE_BEGUN || sk_migrate_go_on(work, error));
}

void
sk_migrate_commit_confirm(SkJob *job)
{
    SkMigrateWork *work = job->work;
    SkDomain *domain = work != NULL ? work->domain : NULL;
    if (domain == NULL || work->migration->domain == NULL)
        return;
    (void) job;
    if (work->away && sk_domain_is_active(domain)) {
        sk_domain_ended(domain, SK_REASON_MIGRATION);
        return;
    }
    gboolean ran = work->migration->ran;
    gboolean sent = work->migration->phase != SK_PHASE_BEGUN;
    sk_migration_drop(domain);
    if (sent && ran && sk_domain_is_active(domain))
        sk_domain_set_state(domain, SK_DOMAIN_RUNNING, SK_REASON_MIGRATION);
    sk_migration_ours_again(domain);
}

void
sk_migrate_rollback_confirm(SkJob *job, const GError *error)
{
    SkMigrateWork *work = job->work;
    SkDomain *domain = work != NULL && work->migration != NULL ? work->migration->domain : NULL;
    if (domain == NULL)
        return;
    if (work->unknown)
        sk_migration_doubt(domain);
    if (!work->tried)
        return;
    /* It stands still, and whoever knows how may let it go on. */
    g_free(domain->message);
    domain->message = g_strdup(error->message);
    sk_migration_drop(domain);
    sk_migration_ours_again(domain);
    sk_domain_touch(domain);
}

const SkJobKind sk_migration_confirm_job = {
    .object = sk_domain_job_object, .prepare = prepare_confirm, .run = run_confirm, .commit = sk_migrate_commit_confirm, .rollback = sk_migrate_rollback_confirm,
    .free_work = sk_migrate_work_free, .while_migrating = TRUE,
};

void
sk_migration_confirm_by_daemon(SkDomain *domain)
{
    g_autofree char *object = sk_domain_object(domain);
    sk_job_start(domain->service, &sk_migration_confirm_job, "migration.confirm", object, sk_migrate_work_new(domain));
}
