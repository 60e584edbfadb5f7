/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of pools: create, delete, start, stop, refresh; and the watch on their directories. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"
#include "service/disk-users.h"
#include "service/pool.h"
#include "storage/pool.h"
#include "storage/transfer.h"

/* One work for all of them: each uses what it needs. */
typedef struct {
    SkPoolSpec *spec;       /* a copy */
    gboolean active, build, transient, drop_volumes;
    gboolean format, overwrite; /* its device */
    char **roots;
    GPtrArray *volumes;     /* SkVolume, found by run */
    SkPoolStatus status;
    SkRecord *record;
    char *message;          /* an autostart that failed is shown, not fatal */
} PoolWork;

static void
free_spec(SkPoolSpec *spec)
{
    sk_value_free(&sk_pool_spec_type, spec);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkPoolSpec, free_spec)

static void
free_work(gpointer data)
{
    PoolWork *work = data;
    sk_value_free(&sk_pool_spec_type, work->spec);
    g_strfreev(work->roots);
    g_clear_pointer(&work->volumes, g_ptr_array_unref);
    sk_value_clear(&sk_pool_status_type, &work->status);
    sk_record_free(work->record);
    g_free(work->message);
    g_free(work);
}

static PoolWork *
new_work(const SkPoolSpec *spec)
{
    PoolWork *work = g_new0(PoolWork, 1);
    work->spec = sk_value_copy(&sk_pool_spec_type, spec);
    return work;
}

/* Whoever says what is to be on the device wants it to be there. */
static void
take_building(PoolWork *work, const SkParams *params)
{
    work->overwrite = params->overwrite;
    work->format = params->format || params->overwrite;
    work->build = params->build || work->format;
}

static gboolean
make_place(SkJob *job, GError **error)
{
    const PoolWork *work = job->work;
    SkStorageContext context = sk_job_storage_context(job, work->roots);
    return sk_storage_pool_build(work->spec, error) && (!work->format || sk_storage_pool_format(work->spec, work->overwrite, &context, error));
}

static char *
pool_object(SkService *service, SkCall *call)
{
    (void) service;
    const SkPoolSpec *body = call->body;
    return g_strconcat("pool/", call->op->id == SK_OP_POOL_CREATE ? body->name : call->params.name, NULL);
}

static void
tell(SkPool *pool, const char *type)
{
    g_autofree char *object = g_strconcat("pool/", pool->spec->name, NULL);
    sk_events_emit(pool->service->events, type, object, pool->spec->uuid, NULL);
}

static void
free_volume(gpointer volume)
{
    sk_value_free(&sk_volume_type, volume);
}

static SkPool *
add_pool(SkService *self, SkPoolSpec *spec, guint64 revision)
{
    SkPool *pool = g_new0(SkPool, 1);
    pool->service = self;
    pool->spec = spec;
    pool->revision = revision;
    pool->volumes = sk_name_tree_new(free_volume);
    g_tree_insert(self->pools, g_strdup(spec->name), pool);
    return pool;
}

