/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: storage pools. */
#include <string.h>

#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "codec/json/json.h"
#include "codec/xml/storage.h"

/* -- look-up ---------------------------------------------------------------------------------------------------------- */

static gboolean
put(SkLvCall *call, const SkPool *pool)
{
    if (pool != NULL)
        sk_lv_put_pool(call->out, pool);
    return pool != NULL;
}

static gboolean
lookup_by_name(SkLvCall *call, GError **error)
{
    const char *name = sk_lv_str(call, "name");
    const SkPool *pool = g_tree_lookup(call->service->pools, name);
    return put(call, pool) || sk_fail(error, SK_ERROR_NO_POOL, "no storage pool with matching name '%.128s'", name);
}

static gboolean
lookup_by_uuid(SkLvCall *call, GError **error)
{
    g_autofree char *uuid = sk_lv_uuid(call, "uuid");
    return put(call, sk_lv_pool_by_uuid(call->service, uuid)) ||
           sk_fail(error, SK_ERROR_NO_POOL, "no storage pool with matching uuid '%s'", uuid);
}

static gboolean
lookup_by_volume(SkLvCall *call, GError **error)
{
    const char *name = sk_lv_str(call, "vol.pool");
    const SkPool *pool = g_tree_lookup(call->service->pools, name);
    return put(call, pool) || sk_fail(error, SK_ERROR_NO_POOL, "no storage pool with matching name '%.128s'", name);
}

static gboolean
lookup_by_path(SkLvCall *call, GError **error)
{
    g_autofree char *path = g_canonicalize_filename(sk_lv_str(call, "path"), "/");
    return put(call, sk_service_pool_at(call->service, path)) ||
           sk_fail(error, SK_ERROR_NO_POOL, "no storage pool with matching target path '%.256s'", path);
}

/* -- lists -------------------------------------------------------------------------------------------------------------- */

enum {
    INACTIVE = 0x1, ACTIVE = 0x2,
    PERSISTENT = 0x4, TRANSIENT = 0x8,
    AUTOSTART = 0x10, NO_AUTOSTART = 0x20,
    KIND_DIR = 0x40, KIND_FS = 0x80, KIND_NETFS = 0x100, KIND_LOGICAL = 0x200, KINDS = 0xfffc0,
};

static gboolean
is_listed(gconstpointer object, guint flags)
{
    static const guint kinds[SK_N_POOL_KINDS] = { [SK_POOL_DIR] = KIND_DIR, [SK_POOL_FS] = KIND_FS, [SK_POOL_NETFS] = KIND_NETFS,
                                                  [SK_POOL_LOGICAL] = KIND_LOGICAL };
    static const guint groups[] = { INACTIVE | ACTIVE, PERSISTENT | TRANSIENT, AUTOSTART | NO_AUTOSTART, KINDS, 0 };
    const SkPool *pool = object;
    guint has = (pool->status.active ? ACTIVE : INACTIVE) | (pool->transient ? TRANSIENT : PERSISTENT) |
                (pool->spec->autostart && !pool->transient ? AUTOSTART : NO_AUTOSTART) | kinds[pool->spec->kind];
    return sk_lv_passes(flags, has, groups);
}

static void
put_listed(GByteArray *out, gconstpointer pool)
{
    sk_lv_put_pool(out, pool);
}

static gboolean
list_all(SkLvCall *call, GError **error)
{
    static const SkLvList list = { .shown = is_listed, .put = put_listed };
    return sk_lv_check_flags(call, 0xfffff, error) && sk_lv_list(call, call->service->pools, &list, error);
}

static gboolean
count_active(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_count(call, call->service->pools, is_listed, ACTIVE);
}

static gboolean
list_active(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_names(call, call->service->pools, is_listed, ACTIVE);
}

static gboolean
count_defined(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_count(call, call->service->pools, is_listed, INACTIVE);
}

static gboolean
list_defined(SkLvCall *call, GError **error)
{
    (void) error;
    return sk_lv_list_names(call, call->service->pools, is_listed, INACTIVE);
}

/* -- state -------------------------------------------------------------------------------------------------------------- */

/* A directory that went away under an active pool leaves a message. */
static gboolean
get_info(SkLvCall *call, GError **error)
{
    enum { STATE_INACTIVE = 0, STATE_RUNNING = 2, STATE_INACCESSIBLE = 4 };
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    if (pool == NULL)
        return FALSE;
    const SkPoolStatus *status = &pool->status;
    sk_xdr_put_u32(call->out, !status->active ? STATE_INACTIVE : status->message != NULL ? STATE_INACCESSIBLE : STATE_RUNNING);
    sk_xdr_put_u64(call->out, status->capacity);
    sk_xdr_put_u64(call->out, status->allocation);
    sk_xdr_put_u64(call->out, status->available);
    return TRUE;
}

