/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as dnsmasq's lease file: what comes out is fit to be shown and stored. */
#include <string.h>

#include "base/text.h"
#include "codec/json/json.h"
#include "network/leases.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GPtrArray) leases = sk_leases_parse((const char *) data, size);
    for (guint i = 0; i < leases->len; i++) {
        const SkLease *lease = leases->pdata[i];
        g_autoptr(GError) error = NULL;
        if (!sk_check_address(lease->ip, "ip", &error) || lease->expires < 0 ||
            (lease->mac != NULL && strlen(lease->mac) != 17) ||
            (lease->hostname != NULL && sk_text_has_control(lease->hostname)))
            g_error("a bad lease came through");
        g_autofree char *text = sk_json_encode(&sk_lease_type, lease, 0);
        if (!g_utf8_validate(text, -1, NULL))
            g_error("not UTF-8: %s", text);
    }
    return 0;
}
