/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: host interfaces. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 126, "CONNECT_NUM_OF_INTERFACES", "", "num:i32" },
    { 127, "CONNECT_LIST_INTERFACES", "maxnames:i32", "names:str<16384>" },
    { 128, "INTERFACE_LOOKUP_BY_NAME", "name:str", "iface" },
    { 129, "INTERFACE_LOOKUP_BY_MAC_STRING", "mac:str", "iface" },
    { 130, "INTERFACE_GET_XML_DESC", "iface flags", "xml:str" },
    { 131, "INTERFACE_DEFINE_XML", "xml:str flags", "iface" },
    { 132, "INTERFACE_UNDEFINE", "iface", "" },
    { 133, "INTERFACE_CREATE", "iface flags", "" },
    { 134, "INTERFACE_DESTROY", "iface flags", "" },
    { 137, "CONNECT_NUM_OF_DEFINED_INTERFACES", "", "num:i32" },
    { 138, "CONNECT_LIST_DEFINED_INTERFACES", "maxnames:i32", "names:str<16384>" },
    { 156, "INTERFACE_IS_ACTIVE", "iface", "active:i32" },
    { 220, "INTERFACE_CHANGE_BEGIN", NULL, NULL },
    { 221, "INTERFACE_CHANGE_COMMIT", NULL, NULL },
    { 222, "INTERFACE_CHANGE_ROLLBACK", NULL, NULL },
    { 284, "CONNECT_LIST_ALL_INTERFACES", "need_results:i32 flags", "ifaces:iface<16384> ret:u32" },
};
SK_LV_FAMILY(sk_lv_interface_family, "Host interfaces", INTERFACE, rows);
