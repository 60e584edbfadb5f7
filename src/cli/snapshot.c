/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep snapshot: domains as they were, and back. */
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"

/* A question about one snapshot, or about all of them. */
static SkAsk *
new_ask(const SkArgs *args, SkOperationId op)
{
    SkAsk *ask = sk_ask_new(op);
    sk_ask_fill(ask, args);
    ask->what = g_strdup_printf("%s %s", sk_args_command(args)->words, sk_args_operand(args, "DOMAIN"));
    return ask;
}

static gboolean
run_with_body(SkCli *self, const SkArgs *args, json_t *base, GError **error)
{
    g_autoptr(SkAsk) ask = new_ask(args, (SkOperationId) sk_args_command(args)->ops[0]);
    json_t *body = sk_args_body(args, base, error);
    if (body == NULL)
        return FALSE;
    sk_ask_take_body(ask, body);
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "SNAPSHOT"), error);
}

static gboolean
run_create(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *body = json_pack("{s:s*}", "name", sk_args_operand(args, "NAME"));
    if (sk_args_has(args, "quiesce"))
        json_object_set_new(body, "quiesce", json_string("yes"));
    return run_with_body(self, args, body, error);
}

static gboolean
run_revert(SkCli *self, const SkArgs *args, GError **error)
{
    const char *domain = sk_args_operand(args, "DOMAIN"), *name = sk_args_operand(args, "SNAPSHOT");
    if (!sk_cli_confirm(self, "Revert %s to %s? What its disks got since is lost.", domain, name))
        return sk_fail(error, SK_ERROR_CANCELLED, "nothing was reverted");
    return run_with_body(self, args, NULL, error);
}

static gboolean
run_delete(SkCli *self, const SkArgs *args, GError **error)
{
    const char *domain = sk_args_operand(args, "DOMAIN"), *name = sk_args_operand(args, "SNAPSHOT");
    if (!sk_cli_confirm(self, "Delete snapshot %s of %s%s?", name, domain,
                        sk_args_has(args, "children") ? " and all that grew out of it" : sk_args_has(args, "children-only") ? ", not itself but all that grew out of it" : ""))
        return sk_fail(error, SK_ERROR_CANCELLED, "nothing was deleted");
    g_autoptr(SkAsk) ask = new_ask(args, SK_OP_SNAPSHOT_DELETE);
    return sk_cli_ask_done(self, args, ask, name, error);
}

static gboolean
run_rename(SkCli *self, const SkArgs *args, GError **error)
{
    return run_with_body(self, args, json_pack("{s:s}", "name", sk_args_operand(args, "NEW-NAME")), error);
}

static gboolean
run_set(SkCli *self, const SkArgs *args, GError **error)
{
    return run_with_body(self, args, NULL, error);
}

