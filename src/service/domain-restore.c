/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.restore and what else is done with saved states: shown, changed, dropped. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/qmp/migrate.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-rights.h"
#include "service/domain-save.h"
#include "service/network.h"
#include "storage/save-image.h"

/* -- SkSaved ------------------------------------------------------------------------------------------------------ */

SkSaved *
sk_saved_copy(const SkSaved *self)
{
    if (self == NULL)
        return NULL;
    SkSaved *copy = g_new0(SkSaved, 1);
    copy->path = g_strdup(self->path);
    copy->spec = sk_value_copy(&sk_domain_spec_type, self->spec);
    copy->paused = self->paused;
    copy->managed = self->managed;
    return copy;
}

void
sk_saved_free(SkSaved *self)
{
    if (self == NULL)
        return;
    g_free(self->path);
    sk_value_free(&sk_domain_spec_type, self->spec);
    g_free(self);
}

gboolean
sk_saved_change_definition(SkSaved *self, const SkDomainSpec *given, GError **error)
{
    SkDomainSpec *wanted = sk_value_copy(&sk_domain_spec_type, given);
    gboolean ok = wanted->uuid == NULL || g_str_equal(wanted->uuid, self->spec->uuid) ||
                  sk_fail(error, SK_ERROR_INVALID, "the definition given is not of domain \"%s\", which was saved: its UUID is %s, not %s", self->spec->name,
                          self->spec->uuid, wanted->uuid);
    if (wanted->uuid == NULL)
        wanted->uuid = g_strdup(self->spec->uuid);
    sk_engine_hide(self->spec, wanted);
    sk_value_inherit(&sk_domain_spec_type, self->spec, wanted);
    sk_domain_spec_complete(wanted);
    ok = ok && (g_str_equal(wanted->name, self->spec->name) ||
                sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" was saved under that name and cannot become \"%s\"", self->spec->name, wanted->name));
    ok = ok && sk_engine_assign(wanted, error) && sk_value_check(&sk_domain_spec_type, wanted, NULL, error) &&
         sk_domain_spec_check_visible(self->spec, wanted, error);
    if (ok) {
        SkDomainSpec *old = self->spec;
        self->spec = wanted;
        wanted = old;
    }
    sk_value_free(&sk_domain_spec_type, wanted);
    return ok;
}

char *
sk_saved_used_path(const char *path)
{
    return g_strconcat(path, ".used", NULL);
}

/* Reads a saved state's head; out_image (may be NULL) is the caller's to clear. */
static SkSaved *
read_saved(const char *path, SkSaveImage *out_image, GError **error)
{
    g_auto(SkSaveImage) image = { 0 };
    if (!sk_save_image_open(path, &image, NULL, error))
        return NULL;
    SkDomainSpec *spec = sk_json_decode_text(&sk_domain_spec_type, image.text, strlen(image.text), path, error);
    if (spec == NULL)
        return NULL;
    SkSaved *saved = g_new0(SkSaved, 1);
    saved->path = g_strdup(path);
    saved->spec = spec;
    saved->paused = image.paused;
    if (out_image != NULL) {
        *out_image = image;
        image = (SkSaveImage){ 0 };
    }
    return saved;
}

void
sk_domain_find_saved(SkDomain *self)
{
    g_autofree char *path = sk_domain_managed_save_path(self->service->settings, self->spec->uuid);
    g_autofree char *used = sk_saved_used_path(path);
    g_autoptr(GError) error = NULL;
    sk_fs_remove(used, NULL);
    if (access(path, F_OK) != 0)
        return;
    if (sk_domain_is_active(self) && !self->runtime.ending) {
        /* It went on from that; the daemon died before it could be removed. */
        sk_fs_remove(path, NULL);
        return;
    }
    self->saved = read_saved(path, NULL, &error);
    if (self->saved != NULL)
        self->saved->managed = TRUE;
    else
        g_warning("the saved state of domain \"%s\" is of no use: %s", sk_domain_name(self), error->message);
    sk_domain_touch(self);
}

/* -- from file to QEMU ---------------------------------------------------------------------------------------------- */

