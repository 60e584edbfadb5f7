/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: block devices. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 103, "DOMAIN_BLOCK_PEEK", "dom path:str offset:u64 size:u32 flags", "buffer:bytes<4194304>" },
    { 194, "DOMAIN_GET_BLOCK_INFO", "dom path:str flags", "allocation:u64 capacity:u64 physical:u64" },
    { 237, "DOMAIN_BLOCK_JOB_ABORT", "dom path:str flags", "" },
    { 238, "DOMAIN_GET_BLOCK_JOB_INFO", "dom path:str flags", "found:i32 type:i32 bandwidth:u64 cur:u64 end:u64" },
    { 239, "DOMAIN_BLOCK_JOB_SET_SPEED", "dom path:str bandwidth:u64 flags", "" },
    { 240, "DOMAIN_BLOCK_PULL", "dom path:str bandwidth:u64 flags", "" },
    { 251, "DOMAIN_BLOCK_RESIZE", "dom disk:str size:u64 flags", "" },
    { 252, "DOMAIN_SET_BLOCK_IO_TUNE", "dom disk:str params:tp<32> flags", "" },
    { 253, "DOMAIN_GET_BLOCK_IO_TUNE", "dom disk:str? nparams:i32 flags", "params:tp<32> nparams:i32" },
    { 263, "DOMAIN_GET_DISK_ERRORS", "dom maxerrors:u32 flags", "errors:{disk:str error:i32}<256> nerrors:i32" },
    { 266, "DOMAIN_BLOCK_REBASE", "dom path:str base:str? bandwidth:u64 flags", "" },
    { 290, "DOMAIN_BLOCK_COMMIT", "dom disk:str base:str? top:str? bandwidth:u64 flags", "" },
    { 345, "DOMAIN_BLOCK_COPY", "dom path:str destxml:str params:tp<16> flags", "" },
    { 386, "DOMAIN_SET_BLOCK_THRESHOLD", "dom dev:str threshold:u64 flags", "" },
};
SK_LV_FAMILY(sk_lv_domain_block_family, "Domain: block devices", QEMU, rows);
