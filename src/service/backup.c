/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The backup of a domain that is under way: watched, ended, found again by the next daemon. */
#include "service/backup.h"

#include <string.h>

#include "base/error.h"
#include "base/undo.h"
#include "storage/backup-file.h"

/* How often progress is looked at; that a job has ended is told by QEMU. */
#define PACE_MS 500

struct SkDomainBackup {
    SkBackup *backup;
    SkJob *job;             /* a reference */
    SkBackupOver over;      /* NULL: the job ends */
    gpointer data;
    guint timer;
    gboolean asked;         /* QEMU has not answered yet */
    gboolean ending;
    gboolean given_up;      /* to be ended as soon as QEMU listens */
};

static void
free_backup(SkDomainBackup *self)
{
    g_clear_handle_id(&self->timer, g_source_remove);
    sk_value_free(&sk_backup_type, self->backup);
    sk_job_unref(self->job);
    g_free(self);
}

const SkBackup *
sk_domain_backup(const SkDomain *self)
{
    return self->backup != NULL ? self->backup->backup : NULL;
}

SkJob *
sk_domain_backup_job(const SkDomain *self)
{
    return self->backup != NULL ? self->backup->job : NULL;
}

gboolean
sk_domain_check_no_backup(const SkDomain *self, const char *what, GError **error)
{
    return self->backup == NULL || sk_fail(error, SK_ERROR_STATE, "a backup of domain \"%s\" is under way, for which %s has to wait: let it end, or end it",
                                           sk_domain_name(self), what);
}

/* -- the end ---------------------------------------------------------------------------------------------------------- */

typedef enum { AS_IT_IS, GIVEN_UP, LOST } End;

typedef struct {
    SkDomain *domain;       /* a reference */
    SkSnapshotSite site;
    SkBackup *backup;       /* a copy */
    SkCheckpoint *checkpoint; /* of one that never began: to be taken back; NULL: none */
    End how;
    guint64 bytes;          /* copied */
    GError *why;            /* how it failed; NULL: it did not */
} EndWork;

static void
free_end(gpointer data)
{
    EndWork *work = data;
    sk_snapshot_site_clear(&work->site);
    g_clear_object(&work->domain);
    sk_value_free(&sk_backup_type, work->backup);
    sk_value_free(&sk_checkpoint_type, work->checkpoint);
    g_clear_error(&work->why);
    g_free(work);
}

static EndWork *
new_end(SkDomain *domain, const SkBackup *backup, End how)
{
    EndWork *work = g_new0(EndWork, 1);
    work->domain = g_object_ref(domain);
    work->backup = sk_value_copy(&sk_backup_type, backup);
    work->how = how;
    return work;
}

/* How the jobs of its disks ended. */
static void
judge(EndWork *work)
{
    for (guint i = 0; i < work->backup->disks->len && work->why == NULL; i++) {
        const SkBackupDisk *disk = work->backup->disks->pdata[i];
        g_autofree char *id = sk_qmp_backup_name(disk->target);
        g_autoptr(SkQmpJob) job = sk_qmp_query_job(work->site.qmp, id, &work->why);
        if (work->why != NULL)
            return;
        if (job == NULL)
            sk_fail(&work->why, SK_ERROR_QEMU, "the backup of disk \"%s\" ended, nobody knows how", disk->target);
        else if (job->error != NULL)
            sk_fail(&work->why, SK_ERROR_QEMU, "the backup of disk \"%s\" failed: %s", disk->target, job->error);
        work->bytes += job != NULL ? job->done : 0;
    }
}

static gboolean
sync_files(const SkBackup *backup, GError **error)
{
    for (guint i = 0; i < backup->disks->len; i++) {
        if (!sk_storage_backup_sync(((const SkBackupDisk *) backup->disks->pdata[i])->file, error))
            return FALSE;
    }
    return TRUE;
}

