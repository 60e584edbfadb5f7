/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of networks: create, update, delete, start, stop; bringing them up at the daemon's start. */
#include <string.h>

#include "base/error.h"
#include "network/dnsmasq.h"
#include "network/leases.h"
#include "network/paths.h"
#include "network/nft/rules.h"
#include "network/tap.h"
#include "service/network-ports.h"
#include "service/network-work.h"

static void
free_spec(gpointer spec)
{
    sk_value_free(&sk_network_spec_type, spec);
}

void
sk_network_work_free(gpointer data)
{
    SkNetworkWork *work = data;
    free_spec(work->spec);
    free_spec(work->old);
    free_spec(work->live);
    g_clear_pointer(&work->others, g_ptr_array_unref);
    g_clear_pointer(&work->ports, g_ptr_array_unref);
    sk_network_rules_free(work->rules);
    sk_network_running_clear(&work->running);
    sk_fd_clear(&work->dnsmasq);
    sk_record_free(work->record);
    g_free(work->message);
    g_free(work);
}

char *
sk_network_object(SkService *service, SkCall *call)
{
    (void) service;
    const SkNetworkSpec *body = call->body;
    return g_strconcat("network/", call->op->id == SK_OP_NETWORK_CREATE ? body->name : call->params.name, NULL);
}

SkNetworkWork *
sk_network_work_new(SkService *self, const SkNetworkSpec *spec)
{
    SkNetworkWork *work = g_new0(SkNetworkWork, 1);
    work->dnsmasq = -1;
    work->spec = spec != NULL ? sk_value_copy(&sk_network_spec_type, spec) : NULL;
    work->store = self->store;
    work->paths = sk_service_network_paths(self);
    return work;
}

void
sk_network_look_around(SkService *self, SkNetworkWork *work, const char *name)
{
    work->others = g_ptr_array_new_with_free_func(free_spec);
    work->rules = sk_network_rules_new(self->tag);
    for (GTreeNode *node = g_tree_node_first(self->networks); node != NULL; node = g_tree_node_next(node)) {
        const SkNetwork *other = g_tree_node_value(node);
        if (g_str_equal(other->spec->name, name))
            continue;
        g_ptr_array_add(work->others, sk_value_copy(&sk_network_spec_type, other->spec));
        if (other->live != NULL)
            g_ptr_array_add(work->others, sk_value_copy(&sk_network_spec_type, other->live));
        if (other->status.active)
            sk_network_rules_add(work->rules, sk_network_in_force(other));
    }
}

void
sk_network_tell(SkNetwork *network, const char *type)
{
    g_autofree char *object = g_strconcat("network/", network->spec->name, NULL);
    sk_events_emit(network->service->events, type, object, network->spec->uuid, NULL);
}

const char *
sk_network_kind(gboolean persistent)
{
    return persistent ? "network" : "transient-network";
}

