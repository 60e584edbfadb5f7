/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions in libvirt's XML: made, shown, changed in words, removed. */
#include "api/libvirt/domain-define.h"

#include "api/libvirt/private.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "base/text.h"
#include "codec/xml/xml.h"
#include "engine/launch.h"
#include "service/disk-chains.h"
#include "service/domain-transient.h"

/* -- scope ------------------------------------------------------------------------------------------------------------ */

enum { LIVE = 1, CONFIG = 2 };

gboolean
sk_lv_scope(const SkDomain *domain, guint flags, gint *out_scope, GError **error)
{
    gboolean active = sk_domain_is_active(domain);
    guint asked = flags & (LIVE | CONFIG);
    if (asked == 0)
        asked = active ? LIVE : CONFIG;
    if ((asked & LIVE) != 0 && !active)
        return sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" is off", sk_domain_name(domain));
    if ((asked & CONFIG) != 0 && !domain->persistent)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is transient: it has no definition to change", sk_domain_name(domain));
    *out_scope = asked == LIVE ? SK_SCOPE_LIVE : asked == CONFIG ? SK_SCOPE_CONFIG : SK_SCOPE_BOTH;
    return TRUE;
}

const SkDomainSpec *
sk_lv_spec_of(const SkDomain *domain, guint flags, GError **error)
{
    if ((flags & LIVE) != 0 && domain->runtime.live == NULL) {
        sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" is off", sk_domain_name(domain));
        return NULL;
    }
    return (flags & CONFIG) == 0 && domain->runtime.live != NULL ? domain->runtime.live : domain->spec;
}

gboolean
sk_lv_patch(SkLvCall *call, const SkDomain *domain, guint flags, json_t *patch, GError **error)
{
    g_autoptr(json_t) owned = patch;
    gint scope;
    if (!sk_lv_scope(domain, flags, &scope, error))
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_UPDATE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.scope = scope;
    op->patch = g_steal_pointer(&owned);
    return sk_lv_dispatch(call, op, NULL);
}

/* -- define, create ------------------------------------------------------------------------------------------------------ */

enum { DEFINE_VALIDATE = 1 };
enum { CREATE_PAUSED = 1, CREATE_AUTODESTROY = 2, CREATE_BYPASS_CACHE = 4, CREATE_FORCE_BOOT = 8, CREATE_VALIDATE = 16, CREATE_RESET_NVRAM = 32 };

/* The definition a client sent; what XML has no place for is kept from the one there is. */
static SkDomainSpec *
parse(SkLvCall *call, const char *text, GError **error)
{
    SkDomainSpec *spec = sk_xml_domain_parse(text, -1, error);
    if (spec == NULL)
        return NULL;
    sk_uuid_normalize(&spec->uuid);
    const SkDomain *old = spec->uuid != NULL ? g_hash_table_lookup(call->service->domains_by_uuid, spec->uuid) : NULL;
    if (old != NULL) {
        sk_engine_hide(old->spec, spec);
        sk_xml_domain_keep(old->spec, spec);
    } else if (spec->uuid == NULL) {
        spec->uuid = g_uuid_string_random();
    }
    return spec;
}

gboolean
sk_lv_define_xml(SkLvCall *call, GError **error)
{
    if (call->procedure->number == 350 && !sk_lv_check_flags(call, DEFINE_VALIDATE, error))
        return FALSE;
    SkDomainSpec *spec = parse(call, sk_lv_str(call, "xml"), error);
    if (spec == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_DEFINE);
    op->params.name = g_strdup(spec->name);
    op->body = spec;
    op->dialect = TRUE;
    return sk_lv_dispatch(call, op, sk_lv_done_domain);
}

static gboolean
created(SkLvCall *call, SkCall *op, GError **error)
{
    const SkDomainSpec *spec = op->body;
    SkDomain *domain = spec->uuid != NULL ? g_hash_table_lookup(call->service->domains_by_uuid, spec->uuid) : NULL;
    if (domain != NULL && (sk_lv_uint(call, "flags") & CREATE_AUTODESTROY) != 0 &&
        !sk_domain_set_autodestroy(domain, call->connection, error))
        return FALSE;
    return sk_lv_done_domain(call, op, error);
}

gboolean
sk_lv_create_xml(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    if (!sk_lv_check_flags(call, CREATE_PAUSED | CREATE_AUTODESTROY | CREATE_BYPASS_CACHE | CREATE_FORCE_BOOT | CREATE_VALIDATE | CREATE_RESET_NVRAM, error))
        return FALSE;
    SkDomainSpec *spec = parse(call, sk_lv_str(call, "xml_desc"), error);
    if (spec == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_CREATE);
    op->params.transient = op->params.start = TRUE;
    op->params.paused = (flags & CREATE_PAUSED) != 0;
    op->params.reset_nvram = (flags & CREATE_RESET_NVRAM) != 0;
    op->body = spec;
    op->dialect = TRUE;
    return sk_lv_dispatch(call, op, created);
}

/* -- show ------------------------------------------------------------------------------------------------------------------ */

enum { XML_SECURE = 1, XML_INACTIVE = 2, XML_UPDATE_CPU = 4, XML_MIGRATABLE = 8 };

