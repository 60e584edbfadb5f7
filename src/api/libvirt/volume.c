/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: storage volumes. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "api/libvirt/volume-stream.h"
#include "base/error.h"
#include "codec/xml/storage.h"
#include "service/disk-users.h"
#include "service/secret.h"

/* -- look-up ---------------------------------------------------------------------------------------------------------- */

static gboolean
put(SkLvCall *call, const SkVolume *volume)
{
    const SkPool *pool = volume != NULL ? g_tree_lookup(call->service->pools, volume->pool) : NULL;
    if (pool != NULL)
        sk_lv_put_volume(call->out, pool, volume);
    return pool != NULL;
}

static gboolean
lookup_by_name(SkLvCall *call, GError **error)
{
    const char *name = sk_lv_str(call, "name");
    SkPool *pool = sk_lv_active_pool(call, "pool", error);
    if (pool == NULL)
        return FALSE;
    return put(call, g_tree_lookup(pool->volumes, name)) ||
           sk_fail(error, SK_ERROR_NO_VOLUME, "no storage vol with matching name '%.128s'", name);
}

/* A key is a path. */
static gboolean
lookup_by_key(SkLvCall *call, GError **error)
{
    const char *key = sk_lv_str(call, "key");
    return (*key == '/' && put(call, sk_service_volume_at(call->service, key))) ||
           sk_fail(error, SK_ERROR_NO_VOLUME, "no storage vol with matching key %.256s", key);
}

static gboolean
put_found(SkLvCall *call, SkCall *op, GError **error)
{
    g_autofree char *path = g_canonicalize_filename(op->params.path, "/");
    return put(call, sk_service_volume_at(call->service, path)) ||
           sk_fail(error, SK_ERROR_NO_VOLUME, "no storage vol with matching path '%.256s'", path);
}

/* Clients ask for what they have just made by other means: what is not known yet is looked for on the disk. */
static gboolean
lookup_by_path(SkLvCall *call, GError **error)
{
    const char *asked = sk_lv_str(call, "path");
    if (*asked != '/')
        return sk_fail(error, SK_ERROR_NO_VOLUME, "no storage vol with matching path '%.256s'", asked);
    g_autofree char *path = g_canonicalize_filename(asked, "/");
    if (put(call, sk_service_volume_at(call->service, path)))
        return TRUE;
    SkCall *op = sk_lv_operation(call, SK_OP_VOLUME_FIND);
    op->params.path = g_steal_pointer(&path);
    return sk_lv_dispatch(call, op, put_found);
}

/* -- lists -------------------------------------------------------------------------------------------------------------- */

static gboolean
is_listed(gconstpointer volume, guint flags)
{
    (void) volume, (void) flags;
    return TRUE;
}

static gboolean
list_names(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_active_pool(call, "pool", error);
    return pool != NULL && sk_lv_list_names(call, pool->volumes, is_listed, 0);
}

/* All of one pool: its name is a volume's own. */
static void
put_listed(GByteArray *out, gconstpointer object)
{
    const SkVolume *volume = object;
    sk_xdr_put_str(out, volume->pool);
    sk_xdr_put_str(out, volume->name);
    sk_xdr_put_str(out, volume->path);
}

static gboolean
list_all(SkLvCall *call, GError **error)
{
    static const SkLvList list = { .shown = is_listed, .put = put_listed };
    const SkPool *pool = sk_lv_active_pool(call, "pool", error);
    return pool != NULL && sk_lv_check_flags(call, 0, error) && sk_lv_list(call, pool->volumes, &list, error);
}

/* -- what it is ----------------------------------------------------------------------------------------------------------- */

static gboolean
put_info(SkLvCall *call, gboolean physical, GError **error)
{
    const SkVolume *volume = sk_lv_volume(call, "vol", NULL, error);
    if (volume == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, volume->block ? 1 : 0);
    sk_xdr_put_u64(call->out, volume->capacity);
    sk_xdr_put_u64(call->out, physical ? volume->physical : volume->allocation);
    return TRUE;
}

static gboolean
get_info(SkLvCall *call, GError **error)
{
    return put_info(call, FALSE, error);
}

enum { INFO_PHYSICAL = 1 };

