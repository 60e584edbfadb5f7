/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: figures. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"

/* -- memory ---------------------------------------------------------------------------------------------------------- */

enum { PEEK_VIRTUAL = 1, PEEK_PHYSICAL = 2 };

static gboolean
put_memory(SkLvCall *call, SkCall *op, GError **error)
{
    (void) error;
    sk_xdr_put_bytes(call->out, op->answer->str, op->answer->len);
    return TRUE;
}

static gboolean
peek_memory(SkLvCall *call, GError **error)
{
    guint flags = sk_lv_uint(call, "flags"), size = sk_lv_uint(call, "size");
    const SkDomain *domain = sk_lv_active_domain(call, "dom", error);
    if (domain == NULL || !sk_lv_check_flags(call, PEEK_VIRTUAL | PEEK_PHYSICAL, error))
        return FALSE;
    if (flags == 0 || flags == (PEEK_VIRTUAL | PEEK_PHYSICAL) || size == 0 || size > 4 * 1024 * 1024)
        return sk_fail(error, SK_ERROR_INVALID, "give virtual or physical, and at most 4 MiB");
    SkCall *op = sk_lv_operation(call, SK_OP_DOMAIN_MEMORY);
    op->params.name = g_strdup(domain->spec->uuid);
    op->params.offset = sk_lv_uint64(call, "offset");
    op->params.size = size;
    op->params.virtual = (flags & PEEK_VIRTUAL) != 0;
    return sk_lv_dispatch(call, op, put_memory);
}

static const SkLvProcedure rows[] = {
    { 64, "DOMAIN_BLOCK_STATS", "dom path:str", "rd_req:i64 rd_bytes:i64 wr_req:i64 wr_bytes:i64 errs:i64" },
    { 65, "DOMAIN_INTERFACE_STATS", "dom device:str", "rx_bytes:i64 rx_packets:i64 rx_errs:i64 rx_drop:i64 tx_bytes:i64 tx_packets:i64 tx_errs:i64 tx_drop:i64" },
    { 104, "DOMAIN_MEMORY_PEEK", "dom offset:u64 size:u32 flags", "buffer:bytes<4194304>", SK_OP_DOMAIN_MEMORY, peek_memory },
    { 159, "DOMAIN_MEMORY_STATS", "dom maxStats:u32 flags", "stats:{tag:i32 val:u64}<1024>" },
    { 243, "DOMAIN_BLOCK_STATS_FLAGS", "dom path:str nparams:i32 flags", "params:tp<16> nparams:i32" },
    { 262, "DOMAIN_GET_CPU_STATS", "dom nparams:u32 start_cpu:i32 ncpus:u32 flags", "params:tp<2048> nparams:i32" },
    { 344, "CONNECT_GET_ALL_DOMAIN_STATS", "doms:dom<16384> stats:u32 flags", "retStats:{dom params:tp<262144>}<16384>" },
    { 427, "DOMAIN_START_DIRTY_RATE_CALC", "dom seconds:i32 flags", "" },
};
SK_LV_FAMILY(sk_lv_domain_stats_family, "Domain: figures", QEMU, rows);