SkRecord *
sk_network_record(const SkNetworkSpec *spec, gboolean persistent)
{
    g_autofree char *json = sk_json_encode(&sk_network_spec_type, spec, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_record_new(sk_network_kind(persistent), spec->uuid, spec->name, json);
}

char *
sk_network_state_json(gboolean active, const SkNetworkSpec *live)
{
    g_autofree char *json = live != NULL ? sk_json_encode(&sk_network_spec_type, live, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS) : NULL;
    return json != NULL ? g_strdup_printf("{\"active\":%s,\"live\":%s}", active ? "true" : "false", json)
                        : g_strdup_printf("{\"active\":%s}", active ? "true" : "false");
}

void
sk_network_save_state(const SkNetwork *self)
{
    g_autofree char *state = sk_network_state_json(self->status.active, self->live);
    sk_store_put_state(self->service->store, sk_network_kind(self->persistent), self->spec->uuid, state);
}

SkNetwork *
sk_network_add(SkService *self, SkNetworkSpec *spec, guint64 revision, gboolean persistent)
{
    SkNetwork *network = g_new0(SkNetwork, 1);
    network->service = self;
    network->spec = spec;
    network->revision = revision;
    network->persistent = persistent;
    g_tree_insert(self->networks, g_strdup(spec->name), network);
    return network;
}

void
sk_network_set_result(SkJob *job, const SkNetwork *network)
{
    g_autofree char *etag = g_strdup_printf("%" G_GUINT64_FORMAT, network->revision);
    SkCreated created = { .name = network->spec->name, .uuid = network->spec->uuid, .etag = etag };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
}

/* A definition that got its bridge and subnet when it was first brought up is kept with them. */
static gboolean
complete_and_keep(SkNetworkWork *work, GError **error)
{
    g_autofree char *before = sk_json_encode(&sk_network_spec_type, work->spec, 0);
    if (!sk_network_complete(work->spec, &work->paths, work->others, error))
        return FALSE;
    g_autofree char *after = sk_json_encode(&sk_network_spec_type, work->spec, 0);
    if (g_str_equal(before, after) && work->record == NULL)
        return TRUE;
    sk_record_free(work->record);
    /* What is up without a definition was complete when it was made. */
    if (work->of_live || work->transient)
        return TRUE;
    work->record = sk_network_record(work->spec, TRUE);
    return sk_store_put(work->store, work->record, error);
}

static gboolean
bring_up(SkNetworkWork *work, gboolean reattach, GError **error)
{
    gboolean ok = reattach ? sk_network_reattach(work->spec, &work->paths, &work->running, error)
                           : sk_network_up(work->spec, &work->paths, &work->running, error);
    if (!ok)
        return FALSE;
    sk_network_rules_add(work->rules, work->spec);
    if (sk_network_rules_apply(work->rules, error)) {
        work->up = TRUE;
        work->dnsmasq = sk_dnsmasq_open(work->spec->name, &work->paths);
        work->connected = work->ports != NULL ? sk_network_ports_connect(work->ports, work->spec->bridge) : 0;
        return TRUE;
    }
    if (!reattach)
        sk_network_down(work->spec, &work->paths, NULL);
    return FALSE;
}

static void
set_active(SkNetwork *network, SkNetworkWork *work)
{
    network->status.active = work->up;
    g_free(network->status.bridge);
    network->status.bridge = g_strdup(work->running.bridge);
    g_clear_pointer(&network->status.message, g_free);
    sk_network_save_state(network);
    gboolean ended = work->up && work->dnsmasq < 0 && sk_dnsmasq_wanted(sk_network_in_force(network));
    sk_network_watch_dnsmasq(network, sk_fd_steal(&work->dnsmasq));
    if (ended) /* before it could be watched */
        sk_network_mend_later(network);
    if (work->up && work->running.lease_path != NULL)
        sk_network_watch_leases(network, work->running.lease_path);
}

/* What bring_up() did, for a job that fails after it. */
static void
take_down(SkNetworkWork *work)
{
    g_autoptr(GError) why = NULL;
    if (!work->up)
        return;
    sk_network_rules_drop(work->rules, work->spec);
    if (!sk_network_down(work->spec, &work->paths, &why) || !sk_network_rules_apply(work->rules, &why))
        g_warning("%s, leaving it to the next start", why->message);
}

/* Takes the definition a worker completed. */
static void
take_spec(SkNetwork *network, SkNetworkWork *work)
{
    SkNetworkSpec **place = work->of_live && network->live != NULL ? &network->live : &network->spec;
    free_spec(*place);
    *place = g_steal_pointer(&work->spec);
    if (work->record != NULL)
        network->revision = work->record->revision;
}

void
sk_network_tell_domains(SkService *self)
{
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node))
        sk_service_dns_changed(self, g_tree_node_value(node));
}

/* -- start ----------------------------------------------------------------------------------------------------- */

static gboolean
prepare_start(SkJob *job, GError **error)
{
    const SkNetwork *network = sk_service_network(job->service, job->call->params.name, error);
    if (network == NULL)
        return FALSE;
    if (network->status.active)
        return sk_fail(error, SK_ERROR_STATE, "network \"%s\" is active already", network->spec->name);
    SkNetworkWork *work = job->work = sk_network_work_new(job->service, network->spec);
    work->transient = !network->persistent;
    /* Guests that went on while it was stopped by force. */
    work->ports = sk_network_ports(job->service, network->spec->name);
    sk_network_look_around(job->service, work, network->spec->name);
    return TRUE;
}

