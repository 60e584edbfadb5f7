/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.update and domain.rename: a changed definition, kept first, then taken by the guest as far as it can. */
#include "base/error.h"
#include "engine/launch.h"
#include "service/domain-addresses.h"
#include "service/domain-create.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-live.h"
#include "service/domain-note.h"
#include "service/domain-rights.h"
#include "service/domain-seed.h"
#include "service/domain.h"
#include "service/emulator.h"
#include "service/network.h"
#include "service/session-network.h"

typedef struct {
    SkDomain *domain;       /* a reference */
    SkDomainSpec *spec;     /* the new definition */
    SkDomainSpec *live;     /* a copy of what runs, changed as far as the guest took it; NULL: off */
    SkQmp *qmp;
    SkDomainRuntime *runtime; /* for the note of the change; NULL: off */
    SkRecord *record;
    SkRecord *old_record;   /* for an update that fails after it was kept */
    gboolean persistent, noted;
    gboolean other_machine; /* asked for */
    char *seed_path;
    SkDomainSpec *wanted;   /* scope live: what is to run */
    char *refused;          /* why the guest did not take all of it */
    char *name;             /* rename */
} UpdateWork;

static void
free_work(gpointer data)
{
    UpdateWork *work = data;
    sk_value_free(&sk_domain_spec_type, work->spec);
    sk_value_free(&sk_domain_spec_type, work->live);
    sk_value_free(&sk_domain_spec_type, work->wanted);
    sk_value_free(&sk_domain_runtime_type, work->runtime);
    sk_record_free(work->record);
    sk_record_free(work->old_record);
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    g_free(work->seed_path);
    g_free(work->refused);
    g_free(work->name);
    g_free(work);
}

static UpdateWork *
new_work(SkJob *job, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return NULL;
    UpdateWork *work = job->work = g_new0(UpdateWork, 1);
    work->domain = g_object_ref(domain);
    work->persistent = domain->persistent;
    work->seed_path = sk_domain_seed_path(job->service->settings, domain->spec->uuid);
    return work;
}

static void
set_result(SkJob *job, const SkDomain *domain)
{
    g_autofree char *etag = sk_domain_etag(domain);
    SkCreated created = { .name = domain->spec->name, .uuid = domain->spec->uuid, .etag = etag };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
}

/* -- update ---------------------------------------------------------------------------------------------------- */

/* What a definition is known by and what only creation can make are not changed by an update. */
static gboolean
check_change(const SkDomainSpec *old, const SkDomainSpec *spec, GError **error)
{
    if (g_strcmp0(old->name, spec->name) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "name is \"%s\" in the change, but the domain is \"%s\": use rename", spec->name ? spec->name : "", old->name);
    if (g_strcmp0(old->uuid, spec->uuid) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "the UUID of domain \"%s\" cannot be changed", old->name);
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *disk = spec->disks->pdata[i];
        if (disk->source == SK_SOURCE_VOLUME && disk->volume == NULL)
            return sk_fail(error, SK_ERROR_INVALID, "disk \"%s\" names no volume: use `skep disk attach` to make one", disk->target ? disk->target : "?");
    }
    return TRUE;
}

/* Fewer vCPUs or less memory asked for alone means the maximum too while off, as people expect. */
static void
follow_maximum(const SkDomainSpec *old, SkDomainSpec *spec, json_t *patch, gboolean active)
{
    json_t *vcpus = json_object_get(patch, "vcpus"), *memory = json_object_get(patch, "memory");
    if (json_object_get(vcpus, "maximum") == NULL && spec->vcpus.current != old->vcpus.current &&
        (spec->vcpus.current > spec->vcpus.maximum || (!active && old->vcpus.current == old->vcpus.maximum)))
        spec->vcpus.maximum = spec->vcpus.current;
    if (json_object_get(memory, "maximum") == NULL && spec->memory.current != old->memory.current &&
        (spec->memory.current > spec->memory.maximum || (!active && old->memory.current == old->memory.maximum)))
        spec->memory.maximum = spec->memory.current;
}

/* A new password takes the place of the old one's hash. */
static void
replace_password(SkDomainSpec *spec, json_t *patch)
{
    json_t *settings = json_object_get(patch, "cloud_init");
    if (spec->cloud_init != NULL && spec->cloud_init->password != NULL && json_object_get(settings, "password_hash") == NULL)
        g_clear_pointer(&spec->cloud_init->password_hash, g_free);
}

