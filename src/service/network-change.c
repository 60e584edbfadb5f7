/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of a network's definition and of what is up of it: update (a merge patch), edit (one thing), define (a whole
 * definition, for the next start), undefine.
 */
#include <string.h>

#include "base/error.h"
#include "network/leases.h"
#include "network/paths.h"
#include "service/network-work.h"

static void
free_spec(gpointer spec)
{
    sk_value_free(&sk_network_spec_type, spec);
}

/* -- update, edit ------------------------------------------------------------------------------------------------ */

/* Applies what the call asks for to a copy of from. */
static SkNetworkSpec *
changed_copy(const SkNetworkSpec *from, const SkCall *call, GError **error)
{
    SkNetworkSpec *spec = sk_value_copy(&sk_network_spec_type, from);
    gboolean ok = call->op->id == SK_OP_NETWORK_EDIT ? sk_network_edit_apply(call->body, spec, error)
                                                     : sk_json_merge(&sk_network_spec_type, spec, call->patch, NULL, error);
    if (ok && sk_value_check(&sk_network_spec_type, spec, NULL, error))
        return spec;
    free_spec(spec);
    return NULL;
}

static gboolean
check_change(const SkNetworkWork *work, const SkNetwork *network, gboolean edit, GError **error)
{
    const SkNetworkSpec *spec = work->spec, *old = work->old, *live = work->live;
    if (spec != NULL && (g_strcmp0(network->spec->name, spec->name) != 0 || g_strcmp0(network->spec->uuid, spec->uuid) != 0))
        return sk_fail(error, SK_ERROR_INVALID, "the name and the UUID of network \"%s\" cannot be changed", network->spec->name);
    /* Of a network on somebody else's bridge only its port groups can be edited, which are for guests to come. */
    if (live != NULL && ((old->forward == SK_FORWARD_BRIDGE && !edit) || g_strcmp0(old->bridge, live->bridge) != 0 ||
                         (live->forward == SK_FORWARD_BRIDGE) != (old->forward == SK_FORWARD_BRIDGE)))
        return sk_fail(error, SK_ERROR_STATE, "the bridge of network \"%s\" cannot be changed while it is active: stop it first", network->spec->name);
    return TRUE;
}

static gboolean
prepare_change(SkJob *job, GError **error)
{
    SkCall *call = job->call;
    const SkNetwork *network = sk_service_network(job->service, call->params.name, error);
    if (network == NULL)
        return FALSE;
    gint scope = call->params.scope;
    gboolean active = network->status.active;
    if (scope == SK_SCOPE_LIVE && !active)
        return sk_fail(error, SK_ERROR_STATE, "network \"%s\" is not active", network->spec->name);
    if (scope == SK_SCOPE_CONFIG && !network->persistent)
        return sk_fail(error, SK_ERROR_STATE, "network \"%s\" is transient: it has no definition", network->spec->name);
    SkNetworkWork *work = job->work = sk_network_work_new(job->service, NULL);
    work->old = active ? sk_value_copy(&sk_network_spec_type, sk_network_in_force(network)) : NULL;
    work->transient = !network->persistent;
    if (scope != SK_SCOPE_LIVE && !work->transient && (work->spec = changed_copy(network->spec, call, error)) == NULL)
        return FALSE;
    if (scope != SK_SCOPE_CONFIG && active && (work->live = changed_copy(work->old, call, error)) == NULL)
        return FALSE;
    sk_network_look_around(job->service, work, network->spec->name);
    return check_change(work, network, call->op->id == SK_OP_NETWORK_EDIT, error);
}

static gboolean
change_running(SkNetworkWork *work, GError **error)
{
    if (!sk_network_complete(work->live, &work->paths, work->others, error))
        return FALSE;
    sk_network_rules_add(work->rules, work->live);
    return sk_network_update(work->old, work->live, &work->paths, error) && sk_network_rules_apply(work->rules, error);
}

/* As it was before a change that failed; what did not come to be changed stays as it is. */
static void
change_back(SkNetworkWork *work)
{
    g_autoptr(GError) why = NULL;
    sk_network_rules_drop(work->rules, work->live);
    sk_network_rules_add(work->rules, work->old);
    if (!sk_network_update(work->live, work->old, &work->paths, &why) || !sk_network_rules_apply(work->rules, &why))
        g_warning("network \"%s\" is not as it was before: %s, leaving it to the next start", work->old->name, why->message);
}

/* What is up has a bridge, which is not in the way of its own definition, whatever MAC address that gives it. */
static gboolean
complete_definition(SkNetworkWork *work, GError **error)
{
    SkNetworkSpec *spec = work->spec;
    const SkNetworkSpec *up = work->old;
    if (spec->bridge == NULL && up != NULL && up->forward != SK_FORWARD_BRIDGE && spec->forward != SK_FORWARD_BRIDGE)
        spec->bridge = g_strdup(up->bridge);
    if (up == NULL || spec->forward == SK_FORWARD_BRIDGE || up->forward == SK_FORWARD_BRIDGE)
        return sk_network_complete(spec, &work->paths, work->others, error);
    char *bridge = g_steal_pointer(&spec->bridge), *mac = g_steal_pointer(&spec->mac);
    spec->bridge = up->bridge;
    spec->mac = up->mac;
    gboolean ok = sk_network_complete(spec, &work->paths, work->others, error);
    spec->bridge = bridge;
    spec->mac = mac;
    return ok;
}

