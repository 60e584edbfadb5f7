/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* After a backup to a repository: of the checkpoints made for it only the one that the next backup needs stays. */
#include "service/stored-backup.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"

#define KIND "stored-backup"

/* -- what is ours ------------------------------------------------------------------------------------------------------- */

char *
sk_stored_backup_prefix(const char *repository)
{
    return g_strdup_printf("skep-%.8s-", repository);
}

static void
free_checkpoint(gpointer checkpoint)
{
    sk_value_free(&sk_checkpoint_type, checkpoint);
}

GPtrArray *
sk_stored_backup_checkpoints(const SkDomain *domain, const char *repository)
{
    g_autofree char *prefix = sk_stored_backup_prefix(repository);
    GPtrArray *ours = g_ptr_array_new_with_free_func(free_checkpoint);
    for (guint i = 0; domain->checkpoints != NULL && i < domain->checkpoints->len; i++) {
        const SkCheckpoint *checkpoint = domain->checkpoints->pdata[i];
        if (g_str_has_prefix(checkpoint->name, prefix))
            g_ptr_array_add(ours, sk_value_copy(&sk_checkpoint_type, checkpoint));
    }
    return ours;
}

gboolean
sk_stored_backup_note(SkStore *store, const char *domain, const char *repository, GError **error)
{
    g_autofree char *json = g_strdup_printf("\"%s\"", repository);
    g_autoptr(SkRecord) record = sk_record_new(KIND, domain, domain, json);
    return sk_store_put(store, record, error);
}

void
sk_stored_backup_note_drop(SkStore *store, const char *domain)
{
    g_autoptr(GError) why = NULL;
    if (!sk_store_remove(store, KIND, domain, &why))
        g_warning("%s, continuing", why->message);
}

/* -- tidying -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkDomain *domain;       /* a reference */
    char *uuid, *repository, *dir;
    SkRepositoryAccess access; /* path NULL: the repository is not known any more */
    GPtrArray *checkpoints; /* SkCheckpoint: ours */
    char *keep;             /* name of the one that stays; NULL: none does */
    gboolean busy;          /* the next backup has begun already, after which this comes again */
    gboolean known;         /* which one that is */
    gboolean clean;         /* all others are gone */
    SkJob *job;             /* a reference; NULL: nobody waits */
    SkStoredBackup *made;
    GError *why;
} TidyWork;

static void
free_work(gpointer data)
{
    TidyWork *work = data;
    g_clear_object(&work->domain);
    sk_repository_access_clear(&work->access);
    g_clear_pointer(&work->checkpoints, g_ptr_array_unref);
    sk_value_free(&sk_stored_backup_type, work->made);
    if (work->job != NULL)
        sk_job_unref(work->job);
    g_clear_error(&work->why);
    g_free(work->uuid);
    g_free(work->repository);
    g_free(work->dir);
    g_free(work->keep);
    g_free(work);
}

/* The last step, after the deletions that wait before it. */
static gboolean
prepare_settle(SkJob *job, GError **error)
{
    TidyWork *work = job->work;
    g_autoptr(GPtrArray) left = sk_stored_backup_checkpoints(work->domain, work->repository);
    (void) error;
    work->clean = work->known && sk_domain_backup(work->domain) == NULL;
    for (guint i = 0; i < left->len; i++)
        work->clean = work->clean && g_strcmp0(((const SkCheckpoint *) left->pdata[i])->name, work->keep) == 0;
    return TRUE;
}

static gboolean
run_settle(SkJob *job, GError **error)
{
    TidyWork *work = job->work;
    (void) error;
    if (work->clean && !sk_fault("stored-backup/settle", NULL))
        sk_stored_backup_note_drop(job->service->store, work->uuid);
    return TRUE;
}

static void
commit_settle(SkJob *job)
{
    TidyWork *work = job->work;
    if (work->job == NULL)
        return;
    if (work->made != NULL)
        sk_job_set_result(work->job, sk_json_encode(&sk_stored_backup_type, work->made, 0));
    sk_job_end(work->job, g_steal_pointer(&work->why));
}

