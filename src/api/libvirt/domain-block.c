/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: block devices. */
#include "api/libvirt/domain-define.h"
#include "api/libvirt/domain-figures.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "codec/xml/xml.h"
#include "service/block-job.h"

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

/* -- block jobs ------------------------------------------------------------------------------------------------------------ */

enum { ABORT_ASYNC = 1, ABORT_PIVOT = 2 };
enum { INFO_BYTES = 1, SPEED_BYTES = 1 };
enum { PULL_BYTES = 0x40 };
enum { REBASE_SHALLOW = 1, REBASE_REUSE = 2, REBASE_COPY_RAW = 4, REBASE_COPY = 8, REBASE_RELATIVE = 16, REBASE_COPY_DEV = 32, REBASE_BYTES = 64 };
enum { COMMIT_SHALLOW = 1, COMMIT_DELETE = 2, COMMIT_ACTIVE = 4, COMMIT_RELATIVE = 8, COMMIT_BYTES = 16 };
enum { COPY_SHALLOW = 1, COPY_REUSE = 2, COPY_TRANSIENT_JOB = 4 };

#define MIB (G_GUINT64_CONSTANT(1) << 20)

/* The domain and disk of a call about a job; NULL with an error if it is not to be had. */
static const SkDisk *
job_disk(SkLvCall *call, const char *argument, const SkDomain **out_domain, GError **error)
{
    const SkDomain *domain = *out_domain = sk_lv_domain(call, "dom", error);
    const SkDomainSpec *spec = domain != NULL ? sk_lv_spec_of(domain, 0, error) : NULL;
    return spec != NULL ? find_disk(spec, sk_lv_str(call, argument), error) : NULL;
}

/* MiB a second, unless a flag says bytes. */
static gboolean
take_speed(const SkLvCall *call, guint in_bytes, guint64 *out, GError **error)
{
    guint64 speed = sk_lv_uint64(call, "bandwidth"), unit = (sk_lv_uint(call, "flags") & in_bytes) != 0 ? 1 : MIB;
    *out = speed * unit;
    return speed <= (guint64) G_MAXINT64 / unit ||
           sk_fail(error, SK_ERROR_INVALID, "bandwidth must be less than %" G_GUINT64_FORMAT, (guint64) G_MAXINT64 / unit);
}

/* A call of an operation on a disk's block job; body is taken. */
static SkCall *
disk_call(SkLvCall *call, SkOperationId id, const SkDomain *domain, const SkDisk *disk, gpointer body)
{
    SkCall *op = sk_lv_operation(call, id);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.target = g_strdup(disk->target);
    op->body = body;
    /* Whoever asks is told that it has begun, and follows it by itself. */
    op->begun = TRUE;
    return op;
}

static gboolean
dispatch_checked(SkLvCall *call, SkCall *op, GError **error)
{
    if (sk_value_check(op->op->body, op->body, NULL, error))
        return sk_lv_dispatch(call, op, NULL);
    sk_call_free(op);
    return FALSE;
}

static gboolean
run_pull(SkLvCall *call, const SkDomain *domain, const SkDisk *disk, const char *base, guint64 speed, gboolean relative, GError **error)
{
    SkDiskPull *body = sk_value_new(&sk_disk_pull_type);
    body->base = g_strdup(base);
    body->speed = speed;
    body->relative = relative;
    return dispatch_checked(call, disk_call(call, SK_OP_DISK_PULL, domain, disk, body), error);
}

static gboolean
pull(SkLvCall *call, GError **error)
{
    const SkDomain *domain;
    const SkDisk *disk = job_disk(call, "path", &domain, error);
    guint64 speed;
    return disk != NULL && sk_lv_check_flags(call, PULL_BYTES, error) && take_speed(call, PULL_BYTES, &speed, error) &&
           run_pull(call, domain, disk, NULL, speed, FALSE, error);
}

