/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: consoles, screen, keys. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 201, "DOMAIN_OPEN_CONSOLE", "dom dev_name:str? flags", "", .flags = SK_LV_DOWN },
    { 211, "DOMAIN_SCREENSHOT", "dom screen:u32 flags", "mime:str?", .flags = SK_LV_DOWN },
    { 226, "DOMAIN_SEND_KEY", "dom codeset:u32 holdtime:u32 keycodes:u32<16> flags", "" },
    { 249, "DOMAIN_OPEN_GRAPHICS", "dom idx:u32 flags", "" },
    { 296, "DOMAIN_OPEN_CHANNEL", "dom name:str? flags", "", .flags = SK_LV_DOWN },
    { 343, "DOMAIN_OPEN_GRAPHICS_FD", "dom idx:u32 flags", "" },
};
SK_LV_FAMILY(sk_lv_domain_console_family, "Domain: consoles, screen, keys", QEMU, rows);
