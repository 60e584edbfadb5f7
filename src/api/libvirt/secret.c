/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: secrets. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 139, "CONNECT_NUM_OF_SECRETS", "", "num:i32" },
    { 140, "CONNECT_LIST_SECRETS", "maxuuids:i32", "uuids:str<16384>" },
    { 141, "SECRET_LOOKUP_BY_UUID", "uuid", "secret" },
    { 142, "SECRET_DEFINE_XML", "xml:str flags", "secret" },
    { 143, "SECRET_GET_XML_DESC", "secret flags", "xml:str" },
    { 144, "SECRET_SET_VALUE", "secret value:bytes<65536> flags", "" },
    { 145, "SECRET_GET_VALUE", "secret flags", "value:bytes<65536>" },
    { 146, "SECRET_UNDEFINE", "secret", "" },
    { 147, "SECRET_LOOKUP_BY_USAGE", "usageType:i32 usageID:str", "secret" },
    { 287, "CONNECT_LIST_ALL_SECRETS", "need_results:i32 flags", "secrets:secret<16384> ret:u32" },
};
SK_LV_FAMILY(sk_lv_secret_family, "Secrets", SECRET, rows);
