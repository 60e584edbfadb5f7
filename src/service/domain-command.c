/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's own commands, in QEMU's own words. */
#include "service/domain-command.h"

#include <string.h>

#include "base/error.h"
#include "codec/json/json.h"
#include "model/agent.h"

#define COMMAND_TIMEOUT_MS 60000

typedef struct {
    SkDomain *domain;       /* a reference; touched on main only */
    SkQmp *qmp;
    SkCommandAnswer answer;
} CommandWork;

static void
free_work(gpointer data)
{
    CommandWork *work = data;
    g_clear_object(&work->domain);
    g_clear_object(&work->qmp);
    sk_value_clear(&sk_command_answer_type, &work->answer);
    g_free(work);
}

/* -- marks -------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *mark, *text;
} marks[] = {
    { SK_TAINT_MONITOR, "commands were given to its QEMU past the daemon" },
    { SK_TAINT_AGENT, "commands were given to its guest agent past the daemon" },
};

const char *
sk_domain_taint_text(const char *mark)
{
    for (guint i = 0; i < G_N_ELEMENTS(marks); i++) {
        if (g_str_equal(marks[i].mark, mark))
            return marks[i].text;
    }
    return mark;
}

void
sk_domain_taint(SkDomain *self, const char *mark)
{
    char ***taints = &self->runtime.taints;
    guint count = *taints != NULL ? g_strv_length(*taints) : 0;
    if (!sk_domain_is_active(self) || (*taints != NULL && g_strv_contains((const char *const *) *taints, mark)))
        return;
    *taints = g_renew(char *, *taints, count + 2);
    (*taints)[count] = g_strdup(mark);
    (*taints)[count + 1] = NULL;
    g_message("domain \"%s\": %s", sk_domain_name(self), sk_domain_taint_text(mark));
    sk_domain_save_runtime(self);
}

/* -- what is refused ------------------------------------------------------------------------------------------------------ */

/* Commands after which the daemon would no longer know its QEMU. A star: all that begin so. */
static const struct {
    const char *name, *why;
} refused[] = {
    { "qmp_capabilities", "the daemon has done that" },
    { "migrate*", "a guest that moves on its own is lost to the daemon" },
    { "getfd", "descriptors are the daemon's business" },
    { "closefd", "descriptors are the daemon's business" },
    { "add-fd", "descriptors are the daemon's business" },
    { "remove-fd", "descriptors are the daemon's business" },
    { "x-exit-preconfig", "the guest runs already" },
    { "savevm", "take a snapshot of the domain instead" },
    { "loadvm", "revert the domain to a snapshot instead" },
    { "delvm", "delete a snapshot of the domain instead" },
    { "snapshot-save", "take a snapshot of the domain instead" },
    { "snapshot-load", "revert the domain to a snapshot instead" },
    { "snapshot-delete", "delete a snapshot of the domain instead" },
};

static gboolean
is_refused(const char *pattern, const char *name)
{
    gsize length = strlen(pattern);
    return pattern[length - 1] == '*' ? strncmp(pattern, name, length - 1) == 0 : g_str_equal(pattern, name);
}

static gboolean
check_name(const char *name, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (is_refused(refused[i].name, name))
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "\"%s\" is not given to QEMU: %s", name, refused[i].why);
    }
    return TRUE;
}

/* The first word of a line for people. */
static gboolean
check_line(const char *line, GError **error)
{
    line += strspn(line, " \t\r\n");
    g_autofree char *name = g_strndup(line, strcspn(line, " \t\r\n"));
    if (*name == '\0')
        return sk_fail(error, SK_ERROR_INVALID, "the command is empty, give for example info block");
    return check_name(name, error);
}

/* -- a command --------------------------------------------------------------------------------------------------------------- */

static gboolean
run_line(CommandWork *work, const char *line, GError **error)
{
    g_autoptr(json_t) result = check_line(line, error)
                                   ? sk_qmp_call(work->qmp, "human-monitor-command", json_pack("{s:s}", "command-line", line), COMMAND_TIMEOUT_MS, error)
                                   : NULL;
    if (result == NULL)
        return FALSE;
    work->answer.answer = g_utf8_make_valid(json_is_string(result) ? json_string_value(result) : "", -1);
    return TRUE;
}

static gboolean
check_request(json_t *request, GError **error)
{
    static const char *const known[] = { "execute", "exec-oob", "arguments", "id", "control", NULL };
    const char *key;
    json_t *value;
    const char *name = json_string_value(json_object_get(request, "execute"));
    if (name == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "the command is no command of QEMU's, give for example {\"execute\":\"query-status\"}");
    json_object_foreach (request, key, value) {
        if (!g_strv_contains(known, key) || g_str_equal(key, "exec-oob"))
            return sk_fail(error, SK_ERROR_INVALID, "\"%.64s\" is not known in a command, give execute and arguments", key);
    }
    if (g_str_equal(name, "human-monitor-command")) {
        const char *line = json_string_value(json_object_get(json_object_get(request, "arguments"), "command-line"));
        return line == NULL || check_line(line, error);
    }
    return check_name(name, error);
}

/* QEMU's refusal is an answer, as is what it returns. */
static gboolean
run_request(CommandWork *work, const char *text, GError **error)
{
    g_autoptr(json_t) request = sk_json_parse(text, strlen(text), "the command", error);
    if (request == NULL || !check_request(request, error))
        return FALSE;
    g_autoptr(json_t) answer = sk_qmp_call_whole(work->qmp, json_string_value(json_object_get(request, "execute")),
                                                 json_incref(json_object_get(request, "arguments")), COMMAND_TIMEOUT_MS, error);
    if (answer == NULL)
        return FALSE;
    if (json_object_get(request, "id") != NULL)
        json_object_set(answer, "id", json_object_get(request, "id"));
    work->answer.answer = json_dumps(answer, JSON_COMPACT);
    return TRUE;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL || !sk_domain_verb_check(SK_VERB_LIVE, sk_domain_state(domain), sk_domain_name(domain), error))
        return FALSE;
    if (domain->qmp == NULL)
        return sk_fail(error, SK_ERROR_STATE, "QEMU of domain \"%s\" does not listen to us", sk_domain_name(domain));
    CommandWork *work = job->work = g_new0(CommandWork, 1);
    work->domain = g_object_ref(domain);
    work->qmp = g_object_ref(domain->qmp);
    return TRUE;
}

static gboolean
run(SkJob *job, GError **error)
{
    const SkMonitorCommand *body = job->call->body;
    return body->human ? run_line(job->work, body->command, error) : run_request(job->work, body->command, error);
}

/* It may have done something even if its answer did not come. */
static void
mark(SkJob *job)
{
    const CommandWork *work = job->work;
    sk_domain_taint(work->domain, SK_TAINT_MONITOR);
}

static void
commit(SkJob *job)
{
    mark(job);
    sk_answer_value(job->call, &sk_command_answer_type, &((CommandWork *) job->work)->answer);
}

static void
rollback(SkJob *job, const GError *error)
{
    if (job->work != NULL && sk_error_is(error, SK_ERROR_TIMEOUT))
        mark(job);
}

const SkJobKind sk_domain_monitor_job = { .prepare = prepare, .run = run, .commit = commit, .rollback = rollback, .free_work = free_work };
