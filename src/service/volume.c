/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of volumes: create, clone, resize, delete. */
#include "base/error.h"
#include "service/disk-users.h"
#include "service/image.h"
#include "service/pool.h"
#include "service/secret.h"
#include "storage/pool.h"

typedef struct {
    SkPoolSpec *spec;       /* pool of the result */
    char *name;             /* volume of the result */
    SkVolume *source;       /* clone: a copy */
    SkVolumeCreate create;  /* clone: what is to be made; its texts are the request's */
    char *backing_path;     /* create */
    gint backing_format;
    SkEncryption *encryption; /* of what is made, with its secret's UUID; NULL: none */
    GBytes *passphrase, *source_passphrase;
    char **roots;
    SkVolume *volume;       /* what came of it */
    char *going;            /* delete: the path no definition may name any more */
} VolumeWork;

static void
free_work(gpointer data)
{
    VolumeWork *work = data;
    sk_value_free(&sk_pool_spec_type, work->spec);
    sk_value_free(&sk_volume_type, work->source);
    sk_value_free(&sk_volume_type, work->volume);
    g_free(work->name);
    g_free(work->backing_path);
    g_free(work->going);
    sk_value_free(&sk_encryption_type, work->encryption);
    g_clear_pointer(&work->passphrase, g_bytes_unref);
    g_clear_pointer(&work->source_passphrase, g_bytes_unref);
    g_strfreev(work->roots);
    g_free(work);
}

static VolumeWork *
new_work(SkJob *job, const SkPool *pool, const char *name)
{
    VolumeWork *work = g_new0(VolumeWork, 1);
    work->spec = sk_value_copy(&sk_pool_spec_type, pool->spec);
    work->name = g_strdup(name);
    work->roots = sk_service_storage_roots(job->service);
    job->work = work;
    return work;
}

/* Jobs on one volume wait for each other, those on different ones do not. */
static char *
volume_object(SkService *service, SkCall *call)
{
    (void) service;
    const SkVolumeCreate *create = call->body;
    const char *name = call->op->id == SK_OP_VOLUME_CREATE ? create->name : call->params.volume;
    return g_strdup_printf("volume/%s/%s", call->params.name, name);
}

static void
commit_volume(SkJob *job)
{
    VolumeWork *work = job->work;
    SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    sk_job_set_result(job, sk_json_encode(&sk_volume_type, work->volume, 0));
    if (pool != NULL)
        sk_pool_take_volume(pool, g_steal_pointer(&work->volume));
}

/* Nobody has it in use: not a running domain, and for removal not a definition either. */
static gboolean
check_unused(SkService *self, const SkVolume *volume, gboolean definitions_too, GError **error)
{
    const char *writer = g_hash_table_lookup(self->disk_writers, volume->path);
    if (writer != NULL)
        return sk_fail(error, SK_ERROR_IN_USE, "volume \"%s\" is in use: domain \"%s\" is running on it", volume->name, writer);
    const char *user = definitions_too ? sk_service_user_of_path(self, volume->path) : NULL;
    if (user != NULL)
        return sk_fail(error, SK_ERROR_IN_USE, "volume \"%s\" is in use: domain \"%s\" has it as a disk", volume->name, user);
    return TRUE;
}

/* -- encryption ------------------------------------------------------------------------------------------------ */

/* What work makes is to be encrypted so, or not at all. */
static gboolean
take_encryption(SkService *self, VolumeWork *work, const SkEncryption *wanted, GError **error)
{
    char *uuid = NULL;
    g_autofree char *path = g_build_filename(work->spec->path, work->name, NULL), *what = g_strdup_printf("volume \"%s\"", work->name);
    if (wanted == NULL)
        return TRUE;
    work->passphrase = sk_service_passphrase(self, wanted, path, what, &uuid, error);
    if (work->passphrase == NULL)
        return FALSE;
    work->encryption = sk_value_copy(&sk_encryption_type, wanted);
    g_free(work->encryption->secret);
    work->encryption->secret = uuid;
    return TRUE;
}

/* Of a volume that is there; what cannot be found is missed by whoever needs it. */
static GBytes *
find_passphrase(SkService *self, const SkVolume *volume, char **out_uuid)
{
    return volume->encryption != NULL ? sk_service_passphrase(self, volume->encryption, volume->path, volume->name, out_uuid, NULL) : NULL;
}

static SkStorageContext
context_of(SkJob *job)
{
    const VolumeWork *work = job->work;
    SkStorageContext context = sk_job_storage_context(job, work->roots);
    context.passphrase = work->passphrase;
    context.source_passphrase = work->source_passphrase;
    return context;
}

/* -- create ------------------------------------------------------------------------------------------------ */