/* The old form of a copy: base is where to. */
static gboolean
rebase_copy(SkLvCall *call, const SkDomain *domain, const SkDisk *disk, guint64 speed, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const char *base = sk_lv_str(call, "base");
    if (base == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "a copy of disk \"%s\" needs a place to go to", disk->target);
    SkDiskCopy *body = sk_value_new(&sk_disk_copy_type);
    body->path = g_strdup(base);
    body->shallow = (flags & REBASE_SHALLOW) != 0;
    body->reuse = (flags & REBASE_REUSE) != 0;
    body->same_format = (flags & REBASE_COPY_RAW) == 0;
    body->format = SK_FORMAT_RAW;
    body->speed = speed;
    return dispatch_checked(call, disk_call(call, SK_OP_DISK_COPY, domain, disk, body), error);
}

static gboolean
rebase(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const SkDomain *domain;
    const SkDisk *disk = job_disk(call, "path", &domain, error);
    guint64 speed;
    if (disk == NULL || !sk_lv_check_flags(call, 127, error) || !take_speed(call, REBASE_BYTES, &speed, error))
        return FALSE;
    if ((flags & REBASE_COPY) != 0)
        return rebase_copy(call, domain, disk, speed, error);
    if ((flags & (REBASE_SHALLOW | REBASE_REUSE | REBASE_COPY_RAW | REBASE_COPY_DEV)) != 0)
        return sk_fail(error, SK_ERROR_INVALID, "these flags are for a copy, which is not asked for");
    return run_pull(call, domain, disk, sk_lv_str(call, "base"), speed, (flags & REBASE_RELATIVE) != 0, error);
}

static gboolean
commit(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const SkDomain *domain;
    const SkDisk *disk = job_disk(call, "disk", &domain, error);
    guint64 speed;
    if (disk == NULL || !sk_lv_check_flags(call, 31, error) || !take_speed(call, COMMIT_BYTES, &speed, error))
        return FALSE;
    SkDiskCommit *body = sk_value_new(&sk_disk_commit_type);
    body->base = g_strdup(sk_lv_str(call, "base"));
    body->top = g_strdup(sk_lv_str(call, "top"));
    body->shallow = (flags & COMMIT_SHALLOW) != 0;
    body->remove = (flags & COMMIT_DELETE) != 0;
    body->inner = (flags & COMMIT_ACTIVE) == 0;
    body->relative = (flags & COMMIT_RELATIVE) != 0;
    body->speed = speed;
    return dispatch_checked(call, disk_call(call, SK_OP_DISK_COMMIT, domain, disk, body), error);
}

/* Numbers that steer QEMU's copying have no effect here. */
static gboolean
take_copy_params(const SkLvCall *call, SkDiskCopy *body, GError **error)
{
    const SkXdrValue *params = sk_lv_value(call, "params");
    for (guint i = 0; i < params->count; i++) {
        const SkXdrParam *param = &params->params[i];
        if (g_str_equal(param->field, "bandwidth") && param->type != SK_XDR_PARAM_STR)
            body->speed = MIN(param->u, (guint64) G_MAXINT64);
        else if (!g_str_equal(param->field, "granularity") && !g_str_equal(param->field, "buf-size"))
            return sk_fail(error, SK_ERROR_INVALID, "a block copy has no parameter \"%.64s\"", param->field);
    }
    return TRUE;
}

static gboolean
take_destination(const SkLvCall *call, SkDiskCopy *body, GError **error)
{
    gboolean format;
    SkDisk *to = sk_xml_copy_target_parse(sk_lv_str(call, "destxml"), -1, &format, error);
    if (to == NULL)
        return FALSE;
    body->pool = g_strdup(to->pool);
    body->volume = g_strdup(to->volume);
    body->path = g_strdup(to->path);
    body->same_format = !format;
    body->format = to->format;
    sk_value_free(&sk_disk_type, to);
    return TRUE;
}

