/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* disk.attach, disk.detach, disk.resize. */
#include "base/error.h"
#include "base/text.h"
#include "engine/qmp/bitmap.h"
#include "engine/qmp/commands.h"
#include "service/block-job.h"
#include "service/domain-change.h"
#include "service/domain-device.h"
#include "service/domain-disks.h"
#include "service/new-volume.h"
#include "service/pool.h"
#include "storage/pool.h"

/* A guest that does not let go of a disk in this time keeps it. */
#define DETACH_MS 30000

typedef struct {
    SkDomainChange change;
    SkDisk *disk;           /* a copy */
    gboolean reserved;
    SkNewVolume *fresh;     /* attach: to be made for it; may be NULL */
    SkPoolSpec *pool;       /* detach, resize: of its volume */
    SkVolume *volume;       /* of new size */
    GBytes *passphrase;     /* attach: of one that is encrypted */
    gboolean drop_volume;
    guint64 size;
} DiskWork;

static void
free_work(gpointer data)
{
    DiskWork *work = data;
    sk_domain_change_clear(&work->change);
    sk_value_free(&sk_disk_type, work->disk);
    sk_value_free(&sk_pool_spec_type, work->pool);
    sk_value_free(&sk_volume_type, work->volume);
    sk_new_volume_free(work->fresh);
    g_clear_pointer(&work->passphrase, g_bytes_unref);
    g_free(work);
}

static DiskWork *
begin(SkJob *job, GError **error)
{
    DiskWork *work = job->work = g_new0(DiskWork, 1);
    return sk_domain_change_begin(&work->change, job, error) ? work : NULL;
}

/* The disk a path parameter names, in the definition or in what runs. */
static const SkDisk *
find_disk(const SkDomainChange *change, const char *target, GError **error)
{
    const SkDisk *disk = sk_domain_spec_find_disk(change->spec, target);
    if (disk == NULL && change->live != NULL)
        disk = sk_domain_spec_find_disk(change->live, target);
    if (disk == NULL)
        sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%.16s\"", change->spec->name, target);
    return disk;
}

/* -- attach -------------------------------------------------------------------------------------------------- */

static gboolean
plan_disk(SkService *self, DiskWork *work, GError **error)
{
    if (!sk_new_volume_is_due(work->disk))
        return sk_service_resolve_disk(self, work->disk, error);
    work->fresh = sk_new_volume_plan(self, work->change.spec->name, work->disk, error);
    return work->fresh != NULL;
}

static gboolean
prepare_attach(SkJob *job, GError **error)
{
    SkService *self = job->service;
    DiskWork *work = begin(job, error);
    if (work == NULL)
        return FALSE;
    SkDomainChange *change = &work->change;
    const SkDisk *asked = sk_job_device(job, &sk_disk_type);
    if (!job->call->dialect && !sk_value_check_readonly(&sk_disk_type, NULL, asked, NULL, error))
        return FALSE;
    if (asked->target != NULL && sk_domain_spec_find_disk(change->spec, asked->target) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" has a disk \"%s\" already", change->spec->name, asked->target);
    sk_list_append_copy(&change->spec->disks, &sk_disk_type, asked);
    sk_domain_spec_complete(change->spec);
    SkDisk *disk = change->spec->disks->pdata[change->spec->disks->len - 1];
    work->disk = sk_value_copy(&sk_disk_type, disk);
    if (!plan_disk(self, work, error))
        return FALSE;
    if (change->live != NULL && work->disk->encryption != NULL && (work->passphrase = sk_launch_passphrase(self, work->disk, error)) == NULL)
        return FALSE;
    sk_list_remove_entry(change->spec->disks, &sk_disk_type, disk);
    sk_list_append_copy(&change->spec->disks, &sk_disk_type, work->disk);
    if (!sk_engine_assign(change->spec, error))
        return FALSE;
    if (change->live != NULL)
        sk_list_append_copy(&change->live->disks, &sk_disk_type, change->spec->disks->pdata[change->spec->disks->len - 1]);
    if (!sk_domain_change_check(change, error))
        return FALSE;
    work->reserved = change->live != NULL && sk_domain_reserve_disk(change->domain, work->disk, error);
    return change->live == NULL || work->reserved;
}

static gboolean
plug(DiskWork *work, GError **error)
{
    SkDomainChange *change = &work->change;
    const SkDisk *disk = sk_domain_spec_find_disk(change->live, work->disk->target);
    GError *why = NULL;
    g_autoptr(SkBlockChain) chain = sk_launch_open_disk(disk, change->roots, work->passphrase, &why);
    if (why != NULL) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_autoptr(SkPlug) plug = sk_plug_disk(change->live, disk, chain, error);
    if (plug != NULL && sk_domain_change_note(change, error) && sk_qmp_attach(change->qmp, plug, error))
        return TRUE;
    sk_launch_explain_disks(error);
    return FALSE;
}

