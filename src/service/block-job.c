/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The block jobs of a domain: known, watched, told of, taken back. */
#include "service/block-job.h"

#include <string.h>

#include "base/error.h"
#include "service/disk-chains.h"
#include "service/domain-disks.h"
#include "service/domain-note.h"
#include "service/domain-tell.h"
#include "service/pool.h"

#define POLL_MS 500

static const SkEnumName phase_names[] = { { "starting" }, { "pivoting" }, { "switched" }, { "cancelling" }, { "ended" } };
G_STATIC_ASSERT(G_N_ELEMENTS(phase_names) == SK_N_BLOCK_PHASES);
static const SkEnum phase_enum = { .what = "phase", .names = phase_names, .count = SK_N_BLOCK_PHASES };

static const SkField fields[] = {
    SK_FIELD(SkBlockJob, target, STRING, "disk"),
    SK_FIELD(SkBlockJob, kind, ENUM, "what is done", .names = &sk_block_kind_enum),
    SK_FIELD(SkBlockJob, phase, ENUM, "how far it is", .names = &phase_enum),
    SK_FIELD(SkBlockJob, then, ENUM, "what is done once it is ready", .names = &sk_block_then_enum),
    SK_FIELD(SkBlockJob, old, OPTIONAL, "the disk as it was", .type = &sk_disk_type),
    SK_FIELD(SkBlockJob, fresh, OPTIONAL, "the disk after a pivot", .type = &sk_disk_type),
    SK_FIELD(SkBlockJob, base, STRING, "lowest file"),
    SK_FIELD(SkBlockJob, top, STRING, "topmost file"),
    SK_FIELD(SkBlockJob, writes, STRV, "files that are written to"),
    SK_FIELD(SkBlockJob, remove, STRV, "files to be deleted"),
    SK_FIELD(SkBlockJob, made, BOOL, "the copy's file was made for it"),
    SK_FIELD(SkBlockJob, gently, BOOL, "cancelled when it was ready"),
    SK_FIELD(SkBlockJob, switched, BOOL, "the definition is the new one"),
    SK_FIELD(SkBlockJob, speed, UINT64, "bytes a second"),
    SK_FIELD(SkBlockJob, failure, STRING, "why it failed"),
};
SK_TYPE(sk_block_job_type, SkBlockJob, "BlockJobNote", "block job", fields, "work on a disk that is under way");

static void
free_block_job(gpointer data)
{
    SkBlockJob *self = data;
    sk_job_unref(self->job);
    self->job = NULL;
    sk_value_free(&sk_block_job_type, self);
}

char *
sk_block_job_id(const SkBlockJob *self)
{
    static const char *const words[SK_N_BLOCK_KINDS] = { "pull", "copy", "commit", "active", "backup" };
    return g_strdup_printf("%s-%s", self->target, words[self->kind]);
}

/* -- finding ------------------------------------------------------------------------------------------------------ */

SkBlockJob *
sk_domain_block_job(const SkDomain *domain, const char *target)
{
    for (guint i = 0; domain->block_jobs != NULL && i < domain->block_jobs->len; i++) {
        SkBlockJob *job = domain->block_jobs->pdata[i];
        if (target == NULL || g_str_equal(job->target, target))
            return job;
    }
    return NULL;
}

gboolean
sk_domain_check_no_block_job(const SkDomain *domain, const char *target, GError **error)
{
    const SkBlockJob *job = sk_domain_block_job(domain, target);
    return job == NULL ||
           sk_fail(error, SK_ERROR_STATE, "disk \"%s\" of domain \"%s\" has a block job under way (%s): wait for its end, or end it", job->target,
                   sk_domain_name(domain), sk_enum_name(&sk_block_kind_enum, job->kind));
}

void
sk_domain_reserve_again(SkDomain *domain)
{
    sk_domain_release_disks(domain);
    if (domain->runtime.live == NULL)
        return;
    sk_domain_reserve_disks(domain, domain->runtime.live, NULL);
    for (guint i = 0; domain->block_jobs != NULL && i < domain->block_jobs->len; i++) {
        const SkBlockJob *job = domain->block_jobs->pdata[i];
        for (guint n = 0; job->writes != NULL && job->writes[n] != NULL; n++) {
            const SkDisk disk = { .target = job->target, .path = job->writes[n], .source = SK_SOURCE_FILE };
            sk_domain_reserve_disk(domain, &disk, NULL);
        }
    }
}

/* -- telling ------------------------------------------------------------------------------------------------------- */

void
sk_domain_tell_block_job(SkDomain *domain, const SkBlockJob *job, const char *status)
{
    const SkDisk *disk = domain->runtime.live != NULL ? sk_domain_spec_find_disk(domain->runtime.live, job->target) : NULL;
    const char *path = disk != NULL ? disk->path : job->old->path;
    sk_domain_tell(domain, "domain.block-job", json_pack("{s:s,s:s,s:s,s:s}", "target", job->target, "path", path != NULL ? path : "", "type",
                                                         sk_enum_name(&sk_block_kind_enum, job->kind), "status", status));
}