static gboolean
run_define(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *body = sk_read_json(sk_args_operand(args, "FILE"), error);
    if (body == NULL)
        return FALSE;
    g_autofree char *name = g_strdup(sk_json_text_at(body, "name"));
    g_autoptr(SkAsk) ask = new_ask(args, SK_OP_SNAPSHOT_REDEFINE);
    sk_ask_set(ask, "snapshot", name);
    sk_ask_take_body(ask, body);
    if (name == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not a snapshot: it has no name", sk_args_operand(args, "FILE"));
    return sk_cli_ask_done(self, args, ask, name, error);
}

static const SkColumn disk_columns[] = { { "DISK", "target" }, { "KEPT", "kind" }, { "FILE", "path" }, { "OVERLAY", "overlay" }, { 0 } };

const SkCommand sk_snapshot_commands[] = {
    { .words = "snapshot create", .operands = "DOMAIN [NAME]", .ops = SK_OPS(SK_OP_SNAPSHOT_CREATE), .run = run_create, .done = "created",
      .body = &sk_snapshot_create_type,
      .options = SK_OPTIONS({ 'm', "memory", NULL, .field = "memory" }, { 0, "quiesce", NULL, "fail if the guest's file systems cannot be frozen" },
                            { 0, "description", "TEXT", .field = "description" },
                            { 0, "raw", "HOW", .field = "raw", .choices = "refuse|exclude" },
                            { 0, "exclude", "DISK", .field = "exclude", .choices = "@disk", .flags = SK_OPTION_MANY }),
      .notes = "All disks, firmware variables and the TPM are kept as they are at one instant, and the definition with them. Without --memory a guest that runs "
               "is found, after a revert, as after a power cut; its file systems are frozen for the moment if its agent answers. "
               "Cdroms and read-only disks have no part in it.",
      .examples = "skep snapshot create web1 before-upgrade\nskep snapshot create web1 --memory\nskep snapshot create web1 --exclude vdb" },
    { .words = "snapshot ls", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_SNAPSHOT_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "NAME", "name" }, { "PARENT", "parent" }, { "CREATED", "created", SK_CELL_TIME }, { "STATE", "state" },
                            { "MEMORY", "memory_bytes", SK_CELL_SIZE }, { "FROZEN", "frozen", SK_CELL_YES }, { "CURRENT", "current", SK_CELL_YES }),
      .examples = "skep snapshot ls web1" },
    { .words = "snapshot show", .operands = "DOMAIN SNAPSHOT", .ops = SK_OPS(SK_OP_SNAPSHOT_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Name", "name" }, { "Description", "description" }, { "Parent", "parent" }, { "Created", "created", SK_CELL_TIME },
                            { "State", "state" }, { "Current", "current", SK_CELL_YES }, { "Frozen", "frozen", SK_CELL_YES }, { "Memory", "memory" },
                            { "Memory size", "memory_bytes", SK_CELL_SIZE }, { "Firmware variables", "nvram" }, { "TPM", "tpm" },
                            { "Name in images", "tag" }),
      .sections = SK_SECTIONS({ "Disks", "disks", disk_columns }), .examples = "skep snapshot show web1 before-upgrade" },
    { .words = "snapshot revert", .operands = "DOMAIN SNAPSHOT", .ops = SK_OPS(SK_OP_SNAPSHOT_REVERT), .run = run_revert, .done = "reverted to",
      .body = &sk_snapshot_revert_type,
      .options = SK_OPTIONS({ 0, "then", "STATE", .field = "then", .choices = "running|paused|off" },
                            { 0, "fresh-nvram", NULL, .field = "fresh_nvram" }),
      .notes = "With memory the guest goes on from that moment; without, the domain is off afterwards, or boots with --then running.",
      .examples = "skep snapshot revert web1 before-upgrade\nskep snapshot revert web1 before-upgrade --then running" },
    { .words = "snapshot delete", .operands = "DOMAIN SNAPSHOT", .ops = SK_OPS(SK_OP_SNAPSHOT_DELETE), .run = run_delete, .done = "deleted",
      .options = SK_OPTIONS({ 0, "children", NULL, .param = "children" }, { 0, "children-only", NULL, .param = "children_only" },
                            { 0, "metadata", NULL, .param = "metadata" }),
      .notes = "The domain stays as it is, and goes on while it runs; what grew out of the snapshot then grows out of its parent.",
      .examples = "skep snapshot delete web1 before-upgrade" },
    { .words = "snapshot diff", .operands = "DOMAIN SNAPSHOT", .ops = SK_OPS(SK_OP_SNAPSHOT_DIFF), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Snapshot", "name" }, { "Definition", "definition" }, { "Disks", "disks" }, { "Memory", "memory_bytes", SK_CELL_SIZE }),
      .notes = "Definition: the settings that a revert changes back. Disks: those that it leaves alone, or that are not there any more.",
      .examples = "skep snapshot diff web1 before-upgrade" },
    { .words = "snapshot rename", .operands = "DOMAIN SNAPSHOT NEW-NAME", .ops = SK_OPS(SK_OP_SNAPSHOT_CHANGE), .run = run_rename, .done = "renamed",
      .examples = "skep snapshot rename web1 before-upgrade good" },
    { .words = "snapshot set", .operands = "DOMAIN SNAPSHOT KEY=VALUE...", .ops = SK_OPS(SK_OP_SNAPSHOT_CHANGE), .run = run_set, .done = "changed",
      .body = &sk_snapshot_change_type, .examples = "skep snapshot set web1 before-upgrade description=\"the last that booted\"" },
    { .words = "snapshot define", .operands = "DOMAIN FILE", .ops = SK_OPS(SK_OP_SNAPSHOT_REDEFINE), .run = run_define, .done = "is known",
      .notes = "FILE has what skep snapshot show -o json gave; - is standard input. It makes one known again that was deleted with --metadata.",
      .examples = "skep snapshot show web1 good -o json > good.json\nskep snapshot define web1 good.json" },
    { 0 },
};
