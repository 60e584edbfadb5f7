/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot.delete: one, with those that grew out of it, or those alone; the domain goes on as it is. */
#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"
#include "service/snapshot.h"

typedef struct {
    SkSnapshotSite site;
    SkDomain *domain;       /* a former daemon's: a reference */
    GPtrArray *doomed;      /* SkSnapshot, copies; leaves first */
    GPtrArray *changed;     /* SkSnapshot, copies: those whose parent it was, and the one that is current then */
    gboolean keep_states;   /* only what is known of it goes */
    const SkSnapshot *gone; /* the one whose records are no more: to be forgotten by the main thread */
} DeleteWork;

static void
free_snapshot(gpointer snapshot)
{
    sk_value_free(&sk_snapshot_type, snapshot);
}

static void
free_work(gpointer data)
{
    DeleteWork *work = data;
    sk_snapshot_site_clear(&work->site);
    g_clear_object(&work->domain);
    g_clear_pointer(&work->doomed, g_ptr_array_unref);
    g_clear_pointer(&work->changed, g_ptr_array_unref);
    g_free(work);
}

/* -- prepare: main -------------------------------------------------------------------------------------------------- */

static SkSnapshot *
change(DeleteWork *work, const SkSnapshot *snapshot)
{
    for (guint i = 0; i < work->changed->len; i++) {
        SkSnapshot *known = work->changed->pdata[i];
        if (g_str_equal(known->id, snapshot->id))
            return known;
    }
    SkSnapshot *copy = sk_value_copy(&sk_snapshot_type, snapshot);
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
    work->doomed = g_ptr_array_new_with_free_func(free_snapshot);
    work->changed = g_ptr_array_new_with_free_func(free_snapshot);
    for (guint i = 0; i < domain->snapshots->len; i++) {
        const SkSnapshot *snapshot = domain->snapshots->pdata[i];
        if (snapshot == root ? itself : below && sk_snapshot_grew_out_of(domain, snapshot, root))
            g_ptr_array_add(work->doomed, sk_value_copy(&sk_snapshot_type, snapshot));
    }
    g_ptr_array_sort_with_data(work->doomed, compare_depth, domain);
    relink(work, domain, root, below, itself);
}

/* What overlays have is not thrown away: it goes down by a commit, which is asked for by itself. */
static gboolean
check_overlays(const DeleteWork *work, const SkDomain *domain, GError **error)
{
    for (guint i = 0; !work->keep_states && i < work->doomed->len; i++) {
        const SkSnapshot *snapshot = work->doomed->pdata[i];
        if (sk_snapshot_has_overlays(snapshot))
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "snapshot \"%s\" of domain \"%s\" has overlays: bring them down with \"virsh blockcommit\" or \"skep disk "
                           "commit\", then delete what is known of it (metadata)", snapshot->name, sk_domain_name(domain));
    }
    return TRUE;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    DeleteWork *work = job->work;
    if (work != NULL)
        return sk_snapshot_site_begin(&work->site, job->service, work->domain, error);
    const SkParams *params = &job->call->params;
    SkDomain *domain = sk_service_domain(job->service, params->name, error);
    const SkSnapshot *root = domain != NULL ? sk_domain_snapshot(domain, params->snapshot, error) : NULL;
    if (root == NULL)
        return FALSE;
    if (domain->torn != NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was being reverted to \"%s\", which came not to its end: revert it again",
                       sk_domain_name(domain), domain->torn);
    work = job->work = g_new0(DeleteWork, 1);
    work->keep_states = params->metadata;
    plan(work, domain, root, params->children || params->children_only, !params->children_only);
    return check_overlays(work, domain, error) && sk_snapshot_site_begin(&work->site, job->service, domain, error);
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
    sk_domain_forget_snapshot(domain, work->gone->id);
    sk_domain_tell_snapshots(domain, "snapshot.deleted", work->gone->name);
}

static gboolean
drop_record(DeleteWork *work, const SkSnapshot *snapshot, GError **error)
{
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_remove(batch, "snapshot", snapshot->id);
    for (guint i = 0; i < work->changed->len; i++) {
        g_autoptr(SkRecord) record = sk_snapshot_record(work->site.uuid, work->changed->pdata[i]);
        sk_store_batch_put(batch, record);
    }
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

/* Once begun it is brought to its end, if not now then by asking again, or by the next daemon: half a snapshot is none. */
static gboolean
delete_one(DeleteWork *work, const SkSnapshot *snapshot, GError **error)
{
    if (work->keep_states)
        return drop_record(work, snapshot, error);
    return sk_snapshot_note(&work->site, SK_SNAPSHOT_DELETING, snapshot, 0, error) && !sk_fault("snapshot-delete/note", error) &&
           sk_snapshot_drop_states(&work->site, snapshot, error) && !sk_fault("snapshot-delete/states", error) &&
           sk_snapshot_drop_files(snapshot, error) && drop_record(work, snapshot, error);
}

static gboolean
run(SkJob *job, GError **error)
{
    DeleteWork *work = job->work;
    for (guint i = 0; i < work->doomed->len; i++) {
        const SkSnapshot *snapshot = work->doomed->pdata[i];
        sk_job_progress(job, (gdouble) i / work->doomed->len, "deleting", 0, 0);
        if (!delete_one(work, snapshot, error)) {
            g_prefix_error(error, "snapshot \"%s\" is not deleted, but may be of no use any more: ", snapshot->name);
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

const SkJobKind sk_snapshot_delete_job = { .object = sk_domain_job_object, .prepare = prepare, .run = run, .rollback = rollback, .free_work = free_work };

void
sk_snapshot_delete_by_daemon(SkDomain *domain, SkSnapshot *snapshot)
{
    DeleteWork *work = g_new0(DeleteWork, 1);
    const SkSnapshot *known = sk_domain_snapshot(domain, snapshot->name, NULL);
    g_autofree char *object = sk_domain_object(domain);
    work->domain = g_object_ref(domain);
    if (known != NULL) {
        plan(work, domain, known, FALSE, TRUE);
    } else {
        work->doomed = g_ptr_array_new_with_free_func(free_snapshot);
        work->changed = g_ptr_array_new_with_free_func(free_snapshot);
        g_ptr_array_add(work->doomed, sk_value_copy(&sk_snapshot_type, snapshot));
    }
    sk_value_free(&sk_snapshot_type, snapshot);
    sk_job_start(domain->service, &sk_snapshot_delete_job, "snapshot.delete", object, work);
}
