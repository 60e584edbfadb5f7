/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* migration.prepare: a QEMU that waits for a domain of another host. */
#include "service/migrate-private.h"

#include <string.h>

#include "base/error.h"
#include "base/undo.h"
#include "engine/caps.h"
#include "engine/launch.h"
#include "engine/wire.h"
#include "service/domain-rights.h"
#include "service/emulator.h"

typedef struct {
    SkDomainSpec *spec;     /* what will run */
    SkDomainSpec *definition;
    SkIncoming *incoming;
    SkRecord *record;
    SkMigrationVolumes volumes;
    char **disks;           /* targets whose content comes; NULL: none */
    char *disks_address, *address, *listen, *source_version, *source_host;
    gboolean tunnelled;
    SkMigrateComing coming;
} PrepareWork;

static void
free_prepare(gpointer data)
{
    PrepareWork *work = data;
    sk_value_free(&sk_domain_spec_type, work->spec);
    sk_value_free(&sk_domain_spec_type, work->definition);
    sk_incoming_free(work->incoming);
    sk_record_free(work->record);
    sk_migration_volumes_clear(&work->volumes);
    g_strfreev(work->disks);
    g_free(work->disks_address);
    g_free(work->address);
    g_free(work->listen);
    g_free(work->source_version);
    g_free(work->source_host);
    g_free(work);
}

static const char *
name_here(const SkMigrationPrepare *body)
{
    return body->name != NULL ? body->name : body->offer != NULL ? body->offer->name : "";
}

static char *
prepare_object(SkService *service, SkCall *call)
{
    (void) service;
    return g_strconcat("domain/", name_here(call->body), NULL);
}

/* What is to run here: the source's, or the asker's form of it. */
static gboolean
choose_spec(PrepareWork *work, const SkMigrationPrepare *body, GError **error)
{
    const SkMigrationOffer *offer = body->offer;
    work->spec = sk_value_copy(&sk_domain_spec_type, body->definition != NULL ? body->definition : offer->live);
    if (work->spec->uuid == NULL)
        work->spec->uuid = g_strdup(offer->uuid);
    if (!g_str_equal(work->spec->uuid, offer->uuid))
        return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" cannot get another UUID by being migrated: it has %s", offer->name, offer->uuid);
    g_free(work->spec->name);
    work->spec->name = g_strdup(name_here(body));
    work->definition = sk_value_copy(&sk_domain_spec_type, offer->definition);
    if (work->definition != NULL) {
        g_free(work->definition->name);
        work->definition->name = g_strdup(work->spec->name);
    }
    sk_domain_spec_complete(work->spec);
    return sk_engine_assign(work->spec, error) && sk_value_check(&sk_domain_spec_type, work->spec, NULL, error) &&
           (body->definition == NULL || sk_domain_spec_check_visible(offer->live, work->spec, error));
}

/* What can be said before anything is opened. */
static gboolean
check_host(const SkService *self, const SkMigrationOffer *offer, const SkDomainSpec *spec, GError **error)
{
    gboolean here = self->node.accel == SK_ACCEL_KVM;
    if (offer->accel == SK_ACCEL_KVM && !here)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" runs on KVM, which this host does not have: %s", offer->name,
                       self->node.accel_reason != NULL ? self->node.accel_reason : "see `skep doctor`");
    gboolean passed = spec->cpu.mode == SK_CPU_HOST_PASSTHROUGH && offer->accel == SK_ACCEL_KVM;
    if (passed && offer->cpu_model != NULL && g_strcmp0(offer->cpu_model, self->node.cpu_model) != 0)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" has the CPU of its host, \"%s\", and this one has \"%s\"", offer->name, offer->cpu_model,
                       self->node.cpu_model);
    return TRUE;
}

