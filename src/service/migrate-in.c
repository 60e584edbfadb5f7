/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* migration.prepare and migration.finish: the destination of a migration. */
#include "service/migrate.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "engine/caps.h"
#include "engine/launch.h"
#include "engine/qmp/commands.h"
#include "engine/qmp/migrate.h"
#include "engine/wire.h"
#include "service/domain-disks.h"
#include "service/domain-rights.h"
#include "service/domain-stop.h"
#include "service/domain-transient.h"
#include "service/intent.h"
#include "service/network.h"

/* How long the source has to say whether the guest may run here. */
#define ANSWER_MS 30000
/* Connections that have not said yet what they are. */
#define MAX_STRANGERS 16

/* -- what comes ------------------------------------------------------------------------------------------------------ */

struct SkIncoming {
    SkDomain *domain;       /* whose QEMU waits; borrowed, it owns this; NULL: it does not yet */
    SkFd listener;
    guint source;
    char *address, *token;
    GQueue strangers;       /* Stranger */
    SkFd words;
    gboolean handed;        /* QEMU has the connection */
    SkDomainSpec *definition; /* of the source; NULL: it was transient there */
    SkIntent *intent;       /* to remove the socket; NULL: it has no file */
};

/* A connection whose greeting has not come whole. */
typedef struct {
    SkIncoming *incoming;
    SkFd fd;
    guint source;
    char hello[SK_WIRE_HELLO];
    guint length;
} Stranger;

static void
stranger_free(gpointer data)
{
    Stranger *self = data;
    g_clear_handle_id(&self->source, g_source_remove);
    sk_fd_clear(&self->fd);
    g_free(self);
}

void
sk_incoming_free(SkIncoming *self)
{
    if (self == NULL)
        return;
    g_clear_handle_id(&self->source, g_source_remove);
    g_queue_clear_full(&self->strangers, stranger_free);
    sk_fd_clear(&self->listener);
    sk_fd_clear(&self->words);
    if (self->intent != NULL) {
        unlink(self->intent->paths[0]);
        sk_store_remove_async(self->intent->store, "intent", self->intent->id, NULL, NULL);
        sk_intent_free(self->intent);
    }
    sk_value_free(&sk_domain_spec_type, self->definition);
    g_free(self->address);
    g_free(self->token);
    g_free(self);
}

const char *
sk_domain_incoming_address(const SkDomain *self)
{
    return self->incoming != NULL ? self->incoming->address : NULL;
}

const char *
sk_domain_incoming_token(const SkDomain *self)
{
    return self->incoming != NULL ? self->incoming->token : NULL;
}

/* -- connections ------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkDomain *domain;       /* a reference */
    SkQmp *qmp;
    SkFd fd;
} HandOver;

static void
free_hand_over(gpointer data)
{
    HandOver *work = data;
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    sk_fd_clear(&work->fd);
    g_free(work);
}

static gboolean
run_hand_over(SkJob *job, GError **error)
{
    HandOver *work = job->work;
    return !sk_fault("migration-prepare/state", error) && sk_qmp_migrate_receive(work->qmp, work->fd, error);
}

/* The source sees its connection broken. */
static void
rollback_hand_over(SkJob *job, const GError *error)
{
    SkDomain *domain = ((HandOver *) job->work)->domain;
    g_warning("the state of domain \"%s\" cannot be taken in: %s", sk_domain_name(domain), error->message);
    if (domain->incoming != NULL)
        sk_fd_clear(&domain->incoming->words);
}

static const SkJobKind hand_over_job = { .run = run_hand_over, .rollback = rollback_hand_over, .free_work = free_hand_over };

static void
take_state(SkIncoming *self, gint fd)
{
    SkDomain *domain = self->domain;
    g_auto(SkFd) owned = fd;
    if (self->handed || domain->qmp == NULL || !g_unix_set_fd_nonblocking(fd, FALSE, NULL))
        return;
    HandOver *work = g_new0(HandOver, 1);
    self->handed = TRUE;
    work->domain = g_object_ref(domain);
    work->qmp = g_object_ref(domain->qmp);
    work->fd = sk_fd_steal(&owned);
    sk_job_start_quiet(domain->service, &hand_over_job, work);
}