/* What is up is another than the definition; whether it starts with the host is the definition's alone. */
static gboolean
differs(SkNetworkSpec *live, const SkNetworkSpec *spec)
{
    live->autostart = spec->autostart;
    return !sk_value_equal(&sk_network_spec_type, live, spec);
}

/* The definition and the state, together. */
static gboolean
keep(SkNetworkWork *work, GError **error)
{
    SkNetworkSpec *live = work->live != NULL ? work->live : work->old;
    gboolean apart = !work->transient && live != NULL && (work->spec == NULL || differs(live, work->spec));
    g_autofree char *state = sk_network_state_json(live != NULL, apart ? live : NULL);
    SkStoreBatch *batch = sk_store_batch_new();
    work->record = sk_network_record(work->spec != NULL ? work->spec : live, !work->transient);
    if (work->spec != NULL || work->transient)
        sk_store_batch_put(batch, work->record);
    sk_store_batch_put_state(batch, sk_network_kind(!work->transient), work->record->uuid, state);
    return sk_store_commit(work->store, batch, error);
}

static gboolean
run_change(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    if ((work->spec == NULL || complete_definition(work, error)) && (work->live == NULL || change_running(work, error)) &&
        !sk_fault("network-update/record", error) && keep(work, error))
        return TRUE;
    if (work->live != NULL)
        change_back(work);
    return FALSE;
}

void
sk_network_follow_leases(SkNetwork *network)
{
    const SkNetworkSpec *spec = sk_network_in_force(network);
    const SkNetworkPaths paths = sk_service_network_paths(network->service);
    g_autofree char *path = sk_network_lease_path(&paths, spec->name);
    if (spec->dhcp)
        sk_network_watch_leases(network, path);
    else if (network->service->lease_watch != NULL)
        sk_lease_watch_remove(network->service->lease_watch, spec->name);
}

/* What is up is kept apart only if it is another than the definition. */
static void
take(SkNetwork *network, SkNetworkWork *work)
{
    if (work->live != NULL || (work->spec != NULL && network->live == NULL && network->status.active)) {
        SkNetworkSpec *live = work->live != NULL ? g_steal_pointer(&work->live) : sk_value_copy(&sk_network_spec_type, network->spec);
        free_spec(network->live);
        network->live = live;
    }
    if (work->spec != NULL) {
        free_spec(network->spec);
        network->spec = g_steal_pointer(&work->spec);
        network->revision++;
    }
    if (!network->persistent && network->live != NULL) {
        free_spec(network->spec);
        network->spec = g_steal_pointer(&network->live);
    }
    if (network->live != NULL && !differs(network->live, network->spec))
        g_clear_pointer(&network->live, free_spec);
}

static void
commit_change(SkJob *job)
{
    SkNetworkWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->spec != NULL ? work->spec->name : work->live->name);
    gboolean running = work->live != NULL;
    take(network, work);
    if (running) {
        sk_network_follow_leases(network);
        sk_network_tell_domains(job->service);
    }
    sk_network_set_result(job, network);
    sk_network_tell(network, "network.changed");
}

const SkJobKind sk_network_update_job = {
    .object = sk_network_object, .queue = SK_NETWORK_QUEUE, .prepare = prepare_change, .run = run_change, .commit = commit_change, .free_work = sk_network_work_free,
};
const SkJobKind sk_network_edit_job = {
    .object = sk_network_object, .queue = SK_NETWORK_QUEUE, .prepare = prepare_change, .run = run_change, .commit = commit_change, .free_work = sk_network_work_free,
};

/* -- define ------------------------------------------------------------------------------------------------------ */

static void
inherit(char **place, const char *old)
{
    if (*place == NULL)
        *place = g_strdup(old);
}

/* What a definition leaves open stays as it was. */
static gboolean
take_over(SkNetworkSpec *spec, const SkNetwork *network, GError **error)
{
    const SkNetworkSpec *old = network->spec;
    inherit(&spec->uuid, old->uuid);
    if (g_ascii_strcasecmp(spec->uuid, old->uuid) != 0)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a network \"%s\" already, with the UUID %s", old->name, old->uuid);
    if (spec->forward != SK_FORWARD_BRIDGE && old->forward != SK_FORWARD_BRIDGE) {
        inherit(&spec->mac, old->mac);
        inherit(&spec->bridge, old->bridge);
    }
    return TRUE;
}

