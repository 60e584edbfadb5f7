/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: snapshots. */
#include "api/libvirt/domain-define.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "api/libvirt/private.h"
#include "base/error.h"
#include "codec/xml/snapshot.h"
#include "engine/launch.h"
#include "service/snapshot.h"

/* -- on the wire ------------------------------------------------------------------------------------------------------ */

/* What "snap" names. */
static SkSnapshot *
get_snapshot(const SkLvCall *call, SkDomain **out_domain, GError **error)
{
    *out_domain = sk_lv_domain(call, "snap.dom", error);
    return *out_domain != NULL ? sk_domain_snapshot(*out_domain, sk_lv_str(call, "snap.name"), error) : NULL;
}

/* -- create -------------------------------------------------------------------------------------------------------------- */

enum {
    CREATE_REDEFINE = 1, CREATE_CURRENT = 2, CREATE_NO_METADATA = 4, CREATE_HALT = 8, CREATE_DISK_ONLY = 0x10, CREATE_REUSE = 0x20,
    CREATE_QUIESCE = 0x40, CREATE_ATOMIC = 0x80, CREATE_LIVE = 0x100, CREATE_VALIDATE = 0x200, CREATE_FLAGS = 0x3ff,
};

static gboolean
redefine(SkLvCall *call, const SkDomain *domain, guint flags, GError **error)
{
    SkSnapshot *snapshot = sk_xml_snapshot_parse(sk_lv_str(call, "xml_desc"), -1, error);
    if (snapshot == NULL)
        return FALSE;
    snapshot->current = (flags & CREATE_CURRENT) != 0;
    SkCall *op = sk_lv_operation(call, SK_OP_SNAPSHOT_REDEFINE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.snapshot = g_strdup(snapshot->name);
    op->body = snapshot;
    op->dialect = TRUE;
    return sk_lv_dispatch(call, op, sk_lv_put_created);
}

static gboolean
create(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    gboolean memory = TRUE;
    if (domain == NULL || !sk_lv_check_flags(call, CREATE_FLAGS, error))
        return FALSE;
    if ((flags & CREATE_REDEFINE) != 0)
        return redefine(call, domain, flags, error);
    SkSnapshotCreate *body = sk_xml_snapshot_parse_request(sk_lv_str(call, "xml_desc"), -1, &memory, error);
    if (body == NULL)
        return FALSE;
    gboolean disk_only = (flags & CREATE_DISK_ONLY) != 0;
    if (disk_only && memory && body->memory_path != NULL) {
        sk_value_free(&sk_snapshot_create_type, body);
        return sk_fail(error, SK_ERROR_INVALID, "a snapshot of the disks only has no memory to be kept in a file");
    }
    body->external |= disk_only;
    body->memory = memory && !disk_only && (sk_domain_is_active(domain) || body->memory_path != NULL);
    body->reuse = (flags & CREATE_REUSE) != 0;
    body->forget = (flags & CREATE_NO_METADATA) != 0;
    body->halt = (flags & CREATE_HALT) != 0;
    body->quiesce = (flags & CREATE_QUIESCE) != 0 ? SK_QUIESCE_YES : SK_QUIESCE_NO;
    SkCall *op = sk_lv_operation(call, SK_OP_SNAPSHOT_CREATE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->body = body;
    return sk_lv_dispatch(call, op, sk_lv_put_created);
}

/* -- show ----------------------------------------------------------------------------------------------------------------- */

enum { XML_SECURE = 1 };

static SkDomainSpec *
shown(const SkDomainSpec *spec)
{
    return spec != NULL ? sk_engine_show(spec) : NULL;
}

static gboolean
get_xml(SkLvCall *call, GError **error)
{
    SkDomain *domain;
    guint flags = sk_lv_uint(call, "flags");
    const SkSnapshot *snapshot = get_snapshot(call, &domain, error);
    if (snapshot == NULL || !sk_lv_check_flags(call, XML_SECURE, error))
        return FALSE;
    if ((flags & XML_SECURE) != 0 && !sk_lv_permit(call, SK_OP_DOMAIN_UPDATE, error))
        return FALSE;
    const SkXmlOptions options = { .flags = (flags & XML_SECURE) != 0 ? SK_XML_SECURE : 0, .accel = call->service->node.accel,
                                   .emulator = call->service->settings->qemu };
    SkSnapshot whole = *snapshot;
    whole.definition = shown(snapshot->definition);
    whole.inactive = shown(snapshot->inactive);
    g_autofree char *text = sk_xml_snapshot_format(&whole, &options);
    sk_value_free(&sk_domain_spec_type, whole.definition);
    sk_value_free(&sk_domain_spec_type, whole.inactive);
    sk_xdr_put_str(call->out, text);
    return TRUE;
}

/* -- lists ------------------------------------------------------------------------------------------------------------------ */

enum {
    LIST_ROOTS = 1, LIST_DESCENDANTS = 1, LIST_METADATA = 2, LIST_LEAVES = 4, LIST_NO_LEAVES = 8, LIST_NO_METADATA = 0x10, LIST_INACTIVE = 0x20,
    LIST_ACTIVE = 0x40, LIST_DISK_ONLY = 0x80, LIST_INTERNAL = 0x100, LIST_EXTERNAL = 0x200, LIST_TOPOLOGICAL = 0x400, LIST_FLAGS = 0x7ff,
};
static const guint groups[] = { LIST_METADATA | LIST_NO_METADATA, LIST_LEAVES | LIST_NO_LEAVES, LIST_INACTIVE | LIST_ACTIVE | LIST_DISK_ONLY,
                                LIST_INTERNAL | LIST_EXTERNAL, 0 };

static gboolean
is_leaf(const SkDomain *domain, const SkSnapshot *snapshot)
{
    for (guint i = 0; i < domain->snapshots->len; i++) {
        if (g_strcmp0(((const SkSnapshot *) domain->snapshots->pdata[i])->parent, snapshot->name) == 0)
            return FALSE;
    }
    return TRUE;
}

static guint
traits_of(const SkDomain *domain, const SkSnapshot *snapshot)
{
    guint state = snapshot->state == SK_DOMAIN_SHUT_OFF ? LIST_INACTIVE : snapshot->memory != NULL ? LIST_ACTIVE : LIST_DISK_ONLY;
    gboolean external = sk_snapshot_is_external(snapshot) || snapshot->memory_given;
    return LIST_METADATA | (is_leaf(domain, snapshot) ? LIST_LEAVES : LIST_NO_LEAVES) | state | (external ? LIST_EXTERNAL : LIST_INTERNAL);
}

/* Those below root, or all if it is NULL; parents come before what grew out of them. */
static GPtrArray *
select_snapshots(const SkDomain *domain, const SkSnapshot *root, guint flags)
{
    GPtrArray *list = g_ptr_array_new();
    for (guint i = 0; domain->snapshots != NULL && i < domain->snapshots->len; i++) {
        SkSnapshot *snapshot = domain->snapshots->pdata[i];
        gboolean child = root != NULL && g_strcmp0(snapshot->parent, root->name) == 0;
        gboolean below = root == NULL ? (flags & LIST_ROOTS) == 0 || snapshot->parent == NULL
                                      : child || ((flags & LIST_DESCENDANTS) != 0 && snapshot != root && sk_snapshot_grew_out_of(domain, snapshot, root));
        if (below && sk_lv_passes(flags, traits_of(domain, snapshot), groups))
            g_ptr_array_add(list, snapshot);
    }
    return list;
}

static guint
depth_of(const SkDomain *domain, const SkSnapshot *snapshot)
{
    guint depth = 0;
    for (; snapshot != NULL && snapshot->parent != NULL && depth < domain->snapshots->len; depth++)
        snapshot = sk_domain_snapshot(domain, snapshot->parent, NULL);
    return depth;
}

static gint
compare_depth(gconstpointer a, gconstpointer b, gpointer domain)
{
    return (gint) depth_of(domain, *(SkSnapshot *const *) a) - (gint) depth_of(domain, *(SkSnapshot *const *) b);
}

/* The domain and, for the calls on what grew out of one, that snapshot; what they select. */
static GPtrArray *
get_list(SkLvCall *call, const char *snap, SkDomain **out_domain, GError **error)
{
    g_autofree char *dom = snap != NULL ? g_strconcat(snap, ".dom", NULL) : g_strdup("dom");
    g_autofree char *name = snap != NULL ? g_strconcat(snap, ".name", NULL) : NULL;
    guint flags = sk_lv_uint(call, "flags");
    SkDomain *domain = *out_domain = sk_lv_domain(call, dom, error);
    const SkSnapshot *root = domain != NULL && name != NULL ? sk_domain_snapshot(domain, sk_lv_str(call, name), error) : NULL;
    if (domain == NULL || (name != NULL && root == NULL) || !sk_lv_check_flags(call, LIST_FLAGS, error))
        return NULL;
    GPtrArray *list = select_snapshots(domain, root, flags);
    if ((flags & LIST_TOPOLOGICAL) != 0)
        g_ptr_array_sort_with_data(list, compare_depth, domain);
    return list;
}

static gboolean
reply_list(SkLvCall *call, const char *snap, GError **error)
{
    SkDomain *domain;
    g_autoptr(GPtrArray) list = get_list(call, snap, &domain, error);
    if (list == NULL)
        return FALSE;
    guint count = sk_lv_int(call, "need_results") != 0 ? list->len : 0;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < count; i++)
        sk_lv_put_part(call->out, domain, ((const SkSnapshot *) list->pdata[i])->name);
    sk_xdr_list_end(call->out, place, count);
    sk_xdr_put_i32(call->out, (gint) list->len);
    return TRUE;
}

static gboolean
reply_names(SkLvCall *call, const char *snap, GError **error)
{
    SkDomain *domain;
    g_autoptr(GPtrArray) list = get_list(call, snap, &domain, error);
    if (list == NULL)
        return FALSE;
    guint count = MIN(list->len, (guint) CLAMP(sk_lv_int(call, "maxnames"), 0, 16384));
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < count; i++)
        sk_xdr_put_str(call->out, ((const SkSnapshot *) list->pdata[i])->name);
    sk_xdr_list_end(call->out, place, count);
    return TRUE;
}

