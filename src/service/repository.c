/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Repositories of backups that are known here. */
#include "service/repository.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"
#include "service/service-private.h"

#define KIND "repository"

static void
free_repository(gpointer repository)
{
    SkRepository *self = repository;
    if (self != NULL)
        sk_repository_forget_key(self->key);
    sk_value_free(&sk_repository_type, self);
}

/* -- finding ---------------------------------------------------------------------------------------------------------- */

const SkRepository *
sk_service_repository(SkService *self, const char *name, GError **error)
{
    const SkRepository *repository = g_tree_lookup(self->repositories, name);
    if (repository == NULL)
        sk_fail(error, SK_ERROR_NO_REPOSITORY, "there is no repository \"%.128s\"; `skep repo ls` shows those there are", name);
    return repository;
}

void
sk_repository_access_init(SkRepositoryAccess *self, SkService *service, const SkRepository *repository)
{
    *self = (SkRepositoryAccess){ .program = g_build_filename(service->settings->programs_dir, "skep-repository", NULL),
                                  .path = g_strdup(repository->path), .key = g_strdup(repository->key) };
    self->place = (SkRepositoryPlace){ .program = self->program, .path = self->path, .key = self->key };
}

void
sk_repository_access_clear(SkRepositoryAccess *self)
{
    sk_repository_forget_key(self->key);
    g_free(self->program);
    g_free(self->path);
    g_free(self->key);
    *self = (SkRepositoryAccess){ 0 };
}

/* -- keeping ------------------------------------------------------------------------------------------------------------ */

gboolean
sk_service_load_repositories(SkService *self, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    self->repositories = sk_name_tree_new(free_repository);
    if (!sk_store_load(self->store, KIND, &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        SkRepository *repository = sk_json_decode_text(&sk_repository_type, record->spec, strlen(record->spec), record->name, error);
        if (repository == NULL)
            return FALSE;
        g_tree_replace(self->repositories, g_strdup(repository->name), repository);
    }
    return TRUE;
}

static void
tell(SkService *self, const char *type, const SkRepository *repository)
{
    g_autofree char *object = g_strconcat("repository/", repository->name, NULL);
    g_autoptr(json_t) data = json_pack("{s:s}", "path", repository->path);
    sk_events_emit(self->events, type, object, repository->uuid, json_dumps(data, JSON_COMPACT));
}

/* -- reads ---------------------------------------------------------------------------------------------------------------- */

static void
write_repository(SkService *self, GString *out, gconstpointer object, const SkCall *call)
{
    (void) self;
    sk_json_write(out, &sk_repository_type, object, (const char *const *) call->params.fields, 0);
}

gboolean
sk_handle_repository_list(SkService *self, SkCall *call, GError **error)
{
    (void) error;
    sk_list_tree(self, call, self->repositories, NULL, write_repository);
    return TRUE;
}

gboolean
sk_handle_repository_show(SkService *self, SkCall *call, GError **error)
{
    const SkRepository *repository = sk_service_repository(self, call->params.name, error);
    if (repository == NULL)
        return FALSE;
    write_repository(self, call->answer, repository, call);
    return TRUE;
}

gboolean
sk_handle_repository_key(SkService *self, SkCall *call, GError **error)
{
    const SkRepository *repository = sk_service_repository(self, call->params.name, error);
    if (repository == NULL)
        return FALSE;
    const SkRepositoryKey answer = { .key = repository->key };
    sk_json_write(call->answer, &sk_repository_key_type, &answer, NULL, 0);
    return TRUE;
}

/* -- changes ----------------------------------------------------------------------------------------------------------------- */

static char *
repository_object(SkService *service, SkCall *call)
{
    const SkRepository *body = call->body;
    (void) service;
    return g_strconcat("repository/", call->op->id == SK_OP_REPOSITORY_CREATE ? body->name : call->params.name, NULL);
}

static gboolean
same_path(gpointer key, gpointer value, gpointer data)
{
    const SkRepository **wanted = data;
    (void) key;
    if (g_strcmp0(((const SkRepository *) value)->path, (*wanted)->path) != 0)
        return FALSE;
    *wanted = value;
    return TRUE;
}

static gboolean
prepare_create(SkJob *job, GError **error)
{
    SkService *self = job->service;
    SkRepository *repository = job->work = sk_value_copy(&sk_repository_type, job->call->body);
    const SkRepository *same = repository;
    sk_uuid_complete(&repository->uuid);
    repository->created = g_get_real_time();
    if (g_tree_lookup(self->repositories, repository->name) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a repository \"%s\" already", repository->name);
    g_tree_foreach(self->repositories, same_path, &same);
    return same == repository || sk_fail(error, SK_ERROR_EXISTS, "\"%s\" is repository \"%s\" already", repository->path, same->name);
}

/* Dead in between, there is a repository without backups, to which nobody has the key: it is in the way, and nothing is lost. */
static gboolean
run_create(SkJob *job, GError **error)
{
    SkRepository *repository = job->work;
    SkRepositoryAccess access;
    gboolean is_new = repository->key == NULL;
    g_autofree char *program = g_build_filename(job->service->settings->programs_dir, "skep-repository", NULL);
    if (is_new && (repository->key = sk_repository_new_key(program, error)) == NULL)
        return FALSE;
    sk_repository_access_init(&access, job->service, repository);
    g_autoptr(GPtrArray) backups = is_new ? NULL : sk_repository_list(&access.place, NULL, job->cancellable, error);
    gboolean is_there = is_new ? sk_repository_make(&access.place, error) : backups != NULL;
    sk_repository_access_clear(&access);
    if (!is_there)
        return FALSE;
    g_autofree char *json = sk_json_encode(&sk_repository_type, repository, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    g_autoptr(SkRecord) record = sk_record_new(KIND, repository->uuid, repository->name, json);
    if (!sk_fault("repository/record", error) && sk_store_put(job->service->store, record, error))
        return TRUE;
    /* It was empty, or not there, before. */
    if (is_new)
        sk_fs_remove_tree(repository->path, NULL);
    return FALSE;
}

static void
commit_create(SkJob *job)
{
    SkRepository *repository = g_steal_pointer(&job->work);
    SkCreated created = { .name = repository->name, .uuid = repository->uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    g_tree_replace(job->service->repositories, g_strdup(repository->name), repository);
    tell(job->service, "repository.created", repository);
}

const SkJobKind sk_repository_create_job = {
    .object = repository_object, .queue = "repositories", .prepare = prepare_create, .run = run_create, .commit = commit_create, .free_work = free_repository,
};

static gboolean
prepare_delete(SkJob *job, GError **error)
{
    const SkRepository *repository = sk_service_repository(job->service, job->call->params.name, error);
    job->work = sk_value_copy(&sk_repository_type, repository);
    return repository != NULL;
}

static gboolean
run_delete(SkJob *job, GError **error)
{
    const SkRepository *repository = job->work;
    return sk_store_remove(job->service->store, KIND, repository->uuid, error);
}

static void
commit_delete(SkJob *job)
{
    const SkRepository *repository = job->work;
    tell(job->service, "repository.deleted", repository);
    g_tree_remove(job->service->repositories, repository->name);
}

const SkJobKind sk_repository_delete_job = {
    .object = repository_object, .prepare = prepare_delete, .run = run_delete, .commit = commit_delete, .free_work = free_repository,
};
