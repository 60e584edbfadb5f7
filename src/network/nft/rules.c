/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packet filter and NAT as a table of rules, laid over each network. */
#include "network/nft/rules.h"

#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "base/undo.h"
#include "codec/json/json.h"
#include "network/nft/nft.h"
#include "network/paths.h"
#include "network/subnet.h"

static const SkField rule_fields[] = {
    SK_FIELD(SkNetworkRule, bridge, STRING, "bridge", .flags = SK_FIELD_REQUIRED | SK_FIELD_KEY),
    SK_FIELD(SkNetworkRule, forward, ENUM, "how guests reach out", .names = &sk_forward_enum),
    SK_FIELD(SkNetworkRule, forward_device, STRING, "only through this link"),
    SK_FIELD(SkNetworkRule, ipv4, STRING, "IPv4 subnet"),
    SK_FIELD(SkNetworkRule, ipv6, STRING, "IPv6 subnet"),
    SK_FIELD(SkNetworkRule, nat6, BOOL, "IPv6 is hidden too", .def = "true"),
    SK_FIELD(SkNetworkRule, nat_start, STRING, "first address to appear as"),
    SK_FIELD(SkNetworkRule, nat_end, STRING, "last address to appear as"),
    SK_FIELD(SkNetworkRule, port_start, UINT, "first port to appear from"),
    SK_FIELD(SkNetworkRule, port_end, UINT, "last port to appear from"),
};
SK_TYPE(sk_network_rule_type, SkNetworkRule, "NetworkRule", "network rule", rule_fields, "what the packet filter knows of a network");

static const SkField rules_fields[] = {
    SK_FIELD(SkNetworkRules, tag, STRING, "tag of the daemon"),
    SK_FIELD(SkNetworkRules, networks, LIST, "active networks", .type = &sk_network_rule_type),
};
SK_TYPE(sk_network_rules_type, SkNetworkRules, "NetworkRules", "network rules", rules_fields, "packet filter of all active networks");

/* -- the rules -------------------------------------------------------------------------------------------- */

typedef enum {
    MATCH_END,
    MATCH_FROM_BRIDGE,
    MATCH_TO_BRIDGE,
    MATCH_NOT_TO_BRIDGE,
    MATCH_NOT_FROM_DEVICE,  /* forward_device */
    MATCH_NOT_TO_DEVICE,
    MATCH_ANSWER,           /* of a connection that was let through */
    MATCH_FAMILY,           /* the row's family */
    MATCH_SENDER,           /* an address of the network as the sender */
    MATCH_NOT_SENDER,
    MATCH_PORTS,            /* of a protocol that has them */
} Match;

/* What a network must have for a row to apply. */
typedef enum {
    IF_DEVICE = 1 << 0,
    IF_IPV4 = 1 << 1,
    IF_NO_IPV4 = 1 << 2,
    IF_IPV6 = 1 << 3,
    IF_NO_IPV6 = 1 << 4,
    IF_NAT6 = 1 << 5,
    IF_NO_NAT6 = 1 << 6,
    IF_PORTS = 1 << 7,
} Condition;

#define NAT      (1 << SK_FORWARD_NAT)
#define ROUTE    (1 << SK_FORWARD_ROUTE)
#define ISOLATED (1 << SK_FORWARD_ISOLATED)
#define ANY      (NAT | ROUTE | ISOLATED)

typedef struct {
    const char *chain;
    guint modes;
    guint condition;
    const char *family;     /* "ip" or "ip6" */
    Match match[4];
    const char *verdict;
    const char *help;
} Row;

/*
 * In this order, each row for all networks before the next: a network's "no" must come before
 * another's "yes". What passes all rows is accepted by the chain's policy.
 */
