/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* job.list, job.show, job.cancel. */
#include "service/job-view.h"

#include "base/error.h"
#include "service/service-private.h"

static SkJob *
find(SkService *self, const SkCall *call, GError **error)
{
    SkJob *job = sk_jobs_find(self->jobs, call->params.id);
    if (job == NULL)
        sk_fail(error, SK_ERROR_NO_JOB, "there is no job \"%.64s\"; ended ones are forgotten after a while", call->params.id);
    return job;
}

typedef struct {
    SkCall *call;
    guint count;
    gboolean begun;         /* past params.after */
    const char *last;
} Page;

static gboolean
add_row(const SkJobInfo *info, gpointer data)
{
    Page *page = data;
    SkCall *call = page->call;
    if (!page->begun) {
        page->begun = g_str_equal(info->id, call->params.after);
        return TRUE;
    }
    if (call->params.state != NULL && !g_str_equal(call->params.state, sk_enum_name(&sk_job_state_enum, info->state)))
        return TRUE;
    if (page->count == call->params.limit) {
        call->next = g_strdup(page->last);
        return FALSE;
    }
    if (page->count++ > 0)
        g_string_append_c(call->answer, ',');
    sk_json_write(call->answer, &sk_job_info_type, info, (const char *const *) call->params.fields, 0);
    page->last = info->id;
    return TRUE;
}

gboolean
sk_handle_job_list(SkService *self, SkCall *call, GError **error)
{
    gint state;
    if (call->params.state != NULL && !sk_enum_parse(&sk_job_state_enum, call->params.state, &state, error))
        return FALSE;
    Page page = { .call = call, .begun = call->params.after == NULL };
    g_string_append(call->answer, "{\"items\":[");
    sk_jobs_foreach(self->jobs, add_row, &page);
    g_string_append_c(call->answer, ']');
    if (call->next != NULL)
        g_string_append_printf(call->answer, ",\"next\":\"%s\"", call->next);
    g_string_append_c(call->answer, '}');
    return TRUE;
}

gboolean
sk_handle_job_show(SkService *self, SkCall *call, GError **error)
{
    const SkJob *job = find(self, call, error);
    if (job == NULL)
        return FALSE;
    sk_answer_value(call, &sk_job_info_type, &job->info);
    return TRUE;
}

gboolean
sk_handle_job_cancel(SkService *self, SkCall *call, GError **error)
{
    SkJob *job = find(self, call, error);
    if (job == NULL || !sk_job_cancel(job, error))
        return FALSE;
    sk_answer_value(call, &sk_job_info_type, &job->info);
    return TRUE;
}

/* -- waiting --------------------------------------------------------------------------------------------------- */

typedef struct {
    SkService *service;
    SkCall *call;
    SkSubscription *subscription;
    guint timer;
} Wait;

static gboolean
end_wait(gpointer data)
{
    Wait *wait = data;
    GError *error = NULL;
    sk_handle_job_show(wait->service, wait->call, &error);
    sk_service_unsubscribe(wait->service, wait->subscription);
    sk_call_finish(wait->call, error);
    g_free(wait);
    return G_SOURCE_REMOVE;
}

static void
on_event(const SkEvent *event, gpointer data)
{
    Wait *wait = data;
    if (g_str_equal(event->type, "job.ended") && g_str_equal(event->uuid, wait->call->params.id)) {
        g_source_remove(wait->timer);
        wait->timer = g_idle_add_full(G_PRIORITY_DEFAULT, end_wait, wait, NULL);
    }
}

gboolean
sk_job_wait_for_call(SkService *self, SkCall *call)
{
    const SkJob *job = call->params.wait > 0 ? sk_jobs_find(self->jobs, call->params.id) : NULL;
    gboolean gap;
    if (job == NULL || job->info.state >= SK_JOB_DONE)
        return FALSE;
    Wait *wait = g_new0(Wait, 1);
    wait->service = self;
    wait->call = call;
    wait->timer = g_timeout_add_seconds(call->params.wait, end_wait, wait);
    wait->subscription = sk_service_subscribe(self, 0, "job.ended", on_event, wait, &gap);
    return TRUE;
}
