/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Figures of volumes in use, true when they are shown. */
#include "service/volume-look.h"

#include "service/handlers.h"
#include "service/pool.h"
#include "storage/pool.h"

typedef struct {
    SkPoolSpec *spec;
    GPtrArray *names;       /* of volumes in use */
    GPtrArray *volumes;     /* SkVolume: what was found of them */
} LookWork;

static void
free_volume(gpointer volume)
{
    sk_value_free(&sk_volume_type, volume);
}

static void
free_work(gpointer data)
{
    LookWork *work = data;
    sk_value_free(&sk_pool_spec_type, work->spec);
    g_ptr_array_unref(work->names);
    g_ptr_array_unref(work->volumes);
    g_free(work);
}

/* The pool's next volume that a guest writes to, and that the call would show; NULL: no more. */
static const SkVolume *
next_written(const SkPool *pool, const SkCall *call, GHashTableIter *writers)
{
    gpointer path;
    while (g_hash_table_iter_next(writers, &path, NULL)) {
        g_autofree char *name = g_path_get_basename(path);
        const SkVolume *volume = g_tree_lookup(pool->volumes, name);
        if (volume != NULL && g_str_equal(volume->path, path) && (call->op->id == SK_OP_VOLUME_LIST || g_strcmp0(call->params.volume, name) == 0))
            return volume;
    }
    return NULL;
}

gboolean
sk_volumes_are_written(SkService *self, const SkCall *call)
{
    const SkPool *pool = g_tree_lookup(self->pools, call->params.name);
    GHashTableIter writers;
    g_hash_table_iter_init(&writers, self->disk_writers);
    return pool != NULL && next_written(pool, call, &writers) != NULL;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    const SkPool *pool = sk_service_pool(job->service, job->call->params.name, error);
    const SkVolume *volume;
    GHashTableIter writers;
    if (pool == NULL)
        return FALSE;
    LookWork *work = job->work = g_new0(LookWork, 1);
    work->spec = sk_value_copy(&sk_pool_spec_type, pool->spec);
    work->names = g_ptr_array_new_with_free_func(g_free);
    work->volumes = g_ptr_array_new_with_free_func(free_volume);
    g_hash_table_iter_init(&writers, job->service->disk_writers);
    while ((volume = next_written(pool, job->call, &writers)) != NULL)
        g_ptr_array_add(work->names, g_strdup(volume->name));
    return TRUE;
}

static gboolean
run(SkJob *job, GError **error)
{
    LookWork *work = job->work;
    (void) error;
    for (guint i = 0; i < work->names->len; i++) {
        SkVolume *volume = sk_storage_volume_lookup(work->spec, work->names->pdata[i], NULL);
        if (volume != NULL)
            g_ptr_array_add(work->volumes, volume);
    }
    return TRUE;
}

/* Without an event: who listens and lists would make the next one by it, for as long as the guest writes. */
static void
commit(SkJob *job)
{
    const LookWork *work = job->work;
    const SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    GError *gone = NULL;
    for (guint i = 0; pool != NULL && i < work->volumes->len; i++) {
        const SkVolume *found = work->volumes->pdata[i];
        SkVolume *volume = g_tree_lookup(pool->volumes, found->name);
        if (volume == NULL)
            continue;
        volume->allocation = found->allocation;
        volume->capacity = found->capacity;
        volume->modified = found->modified;
    }
    /* Gone in the meantime: it ends with that. */
    sk_handler(job->call->op->id)->read(job->service, job->call, &gone);
    sk_job_end(job, gone);
}

const SkJobKind sk_volume_look_job = { .prepare = prepare, .run = run, .commit = commit, .free_work = free_work, .lingers = TRUE };