static const Row rows[] = {
    { "forward", ANY, 0, NULL, { MATCH_FROM_BRIDGE, MATCH_TO_BRIDGE }, "accept", "guests of one network" },
    { "forward", ISOLATED, 0, NULL, { MATCH_FROM_BRIDGE }, "reject", "isolated: nothing out" },
    { "forward", ISOLATED, 0, NULL, { MATCH_TO_BRIDGE }, "reject", "isolated: nothing in" },
    { "forward", NAT | ROUTE, IF_IPV4, "ip", { MATCH_FROM_BRIDGE, MATCH_NOT_SENDER }, "drop", "no false senders" },
    { "forward", NAT | ROUTE, IF_NO_IPV4, "ip", { MATCH_FROM_BRIDGE, MATCH_FAMILY }, "drop", "no IPv4 here" },
    { "forward", NAT | ROUTE, IF_IPV6, "ip6", { MATCH_FROM_BRIDGE, MATCH_NOT_SENDER }, "drop", "no false senders" },
    { "forward", NAT | ROUTE, IF_NO_IPV6, "ip6", { MATCH_FROM_BRIDGE, MATCH_FAMILY }, "drop", "no IPv6 here" },
    { "forward", NAT | ROUTE, IF_DEVICE, NULL, { MATCH_FROM_BRIDGE, MATCH_NOT_TO_DEVICE }, "reject", "only out through the device" },
    { "forward", ROUTE, IF_DEVICE, NULL, { MATCH_TO_BRIDGE, MATCH_NOT_FROM_DEVICE }, "reject", "only in through the device" },
    { "forward", NAT, 0, NULL, { MATCH_TO_BRIDGE, MATCH_ANSWER }, "accept", "answers to guests" },
    { "forward", NAT, IF_NAT6, NULL, { MATCH_TO_BRIDGE }, "reject", "NAT: only answers come in" },
    { "forward", NAT, IF_NO_NAT6, "ip", { MATCH_TO_BRIDGE, MATCH_FAMILY }, "reject", "NAT: only answers come in" },
    { "postrouting", NAT, IF_IPV4 | IF_PORTS, "ip", { MATCH_SENDER, MATCH_NOT_TO_BRIDGE, MATCH_PORTS }, "nat-ports", "from ports of the range" },
    { "postrouting", NAT, IF_IPV4, "ip", { MATCH_SENDER, MATCH_NOT_TO_BRIDGE }, "nat", "behind the host's address" },
    { "postrouting", NAT, IF_IPV6 | IF_NAT6 | IF_PORTS, "ip6", { MATCH_SENDER, MATCH_NOT_TO_BRIDGE, MATCH_PORTS }, "nat-ports", "from ports of the range" },
    { "postrouting", NAT, IF_IPV6 | IF_NAT6, "ip6", { MATCH_SENDER, MATCH_NOT_TO_BRIDGE }, "nat", "behind the host's address" },
};

static const struct {
    const char *name, *type, *hook;
    gint priority;
} chains[] = {
    { "forward", "filter", "forward", 0 },
    { "postrouting", "nat", "postrouting", 100 },
};

/* -- as JSON ------------------------------------------------------------------------------------------------ */

static json_t *
match_meta(const char *key, gboolean equal, const char *value)
{
    return json_pack("{s:{s:s, s:{s:{s:s}}, s:s}}", "match", "op", equal ? "==" : "!=", "left", "meta", "key", key,
                     "right", value);
}

static json_t *
match_sender(const char *family, gboolean equal, const SkNetworkRule *network)
{
    g_autofree char *subnet = sk_subnet_network(g_str_equal(family, "ip") ? network->ipv4 : network->ipv6);
    g_autofree char *address = sk_subnet_address(subnet);
    return json_pack("{s:{s:s, s:{s:{s:s, s:s}}, s:{s:{s:s, s:i}}}}", "match", "op", equal ? "==" : "!=", "left",
                     "payload", "protocol", family, "field", "saddr", "right", "prefix", "addr", address, "len",
                     (int) sk_subnet_bits(subnet));
}