char *
sk_lv_format_domain(SkService *service, const SkDomain *domain, const SkDomainSpec *spec, guint flags)
{
    gboolean live = (flags & SK_XML_LIVE) != 0;
    g_autoptr(GPtrArray) mirrors = live && domain != NULL ? sk_domain_mirrors(domain) : NULL;
    const SkXmlOptions options = {
        .flags = flags,
        .chains = live && domain != NULL ? domain->runtime.chains : NULL,
        .mirrors = mirrors,
        .id = live && domain != NULL ? domain->runtime.id : 0,
        .accel = live && domain != NULL ? domain->runtime.accel : service->node.accel,
        .agent = live && domain != NULL && domain->agent,
        .emulator = service->settings->qemu,
    };
    SkDomainSpec *whole = sk_engine_show(spec);
    char *text = sk_xml_domain_format(whole, &options);
    sk_value_free(&sk_domain_spec_type, whole);
    return text;
}

gboolean
sk_lv_get_xml_desc(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, XML_SECURE | XML_INACTIVE | XML_UPDATE_CPU | XML_MIGRATABLE, error))
        return FALSE;
    if ((flags & XML_SECURE) != 0 && !sk_lv_permit(call, SK_OP_DOMAIN_UPDATE, error))
        return FALSE;
    gboolean live = (flags & XML_INACTIVE) == 0 && domain->runtime.live != NULL;
    g_autofree char *text = sk_lv_format_domain(call->service, domain, live ? domain->runtime.live : domain->spec,
                                                (live ? SK_XML_LIVE : 0) | ((flags & XML_SECURE) != 0 ? SK_XML_SECURE : 0));
    sk_xdr_put_str(call->out, text);
    return TRUE;
}

/* -- undefine, rename -------------------------------------------------------------------------------------------------------- */

enum { UNDEFINE_MANAGED_SAVE = 1, UNDEFINE_SNAPSHOTS = 2, UNDEFINE_NVRAM = 4, UNDEFINE_KEEP_NVRAM = 8, UNDEFINE_CHECKPOINTS = 16,
       UNDEFINE_TPM = 32, UNDEFINE_KEEP_TPM = 64 };

gboolean
sk_lv_undefine(SkLvCall *call, GError **error)
{
    gboolean with_flags = call->procedure->number == 231;
    guint flags = with_flags ? sk_lv_uint(call, "flags") : 0;
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL || (with_flags && !sk_lv_check_flags(call, 0x7f, error)))
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_UNDEFINE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.managed_save = (flags & UNDEFINE_MANAGED_SAVE) != 0;
    op->params.nvram = (flags & UNDEFINE_NVRAM) != 0;
    op->params.keep_nvram = (flags & UNDEFINE_KEEP_NVRAM) != 0;
    op->params.metadata = (flags & UNDEFINE_SNAPSHOTS) != 0;
    op->params.checkpoints = (flags & UNDEFINE_CHECKPOINTS) != 0;
    return sk_lv_dispatch(call, op, NULL);
}

static gboolean
renamed(SkLvCall *call, SkCall *op, GError **error)
{
    (void) op, (void) error;
    sk_xdr_put_i32(call->out, 0);
    return TRUE;
}

gboolean
sk_lv_rename(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const char *name = sk_lv_str(call, "new_name");
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (name == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "no new name was given for domain \"%s\"", sk_domain_name(domain));
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_RENAME);
    op->params.name = g_strdup(domain->spec->uuid);
    SkRename *body = sk_value_new(&sk_rename_type);
    body->name = g_strdup(name);
    op->body = body;
    if (sk_value_check(&sk_rename_type, body, NULL, error))
        return sk_lv_dispatch(call, op, renamed);
    sk_call_free(op);
    return FALSE;
}

/* -- words about a domain -------------------------------------------------------------------------------------------------------- */

enum { DESCRIPTION = 0, TITLE = 1, ELEMENT = 2 };

static json_t *
metadata_patch(SkLvCall *call, GError **error)
{
    const char *text = sk_lv_str(call, "metadata"), *key = sk_lv_str(call, "key"), *uri = sk_lv_str(call, "uri");
    gint type = sk_lv_int(call, "type");
    if (type == DESCRIPTION || type == TITLE)
        return json_pack("{s:s?}", type == TITLE ? "title" : "description", text != NULL && *text != '\0' ? text : NULL);
    if (type != ELEMENT || uri == NULL) {
        sk_fail(error, SK_ERROR_INVALID, "there is no metadata of type %d%s", type, type == ELEMENT ? " without a URI" : "");
        return NULL;
    }
    if (text == NULL)
        return json_pack("{s:{s:n}}", "metadata", uri);
    g_autofree char *wrapped = sk_xml_metadata_wrap(text, key, uri, error);
    return wrapped != NULL ? json_pack("{s:{s:s}}", "metadata", uri, wrapped) : NULL;
}

gboolean
sk_lv_set_metadata(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, LIVE | CONFIG, error))
        return FALSE;
    json_t *patch = metadata_patch(call, error);
    return patch != NULL && sk_lv_patch(call, domain, sk_lv_uint(call, "flags"), patch, error);
}

gboolean
sk_lv_get_metadata(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const SkDomainSpec *spec = domain != NULL ? sk_lv_spec_of(domain, sk_lv_uint(call, "flags"), error) : NULL;
    const char *uri = sk_lv_str(call, "uri");
    gint type = sk_lv_int(call, "type");
    if (spec == NULL)
        return FALSE;
    const char *text = type == TITLE ? spec->title : type == DESCRIPTION ? spec->description
                       : uri != NULL && spec->metadata != NULL ? g_hash_table_lookup(spec->metadata, uri) : NULL;
    if (text == NULL)
        return sk_lv_fail(error, 80, "domain \"%s\" has no such metadata", spec->name);
    g_autofree char *bare = type == ELEMENT ? sk_xml_metadata_unwrap(text, uri, error) : g_strdup(text);
    if (bare == NULL)
        return FALSE;
    sk_xdr_put_str(call->out, bare);
    return TRUE;
}
