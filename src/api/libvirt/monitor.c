/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: QEMU monitor. */
#include "api/libvirt/event.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"

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

static const SkLvProcedure rows[] = {
    { 1, "DOMAIN_MONITOR_COMMAND", "dom cmd:str flags", "result:str" },
    { 3, "DOMAIN_AGENT_COMMAND", "dom cmd:str timeout:i32 flags", "result:str?" },
    { 4, "CONNECT_DOMAIN_MONITOR_EVENT_REGISTER", "dom:dom? event:str? flags", "callbackID:i32", SK_OP_AUDIT_LIST, register_event },
    { 5, "CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER", "callbackID:i32", "", SK_OP_AUDIT_LIST, deregister_event },
    { 6, "DOMAIN_MONITOR_EVENT", "", "callbackID:i32 dom event:str seconds:i64 micros:u32 details:str?", .flags = SK_LV_MESSAGE },
    { 7, "DOMAIN_MONITOR_COMMAND_WITH_FILES", "dom cmd:str flags", "result:str" },
};
const SkLvFamily sk_lv_monitor_family = {
    .title = "QEMU monitor", .program = SK_LV_PROGRAM_QEMU, .subsystem = SK_LV_FROM_QEMU, .rows = rows, .n_rows = G_N_ELEMENTS(rows),
};