/* The domain it becomes: the one that is defined here already, or NULL. FALSE: it cannot. */
static gboolean
find_place(SkService *self, const SkDomainSpec *spec, SkDomain **out_domain, GError **error)
{
    SkDomain *same = g_hash_table_lookup(self->domains_by_uuid, spec->uuid);
    SkDomain *named = g_tree_lookup(self->domains, spec->name);
    *out_domain = same;
    if (same != NULL && sk_domain_is_active(same))
        return sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" with the UUID %s runs on this host already", sk_domain_name(same), spec->uuid);
    if (same != NULL && named != same)
        return sk_fail(error, SK_ERROR_EXISTS, "the UUID %s belongs to domain \"%s\" here, so it cannot come as \"%s\"", spec->uuid, sk_domain_name(same),
                       spec->name);
    if (named != NULL && named != same)
        return sk_fail(error, SK_ERROR_EXISTS, "there is another domain \"%s\" here, with the UUID %s: give another name", spec->name, named->spec->uuid);
    if (same != NULL && same->saved != NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has a saved state here: drop it first", spec->name);
    if (same != NULL && same->snapshots != NULL && same->snapshots->len > 0)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" has snapshots here, which would not fit: delete them first", spec->name);
    if (same == NULL && (guint) g_tree_nnodes(self->domains) >= self->settings->max_domains)
        return sk_fail(error, SK_ERROR_TOO_MANY, "there are %u domains already, which is the limit (limits.domains)", self->settings->max_domains);
    return TRUE;
}

/* Sockets of the asker's choice are files that are made. */
static gboolean
check_address(SkJob *job, const char *address, const char *what, GError **error)
{
    return sk_wire_check(address, error) && (address == NULL || !g_str_has_prefix(address, "unix:") ||
                                             sk_domain_check_path(job->service, job->call, what, strchr(address, '/'), error));
}

/* The targets whose content comes; a volume's path in the definition is that of here too. */
static void
take_disks(PrepareWork *work, const SkMigrationOffer *offer)
{
    for (guint i = 0; work->definition != NULL && work->definition->disks != NULL && i < work->definition->disks->len; i++) {
        SkDisk *disk = work->definition->disks->pdata[i];
        const SkDisk *here = sk_domain_spec_find_disk(work->spec, disk->target);
        if (here == NULL || disk->volume == NULL || g_strcmp0(disk->volume, here->volume) != 0 || g_strcmp0(disk->pool, here->pool) != 0)
            continue;
        g_free(disk->path);
        disk->path = g_strdup(here->path);
    }
    g_autoptr(GStrvBuilder) targets = g_strv_builder_new();
    for (guint i = 0; offer->copied != NULL && i < offer->copied->len; i++)
        g_strv_builder_add(targets, ((const SkMigrationDisk *) offer->copied->pdata[i])->target);
    work->disks = offer->copied != NULL && offer->copied->len > 0 ? g_strv_builder_end(targets) : NULL;
}

static gboolean
prepare_prepare(SkJob *job, GError **error)
{
    const SkMigrationPrepare *body = job->call->body;
    SkService *self = job->service;
    SkDomain *place = NULL;
    if (body->offer == NULL || body->offer->live == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "there is no offer of a running domain");
    PrepareWork *work = job->work = g_new0(PrepareWork, 1);
    if (!choose_spec(work, body, error) || !check_host(self, body->offer, work->spec, error) ||
        !find_place(self, work->spec, &place, error))
        return FALSE;
    if (!sk_domain_check_reach(self, job->call, place != NULL ? place->spec : NULL, work->spec, error) ||
        !check_address(job, body->address, "address", error) || !check_address(job, body->disks_address, "disks_address", error) ||
        !sk_migration_volumes_plan(&work->volumes, self, body->offer, work->spec, error))
        return FALSE;
    take_disks(work, body->offer);
    work->address = g_strdup(body->address);
    work->disks_address = g_strdup(body->disks_address);
    work->listen = g_strdup(body->listen);
    work->tunnelled = body->tunnelled;
    work->coming = (SkMigrateComing){ .deflate = body->offer->deflate, .inflate_threads = body->offer->inflate_threads, .channels = body->offer->channels };
    work->source_version = g_strdup(body->offer->qemu_version);
    work->source_host = g_strdup(body->offer->host);
    work->record = sk_domain_record(work->spec, FALSE);
    return TRUE;
}

/* "7.2.22" and "7.2.4" have the same machines. */
static gboolean
have_same_machines(const char *a, const char *b)
{
    const char *dot = strchr(a, '.');
    gsize length = dot != NULL ? 1 + (gsize) (dot - a) + strspn(dot + 1, "0123456789") : strlen(a);
    return b != NULL && strncmp(a, b, length) == 0 && !g_ascii_isdigit(b[length]);
}

