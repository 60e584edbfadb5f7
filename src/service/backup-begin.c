/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* backup.begin: all disks, and a checkpoint if one is asked for, at one instant. The job ends with the backup. */
#include <sys/stat.h>

#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"
#include "engine/qmp/bitmap.h"
#include "service/backup.h"

void
sk_backup_begin_clear(SkBackupBegin *self)
{
    sk_snapshot_site_clear(&self->site);
    sk_value_free(&sk_backup_type, self->backup);
    sk_value_free(&sk_checkpoint_type, self->checkpoint);
    sk_value_free(&sk_checkpoint_type, self->parent);
    g_clear_pointer(&self->sizes, g_array_unref);
}

static void
free_work(gpointer data)
{
    sk_backup_begin_clear(data);
    g_free(data);
}

/* -- prepare: main -------------------------------------------------------------------------------------------------- */

static gboolean
check(const SkDomain *domain, GError **error)
{
    SkDomainState state = sk_domain_state(domain);
    if (!sk_domain_state_computes(state) && state != SK_DOMAIN_PAUSED)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is %s: a backup is made of one that is running or paused", sk_domain_name(domain),
                       sk_enum_name(&sk_domain_state_enum, state));
    return sk_domain_check_no_backup(domain, "another backup", error);
}

gboolean
sk_backup_begin_prepare(SkBackupBegin *self, SkJob *job, SkDomain *domain, const SkBackup *asked, GError **error)
{
    if (!check(domain, error))
        return FALSE;
    self->sizes = g_array_new(FALSE, FALSE, sizeof(guint64));
    if (asked->checkpoint != NULL) {
        self->quiesce = asked->checkpoint->quiesce;
        self->parent = sk_value_copy(&sk_checkpoint_type, sk_domain_current_checkpoint(domain));
        self->checkpoint = sk_checkpoint_plan(domain, asked->checkpoint, error);
        if (self->checkpoint == NULL)
            return FALSE;
    }
    self->backup = sk_backup_plan(job, domain, asked, self->checkpoint != NULL ? self->checkpoint->name : NULL, error);
    return self->backup != NULL && sk_snapshot_site_begin(&self->site, job->service, domain, error);
}

static gboolean
prepare(SkJob *job, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    SkBackupBegin *work = job->work = g_new0(SkBackupBegin, 1);
    return sk_backup_begin_prepare(work, job, domain, job->call->body, error);
}

/* -- run: worker ------------------------------------------------------------------------------------------------------- */

/* What is removed if this fails must be ours. */
static gboolean
check_nothing_there(const SkBackup *backup, GError **error)
{
    struct stat info;
    const char *socket = backup->server != NULL ? backup->server->socket : NULL;
    for (guint i = 0; i < backup->disks->len; i++) {
        const SkBackupDisk *disk = backup->disks->pdata[i];
        if (disk->made && lstat(disk->file, &info) == 0)
            return sk_fail(error, SK_ERROR_EXISTS, "disk \"%s\": there is a file \"%s\" already: remove it, name another, or have it used as it is (reuse)",
                           disk->target, disk->file);
    }
    return socket == NULL || lstat(socket, &info) < 0 ||
           sk_fail(error, SK_ERROR_EXISTS, "there is a file \"%s\", where the backup would be offered: remove it", socket);
}

static gboolean
note(SkBackupBegin *work, GError **error)
{
    const SkBackupNote value = { .backup = work->backup, .checkpoint = work->checkpoint, .stored = work->stored };
    g_autoptr(SkRecord) record = sk_backup_note_record(work->site.uuid, &value);
    work->noted = sk_store_put(work->site.store, record, error);
    return work->noted;
}

static void
thaw(SkBackupBegin *work)
{
    g_autoptr(GError) why = NULL;
    if (!work->frozen)
        return;
    work->frozen = FALSE;
    if (!sk_agent_thaw(work->site.agent, NULL, &why))
        g_warning("domain \"%s\": its file systems may still be frozen: %s", work->site.name, why->message);
}

