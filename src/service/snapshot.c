/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of snapshots: kept, listed, renamed, told anew. */
#include "service/snapshot.h"

#include <string.h>

#include "base/error.h"
#include "engine/qmp/snapshot.h"
#include "service/disk-chains.h"
#include "service/domain-agent.h"
#include "service/domain-launch.h"
#include "service/domain-note.h"
#include "service/domain-rights.h"
#include "service/pool.h"
#include "storage/snapshot.h"

/* -- finding --------------------------------------------------------------------------------------------------- */

static void
free_snapshot(gpointer snapshot)
{
    sk_value_free(&sk_snapshot_type, snapshot);
}

SkSnapshot *
sk_domain_snapshot(const SkDomain *self, const char *name, GError **error)
{
    for (guint i = 0; self->snapshots != NULL && i < self->snapshots->len; i++) {
        SkSnapshot *snapshot = self->snapshots->pdata[i];
        if (g_str_equal(snapshot->name, name))
            return snapshot;
    }
    sk_fail(error, SK_ERROR_NO_SNAPSHOT, "domain \"%s\" has no snapshot \"%s\"", sk_domain_name(self), name);
    return NULL;
}

SkSnapshot *
sk_domain_current_snapshot(const SkDomain *self)
{
    for (guint i = 0; self->snapshots != NULL && i < self->snapshots->len; i++) {
        SkSnapshot *snapshot = self->snapshots->pdata[i];
        if (snapshot->current)
            return snapshot;
    }
    return NULL;
}

gboolean
sk_snapshot_grew_out_of(const SkDomain *domain, const SkSnapshot *self, const SkSnapshot *ancestor)
{
    guint left = domain->snapshots->len;
    for (const SkSnapshot *at = self; at != NULL && left > 0; left--) {
        if (at == ancestor)
            return TRUE;
        at = at->parent != NULL ? sk_domain_snapshot(domain, at->parent, NULL) : NULL;
    }
    return FALSE;
}

char *
sk_domain_snapshot_dir(const SkServiceSettings *settings, const char *uuid)
{
    return g_strdup_printf("%s/snapshots/%s", settings->lib_dir, uuid);
}

/* -- the list ------------------------------------------------------------------------------------------------------ */

void
sk_domain_put_snapshot(SkDomain *self, SkSnapshot *snapshot)
{
    if (self->snapshots == NULL)
        self->snapshots = g_ptr_array_new_with_free_func(free_snapshot);
    for (guint i = 0; i < self->snapshots->len; i++) {
        SkSnapshot *known = self->snapshots->pdata[i];
        if (!g_str_equal(known->id, snapshot->id))
            continue;
        self->snapshots->pdata[i] = snapshot;
        free_snapshot(known);
        return;
    }
    g_ptr_array_add(self->snapshots, snapshot);
}

void
sk_domain_forget_snapshot(SkDomain *self, const char *id)
{
    for (guint i = 0; self->snapshots != NULL && i < self->snapshots->len; i++) {
        if (g_str_equal(((SkSnapshot *) self->snapshots->pdata[i])->id, id)) {
            g_ptr_array_remove_index(self->snapshots, i);
            return;
        }
    }
}

void
sk_domain_tell_snapshots(SkDomain *self, const char *event, const char *name)
{
    g_autofree char *object = sk_domain_object(self);
    json_t *data = json_pack("{s:s}", "snapshot", name);
    char *text = json_dumps(data, JSON_COMPACT);
    sk_events_emit(self->service->events, event, object, self->spec->uuid, g_strdup(text));
    free(text);
    json_decref(data);
}

char **
sk_domain_snapshot_ids(const SkDomain *self)
{
    guint count = self->snapshots != NULL ? self->snapshots->len : 0;
    char **ids = g_new0(char *, count + 1);
    for (guint i = 0; i < count; i++)
        ids[i] = g_strdup(((const SkSnapshot *) self->snapshots->pdata[i])->id);
    return ids;
}

/* -- records ---------------------------------------------------------------------------------------------------------- */

