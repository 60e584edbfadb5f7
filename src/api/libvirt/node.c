/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: host: figures of it. What it can do is in node-capabilities.c. */
#include <string.h>
#include <unistd.h>

#include "api/libvirt/domain-define.h"
#include "api/libvirt/families.h"
#include "api/libvirt/node-capabilities.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "codec/xml/xml.h"
#include "host/smbios.h"
#include "host/topology.h"

static void
free_node(gpointer node)
{
    sk_value_free(&sk_host_node_type, node);
}

/* NUMA nodes as they are now, freed with the list. */
static GPtrArray *
nodes_now(void)
{
    GPtrArray *nodes = sk_host_nodes(NULL);
    g_ptr_array_set_free_func(nodes, free_node);
    return nodes;
}

/* -- the machine -------------------------------------------------------------------------------------------------------- */

static gboolean
get_info(SkLvCall *call, GError **error)
{
    const SkNode *node = &call->service->node;
    g_autoptr(GPtrArray) nodes = nodes_now();
    (void) error;
    sk_xdr_put_fixed_chars(call->out, node->arch, 32);
    sk_xdr_put_u64(call->out, node->memory_total / 1024);
    sk_xdr_put_i32(call->out, (gint) node->cpus);
    sk_xdr_put_i32(call->out, (gint) sk_host_mhz(NULL));
    /* Sockets are counted by node: together they must give the CPUs, else clients take one socket of all. */
    guint sockets = MAX(node->sockets / nodes->len, 1);
    gboolean fits = nodes->len * sockets * node->cores * node->threads == node->cpus;
    sk_xdr_put_i32(call->out, fits ? (gint) nodes->len : 1);
    sk_xdr_put_i32(call->out, fits ? (gint) sockets : 1);
    sk_xdr_put_i32(call->out, fits ? (gint) node->cores : (gint) node->cpus);
    sk_xdr_put_i32(call->out, fits ? (gint) node->threads : 1);
    return TRUE;
}

static gboolean
get_max_vcpus(SkLvCall *call, GError **error)
{
    (void) error;
    sk_xdr_put_i32(call->out, 512);
    return TRUE;
}

static gboolean
get_security_model(SkLvCall *call, GError **error)
{
    (void) error;
    /* "" is "there is none"; after any other name clients ask for labels. */
    sk_xdr_put_chars(call->out, "");
    sk_xdr_put_chars(call->out, "");
    return TRUE;
}

static gboolean
get_sysinfo(SkLvCall *call, GError **error)
{
    g_autoptr(GPtrArray) entries = sk_lv_check_flags(call, 0, error) ? sk_host_smbios(NULL, error) : NULL;
    if (entries == NULL)
        return FALSE;
    g_autofree char *xml = sk_xml_sysinfo_format(entries);
    sk_xdr_put_str(call->out, xml);
    return TRUE;
}

/* -- CPUs ------------------------------------------------------------------------------------------------------------------- */

static gboolean
get_cpu_map(SkLvCall *call, GError **error)
{
    guint possible, online;
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    g_autofree guint8 *map = sk_host_cpu_map(NULL, &possible, &online);
    sk_xdr_put_bytes(call->out, map, sk_lv_int(call, "need_map") != 0 ? (possible + 7) / 8 : 0);
    sk_xdr_put_u32(call->out, sk_lv_int(call, "need_online") != 0 ? online : 0);
    sk_xdr_put_i32(call->out, (gint) possible);
    return TRUE;
}

/* The idiom of figures: their number first, or as many as asked for. */
static void
put_figures(SkLvCall *call, const char *const *names, const guint64 *values, guint n)
{
    gint wanted = sk_lv_int(call, "nparams");
    guint count = MIN((guint) MAX(wanted, 0), n);
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < count; i++) {
        sk_xdr_put_str(call->out, names[i]);
        sk_xdr_put_u64(call->out, values[i]);
    }
    sk_xdr_list_end(call->out, place, count);
    sk_xdr_put_i32(call->out, (gint) (wanted <= 0 ? n : count));
}

static gboolean
get_cpu_stats(SkLvCall *call, GError **error)
{
    static const char *const names[] = { "kernel", "user", "idle", "iowait", "intr" };
    gint cpu = sk_lv_int(call, "cpuNum");
    SkHostCpuTimes times;
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (cpu < -1 || !sk_host_cpu_times(NULL, cpu, &times))
        return sk_fail(error, SK_ERROR_INVALID, "Invalid cpuNum in %s: there is no CPU %d", call->procedure->name, cpu);
    const guint64 values[] = { times.kernel, times.user, times.idle, times.iowait, times.interrupts };
    put_figures(call, names, values, G_N_ELEMENTS(values));
    return TRUE;
}

/* -- memory ------------------------------------------------------------------------------------------------------------------- */

