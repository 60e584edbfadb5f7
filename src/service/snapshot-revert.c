/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.revert: QEMU ends, each image becomes what it was, then the definition, in that order; at last the guest goes on or boots.
 * Every step may be done again, so what a crash leaves half done the next daemon does whole.
 */
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "service/backup.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-save.h"
#include "service/network.h"
#include "service/snapshot.h"
#include "storage/snapshot.h"

typedef struct {
    SkSnapshotSite site;
    SkDomain *domain;       /* a former daemon's: a reference */
    SkSnapshot *snapshot;   /* a copy */
    SkSnapshot *left;       /* the one that was current; NULL: none, or the same */
    SkDomainSpec *spec;     /* the definition as it was */
    SkRecord *record;
    guint64 revision;
    gint then;              /* SkRevertState */
    gboolean fresh_nvram;
    gboolean begun;         /* images may not fit each other any more */
    char *nvram, *tpm_dir, *managed;
} RevertWork;

static void
free_work(gpointer data)
{
    RevertWork *work = data;
    sk_snapshot_site_clear(&work->site);
    g_clear_object(&work->domain);
    sk_value_free(&sk_snapshot_type, work->snapshot);
    sk_value_free(&sk_snapshot_type, work->left);
    sk_value_free(&sk_domain_spec_type, work->spec);
    sk_record_free(work->record);
    g_free(work->nvram);
    g_free(work->tpm_dir);
    g_free(work->managed);
    g_free(work);
}

/* -- prepare: main ---------------------------------------------------------------------------------------------------- */

/* A domain that was renamed since keeps its name. */
static void
name_spec(SkDomainSpec *spec, const SkDomain *domain)
{
    g_free(spec->name);
    spec->name = g_strdup(sk_domain_name(domain));
}

/* Nobody else may be at work with the images. */
static gboolean
check_users(const SkDomain *domain, const SkSnapshot *snapshot, GError **error)
{
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        const char *writer = disk->path != NULL ? g_hash_table_lookup(domain->service->disk_writers, disk->path) : NULL;
        if (disk->kind != SK_SNAPSHOT_LEFT_OUT && writer != NULL && !g_str_equal(writer, sk_domain_name(domain)))
            return sk_fail(error, SK_ERROR_IN_USE, "the image \"%s\" is in use: domain \"%s\" has it open", disk->path, writer);
    }
    return TRUE;
}

static gint
decide(const SkSnapshot *snapshot, gint then)
{
    if (then != SK_REVERT_AS_IT_WAS)
        return then;
    if (snapshot->memory == NULL)
        return SK_REVERT_OFF;
    return snapshot->state == SK_DOMAIN_PAUSED ? SK_REVERT_PAUSED : SK_REVERT_RUNNING;
}

static gboolean
fill(RevertWork *work, SkService *service, SkDomain *domain, const SkSnapshot *snapshot, gint then, GError **error)
{
    const SkSnapshot *current = sk_domain_current_snapshot(domain);
    const SkDomainSpec *was = snapshot->inactive != NULL ? snapshot->inactive : snapshot->definition;
    if (was == NULL)
        return sk_fail(error, SK_ERROR_STATE, "of snapshot \"%s\" the definition is not known, so domain \"%s\" cannot go back to it", snapshot->name,
                       sk_domain_name(domain));
    if (!check_users(domain, snapshot, error) || !sk_snapshot_site_begin(&work->site, service, domain, error))
        return FALSE;
    if (work->snapshot == NULL)
        work->snapshot = sk_value_copy(&sk_snapshot_type, snapshot);
    work->left = current != NULL && !g_str_equal(current->id, snapshot->id) ? sk_value_copy(&sk_snapshot_type, current) : NULL;
    work->spec = sk_value_copy(&sk_domain_spec_type, was);
    name_spec(work->spec, domain);
    name_spec(work->snapshot->definition, domain);
    work->then = decide(snapshot, then);
    work->revision = domain->revision;
    work->nvram = work->spec->firmware.nvram != NULL ? g_strdup(work->spec->firmware.nvram) : sk_domain_nvram_path(service->settings, work->site.uuid);
    work->tpm_dir = sk_domain_tpm_dir(service->settings, work->site.uuid);
    work->managed = sk_domain_managed_save_path(service->settings, work->site.uuid);
    domain->stop_reason = SK_REASON_SNAPSHOT;
    return TRUE;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    RevertWork *work = job->work;
    if (work != NULL)
        return fill(work, job->service, work->domain, work->snapshot, work->then, error);
    const SkSnapshotRevert *body = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    const SkSnapshot *snapshot = domain != NULL ? sk_domain_snapshot(domain, job->call->params.snapshot, error) : NULL;
    if (snapshot == NULL || !sk_domain_check_no_checkpoints(domain, "going back to a snapshot", error) ||
        !sk_domain_check_no_backup(domain, "going back to a snapshot", error))
        return FALSE;
    work = job->work = g_new0(RevertWork, 1);
    work->fresh_nvram = body->fresh_nvram;
    return fill(work, job->service, domain, snapshot, body->then, error);
}

