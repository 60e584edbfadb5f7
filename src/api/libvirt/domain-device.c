/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: devices. */
#include "api/libvirt/domain-define.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "codec/xml/xml.h"

enum { LIVE = 1, CONFIG = 2, FORCE = 4 };

/* Calls without flags are about what runs. */
static guint
flags_of(const SkLvCall *call)
{
    gboolean has_flags = call->procedure->number != 8 && call->procedure->number != 13;
    return has_flags ? sk_lv_uint(call, "flags") : LIVE;
}

static SkCall *
new_operation(SkLvCall *call, SkOperationId id, const SkDomain *domain, guint flags, GError **error)
{
    gint scope = SK_SCOPE_BOTH;
    if (!sk_lv_scope(domain, flags, &scope, error))
        return NULL;
    SkCall *op = sk_lv_operation(call, id);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.scope = scope;
    op->params.force = (flags & FORCE) != 0;
    return op;
}

static gboolean
run_xml(SkLvCall *call, SkOperationId id, guint known, GError **error)
{
    guint flags = flags_of(call);
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    if ((flags & ~known) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "%s does not know the flag 0x%x", call->procedure->name, (flags & ~known) & -(flags & ~known));
    SkXmlDevice device = { 0 };
    const SkDomainSpec *spec = sk_lv_spec_of(domain, flags, error);
    if (spec == NULL || !sk_xml_device_parse(sk_lv_str(call, "xml"), -1, spec, &device, error))
        return FALSE;
    SkCall *op = new_operation(call, id, domain, flags, error);
    if (op == NULL) {
        sk_xml_device_clear(&device);
        return FALSE;
    }
    op->dialect = TRUE;
    op->body = sk_device_new(device.field, device.value);
    return sk_lv_dispatch(call, op, NULL);
}

static gboolean
attach(SkLvCall *call, GError **error)
{
    return run_xml(call, SK_OP_DEVICE_ATTACH, LIVE | CONFIG, error);
}

static gboolean
detach(SkLvCall *call, GError **error)
{
    return run_xml(call, SK_OP_DEVICE_DETACH, LIVE | CONFIG, error);
}

static gboolean
update(SkLvCall *call, GError **error)
{
    return run_xml(call, SK_OP_DEVICE_UPDATE, LIVE | CONFIG | FORCE, error);
}

static gboolean
detach_alias(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, LIVE | CONFIG, error))
        return FALSE;
    SkCall *op = new_operation(call, SK_OP_DEVICE_REMOVE, domain, sk_lv_uint(call, "flags"), error);
    if (op == NULL)
        return FALSE;
    op->params.alias = g_strdup(sk_lv_str(call, "alias"));
    return sk_lv_dispatch(call, op, NULL);
}

static const SkLvProcedure rows[] = {
    { 8, "DOMAIN_ATTACH_DEVICE", "dom xml:str", "", SK_OP_DEVICE_ATTACH, attach },
    { 13, "DOMAIN_DETACH_DEVICE", "dom xml:str", "", SK_OP_DEVICE_DETACH, detach },
    { 160, "DOMAIN_ATTACH_DEVICE_FLAGS", "dom xml:str flags", "", SK_OP_DEVICE_ATTACH, attach },
    { 161, "DOMAIN_DETACH_DEVICE_FLAGS", "dom xml:str flags", "", SK_OP_DEVICE_DETACH, detach },
    { 174, "DOMAIN_UPDATE_DEVICE_FLAGS", "dom xml:str flags", "", SK_OP_DEVICE_UPDATE, update },
    { 392, "DOMAIN_DETACH_DEVICE_ALIAS", "dom alias:str flags", "", SK_OP_DEVICE_REMOVE, detach_alias },
    { 443, "DOMAIN_FD_ASSOCIATE", "dom name:str flags", "" },
};
SK_LV_FAMILY(sk_lv_domain_device_family, "Domain: devices", QEMU, rows);