static gboolean
run_start(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    return complete_and_keep(work, error) && bring_up(work, FALSE, error);
}

static void
commit_start(SkJob *job)
{
    SkNetworkWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    take_spec(network, work);
    set_active(network, work);
    sk_network_tell(network, "network.started");
}

const SkJobKind sk_network_start_job = {
    .object = sk_network_object, .queue = SK_NETWORK_QUEUE, .prepare = prepare_start, .run = run_start, .commit = commit_start, .free_work = sk_network_work_free,
};

/* -- stop -------------------------------------------------------------------------------------------------------- */

gboolean
sk_network_check_unused(SkService *self, const char *name, gboolean definitions_too, GError **error)
{
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
        const SkDomain *domain = g_tree_node_value(node);
        const SkDomainSpec *spec = definitions_too ? domain->spec : domain->runtime.live;
        for (guint i = 0; spec != NULL && spec->interfaces != NULL && i < spec->interfaces->len; i++) {
            const SkInterface *nic = spec->interfaces->pdata[i];
            if (nic->kind == SK_NIC_NETWORK && g_strcmp0(nic->network, name) == 0)
                return sk_fail(error, SK_ERROR_IN_USE, "network \"%s\" is in use: domain \"%s\" has an interface on it", name, sk_domain_name(domain));
        }
    }
    const SkNetwork *network = g_tree_lookup(self->networks, name);
    return network->plugging == 0 ||
           sk_fail(error, SK_ERROR_IN_USE, "network \"%s\" is in use: a domain is being started on it", name);
}

static gboolean
prepare_stop(SkJob *job, GError **error)
{
    SkNetwork *network = sk_service_network(job->service, job->call->params.name, error);
    if (network == NULL)
        return FALSE;
    if (!network->status.active)
        return sk_fail(error, SK_ERROR_STATE, "network \"%s\" is not active", network->spec->name);
    /* One without a definition would not come back. */
    gboolean forced = job->call->params.force && network->persistent;
    if (!forced && !sk_network_check_unused(job->service, network->spec->name, FALSE, error))
        return FALSE;
    if (network->plugging > 0)
        return sk_fail(error, SK_ERROR_IN_USE, "network \"%s\" is in use: a domain is being started on it", network->spec->name);
    network->stopping = TRUE;
    SkNetworkWork *work = job->work = sk_network_work_new(job->service, sk_network_in_force(network));
    work->transient = !network->persistent;
    sk_network_look_around(job->service, work, network->spec->name);
    return TRUE;
}

/* A stop or deletion that failed. */
static void
rollback_stop(SkJob *job, const GError *error)
{
    SkNetworkWork *work = job->work;
    SkNetwork *network = work != NULL ? g_tree_lookup(job->service->networks, work->spec->name) : NULL;
    (void) error;
    if (network != NULL)
        network->stopping = FALSE;
}

static gboolean
take_all_down(SkNetworkWork *work, GError **error)
{
    return sk_network_down(work->spec, &work->paths, error) && sk_network_rules_apply(work->rules, error);
}

/* One without a definition is gone with that. */
static gboolean
run_stop(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    if (!take_all_down(work, error))
        return FALSE;
    return !work->transient || (sk_store_remove(work->store, sk_network_kind(FALSE), work->spec->uuid, error) &&
                                sk_network_forget(work->spec->name, &work->paths, error));
}

static void
deactivate(SkNetwork *network)
{
    SkService *self = network->service;
    if (self->lease_watch != NULL)
        sk_lease_watch_remove(self->lease_watch, network->spec->name);
    network->stopping = FALSE;
    sk_network_unwatch_dnsmasq(network);
    g_clear_pointer(&network->leases, g_ptr_array_unref);
    sk_value_clear(&sk_network_status_type, &network->status);
    g_clear_pointer(&network->live, free_spec);
    sk_network_save_state(network);
}

void
sk_network_drop(SkNetwork *self)
{
    g_autofree char *object = g_strconcat("network/", self->spec->name, NULL), *name = g_strdup(self->spec->name);
    sk_events_emit(self->service->events, "network.deleted", object, self->spec->uuid,
                   g_strdup_printf("{\"persistent\":%s}", self->persistent ? "true" : "false"));
    g_tree_remove(self->service->networks, name);
}

