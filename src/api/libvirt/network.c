/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: networks. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 36, "CONNECT_LIST_DEFINED_NETWORKS", "maxnames:i32", "names:str<16384>" },
    { 38, "CONNECT_LIST_NETWORKS", "maxnames:i32", "names:str<16384>" },
    { 39, "NETWORK_CREATE", "net", "" },
    { 40, "NETWORK_CREATE_XML", "xml:str", "net" },
    { 41, "NETWORK_DEFINE_XML", "xml:str", "net" },
    { 42, "NETWORK_DESTROY", "net", "" },
    { 43, "NETWORK_GET_XML_DESC", "net flags", "xml:str" },
    { 44, "NETWORK_GET_AUTOSTART", "net", "autostart:i32" },
    { 45, "NETWORK_GET_BRIDGE_NAME", "net", "name:str" },
    { 46, "NETWORK_LOOKUP_BY_NAME", "name:str", "net" },
    { 47, "NETWORK_LOOKUP_BY_UUID", "uuid", "net" },
    { 48, "NETWORK_SET_AUTOSTART", "net autostart:i32", "" },
    { 49, "NETWORK_UNDEFINE", "net", "" },
    { 50, "CONNECT_NUM_OF_DEFINED_NETWORKS", "", "num:i32" },
    { 52, "CONNECT_NUM_OF_NETWORKS", "", "num:i32" },
    { 152, "NETWORK_IS_ACTIVE", "net", "active:i32" },
    { 153, "NETWORK_IS_PERSISTENT", "net", "persistent:i32" },
    { 283, "CONNECT_LIST_ALL_NETWORKS", "need_results:i32 flags", "nets:net<16384> ret:u32" },
    { 291, "NETWORK_UPDATE", "net command:u32 section:u32 parentIndex:i32 xml:str flags", "" },
    { 341, "NETWORK_GET_DHCP_LEASES", "net mac:str? need_results:i32 flags", "leases:{iface:str expirytime:i64 type:i32 mac:str? iaid:str? ipaddr:str prefix:u32 hostname:str? clientid:str?}<65536> ret:u32" },
    { 404, "NETWORK_LIST_ALL_PORTS", "network:net need_results:i32 flags", "ports:netport<16384> ret:u32" },
    { 405, "NETWORK_PORT_LOOKUP_BY_UUID", "network:net uuid", "port:netport" },
    { 406, "NETWORK_PORT_CREATE_XML", NULL, NULL },
    { 407, "NETWORK_PORT_GET_PARAMETERS", NULL, NULL },
    { 408, "NETWORK_PORT_SET_PARAMETERS", NULL, NULL },
    { 409, "NETWORK_PORT_GET_XML_DESC", "port:netport flags", "xml:str" },
    { 410, "NETWORK_PORT_DELETE", NULL, NULL },
    { 432, "NETWORK_DEFINE_XML_FLAGS", "xml:str flags", "net" },
    { 437, "NETWORK_CREATE_XML_FLAGS", "xml:str flags", "net" },
};
SK_LV_FAMILY(sk_lv_network_family, "Networks", NETWORK, rows);
