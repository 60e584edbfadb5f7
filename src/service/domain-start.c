/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.start: from a definition to a running QEMU. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/qmp/commands.h"
#include "engine/swtpm.h"
#include "service/disk-chains.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-note.h"
#include "service/domain-limits.h"
#include "service/domain-pins.h"
#include "service/domain-save.h"
#include "service/domain-seed.h"
#include "service/domain-transient.h"
#include "service/emulator.h"
#include "service/domain-tell.h"
#include "service/migrate.h"
#include "store/settings.h"

typedef struct {
    SkDomain *domain;       /* a reference; touched on main only */
    SkLaunchPlan plan;
    SkQemuProcess *process;
    SkQmp *qmp;
    SkDomainRuntime runtime; /* what the domain is from then on */
    guint id;
    SkSaved *from;          /* the state it goes on from; NULL: it boots */
    char *lost;             /* a managed save that is not wanted */
    SkDomainSpec *moved;    /* what comes from another host; NULL: nothing does */
    struct SkIncoming *incoming; /* and where it comes */
    gboolean went_on, persistent;
    SkDomainSpec *definition; /* which names no version of its machine yet; NULL: it does */
    SkRecord *record;       /* the same with it, kept; NULL: it was not */
    SkJob *waiter;          /* ends with this; a reference, or NULL */
} StartWork;

static void
free_work(gpointer data)
{
    StartWork *work = data;
    sk_launch_plan_clear(&work->plan);
    g_clear_object(&work->domain);
    g_clear_object(&work->process);
    g_clear_object(&work->qmp);
    sk_value_clear(&sk_domain_runtime_type, &work->runtime);
    sk_saved_free(work->from);
    g_free(work->lost);
    sk_value_free(&sk_domain_spec_type, work->moved);
    sk_incoming_free(work->incoming);
    sk_value_free(&sk_domain_spec_type, work->definition);
    sk_record_free(work->record);
    sk_job_unref(work->waiter);
    g_free(work);
}

/* -- prepare: main ------------------------------------------------------------------------------------------ */

/* Snapshots have their own states of the variables in the same file. */
static gboolean
check_reset(const SkDomain *domain, GError **error)
{
    if (domain->spec->firmware.kind != SK_FIRMWARE_UEFI)
        return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has no firmware variables to be reset: it has no UEFI", sk_domain_name(domain));
    for (guint i = 0; domain->snapshots != NULL && i < domain->snapshots->len; i++) {
        const SkSnapshot *snapshot = domain->snapshots->pdata[i];
        if (snapshot->nvram != NULL)
            return sk_fail(error, SK_ERROR_STATE, "snapshot \"%s\" of domain \"%s\" has the firmware variables of its time in their file: delete it first",
                           snapshot->name, sk_domain_name(domain));
    }
    return TRUE;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    StartWork *work = job->work;
    if (work == NULL) {
        SkDomain *found = sk_service_domain(job->service, job->call->params.name, error);
        if (found == NULL)
            return FALSE;
        work = job->work = g_new0(StartWork, 1);
        work->domain = g_object_ref(found);
        work->plan.paused = job->call->params.paused;
        work->plan.reset_nvram = job->call->params.reset_nvram;
        if (job->call->params.fresh && found->saved != NULL)
            work->lost = g_strdup(found->saved->path);
    }
    SkDomain *domain = work->domain;
    if (domain->torn != NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was being reverted to snapshot \"%s\", which came not to its end: revert it again",
                       sk_domain_name(domain), domain->torn);
    if (work->from == NULL && work->lost == NULL && work->moved == NULL)
        work->from = sk_saved_copy(domain->saved);
    const SkDomainSpec *spec = work->moved != NULL ? work->moved : work->from != NULL ? work->from->spec : domain->spec;
    if (!sk_domain_verb_check(SK_VERB_START, sk_domain_state(domain), sk_domain_name(domain), error) ||
        !sk_launch_plan_fill(&work->plan, domain, spec, error))
        return FALSE;
    work->plan.reset_nvram |= domain->reset_nvram;
    domain->reset_nvram = FALSE;
    if (work->plan.reset_nvram && !check_reset(domain, error))
        return FALSE;
    work->plan.incoming = work->from != NULL || work->moved != NULL;
    work->plan.paused |= work->moved != NULL || (work->from != NULL && work->from->paused);
    if (work->moved == NULL && !sk_domain_spec_is_pinned(domain->spec)) {
        work->definition = sk_value_copy(&sk_domain_spec_type, domain->spec);
        work->persistent = domain->persistent;
    }
    work->id = ++job->service->next_domain_id;
    /* From here on rollback gives back what is reserved. */
    return sk_domain_reserve_disks(domain, spec, error);
}

