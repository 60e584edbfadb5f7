/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: network filters. There are none here: who may send what is decided by the networks' own rules. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"

static gboolean
lookup_by_name(SkLvCall *call, GError **error)
{
    return sk_fail(error, SK_ERROR_NO_NWFILTER, "no nwfilter with matching name '%.128s'", sk_lv_str(call, "name"));
}

static gboolean
lookup_by_uuid(SkLvCall *call, GError **error)
{
    g_autofree char *uuid = sk_lv_uuid(call, "uuid");
    return sk_fail(error, SK_ERROR_NO_NWFILTER, "no nwfilter with matching uuid '%s'", uuid);
}

static gboolean
no_filter(SkLvCall *call, GError **error)
{
    return sk_fail(error, SK_ERROR_NO_NWFILTER, "no nwfilter with matching name '%.128s'", sk_lv_str(call, "nwfilter.name"));
}

static gboolean
count(SkLvCall *call, GError **error)
{
    (void) error;
    sk_xdr_put_i32(call->out, 0);
    return TRUE;
}

static gboolean
list_names(SkLvCall *call, GError **error)
{
    (void) error;
    sk_xdr_put_u32(call->out, 0);
    return TRUE;
}

static gboolean
list_all(SkLvCall *call, GError **error)
{
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    sk_xdr_put_u32(call->out, 0);
    sk_xdr_put_u32(call->out, 0);
    return TRUE;
}

static gboolean
define(SkLvCall *call, GError **error)
{
    (void) call;
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "network filters are not supported: guests can send with addresses of their network only, and limits are set on interfaces");
}

static const SkLvProcedure rows[] = {
    { 175, "NWFILTER_LOOKUP_BY_NAME", "name:str", "nwfilter", SK_OP_NODE_SHOW, lookup_by_name, .lacks = "there are no filters" },
    { 176, "NWFILTER_LOOKUP_BY_UUID", "uuid", "nwfilter", SK_OP_NODE_SHOW, lookup_by_uuid, .lacks = "there are no filters" },
    { 177, "NWFILTER_GET_XML_DESC", "nwfilter flags", "xml:str", SK_OP_NODE_SHOW, no_filter, .lacks = "there are no filters" },
    { 178, "CONNECT_NUM_OF_NWFILTERS", "", "num:i32", SK_OP_NODE_SHOW, count },
    { 179, "CONNECT_LIST_NWFILTERS", "maxnames:i32", "names:str<16384>", SK_OP_NODE_SHOW, list_names },
    { 180, "NWFILTER_DEFINE_XML", "xml:str", "nwfilter", SK_OP_NETWORK_CREATE, define, .lacks = "refused with the reason" },
    { 181, "NWFILTER_UNDEFINE", "nwfilter", "", SK_OP_NETWORK_DELETE, no_filter, .lacks = "there are no filters" },
    { 286, "CONNECT_LIST_ALL_NWFILTERS", "need_results:i32 flags", "filters:nwfilter<16384> ret:u32", SK_OP_NODE_SHOW, list_all },
    { 397, "NWFILTER_BINDING_LOOKUP_BY_PORT_DEV", NULL, NULL },
    { 398, "NWFILTER_BINDING_GET_XML_DESC", NULL, NULL },
    { 399, "NWFILTER_BINDING_CREATE_XML", NULL, NULL },
    { 400, "NWFILTER_BINDING_DELETE", NULL, NULL },
    { 401, "CONNECT_LIST_ALL_NWFILTER_BINDINGS", "need_results:i32 flags", "bindings:nwbinding<16384> ret:u32", SK_OP_NODE_SHOW, list_all },
    { 431, "NWFILTER_DEFINE_XML_FLAGS", NULL, NULL },
};
SK_LV_FAMILY(sk_lv_nwfilter_family, "Network filters", NWFILTER, rows);
