/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.create: volumes over images, addresses, seed, record; all of it or nothing. */
#include "service/domain-create.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"
#include "engine/launch.h"
#include "service/domain-addresses.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-rights.h"
#include "service/domain-seed.h"
#include "service/domain.h"
#include "service/image.h"
#include "service/intent.h"
#include "service/network.h"
#include "service/pool.h"
#include "service/session-network.h"
#include "storage/chain.h"
#include "storage/image.h"
#include "storage/pool.h"

/* A volume to make for a disk. */
typedef struct {
    SkPoolSpec *pool;
    SkVolumeCreate create;
    char *backing_path;
    gint backing_format;
    char *path;
    SkVolume *volume;       /* made */
} NewVolume;

typedef struct {
    SkDomainSpec *spec;
    GPtrArray *volumes;     /* NewVolume */
    char **roots;
    char *seed_path;
    SkRecord *record;
    gboolean start;
} CreateWork;

static void
free_new_volume(gpointer data)
{
    NewVolume *volume = data;
    sk_value_free(&sk_pool_spec_type, volume->pool);
    sk_value_clear(&sk_volume_create_type, &volume->create);
    sk_value_free(&sk_volume_type, volume->volume);
    g_free(volume->backing_path);
    g_free(volume->path);
    g_free(volume);
}

static void
free_work(gpointer data)
{
    CreateWork *work = data;
    sk_value_free(&sk_domain_spec_type, work->spec);
    g_clear_pointer(&work->volumes, g_ptr_array_unref);
    g_strfreev(work->roots);
    g_free(work->seed_path);
    sk_record_free(work->record);
    g_free(work);
}

static char *
create_object(SkService *service, SkCall *call)
{
    (void) service;
    return g_strconcat("domain/", ((const SkDomainSpec *) call->body)->name, NULL);
}

/* -- prepare: main -------------------------------------------------------------------------------------------- */

static gboolean
check_new(SkService *self, const SkDomainSpec *spec, GError **error)
{
    if (g_tree_lookup(self->domains, spec->name) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a domain \"%s\" already", spec->name);
    const SkDomain *same = spec->uuid != NULL ? g_hash_table_lookup(self->domains_by_uuid, spec->uuid) : NULL;
    if (same != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" has the UUID %s already", sk_domain_name(same), spec->uuid);
    if ((guint) g_tree_nnodes(self->domains) >= self->settings->max_domains)
        return sk_fail(error, SK_ERROR_TOO_MANY, "there are %u domains already, which is the limit (limits.domains)", self->settings->max_domains);
    return TRUE;
}

static gboolean
find_backing(SkService *self, const SkDisk *disk, NewVolume *volume, GError **error)
{
    if (disk->image == NULL)
        return disk->size > 0 || sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" names no volume: give volume, image or size", disk->target);
    const SkImage *image = sk_service_image(self, disk->image, error);
    if (image == NULL)
        return FALSE;
    if (disk->size > 0 && disk->size < image->capacity) {
        g_autofree char *is = sk_size_format(disk->size);
        g_autofree char *needs = sk_size_format(image->capacity);
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" is %s, but its image \"%s\" needs %s", disk->target, is, image->name, needs);
    }
    if (disk->format != SK_FORMAT_QCOW2)
        return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" over image \"%s\" must be qcow2", disk->target, image->name);
    volume->backing_path = g_strdup(image->path);
    volume->backing_format = sk_storage_image_format(image);
    return TRUE;
}

/* A disk that names no volume gets a new one. */
static gboolean
plan_volume(SkService *self, CreateWork *work, SkDisk *disk, GError **error)
{
    SkPool *pool = sk_service_active_pool(self, disk->pool, error);
    if (pool == NULL)
        return FALSE;
    NewVolume *volume = g_new0(NewVolume, 1);
    g_ptr_array_add(work->volumes, volume);
    volume->pool = sk_value_copy(&sk_pool_spec_type, pool->spec);
    volume->create.name = g_strdup_printf("%s-%s.%s", work->spec->name, disk->target, sk_enum_name(&sk_disk_format_enum, disk->format));
    volume->create.capacity = disk->size;
    volume->create.format = disk->format;
    volume->path = g_build_filename(pool->spec->path, volume->create.name, NULL);
    if (g_tree_lookup(pool->volumes, volume->create.name) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a volume \"%s\" in pool \"%s\" already: name it as the disk's volume, or delete it",
                       volume->create.name, pool->spec->name);
    if (!find_backing(self, disk, volume, error))
        return FALSE;
    disk->volume = g_strdup(volume->create.name);
    disk->path = g_strdup(volume->path);
    disk->size = 0;
    return TRUE;
}

