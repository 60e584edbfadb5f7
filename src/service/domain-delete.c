/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.delete: the record and, by an intent in the same transaction, everything that was only the domain's. */
#include <unistd.h>

#include "base/error.h"
#include "engine/qmp/commands.h"
#include "service/console.h"
#include "service/disk-users.h"
#include "service/domain-create.h"
#include "service/domain-launch.h"
#include "service/domain-note.h"
#include "service/domain-stop.h"
#include "service/domain-transient.h"
#include "service/domain.h"
#include "service/intent.h"
#include "service/network.h"
#include "service/pool.h"
#include "service/checkpoint.h"
#include "service/snapshot.h"
#include "storage/pool.h"

typedef struct {
    SkDomain *domain;       /* a reference */
    char *name, *uuid;
    gboolean persistent;
    char *nvram;            /* undefine: what must not be there, if nothing was said of it */
    char *runtime;          /* undefine: it runs on, as a transient one */
    SkRecord *record;
    char **snapshots, **checkpoints; /* ids of those that are forgotten with it */
    GPtrArray *paths;       /* files and directories that go with it */
    GPtrArray *volumes;     /* paths of volumes that do */
    char **roots;
    SkQemuProcess *process; /* force: to be ended first */
    SkQmp *qmp;
    gint stop_ms;
} DeleteWork;

static void
free_work(gpointer data)
{
    DeleteWork *work = data;
    g_clear_object(&work->domain);
    g_clear_object(&work->process);
    g_clear_object(&work->qmp);
    g_free(work->name);
    g_free(work->uuid);
    g_free(work->nvram);
    g_free(work->runtime);
    sk_record_free(work->record);
    g_strfreev(work->snapshots);
    g_strfreev(work->checkpoints);
    g_strfreev(work->roots);
    g_clear_pointer(&work->paths, g_ptr_array_unref);
    g_clear_pointer(&work->volumes, g_ptr_array_unref);
    g_free(work);
}

/* -- prepare: main ---------------------------------------------------------------------------------------------- */

static gboolean
check_other_users(SkService *self, const SkDomain *domain, const SkDisk *disk, GError **error)
{
    g_auto(GStrv) users = sk_service_users_of_path(self, disk->path);
    for (guint i = 0; users != NULL && users[i] != NULL; i++) {
        if (!g_str_equal(users[i], sk_domain_name(domain)))
            return sk_fail(error, SK_ERROR_IN_USE, "volume \"%s\" is in use: domain \"%s\" has it too", disk->volume, users[i]);
    }
    return TRUE;
}

static gboolean
plan_volumes(SkService *self, DeleteWork *work, GError **error)
{
    const SkDomainSpec *spec = work->domain->spec;
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *disk = spec->disks->pdata[i];
        if (disk->source != SK_SOURCE_VOLUME || disk->device != SK_DISK_DISK || disk->path == NULL || disk->read_only)
            continue;
        if (!check_other_users(self, work->domain, disk, error))
            return FALSE;
        g_ptr_array_add(work->volumes, g_strdup(disk->path));
    }
    return TRUE;
}

void
sk_domain_add_own_files(const SkDomain *self, GPtrArray *paths, gboolean keep_nvram)
{
    const SkServiceSettings *settings = self->service->settings;
    const char *uuid = self->spec->uuid;
    g_ptr_array_add(paths, sk_domain_seed_path(settings, uuid));
    if (!keep_nvram)
        g_ptr_array_add(paths, sk_domain_nvram_path(settings, uuid));
    g_ptr_array_add(paths, sk_domain_tpm_dir(settings, uuid));
    g_ptr_array_add(paths, sk_domain_managed_save_path(settings, uuid));
    g_ptr_array_add(paths, sk_domain_snapshot_dir(settings, uuid));
    g_ptr_array_add(paths, sk_domain_qemu_log_path(settings, uuid));
    g_ptr_array_add(paths, g_strdup(self->run_dir));
    g_ptr_array_add(paths, sk_domain_note_path(self->run_dir));
    for (guint i = 0; self->spec->serials != NULL && i < self->spec->serials->len; i++)
        g_ptr_array_add(paths, sk_domain_console_log_path(settings, uuid, i));
    for (guint i = 0; self->spec->consoles != NULL && i < self->spec->consoles->len; i++) {
        const SkConsole *console = self->spec->consoles->pdata[i];
        g_ptr_array_add(paths, sk_domain_console_log_path(settings, uuid, SK_CONSOLE_PORT + console->port));
    }
}

