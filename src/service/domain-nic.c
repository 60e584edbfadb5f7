/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nic.attach, nic.update, nic.detach. */
#include "base/error.h"
#include "engine/qmp/commands.h"
#include "network/tap.h"
#include "service/domain-addresses.h"
#include "service/domain-change.h"
#include "service/domain-device.h"
#include "service/domain-live.h"
#include "service/domain-note.h"
#include "service/domain-port.h"
#include "service/network.h"
#include "service/session-network.h"

#define DETACH_MS 30000

typedef struct {
    SkDomainChange change;
    SkNicPlan *plan;        /* attach, move: what it is plugged into */
    char *mac;
    char *tap;              /* update: the link */
    gboolean move, limit;   /* update: another bridge, other limits */
    SkBandwidth bandwidth;
    char *bridge;           /* move: the one it was on; NULL: it is down */
    SkVlan *vlan;           /* move: what it was in there */
    gboolean own_bridge;
    SkBandwidth old_bandwidth;
    SkDomainSpec *before;   /* update: what ran */
    const char *tag;        /* of the daemon */
} NicWork;

static void
free_work(gpointer data)
{
    NicWork *work = data;
    sk_domain_change_clear(&work->change);
    sk_nic_plan_free(work->plan);
    g_free(work->mac);
    g_free(work->tap);
    g_free(work->bridge);
    sk_value_free(&sk_vlan_type, work->vlan);
    sk_value_free(&sk_domain_spec_type, work->before);
    g_free(work);
}

static NicWork *
begin(SkJob *job, GError **error)
{
    NicWork *work = job->work = g_new0(NicWork, 1);
    return sk_domain_change_begin(&work->change, job, error) ? work : NULL;
}

static SkInterface *
find_nic(const SkDomainChange *change, const char *text, GError **error)
{
    SkInterface *nic = sk_domain_spec_find_interface(change->spec, text);
    if (nic == NULL && change->live != NULL)
        nic = sk_domain_spec_find_interface(change->live, text);
    if (nic == NULL)
        sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no interface \"%.32s\": give its MAC address, alias or place", change->spec->name, text);
    return nic;
}

static gboolean
check(NicWork *work, SkService *self, GError **error)
{
    return sk_domain_change_check(&work->change, error) && sk_domain_check_interfaces(self, work->change.spec, error);
}

/* -- attach --------------------------------------------------------------------------------------------------- */

static gboolean
prepare_attach(SkJob *job, GError **error)
{
    NicWork *work = begin(job, error);
    if (work == NULL)
        return FALSE;
    SkDomainChange *change = &work->change;
    const SkInterface *asked = sk_job_device(job, &sk_interface_type);
    if (!job->call->dialect && !sk_value_check_readonly(&sk_interface_type, NULL, asked, NULL, error))
        return FALSE;
    if (asked->mac != NULL && sk_domain_spec_find_interface(change->spec, asked->mac) != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" has an interface with the MAC address \"%s\" already", change->spec->name, asked->mac);
    sk_list_append_copy(&change->spec->interfaces, &sk_interface_type, asked);
    if (!sk_session_fit_interfaces(job->service, change->spec, error))
        return FALSE;
    sk_domain_spec_complete(change->spec);
    if (!sk_engine_assign(change->spec, error))
        return FALSE;
    const SkInterface *nic = change->spec->interfaces->pdata[change->spec->interfaces->len - 1];
    work->mac = g_strdup(nic->mac);
    if (change->live == NULL)
        return check(work, job->service, error);
    sk_list_append_copy(&change->live->interfaces, &sk_interface_type, nic);
    work->plan = sk_nic_plan_new(job->service, change->spec->uuid, nic, error);
    return work->plan != NULL && check(work, job->service, error);
}

static gboolean
plug(NicWork *work, SkUndo *undo, GError **error)
{
    SkDomainChange *change = &work->change;
    SkInterface *nic = sk_domain_spec_find_interface(change->live, work->mac);
    GError *why = NULL;
    g_autoptr(SkNicEnd) end = sk_launch_open_nic(work->plan, undo, &why);
    if (why != NULL) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_autoptr(SkPlug) plug = sk_plug_interface(change->live, nic, end, error);
    nic->tap = g_strdup(work->plan->tap);
    return plug != NULL && sk_domain_change_note(change, error) && sk_qmp_attach(change->qmp, plug, error);
}

