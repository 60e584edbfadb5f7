/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block jobs by QMP. */
#include "engine/qmp/block-job.h"

#include <string.h>

#include "base/error.h"

static const char *const words[SK_N_QMP_JOB_STATES] = {
    "undefined", "created", "running", "paused", "ready", "standby", "waiting", "pending", "aborting", "concluded", "null",
};

SkQmpJobStatus
sk_qmp_job_status(const char *word)
{
    for (guint i = 0; word != NULL && i < G_N_ELEMENTS(words); i++) {
        if (g_str_equal(words[i], word))
            return (SkQmpJobStatus) i;
    }
    return SK_QMP_JOB_UNDEFINED;
}

char *
sk_qmp_job_target(const char *id)
{
    const char *dash = strrchr(id, '-');
    return dash != NULL && dash != id && dash[1] != '\0' ? g_strndup(id, (gsize) (dash - id)) : NULL;
}

void
sk_qmp_job_free(SkQmpJob *self)
{
    if (self == NULL)
        return;
    g_free(self->id);
    g_free(self->type);
    g_free(self->error);
    g_free(self);
}

/* -- begin ---------------------------------------------------------------------------------------------------- */

/* What all have in common. finalize: by itself. */
static json_t *
start_arguments(const SkQmpJobStart *start, gboolean finalize)
{
    return json_pack("{s:s,s:I,s:b,s:b}", "job-id", start->id, "speed", (json_int_t) MIN(start->speed, (guint64) G_MAXINT64), "auto-finalize", finalize,
                     "auto-dismiss", FALSE);
}

/* Adds text under key unless it is NULL. */
static void
add_text(json_t *args, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(args, key, json_string(text));
}

/* The node that the job puts between others while it runs. */
static void
add_filter(json_t *args, const SkQmpJobStart *start)
{
    g_autofree char *name = g_strconcat(start->id, "-filter", NULL);
    add_text(args, "filter-node-name", name);
}

gboolean
sk_qmp_job_stream(SkQmp *self, const SkQmpJobStart *start, const char *node, const char *base, const char *base_path, GError **error)
{
    json_t *args = start_arguments(start, TRUE);
    add_text(args, "device", node);
    add_text(args, "base-node", base);
    add_text(args, "backing-file", base_path);
    add_filter(args, start);
    return sk_qmp_run(self, "block-stream", args, error);
}

gboolean
sk_qmp_job_commit(SkQmp *self, const SkQmpJobStart *start, const char *disk, const char *top, const char *base, const char *base_path, GError **error)
{
    json_t *args = start_arguments(start, base_path != NULL);
    add_text(args, "device", disk);
    add_text(args, "top-node", top);
    add_text(args, "base-node", base);
    add_text(args, "backing-file", base_path);
    add_filter(args, start);
    return sk_qmp_run(self, "block-commit", args, error);
}

gboolean
sk_qmp_job_mirror(SkQmp *self, const SkQmpJobStart *start, const char *disk, const char *node, const char *target, gboolean shallow, GError **error)
{
    json_t *args = start_arguments(start, FALSE);
    add_text(args, "device", disk);
    add_text(args, "replaces", node);
    add_text(args, "target", target);
    add_text(args, "sync", shallow ? "top" : "full");
    add_filter(args, start);
    return sk_qmp_run(self, "blockdev-mirror", args, error);
}

/* -- while it runs ---------------------------------------------------------------------------------------------- */

static guint64
get_number(json_t *object, const char *key)
{
    return (guint64) MAX(json_integer_value(json_object_get(object, key)), 0);
}

/* The one with the same id, which knows the speed. */
static json_t *
find_block_job(json_t *block_jobs, const char *id)
{
    gsize i;
    json_t *entry;
    json_array_foreach (block_jobs, i, entry) {
        if (g_strcmp0(json_string_value(json_object_get(entry, "device")), id) == 0)
            return entry;
    }
    return NULL;
}