static gboolean
make_volume(SkJob *job, DiskWork *work, GError **error)
{
    SkDomainChange *change = &work->change;
    change->intent = sk_intent_new(job->service->store, g_strdup_printf("the attachment of disk %s to domain %s", work->disk->target, change->spec->name));
    return sk_intent_note(change->intent, error) &&
           sk_new_volume_make(work->fresh, sk_job_storage_context(job, change->roots), change->intent, error);
}

static gboolean
attach(SkJob *job, SkUndo *undo, GError **error)
{
    DiskWork *work = job->work;
    SkDomainChange *change = &work->change;
    if (work->fresh != NULL && !make_volume(job, work, error))
        return FALSE;
    if (sk_fault("disk-attach/volume", error) || !sk_domain_change_keep(change, job, error))
        return FALSE;
    sk_undo_push(undo, "definition", sk_domain_change_undo_keep, change, NULL);
    /* Last, because a guest cannot be made to let go of it again. */
    return change->live == NULL || (!sk_fault("disk-attach/device", error) && plug(work, error));
}

static gboolean
run_attach(SkJob *job, GError **error)
{
    const SkDomainChange *change = &((DiskWork *) job->work)->change;
    SkUndo *undo = sk_undo_new();
    gboolean ok = attach(job, undo, error);
    if (ok)
        sk_undo_disarm(undo);
    sk_undo_free(undo);
    /* The volume goes last: a daemon that dies in the middle of that leaves the rest to the next. */
    if (!ok && change->intent != NULL)
        sk_intent_carry_out(change->intent);
    return ok;
}

static void
commit_attach(SkJob *job)
{
    DiskWork *work = job->work;
    if (work->fresh != NULL)
        sk_new_volume_take(work->fresh, job->service);
    sk_job_set_result(job, sk_json_encode(&sk_disk_type, sk_domain_spec_find_disk(work->change.spec, work->disk->target), 0));
    sk_domain_change_commit(&work->change);
}

static void
rollback_attach(SkJob *job, const GError *error)
{
    DiskWork *work = job->work;
    (void) error;
    if (work != NULL && work->reserved)
        if (work->change.live != NULL)
        sk_domain_release_disk(work->change.domain, work->disk);
}

const SkJobKind sk_disk_attach_job = {
    .object = sk_domain_job_object, .prepare = prepare_attach, .run = run_attach, .commit = commit_attach,
    .rollback = rollback_attach, .free_work = free_work,
};

/* -- detach ---------------------------------------------------------------------------------------------------- */

static gboolean
prepare_detach(SkJob *job, GError **error)
{
    DiskWork *work = begin(job, error);
    const SkDisk *disk = work != NULL ? find_disk(&work->change, job->call->params.target, error) : NULL;
    if (disk == NULL)
        return FALSE;
    if (work->change.live != NULL && !sk_domain_check_no_block_job(work->change.domain, disk->target, error))
        return FALSE;
    work->disk = sk_value_copy(&sk_disk_type, disk);
    work->drop_volume = job->call->params.volumes && disk->source == SK_SOURCE_VOLUME && disk->volume != NULL;
    SkPool *pool = work->drop_volume ? sk_service_active_pool(job->service, disk->pool, error) : NULL;
    if (work->drop_volume && pool == NULL)
        return FALSE;
    work->pool = pool != NULL ? sk_value_copy(&sk_pool_spec_type, pool->spec) : NULL;
    return TRUE;
}

static void
remove_disk(SkDomainSpec *spec, const char *target)
{
    SkDisk *disk = spec != NULL ? sk_domain_spec_find_disk(spec, target) : NULL;
    if (disk != NULL)
        sk_list_remove_entry(spec->disks, &sk_disk_type, disk);
}

static gboolean
run_detach(SkJob *job, GError **error)
{
    DiskWork *work = job->work;
    SkDomainChange *change = &work->change;
    SkStorageContext context = sk_job_storage_context(job, change->roots);
    const SkDisk *plugged = change->live != NULL ? sk_domain_spec_find_disk(change->live, work->disk->target) : NULL;
    if (plugged != NULL) {
        g_autoptr(SkPlug) plug = sk_plug_disk(change->live, plugged, NULL, error);
        if (plug == NULL || !sk_domain_change_note(change, error) || !sk_qmp_detach(change->qmp, plug, DETACH_MS, error))
            return FALSE;
    }
    remove_disk(change->live, work->disk->target);
    remove_disk(change->spec, work->disk->target);
    if (!sk_domain_change_keep(change, job, error))
        return FALSE;
    g_autoptr(GError) why = NULL;
    if (work->drop_volume && !sk_storage_volume_delete(work->pool, work->disk->volume, &context, &why)) {
        g_warning("disk \"%s\" of domain \"%s\" is detached, but its volume stays: %s", work->disk->target, change->spec->name, why->message);
        work->drop_volume = FALSE;
    }
    return TRUE;
}