/* -- watching ------------------------------------------------------------------------------------------------------- */

static void
become_ready(SkDomain *domain, SkBlockJob *job)
{
    if (job->state != SK_BLOCK_RUNNING || !sk_block_kind_waits(job->kind))
        return;
    job->state = SK_BLOCK_READY;
    sk_domain_tell_block_job(domain, job, "ready");
    if (job->then != SK_BLOCK_THEN_WAIT)
        sk_domain_end_block_job(domain, job->target, job->then == SK_BLOCK_THEN_PIVOT);
}

static void
take_status(SkDomain *domain, SkBlockJob *job, SkQmpJobStatus status)
{
    if (status == SK_QMP_JOB_READY)
        become_ready(domain, job);
    else if (status >= SK_QMP_JOB_CONCLUDED || (status == SK_QMP_JOB_PENDING && job->phase != SK_BLOCK_STARTING))
        sk_domain_look_at_block_job(domain, job);
}

static SkBlockJob *
find_by_id(const SkDomain *domain, const char *id)
{
    g_autofree char *target = sk_qmp_job_target(id);
    SkBlockJob *job = target != NULL ? sk_domain_block_job(domain, target) : NULL;
    g_autofree char *known = job != NULL ? sk_block_job_id(job) : NULL;
    return g_strcmp0(known, id) == 0 ? job : NULL;
}

void
sk_domain_block_job_changed(SkDomain *domain, const char *id, const char *status)
{
    SkBlockJob *job = find_by_id(domain, id);
    if (job != NULL)
        take_status(domain, job, sk_qmp_job_status(status));
}

static void
take_progress(SkDomain *domain, const SkQmpJob *seen)
{
    SkBlockJob *job = find_by_id(domain, seen->id);
    if (job == NULL)
        return;
    gboolean moved = job->done != seen->done || job->total != seen->total;
    job->done = seen->done;
    job->total = seen->total;
    if (moved && job->job != NULL)
        sk_job_progress(job->job, seen->total > 0 ? (gdouble) seen->done / (gdouble) seen->total : -1, sk_enum_name(&sk_block_kind_enum, job->kind),
                        seen->done, seen->total);
    take_status(domain, job, seen->status);
}

static void
on_jobs(SkQmp *qmp, json_t *result, const GError *error, gpointer data)
{
    g_autoptr(SkDomain) domain = data;
    if (error != NULL || domain->qmp != qmp)
        return;
    g_autoptr(GPtrArray) jobs = sk_qmp_parse_jobs(result, NULL);
    for (guint i = 0; i < jobs->len; i++)
        take_progress(domain, jobs->pdata[i]);
}

static gboolean
on_poll(gpointer data)
{
    SkDomain *domain = data;
    if (domain->block_jobs == NULL || domain->block_jobs->len == 0) {
        domain->block_timer = 0;
        return G_SOURCE_REMOVE;
    }
    if (domain->qmp != NULL)
        sk_qmp_call_async(domain->qmp, "query-jobs", NULL, 0, on_jobs, g_object_ref(domain));
    return G_SOURCE_CONTINUE;
}

void
sk_domain_add_block_job(SkDomain *domain, SkBlockJob *job)
{
    if (domain->block_jobs == NULL)
        domain->block_jobs = g_ptr_array_new_with_free_func(free_block_job);
    g_ptr_array_add(domain->block_jobs, job);
    if (domain->block_timer == 0)
        domain->block_timer = g_timeout_add(POLL_MS, on_poll, domain);
    /* It may have been quicker than we. */
    on_poll(domain);
}

void
sk_domain_block_jobs_lost(SkDomain *domain)
{
    for (guint i = 0; domain->block_jobs != NULL && i < domain->block_jobs->len; i++)
        sk_domain_look_at_block_job(domain, domain->block_jobs->pdata[i]);
}

/* -- what is shown among the jobs ------------------------------------------------------------------------------------------ */

/* Of a job that a former daemon began. */
typedef struct { SkDomain *domain; char *target; } Shown;

static void
free_shown(gpointer data)
{
    Shown *work = data;
    g_object_unref(work->domain);
    g_free(work->target);
    g_free(work);
}

static void
commit_shown(SkJob *job)
{
    const Shown *work = job->work;
    SkBlockJob *shown = sk_domain_block_job(work->domain, work->target);
    if (shown == NULL || shown->job != NULL) {
        sk_job_end(job, NULL);
        return;
    }
    shown->job = sk_job_ref(job);
}