static gboolean
get_memory_stats(SkLvCall *call, GError **error)
{
    static const char *const names[] = { "total", "free", "buffers", "cached" };
    gint cell = sk_lv_int(call, "cellNum");
    SkHostMemory memory;
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (cell < -1 || !sk_host_memory(NULL, cell, &memory))
        return sk_fail(error, SK_ERROR_INVALID, "there is no NUMA node %d", cell);
    const guint64 values[] = { memory.total / 1024, memory.free / 1024, memory.buffers / 1024, memory.cached / 1024 };
    /* A node has no buffers of its own. */
    const char *const of_node[] = { "total", "free" };
    put_figures(call, cell < 0 ? names : of_node, values, cell < 0 ? 4 : 2);
    return TRUE;
}

static gboolean
get_free_memory(SkLvCall *call, GError **error)
{
    SkHostMemory memory;
    if (!sk_host_memory(NULL, -1, &memory))
        return sk_fail(error, SK_ERROR_HOST, "the kernel does not tell of its memory");
    sk_xdr_put_u64(call->out, memory.free);
    return TRUE;
}

static gboolean
get_cells_free_memory(SkLvCall *call, GError **error)
{
    g_autoptr(GPtrArray) nodes = nodes_now();
    gint start = sk_lv_int(call, "startCell"), max = sk_lv_int(call, "maxcells");
    if (start < 0 || (guint) start >= nodes->len || max <= 0)
        return sk_fail(error, SK_ERROR_INVALID, "there is no NUMA node %d: the host has %u", start, nodes->len);
    guint count = MIN((guint) max, nodes->len - (guint) start);
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < count; i++)
        sk_xdr_put_u64(call->out, ((const SkHostNode *) nodes->pdata[(guint) start + i])->memory_free);
    sk_xdr_list_end(call->out, place, count);
    return TRUE;
}

static gboolean
get_free_pages(SkLvCall *call, GError **error)
{
    const SkXdrValue *pages = sk_lv_value(call, "pages");
    g_autoptr(GPtrArray) nodes = nodes_now();
    gint start = sk_lv_int(call, "startCell");
    guint cells = sk_lv_uint(call, "cellCount");
    if (!sk_lv_check_flags(call, 0, error))
        return FALSE;
    if (start < -1 || cells == 0 || start + (gint64) cells > nodes->len)
        return sk_fail(error, SK_ERROR_INVALID, "there are no NUMA nodes %d to %" G_GINT64_FORMAT ": the host has %u", start, start + (gint64) cells - 1, nodes->len);
    if ((guint64) cells * pages->count > 1024)
        return sk_fail(error, SK_ERROR_TOO_LARGE, "more than 1024 counts were asked for");
    gsize place = sk_xdr_list_begin(call->out);
    for (guint cell = 0; cell < cells; cell++) {
        for (guint i = 0; i < pages->count; i++) {
            guint64 free;
            if (!sk_host_free_pages(NULL, start < 0 ? -1 : start + (gint) cell, (guint) pages->items[i].u, &free))
                return sk_fail(error, SK_ERROR_INVALID, "the host has no pages of %u KiB", (guint) pages->items[i].u);
            sk_xdr_put_u64(call->out, free);
        }
    }
    sk_xdr_list_end(call->out, place, cells * pages->count);
    return TRUE;
}

static gboolean
put_allocated(SkLvCall *call, SkCall *op, GError **error)
{
    (void) op, (void) error;
    sk_xdr_put_i32(call->out, 1);
    return TRUE;
}

static gboolean
alloc_pages(SkLvCall *call, GError **error)
{
    const SkXdrValue *sizes = sk_lv_value(call, "pageSizes"), *counts = sk_lv_value(call, "pageCounts");
    if (!sk_lv_check_flags(call, 1, error))
        return FALSE;
    if (sizes->count != 1 || counts->count != 1 || sk_lv_uint(call, "cellCount") > 1)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "pages of one size on one node can be set aside at a time");
    SkPageRequest *request = sk_value_new(&sk_page_request_type);
    *request = (SkPageRequest){ .node = sk_lv_int(call, "startCell"), .size = (guint) sizes->items[0].u, .count = counts->items[0].u,
                                .add = (sk_lv_uint(call, "flags") & 1) == 0 };
    SkCall *op = sk_lv_operation(call, SK_OP_NODE_PAGES);
    op->body = request;
    return sk_lv_dispatch(call, op, put_allocated);
}

static gboolean
get_memory_parameters(SkLvCall *call, GError **error)
{
    gint wanted = sk_lv_int(call, "nparams");
    guint count = 0;
    guint64 value;
    if (!sk_lv_check_flags(call, 4, error))
        return FALSE;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < sk_n_ksm_parameters; i++) {
        const SkKsmParameter *parameter = &sk_ksm_parameters[i];
        if (!sk_host_ksm_get(NULL, parameter, &value) || (wanted > 0 && count == (guint) wanted))
            continue;
        if (wanted > 0 && parameter->wide)
            sk_xdr_put_param_u64(call->out, parameter->name, value);
        else if (wanted > 0)
            sk_xdr_put_param_u32(call->out, parameter->name, (guint32) value);
        count++;
    }
    sk_xdr_list_end(call->out, place, wanted > 0 ? count : 0);
    sk_xdr_put_i32(call->out, (gint) count);
    return TRUE;
}

