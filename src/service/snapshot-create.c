/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot.create: all disks at one instant, with or without the guest's memory. */
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "engine/qmp/commands.h"
#include "engine/qmp/migrate.h"
#include "engine/qmp/snapshot.h"
#include "service/domain-launch.h"
#include "service/snapshot.h"
#include "storage/save-image.h"
#include "storage/snapshot.h"

typedef struct {
    SkSnapshotSite site;
    SkSnapshot *snapshot;
    SkSnapshot *parent;     /* current until then, to be so no more; NULL: none */
    char *dir, *tpm_dir;
    gint quiesce;           /* SkQuiesce */
    gboolean ran, halt, forget;
    gboolean stopped, frozen, noted; /* to be taken back if it fails */
} CreateWork;

static void
free_work(gpointer data)
{
    CreateWork *work = data;
    sk_snapshot_site_clear(&work->site);
    sk_value_free(&sk_snapshot_type, work->snapshot);
    sk_value_free(&sk_snapshot_type, work->parent);
    g_free(work->dir);
    g_free(work->tpm_dir);
    g_free(work);
}

/* -- prepare: main -------------------------------------------------------------------------------------------------- */

static gboolean
prepare(SkJob *job, GError **error)
{
    const SkSnapshotCreate *body = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    CreateWork *work = job->work = g_new0(CreateWork, 1);
    if (!sk_snapshot_site_begin(&work->site, job->service, domain, error))
        return FALSE;
    work->snapshot = sk_snapshot_plan(job, domain, body, error);
    if (work->snapshot == NULL)
        return FALSE;
    const SkSnapshot *current = sk_domain_current_snapshot(domain);
    work->parent = sk_value_copy(&sk_snapshot_type, current);
    work->dir = sk_domain_snapshot_dir(job->service->settings, work->site.uuid);
    work->tpm_dir = sk_domain_tpm_dir(job->service->settings, work->site.uuid);
    work->ran = sk_domain_state_computes(sk_domain_state(domain));
    /* Memory has what was not written yet: nothing needs to be frozen for it. */
    work->quiesce = body->quiesce == SK_QUIESCE_AUTO && (body->memory || !work->ran) ? SK_QUIESCE_NO : body->quiesce;
    work->forget = work->site.forget = body->forget;
    work->site.reuse = body->reuse;
    work->halt = body->halt && work->site.qmp != NULL;
    domain->stop_reason = SK_REASON_SNAPSHOT;
    domain->runtime.held = work->ran && (work->snapshot->memory != NULL || work->snapshot->tpm != NULL || body->halt);
    if (domain->runtime.held)
        sk_domain_save_runtime(domain);
    return TRUE;
}

/* -- run: worker ------------------------------------------------------------------------------------------------------ */

/* What is dropped if this fails must be ours. */
static gboolean
check_nothing_there(const CreateWork *work, GError **error)
{
    const SkSnapshot *snapshot = work->snapshot;
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        if (disk->kind != SK_SNAPSHOT_INTERNAL)
            continue;
        g_auto(GStrv) names = sk_storage_snapshot_names(disk->path, error);
        if (names == NULL)
            return FALSE;
        if (g_strv_contains((const char *const *) names, snapshot->tag))
            return sk_fail(error, SK_ERROR_EXISTS, "the image \"%s\" of disk \"%s\" has a snapshot \"%s\" that is not known here: give another name, or "
                           "drop it with qemu-img snapshot -d", disk->path, disk->target, snapshot->tag);
    }
    if (!sk_snapshot_check_overlays(&work->site, snapshot, error))
        return FALSE;
    if (snapshot->memory != NULL && access(snapshot->memory, F_OK) == 0)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a file \"%s\", where the memory would be written: remove it", snapshot->memory);
    return TRUE;
}

static gboolean
freeze(CreateWork *work, GError **error)
{
    g_autoptr(GError) why = NULL;
    guint count;
    if (work->quiesce == SK_QUIESCE_NO || work->site.agent == NULL)
        return TRUE;
    if (sk_fault("snapshot-create/freeze", error))
        return FALSE;
    work->frozen = TRUE;
    if (sk_agent_freeze(work->site.agent, &count, &why)) {
        work->snapshot->frozen = TRUE;
        return TRUE;
    }
    sk_agent_thaw(work->site.agent, NULL, NULL);
    work->frozen = FALSE;
    if (work->quiesce == SK_QUIESCE_AUTO) {
        g_message("domain \"%s\": its file systems are not frozen for snapshot \"%s\": %s", work->site.name, work->snapshot->name, why->message);
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static void
thaw(CreateWork *work)
{
    g_autoptr(GError) why = NULL;
    if (!work->frozen)
        return;
    work->frozen = FALSE;
    if (!sk_agent_thaw(work->site.agent, NULL, &why))
        g_warning("domain \"%s\": its file systems may still be frozen: %s", work->site.name, why->message);
}

/* The states of a running guest's disks and variables, in one transaction. */
static gboolean
take_running(CreateWork *work, GError **error)
{
    const SkSnapshot *snapshot = work->snapshot;
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(SkQmpSnapshotStep));
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        if (disk->kind == SK_SNAPSHOT_INTERNAL)
            g_ptr_array_add(nodes, sk_block_node_name(sk_domain_spec_find_disk(work->site.live, disk->target)));
    }
    if (snapshot->nvram != NULL)
        g_ptr_array_add(nodes, g_strdup("nvram"));
    for (guint i = 0; i < nodes->len; i++) {
        const SkQmpSnapshotStep step = { .node = nodes->pdata[i] };
        g_array_append_val(steps, step);
    }
    if (!sk_snapshot_plug_overlays(&work->site, snapshot, steps, nodes, error))
        return FALSE;
    if (steps->len > 0 && !sk_qmp_snapshot_take(work->site.qmp, (const SkQmpSnapshotStep *) (gpointer) steps->data, steps->len, snapshot->tag, error))
        return FALSE;
    work->site.switched = sk_snapshot_has_overlays(snapshot);
    return TRUE;
}

