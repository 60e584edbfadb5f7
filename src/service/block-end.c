/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How block jobs come to their end: told to, by themselves, with their QEMU, or after the daemon was away. */
#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "engine/qmp/block-nodes.h"
#include "service/block-job.h"
#include "service/disk-chains.h"
#include "service/domain-note.h"
#include "service/pool.h"
#include "service/snapshot.h"

/* A guest's I/O stands still for the most of this. */
#define END_MS 120000

/* -- the definition goes over ---------------------------------------------------------------------------------- */

static void
put_source(SkDisk *disk, const SkDisk *from)
{
    char *pool = g_strdup(from->pool), *volume = g_strdup(from->volume), *path = g_strdup(from->path);
    g_free(disk->pool);
    g_free(disk->volume);
    g_free(disk->path);
    disk->pool = pool;
    disk->volume = volume;
    disk->path = path;
    disk->source = from->source;
    disk->format = from->format;
}

/* The disk of spec, if it is still on the one file, is on the other. TRUE: spec is another now. */
static gboolean
move(SkDomainSpec *spec, const SkDisk *from, const SkDisk *to)
{
    SkDisk *disk = spec != NULL ? sk_domain_spec_find_disk(spec, from->target) : NULL;
    if (disk == NULL || g_strcmp0(disk->path, from->path) != 0)
        return FALSE;
    put_source(disk, to);
    return TRUE;
}