static gboolean
run_attach(SkJob *job, GError **error)
{
    NicWork *work = job->work;
    g_autoptr(SkUndo) undo = sk_undo_new();
    if (!sk_domain_change_keep(&work->change, job, error))
        return FALSE;
    sk_undo_push(undo, "definition", sk_domain_change_undo_keep, &work->change, NULL);
    /* Last, because a guest cannot be made to let go of it again. */
    if (work->change.live != NULL && (sk_fault("nic-attach/device", error) || !plug(work, undo, error)))
        return FALSE;
    sk_undo_disarm(undo);
    return TRUE;
}

static void
commit_attach(SkJob *job)
{
    NicWork *work = job->work;
    sk_job_set_result(job, sk_json_encode(&sk_interface_type, sk_domain_spec_find_interface(work->change.spec, work->mac), 0));
    sk_domain_change_commit(&work->change);
}

const SkJobKind sk_nic_attach_job = {
    .object = sk_domain_job_object, .prepare = prepare_attach, .run = run_attach, .commit = commit_attach, .free_work = free_work,
};

/* -- detach ----------------------------------------------------------------------------------------------------- */

static gboolean
prepare_detach(SkJob *job, GError **error)
{
    NicWork *work = begin(job, error);
    const SkInterface *nic = work != NULL ? find_nic(&work->change, job->call->params.nic, error) : NULL;
    if (nic == NULL)
        return FALSE;
    work->mac = g_strdup(nic->mac);
    return TRUE;
}

static void
remove_nic(SkDomainSpec *spec, const char *mac)
{
    SkInterface *nic = spec != NULL ? sk_domain_spec_find_interface(spec, mac) : NULL;
    if (nic != NULL)
        sk_list_remove_entry(spec->interfaces, &sk_interface_type, nic);
}

static gboolean
run_detach(SkJob *job, GError **error)
{
    NicWork *work = job->work;
    SkDomainChange *change = &work->change;
    const SkInterface *plugged = change->live != NULL ? sk_domain_spec_find_interface(change->live, work->mac) : NULL;
    if (plugged != NULL) {
        g_autoptr(SkPlug) plug = sk_plug_interface(change->live, plugged, NULL, error);
        if (plug == NULL || !sk_domain_change_note(change, error) || !sk_qmp_detach(change->qmp, plug, DETACH_MS, error))
            return FALSE;
        sk_nic_let_go(job->service->tag, plugged);
    }
    remove_nic(change->live, work->mac);
    remove_nic(change->spec, work->mac);
    return sk_domain_change_keep(change, job, error);
}

static void
commit_change(SkJob *job)
{
    NicWork *work = job->work;
    sk_domain_change_commit(&work->change);
}

const SkJobKind sk_nic_detach_job = {
    .object = sk_domain_job_object, .prepare = prepare_detach, .run = run_detach, .commit = commit_change, .free_work = free_work,
};

/* -- update: cable, network, limits and addresses while it runs; the rest at the next start ---------------------------- */

/* To be plugged into what wanted says; what it was is kept for the way back. */
static gboolean
plan_move(NicWork *work, SkService *self, const SkInterface *nic, const SkInterface *wanted, GError **error)
{
    SkNicPort old;
    work->plan = sk_nic_plan_new(self, work->change.spec->uuid, wanted, error);
    if (work->plan == NULL || !sk_nic_port(self, nic, &old, error))
        return FALSE;
    if (old.openvswitch != NULL || work->plan->openvswitch != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "interface \"%s\" cannot be moved from or to Open vSwitch while the domain runs: detach it and attach it again", nic->mac);
    work->move = TRUE;
    work->bridge = nic->kind == SK_NIC_NETWORK ? sk_service_network_bridge(self, nic->network, NULL) : g_strdup(nic->bridge);
    work->vlan = sk_value_copy(&sk_vlan_type, old.vlan);
    work->own_bridge = old.own_bridge;
    return TRUE;
}

