/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: life. */
#include "api/libvirt/domain-define.h"
#include "api/libvirt/domain-guest.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "service/domain-transient.h"

/* -- start ------------------------------------------------------------------------------------------------------------ */

enum { START_PAUSED = 1, START_AUTODESTROY = 2, START_BYPASS_CACHE = 4, START_FORCE_BOOT = 8, START_RESET_NVRAM = 32 };

static gboolean
put_started(SkLvCall *call, SkCall *op, GError **error)
{
    (void) op;
    SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    if ((sk_lv_uint(call, "flags") & START_AUTODESTROY) != 0 && !sk_domain_set_autodestroy(domain, call->connection, error))
        return FALSE;
    sk_lv_put_domain(call->out, domain);
    return TRUE;
}

/* They would be for the first program of a container. */
static gboolean
refuse_files(const SkLvCall *call, GError **error)
{
    return call->fds_in == NULL || call->fds_in->len == 0 ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "descriptors are for the first program of a container, and a virtual machine has none: give no files");
}

static gboolean
create_xml_with_files(SkLvCall *call, GError **error)
{
    return refuse_files(call, error) && sk_lv_create_xml(call, error);
}

static gboolean
create_with_flags(SkLvCall *call, GError **error)
{
    if (!refuse_files(call, error))
        return FALSE;
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, START_PAUSED | START_AUTODESTROY | START_BYPASS_CACHE | START_FORCE_BOOT | START_RESET_NVRAM, error))
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_START);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.paused = (sk_lv_uint(call, "flags") & START_PAUSED) != 0;
    op->params.fresh = (sk_lv_uint(call, "flags") & START_FORCE_BOOT) != 0;
    op->params.reset_nvram = (sk_lv_uint(call, "flags") & START_RESET_NVRAM) != 0;
    return sk_lv_dispatch(call, op, put_started);
}

/* -- end ---------------------------------------------------------------------------------------------------------------- */

/* Our jobs end when the guest has obeyed; the client only wants it asked. */
static gboolean
ask_guest(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, call->procedure->op);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.wait = 0;
    return sk_lv_dispatch(call, op, NULL);
}

/* The ways to ask: only the power button is there for every guest. */
static gboolean
ask_guest_with_flags(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0x1f, error) && ask_guest(call, error);
}

/* Graceful is what we always are: QEMU is asked first, and killed only if it does not go. */
static gboolean
destroy_flags(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 3, error) && sk_lv_run_domain_verb(call, error);
}

/* What takes no flags. */
static gboolean
without_flags(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0, error) && sk_lv_run_domain_verb(call, error);
}

static const SkLvProcedure rows[] = {
    { 9, "DOMAIN_CREATE", "dom", "", SK_OP_DOMAIN_START, sk_lv_run_domain_verb },
    { 10, "DOMAIN_CREATE_XML", "xml_desc:str flags", "dom", SK_OP_DOMAIN_CREATE, sk_lv_create_xml },
    { 12, "DOMAIN_DESTROY", "dom", "", SK_OP_DOMAIN_DESTROY, sk_lv_run_domain_verb },
    { 27, "DOMAIN_REBOOT", "dom flags", "", SK_OP_DOMAIN_REBOOT, ask_guest, .lacks = "the power button is pressed, whichever way is asked for" },
    { 28, "DOMAIN_RESUME", "dom", "", SK_OP_DOMAIN_RESUME, sk_lv_run_domain_verb },
    { 33, "DOMAIN_SHUTDOWN", "dom", "", SK_OP_DOMAIN_SHUTDOWN, ask_guest },
    { 34, "DOMAIN_SUSPEND", "dom", "", SK_OP_DOMAIN_SUSPEND, sk_lv_run_domain_verb },
    { 196, "DOMAIN_CREATE_WITH_FLAGS", "dom flags", "dom", SK_OP_DOMAIN_START, create_with_flags },
    { 210, "DOMAIN_INJECT_NMI", "dom flags", "", SK_OP_DOMAIN_NMI, without_flags },
    { 234, "DOMAIN_DESTROY_FLAGS", "dom flags", "", SK_OP_DOMAIN_DESTROY, destroy_flags },
    { 245, "DOMAIN_RESET", "dom flags", "", SK_OP_DOMAIN_RESET, without_flags },
    { 258, "DOMAIN_SHUTDOWN_FLAGS", "dom flags", "", SK_OP_DOMAIN_SHUTDOWN, ask_guest_with_flags, .lacks = "the power button is pressed, whichever way is asked for" },
    { 261, "DOMAIN_PM_SUSPEND_FOR_DURATION", "dom target:u32 duration:u64 flags", "", SK_OP_AGENT_SLEEP, sk_lv_pm_suspend },
    { 267, "DOMAIN_PM_WAKEUP", "dom flags", "", SK_OP_DOMAIN_RESUME, without_flags },
    { 295, "DOMAIN_SEND_PROCESS_SIGNAL", "dom pid_value:i64 signum:u32 flags", "", .lacks = "a guest's processes are its own: skep agent exec can signal them" },
    { 309, "DOMAIN_CREATE_XML_WITH_FILES", "xml_desc:str flags", "dom", SK_OP_DOMAIN_CREATE, create_xml_with_files, .lacks = "descriptors: a virtual machine has no use for them" },
    { 310, "DOMAIN_CREATE_WITH_FILES", "dom flags", "dom", SK_OP_DOMAIN_START, create_with_flags, .lacks = "descriptors: a virtual machine has no use for them" },
    { 390, "DOMAIN_SET_LIFECYCLE_ACTION", NULL, NULL },
};
SK_LV_FAMILY(sk_lv_domain_life_family, "Domain: life", QEMU, rows);
