/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disks that move with their guest, by QMP. */
#include "engine/qmp/copy-disks.h"

#include <string.h>

#include "base/error.h"
#include "base/undo.h"
#include "engine/qmp/backup.h"
#include "engine/qmp/block-job.h"

#define JOB_SUFFIX  "-move"
#define NODE_PREFIX "move-"
/* Bytes; the larger is QEMU's own. */
#define MIN_BUFFER (256 * 1024)
#define MAX_BUFFER (10 * 1024 * 1024)
/* How often progress is told. */
#define PACE_MS 200
/* The last of it is written while the guest stands still: what may be left then is little. */
#define END_MS 60000

static char *
job_of(const char *target)
{
    return g_strconcat(target, JOB_SUFFIX, NULL);
}

/* -- destination --------------------------------------------------------------------------------------------------- */

gboolean
sk_qmp_copy_serve(SkQmp *self, gint fd, const char *const *targets, GError **error)
{
    if (!sk_qmp_nbd_start(self, fd, error))
        return FALSE;
    for (guint i = 0; targets[i] != NULL; i++) {
        g_autofree char *id = g_strconcat(NODE_PREFIX, targets[i], NULL);
        if (!sk_qmp_run(self, "block-export-add", json_pack("{s:s,s:s,s:s,s:s,s:b}", "type", "nbd", "id", id, "node-name", targets[i], "name",
                                                             targets[i], "writable", 1), error))
            return FALSE;
    }
    return TRUE;
}

/* -- source: begin --------------------------------------------------------------------------------------------------- */

gboolean
sk_qmp_copy_begin(SkQmp *self, const char *target, const char *path, gboolean shallow, guint64 speed, GError **error)
{
    g_autofree char *node = g_strconcat(NODE_PREFIX, target, NULL), *job = job_of(target), *filter = g_strconcat(job, "-filter", NULL);
    if (sk_fault("engine/copy-connect", error) ||
        !sk_qmp_run(self, "blockdev-add", json_pack("{s:s,s:s,s:{s:s,s:s},s:s,s:s}", "driver", "nbd", "node-name", node, "server", "type", "unix", "path",
                                                    path, "export", target, "discard", "unmap"), error))
        return FALSE;
    /* What is under way at once is not limited, so with a limit it is less. */
    json_int_t buffer = (json_int_t) (speed > 0 ? CLAMP(speed / 4, MIN_BUFFER, MAX_BUFFER) : MAX_BUFFER);
    return !sk_fault("engine/copy-begin", error) &&
           sk_qmp_run(self, "blockdev-mirror",
                      json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:b,s:I}", "job-id", job, "device", target, "target", node, "sync", shallow ? "top" : "full",
                                "filter-node-name", filter, "speed", (json_int_t) MIN(speed, (guint64) G_MAXINT64), "auto-dismiss", 0, "buf-size", buffer),
                      error);
}

/* -- source: until it is the same --------------------------------------------------------------------------------------- */

static const SkQmpJob *
find_job(const GPtrArray *jobs, const char *target)
{
    g_autofree char *id = job_of(target);
    for (guint i = 0; i < jobs->len; i++) {
        if (g_str_equal(((const SkQmpJob *) jobs->pdata[i])->id, id))
            return jobs->pdata[i];
    }
    return NULL;
}

/* That a copy is over already, or was never, is its failure. */
static gboolean
check_job(SkQmp *self, const char *target, const SkQmpJob *job, GError **error)
{
    if (job != NULL && job->status < SK_QMP_JOB_WAITING && job->error == NULL)
        return TRUE;
    return sk_fail(error, SK_ERROR_IO, "disk \"%s\" of domain \"%s\" could not be copied to the destination: %s", target, sk_qmp_domain(self),
                   job != NULL && job->error != NULL ? job->error : "the copy ended");
}

static gboolean
look(SkQmp *self, const char *const *targets, gboolean *out_ready, guint64 *out_done, guint64 *out_total, GError **error)
{
    g_autoptr(GPtrArray) jobs = sk_qmp_query_jobs(self, error);
    *out_ready = TRUE;
    *out_done = *out_total = 0;
    for (guint i = 0; jobs != NULL && targets[i] != NULL; i++) {
        const SkQmpJob *job = find_job(jobs, targets[i]);
        if (!check_job(self, targets[i], job, error))
            return FALSE;
        *out_ready &= job->status == SK_QMP_JOB_READY;
        *out_done += job->done;
        *out_total += job->total;
    }
    return jobs != NULL;
}