static void
commit_detach(SkJob *job)
{
    DiskWork *work = job->work;
    sk_domain_release_disk(work->change.domain, work->disk);
    SkPool *pool = work->drop_volume ? g_tree_lookup(job->service->pools, work->pool->name) : NULL;
    if (pool != NULL)
        sk_pool_forget_volume(pool, work->disk->volume);
    sk_domain_change_commit(&work->change);
}

const SkJobKind sk_disk_detach_job = {
    .object = sk_domain_job_object, .prepare = prepare_detach, .run = run_detach, .commit = commit_detach, .free_work = free_work,
};

/* -- resize ------------------------------------------------------------------------------------------------------ */

/* Of a file in a pool's directory the pool learns the new size; of any other only QEMU knows it. */
static gboolean
find_place(SkJob *job, DiskWork *work, const SkDisk *disk, GError **error)
{
    SkVolume *volume = disk->volume == NULL && disk->path != NULL ? sk_service_volume_at(job->service, disk->path) : NULL;
    g_autofree char *dir = volume != NULL ? g_path_get_dirname(disk->path) : NULL;
    SkPool *pool = dir != NULL ? sk_service_pool_at(job->service, dir) : NULL;

    work->disk = sk_value_copy(&sk_disk_type, disk);
    if (disk->volume != NULL) {
        pool = sk_service_active_pool(job->service, disk->pool, error);
        volume = pool != NULL ? sk_pool_volume(pool, disk->volume, error) : NULL;
        if (volume == NULL)
            return FALSE;
    } else if (volume != NULL) {
        work->disk->volume = g_strdup(volume->name);
    }
    if (volume == NULL && (disk->path == NULL || work->change.live == NULL || sk_domain_spec_find_disk(work->change.live, disk->target) == NULL))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" is not a volume of a pool, and no running guest has it: resize its file with `qemu-img resize`", disk->target);
    work->volume = volume != NULL ? sk_value_copy(&sk_volume_type, volume) : NULL;
    work->pool = volume != NULL ? sk_value_copy(&sk_pool_spec_type, pool->spec) : NULL;
    return TRUE;
}

static gboolean
check_larger(const DiskWork *work, guint64 now, GError **error)
{
    g_autofree char *text = sk_size_format(now);
    return work->size >= now || sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" is %s: it can only be made larger", work->disk->target, text);
}

static gboolean
prepare_resize(SkJob *job, GError **error)
{
    DiskWork *work = begin(job, error);
    const SkDisk *disk = work != NULL ? find_disk(&work->change, job->call->params.target, error) : NULL;
    if (disk == NULL || !find_place(job, work, disk, error))
        return FALSE;
    work->size = ((const SkResize *) job->call->body)->size;
    return work->volume == NULL || check_larger(work, work->volume->capacity, error);
}

static gboolean
resize_plugged(const DiskWork *work, const SkDisk *plugged, GError **error)
{
    g_autofree char *node = sk_block_node_name(plugged);
    g_autoptr(SkQmpImage) image = work->volume == NULL ? sk_qmp_query_image(work->change.qmp, plugged->target, plugged->path, error) : NULL;
    if (work->volume == NULL && (image == NULL || !check_larger(work, image->size, error)))
        return FALSE;
    return sk_qmp_block_resize(work->change.qmp, node, work->size, error);
}

static gboolean
run_resize(SkJob *job, GError **error)
{
    DiskWork *work = job->work;
    SkDomainChange *change = &work->change;
    const SkDisk *plugged = change->live != NULL ? sk_domain_spec_find_disk(change->live, work->disk->target) : NULL;
    SkStorageContext context = sk_job_storage_context(job, change->roots);

    if (!(plugged != NULL ? resize_plugged(work, plugged, error)
                          : sk_storage_volume_resize(work->pool, work->disk->volume, work->size, 0, &context, error)))
        return FALSE;
    if (work->pool == NULL)
        return TRUE;
    sk_value_free(&sk_volume_type, work->volume);
    work->volume = sk_storage_volume_lookup(work->pool, work->disk->volume, error);
    return work->volume != NULL;
}

static void
commit_resize(SkJob *job)
{
    DiskWork *work = job->work;
    SkPool *pool = work->pool != NULL ? g_tree_lookup(job->service->pools, work->pool->name) : NULL;
    if (pool != NULL)
        sk_pool_take_volume(pool, g_steal_pointer(&work->volume));
}

const SkJobKind sk_disk_resize_job = {
    .object = sk_domain_job_object, .prepare = prepare_resize, .run = run_resize, .commit = commit_resize, .free_work = free_work,
};