enum { XML_INACTIVE = 1 };

static gboolean
get_xml_desc(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    if (pool == NULL || !sk_lv_check_flags(call, XML_INACTIVE, error))
        return FALSE;
    g_autofree char *xml = sk_xml_pool_format(pool->spec, &pool->status);
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

static gboolean
is_active(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    if (pool == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, pool->status.active);
    return TRUE;
}

static gboolean
is_persistent(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    if (pool == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, !pool->transient);
    return TRUE;
}

static gboolean
get_autostart(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    if (pool == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, pool->spec->autostart && !pool->transient);
    return TRUE;
}

static gboolean
count_volumes(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_active_pool(call, "pool", error);
    if (pool == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, g_tree_nnodes(pool->volumes));
    return TRUE;
}

static gboolean
get_capabilities(SkLvCall *call, GError **error)
{
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    g_autofree char *xml = sk_xml_pool_capabilities();
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

static void
free_source(gpointer source)
{
    sk_value_free(&sk_pool_source_type, source);
}

static gboolean
put_sources(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error);
    g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func(free_source);
    gsize i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "items"), i, item) {
        SkPoolSource *source = sk_json_decode(&sk_pool_source_type, item, error);
        if (source == NULL)
            return FALSE;
        g_ptr_array_add(sources, source);
    }
    if (answer == NULL)
        return FALSE;
    g_autofree char *xml = sk_xml_pool_sources_format(op->params.kind, sources);
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

static gboolean
find_sources(SkLvCall *call, GError **error)
{
    const char *type = sk_lv_str(call, "type");
    gint kind;
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (!sk_enum_parse(&sk_pool_kind_enum, type, &kind, NULL))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "storage pools of type \"%.32s\" are not supported: give dir, fs, netfs or logical", type);
    SkCall *op = sk_lv_operation(call, SK_OP_POOL_SOURCES);
    op->params.kind = kind;
    return sk_lv_dispatch(call, op, put_sources);
}

/* -- definition ------------------------------------------------------------------------------------------------------------ */

static gboolean
put_created(SkLvCall *call, SkCall *op, GError **error)
{
    g_autoptr(json_t) answer = sk_json_parse(op->answer->str, op->answer->len, "the operation's answer", error);
    if (answer == NULL)
        return FALSE;
    const char *uuid = json_string_value(json_object_get(json_object_get(answer, "result"), "uuid"));
    return put(call, sk_lv_pool_by_uuid(call->service, uuid)) || sk_fail(error, SK_ERROR_NO_POOL, "the storage pool was deleted in between");
}

/* The same, in what came with the call. */
static json_t *
text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

/* A definition over the one that is there: XML says nothing of autostart and other programs' data, which stay. */
static gboolean
redefine(SkLvCall *call, SkPoolSpec *spec, GError **error)
{
    g_autofree char *source = spec->source != NULL ? sk_json_encode(&sk_pool_source_type, spec->source, 0) : NULL;
    SkCall *op = sk_lv_operation(call, SK_OP_POOL_UPDATE);
    (void) error;
    op->params.name = g_strdup(spec->name);
    op->patch = json_pack("{s:s,s:o,s:o,s:o,s:o,s:o}", "kind", sk_enum_name(&sk_pool_kind_enum, spec->kind), "path", text_or_null(spec->path),
                          "mode", text_or_null(spec->mode), "owner", text_or_null(spec->owner), "group", text_or_null(spec->group),
                          "source", source != NULL ? json_loads(source, 0, NULL) : json_null());
    sk_value_free(&sk_pool_spec_type, spec);
    return sk_lv_dispatch(call, op, put_created);
}

enum { DEFINE_VALIDATE = 1 };

static gboolean
define_xml(SkLvCall *call, GError **error)
{
    if (!sk_lv_check_flags(call, DEFINE_VALIDATE, error))
        return FALSE;
    SkPoolSpec *spec = sk_xml_pool_parse(sk_lv_str(call, "xml"), -1, error);
    if (spec == NULL)
        return FALSE;
    const SkPool *old = g_tree_lookup(call->service->pools, spec->name);
    if (old != NULL && g_strcmp0(old->spec->uuid, spec->uuid) == 0)
        return redefine(call, spec, error);
    SkCall *op = sk_lv_operation(call, SK_OP_POOL_CREATE);
    op->params.inactive = TRUE;
    op->body = spec;
    return sk_lv_dispatch(call, op, put_created);
}

enum { WITH_BUILD = 1, WITH_OVERWRITE = 2, WITH_NO_OVERWRITE = 4 };

