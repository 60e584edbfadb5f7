/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot.delete: one, with those that grew out of it, or those alone; the domain goes on as it is. */
#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"
#include "service/backup.h"
#include "service/block-job.h"
#include "service/checkpoint.h"
#include "service/snapshot-merge.h"

typedef struct {
    SkSnapshotSite site;
    SkDomain *domain;       /* a former daemon's: a reference */
    SkSnapshot *noted;      /* and what it wrote down */
    GPtrArray *known;       /* SkSnapshot, copies of all */
    GPtrArray *doomed;      /* of these; leaves first */
    GPtrArray *changed;     /* of these: those whose parent or files are others, and the one that is current then */
    gboolean keep_states;   /* only what is known of it goes */
    const SkSnapshot *gone; /* the one whose records are no more: to be forgotten by the main thread */
} DeleteWork;

static void
free_work(gpointer data)
{
    DeleteWork *work = data;
    sk_snapshot_site_clear(&work->site);
    g_clear_object(&work->domain);
    g_clear_pointer(&work->doomed, g_ptr_array_unref);
    g_clear_pointer(&work->changed, g_ptr_array_unref);
    g_clear_pointer(&work->known, g_ptr_array_unref);
    sk_value_free(&sk_snapshot_type, work->noted);
    g_free(work);
}

/* -- prepare: main -------------------------------------------------------------------------------------------------- */

/* The copy of one that the domain has. */
static SkSnapshot *
copy_of(const DeleteWork *work, const SkSnapshot *snapshot)
{
    for (guint i = 0; i < work->known->len; i++) {
        SkSnapshot *copy = work->known->pdata[i];
        if (g_str_equal(copy->id, snapshot->id))
            return copy;
    }
    return NULL;
}

static SkSnapshot *
change(DeleteWork *work, const SkSnapshot *snapshot)
{
    SkSnapshot *copy = copy_of(work, snapshot);
    if (!g_ptr_array_find(work->changed, copy, NULL))
        g_ptr_array_add(work->changed, copy);
    return copy;
}

static guint
depth_of(const SkDomain *domain, const SkSnapshot *snapshot)
{
    guint depth = 0;
    while (snapshot != NULL && snapshot->parent != NULL && depth < domain->snapshots->len) {
        snapshot = sk_domain_snapshot(domain, snapshot->parent, NULL);
        depth++;
    }
    return depth;
}

static gint
compare_depth(gconstpointer a, gconstpointer b, gpointer domain)
{
    return (gint) depth_of(domain, *(SkSnapshot *const *) b) - (gint) depth_of(domain, *(SkSnapshot *const *) a);
}

/* What grew out of it grows out of its parent then, and if it was current its parent is. */
static void
relink(DeleteWork *work, SkDomain *domain, const SkSnapshot *root, gboolean below, gboolean itself)
{
    const SkSnapshot *current = sk_domain_current_snapshot(domain), *heir = NULL;
    for (guint i = 0; !below && i < domain->snapshots->len; i++) {
        const SkSnapshot *child = domain->snapshots->pdata[i];
        if (g_strcmp0(child->parent, root->name) != 0)
            continue;
        SkSnapshot *copy = change(work, child);
        g_free(copy->parent);
        copy->parent = g_strdup(root->parent);
    }
    if (current == NULL || !(below ? sk_snapshot_grew_out_of(domain, current, root) : current == root) || (!itself && current == root))
        return;
    heir = !itself ? root : root->parent != NULL ? sk_domain_snapshot(domain, root->parent, NULL) : NULL;
    if (heir != NULL)
        change(work, heir)->current = TRUE;
}

static void
plan(DeleteWork *work, SkDomain *domain, const SkSnapshot *root, gboolean below, gboolean itself)
{
    work->known = sk_domain_copy_snapshots(domain);
    work->doomed = g_ptr_array_new();
    work->changed = g_ptr_array_new();
    for (guint i = 0; i < domain->snapshots->len; i++) {
        const SkSnapshot *snapshot = domain->snapshots->pdata[i];
        if (snapshot == root ? itself : below && sk_snapshot_grew_out_of(domain, snapshot, root))
            g_ptr_array_add(work->doomed, copy_of(work, snapshot));
    }
    g_ptr_array_sort_with_data(work->doomed, compare_depth, domain);
    relink(work, domain, root, below, itself);
}

