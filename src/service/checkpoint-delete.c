/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checkpoint.delete: one, with those that came after it, or those alone. No other loses anything: each has a bitmap of its own. */
#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"
#include "service/checkpoint.h"

typedef struct {
    SkSnapshotSite site;
    SkDomain *domain;       /* a former daemon's: a reference */
    GPtrArray *doomed;      /* SkCheckpoint, copies; the latest first */
    GPtrArray *changed;     /* SkCheckpoint, copies: those that came after one that goes, and the one that is current then */
    gboolean keep_bitmaps;  /* only what is known of it goes */
    gboolean unborn;        /* a former daemon was creating it */
    const SkCheckpoint *gone; /* the one whose record is no more: to be forgotten by the main thread */
} DeleteWork;

static void
free_checkpoint(gpointer checkpoint)
{
    sk_value_free(&sk_checkpoint_type, checkpoint);
}

static DeleteWork *
new_work(void)
{
    DeleteWork *work = g_new0(DeleteWork, 1);
    work->doomed = g_ptr_array_new_with_free_func(free_checkpoint);
    work->changed = g_ptr_array_new_with_free_func(free_checkpoint);
    return work;
}

static void
free_work(gpointer data)
{
    DeleteWork *work = data;
    sk_snapshot_site_clear(&work->site);
    g_clear_object(&work->domain);
    g_ptr_array_unref(work->doomed);
    g_ptr_array_unref(work->changed);
    g_free(work);
}

/* -- prepare: main -------------------------------------------------------------------------------------------------- */

static SkCheckpoint *
change(DeleteWork *work, const SkCheckpoint *checkpoint)
{
    for (guint i = 0; i < work->changed->len; i++) {
        SkCheckpoint *known = work->changed->pdata[i];
        if (g_str_equal(known->id, checkpoint->id))
            return known;
    }
    SkCheckpoint *copy = sk_value_copy(&sk_checkpoint_type, checkpoint);
    g_ptr_array_add(work->changed, copy);
    return copy;
}

static gboolean
is_doomed(const DeleteWork *work, const char *id)
{
    for (guint i = 0; i < work->doomed->len; i++) {
        if (g_str_equal(((const SkCheckpoint *) work->doomed->pdata[i])->id, id))
            return TRUE;
    }
    return FALSE;
}

/* The next one up that stays; NULL: none does. */
static const SkCheckpoint *
heir_of(const DeleteWork *work, const SkDomain *domain, const SkCheckpoint *checkpoint)
{
    guint left = domain->checkpoints->len;
    while (checkpoint != NULL && is_doomed(work, checkpoint->id) && left-- > 0)
        checkpoint = checkpoint->parent != NULL ? sk_domain_checkpoint(domain, checkpoint->parent, NULL) : NULL;
    return checkpoint;
}

static void
plan(DeleteWork *work, const SkDomain *domain, const SkCheckpoint *root, gboolean below, gboolean itself)
{
    for (guint i = domain->checkpoints->len; i > 0; i--) {
        const SkCheckpoint *checkpoint = domain->checkpoints->pdata[i - 1];
        if (checkpoint == root ? itself : below && sk_checkpoint_came_after(domain, checkpoint, root))
            g_ptr_array_add(work->doomed, sk_value_copy(&sk_checkpoint_type, checkpoint));
    }
    for (guint i = 0; i < domain->checkpoints->len; i++) {
        const SkCheckpoint *checkpoint = domain->checkpoints->pdata[i];
        const SkCheckpoint *parent = checkpoint->parent != NULL ? sk_domain_checkpoint(domain, checkpoint->parent, NULL) : NULL;
        const SkCheckpoint *heir = heir_of(work, domain, parent);
        if (is_doomed(work, checkpoint->id) || heir == parent)
            continue;
        SkCheckpoint *copy = change(work, checkpoint);
        g_free(copy->parent);
        copy->parent = g_strdup(heir != NULL ? heir->name : NULL);
    }
    const SkCheckpoint *current = sk_domain_current_checkpoint(domain), *next = heir_of(work, domain, current);
    if (next != NULL && next != current)
        change(work, next)->current = TRUE;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    DeleteWork *work = job->work;
    if (work != NULL)
        return sk_snapshot_site_begin(&work->site, job->service, work->domain, error);
    const SkParams *params = &job->call->params;
    SkDomain *domain = sk_service_domain(job->service, params->name, error);
    const SkCheckpoint *root = domain != NULL ? sk_domain_checkpoint(domain, params->checkpoint, error) : NULL;
    if (root == NULL)
        return FALSE;
    work = job->work = new_work();
    work->keep_bitmaps = params->metadata;
    plan(work, domain, root, params->children || params->children_only, !params->children_only);
    return sk_snapshot_site_begin(&work->site, job->service, domain, error);
}

