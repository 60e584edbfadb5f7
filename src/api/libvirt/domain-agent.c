/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: guest agent. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 277, "DOMAIN_GET_HOSTNAME", "dom flags", "hostname:str" },
    { 294, "DOMAIN_FSTRIM", "dom mountPoint:str? minimum:u64 flags", "" },
    { 335, "DOMAIN_FSFREEZE", "dom mountpoints:str<256> flags", "filesystems:i32" },
    { 336, "DOMAIN_FSTHAW", "dom mountpoints:str<256> flags", "filesystems:i32" },
    { 337, "DOMAIN_GET_TIME", "dom flags", "seconds:i64 nseconds:u32" },
    { 338, "DOMAIN_SET_TIME", "dom seconds:i64 nseconds:u32 flags", "" },
    { 349, "DOMAIN_GET_FSINFO", "dom flags", "info:{mountpoint:str name:str fstype:str dev_aliases:str<256>}<256> ret:u32" },
    { 353, "DOMAIN_INTERFACE_ADDRESSES", "dom source:u32 flags", "ifaces:{name:str hwaddr:str? addrs:{type:i32 addr:str prefix:u32}<2048>}<2048>" },
    { 357, "DOMAIN_SET_USER_PASSWORD", "dom user:str? password:str? flags", "" },
    { 418, "DOMAIN_GET_GUEST_INFO", "dom types:u32 flags", "params:tp<2048>" },
    { 420, "DOMAIN_AGENT_SET_RESPONSE_TIMEOUT", NULL, NULL },
    { 424, "DOMAIN_AUTHORIZED_SSH_KEYS_GET", "dom user:str flags", "keys:str<2048>" },
    { 425, "DOMAIN_AUTHORIZED_SSH_KEYS_SET", "dom user:str keys:str<2048> flags", "" },
};
SK_LV_FAMILY(sk_lv_domain_agent_family, "Domain: guest agent", QEMU, rows);
