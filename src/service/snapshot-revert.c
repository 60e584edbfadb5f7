/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.revert: QEMU ends, each image becomes what it was, or gets a new overlay over the file that has the state, then the definition, in that order;
 * files that nobody needs then go, and at last the guest goes on or boots. Every step may be done again, so what a crash leaves half done the next daemon
 * does whole.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "service/backup.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-save.h"
#include "service/network.h"
#include "service/disk-users.h"
#include "service/snapshot-files.h"
#include "storage/chain.h"
#include "storage/snapshot.h"

typedef struct {
    SkSnapshotSite site;
    SkDomain *domain;       /* a former daemon's: a reference */
    SkSnapshot *snapshot;   /* a copy, with the overlays that are to be */
    GPtrArray *known;       /* SkSnapshot, copies of all */
    SkSnapshot *left;       /* the one that was current; NULL: none, or the same */
    SkDomainSpec *spec;     /* the definition as it was */
    SkRecord *record;
    guint64 revision;
    gint then;              /* SkRevertState */
    gboolean fresh_nvram;
    gboolean begun;         /* images may not fit each other any more */
    gboolean resumed;       /* a former daemon's: what it noted is done again */
    char **left_over;       /* made by a revert to another that came not to its end */
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
    g_clear_pointer(&work->known, g_ptr_array_unref);
    sk_value_free(&sk_domain_spec_type, work->spec);
    sk_record_free(work->record);
    g_strfreev(work->left_over);
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

/* Beside the last one over that file, or beside the file itself: "disk.one-2". Free with g_free(). */
static char *
new_overlay(SkService *service, const SkSnapshot *snapshot, const SkSnapshotDisk *disk)
{
    gboolean block = g_str_has_prefix(disk->path, "/dev/");
    g_autofree char *dir = g_path_get_dirname(block && disk->overlay != NULL ? disk->overlay : disk->path), *file = g_path_get_basename(disk->path);
    char *dot = strrchr(file, '.');
    if (dot != NULL && dot != file)
        *dot = '\0';
    for (guint i = 2;; i++) {
        char *path = g_strdup_printf("%s/%s.%s-%u", dir, file, snapshot->name, i);
        if (!g_file_test(path, G_FILE_TEST_EXISTS) && sk_service_user_of_path(service, path) == NULL)
            return path;
        g_free(path);
    }
}

/* The definition is on new overlays over the files that have the states. */
static void
plan_overlays(RevertWork *work, SkService *service)
{
    for (guint i = 0; work->snapshot->disks != NULL && i < work->snapshot->disks->len; i++) {
        SkSnapshotDisk *disk = work->snapshot->disks->pdata[i];
        if (disk->kind != SK_SNAPSHOT_EXTERNAL || disk->path == NULL)
            continue;
        char *overlay = work->resumed ? NULL : new_overlay(service, work->snapshot, disk);
        if (overlay != NULL) {
            g_free(disk->overlay);
            disk->overlay = overlay;
        }
        sk_snapshot_move_disk(work->spec, disk->target, disk->path, disk->overlay, SK_FORMAT_QCOW2);
    }
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

/* The guest is told that it went back, as what goes on from memory and as what boots later. */
static void
renew_genid(RevertWork *work)
{
    SkDomainSpec *live = work->snapshot->definition;
    sk_domain_spec_renew_genid(work->spec);
    if (live == NULL || live->genid == NULL)
        return;
    sk_domain_spec_renew_genid(live);
    if (work->spec->genid != NULL) {
        g_free(live->genid);
        live->genid = g_strdup(work->spec->genid);
    }
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
    renew_genid(work);
    plan_overlays(work, service);
    work->known = sk_domain_copy_snapshots(domain);
    work->then = decide(snapshot, then);
    work->revision = domain->revision;
    work->nvram = work->spec->firmware.nvram != NULL ? g_strdup(work->spec->firmware.nvram) : sk_domain_nvram_path(service->settings, work->site.uuid);
    work->tpm_dir = sk_domain_tpm_dir(service->settings, work->site.uuid);
    work->managed = sk_domain_managed_save_path(service->settings, work->site.uuid);
    domain->stop_reason = SK_REASON_SNAPSHOT;
    return TRUE;
}

/* One that came not to its end is done again, as it was, or leaves behind what it made. */
static void
take_torn(RevertWork *work, const SkDomain *domain, const SkSnapshot *snapshot)
{
    const SkSnapshot *torn = domain->torn_snapshot;
    if (torn == NULL)
        return;
    if (g_str_equal(torn->id, snapshot->id)) {
        work->resumed = TRUE;
        work->snapshot = sk_value_copy(&sk_snapshot_type, torn);
        work->site.remove = g_strdupv(domain->torn_remove);
        return;
    }
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    for (guint i = 0; domain->torn_remove != NULL && domain->torn_remove[i] != NULL; i++)
        g_strv_builder_add(paths, domain->torn_remove[i]);
    for (guint i = 0; torn->disks != NULL && i < torn->disks->len; i++) {
        const SkSnapshotDisk *disk = torn->disks->pdata[i];
        if (disk->kind == SK_SNAPSHOT_EXTERNAL && disk->overlay != NULL)
            g_strv_builder_add(paths, disk->overlay);
    }
    work->left_over = g_strv_builder_end(paths);
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
    if (domain->unfinished != NULL)
        return sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" of domain \"%s\" is being deleted: wait for its end", domain->unfinished->name,
                       sk_domain_name(domain));
    if (snapshot->doomed)
        return sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" of domain \"%s\" is of no use: its deletion was begun; delete it", snapshot->name,
                       sk_domain_name(domain));
    work = job->work = g_new0(RevertWork, 1);
    work->fresh_nvram = body->fresh_nvram;
    take_torn(work, domain, snapshot);
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

/* A file that becomes another must not be below any that is kept, nor be a state as it is. */
static gboolean
check_not_below(const RevertWork *work, const SkSnapshotDisk *disk, GError **error)
{
    const SkSnapshot *snapshot = work->snapshot;
    for (guint i = 0; i < work->known->len; i++) {
        const SkSnapshot *other = work->known->pdata[i];
        const SkSnapshotDisk *part = sk_snapshot_find_disk(other, disk->target);
        if (part != NULL && part->kind == SK_SNAPSHOT_EXTERNAL && !other->doomed && g_strcmp0(part->path, disk->path) == 0)
            return sk_fail(error, SK_ERROR_IN_USE, "going back to snapshot \"%s\" would ruin \"%s\", an external one whose state is all of \"%s\": delete that first",
                           snapshot->name, other->name, disk->path);
    }
    g_auto(SkSnapshotFiles) files = { 0 };
    g_autofree char *path = sk_snapshot_real(disk->path);
    if (!sk_snapshot_files_find(&files, &work->site, work->known, NULL, disk->target, TRUE, error))
        return FALSE;
    g_autoptr(GPtrArray) over = sk_snapshot_files_over(&files, path);
    g_autofree char *stranger = sk_snapshot_files_stranger(&files, &work->site, path);
    const char *ruined = over->len > 0 ? over->pdata[0] : stranger;
    return ruined == NULL || sk_fail(error, SK_ERROR_IN_USE, "going back to snapshot \"%s\" would ruin \"%s\", which is laid over \"%s\": delete it, or make it "
                                     "whole (qemu-img rebase), first", snapshot->name, ruined, disk->path);
}

/* A new overlay can be laid over it. */
static gboolean
check_frozen(const RevertWork *work, const SkSnapshotDisk *disk, GError **error)
{
    g_autoptr(GPtrArray) layers = NULL;
    if (disk->path == NULL || disk->overlay == NULL)
        return sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" is of no use: the file of disk \"%s\" is not known", work->snapshot->name, disk->target);
    if (sk_domain_spec_find_disk(work->spec, disk->target) == NULL)
        return sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" is of no use: its definition has no disk \"%s\"", work->snapshot->name, disk->target);
    if (sk_storage_open_chain(disk->path, disk->format, FALSE, (const char *const *) work->site.roots, &layers, error))
        return TRUE;
    g_prefix_error(error, "snapshot \"%s\" is of no use: ", work->snapshot->name);
    return FALSE;
}

