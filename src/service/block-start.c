/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* disk.pull, disk.commit, disk.copy: how block jobs begin. */
#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "engine/qmp/block-nodes.h"
#include "engine/qmp/commands.h"
#include "service/block-job.h"
#include "service/disk-users.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-rights.h"
#include "service/pool.h"
#include "service/snapshot.h"
#include "storage/chain.h"
#include "storage/pool.h"

/* -- prepare: main ------------------------------------------------------------------------------------------------ */

static gboolean
check_disk(const SkDomain *domain, const SkDisk *disk, GError **error)
{
    const char *name = sk_domain_name(domain);
    if (disk->device != SK_DISK_DISK)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" of domain \"%s\" is a %s: block jobs are for disks", disk->target, name,
                       sk_enum_name(&sk_disk_device_enum, disk->device));
    if (!sk_disk_is_writable(disk))
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" of domain \"%s\" is read-only: there is nothing to do on it", disk->target, name);
    if (disk->path == NULL || disk->source == SK_SOURCE_NONE)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" of domain \"%s\" is empty", disk->target, name);
    if (disk->encryption != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "disk \"%s\" of domain \"%s\" is encrypted, and what a block job writes would not be: copy its volume while "
                       "the domain is off", disk->target, name);
    return sk_domain_check_no_block_job(domain, disk->target, error);
}

static SkBlockWork *
begin(SkJob *job, gint kind, guint64 speed, gint then, GError **error)
{
    const SkParams *params = &job->call->params;
    SkDomain *domain = sk_service_domain(job->service, params->name, error);
    if (domain == NULL)
        return NULL;
    if (!sk_domain_is_active(domain) || domain->runtime.live == NULL) {
        sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" is off, and block jobs are for disks of one that runs", sk_domain_name(domain));
        return NULL;
    }
    const SkDisk *disk = sk_domain_spec_find_disk(domain->runtime.live, params->target);
    if (disk == NULL)
        sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%.16s\"", sk_domain_name(domain), params->target);
    if (disk == NULL || !check_disk(domain, disk, error))
        return NULL;
    SkBlockJob *plan = sk_value_new(&sk_block_job_type);
    plan->target = g_strdup(disk->target);
    plan->kind = kind;
    plan->then = then;
    plan->speed = speed;
    plan->old = sk_value_copy(&sk_disk_type, disk);
    SkBlockWork *work = job->work = g_new0(SkBlockWork, 1);
    return sk_block_work_begin(work, job->service, domain, plan, error) ? work : NULL;
}

/* NULL: it is not known. */
static const SkDiskChain *
chain_of(const SkBlockWork *work)
{
    return sk_disk_chains_find(work->runtime->chains, work->job->old);
}

/* -- files and nodes: workers ------------------------------------------------------------------------------------------ */

typedef struct {
    GPtrArray *layers;      /* SkChainLayer, the disk's own first */
    GPtrArray *nodes;       /* SkBlockNode */
} Files;

