/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of networks: create, update, delete, start, stop; bringing them up at the daemon's start. */
#include <string.h>

#include "base/error.h"
#include "network/dnsmasq.h"
#include "network/leases.h"
#include "network/paths.h"
#include "network/nft/rules.h"
#include "network/tap.h"
#include "service/network.h"

/* One at a time: packet filter rules are made for all networks together. */
#define QUEUE "networks"

typedef struct {
    SkNetworkSpec *spec;    /* a copy, or the new definition */
    SkNetworkSpec *old;     /* update */
    GPtrArray *others;      /* SkNetworkSpec of the other networks */
    SkNetworkRules *rules;  /* of the other active ones */
    SkNetworkPaths paths;
    SkNetworkRunning running;
    SkRecord *record;
    SkStore *store;
    gint dnsmasq;           /* its pidfd once it is up, or -1 */
    gboolean up, was_active, start, skip;
    char *message;          /* an autostart that failed */
} NetWork;

static void
free_spec(gpointer spec)
{
    sk_value_free(&sk_network_spec_type, spec);
}

static void
free_work(gpointer data)
{
    NetWork *work = data;
    free_spec(work->spec);
    free_spec(work->old);
    g_clear_pointer(&work->others, g_ptr_array_unref);
    sk_network_rules_free(work->rules);
    sk_network_running_clear(&work->running);
    sk_fd_clear(&work->dnsmasq);
    sk_record_free(work->record);
    g_free(work->message);
    g_free(work);
}

static char *
network_object(SkService *service, SkCall *call)
{
    (void) service;
    const SkNetworkSpec *body = call->body;
    return g_strconcat("network/", call->op->id == SK_OP_NETWORK_CREATE ? body->name : call->params.name, NULL);
}

static NetWork *
new_work(SkService *self, const SkNetworkSpec *spec)
{
    NetWork *work = g_new0(NetWork, 1);
    work->dnsmasq = -1;
    work->spec = sk_value_copy(&sk_network_spec_type, spec);
    work->store = self->store;
    work->paths = sk_service_network_paths(self);
    return work;
}

/* What the worker must know of the others; taken when the job's turn has come. */
static void
look_around(SkService *self, NetWork *work)
{
    work->others = g_ptr_array_new_with_free_func(free_spec);
    work->rules = sk_network_rules_new(self->tag);
    for (GTreeNode *node = g_tree_node_first(self->networks); node != NULL; node = g_tree_node_next(node)) {
        const SkNetwork *other = g_tree_node_value(node);
        if (g_str_equal(other->spec->name, work->spec->name))
            continue;
        g_ptr_array_add(work->others, sk_value_copy(&sk_network_spec_type, other->spec));
        if (other->status.active)
            sk_network_rules_add(work->rules, other->spec);
    }
}

static void
tell(SkNetwork *network, const char *type)
{
    g_autofree char *object = g_strconcat("network/", network->spec->name, NULL);
    sk_events_emit(network->service->events, type, object, network->spec->uuid, NULL);
}