/* -- run: worker ------------------------------------------------------------------------------------------------------- */

/* On the main thread, as soon as it is true. */
static void
forget(gpointer data)
{
    DeleteWork *work = data;
    SkDomain *domain = work->site.domain;
    for (guint i = 0; i < work->changed->len; i++) {
        const SkCheckpoint *changed = work->changed->pdata[i];
        if (sk_domain_checkpoint(domain, changed->name, NULL) != NULL)
            sk_domain_put_checkpoint(domain, sk_value_copy(&sk_checkpoint_type, changed));
    }
    if (sk_domain_checkpoint(domain, work->gone->name, NULL) == NULL)
        return;
    sk_domain_forget_checkpoint(domain, work->gone->id);
    sk_domain_tell_checkpoints(domain, "checkpoint.deleted", work->gone->name);
}

static gboolean
drop_record(DeleteWork *work, const SkCheckpoint *checkpoint, GError **error)
{
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_remove(batch, "checkpoint", checkpoint->id);
    for (guint i = 0; i < work->changed->len; i++) {
        g_autoptr(SkRecord) record = sk_checkpoint_record(work->site.uuid, work->changed->pdata[i]);
        sk_store_batch_put(batch, record);
    }
    sk_checkpoint_note_settle(&work->site, batch);
    if (sk_fault("checkpoint-delete/record", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    if (!sk_store_commit(work->site.store, batch, error))
        return FALSE;
    work->gone = checkpoint;
    sk_main_call(forget, work);
    return TRUE;
}

/* Once begun it is brought to its end, if not now then by asking again, or by the next daemon. */
static gboolean
delete_one(DeleteWork *work, const SkCheckpoint *checkpoint, GError **error)
{
    if (work->keep_bitmaps)
        return drop_record(work, checkpoint, error);
    return sk_checkpoint_note(&work->site, checkpoint, error) && !sk_fault("checkpoint-delete/note", error) &&
           sk_checkpoint_drop_bitmaps(&work->site, checkpoint, error) && !sk_fault("checkpoint-delete/bitmaps", error) &&
           drop_record(work, checkpoint, error);
}

static gboolean
run(SkJob *job, GError **error)
{
    DeleteWork *work = job->work;
    if (work->unborn)
        sk_snapshot_site_thaw(&work->site);
    for (guint i = 0; i < work->doomed->len; i++) {
        const SkCheckpoint *checkpoint = work->doomed->pdata[i];
        sk_job_progress(job, (gdouble) i / work->doomed->len, "deleting", 0, 0);
        if (!delete_one(work, checkpoint, error)) {
            g_prefix_error(error, "checkpoint \"%s\" is not deleted, but may be of no use any more: ", checkpoint->name);
            return FALSE;
        }
    }
    return TRUE;
}

static void
rollback(SkJob *job, const GError *error)
{
    if (job->call == NULL)
        g_warning("%s", error->message);
}

const SkJobKind sk_checkpoint_delete_job = { .object = sk_domain_job_object, .prepare = prepare, .run = run, .rollback = rollback, .free_work = free_work };

void
sk_checkpoint_delete_by_daemon(SkDomain *domain, SkCheckpoint *checkpoint)
{
    DeleteWork *work = new_work();
    const SkCheckpoint *known = sk_domain_checkpoint(domain, checkpoint->name, NULL);
    work->domain = g_object_ref(domain);
    work->unborn = known == NULL || !g_str_equal(known->id, checkpoint->id);
    if (work->unborn)
        g_ptr_array_add(work->doomed, sk_value_copy(&sk_checkpoint_type, checkpoint));
    else
        plan(work, domain, known, FALSE, TRUE);
    sk_value_free(&sk_checkpoint_type, checkpoint);
    sk_job_start_quiet_for(domain->service, &sk_checkpoint_delete_job, sk_domain_object(domain), work);
}
