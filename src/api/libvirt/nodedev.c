/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: node devices. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 111, "NODE_NUM_OF_DEVICES", "cap:str? flags", "num:i32" },
    { 112, "NODE_LIST_DEVICES", "cap:str? maxnames:i32 flags", "names:str<65536>" },
    { 113, "NODE_DEVICE_LOOKUP_BY_NAME", "name:str", "dev:nodedev" },
    { 114, "NODE_DEVICE_GET_XML_DESC", "name:str flags", "xml:str" },
    { 115, "NODE_DEVICE_GET_PARENT", "name:str", "parentName:str?" },
    { 116, "NODE_DEVICE_NUM_OF_CAPS", "name:str", "num:i32" },
    { 117, "NODE_DEVICE_LIST_CAPS", "name:str maxnames:i32", "names:str<65536>" },
    { 118, "NODE_DEVICE_DETTACH", "name:str", "" },
    { 119, "NODE_DEVICE_RE_ATTACH", "name:str", "" },
    { 120, "NODE_DEVICE_RESET", "name:str", "" },
    { 123, "NODE_DEVICE_CREATE_XML", "xml_desc:str flags", "dev:nodedev" },
    { 124, "NODE_DEVICE_DESTROY", "name:str", "" },
    { 285, "CONNECT_LIST_ALL_NODE_DEVICES", "need_results:i32 flags", "devices:nodedev<65536> ret:u32" },
    { 297, "NODE_DEVICE_LOOKUP_SCSI_HOST_BY_WWN", NULL, NULL },
    { 301, "NODE_DEVICE_DETACH_FLAGS", "name:str driverName:str? flags", "" },
    { 428, "NODE_DEVICE_DEFINE_XML", "xml_desc:str flags", "dev:nodedev" },
    { 429, "NODE_DEVICE_UNDEFINE", "name:str flags", "" },
    { 430, "NODE_DEVICE_CREATE", "name:str flags", "" },
    { 433, "NODE_DEVICE_GET_AUTOSTART", "name:str", "autostart:i32" },
    { 434, "NODE_DEVICE_SET_AUTOSTART", "name:str autostart:i32", "" },
    { 435, "NODE_DEVICE_IS_PERSISTENT", "name:str", "persistent:i32" },
    { 436, "NODE_DEVICE_IS_ACTIVE", "name:str", "active:i32" },
};
SK_LV_FAMILY(sk_lv_nodedev_family, "Node devices", NODEDEV, rows);