static SkRecord *
pool_record(const SkPoolSpec *spec)
{
    g_autofree char *json = sk_json_encode(&sk_pool_spec_type, spec, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_record_new("pool", spec->uuid, spec->name, json);
}

/* -- starting: look through the directory, then watch it ------------------------------------------------------- */

/* The same directory by another name. A volume group has one of its own, while it has volumes. */
static gboolean
check_not_shared(const SkPoolSpec *spec, char **roots, GError **error)
{
    struct stat mine, other;
    if (spec->kind == SK_POOL_LOGICAL)
        return TRUE;
    if (stat(spec->path, &mine) != 0)
        return sk_fail_errno(error, errno, "cannot look at \"%s\"", spec->path);
    for (guint i = 0; roots[i] != NULL; i++) {
        if (!g_str_equal(roots[i], spec->path) && stat(roots[i], &other) == 0 && other.st_dev == mine.st_dev && other.st_ino == mine.st_ino)
            return sk_fail(error, SK_ERROR_EXISTS, "\"%s\" is \"%s\" by another name, which is in use as a storage pool or for images", spec->path, roots[i]);
    }
    return TRUE;
}

static gboolean
look_through(SkJob *job, GError **error)
{
    PoolWork *work = job->work;
    if (!sk_storage_pool_stat(work->spec, &work->status, error))
        return FALSE;
    sk_storage_sweep_parts(work->spec->path, job->service->settings->part_age);
    work->volumes = sk_storage_volume_list(work->spec, error);
    return work->volumes != NULL;
}

static gboolean
scan(SkJob *job, GError **error)
{
    PoolWork *work = job->work;
    if (!sk_storage_pool_start(work->spec, error))
        return FALSE;
    if (look_through(job, error))
        return TRUE;
    if (!work->active)
        sk_storage_pool_stop(work->spec, NULL);
    return FALSE;
}

static void on_watch(const char *dir, const char *name, SkWatchKind kind, gpointer data);

/* Takes what a scan found as the pool's present content. */
static void
take_scan(SkPool *pool, PoolWork *work)
{
    SkService *self = pool->service;
    g_tree_remove_all(pool->volumes);
    g_ptr_array_set_free_func(work->volumes, NULL);
    for (guint i = 0; i < work->volumes->len; i++) {
        SkVolume *volume = work->volumes->pdata[i];
        g_free(volume->pool);
        volume->pool = g_strdup(pool->spec->name);
        g_tree_insert(pool->volumes, g_strdup(volume->name), volume);
    }
    sk_value_clear(&sk_pool_status_type, &pool->status);
    pool->status = work->status;
    work->status = (SkPoolStatus){ 0 };
    pool->status.active = TRUE;
    pool->status.volumes = (guint) g_tree_nnodes(pool->volumes);
    if (self->watch == NULL)
        self->watch = sk_storage_watch_new(on_watch, self, NULL);
    if (self->watch != NULL)
        sk_storage_watch_add(self->watch, pool->spec->path);
}

static gboolean
prepare_start(SkJob *job, GError **error)
{
    SkPool *pool = sk_service_pool(job->service, job->call->params.name, error);
    if (pool == NULL)
        return FALSE;
    if (pool->status.active && job->call->op->id == SK_OP_POOL_START)
        return sk_fail(error, SK_ERROR_STATE, "storage pool \"%s\" is active already", pool->spec->name);
    if (!pool->status.active && job->call->op->id == SK_OP_POOL_REFRESH)
        return sk_fail(error, SK_ERROR_STATE, "storage pool \"%s\" is not active: start it first", pool->spec->name);
    PoolWork *work = job->work = new_work(pool->spec);
    work->active = pool->status.active;
    take_building(work, &job->call->params);
    work->roots = sk_service_storage_roots(job->service);
    return TRUE;
}

static gboolean
run_start(SkJob *job, GError **error)
{
    PoolWork *work = job->work;
    return (!work->build || make_place(job, error)) && scan(job, error) &&
           (work->active || check_not_shared(work->spec, work->roots, error));
}

static void
commit_start(SkJob *job)
{
    PoolWork *work = job->work;
    SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    gboolean was_active = pool->status.active;
    take_scan(pool, work);
    tell(pool, was_active ? "pool.refreshed" : "pool.started");
}

const SkJobKind sk_pool_start_job = {
    .object = pool_object, .prepare = prepare_start, .run = run_start, .commit = commit_start, .free_work = free_work,
};
const SkJobKind sk_pool_refresh_job = {
    .object = pool_object, .prepare = prepare_start, .run = run_start, .commit = commit_start, .free_work = free_work,
};

/* At the daemon's start: a pool that cannot be used is shown with its reason. */
static gboolean
run_autostart(SkJob *job, GError **error)
{
    PoolWork *work = job->work;
    g_autoptr(GError) why = NULL;
    (void) error;
    if (!sk_storage_pool_build(work->spec, &why) || !scan(job, &why))
        work->message = g_strdup(why->message);
    return TRUE;
}

static void
commit_autostart(SkJob *job)
{
    PoolWork *work = job->work;
    SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    if (pool == NULL)
        return;
    if (work->message == NULL) {
        take_scan(pool, work);
        tell(pool, "pool.started");
        return;
    }
    g_warning("storage pool \"%s\" does not start: %s, continuing without it", pool->spec->name, work->message);
    g_free(pool->status.message);
    pool->status.message = g_steal_pointer(&work->message);
}

static const SkJobKind autostart_job = { .run = run_autostart, .commit = commit_autostart, .free_work = free_work };

void
sk_service_start_pools(SkService *self)
{
    for (GTreeNode *node = g_tree_node_first(self->pools); node != NULL; node = g_tree_node_next(node)) {
        const SkPool *pool = g_tree_node_value(node);
        if (pool->spec->autostart)
            sk_job_start_quiet(self, &autostart_job, new_work(pool->spec));
    }
}

/* -- stopping -------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_stop(SkJob *job, GError **error)
{
    SkPool *pool = sk_service_active_pool(job->service, job->call->params.name, error);
    if (pool == NULL)
        return FALSE;
    for (GTreeNode *node = g_tree_node_first(pool->volumes); node != NULL; node = g_tree_node_next(node)) {
        const SkVolume *volume = g_tree_node_value(node);
        const char *writer = g_hash_table_lookup(job->service->disk_writers, volume->path);
        if (writer != NULL)
            return sk_fail(error, SK_ERROR_IN_USE, "storage pool \"%s\" is in use: domain \"%s\" has its volume \"%s\" open",
                           pool->spec->name, writer, volume->name);
    }
    job->work = new_work(pool->spec);
    return TRUE;
}

static gboolean
run_stop(SkJob *job, GError **error)
{
    const PoolWork *work = job->work;
    return sk_storage_pool_stop(work->spec, error);
}

static void
deactivate(SkPool *pool)
{
    if (pool->service->watch != NULL)
        sk_storage_watch_remove(pool->service->watch, pool->spec->path);
    g_tree_remove_all(pool->volumes);
    sk_value_clear(&sk_pool_status_type, &pool->status);
}

static void
commit_stop(SkJob *job)
{
    PoolWork *work = job->work;
    SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    deactivate(pool);
    tell(pool, "pool.stopped");
    if (!pool->transient)
        return;
    tell(pool, "pool.deleted");
    g_tree_remove(job->service->pools, work->spec->name);
}

const SkJobKind sk_pool_stop_job = {
    .object = pool_object, .prepare = prepare_stop, .run = run_stop, .commit = commit_stop, .free_work = free_work,
};

/* -- creating ---------------------------------------------------------------------------------------------------------- */

static gboolean
check_new(SkService *self, const SkPoolSpec *spec, GError **error)
{
    const SkPool *same = g_tree_lookup(self->pools, spec->name);
    if (same != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a storage pool \"%s\" already, with uuid %s", spec->name, same->spec->uuid);
    for (GTreeNode *node = g_tree_node_first(self->pools); node != NULL; node = g_tree_node_next(node)) {
        const SkPool *other = g_tree_node_value(node);
        if (g_str_equal(other->spec->uuid, spec->uuid))
            return sk_fail(error, SK_ERROR_EXISTS, "storage pool \"%s\" has the uuid %s already", other->spec->name, spec->uuid);
        if (g_str_equal(other->spec->path, spec->path))
            return sk_fail(error, SK_ERROR_EXISTS, "\"%s\" is the directory of storage pool \"%s\" already", spec->path, other->spec->name);
    }
    return TRUE;
}

static gboolean
is_inside(const char *path, const char *dir)
{
    gsize length = strlen(dir);
    return g_str_has_prefix(path, dir) && (path[length] == '\0' || path[length] == '/');
}

/* The daemon's own files are nobody's disks; below "pools" there are only pools. */
static gboolean
is_ours(const SkServiceSettings *settings, const char *path)
{
    g_autofree char *pools = g_build_filename(settings->lib_dir, "pools", NULL);
    const char *const dirs[] = { settings->lib_dir, settings->etc_dir, settings->run_dir, settings->log_dir };
    for (guint i = 0; i < G_N_ELEMENTS(dirs); i++) {
        if (dirs[i] != NULL && is_inside(path, dirs[i]))
            return !is_inside(path, pools) || g_str_equal(path, pools);
    }
    return FALSE;
}

/*
 * A pool's directory is a place that disks may be opened in, and files be read from: never the system's own. virt-install makes
 * pools of whatever directory a disk or an ISO is in, so homes and places for temporary files will do.
 */
static gboolean
check_place(SkService *self, const SkPoolSpec *spec, GError **error)
{
    static const char *const own[] = { "/", "/run", "/var", "/usr", "/usr/local", "/usr/share", "/home", "/var/lib" };
    static const char *const trees[] = { "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr/bin",
                                         "/usr/include", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/sbin", "/usr/src" };
    const char *path = spec->path;
    gboolean ok = TRUE;
    if (is_ours(self->settings, path))
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is the daemon's own: a storage pool needs another directory, such as \"/srv/skep\"", path);
    if (spec->kind == SK_POOL_LOGICAL) {
        g_autofree char *right = g_build_filename("/dev", spec->source->name, NULL);
        return g_str_equal(path, right) ||
               sk_fail(error, SK_ERROR_INVALID, "the volumes of volume group \"%s\" are in \"%s\", not in \"%s\"", spec->source->name, right, path);
    }
    for (guint i = 0; i < G_N_ELEMENTS(own); i++)
        ok = ok && !g_str_equal(path, own[i]);
    for (guint i = 0; i < G_N_ELEMENTS(trees); i++)
        ok = ok && !is_inside(path, trees[i]);
    return ok || sk_fail(error, SK_ERROR_INVALID, "\"%s\" is a directory of the system: a storage pool needs one of its own, such as \"/srv/skep\"", path);
}

static SkPoolSpec *
complete(SkService *self, const SkPoolSpec *wanted)
{
    SkPoolSpec *spec = sk_value_copy(&sk_pool_spec_type, wanted);
    sk_uuid_complete(&spec->uuid);
    if (spec->path == NULL && spec->kind == SK_POOL_LOGICAL)
        spec->path = g_build_filename("/dev", spec->source->name, NULL);
    if (spec->path == NULL)
        spec->path = g_build_filename(self->settings->lib_dir, "pools", spec->name, NULL);
    while (strlen(spec->path) > 1 && g_str_has_suffix(spec->path, "/"))
        spec->path[strlen(spec->path) - 1] = '\0';
    return spec;
}

static gboolean
prepare_create(SkJob *job, GError **error)
{
    const SkParams *params = &job->call->params;
    PoolWork *work = job->work = g_new0(PoolWork, 1);
    work->spec = complete(job->service, job->call->body);
    work->roots = sk_service_storage_roots(job->service);
    work->active = !params->inactive;
    take_building(work, params);
    work->transient = params->transient;
    if (params->inactive && params->transient)
        return sk_fail(error, SK_ERROR_INVALID, "storage pool \"%s\" is to be neither defined nor active", work->spec->name);
    return check_place(job->service, work->spec, error) && check_new(job->service, work->spec, error);
}

static gboolean
run_create(SkJob *job, GError **error)
{
    PoolWork *work = job->work;
    work->record = pool_record(work->spec);
    if (work->active && ((work->build && !make_place(job, error)) || !scan(job, error)))
        return FALSE;
    if ((!work->active || check_not_shared(work->spec, work->roots, error)) &&
        (work->transient || sk_store_put(job->service->store, work->record, error)))
        return TRUE;
    if (work->active)
        sk_storage_pool_stop(work->spec, NULL);
    return FALSE;
}

static void
commit_create(SkJob *job)
{
    PoolWork *work = job->work;
    SkPool *pool = add_pool(job->service, g_steal_pointer(&work->spec), work->record->revision);
    pool->transient = work->transient;
    if (work->active)
        take_scan(pool, work);
    SkCreated created = { .name = pool->spec->name, .uuid = pool->spec->uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    tell(pool, "pool.created");
    if (work->active)
        tell(pool, "pool.started");
}

/* One after the other: two that run at once would not see each other's directory. */
const SkJobKind sk_pool_create_job = {
    .object = pool_object, .queue = "pools", .prepare = prepare_create, .run = run_create, .commit = commit_create, .free_work = free_work,
};

/* -- changing the definition ------------------------------------------------------------------------------------------- */

static gboolean
check_change(SkService *self, const SkPool *pool, const SkPoolSpec *spec, GError **error)
{
    const SkPoolSpec *old = pool->spec;
    gboolean same_place = g_str_equal(old->path, spec->path);
    const SkPool *other = same_place ? NULL : sk_service_pool_at(self, spec->path);
    if (!g_str_equal(old->name, spec->name) || !g_str_equal(old->uuid, spec->uuid))
        return sk_fail(error, SK_ERROR_INVALID, "the name and the UUID of storage pool \"%s\" cannot be changed", old->name);
    if (pool->transient)
        return sk_fail(error, SK_ERROR_STATE, "storage pool \"%s\" is transient: it has no definition that could be changed", old->name);
    if (other != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "\"%s\" is the directory of storage pool \"%s\" already", spec->path, other->spec->name);
    if (pool->status.active && (!same_place || old->kind != spec->kind || (old->source == NULL) != (spec->source == NULL) ||
                                (old->source != NULL && !sk_value_equal(&sk_pool_source_type, old->source, spec->source))))
        return sk_fail(error, SK_ERROR_STATE, "storage pool \"%s\" is active: stop it before it becomes another place", old->name);
    return check_place(self, spec, error);
}

static gboolean
prepare_update(SkJob *job, GError **error)
{
    const SkPool *pool = sk_service_pool(job->service, job->call->params.name, error);
    if (pool == NULL)
        return FALSE;
    g_autoptr(SkPoolSpec) wanted = sk_value_copy(&sk_pool_spec_type, pool->spec);
    if (!sk_json_merge(&sk_pool_spec_type, wanted, job->call->patch, NULL, error) || !sk_value_check(&sk_pool_spec_type, wanted, NULL, error))
        return FALSE;
    PoolWork *work = job->work = g_new0(PoolWork, 1);
    work->spec = complete(job->service, wanted);
    return check_change(job->service, pool, work->spec, error);
}

static gboolean
run_update(SkJob *job, GError **error)
{
    PoolWork *work = job->work;
    work->record = pool_record(work->spec);
    return sk_store_put(job->service->store, work->record, error);
}

static void
commit_update(SkJob *job)
{
    PoolWork *work = job->work;
    SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    sk_value_free(&sk_pool_spec_type, pool->spec);
    pool->spec = g_steal_pointer(&work->spec);
    pool->revision = work->record->revision;
    SkCreated created = { .name = pool->spec->name, .uuid = pool->spec->uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    tell(pool, "pool.changed");
}

const SkJobKind sk_pool_update_job = {
    .object = pool_object, .queue = "pools", .prepare = prepare_update, .run = run_update, .commit = commit_update, .free_work = free_work,
};

/* -- its place, while it is inactive --------------------------------------------------------------------------------------- */

static gboolean
prepare_inactive(SkJob *job, GError **error)
{
    const SkPool *pool = sk_service_pool(job->service, job->call->params.name, error);
    if (pool == NULL)
        return FALSE;
    if (pool->status.active)
        return sk_fail(error, SK_ERROR_STATE, "storage pool \"%s\" is active: stop it first", pool->spec->name);
    take_building(job->work = new_work(pool->spec), &job->call->params);
    return TRUE;
}

static gboolean
run_erase(SkJob *job, GError **error)
{
    const PoolWork *work = job->work;
    SkStorageContext context = sk_job_storage_context(job, work->roots);
    return sk_storage_pool_unbuild(work->spec, error) && (!job->call->params.zero || sk_storage_pool_zero(work->spec, &context, error));
}

static void
commit_place(SkJob *job)
{
    const PoolWork *work = job->work;
    const SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    tell((SkPool *) pool, job->call->op->id == SK_OP_POOL_BUILD ? "pool.built" : "pool.erased");
}

const SkJobKind sk_pool_build_job = {
    .object = pool_object, .prepare = prepare_inactive, .run = make_place, .commit = commit_place, .free_work = free_work,
};
const SkJobKind sk_pool_erase_job = {
    .object = pool_object, .prepare = prepare_inactive, .run = run_erase, .commit = commit_place, .free_work = free_work,
};

/* -- what pools could be made of ---------------------------------------------------------------------------------------------- */

static void
free_sources(gpointer data)
{
    GPtrArray *sources = data;
    for (guint i = 0; sources != NULL && i < sources->len; i++)
        sk_value_free(&sk_pool_source_type, sources->pdata[i]);
    g_clear_pointer(&sources, g_ptr_array_unref);
}

static gboolean
run_sources(SkJob *job, GError **error)
{
    return (job->work = sk_storage_pool_sources(job->call->params.kind, error)) != NULL;
}

static void
commit_sources(SkJob *job)
{
    sk_answer_list(job->call, &sk_pool_source_type, job->work);
}

const SkJobKind sk_pool_sources_job = { .run = run_sources, .commit = commit_sources, .free_work = free_sources };

/* -- deleting ------------------------------------------------------------------------------------------------------------ */

static gboolean
prepare_delete(SkJob *job, GError **error)
{
    SkPool *pool = sk_service_pool(job->service, job->call->params.name, error);
    if (pool == NULL)
        return FALSE;
    for (GTreeNode *node = g_tree_node_first(pool->volumes); node != NULL; node = g_tree_node_next(node)) {
        const SkVolume *volume = g_tree_node_value(node);
        const char *user = sk_service_user_of_path(job->service, volume->path);
        if (user != NULL)
            return sk_fail(error, SK_ERROR_IN_USE, "storage pool \"%s\" is in use: domain \"%s\" has its volume \"%s\"",
                           pool->spec->name, user, volume->name);
    }
    PoolWork *work = job->work = new_work(pool->spec);
    work->drop_volumes = job->call->params.volumes;
    work->active = pool->status.active;
    work->transient = pool->transient;
    work->roots = sk_service_storage_roots(job->service);
    return TRUE;
}

static gboolean
drop_volumes(SkJob *job, PoolWork *work, GError **error)
{
    SkStorageContext context = sk_job_storage_context(job, work->roots);
    return sk_storage_volume_delete_all(work->spec, &context, error);
}

static gboolean
let_go(PoolWork *work, GError **error)
{
    return (!work->active || sk_storage_pool_stop(work->spec, error)) && (!work->drop_volumes || sk_storage_pool_unbuild(work->spec, error));
}

static gboolean
run_delete(SkJob *job, GError **error)
{
    PoolWork *work = job->work;
    return (!work->drop_volumes || drop_volumes(job, work, error)) && let_go(work, error) &&
           (work->transient || sk_store_remove(job->service->store, "pool", work->spec->uuid, error));
}

static void
commit_delete(SkJob *job)
{
    PoolWork *work = job->work;
    SkPool *pool = g_tree_lookup(job->service->pools, work->spec->name);
    deactivate(pool);
    tell(pool, "pool.deleted");
    g_tree_remove(job->service->pools, work->spec->name);
}

const SkJobKind sk_pool_delete_job = {
    .object = pool_object, .prepare = prepare_delete, .run = run_delete, .commit = commit_delete, .free_work = free_work,
};

/* -- the watch: files that come and go without us --------------------------------------------------------------------------- */

typedef struct {
    SkPoolSpec *spec;
    char *name;
    SkVolume *volume;       /* NULL: it is gone */
    SkPoolStatus status;
} Look;

static void
free_look(gpointer data)
{
    Look *look = data;
    sk_value_free(&sk_pool_spec_type, look->spec);
    sk_value_free(&sk_volume_type, look->volume);
    sk_value_clear(&sk_pool_status_type, &look->status);
    g_free(look->name);
    g_free(look);
}

static gboolean
run_look(SkJob *job, GError **error)
{
    Look *look = job->work;
    (void) error;
    if (look->name != NULL)
        look->volume = sk_storage_volume_lookup(look->spec, look->name, NULL);
    sk_storage_pool_stat(look->spec, &look->status, NULL);
    return TRUE;
}

static void
commit_look(SkJob *job)
{
    Look *look = job->work;
    SkPool *pool = g_tree_lookup(job->service->pools, look->spec->name);
    if (pool == NULL || !pool->status.active)
        return;
    if (look->status.capacity > 0) {
        pool->status.capacity = look->status.capacity;
        pool->status.allocation = look->status.allocation;
        pool->status.available = look->status.available;
    }
    if (look->name == NULL)
        return;
    const SkVolume *known = g_tree_lookup(pool->volumes, look->name);
    if (look->volume == NULL)
        sk_pool_forget_volume(pool, look->name);
    else if (known == NULL || known->modified != look->volume->modified || known->capacity != look->volume->capacity ||
             known->allocation != look->volume->allocation)
        sk_pool_take_volume(pool, g_steal_pointer(&look->volume));
}

static const SkJobKind look_job = { .run = run_look, .commit = commit_look, .free_work = free_look };

void
sk_pool_look_at(SkPool *self, const char *name)
{
    Look *look = g_new0(Look, 1);
    look->spec = sk_value_copy(&sk_pool_spec_type, self->spec);
    look->name = g_strdup(name);
    sk_job_start_quiet(self->service, &look_job, look);
}

void
sk_pool_restat(SkPool *self)
{
    sk_pool_look_at(self, NULL);
}

/* Removed, moved away or unmounted: nothing is told of it until the directory is back. */
static void
lose(SkPool *pool)
{
    sk_pool_forget_all(pool);
    g_free(pool->status.message);
    pool->status.message = g_strdup_printf("the directory \"%s\" is gone; the pool goes on when it is back", pool->spec->path);
    g_warning("storage pool \"%s\": %s, continuing", pool->spec->name, pool->status.message);
    tell(pool, "pool.changed");
}

static void
on_watch(const char *dir, const char *name, SkWatchKind kind, gpointer data)
{
    SkService *self = data;
    for (GTreeNode *node = g_tree_node_first(self->pools); node != NULL; node = g_tree_node_next(node)) {
        SkPool *pool = g_tree_node_value(node);
        if (!g_str_equal(pool->spec->path, dir) || !pool->status.active)
            continue;
        if (name != NULL)
            sk_pool_look_at(pool, name);
        else if (kind == SK_WATCH_GONE)
            lose(pool);
        else if (kind == SK_WATCH_RESCAN)
            sk_job_start_quiet(self, &autostart_job, new_work(pool->spec));
    }
}

/* -- loading ------------------------------------------------------------------------------------------------------------------- */

static void
report(const char *step, guint64 done, guint64 total, gpointer data)
{
    sk_job_progress(data, total > 0 ? (gdouble) done / (gdouble) total : -1, step, done, total);
}

SkStorageContext
sk_job_storage_context(SkJob *job, char **roots)
{
    return (SkStorageContext){ .cancellable = job->cancellable, .roots = (const char *const *) roots, .report = report, .data = job };
}

static gboolean
make_default(SkService *self, GError **error)
{
    SkPoolSpec wanted = { .name = (char *) "default", .autostart = TRUE };
    SkPoolSpec *spec = complete(self, &wanted);
    g_autoptr(SkRecord) record = pool_record(spec);
    if (!sk_store_put(self->store, record, error)) {
        sk_value_free(&sk_pool_spec_type, spec);
        return FALSE;
    }
    add_pool(self, spec, record->revision);
    return TRUE;
}

gboolean
sk_service_load_pools(SkService *self, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    if (!sk_store_load(self->store, "pool", &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        SkPoolSpec *spec = sk_json_decode_text(&sk_pool_spec_type, record->spec, strlen(record->spec), record->name, error);
        if (spec == NULL)
            return FALSE;
        add_pool(self, spec, record->revision);
    }
    return !self->first_start || g_tree_lookup(self->pools, "default") != NULL || make_default(self, error);
}
