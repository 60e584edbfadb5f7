/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep nic: a domain's network interfaces. */
#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/interface.h"

static gboolean
run_list(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(json_t) view = sk_cli_show(self, SK_OP_DOMAIN_SHOW, sk_args_operand(args, "DOMAIN"), NULL, error);
    if (view == NULL)
        return FALSE;
    json_t *nics = json_object_get(sk_view_running(view), "interfaces");
    g_autoptr(json_t) none = json_array();
    sk_cli_print(self, sk_args_command(args), nics != NULL ? nics : none);
    return TRUE;
}

static gboolean
run_attach(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "DOMAIN");
    json_t *nic = sk_nic_from_text(sk_args_operand(args, "SPEC"), error);
    if (nic == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_NIC_ATTACH, name);
    sk_ask_take_body(ask, nic);
    g_autoptr(json_t) result = sk_cli_ask(self, ask, NULL, error);
    if (result == NULL)
        return FALSE;
    const char *mac = sk_json_text_at(result, "mac");
    sk_cli_done(self, args, mac != NULL ? mac : name, json_incref(result));
    return TRUE;
}

/* "interface 0 of web1 changed": by its place alone nobody would know what it was. */
static gboolean
ask_done(SkCli *self, const SkArgs *args, const SkAsk *ask, GError **error)
{
    const char *nic = sk_args_operand(args, "NIC");
    g_autofree char *name = self->format == SK_FORMAT_NAME ? g_strdup(nic) : g_strdup_printf("interface %s of %s", nic, sk_args_operand(args, "DOMAIN"));
    return sk_cli_ask_done(self, args, ask, name, error);
}

static gboolean
run_set(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(json_t) patch = sk_args_body(args, NULL, error);
    if (patch == NULL)
        return FALSE;
    if (json_object_size(patch) == 0)
        return sk_fail(error, SK_ERROR_INVALID, "skep nic set needs something to set, such as link=down");
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_NIC_UPDATE);
    sk_ask_fill(ask, args);
    sk_ask_take_body(ask, g_steal_pointer(&patch));
    return ask_done(self, args, ask, error);
}

static gboolean
run_detach(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_NIC_DETACH);
    sk_ask_fill(ask, args);
    return ask_done(self, args, ask, error);
}

static const SkColumn nic_columns[] = {
    { "MAC", "mac" }, { "KIND", "kind" }, { "NETWORK", "network" }, { "BRIDGE", "bridge" }, { "MODEL", "model" }, { "LINK", "link" },
    { "IPV4", "ipv4" }, { "IPV6", "ipv6" }, { "TAP", "tap" }, { "FORWARDS", "forwards" }, { 0 },
};

const SkCommand sk_nic_commands[] = {
    { .words = "nic ls", .operands = "DOMAIN", .help = "list a domain's network interfaces", .ops = SK_OPS(SK_OP_DOMAIN_SHOW), .run = run_list,
      .columns = nic_columns, .examples = "skep nic ls web1" },
    { .words = "nic attach", .operands = "DOMAIN SPEC", .ops = SK_OPS(SK_OP_NIC_ATTACH), .run = run_attach, .done = "attached",
      .body = &sk_interface_type, .columns = nic_columns, .notes = "SPEC is the name of a network, user, or KEY=VALUE,...",
      .examples = "skep nic attach web1 default\nskep nic attach web1 bridge=br0,model=e1000e\nskep nic attach web1 user,forwards=tcp:2222:22" },
    { .words = "nic set", .operands = "DOMAIN NIC KEY=VALUE...", .ops = SK_OPS(SK_OP_NIC_UPDATE), .run = run_set, .done = "changed",
      .body = &sk_interface_type, .examples = "skep nic set web1 0 link=down\nskep nic set web1 52:54:00:12:34:56 bandwidth.in_average=10M" },
    { .words = "nic detach", .operands = "DOMAIN NIC", .ops = SK_OPS(SK_OP_NIC_DETACH), .run = run_detach, .done = "detached",
      .examples = "skep nic detach web1 52:54:00:12:34:56" },
    { 0 },
};