SkRecord *
sk_snapshot_record(const char *domain_uuid, const SkSnapshot *self)
{
    g_autofree char *name = g_strconcat(domain_uuid, "/", self->name, NULL);
    g_autofree char *json = sk_json_encode(&sk_snapshot_type, self, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_record_new("snapshot", self->id, name, json);
}

void
sk_snapshots_remove_records(const char *const *ids, SkStoreBatch *batch)
{
    for (guint i = 0; ids != NULL && ids[i] != NULL; i++)
        sk_store_batch_remove(batch, "snapshot", ids[i]);
}

static gint
compare_created(gconstpointer a, gconstpointer b)
{
    const SkSnapshot *first = *(SkSnapshot *const *) a, *second = *(SkSnapshot *const *) b;
    return (first->created > second->created) - (first->created < second->created);
}

static gboolean
load_one(SkService *self, const SkRecord *record, GError **error)
{
    g_autofree char *uuid = g_strndup(record->name, strcspn(record->name, "/"));
    SkDomain *domain = g_hash_table_lookup(self->domains_by_uuid, uuid);
    SkSnapshot *snapshot = sk_json_decode_text(&sk_snapshot_type, record->spec, strlen(record->spec), record->name, error);
    if (snapshot == NULL)
        return FALSE;
    if (domain != NULL)
        sk_domain_put_snapshot(domain, snapshot);
    else
        free_snapshot(snapshot);
    return TRUE;
}

static gboolean
sort(gpointer name, gpointer value, gpointer data)
{
    SkDomain *domain = value;
    (void) name, (void) data;
    if (domain->snapshots != NULL)
        g_ptr_array_sort(domain->snapshots, compare_created);
    return FALSE;
}

gboolean
sk_service_load_snapshots(SkService *self, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    if (!sk_store_load(self->store, "snapshot", &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++) {
        if (!load_one(self, records->pdata[i], error))
            return FALSE;
    }
    g_tree_foreach(self->domains, sort, NULL);
    return TRUE;
}

/* -- list, show, diff ------------------------------------------------------------------------------------------------------ */

/* Definitions may hold what runs in a guest at its first boot; and a list would be long with them. */
static SkSnapshot
without_definitions(const SkSnapshot *snapshot)
{
    SkSnapshot row = *snapshot;
    row.definition = row.inactive = NULL;
    return row;
}

gboolean
sk_handle_snapshot_list(SkService *self, SkCall *call, GError **error)
{
    SkDomain *domain = sk_service_domain(self, call->params.name, error);
    if (domain == NULL)
        return FALSE;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; domain->snapshots != NULL && i < domain->snapshots->len; i++) {
        SkSnapshot *row = g_new(SkSnapshot, 1);
        *row = without_definitions(domain->snapshots->pdata[i]);
        g_ptr_array_add(rows, row);
    }
    sk_answer_list(call, &sk_snapshot_type, rows);
    return TRUE;
}

static SkSnapshot *
find(SkService *self, const SkCall *call, SkDomain **out_domain, GError **error)
{
    *out_domain = sk_service_domain(self, call->params.name, error);
    return *out_domain != NULL ? sk_domain_snapshot(*out_domain, call->params.snapshot, error) : NULL;
}

gboolean
sk_handle_snapshot_show(SkService *self, SkCall *call, GError **error)
{
    SkDomain *domain;
    const SkSnapshot *snapshot = find(self, call, &domain, error);
    if (snapshot == NULL)
        return FALSE;
    SkSnapshot shown = call->who.role < SK_ROLE_OPERATOR ? without_definitions(snapshot) : *snapshot;
    sk_answer_value(call, &sk_snapshot_type, &shown);
    return TRUE;
}

static void
add_disk_differences(const SkSnapshot *snapshot, const SkDomainSpec *now, GPtrArray *targets)
{
    for (guint i = 0; now->disks != NULL && i < now->disks->len; i++) {
        const SkDisk *disk = now->disks->pdata[i];
        const SkSnapshotDisk *kept = sk_snapshot_find_disk(snapshot, disk->target);
        if (disk->device == SK_DISK_DISK && sk_disk_is_writable(disk) && (kept == NULL || kept->kind == SK_SNAPSHOT_LEFT_OUT))
            g_ptr_array_add(targets, disk->target);
    }
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *kept = snapshot->disks->pdata[i];
        if (kept->kind != SK_SNAPSHOT_LEFT_OUT && sk_domain_spec_find_disk(now, kept->target) == NULL)
            g_ptr_array_add(targets, kept->target);
    }
}