static void
files_clear(Files *self)
{
    g_clear_pointer(&self->layers, g_ptr_array_unref);
    g_clear_pointer(&self->nodes, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Files, files_clear)

static gboolean
files_open(Files *self, const SkBlockWork *work, GError **error)
{
    const SkDisk *disk = work->job->old;
    if (!sk_storage_open_chain(disk->path, disk->format, FALSE, (const char *const *) work->roots, &self->layers, error))
        return FALSE;
    self->nodes = sk_qmp_query_nodes(work->qmp, disk->target, error);
    return self->nodes != NULL;
}

static const SkChainLayer *
layer_at(const Files *self, guint i)
{
    return self->layers->pdata[i];
}

static const SkBlockNode *
node_at(const Files *self, guint i, GError **error)
{
    const SkChainLayer *layer = layer_at(self, i);
    const SkBlockNode *node = sk_block_nodes_find(self->nodes, layer->path);
    if (node == NULL)
        sk_fail(error, SK_ERROR_STATE, "\"%s\" is not what QEMU has open: somebody else changed the chain of this disk", layer->path);
    return node;
}

/* QEMU is to be able to write to it. */
static gboolean
let_write(SkBlockWork *work, const Files *files, guint i, GError **error)
{
    const SkBlockNode *node = node_at(files, i, error);
    g_auto(SkFd) fd = node != NULL ? sk_storage_layer_for_writing(layer_at(files, i), error) : SK_FD_NONE;
    return fd >= 0 && sk_qmp_let_write(work->qmp, node, fd, error);
}

/* -- run: worker --------------------------------------------------------------------------------------------------------- */

/* Written down, then QEMU is told; it fails: as if nothing had been. */
static gboolean
start(SkBlockWork *work, gboolean (*tell)(SkBlockWork *work, const Files *files, GError **error), const Files *files, GError **error)
{
    GError *why = NULL;
    g_autofree char *record = g_strconcat(work->uuid, "/", work->job->target, NULL);
    if (!sk_block_work_note(work, SK_BLOCK_STARTING, error))
        return FALSE;
    if (!sk_fault("block-job/note", &why) && tell(work, files, &why) && !sk_fault("block-job/begun", &why))
        return TRUE;
    g_autofree char *id = sk_block_job_id(work->job);
    g_autoptr(SkQmpJob) begun = sk_qmp_query_job(work->qmp, id, NULL);
    if (begun != NULL) {
        sk_qmp_job_cancel(work->qmp, id, FALSE, NULL);
        sk_qmp_job_free(sk_qmp_job_await(work->qmp, id, SK_QMP_JOB_CONCLUDED, 0, NULL));
        sk_qmp_job_dismiss(work->qmp, id, NULL);
    }
    sk_qmp_tidy_disk(work->qmp, work->job->target);
    if (work->job->made && work->job->fresh != NULL)
        sk_fs_remove(work->job->fresh->path, NULL);
    sk_store_remove(work->store, "block-job", record, NULL);
    sk_launch_explain_disks(&why);
    g_propagate_error(error, why);
    return FALSE;
}

static SkQmpJobStart
job_start(const SkBlockWork *work, const char *id)
{
    return (SkQmpJobStart){ .id = id, .speed = work->job->speed };
}

/* -- pull ------------------------------------------------------------------------------------------------------------------ */

static gboolean
prepare_pull(SkJob *job, GError **error)
{
    const SkDiskPull *body = job->call->body;
    SkBlockWork *work = begin(job, SK_BLOCK_PULL, body->speed, SK_BLOCK_THEN_WAIT, error);
    if (work == NULL)
        return FALSE;
    work->relative = body->relative;
    work->job->base = sk_disk_chain_name(chain_of(work), body->base);
    return TRUE;
}

static gboolean
tell_pull(SkBlockWork *work, const Files *files, GError **error)
{
    g_autofree char *id = sk_block_job_id(work->job);
    const SkQmpJobStart how = job_start(work, id);
    const SkBlockNode *top = node_at(files, 0, error), *base = NULL;
    g_autofree char *base_path = NULL;
    guint at;
    if (top == NULL)
        return FALSE;
    if (work->job->base != NULL) {
        if (!sk_block_find_layer(files->layers, work->job, work->name, work->job->base, &at, error))
            return FALSE;
        base = node_at(files, at, error);
        base_path = base != NULL ? sk_block_name_in_header(work->relative, layer_at(files, 0), layer_at(files, at), error) : NULL;
        if (base_path == NULL)
            return FALSE;
    }
    return sk_qmp_job_stream(work->qmp, &how, top->name, base != NULL ? base->name : NULL, base_path, error);
}

static gboolean
run_pull(SkJob *job, GError **error)
{
    SkBlockWork *work = job->work;
    g_auto(Files) files = { 0 };
    guint at;
    if (!files_open(&files, work, error))
        return FALSE;
    if (work->job->base != NULL) {
        if (!sk_block_find_layer(files.layers, work->job, work->name, work->job->base, &at, error))
            return FALSE;
        if (at == 0)
            return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is the file of disk \"%s\" itself, not one below it", work->job->base, work->job->target);
        g_free(work->job->base);
        work->job->base = g_strdup(layer_at(&files, at)->path);
    }
    return start(work, tell_pull, &files, error);
}