static void
commit_stop(SkJob *job)
{
    SkNetworkWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    deactivate(network);
    sk_network_tell(network, "network.stopped");
    if (work->transient)
        sk_network_drop(network);
    else
        sk_network_tell_domains(job->service);
}

const SkJobKind sk_network_stop_job = {
    .object = sk_network_object, .queue = SK_NETWORK_QUEUE, .prepare = prepare_stop, .run = run_stop, .commit = commit_stop, .rollback = rollback_stop,
    .free_work = sk_network_work_free,
};

/* -- create --------------------------------------------------------------------------------------------------------- */

gboolean
sk_network_check_privileged(SkService *self, GError **error)
{
    return !self->settings->session ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "a session daemon cannot make networks: use an interface of kind user, or the system's daemon");
}

gboolean
sk_network_check_new(SkService *self, const SkNetworkSpec *spec, GError **error)
{
    if (g_tree_lookup(self->networks, spec->name) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a network \"%s\" already", spec->name);
    for (GTreeNode *node = g_tree_node_first(self->networks); node != NULL; node = g_tree_node_next(node)) {
        const SkNetwork *other = g_tree_node_value(node);
        if (spec->uuid != NULL && g_ascii_strcasecmp(other->spec->uuid, spec->uuid) == 0)
            return sk_fail(error, SK_ERROR_EXISTS, "network \"%s\" has the UUID %s already", other->spec->name, spec->uuid);
    }
    return TRUE;
}

static gboolean
prepare_create(SkJob *job, GError **error)
{
    const SkNetworkSpec *spec = job->call->body;
    if (!sk_network_check_privileged(job->service, error))
        return FALSE;
    if (job->call->params.transient && !job->call->params.start)
        return sk_fail(error, SK_ERROR_INVALID, "a transient network is gone when it is not up: give start too");
    if (!sk_network_check_new(job->service, spec, error))
        return FALSE;
    SkNetworkWork *work = job->work = sk_network_work_new(job->service, spec);
    sk_network_spec_complete(work->spec);
    work->start = job->call->params.start;
    work->transient = job->call->params.transient;
    sk_network_look_around(job->service, work, work->spec->name);
    return TRUE;
}

static gboolean
run_create(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    if (!sk_network_complete(work->spec, &work->paths, work->others, error) || (work->start && !bring_up(work, FALSE, error)))
        return FALSE;
    work->record = sk_network_record(work->spec, !work->transient);
    work->record->state = work->transient ? sk_network_state_json(TRUE, NULL) : NULL;
    if (!sk_fault("network-create/record", error) && sk_store_put(work->store, work->record, error))
        return TRUE;
    take_down(work);
    return FALSE;
}

static void
commit_create(SkJob *job)
{
    SkNetworkWork *work = job->work;
    SkNetwork *network = sk_network_add(job->service, g_steal_pointer(&work->spec), work->record->revision, !work->transient);
    g_autofree char *object = g_strconcat("network/", network->spec->name, NULL);
    sk_events_emit(job->service->events, "network.created", object, network->spec->uuid,
                   g_strdup_printf("{\"persistent\":%s}", network->persistent ? "true" : "false"));
    if (work->up) {
        set_active(network, work);
        sk_network_tell(network, "network.started");
    }
    sk_network_set_result(job, network);
}

const SkJobKind sk_network_create_job = {
    .object = sk_network_object, .queue = SK_NETWORK_QUEUE, .prepare = prepare_create, .run = run_create, .commit = commit_create, .free_work = sk_network_work_free,
};