/* All of it must be there before anything is changed. */
static gboolean
check_whole(const RevertWork *work, GError **error)
{
    const SkSnapshot *snapshot = work->snapshot;
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        if (disk->kind == SK_SNAPSHOT_EXTERNAL && !check_frozen(work, disk, error))
            return FALSE;
        if (disk->kind == SK_SNAPSHOT_INTERNAL && (!has_state(disk->path, snapshot, error) || (!work->resumed && !check_not_below(work, disk, error))))
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

/* -- files that nobody needs afterwards --------------------------------------------------------------------------------------- */

static gboolean
is_made(const RevertWork *work, const char *target, const char *path)
{
    for (guint i = 0; i < work->known->len; i++) {
        const SkSnapshotDisk *disk = sk_snapshot_find_disk(work->known->pdata[i], target);
        if (disk != NULL && g_strcmp0(disk->overlay, path) == 0)
            return TRUE;
    }
    return FALSE;
}

/* What the disk has now, and no snapshot has, is what is given up. */
static gboolean
plan_removal(const RevertWork *work, const SkDisk *disk, GStrvBuilder *out, GError **error)
{
    g_auto(SkSnapshotFiles) files = { 0 }, now = { 0 };
    if (disk->path == NULL || disk->source == SK_SOURCE_NONE || !is_made(work, disk->target, disk->path) || access(disk->path, F_OK) != 0)
        return TRUE;
    if (!sk_snapshot_files_find(&files, &work->site, work->known, NULL, disk->target, FALSE, error))
        return FALSE;
    g_autofree char *path = sk_snapshot_real(disk->path), *user = sk_snapshot_other_user(&work->site, disk->path);
    g_autofree char *stranger = sk_snapshot_files_stranger(&files, &work->site, path);
    if (!sk_snapshot_files_has(&files, path) && user == NULL && stranger == NULL)
        g_strv_builder_add(out, disk->path);
    return TRUE;
}

static gboolean
plan_removals(RevertWork *work, GError **error)
{
    const SkDomainSpec *const specs[] = { work->site.spec, work->site.live };
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    if (work->resumed)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(specs); i++) {
        for (guint n = 0; specs[i] != NULL && specs[i]->disks != NULL && n < specs[i]->disks->len; n++) {
            if (!plan_removal(work, specs[i]->disks->pdata[n], paths, error))
                return FALSE;
        }
    }
    for (guint i = 0; work->left_over != NULL && work->left_over[i] != NULL; i++)
        g_strv_builder_add(paths, work->left_over[i]);
    work->site.remove = g_strv_builder_end(paths);
    return TRUE;
}

