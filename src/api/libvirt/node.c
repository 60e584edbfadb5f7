/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: host. */
#include "api/libvirt/domain-define.h"
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 5, "CONNECT_GET_MAX_VCPUS", "type:str?", "max_vcpus:i32" },
    { 6, "NODE_GET_INFO", "", "model:char[32] memory:u64 cpus:i32 mhz:i32 nodes:i32 sockets:i32 cores:i32 threads:i32" },
    { 7, "CONNECT_GET_CAPABILITIES", "", "capabilities:str" },
    { 101, "NODE_GET_CELLS_FREE_MEMORY", "startCell:i32 maxcells:i32", "cells:u64<1024>" },
    { 102, "NODE_GET_FREE_MEMORY", "", "freeMem:u64" },
    { 122, "NODE_GET_SECURITY_MODEL", "", "model:char<257> doi:char<257>" },
    { 135, "CONNECT_DOMAIN_XML_FROM_NATIVE", "nativeFormat:str nativeConfig:str flags", "domainXml:str" },
    { 136, "CONNECT_DOMAIN_XML_TO_NATIVE", "nativeFormat:str domainXml:str flags", "nativeConfig:str",
      SK_OP_DOMAIN_SHOW, sk_lv_domain_to_native },
    { 158, "CONNECT_COMPARE_CPU", "xml:str flags", "result:i32" },
    { 162, "CONNECT_BASELINE_CPU", "xmlCPUs:str<256> flags", "cpu:str" },
    { 203, "CONNECT_GET_SYSINFO", "flags", "sysinfo:str" },
    { 227, "NODE_GET_CPU_STATS", "cpuNum:i32 nparams:i32 flags", "params:{field:str value:u64}<16> nparams:i32" },
    { 228, "NODE_GET_MEMORY_STATS", "nparams:i32 cellNum:i32 flags", "params:{field:str value:u64}<16> nparams:i32" },
    { 250, "NODE_SUSPEND_FOR_DURATION", "target:u32 duration:u64 flags", "" },
    { 288, "NODE_SET_MEMORY_PARAMETERS", "params:tp<64> flags", "" },
    { 289, "NODE_GET_MEMORY_PARAMETERS", "nparams:i32 flags", "params:tp<64> nparams:i32" },
    { 293, "NODE_GET_CPU_MAP", "need_map:i32 need_online:i32 flags", "cpumap:bytes<2048> online:u32 ret:i32" },
    { 312, "CONNECT_GET_CPU_MODEL_NAMES", "arch:str need_results:i32 flags", "models:str<8192> ret:i32" },
    { 340, "NODE_GET_FREE_PAGES", "pages:u32<1024> startCell:i32 cellCount:u32 flags", "counts:u64<1024>" },
    { 342, "CONNECT_GET_DOMAIN_CAPABILITIES", "emulatorbin:str? arch:str? machine:str? virttype:str? flags", "capabilities:str" },
    { 347, "NODE_ALLOC_PAGES", "pageSizes:u32<1024> pageCounts:u64<1024> startCell:i32 cellCount:u32 flags", "ret:i32" },
    { 393, "CONNECT_COMPARE_HYPERVISOR_CPU", "emulator:str? arch:str? machine:str? virttype:str? xmlCPU:str flags", "result:i32" },
    { 394, "CONNECT_BASELINE_HYPERVISOR_CPU", "emulator:str? arch:str? machine:str? virttype:str? xmlCPUs:str<256> flags", "cpu:str" },
    { 395, "NODE_GET_SEV_INFO", "nparams:i32 flags", "params:tp<64> nparams:i32" },
};
SK_LV_FAMILY(sk_lv_node_family, "Host", QEMU, rows);