static gboolean
prepare_create(SkJob *job, GError **error)
{
    const SkVolumeCreate *create = job->call->body;
    SkService *self = job->service;
    SkPool *pool = sk_service_active_pool(self, job->call->params.name, error);
    if (pool == NULL)
        return FALSE;
    if (g_tree_lookup(pool->volumes, create->name) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a volume \"%s\" in pool \"%s\" already", create->name, pool->spec->name);
    VolumeWork *work = new_work(job, pool, create->name);
    if (!take_encryption(self, work, create->options.encryption, error))
        return FALSE;
    if (create->backing_volume == NULL)
        return TRUE;
    SkPool *below = sk_service_active_pool(self, create->backing_pool != NULL ? create->backing_pool : pool->spec->name, error);
    const SkVolume *backing = below != NULL ? sk_pool_volume(below, create->backing_volume, error) : NULL;
    if (backing == NULL || !check_unused(self, backing, FALSE, error))
        return FALSE;
    work->backing_path = g_strdup(backing->path);
    work->backing_format = backing->format;
    return TRUE;
}

static gboolean
run_create(SkJob *job, GError **error)
{
    VolumeWork *work = job->work;
    SkStorageContext context = context_of(job);
    SkVolumeCreate create = *(const SkVolumeCreate *) job->call->body;
    create.options.encryption = work->encryption;
    work->volume = sk_storage_volume_create(work->spec, &create, work->backing_path, work->backing_format, &context, error);
    return work->volume != NULL;
}

const SkJobKind sk_volume_create_job = {
    .object = volume_object, .prepare = prepare_create, .run = run_create, .commit = commit_volume, .free_work = free_work, .cancellable = TRUE,
};

/* -- clone --------------------------------------------------------------------------------------------------- */

/* What to make, from what was asked for and what there is. */
static SkVolumeCreate
plan_clone(const SkVolumeClone *clone, const SkVolume *source)
{
    static const gint formats[SK_N_CLONE_FORMATS] = { [SK_CLONE_QCOW2] = SK_FORMAT_QCOW2, [SK_CLONE_RAW] = SK_FORMAT_RAW };
    SkVolumeCreate create = { .name = clone->name, .capacity = clone->capacity, .options = clone->options };
    gboolean as_it_is = clone->format == SK_CLONE_SAME && !clone->linked && source->kind != SK_VOLUME_FOREIGN;
    create.format = as_it_is ? source->format : clone->format == SK_CLONE_SAME ? SK_FORMAT_QCOW2 : formats[clone->format];
    return create;
}

/* A copy of what is encrypted is so too, with the same secret unless another is asked for. */
static gboolean
encrypt_clone(SkService *self, VolumeWork *work, const SkVolumeClone *clone, GError **error)
{
    char *uuid = NULL;
    work->source_passphrase = find_passphrase(self, work->source, &uuid);
    if (uuid != NULL) {
        g_free(work->source->encryption->secret);
        work->source->encryption->secret = uuid;
    }
    if (clone->options.encryption != NULL ? !take_encryption(self, work, clone->options.encryption, error)
                                          : work->source_passphrase != NULL && !take_encryption(self, work, work->source->encryption, error))
        return FALSE;
    /* Its secret is not known: its bytes can be copied all the same. */
    if (work->encryption == NULL && work->source->encryption != NULL)
        work->encryption = sk_value_copy(&sk_encryption_type, work->source->encryption);
    work->create.options.encryption = work->encryption;
    return TRUE;
}

static gboolean
prepare_clone(SkJob *job, GError **error)
{
    const SkVolumeClone *clone = job->call->body;
    SkService *self = job->service;
    SkPool *pool = sk_service_active_pool(self, job->call->params.name, error);
    const SkVolume *source = pool != NULL ? sk_pool_volume(pool, job->call->params.volume, error) : NULL;
    if (source == NULL || !check_unused(self, source, FALSE, error))
        return FALSE;
    SkPool *target = clone->pool != NULL ? sk_service_active_pool(self, clone->pool, error) : pool;
    if (target == NULL)
        return FALSE;
    if (g_tree_lookup(target->volumes, clone->name) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a volume \"%s\" in pool \"%s\" already", clone->name, target->spec->name);
    VolumeWork *work = new_work(job, target, clone->name);
    work->source = sk_value_copy(&sk_volume_type, source);
    work->create = plan_clone(clone, source);
    return encrypt_clone(self, work, clone, error);
}

static gboolean
run_clone(SkJob *job, GError **error)
{
    VolumeWork *work = job->work;
    const SkVolumeClone *clone = job->call->body;
    SkStorageContext context = context_of(job);
    work->volume = sk_storage_volume_clone(work->spec, work->source, &work->create, clone->linked, &context, error);
    return work->volume != NULL;
}

const SkJobKind sk_volume_clone_job = {
    .object = volume_object, .prepare = prepare_clone, .run = run_clone, .commit = commit_volume, .free_work = free_work, .cancellable = TRUE,
};

/* -- resize ---------------------------------------------------------------------------------------------------- */

static gboolean
prepare_existing(SkJob *job, gboolean definitions_too, GError **error)
{
    SkPool *pool = sk_service_active_pool(job->service, job->call->params.name, error);
    const SkVolume *volume = pool != NULL ? sk_pool_volume(pool, job->call->params.volume, error) : NULL;
    if (volume == NULL || !check_unused(job->service, volume, definitions_too, error))
        return FALSE;
    new_work(job, pool, volume->name)->passphrase = find_passphrase(job->service, volume, NULL);
    return TRUE;
}