static gboolean
freeze(SkBackupBegin *work, GError **error)
{
    g_autoptr(GError) why = NULL;
    guint count;
    if (!(work->quiesce || work->try_quiesce) || work->site.agent == NULL)
        return TRUE;
    work->frozen = TRUE;
    work->quiesced = sk_agent_freeze(work->site.agent, &count, &why);
    if (!work->quiesced && !work->quiesce)
        g_message("domain \"%s\" is backed up without its file systems frozen: %s", work->site.name, why->message);
    else if (!work->quiesced)
        g_propagate_error(error, g_steal_pointer(&why));
    return work->quiesced || !work->quiesce;
}

/* The instant. */
static gboolean
begin(SkBackupBegin *work, const GPtrArray *steps, const GPtrArray *bitmaps, GError **error)
{
    gboolean ok = freeze(work, error) && !sk_fault("backup/freeze", error) && sk_qmp_backup_begin(work->site.qmp, steps, bitmaps, error);
    thaw(work);
    return ok && !sk_fault("backup/begin", error);
}

/* From here on it has begun, and the checkpoint is there. */
static gboolean
keep(SkBackupBegin *work, GError **error)
{
    const SkBackupNote value = { .backup = work->backup, .begun = TRUE, .stored = work->stored };
    g_autoptr(SkRecord) record = sk_backup_note_record(work->site.uuid, &value);
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_put(batch, record);
    if (work->checkpoint != NULL)
        sk_checkpoint_keep(work->site.uuid, work->checkpoint, work->parent, batch);
    if (sk_fault("backup/record", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    return sk_store_commit(work->site.store, batch, error);
}

static void
take_back(SkBackupBegin *work)
{
    g_autoptr(GError) error = NULL;
    if (!work->noted)
        return;
    if (sk_backup_clear(&work->site, work->backup, &error) && sk_backup_remove_files(work->backup, &error) &&
        (work->checkpoint == NULL || sk_checkpoint_drop_bitmaps(&work->site, work->checkpoint, &error)))
        sk_backup_note_drop(&work->site);
    else
        g_warning("domain \"%s\": not all of a backup could be taken back, which the next start of the daemon tries again: %s", work->site.name,
                  error->message);
}

gboolean
sk_backup_begin_run(SkBackupBegin *self, GError **error)
{
    const SkSnapshotSite *site = &self->site;
    g_autoptr(GPtrArray) steps = sk_backup_steps(site, self->backup, self->sizes, error);
    g_autoptr(GPtrArray) bitmaps = steps != NULL && self->checkpoint != NULL ? sk_checkpoint_steps(site, self->checkpoint, error) : NULL;
    if (steps == NULL || (self->checkpoint != NULL && bitmaps == NULL) || !check_nothing_there(self->backup, error))
        return FALSE;
    gboolean ok = note(self, error) && !sk_fault("backup/note", error) && sk_backup_open_files(site, self->backup, steps, self->sizes, error) &&
                  !sk_fault("backup/files", error) && begin(self, steps, bitmaps, error) &&
                  (!self->backup->pull || (sk_backup_offer(site, self->backup, steps, error) && !sk_fault("backup/offer", error))) && keep(self, error);
    if (!ok)
        take_back(self);
    return ok;
}

static gboolean
run(SkJob *job, GError **error)
{
    return sk_backup_begin_run(job->work, error);
}

void
sk_backup_begin_commit(SkBackupBegin *self, SkJob *job, SkBackupOver over, gpointer data)
{
    SkDomain *domain = self->site.domain;
    if (self->checkpoint != NULL)
        sk_checkpoint_take(domain, g_steal_pointer(&self->checkpoint), g_steal_pointer(&self->parent));
    sk_domain_backup_begun(domain, g_steal_pointer(&self->backup), job, over, data);
}

static void
commit(SkJob *job)
{
    SkBackupBegin *work = job->work;
    sk_backup_begin_commit(work, job, NULL, NULL);
    /* The job is shown for long, what it worked with is not needed any more. */
    job->work = NULL;
    free_work(work);
}

static void
cancelled(SkJob *job)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, NULL);
    if (domain != NULL && sk_domain_backup_job(domain) == job)
        sk_domain_backup_cancel(domain);
}

const SkJobKind sk_backup_begin_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .free_work = free_work, .cancelled = cancelled,
    .cancellable = TRUE, .lingers = TRUE, .ends_itself = TRUE,
};