/* -- delete --------------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_delete(SkJob *job, GError **error)
{
    SkNetwork *network = sk_service_network(job->service, job->call->params.name, error);
    if (network == NULL || !sk_network_check_unused(job->service, network->spec->name, TRUE, error))
        return FALSE;
    SkNetworkWork *work = job->work = sk_network_work_new(job->service, sk_network_in_force(network));
    work->was_active = network->status.active;
    work->transient = !network->persistent;
    network->stopping = TRUE;
    sk_network_look_around(job->service, work, work->spec->name);
    return TRUE;
}

static gboolean
run_delete(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    if (work->was_active && !take_all_down(work, error))
        return FALSE;
    return sk_store_remove(work->store, sk_network_kind(!work->transient), work->spec->uuid, error) && sk_network_forget(work->spec->name, &work->paths, error);
}

static void
commit_delete(SkJob *job)
{
    SkNetworkWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    if (network->status.active) {
        deactivate(network);
        sk_network_tell(network, "network.stopped");
    }
    sk_network_drop(network);
}

const SkJobKind sk_network_delete_job = {
    .object = sk_network_object, .queue = SK_NETWORK_QUEUE, .prepare = prepare_delete, .run = run_delete, .commit = commit_delete, .rollback = rollback_stop,
    .free_work = sk_network_work_free,
};

/* -- at the daemon's start --------------------------------------------------------------------------------------------------- */

static gboolean
prepare_autostart(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    (void) error;
    sk_network_look_around(job->service, work, work->spec->name);
    if (work->was_active)
        work->ports = sk_network_ports(job->service, work->spec->name);
    return TRUE;
}

static gboolean
run_autostart(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    g_autoptr(GError) why = NULL;
    (void) error;
    if (!complete_and_keep(work, &why) || !bring_up(work, work->was_active, &why))
        work->message = g_strdup(why->message);
    return TRUE;
}

static void
commit_autostart(SkJob *job)
{
    SkNetworkWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    if (network == NULL)
        return;
    if (work->message != NULL) {
        g_warning("network \"%s\" does not start: %s, continuing without it", work->spec->name, work->message);
        g_free(network->status.message);
        network->status.message = g_steal_pointer(&work->message);
        if (work->record != NULL)
            take_spec(network, work);
        return;
    }
    take_spec(network, work);
    set_active(network, work);
    sk_network_tell(network, "network.started");
}

static const SkJobKind autostart_job = {
    .queue = SK_NETWORK_QUEUE, .prepare = prepare_autostart, .run = run_autostart, .commit = commit_autostart, .free_work = sk_network_work_free,
};

/* -- dnsmasq or the bridge ended by itself ---------------------------------------------------------------------------------------------- */

/* By now it may be stopped or gone; then there is nothing to mend. */
static gboolean
prepare_mend(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    const SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    (void) error;
    work->skip = network == NULL || !network->status.active || network->stopping;
    if (work->skip)
        return TRUE;
    free_spec(work->spec);
    work->spec = sk_value_copy(&sk_network_spec_type, sk_network_in_force(network));
    sk_network_look_around(job->service, work, work->spec->name);
    work->ports = sk_network_ports(job->service, work->spec->name);
    return TRUE;
}

static gboolean
run_mend(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    g_autoptr(GError) why = NULL;
    (void) error;
    if (!work->skip && !bring_up(work, TRUE, &why))
        work->message = g_strdup(why->message);
    return TRUE;
}

static void
commit_mend(SkJob *job)
{
    SkNetworkWork *work = job->work;
    SkNetwork *network = work->skip ? NULL : g_tree_lookup(job->service->networks, work->spec->name);
    if (network == NULL)
        return;
    if (work->message != NULL) {
        g_warning("network \"%s\" lacks something: %s, trying again", network->spec->name, work->message);
        g_free(network->status.message);
        network->status.message = g_steal_pointer(&work->message);
        sk_network_tell(network, "network.changed");
        sk_network_mend_later(network);
        return;
    }
    /* A change of the network starts dnsmasq anew too, and then nothing was missing. */
    if (work->running.mended > 0 || work->connected > 0)
        g_warning("network \"%s\" had lost its dnsmasq, its bridge or an address: made again, %u interface%s of guests plugged in again",
                  network->spec->name, work->connected, work->connected == 1 ? "" : "s");
    set_active(network, work);
    sk_network_tell(network, "network.changed");
}

static const SkJobKind mend_job = {
    .queue = SK_NETWORK_QUEUE, .prepare = prepare_mend, .run = run_mend, .commit = commit_mend, .free_work = sk_network_work_free,
};

void
sk_network_mend(SkNetwork *self)
{
    sk_job_start_quiet(self->service, &mend_job, sk_network_work_new(self->service, self->spec));
}