/* -- run: worker ---------------------------------------------------------------------------------------------- */

static void
undo_process(gpointer data)
{
    StartWork *work = data;
    sk_qemu_process_destroy(work->process, NULL, 2000, NULL, NULL);
}

static gboolean
spawn(StartWork *work, SkLaunch *launch, SkUndo *undo, GError **error)
{
    const SkLaunchPlan *plan = &work->plan;
    g_autoptr(SkCmdline) cmdline = sk_cmdline_build(launch, error);
    if (cmdline == NULL || sk_fault("domain-start/process", error))
        return FALSE;
    const SkQemuStart start = {
        .domain = plan->spec->name, .argv = (const char *const *) cmdline->argv,
        .fds = (const SkFdMap *) (gpointer) cmdline->fds->data, .n_fds = cmdline->fds->len,
        .run_dir = plan->run_dir, .log_path = plan->log_path, .uid = plan->uid, .gid = plan->uid,
        .memlock = sk_launch_memlock(plan->spec),
    };
    work->process = sk_qemu_process_start(&start, error);
    if (work->process == NULL)
        return FALSE;
    sk_undo_push(undo, "process", undo_process, work, NULL);

    g_autofree char *path = sk_domain_monitor_path(plan->run_dir);
    gint fd = sk_fs_connect_unix(path, error);
    /* Our copy of the listener would keep this connection waiting for ever, should QEMU have died before it took it. */
    sk_fd_clear(&launch->monitor_fd);
    if (fd < 0)
        return FALSE;
    work->qmp = sk_qmp_new_for_fd(fd, plan->spec->name);
    if (sk_fault("domain-start/monitor", error) || !sk_qmp_run_steps(work->qmp, cmdline->setup, 0, error))
        return FALSE;
    if (work->from != NULL)
        return !sk_fault("domain-restore/state", error) && sk_save_receive(work->qmp, work->from->path, error);
    return !cmdline->stopped || plan->paused || sk_qmp_do(work->qmp, SK_QMP_CONT, error);
}

/* Describes what runs now, and notes it before anybody is told. */
static gboolean
note(StartWork *work, const SkLaunch *launch, const SkQemuCaps *caps, GError **error)
{
    SkLaunchPlan *plan = &work->plan;
    GPtrArray *chains = sk_disk_chains_of_launch(plan->spec, launch->chains);
    work->runtime = (SkDomainRuntime){
        .state = plan->paused ? SK_DOMAIN_PAUSED : SK_DOMAIN_RUNNING,
        .reason = work->moved != NULL ? SK_REASON_MIGRATION : work->from != NULL ? SK_REASON_RESTORED : plan->paused ? SK_REASON_STARTING : SK_REASON_BOOTED,
        .held = work->from != NULL && !plan->paused,
        .autodestroy = work->moved != NULL,
        .id = work->id,
        .pid = (guint) sk_qemu_process_pid(work->process),
        .pid_started = sk_qemu_process_start_time(work->process),
        .uid = plan->uid,
        .accel = plan->accel,
        .qemu_version = g_strdup(sk_qemu_caps_version(caps)),
        .started = g_get_real_time(),
        .live = g_steal_pointer(&plan->spec),
        .swtpm_pid = plan->swtpm_pid,
        .chains = chains,
    };
    return sk_domain_note_write(plan->run_dir, &work->runtime, error);
}

