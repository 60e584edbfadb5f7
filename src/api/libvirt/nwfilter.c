/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: network filters. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 175, "NWFILTER_LOOKUP_BY_NAME", "name:str", "nwfilter" },
    { 176, "NWFILTER_LOOKUP_BY_UUID", "uuid", "nwfilter" },
    { 177, "NWFILTER_GET_XML_DESC", "nwfilter flags", "xml:str" },
    { 178, "CONNECT_NUM_OF_NWFILTERS", "", "num:i32" },
    { 179, "CONNECT_LIST_NWFILTERS", "maxnames:i32", "names:str<16384>" },
    { 180, "NWFILTER_DEFINE_XML", "xml:str", "nwfilter" },
    { 181, "NWFILTER_UNDEFINE", "nwfilter", "" },
    { 286, "CONNECT_LIST_ALL_NWFILTERS", "need_results:i32 flags", "filters:nwfilter<16384> ret:u32" },
    { 397, "NWFILTER_BINDING_LOOKUP_BY_PORT_DEV", NULL, NULL },
    { 398, "NWFILTER_BINDING_GET_XML_DESC", NULL, NULL },
    { 399, "NWFILTER_BINDING_CREATE_XML", NULL, NULL },
    { 400, "NWFILTER_BINDING_DELETE", NULL, NULL },
    { 401, "CONNECT_LIST_ALL_NWFILTER_BINDINGS", "need_results:i32 flags", "bindings:nwbinding<16384> ret:u32" },
    { 431, "NWFILTER_DEFINE_XML_FLAGS", NULL, NULL },
};
SK_LV_FAMILY(sk_lv_nwfilter_family, "Network filters", NWFILTER, rows);
