/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: QEMU monitor. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 1, "DOMAIN_MONITOR_COMMAND", "dom cmd:str flags", "result:str" },
    { 3, "DOMAIN_AGENT_COMMAND", "dom cmd:str timeout:i32 flags", "result:str?" },
    { 4, "CONNECT_DOMAIN_MONITOR_EVENT_REGISTER", "dom:dom? event:str? flags", "callbackID:i32" },
    { 5, "CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER", "callbackID:i32", "" },
    { 6, "DOMAIN_MONITOR_EVENT", "", "callbackID:i32 dom event:str seconds:i64 micros:u32 details:str?", .flags = SK_LV_MESSAGE },
    { 7, "DOMAIN_MONITOR_COMMAND_WITH_FILES", "dom cmd:str flags", "result:str" },
};
const SkLvFamily sk_lv_monitor_family = {
    .title = "QEMU monitor", .program = SK_LV_PROGRAM_QEMU, .subsystem = SK_LV_FROM_QEMU, .rows = rows, .n_rows = G_N_ELEMENTS(rows),
};