static gboolean
take_off(CreateWork *work, GError **error)
{
    SkSnapshot *snapshot = work->snapshot;
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        if (disk->kind == SK_SNAPSHOT_INTERNAL && !sk_storage_snapshot_create(disk->path, snapshot->tag, NULL, error))
            return FALSE;
        if (sk_fault("snapshot-create/disk", error))
            return FALSE;
    }
    /* Of a domain that was never started there are none yet, and going back to that is starting with none. */
    if (snapshot->nvram != NULL && access(snapshot->nvram, F_OK) != 0)
        g_clear_pointer(&snapshot->nvram, g_free);
    return snapshot->nvram == NULL || sk_storage_snapshot_create(snapshot->nvram, snapshot->tag, NULL, error);
}

static gboolean
copy_tpm(CreateWork *work, GError **error)
{
    SkSnapshot *snapshot = work->snapshot;
    if (snapshot->tpm == NULL)
        return TRUE;
    if (access(work->tpm_dir, F_OK) != 0) {
        g_clear_pointer(&snapshot->tpm, g_free);
        return TRUE;
    }
    return sk_storage_copy_dir(work->tpm_dir, snapshot->tpm, error) && !sk_fault("snapshot-create/tpm", error);
}

static void
tell(guint64 done, guint64 total, gpointer data)
{
    sk_job_progress(data, total > 0 ? (gdouble) done / (gdouble) total : -1, "saving memory", done, total);
}