/* What a former daemon made and nobody has any more; and the domains that waited for the networks. */
typedef struct {
    GPtrArray *taps, *bridges, *networks, *owners; /* to keep: names, of records' owners UUIDs; NULL at the end */
    guint newest;           /* links made since are nobody's leftovers: a domain may be starting on one */
    SkNetworkPaths paths;
    SkNetworkRules *rules;  /* of the active networks */
} Settle;

static void
free_settle(gpointer data)
{
    Settle *work = data;
    g_ptr_array_unref(work->taps);
    g_clear_pointer(&work->bridges, g_ptr_array_unref);
    g_clear_pointer(&work->networks, g_ptr_array_unref);
    g_clear_pointer(&work->owners, g_ptr_array_unref);
    sk_network_rules_free(work->rules);
    g_free(work);
}

/* Those of the domains that ran when the daemon started; a link made later is newer than what is swept. */
static void
keep_taps(SkService *self, GPtrArray *names)
{
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
        const SkDomainSpec *live = ((SkDomain *) g_tree_node_value(node))->runtime.live;
        for (guint i = 0; live != NULL && live->interfaces != NULL && i < live->interfaces->len; i++) {
            const SkInterface *nic = live->interfaces->pdata[i];
            if (nic->tap != NULL)
                g_ptr_array_add(names, g_strdup(nic->tap));
        }
    }
}

/* Names of other domains are left from a change, or a deletion, that a crash cut short. */
static void
add_owner(GPtrArray *owners, const SkDomain *domain)
{
    if (sk_domain_wants_name(domain))
        g_ptr_array_add(owners, g_strdup(domain->spec->uuid));
}

/* One that did not come up keeps its bridge, for there may be guests on it. */
static gboolean
prepare_settle(SkJob *job, GError **error)
{
    SkService *self = job->service;
    Settle *work = job->work;
    (void) error;
    work->bridges = g_ptr_array_new_with_free_func(g_free);
    work->networks = g_ptr_array_new_with_free_func(g_free);
    work->paths = sk_service_network_paths(self);
    work->rules = sk_network_rules_new(self->tag);
    work->owners = g_ptr_array_new_with_free_func(g_free);
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node))
        add_owner(work->owners, g_tree_node_value(node));
    g_ptr_array_add(work->owners, NULL);
    for (GTreeNode *node = g_tree_node_first(self->networks); node != NULL; node = g_tree_node_next(node)) {
        const SkNetwork *network = g_tree_node_value(node);
        const SkNetworkSpec *spec = sk_network_in_force(network);
        if (network->status.active)
            sk_network_rules_add(work->rules, spec);
        if (!network->status.active && network->status.message == NULL)
            continue;
        g_ptr_array_add(work->networks, g_strdup(network->spec->name));
        if (spec->bridge != NULL)
            g_ptr_array_add(work->bridges, g_strdup(spec->bridge));
    }
    g_ptr_array_add(work->bridges, NULL);
    g_ptr_array_add(work->networks, NULL);
    return TRUE;
}

static gboolean
run_settle(SkJob *job, GError **error)
{
    Settle *work = job->work;
    g_autoptr(GError) why = NULL;
    (void) error;
    if (!sk_network_tap_sweep(job->service->tag, (const char *const *) work->taps->pdata, work->newest, NULL, &why) ||
        !sk_network_sweep(&work->paths, (const char *const *) work->bridges->pdata, (const char *const *) work->networks->pdata, NULL, &why) ||
        !sk_network_rules_apply(work->rules, &why))
        g_warning("%s, continuing", why->message);
    for (guint i = 0; i + 1 < work->networks->len; i++) {
        g_autoptr(GError) refused = NULL;
        if (!sk_dnsmasq_record_sweep(work->networks->pdata[i], &work->paths, (const char *const *) work->owners->pdata, &refused))
            g_warning("%s, continuing", refused->message);
    }
    return TRUE;
}

static void
commit_settle(SkJob *job)
{
    sk_network_tell_domains(job->service);
    sk_service_hosts_changed(job->service);
    sk_service_autostart_domains(job->service);
}