static void
take_live(UpdateWork *work)
{
    const SkDomain *domain = work->domain;
    work->live = sk_value_copy(&sk_domain_spec_type, domain->runtime.live);
    work->qmp = g_object_ref(domain->qmp);
    work->runtime = sk_domain_note_begin(domain);
}

/* What runs is changed and the definition is not. */
static gboolean
prepare_live(SkJob *job, UpdateWork *work, GError **error)
{
    const SkDomain *domain = work->domain;
    if (!sk_domain_verb_check(SK_VERB_LIVE, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    if (domain->qmp == NULL || domain->runtime.live == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us", sk_domain_name(domain));
    take_live(work);
    work->wanted = sk_value_copy(&sk_domain_spec_type, work->live);
    if (!sk_json_merge(&sk_domain_spec_type, work->wanted, job->call->patch, NULL, error))
        return FALSE;
    sk_value_inherit(&sk_domain_spec_type, work->live, work->wanted);
    return check_change(work->live, work->wanted, error) &&
           sk_domain_check_reach(job->service, job->call, work->live, work->wanted, error) &&
           sk_value_check_readonly(&sk_domain_spec_type, work->live, work->wanted, NULL, error) &&
           sk_value_check(&sk_domain_spec_type, work->wanted, NULL, error);
}

static gboolean
prepare_update(SkJob *job, GError **error)
{
    UpdateWork *work = new_work(job, error);
    if (work == NULL)
        return FALSE;
    const SkDomain *domain = work->domain;
    if (job->call->params.scope == SK_SCOPE_LIVE)
        return prepare_live(job, work, error);
    if (job->call->params.scope == SK_SCOPE_CONFIG && !domain->persistent)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has no definition to change: it is transient", sk_domain_name(domain));
    work->spec = sk_value_copy(&sk_domain_spec_type, domain->spec);
    work->old_record = sk_domain_record(domain->spec, work->persistent);
    if (!sk_json_merge(&sk_domain_spec_type, work->spec, job->call->patch, NULL, error))
        return FALSE;
    sk_value_inherit(&sk_domain_spec_type, domain->spec, work->spec);
    if (!check_change(domain->spec, work->spec, error) ||
        !sk_domain_check_reach(job->service, job->call, domain->spec, work->spec, error) ||
        !sk_value_check_readonly(&sk_domain_spec_type, domain->spec, work->spec, NULL, error))
        return FALSE;
    replace_password(work->spec, job->call->patch);
    work->other_machine = g_strcmp0(work->spec->machine, domain->spec->machine) != 0;
    follow_maximum(domain->spec, work->spec, job->call->patch, sk_domain_is_active(domain));
    if (!sk_session_fit_interfaces(job->service, work->spec, error))
        return FALSE;
    sk_domain_spec_complete(work->spec);
    if (!sk_service_resolve_disks(job->service, work->spec, error) || !sk_engine_assign(work->spec, error) ||
        !sk_value_check(&sk_domain_spec_type, work->spec, NULL, error) || !sk_domain_check_interfaces(job->service, work->spec, error))
        return FALSE;
    if (job->call->params.scope == SK_SCOPE_BOTH && domain->qmp != NULL && domain->runtime.live != NULL)
        take_live(work);
    return TRUE;
}

/* Asked for alone, it is done whole or told as a failure. */
static gboolean
run_live(UpdateWork *work, GError **error)
{
    work->noted = TRUE;
    if (!sk_domain_note_change(work->domain->run_dir, work->runtime, work->live, error) ||
        !sk_domain_apply_live(work->qmp, work->live, work->wanted, error))
        return FALSE;
    g_autoptr(GPtrArray) left = sk_value_diff(&sk_domain_spec_type, work->live, work->wanted, NULL);
    return left->len == 0 || sk_fail(error, SK_ERROR_UNSUPPORTED, "\"%s\" of domain \"%s\" cannot be changed while it runs", (char *) left->pdata[0],
                                     work->live->name);
}

static gboolean
run_update(SkJob *job, GError **error)
{
    UpdateWork *work = job->work;
    g_autoptr(GError) refused = NULL;
    if (work->wanted != NULL)
        return run_live(work, error);
    if (!sk_domain_seed_prepare(work->spec, error))
        return FALSE;
    if (work->other_machine)
        sk_emulator_pin_definition(job->service->settings, work->spec);
    work->record = sk_domain_record(work->spec, work->persistent);
    if (sk_fault("domain-update/record", error) || !sk_store_put(job->service->store, work->record, error))
        return FALSE;
    if (!sk_domain_seed_ensure(work->spec, work->seed_path, &refused))
        g_warning("%s, continuing: it is written again at the next start", refused->message);
    g_clear_error(&refused);
    work->noted = work->qmp != NULL;
    if (work->qmp != NULL && (!sk_domain_note_change(work->domain->run_dir, work->runtime, work->live, &refused) ||
                              !sk_domain_apply_live(work->qmp, work->live, work->spec, &refused)))
        work->refused = g_strdup(refused->message);
    if (!sk_fault("domain-update/applied", error))
        return TRUE;
    if (!sk_store_put(job->service->store, work->old_record, &refused))
        g_warning("domain \"%s\": the change that failed is in its definition after the next start: %s", work->spec->name, refused->message);
    return FALSE;
}

/* Of what runs only. */
static void
emit_changed(SkService *self, const SkDomain *domain)
{
    g_autofree char *object = sk_domain_object(domain);
    sk_events_emit(self->events, "domain.changed", object, domain->spec->uuid, g_strdup("{\"definition\":false}"));
}

static void
commit_update(SkJob *job)
{
    UpdateWork *work = job->work;
    SkDomain *domain = work->domain;
    if (work->live != NULL && domain->runtime.live != NULL) {
        sk_domain_set_live(domain, g_steal_pointer(&work->live));
        domain->runtime.change = work->runtime->change;
        sk_domain_save_runtime(domain);
    }
    if (work->refused != NULL) {
        g_free(domain->message);
        domain->message = g_strdup_printf("not all of the last change could be done while running: %s", work->refused);
    }
    if (work->wanted != NULL) {
        sk_domain_touch(domain);
        emit_changed(job->service, domain);
    } else {
        sk_domain_set_spec(domain, g_steal_pointer(&work->spec), work->record->revision, work->record->modified);
    }
    sk_service_dns_changed(job->service, domain);
    set_result(job, domain);
}

/* What was done to the guest before it failed is done, and no later note may tell otherwise. */
static void
rollback_update(SkJob *job, const GError *error)
{
    UpdateWork *work = job->work;
    (void) error;
    if (work == NULL || !work->noted || work->live == NULL || work->domain->runtime.live == NULL)
        return;
    sk_domain_set_live(work->domain, g_steal_pointer(&work->live));
    work->domain->runtime.change = work->runtime->change;
    sk_domain_save_runtime(work->domain);
    sk_domain_touch(work->domain);
}

const SkJobKind sk_domain_update_job = {
    .object = sk_domain_job_object, .prepare = prepare_update, .run = run_update, .commit = commit_update, .rollback = rollback_update,
    .free_work = free_work,
};

/* -- rename ------------------------------------------------------------------------------------------------------ */

static gboolean
prepare_rename(SkJob *job, GError **error)
{
    const SkRename *rename = job->call->body;
    UpdateWork *work = new_work(job, error);
    if (work == NULL)
        return FALSE;
    SkDomain *domain = work->domain;
    if (!sk_domain_verb_check(SK_VERB_RENAME, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    if (g_tree_lookup(job->service->domains, rename->name) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a domain \"%s\" already", rename->name);
    work->name = g_strdup(rename->name);
    work->spec = sk_value_copy(&sk_domain_spec_type, domain->spec);
    return TRUE;
}

static gboolean
run_rename(SkJob *job, GError **error)
{
    UpdateWork *work = job->work;
    g_free(work->spec->name);
    work->spec->name = g_strdup(work->name);
    work->record = sk_domain_record(work->spec, work->persistent);
    return sk_store_put(job->service->store, work->record, error);
}

static void
commit_rename(SkJob *job)
{
    UpdateWork *work = job->work;
    SkDomain *domain = work->domain;
    g_autofree char *old = g_strdup(sk_domain_name(domain));
    sk_service_rename_domain(job->service, domain, work->name);
    sk_domain_set_spec(domain, g_steal_pointer(&work->spec), work->record->revision, work->record->modified);
    g_autofree char *object = sk_domain_object(domain);
    g_autofree char *data = g_strdup_printf("{\"old\":\"%s\"}", old);
    sk_events_emit(job->service->events, "domain.renamed", object, domain->spec->uuid, g_steal_pointer(&data));
    sk_service_dns_changed(job->service, domain);
    set_result(job, domain);
}

const SkJobKind sk_domain_rename_job = {
    .object = sk_domain_job_object, .prepare = prepare_rename, .run = run_rename, .commit = commit_rename, .free_work = free_work,
};