static gboolean
save_memory(SkJob *job, CreateWork *work, GError **error)
{
    SkSnapshot *snapshot = work->snapshot;
    if (snapshot->memory == NULL)
        return TRUE;
    g_autofree char *text = sk_json_encode(&sk_domain_spec_type, snapshot->definition, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    const SkSaveImage image = { .paused = !work->ran, .time = snapshot->created, .text = text };
    g_auto(SkFd) fd = sk_save_image_create(snapshot->memory, &image, error);
    if (fd < 0 || !sk_qmp_migrate_to_fd(work->site.qmp, fd, job->cancellable, tell, job, error) || sk_fault("snapshot-create/memory", error))
        return FALSE;
    if (fsync(fd) < 0)
        return sk_fail_errno(error, errno, "cannot write \"%s\"", snapshot->memory);
    snapshot->memory_bytes = (guint64) MAX(lseek(fd, 0, SEEK_END), 0);
    return sk_fs_sync_dir_of(snapshot->memory, error);
}

/*
 * The guest goes on. One that was paused is let go for an instant too if its memory was saved: QEMU keeps the disks of a guest whose
 * state was moved closed until then. What was kept is from before that.
 */
static gboolean
go_on(CreateWork *work, GError **error)
{
    gboolean moved = work->snapshot->memory != NULL;
    work->stopped = FALSE;
    if (!work->ran && !moved)
        return TRUE;
    return sk_qmp_do(work->site.qmp, SK_QMP_CONT, error) && (work->ran || sk_qmp_do(work->site.qmp, SK_QMP_STOP, error));
}

static gboolean
take(SkJob *job, CreateWork *work, GError **error)
{
    if (work->site.qmp == NULL)
        return take_off(work, error) && copy_tpm(work, error);
    if (!freeze(work, error))
        return FALSE;
    /* Disks alone need no stop: the transaction is one instant. */
    work->stopped = work->snapshot->memory != NULL || work->snapshot->tpm != NULL || work->halt;
    if (work->stopped && work->ran && (!sk_qmp_do(work->site.qmp, SK_QMP_STOP, error) || sk_fault("snapshot-create/stop", error)))
        return FALSE;
    if (!take_running(work, error) || sk_fault("snapshot-create/disks", error) || !copy_tpm(work, error) || !save_memory(job, work, error))
        return FALSE;
    if (work->stopped && !work->halt && !go_on(work, error))
        return FALSE;
    thaw(work);
    return TRUE;
}

/* From here on it is there. */
static gboolean
keep(CreateWork *work, GError **error)
{
    g_autoptr(SkRecord) record = sk_snapshot_record(work->site.uuid, work->snapshot);
    SkStoreBatch *batch = sk_store_batch_new();
    if (!work->forget)
        sk_store_batch_put(batch, record);
    if (work->parent != NULL && !work->forget) {
        work->parent->current = FALSE;
        g_autoptr(SkRecord) parent = sk_snapshot_record(work->site.uuid, work->parent);
        sk_store_batch_put(batch, parent);
    }
    if (sk_snapshot_has_overlays(work->snapshot)) {
        const SkRecord *definition = sk_snapshot_switch(&work->site, work->snapshot);
        if (definition != NULL)
            sk_store_batch_put(batch, definition);
    }
    sk_snapshot_note_settle(&work->site, batch);
    if ((work->site.switched && !sk_snapshot_note_live(&work->site, error)) || sk_fault("snapshot-create/record", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    return sk_store_commit(work->site.store, batch, error);
}

static void
take_back(CreateWork *work)
{
    g_autoptr(GError) error = NULL;
    if (work->site.qmp != NULL && work->snapshot->memory != NULL)
        sk_qmp_migrate_cancel(work->site.qmp);
    if (work->stopped && !go_on(work, &error))
        g_warning("domain \"%s\": %s, continuing", work->site.name, error->message);
    g_clear_error(&error);
    thaw(work);
    if (!work->noted)
        return;
    /* QEMU writes to the overlays: what is left is to say so. */
    if (work->site.switched)
        return;
    sk_snapshot_drop_overlays(&work->site, work->snapshot);
    if (work->site.qmp != NULL && !sk_qmp_is_open(work->site.qmp))
        sk_qemu_process_destroy(work->site.process, NULL, 2000, NULL, NULL);
    if (sk_snapshot_drop_states(&work->site, work->snapshot, &error) && sk_snapshot_drop_files(work->snapshot, &error))
        sk_snapshot_note_drop(&work->site);
    else
        g_warning("domain \"%s\": not all of snapshot \"%s\" could be taken back, which the next start of the daemon tries again: %s",
                  work->site.name, work->snapshot->name, error->message);
}

static void
mark_end(gpointer domain)
{
    ((SkDomain *) domain)->destroying = TRUE;
}

static gboolean
run(SkJob *job, GError **error)
{
    CreateWork *work = job->work;
    if (!sk_fs_make_dir(work->dir, 0700, error) || !check_nothing_there(work, error))
        return FALSE;
    work->noted = sk_snapshot_note(&work->site, SK_SNAPSHOT_CREATING, work->snapshot, 0, error);
    if (!work->noted || sk_fault("snapshot-create/note", error) || !sk_snapshot_make_overlays(&work->site, work->snapshot, error) ||
        !take(job, work, error) || (work->site.switched && sk_fault("snapshot-create/switched", error)) || !keep(work, error)) {
        take_back(work);
        return FALSE;
    }
    if (work->halt)
        sk_main_call(mark_end, work->site.domain);
    if (work->halt && !sk_qemu_process_destroy(work->site.process, work->site.qmp, (gint) work->site.settings->stop_timeout * 1000, NULL, error))
        return FALSE;
    return TRUE;
}

/* -- commit, rollback: main ---------------------------------------------------------------------------------------------- */

static void
let_go(SkDomain *domain)
{
    domain->stop_reason = SK_REASON_UNKNOWN;
    domain->runtime.held = FALSE;
    if (sk_domain_is_active(domain))
        sk_domain_save_runtime(domain);
}

static void
commit(SkJob *job)
{
    CreateWork *work = job->work;
    SkDomain *domain = work->site.domain;
    g_autofree char *name = g_strdup(work->snapshot->name);
    SkCreated created = { .name = name, .uuid = work->site.uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    if (sk_snapshot_has_overlays(work->snapshot))
        sk_snapshot_switched(&work->site, work->snapshot);
    if (work->parent != NULL && !work->forget)
        sk_domain_put_snapshot(domain, g_steal_pointer(&work->parent));
    if (!work->forget)
        sk_domain_put_snapshot(domain, g_steal_pointer(&work->snapshot));
    if (work->halt && sk_domain_is_active(domain))
        sk_domain_ended(domain, SK_REASON_SNAPSHOT);
    let_go(domain);
    if (!work->forget)
        sk_domain_tell_snapshots(domain, "snapshot.created", name);
}

static void
rollback(SkJob *job, const GError *error)
{
    CreateWork *work = job->work;
    (void) error;
    if (work == NULL || work->site.domain == NULL)
        return;
    if (work->site.switched) {
        /* What runs is what it is; the definition waits until it is kept. */
        sk_snapshot_switch(&work->site, work->snapshot);
        g_clear_pointer(&work->site.record, sk_record_free);
        sk_snapshot_switched(&work->site, work->snapshot);
        sk_snapshot_finish_by_daemon(work->site.domain, work->snapshot, work->site.reuse, work->forget);
    }
    let_go(work->site.domain);
}

const SkJobKind sk_snapshot_create_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .rollback = rollback, .free_work = free_work,
    .cancellable = TRUE,
};