static gboolean
receive_packed(SkQmp *qmp, gint fd, GError **error)
{
    gint pair[2], pid, pidfd;
    if (pipe2(pair, O_CLOEXEC) < 0)
        return sk_fail_errno(error, errno, "cannot make a pipe");
    g_auto(SkFd) out = pair[0];
    g_auto(SkFd) in = pair[1];
    if (!sk_save_filter_start(TRUE, fd, in, &pid, &pidfd, error))
        return FALSE;
    sk_fd_clear(&in);
    gboolean ok = sk_qmp_migrate_from_fd(qmp, out, error);
    sk_fd_clear(&out);
    /* What QEMU has read is all it needs: that zstd could not give more away is no failure. */
    sk_save_filter_end(pid, pidfd, !ok, NULL);
    return ok;
}

gboolean
sk_save_receive(SkQmp *qmp, const char *path, GError **error)
{
    g_auto(SkSaveImage) image = { 0 };
    g_auto(SkFd) fd = SK_FD_NONE;
    if (!sk_save_image_open(path, &image, &fd, error))
        return FALSE;
    return image.compressed ? receive_packed(qmp, fd, error) : sk_qmp_migrate_from_fd(qmp, fd, error);
}

/* -- restore: the file is read, then the domain it is of is started with it --------------------------------------------- */

typedef struct {
    char *path;
    SkSaved *saved;
    SkSaveImage image;
    SkDomainSpec *definition; /* instead of the file's */
    gint then;
    SkDomain *domain;       /* drop: a reference */
    SkRecord *record;
} RestoreWork;

static void
free_work(gpointer data)
{
    RestoreWork *work = data;
    g_free(work->path);
    sk_saved_free(work->saved);
    sk_save_image_clear(&work->image);
    sk_value_free(&sk_domain_spec_type, work->definition);
    g_clear_object(&work->domain);
    sk_record_free(work->record);
    g_free(work);
}

static char *
file_object(SkService *service, SkCall *call)
{
    (void) service;
    return g_strconcat("saved/", call->params.path != NULL ? call->params.path : ((const SkRestore *) call->body)->path, NULL);
}

static gboolean
take_definition(RestoreWork *work, GError **error)
{
    return work->definition == NULL || sk_saved_change_definition(work->saved, work->definition, error);
}

static gboolean
prepare_restore(SkJob *job, GError **error)
{
    const SkRestore *body = job->call->body;
    RestoreWork *work = job->work = g_new0(RestoreWork, 1);
    work->path = g_strdup(body->path);
    work->then = body->then;
    work->definition = sk_value_copy(&sk_domain_spec_type, body->definition);
    return sk_domain_check_path(job->service, job->call, "path", body->path, error) &&
           (work->definition == NULL || sk_service_resolve_disks(job->service, work->definition, error));
}

static gboolean
run_restore(SkJob *job, GError **error)
{
    RestoreWork *work = job->work;
    work->saved = read_saved(work->path, NULL, error);
    if (work->saved == NULL || !take_definition(work, error))
        return FALSE;
    /* The file stays and can be gone on from again, unlike a managed one. */
    sk_domain_spec_renew_genid(work->saved->spec);
    if (work->then != SK_THEN_AS_IT_WAS)
        work->saved->paused = work->then == SK_THEN_PAUSED;
    work->record = sk_domain_record(work->saved->spec, FALSE);
    return TRUE;
}

/* The domain of that UUID, or a transient one of that name. */
static SkDomain *
find_domain(SkJob *job, const RestoreWork *work, GError **error)
{
    SkService *self = job->service;
    const SkDomainSpec *spec = work->saved->spec;
    SkDomain *domain = g_hash_table_lookup(self->domains_by_uuid, spec->uuid);
    if (!sk_domain_check_reach(self, job->call, domain != NULL ? domain->spec : NULL, spec, error))
        return NULL;
    if (domain != NULL)
        return sk_domain_verb_check(SK_VERB_START, sk_domain_state(domain), sk_domain_name(domain), error) ? domain : NULL;
    if (g_tree_lookup(self->domains, spec->name) != NULL) {
        sk_fail(error, SK_ERROR_EXISTS, "\"%s\" was saved of a domain \"%s\", and there is another of that name now", work->path, spec->name);
        return NULL;
    }
    domain = sk_service_add_domain(self, sk_value_copy(&sk_domain_spec_type, spec), FALSE);
    g_autofree char *object = sk_domain_object(domain);
    sk_store_put_async(self->store, work->record, NULL, NULL);
    sk_events_emit(self->events, "domain.created", object, spec->uuid, g_strdup("{\"persistent\":false}"));
    sk_service_dns_changed(self, domain);
    return domain;
}