/* What there is to be made, by the flags; two of them are numbered otherwise in a build. */
static gboolean
read_build(const SkLvCall *call, const SkPoolSpec *spec, guint overwrite, guint no_overwrite, SkParams *out, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    out->build = flags != 0;
    out->overwrite = (flags & overwrite) != 0;
    out->format = (flags & no_overwrite) != 0;
    if (out->overwrite && out->format)
        return sk_fail(error, SK_ERROR_INVALID, "pool '%s': what is there is either overwritten or not: give one of the two flags", spec->name);
    return !out->overwrite || spec->kind != SK_POOL_LOGICAL ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "pool '%s': a volume group is not made over what is there: empty its devices first (wipefs, pvremove)", spec->name);
}

static void
take_build(SkCall *op, const SkParams *params)
{
    op->params.build = params->build;
    op->params.overwrite = params->overwrite;
    op->params.format = params->format;
}

static gboolean
create_xml(SkLvCall *call, GError **error)
{
    if (!sk_lv_check_flags(call, WITH_BUILD | WITH_OVERWRITE | WITH_NO_OVERWRITE, error))
        return FALSE;
    SkPoolSpec *spec = sk_xml_pool_parse(sk_lv_str(call, "xml"), -1, error);
    if (spec == NULL)
        return FALSE;
    SkParams params = { 0 };
    if (!read_build(call, spec, WITH_OVERWRITE, WITH_NO_OVERWRITE, &params, error)) {
        sk_value_free(&sk_pool_spec_type, spec);
        return FALSE;
    }
    SkCall *op = sk_lv_operation(call, SK_OP_POOL_CREATE);
    op->params.transient = TRUE;
    take_build(op, &params);
    op->body = spec;
    return sk_lv_dispatch(call, op, put_created);
}

static gboolean
set_autostart(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    if (pool == NULL)
        return FALSE;
    SkCall *op = sk_lv_operation(call, SK_OP_POOL_UPDATE);
    op->params.name = g_strdup(pool->spec->name);
    op->patch = json_pack("{s:b}", "autostart", sk_lv_int(call, "autostart") != 0);
    return sk_lv_dispatch(call, op, NULL);
}

/* -- verbs ------------------------------------------------------------------------------------------------------------------ */

/* The row's operation, for the pool. */
static SkCall *
verb(SkLvCall *call, const SkPool *pool)
{
    SkCall *op = sk_lv_operation(call, call->procedure->op);
    op->params.name = g_strdup(pool->spec->name);
    return op;
}

static gboolean
create(SkLvCall *call, GError **error)
{
    SkParams params = { 0 };
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    if (pool == NULL || !sk_lv_check_flags(call, WITH_BUILD | WITH_OVERWRITE | WITH_NO_OVERWRITE, error) ||
        !read_build(call, pool->spec, WITH_OVERWRITE, WITH_NO_OVERWRITE, &params, error))
        return FALSE;
    SkCall *op = verb(call, pool);
    take_build(op, &params);
    return sk_lv_dispatch(call, op, NULL);
}

enum { BUILD_NO_OVERWRITE = 4, BUILD_OVERWRITE = 8 };

static gboolean
build(SkLvCall *call, GError **error)
{
    SkParams params = { 0 };
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    if (pool == NULL || !sk_lv_check_flags(call, BUILD_NO_OVERWRITE | BUILD_OVERWRITE, error) ||
        !read_build(call, pool->spec, BUILD_OVERWRITE, BUILD_NO_OVERWRITE, &params, error))
        return FALSE;
    SkCall *op = verb(call, pool);
    take_build(op, &params);
    return sk_lv_dispatch(call, op, NULL);
}

static gboolean
run_verb(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    return pool != NULL && sk_lv_dispatch(call, verb(call, pool), NULL);
}

static gboolean
run_verb_without_flags(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0, error) && run_verb(call, error);
}

enum { DELETE_ZEROED = 1 };

/* Of a directory nothing is left that zeros could be written over: it is removed when it is empty. */
static gboolean
erase(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    if (pool == NULL || !sk_lv_check_flags(call, DELETE_ZEROED, error))
        return FALSE;
    gboolean zero = sk_lv_uint(call, "flags") != 0;
    if (zero && pool->spec->kind == SK_POOL_LOGICAL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "pool '%s': zeros are not written over the devices of a volume group: wipe its volumes before they are deleted",
                       pool->spec->name);
    SkCall *op = verb(call, pool);
    op->params.zero = zero;
    return sk_lv_dispatch(call, op, NULL);
}

/* Ours stops an active one too; libvirt's clients expect that it does not. */
static gboolean
undefine(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_pool(call, "pool", error);
    if (pool == NULL)
        return FALSE;
    if (pool->status.active)
        return sk_fail(error, SK_ERROR_STATE, "storage pool '%s' is still active", pool->spec->name);
    return sk_lv_dispatch(call, verb(call, pool), NULL);
}