/* -- commit ------------------------------------------------------------------------------------------------------------------ */

static gboolean
prepare_commit(SkJob *job, GError **error)
{
    const SkDiskCommit *body = job->call->body;
    SkBlockWork *work = begin(job, SK_BLOCK_COMMIT, body->speed, body->then, error);
    if (work == NULL)
        return FALSE;
    work->relative = body->relative;
    work->shallow = body->shallow;
    work->inner = body->inner;
    work->job->base = sk_disk_chain_name(chain_of(work), body->base);
    work->job->top = sk_disk_chain_name(chain_of(work), body->top);
    /* To be told which later. */
    if (body->remove)
        work->job->remove = g_new0(char *, 1);
    return TRUE;
}

/* What others have over a file that is changed, or goes, would be ruined. */
static gboolean
check_overlays(const SkBlockWork *work, const Files *files, const SkBlockRange *range, GError **error)
{
    gboolean top_too = range->top == 0 || work->job->remove != NULL;
    for (guint i = top_too ? range->top : range->top + 1; i <= range->base; i++) {
        const char *ours = i > 0 ? layer_at(files, i - 1)->path : NULL;
        g_autoptr(GPtrArray) overlays = sk_storage_overlays_of(layer_at(files, i)->path, (const char *const *) work->roots);
        for (guint n = 0; n < overlays->len; n++) {
            if (g_strcmp0(overlays->pdata[n], ours) != 0)
                return sk_fail(error, SK_ERROR_IN_USE, "\"%s\" is below \"%s\" too, which would be ruined by the commit: pull that first, or delete it",
                               layer_at(files, i)->path, (char *) overlays->pdata[n]);
        }
    }
    return TRUE;
}

typedef struct {
    SkBlockWork *work;
    const Files *files;
    const SkBlockRange *range;
    gboolean by_hand;       /* not what deletes a snapshot */
    GError *error;
} Reserving;

/* The snapshot whose state the file has; NULL: none. */
static const SkSnapshot *
snapshot_on(const SkDomain *domain, const char *target, const char *path)
{
    for (guint i = 0; domain->snapshots != NULL && i < domain->snapshots->len; i++) {
        const SkSnapshot *snapshot = domain->snapshots->pdata[i];
        const SkSnapshotDisk *disk = sk_snapshot_find_disk(snapshot, target);
        if (disk != NULL && disk->kind == SK_SNAPSHOT_EXTERNAL && g_strcmp0(disk->path, path) == 0)
            return snapshot;
    }
    return NULL;
}

/* What is written to, and what goes: all but the topmost, which stays as it is unless it is to be removed. */
static void
check_frozen(Reserving *self)
{
    const SkBlockJob *job = self->work->job;
    for (guint i = self->range->top; i <= self->range->base && self->error == NULL; i++) {
        const char *path = layer_at(self->files, i)->path;
        const SkSnapshot *snapshot = i == self->range->top && job->remove == NULL ? NULL : snapshot_on(self->work->domain, job->target, path);
        if (snapshot != NULL)
            sk_fail(&self->error, SK_ERROR_IN_USE, "\"%s\" is what snapshot \"%s\" kept of disk \"%s\", which would be ruined by the commit: delete the "
                    "snapshot instead, which brings down what is over it", path, snapshot->name, job->target);
    }
}

