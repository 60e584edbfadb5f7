/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep agent: what the guest agent can do. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"

#define MAX_EXEC_INPUT (1024 * 1024)

static gboolean
run_exec(SkCli *self, const SkArgs *args, GError **error)
{
    const char *const *words = sk_args_rest(args, "COMMAND");
    g_autoptr(json_t) list = json_array();
    for (const char *const *at = words + 1; *at != NULL; at++)
        json_array_append_new(list, json_string(*at));
    json_t *body = sk_args_body(args, json_pack("{s:s, s:O}", "path", words[0], "args", list), error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_AGENT_EXEC, sk_args_operand(args, "DOMAIN"));
    sk_ask_take_body(ask, body);
    if (sk_args_has(args, "input")) {
        g_autofree char *input = sk_read_input(sk_args_get(args, "input"), MAX_EXEC_INPUT, NULL, error);
        if (input == NULL)
            return FALSE;
        if (json_object_set_new(body, "input", json_string(input)) != 0)
            return sk_fail(error, SK_ERROR_INVALID, "the input is not UTF-8 text, which is all the agent takes");
    }
    g_autoptr(json_t) result = sk_cli_ask(self, ask, NULL, error);
    if (result == NULL)
        return FALSE;
    if (self->format != SK_FORMAT_TABLE) {
        sk_cli_print(self, sk_args_command(args), result);
        return TRUE;
    }
    const char *output = sk_json_text_at(result, "output"), *errors = sk_json_text_at(result, "error_output");
    fputs(output != NULL ? output : "", stdout);
    fputs(errors != NULL ? errors : "", stderr);
    self->exit_code = (gint) sk_json_int_at(result, "exit_code") & 0xff;
    return TRUE;
}

static gboolean
run_password(SkCli *self, const SkArgs *args, GError **error)
{
    g_autofree char *password = sk_read_input(sk_args_get(args, "password-file") ? sk_args_get(args, "password-file") : "-", 4096, NULL, error);
    if (password == NULL)
        return FALSE;
    password[strcspn(password, "\r\n")] = '\0';
    if (*password == '\0' || !g_utf8_validate(password, -1, NULL))
        return sk_fail(error, SK_ERROR_INVALID, "the password is %s", *password == '\0' ? "empty" : "not UTF-8 text");
    json_t *body = sk_args_body(args, json_pack("{s:s, s:s}", "user", sk_args_operand(args, "USER"), "password", password), error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_AGENT_PASSWORD, sk_args_operand(args, "DOMAIN"));
    sk_ask_take_body(ask, body);
    return sk_cli_ask_done(self, args, ask, sk_args_operand(args, "USER"), error);
}

const SkCommand sk_agent_commands[] = {
    { .words = "agent ping", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_PING), .run = sk_run_operation, .done = "answers",
      .examples = "skep agent ping web1" },
    { .words = "agent exec", .operands = "DOMAIN COMMAND...", .ops = SK_OPS(SK_OP_AGENT_EXEC), .run = run_exec, .body = &sk_exec_request_type,
      .columns = SK_COLUMNS({ "Exit code", "exit_code" }, { "Output", "output" }, { "Errors", "error_output" }),
      .options = SK_OPTIONS({ 0, "input", "FILE", "file for its standard input; - is ours", .choices = "@file" },
                            { 0, "timeout", "SECONDS", .field = "timeout" }),
      .notes = "Its output and exit code become those of skep. Put -- before a command with options.",
      .examples = "skep agent exec web1 -- uname -a\necho hello | skep agent exec web1 --input - -- tee /tmp/hello" },
    { .words = "agent addresses", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_ADDRESSES), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "ADDRESS", "address" }, { "MAC", "mac" }, { "NETWORK", "network" }), .examples = "skep agent addresses web1" },
    { .words = "agent set-time", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_SET_TIME), .run = sk_run_operation, .done = "has the host's time",
      .examples = "skep agent set-time web1" },
    { .words = "agent freeze", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_FREEZE), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "File systems", "frozen" }), .notes = "The guest cannot write until skep agent thaw.", .examples = "skep agent freeze web1" },
    { .words = "agent thaw", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_THAW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "File systems", "frozen" }), .examples = "skep agent thaw web1" },
    { .words = "agent password", .operands = "DOMAIN USER", .ops = SK_OPS(SK_OP_AGENT_PASSWORD), .run = run_password, .done = "has the new password",
      .body = &sk_agent_password_type,
      .options = SK_OPTIONS({ 0, "password-file", "FILE", "file with the password; standard input if not given", .choices = "@file" },
                            { 0, "crypted", NULL, .field = "crypted" }),
      .examples = "skep agent password web1 debian --password-file ./secret" },
    { 0 },
};