static gboolean
prepare_define(SkJob *job, GError **error)
{
    SkService *self = job->service;
    const SkNetworkSpec *body = job->call->body;
    SkNetwork *network = g_tree_lookup(self->networks, body->name);
    if (g_strcmp0(job->call->params.name, body->name) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "the definition is of network \"%s\", but was given for \"%s\"", body->name, job->call->params.name);
    if (!sk_network_check_privileged(self, error) || (network == NULL && !sk_network_check_new(self, body, error)))
        return FALSE;
    SkNetworkWork *work = job->work = sk_network_work_new(self, body);
    work->fresh = network == NULL;
    if (network != NULL && !take_over(work->spec, network, error))
        return FALSE;
    if (network != NULL && network->status.active)
        work->old = sk_value_copy(&sk_network_spec_type, sk_network_in_force(network));
    sk_network_spec_complete(work->spec);
    sk_network_look_around(self, work, body->name);
    return TRUE;
}

static gboolean
keep_definition(SkNetworkWork *work, GError **error)
{
    SkStoreBatch *batch = sk_store_batch_new();
    work->record = sk_network_record(work->spec, TRUE);
    sk_store_batch_put(batch, work->record);
    /* One that was without a definition gets one; what is up of it stays as it is. */
    sk_store_batch_remove(batch, sk_network_kind(FALSE), work->spec->uuid);
    if (work->old != NULL) {
        gboolean same = !differs(work->old, work->spec);
        g_autofree char *state = sk_network_state_json(TRUE, same ? NULL : work->old);
        sk_store_batch_put_state(batch, sk_network_kind(TRUE), work->spec->uuid, state);
    }
    return sk_store_commit(work->store, batch, error);
}

static gboolean
run_define(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    return complete_definition(work, error) && !sk_fault("network-define/record", error) && keep_definition(work, error);
}

static void
tell_created(const SkNetwork *network)
{
    g_autofree char *object = g_strconcat("network/", network->spec->name, NULL);
    sk_events_emit(network->service->events, "network.created", object, network->spec->uuid, g_strdup("{\"persistent\":true}"));
}

static void
commit_define(SkJob *job)
{
    SkNetworkWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    if (network == NULL) {
        network = sk_network_add(job->service, g_steal_pointer(&work->spec), 1, TRUE);
        tell_created(network);
    } else {
        gboolean was_persistent = network->persistent;
        network->persistent = TRUE;
        take(network, work);
        if (was_persistent)
            sk_network_tell(network, "network.changed");
        else
            tell_created(network);
    }
    sk_network_set_result(job, network);
}

const SkJobKind sk_network_define_job = {
    .object = sk_network_object, .queue = SK_NETWORK_QUEUE, .prepare = prepare_define, .run = run_define, .commit = commit_define, .free_work = sk_network_work_free,
};

/* -- undefine ---------------------------------------------------------------------------------------------------- */

static gboolean
prepare_undefine(SkJob *job, GError **error)
{
    const SkNetwork *network = sk_service_network(job->service, job->call->params.name, error);
    if (network == NULL)
        return FALSE;
    if (!network->persistent)
        return sk_fail(error, SK_ERROR_STATE, "network \"%s\" is transient: it has no definition", network->spec->name);
    SkNetworkWork *work = job->work = sk_network_work_new(job->service, sk_network_in_force(network));
    work->was_active = network->status.active;
    return TRUE;
}

static gboolean
run_undefine(SkJob *job, GError **error)
{
    SkNetworkWork *work = job->work;
    SkStoreBatch *batch = sk_store_batch_new();
    sk_store_batch_remove(batch, sk_network_kind(TRUE), work->spec->uuid);
    if (work->was_active) {
        g_autofree char *state = sk_network_state_json(TRUE, NULL);
        work->record = sk_network_record(work->spec, FALSE);
        sk_store_batch_put(batch, work->record);
        sk_store_batch_put_state(batch, sk_network_kind(FALSE), work->spec->uuid, state);
    }
    if (sk_fault("network-undefine/record", error)) {
        sk_store_batch_free(batch);
        return FALSE;
    }
    return sk_store_commit(work->store, batch, error) && (work->was_active || sk_network_forget(work->spec->name, &work->paths, error));
}

static void
commit_undefine(SkJob *job)
{
    SkNetworkWork *work = job->work;
    SkNetwork *network = g_tree_lookup(job->service->networks, work->spec->name);
    if (!work->was_active) {
        sk_network_drop(network);
        return;
    }
    network->persistent = FALSE;
    network->revision = 1;
    if (network->live != NULL) {
        free_spec(network->spec);
        network->spec = g_steal_pointer(&network->live);
    }
    sk_network_tell(network, "network.undefined");
}

const SkJobKind sk_network_undefine_job = {
    .object = sk_network_object, .queue = SK_NETWORK_QUEUE, .prepare = prepare_undefine, .run = run_undefine, .commit = commit_undefine, .free_work = sk_network_work_free,
};
