/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* skep agent: what the guest agent can do. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "codec/json/json.h"
#include "model/agent.h"

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

/* Asks with a body, and prints what is answered, or that it is done. */
static gboolean
ask_with_body(SkCli *self, const SkArgs *args, json_t *fields, const char *what, GError **error)
{
    json_t *body = sk_args_body(args, fields, error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new_named((SkOperationId) sk_args_command(args)->ops[0], sk_args_operand(args, "DOMAIN"));
    sk_ask_take_body(ask, body);
    return sk_cli_ask_done(self, args, ask, what, error);
}

/* The text as it came, for programs and people alike. */
static gboolean
print_answer(SkCli *self, const SkArgs *args, SkAsk *ask, GError **error)
{
    g_autoptr(json_t) result = sk_cli_ask(self, ask, NULL, error);
    if (result == NULL)
        return FALSE;
    if (self->format != SK_FORMAT_TABLE) {
        sk_cli_print(self, sk_args_command(args), result);
        return TRUE;
    }
    const char *text = sk_json_text_at(result, "answer");
    if (text != NULL && *text != '\0')
        printf("%s%s", text, g_str_has_suffix(text, "\n") ? "" : "\n");
    return TRUE;
}

static gboolean
run_command(SkCli *self, const SkArgs *args, GError **error)
{
    g_autofree char *text = g_strjoinv(" ", (char **) sk_args_rest(args, "COMMAND"));
    json_t *body = sk_args_body(args, json_pack("{s:s}", "command", text), error);
    if (body == NULL)
        return FALSE;
    g_autoptr(SkAsk) ask = sk_ask_new_named((SkOperationId) sk_args_command(args)->ops[0], sk_args_operand(args, "DOMAIN"));
    sk_ask_take_body(ask, body);
    return print_answer(self, args, ask, error);
}

static gboolean
run_keys(SkCli *self, const SkArgs *args, GError **error)
{
    const char *user = sk_args_operand(args, "USER");
    g_autoptr(SkAsk) ask = sk_ask_new_named(SK_OP_AGENT_KEYS, sk_args_operand(args, "DOMAIN"));
    sk_ask_set(ask, "user", user);
    g_autoptr(json_t) result = sk_cli_ask(self, ask, NULL, error);
    gsize i;
    json_t *key;
    if (result == NULL)
        return FALSE;
    if (self->format != SK_FORMAT_TABLE) {
        sk_cli_print(self, sk_args_command(args), result);
        return TRUE;
    }
    json_array_foreach (json_object_get(result, "keys"), i, key) {
        g_autofree char *clean = sk_text_clean(json_string_value(key));
        printf("%s\n", clean);
    }
    return TRUE;
}

static gboolean
run_set_keys(SkCli *self, const SkArgs *args, GError **error)
{
    const char *user = sk_args_operand(args, "USER");
    g_autofree char *text = sk_read_input(sk_args_get(args, "file") ? sk_args_get(args, "file") : "-", MAX_EXEC_INPUT, NULL, error);
    if (text == NULL)
        return FALSE;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(json_t) keys = json_array();
    for (guint i = 0; lines[i] != NULL; i++) {
        if (*g_strstrip(lines[i]) != '\0' && lines[i][0] != '#')
            json_array_append_new(keys, json_string(lines[i]));
    }
    return ask_with_body(self, args, json_pack("{s:s, s:O}", "user", user, "keys", keys), user, error);
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
    { .words = "agent set-time", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_SET_TIME), .run = sk_run_operation, .done = "has its clock set",
      .body = &sk_agent_clock_type,
      .options = SK_OPTIONS({ 0, "from", "CLOCK", .field = "from", .choices = "host|rtc|given" }, { 0, "seconds", "SECONDS", .field = "seconds" }),
      .examples = "skep agent set-time web1\nskep agent set-time web1 --from rtc" },
    { .words = "agent freeze", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_FREEZE), .run = sk_run_operation,
      .body = &sk_agent_freeze_request_type,
      .options = SK_OPTIONS({ 0, "mountpoint", "PATH", .field = "mountpoints", .flags = SK_OPTION_MANY }),
      .columns = SK_COLUMNS({ "File systems", "frozen" }), .notes = "The guest cannot write until skep agent thaw.", .examples = "skep agent freeze web1" },
    { .words = "agent thaw", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_THAW), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "File systems", "frozen" }), .examples = "skep agent thaw web1" },
    { .words = "agent password", .operands = "DOMAIN USER", .ops = SK_OPS(SK_OP_AGENT_PASSWORD), .run = run_password, .done = "has the new password",
      .body = &sk_agent_password_type,
      .options = SK_OPTIONS({ 0, "password-file", "FILE", "file with the password; standard input if not given", .choices = "@file" },
                            { 0, "crypted", NULL, .field = "crypted" }),
      .examples = "skep agent password web1 debian --password-file ./secret" },
    { .words = "agent info", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_INFO), .run = sk_run_operation,
      .options = SK_OPTIONS({ 0, "part", "PART", .param = "parts", .choices = "users|os|timezone|hostname|filesystems|disks|interfaces" }),
      .columns = SK_COLUMNS({ "Host name", "hostname" }, { "System", "os.pretty_name" }, { "Kernel", "os.kernel_release" }, { "Time zone", "timezone.name" }),
      .sections = SK_SECTIONS({ "Users", "users", SK_COLUMNS({ "NAME", "name" }) },
                              { "File systems", "filesystems", SK_COLUMNS({ "MOUNTED AT", "mountpoint" }, { "DEVICE", "name" }, { "KIND", "type" },
                                                                          { "SIZE", "total", SK_CELL_SIZE }, { "USED", "used", SK_CELL_SIZE }) },
                              { "Interfaces", "interfaces", SK_COLUMNS({ "NAME", "name" }, { "MAC", "mac" }) }),
      .examples = "skep agent info web1\nskep agent info web1 --part os" },
    { .words = "agent time", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_TIME), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "Time", "seconds", SK_CELL_SECONDS }), .examples = "skep agent time web1" },
    { .words = "agent trim", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_TRIM), .run = sk_run_operation, .body = &sk_agent_trim_type,
      .options = SK_OPTIONS({ 0, "minimum", "SIZE", .field = "minimum" }),
      .columns = SK_COLUMNS({ "MOUNTED AT", "path" }, { "GIVEN BACK", "trimmed", SK_CELL_SIZE }, { "PROBLEM", "problem" }), .examples = "skep agent trim web1" },
    { .words = "agent keys", .operands = "DOMAIN USER", .ops = SK_OPS(SK_OP_AGENT_KEYS), .run = run_keys, .examples = "skep agent keys web1 debian" },
    { .words = "agent set-keys", .operands = "DOMAIN USER", .ops = SK_OPS(SK_OP_AGENT_SET_KEYS), .run = run_set_keys, .done = "has its keys changed",
      .body = &sk_agent_keys_type,
      .options = SK_OPTIONS({ 0, "file", "FILE", "file with the keys, one a line; standard input if not given", .choices = "@file" },
                            { 0, "change", "CHANGE", .field = "change", .choices = "replace|add|remove" }),
      .examples = "skep agent set-keys web1 debian --change add --file ~/.ssh/id_ed25519.pub" },
    { .words = "agent vcpus", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_VCPUS), .run = sk_run_operation,
      .columns = SK_COLUMNS({ "ID", "id" }, { "IN USE", "online", SK_CELL_YES }, { "CAN BE LEFT", "can_offline", SK_CELL_YES }), .examples = "skep agent vcpus web1" },
    { .words = "agent set-vcpus", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_SET_VCPUS), .run = sk_run_operation, .done = "uses the vCPUs as told",
      .body = &sk_agent_vcpus_type,
      .options = SK_OPTIONS({ 0, "vcpus", "LIST", .field = "vcpus" }, { 0, "count", "NUMBER", .field = "count" }, { 0, "offline", NULL, .field = "offline" }),
      .examples = "skep agent set-vcpus web1 --count 2\nskep agent set-vcpus web1 --vcpus 2-3 --offline" },
    { .words = "agent sleep", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_SLEEP), .run = sk_run_operation, .done = "goes to sleep",
      .body = &sk_agent_sleep_type, .options = SK_OPTIONS({ 0, "target", "TARGET", .field = "target", .choices = "memory|disk|hybrid" }),
      .notes = "skep resume wakes it.", .examples = "skep agent sleep web1" },
    { .words = "agent wait", .operands = "DOMAIN", .ops = SK_OPS(SK_OP_AGENT_WAIT), .run = sk_run_operation, .done = "is waited for so long",
      .body = &sk_agent_wait_type, .options = SK_OPTIONS({ 0, "seconds", "SECONDS", .field = "seconds" }), .examples = "skep agent wait web1 --seconds 30" },
    { .words = "agent command", .operands = "DOMAIN COMMAND...", .ops = SK_OPS(SK_OP_AGENT_COMMAND), .run = run_command, .body = &sk_agent_command_type,
      .columns = SK_COLUMNS({ "Answer", "answer" }),
      .options = SK_OPTIONS({ 0, "timeout", "SECONDS", .field = "timeout" }, { 0, "forget", NULL, .field = "forget" }),
      .notes = "The domain is marked: skep show tells that its agent was spoken to past the daemon.",
      .examples = "skep agent command web1 '{\"execute\":\"guest-info\"}'" },
    { .words = "monitor", .operands = "DOMAIN COMMAND...", .ops = SK_OPS(SK_OP_DOMAIN_MONITOR), .run = run_command, .body = &sk_monitor_command_type,
      .columns = SK_COLUMNS({ "Answer", "answer" }), .options = SK_OPTIONS({ 0, "human", NULL, .field = "human" }),
      .notes = "The domain is marked: skep show tells that its QEMU was spoken to past the daemon. Commands after which the daemon would not know its QEMU any more are refused.",
      .examples = "skep monitor web1 '{\"execute\":\"query-status\"}'\nskep monitor web1 --human info block" },
    { 0 },
};
