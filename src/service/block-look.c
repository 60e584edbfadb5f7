/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* disk.job, disk.job-change, disk.content, disk.threshold: what is under way on a disk, and what it has. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/qmp/block-nodes.h"
#include "service/block-job.h"

typedef struct {
    SkQmp *qmp;
    SkDisk *disk;
    SkBlockJobInfo info;
    char *id;
    char *domain;
    guint8 *bytes;
    gsize length;
} LookWork;

static void
free_work(gpointer data)
{
    LookWork *work = data;
    g_clear_object(&work->qmp);
    sk_value_free(&sk_disk_type, work->disk);
    sk_value_clear(&sk_block_job_info_type, &work->info);
    g_free(work->id);
    g_free(work->domain);
    g_free(work->bytes);
    g_free(work);
}

static SkDomain *
begin(SkJob *job, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return NULL;
    LookWork *work = job->work = g_new0(LookWork, 1);
    work->domain = g_strdup(sk_domain_name(domain));
    work->qmp = domain->qmp != NULL ? g_object_ref(domain->qmp) : NULL;
    return domain;
}

static gboolean
find_disk(LookWork *work, const SkDomain *domain, const char *target, GError **error)
{
    const SkDomainSpec *spec = domain->runtime.live != NULL ? domain->runtime.live : domain->spec;
    const SkDisk *disk = sk_domain_spec_find_disk(spec, target);
    if (disk == NULL)
        return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no disk \"%.16s\"", work->domain, target);
    if (disk->path == NULL || disk->source == SK_SOURCE_NONE)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" of domain \"%s\" is empty", target, work->domain);
    work->disk = sk_value_copy(&sk_disk_type, disk);
    return TRUE;
}

/* -- disk.job ----------------------------------------------------------------------------------------------------- */

static const SkBlockJob *
find_job(const SkDomain *domain, const char *target, GError **error)
{
    const SkBlockJob *known = target != NULL && *target != '\0' ? sk_domain_block_job(domain, target) : NULL;
    if (known == NULL)
        sk_fail(error, SK_ERROR_NO_JOB, "disk \"%.16s\" of domain \"%s\" has no block job", target, sk_domain_name(domain));
    return known;
}

static gboolean
prepare_show(SkJob *job, GError **error)
{
    SkDomain *domain = begin(job, error);
    const SkBlockJob *known = domain != NULL ? find_job(domain, job->call->params.target, error) : NULL;
    if (known == NULL)
        return FALSE;
    LookWork *work = job->work;
    const SkBlockJobInfo info = { .target = known->target, .kind = known->kind, .state = known->state, .path = known->old->path, .base = known->base,
                                  .top = known->top, .destination = known->fresh != NULL ? known->fresh->path : NULL, .done = known->done,
                                  .total = known->total, .speed = known->speed, .job = known->job != NULL ? known->job->info.id : NULL };
    SkBlockJobInfo *copy = sk_value_copy(&sk_block_job_info_type, &info);
    work->info = *copy;
    g_free(copy);
    work->id = sk_block_job_id(known);
    return TRUE;
}

/* As QEMU has it at this moment, if it says. */
static gboolean
run_show(SkJob *job, GError **error)
{
    LookWork *work = job->work;
    (void) error;
    g_autoptr(SkQmpJob) seen = work->qmp != NULL ? sk_qmp_query_job(work->qmp, work->id, NULL) : NULL;
    if (seen == NULL)
        return TRUE;
    work->info.done = seen->done;
    work->info.total = seen->total;
    work->info.speed = seen->speed;
    return TRUE;
}

static void
commit_show(SkJob *job)
{
    const LookWork *work = job->work;
    sk_job_set_result(job, sk_json_encode(&sk_block_job_info_type, &work->info, 0));
}

const SkJobKind sk_disk_job_job = { .object = sk_domain_job_object, .prepare = prepare_show, .run = run_show, .commit = commit_show, .free_work = free_work };

/* -- disk.job-change ---------------------------------------------------------------------------------------------------- */

static gboolean
prepare_change(SkJob *job, GError **error)
{
    SkDomain *domain = begin(job, error);
    const SkBlockJob *known = domain != NULL ? find_job(domain, job->call->params.target, error) : NULL;
    LookWork *work = job->work;
    if (known == NULL)
        return FALSE;
    if (work->qmp == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us", work->domain);
    work->id = sk_block_job_id(known);
    return TRUE;
}

static gboolean
run_change(SkJob *job, GError **error)
{
    const LookWork *work = job->work;
    return sk_qmp_job_set_speed(work->qmp, work->id, ((const SkDiskJobChange *) job->call->body)->speed, error);
}

const SkJobKind sk_disk_job_change_job = { .object = sk_domain_job_object, .prepare = prepare_change, .run = run_change, .free_work = free_work };

/* -- disk.content -------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_content(SkJob *job, GError **error)
{
    SkDomain *domain = begin(job, error);
    return domain != NULL && find_disk(job->work, domain, job->call->params.target, error);
}

static gboolean
run_content(SkJob *job, GError **error)
{
    LookWork *work = job->work;
    const SkParams *params = &job->call->params;
    g_auto(SkFd) fd = open(work->disk->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", work->disk->path);
    if (params->offset > (guint64) G_MAXINT64 - params->size)
        return sk_fail(error, SK_ERROR_INVALID, "offset is beyond the end of any file");
    work->bytes = g_malloc(params->size);
    gssize got = pread(fd, work->bytes, params->size, (off_t) params->offset);
    if (got < 0)
        return sk_fail_errno(error, errno, "cannot read \"%s\"", work->disk->path);
    if ((gsize) got < params->size)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" ends before byte %" G_GUINT64_FORMAT, work->disk->path, params->offset + params->size);
    work->length = (gsize) got;
    return TRUE;
}

static void
commit_content(SkJob *job)
{
    const LookWork *work = job->work;
    g_string_append_len(job->call->answer, (const char *) work->bytes, (gssize) work->length);
}

const SkJobKind sk_disk_content_job = { .object = sk_domain_job_object, .prepare = prepare_content, .run = run_content, .commit = commit_content, .free_work = free_work };

/* -- disk.threshold -------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_threshold(SkJob *job, GError **error)
{
    SkDomain *domain = begin(job, error);
    LookWork *work = job->work;
    if (domain == NULL)
        return FALSE;
    if (work->qmp == NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" is off, and its disks do not grow", work->domain);
    return find_disk(work, domain, job->call->params.target, error);
}

/* Of the file that the guest writes to, below its format. */
static gboolean
run_threshold(SkJob *job, GError **error)
{
    const LookWork *work = job->work;
    const SkDiskThreshold *body = job->call->body;
    g_autoptr(GPtrArray) nodes = sk_qmp_query_nodes(work->qmp, work->disk->target, error);
    g_autofree char *real = realpath(work->disk->path, NULL);
    const SkBlockNode *top = nodes != NULL && real != NULL ? sk_block_nodes_find(nodes, real) : NULL;
    if (nodes == NULL)
        return FALSE;
    if (top == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" has not \"%s\" open", work->domain, work->disk->path);
    g_autofree char *file = g_strconcat(top->name, "-file", NULL);
    return sk_qmp_run(work->qmp, "block-set-write-threshold", json_pack("{s:s,s:I}", "node-name", file, "write-threshold", (json_int_t) body->bytes), error);
}

const SkJobKind sk_disk_threshold_job = { .object = sk_domain_job_object, .prepare = prepare_threshold, .run = run_threshold, .free_work = free_work };