/* Gone for good only when the definition is the new one: the guest does not start before the note is gone too. */
static gboolean
remove_files(const RevertWork *work, GError **error)
{
    for (guint i = 0; work->site.remove != NULL && work->site.remove[i] != NULL; i++) {
        if (!sk_fs_remove(work->site.remove[i], error) || sk_fault("snapshot-revert/remove", error))
            return FALSE;
    }
    return sk_store_remove(work->site.store, "snapshot-note", work->site.uuid, error);
}

/* -- images ------------------------------------------------------------------------------------------------------------- */

/* What a daemon that died made of it nobody wrote to. */
static gboolean
revert_overlay(const RevertWork *work, const SkSnapshotDisk *disk, GError **error)
{
    g_autoptr(GPtrArray) layers = NULL;
    if (!sk_storage_open_chain(disk->path, disk->format, FALSE, (const char *const *) work->site.roots, &layers, error))
        return FALSE;
    const SkChainLayer *own = layers->pdata[0];
    if (!sk_storage_path_allowed(own->path, (const char *const *) work->site.roots))
        return sk_fail(error, SK_ERROR_DENIED, "\"%s\", the file of disk \"%s\", is in no storage pool, so nothing can be laid over it", own->path, disk->target);
    return (!work->resumed || sk_fs_remove(disk->overlay, error)) &&
           sk_storage_make_overlay(disk->overlay, own->path, disk->format, own->size, error) && !sk_fault("snapshot-revert/overlay", error);
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
        if (disk->kind == SK_SNAPSHOT_EXTERNAL && !revert_overlay(work, disk, error))
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
    /* Else once they are gone. */
    if (work->site.remove == NULL || *work->site.remove == NULL)
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
    if (!check_whole(work, error) || !plan_removals(work, error) || !sk_snapshot_note(&work->site, SK_SNAPSHOT_REVERTING, work->snapshot, work->then, error))
        return FALSE;
    work->begun = TRUE;
    if (sk_fault("snapshot-revert/note", error))
        return FALSE;
    sk_main_call(mark_end, work->site.domain);
    if (work->site.process != NULL &&
        !sk_qemu_process_destroy(work->site.process, work->site.qmp, (gint) work->site.settings->stop_timeout * 1000, NULL, error))
        return FALSE;
    return !sk_fault("snapshot-revert/end", error) && revert_images(work, error) && keep(work, error) && remove_files(work, error);
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
    for (guint i = 0; work->snapshot->disks != NULL && i < work->snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = work->snapshot->disks->pdata[i];
        if (disk->kind == SK_SNAPSHOT_EXTERNAL)
            sk_snapshot_move_disk(saved->spec, disk->target, disk->path, disk->overlay, SK_FORMAT_QCOW2);
    }
    saved->paused = paused;
    sk_domain_restore_by_daemon(domain, saved, job);
}