static void
find_why(EndWork *work)
{
    gboolean open = work->site.qmp != NULL && sk_qmp_is_open(work->site.qmp);
    if (work->how == LOST || !open)
        sk_fail(&work->why, SK_ERROR_STATE, "domain \"%s\" ended before its backup did", work->site.name);
    else if (work->how == GIVEN_UP && !work->backup->pull)
        sk_fail(&work->why, SK_ERROR_CANCELLED, "the backup of domain \"%s\" was cancelled", work->site.name);
    else if (work->how == AS_IT_IS)
        judge(work);
}

/* Nothing of it is left in QEMU, and of the files only those of a push that is whole. What cannot be done now the next daemon tries again. */
static gboolean
run_end(SkJob *job, GError **error)
{
    EndWork *work = job->work;
    g_autoptr(GError) why = NULL;
    (void) error;
    sk_fault("backup/end", NULL);
    if (work->checkpoint != NULL)
        sk_snapshot_site_thaw(&work->site);
    find_why(work);
    gboolean ok = sk_backup_clear(&work->site, work->backup, &why);
    sk_fault("backup/cleared", NULL);
    if (ok && work->why == NULL && !work->backup->pull)
        sync_files(work->backup, &work->why);
    if (ok && (work->why != NULL || work->backup->pull))
        ok = sk_backup_remove_files(work->backup, &why);
    if (ok && work->checkpoint != NULL)
        ok = sk_checkpoint_drop_bitmaps(&work->site, work->checkpoint, &why);
    if (ok)
        sk_backup_note_drop(&work->site);
    else
        g_warning("domain \"%s\": not all of a backup could be put in order, which the next start of the daemon tries again: %s", work->site.name,
                  why->message);
    return TRUE;
}

static void
commit_end(SkJob *job)
{
    EndWork *work = job->work;
    SkDomainBackup *self = g_steal_pointer(&work->domain->backup);
    if (self == NULL)
        return;
    if (work->why == NULL && !work->backup->pull)
        self->job->info.bytes_done = self->job->info.bytes_total = work->bytes;
    if (self->over != NULL)
        self->over(self->job, g_steal_pointer(&work->why), self->data);
    else
        sk_job_end(self->job, g_steal_pointer(&work->why));
    free_backup(self);
}

static gboolean
prepare_end(SkJob *job, GError **error)
{
    EndWork *work = job->work;
    return sk_snapshot_site_begin(&work->site, job->service, work->domain, error);
}

/* Its QEMU does not listen: it is looked at again. */
static void
rollback_end(SkJob *job, const GError *error)
{
    EndWork *work = job->work;
    g_message("%s, continuing", error->message);
    if (work->domain->backup != NULL)
        work->domain->backup->ending = FALSE;
}

static const SkJobKind end_job = {
    .prepare = prepare_end, .run = run_end, .commit = commit_end, .rollback = rollback_end, .free_work = free_end,
};

static void
end(SkDomain *domain, End how)
{
    SkDomainBackup *self = domain->backup;
    if (self->ending)
        return;
    self->ending = TRUE;
    sk_job_start_quiet_for(domain->service, &end_job, sk_domain_object(domain), new_end(domain, self->backup, how));
}

void
sk_domain_backup_cancel(SkDomain *self)
{
    if (self->backup == NULL)
        return;
    self->backup->given_up = TRUE;
    end(self, GIVEN_UP);
}

void
sk_domain_backup_lost(SkDomain *self)
{
    SkDomainBackup *backup = self->backup;
    if (backup == NULL)
        return;
    /* What was about to end it finds no QEMU any more, and says so. */
    if (!backup->ending)
        end(self, LOST);
}

/* -- asked for by its domain: REST and the command ------------------------------------------------------------------------- */

