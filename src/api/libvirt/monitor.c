/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: QEMU monitor. */
#include <string.h>

#include "api/libvirt/event.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "model/agent.h"

/* -- events of QEMU's own ------------------------------------------------------------------------------------------- */

enum { BY_REGEX = 1, ANY_CASE = 2 };

/* A name as it is, or a regular expression; without it every event. */
static gboolean
make_pattern(const char *event, guint flags, GRegex **out_pattern, GError **error)
{
    g_autoptr(GError) why = NULL;
    *out_pattern = NULL;
    if (event == NULL)
        return TRUE;
    g_autofree char *exact = g_regex_escape_string(event, -1);
    g_autofree char *text = (flags & BY_REGEX) != 0 ? g_strdup(event) : g_strconcat("^", exact, "$", NULL);
    *out_pattern = g_regex_new(text, (flags & ANY_CASE) != 0 ? G_REGEX_CASELESS : 0, 0, &why);
    return *out_pattern != NULL || sk_fail(error, SK_ERROR_INVALID, "\"%.128s\" is no regular expression: %s", event, why->message);
}

static gboolean
register_event(SkLvCall *call, GError **error)
{
    g_autofree char *uuid = NULL;
    GRegex *pattern = NULL;
    if (!sk_lv_check_flags(call, BY_REGEX | ANY_CASE, error) ||
        !make_pattern(sk_lv_str(call, "event"), sk_lv_uint(call, "flags"), &pattern, error))
        return FALSE;
    if (sk_lv_value(call, "dom")->present)
        uuid = sk_lv_uuid(call, "dom.uuid");
    sk_xdr_put_i32(call->out, sk_lv_event_register(call->connection, SK_LV_EVENT_QEMU, 0, uuid, pattern));
    return TRUE;
}

static gboolean
deregister_event(SkLvCall *call, GError **error)
{
    gint callback = sk_lv_int(call, "callbackID");
    return sk_lv_event_deregister(call->connection, SK_LV_EVENT_QEMU, callback) ||
           sk_fail(error, SK_ERROR_INVALID, "the connection has no callback %d for QEMU's events", callback);
}

/* -- commands ----------------------------------------------------------------------------------------------------------- */

enum { COMMAND_HUMAN = 1 };
/* Instead of seconds: no limit, the usual, no answer. */
enum { WAIT_FOREVER = -2, WAIT_USUAL = -1, WAIT_NOT = 0 };

#define ANSWER_MAX (4 * 1024 * 1024)

static char *
take_answer(const SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error);
    const char *text = json_string_value(json_object_get(answer, "answer"));
    if (text != NULL && strlen(text) <= ANSWER_MAX)
        return g_strdup(text);
    if (answer != NULL && text != NULL)
        sk_fail(error, SK_ERROR_TOO_LARGE, "the answer is %" G_GSIZE_FORMAT " bytes long, at most %d can be passed on", strlen(text), ANSWER_MAX);
    return answer != NULL && text == NULL ? g_strdup("") : NULL;
}

static gboolean
put_monitor_answer(SkLvCall *call, SkCall *op, GError **error)
{
    g_autofree char *text = take_answer(op, error);
    if (text != NULL)
        sk_xdr_put_str(call->out, text);
    return text != NULL;
}

static gboolean
put_agent_answer(SkLvCall *call, SkCall *op, GError **error)
{
    g_autofree char *text = take_answer(op, error);
    if (text != NULL)
        sk_xdr_put_optional_str(call->out, *text != '\0' ? text : NULL);
    return text != NULL;
}

static gboolean
monitor_command(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, COMMAND_HUMAN, error))
        return FALSE;
    SkMonitorCommand *body = sk_value_new(&sk_monitor_command_type);
    body->command = g_strdup(sk_lv_str(call, "cmd"));
    body->human = (sk_lv_uint(call, "flags") & COMMAND_HUMAN) != 0;
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_MONITOR);
    op->params.name = g_strdup(domain->spec->uuid);
    op->body = body;
    return sk_lv_dispatch(call, op, put_monitor_answer);
}

static gboolean
agent_command(SkLvCall *call, GError **error)
{
    gint timeout = sk_lv_int(call, "timeout");
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (timeout < WAIT_FOREVER)
        return sk_fail(error, SK_ERROR_INVALID, "%d is no time to wait: give seconds, or -2, -1 or 0", timeout);
    SkAgentCommand *body = sk_value_new(&sk_agent_command_type);
    body->command = g_strdup(sk_lv_str(call, "cmd"));
    body->forget = timeout == WAIT_NOT;
    body->timeout = timeout == WAIT_FOREVER ? SK_AGENT_WAIT_MAX : timeout == WAIT_USUAL ? 0 : MIN((guint) timeout, SK_AGENT_WAIT_MAX);
    SkCall *op = sk_lv_operation(call, SK_OP_AGENT_COMMAND);
    op->params.name = g_strdup(domain->spec->uuid);
    op->body = body;
    return sk_lv_dispatch(call, op, put_agent_answer);
}

static const SkLvProcedure rows[] = {
    { 1, "DOMAIN_MONITOR_COMMAND", "dom cmd:str flags", "result:str", SK_OP_DOMAIN_MONITOR, monitor_command },
    { 3, "DOMAIN_AGENT_COMMAND", "dom cmd:str timeout:i32 flags", "result:str?", SK_OP_AGENT_COMMAND, agent_command },
    { 4, "CONNECT_DOMAIN_MONITOR_EVENT_REGISTER", "dom:dom? event:str? flags", "callbackID:i32", SK_OP_AUDIT_LIST, register_event },
    { 5, "CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER", "callbackID:i32", "", SK_OP_AUDIT_LIST, deregister_event },
    { 6, "DOMAIN_MONITOR_EVENT", "", "callbackID:i32 dom event:str seconds:i64 micros:u32 details:str?", .flags = SK_LV_MESSAGE },
    { 7, "DOMAIN_MONITOR_COMMAND_WITH_FILES", "dom cmd:str flags", "result:str", .lacks = "descriptors are the daemon's business: commands that take them are refused" },
};
const SkLvFamily sk_lv_monitor_family = {
    .title = "QEMU monitor", .program = SK_LV_PROGRAM_QEMU, .subsystem = SK_LV_FROM_QEMU, .rows = rows, .n_rows = G_N_ELEMENTS(rows),
};
