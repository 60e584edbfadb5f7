/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: storage pools. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 71, "CONNECT_NUM_OF_STORAGE_POOLS", "", "num:i32" },
    { 72, "CONNECT_LIST_STORAGE_POOLS", "maxnames:i32", "names:str<16384>" },
    { 73, "CONNECT_NUM_OF_DEFINED_STORAGE_POOLS", "", "num:i32" },
    { 74, "CONNECT_LIST_DEFINED_STORAGE_POOLS", "maxnames:i32", "names:str<16384>" },
    { 75, "CONNECT_FIND_STORAGE_POOL_SOURCES", "type:str srcSpec:str? flags", "xml:str" },
    { 76, "STORAGE_POOL_CREATE_XML", "xml:str flags", "pool" },
    { 77, "STORAGE_POOL_DEFINE_XML", "xml:str flags", "pool" },
    { 78, "STORAGE_POOL_CREATE", "pool flags", "" },
    { 79, "STORAGE_POOL_BUILD", "pool flags", "" },
    { 80, "STORAGE_POOL_DESTROY", "pool", "" },
    { 81, "STORAGE_POOL_DELETE", "pool flags", "" },
    { 82, "STORAGE_POOL_UNDEFINE", "pool", "" },
    { 83, "STORAGE_POOL_REFRESH", "pool flags", "" },
    { 84, "STORAGE_POOL_LOOKUP_BY_NAME", "name:str", "pool" },
    { 85, "STORAGE_POOL_LOOKUP_BY_UUID", "uuid", "pool" },
    { 86, "STORAGE_POOL_LOOKUP_BY_VOLUME", "vol", "pool" },
    { 87, "STORAGE_POOL_GET_INFO", "pool", "state:u8 capacity:u64 allocation:u64 available:u64" },
    { 88, "STORAGE_POOL_GET_XML_DESC", "pool flags", "xml:str" },
    { 89, "STORAGE_POOL_GET_AUTOSTART", "pool", "autostart:i32" },
    { 90, "STORAGE_POOL_SET_AUTOSTART", "pool autostart:i32", "" },
    { 91, "STORAGE_POOL_NUM_OF_VOLUMES", "pool", "num:i32" },
    { 154, "STORAGE_POOL_IS_ACTIVE", "pool", "active:i32" },
    { 155, "STORAGE_POOL_IS_PERSISTENT", "pool", "persistent:i32" },
    { 281, "CONNECT_LIST_ALL_STORAGE_POOLS", "need_results:i32 flags", "pools:pool<16384> ret:u32" },
    { 391, "STORAGE_POOL_LOOKUP_BY_TARGET_PATH", NULL, NULL },
    { 403, "CONNECT_GET_STORAGE_POOL_CAPABILITIES", "flags", "capabilities:str" },
};
SK_LV_FAMILY(sk_lv_pool_family, "Storage pools", STORAGE, rows);