GPtrArray *
sk_qmp_parse_jobs(json_t *jobs, json_t *block_jobs)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify) sk_qmp_job_free);
    gsize i;
    json_t *entry;
    json_array_foreach (jobs, i, entry) {
        const char *id = json_string_value(json_object_get(entry, "id"));
        if (id == NULL)
            continue;
        SkQmpJob *job = g_new0(SkQmpJob, 1);
        job->id = g_strdup(id);
        job->type = g_strdup(json_string_value(json_object_get(entry, "type")));
        job->status = sk_qmp_job_status(json_string_value(json_object_get(entry, "status")));
        job->done = get_number(entry, "current-progress");
        job->total = get_number(entry, "total-progress");
        job->error = g_strdup(json_string_value(json_object_get(entry, "error")));
        job->speed = get_number(find_block_job(block_jobs, id), "speed");
        g_ptr_array_add(list, job);
    }
    return list;
}

GPtrArray *
sk_qmp_query_jobs(SkQmp *self, GError **error)
{
    g_autoptr(json_t) jobs = sk_qmp_call(self, "query-jobs", NULL, 0, error);
    g_autoptr(json_t) block_jobs = jobs != NULL ? sk_qmp_call(self, "query-block-jobs", NULL, 0, error) : NULL;
    return block_jobs != NULL ? sk_qmp_parse_jobs(jobs, block_jobs) : NULL;
}

SkQmpJob *
sk_qmp_query_job(SkQmp *self, const char *id, GError **error)
{
    g_autoptr(GPtrArray) jobs = sk_qmp_query_jobs(self, error);
    for (guint i = 0; jobs != NULL && i < jobs->len; i++) {
        if (g_str_equal(((const SkQmpJob *) jobs->pdata[i])->id, id))
            return g_ptr_array_steal_index_fast(jobs, i);
    }
    return NULL;
}

gboolean
sk_qmp_job_set_speed(SkQmp *self, const char *id, guint64 speed, GError **error)
{
    return sk_qmp_run(self, "block-job-set-speed", json_pack("{s:s,s:I}", "device", id, "speed", (json_int_t) MIN(speed, (guint64) G_MAXINT64)), error);
}

SkQmpJob *
sk_qmp_job_await(SkQmp *self, const char *id, SkQmpJobStatus status, gint timeout_ms, GError **error)
{
    static const char *const names[] = { "JOB_STATUS_CHANGE", NULL };
    g_autofree char *what = g_strdup_printf("job \"%s\" of domain \"%s\" is not %s", id, sk_qmp_domain(self), words[status]);
    while (TRUE) {
        g_autoptr(SkQmpExpect) change = sk_qmp_expect(self, names, "id", id);
        g_autoptr(GError) why = NULL;
        g_autoptr(SkQmpJob) job = sk_qmp_query_job(self, id, &why);
        if (job != NULL && job->status >= status)
            return g_steal_pointer(&job);
        if (why != NULL) {
            g_propagate_error(error, g_steal_pointer(&why));
            return NULL;
        }
        if (job == NULL) {
            sk_fail(error, SK_ERROR_NO_JOB, "domain \"%s\" has no job \"%s\" any more", sk_qmp_domain(self), id);
            return NULL;
        }
        if (!sk_qmp_expect_wait(change, timeout_ms, what, NULL, NULL, error))
            return NULL;
    }
}

/* -- end --------------------------------------------------------------------------------------------------------- */

static gboolean
run_on(SkQmp *self, const char *command, const char *id, GError **error)
{
    return sk_qmp_run(self, command, json_pack("{s:s}", "id", id), error);
}

gboolean
sk_qmp_job_complete(SkQmp *self, const char *id, GError **error)
{
    return run_on(self, "job-complete", id, error);
}

gboolean
sk_qmp_job_finalize(SkQmp *self, const char *id, GError **error)
{
    return run_on(self, "job-finalize", id, error);
}

gboolean
sk_qmp_job_cancel(SkQmp *self, const char *id, gboolean gently, GError **error)
{
    return sk_qmp_run(self, "block-job-cancel", json_pack("{s:s,s:b}", "device", id, "force", !gently), error);
}

gboolean
sk_qmp_job_dismiss(SkQmp *self, const char *id, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(SkQmpJob) job = sk_qmp_query_job(self, id, &why);
    if (why == NULL && (job == NULL || run_on(self, "job-dismiss", id, &why)))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}
