/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked of the guest through its agent. */
#include "service/domain-agent.h"

#include <string.h>

#include "base/error.h"
#include "engine/agent/guest-info.h"
#include "service/domain-command.h"
#include "service/domain-launch.h"

typedef struct {
    SkAgent *agent;
    SkDomain *domain;       /* a reference; touched on main only */
    SkQmp *qmp;             /* NULL: not connected */
    SkDomainSpec *live;     /* a copy */
    GPtrArray *list;        /* of list_type: the answer */
    const SkType *list_type;
    SkExecResult exec;
    GPtrArray *addresses;
    SkAgentFreeze freeze;
    SkGuestInfo info;
    SkGuestTime time;
    SkAuthorizedKeys keys;
    SkCommandAnswer answer;
} AgentWork;

static void
free_work(gpointer data)
{
    AgentWork *work = data;
    g_clear_pointer(&work->agent, sk_agent_unref);
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    sk_value_free(&sk_domain_spec_type, work->live);
    sk_agent_list_free(work->list, work->list_type);
    g_clear_pointer(&work->addresses, sk_agent_addresses_free);
    sk_value_clear(&sk_exec_result_type, &work->exec);
    sk_value_clear(&sk_guest_info_type, &work->info);
    sk_value_clear(&sk_authorized_keys_type, &work->keys);
    sk_value_clear(&sk_command_answer_type, &work->answer);
    g_free(work);
}

SkAgent *
sk_domain_agent(const SkDomain *domain, GError **error)
{
    if (sk_domain_agent_channel(domain->runtime.live) == NULL) {
        sk_fail(error, SK_ERROR_AGENT, "domain \"%s\" has no channel for a guest agent", sk_domain_name(domain));
        return NULL;
    }
    g_autofree char *path = sk_domain_agent_path(domain->run_dir);
    SkAgent *agent = sk_agent_new(path, sk_domain_name(domain));
    sk_agent_set_wait(agent, (gint) domain->runtime.agent_wait * 1000);
    return agent;
}