static gboolean
plan_disks(SkService *self, CreateWork *work, GError **error)
{
    for (guint i = 0; work->spec->disks != NULL && i < work->spec->disks->len; i++) {
        SkDisk *disk = work->spec->disks->pdata[i];
        gboolean is_new = disk->source == SK_SOURCE_VOLUME && disk->volume == NULL;
        if (is_new ? !plan_volume(self, work, disk, error) : !sk_service_resolve_disk(self, disk, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    SkService *self = job->service;
    CreateWork *work = job->work = g_new0(CreateWork, 1);
    if (!sk_value_check_readonly(&sk_domain_spec_type, NULL, job->call->body, NULL, error) ||
        !sk_domain_check_reach(job->service, job->call, NULL, job->call->body, error))
        return FALSE;
    work->spec = sk_value_copy(&sk_domain_spec_type, job->call->body);
    work->volumes = g_ptr_array_new_with_free_func(free_new_volume);
    work->start = job->call->params.start;
    if (!sk_session_fit_interfaces(self, work->spec, error))
        return FALSE;
    sk_domain_spec_complete(work->spec);
    if (!check_new(self, work->spec, error) || !sk_domain_check_interfaces(self, work->spec, error) || !plan_disks(self, work, error) ||
        !sk_engine_assign(work->spec, error) || !sk_value_check(&sk_domain_spec_type, work->spec, NULL, error))
        return FALSE;
    work->roots = sk_service_storage_roots(self);
    work->seed_path = sk_domain_seed_path(self->settings, work->spec->uuid);
    return TRUE;
}

/* -- run: worker -------------------------------------------------------------------------------------------------- */

static void
undo_file(gpointer path)
{
    sk_fs_remove(path, NULL);
}

static gboolean
make_volumes(SkJob *job, CreateWork *work, SkUndo *undo, GError **error)
{
    SkStorageContext context = sk_job_storage_context(job, work->roots);
    for (guint i = 0; i < work->volumes->len; i++) {
        NewVolume *volume = work->volumes->pdata[i];
        volume->volume = sk_storage_volume_create(volume->pool, &volume->create, volume->backing_path, volume->backing_format, &context, error);
        if (volume->volume == NULL)
            return FALSE;
        sk_undo_push(undo, "volume", undo_file, g_strdup(volume->path), g_free);
        if (sk_fault("domain-create/volume", error))
            return FALSE;
    }
    return TRUE;
}

/* Disks given by path must be there and fit to be opened. */
static gboolean
check_disks(CreateWork *work, GError **error)
{
    for (guint i = 0; work->spec->disks != NULL && i < work->spec->disks->len; i++) {
        const SkDisk *disk = work->spec->disks->pdata[i];
        if (disk->source == SK_SOURCE_NONE)
            continue;
        g_auto(GStrv) below = sk_storage_backing_chain(disk->path, disk->format, (const char *const *) work->roots, error);
        if (below == NULL) {
            g_prefix_error(error, "disk \"%s\": ", disk->target);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
note_intent(SkJob *job, CreateWork *work, char **out_id, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    for (guint i = 0; i < work->volumes->len; i++)
        g_ptr_array_add(paths, ((NewVolume *) work->volumes->pdata[i])->path);
    g_ptr_array_add(paths, work->seed_path);
    g_ptr_array_add(paths, NULL);
    g_autofree char *what = g_strconcat("the creation of domain ", work->spec->name, NULL);
    return sk_intent_note(job->service->store, what, (const char *const *) paths->pdata, out_id, error);
}

static gboolean
run(SkJob *job, GError **error)
{
    CreateWork *work = job->work;
    SkStore *store = job->service->store;
    g_autofree char *intent = NULL;

    if (!sk_domain_seed_prepare(work->spec, error) || !note_intent(job, work, &intent, error))
        return FALSE;
    g_autoptr(SkUndo) undo = sk_undo_new();
    gboolean ok = !sk_fault("domain-create/intent", error) && make_volumes(job, work, undo, error) && check_disks(work, error);
    if (ok && work->spec->cloud_init != NULL) {
        sk_undo_push(undo, "seed", undo_file, g_strdup(work->seed_path), g_free);
        ok = sk_domain_seed_ensure(work->spec, work->seed_path, error) && !sk_fault("domain-create/seed", error);
    }
    if (ok) {
        work->record = sk_domain_record(work->spec);
        SkStoreBatch *batch = sk_store_batch_new();
        sk_store_batch_put(batch, work->record);
        sk_intent_settle(batch, intent);
        ok = sk_store_commit(store, batch, error);
    }
    if (!ok) {
        sk_undo_free(g_steal_pointer(&undo));
        sk_store_remove(store, "intent", intent, NULL);
        return FALSE;
    }
    sk_undo_disarm(undo);
    return TRUE;
}

/* -- commit: main ---------------------------------------------------------------------------------------------------- */

static void
take_volumes(SkService *self, CreateWork *work)
{
    for (guint i = 0; i < work->volumes->len; i++) {
        NewVolume *volume = work->volumes->pdata[i];
        SkPool *pool = g_tree_lookup(self->pools, volume->pool->name);
        if (pool != NULL)
            sk_pool_take_volume(pool, g_steal_pointer(&volume->volume));
    }
}

static void
commit(SkJob *job)
{
    CreateWork *work = job->work;
    SkService *self = job->service;
    SkDomain *domain = sk_service_add_domain(self, g_steal_pointer(&work->spec));
    domain->revision = 1;
    take_volumes(self, work);

    g_autofree char *etag = sk_domain_etag(domain);
    g_autofree char *object = sk_domain_object(domain);
    SkCreated created = { .name = domain->spec->name, .uuid = domain->spec->uuid, .etag = etag };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    sk_events_emit(self->events, "domain.created", object, domain->spec->uuid, NULL);
    sk_service_dns_changed(self, domain);
    if (work->start)
        sk_domain_start_by_daemon(domain);
}

const SkJobKind sk_domain_create_job = {
    .object = create_object, .prepare = prepare, .run = run, .commit = commit, .free_work = free_work, .cancellable = TRUE,
};
