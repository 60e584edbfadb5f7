/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: devices. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 8, "DOMAIN_ATTACH_DEVICE", "dom xml:str", "" },
    { 13, "DOMAIN_DETACH_DEVICE", "dom xml:str", "" },
    { 160, "DOMAIN_ATTACH_DEVICE_FLAGS", "dom xml:str flags", "" },
    { 161, "DOMAIN_DETACH_DEVICE_FLAGS", "dom xml:str flags", "" },
    { 174, "DOMAIN_UPDATE_DEVICE_FLAGS", "dom xml:str flags", "" },
    { 392, "DOMAIN_DETACH_DEVICE_ALIAS", "dom alias:str flags", "" },
    { 443, "DOMAIN_FD_ASSOCIATE", "dom name:str flags", "" },
};
SK_LV_FAMILY(sk_lv_domain_device_family, "Domain: devices", QEMU, rows);
