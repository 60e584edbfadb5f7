/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in repositories: listed, verified, pruned. The repository's own lock keeps apart who reads and who removes. */
#include "base/error.h"
#include "service/repository.h"
#include "service/service-private.h"

typedef struct {
    SkRepositoryAccess access;
    GPtrArray *backups;     /* SkStoredBackup; NULL: not a list */
    const SkType *type;     /* of the value */
    gpointer value;         /* SkStoredBackup, SkRepositoryReport, SkRepositoryPruned; NULL: none yet */
} LookWork;

static void
free_work(gpointer data)
{
    LookWork *work = data;
    sk_repository_access_clear(&work->access);
    g_clear_pointer(&work->backups, g_ptr_array_unref);
    if (work->value != NULL)
        sk_value_free(work->type, work->value);
    g_free(work);
}

static gboolean
prepare(SkJob *job, GError **error)
{
    const SkRepository *repository = sk_service_repository(job->service, job->call->params.name, error);
    if (repository == NULL)
        return FALSE;
    LookWork *work = job->work = g_new0(LookWork, 1);
    sk_repository_access_init(&work->access, job->service, repository);
    return TRUE;
}

static void
report(const char *step, guint64 done, guint64 total, gpointer data)
{
    sk_job_progress(data, total > 0 ? (gdouble) done / (gdouble) total : -1, step, 0, 0);
}

/* A value of that type, or the error. */
static gboolean
take(LookWork *work, const SkType *type, gpointer value)
{
    work->type = type;
    work->value = value;
    return value != NULL;
}

static gboolean
run_list(SkJob *job, GError **error)
{
    LookWork *work = job->work;
    work->backups = sk_repository_list(&work->access.place, job->call->params.domain, job->cancellable, error);
    return work->backups != NULL;
}

static gboolean
run_show(SkJob *job, GError **error)
{
    LookWork *work = job->work;
    return take(work, &sk_stored_backup_type, sk_repository_show(&work->access.place, job->call->params.backup, job->cancellable, error));
}

static gboolean
run_verify(SkJob *job, GError **error)
{
    LookWork *work = job->work;
    const SkStorageContext context = { .cancellable = job->cancellable, .report = report, .data = job };
    return take(work, &sk_repository_report_type, sk_repository_verify(&work->access.place, job->call->params.backup, &context, error));
}

static gboolean
run_prune(SkJob *job, GError **error)
{
    LookWork *work = job->work;
    return take(work, &sk_repository_pruned_type, sk_repository_prune(&work->access.place, job->call->body, job->cancellable, error));
}

static gboolean
run_delete(SkJob *job, GError **error)
{
    LookWork *work = job->work;
    return take(work, &sk_repository_pruned_type, sk_repository_remove(&work->access.place, job->call->params.backup, job->cancellable, error));
}

static void
answer_list(SkJob *job)
{
    LookWork *work = job->work;
    sk_answer_list(job->call, &sk_stored_backup_type, work->backups);
}

static void
answer_value(SkJob *job)
{
    LookWork *work = job->work;
    sk_answer_value(job->call, work->type, work->value);
}

static void
set_result(SkJob *job)
{
    LookWork *work = job->work;
    sk_job_set_result(job, sk_json_encode(work->type, work->value, 0));
}

const SkJobKind sk_stored_backup_list_job = { .prepare = prepare, .run = run_list, .commit = answer_list, .free_work = free_work };
const SkJobKind sk_stored_backup_show_job = { .prepare = prepare, .run = run_show, .commit = answer_value, .free_work = free_work };
const SkJobKind sk_repository_verify_job = {
    .prepare = prepare, .run = run_verify, .commit = set_result, .free_work = free_work, .cancellable = TRUE,
};
const SkJobKind sk_repository_prune_job = {
    .prepare = prepare, .run = run_prune, .commit = set_result, .free_work = free_work, .cancellable = TRUE,
};
const SkJobKind sk_stored_backup_delete_job = {
    .prepare = prepare, .run = run_delete, .commit = set_result, .free_work = free_work,
};