gboolean
sk_handle_snapshot_diff(SkService *self, SkCall *call, GError **error)
{
    SkDomain *domain;
    const SkSnapshot *snapshot = find(self, call, &domain, error);
    if (snapshot == NULL)
        return FALSE;
    const SkDomainSpec *then = snapshot->inactive != NULL ? snapshot->inactive : snapshot->definition;
    g_autoptr(GPtrArray) paths = then != NULL ? sk_value_diff(&sk_domain_spec_type, then, domain->spec, NULL) : g_ptr_array_new();
    g_autoptr(GPtrArray) targets = g_ptr_array_new();
    add_disk_differences(snapshot, domain->spec, targets);
    g_ptr_array_add(paths, NULL);
    g_ptr_array_add(targets, NULL);
    const SkSnapshotDiff diff = { .name = snapshot->name, .definition = (char **) paths->pdata, .disks = (char **) targets->pdata,
                                  .memory_bytes = snapshot->memory_bytes };
    sk_answer_value(call, &sk_snapshot_diff_type, &diff);
    return TRUE;
}

/* -- change, redefine --------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkDomain *domain;       /* a reference */
    GPtrArray *changed;     /* SkSnapshot, to take the place of those known */
    char *name;
} ChangeWork;

static void
free_change(gpointer data)
{
    ChangeWork *work = data;
    g_clear_object(&work->domain);
    g_ptr_array_unref(work->changed);
    g_free(work->name);
    g_free(work);
}

static ChangeWork *
new_change(SkJob *job, SkDomain *domain)
{
    ChangeWork *work = job->work = g_new0(ChangeWork, 1);
    work->domain = g_object_ref(domain);
    work->changed = g_ptr_array_new_with_free_func(free_snapshot);
    return work;
}

/* A copy to be changed. */
static SkSnapshot *
change_one(ChangeWork *work, const SkSnapshot *snapshot)
{
    SkSnapshot *copy = sk_value_copy(&sk_snapshot_type, snapshot);
    g_ptr_array_add(work->changed, copy);
    return copy;
}

static gboolean
rename_in(ChangeWork *work, SkSnapshot *copy, const char *name, GError **error)
{
    const SkDomain *domain = work->domain;
    if (sk_domain_snapshot(domain, name, NULL) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" has a snapshot \"%s\" already", sk_domain_name(domain), name);
    for (guint i = 0; i < domain->snapshots->len; i++) {
        const SkSnapshot *child = domain->snapshots->pdata[i];
        if (g_strcmp0(child->parent, copy->name) != 0)
            continue;
        SkSnapshot *moved = change_one(work, child);
        g_free(moved->parent);
        moved->parent = g_strdup(name);
    }
    g_free(copy->name);
    copy->name = g_strdup(name);
    return TRUE;
}

static gboolean
prepare_change(SkJob *job, GError **error)
{
    SkDomain *domain;
    const SkSnapshot *snapshot = find(job->service, job->call, &domain, error);
    if (snapshot == NULL)
        return FALSE;
    ChangeWork *work = new_change(job, domain);
    SkSnapshot *copy = change_one(work, snapshot);
    SkSnapshotChange change = { .name = g_strdup(copy->name), .description = g_strdup(copy->description) };
    gboolean ok = sk_json_merge(&sk_snapshot_change_type, &change, job->call->patch, NULL, error) &&
                  sk_value_check(&sk_snapshot_change_type, &change, NULL, error);
    if (ok && change.name != NULL && !g_str_equal(change.name, copy->name))
        ok = rename_in(work, copy, change.name, error);
    g_free(copy->description);
    copy->description = g_strdup(change.description);
    work->name = g_strdup(copy->name);
    sk_value_clear(&sk_snapshot_change_type, &change);
    return ok;
}