/* Main: nobody else has a disk on what is written to, or goes. */
static void
reserve(gpointer data)
{
    Reserving *self = data;
    SkService *service = self->work->domain->service;
    const SkBlockJob *job = self->work->job;
    for (guint i = self->range->top; i <= self->range->base && self->error == NULL; i++) {
        const char *path = layer_at(self->files, i)->path;
        g_auto(GStrv) users = sk_service_users_of_path(service, path);
        g_autofree char *dir = g_path_get_dirname(path);
        for (guint n = 0; users != NULL && users[n] != NULL && self->error == NULL; n++) {
            if (!g_str_equal(users[n], self->work->name))
                sk_fail(&self->error, SK_ERROR_IN_USE, "\"%s\" is a disk of domain \"%s\" too, which would be ruined by the commit", path, users[n]);
        }
        if (self->error == NULL && g_strcmp0(dir, service->images_dir) == 0)
            sk_fail(&self->error, SK_ERROR_IN_USE, "\"%s\" is an image, which domains are made from: nothing is committed into it", path);
    }
    if (self->error == NULL && self->by_hand)
        check_frozen(self);
    const SkDisk base = { .target = job->target, .path = job->base, .source = SK_SOURCE_FILE };
    if (self->error == NULL)
        sk_domain_reserve_disk(self->work->domain, &base, &self->error);
}

static void
plan_fresh(SkBlockWork *work, const SkChainLayer *base)
{
    SkBlockJob *job = work->job;
    job->kind = SK_BLOCK_ACTIVE_COMMIT;
    job->fresh = sk_value_copy(&sk_disk_type, job->old);
    g_clear_pointer(&job->fresh->pool, g_free);
    g_clear_pointer(&job->fresh->volume, g_free);
    g_free(job->fresh->path);
    job->fresh->path = g_strdup(base->path);
    job->fresh->format = base->format;
    job->fresh->source = base->block ? SK_SOURCE_BLOCK : SK_SOURCE_FILE;
}

/* Main: a disk that was a volume of a pool stays one, if the new file is. */
static void
name_volume(gpointer data)
{
    SkBlockWork *work = data;
    SkDisk *fresh = work->job->fresh;
    const SkVolume *volume = work->job->old->source == SK_SOURCE_VOLUME ? sk_service_volume_at(work->domain->service, fresh->path) : NULL;
    if (volume == NULL)
        return;
    fresh->source = SK_SOURCE_VOLUME;
    fresh->pool = g_strdup(volume->pool);
    fresh->volume = g_strdup(volume->name);
}

static void
plan_commit(SkBlockWork *work, const Files *files, const SkBlockRange *range)
{
    SkBlockJob *job = work->job;
    g_free(job->base);
    g_free(job->top);
    job->base = g_strdup(layer_at(files, range->base)->path);
    job->top = g_strdup(layer_at(files, range->top)->path);
    job->writes = g_strdupv((char *[]){ job->base, NULL });
    if (job->remove != NULL) {
        g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
        for (guint i = range->top; i < range->base; i++)
            g_strv_builder_add(paths, layer_at(files, i)->path);
        g_strfreev(job->remove);
        job->remove = g_strv_builder_end(paths);
    }
    if (range->top == 0) {
        plan_fresh(work, layer_at(files, range->base));
        sk_main_call(name_volume, work);
    }
}

static gboolean
tell_commit(SkBlockWork *work, const Files *files, GError **error)
{
    const SkBlockJob *job = work->job;
    g_autofree char *id = sk_block_job_id(job), *header = NULL;
    const SkQmpJobStart how = job_start(work, id);
    guint top = 0, base = 0;
    if (!sk_block_find_layer(files->layers, job, work->name, job->top, &top, error) ||
        !sk_block_find_layer(files->layers, job, work->name, job->base, &base, error))
        return FALSE;
    if (!let_write(work, files, base, error) || (top > 1 && !let_write(work, files, top - 1, error)))
        return FALSE;
    if (top > 0) {
        header = sk_block_name_in_header(work->relative, layer_at(files, top - 1), layer_at(files, base), error);
        if (header == NULL)
            return FALSE;
    }
    const SkBlockNode *from = node_at(files, top, error), *into = from != NULL ? node_at(files, base, error) : NULL;
    return into != NULL && sk_qmp_job_commit(work->qmp, &how, job->target, from->name, into->name, header, error);
}

