/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: look-up and definition. */
#include "api/libvirt/domain-define.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "host/proc.h"
#include "service/domain-command.h"
#include "service/job.h"

/* -- look-up --------------------------------------------------------------------------------------------------------- */

static gboolean
lookup_by_id(SkLvCall *call, GError **error)
{
    gint id = sk_lv_int(call, "id");
    GTree *domains = call->service->domains;
    for (GTreeNode *node = g_tree_node_first(domains); node != NULL; node = g_tree_node_next(node)) {
        const SkDomain *domain = g_tree_node_value(node);
        if (sk_domain_is_active(domain) && (gint) domain->runtime.id == id) {
            sk_lv_put_domain(call->out, domain);
            return TRUE;
        }
    }
    return sk_fail(error, SK_ERROR_NO_DOMAIN, "no domain with matching id %d", id);
}

static gboolean
lookup_by_name(SkLvCall *call, GError **error)
{
    const char *name = sk_lv_str(call, "name");
    const SkDomain *domain = g_tree_lookup(call->service->domains, name);
    if (domain == NULL)
        return sk_fail(error, SK_ERROR_NO_DOMAIN, "no domain with matching name '%.128s'", name);
    sk_lv_put_domain(call->out, domain);
    return TRUE;
}

static gboolean
lookup_by_uuid(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain_by_uuid(call, "uuid", error);
    if (domain == NULL)
        return FALSE;
    sk_lv_put_domain(call->out, domain);
    return TRUE;
}

/* -- lists ------------------------------------------------------------------------------------------------------------ */

/* Bits of LIST_ALL's flags; those of one line exclude each other. */
enum {
    ACTIVE = 0x1, INACTIVE = 0x2,
    PERSISTENT = 0x4, TRANSIENT = 0x8,
    RUNNING = 0x10, PAUSED = 0x20, SHUT_OFF = 0x40, OTHER = 0x80,
    SAVED = 0x100, NOT_SAVED = 0x200,
    AUTOSTART = 0x400, NO_AUTOSTART = 0x800,
    SNAPSHOT = 0x1000, NO_SNAPSHOT = 0x2000,
    CHECKPOINT = 0x4000, NO_CHECKPOINT = 0x8000,
};

static guint
bits_of(const SkDomain *domain)
{
    static const guint states[SK_N_DOMAIN_STATES] = {
        [SK_DOMAIN_SHUT_OFF] = SHUT_OFF, [SK_DOMAIN_RUNNING] = RUNNING, [SK_DOMAIN_PAUSED] = PAUSED,
        [SK_DOMAIN_IN_SHUTDOWN] = OTHER, [SK_DOMAIN_CRASHED] = OTHER, [SK_DOMAIN_PMSUSPENDED] = OTHER,
    };
    return (sk_domain_is_active(domain) ? ACTIVE : INACTIVE) | (domain->persistent ? PERSISTENT : TRANSIENT) | states[sk_lv_domain_state(domain)] |
           (domain->spec->autostart ? AUTOSTART : NO_AUTOSTART) | (domain->saved != NULL ? SAVED : NOT_SAVED) |
           (domain->snapshots != NULL && domain->snapshots->len > 0 ? SNAPSHOT : NO_SNAPSHOT) |
           (domain->checkpoints != NULL && domain->checkpoints->len > 0 ? CHECKPOINT : NO_CHECKPOINT);
}

gboolean
sk_lv_domain_passes(gconstpointer domain, guint flags)
{
    static const guint groups[] = { ACTIVE | INACTIVE, PERSISTENT | TRANSIENT, RUNNING | PAUSED | SHUT_OFF | OTHER, SAVED | NOT_SAVED,
                                    AUTOSTART | NO_AUTOSTART, SNAPSHOT | NO_SNAPSHOT, CHECKPOINT | NO_CHECKPOINT, 0 };
    return flags == 0 || sk_lv_passes(flags, bits_of(domain), groups);
}

static void
put_domain(GByteArray *out, gconstpointer domain)
{
    sk_lv_put_domain(out, domain);
}

static gboolean
list_all(SkLvCall *call, GError **error)
{
    static const SkLvList list = { .shown = sk_lv_domain_passes, .put = put_domain };
    return sk_lv_check_flags(call, 0xffff, error) && sk_lv_list(call, call->service->domains, &list, error);
}

static gboolean
count_defined(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_count(call, call->service->domains, sk_lv_domain_passes, INACTIVE);
}

static gboolean
list_defined(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_names(call, call->service->domains, sk_lv_domain_passes, INACTIVE);
}

static gboolean
count_active(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_count(call, call->service->domains, sk_lv_domain_passes, ACTIVE);
}

