/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: migration. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 61, "DOMAIN_MIGRATE_PREPARE", NULL, NULL },
    { 62, "DOMAIN_MIGRATE_PERFORM", NULL, NULL },
    { 63, "DOMAIN_MIGRATE_FINISH", NULL, NULL },
    { 108, "DOMAIN_MIGRATE_PREPARE2", NULL, NULL },
    { 109, "DOMAIN_MIGRATE_FINISH2", NULL, NULL },
    { 148, "DOMAIN_MIGRATE_PREPARE_TUNNEL", NULL, NULL },
    { 166, "DOMAIN_MIGRATE_SET_MAX_DOWNTIME", "dom downtime:u64 flags", "" },
    { 207, "DOMAIN_MIGRATE_SET_MAX_SPEED", "dom bandwidth:u64 flags", "" },
    { 213, "DOMAIN_MIGRATE_BEGIN3", NULL, NULL },
    { 214, "DOMAIN_MIGRATE_PREPARE3", NULL, NULL },
    { 215, "DOMAIN_MIGRATE_PREPARE_TUNNEL3", NULL, NULL },
    { 216, "DOMAIN_MIGRATE_PERFORM3", NULL, NULL },
    { 217, "DOMAIN_MIGRATE_FINISH3", NULL, NULL },
    { 218, "DOMAIN_MIGRATE_CONFIRM3", NULL, NULL },
    { 242, "DOMAIN_MIGRATE_GET_MAX_SPEED", "dom flags", "bandwidth:u64" },
    { 299, "DOMAIN_MIGRATE_GET_COMPRESSION_CACHE", "dom flags", "cacheSize:u64" },
    { 300, "DOMAIN_MIGRATE_SET_COMPRESSION_CACHE", NULL, NULL },
    { 302, "DOMAIN_MIGRATE_BEGIN3_PARAMS", "dom params:tp<64> flags", "cookie_out:bytes<4194304> xml:str" },
    { 303, "DOMAIN_MIGRATE_PREPARE3_PARAMS", "params:tp<64> cookie_in:bytes<4194304> flags", "cookie_out:bytes<4194304> uri_out:str?" },
    { 304, "DOMAIN_MIGRATE_PREPARE_TUNNEL3_PARAMS", "params:tp<64> cookie_in:bytes<4194304> flags", "cookie_out:bytes<4194304>" },
    { 305, "DOMAIN_MIGRATE_PERFORM3_PARAMS", "dom dconnuri:str? params:tp<64> cookie_in:bytes<4194304> flags", "cookie_out:bytes<4194304>" },
    { 306, "DOMAIN_MIGRATE_FINISH3_PARAMS", "params:tp<64> cookie_in:bytes<4194304> flags cancelled:i32", "dom cookie_out:bytes<4194304>" },
    { 307, "DOMAIN_MIGRATE_CONFIRM3_PARAMS", "dom params:tp<64> cookie_in:bytes<4194304> flags cancelled:i32", "" },
    { 364, "DOMAIN_MIGRATE_START_POST_COPY", "dom flags", "" },
    { 387, "DOMAIN_MIGRATE_GET_MAX_DOWNTIME", "dom flags", "downtime:u64" },
};
SK_LV_FAMILY(sk_lv_domain_migrate_family, "Domain: migration", QEMU, rows);
