/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: checkpoints and backup. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "api/libvirt/private.h"
#include "base/error.h"
#include "codec/xml/checkpoint.h"
#include "engine/launch.h"
#include "service/backup.h"

/* -- on the wire ------------------------------------------------------------------------------------------------------ */

/* What "checkpoint" names. */
static SkCheckpoint *
get_checkpoint(const SkLvCall *call, SkDomain **out_domain, GError **error)
{
    *out_domain = sk_lv_domain(call, "checkpoint.dom", error);
    return *out_domain != NULL ? sk_domain_checkpoint(*out_domain, sk_lv_str(call, "checkpoint.name"), error) : NULL;
}

/* -- create -------------------------------------------------------------------------------------------------------------- */

enum { CREATE_REDEFINE = 1, CREATE_QUIESCE = 2, CREATE_REDEFINE_VALIDATE = 4 };

static gboolean
redefine(SkLvCall *call, const SkDomain *domain, guint flags, GError **error)
{
    SkCheckpoint *checkpoint = sk_xml_checkpoint_parse(sk_lv_str(call, "xml_desc"), -1, error);
    if (checkpoint == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_CHECKPOINT_REDEFINE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.checkpoint = g_strdup(checkpoint->name);
    op->params.validate = (flags & CREATE_REDEFINE_VALIDATE) != 0;
    op->body = checkpoint;
    op->dialect = TRUE;
    return sk_lv_dispatch(call, op, sk_lv_put_created);
}

static gboolean
create(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, CREATE_REDEFINE | CREATE_QUIESCE | CREATE_REDEFINE_VALIDATE, error))
        return FALSE;
    if ((flags & CREATE_REDEFINE) != 0 && (flags & CREATE_QUIESCE) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "redefine and quiesce exclude each other");
    if ((flags & CREATE_REDEFINE) != 0)
        return redefine(call, domain, flags, error);
    if ((flags & CREATE_REDEFINE_VALIDATE) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "redefine-validate is for redefine");
    SkCheckpointCreate *body = sk_xml_checkpoint_parse_request(sk_lv_str(call, "xml_desc"), -1, error);
    if (body == NULL)
        return FALSE;
    body->quiesce = (flags & CREATE_QUIESCE) != 0;
    SkCall *op = sk_lv_operation(call, SK_OP_CHECKPOINT_CREATE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->body = body;
    return sk_lv_dispatch(call, op, sk_lv_put_created);
}

/* -- show ----------------------------------------------------------------------------------------------------------------- */

enum { XML_SECURE = 1, XML_NO_DOMAIN = 2, XML_SIZE = 4 };

/* definition as it is kept; sizes: checkpoint has them. */
static void
put_xml(SkLvCall *call, const SkCheckpoint *checkpoint, const SkDomainSpec *definition)
{
    guint flags = sk_lv_uint(call, "flags");
    const SkXmlOptions options = { .flags = (flags & XML_SECURE) != 0 ? SK_XML_SECURE : 0, .accel = call->service->node.accel,
                                   .emulator = call->service->settings->qemu };
    SkCheckpoint whole = *checkpoint;
    whole.definition = definition != NULL && (flags & XML_NO_DOMAIN) == 0 ? sk_engine_show(definition) : NULL;
    g_autofree char *text = sk_xml_checkpoint_format(&whole, (flags & XML_SIZE) != 0, &options);
    sk_value_free(&sk_domain_spec_type, whole.definition);
    sk_xdr_put_str(call->out, text);
}

/* What was written since comes with the operation's answer. */
static gboolean
put_sized(SkLvCall *call, SkCall *op, GError **error)
{
    SkDomain *domain;
    const SkCheckpoint *known = get_checkpoint(call, &domain, error);
    SkCheckpoint *told = known != NULL ? sk_json_decode_text(&sk_checkpoint_type, op->answer->str, op->answer->len, "the operation's answer", error) : NULL;
    if (told == NULL)
        return FALSE;
    put_xml(call, told, known->definition);
    sk_value_free(&sk_checkpoint_type, told);
    return TRUE;
}