static gboolean
prepare_asked(SkJob *job, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    if (domain->backup == NULL)
        return sk_fail(error, SK_ERROR_NO_BACKUP, "no backup of domain \"%s\" is under way", sk_domain_name(domain));
    job->work = new_end(domain, domain->backup->backup, GIVEN_UP);
    domain->backup->ending = TRUE;
    return prepare_end(job, error);
}

static void
rollback_asked(SkJob *job, const GError *error)
{
    if (job->work != NULL)
        rollback_end(job, error);
}

const SkJobKind sk_backup_end_job = {
    .object = sk_domain_job_object, .prepare = prepare_asked, .run = run_end, .commit = commit_end, .rollback = rollback_asked, .free_work = free_end,
};

gboolean
sk_handle_backup_show(SkService *self, SkCall *call, GError **error)
{
    SkDomain *domain = sk_service_domain(self, call->params.name, error);
    if (domain == NULL)
        return FALSE;
    if (domain->backup == NULL)
        return sk_fail(error, SK_ERROR_NO_BACKUP, "no backup of domain \"%s\" is under way", sk_domain_name(domain));
    sk_answer_value(call, &sk_backup_type, domain->backup->backup);
    return TRUE;
}

/* -- watched ------------------------------------------------------------------------------------------------------------- */

typedef struct {
    guint64 done, total;
    guint over;             /* of its jobs */
    gboolean failed;
} Progress;

static Progress
add_up(const SkBackup *backup, const GPtrArray *jobs)
{
    Progress sum = { 0 };
    for (guint i = 0; i < backup->disks->len; i++) {
        g_autofree char *id = sk_qmp_backup_name(((const SkBackupDisk *) backup->disks->pdata[i])->target);
        const SkQmpJob *found = NULL;
        for (guint k = 0; k < jobs->len && found == NULL; k++) {
            const SkQmpJob *job = jobs->pdata[k];
            found = g_str_equal(job->id, id) ? job : NULL;
        }
        sum.failed = sum.failed || found == NULL || found->error != NULL;
        sum.over += found == NULL || found->status >= SK_QMP_JOB_CONCLUDED;
        sum.done += found != NULL ? found->done : 0;
        sum.total += found != NULL ? found->total : 0;
    }
    return sum;
}

static void
on_jobs(SkQmp *qmp, json_t *result, const GError *error, gpointer data)
{
    g_autoptr(SkDomain) domain = data;
    SkDomainBackup *self = domain->backup;
    (void) qmp;
    if (self == NULL)
        return;
    self->asked = FALSE;
    if (error != NULL || self->ending)
        return;
    g_autoptr(GPtrArray) jobs = sk_qmp_parse_jobs(result, NULL);
    Progress sum = add_up(self->backup, jobs);
    if (sum.failed || sum.over == self->backup->disks->len)
        end(domain, AS_IT_IS);
    else if (!self->backup->pull)
        sk_job_progress(self->job, sum.total > 0 ? (gdouble) sum.done / (gdouble) sum.total : -1, "copying", sum.done, sum.total);
}

static gboolean
look(gpointer data)
{
    SkDomain *domain = data;
    SkDomainBackup *self = domain->backup;
    if (domain->qmp == NULL || self->asked || self->ending)
        return G_SOURCE_CONTINUE;
    if (self->given_up) {
        end(domain, GIVEN_UP);
        return G_SOURCE_CONTINUE;
    }
    self->asked = TRUE;
    sk_qmp_call_async(domain->qmp, "query-jobs", NULL, 0, on_jobs, g_object_ref(domain));
    return G_SOURCE_CONTINUE;
}

void
sk_domain_backup_event(SkDomain *self, const SkQmpEvent *event)
{
    const char *id = json_string_value(json_object_get(event->data, "id")), *status = json_string_value(json_object_get(event->data, "status"));
    if (self->backup != NULL && id != NULL && g_str_has_prefix(id, "backup-") && g_strcmp0(status, "concluded") == 0)
        look(self);
}