static void
look_at_files(const RevertWork *work, SkService *service)
{
    for (guint i = 0; work->snapshot->disks != NULL && i < work->snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = work->snapshot->disks->pdata[i];
        if (disk->kind == SK_SNAPSHOT_EXTERNAL && disk->overlay != NULL)
            sk_snapshot_look_at(service, disk->overlay);
    }
    for (guint i = 0; work->site.remove != NULL && work->site.remove[i] != NULL; i++)
        sk_snapshot_look_at(service, work->site.remove[i]);
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
    g_clear_pointer(&domain->torn_remove, g_strfreev);
    sk_value_free(&sk_snapshot_type, domain->torn_snapshot);
    domain->torn_snapshot = NULL;
    g_clear_pointer(&domain->saved, sk_saved_free);
    if (work->left != NULL)
        sk_domain_put_snapshot(domain, g_steal_pointer(&work->left));
    sk_domain_put_snapshot(domain, sk_value_copy(&sk_snapshot_type, work->snapshot));
    sk_domain_set_spec(domain, g_steal_pointer(&work->spec), work->record->revision, work->record->modified);
    look_at_files(work, job->service);
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
    sk_value_free(&sk_snapshot_type, domain->torn_snapshot);
    domain->torn_snapshot = sk_value_copy(&sk_snapshot_type, work->snapshot);
    g_strfreev(domain->torn_remove);
    domain->torn_remove = g_strdupv(work->site.remove);
    g_free(domain->message);
    domain->message = g_strdup(error->message);
    sk_domain_touch(domain);
}

const SkJobKind sk_snapshot_revert_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .rollback = rollback, .free_work = free_work,
    .lingers = TRUE,
};

void
sk_snapshot_revert_by_daemon(SkDomain *domain, SkSnapshot *snapshot, gint then, char **remove)
{
    RevertWork *work = g_new0(RevertWork, 1);
    g_autofree char *object = sk_domain_object(domain);
    work->domain = g_object_ref(domain);
    work->snapshot = snapshot;
    work->then = then;
    work->resumed = TRUE;
    work->site.remove = remove;
    sk_job_start(domain->service, &sk_snapshot_revert_job, "snapshot.revert", object, work);
}
