/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of the guest through its agent. */
#include "service/domain-agent.h"

#include <string.h>

#include "base/error.h"
#include "engine/agent/agent.h"
#include "service/domain-launch.h"

typedef struct {
    SkAgent *agent;
    SkExecResult exec;
    GPtrArray *addresses;
    SkAgentFreeze freeze;
} AgentWork;

static void
free_work(gpointer data)
{
    AgentWork *work = data;
    g_clear_pointer(&work->agent, sk_agent_unref);
    g_clear_pointer(&work->addresses, sk_agent_addresses_free);
    sk_value_clear(&sk_exec_result_type, &work->exec);
    g_free(work);
}

static gboolean
has_agent_channel(const SkDomainSpec *spec)
{
    for (guint i = 0; spec != NULL && spec->channels != NULL && i < spec->channels->len; i++) {
        if (((const SkChannel *) spec->channels->pdata[i])->kind == SK_CHANNEL_AGENT)
            return TRUE;
    }
    return FALSE;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL || !sk_domain_verb_check(SK_VERB_AGENT, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    if (!has_agent_channel(domain->runtime.live))
        return sk_fail(error, SK_ERROR_AGENT, "domain \"%s\" has no channel for a guest agent", sk_domain_name(domain));
    g_autofree char *path = sk_domain_agent_path(domain->run_dir);
    AgentWork *work = job->work = g_new0(AgentWork, 1);
    work->agent = sk_agent_new(path, sk_domain_name(domain));
    return TRUE;
}

/* -- without an answer --------------------------------------------------------------------------------------- */

static gboolean
run_ping(SkJob *job, GError **error)
{
    return sk_agent_ping(((AgentWork *) job->work)->agent, 0, error);
}

static gboolean
run_set_time(SkJob *job, GError **error)
{
    return sk_agent_set_time(((AgentWork *) job->work)->agent, 0, error);
}

static gboolean
run_password(SkJob *job, GError **error)
{
    const SkAgentPassword *body = job->call->body;
    return sk_agent_set_password(((AgentWork *) job->work)->agent, body->user, body->password, error);
}

const SkJobKind sk_agent_ping_job = { .prepare = prepare, .run = run_ping, .free_work = free_work };
const SkJobKind sk_agent_set_time_job = { .prepare = prepare, .run = run_set_time, .free_work = free_work };
const SkJobKind sk_agent_password_job = { .prepare = prepare, .run = run_password, .free_work = free_work };

/* -- freeze, thaw ---------------------------------------------------------------------------------------------- */

static gboolean
run_freeze(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    return sk_agent_freeze(work->agent, &work->freeze.frozen, error);
}

static gboolean
run_thaw(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    return sk_agent_thaw(work->agent, &work->freeze.frozen, error);
}

static void
commit_freeze(SkJob *job)
{
    sk_answer_value(job->call, &sk_agent_freeze_type, &((AgentWork *) job->work)->freeze);
}

const SkJobKind sk_agent_freeze_job = { .prepare = prepare, .run = run_freeze, .commit = commit_freeze, .free_work = free_work };
const SkJobKind sk_agent_thaw_job = { .prepare = prepare, .run = run_thaw, .commit = commit_freeze, .free_work = free_work };

/* -- addresses --------------------------------------------------------------------------------------------------- */

static gboolean
run_addresses(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    work->addresses = sk_agent_addresses(work->agent, error);
    return work->addresses != NULL;
}

static void
commit_addresses(SkJob *job)
{
    sk_answer_list(job->call, &sk_domain_address_type, ((AgentWork *) job->work)->addresses);
}

const SkJobKind sk_agent_addresses_job = { .prepare = prepare, .run = run_addresses, .commit = commit_addresses, .free_work = free_work };

/* -- exec ----------------------------------------------------------------------------------------------------------- */

/* Output of a guest is bytes; JSON wants UTF-8. */
static char *
as_text(GBytes *bytes)
{
    gsize length = 0;
    const char *data = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;
    return g_utf8_make_valid(data != NULL ? data : "", (gssize) length);
}

static gboolean
run_exec(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    const SkExecRequest *body = job->call->body;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GBytes) input = body->input != NULL ? g_bytes_new(body->input, strlen(body->input)) : NULL;
    SkAgentExec exec = { 0 };

    g_ptr_array_add(argv, body->path);
    for (guint i = 0; body->args != NULL && body->args[i] != NULL; i++)
        g_ptr_array_add(argv, body->args[i]);
    g_ptr_array_add(argv, NULL);
    if (!sk_agent_exec(work->agent, (const char *const *) argv->pdata, input, (gint) body->timeout * 1000, job->cancellable, &exec, error))
        return FALSE;
    work->exec.exit_code = exec.exit_code;
    work->exec.output = as_text(exec.out);
    work->exec.error_output = as_text(exec.err);
    sk_agent_exec_clear(&exec);
    return TRUE;
}

static void
commit_exec(SkJob *job)
{
    sk_answer_value(job->call, &sk_exec_result_type, &((AgentWork *) job->work)->exec);
}

const SkJobKind sk_agent_exec_job = { .prepare = prepare, .run = run_exec, .commit = commit_exec, .free_work = free_work };