static DeleteWork *
new_work(SkDomain *domain)
{
    DeleteWork *work = g_new0(DeleteWork, 1);
    work->domain = g_object_ref(domain);
    work->name = g_strdup(sk_domain_name(domain));
    work->uuid = g_strdup(domain->spec->uuid);
    work->persistent = domain->persistent;
    work->paths = g_ptr_array_new_with_free_func(g_free);
    work->volumes = g_ptr_array_new_with_free_func(g_free);
    work->snapshots = sk_domain_snapshot_ids(domain);
    work->checkpoints = sk_domain_checkpoint_ids(domain);
    return work;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    DeleteWork *work = job->work = new_work(domain);
    if (sk_domain_is_active(domain)) {
        if (!job->call->params.force)
            return sk_fail(error, SK_ERROR_STATE, "cannot delete domain \"%s\" while it is %s: shut it down first, or force it (--force, force=true)",
                           work->name, sk_enum_name(&sk_domain_state_enum, domain->runtime.state));
        work->process = domain->process != NULL ? g_object_ref(domain->process) : NULL;
        work->qmp = domain->qmp != NULL ? g_object_ref(domain->qmp) : NULL;
        work->stop_ms = (gint) job->service->settings->stop_timeout * 1000;
        domain->destroying = TRUE;
    }
    work->roots = sk_service_storage_roots(job->service);
    if (job->call->params.volumes && !plan_volumes(job->service, work, error))
        return FALSE;
    sk_domain_add_own_files(domain, work->paths, FALSE);
    return TRUE;
}

/* -- run: worker --------------------------------------------------------------------------------------------------- */

/* A volume that others are laid over must stay. */
static gboolean
check_overlays(DeleteWork *work, GError **error)
{
    for (guint i = 0; i < work->volumes->len; i++) {
        const char *path = work->volumes->pdata[i];
        g_autoptr(GPtrArray) overlays = sk_storage_overlays_of(path, (const char *const *) work->roots);
        if (overlays->len > 0)
            return sk_fail(error, SK_ERROR_IN_USE, "volume \"%s\" is in use: \"%s\" is backed by it", path, (char *) overlays->pdata[0]);
    }
    return TRUE;
}

/* A volume that is gone already needs no removal. */
static SkIntent *
plan_removal(SkJob *job, const DeleteWork *work)
{
    SkIntent *intent = sk_intent_new(job->service->store, g_strconcat("the deletion of domain ", work->name, NULL));
    for (guint i = 0; i < work->paths->len; i++)
        sk_intent_add_path(intent, work->paths->pdata[i]);
    for (guint i = 0; i < work->volumes->len; i++)
        sk_intent_add_file(intent, work->volumes->pdata[i], work->volumes->pdata[i], NULL);
    return intent;
}

static gboolean
run(SkJob *job, GError **error)
{
    DeleteWork *work = job->work;
    if (!check_overlays(work, error))
        return FALSE;
    if (work->process != NULL && !sk_qemu_process_destroy(work->process, work->qmp, work->stop_ms, NULL, error))
        return FALSE;
    if (sk_fault("domain-delete/record", error))
        return FALSE;
    SkStoreBatch *batch = sk_store_batch_new();
    g_autoptr(SkIntent) intent = plan_removal(job, work);
    sk_intent_promise(intent, batch);
    sk_store_batch_remove(batch, sk_domain_kind(work->persistent), work->uuid);
    sk_store_batch_free_uid(batch, work->uuid);
    sk_snapshots_remove_records((const char *const *) work->snapshots, batch);
    sk_store_batch_remove(batch, "snapshot-note", work->uuid);
    sk_checkpoints_remove_records((const char *const *) work->checkpoints, batch);
    sk_store_batch_remove(batch, "checkpoint-note", work->uuid);
    if (!sk_store_commit(job->service->store, batch, error))
        return FALSE;
    /* From here on it is gone; a failure below is only tidying up, which the next start does too. */
    sk_fault("domain-delete/files", NULL);
    sk_intent_carry_out(intent);
    return TRUE;
}

/* -- commit: main -------------------------------------------------------------------------------------------------------- */

static void
forget_volume(SkService *self, const char *path)
{
    const SkVolume *volume = sk_service_volume_at(self, path);
    SkPool *pool = volume != NULL ? g_tree_lookup(self->pools, volume->pool) : NULL;
    if (pool != NULL) {
        g_autofree char *name = g_strdup(volume->name);
        sk_pool_forget_volume(pool, name);
    }
}