static SkRecord *
network_record(const SkNetworkSpec *spec)
{
    g_autofree char *json = sk_json_encode(&sk_network_spec_type, spec, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    return sk_record_new("network", spec->uuid, spec->name, json);
}

static SkNetwork *
add_network(SkService *self, SkNetworkSpec *spec, guint64 revision)
{
    SkNetwork *network = g_new0(SkNetwork, 1);
    network->service = self;
    network->spec = spec;
    network->revision = revision;
    g_tree_insert(self->networks, g_strdup(spec->name), network);
    return network;
}

/* A definition that got its bridge and subnet when it was first brought up is kept with them. */
static gboolean
complete_and_keep(NetWork *work, GError **error)
{
    g_autofree char *before = sk_json_encode(&sk_network_spec_type, work->spec, 0);
    if (!sk_network_complete(work->spec, &work->paths, work->others, error))
        return FALSE;
    g_autofree char *after = sk_json_encode(&sk_network_spec_type, work->spec, 0);
    if (g_str_equal(before, after) && work->record == NULL)
        return TRUE;
    sk_record_free(work->record);
    work->record = network_record(work->spec);
    return sk_store_put(work->store, work->record, error);
}

static gboolean
bring_up(NetWork *work, gboolean reattach, GError **error)
{
    gboolean ok = reattach ? sk_network_reattach(work->spec, &work->paths, &work->running, error)
                           : sk_network_up(work->spec, &work->paths, &work->running, error);
    if (!ok)
        return FALSE;
    sk_network_rules_add(work->rules, work->spec);
    if (sk_network_rules_apply(work->rules, error)) {
        work->up = TRUE;
        work->dnsmasq = sk_dnsmasq_open(work->spec->name, &work->paths);
        return TRUE;
    }
    if (!reattach)
        sk_network_down(work->spec, &work->paths, NULL);
    return FALSE;
}

static void
set_active(SkNetwork *network, NetWork *work)
{
    network->status.active = work->up;
    g_free(network->status.bridge);
    network->status.bridge = g_strdup(work->running.bridge);
    g_clear_pointer(&network->status.message, g_free);
    sk_store_put_state(network->service->store, "network", network->spec->uuid, work->up ? "{\"active\":true}" : "{\"active\":false}");
    sk_network_watch_dnsmasq(network, sk_fd_steal(&work->dnsmasq));
    if (work->up && work->running.lease_path != NULL)
        sk_network_watch_leases(network, work->running.lease_path);
}

/* What bring_up() did, for a job that fails after it. */
static void
take_down(NetWork *work)
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
take_spec(SkNetwork *network, NetWork *work)
{
    free_spec(network->spec);
    network->spec = g_steal_pointer(&work->spec);
    if (work->record != NULL)
        network->revision = work->record->revision;
}

static void
tell_domains(SkService *self)
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
    look_around(job->service, job->work = new_work(job->service, network->spec));
    return TRUE;
}

static gboolean
run_start(SkJob *job, GError **error)
{
    NetWork *work = job->work;
    return complete_and_keep(work, error) && bring_up(work, FALSE, error);
}

static void
commit_start(SkJob *job)
{
    NetWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    take_spec(network, work);
    set_active(network, work);
    tell(network, "network.started");
}

const SkJobKind sk_network_start_job = {
    .object = network_object, .queue = QUEUE, .prepare = prepare_start, .run = run_start, .commit = commit_start, .free_work = free_work,
};

/* -- stop -------------------------------------------------------------------------------------------------------- */

static gboolean
check_unused(SkService *self, const char *name, gboolean definitions_too, GError **error)
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
    if (!check_unused(job->service, network->spec->name, FALSE, error))
        return FALSE;
    network->stopping = TRUE;
    look_around(job->service, job->work = new_work(job->service, network->spec));
    return TRUE;
}

/* A stop or deletion that failed. */
static void
rollback_stop(SkJob *job, const GError *error)
{
    NetWork *work = job->work;
    SkNetwork *network = work != NULL ? g_tree_lookup(job->service->networks, work->spec->name) : NULL;
    (void) error;
    if (network != NULL)
        network->stopping = FALSE;
}

static gboolean
run_stop(SkJob *job, GError **error)
{
    NetWork *work = job->work;
    return sk_network_down(work->spec, &work->paths, error) && sk_network_rules_apply(work->rules, error);
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
    sk_store_put_state(self->store, "network", network->spec->uuid, "{\"active\":false}");
}

static void
commit_stop(SkJob *job)
{
    NetWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    deactivate(network);
    tell(network, "network.stopped");
}

const SkJobKind sk_network_stop_job = {
    .object = network_object, .queue = QUEUE, .prepare = prepare_stop, .run = run_stop, .commit = commit_stop, .rollback = rollback_stop,
    .free_work = free_work,
};

/* -- create --------------------------------------------------------------------------------------------------------- */

static gboolean
check_privileged(SkService *self, GError **error)
{
    return !self->settings->session ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "a session daemon cannot make networks: use an interface of kind user, or the system's daemon");
}

