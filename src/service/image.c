/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images: import, build from packages, list, delete. */
#include "service/image.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "service/disk-users.h"
#include "service/pool.h"
#include "storage/image.h"
#include "storage/pool.h"
#include "storage/transfer.h"

typedef struct {
    char *dir, *name;
    char **roots;
    char *recipe;           /* build: the program that makes it */
    SkImage *image;         /* what came of it */
    SkJob *job;             /* for progress; borrowed */
} ImageWork;

static void
free_work(gpointer data)
{
    ImageWork *work = data;
    g_free(work->dir);
    g_free(work->name);
    g_free(work->recipe);
    g_strfreev(work->roots);
    sk_value_free(&sk_image_type, work->image);
    g_free(work);
}

static void
free_image(gpointer image)
{
    sk_value_free(&sk_image_type, image);
}

static void
tell(SkService *self, const char *type, const char *name)
{
    g_autofree char *object = g_strconcat("image/", name, NULL);
    sk_events_emit(self->events, type, object, NULL, NULL);
}

SkImage *
sk_service_image(SkService *self, const char *name, GError **error)
{
    SkImage *image = g_tree_lookup(self->images, name);
    if (image == NULL)
        sk_fail(error, SK_ERROR_NO_IMAGE, "there is no image \"%.128s\"; `skep image ls` shows those there are", name);
    return image;
}

void
sk_service_take_image(SkService *self, SkImage *image)
{
    g_tree_replace(self->images, g_strdup(image->name), image);
    tell(self, "image.created", image->name);
}

gboolean
sk_service_load_images(SkService *self, GError **error)
{
    self->images = sk_name_tree_new(free_image);
    if (!sk_storage_image_start(self->images_dir, error))
        return FALSE;
    sk_storage_sweep_parts(self->images_dir, self->settings->part_age);
    g_autoptr(GPtrArray) images = sk_storage_image_list(self->images_dir, error);
    if (images == NULL)
        return FALSE;
    g_ptr_array_set_free_func(images, NULL);
    for (guint i = 0; i < images->len; i++) {
        SkImage *image = images->pdata[i];
        g_tree_insert(self->images, g_strdup(image->name), image);
    }
    return TRUE;
}

/* -- reads ---------------------------------------------------------------------------------------------------- */

static void
write_image(SkService *self, GString *out, gconstpointer object, const SkCall *call)
{
    sk_json_write(out, &sk_image_type, object, (const char *const *) call->params.fields, 0);
}

/* How many volumes are laid directly over each image, as the pools' lists know it: one pass for all of them. */
static void
find_users(SkService *self)
{
    g_autoptr(GHashTable) by_path = g_hash_table_new(g_str_hash, g_str_equal);
    for (GTreeNode *node = g_tree_node_first(self->images); node != NULL; node = g_tree_node_next(node)) {
        SkImage *image = g_tree_node_value(node);
        image->users = 0;
        g_hash_table_insert(by_path, image->path, image);
    }
    for (GTreeNode *node = g_tree_node_first(self->pools); node != NULL; node = g_tree_node_next(node)) {
        const SkPool *pool = g_tree_node_value(node);
        for (GTreeNode *at = g_tree_node_first(pool->volumes); at != NULL; at = g_tree_node_next(at)) {
            const SkVolume *volume = g_tree_node_value(at);
            SkImage *image = volume->backing_path != NULL ? g_hash_table_lookup(by_path, volume->backing_path) : NULL;
            if (image != NULL)
                image->users++;
        }
    }
}

gboolean
sk_handle_image_list(SkService *self, SkCall *call, GError **error)
{
    (void) error;
    find_users(self);
    sk_list_tree(self, call, self->images, NULL, write_image);
    return TRUE;
}

gboolean
sk_handle_image_show(SkService *self, SkCall *call, GError **error)
{
    SkImage *image = sk_service_image(self, call->params.name, error);
    if (image == NULL)
        return FALSE;
    find_users(self);
    sk_answer_value(call, &sk_image_type, image);
    return TRUE;
}

/* -- import ------------------------------------------------------------------------------------------------------ */

static char *
image_object(SkService *service, SkCall *call)
{
    (void) service;
    const SkImageImport *import = call->body;
    const SkImageBuild *build = call->body;
    const char *name = call->op->id == SK_OP_IMAGE_IMPORT ? import->name
                       : call->op->id == SK_OP_IMAGE_BUILD ? (build->name != NULL ? build->name : build->recipe)
                                                           : call->params.name;
    return g_strconcat("image/", name, NULL);
}

static ImageWork *
new_work(SkJob *job, const char *name)
{
    ImageWork *work = g_new0(ImageWork, 1);
    work->dir = g_strdup(job->service->images_dir);
    work->name = g_strdup(name);
    work->roots = sk_service_storage_roots(job->service);
    work->job = job;
    job->work = work;
    return work;
}

