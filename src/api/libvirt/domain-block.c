/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: block devices. */
#include "api/libvirt/domain-define.h"
#include "api/libvirt/domain-figures.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"

/* Disks are named by their target or by the file they are on. */
static const SkDisk *
find_disk(const SkDomainSpec *spec, const char *text, GError **error)
{
    const SkDisk *disk = sk_domain_spec_find_disk(spec, text);
    for (guint i = 0; disk == NULL && spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *other = spec->disks->pdata[i];
        if (g_strcmp0(other->path, text) == 0)
            disk = other;
    }
    if (disk == NULL)
        sk_fail(error, SK_ERROR_INVALID, "invalid path '%.256s' not assigned to domain \"%s\"", text, spec->name);
    return disk;
}

/* -- size --------------------------------------------------------------------------------------------------------------- */

enum { RESIZE_BYTES = 1 };

static gboolean
resize(SkLvCall *call, GError **error)
{
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const SkDomainSpec *spec = domain != NULL ? sk_lv_spec_of(domain, 0, error) : NULL;
    const SkDisk *disk = spec != NULL ? find_disk(spec, sk_lv_str(call, "disk"), error) : NULL;
    guint64 size = sk_lv_uint64(call, "size"), unit = (sk_lv_uint(call, "flags") & RESIZE_BYTES) != 0 ? 1 : 1024;
    if (disk == NULL || !sk_lv_check_flags(call, RESIZE_BYTES, error))
        return FALSE;
    if (size > (guint64) G_MAXINT64 / unit)
        return sk_fail(error, SK_ERROR_INVALID, "size must be less than %" G_GUINT64_FORMAT, (guint64) G_MAXINT64 / unit);
    SkResize *body = sk_value_new(&sk_resize_type);
    body->size = size * unit;
    SkCall *op = sk_lv_operation(call, SK_OP_DISK_RESIZE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.target = g_strdup(disk->target);
    op->body = body;
    if (sk_value_check(&sk_resize_type, body, NULL, error))
        return sk_lv_dispatch(call, op, NULL);
    sk_call_free(op);
    return FALSE;
}

/* -- limits ---------------------------------------------------------------------------------------------------------------- */

/* Parameters are called as the fields are. */
static const char *const limits[] = {
    "total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec", "write_iops_sec",
    "total_bytes_sec_max", "read_bytes_sec_max", "write_bytes_sec_max", "total_iops_sec_max", "read_iops_sec_max", "write_iops_sec_max",
    "size_iops_sec", "total_bytes_sec_max_length", "read_bytes_sec_max_length", "write_bytes_sec_max_length", "total_iops_sec_max_length",
    "read_iops_sec_max_length", "write_iops_sec_max_length",
};
#define N_LIMITS (G_N_ELEMENTS(limits) + 1)    /* and group_name */

static guint64
get_number(const SkField *field, gconstpointer value)
{
    gconstpointer at = sk_field_const_ptr(field, value);
    return field->kind == SK_KIND_UINT ? *(const guint *) at : *(const guint64 *) at;
}

static void
set_number(const SkField *field, gpointer value, guint64 number)
{
    gpointer at = sk_field_ptr(field, value);
    if (field->kind == SK_KIND_UINT)
        *(guint *) at = (guint) MIN(number, G_MAXUINT);
    else
        *(guint64 *) at = number;
}

static gboolean
get_io_tune(SkLvCall *call, GError **error)
{
    guint asked = (guint) MAX(0, sk_lv_int(call, "nparams"));
    const char *name = sk_lv_str(call, "disk");
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const SkDomainSpec *spec = domain != NULL ? sk_lv_spec_of(domain, sk_lv_uint(call, "flags"), error) : NULL;
    const SkDisk *disk = spec != NULL && name != NULL ? find_disk(spec, name, error) : NULL;
    if (spec == NULL || (name != NULL && disk == NULL))
        return FALSE;
    guint count = disk != NULL ? MIN(asked, N_LIMITS) : 0;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < count; i++) {
        if (i < G_N_ELEMENTS(limits))
            sk_xdr_put_param_u64(call->out, limits[i], get_number(sk_type_find(&sk_disk_limits_type, limits[i]), &disk->limits));
        else
            sk_xdr_put_param_str(call->out, "group_name", disk->limits.group_name != NULL ? disk->limits.group_name : "");
    }
    sk_xdr_list_end(call->out, place, count);
    sk_xdr_put_i32(call->out, (gint) (asked == 0 ? N_LIMITS : count));
    return TRUE;
}

