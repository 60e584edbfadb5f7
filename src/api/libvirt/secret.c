/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: secrets. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "codec/json/json.h"
#include "codec/xml/storage.h"

/* -- look-up and lists --------------------------------------------------------------------------------------------- */

static gboolean
lookup_by_uuid(SkLvCall *call, GError **error)
{
    g_autofree char *uuid = sk_lv_uuid(call, "uuid");
    const SkSecret *secret = sk_service_secret(call->service, uuid, error);
    if (secret == NULL)
        return FALSE;
    sk_lv_put_secret(call->out, secret);
    return TRUE;
}

static gboolean
lookup_by_usage(SkLvCall *call, GError **error)
{
    const char *usage = sk_lv_str(call, "usageID");
    const SkSecret *secret = sk_service_secret_for(call->service, sk_lv_int(call, "usageType"), usage);
    if (secret == NULL)
        return sk_fail(error, SK_ERROR_NO_SECRET, "no secret with matching usage '%.128s'", usage);
    sk_lv_put_secret(call->out, secret);
    return TRUE;
}

enum { EPHEMERAL = 1, KEPT = 2, PRIVATE = 4, NOT_PRIVATE = 8 };

static gboolean
is_listed(gconstpointer object, guint flags)
{
    static const guint groups[] = { EPHEMERAL | KEPT, PRIVATE | NOT_PRIVATE, 0 };
    const SkSecretSpec *spec = ((const SkSecret *) object)->spec;
    return sk_lv_passes(flags, (spec->ephemeral ? EPHEMERAL : KEPT) | (spec->private ? PRIVATE : NOT_PRIVATE), groups);
}

static void
put_secret(GByteArray *out, gconstpointer secret)
{
    sk_lv_put_secret(out, secret);
}

static gboolean
list_all(SkLvCall *call, GError **error)
{
    static const SkLvList list = { .shown = is_listed, .put = put_secret };
    return sk_lv_check_flags(call, 0xf, error) && sk_lv_list(call, call->service->secrets, &list, error);
}

static gboolean
count(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_count(call, call->service->secrets, is_listed, 0);
}

static gboolean
list_uuids(SkLvCall *call, GError **error)
{
    gint left = MIN(sk_lv_int(call, "maxuuids"), 16384);
    guint listed = 0;
    gsize place = sk_xdr_list_begin(call->out);
    (void) error;
    for (GTreeNode *node = g_tree_node_first(call->service->secrets); node != NULL && left > 0; node = g_tree_node_next(node), left--) {
        sk_xdr_put_str(call->out, g_tree_node_key(node));
        listed++;
    }
    sk_xdr_list_end(call->out, place, listed);
    return TRUE;
}

/* -- definition ---------------------------------------------------------------------------------------------------------- */

static gboolean
put_defined(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error);
    const json_t *result = json_object_get(answer, "result");
    const char *uuid = json_string_value(json_object_get(result, "uuid"));
    const SkSecret *secret = answer != NULL ? sk_service_secret(call->service, uuid != NULL ? uuid : "", error) : NULL;
    if (secret == NULL)
        return FALSE;
    sk_lv_put_secret(call->out, secret);
    return TRUE;
}

enum { DEFINE_VALIDATE = 1 };

static gboolean
define_xml(SkLvCall *call, GError **error)
{
    if (!sk_lv_check_flags(call, DEFINE_VALIDATE, error))
        return FALSE;
    SkSecretSpec *spec = sk_xml_secret_parse(sk_lv_str(call, "xml"), -1, error);
    if (spec == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_SECRET_CREATE);
    op->body = spec;
    return sk_lv_dispatch(call, op, put_defined);
}

static gboolean
get_xml_desc(SkLvCall *call, GError **error)
{
    const SkSecret *secret = sk_lv_secret(call, "secret", error);
    if (secret == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    g_autofree char *xml = sk_xml_secret_format(secret->spec);
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

static gboolean
undefine(SkLvCall *call, GError **error)
{
    const SkSecret *secret = sk_lv_secret(call, "secret", error);
    if (secret == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_SECRET_DELETE);
    op->params.name = g_strdup(secret->spec->uuid);
    return sk_lv_dispatch(call, op, NULL);
}

/* -- value ----------------------------------------------------------------------------------------------------------------- */

static gboolean
set_value(SkLvCall *call, GError **error)
{
    const SkSecret *secret = sk_lv_secret(call, "secret", error);
    const SkXdrValue *value = sk_lv_value(call, "value");
    if (secret == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    SkSecretValue *body = sk_value_new(&sk_secret_set_type);
    body->value = g_base64_encode(value->bytes, value->count);
    SkCall *op = sk_lv_operation(call, SK_OP_SECRET_SET);
    op->params.name = g_strdup(secret->spec->uuid);
    op->body = body;
    return sk_lv_dispatch(call, op, NULL);
}

static gboolean
put_value(SkLvCall *call, SkCall *op, GError **error)
{
    const SkSecret *secret = sk_lv_secret(call, "secret", error);
    GBytes *bytes = secret != NULL ? sk_secret_value(secret, FALSE, error) : NULL;
    (void) op;
    if (bytes == NULL)
        return FALSE;
    gsize length;
    const guint8 *data = g_bytes_get_data(bytes, &length);
    sk_xdr_put_bytes(call->out, data, length);
    return TRUE;
}

/* By its operation, so that the audit log has who asked. */
static gboolean
get_value(SkLvCall *call, GError **error)
{
    const SkSecret *secret = sk_lv_secret(call, "secret", error);
    if (secret == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_SECRET_VALUE);
    op->params.name = g_strdup(secret->spec->uuid);
    return sk_lv_dispatch(call, op, put_value);
}

static const SkLvProcedure rows[] = {
    { 139, "CONNECT_NUM_OF_SECRETS", "", "num:i32", SK_OP_SECRET_LIST, count },
    { 140, "CONNECT_LIST_SECRETS", "maxuuids:i32", "uuids:str<16384>", SK_OP_SECRET_LIST, list_uuids },
    { 141, "SECRET_LOOKUP_BY_UUID", "uuid", "secret", SK_OP_SECRET_SHOW, lookup_by_uuid },
    { 142, "SECRET_DEFINE_XML", "xml:str flags", "secret", SK_OP_SECRET_CREATE, define_xml,
      .lacks = "volumes and disks are encrypted with it; a vTPM's state is not" },
    { 143, "SECRET_GET_XML_DESC", "secret flags", "xml:str", SK_OP_SECRET_SHOW, get_xml_desc },
    { 144, "SECRET_SET_VALUE", "secret value:bytes<65536> flags", "", SK_OP_SECRET_SET, set_value },
    { 145, "SECRET_GET_VALUE", "secret flags", "value:bytes<65536>", SK_OP_SECRET_VALUE, get_value },
    { 146, "SECRET_UNDEFINE", "secret", "", SK_OP_SECRET_DELETE, undefine },
    { 147, "SECRET_LOOKUP_BY_USAGE", "usageType:i32 usageID:str", "secret", SK_OP_SECRET_SHOW, lookup_by_usage },
    { 287, "CONNECT_LIST_ALL_SECRETS", "need_results:i32 flags", "secrets:secret<16384> ret:u32", SK_OP_SECRET_LIST, list_all },
};
SK_LV_FAMILY(sk_lv_secret_family, "Secrets", SECRET, rows);
