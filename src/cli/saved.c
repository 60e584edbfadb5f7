/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep save, restore, saved, define, undefine: states in files, and whole definitions. */
#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"

#define MAX_DEFINITION (8 * 1024 * 1024)

static char *
absolute(const char *path)
{
    return g_canonicalize_filename(path, NULL);
}

/* One call whose body or parameter is a path on this host, made absolute. */
static gboolean
ask_with_body(SkCli *self, const SkArgs *args, SkOperationId op, const char *name, json_t *body, GError **error)
{
    g_autoptr(SkAsk) ask = name != NULL ? sk_ask_new_named(op, name) : sk_ask_new(op);
    g_autoptr(json_t) whole = sk_args_body(args, body, error);
    if (whole == NULL)
        return FALSE;
    sk_ask_take_body(ask, g_steal_pointer(&whole));
    ask->what = g_strdup_printf("%s %s", sk_args_command(args)->words, name != NULL ? name : "");
    return sk_cli_ask_done(self, args, ask, name, error);
}

static gboolean
run_save(SkCli *self, const SkArgs *args, GError **error)
{
    g_autofree char *path = sk_args_has(args, "to") ? absolute(sk_args_get(args, "to")) : NULL;
    return ask_with_body(self, args, SK_OP_DOMAIN_SAVE, sk_args_operand(args, "DOMAIN"), json_pack("{s:s*}", "path", path), error);
}

static gboolean
run_restore(SkCli *self, const SkArgs *args, GError **error)
{
    g_autofree char *path = absolute(sk_args_operand(args, "FILE"));
    return ask_with_body(self, args, SK_OP_DOMAIN_RESTORE, NULL, json_pack("{s:s}", "path", path), error);
}

static gboolean
run_show(SkCli *self, const SkArgs *args, GError **error)
{
    g_autofree char *path = absolute(sk_args_operand(args, "FILE"));
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_SAVED_SHOW);
    sk_ask_set(ask, "path", path);
    g_autoptr(json_t) info = sk_cli_ask(self, ask, NULL, error);
    if (info == NULL)
        return FALSE;
    sk_cli_print(self, sk_args_command(args), info);
    return TRUE;
}

static json_t *
read_definition(const char *path, GError **error)
{
    gsize length = 0;
    g_autofree char *text = sk_read_input(path, MAX_DEFINITION, &length, error);
    return text != NULL ? sk_json_parse(text, length, path, error) : NULL;
}

static gboolean
run_change(SkCli *self, const SkArgs *args, GError **error)
{
    g_autofree char *path = absolute(sk_args_operand(args, "FILE"));
    json_t *body = json_pack("{s:s}", "path", path);
    if (sk_args_has(args, "definition")) {
        json_t *definition = read_definition(sk_args_get(args, "definition"), error);
        if (definition == NULL) {
            json_decref(body);
            return FALSE;
        }
        json_object_set_new(body, "definition", definition);
    }
    return ask_with_body(self, args, SK_OP_SAVED_CHANGE, NULL, body, error);
}

static gboolean
run_define(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *definition = read_definition(sk_args_operand(args, "FILE"), error);
    if (definition == NULL)
        return FALSE;
    const char *name = sk_json_text_at(definition, "name");
    if (name == NULL) {
        json_decref(definition);
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is not a domain's definition: it has no name", sk_args_operand(args, "FILE"));
    }
    g_autofree char *named = g_strdup(name);
    return ask_with_body(self, args, SK_OP_DOMAIN_DEFINE, named, definition, error);
}

#define THEN { 0, "then", "STATE", .field = "then", .choices = "running|paused" }

const SkCommand sk_saved_commands[] = {
    { .words = "save", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_DOMAIN_SAVE), .run = run_save, .done = "saved", .body = &sk_save_type,
      .options = SK_OPTIONS({ 0, "to", "FILE", "file on the host; without it skep start goes on from the saved state", .choices = "@file" },
                            { 'z', "compress", NULL, .field = "compress" }, THEN),
      .notes = "The guest's memory is kept and QEMU ends; nothing of the guest's time passes until it goes on. Its disks must stay as they are.",
      .examples = "skep save web1\nskep save web1 --compress --to /srv/web1.save" },
    { .words = "restore", .operands = "FILE", .ops = SK_OPS(SK_OP_DOMAIN_RESTORE), .run = run_restore, .done = "goes on", .body = &sk_restore_type,
      .options = SK_OPTIONS(THEN), .notes = "A domain that is not defined any more goes on as a transient one.",
      .examples = "skep restore /srv/web1.save" },
    { .words = "saved show", .operands = "FILE", .ops = SK_OPS(SK_OP_SAVED_SHOW), .run = run_show,
      .columns = SK_COLUMNS({ "File", "path" }, { "Domain", "name" }, { "UUID", "uuid" }, { "Saved", "time", SK_CELL_TIME },
                            { "Compressed", "compressed", SK_CELL_YES }, { "Paused", "paused", SK_CELL_YES }),
      .notes = "-o json gives the definition in it.", .examples = "skep saved show /srv/web1.save" },
    { .words = "saved change", .operands = "FILE", .ops = SK_OPS(SK_OP_SAVED_CHANGE), .run = run_change, .done = "changed",
      .body = &sk_restore_type,
      .options = SK_OPTIONS({ 0, "definition", "FILE", "JSON file with the definition to use", .choices = "@file" }, THEN),
      .notes = "What the guest sees must stay as it was.", .examples = "skep saved change /srv/web1.save --then paused" },
    { .words = "saved drop", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_DROP_SAVED), .run = sk_run_operation, .done = "starts afresh",
      .examples = "skep saved drop web1" },
    { .words = "define", .operands = "FILE", .ops = SK_OPS(SK_OP_DOMAIN_DEFINE), .run = run_define, .done = "defined",
      .notes = "FILE has a whole definition, as skep show -o json gives it under \"spec\"; - is standard input. What runs stays as it is until it "
               "is started anew. A transient domain becomes a defined one.",
      .examples = "skep define web1.json" },
    { .words = "undefine", .operands = "DOMAIN...", .ops = SK_OPS(SK_OP_DOMAIN_UNDEFINE), .run = sk_run_operation, .done = "undefined",
      .options = SK_OPTIONS({ 0, "managed-save", NULL, .param = "managed_save" }, { 0, "nvram", NULL, .param = "nvram" },
                            { 0, "keep-nvram", NULL, .param = "keep_nvram" }),
      .notes = "A domain that runs goes on, and is gone when it is off; skep delete ends it, and takes its disks along if asked.",
      .examples = "skep undefine web1" },
    { 0 },
};