/* -- run: worker ---------------------------------------------------------------------------------------------------------- */

static gboolean
has_state(const char *path, const SkSnapshot *snapshot, GError **error)
{
    g_auto(GStrv) names = sk_storage_snapshot_names(path, error);
    if (names == NULL)
        return FALSE;
    return g_strv_contains((const char *const *) names, snapshot->tag) ||
           sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" is of no use: the image \"%s\" does not have its state any more", snapshot->name, path);
}

/* All of it must be there before anything is changed. */
static gboolean
check_whole(const RevertWork *work, GError **error)
{
    const SkSnapshot *snapshot = work->snapshot;
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        if (disk->kind == SK_SNAPSHOT_EXTERNAL)
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" of snapshot \"%s\" is in a file of its own, \"%s\", with an overlay over it: going back "
                           "there is not supported; lay a new overlay over that file, or make the domain a clone of it", disk->target, snapshot->name, disk->path);
        if (disk->kind == SK_SNAPSHOT_INTERNAL && !has_state(disk->path, snapshot, error))
            return FALSE;
    }
    if (snapshot->nvram != NULL && !work->fresh_nvram && !has_state(snapshot->nvram, snapshot, error))
        return FALSE;
    if (snapshot->memory != NULL && work->then != SK_REVERT_OFF && access(snapshot->memory, R_OK) != 0)
        return sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" is of no use: the file \"%s\" with its memory is not there; go back to it switched off",
                       snapshot->name, snapshot->memory);
    return snapshot->tpm == NULL || access(snapshot->tpm, R_OK) == 0 ||
           sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" is of no use: the directory \"%s\" with its TPM is not there", snapshot->name, snapshot->tpm);
}

static gboolean
revert_nvram(const RevertWork *work, GError **error)
{
    if (work->spec->firmware.kind != SK_FIRMWARE_UEFI)
        return TRUE;
    if (work->snapshot->nvram == NULL || work->fresh_nvram)
        return sk_fs_remove(work->nvram, error);
    return sk_storage_snapshot_apply(work->snapshot->nvram, work->snapshot->tag, NULL, error);
}

static gboolean
revert_tpm(const RevertWork *work, GError **error)
{
    if (work->spec->tpm == NULL)
        return TRUE;
    return work->snapshot->tpm != NULL ? sk_storage_copy_dir(work->snapshot->tpm, work->tpm_dir, error) : sk_fs_remove_tree(work->tpm_dir, error);
}

static gboolean
revert_images(const RevertWork *work, GError **error)
{
    const SkSnapshot *snapshot = work->snapshot;
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        if (disk->kind == SK_SNAPSHOT_INTERNAL && !sk_storage_snapshot_apply(disk->path, snapshot->tag, NULL, error))
            return FALSE;
        if (sk_fault("snapshot-revert/disk", error))
            return FALSE;
    }
    /* A state that was saved since is of disks that are no more. */
    return revert_nvram(work, error) && !sk_fault("snapshot-revert/nvram", error) && revert_tpm(work, error) &&
           !sk_fault("snapshot-revert/tpm", error) && sk_fs_remove(work->managed, error);
}