/* What moves files is not done beside others that work with them. */
static gboolean
check_others(const DeleteWork *work, const SkDomain *domain, GError **error)
{
    for (guint i = 0; !work->keep_states && i < work->doomed->len; i++) {
        const SkSnapshot *snapshot = work->doomed->pdata[i];
        if (sk_snapshot_has_overlays(snapshot))
            return sk_domain_check_no_block_job(domain, NULL, error) && sk_domain_check_no_backup(domain, "deleting a snapshot", error) &&
                   sk_domain_check_no_checkpoints(domain, "deleting an external snapshot", error);
    }
    return TRUE;
}

static gboolean
prepare_by_daemon(SkJob *job, DeleteWork *work, GError **error)
{
    SkDomain *domain = work->domain;
    const SkSnapshot *known = sk_domain_snapshot(domain, work->noted->name, NULL);
    if (g_hash_table_lookup(job->service->domains_by_uuid, domain->spec->uuid) != domain)
        return sk_fail(error, SK_ERROR_NO_DOMAIN, "domain \"%s\" is no more", sk_domain_name(domain));
    if (known != NULL) {
        plan(work, domain, known, FALSE, TRUE);
    } else {
        work->known = sk_domain_copy_snapshots(domain);
        work->changed = g_ptr_array_new();
        work->doomed = g_ptr_array_new();
        g_ptr_array_add(work->doomed, work->noted);
    }
    return check_others(work, domain, error) && sk_snapshot_site_begin(&work->site, job->service, domain, error);
}

static gboolean
prepare(SkJob *job, GError **error)
{
    DeleteWork *work = job->work;
    if (work != NULL)
        return prepare_by_daemon(job, work, error);
    const SkParams *params = &job->call->params;
    SkDomain *domain = sk_service_domain(job->service, params->name, error);
    const SkSnapshot *root = domain != NULL ? sk_domain_snapshot(domain, params->snapshot, error) : NULL;
    if (root == NULL)
        return FALSE;
    if (domain->torn != NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was being reverted to \"%s\", which came not to its end: revert it again",
                       sk_domain_name(domain), domain->torn);
    if (domain->unfinished != NULL)
        return sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" of domain \"%s\" is being deleted: wait for its end", domain->unfinished->name,
                       sk_domain_name(domain));
    work = job->work = g_new0(DeleteWork, 1);
    work->keep_states = params->metadata;
    plan(work, domain, root, params->children || params->children_only, !params->children_only);
    return check_others(work, domain, error) && sk_snapshot_site_begin(&work->site, job->service, domain, error);
}

/* -- run: worker ------------------------------------------------------------------------------------------------------- */

/* On the main thread, as soon as it is true. */
static void
forget(gpointer data)
{
    DeleteWork *work = data;
    SkDomain *domain = work->site.domain;
    for (guint i = 0; i < work->changed->len; i++) {
        const SkSnapshot *changed = work->changed->pdata[i];
        if (sk_domain_snapshot(domain, changed->name, NULL) != NULL)
            sk_domain_put_snapshot(domain, sk_value_copy(&sk_snapshot_type, changed));
    }
    if (work->site.record != NULL) {
        const SkRecord *record = work->site.record;
        sk_domain_set_spec(domain, sk_value_copy(&sk_domain_spec_type, work->site.spec), record->revision, record->modified);
        g_clear_pointer(&work->site.record, sk_record_free);
    }
    sk_domain_forget_snapshot(domain, work->gone->id);
    sk_domain_tell_snapshots(domain, "snapshot.deleted", work->gone->name);
}

