/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep secret. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/secret.h"

static gboolean
run_secret_create(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *body = sk_args_body(args, json_object(), error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_SECRET_CREATE);
    sk_ask_take_body(ask, body);
    g_autoptr(json_t) result = sk_cli_ask(self, ask, NULL, error);
    const char *uuid = json_string_value(json_object_get(result, "uuid"));
    if (result == NULL)
        return FALSE;
    sk_cli_done(self, args, uuid != NULL ? uuid : "the secret", g_steal_pointer(&result));
    return TRUE;
}

/* A value never stands on a command line, where every user of the host can read it. */
static gboolean
run_secret_set(SkCli *self, const SkArgs *args, GError **error)
{
    gsize length = 0;
    const char *file = sk_args_get(args, "file");
    g_autofree char *value = sk_read_input(file != NULL ? file : "-", SK_SECRET_MAX, &length, error);
    if (value == NULL)
        return FALSE;
    g_autofree char *text = g_base64_encode((const guchar *) value, length);
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_SECRET_SET, sk_args_operand(args, "SECRET"));
    sk_ask_take_body(ask, json_pack("{s:s}", "value", text));
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "SECRET"), error);
}

static gboolean
run_secret_delete(SkCli *self, const SkArgs *args, GError **error)
{
    return sk_run_confirmed(self, args, "Delete secret", "", error);
}

const SkCommand sk_secret_commands[] = {
    { .words = "secret ls", .ops = SK_OPS(SK_OP_SECRET_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "UUID", "spec.uuid" }, { "FOR", "spec.usage_type" }, { "USAGE", "spec.usage" }, { "VALUE", "has_value", SK_CELL_YES },
                            { "PRIVATE", "spec.private", SK_CELL_YES }, { "DESCRIPTION", "spec.description" }),
      .examples = "skep secret ls" },
    { .words = "secret show", .operands = "SECRET", .ops = SK_OPS(SK_OP_SECRET_SHOW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "UUID", "spec.uuid" }, { "For", "spec.usage_type" }, { "Usage", "spec.usage" }, { "Description", "spec.description" },
                            { "Ephemeral", "spec.ephemeral", SK_CELL_YES }, { "Private", "spec.private", SK_CELL_YES }, { "Has a value", "has_value" }),
      .examples = "skep secret show 5a1f0b1e-7a0e-4a53-8a07-0a8d8f6b1c11" },
    { .words = "secret create", .ops = SK_OPS(SK_OP_SECRET_CREATE), .run = run_secret_create, .done = "created", .body = &sk_secret_spec_type,
      .options = SK_OPTIONS({ 0, "uuid", "UUID", .field = "uuid" }, { 0, "for", "KIND", .field = "usage_type" }, { 0, "usage", "NAME", .field = "usage" },
                            { 0, "description", "TEXT", .field = "description" }, { 0, "ephemeral", NULL, .field = "ephemeral" },
                            { 0, "private", NULL, .field = "private" }),
      .notes = "Its value is set with `skep secret set`. One that has the UUID already is changed.",
      .examples = "skep secret create --for tls --usage migration --description \"of the migration key\"" },
    { .words = "secret set", .operands = "SECRET", .ops = SK_OPS(SK_OP_SECRET_SET), .run = run_secret_set, .done = "has the new value",
      .body = &sk_secret_set_type, .options = SK_OPTIONS({ 0, "file", "FILE", "file with the value; standard input if not given", .choices = "@file" }),
      .notes = "All bytes count, a newline at the end too.", .examples = "printf %s geheim | skep secret set 5a1f0b1e-7a0e-4a53-8a07-0a8d8f6b1c11" },
    { .words = "secret get", .operands = "SECRET", .ops = SK_OPS(SK_OP_SECRET_VALUE), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Value", "value" }),
      .notes = "For administrators; base64. The value of a private secret is never given out.", .examples = "skep secret get 5a1f0b1e-7a0e-4a53-8a07-0a8d8f6b1c11 -o json" },
    { .words = "secret delete", .operands = "SECRET...", .ops = SK_OPS(SK_OP_SECRET_DELETE), .run = run_secret_delete, .done = "deleted",
      .notes = "On a terminal it asks first, unless --yes is given.", .examples = "skep secret delete 5a1f0b1e-7a0e-4a53-8a07-0a8d8f6b1c11" },
    { 0 },
};