static const SkLvProcedure rows[] = {
    { 5, "CONNECT_GET_MAX_VCPUS", "type:str?", "max_vcpus:i32", SK_OP_NODE_SHOW, get_max_vcpus },
    { 6, "NODE_GET_INFO", "", "model:char[32] memory:u64 cpus:i32 mhz:i32 nodes:i32 sockets:i32 cores:i32 threads:i32", SK_OP_NODE_SHOW, get_info },
    { 7, "CONNECT_GET_CAPABILITIES", "", "capabilities:str", SK_OP_NODE_CAPABILITIES, sk_lv_get_capabilities },
    { 101, "NODE_GET_CELLS_FREE_MEMORY", "startCell:i32 maxcells:i32", "cells:u64<1024>", SK_OP_NODE_SHOW, get_cells_free_memory },
    { 102, "NODE_GET_FREE_MEMORY", "", "freeMem:u64", SK_OP_NODE_SHOW, get_free_memory },
    { 122, "NODE_GET_SECURITY_MODEL", "", "model:char<257> doi:char<257>", SK_OP_NODE_SHOW, get_security_model },
    { 135, "CONNECT_DOMAIN_XML_FROM_NATIVE", "nativeFormat:str nativeConfig:str flags", "domainXml:str", SK_OP_NODE_SHOW, sk_lv_xml_from_native,
      .lacks = "refused with the reason, as in libvirt itself" },
    { 136, "CONNECT_DOMAIN_XML_TO_NATIVE", "nativeFormat:str domainXml:str flags", "nativeConfig:str", SK_OP_DOMAIN_SHOW, sk_lv_domain_to_native },
    { 158, "CONNECT_COMPARE_CPU", "xml:str flags", "result:i32", SK_OP_NODE_CAPABILITIES, sk_lv_compare_cpu },
    { 162, "CONNECT_BASELINE_CPU", "xmlCPUs:str<256> flags", "cpu:str", SK_OP_NODE_CAPABILITIES, sk_lv_baseline_cpu,
      .lacks = "of different models the one is taken that is least" },
    { 203, "CONNECT_GET_SYSINFO", "flags", "sysinfo:str", SK_OP_NODE_SHOW, get_sysinfo },
    { 227, "NODE_GET_CPU_STATS", "cpuNum:i32 nparams:i32 flags", "params:{field:str value:u64}<16> nparams:i32", SK_OP_NODE_SHOW, get_cpu_stats },
    { 228, "NODE_GET_MEMORY_STATS", "nparams:i32 cellNum:i32 flags", "params:{field:str value:u64}<16> nparams:i32", SK_OP_NODE_SHOW, get_memory_stats },
    { 250, "NODE_SUSPEND_FOR_DURATION", "target:u32 duration:u64 flags", "" },
    { 288, "NODE_SET_MEMORY_PARAMETERS", "params:tp<64> flags", "", .lacks = "how the host shares equal pages is its administrator's to set, in /sys/kernel/mm/ksm" },
    { 289, "NODE_GET_MEMORY_PARAMETERS", "nparams:i32 flags", "params:tp<64> nparams:i32", SK_OP_NODE_SHOW, get_memory_parameters },
    { 293, "NODE_GET_CPU_MAP", "need_map:i32 need_online:i32 flags", "cpumap:bytes<2048> online:u32 ret:i32", SK_OP_NODE_SHOW, get_cpu_map },
    { 312, "CONNECT_GET_CPU_MODEL_NAMES", "arch:str need_results:i32 flags", "models:str<8192> ret:i32", SK_OP_NODE_CAPABILITIES, sk_lv_get_cpu_model_names },
    { 340, "NODE_GET_FREE_PAGES", "pages:u32<1024> startCell:i32 cellCount:u32 flags", "counts:u64<1024>", SK_OP_NODE_SHOW, get_free_pages },
    { 342, "CONNECT_GET_DOMAIN_CAPABILITIES", "emulatorbin:str? arch:str? machine:str? virttype:str? flags", "capabilities:str", SK_OP_NODE_CAPABILITIES,
      sk_lv_get_domain_capabilities },
    { 347, "NODE_ALLOC_PAGES", "pageSizes:u32<1024> pageCounts:u64<1024> startCell:i32 cellCount:u32 flags", "ret:i32", SK_OP_NODE_PAGES, alloc_pages,
      .lacks = "several sizes or nodes at a time" },
    { 393, "CONNECT_COMPARE_HYPERVISOR_CPU", "emulator:str? arch:str? machine:str? virttype:str? xmlCPU:str flags", "result:i32", SK_OP_NODE_CAPABILITIES,
      sk_lv_compare_cpu },
    { 394, "CONNECT_BASELINE_HYPERVISOR_CPU", "emulator:str? arch:str? machine:str? virttype:str? xmlCPUs:str<256> flags", "cpu:str", SK_OP_NODE_CAPABILITIES,
      sk_lv_baseline_cpu, .lacks = "of different models the one is taken that is least" },
    { 395, "NODE_GET_SEV_INFO", "nparams:i32 flags", "params:tp<64> nparams:i32" },
};
SK_LV_FAMILY(sk_lv_node_family, "Host", QEMU, rows);