static gboolean
take_limits(const SkLvCall *call, SkDiskLimits *out, GError **error)
{
    const SkXdrValue *params = sk_lv_value(call, "params");
    for (guint i = 0; i < params->count; i++) {
        const SkXdrParam *param = &params->params[i];
        const SkField *field = sk_type_find(&sk_disk_limits_type, param->field);
        if (g_str_equal(param->field, "group_name") && param->type == SK_XDR_PARAM_STR) {
            g_free(out->group_name);
            out->group_name = *param->text != '\0' ? g_strdup(param->text) : NULL;
        } else if (field == NULL || param->type == SK_XDR_PARAM_STR) {
            return sk_fail(error, SK_ERROR_INVALID, "there is no I/O limit \"%.64s\"", param->field);
        } else {
            set_number(field, out, param->u);
        }
    }
    return TRUE;
}

static gboolean
set_io_tune(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const SkDomain *domain = sk_lv_domain(call, "dom", error);
    const SkDomainSpec *spec = domain != NULL ? sk_lv_spec_of(domain, flags, error) : NULL;
    const SkDisk *disk = spec != NULL ? find_disk(spec, sk_lv_str(call, "disk"), error) : NULL;
    gint scope;
    if (disk == NULL || !sk_lv_scope(domain, flags, &scope, error))
        return FALSE;
    SkDisk *changed = sk_value_copy(&sk_disk_type, disk);
    if (!take_limits(call, &changed->limits, error) || !sk_value_check(&sk_disk_type, changed, NULL, error)) {
        sk_value_free(&sk_disk_type, changed);
        return FALSE;
    }
    SkCall *op = sk_lv_operation(call, SK_OP_DEVICE_UPDATE);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.scope = scope;
    op->dialect = TRUE;
    op->body = sk_device_new(sk_type_find(&sk_domain_spec_type, "disks"), changed);
    return sk_lv_dispatch(call, op, NULL);
}

static const SkLvProcedure rows[] = {
    { 103, "DOMAIN_BLOCK_PEEK", "dom path:str offset:u64 size:u32 flags", "buffer:bytes<4194304>" },
    { 194, "DOMAIN_GET_BLOCK_INFO", "dom path:str flags", "allocation:u64 capacity:u64 physical:u64", SK_OP_DOMAIN_STATS, sk_lv_get_block_info,
      .lacks = "of a domain that is off only volumes of pools" },
    { 237, "DOMAIN_BLOCK_JOB_ABORT", "dom path:str flags", "" },
    { 238, "DOMAIN_GET_BLOCK_JOB_INFO", "dom path:str flags", "found:i32 type:i32 bandwidth:u64 cur:u64 end:u64" },
    { 239, "DOMAIN_BLOCK_JOB_SET_SPEED", "dom path:str bandwidth:u64 flags", "" },
    { 240, "DOMAIN_BLOCK_PULL", "dom path:str bandwidth:u64 flags", "" },
    { 251, "DOMAIN_BLOCK_RESIZE", "dom disk:str size:u64 flags", "", SK_OP_DISK_RESIZE, resize, .lacks = "disks that are no volume of a pool" },
    { 252, "DOMAIN_SET_BLOCK_IO_TUNE", "dom disk:str params:tp<32> flags", "", SK_OP_DEVICE_UPDATE, set_io_tune },
    { 253, "DOMAIN_GET_BLOCK_IO_TUNE", "dom disk:str? nparams:i32 flags", "params:tp<32> nparams:i32", SK_OP_DOMAIN_SHOW, get_io_tune },
    { 263, "DOMAIN_GET_DISK_ERRORS", "dom maxerrors:u32 flags", "errors:{disk:str error:i32}<256> nerrors:i32", SK_OP_DOMAIN_STATS, sk_lv_get_disk_errors,
      .lacks = "errors are told in events only" },
    { 266, "DOMAIN_BLOCK_REBASE", "dom path:str base:str? bandwidth:u64 flags", "" },
    { 290, "DOMAIN_BLOCK_COMMIT", "dom disk:str base:str? top:str? bandwidth:u64 flags", "" },
    { 345, "DOMAIN_BLOCK_COPY", "dom path:str destxml:str params:tp<16> flags", "" },
    { 386, "DOMAIN_SET_BLOCK_THRESHOLD", "dom dev:str threshold:u64 flags", "" },
};
SK_LV_FAMILY(sk_lv_domain_block_family, "Domain: block devices", QEMU, rows);
