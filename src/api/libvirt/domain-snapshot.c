/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: snapshots. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 185, "DOMAIN_SNAPSHOT_CREATE_XML", "dom xml_desc:str flags", "snap" },
    { 186, "DOMAIN_SNAPSHOT_GET_XML_DESC", "snap flags", "xml:str" },
    { 187, "DOMAIN_SNAPSHOT_NUM", "dom flags", "num:i32" },
    { 188, "DOMAIN_SNAPSHOT_LIST_NAMES", "dom maxnames:i32 flags", "names:str<16384>" },
    { 189, "DOMAIN_SNAPSHOT_LOOKUP_BY_NAME", "dom name:str flags", "snap" },
    { 190, "DOMAIN_HAS_CURRENT_SNAPSHOT", "dom flags", "result:i32" },
    { 191, "DOMAIN_SNAPSHOT_CURRENT", "dom flags", "snap" },
    { 192, "DOMAIN_REVERT_TO_SNAPSHOT", "snap flags", "" },
    { 193, "DOMAIN_SNAPSHOT_DELETE", "snap flags", "" },
    { 244, "DOMAIN_SNAPSHOT_GET_PARENT", "snap flags", "snap" },
    { 246, "DOMAIN_SNAPSHOT_NUM_CHILDREN", "snap flags", "num:i32" },
    { 247, "DOMAIN_SNAPSHOT_LIST_CHILDREN_NAMES", "snap maxnames:i32 flags", "names:str<16384>" },
    { 271, "DOMAIN_SNAPSHOT_IS_CURRENT", "snap flags", "current:i32" },
    { 272, "DOMAIN_SNAPSHOT_HAS_METADATA", "snap flags", "metadata:i32" },
    { 274, "DOMAIN_LIST_ALL_SNAPSHOTS", "dom need_results:i32 flags", "snapshots:snap<16384> ret:i32" },
    { 275, "DOMAIN_SNAPSHOT_LIST_ALL_CHILDREN", "snapshot:snap need_results:i32 flags", "snapshots:snap<16384> ret:i32" },
};
SK_LV_FAMILY(sk_lv_domain_snapshot_family, "Domain: snapshots", SNAPSHOT, rows);