/* A machine without a version, of one that was started before versions were kept, is the one of the QEMU it runs on. */
static gboolean
check_machine(const SkServiceSettings *settings, PrepareWork *work, GError **error)
{
    g_autoptr(SkQemuCaps) caps = sk_emulator_of(settings, work->spec, error);
    if (caps == NULL)
        return FALSE;
    const char *version = sk_qemu_caps_version(caps), *theirs = work->source_version != NULL ? work->source_version : "another";
    if (!sk_domain_spec_is_pinned(work->spec) && !have_same_machines(version, theirs))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" is a machine \"%s\" of QEMU %s, which is another one with QEMU %s of this host: "
                       "start it anew on its own host first", work->spec->name, work->spec->machine, theirs, version);
    if (sk_qemu_caps_machine(caps, work->spec->machine != NULL ? work->spec->machine : "q35") == NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" is a machine \"%s\", which QEMU %s of this host does not know (its own host has %s)",
                       work->spec->name, work->spec->machine, version, theirs);
    sk_emulator_pin(caps, work->spec);
    return TRUE;
}

static const char *
socket_path(const char *address)
{
    const char *path = address != NULL && g_str_has_prefix(address, "unix:") ? strchr(address, '/') : NULL;
    return path != NULL && g_str_has_prefix(path, "//") ? path + 2 : path;
}

/* The sockets go again if the daemon dies. */
static gboolean
note_sockets(SkJob *job, PrepareWork *work, GError **error)
{
    const char *const paths[] = { socket_path(work->address), socket_path(work->disks_address) };
    SkIncoming *incoming = work->incoming;
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (paths[i] != NULL && incoming->intent == NULL)
            incoming->intent = sk_intent_new(job->service->store, g_strconcat("the wait for domain ", work->spec->name, NULL));
        if (paths[i] != NULL)
            sk_intent_add_path(incoming->intent, paths[i]);
    }
    return incoming->intent == NULL || sk_intent_note(incoming->intent, error);
}

static gboolean
run_prepare(SkJob *job, GError **error)
{
    PrepareWork *work = job->work;
    if (!check_machine(job->service->settings, work, error) || sk_fault("migration-prepare/listen", error))
        return FALSE;
    SkIncoming *incoming = work->incoming = g_new0(SkIncoming, 1);
    incoming->words = incoming->listener = incoming->disks_listener = SK_FD_NONE;
    incoming->service = job->service;
    incoming->coming = work->coming;
    incoming->object = g_strconcat("domain/", work->spec->name, NULL);
    incoming->disks = g_steal_pointer(&work->disks);
    incoming->token = sk_wire_token();
    if (!note_sockets(job, work, error) || !sk_migration_volumes_make(&work->volumes, job, incoming, error))
        return FALSE;
    if (incoming->disks != NULL && work->disks_address != NULL) {
        incoming->disks_listener = sk_wire_listen(work->disks_address, work->listen, &incoming->disks_address, error);
        if (incoming->disks_listener < 0)
            return FALSE;
    }
    if (!work->tunnelled)
        incoming->listener = sk_wire_listen(work->address, work->listen, &incoming->address, error);
    incoming->definition = g_steal_pointer(&work->definition);
    return (work->tunnelled || incoming->listener >= 0) && !sk_fault("migration-prepare/record", error);
}

static SkDomain *
make_place(SkJob *job, const PrepareWork *work)
{
    SkService *self = job->service;
    SkDomain *domain = sk_service_add_domain(self, sk_value_copy(&sk_domain_spec_type, work->spec), FALSE);
    g_autofree char *object = sk_domain_object(domain);
    sk_store_put_async(self->store, work->record, NULL, NULL);
    sk_events_emit(self->events, "domain.created", object, work->spec->uuid, g_strdup("{\"persistent\":false}"));
    return domain;
}

static void
commit_prepare(SkJob *job)
{
    PrepareWork *work = job->work;
    SkDomain *domain = NULL;
    GError *error = NULL;
    sk_migration_volumes_take(&work->volumes, job->service);
    if (!find_place(job->service, work->spec, &domain, &error)) {
        sk_job_end(job, error);
        return;
    }
    if (domain == NULL)
        domain = make_place(job, work);
    const SkCreated created = { .name = domain->spec->name, .uuid = domain->spec->uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    sk_domain_receive_by_daemon(domain, g_steal_pointer(&work->spec), g_steal_pointer(&work->incoming), job);
}

const SkJobKind sk_migration_prepare_job = {
    .object = prepare_object, .prepare = prepare_prepare, .run = run_prepare, .commit = commit_prepare, .free_work = free_prepare, .lingers = TRUE,
    .while_migrating = TRUE, /* of one that leaves this very host it is said that it runs here */
};