static gboolean
list_ids(SkLvCall *call, GError **error)
{
    GTree *domains = call->service->domains;
    guint count = 0, max = (guint) CLAMP(sk_lv_int(call, "maxids"), 0, 16384);
    gsize place = sk_xdr_list_begin(call->out);
    (void) error;
    for (GTreeNode *node = g_tree_node_first(domains); node != NULL && count < max; node = g_tree_node_next(node)) {
        const SkDomain *domain = g_tree_node_value(node);
        if (!sk_domain_is_active(domain))
            continue;
        sk_xdr_put_i32(call->out, (gint) domain->runtime.id);
        count++;
    }
    sk_xdr_list_end(call->out, place, count);
    return TRUE;
}

/* -- state ------------------------------------------------------------------------------------------------------------ */

static gboolean
get_state(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, sk_lv_state_number(domain));
    sk_xdr_put_i32(call->out, sk_lv_reason_number(domain));
    return TRUE;
}

/* Memory is in KiB. Processor time is asked of the kernel, not of the figures, which may be seconds old. */
static gboolean
get_info(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    SkProcUsage usage = { 0 };
    if (domain == NULL)
        return FALSE;
    const SkDomainSpec *spec = domain->runtime.live != NULL ? domain->runtime.live : domain->spec;
    guint64 balloon = domain->runtime.live != NULL ? domain->stats.memory_balloon : 0;
    guint64 maximum = MAX(spec->memory.maximum, spec->memory.current);
    if (domain->runtime.pid != 0)
        sk_proc_usage(NULL, (pid_t) domain->runtime.pid, &usage);
    sk_xdr_put_u32(call->out, (guint) sk_lv_state_number(domain));
    sk_xdr_put_u64(call->out, maximum / 1024);
    sk_xdr_put_u64(call->out, (balloon != 0 ? balloon : spec->memory.current) / 1024);
    sk_xdr_put_u32(call->out, spec->vcpus.current);
    sk_xdr_put_u64(call->out, usage.cpu_ns);
    return TRUE;
}

/* Whether it can be talked to: it can, or waits for a job. */
static gboolean
get_control_info(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    g_autofree char *object = sk_domain_object(domain);
    gboolean busy = sk_jobs_running_on(call->service->jobs, object) != NULL;
    sk_xdr_put_u32(call->out, busy ? 1 : 0);
    sk_xdr_put_u32(call->out, 0);
    sk_xdr_put_u64(call->out, 0);
    return TRUE;
}

enum { MESSAGES_DEPRECATION = 1, MESSAGES_TAINTING = 2 };

/* Nothing of ours is deprecated: what QEMU is to drop is not offered. */
static gboolean
get_messages(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    guint flags = sk_lv_uint(call, "flags");
    guint count = 0;
    if (domain == NULL || !sk_lv_check_flags(call, MESSAGES_DEPRECATION | MESSAGES_TAINTING, error))
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    char **taints = flags == 0 || (flags & MESSAGES_TAINTING) != 0 ? domain->runtime.taints : NULL;
    for (; taints != NULL && taints[count] != NULL; count++) {
        g_autofree char *text = g_strconcat("tainted: ", sk_domain_taint_text(taints[count]), NULL);
        sk_xdr_put_str(call->out, text);
    }
    sk_xdr_list_end(call->out, place, count);
    return TRUE;
}

static gboolean
is_active(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, sk_domain_is_active(domain));
    return TRUE;
}

static gboolean
is_persistent(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, domain->persistent);
    return TRUE;
}

static gboolean
is_updated(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, domain->pending != NULL);
    return TRUE;
}

/* Guests are kept apart by a uid each, which no client knows as a label. */
static gboolean
get_security_label(SkLvCall *call, GError **error)
{
    if (sk_lv_domain(call, "dom", error) == NULL)
        return FALSE;
    sk_xdr_put_chars(call->out, "");
    sk_xdr_put_i32(call->out, FALSE);
    return TRUE;
}

static gboolean
get_security_labels(SkLvCall *call, GError **error)
{
    if (sk_lv_domain(call, "dom", error) == NULL)
        return FALSE;
    sk_xdr_list_end(call->out, sk_xdr_list_begin(call->out), 0);
    sk_xdr_put_i32(call->out, 0);
    return TRUE;
}

static gboolean
get_os_type(SkLvCall *call, GError **error)
{
    if (sk_lv_domain(call, "dom", error) == NULL)
        return FALSE;
    sk_xdr_put_str(call->out, "hvm");
    return TRUE;
}

/* -- autostart ---------------------------------------------------------------------------------------------------------- */

static gboolean
get_autostart(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, domain->spec->autostart);
    return TRUE;
}

static gboolean
set_autostart(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_UPDATE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->patch = json_pack("{s:b}", "autostart", sk_lv_int(call, "autostart") != 0);
    return sk_lv_dispatch(call, op, NULL);
}