static gboolean
run_commit(SkJob *job, GError **error)
{
    SkBlockWork *work = job->work;
    g_auto(Files) files = { 0 };
    SkBlockRange range;
    if (!files_open(&files, work, error) || !sk_block_find_range(files.layers, work->job, work->name, work->shallow, work->inner, &range, error) || !check_overlays(work, &files, &range, error))
        return FALSE;
    plan_commit(work, &files, &range);
    Reserving reserving = { .work = work, .files = &files, .range = &range, .by_hand = TRUE };
    sk_main_call(reserve, &reserving);
    if (reserving.error != NULL) {
        g_propagate_error(error, reserving.error);
        return FALSE;
    }
    return start(work, tell_commit, &files, error);
}

/* -- a commit that is waited for --------------------------------------------------------------------------------------------------- */

/* A look at how far it is, unless QEMU says something before. */
#define LOOK_MS 500

typedef struct {
    SkDomain *domain;
    const char *target, *top, *base;
    SkBlockWork *work;
    gboolean started;
    GError *error;
} Now;

static void
begin_now(gpointer data)
{
    Now *self = data;
    SkDomain *domain = self->domain;
    const SkDisk *disk = domain->runtime.live != NULL ? sk_domain_spec_find_disk(domain->runtime.live, self->target) : NULL;
    if (disk == NULL) {
        sk_fail(&self->error, SK_ERROR_STATE, "domain \"%s\" does not run any more, or has no disk \"%s\"", sk_domain_name(domain), self->target);
        return;
    }
    if (!sk_domain_check_no_block_job(domain, disk->target, &self->error))
        return;
    SkBlockJob *plan = sk_value_new(&sk_block_job_type);
    plan->target = g_strdup(disk->target);
    plan->kind = SK_BLOCK_COMMIT;
    plan->then = SK_BLOCK_THEN_PIVOT;
    plan->old = sk_value_copy(&sk_disk_type, disk);
    plan->top = g_strdup(self->top);
    plan->base = g_strdup(self->base);
    self->work = g_new0(SkBlockWork, 1);
    sk_block_work_begin(self->work, domain->service, domain, plan, &self->error);
}

/* On the main thread: what came of it. If it goes on without us it is watched as any other. */
static void
end_now(gpointer data)
{
    Now *self = data;
    SkBlockWork *work = self->work;
    if (work == NULL)
        return;
    if (self->started)
        sk_block_settled(work);
    if (self->started && !work->ended) {
        SkBlockJob *left = g_steal_pointer(&work->job);
        sk_domain_add_block_job(self->domain, left);
        sk_domain_look_at_block_job(self->domain, left);
    }
    sk_domain_reserve_again(self->domain);
    sk_block_work_free(work);
}

/* Until it is ready or has ended, or the asker wants no more. */
static void
await_now(SkJob *job, const SkBlockWork *work)
{
    g_autofree char *id = sk_block_job_id(work->job);
    SkQmpJobStatus status = work->job->kind == SK_BLOCK_ACTIVE_COMMIT ? SK_QMP_JOB_READY : SK_QMP_JOB_CONCLUDED;
    g_autoptr(GError) why = NULL;
    do {
        g_clear_error(&why);
        g_autoptr(SkQmpJob) seen = sk_qmp_query_job(work->qmp, id, NULL);
        if (seen != NULL)
            sk_job_progress(job, seen->total > 0 ? (gdouble) seen->done / (gdouble) seen->total : -1, "committing", seen->done, seen->total);
        g_autoptr(SkQmpJob) there = sk_qmp_job_await(work->qmp, id, status, LOOK_MS, &why);
    } while (sk_error_is(why, SK_ERROR_TIMEOUT) && !g_cancellable_is_cancelled(job->cancellable));
}

static gboolean
start_now(Now *now, SkBlockWork *work, GError **error)
{
    g_auto(Files) files = { 0 };
    SkBlockRange range;
    if (!files_open(&files, work, error) || !sk_block_find_range(files.layers, work->job, work->name, work->shallow, work->inner, &range, error))
        return FALSE;
    plan_commit(work, &files, &range);
    Reserving reserving = { .work = work, .files = &files, .range = &range };
    sk_main_call(reserve, &reserving);
    if (reserving.error != NULL) {
        g_propagate_error(error, reserving.error);
        return FALSE;
    }
    now->started = start(work, tell_commit, &files, error);
    return now->started;
}