static gboolean
reply_number(SkLvCall *call, const char *snap, GError **error)
{
    SkDomain *domain;
    g_autoptr(GPtrArray) list = get_list(call, snap, &domain, error);
    if (list == NULL)
        return FALSE;
    sk_xdr_put_i32(call->out, (gint) list->len);
    return TRUE;
}

static gboolean
list_all(SkLvCall *call, GError **error)
{
    return reply_list(call, NULL, error);
}

static gboolean
list_all_children(SkLvCall *call, GError **error)
{
    return reply_list(call, "snapshot", error);
}

static gboolean
list_names(SkLvCall *call, GError **error)
{
    return reply_names(call, NULL, error);
}

static gboolean
list_children_names(SkLvCall *call, GError **error)
{
    return reply_names(call, "snap", error);
}

static gboolean
count_all(SkLvCall *call, GError **error)
{
    return reply_number(call, NULL, error);
}

static gboolean
count_children(SkLvCall *call, GError **error)
{
    return reply_number(call, "snap", error);
}

/* -- one of them --------------------------------------------------------------------------------------------------------------- */

static gboolean
lookup_by_name(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const SkSnapshot *snapshot = domain != NULL && sk_lv_check_flags(call, 0, error) ? sk_domain_snapshot(domain, sk_lv_str(call, "name"), error) : NULL;
    if (snapshot == NULL)
        return FALSE;
    sk_lv_put_part(call->out, domain, snapshot->name);
    return TRUE;
}

