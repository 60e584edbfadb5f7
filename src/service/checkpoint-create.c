/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checkpoint.create: from one instant on all disks keep account of what is written to them. */
#include "base/error.h"
#include "base/thread.h"
#include "engine/qmp/bitmap.h"
#include "service/checkpoint.h"
#include "storage/bitmap.h"

/* Every write is noted in each of them. */
#define MAX_CHECKPOINTS 256

/* -- plan: main ------------------------------------------------------------------------------------------------- */

static const SkCheckpointWish *
find_wish(const SkCheckpointCreate *body, const SkDisk *disk)
{
    for (guint i = 0; body->disks != NULL && i < body->disks->len; i++) {
        const SkCheckpointWish *wish = body->disks->pdata[i];
        if (g_strcmp0(wish->target, disk->target) == 0 || (disk->path != NULL && g_strcmp0(wish->target, disk->path) == 0))
            return wish;
    }
    return NULL;
}

/* A disk that is named must be there, and once. */
static gboolean
check_wishes(const SkDomainSpec *spec, const SkCheckpointCreate *body, GError **error)
{
    for (guint i = 0; body->disks != NULL && i < body->disks->len; i++) {
        const SkCheckpointWish *wish = body->disks->pdata[i];
        gboolean found = FALSE;
        for (guint k = 0; spec->disks != NULL && k < spec->disks->len && !found; k++)
            found = find_wish(body, spec->disks->pdata[k]) == wish;
        if (!found)
            return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%s\", or it is named twice", spec->name, wish->target);
    }
    return TRUE;
}

/* What cannot keep account. Cdroms, empty drives and read-only disks have nothing to keep account of. */
static gboolean
check_disk(const SkDisk *disk, GError **error)
{
    if (disk->device != SK_DISK_DISK || !sk_disk_is_writable(disk) || disk->path == NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" cannot be written to, so it has no part in a checkpoint: leave it out", disk->target);
    if (disk->format != SK_FORMAT_QCOW2)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" is raw, which cannot keep a bitmap of what is written: leave it out, or convert it to qcow2",
                       disk->target);
    return !disk->shareable || sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" is shareable, so others write to it too: leave it out", disk->target);
}

static gboolean
plan_disk(SkCheckpoint *plan, const SkCheckpointCreate *body, const SkDisk *disk, GError **error)
{
    gboolean all = body->disks == NULL || body->disks->len == 0;
    gboolean writable = disk->device == SK_DISK_DISK && sk_disk_is_writable(disk) && disk->path != NULL && disk->source != SK_SOURCE_NONE;
    const SkCheckpointWish *wish = find_wish(body, disk);
    gboolean wanted = all ? writable : wish != NULL && wish->kind == SK_CHECKPOINT_BITMAP;
    if (wanted && !check_disk(disk, error))
        return FALSE;
    SkCheckpointDisk *part = sk_value_new(&sk_checkpoint_disk_type);
    if (plan->disks == NULL)
        plan->disks = sk_value_list_new(&sk_checkpoint_disk_type);
    g_ptr_array_add(plan->disks, part);
    part->target = g_strdup(disk->target);
    part->kind = wanted ? SK_CHECKPOINT_BITMAP : SK_CHECKPOINT_LEFT_OUT;
    if (wanted) {
        part->bitmap = g_strdup(wish != NULL && wish->bitmap != NULL ? wish->bitmap : plan->name);
        part->path = g_strdup(disk->path);
    }
    return TRUE;
}

static gboolean
plan_disks(SkCheckpoint *plan, const SkDomainSpec *spec, const SkCheckpointCreate *body, GError **error)
{
    gboolean any = FALSE;
    if (!check_wishes(spec, body, error))
        return FALSE;
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        if (!plan_disk(plan, body, spec->disks->pdata[i], error))
            return FALSE;
        any = any || ((const SkCheckpointDisk *) plan->disks->pdata[i])->kind == SK_CHECKPOINT_BITMAP;
    }
    return any || sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has no disk that would have a part in the checkpoint", spec->name);
}

