/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep backup: a running domain's disks as they are at one instant. */
#include "cli/cli.h"
#include "codec/json/json.h"

static gboolean
run_begin(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "DOMAIN");
    json_t *body = sk_args_body(args, sk_args_has(args, "listen") ? json_pack("{s:b}", "pull", 1) : json_object(), error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_BACKUP_BEGIN);
    sk_ask_fill(ask, args);
    ask->what = g_strdup_printf("backup %s", name);
    sk_ask_take_body(ask, body);
    return sk_cli_ask_done(self, args, ask, name, error);
}

static const SkColumn disk_columns[] = { { "DISK", "target" }, { "COPIED", "mode" }, { "SINCE", "incremental" }, { "FILE", "file" }, { "FORMAT", "format" },
                                         { "OFFERED AS", "export_name" }, { 0 } };

const SkCommand sk_backup_commands[] = {
    { .words = "backup create", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_STORED_BACKUP_CREATE), .run = sk_run_operation, .done = "backed up",
      .body = &sk_stored_backup_create_type,
      .options = SK_OPTIONS({ 0, "to", "REPOSITORY", .field = "repository" }, { 0, "note", "TEXT", .field = "note" },
                            { 0, "quiesce", NULL, .field = "quiesce" }, { 0, "full", NULL, .field = "full" }),
      .columns = SK_COLUMNS({ "Name", "name" }, { "Incremental", "incremental", SK_CELL_YES }, { "Quiesced", "quiesced", SK_CELL_YES },
                            { "Read", "read", SK_CELL_SIZE }, { "Added", "written", SK_CELL_SIZE }),
      .notes = "All disks as they are at one instant, with firmware variables, TPM and definition. Of a domain that was backed up to the same "
               "repository before, only what was written since is read. Each backup has all it needs: any other can be deleted.",
      .examples = "skep backup create web1 --to nas\nskep backup create db1 --to nas --quiesce --note 'before the upgrade'" },
    { .words = "backup begin", .operands = "DOMAIN [KEY=VALUE...]", .ops = SK_OPS(SK_OP_BACKUP_BEGIN), .run = run_begin, .done = "backed up",
      .body = &sk_backup_type,
      .options = SK_OPTIONS({ 0, "incremental", "CHECKPOINT", .field = "incremental" },
                            { 0, "checkpoint", "NAME", .field = "checkpoint.name" },
                            { 0, "listen", "PATH", .field = "server.socket" }),
      .notes = "Each disk is copied to a file beside it, named after the checkpoint or the time; with --incremental only what was written since that "
               "checkpoint. With --listen nothing is copied: until skep backup end the disks, as they were at the beginning, can be read there by NBD.",
      .examples = "skep backup begin web1 --checkpoint monday\nskep backup begin web1 --incremental monday --checkpoint tuesday\n"
                  "skep backup begin web1 --listen /run/web1.nbd --no-wait" },
    { .words = "backup show", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_BACKUP_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Pull", "pull", SK_CELL_YES }, { "Since", "incremental" }, { "Socket", "server.socket" }, { "Host", "server.host" },
                            { "Port", "server.port" }),
      .sections = SK_SECTIONS({ "Disks", "disks", disk_columns }), .examples = "skep backup show web1" },
    { .words = "backup end", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_BACKUP_END), .run = sk_run_operation, .done = "backup ended",
      .notes = "A backup that is offered for others to read is done then; one that is copied is given up, and its files are removed.",
      .examples = "skep backup end web1" },
    { 0 },
};