static gboolean
prepare_create(SkJob *job, GError **error)
{
    const SkNetworkSpec *spec = job->call->body;
    if (!check_privileged(job->service, error))
        return FALSE;
    if (g_tree_lookup(job->service->networks, spec->name) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a network \"%s\" already", spec->name);
    NetWork *work = job->work = new_work(job->service, spec);
    sk_network_spec_complete(work->spec);
    work->start = job->call->params.start;
    look_around(job->service, work);
    return TRUE;
}

static gboolean
run_create(SkJob *job, GError **error)
{
    NetWork *work = job->work;
    if (!sk_network_complete(work->spec, &work->paths, work->others, error) || (work->start && !bring_up(work, FALSE, error)))
        return FALSE;
    work->record = network_record(work->spec);
    if (!sk_fault("network-create/record", error) && sk_store_put(work->store, work->record, error))
        return TRUE;
    take_down(work);
    return FALSE;
}

static void
commit_create(SkJob *job)
{
    NetWork *work = job->work;
    SkNetwork *network = add_network(job->service, g_steal_pointer(&work->spec), work->record->revision);
    if (work->up)
        set_active(network, work);
    SkCreated created = { .name = network->spec->name, .uuid = network->spec->uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    tell(network, "network.created");
}

const SkJobKind sk_network_create_job = {
    .object = network_object, .queue = QUEUE, .prepare = prepare_create, .run = run_create, .commit = commit_create, .free_work = free_work,
};

/* -- update ------------------------------------------------------------------------------------------------------------ */

static void
watch_leases(SkNetwork *network, const SkNetworkPaths *paths)
{
    g_autofree char *path = sk_network_lease_path(paths, network->spec->name);
    if (network->spec->dhcp)
        sk_network_watch_leases(network, path);
    else if (network->service->lease_watch != NULL)
        sk_lease_watch_remove(network->service->lease_watch, network->spec->name);
}

static gboolean
prepare_update(SkJob *job, GError **error)
{
    SkCall *call = job->call;
    const SkNetwork *network = sk_service_network(job->service, call->params.name, error);
    if (network == NULL)
        return FALSE;
    NetWork *work = job->work = new_work(job->service, network->spec);
    work->old = sk_value_copy(&sk_network_spec_type, network->spec);
    work->was_active = network->status.active;
    if (!sk_json_merge(&sk_network_spec_type, work->spec, call->patch, NULL, error) ||
        !sk_value_check(&sk_network_spec_type, work->spec, NULL, error))
        return FALSE;
    if (g_strcmp0(work->old->name, work->spec->name) != 0 || g_strcmp0(work->old->uuid, work->spec->uuid) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "the name and the UUID of network \"%s\" cannot be changed", work->old->name);
    if (work->was_active && (work->old->forward == SK_FORWARD_BRIDGE || g_strcmp0(work->old->bridge, work->spec->bridge) != 0 ||
                             (work->spec->forward == SK_FORWARD_BRIDGE) != (work->old->forward == SK_FORWARD_BRIDGE)))
        return sk_fail(error, SK_ERROR_STATE, "the bridge of network \"%s\" cannot be changed while it is active: stop it first", work->old->name);
    look_around(job->service, work);
    return TRUE;
}

static gboolean
change_running(NetWork *work, GError **error)
{
    sk_network_rules_add(work->rules, work->spec);
    return sk_network_update(work->old, work->spec, &work->paths, error) && sk_network_rules_apply(work->rules, error);
}

/* As it was before a change that failed; what did not come to be changed stays as it is. */
static void
change_back(NetWork *work)
{
    g_autoptr(GError) why = NULL;
    sk_network_rules_drop(work->rules, work->spec);
    sk_network_rules_add(work->rules, work->old);
    if (!sk_network_update(work->spec, work->old, &work->paths, &why) || !sk_network_rules_apply(work->rules, &why))
        g_warning("network \"%s\" is not as it was before: %s, leaving it to the next start", work->old->name, why->message);
}

static gboolean
run_update(SkJob *job, GError **error)
{
    NetWork *work = job->work;
    if (!sk_network_complete(work->spec, &work->paths, work->others, error))
        return FALSE;
    work->record = network_record(work->spec);
    if ((!work->was_active || change_running(work, error)) && !sk_fault("network-update/record", error) &&
        sk_store_put(work->store, work->record, error))
        return TRUE;
    if (work->was_active)
        change_back(work);
    return FALSE;
}

static void
commit_update(SkJob *job)
{
    NetWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->old->name);
    take_spec(network, work);
    if (work->was_active) {
        watch_leases(network, &work->paths);
        tell_domains(job->service);
    }
    g_autofree char *etag = g_strdup_printf("%" G_GUINT64_FORMAT, network->revision);
    SkCreated created = { .name = network->spec->name, .uuid = network->spec->uuid, .etag = etag };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    tell(network, "network.changed");
}