static const SkLvProcedure rows[] = {
    { 11, "DOMAIN_DEFINE_XML", "xml:str", "dom", SK_OP_DOMAIN_DEFINE, sk_lv_define_xml },
    { 14, "DOMAIN_GET_XML_DESC", "dom flags", "xml:str", SK_OP_DOMAIN_SHOW, sk_lv_get_xml_desc },
    { 15, "DOMAIN_GET_AUTOSTART", "dom", "autostart:i32", SK_OP_DOMAIN_SHOW, get_autostart },
    { 16, "DOMAIN_GET_INFO", "dom", "state:u8 maxMem:u64 memory:u64 nrVirtCpu:u16 cpuTime:u64", SK_OP_DOMAIN_SHOW, get_info },
    { 19, "DOMAIN_GET_OS_TYPE", "dom", "type:str", SK_OP_DOMAIN_SHOW, get_os_type },
    { 21, "CONNECT_LIST_DEFINED_DOMAINS", "maxnames:i32", "names:str<16384>", SK_OP_DOMAIN_LIST, list_defined },
    { 22, "DOMAIN_LOOKUP_BY_ID", "id:i32", "dom", SK_OP_DOMAIN_SHOW, lookup_by_id },
    { 23, "DOMAIN_LOOKUP_BY_NAME", "name:str", "dom", SK_OP_DOMAIN_SHOW, lookup_by_name },
    { 24, "DOMAIN_LOOKUP_BY_UUID", "uuid", "dom", SK_OP_DOMAIN_SHOW, lookup_by_uuid },
    { 25, "CONNECT_NUM_OF_DEFINED_DOMAINS", "", "num:i32", SK_OP_DOMAIN_LIST, count_defined },
    { 29, "DOMAIN_SET_AUTOSTART", "dom autostart:i32", "", SK_OP_DOMAIN_UPDATE, set_autostart },
    { 35, "DOMAIN_UNDEFINE", "dom", "", SK_OP_DOMAIN_UNDEFINE, sk_lv_undefine },
    { 37, "CONNECT_LIST_DOMAINS", "maxids:i32", "ids:i32<16384>", SK_OP_DOMAIN_LIST, list_ids },
    { 51, "CONNECT_NUM_OF_DOMAINS", "", "num:i32", SK_OP_DOMAIN_LIST, count_active },
    { 121, "DOMAIN_GET_SECURITY_LABEL", "dom", "label:char<4097> enforcing:i32", SK_OP_DOMAIN_SHOW, get_security_label },
    { 150, "DOMAIN_IS_ACTIVE", "dom", "active:i32", SK_OP_DOMAIN_SHOW, is_active },
    { 151, "DOMAIN_IS_PERSISTENT", "dom", "persistent:i32", SK_OP_DOMAIN_SHOW, is_persistent },
    { 202, "DOMAIN_IS_UPDATED", "dom", "updated:i32", SK_OP_DOMAIN_SHOW, is_updated },
    { 212, "DOMAIN_GET_STATE", "dom flags", "state:i32 reason:i32", SK_OP_DOMAIN_SHOW, get_state },
    { 229, "DOMAIN_GET_CONTROL_INFO", "dom flags", "state:u32 details:u32 stateTime:u64", SK_OP_DOMAIN_SHOW, get_control_info },
    { 231, "DOMAIN_UNDEFINE_FLAGS", "dom flags", "", SK_OP_DOMAIN_UNDEFINE, sk_lv_undefine },
    { 264, "DOMAIN_SET_METADATA", "dom type:i32 metadata:str? key:str? uri:str? flags", "", SK_OP_DOMAIN_UPDATE, sk_lv_set_metadata },
    { 265, "DOMAIN_GET_METADATA", "dom type:i32 uri:str? flags", "metadata:str", SK_OP_DOMAIN_SHOW, sk_lv_get_metadata },
    { 273, "CONNECT_LIST_ALL_DOMAINS", "need_results:i32 flags", "domains:dom<16384> ret:u32", SK_OP_DOMAIN_LIST, list_all },
    { 278, "DOMAIN_GET_SECURITY_LABEL_LIST", "dom", "labels:{label:char<4097> enforcing:i32}<64> ret:i32", SK_OP_DOMAIN_SHOW, get_security_labels },
    { 350, "DOMAIN_DEFINE_XML_FLAGS", "xml:str flags", "dom", SK_OP_DOMAIN_DEFINE, sk_lv_define_xml },
    { 358, "DOMAIN_RENAME", "dom new_name:str? flags", "retcode:i32", SK_OP_DOMAIN_RENAME, sk_lv_rename },
    { 396, "DOMAIN_GET_LAUNCH_SECURITY_INFO", "dom flags", "params:tp<64>" },
    { 426, "DOMAIN_GET_MESSAGES", "dom flags", "msgs:str<2048>", SK_OP_DOMAIN_SHOW, get_messages },
    { 439, "DOMAIN_SET_LAUNCH_SECURITY_STATE", NULL, NULL },
};
SK_LV_FAMILY(sk_lv_domain_family, "Domain: look-up and definition", QEMU, rows);
