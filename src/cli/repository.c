/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep repo, and what is in repositories. */
#include <stdio.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"

/* The key of one that is there comes from a file: a command line can be read by every user of the host. */
static gboolean
run_create(SkCli *self, const SkArgs *args, GError **error)
{
    const char *name = sk_args_operand(args, "NAME"), *file = sk_args_get(args, "key-file");
    g_autofree char *path = g_canonicalize_filename(sk_args_operand(args, "DIRECTORY"), NULL);
    gsize length = 0;
    g_autofree char *key = file != NULL ? sk_read_input(file, 1024, &length, error) : NULL;
    if (file != NULL && key == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_REPOSITORY_CREATE);
    json_t *body = json_pack("{s:s,s:s}", "name", name, "path", path);
    if (key != NULL)
        json_object_set_new(body, "key", json_string(g_strstrip(key)));
    sk_ask_take_body(ask, body);
    return sk_cli_ask_done(self, args, ask, name, error);
}

static gboolean
run_forget(SkCli *self, const SkArgs *args, GError **error)
{
    return sk_run_confirmed(self, args, "Forget repository", "", error);
}

static gboolean
run_delete(SkCli *self, const SkArgs *args, GError **error)
{
    return sk_run_confirmed(self, args, "Delete backup", "", error);
}

/* What is damaged is an error, so that a script sees it. */
static gboolean
run_verify(SkCli *self, const SkArgs *args, GError **error)
{
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_REPOSITORY_VERIFY);
    sk_ask_fill(ask, args);
    g_autoptr(json_t) result = sk_cli_ask(self, ask, NULL, error);
    if (result == NULL)
        return FALSE;
    const json_t *damaged = json_object_get(result, "damaged");
    gsize count = json_array_size(damaged);
    for (gsize i = 0; i < count; i++)
        fprintf(stderr, "%s\n", json_string_value(json_array_get(damaged, i)));
    sk_cli_done(self, args, sk_args_operand(args, "REPOSITORY"), g_steal_pointer(&result));
    return count == 0 || sk_fail(error, SK_ERROR_IO, "%" G_GSIZE_FORMAT " parts of backups are damaged", count);
}

static const SkColumn disk_columns[] = { { "DISK", "target" }, { "SIZE", "size", SK_CELL_SIZE }, { "READ", "read", SK_CELL_SIZE },
                                         { "INCREMENTAL", "incremental", SK_CELL_YES }, { 0 } };

const SkCommand sk_repository_commands[] = {
    { .words = "repo create", .operands = "NAME DIRECTORY", .ops = SK_OPS(SK_OP_REPOSITORY_CREATE), .run = run_create, .done = "created",
      .options = SK_OPTIONS({ 0, "key-file", "FILE", "file with the key of a repository that is there already", .choices = "@file" }),
      .notes = "What is in a repository can be read with its key alone: keep it elsewhere too (skep repo key).",
      .examples = "skep repo create nas /mnt/nas/skep\nskep repo create old /mnt/old --key-file old.key" },
    { .words = "repo ls", .ops = SK_OPS(SK_OP_REPOSITORY_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "NAME", "name" }, { "DIRECTORY", "path" }), .examples = "skep repo ls" },
    { .words = "repo show", .operands = "REPOSITORY", .ops = SK_OPS(SK_OP_REPOSITORY_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Name", "name" }, { "UUID", "uuid" }, { "Directory", "path" }), .examples = "skep repo show nas" },
    { .words = "repo key", .operands = "REPOSITORY", .ops = SK_OPS(SK_OP_REPOSITORY_KEY), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Key", "key" }), .notes = "For administrators. Whoever has it can read every backup there.",
      .examples = "skep repo key nas" },
    { .words = "repo delete", .operands = "REPOSITORY...", .ops = SK_OPS(SK_OP_REPOSITORY_DELETE), .run = run_forget, .done = "forgotten",
      .notes = "Its directory and what is in it stay; keep its key first. On a terminal it asks, unless --yes is given.",
      .examples = "skep repo delete old" },
    { .words = "backup ls", .operands = "REPOSITORY", .ops = SK_OPS(SK_OP_STORED_BACKUP_LIST), .run = sk_run_operation,
      .options = SK_OPTIONS({ 0, "domain", "DOMAIN", "only those of this domain" }),
      .columns = SK_COLUMNS({ "NAME", "name" }, { "DOMAIN", "domain" }, { "CREATED", "created", SK_CELL_TIME }, { "INCREMENTAL", "incremental", SK_CELL_YES },
                            { "READ", "read", SK_CELL_SIZE }, { "ADDED", "written", SK_CELL_SIZE }),
      .examples = "skep backup ls nas\nskep backup ls nas --domain web1" },
    { .words = "backup info", .operands = "REPOSITORY BACKUP", .ops = SK_OPS(SK_OP_STORED_BACKUP_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Name", "name" }, { "Domain", "domain" }, { "UUID", "uuid" }, { "Host", "host" }, { "Created", "created", SK_CELL_TIME },
                            { "Running", "running", SK_CELL_YES }, { "Quiesced", "quiesced", SK_CELL_YES }, { "Read", "read", SK_CELL_SIZE },
                            { "Added", "written", SK_CELL_SIZE }),
      .sections = SK_SECTIONS({ "Disks", "disks", disk_columns }), .examples = "skep backup info nas 20261122T010000-5f0c" },
    { .words = "backup delete", .operands = "REPOSITORY BACKUP", .ops = SK_OPS(SK_OP_STORED_BACKUP_DELETE), .run = run_delete, .done = "deleted",
      .notes = "The other backups stay whole. On a terminal it asks first, unless --yes is given.", .examples = "skep backup delete nas 20261122T010000-5f0c" },
    { .words = "backup verify", .operands = "REPOSITORY [BACKUP]", .ops = SK_OPS(SK_OP_REPOSITORY_VERIFY), .run = run_verify, .done = "verified",
      .notes = "Every byte is read. What is damaged is named, and the exit code is not 0.", .examples = "skep backup verify nas" },
    { .words = "backup prune", .operands = "REPOSITORY", .ops = SK_OPS(SK_OP_REPOSITORY_PRUNE), .run = sk_run_operation, .done = "pruned",
      .body = &sk_repository_prune_type,
      .options = SK_OPTIONS({ 0, "keep", "RULE", .field = "keep" }, { 0, "domain", "DOMAIN", .field = "domain" }, { 'n', "dry-run", NULL, .field = "dry_run" }),
      .columns = SK_COLUMNS({ "Removed", "removed" }, { "Objects", "objects" }, { "Freed", "bytes", SK_CELL_SIZE }),
      .notes = "24h,7d,4w keeps the newest of each of the last 24 hours, 7 days and 4 weeks that have a backup; the newest always stays.",
      .examples = "skep backup prune nas --keep 24h,7d,4w --dry-run" },
    { 0 },
};