static gboolean
run_now(SkJob *job, Now *now, GError **error)
{
    SkBlockWork *work = now->work;
    if (!start_now(now, work, error))
        return FALSE;
    await_now(job, work);
    gboolean wanted = !g_cancellable_is_cancelled(job->cancellable);
    if (!sk_block_work_note(work, !wanted ? SK_BLOCK_CANCELLING : work->job->kind == SK_BLOCK_ACTIVE_COMMIT ? SK_BLOCK_PIVOTING : SK_BLOCK_STARTING, error) ||
        sk_fault("block-job/end", error) || !sk_block_settle(work, error))
        return FALSE;
    if (!work->ended)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" did not end the commit of disk \"%s\"", work->name, work->job->target);
    const char *failure = work->job->failure;
    if (failure == NULL)
        return TRUE;
    return *failure == '\0' ? sk_fail(error, SK_ERROR_CANCELLED, "the commit of disk \"%s\" of domain \"%s\" was cancelled", work->job->target, work->name)
                            : sk_fail(error, SK_ERROR_QEMU, "the commit of disk \"%s\" of domain \"%s\" failed: %s", work->job->target, work->name, failure);
}

gboolean
sk_block_commit_now(SkJob *job, SkDomain *domain, const char *target, const char *top, const char *base, GError **error)
{
    Now now = { .domain = domain, .target = target, .top = top, .base = base };
    sk_assert_worker();
    sk_main_call(begin_now, &now);
    gboolean ok = now.error == NULL && run_now(job, &now, error);
    if (now.error != NULL)
        g_propagate_error(error, now.error);
    sk_main_call(end_now, &now);
    return ok;
}

/* -- copy -------------------------------------------------------------------------------------------------------------------- */

static gboolean
plan_volume(SkService *service, SkBlockWork *work, const SkDiskCopy *body, GError **error)
{
    SkDisk *fresh = work->job->fresh;
    SkPool *pool = sk_service_active_pool(service, body->pool != NULL ? body->pool : "default", error);
    if (pool == NULL)
        return FALSE;
    const SkVolume *volume = g_tree_lookup(pool->volumes, body->volume);
    if (volume == NULL && body->reuse)
        return sk_fail(error, SK_ERROR_NO_VOLUME, "pool \"%s\" has no volume \"%s\" to copy to", pool->spec->name, body->volume);
    if (volume != NULL && !body->reuse)
        return sk_fail(error, SK_ERROR_EXISTS, "pool \"%s\" has a volume \"%s\" already: give another name, or have it reused", pool->spec->name, body->volume);
    fresh->source = SK_SOURCE_VOLUME;
    fresh->pool = g_strdup(pool->spec->name);
    fresh->volume = g_strdup(body->volume);
    fresh->path = volume != NULL ? g_strdup(volume->path) : g_build_filename(pool->spec->path, body->volume, NULL);
    if (volume != NULL)
        fresh->format = volume->format;
    if (!body->reuse)
        work->pool = sk_value_copy(&sk_pool_spec_type, pool->spec);
    return TRUE;
}

/* A directory that is no pool is treated as if it were. */
static gboolean
plan_path(SkService *service, const SkCall *call, SkBlockWork *work, const SkDiskCopy *body, GError **error)
{
    SkDisk *fresh = work->job->fresh;
    gboolean block = g_str_has_prefix(body->path, "/dev/");
    fresh->source = block ? SK_SOURCE_BLOCK : SK_SOURCE_FILE;
    fresh->path = g_strdup(body->path);
    if (!sk_domain_check_path(service, call, "path", body->path, error))
        return FALSE;
    if (body->reuse || block)
        return TRUE;
    if (g_file_test(body->path, G_FILE_TEST_EXISTS))
        return sk_fail(error, SK_ERROR_EXISTS, "there is a file \"%s\" already: give another path, or have it reused", body->path);
    g_autofree char *dir = g_path_get_dirname(body->path);
    work->pool = sk_value_new(&sk_pool_spec_type);
    work->pool->name = g_strdup(dir);
    work->pool->path = g_strdup(dir);
    return TRUE;
}

