/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is done for pools every so often: sweeping what uploads left behind, and looking at what no watch tells of.
 */
#include "service/pool.h"
#include "storage/pool.h"

typedef struct {
    SkPoolSpec *spec;
    GHashTable *known;      /* name to SkVolumeStamp, as memory has it */
    GPtrArray *changed;     /* names; NULL: the pool cannot be looked at now */
} Round;

static void
free_round(gpointer data)
{
    Round *work = data;
    sk_value_free(&sk_pool_spec_type, work->spec);
    g_hash_table_unref(work->known);
    g_clear_pointer(&work->changed, g_ptr_array_unref);
    g_free(work);
}

static gboolean
run_round(SkJob *job, GError **error)
{
    Round *work = job->work;
    (void) error;
    sk_storage_sweep_parts(work->spec->path, job->service->settings->part_age);
    work->changed = sk_storage_volume_changed(work->spec, work->known, NULL);
    return TRUE;
}

static void
commit_round(SkJob *job)
{
    const Round *work = job->work;
    SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    if (pool == NULL || !pool->status.active)
        return;
    for (guint i = 0; work->changed != NULL && i < work->changed->len; i++)
        sk_pool_look_at(pool, work->changed->pdata[i]);
}

static const SkJobKind round_job = { .run = run_round, .commit = commit_round, .free_work = free_round };

static Round *
new_round(const SkPool *pool)
{
    Round *work = g_new0(Round, 1);
    work->spec = sk_value_copy(&sk_pool_spec_type, pool->spec);
    work->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (GTreeNode *node = g_tree_node_first(pool->volumes); node != NULL; node = g_tree_node_next(node)) {
        const SkVolume *volume = g_tree_node_value(node);
        SkVolumeStamp *stamp = g_new(SkVolumeStamp, 1);
        *stamp = (SkVolumeStamp){ .modified = volume->modified, .allocation = volume->allocation };
        g_hash_table_insert(work->known, g_strdup(volume->name), stamp);
    }
    return work;
}

static gboolean
run_images(SkJob *job, GError **error)
{
    (void) error;
    sk_storage_sweep_parts(job->work, job->service->settings->part_age);
    return TRUE;
}

static const SkJobKind images_job = { .run = run_images, .free_work = g_free };

static gboolean
upkeep(gpointer data)
{
    SkService *self = data;
    for (GTreeNode *node = g_tree_node_first(self->pools); node != NULL; node = g_tree_node_next(node)) {
        const SkPool *pool = g_tree_node_value(node);
        if (pool->status.active)
            sk_job_start_quiet(self, &round_job, new_round(pool));
    }
    sk_job_start_quiet(self, &images_job, g_strdup(self->images_dir));
    return G_SOURCE_CONTINUE;
}

void
sk_service_start_upkeep(SkService *self)
{
    self->upkeep_timer = g_timeout_add_seconds(self->settings->upkeep_interval, upkeep, self);
}