static const SkLvProcedure rows[] = {
    { 71, "CONNECT_NUM_OF_STORAGE_POOLS", "", "num:i32", SK_OP_POOL_LIST, count_active },
    { 72, "CONNECT_LIST_STORAGE_POOLS", "maxnames:i32", "names:str<16384>", SK_OP_POOL_LIST, list_active },
    { 73, "CONNECT_NUM_OF_DEFINED_STORAGE_POOLS", "", "num:i32", SK_OP_POOL_LIST, count_defined },
    { 74, "CONNECT_LIST_DEFINED_STORAGE_POOLS", "maxnames:i32", "names:str<16384>", SK_OP_POOL_LIST, list_defined },
    { 75, "CONNECT_FIND_STORAGE_POOL_SOURCES", "type:str srcSpec:str? flags", "xml:str", SK_OP_POOL_SOURCES, find_sources,
      .lacks = "types other than logical: no other host and no device is asked" },
    { 76, "STORAGE_POOL_CREATE_XML", "xml:str flags", "pool", SK_OP_POOL_CREATE, create_xml,
      .lacks = "types disk, gluster, iscsi, iscsi-direct, mpath, rbd, scsi, sheepdog, vstorage and zfs" },
    { 77, "STORAGE_POOL_DEFINE_XML", "xml:str flags", "pool", SK_OP_POOL_CREATE, define_xml,
      .lacks = "types disk, gluster, iscsi, iscsi-direct, mpath, rbd, scsi, sheepdog, vstorage and zfs" },
    { 78, "STORAGE_POOL_CREATE", "pool flags", "", SK_OP_POOL_START, create },
    { 79, "STORAGE_POOL_BUILD", "pool flags", "", SK_OP_POOL_BUILD, build },
    { 80, "STORAGE_POOL_DESTROY", "pool", "", SK_OP_POOL_STOP, run_verb },
    { 81, "STORAGE_POOL_DELETE", "pool flags", "", SK_OP_POOL_ERASE, erase, .lacks = "the flag zeroed for type logical" },
    { 82, "STORAGE_POOL_UNDEFINE", "pool", "", SK_OP_POOL_DELETE, undefine },
    { 83, "STORAGE_POOL_REFRESH", "pool flags", "", SK_OP_POOL_REFRESH, run_verb_without_flags },
    { 84, "STORAGE_POOL_LOOKUP_BY_NAME", "name:str", "pool", SK_OP_POOL_SHOW, lookup_by_name },
    { 85, "STORAGE_POOL_LOOKUP_BY_UUID", "uuid", "pool", SK_OP_POOL_SHOW, lookup_by_uuid },
    { 86, "STORAGE_POOL_LOOKUP_BY_VOLUME", "vol", "pool", SK_OP_POOL_SHOW, lookup_by_volume },
    { 87, "STORAGE_POOL_GET_INFO", "pool", "state:u8 capacity:u64 allocation:u64 available:u64", SK_OP_POOL_SHOW, get_info },
    { 88, "STORAGE_POOL_GET_XML_DESC", "pool flags", "xml:str", SK_OP_POOL_SHOW, get_xml_desc },
    { 89, "STORAGE_POOL_GET_AUTOSTART", "pool", "autostart:i32", SK_OP_POOL_SHOW, get_autostart },
    { 90, "STORAGE_POOL_SET_AUTOSTART", "pool autostart:i32", "", SK_OP_POOL_UPDATE, set_autostart },
    { 91, "STORAGE_POOL_NUM_OF_VOLUMES", "pool", "num:i32", SK_OP_VOLUME_LIST, count_volumes },
    { 154, "STORAGE_POOL_IS_ACTIVE", "pool", "active:i32", SK_OP_POOL_SHOW, is_active },
    { 155, "STORAGE_POOL_IS_PERSISTENT", "pool", "persistent:i32", SK_OP_POOL_SHOW, is_persistent },
    { 281, "CONNECT_LIST_ALL_STORAGE_POOLS", "need_results:i32 flags", "pools:pool<16384> ret:u32", SK_OP_POOL_LIST, list_all },
    { 391, "STORAGE_POOL_LOOKUP_BY_TARGET_PATH", "path:str", "pool", SK_OP_POOL_SHOW, lookup_by_path },
    { 403, "CONNECT_GET_STORAGE_POOL_CAPABILITIES", "flags", "capabilities:str", SK_OP_POOL_LIST, get_capabilities },
};
SK_LV_FAMILY(sk_lv_pool_family, "Storage pools", STORAGE, rows);