void
sk_domain_backup_begun(SkDomain *self, SkBackup *backup, SkJob *job, SkBackupOver over, gpointer data)
{
    SkDomainBackup *state = self->backup = g_new0(SkDomainBackup, 1);
    state->backup = backup;
    state->job = sk_job_ref(job);
    state->over = over;
    state->data = data;
    state->timer = g_timeout_add(PACE_MS, look, self);
    sk_job_progress(job, -1, backup->pull ? "offered" : "copying", 0, 0);
    /* QEMU may have told of the end before anybody listened, or have ended itself. */
    look(self);
    if (!sk_domain_is_active(self))
        sk_domain_backup_lost(self);
    else if (g_cancellable_is_cancelled(job->cancellable))
        sk_domain_backup_cancel(self);
}

void
sk_domain_backup_forget(SkDomain *self)
{
    g_clear_pointer(&self->backup, free_backup);
}

/* -- found again ------------------------------------------------------------------------------------------------------------ */

static void
free_note(gpointer note)
{
    sk_value_free(&sk_backup_note_type, note);
}

typedef struct {
    SkDomain *domain;       /* a reference */
    SkBackup *backup;
} ResumeWork;

static void
free_resume(gpointer data)
{
    ResumeWork *work = data;
    g_clear_object(&work->domain);
    sk_value_free(&sk_backup_type, work->backup);
    g_free(work);
}

/* Its turn comes when its QEMU is known again, or known to be gone: then it is lost. */
static void
commit_resume(SkJob *job)
{
    ResumeWork *work = job->work;
    sk_domain_backup_begun(work->domain, g_steal_pointer(&work->backup), job, NULL, NULL);
}

static void
cancel_resumed(SkJob *job)
{
    const ResumeWork *work = job->work;
    if (sk_domain_backup_job(work->domain) == job)
        sk_domain_backup_cancel(work->domain);
}

static const SkJobKind resume_job = {
    .commit = commit_resume, .cancelled = cancel_resumed, .free_work = free_resume, .cancellable = TRUE, .lingers = TRUE, .ends_itself = TRUE,
};

static void
go_on(SkService *self, SkDomain *domain, SkBackupNote *note)
{
    g_autofree char *object = sk_domain_object(domain);
    if (note->begun && !note->stored) {
        ResumeWork *work = g_new0(ResumeWork, 1);
        work->domain = g_object_ref(domain);
        work->backup = g_steal_pointer(&note->backup);
        sk_job_start(self, &resume_job, "backup.begin", object, work);
        return;
    }
    g_message("domain \"%s\": taking back a backup that a former daemon was at", sk_domain_name(domain));
    EndWork *work = new_end(domain, note->backup, GIVEN_UP);
    work->checkpoint = g_steal_pointer(&note->checkpoint);
    sk_job_start_quiet_for(self, &end_job, g_steal_pointer(&object), work);
}

void
sk_service_recover_backups(SkService *self)
{
    g_autoptr(GPtrArray) records = NULL;
    g_autoptr(GError) error = NULL;
    if (!sk_store_load(self->store, "backup", &records, &error)) {
        g_warning("%s, continuing", error->message);
        return;
    }
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        SkDomain *domain = g_hash_table_lookup(self->domains_by_uuid, record->uuid);
        SkBackupNote *note = sk_json_decode_text(&sk_backup_note_type, record->spec, strlen(record->spec), "note", NULL);
        if (note != NULL && note->backup != NULL && note->backup->disks != NULL && domain != NULL) {
            go_on(self, domain, note);
        } else {
            /* Its domain went with the former daemon. */
            if (note != NULL && note->backup != NULL && note->backup->disks != NULL && !sk_backup_remove_files(note->backup, &error))
                g_warning("%s, continuing", error->message);
            g_clear_error(&error);
            sk_store_remove_async(self->store, "backup", record->uuid, NULL, NULL);
        }
        free_note(note);
    }
}
