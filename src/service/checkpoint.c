/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of checkpoints: kept, listed, told anew. */
#include "service/checkpoint.h"

#include <string.h>

#include "base/error.h"
#include "service/domain-rights.h"

/* -- finding --------------------------------------------------------------------------------------------------- */

static void
free_checkpoint(gpointer checkpoint)
{
    sk_value_free(&sk_checkpoint_type, checkpoint);
}

SkCheckpoint *
sk_domain_checkpoint(const SkDomain *self, const char *name, GError **error)
{
    for (guint i = 0; self->checkpoints != NULL && i < self->checkpoints->len; i++) {
        SkCheckpoint *checkpoint = self->checkpoints->pdata[i];
        if (g_str_equal(checkpoint->name, name))
            return checkpoint;
    }
    sk_fail(error, SK_ERROR_NO_CHECKPOINT, "domain \"%s\" has no checkpoint \"%s\"", sk_domain_name(self), name);
    return NULL;
}

SkCheckpoint *
sk_domain_current_checkpoint(const SkDomain *self)
{
    for (guint i = 0; self->checkpoints != NULL && i < self->checkpoints->len; i++) {
        SkCheckpoint *checkpoint = self->checkpoints->pdata[i];
        if (checkpoint->current)
            return checkpoint;
    }
    return NULL;
}

gboolean
sk_checkpoint_came_after(const SkDomain *domain, const SkCheckpoint *self, const SkCheckpoint *earlier)
{
    guint left = domain->checkpoints->len;
    for (const SkCheckpoint *at = self; at != NULL && left > 0; left--) {
        if (at == earlier)
            return TRUE;
        at = at->parent != NULL ? sk_domain_checkpoint(domain, at->parent, NULL) : NULL;
    }
    return FALSE;
}

gboolean
sk_domain_check_no_checkpoints(const SkDomain *self, const char *what, GError **error)
{
    return self->checkpoints == NULL || self->checkpoints->len == 0 ||
           sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has checkpoints (\"%s\" is one), and %s would make them wrong: delete them first", sk_domain_name(self),
                   ((const SkCheckpoint *) self->checkpoints->pdata[0])->name, what);
}

/* -- the list ------------------------------------------------------------------------------------------------------ */

void
sk_domain_put_checkpoint(SkDomain *self, SkCheckpoint *checkpoint)
{
    if (self->checkpoints == NULL)
        self->checkpoints = g_ptr_array_new_with_free_func(free_checkpoint);
    for (guint i = 0; i < self->checkpoints->len; i++) {
        SkCheckpoint *known = self->checkpoints->pdata[i];
        if (!g_str_equal(known->id, checkpoint->id))
            continue;
        self->checkpoints->pdata[i] = checkpoint;
        free_checkpoint(known);
        return;
    }
    g_ptr_array_add(self->checkpoints, checkpoint);
}

void
sk_domain_forget_checkpoint(SkDomain *self, const char *id)
{
    for (guint i = 0; self->checkpoints != NULL && i < self->checkpoints->len; i++) {
        if (g_str_equal(((SkCheckpoint *) self->checkpoints->pdata[i])->id, id)) {
            g_ptr_array_remove_index(self->checkpoints, i);
            return;
        }
    }
}

void
sk_domain_tell_checkpoints(SkDomain *self, const char *event, const char *name)
{
    g_autofree char *object = sk_domain_object(self);
    json_t *data = json_pack("{s:s}", "checkpoint", name);
    char *text = json_dumps(data, JSON_COMPACT);
    sk_events_emit(self->service->events, event, object, self->spec->uuid, g_strdup(text));
    free(text);
    json_decref(data);
}

char **
sk_domain_checkpoint_ids(const SkDomain *self)
{
    guint count = self->checkpoints != NULL ? self->checkpoints->len : 0;
    char **ids = g_new0(char *, count + 1);
    for (guint i = 0; i < count; i++)
        ids[i] = g_strdup(((const SkCheckpoint *) self->checkpoints->pdata[i])->id);
    return ids;
}

/* -- records ---------------------------------------------------------------------------------------------------------- */