static gboolean
prepare_resize(SkJob *job, GError **error)
{
    return prepare_existing(job, FALSE, error);
}

static gboolean
run_resize(SkJob *job, GError **error)
{
    VolumeWork *work = job->work;
    const SkResize *resize = job->call->body;
    const SkParams *params = &job->call->params;
    SkStorageContext context = context_of(job);
    guint flags = (params->shrink ? SK_RESIZE_SHRINK : 0) | (params->allocate ? SK_RESIZE_ALLOCATE : 0);
    if (!sk_storage_volume_resize(work->spec, work->name, resize->size, flags, &context, error))
        return FALSE;
    work->volume = sk_storage_volume_lookup(work->spec, work->name, error);
    return work->volume != NULL;
}

const SkJobKind sk_volume_resize_job = {
    .object = volume_object, .prepare = prepare_resize, .run = run_resize, .commit = commit_volume, .free_work = free_work,
};

/* -- wipe ------------------------------------------------------------------------------------------------------ */

static gboolean
run_wipe(SkJob *job, GError **error)
{
    VolumeWork *work = job->work;
    const SkVolumeWipe *wipe = job->call->body;
    SkStorageContext context = context_of(job);
    if (!sk_storage_volume_wipe(work->spec, work->name, wipe->algorithm, &context, error))
        return FALSE;
    work->volume = sk_storage_volume_lookup(work->spec, work->name, error);
    return work->volume != NULL;
}

const SkJobKind sk_volume_wipe_job = {
    .object = volume_object, .prepare = prepare_resize, .run = run_wipe, .commit = commit_volume, .free_work = free_work,
};

/* -- find ------------------------------------------------------------------------------------------------------ */

/* Somebody may have made the file just now: it is looked for on the disk, not in memory. */
static gboolean
prepare_find(SkJob *job, GError **error)
{
    g_autofree char *path = g_canonicalize_filename(job->call->params.path, "/");
    g_autofree char *dir = g_path_get_dirname(path), *name = g_path_get_basename(path);
    const SkPool *pool = sk_service_pool_at(job->service, dir);
    if (pool == NULL || !pool->status.active)
        return sk_fail(error, SK_ERROR_NO_VOLUME, "no storage vol with matching path '%.256s'", path);
    new_work(job, pool, name);
    return TRUE;
}

static gboolean
run_find(SkJob *job, GError **error)
{
    VolumeWork *work = job->work;
    work->volume = sk_storage_volume_lookup(work->spec, work->name, error);
    return work->volume != NULL;
}

static void
commit_find(SkJob *job)
{
    VolumeWork *work = job->work;
    SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    const SkVolume *known = pool != NULL ? g_tree_lookup(pool->volumes, work->name) : NULL;
    g_free(work->volume->pool);
    work->volume->pool = g_strdup(work->spec->name);
    sk_job_set_result(job, sk_json_encode(&sk_volume_type, work->volume, 0));
    if (pool != NULL && pool->status.active && (known == NULL || known->modified != work->volume->modified))
        sk_pool_take_volume(pool, g_steal_pointer(&work->volume));
}

const SkJobKind sk_volume_find_job = { .prepare = prepare_find, .run = run_find, .commit = commit_find, .free_work = free_work };

/* -- delete ------------------------------------------------------------------------------------------------------ */

/*
 * From here on nobody can take it for a disk: a definition of a volume that goes would be of nothing. By force it goes from the
 * definitions of domains that are off: libvirt's clients delete a domain's disks before the domain.
 */
static gboolean
prepare_delete(SkJob *job, GError **error)
{
    if (!prepare_existing(job, !job->call->params.force, error))
        return FALSE;
    VolumeWork *work = job->work;
    work->going = g_build_filename(work->spec->path, work->name, NULL);
    g_hash_table_add(job->service->volumes_going, g_strdup(work->going));
    return TRUE;
}

static void
rollback_delete(SkJob *job, const GError *error)
{
    const VolumeWork *work = job->work;
    (void) error;
    if (work != NULL && work->going != NULL)
        g_hash_table_remove(job->service->volumes_going, work->going);
}

static gboolean
run_delete(SkJob *job, GError **error)
{
    VolumeWork *work = job->work;
    SkStorageContext context = sk_job_storage_context(job, work->roots);
    return (!job->call->params.zero || sk_storage_volume_zero(work->spec, work->name, &context, error)) &&
           sk_storage_volume_delete(work->spec, work->name, &context, error);
}

static void
commit_delete(SkJob *job)
{
    VolumeWork *work = job->work;
    SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    g_hash_table_remove(job->service->volumes_going, work->going);
    if (pool != NULL)
        sk_pool_forget_volume(pool, work->name);
}

const SkJobKind sk_volume_delete_job = {
    .object = volume_object, .prepare = prepare_delete, .run = run_delete, .commit = commit_delete, .rollback = rollback_delete,
    .free_work = free_work,
};