/* What the running interface takes over from the definition. */
static gboolean
follow(NicWork *work, SkService *self, SkInterface *nic, const SkInterface *wanted, GError **error)
{
    gboolean bridged = nic->kind == SK_NIC_NETWORK || nic->kind == SK_NIC_BRIDGE;
    gboolean same = nic->kind == wanted->kind && g_strcmp0(nic->network, wanted->network) == 0 && g_strcmp0(nic->bridge, wanted->bridge) == 0;
    work->tap = g_strdup(nic->tap);
    if (!same && bridged && (wanted->kind == SK_NIC_NETWORK || wanted->kind == SK_NIC_BRIDGE)) {
        if (!plan_move(work, self, nic, wanted, error))
            return FALSE;
        g_free(nic->network);
        g_free(nic->bridge);
        g_free(nic->portgroup);
        sk_value_free(&sk_vlan_type, nic->vlan);
        nic->portgroup = g_strdup(wanted->portgroup);
        nic->vlan = sk_value_copy(&sk_vlan_type, wanted->vlan);
        nic->network = g_strdup(wanted->network);
        nic->bridge = g_strdup(wanted->bridge);
        nic->kind = wanted->kind;
    }
    if (nic->tap != NULL && !sk_value_equal(&sk_bandwidth_type, &nic->bandwidth, &wanted->bandwidth)) {
        work->limit = TRUE;
        work->old_bandwidth = nic->bandwidth;
        work->bandwidth = nic->bandwidth = wanted->bandwidth;
    }
    return TRUE;
}

static gboolean
prepare_update(SkJob *job, GError **error)
{
    NicWork *work = begin(job, error);
    SkInterface *nic = work != NULL ? find_nic(&work->change, job->call->params.nic, error) : NULL;
    if (nic == NULL)
        return FALSE;
    SkDomainChange *change = &work->change;
    work->mac = g_strdup(nic->mac);
    SkInterface *wanted = sk_domain_spec_find_interface(change->spec, work->mac);
    if (wanted == NULL)
        return sk_fail(error, SK_ERROR_NO_DEVICE, "interface \"%s\" is not in the definition of domain \"%s\"", work->mac, change->spec->name);
    if (!sk_json_merge(&sk_interface_type, wanted, job->call->patch, NULL, error))
        return FALSE;
    if (g_strcmp0(wanted->mac, work->mac) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "the MAC address of an interface cannot be changed: detach it and attach another");
    SkInterface *running = change->live != NULL ? sk_domain_spec_find_interface(change->live, work->mac) : NULL;
    work->tag = job->service->tag;
    work->before = sk_value_copy(&sk_domain_spec_type, change->live);
    if (running != NULL && !follow(work, job->service, running, wanted, error))
        return FALSE;
    return check(work, job->service, error);
}

/* What the next daemon would take for what runs. */
static void
undo_note(gpointer data)
{
    NicWork *work = data;
    g_autoptr(GError) why = NULL;
    if (work->before != NULL && !sk_domain_note_change(work->change.domain->run_dir, work->change.runtime, work->before, &why))
        g_warning("%s, continuing", why->message);
}

static void
undo_move(gpointer data)
{
    const NicWork *work = data;
    g_autoptr(GError) why = NULL;
    const SkTapSpec spec = { .bridge = work->bridge, .vlan = work->vlan, .own_bridge = work->own_bridge };
    if (work->bridge != NULL && !sk_network_tap_move(work->tap, &spec, &why))
        g_warning("%s, continuing", why->message);
}

static void
undo_limit(gpointer data)
{
    const NicWork *work = data;
    g_autoptr(GError) why = NULL;
    if (!sk_network_tap_limit(work->tag, work->tap, &work->old_bandwidth, &why))
        g_warning("%s, continuing", why->message);
}

static gboolean
change_link(NicWork *work, SkUndo *undo, GError **error)
{
    if (work->move && work->tap != NULL) {
        const SkTapSpec spec = sk_nic_plan_tap(work->plan);
        if (!sk_network_tap_move(work->tap, &spec, error))
            return FALSE;
        sk_undo_push(undo, "move", undo_move, work, NULL);
    }
    if (!work->limit)
        return TRUE;
    if (!sk_network_tap_limit(work->tag, work->tap, &work->bandwidth, error))
        return FALSE;
    sk_undo_push(undo, "limit", undo_limit, work, NULL);
    return TRUE;
}

static gboolean
run_update(SkJob *job, GError **error)
{
    NicWork *work = job->work;
    SkDomainChange *change = &work->change;
    g_autoptr(SkUndo) undo = sk_undo_new();
    if (!sk_domain_change_note(change, error))
        return FALSE;
    sk_undo_push(undo, "note", undo_note, work, NULL);
    if (!change_link(work, undo, error) || (change->qmp != NULL && !sk_domain_apply_live(change->qmp, change->live, change->spec, error)) ||
        !sk_domain_change_keep(change, job, error))
        return FALSE;
    sk_undo_disarm(undo);
    return TRUE;
}

const SkJobKind sk_nic_update_job = {
    .object = sk_domain_job_object, .prepare = prepare_update, .run = run_update, .commit = commit_change, .free_work = free_work,
};