static gboolean
run_change(SkJob *job, GError **error)
{
    const ChangeWork *work = job->work;
    SkStoreBatch *batch = sk_store_batch_new();
    for (guint i = 0; i < work->changed->len; i++) {
        g_autoptr(SkRecord) record = sk_snapshot_record(work->domain->spec->uuid, work->changed->pdata[i]);
        sk_store_batch_put(batch, record);
    }
    return sk_store_commit(job->service->store, batch, error);
}

static void
commit_change(SkJob *job)
{
    ChangeWork *work = job->work;
    for (guint i = 0; i < work->changed->len; i++)
        sk_domain_put_snapshot(work->domain, sk_value_copy(&sk_snapshot_type, work->changed->pdata[i]));
    sk_domain_tell_snapshots(work->domain, "snapshot.changed", work->name);
    SkCreated created = { .name = work->name, .uuid = work->domain->spec->uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
}

const SkJobKind sk_snapshot_change_job = {
    .object = sk_domain_job_object, .prepare = prepare_change, .run = run_change, .commit = commit_change, .free_work = free_change,
};

/* Where what the daemon kept beside the images would be, if it is still there. */
static void
find_files(const SkService *self, const SkDomain *domain, SkSnapshot *snapshot)
{
    g_autofree char *dir = sk_domain_snapshot_dir(self->settings, domain->spec->uuid);
    g_autofree char *memory = g_strdup_printf("%s/%s.memory", dir, snapshot->tag);
    g_autofree char *tpm = g_strdup_printf("%s/%s.tpm", dir, snapshot->tag);
    if (snapshot->memory == NULL && snapshot->state != SK_DOMAIN_SHUT_OFF && g_file_test(memory, G_FILE_TEST_EXISTS))
        snapshot->memory = g_steal_pointer(&memory);
    if (snapshot->tpm == NULL && g_file_test(tpm, G_FILE_TEST_IS_DIR))
        snapshot->tpm = g_steal_pointer(&tpm);
}

static void
find_places(const SkSnapshot *known, SkSnapshot *snapshot)
{
    const SkDomainSpec *definition = snapshot->definition;
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        const SkSnapshotDisk *before = known != NULL ? sk_snapshot_find_disk(known, disk->target) : NULL;
        const SkDisk *defined = sk_domain_spec_find_disk(definition, disk->target);
        const char *path = before != NULL ? before->path : defined != NULL ? defined->path : NULL;
        if (disk->path == NULL && disk->kind != SK_SNAPSHOT_LEFT_OUT) {
            disk->path = g_strdup(path);
            disk->format = before != NULL ? before->format : defined != NULL ? defined->format : disk->format;
        }
        /* What may be removed is the daemon's to know. */
        disk->own = before != NULL && before->own && g_strcmp0(before->path, disk->path) == 0;
    }
}

static gboolean
check_redefined(SkJob *job, SkDomain *domain, const SkSnapshot *given, GError **error)
{
    if (g_strcmp0(given->name, job->call->params.snapshot) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "the snapshot's name is \"%s\", but it is put at \"%s\"", given->name, job->call->params.snapshot);
    if (given->definition != NULL && g_strcmp0(given->definition->uuid, domain->spec->uuid) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "snapshot \"%s\" is of another domain: its definition has the UUID %s", given->name,
                       given->definition->uuid != NULL ? given->definition->uuid : "");
    if (given->parent != NULL && sk_domain_snapshot(domain, given->parent, NULL) == NULL)
        return sk_fail(error, SK_ERROR_NO_SNAPSHOT, "the parent \"%s\" of snapshot \"%s\" is not known", given->parent, given->name);
    const SkSnapshot *known = sk_domain_snapshot(domain, given->name, NULL);
    const SkSnapshot *parent = given->parent != NULL ? sk_domain_snapshot(domain, given->parent, NULL) : NULL;
    if (known != NULL && parent != NULL && sk_snapshot_grew_out_of(domain, parent, known))
        return sk_fail(error, SK_ERROR_INVALID, "snapshot \"%s\" cannot have grown out of \"%s\", which grew out of it", given->name, given->parent);
    /* What would be read or removed for it must be the asker's to name. */
    for (guint i = 0; given->disks != NULL && i < given->disks->len; i++) {
        const SkSnapshotDisk *disk = given->disks->pdata[i];
        if (disk->path != NULL && !sk_domain_check_path(job->service, job->call, "disks.path", disk->path, error))
            return FALSE;
        if (disk->overlay != NULL && !sk_domain_check_path(job->service, job->call, "disks.overlay", disk->overlay, error))
            return FALSE;
    }
    if (given->memory != NULL && !sk_domain_check_path(job->service, job->call, "memory", given->memory, error))
        return FALSE;
    return given->definition == NULL || sk_domain_check_reach(job->service, job->call, domain->spec, given->definition, error);
}

