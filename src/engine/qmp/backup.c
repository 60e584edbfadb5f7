/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backups by QMP. */
#include "engine/qmp/backup.h"

#include <string.h>

#include "base/error.h"
#include "engine/qmp/bitmap.h"
#include "engine/qmp/commands.h"

#define SOCKET_NAME "backup-nbd"
#define END_MS 60000

void
sk_qmp_backup_step_free(gpointer data)
{
    SkQmpBackupStep *self = data;
    g_free(self->target);
    g_free(self->node);
    g_free(self->since);
    g_free(self->map);
    g_free(self);
}

char *
sk_qmp_backup_name(const char *target)
{
    return g_strconcat("backup-", target, NULL);
}

/* -- begin ------------------------------------------------------------------------------------------------------ */

gboolean
sk_qmp_backup_open(SkQmp *self, const char *target, gint fd, const char *format, const char *backing, gboolean device, GError **error)
{
    g_autofree char *name = sk_qmp_backup_name(target);
    g_autofree char *file_name = g_strconcat(name, "-file", NULL);
    gint set;
    if (!sk_qmp_add_fd(self, fd, name, &set, error))
        return FALSE;
    g_autofree char *path = g_strdup_printf("/dev/fdset/%d", set);
    json_t *node = json_pack("{s:s,s:s,s:{s:s,s:s,s:s}}", "driver", format, "node-name", name, "file", "driver", device ? "host_device" : "file",
                             "node-name", file_name, "filename", path);
    if (g_str_equal(format, "qcow2"))
        json_object_set_new(node, "backing", backing != NULL ? json_string(backing) : json_null());
    if (sk_qmp_run(self, "blockdev-add", node, error))
        return TRUE;
    sk_qmp_remove_fdset(self, set, NULL);
    return FALSE;
}

/* What was counted so far, standing still. */
static void
add_map(json_t *actions, const SkQmpBackupStep *step)
{
    json_array_append_new(actions, json_pack("{s:s,s:{s:s,s:s,s:b}}", "type", "block-dirty-bitmap-add", "data", "node", step->node, "name",
                                             step->map, "disabled", 1));
    json_array_append_new(actions, json_pack("{s:s,s:{s:s,s:s,s:[s]}}", "type", "block-dirty-bitmap-merge", "data", "node", step->node, "target",
                                             step->map, "bitmaps", step->since));
}

static json_t *
job_action(const SkQmpBackupStep *step, const char *name)
{
    json_t *data = json_pack("{s:s,s:s,s:s,s:b}", "job-id", name, "device", step->node, "target", name, "auto-dismiss", 0);
    json_object_set_new(data, "sync", json_string(step->pull ? "none" : step->since != NULL ? "bitmap" : "full"));
    if (!step->pull && step->since != NULL) {
        json_object_set_new(data, "bitmap", json_string(step->map));
        json_object_set_new(data, "bitmap-mode", json_string("never"));
    }
    return json_pack("{s:s,s:o}", "type", "blockdev-backup", "data", data);
}

gboolean
sk_qmp_backup_begin(SkQmp *self, const GPtrArray *steps, const GPtrArray *bitmaps, GError **error)
{
    json_t *actions = json_array();
    for (guint i = 0; i < steps->len; i++) {
        const SkQmpBackupStep *step = steps->pdata[i];
        if (step->since != NULL)
            add_map(actions, step);
    }
    sk_qmp_bitmaps_add_to(actions, bitmaps);
    for (guint i = 0; i < steps->len; i++) {
        const SkQmpBackupStep *step = steps->pdata[i];
        g_autofree char *name = sk_qmp_backup_name(step->target);
        json_array_append_new(actions, job_action(step, name));
    }
    return sk_qmp_run(self, "transaction", json_pack("{s:o}", "actions", actions), error);
}

/* -- offered by NBD ----------------------------------------------------------------------------------------------- */

gboolean
sk_qmp_nbd_start(SkQmp *self, gint fd, GError **error)
{
    g_autoptr(json_t) got = sk_qmp_call_fd(self, "getfd", json_pack("{s:s}", "fdname", SOCKET_NAME), fd, 0, error);
    return got != NULL && sk_qmp_run(self, "nbd-server-start", json_pack("{s:{s:s,s:{s:s}}}", "addr", "type", "fd", "data", "str", SOCKET_NAME), error);
}

gboolean
sk_qmp_backup_export(SkQmp *self, const SkQmpBackupStep *step, const char *name, GError **error)
{
    g_autofree char *id = sk_qmp_backup_name(step->target);
    json_t *args = json_pack("{s:s,s:s,s:s,s:s}", "type", "nbd", "id", id, "node-name", id, "name", name);
    if (step->since != NULL)
        json_object_set_new(args, "bitmaps", json_pack("[s]", step->map));
    return sk_qmp_run(self, "block-export-add", args, error);
}

/* A refusal with these words is fine. */
static gboolean
run_unless(SkQmp *self, const char *command, json_t *args, const char *fine, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (sk_qmp_run(self, command, args, &why) || strstr(why->message, fine) != NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

gboolean
sk_qmp_nbd_stop(SkQmp *self, GError **error)
{
    return run_unless(self, "nbd-server-stop", NULL, "not running", error);
}

/* -- end ------------------------------------------------------------------------------------------------------------ */

static gboolean
end_job(SkQmp *self, const char *id, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(SkQmpJob) job = sk_qmp_query_job(self, id, &why);
    if (job == NULL) {
        if (why == NULL)
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (job->status < SK_QMP_JOB_ABORTING)
        sk_qmp_run(self, "job-cancel", json_pack("{s:s}", "id", id), NULL);
    g_autoptr(SkQmpJob) ended = sk_qmp_job_await(self, id, SK_QMP_JOB_CONCLUDED, END_MS, error);
    return ended != NULL && sk_qmp_job_dismiss(self, id, error);
}

static void
remove_descriptors(SkQmp *self, const char *name)
{
    g_autoptr(json_t) sets = sk_qmp_call(self, "query-fdsets", NULL, 0, NULL);
    gsize i;
    json_t *set;
    json_array_foreach (sets, i, set) {
        const char *told = json_string_value(json_object_get(json_array_get(json_object_get(set, "fds"), 0), "opaque"));
        if (g_strcmp0(told, name) == 0)
            sk_qmp_remove_fdset(self, (gint) json_integer_value(json_object_get(set, "fdset-id")), NULL);
    }
}

gboolean
sk_qmp_backup_clear(SkQmp *self, const SkQmpBackupStep *step, GError **error)
{
    g_autofree char *name = sk_qmp_backup_name(step->target);
    if (!end_job(self, name, error) || (step->map != NULL && !sk_qmp_bitmap_remove(self, step->node, step->map, error)) ||
        !run_unless(self, "blockdev-del", json_pack("{s:s}", "node-name", name), "Failed to find node", error))
        return FALSE;
    remove_descriptors(self, name);
    return TRUE;
}
