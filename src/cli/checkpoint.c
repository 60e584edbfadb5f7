/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep checkpoint: from when on a domain's disks keep account of what is written to them. */
#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"

static SkAsk *
new_ask(const SkArgs *args, SkOperationId op)
{
    SkAsk *ask = sk_ask_new(op);
    sk_ask_fill(ask, args);
    ask->what = g_strdup_printf("%s %s", sk_args_command(args)->words, sk_args_operand(args, "DOMAIN"));
    return ask;
}

static gboolean
run_create(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) ask = new_ask(args, SK_OP_CHECKPOINT_CREATE);
    json_t *body = sk_args_body(args, json_pack("{s:s*}", "name", sk_args_operand(args, "NAME")), error);
    if (body == NULL)
        return FALSE;
    sk_ask_take_body(ask, body);
    json_t *result = sk_cli_ask(self, ask, NULL, error);
    if (result == NULL)
        return FALSE;
    g_autofree char *shown = g_strdup(sk_json_text_at(result, "name"));
    sk_cli_done(self, args, shown != NULL ? shown : "it", result);
    return TRUE;
}

static gboolean
run_delete(SkCli *self, const SkArgs *args, GError **error)
{
    const char *domain = sk_args_operand(args, "DOMAIN"), *name = sk_args_operand(args, "CHECKPOINT");
    if (!sk_cli_confirm(self, "Delete checkpoint %s of %s%s? Backups since it have to be full ones.", name, domain,
                        sk_args_has(args, "children") ? " and all that came after it" : sk_args_has(args, "children-only") ? ", not itself but all that came after it" : ""))
        return sk_fail(error, SK_ERROR_CANCELLED, "nothing was deleted");
    g_autoptr(SkAsk) ask = new_ask(args, SK_OP_CHECKPOINT_DELETE);
    return sk_cli_ask_done(self, args, ask, name, error);
}

static gboolean
run_define(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *body = sk_read_json(sk_args_operand(args, "FILE"), error);
    if (body == NULL)
        return FALSE;
    g_autofree char *name = g_strdup(sk_json_text_at(body, "name"));
    g_autoptr(SkAsk) ask = new_ask(args, SK_OP_CHECKPOINT_REDEFINE);
    sk_ask_set(ask, "checkpoint", name);
    sk_ask_take_body(ask, body);
    if (name == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not a checkpoint: it has no name", sk_args_operand(args, "FILE"));
    return sk_cli_ask_done(self, args, ask, name, error);
}

static const SkColumn disk_columns[] = { { "DISK", "target" }, { "PART", "kind" }, { "WRITTEN SINCE", "size", SK_CELL_SIZE }, { "BITMAP", "bitmap" },
                                         { "FILE", "path" }, { 0 } };

const SkCommand sk_checkpoint_commands[] = {
    { .words = "checkpoint create", .operands = "DOMAIN [NAME]", .ops = SK_OPS(SK_OP_CHECKPOINT_CREATE), .run = run_create, .done = "created",
      .body = &sk_checkpoint_create_type,
      .options = SK_OPTIONS({ 0, "quiesce", NULL, .field = "quiesce" }, { 0, "description", "TEXT", .field = "description" }),
      .notes = "From this instant on each qcow2 disk keeps account of what is written to it, so that a backup can take that alone. Nothing is copied.",
      .examples = "skep checkpoint create web1 monday" },
    { .words = "checkpoint ls", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_CHECKPOINT_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "NAME", "name" }, { "PARENT", "parent" }, { "CREATED", "created", SK_CELL_TIME }, { "CURRENT", "current", SK_CELL_YES }),
      .examples = "skep checkpoint ls web1" },
    { .words = "checkpoint show", .operands = "DOMAIN CHECKPOINT", .ops = SK_OPS(SK_OP_CHECKPOINT_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Name", "name" }, { "Description", "description" }, { "Parent", "parent" }, { "Created", "created", SK_CELL_TIME },
                            { "Current", "current", SK_CELL_YES }),
      .sections = SK_SECTIONS({ "Disks", "disks", disk_columns }), .examples = "skep checkpoint show web1 monday" },
    { .words = "checkpoint delete", .operands = "DOMAIN CHECKPOINT", .ops = SK_OPS(SK_OP_CHECKPOINT_DELETE), .run = run_delete, .done = "deleted",
      .options = SK_OPTIONS({ 0, "children", NULL, .param = "children" }, { 0, "children-only", NULL, .param = "children_only" },
                            { 0, "metadata", NULL, .param = "metadata" }),
      .notes = "The others stay of use: each keeps an account of its own.", .examples = "skep checkpoint delete web1 monday" },
    { .words = "checkpoint define", .operands = "DOMAIN FILE", .ops = SK_OPS(SK_OP_CHECKPOINT_REDEFINE), .run = run_define, .done = "is known",
      .options = SK_OPTIONS({ 0, "validate", NULL, .param = "validate" }),
      .notes = "FILE has what skep checkpoint show -o json gave; - is standard input. It makes one known again that was deleted with --metadata.",
      .examples = "skep checkpoint show web1 monday -o json > monday.json\nskep checkpoint define web1 monday.json" },
    { 0 },
};