static gboolean
commit_move(SkBlockWork *work, gboolean moved, GError **error)
{
    SkStoreBatch *batch = sk_store_batch_new();
    g_autoptr(SkRecord) note = sk_block_work_record(work), record = moved ? sk_domain_record(work->spec, work->persistent) : NULL;
    sk_store_batch_put(batch, note);
    if (moved)
        sk_store_batch_put(batch, record);
    if (sk_fault("block-job/definition", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    if (!sk_store_commit(work->store, batch, error))
        return FALSE;
    if (moved) {
        /* What a put alone would say: changes of one domain wait for each other. */
        record->revision = ++work->revision;
        record->modified = g_get_real_time();
        sk_record_free(work->record);
        work->record = g_steal_pointer(&record);
    }
    return TRUE;
}

/* Definition and note in one transaction, then what is noted beside the run directory. */
static gboolean
keep(SkBlockWork *work, const SkDisk *from, const SkDisk *to, SkBlockPhase phase, GError **error)
{
    SkBlockJob *job = work->job;
    gint before = job->phase;
    gboolean was = job->switched, moved = move(work->spec, from, to);
    job->phase = (gint) phase;
    job->switched = phase == SK_BLOCK_SWITCHED;
    if (!commit_move(work, moved, error)) {
        job->phase = before;
        job->switched = was;
        if (moved)
            move(work->spec, to, from);
        return FALSE;
    }
    move(work->live, from, to);
    return work->live == NULL || sk_domain_note_change(work->run_dir, work->runtime, work->live, error);
}

/* -- steps ----------------------------------------------------------------------------------------------------------- */

static gboolean
finalize(SkBlockWork *work, const char *id, SkQmpJob **seen, GError **error)
{
    if ((*seen)->status >= SK_QMP_JOB_CONCLUDED)
        return TRUE;
    if (sk_fault("block-job/finalize", error) || !sk_qmp_job_finalize(work->qmp, id, error))
        return FALSE;
    sk_qmp_job_free(*seen);
    *seen = sk_qmp_job_await(work->qmp, id, SK_QMP_JOB_CONCLUDED, END_MS, error);
    return *seen != NULL;
}

static gboolean
await_pending(SkBlockWork *work, const char *id, SkQmpJob **seen, GError **error)
{
    sk_qmp_job_free(*seen);
    *seen = sk_qmp_job_await(work->qmp, id, SK_QMP_JOB_PENDING, END_MS, error);
    return *seen != NULL;
}

/* From "pending" on the guest's I/O stands still and both files have the same: whichever is named from now on is right. */
static gboolean
pivot(SkBlockWork *work, const char *id, SkQmpJob **seen, GError **error)
{
    SkBlockJob *job = work->job;
    gboolean ready = (*seen)->status == SK_QMP_JOB_READY || (*seen)->status == SK_QMP_JOB_STANDBY;
    if (ready && (sk_fault("block-job/complete", error) || !sk_qmp_job_complete(work->qmp, id, error)))
        return FALSE;
    if (!await_pending(work, id, seen, error))
        return FALSE;
    if ((*seen)->status < SK_QMP_JOB_CONCLUDED && job->phase == SK_BLOCK_PIVOTING && !keep(work, job->old, job->fresh, SK_BLOCK_SWITCHED, error)) {
        /* The guest is not to stand still for that. */
        if (!job->switched)
            sk_qmp_job_cancel(work->qmp, id, FALSE, NULL);
        return FALSE;
    }
    return finalize(work, id, seen, error);
}

static gboolean
cancel(SkBlockWork *work, const char *id, SkQmpJob **seen, GError **error)
{
    SkBlockJob *job = work->job;
    gboolean running = (*seen)->status < SK_QMP_JOB_WAITING;
    job->gently = job->gently || ((*seen)->status == SK_QMP_JOB_READY && job->kind == SK_BLOCK_COPY);
    if (running && (sk_fault("block-job/cancel", error) || !sk_qmp_job_cancel(work->qmp, id, job->gently, error)))
        return FALSE;
    return await_pending(work, id, seen, error) && finalize(work, id, seen, error);
}

/* What QEMU has of it is brought to its end. TRUE with *seen NULL: it has nothing of it any more. */
static gboolean
drive(SkBlockWork *work, const char *id, SkQmpJob **seen, GError **error)
{
    const SkBlockJob *job = work->job;
    g_autoptr(GError) why = NULL;
    *seen = work->qmp != NULL ? sk_qmp_query_job(work->qmp, id, &why) : NULL;
    if (why != NULL && sk_qmp_is_open(work->qmp)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (*seen == NULL || (*seen)->status >= SK_QMP_JOB_CONCLUDED)
        return TRUE;
    if (job->phase == SK_BLOCK_PIVOTING || job->phase == SK_BLOCK_SWITCHED)
        return pivot(work, id, seen, error);
    return job->phase != SK_BLOCK_CANCELLING || cancel(work, id, seen, error);
}

/* -- the end ------------------------------------------------------------------------------------------------------------- */

static void
remove_files(char *const *paths)
{
    for (guint i = 0; paths != NULL && paths[i] != NULL; i++) {
        g_autoptr(GError) why = NULL;
        if (!sk_fs_remove(paths[i], &why))
            g_warning("%s, continuing", why->message);
    }
}

/* How it ended, as far as it is not written down yet. An empty failure: it was cancelled. */
static void
judge(SkBlockWork *work, const SkQmpJob *seen)
{
    SkBlockJob *job = work->job;
    if (job->phase == SK_BLOCK_ENDED)
        return;
    if (job->phase == SK_BLOCK_CANCELLING) {
        job->gently = job->gently && seen != NULL && seen->error == NULL;
        job->failure = seen == NULL || seen->error != NULL ? g_strdup("") : NULL;
    } else if (seen != NULL) {
        job->failure = g_strdup(seen->error);
    } else if (job->phase != SK_BLOCK_SWITCHED) {
        job->failure = g_strdup(work->qmp != NULL ? "QEMU did not begin it" : "the domain ended before it did");
    }
}

/* Files that nobody needs: those of a commit that were asked to go, or the beginnings of a copy. */
static void
clear_away(const SkBlockWork *work)
{
    const SkBlockJob *job = work->job;
    if (job->failure == NULL)
        remove_files(job->remove);
    if (job->kind == SK_BLOCK_COPY && job->made && !job->switched && !job->gently)
        remove_files((char *[]){ job->fresh->path, NULL });
}

gboolean
sk_block_settle(SkBlockWork *work, GError **error)
{
    SkBlockJob *job = work->job;
    g_autoptr(SkQmpJob) seen = NULL;
    g_autofree char *id = sk_block_job_id(job);
    sk_assert_worker();
    if (!drive(work, id, &seen, error))
        return FALSE;
    if (seen != NULL && seen->status < SK_QMP_JOB_CONCLUDED)
        return TRUE;
    judge(work, seen);
    /* The definition had gone over, but QEMU could not. */
    if (job->switched && job->failure != NULL && !keep(work, job->fresh, job->old, SK_BLOCK_PIVOTING, error))
        return FALSE;
    /* A daemon may have died between the two. */
    if (job->switched && move(work->live, job->old, job->fresh) && !sk_domain_note_change(work->run_dir, work->runtime, work->live, error))
        return FALSE;
    clear_away(work);
    if (!sk_block_work_note(work, SK_BLOCK_ENDED, error) || sk_fault("block-job/ended", error))
        return FALSE;
    if (work->qmp != NULL && sk_qmp_is_open(work->qmp)) {
        if (seen != NULL && !sk_qmp_job_dismiss(work->qmp, id, error))
            return FALSE;
        sk_qmp_tidy_disk(work->qmp, job->target);
    }
    g_autofree char *record = g_strconcat(work->uuid, "/", job->target, NULL);
    if (work->live != NULL)
        work->chains = sk_disk_chains_look(work->domain, work->runtime->chains, work->live, job->target);
    work->ended = !sk_fault("block-job/forget", error) && sk_store_remove(work->store, "block-job", record, error);
    return work->ended;
}

/* -- and the domain hears of it: main ---------------------------------------------------------------------------------- */

static void
look_at(SkService *service, const char *path)
{
    g_autofree char *dir = path != NULL ? g_path_get_dirname(path) : NULL, *name = path != NULL ? g_path_get_basename(path) : NULL;
    SkPool *pool = dir != NULL ? sk_service_pool_at(service, dir) : NULL;
    if (pool != NULL)
        sk_pool_look_at(pool, name);
}

static void
look_at_files(SkService *service, const SkBlockJob *job)
{
    look_at(service, job->old->path);
    look_at(service, job->fresh != NULL ? job->fresh->path : NULL);
    for (guint i = 0; job->writes != NULL && job->writes[i] != NULL; i++)
        look_at(service, job->writes[i]);
    for (guint i = 0; job->remove != NULL && job->remove[i] != NULL; i++)
        look_at(service, job->remove[i]);
}

static void
take_definitions(SkBlockWork *work)
{
    SkDomain *domain = work->domain;
    if (work->live != NULL && domain->runtime.live != NULL && !sk_value_equal(&sk_domain_spec_type, work->live, domain->runtime.live)) {
        sk_domain_set_live(domain, g_steal_pointer(&work->live));
        domain->runtime.change = work->runtime->change;
        sk_domain_save_runtime(domain);
        sk_domain_touch(domain);
    }
    if (work->chains != NULL && domain->runtime.live != NULL) {
        sk_domain_set_chains(domain, g_steal_pointer(&work->chains));
        sk_domain_save_runtime(domain);
    }
    if (work->record != NULL)
        sk_domain_set_spec(domain, g_steal_pointer(&work->spec), work->record->revision, work->record->modified);
}

static const char *
status_of(const SkBlockJob *job)
{
    if (job->failure != NULL && *job->failure != '\0')
        return "failed";
    return job->failure != NULL || job->gently ? "canceled" : "completed";
}

static GError *
error_of(const SkBlockWork *work)
{
    const SkBlockJob *job = work->job;
    const char *kind = sk_enum_name(&sk_block_kind_enum, job->kind);
    if (job->failure == NULL)
        return NULL;
    if (*job->failure == '\0')
        return g_error_new(SK_ERROR, SK_ERROR_CANCELLED, "%s of disk \"%s\" of domain \"%s\" was cancelled", kind, job->target, work->name);
    return g_error_new(SK_ERROR, SK_ERROR_QEMU, "%s of disk \"%s\" of domain \"%s\" failed: %s", kind, job->target, work->name, job->failure);
}

void
sk_block_settled(SkBlockWork *work)
{
    SkDomain *domain = work->domain;
    SkBlockJob *known = sk_domain_block_job(domain, work->job->target);
    take_definitions(work);
    if (known == NULL)
        return;
    known->settling = FALSE;
    known->phase = work->job->phase;
    known->switched = work->job->switched;
    known->gently = work->job->gently;
    if (!work->ended) {
        if (known->job == NULL && sk_domain_is_active(domain) && known->phase == SK_BLOCK_STARTING)
            sk_block_job_show(domain, known);
        sk_domain_reserve_again(domain);
        return;
    }
    g_autoptr(SkJob) shown = g_steal_pointer(&known->job);
    g_ptr_array_remove(domain->block_jobs, known);
    sk_domain_reserve_again(domain);
    look_at_files(domain->service, work->job);
    sk_domain_tell_block_job(domain, work->job, status_of(work->job));
    GError *error = error_of(work);
    if (shown != NULL)
        sk_job_end(shown, error);
    else
        g_clear_error(&error);
    sk_domain_go_on_deleting(domain);
}

/* -- a look of the daemon's own ---------------------------------------------------------------------------------------------- */

typedef struct {
    SkDomain *domain;       /* a reference */
    char *target;
    gboolean pivot;
    gboolean end;           /* it is to be ended, not only looked at */
} Wish;

static Wish *
new_wish(SkDomain *domain, const char *target)
{
    Wish *wish = g_new0(Wish, 1);
    wish->domain = g_object_ref(domain);
    wish->target = g_strdup(target);
    return wish;
}

static void
free_wish(Wish *wish)
{
    g_object_unref(wish->domain);
    g_free(wish->target);
    g_free(wish);
}

/* What job->work is until its turn has come, and then. */
typedef struct { Wish *wish; SkBlockWork *work; } Turn;

static void
free_turn(gpointer data)
{
    Turn *turn = data;
    if (turn->wish != NULL)
        free_wish(turn->wish);
    if (turn->work != NULL)
        sk_block_work_free(turn->work);
    g_free(turn);
}

static gboolean
begin_work(Turn *turn, SkService *service, SkDomain *domain, const SkBlockJob *known, GError **error)
{
    SkBlockJob *copy = sk_value_copy(&sk_block_job_type, known);
    copy->state = known->state;
    turn->work = g_new0(SkBlockWork, 1);
    return sk_block_work_begin(turn->work, service, domain, copy, error);
}

static gboolean
prepare_look(SkJob *job, GError **error)
{
    Turn *turn = job->work;
    const Wish *wish = turn->wish;
    const SkBlockJob *known = sk_domain_block_job(wish->domain, wish->target);
    if (known == NULL || (wish->end && known->phase != SK_BLOCK_STARTING))
        return sk_fail(error, SK_ERROR_NO_JOB, "disk \"%s\" has no block job", wish->target);
    return begin_work(turn, job->service, wish->domain, known, error);
}

static gboolean
run_look(SkJob *job, GError **error)
{
    Turn *turn = job->work;
    const Wish *wish = turn->wish;
    if (wish->end && (!sk_block_work_note(turn->work, wish->pivot ? SK_BLOCK_PIVOTING : SK_BLOCK_CANCELLING, error) || sk_fault("block-job/end", error)))
        return FALSE;
    return sk_block_settle(turn->work, error);
}

static void
commit_look(SkJob *job)
{
    sk_block_settled(((Turn *) job->work)->work);
}

/* It is tried again when QEMU says something of it, or by the next daemon. */
static void
rollback_look(SkJob *job, const GError *error)
{
    Turn *turn = job->work;
    SkBlockJob *known = sk_domain_block_job(turn->wish->domain, turn->wish->target);
    if (sk_error_is(error, SK_ERROR_NO_JOB))
        return;
    g_warning("domain \"%s\": the block job on disk \"%s\" could not be brought to its end: %s", sk_domain_name(turn->wish->domain), turn->wish->target,
              error->message);
    if (turn->work != NULL && turn->work->job != NULL)
        sk_block_settled(turn->work);
    if (known != NULL)
        known->settling = FALSE;
}

static const SkJobKind look_job = {
    .prepare = prepare_look, .run = run_look, .commit = commit_look, .rollback = rollback_look, .free_work = free_turn,
};

static void
start_turn(SkDomain *domain, Wish *wish)
{
    Turn *turn = g_new0(Turn, 1);
    turn->wish = wish;
    sk_job_start_quiet_for(domain->service, &look_job, sk_domain_object(domain), turn);
}

void
sk_domain_look_at_block_job(SkDomain *domain, SkBlockJob *job)
{
    if (job->settling)
        return;
    job->settling = TRUE;
    start_turn(domain, new_wish(domain, job->target));
}

void
sk_domain_end_block_job(SkDomain *domain, const char *target, gboolean go_over)
{
    Wish *wish = new_wish(domain, target);
    wish->end = TRUE;
    wish->pivot = go_over;
    start_turn(domain, wish);
}

/* -- disk.job-end ------------------------------------------------------------------------------------------------------------- */

static gboolean
check_end(const SkDomain *domain, const SkBlockJob *known, gboolean go_over, GError **error)
{
    const char *name = sk_domain_name(domain), *kind = sk_enum_name(&sk_block_kind_enum, known->kind);
    if (go_over && !sk_block_kind_waits(known->kind))
        return sk_fail(error, SK_ERROR_STATE, "the block job on disk \"%s\" of domain \"%s\" is a %s: it has nothing to pivot to", known->target, name, kind);
    if (go_over && known->state != SK_BLOCK_READY)
        return sk_fail(error, SK_ERROR_STATE, "block copy still active: disk \"%s\" of domain \"%s\" is not ready for pivot yet", known->target, name);
    if (known->phase != SK_BLOCK_STARTING)
        return sk_fail(error, SK_ERROR_STATE, "the block job on disk \"%s\" of domain \"%s\" is already coming to its end", known->target, name);
    return TRUE;
}

static gboolean
prepare_end(SkJob *job, GError **error)
{
    const SkDiskJobEnd *body = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    SkBlockJob *known = domain != NULL ? sk_domain_block_job(domain, job->call->params.target) : NULL;
    if (domain == NULL)
        return FALSE;
    if (known == NULL || strlen(job->call->params.target) == 0)
        return sk_fail(error, SK_ERROR_STATE, "disk \"%s\" of domain \"%s\" has no block job", job->call->params.target, sk_domain_name(domain));
    if (!check_end(domain, known, body->pivot, error))
        return FALSE;
    Turn *turn = job->work = g_new0(Turn, 1);
    turn->wish = new_wish(domain, known->target);
    turn->wish->pivot = body->pivot;
    known->state = body->pivot ? known->state : SK_BLOCK_ENDING;
    return begin_work(turn, job->service, domain, known, error);
}

/* Told, but not waited for: what comes of it is heard of QEMU. */
static gboolean
tell_only(SkBlockWork *work, GError **error)
{
    g_autofree char *id = sk_block_job_id(work->job);
    work->job->gently = work->job->kind == SK_BLOCK_COPY && work->job->state == SK_BLOCK_READY;
    return sk_qmp_job_cancel(work->qmp, id, work->job->gently, error);
}

static gboolean
run_end(SkJob *job, GError **error)
{
    const SkDiskJobEnd *body = job->call->body;
    Turn *turn = job->work;
    SkBlockWork *work = turn->work;
    if (!sk_block_work_note(work, body->pivot ? SK_BLOCK_PIVOTING : SK_BLOCK_CANCELLING, error) || sk_fault("block-job/end", error))
        return FALSE;
    if (body->no_wait && !body->pivot)
        return tell_only(work, error);
    return sk_block_settle(work, error) &&
           (!body->pivot || work->job->failure == NULL ||
            sk_fail(error, SK_ERROR_QEMU, "disk \"%s\" of domain \"%s\" could not go over: %s", work->job->target, work->name, work->job->failure));
}

static void
commit_end(SkJob *job)
{
    sk_block_settled(((Turn *) job->work)->work);
}

static void
rollback_end(SkJob *job, const GError *error)
{
    Turn *turn = job->work;
    SkBlockJob *known = turn != NULL ? sk_domain_block_job(turn->wish->domain, turn->wish->target) : NULL;
    (void) error;
    if (turn != NULL && turn->work != NULL && turn->work->job != NULL)
        sk_block_settled(turn->work);
    /* Whatever was noted is brought to its end. */
    if (known != NULL && sk_domain_block_job(turn->wish->domain, turn->wish->target) == known)
        sk_domain_look_at_block_job(turn->wish->domain, known);
}

const SkJobKind sk_disk_job_end_job = {
    .object = sk_domain_job_object, .prepare = prepare_end, .run = run_end, .commit = commit_end, .rollback = rollback_end, .free_work = free_turn,
};
