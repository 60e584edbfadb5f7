/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: saving, dumping, jobs. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 53, "DOMAIN_CORE_DUMP", "dom to:str flags", "" },
    { 54, "DOMAIN_RESTORE", "from:str", "" },
    { 55, "DOMAIN_SAVE", "dom to:str", "" },
    { 163, "DOMAIN_GET_JOB_INFO", "dom", "type:i32 timeElapsed:u64 timeRemaining:u64 dataTotal:u64 dataProcessed:u64 dataRemaining:u64 memTotal:u64 memProcessed:u64 memRemaining:u64 fileTotal:u64 fileProcessed:u64 fileRemaining:u64" },
    { 164, "DOMAIN_ABORT_JOB", "dom", "" },
    { 182, "DOMAIN_MANAGED_SAVE", "dom flags", "" },
    { 183, "DOMAIN_HAS_MANAGED_SAVE_IMAGE", "dom flags", "result:i32" },
    { 184, "DOMAIN_MANAGED_SAVE_REMOVE", "dom flags", "" },
    { 232, "DOMAIN_SAVE_FLAGS", "dom to:str dxml:str? flags", "" },
    { 233, "DOMAIN_RESTORE_FLAGS", "from:str dxml:str? flags", "" },
    { 235, "DOMAIN_SAVE_IMAGE_GET_XML_DESC", "file:str flags", "xml:str" },
    { 236, "DOMAIN_SAVE_IMAGE_DEFINE_XML", "file:str dxml:str flags", "" },
    { 298, "DOMAIN_GET_JOB_STATS", "dom flags", "type:i32 params:tp<64>" },
    { 334, "DOMAIN_CORE_DUMP_WITH_FORMAT", "dom to:str dumpformat:u32 flags", "" },
    { 388, "DOMAIN_MANAGED_SAVE_GET_XML_DESC", "dom flags", "xml:str" },
    { 389, "DOMAIN_MANAGED_SAVE_DEFINE_XML", "dom dxml:str? flags", "" },
    { 440, "DOMAIN_SAVE_PARAMS", "dom params:tp<64> flags", "" },
    { 441, "DOMAIN_RESTORE_PARAMS", "params:tp<64> flags", "" },
    { 442, "DOMAIN_ABORT_JOB_FLAGS", "dom flags", "" },
};
SK_LV_FAMILY(sk_lv_domain_save_family, "Domain: saving, dumping, jobs", QEMU, rows);