static void
fill_redefined(SkJob *job, const SkDomain *domain, const SkSnapshot *known, SkSnapshot *copy)
{
    if (copy->definition == NULL)
        copy->definition = sk_value_copy(&sk_domain_spec_type, known != NULL ? known->definition : domain->spec);
    g_free(copy->id);
    copy->id = known != NULL ? g_strdup(known->id) : g_uuid_string_random();
    if (known != NULL || copy->tag == NULL) {
        g_free(copy->tag);
        copy->tag = g_strdup(known != NULL ? known->tag : copy->name);
    }
    if (copy->created == 0)
        copy->created = known != NULL ? known->created : g_get_real_time();
    /* These are the daemon's own. */
    copy->doomed = known != NULL && known->doomed;
    g_free(copy->nvram);
    g_free(copy->tpm);
    copy->nvram = g_strdup(known != NULL ? known->nvram : NULL);
    copy->tpm = g_strdup(known != NULL ? known->tpm : NULL);
    find_files(job->service, domain, copy);
    find_places(known, copy);
}

static gboolean
prepare_redefine(SkJob *job, GError **error)
{
    const SkSnapshot *given = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL || !check_redefined(job, domain, given, error))
        return FALSE;
    ChangeWork *work = new_change(job, domain);
    work->name = g_strdup(given->name);
    fill_redefined(job, domain, sk_domain_snapshot(domain, given->name, NULL), change_one(work, given));
    const SkSnapshot *current = sk_domain_current_snapshot(domain);
    if (given->current && current != NULL && !g_str_equal(current->name, given->name))
        change_one(work, current)->current = FALSE;
    return TRUE;
}

const SkJobKind sk_snapshot_redefine_job = {
    .object = sk_domain_job_object, .prepare = prepare_redefine, .run = run_change, .commit = commit_change, .free_work = free_change,
};

/* -- the place a job works at ------------------------------------------------------------------------------------------------------ */

gboolean
sk_snapshot_site_begin(SkSnapshotSite *self, SkService *service, SkDomain *domain, GError **error)
{
    if (sk_domain_is_active(domain) && (domain->qmp == NULL || domain->process == NULL))
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us", sk_domain_name(domain));
    self->domain = g_object_ref(domain);
    self->store = service->store;
    self->settings = service->settings;
    self->name = g_strdup(sk_domain_name(domain));
    self->uuid = g_strdup(domain->spec->uuid);
    self->live = sk_domain_is_active(domain) ? sk_value_copy(&sk_domain_spec_type, domain->runtime.live) : NULL;
    self->qmp = self->live != NULL ? g_object_ref(domain->qmp) : NULL;
    self->process = self->live != NULL ? g_object_ref(domain->process) : NULL;
    self->spec = sk_value_copy(&sk_domain_spec_type, domain->spec);
    self->runtime = self->live != NULL ? sk_domain_note_begin(domain) : NULL;
    self->run_dir = g_strdup(domain->run_dir);
    self->roots = sk_service_storage_roots(service);
    self->revision = domain->revision;
    self->persistent = domain->persistent;
    self->agent = self->live != NULL && domain->agent ? sk_domain_agent(domain, NULL) : NULL;
    return TRUE;
}