SkRecord *
sk_checkpoint_record(const char *domain_uuid, const SkCheckpoint *self)
{
    g_autofree char *name = g_strconcat(domain_uuid, "/", self->name, NULL);
    g_autofree char *json = sk_json_encode(&sk_checkpoint_type, self, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_record_new("checkpoint", self->id, name, json);
}

void
sk_checkpoints_remove_records(const char *const *ids, SkStoreBatch *batch)
{
    for (guint i = 0; ids != NULL && ids[i] != NULL; i++)
        sk_store_batch_remove(batch, "checkpoint", ids[i]);
}

static gint
compare_created(gconstpointer a, gconstpointer b)
{
    const SkCheckpoint *first = *(SkCheckpoint *const *) a, *second = *(SkCheckpoint *const *) b;
    return (first->created > second->created) - (first->created < second->created);
}

static gboolean
load_one(SkService *self, const SkRecord *record, GError **error)
{
    g_autofree char *uuid = g_strndup(record->name, strcspn(record->name, "/"));
    SkDomain *domain = g_hash_table_lookup(self->domains_by_uuid, uuid);
    SkCheckpoint *checkpoint = sk_json_decode_text(&sk_checkpoint_type, record->spec, strlen(record->spec), record->name, error);
    if (checkpoint == NULL)
        return FALSE;
    if (domain != NULL)
        sk_domain_put_checkpoint(domain, checkpoint);
    else
        free_checkpoint(checkpoint);
    return TRUE;
}

static gboolean
sort(gpointer name, gpointer value, gpointer data)
{
    SkDomain *domain = value;
    (void) name, (void) data;
    if (domain->checkpoints != NULL)
        g_ptr_array_sort(domain->checkpoints, compare_created);
    return FALSE;
}

gboolean
sk_service_load_checkpoints(SkService *self, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    if (!sk_store_load(self->store, "checkpoint", &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++) {
        if (!load_one(self, records->pdata[i], error))
            return FALSE;
    }
    g_tree_foreach(self->domains, sort, NULL);
    return TRUE;
}

/* -- list, show ------------------------------------------------------------------------------------------------------------ */

/* Definitions may hold what runs in a guest at its first boot; and a list would be long with them. */
gboolean
sk_handle_checkpoint_list(SkService *self, SkCall *call, GError **error)
{
    SkDomain *domain = sk_service_domain(self, call->params.name, error);
    if (domain == NULL)
        return FALSE;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; domain->checkpoints != NULL && i < domain->checkpoints->len; i++) {
        SkCheckpoint *row = g_new(SkCheckpoint, 1);
        *row = *(const SkCheckpoint *) domain->checkpoints->pdata[i];
        row->definition = NULL;
        g_ptr_array_add(rows, row);
    }
    sk_answer_list(call, &sk_checkpoint_type, rows);
    return TRUE;
}

typedef struct {
    SkSnapshotSite site;
    SkCheckpoint *checkpoint;
} ShowWork;

static void
free_show(gpointer data)
{
    ShowWork *work = data;
    sk_snapshot_site_clear(&work->site);
    free_checkpoint(work->checkpoint);
    g_free(work);
}

static gboolean
prepare_show(SkJob *job, GError **error)
{
    const SkCall *call = job->call;
    SkDomain *domain = sk_service_domain(job->service, call->params.name, error);
    const SkCheckpoint *checkpoint = domain != NULL ? sk_domain_checkpoint(domain, call->params.checkpoint, error) : NULL;
    if (checkpoint == NULL)
        return FALSE;
    ShowWork *work = job->work = g_new0(ShowWork, 1);
    work->checkpoint = sk_value_copy(&sk_checkpoint_type, checkpoint);
    if (call->who.role < SK_ROLE_OPERATOR) {
        sk_value_free(&sk_domain_spec_type, work->checkpoint->definition);
        work->checkpoint->definition = NULL;
    }
    /* A monitor that does not answer keeps back the sizes, nothing else. */
    sk_snapshot_site_begin(&work->site, job->service, domain, NULL);
    return TRUE;
}

static gboolean
run_show(SkJob *job, GError **error)
{
    ShowWork *work = job->work;
    return work->site.qmp == NULL || sk_checkpoint_look(&work->site, work->checkpoint, FALSE, error);
}

static void
commit_show(SkJob *job)
{
    const ShowWork *work = job->work;
    sk_job_set_result(job, sk_json_encode(&sk_checkpoint_type, work->checkpoint, 0));
}

const SkJobKind sk_checkpoint_show_job = { .prepare = prepare_show, .run = run_show, .commit = commit_show, .free_work = free_show };

/* -- redefine ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    SkSnapshotSite site;
    SkCheckpoint *checkpoint;
    SkCheckpoint *before;   /* current until then, to be so no more; NULL: none */
    gboolean validate;
} RedefineWork;

static void
free_redefine(gpointer data)
{
    RedefineWork *work = data;
    sk_snapshot_site_clear(&work->site);
    free_checkpoint(work->checkpoint);
    free_checkpoint(work->before);
    g_free(work);
}

