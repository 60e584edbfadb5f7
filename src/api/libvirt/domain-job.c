/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The jobs of a domain, as libvirt's clients see them. */
#include "api/libvirt/domain-job.h"

#include "api/libvirt/event.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "service/backup.h"

enum { JOB_NONE, JOB_BOUNDED, JOB_UNBOUNDED, JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED };
enum { STATS_COMPLETED = 1, STATS_KEEP = 2 };

/* The long job that runs on a domain; quick ones are none to libvirt. */
static SkJob *
running_job(const SkLvCall *call, const SkDomain *domain)
{
    static const char *const names[] = { "domain.save", "domain.dump", "domain.restore", "domain.migrate", NULL };
    g_autofree char *object = sk_domain_object(domain);
    SkJob *job = sk_jobs_running_on(call->service->jobs, object);
    return job != NULL && g_strv_contains(names, job->info.operation) ? job : sk_domain_backup_job(domain);
}

typedef struct {
    const char *object;
    const SkJobInfo *found;
} Search;

static gboolean
match_ended(const SkJobInfo *info, gpointer data)
{
    Search *search = data;
    if (info->state >= SK_JOB_DONE && info->started > 0 && g_strcmp0(info->object, search->object) == 0 && sk_lv_job_number(info->operation) != 0)
        search->found = info;
    return search->found == NULL;
}

/* The last one that ended; told once, unless it is asked to be kept. */
static const SkJobInfo *
ended_job(const SkLvCall *call, SkDomain *domain, gboolean keep)
{
    g_autofree char *object = sk_domain_object(domain);
    Search search = { .object = object };
    sk_jobs_foreach(call->service->jobs, match_ended, &search);
    if (search.found == NULL || g_strcmp0(search.found->id, domain->job_told) == 0)
        return NULL;
    if (!keep)
        sk_domain_tell_job(domain, search.found->id);
    return search.found;
}

static gint
type_of(const SkJobInfo *info)
{
    static const gint ended[SK_N_JOB_STATES] = { [SK_JOB_DONE] = JOB_COMPLETED, [SK_JOB_FAILED] = JOB_FAILED, [SK_JOB_CANCELLED] = JOB_CANCELLED };
    if (info == NULL)
        return JOB_NONE;
    return ended[info->state] != 0 ? ended[info->state] : info->bytes_total > 0 ? JOB_BOUNDED : JOB_UNBOUNDED;
}

static guint64
elapsed_ms(const SkJobInfo *info)
{
    return (guint64) MAX(0, ((info->ended > 0 ? info->ended : g_get_real_time()) - info->started) / 1000);
}

/* A backup moves disks, all others memory. */
static gboolean
is_of_disks(const SkJobInfo *info)
{
    return g_str_equal(info->operation, "backup.begin");
}

enum { DATA, MEMORY, DISK };

/* total, processed, remaining; data is what memory and disks are together */
static void
fill_figures(const SkJobInfo *info, gint group, guint64 out_figures[3])
{
    gboolean disks = is_of_disks(info);
    const guint64 disk[2] = { disks ? info->bytes_total : info->disk_total, disks ? info->bytes_done : info->disk_done };
    const guint64 all[2] = { info->bytes_total, info->bytes_done };
    for (guint i = 0; i < 2; i++)
        out_figures[i] = group == DATA ? all[i] : group == DISK ? disk[i] : all[i] - MIN(all[i], disk[i]);
    out_figures[2] = out_figures[0] - MIN(out_figures[0], out_figures[1]);
}

gboolean
sk_lv_get_job_info(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    const SkJob *job = running_job(call, domain);
    sk_xdr_put_i32(call->out, type_of(job != NULL ? &job->info : NULL));
    sk_xdr_put_u64(call->out, job != NULL ? elapsed_ms(&job->info) : 0);
    sk_xdr_put_u64(call->out, 0);
    for (gint group = DATA; group <= DISK; group++) {
        guint64 figures[3] = { 0 };
        if (job != NULL)
            fill_figures(&job->info, group, figures);
        for (guint i = 0; i < 3; i++)
            sk_xdr_put_u64(call->out, figures[i]);
    }
    return TRUE;
}

static void
put_figures(GByteArray *out, const SkJobInfo *info, gint group)
{
    static const char *const names[] = { "total", "processed", "remaining" }, *const groups[] = { "data", "memory", "disk" };
    guint64 figures[3];
    fill_figures(info, group, figures);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = g_strconcat(groups[group], "_", names[i], NULL);
        sk_xdr_put_param_u64(out, name, figures[i]);
    }
}

void
sk_lv_put_job(GByteArray *out, const SkJobInfo *info)
{
    gboolean over = info->state >= SK_JOB_DONE, failed = over && info->state != SK_JOB_DONE, disks = is_of_disks(info);
    gboolean both = !disks && info->disk_total > 0;
    gsize place = sk_xdr_list_begin(out);
    sk_xdr_put_param_i32(out, "operation", sk_lv_job_number(info->operation));
    sk_xdr_put_param_u64(out, "time_elapsed", elapsed_ms(info));
    put_figures(out, info, DATA);
    if (!disks)
        put_figures(out, info, MEMORY);
    if (disks || both)
        put_figures(out, info, DISK);
    if (over)
        sk_xdr_put_param_bool(out, "success", !failed);
    if (failed)
        sk_xdr_put_param_str(out, "errmsg", info->message != NULL ? info->message : "");
    sk_xdr_list_end(out, place, 8 + (both ? 3 : 0) + (over ? 1 : 0) + (failed ? 1 : 0));
}

gboolean
sk_lv_get_job_stats(SkLvCall *call, GError **error)
{
    SkDomain *domain = sk_lv_domain(call, "dom", error);
    guint flags = sk_lv_uint(call, "flags");
    if (domain == NULL || !sk_lv_check_flags(call, STATS_COMPLETED | STATS_KEEP, error))
        return FALSE;
    const SkJob *job = (flags & STATS_COMPLETED) == 0 ? running_job(call, domain) : NULL;
    const SkJobInfo *info = job != NULL ? &job->info : (flags & STATS_COMPLETED) != 0 ? ended_job(call, domain, (flags & STATS_KEEP) != 0) : NULL;
    sk_xdr_put_i32(call->out, type_of(info));
    if (info != NULL)
        sk_lv_put_job(call->out, info);
    else
        sk_xdr_list_end(call->out, sk_xdr_list_begin(call->out), 0);
    return TRUE;
}

gboolean
sk_lv_abort_job(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    SkJob *job = running_job(call, domain);
    if (job == NULL)
        return sk_fail(error, SK_ERROR_STATE, "no job is active on the domain");
    return sk_job_cancel(job, error);
}
