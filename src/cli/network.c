/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep net: networks for domains. */
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/network.h"

/* "192.168.50.10-192.168.50.99" as two fields. */
static gboolean
set_range(json_t *body, const char *text, GError **error)
{
    if (text == NULL)
        return TRUE;
    g_auto(GStrv) ends = g_strsplit(text, "-", 2);
    if (g_strv_length(ends) != 2)
        return sk_fail(error, SK_ERROR_INVALID, "option \"--dhcp-range\" is \"%.64s\", give FIRST-LAST such as 192.168.50.10-192.168.50.99", text);
    gboolean six = strchr(text, ':') != NULL;
    json_object_set_new(body, six ? "dhcp6_start" : "dhcp_start", json_string(ends[0]));
    json_object_set_new(body, six ? "dhcp6_end" : "dhcp_end", json_string(ends[1]));
    return TRUE;
}

static json_t *
make_body(const SkArgs *args, GError **error)
{
    json_t *base = sk_args_has(args, "file") ? sk_read_json(sk_args_get(args, "file"), error) : json_object();
    if (base == NULL)
        return NULL;
    g_autoptr(json_t) body = sk_args_body(args, base, error);
    if (body == NULL || !set_range(body, sk_args_get(args, "dhcp-range"), error))
        return NULL;
    for (const char *const *at = sk_args_all(args, "set"); *at != NULL; at++) {
        if (!sk_json_set_pair(&sk_network_spec_type, body, *at, error))
            return NULL;
    }
    if (sk_args_has(args, "no-dhcp"))
        json_object_set_new(body, "dhcp", json_false());
    if (sk_args_operand(args, "NAME") != NULL)
        json_object_set_new(body, "name", json_string(sk_args_operand(args, "NAME")));
    return g_steal_pointer(&body);
}

static gboolean
run_create(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *body = make_body(args, error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_NETWORK_CREATE);
    if (!sk_args_has(args, "no-start"))
        sk_ask_set(ask, "start", "true");
    sk_ask_take_body(ask, body);
    return sk_cli_ask_done(self, args, ask, sk_json_text_at(ask->body, "name"), error);
}

static gboolean
run_set(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "NETWORK");
    g_autofree char *header = NULL;
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_NETWORK_SHOW, name, &header, error);
    json_t *patch = view != NULL ? sk_args_body(args, NULL, error) : NULL;
    if (patch == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_NETWORK_UPDATE, name);
    ask->if_match = g_strdup(header != NULL ? header : sk_json_text_at(view, "etag"));
    sk_ask_take_body(ask, patch);
    return sk_cli_ask_done(self, args, ask, name, error);
}

static gboolean
run_delete(SkCli *self, const SkArgs *args, GError **error)
{
    return sk_run_confirmed(self, args, "Delete network", "", error);
}

static gboolean
run_define(SkCli *self, const SkArgs *args, GError **error)
{
    const char *file = sk_args_operand(args, "FILE");
    g_autoptr(json_t) body = sk_read_json(file, error);
    if (body == NULL)
        return FALSE;
    const char *name = sk_json_text_at(body, "name");
    if (name == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not a network's definition: it has no name", file);
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_NETWORK_DEFINE, name);
    g_autofree char *named = g_strdup(name);
    sk_ask_take_body(ask, g_steal_pointer(&body));
    return sk_cli_ask_done(self, args, ask, named, error);
}

/* The verb is in the command's own name. */
static gboolean
edit_host(SkCli *self, const SkArgs *args, const char *verb, GError **error)
{
    const char *name = sk_args_operand(args, "NETWORK");
    json_t *host = sk_args_body(args, NULL, error);
    if (host == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_NETWORK_EDIT, name);
    sk_ask_take_body(ask, json_pack("{s:s, s:o}", "verb", verb, "host", host));
    return sk_cli_ask_done(self, args, ask, name, error);
}

static gboolean
run_add_host(SkCli *self, const SkArgs *args, GError **error)
{
    return edit_host(self, args, "add", error);
}

static gboolean
run_delete_host(SkCli *self, const SkArgs *args, GError **error)
{
    return edit_host(self, args, "delete", error);
}

static const SkColumn host_columns[] = { { "MAC", "mac" }, { "ADDRESS", "ip" }, { "NAME", "name" }, { 0 } };