static gboolean
check_new(SkService *self, const char *name, GError **error)
{
    return g_tree_lookup(self->images, name) == NULL ||
           sk_fail(error, SK_ERROR_EXISTS, "there is an image \"%s\" already", name);
}

static gboolean
prepare_import(SkJob *job, GError **error)
{
    const SkImageImport *import = job->call->body;
    new_work(job, import->name);
    return check_new(job->service, import->name, error);
}

static gboolean
run_import(SkJob *job, GError **error)
{
    ImageWork *work = job->work;
    SkStorageContext context = sk_job_storage_context(job, work->roots);
    work->image = sk_storage_image_import(work->dir, job->call->body, FALSE, &context, error);
    return work->image != NULL;
}

static void
commit_image(SkJob *job)
{
    ImageWork *work = job->work;
    sk_job_set_result(job, sk_json_encode(&sk_image_type, work->image, 0));
    sk_service_take_image(job->service, g_steal_pointer(&work->image));
}

const SkJobKind sk_image_import_job = {
    .object = image_object, .prepare = prepare_import, .run = run_import, .commit = commit_image, .free_work = free_work, .cancellable = TRUE,
};

/* -- build --------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_build(SkJob *job, GError **error)
{
    const SkImageBuild *build = job->call->body;
    const char *name = build->name != NULL ? build->name : build->recipe;
    ImageWork *work = new_work(job, name);
    work->recipe = g_build_filename(job->service->settings->data_dir, "image-build", build->recipe, NULL);
    if (!g_file_test(work->recipe, G_FILE_TEST_IS_EXECUTABLE))
        return sk_fail(error, SK_ERROR_NOT_FOUND, "there is no recipe \"%s\" in \"%s/image-build\"", build->recipe,
                       job->service->settings->data_dir);
    return check_new(job->service, name, error);
}

/* "progress 42 unpacking packages" */
static void
on_line(const char *line, gpointer data)
{
    ImageWork *work = data;
    char *end = NULL;
    if (!g_str_has_prefix(line, "progress "))
        return;
    gdouble percent = g_ascii_strtod(line + strlen("progress "), &end);
    while (end != NULL && *end == ' ')
        end++;
    sk_job_progress(work->job, CLAMP(percent / 100, 0, 1), end, 0, 0);
}

static gboolean
run_build(SkJob *job, GError **error)
{
    ImageWork *work = job->work;
    const SkImageBuild *build = job->call->body;
    SkStorageContext context = sk_job_storage_context(job, work->roots);
    g_autofree char *made = g_strdup_printf("%s/.build-%s.qcow2", work->dir, job->info.id);
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, build->size);
    /* A recipe that is cancelled is killed and cannot clean up behind itself. */
    g_autofree char *scratch = g_strdup_printf("%s/.build-%s", work->dir, job->info.id);
    const char *const argv[] = { work->recipe, made, "--work", scratch, build->size > 0 ? "--size" : NULL, size, NULL };

    gboolean ok = sk_run_lines(argv, job->cancellable, on_line, work, error);
    if (ok) {
        SkImageImport import = { .name = work->name, .url = made, .os = build->recipe, .default_user = (char *) "debian" };
        work->image = sk_storage_image_import(work->dir, &import, TRUE, &context, error);
    }
    sk_fs_remove(made, NULL);
    sk_fs_remove_tree(scratch, NULL);
    if (work->image == NULL)
        return FALSE;
    g_free(work->image->source);
    work->image->source = g_strconcat("built by recipe ", build->recipe, NULL);
    return sk_storage_image_record(work->dir, work->image, error);
}

const SkJobKind sk_image_build_job = {
    .object = image_object, .prepare = prepare_build, .run = run_build, .commit = commit_image, .free_work = free_work, .cancellable = TRUE,
};

/* -- delete ----------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_delete(SkJob *job, GError **error)
{
    SkImage *image = sk_service_image(job->service, job->call->params.name, error);
    if (image == NULL)
        return FALSE;
    const char *user = sk_service_user_of_path(job->service, image->path);
    if (user != NULL)
        return sk_fail(error, SK_ERROR_IN_USE, "image \"%s\" is in use: domain \"%s\" has it as a disk", image->name, user);
    new_work(job, image->name);
    return TRUE;
}

static gboolean
run_delete(SkJob *job, GError **error)
{
    ImageWork *work = job->work;
    SkStorageContext context = sk_job_storage_context(job, work->roots);
    return sk_storage_image_delete(work->dir, work->name, &context, error);
}

static void
commit_delete(SkJob *job)
{
    ImageWork *work = job->work;
    g_tree_remove(job->service->images, work->name);
    tell(job->service, "image.deleted", work->name);
}

const SkJobKind sk_image_delete_job = {
    .object = image_object, .prepare = prepare_delete, .run = run_delete, .commit = commit_delete, .free_work = free_work,
};