static gboolean
plan_copy(SkJob *job, SkBlockWork *work, const SkDiskCopy *body, GError **error)
{
    SkBlockJob *plan = work->job;
    SkDisk *fresh = plan->fresh = sk_value_copy(&sk_disk_type, plan->old);
    g_clear_pointer(&fresh->pool, g_free);
    g_clear_pointer(&fresh->volume, g_free);
    g_clear_pointer(&fresh->path, g_free);
    fresh->format = body->same_format ? plan->old->format : body->format;
    if (!(body->volume != NULL ? plan_volume(job->service, work, body, error) : plan_path(job->service, job->call, work, body, error)))
        return FALSE;
    if (g_strcmp0(fresh->path, plan->old->path) == 0)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" is on \"%s\" already: copy it to another file", plan->target, fresh->path);
    plan->writes = g_strdupv((char *[]){ fresh->path, NULL });
    if (work->pool != NULL) {
        work->create = sk_value_new(&sk_volume_create_type);
        work->create->name = g_path_get_basename(fresh->path);
        work->create->format = fresh->format;
    }
    const char *user = sk_service_user_of_path(job->service, fresh->path);
    if (user != NULL)
        return sk_fail(error, SK_ERROR_IN_USE, "\"%s\" is a disk of domain \"%s\"", fresh->path, user);
    return sk_domain_reserve_disk(work->domain, fresh, error);
}

static gboolean
prepare_copy(SkJob *job, GError **error)
{
    const SkDiskCopy *body = job->call->body;
    SkBlockWork *work = begin(job, SK_BLOCK_COPY, body->speed, body->then, error);
    if (work == NULL)
        return FALSE;
    work->shallow = body->shallow;
    return plan_copy(job, work, body, error);
}

static gboolean
note_file(const char *beside, const char *path, gpointer data, GError **error)
{
    SkIntent *intent = data;
    return sk_intent_add_file(intent, beside, path, error) && sk_intent_note(intent, error);
}

/* The file of the copy, which goes again if the daemon dies before it is written down what it is for. */
static gboolean
make_file(SkJob *job, SkBlockWork *work, const Files *files, GError **error)
{
    SkBlockJob *plan = work->job;
    const SkChainLayer *below = work->shallow && files->layers->len > 1 ? layer_at(files, 1) : NULL;
    if (work->create == NULL)
        return TRUE;
    if (below != NULL && plan->fresh->format != SK_FORMAT_QCOW2)
        return sk_fail(error, SK_ERROR_INVALID, "a shallow copy of disk \"%s\" has a backing file, so its format must be qcow2", plan->target);
    SkStorageContext context = sk_job_storage_context(job, work->roots);
    work->intent = sk_intent_new(work->store, g_strdup_printf("a copy of disk %s of domain %s", plan->target, work->name));
    context.placing = note_file;
    context.placing_data = work->intent;
    work->create->capacity = layer_at(files, 0)->size;
    SkVolume *volume = sk_intent_note(work->intent, error)
                           ? sk_storage_volume_create(work->pool, work->create, below != NULL ? below->path : NULL, below != NULL ? below->format : 0,
                                                      &context, error)
                           : NULL;
    plan->made = volume != NULL;
    sk_value_free(&sk_volume_type, volume);
    return plan->made && !sk_fault("block-job/file", error);
}

/* From here on the note of the job tells of the file. */
static gboolean
hand_over_intent(SkBlockWork *work, GError **error)
{
    if (work->intent == NULL)
        return TRUE;
    SkStoreBatch *batch = sk_store_batch_new();
    work->job->phase = SK_BLOCK_STARTING;
    g_autoptr(SkRecord) record = sk_block_work_record(work);
    sk_store_batch_put(batch, record);
    sk_intent_settle(work->intent, batch);
    return sk_store_commit(work->store, batch, error);
}