const SkCommand sk_network_commands[] = {
    { .words = "net ls", .ops = SK_OPS(SK_OP_NETWORK_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "NAME", "spec.name" }, { "ACTIVE", "status.active", SK_CELL_YES }, { "FORWARD", "spec.forward" },
                            { "BRIDGE", "status.bridge" }, { "IPV4", "spec.ipv4" }, { "IPV6", "spec.ipv6" },
                            { "CONNECTED", "status.connected" }, { "AUTOSTART", "spec.autostart", SK_CELL_YES }),
      .options = SK_OPTIONS({ 0, "match", "TEXT", .param = "match" }), .examples = "skep net ls" },
    { .words = "net show", .operands = "NETWORK", .ops = SK_OPS(SK_OP_NETWORK_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Name", "spec.name" }, { "UUID", "spec.uuid" }, { "Active", "status.active" }, { "Message", "status.message" },
                            { "Forward", "spec.forward" }, { "Out through", "spec.forward_device" }, { "Bridge", "status.bridge" },
                            { "MAC", "spec.mac" }, { "IPv4", "spec.ipv4" }, { "IPv6", "spec.ipv6" }, { "DHCP", "spec.dhcp" },
                            { "DHCP from", "spec.dhcp_start" }, { "DHCP to", "spec.dhcp_end" }, { "DNS", "spec.dns" },
                            { "DNS domain", "spec.domain" }, { "Forwarders", "spec.dns_forwarders" },
                            { "Connected", "status.connected" }, { "Autostart", "spec.autostart", SK_CELL_YES }),
      .sections = SK_SECTIONS({ "Hosts", "spec.hosts", host_columns }), .examples = "skep net show default" },
    { .words = "net create", .operands = "[NAME]", .ops = SK_OPS(SK_OP_NETWORK_CREATE), .run = run_create, .done = "created", .body = &sk_network_spec_type,
      .options = SK_OPTIONS({ 0, "forward", "MODE", "how guests reach out: nat (the usual one), route, open, isolated or bridge", .field = "forward",
                              .choices = "nat|route|open|isolated|bridge" },
                            { 0, "subnet", "ADDRESS/LENGTH", .field = "ipv4" }, { 0, "subnet6", "ADDRESS/LENGTH", .field = "ipv6" },
                            { 0, "bridge", "NAME", .field = "bridge" }, { 0, "device", "NAME", .field = "forward_device" },
                            { 0, "no-dhcp", NULL, "do not hand out addresses" },
                            { 0, "dhcp-range", "FIRST-LAST", "addresses to hand out" }, { 0, "domain", "NAME", .field = "domain" },
                            { 0, "mtu", "NUMBER", .field = "mtu" },
                            { 's', "set", "KEY=VALUE", "any other field", .keys = &sk_network_spec_type, .flags = SK_OPTION_MANY },
                            { 'f', "file", "FILE", "JSON definition to start from; - is standard input", .choices = "@file" },
                            { 0, "no-start", NULL, "define it only" }),
      .notes = "It is started too, unless --no-start is given.",
      .examples = "skep net create lab\nskep net create lab --subnet 192.168.50.1/24 --dhcp-range 192.168.50.10-192.168.50.99\n"
                  "skep net create lan --forward bridge --bridge br0" },
    { .words = "net set", .operands = "NETWORK KEY=VALUE...", .ops = SK_OPS(SK_OP_NETWORK_UPDATE, SK_OP_NETWORK_SHOW), .run = run_set, .done = "changed",
      .body = &sk_network_spec_type, .examples = "skep net set lab domain=lab.example autostart=no" },
    { .words = "net start", .operands = "NETWORK...", .ops = SK_OPS(SK_OP_NETWORK_START), .run = sk_run_operation, .done = "started",
      .examples = "skep net start lab" },
    { .words = "net stop", .operands = "NETWORK...", .ops = SK_OPS(SK_OP_NETWORK_STOP), .run = sk_run_operation, .done = "stopped",
      .options = SK_OPTIONS({ 0, "force", NULL, .param = "force" }), .examples = "skep net stop lab" },
    { .words = "net delete", .operands = "NETWORK...", .ops = SK_OPS(SK_OP_NETWORK_DELETE), .run = run_delete, .done = "deleted",
      .notes = "On a terminal it asks first, unless --yes is given.", .examples = "skep net delete lab" },
    { .words = "net define", .operands = "FILE", .ops = SK_OPS(SK_OP_NETWORK_DEFINE), .run = run_define, .done = "defined",
      .notes = "FILE has a whole definition, as skep net show -o json gives it under \"spec\"; - is standard input. What is up stays as it is "
               "until it is started anew.",
      .examples = "skep net define lab.json" },
    { .words = "net undefine", .operands = "NETWORK...", .ops = SK_OPS(SK_OP_NETWORK_UNDEFINE), .run = sk_run_operation, .done = "undefined",
      .notes = "One that is up goes on, and is gone when it is stopped.", .examples = "skep net undefine lab" },
    { .words = "net add-host", .operands = "NETWORK KEY=VALUE...", .ops = SK_OPS(SK_OP_NETWORK_EDIT), .run = run_add_host, .done = "changed",
      .body = &sk_network_host_type, .examples = "skep net add-host lab mac=52:54:00:00:00:10 ip=192.168.50.10 name=db" },
    { .words = "net delete-host", .operands = "NETWORK KEY=VALUE...", .ops = SK_OPS(SK_OP_NETWORK_EDIT), .run = run_delete_host, .done = "changed",
      .body = &sk_network_host_type, .examples = "skep net delete-host lab mac=52:54:00:00:00:10" },
    { .words = "net leases", .operands = "NETWORK", .ops = SK_OPS(SK_OP_NETWORK_LEASES), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "ADDRESS", "ip" }, { "MAC", "mac" }, { "HOST NAME", "hostname" }, { "DOMAIN", "domain" },
                            { "EXPIRES", "expires", SK_CELL_SECONDS }),
      .examples = "skep net leases default" },
    { 0 },
};