static void
cancelled_shown(SkJob *job)
{
    const Shown *work = job->work;
    SkBlockJob *shown = sk_domain_block_job(work->domain, work->target);
    if (shown == NULL || shown->job != job)
        return;
    sk_job_unref(g_steal_pointer(&shown->job));
    sk_domain_end_block_job(work->domain, work->target, FALSE);
}

static const SkJobKind shown_job = {
    .commit = commit_shown, .free_work = free_shown, .cancellable = TRUE, .lingers = TRUE, .cancelled = cancelled_shown,
};

void
sk_block_job_show(SkDomain *domain, SkBlockJob *job)
{
    static const char *const operations[SK_N_BLOCK_KINDS] = { "disk.pull", "disk.copy", "disk.commit", "disk.commit", "backup" };
    g_autofree char *object = sk_domain_object(domain);
    Shown *work = g_new0(Shown, 1);
    work->domain = g_object_ref(domain);
    work->target = g_strdup(job->target);
    sk_job_start(domain->service, &shown_job, operations[job->kind], object, work);
}

/* -- work ------------------------------------------------------------------------------------------------------------- */

gboolean
sk_block_work_begin(SkBlockWork *self, SkService *service, SkDomain *domain, SkBlockJob *job, GError **error)
{
    self->job = job;
    self->domain = g_object_ref(domain);
    self->store = service->store;
    self->name = g_strdup(sk_domain_name(domain));
    self->uuid = g_strdup(domain->spec->uuid);
    self->run_dir = g_strdup(domain->run_dir);
    if (sk_domain_is_active(domain) && domain->qmp == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us", self->name);
    self->live = sk_domain_is_active(domain) ? sk_value_copy(&sk_domain_spec_type, domain->runtime.live) : NULL;
    self->qmp = self->live != NULL ? g_object_ref(domain->qmp) : NULL;
    self->runtime = self->live != NULL ? sk_domain_note_begin(domain) : NULL;
    self->spec = sk_value_copy(&sk_domain_spec_type, domain->spec);
    self->persistent = domain->persistent;
    self->revision = domain->revision;
    self->roots = sk_service_storage_roots(service);
    return TRUE;
}

void
sk_block_work_free(gpointer data)
{
    SkBlockWork *self = data;
    g_clear_object(&self->domain);
    g_clear_object(&self->qmp);
    sk_value_free(&sk_block_job_type, self->job);
    sk_value_free(&sk_domain_spec_type, self->spec);
    sk_value_free(&sk_domain_spec_type, self->live);
    sk_value_free(&sk_domain_runtime_type, self->runtime);
    sk_value_free(&sk_pool_spec_type, self->pool);
    sk_value_free(&sk_volume_create_type, self->create);
    sk_record_free(self->record);
    sk_disk_chains_free(self->chains);
    sk_intent_free(self->intent);
    g_strfreev(self->roots);
    g_free(self->run_dir);
    g_free(self->name);
    g_free(self->uuid);
    g_free(self);
}

SkRecord *
sk_block_work_record(const SkBlockWork *self)
{
    g_autofree char *id = g_strconcat(self->uuid, "/", self->job->target, NULL);
    g_autofree char *json = sk_json_encode(&sk_block_job_type, self->job, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_record_new("block-job", id, id, json);
}

gboolean
sk_block_work_note(SkBlockWork *self, SkBlockPhase phase, GError **error)
{
    self->job->phase = (gint) phase;
    g_autoptr(SkRecord) record = sk_block_work_record(self);
    return sk_store_put(self->store, record, error);
}

/* -- start-up --------------------------------------------------------------------------------------------------------------- */

static void
load_one(SkService *self, const SkRecord *record)
{
    g_autofree char *uuid = g_strndup(record->name, strcspn(record->name, "/"));
    SkDomain *domain = g_hash_table_lookup(self->domains_by_uuid, uuid);
    SkBlockJob *job = sk_json_decode_text(&sk_block_job_type, record->spec, strlen(record->spec), record->name, NULL);
    if (domain != NULL && job != NULL && job->target != NULL && job->old != NULL) {
        sk_domain_add_block_job(domain, job);
        return;
    }
    sk_value_free(&sk_block_job_type, job);
    sk_store_remove_async(self->store, "block-job", record->uuid, NULL, NULL);
}

gboolean
sk_service_load_block_jobs(SkService *self, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    if (!sk_store_load(self->store, "block-job", &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++)
        load_one(self, records->pdata[i]);
    return TRUE;
}

static gboolean
recover(gpointer name, gpointer value, gpointer data)
{
    SkDomain *domain = value;
    (void) name, (void) data;
    sk_domain_block_jobs_lost(domain);
    return FALSE;
}

void
sk_service_recover_block_jobs(SkService *self)
{
    g_tree_foreach(self->domains, recover, NULL);
}