static gboolean
keep(RevertWork *work, GError **error)
{
    SkStoreBatch *batch = sk_store_batch_new();
    work->record = sk_domain_record(work->spec, TRUE);
    sk_store_batch_put(batch, work->record);
    /* What a put alone would say: changes of one domain wait for each other. */
    work->record->revision = work->revision + 1;
    work->record->modified = g_get_real_time();
    if (work->left != NULL) {
        work->left->current = FALSE;
        g_autoptr(SkRecord) left = sk_snapshot_record(work->site.uuid, work->left);
        sk_store_batch_put(batch, left);
    }
    work->snapshot->current = TRUE;
    g_autoptr(SkRecord) record = sk_snapshot_record(work->site.uuid, work->snapshot);
    sk_store_batch_put(batch, record);
    sk_snapshot_note_settle(&work->site, batch);
    if (sk_fault("snapshot-revert/record", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    return sk_store_commit(work->site.store, batch, error);
}

/* It ends because we asked: nothing is started again by itself. */
static void
mark_end(gpointer data)
{
    SkDomain *domain = data;
    domain->destroying = sk_domain_is_active(domain);
}

static gboolean
run(SkJob *job, GError **error)
{
    RevertWork *work = job->work;
    (void) job;
    if (!check_whole(work, error) || !sk_snapshot_note(&work->site, SK_SNAPSHOT_REVERTING, work->snapshot, work->then, error))
        return FALSE;
    work->begun = TRUE;
    if (sk_fault("snapshot-revert/note", error))
        return FALSE;
    sk_main_call(mark_end, work->site.domain);
    if (work->site.process != NULL &&
        !sk_qemu_process_destroy(work->site.process, work->site.qmp, (gint) work->site.settings->stop_timeout * 1000, NULL, error))
        return FALSE;
    return !sk_fault("snapshot-revert/end", error) && revert_images(work, error) && keep(work, error);
}

/* -- commit, rollback: main -------------------------------------------------------------------------------------------------- */

static void
start(SkJob *job, RevertWork *work)
{
    SkDomain *domain = work->site.domain;
    gboolean paused = work->then == SK_REVERT_PAUSED;
    if (work->then == SK_REVERT_OFF) {
        sk_job_end(job, NULL);
        return;
    }
    if (work->snapshot->memory == NULL) {
        sk_domain_start_by_daemon(domain, paused, job);
        return;
    }
    SkSaved *saved = g_new0(SkSaved, 1);
    saved->path = g_strdup(work->snapshot->memory);
    saved->spec = sk_value_copy(&sk_domain_spec_type, work->snapshot->definition);
    saved->paused = paused;
    sk_domain_restore_by_daemon(domain, saved, job);
}

static void
commit(SkJob *job)
{
    RevertWork *work = job->work;
    SkDomain *domain = work->site.domain;
    if (sk_domain_is_active(domain))
        sk_domain_ended(domain, SK_REASON_SNAPSHOT);
    domain->stop_reason = SK_REASON_UNKNOWN;
    g_clear_pointer(&domain->torn, g_free);
    g_clear_pointer(&domain->saved, sk_saved_free);
    if (work->left != NULL)
        sk_domain_put_snapshot(domain, g_steal_pointer(&work->left));
    sk_domain_put_snapshot(domain, sk_value_copy(&sk_snapshot_type, work->snapshot));
    sk_domain_set_spec(domain, g_steal_pointer(&work->spec), work->record->revision, work->record->modified);
    sk_service_dns_changed(job->service, domain);
    sk_domain_tell_snapshots(domain, "snapshot.reverted", work->snapshot->name);
    start(job, work);
}

static void
rollback(SkJob *job, const GError *error)
{
    RevertWork *work = job->work;
    if (work == NULL || work->site.domain == NULL)
        return;
    SkDomain *domain = work->site.domain;
    domain->stop_reason = SK_REASON_UNKNOWN;
    domain->destroying = FALSE;
    if (!work->begun)
        return;
    g_free(domain->torn);
    domain->torn = g_strdup(work->snapshot->name);
    g_free(domain->message);
    domain->message = g_strdup(error->message);
    sk_domain_touch(domain);
}

const SkJobKind sk_snapshot_revert_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .rollback = rollback, .free_work = free_work,
    .lingers = TRUE,
};

void
sk_snapshot_revert_by_daemon(SkDomain *domain, SkSnapshot *snapshot, gint then)
{
    RevertWork *work = g_new0(RevertWork, 1);
    g_autofree char *object = sk_domain_object(domain);
    work->domain = g_object_ref(domain);
    work->snapshot = snapshot;
    work->then = then;
    sk_job_start(domain->service, &sk_snapshot_revert_job, "snapshot.revert", object, work);
}