void
sk_snapshot_site_refresh(SkSnapshotSite *self)
{
    const SkDomain *domain = self->domain;
    sk_value_free(&sk_domain_spec_type, self->spec);
    sk_value_free(&sk_domain_spec_type, self->live);
    self->spec = sk_value_copy(&sk_domain_spec_type, domain->spec);
    self->live = domain->runtime.live != NULL ? sk_value_copy(&sk_domain_spec_type, domain->runtime.live) : NULL;
    self->revision = domain->revision;
}

GPtrArray *
sk_domain_copy_snapshots(const SkDomain *domain)
{
    GPtrArray *copies = g_ptr_array_new_with_free_func(free_snapshot);
    for (guint i = 0; domain->snapshots != NULL && i < domain->snapshots->len; i++)
        g_ptr_array_add(copies, sk_value_copy(&sk_snapshot_type, domain->snapshots->pdata[i]));
    return copies;
}

void
sk_snapshot_site_clear(SkSnapshotSite *self)
{
    g_clear_object(&self->domain);
    g_clear_object(&self->qmp);
    g_clear_object(&self->process);
    g_clear_pointer(&self->agent, sk_agent_unref);
    sk_value_free(&sk_domain_spec_type, self->live);
    sk_value_free(&sk_domain_spec_type, self->spec);
    sk_value_free(&sk_domain_runtime_type, self->runtime);
    sk_record_free(self->record);
    sk_disk_chains_free(self->chains);
    g_strfreev(self->roots);
    g_strfreev(self->remove);
    g_free(self->run_dir);
    g_free(self->name);
    g_free(self->uuid);
}

void
sk_snapshot_site_thaw(const SkSnapshotSite *self)
{
    g_autoptr(GError) why = NULL;
    if (self->agent != NULL && !sk_agent_thaw(self->agent, NULL, &why))
        g_message("domain \"%s\": its file systems, which may have been frozen, are not thawed: %s", self->name, why->message);
}

/* A QEMU that has died in the meantime has nothing open any more. */
static gboolean
is_open(const SkSnapshotSite *self)
{
    return self->qmp != NULL && sk_qmp_is_open(self->qmp);
}

char *
sk_snapshot_site_node(const SkSnapshotSite *self, const char *path)
{
    for (guint i = 0; is_open(self) && self->live->disks != NULL && i < self->live->disks->len; i++) {
        const SkDisk *disk = self->live->disks->pdata[i];
        if (disk->source != SK_SOURCE_NONE && g_strcmp0(disk->path, path) == 0)
            return sk_block_node_name(disk);
    }
    return NULL;
}

gboolean
sk_snapshot_drop_states(const SkSnapshotSite *self, const SkSnapshot *snapshot, GError **error)
{
    for (guint i = 0; snapshot->disks != NULL && i < snapshot->disks->len; i++) {
        const SkSnapshotDisk *disk = snapshot->disks->pdata[i];
        if (disk->kind != SK_SNAPSHOT_INTERNAL || disk->path == NULL)
            continue;
        g_autofree char *node = sk_snapshot_site_node(self, disk->path);
        if (node != NULL ? !sk_qmp_snapshot_drop(self->qmp, node, snapshot->tag, error)
                         : !sk_storage_snapshot_delete(disk->path, snapshot->tag, NULL, error))
            return FALSE;
        if (sk_fault("snapshot/drop-state", error))
            return FALSE;
    }
    if (snapshot->nvram == NULL)
        return TRUE;
    return is_open(self) && self->live->firmware.kind == SK_FIRMWARE_UEFI
               ? sk_qmp_snapshot_drop(self->qmp, "nvram", snapshot->tag, error)
               : sk_storage_snapshot_delete(snapshot->nvram, snapshot->tag, NULL, error);
}

gboolean
sk_snapshot_drop_files(const SkSnapshot *snapshot, GError **error)
{
    return (snapshot->memory == NULL || sk_fs_remove(snapshot->memory, error)) &&
           (snapshot->tpm == NULL || sk_fs_remove_tree(snapshot->tpm, error));
}