static void
undo_use(gpointer path)
{
    g_autofree char *used = sk_saved_used_path(path);
    if (rename(used, path) < 0)
        g_warning("the saved state \"%s\" is left as \"%s\"", (char *) path, used);
}

/*
 * The guest goes on from its saved state. A managed one is put aside before, durably: gone on from twice, it would not
 * fit its disks any more.
 */
static gboolean
go_on(StartWork *work, SkUndo *undo, GError **error)
{
    g_autofree char *used = sk_saved_used_path(work->from->path);
    if (sk_fault("domain-restore/use", error))
        return FALSE;
    if (work->from->managed) {
        if (rename(work->from->path, used) < 0)
            return sk_fail_errno(error, errno, "cannot put \"%s\" aside", work->from->path);
        sk_undo_push(undo, "saved state", undo_use, work->from->path, NULL);
        if (!sk_fs_sync_dir_of(used, error))
            return FALSE;
    }
    if (sk_fault("domain-restore/resume", error) || (!work->plan.paused && !sk_qmp_do(work->qmp, SK_QMP_CONT, error)))
        return FALSE;
    work->went_on = TRUE;
    if (work->from->managed)
        sk_fs_remove(used, NULL);
    return TRUE;
}

/* What was defined before versions were kept, or while no QEMU answered, has its machine's from its first start on. */
static gboolean
pin_machine(SkJob *job, StartWork *work, const SkQemuCaps *caps, GError **error)
{
    sk_emulator_pin(caps, work->plan.spec);
    if (work->definition == NULL)
        return TRUE;
    sk_emulator_pin(caps, work->definition);
    if (!sk_domain_spec_is_pinned(work->definition))
        return TRUE;
    g_autoptr(SkRecord) record = sk_domain_record(work->definition, work->persistent);
    if (sk_fault("domain-start/pin", error) || !sk_store_put(job->service->store, record, error))
        return FALSE;
    work->record = g_steal_pointer(&record);
    return TRUE;
}

static gboolean
run(SkJob *job, GError **error)
{
    StartWork *work = job->work;
    SkLaunchPlan *plan = &work->plan;
    g_autoptr(SkUndo) undo = sk_undo_new();
    g_autoptr(SkQemuCaps) caps = sk_emulator_of(plan->settings, plan->spec, error);

    if (caps == NULL || !pin_machine(job, work, caps, error) || !sk_domain_limits_check(plan->spec, error) || !sk_domain_seed_ensure(plan->spec, plan->seed_path, error))
        return FALSE;
    g_autoptr(SkLaunch) launch = sk_launch_plan_open(plan, caps, undo, error);
    if (launch == NULL)
        return FALSE;
    sk_domain_limits_undo(undo, plan->spec);
    gboolean ok = spawn(work, launch, undo, error);
    if (ok)
        ok = sk_qmp_wait_ready(work->qmp, 0, error) && !sk_fault("domain-start/ready", error) &&
             sk_domain_pin(plan->spec, (guint) sk_qemu_process_pid(work->process), work->qmp, error) &&
             sk_domain_limit(plan->spec, NULL, (guint) sk_qemu_process_pid(work->process), work->qmp, error) &&
             (work->incoming == NULL || sk_incoming_serve_disks(work->incoming, work->qmp, plan->run_dir, error));
    if (!ok) {
        if (work->process != NULL)
            sk_qemu_process_explain(work->process, error);
        sk_swtpm_explain(plan->tpm_dir, error);
        sk_launch_explain_disks(error);
        g_prefix_error(error, "domain \"%s\" does not start: ", plan->spec->name);
        return FALSE;
    }
    if (!note(work, launch, caps, error) || sk_fault("domain-start/note", error) || (work->from != NULL && !go_on(work, undo, error)))
        return FALSE;
    if (work->lost != NULL)
        sk_fs_remove(work->lost, NULL);
    sk_undo_disarm(undo);
    return TRUE;
}

/* -- commit, rollback: main -------------------------------------------------------------------------------------- */