static gboolean
get_xml(SkLvCall *call, GError **error)
{
    SkDomain *domain;
    guint flags = sk_lv_uint(call, "flags");
    const SkCheckpoint *checkpoint = get_checkpoint(call, &domain, error);
    if (checkpoint == NULL || !sk_lv_check_flags(call, XML_SECURE | XML_NO_DOMAIN | XML_SIZE, error))
        return FALSE;
    if ((flags & XML_SECURE) != 0 && !sk_lv_permit(call, SK_OP_DOMAIN_UPDATE, error))
        return FALSE;
    if ((flags & XML_SIZE) == 0) {
        put_xml(call, checkpoint, checkpoint->definition);
        return TRUE;
    }
    if (!sk_domain_is_active(domain))
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is not running, so what was written since checkpoint \"%s\" is not counted", sk_domain_name(domain),
                       checkpoint->name);
    SkCall *op = sk_lv_operation(call, SK_OP_CHECKPOINT_SHOW);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.checkpoint = g_strdup(checkpoint->name);
    return sk_lv_dispatch(call, op, put_sized);
}

/* -- lists ------------------------------------------------------------------------------------------------------------------ */

enum { LIST_ROOTS = 1, LIST_DESCENDANTS = 1, LIST_TOPOLOGICAL = 2, LIST_LEAVES = 4, LIST_NO_LEAVES = 8 };

