/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.shutdown, reboot, destroy, reset, suspend, resume. */
#include "service/domain-stop.h"

#include "base/error.h"
#include "engine/agent/agent.h"
#include "engine/qmp/commands.h"
#include "service/domain-agent.h"
#include "service/domain.h"

typedef struct {
    SkDomain *domain;       /* a reference */
    SkQemuProcess *process;
    SkQmp *qmp;
    guint pid;              /* destroy, of a domain that is not taken back yet */
    guint64 pid_started;
    gint stop_ms;
    guint timeout;          /* seconds a guest has to obey */
    gboolean force;
    SkAgent *agent;         /* asked first; NULL: not */
    gboolean button;        /* the power button is pressed, if the agent was not asked or would not */
} StopWork;

static void
free_work(gpointer data)
{
    StopWork *work = data;
    g_clear_object(&work->domain);
    g_clear_object(&work->process);
    g_clear_object(&work->qmp);
    sk_agent_unref(work->agent);
    g_free(work);
}

/* Finds the domain, checks the verb, takes what the worker needs. */
static gboolean
begin(SkJob *job, SkDomainVerb verb, gboolean needs_qmp, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL || !sk_domain_verb_check(verb, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    if (needs_qmp && domain->qmp == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us: destroy it or wait", sk_domain_name(domain));
    StopWork *work = job->work = g_new0(StopWork, 1);
    work->domain = g_object_ref(domain);
    work->process = domain->process != NULL ? g_object_ref(domain->process) : NULL;
    work->qmp = domain->qmp != NULL ? g_object_ref(domain->qmp) : NULL;
    work->pid = domain->runtime.pid;
    work->pid_started = domain->runtime.pid_started;
    work->stop_ms = (gint) job->service->settings->stop_timeout * 1000;
    work->timeout = job->call->params.timeout > 0 ? job->call->params.timeout : job->service->settings->shutdown_timeout;
    work->force = job->call->params.force;
    return TRUE;
}

static gboolean
do_verb(SkJob *job, SkQmpVerb verb, GError **error)
{
    const StopWork *work = job->work;
    return sk_qmp_do(work->qmp, verb, error);
}

/* -- suspend, resume: the state follows from QEMU's own event ---------------------------------------------- */

static gboolean
prepare_suspend(SkJob *job, GError **error)
{
    return begin(job, SK_VERB_SUSPEND, TRUE, error);
}

static gboolean
run_suspend(SkJob *job, GError **error)
{
    return do_verb(job, SK_QMP_STOP, error);
}

static void
commit_suspend(SkJob *job)
{
    const StopWork *work = job->work;
    if (sk_domain_is_active(work->domain))
        sk_domain_set_state(work->domain, SK_DOMAIN_PAUSED, SK_REASON_USER);
}

static gboolean
prepare_resume(SkJob *job, GError **error)
{
    return begin(job, SK_VERB_RESUME, TRUE, error);
}

static gboolean
run_resume(SkJob *job, GError **error)
{
    const StopWork *work = job->work;
    SkQmpStatus status;
    if (!sk_qmp_query_status(work->qmp, &status, error))
        return FALSE;
    return do_verb(job, g_str_equal(status.status, "suspended") ? SK_QMP_WAKEUP : SK_QMP_CONT, error);
}

static void
commit_resume(SkJob *job)
{
    const StopWork *work = job->work;
    if (sk_domain_is_active(work->domain))
        sk_domain_set_state(work->domain, SK_DOMAIN_RUNNING, SK_REASON_USER);
}

const SkJobKind sk_domain_suspend_job = {
    .object = sk_domain_job_object, .prepare = prepare_suspend, .run = run_suspend, .commit = commit_suspend, .free_work = free_work,
};
const SkJobKind sk_domain_resume_job = {
    .object = sk_domain_job_object, .prepare = prepare_resume, .run = run_resume, .commit = commit_resume, .free_work = free_work,
};

/* -- reset ---------------------------------------------------------------------------------------------------- */

static gboolean
prepare_reset(SkJob *job, GError **error)
{
    return begin(job, SK_VERB_RESET, TRUE, error);
}

static gboolean
run_reset(SkJob *job, GError **error)
{
    return do_verb(job, SK_QMP_RESET, error);
}

const SkJobKind sk_domain_reset_job = {
    .object = sk_domain_job_object, .prepare = prepare_reset, .run = run_reset, .free_work = free_work, .at_once = TRUE,
};

/* -- destroy ----------------------------------------------------------------------------------------------------- */

static gboolean
prepare_destroy(SkJob *job, GError **error)
{
    if (!begin(job, SK_VERB_DESTROY, FALSE, error))
        return FALSE;
    ((StopWork *) job->work)->domain->destroying = TRUE;
    return TRUE;
}

static gboolean
run_destroy(SkJob *job, GError **error)
{
    StopWork *work = job->work;
    if (work->process == NULL)
        work->process = sk_qemu_process_adopt(sk_domain_name(work->domain), (pid_t) work->pid, work->pid_started, NULL, NULL);
    return work->process == NULL || sk_qemu_process_destroy(work->process, work->qmp, work->stop_ms, NULL, error);
}

static void
commit_destroy(SkJob *job)
{
    const StopWork *work = job->work;
    if (sk_domain_is_active(work->domain))
        sk_domain_ended(work->domain, work->domain->runtime.ending ? sk_domain_ending_reason(work->domain) : SK_REASON_DESTROYED);
}

static void
rollback_destroy(SkJob *job, const GError *error)
{
    const StopWork *work = job->work;
    (void) error;
    if (work != NULL)
        work->domain->destroying = FALSE;
}

const SkJobKind sk_domain_destroy_job = {
    .object = sk_domain_job_object, .prepare = prepare_destroy, .run = run_destroy, .commit = commit_destroy,
    .rollback = rollback_destroy, .free_work = free_work, .at_once = TRUE, .while_migrating = TRUE,
};

/* -- shutdown, reboot: asked of the guest, then waited for without holding anything up ------------------------------ */

static gboolean
check_modes(char **modes, GError **error)
{
    static const char *const known[] = { "acpi", "agent", NULL }, *const others[] = { "initctl", "signal", "paravirt", NULL };
    for (guint i = 0; modes != NULL && modes[i] != NULL; i++) {
        if (g_strv_contains(others, modes[i]))
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "a guest in QEMU cannot be asked to end by %s: give acpi or agent", modes[i]);
        if (!g_strv_contains(known, modes[i]))
            return sk_fail(error, SK_ERROR_INVALID, "\"%.32s\" is no way to ask a guest to end: give acpi or agent", modes[i]);
    }
    return TRUE;
}

/* The agent knows better than the button whether the guest obeys, so it comes first. */
static gboolean
prepare_shutdown(SkJob *job, GError **error)
{
    char **modes = job->call->params.modes;
    gboolean all = modes == NULL || modes[0] == NULL;
    if (!check_modes(modes, error) || !begin(job, SK_VERB_SHUTDOWN, TRUE, error))
        return FALSE;
    StopWork *work = job->work;
    work->button = all || g_strv_contains((const char *const *) modes, "acpi");
    if (all ? !work->domain->agent : !g_strv_contains((const char *const *) modes, "agent"))
        return TRUE;
    work->agent = sk_domain_agent(work->domain, work->button ? NULL : error);
    return work->agent != NULL || work->button;
}

static gboolean
run_shutdown(SkJob *job, GError **error)
{
    const StopWork *work = job->work;
    g_autoptr(GError) why = NULL;
    if (work->agent != NULL && sk_agent_shutdown(work->agent, FALSE, &why))
        return TRUE;
    if (work->button)
        return do_verb(job, SK_QMP_POWERDOWN, error);
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

/* Nobody waits for the guest any more; whether it still obeys is its own business. */
static SkJob *
stop_waiting(SkDomain *domain)
{
    g_clear_handle_id(&domain->shutdown_timer, g_source_remove);
    domain->rebooting = FALSE;
    if (sk_domain_state(domain) == SK_DOMAIN_IN_SHUTDOWN)
        sk_domain_set_state(domain, SK_DOMAIN_RUNNING, SK_REASON_USER);
    return g_steal_pointer(&domain->shutdown_job);
}

static gboolean
on_ignored(gpointer data)
{
    SkDomain *domain = data;
    SkJob *job = domain->shutdown_job;
    const StopWork *work = job->work;

    domain->shutdown_timer = 0;
    if (work->force) {
        sk_domain_destroy_by_daemon(domain);
        return G_SOURCE_REMOVE;
    }
    sk_job_end(stop_waiting(domain),
               g_error_new(SK_ERROR, SK_ERROR_TIMEOUT,
                           "domain \"%s\" did not shut down within %u second%s: its guest may ignore the power button; "
                           "`skep destroy %s` switches it off",
                           sk_domain_name(domain), work->timeout, work->timeout == 1 ? "" : "s", sk_domain_name(domain)));
    return G_SOURCE_REMOVE;
}

/* The guest was asked: the job ends when it is off (sk_domain_ended()) or when its time is over. */
static void
await_off(SkJob *job, gboolean reboot)
{
    const StopWork *work = job->work;
    SkDomain *domain = work->domain;
    if (!sk_domain_is_active(domain)) {
        sk_job_end(job, NULL);
        return;
    }
    if (g_cancellable_is_cancelled(job->cancellable)) {
        /* While the guest was being asked. */
        if (domain->shutdown_job == NULL)
            stop_waiting(domain);
        sk_job_end(job, g_error_new(SK_ERROR, SK_ERROR_CANCELLED, "%s was cancelled", job->info.operation));
        return;
    }
    if (domain->shutdown_job != NULL) {
        /* Asked again: the newer asking's time counts. */
        SkJob *former = domain->shutdown_job;
        domain->shutdown_job = NULL;
        g_clear_handle_id(&domain->shutdown_timer, g_source_remove);
        sk_job_end(former, g_error_new(SK_ERROR, SK_ERROR_CANCELLED, "domain \"%s\" was asked again", sk_domain_name(domain)));
    }
    domain->shutdown_job = job;
    domain->rebooting = reboot;
    domain->shutdown_timer = g_timeout_add_seconds(work->timeout, on_ignored, domain);
    sk_job_progress(job, -1, "waiting for the guest", 0, 0);
}

static void
commit_shutdown(SkJob *job)
{
    await_off(job, FALSE);
}

static void
commit_reboot(SkJob *job)
{
    await_off(job, TRUE);
}

static void
cancelled(SkJob *job)
{
    const StopWork *work = job->work;
    if (work->domain->shutdown_job == job)
        stop_waiting(work->domain);
}

const SkJobKind sk_domain_shutdown_job = {
    .object = sk_domain_job_object, .prepare = prepare_shutdown, .run = run_shutdown, .commit = commit_shutdown,
    .cancelled = cancelled, .free_work = free_work, .lingers = TRUE, .cancellable = TRUE,
};
/* A reboot that works on every guest: shut down, then start again. */
const SkJobKind sk_domain_reboot_job = {
    .object = sk_domain_job_object, .prepare = prepare_shutdown, .run = run_shutdown, .commit = commit_reboot,
    .cancelled = cancelled, .free_work = free_work, .lingers = TRUE, .cancellable = TRUE,
};

/* -- force: the guest did not obey --------------------------------------------------------------------------------------- */

static gboolean
prepare_forced(SkJob *job, GError **error)
{
    StopWork *work = job->work;
    if (work->domain->process == NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" is off already", sk_domain_name(work->domain));
    work->domain->destroying = TRUE;
    work->process = g_object_ref(work->domain->process);
    work->qmp = work->domain->qmp != NULL ? g_object_ref(work->domain->qmp) : NULL;
    work->stop_ms = (gint) job->service->settings->stop_timeout * 1000;
    return TRUE;
}

/* The shutdown that asked for it has failed too. */
static void
rollback_forced(SkJob *job, const GError *error)
{
    SkDomain *domain = ((StopWork *) job->work)->domain;
    domain->destroying = FALSE;
    if (domain->shutdown_job != NULL)
        sk_job_end(stop_waiting(domain), g_error_copy(error));
}

static const SkJobKind forced_job = {
    .prepare = prepare_forced, .run = run_destroy, .commit = commit_destroy, .rollback = rollback_forced,
    .free_work = free_work, .at_once = TRUE,
};

void
sk_domain_destroy_by_daemon(SkDomain *domain)
{
    StopWork *work = g_new0(StopWork, 1);
    g_autofree char *object = sk_domain_object(domain);
    work->domain = g_object_ref(domain);
    sk_job_start(domain->service, &forced_job, "domain.destroy", object, work);
}