gboolean
sk_qmp_copy_await(SkQmp *self, const char *const *targets, GCancellable *cancellable, SkMigrateProgress progress, gpointer data, GError **error)
{
    static const char *const names[] = { "JOB_STATUS_CHANGE", NULL };
    gboolean ready = FALSE;
    guint64 done, total;
    while (TRUE) {
        g_autoptr(SkQmpExpect) change = sk_qmp_expect(self, names, NULL, NULL);
        g_autoptr(GError) not_yet = NULL;
        if (!look(self, targets, &ready, &done, &total, error))
            return FALSE;
        progress(done, total, data);
        if (cancellable != NULL && g_cancellable_is_cancelled(cancellable))
            return sk_fail(error, SK_ERROR_CANCELLED, "moving domain \"%s\" was cancelled", sk_qmp_domain(self));
        if (ready)
            return TRUE;
        if (!sk_qmp_expect_wait(change, PACE_MS, "the disks are copied", NULL, NULL, &not_yet) && !sk_error_is(not_yet, SK_ERROR_TIMEOUT)) {
            g_propagate_error(error, g_steal_pointer(&not_yet));
            return FALSE;
        }
    }
}

/* -- source: end ------------------------------------------------------------------------------------------------------- */

static gboolean
finish_one(SkQmp *self, const char *target, GError **error)
{
    g_autofree char *id = job_of(target);
    g_autoptr(SkQmpJob) job = sk_qmp_job_await(self, id, SK_QMP_JOB_CONCLUDED, END_MS, error);
    if (job == NULL)
        return FALSE;
    if (job->error != NULL)
        return sk_fail(error, SK_ERROR_IO, "disk \"%s\" of domain \"%s\" could not be copied to the destination: %s", target, sk_qmp_domain(self), job->error);
    return TRUE;
}

gboolean
sk_qmp_copy_finish(SkQmp *self, const char *const *targets, GError **error)
{
    gboolean ready;
    guint64 done, total;
    if (sk_fault("engine/copy-end", error) || !look(self, targets, &ready, &done, &total, error))
        return FALSE;
    for (guint i = 0; targets[i] != NULL; i++) {
        g_autofree char *id = job_of(targets[i]);
        if (!sk_qmp_job_cancel(self, id, TRUE, error))
            return FALSE;
    }
    for (guint i = 0; targets[i] != NULL; i++) {
        if (!finish_one(self, targets[i], error))
            return FALSE;
    }
    sk_qmp_copy_clear(self);
    return !sk_fault("engine/copy-ended", error);
}

static void
clear_jobs(SkQmp *self)
{
    g_autoptr(GPtrArray) jobs = sk_qmp_query_jobs(self, NULL);
    for (guint i = 0; jobs != NULL && i < jobs->len; i++) {
        const SkQmpJob *job = jobs->pdata[i];
        if (!g_str_has_suffix(job->id, JOB_SUFFIX))
            continue;
        if (job->status < SK_QMP_JOB_CONCLUDED)
            sk_qmp_job_cancel(self, job->id, FALSE, NULL);
        sk_qmp_job_free(sk_qmp_job_await(self, job->id, SK_QMP_JOB_CONCLUDED, END_MS, NULL));
        sk_qmp_job_dismiss(self, job->id, NULL);
    }
}

void
sk_qmp_copy_clear(SkQmp *self)
{
    clear_jobs(self);
    g_autoptr(json_t) nodes = sk_qmp_call(self, "query-named-block-nodes", json_pack("{s:b}", "flat", TRUE), 0, NULL);
    gsize i;
    json_t *entry;
    json_array_foreach (nodes, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "node-name"));
        if (name != NULL && g_str_has_prefix(name, NODE_PREFIX))
            sk_qmp_run(self, "blockdev-del", json_pack("{s:s}", "node-name", name), NULL);
    }
}