static gboolean
plan_name(SkCheckpoint *plan, const SkDomain *domain, const SkCheckpointCreate *body, GError **error)
{
    gint64 second = g_get_real_time() / G_USEC_PER_SEC;
    plan->created = g_get_real_time();
    plan->name = g_strdup(body->name);
    if (plan->name == NULL) {
        do {
            g_free(plan->name);
            plan->name = g_strdup_printf("%" G_GINT64_FORMAT, second++);
        } while (sk_domain_checkpoint(domain, plan->name, NULL) != NULL);
    }
    plan->id = g_uuid_string_random();
    return sk_domain_checkpoint(domain, plan->name, NULL) == NULL ||
           sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" has a checkpoint \"%s\" already", sk_domain_name(domain), plan->name);
}

static gboolean
check(const SkDomain *domain, const SkCheckpointCreate *body, GError **error)
{
    const char *name = sk_domain_name(domain);
    SkDomainState state = sk_domain_state(domain);
    if (!domain->persistent)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is transient, so its checkpoints would be lost with it: define it first", name);
    if (domain->torn != NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was being reverted to \"%s\", which came not to its end: revert it again", name, domain->torn);
    if (body->quiesce && !sk_domain_state_computes(state))
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is %s, so its guest agent cannot freeze anything", name, sk_enum_name(&sk_domain_state_enum, state));
    if (body->quiesce && !domain->agent)
        return sk_fail(error, SK_ERROR_AGENT, "the guest agent of domain \"%s\" does not answer, so its file systems cannot be frozen", name);
    return domain->checkpoints == NULL || domain->checkpoints->len < MAX_CHECKPOINTS ||
           sk_fail(error, SK_ERROR_TOO_MANY, "domain \"%s\" has %u checkpoints, and more are not kept: delete some", name, MAX_CHECKPOINTS);
}

SkCheckpoint *
sk_checkpoint_plan(SkDomain *domain, const SkCheckpointCreate *body, GError **error)
{
    const SkDomainSpec *spec = sk_domain_is_active(domain) ? domain->runtime.live : domain->spec;
    const SkCheckpoint *parent = sk_domain_current_checkpoint(domain);
    if (!check(domain, body, error))
        return NULL;
    SkCheckpoint *plan = sk_value_new(&sk_checkpoint_type);
    if (!plan_name(plan, domain, body, error) || !plan_disks(plan, spec, body, error)) {
        sk_value_free(&sk_checkpoint_type, plan);
        return NULL;
    }
    plan->description = g_strdup(body->description);
    plan->parent = g_strdup(parent != NULL ? parent->name : NULL);
    plan->current = TRUE;
    plan->definition = sk_value_copy(&sk_domain_spec_type, spec);
    return plan;
}

void
sk_checkpoint_keep(const char *uuid, const SkCheckpoint *checkpoint, SkCheckpoint *parent, SkStoreBatch *batch)
{
    g_autoptr(SkRecord) record = sk_checkpoint_record(uuid, checkpoint);
    sk_store_batch_put(batch, record);
    if (parent == NULL)
        return;
    parent->current = FALSE;
    g_autoptr(SkRecord) before = sk_checkpoint_record(uuid, parent);
    sk_store_batch_put(batch, before);
}

void
sk_checkpoint_take(SkDomain *domain, SkCheckpoint *checkpoint, SkCheckpoint *parent)
{
    g_autofree char *name = g_strdup(checkpoint->name);
    if (parent != NULL)
        sk_domain_put_checkpoint(domain, parent);
    sk_domain_put_checkpoint(domain, checkpoint);
    sk_domain_tell_checkpoints(domain, "checkpoint.created", name);
}

/* -- the job ------------------------------------------------------------------------------------------------------ */