static json_t *
match_json(Match match, const char *family, const SkNetworkRule *network)
{
    switch (match) {
    case MATCH_FROM_BRIDGE:
        return match_meta("iifname", TRUE, network->bridge);
    case MATCH_TO_BRIDGE:
        return match_meta("oifname", TRUE, network->bridge);
    case MATCH_NOT_TO_BRIDGE:
        return match_meta("oifname", FALSE, network->bridge);
    case MATCH_NOT_FROM_DEVICE:
        return match_meta("iifname", FALSE, network->forward_device);
    case MATCH_NOT_TO_DEVICE:
        return match_meta("oifname", FALSE, network->forward_device);
    case MATCH_ANSWER:
        return json_pack("{s:{s:s, s:{s:{s:s}}, s:[s, s]}}", "match", "op", "in", "left", "ct", "key", "state", "right",
                         "established", "related");
    case MATCH_FAMILY:
        return match_meta("nfproto", TRUE, g_str_equal(family, "ip") ? "ipv4" : "ipv6");
    case MATCH_SENDER:
        return match_sender(family, TRUE, network);
    case MATCH_NOT_SENDER:
        return match_sender(family, FALSE, network);
    case MATCH_PORTS:
        return json_pack("{s:{s:s, s:{s:{s:s}}, s:{s:[s, s]}}}", "match", "op", "==", "left", "meta", "key", "l4proto", "right", "set",
                         "tcp", "udp");
    case MATCH_END:
        break;
    }
    return NULL;
}

/* Behind addresses of a range, or that of the link out; ports: from ports of the range. */
static json_t *
nat_json(const SkNetworkRule *network, const char *family, gboolean ports)
{
    json_t *body = json_object();
    gboolean addresses = network->nat_start != NULL && g_str_equal(family, "ip");
    if (addresses) {
        json_object_set_new(body, "family", json_string(family));
        json_object_set_new(body, "addr", g_str_equal(network->nat_start, network->nat_end)
                                              ? json_string(network->nat_start)
                                              : json_pack("{s:[s, s]}", "range", network->nat_start, network->nat_end));
    }
    if (ports)
        json_object_set_new(body, "port", json_pack("{s:[i, i]}", "range", (gint) network->port_start, (gint) network->port_end));
    if (json_object_size(body) == 0) {
        json_decref(body);
        return json_pack("{s:n}", "masquerade");
    }
    return json_pack("{s:o}", addresses ? "snat" : "masquerade", body);
}

static json_t *
verdict_json(const Row *row, const SkNetworkRule *network)
{
    const char *verdict = row->verdict;
    if (g_str_has_prefix(verdict, "nat"))
        return nat_json(network, row->family, g_str_equal(verdict, "nat-ports"));
    if (g_str_equal(verdict, "reject"))
        return json_pack("{s:{s:s, s:s}}", verdict, "type", "icmpx", "expr", "admin-prohibited");
    return json_pack("{s:n}", verdict);
}

static gboolean
applies(const Row *row, const SkNetworkRule *network)
{
    guint has = (network->forward_device != NULL ? IF_DEVICE : 0) | (network->ipv4 != NULL ? IF_IPV4 : IF_NO_IPV4) |
                (network->ipv6 != NULL ? IF_IPV6 : IF_NO_IPV6) | (network->nat6 || network->ipv6 == NULL ? IF_NAT6 : IF_NO_NAT6) |
                (network->port_start != 0 ? IF_PORTS : 0);
    return (row->modes & 1 << network->forward) != 0 && (row->condition & ~has) == 0;
}

static void
add_rule(json_t *list, const char *table, const Row *row, const SkNetworkRule *network)
{
    json_t *expression = json_array();
    for (guint i = 0; i < G_N_ELEMENTS(row->match) && row->match[i] != MATCH_END; i++)
        json_array_append_new(expression, match_json(row->match[i], row->family, network));
    json_array_append_new(expression, verdict_json(row, network));
    json_array_append_new(list, json_pack("{s:{s:{s:s, s:s, s:s, s:o, s:s}}}", "add", "rule", "family", "inet", "table",
                                          table, "chain", row->chain, "expr", expression, "comment", row->help));
}

static void
add_table_command(json_t *list, const char *verb, const char *family, const char *table)
{
    json_array_append_new(list, json_pack("{s:{s:{s:s, s:s}}}", verb, "table", "family", family, "name", table));
}

