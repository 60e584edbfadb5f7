/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.create: volumes over images, addresses, seed, record; all of it or nothing. */
#include "service/domain-create.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/launch.h"
#include "service/domain-addresses.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-rights.h"
#include "service/domain-seed.h"
#include "service/domain.h"
#include "service/emulator.h"
#include "service/image.h"
#include "service/network.h"
#include "service/new-volume.h"
#include "service/pool.h"
#include "service/session-network.h"
#include "storage/chain.h"

#define USUAL_ACCOUNT "skep"    /* made for those who are to log in, where nothing else is known */

typedef struct {
    SkDomainSpec *spec;
    GPtrArray *volumes;     /* SkNewVolume */
    char **roots;
    char *seed_path;
    SkRecord *record;
    SkDomain *replaced;     /* define: whose definition this becomes; a reference, or NULL: a new domain */
    char *runtime;          /* define: of one that was transient till now */
    gboolean start, paused, persistent, reset_nvram;
} CreateWork;

static void
free_work(gpointer data)
{
    CreateWork *work = data;
    sk_value_free(&sk_domain_spec_type, work->spec);
    g_clear_pointer(&work->volumes, g_ptr_array_unref);
    g_strfreev(work->roots);
    g_free(work->seed_path);
    sk_record_free(work->record);
    g_clear_object(&work->replaced);
    g_free(work->runtime);
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

/* A disk that names no volume gets a new one. */
static gboolean
plan_disk(SkService *self, CreateWork *work, SkDisk *disk, GError **error)
{
    if (!sk_new_volume_is_due(disk))
        return sk_service_resolve_disk(self, disk, error);
    SkNewVolume *volume = sk_new_volume_plan(self, work->spec->name, disk, error);
    if (volume != NULL)
        g_ptr_array_add(work->volumes, volume);
    return volume != NULL;
}

static gboolean
plan_disks(SkService *self, CreateWork *work, GError **error)
{
    for (guint i = 0; work->spec->disks != NULL && i < work->spec->disks->len; i++) {
        if (!plan_disk(self, work, work->spec->disks->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/* Somebody is to log in, and nobody said as whom: the account of the image, by which `skep ssh` knows it too. */
static void
choose_account(SkService *self, SkDomainSpec *spec)
{
    SkCloudInit *settings = spec->cloud_init;
    if (settings == NULL || settings->user != NULL || settings->user_data != NULL ||
        (settings->ssh_keys == NULL && settings->password == NULL && settings->password_hash == NULL))
        return;
    const SkImage *image = NULL;
    for (guint i = 0; image == NULL && spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *disk = spec->disks->pdata[i];
        image = disk->image != NULL ? sk_service_image(self, disk->image, NULL) : NULL;
    }
    settings->user = g_strdup(image != NULL && image->default_user != NULL ? image->default_user : USUAL_ACCOUNT);
}

/* Completes work->spec and finds out what is to be made for it. */
static gboolean
plan(SkJob *job, CreateWork *work, GError **error)
{
    SkService *self = job->service;
    const SkDomainSpec *old = work->replaced != NULL ? work->replaced->spec : NULL;
    work->volumes = g_ptr_array_new_with_free_func(sk_new_volume_free);
    if ((!job->call->dialect && !sk_value_check_readonly(&sk_domain_spec_type, old, work->spec, NULL, error)) ||
        !sk_domain_check_reach(self, job->call, old, work->spec, error) || !sk_session_fit_interfaces(self, work->spec, error))
        return FALSE;
    sk_domain_spec_complete(work->spec);
    if ((old == NULL && !check_new(self, work->spec, error)) || !sk_domain_check_interfaces(self, work->spec, error) ||
        !plan_disks(self, work, error) || !sk_engine_assign(work->spec, error) ||
        !sk_value_check(&sk_domain_spec_type, work->spec, NULL, error))
        return FALSE;
    choose_account(self, work->spec);
    work->roots = sk_service_storage_roots(self);
    work->seed_path = sk_domain_seed_path(self->settings, work->spec->uuid);
    return TRUE;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    const SkParams *params = &job->call->params;
    CreateWork *work = job->work = g_new0(CreateWork, 1);
    if (params->transient && !params->start)
        return sk_fail(error, SK_ERROR_INVALID, "a transient domain is gone when it is off: give start too");
    work->spec = sk_value_copy(&sk_domain_spec_type, job->call->body);
    work->start = params->start;
    work->paused = params->paused;
    work->reset_nvram = params->reset_nvram;
    work->persistent = !params->transient;
    return plan(job, work, error);
}

/* Which domain a definition is for: the one of its UUID or, if it has none, of its name. */
static gboolean
find_replaced(SkService *self, CreateWork *work, GError **error)
{
    SkDomain *named = g_tree_lookup(self->domains, work->spec->name);
    SkDomain *same = work->spec->uuid != NULL ? g_hash_table_lookup(self->domains_by_uuid, work->spec->uuid) : named;
    if (same != NULL && same != named)
        return sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" has the UUID %s already: rename it, or give another UUID", sk_domain_name(same),
                       same->spec->uuid);
    if (named != NULL && named != same)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a domain \"%s\" already, with the UUID %s", sk_domain_name(named), named->spec->uuid);
    if (same == NULL)
        return TRUE;
    work->replaced = g_object_ref(same);
    if (work->spec->uuid == NULL)
        work->spec->uuid = g_strdup(same->spec->uuid);
    return TRUE;
}

static gboolean
prepare_define(SkJob *job, GError **error)
{
    CreateWork *work = job->work = g_new0(CreateWork, 1);
    work->spec = sk_value_copy(&sk_domain_spec_type, job->call->body);
    work->persistent = TRUE;
    if (g_strcmp0(job->call->params.name, work->spec->name) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "the definition is of domain \"%s\", but was given for \"%s\"", work->spec->name, job->call->params.name);
    if (!find_replaced(job->service, work, error))
        return FALSE;
    const SkDomain *replaced = work->replaced;
    if (replaced != NULL && !replaced->persistent)
        work->runtime = sk_domain_runtime_json(replaced);
    return plan(job, work, error);
}

/* -- run: worker -------------------------------------------------------------------------------------------------- */

static gboolean
make_volumes(SkJob *job, CreateWork *work, SkIntent *intent, GError **error)
{
    for (guint i = 0; i < work->volumes->len; i++) {
        if (!sk_new_volume_make(work->volumes->pdata[i], sk_job_storage_context(job, work->roots), intent, error) ||
            sk_fault("domain-create/volume", error))
            return FALSE;
    }
    return TRUE;
}

/* A disk's file that is not there. */
static gboolean
is_missing(const SkDisk *disk, const GError *error)
{
    return sk_error_is(error, SK_ERROR_NO_VOLUME) && access(disk->path, F_OK) != 0 && errno == ENOENT;
}

/*
 * Disks given by path must be there and fit to be opened. Of what is only defined a file may come later: virt-clone defines a
 * domain first, then makes its disks. A start looks again.
 */
static gboolean
check_disks(CreateWork *work, gboolean may_come_later, GError **error)
{
    for (guint i = 0; work->spec->disks != NULL && i < work->spec->disks->len; i++) {
        const SkDisk *disk = work->spec->disks->pdata[i];
        if (disk->source == SK_SOURCE_NONE)
            continue;
        g_autoptr(GError) failed = NULL;
        g_auto(GStrv) below = sk_storage_backing_chain(disk->path, disk->format, (const char *const *) work->roots, &failed);
        if (below == NULL && !(may_come_later && is_missing(disk, failed))) {
            g_propagate_prefixed_error(error, g_steal_pointer(&failed), "disk \"%s\": ", disk->target);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
make_seed(CreateWork *work, GError **error)
{
    return work->spec->cloud_init == NULL || work->replaced != NULL ||
           (sk_domain_seed_ensure(work->spec, work->seed_path, error) && !sk_fault("domain-create/seed", error));
}

/* One that was transient gets a definition and keeps its runtime, in one transaction. */
static gboolean
keep(SkJob *job, CreateWork *work, const SkIntent *intent, GError **error)
{
    if (sk_fault("domain-create/record", error))
        return FALSE;
    work->record = sk_domain_record(work->spec, work->persistent);
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_put(batch, work->record);
    if (work->runtime != NULL) {
        sk_store_batch_put_state(batch, sk_domain_kind(TRUE), work->spec->uuid, work->runtime);
        sk_store_batch_remove(batch, sk_domain_kind(FALSE), work->spec->uuid);
    }
    sk_intent_settle(intent, batch);
    return sk_store_commit(job->service->store, batch, error);
}

static gboolean
run(SkJob *job, GError **error)
{
    CreateWork *work = job->work;
    gboolean only_defined = job->call->op->id == SK_OP_DOMAIN_DEFINE && !work->start;
    g_autoptr(SkIntent) intent = sk_intent_new(job->service->store, g_strconcat("the creation of domain ", work->spec->name, NULL));
    if (work->replaced == NULL && work->spec->cloud_init != NULL)
        sk_intent_add_path(intent, work->seed_path);
    sk_emulator_pin_definition(job->service->settings, work->spec);
    if (!sk_domain_seed_prepare(work->spec, error) || !sk_intent_note(intent, error))
        return FALSE;
    if (!sk_fault("domain-create/intent", error) && make_volumes(job, work, intent, error) && check_disks(work, only_defined, error) &&
        make_seed(work, error) && keep(job, work, intent, error))
        return TRUE;
    sk_intent_carry_out(intent);
    return FALSE;
}

/* -- commit: main ---------------------------------------------------------------------------------------------------- */

static void
take_volumes(SkService *self, CreateWork *work)
{
    for (guint i = 0; i < work->volumes->len; i++)
        sk_new_volume_take(work->volumes->pdata[i], self);
}

static void
set_result(SkJob *job, const SkDomain *domain)
{
    g_autofree char *etag = sk_domain_etag(domain);
    SkCreated created = { .name = domain->spec->name, .uuid = domain->spec->uuid, .etag = etag };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
}

static void
emit_created(const SkDomain *domain)
{
    g_autofree char *object = sk_domain_object(domain);
    sk_events_emit(domain->service->events, "domain.created", object, domain->spec->uuid,
                   g_strdup_printf("{\"persistent\":%s}", domain->persistent ? "true" : "false"));
}

static void
commit_replaced(SkJob *job, CreateWork *work)
{
    SkDomain *domain = work->replaced;
    gboolean was_transient = !domain->persistent;
    domain->persistent = TRUE;
    take_volumes(job->service, work);
    sk_domain_set_spec(domain, g_steal_pointer(&work->spec), was_transient ? 1 : domain->revision + 1, g_get_real_time());
    if (was_transient) {
        sk_domain_save_runtime(domain);
        emit_created(domain);
    }
    sk_service_dns_changed(job->service, domain);
    set_result(job, domain);
}

static void
commit_new(SkJob *job, CreateWork *work)
{
    SkService *self = job->service;
    SkDomain *domain = sk_service_add_domain(self, g_steal_pointer(&work->spec), work->persistent);
    domain->revision = 1;
    take_volumes(self, work);
    set_result(job, domain);
    emit_created(domain);
    sk_service_dns_changed(self, domain);
    domain->reset_nvram = work->reset_nvram;
    if (work->start)
        sk_domain_start_by_daemon(domain, work->paused, work->persistent ? NULL : job);
}

/* A transient domain is there when it runs: the job goes on until its start has ended. */
static void
commit(SkJob *job)
{
    CreateWork *work = job->work;
    /* One that was transient may have gone in the meantime. */
    if (work->replaced != NULL && g_tree_lookup(job->service->domains, work->spec->name) == work->replaced)
        commit_replaced(job, work);
    else
        commit_new(job, work);
    if (work->persistent)
        sk_job_end(job, NULL);
}

const SkJobKind sk_domain_create_job = {
    .object = create_object, .prepare = prepare, .run = run, .commit = commit, .free_work = free_work, .cancellable = TRUE, .lingers = TRUE,
};
const SkJobKind sk_domain_define_job = {
    .object = create_object, .prepare = prepare_define, .run = run, .commit = commit, .free_work = free_work, .lingers = TRUE,
};
