/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep ls, show, start, shutdown ...: domains and their states. */
#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"

static gboolean
run_start(SkCli *self, const SkArgs *args, GError **error)
{
    if (!sk_run_operation(self, args, error))
        return FALSE;
    if (!sk_args_has(args, "wait") || self->no_wait || self->exit_code != 0)
        return TRUE;
    for (const char *const *at = sk_args_rest(args, "DOMAIN"); *at != NULL; at++) {
        if (!sk_guest_wait(self, *at, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
run_autostart(SkCli *self, const SkArgs *args, GError **error)
{
    for (const char *const *at = sk_args_rest(args, "DOMAIN"); *at != NULL; at++) {
        g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_DOMAIN_UPDATE, *at);
        gboolean on = !sk_args_has(args, "off");
        sk_ask_take_body(ask, json_pack("{s:b}", "autostart", on));
        json_t *result = sk_cli_ask(self, ask, NULL, error);
        if (result == NULL)
            return FALSE;
        if (on || self->no_wait || self->format != SK_FORMAT_TABLE) {
            sk_cli_done(self, args, *at, result);
            continue;
        }
        json_decref(result);
        if (!self->quiet)
            g_print("%s no longer starts with the host\n", *at);
    }
    return TRUE;
}

static gboolean
run_rename(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "NEW-NAME");
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_DOMAIN_RENAME, sk_args_operand(args, "DOMAIN"));
    sk_ask_take_body(ask, json_pack("{s:s}", "name", name));
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "DOMAIN"), error);
}

static gboolean
run_delete(SkCli *self, const SkArgs *args, GError **error)
{
    return sk_run_confirmed(self, args, "Delete", sk_args_has(args, "disks") ? " and its disks" : "", error);
}

#define PATH_COLUMNS SK_COLUMNS({ "NAME", "name" }, { "STATE", "state" }, { "VCPUS", "vcpus" }, \
                                { "MEMORY", "memory", SK_CELL_SIZE }, { "ACCEL", "accel" }, \
                                { "AUTOSTART", "autostart", SK_CELL_YES }, { "PENDING", "pending", SK_CELL_YES }, \
                                { "ADDRESSES", "addresses" })

static const SkColumn disk_columns[] = {
    { "TARGET", "target" }, { "DEVICE", "device" }, { "BUS", "bus" }, { "POOL", "pool" }, { "VOLUME", "volume" }, { "PATH", "path" },
    { "FORMAT", "format" }, { "CACHE", "cache" }, { 0 },
};
static const SkColumn nic_columns[] = {
    { "MAC", "mac" }, { "KIND", "kind" }, { "NETWORK", "network" }, { "BRIDGE", "bridge" }, { "MODEL", "model" }, { "LINK", "link" },
    { "TAP", "tap" }, { "FORWARDS", "forwards" }, { 0 },
};
static const SkColumn address_columns[] = {
    { "ADDRESS", "address" }, { "MAC", "mac" }, { "NETWORK", "network" }, { "KNOWN BY", "source" }, { 0 },
};

#define MANY_NOTE "With several names each is done; the exit code is that of the first failure."