static void
add_chains(json_t *list, const char *table)
{
    for (guint i = 0; i < G_N_ELEMENTS(chains); i++)
        json_array_append_new(list, json_pack("{s:{s:{s:s, s:s, s:s, s:s, s:s, s:i, s:s}}}", "add", "chain", "family",
                                              "inet", "table", table, "name", chains[i].name, "type", chains[i].type,
                                              "hook", chains[i].hook, "prio", chains[i].priority, "policy", "accept"));
}

static char *
transaction_text(json_t *list)
{
    g_autoptr(json_t) root = json_pack("{s:o}", "nftables", list);
    return json_dumps(root, JSON_INDENT(2));
}

char *
sk_network_rules_json(const SkNetworkRules *self)
{
    g_autofree char *table = sk_network_table_name(self->tag);
    json_t *list = json_array();
    /* Removing a table that is not there would fail the transaction: so it is made first. */
    add_table_command(list, "add", "inet", table);
    add_table_command(list, "delete", "inet", table);
    if (self->networks->len == 0)
        return transaction_text(list);
    add_table_command(list, "add", "inet", table);
    add_chains(list, table);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (guint j = 0; j < self->networks->len; j++) {
            if (applies(&rows[i], self->networks->pdata[j]))
                add_rule(list, table, &rows[i], self->networks->pdata[j]);
        }
    }
    return transaction_text(list);
}

/* -- the value ------------------------------------------------------------------------------------------------ */

SkNetworkRules *
sk_network_rules_new(const char *tag)
{
    SkNetworkRules *self = sk_value_new(&sk_network_rules_type);
    self->tag = g_strdup(tag);
    self->networks = sk_value_list_new(&sk_network_rule_type);
    return self;
}

void
sk_network_rules_free(SkNetworkRules *self)
{
    sk_value_free(&sk_network_rules_type, self);
}

void
sk_network_rules_add(SkNetworkRules *self, const SkNetworkSpec *spec)
{
    const SkAddressRange *nat = spec->nat_addresses;
    SkNetworkRule rule = { .bridge = spec->bridge, .forward = spec->forward, .forward_device = spec->forward_device, .ipv4 = spec->ipv4,
                           .ipv6 = spec->ipv6, .nat6 = spec->nat6, .nat_start = nat != NULL ? nat->start : NULL,
                           .nat_end = nat != NULL ? nat->end : NULL, .port_start = spec->nat_port_start, .port_end = spec->nat_port_end };
    if (spec->forward != SK_FORWARD_BRIDGE)
        g_ptr_array_add(self->networks, sk_value_copy(&sk_network_rule_type, &rule));
}

void
sk_network_rules_drop(SkNetworkRules *self, const SkNetworkSpec *spec)
{
    for (guint i = self->networks->len; i > 0; i--) {
        SkNetworkRule *rule = self->networks->pdata[i - 1];
        if (g_strcmp0(rule->bridge, spec->bridge) != 0)
            continue;
        g_ptr_array_remove_index(self->networks, i - 1);
        sk_value_free(&sk_network_rule_type, rule);
    }
}

gboolean
sk_network_rules_apply(const SkNetworkRules *self, GError **error)
{
    g_autofree char *json = sk_network_rules_json(self);
    sk_assert_worker();
    return !sk_fault("network-rules/apply", error) && sk_nft_run(json, "set the networks' packet filter rules", error);
}

gboolean
sk_network_rules_remove(const char *tag, GError **error)
{
    g_autofree char *table = sk_network_table_name(tag);
    json_t *list = json_array();
    sk_assert_worker();
    for (guint i = 0; i < 2; i++) {
        add_table_command(list, "add", i == 0 ? "inet" : "netdev", table);
        add_table_command(list, "delete", i == 0 ? "inet" : "netdev", table);
    }
    g_autofree char *json = transaction_text(list);
    return sk_nft_run(json, "remove the networks' packet filter rules", error);
}
