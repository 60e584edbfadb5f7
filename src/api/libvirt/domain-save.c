/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: saving, dumping, jobs. */
#include "api/libvirt/domain-define.h"
#include "api/libvirt/domain-job.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "api/libvirt/private.h"
#include "base/error.h"
#include "codec/xml/xml.h"

/* -- save ----------------------------------------------------------------------------------------------------------- */

enum { SAVE_BYPASS_CACHE = 1, SAVE_RUNNING = 2, SAVE_PAUSED = 4, SAVE_RESET_NVRAM = 8, SAVE_FLAGS = 7 };

static gboolean
read_then(guint flags, gint *out_then, GError **error)
{
    if ((flags & SAVE_RUNNING) != 0 && (flags & SAVE_PAUSED) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "running and paused exclude each other");
    *out_then = (flags & SAVE_RUNNING) != 0 ? SK_THEN_RUNNING : (flags & SAVE_PAUSED) != 0 ? SK_THEN_PAUSED : SK_THEN_AS_IT_WAS;
    return TRUE;
}

/* A body of one operation with a path, checked as REST would. */
static gboolean
dispatch_body(SkLvCall *call, SkOperationId id, const SkDomain *domain, gpointer body, SkLvDone done, GError **error)
{
    SkCall *op = sk_lv_operation(call, id);
    op->params.name = domain != NULL ? g_strdup(domain->spec->uuid) : NULL;
    op->body = body;
    if (sk_value_check(op->op->body, body, NULL, error))
        return sk_lv_dispatch(call, op, done);
    sk_call_free(op);
    return FALSE;
}

/* What is to be in the file; what XML has no place for is as it runs. */
static SkDomainSpec *
parse_definition(const SkDomain *domain, const char *xml, GError **error)
{
    SkDomainSpec *spec = sk_xml_domain_parse(xml, -1, error);
    if (spec != NULL)
        sk_xml_domain_keep(domain->runtime.live, spec);
    return spec;
}

static gboolean
save_to(SkLvCall *call, const char *path, const char *xml, guint flags, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    gint then = SK_THEN_AS_IT_WAS;
    if (domain == NULL || !read_then(flags, &then, error))
        return FALSE;
    SkDomainSpec *definition = xml != NULL && domain->runtime.live != NULL ? parse_definition(domain, xml, error) : NULL;
    if (xml != NULL && definition == NULL)
        return FALSE;
    SkSave *body = sk_value_new(&sk_save_type);
    body->path = g_strdup(path);
    body->then = then;
    body->definition = definition;
    return dispatch_body(call, SK_OP_DOMAIN_SAVE, domain, body, NULL, error);
}

static gboolean
save(SkLvCall *call, GError **error)
{
    return save_to(call, sk_lv_str(call, "to"), NULL, 0, error);
}

static gboolean
save_flags(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, SAVE_FLAGS, error) && save_to(call, sk_lv_str(call, "to"), sk_lv_str(call, "dxml"), sk_lv_uint(call, "flags"), error);
}

static const char *
param_text(const SkLvCall *call, const char *field)
{
    const SkXdrParam *param = sk_xdr_param(sk_lv_value(call, "params"), field);
    return param != NULL && param->type == SK_XDR_PARAM_STR ? param->text : NULL;
}

static gboolean
save_params(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, SAVE_FLAGS, error) && save_to(call, param_text(call, "file"), param_text(call, "dxml"), sk_lv_uint(call, "flags"), error);
}

static gboolean
managed_save(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, SAVE_FLAGS, error) && save_to(call, NULL, NULL, sk_lv_uint(call, "flags"), error);
}

/* -- restore ------------------------------------------------------------------------------------------------------------ */

static gboolean
restore_from(SkLvCall *call, SkOperationId id, const char *path, const char *xml, guint flags, GError **error)
{
    gint then = SK_THEN_AS_IT_WAS;
    if (!read_then(flags, &then, error))
        return FALSE;
    if (path == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "no file to restore from was given");
    SkDomainSpec *definition = xml != NULL ? sk_xml_domain_parse(xml, -1, error) : NULL;
    if (xml != NULL && definition == NULL)
        return FALSE;
    SkRestore *body = sk_value_new(&sk_restore_type);
    body->path = g_strdup(path);
    body->then = then;
    body->definition = definition;
    return dispatch_body(call, id, NULL, body, NULL, error);
}

