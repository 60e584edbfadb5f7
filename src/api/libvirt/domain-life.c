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

/* The ways to ask, by their bits; without one it is up to us. */
static gboolean
ask_guest_with_flags(SkLvCall *call, GError **error)
{
    static const char *const modes[] = { "acpi", "agent", "initctl", "signal", "paravirt" };
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    guint flags = sk_lv_uint(call, "flags");
    if (domain == NULL || !sk_lv_check_flags(call, (1u << G_N_ELEMENTS(modes)) - 1, error))
        return FALSE;
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        if ((flags & (1u << i)) != 0)
            g_strv_builder_add(words, modes[i]);
    }
    SkCall *op = sk_lv_operation(call, call->procedure->op);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.modes = flags != 0 ? g_strv_builder_end(words) : NULL;
    op->params.wait = 0;
    return sk_lv_dispatch(call, op, NULL);
}

/* -- what becomes of it -------------------------------------------------------------------------------------------------- */

static gboolean
set_lifecycle_action(SkLvCall *call, GError **error)
{
    static const char *const types[] = { "on_poweroff", "on_reboot", "on_crash" };
    /* libvirt's numbers: destroy, restart, rename-restart, preserve, dumps. */
    static const SkOnAction actions[] = { SK_ON_DESTROY, SK_ON_RESTART, SK_ON_RESTART, SK_ON_PRESERVE };
    enum { RENAME_RESTART = 2 };
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    guint type = sk_lv_uint(call, "type"), action = sk_lv_uint(call, "action");
    if (domain == NULL || !sk_lv_check_flags(call, 3, error))
        return FALSE;
    if (type >= G_N_ELEMENTS(types))
        return sk_fail(error, SK_ERROR_INVALID, "unknown kind %u of an end: 0 is poweroff, 1 reboot, 2 crash", type);
    if (action >= G_N_ELEMENTS(actions) || action == RENAME_RESTART)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "%s cannot be followed by action %u: 0 is destroy, 1 restart, 3 preserve", types[type], action);
    const char *word = sk_enum_name(&sk_on_action_enum, (gint) actions[action]);
    return sk_lv_patch(call, domain, sk_lv_uint(call, "flags"), json_pack("{s:s}", types[type], word), error);
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
    { 27, "DOMAIN_REBOOT", "dom flags", "", SK_OP_DOMAIN_REBOOT, ask_guest_with_flags },
    { 28, "DOMAIN_RESUME", "dom", "", SK_OP_DOMAIN_RESUME, sk_lv_run_domain_verb },
    { 33, "DOMAIN_SHUTDOWN", "dom", "", SK_OP_DOMAIN_SHUTDOWN, ask_guest },
    { 34, "DOMAIN_SUSPEND", "dom", "", SK_OP_DOMAIN_SUSPEND, sk_lv_run_domain_verb },
    { 196, "DOMAIN_CREATE_WITH_FLAGS", "dom flags", "dom", SK_OP_DOMAIN_START, create_with_flags },
    { 210, "DOMAIN_INJECT_NMI", "dom flags", "", SK_OP_DOMAIN_NMI, without_flags },
    { 234, "DOMAIN_DESTROY_FLAGS", "dom flags", "", SK_OP_DOMAIN_DESTROY, destroy_flags },
    { 245, "DOMAIN_RESET", "dom flags", "", SK_OP_DOMAIN_RESET, without_flags },
    { 258, "DOMAIN_SHUTDOWN_FLAGS", "dom flags", "", SK_OP_DOMAIN_SHUTDOWN, ask_guest_with_flags },
    { 261, "DOMAIN_PM_SUSPEND_FOR_DURATION", "dom target:u32 duration:u64 flags", "", SK_OP_AGENT_SLEEP, sk_lv_pm_suspend },
    { 267, "DOMAIN_PM_WAKEUP", "dom flags", "", SK_OP_DOMAIN_RESUME, without_flags },
    { 295, "DOMAIN_SEND_PROCESS_SIGNAL", "dom pid_value:i64 signum:u32 flags", "", .lacks = "a guest's processes are its own: skep agent exec can signal them" },
    { 309, "DOMAIN_CREATE_XML_WITH_FILES", "xml_desc:str flags", "dom", SK_OP_DOMAIN_CREATE, create_xml_with_files, .lacks = "descriptors: a virtual machine has no use for them" },
    { 310, "DOMAIN_CREATE_WITH_FILES", "dom flags", "dom", SK_OP_DOMAIN_START, create_with_flags, .lacks = "descriptors: a virtual machine has no use for them" },
    { 390, "DOMAIN_SET_LIFECYCLE_ACTION", "dom type:u32 action:u32 flags", "", SK_OP_DOMAIN_UPDATE, set_lifecycle_action },
};
SK_LV_FAMILY(sk_lv_domain_life_family, "Domain: life", QEMU, rows);