static void
commit_restore(SkJob *job)
{
    RestoreWork *work = job->work;
    GError *error = NULL;
    SkDomain *domain = find_domain(job, work, &error);
    if (domain == NULL) {
        sk_job_end(job, error);
        return;
    }
    SkCreated created = { .name = domain->spec->name, .uuid = domain->spec->uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    sk_domain_restore_by_daemon(domain, g_steal_pointer(&work->saved), job);
}

const SkJobKind sk_domain_restore_job = {
    .object = file_object, .prepare = prepare_restore, .run = run_restore, .commit = commit_restore, .free_work = free_work, .lingers = TRUE,
};

/* -- show, change ------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_show(SkJob *job, GError **error)
{
    const SkParams *params = &job->call->params;
    RestoreWork *work = job->work = g_new0(RestoreWork, 1);
    work->path = g_strdup(params->path);
    return sk_domain_check_path(job->service, job->call, "path", params->path, error);
}

static gboolean
run_show(SkJob *job, GError **error)
{
    RestoreWork *work = job->work;
    work->saved = read_saved(work->path, &work->image, error);
    return work->saved != NULL;
}

static void
commit_show(SkJob *job)
{
    const RestoreWork *work = job->work;
    SkDomainSpec *spec = work->saved->spec;
    const SkSavedInfo info = { .path = work->path, .name = spec->name, .uuid = spec->uuid, .time = work->image.time,
                               .compressed = work->image.compressed, .paused = work->saved->paused, .definition = spec };
    sk_answer_value(job->call, &sk_saved_info_type, &info);
}

const SkJobKind sk_saved_show_job = { .prepare = prepare_show, .run = run_show, .commit = commit_show, .free_work = free_work };

static gboolean
prepare_change(SkJob *job, GError **error)
{
    const SkRestore *body = job->call->body;
    if (!prepare_restore(job, error))
        return FALSE;
    return body->definition != NULL || body->then != SK_THEN_AS_IT_WAS ||
           sk_fail(error, SK_ERROR_INVALID, "nothing is to be changed in \"%s\": give definition or then", body->path);
}

static gboolean
run_change(SkJob *job, GError **error)
{
    RestoreWork *work = job->work;
    if (!run_restore(job, error))
        return FALSE;
    g_autofree char *text = sk_json_encode(&sk_domain_spec_type, work->saved->spec, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_save_image_change(work->path, text, work->saved->paused, error);
}

/* The managed save of a domain is known by heart. */
static void
commit_change(SkJob *job)
{
    RestoreWork *work = job->work;
    SkDomain *domain = g_hash_table_lookup(job->service->domains_by_uuid, work->saved->spec->uuid);
    if (domain == NULL || domain->saved == NULL || !g_str_equal(domain->saved->path, work->path))
        return;
    sk_saved_free(domain->saved);
    domain->saved = g_steal_pointer(&work->saved);
    domain->saved->managed = TRUE;
}

const SkJobKind sk_saved_change_job = {
    .object = file_object, .prepare = prepare_change, .run = run_change, .commit = commit_change, .free_work = free_work,
};

/* -- drop -------------------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_drop(SkJob *job, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    if (domain->saved == NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has no saved state", sk_domain_name(domain));
    RestoreWork *work = job->work = g_new0(RestoreWork, 1);
    work->domain = g_object_ref(domain);
    work->path = g_strdup(domain->saved->path);
    return TRUE;
}

static gboolean
run_drop(SkJob *job, GError **error)
{
    const RestoreWork *work = job->work;
    return !sk_fault("domain-save/drop", error) && sk_fs_remove(work->path, error);
}

static void
commit_drop(SkJob *job)
{
    SkDomain *domain = ((RestoreWork *) job->work)->domain;
    g_clear_pointer(&domain->saved, sk_saved_free);
    sk_domain_touch(domain);
    g_autofree char *object = sk_domain_object(domain);
    sk_events_emit(job->service->events, "domain.changed", object, domain->spec->uuid, g_strdup("{\"definition\":false}"));
}

const SkJobKind sk_domain_drop_saved_job = {
    .object = sk_domain_job_object, .prepare = prepare_drop, .run = run_drop, .commit = commit_drop, .free_work = free_work,
};