static void
take_connection(SkIncoming *self, Stranger *stranger)
{
    SkWire wire;
    gint fd = sk_fd_steal(&stranger->fd);
    if (!sk_wire_parse_hello(stranger->hello, self->token, &wire)) {
        g_message("domain \"%s\" is waited for, and somebody came who does not know it", sk_domain_name(self->domain));
        close(fd);
    } else if (wire == SK_WIRE_STATE) {
        take_state(self, fd);
    } else {
        sk_fd_clear(&self->words);
        self->words = fd;
    }
}

/* Not a byte more than the greeting is read: what follows is QEMU's. */
static gboolean
on_hello(gint fd, GIOCondition condition, gpointer data)
{
    Stranger *stranger = data;
    SkIncoming *self = stranger->incoming;
    (void) condition;
    gssize n = recv(fd, stranger->hello + stranger->length, SK_WIRE_HELLO - stranger->length, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    stranger->length += n > 0 ? (guint) n : 0;
    if (n > 0 && stranger->length < SK_WIRE_HELLO)
        return G_SOURCE_CONTINUE;
    stranger->source = 0;
    g_queue_remove(&self->strangers, stranger);
    if (n > 0)
        take_connection(self, stranger);
    stranger_free(stranger);
    return G_SOURCE_REMOVE;
}

static gboolean
on_connection(gint fd, GIOCondition condition, gpointer data)
{
    SkIncoming *self = data;
    (void) condition;
    gint taken = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (taken < 0)
        return G_SOURCE_CONTINUE;
    Stranger *stranger = g_new0(Stranger, 1);
    stranger->incoming = self;
    stranger->fd = taken;
    stranger->source = g_unix_fd_add(taken, G_IO_IN | G_IO_HUP | G_IO_ERR, on_hello, stranger);
    g_queue_push_tail(&self->strangers, stranger);
    if (self->strangers.length > MAX_STRANGERS)
        stranger_free(g_queue_pop_head(&self->strangers));
    return G_SOURCE_CONTINUE;
}

void
sk_domain_await_incoming(SkDomain *self, SkIncoming *incoming)
{
    g_clear_pointer(&self->incoming, sk_incoming_free);
    self->incoming = incoming;
    incoming->domain = self;
    incoming->source = g_unix_fd_add(incoming->listener, G_IO_IN, on_connection, incoming);
}

/* -- migration.prepare --------------------------------------------------------------------------------------------------- */

typedef struct {
    SkDomainSpec *spec;     /* what will run */
    SkDomainSpec *definition;
    SkIncoming *incoming;
    SkRecord *record;
    char *address, *listen, *emulator, *cache, *source_version, *source_host;
} PrepareWork;

static void
free_prepare(gpointer data)
{
    PrepareWork *work = data;
    sk_value_free(&sk_domain_spec_type, work->spec);
    sk_value_free(&sk_domain_spec_type, work->definition);
    sk_incoming_free(work->incoming);
    sk_record_free(work->record);
    g_free(work->address);
    g_free(work->listen);
    g_free(work->emulator);
    g_free(work->cache);
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

/* The guest does not see these, so they may differ from what the source has: the rest must not. */
static gboolean
may_differ(const char *path)
{
    static const char *const patterns[] = {
        "name", "accel", "title", "description", "tags*", "metadata*", "emulator", "autostart", "exact", "on_*", "cpu_tune*", "numa_tune*", "memory_tune*",
        "block_tune*", "graphics*", "vcpus.pin*", "boot.kernel", "boot.initrd", "firmware.loader", "firmware.nvram*",
        "disks*.path", "disks*.pool", "disks*.volume", "disks*.source", "disks*.format", "disks*.image", "disks*.cache", "disks*.io", "disks*.limits*",
        "disks*.discard", "interfaces*.network", "interfaces*.bridge", "interfaces*.device", "interfaces*.kind", "interfaces*.tap",
        "interfaces*.link_name", "interfaces*.bandwidth*", "interfaces*.mode", "interfaces*.vhost", "serials*.path", "serials*.backend",
        "serials*.log_file", "consoles*.path", "consoles*.log_file", "channels*.path",
    };
    for (guint i = 0; i < G_N_ELEMENTS(patterns); i++) {
        if (g_pattern_match_simple(patterns[i], path))
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_same_machine(const SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    g_autoptr(GPtrArray) paths = sk_value_diff(&sk_domain_spec_type, live, wanted, NULL);
    for (guint i = 0; i < paths->len; i++) {
        if (!may_differ(paths->pdata[i]))
            return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" cannot be migrated with another \"%s\" than it runs with: its guest would see it",
                           live->name, (const char *) paths->pdata[i]);
    }
    return TRUE;
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
           (body->definition == NULL || check_same_machine(offer->live, work->spec, error));
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

static gboolean
prepare_prepare(SkJob *job, GError **error)
{
    const SkMigrationPrepare *body = job->call->body;
    SkService *self = job->service;
    SkDomain *place = NULL;
    if (body->offer == NULL || body->offer->live == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "there is no offer of a running domain");
    PrepareWork *work = job->work = g_new0(PrepareWork, 1);
    if (!choose_spec(work, body, error) || !sk_wire_check(body->address, error) || !check_host(self, body->offer, work->spec, error) ||
        !find_place(self, work->spec, &place, error))
        return FALSE;
    if (!sk_domain_check_reach(self, job->call, place != NULL ? place->spec : NULL, work->spec, error) ||
        (body->address != NULL && g_str_has_prefix(body->address, "unix:") &&
         !sk_domain_check_path(self, job->call, "address", strchr(body->address, '/'), error)))
        return FALSE;
    const char *emulator = work->spec->emulator != NULL ? work->spec->emulator : self->settings->qemu;
    work->address = g_strdup(body->address);
    work->listen = g_strdup(body->listen);
    work->emulator = g_strdup(emulator != NULL ? emulator : "qemu-system-x86_64");
    work->cache = g_build_filename(self->settings->lib_dir, "cache", NULL);
    work->source_version = g_strdup(body->offer->qemu_version);
    work->source_host = g_strdup(body->offer->host);
    work->record = sk_domain_record(work->spec, FALSE);
    return TRUE;
}

static gboolean
check_machine(const PrepareWork *work, GError **error)
{
    g_autoptr(SkQemuCaps) caps = sk_qemu_caps_get(work->emulator, work->cache, error);
    if (caps == NULL)
        return FALSE;
    return work->spec->machine == NULL || sk_qemu_caps_machine(caps, work->spec->machine) != NULL ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" is a machine \"%s\", which QEMU %s of this host does not know (its own host has %s)",
                   work->spec->name, work->spec->machine, sk_qemu_caps_version(caps), work->source_version);
}

static gboolean
run_prepare(SkJob *job, GError **error)
{
    PrepareWork *work = job->work;
    if (!check_machine(work, error) || sk_fault("migration-prepare/listen", error))
        return FALSE;
    SkIncoming *incoming = work->incoming = g_new0(SkIncoming, 1);
    incoming->words = SK_FD_NONE;
    incoming->token = sk_wire_token();
    const char *path = work->address != NULL && g_str_has_prefix(work->address, "unix:") ? strchr(work->address, '/') : NULL;
    if (path != NULL && g_str_has_prefix(path, "//"))
        path += 2;
    if (path != NULL) {
        incoming->intent = sk_intent_new(job->service->store, g_strconcat("the wait for domain ", work->spec->name, NULL));
        sk_intent_add_path(incoming->intent, path);
        if (!sk_intent_note(incoming->intent, error))
            return FALSE;
    }
    incoming->listener = sk_wire_listen(work->address, work->listen, &incoming->address, error);
    incoming->definition = g_steal_pointer(&work->definition);
    return incoming->listener >= 0 && !sk_fault("migration-prepare/record", error);
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

/* -- migration.finish ------------------------------------------------------------------------------------------------------ */

typedef struct {
    SkDomain *domain;       /* a reference; touched on main only */
    SkStore *store;
    SkQmp *qmp;
    SkQemuProcess *process;
    SkFd words;
    SkDomainSpec *definition; /* it is defined with this; NULL: it is not, or stays as it is */
    SkRecord *record;
    char *uuid, *runtime;
    gboolean cancelled, paused, handed, was_persistent;
    gboolean gone;          /* it ended while it was being finished */
    gint stop_ms;
} FinishWork;

static void
free_finish(gpointer data)
{
    FinishWork *work = data;
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    g_clear_object(&work->process);
    sk_fd_clear(&work->words);
    sk_value_free(&sk_domain_spec_type, work->definition);
    sk_record_free(work->record);
    g_free(work->uuid);
    g_free(work->runtime);
    g_free(work);
}

/* With what it is to be defined here. */
static gboolean
choose_definition(SkJob *job, FinishWork *work, GError **error)
{
    const SkMigrationFinish *body = job->call->body;
    const SkDomain *domain = work->domain;
    const SkDomainSpec *from = body->definition != NULL ? body->definition : domain->incoming->definition;
    if (!body->persist)
        return TRUE;
    SkDomainSpec *spec = work->definition = sk_value_copy(&sk_domain_spec_type, from != NULL ? from : domain->runtime.live);
    if (spec->uuid == NULL)
        spec->uuid = g_strdup(domain->spec->uuid);
    if (!g_str_equal(spec->uuid, domain->spec->uuid))
        return sk_fail(error, SK_ERROR_INVALID, "the definition given is not of domain \"%s\": it has the UUID %s", domain->spec->name, spec->uuid);
    g_free(spec->name);
    spec->name = g_strdup(domain->spec->name);
    if (!sk_domain_check_reach(job->service, job->call, domain->runtime.live, spec, error))
        return FALSE;
    sk_domain_spec_complete(spec);
    work->record = sk_domain_record(spec, TRUE);
    return sk_engine_assign(spec, error) && sk_value_check(&sk_domain_spec_type, spec, NULL, error);
}

static gboolean
prepare_finish(SkJob *job, GError **error)
{
    const SkMigrationFinish *body = job->call->body;
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    if (domain->incoming == NULL || domain->process == NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is not being migrated to this host", sk_domain_name(domain));
    FinishWork *work = job->work = g_new0(FinishWork, 1);
    work->domain = g_object_ref(domain);
    work->store = job->service->store;
    work->uuid = g_strdup(domain->spec->uuid);
    work->words = SK_FD_NONE;
    work->qmp = domain->qmp != NULL ? g_object_ref(domain->qmp) : NULL;
    work->process = g_object_ref(domain->process);
    work->cancelled = body->cancelled;
    work->paused = body->paused;
    work->handed = domain->incoming->handed;
    work->was_persistent = domain->persistent;
    work->stop_ms = (gint) job->service->settings->stop_timeout * 1000;
    if (work->cancelled) {
        domain->destroying = TRUE;
        return TRUE;
    }
    work->words = sk_fd_steal(&domain->incoming->words);
    domain->resume_reason = SK_REASON_MIGRATION;
    return choose_definition(job, work, error);
}

static gboolean
ask(FinishWork *work, GError **error)
{
    if (work->words < 0)
        return sk_fail(error, SK_ERROR_IO, "the source of domain \"%s\" is not there any more", sk_qmp_domain(work->qmp));
    if (!sk_wire_say(work->words, "run?", error))
        return FALSE;
    g_autofree char *word = sk_wire_hear(work->words, ANSWER_MS, error);
    if (word == NULL) {
        g_prefix_error(error, "the source of domain \"%s\" did not say that it may run here: ", sk_qmp_domain(work->qmp));
        return FALSE;
    }
    return g_str_equal(word, "yes") || sk_fail(error, SK_ERROR_STATE, "the source of domain \"%s\" has taken it back", sk_qmp_domain(work->qmp));
}

/* From here on it runs here, whatever happens to the daemon. */
static void
take_over(gpointer data)
{
    FinishWork *work = data;
    SkDomain *domain = work->domain;
    work->gone = !sk_domain_is_active(domain) || domain->destroying;
    domain->runtime.autodestroy = FALSE;
    domain->runtime.held = !work->paused;
    work->runtime = sk_domain_runtime_json(domain);
}

static gboolean
keep(FinishWork *work, GError **error)
{
    sk_main_call(take_over, work);
    if (work->gone)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was switched off", sk_qmp_domain(work->qmp));
    if (sk_fault("migration-finish/record", error))
        return FALSE;
    SkStoreBatch *batch = sk_store_batch_new();
    if (work->record != NULL)
        sk_store_batch_put(batch, work->record);
    sk_store_batch_put_state(batch, sk_domain_kind(work->was_persistent || work->record != NULL), work->uuid, work->runtime);
    if (work->record != NULL && !work->was_persistent)
        sk_store_batch_remove(batch, sk_domain_kind(FALSE), work->uuid);
    return sk_store_commit(work->store, batch, error);
}

static gboolean
let_run(FinishWork *work, GError **error)
{
    return keep(work, error) && !sk_fault("migration-finish/run", error) && (work->paused || sk_qmp_do(work->qmp, SK_QMP_CONT, error));
}

static gboolean
run_finish(SkJob *job, GError **error)
{
    FinishWork *work = job->work;
    (void) job;
    if (work->cancelled)
        return sk_qemu_process_destroy(work->process, work->qmp, work->stop_ms, NULL, error);
    if (!work->handed || work->qmp == NULL)
        return sk_fail(error, SK_ERROR_STATE, "the state of domain \"%s\" has not come", work->uuid);
    if (sk_fault("migration-finish/received", error) || !sk_qmp_migrate_received(work->qmp, error) || sk_fault("migration-finish/ask", error) ||
        !ask(work, error))
        return FALSE;
    gboolean ok = !sk_fault("migration-finish/asked", error) && let_run(work, error);
    /* The source waits for this, or finds it out from whoever drives us. */
    sk_wire_say(work->words, ok ? "runs" : "failed", NULL);
    return ok;
}

static void
commit_finish(SkJob *job)
{
    FinishWork *work = job->work;
    SkDomain *domain = work->domain;
    if (work->cancelled) {
        if (sk_domain_is_active(domain))
            sk_domain_ended(domain, SK_REASON_FAILED);
        return;
    }
    g_clear_pointer(&domain->incoming, sk_incoming_free);
    domain->asker = NULL;
    domain->resume_reason = SK_REASON_UNKNOWN;
    if (work->record != NULL) {
        domain->persistent = TRUE;
        sk_domain_set_spec(domain, g_steal_pointer(&work->definition), work->was_persistent ? domain->revision + 1 : 1, g_get_real_time());
        g_autofree char *object = sk_domain_object(domain);
        if (!work->was_persistent)
            sk_events_emit(job->service->events, "domain.created", object, work->uuid, g_strdup("{\"persistent\":true}"));
    }
    if (sk_domain_is_active(domain)) {
        domain->runtime.held = FALSE;
        sk_domain_set_state(domain, work->paused ? SK_DOMAIN_PAUSED : SK_DOMAIN_RUNNING, SK_REASON_MIGRATION);
        sk_domain_save_runtime(domain);
    }
    sk_service_dns_changed(job->service, domain);
    const SkCreated created = { .name = domain->spec->name, .uuid = domain->spec->uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
}

/* It is not to run here: nothing of it stays. */
static void
rollback_finish(SkJob *job, const GError *error)
{
    FinishWork *work = job->work;
    if (work == NULL)
        return;
    SkDomain *domain = work->domain;
    g_message("domain \"%s\" has not come over: %s", sk_domain_name(domain), error->message);
    if (work->record != NULL && work->runtime != NULL && !work->was_persistent)
        sk_store_remove_async(job->service->store, sk_domain_kind(TRUE), work->uuid, NULL, NULL);
    if (!sk_domain_is_active(domain))
        return;
    domain->destroying = FALSE;
    domain->runtime.autodestroy = TRUE;
    domain->runtime.held = FALSE;
    sk_domain_save_runtime(domain);
    sk_domain_destroy_by_daemon(domain);
}

const SkJobKind sk_migration_finish_job = {
    .object = sk_domain_job_object, .prepare = prepare_finish, .run = run_finish, .commit = commit_finish, .rollback = rollback_finish,
    .free_work = free_finish, .while_migrating = TRUE,
};