static gboolean
get_info_flags(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, INFO_PHYSICAL, error) && put_info(call, sk_lv_uint(call, "flags") != 0, error);
}

static gboolean
get_xml_desc(SkLvCall *call, GError **error)
{
    const SkVolume *volume = sk_lv_volume(call, "vol", NULL, error);
    if (volume == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    const SkVolume *backing = volume->backing_path != NULL ? sk_service_volume_at(call->service, volume->backing_path) : NULL;
    SkEncryption encryption = volume->encryption != NULL ? *volume->encryption : (SkEncryption){ 0 };
    SkVolume shown = *volume;
    const SkSecret *secret = sk_service_secret_for(call->service, SK_SECRET_VOLUME, volume->path);
    if (volume->encryption != NULL && encryption.secret == NULL && secret != NULL)
        encryption.secret = secret->spec->uuid;
    shown.encryption = volume->encryption != NULL ? &encryption : NULL;
    g_autofree char *xml = sk_xml_volume_format(&shown, backing);
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

static gboolean
get_path(SkLvCall *call, GError **error)
{
    const SkVolume *volume = sk_lv_volume(call, "vol", NULL, error);
    if (volume == NULL)
        return FALSE;
    sk_xdr_put_str(call->out, volume->path);
    return TRUE;
}

/* -- making ------------------------------------------------------------------------------------------------------------------ */

enum { CREATE_METADATA = 1, CREATE_REFLINK = 2, CREATE_VALIDATE = 4 };

/* Its pool and name are in the operation or its body: what is there now under them. */
static gboolean
put_made(SkLvCall *call, const char *pool_name, const char *name, GError **error)
{
    const SkPool *pool = g_tree_lookup(call->service->pools, pool_name);
    return put(call, pool != NULL ? g_tree_lookup(pool->volumes, name) : NULL) ||
           sk_fail(error, SK_ERROR_NO_VOLUME, "the volume \"%s\" was deleted in between", name);
}

static gboolean
put_created(SkLvCall *call, SkCall *op, GError **error)
{
    const SkVolumeCreate *create = op->body;
    return put_made(call, op->params.name, create->name, error);
}

/* The volume below, by its path. */
static gboolean
find_backing(SkLvCall *call, const char *path, SkVolumeCreate *create, GError **error)
{
    if (path == NULL)
        return TRUE;
    const SkVolume *backing = sk_service_volume_at(call->service, path);
    if (backing == NULL)
        return sk_fail(error, SK_ERROR_NO_VOLUME, "the backing store \"%.256s\" of volume \"%s\" is a volume of no active pool", path, create->name);
    create->backing_volume = g_strdup(backing->name);
    create->backing_pool = g_strdup(backing->pool);
    return TRUE;
}

static SkVolumeCreate *
parse(SkLvCall *call, GError **error)
{
    g_autofree char *backing = NULL;
    SkVolumeCreate *create = sk_value_new(&sk_volume_create_type);
    if (sk_xml_volume_parse(sk_lv_str(call, "xml"), -1, create, &backing, error) && find_backing(call, backing, create, error))
        return create;
    sk_value_free(&sk_volume_create_type, create);
    return NULL;
}

static gboolean
create_xml(SkLvCall *call, GError **error)
{
    const SkPool *pool = sk_lv_active_pool(call, "pool", error);
    if (pool == NULL || !sk_lv_check_flags(call, CREATE_METADATA | CREATE_VALIDATE, error))
        return FALSE;
    SkVolumeCreate *create = parse(call, error);
    if (create == NULL)
        return FALSE;
    if ((sk_lv_uint(call, "flags") & CREATE_METADATA) != 0 && create->format == SK_FORMAT_QCOW2 && create->options.foreign_format == NULL &&
        create->backing_volume == NULL)
        create->preallocation = SK_PREALLOC_METADATA;
    SkCall *op = sk_lv_operation(call, SK_OP_VOLUME_CREATE);
    op->params.name = g_strdup(pool->spec->name);
    op->body = create;
    return sk_lv_dispatch(call, op, put_created);
}

static gboolean
put_cloned(SkLvCall *call, SkCall *op, GError **error)
{
    const SkVolumeClone *clone = op->body;
    return put_made(call, clone->pool, clone->name, error);
}

/* A copy shares what the file system lets it share, whether that was asked for or not. */
static gboolean
create_xml_from(SkLvCall *call, GError **error)
{
    static const gint formats[SK_N_DISK_FORMATS] = { [SK_FORMAT_QCOW2] = SK_CLONE_QCOW2, [SK_FORMAT_RAW] = SK_CLONE_RAW };
    SkPool *from = NULL;
    const SkPool *pool = sk_lv_active_pool(call, "pool", error);
    const SkVolume *source = pool != NULL ? sk_lv_volume(call, "clonevol", &from, error) : NULL;
    if (source == NULL || !sk_lv_check_flags(call, CREATE_METADATA | CREATE_REFLINK | CREATE_VALIDATE, error))
        return FALSE;
    SkVolumeCreate *create = parse(call, error);
    if (create == NULL)
        return FALSE;
    SkVolumeClone *clone = sk_value_new(&sk_volume_clone_type);
    clone->name = g_steal_pointer(&create->name);
    clone->pool = g_strdup(pool->spec->name);
    clone->format = formats[create->format];
    clone->capacity = create->capacity;
    clone->options = create->options;
    create->options = (SkVolumeOptions){ 0 };
    sk_value_free(&sk_volume_create_type, create);
    SkCall *op = sk_lv_operation(call, SK_OP_VOLUME_CLONE);
    op->params.name = g_strdup(from->spec->name);
    op->params.volume = g_strdup(source->name);
    op->body = clone;
    return sk_lv_dispatch(call, op, put_cloned);
}

/* -- changing ------------------------------------------------------------------------------------------------------------------ */

/* The row's operation for "vol"; NULL: there is no such volume. */
static SkCall *
operation(SkLvCall *call, GError **error)
{
    SkPool *pool = NULL;
    const SkVolume *volume = sk_lv_volume(call, "vol", &pool, error);
    if (volume == NULL)
        return NULL;
    SkCall *op = sk_lv_operation(call, call->procedure->op);
    op->params.name = g_strdup(pool->spec->name);
    op->params.volume = g_strdup(volume->name);
    return op;
}

enum { DELETE_ZEROED = 1, DELETE_WITH_SNAPSHOTS = 2 };

/* States that a file keeps inside go with it, whether that was asked for or not. */
static gboolean
delete(SkLvCall *call, GError **error)
{
    SkCall *op = sk_lv_check_flags(call, DELETE_ZEROED | DELETE_WITH_SNAPSHOTS, error) ? operation(call, error) : NULL;
    if (op == NULL)
        return FALSE;
    op->params.zero = (sk_lv_uint(call, "flags") & DELETE_ZEROED) != 0;
    op->params.force = TRUE;
    return sk_lv_dispatch(call, op, NULL);
}

enum { RESIZE_ALLOCATE = 1, RESIZE_DELTA = 2, RESIZE_SHRINK = 4 };

static gboolean
new_size(SkLvCall *call, guint64 *out, GError **error)
{
    const SkVolume *volume = sk_lv_volume(call, "vol", NULL, error);
    guint64 asked = sk_lv_uint64(call, "capacity");
    guint flags = sk_lv_uint(call, "flags");
    if (volume == NULL)
        return FALSE;
    gboolean less = (flags & RESIZE_DELTA) != 0 && (flags & RESIZE_SHRINK) != 0;
    if (asked > G_MAXINT64 || (less && asked > volume->capacity))
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" cannot have that size", volume->name);
    *out = (flags & RESIZE_DELTA) == 0 ? asked : less ? volume->capacity - asked : volume->capacity + asked;
    *out = (*out + 511) / 512 * 512;
    return TRUE;
}

static gboolean
resize(SkLvCall *call, GError **error)
{
    guint64 size = 0;
    if (!sk_lv_check_flags(call, RESIZE_ALLOCATE | RESIZE_DELTA | RESIZE_SHRINK, error) || !new_size(call, &size, error))
        return FALSE;
    SkCall *op = operation(call, error);
    if (op == NULL)
        return FALSE;
    SkResize *body = sk_value_new(&sk_resize_type);
    body->size = size;
    op->body = body;
    op->params.allocate = (sk_lv_uint(call, "flags") & RESIZE_ALLOCATE) != 0;
    op->params.shrink = (sk_lv_uint(call, "flags") & RESIZE_SHRINK) != 0;
    return sk_lv_dispatch(call, op, NULL);
}

/* The protocol's numbers are the enum's. */
static gboolean
wipe_with(SkLvCall *call, guint algorithm, GError **error)
{
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (algorithm >= SK_N_WIPES)
        return sk_fail(error, SK_ERROR_INVALID, "there is no wiping algorithm %u", algorithm);
    SkCall *op = operation(call, error);
    if (op == NULL)
        return FALSE;
    SkVolumeWipe *body = sk_value_new(&sk_volume_wipe_type);
    body->algorithm = (gint) algorithm;
    op->body = body;
    return sk_lv_dispatch(call, op, NULL);
}

static gboolean
wipe(SkLvCall *call, GError **error)
{
    return wipe_with(call, SK_WIPE_ZERO, error);
}

static gboolean
wipe_pattern(SkLvCall *call, GError **error)
{
    return wipe_with(call, sk_lv_uint(call, "algorithm"), error);
}

static const SkLvProcedure rows[] = {
    { 92, "STORAGE_POOL_LIST_VOLUMES", "pool maxnames:i32", "names:str<16384>", SK_OP_VOLUME_LIST, list_names },
    { 93, "STORAGE_VOL_CREATE_XML", "pool xml:str flags", "vol", SK_OP_VOLUME_CREATE, create_xml,
      .lacks = "formats other than qcow2, raw, qed, vdi, vmdk and vpc" },
    { 94, "STORAGE_VOL_DELETE", "vol flags", "", SK_OP_VOLUME_DELETE, delete },
    { 95, "STORAGE_VOL_LOOKUP_BY_NAME", "pool name:str", "vol", SK_OP_VOLUME_SHOW, lookup_by_name },
    { 96, "STORAGE_VOL_LOOKUP_BY_KEY", "key:str", "vol", SK_OP_VOLUME_SHOW, lookup_by_key },
    { 97, "STORAGE_VOL_LOOKUP_BY_PATH", "path:str", "vol", SK_OP_VOLUME_FIND, lookup_by_path },
    { 98, "STORAGE_VOL_GET_INFO", "vol", "type:char capacity:u64 allocation:u64", SK_OP_VOLUME_SHOW, get_info },
    { 99, "STORAGE_VOL_GET_XML_DESC", "vol flags", "xml:str", SK_OP_VOLUME_SHOW, get_xml_desc },
    { 100, "STORAGE_VOL_GET_PATH", "vol", "name:str", SK_OP_VOLUME_SHOW, get_path },
    { 125, "STORAGE_VOL_CREATE_XML_FROM", "pool xml:str clonevol:vol flags", "vol", SK_OP_VOLUME_CLONE, create_xml_from,
      .lacks = "formats other than qcow2, raw, qed, vdi, vmdk and vpc" },
    { 165, "STORAGE_VOL_WIPE", "vol flags", "", SK_OP_VOLUME_WIPE, wipe },
    { 208, "STORAGE_VOL_UPLOAD", "vol offset:u64 length:u64 flags", "", SK_OP_VOLUME_UPLOAD, sk_lv_volume_upload, .flags = SK_LV_UP },
    { 209, "STORAGE_VOL_DOWNLOAD", "vol offset:u64 length:u64 flags", "", SK_OP_VOLUME_DOWNLOAD, sk_lv_volume_download, .flags = SK_LV_DOWN },
    { 259, "STORAGE_VOL_WIPE_PATTERN", "vol algorithm:u32 flags", "", SK_OP_VOLUME_WIPE, wipe_pattern },
    { 260, "STORAGE_VOL_RESIZE", "vol capacity:u64 flags", "", SK_OP_VOLUME_RESIZE, resize },
    { 282, "STORAGE_POOL_LIST_ALL_VOLUMES", "pool need_results:i32 flags", "vols:vol<16384> ret:u32", SK_OP_VOLUME_LIST, list_all },
    { 378, "STORAGE_VOL_GET_INFO_FLAGS", "vol flags", "type:char capacity:u64 allocation:u64", SK_OP_VOLUME_SHOW, get_info_flags },
};
SK_LV_FAMILY(sk_lv_volume_family, "Storage volumes", STORAGE, rows);
