/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rate limits of guests' links. */
#include "network/bandwidth.h"

#include <string.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/thread.h"
#include "codec/json/json.h"
#include "network/netlink/links.h"
#include "network/nft/nft.h"
#include "network/paths.h"
#include "network/tap.h"

/* A packet with segmentation left to the card counts up to 64 KiB at once: no bucket may be smaller. */
#define BURST_MIN (64 * 1024)
#define BURST_MAX (1024 * 1024 * 1024)
/* In the alias of links that have or had a chain of limits. */
#define LIMITED "limited"

/* Without a burst given: a tenth of a second. */
static guint64
burst_of(guint64 rate, guint64 burst)
{
    return CLAMP(burst != 0 ? burst : rate / 10, BURST_MIN, BURST_MAX);
}

gboolean
sk_bandwidth_is_empty(const SkBandwidth *self)
{
    return self == NULL || (self->in_average == 0 && self->in_peak == 0 && self->out_average == 0 && self->out_peak == 0);
}

/* -- from the guest ------------------------------------------------------------------------------------ */

/* Drops what is over the rate. */
static json_t *
limit_rule(const char *table, const char *link, guint64 rate, guint64 burst)
{
    return json_pack("{s:{s:{s:s, s:s, s:s, s:[{s:{s:I, s:s, s:s, s:I, s:s, s:b}}, {s:n}]}}}", "add", "rule",
                     "family", "netdev", "table", table, "chain", link, "expr", "limit", "rate", (json_int_t) rate,
                     "rate_unit", "bytes", "per", "second", "burst", (json_int_t) burst, "burst_unit", "bytes", "inv", 1,
                     "drop");
}

char *
sk_bandwidth_rules_json(const char *tag, const char *link, const SkBandwidth *self)
{
    if (self == NULL || (self->out_average == 0 && self->out_peak == 0))
        return NULL;
    g_autofree char *table = sk_network_table_name(tag);
    g_autoptr(json_t) root = json_pack(
        "{s:[{s:{s:{s:s, s:s}}}, {s:{s:{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s}}}, {s:{s:{s:s, s:s, s:s}}}]}", "nftables",
        "add", "table", "family", "netdev", "name", table,
        "add", "chain", "family", "netdev", "table", table, "name", link, "type", "filter", "hook", "ingress", "prio", 0,
        "dev", link, "policy", "accept",
        "flush", "chain", "family", "netdev", "table", table, "name", link);
    json_t *list = json_object_get(root, "nftables");
    if (self->out_average != 0)
        json_array_append_new(list, limit_rule(table, link, self->out_average, burst_of(self->out_average, self->out_burst)));
    if (self->out_peak > self->out_average)
        json_array_append_new(list, limit_rule(table, link, self->out_peak, burst_of(self->out_peak, 0)));
    return json_dumps(root, JSON_INDENT(2));
}

static gboolean
was_limited(const char *link)
{
    g_autofree SkLink *found = sk_netlink_link(link, NULL);
    return found != NULL && sk_link_is_marked(found, LIMITED);
}

void
sk_bandwidth_forget(const char *tag, const char *link)
{
    if (!was_limited(link))
        return;
    g_autofree char *table = sk_network_table_name(tag);
    g_autoptr(json_t) root = json_pack("{s:[{s:{s:{s:s, s:s, s:s}}}, {s:{s:{s:s, s:s, s:s}}}]}", "nftables",
                                       "flush", "chain", "family", "netdev", "table", table, "name", link,
                                       "delete", "chain", "family", "netdev", "table", table, "name", link);
    g_autofree char *json = json_dumps(root, 0);
    /* Somebody may have removed the table, and the chain with it. */
    sk_nft_run(json, "forget the limits", NULL);
}

static gboolean
limit_out(const char *tag, const char *link, const SkBandwidth *self, GError **error)
{
    g_autofree char *json = sk_bandwidth_rules_json(tag, link, self);
    g_autofree char *what = g_strdup_printf("limit what \"%s\" sends", link);
    if (json == NULL) {
        sk_bandwidth_forget(tag, link);
        return TRUE;
    }
    return sk_link_mark(link, LIMITED, error) && sk_nft_run(json, what, error);
}

/* -- to the guest --------------------------------------------------------------------------------------- */

static gboolean
limit_in(const char *link, const SkBandwidth *self, GError **error)
{
    guint64 average = self->in_average != 0 ? self->in_average : self->in_peak;
    g_autofree char *rate = g_strdup_printf("%" G_GUINT64_FORMAT "bps", average);
    g_autofree char *peak = g_strdup_printf("%" G_GUINT64_FORMAT "bps", self->in_peak);
    g_autofree char *burst = g_strdup_printf("%" G_GUINT64_FORMAT "b", burst_of(average, self->in_burst));
    gboolean peaked = self->in_peak > average;
    const char *argv[] = { "tc", "qdisc", "replace", "dev", link, "root", "tbf", "rate", rate, "burst", burst,
                           "latency", "50ms", peaked ? "peakrate" : NULL, peak, "mtu", "65536", NULL };
    g_autoptr(GError) reason = NULL;
    if (sk_run(argv, NULL, NULL, &reason))
        return TRUE;
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "cannot limit what \"%s\" gets, which needs `tc` of iproute2 and the kernel's tbf: %s",
                   link, reason->message);
}

/* None set is fine: tc says so with exit 2. */
static void
unlimit_in(const char *link)
{
    const char *argv[] = { "tc", "qdisc", "del", "dev", link, "root", NULL };
    g_autoptr(GError) ignored = NULL;
    if (!sk_run(argv, NULL, NULL, &ignored))
        g_debug("no limit to take away: %s", ignored->message);
}

gboolean
sk_network_tap_limit(const char *tag, const char *name, const SkBandwidth *bandwidth, GError **error)
{
    sk_assert_worker();
    if (bandwidth->in_average == 0 && bandwidth->in_peak == 0)
        unlimit_in(name);
    else if (!limit_in(name, bandwidth, error))
        return FALSE;
    return limit_out(tag, name, bandwidth, error);
}