static const SkJobKind settle_job = {
    .queue = SK_NETWORK_QUEUE, .prepare = prepare_settle, .run = run_settle, .commit = commit_settle, .free_work = free_settle,
};

static Settle *
new_settle(SkService *self)
{
    Settle *work = g_new0(Settle, 1);
    work->taps = g_ptr_array_new_with_free_func(g_free);
    keep_taps(self, work->taps);
    g_ptr_array_add(work->taps, NULL);
    work->newest = sk_network_tap_newest();
    return work;
}

/* One without a definition that did not live on is forgotten. */
static void
forget_transients(SkService *self)
{
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
    for (GTreeNode *node = g_tree_node_first(self->networks); node != NULL; node = g_tree_node_next(node)) {
        const SkNetwork *network = g_tree_node_value(node);
        if (!network->persistent && !network->was_active)
            g_ptr_array_add(gone, g_strdup(network->spec->name));
    }
    for (guint i = 0; i < gone->len; i++) {
        const SkNetwork *network = g_tree_lookup(self->networks, gone->pdata[i]);
        sk_store_remove_async(self->store, sk_network_kind(FALSE), network->spec->uuid, NULL, NULL);
        g_tree_remove(self->networks, gone->pdata[i]);
    }
}

void
sk_service_start_networks(SkService *self)
{
    forget_transients(self);
    for (GTreeNode *node = g_tree_node_first(self->networks); node != NULL; node = g_tree_node_next(node)) {
        const SkNetwork *network = g_tree_node_value(node);
        if (!network->spec->autostart && !network->was_active)
            continue;
        SkNetworkWork *work = sk_network_work_new(self, sk_network_in_force(network));
        work->was_active = network->was_active;
        work->of_live = network->live != NULL;
        work->transient = !network->persistent;
        sk_job_start_quiet(self, &autostart_job, work);
    }
    if (self->settings->session) {
        sk_service_autostart_domains(self);
        return;
    }
    sk_service_watch_bridges(self);
    sk_job_start_quiet(self, &settle_job, new_settle(self));
}

static gboolean
make_default(SkService *self, GError **error)
{
    SkNetworkSpec *spec = sk_value_new(&sk_network_spec_type);
    spec->name = g_strdup("default");
    sk_network_spec_complete(spec);
    g_autoptr(SkRecord) record = sk_network_record(spec, TRUE);
    if (!sk_store_put(self->store, record, error)) {
        free_spec(spec);
        return FALSE;
    }
    sk_network_add(self, spec, record->revision, TRUE);
    return TRUE;
}

/* What was up when the former daemon ended, if it was another than the definition. */
static void
read_state(SkNetwork *network, const char *text)
{
    g_autofree char *run = g_build_filename(network->service->network_run_dir, network->spec->name, NULL);
    g_autoptr(json_t) state = text != NULL ? sk_json_parse(text, strlen(text), network->spec->name, NULL) : NULL;
    json_t *live = json_object_get(state, "live");
    network->was_active = json_is_true(json_object_get(state, "active")) && g_file_test(run, G_FILE_TEST_IS_DIR);
    if (!network->was_active || live == NULL)
        return;
    g_autofree char *json = json_dumps(live, 0);
    g_autoptr(GError) error = NULL;
    network->live = sk_json_decode_text(&sk_network_spec_type, json, strlen(json), network->spec->name, &error);
    if (network->live == NULL)
        g_warning("what was up of network \"%s\" is not known: %s, continuing with its definition", network->spec->name, error->message);
}

static gboolean
load_kind(SkService *self, gboolean persistent, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    if (!sk_store_load(self->store, sk_network_kind(persistent), &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        SkNetworkSpec *spec = sk_json_decode_text(&sk_network_spec_type, record->spec, strlen(record->spec), record->name, error);
        if (spec == NULL)
            return FALSE;
        read_state(sk_network_add(self, spec, record->revision, persistent), record->state);
    }
    return TRUE;
}

gboolean
sk_service_load_networks(SkService *self, GError **error)
{
    return load_kind(self, TRUE, error) && load_kind(self, FALSE, error) &&
           (!self->first_start || self->settings->session || g_tree_lookup(self->networks, "default") != NULL || make_default(self, error));
}
