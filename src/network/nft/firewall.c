/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other programs' packet filters, as far as they may stop guests. */
#include "network/nft/firewall.h"

#include <string.h>

#include "base/thread.h"
#include "codec/json/json.h"
#include "network/nft/firewall-chains.h"
#include "network/nft/nft.h"
#include "network/paths.h"

static const struct {
    const char *hook;
    SkBlocked way;
} ways[] = { { "forward", SK_BLOCKED_FORWARD }, { "input", SK_BLOCKED_INPUT } };

static const char *
text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* The bit of the way a chain closes, or 0. */
static guint
closed_way(const json_t *chain, const char *own_table)
{
    const char *family = text_of(chain, "family");
    gboolean seen = g_str_equal(family, "ip") || g_str_equal(family, "ip6") || g_str_equal(family, "inet");
    if (!seen || !g_str_equal(text_of(chain, "policy"), "drop") || g_str_equal(text_of(chain, "table"), own_table))
        return 0;
    for (guint i = 0; i < G_N_ELEMENTS(ways); i++) {
        if (g_str_equal(text_of(chain, "hook"), ways[i].hook))
            return ways[i].way;
    }
    return 0;
}

guint
sk_firewall_closed_ways(const json_t *answer, const char *own_table, char **out_chains)
{
    const json_t *list = json_object_get(answer, "nftables");
    g_autoptr(GString) names = g_string_new(NULL);
    guint blocked = 0;
    for (gsize i = 0; i < json_array_size(list); i++) {
        const json_t *chain = json_object_get(json_array_get(list, i), "chain");
        guint way = closed_way(chain, own_table);
        if (way != 0)
            g_string_append_printf(names, "%s%s %s %s", names->len > 0 ? ", " : "", text_of(chain, "family"),
                                   text_of(chain, "table"), text_of(chain, "name"));
        blocked |= way;
    }
    if (out_chains != NULL)
        *out_chains = names->len > 0 ? g_string_free(g_steal_pointer(&names), FALSE) : NULL;
    return blocked;
}

gboolean
sk_network_firewall_blocked(const char *tag, guint *out_blocked, char **out_chains, GError **error)
{
    g_autofree char *table = sk_network_table_name(tag);
    sk_assert_worker();
    g_autoptr(json_t) answer = sk_nft_list("list chains", "look at the host's packet filter", error);
    if (answer == NULL)
        return FALSE;
    *out_blocked = sk_firewall_closed_ways(answer, table, out_chains);
    return TRUE;
}
