/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep token: access over HTTPS. */
#include <stdio.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"

/* The secret alone goes to standard output, so that it can be caught. */
static gboolean
run_create(SkCli *self, const SkArgs *args, GError **error)
{
    json_t *body = sk_args_body(args, NULL, error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new(SK_OP_TOKEN_CREATE);
    sk_ask_take_body(ask, body);
    g_autoptr(json_t) result = sk_cli_ask(self, ask, NULL, error);
    if (result == NULL)
        return FALSE;
    const char *secret = sk_json_text_at(result, "secret");
    if (self->format != SK_FORMAT_TABLE || secret == NULL) {
        sk_cli_print(self, sk_args_command(args), result);
        return TRUE;
    }
    if (!self->quiet)
        fprintf(stderr, "token %s, shown this once:\n", sk_json_text_at(result, "id"));
    printf("%s\n", secret);
    return TRUE;
}

static gboolean
run_delete(SkCli *self, const SkArgs *args, GError **error)
{
    return sk_run_confirmed(self, args, "Revoke token", "", error);
}

const SkCommand sk_token_commands[] = {
    { .words = "token ls", .ops = SK_OPS(SK_OP_TOKEN_LIST), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "ID", "id" }, { "NAME", "name" }, { "ROLE", "role" }, { "CREATED", "created", SK_CELL_TIME },
                            { "EXPIRES", "expires", SK_CELL_TIME }, { "LAST USED", "last_used", SK_CELL_TIME }),
      .examples = "skep token ls" },
    { .words = "token create", .ops = SK_OPS(SK_OP_TOKEN_CREATE), .run = run_create, .body = &sk_token_create_type,
      .columns = SK_COLUMNS({ "Id", "id" }, { "Secret", "secret" }, { "Expires", "expires", SK_CELL_TIME }),
      .options = SK_OPTIONS({ 'r', "role", "ROLE", "what it may do: viewer, operator or admin; viewer if not given", .field = "role", .choices = "viewer|operator|admin" },
                            { 'e', "expires", "TIME", .field = "expires" }, { 'n', "name", "TEXT", .field = "name" }),
      .notes = "The token is printed once and kept by the daemon only as a hash.",
      .examples = "skep token create --role operator --expires 30d --name ci\nskep token create > ~/.config/skep/token" },
    { .words = "token delete", .operands = "TOKEN...", .ops = SK_OPS(SK_OP_TOKEN_DELETE, SK_OP_TOKEN_LIST), .run = run_delete, .done = "revoked",
      .examples = "skep token delete ci\nskep token delete 5c1d" },
    { 0 },
};