static gboolean
is_leaf(const SkDomain *domain, const SkCheckpoint *checkpoint)
{
    for (guint i = 0; i < domain->checkpoints->len; i++) {
        if (g_strcmp0(((const SkCheckpoint *) domain->checkpoints->pdata[i])->parent, checkpoint->name) == 0)
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_asked_for(const SkDomain *domain, const SkCheckpoint *checkpoint, const SkCheckpoint *root, guint flags)
{
    static const guint groups[] = { LIST_LEAVES | LIST_NO_LEAVES, 0 };
    gboolean child = root != NULL && g_strcmp0(checkpoint->parent, root->name) == 0;
    gboolean below = root == NULL ? (flags & LIST_ROOTS) == 0 || checkpoint->parent == NULL
                                  : child || ((flags & LIST_DESCENDANTS) != 0 && checkpoint != root && sk_checkpoint_came_after(domain, checkpoint, root));
    return below && sk_lv_passes(flags, is_leaf(domain, checkpoint) ? LIST_LEAVES : LIST_NO_LEAVES, groups);
}

/* In the order they were made, which is topological too. */
static gboolean
reply_list(SkLvCall *call, const SkDomain *domain, const SkCheckpoint *root, GError **error)
{
    guint flags = sk_lv_uint(call, "flags"), found = 0, count = 0;
    gboolean wanted = sk_lv_int(call, "need_results") != 0;
    if (!sk_lv_check_flags(call, LIST_ROOTS | LIST_TOPOLOGICAL | LIST_LEAVES | LIST_NO_LEAVES, error))
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; domain->checkpoints != NULL && i < domain->checkpoints->len; i++) {
        const SkCheckpoint *checkpoint = domain->checkpoints->pdata[i];
        if (!is_asked_for(domain, checkpoint, root, flags))
            continue;
        found++;
        if (wanted) {
            sk_lv_put_part(call->out, domain, checkpoint->name);
            count++;
        }
    }
    sk_xdr_list_end(call->out, place, count);
    sk_xdr_put_i32(call->out, (gint) found);
    return TRUE;
}

static gboolean
list_all(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    return domain != NULL && reply_list(call, domain, NULL, error);
}

static gboolean
list_all_children(SkLvCall *call, GError **error)
{
    SkDomain *domain;
    const SkCheckpoint *root = get_checkpoint(call, &domain, error);
    return root != NULL && reply_list(call, domain, root, error);
}

/* -- one of them --------------------------------------------------------------------------------------------------------------- */

static gboolean
lookup_by_name(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const SkCheckpoint *checkpoint = domain != NULL && sk_lv_check_flags(call, 0, error) ? sk_domain_checkpoint(domain, sk_lv_str(call, "name"), error) : NULL;
    if (checkpoint == NULL)
        return FALSE;
    sk_lv_put_part(call->out, domain, checkpoint->name);
    return TRUE;
}

static gboolean
get_parent(SkLvCall *call, GError **error)
{
    SkDomain *domain;
    const SkCheckpoint *checkpoint = get_checkpoint(call, &domain, error);
    if (checkpoint == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (checkpoint->parent == NULL)
        return sk_fail(error, SK_ERROR_NO_CHECKPOINT, "checkpoint \"%s\" does not have a parent", checkpoint->name);
    const SkCheckpoint *parent = sk_domain_checkpoint(domain, checkpoint->parent, error);
    if (parent == NULL)
        return FALSE;
    sk_lv_put_part(call->out, domain, parent->name);
    return TRUE;
}

enum { DELETE_CHILDREN = 1, DELETE_METADATA = 2, DELETE_CHILDREN_ONLY = 4 };

static gboolean
delete(SkLvCall *call, GError **error)
{
    SkDomain *domain;
    guint flags = sk_lv_uint(call, "flags");
    const SkCheckpoint *checkpoint = get_checkpoint(call, &domain, error);
    if (checkpoint == NULL || !sk_lv_check_flags(call, DELETE_CHILDREN | DELETE_METADATA | DELETE_CHILDREN_ONLY, error))
        return FALSE;
    if ((flags & DELETE_CHILDREN) != 0 && (flags & DELETE_CHILDREN_ONLY) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "children and children-only exclude each other");
    SkCall *op = sk_lv_operation(call, SK_OP_CHECKPOINT_DELETE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.checkpoint = g_strdup(checkpoint->name);
    op->params.children = (flags & DELETE_CHILDREN) != 0;
    op->params.children_only = (flags & DELETE_CHILDREN_ONLY) != 0;
    op->params.metadata = (flags & DELETE_METADATA) != 0;
    return sk_lv_dispatch(call, op, NULL);
}

/* -- backups --------------------------------------------------------------------------------------------------------------------- */

enum { BACKUP_REUSE = 1 };

static gboolean
begin_backup(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    const char *checkpoint = sk_lv_str(call, "checkpoint_xml");
    SkBackup *body = domain != NULL && sk_lv_check_flags(call, BACKUP_REUSE, error) ? sk_xml_backup_parse(sk_lv_str(call, "backup_xml"), -1, error) : NULL;
    if (body == NULL)
        return FALSE;
    body->reuse = (sk_lv_uint(call, "flags") & BACKUP_REUSE) != 0;
    body->checkpoint = checkpoint != NULL ? sk_xml_checkpoint_parse_request(checkpoint, -1, error) : NULL;
    if (checkpoint != NULL && body->checkpoint == NULL) {
        sk_value_free(&sk_backup_type, body);
        return FALSE;
    }
    SkCall *op = sk_lv_operation(call, SK_OP_BACKUP_BEGIN);
    op->params.name = g_strdup(domain->spec->uuid);
    op->body = body;
    op->begun = TRUE;
    return sk_lv_dispatch(call, op, NULL);
}

static gboolean
get_backup_xml(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (sk_domain_backup(domain) == NULL)
        return sk_fail(error, SK_ERROR_NO_BACKUP, "no domain backup job present");
    g_autofree char *text = sk_xml_backup_format(sk_domain_backup(domain));
    sk_xdr_put_str(call->out, text);
    return TRUE;
}

static const SkLvProcedure rows[] = {
    { 411, "DOMAIN_CHECKPOINT_CREATE_XML", "dom xml_desc:str flags", "checkpoint:ckpt", SK_OP_CHECKPOINT_CREATE, create },
    { 412, "DOMAIN_CHECKPOINT_GET_XML_DESC", "checkpoint:ckpt flags", "xml:str", SK_OP_CHECKPOINT_SHOW, get_xml },
    { 413, "DOMAIN_LIST_ALL_CHECKPOINTS", "dom need_results:i32 flags", "checkpoints:ckpt<16384> ret:i32", SK_OP_CHECKPOINT_LIST, list_all },
    { 414, "DOMAIN_CHECKPOINT_LIST_ALL_CHILDREN", "checkpoint:ckpt need_results:i32 flags", "checkpoints:ckpt<16384> ret:i32", SK_OP_CHECKPOINT_LIST, list_all_children },
    { 415, "DOMAIN_CHECKPOINT_LOOKUP_BY_NAME", "dom name:str flags", "checkpoint:ckpt", SK_OP_CHECKPOINT_SHOW, lookup_by_name },
    { 416, "DOMAIN_CHECKPOINT_GET_PARENT", "checkpoint:ckpt flags", "parent:ckpt", SK_OP_CHECKPOINT_SHOW, get_parent },
    { 417, "DOMAIN_CHECKPOINT_DELETE", "checkpoint:ckpt flags", "", SK_OP_CHECKPOINT_DELETE, delete },
    { 421, "DOMAIN_BACKUP_BEGIN", "dom backup_xml:str checkpoint_xml:str? flags", "", SK_OP_BACKUP_BEGIN, begin_backup, .lacks = "TLS and encryption" },
    { 422, "DOMAIN_BACKUP_GET_XML_DESC", "dom flags", "xml:str", SK_OP_BACKUP_SHOW, get_backup_xml },
};
SK_LV_FAMILY(sk_lv_checkpoint_family, "Domain: checkpoints and backup", CHECKPOINT, rows);