const SkCommand sk_domain_commands[] = {
    { .words = "ls", .ops = SK_OPS(SK_OP_DOMAIN_LIST), .run = sk_run_operation, .columns = PATH_COLUMNS,
      .options = SK_OPTIONS({ 's', "state", "STATE", .param = "state", .choices = "running|paused|in shutdown|shut off|crashed|pmsuspended" },
                            { 0, "tag", "TAG", .param = "tag" }, { 0, "match", "TEXT", .param = "match" }),
      .notes = "All domains are listed, running or not.",
      .examples = "skep ls\nskep ls --state running -o name\nskep ls --tag web -o json" },
    { .words = "show", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_DOMAIN_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Name", "spec.name" }, { "UUID", "spec.uuid" }, { "Title", "spec.title" }, { "Description", "spec.description" },
                            { "Tags", "spec.tags" }, { "State", "status.state" }, { "Reason", "status.reason", SK_CELL_KNOWN }, { "Message", "status.message" },
                            { "Job", "status.job" }, { "Started", "status.started", SK_CELL_TIME }, { "Accelerator", "status.accel" },
                            { "QEMU", "status.qemu_version" }, { "Process", "status.pid" }, { "Machine", "spec.machine" },
                            { "vCPUs", "spec.vcpus.current" }, { "vCPUs at most", "spec.vcpus.maximum" },
                            { "Memory", "spec.memory.current", SK_CELL_SIZE }, { "Memory at most", "spec.memory.maximum", SK_CELL_SIZE },
                            { "CPU", "spec.cpu.mode" }, { "CPU model", "spec.cpu.model" }, { "Firmware", "spec.firmware.kind" },
                            { "Secure boot", "spec.firmware.secure_boot", SK_CELL_YES }, { "Kernel", "spec.boot.kernel" },
                            { "Autostart", "spec.autostart", SK_CELL_YES }, { "Persistent", "status.persistent", SK_CELL_YES },
                            { "Saved", "status.saved", SK_CELL_YES }, { "Agent answers", "status.agent", SK_CELL_YES },
                            { "Tainted by", "status.taints" },
                            { "Pending", "status.pending" }, { "User", "spec.cloud_init.user" }, { "Created", "created", SK_CELL_TIME },
                            { "Changed", "modified", SK_CELL_TIME }),
      .sections = SK_SECTIONS({ "Addresses", "status.addresses", address_columns }, { "Disks", "spec.disks", disk_columns },
                              { "Interfaces", "spec.interfaces", nic_columns }),
      .notes = "What is pending takes effect when the domain is started the next time. -o json gives the whole definition.",
      .examples = "skep show web1\nskep show web1 -o yaml" },
    { .words = "start", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_START), .run = run_start, .done = "started",
      .options = SK_OPTIONS({ 'p', "paused", NULL, .param = "paused" }, { 0, "fresh", NULL, .param = "fresh" },
                            { 'w', "wait", NULL, "wait until the guest answers by ssh or by its agent" }),
      .notes = MANY_NOTE " --wait gives up after --timeout seconds (600 if not given).", .examples = "skep start web1\nskep start --wait web1 db1" },
    { .words = "shutdown", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_SHUTDOWN), .run = sk_run_operation, .done = "shut down",
      .options = SK_OPTIONS({ 0, "timeout", "SECONDS", .param = "timeout" }, { 0, "mode", "MODE,...", .param = "modes" }, { 'f', "force", NULL, .param = "force" }),
      .notes = "Returns when the guest is off. " MANY_NOTE, .examples = "skep shutdown web1\nskep shutdown --timeout 30 --force web1" },
    { .words = "reboot", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_REBOOT), .run = sk_run_operation, .done = "rebooted",
      .options = SK_OPTIONS({ 0, "timeout", "SECONDS", .param = "timeout" }, { 0, "mode", "MODE,...", .param = "modes" }, { 'f', "force", NULL, .param = "force" }),
      .notes = MANY_NOTE, .examples = "skep reboot web1" },
    { .words = "reset", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_RESET), .run = sk_run_operation, .done = "reset",
      .notes = MANY_NOTE, .examples = "skep reset web1" },
    { .words = "destroy", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_DESTROY), .run = sk_run_operation, .done = "switched off",
      .notes = "The domain stays defined; skep delete removes it. " MANY_NOTE, .examples = "skep destroy web1" },
    { .words = "suspend", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_SUSPEND), .run = sk_run_operation, .done = "suspended",
      .notes = MANY_NOTE, .examples = "skep suspend web1" },
    { .words = "resume", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_RESUME), .run = sk_run_operation, .done = "resumed",
      .notes = MANY_NOTE, .examples = "skep resume web1" },
    { .words = "autostart", .operands = "DOMAIN...", .help = "start domains with the host, or no longer", .ops = SK_OPS(SK_OP_DOMAIN_UPDATE),
      .run = run_autostart, .done = "starts with the host", .options = SK_OPTIONS({ 0, "off", NULL, "no longer" }),
      .examples = "skep autostart web1\nskep autostart --off web1" },
    { .words = "rename", .operands = "DOMAIN NEW-NAME", .ops = SK_OPS(SK_OP_DOMAIN_RENAME), .run = run_rename, .done = "renamed",
      .examples = "skep rename web1 web2" },
    { .words = "delete", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_DELETE), .run = run_delete, .done = "deleted",
      .options = SK_OPTIONS({ 0, "disks", NULL, "delete its volumes too", .param = "volumes" }, { 'f', "force", NULL, .param = "force" }),
      .notes = "On a terminal it asks first, unless --yes is given; without a terminal it does not ask. " MANY_NOTE,
      .examples = "skep delete web1\nskep delete --yes --disks --force web1" },
    { 0 },
};
