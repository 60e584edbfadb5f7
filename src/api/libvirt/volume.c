/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: storage volumes. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 92, "STORAGE_POOL_LIST_VOLUMES", "pool maxnames:i32", "names:str<16384>" },
    { 93, "STORAGE_VOL_CREATE_XML", "pool xml:str flags", "vol" },
    { 94, "STORAGE_VOL_DELETE", "vol flags", "" },
    { 95, "STORAGE_VOL_LOOKUP_BY_NAME", "pool name:str", "vol" },
    { 96, "STORAGE_VOL_LOOKUP_BY_KEY", "key:str", "vol" },
    { 97, "STORAGE_VOL_LOOKUP_BY_PATH", "path:str", "vol" },
    { 98, "STORAGE_VOL_GET_INFO", "vol", "type:char capacity:u64 allocation:u64" },
    { 99, "STORAGE_VOL_GET_XML_DESC", "vol flags", "xml:str" },
    { 100, "STORAGE_VOL_GET_PATH", "vol", "name:str" },
    { 125, "STORAGE_VOL_CREATE_XML_FROM", "pool xml:str clonevol:vol flags", "vol" },
    { 165, "STORAGE_VOL_WIPE", "vol flags", "" },
    { 208, "STORAGE_VOL_UPLOAD", "vol offset:u64 length:u64 flags", "", .flags = SK_LV_UP },
    { 209, "STORAGE_VOL_DOWNLOAD", "vol offset:u64 length:u64 flags", "", .flags = SK_LV_DOWN },
    { 259, "STORAGE_VOL_WIPE_PATTERN", "vol algorithm:u32 flags", "" },
    { 260, "STORAGE_VOL_RESIZE", "vol capacity:u64 flags", "" },
    { 282, "STORAGE_POOL_LIST_ALL_VOLUMES", "pool need_results:i32 flags", "vols:vol<16384> ret:u32" },
    { 378, "STORAGE_VOL_GET_INFO_FLAGS", "vol flags", "type:char capacity:u64 allocation:u64" },
};
SK_LV_FAMILY(sk_lv_volume_family, "Storage volumes", STORAGE, rows);