static gboolean
check_target(const SkBlockWork *work, const Files *files, const GPtrArray *target, GError **error)
{
    const SkChainLayer *top = target->pdata[0];
    if (top->size < layer_at(files, 0)->size)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" has %" G_GUINT64_FORMAT " bytes, less than the %" G_GUINT64_FORMAT " of disk \"%s\"", top->path,
                       top->size, layer_at(files, 0)->size, work->job->target);
    if (!work->shallow && target->len > 1)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" has a backing file, so only a shallow copy can go there", top->path);
    return TRUE;
}

static gboolean
tell_copy(SkBlockWork *work, const Files *files, GError **error)
{
    const SkBlockJob *job = work->job;
    g_autoptr(GPtrArray) target = NULL;
    g_autofree char *id = sk_block_job_id(job);
    const SkQmpJobStart how = job_start(work, id);
    gboolean shared = work->shallow && files->layers->len > 1;
    const SkBlockNode *top = node_at(files, 0, error), *below = top != NULL && shared ? node_at(files, 1, error) : NULL;
    guint number = sk_block_nodes_free_number(files->nodes);
    if (top == NULL || (shared && below == NULL))
        return FALSE;
    if (!sk_storage_open_chain(job->fresh->path, job->fresh->format, TRUE, (const char *const *) work->roots, &target, error) ||
        !check_target(work, files, target, error))
        return FALSE;
    const SkChainLayer *opened = target->pdata[0];
    const SkBlockLayer layer = { .fd = opened->fd, .fd_ro = SK_FD_NONE, .format = opened->format, .block = opened->block, .path = opened->path };
    g_autoptr(GPtrArray) steps = sk_plug_layer(work->live, job->fresh, &layer, number, below != NULL ? below->name : NULL, error);
    g_autofree char *node = g_strdup_printf("%s-%u", job->target, number);
    return steps != NULL && sk_qmp_run_steps(work->qmp, steps, 0, error) && !sk_fault("block-job/node", error) &&
           sk_qmp_job_mirror(work->qmp, &how, job->target, top->name, node, shared, error);
}

static gboolean
run_copy(SkJob *job, GError **error)
{
    SkBlockWork *work = job->work;
    g_auto(Files) files = { 0 };
    if (!files_open(&files, work, error))
        return FALSE;
    if (!make_file(job, work, &files, error) || !hand_over_intent(work, error)) {
        if (work->intent != NULL)
            sk_intent_carry_out(work->intent);
        return FALSE;
    }
    return start(work, tell_copy, &files, error);
}

/* -- commit, rollback: main ---------------------------------------------------------------------------------------------------- */

static void
commit(SkJob *job)
{
    SkBlockWork *work = job->work;
    SkBlockJob *begun = g_steal_pointer(&work->job);
    begun->job = sk_job_ref(job);
    sk_domain_add_block_job(work->domain, begun);
}

static void
rollback(SkJob *job, const GError *error)
{
    const SkBlockWork *work = job->work;
    (void) error;
    if (work != NULL && work->domain != NULL)
        sk_domain_reserve_again(work->domain);
}

/* It is asked to end; how it ended is told when it has. */
static void
cancelled(SkJob *job)
{
    const SkBlockWork *work = job->work;
    SkDomain *domain = work->domain;
    for (guint i = 0; domain->block_jobs != NULL && i < domain->block_jobs->len; i++) {
        SkBlockJob *known = domain->block_jobs->pdata[i];
        if (known->job != job)
            continue;
        sk_job_unref(g_steal_pointer(&known->job));
        sk_domain_end_block_job(domain, known->target, FALSE);
        return;
    }
}

#define BLOCK_JOB(symbol, prepare_, run_)                                                                                             \
    const SkJobKind symbol = { .object = sk_domain_job_object, .prepare = prepare_, .run = run_, .commit = commit, .rollback = rollback, \
                               .free_work = sk_block_work_free, .cancellable = TRUE, .lingers = TRUE, .cancelled = cancelled }

BLOCK_JOB(sk_disk_pull_job, prepare_pull, run_pull);
BLOCK_JOB(sk_disk_commit_job, prepare_commit, run_commit);
BLOCK_JOB(sk_disk_copy_job, prepare_copy, run_copy);