const SkChannel *
sk_domain_agent_channel(const SkDomainSpec *spec)
{
    for (guint i = 0; spec != NULL && spec->channels != NULL && i < spec->channels->len; i++) {
        const SkChannel *channel = spec->channels->pdata[i];
        if (channel->kind == SK_CHANNEL_AGENT)
            return channel;
    }
    return NULL;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL || !sk_domain_verb_check(SK_VERB_AGENT, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    SkAgent *agent = sk_domain_agent(domain, error);
    if (agent == NULL)
        return FALSE;
    AgentWork *work = job->work = g_new0(AgentWork, 1);
    work->agent = agent;
    work->domain = g_object_ref(domain);
    work->qmp = domain->qmp != NULL ? g_object_ref(domain->qmp) : NULL;
    return TRUE;
}

/* -- without an answer --------------------------------------------------------------------------------------- */

static gboolean
run_ping(SkJob *job, GError **error)
{
    return sk_agent_ping(((AgentWork *) job->work)->agent, 0, error);
}

/* Ticks that the guest's clock has missed are not made up for: it is right now. */
static gboolean
run_set_time(SkJob *job, GError **error)
{
    const AgentWork *work = job->work;
    const SkAgentClock *body = job->call->body;
    gboolean ok = body->from == SK_CLOCK_FROM_RTC
                      ? sk_agent_sync_time(work->agent, error)
                      : sk_agent_set_time(work->agent, body->from == SK_CLOCK_FROM_GIVEN ? MAX(1, body->seconds * 1000000000 + body->nanoseconds) : 0, error);
    if (ok && work->qmp != NULL)
        sk_qmp_run(work->qmp, "rtc-reset-reinjection", NULL, NULL);
    return ok;
}

static gboolean
run_password(SkJob *job, GError **error)
{
    const SkAgentPassword *body = job->call->body;
    return sk_agent_set_password(((AgentWork *) job->work)->agent, body->user, body->password, body->crypted, error);
}

const SkJobKind sk_agent_ping_job = { .prepare = prepare, .run = run_ping, .free_work = free_work };
const SkJobKind sk_agent_set_time_job = { .prepare = prepare, .run = run_set_time, .free_work = free_work };
const SkJobKind sk_agent_password_job = { .prepare = prepare, .run = run_password, .free_work = free_work };

/* -- freeze, thaw ---------------------------------------------------------------------------------------------- */

static gboolean
run_freeze(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    const SkAgentFreezeRequest *body = job->call->body;
    return sk_agent_freeze_some(work->agent, (const char *const *) body->mountpoints, &work->freeze.frozen, error);
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

/* -- what the guest tells of itself ------------------------------------------------------------------------------------- */

static gboolean
prepare_info(SkJob *job, GError **error)
{
    gint part = 0;
    char **parts = job->call->params.parts;
    for (guint i = 0; parts != NULL && parts[i] != NULL; i++) {
        if (!sk_enum_parse(&sk_guest_part_enum, parts[i], &part, error))
            return FALSE;
    }
    if (!prepare(job, error))
        return FALSE;
    AgentWork *work = job->work;
    work->live = sk_value_copy(&sk_domain_spec_type, work->domain->runtime.live);
    return TRUE;
}

static gboolean
run_info(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    char **parts = job->call->params.parts;
    guint bits = 0;
    gint part = 0;
    for (guint i = 0; parts != NULL && parts[i] != NULL && sk_enum_parse(&sk_guest_part_enum, parts[i], &part, NULL); i++)
        bits |= 1u << part;
    if (!sk_agent_info(work->agent, bits, &work->info, error))
        return FALSE;
    sk_agent_info_match(&work->info, work->live);
    return TRUE;
}

static void
commit_info(SkJob *job)
{
    sk_answer_value(job->call, &sk_guest_info_type, &((AgentWork *) job->work)->info);
}

static gboolean
run_time(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    gint64 time = 0;
    if (!sk_agent_get_time(work->agent, &time, error))
        return FALSE;
    work->time = (SkGuestTime) { .seconds = time / 1000000000, .nanoseconds = (guint) (time % 1000000000) };
    return TRUE;
}

static void
commit_time(SkJob *job)
{
    sk_answer_value(job->call, &sk_guest_time_type, &((AgentWork *) job->work)->time);
}

static gboolean
run_keys(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    work->keys.keys = sk_agent_get_keys(work->agent, job->call->params.user, error);
    return work->keys.keys != NULL;
}

static void
commit_keys(SkJob *job)
{
    sk_answer_value(job->call, &sk_authorized_keys_type, &((AgentWork *) job->work)->keys);
}

static gboolean
run_set_keys(SkJob *job, GError **error)
{
    static const char *const none[] = { NULL };
    const AgentWork *work = job->work;
    const SkAgentKeys *body = job->call->body;
    const char *const *keys = body->keys != NULL ? (const char *const *) body->keys : none;
    return body->change == SK_KEYS_REMOVE ? sk_agent_remove_keys(work->agent, body->user, keys, error)
                                          : sk_agent_add_keys(work->agent, body->user, keys, body->change == SK_KEYS_REPLACE, error);
}

const SkJobKind sk_agent_info_job = { .prepare = prepare_info, .run = run_info, .commit = commit_info, .free_work = free_work };
const SkJobKind sk_agent_time_job = { .prepare = prepare, .run = run_time, .commit = commit_time, .free_work = free_work };
const SkJobKind sk_agent_keys_job = { .prepare = prepare, .run = run_keys, .commit = commit_keys, .free_work = free_work };
const SkJobKind sk_agent_set_keys_job = { .prepare = prepare, .run = run_set_keys, .free_work = free_work };

/* -- vCPUs, unused space -------------------------------------------------------------------------------------------------- */

static void
commit_list(SkJob *job)
{
    const AgentWork *work = job->work;
    sk_answer_list(job->call, work->list_type, work->list);
}

static gboolean
run_vcpus(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    work->list_type = &sk_guest_vcpu_type;
    work->list = sk_agent_vcpus(work->agent, error);
    return work->list != NULL;
}

/* Whether "0,2-3" has id; a text that is no such list is an error. */
static gboolean
check_set(const char *text, GError **error)
{
    return g_regex_match_simple("^[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*$", text, 0, 0) ||
           sk_fail(error, SK_ERROR_INVALID, "\"%.64s\" is no list of vCPUs, give for example 0,2-3", text);
}

static gboolean
is_in_set(const char *text, guint id)
{
    g_auto(GStrv) pieces = g_strsplit(text, ",", -1);
    for (guint i = 0; pieces[i] != NULL; i++) {
        const char *dash = strchr(pieces[i], '-');
        guint64 first = g_ascii_strtoull(pieces[i], NULL, 10), last = dash != NULL ? g_ascii_strtoull(dash + 1, NULL, 10) : first;
        if (id >= first && id <= last)
            return TRUE;
    }
    return FALSE;
}

/* So many are to be online: those come and go that the guest can do without, the last first. */
static gboolean
choose_count(GPtrArray *wanted, guint count, const char *name, GError **error)
{
    guint online = 0;
    for (guint i = 0; i < wanted->len; i++)
        online += ((const SkGuestVcpu *) wanted->pdata[i])->online ? 1 : 0;
    for (guint i = 0; i < wanted->len && online < count; i++) {
        SkGuestVcpu *vcpu = wanted->pdata[i];
        online += vcpu->online ? 0 : 1;
        vcpu->online = TRUE;
    }
    for (guint i = wanted->len; i > 0 && online > count; i--) {
        SkGuestVcpu *vcpu = wanted->pdata[i - 1];
        if (!vcpu->online || !vcpu->can_offline)
            continue;
        vcpu->online = FALSE;
        online--;
    }
    return online == count || sk_fail(error, SK_ERROR_INVALID, "the guest of domain \"%s\" cannot have %u vCPUs online: it has %u, and %u of them must be or can be",
                                      name, count, wanted->len, online);
}

static gboolean
choose_set(GPtrArray *wanted, const SkAgentVcpus *body, const char *name, GError **error)
{
    guint found = 0;
    for (guint i = 0; i < wanted->len; i++) {
        SkGuestVcpu *vcpu = wanted->pdata[i];
        if (!is_in_set(body->vcpus, vcpu->id))
            continue;
        if (body->offline && !vcpu->can_offline)
            return sk_fail(error, SK_ERROR_INVALID, "the guest of domain \"%s\" cannot do without vCPU %u", name, vcpu->id);
        vcpu->online = !body->offline;
        found++;
    }
    return found > 0 || sk_fail(error, SK_ERROR_INVALID, "the guest of domain \"%s\" has none of the vCPUs %s", name, body->vcpus);
}

static GPtrArray *
copy_vcpus(const GPtrArray *list)
{
    GPtrArray *copy = sk_value_list_new(&sk_guest_vcpu_type);
    for (guint i = 0; i < list->len; i++)
        g_ptr_array_add(copy, sk_value_copy(&sk_guest_vcpu_type, list->pdata[i]));
    return copy;
}

static gboolean
run_set_vcpus(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    const SkAgentVcpus *body = job->call->body;
    if ((body->vcpus != NULL && !check_set(body->vcpus, error)) || !run_vcpus(job, error))
        return FALSE;
    GPtrArray *wanted = copy_vcpus(work->list);
    gboolean ok = (body->vcpus != NULL ? choose_set(wanted, body, job->call->params.name, error) : choose_count(wanted, body->count, job->call->params.name, error)) &&
                  sk_agent_set_vcpus(work->agent, wanted, work->list, error);
    sk_agent_list_free(wanted, &sk_guest_vcpu_type);
    return ok;
}

static gboolean
run_trim(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    work->list_type = &sk_trimmed_type;
    work->list = sk_agent_trim(work->agent, ((const SkAgentTrim *) job->call->body)->minimum, error);
    return work->list != NULL;
}

const SkJobKind sk_agent_vcpus_job = { .prepare = prepare, .run = run_vcpus, .commit = commit_list, .free_work = free_work };
const SkJobKind sk_agent_set_vcpus_job = { .prepare = prepare, .run = run_set_vcpus, .free_work = free_work };
const SkJobKind sk_agent_trim_job = { .prepare = prepare, .run = run_trim, .commit = commit_list, .free_work = free_work };

/* -- sleep --------------------------------------------------------------------------------------------------------------------- */

static gboolean
run_sleep(SkJob *job, GError **error)
{
    static const char *const commands[SK_N_SLEEPS] = { [SK_SLEEP_MEMORY] = "guest-suspend-ram", [SK_SLEEP_DISK] = "guest-suspend-disk",
                                                       [SK_SLEEP_HYBRID] = "guest-suspend-hybrid" };
    const SkAgentSleep *body = job->call->body;
    return sk_agent_tell(((AgentWork *) job->work)->agent, commands[body->target], NULL, error);
}

const SkJobKind sk_agent_sleep_job = { .prepare = prepare, .run = run_sleep, .free_work = free_work };

/* -- any command ------------------------------------------------------------------------------------------------------------------ */

static gboolean
run_command(SkJob *job, GError **error)
{
    AgentWork *work = job->work;
    const SkAgentCommand *body = job->call->body;
    g_autoptr(json_t) request = sk_json_parse(body->command, strlen(body->command), "the command", error);
    const char *name = json_string_value(json_object_get(request, "execute"));
    json_t *args = json_object_get(request, "arguments");
    if (request == NULL)
        return FALSE;
    if (name == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "the command is no command of a guest agent, give for example {\"execute\":\"guest-info\"}");
    if (body->forget)
        return sk_agent_tell(work->agent, name, json_incref(args), error);
    g_autoptr(json_t) result = sk_agent_call(work->agent, name, json_incref(args), (gint) body->timeout * 1000, error);
    if (result == NULL)
        return FALSE;
    g_autoptr(json_t) whole = json_pack("{s:O}", "return", result);
    work->answer.answer = json_dumps(whole, JSON_COMPACT);
    return TRUE;
}

static void
commit_command(SkJob *job)
{
    const AgentWork *work = job->work;
    sk_domain_taint(work->domain, SK_TAINT_AGENT);
    sk_answer_value(job->call, &sk_command_answer_type, &work->answer);
}

const SkJobKind sk_agent_command_job = { .prepare = prepare, .run = run_command, .commit = commit_command, .free_work = free_work };

/* -- how long it is waited for -------------------------------------------------------------------------------------------------- */

gboolean
sk_handle_agent_wait(SkService *service, SkCall *call, GError **error)
{
    SkDomain *domain = sk_service_domain(service, call->params.name, error);
    if (domain == NULL || !sk_domain_verb_check(SK_VERB_LIVE, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    domain->runtime.agent_wait = ((const SkAgentWait *) call->body)->seconds;
    sk_domain_save_runtime(domain);
    return TRUE;
}