static const SkJobKind settle_job = { .prepare = prepare_settle, .run = run_settle, .commit = commit_settle, .free_work = free_work };

static gboolean
is_known(gpointer key, gpointer value, gpointer data)
{
    const SkRepository *repository = value, **found = data;
    (void) key;
    if (!g_str_equal(repository->uuid, (const char *) *found))
        return FALSE;
    *found = repository;
    return TRUE;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    TidyWork *work = job->work;
    gconstpointer found = work->repository;
    (void) error;
    work->busy = sk_domain_backup(work->domain) != NULL;
    g_tree_foreach(job->service->repositories, is_known, &found);
    if (found != work->repository)
        sk_repository_access_init(&work->access, job->service, found);
    work->checkpoints = sk_stored_backup_checkpoints(work->domain, work->repository);
    return TRUE;
}

/* The repository tells what is in it: a backup may be there though nobody heard of it. */
static gboolean
run(SkJob *job, GError **error)
{
    TidyWork *work = job->work;
    g_autoptr(GError) why = NULL;
    const SkCheckpoint *since = NULL;
    (void) job, (void) error;
    sk_fs_remove_tree(work->dir, NULL);
    if (work->busy)
        return TRUE;
    g_autoptr(GPtrArray) backups = work->access.path == NULL || sk_fault("stored-backup/tidy", &why)
                                       ? NULL : sk_repository_list(&work->access.place, work->uuid, NULL, &why);
    work->known = backups != NULL || work->access.path == NULL;
    if (backups != NULL && sk_stored_backup_base(backups, work->checkpoints, &since) != NULL)
        work->keep = g_strdup(since->name);
    if (!work->known)
        g_warning("domain \"%s\": which checkpoints are still needed for backups is not known, which the next backup asks again: %s", work->uuid, why->message);
    return TRUE;
}

static void
commit(SkJob *job)
{
    TidyWork *work = g_steal_pointer(&job->work);
    for (guint i = 0; work->known && i < work->checkpoints->len; i++) {
        SkCheckpoint *checkpoint = work->checkpoints->pdata[i];
        if (g_strcmp0(checkpoint->name, work->keep) != 0)
            sk_checkpoint_delete_by_daemon(work->domain, sk_value_copy(&sk_checkpoint_type, checkpoint));
    }
    sk_job_start_quiet_for(job->service, &settle_job, sk_domain_object(work->domain), work);
}

static const SkJobKind tidy_job = { .prepare = prepare, .run = run, .commit = commit, .free_work = free_work };

void
sk_stored_backup_tidy(SkDomain *domain, const char *repository, SkJob *job, SkStoredBackup *made, GError *why)
{
    TidyWork *work = g_new0(TidyWork, 1);
    work->domain = g_object_ref(domain);
    work->uuid = g_strdup(domain->spec->uuid);
    work->repository = g_strdup(repository);
    work->dir = sk_stored_backup_dir(domain->service->settings, work->uuid);
    work->job = job != NULL ? sk_job_ref(job) : NULL;
    work->made = made;
    work->why = why;
    sk_job_start_quiet_for(domain->service, &tidy_job, sk_domain_object(domain), work);
}

/* -- the next daemon ----------------------------------------------------------------------------------------------------- */

void
sk_service_recover_stored_backups(SkService *self)
{
    g_autoptr(GPtrArray) records = NULL;
    g_autoptr(GError) error = NULL;
    if (!sk_store_load(self->store, KIND, &records, &error)) {
        g_warning("%s, continuing", error->message);
        return;
    }
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        SkDomain *domain = g_hash_table_lookup(self->domains_by_uuid, record->uuid);
        g_autofree char *repository = strlen(record->spec) > 2 ? g_strndup(record->spec + 1, strlen(record->spec) - 2) : NULL;
        if (domain != NULL && repository != NULL)
            sk_stored_backup_tidy(domain, repository, NULL, NULL, NULL);
        else
            sk_store_remove_async(self->store, KIND, record->uuid, NULL, NULL);
    }
}