const SkJobKind sk_network_update_job = {
    .object = network_object, .queue = QUEUE, .prepare = prepare_update, .run = run_update, .commit = commit_update, .free_work = free_work,
};

/* -- delete --------------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_delete(SkJob *job, GError **error)
{
    SkNetwork *network = sk_service_network(job->service, job->call->params.name, error);
    if (network == NULL || !check_unused(job->service, network->spec->name, TRUE, error))
        return FALSE;
    NetWork *work = job->work = new_work(job->service, network->spec);
    work->was_active = network->status.active;
    network->stopping = TRUE;
    look_around(job->service, work);
    return TRUE;
}

static gboolean
run_delete(SkJob *job, GError **error)
{
    NetWork *work = job->work;
    if (work->was_active && !run_stop(job, error))
        return FALSE;
    return sk_store_remove(work->store, "network", work->spec->uuid, error) && sk_network_forget(work->spec->name, &work->paths, error);
}

static void
commit_delete(SkJob *job)
{
    NetWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    deactivate(network);
    tell(network, "network.deleted");
    g_tree_remove(job->service->networks, work->spec->name);
}

const SkJobKind sk_network_delete_job = {
    .object = network_object, .queue = QUEUE, .prepare = prepare_delete, .run = run_delete, .commit = commit_delete, .rollback = rollback_stop,
    .free_work = free_work,
};

/* -- at the daemon's start --------------------------------------------------------------------------------------------------- */

static gboolean
prepare_autostart(SkJob *job, GError **error)
{
    (void) error;
    look_around(job->service, job->work);
    return TRUE;
}

static gboolean
run_autostart(SkJob *job, GError **error)
{
    NetWork *work = job->work;
    g_autoptr(GError) why = NULL;
    (void) error;
    if (!complete_and_keep(work, &why) || !bring_up(work, work->was_active, &why))
        work->message = g_strdup(why->message);
    return TRUE;
}

static void
commit_autostart(SkJob *job)
{
    NetWork *work = job->work;
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
    tell(network, "network.started");
}

static const SkJobKind autostart_job = {
    .queue = QUEUE, .prepare = prepare_autostart, .run = run_autostart, .commit = commit_autostart, .free_work = free_work,
};

/* -- dnsmasq ended by itself ---------------------------------------------------------------------------------------------- */

/* By now it may be stopped or gone; then there is nothing to mend. */
static gboolean
prepare_mend(SkJob *job, GError **error)
{
    NetWork *work = job->work;
    const SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    (void) error;
    work->skip = network == NULL || !network->status.active || network->stopping;
    if (work->skip)
        return TRUE;
    free_spec(work->spec);
    work->spec = sk_value_copy(&sk_network_spec_type, network->spec);
    look_around(job->service, work);
    return TRUE;
}

static gboolean
run_mend(SkJob *job, GError **error)
{
    NetWork *work = job->work;
    g_autoptr(GError) why = NULL;
    (void) error;
    if (!work->skip && !bring_up(work, TRUE, &why))
        work->message = g_strdup(why->message);
    return TRUE;
}