static gboolean
copy(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const SkDomain *domain;
    const SkDisk *disk = job_disk(call, "path", &domain, error);
    if (disk == NULL || !sk_lv_check_flags(call, COPY_SHALLOW | COPY_REUSE | COPY_TRANSIENT_JOB, error))
        return FALSE;
    SkDiskCopy *body = sk_value_new(&sk_disk_copy_type);
    body->shallow = (flags & COPY_SHALLOW) != 0;
    body->reuse = (flags & COPY_REUSE) != 0;
    SkCall *op = disk_call(call, SK_OP_DISK_COPY, domain, disk, body);
    if (take_destination(call, body, error) && take_copy_params(call, body, error))
        return dispatch_checked(call, op, error);
    sk_call_free(op);
    return FALSE;
}

static gboolean
job_abort(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags");
    const SkDomain *domain;
    const SkDisk *disk = job_disk(call, "path", &domain, error);
    if (disk == NULL || !sk_lv_check_flags(call, ABORT_ASYNC | ABORT_PIVOT, error))
        return FALSE;
    SkDiskJobEnd *body = sk_value_new(&sk_disk_job_end_type);
    body->pivot = (flags & ABORT_PIVOT) != 0;
    body->no_wait = (flags & ABORT_ASYNC) != 0;
    return dispatch_checked(call, disk_call(call, SK_OP_DISK_JOB_END, domain, disk, body), error);
}

static gboolean
set_speed(SkLvCall *call, GError **error)
{
    const SkDomain *domain;
    const SkDisk *disk = job_disk(call, "path", &domain, error);
    guint64 speed;
    if (disk == NULL || !sk_lv_check_flags(call, SPEED_BYTES, error) || !take_speed(call, SPEED_BYTES, &speed, error))
        return FALSE;
    SkDiskJobChange *body = sk_value_new(&sk_disk_job_change_type);
    body->speed = speed;
    return dispatch_checked(call, disk_call(call, SK_OP_DISK_JOB_CHANGE, domain, disk, body), error);
}

static void
put_info(SkLvCall *call, const SkBlockJobInfo *info)
{
    static const gint types[SK_N_BLOCK_KINDS] = { 1, 2, 3, 4, 5 };
    guint64 unit = (sk_lv_uint(call, "flags") & INFO_BYTES) != 0 ? 1 : MIB;
    /* What is not ready is not done, even where there is nothing to do: clients take "all of it" for ready. */
    gboolean early = info != NULL && info->state == SK_BLOCK_RUNNING && info->done >= info->total;
    sk_xdr_put_i32(call->out, info != NULL);
    sk_xdr_put_i32(call->out, info != NULL ? types[info->kind] : 0);
    sk_xdr_put_u64(call->out, info != NULL ? info->speed / unit : 0);
    sk_xdr_put_u64(call->out, info == NULL ? 0 : early ? 0 : info->done);
    sk_xdr_put_u64(call->out, info == NULL ? 0 : early ? MAX(info->total, 1) : info->total);
}

static gboolean
info_done(SkLvCall *call, SkCall *op, GError **error)
{
    SkBlockJobInfo *info = sk_json_decode_text(&sk_block_job_info_type, op->answer->str, op->answer->len, "block job", error);
    if (info == NULL)
        return FALSE;
    put_info(call, info);
    sk_value_free(&sk_block_job_info_type, info);
    return TRUE;
}

static gboolean
get_info(SkLvCall *call, GError **error)
{
    const SkDomain *domain;
    const SkDisk *disk = job_disk(call, "path", &domain, error);
    if (disk == NULL || !sk_lv_check_flags(call, INFO_BYTES, error))
        return FALSE;
    if (sk_domain_block_job(domain, disk->target) == NULL) {
        put_info(call, NULL);
        return TRUE;
    }
    return sk_lv_dispatch(call, disk_call(call, SK_OP_DISK_JOB, domain, disk, NULL), info_done);
}

/* -- content, threshold ------------------------------------------------------------------------------------------------------ */

static gboolean
peek_done(SkLvCall *call, SkCall *op, GError **error)
{
    (void) error;
    sk_xdr_put_bytes(call->out, op->answer->str, op->answer->len);
    return TRUE;
}