static gboolean
check_redefined(SkJob *job, SkDomain *domain, const SkCheckpoint *given, GError **error)
{
    const SkCheckpoint *known = sk_domain_checkpoint(domain, given->name, NULL);
    const SkCheckpoint *parent = given->parent != NULL ? sk_domain_checkpoint(domain, given->parent, error) : NULL;
    if (g_strcmp0(given->name, job->call->params.checkpoint) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "the checkpoint's name is \"%s\", but it is put at \"%s\"", given->name, job->call->params.checkpoint);
    if (given->definition != NULL && g_strcmp0(given->definition->uuid, domain->spec->uuid) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "checkpoint \"%s\" is of another domain: its definition has the UUID %s", given->name,
                       given->definition->uuid != NULL ? given->definition->uuid : "");
    if (!domain->persistent)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is transient, so its checkpoints would be lost with it: define it first", sk_domain_name(domain));
    if (given->parent != NULL && parent == NULL) {
        g_prefix_error(error, "the parent of checkpoint \"%s\" is not known: ", given->name);
        return FALSE;
    }
    if (known != NULL && parent != NULL && sk_checkpoint_came_after(domain, parent, known))
        return sk_fail(error, SK_ERROR_INVALID, "checkpoint \"%s\" cannot come after \"%s\", which came after it", given->name, given->parent);
    /* What would be removed for it must be the asker's to name. */
    for (guint i = 0; given->disks != NULL && i < given->disks->len; i++) {
        const SkCheckpointDisk *disk = given->disks->pdata[i];
        if (disk->path != NULL && !sk_domain_check_path(job->service, job->call, "disks.path", disk->path, error))
            return FALSE;
    }
    return given->definition == NULL || sk_domain_check_reach(job->service, job->call, domain->spec, given->definition, error);
}

/* Where the bitmaps are, if it is not said. */
static void
find_places(const SkCheckpoint *known, SkCheckpoint *checkpoint)
{
    for (guint i = 0; checkpoint->disks != NULL && i < checkpoint->disks->len; i++) {
        SkCheckpointDisk *disk = checkpoint->disks->pdata[i];
        const SkCheckpointDisk *before = known != NULL ? sk_checkpoint_find_disk(known, disk->target) : NULL;
        const SkDisk *defined = sk_domain_spec_find_disk(checkpoint->definition, disk->target);
        disk->size = 0;
        if (disk->kind != SK_CHECKPOINT_BITMAP)
            continue;
        if (disk->bitmap == NULL)
            disk->bitmap = g_strdup(checkpoint->name);
        if (disk->path == NULL)
            disk->path = g_strdup(before != NULL && before->path != NULL ? before->path : defined != NULL ? defined->path : NULL);
    }
}

static gboolean
prepare_redefine(SkJob *job, GError **error)
{
    const SkCheckpoint *given = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL || !check_redefined(job, domain, given, error))
        return FALSE;
    const SkCheckpoint *known = sk_domain_checkpoint(domain, given->name, NULL), *current = sk_domain_current_checkpoint(domain);
    RedefineWork *work = job->work = g_new0(RedefineWork, 1);
    SkCheckpoint *copy = work->checkpoint = sk_value_copy(&sk_checkpoint_type, given);
    if (copy->definition == NULL)
        copy->definition = sk_value_copy(&sk_domain_spec_type, known != NULL && known->definition != NULL ? known->definition : domain->spec);
    g_free(copy->id);
    copy->id = known != NULL ? g_strdup(known->id) : g_uuid_string_random();
    if (copy->created == 0)
        copy->created = known != NULL ? known->created : g_get_real_time();
    /* Told in their order, the last one told is the current one again. */
    copy->current = known != NULL ? known->current : current == NULL || g_strcmp0(given->parent, current->name) == 0;
    if (copy->current && current != NULL && current != known) {
        work->before = sk_value_copy(&sk_checkpoint_type, current);
        work->before->current = FALSE;
    }
    find_places(known, copy);
    work->validate = job->call->params.validate;
    return sk_snapshot_site_begin(&work->site, job->service, domain, error);
}

static gboolean
run_redefine(SkJob *job, GError **error)
{
    RedefineWork *work = job->work;
    if (work->validate && !sk_checkpoint_look(&work->site, work->checkpoint, TRUE, error))
        return FALSE;
    SkStoreBatch *batch = sk_store_batch_new();
    g_autoptr(SkRecord) record = sk_checkpoint_record(work->site.uuid, work->checkpoint);
    sk_store_batch_put(batch, record);
    if (work->before != NULL) {
        g_autoptr(SkRecord) before = sk_checkpoint_record(work->site.uuid, work->before);
        sk_store_batch_put(batch, before);
    }
    return sk_store_commit(work->site.store, batch, error);
}

static void
commit_redefine(SkJob *job)
{
    RedefineWork *work = job->work;
    SkDomain *domain = work->site.domain;
    SkCreated created = { .name = work->checkpoint->name, .uuid = work->site.uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    sk_domain_tell_checkpoints(domain, "checkpoint.changed", work->checkpoint->name);
    if (work->before != NULL)
        sk_domain_put_checkpoint(domain, g_steal_pointer(&work->before));
    sk_domain_put_checkpoint(domain, g_steal_pointer(&work->checkpoint));
    g_ptr_array_sort(domain->checkpoints, compare_created);
}

const SkJobKind sk_checkpoint_redefine_job = {
    .object = sk_domain_job_object, .prepare = prepare_redefine, .run = run_redefine, .commit = commit_redefine, .free_work = free_redefine,
};