static void
commit(SkJob *job)
{
    DeleteWork *work = job->work;
    SkService *self = job->service;
    if (sk_domain_is_active(work->domain))
        sk_domain_ended(work->domain, SK_REASON_DESTROYED);
    if (!work->persistent)
        return; /* its end was all of it */
    for (guint i = 0; i < work->volumes->len; i++)
        forget_volume(self, work->volumes->pdata[i]);
    sk_domain_close_consoles(work->domain);
    sk_service_drop_domain(self, work->domain);
    sk_service_dns_changed(self, work->domain);
    g_autofree char *object = g_strconcat("domain/", work->name, NULL);
    sk_events_emit(self->events, "domain.deleted", object, work->uuid, g_strdup("{\"persistent\":true}"));
}

static void
rollback(SkJob *job, const GError *error)
{
    DeleteWork *work = job->work;
    (void) error;
    if (work != NULL)
        work->domain->destroying = FALSE;
}

const SkJobKind sk_domain_delete_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .rollback = rollback, .free_work = free_work,
};

/* -- undefine: only the definition; what runs goes on without one ------------------------------------------------------------ */

static gboolean
prepare_undefine(SkJob *job, GError **error)
{
    const SkParams *params = &job->call->params;
    SkDomain *domain = sk_service_domain(job->service, params->name, error);
    if (domain == NULL)
        return FALSE;
    if (!domain->persistent)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has no definition: it is transient", sk_domain_name(domain));
    if (domain->saved != NULL && !params->managed_save)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has a saved state, which would be lost: restore it, or give managed_save",
                       sk_domain_name(domain));
    if (domain->snapshots != NULL && domain->snapshots->len > 0 && !params->metadata)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has %u snapshots, which would be forgotten: delete them, or give metadata",
                       sk_domain_name(domain), domain->snapshots->len);
    if (domain->checkpoints != NULL && domain->checkpoints->len > 0 && !params->checkpoints)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has %u checkpoints, which would be forgotten: delete them, or give checkpoints",
                       sk_domain_name(domain), domain->checkpoints->len);
    DeleteWork *work = job->work = new_work(domain);
    if (sk_domain_is_active(domain)) {
        work->runtime = sk_domain_runtime_json(domain);
        work->record = sk_domain_record(domain->spec, FALSE);
        return TRUE;
    }
    if (domain->spec->firmware.kind == SK_FIRMWARE_UEFI && !params->nvram && !params->keep_nvram)
        work->nvram = sk_domain_nvram_path(job->service->settings, work->uuid);
    sk_domain_add_own_files(domain, work->paths, params->keep_nvram);
    return TRUE;
}

static gboolean
run_undefine(SkJob *job, GError **error)
{
    DeleteWork *work = job->work;
    if (work->nvram != NULL && access(work->nvram, F_OK) == 0)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has firmware variables: give nvram to delete them, or keep_nvram", work->name);
    if (work->record == NULL)
        return run(job, error);
    if (sk_fault("domain-undefine/record", error))
        return FALSE;
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_remove(batch, sk_domain_kind(TRUE), work->uuid);
    sk_store_batch_put(batch, work->record);
    sk_store_batch_put_state(batch, sk_domain_kind(FALSE), work->uuid, work->runtime);
    sk_snapshots_remove_records((const char *const *) work->snapshots, batch);
    sk_checkpoints_remove_records((const char *const *) work->checkpoints, batch);
    return sk_store_commit(job->service->store, batch, error);
}

static void
commit_undefine(SkJob *job)
{
    DeleteWork *work = job->work;
    SkDomain *domain = work->domain;
    if (work->record == NULL) {
        commit(job);
        return;
    }
    domain->persistent = FALSE;
    g_clear_pointer(&domain->snapshots, g_ptr_array_unref);
    g_clear_pointer(&domain->checkpoints, g_ptr_array_unref);
    sk_domain_touch(domain);
    g_autofree char *object = sk_domain_object(domain);
    sk_events_emit(job->service->events, "domain.undefined", object, work->uuid, NULL);
    if (sk_domain_is_active(domain))
        sk_domain_save_runtime(domain);
    else
        sk_domain_vanish(domain);
}

const SkJobKind sk_domain_undefine_job = {
    .object = sk_domain_job_object, .prepare = prepare_undefine, .run = run_undefine, .commit = commit_undefine, .free_work = free_work,
};