static gboolean
peek(SkLvCall *call, GError **error)
{
    const SkDomain *domain;
    const SkDisk *disk = job_disk(call, "path", &domain, error);
    guint size = sk_lv_uint(call, "size");
    if (disk == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (size == 0 || size > 4 * MIB)
        return sk_fail(error, SK_ERROR_INVALID, "at most 4 MiB, and at least one byte, can be read at once, not %u bytes", size);
    SkCall *op = disk_call(call, SK_OP_DISK_CONTENT, domain, disk, NULL);
    op->params.offset = sk_lv_uint64(call, "offset");
    op->params.size = size;
    return sk_lv_dispatch(call, op, peek_done);
}

static gboolean
set_threshold(SkLvCall *call, GError **error)
{
    const SkDomain *domain;
    const SkDisk *disk = job_disk(call, "dev", &domain, error);
    if (disk == NULL || !sk_lv_check_flags(call, 0, error))
        return FALSE;
    SkDiskThreshold *body = sk_value_new(&sk_disk_threshold_type);
    body->bytes = sk_lv_uint64(call, "threshold");
    return dispatch_checked(call, disk_call(call, SK_OP_DISK_THRESHOLD, domain, disk, body), error);
}

static const SkLvProcedure rows[] = {
    { 103, "DOMAIN_BLOCK_PEEK", "dom path:str offset:u64 size:u32 flags", "buffer:bytes<4194304>", SK_OP_DISK_CONTENT, peek },
    { 194, "DOMAIN_GET_BLOCK_INFO", "dom path:str flags", "allocation:u64 capacity:u64 physical:u64", SK_OP_DOMAIN_STATS, sk_lv_get_block_info,
      .lacks = "of a domain that is off only volumes of pools" },
    { 237, "DOMAIN_BLOCK_JOB_ABORT", "dom path:str flags", "", SK_OP_DISK_JOB_END, job_abort },
    { 238, "DOMAIN_GET_BLOCK_JOB_INFO", "dom path:str flags", "found:i32 type:i32 bandwidth:u64 cur:u64 end:u64", SK_OP_DISK_JOB, get_info },
    { 239, "DOMAIN_BLOCK_JOB_SET_SPEED", "dom path:str bandwidth:u64 flags", "", SK_OP_DISK_JOB_CHANGE, set_speed },
    { 240, "DOMAIN_BLOCK_PULL", "dom path:str bandwidth:u64 flags", "", SK_OP_DISK_PULL, pull },
    { 251, "DOMAIN_BLOCK_RESIZE", "dom disk:str size:u64 flags", "", SK_OP_DISK_RESIZE, resize },
    { 252, "DOMAIN_SET_BLOCK_IO_TUNE", "dom disk:str params:tp<32> flags", "", SK_OP_DEVICE_UPDATE, set_io_tune },
    { 253, "DOMAIN_GET_BLOCK_IO_TUNE", "dom disk:str? nparams:i32 flags", "params:tp<32> nparams:i32", SK_OP_DOMAIN_SHOW, get_io_tune },
    { 263, "DOMAIN_GET_DISK_ERRORS", "dom maxerrors:u32 flags", "errors:{disk:str error:i32}<256> nerrors:i32", SK_OP_DOMAIN_STATS, sk_lv_get_disk_errors },
    { 266, "DOMAIN_BLOCK_REBASE", "dom path:str base:str? bandwidth:u64 flags", "", SK_OP_DISK_PULL, rebase },
    { 290, "DOMAIN_BLOCK_COMMIT", "dom disk:str base:str? top:str? bandwidth:u64 flags", "", SK_OP_DISK_COMMIT, commit },
    { 345, "DOMAIN_BLOCK_COPY", "dom path:str destxml:str params:tp<16> flags", "", SK_OP_DISK_COPY, copy },
    { 386, "DOMAIN_SET_BLOCK_THRESHOLD", "dom dev:str threshold:u64 flags", "", SK_OP_DISK_THRESHOLD, set_threshold },
};
SK_LV_FAMILY(sk_lv_domain_block_family, "Domain: block devices", QEMU, rows);