static void
commit_mend(SkJob *job)
{
    NetWork *work = job->work;
    SkNetwork *network = work->skip ? NULL : g_tree_lookup(job->service->networks, work->spec->name);
    if (network == NULL)
        return;
    if (work->message != NULL) {
        g_warning("network \"%s\" lacks something: %s, trying again", network->spec->name, work->message);
        g_free(network->status.message);
        network->status.message = g_steal_pointer(&work->message);
        sk_network_mend_later(network);
        return;
    }
    /* A change of the network starts dnsmasq anew too, and then nothing was missing. */
    if (work->running.mended > 0)
        g_warning("network \"%s\": its dnsmasq had ended, it was started again", network->spec->name);
    set_active(network, work);
}

static const SkJobKind mend_job = {
    .queue = QUEUE, .prepare = prepare_mend, .run = run_mend, .commit = commit_mend, .free_work = free_work,
};

void
sk_network_mend(SkNetwork *self)
{
    sk_job_start_quiet(self->service, &mend_job, new_work(self->service, self->spec));
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
        g_ptr_array_add(work->owners, g_strdup(((SkDomain *) g_tree_node_value(node))->spec->uuid));
    g_ptr_array_add(work->owners, NULL);
    for (GTreeNode *node = g_tree_node_first(self->networks); node != NULL; node = g_tree_node_next(node)) {
        const SkNetwork *network = g_tree_node_value(node);
        if (network->status.active)
            sk_network_rules_add(work->rules, network->spec);
        if (!network->status.active && network->status.message == NULL)
            continue;
        g_ptr_array_add(work->networks, g_strdup(network->spec->name));
        if (network->spec->bridge != NULL)
            g_ptr_array_add(work->bridges, g_strdup(network->spec->bridge));
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
    /* Names of domains whose deletion a crash cut short: others may want them. */
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
    tell_domains(job->service);
    sk_service_hosts_changed(job->service);
    sk_service_autostart_domains(job->service);
}

static const SkJobKind settle_job = {
    .queue = QUEUE, .prepare = prepare_settle, .run = run_settle, .commit = commit_settle, .free_work = free_settle,
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

void
sk_service_start_networks(SkService *self)
{
    for (GTreeNode *node = g_tree_node_first(self->networks); node != NULL; node = g_tree_node_next(node)) {
        const SkNetwork *network = g_tree_node_value(node);
        g_autofree char *run = g_build_filename(self->network_run_dir, network->spec->name, NULL);
        gboolean was_up = network->was_active && g_file_test(run, G_FILE_TEST_IS_DIR);
        if (!network->spec->autostart && !was_up)
            continue;
        NetWork *work = new_work(self, network->spec);
        work->was_active = was_up;
        sk_job_start_quiet(self, &autostart_job, work);
    }
    if (!self->settings->session)
        sk_job_start_quiet(self, &settle_job, new_settle(self));
    else
        sk_service_autostart_domains(self);
}

static gboolean
make_default(SkService *self, GError **error)
{
    SkNetworkSpec *spec = sk_value_new(&sk_network_spec_type);
    spec->name = g_strdup("default");
    sk_network_spec_complete(spec);
    g_autoptr(SkRecord) record = network_record(spec);
    if (!sk_store_put(self->store, record, error)) {
        free_spec(spec);
        return FALSE;
    }
    add_network(self, spec, record->revision);
    return TRUE;
}

gboolean
sk_service_load_networks(SkService *self, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    if (!sk_store_load(self->store, "network", &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        SkNetworkSpec *spec = sk_json_decode_text(&sk_network_spec_type, record->spec, strlen(record->spec), record->name, error);
        if (spec == NULL)
            return FALSE;
        SkNetwork *network = add_network(self, spec, record->revision);
        network->was_active = record->state != NULL && strstr(record->state, "true") != NULL;
    }
    return !self->first_start || self->settings->session || g_tree_lookup(self->networks, "default") != NULL || make_default(self, error);
}