static gboolean
restore(SkLvCall *call, GError **error)
{
    return restore_from(call, SK_OP_DOMAIN_RESTORE, sk_lv_str(call, "from"), NULL, 0, error);
}

static gboolean
restore_flags(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, SAVE_FLAGS, error) &&
           restore_from(call, SK_OP_DOMAIN_RESTORE, sk_lv_str(call, "from"), sk_lv_str(call, "dxml"), sk_lv_uint(call, "flags"), error);
}

static gboolean
restore_params(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, SAVE_FLAGS, error) &&
           restore_from(call, SK_OP_DOMAIN_RESTORE, param_text(call, "file"), param_text(call, "dxml"), sk_lv_uint(call, "flags"), error);
}

/* -- what a saved file has -------------------------------------------------------------------------------------------------- */

enum { IMAGE_XML_SECURE = 1 };

static gboolean
put_saved_xml(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error);
    SkDomainSpec *spec = answer != NULL ? sk_json_decode(&sk_domain_spec_type, json_object_get(answer, "definition"), error) : NULL;
    if (spec == NULL)
        return FALSE;
    g_autofree char *text = sk_lv_format_domain(call->service, NULL, spec, op->secrets ? SK_XML_SECURE : 0);
    sk_value_free(&sk_domain_spec_type, spec);
    sk_xdr_put_str(call->out, text);
    return TRUE;
}

static gboolean
get_image_xml(SkLvCall *call, GError **error)
{
    if (!sk_lv_check_flags(call, IMAGE_XML_SECURE, error))
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_SAVED_SHOW);
    op->params.path = g_strdup(sk_lv_str(call, "file"));
    op->secrets = (sk_lv_uint(call, "flags") & IMAGE_XML_SECURE) != 0;
    return sk_lv_dispatch(call, op, put_saved_xml);
}

static gboolean
define_image_xml(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, SAVE_RUNNING | SAVE_PAUSED, error) &&
           restore_from(call, SK_OP_SAVED_CHANGE, sk_lv_str(call, "file"), sk_lv_str(call, "dxml"), sk_lv_uint(call, "flags"), error);
}

/* -- managed save ---------------------------------------------------------------------------------------------------------------- */

static const SkSaved *
find_saved(const SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain != NULL && domain->saved == NULL)
        sk_fail(error, SK_ERROR_STATE, "domain \"%s\" does not have a managed save image", sk_domain_name(domain));
    return domain != NULL ? domain->saved : NULL;
}

static gboolean
has_managed_save(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, domain->saved != NULL);
    return TRUE;
}

static gboolean
get_managed_xml(SkLvCall *call, GError **error)
{
    const SkSaved *saved = find_saved(call, error);
    if (saved == NULL)
        return FALSE;
    g_autofree char *text = sk_lv_format_domain(call->service, NULL, saved->spec, (sk_lv_uint(call, "flags") & IMAGE_XML_SECURE) != 0 ? SK_XML_SECURE : 0);
    sk_xdr_put_str(call->out, text);
    return TRUE;
}

static gboolean
define_managed_xml(SkLvCall *call, GError **error)
{
    const SkSaved *saved = find_saved(call, error);
    return saved != NULL && sk_lv_check_flags(call, SAVE_RUNNING | SAVE_PAUSED, error) &&
           restore_from(call, SK_OP_SAVED_CHANGE, saved->path, sk_lv_str(call, "dxml"), sk_lv_uint(call, "flags"), error);
}

/* -- core dump --------------------------------------------------------------------------------------------------------------------- */

enum { DUMP_CRASH = 1, DUMP_LIVE = 2, DUMP_BYPASS_CACHE = 4, DUMP_RESET = 8, DUMP_MEMORY_ONLY = 16 };