/* Kept whether the start came to its end or not. */
static void
take_definition(StartWork *work)
{
    if (work->record != NULL)
        sk_domain_set_spec(work->domain, g_steal_pointer(&work->definition), work->record->revision, work->record->modified);
    g_clear_pointer(&work->record, sk_record_free);
}

static void
commit(SkJob *job)
{
    StartWork *work = job->work;
    SkDomain *domain = work->domain;
    SkDomainRuntime *runtime = &domain->runtime;

    const SkDomainState state = (SkDomainState) work->runtime.state;
    const SkDomainReason reason = (SkDomainReason) work->runtime.reason;
    work->runtime.state = runtime->state;
    work->runtime.reason = runtime->reason;
    work->runtime.held = FALSE;
    if ((work->from != NULL && work->from->managed) || work->lost != NULL)
        g_clear_pointer(&domain->saved, sk_saved_free);
    sk_value_clear(&sk_domain_runtime_type, runtime);
    *runtime = work->runtime;
    work->runtime = (SkDomainRuntime){ 0 };
    take_definition(work);
    domain->compare = TRUE;
    domain->asker = NULL;
    g_clear_pointer(&domain->message, g_free);
    sk_domain_set_state(domain, state, reason);
    sk_domain_tell_missing_media(domain);
    sk_domain_watch(domain, g_steal_pointer(&work->qmp), g_steal_pointer(&work->process));
    if (work->incoming != NULL)
        sk_domain_await_incoming(domain, g_steal_pointer(&work->incoming));
    if (work->waiter != NULL)
        sk_job_end(work->waiter, NULL);
}

static void
rollback(SkJob *job, const GError *error)
{
    StartWork *work = job->work;
    if (work != NULL)
        take_definition(work);
    if (work != NULL && work->waiter != NULL)
        sk_job_end(work->waiter, g_error_copy(error));
    if (work == NULL || sk_domain_is_active(work->domain))
        return;
    sk_domain_release_disks(work->domain);
    g_free(work->domain->message);
    work->domain->message = g_strdup(error->message);
    if (!work->domain->persistent)
        sk_domain_vanish(work->domain);
}

const SkJobKind sk_domain_start_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .rollback = rollback, .free_work = free_work,
};

static StartWork *
new_work(SkDomain *self, SkJob *waiter)
{
    StartWork *work = g_new0(StartWork, 1);
    work->domain = g_object_ref(self);
    work->waiter = waiter != NULL ? sk_job_ref(waiter) : NULL;
    return work;
}

static void
start_by_daemon(SkDomain *self, const char *operation, StartWork *work)
{
    g_autofree char *object = sk_domain_object(self);
    sk_job_start(self->service, &sk_domain_start_job, operation, object, work);
}

void
sk_domain_start_by_daemon(SkDomain *self, gboolean paused, SkJob *waiter)
{
    StartWork *work = new_work(self, waiter);
    work->plan.paused = paused;
    start_by_daemon(self, "domain.start", work);
}

void
sk_domain_restore_by_daemon(SkDomain *self, SkSaved *saved, SkJob *waiter)
{
    StartWork *work = new_work(self, waiter);
    work->from = saved;
    start_by_daemon(self, "domain.restore", work);
}

void
sk_domain_receive_by_daemon(SkDomain *self, SkDomainSpec *spec, struct SkIncoming *incoming, SkJob *waiter)
{
    StartWork *work = new_work(self, waiter);
    work->moved = spec;
    work->incoming = incoming;
    start_by_daemon(self, "migration.receive", work);
}

void
sk_service_autostart_domains(SkService *self)
{
    if (!self->host_booted)
        return;
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node)) {
        SkDomain *domain = g_tree_node_value(node);
        if (domain->spec->autostart && !sk_domain_is_active(domain))
            sk_domain_start_by_daemon(domain, FALSE, NULL);
    }
    /* Only now: a daemon that is killed before this starts them the next time. */
    sk_store_set_setting_async(self->store, "boot-id", self->boot_id, NULL, NULL);
}