static gboolean
has_current(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    sk_xdr_put_i32(call->out, sk_domain_current_snapshot(domain) != NULL);
    return TRUE;
}

static gboolean
get_current(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    const SkSnapshot *snapshot = sk_domain_current_snapshot(domain);
    if (snapshot == NULL)
        return sk_fail(error, SK_ERROR_NO_SNAPSHOT, "domain \"%s\" has no current snapshot", sk_domain_name(domain));
    sk_lv_put_part(call->out, domain, snapshot->name);
    return TRUE;
}

static gboolean
get_parent(SkLvCall *call, GError **error)
{
    SkDomain *domain;
    const SkSnapshot *snapshot = get_snapshot(call, &domain, error);
    if (snapshot == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (snapshot->parent == NULL)
        return sk_fail(error, SK_ERROR_NO_SNAPSHOT, "snapshot \"%s\" does not have a parent", snapshot->name);
    const SkSnapshot *parent = sk_domain_snapshot(domain, snapshot->parent, error);
    if (parent == NULL)
        return FALSE;
    sk_lv_put_part(call->out, domain, parent->name);
    return TRUE;
}

static gboolean
is_current(SkLvCall *call, GError **error)
{
    SkDomain *domain;
    const SkSnapshot *snapshot = get_snapshot(call, &domain, error);
    if (snapshot == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    sk_xdr_put_i32(call->out, snapshot->current);
    return TRUE;
}

/* All that we know of have. */
static gboolean
has_metadata(SkLvCall *call, GError **error)
{
    SkDomain *domain;
    if (get_snapshot(call, &domain, error) == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    sk_xdr_put_i32(call->out, 1);
    return TRUE;
}

/* -- revert, delete ------------------------------------------------------------------------------------------------------------- */

enum { REVERT_RUNNING = 1, REVERT_PAUSED = 2, REVERT_FORCE = 4, REVERT_RESET_NVRAM = 8 };

static gboolean
revert(SkLvCall *call, GError **error)
{
    SkDomain *domain;
    guint flags = sk_lv_uint(call, "flags");
    const SkSnapshot *snapshot = get_snapshot(call, &domain, error);
    if (snapshot == NULL || !sk_lv_check_flags(call, REVERT_RUNNING | REVERT_PAUSED | REVERT_FORCE | REVERT_RESET_NVRAM, error))
        return FALSE;
    if ((flags & REVERT_RUNNING) != 0 && (flags & REVERT_PAUSED) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "running and paused exclude each other");
    SkSnapshotRevert *body = sk_value_new(&sk_snapshot_revert_type);
    body->then = (flags & REVERT_RUNNING) != 0 ? SK_REVERT_RUNNING : (flags & REVERT_PAUSED) != 0 ? SK_REVERT_PAUSED : SK_REVERT_AS_IT_WAS;
    body->fresh_nvram = (flags & REVERT_RESET_NVRAM) != 0;
    SkCall *op = sk_lv_operation(call, SK_OP_SNAPSHOT_REVERT);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.snapshot = g_strdup(snapshot->name);
    op->body = body;
    return sk_lv_dispatch(call, op, NULL);
}

enum { DELETE_CHILDREN = 1, DELETE_METADATA = 2, DELETE_CHILDREN_ONLY = 4 };

static gboolean
delete(SkLvCall *call, GError **error)
{
    SkDomain *domain;
    guint flags = sk_lv_uint(call, "flags");
    const SkSnapshot *snapshot = get_snapshot(call, &domain, error);
    if (snapshot == NULL || !sk_lv_check_flags(call, DELETE_CHILDREN | DELETE_METADATA | DELETE_CHILDREN_ONLY, error))
        return FALSE;
    if ((flags & DELETE_CHILDREN) != 0 && (flags & DELETE_CHILDREN_ONLY) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "children and children-only exclude each other");
    SkCall *op = sk_lv_operation(call, SK_OP_SNAPSHOT_DELETE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.snapshot = g_strdup(snapshot->name);
    op->params.children = (flags & DELETE_CHILDREN) != 0;
    op->params.children_only = (flags & DELETE_CHILDREN_ONLY) != 0;
    op->params.metadata = (flags & DELETE_METADATA) != 0;
    return sk_lv_dispatch(call, op, NULL);
}

static const SkLvProcedure rows[] = {
    { 185, "DOMAIN_SNAPSHOT_CREATE_XML", "dom xml_desc:str flags", "snap", SK_OP_SNAPSHOT_CREATE, create,
      .lacks = "overlays on block devices" },
    { 186, "DOMAIN_SNAPSHOT_GET_XML_DESC", "snap flags", "xml:str", SK_OP_SNAPSHOT_SHOW, get_xml },
    { 187, "DOMAIN_SNAPSHOT_NUM", "dom flags", "num:i32", SK_OP_SNAPSHOT_LIST, count_all },
    { 188, "DOMAIN_SNAPSHOT_LIST_NAMES", "dom maxnames:i32 flags", "names:str<16384>", SK_OP_SNAPSHOT_LIST, list_names },
    { 189, "DOMAIN_SNAPSHOT_LOOKUP_BY_NAME", "dom name:str flags", "snap", SK_OP_SNAPSHOT_SHOW, lookup_by_name },
    { 190, "DOMAIN_HAS_CURRENT_SNAPSHOT", "dom flags", "result:i32", SK_OP_SNAPSHOT_LIST, has_current },
    { 191, "DOMAIN_SNAPSHOT_CURRENT", "dom flags", "snap", SK_OP_SNAPSHOT_SHOW, get_current },
    { 192, "DOMAIN_REVERT_TO_SNAPSHOT", "snap flags", "", SK_OP_SNAPSHOT_REVERT, revert },
    { 193, "DOMAIN_SNAPSHOT_DELETE", "snap flags", "", SK_OP_SNAPSHOT_DELETE, delete },
    { 244, "DOMAIN_SNAPSHOT_GET_PARENT", "snap flags", "snap", SK_OP_SNAPSHOT_SHOW, get_parent },
    { 246, "DOMAIN_SNAPSHOT_NUM_CHILDREN", "snap flags", "num:i32", SK_OP_SNAPSHOT_LIST, count_children },
    { 247, "DOMAIN_SNAPSHOT_LIST_CHILDREN_NAMES", "snap maxnames:i32 flags", "names:str<16384>", SK_OP_SNAPSHOT_LIST, list_children_names },
    { 271, "DOMAIN_SNAPSHOT_IS_CURRENT", "snap flags", "current:i32", SK_OP_SNAPSHOT_SHOW, is_current },
    { 272, "DOMAIN_SNAPSHOT_HAS_METADATA", "snap flags", "metadata:i32", SK_OP_SNAPSHOT_SHOW, has_metadata },
    { 274, "DOMAIN_LIST_ALL_SNAPSHOTS", "dom need_results:i32 flags", "snapshots:snap<16384> ret:i32", SK_OP_SNAPSHOT_LIST, list_all },
    { 275, "DOMAIN_SNAPSHOT_LIST_ALL_CHILDREN", "snapshot:snap need_results:i32 flags", "snapshots:snap<16384> ret:i32", SK_OP_SNAPSHOT_LIST, list_all_children },
};
SK_LV_FAMILY(sk_lv_domain_snapshot_family, "Domain: snapshots", SNAPSHOT, rows);