static gboolean
core_dump(SkLvCall *call, GError **error)
{
    static const gint formats[] = { SK_DUMP_ELF, SK_DUMP_ZLIB, SK_DUMP_LZO, SK_DUMP_SNAPPY };
    guint flags = sk_lv_uint(call, "flags"), format = call->procedure->number == 334 ? sk_lv_uint(call, "dumpformat") : 0;
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0x1f, error))
        return FALSE;
    if ((flags & DUMP_CRASH) != 0 && (flags & (DUMP_LIVE | DUMP_RESET)) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "crash excludes live and reset");
    if (format >= G_N_ELEMENTS(formats))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "dump format %u is not known", format);
    SkDump *body = sk_value_new(&sk_dump_type);
    body->path = g_strdup(sk_lv_str(call, "to"));
    body->format = formats[format];
    body->live = (flags & DUMP_LIVE) != 0;
    body->then = (flags & DUMP_CRASH) != 0 ? SK_DUMP_DESTROY : (flags & DUMP_RESET) != 0 ? SK_DUMP_RESET : SK_DUMP_GO_ON;
    return dispatch_body(call, SK_OP_DOMAIN_DUMP, domain, body, NULL, error);
}

static const SkLvProcedure rows[] = {
    { 53, "DOMAIN_CORE_DUMP", "dom to:str flags", "", SK_OP_DOMAIN_DUMP, core_dump },
    { 54, "DOMAIN_RESTORE", "from:str", "", SK_OP_DOMAIN_RESTORE, restore },
    { 55, "DOMAIN_SAVE", "dom to:str", "", SK_OP_DOMAIN_SAVE, save },
    { 163, "DOMAIN_GET_JOB_INFO", "dom", "type:i32 timeElapsed:u64 timeRemaining:u64 dataTotal:u64 dataProcessed:u64 dataRemaining:u64 memTotal:u64 memProcessed:u64 memRemaining:u64 fileTotal:u64 fileProcessed:u64 fileRemaining:u64", SK_OP_DOMAIN_SHOW, sk_lv_get_job_info },
    { 164, "DOMAIN_ABORT_JOB", "dom", "", SK_OP_JOB_CANCEL, sk_lv_abort_job },
    { 182, "DOMAIN_MANAGED_SAVE", "dom flags", "", SK_OP_DOMAIN_SAVE, managed_save },
    { 183, "DOMAIN_HAS_MANAGED_SAVE_IMAGE", "dom flags", "result:i32", SK_OP_DOMAIN_SHOW, has_managed_save },
    { 184, "DOMAIN_MANAGED_SAVE_REMOVE", "dom flags", "", SK_OP_DOMAIN_DROP_SAVED, sk_lv_run_domain_verb },
    { 232, "DOMAIN_SAVE_FLAGS", "dom to:str dxml:str? flags", "", SK_OP_DOMAIN_SAVE, save_flags },
    { 233, "DOMAIN_RESTORE_FLAGS", "from:str dxml:str? flags", "", SK_OP_DOMAIN_RESTORE, restore_flags },
    { 235, "DOMAIN_SAVE_IMAGE_GET_XML_DESC", "file:str flags", "xml:str", SK_OP_SAVED_SHOW, get_image_xml },
    { 236, "DOMAIN_SAVE_IMAGE_DEFINE_XML", "file:str dxml:str flags", "", SK_OP_SAVED_CHANGE, define_image_xml },
    { 298, "DOMAIN_GET_JOB_STATS", "dom flags", "type:i32 params:tp<64>", SK_OP_DOMAIN_SHOW, sk_lv_get_job_stats },
    { 334, "DOMAIN_CORE_DUMP_WITH_FORMAT", "dom to:str dumpformat:u32 flags", "", SK_OP_DOMAIN_DUMP, core_dump },
    { 388, "DOMAIN_MANAGED_SAVE_GET_XML_DESC", "dom flags", "xml:str", SK_OP_DOMAIN_UPDATE, get_managed_xml },
    { 389, "DOMAIN_MANAGED_SAVE_DEFINE_XML", "dom dxml:str? flags", "", SK_OP_SAVED_CHANGE, define_managed_xml },
    { 440, "DOMAIN_SAVE_PARAMS", "dom params:tp<64> flags", "", SK_OP_DOMAIN_SAVE, save_params },
    { 441, "DOMAIN_RESTORE_PARAMS", "params:tp<64> flags", "", SK_OP_DOMAIN_RESTORE, restore_params },
    { 442, "DOMAIN_ABORT_JOB_FLAGS", "dom flags", "", SK_OP_JOB_CANCEL, sk_lv_abort_job },
};
SK_LV_FAMILY(sk_lv_domain_save_family, "Domain: saving, dumping, jobs", QEMU, rows);