typedef struct {
    SkSnapshotSite site;
    SkCheckpoint *checkpoint;
    SkCheckpoint *parent;   /* current until then; NULL: none */
    gboolean quiesce, frozen, noted;
} CreateWork;

static void
free_work(gpointer data)
{
    CreateWork *work = data;
    sk_snapshot_site_clear(&work->site);
    sk_value_free(&sk_checkpoint_type, work->checkpoint);
    sk_value_free(&sk_checkpoint_type, work->parent);
    g_free(work);
}

static gboolean
prepare(SkJob *job, GError **error)
{
    const SkCheckpointCreate *body = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    CreateWork *work = job->work = g_new0(CreateWork, 1);
    work->quiesce = body->quiesce;
    work->parent = sk_value_copy(&sk_checkpoint_type, sk_domain_current_checkpoint(domain));
    work->checkpoint = sk_checkpoint_plan(domain, body, error);
    return work->checkpoint != NULL && sk_snapshot_site_begin(&work->site, job->service, domain, error);
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

static gboolean
freeze(CreateWork *work, GError **error)
{
    guint count;
    if (!work->quiesce || work->site.agent == NULL)
        return TRUE;
    work->frozen = TRUE;
    return !sk_fault("checkpoint-create/freeze", error) && sk_agent_freeze(work->site.agent, &count, error);
}

static gboolean
add_off(const CreateWork *work, GError **error)
{
    const GPtrArray *disks = work->checkpoint->disks;
    for (guint i = 0; i < disks->len; i++) {
        const SkCheckpointDisk *part = disks->pdata[i];
        if (part->kind == SK_CHECKPOINT_BITMAP && !sk_storage_bitmap_add(part->path, part->bitmap, NULL, error))
            return FALSE;
        if (sk_fault("checkpoint-create/disk", error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
keep(CreateWork *work, GError **error)
{
    SkStoreBatch *batch = sk_store_batch_new();
    sk_checkpoint_keep(work->site.uuid, work->checkpoint, work->parent, batch);
    sk_checkpoint_note_settle(&work->site, batch);
    if (sk_fault("checkpoint-create/record", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    return sk_store_commit(work->site.store, batch, error);
}

static void
take_back(CreateWork *work)
{
    g_autoptr(GError) error = NULL;
    thaw(work);
    if (!work->noted)
        return;
    if (sk_checkpoint_drop_bitmaps(&work->site, work->checkpoint, &error))
        sk_checkpoint_note_drop(&work->site);
    else
        g_warning("domain \"%s\": not all of checkpoint \"%s\" could be taken back, which the next start of the daemon tries again: %s",
                  work->site.name, work->checkpoint->name, error->message);
}

static gboolean
run(SkJob *job, GError **error)
{
    CreateWork *work = job->work;
    g_autoptr(GPtrArray) steps = work->site.qmp != NULL ? sk_checkpoint_steps(&work->site, work->checkpoint, error) : NULL;
    if (work->site.qmp != NULL ? steps == NULL : !sk_checkpoint_check_free(work->checkpoint, error))
        return FALSE;
    work->noted = sk_checkpoint_note(&work->site, work->checkpoint, error);
    gboolean ok = work->noted && !sk_fault("checkpoint-create/note", error) && freeze(work, error) &&
                  (steps != NULL ? sk_qmp_bitmaps_add(work->site.qmp, steps, error) : add_off(work, error)) &&
                  !sk_fault("checkpoint-create/bitmaps", error);
    thaw(work);
    if (ok && keep(work, error))
        return TRUE;
    take_back(work);
    return FALSE;
}

static void
commit(SkJob *job)
{
    CreateWork *work = job->work;
    SkCreated created = { .name = work->checkpoint->name, .uuid = work->site.uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    sk_checkpoint_take(work->site.domain, g_steal_pointer(&work->checkpoint), g_steal_pointer(&work->parent));
}

const SkJobKind sk_checkpoint_create_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .free_work = free_work,
};