static gboolean
drop_record(DeleteWork *work, const SkSnapshot *snapshot, GError **error)
{
    SkStoreBatch *batch = sk_store_batch_new();
    g_ptr_array_remove(work->changed, (gpointer) snapshot);
    sk_store_batch_remove(batch, "snapshot", snapshot->id);
    for (guint i = 0; i < work->changed->len; i++) {
        g_autoptr(SkRecord) record = sk_snapshot_record(work->site.uuid, work->changed->pdata[i]);
        sk_store_batch_put(batch, record);
    }
    if (work->site.record != NULL)
        sk_store_batch_put(batch, work->site.record);
    sk_snapshot_note_settle(&work->site, batch);
    if (sk_fault("snapshot-delete/record", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    if (!sk_store_commit(work->site.store, batch, error))
        return FALSE;
    work->gone = snapshot;
    sk_main_call(forget, work);
    return TRUE;
}

/* On the main thread: nobody goes back to it from now on. */
static void
mark_doomed(gpointer data)
{
    const DeleteWork *work = data;
    if (sk_domain_snapshot(work->site.domain, work->gone->name, NULL) != NULL)
        sk_domain_put_snapshot(work->site.domain, sk_value_copy(&sk_snapshot_type, work->gone));
}

/* Written down: what it is about, and that the snapshot is of no use any more. */
static gboolean
begin(DeleteWork *work, SkSnapshot *snapshot, GError **error)
{
    if (!snapshot->doomed && !sk_snapshot_merge_plan(&work->site, work->known, snapshot, error))
        return FALSE;
    gboolean known = g_ptr_array_find(work->known, snapshot, NULL);
    snapshot->doomed = TRUE;
    g_autoptr(SkRecord) note = sk_snapshot_note_record(&work->site, SK_SNAPSHOT_DELETING, snapshot, 0);
    g_autoptr(SkRecord) record = sk_snapshot_record(work->site.uuid, snapshot);
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_put(batch, note);
    if (known)
        sk_store_batch_put(batch, record);
    if (!sk_store_commit(work->site.store, batch, error))
        return FALSE;
    work->gone = snapshot;
    sk_main_call(mark_doomed, work);
    return TRUE;
}

/* Once begun it is brought to its end, if not now then by asking again, or by the next daemon: half a snapshot is none. */
static gboolean
delete_one(SkJob *job, DeleteWork *work, SkSnapshot *snapshot, GError **error)
{
    if (work->keep_states)
        return drop_record(work, snapshot, error);
    if (!begin(work, snapshot, error))
        return FALSE;
    if (!sk_fault("snapshot-delete/note", error) && sk_snapshot_merge(job, &work->site, work->known, snapshot, work->changed, error) &&
        !sk_fault("snapshot-delete/merged", error) && sk_snapshot_drop_states(&work->site, snapshot, error) &&
        !sk_fault("snapshot-delete/states", error) && sk_snapshot_drop_files(snapshot, error) && drop_record(work, snapshot, error))
        return TRUE;
    g_prefix_error(error, "snapshot \"%s\" is not deleted, but of no use any more: ", snapshot->name);
    return FALSE;
}

static gboolean
run(SkJob *job, GError **error)
{
    DeleteWork *work = job->work;
    for (guint i = 0; i < work->doomed->len; i++) {
        SkSnapshot *snapshot = work->doomed->pdata[i];
        sk_job_progress(job, (gdouble) i / work->doomed->len, "deleting", 0, 0);
        if (!delete_one(job, work, snapshot, error))
            return FALSE;
        /* What was its is nobody's. */
        g_ptr_array_remove(work->known, snapshot);
    }
    return TRUE;
}

static void
rollback(SkJob *job, const GError *error)
{
    if (job->call == NULL)
        g_warning("%s", error->message);
}

const SkJobKind sk_snapshot_delete_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .rollback = rollback, .free_work = free_work, .cancellable = TRUE,
};

/* -- what a former daemon began ----------------------------------------------------------------------------------------- */

void
sk_snapshot_delete_by_daemon(SkDomain *domain, SkSnapshot *snapshot)
{
    g_autofree char *object = sk_domain_object(domain);
    sk_value_free(&sk_snapshot_type, domain->unfinished);
    domain->unfinished = NULL;
    if (sk_domain_block_job(domain, NULL) != NULL) {
        domain->unfinished = snapshot;
        return;
    }
    DeleteWork *work = g_new0(DeleteWork, 1);
    work->domain = g_object_ref(domain);
    work->noted = snapshot;
    sk_job_start(domain->service, &sk_snapshot_delete_job, "snapshot.delete", object, work);
}

void
sk_domain_go_on_deleting(SkDomain *domain)
{
    if (domain->unfinished != NULL && sk_domain_block_job(domain, NULL) == NULL)
        sk_snapshot_delete_by_daemon(domain, g_steal_pointer(&domain->unfinished));
}
